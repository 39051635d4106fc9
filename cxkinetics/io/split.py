"""Text to rows of cells: comments set aside, delimiter found, quotes respected.

The delimiter is the one that makes the most rows of numbers; nothing is guessed from the file name.
"""

import csv
import re
from dataclasses import dataclass, field

from cxkinetics.io.cells import is_missing, is_number, is_overflow
from cxkinetics.io.moments import clock_seconds, parse_moment

__all__ = ["Rows", "is_datum", "rows_of", "split_line"]

WHITESPACE = "whitespace"
DELIMITERS = ("\t", ";", ",", "|", WHITESPACE)
_STARTS_WITH_NUMBER = re.compile(r"\s*[-+.,]?\d")
_COMMENT = re.compile(r"\s*(#|//|%(?!\s*T\b)|!|\$\$)")
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
    lines = text.splitlines()
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
    return (
        is_number(cell)
        or is_missing(cell)
        or is_overflow(cell)
        or (
            (":" in cell or "-" in cell or "/" in cell or "." in cell)
            and (clock_seconds(cell) is not None or parse_moment(cell) is not None)
        )
    )


def _is_header_comment(line: str, delimiter: str) -> bool:
    """Return whether a line that begins with # holds cells: a header or data, not a remark."""
    body = line.strip()
    if body.startswith("%") and len(split_line(body, delimiter)) > 1:
        return True
    return body[0] == "#" and len(body) > 1 and body[1] in (delimiter if delimiter != WHITESPACE else "\t",)


def _find_delimiter(lines: list[str]) -> str:
    sample = [line for line in lines[:_SAMPLE_LINES] if line.strip() and not _COMMENT.match(line)]
    scores = {delimiter: _score(sample, delimiter) for delimiter in DELIMITERS}
    return max(scores, key=lambda delimiter: scores[delimiter])


def _score(sample: list[str], delimiter: str) -> int:
    """Return how many rows of numbers a delimiter makes, partly numeric rows counting half."""
    numeric = 0
    for line in sample:
        if delimiter != WHITESPACE and delimiter not in line:
            continue
        cells = split_line(line[:20000], delimiter)
        if len(cells) < 2:
            continue
        head = cells[:_SAMPLE_CELLS]
        if any(is_number(cell) for cell in head):
            share = sum(is_datum(cell) for cell in head) / len(head)
            numeric += 2 if share == 1.0 else 1 if share >= 0.5 else 0
    return numeric
