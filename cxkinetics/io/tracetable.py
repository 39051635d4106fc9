"""Tables of one signal or several against time, and of spectra without times."""

from collections.abc import Sequence

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.context import Context
from cxkinetics.io.headers import Quantity
from cxkinetics.io.quantities import refuse_texts, seconds_of, time_unit_of
from cxkinetics.io.table import Column, Table
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

__all__ = ["chosen_columns", "read_spectrum_table", "read_trace_table"]

NOT_SIGNALS = ("time", "sigma", "index", "temperature", "wavelength", "energy", "wavenumber")
SPECTRAL = ("wavelength", "energy", "wavenumber")


def read_trace_table(context: Context, table: Table, quantities: list[Quantity]) -> list[Trace]:
    """Return the traces of a table whose rows are times.

    One signal column makes one trace; wells and numbered replicates make a list. Where several
    columns could be meant, the reader asks which.

    Raises
    ------
    InputError
        If no column can be the time, or the signal is not unique.
    """
    time_j, time, time_quantity = _time_column(context, table, quantities)
    used_times = set(time_j)
    chosen = chosen_columns(context, table, quantities, used_times)
    refuse_texts(context, table, [*(j for j in time_j), *chosen])
    seconds, said = seconds_of(context, time, time_quantity)
    context = context.saying(*said)
    left = [
        table.name(j)
        for j, column in enumerate(table.columns)
        if j not in used_times
        and j not in chosen
        and column.kind == "number"
        and quantities[j].kind not in ("index",)
    ]
    traces: list[Trace] = []
    for j in chosen:
        quantity, column = quantities[j], table.columns[j]
        sigma_j = _sigma_of(quantities, j, len(chosen))
        sigma = column.sigma if sigma_j is None else table.columns[sigma_j].values
        own = [name for name in left if sigma_j is None or name != table.name(sigma_j)]
        told = context
        if own and len(chosen) == 1:
            told = told.saying(Remark("columns_unused", f"columns not used: {', '.join(own[:8])}", len(own)))
        unnamed = not quantity.kind and not quantity.place and quantity.name and not context.y_kind
        if unnamed and quantity.name and len(chosen) == 1:
            text = f"column {quantity.name!r} taken as absorbance: its name does not say what it is"
            told = told.saying(Remark("quantity_assumed", text))
        overflow = np.zeros(column.values.size, dtype=bool)
        overflow[list(column.overflow)] = True
        wavelength = (
            quantity.place if quantity.place_kind == "wavelength" and quantity.unit in ("nm", "") else None
        )
        raw = RawTrace(
            time_s=seconds,
            values=column.values,
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


def _label(context: Context, table: Table, j: int, how_many: int) -> str:
    group = table.groups[j] if j < len(table.groups) else ""
    name = table.names[j] if j < len(table.names) else ""
    if how_many > 1:
        return " ".join(part for part in (group, name) if part) or f"column {j + 1}"
    return group or context.label or name or context.content.stem


def _time_column(
    context: Context, table: Table, quantities: list[Quantity]
) -> tuple[list[int], Column, Quantity]:
    """Return the indices, values and meaning of the time column (a date and a clock are joined)."""
    columns = table.columns
    clocks = [j for j, c in enumerate(columns) if c.kind == "clock"]
    moments = [j for j, c in enumerate(columns) if c.kind == "moment"]
    named = [j for j, q in enumerate(quantities) if q.kind == "time" and columns[j].kind != "text"]
    numbers = [j for j in named if columns[j].kind == "number"]
    if numbers:
        return [numbers[0]], columns[numbers[0]], quantities[numbers[0]]
    if moments and clocks:
        j, k = moments[0], clocks[0]
        joined = Column(columns[j].values + columns[k].values, "moment")
        return [j, k], joined, quantities[j]
    for group in (moments, clocks):
        if group:
            return [group[0]], columns[group[0]], quantities[group[0]]
    if not table.names or not any(table.names):
        return [0], columns[0], Quantity("", "time", context.time_unit)
    index = [
        j
        for j, q in enumerate(quantities)
        if columns[j].kind == "number" and q.kind in ("", "index", "concentration")
    ]
    if index and index[0] == 0 and _rises(columns[0].values) and quantities[0].kind in ("", "index"):
        name = table.name(0)
        context_remark = f"column {name!r} taken as time: no column is named so"
        return [0], columns[0], Quantity(context_remark, "time", quantities[0].unit)
    names = ", ".join(repr(table.name(j)) for j in range(len(columns)))
    raise InputError(
        f"no column is named as time; columns are {names}",
        file=context.file,
        line=table.header_line,
        remedy="name the first column 'time (s)'",
    )


def _rises(values: Array) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 0 and bool(np.all(np.diff(known) >= 0))


def chosen_columns(
    context: Context, table: Table, quantities: list[Quantity], not_these: set[int]
) -> list[int]:
    """Return which columns are the signals: those asked for, else the only one that can be meant."""
    wanted = context.options.column
    if wanted is not None:
        listed: Sequence[str | int] = [wanted] if isinstance(wanted, (str, int)) else list(wanted)
        return [_find_column(context, table, item) for item in listed]
    candidates = [
        j
        for j, q in enumerate(quantities)
        if (j not in not_these and q.kind not in NOT_SIGNALS and table.columns[j].kind == "number")
        or (j not in not_these and q.place_kind == "wavelength" and table.columns[j].kind == "number")
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
    raise InputError(
        f"{len(candidates)} columns could be the signal: {names}",
        file=context.file,
        line=table.header_line,
        remedy="say which with column= (--column NAME)",
    )


def _parallel(quantities: list[Quantity]) -> bool:
    """Wells of a plate, or names that differ by a number alone ("run 1", "run 2"): traces side by side."""
    if all(q.kind == "well" for q in quantities):
        return True
    stems = {q.name.rstrip("0123456789").strip(" _-#.").casefold() for q in quantities}
    numbered = all(q.name and q.name[-1].isdigit() for q in quantities)
    return len(stems) == 1 and numbered and bool(stems.copy().pop())


def _find_column(context: Context, table: Table, item: str | int) -> int:
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
        remedy="name one of them, or give its number",
    )


def _sigma_of(quantities: list[Quantity], j: int, how_many: int) -> int | None:
    sigmas = [k for k, q in enumerate(quantities) if q.kind == "sigma"]
    if j + 1 in sigmas:
        return j + 1
    return sigmas[0] if how_many == 1 and len(sigmas) == 1 else None


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
    unit = quantity.unit or {"energy": "eV", "wavenumber": "cm-1"}.get(quantity.kind or context.x_kind, "nm")
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
