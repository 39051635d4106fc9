"""Figures of the dose side: dose curve with bands and rivals, species, priors, dose series."""

from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.draws import generator
from cxkinetics.composition.species_model import incorporation_draws
from cxkinetics.composition.table_draws import fit_draws
from cxkinetics.document import page
from cxkinetics.document.figure import (
    COLOURS,
    figure_style,
    formula_text,
    new_figure,
    on_axes,
    polish,
    stamp_simulated,
)
from cxkinetics.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.composition.dose import DoseAdvice
    from cxkinetics.composition.dose_spectra import DoseSpectraFit
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.predict import Prediction
    from cxkinetics.composition.rates_against_dose import RatesAgainstDose
    from cxkinetics.composition.species_curves import SpeciesCurves
    from cxkinetics.composition.update import CompositionUpdate, ParameterChange

_POINTS: dict[str, Any] = {"fmt": "o", "mfc": "white", "color": COLOURS["data"], "ms": 3.5, "lw": 0.8}
_DENSE = 400
_BAND_DRAWS = 1000
_SPECIES_COLOURS = ("paper", "fourth", "second", "third", "data", "band")
_SPECIES_LINES = ("-", (0, (1, 1)), (0, (4, 1.5)), (0, (4, 1.5, 1, 1.5, 1, 1.5)), (0, (2, 1)), (0, (8, 1.5)))
_LEGEND_LINE = 4.2  # font sizes: long enough to show a whole pattern of dashes
DOSE_LABEL = "dose / mol guest per mol host cation, %"


@contextmanager
def _frame(
    ax: "Axes | None", *, x: str = DOSE_LABEL, y: str = "", simulated: bool = False, **size: Any
) -> "Iterator[Axes]":
    """Give axes to draw on, new ones where none are given, in the house style and with their labels."""
    with figure_style():
        axes = new_figure(**size).add_subplot() if ax is None else ax
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield axes
        stamp_simulated(axes, simulated)
        polish(axes)


def plot_incorporation(
    result: "IncorporationFit", *, ax: "Axes | None" = None, band: bool = True, rivals: bool = True
) -> "Axes":
    """Draw a dose curve: samples, segments, band, thresholds and rivals.

    Parameters
    ----------
    result : IncorporationFit
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.
    band : bool
        Whether to draw the 95 % band of the curve (from parameter draws; none for a preset).
    rivals : bool
        Whether to draw the rival models.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    points = result.points
    highest, label = points.highest_dose_percent, f"incorporation / % {points.basis}"
    dense = np.linspace(points.lowest_dose_percent, highest, _DENSE)
    curve = result.incorporation_at(dense)
    with _frame(ax, y=label, simulated=points.source.simulated) as ax:
        _mark(ax, result.avalanche_dose_percent, "avalanche", quiet=True, highest=highest)
        _mark(ax, result.saturation_dose_percent, "saturation", quiet=True, highest=highest)
        limits = _curve_band(result, dense) if band and not result.options.get("preset") else None
        if limits is not None:
            ax.fill_between(dense, *limits, color=COLOURS["band"], alpha=0.35, lw=0, label="95 % band")
        if rivals:
            _rival_lines(result, ax, dense)
        ax.plot(dense, curve, "-", color=COLOURS["fit"], label="fitted curve", zorder=3)
        _samples(result, ax)
        top = 1.12 * max(np.max(points.incorporation_percent), np.max(curve))
        ax.set_ylim(-0.03 * top, top)
        ax.margins(x=0.03)
        ax.legend(loc="upper left")
    return ax


def _samples(result: "IncorporationFit", ax: "Axes") -> None:
    points = result.points
    low, high = np.asarray(points.dose_low_percent), np.asarray(points.dose_high_percent)
    y, wide = points.incorporation_percent, high > low
    sigma = None if points.sigma_percent is None else points.sigma_percent[~wide]
    ax.errorbar(low[~wide], y[~wide], yerr=sigma, label="samples", zorder=4, **_POINTS)
    if wide.any():
        middle, half = (low + high)[wide] / 2, (high - low)[wide] / 2
        line: dict[str, Any] = {"fmt": "none", "color": COLOURS["data"], "lw": 1.2, "capsize": 2.2}
        ax.errorbar(middle, y[wide], xerr=half, label="dose an interval", zorder=4, **line)


def _mark(ax: "Axes", estimate: Estimate, word: str, *, quiet: bool = False, highest: float = np.inf) -> None:
    """Draw a dose as a line across the axes with words at its foot, and its interval as a band."""
    if estimate.value is None or estimate.value > highest:
        return
    loud: dict[str, Any] = {"color": COLOURS["fit"], "lw": 0.9, "ls": "--"}
    line = {"color": COLOURS["quiet"], "lw": 0.8, "ls": ":"} if quiet else loud
    band, alpha, spec = ("quiet", 0.13, ".1f") if quiet else ("band", 0.3, ".3g")
    if estimate.low is not None and estimate.high is not None:
        ax.axvspan(estimate.low, min(estimate.high, highest), color=COLOURS[band], alpha=alpha, lw=0)
    ax.axvline(estimate.value, **line)
    _say(ax, estimate.value, f"{word}\n{estimate.value:{spec}} %", fontsize=6.5, color=line["color"])


def _say(ax: "Axes", at: float, words: str, *, at_top: bool = False, **style: Any) -> None:
    """Write words beside an upright line at a dose."""
    ax.annotate(
        words,
        (at, 1.0 if at_top else 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(2, -2) if at_top else (3, 0),
        textcoords="offset points",
        va="top" if at_top else "bottom",
        **style,
    )


def _curve_band(result: "IncorporationFit", dense: Array) -> tuple[Array, Array] | None:
    random, seed = generator(None)
    draws = fit_draws(result, result.system, _BAND_DRAWS, random, seed)
    if draws.no_product:  # draws of avalanches are no band of points that show none
        return None
    read = incorporation_draws(draws, dense) + np.reshape(
        draws.values.get(incorporation_map.BLANK, 0.0), (-1, 1)
    )
    low, high = np.quantile(read, [0.025, 0.975], axis=0)
    return low, high


def _rival_lines(result: "IncorporationFit", ax: "Axes", dense: Array) -> None:
    styles = {"one line": (0, (1, 1.5)), "line, plateau": (0, (4, 2)), "Hill": (0, (4, 1.5, 1, 1.5))}
    for rival in (rival for rival in result.rivals if rival.model in styles):
        at = rival.parameters
        if rival.model == "Hill":
            y = at["y_f"] * incorporation_map.hill_shape(dense, at["D50"], at["h"])
        else:
            y = incorporation_map.incorporation(dense, at["b1"], 0.0, at["b1"], at.get("y_f", np.inf))
        ax.plot(
            dense,
            result.intercept + y,
            ls=styles[rival.model],
            color=COLOURS["quiet"],
            lw=0.9,
            label=rival.model,
            zorder=1,
        )


def plot_species_against_dose(
    result: "SpeciesCurves | DoseAdvice", *, ax: "Axes | None" = None, intervals: bool = True
) -> "Axes":
    """Draw the shares of all species against dose; for an advice also the window of its target.

    Parameters
    ----------
    result : SpeciesCurves or DoseAdvice
        What to draw.
    ax : Axes, optional
        Where; a new double-column figure by default.
    intervals : bool
        Whether to draw the bands.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    # told apart by what they hold: their classes import the figures, not the other way
    curves = cast("SpeciesCurves", getattr(result, "curves", result))
    with _frame(ax, y="share of clusters", width="double", aspect=0.42) as ax:
        if curves is not result:
            _target_window(cast("DoseAdvice", result), ax)
        looks = zip(cycle(_SPECIES_COLOURS), cycle(_SPECIES_LINES), strict=False)
        for (key, (mean, low, high)), (colour, line) in zip(curves.shares.items(), looks, strict=False):
            if intervals:
                ax.fill_between(curves.dose_percent, low, high, color=COLOURS[colour], alpha=0.14, lw=0)
            ax.plot(curves.dose_percent, mean, color=COLOURS[colour], ls=line, label=formula_text(key))
        ax.set_ylim(-0.02, 1.04)
        ax.set_xlim(float(curves.dose_percent[0]), float(curves.dose_percent[-1]))
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=_LEGEND_LINE)
    return ax


def _target_window(result: "DoseAdvice", ax: "Axes") -> None:
    words = f"window for {formula_text(result.target)}"
    ax.axvspan(*result.window_percent, color=COLOURS["quiet"], alpha=0.16, lw=0, label=words)
    if result.dose_percent.value is not None:
        ax.axvline(result.dose_percent.value, color=COLOURS["data"], lw=0.9, ls=":")
        _say(ax, result.dose_percent.value, f"{result.dose_percent.value:g} %", at_top=True, fontsize=7)


def plot_composition(result: "Prediction", *, ax: "Axes | None" = None) -> "Axes":
    """Draw the composition at a dose as bars with intervals."""
    with _frame(ax, x=f"share of clusters at {result.dose_percent:g} % dose", aspect=0.55) as ax:
        for row, share in enumerate(result.species.values()):
            colour = COLOURS[_SPECIES_COLOURS[row % len(_SPECIES_COLOURS)]]
            ax.barh(row, share.value or 0.0, color=colour, alpha=0.75, height=0.6)
            if share.low is not None and share.high is not None:
                ax.plot([share.low, share.high], [row, row], "|-", color=COLOURS["data"], lw=1.0, ms=6)
        ax.set_yticks(range(len(result.species)), list(map(formula_text, result.species)))
        ax.invert_yaxis()
        ax.set_xlim(0, 1.02)
    return ax


def plot_prior_posterior(result: "CompositionUpdate", *, ax: "Axes | None" = None) -> "Axes":
    """Draw every parameter's interval before and after the measurements, each on its own scale.

    Parameters
    ----------
    result : CompositionUpdate
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.

    Returns
    -------
    Axes
        One row per parameter, in units of the prior's interval (of the posterior's without a prior).
    """
    with _frame(ax, x="position in the prior's 95 % interval", aspect=0.95) as ax:
        for row, change in enumerate(result.changes):
            _interval_pair(ax, change, row)
        after = {change.name: change.after for change in result.changes}
        words = [f"{name} = {e.format_value()} {e.unit}".rstrip() for name, e in after.items()]
        ax.set_yticks(range(len(words)), words)
        ax.set_ylim(len(result.changes) - 0.4, -0.6)
        ax.plot([], [], "-", color=COLOURS["quiet"], lw=4, alpha=0.5, label="before")
        ax.plot([], [], "o-", color=COLOURS["fit"], lw=1.6, ms=3, label="after")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def _interval_pair(ax: "Axes", change: "ParameterChange", row: int) -> None:
    frame, after = (
        np.array([e.low, e.high, e.value], dtype=float) for e in (change.before or change.after, change.after)
    )
    if change.name == "alpha":  # a factor is at home on a log scale
        frame, after = np.log(frame), np.log(after)
    if not np.isfinite([frame, after]).all():
        return
    low, width = frame[0], (frame[1] - frame[0]) or 1.0
    if change.before is not None:
        ax.plot([0, 1], [row, row], "-", color=COLOURS["quiet"], lw=4, alpha=0.5, solid_capstyle="butt")
    *ends, value = (after - low) / width
    ax.plot(ends, [row, row], "-", color=COLOURS["fit"], lw=1.6)
    ax.plot(value, row, "o", color=COLOURS["fit"], ms=3)


def plot_peak_against_dose(
    result: "DoseSpectraFit",
    *,
    figure: "Figure | None" = None,
    ax: "Axes | None" = None,
    height_ax: "Axes | None" = None,
) -> "Axes":
    """Draw position and height of the peak against dose, with the end of the shift and the onset of loss.

    Parameters
    ----------
    result : DoseSpectraFit
        What to draw.
    figure : Figure, optional
        An empty figure to fill with both panels; a new one by default.
    ax, height_ax : Axes, optional
        Where position and height go, instead of the panels of a figure (`ax` alone: position).

    Returns
    -------
    Axes
        The axes of the position.
    """
    if ax is None:
        figure = new_figure("single", 1.15) if figure is None else figure
        with figure_style():
            ax, height_ax = figure.subplots(2, 1, sharex=True)
    dose, simulated = result.spectra.dose_percent, result.spectra.source.simulated
    below = DOSE_LABEL if height_ax is None else ""
    with _frame(ax, x=below, y="peak position / nm", simulated=simulated) as ax:
        known = np.isfinite(result.peak_nm)
        error = np.where(np.isfinite(result.peak_nm_se), result.peak_nm_se, 0.0)
        ax.errorbar(dose[known], result.peak_nm[known], yerr=error[known], **_POINTS)
        _mark(ax, result.shift_end_dose_percent, "end of the shift")
        sure = result.peak_nm[known & (error < 1.0)]
        if sure.size:
            ax.set_ylim(float(sure.min()) - 1.0, float(sure.max()) + 1.5)
    if height_ax is not None:
        with _frame(height_ax, y="peak height / AU"):
            height_ax.plot(dose, result.height, "s", mfc="white", color=COLOURS["data"], ms=3.5)
            _mark(height_ax, result.loss_onset_dose_percent, "onset of the loss")
            height_ax.margins(y=0.1)
    return ax


def plot_conversion_against_dose(result: "DoseSpectraFit", *, ax: "Axes | None" = None) -> "Axes":
    """Draw optical and compositional conversion against dose: two quantities, not one."""
    dose = result.spectra.dose_percent
    with _frame(ax, y="conversion", simulated=result.spectra.source.simulated) as ax:
        ax.plot(dose, result.loss, "s-", color=COLOURS["data"], ms=3.5, lw=0.9, label="optical, 1 - A/A0")
        if result.conversion:
            ends = [(share.value, share.low, share.high) for share in result.conversion]
            mean, low, high = np.array(ends, dtype=float).T
            ax.fill_between(dose, low, high, color=COLOURS["third"], alpha=0.2, lw=0)
            ax.plot(dose, mean, "o--", color=COLOURS["third"], ms=3, lw=0.9, label="turned into product")
        ax.legend(loc="upper left")
    return ax


def plot_rates_against_dose(result: "RatesAgainstDose", *, ax: "Axes | None" = None) -> "Axes":
    """Draw the rate constants of every stage against dose, with the power laws through them."""
    colours = ("paper", "fit", "second", "third")
    with _frame(ax, y="rate constant / 1/s", aspect=0.85) as ax:
        for stage, (order, constant) in enumerate(zip(result.orders, result.constants, strict=True)):
            rates = [(run.dose_percent, k) for run in result.runs for k in run.rates[stage : stage + 1]]
            rows = np.array([(dose, k.value, k.low, k.high) for dose, k in rates], dtype=float)
            dose, rate, low, high = rows[(rows[:, 0] > 0) & (rows[:, 1] > 0)].T
            if not dose.size:
                continue
            below, above = (np.nan_to_num(np.maximum(v, 0.0)) for v in (rate - low, high - rate))
            below = np.minimum(below, 0.95 * rate)
            colour = COLOURS[colours[stage % len(colours)]]
            style = _POINTS | {"fmt": "os^D"[stage % 4], "color": colour, "ms": 4, "lw": 0.9}
            ax.errorbar(dose, rate, yerr=[below, above], label=f"stage {stage + 1}", **style)
            if order.value is not None and constant.value is not None:
                dense = np.geomspace(dose.min(), dose.max(), 60)
                law = np.exp(constant.value) * (dense / 100) ** order.value
                ax.plot(dense, law, "--", color=colour, lw=0.9, label=f"order {order.format_value()}")
        _plain_log_axes(ax, sorted({run.dose_percent for run in result.runs if run.dose_percent > 0}))
        ax.legend(loc="best")
    return ax


def _plain_log_axes(ax: "Axes", doses: list[float]) -> None:
    """Set logarithmic axes with plain numbers, the doses themselves as ticks where they are few."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_xscale("log")
    ax.set_yscale("log")
    if 1 < len(doses) <= 8:
        ax.set_xticks(doses, [f"{dose:g}" for dose in doses])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


# ---- what each result declares


def incorporation_figure(fit: "IncorporationFit", samples: str = "samples") -> page.Figure:
    """Return the figure of a dose curve; `samples` is what its points are called in words."""
    words = (
        f"Incorporation against dose for {fit.points.n_points} {samples} with the fitted curve: slope "
        f"{fit.stage1_slope.format_value()}, then {fit.stage2_slope.format_value()} from "
        f"{fit.avalanche_dose_percent.format_value()} % dose, plateau at "
        f"{fit.plateau_percent.format_value()} %."
    )
    draw = partial(on_axes, plot_incorporation, fit)
    return page.Figure("dose-curve", draw, words, "Samples, the curve with its thresholds, and its rivals.")


def species_figure(result: "SpeciesCurves | DoseAdvice") -> page.Figure:
    """Return the figure of the species against dose."""
    target = getattr(result, "target", "")
    band = f"; the band is the window for {target}." if target else "."
    draw = partial(on_axes, plot_species_against_dose, result)
    words = "Shares of the species against dose with their intervals."
    caption = f"Shares of the species against dose{band}"
    return page.Figure("species", draw, words, caption, width="double", aspect=0.42)


def composition_figure(result: "Prediction") -> page.Figure:
    """Return the figure of a composition."""
    draw = partial(on_axes, plot_composition, result)
    words = f"Share of each species at {result.dose_percent:g} % dose as a bar with its interval."
    return page.Figure("composition", draw, words, "Shares of clusters with their intervals.", aspect=0.55)


def update_figure(result: "CompositionUpdate") -> page.Figure:
    """Return the figure of the parameters before and after the measurements."""
    draw = partial(on_axes, plot_prior_posterior, result)
    words = "Interval of each parameter before and after the measurements."
    return page.Figure("parameters", draw, words, "Each parameter in its prior's interval.", aspect=0.95)


def rates_figure(result: "RatesAgainstDose") -> page.Figure:
    """Return the figure of the rates of a dose series."""
    draw = partial(on_axes, plot_rates_against_dose, result)
    words = f"Rate constants of {len(result.runs)} runs against dose on logarithmic axes."
    return page.Figure("rates", draw, words, "Rate constants with the power laws through them.", aspect=0.85)


def dose_spectra_figures(result: "DoseSpectraFit") -> tuple[page.Figure, ...]:
    """Return the figures of a dose series: the peak, and both conversions."""

    def draw_peak(figure: "Figure | None" = None, **options: "Axes | None") -> "Figure":
        axes = plot_peak_against_dose(result, figure=figure, **options)
        drawn: Figure = axes.get_figure(root=True)  # type: ignore[assignment]
        return drawn

    draw_conversion = partial(on_axes, plot_conversion_against_dose, result)
    words = "Position and height of the peak against dose."
    caption = "The peak against dose, with the end of its shift and the onset of the loss."
    both = "Optical and compositional conversion against dose."
    apart = "Two quantities: absorbance lost, and share turned into product."
    peak = page.Figure("peak", draw_peak, words, caption, aspect=1.15)
    return peak, page.Figure("conversion", draw_conversion, both, apart)
