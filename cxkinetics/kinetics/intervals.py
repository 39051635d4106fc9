"""Intervals of a staged fit: profiles over the correlation, the law of a weak break, every number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import fdtri, gammaln, ndtr, ndtri, stdtr, stdtrit

from cxkinetics.arrays import Array, BoolArray, product, thinned_out
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import Accepted, accepted_set, between
from cxkinetics.inference.ar1 import ar1_noise, factors_beside, hidden_squares
from cxkinetics.inference.criteria import ALIKE
from cxkinetics.kinetics.optimum import ROUNDING, Fitted, tangent, under
from cxkinetics.kinetics.profile import ProfileSpace, profile_space
from cxkinetics.kinetics.search import (
    FEWEST_FOR_START,
    break_cells,
    longest_start,
    search_single,
    smooth_box,
    width_range,
)
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import (
    AmplitudeFamily,
    FreeJointFamily,
    RatioFamily,
    StagedFamily,
    StartingFamily,
    carried_back,
)

REPLICATES = 300
"""Simulated traces."""
TRIALS = 12
"""Breakpoints on trial at most; the ratio is interpolated between them."""
PLAUSIBLE = 16.0
"""Knots whose F = dof (rss/rss_min - 1) exceeds this are not tried."""
REGULAR = 8
"""Plausible knots up to which the break is sharp and its root follows Student's law."""
PARTS = 3
"""Places per gap at which a replicate looks for its break, where knots are plausible."""
FAR_PLACES = 60
"""Places at most at which it looks elsewhere."""


@dataclass(frozen=True, slots=True, eq=False)
class BreakLaw:
    """By how much roots of profiles exceed Student's law, one at least.

    Attributes
    ----------
    trial, breaks : Array, shape (T,)
        Scaled breakpoints, ascending, and the factor of the breakpoint's own root at each.
    rates : tuple of float
        Factors of k1 and of k2, averaged over the breakpoints by their likelihood.
    """

    trial: Array
    breaks: Array
    rates: tuple[float, float]


def break_law(fitted: Fitted, level: float, rng: np.random.Generator) -> BreakLaw | None:
    """Return the law of the roots of two stages, None where the break is sharp and Student's law holds.

    Parameters
    ----------
    fitted : Fitted
        A fit.
    level : float
        Nominal coverage of the intervals.
    rng : numpy.random.Generator
        Source of the noise.
    """
    family, found, sample = fitted.family, fitted.found, fitted.sample
    if not isinstance(family, StagedFamily) or family.n_stages != 2 or not found.knots.size:
        return None
    near = np.sort(found.knots[found.knot_rss <= found.rss * (1 + PLAUSIBLE / fitted.dof)])
    if near.size <= REGULAR or fitted.dof < 3:
        return None
    trial = thinned_out(near, TRIALS)
    fall, rest = _reference(fitted)
    places = np.concatenate([trial, _places(fitted, near)])
    white = fitted.white
    basis = np.linalg.qr(white.apply(np.stack([fall, np.ones(sample.n)][: 1 + family.with_offset])).T)[0]

    def clear(series: Array) -> Array:
        """Whiten and take the level (and offset) out."""
        whitened = white.apply(series)
        result: Array = whitened - (whitened @ basis) @ basis.T
        return result

    hinges = clear(-fall * np.maximum(sample.time - places[:, None], 0.0))
    line = clear((-fall * sample.time)[None, :])[0]
    data = clear(rest[None, :])[0]
    scale = np.sqrt(found.rss / fitted.dof)
    noise = clear(ar1_noise(sample, fitted.rho, REPLICATES, rng)) * scale
    slope, products = float(line @ line), product(hinges, hinges)
    if slope <= 1e-12 * float(np.sum(white.apply(fall * sample.time) ** 2)):
        return None  # nothing decays, so no rate can change
    along = hinges @ line
    cross = products - np.outer(along, along) / slope
    length, own = np.diag(cross), np.diag(products)
    usable = length > 1e-8 * own
    by_line, by_hinge = noise @ line, product(noise, hinges)
    power = np.einsum("bn,bn->b", noise, noise) + scale**2 * hidden_squares(sample, REPLICATES, rng)
    scores = by_hinge - np.outer(by_line, along) / slope
    free_power = power - by_line**2 / slope
    seen = hinges @ data - along * float(line @ data) / slope
    gains = np.where(usable, seen**2 / np.where(usable, length, 1.0), 0.0)
    roots = np.full((trial.size, 3), float(stdtrit(fitted.dof, 0.5 + level / 2)))
    student = roots[0, 0]
    for i in np.flatnonzero(usable[: trial.size]):
        bend = seen[i] / length[i]  # change of rate that the data support at this break
        score = scores + bend * cross[i]
        most = np.max(score[:, usable] ** 2 / length[usable], axis=1)
        free = free_power + 2 * bend * scores[:, i] + bend**2 * length[i] - most
        held = [free + most - score[:, i] ** 2 / length[i]]
        # a rate held at its true value: the curve is off by the bend between this break and another
        apart = own[i] - 2 * products[i] + own
        shifted = power[:, None] + 2 * bend * (by_hinge[:, [i]] - by_hinge) + bend**2 * apart
        first = by_hinge + bend * (products[i] - own)
        second = by_line[:, None] - by_hinge + bend * (along[i] - along - products[i] + own)
        second_length = slope - 2 * along + own
        for part, size in ((first, own), (second, second_length)):
            rss = (shifted - part**2 / np.maximum(size, 1e-290))[:, usable]
            held.append(rss.min(axis=1))
        excess = (np.stack(held) - free) / np.maximum(free / fitted.dof, 1e-290)
        roots[i] = np.sqrt(np.maximum(np.quantile(excess, level, axis=1), 0.0))
    factors = np.maximum(roots / student, 1.0)
    weight = np.exp(-(gains.max() - gains[: trial.size]) / (2 * found.rss / fitted.dof))
    rates = weight @ factors[:, 1:] / weight.sum()
    return BreakLaw(trial, factors[:, 0], (float(rates[0]), float(rates[1])))


def _reference(fitted: Fitted) -> tuple[Array, Array]:
    """Return the decay (n,) about which curves are straightened, and the data less a curve without break.

    The fit's own decay; where one of its stages is over within a gap, that of one exponential.
    """
    family, sample = fitted.family, fitted.sample
    assert isinstance(family, StagedFamily)
    if fitted.resolved:
        rates = fitted.theta[family.rates]
        offset = fitted.theta[-1] if family.with_offset else 0.0
        fall = sample.signal - fitted.residual - offset
        bend = float(rates[1] - rates[0])
        hinge = -fall * np.maximum(sample.time - float(fitted.theta[family.breaks][0]), 0.0)
        return fall, fitted.residual + bend * hinge
    single = search_single(sample, fitted.white, with_offset=family.with_offset)
    residual, _ = tangent(sample, single)
    return sample.signal - residual - (single.theta[-1] if family.with_offset else 0.0), residual


def _places(fitted: Fitted, near: Array) -> Array:
    """Return where a replicate looks for its break: finely among plausible knots, else on samples."""
    time = fitted.sample.time
    gaps = break_cells(fitted.sample, 2)
    knots = time[gaps[0] : gaps[-1] + 2]
    inside = thinned_out(knots[(knots >= near[0]) & (knots <= near[-1])], 3 * FAR_PLACES)
    fine = (inside[:-1, None] + np.diff(inside)[:, None] * np.arange(PARTS) / PARTS).ravel()
    outside = thinned_out(knots[(knots < near[0]) | (knots > near[-1])], FAR_PLACES)
    return np.concatenate([fine, inside[-1:], outside])


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


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """How a profile of one quantity runs in a space.

    `index` is the quantity's place among the parameters of `told`, or of the fit's family where that is
    None; `number` says which breakpoint it is, from 0, negative for any other quantity.
    """

    space: ProfileSpace
    index: int
    told: RatioFamily | AmplitudeFamily | None
    number: int


@dataclass(slots=True, eq=False)
class Confidence:
    """The confidence function of one quantity under one fit.

    Attributes
    ----------
    estimate, se : float
        Optimum and Wald standard error at rho^, scaled.
    path : Path
        How the profile runs.
    aside : Path or None
        How it runs under another fit of the same noise (a gradual switch beside a break): the better of
        both counts at every value.
    scale : float
        Variance of the whitened noise.
    limits : (float, float)
        Values beyond which the quantity has no meaning.
    stretch : float or (Array, Array)
        By how much roots exceed Student's law, everywhere or at some values (see `break_law`).
    least : float
        Whitened rss from which the excess counts.
    x, z : Array
        Points of the profile known so far, ascending in x.
    """

    estimate: float
    se: float
    path: Path
    aside: Path | None
    scale: float
    limits: tuple[float, float]
    weights: Array
    nu: Array
    shift: Array
    errors: Array
    normal: bool = False
    stretch: float | tuple[Array, Array] = 1.0
    least: float = 0.0
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
        if self.path.number >= 0 or self.se < abs(self.estimate) / 2:
            return around
        return np.concatenate([around, self.estimate * TOWARDS_ZERO])

    def unknown(self, values: Array) -> Array:
        """Return those of `values` at which the profile can and must still be evaluated, ascending."""
        return np.setdiff1d(values[(values > self.limits[0]) & (values < self.limits[1])], self.x)

    def keep(self, values: Array, rss: Array) -> None:
        """Keep profile values (X,) as signed roots."""
        excess = np.maximum(rss - self.least, 0.0)
        root = np.sign(values - self.estimate) * np.sqrt(excess / self.scale)
        root /= np.interp(values, *self.stretch) if isinstance(self.stretch, tuple) else self.stretch
        x, z = np.concatenate([self.x, values]), np.concatenate([self.z, root])
        order = np.argsort(x)
        self.x, self.z = x[order], z[order]

    def baseline(self, rss: float) -> None:
        """Count excess from the rss of a better fit, which stands at zero of the quantity."""
        self.least = rss
        self.x, self.z = np.zeros(1), np.zeros(1)
        self.estimate = 0.0

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
    aside: ProfileSpace | None = None,
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
    aside : ProfileSpace, optional
        Where they run under another fit of the same noise.
    known_scale : float, optional
        Standard deviation of the noise taken at its word, in scaled units.
    law : BreakLaw, optional
        By how much roots exceed Student's law where the break is weak.
    """
    family, sample, theta = fitted.family, fitted.sample, fitted.theta
    index, told, estimate, gradient = _quantity(fitted, name)
    limits, number, bounded = (-np.inf, np.inf), -1, False
    if family.breaks.start <= index < family.breaks.stop:
        number = index - family.breaks.start
        limits = (float(sample.time[2]), float(sample.time[-3]))
        if isinstance(family, StartingFamily):
            limits = (float(family.own_times(sample.time[2], float(theta[family.tau]))), limits[1])
    elif name == "tau":
        limits = (0.0, longest_start(sample))
    elif name == "w":
        limits = width_range(sample)
    elif isinstance(family, DecayFamily):
        lower, upper = smooth_box(family, sample)
        limits = float(lower[index]), float(upper[index])
        bounded = bool(np.any((fitted.theta <= lower) | (fitted.theta >= upper)))
    variance = float(gradient @ fitted.covariance @ gradient)
    if known_scale is not None:
        variance = variance / fitted.variance * known_scale**2
    se = math.sqrt(max(variance, 0.0))
    se = se if np.isfinite(se) and se > 0 else max(abs(estimate), 1.0) * 1e-6
    if name in ("tau", "w"):
        se = max(se, 0.1 * sample.gap)  # none at zero, where no slope is left
    weights, nu, shift, errors = _by_correlation(fitted, gradient, se, known_scale)
    if number >= 0 or bounded or not fitted.resolved:  # this optimum moves in no such way
        shift = np.zeros_like(shift)
    if name in ("tau", "w"):  # at zero it has no tangent to tell how errors change with the correlation
        shift, errors = np.zeros_like(shift), np.full_like(errors, se)
    return Confidence(
        estimate=estimate,
        se=se,
        path=Path(space or profile_space(fitted), index, told, number),
        aside=None if aside is None else _path(aside, name, number),
        scale=max(fitted.variance, 1e-290) if known_scale is None else known_scale**2,
        limits=limits,
        weights=weights,
        nu=nu,
        shift=shift,
        errors=errors,
        normal=known_scale is not None,
        stretch=_stretch(law, name),
        least=fitted.found.rss,
        x=np.array([estimate]),
        z=np.zeros(1),
    )


def _path(space: ProfileSpace, name: str, number: int) -> Path | None:
    """Return how the profile of a quantity runs in another space; None where its fit has no such quantity."""
    if name in (*space.fitted.family.names, "C0", "k1/k2"):
        index, told, _, _ = _quantity(space.fitted, name)
        return Path(space, index, told, number)
    return None


def _quantity(fitted: Fitted, name: str) -> tuple[int, RatioFamily | AmplitudeFamily | None, float, Array]:
    """Return index, the family that has it as a parameter, value and gradient (p,) of a quantity by name."""
    family, theta = fitted.family, fitted.theta
    gradient = np.zeros(theta.size)
    value = _value(fitted, name)
    assert value is not None
    if name == "k1/k2":
        assert not isinstance(family, DecayFamily)
        first = family.names.index("k1")
        gradient[first], gradient[first + 1] = 1 / theta[first + 1], -value / theta[first + 1]
        return first, RatioFamily(family), value, gradient
    if name == "C0":
        assert not isinstance(family, DecayFamily)
        first, lead = family.names.index("k1"), fitted.sample.from_anchor
        told = AmplitudeFamily(family, lead)
        since, by_tau = (float(part[0]) for part in told.since(theta[None, :]))
        gradient[0], gradient[first] = carried_back(float(theta[first]) * since), value * since
        if isinstance(family, StartingFamily):
            gradient[family.tau] = value * float(theta[first]) * by_tau
        return 0, told if lead else None, value, gradient
    index = family.names.index(name)
    gradient[index] = 1.0
    if name[0] == "b" and isinstance(family, StartingFamily):
        number, slopes = index - family.breaks.start, family.told_slopes(theta[None, :])
        gradient[index], gradient[family.tau] = slopes[0][0, number], slopes[1][0, number]
    return index, None, value, gradient


def _by_correlation(
    fitted: Fitted, gradient: Array, se: float, known_scale: float | None
) -> tuple[Array, Array, Array, Array]:
    """Return weight, degrees of freedom, shift and standard error of a quantity at each correlation (R,)."""
    profile, sample, dof = fitted.correlation, fitted.sample, fitted.dof
    if profile is None:
        return np.ones(1), np.full(1, float(dof)), np.zeros(1), np.full(1, se)
    keep = profile.weight > 1e-5 * profile.weight.max()
    variance = np.einsum("p,rpq,q->r", gradient, profile.covariance[keep], gradient)
    if known_scale is not None:
        variance = variance / (profile.rss[keep] / dof) * known_scale**2
    rho = profile.rho[keep]
    # Correlated readings tell less of the noise's size than their number says; below three degrees of
    # freedom Student's law has no variance, and no interval would ever close.
    effective: Array = sample.n_read * (1 - rho) / np.sqrt(1 + rho**2) - fitted.n_parameters
    return (
        profile.weight[keep] / profile.weight[keep].sum(),
        np.clip(effective, 3.0, max(float(sample.n_read - fitted.n_parameters), 3.0)),
        profile.shift[keep] @ gradient,
        np.sqrt(np.maximum(np.atleast_1d(variance), 1e-290)),
    )


def _stretch(law: BreakLaw | None, name: str) -> float | tuple[Array, Array]:
    if law is None:
        return 1.0
    if name == "b1":
        return law.trial, law.breaks
    return {"k1": law.rates[0], "k2": law.rates[1], "k1/k2": max(law.rates)}.get(name, 1.0)


def intervals_of(
    confidences: Sequence[Confidence], level: float, *, grids: Sequence[Array | None] = ()
) -> list[Accepted]:
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
    """Evaluate profiles exactly at the values wanted and keep them."""
    values = [c.unknown(v) for c, v in zip(confidences, wanted, strict=True)]
    asked = [i for i, v in enumerate(values) if v.size]
    least = _profiled([(confidences[i].path, values[i]) for i in asked])
    aside = [i for i in asked if confidences[i].aside is not None]
    others = dict(zip(aside, _profiled([(confidences[i].aside, values[i]) for i in aside]), strict=True))
    for i, rss in zip(asked, least, strict=True):
        confidences[i].keep(values[i], np.minimum(rss, others[i]) if i in others else rss)


def _profiled(asked: Sequence[tuple["Path | None", Array]]) -> list[Array]:
    """Return the least rss of paths of one space at values; plain parameters go in one batch."""
    paths = [(path, values) for path, values in asked if path is not None]
    plain = [i for i, (path, _) in enumerate(paths) if path.number < 0 and path.told is None]
    result: list[Array] = [np.empty(0)] * len(paths)
    if plain:
        index = np.concatenate([np.full(paths[i][1].size, paths[i][0].index) for i in plain])
        rss = paths[plain[0]][0].space.rss(index, np.concatenate([paths[i][1] for i in plain]))
        ends = np.cumsum([paths[i][1].size for i in plain])[:-1]
        for i, part in zip(plain, np.split(rss, ends), strict=True):
            result[i] = part
    for i, (path, values) in enumerate(paths):
        if i not in plain and path.number >= 0:
            result[i] = path.space.rss_of_break(path.number, values)
        elif i not in plain:
            index = np.full(values.size, path.index)
            result[i] = path.space.rss(index, values, family=path.told)
    return result


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
    inside = _inside(confidence, bound)
    flips = np.flatnonzero(inside[1:] != inside[:-1]).tolist()
    return np.unique([_end(confidence, bound, *((i, i + 1) if inside[i] else (i + 1, i))) for i in flips])


def _inside(confidence: Confidence, bound: tuple[float, float]) -> BoolArray:
    """Return which known points of the profile lie within the bounds."""
    inside: BoolArray = (confidence.z >= bound[0]) & (confidence.z <= bound[1])
    return inside


def _end(confidence: Confidence, bound: tuple[float, float], accepted: int, refused: int) -> float:
    """Return where the interpolated root leaves the bounds between two neighbours, by their indices."""
    level = bound[0] if confidence.z[refused] < bound[0] else bound[1]
    return between(confidence.x, confidence.z, accepted, refused, level)


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


HARDLY = 1e-3
"""Gap between two pieces, as a share of the whole set, below which it is rounding of a flat profile."""


def _as_set(confidence: Confidence, bound: tuple[float, float]) -> Accepted:
    """Return the accepted set; pieces with hardly a gap between them are one."""
    open_low, open_high = bool(confidence.z[0] >= bound[0]), bool(confidence.z[-1] <= bound[1])
    inside = _inside(confidence, bound)
    if not inside.any():
        return Accepted((), True, True)
    found = accepted_set(confidence.x, inside, lambda i, j: _end(confidence, bound, i, j))
    merged = [found.pieces[0]]
    width = found.pieces[-1][1] - found.pieces[0][0]
    for piece in found.pieces[1:]:
        if piece[0] - merged[-1][1] < HARDLY * width:
            merged[-1] = (merged[-1][0], piece[1])
        else:
            merged.append(piece)
    if open_low and math.isfinite(confidence.limits[0]):
        merged[0] = (confidence.limits[0], merged[0][1])
    if open_high and math.isfinite(confidence.limits[1]):
        merged[-1] = (merged[-1][0], confidence.limits[1])
    return Accepted(tuple(merged), open_low, open_high)


NARROW = 1e-6
"""Relative width below which an interval is a point, and its pieces mean nothing."""
MOST_KNOTS = 160
"""Samples at most at which the breakpoint's own profile is looked at: a longer trace has a smooth one."""
FINE = 40
"""Plausible gaps up to which the breakpoint's profile is taken at points between samples too."""


class Numbers:
    """The numbers of a staged fit: values of the curve shown, intervals of the wider model.

    Parameters
    ----------
    shown : Fitted
        The fit whose curve and values are shown.
    wider : Fitted, optional
        The fit whose profiles give the intervals (the one with the offset fitted, where the offset
        was chosen); by default the one shown.
    gradual : Fitted, optional
        The same with a gradual switch: intervals hold what either of both admits.
    confidence : float
        Level of the intervals.
    absolute_sigma : bool
        Take sigma at its word.
    seed : int
        Seed of the simulated law of a weak breakpoint.
    """

    def __init__(
        self,
        shown: Fitted,
        wider: Fitted | None = None,
        *,
        gradual: Fitted | None = None,
        confidence: float,
        absolute_sigma: bool = False,
        seed: int = 0,
    ) -> None:
        self.fitted = shown
        self.wider, self.aside = wider or shown, None
        if gradual is not None:
            self.wider, other = _ordered(self.wider, gradual)
            self.aside = profile_space(other)
        self.space: ProfileSpace = profile_space(self.wider)
        self.law = break_law(self.wider, confidence, np.random.default_rng([seed, 2]))
        self.level = confidence
        self._found: dict[str, tuple[Confidence, Accepted]] = {}
        self._short: set[str] = set()
        self.scale = shown.sample.sigma_unit if absolute_sigma else None
        ar1 = self.wider.correlation is not None
        self.method = "profile likelihood, " + ("AR(1) noise integrated out" if ar1 else "white noise")
        if self.wider.family.with_offset and not shown.family.with_offset:
            self.method += ", offset fitted"

    def look(self, *names: str) -> None:
        """Run the profiles of several quantities of the wider model, by name, in one batch: it is faster.

        Names are those of its parameters, "C0" for the amplitude at the anchor, and "k1/k2".
        """
        confidences = [
            confidence_of(self.wider, n, self.space, aside=self.aside, known_scale=self.scale, law=self.law)
            for n in names
        ]
        for name, confidence in zip(names, confidences, strict=True):
            if (
                name[0] == "k"
                and isinstance(confidence.stretch, float)
                and (wider := self._scheffe(name)) > 1
            ):
                confidence.stretch *= wider
                self._short.add(name)
        grids = [self._grid(n) for n in names]
        intervals = [Accepted()] * len(names)
        if self.wider.sample.n > self.wider.n_parameters:
            intervals = intervals_of(confidences, self.level, grids=grids)
        self._found.update(zip(names, zip(confidences, intervals, strict=True), strict=True))

    def _scheffe(self, name: str) -> float:
        """Return by how much roots of k of a stage, or of a ratio, exceed Student's law in a short stage.

        As many unknowns as readings pass through them all, and a profile takes the best of every way to
        do so: H. Scheffe, Biometrika 40, 87 (1953), doi 10.1093/biomet/40.1-2.87, bounds them together.
        """
        family, sample = self.wider.family, self.wider.sample
        if family.n_stages != 2 or isinstance(family, FreeJointFamily) or self.wider.given_breaks:
            return 1.0
        n_first = int(np.sum(sample.time < (_value(self.wider, "b1") or 0.0)))
        started = isinstance(family, StartingFamily)
        for counts, readings, besides in (
            (name != "k2", n_first, started + (self.aside is not None)),
            (name != "k1", sample.n - n_first, family.with_offset + (self.aside is not None)),
        ):
            unknowns = 2 + besides  # k and the break itself
            if counts and readings <= unknowns:
                scheffe = unknowns * float(fdtri(unknowns, self.wider.dof, self.level))
                return math.sqrt(scheffe / float(fdtri(1, self.wider.dof, self.level)))
        return 1.0

    def _known(self, name: str) -> tuple[Confidence, Accepted]:
        if name not in self._found:
            self.look(name)
        return self._found[name]

    def look_at_all(self) -> None:
        """Run every profile that a result shows."""
        held = self.wider.held
        names = [name for i, name in enumerate(self.wider.family.names) if not held[i] and name[0] != "C"]
        self.look("C0", *sorted(names, key=lambda name: name[0] == "b"))  # breakpoints last

    def rate(self, number: int) -> Estimate:
        """Return k of stage `number` (from 1), in 1/s.

        Where nothing keeps the break beside a first or last stage from that end of the run, the stage may
        be too short to bound its k: the interval is open on the side away from the other k, on both sides
        where it holds the other.
        """
        found = self._estimate("k", f"k{number}", 1 / self.fitted.sample.span_s, "1/s")
        below, above = self._left_open(number)
        return _opened(found, below, above, f"stage {number} may be too short to bound its k")

    def ratio(self) -> Estimate:
        """Return k1/k2."""
        second = self.fitted.theta[self.fitted.family.names.index("k2")]
        if abs(second) < 1e-9:
            return Estimate(name="k1/k2", value=None, reason="k2 is zero")
        found = self._estimate("k1/k2", "k1/k2", 1.0, "")
        first, last = self._left_open(1), self._left_open(2)
        reason = "a stage beside the breakpoint may be too short to bound its k"
        return _opened(found, first[0] or last[1], first[1] or last[0], reason)

    def _left_open(self, number: int) -> tuple[bool, bool]:
        """Return whether k of a stage is unbounded from below and from above as its break is."""
        family = self.wider.family
        names = family.names[family.breaks]
        searched = bool(names) and not (isinstance(family, FreeJointFamily) or self.wider.given_breaks)
        if not (searched and number in (1, len(names) + 1)):
            return False, False
        beside, other = (names[0], "k2") if number == 1 else (names[-1], f"k{number - 1}")
        _, accepted = self._known(beside)
        if not (accepted.open_low if number == 1 else accepted.open_high):
            return False, False
        own, (neighbour, _) = self._known(f"k{number}")[1], self._known(other)
        falls = own.low is None or own.low < neighbour.estimate
        rises = own.high is None or own.high > neighbour.estimate
        return falls, rises

    def amplitude(self, unit: str) -> Estimate:
        """Return A0 - Ainf at t = 0, in the trace's unit."""
        return self._estimate("amplitude", "C0", self.fitted.sample.scale, unit)

    def parameter(self, label: str, name: str, factor: float, unit: str) -> Estimate:
        """Return a parameter of a smooth model; where the bound of its range ends the interval, that end."""
        found = self._estimate(label, name, factor, unit)
        confidence, interval = self._found[name]
        open_ends = zip(confidence.limits, (interval.open_low, interval.open_high), strict=True)
        bounded = all(math.isfinite(limit) for limit, is_open in open_ends if is_open)
        if not (interval.open_ends and bounded) or name[0] == "k":  # a rate's range is that of the readings
            return found
        low, high = (limit * factor for limit in confidence.limits)
        return replace(
            found,
            low=low if interval.open_low else found.low,
            high=high if interval.open_high else found.high,
            reason=f"the {' and the '.join(interval.open_ends)} end is that of the range of {label}",
        )

    def to_user_units(self) -> Array:
        """Return the matrix (p, p) from scaled parameters to user units, the amplitude at its anchor."""
        sample, names = self.fitted.sample, self.fitted.family.names
        factors = {"C": sample.scale, "o": sample.scale, "k": 1 / sample.span_s}
        matrix = np.diag([factors.get(name[0], sample.span_s) for name in names])
        lead = sample.from_anchor
        first = names.index("k1")
        back = carried_back(float(self.fitted.theta[first]) * lead)
        matrix[0, 0] *= back
        matrix[0, first] += sample.scale * self.fitted.theta[0] * back * lead
        return matrix

    def offset(self, unit: str, given: float | None) -> Estimate:
        """Return Ainf, in the trace's unit."""
        joined = self.beside("offset", "offset", self.fitted.sample.scale, unit)
        if joined is not None and given is not None:
            value, low, high = (given + (end or 0.0) for end in (joined.value, joined.low, joined.high))
            how = "the blank joined with the readings"
            return replace(joined, value=value, low=low, high=high, method=how)
        if given is not None:
            return Estimate(name="offset", value=given, unit=unit, method="fixed", reason="given")
        if self.fitted.family.with_offset:
            return self._estimate("offset", "o", self.fitted.sample.scale, unit)
        if not self.wider.family.with_offset:
            reason = "zero: none was fitted (too few points, or nothing decays)"
            return Estimate(name="offset", value=0.0, unit=unit, method="chosen", reason=reason)
        fitted = self._estimate("offset", "o", self.fitted.sample.scale, unit)
        shown = fitted.format_value()
        reason = f"a fitted offset, {shown}, gains less than {ALIKE:g} in AICc; its interval is given"
        return replace(fitted, value=0.0, method="profile likelihood of the fitted offset", reason=reason)

    def beside(self, label: str, name: str, factor: float, unit: str) -> Estimate | None:
        """Return the factor of a curve beside the model, by its name; None where there is none such."""
        fitted, sample = self.fitted, self.fitted.sample
        if sample.beside is None or name not in sample.beside.names:
            return None
        wide = fitted if self.wider.family.with_offset == fitted.family.with_offset else self.wider
        place = sample.beside.names.index(name)
        values, _ = factors_beside(sample, fitted.rho, fitted.residual, fitted.jacobian)
        middle, square = factors_beside(sample, wide.rho, wide.residual, wide.jacobian)
        scale = fitted.variance if self.scale is None else self.scale**2
        error = math.sqrt(float(square[place, place]) * scale)
        reach = (
            float(stdtrit(wide.dof, 0.5 + self.level / 2)) * error
            if self.scale is None
            else float(ndtri(0.5 + self.level / 2)) * error
        )
        value, centre = float(values[place]) * factor, float(middle[place]) * factor
        return Estimate(
            name=label,
            value=value,
            se=error * factor,
            low=min(centre - reach * factor, value),
            high=max(centre + reach * factor, value),
            unit=unit,
            method="least squares beside the model",
        )

    def drift(self, unit: str) -> Estimate | None:
        """Return the slope of a drifting baseline, in the trace's unit per s; None where none was fitted."""
        sample = self.fitted.sample
        return self.beside("drift", "drift", sample.scale / sample.span_s, f"{unit}/s")

    @cached_property
    def width(self) -> Estimate | None:
        """The time in which the rate goes from 10 to 90 % of its change, s; None of one stage."""
        sample = self.wider.sample
        if not self._is_gradual(self.wider):
            if self.aside is None or not self._is_gradual(self.aside.fitted):
                return self._no_width()
            confidence = confidence_of(self.aside.fitted, "w", self.aside, known_scale=self.scale)
            confidence.baseline(self.wider.found.rss)
            found = intervals_of([confidence], self.level, grids=[self._grid("w")])[0]
            told = found.told(lambda end: end * sample.span_s)
            high = told.high
            reason = "" if high is not None else "the data do not bound how long the switch takes"
            zero = Estimate(name="switch width", value=0.0, low=0.0, high=high, unit="s")
            return replace(zero, method=self.method, reason=reason)
        width = self._estimate("switch width", "w", sample.span_s, "s")
        return _from_zero(width)

    def _no_width(self) -> Estimate | None:
        """Return why several stages have no width of their switch; None of one stage."""
        family = self.fitted.family
        if family.n_stages == 1:
            return None
        if isinstance(family, FreeJointFamily):
            reason = "free joints leave a gap between the stages, not a switch"
        elif self.fitted.given_breaks:
            reason = "the breakpoint was given: no switch was fitted"
        elif family.n_stages > 2:
            reason = "a width is fitted to one switch; these stages have several"
        elif not isinstance(family, StartingFamily) and self.fitted.sample.n >= FEWEST_FOR_START:
            reason = "the plain model was asked for (--start-up none): an abrupt switch"
        else:
            reason = f"{self.fitted.sample.n} readings are too few for a width"
        return Estimate(name="switch width", value=None, unit="s", reason=reason)

    @staticmethod
    def _is_gradual(fitted: Fitted) -> bool:
        return isinstance(fitted.family, StartingFamily) and fitted.family.gradual

    def start_up(self) -> Estimate | None:
        """Return the time constant of mixing or of the instrument, in s; None where none was fitted."""
        if not isinstance(self.wider.family, StartingFamily) or not self.wider.sample.starts:
            return None
        found = self._estimate("start-up time", "tau", self.wider.sample.span_s, "s")
        return _from_zero(found)

    def breakpoint(self, number: int) -> Estimate:
        """Return breakpoint `number` (from 1), in s."""
        sample, family = self.fitted.sample, self.fitted.family
        if isinstance(family, FreeJointFamily):
            return self._gap(number)
        if self.fitted.given_breaks:
            value, told = float(self.fitted.theta[family.breaks][number - 1]), "given, not fitted"
            value = value * sample.span_s + sample.first_s
            return Estimate(name="breakpoint", value=value, unit="s", method="given", reason=told)
        found = self._estimate("breakpoint", f"b{number}", sample.span_s, "s", shift=sample.first_s)
        if found.low is None or found.high is None:
            found = replace(found, within=(sample.first_s, sample.first_s + sample.span_s))
        if self.fitted.found.at_edge:
            found = replace(found, reason="the optimum stands at the edge of the search range")
        return found

    def _estimate(self, label: str, name: str, factor: float, unit: str, *, shift: float = 0.0) -> Estimate:
        """Return a quantity of the curve shown with its interval, scaled by `factor` and moved by `shift`."""
        confidence, interval = self._known(name)
        value = _value(self.fitted, name)
        value = (confidence.estimate if value is None else value) * factor + shift
        if self.wider.sample.n - self.wider.n_parameters < 1:
            reason = "no degrees of freedom are left for an interval"
            return Estimate(name=label, value=value, unit=unit, reason=reason)
        found = interval.told(lambda end: end * factor + shift)
        low, high, pieces = found.low, found.high, found.several
        if low is not None and high is not None and high - low < NARROW * max(abs(low), abs(high)):
            pieces = ()
        stretched = isinstance(confidence.stretch, tuple) or confidence.stretch > 1.0
        law = "Scheffe's bound for a short stage" if name in self._short else "law of a weak break simulated"
        reason = ""
        if found.open_ends:
            which = "both ends" if len(found.open_ends) == 2 else f"the {found.open_ends[0]} end"
            reason = f"the data do not bound {which}: the likelihood profile stays flat"
        made = Estimate(
            name=label,
            value=value,
            se=None if found.open_ends else confidence.se * abs(factor),
            low=low,
            high=high,
            unit=unit,
            method=self.method + (f", {law}" if stretched else ""),
            reason=reason,
            pieces=pieces,
        )
        return _opened(made, low is not None and value < low, high is not None and value > high, ELSEWHERE)

    def _grid(self, name: str) -> Array | None:
        """Return where the profile of a quantity must be known in any case."""
        if name == "tau":
            sample = self.wider.sample
            gap, longest = sample.gap, longest_start(sample)
            return np.append(np.geomspace(0.05 * gap, longest, 12)[:-1], 0.999 * longest)
        if name == "w":
            narrow, wide = width_range(self.wider.sample)
            return np.geomspace(1.01 * narrow, 0.99 * wide, 14)
        breaks = self.wider.family.names[self.wider.family.breaks]
        if name in breaks and not self._is_gradual(self.wider):
            return self._break_grid(int(name[1:]))
        return None

    def _break_grid(self, number: int) -> Array:
        """Return where the profile of a breakpoint must be known: samples and, if few, points between."""
        space, sample = self.space, self.wider.sample
        family = self.wider.family
        assert isinstance(family, StagedFamily)
        column = family.breaks.start + number - 1
        if family.n_stages > 2:
            return np.empty(0)
        low, high = space.theta[:, column].min(), space.theta[:, column].max()
        clock = sample.time
        if isinstance(family, StartingFamily):
            clock = family.own_times(sample.time, float(self.wider.theta[family.tau]))
            low, high = np.interp([low, high], sample.time, clock)
        knots = clock[2:-2]
        first, last = np.searchsorted(knots, low), np.searchsorted(knots, high, side="right")
        inside = thinned_out(knots[max(first - 1, 0) : last + 1], MOST_KNOTS)
        if inside.size > FINE:
            return inside
        parts = 2 if inside.size > 12 else 4
        steps = np.arange(parts) / parts
        between = (inside[:-1, None] + np.diff(inside)[:, None] * steps).ravel()
        return np.concatenate([between, inside[-1:]])

    def _gap(self, number: int) -> Estimate:
        """Return a breakpoint between free joints: the gap, and every gap the profile admits."""
        fitted, sample = self.fitted, self.fitted.sample
        found, reason = fitted.found, ""
        cell = int(found.cell[number - 1])
        low, high = sample.time[cell - 1], sample.time[cell]
        middle = float(low + high) / 2
        if found.knots.size:
            limit = found.rss * (1 + float(stdtrit(fitted.dof, 0.5 + self.level / 2)) ** 2 / fitted.dof)
            firsts = np.searchsorted(sample.time, found.knots[found.knot_rss <= limit])
            if firsts.size:
                low, high = min(low, sample.time[firsts.min() - 1]), max(high, sample.time[firsts.max()])
        else:
            reason = "the interval is the gap itself"
        span, first = sample.span_s, sample.first_s
        return Estimate(
            name="breakpoint",
            value=middle * span + first,
            low=float(low) * span + first,
            high=float(high) * span + first,
            unit="s",
            method="profile over the gaps between samples" if not reason else "gap",
            reason=reason,
        )


ELSEWHERE = "the likelihood is larger elsewhere than at the value shown, which no interval around that holds"


def _opened(found: Estimate, below: bool, above: bool, reason: str) -> Estimate:
    """Return an estimate without the ends that are unbounded for a reason."""
    ends = (found.low if not below else None), (found.high if not above else None)
    if ends == (found.low, found.high):
        return found
    told = found.reason if found.reason == ELSEWHERE else reason
    return replace(found, se=None, low=ends[0], high=ends[1], reason=told, pieces=())


def _from_zero(time: Estimate) -> Estimate:
    """Return a time that cannot be negative with an interval that begins at zero, where it is open below."""
    if time.low is not None:
        return time
    reason = "the data do not bound it from above" if time.high is None else ""
    return replace(time, low=0.0, reason=reason)


def _ordered(hard: Fitted, gradual: Fitted) -> tuple[Fitted, Fitted]:
    """Return a fit with a break and one with a gradual switch under one whitening, the better one first."""
    lead = information_lead(hard, gradual)
    best, other = (gradual, hard) if lead > 0 else (hard, gradual)
    other = under(other, best.white, best.rho)
    return (best, other) if best.found.rss <= other.found.rss else (other, best)


def information_lead(hard: Fitted, gradual: Fitted) -> float:
    """Return by how much -2 ln L of a gradual switch lies below that of a break, each in its own noise."""
    n = hard.sample.n_read
    floor = n * ROUNDING**2
    of = [n * np.log(max(f.found.rss, floor)) + float(f.white.log_determinant) for f in (hard, gradual)]
    return float(of[0] - of[1])


def _value(fitted: Fitted, name: str) -> float | None:
    """Return a scaled quantity of a fit, by name; None where it has no such parameter."""
    names, theta = fitted.family.names, fitted.theta
    if name == "k1/k2":
        return float(theta[names.index("k1")] / theta[names.index("k2")])
    if name == "C0":
        assert not isinstance(fitted.family, DecayFamily)
        told = AmplitudeFamily(fitted.family, fitted.sample.from_anchor).told(theta[None, :])
        return float(told[0, 0])
    if name[0] == "b" and isinstance(fitted.family, StartingFamily):
        theta = fitted.family.told(theta[None, :])[0]  # on the clock of the reaction
    return float(theta[names.index(name)]) if name in names else None


def half_life_of(rate: Estimate) -> Estimate:
    """Return ln(2)/k with the interval carried over; open where the rate's interval reaches zero."""
    if rate.value is None or rate.value <= 0:
        reason = "the rate constant is not positive" if rate.value is not None else rate.reason
        return Estimate(name="half-life", value=None, unit="s", method=rate.method, reason=reason)
    ln2 = float(np.log(2.0))
    se = None if rate.se is None else ln2 / rate.value**2 * rate.se
    low = ln2 / rate.high if rate.high is not None and rate.high > 0 else None
    high = ln2 / rate.low if rate.low is not None and rate.low > 0 else None
    reason = rate.reason
    if high is None and rate.low is not None and rate.low <= 0:
        reason = "the interval of k holds 0, so the half-life has no upper end"
    value = ln2 / rate.value
    told = replace(rate, name="half-life", value=value, se=se, low=low, high=high, unit="s", reason=reason)
    return replace(told, pieces=())
