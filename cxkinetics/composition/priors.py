"""Priors: what is assumed about a parameter where the data do not speak, drawn by inverse CDF.

Every prior knows its distribution, its physical bounds and where it comes from. Drawing goes
through uniforms, so that halving or doubling a width moves every draw a little instead of making
new ones: differences between two runs are then the prior's and not the dice's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv, betaln, ndtr, ndtri

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError

__all__ = ["DISTRIBUTIONS", "Prior"]

DISTRIBUTIONS = ("normal", "uniform", "lognormal", "beta")
_SHORTEST = 1e-3
"""Least sum of the two parameters of a beta distribution after widening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One prior.

    Attributes
    ----------
    name : str
        Name of the parameter ("b1", "alpha", ...).
    distribution : str
        One of `DISTRIBUTIONS`.
    parameters : tuple of float
        normal: mean and standard deviation; uniform: ends; lognormal: mean and standard deviation
        of the natural logarithm; beta: its two shape parameters.
    bounds : tuple of float
        Physical bounds; the distribution is cut there (and renormalised).
    unit : str
        Unit of the parameter.
    data : bool
        True where the prior sums up published data rather than filling a gap.
    note : str
        Where it comes from.

    Examples
    --------
    >>> alpha = Prior(name="alpha", distribution="lognormal", parameters=(0.0, math.log(3)))
    >>> alpha.quantile(np.array([0.5, 0.841344746])).round(3).tolist()
    [1.0, 3.0]
    """

    name: str
    distribution: str
    parameters: tuple[float, float]
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    data: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise InputError(
                f"prior {self.name}: distribution {self.distribution!r} is not known; "
                f"use one of {', '.join(DISTRIBUTIONS)}"
            )
        first, second = self.parameters
        if not (math.isfinite(first) and math.isfinite(second)):
            raise InputError(f"prior {self.name}: its parameters {first}, {second} must be finite")
        if self.distribution == "uniform" and not second > first:
            raise InputError(f"prior {self.name}: uniform from {first:g} to {second:g} is empty")
        if self.distribution in ("normal", "lognormal") and not second > 0:
            raise InputError(f"prior {self.name}: standard deviation {second:g} must be positive")
        if self.distribution == "beta" and not (first > 0 and second > 0):
            raise InputError(f"prior {self.name}: beta({first:g}, {second:g}) needs positive parameters")
        if not self.bounds[1] > self.bounds[0]:
            raise InputError(f"prior {self.name}: bounds {self.bounds} are empty")

    def quantile(self, probability: Array) -> Array:
        """Return the quantiles at `probability` (0-1), inside the bounds."""
        low, high = self._cut()
        inner = low + np.asarray(probability, dtype=float) * (high - low)
        first, second = self.parameters
        if self.distribution == "uniform":
            values = first + (second - first) * inner
        elif self.distribution == "beta":
            values = betaincinv(first, second, inner)
        else:
            values = first + second * ndtri(inner)
            if self.distribution == "lognormal":
                values = np.exp(values)
        clipped: Array = np.clip(values, *self.bounds)
        return clipped

    def log_density(self, value: Array) -> Array:
        """Return ln of the density, up to the constant of the cut; -inf outside the bounds."""
        at = np.asarray(value, dtype=float)
        first, second = self.parameters
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.distribution == "uniform":
                inside = (at >= first) & (at <= second)
                log = np.where(inside, -math.log(second - first), -np.inf)
            elif self.distribution == "beta":
                log = (first - 1) * np.log(at) + (second - 1) * np.log1p(-at) - betaln(first, second)
            elif self.distribution == "lognormal":
                log = -0.5 * ((np.log(at) - first) / second) ** 2 - np.log(at * second)
            else:
                log = -0.5 * ((at - first) / second) ** 2 - math.log(second)
        low, high = self.bounds
        if self.distribution in ("beta", "lognormal"):
            low = max(low, 0.0)
        density: Array = np.where((at >= low) & (at <= high) & np.isfinite(log), log, -np.inf)
        return density

    def scaled(self, factor: float) -> "Prior":
        """Return the prior with its width multiplied by `factor`, its centre and bounds kept.

        A uniform prior is widened about its middle and cut at the bounds; a beta prior keeps its
        mean and has its standard deviation multiplied (as far as a beta can be that wide).
        """
        first, second = self.parameters
        if self.distribution == "uniform":
            middle, half = (first + second) / 2, (second - first) / 2 * factor
            low, high = max(middle - half, self.bounds[0]), min(middle + half, self.bounds[1])
            return replace(self, parameters=(low, high))
        if self.distribution == "beta":
            mean = first / (first + second)
            total = max((first + second + 1) / factor**2 - 1, _SHORTEST)
            return replace(self, parameters=(mean * total, (1 - mean) * total))
        return replace(self, parameters=(first, second * factor))

    def describe(self) -> str:
        """Return the prior in words.

        Examples
        --------
        >>> Prior(name="D1", distribution="normal", parameters=(97.5, 1.5), unit="%").describe()
        'normal, mean 97.5, sd 1.5 %'
        """
        first, second = self.parameters
        unit = f" {self.unit}" if self.unit else ""
        words = {
            "normal": f"normal, mean {first:g}, sd {second:g}{unit}",
            "uniform": f"uniform {first:.4g} to {second:.4g}{unit}",
            "lognormal": f"log-normal, median {math.exp(first):.4g}, factor {math.exp(second):.4g}{unit}",
            "beta": f"beta({first:g}, {second:g}){unit}",
        }
        return words[self.distribution]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (an open bound is None)."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "parameters": list(self.parameters),
            "bounds": [value if math.isfinite(value) else None for value in self.bounds],
            "unit": self.unit,
            "data": self.data,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Prior":
        """Return the prior that `to_dict` wrote."""
        low, high = _pair(record.get("bounds") or (None, None), record["name"], "bounds")
        return cls(
            name=record["name"],
            distribution=record["distribution"],
            parameters=_finite_pair(record["parameters"], record["name"]),
            bounds=(-math.inf if low is None else low, math.inf if high is None else high),
            unit=record.get("unit", ""),
            data=bool(record.get("data", False)),
            note=record.get("note", ""),
        )

    def _cut(self) -> tuple[float, float]:
        low, high = (self._cdf(bound) for bound in self.bounds)
        if not high > low:
            raise InputError(f"prior {self.name}: nothing of {self.describe()} lies inside {self.bounds}")
        return low, high

    def _cdf(self, value: float) -> float:
        first, second = self.parameters
        if self.distribution == "uniform":
            return min(max((value - first) / (second - first), 0.0), 1.0)
        if self.distribution == "beta":
            return float(betainc(first, second, min(max(value, 0.0), 1.0)))
        if self.distribution == "lognormal":
            if value <= 0:
                return 0.0
            value = math.log(value) if math.isfinite(value) else value
        return float(ndtr((value - first) / second))


def _pair(values: Sequence[Any], name: str, what: str) -> tuple[Any, Any]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise InputError(f"prior {name}: {what} must be two numbers, not {values!r}")
    return values[0], values[1]


def _finite_pair(values: Sequence[Any], name: str) -> tuple[float, float]:
    pair = _pair(values, name, "parameters")
    try:
        return float(pair[0]), float(pair[1])
    except (TypeError, ValueError) as error:
        raise InputError(f"prior {name}: parameters must be two numbers, not {list(values)!r}") from error
