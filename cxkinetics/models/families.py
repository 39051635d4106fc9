"""Curve families with exact derivatives, evaluated for a whole batch of parameter sets at once.

A family turns parameters of shape (B, p) into curves (B, n) and Jacobians (B, p, n). `StagedFamily`
is the broken first-order decay; the others live in `cxkinetics.models.decays`. Time is whatever
unit the caller scaled it to; nothing here knows of files, noise or optimisers.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray

LARGEST_EXPONENT = 60.0
"""Exponents are clipped here, so that a wild trial step stays finite."""


class Family(Protocol):
    """What an optimiser needs of a curve family."""

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        ...

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n) for parameters `theta` (B, p)."""
        ...


@dataclass(frozen=True, slots=True)
class StagedFamily:
    """o + C exp(-sum_j k_j d_j(t)) with continuous joints; parameters C, k1..km, b1..b(m-1) and o.

    d_j is the time spent in stage j. The derivative with respect to a breakpoint exists between
    samples only, so `cell` (B, m - 1) names for each breakpoint the sample it lies on or after:
    the derivative is then the one inside that gap, at its ends too.
    """

    n_stages: int
    with_offset: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        rates = tuple(f"k{j}" for j in range(1, self.n_stages + 1))
        breaks = tuple(f"b{j}" for j in range(1, self.n_stages))
        return ("C", *rates, *breaks, *(("o",) if self.with_offset else ()))

    @property
    def rates(self) -> slice:
        """Columns of the rate constants."""
        return slice(1, 1 + self.n_stages)

    @property
    def breaks(self) -> slice:
        """Columns of the breakpoints."""
        return slice(1 + self.n_stages, 2 * self.n_stages)

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n); see the class for `cell`."""
        n_stages, (batch, width) = self.n_stages, theta.shape
        jacobian = np.empty((batch, width, time.size))
        rates, breaks = theta[:, self.rates], theta[:, self.breaks]
        reached: Array | float = 0.0
        exponent: Array | float = 0.0
        for j in range(n_stages):  # min(t, b_j) less what the stages before took
            until = np.minimum(time, breaks[:, j : j + 1]) if j < n_stages - 1 else time
            spent = until - reached
            reached = until
            jacobian[:, 1 + j] = spent
            exponent = exponent + rates[:, j : j + 1] * spent
        decay = np.exp(np.minimum(-exponent, LARGEST_EXPONENT))
        fall = theta[:, :1] * decay
        jacobian[:, 0] = decay
        jacobian[:, self.rates] *= -fall[:, None, :]
        for j in range(n_stages - 1):
            column = 1 + n_stages + j
            after = time > breaks[:, j : j + 1] if cell is None else _after(time.size, cell[:, j])
            jacobian[:, column] = (rates[:, j + 1 : j + 2] - rates[:, j : j + 1]) * fall * after
        if self.with_offset:
            jacobian[:, -1] = 1.0
            return fall + theta[:, -1:], jacobian
        return fall, jacobian


@dataclass(frozen=True, slots=True)
class FreeJointFamily:
    """Independent first-order stages: C_j exp(-k_j t) + o in stage j; parameters C1.., k1.. and o.

    `cell` (B, m - 1) holds the index of the first sample of each further stage.
    """

    n_stages: int
    with_offset: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        levels = tuple(f"C{j}" for j in range(1, self.n_stages + 1))
        rates = tuple(f"k{j}" for j in range(1, self.n_stages + 1))
        return (*levels, *rates, *(("o",) if self.with_offset else ()))

    @property
    def rates(self) -> slice:
        """Columns of the rate constants."""
        return slice(self.n_stages, 2 * self.n_stages)

    @property
    def breaks(self) -> slice:
        """Columns of the breakpoints: none, since these are the gaps named by `cell`."""
        return slice(0, 0)

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n)."""
        if cell is None:
            raise ValueError("free joints need the first sample of each further stage")
        batch, n_stages = theta.shape[0], self.n_stages
        jacobian = np.zeros((batch, theta.shape[1], time.size))
        index = np.arange(time.size)
        edges = np.concatenate([np.zeros((batch, 1), int), cell, np.full((batch, 1), time.size)], axis=1)
        curve = np.zeros((batch, time.size))
        for j in range(n_stages):
            inside = (index >= edges[:, j : j + 1]) & (index < edges[:, j + 1 : j + 2])
            exponent = np.clip(theta[:, n_stages + j, None] * time, -LARGEST_EXPONENT, None)
            decay = np.exp(-exponent) * inside
            jacobian[:, j] = decay
            jacobian[:, n_stages + j] = -theta[:, j, None] * time * decay
            curve += theta[:, j, None] * decay
        if self.with_offset:
            jacobian[:, -1] = 1.0
            curve += theta[:, -1:]
        return curve, jacobian


@dataclass(frozen=True, slots=True)
class RatioFamily:
    """A staged family told by k1/k2 in place of k1, so that the ratio can be profiled."""

    base: StagedFamily | FreeJointFamily

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        return tuple("k1/k2" if name == "k1" else name for name in self.base.names)

    def told(self, theta: Array) -> Array:
        """Return these parameters (B, p) for those of the base family."""
        first = self.base.names.index("k1")
        result = theta.copy()
        second = theta[:, first + 1]
        result[:, first] /= np.where(second == 0, 1e-12, second)
        return result

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n)."""
        first = self.base.names.index("k1")
        ratio, second = theta[:, first, None], theta[:, first + 1, None]
        inner = theta.copy()
        inner[:, first] = theta[:, first] * theta[:, first + 1]
        curve, jacobian = self.base.evaluate(time, inner, cell)
        jacobian[:, first + 1] += ratio * jacobian[:, first]
        jacobian[:, first] *= second
        return curve, jacobian


@dataclass(frozen=True, slots=True)
class AmplitudeFamily:
    """A staged family told by its amplitude at an earlier zero of time, `lead` before the first sample."""

    base: StagedFamily | FreeJointFamily
    lead: float

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        return self.base.names

    def told(self, theta: Array) -> Array:
        """Return these parameters (B, p) for those of the base family."""
        result = theta.copy()
        result[:, 0] *= np.exp(np.clip(theta[:, self.names.index("k1")] * self.lead, -500.0, 500.0))
        return result

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n)."""
        first = self.names.index("k1")
        factor = np.exp(np.clip(-theta[:, first] * self.lead, -500.0, 500.0))
        inner = theta.copy()
        inner[:, 0] = theta[:, 0] * factor
        curve, jacobian = self.base.evaluate(time, inner, cell)
        jacobian[:, first] -= self.lead * inner[:, 0, None] * jacobian[:, 0]
        jacobian[:, 0] *= factor[:, None]
        return curve, jacobian


@dataclass(frozen=True, slots=True)
class DriftFamily:
    """A staged family on a baseline that drifts along a straight line; the last parameter is its slope."""

    base: StagedFamily

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        return (*self.base.names, "drift")

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n)."""
        curve, jacobian = self.base.evaluate(time, theta[:, :-1], cell)
        slope = np.broadcast_to(time, (theta.shape[0], 1, time.size))
        return curve + theta[:, -1:] * time, np.concatenate([jacobian, slope], axis=1)


def carried_back(exponent: float) -> float:
    """Return the factor exp(k lead) by which an amplitude grows on its way back, kept finite."""
    return float(np.exp(min(max(exponent, -500.0), 500.0)))


def _after(n_points: int, cell: IntArray) -> BoolArray:
    after: BoolArray = np.arange(n_points) > cell[:, None]
    return after
