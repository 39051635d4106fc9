"""Profile-likelihood intervals with the noise correlation integrated out, as sets.

The signed root z(x) = sign(x - x^) sqrt(dof (rss(x) - rss_min)/rss_min) of the profile at rho^ becomes,
at every other rho, z_r(x) = z(x) se/se_r - d_r/se_r with the tangent's standard error se_r and shift
d_r of the estimate there; the confidence function is
G(x) = sum_r w(r) T_nu(r)(z_r(x)), nu(r) = clip(n (1 - r)/sqrt(1 + r^2) - p, 3, n - p), and the interval
is the set {x: alpha/2 <= G(x) <= 1 - alpha/2}. nu lies between the effective numbers of points for a
mean, n (1 - r)/(1 + r), and for a variance, n (1 - r^2)/(1 + r^2): the first alone covers 97-98 % at
n = 51 and r = 0.5.

G rises with z, so the set is where z lies between two critical roots. Its ends are found on a grid of
x about the optimum, then by exact profile values at the crossings.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from cxkinetics.arrays import Array
from cxkinetics.fitting.break_law import BreakLaw
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.fitting.profile import ProfileSpace, profile_space
from cxkinetics.models.families import AmplitudeFamily, RatioFamily, StagedFamily, carried_back

__all__ = ["Confidence", "Interval", "confidence_of", "intervals_of"]

STEPS: Array = np.array([0.6, 1.2, 1.7, 2.2, 2.8, 3.6, 4.8])
"""First grid, in standard errors on either side."""
FURTHER: Array = np.array([6.5, 9.0, 14.0, 22.0, 40.0, 80.0, 200.0])
"""Where the profile is looked at when the first grid does not close the interval."""
POLISH = 2
"""Exact profile values taken at each crossing at least."""
LONGEST = 12
"""The same at most, where the profile is far from straight."""
CLOSE = 0.02
"""Distance of a root from its bound at which an end is found."""
REACH = 2.0
"""Longest first step, as a multiple of the estimate (or of one, in scaled units)."""
TOWARDS_ZERO: Array = np.array([0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0])
"""Shares of an estimate looked at where its standard error exceeds half of it: a rate too fast to be
resolved has a profile that is flat for decades."""


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
    space : ProfileSpace
        Where the profile runs.
    index : int
        The quantity's place among the parameters of `told`, or of the fit's family where that is None.
    told : RatioFamily, AmplitudeFamily or None
        The fit's family told by the quantity, where it is no parameter of its own.
    number : int
        Which breakpoint the quantity is, from 0; negative for any other quantity.
    scale : float
        Variance of the whitened noise.
    limits : (float, float)
        Values beyond which the quantity has no meaning.
    stretch : float or (Array, Array)
        By how much roots exceed Student's law, everywhere or at some values (see `break_law`).
    x, z : Array
        Points of the profile known so far, ascending in x.
    """

    estimate: float
    se: float
    space: ProfileSpace
    index: int
    told: RatioFamily | AmplitudeFamily | None
    number: int
    scale: float
    limits: tuple[float, float]
    weights: Array
    nu: Array
    shift: Array
    errors: Array
    normal: bool = False
    stretch: float | tuple[Array, Array] = 1.0
    x: Array = field(default_factory=lambda: np.empty(0))
    z: Array = field(default_factory=lambda: np.empty(0))

    @property
    def step(self) -> float:
        """The standard error, or less where the tangent leaves the quantity all but free."""
        return min(self.se, REACH * max(abs(self.estimate), 1.0))

    @property
    def first_values(self) -> Array:
        """Where the profile is looked at first."""
        around = self.estimate + self.step * np.concatenate([-STEPS[::-1], STEPS])
        if self.number >= 0 or self.se < abs(self.estimate) / 2:
            return around
        return np.concatenate([around, self.estimate * TOWARDS_ZERO])

    def unknown(self, values: Array) -> Array:
        """Return those of `values` at which the profile can and must still be evaluated, ascending."""
        return np.setdiff1d(values[(values > self.limits[0]) & (values < self.limits[1])], self.x)

    def keep(self, values: Array, rss: Array) -> None:
        """Keep profile values (X,) as signed roots."""
        excess = np.maximum(rss - self.space.fitted.found.rss, 0.0)
        root = np.sign(values - self.estimate) * np.sqrt(excess / self.scale)
        root /= np.interp(values, *self.stretch) if isinstance(self.stretch, tuple) else self.stretch
        x, z = np.concatenate([self.x, values]), np.concatenate([self.z, root])
        order = np.argsort(x)
        self.x, self.z = x[order], z[order]

    def critical(self, alpha: float) -> tuple[float, float]:
        """Return the signed roots between which alpha <= G <= 1 - alpha; G rises with the root."""
        wanted = np.array([alpha, 1.0 - alpha])
        steep = self.se / self.errors
        typical = float(self.nu @ self.weights)
        z = (ndtri(wanted) if self.normal else stdtrit(typical, wanted)) / float(steep @ self.weights)
        low, high = np.full(2, -np.inf), np.full(2, np.inf)
        for _ in range(100):
            ratio = z[:, None] * steep - self.shift / self.errors
            miss = (ndtr(ratio) if self.normal else stdtr(self.nu, ratio)) @ self.weights - wanted
            if np.all(np.abs(miss) <= 1e-6 * alpha):
                break
            low, high = np.where(miss < 0, z, low), np.where(miss > 0, z, high)
            slope = self._density(ratio) @ (self.weights * steep)
            following = z - miss / np.maximum(slope, 1e-300)
            bracketed = np.isfinite(low) & np.isfinite(high)
            middle = np.where(bracketed, (low + high) / 2, z - 2 * np.sign(miss) * np.maximum(np.abs(z), 1.0))
            sound = (following > low) & (following < high) & (np.abs(following - z) < 4 + 2 * np.abs(z))
            z = np.where(sound, following, middle)
        return float(z[0]), float(z[1])

    def _density(self, ratio: Array) -> Array:
        """Return Student's (or the normal) density at each ratio (X, R)."""
        if self.normal:
            density: Array = np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
            return density
        half = (self.nu + 1) / 2
        top = np.exp(gammaln(half) - gammaln(self.nu / 2)) / np.sqrt(self.nu * math.pi)
        density = top * (1 + ratio**2 / self.nu) ** -half
        return density


@np.errstate(over="ignore", invalid="ignore")  # an amplitude carried back from afar may overflow
def confidence_of(
    fitted: Fitted,
    name: str,
    space: ProfileSpace | None = None,
    *,
    known_scale: float | None = None,
    law: BreakLaw | None = None,
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
    law : BreakLaw, optional
        By how much roots exceed Student's law where the break is weak.
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
        back = carried_back(float(theta[first]) * lead)
        estimate = float(theta[0]) * back
        gradient[0], gradient[first] = back, estimate * lead
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
        if number >= 0 or not fitted.resolved:  # a bumpy profile's optimum moves in no such way
            shift = np.zeros_like(shift)
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
        space=space,
        index=index,
        told=told,
        number=number,
        scale=known_scale**2 if known_scale is not None else max(rss_min, 1e-290) / dof,
        limits=limits,
        weights=weights,
        nu=nu,
        shift=shift,
        errors=errors,
        normal=known_scale is not None,
        stretch=_stretch(law, name),
        x=np.array([estimate]),
        z=np.zeros(1),
    )


def _stretch(law: BreakLaw | None, name: str) -> float | tuple[Array, Array]:
    if law is None:
        return 1.0
    if name == "b1":
        return law.trial, law.breaks
    return {"k1": law.rates[0], "k2": law.rates[1], "k1/k2": max(law.rates)}.get(name, 1.0)


def intervals_of(
    confidences: Sequence[Confidence], level: float, *, grids: Sequence[Array | None] = ()
) -> list[Interval]:
    """Return the intervals of quantities of one fit, their profiles evaluated together.

    Parameters
    ----------
    confidences : sequence of Confidence
        Their confidence functions.
    level : float
        Nominal coverage, e.g. 0.95.
    grids : sequence of Array or None
        Values at which each profile must be known in any case (the samples, for a breakpoint).
    """
    alpha = (1.0 - level) / 2.0
    bounds = [confidence.critical(alpha) for confidence in confidences]
    first = [c.first_values for c in confidences]
    for number, grid in enumerate(grids):
        if grid is not None:
            first[number] = np.concatenate([first[number], grid])
    _learn(confidences, first)
    for further in (FURTHER[:3], FURTHER[3:]):
        wanted = [_further(c, bound, further) for c, bound in zip(confidences, bounds, strict=True)]
        if not any(values.size for values in wanted):
            break
        _learn(confidences, wanted)
    for number in range(LONGEST):
        ends = [_crossings(c, bound) for c, bound in zip(confidences, bounds, strict=True)]
        if number >= POLISH:
            ends = [
                _unsettled(c, bound, found, number)
                for c, bound, found in zip(confidences, bounds, ends, strict=True)
            ]
            if not any(end.size for end in ends):
                break
        _learn(confidences, ends)
    return [_as_set(c, bound) for c, bound in zip(confidences, bounds, strict=True)]


def _learn(confidences: Sequence[Confidence], wanted: Sequence[Array]) -> None:
    """Evaluate profiles exactly at the values wanted and keep them; plain parameters in one batch."""
    values = [c.unknown(v) for c, v in zip(confidences, wanted, strict=True)]
    plain = [i for i, c in enumerate(confidences) if c.number < 0 and c.told is None and values[i].size]
    if plain:
        index = np.concatenate([np.full(values[i].size, confidences[i].index) for i in plain])
        rss = confidences[plain[0]].space.rss(index, np.concatenate([values[i] for i in plain]))
        for i, part in zip(
            plain, np.split(rss, np.cumsum([values[i].size for i in plain])[:-1]), strict=True
        ):
            confidences[i].keep(values[i], part)
    for i, confidence in enumerate(confidences):
        if i in plain or not values[i].size:
            continue
        if confidence.number >= 0:
            rss = confidence.space.rss_of_break(confidence.number, values[i])
        else:
            index = np.full(values[i].size, confidence.index)
            rss = confidence.space.rss(index, values[i], family=confidence.told)
        confidence.keep(values[i], rss)


def _further(confidence: Confidence, bound: tuple[float, float], steps: Array) -> Array:
    """Return values further out on the sides where the profile has not left the interval yet."""
    ends = []
    if confidence.z[0] >= bound[0]:
        ends.append(confidence.estimate - steps * confidence.step)
    if confidence.z[-1] <= bound[1]:
        ends.append(confidence.estimate + steps * confidence.step)
    return np.concatenate(ends) if ends else np.empty(0)


def _crossings(confidence: Confidence, bound: tuple[float, float]) -> Array:
    """Return where the interpolated root crosses either bound between known points, just inside."""
    x, z = confidence.x, confidence.z
    inside = (z >= bound[0]) & (z <= bound[1])
    flips = np.flatnonzero(inside[1:] != inside[:-1])
    out = np.where(inside[flips], z[flips + 1], z[flips])
    limit = np.where(out < bound[0], bound[0], bound[1])
    share = (limit - z[flips]) / (z[flips + 1] - z[flips])
    return np.unique(x[flips] + share * (x[flips + 1] - x[flips]))


def _unsettled(confidence: Confidence, bound: tuple[float, float], ends: Array, number: int) -> Array:
    """Return those ends that no known root lies close to, every other time the middle of their brackets."""
    x, z = confidence.x, confidence.z
    after = np.clip(np.searchsorted(x, ends), 1, x.size - 1)
    before = after - 1
    miss = np.minimum(
        *(np.minimum(np.abs(z[side] - bound[0]), np.abs(z[side] - bound[1])) for side in (before, after))
    )
    open_ends = (miss > CLOSE) & (x[after] - x[before] > 1e-9 * np.maximum(np.abs(ends), 1e-3))
    if number % 2:
        return (x[before] + x[after])[open_ends] / 2
    return ends[open_ends]


def _as_set(confidence: Confidence, bound: tuple[float, float]) -> Interval:
    values, inside = confidence.x, (confidence.z >= bound[0]) & (confidence.z <= bound[1])
    open_low, open_high = bool(confidence.z[0] >= bound[0]), bool(confidence.z[-1] <= bound[1])
    if not inside.any():
        return Interval(low=None, high=None, open_low=True, open_high=True)
    ends = _crossings(confidence, bound)
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
    if open_low and math.isfinite(confidence.limits[0]):
        merged[0] = (confidence.limits[0], merged[0][1])
    if open_high and math.isfinite(confidence.limits[1]):
        merged[-1] = (merged[-1][0], confidence.limits[1])
    return Interval(
        low=None if open_low else merged[0][0],
        high=None if open_high else merged[-1][1],
        pieces=tuple(merged) if len(merged) > 1 else (),
        open_low=open_low,
        open_high=open_high,
    )
