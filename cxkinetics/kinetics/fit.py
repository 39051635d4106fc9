"""`fit_stages`: from a trace to stages, breakpoint, verdict and every number's interval."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, BoolArray, IntArray
from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError, UnresolvedBreakpointError
from cxkinetics.estimate import Estimate, finite_or_none, format_p
from cxkinetics.inference.ar1 import FREE, Sample, sample_of, thinned, whitening, with_beside
from cxkinetics.inference.criteria import AHEAD, ALIKE, FAR_AHEAD
from cxkinetics.inference.variance import (
    FEWEST,
    PRIOR,
    Spread,
    spread_of,
    with_spread,
    without_spread,
)
from cxkinetics.kinetics.addition import addition_of, step_of
from cxkinetics.kinetics.bootstrap import bootstrap_fit
from cxkinetics.kinetics.checks import (
    SMOOTH,
    durbin_watson,
    find_outliers,
    flat_start,
    lag1_autocorrelation,
    log_r_squared,
    noise_of,
    pattern_remark,
    short_start,
    smooth_optimum,
    step_remark,
)
from cxkinetics.kinetics.intervals import ELSEWHERE, Numbers, half_life_of
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.loglinear import TWO_GOOD_LINES, LogLinearFit, fit_loglinear, paper_lines
from cxkinetics.kinetics.optimum import ROUNDING, Fitted, polished, staged_fit, tangent
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.reduction import again, finer, finished, is_long, reduced, starts_about
from cxkinetics.kinetics.result import Influence, LogLinear, Noise, Preferred, Stage, StagedFit, Verdict
from cxkinetics.kinetics.rivals import Contender, rank, staged_contender
from cxkinetics.kinetics.scales import factor_of
from cxkinetics.kinetics.search import Found, on_clock, search_single, search_staged
from cxkinetics.kinetics.smooth import PLAIN, smooth_fit, smooth_numbers, told_model
from cxkinetics.kinetics.verdict import Analysis, analyse, fit_asked, judge, smooth_asked
from cxkinetics.models.decays import stage_number
from cxkinetics.models.families import FreeJointFamily
from cxkinetics.options import OPTIONS, names_of, require
from cxkinetics.remarks import Remark
from cxkinetics.signals.prepare import (
    averaged,
    breakpoint_hint,
    crop,
    detect_t0,
    level_before,
    shift_t0,
    window_hint,
)
from cxkinetics.signals.screening import (
    CLIP_FROM,
    find_steps,
    offset_remark,
    require_fittable,
    saturated_start,
)
from cxkinetics.signals.trace import Trace

_Told = tuple[Numbers, Contender, tuple[str, ...]]
"""Numbers of stages, which variant they are of, and flags of its polish."""


def _by_likelihood(
    trace: Trace, analysis: Analysis, verdict: Verdict, n_stages: int, seed: int, *, known: _Told | None
) -> dict[str, Any]:
    """Return the fields of the result that the likelihood recipe decides, `n_stages` stages shown.

    `known` are the numbers of so many stages, where they are known.
    """
    sample, options = analysis.sample.every, analysis.options
    told = known if analysis.as_judged else None
    numbers, variant, flags = told or _numbers(analysis, verdict.code, n_stages, seed)
    shown = numbers.fitted.every
    growth = options.direction == "growth"
    breaks = tuple(numbers.breakpoint(j) for j in range(1, n_stages))
    offset = options.given_offset or 0.0
    rates = [numbers.rate(j) for j in range(1, n_stages + 1)]
    edges = [b.value for b in breaks if b.value is not None]
    curve = _curve_at(trace, sample, shown.rest, offset)
    noise = noise_of(shown, "ar1" if options.ar1 else "white")
    pattern = pattern_remark(shown, noise, growth=growth)
    shown_offset = numbers.offset(trace.unit, options.given_offset)
    amplitudes: tuple[float, ...] = ()
    if isinstance(shown.family, FreeJointFamily):
        back = np.exp(np.clip(shown.theta[n_stages : 2 * n_stages] * sample.from_anchor, -500.0, 500.0))
        amplitudes = tuple(float(c) * sample.scale for c in shown.theta[:n_stages] * back)
    units = numbers.to_user_units()
    repeated = None
    if options.bootstrap:
        repeated = bootstrap_fit(
            numbers.wider,
            n_replicates=options.bootstrap,
            kind=options.bootstrap_kind,
            level=options.confidence,
            unit=trace.unit,
            offset=offset,
            rng=np.random.default_rng([seed, 1]),
        )
    started = numbers.start_up()
    start = 0.0 if started is None else started.value or 0.0
    late = [edge + start for edge in edges]  # on the clock of the trace
    cautions = [*_cautions(trace, options, verdict, sample), *flat_start(trace, options, rates, late)]
    cautions += short_start(trace, options, rates, late)
    if not find_steps(trace.time_s, trace.absorbance) and verdict.code in _ESTABLISHED:
        cautions += step_remark(trace, numbers.fitted)
    return {
        **_of_curve(trace, curve, sample.n - shown.n_parameters - sample.n_free),
        "stages": _stages(trace, rates, edges, curve, growth),
        "breakpoints_s": breaks,
        "amplitude": numbers.amplitude(trace.unit),
        "offset": shown_offset,
        "start_up_s": numbers.start_up() or _no_start(options),
        "drift_per_s": numbers.drift(trace.unit),
        "switch_width_s": numbers.width,
        "rate_ratio": numbers.ratio() if n_stages > 1 else None,
        "parameter_names": shown.family.names,
        "covariance": units @ shown.covariance @ units.T,
        "aicc": finite_or_none(variant.aicc),
        "bic": finite_or_none(variant.bic),
        "loglinear": _paper(trace, edges, options, shown_offset.value),
        "noise": noise,
        "warnings": (*([pattern] if pattern else []), *cautions),
        "flags": (*flags, *(["a breakpoint at the edge of the search range"] if shown.found.at_edge else [])),
        "stage_amplitudes": amplitudes,
        "bootstrap": repeated,
    }


_ESTABLISHED = ("one_stage", "two_stages", "more_stages")
"""Verdicts whose stages leave noise alone: of any other the residuals hold what the stages miss."""


def _no_start(options: FitOptions) -> Estimate | None:
    """Return a start-up time that was given; none where none was fitted."""
    if isinstance(options.start_up, str):
        return None
    return Estimate(name="start-up time", value=options.start_up, unit="s", method="given", reason="given")


def _by_model(
    trace: Trace, analysis: Analysis, verdict: Verdict, preferred: Preferred | None
) -> dict[str, Any]:
    """Return the same of a smooth model that was asked for by its name: no stages, its numbers."""
    sample, options = analysis.sample.every, analysis.options
    assert options.smooth_model is not None
    asked = smooth_asked(analysis, options.smooth_model)
    # the misfit of a model that is out would be taken for correlation, and draw its curve from the data
    behind = asked.aicc - min(c.aicc for c in (*analysis.contenders(), asked)) >= AHEAD
    fitted = smooth_fit(analysis.sample, asked, ar1=options.ar1 and not behind)
    numbers = smooth_numbers(fitted, options, trace.unit, asked)
    fitted = fitted.every
    given = options.given_offset or 0.0
    curve = _curve_at(trace, sample, fitted.rest, given)
    units = np.array([factor_of(name, sample) for name in fitted.family.names])
    text = f"stages is empty: {asked.model} was asked for, which has none; its numbers stand in model"
    parts = [e.value for name, e in numbers.items() if name in ("C1", "C2") and e.value is not None]
    total = Estimate(name="amplitude", value=sum(parts), unit=trace.unit, reason="the sum of C1 and C2")
    zero = Estimate(name="offset", value=0.0, unit=trace.unit, method="chosen", reason="none was fitted")
    return {
        **_of_curve(trace, curve, sample.n - fitted.n_parameters - sample.n_free),
        "stages": (),
        "breakpoints_s": (),
        "amplitude": numbers.get("amplitude", total),
        "offset": numbers.get("offset", zero),
        "drift_per_s": numbers.get("drift"),
        "rate_ratio": None,
        "parameter_names": fitted.family.names,
        "covariance": fitted.covariance * units[:, None] * units,
        "aicc": finite_or_none(asked.aicc),
        "bic": finite_or_none(asked.bic),
        "loglinear": LogLinear(stages=(), single=None),
        "noise": noise_of(fitted, "white" if behind or not options.ar1 else "ar1"),
        "warnings": (Remark("no_stages", text), *_cautions(trace, options, verdict, sample)),
        "model": preferred
        if preferred is not None and preferred.model == asked.model
        else told_model(asked.model, numbers, trace, fitted, PLAIN if behind and options.ar1 else ""),
    }


def _numbers(analysis: Analysis, code: str, n_stages: int, seed: int) -> _Told:
    """Return the numbers of the stages shown beside a verdict.

    Raises
    ------
    FitError
        If the data hold too few times for that many stages.
    """
    variant, wider = analysis.shown(n_stages), analysis.widest(n_stages)
    if variant is None or wider is None:
        raise FitError(
            f"{n_stages} stages could not be fitted to {analysis.sample.n} distinct times; fit fewer"
        )
    if code == "no_decay" and n_stages == 1:
        variant = wider = min(analysis.variants[1], key=lambda v: v.fitted.family.with_offset)

    switching, blocks = analysis.switching(wider.fitted), variant.fitted.sample.blocks

    starts = None if blocks is None else starts_about(wider.fitted)

    def done(fitted: Fitted) -> tuple[Fitted, tuple[str, ...]]:
        return polished(fitted) if blocks is None else (finished(fitted, starts), ())

    gradual = switching if switching is None or blocks is None else done(switching)[0]

    def of(variant: Contender, wider: Contender) -> tuple[Numbers, tuple[str, ...]]:
        shown, flags = done(variant.fitted)
        numbers = Numbers(
            shown,
            shown if wider is variant else wider.fitted if blocks is None else done(wider.fitted)[0],
            gradual=gradual,
            confidence=analysis.options.confidence,
            absolute_sigma=analysis.options.absolute_sigma,
            seed=seed,
        )
        numbers.look_at_all()
        return numbers, flags

    numbers, flags = of(variant, wider)
    if wider is not variant and _outside(numbers, n_stages):
        variant = wider  # a value outside its own interval would contradict itself
        numbers, flags = of(wider, wider)
    width = numbers.width
    if width is not None and (width.low or _outside(numbers, n_stages)):  # not abrupt: its curve is shown
        variant = next((v for v in analysis.gradual if v.fitted is switching), variant)
        numbers.fitted = numbers.wider
    return numbers, variant, flags


def _of_curve(trace: Trace, curve: Array, dof: int) -> dict[str, Any]:
    """Return the fields of a result that follow from its curve (n,)."""
    residual = trace.absorbance - curve
    rss = float(np.sum((residual / _relative_sigma(trace)) ** 2))
    return {"fitted": curve, "residuals": residual, "rss": rss, "dof": dof, "redchi": rss / max(dof, 1)}


def _outside(numbers: Numbers, n_stages: int) -> bool:
    """Return whether a value of the curve shown lies outside the interval of the wider model."""
    estimates = [numbers.rate(j) for j in range(1, n_stages + 1)]
    estimates += [numbers.breakpoint(j) for j in range(1, n_stages)]
    estimates += [numbers.amplitude(""), numbers.offset("", None)]
    return any(e.reason == ELSEWHERE for e in estimates)


def _by_lines(
    trace: Trace, analysis: Analysis, verdict: Verdict, n_stages: int, seed: int, *, known: _Told | None
) -> dict[str, Any]:
    """Return the same of the paper's recipe; rivals and verdict are those of the default."""
    options, anchor = analysis.options, analysis.sample.anchor_s
    growth, continuous = options.direction == "growth", options.joint == "continuous"
    sign, offset = 1.0, options.given_offset or 0.0
    if growth:
        sign, best = -1.0, analysis.shown(n_stages)
        if options.given_offset is None and best is not None:
            offset = float(best.fitted.theta[-1] * analysis.sample.scale)
    recipe: LogLinearFit = fit_loglinear(
        trace.time_s,
        sign * (trace.absorbance - offset),
        n_stages=n_stages,
        continuous=continuous,
        breakpoints_s=None if options.breakpoints_s is None else np.array(options.breakpoints_s),
        confidence=options.confidence,
    )
    curve = offset + sign * np.exp(recipe.line.value(trace.time_s))
    edges, rates = list(recipe.line.breakpoints), list(recipe.rates)
    n_parameters = len(rates) * (1 if continuous else 2) + continuous + len(edges)
    of_curve = _of_curve(trace, curve, trace.n_points - n_parameters)
    rss, dof, residual = of_curve["rss"], of_curve["dof"], of_curve["residuals"]
    at_anchor = np.array(recipe.line.intercepts) + anchor * np.array(recipe.line.slopes)
    with np.errstate(over="ignore", under="ignore"):
        levels = tuple(float(level) for level in sign * np.exp(at_anchor))
    notes = [Remark("log_linear_recipe", TWO_GOOD_LINES[0].upper() + TWO_GOOD_LINES[1:])]
    if recipe.n_excluded:
        notes.append(_nonpositive(trace, recipe.n_excluded))
    if anchor:
        notes.append(_anchored(anchor))
    return {
        **of_curve,
        "stages": _stages(trace, rates, edges, curve, growth),
        "breakpoints_s": recipe.breakpoints,
        "amplitude": _line_amplitude(levels[0], float(at_anchor[0]), anchor, trace.unit),
        "offset": Estimate(
            name="offset", value=offset, unit=trace.unit, method="fixed", reason="part of the recipe"
        ),
        "rate_ratio": _line_ratio(rates),
        "parameter_names": (),
        "covariance": np.empty((0, 0)),
        "aicc": None,
        "bic": None,
        "loglinear": _recipe_lines(trace, recipe, options, offset),
        "noise": Noise(
            sd=float(np.sqrt(rss / dof)) if dof > 0 else None,
            ar1=0.0,
            lag1_autocorrelation=lag1_autocorrelation(residual),
            durbin_watson=durbin_watson(residual),
            model="white in ln A",
        ),
        "warnings": tuple(notes),
        "stage_amplitudes": levels if n_stages > 1 else (),
    }


def _line_amplitude(level: float, log_level: float, anchor_s: float, unit: str) -> Estimate:
    """Return the amplitude of the first line; none where a steep line carried far back leaves all numbers."""
    if np.isfinite(level) and level != 0:
        reason = "the recipe gives ln A0 only; use recipe='likelihood' for an interval"
        return Estimate(name="amplitude", value=level, unit=unit, reason=reason)
    reason = f"the line reaches ln A = {log_level:.4g} at {anchor_s:g} s, which no absorbance can be"
    return Estimate(name="amplitude", value=None, unit=unit, reason=reason)


def _line_ratio(rates: Sequence[Estimate]) -> Estimate | None:
    if len(rates) < 2 or rates[0].value is None or not rates[1].value:
        return None
    return Estimate(
        name="k1/k2",
        value=rates[0].value / rates[1].value,
        reason="the recipe fits the lines apart; use recipe='likelihood' for an interval",
    )


def _recipe_lines(trace: Trace, recipe: LogLinearFit, options: FitOptions, offset: float) -> LogLinear:
    """Return the fitted lines themselves; the windows are those of the stages."""
    paper = _paper(trace, list(recipe.line.breakpoints), options, offset)
    if options.joint == "free" or len(paper.stages) != len(recipe.rates):
        return paper
    stages = [replace(s, k_per_s=k) for s, k in zip(paper.stages, recipe.rates, strict=True)]
    return replace(paper, stages=tuple(stages))


def _paper(trace: Trace, edges: Sequence[float], options: FitOptions, offset: float | None) -> LogLinear:
    """Return lines in ln A or, for growth, in ln(Ainf - A) with the offset given or fitted as Ainf."""
    signal = np.asarray(trace.absorbance)
    if options.direction == "growth":
        if offset is None:
            return LogLinear(stages=(), single=None)
        signal = offset - signal
    return paper_lines(trace.time_s, signal, np.array(edges), options.confidence)


def _stages(
    trace: Trace, rates: Sequence[Estimate], breaks: Sequence[float], curve: Array, growth: bool
) -> tuple[Stage, ...]:
    time = trace.time_s
    edges, stage_of = [float(time[0]), *breaks, float(time[-1])], stage_number(time, np.array(breaks))
    stages = []
    for number, rate in enumerate(rates):
        inside = stage_of == number
        stages.append(
            Stage(
                start_s=edges[number],
                end_s=edges[number + 1],
                n_points=int(inside.sum()),
                k_per_s=rate,
                half_life_s=half_life_of(rate),
                r_squared_log=None if growth else log_r_squared(trace.absorbance[inside], curve[inside]),
            )
        )
    return tuple(stages)


def _curve_at(trace: Trace, sample: Sample, residual: Array, offset: float) -> Array:
    """Return the curve at every time of the trace (equal times share one sample)."""
    time = (trace.time_s - sample.first_s) / sample.span_s
    curve: Array = (sample.signal - residual) * sample.scale + offset
    if sample.n == time.size:
        return curve
    at_times: Array = curve[_nearest(sample.time, time)]
    return at_times


def _nearest(places: Array, values: Array) -> IntArray:
    """Return which of ascending places lies nearest to each value."""
    after = np.clip(np.searchsorted(places, values), 1, max(places.size - 1, 1))
    before = after - 1
    closer = np.abs(values - places[before]) <= np.abs(places[np.minimum(after, places.size - 1)] - values)
    return np.where(closer, before, np.minimum(after, places.size - 1))


def _relative_sigma(trace: Trace) -> Array:
    if trace.sigma is None:
        return np.ones(trace.n_points)
    relative: Array = trace.sigma / np.exp(np.mean(np.log(trace.sigma)))
    return relative


def _cautions(trace: Trace, options: FitOptions, verdict: Verdict, sample: Sample) -> list[Remark]:
    """Return what a reader must know of this fit."""
    cautions = []
    below = int(np.sum(trace.absorbance <= 0))
    if below and options.direction == "decay":
        cautions.append(_nonpositive(trace, below))
    if verdict.code == "no_decay":
        cautions.append(Remark("no_decay", verdict.text[0].lower() + verdict.text[1:]))
    if sample.n < sample.n_raw:
        text = f"{sample.n_raw - sample.n} readings share their time with another and were averaged"
        cautions.append(Remark("tied_times", text, sample.n_raw - sample.n))
    if trace.time_s[0] > 0 and sample.anchor_s == 0:
        text = (
            f"the first point stands at {trace.time_s[0]:g} s, so the amplitude at t = 0 is an extrapolation "
            "of stage 1 (dead time)"
        )
        cautions.append(Remark("dead_time", text))
    if sample.anchor_s:
        cautions.append(_anchored(sample.anchor_s))
    return cautions


def _anchored(anchor_s: float) -> Remark:
    text = f"t = 0 lies far outside the data: the amplitude counts at {anchor_s:g} s"
    return Remark("amplitude_anchor", text)


def _nonpositive(trace: Trace, count: int) -> Remark:
    times = tuple(float(t) for t in trace.time_s[trace.absorbance <= 0])
    text = (
        f"absorbance <= 0 in {count} points: they have no logarithm and are left out of the "
        "lines in ln A; a baseline subtracted too far shows like this"
    )
    return Remark.at("nonpositive_absorbance", text, count, times_s=times)


DEFAULT_SEED = 0
_AGAINST = {
    "decay": ("grows", "a decay", "for a growing band pass --direction growth (direction='growth')"),
    "growth": ("falls", "growth", "leave --direction at decay, or choose another wavelength"),
}
"""What a signal does that runs against a direction, what was expected, and what to do."""
CLEAR = 0.8
"""Share of the variance that one exponential must explain before the signal counts as rising or falling."""
FLAT = 5.0
"""Wald ratio of k below which its interval is worked out to see whether it holds zero."""


_OF_LOAD = "it says how a file is read: cx.load(file, time_unit=...); times given as numbers are in s"
_READ = dict.fromkeys((OPTIONS[name].python for name in names_of("reading")), _OF_LOAD)
"""Options that belong to the reading of a trace."""


@checked("", elsewhere=_READ)
def fit_stages(
    trace: Trace | Any,
    absorbance: ArrayLike | None = None,
    *,
    n_stages: int | str = "auto",
    model: str = "auto",
    breakpoints_s: float | str | Sequence[float | str] | None = None,
    joint: str = "continuous",
    recipe: str = "likelihood",
    offset: str | float | tuple[float, float] = "auto",
    drift: str = "none",
    dilution: str | tuple[float, float] | None = None,
    noise: str = "auto",
    start_up: str | float = "auto",
    direction: str = "decay",
    t0: float | str | None = None,
    window: tuple[float | str | None, float | str | None] | str | None = None,
    bootstrap: int = 0,
    bootstrap_kind: str = "parametric",
    absolute_sigma: bool = False,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> StagedFit:
    """Fit staged first-order kinetics to a trace, the breakpoint detected.

    Parameters
    ----------
    trace : Trace, path-like, DataFrame or array_like
        Signal against time: a Trace; a file with one, spectra read at their strongest peak (`cx.load` takes
        the options of reading); a DataFrame with a column of times and one of the signal, their names read
        as the heads of a file are; or times in s, shape (n,).
    absorbance : array_like, shape (n,), optional
        The signal, where `trace` holds times.
    n_stages : int or "auto"
        Stages to show; "auto" takes the number that the verdict establishes.
    model : str
        "auto" or "staged" shows stages; "exponential", "biexponential", "stretched", "nth-order",
        "saturation", "second-order", "delayed", or any smooth model by its name in the ranking, shows that
        model with the same numbers and no stages. The verdict does not depend on it.
    breakpoints_s : float, str or sequence of them, optional
        Given breakpoints in s (after t0), or with a unit ("8min"); then nothing is searched.
    joint : {"continuous", "free"}
        Whether the stages meet at the breakpoint.
    recipe : {"likelihood", "loglinear"}
        Fit the absorbance with constant noise, or straight lines in ln A as the paper does.
    offset : {"auto", "zero", "fit"}, float or (float, float)
        Signal at infinite time: zero, fitted, given, given with its standard deviation (a blank: it joins
        the readings as one more), or chosen ("auto": the curve shown has one if that gains 2 in AICc; the
        intervals always allow for one, so the choice cannot spoil them).
    drift : {"none", "linear", "auto"}
        Straight drift of the baseline, from the first reading on: none, fitted beside every model, or
        fitted where it gains 2 in AICc.
    dilution : (float, float) or str, optional
        Volumes in the cell and added, in one unit ("3.00+0.10"): readings before t0 are scaled by
        V/(V + added), so that they tell the amplitude.
    noise : {"auto", "ar1", "white", "photometric", "by-place", "wander", "robust"}
        "auto" estimates all of it: correlation (integrated out), slow wander, and a spread that grows
        with absorbance, changes within the run or has heavy tails. "ar1" and "white" take the spread as
        constant, "white" without correlation; the others admit one pattern of the spread only.
    start_up : {"auto", "none"} or float
        Time constant of mixing or of the instrument, s: fitted in every model (it may be 0), left out,
        or given (from a dye run).
    direction : {"decay", "growth"}
        Whether the signal falls or rises.
    t0 : float, str or "auto", optional
        Moment of the addition in s, or with a unit ("0.5min"); all times then count from it.
    window : (float or None, float or None) or str, optional
        Times to keep on the trace's clock, in s, or with units ("5min:20min").
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
    >>> from cxkinetics.models.decays import staged_decay
    >>> t = np.arange(101.0)
    >>> noise = np.random.default_rng(1).normal(0, 0.003, t.size)
    >>> a = staged_decay(t, 0.9, np.array([0.056, 0.019]), np.array([20.0])) + noise
    >>> fit = fit_stages(Trace(time_s=t, absorbance=a))
    >>> fit.verdict.code, round(fit.stages[0].k_per_s.value, 3), round(fit.breakpoints_s[0].value, 1)
    ('two_stages', 0.056, 20.0)
    """
    if not isinstance(trace, Trace) or absorbance is not None:
        from cxkinetics.io.given import as_trace  # readers are loaded only where something is to be read

        trace = as_trace(trace, absorbance)
    given: dict[str, Any] = {
        "n_stages": n_stages,
        "model": model,
        "joint": joint,
        "recipe": recipe,
        "offset": offset,
        "drift": drift,
        "dilution": dilution,
        "noise": noise,
        "start_up": start_up,
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
    with _progress(trace.n_points) as bar:
        data, whole = _cleaned(trace, options)
        bar.update()
        single = _check_direction(data.trace, data.sample, data.standing, data.options)
        fit = _fitted(data, seed, single=single)
        bar.update()
        return _with_influence(fit, data, whole, seed, single=single)


class _NoBar:
    """Stands for a progress bar where none is wanted."""

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self) -> None:
        """Show nothing."""


PATIENCE = 2.0
"""Seconds after which a long trace shows how far its fit has come."""


def _progress(n: int) -> Any:
    """Return a bar of the three parts of a fit: readings weighed, models fitted, doubts looked at."""
    if not (is_long(n) and sys.stderr.isatty()):
        return _NoBar()
    from tqdm import tqdm  # not needed by a short trace, which would wait for it

    return tqdm(total=3, desc=f"{n} readings", delay=PATIENCE, leave=False, unit="part", file=sys.stderr)


def _with_influence(
    fit: StagedFit, data: "_Data", whole: Trace, seed: int, *, single: Found | None
) -> StagedFit:
    """Return a fit with what its verdict becomes without some readings, or with excluded ones of `whole`."""
    options = replace(data.options, bootstrap=0, n_stages="auto", model="auto")
    few = (*_few_readings(fit), *_strongest_reading(fit, data.sample, single), *_next_to_excluded(fit, whole))
    influence = [
        Influence(left_out=words, verdict=other.verdict.code, p_value=other.verdict.p_value)
        for words, left in few
        if (other := _fitted(_weighed(left, options), seed)).verdict.code != fit.verdict.code
    ]
    remarks = [_hangs(fit, influence)] if influence else []
    first = whole.time_s < data.trace.time_s[0]
    if first.any():
        whole = whole.select(first | np.isin(whole.time_s, data.trace.time_s))
        other = _fitted(_weighed(whole, replace(data.options, bootstrap=0)), seed)
        kept = f"nothing: {_points('first', fit.excluded[: int(first.sum())])} kept"
        verdict = other.verdict
        influence.append(Influence(left_out=kept, verdict=verdict.code, p_value=verdict.p_value))
        doubt = _first_points_matter(fit, other)
        remarks += [doubt] if doubt else []
    return replace(fit, influence=tuple(influence), warnings=(*fit.warnings, *remarks))


FEW_READINGS = 4
"""Readings of a first or last stage up to which the verdict is looked at without some of them."""


def _few_readings(fit: StagedFit) -> Iterator[tuple[str, Trace]]:
    """Yield what is left out, in words, and the trace without: readings of stages that hold only a few."""
    if fit.verdict.code not in ("two_stages", "more_stages") or len(fit.stages) < 2:
        return
    trace = fit.trace
    readings = list(zip(trace.time_s.tolist(), trace.absorbance.tolist(), strict=True))
    for where, stage in (("first", fit.stages[0]), ("last", fit.stages[-1])):
        for count in range(1, stage.n_points if stage.n_points <= FEW_READINGS else 1):
            order, left = np.arange(trace.n_points), readings[:count]
            if where == "last":
                order, left = order[::-1], readings[-count:]
            if trace.n_points - count >= FEWEST:
                yield _points(where, left), trace.select(order >= count)


def _strongest_reading(fit: StagedFit, sample: Sample, single: Found | None) -> Iterator[tuple[str, Trace]]:
    """Yield the same for the reading that speaks most for a break, where the break is not far ahead.

    It is the one whose residual shrinks most from one exponential to the stages.
    """
    verdict, trace = fit.verdict, fit.trace
    narrow = verdict.p_value is not None and verdict.p_value > NARROWLY
    narrow |= verdict.delta_aicc is not None and verdict.delta_aicc < 2 * AHEAD
    if single is None or verdict.code != "two_stages" or not fit.stages or not narrow:
        return
    if sample.n != trace.n_points or sample.n <= FEWEST:
        return
    one, two = tangent(sample, single)[0], fit.residuals / sample.scale
    strongest = int(np.argmax((one**2 - two**2) / sample.sigma**2))
    words = f"reading at {trace.time_s[strongest]:g} s, which speaks most for the break"
    yield words, trace.select(np.arange(sample.n) != strongest)


def _next_to_excluded(fit: StagedFit, whole: Trace) -> Iterator[tuple[str, Trace]]:
    """Yield the trace without its first reading, where those before it were excluded: it may be like them."""
    trace = fit.trace
    if whole.time_s[0] < trace.time_s[0] and trace.n_points > FEWEST:
        words = f"reading at {trace.time_s[0]:g} s, next to the excluded ones"
        yield words, trace.select(np.arange(trace.n_points) > 0)


NARROWLY = 0.01
"""p from which a break is looked at without the reading that speaks most for it."""


def _points(where: str, points: Sequence[tuple[float, float]]) -> str:
    """Return which readings these are, in words with their times."""
    times = ", ".join(f"{time:g}" for time, _ in points)
    return f"{where} {len(points)} points ({times} s)" if len(points) > 1 else f"{where} point ({times} s)"


def _hangs(fit: StagedFit, influence: Sequence[Influence]) -> Remark:
    """Return a remark that the verdict hangs on few readings."""
    becomes = "; ".join(
        f"without the {i.left_out} it is {i.verdict.replace('_', ' ')}"
        + ("" if i.p_value is None else f", {format_p(i.p_value)}")
        for i in influence
    )
    text = f"the verdict, {fit.verdict.code.replace('_', ' ')}, hangs on few readings: {becomes}"
    return Remark("few_readings", text, len(influence))


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The points that are fitted, and what is known of them.

    `sample` holds their weights, `spread` how these were found, and `broken` two stages known from before
    they were. `standing` is what searches use in place of a long trace.
    """

    trace: Trace
    options: FitOptions
    sample: Sample
    standing: Sample
    spread: Spread | None = None
    broken: Found | None = None
    remarks: tuple[Remark, ...] = ()
    excluded: tuple[tuple[float, float], ...] = ()


def _cleaned(trace: Trace, options: FitOptions) -> tuple[_Data, Trace]:
    """Return what is fitted of a trace, and the points before outliers were left out."""
    prepared, remarks = _prepared(trace, options)
    data = _weighed(prepared, options)
    late, step = None, None
    if (
        data.spread is not None
        and data.broken is not None
        and options.t0 is None
        and options.breakpoints_s is None
    ):
        step = step_of(prepared)
        late = _addition(data.standing, data.broken) if step is None else step.time_s
    if late is not None:
        flat = "the signal is flat before; --t0 0 counts from the clock's zero"
        seen = "" if step is None else f"step between {step.low_s:g} and {step.high_s:g} s, "
        known = len(prepared.remarks)
        prepared = _counted_from(prepared, late, options, how=f"found: {seen}{flat}")
        options = replace(options, t0=late)
        remarks += prepared.remarks[known:]
        data = _weighed(prepared, options)
    elif options.dilution is not None and options.t0 is None:
        raise InputError(
            "--dilution needs the moment of the addition, and no flat start shows it",
            file=trace.source.file or None,
            remedy="pass --t0 S (t0=) as well",
        )
    outliers, whole, excluded = _outliers(data), prepared, data.excluded
    if outliers.any():
        prepared, excluded, remark = _without(whole, data.sample, outliers)
        remarks.append(remark)
        data = _weighed(prepared, options)
    if not isinstance(options.offset, str):
        doubt = offset_remark(prepared, options.given_offset or 0.0, options.direction)
        remarks += [doubt] if doubt else []
    return replace(data, remarks=tuple(remarks), excluded=excluded), whole


def _addition(standing: Sample, broken: Found) -> float | None:
    """Return the moment of the addition, s; None where nothing shows that it was late.

    Two stages, one of them flat, set it too early where the decay has two of its own; what is left of the
    wait stands out in a long trace, where it is looked for again.
    """
    late, whole = addition_of(standing, broken), standing.every
    for _ in range(AGAIN if standing.blocks is not None else 0):
        left = whole.time * whole.span_s + whole.first_s >= (np.inf if late is None else late)
        if not is_long(int(left.sum())):
            break
        rest = thinned(whole, left)
        first = float(rest.time[0])
        rest = replace(rest, time=rest.time - first, first_s=whole.first_s + first * whole.span_s)
        short, found = reduced(rest)
        assert found is not None
        more = addition_of(short, found)
        if more is None:
            break
        late = addition_of(*finer(short, found, (more - rest.first_s) / rest.span_s)) or more
    return late


AGAIN = 2
"""How often the rest of a wait is looked for."""


def _outliers(data: _Data) -> BoolArray:
    """Return which points of a sample are outliers, shape (n,).

    Spikes make noise look as if it grew where they stand, and noise that grows makes spikes: so they are
    looked for in constant noise, the pattern is found without them, and they are looked for again.
    """
    plain = replace(without_spread(data.sample), beside=None)
    found = find_outliers(plain)
    if data.spread is None or not found.any():
        return found
    left = thinned(plain, ~found)
    short, broken = reduced(left)
    broken = broken or search_staged(left, whitening(left, 0.0), with_offset=True)
    spread = _spread(left, short, broken, data.trace, data.options)
    pattern = np.exp(np.interp(plain.time, left.time, np.log(spread.pattern)))
    return find_outliers(replace(plain, sigma=pattern))


def _weighed(trace: Trace, options: FitOptions) -> _Data:
    """Return the sample of a trace with the spread of its noise; sigma that was given is left as it is."""
    sample = _sample(trace, options)
    weighted = trace.sigma is not None and (options.absolute_sigma or np.ptp(trace.sigma) > 0)
    short, found = reduced(sample)
    spread, broken = None, found
    if not (weighted or options.noise in ("white", "ar1") or sample.n < FEWEST):
        broken = found or search_staged(sample, whitening(sample, 0.0), with_offset=True)
        spread = _spread(sample, short, broken, trace, options)
        sample = with_spread(sample, spread)

    def standing(sample: Sample) -> Sample:
        return sample if found is None else again(sample, short, found)[0]

    sample = _with_beside(sample, options, broken, standing)
    if found is None:
        return _Data(trace, options, sample, sample, spread, broken)
    return _Data(trace, options, sample, standing(sample), spread, again(sample, short, found)[1])


def _with_beside(
    sample: Sample, options: FitOptions, broken: Found | None, standing: Callable[[Sample], Sample]
) -> Sample:
    """Return the sample with the curves that the options put beside every model: a blank, a drift.

    `broken` are two stages with an offset, where they are known: the noise about them says what the blank
    weighs. `standing` makes what stands for a long sample.
    """
    if options.offset_sd is not None:
        error, variance = options.offset_sd / sample.scale, sample.sigma_unit**2
        if not options.absolute_sigma:
            search = search_staged if sample.n >= 2 * MIN_DISTINCT else search_single
            found = broken or search(sample, whitening(sample, 0.0), with_offset=True)
            left = _residual(sample, found) / sample.sigma
            variance = max(float(left @ left) / max(sample.n - found.theta.size, 1), ROUNDING**2)
        sample = with_beside(sample, "offset", np.ones(sample.n), min(error**2 / variance, FREE / 10))
    if options.drift == "none":
        return sample
    drifting = with_beside(sample, "drift", sample.time)
    if options.drift == "linear" or _gains(standing(sample), standing(drifting), options):
        return drifting
    return sample


def _residual(sample: Sample, found: Found) -> Array:
    """Return what a decay leaves of the readings (n,), where it was found in blocks of them too."""
    residual: Array = sample.signal - found.family.evaluate(sample.time, found.theta[None, :])[0][0]
    return residual


def _gains(plain: Sample, wider: Sample, options: FitOptions) -> bool:
    """Return whether the second of two samples, with a curve more beside models, gains `ALIKE` in AICc."""
    offset = options.given_offset is None
    counts = [n for n in (1, 2) if plain.n > 2 * n + offset + 3]

    def score(sample: Sample) -> float:
        fits = (staged_fit(sample, n_stages=n, with_offset=offset, ar1=options.ar1) for n in counts)
        return min(staged_contender(fitted).aicc for fitted in fits)

    return bool(counts) and score(plain) - score(wider) >= ALIKE


def _spread(sample: Sample, short: Sample, broken: Found, trace: Trace, options: FitOptions) -> Spread:
    """Return the spread of the noise about two stages; `short` stands for a long sample in searches."""
    model = options.noise if options.noise in PRIOR or options.noise == "robust" else "auto"

    def about(curve: Array) -> Spread:
        level = curve * sample.scale + (options.given_offset or 0.0) if trace.unit == "AU" else None
        return spread_of(sample, curve, level=level, model=model)

    spread = about(sample.signal - _residual(sample, broken))
    if spread.by_place < UNLIKELY:
        return spread
    white, best, least = whitening(short, 0.0), None, broken.rss
    for family in SMOOTH:  # a steep start that stages miss looks like a noisy one
        theta, rss = smooth_optimum(short, white, family)
        if rss < least:
            best, least = family.evaluate(sample.time, theta[None, :])[0][0], rss
    return spread if best is None else about(best)


UNLIKELY = 0.1
"""Posterior weight of noise that changes with place, below which no other curve is asked."""


def _spread_in_words(data: _Data, unit: str) -> str:
    """Return how the noise differs from reading to reading; "" where it is constant."""
    spread = data.spread
    assert spread is not None
    sigma = data.sample.sigma
    if spread.photometric > CLEARLY:
        pattern = "grows with absorbance, as an error of the transmittance does" if unit == "AU" else "grows"
        least, most = f"{sigma.max() / sigma.min():.2g}", "times from the lowest reading to the highest"
        return f"the noise {pattern}, {least} {most}: high readings count less"
    if spread.by_place > CLEARLY:
        early, late = sigma[: max(3, sigma.size // 20)].mean(), sigma[sigma.size // 2 :].mean()
        word = "at the start" if early > late else "towards the end"
        times = max(early / late, late / early)
        return f"the noise is larger {word}, {times:.2g} times: such readings count less"
    if spread.heavy > CLEARLY:
        return "single readings stray more than Gaussian noise does (bubbles, spikes): they count less"
    return ""


CLEARLY = 0.5
"""Posterior weight from which a pattern of the noise is named."""


def _noise_with(noise: Noise, data: _Data) -> Noise:
    """Return the noise of a fit with what is known of its spread."""
    spread, sigma = data.spread, data.sample.sigma
    assert spread is not None
    sd = None if noise.sd is None else (noise.sd * float(sigma.min()), noise.sd * float(sigma.max()))
    weights = (("photometric", spread.photometric), ("by-place", spread.by_place), ("robust", spread.heavy))
    named = [name for name, weight in weights if weight > CLEARLY]
    return replace(
        noise,
        model=" + ".join([noise.model, *named]),
        sd_least=None if sd is None else sd[0],
        sd_most=None if sd is None else sd[1],
        photometric_weight=spread.photometric,
        by_place_weight=spread.by_place,
        heavy_tails_weight=spread.heavy,
    )


def fit_decay(trace: Trace | Any, model: str = "auto", **options: Any) -> StagedFit:
    """Fit a model by its name to a trace.

    Parameters
    ----------
    trace : Trace, path-like, DataFrame or (array_like, array_like)
        Signal against time, as for `fit_stages`; times and readings as a pair.
    model : str
        As for `fit_stages`.
    **options
        The other keywords of `fit_stages`.

    Returns
    -------
    StagedFit
        With `model` in place of stages, where a smooth one was asked for.

    Examples
    --------
    >>> t = np.arange(0.0, 100.0)
    >>> a = 0.5 * np.exp(-0.1 * t) + 0.4 * np.exp(-0.02 * t)
    >>> a += np.random.default_rng(1).normal(0, 0.001, t.size)
    >>> fit = fit_decay(Trace(time_s=t, absorbance=a), "biexponential")
    >>> fit.model.model, round(fit.model.parameters["k1"].value, 2), fit.stages
    ('biexponential', 0.1, ())
    """
    return fit_stages(trace, model=model, **options)


def judged(trace: Trace, n_stages: int, seed: int, **options: Any) -> tuple[str, tuple[Estimate, ...]]:
    """Return the verdict's code, and rate constants and breakpoints of so many stages: those of `fit_stages`.

    What else a result holds is left out; it takes as long.
    """
    data, _ = _cleaned(trace, FitOptions.of(n_stages=n_stages, **options))
    single = _check_direction(data.trace, data.sample, data.standing, data.options)
    analysis, numbers, (verdict, *_) = _judged(data, seed, single)
    _show(data.trace, analysis, verdict, n_stages)
    if analysis.as_judged:
        told = numbers(verdict.code, n_stages)[0]
    else:
        told = _numbers(analysis, verdict.code, n_stages, seed)[0]
    rates = (told.rate(j) for j in range(1, n_stages + 1))
    return verdict.code, (*rates, *(told.breakpoint(j) for j in range(1, n_stages)))


def _judged(data: _Data, seed: int, single: Found | None) -> tuple[Analysis, partial[_Told], Any]:
    """Return all fits, what tells the numbers of so many stages once, and what `judge` says."""
    rng = np.random.default_rng(seed)
    analysis = analyse(data.standing, data.options, rng, single=single, broken=data.broken)

    def numbers(code: str, n_stages: int, *, known: dict[int, _Told]) -> _Told:
        if n_stages not in known:
            known[n_stages] = _numbers(analysis, code, n_stages, seed)
        return known[n_stages]

    told = partial(numbers, known={})
    return analysis, told, judge(analysis, _rate_if_flat(analysis), lambda n_stages: told("", n_stages)[0])


def _show(trace: Trace, analysis: Analysis, verdict: Verdict, n_stages: int) -> None:
    """Fit the stages to show, where the verdict does not rest on them."""
    options, compared = analysis.options, _for_comparison(analysis, verdict, n_stages)
    if options.demanded or options.joint == "free" or compared:
        _show_asked(trace, analysis, n_stages, least_squares=compared)


def _fitted(data: _Data, seed: int, *, single: Found | None = None) -> StagedFit:
    """Return the result for the points of a trace, all of them; `single` is one exponential, if known."""
    trace, options, remarks = data.trace, data.options, data.remarks
    analysis, numbers, (verdict, shown, model) = _judged(data, seed, single)
    preferred = None if model is None else _preferred(trace, analysis, model, partial(numbers, verdict.code))
    known = numbers.keywords["known"]
    shown = options.demanded or shown
    if options.smooth_model is not None:
        parts = _by_model(trace, analysis, verdict, preferred)
    else:
        _show(trace, analysis, verdict, shown)
        told = _by_lines if options.recipe == "loglinear" else _by_likelihood
        parts = told(trace, analysis, verdict, shown, seed, known=known.get(shown))
    if data.spread is not None:
        words = _spread_in_words(data, trace.unit)
        parts["noise"] = _noise_with(parts["noise"], data)
        if words:
            remarks = (*remarks, Remark("noise_not_constant", words))
    return StagedFit(
        trace=trace,
        options=options.to_dict(),
        rivals=rank(analysis.contenders()),
        verdict=verdict,
        warnings=(*remarks, *parts.pop("warnings")),
        excluded=data.excluded,
        anchor_s=data.sample.anchor_s,
        preferred=preferred,
        seed=seed,
        **parts,
    )


def _for_comparison(analysis: Analysis, verdict: Verdict, n_stages: int) -> bool:
    """Return whether stages are shown for comparison only: the correlation of their misfit would draw them.

    Two stages within reach of a smooth curve are a reading of the data, with its intervals.
    """
    if verdict.code == "smooth":
        return n_stages != 2 or (verdict.delta_aicc or 0.0) <= -FAR_AHEAD
    known = [c for c in analysis.contenders() if c.comparable]
    plain = [c.aicc for c in known if c.kind == "exponential"]
    one = verdict.code == "undecided" and n_stages == 1 and bool(plain)
    return one and min(plain) - min(c.aicc for c in known) >= AHEAD


def _preferred(
    trace: Trace, analysis: Analysis, model: Contender, numbers: Callable[[int], _Told]
) -> Preferred:
    """Return a model with the interval of every parameter."""
    options, sample = analysis.options, analysis.sample
    if model.fit is None and model.kind != "staged":
        fitted = smooth_fit(sample, model, ar1=options.ar1)
        return told_model(
            model.model, smooth_numbers(fitted, options, trace.unit, model), trace, fitted.every
        )
    count = model.fitted.family.n_stages
    told, variant, _ = numbers(count)
    found = {f"k{j}" if count > 1 else "k": told.rate(j) for j in range(1, count + 1)}
    breaks = range(1, count)
    found |= {f"breakpoint {j}" if count > 2 else "breakpoint": told.breakpoint(j) for j in breaks}
    found = {"amplitude": told.amplitude(trace.unit), **found}
    found["offset"] = told.offset(trace.unit, options.given_offset)
    besides = {"drift": told.drift(trace.unit), "switch width": told.width}
    for name, value in (besides | {"start-up time": told.start_up()}).items():
        found |= {} if value is None else {name: value}
    named = variant.model if count > 1 else variant.model.replace("one stage", "exponential")
    return told_model(named, found, trace)


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
    require({"rng": rng})
    return int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else int(rng)


def _prepared(trace: Trace, options: FitOptions) -> tuple[Trace, list[Remark]]:
    """Return the trace cropped and counted from t0, with the remarks made on the way."""
    known = len(trace.remarks)
    prepared = averaged(crop(trace, options.window))
    if count := saturated_start(prepared.absorbance) or (
        0 if options.t0 is not None else _flat_top(prepared)
    ):
        prepared = prepared.select(np.arange(prepared.n_points) >= count, _saturated(prepared, count))
    if options.t0 is not None:
        prepared = _counted_from(prepared, options.t0, options)
    bare = options.read_as_seconds(trace.source.time_unit)
    remarks = [*trace.remarks, *([bare] if bare else []), *prepared.remarks[known:]]
    remedy = "record more points"
    if options.window is not None and prepared.n_points < trace.n_points:
        hint = window_hint(trace.time_s, trace.source.time_unit, options.window)
        remedy = hint or "widen the window, or record more points"
    remarks += require_fittable(prepared, remedy=remedy)
    return prepared, remarks


def _counted_from(trace: Trace, t0: float | Literal["auto"], options: FitOptions, **how: str) -> Trace:
    """Return the trace counted from the addition, with the level before it where volumes are given."""
    shifted = shift_t0(trace, t0, **how)
    return shifted if options.dilution is None else level_before(trace, shifted, options.dilution)


def _flat_top(trace: Trace) -> int:
    """Return how many readings at the start lie flat above what most detectors tell from no light."""
    start = trace.absorbance[:3]
    onset = detect_t0(trace) if trace.unit == "AU" and start.size and start.min() >= CLIP_FROM else None
    return int(np.sum(trace.time_s < onset.time_s)) if onset is not None and onset.kind == "bend" else 0


def _saturated(trace: Trace, count: int) -> Remark:
    times, level = tuple(trace.time_s[:count].tolist()), float(np.median(trace.absorbance[:count]))
    exactly = np.ptp(trace.absorbance[:count]) == 0
    how = (
        "exactly, the largest value: the detector is saturated" if exactly else "without a fall: the detector"
    )
    how += "" if exactly else " is saturated, or the addition came later (--t0 counts from it)"
    text = (
        f"the first {count} readings ({times[0]:g} to {times[-1]:g} s) stand at {level:.4g} {trace.unit} "
        f"{how}; they are masked, and the amplitude is an extrapolation (a shorter cell, or another "
        "wavelength, shows the start)"
    )
    return Remark("saturated", text, count, times_s=times)


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
        return _on_given_clock(sample_of(trace), options)
    shifted = Trace(time_s=trace.time_s, absorbance=trace.absorbance - offset, sigma=trace.sigma)
    return _on_given_clock(sample_of(shifted), options)


def _on_given_clock(sample: Sample, options: FitOptions) -> Sample:
    """Return a sample that knows when the addition was, on the clock of a start-up time that was given."""
    if options.t0 is not None:  # else the first reading stands for it, wherever a clock was set to zero
        sample = replace(sample, since=max(sample.lead, 0.0))
    sample = replace(sample, starts=options.start_up == "auto")
    if isinstance(options.start_up, str) or options.start_up == 0:
        return sample
    if options.start_up >= sample.span_s:
        raise InputError(
            f"start_up is {options.start_up:g} s and the readings last {sample.span_s:g} s: "
            "none would follow it",
            remedy="give a shorter time, or --start-up auto",
        )
    return on_clock(sample, options.start_up / sample.span_s)


def _without(
    trace: Trace, sample: Sample, outliers: BoolArray
) -> tuple[Trace, tuple[tuple[float, float], ...], Remark]:
    times = sample.time[outliers] * sample.span_s + sample.first_s
    near = np.abs(trace.time_s - times[_nearest(times, trace.time_s)]) <= 1e-9 * sample.span_s
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


def _check_direction(trace: Trace, sample: Sample, standing: Sample, options: FitOptions) -> Found | None:
    """Refuse a signal that runs against the direction asked for; return the exponential that told.

    It is found in what stands for the sample.

    Raises
    ------
    InputError
        If it does.
    """
    if sample.n < 3:
        return None
    found = search_single(standing, whitening(standing, 0.0), with_offset=sample.n > 4)
    weight = sample.sigma**-2.0
    spread = sample.signal - np.average(sample.signal, weights=weight)
    clear = found.rss < (1 - CLEAR) * float(weight @ spread**2)
    tenth = max(1, sample.n // 10)
    change = float(np.mean(sample.signal[-tenth:]) - np.mean(sample.signal[:tenth]))
    if not clear or not (change > 0 if options.direction == "decay" else change < 0):
        return found
    runs, wanted, remedy = _AGAINST[options.direction]
    span = f"from {trace.absorbance[0]:.4g} to {trace.absorbance[-1]:.4g} {trace.unit}"
    whose = f" of {trace.label!r}" if trace.label else ""  # a file may hold several
    said = f"the signal{whose} {runs} {span}, {wanted} was expected"
    raise InputError(said, file=trace.source.file or None, remedy=remedy)


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
