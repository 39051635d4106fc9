"""One cell of a table: a number, a gap, an overflow, a moment in time, or text.

Numbers may carry a decimal comma, thousands separators, a percent sign, a unit or an uncertainty
("8.2 ± 0.3"). What a mark means is decided for the whole file (`NumberStyle`), never cell by cell.
"""

import math
import re
from dataclasses import dataclass

from cxkinetics.io.words import time_factor

_MISSING = (
    "|nan|na|n/a|#n/a|#na|#n/v|#nv|null|none|nil|-|--|---|----|–|—|?|.|..|...|*|x|missing|#value!|#div/0!|#num!|"
    "#ref!|#wert!|#zahl!|#bezug!|nd|n.d.|n. d.|k.a.|k. a.|n/d|n.a.|1.#qnan|-1.#ind|1.#ind|nan(ind)|-nan|"
    "-nan(ind)|+nan|<na>|nat|not available|no data|blank|empty|#name?|#null!|#spill!|#calc!|<lod|< lod|<loq|"
    "< loq|<lloq|< lloq|bdl|bld|blq|bql|bloq|lod|loq"
)
MISSING_WORDS = frozenset(_MISSING.split("|"))
LONGEST_CELL = 60  # no number, time or word for a gap is longer
_OVERFLOW = re.compile(
    r"(ovr?flw|ovf|ovr|over|over\s?flow|over\s?fl|over\s?range|over\s?rng|ovrng|out\s?of\s?range|oor"
    r"|sat|sat\.|satur|saturated|saturation|max|>\s?max|off\s?scale|clipped|\*{2,}|#{2,}|-?1\.#inf"
    r"|[+-]?inf|[+-]?infinity|[+-]?∞|>\s?\d+([.,]\d*)?|übersteuert|überlauf|under|underflow|undrflw)",
    re.IGNORECASE,
)
_BELOW = re.compile(r"<\s?\d+([.,]\d*)?\s?%?")
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?")
_ODD = re.compile(r"['dD]")
_QUICK = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?\s?%?")
_NARROW = str.maketrans(
    {"\u2212": "-", "\u2013": "-", "\u00a0": "", "\u202f": "", "\u2009": "", "\u2007": "", "'": "", "’": ""}
)
_TAIL = re.compile(r"\s*([%‰]|[a-zA-Zµμ°][\w°µμ./^-]*)$")
_SIGMA = re.compile(r"\s*(?:±|\+/-|\+-|\\pm)\s*")
_INTERVAL = re.compile(r"(\d+(?:[.,]\d+)?)\s*%?\s*(?:-|–|—|to|bis|\.\.)\s*(\d+(?:[.,]\d+)?)")
_BRACKET_SIGMA = re.compile(r"^(.*?)\((\d+)\)(.*)$")


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """What the marks in a file's numbers mean.

    Attributes
    ----------
    decimal : str
        "." or ",".
    thousands : str
        "," or "." or "" (none).
    """

    decimal: str = "."
    thousands: str = ""

    def number(self, cell: str) -> float | None:
        """Return the number in `cell`, or None where it is not one in this style.

        Examples
        --------
        >>> NumberStyle(",", ".").number("1.234,5"), NumberStyle().number("1,5")
        (1234.5, None)
        """
        if cell.isalpha():
            return None
        text = cell
        if self.thousands and self.thousands in text:
            whole = re.match(
                rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(self.thousands)}\d{{3}})+(?=$|{re.escape(self.decimal)}\d|[eE])",
                text,
            )
            if whole is None:
                return None
            text = whole.group().replace(self.thousands, "") + text[whole.end() :]
        if self.decimal == ",":
            if "." in text:
                return None
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            return self._odd_number(text)
        if "_" in text or not math.isfinite(value):
            return None
        return value

    @staticmethod
    def _odd_number(text: str) -> float | None:
        """Typographic minus signs, Fortran exponents, hard spaces or apostrophes between thousands."""
        if text.isascii() and not _ODD.search(text):
            return None
        plain = text.translate(_NARROW).strip()
        if _PLAIN.fullmatch(plain) is None:
            return None
        value = float(plain.replace("d", "e").replace("D", "e"))
        return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with what stood beside it: `sigma` after ±, and `unit` ("%" too).

    A range ("36-75") has no value (NaN) and stands in `interval`.
    """

    value: float
    sigma: float | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None


def parse_measured(cell: str, style: NumberStyle) -> Measured | None:
    """Return the number, uncertainty and unit in `cell`, or None where there is no number.

    Examples
    --------
    >>> parse_measured("8.2 ± 0.3", NumberStyle())
    Measured(value=8.2, sigma=0.3, unit='', interval=None)
    >>> parse_measured("75%", NumberStyle())
    Measured(value=75.0, sigma=None, unit='%', interval=None)
    >>> parse_measured("4.02(15)", NumberStyle())
    Measured(value=4.02, sigma=0.15, unit='', interval=None)
    """
    value = style.number(cell)
    if value is not None:
        return Measured(value)
    if len(cell) > LONGEST_CELL or ":" in cell:
        return None
    unit = ""
    text = cell
    tail = _TAIL.search(cell)
    if tail and tail.start():
        unit, text = tail[1], cell[: tail.start()]
        if unit not in ("%", "‰") and time_factor(unit) is None and unit.casefold() not in _VALUE_UNITS:
            return None
    parts = _SIGMA.split(text.strip())
    if len(parts) == 2:
        value, sigma = style.number(parts[0].rstrip("% ").strip()), style.number(parts[1].strip())
        return None if value is None or sigma is None else Measured(value, abs(sigma), unit)
    value = style.number(text.strip())
    if value is not None:
        return Measured(value, None, unit)
    ends = _INTERVAL.fullmatch(text.strip())
    if ends:
        low, high = style.number(ends[1]), style.number(ends[2])
        if low is not None and high is not None and low < high:
            return Measured(math.nan, None, unit, (low, high))
    bracket = _BRACKET_SIGMA.match(text)
    value = style.number(bracket[1] + bracket[3]) if bracket else None
    if bracket is None or value is None:
        return None
    _, mark, decimals = bracket[1].rpartition(style.decimal)  # 4.02(15): the sigma is of the last places
    return Measured(value, int(bracket[2]) * 10.0 ** -(len(decimals) if mark else 0), unit)


_VALUE_UNITS = frozenset([
    "nm", "ev", "cm-1", "a", "au", "a.u.", "abs", "od", "mau", "m", "mm", "µm", "um", "°c", "c", "k",
    "counts", "mol%", "mol-%", "mol",
])  # fmt: skip


def is_missing(cell: str) -> bool:
    """Return whether `cell` stands for a missing value (blank, NaN, #N/A, --, <LOD, <0.05, ...)."""
    text = cell.strip().casefold()
    return text in MISSING_WORDS or (
        text[:1] == "<" and len(text) <= LONGEST_CELL and _BELOW.fullmatch(text) is not None
    )


def is_overflow(cell: str) -> bool:
    """Return whether `cell` says that the detector was out of range (OVRFLW, ****, >3.5, ...)."""
    text = cell.strip()
    return len(text) <= LONGEST_CELL and _OVERFLOW.fullmatch(text) is not None


def is_number(cell: str) -> bool:
    """Return whether `cell` is a number in any style, possibly with a percent sign or ±.

    Examples
    --------
    >>> [is_number(c) for c in ("0,85", "1.2E-3", "12,000", "75%", "run 3", "")]
    [True, True, True, True, False, False]
    """
    text = cell.strip()
    if not text:
        return False
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        pass
    if len(text) > LONGEST_CELL or ":" in text or not any(map(str.isdigit, text)):
        return False
    if _QUICK.fullmatch(text):
        return True
    return any(parse_measured(text, style) is not None for style in _ANY_STYLE)


_ANY_STYLE = (NumberStyle(","), NumberStyle("."), NumberStyle(".", ","), NumberStyle(",", "."))
