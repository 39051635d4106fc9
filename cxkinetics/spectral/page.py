"""Whole-spectrum fits and their witnesses as text and as a page."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.atomic import neutral_cell, replace_directory, write_text
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.kinetics.folder import require_replaceable
from cxkinetics.report.blocks import Block, Code, Fact, Notes, Page, Paragraph, Picture, Section, Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.page import render_page
from cxkinetics.report.present import as_text
from cxkinetics.report.style import detached_figure, figure_style, save_figure, svg_text
from cxkinetics.report.time_units import TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.figures import plot_spectra
from cxkinetics.spectral.analysis import SpectralAnalysis
from cxkinetics.spectral.figures import draw_rank, draw_spectra_fit, draw_witnesses
from cxkinetics.spectral.isosbestic import IsosbesticPoint
from cxkinetics.spectral.rank import Rank
from cxkinetics.spectral.result import SpectraFit
from cxkinetics.spectral.witness_result import TwoWitnesses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = {"profile": "profile", "wald": "Wald", "fixed": "given", "bound": "bound"}


def format_spectra_fit(
    fit: SpectraFit, *, time_unit: str = "s", width: int = TERMINAL_WIDTH, warnings: bool = True
) -> str:
    """Return a whole-spectrum fit as text.

    Parameters
    ----------
    fit : SpectraFit
        The result.
    time_unit : str
        Unit of times and rate constants in the text: "s", "ms", "min" or "h".
    width : int
        Longest line, in characters.
    warnings : bool
        Whether the warnings stand in the text (the command line says them elsewhere).
    """
    unit = unit_called(time_unit)
    parts = [wrapped(spectra_title(fit, unit), hang=2, width=width)]
    for series in fit.series:
        if series.source.simulated:
            note = series.source.note
            parts.append(wrapped("SIMULATED DATA" + (f": {note}" if note else ""), hang=2, width=width))
            break
    parts += ["", aligned(rate_table(fit, unit), width=width), ""]
    parts.append(wrapped(fit_criteria(fit), indent=2, hang=2, width=width))
    parts.append(wrapped(rank_text(fit.rank), indent=2, hang=2, width=width))
    parts.append(wrapped(_species_line(fit), indent=2, hang=2, width=width))
    if fit.flags:
        parts.append(wrapped(f"flags: {'; '.join(fit.flags)}", indent=2, hang=2, width=width))
    if fit.warnings and warnings:
        parts.append("")
        parts += [wrapped(f"! {remark.text}", indent=2, hang=2, width=width) for remark in fit.warnings]
    parts += ["", wrapped(f"Order of the species: {fit.order.text}", hang=2, width=width)]
    return "\n".join(parts)


def spectra_title(fit: SpectraFit, unit: TimeUnit) -> str:
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


def rate_table(fit: SpectraFit, unit: TimeUnit) -> Table:
    """Return rate constants, breakpoints and observed rates as a table."""
    rows = [_row(rate.name, unit.estimate(rate.estimate), rate.steps) for rate in fit.rates]
    for number, estimate in enumerate(fit.breakpoints_s, 1):
        name = "breakpoint" if len(fit.breakpoints_s) == 1 else f"breakpoint {number}"
        rows.append(_row(name, unit.estimate(estimate), "the rate constants change"))
    free = [rate.estimate for rate in fit.rates]
    if any(estimate.value is None for estimate in free) or len(fit.observed_rates) != len(free):
        for number, estimate in enumerate(fit.observed_rates, 1):
            rows.append(_row(f"observed rate {number}", unit.estimate(estimate), "what the spectra show"))
    level = fit.options.get("confidence", 0.95)
    return Table(("", "value", f"{100 * level:g} % interval", "unit", "method", "step"), tuple(rows))


def _row(name: str, estimate: Estimate, what: str) -> tuple[str, ...]:
    value, interval = _value_and_interval(estimate)
    if estimate.reason:
        what = f"{what} ({estimate.reason})" if what else estimate.reason
    return name, value, interval, estimate.unit, _METHODS.get(estimate.method, estimate.method), what


def _value_and_interval(estimate: Estimate) -> tuple[str, str]:
    if estimate.value is None:
        return "not determined", ""
    text = str(estimate).removesuffix(f" ({estimate.reason})").removesuffix(f" {estimate.unit}")
    value, bracket, rest = text.partition(" [")
    return value, f"[{rest}" if bracket else ""


def fit_criteria(fit: SpectraFit) -> str:
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
    if noise.ar1:
        parts.append(f"AR(1) noise {noise.ar1:.2f} whitened")
    elif noise.lag1_autocorrelation is not None:
        parts.append(f"lag-1 autocorrelation {noise.lag1_autocorrelation:.2f}")
    if noise.error_factor > 1:
        parts.append(f"standard errors widened {noise.error_factor:.2g}-fold")
    return "; ".join(part for part in parts if part)


def rank_text(rank: Rank) -> str:
    """Return the rank in one sentence."""
    values = ", ".join(f"{value:.3g}" for value in rank.singular_values[:4])
    limits = ", ".join(f"{value:.3g}" for value in rank.thresholds[:4])
    shares = ", ".join(_largest(rank, k) for k in range(min(4, rank.singular_values.size)))
    return (
        f"rank {rank.n_components} by the noise (sd {rank.noise_sd:.2g}): singular values {values}, "
        f"noise alone stays below {limits}; largest contributions {shares} AU"
    )


def _largest(rank: Rank, k: int) -> str:
    size = rank.singular_values[k] * np.abs(rank.in_time[:, k]).max() * np.abs(rank.in_wavelength[k]).max()
    return f"{size:.2g}"


def rank_table(rank: Rank) -> Table:
    """Return singular values with thresholds and smoothness as a table."""
    rows = tuple(
        (
            str(k + 1),
            f"{rank.singular_values[k]:.4g}",
            f"{rank.thresholds[k]:.3g}",
            _largest(rank, k),
            f"{rank.smooth_in_time[k]:.2f}",
            f"{rank.smooth_in_wavelength[k]:.2f}",
        )
        for k in range(min(rank.singular_values.size, 6))
    )
    header = (
        "component",
        "singular value",
        "noise stays below",
        "largest contribution",
        "lag-1 in time",
        "lag-1 in wavelength",
    )
    return Table(header, rows, note=rank.note, numeric=(1, 2, 3, 4, 5))


def _species_line(fit: SpectraFit) -> str:
    tops = []
    item = fit.spectra[0]
    for name, values in zip(item.species, item.values, strict=True):
        if not np.isfinite(values).all():
            tops.append(f"{name} not determined")
            continue
        top = int(np.argmax(values))
        tops.append(f"{name} {values[top]:.3g} at {item.wavelength_nm[top]:g} nm")
    return "highest point of each species spectrum: " + "; ".join(tops)


def format_witnesses(
    result: TwoWitnesses, *, time_unit: str = "s", width: int = TERMINAL_WIDTH, warnings: bool = True
) -> str:
    """Return both witnesses as text; parameters as for `format_spectra_fit`."""
    unit = unit_called(time_unit)
    trace = result.trace
    name = trace.source.file or trace.label or "trace"
    parts = [wrapped(f"Two witnesses of a breakpoint: {name}, {trace.n_points} points", hang=2, width=width)]
    if trace.source.simulated:
        note = trace.source.note
        parts.append(wrapped("SIMULATED DATA" + (f": {note}" if note else ""), hang=2, width=width))
    parts += ["", aligned(witness_table(result, unit), width=width)]
    if result.agreement_p is not None:
        text = f"both are one breakpoint: {format_p(result.agreement_p)}; difference {result.difference}"
        parts.append(wrapped(text, indent=2, hang=2, width=width))
    parts += ["", aligned(model_table(result, unit), width=width)]
    if result.populations is not None:
        parts += [
            "",
            wrapped(f"by the whole spectrum: {result.populations.text}", indent=2, hang=2, width=width),
        ]
    if result.warnings and warnings:
        parts.append("")
        parts += [wrapped(f"! {remark.text}", indent=2, hang=2, width=width) for remark in result.warnings]
    parts += ["", wrapped(f"Verdict ({result.verdict}): {result.text}", hang=2, width=width)]
    return "\n".join(parts)


def witness_table(result: TwoWitnesses, unit: TimeUnit) -> Table:
    """Return breakpoints, rates and positions as a table."""
    rows = [
        _row("breakpoint by the rate", unit.estimate(result.absorbance), ""),
        _row("end of the peak's shift", unit.estimate(result.position), ""),
        _row("both taken as one", unit.estimate(result.together), ""),
        *(
            _row(estimate.name, unit.estimate(estimate), f"stage {i}")
            for i, estimate in enumerate(result.rates, 1)
        ),
        _row("peak at the start", result.peak_start, ""),
        _row("peak after the shift", result.peak_end, ""),
        _row("shift", result.shift, ""),
        _row("sequential: k1 at least", unit.estimate(result.bound), ""),
    ]
    level = result.options.get("confidence", 0.95)
    return Table(("", "value", f"{100 * level:g} % interval", "unit", "method", "note"), tuple(rows))


def model_table(result: TwoWitnesses, unit: TimeUnit) -> Table:
    """Return the models of both signals, best first."""
    rows = []
    for model in result.models:
        numbers = dict(model.parameters)
        shown = [
            f"{name} {numbers[name] * unit.seconds:.4g} 1/{unit.sign}"
            for name in ("k1", "k2")
            if name in numbers
        ]
        if "tb" in numbers:
            shown.append(f"tb {numbers['tb'] / unit.seconds:.4g} {unit.sign}")
        if "q" in numbers:
            shown.append(f"q {numbers['q']:.3g}")
        shown.append(f"{numbers['start_nm']:.1f} -> {numbers['end_nm']:.1f} nm")
        delta = "" if model.delta_aicc is None else f"{model.delta_aicc:.1f}"
        note = f"; {model.note}" if model.note else ""
        rows.append((model.model, str(model.n_parameters), delta, ", ".join(shown) + note))
    return Table(("both signals", "K", "dAICc", "parameters"), tuple(rows), numeric=(1, 2))


def isosbestic_lines(points: Sequence[IsosbesticPoint]) -> list[str]:
    """Return one line per isosbestic point, or one that says there is none."""
    if not points:
        return ["isosbestic points: none that holds"]
    return [f"isosbestic point {point}" for point in points]


@as_text.register(SpectraFit)
def _(fit: SpectraFit, **options: Any) -> str:
    return format_spectra_fit(fit, **options)


@as_text.register(TwoWitnesses)
def _(result: TwoWitnesses, **options: Any) -> str:
    return format_witnesses(result, **options)


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
