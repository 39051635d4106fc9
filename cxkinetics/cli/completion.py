"""`cxkinetics completion SHELL`: a script that teaches a shell the verbs and options."""

import argparse
import sys
from collections.abc import Iterator

EXAMPLE = 'eval "$(cxkinetics completion bash)"'
SHELLS = ("bash", "zsh", "fish", "powershell")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell's name."""
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    script = completion_script(args.shell)
    if args.json:
        import json

        record = {"schema": "cxkinetics.completion/1", "shell": args.shell, "script": script}
        script = json.dumps(record) + "\n"
    sys.stdout.write(script)
    return 0


def completion_script(shell: str) -> str:
    """Return the script for a shell, made from the parser itself, so that it cannot fall behind."""
    import shtab

    from cxkinetics.cli.main import build_parser

    parser = build_parser()
    known = _known()
    for action in _actions(parser):  # this parser only tells: choices that are no limits stand in it too
        if action.choices is None and action.type is None and action.dest in known:
            action.choices = known[action.dest]
        elif action.choices is None and any(word in str(action.metavar) for word in ("FILE", "DIR")):
            action.complete = shtab.DIR if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    return f"{shtab.complete(parser, shell).rstrip()}\n"


def _known() -> dict[str, tuple[str, ...]]:
    """Return the words to offer for options that take other values too."""
    from cxkinetics.annexes import declared, named
    from cxkinetics.kinetics.glossary import glossary
    from cxkinetics.options import OPTIONS

    known = {name: option.words for name, option in OPTIONS.items() if option.words}
    known["stages"] = ("auto", "1", "2", "3")
    known["word"] = tuple(word.key for word in glossary())
    for words in declared("COMPLETION").values():
        known |= {name: named(said)() if isinstance(said, str) else said for name, said in words.items()}
    return known


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
        else:
            yield action
