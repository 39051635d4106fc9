"""From the analysis to the result: the numbers of the stages shown, with everything beside them."""

from collections.abc import Sequence

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.analysis import Analysis
from cxkinetics.fitting.bootstrap import bootstrap_fit
from cxkinetics.fitting.diagnostics import (
    durbin_watson,
    lag1_autocorrelation,
    log_r_squared,
    noise_of,
    pattern_remark,
)
from cxkinetics.fitting.estimates import Numbers, half_life_of
from cxkinetics.fitting.flat_start import flat_start
from cxkinetics.fitting.loglinear import TWO_GOOD_LINES, LogLinearFit, fit_loglinear, paper_lines
from cxkinetics.fitting.options import FitOptions
from cxkinetics.fitting.parts import LogLinear, LogLinearStage, Noise, Stage, Verdict
from cxkinetics.fitting.polish import polished
from cxkinetics.fitting.result import StagedFit
from cxkinetics.fitting.rivals import rank
from cxkinetics.fitting.sample import Sample
from cxkinetics.models.families import FreeJointFamily
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace

__all__ = ["assemble", "assemble_loglinear"]


def assemble(
    trace: Trace,
    options: FitOptions,
    analysis: Analysis,
    verdict: Verdict,
    n_stages: int,
    remarks: Sequence[Remark],
    excluded: tuple[tuple[float, float], ...],
    seed: int,
) -> StagedFit:
    """Return the result of the likelihood recipe with `n_stages` stages shown."""
    sample = analysis.sample
    variant, wider = analysis.shown(n_stages), analysis.widest(n_stages)
    if variant is None or wider is None:
        raise FitError(f"{n_stages} stages could not be fitted to {sample.n} distinct times; fit fewer")
    if verdict.code == "no_decay" and n_stages == 1:
        variant = wider = min(analysis.variants[1], key=lambda v: v.fitted.family.with_offset)
    shown, flags = polished(variant.fitted)
    numbers = Numbers(
        shown,
        shown if wider is variant else wider.fitted,
        confidence=options.confidence,
        absolute_sigma=options.absolute_sigma,
        seed=seed,
    )
    numbers.look_at_all()
    if wider is not variant and _outside(numbers, n_stages):
        shown, flags = polished(wider.fitted)
        variant = wider
        numbers = Numbers(
            shown, confidence=options.confidence, absolute_sigma=options.absolute_sigma, seed=seed
        )
        numbers.look_at_all()
    growth = options.direction == "growth"
    breaks = tuple(numbers.breakpoint(j) for j in range(1, n_stages))
    offset = options.given_offset or 0.0
    rates = [numbers.rate(j) for j in range(1, n_stages + 1)]
    edges = [b.value for b in breaks if b.value is not None]
    curve = _curve_at(trace, sample, shown.residual, offset)
    noise = noise_of(shown, "ar1" if options.ar1 else "white")
    pattern = pattern_remark(shown, noise, growth=growth)
    shown_offset = numbers.offset(trace.unit, options.given_offset)
    amplitudes: tuple[float, ...] = ()
    if isinstance(shown.family, FreeJointFamily):
        lead = (sample.first_s - sample.anchor_s) / sample.span_s
        back = np.exp(np.clip(lead * shown.theta[n_stages : 2 * n_stages], -500.0, 500.0))
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
    cautions = [*_cautions(trace, options, verdict, sample), *flat_start(trace, options, rates, edges)]
    rss = float(np.sum(((trace.absorbance - curve) / _relative_sigma(trace)) ** 2))
    return StagedFit(
        trace=trace,
        options=options.to_dict(),
        stages=_stages(trace, rates, edges, curve, growth),
        breakpoints_s=breaks,
        amplitude=numbers.amplitude(trace.unit),
        offset=shown_offset,
        rate_ratio=numbers.ratio() if n_stages > 1 else None,
        fitted=curve,
        residuals=trace.absorbance - curve,
        parameter_names=shown.family.names,
        covariance=units @ shown.covariance @ units.T,
        rss=rss,
        dof=sample.n - shown.n_parameters,
        redchi=rss / shown.dof,
        aicc=_finite(variant.contender.aicc),
        bic=_finite(variant.contender.bic),
        loglinear=_paper(trace, edges, options, shown_offset.value),
        noise=noise,
        rivals=rank(analysis.contenders()),
        verdict=verdict,
        warnings=(*remarks, *([pattern] if pattern else []), *cautions),
        excluded=excluded,
        flags=(*flags, *(["a breakpoint at the edge of the search range"] if shown.found.at_edge else [])),
        stage_amplitudes=amplitudes,
        anchor_s=sample.anchor_s,
        bootstrap=repeated,
        seed=seed,
    )


def _outside(numbers: Numbers, n_stages: int) -> bool:
    """Return whether a value of the curve shown lies outside the interval of the wider model."""
    estimates = [numbers.rate(j) for j in range(1, n_stages + 1)]
    estimates += [numbers.breakpoint(j) for j in range(1, n_stages)]
    estimates += [numbers.amplitude(""), numbers.offset("", None)]
    return any(
        e.value is not None
        and ((e.low is not None and e.value < e.low) or (e.high is not None and e.value > e.high))
        for e in estimates
    )


def assemble_loglinear(
    trace: Trace,
    options: FitOptions,
    analysis: Analysis,
    verdict: Verdict,
    n_stages: int,
    remarks: Sequence[Remark],
    excluded: tuple[tuple[float, float], ...],
    seed: int,
) -> StagedFit:
    """Return the result of the paper's recipe; rivals and verdict are those of the default."""
    growth = options.direction == "growth"
    offset = options.given_offset or 0.0
    sign = 1.0
    if growth:
        best = analysis.shown(n_stages)
        fitted_offset = best.fitted.theta[-1] * analysis.sample.scale if best is not None else offset
        offset = options.given_offset if options.given_offset is not None else float(fitted_offset)
        sign = -1.0
    recipe: LogLinearFit = fit_loglinear(
        trace.time_s,
        sign * (trace.absorbance - offset),
        n_stages=n_stages,
        continuous=options.joint == "continuous",
        breakpoints_s=None if options.breakpoints_s is None else np.array(options.breakpoints_s),
        confidence=options.confidence,
    )
    curve = offset + sign * np.exp(recipe.line.value(trace.time_s))
    residual = trace.absorbance - curve
    edges = list(recipe.line.breakpoints)
    p = (
        len(recipe.rates) * (1 if options.joint == "continuous" else 2)
        + (options.joint == "continuous")
        + len(edges)
    )
    relative = _relative_sigma(trace)
    rss, dof = float(np.sum((residual / relative) ** 2)), trace.n_points - p
    anchor = analysis.sample.anchor_s
    at_anchor = np.array(recipe.line.intercepts) + anchor * np.array(recipe.line.slopes)
    with np.errstate(over="ignore", under="ignore"):
        levels = tuple(float(level) for level in sign * np.exp(at_anchor))
    held = np.isfinite(levels[0]) and levels[0] != 0  # a steep line carried far back leaves all numbers
    amplitude = Estimate(
        name="amplitude",
        value=levels[0] if held else None,
        unit=trace.unit,
        reason="the recipe gives ln A0 only; use recipe='likelihood' for an interval"
        if held
        else f"the line reaches ln A = {at_anchor[0]:.4g} at {anchor:g} s, which no absorbance can be",
    )
    rates = list(recipe.rates)
    ratio = None
    if n_stages > 1 and rates[0].value is not None and rates[1].value:
        ratio = Estimate(
            name="k1/k2",
            value=rates[0].value / rates[1].value,
            reason="the recipe fits the lines apart; use recipe='likelihood' for an interval",
        )
    caution = Remark("log_linear_recipe", TWO_GOOD_LINES[0].upper() + TWO_GOOD_LINES[1:])
    dropped = recipe.n_excluded
    notes = [caution]
    if dropped:
        notes.append(_nonpositive(trace, dropped))
    if anchor:
        notes.append(_anchored(anchor))
    noise = Noise(
        sd=float(np.sqrt(rss / dof)) if dof > 0 else None,
        ar1=0.0,
        lag1_autocorrelation=lag1_autocorrelation(residual),
        durbin_watson=durbin_watson(residual),
        model="white in ln A",
    )
    return StagedFit(
        trace=trace,
        options=options.to_dict(),
        stages=_stages(trace, rates, edges, curve, growth),
        breakpoints_s=recipe.breakpoints,
        amplitude=amplitude,
        offset=Estimate(
            name="offset", value=offset, unit=trace.unit, method="fixed", reason="part of the recipe"
        ),
        rate_ratio=ratio,
        fitted=curve,
        residuals=residual,
        parameter_names=(),
        covariance=np.empty((0, 0)),
        rss=rss,
        dof=dof,
        redchi=rss / max(dof, 1),
        aicc=None,
        bic=None,
        loglinear=_recipe_lines(trace, recipe, options, offset),
        noise=noise,
        rivals=rank(analysis.contenders()),
        verdict=verdict,
        warnings=(*remarks, *notes),
        excluded=excluded,
        stage_amplitudes=levels if n_stages > 1 else (),
        anchor_s=anchor,
        seed=seed,
    )


def _recipe_lines(trace: Trace, recipe: LogLinearFit, options: FitOptions, offset: float) -> LogLinear:
    """Return the fitted lines themselves; the windows are those of the stages."""
    paper = _paper(trace, list(recipe.line.breakpoints), options, offset)
    if options.joint == "free" or len(paper.stages) != len(recipe.rates):
        return paper
    stages = tuple(
        LogLinearStage(start_s=s.start_s, end_s=s.end_s, k_per_s=k, r_squared=s.r_squared)
        for s, k in zip(paper.stages, recipe.rates, strict=True)
    )
    return LogLinear(
        stages=stages, single=paper.single, crossing_s=paper.crossing_s, n_excluded=paper.n_excluded
    )


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
    edges = [float(time[0]), *breaks, float(time[-1])]
    stages = []
    for number, rate in enumerate(rates):
        last = number == len(rates) - 1
        inside = (time >= edges[number]) & (
            (time <= edges[number + 1]) if last else (time < edges[number + 1])
        )
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
    index = (
        np.argmin(np.abs(sample.time[:, None] - time[None, :]), axis=0)
        if sample.n < time.size
        else slice(None)
    )
    curve: Array = (sample.signal - residual)[index] * sample.scale + offset
    return curve


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


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
