"""What the page needs to know of options and verbs to build its controls: told by the command line itself."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cxkinetics.annexes import declared, named
from cxkinetics.cli.main import VERBS, build_parser
from cxkinetics.options import OPTIONS

PAGE_VERBS = ("together", "incorporation", "predict", "dose", "mechanism", "plan")
"""Verbs beside `fit` that the page has a place for, as far as they are there."""
_OWN = ("help", "json", "debug", "out")


def option_forms() -> list[dict[str, Any]]:
    """Return every option of reading, fitting and showing as a control."""
    names = ("name", "group", "kind", "flag", "help", "words", "metavar", "default")
    return [{name: getattr(option, name) for name in names} for option in OPTIONS.values()]


def verb_forms() -> dict[str, dict[str, Any]]:
    """Return the verbs of the page that are there, each with its controls; "plan dose" is one of its own."""
    return {
        " ".join(words): {"help": line, **_form_of(parser)}
        for verb in PAGE_VERBS
        if verb in VERBS
        for words, line, parser in _parsers(verb)
    }


def form(words: Sequence[str]) -> dict[str, Any] | None:
    """Return the form of the verb that a command begins with; None where the page has none."""
    parser = parser_of(words)
    return None if parser is None else _form_of(parser)


def parser_of(words: Sequence[str]) -> argparse.ArgumentParser | None:
    """Return the parser of the verb that a command begins with; None where the page has none."""
    if not words or words[0] not in PAGE_VERBS or words[0] not in VERBS:
        return None
    found = {names: parser for names, _, parser in _parsers(words[0])}
    fitting = (names for names in found if tuple(words[: len(names)]) == names)
    longest = max(fitting, key=len, default=None)
    return None if longest is None else found[longest]


def _parsers(verb: str) -> Iterator[tuple[tuple[str, ...], str, argparse.ArgumentParser]]:
    """Yield the verb, or each of the verbs below it, with its line of help and its parser."""
    top = next(a for a in build_parser([verb])._actions if isinstance(a, argparse._SubParsersAction))
    parser = top.choices[verb]
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield (verb,), VERBS[verb], parser
    for action in below:
        lines = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, own in action.choices.items():
            yield (verb, name), lines.get(name, ""), own


def _form_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    offered = _offered()
    return {
        "fields": [_field(action, parser, offered) for action in parser._actions if action.dest not in _OWN],
        "writes": any(action.dest == "out" for action in parser._actions),
    }


def _field(
    action: argparse.Action, parser: argparse.ArgumentParser, offered: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    return {
        "name": action.dest,
        "flag": max(action.option_strings, key=len, default=""),
        "help": parser._get_formatter()._expand_help(action) if action.help else "",
        "metavar": metavar,
        "words": [str(word) for word in action.choices or ()],
        "offered": list(offered.get(action.dest, ())),
        "switch": action.nargs == 0,
        "several": action.nargs in ("+", "*"),
        "required": action.required and action.nargs != "*",
        "file": "FILE" in metavar or action.dest in ("file", "files", "table"),
        "default": action.default if isinstance(action.default, (str, int, float)) else None,
    }


def _offered() -> dict[str, Sequence[str]]:
    """Return the words that a shell would offer for an option."""
    found: dict[str, Sequence[str]] = {}
    for words in declared("COMPLETION").values():
        found |= {name: named(said)() if isinstance(said, str) else said for name, said in words.items()}
    return found
