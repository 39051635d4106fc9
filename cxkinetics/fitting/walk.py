"""Breaks that walk from gap to gap until they rest.

Within a gap the derivative with respect to a break exists, so a descent keeps each break in its
gap; one that comes to stand at an end of it is tried in the next, and so on while that helps.
"""

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.piecewise_linear import EDGE, MIN_DISTINCT
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import box
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.families import AmplitudeFamily, RatioFamily, StagedFamily

__all__ = ["walk"]


def walk(
    base: StagedFamily,
    sample: Sample,
    white: Whitening,
    theta: Array,
    cells: IntArray,
    *,
    told: RatioFamily | AmplitudeFamily | None = None,
    free: BoolArray | None = None,
    iterations: int = 20,
    tolerance: float = 1e-7,
) -> tuple[Array, IntArray, Array]:
    """Return parameters (B, p), gaps (B, c) and rss (B,) where the breaks rest.

    Parameters
    ----------
    base : StagedFamily
        The decay.
    sample, white
        Data and the whitening of their noise.
    theta, cells : Array (B, p), IntArray (B, c)
        Starts, and the gap of each break.
    told : RatioFamily or AmplitudeFamily, optional
        The same decay in other parameters, which `theta` is in then.
    free : BoolArray, shape (B, p), optional
        False holds a parameter; a break that is held stays in its gap.
    iterations, tolerance
        Of each descent.
    """
    loose = [j for j, name in enumerate((told or base).names) if name not in base.names or (told and j == 0)]
    moves = np.ones(theta.shape, bool) if free is None else free
    edge = 2 * EDGE * float(np.diff(sample.time).min())

    def rest(start: Array, gaps: IntArray, adjusted: BoolArray) -> tuple[Array, Array]:
        lower, upper = box(base, sample, gaps)
        lower[:, loose], upper[:, loose] = -np.inf, np.inf
        done = descend(
            told or base,
            Target(sample.time, sample.signal, white),
            start,
            cell=gaps,
            lower=np.where(adjusted, lower, -np.inf),
            upper=np.where(adjusted, upper, np.inf),
            free=adjusted,
            iterations=iterations,
            tolerance=tolerance,
        )
        return done.theta, done.rss

    cells = cells.copy()
    theta, rss = rest(theta, cells, moves)
    for _ in range(sample.n):
        breaks = theta[:, base.breaks]
        step = np.where(breaks >= sample.time[cells + 1], 1, 0) - np.where(
            breaks <= sample.time[cells] + edge, 1, 0
        )
        step[~moves[:, base.breaks]] = 0
        trial = cells + step
        ends = np.full((len(trial), 1), -1), np.full((len(trial), 1), sample.n - 1)
        apart = np.diff(np.concatenate([ends[0], trial, ends[1]], axis=1), axis=1)
        allowed = np.flatnonzero((apart >= MIN_DISTINCT).all(axis=1) & (step != 0).any(axis=1))
        if not allowed.size:
            break
        new_theta, new_rss = rest(theta[allowed], trial[allowed], moves[allowed])
        better = new_rss < rss[allowed] * (1 - 1e-12)
        if not better.any():
            break
        moved = allowed[better]
        cells[moved], theta[moved], rss[moved] = trial[moved], new_theta[better], new_rss[better]
    return theta, cells, rss
