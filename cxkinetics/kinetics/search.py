"""The global optimum of a staged decay: starts, every knot and interval, free joints, several breaks."""

from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, thinned_out
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.inference.ar1 import Sample, Whitening, relative_spacing, whitening
from cxkinetics.inference.descent import Descent, Target, descend
from cxkinetics.kinetics.lines import EDGE, MIN_DISTINCT
from cxkinetics.models.decays import DECAYS, BentLineFamily, DecayFamily
from cxkinetics.models.families import (
    LARGEST_EXPONENT,
    AmplitudeFamily,
    FreeJointFamily,
    RatioFamily,
    StagedFamily,
    StartingFamily,
    mixed_clock,
)

SUDDEN = 3
"""Gaps in which a second stage that is over at once, or a bent line, is searched to the end."""
MOVED: Array = np.array([0.0, -2.0, -1.2, -0.6, 0.6, 1.2, 2.0])
"""Gaps by which the end of a law is moved where it is searched again."""
MOST_GAPS = 200
"""Gaps at most in which these are looked for."""


def grid_starts(
    family: DecayFamily, sample: Sample, white: Whitening, *, keep: int, clock: Array | None = None
) -> Array:
    """Return up to `keep` starts (keep, p) of a smooth family: the best of its grid.

    With two nonlinear parameters or more, the best that stand apart.
    """
    grid = np.array(family.shape.grid)
    columns, _ = family.function(sample.time if clock is None else clock, grid)
    if family.with_offset:
        columns = np.concatenate([columns, np.ones((grid.shape[0], 1, sample.n))], axis=1)
    linear, gain, _ = _linear(sample, white, columns)
    order = np.argsort(-gain, kind="stable")
    if grid.shape[1] > 1:
        order = _apart(grid, np.sign(linear[:, family.shape.n_columns - 1]), order, keep)
    order = order[:keep]
    count = family.shape.n_columns
    parts = [linear[order, :count], grid[order]]
    if family.with_offset:
        parts.append(linear[order, count:])
    starts: Array = np.concatenate(parts, axis=1)
    return starts


def _apart(grid: Array, side: Array, order: IntArray, keep: int) -> IntArray:
    """Return the first of `order`, the first on the other side, and further ones that stand apart.

    The best few of a grid are most often neighbours, from which all descents end in one place; and a
    descent hardly crosses from one sign of the last amplitude (`side`) to the other: between them
    stands the curve that has no such column.
    """
    place = np.arcsinh(50.0 * grid)  # logarithms of rates, and regular through zero
    chosen: list[int] = [order[0]]
    other_side = order[side[order] != side[order[0]]]
    chosen += other_side[:1].tolist()
    for index in order.tolist():
        if len(chosen) >= keep:
            break
        if all(np.max(np.abs(place[index] - place[other])) > 1.0 for other in chosen):
            chosen.append(index)
    return np.array(chosen, dtype=np.intp)


def sudden_ends(
    family: StagedFamily, sample: Sample, white: Whitening, gaps: IntArray, rate: float
) -> tuple[IntArray, Array]:
    """Return the gaps (S,) and starts (S, p) of the best decays whose second stage is over in one gap.

    With the first rate held these are linear: a decay up to the gap, any value on the sample after
    it, the offset from there on. Knots on samples see nothing of them.
    """
    index, fall = np.arange(sample.n), np.exp(np.minimum(-rate * sample.time, LARGEST_EXPONENT))
    tried = thinned_out(sample.standing(gaps + 1) - 1, MOST_GAPS)
    columns = [fall * (index <= tried[:, None]), (index == tried[:, None] + 1).astype(float)]
    if family.with_offset:
        columns.append(np.ones((tried.size, sample.n)))
    linear, _, rss = _linear(sample, white, np.stack(columns, axis=1))
    chosen = np.argsort(rss, kind="stable")[:SUDDEN]
    cells = tried[chosen]
    low, high = sample.time[cells], sample.time[cells + 1]
    starts = np.empty((cells.size, len(family.names)))
    starts[:, 0], starts[:, 1] = linear[chosen, 0], rate
    starts[:, 2], starts[:, 3] = 3.0 / (high - low), (low + high) / 2
    if family.with_offset:
        starts[:, 4] = linear[chosen, 2]
    return cells, starts


def bent_lines(sample: Sample, white: Whitening, gaps: IntArray) -> tuple[IntArray, Array, float]:
    """Return the gaps (S,), starts (S, 5) and the least rss of two straight lines that meet.

    Starts are those of `BentLineFamily` with a rate of zero; a decay with an offset looks like this
    where little of it is over.
    """
    tried = thinned_out(gaps, MOST_GAPS)
    hinge = np.maximum(sample.time - sample.time[tried, None], 0.0)
    ones = np.ones_like(hinge)
    linear, _, rss = _linear(sample, white, np.stack([ones, ones * sample.time, hinge], axis=1))
    chosen = np.argsort(rss, kind="stable")[:SUDDEN]
    cells = np.unique(np.clip(np.concatenate([tried[chosen] - 1, tried[chosen]]), gaps[0], gaps[-1]))
    source = chosen[np.argmin(np.abs(tried[chosen][:, None] - cells[None, :]), axis=0)]
    slope = np.where(np.abs(linear[source, 1]) < 1e-12, 1e-12, linear[source, 1])
    starts = np.empty((cells.size, 5))
    starts[:, 0], starts[:, 1], starts[:, 2] = linear[source, 0], 0.0, 1 + linear[source, 2] / slope
    starts[:, 3], starts[:, 4] = sample.time[tried[source]], -slope
    return cells, starts, float(rss[chosen[0]])


def _linear(sample: Sample, white: Whitening, columns: Array) -> tuple[Array, Array, Array]:
    """Return coefficients (B, m), what they explain (B,) and rss (B,) of linear fits with columns (B, m, n).

    Columns that coincide are told apart by a share of 1e-12 on the diagonal, far below any noise.
    """
    whitened = white.apply(columns)
    signal = white.apply(sample.signal[None, :])[0]
    normal = whitened @ whitened.transpose(0, 2, 1)
    right = whitened @ signal
    size = np.einsum("bmm->bm", normal)
    np.einsum("bmm->bm", normal)[...] += 1e-12 * size.max(axis=1, keepdims=True) + 1e-280
    linear = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    gain = np.einsum("bm,bm->b", linear, right)
    return linear, gain, float(signal @ signal + white.hidden) - gain


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
    break only). `start_gain` is what a start-up time gained in -2 ln L.
    """

    family: StagedFamily | FreeJointFamily | DecayFamily
    theta: Array
    cell: IntArray
    rss: float
    knots: Array = field(default_factory=lambda: np.empty(0))
    knot_theta: Array = field(default_factory=lambda: np.empty(0))
    knot_rss: Array = field(default_factory=lambda: np.empty(0))
    at_edge: bool = False
    start_gain: float = 0.0

    @classmethod
    def best(
        cls,
        family: StagedFamily | FreeJointFamily | DecayFamily,
        cells: IntArray,
        fits: tuple[Array, Array],
    ) -> "Found":
        """Return the best of several descents: cells (B, m - 1), their parameters (B, p) and rss (B,)."""
        theta, rss = fits
        least = int(np.argmin(rss))
        return cls(family, theta[least], cells[least], float(rss[least]))


def fastest_rate(sample: Sample) -> float:
    """Return the largest rate constant that the samples could show, per span."""
    return FASTEST / float(np.min(np.diff(sample.time)))


def box(family: StagedFamily | FreeJointFamily, sample: Sample, cells: IntArray) -> tuple[Array, Array]:
    """Return the bounds (B, p) that keep each break inside its gap (cells (B, m - 1), or (B, 0))."""
    batch, width = cells.shape[0], len(family.names)
    lower, upper = np.full((batch, width), -np.inf), np.full((batch, width), np.inf)
    limit = fastest_rate(sample)
    lower[:, family.rates], upper[:, family.rates] = -limit, limit
    if cells.size:
        time = sample.time
        low, high = time[cells], time[cells + 1]
        lower[:, family.breaks] = low + np.where(cells == MIN_DISTINCT - 1, EDGE * (high - low), 0.0)
        upper[:, family.breaks] = high
    if isinstance(family, StartingFamily):
        lower[:, family.tau], upper[:, family.tau] = 0.0, longest_start(sample)
        if family.gradual:
            lower[:, family.width], upper[:, family.width] = width_range(sample)
            inner = sample.time[MIN_DISTINCT - 1], sample.time[-MIN_DISTINCT]
            lower[:, family.breaks], upper[:, family.breaks] = inner
    return lower, upper


NARROWEST = 0.5
"""Least width of a gradual switch, in gaps: the samples cannot tell a narrower one from a break."""
WIDEST = 0.6
"""Greatest width, in spans: a wider switch is a rate that falls all the time."""


def width_range(sample: Sample) -> tuple[float, float]:
    """Return the least and the greatest width of a gradual switch that are tried, in spans."""
    return min(NARROWEST * sample.gap, WIDEST / 2), WIDEST


def gradual_switches(
    family: StartingFamily, sample: Sample, white: Whitening, hard: Array
) -> tuple[Array, Array]:
    """Return where descents with a gradual switch come to rest, (S, p) and rss (S,), the best first.

    They start from the decay `hard` (p - 1,) with a break, at several widths.
    """
    narrow, wide = width_range(sample)
    widths = np.geomspace(2 * narrow, wide / 2, 4)
    start = np.repeat(np.insert(hard, family.width, 0.0)[None], widths.size, axis=0)
    start[:, family.width] = widths
    nowhere = np.empty((widths.size, 0), dtype=np.intp)
    theta, rss = fit_at(family, sample, white, nowhere, start, tolerance=1e-9, race=None)
    order = np.argsort(rss, kind="stable")
    return theta[order], rss[order]


SLOWEST_START = 0.05
"""Longest start-up time that is tried, as a share of the span, and in gaps between samples."""
START_GAPS = 4.0


FEWEST_FOR_START = 15
"""Readings from which a start-up time is fitted."""


def longest_start(sample: Sample) -> float:
    """Return the longest time constant of mixing or of the instrument that is tried, in spans."""
    if not sample.starts:
        return 0.0
    gap = sample.gap
    return min(max(SLOWEST_START, START_GAPS * gap), 0.15)


def on_clock(sample: Sample, tau: float) -> Sample:
    """Return the sample on the clock of a reaction whose start takes the time constant tau, in spans."""
    clock, _, _ = mixed_clock(sample.time + sample.since, np.array(tau))
    first, _, _ = mixed_clock(np.array(sample.since), np.array(tau))
    blocks = sample.blocks
    if blocks is not None:
        blocks = replace(blocks, whole=on_clock(blocks.whole, tau))
    return replace(sample, time=clock - first, blocks=blocks)


def with_start(sample: Sample, white: Whitening, plain: Found, found: Found, tau: float) -> Found:
    """Return a staged decay with a start-up time, from one found without.

    Parameters
    ----------
    sample, white
        Data and the whitening of their noise.
    plain : Found
        The decay on the clock of the samples.
    found : Found
        The decay on a clock with the start-up time `tau`, in spans; the same one where that is zero.
    tau : float
        Where the descents start, besides other times.
    """
    base = plain.family
    assert isinstance(base, StagedFamily)
    family = StartingFamily(base.n_stages, base.with_offset, lead=sample.since)
    longest, gap = longest_start(sample), sample.gap
    times = np.unique(np.clip([1e-3 * gap, 1.5 * gap, longest, tau], 0.0, longest))
    cells = around(found.cell, sample.n) if found.cell.size else found.cell[None, :]
    start = np.repeat(np.insert(found.theta, family.tau, 0.0)[None], len(cells) * times.size, axis=0)
    cells, start[:, family.tau] = np.repeat(cells, times.size, axis=0), np.tile(times, len(cells))
    if cells.size:
        start[:, family.breaks] = (sample.time[cells] + sample.time[cells + 1]) / 2
    best = Found.best(family, cells, fit_at(family, sample, white, cells, start, tolerance=1e-10))
    knots, told = found.knots, found.knot_theta
    if knots.size:
        index = np.searchsorted(on_clock(sample, tau).time, knots - 1e-12) if tau else None
        knots = knots if index is None else sample.time[np.minimum(index, sample.n - 1)]
        told = np.insert(told, family.tau, max(tau, best.theta[family.tau]), axis=1)
        told[:, family.breaks.start] = knots
    gain = sample.n_read * float(np.log(max(plain.rss, 1e-290) / max(best.rss, 1e-290)))
    return replace(
        found,
        family=family,
        theta=best.theta,
        cell=best.cell,
        rss=best.rss,
        knots=knots,
        knot_theta=told,
        start_gain=max(gain, 0.0),
    )


def without_start(found: Found) -> Found:
    """Return the knots of a decay as a search without a start-up time knows them."""
    family = found.family
    if not isinstance(family, StartingFamily) or not found.knots.size:
        return found
    return replace(found, knot_theta=np.delete(found.knot_theta, family.tau, axis=1))


def smooth_box(family: DecayFamily, sample: Sample) -> tuple[Array, Array]:
    """Return the bounds (p,) of a smooth family."""
    lower, upper = np.full(len(family.names), -np.inf), np.full(len(family.names), np.inf)
    lower[family.rates] = family.shape.lower
    upper[family.rates] = np.minimum(family.shape.upper, fastest_rate(sample))
    return lower, upper


def beside_its_end(family: DecayFamily, sample: Sample, theta: Array) -> Array:
    """Return starts (K, p) of a law with its end moved by up to two gaps; of one without, the parameters.

    Where a law ends within the readings its sum of squares has a kink on every one, where a descent rests.
    """
    clock = sample.time + family.delay
    shares = family.shape.function(clock, theta[None, family.rates])[0][0, 0]
    if shares[-1] > 0:
        return theta[None, :]
    end = clock[int(np.argmax(shares <= 0))]
    moved = np.maximum(end + np.median(np.diff(clock)) * MOVED, 0.1 * end)
    starts = np.repeat(theta[None, :], moved.size, axis=0)
    starts[:, family.rates.start] *= end / moved
    return starts


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
    return Found.best(family, cells, fit_at(family, sample, white, cells, theta, tolerance=1e-12, race=None))


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
    knots = sample.standing(np.arange(MIN_DISTINCT - 1, sample.n - MIN_DISTINCT + 1))
    if warm is not None and warm.knots.size:
        near = warm.knot_rss <= (1 + 4 * race_of(sample)) * warm.knot_rss.min()
        knots = np.searchsorted(sample.time, warm.knots[near])
        begin = warm.knot_theta[near]
    else:
        if knots.size > DENSE:
            knots = _promising_knots(sample, with_offset, knots)
        start = single or search_single(sample, white, with_offset=with_offset)
        held_at = sample.time[knots]
        held_at[knots == MIN_DISTINCT - 1] += EDGE * (
            sample.time[MIN_DISTINCT] - sample.time[MIN_DISTINCT - 1]
        )
        begin = _at_one_rate(family, start, held_at[:, None])
    free = np.ones(len(family.names), bool)
    free[family.breaks] = False  # held on its knot
    nowhere = np.empty((knots.size, 0), dtype=np.intp)
    theta, rss = fit_at(family, sample, white, nowhere, begin, free=free, iterations=25, tolerance=1e-8)
    # a break let free across samples stops at their kinks, so it is freed inside one gap at a time
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
    found = Found.best(family, cell[:, None], fit_at(family, sample, white, cell[:, None], begin))
    at, first = float(found.theta[3]), sample.time[gaps[0]]
    edge = bool(
        at <= first + 2 * EDGE * (sample.time[gaps[0] + 1] - first) or at >= sample.time[gaps[-1] + 1]
    )
    return replace(found, knots=sample.time[knots], knot_theta=theta, knot_rss=rss, at_edge=edge)


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
    target = Target(sample.time, sample.signal, white)
    done = descend(told, target, starts, cell=cells[:, None], lower=lower, upper=upper, tolerance=1e-11)
    best = int(np.argmin(done.rss))
    if done.rss[best] >= known[2]:
        return known[:2]
    return cells[best : best + 1], told.told(done.theta[best : best + 1])


def fit_at(
    family: StagedFamily, sample: Sample, white: Whitening, cells: IntArray, start: Array, **options: Any
) -> tuple[Array, Array]:
    """Return parameters (B, p) and rss (B,) with each break free inside its gap (cells (B, m - 1)).

    Without cells (B, 0) breaks are not kept in a gap; `options` are those of `descend`, which races
    here by default.
    """
    lower, upper = box(family, sample, cells)
    target, wanted = Target(sample.time, sample.signal, white), {"tolerance": 1e-13, "race": race_of(sample)}
    if isinstance(family, StartingFamily) and not sample.starts:
        wanted["free"] = np.arange(len(family.names)) != family.tau
    cell = cells if cells.size else None
    done = descend(family, target, start, cell=cell, lower=lower, upper=upper, **(wanted | options))
    return done.theta, done.rss


def race_of(sample: Sample) -> float:
    """Return how far above the best a knot must lie to be out of every profile of interest."""
    return max(1.0, 60.0 / max(sample.n_read - 5, 1))


def _at_one_rate(family: StagedFamily | FreeJointFamily, single: Found, breaks: Array) -> Array:
    """Return starts (B, p): every stage at the level and rate of one exponential, breaks (B, m - 1) given."""
    start = np.zeros((len(breaks), len(family.names)))
    start[:, : family.rates.start], start[:, family.rates] = single.theta[0], single.theta[1]
    start[:, family.breaks] = breaks
    if single.family.with_offset:
        start[:, -1] = single.theta[-1]
    return start


def _promising_knots(sample: Sample, with_offset: bool, knots: IntArray) -> IntArray:
    """Return the samples near the best breaks of the averaged trace (white noise), for long traces."""
    edges = np.linspace(0, sample.n, DENSE + 1).astype(int)[:-1]
    weight = sample.sigma**-2.0
    total = np.add.reduceat(weight, edges)
    time = np.add.reduceat(weight * sample.time, edges) / total
    signal = np.add.reduceat(weight * sample.signal, edges) / total
    spacing, beside = relative_spacing(time), sample.beside
    if beside is not None:
        columns = np.add.reduceat(weight * beside.columns, edges, axis=1) / total
        beside = replace(beside, columns=columns)
    short = replace(sample, time=time, signal=signal, sigma=total**-0.5, spacing=spacing, beside=beside)
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


def at_given_breaks(
    sample: Sample, white: Whitening, breaks: Array, *, with_offset: bool, continuous: bool
) -> Found:
    """Return the least-squares stages with the breakpoints given on the sample's clock.

    Raises
    ------
    UnresolvedBreakpointError
        If a stage would hold fewer than three distinct times.
    """
    first = np.searchsorted(sample.time, breaks, side="left")
    counts = np.diff(np.concatenate([[0], first, [sample.n]]))
    if counts.min() < MIN_DISTINCT:
        number = int(np.argmin(counts))
        shown = ", ".join(f"{b * sample.span_s + sample.first_s:g}" for b in breaks)
        raise UnresolvedBreakpointError(
            f"with breakpoints at {shown} s stage {number + 1} holds {counts[number]} distinct times; "
            f"a stage needs at least {MIN_DISTINCT} points; move the breakpoint or fit fewer stages"
        )
    n_stages = breaks.size + 1
    single = search_single(sample, white, with_offset=with_offset)
    if not continuous:
        return _free(sample, white, n_stages, with_offset, first[None, :], single=single, searched=False)
    family = StagedFamily(n_stages, with_offset)
    start, free = _at_one_rate(family, single, breaks[None, :]), np.ones(len(family.names), bool)
    free[family.breaks] = False
    target = Target(sample.time, sample.signal, white)
    done = descend(family, target, start, free=free, iterations=200, tolerance=1e-14)
    cell = np.searchsorted(sample.time, breaks, side="right") - 1
    return Found.best(family, cell[None, :], (done.theta, done.rss))


def search_free_joints(sample: Sample, white: Whitening, *, n_stages: int, with_offset: bool) -> Found:
    """Return the best independent first-order stages; the cell is each further stage's first sample."""
    break_cells(sample, n_stages)
    single = search_single(sample, white, with_offset=with_offset)
    firsts = np.arange(MIN_DISTINCT, sample.n - MIN_DISTINCT + 1)
    most = DENSE if n_stages == 2 else 40
    firsts = thinned_out(firsts, most)
    sets = _apart_sets(firsts, n_stages, even=np.linspace(0, sample.n, n_stages + 1)[1:-1])
    found = _free(sample, white, n_stages, with_offset, sets, single=single, searched=True)
    if firsts.size < sample.n - 2 * MIN_DISTINCT + 1 and n_stages == 2:
        near = np.arange(max(found.cell[0] - 60, firsts[0]), min(found.cell[0] + 61, firsts[-1] + 1))
        found = _free(sample, white, 2, with_offset, near[:, None], single=single, searched=True)
    return found


def _apart_sets(places: IntArray, n_stages: int, *, even: Array) -> IntArray:
    """Return all sets (B, m - 1) of places that leave room between breaks; `even` where there is none."""
    sets = [
        chosen
        for chosen in combinations(places, n_stages - 1)
        if all(b - a >= MIN_DISTINCT for a, b in pairwise(chosen))
    ]
    return np.array(sets or [tuple(even)], dtype=np.intp)


def _free(
    sample: Sample,
    white: Whitening,
    n_stages: int,
    with_offset: bool,
    cells: IntArray,
    *,
    single: Found,
    searched: bool,
) -> Found:
    """Return the best of the free joints in the sets of gaps (B, c); `searched` keeps the profile."""
    family = FreeJointFamily(n_stages, with_offset)
    start = _at_one_rate(family, single, np.empty((len(cells), 0)))
    lower, upper = box(family, sample, cells[:, :0])
    chosen = np.asarray(cells, dtype=np.intp)
    target = Target(sample.time, sample.signal, white)
    done = descend(family, target, start, cell=chosen, lower=lower, upper=upper, iterations=120)
    found = Found.best(family, chosen, (done.theta, done.rss))
    if not searched:
        return found
    knots = sample.time[chosen[:, 0]] if n_stages == 2 else found.knots
    return replace(found, knots=knots, knot_theta=done.theta, knot_rss=done.rss)


def walk(
    base: StagedFamily,
    sample: Sample,
    target: Target,
    start: Descent | Array,
    cells: IntArray,
    *,
    told: RatioFamily | AmplitudeFamily | StartingFamily | None = None,
    free: BoolArray | None = None,
    iterations: int = 20,
    tolerance: float = 1e-7,
    dense: bool = False,
) -> tuple[Descent, IntArray]:
    """Return the descents (B) and gaps (B, c) where the breaks rest, each going on into the next gap.

    Parameters
    ----------
    base : StagedFamily
        The decay.
    sample : Sample
        Where its points stand.
    target : Target
        What is fitted; its signal may have a row for each start.
    start : Descent or Array, shape (B, p)
        Starts, or where a descent in the gaps has come to rest already.
    cells : IntArray, shape (B, c)
        The gap of each break.
    told : RatioFamily or AmplitudeFamily, optional
        The same decay in other parameters, which the starts are in then.
    free : BoolArray, shape (B, p), optional
        False holds a parameter; a break that is held stays in its gap.
    iterations, tolerance
        Of each descent.
    dense : bool
        The gaps are so short that their kinks stop nothing, as those of blocks are.
    """
    family = told or base
    loose = [j for j, name in enumerate(family.names) if name not in base.names or (told and j == 0)]
    shape = (start.theta if isinstance(start, Descent) else start).shape
    moves = np.ones(shape, bool) if free is None else free

    def rest(start: Array, gaps: IntArray, rows: IntArray) -> Descent:
        lower, upper = box(base, sample, gaps)
        lower[:, loose], upper[:, loose] = -np.inf, np.inf
        return descend(
            family,
            target.rows(rows),
            start,
            cell=gaps,
            lower=np.where(moves[rows], lower, -np.inf),
            upper=np.where(moves[rows], upper, np.inf),
            free=moves[rows],
            iterations=iterations,
            tolerance=tolerance,
        )

    cells, active = cells.copy(), np.arange(shape[0])
    now = start if isinstance(start, Descent) else rest(start, cells, active)
    theta, rss, converged = now.theta.copy(), now.rss.copy(), now.converged.copy()
    if dense or sample.blocks is not None:  # one leap spares many steps
        lower, upper = _anywhere(base, sample, shape)
        leap = descend(family, target, theta, lower=lower, upper=upper, free=moves, iterations=iterations)
        reached = np.searchsorted(sample.time, leap.theta[:, base.breaks], side="right") - 1
        places = np.where(moves[:, base.breaks], reached, cells)
        rows = np.flatnonzero((leap.rss < rss) & roomy(places, sample.n) & np.any(places != cells, axis=1))
        if rows.size:
            done = rest(leap.theta[rows], places[rows], rows)
            better = done.rss < rss[rows]
            rows, places = rows[better], places[rows[better]]
            theta[rows], rss[rows], cells[rows] = done.theta[better], done.rss[better], places
    for _ in range(sample.n):
        breaks, here = theta[active][:, base.breaks], cells[active]
        step = np.where(breaks >= sample.time[here + 1], 1, 0)
        step -= np.where(breaks <= sample.time[here] + 2 * EDGE * np.diff(sample.time).min(), 1, 0)
        step[~moves[active][:, base.breaks]] = 0
        allowed = np.flatnonzero(roomy(here + step, sample.n) & np.any(step != 0, axis=1))
        active, trial = active[allowed], (here + step)[allowed]
        if not active.size:
            break
        done = rest(theta[active], trial, active)
        better = done.rss < rss[active] * (1 - 1e-12)
        active = active[better]  # one that is no better there would be no better if tried again
        cells[active], theta[active], rss[active] = trial[better], done.theta[better], done.rss[better]
        converged[active] = done.converged[better]
    return Descent(theta, rss, converged), cells


def _anywhere(base: StagedFamily, sample: Sample, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return bounds (B, p) that hold no break to its gap."""
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    lower[:, base.breaks], upper[:, base.breaks] = sample.time[MIN_DISTINCT], sample.time[-MIN_DISTINCT]
    return lower, upper


def roomy(cells: IntArray, n_points: int) -> BoolArray:
    """Return which sets of gaps (B, c) leave every stage its distinct times, shape (B,)."""
    ends = np.full((len(cells), 1), -1), np.full((len(cells), 1), n_points - 1)
    apart = np.diff(np.concatenate([ends[0], cells, ends[1]], axis=1), axis=1)
    enough: BoolArray = np.all(apart >= MIN_DISTINCT, axis=1)
    return enough


def around(cells: IntArray, n_points: int, reach: int = 1) -> IntArray:
    """Return the sets of gaps (B, c) within `reach` of one (c,), itself included: a walk stops at kinks."""
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * cells.size, indexing="ij"), axis=-1)
    near: IntArray = cells + steps.reshape(-1, cells.size)
    return near[roomy(near, n_points)]


SPARSE = 60
"""Samples up to which the kinks between gaps are deep enough to stop a walk."""


def search_several(
    sample: Sample,
    white: Whitening,
    *,
    n_stages: int,
    with_offset: bool,
    single: Found | None = None,
    fewer: Found | None = None,
) -> Found:
    """Return the best decay of three or more stages with continuous joints.

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
    fewer : Found, optional
        The optimum of one stage fewer, where it is known.

    Raises
    ------
    UnresolvedBreakpointError
        If the samples cannot hold that many stages.
    """
    gaps = break_cells(sample, n_stages)
    single = single or search_single(sample, white, with_offset=with_offset)
    family = StagedFamily(n_stages, with_offset)
    levels = {2: 12, 3: 9}.get(n_stages - 1, 7)
    coarse = np.unique(np.linspace(gaps[0], gaps[-1], min(levels, gaps.size)).astype(int))
    sets = _apart_sets(coarse, n_stages, even=np.linspace(0, sample.n, n_stages + 1)[1:-1] - 1)
    bases = [single]
    if with_offset:
        bases.append(search_single(sample, white, with_offset=False))
    if fewer is None:
        if n_stages == 3:
            fewer = search_staged(sample, white, with_offset=with_offset, single=single)
        else:
            fewer = search_several(
                sample, white, n_stages=n_stages - 1, with_offset=with_offset, single=single
            )
    middles = (sample.time[sets] + sample.time[sets + 1]) / 2
    parts = [(sets, _at_one_rate(family, base, middles)) for base in bases]
    parts.append(_from_fewer(family, sample, coarse, fewer))
    cells, start = (np.concatenate(part) for part in zip(*parts, strict=True))
    theta, rss = fit_at(family, sample, white, cells, start, iterations=12, tolerance=1e-5)
    order = np.argsort(rss, kind="stable")[: BEST // 2]
    target = Target(sample.time, sample.signal, white)
    rest, cells = walk(family, sample, target, theta[order], cells[order])
    best = int(np.argmin(rest.rss))
    near = around(cells[best], sample.n) if sample.n <= SPARSE else cells[[best]]
    start = np.repeat(rest.theta[[best]], len(near), axis=0)
    return Found.best(family, near, fit_at(family, sample, white, near, start))


def _from_fewer(
    family: StagedFamily, sample: Sample, coarse: IntArray, fewer: Found
) -> tuple[IntArray, Array]:
    """Return cells (B, m - 1) and starts (B, p): the optimum of one stage fewer, one stage of it split."""
    known = fewer.cell
    free = coarse[(np.abs(coarse[:, None] - known[None, :]) >= MIN_DISTINCT).all(axis=1)]
    cells = np.empty((free.size, known.size + 1), dtype=np.intp)
    start = np.zeros((free.size, len(family.names)))
    old = StagedFamily(family.n_stages - 1, family.with_offset)
    rates, breaks = fewer.theta[old.rates], fewer.theta[old.breaks]
    for row, gap in enumerate(free):
        place = int(np.searchsorted(known, gap))
        middle = (sample.time[gap] + sample.time[gap + 1]) / 2
        cells[row] = np.insert(known, place, gap)
        start[row, 0] = fewer.theta[0]
        start[row, family.rates] = np.insert(rates, place, rates[place])
        start[row, family.breaks] = np.insert(breaks, place, middle)
    if family.with_offset:
        start[:, -1] = fewer.theta[-1]
    return cells, start
