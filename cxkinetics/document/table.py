"""Tables of raw cells: numbers, estimates and words, never formatted text.

Each column says how it is called and written for people (`head`, `format`) and how it is called for
programs (`name`); a column may be for one of them only. Times and rates stay in s and 1/s: people see them
in the unit they ask for, programs always in s.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag
from typing import TYPE_CHECKING, Any, TypeAlias

from cxkinetics.document import cells
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.estimate import Estimate, finite_or_none

if TYPE_CHECKING:
    import pandas as pd

Plain: TypeAlias = str | int | float | bool | None
Cell: TypeAlias = Plain | Estimate
Format: TypeAlias = str | Callable[[Any], str] | None


class Where(Flag):
    """Where a block is shown; what programs read (CSV, workbook) is declared apart, as named tables."""

    TEXT = 1
    NOTEBOOK = 2
    PAGE = 4
    BRIEF = 3
    ALL = 7


def wide(name: str, unit: str = "", *, method: bool = False) -> dict[str, str]:
    """Return the program's names of an estimate among other columns, its unit in each of them.

    Examples
    --------
    >>> list(wide("k", "1/s"))
    ['k_per_s', 'k_se_per_s', 'k_low_per_s', 'k_high_per_s']
    """
    suffix = f"_{unit}".replace("1/", "per_") if unit else ""
    parts = {"": "value", "_se": "se", "_low": "low", "_high": "high"}
    names = {f"{name}{part}{suffix}": field for part, field in parts.items()}
    return names | ({f"{name}_method": "method"} if method else {})


def long(*, value: str = "value", fields: Sequence[str] = ()) -> dict[str, str]:
    """Return the program's names of the only estimate in a row: value, se, low, high, unit, method, reason.

    Parameters
    ----------
    value : str
        What the value is called.
    fields : sequence of str
        The fields wanted; all seven by default.
    """
    wanted = fields or ("value", "se", "low", "high", "unit", "method", "reason")
    return {value if field == "value" else field: field for field in wanted}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, for people, for programs or for both.

    Attributes
    ----------
    head : str or None
        What people read above it, "{unit}" in it is the unit as shown; None where only programs see it.
    name : str or mapping
        What programs call it; "" where only people see it. A column of estimates has a mapping from the
        program's names to the fields of `Estimate`, made by `wide` or `long`.
    format : str, callable or None
        How a cell reads: a format of numbers such as ".1f", or a function such as those of `cells`. By
        default numbers have four digits and estimates their interval; words are shown as they are.
    unit : str
        "s" or "1/s" for times and rates, which people see in the unit they asked for.
    numeric : bool
        Whether it is set flush right.
    missing : str
        What people read where a cell is None or not a finite number.
    """

    head: str | None
    name: str | Mapping[str, str] = ""
    format: Format = None
    unit: str = ""
    numeric: bool = False
    missing: str = "-"

    def text(self, cell: Cell, unit: TimeUnit) -> str:
        """Return what people read in a cell."""
        if isinstance(cell, str):
            return cell
        if isinstance(cell, Estimate):
            cell = unit.estimate(cell)
        else:
            cell = plain(cell)
            if cell is None:
                return self.missing
            if self.unit and isinstance(cell, int | float):
                cell = unit.value(cell, self.unit)
        if callable(self.format):
            return self.format(cell)
        if self.format is not None:
            return format(cell, self.format)
        if isinstance(cell, Estimate):
            return cells.interval(cell)
        if isinstance(cell, bool):
            return "yes" if cell else "no"
        return cells.number(cell) if isinstance(cell, float) else str(cell)

    def names(self) -> list[str]:
        """Return what programs call it: none, one or, for estimates, several names."""
        return list(self.name) if isinstance(self.name, Mapping) else [self.name] * bool(self.name)

    def values(self, cell: Cell) -> list[Plain]:
        """Return what programs read in a cell, as many values as it has names."""
        if isinstance(self.name, Mapping):
            return [None if cell is None else plain(getattr(cell, field)) for field in self.name.values()]
        if not self.name:
            return []
        if isinstance(cell, Estimate):
            raise TypeError(f"column {self.name!r} holds an estimate: name it with wide() or long()")
        return [plain(cell)]


def plain(value: Any) -> Plain:
    """Return a value as programs read it: numbers of numpy as Python's, None for what is not finite."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return finite_or_none(value)
    return value if value is None or isinstance(value, str | int) else str(value)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as people read it: text cells under heads, made by `Table.grid` for every renderer.

    Attributes
    ----------
    header : tuple of str
        Column heads, units included.
    rows : tuple of tuple of str
        Cells, as many per row as there are heads.
    numeric : tuple of int
        Indices of columns set flush right.
    caption, note : str
        One line above it; when not to trust it, or how it was made, below it.
    links : tuple of str
        Address behind the second cell of each row; none by default.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    caption: str = ""
    note: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBlock:
    """What all blocks share: where they are shown, and whether an empty line goes before them in text."""

    where: Where = Where.ALL
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Table(BaseBlock):
    """A table of raw cells.

    Attributes
    ----------
    columns : sequence of Column
        What the cells are.
    rows : sequence of tuple
        Raw cells, one per column: str, int, float, bool, None or Estimate; times in s, rates in 1/s.
    name : str
        Of the sheet and the CSV file, where it is for programs.
    caption, note : str
        One line above it; when not to trust it, or how it was made, below it.
    links : tuple of str
        Address behind the second cell of each row, relative to the page; none by default.
    bare : bool
        Whether a terminal shows it without caption and note.
    fold : bool
        Whether, in a terminal, columns that are too wide go on below with the first column again.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    name: str = ""
    caption: str = ""
    note: str = ""
    links: tuple[str, ...] = ()
    bare: bool = False
    fold: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.name or self.caption!r}: {len(row)} cells for {len(self.columns)} columns"
                )

    @classmethod
    def of_rows(cls, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> "Table":
        """Return a table whose heads and names are alike, for data that nobody prints."""
        return cls([Column(word, word) for word in head], [tuple(map(plain, row)) for row in rows], name)

    def grid(self, unit: TimeUnit = SECONDS) -> Grid:
        """Return the table as people read it, times and rates in `unit`."""
        shown = [(i, column) for i, column in enumerate(self.columns) if column.head is not None]
        return Grid(
            tuple((column.head or "").replace("{unit}", unit.shown(column.unit)) for _, column in shown),
            tuple(tuple(column.text(row[i], unit) for i, column in shown) for row in self.rows),
            tuple(place for place, (_, column) in enumerate(shown) if column.numeric),
            self.caption,
            self.note,
            self.links,
        )

    def records(self) -> tuple[list[str], list[list[Plain]]]:
        """Return head and rows as programs read them: raw numbers, estimates spread, times in s."""
        head = [name for column in self.columns for name in column.names()]
        rows = [
            [value for column, cell in zip(self.columns, row, strict=True) for value in column.values(cell)]
            for row in self.rows
        ]
        return head, rows

    def frame(self) -> "pd.DataFrame":
        """Return what programs read as a DataFrame."""
        import pandas as pd

        head, rows = self.records()
        return pd.DataFrame(rows, columns=head)
