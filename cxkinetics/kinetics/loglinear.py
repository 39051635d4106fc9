"""The paper's recipe: straight lines in ln A by ordinary least squares.

Offered because it is what the field does (Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023),
doi 10.1063/5.0151904) and always shown beside the default. It weights the tail wrongly and its
intervals take noise in ln A to be white and constant. Intervals are F-profiles over the breaks:
for every admissible break the lines are exact, and the interval of a rate constant is the union of
what each break allows.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, thinned_out
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.lines import MIN_DISTINCT, BrokenLine, fit_broken_line, fit_line
from cxkinetics.kinetics.result import LogLinear, LogLinearStage

TWO_GOOD_LINES = (
    "two straight lines with good R2 do not establish a breakpoint: one stretched exponential with a small "
    "offset and no break at all gives R2 of 0.96 and 0.98 in two windows, and one exponential with an offset "
    "looks two-stage in ln A; see the p-value and the rivals"
)
MOST_BREAKS = 2000
"""Places at most at which a break is tried: each is one exact fit."""
METHOD = "F profile of lines in ln A, white noise in ln A assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinearFit:
    """A broken line in ln A: the line, and estimates of its rates and breaks."""

    line: BrokenLine
    rates: tuple[Estimate, ...]
    breakpoints: tuple[Estimate, ...]
    n_excluded: int


def paper_lines(time_s: Array, signal: Array, breaks_s: Array, confidence: float) -> LogLinear:
    """Return one line in ln A per window (both ends included) and one over all points.

    Parameters
    ----------
    time_s, signal : Array, shape (n,)
        Data; points with signal <= 0 are left out and counted.
    breaks_s : Array, shape (m - 1,)
        Window borders in s.
    confidence : float
        Level of the t intervals of the slopes.
    """
    usable = signal > 0
    time, log = time_s[usable], np.log(signal[usable])
    if np.unique(time).size < MIN_DISTINCT:
        return LogLinear(stages=(), single=None, n_excluded=int((~usable).sum()))
    edges = [float(time_s[0]), *[float(b) for b in breaks_s], float(time_s[-1])]
    windows = [_window(time, log, start, end, confidence) for start, end in pairwise(edges)]
    stages, lines = tuple(stage for stage, _ in windows), [line for _, line in windows]
    single, _ = _window(time, log, edges[0], edges[-1], confidence)
    crossing = None
    if len(lines) > 1 and lines[0] is not None and lines[1] is not None and lines[0][0] != lines[1][0]:
        crossing = (lines[1][1] - lines[0][1]) / (lines[0][0] - lines[1][0])
    excluded = int((~usable).sum())
    return LogLinear(stages=stages, single=single, crossing_s=crossing, n_excluded=excluded)


def _window(
    time: Array, log: Array, start: float, end: float, confidence: float
) -> tuple[LogLinearStage, tuple[float, float] | None]:
    inside = (time >= start) & (time <= end)
    time, log = time[inside], log[inside]
    if np.unique(time).size < 2:
        none = Estimate(name="k", value=None, unit="1/s", reason="fewer than two usable points in the window")
        return LogLinearStage(start_s=start, end_s=end, k_per_s=none, r_squared=None), None
    slope, intercept, error, rss = fit_line(time, log)
    total = float(np.sum((log - log.mean()) ** 2))
    dof = time.size - 2
    rate = Estimate(name="k", value=-slope, unit="1/s", method="t", reason="two points leave no error")
    if dof > 0:
        half = float(stdtrit(dof, 0.5 + confidence / 2)) * error
        rate = replace(rate, se=error, low=-slope - half, high=-slope + half, reason="")
    r_squared = 1 - rss / total if total > 0 else None
    return LogLinearStage(start_s=start, end_s=end, k_per_s=rate, r_squared=r_squared), (slope, intercept)


def fit_loglinear(
    time_s: Array,
    signal: Array,
    *,
    n_stages: int,
    continuous: bool,
    breakpoints_s: Array | None,
    confidence: float,
) -> LogLinearFit:
    """Fit the paper's recipe with detected (or given) breakpoints.

    Parameters
    ----------
    time_s, signal : Array, shape (n,)
        Data; `signal` is A for decay, Ainf - A for growth.
    n_stages : int
        Stages.
    continuous : bool
        Whether the lines meet.
    breakpoints_s : Array or None
        Given breaks in s.
    confidence : float
        Level of the intervals.

    Raises
    ------
    FitError
        If fewer than three points have a logarithm.
    UnresolvedBreakpointError
        If the points cannot hold that many stages.
    """
    usable = signal > 0
    time, log = time_s[usable], np.log(signal[usable])
    if np.unique(time).size < MIN_DISTINCT:
        raise FitError(
            f"only {np.unique(time).size} points are positive and have a logarithm; a line in ln A needs "
            f"{MIN_DISTINCT}; use recipe='likelihood', which fits the absorbance itself"
        )
    line = fit_broken_line(time, log, n_stages - 1, continuous=continuous, breakpoints=breakpoints_s)
    free_breaks = 0 if breakpoints_s is not None else n_stages - 1
    dof = time.size - (n_stages + 1 if continuous else 2 * n_stages) - free_breaks
    known = dof > 0 and free_breaks == 1
    candidates = _candidates(time, log, line, continuous) if known else [line]
    limit = np.inf if dof <= 0 else line.rss * (1 + float(stdtrit(dof, 0.5 + confidence / 2)) ** 2 / dof)
    near = [candidate for candidate in candidates if candidate.rss <= limit]
    rates = [
        _rate(time, near, number, dof=dof, limit=limit, continuous=continuous) for number in range(n_stages)
    ]
    method = METHOD if known else "gap"
    reason = "" if known else "the interval is the gap itself: no degrees of freedom, or several breaks"
    breaks = []
    for number, value in enumerate(line.breakpoints):
        found = Estimate(name="breakpoint", value=value, unit="s", method=method, reason=reason)
        if breakpoints_s is not None:
            found = replace(found, method="given", reason="given")
        elif known or not continuous:
            ends = [(c.breakpoints[number],) if continuous else c.gaps[number] for c in near]
            found = replace(found, low=min(end[0] for end in ends), high=max(end[-1] for end in ends))
        breaks.append(found)
    excluded = int((~usable).sum())
    return LogLinearFit(line=line, rates=tuple(rates), breakpoints=tuple(breaks), n_excluded=excluded)


def _candidates(time: Array, log: Array, best: BrokenLine, continuous: bool) -> list[BrokenLine]:
    knots = np.unique(time)
    if not continuous:
        places = (knots[MIN_DISTINCT - 1 : -MIN_DISTINCT] + knots[MIN_DISTINCT : -MIN_DISTINCT + 1]) / 2
    else:
        inner = knots[MIN_DISTINCT - 1 : -MIN_DISTINCT + 1]
        places = np.unique(np.concatenate([np.linspace(a, b, 9)[1:] for a, b in pairwise(inner)]))
    places = thinned_out(places, MOST_BREAKS)
    return [best, *(fit_broken_line(time, log, continuous=continuous, breakpoints=b) for b in places)]


def _rate(
    time: Array, near: list[BrokenLine], number: int, *, dof: int, limit: float, continuous: bool
) -> Estimate:
    """Return a rate constant (of the first line) with what every accepted line allows."""
    line = near[0]
    rate = Estimate(name="k", value=-line.slopes[number], unit="1/s")
    if dof <= 0:
        return replace(rate, reason="no degrees of freedom left for an interval")
    lows, highs = [], []
    for candidate in near:
        variance = max(candidate.rss, 1e-300) / _own_dof(time, candidate, continuous)
        per_unit = candidate.slope_errors[number] / np.sqrt(variance)
        half = np.sqrt(max(limit - candidate.rss, 0.0)) * per_unit
        lows.append(-candidate.slopes[number] - half)
        highs.append(-candidate.slopes[number] + half)
    error = line.slope_errors[number]
    return replace(rate, se=error, low=float(min(lows)), high=float(max(highs)), method=METHOD)


def _own_dof(time: Array, line: BrokenLine, continuous: bool) -> int:
    """Return the degrees of freedom that went into the line's own slope errors."""
    pieces = len(line.slopes)
    return time.size - (pieces + 1 + len(line.breakpoints) if continuous else 2 * pieces)
