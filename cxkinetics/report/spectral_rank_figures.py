"""Figures of the rank: singular values, singular vectors, evolving factors."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.report.legend import clear_legend
from cxkinetics.report.style import COLOURS, figure_style, new_axes, new_figure, polish, stamp_simulated
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.rank import evolving_factors, rank_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_rank", "plot_evolving_factors", "plot_singular_values", "plot_singular_vectors"]

_LINES = (("paper", "-"), ("fit", "--"), ("second", "-."), ("third", ":"), ("fourth", "-"), ("quiet", "--"))


def plot_singular_values(series: SpectralSeries, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the singular values of a series and what noise alone would not exceed; return the axes."""
    ax = new_axes("single", 0.75) if ax is None else ax
    rank = rank_of(series)
    number = np.arange(1, rank.singular_values.size + 1)
    with figure_style():
        ax.semilogy(number, rank.singular_values, "o-", color=COLOURS["paper"], lw=0.8, label="data")
        ax.semilogy(number, rank.thresholds, "--", color=COLOURS["fit"], lw=1.0, label="noise stays below")
        ax.axvline(rank.n_components + 0.5, color=COLOURS["quiet"], lw=0.7, ls=":")
        ax.set_xlabel("component")
        ax.set_ylabel("singular value / AU")
        ax.set_xticks(number[::2])
        clear_legend(ax, columns=1)
        stamp_simulated(ax, series.source.simulated)
        polish(ax)
    return ax


def plot_singular_vectors(
    series: SpectralSeries, *, axes: "tuple[Axes, Axes] | None" = None, count: int = 0, time_unit: str = "s"
) -> "tuple[Axes, Axes]":
    """Draw the leading singular vectors in time and in wavelength; return both axes.

    Parameters
    ----------
    series : SpectralSeries
        Spectra.
    axes : (Axes, Axes), optional
        Where; a new double-column figure by default.
    count : int
        How many; by default one more than the rank.
    time_unit : str
        "s", "ms", "min" or "h".
    """
    unit = unit_called(time_unit)
    if axes is None:
        figure = new_figure("double", 0.4)
        with figure_style():
            first, second = figure.subplots(1, 2)
        axes = (first, second)
    known = np.isfinite(series.absorbance)
    columns = known.mean(axis=0) > 0.5
    rows = known[:, columns].mean(axis=1) > 0.5
    rank = rank_of(series)
    shown = min(count or rank.n_components + 1, rank.singular_values.size, len(_LINES))
    in_time, in_wavelength = axes
    with figure_style():
        for k, (colour, dash) in enumerate(_LINES[:shown]):
            style: dict[str, Any] = {"color": COLOURS[colour], "ls": dash, "lw": 1.0}
            in_time.plot(unit.time(series.time_s[rows]), rank.in_time[:, k], label=str(k + 1), **style)
            in_wavelength.plot(series.wavelength_nm[columns], rank.in_wavelength[k], **style)
        in_time.set_xlabel(f"time / {unit.sign}")
        in_time.set_ylabel("singular vector")
        in_time.margins(y=0.06)
        clear_legend(in_time, columns=shown)
        in_wavelength.set_xlabel("wavelength / nm")
        in_wavelength.margins(x=0.0)
        for ax in axes:
            ax.axhline(0, color=COLOURS["quiet"], lw=0.6, zorder=0)
            stamp_simulated(ax, series.source.simulated)
            polish(ax)
    return axes


def plot_evolving_factors(
    series: SpectralSeries, *, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw singular values of the spectra up to (lines) and from (dashes) each time; return the axes."""
    unit = unit_called(time_unit)
    ax = new_axes("single", 0.75) if ax is None else ax
    found = evolving_factors(series)
    time = unit.time(found.time_s)
    count = min(found.forward.shape[1], rank_of(series).n_components + 1, len(_LINES))
    floor = found.threshold / 3 if found.threshold > 0 else 1e-9
    with figure_style():
        for k, (colour, _) in enumerate(_LINES[:count]):
            for values, dash in ((found.forward[:, k], "-"), (found.backward[:, k], "--")):
                ax.semilogy(time, np.maximum(values, floor), dash, color=COLOURS[colour], lw=0.9)
        ax.axhline(found.threshold, color=COLOURS["data"], lw=0.8, ls=":", label="noise of the whole series")
        ax.set_ylim(bottom=floor)
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("evolving singular value / AU")
        ax.margins(x=0.02)
        clear_legend(ax)
        stamp_simulated(ax, series.source.simulated)
        polish(ax)
    return ax


def draw_rank(series: SpectralSeries, *, time_unit: str = "s", figure: "Figure | None" = None) -> "Figure":
    """Draw singular values, singular vectors and evolving factors of a series.

    Parameters
    ----------
    series : SpectralSeries
        Spectra.
    time_unit : str
        "s", "ms", "min" or "h".
    figure : Figure, optional
        An empty figure to draw in; a new double-column one by default.
    """
    figure = new_figure("double", 0.62) if figure is None else figure
    with figure_style():
        (values, factors), (in_time, in_wavelength) = figure.subplots(2, 2)
    plot_singular_values(series, ax=values)
    plot_evolving_factors(series, ax=factors, time_unit=time_unit)
    plot_singular_vectors(series, axes=(in_time, in_wavelength), time_unit=time_unit)
    return figure
