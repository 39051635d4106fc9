"""Smooth rivals of the broken decay: linear amplitudes times shapes, with exact derivatives.

Sources: stretched exponential, R. Kohlrausch, Ann. Phys. 167, 179 (1854), doi
10.1002/andp.18541670203 (as exp(-(kt)^n) it is JMAK: M. Avrami, J. Chem. Phys. 7, 1103 (1939), doi
10.1063/1.1750380); mixed second order dA/dt = -k A [B0 - nu (A0 - A)]; Finke-Watzky, M. A. Watzky
and R. G. Finke, J. Am. Chem. Soc. 119, 10382 (1997), doi 10.1021/ja9705102.

Writing the mixed second order with kappa = k (B0 - nu A0) and mu = k nu A0 gives
A/A0 = exp(-kappa t) / (1 + mu (1 - exp(-kappa t))/kappa). Finke-Watzky, A/A0 = (k1 + s)/(s + k1
exp((k1 + s) t)) with s = k2 A0, is the same family at kappa = k1 + s, mu = -s: depletion (mu > 0)
decelerates, autocatalysis (mu < 0) accelerates. One family, one row.

A sequential scheme A -> B -> C seen through A/A0 = C0 + q C2 + c P is the biexponential (+ offset).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.models.families import LARGEST_EXPONENT

__all__ = ["DECAYS", "DecayFamily", "JointFamily", "Shape", "unit_gain"]

CLOSE = 1e-7
"""Distance of two rates, per span, below which their divided difference is that at this distance."""

ShapeFunction = Callable[[Array, Array], tuple[Array, Array]]
"""(time (n,), nonlinear (B, q)) -> columns (B, m, n) and their derivatives (B, q, m, n)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A smooth shape: its nonlinear parameters, their bounds and a grid of starts.

    Bounds and grids are for time scaled to a span of one. `stable` spans the same curves by columns
    that stay apart where those of `function` coincide; an optimiser works on these. `stable_offset`
    does the same beside an offset, which a rate near zero imitates. `amplitudes` names the columns'
    factors where they are not all amplitudes of decays (C, or C1, C2, ...).
    """

    name: str
    nonlinear: tuple[str, ...]
    n_columns: int
    function: ShapeFunction
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    grid: tuple[tuple[float, ...], ...]
    note: str = ""
    stable: ShapeFunction | None = None
    stable_offset: ShapeFunction | None = None
    amplitudes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecayFamily:
    """Amplitudes times a shape, with or without an offset; parameters C.., nonlinear.., o.

    With `stable` the amplitudes are those of the shape's stable columns; `told` gives the others.
    """

    shape: Shape
    with_offset: bool
    stable: bool = False

    @property
    def function(self) -> ShapeFunction:
        """The columns an optimiser works on."""
        steady = self.shape.stable_offset if self.with_offset else self.shape.stable
        return steady if self.stable and steady is not None else self.shape.function

    def told(self, theta: Array) -> Array:
        """Return parameters (B, p) with the amplitudes of the shape's own columns.

        Rates that coincide are told 1e-5 apart: at one rate the curve has no two amplitudes.
        """
        if self.function is self.shape.function:
            return theta
        result = theta.copy()
        close = np.abs(theta[:, 3] - theta[:, 2]) < 1e-5
        result[close, 2:4] = theta[close, 2:4].mean(axis=1, keepdims=True) + np.array([5e-6, -5e-6])
        first, second = result[:, 2], result[:, 3]
        if not self.with_offset:
            result[:, 1] = -theta[:, 1] / (second - first)
            result[:, 0] = theta[:, 0] - result[:, 1]
            return result
        share = theta[:, 1] / np.maximum(first, second)
        low = np.minimum(first, second)
        by_first, by_low = theta[:, 0] / first, share / low
        apart = share / (second - first)
        result[:, 0] = -by_first - np.where(first <= second, by_low, 0.0) - apart
        result[:, 1] = apart - np.where(first <= second, 0.0, by_low)
        result[:, 4] = theta[:, 4] + by_first + by_low
        return result

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        count = self.shape.n_columns
        amplitudes = self.shape.amplitudes
        if not amplitudes:
            amplitudes = ("C",) if count == 1 else tuple(f"C{j}" for j in range(1, count + 1))
        return (*amplitudes, *self.shape.nonlinear, *(("o",) if self.with_offset else ()))

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n); `cell` is not used."""
        count, width = self.shape.n_columns, len(self.shape.nonlinear)
        columns, slopes = self.function(time, theta[:, count : count + width])
        amplitudes = theta[:, :count]
        curve = np.einsum("bm,bmn->bn", amplitudes, columns)
        jacobian = np.empty((theta.shape[0], theta.shape[1], time.size))
        jacobian[:, :count] = columns
        jacobian[:, count : count + width] = np.einsum("bm,bqmn->bqn", amplitudes, slopes)
        if self.with_offset:
            jacobian[:, -1] = 1.0
            curve = curve + theta[:, -1:]
        return curve, jacobian


@dataclass(frozen=True, slots=True)
class JointFamily:
    """Several smooth families in one batch: row i follows member `cell[i, 0]`, rows in that order.

    Members with fewer parameters than the widest leave the last columns unused (hold them).
    `delays` is added to the time of each member.
    """

    members: tuple[DecayFamily, ...]
    delays: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers of the columns, since each member has names of its own."""
        return tuple(str(i) for i in range(max(len(member.names) for member in self.members)))

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, p, n); see the class for `cell`."""
        if cell is None:
            raise ValueError("a joint family needs the member that each row follows")
        curve, jacobian = np.empty((theta.shape[0], time.size)), np.zeros((*theta.shape, time.size))
        edges = np.searchsorted(cell[:, 0], np.arange(len(self.members) + 1))
        for member, delay, first, last in zip(
            self.members, self.delays, edges[:-1].tolist(), edges[1:].tolist(), strict=True
        ):
            if first < last:
                width = len(member.names)
                curve[first:last], jacobian[first:last, :width] = member.evaluate(
                    time + delay, theta[first:last, :width]
                )
        return curve, jacobian


def _exp(exponent: Array) -> Array:
    decay: Array = np.exp(-np.clip(exponent, -LARGEST_EXPONENT, 700.0))
    return decay


def _one_exponential(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    decay = _exp(nonlinear[:, :1] * time)
    return decay[:, None, :], (-time * decay)[:, None, None, :]


def _exponential_on_drift(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    decay = _exp(nonlinear[:, :1] * time)
    columns = np.stack([decay, np.broadcast_to(time, decay.shape)], axis=1)
    slopes = np.zeros((decay.shape[0], 1, 2, time.size))
    slopes[:, 0, 0] = -time * decay
    return columns, slopes


def _two_exponentials(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    columns = _exp(nonlinear[:, :, None] * time)
    slopes = np.zeros((nonlinear.shape[0], 2, 2, time.size))
    slopes[:, 0, 0], slopes[:, 1, 1] = -time * columns[:, 0], -time * columns[:, 1]
    return columns, slopes


def _between(time: Array, nonlinear: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return exp(-low t), exp(-high t), their divided difference (sign aside) and its two slopes.

    (exp(-low t) - exp(-high t))/(high - low) stays apart from either exponential as the rates meet.
    """
    low = nonlinear.min(axis=1, keepdims=True)
    apart = np.maximum(nonlinear.max(axis=1, keepdims=True) - low, CLOSE)
    slow = np.exp(-low * time)
    fall = np.expm1(-apart * time)
    fast = slow * (1.0 + fall)
    difference = -slow * fall / apart
    return slow, fast, difference, (difference - time * slow) / apart, (time * fast - difference) / apart


def _two_exponentials_apart(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    """Return exp(-k1 t) and (exp(-k1 t) - exp(-k2 t))/(k2 - k1)."""
    slow, fast, second, by_low, by_high = _between(time, nonlinear)
    first_is_low = nonlinear[:, :1] <= nonlinear[:, 1:2]
    first = np.where(first_is_low, slow, fast)
    columns, slopes = np.empty((first.shape[0], 2, time.size)), np.zeros((first.shape[0], 2, 2, time.size))
    columns[:, 0], columns[:, 1] = first, second
    slopes[:, 0, 0] = -time * first
    slopes[:, 0, 1] = np.where(first_is_low, by_low, by_high)
    slopes[:, 1, 1] = np.where(first_is_low, by_high, by_low)
    return columns, slopes


def _two_exponentials_beside_offset(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    """Return divided differences of exp(-k t) over {0, k1} and over {0, k1, k2} (signs aside).

    (1 - exp(-k1 t))/k1 and ((1 - exp(-low t))/low - (exp(-low t) - exp(-high t))/(high - low))/high:
    beside a constant they stay apart as the rates meet and as one of them nears zero.
    """
    slow, fast, between, by_low, by_high = _between(time, nonlinear)
    low, high = nonlinear.min(axis=1, keepdims=True), nonlinear.max(axis=1, keepdims=True)
    rise = -np.expm1(-low * time) / low
    slope = (time * slow - rise) / low
    second = (rise - between) / high
    by_low, by_high = (slope - by_low) / high, -(by_high + second) / high
    first_is_low = nonlinear[:, :1] <= nonlinear[:, 1:2]
    fast_rise = -np.expm1(-high * time) / high
    columns, slopes = np.empty((slow.shape[0], 2, time.size)), np.zeros((slow.shape[0], 2, 2, time.size))
    columns[:, 0], columns[:, 1] = np.where(first_is_low, rise, fast_rise), second
    slopes[:, 0, 0] = np.where(first_is_low, slope, (time * fast - fast_rise) / high)
    slopes[:, 0, 1] = np.where(first_is_low, by_low, by_high)
    slopes[:, 1, 1] = np.where(first_is_low, by_high, by_low)
    return columns, slopes


def unit_gain(x: Array) -> tuple[Array, Array]:
    """Return (1 - exp(-x))/x and its derivative, finite at x = 0."""
    small = np.abs(x) < 1e-4
    safe = np.where(small, 1.0, np.clip(x, -LARGEST_EXPONENT, 700.0))
    unit = np.where(small, 1.0 - x / 2 + x * x / 6, -np.expm1(-safe) / safe)
    slope = np.where(small, -0.5 + x / 3 - x * x / 8, (np.exp(-safe) - unit) / safe)
    return unit, slope


def _stretched(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    k, beta = nonlinear[:, :1], nonlinear[:, 1:2]
    with np.errstate(divide="ignore"):
        log_kt = np.log(np.maximum(k * time, 1e-300))
    power = np.exp(np.clip(beta * log_kt, -700.0, LARGEST_EXPONENT))
    decay = np.exp(-power)
    fall = -power * decay
    slopes = np.stack([fall * beta / k, fall * np.maximum(log_kt, -690.0)], axis=1)
    return decay[:, None, :], slopes[:, :, None, :]


def _second_order(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    inverse = 1.0 / np.maximum(1.0 + nonlinear[:, :1] * time, 1e-12)
    return inverse[:, None, :], (-time * inverse**2)[:, None, None, :]


def _mixed(time: Array, nonlinear: Array) -> tuple[Array, Array]:
    kappa, mu = nonlinear[:, :1], nonlinear[:, 1:2]
    x = np.clip(kappa * time, -LARGEST_EXPONENT, 700.0)
    decay = np.exp(-x)
    unit, slope = unit_gain(x)
    gathered = time * unit
    below = np.maximum(1.0 + mu * gathered, 1e-9)
    curve = decay / below
    d_kappa = -time * curve - curve / below * mu * time**2 * slope
    d_mu = -curve / below * gathered
    return curve[:, None, :], np.stack([d_kappa, d_mu], axis=1)[:, :, None, :]


_RATES = tuple(float(k) for k in np.geomspace(0.02, 300.0, 40))
_FEW_RATES = tuple(float(k) for k in np.geomspace(0.1, 200.0, 14))

DECAYS: dict[str, Shape] = {
    "exponential": Shape(
        "exponential",
        ("k",),
        1,
        _one_exponential,
        (-50.0,),
        (1e4,),
        tuple((k,) for k in (*(-0.02, -0.2, -1.0, -3.0, -8.0), *_RATES)),
    ),
    "exponential + drift": Shape(
        "exponential + drift",
        ("k",),
        2,
        _exponential_on_drift,
        (0.0,),
        (1e4,),
        tuple((k,) for k in _RATES),
        "the baseline drifts along a straight line",
        amplitudes=("C", "drift"),
    ),
    "biexponential": Shape(
        "biexponential",
        ("k1", "k2"),
        2,
        _two_exponentials,
        (1e-4, 1e-4),
        (1e4, 1e4),
        tuple((a, b) for a in _FEW_RATES for b in (0.01, *_FEW_RATES) if a >= b),
        "also sequential A -> B -> C with free q; swapping k1 and k2 changes nothing (slow-fast ambiguity)",
        _two_exponentials_apart,
        _two_exponentials_beside_offset,
    ),
    "stretched exponential": Shape(
        "stretched exponential",
        ("k", "beta"),
        1,
        _stretched,
        (1e-6, 0.05),
        (1e6, 12.0),
        tuple((k, b) for k in _FEW_RATES for b in (0.35, 0.5, 0.7, 0.85, 1.0, 1.3, 2.0, 3.0)),
        "also JMAK (Avrami) with free n = beta",
    ),
    "second order": Shape(
        "second order", ("k",), 1, _second_order, (0.0,), (1e6,), tuple((k,) for k in _RATES)
    ),
    "mixed second order": Shape(
        "mixed second order",
        ("kappa", "mu"),
        1,
        _mixed,
        (-40.0, -1e4),
        (1e4, 1e6),
        tuple(
            (k, m * abs(k))
            for k in (-6.0, -2.0, -0.5, 0.2, *_FEW_RATES[::2])
            for m in (-0.99, -0.9, -0.6, 0.1, 0.5, 1.5, 5.0, 20.0)
            if k > 0 or m > 1
        ),
        "also Finke-Watzky where mu < 0 (autocatalysis accelerates; silver depletion, mu > 0, decelerates)",
    ),
}
"""The smooth shapes by name."""
