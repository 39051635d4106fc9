"""The demonstration as text, page and folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxkinetics.atomic import replace_directory, write_bytes, write_text
from cxkinetics.composition.examples import DemoDoses
from cxkinetics.composition.guest_amount import dose_unit_words
from cxkinetics.composition.page import incorporation_table
from cxkinetics.estimate import json_text, round_by_error
from cxkinetics.examples.kinetics import DOI, Comparison, DemoTrace, Tally, example_path, tally
from cxkinetics.kinetics.figures import FitPictures, draw_pictures, result_picture
from cxkinetics.kinetics.folder import require_replaceable, write_fit
from cxkinetics.kinetics.page import command_line, fit_facts, page_footer, python_lines
from cxkinetics.kinetics.tables import interval_cell, loglinear_table, rival_table, stage_table, verdict_text
from cxkinetics.report.blocks import Block, Code, Notes, Page, Paragraph, Section, Table
from cxkinetics.report.columns import aligned, wrapped
from cxkinetics.report.page import render_page
from cxkinetics.report.present import draw
from cxkinetics.report.style import save_figure
from cxkinetics.version import __version__


def comparison_table(rows: Sequence[Comparison], caption: str = "", *, source: str = "paper") -> Table:
    """Return the numbers beside each other, one row per quantity.

    The last column says whether the published number lies in our interval; for numbers found from
    published measurements, whether ours rounds to the digits printed.

    Parameters
    ----------
    rows : sequence of Comparison
        What to compare.
    caption : str
        One line above the table.
    source : str
        Head of the column with the published numbers.
    """
    rounded = any(row.kind == "measured" for row in rows)
    cells = tuple(
        (
            row.quantity,
            _published(row),
            interval_cell(row.found),
            row.found.unit,
            _difference(row),
            {True: "yes", False: "no", None: "-"}[row.agrees if rounded else row.inside],
        )
        for row in rows
    )
    notes = " ".join(row.note for row in rows if row.note)
    header = (
        "quantity",
        source,
        "ours [95 %]",
        "unit",
        f"ours - {source}",
        "same digits" if rounded else "inside",
    )
    return Table(header, cells, caption=caption, note=notes, numeric=(4,))


def _published(row: Comparison) -> str:
    plain = f"{row.published:.4g}" + (" (assumed)" if row.kind == "assumed" else "")
    return f"{plain} ('{row.printed}')" if row.printed and row.printed != plain else plain


def _difference(row: Comparison) -> str:
    if row.difference is None:
        return "-"
    low, high = row.found.low, row.found.high
    width = (high - low) / 4 if low is not None and high is not None and high > low else None
    text = round_by_error(row.difference, width) if width else f"{row.difference:.2g}"
    return text if text.startswith("-") else f"+{text}"


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
    numbers = incorporation_table(curve).grid()
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
        Table(numbers.header, numbers.rows, numeric=numbers.numeric),
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


DEMO_SCHEMA = "cxkinetics.demo/1"


def demo_text(traces: Sequence[DemoTrace], doses: DemoDoses | None, folder: Path) -> str:
    """Return what the demonstration prints: the paper's numbers beside ours, verdicts, files."""
    lines = [
        wrapped(
            f"SIMULATED DATA: the in-situ traces are simulated from the constants published in doi {DOI}; "
            "the dose table holds the numbers that paper states."
        )
    ]
    lines += ["", wrapped(str(demo_tally(traces, doses)))]
    for trace in traces:
        lines += ["", f"{trace.title}: simulated in-situ trace, {trace.fit.n_points} points"]
        lines += [*_table(comparison_table(trace.comparisons)), ""]
        lines.append(wrapped(f"Verdict: {verdict_text(trace.fit)}", indent=2, hang=2))
    if doses is not None:
        lines += ["", "Ag into CdS: published dose table"]
        lines += _table(comparison_table(doses.comparisons))
        lines += ["", "Dose for a target", *_table(target_table(doses))]
    lines += [
        "",
        f"Report: {folder / 'report.html'} (opens in any browser, needs no network)",
        f"Try:    cxkinetics fit {folder / 'data' / 'ag-cds-simulated.csv'} --track 324",
    ]
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    notes = [wrapped(table.note, indent=2)] if table.note else []
    return [aligned(table), *notes]


def demo_record(traces: Sequence[DemoTrace], doses: DemoDoses | None, folder: Path) -> dict[str, Any]:
    """Return the JSON form of the demonstration."""
    return {
        "schema": DEMO_SCHEMA,
        "version": __version__,
        "simulated": True,
        "folder": str(folder),
        "tally": demo_tally(traces, doses).to_dict(),
        "comparisons": {trace.name: [row.to_dict() for row in trace.comparisons] for trace in traces}
        | ({"dose table": [row.to_dict() for row in doses.comparisons]} if doses is not None else {}),
        "fits": [trace.fit.to_dict() for trace in traces],
        "incorporation": doses.curve.to_dict() if doses is not None else None,
        "doses": [advice.to_dict() for advice in doses.advice] if doses is not None else [],
    }


def write_demo(
    traces: Sequence[DemoTrace],
    doses: DemoDoses | None,
    directory: Path,
    *,
    command: str,
) -> Path:
    """Write the folder of the demonstration, whole or not at all.

    Parameters
    ----------
    traces, doses
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
    with replace_directory(directory) as fresh:
        drawn = [draw_pictures(trace.fit, trace.series) for trace in traces]
        for trace, pictures in zip(traces, drawn, strict=True):
            packaged = example_path(trace.name)
            write_bytes(fresh / "data" / packaged.name, packaged.read_bytes())
            write_fit(
                trace.fit,
                fresh / trace.name,
                series=trace.series,
                command=_command(trace, packaged.name),
                pictures=pictures,
            )
        if doses is not None:
            table = example_path("ag-cds-dose")
            write_bytes(fresh / "data" / table.name, table.read_bytes())
            _write_figure(doses.curve, fresh / "dose-curve")
            _write_figure(doses.advice[len(doses.advice) // 2], fresh / "species")
        write_text(fresh / "report.html", render_page(demo_page(traces, drawn, doses, command)))
        write_text(fresh / "demo.json", json_text(demo_record(traces, doses, directory)) + "\n")
    return directory


def _command(trace: DemoTrace, name: str) -> str:
    """Return the command of a fit with the data's path as seen from the folder of its report."""
    source = replace(trace.fit.trace.source, file=f"../data/{name}")
    return command_line(replace(trace.fit, trace=replace(trace.fit.trace, source=source)))


def _write_figure(result: object, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure = draw(result)
    save_figure(figure, path, ("png", "svg", "pdf"))
    plt.close(figure)
