"""Outliers: bubbles and injection spikes, found against two models and named, never hidden.

A point is an outlier when both a staged decay and a biexponential with offset, each fitted to the
other points, miss it by more than the Bonferroni limit of its prediction error. What a smooth
curve can follow is therefore kept: a real fast phase of three points or more is never a spike. At
the start of a trace at most two points can be a spike, since three would be a stage.
"""

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.sample import Sample, thinned
from cxkinetics.fitting.search import search_staged
from cxkinetics.fitting.starts import grid_starts
from cxkinetics.fitting.whitening import whitening
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.signals.screening import noise_sd

__all__ = ["find_outliers"]

SUSPECT = 5.5
"""Second differences beyond this many robust standard deviations start the search."""
LEVEL = 1e-3
"""Chance of one false alarm per trace."""
LONGEST = 5
"""Longest run of points that can be one bubble."""
MOST = 0.1
"""Largest share of a trace that can be outliers."""


def find_outliers(sample: Sample) -> BoolArray:
    """Return which points of a sample are outliers, shape (n,).

    Parameters
    ----------
    sample : Sample
        Data; fewer than 15 points hold no outliers that could be told from signal.
    """
    none = np.zeros(sample.n, bool)
    if sample.n < 15 or not _suspicious(sample):
        return none
    kept = np.ones(sample.n, bool)
    kept[:2] = False
    kept &= ~_spikes(sample.signal)  # they return if both models allow them
    for _ in range(8):
        staged, staged_limit = _misses(sample, kept, staged=True)
        smooth, smooth_limit = _misses(sample, kept, staged=False)
        out = (staged > staged_limit) & (smooth > smooth_limit)
        out = _plausible_runs(out)
        if out.sum() > MOST * sample.n:
            return none
        trial = ~out
        rough = np.median(staged[kept]) * 6
        trial[kept & (staged > max(staged_limit, rough))] = False  # held out while the fit settles
        if np.array_equal(trial, kept):
            break
        kept = trial
        if kept.sum() < 0.7 * sample.n:
            return none
    return out


def _spikes(values: Array) -> BoolArray:
    """Return which points leave the parabola through their neighbours by eight noise sd, shape (n,)."""
    n, half = values.size, 2 * (LONGEST + 2)
    spikes = np.zeros(n, bool)
    floor = max(noise_sd(values), 1e-6 * float(np.ptp(values)))
    positions = np.arange(n)
    for i in range(n):
        near = positions[max(0, i - half) : i + half + 1]
        around = near[(np.abs(near - i) > LONGEST // 2) & ~spikes[near]]
        if around.size < 6 or around[0] >= i or around[-1] <= i:
            continue
        curve = np.polyfit(around - i, values[around], 2 if around.size >= 8 else 1)
        rest = values[around] - np.polyval(curve, around - i)
        spread = max(floor, 1.4826 * float(np.median(np.abs(rest))))
        spikes[i] = abs(values[i] - curve[-1]) > 8.0 * spread
    return spikes


def _suspicious(sample: Sample) -> bool:
    slope = np.diff(sample.signal) / np.diff(sample.time)
    second = np.diff(slope)
    spread = 1.4826 * float(np.median(np.abs(second - np.median(second))))
    return bool(np.max(np.abs(second - np.median(second))) > SUSPECT * spread)


def _misses(sample: Sample, kept: BoolArray, *, staged: bool) -> tuple[Array, float]:
    """Return |residual| of every point in units of its prediction error, and the limit for these."""
    short = thinned(sample, kept)
    white = whitening(short, 0.0)
    if staged:
        found = search_staged(short, white, with_offset=True)
        family, theta, rss = found.family, found.theta, found.rss
        curve, jacobian = family.evaluate(sample.time, theta[None, :])
    else:
        smooth = DecayFamily(DECAYS["biexponential"], True, stable=True)
        starts = grid_starts(smooth, short, white, keep=4)
        target = Target(short.time, short.signal, white)
        done = descend(smooth, target, starts, iterations=40, race=1.0)
        best = int(np.argmin(done.rss))
        theta, rss = done.theta[best], float(done.rss[best])
        curve, jacobian = smooth.evaluate(sample.time, theta[None, :])
    dof = max(short.n - theta.size, 1)
    variance = max(rss, 1e-290) / dof
    tangent = jacobian[0] / sample.sigma
    inverse = np.linalg.pinv(tangent[:, kept] @ tangent[:, kept].T, hermitian=True)
    leverage = np.einsum("pn,pq,qn->n", tangent, inverse, tangent)
    scale = np.sqrt(variance * np.where(kept, np.maximum(1 - leverage, 0.05), 1 + leverage))
    limit = float(-stdtrit(dof, LEVEL / (2 * sample.n)))
    misses: Array = np.abs((sample.signal - curve[0]) / sample.sigma) / scale
    return misses, limit


def _plausible_runs(out: BoolArray) -> BoolArray:
    """Drop runs too long for a bubble; at the start two points at most."""
    result = out.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], out, [False]]).astype(int)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        longest = 2 if first == 0 else LONGEST
        if last - first > longest:
            result[first:last] = False
    return result
