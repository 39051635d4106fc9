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
from cxkinetics.inference.ar1 import Whitening
from cxkinetics.models.families import Family

BLOCK = 40_000
"""Curve values held at once per array; larger batches are split, so that they stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What is fitted: scaled times (n,), signal (n,) or (B, n), and the whitening of its noise.

    The whitening is one for all problems or has a row for each.
    """

    time: Array
    signal: Array
    white: Whitening

    def rows(self, index: IntArray | BoolArray | slice) -> "Target":
        """Return the target of some of the problems."""
        if self.signal.ndim == 1 and self.white.diagonal.ndim == 1:
            return self
        signal = self.signal if self.signal.ndim == 1 else self.signal[index]
        return Target(self.time, signal, self.white.rows(index))


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Where the batch came to rest: parameters (B, p), whitened rss (B,), converged (B,)."""

    theta: Array
    rss: Array
    converged: BoolArray


@np.errstate(over="ignore", invalid="ignore")  # a wild trial step is only a step not taken
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
    group: IntArray | None = None,
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
    group : IntArray, shape (B,), optional
        Who competes with whom in the race (ascending numbers from 0); all with all where not given.
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
                group=None if group is None else np.unique(group[part], return_inverse=True)[1],
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
    now = np.where(held, start, np.clip(start, low, high))
    theta, final, converged = now.copy(), np.empty(batch), np.zeros(batch, bool)
    boxed, live = lower is not None or upper is not None, np.arange(batch)
    contest = np.zeros(batch, dtype=np.intp) if group is None else group
    residual, jacobian = _residual(family, target, now, cell)
    rss = np.einsum("bn,bn->b", residual, residual)
    lead = np.full(int(contest[-1]) + 1 if batch else 0, np.inf)
    damping = np.full(batch, 1e-3)
    normal, gradient = _products(residual, jacobian)
    for _ in range(iterations):
        blocked = held
        if boxed:
            blocked = held | ((now <= low) & (gradient < 0)) | ((now >= high) & (gradient > 0))
        size = np.einsum("bpp->bp", normal)
        matrix = normal.copy()
        floor = 1e-13 * size.max(axis=1, keepdims=True) + 1e-280
        np.einsum("bpp->bp", matrix)[...] += damping[:, None] * size + floor
        pull = gradient
        if blocked.any():
            pull = np.where(blocked, 0.0, gradient)
            matrix[blocked] = 0.0
            matrix.transpose(0, 2, 1)[blocked] = 0.0
            np.einsum("bpp->bp", matrix)[blocked] = 1.0
        step = np.linalg.solve(matrix, pull[:, :, None])[:, :, 0]
        promised = np.einsum("bp,bp->b", step, pull + damping[:, None] * size * step)
        rested = (promised <= tolerance * rss) & (damping < 1.0)
        trial = now + step
        if boxed:
            trial = np.where(held, now, np.minimum(np.maximum(trial, low), high))
        gone = rested
        if not rested.all():
            residual, jacobian = _residual(family, target, trial, cell)
            new_rss = np.einsum("bn,bn->b", residual, residual)
            gain = rss - new_rss
            better = (gain >= 0) & ~rested
            rested |= (np.abs(gain) <= tolerance * rss) & (damping < 1.0)
            if better.all():
                now, rss = trial, new_rss
                normal, gradient = _products(residual, jacobian)
                damping = np.maximum(damping * 0.1, 1e-12)
            else:
                now[better], rss[better] = trial[better], new_rss[better]
                normal[better], gradient[better] = _products(residual[better], jacobian[better])
                damping = np.where(better, np.maximum(damping * 0.1, 1e-12), damping * 10.0)
            gone = rested = rested | (damping > 1e9)
            if race is not None:
                np.minimum.at(lead, contest, rss)
                gone = rested | (better & (rss - 30 * gain > (1 + race) * lead[contest]))
        if gone.any():
            theta[live[gone]], final[live[gone]] = now[gone], rss[gone]
            converged[live[rested]] = True
            stay = ~gone
            live, contest = live[stay], contest[stay]
            if not live.size:
                break
            now, rss, damping, normal, gradient = (
                part[stay] for part in (now, rss, damping, normal, gradient)
            )
            low, high, held, target = low[stay], high[stay], held[stay], target.rows(stay)
            cell = None if cell is None else cell[stay]
    else:
        theta[live], final[live] = now, rss
    return Descent(theta, final, converged)


def _products(residual: Array, jacobian: Array) -> tuple[Array, Array]:
    """Return J J' (B, p, p) and J r (B, p) of whitened Jacobians and residuals."""
    return jacobian @ jacobian.transpose(0, 2, 1), (jacobian @ residual[:, :, None])[:, :, 0]


def _residual(family: Family, target: Target, theta: Array, cell: IntArray | None) -> tuple[Array, Array]:
    """Return whitened residuals (B, n) and Jacobians of the curve (B, p, n)."""
    curve, jacobian = family.evaluate(target.time, theta, cell)
    return target.white.apply(target.signal - curve), target.white.apply(jacobian)
