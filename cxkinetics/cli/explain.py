"""`cxkinetics explain WORD`: what a word of the results means."""

import argparse
import sys

EXAMPLE = "cxkinetics explain breakpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the word."""
    parser.add_argument("word", nargs="*", metavar="WORD", help="such as AICc (default: list the words)")


def run(args: argparse.Namespace) -> int:
    """Print one entry of the glossary, or the list of its words."""
    import textwrap

    from cxkinetics.cli.terminal import text_width
    from cxkinetics.estimate import json_text
    from cxkinetics.kinetics.glossary import explain, glossary
    from cxkinetics.version import __version__

    asked = " ".join(args.word).strip()
    words = (explain(asked),) if asked else glossary()
    if args.json:
        record = {
            "schema": "cxkinetics.explain/1",
            "version": __version__,
            "words": [word.to_dict() for word in words],
        }
        sys.stdout.write(json_text(record) + "\n")
        return 0
    width = text_width()
    if asked:
        entry = words[0]
        sys.stdout.write(textwrap.fill(f"{entry.name}: {entry.means} {entry.more}", width) + "\n")
        return 0
    column = max(len(word.key) for word in words) + 2
    for word in words:
        sys.stdout.write(
            textwrap.fill(f"{word.key:<{column}}{word.means}", width, subsequent_indent=" " * column) + "\n"
        )
    sys.stdout.write("cxkinetics explain WORD says more of one.\n")
    return 0
