"""Several breaks: all sets of a coarse grid of knots, then each candidate walks from gap to gap."""

from itertools import combinations, pairwise

import numpy as np

from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import EDGE, MIN_DISTINCT
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import BEST, Found, box, break_cells, fit_at, race_of, search_single
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.families import StagedFamily

__all__ = ["search_several"]


def search_several(
    sample: Sample, white: Whitening, *, n_stages: int, with_offset: bool, single: Found | None = None
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
        race=race_of(sample),
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
