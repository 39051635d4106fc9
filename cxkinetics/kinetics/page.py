"""What a staged fit says: its words and tables, what print shows, its report and its folder.

A new number of a fit is a field of its result (`quantity_estimates` finds it), a new one of each stage one
column and one cell in `stage_table`; text, notebook, LaTeX, CSV, workbook and report follow from it.
"""

import dataclasses
import json
import math
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.document import cells
from cxkinetics.document.folder import ALL_FILES
from cxkinetics.document.page import (
    Block,
    Code,
    Fact,
    Gallery,
    Notes,
    Page,
    Paragraph,
    Section,
    simulated_line,
    warning_notes,
)
from cxkinetics.document.sheets import quantity_table, summary_table
from cxkinetics.document.table import Cell, Column, Table, Where, wide
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.estimate import Estimate, format_p, round_by_error
from cxkinetics.inference.criteria import AHEAD, FAR_AHEAD, FURTHER_LEVEL, LEVEL, is_smallest
from cxkinetics.kinetics.glossary import glossary
from cxkinetics.kinetics.options import FITTING, confidence_of
from cxkinetics.kinetics.places import name_of
from cxkinetics.kinetics.scales import smooth_family
from cxkinetics.options import KEYWORDS, OPTIONS, as_typed, names_of
from cxkinetics.record import json_text

if TYPE_CHECKING:
    from cxkinetics.kinetics.result import LogLinearStage, Rival, StagedFit
    from cxkinetics.signals.spectra import SpectralSeries

STAGE_WORDS = {1: "One-stage", 2: "Two-stage", 3: "Three-stage", 4: "Four-stage"}
_STRONG = 0.9
_TOP_RIVALS = 4
_SHORT = 24  # letters of a method that is repeated in its column rather than named below the table
_UNIT = Column("unit", format=cells.unit)


def listed_name(fit: "StagedFit") -> str:
    """Return `name_of` with the word "simulated" where the data are, for lists of fits."""
    return name_of(fit) + (" (simulated)" if fit.trace.source.simulated else "")


def fit_title(fit: "StagedFit", unit: TimeUnit = SECONDS) -> str:
    """Return the title: model, number of points and time range, and where the verdict says otherwise."""
    words = f"{STAGE_WORDS.get(len(fit.stages), f'{len(fit.stages)}-stage')} first order"
    if fit.model is not None:
        words = fit.model.model[:1].upper() + fit.model.model[1:]
    start, end = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    span = f"{unit.number(start)}-{unit.number(end)} {unit.sign}"
    return f"{words}{shown_note(fit)}, {fit.n_points} points, {span}"


def shown_note(fit: "StagedFit") -> str:
    """Return, in brackets, why the stages shown are not what the verdict says; "" where they are."""
    code, count = fit.verdict.code, len(fit.stages)
    if code == "smooth":
        rival = best_smooth_rival(fit)
        said = f"the verdict prefers {_named(rival.model)}" if rival else "the verdict prefers a smooth curve"
    else:
        said = f"the verdict is {code.replace('_', ' ')}"
    options = fit.options
    if fit.model is not None:
        same = fit.preferred is not None and fit.preferred.model == fit.model.model
        return "" if same else f" (shown as demanded; {said})"
    demanded = options.get("n_stages", "auto") != "auto" or bool(options.get("breakpoints_s"))
    if demanded:
        agreed = {"one_stage": count == 1, "two_stages": count == 2, "more_stages": count > 2}
        return "" if agreed.get(code, False) else f" (shown as demanded; {said})"
    return f" (shown for comparison; {said})" if code in ("smooth", "undecided") else ""


def _named(model: str) -> str:
    return f"{'an' if model[:1] in 'aeiou' else 'a'} {model}"


def best_smooth_rival(fit: "StagedFit") -> "Rival | None":
    """Return the smooth rival that the verdict prefers, or the best one; None where none was fitted."""
    named = fit.preferred.model if fit.preferred and fit.verdict.code == "smooth" else None
    smooth = [r for r in fit.rivals if smooth_family(r.model) is not None]
    return next((r for r in smooth if r.model == named), smooth[0] if smooth else None)


def is_smallest_p(fit: "StagedFit") -> bool:
    """Return whether no simulated trace reached the statistic, so that p is only known to be no larger."""
    simulated, p_value = fit.options.get("replicates"), fit.verdict.p_value
    return simulated is not None and p_value is not None and is_smallest(p_value, simulated)


def verdict_text(fit: "StagedFit") -> str:
    """Return the judgement with its p-value."""
    verdict = fit.verdict
    # only these two kinds of verdict rest on something else than the test and do not name its p
    named = verdict.code != "no_decay" and verdict.delta_aicc is not None
    if verdict.p_value is None or named:
        return verdict.text
    return f"{verdict.text} ({format_p(verdict.p_value)} for a break)"


def smooth_line(fit: "StagedFit", unit: TimeUnit = SECONDS) -> str:
    """Return the parameters of the smooth curve that the verdict prefers; "" for any other verdict."""
    if fit.verdict.code != "smooth" or fit.preferred is None:
        return ""
    shown = [f"{name} = {unit.estimate(value)}" for name, value in fit.preferred.parameters.items()]
    return f"preferred by the verdict, {fit.preferred.model}: {', '.join(shown)}"


def preferred_table(fit: "StagedFit") -> list[Table]:
    """Return the numbers of the smooth model that the verdict prefers; nothing for another verdict."""
    if fit.verdict.code != "smooth" or fit.preferred is None:
        return []
    rows = [(name, value, value) for name, value in fit.preferred.parameters.items()]
    columns = [Column("quantity"), Column("value [interval]"), _UNIT]
    caption = f"Preferred by the verdict: {fit.preferred.model}"
    note = f"Fitted to {fit.preferred.fitted_to}. Stages below are a plain least-squares fit, for comparison."
    return [Table(columns, rows, caption=caption, note=note)]


def correlation_lines(fit: "StagedFit") -> list[str]:
    """Return the parameter pairs correlated beyond 0.9, the strongest first."""
    covariance, names = np.asarray(fit.covariance), fit.parameter_names
    if covariance.shape != (len(names), len(names)):
        return []
    sd = np.sqrt(np.abs(np.diag(covariance)))
    pairs = []
    for j, i in combinations(range(len(names)), 2):
        scale = sd[i] * sd[j]
        value = float(covariance[i, j] / scale) if scale > 0 and math.isfinite(scale) else 0.0
        if abs(value) >= _STRONG:
            pairs.append((abs(value), f"{names[j]} and {names[i]}: {value:+.3f}"))
    return [text for _, text in sorted(pairs, reverse=True)]


def noise_text(fit: "StagedFit") -> str:
    """Return the noise in one line: sd, correlation used, residual autocorrelation, Durbin-Watson."""
    noise, unit = fit.noise, fit.trace.unit
    parts = [] if noise.sd is None else [f"noise sd {noise.sd:.2g} {unit}"]
    if noise.ar1 is not None:
        missed = any(remark.code == "structured_residuals" for remark in fit.warnings)
        white = "taken as white though the curve misses a trend" if missed else "white"
        parts.append(f"AR(1) {noise.ar1:.2f}" if noise.ar1 else white)
    if noise.lag1_autocorrelation is not None:
        parts.append(f"residual lag-1 {round_by_error(noise.lag1_autocorrelation, 0.1)}")
    if noise.durbin_watson is not None:
        parts.append(f"Durbin-Watson {noise.durbin_watson:.2f}")
    return ", ".join(parts)


def _how(fit: "StagedFit") -> str:
    how = f"; least squares in {'ln A' if fit.options.get('recipe') == 'loglinear' else 'the signal'}"
    if fit.model is not None:
        return f"; fitted to {fit.model.fitted_to}"
    if len(fit.stages) > 1:
        how += f", {fit.options.get('joint', 'continuous')} joints"
    if count := len(fit.excluded):
        how += f"; {count} outlier{'s' if count > 1 else ''} left out"
    return how


def criteria_text(fit: "StagedFit") -> str:
    """Return degrees of freedom, redchi, AICc and noise in one line."""
    criteria = {"AICc": fit.aicc, "BIC": fit.bic}
    shown = [f"{name} {value:.1f}" for name, value in criteria.items() if value is not None]
    text = ", ".join([f"n {fit.n_points}, dof {fit.dof}", f"redchi {fit.redchi:.3g}", *shown])
    return "; ".join(part for part in (text, noise_text(fit)) if part)


def _logarithm(fit: "StagedFit") -> tuple[str, str]:
    """Return the logarithm of the paper's recipe, and which points have none."""
    growth = fit.options.get("direction") == "growth"
    return ("ln(Ainf - A)", "A >= Ainf") if growth else ("ln A", "A <= 0")


def recipe_text(fit: "StagedFit", unit: TimeUnit) -> str:
    """Return the paper's log-linear numbers in one sentence."""
    lines = [
        f"{name}: k {unit.estimate(line.k_per_s).format_value()} (R2 {cells.r_squared(line.r_squared)})"
        for name, line in _recipe_lines(fit)
    ]
    return f"paper's recipe, lines in {_logarithm(fit)[0]} (k in {unit.shown('1/s')}): " + "; ".join(lines)


def _recipe_lines(fit: "StagedFit") -> "list[tuple[str, LogLinearStage]]":
    lines = [(f"stage {number}", line) for number, line in enumerate(fit.loglinear.stages, 1)]
    single = fit.loglinear.single
    return lines if single is None else [*lines, ("one line", single)]


def quantity_estimates(fit: "StagedFit") -> list[tuple[str, Estimate]]:
    """Return every fitted number with its name, in reading order."""
    if fit.model is not None:
        return list(fit.model.parameters.items())
    found = [(f"k{number}", stage.k_per_s) for number, stage in enumerate(fit.stages, 1)]
    found += named_breakpoints(fit)
    if fit.rate_ratio is not None:
        found.append(("k1/k2", fit.rate_ratio))
    found += [("amplitude", fit.amplitude), ("offset", fit.offset)]
    known = [estimate for _, estimate in found]
    fields = [getattr(fit, field.name) for field in dataclasses.fields(fit)]
    further = [value for value in fields if isinstance(value, Estimate) and value not in known]
    return [*found, *((value.name, value) for value in further)]  # a new number needs no line here


def named_breakpoints(fit: "StagedFit") -> list[tuple[str, Estimate]]:
    """Return the breakpoints with their names, numbered where there are several."""
    many = len(fit.breakpoints_s) > 1
    return [(f"breakpoint {i}" if many else "breakpoint", b) for i, b in enumerate(fit.breakpoints_s, 1)]


# ---- tables, each once: raw cells for people and programs -------------------------------------------


def number_table(fit: "StagedFit") -> Table:
    """Return one row per fitted number, for people: value, interval, unit and how the interval was made."""
    confidence = confidence_of(fit.options)
    named = quantity_estimates(fit)
    methods = [cells.method(estimate, confidence) for _, estimate in named]
    # a long method that several numbers share stands once, below the table
    shared = [how for how in dict.fromkeys(methods) if len(how) > _SHORT and methods.count(how) > 1]
    letters = {how: f"[{letter}]" for how, letter in zip(shared, "abcdef", strict=False)}
    return Table(
        [Column("quantity"), Column("value [interval]"), _UNIT, Column("interval by")],
        [(name, e, e, letters.get(how, how)) for (name, e), how in zip(named, methods, strict=True)],
        note="; ".join(f"{letter} {method}" for method, letter in letters.items()),
    )


def stage_table(fit: "StagedFit", unit: TimeUnit = SECONDS, *, rates: bool = True) -> Table:
    """Return one row per stage: window, points, k (for people where `rates`), half-life, R2 in ln A.

    Programs also get the method of k, the breakpoint that ends the stage and the bootstrap, if any.
    """
    columns = [
        Column("stage", "stage"),
        Column("window, {unit}", unit="s"),
        Column(None, "start_s"),
        Column(None, "end_s"),
        Column("n", "n_points", numeric=True),
        Column("k, {unit}" if rates else None, wide("k", "1/s", method=True), unit="1/s"),
        Column("half-life, {unit}", wide("half_life", "s"), unit="s"),
        Column("R2 ln A", "r_squared_log", cells.r_squared, numeric=True),
        Column(None, wide("ending_breakpoint", "s")),
    ]
    repeated = None if fit.bootstrap is None else fit.bootstrap.quantities
    if repeated is not None:
        for name, of_unit in (("k_bootstrap", "per_s"), ("ending_breakpoint_bootstrap", "s")):
            columns.append(Column(None, {f"{name}_{end}_{of_unit}": end for end in ("low", "high")}))
    edges = [unit.estimate(estimate).format_value() for estimate in fit.breakpoints_s]
    starts = [*(unit.number(stage.start_s) for stage in fit.stages[:1]), *edges]
    ends = [*edges, *(unit.number(stage.end_s) for stage in fit.stages[-1:])]
    rows: list[tuple[Cell, ...]] = []
    ending = (*fit.breakpoints_s, None)[: len(fit.stages)]  # a smooth model has no stage that could end
    for number, (stage, start, end, last) in enumerate(zip(fit.stages, starts, ends, ending, strict=True), 1):
        of_data = (f"{start} - {end}", stage.start_s, stage.end_s, stage.n_points)
        more = () if repeated is None else (repeated.get(f"k{number}"), repeated.get(f"b{number}"))
        rows.append((number, *of_data, stage.k_per_s, stage.half_life_s, stage.r_squared_log, last, *more))
    return Table(
        columns,
        rows,
        name="stages",
        caption="Stages",
        note=f"Brackets are {100 * confidence_of(fit.options):g} % intervals. "
        "R2 is that of the fitted curve in ln A about the stage's mean; it does not judge a model.",
    )


def rival_table(fit: "StagedFit", top: int | None = None) -> Table:
    """Return the ranking of models, the best first; `top` rows of it, or all."""
    ranked = sorted(fit.rivals, key=lambda r: math.inf if r.delta_aicc is None else r.delta_aicc)
    own = ("model", "n_parameters", "rss", "aicc", "bic", "delta_aicc", "akaike_weight", "note")
    rows: list[tuple[Cell, ...]] = [
        (
            *(getattr(r, name) for name in own),
            "; ".join(part for part in (r.note, _not_chosen(fit, r, ranked[0])) if part),
            "; ".join(f"{name} = {value!r}" for name, value in r.parameters.items()),
        )
        for r in ranked[:top]
    ]
    return Table(
        [
            Column("model", "model"),
            Column("n par", "n_parameters", numeric=True),
            *(Column(None, name) for name in ("rss", "aicc", "bic")),
            Column("dAICc", "delta_aicc", ".1f", numeric=True),
            Column("weight", "akaike_weight", cells.weight, numeric=True),
            Column(None, "note"),
            Column("when not to trust the difference"),
            Column(None, "parameters"),
        ],
        rows,
        name="rivals",
        caption="Rival models",
        note="n par counts the parameters; dAICc counts from the best model; a difference below about "
        f"{AHEAD:g} decides nothing.",
    )


def _not_chosen(fit: "StagedFit", rival: "Rival", best: "Rival") -> str:
    """Return why the best-ranked model with a third stage, so with a second break, is not the one shown."""
    if rival is not best or "b2" not in rival.parameters or fit.verdict.code == "more_stages":
        return ""
    needed = f"p <= {FURTHER_LEVEL:g} and a lead of {FAR_AHEAD:g}"
    return f"not chosen: a second break needs {needed}, see the verdict"


def bootstrap_table(fit: "StagedFit") -> Table | None:
    """Return the percentile intervals of the bootstrap, one row per quantity; None where there is none."""
    repeated = fit.bootstrap
    if repeated is None:
        return None
    stages = range(1, len(fit.stages) + 1)
    names = {"C": "amplitude", "o": "offset"} | {f"C{number}": f"amplitude {number}" for number in stages}
    names |= {f"b{i}": name for i, (name, _) in enumerate(named_breakpoints(fit), 1)}
    reason = Column("", format=lambda estimate: estimate.reason)
    return Table(
        [Column("quantity"), Column("value [percentiles]"), _UNIT, reason],
        [(names.get(name, name), e, e, e) for name, e in repeated.quantities.items()],
        caption=f"Bootstrap ({repeated.kind}), {100 * confidence_of(fit.options):g} % percentiles of "
        f"{repeated.n_converged} converged of {repeated.n_replicates} replicates",
        note="A check beside the intervals above, which remain the ones to quote.",
    )


def loglinear_table(fit: "StagedFit", unit: TimeUnit = SECONDS) -> Table:
    """Return the paper's recipe: a least-squares line in ln A per stage and over the whole trace."""
    logarithm, lost = _logarithm(fit)
    rows: list[tuple[Cell, ...]] = [
        (name, f"{unit.number(line.start_s)} - {unit.number(line.end_s)}", line.k_per_s, line.r_squared)
        for name, line in _recipe_lines(fit)
    ]
    note = (
        f"Ordinary least squares in {logarithm} weights the tail wrongly, so its intervals are too narrow; "
        "two lines with a good R2 do not establish a breakpoint."
    )
    if fit.loglinear.n_excluded:
        note += f" {fit.loglinear.n_excluded} points with {lost} have no logarithm and are left out."
    if fit.options.get("direction") == "growth":
        note += f" Ainf = {fit.offset.format_value()} {fit.trace.unit}, as given or fitted above."
    if not rows:
        note = f"Empty: fewer than three points have a logarithm ({logarithm})."
    return Table(
        [
            Column("line"),
            Column("window, {unit}", unit="s"),
            Column("k, {unit}", unit="1/s"),
            Column("R2", format=cells.r_squared, numeric=True),
        ],
        rows,
        caption=f"The recipe of J. Chem. Phys. 159, 014704: straight lines in {logarithm}",
        note=note,
    )


def trace_table(fit: "StagedFit") -> Table:
    """Return one row per point: time, signal, fit, residual, and the peak's position if tracked.

    Points left out as outliers stand at the end, without a fitted value.
    """
    trace = fit.trace
    unit = trace.unit or "signal"
    columns = {
        "time_s": trace.time_s,
        f"signal_{unit}": trace.absorbance,
        f"fitted_{unit}": fit.fitted,
        f"residual_{unit}": fit.residuals,
        f"sigma_{unit}": trace.sigma,
        "peak_nm": trace.peak_nm,
        "peak_nm_se": trace.peak_nm_se,
    }
    known = {name: values for name, values in columns.items() if values is not None}
    rows = [(*point, 0) for point in np.column_stack(list(known.values())).tolist()]
    rows += [(time, signal, *[None] * (len(known) - 2), 1) for time, signal in fit.excluded]
    return Table.of_rows("trace", [*known, "left_out"], rows)


def data(fit: "StagedFit") -> list[Table]:
    """Return the sheets of the workbook; "stages", "trace" and "rivals" are CSV files of a folder as well."""
    source = fit.trace.source
    entries = [
        ("verdict", fit.verdict.code),
        ("in words", verdict_text(fit)),
        ("p of a break", fit.verdict.p_value),
        ("file", source.file),
        ("trace", fit.trace.label),
        ("simulated data", source.simulated),
        ("sha256 of the input", source.sha256),
        ("points", fit.n_points),
        ("degrees of freedom", fit.dof),
        ("redchi", fit.redchi),
        ("AICc", fit.aicc),
        ("BIC", fit.bic),
        (f"noise sd, {fit.trace.unit}", fit.noise.sd),
        ("AR(1) correlation", fit.noise.ar1),
        ("Durbin-Watson", fit.noise.durbin_watson),
    ]
    summary = summary_table(
        entries, options=fit.options, seed=fit.seed, version=fit.version, warnings=fit.warnings
    )
    quantities = quantity_table(quantity_estimates(fit))
    return [summary, quantities, stage_table(fit), trace_table(fit), rival_table(fit)]


# ---- what print and a notebook show -----------------------------------------------------------------


def brief(fit: "StagedFit", unit: TimeUnit) -> Section:
    """Return title, every number with interval and method, criteria, recipe, best rivals, verdict."""
    numbers, repeated = number_table(fit), bootstrap_table(fit)
    blocks: list[Block] = [
        *simulated_line(fit.trace.source),
        Paragraph(fit_title(fit, unit) + _how(fit), indent=0),
        replace(numbers, bare=True, gap=True),
    ]
    if numbers.note:
        blocks.append(Paragraph(numbers.note, hang=4, where=Where.TEXT))
    if repeated is not None:
        blocks += [Paragraph(repeated.caption, gap=True, where=Where.TEXT), replace(repeated, bare=True)]
    if fit.stages:
        blocks.append(replace(stage_table(fit, unit, rates=False), bare=True, gap=True))
    blocks.append(Paragraph(criteria_text(fit), gap=True))
    strong = correlation_lines(fit)
    lines = [
        recipe_text(fit, unit) if _recipe_lines(fit) else "",
        smooth_line(fit, unit),
        f"strong correlations: {'; '.join(strong[:3])}" if strong else "",
        f"flags: {'; '.join(fit.flags)}" if fit.flags else "",
    ]
    blocks += [Paragraph(line) for line in lines if line]
    if fit.rivals:
        blocks.append(replace(rival_table(fit, _TOP_RIVALS), bare=True, gap=True))
    if len(fit.rivals) > _TOP_RIVALS:
        blocks.append(Paragraph(f"and {len(fit.rivals) - _TOP_RIVALS} more models behind these"))
    blocks += warning_notes(fit.warnings)
    blocks.append(Paragraph(f"Verdict: {verdict_text(fit)}", indent=0, gap=True))
    return Section(name_of(fit), blocks, unit)


# ---- the report -------------------------------------------------------------------------------------


def page(
    fit: "StagedFit",
    unit: TimeUnit,
    *,
    series: "SpectralSeries | None" = None,
    command: str = "",
    examples: Sequence[str] = (),
) -> Page:
    """Return the report of one fit.

    Parameters
    ----------
    fit : StagedFit
        The result.
    unit : TimeUnit
        Of the tables and figures.
    series : SpectralSeries, optional
        The spectra that the trace was taken from; they are then shown with the path of the peak.
    command : str
        The command as it was typed; by default the one rebuilt from the options.
    examples : sequence of str
        Names that `cxkinetics.load_example` takes, for a fit of such data.
    """
    drawn = tuple(fit.figures(unit, series=series))
    of_spectra = tuple(figure for figure in drawn if figure.name in ("spectra", "peak"))
    of_fit = tuple(figure for figure in drawn if figure not in of_spectra)
    stages = [stage_table(fit, unit)] if fit.stages else []
    numbers: list[Block] = [*preferred_table(fit), *stages, number_table(fit)]
    if fit.model is not None:
        numbers.reverse()  # what was asked for stands first
    numbers += [table] if (table := bootstrap_table(fit)) else []
    ranking = replace(rival_table(fit), caption="")  # the section's heading says it
    sections = [
        Section("Verdict", _verdict_blocks(fit, unit)),
        Section("Fit", [Gallery(of_fit), *numbers], unit),
        *([Section("Spectra", [Gallery(of_spectra)])] if of_spectra else []),
        Section("The paper's recipe beside", [loglinear_table(fit, unit)], unit),
        Section("Rival models", [ranking] if fit.rivals else [Paragraph("None was fitted.")]),
        Section("Diagnostics", _diagnostic_blocks(fit)),
        Section("What was assumed, masked and left out", _assumption_blocks(fit)),
        Section("Make it again", _reproduction_blocks(fit, command, examples)),
        Section("Words", _glossary_blocks()),
    ]
    summary, behind = _summary(fit)
    return Page(
        title=f"Staged kinetics of {name_of(fit)}",
        summary=summary,
        behind=behind,
        sections=sections,
        simulated=fit.trace.source.simulated,
        facts=fit_facts(fit, unit),
        footer=page_footer(fit),
    )


def _summary(fit: "StagedFit") -> tuple[str, str]:
    """Return the answer, and what stands behind it: statistics, and which numbers are shown.

    A first stage that is flat is pointed out here: its cause is most often a late addition.
    """
    note, count = shown_note(fit), len(fit.stages)
    answer, _, further = verdict_text(fit).partition(". ")
    words = [_sentence(further)] if further else []
    if note:
        shown = fit.model.model if fit.model else f"{count} stage{'s' if count > 1 else ''}"
        words.append(f"Below, {shown}{note}.")
    words += [_sentence(remark.text) for remark in fit.warnings if remark.code == "flat_first_stage"]
    return _sentence(answer), " ".join(words)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def fit_facts(fit: "StagedFit", unit: TimeUnit = SECONDS) -> tuple[Fact, ...]:
    """Return the numbers shown large: rate constants, breakpoints, their ratio.

    A time that may be zero says nothing here; it stands in the table.
    """
    confidence = confidence_of(fit.options)
    named = quantity_estimates(fit)
    if fit.model is None and fit.verdict.code == "smooth" and fit.preferred is not None:
        named = list(fit.preferred.parameters.items())
    shown = [(name, e) for name, e in named if name not in _BESIDE or e.low or e.method == "given"]
    shown = [pair for pair in shown if pair[0] not in ("amplitude", "offset")]
    return tuple(Fact.of(name, unit.estimate(estimate), confidence) for name, estimate in shown)


_BESIDE = ("start-up time", "switch width")
"""Times that are told large only where they are not zero."""


def _verdict_blocks(fit: "StagedFit", unit: TimeUnit) -> list[Block]:
    verdict = fit.verdict
    p_value = f"p <= {verdict.p_value:.2g}" if is_smallest_p(fit) else format_p(verdict.p_value)
    rows = [("verdict", verdict.code.replace("_", " ")), ("p of a break under the simulated null", p_value)]
    if verdict.delta_aicc is not None:
        rows.append(("AICc, best smooth rival minus best staged model", f"{verdict.delta_aicc:.1f}"))
    lead = f"a staged model ahead of every smooth rival by {AHEAD:g} in AICc"
    note = f"A break needs p <= {LEVEL:g} and {lead}."
    blocks: list[Block] = [
        Paragraph(f"{fit_title(fit, unit)}."),
        Table([Column("judged by"), Column("value")], rows, note=note),
    ]
    if verdict.alternatives:
        heads = ("reading", "model", "or", "model", "AICc apart", "would tell")
        told = [
            (a.reading, a.model, a.other_reading, a.other_model, a.delta_aicc, a.decided_by)
            for a in verdict.alternatives
        ]
        caption = "Readings that cannot be told apart"
        blocks.append(Table([Column(head) for head in heads], told, caption=caption))
    return blocks


def _diagnostic_blocks(fit: "StagedFit") -> list[Block]:
    noise, number = fit.noise, cells.number
    rows: list[tuple[Cell, ...]] = [
        ("points", fit.n_points),
        ("degrees of freedom", fit.dof),
        ("residual sum of squares", number(fit.rss)),
        ("redchi", number(fit.redchi)),
        ("AICc", number(fit.aicc, 6)),
        ("BIC", number(fit.bic, 6)),
        (f"noise sd, {fit.trace.unit}", number(noise.sd, 3)),
        ("AR(1) correlation of neighbours", number(noise.ar1, 2)),
        ("lag-1 autocorrelation of the residuals", number(noise.lag1_autocorrelation, 2)),
        ("Durbin-Watson (2 = uncorrelated)", number(noise.durbin_watson, 3)),
        ("runs test on the whitened residuals", format_p(noise.runs_p)),
        ("strong correlations of parameters", "; ".join(correlation_lines(fit)) or "none beyond 0.9"),
        ("flags", "; ".join(fit.flags) or "none"),
    ]
    return [Paragraph(f"{noise_text(fit)}."), Table([Column("diagnostic"), Column("value")], rows)]


def _assumption_blocks(fit: "StagedFit") -> list[Block]:
    counted = fit.trace.source.time_unit
    told = [f"the file counts time in {counted}; it was converted to s"] if counted not in ("", "s") else []
    told += [remark.complete() for remark in (*fit.warnings, *fit.trace.remarks)]
    blocks: list[Block] = [Notes(tuple(dict.fromkeys(told)))] if told else []
    if fit.excluded:
        columns = [Column("time, s", format="g", numeric=True)]
        columns.append(Column(f"signal, {fit.trace.unit}", numeric=True))
        blocks.append(Table(columns, fit.excluded, caption="Points left out as outliers"))
    return blocks or [Paragraph("Nothing was assumed, masked or left out.")]


def _reproduction_blocks(fit: "StagedFit", command: str, examples: Sequence[str]) -> list[Block]:
    options = [(name, None if value is None else str(value)) for name, value in sorted(fit.options.items())]
    return [
        Code(command or command_line(fit), "On the command line:"),
        Code(python_lines(fit, examples), "In Python:"),
        Table(
            [Column("option"), Column("value")],
            [*options, ("seed", str(fit.seed))],
            caption="Every option of this fit",
        ),
    ]


def _glossary_blocks() -> list[Block]:
    words = tuple(f"{word.name}: {word.means}" for word in glossary())
    return [Notes(words), Paragraph("cxkinetics explain WORD says more of each.")]


def page_footer(*fits: "StagedFit") -> tuple[str, ...]:
    """Return versions and input hashes, one line each."""
    from importlib.metadata import version

    names = ("numpy", "scipy", "lmfit", "matplotlib")
    used = ", ".join(f"{name} {version(name)}" for name in names)
    package = fits[0].version if fits else ""
    inputs: dict[str, str] = {}  # each once
    for source in (fit.trace.source for fit in fits):
        line = f"{source.file or 'data made in memory'}: sha256 {source.sha256}"
        inputs.setdefault(line, f"; simulated {source.note}" if source.simulated else "")
    made = f"cxkinetics {package}; Python {platform.python_version()}; {used}"
    return (made, *(line + note for line, note in inputs.items()))


def write_fit(
    fit: "StagedFit",
    directory: str | os.PathLike[str],
    *,
    time_unit: str = "s",
    origin: str = "",
    files: Sequence[str] = ALL_FILES,
    **options: Any,
) -> Path:
    """Write the folder of one fit: JSON, tables, workbook, figures and report, whole or not at all.

    Parameters
    ----------
    fit : StagedFit
        The result; `fit.json` holds all of it (`StagedFit.from_json` reads it back).
    directory : path-like
        The folder to make, or to replace as a whole.
    time_unit : str
        Of the report and the figures: "s", "ms", "min" or "h"; the tables in CSV stay in s.
    origin : str
        Where the input lies as seen from the folder of all results; `fit.json` keeps it, so that the
        result is not taken for that of another input of the same name.
    files : sequence of str
        What is written beside JSON, CSV and report, of `ALL_FILES`.
    **options
        Of `page`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else than an earlier result.
    """
    from cxkinetics.document.folder import write_folder

    stored = json.loads(fit.to_json()) | ({"origin": origin} if origin else {})
    tables = data(fit)
    return write_folder(
        Path(directory),
        page(fit, unit_called(time_unit), **options),
        mark="fit.json",
        texts={"fit.json": json_text(stored) + "\n"},
        tables=[table for table in tables if table.name in ("quantities", "stages", "trace", "rivals")],
        workbook=("fit.xlsx", tables) if "xlsx" in files else None,
        formats=tuple(kind for kind in files if kind != "xlsx"),
    )


# ---- the lines that make it again -------------------------------------------------------------------

_READING = tuple(OPTIONS[name].python for name in names_of("reading"))


def _changed(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the options that stand at another value than their default."""
    found = {name: options.get(name) for name in names}
    return {n: v for n, v in found.items() if v not in (None, KEYWORDS[n].default, (), [])}


def command_line(fit: "StagedFit") -> str:
    """Return the shell command that makes this fit again, the seed included.

    Examples
    --------
    Options at their defaults are left out; `cxkinetics fit run.csv --track 324 --seed 7` is typical.
    """
    trace, options = fit.trace, fit.options
    words = ["cxkinetics", "fit", trace.source.file or "FILE"]
    given = {**_read_as(fit), **_changed(options, FITTING)}
    for name, value in given.items():
        flag = KEYWORDS[name].flag
        words += [flag] if value is True else [flag, KEYWORDS[name].typed(value, _unit_typed(fit, name))]
    words += ["--seed", str(fit.seed)]
    return shlex.join(words)


def _read_as(fit: "StagedFit") -> dict[str, Any]:
    """Return the reading options: those recorded, and what the trace says of itself where none is."""
    trace = fit.trace
    given = _changed(fit.options, _READING)
    if trace.source.file and "trace" not in given:
        given["trace"] = trace.source.trace
    if "wavelength" in given or "track" in given or "column" in given or trace.wavelength_nm is None:
        return given
    if trace.peak_nm is not None:
        given["track"] = round(trace.wavelength_nm, 1)
    else:
        given["wavelength"] = trace.wavelength_nm
    return given


def _unit_typed(fit: "StagedFit", name: str) -> str:
    """Return the unit that a time is typed with: none where bare numbers and the file count in s."""
    return "s" if KEYWORDS[name].timed and fit.trace.source.time_unit not in ("", "s") else ""


def _is_wavelength(reference: Any) -> bool:
    """Whether a reference is a wavelength (of spectra) rather than the name of a column."""
    try:
        float(reference)
    except (TypeError, ValueError):
        return False
    return True


def python_lines(fit: "StagedFit", examples: Sequence[str] = ()) -> str:
    """Return a Python script that makes this fit again, the seed included; `examples` as for `page`."""
    trace, options = fit.trace, fit.options
    given = _read_as(fit)
    tracked = given.pop("track", None)
    wavelength = given.pop("wavelength", None)
    drift = given.pop("reference") if _is_wavelength(given.get("reference")) else None
    lines = ["import cxkinetics as cx"]
    example = next((name for name in examples if trace.source.file == f"{name}-simulated.csv"), None)
    method = f".at_wavelength({as_typed(wavelength)})" if wavelength is not None else ""
    if example is not None:
        opened = f"cx.load_example({example!r})"
    else:
        if wavelength is not None and drift is None:
            given["wavelength"], method = wavelength, ""
        reading = [f"{name}={_literal(value)}" for name, value in given.items()]
        opened = f"cx.load({', '.join([repr(trace.source.file or 'FILE'), *reading])})"
    if drift is not None:
        lines.append("from cxkinetics.signals.prepare import subtract_reference")
        opened = f"subtract_reference({opened}, {as_typed(drift)})"
    opened += method if tracked is None else f".exciton_peak(near_nm={as_typed(tracked)})"
    wanted = []
    for name, value in _changed(options, FITTING).items():
        unit = _unit_typed(fit, name)
        wanted.append(f"{name}={_literal(KEYWORDS[name].typed(value, unit) if unit else value)}")
    call = ", ".join(["trace", *wanted, f"rng={fit.seed}"])
    return "\n".join([*lines, "", f"trace = {opened}", f"fit = cx.fit_stages({call})", "print(fit)"])


def _literal(value: Any) -> str:
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
