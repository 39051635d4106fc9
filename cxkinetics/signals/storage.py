"""Signals to text and back, without loss: JSON, and CSV that a spreadsheet opens as a table.

The CSV begins with one quoted comment cell that holds everything but the columns as JSON; numbers
are written so that they come back bit for bit, a masked cell is left empty. Names and labels cannot
become formulas: they stand inside that one cell, which begins with #.
"""

import csv
import io
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cxkinetics.atomic import write_text
from cxkinetics.errors import InputError
from cxkinetics.record import json_text
from cxkinetics.schemas import decoded, require_schema, text_of

__all__ = ["Stored", "stored_schema"]

_MARK = "# cxkinetics."


class Stored:
    """Mixin that writes a signal as JSON or CSV and reads it back equal.

    A class names its schema, its columns (field, header), and, for a matrix, the field of the
    second axis and the field of the body.
    """

    __slots__ = ()
    _schema: ClassVar[str]
    _columns: ClassVar[tuple[tuple[str, str], ...]]
    _matrix: ClassVar[tuple[str, str, str] | None] = None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as a JSON-ready mapping."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote."""
        raise NotImplementedError

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return this signal as JSON text and, where a path is given, write it there whole.

        Parameters
        ----------
        path : path-like, optional
            File to write; an interrupted write leaves the old file.
        """
        text = json_text({"schema": self._schema, **self.to_dict()})
        if path is not None:
            write_text(path, text + "\n")
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Self:
        """Return the signal that `to_json` wrote; `source` is the text or the path of its file.

        Raises
        ------
        InputError
            If the text is not such a signal.
        """
        text, file = text_of(source, "{")
        record = decoded(text, file)
        require_schema(record, cls._schema, file)
        del record["schema"]
        return cls._made(record, file)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return this signal as CSV text and, where a path is given, write it there whole.

        Parameters
        ----------
        path : path-like, optional
            File to write; an interrupted write leaves the old file.
        """
        record = self.to_dict()
        columns = {name: record.pop(name) for name, _ in self._columns}
        headers = dict(self._columns)
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        used = [name for name, column in columns.items() if column is not None]
        if self._matrix is None:
            record["columns"] = used
            rows = [list(row) for row in zip(*(columns[name] for name in used), strict=True)]
            names: list[Any] = [headers[name] for name in used]
        else:
            axis, body, corner = self._matrix
            names = [corner, *record.pop(axis)]
            rows = [[t, *row] for t, row in zip(columns[used[0]], record.pop(body), strict=True)]
        writer.writerow([f"{_MARK}{self._schema.partition('.')[2]} {json_text(record)}"])
        writer.writerow([_cell(name) for name in names])
        writer.writerows([_cell(value) for value in row] for row in rows)
        text = stream.getvalue()
        if path is not None:
            write_text(path, text)
        return text

    @classmethod
    def from_csv(cls, source: str | os.PathLike[str]) -> Self:
        """Return the signal that `to_csv` wrote; `source` is the text or the path of its file.

        Raises
        ------
        InputError
            If the text is not such a signal.
        """
        text, file = text_of(source, "\n")
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
        schema, _, described = (rows[0][0] if rows else "").removeprefix(_MARK).partition(" ")
        require_schema({"schema": f"cxkinetics.{schema}"} if described else {}, cls._schema, file)
        record = decoded(described, file)
        try:
            if cls._matrix is None:
                used = record.pop("columns")
                cells = rows[2:]
                for j, name in enumerate(used):
                    record[name] = [_number(row[j]) for row in cells]
                for name, _ in cls._columns:
                    record.setdefault(name, None)
            else:
                axis, body, _ = cls._matrix
                record[axis] = [float(name) for name in rows[1][1:]]
                record[cls._columns[0][0]] = [float(row[0]) for row in rows[2:]]
                record[body] = [[_number(cell) for cell in row[1:]] for row in rows[2:]]
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"the table is damaged: {error}", file=file) from error
        return cls._made(record, file)

    @classmethod
    def _made(cls, record: dict[str, Any], file: str | None) -> Self:
        try:
            return cls.from_dict(record)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the stored signal is damaged: {error}", file=file) from error


def stored_schema(head: str) -> str | None:
    """Return the schema that stored CSV or JSON text begins with, or None where it is neither."""
    start = head.lstrip('\ufeff \t\r\n"')
    if start.startswith(_MARK):
        return "cxkinetics." + start.removeprefix(_MARK).split(" ", 1)[0]
    if head.lstrip("\ufeff \t\r\n").startswith("{"):
        _, found, rest = head.partition('"schema"')
        name = rest.partition('"')[2].partition('"')[0]
        return name if found and name.startswith("cxkinetics.") else None
    return None


def _cell(value: float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(float(value))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
