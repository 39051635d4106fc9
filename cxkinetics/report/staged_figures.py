"""Figures of a staged fit: signal with line, breakpoint band and residuals; the view in ln A.

Each function takes axes and returns them, so that figures can be combined; without axes it makes
a figure of its own. Points are data, the line is the fit, the band is the breakpoint's interval.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.fitting.result import StagedFit
from cxkinetics.fitting.rival_curve import best_smooth_rival, rival_curve
from cxkinetics.report.legend import clear_legend, short_label
from cxkinetics.report.present import draw
from cxkinetics.report.staged_breakpoints import cut_below, draw_breakpoints
from cxkinetics.report.style import COLOURS, figure_style, new_axes, new_figure, polish, stamp_simulated
from cxkinetics.report.time_units import TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_staged_fit", "grows", "plot_ln_signal", "plot_residuals", "plot_staged_fit", "signal_label"]

_CURVE_POINTS = 400
_LEFT_OUT: Any = {
    "ls": "none",
    "marker": "x",
    "color": COLOURS["third"],
    "mew": 1.2,
    "ms": 4.0,
    "label": "left out",
    "zorder": 3.6,
}
_SMOOTH_LINE: Any = {"linestyle": "-.", "color": COLOURS["paper"], "lw": 1.2, "zorder": 3.5}


def signal_label(unit: str) -> str:
    """Return the axis label of a signal in `unit`.

    Examples
    --------
    >>> signal_label("AU"), signal_label("mM")
    ('absorbance / AU', 'signal / mM')
    """
    if unit in ("AU", ""):
        return "absorbance / AU" if unit else "signal"
    return f"signal / {unit}"


def plot_staged_fit(
    fit: StagedFit, *, ax: "Axes | None" = None, residual_ax: "Axes | None" = None, time_unit: str = "s"
) -> "Axes":
    """Draw a staged fit: points, line, breakpoint band and residuals.

    Parameters
    ----------
    fit : StagedFit
        What to draw.
    ax : Axes, optional
        Where; by default a new single-column figure with a residual panel below.
    residual_ax : Axes, optional
        Where the residuals go; with `ax` alone they are left out.
    time_unit : str
        "s", "ms", "min" or "h".

    Returns
    -------
    Axes
        The axes with the data.
    """
    unit = unit_called(time_unit)
    if ax is None:
        figure = new_figure("single", 0.95)
        with figure_style():
            grid = figure.add_gridspec(2, 1, height_ratios=(3.2, 1), hspace=0.05)
            ax = figure.add_subplot(grid[0])
            residual_ax = figure.add_subplot(grid[1], sharex=ax)
    with figure_style():
        _draw_signal(fit, ax, unit)
        if residual_ax is not None:
            plot_residuals(fit, ax=residual_ax, time_unit=time_unit)
            if residual_ax.get_shared_x_axes().joined(residual_ax, ax):
                ax.tick_params(labelbottom=False)
                ax.set_xlabel("")
                residual_ax.figure.align_ylabels([ax, residual_ax])
    return ax


def _draw_signal(fit: StagedFit, ax: "Axes", unit: TimeUnit) -> None:
    time = unit.time(np.asarray(fit.trace.time_s))
    dense = np.linspace(float(fit.trace.time_s[0]), float(fit.trace.time_s[-1]), _CURVE_POINTS)
    ax.plot(time, fit.trace.absorbance, "o", mfc="none", mec=COLOURS["data"], mew=0.6, label="data", zorder=2)
    if fit.excluded:
        left_out = np.array(fit.excluded, dtype=float)
        ax.plot(unit.time(left_out[:, 0]), left_out[:, 1], **_LEFT_OUT)
    ax.plot(unit.time(dense), fit.curve(dense), "-", color=COLOURS["fit"], label=_fit_label(fit), zorder=3)
    smooth = _smooth_curve(fit, dense)
    if smooth is not None:
        ax.plot(unit.time(dense), smooth[1], **_SMOOTH_LINE, label=short_label(smooth[0]))
    ax.set_xlabel(f"time / {unit.sign}")
    ax.set_ylabel(signal_label(fit.trace.unit))
    ax.margins(x=0.02, y=0.06)
    marks = draw_breakpoints(fit, ax, unit)
    _, below = clear_legend(ax)
    cut_below(marks, below)
    stamp_simulated(ax, fit.trace.source.simulated)
    polish(ax)


def grows(fit: StagedFit) -> bool:
    """Whether the signal rises, so that its logarithm is that of Ainf - A."""
    return fit.amplitude.value is not None and fit.amplitude.value < 0


def _fit_label(fit: StagedFit) -> str:
    return (
        "fit" if fit.verdict.code != "smooth" else f"fit, {len(fit.stages)} stage{'s'[: len(fit.stages) - 1]}"
    )


def _smooth_curve(fit: StagedFit, time_s: Array) -> tuple[str, Array] | None:
    """Return name and curve of the best smooth rival where the verdict prefers it."""
    rival = best_smooth_rival(fit) if fit.verdict.code == "smooth" else None
    curve = None if rival is None else rival_curve(fit, rival, time_s)
    return None if rival is None or curve is None else (rival.model, curve)


def plot_residuals(fit: StagedFit, *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw data minus fit against time, with two noise standard deviations either side; return the axes."""
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.5)
    with figure_style():
        time = unit.time(np.asarray(fit.trace.time_s))
        reach = float(np.max(np.abs(fit.residuals))) if fit.n_points else 0.0
        if fit.noise.sd is not None:
            two_sd = 2 * fit.noise.sd
            reach = max(reach, two_sd)
            label = "\u00b12 sd of the noise"
            ax.axhspan(-two_sd, two_sd, color=COLOURS["quiet"], alpha=0.2, lw=0, label=label)
        ax.axhline(0.0, color=COLOURS["fit"], lw=0.8)
        ax.plot(time, fit.residuals, "o", mfc="none", mec=COLOURS["data"], mew=0.6, ms=2.2)
        if reach > 0:
            ax.set_ylim(-1.15 * reach, 1.15 * reach)
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("residual" + (f" / {fit.trace.unit}" if fit.trace.unit else ""))
        ax.margins(x=0.02)
        if fit.noise.sd is not None:
            clear_legend(ax)
        polish(ax)
    return ax


def plot_ln_signal(fit: StagedFit, *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw ln A against time with the fit and the paper's straight lines; return the axes.

    For a growing signal the logarithm is that of Ainf - A. Points without a logarithm are left
    out, as in the paper's recipe; outliers that the fit left out are marked as such.
    """
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.8)
    with figure_style():
        growth = grows(fit)
        ceiling = 0.0 if fit.offset.value is None else fit.offset.value
        time_s = np.asarray(fit.trace.time_s)
        signal = ceiling - fit.trace.absorbance if growth else np.asarray(fit.trace.absorbance)
        known = signal > 0
        dense = np.linspace(float(time_s[0]), float(time_s[-1]), _CURVE_POINTS)
        curve = ceiling - fit.curve(dense) if growth else fit.curve(dense)
        style: Any = {"mfc": "none", "mec": COLOURS["data"], "mew": 0.6}
        ax.plot(unit.time(time_s[known]), np.log(signal[known]), "o", **style, label="data")
        left_out = np.array(fit.excluded, dtype=float).reshape(-1, 2)
        level = ceiling - left_out[:, 1] if growth else left_out[:, 1]
        if np.any(level > 0):
            ax.plot(unit.time(left_out[level > 0, 0]), np.log(level[level > 0]), **_LEFT_OUT)
        shown = curve > 0
        ax.plot(
            unit.time(dense[shown]), np.log(curve[shown]), "-", color=COLOURS["fit"], label=_fit_label(fit)
        )
        smooth = _smooth_curve(fit, dense)
        if smooth is not None:
            level = ceiling - smooth[1] if growth else smooth[1]
            above = level > 0
            ax.plot(
                unit.time(dense[above]), np.log(level[above]), **_SMOOTH_LINE, label=short_label(smooth[0])
            )
        _paper_lines(fit, ax, unit, time_s[known], np.log(signal[known]))
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("ln(A$_\\infty$ - A)" if growth else "ln A")
        ax.margins(x=0.02, y=0.06)
        marks = draw_breakpoints(fit, ax, unit)
        _, below = clear_legend(ax)
        cut_below(marks, below)
        stamp_simulated(ax, fit.trace.source.simulated)
        polish(ax)
    return ax


def _paper_lines(fit: StagedFit, ax: "Axes", unit: TimeUnit, time_s: Array, ln_signal: Array) -> None:
    """Draw each log-linear line; a least-squares line runs through the mean point of its window."""
    drawn = False
    for line in fit.loglinear.stages:
        inside = (time_s >= line.start_s) & (time_s <= line.end_s)
        if line.k_per_s.value is None or not inside.any():
            continue
        ends = np.array([time_s[inside][0], time_s[inside][-1]])
        middle = float(np.mean(time_s[inside]))
        level = float(np.mean(ln_signal[inside])) - line.k_per_s.value * (ends - middle)
        label = None if drawn else "lines in ln A (paper's recipe)"
        ax.plot(unit.time(ends), level, "--", color=COLOURS["second"], lw=1.1, label=label, zorder=4)
        drawn = True


def draw_staged_fit(
    fit: StagedFit,
    *,
    view: str = "fit",
    time_unit: str = "s",
    ax: "Axes | None" = None,
    figure: "Figure | None" = None,
    width: str | float | None = None,
) -> "Figure":
    """Return the figure of a staged fit: this is what `fit.plot()` calls.

    Parameters
    ----------
    fit : StagedFit
        What to draw.
    view : str
        "fit" for the signal with residuals, "ln" for ln A, "both" for the two side by side.
    time_unit : str
        "s", "ms", "min" or "h".
    ax : Axes, optional
        Draw one view without its residuals into these axes.
    figure : Figure, optional
        An empty figure to fill; a new one by default.
    width : "single", "double" or float, optional
        Column width or inches of a new figure.

    Returns
    -------
    Figure
        With everything on it; save it with `savefig`, which writes a new figure at 300 dpi.
    """
    if view not in ("fit", "ln", "both"):
        raise UsageError(f"view is {view!r}; it must be 'fit', 'ln' or 'both'")
    unit_called(time_unit)
    if ax is not None:
        if view == "ln":
            plot_ln_signal(fit, ax=ax, time_unit=time_unit)
        else:
            plot_staged_fit(fit, ax=ax, time_unit=time_unit)
        owner: Any = ax.figure
        return owner  # type: ignore[no-any-return]
    if figure is None:
        wide = view == "both"
        figure = new_figure(
            width or ("double" if wide else "single"), {"fit": 0.95, "ln": 0.8, "both": 0.45}[view]
        )
    with figure_style():
        columns = 2 if view == "both" else 1
        if view in ("fit", "both"):
            grid = figure.add_gridspec(2, columns, height_ratios=(3.2, 1))
            top = figure.add_subplot(grid[0, 0])
            below = figure.add_subplot(grid[1, 0], sharex=top)
            plot_staged_fit(fit, ax=top, residual_ax=below, time_unit=time_unit)
            if view == "both":
                plot_ln_signal(fit, ax=figure.add_subplot(grid[:, 1]), time_unit=time_unit)
        else:
            plot_ln_signal(fit, ax=figure.add_subplot(), time_unit=time_unit)
    return figure


@draw.register(StagedFit)
def _(fit: StagedFit, **options: Any) -> "Figure":
    return draw_staged_fit(fit, **options)
