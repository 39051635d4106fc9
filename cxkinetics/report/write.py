"""What `--out DIR` writes: one folder per fit, whole or not at all, and the summary of a batch."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxkinetics.atomic import replace_directory, write_bytes, write_text
from cxkinetics.errors import UsageError
from cxkinetics.estimate import json_text
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.batch_page import batch_page, draw_overview, overview_ratio
from cxkinetics.report.fit_page import fit_page
from cxkinetics.report.page import render_page
from cxkinetics.report.pictures import FitPictures, draw_pictures
from cxkinetics.report.replicates import replicate_rows, replicates_of
from cxkinetics.report.staged_files import csv_text, rivals_csv, stages_csv, summary_csv, trace_csv
from cxkinetics.report.style import detached_figure, save_figure
from cxkinetics.report.workbook import workbook_bytes
from cxkinetics.signals.spectra import SpectralSeries

__all__ = [
    "FIT_FILES",
    "require_batch_place",
    "require_no_file",
    "require_replaceable",
    "write_batch",
    "write_fit",
]

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
