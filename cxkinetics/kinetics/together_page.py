"""What a joint fit says: shared values with both intervals, the test of sharing, lines, runs; its figures."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.document import cells
from cxkinetics.document.figure import COLOURS, figure_style, new_figure, polish, stamp_simulated
from cxkinetics.document.page import Block, Figure, Paragraph, Section, warning_notes
from cxkinetics.document.table import Column, Table, long, wide
from cxkinetics.document.units import TimeUnit
from cxkinetics.document.units import time_unit as unit_called
from cxkinetics.kinetics.page import STAGE_WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawn

    from cxkinetics.kinetics.together import JointFit

NOTE = (
    "The value is that of the population of runs: its interval holds the spread between runs. The interval "
    "within runs only says how well these runs are known; a further run may well lie outside it."
)
_PLACE = {"temperature_c": ("T / °C", "temperature_c"), "dose_percent": ("dose / %", "dose_percent")}
_SHADES = ("paper", "fit", "second", "third", "fourth", "band", "data", "quiet")


def _place(fit: "JointFit") -> list[Column]:
    return [Column(*_PLACE[fit.by])] if fit.by else []


def value_table(fit: "JointFit") -> Table:
    """Return one row per shared value."""
    named = {"value": "value", "within runs only": "within", "sd between runs": "sd_between"}
    names = {head: {f"{name}_{k}".removesuffix("_value"): v for k, v in long().items()}
             for head, name in named.items()}  # fmt: skip
    estimates = [Column(head, called, cells.interval) for head, called in names.items()]
    columns = [Column("quantity", "quantity"), *_place(fit), *estimates, Column("unit", format=cells.unit)]
    columns.append(Column("runs", "n_runs"))
    rows = [
        (v.name, *([v.at] if fit.by else []), v.value, v.within_runs, v.between_sd, v.within_runs, v.n_runs)
        for v in fit.values
    ]
    return Table(columns, rows, "values", note=NOTE, gap=True)


def line_table(fit: "JointFit") -> Table:
    """Return one row per number of a line."""
    head = [Column("line", "line"), Column("of", "constant"), Column("quantity", "quantity")]
    columns = [
        *head,
        Column("value", long(), cells.value),
        Column("interval", format=cells.bracket_or_reason),
    ]
    columns.append(Column("unit", format=cells.unit))
    rows = [(ln.kind, ln.constant, name, e, e, e) for ln in fit.lines for name, e in ln.numbers.items()]
    return Table(columns, rows, "lines", caption=_line_caption(fit), gap=True)


def _line_caption(fit: "JointFit") -> str:
    if fit.by == "dose_percent":
        return "Straight line of k against dose: a summary of these runs, no mechanism"
    error = (
        f", error of each temperature {fit.at_error:g} K" if fit.at_error else ", temperatures taken as exact"
    )
    return f"k against temperature, the spread between runs in every interval{error}"


def run_table(fit: "JointFit") -> Table:
    """Return one row per run: what is its own, and its values where it is fitted alone."""
    sign = fit.fits[0].trace.unit
    head = [
        Column("run", "run"),
        *_place(fit),
        Column("points", "n_points"),
        Column("verdict alone", "verdict"),
    ]
    own = {f"amplitude / {sign}": "amplitude", f"offset / {sign}": "offset", f"sd / {sign}": "noise_sd",
           "AR(1)": "noise_ar1"}  # fmt: skip
    columns = [*head, *(Column(words, name, ".3g") for words, name in own.items())]
    names = list(fit.runs[0].alone)
    for name in names:
        unit = "1/s" if name.startswith("k") else "s"
        columns.append(Column(f"{name} / {{unit}}", wide(name.replace(" ", ""), unit), cells.interval, unit))
    rows = [
        (r.name, *([r.at] if fit.by else []), r.n_points, r.verdict.replace("_", " "), r.amplitude, r.offset,
         r.noise_sd, r.noise_ar1, *(r.alone[name] for name in names))
        for r in fit.runs
    ]  # fmt: skip
    return Table(
        columns,
        rows,
        "runs",
        caption="Each run: its own values, and its rates fitted alone",
        fold=True,
        gap=True,
    )


def curve_table(fit: "JointFit") -> Table:
    """Return every reading with its joint curve."""
    rows = [
        (run.name, float(t), float(a), float(c))
        for run, alone, curve in zip(fit.runs, fit.fits, fit.curves, strict=True)
        for t, a, c in zip(alone.trace.time_s, alone.trace.absorbance, curve, strict=True)
    ]
    return Table.of_rows("curves", ["run", "time_s", "signal", "fitted"], rows)


def data(fit: "JointFit") -> list[Table]:
    """Return the sheets of the workbook."""
    return [value_table(fit), *([line_table(fit)] if fit.lines else []), run_table(fit), curve_table(fit)]


def brief(fit: "JointFit", unit: TimeUnit) -> Section:
    """Return shared values, the test of sharing, lines and runs."""
    words = STAGE_WORDS.get(fit.n_stages, f"{fit.n_stages}-stage").lower()
    level = f"{100 * float(fit.options['confidence']):g} %"
    title = f"{len(fit.runs)} runs together: {words} first order, {' and '.join(fit.share)} shared"
    if fit.by:
        title += f" at equal {fit.by.partition('_')[0]}"
    blocks: list[Block] = [Paragraph(f"Stages {fit.stages_from}; intervals {level}.")]
    if any(alone.trace.source.simulated for alone in fit.fits):
        blocks.insert(0, Paragraph("SIMULATED DATA", strong=True))
    blocks += [value_table(fit)] if fit.values else []
    blocks.append(Paragraph(fit.sharing.text, strong=True, gap=True))
    blocks += [line_table(fit)] if fit.lines else []
    return Section(title, [*blocks, run_table(fit), *warning_notes(fit.warnings)], unit)


def figures(fit: "JointFit", unit: TimeUnit) -> tuple[Figure, ...]:
    """Return the figures: all runs on one scale, the values of the runs, and the line where there is one."""
    simulated = "Simulated data. " if any(f.trace.source.simulated for f in fit.fits) else ""
    words = (
        f"{simulated}{len(fit.runs)} runs less their offsets, divided by their amplitudes, with joint curves."
    )
    shown = [Figure("runs", partial(draw_runs, fit, time_unit=unit.sign), words, "Logarithmic scale.")]
    words = f"{simulated}Values of each run fitted alone with their intervals. " + " ".join(
        f"{v.name}: {unit.estimate(v.value)}." for v in fit.values
    )
    caption = (
        "Points: runs alone; band: mean over the population of runs." if fit.values else "Points: runs alone."
    )
    drawn = partial(draw_values, fit, time_unit=unit.sign)
    shown.append(Figure("values", drawn, words, caption, "double", 0.4))
    if fit.lines:
        words = f"{simulated}{_line_caption(fit)}."
        shown.append(
            Figure(
                "line",
                partial(draw_line, fit, time_unit=unit.sign),
                words,
                "Bars: intervals of the runs alone.",
            )
        )
    return tuple(shown)


def _colours(fit: "JointFit") -> list[str]:
    places = [run.at if fit.by else i for i, run in enumerate(fit.runs)]
    order = list(dict.fromkeys(places))
    return [COLOURS[_SHADES[order.index(place) % len(_SHADES)]] for place in places]


def draw_runs(fit: "JointFit", *, figure: "Drawn | None" = None, time_unit: str = "s") -> "Drawn":
    """Draw all runs, less their offsets and divided by their amplitudes, with the joint curves."""
    unit = unit_called(time_unit)
    figure = figure or new_figure()
    with figure_style():
        ax = figure.subplots()
        lowest = 1.0
        for run, alone, joint, colour in zip(fit.runs, fit.fits, fit.curves, _colours(fit), strict=True):
            t = np.array([unit.value(float(x), "s") for x in alone.trace.time_s])
            share = (np.asarray(alone.trace.absorbance) - run.offset) / run.amplitude
            curve = (np.asarray(joint) - run.offset) / run.amplitude
            above = share > 0
            ax.plot(t[above], share[above], "o", mfc="none", mec=colour, mew=0.5, ms=2.2)
            ax.plot(t, curve, "-", color=colour, lw=1.0, label=f"{run.at:g}" if fit.by else run.name)
            lowest = min(lowest, float(curve.min()))
        _logarithmic(ax)
        ax.set_ylim(max(lowest, 1e-4) / 3, 2)
        ax.set_xlabel(f"time / {unit.sign}")
        ax.set_ylabel("(signal - offset) / amplitude")
        if len(fit.runs) <= 6 and not fit.by:
            ax.legend(loc="lower left", fontsize=6)
        _finish(fit, ax)
    return figure


def draw_values(fit: "JointFit", *, figure: "Drawn | None" = None, time_unit: str = "s") -> "Drawn":
    """Draw every value of the runs alone, and the population mean where there is one."""
    unit = unit_called(time_unit)
    names = list(fit.runs[0].alone)
    figure = figure or new_figure("double", 0.4)
    with figure_style():
        for ax, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            alone = [unit.estimate(run.alone[name]) for run in fit.runs]
            _bars(ax, list(range(1, len(alone) + 1)), alone, _colours(fit))
            means = [unit.estimate(v.value) for v in fit.values if v.name == name and not fit.by]
            for mean in (m for m in means if m.value is not None):
                ax.axhspan(
                    mean.low or 0.0, mean.high or 0.0, color=COLOURS["pale"], alpha=0.5, lw=0, zorder=0
                )
                ax.axhline(mean.value or 0.0, color=COLOURS["paper"], lw=0.8)
            ax.set_xlabel("run")
            ax.set_ylabel(f"{name} / {alone[0].unit}")
            ax.set_xlim(0.5, len(alone) + 0.5)
            _finish(fit, ax)
    return figure


def draw_line(fit: "JointFit", *, figure: "Drawn | None" = None, time_unit: str = "s") -> "Drawn":
    """Draw the rate constants against 1/T (logarithmic) or dose with their lines."""
    unit = unit_called(time_unit)
    heat = fit.by == "temperature_c"
    figure = figure or new_figure()
    places = np.array([run.at for run in fit.runs], dtype=float)
    x = 1e3 / (places + 273.15) if heat else places
    grid = np.linspace(x.min(), x.max(), 50)
    with figure_style():
        ax = figure.subplots()
        for line, colour in zip([ln for ln in fit.lines if ln.kind != "Eyring"], _SHADES, strict=False):
            alone = [unit.estimate(run.alone[line.constant]) for run in fit.runs]
            _bars(ax, x.tolist(), alone, [COLOURS[colour]] * len(alone))
            first, second = (e.value for e in list(line.numbers.values())[:2])
            if first is not None and second is not None:
                y = np.exp(second - first / 8.314462618e-3 * grid / 1e3) if heat else second + first * grid
                y = np.array([unit.value(float(v), "1/s") for v in y])
                ax.plot(grid, y, "-", color=COLOURS[colour], label=line.constant)
        if heat:
            _logarithmic(ax)
        ax.set_xlabel("1000 K / T" if heat else "dose / %")
        ax.set_ylabel(f"k / {unit.shown('1/s')}")
        if ax.get_legend_handles_labels()[0]:  # too few runs for a line
            ax.legend()
        _finish(fit, ax)
    return figure


def _logarithmic(ax: "Axes") -> None:
    from matplotlib.ticker import NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")  # powers of ten ask for fonts that not every machine has
    ax.yaxis.set_minor_formatter(NullFormatter())


def _bars(ax: "Axes", x: list[Any], alone: list[Any], colours: list[str]) -> None:
    for at, e, colour in zip(x, alone, colours, strict=True):
        if e.value is not None:
            low, high = (e.value if end is None else end for end in (e.low, e.high))
            reach = [[max(e.value - low, 0)], [max(high - e.value, 0)]]
            ax.errorbar([at], [e.value], yerr=reach, fmt="o", ms=3, color=colour, elinewidth=0.7)


def _finish(fit: "JointFit", ax: "Axes") -> None:
    stamp_simulated(ax, any(alone.trace.source.simulated for alone in fit.fits))
    polish(ax)
