"""What `cxkinetics spectra --out DIR` writes: JSON, tables, figures and a self-contained report."""

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.atomic import neutral_cell, replace_directory, write_text
from cxkinetics.report.blocks import Block, Code, Fact, Notes, Page, Paragraph, Picture, Section
from cxkinetics.report.page import render_page
from cxkinetics.report.spectra_figures import plot_spectra
from cxkinetics.report.spectral_figures import draw_spectra_fit, draw_witnesses
from cxkinetics.report.spectral_rank_figures import draw_rank
from cxkinetics.report.spectral_text import (
    fit_criteria,
    isosbestic_lines,
    model_table,
    rank_table,
    rank_text,
    rate_table,
    spectra_title,
    witness_table,
)
from cxkinetics.report.style import detached_figure, figure_style, save_figure, svg_text
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.report.write import require_replaceable
from cxkinetics.spectral.analysis import SpectralAnalysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["spectral_page", "write_spectra"]

_WORDS = {
    "spectra": "Spectra coloured by time, with the path of the tracked peak.",
    "fit": "Maps of data, fit and residual (in units of the noise); species spectra with two standard "
    "errors; concentrations; the two leading singular vectors of the residual.",
    "rank": "Singular values against what noise alone reaches; the leading singular vectors in time and in "
    "wavelength; evolving factors, forward (lines) and backward (dashes).",
    "witnesses": "Height and position of the peak with the staged and the best smooth model; intervals of "
    "both breakpoints as bands; profiles of the breakpoint below.",
}


def write_spectra(
    found: SpectralAnalysis, directory: Path, *, command: str = "", time_unit: str = "s"
) -> Path:
    """Write the folder of one analysis, whole or not at all.

    Parameters
    ----------
    found : SpectralAnalysis
        What to write.
    directory : Path
        The folder to make, or to replace as a whole.
    command : str
        The command as it was typed.
    time_unit : str
        Of tables and figures: "s", "ms", "min" or "h".

    Returns
    -------
    Path
        The folder, with spectra.json, rates.csv, species_spectra.csv, concentrations.csv,
        peak_path.csv, the figures and report.html.

    Raises
    ------
    UsageError
        If the folder holds something else than an earlier result.
    """
    require_replaceable(directory, "spectra.json")
    figures = _figures(found, time_unit)
    with replace_directory(directory) as fresh:
        write_text(fresh / "spectra.json", found.fit.to_json() + "\n")
        if found.witnesses is not None:
            write_text(fresh / "witnesses.json", found.witnesses.to_json() + "\n")
            write_text(fresh / "peak_path.csv", _path_csv(found))
        write_text(fresh / "rates.csv", _rates_csv(found))
        write_text(fresh / "species_spectra.csv", _species_csv(found))
        write_text(fresh / "concentrations.csv", _concentrations_csv(found))
        pictures = {}
        for name, figure in figures.items():
            save_figure(figure, fresh / name, ("png", "pdf"))
            pictures[name] = svg_text(figure)
            write_text(fresh / f"{name}.svg", pictures[name])
        page = spectral_page(found, pictures, command=command, time_unit=time_unit)
        write_text(fresh / "report.html", render_page(page))
    return directory


def _figures(found: SpectralAnalysis, time_unit: str) -> "dict[str, Figure]":
    figures = {"spectra": detached_figure("single", 0.8), "fit": detached_figure("double", 1.0)}
    peak = None if found.witnesses is None else found.witnesses.trace
    with figure_style():
        plot_spectra(found.fit.series[0], peak=peak, ax=figures["spectra"].add_subplot(), time_unit=time_unit)
    draw_spectra_fit(found.fit, figure=figures["fit"], time_unit=time_unit)
    figures["rank"] = detached_figure("double", 0.62)
    draw_rank(found.fit.series[0], figure=figures["rank"], time_unit=time_unit)
    if found.witnesses is not None:
        figures["witnesses"] = detached_figure("double", 0.62)
        draw_witnesses(found.witnesses, figure=figures["witnesses"], time_unit=time_unit)
    return figures


def spectral_page(
    found: SpectralAnalysis, pictures: dict[str, str], *, command: str = "", time_unit: str = "s"
) -> Page:
    """Return the report of one analysis as a page.

    Parameters
    ----------
    found : SpectralAnalysis
        What to report.
    pictures : mapping
        Name -> SVG text: "spectra", "fit", "rank" and, where there are witnesses, "witnesses".
    command : str
        The command as it was typed.
    time_unit : str
        "s", "ms", "min" or "h".
    """
    unit = unit_called(time_unit)
    fit, witnesses = found.fit, found.witnesses
    first = fit.series[0]
    name = Path(first.source.file).name or first.label or "spectra"

    def picture(key: str) -> Picture:
        return Picture(pictures[key], _WORDS[key], _WORDS[key])

    rates: list[Block] = [
        rate_table(fit, unit),
        Paragraph(fit_criteria(fit)),
        Paragraph(f"Order of the species: {fit.order.text}"),
        picture("fit"),
    ]
    rank: list[Block] = [
        Paragraph(rank_text(fit.rank)),
        rank_table(fit.rank),
        Notes(tuple(isosbestic_lines(found.isosbestic))),
        picture("rank"),
    ]
    sections = [
        Section("Spectra", (picture("spectra"),)),
        Section("Global fit", tuple(rates)),
        Section("Rank and isosbestic points", tuple(rank)),
    ]
    if witnesses is not None:
        blocks: list[Block] = [
            Paragraph(witnesses.text, strong=True),
            witness_table(witnesses, unit),
            model_table(witnesses, unit),
        ]
        if witnesses.populations is not None:
            blocks.append(Paragraph(f"By the whole spectrum: {witnesses.populations.text}"))
        sections.append(Section("Two witnesses of a breakpoint", (*blocks, picture("witnesses"))))
    remarks = _warnings(found)
    if remarks:
        sections.append(Section("Remarks", (Notes(remarks, alert=True),)))
    if command:
        sections.append(Section("How to repeat this", (Code(command),)))
    facts = [
        Fact(f"{rate.name}, {rate.steps}", *_fact(unit.estimate(rate.estimate))) for rate in fit.rates[:3]
    ]
    return Page(
        title=f"{name}: {fit.scheme}",
        summary=f"{spectra_title(fit, unit)}. Order of the species: {fit.order.text}.",
        sections=tuple(sections),
        simulated=any(item.source.simulated for item in fit.series),
        facts=tuple(facts),
        footer=tuple(
            [f"cxkinetics {fit.version}"]
            + [f"{item.source.file or item.label}: sha256 {item.source.sha256}" for item in fit.series]
        ),
    )


def _fact(estimate: Any) -> tuple[str, str]:
    if estimate.value is None:
        return "not determined", estimate.reason
    value, _, interval = str(estimate).removesuffix(f" {estimate.unit}").partition(" [")
    return f"{value} {estimate.unit}".strip(), f"[{interval}" if interval else estimate.reason


def _warnings(found: SpectralAnalysis) -> tuple[str, ...]:
    remarks = [*found.fit.warnings, *found.warnings]
    if found.witnesses is not None:
        remarks += list(found.witnesses.warnings)
    return tuple(dict.fromkeys(remark.text for remark in remarks))


def _rates_csv(found: SpectralAnalysis) -> str:
    table = found.fit.table()
    return _csv(
        ["quantity", *table.columns],
        ([name, *row] for name, row in zip(table.index, table.values.tolist(), strict=True)),
    )


def _species_csv(found: SpectralAnalysis) -> str:
    rows = []
    for number, item in enumerate(found.fit.spectra, 1):
        for i, name in enumerate(item.species):
            for wavelength, value, error in zip(
                item.wavelength_nm, item.values[i], item.errors[i], strict=True
            ):
                rows.append([item.label or f"run {number}", name, wavelength, value, error])
    return _csv(["run", "species", "wavelength_nm", "value", "se"], rows)


def _concentrations_csv(found: SpectralAnalysis) -> str:
    fit = found.fit
    rows = []
    for number, series in enumerate(fit.series, 1):
        profiles = fit.concentrations(series.time_s)
        rows += [
            [series.label or f"run {number}", time, *row]
            for time, row in zip(series.time_s, profiles, strict=True)
        ]
    return _csv(["run", "time_s", *fit.species], rows)


def _path_csv(found: SpectralAnalysis) -> str:
    assert found.witnesses is not None
    trace = found.witnesses.trace
    nothing = np.full(trace.n_points, np.nan)
    columns = [
        trace.time_s,
        trace.absorbance,
        nothing if trace.peak_nm is None else trace.peak_nm,
        nothing if trace.peak_nm_se is None else trace.peak_nm_se,
    ]
    return _csv(["time_s", "height", "peak_nm", "peak_nm_se"], zip(*columns, strict=True))


def _csv(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([neutral_cell(cell) for cell in header])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.9g}" if np.isfinite(value) else ""
    return neutral_cell(str(value))
