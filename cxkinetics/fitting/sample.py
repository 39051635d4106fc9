"""A sample: the points of a trace scaled to order one, replicate times averaged.

Everything numerical below `fit_stages` works on a sample, so no conclusion can depend on the unit
of time or signal, on the order of rows, or on a common factor of the weights.
"""

from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.signals.trace import Trace

__all__ = ["Sample", "sample_of", "thinned"]


CLOSEST = 0.05
"""Least distance of neighbours that correlation counts with: readings a moment apart have noise of
their own."""
FAR = 3.0
"""Spans up to which an amplitude is carried back to the clock's zero."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Scaled points at distinct ascending times.

    Attributes
    ----------
    time : Array, shape (n,)
        Times from the first one on, divided by `span_s`.
    signal : Array, shape (n,)
        Signal divided by `scale`.
    sigma : Array, shape (n,)
        Relative standard deviations, geometric mean one (`sigma_unit` in units of `scale`).
    spacing : Array, shape (n - 1,)
        Distances between neighbours in units of the median distance, `CLOSEST` at least.
    span_s, scale : float
        The scales, in s and in the trace's unit.
    first_s : float
        The first time on the trace's clock, s.
    n_raw : int
        Points before equal times were averaged.
    """

    time: Array
    signal: Array
    sigma: Array
    spacing: Array
    span_s: float
    scale: float
    first_s: float
    sigma_unit: float
    n_raw: int

    @property
    def n(self) -> int:
        """Number of distinct times."""
        return int(self.time.size)

    @property
    def even(self) -> bool:
        """Whether neighbours stand equally far apart."""
        return self.spacing.size > 1 and float(np.ptp(self.spacing)) < 1e-6

    @property
    def lead(self) -> float:
        """Distance of the first time from the clock's zero, in spans."""
        return self.first_s / self.span_s

    @property
    def anchor_s(self) -> float:
        """Time at which an amplitude is told, s: zero, or the first time where zero lies far outside."""
        return 0.0 if abs(self.lead) <= FAR else self.first_s


def sample_of(trace: Trace) -> Sample:
    """Return the scaled sample of a trace.

    Equal times are averaged with weights 1/sigma^2, which changes no least-squares estimate. Times
    count from the first one, so that no conclusion depends on where a clock was set to zero.
    """
    time, signal = trace.time_s, trace.absorbance
    weight = np.ones_like(time) if trace.sigma is None else trace.sigma**-2.0
    starts = np.flatnonzero(np.concatenate([[True], np.diff(time) > 0]))
    if starts.size < time.size:
        total = np.add.reduceat(weight, starts)
        signal = np.add.reduceat(weight * signal, starts) / total
        time, weight = time[starts], total
    span = float(time[-1] - time[0]) or 1.0
    scale = float(np.max(np.abs(signal))) or 1.0
    sigma = weight**-0.5
    unit = float(np.exp(np.mean(np.log(sigma))))
    spacing = np.diff(time)
    return Sample(
        time=(time - time[0]) / span,
        signal=signal / scale,
        sigma=sigma / unit,
        spacing=_relative(spacing),
        span_s=span,
        scale=scale,
        first_s=float(time[0]),
        sigma_unit=unit / scale,
        n_raw=trace.n_points,
    )


def thinned(sample: Sample, kept: BoolArray) -> Sample:
    """Return the sample with only the points where `kept` (n,) is true, on the same scales."""
    spacing = np.diff(sample.time[kept])
    return replace(
        sample,
        time=sample.time[kept],
        signal=sample.signal[kept],
        sigma=sample.sigma[kept],
        spacing=_relative(spacing),
    )


def _relative(spacing: Array) -> Array:
    if not spacing.size:
        return spacing
    relative: Array = np.maximum(spacing / np.median(spacing), CLOSEST)
    return relative
