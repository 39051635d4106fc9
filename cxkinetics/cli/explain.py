"""`cxkinetics explain WORD`: what a word of the results means."""

import argparse
import sys

EXAMPLE = "cxkinetics explain breakpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the word."""
    parser.add_argument(
        "word", nargs="*", metavar="WORD", help="such as AICc, or options (default: list the words)"
    )


def run(args: argparse.Namespace) -> int:
    """Print one entry of the glossary, or the list of its words."""
    import textwrap

    from cxkinetics.cli.terminal import text_width
    from cxkinetics.estimate import json_text
    from cxkinetics.kinetics.glossary import explain, glossary
    from cxkinetics.version import __version__

    asked = " ".join(args.word).strip()
    of_options = asked.casefold() in ("option", "options")
    words = () if of_options else (explain(asked),) if asked else glossary()
    if args.json:
        told = {"options": _options()} if of_options else {"words": [word.to_dict() for word in words]}
        record = {"schema": "cxkinetics.explain/1", "version": __version__, **told}
        sys.stdout.write(json_text(record) + "\n")
        return 0
    if of_options:
        return _print_options()
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
    sys.stdout.write(
        "cxkinetics explain WORD says more of one; cxkinetics explain options lists every option of a fit "
        "as it is called on the command line and in Python.\n"
    )
    return 0


def _options() -> list[dict[str, str]]:
    """Return every option of reading and fitting with both its names."""
    from cxkinetics.options import OPTIONS

    return [{"flag": o.flag, "python": o.python, "group": o.group, "help": o.help} for o in OPTIONS.values()]


def _print_options() -> int:
    from cxkinetics.cli.terminal import text_width
    from cxkinetics.document.table import Column, Table
    from cxkinetics.document.text import aligned

    columns = [Column("command line"), Column("Python"), Column("what it does")]
    rows = [(option["flag"], option["python"], option["help"]) for option in _options()]
    sys.stdout.write(aligned(Table(columns, rows).grid(), indent=0, width=text_width()) + "\n")
    return 0
