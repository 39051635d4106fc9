"""Free joints and given breakpoints: staged fits in which no breakpoint runs free.

With free joints every stage is a curve of its own and the break is a gap between samples, so all
gaps are fitted in one batch. With given breakpoints only the smooth parameters are adjusted.
"""

from itertools import combinations, pairwise

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import MIN_DISTINCT
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import DENSE, Found, break_cells, fastest_rate, search_single
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.families import FreeJointFamily, StagedFamily

__all__ = ["at_given_breaks", "search_free_joints"]


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
        return _free(sample, white, n_stages, with_offset, first[None, :], single, searched=False)
    family = StagedFamily(n_stages, with_offset)
    start = np.empty((1, len(family.names)))
    start[:, 0], start[:, family.rates], start[:, family.breaks] = single.theta[0], single.theta[1], breaks
    if with_offset:
        start[:, -1] = single.theta[-1]
    free = np.ones(start.shape[1], bool)
    free[family.breaks] = False
    target = Target(sample.time, sample.signal, white)
    done = descend(family, target, start, free=free, iterations=200, tolerance=1e-14)
    cell = np.searchsorted(sample.time, breaks, side="right") - 1
    empty = np.empty(0)
    return Found(family, done.theta[0], cell, float(done.rss[0]), empty, empty, empty)


def search_free_joints(sample: Sample, white: Whitening, *, n_stages: int, with_offset: bool) -> Found:
    """Return the best independent first-order stages; the cell is each further stage's first sample."""
    break_cells(sample, n_stages)
    single = search_single(sample, white, with_offset=with_offset)
    firsts = np.arange(MIN_DISTINCT, sample.n - MIN_DISTINCT + 1)
    most = DENSE if n_stages == 2 else 40
    if firsts.size > most:
        firsts = firsts[np.unique(np.linspace(0, firsts.size - 1, most).astype(int))]
    sets = [
        chosen
        for chosen in combinations(firsts, n_stages - 1)
        if all(b - a >= MIN_DISTINCT for a, b in pairwise(chosen))
    ]
    if not sets:
        sets = [tuple(np.linspace(0, sample.n, n_stages + 1).astype(np.intp)[1:-1])]
    found = _free(sample, white, n_stages, with_offset, np.array(sets, dtype=np.intp), single, searched=True)
    if firsts.size < sample.n - 2 * MIN_DISTINCT + 1 and n_stages == 2:
        near = np.arange(max(found.cell[0] - 60, firsts[0]), min(found.cell[0] + 61, firsts[-1] + 1))
        found = _free(sample, white, 2, with_offset, near[:, None], single, searched=True)
    return found


def _free(
    sample: Sample,
    white: Whitening,
    n_stages: int,
    with_offset: bool,
    cells: IntArray,
    single: Found,
    *,
    searched: bool,
) -> Found:
    family = FreeJointFamily(n_stages, with_offset)
    start = np.empty((cells.shape[0], len(family.names)))
    start[:, :n_stages], start[:, n_stages : 2 * n_stages] = single.theta[0], single.theta[1]
    if with_offset:
        start[:, -1] = single.theta[-1]
    limit = fastest_rate(sample)
    lower, upper = np.full(start.shape[1], -np.inf), np.full(start.shape[1], np.inf)
    lower[n_stages : 2 * n_stages], upper[n_stages : 2 * n_stages] = -limit, limit
    chosen = np.asarray(cells, dtype=np.intp)
    target = Target(sample.time, sample.signal, white)
    done = descend(family, target, start, cell=chosen, lower=lower, upper=upper, iterations=120)
    best = int(np.argmin(done.rss))
    knots = sample.time[chosen[:, 0]] if n_stages == 2 and searched else np.empty(0)
    theta, rss = (done.theta, done.rss) if searched else (np.empty(0), np.empty(0))
    return Found(family, done.theta[best], chosen[best], float(done.rss[best]), knots, theta, rss)
