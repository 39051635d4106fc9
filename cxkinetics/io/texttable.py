"""Text to tables: the generic reader's first half, for files of moderate size.

`tables_of` returns every block of numbers with its names; what the numbers mean is decided
afterwards (`cxkinetics.io.layout`).
"""

from dataclasses import dataclass

from cxkinetics.errors import InputError
from cxkinetics.io.blocks import Block, find_blocks
from cxkinetics.io.cells import NumberStyle, is_number
from cxkinetics.io.headers import read_header
from cxkinetics.io.split import WHITESPACE, Rows, rows_of, split_line
from cxkinetics.io.style import find_style
from cxkinetics.io.table import Column, Table, parse_column
from cxkinetics.remarks import Remark

__all__ = ["Tables", "tables_of", "tables_of_rows"]


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
