"""Points of a dose table, and a least-squares map through them."""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.composition.incorporation_map import incorporation, saturation_dose

__all__ = ["MapPoints", "MapSolution"]


@dataclass(frozen=True, slots=True, eq=False)
class MapPoints:
    """Points to fit: doses (low = high where exact), incorporations and weights 1/sigma^2."""

    low: Array
    high: Array
    y: Array
    weight: Array

    @property
    def censored(self) -> BoolArray:
        """Which doses are intervals."""
        mask: BoolArray = self.high > self.low
        return mask

    def residuals(self, b1: Array, D1: Array, b2: Array, y_f: Array) -> Array:
        """Return y minus curve, shape (..., n); for an interval the distance from what it reaches."""
        slope1, first, slope2, top = (np.asarray(v, dtype=float)[..., None] for v in (b1, D1, b2, y_f))
        at_low = incorporation(self.low, slope1, first, slope2, top)
        if not np.any(self.censored):
            exact: Array = self.y - at_low
            return exact
        at_high = incorporation(self.high, slope1, first, slope2, top)
        off: Array = np.minimum(self.y - at_low, 0.0) + np.maximum(self.y - at_high, 0.0)
        return off

    def rss(self, b1: Array, D1: Array, b2: Array, y_f: Array) -> Array:
        """Return the weighted residual sum of squares, shape (...)."""
        total: Array = np.sum(self.weight * self.residuals(b1, D1, b2, y_f) ** 2, axis=-1)
        return total


@dataclass(frozen=True, slots=True)
class MapSolution:
    """A least-squares map: parameters, D2 and the weighted sum of squares."""

    b1: float
    D1: float
    b2: float
    y_f: float
    rss: float

    @property
    def D2(self) -> float:
        """Saturation dose, percent."""
        return float(saturation_dose(self.b1, self.D1, self.b2, self.y_f))

    def value(self, quantity: str) -> float:
        """Return one of `QUANTITIES`."""
        if quantity == "b2/b1":
            return self.b2 / self.b1 if self.b1 > 0 else np.inf
        return float(getattr(self, quantity))
