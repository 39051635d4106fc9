"""A staged fit as an Excel workbook: numbers as numbers, units in the heads, nothing that runs."""

import os
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cxkinetics.atomic import neutral_cell, write_bytes
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.present import save_workbook
from cxkinetics.report.staged_files import Cell, Rows, rival_rows, stage_rows, trace_rows
from cxkinetics.report.staged_tables import quantity_estimates
from cxkinetics.report.staged_text import verdict_text

__all__ = ["fit_sheets", "sheets_bytes", "workbook_bytes", "write_workbook"]

_WIDEST = 60


def fit_sheets(fit: StagedFit) -> dict[str, Rows]:
    """Return the sheets of a fit: name -> head and rows.

    "summary" says what was judged and from which input; "quantities" holds every fitted number
    with its unit; "stages", "trace" and "rivals" are the CSV files of a report.
    """
    source = fit.trace.source
    summary: Rows = [["entry", "value"], ["verdict", fit.verdict.code], ["in words", verdict_text(fit)]]
    summary += [["p of a break", fit.verdict.p_value], ["file", source.file], ["trace", fit.trace.label]]
    summary += [
        ["simulated data", "yes" if source.simulated else "no"],
        ["sha256 of the input", source.sha256],
    ]
    summary += [["points", fit.n_points], ["degrees of freedom", fit.dof], ["redchi", fit.redchi]]
    summary += [["AICc", fit.aicc], ["BIC", fit.bic], [f"noise sd, {fit.trace.unit}", fit.noise.sd]]
    summary += [["AR(1) correlation", fit.noise.ar1], ["Durbin-Watson", fit.noise.durbin_watson]]
    summary += [[f"option {name}", _plain(value)] for name, value in sorted(fit.options.items())]
    summary += [["seed", fit.seed], ["cxkinetics version", fit.version]]
    summary += [[f"remark {number}", remark.text] for number, remark in enumerate(fit.warnings, 1)]
    quantities: Rows = [["quantity", "value", "se", "low", "high", "unit", "method", "reason"]]
    for name, estimate in quantity_estimates(fit):
        e = estimate
        quantities.append([name, e.value, e.se, e.low, e.high, e.unit, e.method, e.reason])
    return {
        "summary": summary,
        "quantities": quantities,
        "stages": stage_rows(fit),
        "trace": trace_rows(fit),
        "rivals": rival_rows(fit),
    }


def _plain(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def write_workbook(fit: StagedFit, path: str | os.PathLike[str]) -> Path:
    """Write a fit to an Excel workbook, whole or not at all.

    Parameters
    ----------
    fit : StagedFit
        The result.
    path : path-like
        Where to, ending in .xlsx.

    Returns
    -------
    Path
        The file written.
    """
    return write_bytes(path, workbook_bytes(fit))


def workbook_bytes(fit: StagedFit) -> bytes:
    """Return the workbook of a fit as the bytes of an .xlsx file; equal fits give equal bytes."""
    return sheets_bytes(fit_sheets(fit))


def sheets_bytes(sheets: Mapping[str, Rows]) -> bytes:
    """Return sheets (name -> head and rows) as the bytes of an .xlsx file."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    def plain(cell: str) -> str:  # no worksheet holds a control character, as a file's name may
        return ILLEGAL_CHARACTERS_RE.sub("\ufffd", neutral_cell(cell))

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([plain(cell) if isinstance(cell, str) else cell for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for number in range(1, len(rows[0]) + 1):
            longest = max(
                (len(str(row[number - 1])) for row in rows if row[number - 1] is not None), default=0
            )
            sheet.column_dimensions[get_column_letter(number)].width = min(longest + 2, _WIDEST)
    buffer = BytesIO()
    book.save(buffer)
    return _undated(buffer.getvalue())


def _undated(workbook: bytes) -> bytes:
    """Take the moment of writing out of a workbook, so that equal content is an equal file."""
    result = BytesIO()
    with ZipFile(BytesIO(workbook)) as old, ZipFile(result, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"1980-01-01T00:00:00Z", content)
            new.writestr(ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, ZIP_DEFLATED)
    return result.getvalue()


@save_workbook.register(StagedFit)
def _(fit: StagedFit, path: str | os.PathLike[str]) -> Path:
    return write_workbook(fit, path)
