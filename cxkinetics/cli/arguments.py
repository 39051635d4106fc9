"""Options as arguments of the command line: from the table to argparse, and back to keywords of Python."""

import argparse
from collections.abc import Mapping
from typing import Any

from cxkinetics.errors import UsageError
from cxkinetics.options import OPTIONS, finite, names_of, seconds

READING = tuple(name for name in names_of("reading") if name not in ("wavelength", "track"))
"""Options of every verb that reads signals."""
METAVARS = {"integer": "N", "name": "NAME", "names": "NAME"}
"""What stands for the value of an option in the help, by its kind where the option does not say."""


MOST_LISTED = 20
"""Words that argparse may list in a refusal; of more the option itself says what it must be."""


def number(text: str) -> float:
    """Return the number of an option, for argparse: what is none is a usage error that says so."""
    try:
        return finite(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number") from None


def moment(text: str) -> float:
    """Return the time of an option in s, for argparse: a bare number or one with a unit."""
    try:
        return finite(text, seconds)
    except ValueError:
        need = "neither a finite number of seconds nor one with a unit, such as 0.5min"
        raise argparse.ArgumentTypeError(f"{text!r} is {need}") from None


def add_options(group: Any, *names: str) -> None:
    """Add options to a parser or group; every default is None, so that a project file can give it."""
    for option in map(OPTIONS.__getitem__, names):
        more: dict[str, Any] = {"help": option.help, "default": None}
        if option.kind == "switch":
            more["action"] = "store_true"
        else:
            more["metavar"] = option.metavar or METAVARS.get(option.kind)
        if option.kind == "choice" and len(option.words) <= MOST_LISTED:
            more["choices"] = option.words
        elif not option.words and option.kind in ("number", "integer"):
            more["type"] = number if option.kind == "number" else int
        group.add_argument(option.flag, **more)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file is to be read."""
    add_options(parser.add_argument_group("reading"), *READING)


def reading_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `cxkinetics.load` that were given."""
    return values_of({name: getattr(args, name) for name in READING})


def values_of(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of Python for options as they were typed or stand in a project file.

    Raises
    ------
    UsageError
        That names the option, what was typed and what it must be.
    """
    found = {}
    for option, text in ((OPTIONS[name], text) for name, text in typed.items() if text is not None):
        value = found[option.python] = option.read(text)
        if fault := option.fault(value, shown=repr(text) if isinstance(text, str) else ""):
            raise UsageError(f"{option.flag} {fault}")
    return found
