"""A remark: one thing that was assumed, converted, masked or doubted, said in the open."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from cxkinetics.calls import checked_fields
from cxkinetics.record import OMIT, Record

SHOWN, LISTED = 8, 2000
"""Places that a printed line and a report name; the record holds all."""


@checked_fields()
@dataclass(frozen=True, slots=True)
class Remark(Record):
    """One warning that travels with the data or the result.

    Attributes
    ----------
    code : str
        Short, stable, snake_case: for programs ("time_unit_assumed", "outliers_excluded").
    text : str
        One sentence for people, with the numbers in it.
    count : int or None
        How many points it concerns.
    rows : tuple of int
        All lines (or rows of a sheet) of the file that it concerns, from 1; empty where no line is
        known.
    times_s : tuple of float
        All times that it concerns, s, where no line is known.
    wavelengths_nm : tuple of float
        All wavelengths that it concerns, where it concerns whole columns of spectra.

    Examples
    --------
    >>> remark = Remark.at("missing_cells", "2 missing cells left out", 2, rows=[15, 39])
    >>> remark.code, remark.rows
    ('missing_cells', (15, 39))
    >>> str(remark)
    '2 missing cells left out (lines 15, 39)'
    """

    code: str
    text: str
    count: Annotated[int | None, OMIT] = None
    rows: Annotated[tuple[int, ...], OMIT] = ()
    times_s: Annotated[tuple[float, ...], OMIT] = ()
    wavelengths_nm: Annotated[tuple[float, ...], OMIT] = ()

    @classmethod
    def at(
        cls,
        code: str,
        text: str,
        count: int | None = None,
        *,
        rows: Sequence[int] = (),
        times_s: Sequence[float] = (),
        wavelengths_nm: Sequence[float] = (),
    ) -> "Remark":
        """Return a remark whose text ends with the places that it concerns, the first eight by name.

        Examples
        --------
        >>> str(Remark.at("missing_cells", "2 missing cells left out", 2, rows=[15, 39]))
        '2 missing cells left out (lines 15, 39)'
        """
        times, wavelengths = tuple(map(float, times_s)), tuple(map(float, wavelengths_nm))
        bare = cls(code, text, count, tuple(map(int, rows)), times, wavelengths)
        where = bare.where(SHOWN)
        return replace(bare, text=f"{text} ({where})") if where else bare

    def where(self, most: int | None = None) -> str:
        """Return the places as text, such as "lines 15, 39"; beyond `most` they are counted."""
        if self.rows:
            values = [str(row) for row in self.rows]
            before, unit = ("line " if len(values) == 1 else "lines "), ""
        elif self.times_s:
            values, before, unit = [f"{time:g}" for time in self.times_s], "at ", " s"
        else:
            values = [f"{place:g}" for place in self.wavelengths_nm]
            before, unit = "at ", " nm"
        if not values:
            return ""
        more = f" and {len(values) - most} more" if most is not None and len(values) > most else ""
        return f"{before}{', '.join(values[:most])}{unit}{more}"

    def complete(self) -> str:
        """Return the text with every place, each once; beyond two thousand they are counted."""
        bare = self.text.removesuffix(f" ({self.where(SHOWN)})")
        named = set(re.findall(r"[\d.e+-]*\d", bare))
        places = [f"{place:g}" for place in (*self.rows, *self.times_s, *self.wavelengths_nm)]
        return bare if named.issuperset(places) else f"{bare} ({self.where(LISTED)})"

    def __str__(self) -> str:
        return self.text
