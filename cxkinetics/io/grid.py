"""Text to a grid: delimiter, decimal mark, and where the blocks of numbers with their headers stand."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cxkinetics.errors import InputError
from cxkinetics.io.cells import LONGEST_CELL, NumberStyle, is_missing, is_number, is_overflow
from cxkinetics.io.file import plain_lines
from cxkinetics.io.headers import is_unit, read_header
from cxkinetics.io.words import TIME_MARKS, clock_seconds, parse_moment
from cxkinetics.remarks import Remark

WHITESPACE = "whitespace"
DELIMITERS = ("\t", ";", ",", "|", WHITESPACE)
_STARTS_WITH_NUMBER = re.compile(r"\s*[-+.,]?\d")
_COMMENT = re.compile(r"\s*(#|//|%(?!\s*T\b)|!|\$\$)")
_QUOTED = re.compile(r'"[^"]*"|[^\s"]+')
_SAMPLE_LINES, _SAMPLE_CELLS = 1500, 12


@dataclass(frozen=True, slots=True)
class Rows:
    """A grid of text cells.

    Attributes
    ----------
    cells : list of list of str
        Trimmed cells of each row that is neither blank nor a comment.
    lines : list of int
        Line number of each row in the file, from 1.
    delimiter : str
        One of `DELIMITERS`.
    comments : tuple of (int, str)
        Comment lines that were set aside.
    """

    cells: list[list[str]]
    lines: list[int]
    delimiter: str
    comments: tuple[tuple[int, str], ...] = field(default=())


def rows_of(text: str, delimiter: str | None = None) -> Rows:
    """Split `text` into rows; the delimiter is found unless it is given."""
    # a form feed ends no line, or lines are counted otherwise than in the bytes of a large file
    lines = plain_lines(text).split("\n")
    if lines and re.fullmatch(r'"?sep=(.)"?', lines[0].strip()):  # a hint that spreadsheets write
        delimiter = delimiter or lines[0].strip().strip('"')[4]
        lines[0] = ""
    chosen = delimiter or _find_delimiter(lines)
    cells: list[list[str]] = []
    numbers: list[int] = []
    comments: list[tuple[int, str]] = []
    i = 0
    while i < len(lines):
        line, number = lines[i], i + 1
        i += 1
        if not line.strip():
            continue
        if _COMMENT.match(line) and not _is_header_comment(line, chosen):
            comments.append((number, line.strip()))
            continue
        if '"' in line and chosen != WHITESPACE:
            joined = 0
            while line.count('"') % 2 and joined < 5 and i < len(lines):  # a quoted cell over several lines
                line += "\n" + lines[i]
                i, joined = i + 1, joined + 1
            if line.count('"') % 2:
                i -= joined
                line = lines[number - 1].replace('"', "")
        cells.append(split_line(line, chosen))
        numbers.append(number)
    return Rows(cells, numbers, chosen, tuple(comments))


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the trimmed cells of one line.

    Examples
    --------
    >>> split_line('"1,000", 0.85', ",")
    ['1,000', '0.85']
    """
    if delimiter == WHITESPACE and '"' in line:
        return [cell.strip('"').strip() for cell in _QUOTED.findall(line)]
    if delimiter == WHITESPACE:
        return line.split() if _STARTS_WITH_NUMBER.match(line) else _spaced_names(line)
    if '"' in line:
        try:
            found = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            found = line.replace('"', "").split(delimiter)
        return [cell.strip() for cell in found]
    return [cell.strip() for cell in line.split(delimiter)]


def _spaced_names(line: str) -> list[str]:
    """Return the names of a header between blanks; "time (s)" is one name."""
    wide = re.split(r"\s{2,}|\t", line.strip())
    if len(wide) > 1:
        return wide
    names: list[str] = []
    for word in line.split():
        if names and word[0] in "([/":
            names[-1] += " " + word
        else:
            names.append(word)
    return names


def is_datum(cell: str) -> bool:
    """Return whether a cell may stand in a column of data: number, gap, overflow or time."""
    if is_number(cell) or is_missing(cell) or is_overflow(cell):
        return True
    return is_time(cell)


def _is_header_comment(line: str, delimiter: str) -> bool:
    """Return whether a line that begins with # holds cells: a header or data, not a remark."""
    body = line.strip()
    if body.startswith("%") and len(split_line(body, delimiter)) > 1:
        return True
    return body[0] == "#" and len(body) > 1 and body[1] in (delimiter if delimiter != WHITESPACE else "\t",)


def _find_delimiter(lines: list[str]) -> str:
    sample = [line for line in lines[:_SAMPLE_LINES] if line.strip() and not _COMMENT.match(line)]
    return max(DELIMITERS, key=lambda delimiter: _score(sample, delimiter))


def _score(sample: list[str], delimiter: str) -> int:
    """Return how many rows of numbers a delimiter makes, partly numeric rows counting half."""
    numeric = 0
    for line in sample:
        cut = delimiter == WHITESPACE or delimiter in line
        cells = split_line(line[:20000], delimiter) if cut else []
        head = cells[:_SAMPLE_CELLS] + cells[_SAMPLE_CELLS:][-_SAMPLE_CELLS:]
        if len(head) > 1 and any(map(is_number, head)):
            share = sum(is_datum(cell) for cell in head) / len(head)
            numeric += 2 if share == 1.0 else 1 if share >= 0.5 else 0
    return numeric


_GROUPED = {mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+") for mark in ",."}
_TOKEN = re.compile(r"[+-]?\d[\d.,]*\d|[.,]\d+")
_MARKED = re.compile(r"[+-]?\d*(?:[.,]\d+)+(?:[eE][+-]?\d+)?%?|[+-]?\d+[.,](?:[eE][+-]?\d+)?")


def find_style(
    cells: Iterable[tuple[int, str]], *, file: str, delimiter: str, decimal: str | None
) -> tuple[NumberStyle, tuple[Remark, ...]]:
    """Return the number style of a table.

    Parameters
    ----------
    cells : iterable of (int, str)
        Line number and text of every cell of the data block.
    file : str
        For messages.
    delimiter : str
        Delimiter of the table: a decimal comma cannot stand unquoted beside a comma delimiter.
    decimal : str, optional
        What the caller said.

    Raises
    ------
    InputError
        If points and commas are mixed so that neither can be a thousands separator.
    """
    if decimal is not None:
        return NumberStyle(decimal, "." if decimal == "," else ","), ()
    found = [(line, token) for line, cell in cells for token in _numbers_in(cell)]
    both = [item for item in found if "," in item[1] and "." in item[1]]
    commas = [item for item in found if "," in item[1] and "." not in item[1]]
    points = [item for item in found if "," not in item[1] and not _is_date(item[1])]
    if both:
        return _from_both(both, points, commas, file)
    if not commas:
        return NumberStyle(), ()
    commas_group = _all_grouped(commas, ",")
    if not points:
        several = [item for item in commas if item[1].count(",") > 1]
        if several and not commas_group:
            raise _mixed(file, commas[0], several[0])
        if commas_group and (several or delimiter == ","):
            return _with_thousands(commas, ",")
        return NumberStyle(",", ""), ()
    if commas_group == _all_grouped(points, "."):
        raise _mixed(file, points[0], commas[0])
    return _with_thousands(commas, ",") if commas_group else _with_thousands(points, ".")


def _is_date(token: str) -> bool:
    """Return whether a token with points is a date like 10.4.2020."""
    return token.count(".") > 1 and not _GROUPED["."].fullmatch(token)


def _all_grouped(items: list[tuple[int, str]], mark: str) -> bool:
    return all(_GROUPED[mark].fullmatch(token) for _, token in items)


def _numbers_in(cell: str) -> list[str]:
    """Return the numbers with a mark in a cell: itself, or those beside ± and before a unit."""
    text = cell.strip()
    if _MARKED.fullmatch(text):
        return [text]
    if ":" in text or not is_datum(text):
        return []
    return [token for token in _TOKEN.findall(text) if "," in token or "." in token]


def _from_both(
    both: list[tuple[int, str]], points: list[tuple[int, str]], commas: list[tuple[int, str]], file: str
) -> tuple[NumberStyle, tuple[Remark, ...]]:
    last = {"," if cell.rfind(",") > cell.rfind(".") else "." for _, cell in both}
    if len(last) > 1:
        raise _mixed(file, both[0], both[-1])
    other, lone = (".", points) if last == {","} else (",", commas)
    for item in lone:
        if not _all_grouped([item], other):
            raise _mixed(file, both[0], item)
    return _with_thousands(both, other)


def _with_thousands(cells: list[tuple[int, str]], mark: str) -> tuple[NumberStyle, tuple[Remark, ...]]:
    """Return the style in which `mark` divides thousands, and a remark that names the first."""
    line, cell = cells[0]
    name, decimal = ("comma", ".") if mark == "," else ("point", ",")
    text = f"a {name} between groups of three digits read as thousands separator ({cell!r} at line {line})"
    said = Remark("thousands_separator", text, len(cells), tuple(line for line, _ in cells))
    return NumberStyle(decimal, mark), (said,)


def _mixed(file: str, one: tuple[int, str], other: tuple[int, str]) -> InputError:
    first, second = sorted((one, other))
    return InputError(
        f"the decimal mark is ambiguous: {first[1]!r} here but {second[1]!r} at line {second[0]}",
        file=file,
        line=first[0],
        value=first[1],
        remedy="export with one decimal mark or pass --decimal",
    )


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
    text_columns: frozenset[int] = frozenset()

    @property
    def used(self) -> list[int]:
        """Rows of the grid that are data."""
        skipped = set(self.skipped)
        return [i for i in range(self.start, self.stop) if i not in skipped]


def find_blocks(rows: Rows) -> list[Block]:
    """Return the tables of a grid, in the order of the file; rows of one data row count too."""
    labels = _label_columns(rows)
    blocks: list[Block] = []
    previous_stop = 0
    classes = [_class_of(cells, labels) for cells in rows.cells]
    if DATA not in classes:  # a single row of data, with words in it, below its names
        for i, (above, cells) in enumerate(itertools.pairwise(rows.cells), 1):
            if classes[i] == MIXED and len(above) == len(cells) < 2 * sum(map(is_number, cells)):
                classes[i] = DATA
    for start, stop, skipped in _runs(rows, classes):
        begin = start + _is_axis_row(rows, start, stop)
        width = max((len(rows.cells[i]) for i in range(begin, stop)), default=0)
        if begin < stop:
            header = _header_of(rows, begin, width, previous_stop)
            blocks.append(Block(begin, stop, width, skipped, *header, text_columns=labels))
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
        kind = (
            "n" if is_number(cell) or is_time(cell) else "m" if is_missing(cell) or is_overflow(cell) else "t"
        )
        numbers += kind == "n"
        texts += kind == "t"
        first = first or kind
        if texts and numbers and first == "t":
            return TEXT
    if len(cells) - len(labels) < 2 or not numbers:
        return TEXT
    return DATA if not texts else MIXED if first == "n" else TEXT


def _all_plain(cells: list[str]) -> bool:
    """Return whether every cell is a plain number, the quick way."""
    try:
        for cell in cells:
            float(cell)
    except ValueError:
        return False
    return True


def is_time(cell: str) -> bool:
    """Return whether a cell is a clock time or a date."""
    marked = len(cell) <= LONGEST_CELL and any(mark in cell for mark in TIME_MARKS)
    return marked and (clock_seconds(cell) is not None or parse_moment(cell) is not None)


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
        # notes may stand in a first column that is mostly blank, in two rows that follow and in the last
        notes, noted = not rows.cells[i][0], ""
        j = i + 1
        while j < n:
            cells = rows.cells[j]
            fits = len(cells) == width
            goes_on = j + 1 < n and classes[j + 1] == DATA
            if classes[j] == DATA or (classes[j] == MIXED and fits):
                stop = j + 1
            elif (goes_on or (notes and DATA in (*classes[j + 1 : j + 3], noted))) and _is_damaged(
                cells, fits
            ):
                stop, noted = j + 1, DATA if notes else ""
            elif (len(cells) == 1 and goes_on and len(rows.cells[j + 1]) == width) or (
                fits and all(map(is_missing, cells))
            ):
                skipped.append(j)
            else:
                break
            j += 1
        begin = i
        while (
            begin > 0
            and len(rows.cells[begin - 1]) == width
            and (
                classes[begin - 1] == MIXED or (begin > 1 and _begins_with_note(rows.cells[begin - 2 : stop]))
            )
        ):
            begin -= 1  # a first data row that holds a text cell
        runs.append((begin, stop, tuple(k for k in skipped if k < stop)))
        i = max(stop, i + 1)
    return runs


def _begins_with_note(cells: list[list[str]]) -> bool:
    """Return whether the second row is data behind a note: names stand above it, and notes or gaps below."""
    head, row, *below = cells
    named = len(head) == len(row) and not any(map(is_datum, filter(None, head)))
    return named and _is_broken_row(row) and not any(is_number(found[0]) for found in below[:20] if found)


def _is_damaged(cells: list[str], fits: bool) -> bool:
    return (fits and _is_broken_row(cells)) or (len(cells) == 1 and is_number(cells[0]))


def _is_broken_row(cells: list[str]) -> bool:
    """Return whether a row between data rows holds text in its first cell alone, and is no header."""
    if len(cells) > 1 and read_header(cells[0]).kind:
        return False
    return len(cells) > 1 and all(is_datum(cell) for cell in cells[1:]) and any(map(is_number, cells[1:]))


def _is_axis_row(rows: Rows, start: int, stop: int) -> bool:
    """Return whether the first row is a header of numbers.

    Its first cell is blank and those below are not, or it is monotone and far above the readings.
    """
    first, below = rows.cells[start], rows.cells[start + 1 : min(stop, start + 6)]
    if below and not first[0] and all(cells and cells[0] for cells in below) and any(first[1:]):
        return True
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


def _header_of(rows: Rows, begin: int, width: int, floor: int) -> tuple[list[str], list[str], int | None]:
    """Return names, group names and the line of the names."""
    above = [i for i in range(max(floor, begin - 4), begin)]
    while above and rows.lines[begin] - rows.lines[above[0]] > 12:
        above.pop(0)
    if not above or not _may_be_header(rows.cells[above[-1]], width):
        return [], [], None
    top = above.pop()
    names = _padded(rows.cells[top], width)
    if above and _is_unit_row(names) and _may_be_header(rows.cells[above[-1]], width):
        units, top = names, above.pop()
        names = [_with_unit(n, u) for n, u in zip(_padded(rows.cells[top], width), units, strict=True)]
    if above and _is_second_row_of_names(names, rows.cells[above[-1]]):
        top = above.pop()
        names = [f"{a} {b}".strip() for a, b in zip(_padded(rows.cells[top], width), names, strict=True)]
    groups: list[str] = []
    if above and 2 <= len(rows.cells[above[-1]]) <= width + 1 and _is_group_row(rows.cells[above[-1]], width):
        groups = _padded(rows.cells[above[-1]], width)
    return names, groups, rows.lines[top]


def _may_be_header(cells: list[str], width: int) -> bool:
    filled = [cell for cell in cells if cell]
    if len(cells) > width + 1 and any(cells[width + 1 :]):
        return False
    if width >= 2 and len(cells) < 2:
        return False
    return len(filled) >= max(1, min(2, width)) or (len(cells) >= width and bool(filled))


def _is_second_row_of_names(cells: list[str], above: list[str]) -> bool:
    """Return whether numbers (concentrations, wavelengths) stand below full names that begin with a time."""
    numbers = not cells[0] and all(is_number(cell) for cell in cells if cell)
    return numbers and len(above) >= len(cells) and all(above) and read_header(above[0]).kind == "time"


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
    bare = unit.strip()
    enclosed = len(bare) > 1 and (bare[0], bare[-1]) in {("(", ")"), ("[", "]"), ("(", "]"), ("[", ")")}
    return bare[1:-1].strip() if enclosed else bare


def _with_unit(name: str, unit: str) -> str:
    bare = _bare(unit)
    return f"{name} ({bare})" if bare and bare != "-" and name else name or bare


def _padded(cells: list[str], width: int) -> list[str]:
    return (cells + [""] * width)[:width] if len(cells) != width else list(cells)
