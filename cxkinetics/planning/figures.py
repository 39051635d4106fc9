"""Figures of a plan: its blocks on the expected curve, and what further readings are worth."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.document import page
from cxkinetics.document.figure import COLOURS, clear_legend, figure_style, new_axes, on_axes, polish
from cxkinetics.document.units import SECONDS, TimeUnit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from cxkinetics.planning.sampling import SamplingPlan

_DENSE, _CURVES = 400, 200
_STYLES = (("paper", "o"), ("fit", "s"), ("second", "^"), ("third", "v"), ("fourth", "D"))


def plot_blocks(plan: "SamplingPlan", *, ax: "Axes | None" = None, unit: TimeUnit = SECONDS) -> "Axes":
    """Draw the readings on the expected curve, with the curves that are believed as a band.

    Parameters
    ----------
    plan : SamplingPlan
        What to draw.
    ax : Axes, optional
        Where; a new single-column figure by default.
    unit : TimeUnit
        Of the time axis.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    belief, times = plan.belief, np.array(plan.times_s)
    dense = np.linspace(0.0, max(times[-1], plan.even_to_s), _DENSE)
    curves = belief.family.evaluate(dense, belief.draws(_CURVES, np.random.default_rng(plan.seed)))[0]
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    middle = belief.centre[None, :]
    curve, at = (belief.family.evaluate(t, middle)[0][0] for t in (dense, times))
    with figure_style():
        axes = new_axes() if ax is None else ax
        axes.fill_between(
            unit.time(dense), low, high, color=COLOURS["band"], alpha=0.35, lw=0, label="believed (95 %)"
        )
        axes.plot(unit.time(dense), curve, "-", color=COLOURS["fit"], lw=1.0, label="expected")
        axes.plot(unit.time(times), at, "o", color=COLOURS["data"], mfc="white", ms=3.5, label="readings")
        bottom = min(0.0, float(low.min())) - 0.08 * float(np.ptp(curves))
        for block in plan.blocks:
            ends = unit.time(np.array([block.from_s, block.to_s]))
            axes.plot(ends, [bottom, bottom], "-", color=COLOURS["data"], lw=3, solid_capstyle="butt")
        for one, other in belief.between_s:
            axes.axvspan(*unit.time(np.array([one, other])), color=COLOURS["quiet"], alpha=0.13, lw=0)
        axes.set_xlabel(f"time / {unit.sign}")
        axes.set_ylabel("signal")
        axes.margins(x=0.03)
        clear_legend(axes, columns=1)
        polish(axes)
    return axes


def plot_cost(plan: "SamplingPlan", *, ax: "Axes | None" = None) -> "Axes":
    """Draw relative half-widths against the number of readings, placed and at even spacing.

    Parameters
    ----------
    plan, ax
        As for `plot_blocks`.

    Returns
    -------
    Axes
        The axes drawn on.
    """
    belief, counts = plan.belief, [cost.n_points for cost in plan.cost]
    with figure_style():
        axes = new_axes() if ax is None else ax
        for number, name in enumerate(belief.names):
            colour, marker = _STYLES[number % len(_STYLES)]
            share = 100 / belief.centre[1 + number]
            placed = [share * cost.placed[name] for cost in plan.cost]
            even = [share * cost.even[name] for cost in plan.cost]
            axes.plot(counts, placed, "-", marker=marker, color=COLOURS[colour], ms=3.5, label=name)
            axes.plot(
                counts,
                even,
                "--",
                marker=marker,
                color=COLOURS[colour],
                mfc="white",
                ms=3.5,
                label=f"{name}, even",
            )
        axes.axvline(len(plan.times_s), color=COLOURS["quiet"], lw=0.8, ls=":")
        axes.set_xlabel("readings")
        axes.set_ylabel("95 % half-width / % of the value")
        axes.set_ylim(bottom=0)
        clear_legend(axes, columns=2)
        polish(axes)
    return axes


def sampling_figures(plan: "SamplingPlan", unit: TimeUnit = SECONDS) -> "Sequence[page.Figure]":
    """Return both figures of a plan."""
    blocks = page.Figure(
        "blocks",
        partial(on_axes, partial(plot_blocks, unit=unit), plan),
        "Planned readings on the expected curve, the blocks as bars below, the believed breakpoint shaded",
        "Planned readings; bars: the blocks; shaded: where the breakpoint may lie.",
    )
    cost = page.Figure(
        "cost",
        partial(on_axes, plot_cost, plan),
        "Half-widths of the intervals against the number of readings, placed and at even spacing",
        "What a further reading is worth (by the information matrix, scaled to the simulated fits).",
    )
    return blocks, cost
