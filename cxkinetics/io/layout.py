"""What kind of table it is: trace, matrix (either way round), long table, spectrum or column pairs.

The names decide. Where they are silent, the numbers may (a column of negative values is no
wavelength); where both axes remain possible, the reader asks instead of guessing.
"""

from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, build_series
from cxkinetics.io.columns import SPECTRAL, unused_columns
from cxkinetics.io.context import Context
from cxkinetics.io.formats import Signal
from cxkinetics.io.headers import AXES, Quantity, read_corner, read_header
from cxkinetics.io.pairs import is_pairs, read_pairs
from cxkinetics.io.quantities import axis_nm, axis_unit_of, refuse_texts, seconds_of, time_unit_of
from cxkinetics.io.seriescolumn import Series, series_in
from cxkinetics.io.table import Table
from cxkinetics.io.timecolumn import settled, time_columns, time_of, varies
from cxkinetics.io.tracetable import read_spectrum_table, read_trace_table
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries

__all__ = ["understand"]


def understand(context: Context, table: Table) -> list[Signal]:
    """Return the signals that a table holds.

    Parameters
    ----------
    context : Context
        File, options, and what a preamble said.
    table : Table
        Names and columns.

    Raises
    ------
    InputError
        If an axis, a column or a unit cannot be told.
    """
    if _numbered_names(table):
        text = f"the row {table.name(0)!r} above the readings counts them: not used"
        context = context.saying(Remark("counter_row", text))
        table = replace(table, names=["", *table.groups[1:]], groups=table.groups[:1])
    quantities = [read_header(name) for name in table.names]
    quantities += [Quantity("")] * (len(table.columns) - len(quantities))
    if not table.names and not context.x_kind:
        context = context.saying(_no_header(len(table.columns)))
    if is_pairs(table, quantities):
        return read_pairs(context, table, quantities)
    times = time_columns(table, quantities)
    quantities = settled(table, quantities, times)
    series = series_in(context, table, quantities, times)
    if series:
        return _read_series(context, series)
    long = _long_columns(table, quantities, times)
    if long is not None:
        return list(_read_long(context, table, quantities, times, *long))
    axis_j = _axis_column(quantities, times)
    matrix = _matrix_columns(table, quantities, [axis_j, *times])
    if matrix is not None:
        return _read_matrix(context, table, quantities, times or [axis_j], matrix)
    if _first_is_spectral(context, table, quantities, axis_j, times):
        return list(read_spectrum_table(context, table, quantities))
    return list(read_trace_table(_at_one_wavelength(context, table, quantities), table, quantities))


def _at_one_wavelength(context: Context, table: Table, quantities: list[Quantity]) -> Context:
    """Return the context with the wavelength that a column repeats in every row ("wavelength (nm)")."""
    for column, quantity in zip(table.columns, quantities, strict=True):
        plain = read_header(quantity.name.partition("(")[0]).kind in SPECTRAL  # not "baseline (nm)"
        if (
            plain
            and quantity.place is None
            and np.isfinite(column.values).all()
            and not varies(column.values)
        ):
            unit = axis_unit_of(quantity.kind, quantity.unit)
            return replace(context, wavelength_nm=float(axis_nm(context, column.values[:1], unit)[0][0]))
    return context


def _read_series(context: Context, series: Series) -> list[Signal]:
    """Read the rows of each series as a table of its own, and label its signals."""
    context = context.saying(series.remark)
    signals: list[Signal] = []
    for label, part in series.tables:
        found = understand(context, part)
        for signal in found:
            name = label if len(found) == 1 else f"{label} {signal.label}"
            source = replace(signal.source, trace=len(signals) + 1)
            signals.append(replace(signal, label=name, source=source))
    return signals


def _numbered_names(table: Table) -> bool:
    """Return whether the names of the columns only count them, and the row above names an axis."""
    if not table.groups or not table.names:
        return False
    return read_header(table.names[0]).kind == "index" and read_header(table.groups[0]).kind in AXES


def _no_header(width: int) -> Remark:
    return Remark(
        "no_header",
        "no header: the first column is taken as time, "
        + ("the second as absorbance" if width == 2 else "the others as signals"),
    )


def _long_columns(table: Table, quantities: list[Quantity], times: list[int]) -> tuple[int, int] | None:
    """Return the indices of spectral axis and signal of a tidy table, or None."""
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    axes = [j for j in axes if varies(table.columns[j].values)]
    free = [j for j, q in enumerate(quantities) if q.place is None and j not in (*times, *axes)]
    signals = [j for j in free if quantities[j].kind in ("absorbance", "transmittance", "counts")]
    if not signals:
        signals = [j for j in free if not quantities[j].kind and table.columns[j].kind == "number"]
    if times and len(axes) == 1 and len(signals) == 1:
        return axes[0], signals[0]
    return None


def _axis_column(quantities: list[Quantity], times: list[int]) -> int:
    """Return the column whose cells are the axis of the rows: time, else spectral, else no counter."""
    if times:
        return times[0]
    spectral = (j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None)
    return next(spectral, 0)


def _read_long(
    context: Context,
    table: Table,
    quantities: list[Quantity],
    times_j: list[int],
    axis_j: int,
    signal_j: int,
) -> list[SpectralSeries]:
    refuse_texts(context, table, [*times_j, axis_j, signal_j])
    seconds, said = seconds_of(context, *time_of(table, quantities, times_j))
    context = context.saying(*unused_columns(table, {*times_j, axis_j, signal_j}))
    axis = table.columns[axis_j].values
    values = table.columns[signal_j].values
    lines = np.asarray(table.lines)
    known = np.isfinite(seconds) & np.isfinite(axis)
    times, row = np.unique(seconds[known], return_inverse=True)
    places, column = np.unique(axis[known], return_inverse=True)
    if times.size * places.size > 20 * max(int(known.sum()), 1):
        raise InputError(
            f"{times.size} times, {places.size} wavelengths but {int(known.sum())} rows: no grid of spectra",
            file=context.file,
            remedy="give every spectrum the same wavelengths",
        )
    matrix = np.full((times.size, places.size), np.nan)
    seen = np.zeros(matrix.shape, dtype=np.intp)
    used, used_lines = values[known], lines[known]
    np.add.at(seen, (row, column), 1)
    remarks = list(said)
    if (seen > 1).any():
        differing = _repeats(used, row, column, matrix.shape)
        if differing is not None:
            raise InputError(
                f"two different readings at {seconds[known][differing]:g} s and {axis[known][differing]:g}",
                file=context.file,
                line=int(used_lines[differing]),
                remedy="split the file: every time and wavelength must stand once",
            )
        extra = int((seen - 1)[seen > 1].sum())
        first = np.unique(row * places.size + column, return_index=True)[1]
        again = np.delete(used_lines, first)
        text = f"{extra} exact duplicate rows counted once"
        remarks.append(Remark.at("duplicate_rows", text, extra, rows=again.tolist()))
    matrix[row, column] = used
    first_line = np.full(times.size, np.iinfo(np.intp).max, dtype=np.intp)
    np.minimum.at(first_line, row, used_lines)
    overflow = table.columns[signal_j].overflow
    raw = RawMatrix(
        time_s=times,
        axis=places,
        axis_unit=axis_unit_of(quantities[axis_j].kind, quantities[axis_j].unit),
        matrix=matrix,
        quantity=quantities[signal_j],
        lines=first_line,
        overflow=len(overflow),
        overflow_lines=table.lines_of(overflow),
        label=context.label,
    )
    return build_series(context.saying(*remarks), raw)


def _repeats(values: Array, row: IntArray, column: IntArray, shape: tuple[int, ...]) -> int | None:
    """Index of the first reading that differs from an earlier one in the same cell, or None."""
    filled = np.full(shape, np.nan)
    for i in range(values.size):
        place = (row[i], column[i])
        if np.isfinite(filled[place]) and np.isfinite(values[i]) and filled[place] != values[i]:
            return i
        filled[place] = values[i]
    return None


def _matrix_columns(table: Table, quantities: list[Quantity], axes: list[int]) -> list[int] | None:
    """Columns whose names are places on one axis, if the table is a matrix, else None."""
    placed = [
        j
        for j, q in enumerate(quantities)
        if j not in axes and q.place is not None and table.columns[j].kind != "text"
    ]
    others = [
        j
        for j, q in enumerate(quantities)
        if j not in axes
        and q.place is None
        and table.columns[j].kind == "number"
        and q.kind not in ("index", "temperature", "time")
    ]
    if not placed or len(placed) < 2 * len(others):
        return None
    kinds = {quantities[j].place_kind for j in placed}
    if len(kinds) > 1 and kinds != {"time", ""}:
        return None
    if len(placed) == 1 and kinds != {"wavelength"} and kinds != {""}:
        return None
    return placed


def _read_matrix(
    context: Context, table: Table, quantities: list[Quantity], axis: list[int], placed: list[int]
) -> list[Signal]:
    axis_j = axis[0]
    row_quantity, column_quantity = (
        read_corner(table.names[axis_j]) if table.names else (Quantity(""), Quantity(""))
    )
    column_quantity = column_quantity if column_quantity.kind else _named_above(table)
    places = np.array([quantities[j].place for j in placed], dtype=np.float64)
    kind = next((quantities[j].place_kind for j in placed if quantities[j].place_kind), "")
    kind = kind or column_quantity.kind
    first, _ = time_of(table, quantities, axis)
    row_kind = row_quantity.kind if row_quantity.kind in (*SPECTRAL, "time") else ""
    if first.kind in ("clock", "moment"):
        row_kind = "time"
    if context.options.column is not None and kind in SPECTRAL and len(placed) > 1:
        return list(read_trace_table(context, table, _as_columns(quantities, row_quantity, axis_j)))
    by_time, guessed = _rows_are_times(context, row_kind, kind, first.values, places)
    if guessed is not None:
        context = context.saying(guessed)
    refuse_texts(context, table, [*axis, *placed])
    if len(placed) > 1 or not by_time:
        context = context.saying(*unused_columns(table, {*axis, *placed}))
    body = table.block(placed)
    overflow = sum(len(table.columns[j].overflow) for j in placed)
    rows = sorted({row for j in placed for row in table.columns[j].overflow})
    signal = _body_quantity(quantities, placed)
    if by_time:
        seconds, said = seconds_of(context, first, row_quantity)
        unit = quantities[placed[0]].unit if kind in SPECTRAL and quantities[placed[0]].unit else ""
        unit = unit or axis_unit_of(kind, column_quantity.unit)
        if len(placed) == 1:
            named = _as_columns(quantities, row_quantity, axis_j)
            named[placed[0]] = Quantity(
                signal.name, signal.kind or "absorbance", unit, float(places[0]), "wavelength"
            )
            return list(read_trace_table(context, table, named))
        raw = RawMatrix(
            time_s=seconds,
            axis=places,
            axis_unit=unit,
            matrix=body,
            quantity=signal,
            lines=np.asarray(table.lines),
            overflow=overflow,
            overflow_lines=table.lines_of(rows),
            label=context.label,
        )
        return list(build_series(context.saying(*said), raw))
    text = "the table is transposed: its rows are wavelengths, its columns times"
    context = context.saying(Remark("transposed", text))
    times, said = _times_of_names(context, [quantities[j] for j in placed], column_quantity)
    axis_unit = axis_unit_of(row_quantity.kind, row_quantity.unit)
    known = np.isfinite(first.values)
    raw = RawMatrix(
        time_s=times,
        axis=first.values[known],
        axis_unit=axis_unit,
        matrix=body[known].T,
        quantity=signal,
        overflow=overflow,
        overflow_lines=table.lines_of(rows),
        label=context.label,
    )
    return list(build_series(context.saying(*said), raw))


def _as_columns(quantities: list[Quantity], rows: Quantity, axis_j: int) -> list[Quantity]:
    """Return the quantities of a matrix read as a table of traces: the axis of its rows is the time."""
    named = list(quantities)
    named[axis_j] = Quantity(rows.name, "time", rows.unit)
    return named


def _named_above(table: Table) -> Quantity:
    """Return what the row above the names says of the axis across, where it says one thing."""
    said = {cell for cell in table.groups if cell}
    found = read_header(said.pop()) if len(said) == 1 else Quantity("")
    return found if found.kind in SPECTRAL or found.kind == "time" else Quantity("")


def _body_quantity(quantities: list[Quantity], placed: list[int]) -> Quantity:
    """Return what the body of a matrix holds, where the column names say it ("%T 324 nm")."""
    kinds = {quantities[j].kind for j in placed}
    named = next((q for q in (quantities[j] for j in placed) if q.kind), Quantity(""))
    place_kind = next((quantities[j].place_kind for j in placed if quantities[j].place_kind), "wavelength")
    return Quantity(
        named.name if len(kinds) == 1 else "", named.kind if len(kinds) == 1 else "", place_kind=place_kind
    )


def _times_of_names(
    context: Context, quantities: list[Quantity], column_quantity: Quantity
) -> tuple[Array, tuple[Remark, ...]]:
    values = np.array([q.place for q in quantities], dtype=np.float64)
    if quantities[0].place_kind == "moment":
        text = "absolute dates and times: time counts from the first"
        return values - float(values.min()), (Remark("absolute_times", text),)
    units = [q.unit for q in quantities]
    if len(set(units)) > 1 and all(units):
        factors = [time_unit_of(context, q)[0] for q in quantities]
        return values * np.array(factors), ()
    unit = next((unit for unit in units if unit), column_quantity.unit)
    factor, said = time_unit_of(context, Quantity("", "time", unit))
    return values * factor, said


def _rows_are_times(
    context: Context, row_kind: str, column_kind: str, rows: Array, columns: Array
) -> tuple[bool, Remark | None]:
    """Decide which axis of a matrix is time."""
    if context.options.time_in is not None:
        return context.options.time_in == "rows", None
    if row_kind == "time" or column_kind in SPECTRAL:
        return True, None
    if row_kind in SPECTRAL or column_kind in ("time", "moment"):
        return False, None
    row_may, column_may = _may_be_wavelength(rows), _may_be_wavelength(columns)
    if column_may and not row_may:
        span = f"{columns.min():g}-{columns.max():g} nm"
        text = f"columns taken as wavelengths ({span}), rows as times: no name says so"
        return True, Remark("axes_assumed", text)
    if row_may and not column_may:
        text = (
            f"rows taken as wavelengths ({rows.min():g}-{rows.max():g} nm), columns as times: no name says so"
        )
        return False, Remark("axes_assumed", text)
    raise InputError(
        f"which axis is time cannot be told: the rows run from {_span(rows)}, "
        f"the columns from {_span(columns)}",
        file=context.file,
        remedy="name the corner cell 'time (s)' or 'wavelength (nm)', or pass time_in='rows' or 'columns'",
    )


def _span(values: Array) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():g} to {known.max():g}" if known.size else "nothing to nothing"


def _may_be_wavelength(values: Array) -> bool:
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() < 150 or known.max() > 3500:
        return False
    steps = np.diff(known)
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _first_is_spectral(
    context: Context, table: Table, quantities: list[Quantity], axis_j: int, times: list[int]
) -> bool:
    if times:
        return False
    if (axis_j == 0 or quantities[0].kind == "index") and quantities[axis_j].kind in SPECTRAL:
        return True
    if context.x_kind in SPECTRAL:
        return True
    if quantities[0].kind or quantities[0].name or context.x_kind or context.options.time_unit:
        return False
    values = table.columns[0].values
    if not _may_be_wavelength(values) or values.size < 20:
        return False
    raise InputError(
        f"the first column has no name and runs from {_span(values)}: time or wavelength?",
        file=context.file,
        line=int(table.lines[0]),
        remedy="name it in a header, or pass --time-unit if it is time",
    )
