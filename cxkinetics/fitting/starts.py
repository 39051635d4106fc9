"""Where descents start: grids of smooth shapes, and broken decays that knots on samples miss."""

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import LARGEST_EXPONENT, StagedFamily

__all__ = ["bent_lines", "grid_starts", "sudden_ends"]

SUDDEN = 3
"""Gaps in which a second stage that is over at once, or a bent line, is searched to the end."""
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
    whitened = white.apply(columns)
    signal = white.apply(sample.signal[None, :])[0]
    normal = whitened @ whitened.transpose(0, 2, 1)
    size = np.einsum("bmm->bm", normal)
    diagonal = np.arange(size.shape[1])
    normal[:, diagonal, diagonal] += 1e-12 * size.max(axis=1, keepdims=True) + 1e-280
    right = whitened @ signal
    linear = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    gain = np.einsum("bm,bm->b", linear, right)
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
    tried = gaps[np.unique(np.linspace(0, gaps.size - 1, MOST_GAPS).astype(int))]
    columns = [fall * (index <= tried[:, None]), (index == tried[:, None] + 1).astype(float)]
    if family.with_offset:
        columns.append(np.ones((tried.size, sample.n)))
    linear, rss = _linear(sample, white, columns)
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
    tried = gaps[np.unique(np.linspace(0, gaps.size - 1, MOST_GAPS).astype(int))]
    hinge = np.maximum(sample.time - sample.time[tried, None], 0.0)
    ones = np.ones_like(hinge)
    linear, rss = _linear(sample, white, [ones, ones * sample.time, hinge])
    chosen = np.argsort(rss, kind="stable")[:SUDDEN]
    cells = np.unique(np.clip(np.concatenate([tried[chosen] - 1, tried[chosen]]), gaps[0], gaps[-1]))
    source = chosen[np.argmin(np.abs(tried[chosen][:, None] - cells[None, :]), axis=0)]
    slope = np.where(np.abs(linear[source, 1]) < 1e-12, 1e-12, linear[source, 1])
    starts = np.empty((cells.size, 5))
    starts[:, 0], starts[:, 1], starts[:, 2] = linear[source, 0], 0.0, 1 + linear[source, 2] / slope
    starts[:, 3], starts[:, 4] = sample.time[tried[source]], -slope
    return cells, starts, float(rss[chosen[0]])


def _linear(sample: Sample, white: Whitening, columns: list[Array]) -> tuple[Array, Array]:
    """Return coefficients (B, m) and rss (B,) of the linear fits with columns (m of (B, n))."""
    whitened = white.apply(np.stack(columns, axis=1))
    signal = white.apply(sample.signal[None, :])[0]
    normal = whitened @ whitened.transpose(0, 2, 1)
    right = whitened @ signal
    size = np.einsum("bmm->bm", normal)
    np.einsum("bmm->bm", normal)[...] += 1e-12 * size.max(axis=1, keepdims=True) + 1e-280
    linear = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    return linear, float(signal @ signal) - np.einsum("bm,bm->b", linear, right)
