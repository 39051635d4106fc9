"""A published number beside the one found here, with the difference and what stands behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cxkinetics.estimate import Estimate, finite_or_none, round_by_error
from cxkinetics.report.blocks import Table
from cxkinetics.report.staged_tables import interval_cell

__all__ = ["Comparison", "comparison_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One quantity, published and found.

    Attributes
    ----------
    quantity : str
        What it is.
    published : float
        The published number, in the unit of `found`.
    found : Estimate
        What the fit gives.
    printed : str
        The number as the publication prints it, where that differs from `published`.
    note : str
        Why they differ, where that is known.
    """

    quantity: str
    published: float
    found: Estimate
    printed: str = ""
    note: str = ""

    @property
    def difference(self) -> float | None:
        """What was found minus what was published."""
        return None if self.found.value is None else self.found.value - self.published

    @property
    def inside(self) -> bool | None:
        """Whether the published number lies inside the interval; None without one."""
        low, high = self.found.low, self.found.high
        if low is None or high is None:
            return None
        if self.found.pieces:
            return any(start <= self.published <= end for start, end in self.found.pieces)
        return low <= self.published <= high

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "quantity": self.quantity,
            "published": self.published,
            "printed": self.printed or f"{self.published:g}",
            "found": self.found.to_dict(),
            "difference": finite_or_none(self.difference),
            "inside_interval": self.inside,
            "note": self.note,
        }


def comparison_table(rows: Sequence[Comparison], caption: str = "", *, source: str = "paper") -> Table:
    """Return the numbers beside each other, one row per quantity.

    Parameters
    ----------
    rows : sequence of Comparison
        What to compare.
    caption : str
        One line above the table.
    source : str
        Head of the column with the published numbers.
    """
    cells = tuple(
        (
            row.quantity,
            _published(row),
            interval_cell(row.found),
            row.found.unit,
            _difference(row),
            {True: "yes", False: "no", None: "-"}[row.inside],
        )
        for row in rows
    )
    notes = " ".join(row.note for row in rows if row.note)
    header = ("quantity", source, "ours [95 %]", "unit", "difference", "inside")
    return Table(header, cells, caption=caption, note=notes, numeric=(4,))


def _published(row: Comparison) -> str:
    plain = f"{row.published:.4g}"
    return f"{plain} (prints {row.printed})" if row.printed and row.printed != plain else plain


def _difference(row: Comparison) -> str:
    if row.difference is None:
        return "-"
    low, high = row.found.low, row.found.high
    width = (high - low) / 4 if low is not None and high is not None and high > low else None
    text = round_by_error(row.difference, width) if width else f"{row.difference:.2g}"
    return text if text.startswith("-") else f"+{text}"
