"""Which column is the time, where several could be: a counter or a bare unit gives way to what names it."""

from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.columns import SPECTRAL
from cxkinetics.io.headers import Quantity
from cxkinetics.io.table import Column, Table
from cxkinetics.io.vocabulary import KIND_OF

__all__ = ["settled", "time_columns", "time_of", "varies"]

_DAY = 86400.0


def time_columns(table: Table, quantities: list[Quantity]) -> list[int]:
    """Return the column that is the time, two where a date and a clock are joined, or none.

    Only names and cells that say so count: a column named as time with its unit, else a date or
    clock, else a name that is a unit and no more ("min", "h"), which beside a date or clock says
    nothing about time (a minimum, a height).
    """
    columns = table.columns
    clocks = [j for j, column in enumerate(columns) if column.kind == "clock"]
    dates = [j for j, column in enumerate(columns) if column.kind == "moment"]
    named = [j for j, q in enumerate(quantities) if q.kind == "time" and columns[j].kind == "number"]
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    if clocks or dates or axes:  # "time point" 1, 2, 3 counts
        named = [j for j in named if quantities[j].unit or not _counts(columns[j].values)]
    sure = [j for j in named if not quantities[j].weak and varies(columns[j].values)]
    if sure:
        return [min(sure, key=lambda j: (not quantities[j].unit, _counts(columns[j].values)))]
    plain_days = [j for j in dates if np.all(columns[j].values[_known(columns[j])] % _DAY == 0)]
    if plain_days and clocks:
        return [plain_days[0], clocks[0]]
    for group in (dates, clocks, named):
        if group:
            return [next((j for j in group if varies(columns[j].values)), group[0])]
    return []


def time_of(table: Table, quantities: list[Quantity], found: list[int]) -> tuple[Column, Quantity]:
    """Return values and meaning of the time found by `time_columns`."""
    column = table.columns[found[0]]
    if len(found) > 1:
        column = Column(column.values + table.columns[found[1]].values, "moment")
    quantity = quantities[found[0]]
    return column, replace(quantity, kind="time", place=None, place_kind="")


def settled(table: Table, quantities: list[Quantity], found: list[int]) -> list[Quantity]:
    """Return the meanings once the time is found: rivals give way, counters before it are counters."""
    if not found:
        return quantities
    result = list(quantities)
    for j, quantity in enumerate(quantities):
        if j in found or table.columns[j].kind != "number":
            continue
        if quantity.kind == "time" and quantity.weak:
            own = KIND_OF.get(quantity.name.casefold().strip(" ."), "")
            kind = "temperature" if quantity.name == "T" else own if own == "sigma" else ""
            result[j] = replace(quantity, kind=kind, unit="")
        elif j < found[0] and not quantity.kind and quantity.place is None:
            counted = _counts(table.columns[j].values)
            result[j] = replace(quantity, kind="index") if counted else quantity
    return result


def _known(column: Column) -> Array:
    known: Array = np.isfinite(column.values)
    return known


def varies(values: Array) -> bool:
    """Return whether there is more than one number; a single row is taken to vary."""
    known = values[np.isfinite(values)]
    return values.size < 2 or (known.size > 0 and bool(np.any(known != known[0])))


def _counts(values: Array) -> bool:
    """Return whether the values are 0, 1, 2, ... or 1, 2, 3, ..."""
    return values.size > 1 and values[0] in (0.0, 1.0) and bool(np.all(np.diff(values) == 1.0))
