"""A smooth path through noisy positions: the local-level model, fitted by its likelihood.

The position walks at random between the times; how fast it walks, and how much larger than stated
the errors of the single positions are, is estimated by maximum likelihood. Times without a position
borrow it from their neighbours, so that a band that fades away keeps the place where it was last seen.
"""

from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array

__all__ = ["SmoothPath", "smooth_path"]


class SmoothPath(NamedTuple):
    """The smoothed path and the factor by which the stated standard errors must be multiplied."""

    position: Array
    error_factor: float


def smooth_path(time_s: Array, position: Array, error: Array) -> SmoothPath:
    """Return the smoothed path of a position that walks at random.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Ascending times, s.
    position : Array, shape (n,)
        Measured positions; NaN where there is none.
    error : Array, shape (n,)
        Their standard errors (only ratios matter), same unit.

    Returns
    -------
    SmoothPath
        Position at every time, and sqrt(reduced chi2) of the measured ones about it.

    References
    ----------
    Durbin, Koopman, "Time series analysis by state space methods", 2nd ed. (2012), section 2.1.
    """
    known = np.isfinite(position) & np.isfinite(error) & (error > 0)
    count = int(known.sum())
    if count == 0:
        return SmoothPath(np.full(position.shape, np.nan), 1.0)
    weight = np.zeros(position.shape)
    weight[known] = 1 / error[known] ** 2
    value = np.where(known, position, 0.0)
    if count < 5:
        return SmoothPath(np.full(position.shape, float(weight @ value / weight.sum())), 1.0)
    step = np.diff(time_s)
    stiffness = 1 / np.maximum(step, 1e-3 * np.median(step) if np.median(step) > 0 else 1.0)
    path, factor = _most_likely(weight, value, stiffness)
    for _ in range(3):  # a spike must not bend the path
        outlying = known & (np.abs(value - path) * np.sqrt(weight) > 5 * factor)
        if not outlying.any() or outlying.sum() > 0.1 * count:
            break
        weight[outlying] = 0
        known &= ~outlying
        path, factor = _most_likely(weight, value, stiffness)
    return SmoothPath(path, factor)


def _most_likely(weight: Array, value: Array, stiffness: Array) -> tuple[Array, float]:
    # Penalty strengths from "no smoothing" to "one constant", in units of the mean weight.
    unit = float(np.mean(weight[weight > 0])) / float(np.median(stiffness))
    grid = unit * np.logspace(-2, 6, 33)
    trials = [_smooth(weight, value, stiffness, strength) for strength in grid]
    return min(trials, key=lambda trial: trial[0])[1:]


def _smooth(weight: Array, value: Array, stiffness: Array, strength: float) -> tuple[float, Array, float]:
    from scipy.linalg import cho_solve_banded, cholesky_banded

    count = int(np.count_nonzero(weight))
    link = strength * stiffness
    banded = np.zeros((2, weight.size))
    banded[0] = weight
    banded[0, :-1] += link
    banded[0, 1:] += link
    banded[1, :-1] = -link
    factor = cholesky_banded(banded, lower=True)
    path: Array = cho_solve_banded((factor, True), weight * value)
    misfit = float(weight @ (value - path) ** 2 + link @ np.diff(path) ** 2)
    if count < 2 or misfit <= 0:
        return 0.0, path, 1.0
    log_det = 2 * float(np.log(factor[0]).sum()) - (weight.size - 1) * np.log(strength)
    deviance = (count - 1) * np.log(misfit / (count - 1)) + log_det
    return deviance, path, float(np.sqrt(misfit / (count - 1)))
