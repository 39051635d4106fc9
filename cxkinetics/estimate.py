"""A number with its interval: the one type in which every fitted value is reported.

An `Estimate` always says how its interval was made, or why there is none. An interval may be a
set of pieces (a likelihood profile with two valleys); `low` and `high` are then its hull.
"""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cxkinetics.calls import is_number, shown
from cxkinetics.errors import FitError, InputError
from cxkinetics.record import HIDDEN, OMIT, read, written
from cxkinetics.record import finite_or_none as finite_or_none  # where other rooms still look for them
from cxkinetics.record import json_text as json_text


def _is_float(value: Any) -> bool:
    try:
        return is_number(numbers.Real, value) and float(value) is not None
    except OverflowError:  # a whole number beyond what a float holds
        return False


def round_by_error(value: float, error: float | None) -> str:
    """Return `value` as text with two digits of its error kept (four significant ones without).

    Examples
    --------
    >>> round_by_error(0.0562473, 0.00022)
    '0.05625'
    >>> round_by_error(19.8571, 0.127)
    '19.86'
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    decimals = 1 - math.floor(math.log10(error))
    if decimals < 0:
        return f"{round(value, decimals):.0f}"
    return f"{value:.{decimals}f}" if decimals <= 9 else f"{value:.4g}"


def bracket(low: float | None, high: float | None, error: float | None) -> str:
    """Return the ends of an interval as text, rounded like the value; None is an open end.

    Examples
    --------
    >>> bracket(0.0542, None, 0.001)
    '[0.0542, inf]'
    """
    start = "-inf" if low is None else round_by_error(low, error)
    return f"[{start}, {'inf' if high is None else round_by_error(high, error)}]"


def format_p(p_value: float | None) -> str:
    """Return a p-value for print; never "0.0".

    Examples
    --------
    >>> format_p(0.0)
    'p < 1e-16'
    >>> format_p(0.0021)
    'p = 0.0021'
    """
    if p_value is None:
        return "p not available"
    return "p < 1e-16" if p_value < 1e-16 else f"p = {p_value:.2g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A fitted number with its interval.

    Attributes
    ----------
    name : str
        What it is, in words of the field.
    value : float or None
        The estimate, in `unit`; None where the data do not determine it.
    se : float or None
        Standard error, same unit.
    low, high : float or None
        Ends of the interval (hull where it is a set), same unit; None where that end is open.
    unit : str
        Unit of all of these; "" for a pure number.
    method : str
        How the interval was made: "profile", "wald", "bootstrap", "fixed", "exact", ...
    reason : str
        Why there is no interval (or why an end is open).
    pieces : tuple of (float, float)
        The pieces of the interval where it is a set of more than one.
    within : (float, float) or ()
        Values that it cannot leave, of which print shows the one that stands at an open end.

    Examples
    --------
    >>> k = Estimate(name="k", value=0.0562, se=0.001, low=0.0542, high=0.0582, unit="1/s", method="wald")
    >>> str(k)
    '0.0562 [0.0542, 0.0582] 1/s'
    >>> k
    Estimate(k = 0.0562 [0.0542, 0.0582] 1/s)
    >>> str(Estimate(name="k2", value=None, reason="the trace ends too early"))
    'not determined (the trace ends too early)'
    """

    name: Annotated[str, HIDDEN]
    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    method: str = ""
    reason: Annotated[str, OMIT] = ""
    pieces: Annotated[tuple[tuple[float, float], ...], OMIT] = ()
    within: Annotated[tuple[float, ...], OMIT] = ()

    def __post_init__(self) -> None:
        for field in ("value", "se", "low", "high"):
            what = getattr(self, field)
            if what is not None and not _is_float(what):
                raise InputError(
                    f"an estimate holds {shown(what)}; value, se, low and high are numbers or None"
                )
            if not isinstance(what, float | int | None):  # a fraction, which no format takes
                object.__setattr__(self, field, float(what))
        if not isinstance(self.name, str) or not isinstance(self.unit, str):
            raise InputError(f"an estimate is called {shown(self.name)} in {shown(self.unit)}; give texts")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: value, se, low, high, unit, method and, where due, reason, pieces, within."""
        return written(self)

    @classmethod
    def from_dict(cls, name: str, record: Mapping[str, Any]) -> "Estimate":
        """Return the estimate that `to_dict` wrote."""
        return read(cls, record, name=name)

    def ufloat(self) -> Any:
        """Return value and standard error as a `uncertainties.ufloat`, for error propagation.

        Raises
        ------
        FitError
            If there is no value or no standard error to propagate.

        Examples
        --------
        >>> k = Estimate(name="k", value=0.056, se=0.001, unit="1/s", method="wald")
        >>> str(1 / k.ufloat())
        '17.86+/-0.32'
        """
        if self.value is None or self.se is None:
            why = self.reason or "it was not computed"
            raise FitError(f"{self.name or 'this estimate'} has no standard error to propagate: {why}")
        from uncertainties import ufloat

        return ufloat(self.value, self.se, tag=self.name or None)

    def format_value(self) -> str:
        """Return the value alone, rounded by its error, without the unit."""
        if self.value is None:
            return "not determined"
        return round_by_error(self.value, self._error())

    def _error(self) -> float | None:
        if self.pieces:
            return min(high - low for low, high in self.pieces) / 4
        if self.low is not None and self.high is not None and self.high > self.low:
            return (self.high - self.low) / 4
        return self.se

    def __repr__(self) -> str:
        return f"Estimate({self.name} = {self})" if self.name else f"Estimate({self})"

    def __str__(self) -> str:
        if self.value is None:
            return f"not determined ({self.reason})" if self.reason else "not determined"
        error = self._error()
        unit = f" {self.unit}" if self.unit else ""
        text = round_by_error(self.value, error)
        if self.low is None and self.high is None:
            return f"{text}{unit}" + (f" ({self.reason})" if self.reason else "")
        first, last = self.within or (None, None)
        low, high = first if self.low is None else self.low, last if self.high is None else self.high
        pieces = self.pieces or ((low, high),)
        shown = " or ".join(bracket(low, high, error) for low, high in pieces)
        return f"{text} {shown}{unit}"
