"""Several breaks: coarse starts of three kinds, then each candidate walks from gap to gap.

All sets of a coarse grid of knots with the rate of one exponential; with an offset to fit, the same
from the exponential without it, since an offset swallows the last stage; and the optimum of one
stage fewer with a further break.
"""

from itertools import combinations, pairwise

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import MIN_DISTINCT
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import (
    BEST,
    Found,
    box,
    break_cells,
    fit_at,
    race_of,
    search_single,
    search_staged,
)
from cxkinetics.fitting.walk import walk
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.families import StagedFamily

__all__ = ["search_several"]

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
    sets = [
        chosen
        for chosen in combinations(coarse, n_stages - 1)
        if all(b - a >= MIN_DISTINCT for a, b in pairwise(chosen))
    ]
    if not sets:
        even = np.linspace(0, sample.n, n_stages + 1).astype(int)[1:-1] - 1
        sets = [tuple(even)]
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
    parts = [_from_single(family, sample, np.array(sets, dtype=np.intp), base) for base in bases]
    parts.append(_from_fewer(family, sample, coarse, fewer))
    cells, start = (np.concatenate(part) for part in zip(*parts, strict=True))
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
        race=race_of(sample),
    )
    order = np.argsort(rough.rss, kind="stable")[: BEST // 2]
    theta, cells, rss = walk(family, sample, white, rough.theta[order], cells[order])
    best = int(np.argmin(rss))
    near = _around(cells[best], sample.n) if sample.n <= SPARSE else cells[[best]]
    theta, rss = fit_at(family, sample, white, near, np.repeat(theta[[best]], len(near), axis=0))
    best = int(np.argmin(rss))
    empty = np.empty(0)
    return Found(family, theta[best], near[best], float(rss[best]), empty, empty, empty)


def _around(cells: IntArray, n_points: int) -> IntArray:
    """Return the sets of gaps (B, m - 1) next to one (m - 1,), itself included: a walk stops at kinks."""
    steps = np.stack(np.meshgrid(*[np.arange(-1, 2)] * cells.size, indexing="ij"), axis=-1)
    near: IntArray = cells + steps.reshape(-1, cells.size)
    ends = np.full((len(near), 1), -1), np.full((len(near), 1), n_points - 1)
    apart = np.diff(np.concatenate([ends[0], near, ends[1]], axis=1), axis=1)
    return near[(apart >= MIN_DISTINCT).all(axis=1)]


def _from_single(
    family: StagedFamily, sample: Sample, cells: IntArray, single: Found
) -> tuple[IntArray, Array]:
    """Return cells (B, m - 1) and starts (B, p): one rate for all stages, breaks in mid-gap."""
    start = np.zeros((cells.shape[0], len(family.names)))
    start[:, 0] = single.theta[0]
    start[:, family.rates] = single.theta[1]
    start[:, family.breaks] = (sample.time[cells] + sample.time[cells + 1]) / 2
    if single.family.with_offset:
        start[:, -1] = single.theta[-1]
    return cells, start


def _from_fewer(
    family: StagedFamily, sample: Sample, coarse: IntArray, fewer: Found
) -> tuple[IntArray, Array]:
    """Return cells (B, m - 1) and starts (B, p): the optimum of one stage fewer, one stage of it split."""
    known = fewer.cell
    free = coarse[(np.abs(coarse[:, None] - known[None, :]) >= MIN_DISTINCT).all(axis=1)]
    cells, start = (
        np.empty((free.size, known.size + 1), dtype=np.intp),
        np.zeros((free.size, len(family.names))),
    )
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
