"""Where the numbers stand in a grid: blocks of data rows, and the header above each.

Instruments write a preamble, then rows of numbers, then more text. A block is the run of rows whose
cells are data; a row whose first cell is a number and whose width fits belongs to it even where a
cell holds text (that is then an error of the file, not the end of the table).
"""

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from cxkinetics.io.cells import is_missing, is_number
from cxkinetics.io.headers import is_unit, read_header
from cxkinetics.io.moments import clock_seconds, parse_moment
from cxkinetics.io.split import Rows, is_datum

__all__ = ["Block", "find_blocks"]

DATA, MIXED, TEXT = "data", "mixed", "text"


@dataclass(frozen=True, slots=True)
class Block:
    """One table inside a file.

    Attributes
    ----------
    start, stop : int
        Range of rows in the grid.
    skipped : tuple of int
        Rows inside that range that hold text and are no data.
    names : list of str
        Header cells, with their unit row worked in; empty where there is no header.
    groups : list of str
        Cells of the row above the names (sample names), or empty.
    header_line : int or None
        Line of the names.
    preamble_stop : int
        The first row that is no preamble.
    text_columns : frozenset of int
        Columns that hold labels rather than numbers.
    """

    start: int
    stop: int
    width: int
    skipped: tuple[int, ...] = ()
    names: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    header_line: int | None = None
    preamble_stop: int = 0
    text_columns: frozenset[int] = frozenset()


def find_blocks(rows: Rows) -> list[Block]:
    """Return the tables of a grid, in the order of the file; rows of one data row count too."""
    labels = _label_columns(rows)
    classes = [_class_of(cells, labels) for cells in rows.cells]
    runs = _runs(rows, classes)
    blocks: list[Block] = []
    previous_stop = 0
    for start, stop, skipped in runs:
        begin = start
        if _is_axis_row(rows, start, stop):
            begin = start + 1
        width = max(len(rows.cells[i]) for i in range(begin, stop)) if begin < stop else 0
        names, groups, header_line, preamble_stop = _header_of(rows, begin, width, previous_stop)
        if begin < stop:
            blocks.append(
                Block(begin, stop, width, skipped, names, groups, header_line, preamble_stop, labels)
            )
        previous_stop = stop
    return blocks


def _class_of(cells: list[str], labels: frozenset[int]) -> str:
    if len(cells) > 1 and not labels and _all_plain(cells):
        return DATA
    numbers = texts = 0
    first = ""
    for j, cell in enumerate(cells):
        if j in labels or not cell:
            continue
        kind = ("n" if is_number(cell) or _is_time(cell) else "m") if is_datum(cell) else "t"
        numbers += kind == "n"
        texts += kind == "t"
        first = first or kind
        if texts and numbers and first == "t":
            return TEXT
    if len(cells) - len(labels) < 2:
        return TEXT
    if numbers and not texts:
        return DATA
    if numbers and first == "n":
        return MIXED
    return TEXT


def _all_plain(cells: list[str]) -> bool:
    """Return whether every cell is a plain number, the quick way."""
    try:
        for cell in cells:
            float(cell)
    except ValueError:
        return False
    return True


def _is_time(cell: str) -> bool:
    return clock_seconds(cell) is not None or parse_moment(cell) is not None


def _runs(rows: Rows, classes: list[str]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Join data rows into runs; a lone text line between rows of one width does not end a run."""
    runs: list[tuple[int, int, tuple[int, ...]]] = []
    n = len(classes)
    i = 0
    while i < n:
        if classes[i] != DATA:
            i += 1
            continue
        width, stop, skipped = len(rows.cells[i]), i + 1, []
        j = i + 1
        while j < n:
            cells = rows.cells[j]
            fits = len(cells) == width
            goes_on = j + 1 < n and classes[j + 1] == DATA
            damaged = (fits and _is_broken_row(cells)) or (len(cells) == 1 and is_number(cells[0]))
            if classes[j] == DATA or (classes[j] == MIXED and fits) or (goes_on and damaged):
                stop = j + 1
            elif (len(cells) == 1 and goes_on and len(rows.cells[j + 1]) == width) or (
                fits and _all_blank_or_missing(cells)
            ):
                skipped.append(j)
            else:
                break
            j += 1
        begin = i
        while begin > 0 and classes[begin - 1] == MIXED and len(rows.cells[begin - 1]) == width:
            begin -= 1  # a first data row that holds a text cell
        runs.append((begin, stop, tuple(k for k in skipped if k < stop)))
        i = max(stop, i + 1)
    return runs


def _is_broken_row(cells: list[str]) -> bool:
    """Return whether a row between data rows holds text in its first cell alone, and is no header."""
    if len(cells) > 1 and read_header(cells[0]).kind:
        return False
    return len(cells) > 1 and all(is_datum(cell) for cell in cells[1:]) and any(map(is_number, cells[1:]))


def _all_blank_or_missing(cells: list[str]) -> bool:
    return all(is_missing(cell) for cell in cells)


def _is_axis_row(rows: Rows, start: int, stop: int) -> bool:
    """Return whether the first row is a header of numbers: its first cell is blank, those below are not."""
    if stop - start < 2:
        return False
    first = rows.cells[start]
    below = [rows.cells[i] for i in range(start + 1, min(stop, start + 6))]
    if not first[0] and all(cells and cells[0] for cells in below) and any(first[1:]):
        return True
    return _looks_like_axis(first, below)


def _looks_like_axis(first: list[str], below: list[list[str]]) -> bool:
    """Return whether it is a header of numbers, corner included: monotone, far above the readings."""
    if len(first) < 6 or len(below) < 2:
        return False
    try:
        axis = [float(cell) for cell in first[1:]]
        values = [abs(float(cell)) for cells in below for cell in cells[1:]]
    except ValueError:
        return False
    steps = [b - a for a, b in itertools.pairwise(axis)]
    even = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    return even and bool(values) and min(axis) >= 150 and max(values) < 0.2 * min(axis)


def _label_columns(rows: Rows) -> frozenset[int]:
    """Columns of names beside numbers ("sample", "well"), where most rows begin with one."""
    widths = Counter(len(cells) for cells in rows.cells if len(cells) > 1)
    if not widths:
        return frozenset()
    plain = sum(_class_of(cells, frozenset()) == DATA for cells in rows.cells[:400])
    mixed = [
        cells
        for cells in rows.cells[:400]
        if len(cells) > 2 and sum(map(is_number, cells)) >= 2 and _class_of(cells, frozenset()) != DATA
    ]
    if len(mixed) < 3 or len(mixed) <= plain:
        return frozenset()
    width = Counter(len(cells) for cells in mixed).most_common(1)[0][0]
    fitting = [cells for cells in mixed if len(cells) == width]
    return frozenset(
        j
        for j in range(width)
        if sum(bool(cells[j]) and not is_datum(cells[j]) for cells in fitting) > 0.6 * len(fitting)
    )


def _header_of(
    rows: Rows, begin: int, width: int, floor: int
) -> tuple[list[str], list[str], int | None, int]:
    """Return names, group names, line of the names, and where the preamble ends."""
    above = [i for i in range(max(floor, begin - 4), begin)]
    while above and rows.lines[begin] - rows.lines[above[0]] > 12:
        above.pop(0)
    if not above or not _may_be_header(rows.cells[above[-1]], width):
        return [], [], None, begin
    top = above.pop()
    names = _padded(rows.cells[top], width)
    if above and _is_unit_row(names) and _may_be_header(rows.cells[above[-1]], width):
        units, top = names, above.pop()
        names = [_with_unit(n, u) for n, u in zip(_padded(rows.cells[top], width), units, strict=True)]
    groups: list[str] = []
    preamble_stop = top
    if above and 2 <= len(rows.cells[above[-1]]) <= width + 1 and _is_group_row(rows.cells[above[-1]], width):
        groups = _padded(rows.cells[above[-1]], width)
        preamble_stop = above[-1]
    return names, groups, rows.lines[top], preamble_stop


def _may_be_header(cells: list[str], width: int) -> bool:
    filled = [cell for cell in cells if cell]
    if len(cells) > width + 1 and any(cells[width + 1 :]):
        return False
    if width >= 2 and len(cells) < 2:
        return False
    return len(filled) >= max(1, min(2, width)) or (len(cells) >= width and bool(filled))


def _is_group_row(cells: list[str], width: int) -> bool:
    """Sample names over column pairs ("a,,b,,") or over every column; "key,value" is no such row."""
    filled = [j for j, cell in enumerate(cells) if cell]
    if not filled:
        return False
    if width > 2 and filled == [0, 1] and cells[0] != cells[1]:
        return False
    if width > 2 and len(filled) >= width - 1:
        return not all(is_number(cells[j]) for j in filled)
    return len(cells) >= width and all(j % 2 == filled[0] % 2 for j in filled)


def _is_unit_row(cells: list[str]) -> bool:
    filled = [_bare(cell) for cell in cells if cell.strip("()[] -")]
    return bool(filled) and all(is_unit(cell) or re.fullmatch(r"%|%T|-|M|mM|µM|K", cell) for cell in filled)


def _bare(unit: str) -> str:
    """Return a unit without the brackets around it; those inside stay ("cm^(-1)")."""
    inside = re.fullmatch(r"\s*[(\[]\s*(.*?)\s*[)\]]\s*", unit)
    return inside.group(1) if inside else unit.strip()


def _with_unit(name: str, unit: str) -> str:
    bare = _bare(unit)
    return f"{name} ({bare})" if bare and bare != "-" and name else name or bare


def _padded(cells: list[str], width: int) -> list[str]:
    return (cells + [""] * width)[:width] if len(cells) != width else list(cells)
