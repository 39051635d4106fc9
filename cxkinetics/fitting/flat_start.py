"""A first stage in which nothing happens: most often the addition came after the first point."""

from collections.abc import Sequence

from cxkinetics.estimate import Estimate
from cxkinetics.fitting.options import FitOptions
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace

__all__ = ["flat_start"]


def flat_start(
    trace: Trace, options: FitOptions, rates: Sequence[Estimate], edges: Sequence[float]
) -> list[Remark]:
    """Return a remark where the first of several stages is flat and no t0 was given.

    Parameters
    ----------
    trace : Trace
        What was fitted.
    options : FitOptions
        Options of the fit.
    rates : sequence of Estimate
        Rate constant of each stage, 1/s.
    edges : sequence of float
        Breakpoints in s.
    """
    if len(rates) < 2 or not edges or options.t0 is not None:
        return []
    if not _holds_zero(rates[0]) or _holds_zero(rates[1]):
        return []
    start, end = float(trace.time_s[0]), edges[0]
    text = (
        f"stage 1 ({start:.4g} - {end:.4g} s) is flat, its k = {rates[0]} holds 0: if the addition was later "
        f"than the first point pass --t0 {end:.3g} or --t0 auto (t0={end:.3g} or t0='auto')"
    )
    return [Remark("flat_first_stage", text)]


def _holds_zero(rate: Estimate) -> bool:
    return (rate.low is None or rate.low <= 0) and (rate.high is None or rate.high >= 0)
