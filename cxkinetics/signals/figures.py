"""Figures of signals: one for each kind, and the path of a tracked peak."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document.figure import (
    COLOURS,
    MOST_POINTS,
    clear_legend,
    drawn_points,
    figure_style,
    new_axes,
    on_axes,
    polish,
    signal_label,
    stamp_simulated,
)
from cxkinetics.document.page import Figure
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.spectrum import PeakList, Spectrum
    from cxkinetics.signals.storage import Signal
    from cxkinetics.signals.trace import Trace

_MOST_SPECTRA = 26  # more lines than that on 85 mm are a surface
_COLOUR_MAP = "viridis"
_POINTS: Any = {
    "fmt": "o",
    "mfc": "none",
    "mec": COLOURS["data"],
    "mew": 0.6,
    "ecolor": COLOURS["quiet"],
    "elinewidth": 0.6,
}


def figure_of(signal: "Signal", kind: str, unit: TimeUnit) -> Figure:
    """Return the figure of a signal, not drawn yet.

    Parameters
    ----------
    signal : Signal
        What to draw.
    kind : str
        Which of the figures here: "trace", "spectra", "dose table", "spectrum" or "peaks".
    unit : TimeUnit
        Of its times, where it has any.
    """
    plot, aspect, caption = _KINDS[kind]
    options: Any = {"time_unit": unit.sign} if hasattr(signal, "time_s") else {}
    draw = partial(on_axes, plot, signal, **options)
    return Figure(kind.replace(" ", "-"), draw, f"{caption[:-1]}: {signal._short()}", caption, aspect=aspect)


@contextmanager
def _drawn_on(ax: "Axes | None", aspect: float, simulated: bool) -> "Iterator[Axes]":
    """Give the axes, or those of a new figure, in the house style, and finish them."""
    ax = new_axes("single", aspect) if ax is None else ax
    with figure_style():
        yield ax
        stamp_simulated(ax, simulated)
        polish(ax)


def plot_spectra(
    series: "SpectralSeries",
    *,
    peak: "Trace | None" = None,
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
    time = unit.time(np.asarray(series.time_s))
    count = min(time.size, _MOST_SPECTRA)
    chosen = np.unique(np.linspace(0, time.size - 1, count).round().astype(int))
    scale = Normalize(float(time[0]), float(time[-1]) if time[-1] > time[0] else float(time[0]) + 1.0)
    colours = colormaps[_COLOUR_MAP]
    with _drawn_on(ax, 0.8, series.source.simulated) as ax:
        for row in chosen:
            ax.plot(series.wavelength_nm, series.absorbance[row], lw=0.7, color=colours(scale(time[row])))
        ax.set(xlabel="wavelength / nm", ylabel=signal_label(series.unit), xmargin=0.0, ymargin=0.06)
        if peak is not None and peak.peak_nm is not None:
            _draw_path(peak, ax)
            clear_legend(ax)
        if colour_bar:
            bar = ax.figure.colorbar(ScalarMappable(scale, colours), ax=ax, pad=0.02, aspect=28)
            bar.set_label(f"time / {unit.sign}", fontsize=8)
            bar.ax.tick_params(labelsize=7)
            bar.outline.set_linewidth(0.5)
    return ax


def _draw_path(peak: "Trace", ax: "Axes") -> None:
    from matplotlib import patheffects

    known = np.isfinite(np.asarray(peak.peak_nm))
    position, height = np.asarray(peak.peak_nm)[known], peak.absorbance[known]
    kept = drawn_points(np.asarray(peak.time_s)[known], height)
    position, height = position[kept], height[kept]
    halo = [patheffects.Stroke(linewidth=2.6, foreground="white"), patheffects.Normal()]
    style: Any = {"color": COLOURS["fit"], "lw": 1.2, "path_effects": halo, "zorder": 4}
    ax.plot(position, height, "-", label="peak path", **style)


def plot_peak_path(trace: "Trace", *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw the position of the tracked peak against time, with its standard errors; return the axes.

    Raises
    ------
    UsageError
        If the trace was not made by tracking a peak.
    """
    if trace.peak_nm is None:
        raise UsageError("this trace holds no peak position; make it with SpectralSeries.exciton_peak()")
    unit = unit_called(time_unit)
    errors = trace.peak_nm_se
    shown = _drawn(trace.time_s, trace.peak_nm)
    if errors is not None:
        errors = np.where(np.isfinite(errors), errors, 0.0)[shown]
    with _drawn_on(ax, 0.6, trace.source.simulated) as ax:
        ax.errorbar(unit.time(trace.time_s[shown]), trace.peak_nm[shown], yerr=errors, ms=2.4, **_POINTS)
        ax.set(xlabel=f"time / {unit.sign}", ylabel="peak position / nm", xmargin=0.02, ymargin=0.08)
    return ax


def _drawn(time_s: Array, values: Array) -> Any:
    """Return which readings are drawn (`drawn_points`); all where they are few, NaN or not."""
    if time_s.size <= MOST_POINTS:
        return slice(None)
    known = np.flatnonzero(np.isfinite(values))
    return known[drawn_points(time_s[known], values[known])]


def plot_trace(trace: "Trace", *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw a trace as points, with error bars where it has a sigma; return the axes."""
    unit = unit_called(time_unit)
    shown = _drawn(trace.time_s, trace.absorbance)
    errors = None if trace.sigma is None else trace.sigma[shown]
    with _drawn_on(ax, 0.7, trace.source.simulated) as ax:
        ax.errorbar(unit.time(trace.time_s[shown]), trace.absorbance[shown], yerr=errors, ms=2.6, **_POINTS)
        signal = "peak position / nm" if trace.unit == "nm" else signal_label(trace.unit)
        ax.set(xlabel=f"time / {unit.sign}", ylabel=signal, xmargin=0.02, ymargin=0.06)
    return ax


def plot_dose_table(table: "DoseTable", *, ax: "Axes | None" = None) -> "Axes":
    """Draw incorporation against dose, a bar where only an interval of the dose is known; return the axes."""
    low, high = np.asarray(table.dose_low_percent), np.asarray(table.dose_high_percent)
    errors = {"xerr": (high - low) / 2, "yerr": table.sigma_percent}
    with _drawn_on(ax, 0.7, table.source.simulated) as ax:
        ax.errorbar((low + high) / 2, table.incorporation_percent, ms=3, **errors, **_POINTS)
        ax.set(xlabel="dose / %", ylabel=f"{table.basis} / %", xmargin=0.03, ymargin=0.06)
    return ax


def plot_spectrum(spectrum: "Spectrum", *, ax: "Axes | None" = None) -> "Axes":
    """Draw counts against the axis, binding energies from right to left as is usual; return the axes."""
    with _drawn_on(ax, 0.6, spectrum.source.simulated) as ax:
        ax.plot(spectrum.axis, spectrum.counts, lw=0.7, color=COLOURS["data"])
        ax.set(xlabel=spectrum.axis_name, ylabel=spectrum.unit, xmargin=0.0, ymargin=0.06)
        if spectrum.kind == "xps":
            ax.invert_xaxis()
    return ax


def plot_peaks(peaks: "PeakList", *, ax: "Axes | None" = None) -> "Axes":
    """Draw peaks as lines, all of one height where no intensity is known; return the axes."""
    with _drawn_on(ax, 0.5, peaks.source.simulated) as ax:
        heights = peaks.intensity or (1.0,) * len(peaks.mz)
        ax.vlines(peaks.mz, 0, heights, lw=0.9, color=COLOURS["data"])
        for mass, height, formula in zip(peaks.mz, heights, peaks.stated, strict=True):
            ax.annotate(formula, (mass, height), rotation=90, ha="center", va="bottom", fontsize=5)
        ax.set(xlabel="m/z / Da", ylabel="intensity" if peaks.intensity else "", xmargin=0.05, ymargin=0.3)
        if not peaks.intensity:
            ax.set_yticks([])
        ax.set_ylim(bottom=0)
    return ax


_KINDS: Mapping[str, tuple[Callable[..., Any], float, str]] = {
    "trace": (plot_trace, 0.7, "Signal against time."),
    "spectra": (plot_spectra, 0.8, "Spectra coloured by time."),
    "dose table": (plot_dose_table, 0.7, "Incorporation against dose."),
    "spectrum": (plot_spectrum, 0.6, "Counts against the axis."),
    "peaks": (plot_peaks, 0.5, "Peaks."),
}
"""Kind -> function that draws it, height over width, caption."""
