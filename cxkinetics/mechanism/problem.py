"""Least squares of a mechanism to its evidence, for a batch of problems at once.

Each problem of a batch may have readings and weights of its own: starts, rivals' doubled errors, sources
left out, points of a profile and perturbed readings are all the same search. A parameter is searched as
the logit of its place between its bounds; a weak pull to the middle keeps what no datum speaks of from
running to a bound, and is part of chi2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.inference.descent import Descent, Products, minimise
from cxkinetics.mechanism.observables import Eye, Predicted
from cxkinetics.mechanism.scheme import Mechanism
from cxkinetics.mechanism.solver import RATIO

PULL = 0.05
EDGE = 9.0
"""Largest logit: within 1e-4 of the range from a bound."""
REACH = 2.0
"""Longest step of a logit: the linear approximation holds no further."""


def theta_of(mechanism: Mechanism, z: Array) -> Array:
    """Return parameters (parameters, problems) at logits (problems, parameters)."""
    parts = expit(z)
    return np.stack([p.value(parts[:, i]) for i, p in enumerate(mechanism.parameters)])


def logits_of(mechanism: Mechanism, theta: Array) -> Array:
    """Return logits (problems, parameters) of parameters (parameters, problems)."""
    parts = np.stack([p.part(theta[i]) for i, p in enumerate(mechanism.parameters)], axis=1)
    return np.clip(logit(np.clip(parts, 1e-12, 1 - 1e-12)), -EDGE, EDGE)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A batch of least-squares problems.

    Attributes
    ----------
    eye : Eye
        The mechanism and its evidence.
    readings, weights : Array, shape (problems, points)
        What was read, and 1/sd of it; 0 where it is left out.
    pull : float
        Weight of the pull of each logit.
    middle : Array, shape (problems, parameters)
        Where it pulls to.
    ratio : float
        Of the solver.
    white : Array, shape (points, points), optional
        What makes residuals over sd independent, where the errors of some points go together.
    """

    eye: Eye
    readings: Array
    weights: Array
    pull: float
    middle: Array
    ratio: float = RATIO
    white: Array | None = None

    def evaluate(self, theta: Array) -> tuple[Array, Products]:
        """Return chi2 of each problem, the pull included, and its products when asked for."""
        seen = self._seen(theta)
        residual = self._residual(theta, seen)
        total = np.einsum("bn,bn->b", residual, residual)
        total = np.where(np.isfinite(total), total, np.inf)

        def products(which: BoolArray | None) -> tuple[Array, Array]:
            rows, z, r = (
                (self, theta, residual)
                if which is None
                else (self.rows(which), theta[which], residual[which])
            )
            j = rows._jacobian(z, seen.differentiated(which))
            r, j = np.nan_to_num(r, posinf=0.0, neginf=0.0), np.nan_to_num(j, posinf=0.0, neginf=0.0)
            return j @ j.transpose(0, 2, 1), (j @ r[:, :, None])[:, :, 0]

        return total, products

    def residuals(self, z: Array) -> Array:
        """Return reading minus prediction over sd, and then the pulls: (problems, points + parameters)."""
        return self._residual(z, self._seen(z))

    def jacobian(self, z: Array) -> Array:
        """Return minus their derivatives with respect to the logits (problems, parameters, ...)."""
        return self._jacobian(z, self._seen(z).differentiated())

    def _seen(self, z: Array) -> Predicted:
        theta = theta_of(self.eye.mechanism, z)
        return self.eye.predict(theta, readings=self.readings, ratio=self.ratio)

    def _missed(self, seen: Predicted) -> tuple[Array, BoolArray]:
        """Return the residuals of the points, and which of them are limits that are kept."""
        residual = (self.readings - seen.value) * self.weights
        return residual, residual * self.eye.side > 0  # reading above (below) the prediction

    def _residual(self, z: Array, seen: Predicted) -> Array:
        residual, met = self._missed(seen)
        residual = np.where(met, 0.0, residual)
        residual = residual if self.white is None else residual @ self.white.T
        residual[seen.failed] = np.inf
        return np.concatenate([residual, self.pull * (self.middle - z)], axis=1)

    def _jacobian(self, z: Array, seen: Predicted) -> Array:
        mechanism, parts = self.eye.mechanism, expit(z)
        theta = theta_of(mechanism, z)
        turn = np.stack([p.slope(theta[i]) for i, p in enumerate(mechanism.parameters)], axis=1)
        turn = turn * parts * (1 - parts)
        jacobian = seen.slope.transpose(1, 0, 2) * turn[:, :, None] * self.weights[:, None]
        jacobian = np.where(self._missed(seen)[1][:, None], 0.0, jacobian)
        jacobian = jacobian if self.white is None else jacobian @ self.white.T
        own = np.broadcast_to(self.pull * np.eye(z.shape[1]), (z.shape[0], z.shape[1], z.shape[1]))
        return np.concatenate([jacobian, own], axis=2)

    def rows(self, index: BoolArray) -> "Problem":
        """Return some of the problems."""
        return replace(
            self, readings=self.readings[index], weights=self.weights[index], middle=self.middle[index]
        )

    def repeated(self, count: int) -> "Problem":
        """Return the first problem, `count` times."""
        return replace(
            self,
            readings=np.repeat(self.readings[:1], count, axis=0),
            weights=np.repeat(self.weights[:1], count, axis=0),
            middle=np.repeat(self.middle[:1], count, axis=0),
        )


def problem_of(eye: Eye, count: int = 1) -> Problem:
    """Return the plain problem, `count` times: readings and errors as they are."""
    shape = (count, eye.value.size)
    return Problem(
        eye,
        np.broadcast_to(eye.value, shape).copy(),
        np.broadcast_to(1 / eye.sd, shape).copy(),
        PULL,
        np.zeros((count, len(eye.mechanism.parameters))),
    )


def descend(
    problem: Problem,
    start: Array,
    *,
    iterations: int = 60,
    free: BoolArray | None = None,
    tolerance: float = 1e-5,
    race: float | None = None,
) -> Descent:
    """Search from starts (problems, parameters) in logits."""
    return minimise(
        problem,
        start,
        lower=np.full(start.shape[1], -EDGE),
        upper=np.full(start.shape[1], EDGE),
        free=free,
        iterations=iterations,
        tolerance=tolerance,
        race=race,
        reach=np.full(start.shape[1], REACH),
    )


def starts(mechanism: Mechanism, count: int, rng: np.random.Generator) -> Array:
    """Return starts spread evenly over the ranges (Latin hypercube), in logits."""
    size = len(mechanism.parameters)
    places = np.stack([rng.permutation(count) for _ in range(size)], axis=1)
    return np.asarray(logit(0.05 + 0.9 * (places + rng.random((count, size))) / count))


Progress = Callable[[str], None]
