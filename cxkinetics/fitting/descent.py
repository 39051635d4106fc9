"""Levenberg-Marquardt for a whole batch of least-squares problems at once.

Every problem has its own damping; a converged one leaves the batch. Parameters are kept in a box:
a column whose gradient pushes out of the box is frozen for that step. Accuracy on a single hard
problem is the business of `cxkinetics.fitting.engine`; this is the hot loop under the searches,
profiles and bootstraps.

Reference: D. W. Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963), doi 10.1137/0111030.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.fitting.whitening import Whitening
from cxkinetics.models.families import Family

__all__ = ["Descent", "Target", "descend"]

BLOCK = 40_000
"""Curve values held at once per array; larger batches are split, so that they stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What is fitted: scaled times (n,), signal (n,) or (B, n), and the whitening of its noise."""

    time: Array
    signal: Array
    white: Whitening

    def rows(self, index: IntArray | slice) -> "Target":
        """Return the target of some of the problems."""
        return self if self.signal.ndim == 1 else Target(self.time, self.signal[index], self.white)


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Where the batch came to rest: parameters (B, p), whitened rss (B,), converged (B,)."""

    theta: Array
    rss: Array
    converged: BoolArray


def descend(
    family: Family,
    target: Target,
    start: Array,
    *,
    cell: IntArray | None = None,
    lower: Array | None = None,
    upper: Array | None = None,
    free: BoolArray | None = None,
    iterations: int = 60,
    tolerance: float = 1e-12,
    race: float | None = None,
) -> Descent:
    """Minimise the whitened residual sum of squares of each problem.

    Parameters
    ----------
    family : Family
        Curves and Jacobians.
    target : Target
        Data.
    start : Array, shape (B, p)
        Starts; clipped into the box.
    cell : IntArray, shape (B, c), optional
        Passed on to the family.
    lower, upper : Array, shape (B, p) or (p,), optional
        The box.
    free : BoolArray, shape (p,) or (B, p), optional
        False holds a parameter at its start.
    iterations : int
        Steps at most.
    tolerance : float
        Relative gain in rss at which a problem counts as converged.
    race : float, optional
        The batch competes for the least rss: a problem is given up once its rss, less thirty more
        gains like the last, still exceeds (1 + race) times the best.
    """
    block = max(1, BLOCK // max(target.time.size, 1))
    if start.shape[0] > block:
        parts = [slice(i, i + block) for i in range(0, start.shape[0], block)]
        done = [
            descend(
                family,
                target.rows(part),
                start[part],
                cell=None if cell is None else cell[part],
                lower=lower if lower is None or lower.ndim == 1 else lower[part],
                upper=upper if upper is None or upper.ndim == 1 else upper[part],
                free=free if free is None or free.ndim == 1 else free[part],
                iterations=iterations,
                tolerance=tolerance,
                race=race,
            )
            for part in parts
        ]
        return Descent(
            np.concatenate([d.theta for d in done]),
            np.concatenate([d.rss for d in done]),
            np.concatenate([d.converged for d in done]),
        )
    batch, width = start.shape
    low = np.broadcast_to(-np.inf if lower is None else lower, (batch, width))
    high = np.broadcast_to(np.inf if upper is None else upper, (batch, width))
    held = np.zeros((batch, width), bool) if free is None else ~np.broadcast_to(free, (batch, width))
    theta = np.clip(start, low, high)
    theta[held] = start[held]
    index = np.arange(batch)
    residual, jacobian = _residual(family, target, theta, cell, index)
    rss = np.einsum("bn,bn->b", residual, residual)
    damping = np.full(batch, 1e-3)
    converged = np.zeros(batch, bool)
    normal = jacobian @ jacobian.transpose(0, 2, 1)
    gradient = (jacobian @ residual[:, :, None])[:, :, 0]
    diagonal = np.arange(width)
    for _ in range(iterations):
        now = theta[index]
        blocked = (
            held[index] | ((now <= low[index]) & (gradient < 0)) | ((now >= high[index]) & (gradient > 0))
        )
        matrix = normal.copy()
        size = normal[:, diagonal, diagonal]
        floor = 1e-13 * size.max(axis=1, keepdims=True) + 1e-280
        matrix[:, diagonal, diagonal] = size + damping[index, None] * size + floor
        if blocked.any():
            matrix[blocked] = 0.0
            matrix.transpose(0, 2, 1)[blocked] = 0.0
            where = np.nonzero(blocked)
            matrix[where[0], where[1], where[1]] = 1.0
        pull = np.where(blocked, 0.0, gradient)
        step = np.linalg.solve(matrix, pull[:, :, None])[:, :, 0]
        promised = np.einsum("bp,bp->b", step, pull + damping[index, None] * size * step)
        rested = (promised <= tolerance * rss[index]) & (damping[index] < 1.0)
        if rested.any():
            converged[index[rested]] = True
            stay = ~rested
            index, normal, gradient = index[stay], normal[stay], gradient[stay]
            if not index.size:
                break
            now, step = now[stay], step[stay]
        trial = np.clip(now + step, low[index], high[index])
        trial[held[index]] = now[held[index]]
        new_residual, new_jacobian = _residual(family, target, trial, cell, index)
        new_rss = np.einsum("bn,bn->b", new_residual, new_residual)
        gain = rss[index] - new_rss
        better = gain >= 0
        small = np.abs(gain) <= tolerance * rss[index]
        accepted = index[better]
        theta[accepted], rss[accepted] = trial[better], new_rss[better]
        damping[accepted] = np.maximum(damping[accepted] * 0.1, 1e-12)
        damping[index[~better]] *= 10.0
        if better.any():
            changed = new_jacobian[better]
            normal[better] = changed @ changed.transpose(0, 2, 1)
            gradient[better] = (changed @ new_residual[better][:, :, None])[:, :, 0]
        finished = (small & (damping[index] < 1.0)) | (damping[index] > 1e9)
        converged[index[finished]] = True
        if race is not None:
            hopeless = better & (rss[index] - 30 * gain > (1 + race) * rss.min())
            finished |= hopeless
        if finished.any():
            stay = ~finished
            index, normal, gradient = index[stay], normal[stay], gradient[stay]
            if not index.size:
                break
    return Descent(theta, rss, converged)


def _residual(
    family: Family, target: Target, theta: Array, cell: IntArray | None, index: IntArray
) -> tuple[Array, Array]:
    """Return whitened residuals (B, n) and Jacobians of the curve (B, p, n)."""
    curve, jacobian = family.evaluate(target.time, theta, None if cell is None else cell[index])
    signal = target.signal if target.signal.ndim == 1 else target.signal[index]
    return target.white.apply(signal - curve), target.white.apply(jacobian)
