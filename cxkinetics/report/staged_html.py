"""A staged fit as an HTML fragment for a notebook: verdict, numbers, criteria."""

from html import escape
from typing import Any

from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Table
from cxkinetics.report.present import as_html
from cxkinetics.report.staged_tables import (
    correlation_lines,
    fit_title,
    name_of,
    quantity_table,
    rival_table,
    stage_table,
)
from cxkinetics.report.staged_text import criteria_text, recipe_text, verdict_text
from cxkinetics.report.time_units import time_unit as unit_called

__all__ = ["TOP_RIVALS", "staged_fit_html", "table_html"]

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
