"""Curve families with exact derivatives, evaluated for a whole batch of parameter sets at once.

A family turns parameters of shape (B, p) into curves (B, n) and Jacobians (B, p, n). `StagedFamily`
is the broken first-order decay; the others live in `cxkinetics.models.decays`. Time is whatever
unit the caller scaled it to; nothing here knows of files, noise or optimisers.
"""

import math
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


TO_WIDTH = 2 * math.log(9.0)
"""Time from 10 to 90 % of a logistic switch, per unit of its own time constant."""


def mixed_clock(time: Array, tau: Array) -> tuple[Array, Array, Array]:
    """Return the clock t - tau (1 - exp(-t/tau)) of a reaction whose start takes time, and its slopes.

    Reagents that mix with the time constant tau run the reaction at the share 1 - exp(-t/tau) of its rate.

    Parameters
    ----------
    time : Array, shape (..., n)
        Times from the addition on; earlier ones stand at zero.
    tau : Array, shape (..., n) or one that broadcasts
        Time constants, 0 for a start at once.

    Returns
    -------
    Array, Array, Array
        The clock, its derivative by time, and by tau.

    Examples
    --------
    >>> clock, _, _ = mixed_clock(np.array([0.0, 2.0, 50.0]), np.array(2.0))
    >>> clock.round(3).tolist()
    [0.0, 0.736, 48.0]
    """
    since = np.maximum(time, 0.0)
    lasting = np.maximum(tau, 1e-12)
    share = since / lasting
    left = np.exp(-share)
    return since - lasting * (1 - left), 1 - left, share * left - (1 - left)


@dataclass(frozen=True, slots=True)
class StartingFamily(StagedFamily):
    """A staged decay whose start takes time and whose switch may be gradual.

    Parameters C, k1..km, b1..b(m-1), tau, with `gradual` also w, and o. The decay runs on the clock of
    `mixed_clock`, counted from the first sample, `lead` after the addition. Breakpoints are told on the
    clock of the samples, so that they stay in their gaps, or with `own_clock` on that of the reaction. With
    w above zero the second rate takes over along a logistic curve, from 10 to 90 % in the time w; with w at
    zero it does so at once.
    """

    lead: float = 0.0
    gradual: bool = False
    own_clock: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        known = StagedFamily(self.n_stages, False).names
        return (*known, "tau", *(("w",) if self.gradual else ()), *(("o",) if self.with_offset else ()))

    @property
    def tau(self) -> int:
        """Column of the start-up time."""
        return 2 * self.n_stages

    @property
    def width(self) -> int:
        """Column of the width of the switch."""
        return 2 * self.n_stages + 1

    def own_times(self, time: Array, tau: float) -> Array:
        """Return times of the samples' clock on the reaction's, which stands at -`lead` at the addition."""
        clock: Array = mixed_clock(time + self.lead, np.array(tau))[0] - self.lead
        return clock

    def told(self, theta: Array) -> Array:
        """Return parameters (B, p) with the breakpoints on the clock of the reaction."""
        result = theta.copy()
        result[:, self.breaks] = mixed_clock(theta[:, self.breaks] + self.lead, theta[:, self.tau, None])[0]
        result[:, self.breaks] -= self.lead
        return result

    def told_slopes(self, theta: Array) -> tuple[Array, Array]:
        """Return the slopes of these breakpoints (B, m - 1) by those of the samples' clock, and by tau."""
        _, by_time, by_tau = mixed_clock(theta[:, self.breaks] + self.lead, theta[:, self.tau, None])
        return by_time, by_tau

    def _breaks(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return breakpoints (B, m - 1) from the first sample on, own clock; their slopes by b and tau."""
        breaks, tau = theta[:, self.breaks], theta[:, self.tau, None]
        first, _, first_by_tau = mixed_clock(np.full((1, 1), self.lead), tau)
        if self.own_clock:
            return breaks + self.lead - first, np.ones_like(breaks), 0.0 * breaks - first_by_tau
        at, by_time, by_tau = mixed_clock(breaks + self.lead, tau)
        return at - first, by_time, by_tau - first_by_tau

    @np.errstate(over="ignore", invalid="ignore")  # a wild trial step overflows, and is refused for it
    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n); see `StagedFamily` for `cell`."""
        tau, rates = theta[:, self.tau, None], theta[:, self.rates]
        clock, _, by_tau = mixed_clock(time[None, :] + self.lead, tau)
        if self.lead:
            first, _, first_by_tau = mixed_clock(np.full((1, 1), self.lead), tau)
            clock, by_tau = clock - first, by_tau - first_by_tau
        breaks, by_break, break_by_tau = self._breaks(theta)
        jacobian = np.empty((*theta.shape, time.size))
        exponent, rate = rates[:, :1] * clock, np.repeat(rates[:, :1], time.size, axis=1)
        jacobian[:, 1] = clock
        moved: Array = np.zeros_like(clock)  # d exponent / d tau by way of the breakpoints
        for j in range(self.n_stages - 1):
            late, share, by_at, by_width = self._late(clock, breaks[:, j, None], theta, cell, j)
            change = rates[:, j + 1, None] - rates[:, j, None]
            exponent = exponent + change * late
            rate = rate + change * share
            jacobian[:, 1 + j] -= late
            jacobian[:, 2 + j] = late
            jacobian[:, self.breaks.start + j] = change * by_at * by_break[:, j, None]
            moved = moved + change * by_at * break_by_tau[:, j, None]
            if self.gradual:
                jacobian[:, self.width] = change * by_width
        jacobian[:, self.tau] = rate * by_tau + moved
        decay = np.exp(np.minimum(-exponent, LARGEST_EXPONENT))
        fall = theta[:, :1] * decay
        jacobian[:, 1:] *= -fall[:, None, :]
        jacobian[:, 0] = decay
        if self.with_offset:
            jacobian[:, -1] = 1.0
            return fall + theta[:, -1:], jacobian
        return fall, jacobian

    def _late(
        self, clock: Array, at: Array, theta: Array, cell: IntArray | None, j: int
    ) -> tuple[Array, Array, Array, Array]:
        """Return time spent after a switch (B, n), its slope by the clock, by the switch and by the width."""
        begun = clock > at if cell is None else _after(clock.shape[1], cell[:, j])
        after: Array = begun.astype(float)
        late, share, by_at, by_width = np.maximum(clock - at, 0.0), after, -after, np.zeros_like(clock)
        if self.gradual:
            soft = np.flatnonzero(theta[:, self.width] > 0)
            if soft.size:
                scale = theta[soft, self.width, None] / TO_WIDTH
                x, begin = (clock[soft] - at[soft]) / scale, -at[soft] / scale
                rise, first = _logistic(x), _logistic(begin)
                late[soft] = scale * (np.logaddexp(0.0, x) - np.logaddexp(0.0, begin))
                share[soft], by_at[soft] = rise, first - rise
                bend = np.logaddexp(0.0, x) - x * rise - np.logaddexp(0.0, begin) + begin * first
                by_width[soft] = bend / TO_WIDTH
        return late, share, by_at, by_width


def _logistic(x: Array) -> Array:
    rise: Array = 0.5 * (1.0 + np.tanh(x / 2))
    return rise


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

    def since(self, theta: Array) -> tuple[Array, Array]:
        """Return how long the decay has run at the first sample (B,), and its slope by tau."""
        if not isinstance(self.base, StartingFamily) or self.base.lead <= 0 or self.lead <= 0:
            return np.full(len(theta), self.lead), np.zeros(len(theta))
        clock, _, by_tau = mixed_clock(np.array(self.lead), theta[:, self.base.tau])
        return clock, by_tau

    def told(self, theta: Array) -> Array:
        """Return these parameters (B, p) for those of the base family."""
        result = theta.copy()
        result[:, 0] *= np.exp(
            np.clip(theta[:, self.names.index("k1")] * self.since(theta)[0], -500.0, 500.0)
        )
        return result

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n)."""
        first, (lead, by_tau) = self.names.index("k1"), self.since(theta)
        factor = np.exp(np.clip(-theta[:, first] * lead, -500.0, 500.0))
        inner = theta.copy()
        inner[:, 0] = theta[:, 0] * factor
        curve, jacobian = self.base.evaluate(time, inner, cell)
        fall = inner[:, 0, None] * jacobian[:, 0]
        jacobian[:, first] -= lead[:, None] * fall
        if isinstance(self.base, StartingFamily):
            jacobian[:, self.base.tau] -= (theta[:, first] * by_tau)[:, None] * fall
        jacobian[:, 0] *= factor[:, None]
        return curve, jacobian


def carried_back(exponent: float) -> float:
    """Return the factor exp(k lead) by which an amplitude grows on its way back, kept finite."""
    return float(np.exp(min(max(exponent, -500.0), 500.0)))


def _after(n_points: int, cell: IntArray) -> BoolArray:
    after: BoolArray = np.arange(n_points) > cell[:, None]
    return after
