"""A staged fit as an HTML fragment for a notebook: verdict, numbers, criteria."""

from html import escape
from typing import Any

from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Table
from cxkinetics.report.present import as_html
from cxkinetics.report.staged_tables import fit_title, name_of, quantity_table
from cxkinetics.report.staged_text import criteria_text, verdict_text
from cxkinetics.report.time_units import time_unit as unit_called

__all__ = ["staged_fit_html", "table_html"]


def table_html(table: Table) -> str:
    """Return a table as plain HTML that a notebook styles itself.

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
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def staged_fit_html(fit: StagedFit, *, time_unit: str = "s") -> str:
    """Return a staged fit as an HTML fragment; `time_unit` as for `format_staged_fit`."""
    unit = unit_called(time_unit)
    simulated = "<p><em>Simulated data.</em></p>" if fit.trace.source.simulated else ""
    warnings = "".join(f"<li>{escape(remark.text)}</li>" for remark in fit.warnings)
    return (
        f"<div><p><strong>{escape(name_of(fit))}</strong>: {escape(fit_title(fit, unit))}</p>{simulated}"
        f"<p>{escape(verdict_text(fit))}</p>{table_html(quantity_table(fit, unit))}"
        f"<p>{escape(criteria_text(fit))}</p>{f'<ul>{warnings}</ul>' if warnings else ''}</div>"
    )


@as_html.register(StagedFit)
def _(fit: StagedFit, **options: Any) -> str:
    return staged_fit_html(fit, **options)
