"""Profiles of a breakpoint on a grid: interval, joint profile, and the test that two are one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate

__all__ = ["Agreement", "agreement", "breakpoint_grid", "estimate_of", "refined"]


def breakpoint_grid(time_s: Array, finely_at: Array) -> Array:
    """Return where profiles are taken: the inner samples, points between, and finely about some places."""
    inner = time_s[2:-2] if time_s.size > 8 else time_s[1:-1]
    inner = inner[np.unique(np.linspace(0, inner.size - 1, 200).astype(int))]
    step = float(np.median(np.diff(time_s)))
    fine = (finely_at[:, None] + step * np.linspace(-3, 3, 61)).ravel()
    middles = (inner[1:] + inner[:-1]) / 2
    grid = np.concatenate([inner, middles, fine])
    grid = np.unique(np.round(grid[(grid >= inner[0]) & (grid <= inner[-1])], 9))
    return grid


def refined(grid_s: Array, deviances: Sequence[Array], limit: float) -> Array:
    """Return the grid with 40 more points across each valley in which a profile stays below the limit."""
    more = [grid_s]
    for deviance in deviances:
        inside = np.flatnonzero(deviance <= limit)
        for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
            low = grid_s[max(run[0] - 1, 0)]
            high = grid_s[min(run[-1] + 1, grid_s.size - 1)]
            more.append(np.linspace(low, high, 41))
    return np.unique(np.concatenate(more))


def estimate_of(name: str, grid_s: Array, deviance: Array, limit: float, quantile: float) -> Estimate:
    """Return the estimate of a breakpoint from its profile.

    Parameters
    ----------
    name : str
        What it is.
    grid_s, deviance : Array, shape (x,)
        Profile: rise of the misfit in units of the noise (0 at the best).
    limit : float
        Rise at which the interval ends.
    quantile : float
        Student's quantile behind it, for the standard error.
    """
    best = int(np.argmin(deviance))
    value = _vertex(grid_s, deviance, best)
    inside = deviance <= limit
    pieces: list[tuple[float, float]] = []
    i = 0
    while i < grid_s.size:
        if not inside[i]:
            i += 1
            continue
        j = i
        while j + 1 < grid_s.size and inside[j + 1]:
            j += 1
        low = grid_s[i] if i == 0 else _cross(grid_s, deviance, i - 1, i, limit)
        high = grid_s[j] if j == grid_s.size - 1 else _cross(grid_s, deviance, j, j + 1, limit)
        pieces.append((float(low), float(high)))
        i = j + 1
    open_low, open_high = bool(inside[0]), bool(inside[-1])
    low_end, high_end = pieces[0][0], pieces[-1][1]
    ends = " and ".join(["lower"] * open_low + ["upper"] * open_high)
    return Estimate(
        name=name,
        value=value,
        se=None if open_low or open_high else (high_end - low_end) / (2 * quantile),
        low=None if open_low else low_end,
        high=None if open_high else high_end,
        unit="s",
        method="profile",
        reason=f"the {ends} end lies outside the sampled times" if ends else "",
        pieces=tuple(pieces) if len(pieces) > 1 else (),
    )


def _vertex(grid: Array, deviance: Array, best: int) -> float:
    if not 0 < best < grid.size - 1:
        return float(grid[best])
    x, y = grid[best - 1 : best + 2], deviance[best - 1 : best + 2]
    a, b, _ = np.polyfit(x - x[1], y, 2)
    move = -b / (2 * a) if a > 0 else 0.0
    return float(x[1] + np.clip(move, x[0] - x[1], x[2] - x[1]))


def _cross(grid: Array, deviance: Array, one: int, other: int, limit: float) -> float:
    share = (limit - deviance[one]) / (deviance[other] - deviance[one])
    return float(grid[one] + share * (grid[other] - grid[one]))


class Agreement(NamedTuple):
    """Rise of the joint misfit at its best over the separate ones, and its p-value (chi2, 1 degree)."""

    statistic: float
    p_value: float


def agreement(one: Array, other: Array) -> Agreement:
    """Test that two breakpoints are one, by their profiles on the same grid."""
    from scipy.special import chdtrc

    statistic = max(float(np.min(one + other)), 0.0)
    return Agreement(statistic, float(chdtrc(1, statistic)))
