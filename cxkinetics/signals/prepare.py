"""Before a fit: a window of time, the moment of the addition, drift at a quiet wavelength.

Every option counts in s, while a file may count in min. Where such an option fits no reading, but
the same figures read in the file's unit would, the unit is the likely slip: the message then says what
to type instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.errors import InputError
from cxkinetics.options import OPTIONS
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import mean_of_known, noise_sd
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import TIME_UNITS

FEWEST = 3
"""Points that a window or a stage must hold."""


def window_hint(time_s: Array, unit: str, window_s: tuple[float | None, float | None]) -> str:
    """Return what to type instead of a window that was meant in the file's unit, or "".

    Parameters
    ----------
    time_s : Array, shape (n,)
        All times of the file, in s.
    unit : str
        Sign of the unit that the file counts in (`Source.time_unit`); "" if unknown.
    window_s : (float or None, float or None)
        As typed.

    Examples
    --------
    >>> window_hint(60.0 * np.arange(61), "min", (5, 20))
    "5:20 is 5 to 20 s; the file's times are in min: for 5 to 20 min pass 5min:20min"
    """
    factor = TIME_UNITS.get(unit, 1.0)
    low, high = (None if end is None else float(end) * factor for end in window_s)
    if factor == 1.0 or np.unique(time_s[_inside(time_s, low, high)]).size < FEWEST:
        return ""
    said = _span(*window_s)
    typed = OPTIONS["window"].typed
    return (
        f"{typed(window_s)} is {said} s; the file's times are in {unit}: "
        f"for {said} {unit} pass {typed(window_s, unit)}"
    )


def _inside(time: Array, low: float | None, high: float | None) -> BoolArray:
    return (time >= (-np.inf if low is None else low)) & (time <= (np.inf if high is None else high))


def breakpoint_hint(time_s: Array, unit: str, breakpoints_s: Sequence[float]) -> str:
    """Return what to type instead of breakpoints that were meant in the file's unit, or "".

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times that are fitted, in s.
    unit : str
        Sign of the unit that the file counts in; "" if unknown.
    breakpoints_s : sequence of float
        As typed, ascending.

    Examples
    --------
    >>> breakpoint_hint(60.0 * np.arange(61), "min", [8])
    "8 is in s; the file's times are in min: for 8 min pass 8min"
    """
    factor = TIME_UNITS.get(unit, 1.0)
    meant = [float(b) * factor for b in breakpoints_s]
    held = np.histogram(np.unique(time_s), [-np.inf, *meant, np.inf])[0]
    if factor == 1.0 or held.min() < FEWEST:
        return ""
    typed, instead = (OPTIONS["breakpoint"].typed(list(breakpoints_s), sign) for sign in ("", unit))
    verb = "is" if len(meant) == 1 else "are"
    return f"{typed} {verb} in s; the file's times are in {unit}: for {typed} {unit} pass {instead}"


def _number(value: float) -> str:
    return f"{value:.10g}"


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "all" if low is high else f"up to {high:.10g}" if low is None else f"at least {low:.10g}"
    return f"{_number(low)} to {_number(high)}"


Signal = TypeVar("Signal", Trace, SpectralSeries)


@dataclass(frozen=True, slots=True)
class Onset:
    """Where a reaction was started.

    Attributes
    ----------
    time_s : float
        Best estimate, in s on the clock of the signal.
    low_s, high_s : float
        The recorded times between which it lies.
    kind : str
        "spike" or "step" (the addition disturbs the light path) or "bend" (a flat start ends).
    """

    time_s: float
    low_s: float
    high_s: float
    kind: Literal["spike", "step", "bend"]


def crop(signal: Signal, window_s: tuple[float | None, float | None] | None) -> Signal:
    """Return the part of a trace or series inside a window of time, both ends included.

    Parameters
    ----------
    signal : Trace or SpectralSeries
        Left unchanged.
    window_s : (float or None, float or None) or None
        Ends in s on the clock of the file; None is open.

    Raises
    ------
    InputError
        If no point lies inside.

    Examples
    --------
    >>> crop(Trace(time_s=[0, 1, 2, 3], absorbance=[4, 3, 2, 1]), (1, None)).n_points
    3
    """
    if window_s is None:
        return signal
    low, high = window_s
    if low is not None and high is not None and low > high:
        raise InputError(
            f"the ends of the window {low:g}:{high:g} s are reversed",
            remedy=f"give the lower time first: {high:g}:{low:g}",
        )
    time = signal.time_s
    keep = _inside(time, low, high)
    shown = f"{'' if low is None else f'{low:g}'}:{'' if high is None else f'{high:g}'} s"
    if not keep.any():
        raise signal._refusal(
            f"no point lies in the window {shown}: times run from {_range(time)} s",
            window_hint(time, signal.source.time_unit, window_s)
            or "choose a window inside the recorded times",
        )
    if keep.all():
        return signal
    text = f"{int((~keep).sum())} points outside the window {shown} left out"
    return _kept(signal, keep, "window", text)


NEAR = 0.01
"""Share of the median spacing within which a time that is typed means a reading."""


def leave_out(signal: Trace | SpectralSeries, times_s: Sequence[float]) -> Trace | SpectralSeries:
    """Return a trace or series without the readings at some times.

    Parameters
    ----------
    signal : Trace or SpectralSeries
        Left unchanged.
    times_s : sequence of float
        Times of readings, in s on the clock of the file; of equal times all readings are left out.

    Raises
    ------
    InputError
        If there is no reading at one of them.

    Examples
    --------
    >>> leave_out(Trace(time_s=[0, 1, 2, 3], absorbance=[4, 9, 2, 1]), [1]).absorbance.tolist()
    [4.0, 2.0, 1.0]
    """
    time = signal.time_s
    reach = NEAR * float(np.median(np.diff(np.unique(time)))) if np.unique(time).size > 1 else 0.0
    keep = np.ones(time.size, dtype=bool)
    for moment in times_s:
        at = np.abs(time - moment) <= reach
        if not at.any():
            near = ", ".join(_number(t) for t in np.sort(time[np.argsort(np.abs(time - moment))[:2]]))
            raise signal._refusal(
                f"there is no reading at {_number(moment)} s to leave out; the nearest are at {near} s",
                "give the times of readings, as the file has them, to --mask (mask=)",
            )
        keep &= ~at
    count = int((~keep).sum())
    listed = ", ".join(_number(t) for t in time[~keep][:8]) + (f" and {count - 8} more" if count > 8 else "")
    text = f"{count} reading{'s' * (count > 1)} left out as asked, at {listed} s"
    return signal._rows(keep, Remark("mask", text, count, times_s=tuple(time[~keep].tolist())))


MOST_READINGS = 200_000
"""Readings of a trace at most; of more, neighbours are averaged first."""


def averaged(trace: Trace) -> Trace:
    """Return a trace of `MOST_READINGS` at most, neighbours averaged and a remark made where there are more.

    Examples
    --------
    >>> t = np.arange(500_000.0)
    >>> short = averaged(Trace(time_s=t, absorbance=np.exp(-t / 1e5)))
    >>> short.n_points, float(short.time_s[0])
    (166667, 1.0)
    """
    n = trace.n_points
    many = -(-n // MOST_READINGS)
    if many <= 1:
        return trace
    starts = np.arange(0, n, many)
    counts = np.diff(np.append(starts, n))

    def mean(values: Array) -> Array:
        result: Array = np.add.reduceat(values, starts) / counts
        return result

    sigma = None if trace.sigma is None else np.sqrt(mean(trace.sigma**2) / counts)
    text = f"{n} readings were averaged, {many} neighbours each, before the fit: {starts.size} are left"
    return replace(
        trace.select(np.arange(n) % many == 0),
        time_s=mean(trace.time_s),
        absorbance=mean(trace.absorbance),
        sigma=sigma,
        remarks=(*trace.remarks, Remark("averaged", text, n)),
    )


def shift_t0(signal: Signal, t0: float | Literal["auto"], *, how: str = "given") -> Signal:
    """Return the signal with time counted from the addition; earlier points are left out.

    Parameters
    ----------
    signal : Trace or SpectralSeries
        Left unchanged. For a series, "auto" reads the wavelength that changes most.
    t0 : float or "auto"
        Moment of the addition, in s on the clock of the signal, or "auto" to find it
        (`detect_t0`); then the remark names the readings between which it lies, as no interval of a
        fit holds that uncertainty.
    how : str
        Where a number comes from, as the remark tells it.

    Raises
    ------
    InputError
        If no addition can be found, or no point is left.
    """
    time = signal.time_s
    doubt = ""
    start = first_used = t0
    if start == "auto":
        onset = detect_t0(signal if isinstance(signal, Trace) else _liveliest(signal))
        if onset is None:
            raise signal._refusal(
                "no addition can be seen in the signal (no spike, no step, no end of a flat start)",
                "give its time in s, e.g. --t0 12.5 (Python: t0=12.5)",
            )
        start, how = onset.time_s, f"found: {onset.kind}"
        doubt = (
            f"; t0 = {start:g} s lies between {onset.low_s:g} and {onset.high_s:g} s: this "
            f"{onset.high_s - onset.low_s:.4g} s is not in the intervals of the breakpoint and the amplitude"
        )
        first_used = onset.high_s if onset.kind != "bend" else onset.time_s
    moment = float(start)
    if not np.isfinite(moment):
        raise InputError(f"t0 is {moment}; it must be a finite number of seconds")
    keep = time >= float(first_used)
    if not keep.any():
        raise signal._refusal(
            f"t0 = {moment:g} s lies after the last point ({time[-1]:g} s)"
            if time.size
            else "the signal is empty",
            "give a t0 inside the recorded times",
        )
    text = (
        f"time counts from the addition at {moment:g} s of the file's clock ({how}); "
        f"{int((~keep).sum())} earlier points left out{doubt}"
    )
    kept = _kept(signal, keep, "t0", text)
    return replace(kept, time_s=kept.time_s - moment)


def level_before(signal: Trace, shifted: Trace, volumes: tuple[float, float]) -> Trace:
    """Return a trace counted from the addition with the level before it, scaled to the volume after it.

    Parameters
    ----------
    signal : Trace
        On the clock of the file.
    shifted : Trace
        The same by `shift_t0`.
    volumes : (float, float)
        In the cell, and added.

    Raises
    ------
    InputError
        If there is no reading before the addition.

    Examples
    --------
    >>> run = Trace(time_s=[0, 1, 2, 3, 4], absorbance=[0.93, 0.93, 0.88, 0.86, 0.84])
    >>> whole = level_before(run, shift_t0(run, 2.0), (3.0, 0.1))
    >>> whole.time_s.tolist(), round(float(whole.absorbance[0]), 3)
    ([0.0, 0.0, 0.0, 1.0, 2.0], 0.9)
    """
    moment = float(signal.time_s[-1] - shifted.time_s[-1])
    early = signal.time_s < moment
    cell, added = volumes
    if not early.any():
        raise signal._refusal(
            f"there is no reading before the addition at {moment:g} s, whose level a dilution could scale",
            "leave --dilution out, or record the level before the addition",
        )
    share = cell / (cell + added)
    level, count = share * signal.absorbance[early], int(early.sum())
    text = (
        f"{count} reading{'s' * (count > 1)} before the addition, scaled by {cell:g}/{cell + added:g} for "
        f"the dilution, stand{'s' * (count == 1)} at t = 0: mean {float(level.mean()):.4g} {signal.unit}"
    )
    sigma = None
    if signal.sigma is not None and shifted.sigma is not None:
        sigma = np.concatenate([share * signal.sigma[early], shifted.sigma])
    return replace(
        shifted,
        time_s=np.concatenate([np.zeros(count), shifted.time_s]),
        absorbance=np.concatenate([level, shifted.absorbance]),
        sigma=sigma,
        remarks=(*shifted.remarks, Remark("dilution", text, count)),
    )


def detect_t0(trace: Trace) -> Onset | None:
    """Find the moment of addition in a trace, or return None.

    An addition shows as a spike or step that sticks out of its neighbourhood by eight noise sd, or
    as the bend where a flat start ends. The flat start must hold at least four points, and the
    change after it must pass six standard errors.

    Examples
    --------
    >>> t = np.arange(60.0)
    >>> a = np.where(t < 20, 0.9, 0.9 * np.exp(-0.05 * (t - 20)))
    >>> noise = np.random.default_rng(3).normal(0, 0.002, t.size)
    >>> round(detect_t0(Trace(time_s=t, absorbance=a + noise)).time_s)
    20
    """
    return disturbance_in(trace) or _bend(trace.time_s, trace.absorbance, _noise_in(trace.absorbance))


def disturbance_in(trace: Trace) -> Onset | None:
    """Find the spike or step of an addition in a trace, or return None."""
    return _disturbance(trace.time_s, trace.absorbance, _noise_in(trace.absorbance))


def _noise_in(values: Array) -> float:
    """Return the sd of the noise; infinite, so that nothing stands out, where none can be told."""
    noise = max(noise_sd(values), 1e-6 * float(np.ptp(values))) if values.size >= 8 else 0.0
    return noise or np.inf


def _disturbance(time: Array, values: Array, noise: float) -> Onset | None:
    """Find the first jump between neighbours that no smooth change explains."""
    steps = np.diff(values)  # sqrt(2) noisier than a reading; eight sd: no step of a long run by chance
    for i in (np.flatnonzero(np.abs(steps[1:]) >= 8 * noise * np.sqrt(2)) + 1).tolist():
        beside = [abs(steps[j]) for j in (i - 3, i - 2, i - 1, i + 2, i + 3, i + 4) if 0 <= j < steps.size]
        if abs(steps[i]) < 8 * noise * np.sqrt(2) or abs(steps[i]) < 4 * float(np.median(beside)):
            continue
        before = values[max(0, i - 5) : i + 1]
        if before.size < 3 or i >= 0.8 * values.size:
            return None  # no start to compare with, or nothing left to fit
        if time[i] == time[0]:
            return None  # readings of one moment tell no drift
        drift = np.polyfit(time[: i + 1], values[: i + 1], 1)[0] * (time[i] - time[0])
        if abs(drift) > max(0.1 * abs(steps[i]), 6 * noise):
            return None  # the start is not flat: a bubble during the reaction, not its addition
        large = [k for k in range(i + 1, min(i + 6, steps.size)) if abs(steps[k]) > 0.3 * abs(steps[i])]
        end = large[-1] + 1 if large else i + 1
        back = abs(values[end] - float(np.median(before))) < 0.5 * abs(steps[i])
        moment = float(0.5 * (time[i] + time[i + 1]))
        return Onset(moment, float(time[i]), float(time[end]), "spike" if back else "step")
    return None


MOST_PLACES = 500
"""Readings up to which a bend is looked for at every one; else in averages, and again about the best."""


def _bend(time: Array, values: Array, noise: float) -> Onset | None:
    """Least squares of a constant that turns into a parabola, over every gap and sample."""
    n = values.size
    places = np.arange(4, n - 4)
    if n > 2 * MOST_PLACES:
        many = n // MOST_PLACES
        whole = slice(0, n // many * many)
        t, v = (series[whole].reshape(-1, many).mean(axis=1) for series in (time, values))
        rough = _best_bend(t, v, noise / np.sqrt(many), np.arange(4, n // many - 4))
        if rough is None:
            return None
        step = max(1, many // 10)
        near = np.arange((rough[1] - 2) * many, (rough[1] + 2) * many, step)
        fine = _best_bend(time, values, noise, near[(near >= 4) & (near < n - 4)])
        if fine is None:
            return None
        places = np.arange(max(fine[1] - step, 4), min(fine[1] + step + 1, n - 4))
    best = _best_bend(time, values, noise, places)
    if best is None:
        return None
    _, i, moment = best
    if time[i - 1] == time[0]:
        return None  # readings of one moment tell no drift
    drift = np.polyfit(time[:i], values[:i], 1)[0] * (time[i - 1] - time[0])
    if abs(drift) > 6 * noise * np.sqrt(12 / i):
        return None  # the start is not flat
    return Onset(moment, float(time[max(i - 2, 0)]), float(time[i]), "bend")


def _best_bend(time: Array, values: Array, noise: float, places: IntArray) -> tuple[float, int, float] | None:
    """Return the misfit of the best bend, the first reading after it, and when it is; None without one."""
    n = values.size
    best: tuple[float, int, float] | None = None
    for i in places.tolist():
        reach = min(n, i + max(6, min(i, n // 6)))  # further on a decay is no parabola
        level = float(values[:i].mean())
        for fraction in (0.0, 0.25, 0.5, 0.75):
            moment = float(time[i - 1] + fraction * (time[i] - time[i - 1]))
            x = time[i:reach] - moment
            design = np.column_stack([x, x * x])
            slope, *_ = np.linalg.lstsq(design, values[i:reach] - level, rcond=None)
            cost = float(
                np.sum((values[:i] - level) ** 2) + np.sum((values[i:reach] - level - design @ slope) ** 2)
            )
            rest = values[reach:]
            cost += noise**2 * rest.size  # points beyond the parabola count as explained
            if best is None or cost < best[0]:
                change = float(np.mean(values[i : i + 4]) - level)
                strength = abs(change) / (noise * np.sqrt(1 / 4 + 1 / i))
                best = (cost, i, moment) if strength > 6 else best
    return best


def subtract_reference(
    series: SpectralSeries, reference_nm: float, *, half_width_nm: float = 0.0
) -> SpectralSeries:
    """Return the series with the absorbance at a reference wavelength subtracted at every time.

    A wavelength where neither reactant nor product absorbs shows lamp drift, dust and bubbles
    alone; taking it off every spectrum removes them.

    Parameters
    ----------
    series : SpectralSeries
        Left unchanged.
    reference_nm : float
        In nm, inside the recorded range.
    half_width_nm : float
        The mean over reference +/- this is used; 0 takes the nearest pixel alone.

    Raises
    ------
    InputError
        If the wavelength lies outside the range or every reading there is masked.
    """
    level = reference_level(series, reference_nm, half_width_nm)
    known = np.isfinite(level)
    first, lost = float(level[known][0]), series.time_s[~known].tolist()
    text = (
        f"absorbance at {reference_nm:g} nm subtracted (drift by reference wavelength: "
        f"{first:.4g} at the start, change {float(level[known][-1]) - first:+.4g})"
    )
    remarks = [Remark("reference_subtracted", text, int(known.sum()))]
    if lost:
        text = f"{len(lost)} spectra without a reading at the reference left out"
        remarks.append(Remark.at("masked_spectra", text, len(lost), times_s=lost))
    return replace(
        series,
        time_s=series.time_s[known],
        absorbance=series.absorbance[known] - level[known][:, None],
        remarks=(*series.remarks, *remarks),
    )


def reference_level(series: SpectralSeries, reference_nm: float, half_width_nm: float = 0.0) -> Array:
    """Return the mean signal around `reference_nm` at each time (shape (n,), NaN where masked)."""
    nearest = series.at_wavelength(reference_nm).wavelength_nm
    axis = series.wavelength_nm
    inside: BoolArray = (np.abs(axis - reference_nm) <= half_width_nm) | (axis == nearest)
    block = series.absorbance[:, inside]
    return mean_of_known(block, axis=1)


def _liveliest(series: SpectralSeries) -> Trace:
    """Return the trace at the wavelength whose signal changes most over its noise."""
    matrix = np.where(np.isfinite(series.absorbance), series.absorbance, 0.0)
    span = np.percentile(matrix, 95, axis=0) - np.percentile(matrix, 5, axis=0)
    rough = np.abs(np.diff(matrix, n=2, axis=0)) if matrix.shape[0] > 4 else np.zeros((1, span.size))
    noise = np.median(rough, axis=0)
    best = int(np.argmax(span / (noise + 1e-4)))
    return series.at_wavelength(float(series.wavelength_nm[best]))


def _kept(signal: Signal, keep: BoolArray, code: str, text: str) -> Signal:
    times = tuple(signal.time_s[~keep].tolist())
    return signal._rows(keep, Remark(code, text, len(times), times_s=times))


def _range(time: Array) -> str:
    return f"{time[0]:g} to {time[-1]:g}" if time.size else "nothing"
