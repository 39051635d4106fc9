"""Which column is the signal: the one asked for, the only one that can be meant, or parallel traces."""

from collections.abc import Collection, Sequence

from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.io.context import Context
from cxkinetics.io.headers import Quantity
from cxkinetics.io.table import Table
from cxkinetics.remarks import Remark

__all__ = ["SPECTRAL", "chosen_columns", "find_column", "sigma_of", "unused_columns"]

SPECTRAL = ("wavelength", "energy", "wavenumber")
_MOST_NAMED = 40
NOT_SIGNALS = ("time", "sigma", "index", "temperature", *SPECTRAL)


def chosen_columns(
    context: Context, table: Table, quantities: list[Quantity], not_these: set[int]
) -> list[int]:
    """Return which columns are the signals: those asked for, else the only one that can be meant."""
    wanted = context.options.column
    if wanted is not None:
        listed: Sequence[str | int] = [wanted] if isinstance(wanted, (str, int)) else list(wanted)
        return [find_column(context, table, item) for item in listed]
    candidates = [
        j
        for j, q in enumerate(quantities)
        if (j not in not_these and q.kind not in NOT_SIGNALS and table.columns[j].kind == "number")
        or (j not in not_these and q.place_kind in SPECTRAL and table.columns[j].kind == "number")
    ]
    if not candidates:
        names = ", ".join(repr(table.name(j)) for j in range(len(quantities)))
        raise InputError(
            f"no column holds a signal; columns are {names}",
            file=context.file,
            line=table.header_line,
            remedy="name one with column= (--column)",
        )
    if len(candidates) == 1:
        return candidates
    strong = [
        j
        for j in candidates
        if quantities[j].kind in ("absorbance", "transmittance", "counts") and not quantities[j].weak
    ]
    if len(strong) == 1:
        return strong
    if _parallel([quantities[j] for j in candidates]):
        return candidates
    if len(strong) > 1 and _parallel([quantities[j] for j in strong]):
        return strong
    names = ", ".join(table.name(j) for j in candidates)
    if len({table.name(j) for j in candidates}) < len(candidates):
        names = ", ".join(f"{table.name(j)} (number {j + 1})" for j in candidates)
    raise InputError(
        f"{len(candidates)} columns could be the signal: {names}",
        file=context.file,
        line=table.header_line,
        remedy="say which with column= (--column NAME)",
    )


def _parallel(quantities: list[Quantity]) -> bool:
    """Return whether columns are traces side by side: wells, or names that differ by a number alone."""
    if all(q.kind == "well" for q in quantities):
        return True
    stems = {q.name.rstrip("0123456789").strip(" _-#.").casefold() for q in quantities}
    numbered = all(q.name and q.name[-1].isdigit() for q in quantities)
    return len(stems) == 1 and numbered and bool(stems.copy().pop())


def find_column(context: Context, table: Table, item: str | int) -> int:
    """Return the index of a column by name (part of a name will do) or by number from 1."""
    if isinstance(item, int) or (isinstance(item, str) and item.isdigit() and item not in table.names):
        j = int(item) - 1
        if 0 <= j < len(table.columns):
            return j
    else:
        folded = [name.casefold() for name in table.names]
        wanted = item.strip().casefold()
        if wanted in folded:
            if folded.count(wanted) > 1:
                raise InputError(
                    f"column {item!r} stands {folded.count(wanted)} times",
                    file=context.file,
                    line=table.header_line,
                    remedy="choose by number: column=2",
                )
            return folded.index(wanted)
        within = [j for j, name in enumerate(folded) if wanted and wanted in name]
        if len(within) == 1:
            return within[0]
    names = ", ".join(repr(table.name(j)) for j in range(len(table.columns)))
    raise InputError(
        f"there is no column {item!r}; columns are {names}",
        file=context.file,
        line=table.header_line,
        remedy=f"{did_you_mean(str(item), table.names)}name one of them, or give its number",
    )


def sigma_of(quantities: list[Quantity], j: int, how_many: int) -> int | None:
    """Return the column of standard deviations that belongs to signal column `j`, or None."""
    sigmas = [k for k, q in enumerate(quantities) if q.kind == "sigma"]
    if j + 1 in sigmas:
        return j + 1
    return sigmas[0] if how_many == 1 and len(sigmas) == 1 else None


def unused_columns(table: Table, used: Collection[int | None]) -> tuple[Remark, ...]:
    """Return a remark that names every column that holds something and is not used."""
    left = [
        table.name(j) for j, column in enumerate(table.columns) if j not in used and column.kind != "empty"
    ]
    if not left:
        return ()
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    text = f"columns not used: {', '.join(left[:_MOST_NAMED])}{more}"
    return (Remark("columns_unused", text, len(left)),)
