"""What is measured on one simulated trace: intervals, verdict, missed optimum.

All but the optimum is what `fit_stages` says, asked as a user would.
"""

import numpy as np

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.kinetics.search import search_staged
from tests.studies import brute_force


def cleaned(t: np.ndarray, y: np.ndarray) -> cx.Trace:
    """Return the points that `fit_stages` analyses: outliers taken out."""
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=y)).trace


def two_stage_numbers(
    t: np.ndarray, y: np.ndarray, offsets: tuple[str, ...], noise: str = "auto"
) -> dict[str, dict[str, Estimate]]:
    """Return k1, k2 and tb of two stages for each choice of the offset."""
    result = {}
    for offset in offsets:
        fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), n_stages=2, offset=offset, noise=noise)
        rates = {f"k{j}": stage.k_per_s for j, stage in enumerate(fit.stages, 1)}
        result[offset] = {**rates, "tb": fit.breakpoints_s[0]}
    return result


def covers(estimate: Estimate, truth: float) -> bool:
    """Whether the interval, as a set, holds the truth (an open end holds everything beyond)."""
    low = -np.inf if estimate.low is None else estimate.low
    high = np.inf if estimate.high is None else estimate.high
    if not estimate.pieces:
        return bool(low <= truth <= high)
    pieces = list(estimate.pieces)
    pieces[0] = (min(low, pieces[0][0]), pieces[0][1])
    pieces[-1] = (pieces[-1][0], max(high, pieces[-1][1]))
    return any(a <= truth <= b for a, b in pieces)


def verdict_code(t: np.ndarray, y: np.ndarray, seed: int) -> str:
    """Return the code of the verdict that `fit_stages(rng=seed)` speaks on a trace that decays."""
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=y), rng=seed).verdict.code


def misses_optimum(t: np.ndarray, y: np.ndarray, with_offset: bool) -> bool:
    """Whether a dense brute force finds a smaller sum of squares than the search.

    By more than 1e-6 of it: where a rate runs off to infinity there is no least value to reach.
    """
    sample = sample_of(cx.Trace(time_s=t, absorbance=y))
    found = search_staged(sample, whitening(sample, 0.0), with_offset=with_offset)
    brute = brute_force.one_break(t, y, with_offset=with_offset)[0]
    return not found.rss * sample.scale**2 <= brute * (1 + 1e-6)
