"""Figures of the dose side: dose curve with bands and rivals, species against dose, compositions.

Each function takes axes and returns them. Points are samples (a bar along the dose where it is known
only as an interval), lines are fits or means, bands are intervals.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition import incorporation_map
from cxkinetics.composition.dose_advice import DoseAdvice
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.prediction import Prediction
from cxkinetics.composition.species_curves import SpeciesCurves
from cxkinetics.estimate import Estimate
from cxkinetics.report.present import draw
from cxkinetics.report.style import COLOURS, figure_style, new_axes, polish, stamp_simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_composition",
    "plot_dose_advice",
    "plot_incorporation",
    "plot_species_against_dose",
]

_DENSE = 400
_SPECIES_COLOURS = ("paper", "fourth", "second", "third", "data", "band")
_SPECIES_LINES = (
    "-",
    (0, (1, 1)),
    (0, (4, 1.5)),
    (0, (4, 1.5, 1, 1.5, 1, 1.5)),
    (0, (2, 1)),
    (0, (8, 1.5)),
)
_LEGEND_LINE = 4.2  # font sizes: long enough to show a whole pattern of dashes
DOSE_LABEL = "dose / mol guest per mol host cation, %"


def plot_incorporation(
    result: IncorporationFit, *, ax: "Axes | None" = None, band: bool = True, rivals: bool = True
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
    ax = new_axes("single", 0.8) if ax is None else ax
    points = result.points
    dense = np.linspace(points.lowest_dose_percent, points.highest_dose_percent, _DENSE)
    with figure_style():
        _thresholds(result, ax)
        limits = _curve_band(result, dense) if band and not result.options.get("preset") else None
        if limits is not None:
            low, high = limits
            ax.fill_between(dense, low, high, color=COLOURS["band"], alpha=0.35, lw=0, label="95 % band")
        if rivals:
            _rival_lines(result, ax, dense)
        ax.plot(dense, result.incorporation_at(dense), "-", color=COLOURS["fit"], label="curve", zorder=3)
        _samples(result, ax)
        ax.set_xlabel(DOSE_LABEL)
        ax.set_ylabel(f"incorporation / % {points.basis}")
        top = 1.12 * max(
            float(np.max(points.incorporation_percent)), float(result.incorporation_at(dense).max())
        )
        ax.set_ylim(-0.03 * top, top)
        ax.margins(x=0.03)
        ax.legend(loc="upper left")
        stamp_simulated(ax, points.source.simulated)
        polish(ax)
    return ax


def _samples(result: IncorporationFit, ax: "Axes") -> None:
    points = result.points
    low, high = np.asarray(points.dose_low_percent), np.asarray(points.dose_high_percent)
    y = np.asarray(points.incorporation_percent)
    exact = ~(high > low)
    sigma = None if points.sigma_percent is None else np.asarray(points.sigma_percent)
    ax.errorbar(
        low[exact],
        y[exact],
        yerr=None if sigma is None else sigma[exact],
        fmt="o",
        mfc="white",
        color=COLOURS["data"],
        ms=3.5,
        lw=0.8,
        label="samples",
        zorder=4,
    )
    if not exact.all():
        middle, half = (low + high) / 2, (high - low) / 2
        ax.errorbar(
            middle[~exact],
            y[~exact],
            xerr=half[~exact],
            fmt="none",
            color=COLOURS["data"],
            lw=1.2,
            capsize=2.2,
            label="dose an interval",
            zorder=4,
        )


def _thresholds(result: IncorporationFit, ax: "Axes") -> None:
    for estimate, word, colour in (
        (result.avalanche_dose_percent, "avalanche", "quiet"),
        (result.saturation_dose_percent, "saturation", "quiet"),
    ):
        if estimate.value is None or not estimate.value <= result.points.highest_dose_percent:
            continue
        if estimate.low is not None and estimate.high is not None:
            end = min(estimate.high, result.points.highest_dose_percent)
            ax.axvspan(estimate.low, end, color=COLOURS[colour], alpha=0.13, lw=0)
        ax.axvline(estimate.value, color=COLOURS[colour], lw=0.8, ls=":")
        ax.annotate(
            f"{word}\n{estimate.value:.1f} %",
            (estimate.value, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            va="bottom",
            fontsize=6.5,
            color=COLOURS["quiet"],
        )


def _curve_band(result: IncorporationFit, dense: Array) -> tuple[Array, Array] | None:
    from cxkinetics.composition.knowledge import known_draws
    from cxkinetics.composition.species_model import incorporation_draws

    draws, _ = known_draws(result, result.system, n_draws=1000)
    if draws.no_product:  # draws of avalanches are no band of points that show none
        return None
    low, high = np.quantile(incorporation_draws(draws, dense), [0.025, 0.975], axis=0)
    return low, high


def _rival_lines(result: IncorporationFit, ax: "Axes", dense: Array) -> None:
    styles = {"one line": (0, (1, 1.5)), "line, plateau": (0, (4, 2)), "Hill": (0, (4, 1.5, 1, 1.5))}
    for rival in result.rivals:
        at = rival.parameters
        if rival.model == "Hill":
            with np.errstate(divide="ignore", over="ignore"):
                y = at["y_f"] / (1 + (at["D50"] / dense) ** at["h"])
        elif rival.model in styles:
            top = at.get("y_f", np.inf)
            y = incorporation_map.incorporation(dense, at["b1"], 0.0, at["b1"], top)
        else:
            continue
        ax.plot(dense, y, ls=styles[rival.model], color=COLOURS["quiet"], lw=0.9, label=rival.model, zorder=1)


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
    curves = result.curves if isinstance(result, DoseAdvice) else result
    ax = new_axes("double", 0.42) if ax is None else ax
    with figure_style():
        if isinstance(result, DoseAdvice):
            _target_window(result, ax)
        for number, (key, (mean, low, high)) in enumerate(curves.shares.items()):
            colour = COLOURS[_SPECIES_COLOURS[number % len(_SPECIES_COLOURS)]]
            if intervals:
                ax.fill_between(curves.dose_percent, low, high, color=colour, alpha=0.14, lw=0)
            ax.plot(
                curves.dose_percent,
                mean,
                color=colour,
                ls=_SPECIES_LINES[number % len(_SPECIES_LINES)],
                label=formula_text(key),
            )
        ax.set_xlabel(DOSE_LABEL)
        ax.set_ylabel("share of clusters")
        ax.set_ylim(-0.02, 1.04)
        ax.set_xlim(float(curves.dose_percent[0]), float(curves.dose_percent[-1]))
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=_LEGEND_LINE)
        polish(ax)
    return ax


def _target_window(result: DoseAdvice, ax: "Axes") -> None:
    low, high = result.window_percent
    ax.axvspan(
        low, high, color=COLOURS["quiet"], alpha=0.16, lw=0, label=f"window for {formula_text(result.target)}"
    )
    if result.dose_percent.value is not None:
        ax.axvline(result.dose_percent.value, color=COLOURS["data"], lw=0.9, ls=":")
        ax.annotate(
            f"{result.dose_percent.value:g} %",
            (result.dose_percent.value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            fontsize=7,
        )


def plot_composition(result: Prediction, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the composition at a dose as bars with intervals."""
    ax = new_axes("single", 0.55) if ax is None else ax
    keys = list(result.species)
    with figure_style():
        for row, key in enumerate(keys):
            share = result.species[key]
            colour = COLOURS[_SPECIES_COLOURS[row % len(_SPECIES_COLOURS)]]
            ax.barh(row, share.value or 0.0, color=colour, alpha=0.75, height=0.6)
            _interval_line(ax, share, row)
        ax.set_yticks(range(len(keys)), [formula_text(key) for key in keys])
        ax.invert_yaxis()
        ax.set_xlim(0, 1.02)
        ax.set_xlabel(f"share of clusters at {result.dose_percent:g} % dose")
        polish(ax)
    return ax


def _interval_line(ax: "Axes", share: Estimate, row: int) -> None:
    if share.low is not None and share.high is not None:
        ax.plot([share.low, share.high], [row, row], "|-", color=COLOURS["data"], lw=1.0, ms=6)


def formula_text(formula: str) -> str:
    """Return a formula with its counts as subscripts, for matplotlib.

    Examples
    --------
    >>> formula_text("Ag2Cd32S33")
    'Ag$_{2}$Cd$_{32}$S$_{33}$'
    """
    import re

    return re.sub(r"(\d+)", r"$_{\1}$", formula)


def plot_dose_advice(result: DoseAdvice, *, ax: "Axes | None" = None) -> "Axes":
    """Draw species against dose with the window and the dose for the target."""
    return plot_species_against_dose(result, ax=ax)


@draw.register(IncorporationFit)
def _draw_incorporation(result: IncorporationFit, **options: Any) -> "Figure":
    return _figure(plot_incorporation(result, **options))


@draw.register(SpeciesCurves)
def _draw_curves(result: SpeciesCurves, **options: Any) -> "Figure":
    return _figure(plot_species_against_dose(result, **options))


@draw.register(DoseAdvice)
def _draw_advice(result: DoseAdvice, **options: Any) -> "Figure":
    return _figure(plot_dose_advice(result, **options))


@draw.register(Prediction)
def _draw_prediction(result: Prediction, **options: Any) -> "Figure":
    return _figure(plot_composition(result, **options))


def _figure(ax: "Axes") -> "Figure":
    figure: Figure = ax.figure  # type: ignore[assignment]
    return figure
