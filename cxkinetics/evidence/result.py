"""What all results of this room share: their blocks come from its page, their figures from its figures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cxkinetics.document.shown import Shown
from cxkinetics.record import Record
from cxkinetics.remarks import Remark

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit


class EvidenceResult(Record, Shown):
    """Base of what a technique, or all techniques together, say; the page knows it by its `SCHEMA`."""

    __slots__ = ()
    remarks: tuple[Remark, ...]

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.evidence.page import brief

        return brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure."""
        from cxkinetics.evidence.page import figures

        return figures(self)

    def table(self) -> "pd.DataFrame":
        """Return the main table as raw numbers: one row per peak, species, doublet, phase or finding."""
        from cxkinetics.evidence.page import main_table

        return main_table(self).frame()

    def data(self) -> "Sequence[Table]":
        """Return the named tables of the workbook: those of the JSON form, which hold `table()` too."""
        from cxkinetics.document.sheets import general_tables

        return [table for table in general_tables(self) if table.name != "table"]


def options_of(given: Mapping[str, Any], but: Iterable[str]) -> dict[str, Any]:
    """Return the options that a result keeps: the arguments of its function (its `locals()`) but some."""
    return {name: value for name, value in given.items() if name not in but}
