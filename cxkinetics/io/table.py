"""A table: names and columns of numbers, read from text of any size."""

import io
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.cells import MISSING_WORDS, NumberStyle, is_missing, is_number, is_overflow, parse_measured
from cxkinetics.io.file import Content, ReadOptions, decode, plain_lines
from cxkinetics.io.grid import (
    WHITESPACE,
    Block,
    Rows,
    find_blocks,
    find_style,
    is_datum,
    is_time,
    rows_of,
    split_line,
)
from cxkinetics.io.headers import read_header
from cxkinetics.io.words import TIME_MARKS, clock_seconds, parse_moment
from cxkinetics.remarks import Remark

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
    overflow : tuple of int
        Row indices of overflow words.
    texts : tuple of (int, str)
        Row index and content of cells that are none of these.
    intervals : tuple of (int, float, float)
        Row index and ends of cells that hold a range ("36-75"); their value is NaN.
    """

    values: Array
    kind: ColumnKind = "number"
    sigma: Array | None = None
    unit: str = ""
    overflow: tuple[int, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()
    intervals: tuple[tuple[int, float, float], ...] = ()

    @property
    def overflowed(self) -> BoolArray:
        """Which rows said that the detector was out of range."""
        found = np.zeros(self.values.size, dtype=bool)
        found[list(self.overflow)] = True
        return found


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
    body : Array, shape (n, m), optional
        All numbers in one array, of which the columns are views (large files).
    """

    names: list[str]
    groups: list[str]
    columns: Sequence[Column]
    lines: Sequence[int] | IntArray
    header_line: int | None = None
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

    @property
    def listed(self) -> str:
        """The names of the columns, for messages; of a matrix, which has hundreds, the ends."""
        names = [repr(self.name(j)) for j in range(len(self.columns))]
        if len(names) > _MOST_LISTED:
            names[4:-2] = ["..."]
            names[-1] += f" ({len(self.columns)} in all)"
        return ", ".join(names)

    def take(self, rows: IntArray) -> "Table":
        """Return the table of some of the rows, in their order."""
        place = {int(old): new for new, old in enumerate(rows)}
        columns = [
            replace(
                column,
                values=column.values[rows],
                sigma=None if column.sigma is None else column.sigma[rows],
                overflow=tuple(place[r] for r in column.overflow if r in place),
                texts=tuple((place[r], cell) for r, cell in column.texts if r in place),
                intervals=tuple((place[r], low, high) for r, low, high in column.intervals if r in place),
            )
            for column in self.columns
        ]
        body = None if self.body is None else self.body[rows]
        return replace(self, columns=columns, lines=[self.lines[int(i)] for i in rows], body=body)

    def overflow_in(self, columns: Sequence[int]) -> tuple[int, tuple[int, ...]]:
        """Return how many cells of some columns said "out of range", and their lines in the file."""
        marked = [self.columns[j].overflow for j in columns]
        return sum(map(len, marked)), tuple(int(self.lines[row]) for row in sorted(set().union(*marked)))


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
    overflow: list[int] = []
    others: list[tuple[int, str]] = []
    first = next(filter(None, cells), "")
    times = _as_times(cells) if is_time(first) else None
    if times is not None and not times.texts:
        return times
    intervals: list[tuple[int, float, float]] = []
    units: set[str] = set()
    for i, cell in enumerate(cells):
        number = style.number(cell) if cell else None
        if number is not None:
            values[i] = number
            units.add("")
        elif is_overflow(cell):
            overflow.append(i)
        elif not is_missing(cell):
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
            return Column(values, "text", texts=tuple(others))
    kind: ColumnKind = "number" if n_numbers or overflow or others else "empty"
    given = units - {""}
    unit = given.pop() if len(given) == 1 else ""
    spread = sigma if np.isfinite(sigma).any() else None
    return Column(values, kind, spread, unit, tuple(overflow), tuple(others), tuple(intervals))


def _columns_of(body: list[list[str]], width: int, style: NumberStyle) -> list[Column]:
    """Read rows of cells column by column; a row that ends early has gaps."""
    return [parse_column([row[j] if j < len(row) else "" for row in body], style) for j in range(width)]


def _plain_numbers(cells: list[str]) -> Column | None:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    if not np.all(np.isfinite(values)) or any("_" in cell for cell in cells):
        return None
    return Column(values)


def _as_times(cells: list[str]) -> Column | None:
    """Return the column as clock times or moments, where half of its filled cells or more are such."""
    filled = [i for i, cell in enumerate(cells) if not is_missing(cell)]
    readers: dict[ColumnKind, Callable[[str], float | None]]
    readers = {"clock": clock_seconds, "moment": parse_moment}
    for kind, read in readers.items():
        found = [read(cell) if any(mark in cell for mark in TIME_MARKS) else None for cell in cells]
        known = sum(value is not None for value in found)
        if known and known >= 0.5 * len(filled):
            values = np.array([np.nan if value is None else value for value in found])
            bad = tuple((i, cells[i]) for i in filled if found[i] is None)
            return Column(values, kind, texts=bad)
    return None


_MOST_ABOVE = 400


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of a file, the number style and delimiter they share, and what was assumed.

    `above` holds the cells of the lines above the largest table.
    """

    tables: tuple[Table, ...]
    style: NumberStyle
    remarks: tuple[Remark, ...]
    delimiter: str = ","
    above: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def main(self) -> Table:
        """The largest table."""
        return max(self.tables, key=lambda table: table.n_rows * len(table.columns))


def tables_of(text: str, *, file: str, decimal: str | None = None) -> Tables:
    """Find the tables in a text.

    Parameters
    ----------
    text : str
        The whole file.
    file : str
        Its path, for messages.
    decimal : str, optional
        Its decimal mark; found out unless given.

    Raises
    ------
    InputError
        If there is no row of numbers, decimal marks are ambiguous, or rows do not fit the header.
    """
    return tables_of_rows(rows_of(text), file=file, decimal=decimal)


def tables_of_rows(rows: Rows, *, file: str, decimal: str | None = None) -> Tables:
    """Find the tables in a grid of cells (see `tables_of`)."""
    blocks = find_blocks(rows)
    if not blocks:
        raise _no_rows(rows, file)
    main = max(blocks, key=lambda block: (block.stop - block.start) * block.width)
    kept = [b for b in blocks if b is main or (b.stop - b.start >= 3 and b.width == main.width)]
    style, said = find_style(_marked(rows, main), file=file, delimiter=rows.delimiter, decimal=decimal)
    remarks = list(said)
    _refuse_comma_trap(rows, main, file)
    skipped = [i for block in kept for i in block.skipped]
    first, last = rows.lines[main.start], rows.lines[main.stop - 1]
    for code, what, inside in (
        ("text_lines_skipped", "lines of text", [(rows.lines[i], " ".join(rows.cells[i])) for i in skipped]),
        ("comments_skipped", "comment lines", [item for item in rows.comments if first < item[0] < last]),
    ):
        if inside:
            text = (
                f"{len(inside)} {what} between the data rows skipped "
                f"(first at line {inside[0][0]}: {inside[0][1][:40]!r})"
            )
            remarks.append(Remark(code, text, len(inside), tuple(line for line, _ in inside)))
    tables = tuple(_table(rows, block, style, file) for block in kept)
    above = tuple(
        tuple(cell for cell in cells if cell) for cells in rows.cells[: min(main.start, _MOST_ABOVE)]
    )
    return Tables(tables, style, tuple(remarks), rows.delimiter, above)


def _marked(rows: Rows, block: Block) -> list[tuple[int, str]]:
    """Return line and text of the cells with a comma or a point, none where no cell has a comma."""
    # without a comma nothing is unclear, and a large table has many cells with a point
    if not any("," in cell for i in block.used for cell in rows.cells[i]):
        return []
    return [
        (rows.lines[i], cell)
        for i in block.used
        for j, cell in enumerate(rows.cells[i])
        if j not in block.text_columns and ("," in cell or "." in cell)
    ]


def _refuse_comma_trap(rows: Rows, block: Block, file: str) -> None:
    """Refuse 0,0,895886: a decimal comma in a file that is also separated by commas."""
    if rows.delimiter != ",":
        return
    header = max((j + 1 for j, name in enumerate(block.names) if name), default=0)
    body = [[cell for cell in rows.cells[i] if cell] for i in block.used]
    flat = [cell for cells in body for cell in cells]
    if any("." in cell for cell in flat):
        return
    wider = bool(header) and min(len(cells) for cells in body) > header
    zeros = sum(len(cell) > 1 and cell[0] == "0" and cell.isdigit() for cell in flat)
    if block.width >= 3 and (wider or (not header and zeros > 0.1 * len(body))):
        shown = ",".join(body[0])
        raise InputError(
            f"the decimal comma cannot be told from the comma between columns: {shown!r}",
            file=file,
            line=rows.lines[block.start],
            value=shown,
            remedy="export with a decimal point, or with semicolons or tabs between the columns",
        )


def _table(rows: Rows, block: Block, style: NumberStyle, file: str) -> Table:
    used, names, header_line, width = block.used, block.names, block.header_line, block.width
    body = [rows.cells[i] for i in used]
    while width > 2 and not any(len(cells) >= width and cells[width - 1] for cells in (names, *body)):
        width -= 1  # a separator at the end of every line makes no column
    if names and rows.delimiter == WHITESPACE and len(names) != width:
        names = []
    if not names:
        names, header_line = _names_in_comment(rows, used[0], width)
    named = max((j + 1 for j, name in enumerate(names) if name), default=0)
    if named and width > named:
        names = _with_row_names(names, named, width, body) or names
    if named and width > named and not names[-1]:
        more = [i for i in used if any(rows.cells[i][named:])]
        extra = more[0] if more else used[0]  # columns without a name or a cell are separators too many
        raise InputError(
            f"this row holds {len(rows.cells[extra])} cells, the header {named}",
            file=file,
            line=rows.lines[extra],
            value=" ".join(rows.cells[extra])[:60],
            remedy="check the row (an extra separator, or a comma inside a number?)",
        )
    columns, lines = _columns_of(body, width, style), [rows.lines[i] for i in used]
    return Table(names[:width], block.groups[:width], columns, lines, header_line)


def _names_in_comment(rows: Rows, first: int, width: int) -> tuple[list[str], int | None]:
    """Return the header that stands in the comment line just above the data, if one does."""
    above = [item for item in rows.comments if item[0] < rows.lines[first]]
    if not above or (first and above[-1][0] < rows.lines[first - 1]):
        return [], None
    line, text = above[-1]
    names = split_line(text.lstrip("#%/! "), rows.delimiter)
    if len(names) == width and any(read_header(name).kind for name in names):
        return names, line
    return [], None


def _with_row_names(names: list[str], named: int, width: int, body: list[list[str]]) -> list[str] | None:
    """Return the names moved by one where the rows begin with an unnamed row number or label."""
    if width != named + 1 or any(len(cells) != width for cells in body):
        return None
    first = [cells[0] for cells in body]
    counted = [str(k) for k in range(len(first))], [str(k + 1) for k in range(len(first))]
    if first in counted or not any(is_number(cell) for cell in first):
        return ["", *names[:named]]
    return None


def _no_rows(rows: Rows, file: str) -> InputError:
    if not rows.cells:
        return InputError("the file is empty: nothing but blanks and comments", file=file)
    shown = " ".join(rows.cells[0])[:60]
    if shown.startswith("<"):
        return InputError(
            f"no data rows: this is a page or document with markup ({shown[:30]!r}), not a table",
            file=file,
            remedy="open it in a spreadsheet program and save it as CSV",
        )
    return InputError(
        f"no data rows: no line holds two or more numbers (first line: {shown!r})",
        file=file,
        remedy="export time and absorbance as columns of a text table",
    )


LARGE_BYTES = 4_000_000  # a text table beyond this is read by blocks
_PLAIN_BYTES = 60_000  # and beyond this, if all its cells are plain numbers
_HEAD_BYTES = _TAIL_BYTES = 1 << 16
_SHORT_HEAD = 1 << 13
_LONGEST_HEAD = 16_000_000  # thirty rows of a wide matrix of spectra are shorter
_BLOCK_BYTES = 1 << 23
_CAREFUL_BLOCK = 1 << 15  # a block with an odd cell is halved down to this before it is read cell by cell
_MOST_CAREFUL = 4_000_000  # so much may be read cell by cell: some ten seconds
_MOST_LISTED = 20  # columns that a message names one by one
_MOST_SLOW = 12_000_000  # longest text that is read cell by cell as a whole
MOST_ROWS = 5_000_000
MOST_COLUMNS = 30_000
_GAPS = sorted(MISSING_WORDS | {word.upper() for word in MISSING_WORDS} | {"NaN", "Nan", "<NA>"})


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
        If there is no table, a row has too many cells, or the file is too large to be read cell by cell.
    """
    _refuse_endless_rows(content, text)
    found = plain_table(content, text, options)
    if found is None and len(text or content.data) > LARGE_BYTES:
        found = large_tables(replace(content, data=text.encode("utf-8")) if text else content, options)
        if found is None and not text:
            text = decode(content.data, content.file).text
            found = large_tables(replace(content, data=plain_lines(text).encode()), options)
        if found is None and len(text) > _MOST_SLOW:
            raise content.error(
                f"{len(text) // 1_000_000} MB of text with several tables, or with text after the numbers",
                "keep one table in the file",
            )
    if found is None:
        text = text or decode(content.data, content.file).text
        found = tables_of(text, file=content.file, decimal=options.decimal)
    content.notes.update(delimiter=found.delimiter, decimal=found.style.decimal)
    return found


def _refuse_endless_rows(content: Content, text: str) -> None:
    line = max(text.splitlines(), key=len, default="")
    if len(line) > 2 * MOST_COLUMNS and (cells := 1 + max(map(line.count, "\t,; "))) > MOST_COLUMNS:
        raise content.error(
            f"a row holds {cells} cells; up to {MOST_COLUMNS} columns are read",
            "export one reading a line, or fewer columns",
        )


def plain_table(content: Content, text: str, options: ReadOptions) -> Tables | None:
    """Return the table of a file of middle size whose rows are all plain numbers and times, else None."""
    size = len(text or content.data)
    if not _PLAIN_BYTES < size <= LARGE_BYTES or not text:
        return None
    try:
        data = plain_lines(text).encode()
        return _by_blocks(replace(content, data=data), options, careful=False)
    except InputError:
        return None  # the careful way finds the reason


def large_tables(content: Content, options: ReadOptions) -> Tables | None:
    """Return the table of a large file, or None where only the careful way will do.

    Raises
    ------
    InputError
        If the head holds no table.
    """
    return _by_blocks(content, options, careful=True)


def _by_blocks(content: Content, options: ReadOptions, *, careful: bool) -> Tables | None:
    """Return the table read block by block; None where a label, a footer or an odd cell stands in one."""
    data = content.data
    if b"\x00" in data[:_HEAD_BYTES]:
        return None
    if b"\n" not in data[:_LONGEST_HEAD]:
        if b"\r" in data[:_LONGEST_HEAD]:
            return None
        megabytes = min(len(data), _LONGEST_HEAD) // 1_000_000
        raise content.error(
            f"no data rows: there is no line break in the first {megabytes} MB",
            "export the table with one row a line",
        )
    head = _head(data, _HEAD_BYTES if careful else _SHORT_HEAD)
    found = tables_of(decode(head, content.file).text, file=content.file, decimal=options.decimal)
    if len(found.tables) != 1:
        return None
    table = found.tables[0]
    start = 0
    for _ in range(int(table.lines[0]) - 1):
        start = data.index(b"\n", start) + 1
    stop = _end_of_data(content, start, found.delimiter, len(table.columns))
    if stop is None:
        return None
    labels = any(column.kind == "text" for column in table.columns)
    if not careful and (labels or found.remarks or data[stop:].strip()):
        return None
    filler = _Filler(content, found, data.count(b"\n", start, stop) + 1)
    filler.fill(start, stop)
    lines, body = filler.lines[: filler.n], filler.numbers[: filler.n]
    if not careful and (filler.careful_bytes or _may_be_text(data, found.delimiter, lines, body)):
        return None
    return replace(found, tables=(replace(table, columns=filler.columns(), lines=lines, body=body),))


def _may_be_text(data: bytes, delimiter: str, lines: IntArray, body: Array) -> bool:
    """Return whether a row has gaps only or fewer cells than columns: such may be text, or end a table."""
    open_end = np.isnan(body[:, -1])
    if not open_end.any():
        return False
    texts = data.split(b"\n")
    cells = (split_line(texts[line - 1].decode("latin-1"), delimiter) for line in lines[open_end])
    return bool(np.isnan(body).all(axis=1).any()) or any(len(row) < body.shape[1] for row in cells)


def _head(data: bytes, end: int) -> bytes:
    """Return the first lines: so many bytes or thirty lines, whichever is more."""
    while data.count(b"\n", 0, end) < 30 and end < min(_LONGEST_HEAD, len(data)):
        end *= 2
    return data[: data.rfind(b"\n", 0, end) + 1]


def _end_of_data(content: Content, start: int, delimiter: str, width: int) -> int | None:
    """Return the offset behind the last line of numbers, or of cells as many after a number."""
    data = content.data
    low = max(start, len(data) - _TAIL_BYTES)
    if low > start:  # the last line alone may be longer than the tail
        low = (data.find(b"\n", low) + 1) or (data.rfind(b"\n", start, len(data) - 1) + 1)
    stop = len(data)
    while stop > low:
        begin = max(data.rfind(b"\n", low, stop - 1) + 1, low)
        cells = split_line(decode(data[begin:stop], content.file).text.strip("\r\n"), delimiter)
        if len(cells) >= width and is_datum(cells[0]) and (cells[0] or is_datum(cells[1])):
            return stop
        stop = begin
    return None


class _Filler:
    """The rows of a large file, block by block: numbers, line numbers, and the cells that were none."""

    def __init__(self, content: Content, found: Tables, count: int) -> None:
        if count > MOST_ROWS:
            raise content.error(
                f"{count} data rows: more than the {MOST_ROWS} that are read",
                "thin the readings out before export",
            )
        self.content, self.found, self.table = content, found, found.tables[0]
        self.width = len(self.table.columns)
        self.numbers, self.lines = np.empty((count, self.width)), np.empty(count, dtype=np.intp)
        self.n = self.careful_bytes = 0
        self.overflow: dict[int, list[int]] = defaultdict(list)
        self.texts: dict[int, list[tuple[int, str]]] = defaultdict(list)

    def fill(self, start: int, stop: int) -> None:
        """Read the bytes from `start` to `stop`, each block up to the end of a line."""
        data, line = self.content.data, int(self.table.lines[0])
        while start < stop:
            end = stop if start + _BLOCK_BYTES >= stop else data.rfind(b"\n", start, start + _BLOCK_BYTES) + 1
            if end <= start:
                end = data.find(b"\n", start) + 1 or stop
            line = self._add(data[start:end], line)
            start = end

    def columns(self) -> list[Column]:
        """Return the columns, as views of the numbers."""
        found = []
        for j, head in enumerate(self.table.columns):
            values, kind = self.numbers[: self.n, j], head.kind
            if kind in ("number", "empty"):
                kind = "number" if np.isfinite(values).any() else "empty"
            odd = tuple(self.overflow[j]), tuple(self.texts[j])
            found.append(Column(values, kind, None, head.unit, *odd))
        return found

    def _add(self, block: bytes, line: int) -> int:
        """Append one block of lines and return the line number that follows it.

        A block that is not plain is halved until only small ones are read cell by cell.
        """
        n_lines = block.count(b"\n") + (not block.endswith(b"\n"))
        numbers = self._compiled(block)
        if numbers is not None and numbers.shape[0] == n_lines:
            filled = np.arange(n_lines)
            if np.isnan(numbers[:, 0]).any():  # a blank line is no row
                filled = np.array([i for i, text in enumerate(block.split(b"\n")) if text.strip()], dtype=int)
            rows = slice(self.n, self.n + filled.size)
            self.numbers[rows] = numbers[filled]
            self.lines[rows] = line + filled
            self.n += filled.size
            return line + n_lines
        cut = block.find(b"\n", len(block) // 2) + 1
        if len(block) > _CAREFUL_BLOCK and 0 < cut < len(block):
            return self._add(block[cut:], self._add(block[:cut], line))
        self._add_carefully(block, line)
        return line + n_lines

    def _add_carefully(self, block: bytes, line: int) -> None:
        """Append a small block cell by cell; refuse the file when too much of it is no numbers."""
        rows = rows_of(decode(block, self.content.file).text, self.found.delimiter)
        for cells, at in zip(rows.cells, rows.lines, strict=True):
            if len(cells) > self.width and any(cells[self.width :]):
                raise self.content.error(
                    f"this row holds {len(cells)} cells, the first rows {self.width}",
                    "check the row (an extra separator, or a comma inside a number?)",
                    line=line + at - 1,
                    value=" ".join(cells)[:60],
                )
        first, self.n = self.n, self.n + len(rows.cells)
        self.lines[first : self.n] = np.array(rows.lines) + line - 1
        for j, column in enumerate(_columns_of(rows.cells, self.width, self.found.style)):
            self.numbers[first : self.n, j] = column.values
            self.overflow[j] += [first + row for row in column.overflow]
            if self.table.columns[j].kind != "text":
                self.texts[j] += [(first + row, cell) for row, cell in column.texts]
        self.careful_bytes += len(block)
        if self.careful_bytes > _MOST_CAREFUL:
            texts = [(row, j, cell) for j, items in self.texts.items() for row, cell in items]
            row, j, cell = min(texts) if texts else (0, 0, "a blank or a word")
            raise self.content.error(
                f"more than {_MOST_CAREFUL // 1_000_000} MB of lines hold cells that are no numbers "
                f"(first: {cell[:40]!r})",
                "clean the column or leave it out",
                line=int(self.lines[row]),
                column=self.table.name(j),
                value=cell,
            )

    def _compiled(self, block: bytes) -> Array | None:
        """Read a block as plain numbers, gaps as NaN; None if anything else stands in it."""
        import pandas as pd

        kinds = {j: column.kind for j, column in enumerate(self.table.columns)}
        style, delimiter = self.found.style, self.found.delimiter
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                frame = pd.read_csv(
                    io.BytesIO(block),
                    sep=r"\s+" if delimiter == WHITESPACE else delimiter,
                    header=None,
                    names=list(kinds),
                    index_col=False,
                    dtype={j: np.float64 if k in ("number", "empty") else str for j, k in kinds.items()},
                    decimal=style.decimal,
                    thousands=style.thousands or None,
                    skip_blank_lines=False,
                    skipinitialspace=True,
                    keep_default_na=False,
                    na_values=_GAPS,
                    encoding="latin-1",
                    engine="c",
                )
        except (ValueError, Warning, pd.errors.ParserError):
            return None
        for j, kind in kinds.items():
            if kind == "text":
                frame[j] = np.nan
            elif kind in ("clock", "moment"):
                times = parse_column([str(cell).strip() for cell in frame[j]], style)
                if times.kind not in ("clock", "moment") or times.texts:
                    return None
                frame[j] = times.values
        numbers = frame.to_numpy(dtype=np.float64)
        return None if np.isinf(numbers).any() else numbers
