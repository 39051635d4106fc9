"""What all signals share: how they are stored without loss, and how they show themselves.

A CSV file begins with one quoted comment cell that holds everything but the columns as JSON; numbers
are written so that they come back bit for bit, a masked cell is left empty. Names and labels cannot
become formulas: they stand inside that one cell, which begins with #.
"""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from cxkinetics.arrays import Array, ArrayLike, numbers_of
from cxkinetics.atomic import write_text
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.record import Record, json_text
from cxkinetics.remarks import Remark
from cxkinetics.schemas import decoded, require_schema, text_of
from cxkinetics.source import Source, sha256_of

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

_MARK = "# cxkinetics."


class Signal(Record, Shown):
    """Base of what is measured: data with a label, a source and remarks."""

    __slots__ = ()
    label: str
    source: Source
    remarks: tuple[Remark, ...]
    _figure: ClassVar[str]  # which of `cxkinetics.signals.figures`

    def with_remarks(self, *remarks: Remark) -> Self:
        """Return the same signal with `remarks` added."""
        return self._with(remarks=(*self.remarks, *remarks))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return this signal as JSON text and, where a path is given, write it there whole.

        Parameters
        ----------
        path : path-like, optional
            File to write; an interrupted write leaves the old file.
        """
        text = super().to_json()
        if path is not None:
            write_text(path, text + "\n")
        return text

    def table(self) -> "pd.DataFrame":
        """Return the numbers as a DataFrame, units in its heads."""
        raise NotImplementedError

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` shows, the `repr`, and for a notebook what is known beside the numbers."""
        from cxkinetics.document.page import Code, Section, simulated_line, warning_notes
        from cxkinetics.document.table import Column, Table, Where

        beside = Where.NOTEBOOK | Where.PAGE
        known = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        known |= {f"source {name}": value for name, value in self.source.to_dict().items()}
        rows = [(name, v) for name, v in known.items() if isinstance(v, str | float | int) and v != ""]
        table = Table([Column("entry"), Column("value")], rows, caption=self._short())
        blocks: list[Any] = [*simulated_line(self.source), table, *warning_notes(self.remarks)]
        beside_text = [replace(block, where=beside) for block in blocks]
        return Section("", [Code(repr(self), where=Where.TEXT), *beside_text], unit)

    def page(self, unit: "TimeUnit") -> "Page":
        """Return the whole report: what a notebook shows, the figure and the source."""
        return replace(super().page(unit), title=self.label or type(self).__name__)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure of what was measured."""
        from cxkinetics.signals.figures import figure_of

        return (figure_of(self, self._figure, unit),)

    def data(self) -> "Sequence[Table]":
        """Return the tables of the workbook, those of the JSON form; "lists" holds what `table` returns."""
        from cxkinetics.document.sheets import general_tables

        return [table for table in general_tables(self) if table.name != "table"]

    def _with(self, **changes: Any) -> Self:
        changed: Self = replace(self, **changes)  # type: ignore[type-var]
        return changed

    def _set(self, **values: Any) -> None:
        """Set fields of a new signal; for its `__post_init__`."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _hash(self, *arrays: Array) -> None:
        """Give data that came from no file the hash of their numbers."""
        if not self.source.sha256:
            digest = sha256_of(b"".join(array.tobytes() for array in arrays))
            self._set(source=replace(self.source, sha256=digest))

    def _refusal(self, message: str, remedy: str) -> InputError:
        return InputError(message, file=self.source.file or None, remedy=remedy)

    def _short(self) -> str:
        return repr(self)

    def _called(self, said: str) -> str:
        return f"{type(self).__name__}({f'{self.label!r}, ' if self.label else ''}{said})"


class Stored(Signal):
    """A signal of columns, or of a matrix, that CSV holds as well.

    A class names its schema, its columns (field, header), and, for a matrix, the field of the
    second axis and the field of the body.
    """

    __slots__ = ()
    _columns: ClassVar[Mapping[str, str]]
    _matrix: ClassVar[tuple[str, str, str] | None] = None

    def _rows(self, keep: ArrayLike, *remarks: Remark) -> Self:
        """Return the rows where the mask `keep` is true, with `remarks` added."""
        mask = numbers_of("keep", keep).astype(bool)
        if mask.shape != (rows := getattr(self, next(iter(self._columns))).shape):
            raise InputError(
                f"keep has shape {mask.shape}; it needs one entry for each of the {rows[0]} rows"
            )
        columns = {name: getattr(self, name) for name in self._columns}
        if self._matrix is not None:
            columns[self._matrix[1]] = getattr(self, self._matrix[1])
        kept = {name: None if column is None else column[mask] for name, column in columns.items()}
        return self._with(**kept, remarks=(*self.remarks, *remarks))

    def table(self) -> "pd.DataFrame":
        """Return the numbers as a DataFrame: a column for each array, or times by wavelengths."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in self._columns}
        if self._matrix is None:
            return pd.DataFrame({name: column for name, column in columns.items() if column is not None})
        axis, body, _ = self._matrix
        ((name, rows),) = columns.items()
        return pd.DataFrame(
            getattr(self, body).copy(), pd.Index(rows, name=name), pd.Index(getattr(self, axis), name=axis)
        )

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return this signal as CSV text and, where a path is given, write it there whole.

        Parameters
        ----------
        path : path-like, optional
            File to write; an interrupted write leaves the old file.
        """
        record = self.to_dict()
        columns = {name: record.pop(name, None) for name in self._columns}
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        used = [name for name, column in columns.items() if column is not None]
        if self._matrix is None:
            record["columns"] = used
            rows = [list(row) for row in zip(*(columns[name] for name in used), strict=True)]
            names: list[Any] = [self._columns[name] for name in used]
        else:
            axis, body, corner = self._matrix
            names = [corner, *record.pop(axis)]
            rows = [[t, *row] for t, row in zip(columns[used[0]], record.pop(body), strict=True)]
        writer.writerow([f"{_MARK}{self.SCHEMA.partition('.')[2]} {json_text(record)}"])
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
        # the first cell is split off by itself: what it holds may be longer than `csv` lets a cell be
        head, _, body = text.lstrip("\ufeff \t\r\n").partition("\n")
        head = head.strip().removeprefix('"').removesuffix('"').replace('""', '"')
        schema, _, described = head.removeprefix(_MARK).partition(" ")
        require_schema({"schema": f"cxkinetics.{schema}"} if described else {}, cls.SCHEMA, file)
        record = decoded(described, file)
        try:
            names, *rows = (row for row in csv.reader(io.StringIO(body)) if row)
            if cls._matrix is None:
                used = record.pop("columns")
                read = {name: [_number(row[j]) for row in rows] for j, name in enumerate(used)}
                record = dict.fromkeys(cls._columns) | record | read
            else:
                axis, body, _ = cls._matrix
                record[axis] = [float(name) for name in names[1:]]
                record[next(iter(cls._columns))] = [float(row[0]) for row in rows]
                record[body] = [[_number(cell) for cell in row[1:]] for row in rows]
        except (csv.Error, AttributeError, IndexError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"the table is damaged: {error}", file=file) from error
        return cls._opened(record, file)


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
