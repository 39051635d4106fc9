"""A table: names, and columns of numbers with what stood in their other cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.io.cells import NumberStyle, is_missing, is_overflow, parse_measured
from cxkinetics.io.moments import clock_seconds, parse_moment

__all__ = ["Column", "Table", "parse_column"]

ColumnKind: TypeAlias = Literal["number", "clock", "moment", "text", "empty"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column, read.

    Attributes
    ----------
    values : Array, shape (n,)
        Numbers; s for clock times, s since 1970 for moments; NaN where there is none.
    kind : str
        "number", "clock", "moment", "text" (labels) or "empty".
    sigma : Array or None
        What stood after ±.
    unit : str
        Unit that stood in the cells ("%"), where all agree.
    missing, overflow : tuple of int
        Row indices of gaps and of overflow words.
    texts : tuple of (int, str)
        Row index and content of cells that are none of these.
    intervals : tuple of (int, float, float)
        Row index and ends of cells that hold a range ("36-75"); their value is NaN.
    """

    values: Array
    kind: ColumnKind = "number"
    sigma: Array | None = None
    unit: str = ""
    missing: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    intervals: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A block of a file with its surroundings.

    Attributes
    ----------
    names : list of str
        Header cells; empty where the file has no header.
    groups : list of str
        The row above them (sample names), or empty.
    columns : sequence of Column
        All of one length.
    lines : sequence of int
        Line in the file of each row.
    header_line : int or None
        Line of the names.
    preamble, footer : tuple of (int, str)
        Line number and text of what stands before and after.
    body : Array, shape (n, m), optional
        All numbers in one array, of which the columns are views (large files).
    """

    names: list[str]
    groups: list[str]
    columns: Sequence[Column]
    lines: Sequence[int] | IntArray
    header_line: int | None = None
    preamble: tuple[tuple[int, str], ...] = ()
    footer: tuple[tuple[int, str], ...] = field(default=())
    body: Array | None = field(default=None, repr=False)

    def block(self, columns: list[int]) -> Array:
        """Return the numbers of some columns side by side, without a copy where that can be."""
        if self.body is None:
            return np.column_stack([self.columns[j].values for j in columns])
        if columns == list(range(columns[0], columns[-1] + 1)):
            return self.body[:, columns[0] : columns[-1] + 1]
        return self.body[:, columns]

    @property
    def n_rows(self) -> int:
        """Number of data rows."""
        return len(self.lines)

    def name(self, j: int) -> str:
        """Return the name of column `j` (from 0), or "column 3" where it has none."""
        return (self.names[j] if j < len(self.names) else "") or f"column {j + 1}"

    def take(self, rows: IntArray) -> "Table":
        """Return the table of some of the rows, in their order."""
        place = {int(old): new for new, old in enumerate(rows)}
        columns = [
            replace(
                column,
                values=column.values[rows],
                sigma=None if column.sigma is None else column.sigma[rows],
                missing=tuple(place[r] for r in column.missing if r in place),
                overflow=tuple(place[r] for r in column.overflow if r in place),
                texts=tuple((place[r], cell) for r, cell in column.texts if r in place),
                intervals=tuple((place[r], low, high) for r, low, high in column.intervals if r in place),
            )
            for column in self.columns
        ]
        body = None if self.body is None else self.body[rows]
        return replace(self, columns=columns, lines=[self.lines[int(i)] for i in rows], body=body)

    def lines_of(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the file lines of `rows`."""
        return tuple(int(self.lines[int(row)]) for row in rows)


def parse_column(cells: list[str], style: NumberStyle) -> Column:
    """Read the cells of one column.

    Parameters
    ----------
    cells : list of str
        Trimmed.
    style : NumberStyle
        Meaning of the decimal mark in this table.
    """
    if style.decimal == ".":
        fast = _plain_numbers(cells)
        if fast is not None:
            return fast
    values = np.full(len(cells), np.nan)
    sigma = np.full(len(cells), np.nan)
    missing: list[int] = []
    overflow: list[int] = []
    others: list[tuple[int, str]] = []
    intervals: list[tuple[int, float, float]] = []
    units: set[str] = set()
    for i, cell in enumerate(cells):
        number = style.number(cell) if cell else None
        if number is not None:
            values[i] = number
            units.add("")
        elif is_missing(cell):
            missing.append(i)
        elif is_overflow(cell):
            overflow.append(i)
        else:
            measured = parse_measured(cell, style)
            if measured is None:
                others.append((i, cell))
                continue
            if measured.interval is not None:
                intervals.append((i, *measured.interval))
            values[i] = measured.value
            sigma[i] = np.nan if measured.sigma is None else measured.sigma
            units.add(measured.unit)
    n_numbers = int(np.isfinite(values).sum()) + len(intervals)
    if others and n_numbers <= len(others):
        times = _as_times(cells)
        if times is not None:
            return times
        if not n_numbers:
            return Column(values, "text", missing=tuple(missing), texts=tuple(others))
    kind: ColumnKind = "number" if n_numbers or overflow or others else "empty"
    given = units - {""}
    return Column(
        values,
        kind,
        sigma if np.isfinite(sigma).any() else None,
        given.pop() if len(given) == 1 and len(units) <= 2 else "",
        tuple(missing),
        tuple(overflow),
        tuple(others),
        tuple(intervals),
    )


def _plain_numbers(cells: list[str]) -> Column | None:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    if not np.all(np.isfinite(values)) or any("_" in cell for cell in cells):
        return None
    return Column(values)


def _as_times(cells: list[str]) -> Column | None:
    for kind, read in (("clock", clock_seconds), ("moment", parse_moment)):
        found = [read(cell) for cell in cells]
        known = sum(value is not None for value in found)
        if known and known >= 0.5 * sum(not is_missing(cell) for cell in cells):
            bad = [
                (i, cell)
                for i, (cell, value) in enumerate(zip(cells, found, strict=True))
                if value is None and not is_missing(cell)
            ]
            gaps = tuple(i for i, cell in enumerate(cells) if is_missing(cell))
            values = np.array([np.nan if value is None else value for value in found])
            return Column(values, "clock" if kind == "clock" else "moment", missing=gaps, texts=tuple(bad))
    return None
