"""The breakpoint search: every sample as a knot, then every gap beside the best knots.

Holding the break on each inner sample gives smooth problems that are descended in one batch from
the single exponential; then the break runs free inside the gaps beside the best knots. It is
never let run free across samples, where it would stop at the kinks of the profile.

Long traces (more than `DENSE` samples) are searched on averaged neighbours first and then on all
samples near the best of these. Several breaks: all pairs of a coarse set of knots, then each
candidate walks from gap to gap until it rests.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import EDGE, MIN_DISTINCT
from cxkinetics.fitting.sample import CLOSEST, Sample
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.models.families import LARGEST_EXPONENT, FreeJointFamily, StagedFamily

__all__ = [
    "Found",
    "box",
    "break_cells",
    "fastest_rate",
    "fit_at",
    "grid_starts",
    "search_single",
    "search_staged",
]

DENSE = 400
"""Samples up to which every one is tried as a knot in the first pass."""
BEST = 8
"""Knots (or coarse sets of knots) whose neighbourhoods are searched to the end."""
SUDDEN = 3
"""Gaps in which a second stage that is over at once is searched to the end."""
MOST_SUDDEN = 200
"""Gaps at most in which it is looked for."""
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
    theta = grid_starts(DecayFamily(DECAYS["exponential"], with_offset), sample, white, keep=4)
    cells = np.empty((theta.shape[0], 0), dtype=np.intp)
    lower, upper = box(family, sample, cells)
    done = descend(family, Target(sample.time, sample.signal, white), theta, lower=lower, upper=upper)
    best = int(np.argmin(done.rss))
    empty = np.empty(0)
    return Found(family, done.theta[best], cells[best], float(done.rss[best]), empty, empty, empty)


def grid_starts(
    family: DecayFamily, sample: Sample, white: Whitening, *, keep: int, clock: Array | None = None
) -> Array:
    """Return the `keep` best starts (keep, p) of a smooth family on its grid."""
    grid = np.array(family.shape.grid)
    columns, _ = family.function(sample.time if clock is None else clock, grid)
    if family.with_offset:
        columns = np.concatenate([columns, np.ones((grid.shape[0], 1, sample.n))], axis=1)
    whitened = white.apply(columns)
    signal = white.apply(sample.signal[None, :])[0]
    normal = whitened @ whitened.transpose(0, 2, 1)
    size = np.einsum("bmm->bm", normal)
    diagonal = np.arange(size.shape[1])
    normal[:, diagonal, diagonal] += 1e-12 * size.max(axis=1, keepdims=True) + 1e-280
    right = whitened @ signal
    linear = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    gain = np.einsum("bm,bm->b", linear, right)
    order = np.argsort(-gain, kind="stable")[:keep]
    count = family.shape.n_columns
    parts = [linear[order, :count], grid[order]]
    if family.with_offset:
        parts.append(linear[order, count:])
    starts: Array = np.concatenate(parts, axis=1)
    return starts


def search_staged(
    sample: Sample,
    white: Whitening,
    *,
    n_stages: int = 2,
    with_offset: bool,
    single: Found | None = None,
    warm: Found | None = None,
) -> Found:
    """Return the global staged decay with continuous joints.

    Parameters
    ----------
    sample, white
        Data and the whitening of their noise.
    n_stages : int
        Stages.
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
    gaps = break_cells(sample, n_stages)
    if n_stages == 1:
        return search_single(sample, white, with_offset=with_offset)
    if n_stages > 2:
        start = single or search_single(sample, white, with_offset=with_offset)
        return _search_several(sample, white, n_stages, with_offset, start)
    family = StagedFamily(2, with_offset)
    knots = np.arange(MIN_DISTINCT - 1, sample.n - MIN_DISTINCT + 1)
    if warm is not None and warm.knots.size:
        near = warm.knot_rss <= (1 + 4 * _race(sample)) * warm.knot_rss.min()
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
    sudden, ends = _sudden_ends(family, sample, white, gaps, theta[int(np.argmin(rss)), 1])
    cells = np.concatenate([cells, sudden])
    starts = np.concatenate([theta[np.argmin(near, axis=0)], ends])
    rough = fit_at(family, sample, white, cells[:, None], starts, iterations=30, tolerance=1e-9)
    best = int(np.argmin(rough[1]))
    cell = cells[best : best + 1]
    found = fit_at(family, sample, white, cell[:, None], rough[0][best : best + 1])
    value = found[0][0]
    edge = bool(
        value[family.breaks][0]
        <= sample.time[gaps[0]] + 2 * EDGE * (sample.time[gaps[0] + 1] - sample.time[gaps[0]])
        or value[family.breaks][0] >= sample.time[gaps[-1] + 1]
    )
    return Found(family, value, cell, float(found[1][0]), sample.time[knots], theta, rss, edge)


def _sudden_ends(
    family: StagedFamily, sample: Sample, white: Whitening, gaps: IntArray, rate: float
) -> tuple[IntArray, Array]:
    """Return the gaps (S,) and starts (S, p) of the best decays whose second stage is over in one gap.

    With the first rate held these are linear: a decay up to the gap, any value on the sample after
    it, the offset from there on. Knots on samples see nothing of them.
    """
    index, fall = np.arange(sample.n), np.exp(np.minimum(-rate * sample.time, LARGEST_EXPONENT))
    tried = gaps[np.unique(np.linspace(0, gaps.size - 1, MOST_SUDDEN).astype(int))]
    columns = [fall * (index <= tried[:, None]), (index == tried[:, None] + 1).astype(float)]
    if family.with_offset:
        columns.append(np.ones((tried.size, sample.n)))
    whitened = white.apply(np.stack(columns, axis=1))
    normal = whitened @ whitened.transpose(0, 2, 1)
    right = whitened @ white.apply(sample.signal[None, :])[0]
    size = np.einsum("bmm->bm", normal)
    np.einsum("bmm->bm", normal)[...] += 1e-12 * size.max(axis=1, keepdims=True) + 1e-280
    linear = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    chosen = np.argsort(-np.einsum("bm,bm->b", linear, right), kind="stable")[:SUDDEN]
    cells = tried[chosen]
    low, high = sample.time[cells], sample.time[cells + 1]
    starts = np.empty((cells.size, len(family.names)))
    starts[:, 0], starts[:, 1] = linear[chosen, 0], rate
    starts[:, 2], starts[:, 3] = 3.0 / (high - low), (low + high) / 2
    if family.with_offset:
        starts[:, 4] = linear[chosen, 2]
    return cells, starts


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
        race=_race(sample),
    )
    return done.theta, done.rss


def _race(sample: Sample) -> float:
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
        race=_race(sample),
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
    from cxkinetics.fitting.whitening import whitening

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


def _search_several(
    sample: Sample, white: Whitening, n_stages: int, with_offset: bool, single: Found
) -> Found:
    """Return the best decay with several breaks: coarse sets of knots, then walks from gap to gap."""
    family = StagedFamily(n_stages, with_offset)
    gaps = break_cells(sample, n_stages)
    levels = {2: 12, 3: 9}.get(n_stages - 1, 7)
    coarse = np.unique(np.linspace(gaps[0], gaps[-1], min(levels, gaps.size)).astype(int))
    sets = [
        chosen
        for chosen in combinations(coarse, n_stages - 1)
        if all(b - a >= MIN_DISTINCT for a, b in pairwise(chosen))
    ]
    if not sets:
        even = np.linspace(0, sample.n, n_stages + 1).astype(int)[1:-1] - 1
        sets = [tuple(even)]
    cells = np.array(sets, dtype=np.intp)
    start = np.empty((cells.shape[0], len(family.names)))
    start[:, 0] = single.theta[0]
    start[:, family.rates] = single.theta[1]
    start[:, family.breaks] = (sample.time[cells] + sample.time[cells + 1]) / 2
    if with_offset:
        start[:, -1] = single.theta[-1]
    lower, upper = box(family, sample, cells)
    rough = descend(
        family,
        Target(sample.time, sample.signal, white),
        start,
        cell=cells,
        lower=lower,
        upper=upper,
        iterations=12,
        tolerance=1e-5,
        race=_race(sample),
    )
    order = np.argsort(rough.rss, kind="stable")[: BEST // 2]
    cells = cells[order]
    theta, rss = fit_at(family, sample, white, cells, rough.theta[order], iterations=20, tolerance=1e-7)
    for _ in range(sample.n):
        breaks = theta[:, family.breaks]
        move = np.where(breaks >= sample.time[cells + 1], 1, 0) - np.where(
            breaks <= sample.time[cells] + 2 * EDGE * np.diff(sample.time).min(), 1, 0
        )
        trial = cells + move
        padded = np.concatenate(
            [np.full((len(trial), 1), -1), trial, np.full((len(trial), 1), sample.n - 1)], axis=1
        )
        allowed = (np.diff(padded, axis=1) >= MIN_DISTINCT).all(axis=1) & (move != 0).any(axis=1)
        if not allowed.any():
            break
        new_theta, new_rss = fit_at(
            family, sample, white, trial[allowed], theta[allowed], iterations=20, tolerance=1e-7
        )
        better = new_rss < rss[allowed] * (1 - 1e-12)
        if not better.any():
            break
        target = np.flatnonzero(allowed)[better]
        cells[target], theta[target], rss[target] = trial[allowed][better], new_theta[better], new_rss[better]
    chosen = slice(int(np.argmin(rss)), int(np.argmin(rss)) + 1)
    theta, rss = fit_at(family, sample, white, cells[chosen], theta[chosen])
    empty = np.empty(0)
    return Found(family, theta[0], cells[chosen][0], float(rss[0]), empty, empty, empty)
