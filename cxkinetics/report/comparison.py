"""Tables that set published numbers beside those found here."""

from collections.abc import Sequence

from cxkinetics.estimate import round_by_error
from cxkinetics.examples.comparison import Comparison
from cxkinetics.report.blocks import Table
from cxkinetics.report.staged_tables import interval_cell

__all__ = ["comparison_table"]


def comparison_table(rows: Sequence[Comparison], caption: str = "", *, source: str = "paper") -> Table:
    """Return the numbers beside each other, one row per quantity.

    The last column says whether the published number lies in our interval; for numbers found from
    published measurements, whether ours rounds to the digits printed.

    Parameters
    ----------
    rows : sequence of Comparison
        What to compare.
    caption : str
        One line above the table.
    source : str
        Head of the column with the published numbers.
    """
    rounded = any(row.kind == "measured" for row in rows)
    cells = tuple(
        (
            row.quantity,
            _published(row),
            interval_cell(row.found),
            row.found.unit,
            _difference(row),
            {True: "yes", False: "no", None: "-"}[row.agrees if rounded else row.inside],
        )
        for row in rows
    )
    notes = " ".join(row.note for row in rows if row.note)
    header = (
        "quantity",
        source,
        "ours [95 %]",
        "unit",
        f"ours - {source}",
        "same digits" if rounded else "inside",
    )
    return Table(header, cells, caption=caption, note=notes, numeric=(4,))


def _published(row: Comparison) -> str:
    plain = f"{row.published:.4g}" + (" (assumed)" if row.kind == "assumed" else "")
    return f"{plain} ('{row.printed}')" if row.printed and row.printed != plain else plain


def _difference(row: Comparison) -> str:
    if row.difference is None:
        return "-"
    low, high = row.found.low, row.found.high
    width = (high - low) / 4 if low is not None and high is not None and high > low else None
    text = round_by_error(row.difference, width) if width else f"{row.difference:.2g}"
    return text if text.startswith("-") else f"+{text}"
