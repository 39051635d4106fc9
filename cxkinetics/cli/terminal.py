"""What a verb prints: how wide its text may be, and its one JSON document."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

WIDEST, NARROWEST, UNKNOWN = 100, 60, 96
"""Columns: more than WIDEST reads badly; UNKNOWN where the output is no terminal."""


def text_width() -> int:
    """Return the columns of the terminal (or of COLUMNS), within 60 and 100; 96 where they are unknown."""
    from shutil import get_terminal_size

    return max(NARROWEST, min(WIDEST, get_terminal_size((UNKNOWN, 24)).columns))


def print_document(record: Mapping[str, Any]) -> None:
    """Print a JSON document, the version after its schema."""
    from cxkinetics.record import json_text
    from cxkinetics.version import __version__

    stamped = {"schema": record["schema"], "version": __version__, **record}
    sys.stdout.write(json_text(stamped) + "\n")


def counter(what: str) -> Callable[[int, int], None] | None:
    """Return the function that shows how much of some work is done, on a terminal; None elsewhere."""

    def show(done: int, total: int) -> None:
        sys.stderr.write(f"\r{what}: {done} of {total}" + ("\n" if done == total else ""))

    return show if sys.stderr.isatty() else None
