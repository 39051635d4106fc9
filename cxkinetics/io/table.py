"""A table: names and columns of numbers, read from text of any size."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.cells import MISSING_WORDS, NumberStyle, is_missing, is_number, is_overflow, parse_measured
from cxkinetics.io.file import Content, ReadOptions, decode, note
from cxkinetics.io.grid import WHITESPACE, Block, Rows, find_blocks, find_style, is_datum, rows_of, split_line
from cxkinetics.io.headers import read_header
from cxkinetics.io.words import clock_seconds, parse_moment
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


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of a file, the number style and delimiter they share, and what was assumed."""

    tables: tuple[Table, ...]
    style: NumberStyle
    remarks: tuple[Remark, ...]
    delimiter: str = ","


def tables_of(text: str, *, file: str, decimal: str | None = None, delimiter: str | None = None) -> Tables:
    """Find the tables in a text.

    Parameters
    ----------
    text : str
        The whole file.
    file : str
        Its path, for messages.
    decimal, delimiter : str, optional
        Found out unless given.

    Raises
    ------
    InputError
        If there is no row of numbers, decimal marks are ambiguous, or rows do not fit the header.
    """
    rows = rows_of(text, delimiter)
    return tables_of_rows(rows, text.splitlines(), file=file, decimal=decimal)


def tables_of_rows(rows: Rows, lines: list[str], *, file: str, decimal: str | None = None) -> Tables:
    """Find the tables in a grid of cells (see `tables_of`); `lines` are the file's lines as text."""
    blocks = find_blocks(rows)
    if not blocks:
        raise _no_rows(rows, file)
    main = max(blocks, key=lambda block: (block.stop - block.start) * block.width)
    kept = [block for block in blocks if block is main or _is_table(block, main)]
    remarks: list[Remark] = []
    marked = _cells_of(rows, main) if decimal is not None or _holds_commas(rows, main) else []
    style, said = find_style(marked, file=file, delimiter=rows.delimiter, decimal=decimal)
    remarks += said
    _refuse_comma_trap(rows, main, file, decimal)
    skipped = [i for block in kept for i in block.skipped]
    if skipped:
        remarks.append(
            Remark(
                "text_lines_skipped",
                f"{len(skipped)} lines of text between the data rows skipped "
                f"(first at line {rows.lines[skipped[0]]}: {' '.join(rows.cells[skipped[0]])[:40]!r})",
                len(skipped),
                tuple(rows.lines[i] for i in skipped),
            )
        )
    inside = [item for item in rows.comments if rows.lines[main.start] < item[0] < rows.lines[main.stop - 1]]
    if inside:
        remarks.append(
            Remark(
                "comments_skipped",
                f"{len(inside)} comment lines between the data rows skipped "
                f"(first at line {inside[0][0]}: {inside[0][1][:40]!r})",
                len(inside),
                tuple(line for line, _ in inside),
            )
        )
    tables = tuple(_table(rows, block, style, lines, file) for block in kept)
    return Tables(tables, style, tuple(remarks), rows.delimiter)


def _is_table(block: Block, main: Block) -> bool:
    """Return whether a second block looks like the first: same width, three rows or more."""
    return block.stop - block.start >= 3 and block.width == main.width


def _holds_commas(rows: Rows, block: Block) -> bool:
    return any("," in cell for i in range(block.start, block.stop) for cell in rows.cells[i])


def _cells_of(rows: Rows, block: Block) -> list[tuple[int, str]]:
    skipped = set(block.skipped)
    return [
        (rows.lines[i], cell)
        for i in range(block.start, block.stop)
        if i not in skipped
        for j, cell in enumerate(rows.cells[i])
        if j not in block.text_columns and ("," in cell or "." in cell)
    ]


def _refuse_comma_trap(rows: Rows, block: Block, file: str, decimal: str | None) -> None:
    """Refuse 0,0,895886: a decimal comma in a file that is also separated by commas."""
    if rows.delimiter != ",":
        return
    header = max((j + 1 for j, name in enumerate(block.names) if name), default=0)
    whole = [i for i in range(block.start, block.stop) if i not in set(block.skipped)]
    body = [[cell for cell in rows.cells[i] if cell] for i in whole]
    flat = [cell for cells in body for cell in cells]
    if any("." in cell for cell in flat):
        return
    wider = bool(header) and min(len(cells) for cells in body) > header
    zeros = sum(len(cell) > 1 and cell[0] == "0" and cell.isdigit() for cell in flat)
    if block.width >= 3 and (wider or (not header and zeros > 0.1 * len(body))):
        line = rows.lines[block.start]
        raise InputError(
            f"the decimal comma cannot be told from the comma between columns: {','.join(body[0])!r}",
            file=file,
            line=line,
            value=",".join(body[0]),
            remedy="export with a decimal point, or with semicolons or tabs between the columns",
        )


def _table(rows: Rows, block: Block, style: NumberStyle, lines: list[str], file: str) -> Table:
    skipped = set(block.skipped)
    used = [i for i in range(block.start, block.stop) if i not in skipped]
    body = [rows.cells[i] for i in used]
    names, groups, header_line = block.names, block.groups, block.header_line
    width = block.width
    while width > 2 and not any(len(cells) >= width and cells[width - 1] for cells in body):
        if len(names) >= width and names[width - 1]:
            break
        width -= 1  # a separator at the end of every line makes no column
    if names and rows.delimiter == WHITESPACE and len(names) != width:
        names = []
    if not names:
        names, header_line = _names_in_comment(rows, used[0], width)
    named = max((j + 1 for j, name in enumerate(names) if name), default=0)
    if named and width > named:
        names = _with_row_names(names, named, width, body) or names
    if named and width > named and not names[-1]:
        extra = next(i for i in used if len(rows.cells[i]) > named and any(rows.cells[i][named:]))
        raise InputError(
            f"this row holds {len(rows.cells[extra])} cells, the header {named}",
            file=file,
            line=rows.lines[extra],
            value=" ".join(rows.cells[extra])[:60],
            remedy="check the row (an extra separator, or a comma inside a number?)",
        )
    columns: list[Column] = []
    for j in range(width):
        columns.append(parse_column([cells[j] if j < len(cells) else "" for cells in body], style))
    first_line = rows.lines[block.preamble_stop] if block.preamble_stop < len(rows.lines) else 1
    last_line = rows.lines[block.stop - 1]
    preamble = tuple((k + 1, lines[k]) for k in range(min(first_line - 1, len(lines))) if lines[k].strip())
    footer = tuple((k + 1, lines[k]) for k in range(last_line, len(lines)) if lines[k].strip())
    return Table(
        names[:width],
        groups[:width],
        columns,
        [rows.lines[i] for i in used],
        header_line,
        preamble[:500],
        footer[:5000],
    )


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
