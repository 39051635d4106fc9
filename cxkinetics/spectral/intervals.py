"""Intervals of rate constants and breakpoints: profiles of the misfit, and what is not determined.

A parameter is moved away from its optimum, all others (and all spectra) are fitted again, and the
interval ends where the rise of the misfit reaches the square of Student's quantile times the variance
of a reading. The profile runs on the compressed data; its bends are carried over to the optimum of the
whole data. Directions in which the misfit does not rise at all are found from the information matrix:
their parameters are reported as not determined, with the combination that is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.spectral.problem import Problem
from cxkinetics.spectral.search import Optimum, descend, inner_knots, scan_breakpoint

__all__ = [
    "Interval",
    "covariance_of",
    "lost_nearby",
    "profile_interval",
    "pseudo_covariance",
    "undetermined",
]

_FLAT = 1e-7  # relative eigenvalue of the information below which a direction is not determined
_TOLERANCE = 0.05  # of the quantile: from there the end follows by proportion, to a thousandth or so


class Interval(NamedTuple):
    """Ends in the parameter's own scale (ln k or s), None where open, and pieces where several."""

    low: float | None
    high: float | None
    pieces: tuple[tuple[float, float], ...] = ()
    reason: str = ""


def undetermined(information: Array) -> tuple[BoolArray, Array]:
    """Return which parameters are not determined, and the directions of no information, shape (q, p)."""
    p = information.shape[0]
    if not p:
        return np.zeros(0, bool), np.zeros((0, 0))
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    largest = float(size.max(initial=0.0))
    dead = size <= 1e-9 * largest if largest > 0 else np.ones(p, bool)
    scale = np.where(dead, 1.0, size)
    correlation = information / np.outer(scale, scale)
    correlation[dead] = 0
    correlation[:, dead] = 0
    values, vectors = np.linalg.eigh(correlation)
    flat = vectors[:, values < _FLAT].T / scale
    flat = flat / np.maximum(np.abs(flat).max(axis=1, keepdims=True), 1e-300)
    return (np.abs(flat) > 1e-3).any(axis=0) if flat.size else np.zeros(p, bool), flat


def lost_nearby(problem: Problem, optimum: Optimum, flat: Array) -> BoolArray:
    """Return which parameters are not determined here or further along the directions of no information.

    At a special point (two equal rate constants) a parameter may stand still to first order.
    """
    lost, _ = undetermined(optimum.evaluation.information)
    for direction in flat:
        for distance in (-0.5, 0.5):
            place = descend(problem, optimum.theta + distance * direction)
            lost = lost | undetermined(place.evaluation.information)[0]
    return lost


def pseudo_covariance(information: Array, variance: float) -> Array:
    """Return the covariance over the directions that are determined, zero along the others."""
    diagonal = np.diag(information)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = information / np.outer(size, size)
    inverse: Array = variance * np.linalg.pinv(scaled, rcond=_FLAT, hermitian=True) / np.outer(size, size)
    return inverse


def covariance_of(information: Array, variance: float) -> Array:
    """Return the covariance of the parameters, shape (p, p); NaN for those not determined."""
    lost, _ = undetermined(information)
    covariance = pseudo_covariance(information, variance)
    covariance[lost] = covariance[:, lost] = np.nan
    return covariance


def profile_interval(
    problem: Problem, optimum: Optimum, index: int, error: float, variance: float, quantile: float
) -> Interval:
    """Return the profile interval of one parameter.

    Parameters
    ----------
    problem : Problem
        Compressed data.
    optimum : Optimum
        Its optimum.
    index : int
        Which parameter.
    error : float
        Its standard error (ln k or s), the first step's size.
    variance : float
        Variance of one reading.
    quantile : float
        Student's quantile times the factor by which errors were widened.
    """
    if index >= problem.free_rates.size:
        return _breakpoint_interval(problem, optimum, index, variance * quantile**2)
    ends = [_end(problem, optimum, index, sign * error * quantile, variance, quantile) for sign in (-1, 1)]
    reasons = [
        f"the {name} end is open: the data allow any {more} value"
        for name, more, end in (("lower", "smaller", ends[0]), ("upper", "larger", ends[1]))
        if end is None
    ]
    return Interval(ends[0], ends[1], (), "; ".join(reasons))


def _end(
    problem: Problem, optimum: Optimum, index: int, step: float, variance: float, quantile: float
) -> float | None:
    centre = float(optimum.theta[index])
    held = np.zeros(optimum.theta.size, bool)
    held[index] = True
    others = np.flatnonzero(~held)
    slope = np.zeros(optimum.theta.size)
    if others.size:
        matrix = optimum.evaluation.curvature
        square = matrix[np.ix_(others, others)]
        slope[others] = -np.linalg.lstsq(square, matrix[others, index], rcond=None)[0]
    slope[index] = 1.0
    inside, outside = (0.0, 0.0), (np.nan, np.nan)  # (distance, root of the rise)
    distance = float(np.clip(step, -3.0, 3.0))
    tolerance = 1e-3 * variance / max(optimum.evaluation.rss, 1e-300)
    for _ in range(12):
        place = float(np.clip(centre + distance, problem.lower[index], problem.upper[index]))
        at_wall = place != centre + distance
        distance = place - centre
        start = optimum.theta + slope * distance
        start[index] = place
        rest = descend(problem, start, held=held, iterations=20, tolerance=tolerance)
        root = np.sqrt(max(rest.evaluation.rss - optimum.evaluation.rss, 0.0) / variance)
        if abs(root / quantile - 1) < _TOLERANCE and not at_wall:
            return float(
                np.clip(centre + distance * quantile / root, problem.lower[index], problem.upper[index])
            )
        if root < quantile:
            inside = (distance, root)
            if at_wall:
                return None
        else:
            outside = (distance, root)
        if np.isnan(outside[0]):
            distance = distance * float(np.clip(quantile / max(root, 0.2 * quantile), 1.05, 4.0))
        else:
            share = (quantile - inside[1]) / (outside[1] - inside[1])
            distance = inside[0] + float(np.clip(share, 0.03, 0.97)) * (outside[0] - inside[0])
    return centre + distance


def _breakpoint_interval(problem: Problem, optimum: Optimum, index: int, allowed: float) -> Interval:
    """Scan the breakpoint over the samples and refine each crossing; the interval may be a set."""
    knots = inner_knots(problem, optimum.theta, index)
    coarse = knots[np.unique(np.linspace(0, knots.size - 1, 60).astype(int))]
    positions = np.unique(np.append(coarse, optimum.theta[index]))
    rise = _rises(problem, optimum, index, positions, allowed)
    inside = rise <= allowed
    pieces: list[tuple[float, float]] = []
    open_ends = []
    i = 0
    while i < positions.size:
        if not inside[i]:
            i += 1
            continue
        j = i
        while j + 1 < positions.size and inside[j + 1]:
            j += 1
        low = (
            positions[0]
            if i == 0
            else _crossing(problem, optimum, index, positions[i], positions[i - 1], allowed)
        )
        last = positions.size - 1
        high = (
            positions[-1]
            if j == last
            else _crossing(problem, optimum, index, positions[j], positions[j + 1], allowed)
        )
        open_ends += ["lower"] * (i == 0) + ["upper"] * (j == last)
        pieces.append((float(low), float(high)))
        i = j + 1
    reason = f"the {' and '.join(open_ends)} end lies outside the sampled times" if open_ends else ""
    return Interval(
        None if "lower" in open_ends else pieces[0][0],
        None if "upper" in open_ends else pieces[-1][1],
        tuple(pieces) if len(pieces) > 1 else (),
        reason,
    )


def _rises(
    problem: Problem, optimum: Optimum, index: int, positions: Sequence[float] | Array, allowed: float
) -> Array:
    tolerance = 0.02 * allowed / max(optimum.evaluation.rss, 1e-300)
    rests = scan_breakpoint(problem, optimum.theta, index, np.asarray(positions), tolerance)
    return np.array([rest.evaluation.rss for rest in rests]) - optimum.evaluation.rss


def _crossing(
    problem: Problem, optimum: Optimum, index: int, inside: float, outside: float, allowed: float
) -> float:
    for _ in range(7):
        middle = (inside + outside) / 2
        if _rises(problem, optimum, index, [middle], allowed)[0] <= allowed:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2
