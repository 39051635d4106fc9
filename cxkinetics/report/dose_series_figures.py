"""Figures of a dose series: priors before and after, peak against dose, rates against dose."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.composition.dose_spectra_fit import DoseSpectraFit
from cxkinetics.composition.rates_against_dose import RatesAgainstDose
from cxkinetics.composition.update_result import CompositionUpdate, ParameterChange
from cxkinetics.estimate import Estimate
from cxkinetics.report.composition_figures import DOSE_LABEL
from cxkinetics.report.present import draw
from cxkinetics.report.style import COLOURS, figure_style, new_axes, new_figure, polish, stamp_simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_conversion_against_dose",
    "plot_peak_against_dose",
    "plot_prior_posterior",
    "plot_rates_against_dose",
]


def plot_prior_posterior(result: CompositionUpdate, *, ax: "Axes | None" = None) -> "Axes":
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
    ax = new_axes("single", 0.95) if ax is None else ax
    with figure_style():
        for row, change in enumerate(result.changes):
            _interval_pair(ax, change, row)
        ax.set_yticks(range(len(result.changes)), [_words(change) for change in result.changes])
        ax.set_ylim(len(result.changes) - 0.4, -0.6)
        ax.set_xlabel("position in the prior's 95 % interval")
        ax.plot([], [], "-", color=COLOURS["quiet"], lw=4, alpha=0.5, label="before")
        ax.plot([], [], "o-", color=COLOURS["fit"], lw=1.6, ms=3, label="after")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        polish(ax)
    return ax


def _interval_pair(ax: "Axes", change: ParameterChange, row: int) -> None:
    frame = change.before or change.after
    if frame.low is None or frame.high is None or change.after.low is None or change.after.high is None:
        return
    scale = math.log if change.name == "alpha" else float  # a factor is at home on a log scale
    low, width = scale(frame.low), (scale(frame.high) - scale(frame.low)) or 1.0
    if change.before is not None:
        ax.plot([0, 1], [row, row], "-", color=COLOURS["quiet"], lw=4, alpha=0.5, solid_capstyle="butt")
    ends = [(scale(change.after.low) - low) / width, (scale(change.after.high) - low) / width]
    ax.plot(ends, [row, row], "-", color=COLOURS["fit"], lw=1.6)
    if change.after.value is not None:
        ax.plot((scale(change.after.value) - low) / width, row, "o", color=COLOURS["fit"], ms=3)


def _words(change: ParameterChange) -> str:
    unit = f" {change.after.unit}" if change.after.unit else ""
    return f"{change.name} = {change.after.format_value()}{unit}"


def plot_peak_against_dose(
    result: DoseSpectraFit, *, ax: "Axes | None" = None, height_ax: "Axes | None" = None
) -> "Axes":
    """Draw position and height of the peak against dose, with the end of the shift and the onset of loss.

    Parameters
    ----------
    result : DoseSpectraFit
        What to draw.
    ax, height_ax : Axes, optional
        Where position and height go; a new figure with two panels by default (`ax` alone: position).

    Returns
    -------
    Axes
        The axes of the position.
    """
    if ax is None:
        figure = new_figure("single", 1.15)
        with figure_style():
            ax = figure.add_subplot(2, 1, 1)
            height_ax = figure.add_subplot(2, 1, 2, sharex=ax)
            ax.tick_params(labelbottom=False)
    dose = result.spectra.dose_percent
    with figure_style():
        known = np.isfinite(result.peak_nm)
        error = np.where(np.isfinite(result.peak_nm_se), result.peak_nm_se, 0.0)
        ax.errorbar(
            dose[known],
            result.peak_nm[known],
            yerr=error[known],
            fmt="o",
            mfc="white",
            color=COLOURS["data"],
            ms=3.5,
            lw=0.8,
        )
        _mark(ax, result.shift_end_dose_percent, "end of the shift")
        ax.set_ylabel("peak position / nm")
        sure = result.peak_nm[known & (error < 1.0)]
        if sure.size:
            ax.set_ylim(float(sure.min()) - 1.0, float(sure.max()) + 1.5)
        stamp_simulated(ax, result.spectra.source.simulated)
        polish(ax)
        if height_ax is None:
            ax.set_xlabel(DOSE_LABEL)
            return ax
        height_ax.plot(dose, result.height, "s", mfc="white", color=COLOURS["data"], ms=3.5)
        _mark(height_ax, result.loss_onset_dose_percent, "onset of the loss")
        height_ax.set_ylabel("peak height / AU")
        height_ax.set_xlabel(DOSE_LABEL)
        height_ax.margins(y=0.1)
        polish(height_ax)
    return ax


def _mark(ax: "Axes", estimate: Estimate, word: str) -> None:
    if estimate.value is None:
        return
    if estimate.low is not None and estimate.high is not None:
        ax.axvspan(estimate.low, estimate.high, color=COLOURS["band"], alpha=0.3, lw=0)
    ax.axvline(estimate.value, color=COLOURS["fit"], lw=0.9, ls="--")
    ax.annotate(
        f"{word}\n{estimate.value:.3g} %",
        (estimate.value, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        va="bottom",
        fontsize=6.5,
        color=COLOURS["fit"],
    )


def plot_conversion_against_dose(result: DoseSpectraFit, *, ax: "Axes | None" = None) -> "Axes":
    """Draw optical and compositional conversion against dose: two quantities, not one."""
    ax = new_axes("single", 0.8) if ax is None else ax
    dose = result.spectra.dose_percent
    with figure_style():
        ax.plot(dose, result.loss, "s-", color=COLOURS["data"], ms=3.5, lw=0.9, label="optical, 1 - A/A0")
        if result.conversion:
            mean = [np.nan if e.value is None else e.value for e in result.conversion]
            low = [np.nan if e.low is None else e.low for e in result.conversion]
            high = [np.nan if e.high is None else e.high for e in result.conversion]
            ax.fill_between(dose, low, high, color=COLOURS["third"], alpha=0.2, lw=0)
            ax.plot(dose, mean, "o--", color=COLOURS["third"], ms=3, lw=0.9, label="turned into product")
        ax.set_xlabel(DOSE_LABEL)
        ax.set_ylabel("conversion")
        ax.legend(loc="upper left")
        stamp_simulated(ax, result.spectra.source.simulated)
        polish(ax)
    return ax


def plot_rates_against_dose(result: RatesAgainstDose, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the rate constants of every stage against dose, with the power laws through them."""
    ax = new_axes("single", 0.85) if ax is None else ax
    colours = ("paper", "fit", "second", "third")
    with figure_style():
        for stage, (order, constant) in enumerate(zip(result.orders, result.constants, strict=True)):
            runs = [run for run in result.runs if len(run.rates) > stage]
            points = [(run.dose_percent, run.rates[stage]) for run in runs]
            known = [(d, k) for d, k in points if d > 0 and k.value is not None and k.value > 0]
            if not known:
                continue
            dose = np.array([d for d, _ in known])
            rate = np.array([k.value for _, k in known], dtype=float)
            below = np.array([0.0 if k.low is None else max(k.value - k.low, 0.0) for _, k in known])  # type: ignore[operator]
            above = np.array([0.0 if k.high is None else max(k.high - k.value, 0.0) for _, k in known])  # type: ignore[operator]
            below = np.minimum(below, 0.95 * rate)
            colour = COLOURS[colours[stage % len(colours)]]
            ax.errorbar(
                dose,
                rate,
                yerr=[below, above],
                fmt="os^D"[stage % 4],
                mfc="white",
                color=colour,
                ms=4,
                lw=0.9,
                label=f"stage {stage + 1}",
            )
            if order.value is not None and constant.value is not None:
                dense = np.geomspace(dose.min(), dose.max(), 60)
                law = np.exp(constant.value) * (dense / 100) ** order.value
                ax.plot(dense, law, "--", color=colour, lw=0.9, label=f"order {order.format_value()}")
        _plain_log_axes(ax, sorted({run.dose_percent for run in result.runs if run.dose_percent > 0}))
        ax.set_xlabel(DOSE_LABEL)
        ax.set_ylabel("rate constant / 1/s")
        ax.legend(loc="best")
        polish(ax)
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


@draw.register(CompositionUpdate)
def _draw_update(result: CompositionUpdate, **options: Any) -> "Figure":
    return _figure(plot_prior_posterior(result, **options))


@draw.register(DoseSpectraFit)
def _draw_spectra(result: DoseSpectraFit, **options: Any) -> "Figure":
    return _figure(plot_peak_against_dose(result, **options))


@draw.register(RatesAgainstDose)
def _draw_rates(result: RatesAgainstDose, **options: Any) -> "Figure":
    return _figure(plot_rates_against_dose(result, **options))


def _figure(ax: "Axes") -> "Figure":
    figure: Figure = ax.figure  # type: ignore[assignment]
    return figure
