"""A level that begins to change at one abscissa: exact least squares and the profile of the hinge.

y = a + s max(x - b, 0). Inside a gap the hinge is where a line through the later points crosses the
mean of the earlier ones; on a sample it is a two-parameter line about it. Mirrored, it is a line that
ends in a level. The general broken line is not this: here one piece is level.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import fdtri

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate

__all__ = ["Hinge", "fit_hinge"]

_PROFILE = 801
_LEAST = 4


@dataclass(frozen=True, slots=True)
class Hinge:
    """A fitted hinge: where (with its interval), the level and its error given where, slope, rss."""

    at: Estimate
    level: float
    level_se: float | None
    slope: float
    rss: float
    dof: int

    @property
    def scatter(self) -> float | None:
        """Standard deviation about the fit; None without degrees of freedom."""
        return float(np.sqrt(self.rss / self.dof)) if self.dof > 0 else None


def fit_hinge(
    x: Array,
    y: Array,
    *,
    level_first: bool = True,
    weights: Array | None = None,
    confidence: float = 0.95,
    name: str = "hinge",
    unit: str = "",
) -> Hinge | None:
    """Fit a level that begins to change (or a change that ends in a level).

    Parameters
    ----------
    x, y : Array, shape (n,)
        Data in any order.
    level_first : bool
        True: level, then change. False: change, then level.
    weights : Array, shape (n,), optional
        Relative weights.
    confidence : float
        Of the interval of the hinge.
    name, unit : str
        For the estimate.

    Returns
    -------
    Hinge or None
        None where fewer than four distinct abscissae are given.

    Examples
    --------
    >>> x = np.arange(10.0)
    >>> round(fit_hinge(x, 1 - 0.2 * np.maximum(x - 3.4, 0)).at.value, 6)
    3.4
    """
    sign = 1.0 if level_first else -1.0
    order = np.argsort(sign * x, kind="stable")
    xs, ys = (sign * x)[order], y[order]
    ws = np.ones_like(xs) if weights is None else weights[order]
    knots = np.unique(xs)
    if knots.size < _LEAST:
        return None
    candidates = np.concatenate([knots[:-1], _crossings(xs, ys, ws, knots)])
    rss = np.array([_solve(xs, ys, ws, b)[0] for b in candidates])
    best = float(candidates[int(np.argmin(rss))])
    least, level, slope = _solve(xs, ys, ws, best)
    dof = xs.size - 3
    at = _interval(xs, ys, ws, knots, best, least, dof, confidence, sign, name, unit)
    return Hinge(at, level, _level_se(xs, ws, best, least, dof), sign * slope, least, dof)


def _level_se(x: Array, w: Array, b: float, rss: float, dof: int) -> float | None:
    if dof <= 0:
        return None
    design = np.stack([np.ones_like(x), np.maximum(x - b, 0.0)], axis=1)
    covariance = np.linalg.pinv(design.T @ (design * w[:, None]))
    return float(np.sqrt(covariance[0, 0] * rss / dof))


def _solve(x: Array, y: Array, w: Array, b: float) -> tuple[float, float, float]:
    design = np.stack([np.ones_like(x), np.maximum(x - b, 0.0)], axis=1)
    root = np.sqrt(w)
    (level, slope), *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
    rss = float(np.sum(w * (y - design @ np.array([level, slope])) ** 2))
    return rss, float(level), float(slope)


def _crossings(x: Array, y: Array, w: Array, knots: Array) -> Array:
    """Return where mean and later line cross, for every gap that holds its own crossing."""
    found = []
    for low, high in pairwise(knots[:-1]):
        early, late = x <= low, x >= high
        level = float(np.average(y[early], weights=w[early]))
        slope, intercept = np.polyfit(x[late], y[late], 1, w=np.sqrt(w[late]))
        if slope != 0 and low < (level - intercept) / slope < high:
            found.append((level - intercept) / slope)
    return np.array(found)


def _interval(
    x: Array,
    y: Array,
    w: Array,
    knots: Array,
    best: float,
    least: float,
    dof: int,
    confidence: float,
    sign: float,
    name: str,
    unit: str,
) -> Estimate:
    def estimate(low: float | None, high: float | None, reason: str = "") -> Estimate:
        return Estimate(
            name=name, value=sign * best, low=low, high=high, unit=unit, method="profile", reason=reason
        )

    if dof <= 0:
        return estimate(None, None, "as many parameters as points: no scatter to estimate an error from")
    if least <= 1e-20 * float(np.sum(w * y * y)):
        return estimate(None, None, "the points lie on the curve exactly")
    limit = least * (1 + float(fdtri(1, dof, confidence)) / dof)
    grid = np.unique(np.concatenate([np.linspace(knots[0], knots[-1], _PROFILE), knots, [best]]))
    accepted = np.array([_solve(x, y, w, float(b))[0] for b in grid[:-1]]) <= limit
    inside = grid[:-1][accepted]
    low: float | None = float(inside[0]) if inside[0] > knots[0] else None
    high: float | None = float(inside[-1]) if inside[-1] < grid[-2] else None
    reason = "" if low is not None and high is not None else "that end lies outside the abscissae"
    if sign > 0:
        return estimate(low, high, reason)
    return estimate(None if high is None else -high, None if low is None else -low, reason)
