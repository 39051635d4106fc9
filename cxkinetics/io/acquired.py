"""The moment at which a spectrum was recorded, kept in the note of its source."""

import re
from datetime import UTC, datetime

from cxkinetics.io.moments import parse_moment
from cxkinetics.source import Source

__all__ = ["acquired_at", "acquired_note"]

_NOTE = re.compile(r"acquired (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


def acquired_note(moment_s: float) -> str:
    """Return the note that states a moment, given in s since 1970 on the instrument's own clock.

    Examples
    --------
    >>> acquired_note(0.0)
    'acquired 1970-01-01 00:00:00'
    """
    return "acquired " + datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def acquired_at(source: Source) -> float | None:
    """Return the moment that such a note of `source` states, in s since 1970, or None."""
    match = _NOTE.search(source.note)
    return None if match is None else parse_moment(match.group(1))
