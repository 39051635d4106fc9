"""The pictures of a fit drawn again with time in the unit a reader asked for."""

from typing import TYPE_CHECKING

from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Picture
from cxkinetics.report.pictures import FitPictures
from cxkinetics.report.spectra_figures import plot_peak_path, plot_spectra
from cxkinetics.report.staged_figures import draw_staged_fit
from cxkinetics.report.style import detached_figure, figure_style, svg_text
from cxkinetics.signals.spectra import SpectralSeries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["in_unit"]


def in_unit(drawn: FitPictures, fit: StagedFit, series: SpectralSeries | None, time_unit: str) -> FitPictures:
    """Return the same pictures with time axes in another unit.

    Parameters
    ----------
    drawn : FitPictures
        The pictures in s; their words and captions are kept.
    fit : StagedFit
        What they show.
    series : SpectralSeries or None
        The spectra that the trace was taken from.
    time_unit : str
        "s", "ms", "min" or "h".
    """
    if time_unit == "s":
        return drawn
    figures = {name: _drawn_in(name, fit, series, time_unit) or old for name, old in drawn.figures.items()}
    pictures = {
        name: Picture(svg_text(figures[name]), old.alternative, old.caption)
        for name, old in drawn.pictures.items()
    }
    return FitPictures(figures, pictures)


def _drawn_in(name: str, fit: StagedFit, series: SpectralSeries | None, time_unit: str) -> "Figure | None":
    if name in ("fit", "ln"):
        return draw_staged_fit(fit, view=name, figure=detached_figure("single", 0.95), time_unit=time_unit)
    figure = detached_figure("single", 0.8)
    with figure_style():
        if name == "spectra" and series is not None:
            plot_spectra(series, peak=fit.trace, ax=figure.add_subplot(), time_unit=time_unit)
            return figure
        if name == "peak":
            plot_peak_path(fit.trace, ax=figure.add_subplot(), time_unit=time_unit)
            return figure
    return None
