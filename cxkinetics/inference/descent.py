"""Levenberg-Marquardt for a whole batch of least-squares problems at once.

Every problem has its own damping; a converged one leaves the batch. Parameters are kept in a box:
a column whose gradient pushes out of the box is frozen for that step. The batch knows its problems by
their normal equations only (`Objective`), so that curves at many starts (`descend`) and one whole matrix
of spectra with its amplitudes projected out go the same way. Only `cxkinetics.curves` has a descent of
its own: all the digits of one hard problem ask for a QR of the Jacobian, which squares no condition
number, and for extended precision.

Reference: D. W. Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963), doi 10.1137/0111030.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

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


Products = Callable[[BoolArray | None], tuple[Array, Array]]
"""J J' (b, p, p) and J r (b, p) of the problems chosen by a mask, or of all."""


class Objective(Protocol):
    """A batch of least-squares problems."""

    def evaluate(self, theta: Array) -> tuple[Array, Products]:
        """Return rss (B,) at the parameters (B, p), and the products there, made when asked for."""
        ...

    def rows(self, index: BoolArray) -> "Objective":
        """Return some of the problems."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """A family's curves against a target."""

    family: Family
    target: Target
    cell: IntArray | None

    def evaluate(self, theta: Array) -> tuple[Array, Products]:
        white = self.target.white
        curve, jacobian = self.family.evaluate(self.target.time, theta, self.cell)
        residual, jacobian = white.apply(self.target.signal - curve), white.apply(jacobian)

        def products(which: BoolArray | None) -> tuple[Array, Array]:
            r, j = (residual, jacobian) if which is None else (residual[which], jacobian[which])
            return j @ j.transpose(0, 2, 1), (j @ r[:, :, None])[:, :, 0]

        return np.einsum("bn,bn->b", residual, residual) + white.hidden, products

    def rows(self, index: BoolArray | slice) -> "_Curves":
        cell = None if self.cell is None else self.cell[index]
        return _Curves(self.family, self.target.rows(index), cell)


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
    lower, upper, free, iterations, tolerance
        See `minimise`.
    race : float, optional
        The batch competes for the least rss: a problem is given up once its rss, less thirty more
        gains like the last, still exceeds (1 + race) times the best.
    group : IntArray, shape (B,), optional
        Who competes with whom in the race (ascending numbers from 0); all with all where not given.
    """
    objective = _Curves(family, target, cell)
    block = max(1, BLOCK // max(target.time.size, 1))
    parts = [slice(i, i + block) for i in range(0, max(start.shape[0], 1), block)]
    done = [
        minimise(
            objective.rows(part) if len(parts) > 1 else objective,
            start[part],
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
    if len(done) == 1:
        return done[0]
    return Descent(
        np.concatenate([d.theta for d in done]),
        np.concatenate([d.rss for d in done]),
        np.concatenate([d.converged for d in done]),
    )


@np.errstate(over="ignore", invalid="ignore")  # a wild trial step is only a step not taken
def minimise(
    objective: Objective,
    start: Array,
    *,
    lower: Array | None = None,
    upper: Array | None = None,
    free: BoolArray | None = None,
    iterations: int = 60,
    tolerance: float = 1e-12,
    race: float | None = None,
    group: IntArray | None = None,
    reach: Array | None = None,
    still: float = 0.0,
) -> Descent:
    """Minimise the rss of each problem of a batch.

    Parameters
    ----------
    objective : Objective
        The problems.
    start : Array, shape (B, p)
        Starts; clipped into the box.
    lower, upper : Array, shape (B, p) or (p,), optional
        The box.
    free : BoolArray, shape (p,) or (B, p), optional
        False holds a parameter at its start.
    iterations : int
        Steps at most.
    tolerance : float
        Relative gain in rss at which a problem counts as converged.
    race, group
        See `descend`.
    reach : Array, shape (p,), optional
        Longest step of each parameter.
    still : float
        Relative step up to which a problem counts as converged, whatever its rss does: for a sum of
        squares that rounding keeps from settling.
    """
    batch = start.shape[0]
    low, high, held = _limits(start, lower, upper, free)
    now = np.clip(start, low, high)
    theta, final, converged = now.copy(), np.empty(batch), np.zeros(batch, bool)
    live, damping = np.arange(batch), np.full(batch, SOFT)
    contest = np.zeros(batch, dtype=np.intp) if group is None else group
    lead = np.full(int(contest[-1]) + 1 if batch else 0, np.inf)
    rss, products = objective.evaluate(now)
    normal, gradient = products(None)
    for _ in range(iterations):
        blocked = held | ((now <= low) & (gradient < 0)) | ((now >= high) & (gradient > 0))
        step, promised = _step(normal, gradient, damping, blocked)
        gone = rested = (promised <= tolerance * rss) & (damping < 1.0)
        if not rested.all():
            trial = now + (step if reach is None else np.clip(step, -reach, reach))
            trial = np.minimum(np.maximum(trial, low), high)
            new_rss, products = objective.evaluate(trial)
            gain = rss - new_rss
            better = (gain >= 0) & ~rested
            rested = rested | ((np.abs(gain) <= tolerance * rss) & (damping < 1.0))
            if still:
                rested |= np.max(np.abs(trial - now) / (1 + np.abs(now)), axis=1) <= still
            if better.all():
                now, rss = trial, new_rss
                normal, gradient = products(None)
            elif better.any():
                now[better], rss[better] = trial[better], new_rss[better]
                normal[better], gradient[better] = products(better)
            damping = np.where(better, np.maximum(damping * 0.1, 1e-12), damping * 10.0)
            gone = rested = rested | (damping > HOPELESS)
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
            now, rss, damping, normal = now[stay], rss[stay], damping[stay], normal[stay]
            gradient, objective = gradient[stay], objective.rows(stay)
            low, high, held = low[stay], high[stay], held[stay]
    else:
        theta[live], final[live] = now, rss
    return Descent(theta, final, converged)


SOFT = 1e-3
"""First damping: nearly a Gauss-Newton step, as starts come from grids that are fine enough."""
HOPELESS = 1e9
"""Damping from which no step is short enough: rounding is all that is left to gain."""


def _limits(
    start: Array, lower: Array | None, upper: Array | None, free: BoolArray | None
) -> tuple[Array, Array, BoolArray]:
    """Return the box and what is held of every problem, each (B, p)."""
    low = np.broadcast_to(-np.inf if lower is None else lower, start.shape)
    high = np.broadcast_to(np.inf if upper is None else upper, start.shape)
    if free is None:
        return low, high, np.zeros(start.shape, bool)
    held = ~np.broadcast_to(free, start.shape)
    # what is held takes no step, and may stand outside the box
    return np.where(held, -np.inf, low), np.where(held, np.inf, high), held


def _step(normal: Array, gradient: Array, damping: Array, blocked: BoolArray) -> tuple[Array, Array]:
    """Return the damped steps (B, p), blocked parameters left alone, and the gains they promise (B,)."""
    matrix, width = normal.copy(), gradient.shape[1]
    diagonal = matrix.reshape(len(matrix), width**2)[:, :: width + 1]  # a view
    size = diagonal.copy()
    softening = damping[:, None] * size
    floor = 1e-13 * size.max(axis=1, keepdims=True) + 1e-280  # keeps a parameter that does nothing at rest
    diagonal += softening + floor
    pull = gradient
    if blocked.any():
        pull = np.where(blocked, 0.0, gradient)
        matrix[blocked] = 0.0
        matrix.transpose(0, 2, 1)[blocked] = 0.0
        diagonal[blocked] = 1.0
    step = np.linalg.solve(matrix, pull[:, :, None])[:, :, 0].astype(float, copy=False)
    return step, np.einsum("bp,bp->b", step, pull + softening * step)
