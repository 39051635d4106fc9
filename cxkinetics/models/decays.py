"""Rate laws as plain functions with their derivatives: staged, smooth, sequential, and the bent line."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import UsageError
from cxkinetics.models.families import LARGEST_EXPONENT
from cxkinetics.record import As

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
    factors where they are not all amplitudes of decays (C, or C1, C2, ...). A shape `from_start` counts
    time from the addition, not from the first reading. `kind` is "exponential", "curved", or "rate" for a
    rate that is smooth but of no mechanism.
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
    from_start: bool = False
    kind: str = "curved"


@dataclass(frozen=True, slots=True)
class DecayFamily:
    """Amplitudes times a shape, with or without an offset; parameters C.., nonlinear.., o.

    With `stable` the amplitudes are those of the shape's stable columns; `told` gives the others. `delay`
    is added to the times.
    """

    shape: Shape
    with_offset: bool
    stable: bool = False
    delay: float = 0.0

    @property
    def n_stages(self) -> int:
        """Number of stages: a smooth curve is one."""
        return 1

    @property
    def rates(self) -> slice:
        """Columns of the nonlinear parameters."""
        return slice(self.shape.n_columns, self.shape.n_columns + len(self.shape.nonlinear))

    @property
    def breaks(self) -> slice:
        """Columns of the breakpoints: none."""
        return slice(0, 0)

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
        columns, slopes = self.function(time + self.delay, theta[:, count : count + width])
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

_SHAPES = (
    Shape(
        "exponential",
        ("k",),
        1,
        _one_exponential,
        (-50.0,),
        (1e4,),
        tuple((k,) for k in (*(-0.02, -0.2, -1.0, -3.0, -8.0), *_RATES)),
        kind="exponential",
    ),
    Shape(
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
    Shape(
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
    Shape(
        "stretched exponential",
        ("k", "beta"),
        1,
        _stretched,
        (1e-6, 0.05),
        (1e6, 12.0),
        tuple((k, b) for k in _FEW_RATES for b in (0.35, 0.5, 0.7, 0.85, 1.0, 1.3, 2.0, 3.0)),
        "also JMAK (Avrami) with free n = beta",
        from_start=True,
    ),
    Shape("second order", ("k",), 1, _second_order, (0.0,), (1e6,), tuple((k,) for k in _RATES)),
    Shape(
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
)
DECAYS: dict[str, Shape] = {shape.name: shape for shape in _SHAPES}
"""The smooth shapes by name."""


def time_in_stages(time_s: Array, breakpoints_s: Array) -> Array:
    """Return the time spent in each stage up to `time_s`.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    breakpoints_s : Array, shape (m - 1,)
        Ascending breakpoints, s.

    Returns
    -------
    Array, shape (n, m)
        Rows sum to `time_s`; negative times count in the first stage.

    Examples
    --------
    >>> time_in_stages(np.array([10.0, 30.0]), np.array([20.0])).tolist()
    [[10.0, 0.0], [20.0, 10.0]]
    """
    breaks = np.asarray(breakpoints_s, dtype=float)
    starts = np.concatenate([[-np.inf], breaks])
    ends = np.concatenate([breaks, [np.inf]])
    inside = np.clip(time_s[:, None], starts, ends)
    starts[0] = 0.0
    spent: Array = inside - starts
    return spent


def staged_decay(
    time_s: Array, amplitude: float, rates_per_s: Array, breakpoints_s: Array, offset: float = 0.0
) -> Array:
    """Return the staged first-order decay with continuous joints.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    amplitude : float
        A0 - Ainf at t = 0 (negative for growth).
    rates_per_s : Array, shape (m,)
        First-order rate constants, 1/s.
    breakpoints_s : Array, shape (m - 1,)
        Ascending breakpoints, s.
    offset : float
        Ainf, the signal at infinite time.

    Returns
    -------
    Array, shape (n,)
        offset + amplitude exp(-sum_j k_j d_j(t)).

    Examples
    --------
    >>> a = staged_decay(np.array([0.0, 20.0, 100.0]), 0.9, np.array([0.056, 0.019]), np.array([20.0]))
    >>> a.round(4).tolist()
    [0.9, 0.2937, 0.0642]
    """
    exponent = time_in_stages(time_s, breakpoints_s) @ np.asarray(rates_per_s, dtype=float)
    signal: Array = offset + amplitude * np.exp(-exponent)
    return signal


def stage_number(time_s: Array, breakpoints_s: Array) -> Array:
    """Return the index of the stage [start, end) that each time falls in, shape (n,), from 0."""
    return np.searchsorted(np.asarray(breakpoints_s, dtype=float), time_s, side="right").astype(float)


def free_joint_decay(
    time_s: Array, amplitudes: Array, rates_per_s: Array, breakpoints_s: Array, offset: float = 0.0
) -> Array:
    """Return independent first-order stages: offset + C_j exp(-k_j t) in stage j.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    amplitudes : Array, shape (m,)
        C_j, the amplitude of each stage's curve carried back to t = 0.
    rates_per_s, breakpoints_s, offset
        As for `staged_decay`.
    """
    stage = stage_number(time_s, breakpoints_s).astype(int)
    decay: Array = np.exp(-np.asarray(rates_per_s)[stage] * time_s)
    signal: Array = offset + np.asarray(amplitudes)[stage] * decay
    return signal


def sequential_absorbance(time_s: Array, k1: float, k2: float, q: float, c: float = 0.0) -> Array:
    """Return A/A0 of the sequential scheme.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    k1, k2 : float
        Rate constants of the two steps, 1/s.
    q, c : float
        Molar absorptivity of C2 and of P relative to C0.

    Examples
    --------
    >>> a = sequential_absorbance(np.array([0.0, 20.0, 100.0]), 0.2, 0.02, 0.45)
    >>> a.round(3).tolist()
    [1.0, 0.344, 0.068]
    """
    host = np.exp(-k1 * time_s)
    if abs(k1 - k2) < 1e-9 * max(k1, k2):
        doped = k1 * time_s * np.exp(-k1 * time_s)
    else:
        doped = k1 / (k1 - k2) * (np.exp(-k2 * time_s) - host)
    absorbance: Array = host + q * doped + c * (1 - host - doped)
    return absorbance


@dataclass(frozen=True, slots=True)
class SequentialReading:
    """One order of the two rate constants of a biexponential, read as the sequential scheme.

    Attributes
    ----------
    k1, k2 : float
        Rate constants of the first and second step, 1/s.
    q, c : float
        Molar absorptivities of C2 and of P relative to C0.
    possible : bool
        Whether q and c are not negative; why not stands in `reason`.
    """

    k1: Annotated[float, As(key="k1_per_s")]
    k2: Annotated[float, As(key="k2_per_s")]
    q: float
    c: float
    possible: bool
    reason: str = ""


def read_sequential(
    fast: tuple[float, float], slow: tuple[float, float], offset: float = 0.0
) -> tuple[SequentialReading, SequentialReading]:
    """Return both sequential readings of offset + a1 exp(-r1 t) + a2 exp(-r2 t).

    Parameters
    ----------
    fast, slow : (amplitude, rate)
        The two exponentials, rates in 1/s, in any order.
    offset : float
        Signal at infinite time.

    Returns
    -------
    tuple of SequentialReading
        Fast step first, then slow step first.

    Raises
    ------
    UsageError
        If the rates are equal or not positive, or the signal at 0 s is not positive.

    Examples
    --------
    >>> first, second = read_sequential((0.6, 0.2), (0.4, 0.02))
    >>> round(first.q, 3), first.possible, second.possible
    (0.36, True, False)
    """
    (a1, r1), (a2, r2) = sorted((fast, slow), key=lambda item: -item[1])
    start = a1 + a2 + offset
    if not (r2 > 0 and r1 > r2):
        raise UsageError(f"the rates {r1:g} and {r2:g} 1/s must be positive and different")
    if not start > 0:
        raise UsageError(f"the signal at 0 s is {start:g}; it must be positive")
    c = offset / start
    readings = []
    for k1, k2, second in ((r1, r2, a2), (r2, r1, a1)):
        q = c + second / start * (k1 - k2) / k1
        reasons = []
        if q < 0:
            reasons.append(f"it needs a negative molar absorptivity of the doped cluster, q = {q:.3g}")
        if c < 0:
            reasons.append(f"it needs a negative molar absorptivity of the product, c = {c:.3g}")
        readings.append(SequentialReading(k1, k2, q, c, not reasons, "; ".join(reasons)))
    return readings[0], readings[1]


def least_first_rate(absorbance_share: float, shift_share: float, time_s: float) -> float:
    """Return the least k1 that the position of the peak allows, 1/s.

    The peak stands at the absorbance-weighted mean of the bands of C0 and C2. If by `time_s` it has
    moved by `shift_share` of its whole shift and the absorbance has fallen to `absorbance_share` of
    its start, then C0 <= absorbance_share (1 - shift_share).

    Raises
    ------
    UsageError
        If a share or the time is out of range.

    Examples
    --------
    >>> round(least_first_rate(0.3 / 0.9, (326.5 - 324) / (327 - 324), 20.0), 4)
    0.1445
    """
    if not (0 < absorbance_share <= 1 and 0 <= shift_share < 1):
        raise UsageError(
            f"absorbance_share {absorbance_share:g} must lie in (0, 1], shift_share {shift_share:g} in [0, 1)"
        )
    if not time_s > 0:
        raise UsageError(f"the time is {time_s:g} s; it must be positive")
    return -math.log(absorbance_share * (1 - shift_share)) / time_s


LEAST_RATE = 1e-9
"""Rate, per span, that stands for zero when amplitude and offset are told."""


@dataclass(frozen=True, slots=True)
class BentLineFamily:
    """A - s (1 - exp(-k1 u))/k1, u = min(t, b) + r max(t - b, 0); parameters A, k1, r, b1, s."""

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        return ("A", "k1", "k2/k1", "b1", "s")

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, 5, n); `cell` (B, 1) as for `StagedFamily`."""
        level, rate, ratio, at, slope = (theta[:, i : i + 1] for i in range(5))
        early = np.minimum(time, at)
        late = time - early
        spent = early + ratio * late
        unit, bend = unit_gain(rate * spent)
        gathered, decay = spent * unit, np.exp(np.clip(-rate * spent, -700.0, 60.0))
        after = time > at if cell is None else np.arange(time.size) > cell
        jacobian = np.empty((theta.shape[0], 5, time.size))
        jacobian[:, 0] = 1.0
        jacobian[:, 1] = -slope * spent**2 * bend
        jacobian[:, 2] = -slope * decay * late
        jacobian[:, 3] = -slope * decay * (1.0 - ratio) * after
        jacobian[:, 4] = -gathered
        return level - slope * gathered, jacobian

    def told(self, theta: Array) -> Array:
        """Return C, k1, k2, b1 and o (B, 5) of the same curves."""
        rate = np.where(np.abs(theta[:, 1]) < LEAST_RATE, LEAST_RATE, theta[:, 1])
        amplitude = theta[:, 4] / rate
        columns = [amplitude, rate, rate * theta[:, 2], theta[:, 3], theta[:, 0] - amplitude]
        result: Array = np.stack(columns, axis=1)
        return result
