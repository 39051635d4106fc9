"""When the shift of the tracked peak ends: a witness of the breakpoint that knows nothing of rates.

Model: the position moves on a straight line until the end of the shift and on another one after
it, the two meeting there; exact weighted least squares (`piecewise_linear`). Intervals are
percentiles of a bootstrap of the standardised residuals, so they assume independent errors from
one spectrum to the next.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.piecewise_linear import BrokenLine, fit_broken_line
from cxkinetics.signals.trace import Trace

__all__ = ["PeakShift", "peak_shift"]

_FEWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakShift:
    """The shift of a tracked peak.

    Attributes
    ----------
    start_nm : Estimate
        Position at the first time.
    end_nm : Estimate
        Position at the end of the shift.
    ends_s : Estimate
        When the shift ends, s.
    """

    start_nm: Estimate
    end_nm: Estimate
    ends_s: Estimate


def peak_shift(
    trace: Trace, *, replicates: int = 199, confidence: float = 0.95, rng: np.random.Generator | int = 0
) -> PeakShift:
    """Return start, end and duration of the shift of a tracked peak.

    Parameters
    ----------
    trace : Trace
        Made by `SpectralSeries.exciton_peak`; times without a position are left out.
    replicates : int
        Bootstrap replicates behind the intervals.
    confidence : float
        Level of the intervals.
    rng : numpy.random.Generator or int
        Source or seed of the bootstrap.

    Returns
    -------
    PeakShift

    Raises
    ------
    InputError
        If the trace holds no peak position, or fewer than eight.

    Examples
    --------
    >>> t = np.arange(0.0, 41.0)
    >>> nm = 324 + 3 * np.clip(t / 20, 0, 1)
    >>> shift = peak_shift(Trace(time_s=t, absorbance=np.exp(-t / 30), peak_nm=nm))
    >>> round(shift.ends_s.value, 6), round(shift.end_nm.value, 6)
    (20.0, 327.0)
    """
    position = trace.peak_position()
    if position.n_points < _FEWEST:
        raise InputError(f"the peak has a position at {position.n_points} times; its shift needs {_FEWEST}")
    time, nm = position.time_s, position.absorbance
    scale = np.ones_like(nm) if position.sigma is None else np.asarray(position.sigma)
    best = fit_broken_line(time, nm, 1, weights=scale**-2.0)
    standardised = (nm - best.value(time)) / scale
    standardised = standardised * np.sqrt(nm.size / (nm.size - 4))
    source = np.random.default_rng(rng)
    drawn = []
    for _ in range(replicates):
        noise = source.choice(standardised, nm.size) * scale
        drawn.append(_numbers(fit_broken_line(time, best.value(time) + noise, 1, weights=scale**-2.0), time))
    values, spread = _numbers(best, time), np.array(drawn)
    tails = (50 * (1 - confidence), 50 * (1 + confidence))
    low, high = np.percentile(spread, tails, axis=0) if replicates else (values, values)
    names = ("peak at the start", "peak after the shift", "end of the shift")
    found = [
        Estimate(
            name=name,
            value=float(values[i]),
            se=float(np.std(spread[:, i], ddof=1)) if replicates > 1 else None,
            low=float(low[i]),
            high=float(high[i]),
            unit="s" if i == 2 else "nm",
            method="residual bootstrap",
        )
        for i, name in enumerate(names)
    ]
    return PeakShift(start_nm=found[0], end_nm=found[1], ends_s=found[2])


def _numbers(line: BrokenLine, time: Array) -> Array:
    ends = line.breakpoints[0]
    start = line.intercepts[0] + line.slopes[0] * time[0]
    return np.array([start, line.intercepts[0] + line.slopes[0] * ends, ends])
