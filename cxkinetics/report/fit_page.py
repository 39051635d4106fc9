"""The report of one staged fit as a page: judgement first, then everything it rests on."""

import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.estimate import Estimate, format_p
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import (
    Block,
    Code,
    Fact,
    Gallery,
    Notes,
    Page,
    Paragraph,
    Picture,
    Section,
    Table,
)
from cxkinetics.report.reproduce import command_line, python_lines
from cxkinetics.report.spectra_figures import plot_peak_path, plot_spectra
from cxkinetics.report.staged_figures import draw_staged_fit
from cxkinetics.report.staged_tables import (
    confidence_of,
    correlation_lines,
    fit_title,
    interval_cell,
    loglinear_table,
    name_of,
    noise_text,
    number_cell,
    quantity_estimates,
    quantity_table,
    rival_table,
    stage_table,
)
from cxkinetics.report.staged_text import verdict_text
from cxkinetics.report.style import detached_figure, figure_style, svg_text
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "fact_of",
    "fit_alternative",
    "fit_facts",
    "fit_figures",
    "fit_page",
    "fit_pictures",
    "page_footer",
    "spectra_pictures",
]


def fit_figures(fit: StagedFit) -> dict[str, "Figure"]:
    """Return the figures of a fit for files: "fit" with residuals, and "ln" in ln A."""
    return {
        view: draw_staged_fit(fit, view=view, figure=detached_figure("single", 0.95))
        for view in ("fit", "ln")
    }


def fit_page(
    fit: StagedFit,
    *,
    series: SpectralSeries | None = None,
    command: str = "",
    figures: Mapping[str, "Figure"] | None = None,
) -> Page:
    """Return the report of one fit.

    Parameters
    ----------
    fit : StagedFit
        The result.
    series : SpectralSeries, optional
        The spectra that the trace was taken from; they are then shown with the path of the peak.
    command : str
        The command as it was typed; by default the one rebuilt from the options.
    figures : mapping, optional
        What `fit_figures` returned, where it was drawn already.
    """
    sections = [
        Section("Verdict", _verdict_blocks(fit)),
        Section("Fit", [fit_pictures(fit, figures), stage_table(fit), quantity_table(fit)]),
        Section("The paper's recipe beside", [loglinear_table(fit)]),
        Section("Rival models", [rival_table(fit)] if fit.rivals else [Paragraph("None was fitted.")]),
        Section("Diagnostics", _diagnostic_blocks(fit)),
        Section("What was assumed, masked and left out", _assumption_blocks(fit)),
    ]
    if series is not None:
        sections.insert(2, Section("Spectra", [spectra_pictures(series, fit.trace)]))
    sections.append(Section("Make it again", _reproduction_blocks(fit, command)))
    return Page(
        title=f"Staged kinetics of {name_of(fit)}",
        summary=_sentence(verdict_text(fit)),
        sections=sections,
        simulated=fit.trace.source.simulated,
        facts=fit_facts(fit),
        footer=page_footer(fit),
    )


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def fit_facts(fit: StagedFit) -> tuple[Fact, ...]:
    """Return the numbers shown large: rate constants, breakpoints, their ratio."""
    confidence = confidence_of(fit.options)
    names = [pair for pair in quantity_estimates(fit) if pair[0] not in ("amplitude", "offset")]
    return tuple(fact_of(name, estimate, confidence) for name, estimate in names)


def fact_of(label: str, estimate: Estimate, confidence: float = 0.95) -> Fact:
    """Return one estimate as a number shown large, its interval in small print."""
    value = f"{estimate.format_value()} {estimate.unit}".strip()
    cell = interval_cell(estimate)
    interval = cell[cell.index("[") :] if "[" in cell else ""
    detail = f"{100 * confidence:g} %: {interval}" if interval else estimate.reason
    return Fact(label, value, detail)


def fit_alternative(fit: StagedFit) -> str:
    """Return the figure of a fit in words."""
    trace = fit.trace
    many = "s" if len(fit.stages) > 1 else ""
    rates = _joined(stage.k_per_s for stage in fit.stages)
    words = (
        f"{_simulated(fit)}{trace.n_points} points from {trace.time_s[0]:g} to {trace.time_s[-1]:g} s. "
        f"The signal goes from {trace.absorbance[0]:.3g} to {trace.absorbance[-1]:.3g} {trace.unit}, with "
        f"a fitted line of {len(fit.stages)} first-order stage{many} (k {rates})"
    )
    if fit.breakpoints_s:
        words += f", breakpoint {_joined(fit.breakpoints_s)} drawn as a band"
    return words + "; residuals below."


def _joined(estimates: Iterable[Estimate]) -> str:
    return ", ".join(map(str, estimates))


def _simulated(fit: StagedFit) -> str:
    return "Simulated data. " if fit.trace.source.simulated else ""


def fit_pictures(fit: StagedFit, figures: Mapping[str, "Figure"] | None = None) -> Gallery:
    """Return the pictures of a fit: the signal with residuals, and the view in ln A."""
    drawn = fit_figures(fit) if figures is None else figures
    signal, logarithm = drawn["fit"], drawn["ln"]
    lines = fit.loglinear.stages
    slopes = (
        f" and the straight lines of the paper's recipe (k {_joined(s.k_per_s for s in lines)})"
        if lines
        else ""
    )
    return Gallery(
        (
            Picture(
                svg_text(signal),
                fit_alternative(fit),
                "Signal, fit and interval of the breakpoint (band); residuals with two standard deviations.",
            ),
            Picture(
                svg_text(logarithm),
                f"{_simulated(fit)}Logarithm of the same signal against time with the fit{slopes}.",
                "The same in ln A, with the straight lines of the paper's recipe."
                if lines
                else "The same in ln A.",
            ),
        )
    )


def spectra_pictures(series: SpectralSeries, trace: Trace) -> Gallery:
    """Return the spectra with the path of the peak and, for a tracked peak, its position against time."""
    simulated = "Simulated data. " if series.source.simulated else ""
    figure = detached_figure("single", 0.8)
    with figure_style():
        plot_spectra(series, peak=trace, ax=figure.add_subplot())
    axis, time = series.wavelength_nm, series.time_s
    words = (
        f"{simulated}{time.size} spectra from {axis[0]:g} to {axis[-1]:g} nm, coloured by time from "
        f"{time[0]:g} to {time[-1]:g} s."
    )
    pictures = [Picture(svg_text(figure), words, "Spectra coloured by time, with the path of the peak.")]
    if trace.peak_nm is not None:
        figure = detached_figure("single", 0.8)
        with figure_style():
            plot_peak_path(trace, ax=figure.add_subplot())
        known = trace.peak_nm[np.isfinite(trace.peak_nm)]
        ends = f" It goes from {known[0]:.1f} to {known[-1]:.1f} nm." if known.size else ""
        words = f"{simulated}Position of the tracked peak against time.{ends}"
        pictures.append(
            Picture(svg_text(figure), words, "Position of the peak: the other witness of a breakpoint.")
        )
    return Gallery(tuple(pictures))


def _verdict_blocks(fit: StagedFit) -> list[Block]:
    verdict = fit.verdict
    rows = [("verdict", verdict.code), ("p of a break under the simulated null", format_p(verdict.p_value))]
    if verdict.delta_aicc is not None:
        rows.append(("AICc, best smooth rival minus best staged model", f"{verdict.delta_aicc:.1f}"))
    note = "A break needs p <= 0.05 and a staged model ahead of every smooth rival by 6 in AICc."
    return [
        Paragraph(f"{fit_title(fit)}."),
        Table(header=("judged by", "value"), rows=tuple(rows), note=note),
    ]


def _diagnostic_blocks(fit: StagedFit) -> list[Block]:
    noise = fit.noise
    rows = [
        ("points", str(fit.n_points)),
        ("degrees of freedom", str(fit.dof)),
        ("residual sum of squares", number_cell(fit.rss)),
        ("redchi", number_cell(fit.redchi)),
        ("AICc", number_cell(fit.aicc, 6)),
        ("BIC", number_cell(fit.bic, 6)),
        (f"noise sd, {fit.trace.unit}", number_cell(noise.sd, 3)),
        ("AR(1) correlation of neighbours", number_cell(noise.ar1, 2)),
        ("lag-1 autocorrelation of the residuals", number_cell(noise.lag1_autocorrelation, 2)),
        ("Durbin-Watson (2 = uncorrelated)", number_cell(noise.durbin_watson, 3)),
        ("runs test on the whitened residuals", format_p(noise.runs_p)),
        ("strong correlations of parameters", "; ".join(correlation_lines(fit)) or "none beyond 0.9"),
        ("flags", "; ".join(fit.flags) or "none"),
    ]
    return [Paragraph(f"{noise_text(fit)}."), Table(header=("diagnostic", "value"), rows=tuple(rows))]


def _assumption_blocks(fit: StagedFit) -> list[Block]:
    blocks: list[Block] = []
    heard: list[str] = []
    for remark in (*fit.warnings, *fit.trace.remarks):
        rows = ""
        if remark.rows:
            more = ", ..." if remark.count is not None and remark.count > len(remark.rows) else ""
            rows = f" (rows {', '.join(map(str, remark.rows))}{more})"
        line = remark.text + rows
        if line not in heard:
            heard.append(line)
    if heard:
        blocks.append(Notes(tuple(heard)))
    if fit.excluded:
        cells = tuple((f"{time:g}", f"{signal:.4g}") for time, signal in fit.excluded)
        blocks.append(
            Table(
                ("time, s", f"signal, {fit.trace.unit}"), cells, "Points left out as outliers", numeric=(0, 1)
            )
        )
    if not blocks:
        blocks.append(Paragraph("Nothing was assumed, masked or left out."))
    return blocks


def _reproduction_blocks(fit: StagedFit, command: str) -> list[Block]:
    options = tuple((str(name), _shown(value)) for name, value in sorted(fit.options.items()))
    return [
        Code(command or command_line(fit), "On the command line:"),
        Code(python_lines(fit), "In Python:"),
        Table(("option", "value"), (*options, ("seed", str(fit.seed))), "Every option of this fit"),
    ]


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def page_footer(*fits: StagedFit) -> tuple[str, ...]:
    """Return versions and input hashes, one line each."""
    from importlib.metadata import version

    names = ("numpy", "scipy", "lmfit", "matplotlib")
    used = ", ".join(f"{name} {version(name)}" for name in names)
    package = fits[0].version if fits else ""
    lines = [f"cxkinetics {package}; Python {platform.python_version()}; {used}"]
    seen = set()
    for fit in fits:
        source = fit.trace.source
        line = f"{source.file or 'data made in memory'}: sha256 {source.sha256}"
        if line not in seen:
            seen.add(line)
            lines.append(line + (f"; simulated {source.note}" if source.simulated else ""))
    return tuple(lines)
