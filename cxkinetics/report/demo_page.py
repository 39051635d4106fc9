"""The report of the demonstration: simulated traces, the published dose table, doses for targets."""

from collections.abc import Sequence

from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.examples.comparison import Tally, tally
from cxkinetics.examples.demonstration import DemoTrace
from cxkinetics.examples.demonstration_doses import DemoDoses
from cxkinetics.report.blocks import Block, Code, Notes, Page, Paragraph, Section, Table
from cxkinetics.report.comparison import comparison_table
from cxkinetics.report.composition_text import incorporation_table
from cxkinetics.report.fit_page import fit_facts, page_footer
from cxkinetics.report.pictures import FitPictures, result_picture
from cxkinetics.report.reproduce import python_lines
from cxkinetics.report.staged_tables import interval_cell, loglinear_table, rival_table, stage_table
from cxkinetics.report.staged_text import verdict_text

__all__ = ["demo_page", "demo_tally", "target_table"]


def demo_tally(traces: Sequence[DemoTrace], doses: DemoDoses | None) -> Tally:
    """Return how many of the numbers that can miss agree, and how many constants are recovered."""
    named = [(trace.title, row) for trace in traces for row in trace.comparisons]
    return tally([*named, *(("dose table", row) for row in (doses.comparisons if doses else ()))])


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
    sections = [
        Section("Paper beside ours", _beside(traces, doses)),
        *(
            Section(f"{trace.title}: simulated in-situ trace", _trace_blocks(trace, drawn))
            for trace, drawn in zip(traces, pictures, strict=True)
        ),
    ]
    if doses is not None:
        sections.append(Section("Dose against incorporation", _curve_blocks(doses)))
        sections.append(Section("Dose for a target", _target_blocks(doses)))
    sections.append(Section("What this shows and what it does not", [_limits()]))
    sections.append(Section("Make it again", [Code(command, "On the command line:"), *_scripts(traces)]))
    return Page(
        title="cxkinetics demonstration: staged cation exchange of CdS clusters",
        summary=str(demo_tally(traces, doses)),
        sections=sections,
        simulated=True,
        simulated_note="The in-situ traces are simulated from published constants; the dose table holds "
        "published measurements.",
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
            "published. Inside: whether the number that the trace was simulated from lies in our 95 % "
            "interval. Same digits: whether ours, from the measured table, rounds to what is printed."
        )
    )
    return blocks


def _trace_blocks(trace: DemoTrace, drawn: FitPictures) -> list[Block]:
    tables: list[Table] = [stage_table(trace.fit), loglinear_table(trace.fit)]
    if trace.fit.rivals:
        tables.append(rival_table(trace.fit, 6))
    return [
        Paragraph(f"Simulated data, {trace.fit.trace.source.note}."),
        Paragraph(f"Verdict: {verdict_text(trace.fit)}", strong=True),
        drawn.kinetics,
        *([drawn.spectra] if drawn.spectra is not None else []),
        *tables,
    ]


def _curve_blocks(doses: DemoDoses) -> list[Block]:
    curve = doses.curve
    picture = result_picture(
        curve,
        f"Incorporation against dose for {curve.points.n_points} published samples with the fitted curve: "
        f"slope {curve.stage1_slope.format_value()}, then {curve.stage2_slope.format_value()} from "
        f"{curve.avalanche_dose_percent.format_value()} % dose, plateau at "
        f"{curve.plateau_percent.format_value()} %.",
        "Published pairs (measured), the curve in the paper's windows, and its thresholds.",
    )
    return [
        Paragraph("The published ICP-OES pairs; doses that are not stated are shown as intervals."),
        *([picture] if picture is not None else []),
        incorporation_table(curve),
        *([Notes(tuple(remark.text for remark in curve.warnings))] if curve.warnings else []),
    ]


_DRIVEN = {"dose_percent": "dose", "purity": "share"}


def target_table(doses: DemoDoses) -> Table:
    """Return the dose for each target: window, purity, what limits it, what comes from priors."""
    rows = tuple(
        (
            advice.target,
            advice.dose_percent.format_value(),
            f"{advice.window_percent[0]:g}-{advice.window_percent[1]:g}",
            interval_cell(advice.purity),
            interval_cell(advice.guest_share),
            advice.limited_by,
            ", ".join(word for key, word in _DRIVEN.items() if key in advice.prior_driven) or "neither",
        )
        for advice in doses.advice
    )
    header = (
        "target",
        "dose, %",
        "window",
        "of clusters",
        "of all Ag [95 %]",
        "limited by",
        "driven by priors",
    )
    unit = dose_unit_words("Ag", "Cd")
    return Table(
        header, rows, note=f"Doses in {unit}; shares are of clusters and of silver atoms.", numeric=(1,)
    )


def _target_blocks(doses: DemoDoses) -> list[Block]:
    blocks: list[Block] = [target_table(doses)]
    for advice in doses.advice:
        blocks += [Paragraph(f"{advice.target}: {remark.text}.") for remark in advice.warnings]
    shown = doses.advice[len(doses.advice) // 2]
    windows = "; ".join(
        f"{a.target} {a.window_percent[0]:g} to {a.window_percent[1]:g} %" for a in doses.advice
    )
    picture = result_picture(
        shown,
        f"Shares of the species against dose with their intervals. Windows: {windows}.",
        f"Shares of the species against dose; the band is the window for {shown.target}.",
    )
    return [*blocks, *([picture] if picture is not None else [])]


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
