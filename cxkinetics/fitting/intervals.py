"""Profile-likelihood intervals with the noise correlation integrated out, as sets.

The signed root z(x) = sign(x - x^) sqrt(dof (rss(x) - rss_min)/rss_min) of the profile at rho^ becomes,
at every other rho, z_r(x) = z(x) se/se_r - d_r/se_r with the tangent's standard error se_r and shift
d_r of the estimate there; the confidence function is
G(x) = sum_r w(r) T_nu(r)(z_r(x)), nu(r) = clip(n (1 - r)/sqrt(1 + r^2) - p, 3, n - p), and the interval
is the set {x: alpha/2 <= G(x) <= 1 - alpha/2}. nu lies between the effective numbers of points for a
mean, n (1 - r)/(1 + r), and for a variance, n (1 - r^2)/(1 + r^2): the first alone covers 97-98 % at
n = 51 and r = 0.5.

Ends are found on a grid of x about the optimum, then by exact profile values at the crossings.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, stdtr

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.fitting.profile import ProfileSpace, profile_space
from cxkinetics.models.families import AmplitudeFamily, RatioFamily, StagedFamily

__all__ = ["Confidence", "Interval", "confidence_of", "interval_of"]

STEPS: Array = np.array([0.6, 1.2, 1.7, 2.2, 2.8, 3.6, 4.8])
"""First grid, in standard errors on either side."""
FURTHER: Array = np.array([6.5, 9.0, 14.0, 22.0, 40.0, 80.0, 200.0])
"""Where the profile is looked at when the first grid does not close the interval."""
SPLITS = 9
"""Parts into which a bracketed end is split at each pass."""
POLISH = 2
"""Exact profile values taken at each crossing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval as a set: ends are None where the data leave them open."""

    low: float | None
    high: float | None
    pieces: tuple[tuple[float, float], ...] = ()
    open_low: bool = False
    open_high: bool = False


@dataclass(slots=True, eq=False)
class Confidence:
    """The confidence function of one quantity under one fit.

    Attributes
    ----------
    estimate, se : float
        Optimum and Wald standard error at rho^, scaled.
    evaluate : callable
        Exact signed root at given values (X,).
    limits : (float, float)
        Values beyond which the quantity has no meaning.
    x, z : Array
        Points of the profile known so far, ascending in x.
    """

    estimate: float
    se: float
    evaluate: Callable[[Array], Array]
    limits: tuple[float, float]
    weights: Array
    nu: Array
    shift: Array
    errors: Array
    normal: bool = False
    x: Array = field(default_factory=lambda: np.empty(0))
    z: Array = field(default_factory=lambda: np.empty(0))

    def learn(self, values: Array) -> None:
        """Evaluate the profile exactly at `values` and keep the points."""
        inside = values[(values > self.limits[0]) & (values < self.limits[1])]
        new = np.setdiff1d(inside, self.x)
        if not new.size:
            return
        x = np.concatenate([self.x, new])
        z = np.concatenate([self.z, self.evaluate(new)])
        order = np.argsort(x)
        self.x, self.z = x[order], z[order]

    def cumulative(self, values: Array) -> Array:
        """Return G at `values` (X,), the profile interpolated between known points."""
        z = _interpolate(self.x, self.z, values)
        ratio = z[:, None] * (self.se / self.errors) - self.shift / self.errors
        tail = ndtr(ratio) if self.normal else stdtr(self.nu, ratio)
        result: Array = tail @ self.weights
        return result


def _interpolate(x: Array, z: Array, values: Array) -> Array:
    """Interpolate linearly; beyond the ends go on with the last slope (never against the sign)."""
    result = np.interp(values, x, z)
    if x.size > 1:
        low, high = values < x[0], values > x[-1]
        first = max((z[1] - z[0]) / (x[1] - x[0]), 0.0)
        last = max((z[-1] - z[-2]) / (x[-1] - x[-2]), 0.0)
        result[low] = z[0] + first * (values[low] - x[0])
        result[high] = z[-1] + last * (values[high] - x[-1])
    return result


def confidence_of(
    fitted: Fitted, name: str, space: ProfileSpace | None = None, *, known_scale: float | None = None
) -> Confidence:
    """Return the confidence function of a scaled parameter of a fit.

    Parameters
    ----------
    fitted : Fitted
        The fit.
    name : str
        A parameter name of its family, "k1/k2", or "C0" for the amplitude at the anchor.
    space : ProfileSpace, optional
        Where profiles run (shared between parameters of one fit).
    known_scale : float, optional
        Standard deviation of the noise taken at its word, in scaled units.
    """
    space = space or profile_space(fitted)
    family, sample, theta = fitted.family, fitted.sample, fitted.theta
    rss_min, dof = fitted.found.rss, fitted.dof
    gradient = np.zeros(theta.size)
    told: RatioFamily | AmplitudeFamily | None = None
    if name == "k1/k2":
        first = family.names.index("k1")
        estimate = float(theta[first] / theta[first + 1])
        gradient[first], gradient[first + 1] = 1 / theta[first + 1], -estimate / theta[first + 1]
        index = first
        told = RatioFamily(family)
    elif name == "C0":
        first, index = family.names.index("k1"), 0
        lead = (sample.first_s - sample.anchor_s) / sample.span_s
        estimate = float(theta[0] * np.exp(theta[first] * lead))
        gradient[0], gradient[first] = float(np.exp(theta[first] * lead)), estimate * lead
        told = AmplitudeFamily(family, lead) if lead else None
    else:
        index = family.names.index(name)
        estimate = float(theta[index])
        gradient[index] = 1.0
    limits = (-np.inf, np.inf)
    number = -1
    if isinstance(family, StagedFamily) and family.breaks.start <= index < family.breaks.stop:
        number = index - family.breaks.start
        limits = (float(sample.time[2]), float(sample.time[-3]))

    def rss(values: Array) -> Array:
        if number >= 0:
            return space.rss_of_break(number, values)
        return space.rss(np.full(values.size, index), values, family=told)

    def signed_root(values: Array) -> Array:
        excess = np.maximum(rss(values) - rss_min, 0.0)
        scale = known_scale**2 if known_scale is not None else max(rss_min, 1e-290) / dof
        root: Array = np.sign(values - estimate) * np.sqrt(excess / scale)
        return root

    covariance = fitted.covariance
    if known_scale is not None:
        covariance = covariance / (rss_min / dof) * known_scale**2
    se = math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))
    se = se if np.isfinite(se) and se > 0 else max(abs(estimate), 1.0) * 1e-6
    profile = fitted.correlation
    if profile is None:
        weights, shift, errors = np.ones(1), np.zeros(1), np.full(1, se)
        nu = np.full(1, float(dof))
    else:
        keep = profile.weight > 1e-5 * profile.weight.max()
        weights = profile.weight[keep] / profile.weight[keep].sum()
        shift = profile.shift[keep] @ gradient
        variance = np.einsum("p,rpq,q->r", gradient, profile.covariance[keep], gradient)
        if known_scale is not None:
            variance = variance / (profile.rss[keep] / dof) * known_scale**2
        errors = np.sqrt(np.maximum(np.atleast_1d(variance), 1e-290))
        rho = profile.rho[keep]
        most = max(float(sample.n - fitted.n_parameters), 3.0)
        effective: Array = sample.n * (1 - rho) / np.sqrt(1 + rho**2) - fitted.n_parameters
        nu = np.clip(effective, 3.0, most)
    return Confidence(
        estimate=estimate,
        se=se,
        evaluate=signed_root,
        limits=limits,
        weights=weights,
        nu=nu,
        shift=shift,
        errors=errors,
        normal=known_scale is not None,
        x=np.array([estimate]),
        z=np.zeros(1),
    )


def interval_of(confidence: Confidence, level: float, *, grid: Array | None = None) -> Interval:
    """Return the interval of one quantity.

    Parameters
    ----------
    confidence : Confidence
        Its confidence function.
    level : float
        Nominal coverage, e.g. 0.95.
    grid : Array, optional
        Values at which the profile must be known in any case (the samples, for a breakpoint).
    """
    alpha = (1.0 - level) / 2.0
    steps = confidence.estimate + confidence.se * np.concatenate([-STEPS[::-1], STEPS])
    confidence.learn(steps if grid is None else np.concatenate([steps, grid]))
    open_low = _stays_open(confidence, alpha, -1)
    open_high = _stays_open(confidence, alpha, 1)
    for _ in range(POLISH):
        ends = _crossings(confidence, alpha)
        if not ends.size:
            break
        confidence.learn(ends)
    return _as_set(confidence, alpha, open_low, open_high)


def _stays_open(confidence: Confidence, alpha: float, sign: int) -> bool:
    """Look further out on one side until G leaves the interval; return whether it never does."""
    for further in (FURTHER[:3], FURTHER[3:], np.empty(0)):
        outermost = confidence.x[[0]] if sign < 0 else confidence.x[[-1]]
        g = confidence.cumulative(outermost)[0]
        if (g < alpha) if sign < 0 else (g > 1 - alpha):
            return False
        confidence.learn(confidence.estimate + sign * further * confidence.se)
    return True


def _inside(confidence: Confidence, alpha: float) -> BoolArray:
    g = confidence.cumulative(confidence.x)
    inside: BoolArray = (g >= alpha) & (g <= 1 - alpha)
    return inside


def _crossings(confidence: Confidence, alpha: float) -> Array:
    """Return where the interpolated G crosses alpha or 1 - alpha, between known points."""
    values, inside = confidence.x, _inside(confidence, alpha)
    flips = np.flatnonzero(inside[1:] != inside[:-1])
    if not flips.size:
        return np.empty(0)
    within = np.where(inside[flips], values[flips], values[flips + 1])
    without = np.where(inside[flips], values[flips + 1], values[flips])
    parts = np.arange(SPLITS + 1) / SPLITS
    rows = np.arange(flips.size)
    for _ in range(4):  # nested ninths, all ends at once
        places = within[:, None] + (without - within)[:, None] * parts
        g = confidence.cumulative(places.ravel()).reshape(places.shape)
        keep = (g >= alpha) & (g <= 1 - alpha)
        keep[:, 0], keep[:, -1] = True, False
        last = np.argmin(keep, axis=1) - 1
        within, without = places[rows, last], places[rows, last + 1]
    return np.unique(within)


def _as_set(confidence: Confidence, alpha: float, open_low: bool, open_high: bool) -> Interval:
    values, inside = confidence.x, _inside(confidence, alpha)
    if not inside.any():
        return Interval(low=None, high=None, open_low=True, open_high=True)
    ends = _crossings(confidence, alpha)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    pieces: list[tuple[float, float]] = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        before = values[first - 1] if first else -np.inf
        after = values[last + 1] if last + 1 < values.size else np.inf
        left = ends[(ends <= values[first]) & (ends >= before)]
        right = ends[(ends >= values[last]) & (ends <= after)]
        low = float(left[-1]) if left.size else float(values[first])
        high = float(right[0]) if right.size else float(values[last])
        pieces.append((low, high))
    merged = [pieces[0]]
    width = pieces[-1][1] - pieces[0][0]
    for piece in pieces[1:]:
        if piece[0] - merged[-1][1] < 1e-3 * width:
            merged[-1] = (merged[-1][0], piece[1])
        else:
            merged.append(piece)
    return Interval(
        low=None if open_low else merged[0][0],
        high=None if open_high else merged[-1][1],
        pieces=tuple(merged) if len(merged) > 1 else (),
        open_low=open_low,
        open_high=open_high,
    )
