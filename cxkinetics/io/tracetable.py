"""Tables of one signal or several against time, and of spectra without times."""

from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.columns import SPECTRAL, chosen_columns, find_column, sigma_of, unused_columns
from cxkinetics.io.context import Context
from cxkinetics.io.dose_words import speak_of_dose
from cxkinetics.io.headers import Quantity
from cxkinetics.io.quantities import (
    axis_unit_of,
    refuse_texts,
    seconds_of,
    signal_of,
    time_unit_of,
)
from cxkinetics.io.table import Column, Table
from cxkinetics.io.timecolumn import time_columns, time_of
from cxkinetics.io.units import absorbance_from_counts, time_factor, to_nanometres
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

__all__ = ["read_spectrum_table", "read_trace_table", "spectrum_time"]


def read_trace_table(context: Context, table: Table, quantities: list[Quantity]) -> list[Trace]:
    """Return the traces of a table whose rows are times.

    One signal column makes one trace; wells and numbered replicates make a list. Where several
    columns could be meant, the reader asks which.

    Raises
    ------
    InputError
        If no column can be the time, or the signal is not unique.
    """
    context, time_j, time, time_quantity = _time_column(context, table, quantities)
    used = set(time_j)
    reference_j = _reference_column(context, table, quantities)
    used |= set() if reference_j is None else {reference_j}
    chosen = chosen_columns(context, table, quantities, used)
    refuse_texts(context, table, [*time_j, *chosen, *([] if reference_j is None else [reference_j])])
    seconds, said = seconds_of(context, time, time_quantity)
    context = context.saying(*said)
    _refuse_one_time(context, table, seconds, time_j[0])
    sigmas = {j: sigma_of(quantities, j, len(chosen)) for j in chosen}
    context = context.saying(*unused_columns(table, used.union(chosen, sigmas.values())))
    traces: list[Trace] = []
    for j in chosen:
        quantity, column = quantities[j], table.columns[j]
        sigma_j = sigmas[j]
        sigma = column.sigma if sigma_j is None else table.columns[sigma_j].values
        told = context
        unnamed = not quantity.kind and not quantity.place and quantity.name and not context.y_kind
        if unnamed and quantity.name and len(chosen) == 1:
            text = f"column {quantity.name!r} taken as absorbance: its name does not say what it is"
            told = told.saying(Remark("quantity_assumed", text))
        overflow = np.zeros(column.values.size, dtype=bool)
        overflow[list(column.overflow)] = True
        wavelength, said = _place_nm(quantity)
        told = told.saying(*said)
        values = column.values
        if reference_j is not None:
            told, values, quantity = _with_reference(told, table, quantities, reference_j, j)
        raw = RawTrace(
            time_s=seconds,
            values=values,
            quantity=quantity,
            lines=np.asarray(table.lines),
            time_name=table.name(time_j[0]),
            sigma=sigma,
            overflow=overflow,
            label=_label(context, table, j, len(chosen)),
            wavelength_nm=wavelength if wavelength is not None else context.wavelength_nm,
            number=len(traces) + 1,
        )
        traces += build_trace(told, raw)
    return traces


def _refuse_one_time(context: Context, table: Table, seconds: Array, time_j: int) -> None:
    """Refuse rows that all stand at one time: samples or repeats, and no course of time."""
    known = seconds[np.isfinite(seconds)]
    if known.size < 3 or np.any(known != known[0]):
        return
    raise InputError(
        f"all {known.size} rows stand at one time ({known[0]:g} s): no course of time can be read",
        file=context.file,
        line=table.header_line,
        column=table.name(time_j),
        remedy="name the column that holds the time 'time (s)'",
    )


def _place_nm(quantity: Quantity) -> tuple[float | None, tuple[Remark, ...]]:
    """Return the wavelength in the name of a column in nm, with a remark where it was converted."""
    if quantity.place is None or quantity.place_kind not in SPECTRAL:
        return None, ()
    unit = axis_unit_of(quantity.place_kind, quantity.unit) or "nm"
    place = float(to_nanometres(np.array([quantity.place]), unit)[0])
    if unit == "nm":
        return place, ()
    text = f"column {quantity.name!r}: {quantity.place:g} {unit} converted to {place:.6g} nm"
    return place, (Remark("axis_converted", text),)


def _reference_column(context: Context, table: Table, quantities: list[Quantity]) -> int | None:
    """Return the column that `reference` names, or whose name holds that wavelength in nm."""
    wanted = context.options.reference
    if wanted is None:
        return None
    named = [
        j for j, name in enumerate(table.names) if name.strip().casefold() == str(wanted).strip().casefold()
    ]
    if len(named) == 1:
        return named[0]
    try:
        place = float(wanted)
    except ValueError:
        return find_column(context, table, str(wanted))
    placed = [j for j, q in enumerate(quantities) if q.place_kind == "wavelength" and q.place == place]
    if len(placed) == 1:
        return placed[0]
    names = ", ".join(repr(table.name(j)) for j in range(len(table.columns)))
    raise InputError(
        f"no column was recorded at the reference {place:g} nm; columns are {names}",
        file=context.file,
        line=table.header_line,
        remedy="give the name of the reference column",
    )


def _with_reference(
    context: Context, table: Table, quantities: list[Quantity], reference_j: int, j: int
) -> tuple[Context, Array, Quantity]:
    """Return a column with its reference applied: counts are divided, drift is subtracted."""
    values, level = table.columns[j].values, table.columns[reference_j].values
    known = level[np.isfinite(level)]
    name = table.name(reference_j)
    if known.size == 0:
        raise InputError("the reference column holds no numbers", file=context.file, column=name)
    if quantities[j].kind == "counts" or context.options.absorbance_unit == "counts":
        text = f"absorbance from counts and a reference, A = -log10(I/I0), I0 from column {name!r}"
        told = replace(context, options=replace(context.options, absorbance_unit="abs"))
        told = told.saying(Remark("reference_applied", text))
        return told, absorbance_from_counts(values, level), replace(quantities[j], kind="absorbance")
    level, _, said = signal_of(context, level, quantities[reference_j])
    signal, unit, converted = signal_of(context, values, quantities[j])
    known = level[np.isfinite(level)]
    text = (
        f"column {name!r} subtracted as reference (drift: {known[0]:.4g} at the start, "
        f"change {known[-1] - known[0]:+.4g})"
    )
    told = context.saying(
        *dict.fromkeys((*said, *converted)), Remark("reference_subtracted", text, known.size)
    )
    plain = Quantity(quantities[j].name, "concentration", unit) if unit not in ("AU", "counts") else None
    told = replace(told, options=replace(told.options, absorbance_unit=None if plain else "abs"))
    return told, signal - level, plain or replace(quantities[j], kind="absorbance", unit="")


def _label(context: Context, table: Table, j: int, how_many: int) -> str:
    filled = [cell for cell in table.groups if cell]
    group = (table.groups[j] if j < len(table.groups) else "") or (filled[0] if len(filled) == 1 else "")
    name = table.names[j] if j < len(table.names) else ""
    if how_many > 1:
        return " ".join(part for part in (group, name) if part) or f"column {j + 1}"
    return group or context.label or name or context.content.stem


def _time_column(
    context: Context, table: Table, quantities: list[Quantity]
) -> tuple[Context, list[int], Column, Quantity]:
    """Return the indices, values and meaning of the time column (a date and a clock are joined)."""
    columns = table.columns
    found = time_columns(table, quantities)
    if found:
        return context, found, *time_of(table, quantities, found)
    first = quantities[0]
    unit = first.unit if time_factor(first.unit or "?") else ""
    if not any(table.names) or (context.options.time_unit and columns[0].kind == "number"):
        return context, [0], columns[0], Quantity(table.name(0), "time", unit or context.time_unit)
    plain = first.kind in ("", "index") and first.name.casefold() in ("", "x", "x-axis", "frame", "frames")
    if columns[0].kind == "number" and (plain or first.kind == "index") and _rises(columns[0].values):
        text = f"column {table.name(0)!r} taken as time: no column is named so"
        told = context.saying(Remark("time_column_assumed", text))
        return told, [0], columns[0], Quantity(table.name(0), "time", unit)
    names = ", ".join(repr(table.name(j)) for j in range(len(columns)))
    remedy = "name the first column 'time (s)', or pass --time-unit if it is the time"
    if speak_of_dose(table.names):
        remedy = "this is a dose table: use cxkinetics incorporation (Python: cx.load_dose_table)"
    raise InputError(
        f"no column is named as time; columns are {names}",
        file=context.file,
        line=table.header_line,
        remedy=remedy,
    )


def _rises(values: Array) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 0 and bool(np.all(np.diff(known) >= 0))


def read_spectrum_table(context: Context, table: Table, quantities: list[Quantity]) -> list[SpectralSeries]:
    """Return a series of one spectrum from a table of wavelength and absorbance without times.

    Raises
    ------
    InputError
        If several spectra stand side by side and none carries a time.
    """
    axis_j = next((j for j, q in enumerate(quantities) if q.kind in SPECTRAL), 0)
    chosen = chosen_columns(context, table, quantities, {axis_j})
    if len(chosen) > 1:
        names = ", ".join(table.name(j) for j in chosen)
        raise InputError(
            f"{len(chosen)} spectra without times: {names}",
            file=context.file,
            line=table.header_line,
            remedy="put the time of each spectrum into its column name ('10 s'), or choose one with column=",
        )
    refuse_texts(context, table, [axis_j, chosen[0]])
    quantity = quantities[axis_j]
    unit = axis_unit_of(quantity.kind or context.x_kind, quantity.unit)
    sigma_j = sigma_of(quantities, chosen[0], 1)
    context = context.saying(*unused_columns(table, {axis_j, chosen[0], sigma_j}))
    time_s, said = spectrum_time(context)
    column = table.columns[chosen[0]]
    axis = table.columns[axis_j].values
    known = np.isfinite(axis)
    raw = RawMatrix(
        time_s=np.array([time_s]),
        axis=axis[known],
        axis_unit=unit,
        matrix=column.values[known][None, :],
        quantity=quantities[chosen[0]],
        overflow=len(column.overflow),
        overflow_lines=table.lines_of(column.overflow),
        label=_label(context, table, chosen[0], 1),
    )
    return build_series(context.saying(*said), raw)


def spectrum_time(context: Context) -> tuple[float, tuple[Remark, ...]]:
    """Return the time of a single spectrum: from the reader, else from the file name, else 0."""
    from cxkinetics.io.names import time_in_name

    if context.spectrum_time_s is not None:
        return context.spectrum_time_s, ()
    found = time_in_name(context.content.stem)
    if found is not None:
        factor, said = time_unit_of(context, Quantity("", "time", found.unit))
        seconds = found.value * factor
        shown = f"{found.value:g} {context.options.time_unit or found.unit or 's'}"
        return seconds, (
            Remark("time_from_name", f"time {shown} read from the file name {found.text!r}"),
            *said,
        )
    return 0.0, (Remark("time_set_zero", "one spectrum without a time: it is set to 0 s"),)
