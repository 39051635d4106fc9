"""Tables for programs: CSV text and Excel workbooks of raw numbers, units in the heads, nothing that runs."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cxkinetics.atomic import neutral_cell
from cxkinetics.document.table import Column, Plain, Table, long, plain
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark

_WIDEST = 60
_LONGEST_NAME = 31
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
_NUMBER_KEYS = frozenset(long()) - {"reason"}


def csv_text(table: Table, *, digits: int | None = None) -> str:
    """Return a table as CSV text; what is missing is empty, and no cell can act as a spreadsheet formula.

    Parameters
    ----------
    table : Table
        Its columns that programs read.
    digits : int, optional
        Significant digits of numbers that are no integers; by default all of them.
    """

    def cell(value: Plain) -> str:
        if isinstance(value, float):
            return repr(value) if digits is None else f"{value:.{digits}g}"
        return _word(value)

    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head, rows = table.records()
    writer.writerow(map(neutral_cell, head))
    writer.writerows([cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _word(value: Plain) -> str:
    return "" if value is None else neutral_cell(_said(value))


def _said(value: Plain) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def workbook_bytes(tables: Iterable[Table]) -> bytes:
    """Return named tables as the bytes of an .xlsx file, one sheet each; equal tables give equal bytes."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    def shown(value: Plain) -> Plain:  # no worksheet holds a control character, as a file's name may
        return ILLEGAL_CHARACTERS_RE.sub("\ufffd", _word(value)) if isinstance(value, bool | str) else value

    book = Workbook()
    book.remove(book.worksheets[0])
    taken: list[str] = []
    for table in tables:
        taken.append(_sheet_name(table.name, taken))
        sheet = book.create_sheet(taken[-1])
        head, rows = table.records()
        for values in [list[Plain](head), *rows]:
            sheet.append([shown(value) for value in values])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for number, name in enumerate(head, 1):
            column = (row[number - 1] for row in rows)
            longest = max([len(name), *(len(str(cell)) for cell in column if cell is not None)])
            sheet.column_dimensions[get_column_letter(number)].width = min(longest + 2, _WIDEST)
    buffer = BytesIO()
    book.save(buffer)
    return _undated(buffer.getvalue())


def _sheet_name(wanted: str, taken: Sequence[str]) -> str:
    """Return a name that Excel takes: short, without its forbidden signs, used once."""
    clean = wanted.translate(_FORBIDDEN) or "entries"
    name, number = clean[:_LONGEST_NAME], 2
    while name.casefold() in {other.casefold() for other in taken}:
        suffix = f" {number}"
        name = clean[: _LONGEST_NAME - len(suffix)] + suffix
        number += 1
    return name


def _undated(workbook: bytes) -> bytes:
    """Take the moment of writing out of a workbook, so that equal content is an equal file."""
    result = BytesIO()
    with ZipFile(BytesIO(workbook)) as old, ZipFile(result, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"1980-01-01T00:00:00Z", content)
            new.writestr(ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, ZIP_DEFLATED)
    return result.getvalue()


def summary_table(
    entries: Iterable[tuple[str, object]],
    *,
    options: Mapping[str, object] | None = None,
    seed: int | None = None,
    version: str = "",
    warnings: Sequence[Remark] = (),
) -> Table:
    """Return the sheet "summary": what was found, from what, with which options, and every remark."""
    rows = [*entries, *((f"option {name}", value) for name, value in sorted((options or {}).items()))]
    rows += [("seed", seed), ("cxkinetics version", version)]
    rows += [(f"remark {number}", remark.text) for number, remark in enumerate(warnings, 1)]
    return Table.of_rows("summary", ("entry", "value"), rows)


def quantity_table(
    quantities: Iterable[tuple[str, Estimate]], *, name: str = "quantities", first: str = "quantity"
) -> Table:
    """Return one row per estimate: its name, value, se, low, high, unit, method and reason."""
    return Table([Column(first, first), Column("value [interval]", long())], list(quantities), name)


def general_tables(result: Any) -> list[Table]:
    """Return the tables of a result that declares none, from its JSON form and its `table()`.

    "summary" holds the single entries, "quantities" every number with its interval and unit, "table"
    what `table()` returns; lists of records get a table each, lists of plain values a column of "lists".
    """
    found = _Entries()
    found.collect("", result.to_dict())
    tables = [Table.of_rows("summary", ("entry", "value"), found.summary)]
    if found.quantities:
        tables.append(Table.of_rows("quantities", ("quantity", *long()), found.quantities))
    if hasattr(result, "table"):
        frame = result.table()
        if type(frame.index).__name__ != "RangeIndex":
            frame = frame.rename_axis(frame.index.name or "name").reset_index()
        rows = frame.itertuples(index=False, name=None)
        tables.append(Table.of_rows("table", [str(column) for column in frame.columns], rows))
    tables += [_record_table(name, items) for name, items in found.records.items()]
    if found.lists:
        longest = max(map(len, found.lists.values()))
        columns = [[*values, *[None] * (longest - len(values))] for values in found.lists.values()]
        tables.append(Table.of_rows("lists", list(found.lists), zip(*columns, strict=True)))
    return tables


class _Entries:
    """The entries of a JSON form, sorted by what kind of table they belong to."""

    def __init__(self) -> None:
        self.summary: list[tuple[str, object]] = []
        self.quantities: list[list[Any]] = []
        self.records: dict[str, list[Mapping[str, Any]]] = {}
        self.lists: dict[str, Sequence[Any]] = {}

    def collect(self, path: str, value: Any) -> None:
        """Sort one entry and what it holds."""
        if isinstance(value, Mapping):
            if value.keys() >= _NUMBER_KEYS:
                self.quantities.append([path, *(value.get(key) for key in long())])
                return
            for key, inner in value.items():
                self.collect(f"{path} {key}".strip(), inner)
        elif _is_records(value):
            if all(item.keys() >= _NUMBER_KEYS for item in value):
                for number, item in enumerate(value, 1):
                    self.collect(f"{path} {number}", item)
            else:
                self._keep_records(path, value)
        elif isinstance(value, list | tuple):
            if len(value) > 2 and not any(isinstance(item, list | tuple) for item in value):
                self.lists[path] = value
            elif value and all(isinstance(item, list | tuple) for item in value):
                self.lists.update({f"{path} {i}": item for i, item in enumerate(value, 1)})
            else:
                self.summary.append((path, _joined(value)))
        else:
            self.summary.append((path, value))

    def _keep_records(self, path: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Keep a list of records; those within a record go to a table of their own, with their owner."""
        self.records[path] = []
        for number, item in enumerate(items, 1):
            self.records[path].append({key: inner for key, inner in item.items() if not _is_records(inner)})
            owner = {path: item.get("label") or number}
            for key, inner in item.items():
                if _is_records(inner):
                    self.records.setdefault(f"{path} {key}", []).extend({**owner, **entry} for entry in inner)


def _is_records(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(i, Mapping) for i in value)


def _record_table(name: str, items: Sequence[Mapping[str, Any]]) -> Table:
    flat = [_flat(item) for item in items]
    head = list(dict.fromkeys(key for item in flat for key in item))
    return Table.of_rows(name, head, ([item.get(key) for key in head] for item in flat))


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{before} {key}".strip()
        if _is_records(value):
            value = {str(number): item for number, item in enumerate(value, 1)}
        if isinstance(value, Mapping):
            found |= _flat(value, name)
        else:
            found[name] = _joined(value) if isinstance(value, list | tuple) else value
    return found


def _joined(values: Sequence[Any]) -> str:
    return ", ".join("-" if value is None else _said(plain(value)) for value in values)
