"""What is wrong with a signal before anything is fitted: pure tests on arrays, nothing is changed.

Saturation shows as the largest value standing exactly, again and again; a dropout (closed shutter,
dead lamp) as a spectrum far below zero; a bubble as a few points that leave and come back; a step as
a level that moves between two neighbours and stays. Each function says where;
`cxkinetics.io` masks what is certain, and says so.
"""

import itertools

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace

CLIP_FROM = 1.9  # absorbance: detectors and their software clip between 2 and 10
DROPOUT_BELOW = -0.5


def clipped_level(absorbance: Array, *, at_least: int = 3) -> float | None:
    """Return the value at which readings are clipped, or None.

    Parameters
    ----------
    absorbance : Array, any shape
        Readings in absorbance units; NaN is ignored.
    at_least : int
        How many readings must stand exactly at the maximum.

    Returns
    -------
    float or None
        The largest reading, if it is above 1.9 and stands at least so many times.

    Examples
    --------
    >>> clipped_level(np.array([3.5, 3.5, 3.5, 2.1]))
    3.5
    >>> clipped_level(np.array([0.9, 0.9, 0.9])) is None
    True
    """
    if absorbance.size < at_least:
        return None
    top = float(np.fmax.reduce(absorbance, axis=None))
    clipped = top >= CLIP_FROM and np.count_nonzero(absorbance == top) >= at_least
    return top if clipped else None


CEILING = 10.0
"""Noise, in steps of the display, from which equal readings side by side are no chance."""


def saturated_start(values: Array) -> int:
    """Return how many readings at the start stand at the ceiling of a detector, 0 where none do.

    Three or more that read the largest value exactly, where the others scatter by many steps of the
    display: noise would show on a flat start, and shows on no ceiling.

    Examples
    --------
    >>> decay = np.exp(-0.1 * np.arange(40.0)) + np.random.default_rng(1).normal(0, 0.003, 40)
    >>> saturated_start(np.minimum(decay, 0.7)), saturated_start(decay)
    (4, 0)
    """
    top = float(values.max(initial=-np.inf))
    below = np.flatnonzero(values < top)
    count = int(below[0]) if below.size else 0
    if count < 3 or below.size < 8 or np.count_nonzero(values == top) > count + 2:
        return 0
    step = next((10.0**-d for d in range(12) if np.allclose(values, values.round(d), rtol=0, atol=1e-12)), 0)
    return count if noise_sd(values[count:]) > CEILING * step else 0


def dropout_spectra(matrix: Array) -> BoolArray:
    """Return which spectra of a time x wavelength matrix are dropouts (nearly all far below zero).

    Parameters
    ----------
    matrix : Array, shape (n, m)
        Absorbance; NaN is ignored.
    """
    with np.errstate(invalid="ignore"):
        low = np.count_nonzero(matrix < DROPOUT_BELOW, axis=1)
    known = np.count_nonzero(np.isfinite(matrix), axis=1)
    dropout: BoolArray = (known > 0) & (low >= 0.9 * np.maximum(known, 1))
    if matrix.shape[0] and dropout.all():  # a whole series below zero is a swapped blank, not a dropout
        return np.zeros(matrix.shape[0], dtype=bool)
    return dropout


def duplicate_rows(*columns: Array | IntArray) -> BoolArray:
    """Return which rows repeat an earlier row exactly in every column (NaN equals NaN)."""
    if len(columns[0]) == 0:
        return np.zeros(0, dtype=bool)
    if columns[0].ndim == 1 and np.all(np.diff(columns[0]) > 0):  # rising: no row comes again
        return np.zeros(len(columns[0]), dtype=bool)
    table = np.column_stack([np.reshape(column, (len(column), -1)) for column in columns])
    keyed = np.ascontiguousarray(np.where(np.isnan(table), np.inf, table) + 0.0)
    rows = keyed.view([("", keyed.dtype)] * keyed.shape[1]).ravel()
    _, first = np.unique(rows, return_index=True)
    repeated = np.ones(len(rows), dtype=bool)
    repeated[first] = False
    return repeated


def starts_of_runs(time: Array) -> list[int]:
    """Return where each run starts if several runs stand one below the other, else [0].

    Times that jump back a few times, between stretches of at least three rising times that cover
    one another, are runs; many jumps are shuffled rows; stretches that do not overlap are blocks
    out of order.

    Examples
    --------
    >>> starts_of_runs(np.array([0, 1, 2, 3, 0, 1, 2, 3.0]))
    [0, 4]
    >>> starts_of_runs(np.array([3, 1, 2, 0, 5, 4.0]))
    [0]
    """
    falls = np.flatnonzero(np.diff(time) < 0) + 1
    if falls.size == 0 or falls.size > max(1, time.size // 5):
        return [0]
    starts = [0, *(int(i) for i in falls)]
    pieces = [time[a:b] for a, b in zip(starts, [*starts[1:], time.size], strict=True)]
    if min(piece.size for piece in pieces) < 3:
        return [0]
    spans = sorted((float(piece[0]), float(piece[-1])) for piece in pieces)
    overlapping = any(b[0] < a[1] for a, b in itertools.pairwise(spans))
    return starts if overlapping else [0]


def mean_of_known(values: Array, axis: int = 0) -> Array:
    """Return the mean along an axis of what is no NaN, NaN where nothing else is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def noise_sd(values: Array) -> float:
    """Return the standard deviation of the noise, from second differences and their median.

    For white noise of sd s the second difference has sd sqrt(6) s; the median makes it immune to
    spikes and a smooth signal hardly enters.

    Examples
    --------
    >>> round(noise_sd(np.random.default_rng(1).normal(0, 0.01, 4000)), 3)
    0.01
    """
    if values.size < 5:
        return 0.0
    second = np.diff(values, n=2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6.0))


def find_steps(
    time: Array, values: Array, *, threshold: float = 8.0, width: int = 6
) -> list[tuple[int, float]]:
    """Return where the level steps and stays: (index of the first point after, height).

    Straight lines through `width` points on either side of every gap are compared in the middle of
    the gap; a step is where they differ by `threshold` standard errors, and by more than the bend
    between their slopes can make. A bubble that comes back is no step, nor is a change of rate.

    Parameters
    ----------
    time, values : Array, shape (n,)
        In order of time.
    threshold : float
        In standard errors of the height.
    width : int
        Points on either side.

    Examples
    --------
    >>> t = np.arange(40.0)
    >>> noise = np.random.default_rng(5).normal(0, 0.002, t.size)
    >>> [(i, round(h, 1)) for i, h in find_steps(t, np.where(t < 20, 0.9, 0.7) + noise)]
    [(20, -0.2)]
    """
    n = values.size
    if n < 2 * width or float(np.ptp(values)) == 0.0:
        return []
    gaps = np.arange(width, n - width + 1)
    middle = 0.5 * (time[gaps - 1] + time[gaps])
    before = _line_ends(time, values, gaps - width, width, middle)
    after = _line_ends(time, values, gaps, width, middle)
    heights = after[0] - before[0]
    rough = np.maximum(noise_sd(values), np.maximum(before[2], after[2]))
    errors = rough * np.sqrt(8.0 / width)
    bends = np.abs(after[1] - before[1]) * (time[gaps] - time[gaps - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = np.where(errors > 0, (np.abs(heights) - 2 * bends) / errors, 0.0)
    steps: list[tuple[int, float]] = []
    left = strength > threshold
    while left.any():
        best = int(np.argmax(np.where(left, strength, -np.inf)))
        steps.append((int(gaps[best]), float(heights[best])))
        left &= np.abs(gaps - gaps[best]) > width
    return sorted(steps)


def _line_ends(
    time: Array, values: Array, starts: IntArray, width: int, at: Array
) -> tuple[Array, Array, Array]:
    """Lines through `width` points from each start: their value at `at`, slope, and residual sd."""
    index = starts[:, None] + np.arange(width)
    t, v = time[index], values[index]
    centre, level = t.mean(axis=1), v.mean(axis=1)
    dt, dv = t - centre[:, None], v - level[:, None]
    spread = np.sum(dt * dt, axis=1)
    slope = np.sum(dt * dv, axis=1) / np.where(spread > 0, spread, 1.0)
    residual = dv - slope[:, None] * dt
    sd = np.sqrt(np.sum(residual**2, axis=1) / max(width - 2, 1))
    return level + slope * (at - centre), slope, sd


def require_fittable(trace: Trace, *, remedy: str = "record more points") -> tuple[Remark, ...]:
    """Refuse a trace that no kinetic model can be fitted to; return what else should be said.

    Parameters
    ----------
    trace : Trace
        As it would be fitted.
    remedy : str
        What to do where too few points are left.

    Raises
    ------
    InputError
        If there are fewer than three points, the signal is constant, all of it is negative, or it
        is still in raw counts.
    """
    if trace.unit == "counts":
        raise trace._refusal(
            "the signal is raw counts, not absorbance",
            "give the solvent's spectrum: --reference FILE (reference=); if it is absorbance after all: "
            "--absorbance-unit abs (absorbance_unit='abs')",
        )
    distinct = np.unique(trace.time_s).size
    if distinct < 3:
        left = "1 point is" if distinct == 1 else f"{distinct} points are"
        raise trace._refusal(f"only {left} left: a stage needs at least 3 points", remedy)
    values = trace.absorbance
    if float(np.ptp(values)) == 0.0:
        raise trace._refusal(
            f"the signal is constant: every one of the {values.size} points reads {values[0]:g} {trace.unit}",
            "check that the right column was exported",
        )
    if trace.unit == "AU" and float(values.max()) < 0:
        raise trace._refusal(
            f"all {values.size} absorbances are negative ({values.min():g} to {values.max():g})",
            "check the blank and the sign: blank and sample may be swapped",
        )
    steps = find_steps(trace.time_s, values)
    if not steps:
        return ()
    shown = ", ".join(
        f"{height:+.3g} {trace.unit} between {trace.time_s[i - 1]:g} and {trace.time_s[i]:g} s"
        for i, height in steps[:5]
    )
    text = f"the level steps and stays: {shown}; something was added or moved (--window keeps one side)"
    return (Remark("step", text, len(steps), times_s=tuple(float(trace.time_s[i]) for i, _ in steps)),)


def offset_remark(trace: Trace, offset: float, direction: str) -> Remark | None:
    """Refuse a given offset that cannot be the signal at infinite time; remark on a doubtful one.

    Parameters
    ----------
    trace : Trace
        As it is fitted.
    offset : float
        Given signal at infinite time, in the trace's unit.
    direction : {"decay", "growth"}
        Whether the signal falls or rises towards the offset.

    Raises
    ------
    InputError
        If every reading already lies beyond the offset: none below it in growth, none above in decay.

    Examples
    --------
    >>> falling = Trace(time_s=np.arange(30), absorbance=0.9 * np.exp(-0.1 * np.arange(30)))
    >>> offset_remark(falling, 0.03, "decay") is None
    True
    """
    values = trace.absorbance
    sign = 1.0 if direction == "decay" else -1.0
    low, high = float(values.min()), float(values.max())
    span = f"the signal runs from {low:.4g} to {high:.4g} {trace.unit}"
    where, verb = ("below", "falls") if direction == "decay" else ("above", "rises")
    if np.all(sign * (values - offset) <= 0):
        edge, place = ("above", "largest") if direction == "decay" else ("below", "smallest")
        raise trace._refusal(
            f"the offset given, {offset:g} {trace.unit}, lies at or {edge} the {place} reading: {span}, "
            f"so it cannot be the value that the signal {verb} to",
            f"give an offset {where} the last readings, or 'fit' or 'auto' to have it found",
        )
    last = values[-max(3, values.size // 20) :]
    end = float(np.median(last))
    noise = max(noise_sd(values), 1e-6 * (high - low))
    distance = sign * (offset - end) / noise
    if distance <= 6.0:
        return None
    text = (
        f"the offset given, {offset:g} {trace.unit}, lies {distance:.3g} noise sd "
        f"{'above' if sign > 0 else 'below'} the last {last.size} readings ({end:.4g} {trace.unit}): the "
        f"signal passes the value that it should {verb.removesuffix('s')} to; give one {where} them, or 'fit'"
    )
    return Remark("offset_inside", text, last.size)
