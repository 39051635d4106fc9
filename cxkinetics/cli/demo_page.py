"""The demonstration as text, page and folder."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from cxkinetics.atomic import replace_directory, write_bytes, write_text
from cxkinetics.document import cells
from cxkinetics.document.folder import require_replaceable, write_report
from cxkinetics.document.page import Block, Code, Gallery, Notes, Page, Paragraph, Section
from cxkinetics.document.table import Column, Table, Where
from cxkinetics.document.text import format_section
from cxkinetics.document.units import SECONDS
from cxkinetics.estimate import round_by_error
from cxkinetics.examples.kinetics import DOI, EXAMPLES, Comparison, DemoTrace, Tally, example_path, tally
from cxkinetics.kinetics.page import (
    command_line,
    fit_facts,
    loglinear_table,
    page_footer,
    python_lines,
    rival_table,
    stage_table,
    verdict_text,
    write_fit,
)
from cxkinetics.record import json_text
from cxkinetics.version import __version__


class Part(Protocol):
    """What an annex adds to the demonstration (`DEMO` of its package makes it).

    Attributes
    ----------
    name, caption, example : str
        Its name in the JSON document, the line above its comparisons, its packaged file ("" for none).
    answers : str
        The line above its targets.
    comparisons : tuple of Comparison
        Published numbers beside ours.
    """

    name: ClassVar[str]
    caption: ClassVar[str]
    example: ClassVar[str]
    answers: ClassVar[str]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Published numbers beside ours."""

    def targets(self) -> Table:
        """Return the table below the comparisons."""

    def sections(self) -> list[Section]:
        """Return its sections of the report."""

    def to_dict(self) -> dict[str, Any]:
        """Return its part of the JSON document."""


def comparison_table(rows: Sequence[Comparison], caption: str = "") -> Table:
    """Return the numbers beside each other, one row per quantity.

    The last column says whether the published number lies in our interval; for numbers that were not
    put into a simulation, whether ours rounds to the digits printed.

    Parameters
    ----------
    rows : sequence of Comparison
        What to compare.
    caption : str
        One line above the table.
    """
    put_in = {row.kind for row in rows} & {"simulated", "assumed", ""}
    rounded = {row.kind for row in rows} & {"measured", "followed"}
    head = " / ".join(["inside"] * bool(put_in) + ["same digits"] * bool(rounded))
    own = Column("ours [95 %]"), Column("unit", format=cells.unit), Column("ours - paper", numeric=True)
    told = any(_judged(row) is not None for row in rows)  # else a column of dashes
    columns = [Column("quantity"), Column("paper"), *own, Column(head if told else None)]
    shown = [
        (row.quantity, _published(row), row.found, row.found, _difference(row), _judged(row)) for row in rows
    ]
    return Table(columns, shown, caption=caption, note=" ".join(row.note for row in rows if row.note))


def _judged(row: Comparison) -> bool | None:
    return row.inside if row.kind in ("simulated", "assumed", "") else row.agrees


def _published(row: Comparison) -> str:
    plain = f"{row.published:.4g}" + (" (assumed)" if row.kind == "assumed" else "")
    return f"{plain} ('{row.printed}')" if row.printed and row.printed != plain else plain


def _difference(row: Comparison) -> str | None:
    if row.difference is None:
        return None
    low, high = row.found.low, row.found.high
    width = (high - low) / 4 if low is not None and high is not None and high > low else None
    text = round_by_error(row.difference, width) if width else f"{row.difference:.2g}"
    return text if text.startswith("-") else f"+{text}"


def demo_tally(traces: Sequence[DemoTrace], parts: Sequence[Part]) -> Tally:
    """Return how many of the numbers that can miss agree, and how many constants are recovered."""
    named = [(trace.title, row) for trace in traces for row in trace.comparisons]
    return tally([*named, *((part.name, row) for part in parts for row in part.comparisons)])


def demo_page(traces: Sequence[DemoTrace], parts: Sequence[Part], command: str) -> Page:
    """Return the report of the demonstration.

    Parameters
    ----------
    traces : sequence of DemoTrace
        The simulated examples with their fits.
    parts : sequence of Part
        What the annexes add.
    command : str
        The command as it was typed.
    """
    counts = demo_tally(traces, parts)
    sections = [Section("Paper beside ours", [Paragraph(str(counts)), *_beside(traces, parts)])]
    sections += [Section(f"{trace.title}: simulated in-situ trace", _trace_blocks(trace)) for trace in traces]
    sections += [section for part in parts for section in part.sections()]
    sections.append(Section("What this shows and what it does not", [Notes(_LIMITS)]))
    scripts = [Code(python_lines(trace.fit, EXAMPLES), f"{trace.title}, in Python:") for trace in traces]
    sections.append(Section("Make it again", [Code(command, "On the command line:"), *scripts]))
    return Page(
        title="cxkinetics demonstration: staged cation exchange of CdS clusters",
        summary=counts.headline,
        sections=sections,
        simulated=True,
        simulated_note="The in-situ traces are simulated from published constants; the dose table holds "
        "published measurements.",
        facts=tuple(fact for trace in traces[:1] for fact in fit_facts(trace.fit)),
        footer=page_footer(*(trace.fit for trace in traces)),
    )


def _beside(traces: Sequence[DemoTrace], parts: Sequence[Part]) -> list[Block]:
    blocks: list[Block] = [
        comparison_table(trace.comparisons, f"{trace.title} (simulated trace)") for trace in traces
    ]
    blocks += [comparison_table(part.comparisons, f"{part.caption} (measured)") for part in parts]
    blocks.append(
        Paragraph(
            "Published: J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904. Difference: ours minus "
            "published. Inside: whether the number that the trace was simulated from lies in our 95 % "
            "interval. Same digits: whether ours, from the measured table, rounds to what is printed."
        )
    )
    return blocks


def _trace_blocks(trace: DemoTrace) -> list[Block]:
    tables = [stage_table(trace.fit), loglinear_table(trace.fit)]
    if trace.fit.rivals:
        tables.append(rival_table(trace.fit, 6))
    # the figures of a page are named after their files, here those of the folder of the fit
    drawn = [
        replace(figure, name=f"{trace.name}/{figure.name}")
        for figure in trace.fit.figures(SECONDS, series=trace.series)
    ]
    return [
        Paragraph(f"Simulated data, {trace.fit.trace.source.note}."),
        Paragraph(f"Verdict: {verdict_text(trace.fit)}", strong=True),
        Gallery(tuple(drawn[:2])),
        Gallery(tuple(drawn[2:])),
        *tables,
    ]


_LIMITS = (
    "The traces are simulated from the published constants with normal noise: that they are "
    "recovered shows that the fit works, not that the published constants are right.",
    "Kinetic stages (fast, then slow) are not dose stages (slow uptake, then fast): the first are "
    "about time at one dose, the second about dose after a long time.",
    "The published trace itself is met as well by smooth curves without a breakpoint, and two "
    "straight lines in ln A with a good R2 do not establish one.",
    "Doses for targets rest on priors where the published data do not speak; each names them.",
)


def demo_text(traces: Sequence[DemoTrace], parts: Sequence[Part], folder: Path) -> str:
    """Return what the demonstration prints: the paper's numbers beside ours, verdicts, files."""
    line = partial(Paragraph, indent=0, hang=0)
    blocks: list[Block] = [
        line(
            f"SIMULATED DATA: the in-situ traces are simulated from the constants published in doi {DOI}; "
            "the dose table holds the numbers that paper states."
        ),
        line(str(demo_tally(traces, parts)), gap=True),
    ]
    for trace in traces:
        blocks.append(line(f"{trace.title}: simulated in-situ trace, {trace.fit.n_points} points", gap=True))
        blocks += _told(comparison_table(trace.comparisons))
        blocks.append(Paragraph(f"Verdict: {verdict_text(trace.fit)}", gap=True))
    for part in parts:
        blocks += [line(part.caption, gap=True), *_told(comparison_table(part.comparisons))]
        blocks += [line(part.answers, gap=True), *_told(part.targets())]
    report, data = folder / "report.html", folder / "data" / "ag-cds-simulated.csv"
    last = (
        f"Report: {report} (opens in any browser, needs no network)\n"
        f"Try:    cxkinetics fit {data} --track 324"
    )
    return format_section(Section("", [*blocks, Code(last, where=Where.TEXT, gap=True)]))


def _told(table: Table) -> list[Block]:
    note = [Paragraph(table.note, hang=0)] if table.note else []
    return [replace(table, bare=True), *note]


def demo_record(traces: Sequence[DemoTrace], parts: Sequence[Part], folder: Path) -> dict[str, Any]:
    """Return the JSON form of the demonstration."""
    return {
        "schema": "cxkinetics.demo/1",
        "version": __version__,
        "simulated": True,
        "folder": str(folder),
        "tally": demo_tally(traces, parts).to_dict(),
        "comparisons": {trace.name: [row.to_dict() for row in trace.comparisons] for trace in traces}
        | {part.name: [row.to_dict() for row in part.comparisons] for part in parts},
        "fits": [trace.fit.to_dict() for trace in traces],
    } | {name: value for part in parts for name, value in part.to_dict().items()}


def write_demo(traces: Sequence[DemoTrace], parts: Sequence[Part], directory: Path, *, command: str) -> Path:
    """Write the folder of the demonstration, whole or not at all.

    Parameters
    ----------
    traces, parts
        What `demo_page` takes.
    directory : Path
        A new or empty folder, or that of an earlier demonstration.
    command : str
        The command as it was typed.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    require_replaceable(directory, "demo.json")
    page = demo_page(traces, parts, command)
    packaged = [
        example_path(item)
        for item in [t.name for t in traces] + [part.example for part in parts if part.example]
    ]
    with replace_directory(directory) as fresh:
        for path in packaged:
            write_bytes(fresh / "data" / path.name, path.read_bytes())
        for trace, path in zip(traces, packaged, strict=False):
            line = _command(trace, path.name)
            write_fit(trace.fit, fresh / trace.name, series=trace.series, command=line, examples=EXAMPLES)
        stored = {block.name: fresh / f"{block.name}.svg" for block in page.figures()}
        drawn = {name: path.read_text(encoding="utf-8") for name, path in stored.items() if path.is_file()}
        write_report(fresh, page, drawn=drawn)  # the figures of the fits stand in their folders by now
        write_text(fresh / "demo.json", json_text(demo_record(traces, parts, directory)) + "\n")
    return directory


def _command(trace: DemoTrace, name: str) -> str:
    """Return the command of a fit with the data's path as seen from the folder of its report."""
    source = replace(trace.fit.trace.source, file=f"../data/{name}")
    return command_line(replace(trace.fit, trace=replace(trace.fit.trace, source=source)))
