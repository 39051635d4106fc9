"""A staged fit as text: what a referee would ask, in a terminal's width, then the judgement."""

from typing import Any

from cxkinetics.estimate import format_p
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.present import as_text
from cxkinetics.report.staged_tables import (
    bootstrap_table,
    correlation_lines,
    fit_title,
    loglinear_table,
    name_of,
    noise_text,
    quantity_table,
    rival_table,
    smooth_line,
    stage_table,
)
from cxkinetics.report.time_units import TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called

__all__ = ["criteria_text", "format_staged_fit", "recipe_text", "verdict_text"]

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
