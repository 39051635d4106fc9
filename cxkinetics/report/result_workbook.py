"""Any result as an Excel workbook, from its JSON form and its table.

"summary" holds the single entries, "quantities" every number with its interval and unit, "table" what
`table()` returns; lists of records get a sheet each, lists of plain values a column of "lists".
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxkinetics.atomic import write_bytes
from cxkinetics.document.sheets import workbook_bytes
from cxkinetics.document.table import Table

__all__ = ["ESTIMATE_HEAD", "estimate_row", "result_sheets", "save_sheets"]

Cell = str | float | int | None
Rows = list[Sequence[Cell]]
ESTIMATE_HEAD = ("quantity", "value", "se", "low", "high", "unit", "method", "reason")

_NUMBER_KEYS = frozenset(ESTIMATE_HEAD[1:-1])
_LONGEST_NAME = 31
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))


def save_sheets(sheets: Mapping[str, Rows], path: str | os.PathLike[str]) -> Path:
    """Write sheets to a workbook, whole or not at all, and return its path."""
    return write_bytes(
        path,
        workbook_bytes(
            Table.of_rows(name, list(map(str, rows[0])), rows[1:]) for name, rows in sheets.items()
        ),
    )


def result_sheets(result: Any) -> dict[str, Rows]:
    """Return the sheets of a result that has `to_dict` and perhaps `table`: name -> head and rows.

    Parameters
    ----------
    result : object
        Any result of this package.
    """
    summary: Rows = [["entry", "value"]]
    quantities: Rows = [list(ESTIMATE_HEAD)]
    records: dict[str, list[Mapping[str, Any]]] = {}
    lists: dict[str, Sequence[Any]] = {}
    _collect("", result.to_dict(), summary, quantities, records, lists)
    sheets: dict[str, Rows] = {"summary": summary}
    if len(quantities) > 1:
        sheets["quantities"] = quantities
    if hasattr(result, "table"):
        sheets["table"] = _frame_rows(result.table())
    for name, items in records.items():
        sheets[_sheet_name(name, sheets)] = _record_rows(items)
    if lists:
        sheets[_sheet_name("lists", sheets)] = _column_rows(lists)
    return sheets


def estimate_row(name: str, estimate: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a number in its JSON form, in the order of `ESTIMATE_HEAD`."""
    return [name, *(plain_cell(estimate.get(key)) for key in ESTIMATE_HEAD[1:])]


def plain_cell(value: Any) -> Cell:
    """Return a value as a cell: numbers stay numbers, what is not finite is empty."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, str | int | float) else str(value)


def _collect(
    path: str,
    value: Any,
    summary: Rows,
    quantities: Rows,
    records: dict[str, list[Mapping[str, Any]]],
    lists: dict[str, Sequence[Any]],
) -> None:
    """Sort one entry of the JSON form, and what it holds, into the sheets."""
    if isinstance(value, Mapping):
        if value.keys() >= _NUMBER_KEYS:
            quantities.append(estimate_row(path, value))
            return
        for key, inner in value.items():
            _collect(f"{path} {key}".strip(), inner, summary, quantities, records, lists)
    elif _is_records(value):
        if all(item.keys() >= _NUMBER_KEYS for item in value):
            quantities.extend(estimate_row(f"{path} {i}", item) for i, item in enumerate(value, 1))
        else:
            records[path] = []
            for number, item in enumerate(value, 1):
                records[path].append({key: inner for key, inner in item.items() if not _is_records(inner)})
                owner = {path: item.get("label") or number}
                for key, inner in item.items():
                    if _is_records(inner):
                        records.setdefault(f"{path} {key}", []).extend({**owner, **entry} for entry in inner)
    elif isinstance(value, list | tuple):
        if len(value) > 2 and not any(isinstance(item, list | tuple) for item in value):
            lists[path] = value
        elif value and all(isinstance(item, list | tuple) for item in value):
            lists.update({f"{path} {i}": item for i, item in enumerate(value, 1)})
        else:
            summary.append([path, _joined(value)])
    else:
        summary.append([path, plain_cell(value)])


def _is_records(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(i, Mapping) for i in value)


def _record_rows(items: Sequence[Mapping[str, Any]]) -> Rows:
    flat = [_flat(item) for item in items]
    head = list(dict.fromkeys(key for item in flat for key in item))
    return [head, *([item.get(key) for key in head] for item in flat)]


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for key, value in record.items():
        name = f"{before} {key}".strip()
        if isinstance(value, Mapping):
            cells |= _flat(value, name)
        elif _is_records(value):
            cells |= _flat({str(i): item for i, item in enumerate(value, 1)}, name)
        elif isinstance(value, list | tuple):
            cells[name] = _joined(value)
        else:
            cells[name] = plain_cell(value)
    return cells


def _joined(values: Sequence[Any]) -> str:
    return ", ".join("-" if value is None else str(plain_cell(value)) for value in values)


def _column_rows(lists: Mapping[str, Sequence[Any]]) -> Rows:
    longest = max(len(values) for values in lists.values())
    rows: Rows = [list(lists)]
    for i in range(longest):
        rows.append([plain_cell(values[i]) if i < len(values) else None for values in lists.values()])
    return rows


def _frame_rows(frame: Any) -> Rows:
    if type(frame.index).__name__ != "RangeIndex":
        frame = frame.rename_axis(frame.index.name or "name").reset_index()
    head = [str(column) for column in frame.columns]
    return [head, *([plain_cell(cell) for cell in row] for row in frame.itertuples(index=False, name=None))]


def _sheet_name(wanted: str, taken: Mapping[str, Rows]) -> str:
    """Return a name that Excel takes: short, without its forbidden signs, used once."""
    name = wanted.translate(_FORBIDDEN)[:_LONGEST_NAME] or "entries"
    number = 2
    while name.casefold() in {other.casefold() for other in taken}:
        suffix = f" {number}"
        name = wanted.translate(_FORBIDDEN)[: _LONGEST_NAME - len(suffix)] + suffix
        number += 1
    return name
