"""The pictures of a fit, drawn once for the report, the files beside it and the demonstration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Gallery, Picture
from cxkinetics.report.present import draw
from cxkinetics.report.spectra_figures import plot_peak_path, plot_spectra
from cxkinetics.report.staged_figures import draw_staged_fit, grows
from cxkinetics.report.style import detached_figure, figure_style, svg_text
from cxkinetics.report.time_units import TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.spectra import SpectralSeries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FitPictures", "draw_pictures", "result_picture"]


@dataclass(frozen=True, slots=True, eq=False)
class FitPictures:
    """Figures and pictures of one fit.

    Attributes
    ----------
    figures : mapping
        Name of the file -> Figure: "fit", "ln" and, where there are spectra, "spectra" and "peak".
    pictures : mapping
        The same names -> Picture with the SVG of the figure and its words.
    """

    figures: "Mapping[str, Figure]"
    pictures: Mapping[str, Picture]

    @property
    def kinetics(self) -> Gallery:
        """The signal with residuals, and the view in ln A."""
        return self._gallery("fit", "ln")

    @property
    def spectra(self) -> Gallery | None:
        """The spectra with the path of the peak, and its position; None without spectra."""
        return self._gallery("spectra", "peak") if "spectra" in self.pictures else None

    def _gallery(self, *names: str) -> Gallery:
        return Gallery(tuple(self.pictures[name] for name in names if name in self.pictures))


def draw_pictures(
    fit: StagedFit, series: SpectralSeries | None = None, *, time_unit: str = "s"
) -> FitPictures:
    """Return the pictures of a fit and, where given, of the spectra it was taken from.

    Parameters
    ----------
    fit : StagedFit
        What is drawn.
    series : SpectralSeries, optional
        The spectra that the trace was taken from.
    time_unit : str
        Of the time axes and the words: "s", "ms", "min" or "h".
    """
    unit = unit_called(time_unit)
    figures: dict[str, Figure] = {
        view: draw_staged_fit(fit, view=view, figure=detached_figure("single", 0.95), time_unit=time_unit)
        for view in ("fit", "ln")
    }
    words = {"fit": _signal_words(fit, unit), "ln": _logarithm_words(fit, unit)}
    captions = {
        "fit": _signal_caption(fit),
        "ln": _logarithm_caption(fit),
        "spectra": "Spectra coloured by time, with the path of the peak.",
        "peak": "Position of the peak: the other witness of a breakpoint.",
    }
    if series is not None:
        figures["spectra"] = detached_figure("single", 0.8)
        with figure_style():
            plot_spectra(series, peak=fit.trace, ax=figures["spectra"].add_subplot(), time_unit=time_unit)
        words["spectra"] = _spectra_words(series, unit)
        if fit.trace.peak_nm is not None:
            figures["peak"] = detached_figure("single", 0.8)
            with figure_style():
                plot_peak_path(fit.trace, ax=figures["peak"].add_subplot(), time_unit=time_unit)
            words["peak"] = _path_words(fit)
    pictures = {
        name: Picture(svg_text(figure), words[name], captions[name]) for name, figure in figures.items()
    }
    return FitPictures(figures, pictures)


def result_picture(result: object, words: str, caption: str, **options: Any) -> Picture | None:
    """Return the picture of any result that has a figure; None where it has none.

    Parameters
    ----------
    result : object
        What to draw.
    words, caption : str
        The alternative text, and the line below.
    **options
        For the figure function of that kind of result.
    """
    from matplotlib import pyplot as plt

    try:
        figure = draw(result, **options)
    except UsageError:
        return None
    svg = svg_text(figure)
    plt.close(figure)
    return Picture(svg, words, caption)


def _signal_caption(fit: StagedFit) -> str:
    banded = [b for b in fit.breakpoints_s if b.low is not None or b.high is not None]
    shown = ["Signal", *(["points left out"] if fit.excluded else []), "fit"]
    if fit.breakpoints_s:
        shown.append("breakpoint" + (" with its interval (band)" if banded else ", its interval open"))
    return f"{', '.join(shown)}; residuals below with two standard deviations of the noise (grey)."


def _signal_words(fit: StagedFit, unit: TimeUnit) -> str:
    trace = fit.trace
    many = "s" if len(fit.stages) > 1 else ""
    rates = _joined(unit.estimate(stage.k_per_s) for stage in fit.stages)
    words = (
        f"{_simulated(fit)}{trace.n_points} points from {_span(trace.time_s, unit)}. "
        f"The signal goes from {trace.absorbance[0]:.3g} to {trace.absorbance[-1]:.3g} {trace.unit}, with "
        f"a fitted line of {len(fit.stages)} first-order stage{many} (k {rates})"
    )
    if fit.breakpoints_s:
        places = _joined(map(unit.estimate, fit.breakpoints_s))
        words += f", breakpoint {places} drawn as a line with its interval as a band"
    return f"{words}{_left_out(fit)}; residuals below."


def _logarithm_caption(fit: StagedFit) -> str:
    lines = ", with the straight lines of the paper's recipe" if _lines(fit) else ""
    if grows(fit):
        return f"The same as ln(A\u221e - A), with the fitted final value A\u221e{lines}."
    return f"The same in ln A{lines}."


def _logarithm_words(fit: StagedFit, unit: TimeUnit) -> str:
    what = "of the same signal"
    if grows(fit):
        what = "of the fitted final value minus the same signal"
    lines = _joined(map(unit.estimate, _lines(fit)))
    slopes = f" and the straight lines of the paper's recipe (k {lines})" if lines else ""
    return f"{_simulated(fit)}Logarithm {what} against time with the fit{slopes}{_left_out(fit)}."


def _left_out(fit: StagedFit) -> str:
    count = len(fit.excluded)
    return f"; {count} point{'s' if count > 1 else ''} left out, marked with crosses" if count else ""


def _spectra_words(series: SpectralSeries, unit: TimeUnit) -> str:
    axis, time = series.wavelength_nm, series.time_s
    simulated = "Simulated data. " if series.source.simulated else ""
    return (
        f"{simulated}{time.size} spectra from {axis[0]:g} to {axis[-1]:g} nm, coloured by time from "
        f"{_span(time, unit)}."
    )


def _path_words(fit: StagedFit) -> str:
    position = np.asarray(fit.trace.peak_nm)
    known = position[np.isfinite(position)]
    ends = f" It goes from {known[0]:.1f} to {known[-1]:.1f} nm." if known.size else ""
    return f"{_simulated(fit)}Position of the tracked peak against time.{ends}"


def _lines(fit: StagedFit) -> list[Estimate]:
    return [line.k_per_s for line in fit.loglinear.stages]


def _span(time_s: Array, unit: TimeUnit) -> str:
    return f"{unit.number(time_s[0])} to {unit.number(time_s[-1])} {unit.sign}"


def _joined(estimates: Iterable[Estimate]) -> str:
    return ", ".join(map(str, estimates))


def _simulated(fit: StagedFit) -> str:
    return "Simulated data. " if fit.trace.source.simulated else ""
