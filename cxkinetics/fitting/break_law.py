"""How far true numbers lie from the optimum where a breakpoint is weak, simulated.

The profile of a breakpoint is rough: under correlated noise every gap between samples adds a bump of
its own, and where the break is weak the optimum may jump to another bump far away, taking the rates
with it. The root of the profile at the true value then exceeds Student's quantiles. For a breakpoint
b on trial, traces with the break that the data support at b are drawn in the tangent space of the fit
(as `cxkinetics.fitting.break_test` does for no break) and put through the same search, once freely
and once with the breakpoint, k1 or k2 held at its true value. The quantile of (rss held - rss
free)/(rss free/dof) against Student's tells how much wider the interval must be: a ratio of roots, one
at least. This is the inversion of a simulated likelihood-ratio test (G. Casella and R. L. Berger,
Statistical Inference, Duxbury 2002, section 9.2.1).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, product
from cxkinetics.fitting.fitted import Fitted, tangent
from cxkinetics.fitting.search import break_cells, search_single
from cxkinetics.fitting.whitening import ar1_noise
from cxkinetics.models.families import StagedFamily

__all__ = ["BreakLaw", "break_law"]

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
    trial = near[np.unique(np.linspace(0, near.size - 1, TRIALS).astype(int))]
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
    noise = clear(ar1_noise(sample, fitted.rho, REPLICATES, rng)) * np.sqrt(found.rss / fitted.dof)
    slope, products = float(line @ line), product(hinges, hinges)
    if slope <= 1e-12 * float(np.sum(white.apply(fall * sample.time) ** 2)):
        return None  # nothing decays, so no rate can change
    along = hinges @ line
    cross = products - np.outer(along, along) / slope
    length, own = np.diag(cross), np.diag(products)
    usable = length > 1e-8 * own
    by_line, by_hinge = noise @ line, product(noise, hinges)
    power = np.einsum("bn,bn->b", noise, noise)
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
    inside = knots[(knots >= near[0]) & (knots <= near[-1])]
    inside = inside[np.unique(np.linspace(0, inside.size - 1, 3 * FAR_PLACES).astype(int))]
    fine = (inside[:-1, None] + np.diff(inside)[:, None] * np.arange(PARTS) / PARTS).ravel()
    outside = knots[(knots < near[0]) | (knots > near[-1])]
    if outside.size:
        outside = outside[np.unique(np.linspace(0, outside.size - 1, FAR_PLACES).astype(int))]
    return np.concatenate([fine, inside[-1:], outside])
