"""What `--out` writes of fits: one folder each, whole or not at all, and the tables of a batch."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cxkinetics.atomic import neutral_cell, replace_directory, write_bytes, write_text
from cxkinetics.errors import UsageError
from cxkinetics.estimate import json_text
from cxkinetics.kinetics.batch_page import batch_page, draw_overview, overview_ratio
from cxkinetics.kinetics.figures import FitPictures, draw_pictures
from cxkinetics.kinetics.page import fit_page
from cxkinetics.kinetics.replicates import replicate_rows, replicates_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.kinetics.tables import (
    Cell,
    Rows,
    csv_text,
    quantity_estimates,
    rival_rows,
    rivals_csv,
    stage_rows,
    stages_csv,
    summary_csv,
    trace_csv,
    trace_rows,
    verdict_text,
)
from cxkinetics.report.page import render_page
from cxkinetics.report.present import save_workbook
from cxkinetics.report.style import detached_figure, save_figure
from cxkinetics.signals.spectra import SpectralSeries

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


FIT_FILES = (
    "fit.json",
    "stages.csv",
    "trace.csv",
    "rivals.csv",
    "fit.xlsx",
    "report.html",
    "fit.png",
    "fit.svg",
    "fit.pdf",
    "ln.png",
    "ln.svg",
    "ln.pdf",
)
"""The files of every fit's folder; spectra add the figures "spectra" and "peak"."""


def require_replaceable(directory: Path, mark: str) -> None:
    """Refuse to replace a folder that holds something else than an earlier result.

    Parameters
    ----------
    directory : Path
        The folder about to be replaced.
    mark : str
        Name of the file that every earlier result holds.

    Raises
    ------
    UsageError
        If the folder is there, is not empty and lacks the mark (in itself or in folders of traces), or
        if its place is taken by a file.
    """
    require_no_file(directory)
    marked = (directory / mark).is_file() or any(directory.glob(f"trace-*/{mark}"))
    if directory.is_dir() and any(directory.iterdir()) and not marked:
        raise UsageError(
            f"{directory} exists and holds no {mark}, so it is no earlier result and is not replaced; "
            "name another folder with --out"
        )


def require_no_file(directory: Path) -> None:
    """Refuse a folder to be made whose place, or that of a folder above it, is taken by a file.

    Raises
    ------
    UsageError
        With the name of that file.
    """
    taken = next((place for place in (directory, *directory.parents) if place.exists()), None)
    if taken is not None and not taken.is_dir():
        raise UsageError(f"{taken} is a file, and results need a folder; name another with --out")


def require_batch_place(directory: Path) -> None:
    """Refuse a folder of results that is itself one result, whose report a batch would overwrite.

    Raises
    ------
    UsageError
        With the file that gives it away.
    """
    mark = next((m for m in ("spectra.json", "fit.json") if (directory / m).is_file()), None)
    if mark is not None:
        raise UsageError(
            f"{directory} holds {mark}: it is one result, whose report a batch would overwrite; "
            "name another folder with --out"
        )


def write_fit(
    fit: StagedFit,
    directory: str | os.PathLike[str],
    *,
    series: SpectralSeries | None = None,
    command: str = "",
    pictures: FitPictures | None = None,
    time_unit: str = "s",
    origin: str = "",
) -> Path:
    """Write the folder of one fit: `FIT_FILES`, whole or not at all.

    Parameters
    ----------
    fit : StagedFit
        The result; `fit.json` holds all of it (`StagedFit.from_json` reads it back).
    directory : path-like
        The folder to make, or to replace as a whole.
    series : SpectralSeries, optional
        The spectra that the trace was taken from, for the report and two more figures.
    command : str
        The command as it was typed, for the report.
    pictures : FitPictures, optional
        Where they were drawn already.
    time_unit : str
        Of the report and the figures: "s", "ms", "min" or "h"; the tables in CSV stay in s.
    origin : str
        Where the input lies as seen from the folder of all results; `fit.json` keeps it, so that the
        result is not taken for that of another input of the same name.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else than an earlier result.
    """
    target = Path(directory)
    require_replaceable(target, "fit.json")
    with replace_directory(target) as fresh:
        stored = json.loads(fit.to_json()) | ({"origin": origin} if origin else {})
        write_text(fresh / "fit.json", json_text(stored) + "\n")
        write_text(fresh / "stages.csv", stages_csv(fit))
        write_text(fresh / "trace.csv", trace_csv(fit))
        write_text(fresh / "rivals.csv", rivals_csv(fit))
        write_bytes(fresh / "fit.xlsx", workbook_bytes(fit))
        drawn = pictures or draw_pictures(fit, series, time_unit=time_unit)
        for name, figure in drawn.figures.items():
            save_figure(figure, fresh / name, ("png", "pdf"))
            write_text(fresh / f"{name}.svg", drawn.pictures[name].svg)
        page = fit_page(fit, series=series, command=command, pictures=drawn, time_unit=time_unit)
        write_text(fresh / "report.html", render_page(page))
    return target


def write_batch(
    fits: Sequence[StagedFit],
    failures: Sequence[Mapping[str, Any]],
    directory: str | os.PathLike[str],
    *,
    folders: Sequence[str] = (),
    command: str = "",
    time_unit: str = "s",
) -> Path:
    """Write a batch's summary.csv, replicates.csv, report.html and the figure overview (png, svg, pdf).

    Parameters
    ----------
    fits : sequence of StagedFit
        All results, those kept from an earlier run included.
    failures : sequence of mapping
        `file`, `trace`, `error` and `message` of each input that failed.
    directory : path-like
        The folder; each file is replaced whole, folders of single fits are left alone.
    folders : sequence of str
        Name of each fit's own folder in `directory`, for the links; none by default.
    command : str
        The command as it was typed.
    time_unit : str
        Of the report and its figure: "s", "ms", "min" or "h"; the tables in CSV stay in s.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder is the result of another command, whose report would be overwritten.
    """
    target = Path(directory)
    require_batch_place(target)
    target.mkdir(parents=True, exist_ok=True)
    write_text(target / "summary.csv", summary_csv(fits))
    write_text(target / "replicates.csv", csv_text(replicate_rows(replicates_of(fits))))
    if fits:
        figure = draw_overview(
            fits, figure=detached_figure("double", overview_ratio(fits)), time_unit=time_unit
        )
        save_figure(figure, target / "overview", ("png", "svg", "pdf"))
    page = batch_page(fits, failures, folders=folders, command=command, time_unit=time_unit)
    write_text(target / "report.html", render_page(page))
    return target
