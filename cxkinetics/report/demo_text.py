"""The demonstration as text for a terminal and as one JSON document."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxkinetics.examples.demonstration import DemoTrace
from cxkinetics.examples.demonstration_doses import DemoDoses
from cxkinetics.examples.published import DOI
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import aligned, wrapped
from cxkinetics.report.comparison import comparison_table
from cxkinetics.report.demo_page import demo_tally, target_table
from cxkinetics.report.staged_text import verdict_text
from cxkinetics.version import __version__

__all__ = ["DEMO_SCHEMA", "demo_record", "demo_text"]

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
