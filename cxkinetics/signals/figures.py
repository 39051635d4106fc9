"""Figures of signals: spectra with the path of the tracked peak, the path alone, a bare trace."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.errors import UsageError
from cxkinetics.report.legend import clear_legend
from cxkinetics.report.present import draw
from cxkinetics.report.style import COLOURS, figure_style, new_axes, polish, signal_label, stamp_simulated
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_SPECTRA = 26
_COLOUR_MAP = "viridis"


def plot_spectra(
    series: SpectralSeries,
    *,
    peak: Trace | None = None,
    ax: "Axes | None" = None,
    time_unit: str = "s",
    colour_bar: bool = True,
) -> "Axes":
    """Draw spectra coloured by time, with the path of the tracked peak.

    Parameters
    ----------
    series : SpectralSeries
        What to draw; at most 26 spectra, evenly chosen, first and last included.
    peak : Trace, optional
        A trace made by `series.exciton_peak`; its positions and heights are joined by a line.
    ax : Axes, optional
        Where; a new single-column figure by default.
    time_unit : str
        "s", "ms", "min" or "h".
    colour_bar : bool
        Whether to draw the scale of times beside the axes.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.8)
    time = unit.time(np.asarray(series.time_s))
    count = min(time.size, _MOST_SPECTRA)
    chosen = np.unique(np.linspace(0, time.size - 1, count).round().astype(int))
    scale = Normalize(float(time[0]), float(time[-1]) if time[-1] > time[0] else float(time[0]) + 1.0)
    colours = colormaps[_COLOUR_MAP]
    with figure_style():
        for row in chosen:
            ax.plot(series.wavelength_nm, series.absorbance[row], lw=0.7, color=colours(scale(time[row])))
        if peak is not None and peak.peak_nm is not None:
            _draw_path(peak, ax)
        ax.set_xlabel("wavelength / nm")
        ax.set_ylabel(signal_label(series.unit))
        ax.margins(x=0.0, y=0.06)
        if peak is not None and peak.peak_nm is not None:
            clear_legend(ax)
        stamp_simulated(ax, series.source.simulated)
        polish(ax)
        if colour_bar:
            bar = ax.figure.colorbar(ScalarMappable(scale, colours), ax=ax, pad=0.02, aspect=28)
            bar.set_label(f"time / {unit.sign}", fontsize=8)
            bar.ax.tick_params(labelsize=7)
            bar.outline.set_linewidth(0.5)
    return ax


def _draw_path(peak: Trace, ax: "Axes") -> None:
    from matplotlib import patheffects

    known = np.isfinite(np.asarray(peak.peak_nm))
    position, height = np.asarray(peak.peak_nm)[known], peak.absorbance[known]
    halo = [patheffects.Stroke(linewidth=2.6, foreground="white"), patheffects.Normal()]
    ax.plot(
        position,
        height,
        "-",
        color=COLOURS["fit"],
        lw=1.2,
        path_effects=halo,
        label="peak path",
        zorder=4,
    )


def plot_peak_path(trace: Trace, *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw the position of the tracked peak against time, with its standard errors; return the axes.

    Raises
    ------
    UsageError
        If the trace was not made by tracking a peak.
    """
    if trace.peak_nm is None:
        raise UsageError("this trace holds no peak position; make it with SpectralSeries.exciton_peak()")
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.6)
    with figure_style():
        errors: Any = None
        if trace.peak_nm_se is not None:
            errors = np.where(np.isfinite(trace.peak_nm_se), trace.peak_nm_se, 0.0)
        ax.errorbar(
            unit.time(np.asarray(trace.time_s)),
            trace.peak_nm,
            yerr=errors,
            fmt="o",
            ms=2.4,
            mfc="none",
            mec=COLOURS["data"],
            mew=0.6,
            ecolor=COLOURS["quiet"],
            elinewidth=0.6,
        )
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("peak position / nm")
        ax.margins(x=0.02, y=0.08)
        stamp_simulated(ax, trace.source.simulated)
        polish(ax)
    return ax


def plot_trace(trace: Trace, *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw a trace as points, with error bars where it has a sigma; return the axes."""
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.7)
    with figure_style():
        ax.errorbar(
            unit.time(np.asarray(trace.time_s)),
            trace.absorbance,
            yerr=trace.sigma,
            fmt="o",
            ms=2.6,
            mfc="none",
            mec=COLOURS["data"],
            mew=0.6,
            ecolor=COLOURS["quiet"],
            elinewidth=0.6,
        )
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("peak position / nm" if trace.unit == "nm" else signal_label(trace.unit))
        ax.margins(x=0.02, y=0.06)
        stamp_simulated(ax, trace.source.simulated)
        polish(ax)
    return ax


@draw.register(SpectralSeries)
def _(series: SpectralSeries, **options: Any) -> "Figure":
    owner: Any = plot_spectra(series, **options).figure
    return owner  # type: ignore[no-any-return]


@draw.register(Trace)
def _(trace: Trace, **options: Any) -> "Figure":
    owner: Any = plot_trace(trace, **options).figure
    return owner  # type: ignore[no-any-return]
