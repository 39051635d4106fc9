"""Clock times, durations and dates in cells and names.

A duration ("00:01:30", "1:30.5") or a moment ("2013-02-04 15:40:48", "10.4.2020 13:26:23",
"1/15/2014 4:59:54 PM") becomes a number of s; moments count from the first one read.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

__all__ = ["Kind", "clock_seconds", "parse_moment"]

Kind: TypeAlias = Literal["clock", "moment"]

_CLOCK = re.compile(
    r"(?:(\d+)[.d]?\s+)?(\d{1,3}):([0-5]?\d)(?::([0-5]?\d(?:[.,]\d+)?))?\s*([AaPp])?\.?(?:[Mm]\.?)?"
)
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*([AaPp][Mm])?"
    r"(Z|[+-]\d{2}:?\d{2})?)?"
)
_LOCAL = re.compile(
    r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[,T]?\s+(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*([AaPp]\.?[Mm]\.?)?)?"
)
_WORDS = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?([A-Za-z]{3,9})\s+(\d{1,2}),?\s+(\d{1,2}):(\d{2}):(\d{2})(?:\s+[A-Z]{2,5})?\s+(\d{4})"
)
_MONTHS = {
    m: i
    for i, m in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clock_seconds(text: str) -> float | None:
    """Return the s in "hh:mm:ss", "mm:ss.s" or "1 02:03:04" (days first), or None.

    Two fields are mm:ss; three are hh:mm:ss.

    Examples
    --------
    >>> clock_seconds("00:01:30"), clock_seconds("1:30.5"), clock_seconds("abc")
    (90.0, 90.5, None)
    """
    stripped = text.strip()
    match = _CLOCK.fullmatch(stripped)
    if match is None:
        return _short_clock(stripped)
    days, first, second, third, half = match.groups()
    if third is None:
        return None if days or half else int(first) * 60.0 + int(second)
    hours = int(first)
    if half:
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return int(days or 0) * 86400.0 + hours * 3600.0 + int(second) * 60.0 + float(third.replace(",", "."))


def _short_clock(text: str) -> float | None:
    match = re.fullmatch(r"(\d{1,3}):([0-5]?\d[.,]\d+)", text)
    return None if match is None else int(match.group(1)) * 60.0 + float(match.group(2).replace(",", "."))


def parse_moment(text: str, *, day_first: bool | None = None) -> float | None:
    """Return a moment as s since 1970-01-01 (of its own clock; a zone is applied), or None.

    Parameters
    ----------
    text : str
        Year first, or local with / - or dots, or "Thu Jul 06 14:42:39 EDT 2023".
    day_first : bool, optional
        Whether 4/5/2020 is the fourth of May; by default dots mean so and slashes do not, unless
        the first number passes 12.

    Examples
    --------
    >>> parse_moment("2013-02-04 15:41:34") - parse_moment("4.2.2013 15:40:48")
    46.0
    """
    stripped = text.strip()
    match = _ISO.fullmatch(stripped)
    if match:
        year, month, day, hour, minute, second, half, zone = match.groups()
        return _seconds(int(year), int(month), int(day), hour, minute, second, half, zone)
    match = _LOCAL.fullmatch(stripped)
    if match:
        first, mark, other, year, hour, minute, second, half = match.groups()
        a, b = int(first), int(other)
        european = (mark == "." if day_first is None else day_first) or a > 12
        day_, month_ = (a, b) if european and b <= 12 else (b, a)
        full_year = int(year) if len(year) == 4 else 2000 + int(year)
        return _seconds(full_year, month_, day_, hour, minute, second, half, None)
    match = _WORDS.fullmatch(stripped)
    if match and match.group(1)[:3].casefold() in _MONTHS:
        name, day, hour, minute, second, year = match.groups()
        return _seconds(int(year), _MONTHS[name[:3].casefold()], int(day), hour, minute, second, None, None)
    return None


def _seconds(
    year: int,
    month: int,
    day: int,
    hour: str | None,
    minute: str | None,
    second: str | None,
    half: str | None,
    zone: str | None,
) -> float | None:
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    try:
        start = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    if hours > 24 or int(minute or 0) > 59:
        return None
    total = (start - _EPOCH) / timedelta(seconds=1) + hours * 3600 + int(minute or 0) * 60
    total += float((second or "0").replace(",", "."))
    if zone and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        digits = zone[1:].replace(":", "")
        total -= sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)
    return total
