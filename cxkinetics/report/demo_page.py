"""The report of the demonstration: simulated traces, the published dose table, doses for targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxkinetics.examples.comparison import Comparison
from cxkinetics.examples.demonstration import DemoTrace
from cxkinetics.report.blocks import Block, Code, Notes, Page, Paragraph, Section, Table
from cxkinetics.report.comparison import comparison_table
from cxkinetics.report.fit_page import fit_facts, page_footer
from cxkinetics.report.pictures import FitPictures
from cxkinetics.report.reproduce import python_lines
from cxkinetics.report.staged_tables import loglinear_table, rival_table, stage_table
from cxkinetics.report.staged_text import verdict_text

__all__ = ["DemoDoses", "demo_page"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemoDoses:
    """The dose side of the demonstration, already rendered to blocks.

    Attributes
    ----------
    comparisons : tuple of Comparison
        Published slopes and thresholds beside ours.
    curve, targets : sequence of Block
        The dose curve with its figures, and the doses for the targets.
    record : mapping
        JSON of the fit and of each dose.
    """

    comparisons: tuple[Comparison, ...]
    curve: Sequence[Block]
    targets: Sequence[Block]
    record: Mapping[str, Any] = field(default_factory=dict)


def demo_page(
    traces: Sequence[DemoTrace], pictures: Sequence[FitPictures], doses: DemoDoses | None, command: str
) -> Page:
    """Return the report of the demonstration.

    Parameters
    ----------
    traces : sequence of DemoTrace
        The simulated examples with their fits.
    pictures : sequence of FitPictures
        Of each of them.
    doses : DemoDoses or None
        The dose side.
    command : str
        The command as it was typed.
    """
    rows = [row for trace in traces for row in trace.comparisons] + list(doses.comparisons if doses else ())
    judged = [row.inside for row in rows if row.inside is not None]
    summary = (
        f"{sum(judged)} of {len(judged)} published numbers lie inside our 95 % intervals; the rate constants "
        "and breakpoints come back from traces that were simulated with them."
    )
    sections = [
        Section("Paper beside ours", _beside(traces, doses)),
        *(
            Section(f"{trace.title}: simulated in-situ trace", _trace_blocks(trace, drawn))
            for trace, drawn in zip(traces, pictures, strict=True)
        ),
    ]
    if doses is not None:
        sections.append(Section("Dose against incorporation", list(doses.curve)))
        sections.append(Section("Dose for a target", list(doses.targets)))
    sections.append(Section("What this shows and what it does not", [_limits()]))
    sections.append(Section("Make it again", [Code(command, "On the command line:"), *_scripts(traces)]))
    return Page(
        title="cxkinetics demonstration: staged cation exchange of CdS clusters",
        summary=summary,
        sections=sections,
        simulated=True,
        facts=tuple(fact for trace in traces[:1] for fact in fit_facts(trace.fit)),
        footer=page_footer(*(trace.fit for trace in traces)),
    )


def _beside(traces: Sequence[DemoTrace], doses: DemoDoses | None) -> list[Block]:
    blocks: list[Block] = [
        comparison_table(trace.comparisons, f"{trace.title} (simulated trace)") for trace in traces
    ]
    if doses is not None:
        blocks.append(comparison_table(doses.comparisons, "Ag into CdS: published dose table (measured)"))
    blocks.append(
        Paragraph(
            "Published: J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904. Difference: ours minus "
            "published. Inside: whether the published number lies in our 95 % interval."
        )
    )
    return blocks


def _trace_blocks(trace: DemoTrace, drawn: FitPictures) -> list[Block]:
    tables: list[Table] = [stage_table(trace.fit), loglinear_table(trace.fit)]
    if trace.fit.rivals:
        tables.append(rival_table(trace.fit, 6))
    return [
        Paragraph(f"Simulated data, {trace.fit.trace.source.note}."),
        Paragraph(f"Verdict: {verdict_text(trace.fit)}.", strong=True),
        drawn.kinetics,
        *([drawn.spectra] if drawn.spectra is not None else []),
        *tables,
    ]


def _limits() -> Notes:
    return Notes(
        (
            "The traces are simulated from the published constants with normal noise: that they are "
            "recovered shows that the fit works, not that the published constants are right.",
            "Kinetic stages (fast, then slow) are not dose stages (slow uptake, then fast): the first are "
            "about time at one dose, the second about dose after a long time.",
            "The published trace itself is met as well by smooth curves without a breakpoint, and two "
            "straight lines in ln A with a good R2 do not establish one.",
            "Doses for targets rest on priors where the published data do not speak; each names them.",
        )
    )


def _scripts(traces: Sequence[DemoTrace]) -> list[Block]:
    return [Code(python_lines(trace.fit), f"{trace.title}, in Python:") for trace in traces]
