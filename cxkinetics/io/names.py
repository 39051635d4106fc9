"""Times in file names ("JS_603_120min.dat", "t=18.txt", "05 min laser.txt") and natural order."""

import re
from dataclasses import dataclass

from cxkinetics.io.units import time_factor

__all__ = ["NamedTime", "natural_key", "time_in_name"]

_WITH_UNIT = re.compile(
    r"(?<![A-Za-z0-9.,])(\d+(?:[.,]\d+)?)[\s_]*(ms|s|sec|secs|seconds?|min|mins|minutes?|h|hrs?|hours?|std|sek)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_TIME_EQUALS = re.compile(
    r"(?<![A-Za-z])(?:t|time|zeit)\s*[=_-]?\s*(\d+(?:[.,]\d+)?)(?![\d.,]*\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A time found in a name; `unit` is "" where the name gives none."""

    value: float
    unit: str
    text: str


def time_in_name(stem: str) -> NamedTime | None:
    """Return the time in a file name, or None.

    Examples
    --------
    >>> time_in_name("JS_603_120min")
    NamedTime(value=120.0, unit='min', text='120min')
    >>> time_in_name("t=18").value
    18.0
    """
    found = list(_WITH_UNIT.finditer(stem))
    if found:
        match = found[-1] if len(found) == 1 else max(found, key=lambda m: time_factor(m.group(2)) or 0.0)
        return NamedTime(float(match.group(1).replace(",", ".")), match.group(2).casefold(), match.group())
    match_or_none = _TIME_EQUALS.search(stem)
    if match_or_none is not None:
        return NamedTime(float(match_or_none.group(1).replace(",", ".")), "", match_or_none.group())
    return None


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts numbers in names by value: a2 before a10.

    Examples
    --------
    >>> sorted(["a10", "a2", "b1"], key=natural_key)
    ['a2', 'a10', 'b1']
    """
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts if part)
