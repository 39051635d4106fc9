"""Figures of whole-spectrum fits: maps, species, profiles, singular values and vectors."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.report.legend import clear_legend
from cxkinetics.report.present import draw
from cxkinetics.report.style import (
    COLOURS,
    figure_style,
    new_axes,
    new_figure,
    polish,
    signal_label,
    stamp_simulated,
)
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.rank import evolving_factors, rank_of, rank_of_matrix
from cxkinetics.spectral.result import SpectraFit
from cxkinetics.spectral.witness_result import TwoWitnesses, WitnessModel
from cxkinetics.spectral.witnesses import position_curve, sequential_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGHEST = 30.0  # rise of the misfit up to which profiles are shown
_SPECIES = ("paper", "fit", "second", "third", "fourth", "band", "data")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def _style_of(index: int) -> dict[str, Any]:
    return {"color": COLOURS[_SPECIES[index % len(_SPECIES)]], "ls": _DASHES[index % len(_DASHES)]}


def plot_map(
    fit: SpectraFit,
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
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.8)
    series = fit.series[run]
    time = unit.time(np.asarray(series.time_s))
    data = np.asarray(series.absorbance)
    with figure_style():
        if what == "residuals":
            sd = fit.noise.sd or 1.0
            options: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -4.0, "vmax": 4.0}
            values, label = fit.residuals(run) / sd, "residual / sd"
        else:
            known = data[np.isfinite(data)]
            options = {
                "cmap": "viridis",
                "vmin": float(np.quantile(known, 0.002)),
                "vmax": float(np.quantile(known, 0.998)),
            }
            values = data if what == "data" else fit.fitted(run)
            label = signal_label(series.unit)
        axis, values = _with_gaps(np.asarray(series.wavelength_nm), values)
        mesh = ax.pcolormesh(axis, time, values, shading="nearest", rasterized=True, **options)
        if colour_bar:
            bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=24)
            bar.set_label(label, fontsize=7)
            bar.ax.tick_params(labelsize=6.5)
            bar.outline.set_linewidth(0.5)
        ax.set_ylim(time[0], time[-1])
        ax.set_xlabel("wavelength / nm")
        ax.set_ylabel(f"time / {unit.sign}")
        ax.set_title(what, loc="left", fontsize=8)
        stamp_simulated(ax, series.source.simulated)
        polish(ax)
    return ax


def _with_gaps(axis: Array, rows: Array) -> tuple[Array, Array]:
    """Put NaN where wavelengths were left out, so that nothing is drawn across."""
    step = np.diff(axis)
    after = np.flatnonzero(step > 4 * np.median(step)) + 1 if step.size else np.zeros(0, dtype=int)
    edges = np.sort(np.concatenate([axis[after - 1] + 1e-6, axis[after] - 1e-6]))
    columns = np.repeat(after, 2)
    return np.insert(axis, columns, edges), np.insert(rows, columns, np.nan, axis=1)


def plot_species_spectra(fit: SpectraFit, *, run: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw the species spectra of one run with bands of two standard errors."""
    if ax is None:
        ax = new_axes("single", 0.75)
    item = fit.spectra[run]
    with figure_style():
        ax.axhline(0, color=COLOURS["quiet"], lw=0.6)
        for i, name in enumerate(item.species):
            axis, (values, errors) = _with_gaps(
                np.asarray(item.wavelength_nm), np.stack([item.values[i], item.errors[i]])
            )
            if not np.isfinite(item.values[i]).all():
                ax.plot([], [], label=f"{name} (not determined)", **_style_of(i))
                continue
            style = _style_of(i)
            ax.fill_between(
                axis,
                values - 2 * errors,
                values + 2 * errors,
                color=style["color"],
                alpha=0.25,
                lw=0,
            )
            ax.plot(axis, values, lw=1.2, label=name, **style)
        ax.set_xlabel("wavelength / nm")
        ax.set_ylabel(signal_label(fit.series[run].unit) + " per unit")
        ax.margins(x=0.0, y=0.06)
        ax.legend(loc="best")
        stamp_simulated(ax, fit.series[run].source.simulated)
        polish(ax)
    return ax


def plot_concentrations(
    fit: SpectraFit, *, run: int = 0, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw the concentrations of the species against time, breakpoints as bands."""
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.75)
    end = float(fit.series[run].time_s[-1])
    dense = np.linspace(0.0, end, 400)
    profiles = fit.concentrations(dense)
    with figure_style():
        for estimate in fit.breakpoints_s:
            _break_band(ax, unit.estimate(estimate), COLOURS["band"])
        for i, name in enumerate(fit.species):
            ax.plot(unit.time(dense), profiles[:, i], lw=1.2, label=name, **_style_of(i))
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("concentration / initial")
        ax.margins(x=0.02, y=0.06)
        ax.legend(loc="best")
        stamp_simulated(ax, fit.series[run].source.simulated)
        polish(ax)
    return ax


def plot_residual_vectors(
    fit: SpectraFit, *, run: int = 0, axes: "tuple[Axes, Axes] | None" = None, time_unit: str = "s"
) -> "tuple[Axes, Axes]":
    """Draw the two leading singular vectors of the residual, in time and in wavelength.

    What a fit has explained leaves noise; a smooth vector here is something it has not.
    """
    unit = unit_called(time_unit)
    if axes is None:
        figure = new_figure("double", 0.4)
        with figure_style():
            first, second = figure.subplots(1, 2)
        axes = (first, second)
    series = fit.series[run]
    residual = np.nan_to_num(fit.residuals(run))
    rank = rank_of_matrix(residual)
    sd = fit.noise.sd or 1.0
    in_time, in_wavelength = axes
    with figure_style():
        for k in range(min(2, rank.singular_values.size)):
            ratio = rank.singular_values[k] / (sd * (np.sqrt(residual.shape[0]) + np.sqrt(residual.shape[1])))
            label = f"{k + 1}: {ratio:.2g} x noise"
            time, style = unit.time(np.asarray(series.time_s)), _style_of(k)
            in_time.plot(time, rank.in_time[:, k], lw=0.9, label=label, **style)
            axis, row = _with_gaps(np.asarray(series.wavelength_nm), rank.in_wavelength[k : k + 1])
            in_wavelength.plot(axis, row[0], lw=0.9, **style)
        in_time.set_xlabel(f"time / {unit.sign}")
        in_time.set_ylabel("residual, singular vector")
        in_time.margins(y=0.3)
        in_time.legend(loc="upper right", ncols=2)
        in_wavelength.set_xlabel("wavelength / nm")
        in_wavelength.margins(x=0.0)
        for ax in axes:
            ax.axhline(0, color=COLOURS["quiet"], lw=0.6, zorder=0)
            stamp_simulated(ax, series.source.simulated)
            polish(ax)
    return axes


def _break_band(ax: "Axes", estimate: Any, colour: str, label: str = "", **line: Any) -> None:
    if estimate.value is None:
        return
    if estimate.low is not None and estimate.high is not None:
        for low, high in estimate.pieces or ((estimate.low, estimate.high),):
            ax.axvspan(low, high, color=colour, alpha=0.25, lw=0, zorder=0.5)
    named: dict[str, Any] = {"label": label} if label else {}
    ax.axvline(estimate.value, color=colour, lw=1.0, zorder=1, **named, **line)


def draw_spectra_fit(
    fit: SpectraFit, *, run: int = 0, time_unit: str = "s", figure: "Figure | None" = None
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
        first, middle, last = (grid[row].subgridspec(1, columns) for row, columns in ((0, 3), (1, 2), (2, 2)))
        maps = [figure.add_subplot(first[i]) for i in range(3)]
        species, profiles = figure.add_subplot(middle[0]), figure.add_subplot(middle[1])
        vectors = figure.add_subplot(last[0]), figure.add_subplot(last[1])
    for what, ax in zip(("data", "fit", "residuals"), maps, strict=True):
        plot_map(fit, what, run=run, ax=ax, time_unit=time_unit, colour_bar=what != "data")
    for ax in maps[1:]:
        ax.set_ylabel("")
    plot_species_spectra(fit, run=run, ax=species)
    plot_concentrations(fit, run=run, ax=profiles, time_unit=time_unit)
    plot_residual_vectors(fit, run=run, axes=vectors, time_unit=time_unit)
    return figure


def _curves(model: WitnessModel, time_s: Array) -> tuple[Array, Array]:
    """Return absorbance and position (nm) of one model at times (s)."""
    p = model.parameters
    if model.model == "staged":
        spent = np.minimum(time_s, p["tb"]) * p["k1"] + np.maximum(time_s - p["tb"], 0.0) * p["k2"]
        height = p["offset"] + p["amplitude"] * np.exp(-spent)
        return height, position_curve(time_s, p["start_nm"], p["end_nm"], p["tb"])
    host, doped, product = sequential_curves(time_s, p["k1"], p["k2"], p["q"])
    height = p["a"] * (host + doped + p["c"] * product)
    position: Array = (host * p["start_nm"] + doped * p["end_nm"]) / (host + doped)
    return height, position


def plot_witness_absorbance(
    result: TwoWitnesses, *, ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw the absorbance of the peak with the staged and the best smooth model, and its breakpoint."""
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.75)
    trace = result.trace
    with figure_style():
        _break_band(ax, unit.estimate(result.absorbance), COLOURS["band"], "by the rate")
        _points(ax, unit.time(np.asarray(trace.time_s)), trace.absorbance, None)
        _model_lines(result, ax, 0, unit)
        ax.set_ylabel(signal_label(trace.unit))
        _finish(ax, result, unit.sign)
    return ax


def plot_witness_position(result: TwoWitnesses, *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw the path of the peak with both breakpoints and the models of both signals."""
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.75)
    trace = result.trace
    with figure_style():
        _break_band(ax, unit.estimate(result.absorbance), COLOURS["band"], "by the rate")
        _break_band(ax, unit.estimate(result.position), COLOURS["third"], "end of the shift", ls="--")
        position = np.asarray(trace.peak_nm, dtype=float)
        errors = None if trace.peak_nm_se is None else np.nan_to_num(np.asarray(trace.peak_nm_se))
        _points(ax, unit.time(np.asarray(trace.time_s)), position, errors)
        _model_lines(result, ax, 1, unit)
        known = position[np.isfinite(position)]
        low, high = np.quantile(known, [0.01, 0.99])
        room = max(0.35 * (high - low), 0.3)
        ax.set_ylim(low - room, high + room)
        ax.set_ylabel("peak position / nm")
        _finish(ax, result, unit.sign)
    return ax


def _points(ax: "Axes", time: Array, values: Array, errors: Array | None) -> None:
    ax.errorbar(
        time, values, yerr=errors, fmt="o", ms=2.4, mfc="none", mec=COLOURS["data"], mew=0.5,
        ecolor=COLOURS["quiet"], elinewidth=0.5, zorder=2,
    )  # fmt: skip


def _model_lines(result: TwoWitnesses, ax: "Axes", which: int, unit: Any) -> None:
    dense = np.linspace(float(result.trace.time_s[0]), float(result.trace.time_s[-1]), 500)
    staged = next((model for model in result.models if model.model == "staged"), None)
    smooth = next((model for model in result.models if model.model != "staged"), None)
    for model, colour, dash in ((staged, "fit", "-"), (smooth, "paper", "-.")):
        if model is None:
            continue
        curve = _curves(model, dense)[which]
        ax.plot(unit.time(dense), curve, dash, color=COLOURS[colour], lw=1.1, label=model.model, zorder=3)


def _finish(ax: "Axes", result: TwoWitnesses, sign: str) -> None:
    ax.set_xlabel(f"time / {sign}")
    ax.margins(x=0.02)
    ax.legend(loc="best")
    stamp_simulated(ax, result.trace.source.simulated)
    polish(ax)


def draw_witnesses(result: TwoWitnesses, *, time_unit: str = "s", figure: "Figure | None" = None) -> "Figure":
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
    unit = unit_called(time_unit)
    figure = new_figure("double", 0.62) if figure is None else figure
    with figure_style():
        grid = figure.add_gridspec(2, 1, height_ratios=(1.7, 1.0))
        above = grid[0].subgridspec(1, 2)
        left, right = figure.add_subplot(above[0]), figure.add_subplot(above[1])
        below = figure.add_subplot(grid[1])
    plot_witness_absorbance(result, ax=left, time_unit=time_unit)
    plot_witness_position(result, ax=right, time_unit=time_unit)
    with figure_style():
        grid_s = unit.time(np.asarray(result.grid_s))
        both = result.absorbance_deviance + result.position_deviance
        curves = [(result.absorbance_deviance, "by the rate", "paper", "-")]
        if result.position.value is not None:
            curves += [
                (result.position_deviance, "by the shift", "third", "--"),
                (both - both.min(), "both", "fit", "-."),
            ]
        for values, label, colour, dash in curves:
            below.plot(grid_s, values, dash, color=COLOURS[colour], lw=1.1, label=label)
        below.axhline(3.84, color=COLOURS["quiet"], lw=0.7, ls=":")
        below.set_ylim(0, _HIGHEST)
        near = grid_s[np.min([values for values, *_ in curves], axis=0) < 2 * _HIGHEST]
        room = 0.6 * max(float(np.ptp(near)), 4 * float(np.median(np.diff(grid_s))))
        below.set_xlim(max(near[0] - room, grid_s[0]), min(near[-1] + room, grid_s[-1]))
        below.set_xlabel(f"breakpoint / {unit.sign}")
        below.set_ylabel("rise of the misfit / noise")
        below.legend(loc="best")
        stamp_simulated(below, result.trace.source.simulated)
        polish(below)
    return figure


@draw.register(SpectraFit)
def _(fit: SpectraFit, **options: Any) -> "Figure":
    return draw_spectra_fit(fit, **options)


@draw.register(TwoWitnesses)
def _(result: TwoWitnesses, **options: Any) -> "Figure":
    return draw_witnesses(result, **options)


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
