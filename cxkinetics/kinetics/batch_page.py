"""A batch as text and as a page: what was judged of each trace, and the spread between runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.page import page_footer
from cxkinetics.kinetics.replicates import Replicates, replicate_table, replicates_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.kinetics.tables import batch_table, listed_name, stage_columns
from cxkinetics.report.blocks import Block, Code, Page, Paragraph, Picture, Section, Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.style import (
    COLOURS,
    detached_figure,
    figure_style,
    new_figure,
    polish,
    stamp_simulated,
    svg_text,
)
from cxkinetics.report.time_units import TimeUnit
from cxkinetics.report.time_units import time_unit as unit_called

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def format_batch(
    fits: Sequence[StagedFit],
    replicates: Replicates,
    *,
    time_unit: str = "s",
    width: int = TERMINAL_WIDTH,
) -> str:
    """Return the fits of a batch as a table, and the mean over its runs.

    Parameters
    ----------
    fits : sequence of StagedFit
        At least one.
    replicates : Replicates
        What the runs say together.
    time_unit : str
        Unit of times and rate constants in the text: "s", "ms", "min" or "h".
    width : int
        Longest line, in characters; a wider table continues below itself.
    """
    unit = unit_called(time_unit)
    parts = [_folded(batch_table(fits, unit), width)]
    if len(fits) < 2:
        return parts[0]
    if not replicates.quantities:
        parts.append(wrapped(f"No mean over the runs: {replicates.reason}.", hang=2, width=width))
    else:
        table = replicate_table(replicates, unit)
        parts += [f"Mean of {len(replicates.runs)} runs", aligned(table, width=width)]
        parts.append(wrapped(table.note, indent=2, hang=2, width=width))
    return "\n".join([parts[0], "", *parts[1:]])


def _folded(table: Table, width: int) -> str:
    """Return a table whose columns go on below, with the name of each row again, where it is too wide."""
    lines = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in lines) + 2 for column in range(len(table.header))]
    pieces: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        if len(pieces[-1]) > 1 and sum(widths[i] for i in (*pieces[-1], column)) - 2 > width:
            pieces.append([0])
        pieces[-1].append(column)
    tables = [
        Table(
            tuple(table.header[i] for i in piece), tuple(tuple(row[i] for i in piece) for row in table.rows)
        )
        for piece in pieces
    ]
    return "\n\n".join(aligned(part, indent=0, width=width) for part in tables)


_MARKERS = {
    "two_stages": ("o", "fit"),
    "more_stages": ("s", "paper"),
    "one_stage": ("^", "second"),
    "smooth": ("D", "fourth"),
    "undecided": ("v", "quiet"),
    "no_decay": ("x", "third"),
}
_MOST_FOOTER = 3


def draw_overview(
    fits: Sequence[StagedFit],
    *,
    figure: "Figure | None" = None,
    time_unit: str = "s",
    replicates: Replicates | None = None,
) -> "Figure":
    """Return rate constants and breakpoints of all fits with their intervals, in the order given.

    A thin line marks the mean over runs where there is one.

    Parameters
    ----------
    fits : sequence of StagedFit
        At least one.
    figure : Figure, optional
        An empty figure to fill; a new double-column one by default.
    time_unit : str
        "s", "ms", "min" or "h".
    replicates : Replicates, optional
        What the runs say together, where it is known; computed by default.
    """
    unit = unit_called(time_unit)
    together = replicates_of(fits) if replicates is None else replicates
    means = {quantity.mean.name: unit.estimate(quantity.mean).value for quantity in together.quantities}
    if figure is None:
        figure = new_figure("double", overview_ratio(fits))
    with figure_style():
        rows: list[tuple[str, str, bool]] = [("k1", f"k$_1$ / {unit.sign}$^{{-1}}$", True)]
        most = max(len(fit.stages) for fit in fits)
        rows += [(f"k{i}", f"k$_{i}$ / {unit.sign}$^{{-1}}$", True) for i in range(2, most + 1)]
        names = ["breakpoint"] if most == 2 else [f"breakpoint {i}" for i in range(1, most)]
        rows += [(f"b{i}", f"{name} / {unit.sign}", False) for i, name in enumerate(names, 1)]
        first: Axes | None = None
        for number, (what, label, logarithmic) in enumerate(rows, 1):
            ax = figure.add_subplot(len(rows), 1, number, sharex=first)
            _dots(ax, fits, what, logarithmic, unit)
            named = what if what.startswith("k") else names[int(what[1:]) - 1]
            if (mean := means.get(named)) is not None:
                ax.axhline(mean, color=COLOURS["data"], lw=0.6, zorder=1, label="mean over runs")
            ax.set_ylabel(label)
            if number < len(rows):
                ax.tick_params(labelbottom=False)
            else:
                ax.set_xlabel("trace, in the order of the table")
            if first is None:
                first = ax
                stamp_simulated(ax, any(fit.trace.source.simulated for fit in fits))
                handles, labels = ax.get_legend_handles_labels()
                ax.legend(
                    handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=7, borderaxespad=0.2
                )
            polish(ax)
        figure.align_ylabels()
    return figure


def overview_ratio(fits: Sequence[StagedFit]) -> float:
    """Return height over width of the overview, which has one panel per quantity."""
    return max(0.62, 0.2 * (2 * max((len(fit.stages) for fit in fits), default=1) - 1))


def _pick(fit: StagedFit, what: str, unit: TimeUnit) -> Estimate | None:
    index = int(what[1:]) - 1
    if what.startswith("b"):
        return unit.estimate(fit.breakpoints_s[index]) if index < len(fit.breakpoints_s) else None
    return unit.estimate(fit.stages[index].k_per_s) if index < len(fit.stages) else None


def _dots(ax: "Axes", fits: Sequence[StagedFit], what: str, logarithmic: bool, unit: TimeUnit) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    shown = [e.value for fit in fits if (e := _pick(fit, what, unit)) is not None and e.value is not None]
    spans_decades = logarithmic and bool(shown) and min(shown) > 0 and max(shown) > 10 * min(shown)
    for code, (marker, colour) in _MARKERS.items():
        chosen = [
            (number, estimate)
            for number, fit in enumerate(fits, 1)
            if fit.verdict.code == code and (estimate := _pick(fit, what, unit)) is not None
        ]
        points = [(n, e) for n, e in chosen if e.value is not None]
        if not points:
            continue
        x = np.array([n for n, _ in points])
        y = np.array([e.value for _, e in points], dtype=float)
        low = np.array([e.value if e.low is None else e.low for _, e in points], dtype=float)
        high = np.array([e.value if e.high is None else e.high for _, e in points], dtype=float)
        if spans_decades:
            low = np.maximum(low, y * 1e-2)  # a bar that reaches below zero has no end on a log axis
        ax.errorbar(
            x,
            y,
            yerr=np.vstack([np.maximum(y - low, 0), np.maximum(high - y, 0)]),
            fmt=marker,
            ms=3,
            color=COLOURS[colour],
            elinewidth=0.7,
            label=code.replace("_", " "),
        )
    if spans_decades:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())  # their labels would run into each other
    pad = max(0.5, 0.012 * len(fits))
    ax.set_xlim(1 - pad, len(fits) + pad)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))


def batch_page(
    fits: Sequence[StagedFit],
    failures: Sequence[Mapping[str, Any]],
    *,
    folders: Sequence[str] = (),
    command: str = "",
    time_unit: str = "s",
) -> Page:
    """Return the report of a batch; arguments as for `write_batch`."""
    unit = unit_called(time_unit)
    counts = Counter(fit.verdict.code for fit in fits)
    judged = ", ".join(f"{count} {code.replace('_', ' ')}" for code, count in counts.most_common())
    many = "" if len(fits) == 1 else "s"
    summary = f"{len(fits)} trace{many} fitted" + (f": {judged}" if judged else "")
    summary += f"; {len(failures)} failed." if failures else "; none failed."
    n_simulated = sum(fit.trace.source.simulated for fit in fits)
    sections = []
    if failures:
        sections.append(Section("Failed", [_failure_table(failures)]))
    if fits:
        replicates = replicates_of(fits)
        sections.append(Section("Overview", [_overview_picture(fits, replicates, unit)]))
        if len(fits) > 1:
            sections.append(Section("Spread between runs", _spread_blocks(replicates, unit)))
        sections.append(Section("Every trace", [_fit_table(fits, folders, unit)]))
    if command:
        sections.append(Section("Make it again", [Code(command)]))
    footer = page_footer(*fits[:_MOST_FOOTER])
    if len(fits) > _MOST_FOOTER:
        footer = (*footer, "The hash of every input stands in summary.csv.")
    return Page(
        title="Staged kinetics of a batch",
        summary=summary,
        sections=sections,
        simulated=n_simulated > 0,
        simulated_note=f"{n_simulated} of the {len(fits)} traces are simulated, not measured.",
        footer=footer,
    )


def _failure_table(failures: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        tuple(str(failure.get(name) or "-") for name in ("file", "trace", "error", "message"))
        for failure in failures
    )
    return Table(("file", "trace", "error", "what was found and what to do"), rows)


def _overview_picture(fits: Sequence[StagedFit], replicates: Replicates, unit: TimeUnit) -> Picture:
    empty = detached_figure("double", overview_ratio(fits))
    figure = draw_overview(fits, figure=empty, time_unit=unit.sign, replicates=replicates)
    simulated = "Simulated data. " if any(fit.trace.source.simulated for fit in fits) else ""
    words = [f"{simulated}Rate constants and breakpoints of {len(fits)} traces with their intervals."]
    for each in replicates.quantities:
        words.append(f"{each.mean.name}: mean {unit.estimate(each.mean)}, {each.n_runs} runs.")
    caption = "Points by verdict; bars are the intervals of the single fits"
    caption += "; the thin line is the mean over runs." if replicates.quantities else "."
    return Picture(svg_text(figure), " ".join(words), caption)


def _spread_blocks(replicates: Replicates, unit: TimeUnit) -> list[Block]:
    if not replicates.quantities:
        return [Paragraph(f"No mean over the traces: {replicates.reason}.")]
    note = "This holds where the traces are repeats of one experiment."
    return [Paragraph(note), replicate_table(replicates, unit)]


def _fit_table(fits: Sequence[StagedFit], folders: Sequence[str], unit: TimeUnit) -> Table:
    rows = []
    heads, cells = stage_columns(fits, unit, "-")
    for number, fit in enumerate(fits, 1):
        rows.append(
            (
                str(number),
                listed_name(fit),
                fit.verdict.code.replace("_", " "),
                *cells[number - 1],
                _p_cell(fit),
                str(len(fit.warnings)),
            )
        )
    header = ("no.", "trace", "verdict", *heads, "p", "warnings")
    links = tuple(f"{quote(folder)}/report.html" for folder in folders)
    return Table(
        header,
        tuple(rows),
        numeric=(0, len(header) - 2, len(header) - 1),
        links=links if len(links) == len(rows) else (),
    )


def _p_cell(fit: StagedFit) -> str:
    """Return the p-value of a break; "<=" marks the smallest that the simulated traces can give."""
    p_value = fit.verdict.p_value
    if p_value is None:
        return "-"
    simulated = fit.options.get("replicates")
    smallest = simulated is not None and p_value <= 1 / (simulated + 1) * 1.001
    return f"<= {p_value:.2g}" if smallest else f"{p_value:.2g}"
