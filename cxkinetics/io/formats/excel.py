"""Excel workbooks: preambles, several sheets, dates, percentages; bombs are refused.

Cells are turned into text cells and read like any other table, so that a workbook and its CSV
export give the same signal. Formulas are read by their stored value and never evaluated.
"""

import io
import warnings
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from cxkinetics.errors import InputError
from cxkinetics.io.cells import is_number
from cxkinetics.io.file import BinaryFormat, Content, Context, ReadOptions, Signal
from cxkinetics.io.formats.plates import is_plate, read_sheet
from cxkinetics.io.formats.text import read_tables
from cxkinetics.io.grid import Rows
from cxkinetics.io.table import Tables, tables_of_rows
from cxkinetics.remarks import Remark

_MOST_UNPACKED = 500_000_000
_MOST_RATIO = 200.0
_MOST_CELLS = 8_000_000
_MOST_BLANK_ROWS = 5_000


def sniff(content: Content) -> bool:
    """Return whether the bytes are a zip archive (the shape of a workbook)."""
    return content.data.startswith(b"PK\x03\x04")


def read_workbook(context: Context) -> list[Signal]:
    """Return the signals of one sheet."""
    sheets = sheet_rows(context.content)
    plates = _plate_sheets(context, sheets)
    if plates is not None:
        return plates
    found, sheet = workbook_tables(context.content, context.options, sheets)
    if not context.content.name.casefold().endswith((".xlsx", ".xlsm")):
        text = "the file is an Excel workbook whatever its name says"
        context = context.saying(Remark("excel_workbook", text))
    if sheet:
        context = context.saying(Remark("sheet", f"sheet {sheet!r} read"))
    return read_tables(context, found)


def _plate_sheets(context: Context, sheets: list[tuple[str, Rows]]) -> list[Signal] | None:
    """Return the signals of the one sheet that a plate reader wrote, None where there is none."""
    options = context.options
    if options.sheet is not None:
        sheets = [sheets[_find_sheet(context.content, [name for name, _ in sheets], options.sheet)]]
    found = []
    for name, rows in sheets:
        lines = [""] * max(rows.lines, default=0)
        first = min((k for cells in rows.cells for k, cell in enumerate(cells) if cell), default=0)
        for number, cells in zip(rows.lines, rows.cells, strict=True):
            lines[number - 1] = "\t".join(cells[first:])
        text = "\n".join(lines)
        if is_plate(text):
            found.append((name, text))
    if not found:
        return None
    if len(found) > 1:
        shown = ", ".join(repr(name) for name, _ in found)
        raise context.error(
            f"{len(found)} sheets hold plates: {shown}", "say which with sheet= (--sheet NAME)"
        )
    name, text = found[0]
    told = context.saying(Remark("sheet", f"sheet {name!r} read")) if len(sheets) > 1 else context
    return read_sheet(told, text)


def workbook_tables(
    content: Content, options: ReadOptions, sheets: list[tuple[str, Rows]] | None = None
) -> tuple[Tables, str]:
    """Return the tables of the sheet asked for, or of the only one that holds any.

    Raises
    ------
    InputError
        If the archive is no workbook, damaged or a bomb, or several sheets hold tables.
    """
    sheets = sheet_rows(content) if sheets is None else sheets
    if options.sheet is not None:
        name, rows = sheets[_find_sheet(content, [name for name, _ in sheets], options.sheet)]
        return tables_of_rows(rows, file=content.file, decimal=options.decimal), name
    readable: list[tuple[str, Tables]] = []
    first_error: InputError | None = None
    for name, rows in sheets:
        if not rows.cells:
            continue
        try:
            readable.append((name, tables_of_rows(rows, file=content.file, decimal=options.decimal)))
        except InputError as error:
            first_error = first_error or error
    with_data = [item for item in readable if max(table.n_rows for table in item[1].tables) >= 3] or readable
    if len(with_data) > 1:
        shown = ", ".join(repr(name) for name, _ in with_data)
        raise content.error(
            f"{len(with_data)} sheets hold tables: {shown}", "say which with sheet= (--sheet NAME)"
        )
    if not with_data:
        raise first_error or content.error("the workbook is empty: no data rows")
    return with_data[0][1], with_data[0][0] if len(sheets) > 1 else ""


def _find_sheet(content: Content, names: list[str], wanted: str | int) -> int:
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    folded = [name.casefold() for name in names]
    if isinstance(wanted, str) and wanted.casefold() in folded:
        return folded.index(wanted.casefold())
    if (isinstance(wanted, int) or wanted.isdecimal()) and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise content.error(
        f"there is no sheet {wanted!r}; sheets are {', '.join(repr(name) for name in names)}",
        "name one of them, or give its number",
    )


def sheet_rows(content: Content) -> list[tuple[str, Rows]]:
    """Return name and text cells of every sheet."""
    _refuse_bomb(content)
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl does not know
            book = load_workbook(io.BytesIO(content.data), read_only=True, data_only=True)
            sheets = []
            for sheet in book.worksheets:  # by name each would be looked for among all; no chart sheets
                sheet.reset_dimensions()
                sheets.append((sheet.title, _rows(content, sheet.title, sheet.iter_rows())))
            book.close()
    except InputError:
        raise
    except Exception as error:  # whatever the package trips over, a damaged archive or its XML is the cause
        raise content.error(
            f"the Excel workbook is damaged ({type(error).__name__})",
            "open it in a spreadsheet program and save it again, or export CSV",
        ) from error
    return sheets


def _refuse_bomb(content: Content) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise content.error(
            "a damaged zip archive: no Excel workbook can be read from it", "copy it again"
        ) from error
    names = {member.filename for member in members}
    if "mimetype" in names and "content.xml" in names:
        raise content.error("this is an OpenDocument sheet", "save it as .xlsx or CSV")
    if any(name.startswith("word/") for name in names):
        raise content.error("this is a Word document", "save the table in it as .xlsx or CSV")
    if not any(name.startswith("xl/") for name in names):
        raise content.error("this is a zip archive, not a workbook", "unpack it first")
    if "xl/workbook.bin" in names:
        raise content.error("this is a binary .xlsb workbook", "save it as .xlsx or CSV")
    unpacked = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    if unpacked > _MOST_UNPACKED or (unpacked > 20_000_000 and unpacked / packed > _MOST_RATIO):
        raise content.error(
            f"the workbook unpacks to {unpacked / 1e6:.0f} MB from {packed / 1e6:.3g} MB: a zip bomb",
            "export the sheet as CSV",
        )


def _rows(content: Content, sheet: str, rows: Iterable[tuple[Any, ...]]) -> Rows:
    cells: list[list[str]] = []
    lines: list[int] = []
    count = blank = 0
    for number, row in enumerate(rows, start=1):
        texts = [_text_of(cell) for cell in row]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            blank += 1
            if blank > _MOST_BLANK_ROWS:
                break
            continue
        blank = 0
        count += len(texts)
        if count > _MOST_CELLS:
            raise content.error(f"sheet {sheet!r} holds more than {_MOST_CELLS} cells", "export it as CSV")
        cells.append(texts)
        lines.append(number)
    width = max((len(texts) for texts in cells), default=0)
    for texts in cells:
        if len(texts) > 1 or is_number(texts[0]):
            texts.extend([""] * (width - len(texts)))
    return Rows(cells, lines, "cell")


def _text_of(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        number_format = getattr(cell, "number_format", "") or ""
        if "%" in number_format:
            return f"{float(f'{value * 100:.12g}')!r}%"
        return repr(float(value)) if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        if value.year > 1900 or value.month != 1:
            return value.isoformat(sep=" ")
        value -= datetime(1899, 12, 31)  # a duration of a day or more, in Excel's calendar
    if isinstance(value, timedelta):
        return _clock(value / timedelta(seconds=1))
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value).strip()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02d}:{minutes:02d}:{rest:09.6f}"


_SUMMARY = "Excel workbooks: tables under a preamble, several sheets, dates, percentages"
FORMATS = (BinaryFormat("Excel workbook", ".xlsx .xlsm", _SUMMARY, sniff, read_workbook),)
