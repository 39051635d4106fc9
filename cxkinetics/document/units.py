"""Times and rate constants shown in the unit a reader thinks in; inside, everything is in s."""

from dataclasses import dataclass, replace
from typing import Any

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.source import TIME_UNITS


@dataclass(frozen=True, slots=True)
class TimeUnit:
    """A unit of time: its sign and how many seconds it holds."""

    sign: str
    seconds: float

    def time(self, time_s: Array) -> Array:
        """Return times given in s in this unit."""
        converted: Array = time_s / self.seconds
        return converted

    def number(self, time_s: float) -> str:
        """Return one time given in s as text, without the unit."""
        return f"{time_s / self.seconds:.6g}"

    def shown(self, unit: str) -> str:
        """Return what "s" and "1/s" become in this unit; any other unit is left alone."""
        return {"s": self.sign, "1/s": f"1/{self.sign}"}.get(unit, unit)

    def value(self, number: float, unit: str) -> float:
        """Return a number given in s or 1/s in this unit or its inverse; in any other unit as it is."""
        if unit == "s":
            return number / self.seconds
        return number * self.seconds if unit == "1/s" else number

    def estimate(self, estimate: Estimate) -> Estimate:
        """Return an estimate in s or 1/s in this unit or its inverse; any other unit is left alone."""
        factor = {"s": 1 / self.seconds, "1/s": self.seconds}.get(estimate.unit, 1.0)
        if factor == 1.0:
            return estimate
        changed: dict[str, Any] = {"unit": self.shown(estimate.unit)}
        changed["pieces"] = tuple((low * factor, high * factor) for low, high in estimate.pieces)
        changed["within"] = tuple(end * factor for end in estimate.within)
        for name in ("value", "se", "low", "high"):
            number = getattr(estimate, name)
            changed[name] = None if number is None else number * factor
        return replace(estimate, **changed)


SECONDS = TimeUnit("s", 1.0)
# those that results are shown in
_UNITS = {sign: TimeUnit(sign, TIME_UNITS[sign]) for sign in ("s", "ms", "min", "h")}


def time_unit(sign: str) -> TimeUnit:
    """Return the unit called `sign`: "s", "ms", "min" or "h".

    Raises
    ------
    UsageError
        If it is none of these.

    Examples
    --------
    >>> minutes = time_unit("min")
    >>> str(minutes.estimate(Estimate(name="k", value=0.05, unit="1/s", reason="given")))
    '3 1/min (given)'
    """
    if sign not in _UNITS:
        raise UsageError(f"time unit is {sign!r}; it must be one of {', '.join(_UNITS)}")
    return _UNITS[sign]
