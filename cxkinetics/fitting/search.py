"""The breakpoint search: every sample as a knot, then every gap beside the best knots.

Holding the break on each inner sample gives smooth problems that are descended in one batch from
the single exponential; then the break runs free inside the gaps beside the best knots. It is
never let run free across samples, where it would stop at the kinks of the profile.

Two kinds of decay that knots on samples see nothing of have starts of their own: a second stage that
is over within one gap, and lines so straight that amplitude and offset run off to infinity. Long
traces (more than `DENSE` samples) are searched on averaged neighbours first and then on all samples
near the best of these. Several breaks: `cxkinetics.fitting.search_several`.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import EDGE, MIN_DISTINCT
from cxkinetics.fitting.sample import CLOSEST, Sample
from cxkinetics.fitting.starts import bent_lines, grid_starts, sudden_ends
from cxkinetics.fitting.whitening import Whitening, whitening
from cxkinetics.models.bent_line import BentLineFamily
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.models.families import FreeJointFamily, StagedFamily

__all__ = [
    "Found",
    "box",
    "break_cells",
    "fastest_rate",
    "fit_at",
    "race_of",
    "search_single",
    "search_staged",
]

DENSE = 400
"""Samples up to which every one is tried as a knot in the first pass."""
BEST = 8
"""Knots (or coarse sets of knots) whose neighbourhoods are searched to the end."""
STRAIGHT = 1.5
"""Excess of rss up to which two straight lines are worth bending into decays."""
FASTEST = 60.0
"""Largest rate constant tried, per shortest spacing of the samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An optimum: parameters (p,), its cell (the sample on or before each break) and whitened rss.

    `knots`, `knot_theta` and `knot_rss` hold the profile over the samples tried as knots (one
    break only).
    """

    family: StagedFamily | FreeJointFamily
    theta: Array
    cell: IntArray
    rss: float
    knots: Array
    knot_theta: Array
    knot_rss: Array
    at_edge: bool = False


def fastest_rate(sample: Sample) -> float:
    """Return the largest rate constant that the samples could show, per span."""
    return FASTEST / float(np.min(np.diff(sample.time)))


def box(family: StagedFamily, sample: Sample, cells: IntArray) -> tuple[Array, Array]:
    """Return the bounds (B, p) that keep each break inside its gap (cells (B, m - 1))."""
    batch, width = cells.shape[0], len(family.names)
    lower, upper = np.full((batch, width), -np.inf), np.full((batch, width), np.inf)
    limit = fastest_rate(sample)
    lower[:, family.rates], upper[:, family.rates] = -limit, limit
    if cells.size:
        time = sample.time
        low, high = time[cells], time[cells + 1]
        lower[:, family.breaks] = low + np.where(cells == MIN_DISTINCT - 1, EDGE * (high - low), 0.0)
        upper[:, family.breaks] = high
    return lower, upper


def break_cells(sample: Sample, n_stages: int = 2) -> IntArray:
    """Return the gaps (index of their left sample) in which a single break may lie.

    Raises
    ------
    UnresolvedBreakpointError
        If the samples cannot hold that many stages.
    """
    need = MIN_DISTINCT * n_stages
    if sample.n < need:
        raise UnresolvedBreakpointError(
            f"{n_stages} stages need {MIN_DISTINCT} distinct times each, {need} in all; "
            f"the data hold {sample.n}; demand fewer stages or measure more points"
        )
    return np.arange(MIN_DISTINCT - 1, sample.n - MIN_DISTINCT)


def search_single(sample: Sample, white: Whitening, *, with_offset: bool) -> Found:
    """Return the global single exponential, from a grid of rates with the amplitudes projected out."""
    family = StagedFamily(1, with_offset)
    theta = grid_starts(DecayFamily(DECAYS["exponential"], with_offset), sample, white, keep=2)
    cells = np.empty((theta.shape[0], 0), dtype=np.intp)
    lower, upper = box(family, sample, cells)
    done = descend(family, Target(sample.time, sample.signal, white), theta, lower=lower, upper=upper)
    best = int(np.argmin(done.rss))
    empty = np.empty(0)
    return Found(family, done.theta[best], cells[best], float(done.rss[best]), empty, empty, empty)


def search_staged(
    sample: Sample,
    white: Whitening,
    *,
    with_offset: bool,
    single: Found | None = None,
    warm: Found | None = None,
) -> Found:
    """Return the global decay of two stages with a continuous joint.

    Parameters
    ----------
    sample, white
        Data and the whitening of their noise.
    with_offset : bool
        Whether the offset is fitted (else zero).
    single : Found, optional
        The single exponential, where it is known.
    warm : Found, optional
        The same search at another correlation: its knots are the starts of this one, but for those
        far behind.

    Raises
    ------
    UnresolvedBreakpointError
        If the samples cannot hold that many stages.
    """
    gaps = break_cells(sample)
    family = StagedFamily(2, with_offset)
    knots = np.arange(MIN_DISTINCT - 1, sample.n - MIN_DISTINCT + 1)
    if warm is not None and warm.knots.size:
        near = warm.knot_rss <= (1 + 4 * race_of(sample)) * warm.knot_rss.min()
        knots = np.searchsorted(sample.time, warm.knots[near])
        begin = warm.knot_theta[near]
    else:
        if knots.size > DENSE:
            knots = _promising_knots(sample, with_offset, knots)
        start = single or search_single(sample, white, with_offset=with_offset)
        begin = _from_single(family, sample, knots, start)
    theta, rss = _fit_knots(family, sample, white, knots, begin)
    order = knots[np.argsort(rss, kind="stable")[:BEST]]
    cells = np.unique(np.clip(np.concatenate([order - 1, order]), gaps[0], gaps[-1]))
    near = np.abs(knots[:, None] - cells[None, :]) + np.where(rss[:, None] > np.min(rss) * 1e6, 1e9, 0.0)
    sudden, ends = sudden_ends(family, sample, white, gaps, theta[int(np.argmin(rss)), 1])
    cells = np.concatenate([cells, sudden])
    starts = np.concatenate([theta[np.argmin(near, axis=0)], ends])
    rough = fit_at(family, sample, white, cells[:, None], starts, iterations=30, tolerance=1e-9)
    best = int(np.argmin(rough[1]))
    cell, begin = cells[best : best + 1], rough[0][best : best + 1]
    if with_offset:
        cell, begin = _or_bent_line(family, sample, white, gaps, (cell, begin, float(rough[1][best])))
    found = fit_at(family, sample, white, cell[:, None], begin)
    value = found[0][0]
    edge = bool(
        value[family.breaks][0]
        <= sample.time[gaps[0]] + 2 * EDGE * (sample.time[gaps[0] + 1] - sample.time[gaps[0]])
        or value[family.breaks][0] >= sample.time[gaps[-1] + 1]
    )
    return Found(family, value, cell, float(found[1][0]), sample.time[knots], theta, rss, edge)


def _or_bent_line(
    family: StagedFamily,
    sample: Sample,
    white: Whitening,
    gaps: IntArray,
    known: tuple[IntArray, Array, float],
) -> tuple[IntArray, Array]:
    """Return gap (1,) and parameters (1, p) of the better of the optimum known and a bent line's."""
    cells, starts, least = bent_lines(sample, white, gaps)
    if least > STRAIGHT * known[2]:
        return known[:2]
    told = BentLineFamily()
    lower, upper = np.full(starts.shape, -np.inf), np.full(starts.shape, np.inf)
    bounds = box(family, sample, cells[:, None])
    lower[:, 3], upper[:, 3] = bounds[0][:, 3], bounds[1][:, 3]
    done = descend(
        told,
        Target(sample.time, sample.signal, white),
        starts,
        cell=cells[:, None],
        lower=lower,
        upper=upper,
        tolerance=1e-11,
    )
    best = int(np.argmin(done.rss))
    if done.rss[best] >= known[2]:
        return known[:2]
    return cells[best : best + 1], told.told(done.theta[best : best + 1])


def fit_at(
    family: StagedFamily,
    sample: Sample,
    white: Whitening,
    cells: IntArray,
    start: Array,
    *,
    iterations: int = 60,
    tolerance: float = 1e-13,
) -> tuple[Array, Array]:
    """Return parameters (B, p) and rss (B,) with each break free inside its gap (cells (B, m - 1))."""
    lower, upper = box(family, sample, cells)
    target = Target(sample.time, sample.signal, white)
    done = descend(
        family,
        target,
        start,
        cell=cells,
        lower=lower,
        upper=upper,
        iterations=iterations,
        tolerance=tolerance,
        race=race_of(sample),
    )
    return done.theta, done.rss


def race_of(sample: Sample) -> float:
    """Return how far above the best a knot must lie to be out of every profile of interest."""
    return max(1.0, 60.0 / max(sample.n - 5, 1))


def _from_single(family: StagedFamily, sample: Sample, knots: IntArray, single: Found) -> Array:
    """Return starts (B, p) with the break on each of the samples `knots` and equal rates."""
    start = np.empty((knots.size, len(family.names)))
    start[:, 0], start[:, family.rates] = single.theta[0], single.theta[1]
    start[:, 3] = sample.time[knots]
    first = knots == MIN_DISTINCT - 1
    start[first, 3] += EDGE * (sample.time[MIN_DISTINCT] - sample.time[MIN_DISTINCT - 1])
    if family.with_offset:
        start[:, 4] = single.theta[-1]
    return start


def _fit_knots(
    family: StagedFamily, sample: Sample, white: Whitening, knots: IntArray, start: Array
) -> tuple[Array, Array]:
    """Return parameters and rss with the break held on each of the samples `knots`."""
    width = len(family.names)
    free = np.ones(width, bool)
    free[family.breaks] = False
    limit = fastest_rate(sample)
    lower, upper = np.full(width, -np.inf), np.full(width, np.inf)
    lower[family.rates], upper[family.rates] = -limit, limit
    done = descend(
        family,
        Target(sample.time, sample.signal, white),
        start,
        lower=lower,
        upper=upper,
        free=free,
        iterations=25,
        tolerance=1e-8,
        race=race_of(sample),
    )
    return done.theta, done.rss


def _promising_knots(sample: Sample, with_offset: bool, knots: IntArray) -> IntArray:
    """Return the samples near the best breaks of the averaged trace (white noise), for long traces."""
    edges = np.linspace(0, sample.n, DENSE + 1).astype(int)[:-1]
    weight = sample.sigma**-2.0
    total = np.add.reduceat(weight, edges)
    time = np.add.reduceat(weight * sample.time, edges) / total
    spacing = np.diff(time)
    short = Sample(
        time=time,
        signal=np.add.reduceat(weight * sample.signal, edges) / total,
        sigma=total**-0.5,
        spacing=np.maximum(spacing / np.median(spacing), CLOSEST),
        span_s=sample.span_s,
        scale=sample.scale,
        first_s=sample.first_s,
        sigma_unit=sample.sigma_unit,
        n_raw=sample.n_raw,
    )
    found = search_staged(short, whitening(short, 0.0), with_offset=with_offset)
    best = np.argsort(found.knot_rss, kind="stable")[: 3 * BEST]
    stride = max(1, (sample.n // DENSE) // 12)
    chosen = []
    for centre in found.knots[best]:
        middle = int(np.searchsorted(sample.time, centre))
        chosen.append(np.arange(middle - 24 * stride, middle + 24 * stride + 1, stride))
    near = np.unique(np.concatenate(chosen))
    inside: IntArray = near[(near >= knots[0]) & (near <= knots[-1])]
    return inside
