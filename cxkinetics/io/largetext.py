"""Large text tables: understood from their head, then read in blocks by a compiled parser.

The head gives delimiter, decimal mark, header and width (by the same code as small files); the tail
gives the end of the data. In between, blocks of lines go through pandas. A block that it cannot
read as plain numbers is read cell by cell, so that gaps, overflows and errors keep their lines.
"""

import io
import warnings
from dataclasses import dataclass, field, replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.cells import MISSING_WORDS
from cxkinetics.io.content import Content
from cxkinetics.io.decode import decode
from cxkinetics.io.notes import note
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.split import WHITESPACE, is_datum, rows_of, split_line
from cxkinetics.io.table import Column, Table, parse_column
from cxkinetics.io.texttable import Tables, tables_of

__all__ = ["LARGE_BYTES", "large_tables", "tables_in"]

LARGE_BYTES = 4_000_000
_HEAD_BYTES = 1 << 16
_LONGEST_HEAD = 16_000_000
_TAIL_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 23
_CAREFUL_BLOCK = 1 << 15
_MOST_CAREFUL = 4_000_000
_MOST_SLOW = 12_000_000
MOST_ROWS = 5_000_000
_GAPS = sorted(MISSING_WORDS | {word.upper() for word in MISSING_WORDS} | {"NaN", "Nan", "<NA>"})


@dataclass(slots=True)
class _Filled:
    """What the blocks gave so far: numbers, line numbers, and the cells that were none."""

    numbers: Array
    lines: IntArray
    n: int = 0
    careful_bytes: int = 0
    overflow: dict[int, list[int]] = field(default_factory=dict)
    texts: dict[int, list[tuple[int, str]]] = field(default_factory=dict)


def tables_in(content: Content, text: str, options: ReadOptions) -> Tables:
    """Return the tables of a text, by the way that suits its size.

    Parameters
    ----------
    content : Content
        The file it came from; its bytes are used where `text` is "".
    text : str
        The text, or a part of it on its own lines.
    options : ReadOptions
        The decimal mark.

    Raises
    ------
    InputError
        If there is no table, or the file is too large to be read cell by cell.
    """
    found = _tables_in(content, text, options)
    note(delimiter=found.delimiter, decimal=found.style.decimal)
    return found


def _tables_in(content: Content, text: str, options: ReadOptions) -> Tables:
    if len(text or content.data) > LARGE_BYTES:
        plain = content if not text else Content(content.file, text.encode("utf-8"), content.sha256)
        found = large_tables(plain, options)
        if found is None and not text:
            text = decode(content.data, content.file).text
            recoded = Content(
                content.file, text.replace("\r\n", "\n").replace("\r", "\n").encode(), content.sha256
            )
            found = large_tables(recoded, options)
        if found is not None:
            return found
        if len(text) > _MOST_SLOW:
            raise InputError(
                f"{len(text) // 1_000_000} MB of text with several tables, or with text after the numbers",
                file=content.file,
                remedy="keep one table in the file",
            )
    text = text or decode(content.data, content.file).text
    return tables_of(text, file=content.file, decimal=options.decimal)


def large_tables(content: Content, options: ReadOptions) -> Tables | None:
    """Return the table of a large file, or None where only the careful way will do.

    Raises
    ------
    InputError
        If the head holds no table.
    """
    data = content.data
    if b"\x00" in data[:_HEAD_BYTES]:
        return None
    if b"\n" not in data[:_LONGEST_HEAD]:
        if b"\r" in data[:_LONGEST_HEAD]:
            return None
        megabytes = min(len(data), _LONGEST_HEAD) // 1_000_000
        raise InputError(
            f"no data rows: there is no line break in the first {megabytes} MB",
            file=content.file,
            remedy="export the table with one row a line",
        )
    head = _head(data)
    found = tables_of(decode(head, content.file).text, file=content.file, decimal=options.decimal)
    if len(found.tables) != 1:
        return None
    table = found.tables[0]
    start = _offset_of_line(data, int(table.lines[0]))
    delimiter = found.delimiter
    stop = _end_of_data(content, data, start, delimiter, len(table.columns))
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


def _end_of_data(content: Content, data: bytes, start: int, delimiter: str, width: int) -> int | None:
    """Return the offset behind the last line of numbers, or of cells as many after a number."""
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
        cells = split_line(line, delimiter)
        if len(cells) >= width and is_datum(cells[0]) and (cells[0] or is_datum(cells[1])):
            return stop
        stop = begin
    return None


def _fill(content: Content, found: Tables, table: Table, start: int, stop: int, delimiter: str) -> _Filled:
    data = content.data
    count = data.count(b"\n", start, stop) + 1
    if count > MOST_ROWS:
        raise InputError(
            f"{count} data rows: more than the {MOST_ROWS} that are read",
            file=content.file,
            remedy="thin the readings out before export",
        )
    filled = _Filled(np.empty((count, len(table.columns))), np.empty(count, dtype=np.intp))
    line = int(table.lines[0])
    place = start
    while place < stop:
        end = stop if place + _BLOCK_BYTES >= stop else data.rfind(b"\n", place, place + _BLOCK_BYTES) + 1
        if end <= place:
            end = data.find(b"\n", place) + 1 or stop
        line = _add_block(content, filled, found, table, data[place:end], line, delimiter)
        place = end
    return filled


def _add_block(
    content: Content, filled: _Filled, found: Tables, table: Table, block: bytes, line: int, delimiter: str
) -> int:
    """Append one block of lines and return the line number that follows it.

    A block that is not plain is halved until only small ones are read cell by cell.
    """
    n_lines = block.count(b"\n") + (not block.endswith(b"\n"))
    numbers = _compiled(block, found, table, delimiter)
    if numbers is not None and numbers.shape[0] == n_lines:
        rows = slice(filled.n, filled.n + n_lines)
        filled.numbers[rows] = numbers
        filled.lines[rows] = np.arange(line, line + n_lines)
        filled.n += n_lines
        return line + n_lines
    cut = block.find(b"\n", len(block) // 2) + 1
    if len(block) > _CAREFUL_BLOCK and 0 < cut < len(block):
        line = _add_block(content, filled, found, table, block[:cut], line, delimiter)
        return _add_block(content, filled, found, table, block[cut:], line, delimiter)
    _add_carefully(content, filled, found, table, block, line, delimiter)
    return line + n_lines


def _add_carefully(
    content: Content, filled: _Filled, found: Tables, table: Table, block: bytes, line: int, delimiter: str
) -> None:
    """Append a small block cell by cell; refuse the file when too much of it is no numbers."""
    rows = rows_of(decode(block, content.file).text, delimiter)
    width = len(table.columns)
    for cells, at in zip(rows.cells, rows.lines, strict=True):
        if len(cells) > width and any(cells[width:]):
            raise InputError(
                f"this row holds {len(cells)} cells, the first rows {width}",
                file=content.file,
                line=line + at - 1,
                value=" ".join(cells)[:60],
                remedy="check the row (an extra separator, or a comma inside a number?)",
            )
    n = len(rows.cells)
    filled.lines[filled.n : filled.n + n] = np.array(rows.lines) + line - 1
    for j in range(width):
        column = parse_column([cells[j] if j < len(cells) else "" for cells in rows.cells], found.style)
        filled.numbers[filled.n : filled.n + n, j] = column.values
        filled.overflow.setdefault(j, []).extend(filled.n + row for row in column.overflow)
        if table.columns[j].kind != "text":
            filled.texts.setdefault(j, []).extend((filled.n + row, cell) for row, cell in column.texts)
    filled.n += n
    filled.careful_bytes += len(block)
    if filled.careful_bytes > _MOST_CAREFUL:
        texts = [(row, j, cell) for j, items in filled.texts.items() for row, cell in items]
        row, j, cell = min(texts) if texts else (0, 0, "a blank or a word")
        raise InputError(
            f"more than {_MOST_CAREFUL // 1_000_000} MB of lines hold cells that are no numbers "
            f"(first: {cell[:40]!r})",
            file=content.file,
            line=int(filled.lines[row]),
            column=table.name(j),
            value=cell,
            remedy="clean the column or leave it out",
        )


def _compiled(block: bytes, found: Tables, table: Table, delimiter: str) -> Array | None:
    """Read a block as plain numbers, gaps as NaN; None if anything else stands in it."""
    import pandas as pd

    width = len(table.columns)
    clocks = [j for j, column in enumerate(table.columns) if column.kind in ("clock", "moment")]
    kinds: dict[int, type] = {
        j: str if column.kind == "text" or j in clocks else np.float64
        for j, column in enumerate(table.columns)
    }
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
                na_values=_GAPS,
                encoding="latin-1",
                engine="c",
            )
    except (ValueError, Warning, pd.errors.ParserError):
        return None
    for j in clocks:
        times = parse_column([str(cell).strip() for cell in frame[j]], found.style)
        if times.kind not in ("clock", "moment") or times.texts:
            return None
        frame[j] = times.values
    for j, column in enumerate(table.columns):
        if column.kind == "text":
            frame[j] = np.nan
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
                (),
                tuple(filled.overflow.get(j, ())),
                tuple(filled.texts.get(j, ())),
            )
        )
    return columns
