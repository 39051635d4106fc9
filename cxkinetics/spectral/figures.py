"""Figures of whole-spectrum fits: maps, species, profiles, singular values and vectors, both witnesses."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document.figure import (
    COLOURS,
    clear_legend,
    figure_style,
    new_axes,
    new_figure,
    polish,
    signal_label,
    stamp_simulated,
)
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.estimate import Estimate
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.rank import Rank, evolving_factors, known_part, rank_of, rank_of_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.spectral.result import SpectraFit, TwoWitnesses

_HIGHEST = 30.0  # rise of the misfit up to which profiles are shown
_SPECIES = ("paper", "fit", "second", "third", "fourth", "band", "data")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_LINES = (("paper", "-"), ("fit", "--"), ("second", "-."), ("third", ":"), ("fourth", "-"), ("quiet", "--"))


def _style_of(index: int) -> dict[str, Any]:
    return {"color": COLOURS[_SPECIES[index % len(_SPECIES)]], "ls": _DASHES[index % len(_DASHES)]}


def _begun(ax: "Axes | None", time_unit: str = "s", aspect: float = 0.75) -> "tuple[Axes, TimeUnit]":
    """Return the axes to draw in, new single-column ones by default, and the unit of time."""
    return new_axes("single", aspect) if ax is None else ax, unit_called(time_unit)


def _best_legend(ax: "Axes", **how: Any) -> None:
    ax.legend(**({"loc": "best"} | how))


def _finish(
    ax: "Axes", drawn: SpectralSeries | Trace, x: str, y: str, legend: "Callable[[Axes], Any] | None" = None
) -> "Axes":
    """Name both axes, then place the legend (labels take room from it), and mark simulated data."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if legend is not None:
        legend(ax)
    stamp_simulated(ax, drawn.source.simulated)
    return polish(ax)


# ---- a global fit ------------------------------------------------------------------------------------


def plot_map(
    fit: "SpectraFit",
    what: str = "data",
    *,
    run: int = 0,
    ax: "Axes | None" = None,
    time_unit: str = "s",
    colour_bar: bool = True,
) -> "Axes":
    """Draw data, fit or residuals as a map of time against wavelength.

    Parameters
    ----------
    fit : SpectraFit
        The result.
    what : {"data", "fit", "residuals"}
        Which matrix; residuals are in units of the noise.
    run : int
        Which run, counted from 0.
    ax : Axes, optional
        Where; a new single-column figure by default.
    time_unit : str
        "s", "ms", "min" or "h".
    colour_bar : bool
        Whether to draw the scale beside the axes (data and fit have the same).
    """
    ax, unit = _begun(ax, time_unit, 0.8)
    series = fit.series[run]
    time, data = unit.time(series.time_s), series.absorbance
    if what == "residuals":
        scale: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -4.0, "vmax": 4.0}
        values, label = fit.residuals(run) / (fit.noise.sd or 1.0), "residual / sd"
    else:  # without the last thousandths, so that a spike does not take all the colours
        low, high = np.quantile(data[np.isfinite(data)], [0.002, 0.998])
        scale = {"cmap": "viridis", "vmin": float(low), "vmax": float(high)}
        values, label = data if what == "data" else fit.fitted(run), signal_label(series.unit)
    with figure_style():
        axis, values = _with_gaps(series.wavelength_nm, values)
        mesh = ax.pcolormesh(axis, time, values, shading="nearest", rasterized=True, **scale)
        if colour_bar:
            bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=24)
            bar.set_label(label, fontsize=7)
            bar.ax.tick_params(labelsize=6.5)
            bar.outline.set_linewidth(0.5)
        ax.set_ylim(time[0], time[-1])
        ax.set_title(what, loc="left", fontsize=8)
        return _finish(ax, series, "wavelength / nm", f"time / {unit.sign}")


def _with_gaps(axis: Array, rows: Array) -> tuple[Array, Array]:
    """Put NaN where wavelengths were left out, so that nothing is drawn across."""
    step = np.diff(axis)
    after = np.flatnonzero(step > 4 * np.median(step)) + 1 if step.size else np.zeros(0, dtype=int)
    edges = np.sort(np.concatenate([axis[after - 1] + 1e-6, axis[after] - 1e-6]))
    columns = np.repeat(after, 2)
    return np.insert(axis, columns, edges), np.insert(rows, columns, np.nan, axis=1)


def plot_species_spectra(fit: "SpectraFit", *, run: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw the species spectra of one run with bands of two standard errors."""
    ax, _ = _begun(ax)
    item, series = fit.spectra[run], fit.series[run]
    with figure_style():
        ax.axhline(0, color=COLOURS["quiet"], lw=0.6)
        for i, name in enumerate(item.species):
            style = _style_of(i)
            if not np.isfinite(item.values[i]).all():
                ax.plot([], [], label=f"{name} (not determined)", **style)
                continue
            both = np.stack([item.values[i], item.errors[i]])
            axis, (values, errors) = _with_gaps(item.wavelength_nm, both)
            band = {"color": style["color"], "alpha": 0.25, "lw": 0}
            ax.fill_between(axis, values - 2 * errors, values + 2 * errors, **band)
            ax.plot(axis, values, lw=1.2, label=name, **style)
        ax.margins(x=0.0, y=0.06)
        return _finish(ax, series, "wavelength / nm", f"{signal_label(series.unit)} per unit", _best_legend)


def plot_concentrations(
    fit: "SpectraFit", *, run: int = 0, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw the concentrations of the species against time, breakpoints as bands."""
    ax, unit = _begun(ax, time_unit)
    series = fit.series[run]
    dense = np.linspace(0.0, float(series.time_s[-1]), 400)
    profiles = fit.concentrations(dense)
    with figure_style():
        for estimate in fit.breakpoints_s:
            _break_band(ax, unit.estimate(estimate), COLOURS["band"])
        for i, name in enumerate(fit.species):
            ax.plot(unit.time(dense), profiles[:, i], lw=1.2, label=name, **_style_of(i))
        ax.margins(x=0.02, y=0.06)
        return _finish(ax, series, f"time / {unit.sign}", "concentration / initial", _best_legend)


def plot_residual_vectors(
    fit: "SpectraFit", *, run: int = 0, axes: "tuple[Axes, Axes] | None" = None, time_unit: str = "s"
) -> "tuple[Axes, Axes]":
    """Draw the two leading singular vectors of the residual, in time and in wavelength.

    What a fit has explained leaves noise; a smooth vector here is something it has not.
    """
    unit, series = unit_called(time_unit), fit.series[run]
    in_time, in_wavelength = axes = _two_axes() if axes is None else axes
    residual = np.nan_to_num(fit.residuals(run))
    rank = rank_of_matrix(residual)
    # what pure noise of this size reaches (Marchenko and Pastur)
    noise = (fit.noise.sd or 1.0) * (np.sqrt(residual.shape[0]) + np.sqrt(residual.shape[1]))
    with figure_style():
        for k in range(min(2, rank.singular_values.size)):
            style = _style_of(k)
            label = f"{k + 1}: {rank.singular_values[k] / noise:.2g} x noise"
            in_time.plot(unit.time(series.time_s), rank.in_time[:, k], lw=0.9, label=label, **style)
            axis, row = _with_gaps(series.wavelength_nm, rank.in_wavelength[k : k + 1])
            in_wavelength.plot(axis, row[0], lw=0.9, **style)
        in_time.margins(y=0.3)
    legend = partial(_best_legend, loc="upper right", ncols=2)
    return _finish_vectors(axes, series, unit, "residual, singular vector", legend)


def _two_axes() -> "tuple[Axes, Axes]":
    figure = new_figure("double", 0.4)
    with figure_style():
        first, second = figure.subplots(1, 2)
    return first, second


def _finish_vectors(
    axes: "tuple[Axes, Axes]", series: SpectralSeries, unit: TimeUnit, y: str, legend: "Callable[[Axes], Any]"
) -> "tuple[Axes, Axes]":
    """Finish axes of singular vectors in time, with the legend, and in wavelength."""
    with figure_style():
        axes[1].margins(x=0.0)
        _finish(axes[0], series, f"time / {unit.sign}", y, legend)
        _finish(axes[1], series, "wavelength / nm", "")
        for ax in axes:
            ax.axhline(0, color=COLOURS["quiet"], lw=0.6, zorder=0)
    return axes


def _break_band(ax: "Axes", estimate: Estimate, colour: str, label: str = "", **line: Any) -> None:
    if estimate.value is None:
        return
    if estimate.low is not None and estimate.high is not None:
        for low, high in estimate.pieces or ((estimate.low, estimate.high),):
            ax.axvspan(low, high, color=colour, alpha=0.25, lw=0, zorder=0.5)
    named: dict[str, Any] = {"label": label} if label else {}
    ax.axvline(estimate.value, color=colour, lw=1.0, zorder=1, **named, **line)


def draw_spectra_fit(
    fit: "SpectraFit", *, run: int = 0, time_unit: str = "s", figure: "Figure | None" = None
) -> "Figure":
    """Draw a whole-spectrum fit: maps of data, fit and residual, species, profiles, residual vectors.

    Parameters
    ----------
    fit : SpectraFit
        The result.
    run : int
        Which run, counted from 0.
    time_unit : str
        "s", "ms", "min" or "h".
    figure : Figure, optional
        An empty figure to draw in; a new double-column one by default.
    """
    figure = new_figure("double", 1.0) if figure is None else figure
    with figure_style():
        grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.25, 0.9))
        maps, (species, profiles), (in_time, in_wavelength) = (
            grid[row].subgridspec(1, columns).subplots(squeeze=False)[0]
            for row, columns in enumerate((3, 2, 2))
        )
    for what, ax in zip(("data", "fit", "residuals"), maps, strict=True):
        plot_map(fit, what, run=run, ax=ax, time_unit=time_unit, colour_bar=what != "data")
    for ax in maps[1:]:
        ax.set_ylabel("")
    plot_species_spectra(fit, run=run, ax=species)
    plot_concentrations(fit, run=run, ax=profiles, time_unit=time_unit)
    plot_residual_vectors(fit, run=run, axes=(in_time, in_wavelength), time_unit=time_unit)
    return figure


# ---- two witnesses -----------------------------------------------------------------------------------


def plot_witness_absorbance(
    result: "TwoWitnesses", *, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw the absorbance of the peak with the staged and the best smooth model, and its breakpoint."""
    (ax, unit), trace = _begun(ax, time_unit), result.trace
    with figure_style():
        _break_band(ax, unit.estimate(result.absorbance), COLOURS["band"], "by the rate")
        _points(ax, unit.time(trace.time_s), trace.absorbance)
        _model_lines(result, ax, 0, unit)
        ax.margins(x=0.02)
        return _finish(ax, trace, f"time / {unit.sign}", signal_label(trace.unit), _best_legend)


def plot_witness_position(
    result: "TwoWitnesses", *, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw the path of the peak with both breakpoints and the models of both signals."""
    (ax, unit), trace = _begun(ax, time_unit), result.trace
    position = np.asarray(trace.peak_nm, dtype=float)
    errors = None if trace.peak_nm_se is None else np.nan_to_num(trace.peak_nm_se)
    low, high = np.nanquantile(position, [0.01, 0.99])
    room = max(0.35 * (high - low), 0.3)
    with figure_style():
        _break_band(ax, unit.estimate(result.absorbance), COLOURS["band"], "by the rate")
        _break_band(ax, unit.estimate(result.position), COLOURS["third"], "end of the shift", ls="--")
        _points(ax, unit.time(trace.time_s), position, errors)
        _model_lines(result, ax, 1, unit)
        ax.margins(x=0.02)
        ax.set_ylim(low - room, high + room)
        return _finish(ax, trace, f"time / {unit.sign}", "peak position / nm", _best_legend)


def _points(ax: "Axes", time: Array, values: Array, errors: Array | None = None) -> None:
    ax.errorbar(
        time, values, yerr=errors, fmt="o", ms=2.4, mfc="none", mec=COLOURS["data"], mew=0.5,
        ecolor=COLOURS["quiet"], elinewidth=0.5, zorder=2,
    )  # fmt: skip


def _model_lines(result: "TwoWitnesses", ax: "Axes", which: int, unit: TimeUnit) -> None:
    dense = np.linspace(float(result.trace.time_s[0]), float(result.trace.time_s[-1]), 500)
    for broken, colour, dash in ((True, "fit", "-"), (False, "paper", "-.")):
        # the best of each kind stands first
        for model in [model for model in result.models if (model.model == "staged") is broken][:1]:
            curve = model.curves(dense)[which]
            ax.plot(unit.time(dense), curve, dash, color=COLOURS[colour], lw=1.1, label=model.model, zorder=3)


def draw_witnesses(
    result: "TwoWitnesses", *, time_unit: str = "s", figure: "Figure | None" = None
) -> "Figure":
    """Draw both witnesses side by side, and the profiles of their breakpoints below.

    Parameters
    ----------
    result : TwoWitnesses
        The result.
    time_unit : str
        "s", "ms", "min" or "h".
    figure : Figure, optional
        An empty figure to draw in; a new double-column one by default.
    """
    figure = new_figure("double", 0.62) if figure is None else figure
    with figure_style():
        grid = figure.add_gridspec(2, 1, height_ratios=(1.7, 1.0))
        left, right = grid[0].subgridspec(1, 2).subplots(squeeze=False)[0]
        below = figure.add_subplot(grid[1])
    plot_witness_absorbance(result, ax=left, time_unit=time_unit)
    plot_witness_position(result, ax=right, time_unit=time_unit)
    _plot_profiles(result, below, unit_called(time_unit))
    return figure


def _plot_profiles(result: "TwoWitnesses", ax: "Axes", unit: TimeUnit) -> None:
    grid = unit.time(result.grid_s)
    both = result.absorbance_deviance + result.position_deviance
    curves = [(result.absorbance_deviance, "by the rate", "paper", "-")]
    if result.position.value is not None:
        curves += [
            (result.position_deviance, "by the shift", "third", "--"),
            (both - both.min(), "both", "fit", "-."),
        ]
    near = grid[np.min([values for values, *_ in curves], axis=0) < 2 * _HIGHEST]
    room = 0.6 * max(float(np.ptp(near)), 4 * float(np.median(np.diff(grid))))
    with figure_style():
        for values, label, colour, dash in curves:
            ax.plot(grid, values, dash, color=COLOURS[colour], lw=1.1, label=label)
        ax.axhline(3.84, color=COLOURS["quiet"], lw=0.7, ls=":")  # chi2 of one parameter at 95 %
        ax.set_ylim(0, _HIGHEST)
        ax.set_xlim(max(near[0] - room, grid[0]), min(near[-1] + room, grid[-1]))
        label = "rise of the misfit / noise"
        _finish(ax, result.trace, f"breakpoint / {unit.sign}", label, _best_legend)


# ---- the rank of a series ----------------------------------------------------------------------------


def plot_singular_values(series: SpectralSeries, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the singular values of a series and what noise alone would not exceed; return the axes."""
    ax, _ = _begun(ax)
    rank = rank_of(series)
    number = np.arange(1, rank.singular_values.size + 1)
    with figure_style():
        ax.semilogy(number, rank.singular_values, "o-", color=COLOURS["paper"], lw=0.8, label="data")
        ax.semilogy(number, rank.thresholds, "--", color=COLOURS["fit"], lw=1.0, label="noise stays below")
        ax.axvline(rank.n_components + 0.5, color=COLOURS["quiet"], lw=0.7, ls=":")
        ax.set_xticks(number[::2])
        return _finish(ax, series, "component", "singular value / AU", partial(clear_legend, columns=1))


def _n_shown(rank: Rank) -> int:
    """Return how many components are drawn: those that count, and the first that does not."""
    return min(rank.n_components + 1, rank.singular_values.size, len(_LINES))


def _lines(count: int) -> Iterable[tuple[int, dict[str, Any]]]:
    return ((k, {"color": COLOURS[colour], "ls": dash}) for k, (colour, dash) in enumerate(_LINES[:count]))


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
    in_time, in_wavelength = axes = _two_axes() if axes is None else axes
    time, axis, matrix = known_part(series)
    rank = rank_of_matrix(matrix)
    shown = min(count, rank.singular_values.size, len(_LINES)) or _n_shown(rank)
    with figure_style():
        for k, style in _lines(shown):
            in_time.plot(unit.time(time), rank.in_time[:, k], label=str(k + 1), lw=1.0, **style)
            in_wavelength.plot(axis, rank.in_wavelength[k], lw=1.0, **style)
        in_time.margins(y=0.06)
    legend = partial(clear_legend, columns=shown)
    return _finish_vectors(axes, series, unit, "singular vector", legend)


def plot_evolving_factors(
    series: SpectralSeries, *, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw singular values of the spectra up to (lines) and from (dashes) each time; return the axes."""
    ax, unit = _begun(ax, time_unit)
    found = evolving_factors(series)
    time = unit.time(found.time_s)
    count = min(found.forward.shape[1], _n_shown(rank_of(series)))
    floor = found.threshold / 3 if found.threshold > 0 else 1e-9
    with figure_style():
        for k, style in _lines(count):
            for values, dash in ((found.forward[:, k], "-"), (found.backward[:, k], "--")):
                ax.semilogy(time, np.maximum(values, floor), lw=0.9, **style | {"ls": dash})
        ax.axhline(found.threshold, color=COLOURS["data"], lw=0.8, ls=":", label="noise of the whole series")
        ax.set_ylim(bottom=floor)
        ax.margins(x=0.02)
        return _finish(ax, series, f"time / {unit.sign}", "evolving singular value / AU", clear_legend)


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
