"""The tables of a staged fit, and the fit as text and notebook table."""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import numpy as np

from cxkinetics.atomic import neutral_cell
from cxkinetics.estimate import Estimate, format_p, round_by_error
from cxkinetics.kinetics.result import Rival, StagedFit, best_smooth_rival
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.present import as_html, as_text
from cxkinetics.report.time_units import SECONDS, TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called

STAGE_WORDS = {1: "One-stage", 2: "Two-stage", 3: "Three-stage", 4: "Four-stage"}
_STRONG = 0.9
_SHORT = 24


def name_of(fit: StagedFit) -> str:
    """Return what a fit is called: file and trace label, as far as they are known."""
    source = fit.trace.source
    stem = source.file.replace("\\", "/").rpartition("/")[2]
    return ", ".join(part for part in (stem, fit.trace.label) if part) or "trace"


def listed_name(fit: StagedFit) -> str:
    """Return `name_of` with the word "simulated" where the data are, for lists of fits."""
    return name_of(fit) + (" (simulated)" if fit.trace.source.simulated else "")


def fit_title(fit: StagedFit, unit: TimeUnit = SECONDS) -> str:
    """Return the title: model, number of points and time range, and where the verdict says otherwise."""
    words = STAGE_WORDS.get(len(fit.stages), f"{len(fit.stages)}-stage")
    start, end = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    span = f"{unit.number(start)}-{unit.number(end)} {unit.sign}"
    return f"{words} first order{shown_note(fit)}, {fit.n_points} points, {span}"


def shown_note(fit: StagedFit) -> str:
    """Return, in brackets, why the stages shown are not what the verdict says; "" where they are."""
    code, count = fit.verdict.code, len(fit.stages)
    if code == "smooth":
        rival = best_smooth_rival(fit)
        said = f"the verdict prefers {_named(rival.model)}" if rival else "the verdict prefers a smooth curve"
    else:
        said = f"the verdict is {code.replace('_', ' ')}"
    options = fit.options
    demanded = options.get("n_stages", "auto") != "auto" or bool(options.get("breakpoints_s"))
    if demanded:
        agreed = {"one_stage": count == 1, "two_stages": count == 2, "more_stages": count > 2}
        return "" if agreed.get(code, False) else f" (shown as demanded; {said})"
    return f" (shown for comparison; {said})" if code in ("smooth", "undecided") else ""


def _named(model: str) -> str:
    return f"{'an' if model[:1] in 'aeiou' else 'a'} {model}"


def smooth_line(fit: StagedFit, unit: TimeUnit = SECONDS) -> str:
    """Return the parameters of the smooth curve that the verdict prefers; "" for any other verdict."""
    rival = best_smooth_rival(fit) if fit.verdict.code == "smooth" else None
    if rival is None or not rival.parameters:
        return ""
    cells = []
    for name, value in rival.parameters.items():
        if name == "mu" or re.fullmatch(r"k\d*", name):
            cells.append(f"{name} = {value * unit.seconds:.4g} 1/{unit.sign}")
        else:
            sign = fit.trace.unit if re.fullmatch(r"[Co]\d*", name) else ""
            cells.append(f"{'offset' if name == 'o' else name} = {value:.4g} {sign}".rstrip())
    return f"preferred by the verdict, {rival.model}: {', '.join(cells)}"


def bootstrap_table(fit: StagedFit, unit: TimeUnit = SECONDS) -> Table | None:
    """Return the percentile intervals of the bootstrap, one row per quantity; None where there is none."""
    repeated = fit.bootstrap
    if repeated is None:
        return None
    rows = []
    for name, estimate in repeated.quantities.items():
        shown = unit.estimate(estimate)
        rows.append((_bootstrap_name(name, len(fit.stages)), interval_cell(shown), shown.unit, shown.reason))
    level = f"{100 * confidence_of(fit.options):g} %"
    return Table(
        ("quantity", "value [percentiles]", "unit", ""),
        tuple(rows),
        caption=f"Bootstrap ({repeated.kind}), {level} percentiles of {repeated.n_converged} converged of "
        f"{repeated.n_replicates} replicates",
        note="A check beside the intervals above, which remain the ones to quote.",
    )


def _bootstrap_name(name: str, n_stages: int) -> str:
    if re.fullmatch(r"b\d*", name):
        return f"breakpoint {name[1:]}" if n_stages > 2 else "breakpoint"
    if re.fullmatch(r"C\d*", name):
        return f"amplitude {name[1:]}".strip()
    return "offset" if name == "o" else name


def number_cell(value: float | None, digits: int = 4) -> str:
    """Return a plain number for a table; a dash where there is none.

    Examples
    --------
    >>> number_cell(0.98765), number_cell(None)
    ('0.9877', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}g}"


def r_squared_cell(value: float | None) -> str:
    """Return an R2 for a table; one that only rounds to 1 is not printed as 1.

    Examples
    --------
    >>> r_squared_cell(0.98765), r_squared_cell(0.9999931), r_squared_cell(None)
    ('0.9877', '> 0.9999', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    return "> 0.9999" if 0.99995 <= value < 1 else f"{value:.4f}"


def interval_cell(estimate: Estimate) -> str:
    """Return value and interval without the unit, rounded by the interval's width."""
    if estimate.value is None:
        return "not determined"
    bare = Estimate(
        name=estimate.name,
        value=estimate.value,
        se=estimate.se,
        low=estimate.low,
        high=estimate.high,
        pieces=estimate.pieces,
    )
    return str(bare)


def method_cell(estimate: Estimate, confidence: float) -> str:
    """Return how the interval was made, or why there is none."""
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return estimate.reason or estimate.method
    open_end = f"; {estimate.reason}" if estimate.reason else ""
    return f"{100 * confidence:g} %, {estimate.method}{open_end}"


def confidence_of(options: Mapping[str, object]) -> float:
    """Return the confidence level of a fit's intervals (0.95 where it is not recorded)."""
    value = options.get("confidence", 0.95)
    return float(value) if isinstance(value, int | float) else 0.95


def stage_table(fit: StagedFit, unit: TimeUnit = SECONDS, *, rates: bool = True) -> Table:
    """Return one row per stage: window, points, k (where `rates`), half-life and R2 in ln A."""
    rows = []
    for number, stage in enumerate(fit.stages, 1):
        last = number == len(fit.stages)
        start = _edge(fit, number - 2, stage.start_s, unit)
        end = _edge(fit, number - 1, stage.end_s, unit) if not last else unit.number(stage.end_s)
        rows.append(
            (
                str(number),
                f"{start} - {end}",
                str(stage.n_points),
                *([interval_cell(unit.estimate(stage.k_per_s))] if rates else []),
                interval_cell(unit.estimate(stage.half_life_s)),
                r_squared_cell(stage.r_squared_log),
            )
        )
    head_k = (f"k, 1/{unit.sign}",) if rates else ()
    return Table(
        header=("stage", f"window, {unit.sign}", "n", *head_k, f"half-life, {unit.sign}", "R2 ln A"),
        rows=tuple(rows),
        numeric=(2, 5 if rates else 4),
        caption="Stages",
        note=f"Brackets are {100 * confidence_of(fit.options):g} % intervals. "
        "R2 is that of the fitted curve in ln A about the stage's mean; it does not judge a model.",
    )


def _edge(fit: StagedFit, index: int, time_s: float, unit: TimeUnit) -> str:
    if 0 <= index < len(fit.breakpoints_s):
        return unit.estimate(fit.breakpoints_s[index]).format_value()
    return unit.number(time_s)


def quantity_estimates(fit: StagedFit) -> list[tuple[str, Estimate]]:
    """Return every fitted number with its name, in reading order."""
    found = [(f"k{number}", stage.k_per_s) for number, stage in enumerate(fit.stages, 1)]
    many = len(fit.breakpoints_s) > 1
    found += [
        (f"breakpoint {number}" if many else "breakpoint", estimate)
        for number, estimate in enumerate(fit.breakpoints_s, 1)
    ]
    if fit.rate_ratio is not None:
        found.append(("k1/k2", fit.rate_ratio))
    return [*found, ("amplitude", fit.amplitude), ("offset", fit.offset)]


def quantity_table(fit: StagedFit, unit: TimeUnit = SECONDS) -> Table:
    """Return one row per fitted number: value, interval, unit and how the interval was made."""
    confidence = confidence_of(fit.options)
    shown = [(name, unit.estimate(estimate)) for name, estimate in quantity_estimates(fit)]
    methods = [method_cell(estimate, confidence) for _, estimate in shown]
    letters: dict[str, str] = {}
    for method in methods:  # a long method that several numbers share stands once, below the table
        if len(method) > _SHORT and methods.count(method) > 1 and method not in letters:
            letters[method] = f"[{'abcdef'[len(letters)]}]"
    rows = tuple(
        (name, interval_cell(estimate), estimate.unit, letters.get(method, method))
        for (name, estimate), method in zip(shown, methods, strict=True)
    )
    note = "; ".join(f"{letter} {method}" for method, letter in letters.items())
    return Table(header=("quantity", "value [interval]", "unit", "interval by"), rows=rows, note=note)


def loglinear_table(fit: StagedFit, unit: TimeUnit = SECONDS) -> Table:
    """Return the paper's recipe: a least-squares line in ln A per stage and over the whole trace."""
    lines = [(f"stage {i}", line) for i, line in enumerate(fit.loglinear.stages, 1)]
    if fit.loglinear.single is not None:
        lines.append(("one line", fit.loglinear.single))
    rows = tuple(
        (
            name,
            f"{unit.number(line.start_s)} - {unit.number(line.end_s)}",
            interval_cell(unit.estimate(line.k_per_s)),
            r_squared_cell(line.r_squared),
        )
        for name, line in lines
    )
    left_out = fit.loglinear.n_excluded
    growth = fit.options.get("direction") == "growth"
    logarithm, lost = ("ln(Ainf - A)", "A >= Ainf") if growth else ("ln A", "A <= 0")
    note = (
        f"Ordinary least squares in {logarithm} weights the tail wrongly, so its intervals are too narrow; "
        "two lines with a good R2 do not establish a breakpoint."
    )
    if left_out:
        note += f" {left_out} points with {lost} have no logarithm and are left out."
    if growth and rows:
        note += f" Ainf = {fit.offset.format_value()} {fit.trace.unit}, as given or fitted above."
    if not rows:
        note = f"Empty: fewer than three points have a logarithm ({logarithm})."
    return Table(
        header=("line", f"window, {unit.sign}", f"k, 1/{unit.sign}", "R2"),
        rows=rows,
        numeric=(3,),
        caption=f"The recipe of J. Chem. Phys. 159, 014704: straight lines in {logarithm}",
        note=note,
    )


def rival_table(fit: StagedFit, top: int | None = None) -> Table:
    """Return the ranking of models, the best first; `top` rows of it, or all."""
    ranked = sorted(fit.rivals, key=lambda r: math.inf if r.delta_aicc is None else r.delta_aicc)
    rows = tuple(
        (
            rival.model,
            str(rival.n_parameters),
            "-" if rival.delta_aicc is None else f"{rival.delta_aicc:.1f}",
            _weight(rival.akaike_weight),
            "; ".join(part for part in (rival.note, _not_chosen(fit, rival, ranked[0])) if part),
        )
        for rival in ranked[:top]
    )
    return Table(
        header=("model", "n par", "dAICc", "weight", "when not to trust the difference"),
        rows=rows,
        numeric=(1, 2, 3),
        caption="Rival models",
        note="n par counts the parameters; dAICc counts from the best model; a difference below about 6 "
        "decides nothing.",
    )


def _not_chosen(fit: StagedFit, rival: Rival, best: Rival) -> str:
    """Return why the best-ranked model with a third stage is not the one shown."""
    third = rival.model.partition(" ")[0] in ("3", "three", "4", "four")
    if rival is not best or not third or fit.verdict.code == "more_stages":
        return ""
    return "not chosen: a second break needs p <= 0.01 and a lead of 10, see the verdict"


def _weight(weight: float | None) -> str:
    if weight is None:
        return "-"
    return "< 0.001" if weight < 0.001 else f"{weight:.3f}"


def correlation_lines(fit: StagedFit) -> list[str]:
    """Return the parameter pairs correlated beyond 0.9, the strongest first."""
    covariance = np.asarray(fit.covariance)
    names = fit.parameter_names
    if covariance.ndim != 2 or covariance.shape != (len(names), len(names)) or not names:
        return []
    sd = np.sqrt(np.abs(np.diag(covariance)))
    pairs = []
    for i in range(len(names)):
        for j in range(i):
            scale = sd[i] * sd[j]
            if scale > 0 and math.isfinite(scale):
                value = float(covariance[i, j] / scale)
                if abs(value) >= _STRONG:
                    pairs.append((abs(value), f"{names[j]} and {names[i]}: {value:+.3f}"))
    return [text for _, text in sorted(pairs, reverse=True)]


def noise_text(fit: StagedFit) -> str:
    """Return the noise in one line: sd, correlation used, residual autocorrelation, Durbin-Watson."""
    noise, unit = fit.noise, fit.trace.unit
    parts = [] if noise.sd is None else [f"noise sd {noise.sd:.2g} {unit}"]
    if noise.ar1 is not None:
        parts.append(f"AR(1) {noise.ar1:.2f}" if noise.ar1 else "white")
    if noise.lag1_autocorrelation is not None:
        parts.append(f"residual lag-1 {round_by_error(noise.lag1_autocorrelation, 0.1)}")
    if noise.durbin_watson is not None:
        parts.append(f"Durbin-Watson {noise.durbin_watson:.2f}")
    return ", ".join(parts)


def batch_table(fits: Sequence[StagedFit], unit: TimeUnit = SECONDS) -> Table:
    """Return one line per fit: trace, verdict, every rate constant and breakpoint, each with its interval."""
    heads, cells = stage_columns(fits, unit)
    rows = tuple((listed_name(fit), fit.verdict.code, *row) for fit, row in zip(fits, cells, strict=True))
    return Table(("trace", "verdict", *heads), rows)


def stage_columns(
    fits: Sequence[StagedFit], unit: TimeUnit = SECONDS, empty: str = ""
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return heads and one row per fit of k and breakpoints, as many columns as the longest fit needs."""
    most = max((len(fit.stages) for fit in fits), default=1)
    heads = [f"k{number}, 1/{unit.sign}" for number in range(1, most + 1)]
    heads += [f"breakpoint{f' {number}' if most > 2 else ''}, {unit.sign}" for number in range(1, most)]
    rows = []
    for fit in fits:
        rates = [interval_cell(unit.estimate(stage.k_per_s)) for stage in fit.stages]
        breaks = [interval_cell(unit.estimate(estimate)) for estimate in fit.breakpoints_s]
        rates += [empty] * (most - len(rates))
        rows.append((*rates, *breaks, *[empty] * (most - 1 - len(breaks))))
    return tuple(heads), rows


Cell = str | float | int | None
Rows = list[Sequence[Cell]]


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as CSV text; None is an empty cell, and no cell can act as a spreadsheet formula."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(["" if cell is None else _cell(cell) for cell in row])
    return buffer.getvalue()


def _cell(cell: str | float | int) -> str:
    if isinstance(cell, str):
        return neutral_cell(cell)
    if isinstance(cell, float) and not np.isfinite(cell):
        return ""
    return repr(cell)


def _spread(estimate: Estimate | None) -> list[Cell]:
    if estimate is None:
        return [None] * 4
    return [estimate.value, estimate.se, estimate.low, estimate.high]


def _heads(name: str, unit: str = "") -> list[str]:
    suffix = f"_{unit}" if unit else ""
    return [f"{name}{suffix}", f"{name}_se{suffix}", f"{name}_low{suffix}", f"{name}_high{suffix}"]


def stage_rows(fit: StagedFit) -> Rows:
    """Return head and one row per stage: window, points, k, half-life, R2 in ln A, bootstrap if any."""
    head = ["stage", "start_s", "end_s", "n_points", *_heads("k", "per_s"), "k_method"]
    head += [*_heads("half_life", "s"), "r_squared_log", *_heads("ending_breakpoint", "s")]
    repeated = fit.bootstrap
    if repeated is not None:
        head += [f"k_bootstrap_{end}_per_s" for end in ("low", "high")]
        head += [f"ending_breakpoint_bootstrap_{end}_s" for end in ("low", "high")]
    rows: Rows = [head]
    for number, stage in enumerate(fit.stages, 1):
        ending = fit.breakpoints_s[number - 1] if number <= len(fit.breakpoints_s) else None
        rows.append(
            [
                number,
                stage.start_s,
                stage.end_s,
                stage.n_points,
                *_spread(stage.k_per_s),
                stage.k_per_s.method,
                *_spread(stage.half_life_s),
                stage.r_squared_log,
                *_spread(ending),
                *([] if repeated is None else _percentiles(repeated.quantities, f"k{number}", f"b{number}")),
            ]
        )
    return rows


def _percentiles(quantities: Mapping[str, Estimate], *names: str) -> list[Cell]:
    found = [quantities.get(name) for name in names]
    return [end for item in found for end in ((None, None) if item is None else (item.low, item.high))]


def stages_csv(fit: StagedFit) -> str:
    """Return `stages.csv`."""
    return csv_text(stage_rows(fit))


def trace_rows(fit: StagedFit) -> Rows:
    """Return head and one row per point: time, signal, fit, residual, and the peak's position if tracked.

    Points left out as outliers stand at the end, without a fitted value.
    """
    trace = fit.trace
    unit = trace.unit or "signal"
    columns = [trace.time_s, trace.absorbance, fit.fitted, fit.residuals]
    head = ["time_s", f"signal_{unit}", f"fitted_{unit}", f"residual_{unit}"]
    optional = {f"sigma_{unit}": trace.sigma, "peak_nm": trace.peak_nm, "peak_nm_se": trace.peak_nm_se}
    for name, extra in optional.items():
        if extra is not None:
            head.append(name)
            columns.append(extra)
    rows: Rows = [[*head, "left_out"]]
    for point in np.column_stack(columns).tolist():
        rows.append([*point, 0])
    blank: list[Cell] = [None] * (len(head) - 2)
    for time, signal in fit.excluded:
        rows.append([time, signal, *blank, 1])
    return rows


def trace_csv(fit: StagedFit) -> str:
    """Return `trace.csv`."""
    return csv_text(trace_rows(fit))


def rival_rows(fit: StagedFit) -> Rows:
    """Return head and one row per model of the ranking."""
    names = ("model", "n_parameters", "rss", "aicc", "bic", "delta_aicc", "akaike_weight", "note")
    rows: Rows = [[*names, "parameters"]]
    for rival in fit.rivals:
        parameters = "; ".join(f"{name} = {value!r}" for name, value in rival.parameters.items())
        rows.append([*(getattr(rival, name) for name in names), parameters])
    return rows


def rivals_csv(fit: StagedFit) -> str:
    """Return `rivals.csv`."""
    return csv_text(rival_rows(fit))


def summary_rows(fits: Sequence[StagedFit]) -> Rows:
    """Return head and one row per fit: file, verdict, the first stages' numbers, noise."""
    most = max((len(fit.stages) for fit in fits), default=1)
    head: list[str] = ["file", "trace", "sha256", "simulated", "n_points", "t_start_s", "t_end_s", "verdict"]
    head += ["p_value", "n_stages"]
    for number in range(1, most + 1):
        head += _heads(f"k{number}", "per_s")
    for number in range(1, most):
        head += _heads(f"breakpoint{number}", "s")
    head += [*_heads("rate_ratio"), *_heads("amplitude"), *_heads("offset"), "noise_sd", "ar1", "n_warnings"]
    rows: Rows = [head]
    for fit in fits:
        source, trace = fit.trace.source, fit.trace
        row: list[Cell] = [source.file, trace.label or source.trace, source.sha256, int(source.simulated)]
        row += [trace.n_points, float(trace.time_s[0]), float(trace.time_s[-1])]
        row += [fit.verdict.code, fit.verdict.p_value, len(fit.stages)]
        for index in range(most):
            row += _spread(fit.stages[index].k_per_s if index < len(fit.stages) else None)
        for index in range(most - 1):
            row += _spread(fit.breakpoints_s[index] if index < len(fit.breakpoints_s) else None)
        row += [*_spread(fit.rate_ratio), *_spread(fit.amplitude), *_spread(fit.offset)]
        row += [fit.noise.sd, fit.noise.ar1, len(fit.warnings)]
        rows.append(row)
    return rows


def summary_csv(fits: Sequence[StagedFit]) -> str:
    """Return `summary.csv` of a batch."""
    return csv_text(summary_rows(fits))


_TOP_RIVALS = 4


def format_staged_fit(
    fit: StagedFit, *, time_unit: str = "s", width: int = TERMINAL_WIDTH, warnings: bool = True
) -> str:
    """Return a staged fit as text.

    Parameters
    ----------
    fit : StagedFit
        The result.
    time_unit : str
        Unit of times and rate constants in the text: "s", "ms", "min" or "h".
    width : int
        Longest line, in characters.
    warnings : bool
        Whether the warnings stand in the text (the command line says them elsewhere).

    Returns
    -------
    str
        Title, stages, every number with interval and method, criteria, noise, the paper's recipe,
        the best rivals, warnings and the verdict.
    """
    unit = unit_called(time_unit)
    quantities = quantity_table(fit, unit)
    parts = [
        wrapped(name_of(fit), hang=2, width=width),
        wrapped(fit_title(fit, unit) + _how(fit), hang=2, width=width),
    ]
    if fit.trace.source.simulated:
        note = fit.trace.source.note
        parts.insert(1, wrapped("SIMULATED DATA" + (f": {note}" if note else ""), hang=2, width=width))
    parts += [
        "",
        aligned(quantities, width=width),
        *([wrapped(quantities.note, indent=2, hang=4, width=width)] if quantities.note else []),
        *_bootstrap_lines(fit, unit, width),
        "",
        aligned(stage_table(fit, unit, rates=False), width=width),
        "",
        wrapped(criteria_text(fit), indent=2, hang=2, width=width),
    ]
    if fit.loglinear.stages or fit.loglinear.single is not None:
        parts.append(wrapped(recipe_text(fit, unit), indent=2, hang=2, width=width))
    smooth = smooth_line(fit, unit)
    if smooth:
        parts.append(wrapped(smooth, indent=2, hang=2, width=width))
    strong = correlation_lines(fit)
    if strong:
        parts.append(wrapped(f"strong correlations: {'; '.join(strong[:3])}", indent=2, hang=2, width=width))
    if fit.flags:
        parts.append(wrapped(f"flags: {'; '.join(fit.flags)}", indent=2, hang=2, width=width))
    if fit.rivals:
        parts += ["", aligned(rival_table(fit, _TOP_RIVALS), width=width)]
        if len(fit.rivals) > _TOP_RIVALS:
            parts.append(f"  and {len(fit.rivals) - _TOP_RIVALS} more models behind these")
    if fit.warnings and warnings:
        parts.append("")
        parts += [wrapped(f"! {remark.text}", indent=2, hang=2, width=width) for remark in fit.warnings]
    parts += ["", wrapped(f"Verdict: {verdict_text(fit)}", hang=2, width=width)]
    return "\n".join(parts)


def _bootstrap_lines(fit: StagedFit, unit: TimeUnit, width: int) -> list[str]:
    table = bootstrap_table(fit, unit)
    if table is None:
        return []
    return ["", wrapped(table.caption, indent=2, hang=2, width=width), aligned(table, width=width)]


def _how(fit: StagedFit) -> str:
    options = fit.options
    if options.get("recipe") == "loglinear":
        how = "; least squares in ln A"
    else:
        how = "; least squares in the signal"
    if len(fit.stages) > 1:
        how += f", {options.get('joint', 'continuous')} joints"
    if fit.excluded:
        count = len(fit.excluded)
        how += f"; {count} outlier{'s' if count > 1 else ''} left out"
    return how


def criteria_text(fit: StagedFit) -> str:
    """Return degrees of freedom, redchi, AICc and noise in one line."""
    parts = [f"n {fit.n_points}, dof {fit.dof}", f"redchi {fit.redchi:.3g}"]
    if fit.aicc is not None:
        parts.append(f"AICc {fit.aicc:.1f}")
    if fit.bic is not None:
        parts.append(f"BIC {fit.bic:.1f}")
    return "; ".join(part for part in (", ".join(parts), noise_text(fit)) if part)


def recipe_text(fit: StagedFit, unit: TimeUnit) -> str:
    """Return the paper's log-linear numbers in one sentence."""
    sign = unit.sign
    rows = loglinear_table(fit, unit).rows
    lines = []
    for name, _, rate, r_squared in rows:
        value = rate if rate == "not determined" else rate.partition(" ")[0]
        lines.append(f"{name}: k {value} (R2 {r_squared})")
    logarithm = "ln(Ainf - A)" if fit.options.get("direction") == "growth" else "ln A"
    return f"paper's recipe, lines in {logarithm} (k in 1/{sign}): " + "; ".join(lines)


def verdict_text(fit: StagedFit) -> str:
    """Return the judgement with its p-value."""
    verdict = fit.verdict
    if verdict.p_value is None or "p =" in verdict.text or "p <" in verdict.text:
        return verdict.text
    return f"{verdict.text} ({format_p(verdict.p_value)} for a break)"


@as_text.register(StagedFit)
def _(fit: StagedFit, **options: Any) -> str:
    return format_staged_fit(fit, **options)


TOP_RIVALS = 4
"""How many models of the ranking are shown, as in the text."""


def table_html(table: Table) -> str:
    """Return a table and its note as plain HTML that a notebook styles itself.

    Examples
    --------
    >>> table_html(Table(("a",), (("<1",),)))
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;1</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    note = f"<p><small>{escape(table.note)}</small></p>" if table.note else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def staged_fit_html(fit: StagedFit, *, time_unit: str = "s") -> str:
    """Return a staged fit as an HTML fragment; contents and `time_unit` as of `format_staged_fit`."""
    unit = unit_called(time_unit)
    simulated = "<p><em>Simulated data.</em></p>" if fit.trace.source.simulated else ""
    listed = [remark.text for remark in fit.warnings]
    warnings = f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in listed)}</ul>" if listed else ""
    lines = [criteria_text(fit)]
    if fit.loglinear.stages or fit.loglinear.single is not None:
        lines.append(recipe_text(fit, unit))
    strong = correlation_lines(fit)
    if strong:
        lines.append(f"strong correlations: {'; '.join(strong[:3])}")
    if fit.flags:
        lines.append(f"flags: {'; '.join(fit.flags)}")
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    more = len(fit.rivals) - TOP_RIVALS
    behind = f"<p><small>and {more} more models behind these</small></p>" if more > 0 else ""
    rivals = table_html(rival_table(fit, TOP_RIVALS)) + behind if fit.rivals else ""
    return (
        f"<div><p><strong>{escape(name_of(fit))}</strong>: {escape(fit_title(fit, unit))}</p>{simulated}"
        f"<p>{escape(verdict_text(fit))}</p>{table_html(quantity_table(fit, unit))}"
        f"{table_html(stage_table(fit, unit, rates=False))}{said}{rivals}{warnings}</div>"
    )


@as_html.register(StagedFit)
def _(fit: StagedFit, **options: Any) -> str:
    return staged_fit_html(fit, **options)
