"""Large text tables: understood from their head, then read in blocks by a compiled parser.

The head gives delimiter, decimal mark, header and width (by the same code as small files); the tail
gives the end of the data. In between, blocks of lines go through pandas. A block that it cannot
read as plain numbers is read cell by cell, so that gaps, overflows and errors keep their lines.
"""

import io
import warnings
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.content import Content
from cxkinetics.io.decode import decode
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.split import WHITESPACE, is_datum, rows_of, split_line
from cxkinetics.io.table import Column, Table, parse_column
from cxkinetics.io.texttable import Tables, tables_of

__all__ = ["LARGE_BYTES", "large_tables"]

LARGE_BYTES = 4_000_000
_HEAD_BYTES = 1 << 16
_LONGEST_HEAD = 1 << 24
_TAIL_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 23


@dataclass(slots=True)
class _Filled:
    """What the blocks gave so far: numbers, line numbers, and the cells that were none."""

    numbers: Array
    lines: IntArray
    n: int
    missing: dict[int, list[int]]
    overflow: dict[int, list[int]]
    texts: dict[int, list[tuple[int, str]]]


def large_tables(content: Content, options: ReadOptions) -> Tables | None:
    """Return the table of a large file, or None where only the careful way will do.

    Raises
    ------
    InputError
        If the head holds no table.
    """
    data = content.data
    if b"\x00" in data[:_HEAD_BYTES] or b"\n" not in data[:_LONGEST_HEAD]:
        return None
    head = _head(data)
    found = tables_of(decode(head, content.file).text, file=content.file, decimal=options.decimal)
    if len(found.tables) != 1:
        return None
    table = found.tables[0]
    start = _offset_of_line(data, int(table.lines[0]))
    delimiter = found.delimiter
    stop = _end_of_data(content, data, start, delimiter)
    if stop is None:
        return None
    filled = _fill(content, found, table, start, stop, delimiter)
    columns = _columns(found, table, filled)
    lines = filled.lines[: filled.n]
    body = filled.numbers[: filled.n]
    footer = decode(data[stop : stop + _TAIL_BYTES], content.file).text if stop < len(data) else ""
    last = int(lines[-1]) if lines.size else 0
    tail = tuple((last + 1 + k, line) for k, line in enumerate(footer.splitlines()) if line.strip())
    whole = replace(table, columns=columns, lines=lines, footer=tail, body=body)
    return Tables((whole,), found.style, found.remarks, delimiter)


def _head(data: bytes) -> bytes:
    """Return the first lines: 64 kilobytes or thirty of them, whichever is more."""
    end = _HEAD_BYTES
    count = data.count(b"\n", 0, end)
    while count < 30 and end < min(_LONGEST_HEAD, len(data)):
        end *= 2
        count = data.count(b"\n", 0, end)
    return data[: data.rfind(b"\n", 0, end) + 1]


def _offset_of_line(data: bytes, line: int) -> int:
    offset = 0
    for _ in range(line - 1):
        offset = data.index(b"\n", offset) + 1
    return offset


def _end_of_data(content: Content, data: bytes, start: int, delimiter: str) -> int | None:
    """Return the offset behind the last line of numbers."""
    low = max(start, len(data) - _TAIL_BYTES)
    if low > start:
        low = data.find(b"\n", low) + 1
        if low <= 0:
            low = data.rfind(b"\n", start, len(data) - 1) + 1  # the last line alone is longer
    stop = len(data)
    while stop > low:
        begin = data.rfind(b"\n", low, stop - 1) + 1
        begin = max(begin, low)
        line = decode(data[begin:stop], content.file).text.strip("\r\n")
        cells = split_line(line[:4000], delimiter)
        if len(cells) > 1 and is_datum(cells[0]) and is_datum(cells[1]) and (cells[0] or cells[1]):
            return stop
        stop = begin
    return None


def _fill(content: Content, found: Tables, table: Table, start: int, stop: int, delimiter: str) -> _Filled:
    data = content.data
    count = data.count(b"\n", start, stop) + 1
    width = len(table.columns)
    filled = _Filled(np.empty((count, width)), np.empty(count, dtype=np.intp), 0, {}, {}, {})
    line = int(table.lines[0])
    place = start
    while place < stop:
        end = stop if place + _BLOCK_BYTES >= stop else data.rfind(b"\n", place, place + _BLOCK_BYTES) + 1
        if end <= place:
            end = data.find(b"\n", place) + 1 or stop
        block = data[place:end]
        line = _add_block(content, filled, found, table, block, line, delimiter)
        place = end
    return filled


def _add_block(
    content: Content, filled: _Filled, found: Tables, table: Table, block: bytes, line: int, delimiter: str
) -> int:
    """Append one block of lines and return the line number that follows it."""
    n_lines = block.count(b"\n") + (not block.endswith(b"\n"))
    clock = table.columns[0].kind in ("clock", "moment")
    numbers = _compiled(block, found, len(table.columns), delimiter, clock=clock)
    if numbers is not None and numbers.shape[0] == n_lines:
        rows = slice(filled.n, filled.n + n_lines)
        filled.numbers[rows] = numbers
        filled.lines[rows] = np.arange(line, line + n_lines)
        gaps = np.argwhere(np.isnan(numbers))
        for i, j in gaps.tolist():
            filled.missing.setdefault(j, []).append(filled.n + i)
        filled.n += n_lines
        return line + n_lines
    rows_ = rows_of(decode(block, content.file).text, delimiter)
    width = len(table.columns)
    for cells, at in zip(rows_.cells, rows_.lines, strict=True):
        if len(cells) > width and any(cells[width:]):
            raise InputError(
                f"this row holds {len(cells)} cells, the first rows {width}",
                file=content.file,
                line=line + at - 1,
                value=" ".join(cells)[:60],
                remedy="check the row (an extra separator, or a comma inside a number?)",
            )
    n = len(rows_.cells)
    filled.lines[filled.n : filled.n + n] = np.array(rows_.lines) + line - 1
    for j in range(width):
        column = parse_column([cells[j] if j < len(cells) else "" for cells in rows_.cells], found.style)
        filled.numbers[filled.n : filled.n + n, j] = column.values
        for kind, target in (("missing", filled.missing), ("overflow", filled.overflow)):
            target.setdefault(j, []).extend(filled.n + row for row in getattr(column, kind))
        filled.texts.setdefault(j, []).extend((filled.n + row, cell) for row, cell in column.texts)
    filled.n += n
    return line + n_lines


def _compiled(block: bytes, found: Tables, width: int, delimiter: str, *, clock: bool) -> Array | None:
    """Read a block as plain numbers, blank cells as NaN; None if anything else stands in it.

    With `clock`, the first column holds clock times or dates.
    """
    import pandas as pd

    kinds: dict[int, type] = dict.fromkeys(range(width), np.float64)
    if clock:
        kinds[0] = str
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = pd.read_csv(
                io.BytesIO(block),
                sep=r"\s+" if delimiter == WHITESPACE else delimiter,
                header=None,
                names=list(range(width)),
                index_col=False,
                dtype=kinds,
                decimal=found.style.decimal,
                thousands=found.style.thousands or None,
                skip_blank_lines=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=["", "nan", "NaN"],
                encoding="latin-1",
                engine="c",
            )
    except (ValueError, Warning, pd.errors.ParserError):
        return None
    if clock:
        first = parse_column([str(cell).strip() for cell in frame[0]], found.style)
        if first.kind not in ("clock", "moment") or first.texts:
            return None
        frame[0] = first.values
    numbers = frame.to_numpy(dtype=np.float64)
    return None if np.isinf(numbers).any() else numbers


def _columns(found: Tables, table: Table, filled: _Filled) -> list[Column]:
    columns = []
    for j in range(len(table.columns)):
        values = filled.numbers[: filled.n, j]
        known = bool(np.isfinite(values).any())
        kind = table.columns[j].kind
        columns.append(
            Column(
                values,
                "empty"
                if not known and kind in ("number", "empty")
                else kind
                if kind != "empty"
                else "number",
                None,
                table.columns[j].unit,
                tuple(filled.missing.get(j, ())),
                tuple(filled.overflow.get(j, ())),
                tuple(filled.texts.get(j, ())),
            )
        )
    return columns
