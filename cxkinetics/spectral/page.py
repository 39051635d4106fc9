"""What whole-spectrum results say: their tables, what print shows, report and folder of an analysis."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.document import cells
from cxkinetics.document.folder import write_folder
from cxkinetics.document.page import (
    Block,
    Code,
    Fact,
    Figure,
    Notes,
    Page,
    Paragraph,
    Section,
    simulated_line,
    warning_notes,
)
from cxkinetics.document.table import Column, Table
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.estimate import Estimate, format_p, json_text
from cxkinetics.signals.trace import Trace

if TYPE_CHECKING:
    from cxkinetics.spectral.analysis import SpectralAnalysis
    from cxkinetics.spectral.isosbestic import IsosbesticPoint
    from cxkinetics.spectral.rank import Rank
    from cxkinetics.spectral.result import SpectraFit, TwoWitnesses

_METHODS = {"wald": "Wald", "fixed": "given"}
_SHOWN_COMPONENTS = 6


def _number_table(rows: Sequence[tuple[str, Estimate, str]], options: Any, last: str) -> Table:
    """Return one row per named estimate; a reason stands behind what is said of it in the last column."""
    level = options.get("confidence", 0.95)
    columns = [
        Column(""),
        Column("value", format=cells.value),
        Column(f"{100 * level:g} % interval", format=cells.bracket),
        Column("unit", format=cells.unit),
        Column("method"),
        Column(last),
    ]

    def row(name: str, e: Estimate, what: str) -> tuple[Any, ...]:
        said = f"{what} ({e.reason})" if what and e.reason else what or e.reason
        return name, e, e, e, _METHODS.get(e.method, e.method), said

    return Table(columns, [row(*item) for item in rows])


# ---- a global fit ------------------------------------------------------------------------------------


def fit_title(fit: "SpectraFit", unit: TimeUnit) -> str:
    """Return name, scheme and size of a fit in one line."""
    first = fit.series[0]
    name = first.source.file or first.label or "spectra"
    if len(fit.series) > 1:
        name += f" and {len(fit.series) - 1} more"
    sizes = {(item.time_s.size, item.wavelength_nm.size) for item in fit.series}
    size = " and ".join(f"{n} spectra x {m} wavelengths" for n, m in sorted(sizes, reverse=True)[:2])
    axis = first.wavelength_nm
    span = f"{unit.number(float(first.time_s[0]))}-{unit.number(float(first.time_s[-1]))} {unit.sign}"
    return f"{name}: {fit.scheme}; {size}, {span}, {axis[0]:g}-{axis[-1]:g} nm"


def rate_table(fit: "SpectraFit") -> Table:
    """Return rate constants and breakpoints; observed rates only where they say what those do not."""
    rows = [(rate.name, rate.estimate, rate.steps) for rate in fit.rates]
    for number, estimate in enumerate(fit.breakpoints_s, 1):
        name = "breakpoint" if len(fit.breakpoints_s) == 1 else f"breakpoint {number}"
        rows.append((name, estimate, "the rate constants change"))
    if fit.start_up_s is not None and (fit.start_s or fit.options.get("start_up") == "auto"):
        rows.append(("start-up time", fit.start_up_s, "mixing or the instrument"))
    lost = any(estimate.value is None for estimate in fit.rate_constants)
    if lost or len(fit.observed_rates) != len(fit.rates):
        observed = enumerate(fit.observed_rates, 1)
        rows += [(f"observed rate {i}", estimate, "what the spectra show") for i, estimate in observed]
    return _number_table(rows, fit.options, "step")


def fit_criteria(fit: "SpectraFit") -> str:
    """Return degrees of freedom, criteria and noise in one line."""
    noise = fit.noise
    unit = fit.series[0].unit
    parts = [
        f"{fit.n_cells} readings, {fit.n_amplitudes} amplitudes, dof {fit.dof}",
        f"residual sd {noise.sd:.3g} {unit}" if noise.sd is not None else "",
        f"AICc {fit.aicc:.1f}" if fit.aicc is not None else "",
    ]
    kind = str(fit.options.get("baseline", "none"))
    if kind != "none":
        how = "subtracted" if fit.options.get("baseline_region_nm") else "fitted with the kinetics"
        size = max((float(np.abs(item).max()) for item in fit.baselines if item.size), default=0.0)
        largest = f" (coefficients up to {size:.2g} {unit})" if size else ""
        parts.append(f"{kind} baseline of each spectrum {how}{largest}")
    if noise.model == "photometric":
        parts.append("noise grows with absorbance, readings weighted")
    if noise.ar1:
        parts.append(f"AR(1) noise {noise.ar1:.2f} whitened")
    elif noise.lag1_autocorrelation is not None:
        parts.append(f"lag-1 autocorrelation {noise.lag1_autocorrelation:.2f}")
    if noise.error_factor > 1:
        parts.append(f"standard errors widened {noise.error_factor:.2g}-fold")
    return "; ".join(part for part in parts if part)


def shared_text(fit: "SpectraFit") -> str:
    """Return in one line what `cxkinetics fit` knows of noise and start that this fit does not."""
    lacking = ["slow wander", "noise by place", "heavy tails"]
    if fit.noise.model == "photometric":
        lacking.insert(0, "correlation in time beside growing noise (errors widen by it)")
    text = f"Not taken into account here, but by cxkinetics fit on a trace: {', '.join(lacking)}"
    if fit.options.get("start_up", "none") == "none":
        text += "; mixing is taken as instantaneous (--start-up auto fits its time)"
    return f"{text}."


def rank_text(rank: "Rank") -> str:
    """Return the rank in one sentence."""
    values = ", ".join(f"{value:.3g}" for value in rank.singular_values[:4])
    limits = ", ".join(f"{value:.3g}" for value in rank.thresholds[:4])
    shares = ", ".join(f"{_largest(rank, k):.2g}" for k in range(min(4, rank.singular_values.size)))
    return (
        f"rank {rank.n_components} by the noise (sd {rank.noise_sd:.2g}): singular values {values}, "
        f"noise alone stays below {limits}; largest contributions {shares} AU"
    )


def _largest(rank: "Rank", k: int) -> float:
    """Return the largest value that a component adds anywhere."""
    size = np.abs(rank.in_time[:, k]).max() * np.abs(rank.in_wavelength[k]).max()
    return float(rank.singular_values[k] * size)


def rank_table(rank: "Rank") -> Table:
    """Return singular values with thresholds and smoothness as a table."""
    formats = {
        "component": "d",
        "singular value": ".4g",
        "noise stays below": ".3g",
        "largest contribution": ".2g",
        "lag-1 in time": ".2f",
        "lag-1 in wavelength": ".2f",
    }
    columns = [Column(head, format=said, numeric=head != "component") for head, said in formats.items()]
    found = (rank.singular_values, rank.thresholds, rank.smooth_in_time, rank.smooth_in_wavelength)
    rows = [
        (k + 1, value, threshold, _largest(rank, k), *smooth)
        for k, (value, threshold, *smooth) in enumerate(zip(*found, strict=True))
    ]
    return Table(columns, rows[:_SHOWN_COMPONENTS], note=rank.note)


def _species_line(fit: "SpectraFit") -> str:
    tops = []
    item = fit.spectra[0]
    for name, values in zip(item.species, item.values, strict=True):
        if not np.isfinite(values).all():
            tops.append(f"{name} not determined")
            continue
        top = int(np.argmax(values))
        tops.append(f"{name} {values[top]:.3g} at {item.wavelength_nm[top]:g} nm")
    return "highest point of each species spectrum: " + "; ".join(tops)


def fit_brief(fit: "SpectraFit", unit: TimeUnit) -> Section:
    """Return what `print` shows of a global fit."""
    simulated = next((item.source for item in fit.series if item.source.simulated), fit.series[0].source)
    blocks: list[Block] = [
        *simulated_line(simulated),
        replace(rate_table(fit), gap=True),
        Paragraph(fit_criteria(fit), gap=True),
        Paragraph(shared_text(fit)),
        Paragraph(rank_text(fit.rank)),
        Paragraph(_species_line(fit)),
        *([Paragraph(f"flags: {'; '.join(fit.flags)}")] if fit.flags else []),
        *warning_notes(fit.warnings),
        Paragraph(f"Order of the species: {fit.order.text}", indent=0, gap=True),
    ]
    return Section(fit_title(fit, unit), blocks, unit)


def fit_figures(fit: "SpectraFit", unit: TimeUnit, peak: Trace | None = None) -> tuple[Figure, ...]:
    """Return the figures of a global fit; with `peak`, the spectra show its path."""
    from cxkinetics.document.figure import on_axes
    from cxkinetics.signals.figures import plot_spectra
    from cxkinetics.spectral.figures import draw_rank, draw_spectra_fit

    sign, first = unit.sign, fit.series[0]
    return (
        _figure("fit", partial(draw_spectra_fit, fit, time_unit=sign), 1.0),
        _figure("rank", partial(draw_rank, first, time_unit=sign), 0.62),
        _figure("spectra", partial(on_axes, plot_spectra, first, peak=peak, time_unit=sign), 0.8, "single"),
    )


_WORDS = {
    "spectra": "Spectra coloured by time, with the path of the tracked peak.",
    "fit": "Maps of data, fit and residual (in units of the noise); species spectra with two standard "
    "errors; concentrations; the two leading singular vectors of the residual.",
    "rank": "Singular values against what noise alone reaches; the leading singular vectors in time and in "
    "wavelength; evolving factors, forward (lines) and backward (dashes).",
    "witnesses": "Height and position of the peak with the staged and the best smooth model; intervals of "
    "both breakpoints as bands; profiles of the breakpoint below.",
}


def _figure(name: str, draw: Any, aspect: float, width: str = "double") -> Figure:
    return Figure(name, draw, _WORDS[name], _WORDS[name], width=width, aspect=aspect)


# ---- two witnesses -----------------------------------------------------------------------------------


def witness_table(result: "TwoWitnesses") -> Table:
    """Return breakpoints, rates and positions as a table."""
    rows = [
        ("breakpoint by the rate", result.absorbance, ""),
        ("end of the peak's shift", result.position, ""),
        ("both taken as one", result.together, ""),
        *((estimate.name, estimate, f"stage {i}") for i, estimate in enumerate(result.rates, 1)),
        ("peak at the start", result.peak_start, ""),
        ("peak after the shift", result.peak_end, ""),
        ("shift", result.shift, ""),
        ("sequential: k1 at least", result.bound, ""),
    ]
    return _number_table(rows, result.options, "note")


def model_table(result: "TwoWitnesses", unit: TimeUnit) -> Table:
    """Return the models of both signals, best first."""
    rows = []
    for model in result.models:
        numbers = model.parameters
        shown = [
            f"{name} {unit.value(numbers[name], '1/s'):.4g} 1/{unit.sign}"
            for name in ("k1", "k2")
            if name in numbers
        ]
        if "tb" in numbers:
            shown.append(f"tb {unit.value(numbers['tb'], 's'):.4g} {unit.sign}")
        if "q" in numbers:
            shown.append(f"q {numbers['q']:.3g}")
        shown.append(f"{numbers['start_nm']:.1f} -> {numbers['end_nm']:.1f} nm")
        note = f"; {model.note}" if model.note else ""
        rows.append((model.model, model.n_parameters, model.delta_aicc, ", ".join(shown) + note))
    columns = [
        Column("both signals"),
        Column("K", numeric=True),
        Column("dAICc", format=".1f", numeric=True, missing=""),
        Column("parameters"),
    ]
    return Table(columns, rows)


def witness_brief(result: "TwoWitnesses", unit: TimeUnit) -> Section:
    """Return what `print` shows of both witnesses."""
    trace = result.trace
    name = trace.source.file or trace.label or "trace"
    blocks: list[Block] = [*simulated_line(trace.source), replace(witness_table(result), gap=True)]
    if result.agreement_p is not None:
        text = f"both are one breakpoint: {format_p(result.agreement_p)}; difference {result.difference}"
        blocks.append(Paragraph(text))
    blocks.append(replace(model_table(result, unit), gap=True))
    if result.populations is not None:
        blocks.append(Paragraph(f"by the whole spectrum: {result.populations.text}", gap=True))
    blocks += warning_notes(result.warnings)
    blocks.append(Paragraph(f"Verdict ({result.verdict}): {result.text}", indent=0, gap=True))
    return Section(f"Two witnesses of a breakpoint: {name}, {trace.n_points} points", blocks, unit)


def witness_figures(result: "TwoWitnesses", unit: TimeUnit) -> tuple[Figure, ...]:
    """Return the figure of both witnesses."""
    from cxkinetics.spectral.figures import draw_witnesses

    return (_figure("witnesses", partial(draw_witnesses, result, time_unit=unit.sign), 0.62),)


# ---- an analysis -------------------------------------------------------------------------------------


def isosbestic_lines(points: "Sequence[IsosbesticPoint]") -> list[str]:
    """Return one line per isosbestic point, or one that says there is none."""
    return [f"isosbestic point {point}" for point in points] or ["isosbestic points: none that holds"]


def analysis_brief(found: "SpectralAnalysis", unit: TimeUnit) -> Section:
    """Return what `print` and the command line show: the fit, isosbestic points, both witnesses."""
    fit = fit_brief(found.fit, unit)
    lines = isosbestic_lines(found.isosbestic)
    blocks: list[Block] = [*fit.blocks, *(Paragraph(line, indent=0, gap=line is lines[0]) for line in lines)]
    if found.witnesses is not None:
        witnesses = witness_brief(found.witnesses, unit)
        blocks += [Paragraph(witnesses.title, indent=0, gap=True), *witnesses.blocks]
    blocks += warning_notes(found.warnings)
    return Section(fit.title, blocks, unit)


def analysis_figures(found: "SpectralAnalysis", unit: TimeUnit) -> tuple[Figure, ...]:
    """Return the figures of fit and witnesses, that of the fit first."""
    if found.witnesses is None:
        return fit_figures(found.fit, unit)
    peak = found.witnesses.trace
    return (*fit_figures(found.fit, unit, peak), *witness_figures(found.witnesses, unit))


def analysis_page(found: "SpectralAnalysis", unit: TimeUnit, *, command: str = "") -> Page:
    """Return the report of one analysis.

    Parameters
    ----------
    found : SpectralAnalysis
        What to report.
    unit : TimeUnit
        Of its times and rates.
    command : str
        The command as it was typed.
    """
    fit, witnesses = found.fit, found.witnesses
    first = fit.series[0]
    name = Path(first.source.file).name or first.label or "spectra"
    drawn = {figure.name: figure for figure in analysis_figures(found, unit)}
    rates: list[Block] = [
        rate_table(fit),
        Paragraph(fit_criteria(fit)),
        Paragraph(shared_text(fit)),
        Paragraph(f"Order of the species: {fit.order.text}"),
        drawn["fit"],
    ]
    rank: list[Block] = [
        Paragraph(rank_text(fit.rank)),
        rank_table(fit.rank),
        Notes(tuple(isosbestic_lines(found.isosbestic))),
        drawn["rank"],
    ]
    sections = [
        Section("Spectra", [drawn["spectra"]]),
        Section("Global fit", rates, unit),
        Section("Rank and isosbestic points", rank),
    ]
    if witnesses is not None:
        blocks: list[Block] = [
            Paragraph(witnesses.text, strong=True),
            witness_table(witnesses),
            model_table(witnesses, unit),
        ]
        if witnesses.populations is not None:
            blocks.append(Paragraph(f"By the whole spectrum: {witnesses.populations.text}"))
        sections.append(Section("Two witnesses of a breakpoint", [*blocks, drawn["witnesses"]], unit))
    remarks = tuple(dict.fromkeys(remark.text for remark in found.remarks))
    if remarks:
        sections.append(Section("Remarks", [Notes(remarks, alert=True)]))
    if command:
        sections.append(Section("How to repeat this", [Code(command)]))
    origins = [f"{item.source.file or item.label}: sha256 {item.source.sha256}" for item in fit.series]
    return Page(
        title=f"{name}: {fit.scheme}",
        summary=f"{fit_title(fit, unit)}. Order of the species: {fit.order.text}.",
        sections=sections,
        simulated=any(source.simulated for source in fit.sources()),
        facts=tuple(
            Fact.of(f"{rate.name}, {rate.steps}", unit.estimate(rate.estimate)) for rate in fit.rates[:3]
        ),
        footer=(f"cxkinetics {fit.version}", *origins),
    )


def analysis_data(found: "SpectralAnalysis") -> list[Table]:
    """Return the CSV files of the folder: rates, species spectra, concentrations and the peak's path."""
    fit = found.fit
    labels = [series.label or f"run {number}" for number, series in enumerate(fit.series, 1)]
    numbers = fit.table()
    spectra = [
        (label, name, *point)
        for label, item in zip(labels, fit.spectra, strict=True)
        for name, values, errors in zip(item.species, item.values, item.errors, strict=True)
        for point in zip(item.wavelength_nm, values, errors, strict=True)
    ]
    profiles = [
        (label, time, *row)
        for label, series in zip(labels, fit.series, strict=True)
        for time, row in zip(series.time_s, fit.concentrations(series.time_s), strict=True)
    ]
    tables = [
        Table.of_rows("rates", ["quantity", *numbers.columns], numbers.itertuples(name=None)),
        Table.of_rows("species_spectra", ["run", "species", "wavelength_nm", "value", "se"], spectra),
        Table.of_rows("concentrations", ["run", "time_s", *fit.species], profiles),
    ]
    if found.witnesses is not None:
        trace = found.witnesses.trace
        nothing = np.full(trace.n_points, np.nan)
        place = [nothing if part is None else part for part in (trace.peak_nm, trace.peak_nm_se)]
        path = zip(trace.time_s, trace.absorbance, *place, strict=True)
        tables.append(Table.of_rows("peak_path", ["time_s", "height", "peak_nm", "peak_nm_se"], path))
    return tables


def write_spectra(
    found: "SpectralAnalysis",
    directory: Path,
    *,
    command: str = "",
    time_unit: str = "s",
    origins: Sequence[str] = (),
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
    origins : sequence of str
        Paths of the inputs as seen from the folder, by which a later run knows its own result.

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
    stored = found.fit._written(True) | ({"origins": list(origins)} if origins else {})
    texts = {"spectra.json": json_text(stored) + "\n"}
    if found.witnesses is not None:
        texts["witnesses.json"] = found.witnesses.to_json() + "\n"
    return write_folder(
        directory,
        analysis_page(found, unit_called(time_unit), command=command),
        mark="spectra.json",
        texts=texts,
        tables=analysis_data(found),
        digits=9,
    )
