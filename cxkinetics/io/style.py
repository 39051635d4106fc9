"""Which mark is the decimal one: decided for the whole table, refused where it cannot be known."""

import re
from collections.abc import Iterable

from cxkinetics.errors import InputError
from cxkinetics.io.cells import NumberStyle
from cxkinetics.io.split import is_datum
from cxkinetics.remarks import Remark

__all__ = ["find_style"]

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
    points: list[tuple[int, str]] = []
    commas: list[tuple[int, str]] = []
    both: list[tuple[int, str]] = []
    for line, cell in cells:
        for token in _numbers_in(cell):
            if "," in token:
                (both if "." in token else commas).append((line, token))
            elif "." in token and (token.count(".") == 1 or _GROUPED["."].fullmatch(token)):
                points.append((line, token))  # else a date like 10.4.2020
    if decimal is not None:
        return NumberStyle(decimal, "." if decimal == "," else ","), ()
    if both:
        return _from_both(both, points, commas, file)
    if not commas:
        return NumberStyle(), ()
    commas_group = all(_GROUPED[","].fullmatch(cell) for _, cell in commas)
    if not points:
        several = any(cell.count(",") > 1 for _, cell in commas)
        if several and not commas_group:
            raise _mixed(file, commas[0], next(item for item in commas if item[1].count(",") > 1))
        if commas_group and (several or delimiter == ","):
            return NumberStyle(".", ","), (_thousands(commas, ","),)
        return NumberStyle(",", ""), ()
    points_group = all(_GROUPED["."].fullmatch(cell) for _, cell in points)
    if commas_group and not points_group:
        return NumberStyle(".", ","), (_thousands(commas, ","),)
    if points_group and not commas_group:
        return NumberStyle(",", "."), (_thousands(points, "."),)
    raise _mixed(file, points[0], commas[0])


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
    decimal = last.pop()
    other = "." if decimal == "," else ","
    lone = points if decimal == "," else commas
    wrong = [item for item in lone if not _GROUPED[other].fullmatch(item[1])]
    if wrong:
        raise _mixed(file, both[0], wrong[0])
    return NumberStyle(decimal, other), (_thousands(both, other),)


def _thousands(cells: list[tuple[int, str]], mark: str) -> Remark:
    line, cell = cells[0]
    name = "comma" if mark == "," else "point"
    return Remark(
        "thousands_separator",
        f"a {name} between groups of three digits read as thousands separator ({cell!r} at line {line})",
        len(cells),
        tuple(line for line, _ in cells),
    )


def _mixed(file: str, one: tuple[int, str], other: tuple[int, str]) -> InputError:
    first, second = sorted((one, other))
    return InputError(
        f"the decimal mark is ambiguous: {first[1]!r} here but {second[1]!r} at line {second[0]}",
        file=file,
        line=first[0],
        value=first[1],
        remedy="export with one decimal mark or pass --decimal",
    )
