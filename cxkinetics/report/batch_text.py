"""A batch as text for a terminal: one line per fit, then the mean over runs or why there is none."""

from collections.abc import Sequence

from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.replicates import Replicates, replicate_table
from cxkinetics.report.staged_tables import batch_table
from cxkinetics.report.time_units import time_unit as unit_called

__all__ = ["format_batch"]


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
