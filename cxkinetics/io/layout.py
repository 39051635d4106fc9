"""What kind of table it is (trace, matrix either way, long, column pairs), its columns as signals."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.io.file import Context, Signal, numbered
from cxkinetics.io.headers import AXES, Quantity, read_corner, read_header
from cxkinetics.io.quantities import axis_nm, axis_unit_of, refuse_texts, seconds_of, signal_of, time_unit_of
from cxkinetics.io.signals import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.table import Column, Table
from cxkinetics.io.words import (
    KIND_OF,
    absorbance_from_counts,
    speak_of_dose,
    time_factor,
    time_in_name,
    to_nanometres,
)
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import starts_of_runs
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

SPECTRAL = ("wavelength", "energy", "wavenumber")
_OPTICAL = ("absorbance", "transmittance", "counts")
_MOST_NAMED = 40
NOT_SIGNALS = ("time", "sigma", "index", "temperature", *SPECTRAL)


def chosen_columns(
    context: Context, table: Table, quantities: list[Quantity], not_these: set[int]
) -> list[int]:
    """Return which columns are the signals: those asked for, else the only one that can be meant."""
    if context.options.column is not None:
        return _asked(context, table)
    candidates = [
        j
        for j, q in enumerate(quantities)
        if j not in not_these
        and table.columns[j].kind == "number"
        and (q.kind not in NOT_SIGNALS or q.place_kind in SPECTRAL)
    ]
    if not candidates:
        raise context.error(
            f"no column holds a signal; columns are {table.listed}",
            "name one with column= (--column)",
            line=table.header_line,
        )
    if len(candidates) == 1:
        return candidates
    strong = [j for j in candidates if quantities[j].kind in _OPTICAL and not quantities[j].weak]
    if len(strong) == 1:
        return strong
    if _parallel([quantities[j] for j in candidates]):
        return candidates
    if len(strong) > 1 and _parallel([quantities[j] for j in strong]):
        return strong
    names = [table.name(j) for j in candidates]
    if len(set(names)) < len(names):
        names = [f"{name} (number {j + 1})" for name, j in zip(names, candidates, strict=True)]
    raise context.error(
        f"{len(candidates)} columns could be the signal: {', '.join(names)}",
        "say which with column= (--column NAME)",
        line=table.header_line,
    )


def _asked(context: Context, table: Table) -> list[int]:
    wanted = context.options.column
    items = [wanted] if isinstance(wanted, (str, int)) else wanted or []
    return [find_column(context, table, item) for item in items]


def _parallel(quantities: list[Quantity]) -> bool:
    """Return whether columns are traces side by side: wells, or names that differ by a number alone."""
    if all(q.kind == "well" for q in quantities):
        return True
    stems = {q.name.rstrip("0123456789").strip(" _-#.").casefold() for q in quantities}
    return len(stems) == 1 and "" not in stems and all(q.name[-1].isdigit() for q in quantities)


def find_column(context: Context, table: Table, item: str | int) -> int:
    """Return the index of a column by name (part of a name will do) or by number from 1."""
    if isinstance(item, int) or (isinstance(item, str) and item.isdecimal() and item not in table.names):
        j = int(item) - 1
        if 0 <= j < len(table.columns):
            return j
    else:
        folded = [name.casefold() for name in table.names]
        wanted = item.strip().casefold()
        if wanted in folded:
            if folded.count(wanted) > 1:
                raise context.error(
                    f"column {item!r} stands {folded.count(wanted)} times",
                    "choose by number: column=2",
                    line=table.header_line,
                )
            return folded.index(wanted)
        within = [j for j, name in enumerate(folded) if wanted and wanted in name]
        if len(within) == 1:
            return within[0]
    raise context.error(
        f"there is no column {item!r}; columns are {table.listed}",
        f"{did_you_mean(str(item), table.names)}name one of them, or give its number",
        line=table.header_line,
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
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    text = f"columns not used: {', '.join(left[:_MOST_NAMED])}{more}"
    return (Remark("columns_unused", text, len(left)),) if left else ()


_DAY = 86400.0


def time_columns(table: Table, quantities: list[Quantity]) -> list[int]:
    """Return the column that is the time, two where a date and a clock are joined, or none.

    Only names and cells that say so count: a column named as time with its unit, else a date or
    clock, else a name that is a unit and no more ("min", "h"), which beside a date or clock says
    nothing about time (a minimum, a height).
    """
    columns = table.columns
    clocks = [j for j, column in enumerate(columns) if column.kind == "clock"]
    dates = [j for j, column in enumerate(columns) if column.kind == "moment"]
    named = [j for j, q in enumerate(quantities) if q.kind == "time" and columns[j].kind == "number"]
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    if clocks or dates or axes:  # "time point" 1, 2, 3 counts
        named = [j for j in named if quantities[j].unit or not _counts(columns[j].values)]
    sure = [j for j in named if not quantities[j].weak and varies(columns[j].values)]
    if sure:
        return [min(sure, key=lambda j: (not quantities[j].unit, _counts(columns[j].values)))]
    plain_days = [j for j in dates if not np.any(columns[j].values % _DAY > 0)]
    if plain_days and clocks:
        return [plain_days[0], clocks[0]]
    for group in (dates, clocks, named):
        if group:
            return [next((j for j in group if varies(columns[j].values)), group[0])]
    return []


def time_of(table: Table, quantities: list[Quantity], found: list[int]) -> tuple[Column, Quantity]:
    """Return values and meaning of the time found by `time_columns`."""
    column = table.columns[found[0]]
    if len(found) > 1:
        column = Column(column.values + table.columns[found[1]].values, "moment")
    quantity = quantities[found[0]]
    return column, replace(quantity, kind="time", place=None, place_kind="")


def settled(table: Table, quantities: list[Quantity], found: list[int]) -> list[Quantity]:
    """Return the meanings once the time is found: rivals give way, counters before it are counters."""
    if not found:
        return quantities
    result = list(quantities)
    for j, quantity in enumerate(quantities):
        if j in found or table.columns[j].kind != "number":
            continue
        if quantity.kind == "time" and quantity.weak:
            own = KIND_OF.get(quantity.name.casefold().strip(" ."), "")
            kind = "temperature" if quantity.name == "T" else own if own == "sigma" else ""
            result[j] = replace(quantity, kind=kind, unit="")
        elif j < found[0] and not quantity.kind and quantity.place is None:
            counted = _counts(table.columns[j].values)
            result[j] = replace(quantity, kind="index") if counted else quantity
    return result


def varies(values: Array) -> bool:
    """Return whether there is more than one number; a single row is taken to vary."""
    known = values[np.isfinite(values)]
    return values.size < 2 or (known.size > 0 and bool(np.any(known != known[0])))


def _counts(values: Array) -> bool:
    """Return whether the values are 0, 1, 2, ... or 1, 2, 3, ..."""
    return values.size > 1 and values[0] in (0.0, 1.0) and bool(np.all(np.diff(values) == 1.0))


_NAMES = """
    well wells wellid wellname wellposition sample samples sampleid samplename sampleno id name cell cells
    cuvette position pos run runs replicate replicates rep repeat trial experiment exp series trace channel
    plate plateid tube vial probe probenname küvette messung dataset condition compound substrate strain group
    échantillon puits cuve muestra pocillo campione pozzetto
"""
_WORDS = frozenset(_NAMES.split())
_MAY_BE_READINGS = frozenset(["sample", "samples", "probe", "channel", "cell", "cells", "position", "pos"])


def series_in(
    context: Context, table: Table, quantities: list[Quantity], times: list[int]
) -> tuple[Context, dict[str, Table]]:
    """Return a table for each series that stands in one, by its label, or none where all rows belong to one.

    The context says how they were told apart.

    Raises
    ------
    InputError
        If rows of one time carry different labels and the series cannot be told, or a label is missing.
    """
    taken = [*times, *_asked(context, table)]
    free = [
        j
        for j, q in enumerate(quantities)
        if j not in taken and q.place is None and (table.columns[j].kind == "text" or _whole(table, j, q))
    ]
    if not times or not free:
        return context, {}
    time, _ = time_of(table, quantities, times)
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    place = np.zeros(time.values.size) if len(axes) != 1 else table.columns[axes[0]].values
    mixed = _repeats(time.values, place) or (not axes and len(starts_of_runs(time.values)) > 1)
    labels = {j: _labels(table.columns[j], table.n_rows) for j in free}
    keys = [
        j
        for j in free
        if _word(quantities[j]) in _WORDS
        and (table.columns[j].kind == "text" or mixed or _word(quantities[j]) not in _MAY_BE_READINGS)
        and _divides(labels[j], time.values)
    ]
    if not keys and mixed:
        keys = [j for j in free if _divides(labels[j], time.values) and _sorts(labels[j], time.values, place)]
        if not keys and np.unique(time.values).size > 1:
            _refuse_unclear(context, table, labels, time.values, place)
        if len({tuple(np.unique(labels[j], return_inverse=True)[1].tolist()) for j in keys}) > 1:
            raise _ask(context, table, keys)
        keys = keys[:1]
    return _split(context, table, keys, labels) if keys else (context, {})


def _split(
    context: Context, table: Table, keys: list[int], labels: dict[int, list[str]]
) -> tuple[Context, dict[str, Table]]:
    for j in keys:
        if "" in labels[j]:
            raise context.error(
                "this row says not to which series it belongs",
                "fill in the cell, or remove the column where all rows belong to one series",
                line=int(table.lines[labels[j].index("")]),
                column=table.name(j),
            )
    names = list(labels[keys[0]])
    used = [keys[0]]
    for j in keys[1:]:  # a column that the others imply adds nothing to the name
        joined = [f"{a} {b}" for a, b in zip(names, labels[j], strict=True)]
        if len(set(joined)) > len(set(names)):
            names, used = joined, [*used, j]
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name, []).append(i)
    told = " and ".join(repr(table.name(j)) for j in used)
    text = f"{len(rows)} series in one table, told apart by column {told}"
    # the columns that told them apart are blanked: numbers and places of the others stay those of the file
    blank = Column(np.full(table.n_rows, np.nan), "empty")
    columns = [blank if j in keys else column for j, column in enumerate(table.columns)]
    bare = replace(table, columns=columns)
    parts = {name: bare.take(np.array(index)) for name, index in rows.items()}
    return context.saying(Remark("series_by_column", text, len(rows))), parts


def _word(quantity: Quantity) -> str:
    return re.sub(r"[\W_]+", "", quantity.name.casefold())


def _whole(table: Table, j: int, quantity: Quantity) -> bool:
    """Return whether a column of numbers may be labels: whole numbers that repeat, no signal by name."""
    column = table.columns[j]
    if column.kind != "number" or quantity.kind not in ("", "index"):
        return False
    if quantity.kind == "" and _word(quantity) not in _WORDS:
        return False
    known, counts = np.unique(column.values[np.isfinite(column.values)], return_counts=True)
    return known.size > 1 and bool(np.all(known == np.round(known))) and int(counts.min()) > 1


def _labels(column: Column, n: int) -> list[str]:
    cells = [""] * n if column.kind == "text" else [f"{v:g}" if np.isfinite(v) else "" for v in column.values]
    for row, cell in column.texts:
        cells[row] = cell
    return cells


def _divides(labels: list[str], time: Array) -> bool:
    """Return whether there are several labels, and one stands at several times."""
    seen: dict[str, set[float]] = {}
    for label, at in zip(labels, time.tolist(), strict=True):
        seen.setdefault(label, set()).add(at)
    return len(seen) > 1 and any(len(found) > 1 for label, found in seen.items() if label)


def _sorts(labels: list[str], time: Array, place: Array) -> bool:
    """Return whether every reading of one label has a time (and place) of its own."""
    if min(Counter(labels).values()) < 2 or "" in labels:
        return False
    names = np.array(labels)
    return not any(
        _repeats(time[names == name], place[names == name]) or len(starts_of_runs(time[names == name])) > 1
        for name in set(labels)
    )


def _repeats(time: Array, place: Array) -> bool:
    known = np.isfinite(time) & np.isfinite(place)
    pairs: IntArray = np.unique(np.column_stack([time[known], place[known]]), axis=0)
    return len(pairs) < int(known.sum())


def _refuse_unclear(
    context: Context, table: Table, labels: dict[int, list[str]], time: Array, place: Array
) -> None:
    """Ask where two rows of one time carry different labels in a column of text."""
    texts = [j for j in labels if table.columns[j].kind == "text"]
    if texts and table.body is not None:  # of a large file the cells of text columns are not kept
        raise _ask(context, table, texts)
    for j in texts:
        at: dict[tuple[float, float], str] = {}
        for label, where in zip(labels[j], zip(time.tolist(), place.tolist(), strict=True), strict=True):
            if label and at.setdefault(where, label) != label:
                raise _ask(context, table, [j])


def _ask(context: Context, table: Table, columns: list[int]) -> InputError:
    names = " or ".join(repr(table.name(j)) for j in columns)
    return context.error(
        f"times repeat, and whether column {names} tells several series apart is not clear",
        "name the column that does 'well' or 'sample' and leave the others out, or split the file",
        line=table.header_line,
        column=table.name(columns[0]),
    )


def is_pairs(table: Table, quantities: list[Quantity]) -> bool:
    """Return whether the columns are (axis, signal) pairs, two or more of them."""
    n = len(quantities) // 2 * 2
    while n > 2 and table.columns[n - 1].kind == "empty" and table.columns[n - 2].kind == "empty":
        n -= 2
    axes, signals = {q.kind for q in quantities[:n:2]}, {q.kind for q in quantities[1:n:2]}
    return n >= 4 and len(axes) == 1 and axes <= {*AXES} and not signals & {*AXES, "sigma"}


def read_pairs(context: Context, table: Table, quantities: list[Quantity]) -> list[Signal]:
    """Return one signal for each pair, labelled by the row above the names."""
    found: list[Signal] = []
    for number, j in enumerate(range(0, len(quantities) - 1, 2), start=1):
        axis, column = table.columns[j], table.columns[j + 1]
        label = next((group for group in table.groups[j : j + 2] if group), f"trace {number}")
        filled = np.isfinite(axis.values) | np.isfinite(column.values) | column.overflowed | axis.overflowed
        if axis.kind == "empty" or not filled.any():
            continue
        last = int(np.flatnonzero(filled)[-1]) + 1
        refuse_texts(context, table, [j, j + 1])
        if quantities[j].kind != "time":
            text = "a spectrum without a time: it is set to 0 s"
            told = context.saying(Remark("time_set_zero", text))
            spectrum = _spectrum(table, quantities, j, j + 1)
            found += build_series(told, replace(spectrum, label=label, number=number))
            continue
        seconds, told = seconds_of(context, axis, quantities[j])
        raw = RawTrace(
            time_s=seconds[:last],
            values=column.values[:last],
            quantity=quantities[j + 1],
            lines=np.asarray(table.lines)[:last],
            time_name=table.name(j),
            overflow=column.overflowed[:last],
            label=label,
            wavelength_nm=context.wavelength_nm,
            number=number,
        )
        found += build_trace(told, raw)
    if not found:
        raise context.error("no column pair holds numbers")
    return found


def _spectrum(table: Table, quantities: list[Quantity], axis_j: int, j: int) -> RawMatrix:
    """Return the spectrum that two columns make, at 0 s."""
    axis, column = table.columns[axis_j], table.columns[j]
    known = np.isfinite(axis.values)
    return RawMatrix(
        time_s=np.zeros(1),
        axis=axis.values[known],
        axis_unit=axis_unit_of(quantities[axis_j].kind, quantities[axis_j].unit),
        matrix=column.values[known][None, :],
        quantity=quantities[j],
        overflow=len(column.overflow),
        overflow_lines=table.lines_of(column.overflow),
    )


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
    reference_j = _reference_column(context, table, quantities)
    beside = [] if reference_j is None else [reference_j]
    used = {*time_j, *beside}
    chosen = chosen_columns(context, table, quantities, used)
    refuse_texts(context, table, [*time_j, *chosen, *beside])
    seconds, context = seconds_of(context, time, time_quantity)
    _refuse_one_time(context, table, seconds, time_j[0])
    sigmas = {j: sigma_of(quantities, j, len(chosen)) for j in chosen}
    context = context.saying(*unused_columns(table, used.union(chosen, sigmas.values())))
    traces: list[Trace] = []
    for j in chosen:
        quantity, column, told, sigma_j = quantities[j], table.columns[j], context, sigmas[j]
        unnamed = not quantity.kind and not quantity.place and quantity.name and not context.y_kind
        if unnamed and len(chosen) == 1:
            text = f"column {quantity.name!r} taken as absorbance: its name does not say what it is"
            told = told.saying(Remark("quantity_assumed", text))
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
            sigma=column.sigma if sigma_j is None else table.columns[sigma_j].values,
            overflow=column.overflowed,
            label=_trace_label(context, table, j, len(chosen)),
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
    raise context.error(
        f"all {known.size} rows stand at one time ({known[0]:g} s): no course of time can be read",
        "name the column that holds the time 'time (s)'",
        line=table.header_line,
        column=table.name(time_j),
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
    folded = str(wanted).strip().casefold()
    named = [j for j, name in enumerate(table.names) if name.strip().casefold() == folded]
    if len(named) == 1:
        return named[0]
    try:
        place = float(wanted)
    except ValueError:
        return find_column(context, table, str(wanted))
    placed = [j for j, q in enumerate(quantities) if q.place_kind == "wavelength" and q.place == place]
    if len(placed) == 1:
        return placed[0]
    raise context.error(
        f"no column was recorded at the reference {place:g} nm; columns are {table.listed}",
        "give the name of the reference column",
        line=table.header_line,
    )


def _with_reference(
    context: Context, table: Table, quantities: list[Quantity], reference_j: int, j: int
) -> tuple[Context, Array, Quantity]:
    """Return a column with its reference applied: counts are divided, drift is subtracted."""
    values, level = table.columns[j].values, table.columns[reference_j].values
    known = level[np.isfinite(level)]
    name = table.name(reference_j)
    if known.size == 0:
        raise context.error("the reference column holds no numbers", column=name)
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


def _trace_label(context: Context, table: Table, j: int, how_many: int) -> str:
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
    remedy = "name the first column 'time (s)', or pass --time-unit if it is the time"
    if speak_of_dose(table.names):
        remedy = "this is a dose table: use cxkinetics incorporation (Python: cx.load_dose_table)"
    raise context.error(
        f"no column is named as time; columns are {table.listed}", remedy, line=table.header_line
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
        raise context.error(
            f"{len(chosen)} spectra without times: {', '.join(map(table.name, chosen))}",
            "put the time of each spectrum into its column name ('10 s'), or choose one with column=",
            line=table.header_line,
        )
    j = chosen[0]
    refuse_texts(context, table, [axis_j, j])
    axis = quantities[axis_j]
    quantities = [*quantities]
    quantities[axis_j] = replace(axis, kind=axis.kind or context.x_kind)
    context = context.saying(*unused_columns(table, {axis_j, j, sigma_of(quantities, j, 1)}))
    time_s, context = spectrum_time(context)
    spectrum = _spectrum(table, quantities, axis_j, j)
    label = _trace_label(context, table, j, 1)
    return build_series(context, replace(spectrum, time_s=np.array([time_s]), label=label))


def spectrum_time(context: Context) -> tuple[float, Context]:
    """Return the time of a single spectrum: from the reader, else from the file name, else 0."""
    if context.spectrum_time_s is not None:
        return context.spectrum_time_s, context
    found = time_in_name(context.content.stem)
    if found is None:
        text = "one spectrum without a time: it is set to 0 s"
        return 0.0, context.saying(Remark("time_set_zero", text))
    shown = f"{found.value:g} {context.options.time_unit or found.unit or 's'}"
    text = f"time {shown} read from the file name {found.text!r}"
    told = context.saying(Remark("time_from_name", text))
    factor, told = time_unit_of(told, Quantity("", "time", found.unit))
    return found.value * factor, told


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
        others = "the second as absorbance" if len(table.columns) == 2 else "the others as signals"
        text = f"no header: the first column is taken as time, {others}"
        context = context.saying(Remark("no_header", text))
    if is_pairs(table, quantities):
        return read_pairs(context, table, quantities)
    times = time_columns(table, quantities)
    quantities = settled(table, quantities, times)
    told, parts = series_in(context, table, quantities, times)
    if parts:
        return _read_series(told, parts)
    long = _long_columns(table, quantities, times)
    if long is not None:
        return list(_read_long(context, table, quantities, times, long))
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


def _read_series(context: Context, parts: dict[str, Table]) -> list[Signal]:
    """Read the rows of each series as a table of its own, and label its signals."""
    signals: list[Signal] = []
    for label, part in parts.items():
        found = understand(context, part)
        for signal in found:
            name = label if len(found) == 1 else f"{label} {signal.label}"
            signals.append(replace(signal, label=name))
    return numbered(signals)


def _numbered_names(table: Table) -> bool:
    """Return whether the names of the columns only count them, and the row above names an axis."""
    if not table.groups or not table.names:
        return False
    return read_header(table.names[0]).kind == "index" and read_header(table.groups[0]).kind in AXES


def _long_columns(table: Table, quantities: list[Quantity], times: list[int]) -> tuple[int, int] | None:
    """Return the indices of spectral axis and signal of a tidy table, or None."""
    axes = [j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None]
    axes = [j for j in axes if varies(table.columns[j].values)]
    free = [j for j, q in enumerate(quantities) if q.place is None and j not in (*times, *axes)]
    signals = [j for j in free if quantities[j].kind in _OPTICAL]
    if not signals:
        signals = [j for j in free if not quantities[j].kind and table.columns[j].kind == "number"]
    return (axes[0], signals[0]) if times and len(axes) == len(signals) == 1 else None


def _axis_column(quantities: list[Quantity], times: list[int]) -> int:
    """Return the column whose cells are the axis of the rows: time, else spectral, else no counter."""
    if times:
        return times[0]
    spectral = (j for j, q in enumerate(quantities) if q.kind in SPECTRAL and q.place is None)
    return next(spectral, 0)


def _read_long(
    context: Context, table: Table, quantities: list[Quantity], times_j: list[int], body: tuple[int, int]
) -> list[SpectralSeries]:
    """Return the series of a tidy table, a row for each time and wavelength; `body` is axis and signal."""
    axis_j, signal_j = body
    used = [*times_j, axis_j, signal_j]
    refuse_texts(context, table, used)
    context = context.saying(*unused_columns(table, used))
    seconds, context = seconds_of(context, *time_of(table, quantities, times_j))
    axis, values = table.columns[axis_j].values, table.columns[signal_j].values
    known = np.isfinite(seconds) & np.isfinite(axis)
    values, lines = values[known], np.asarray(table.lines)[known]
    times, row = np.unique(seconds[known], return_inverse=True)
    places, column = np.unique(axis[known], return_inverse=True)
    # a grid that is mostly empty holds spectra of different axes, or no spectra at all
    if times.size * places.size > 20 * max(values.size, 1):
        raise context.error(
            f"{times.size} times, {places.size} wavelengths but {values.size} rows: no grid of spectra",
            "give every spectrum the same wavelengths",
        )
    cell = row * places.size + column
    again = np.delete(lines, np.unique(cell, return_index=True)[1])
    if again.size:
        differing = _differing(values, cell)
        if differing is not None:
            raise context.error(
                f"two different readings at {seconds[known][differing]:g} s and {axis[known][differing]:g}",
                "split the file: every time and wavelength must stand once",
                line=int(lines[differing]),
            )
        text = f"{again.size} exact duplicate rows counted once"
        context = context.saying(Remark.at("duplicate_rows", text, again.size, rows=again.tolist()))
    matrix = np.full((times.size, places.size), np.nan)
    matrix[row, column] = values
    first_line = np.full(times.size, np.iinfo(np.intp).max, dtype=np.intp)
    np.minimum.at(first_line, row, lines)
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
    return build_series(context, raw)


def _differing(values: Array, cell: IntArray) -> int | None:
    """Return the first reading that differs from the one before it in the same cell, or None."""
    order = np.argsort(cell, kind="stable")
    before, after = values[order[:-1]], values[order[1:]]
    differ = (np.diff(cell[order]) == 0) & np.isfinite(before) & np.isfinite(after) & (before != after)
    return int(order[1:][differ].min()) if differ.any() else None


def _matrix_columns(table: Table, quantities: list[Quantity], axes: list[int]) -> list[int] | None:
    """Columns whose names are places on one axis, if the table is a matrix, else None."""
    free = [(j, q, table.columns[j].kind) for j, q in enumerate(quantities) if j not in axes]
    placed = [j for j, q, kind in free if q.place is not None and kind != "text"]
    beside = ("index", "temperature", "time")  # these may stand beside a matrix
    others = [j for j, q, kind in free if q.place is None and kind == "number" and q.kind not in beside]
    if not placed or len(placed) < 2 * len(others):
        return None
    kinds = {quantities[j].place_kind for j in placed}
    fit = kinds in ({"wavelength"}, {""}) if len(placed) == 1 else len(kinds) == 1 or kinds == {"time", ""}
    return placed if fit else None


def _read_matrix(
    context: Context, table: Table, quantities: list[Quantity], axis: list[int], placed: list[int]
) -> list[Signal]:
    axis_j = axis[0]
    rows, across = read_corner(table.names[axis_j]) if table.names else (Quantity(""), Quantity(""))
    across = across if across.kind else _named_above(table)
    places = np.array([quantities[j].place for j in placed], dtype=np.float64)
    kind = next((quantities[j].place_kind for j in placed if quantities[j].place_kind), "") or across.kind
    first, _ = time_of(table, quantities, axis)
    row_kind = rows.kind if rows.kind in AXES else ""
    if first.kind in ("clock", "moment"):
        row_kind = "time"
    if context.options.column is not None and kind in SPECTRAL and len(placed) > 1:
        return list(read_trace_table(context, table, _as_columns(quantities, rows, axis_j)))
    by_time, guessed = _rows_are_times(context, row_kind, kind, first.values, places)
    if guessed is not None:
        context = context.saying(guessed)
    refuse_texts(context, table, [*axis, *placed])
    if len(placed) > 1 or not by_time:
        context = context.saying(*unused_columns(table, {*axis, *placed}))
    signal = _body_quantity(quantities, placed)
    unit = (quantities[placed[0]].unit if kind in SPECTRAL else "") or axis_unit_of(kind, across.unit)
    if by_time and len(placed) == 1:
        named, kind = _as_columns(quantities, rows, axis_j), signal.kind or "absorbance"
        named[placed[0]] = Quantity(signal.name, kind, unit, float(places[0]), "wavelength")
        return list(read_trace_table(context, table, named))
    marked = [table.columns[j].overflow for j in placed]
    raw = RawMatrix(
        time_s=first.values,
        axis=places,
        axis_unit=unit,
        matrix=table.block(placed),
        quantity=signal,
        lines=np.asarray(table.lines),
        overflow=sum(map(len, marked)),
        overflow_lines=table.lines_of(sorted(set().union(*marked))),
        label=context.label,
    )
    if by_time:
        seconds, context = seconds_of(context, first, rows)
        return list(build_series(context, replace(raw, time_s=seconds)))
    text = "the table is transposed: its rows are wavelengths, its columns times"
    context = context.saying(Remark("transposed", text))
    times, context = _times_of_names(context, [quantities[j] for j in placed], across)
    known, unit = np.isfinite(first.values), axis_unit_of(rows.kind, rows.unit)
    raw = replace(raw, time_s=times, axis=first.values[known], axis_unit=unit, matrix=raw.matrix[known].T)
    return list(build_series(context, replace(raw, lines=None)))


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
    first, kinds = quantities[placed[0]], {quantities[j].kind for j in placed}
    place_kind = next((quantities[j].place_kind for j in placed if quantities[j].place_kind), "wavelength")
    named = first if first.kind and len(kinds) == 1 else Quantity("")
    return Quantity(named.name, named.kind, place_kind=place_kind)


def _times_of_names(context: Context, quantities: list[Quantity], across: Quantity) -> tuple[Array, Context]:
    values = np.array([q.place for q in quantities], dtype=np.float64)
    if quantities[0].place_kind == "moment":
        text = "absolute dates and times: time counts from the first"
        return values - float(values.min()), context.saying(Remark("absolute_times", text))
    units = [q.unit for q in quantities]
    if len(set(units)) > 1 and all(units):
        factors = [time_unit_of(context, q)[0] for q in quantities]
        return values * np.array(factors), replace(context, time_factor_s=factors[-1])
    unit = next((unit for unit in units if unit), across.unit)
    factor, context = time_unit_of(context, Quantity("", "time", unit))
    return values * factor, context


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
    by_time = _may_be_wavelength(columns)
    if by_time != _may_be_wavelength(rows):
        optical, this, other = (columns, "columns", "rows") if by_time else (rows, "rows", "columns")
        span = f"{optical.min():g}-{optical.max():g} nm"
        text = f"{this} taken as wavelengths ({span}), {other} as times: no name says so"
        return by_time, Remark("axes_assumed", text)
    raise context.error(
        f"which axis is time cannot be told: the rows run from {_span(rows)}, "
        f"the columns from {_span(columns)}",
        "name the corner cell 'time (s)' or 'wavelength (nm)', or pass time_in='rows' or 'columns'",
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
    raise context.error(
        f"the first column has no name and runs from {_span(values)}: time or wavelength?",
        "name it in a header, or pass --time-unit if it is time",
        line=int(table.lines[0]),
    )
