"""Figures of a mechanism: data of all kinds with the fit, composition in time, map of a target."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.document import page
from cxkinetics.document.figure import (
    COLOURS,
    clear_legend,
    figure_style,
    formula_text,
    new_axes,
    new_figure,
    on_axes,
    polish,
)
from cxkinetics.mechanism.data import Run
from cxkinetics.mechanism.inference import KEPT, QUICK
from cxkinetics.mechanism.observables import sight

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.mechanism.predict import TimedDose, TimedPrediction
    from cxkinetics.mechanism.result import MechanismFit

DOSES = (37.5, 75.0, 100.0, 135.0)
"""Doses at which the composition is drawn in time."""
_STYLES = (("data", "-"), ("paper", "--"), ("second", "-."), ("fit", ":"), ("third", "-"), ("fourth", "--"))
_BAND_DRAWS = 100
_LEAST_SHARE = 0.02


def _styles(fit_species: Sequence[str]) -> dict[str, tuple[str, str]]:
    return {name: (COLOURS[_STYLES[i % 6][0]], _STYLES[i % 6][1]) for i, name in enumerate(fit_species)}


def plot_composition_in_time(fit: "MechanismFit", *, figure: "Figure | None" = None, **_: Any) -> "Figure":
    """Draw the shares of clusters against time at several doses.

    Parameters
    ----------
    fit : MechanismFit
        What to draw.
    figure : Figure, optional
        An empty figure to fill.
    **_
        Options of other figures of a result, not used here.

    Returns
    -------
    Figure
    """
    mechanism = fit.scheme
    highest = fit.evidence.highest_dose_percent
    doses = np.array([dose for dose in DOSES if dose <= highest] or [highest])
    times = np.geomspace(1.0, 3600.0, 90)
    theta = np.array([[e.value for e in fit.parameters.values()]], dtype=float).T
    share = np.clip(sight(mechanism, theta, doses, times).share.value[:, :, 0], 0, 1)
    drawn = new_figure("double", 0.32) if figure is None else figure
    with figure_style():
        axes = np.atleast_1d(drawn.subplots(1, doses.size, sharey=True))
        for k, (ax, dose) in enumerate(zip(axes, doses, strict=True)):
            for i, (name, (colour, dash)) in enumerate(_styles(mechanism.formulas).items()):
                ax.plot(times, share[i, :, k], dash, color=colour, lw=1.1, label=formula_text(name))
            ax.set_xscale("log")
            ax.set_title(f"{dose:g} % dose")
            ax.set_xlabel("time / s")
            polish(ax)
        axes[0].set_ylabel("share of clusters")
        axes[0].set_ylim(-0.02, 1.02)
        handles, labels = axes[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return drawn


def plot_evidence(fit: "MechanismFit", *, figure: "Figure | None" = None, **_: Any) -> "Figure":
    """Draw incorporations, absorbances and all other evidence with the joint fit.

    Parameters
    ----------
    fit, figure
        As for `plot_composition_in_time`.
    **_
        Options of other figures of a result, not used here.

    Returns
    -------
    Figure
    """
    drawn = new_figure("double", 0.42) if figure is None else figure
    with figure_style():
        left, middle, right = drawn.subplots(1, 3, gridspec_kw={"width_ratios": (1, 1, 0.9)})
        _incorporations(fit, left)
        _absorbances(fit, middle)
        _pulls(fit, right)
    return drawn


def _incorporations(fit: "MechanismFit", ax: "Axes") -> None:
    seen = [one for one in fit.evidence.observations if one.quantity == "incorporation"]
    highest = fit.evidence.highest_dose_percent
    doses = np.linspace(1.0, highest, 60)
    when = float(np.median([one.time_s for one in seen])) if seen else 1200.0
    view = sight(fit.scheme, fit.draws[:_BAND_DRAWS].T, doses, np.array([when]), ratio=QUICK)
    y = view.incorporation(fit.evidence.basis).value[0]
    low, middle, high = np.quantile(y, [0.025, 0.5, 0.975], axis=0)
    ax.fill_between(doses, low, high, color=COLOURS["band"], alpha=0.35, lw=0)
    ax.plot(doses, middle, "-", color=COLOURS["fit"], lw=1.1, label="mechanism")
    if seen:
        x, value, sd = np.array([(one.dose_percent, one.value, one.sd) for one in seen]).T
        ax.errorbar(
            x, value, sd, fmt="o", color=COLOURS["data"], mfc="white", ms=3.5, lw=0.8, label="analysis"
        )
    ax.set_xlabel("dose / %")
    ax.set_ylabel(f"incorporation, {fit.evidence.basis} / %")
    ax.set_ylim(bottom=0)
    clear_legend(ax, columns=1)
    polish(ax)


def _absorbances(fit: "MechanismFit", ax: "Axes") -> None:
    """Draw A/A0 in time at each dose that has one: points, runs scaled to the fit, curves with bands."""
    seen = [one for one in fit.evidence.observations if one.quantity == "absorbance"]
    runs = fit.evidence.runs
    doses = np.unique([one.dose_percent for one in seen] + [run.dose_percent for run in runs] or [100.0])
    times = np.geomspace(1.0, max([3600.0, *(float(run.time_s[-1]) for run in runs)]), 80)
    view = sight(fit.scheme, fit.draws[:_BAND_DRAWS].T, doses, times, ratio=QUICK)
    curves = view.absorbance().value
    for k, dose in enumerate(doses):
        colour, dash = COLOURS[_STYLES[(k + 1) % 6][0]], _STYLES[k % 4][1]
        low, middle, high = np.quantile(curves[:, :, k], [0.025, 0.5, 0.975], axis=1)
        ax.fill_between(times, low, high, color=colour, alpha=0.18, lw=0)
        ax.plot(times, middle, dash, color=colour, lw=1.1, label=f"{dose:g} %")
        for run in (run for run in runs if run.dose_percent == dose):
            ax.plot(run.time_s, run.absorbance / _scale(run, times, middle), ".", color=colour, ms=2.5)
        here = [one for one in seen if one.dose_percent == dose]
        if here:
            x, value, sd = np.array([(one.time_s, one.value, one.sd) for one in here]).T
            ax.errorbar(x, value, sd, fmt="o", color=colour, mfc="white", ms=3.5, lw=0.8)
    ax.set_xscale("log")
    ax.set_xlabel("time / s")
    ax.set_ylabel("A/A0")
    clear_legend(ax, columns=1)
    polish(ax)


def _scale(run: Run, times: Any, curve: Any) -> float:
    """Return the amplitude that lays a run on the drawn curve."""
    model = np.interp(run.time_s, times, curve)
    return float(run.absorbance @ model / (model @ model))


def _pulls(fit: "MechanismFit", ax: "Axes") -> None:
    """Draw how far each number is from the fit, in its own sd, by source."""
    sources = list(dict.fromkeys(item.source for item in fit.residuals))
    for item in fit.residuals:
        row = sources.index(item.source)
        ax.plot(item.pull, row, ">" if item.side else "o", color=COLOURS["data"], mfc="white", ms=4)
    ax.axvline(0, color=COLOURS["quiet"], lw=0.8)
    ax.axvspan(-2, 2, color=COLOURS["band"], alpha=0.2, lw=0)
    ax.set_yticks(range(len(sources)), sources)
    ax.set_ylim(len(sources) - 0.5, -0.5)
    reach = max(3.0, *(abs(item.pull) for item in fit.residuals)) * 1.1
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("(reading - fit) / sd")
    polish(ax)


def plot_map(result: "TimedDose", *, ax: "Axes | None" = None) -> "Axes":
    """Draw the share of the target over dose and time, the best point and the region that will do.

    Parameters
    ----------
    result : TimedDose
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.

    Returns
    -------
    Axes
    """
    doses, times, share = result.map_dose_percent, result.map_time_s, result.map_share
    with figure_style():
        axes = new_axes() if ax is None else ax
        filled = axes.contourf(doses, times, share.T, levels=np.linspace(0, 1, 11), cmap="cividis")
        axes.contour(doses, times, share.T, levels=[KEPT * share.max()], colors="white", linewidths=1.0)
        if result.map_product.min() < result.max_byproduct < result.map_product.max():
            edge = [result.max_byproduct]
            lines = axes.contour(
                doses, times, result.map_product.T, levels=edge, colors=COLOURS["fit"], linestyles="--"
            )
            handles, _ = lines.legend_elements()
            words = [f"limit of by-product, {result.max_byproduct:g}"]
            axes.legend(handles, words, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
        best = [np.array([end.value], dtype=float) for end in (result.dose_percent, result.time_s)]
        axes.plot(*best, "*", color="white", mec="black", ms=9)
        axes.set_yscale("log")
        axes.set_xlabel("dose / %")
        axes.set_ylabel("quenched after / s")
        bar = axes.figure.colorbar(filled, ax=axes)
        bar.set_label(f"share of {formula_text(result.target)}")
    return axes


def plot_standing(result: "TimedPrediction", *, ax: "Axes | None" = None) -> "Axes":
    """Draw the mean shares of clusters from the quench on.

    Parameters
    ----------
    result : TimedPrediction
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.

    Returns
    -------
    Axes
    """
    times = [max(item.time_s, 1.0) for item in result.standing]
    with figure_style():
        axes = new_axes() if ax is None else ax
        for name, (colour, dash) in _styles(list(result.species)).items():
            shares = [item.species[name] for item in result.standing]
            axes.plot(
                times,
                shares,
                dash,
                marker="o",
                color=colour,
                mfc="white",
                ms=3.5,
                lw=1.1,
                label=formula_text(name),
            )
            here = result.species[name]
            if here.low is not None and here.high is not None:
                axes.plot([times[0]] * 2, [here.low, here.high], "-", color=colour, lw=2.5, alpha=0.5)
        axes.set_xscale("log")
        axes.set_xlabel("quenched after / s")
        axes.set_ylabel("share of clusters")
        axes.set_ylim(bottom=-0.02)
        clear_legend(axes, columns=2)
        polish(axes)
    return axes


def fit_figures(fit: "MechanismFit") -> tuple[page.Figure, ...]:
    """Return the figures of a fit."""
    evidence = page.Figure(
        "evidence",
        partial(plot_evidence, fit),
        "Incorporation against dose, absorbance against time and every other number with the joint fit",
        "Data of all kinds with the one fit; right: every number (arrows: limits), shaded two sd.",
        width="double",
        aspect=0.42,
    )
    composition = page.Figure(
        "composition",
        partial(plot_composition_in_time, fit),
        "Share of each species against time at several doses",
        "The composition in time at several doses, at the best parameters.",
        width="double",
        aspect=0.32,
    )
    return evidence, composition


def map_figure(result: "TimedDose") -> page.Figure:
    """Return the map of a target."""
    return page.Figure(
        "map",
        partial(on_axes, plot_map, result),
        f"Share of {result.target} over dose and time of the quench, with the best point",
        "Mean share over the draws; white line: 0.9 of the best; star: the advice.",
    )


def standing_figure(result: "TimedPrediction") -> page.Figure:
    """Return the composition from the quench on."""
    return page.Figure(
        "standing",
        partial(on_axes, plot_standing, result),
        f"Share of each species at {result.dose_percent:g} % dose if it is left standing",
        "If it is left standing: mean shares; bars: the interval at the time asked for.",
    )
