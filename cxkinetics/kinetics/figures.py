"""Figures of a staged fit: signal with line, breakpoint band and residuals; ln A."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document import cells, page
from cxkinetics.document.figure import (
    COLOURS,
    MOST_POINTS,
    clear_legend,
    drawn_points,
    figure_style,
    new_axes,
    new_figure,
    on_axes,
    polish,
    short_label,
    signal_label,
    stamp_simulated,
)
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.options import confidence_of
from cxkinetics.kinetics.scales import given_level, smooth_signal
from cxkinetics.signals.figures import plot_peak_path, plot_spectra
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.kinetics.replicates import Replicates
    from cxkinetics.kinetics.result import Rival, StagedFit

_NARROWEST_PT = 3.0
_MOST_PIECES = 2


def breakpoint_labels(fit: "StagedFit", unit: TimeUnit) -> tuple[str, str]:
    """Return what a legend calls the lines and the bands; never the whole reason of an open interval.

    Parameters
    ----------
    fit : StagedFit
        With at least one breakpoint.
    unit : TimeUnit
        Of the numbers.
    """
    known = [unit.estimate(estimate) for estimate in fit.breakpoints_s if estimate.value is not None]
    percent = f"{100 * confidence_of(fit.options):g} % interval"
    values = ", ".join(estimate.format_value() for estimate in known)
    line = f"breakpoint{'s' if len(known) > 1 else ''} {values} {unit.sign}"
    if len(known) > 1:
        bare = sum(_is_bare(estimate) for estimate in known)
        how = {0: "", len(known): ", intervals open"}.get(bare, ", one interval open")
        return line + how, f"{percent}s"
    if not known:
        return "breakpoint", percent
    only = known[0]
    if _is_bare(only):
        return line + (", given" if only.method == "fixed" else ", interval open"), percent
    if len(only.pieces) > _MOST_PIECES:
        return line, f"{percent} in {len(only.pieces)} pieces"
    return line, f"{percent} {cells.bracket(only)}"


def _is_bare(estimate: Estimate) -> bool:
    return not estimate.pieces and estimate.low is None and estimate.high is None


def draw_breakpoints(fit: "StagedFit", ax: "Axes", unit: TimeUnit) -> "list[Artist]":
    """Draw a dashed line at each breakpoint and a band over its interval; return what was drawn.

    A band is drawn at least 3 points wide, so that a narrow interval is still seen as one; an open
    end reaches to the end of the data.
    """
    from matplotlib.patches import Rectangle

    start, end = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    found: list[Artist] = []
    line_label, band_label = breakpoint_labels(fit, unit)
    width_pt = ax.get_window_extent().width / ax.get_figure().dpi * 72  # type: ignore[union-attr]
    whole = ax.get_xaxis_transform()
    for estimate in fit.breakpoints_s:
        if estimate.value is None:
            continue
        style: Any = {"color": COLOURS["paper"], "lw": 0.8, "ls": (0, (3, 3)), "zorder": 1}
        place = [estimate.value / unit.seconds] * 2
        found += ax.plot(place, [0, 1], transform=whole, label=line_label, **style)
        line_label = "_"
        for low, high in _pieces(estimate, start, end):
            shown_pt = width_pt * (high - low) / (end - start) if end > start else 0.0
            style = {"fc": COLOURS["pale"], "ec": COLOURS["pale"], "lw": max(0.0, _NARROWEST_PT - shown_pt)}
            corner, width = (low / unit.seconds, 0), (high - low) / unit.seconds
            band = Rectangle(corner, width, 1, transform=whole, zorder=0, label=band_label, **style)
            found.append(ax.add_patch(band))
            band_label = "_"
    return found


def _pieces(estimate: Estimate, start: float, end: float) -> list[tuple[float, float]]:
    """Return the pieces of an interval within the data; an open end is that of the data."""
    if _is_bare(estimate):
        return []
    low = start if estimate.low is None else estimate.low
    high = end if estimate.high is None else estimate.high
    return [(max(a, start), min(b, end)) for a, b in estimate.pieces or ((low, high),)]


def cut_below(marks: "Sequence[Artist]", share: float) -> None:
    """End lines and bands at a share of the axes' height, so that the legend above covers none."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    for mark in marks:
        if isinstance(mark, Line2D):
            mark.set_ydata([0, share])
        elif isinstance(mark, Rectangle):
            mark.set_height(share)


_CURVE_POINTS = 400
_CHART_POINTS = 101
_PAPER_WORDS = "lines in ln A (paper's recipe)"
_LEFT_OUT: Any = {
    "ls": "none",
    "marker": "x",
    "color": COLOURS["third"],
    "mew": 1.2,
    "ms": 4.0,
    "label": "left out",
    "zorder": 3.6,
}
_HOLLOW: Any = {"ls": "none", "marker": "o", "mfc": "none", "mec": COLOURS["data"], "mew": 0.6}
_SMOOTH_LINE: Any = {"linestyle": "-.", "color": COLOURS["paper"], "lw": 1.2, "zorder": 3.5}


def plot_staged_fit(
    fit: "StagedFit", *, ax: "Axes | None" = None, residual_ax: "Axes | None" = None, time_unit: str = "s"
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
        return draw_staged_fit(fit, time_unit=time_unit).axes[0]
    with figure_style():
        _draw_signal(fit, ax, unit)
        if residual_ax is not None:
            plot_residuals(fit, ax=residual_ax, time_unit=time_unit)
            if residual_ax.get_shared_x_axes().joined(residual_ax, ax):
                ax.tick_params(labelbottom=False)
                ax.set_xlabel("")
                residual_ax.figure.align_ylabels([ax, residual_ax])
    return ax


def _draw_signal(fit: "StagedFit", ax: "Axes", unit: TimeUnit) -> None:
    time = unit.time(np.asarray(fit.trace.time_s))
    dense = np.linspace(float(fit.trace.time_s[0]), float(fit.trace.time_s[-1]), _CURVE_POINTS)
    shown = drawn_points(time, fit.trace.absorbance)
    ax.plot(time[shown], fit.trace.absorbance[shown], **_HOLLOW, label="data", zorder=2)
    if fit.excluded:
        left_out = np.array(fit.excluded, dtype=float)
        ax.plot(unit.time(left_out[:, 0]), left_out[:, 1], **_LEFT_OUT)
    ax.plot(unit.time(dense), fit.curve(dense), "-", color=COLOURS["fit"], label=_fit_label(fit), zorder=3)
    smooth = _smooth_curve(fit, dense)
    if smooth is not None:
        ax.plot(unit.time(dense), smooth[1], **_SMOOTH_LINE, label=short_label(smooth[0]))
    _finish(fit, ax, unit, signal_label(fit.trace.unit))


def _finish(fit: "StagedFit", ax: "Axes", unit: TimeUnit, label: str) -> None:
    """Label the axes, and draw the breakpoints up to a legend that covers no data."""
    ax.set_xlabel(f"time / {unit.sign}")
    ax.set_ylabel(label)
    ax.margins(x=0.02, y=0.06)
    marks = draw_breakpoints(fit, ax, unit)
    _, below = clear_legend(ax)
    cut_below(marks, below)
    stamp_simulated(ax, fit.trace.source.simulated)
    polish(ax)


def grows(fit: "StagedFit") -> bool:
    """Whether the signal rises, so that its logarithm is that of Ainf - A."""
    return fit.amplitude.value is not None and fit.amplitude.value < 0


def _fit_label(fit: "StagedFit") -> str:
    if fit.model is not None:
        return short_label(fit.model.model)
    count = len(fit.stages)
    return f"fit, {count} stage{'s'[: count - 1]}" if fit.verdict.code == "smooth" else "fit"


def _smooth_curve(fit: "StagedFit", time_s: Array) -> tuple[str, Array] | None:
    """Return name and curve of the smooth model that the verdict prefers, where it does."""
    model = fit.preferred if fit.verdict.code == "smooth" and fit.model is None else None
    curve = None if model is None else fit.curve_of(model, time_s)
    return None if model is None or curve is None else (model.model, curve)


def rival_curve(fit: "StagedFit", rival: "Rival", time_s: Array) -> Array | None:
    """Return a smooth rival's signal at any times.

    Parameters
    ----------
    fit : StagedFit
        The result that ranks the rival: it knows the first time, from which smooth
        curves count (a stretched exponential counts from the clock's zero), and a given offset.
    rival : Rival
        One of `fit.rivals`.
    time_s : Array, shape (n,)
        Times, s.

    Returns
    -------
    Array or None
        In the trace's unit; None for a staged model, which is no smooth rival.
    """
    ends = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    curve = smooth_signal(rival.model, rival.parameters, time_s, ends)
    return None if curve is None else curve + given_level(fit.options)


def plot_residuals(fit: "StagedFit", *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
    """Draw data minus fit against time, with two noise standard deviations either side; return the axes.

    Where the verdict prefers a smooth model, the residuals are those of that model.
    """
    unit = unit_called(time_unit)
    if ax is None:
        ax = new_axes("single", 0.5)
    with figure_style():
        time = unit.time(np.asarray(fit.trace.time_s))
        smooth = _smooth_curve(fit, fit.trace.time_s)
        residuals = fit.residuals if smooth is None else fit.trace.absorbance - smooth[1]
        reach = float(np.max(np.abs(residuals))) if fit.n_points else 0.0
        if fit.noise.sd is not None:
            two_sd = 2 * fit.noise.sd
            reach = max(reach, two_sd)
            label = "\u00b12 sd of the noise"
            ax.axhspan(-two_sd, two_sd, color=COLOURS["quiet"], alpha=0.2, lw=0, label=label)
        ax.axhline(0.0, color=COLOURS["fit"], lw=0.8)
        shown = drawn_points(time, residuals)
        ax.plot(time[shown], residuals[shown], **_HOLLOW, ms=2.2)
        if reach > 0:
            ax.set_ylim(-1.15 * reach, 1.15 * reach)
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("residual" + (f" / {fit.trace.unit}" if fit.trace.unit else ""))
        ax.margins(x=0.02)
        if fit.noise.sd is not None:
            clear_legend(ax)
        polish(ax)
    return ax


def plot_ln_signal(fit: "StagedFit", *, ax: "Axes | None" = None, time_unit: str = "s") -> "Axes":
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

        def logarithm(time: Array, values: Array) -> tuple[Array, Array]:
            """Return time and logarithm of those values that have one."""
            level = ceiling - values if growth else values
            return time[level > 0], np.log(level[level > 0])

        def draw(time: Array, log: Array, **style: Any) -> None:
            ax.plot(unit.time(time), log, **style)

        time_s, ln_signal = logarithm(np.asarray(fit.trace.time_s), np.asarray(fit.trace.absorbance))
        dense = np.linspace(float(fit.trace.time_s[0]), float(fit.trace.time_s[-1]), _CURVE_POINTS)
        shown = drawn_points(time_s, ln_signal)
        draw(time_s[shown], ln_signal[shown], **_HOLLOW, label="data")
        left_out = logarithm(*np.array(fit.excluded, dtype=float).reshape(-1, 2).T)
        if left_out[0].size:
            draw(*left_out, **_LEFT_OUT)
        draw(*logarithm(dense, fit.curve(dense)), color=COLOURS["fit"], label=_fit_label(fit))
        smooth = _smooth_curve(fit, dense)
        if smooth is not None:
            draw(*logarithm(dense, smooth[1]), **_SMOOTH_LINE, label=short_label(smooth[0]))
        for number, (ends, level) in enumerate(_paper_lines(fit, time_s, ln_signal)):
            label = "_" if number else _PAPER_WORDS
            draw(ends, level, ls="--", color=COLOURS["second"], lw=1.1, label=label, zorder=4)
        _finish(fit, ax, unit, "ln(A$_\\infty$ - A)" if growth else "ln A")
    return ax


def _paper_lines(fit: "StagedFit", time_s: Array, ln_signal: Array) -> "list[tuple[Array, Array]]":
    """Return the ends of each log-linear line; a least-squares line runs through the mean of its window."""
    found = []
    for line in fit.loglinear.stages:
        inside = (time_s >= line.start_s) & (time_s <= line.end_s)
        if line.k_per_s.value is None or not inside.any():
            continue
        ends = np.array([time_s[inside][0], time_s[inside][-1]])
        middle = float(np.mean(time_s[inside]))
        found.append((ends, float(np.mean(ln_signal[inside])) - line.k_per_s.value * (ends - middle)))
    return found


def draw_staged_fit(
    fit: "StagedFit",
    *,
    view: str = "fit",
    beside: "Sequence[StagedFit]" = (),
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
    beside : sequence of StagedFit
        Further fits to lay over this one, each in a colour of its own, without residuals.
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
    unit = unit_called(time_unit)
    if beside:
        with figure_style():
            if ax is None:
                ax = (figure or new_figure(width or "single", 0.6)).add_subplot()
            _draw_overlay((fit, *beside), view, unit, ax)
        return ax.figure  # type: ignore[return-value]
    if ax is not None:
        (plot_ln_signal if view == "ln" else plot_staged_fit)(fit, ax=ax, time_unit=time_unit)
        return ax.figure  # type: ignore[return-value]
    usual, aspect = {"fit": ("single", 0.95), "ln": ("single", 0.8), "both": ("double", 0.45)}[view]
    figure = figure or new_figure(width or usual, aspect)
    with figure_style():
        if view == "ln":
            plot_ln_signal(fit, ax=figure.add_subplot(), time_unit=time_unit)
            return figure
        grid = figure.add_gridspec(2, 2 if view == "both" else 1, height_ratios=(3.2, 1))
        top = figure.add_subplot(grid[0, 0])
        below = figure.add_subplot(grid[1, 0], sharex=top)
        plot_staged_fit(fit, ax=top, residual_ax=below, time_unit=time_unit)
        if view == "both":
            plot_ln_signal(fit, ax=figure.add_subplot(grid[:, 1]), time_unit=time_unit)
    return figure


_HUES = tuple(COLOURS[name] for name in ("fit", "paper", "second", "third", "fourth", "band", "data"))


def _draw_overlay(fits: "Sequence[StagedFit]", view: str, unit: TimeUnit, ax: "Axes") -> None:
    """Draw several fits over each other: readings, curve and a dashed line at each breakpoint."""
    if view == "both":
        raise UsageError("several fits are drawn in one view; give view='fit' or view='ln'")
    if len(units := {fit.trace.unit for fit in fits}) > 1:
        raise UsageError(f"the signals have different units ({', '.join(sorted(units))}); draw each alone")
    if view == "ln" and any(grows(fit) for fit in fits):
        raise UsageError("ln A is drawn of falling signals; give view='fit'")
    for number, fit in enumerate(fits):
        hue = _HUES[number % len(_HUES)]
        dense = np.linspace(float(fit.trace.time_s[0]), float(fit.trace.time_s[-1]), _CURVE_POINTS)
        readings = np.asarray(fit.trace.time_s), np.asarray(fit.trace.absorbance)
        for (time, signal), style in (
            (readings, {**_HOLLOW, "mec": hue, "ms": 2}),
            ((dense, fit.curve(dense)), {"color": hue, "label": short_label(_called(fit, number))}),
        ):
            known = signal > 0 if view == "ln" else np.isfinite(signal)
            shown = np.log(signal[known]) if view == "ln" else signal[known]
            ax.plot(unit.time(time[known]), shown, **style)
        for estimate in fit.breakpoints_s:
            if estimate.value is not None:
                ax.axvline(estimate.value / unit.seconds, color=hue, lw=0.7, ls=(0, (3, 3)), zorder=1)
    ax.set_xlabel(f"time / {unit.sign}")
    ax.set_ylabel("ln A" if view == "ln" else signal_label(fits[0].trace.unit))
    ax.margins(x=0.02)
    stamp_simulated(ax, any(fit.trace.source.simulated for fit in fits))
    clear_legend(ax)


def _called(fit: "StagedFit", number: int) -> str:
    return fit.trace.label or fit.trace.source.file or f"fit {number + 1}"


def figures(
    fit: "StagedFit", unit: TimeUnit, *, series: SpectralSeries | None = None
) -> "tuple[page.Figure, ...]":
    """Return the figures of a fit: signal with residuals, ln A and, of spectra, these and the peak's path.

    Parameters
    ----------
    fit : StagedFit
        What is drawn.
    unit : TimeUnit
        Of the time axes and the words.
    series : SpectralSeries, optional
        The spectra that the trace was taken from.
    """
    drawn = partial(draw_staged_fit, fit, time_unit=unit.sign)
    signal, logarithm = (partial(charts, fit, unit, view=view) for view in ("fit", "ln"))
    found = [
        page.Figure("fit", partial(drawn, view="fit"), *_signal_words(fit, unit), aspect=0.95, charts=signal),
        page.Figure(
            "ln", partial(drawn, view="ln"), *_logarithm_words(fit, unit), aspect=0.95, charts=logarithm
        ),
    ]
    if series is not None:
        spectra = partial(on_axes, plot_spectra, series, peak=fit.trace, time_unit=unit.sign)
        caption = "Spectra coloured by time, with the path of the peak."
        found.append(page.Figure("spectra", spectra, _spectra_words(series, unit), caption))
    if series is not None and fit.trace.peak_nm is not None:
        path = partial(on_axes, plot_peak_path, fit.trace, time_unit=unit.sign)
        caption = "Position of the peak: the other witness of a breakpoint."
        found.append(page.Figure("peak", path, _path_words(fit), caption))
    return tuple(found)


def charts(fit: "StagedFit", unit: TimeUnit, *, view: str) -> "list[page.Chart]":
    """Return the panels that values are read from: signal and residuals, or ln A.

    Parameters
    ----------
    fit : StagedFit
        What is drawn.
    unit : TimeUnit
        Of the time axes.
    view : {"fit", "ln"}
        Which of the two figures.
    """
    time_s, signal = np.asarray(fit.trace.time_s), np.asarray(fit.trace.absorbance)
    dense = np.linspace(float(time_s[0]), float(time_s[-1]), _CHART_POINTS)
    smooth = _smooth_curve(fit, dense)
    growth, ceiling = grows(fit), fit.offset.value or 0.0

    def shown(values: Array) -> Array:
        if view == "fit":
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm: Array = np.log(ceiling - values if growth else values)
        return logarithm

    def curve(label: str, time: Array, values: Array, kind: str, colour: str) -> page.Curve:
        values = shown(values)
        known = np.flatnonzero(np.isfinite(values))
        known = known[drawn_points(time[known], values[known])]
        return page.Curve(label, unit.time(time[known]), values[known], kind, colour)

    data = "simulated data" if fit.trace.source.simulated else "data"
    curves = [curve(data, time_s, signal, "dots", "--ink")]
    if fit.excluded:
        left_out = np.array(fit.excluded, dtype=float)
        curves.append(curve("left out", left_out[:, 0], left_out[:, 1], "cross", COLOURS["third"]))
    curves.append(curve(_fit_label(fit), dense, fit.curve(dense), "line", COLOURS["fit"]))
    if smooth is not None:
        curves.append(curve(smooth[0], dense, smooth[1], "line", COLOURS["paper"]))
    if view == "ln":
        known_ln = np.isfinite(shown(signal))
        lines = _paper_lines(fit, time_s[known_ln], shown(signal)[known_ln])
        for number, line in enumerate(lines, start=1):
            words = _PAPER_WORDS.replace("lines", f"line {number}") if len(lines) > 1 else _PAPER_WORDS
            curves.append(page.Curve(words, unit.time(line[0]), line[1], "dashes", COLOURS["second"]))
    ends = float(time_s[0]), float(time_s[-1])
    known = [estimate for estimate in fit.breakpoints_s if estimate.value is not None]
    bands = [(a / unit.seconds, b / unit.seconds) for one in known for a, b in _pieces(one, *ends)]
    label = signal_label(fit.trace.unit) if view == "fit" else "ln(A\u221e - A)" if growth else "ln A"
    found = [
        page.Chart(f"time / {unit.sign}", label, curves, bands, logarithmic=view == "fit" and not growth)
    ]
    if view == "fit":
        own = _smooth_curve(fit, time_s)
        residuals = fit.residuals if own is None else signal - own[1]
        label = "residual" + (f" / {fit.trace.unit}" if fit.trace.unit else "")
        kept = drawn_points(time_s, residuals)
        dots = [page.Curve("residual", unit.time(time_s[kept]), residuals[kept], "dots", "--ink")]
        for sign in (-1, 1) if fit.noise.sd is not None else ():
            level = np.full(2, 2 * sign * (fit.noise.sd or 0.0))
            label_2sd = f"{'+' if sign > 0 else '-'}2 sd of the noise"
            dots.append(page.Curve(label_2sd, unit.time(np.array(ends)), level, "line", "--quiet"))
        found.append(page.Chart(f"time / {unit.sign}", label, dots, bands, height=170))
    return found


def _signal_words(fit: "StagedFit", unit: TimeUnit) -> tuple[str, str]:
    """Return the words for those who cannot see the figure of the signal, and its caption."""
    trace, shown = fit.trace, ["Signal", *(["points left out"] if fit.excluded else []), "fit"]
    many = "s" if len(fit.stages) > 1 else ""
    drawn = fit.model.model if fit.model else f"{len(fit.stages)} first-order stage{many}"
    rates = _joined(unit.estimate(stage.k_per_s) for stage in fit.stages)
    words = (
        f"{_simulated(trace.source)}{trace.n_points} points from {_span(trace.time_s, unit)}. "
        f"The signal goes from {trace.absorbance[0]:.3g} to {trace.absorbance[-1]:.3g} {trace.unit}, with "
        f"a fitted line of {drawn}{f' (k {rates})' if fit.stages else ''}"
    )
    if fit.breakpoints_s:
        places = _joined(map(unit.estimate, fit.breakpoints_s))
        words += f", breakpoint {places} drawn as a line with its interval as a band"
        banded = any(b.low is not None or b.high is not None for b in fit.breakpoints_s)
        shown.append("breakpoint" + (" with its interval (band)" if banded else ", its interval open"))
    caption = f"{', '.join(shown)}; residuals below with two standard deviations of the noise (grey)."
    if trace.n_points > MOST_POINTS:
        caption += f" Of {trace.n_points} points the highest and lowest of each column are drawn."
    return f"{words}{_left_out(fit)}; residuals below.", caption


def _logarithm_words(fit: "StagedFit", unit: TimeUnit) -> tuple[str, str]:
    """Return the same of the figure of the logarithm."""
    what, caption = "of the same signal", "The same in ln A"
    if grows(fit):
        what = "of the fitted final value minus the same signal"
        caption = "The same as ln(A\u221e - A), with the fitted final value A\u221e"
    slopes = ""
    if lines := _joined(unit.estimate(line.k_per_s) for line in fit.loglinear.stages):
        slopes = f" and the straight lines of the paper's recipe (k {lines})"
        caption += ", with the straight lines of the paper's recipe"
    words = f"Logarithm {what} against time with the fit{slopes}{_left_out(fit)}."
    return _simulated(fit.trace.source) + words, f"{caption}."


def _left_out(fit: "StagedFit") -> str:
    count = len(fit.excluded)
    return f"; {count} point{'s' if count > 1 else ''} left out, marked with crosses" if count else ""


def _spectra_words(series: SpectralSeries, unit: TimeUnit) -> str:
    axis, time = series.wavelength_nm, series.time_s
    return (
        f"{_simulated(series.source)}{time.size} spectra from {axis[0]:g} to {axis[-1]:g} nm, coloured by "
        f"time from {_span(time, unit)}."
    )


def _path_words(fit: "StagedFit") -> str:
    position = np.asarray(fit.trace.peak_nm)
    known = position[np.isfinite(position)]
    ends = f" It goes from {known[0]:.1f} to {known[-1]:.1f} nm." if known.size else ""
    return f"{_simulated(fit.trace.source)}Position of the tracked peak against time.{ends}"


def _span(time_s: Array, unit: TimeUnit) -> str:
    return f"{unit.number(time_s[0])} to {unit.number(time_s[-1])} {unit.sign}"


def _joined(estimates: Iterable[Estimate]) -> str:
    return ", ".join(map(str, estimates))


def _simulated(source: Source) -> str:
    return "Simulated data. " if source.simulated else ""


_MARKERS = {
    "two_stages": ("o", "fit"),
    "more_stages": ("s", "paper"),
    "one_stage": ("^", "second"),
    "smooth": ("D", "fourth"),
    "undecided": ("v", "quiet"),
    "no_decay": ("x", "third"),
}


def draw_overview(
    fits: "Sequence[StagedFit]",
    replicates: "Replicates",
    *,
    figure: "Figure | None" = None,
    time_unit: str = "s",
) -> "Figure":
    """Return rate constants and breakpoints of all fits with their intervals, in the order given.

    A thin line marks the mean over runs where there is one.

    Parameters
    ----------
    fits : sequence of StagedFit
        At least one.
    replicates : Replicates
        What the runs say together.
    figure : Figure, optional
        An empty figure to fill; a new double-column one by default.
    time_unit : str
        "s", "ms", "min" or "h".
    """
    unit = unit_called(time_unit)
    means = {quantity.mean.name: unit.estimate(quantity.mean).value for quantity in replicates.quantities}
    if figure is None:
        figure = new_figure("double", overview_ratio(fits))
    codes = [fit.verdict.code for fit in fits]
    panels = _panels(fits, unit)
    with figure_style():
        first: Axes | None = None
        for number, (name, label, column) in enumerate(panels, 1):
            ax = figure.add_subplot(len(panels), 1, number, sharex=first)
            _dots(ax, codes, column, logarithmic=number <= (len(panels) + 1) // 2)  # rates stand first
            if (mean := means.get(name)) is not None:
                ax.axhline(mean, color=COLOURS["data"], lw=0.6, zorder=1, label="mean over runs")
            ax.set_ylabel(label)
            if number < len(panels):
                ax.tick_params(labelbottom=False)
            else:
                ax.set_xlabel("trace, in the order of the table")
            if first is None:
                first = ax
                stamp_simulated(ax, any(fit.trace.source.simulated for fit in fits))
                if ax.get_legend_handles_labels()[0]:
                    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=7, borderaxespad=0.2)
            polish(ax)
        figure.align_ylabels()
    return figure


def overview_ratio(fits: "Sequence[StagedFit]") -> float:
    """Return height over width of the overview, which has one panel per quantity."""
    return max(0.62, 0.2 * (2 * max((len(fit.stages) for fit in fits), default=1) - 1))


def _panels(fits: "Sequence[StagedFit]", unit: TimeUnit) -> list[tuple[str, str, list[Estimate | None]]]:
    """Return name, label and one estimate per fit of every rate constant, then of every breakpoint."""
    most = max(1, *(len(fit.stages) for fit in fits))

    def column(i: int, rows: Sequence[Sequence[Estimate]]) -> list[Estimate | None]:
        return [unit.estimate(row[i]) if i < len(row) else None for row in rows]

    rates = [[stage.k_per_s for stage in fit.stages] for fit in fits]
    joints = [fit.breakpoints_s for fit in fits]
    signs = [(f"k{i}", f"k$_{i}$ / {unit.sign}$^{{-1}}$") for i in range(1, most + 1)]
    names = ["breakpoint"] if most == 2 else [f"breakpoint {i}" for i in range(1, most)]
    panels = [(*sign, column(i, rates)) for i, sign in enumerate(signs)]
    return panels + [(name, f"{name} / {unit.sign}", column(i, joints)) for i, name in enumerate(names)]


def _dots(ax: "Axes", codes: Sequence[str], column: Sequence[Estimate | None], *, logarithmic: bool) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    known = [
        (number, code, estimate)
        for number, (code, estimate) in enumerate(zip(codes, column, strict=True), 1)
        if estimate is not None and estimate.value is not None
    ]
    shown = [e.value or 0.0 for _, _, e in known]
    spans_decades = logarithmic and bool(shown) and min(shown) > 0 and max(shown) > 10 * min(shown)
    for code, (marker, colour) in _MARKERS.items():
        points = [
            (number, e.value, e.value if e.low is None else e.low, e.value if e.high is None else e.high)
            for number, judged, e in known
            if judged == code
        ]
        if not points:
            continue
        x, y, low, high = np.array(points, dtype=float).T
        if spans_decades:
            low = np.maximum(low, y * 1e-2)  # a bar that reaches below zero has no end on a log axis
        reach = np.maximum([y - low, high - y], 0)
        style: Any = {"ms": 3, "color": COLOURS[colour], "elinewidth": 0.7, "label": code.replace("_", " ")}
        ax.errorbar(x, y, yerr=reach, fmt=marker, **style)
    if spans_decades:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())  # their labels would run into each other
    pad = max(0.5, 0.012 * len(codes))
    ax.set_xlim(1 - pad, len(codes) + pad)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
