"""What a caller may tell the readers; everything has a default of "find out and say so"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cxkinetics.errors import UsageError
from cxkinetics.io.units import ABSORBANCE_UNITS, time_factor

__all__ = ["Column", "ReadOptions"]

Column: TypeAlias = str | int | Sequence[str | int]
"""Name of a column, its number (the first column of the file is 1), or several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options of `load`, checked.

    Raises
    ------
    UsageError
        If a unit or a decimal mark is not one of those known.
    """

    column: Column | None = None
    trace: int | str | None = None
    time_unit: str | None = None
    decimal: str | None = None
    sheet: str | int | None = None
    absorbance_unit: str | None = None
    wavelength: float | None = None
    reference: str | int | float | None = None
    time_in: str | None = None

    def __post_init__(self) -> None:
        if self.wavelength is not None and not math.isfinite(self.wavelength):
            raise UsageError(f"wavelength is {self.wavelength}; it must be a finite number of nm")
        if self.time_unit is not None and time_factor(self.time_unit) is None:
            raise UsageError(f"time_unit is {self.time_unit!r}; it must be one of s, ms, us, min, h, d")
        if self.decimal is not None and self.decimal not in (".", ","):
            raise UsageError(f"decimal is {self.decimal!r}; it must be '.' or ','")
        if self.absorbance_unit is not None and self.absorbance_unit not in ABSORBANCE_UNITS:
            raise UsageError(
                f"absorbance_unit is {self.absorbance_unit!r}; "
                f"it must be one of {', '.join(ABSORBANCE_UNITS)}"
            )
        if self.time_in is not None and self.time_in not in ("rows", "columns"):
            raise UsageError(f"time_in is {self.time_in!r}; it must be 'rows' or 'columns'")
