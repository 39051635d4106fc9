"""`fit_stages`: from a trace to stages, breakpoint, verdict and every number's interval."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxkinetics.arrays import BoolArray
from cxkinetics.errors import InputError, UnresolvedBreakpointError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.analysis import Analysis, analyse, fit_asked
from cxkinetics.fitting.assemble import assemble, assemble_loglinear
from cxkinetics.fitting.estimates import Numbers
from cxkinetics.fitting.fitted import Fitted, staged_fit
from cxkinetics.fitting.options import FitOptions
from cxkinetics.fitting.outliers import find_outliers
from cxkinetics.fitting.result import StagedFit
from cxkinetics.fitting.sample import Sample, sample_of
from cxkinetics.fitting.search import Found, search_single
from cxkinetics.fitting.verdict import judge
from cxkinetics.fitting.whitening import whitening
from cxkinetics.remarks import Remark
from cxkinetics.signals.clock import breakpoint_hint, window_hint
from cxkinetics.signals.prepare import crop, shift_t0
from cxkinetics.signals.screening import offset_remark, require_fittable
from cxkinetics.signals.trace import Trace

__all__ = ["fit_stages"]

DEFAULT_SEED = 0
CLEAR = 0.8
"""Share of the variance that one exponential must explain before the signal counts as rising or falling."""
FLAT = 5.0
"""Wald ratio of k below which its interval is worked out to see whether it holds zero."""


def fit_stages(
    trace: Trace,
    *,
    n_stages: int | str = "auto",
    breakpoints_s: float | Sequence[float] | None = None,
    joint: str = "continuous",
    recipe: str = "likelihood",
    offset: str | float = "auto",
    noise: str = "auto",
    direction: str = "decay",
    t0: float | str | None = None,
    window: tuple[float | None, float | None] | None = None,
    bootstrap: int = 0,
    bootstrap_kind: str = "parametric",
    absolute_sigma: bool = False,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> StagedFit:
    """Fit staged first-order kinetics to a trace, the breakpoint detected.

    Parameters
    ----------
    trace : Trace
        Signal against time.
    n_stages : int or "auto"
        Stages to show; "auto" takes the number that the verdict establishes.
    breakpoints_s : float or sequence of float, optional
        Given breakpoints in s (after t0); then nothing is searched.
    joint : {"continuous", "free"}
        Whether the stages meet at the breakpoint.
    recipe : {"likelihood", "loglinear"}
        Fit the absorbance with constant noise, or straight lines in ln A as the paper does.
    offset : {"auto", "zero", "fit"} or float
        Signal at infinite time: zero, fitted, given, or chosen ("auto": the curve shown has one if
        that gains 2 in AICc; the intervals always allow for one, so the choice cannot spoil them).
    noise : {"auto", "ar1", "white"}
        "auto" and "ar1" integrate an AR(1) correlation out; "white" assumes none.
    direction : {"decay", "growth"}
        Whether the signal falls or rises.
    t0 : float or "auto", optional
        Moment of the addition in s; all times then count from it.
    window : (float or None, float or None), optional
        Times to keep, in s on the trace's clock.
    bootstrap : int
        Bootstrap replicates beside the profile intervals; 0 for none.
    bootstrap_kind : {"parametric", "residual", "block"}
        How the replicates' noise is made.
    absolute_sigma : bool
        Take the trace's sigma at its word (default: relative weights).
    confidence : float
        Level of all intervals.
    rng : numpy.random.Generator, int or None
        Source or seed of the simulated p-value; the seed used is stored in the result.

    Returns
    -------
    StagedFit

    Raises
    ------
    InputError
        If the trace cannot be fitted at all (too few points, constant, negative, growing), or a given
        offset lies beyond all its readings.
    UnresolvedBreakpointError
        If stages are demanded that the data cannot hold.
    UsageError
        If an option is off.

    References
    ----------
    Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904.

    Examples
    --------
    >>> from cxkinetics.models.staged import staged_decay
    >>> t = np.arange(101.0)
    >>> noise = np.random.default_rng(1).normal(0, 0.003, t.size)
    >>> a = staged_decay(t, 0.9, np.array([0.056, 0.019]), np.array([20.0])) + noise
    >>> fit = fit_stages(Trace(time_s=t, absorbance=a))
    >>> fit.verdict.code, round(fit.stages[0].k_per_s.value, 3), round(fit.breakpoints_s[0].value, 1)
    ('two_stages', 0.056, 20.0)
    """
    if not isinstance(trace, Trace):
        raise InputError(
            f"fit_stages needs a Trace, not a {type(trace).__name__}; from spectra make one with "
            "series.exciton_peak(near_nm=...) or series.at_wavelength(nm), from a list take one item"
        )
    given: dict[str, Any] = {
        "n_stages": n_stages,
        "joint": joint,
        "recipe": recipe,
        "offset": offset,
        "noise": noise,
        "direction": direction,
        "t0": t0,
        "window": window,
        "bootstrap": bootstrap,
        "bootstrap_kind": bootstrap_kind,
        "absolute_sigma": absolute_sigma,
        "confidence": confidence,
    }
    options = FitOptions.of(breakpoints_s=breakpoints_s, **given)
    seed = _seed(rng)
    prepared, remarks = _prepared(trace, options)
    sample = _sample(prepared, options)
    outliers = find_outliers(sample)
    excluded: tuple[tuple[float, float], ...] = ()
    whole = prepared
    if outliers.any():
        prepared, excluded, remark = _without(whole, sample, outliers)
        remarks.append(remark)
    _check_direction(prepared, _sample(prepared, options), options)
    if not isinstance(options.offset, str):
        doubt = offset_remark(prepared, float(options.offset), options.direction)
        remarks += [doubt] if doubt else []
    fit = _fitted(prepared, options, remarks, excluded, seed)
    first = whole.time_s < prepared.time_s[0]
    if not first.any():
        return fit
    whole = whole.select(first | np.isin(whole.time_s, prepared.time_s))
    doubt = _first_points_matter(fit, _fitted(whole, replace(options, bootstrap=0), (), (), seed))
    return replace(fit, warnings=(*fit.warnings, doubt)) if doubt else fit


def _fitted(
    trace: Trace,
    options: FitOptions,
    remarks: Sequence[Remark],
    excluded: tuple[tuple[float, float], ...],
    seed: int,
) -> StagedFit:
    """Return the result for the points of a trace, all of them."""
    analysis = analyse(_sample(trace, options), options, np.random.default_rng(seed))
    verdict, shown = judge(analysis, _rate_if_flat(analysis))
    shown = options.demanded or shown
    if options.demanded or options.joint == "free" or verdict.code == "smooth":
        _show_asked(trace, analysis, shown, least_squares=verdict.code == "smooth")
    told = assemble_loglinear if options.recipe == "loglinear" else assemble
    return told(trace, options, analysis, verdict, shown, remarks, excluded, seed)


def _first_points_matter(fit: StagedFit, whole: StagedFit) -> Remark | None:
    """Return a remark where the first points, excluded in `fit`, change its verdict or breakpoints."""
    same = len(fit.breakpoints_s) == len(whole.breakpoints_s) and all(
        other.value is None
        or ((b.low is None or b.low <= other.value) and (b.high is None or other.value <= b.high))
        for b, other in zip(fit.breakpoints_s, whole.breakpoints_s, strict=True)
    )
    if same and fit.verdict.code == whole.verdict.code:
        return None
    times = [t for t, _ in fit.excluded if t < fit.trace.time_s[0]]
    points = f"the first {len(times)} points" if len(times) > 1 else "the first point"
    text = (
        f"{points} ({', '.join(f'{t:g} s' for t in times)}) {'were' if len(times) > 1 else 'was'} excluded "
        f"and would change the result: without, as shown, {_said(fit)}; with, {_said(whole)}; a stage of "
        "fewer than three points looks the same: look at the mixing, or record the start more densely"
    )
    return Remark("first_points_matter", text, len(times), times_s=tuple(times))


def _said(fit: StagedFit) -> str:
    """Return verdict and breakpoints in a few words."""
    known = [f"{b.value:.4g} s" for b in fit.breakpoints_s if b.value is not None]
    breaks = f"{'breakpoints' if len(known) > 1 else 'breakpoint'} {', '.join(known)}"
    return f"the verdict is {fit.verdict.code.replace('_', ' ')}, {breaks if known else 'no breakpoint'}"


def _seed(rng: np.random.Generator | int | None) -> int:
    if rng is None:
        return DEFAULT_SEED
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    return int(rng)


def _prepared(trace: Trace, options: FitOptions) -> tuple[Trace, list[Remark]]:
    """Return the trace cropped and counted from t0, with the remarks made on the way."""
    known = len(trace.remarks)
    prepared = crop(trace, options.window)
    if options.t0 is not None:
        prepared = shift_t0(prepared, options.t0)
    remarks = [*trace.remarks, *prepared.remarks[known:]]
    remedy = "record more points"
    if options.window is not None and prepared.n_points < trace.n_points:
        hint = window_hint(trace.time_s, trace.source.time_unit, options.window)
        remedy = hint or "widen the window, or record more points"
    remarks += require_fittable(prepared, remedy=remedy)
    return prepared, remarks


def _show_asked(trace: Trace, analysis: Analysis, n_stages: int, *, least_squares: bool) -> None:
    """Fit the stages asked for; a breakpoint that fits no reading may have been meant in the file's unit."""
    breaks = analysis.options.breakpoints_s
    try:
        fit_asked(analysis, n_stages, least_squares=least_squares)
    except UnresolvedBreakpointError as error:
        hint = breakpoint_hint(trace.time_s, trace.source.time_unit, breaks or ())
        if not (breaks and hint):
            raise
        raise UnresolvedBreakpointError(
            f"{error}; {hint}", best_guess_s=error.best_guess_s, delta_bic=error.delta_bic
        ) from error


def _sample(trace: Trace, options: FitOptions) -> Sample:
    """Return the scaled sample, a given offset subtracted."""
    offset = options.given_offset or 0.0
    if not offset:
        return sample_of(trace)
    shifted = Trace(time_s=trace.time_s, absorbance=trace.absorbance - offset, sigma=trace.sigma)
    return sample_of(shifted)


def _without(
    trace: Trace, sample: Sample, outliers: BoolArray
) -> tuple[Trace, tuple[tuple[float, float], ...], Remark]:
    times = sample.time[outliers] * sample.span_s + sample.first_s
    near = np.min(np.abs(trace.time_s[:, None] - times[None, :]), axis=1) <= 1e-9 * sample.span_s
    excluded = tuple(
        (float(t), float(a)) for t, a in zip(trace.time_s[near], trace.absorbance[near], strict=True)
    )
    shown = ", ".join(f"{t:g} s ({a:.4g})" for t, a in excluded[:8])
    more = f" and {len(excluded) - 8} more" if len(excluded) > 8 else ""
    count = len(excluded)
    text = (
        f"{count} outlier{'s' if count > 1 else ''} excluded (bubble or spike, beyond what a staged "
        f"and a smooth curve through the other points allow): {shown}{more}"
    )
    remark = Remark("outliers_excluded", text, count, times_s=tuple(t for t, _ in excluded))
    return trace.select(~near), excluded, remark


def _check_direction(trace: Trace, sample: Sample, options: FitOptions) -> Found | None:
    """Refuse a signal that runs against the direction asked for; return the exponential that told.

    Raises
    ------
    InputError
        If it does.
    """
    if sample.n < 3:
        return None
    found = search_single(sample, whitening(sample, 0.0), with_offset=sample.n > 4)
    weight = sample.sigma**-2.0
    spread = sample.signal - np.average(sample.signal, weights=weight)
    clear = found.rss < (1 - CLEAR) * float(weight @ spread**2)
    tenth = max(1, sample.n // 10)
    change = float(np.mean(sample.signal[-tenth:]) - np.mean(sample.signal[:tenth]))
    rises, falls = clear and change > 0, clear and change < 0
    place = trace.source.file or None
    span = f"from {trace.absorbance[0]:.4g} to {trace.absorbance[-1]:.4g} {trace.unit}"
    if options.direction == "decay" and rises:
        raise InputError(
            f"the signal grows {span}, a decay was expected",
            file=place,
            remedy="for a growing band pass --direction growth (direction='growth')",
        )
    if options.direction == "growth" and falls:
        raise InputError(
            f"the signal falls {span}, growth was expected",
            file=place,
            remedy="leave --direction at decay, or choose another wavelength",
        )
    return found


def _rate_if_flat(analysis: Analysis) -> Estimate | None:
    """Return k of one stage with its interval where it might hold zero, else None."""
    sample, options = analysis.sample, analysis.options
    one: Fitted | None = next(
        (v.fitted for v in analysis.variants.get(1, []) if not v.fitted.family.with_offset), None
    )
    if one is None:
        if options.direction == "growth" or sample.n < 4:
            return None
        one = staged_fit(sample, n_stages=1, with_offset=False, ar1=options.ar1)
    if sample.n <= one.n_parameters or abs(one.theta[1]) > FLAT * float(np.sqrt(one.covariance[1, 1])):
        return None
    return Numbers(one, confidence=options.confidence).rate(1)
