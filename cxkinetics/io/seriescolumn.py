"""Long tables of several series: a column of wells, samples or replicates says whose each row is.

Such a column is known by its name, or because it alone tells rows of one time apart. Where rows of
one time carry different labels and no column sorts them out, the reader asks.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.columns import SPECTRAL, find_column
from cxkinetics.io.context import Context
from cxkinetics.io.headers import Quantity
from cxkinetics.io.table import Column, Table
from cxkinetics.io.timecolumn import time_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import starts_of_runs

__all__ = ["Series", "series_in"]

_NAMES = """
    well wells wellid wellname wellposition sample samples sampleid samplename sampleno id name cell cells
    cuvette position pos run runs replicate replicates rep repeat trial experiment exp series trace channel
    plate plateid tube vial probe probenname küvette messung dataset condition compound substrate strain group
    échantillon puits cuve muestra pocillo campione pozzetto
"""
_WORDS = frozenset(_NAMES.split())
_MAY_BE_READINGS = frozenset(["sample", "samples", "probe", "channel", "cell", "cells", "position", "pos"])


@dataclass(frozen=True, slots=True)
class Series:
    """The tables of the series, each with its label, and a remark on how they were told apart."""

    tables: tuple[tuple[str, Table], ...]
    remark: Remark


def series_in(context: Context, table: Table, quantities: list[Quantity], times: list[int]) -> Series | None:
    """Return the series that stand in one table, or None where all rows belong to one.

    Raises
    ------
    InputError
        If rows of one time carry different labels and the series cannot be told, or a label is missing.
    """
    wanted = context.options.column
    asked = [wanted] if isinstance(wanted, (str, int)) else wanted or []
    taken = [*times, *(find_column(context, table, item) for item in asked)]
    free = [
        j
        for j, q in enumerate(quantities)
        if j not in taken and q.place is None and (table.columns[j].kind == "text" or _whole(table, j, q))
    ]
    if not times or not free:
        return None
    time, _ = time_of(table, quantities, times)
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    place = np.zeros(time.values.size) if len(axes) != 1 else table.columns[axes[0]].values
    mixed = _repeats(time.values, place) or (not axes and len(starts_of_runs(time.values)) > 1)
    labels = {j: _labels(table.columns[j], table.n_rows) for j in free}
    keys = [
        j
        for j in free
        if _word(quantities[j]) in _WORDS
        and (table.columns[j].kind == "text" or mixed or _word(quantities[j]) not in _MAY_BE_READINGS)
        and _divides(labels[j], time.values)
    ]
    if not keys and mixed:
        keys = [j for j in free if _divides(labels[j], time.values) and _sorts(labels[j], time.values, place)]
        if not keys and np.unique(time.values).size > 1:
            _refuse_unclear(context, table, labels, time.values, place)
        if len({tuple(np.unique(labels[j], return_inverse=True)[1].tolist()) for j in keys}) > 1:
            raise _ask(context, table, keys)
        keys = keys[:1]
    return _split(context, table, keys, labels) if keys else None


def _split(context: Context, table: Table, keys: list[int], labels: dict[int, list[str]]) -> Series:
    for j in keys:
        if "" in labels[j]:
            raise InputError(
                "this row says not to which series it belongs",
                file=context.file,
                line=int(table.lines[labels[j].index("")]),
                column=table.name(j),
                remedy="fill in the cell, or remove the column where all rows belong to one series",
            )
    names = list(labels[keys[0]])
    used = [keys[0]]
    for j in keys[1:]:  # a column that the others imply adds nothing to the name
        joined = [f"{a} {b}" for a, b in zip(names, labels[j], strict=True)]
        if len(set(joined)) > len(set(names)):
            names, used = joined, [*used, j]
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name, []).append(i)
    told = " and ".join(repr(table.name(j)) for j in used)
    text = f"{len(rows)} series in one table, told apart by column {told}"
    dropped = [j for j in range(len(table.columns)) if j not in keys]
    parts = tuple((name, _without(table.take(np.array(index)), dropped)) for name, index in rows.items())
    return Series(parts, Remark("series_by_column", text, len(rows)))


def _without(table: Table, kept: list[int]) -> Table:
    """Blank the columns that told the series apart; their numbers and places stay those of the file."""
    columns = [
        column if j in kept else Column(np.full(table.n_rows, np.nan), "empty")
        for j, column in enumerate(table.columns)
    ]
    return replace(table, columns=columns)


def _word(quantity: Quantity) -> str:
    return re.sub(r"[\W_]+", "", quantity.name.casefold())


def _whole(table: Table, j: int, quantity: Quantity) -> bool:
    """Return whether a column of numbers may be labels: whole numbers that repeat, no signal by name."""
    column = table.columns[j]
    if column.kind != "number" or quantity.kind not in ("", "index"):
        return False
    if quantity.kind == "" and _word(quantity) not in _WORDS:
        return False
    known, counts = np.unique(column.values[np.isfinite(column.values)], return_counts=True)
    return known.size > 1 and bool(np.all(known == np.round(known))) and int(counts.min()) > 1


def _labels(column: Column, n: int) -> list[str]:
    cells = [""] * n if column.kind == "text" else [f"{v:g}" if np.isfinite(v) else "" for v in column.values]
    for row, cell in column.texts:
        cells[row] = cell
    return cells


def _divides(labels: list[str], time: Array) -> bool:
    """Return whether there are several labels, and one stands at several times."""
    seen: dict[str, set[float]] = {}
    for label, at in zip(labels, time.tolist(), strict=True):
        seen.setdefault(label, set()).add(at)
    return len(seen) > 1 and any(len(found) > 1 for label, found in seen.items() if label)


def _sorts(labels: list[str], time: Array, place: Array) -> bool:
    """Return whether every reading of one label has a time (and place) of its own."""
    if min(Counter(labels).values()) < 2 or "" in labels:
        return False
    names = np.array(labels)
    return not any(
        _repeats(time[names == name], place[names == name]) or len(starts_of_runs(time[names == name])) > 1
        for name in set(labels)
    )


def _repeats(time: Array, place: Array) -> bool:
    known = np.isfinite(time) & np.isfinite(place)
    pairs: IntArray = np.unique(np.column_stack([time[known], place[known]]), axis=0)
    return len(pairs) < int(known.sum())


def _refuse_unclear(
    context: Context, table: Table, labels: dict[int, list[str]], time: Array, place: Array
) -> None:
    """Ask where two rows of one time carry different labels in a column of text."""
    texts = [j for j in labels if table.columns[j].kind == "text"]
    if texts and table.body is not None:  # of a large file the cells of text columns are not kept
        raise _ask(context, table, texts)
    for j in texts:
        at: dict[tuple[float, float], str] = {}
        for label, where in zip(labels[j], zip(time.tolist(), place.tolist(), strict=True), strict=True):
            if label and at.setdefault(where, label) != label:
                raise _ask(context, table, [j])


def _ask(context: Context, table: Table, columns: list[int]) -> InputError:
    names = " or ".join(repr(table.name(j)) for j in columns)
    return InputError(
        f"times repeat, and whether column {names} tells several series apart is not clear",
        file=context.file,
        line=table.header_line,
        column=table.name(columns[0]),
        remedy="name the column that does 'well' or 'sample' and leave the others out, or split the file",
    )
