"""What kind of table it is (trace, matrix either way, long, column pairs), its columns as signals."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.io.cells import is_number
from cxkinetics.io.file import Content, Context, ReadOptions, Signal, decode, numbered, read_content
from cxkinetics.io.grid import rows_of
from cxkinetics.io.headers import AXES, Quantity, read_corner, read_header
from cxkinetics.io.plausible import ask_unit_of_axis
from cxkinetics.io.quantities import axis_nm, axis_unit_of, refuse_texts, seconds_of, signal_of, time_unit_of
from cxkinetics.io.signals import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.table import Column, Table, tables_in, tables_of_rows
from cxkinetics.io.words import (
    KIND_OF,
    absorbance_from_counts,
    absorbance_from_percent_transmittance,
    speak_of_dose,
    time_factor,
    time_in_name,
    to_nanometres,
)
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import starts_of_runs

SPECTRAL = ("wavelength", "energy", "wavenumber")
_OPTICAL = ("absorbance", "transmittance", "counts")
_MOST_NAMED = 40
ALL = "all"
ASKS_AXIS = "time or wavelength"
NOT_SIGNALS = ("time", "sigma", "index", "temperature", "setting", *SPECTRAL)
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table whose columns have a meaning; iterating gives (number, meaning, column), numbers from 0.

    Attributes
    ----------
    context : Context
        File, options, and what was said so far.
    table : Table
        Names and columns.
    quantities : list of Quantity
        Meaning of each column.
    times : list of int
        The column that is the time, two where a date and a clock are joined; none before it is found.
    """

    context: Context
    table: Table
    quantities: list[Quantity]
    times: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, Quantity, Column]]:
        return zip(range(len(self.quantities)), self.quantities, self.table.columns, strict=True)

    @property
    def axes(self) -> list[int]:
        """The columns whose cells are places on a spectral axis."""
        return [j for j, q in enumerate(self.quantities) if q.kind in SPECTRAL and q.place is None]

    def saying(self, *remarks: Remark) -> "Sheet":
        """Return the sheet with more remarks."""
        return replace(self, context=self.context.saying(*remarks))

    def error(self, message: str, remedy: str, column: int | None = None) -> InputError:
        """Return the refusal of the table at the line of its names."""
        name = None if column is None else self.table.name(column)
        return self.context.error(message, remedy, line=self.table.header_line, column=name)


def chosen_columns(sheet: Sheet, not_these: set[int]) -> list[int]:
    """Return which columns are the signals: those asked for, else the only one that can be meant."""
    everything = _wants_all(sheet)
    if sheet.context.options.column is not None and not everything:
        return _asked(sheet)
    meant = {
        j: q
        for j, q, column in sheet
        if j not in not_these and column.kind == "number"
        if q.kind not in NOT_SIGNALS or q.place_kind in SPECTRAL
    }
    if not meant:
        if bare := [
            j for j, q, _ in sheet if q.kind == "temperature" and q.name == "T" and j not in not_these
        ]:
            if sheet.context.options.absorbance_unit is not None:  # says that it is the signal, and which
                return bare[:1]
            raise sheet.error(
                "the only column that can be the signal is 'T', a transmittance or a temperature",
                "if it is the signal, say which: "
                "absorbance_unit= (--absorbance-unit) percentT, fractionT or abs",
            )
        raise sheet.error(
            f"no column holds a signal; columns are {sheet.table.listed}", "name one with column= (--column)"
        )
    amounts = {j: q for j, q in meant.items() if q.kind in (*_OPTICAL, "concentration")}
    if amounts:  # beside them "ln A" or "pH" is no signal
        meant = {j: q for j, q in meant.items() if q.kind != "other"}
    strong = _strong(sheet, meant)
    if everything:
        return list(meant)
    for group in (meant, strong):
        if len(group) == 1:
            return list(group)
    for group in (meant, strong):
        if group and _parallel(list(group.values())):
            return list(group)
    names = [sheet.table.name(j) for j in meant]
    if len(set(names)) < len(names):
        names = [f"{name} (number {j + 1})" for name, j in zip(names, meant, strict=True)]
    if sheet.axes and not sheet.times:
        raise _no_times(sheet, names)
    raise sheet.error(
        f"{len(names)} columns could be the signal: {', '.join(names)}",
        "say which with column= (--column NAME), or read each as a trace (--column all)",
    )


def _no_times(sheet: Sheet, names: list[str]) -> InputError:
    return sheet.error(
        f"{len(names)} columns could be the signal, spectra without times: {', '.join(names)}",
        "give their times in a file (--times FILE), put the time of each into its column name ('10 s'), or "
        "choose one with column= (--column NAME)",
    )


def _strong(sheet: Sheet, meant: dict[int, Quantity]) -> dict[int, Quantity]:
    """Return the columns that are signals by name, without those that say another one in percent again."""
    strong = {j: q for j, q in meant.items() if q.kind in _OPTICAL and not q.weak}
    if len(strong) == 1 and {q.kind for q in strong.values()} <= {q.kind for q in meant.values() if q.weak}:
        return {}  # "A" beside "dA": which is the signal, and which its change or its error?
    kinds = {q.kind: j for j, q in strong.items()}
    if len(strong) == 2 and set(kinds) == {"absorbance", "transmittance"}:
        absorbance, percent = (
            sheet.table.columns[kinds[kind]].values for kind in ("absorbance", "transmittance")
        )
        differ = np.abs(absorbance_from_percent_transmittance(percent) - absorbance)
        if np.isfinite(differ).any() and np.nanmedian(differ) < _ONE_QUANTITY:
            return {kinds["absorbance"]: strong[kinds["absorbance"]]}
    return strong


_ONE_QUANTITY = 0.02  # rounded values of %T differ from their absorbance by so much


def _wants_all(sheet: Sheet) -> bool:
    """Return whether every column is asked for, none being named so."""
    wanted = sheet.context.options.column
    return wanted == ALL and ALL not in {name.strip().casefold() for name in sheet.table.names}


def _asked(sheet: Sheet) -> list[int]:
    wanted = None if _wants_all(sheet) else sheet.context.options.column
    items = [wanted] if isinstance(wanted, (str, int)) else wanted or []
    return [find_column(sheet, item) for item in items]


_WELL_BEHIND = re.compile(r"\([A-P](0?[1-9]|1\d|2[0-4])\)$")


def _parallel(quantities: list[Quantity]) -> bool:
    """Return whether columns are traces side by side: wells, or names that differ by a number alone."""
    if all(q.kind == "well" or _WELL_BEHIND.search(q.name) for q in quantities):
        return True
    stems = {q.name.rstrip("0123456789").strip(" _-#.").casefold() for q in quantities}
    return len(stems) == 1 and "" not in stems and all(q.name[-1].isdigit() for q in quantities)


def find_column(sheet: Sheet, item: str | int) -> int:
    """Return the index of a column by name (part of a name will do) or by number from 1."""
    names = sheet.table.names
    if isinstance(item, int) or (item.isdecimal() and item not in names):
        if 1 <= int(item) <= len(sheet.table.columns):
            return int(item) - 1
    else:
        folded, wanted = [name.casefold() for name in names], item.strip().casefold()
        exact = folded.count(wanted)
        if exact > 1:
            raise sheet.error(f"column {item!r} stands {exact} times", "choose by number: column=2")
        within = [j for j, name in enumerate(folded) if wanted and wanted in name]
        if exact or len(within) == 1:
            return folded.index(wanted) if exact else within[0]
    raise sheet.error(
        f"there is no column {item!r}; columns are {sheet.table.listed}",
        f"{did_you_mean(str(item), names)}name one of them, or give its number",
    )


def sigmas_of(quantities: list[Quantity], signals: list[int]) -> dict[int, int | None]:
    """Return for each signal column its column of standard deviations, None where none is known to be.

    It names the signal, or there are as many of them as signals, or it stands alone right behind.
    """
    sigmas = [k for k, q in enumerate(quantities) if q.kind == "sigma"]
    named = {j: [k for k in sigmas if _is_of(quantities[k], quantities[j])] for j in signals}
    if any(named.values()) and all(len(found) <= 1 for found in named.values()):
        return {j: found[0] if found else None for j, found in named.items()}
    if len(sigmas) == len(signals):
        return dict(zip(signals, sigmas, strict=True))
    return {j: j + 1 if j + 1 in sigmas and j + 2 not in sigmas else None for j in signals}


def _is_of(sigma: Quantity, signal: Quantity) -> bool:
    """Return whether the name of a column of standard deviations holds that of the signal, or its place."""
    if sigma.place is not None or not signal.name:
        return signal.place is not None and sigma.place == signal.place
    name = re.escape(signal.name.replace("_", " "))
    return re.search(rf"(?<!\w){name}(?!\w)", sigma.name.replace("_", " "), re.IGNORECASE) is not None


def _spread(sheet: Sheet, sigma_j: int | None, column: Column) -> Array | None:
    """Return the standard deviations of a signal; those in percent of it are multiplied out."""
    if sigma_j is None:
        return column.sigma
    values, quantity = sheet.table.columns[sigma_j].values, sheet.quantities[sigma_j]
    if quantity.unit == "%" or "%" in quantity.name:
        return values * np.abs(column.values) / 100.0
    return values


def unused_columns(table: Table, used: Collection[int | None]) -> tuple[Remark, ...]:
    """Return a remark that names every column that holds something and is not used."""
    left = [
        table.name(j) for j, column in enumerate(table.columns) if j not in used and column.kind != "empty"
    ]
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    text = f"columns not used: {', '.join(left[:_MOST_NAMED])}{more}"
    return (Remark("columns_unused", text, len(left)),) if left else ()


def time_columns(sheet: Sheet) -> list[int]:
    """Return the column that is the time, two where a date and a clock are joined, or none.

    Only names and cells that say so count: a column named as time with its unit, else a date or
    clock, else a name that is a unit and no more ("min", "h"), which beside a date or clock says
    nothing about time (a minimum, a height).
    """
    columns, quantities = sheet.table.columns, sheet.quantities
    clocks = [j for j, column in enumerate(columns) if column.kind == "clock"]
    dates = [j for j, column in enumerate(columns) if column.kind == "moment"]
    named = [j for j, q, column in sheet if q.kind == "time" and column.kind == "number"]
    named = [j for j in named if quantities[j].name != "T" or j == 0 or _starts_clock(columns[j].values)]
    if clocks or dates or sheet.axes:  # "time point" 1, 2, 3 counts
        named = [j for j in named if quantities[j].unit or not _counts(columns[j].values)]
    sure = [j for j in named if not quantities[j].weak and varies(columns[j].values)]
    if sure:
        return [
            min(sure, key=lambda j: (time_factor(quantities[j].unit) is None, _counts(columns[j].values)))
        ]
    plain_days = [j for j in dates if not np.any(columns[j].values % _DAY > 0)]
    if plain_days and clocks:
        return [plain_days[0], clocks[0]]
    for group in (dates, clocks, named):
        if group:
            return [next((j for j in group if varies(columns[j].values)), group[0])]
    return []


def time_of(sheet: Sheet, found: list[int]) -> tuple[Column, Quantity]:
    """Return values and meaning of the time found by `time_columns`."""
    column = sheet.table.columns[found[0]]
    if len(found) > 1:
        column = Column(column.values + sheet.table.columns[found[1]].values, "moment")
    return column, replace(sheet.quantities[found[0]], kind="time", place=None, place_kind="")


def timed(sheet: Sheet) -> Sheet:
    """Return the sheet with its time found: rivals give way, counters before it are counters."""
    found = time_columns(sheet)
    result = list(sheet.quantities)
    for j, quantity, column in sheet if found else ():
        if j in found or column.kind != "number":
            continue
        if quantity.kind == "time" and quantity.weak:
            own = KIND_OF.get(quantity.name.casefold().strip(" ."), "")
            kind = "temperature" if quantity.name == "T" else own if own == "sigma" else ""
            result[j] = replace(quantity, kind=kind, unit="")
        elif j < found[0] and not quantity.kind and quantity.place is None and _counts(column.values):
            result[j] = replace(quantity, kind="index")
    return replace(sheet, quantities=result, times=found)


def varies(values: Array) -> bool:
    """Return whether there is more than one number; a single row is taken to vary."""
    known = values[np.isfinite(values)]
    return values.size < 2 or (known.size > 0 and bool(np.any(known != known[0])))


def _starts_clock(values: Array) -> bool:
    """Return whether the values rise from 0, as a time does and a temperature does not."""
    known = values[np.isfinite(values)]
    return known.size > 1 and known[0] == 0.0 and bool(np.all(np.diff(known) > 0))


def _counts(values: Array) -> bool:
    """Return whether the values are 0, 1, 2, ... or 1, 2, 3, ..."""
    return values.size > 1 and values[0] in (0.0, 1.0) and bool(np.all(np.diff(values) == 1.0))


_NAMES = """
    well wells wellid wellname wellposition sample samples sampleid samplename sampleno id name cell cells
    curve content
    cuvette position pos run runs replicate replicates rep repeat trial experiment exp series trace channel
    plate plateid tube vial probe probenname küvette messung dataset condition compound substrate strain group
    échantillon puits cuve muestra pocillo campione pozzetto
"""
_WORDS = frozenset(_NAMES.split())
_MAY_BE_READINGS = frozenset(["sample", "samples", "probe", "channel", "cell", "cells", "position", "pos"])


def read_series(sheet: Sheet) -> list[Signal]:
    """Return the signals of all series that stand in one table, or none where all rows belong to one.

    Raises
    ------
    InputError
        If rows of one time carry different labels and the series cannot be told, or a label is missing.
    """
    taken = [*sheet.times, *_asked(sheet)]
    labels = {
        j: _labels(column, sheet.table.n_rows)
        for j, q, column in sheet
        if j not in taken and q.place is None and (column.kind == "text" or _whole(column, q))
    }
    if not sheet.times:
        return []
    time, axes = time_of(sheet, sheet.times)[0].values, sheet.axes
    place = np.zeros(time.size) if len(axes) != 1 else sheet.table.columns[axes[0]].values
    mixed = _repeats(time, place) or (not axes and len(starts_of_runs(time)) > 1)
    texts = [j for j in labels if sheet.table.columns[j].kind == "text"]
    words = [_word(quantity) for quantity in sheet.quantities]
    dividing = [j for j in labels if _divides(labels[j], time)]
    keys = [
        j
        for j in dividing
        if words[j] in _WORDS and (j in texts or mixed or words[j] not in _MAY_BE_READINGS)
    ]
    if not keys and mixed:
        keys = [j for j in dividing if _sorts(labels[j], time, place)]
        if not keys and np.unique(time).size > 1:
            _refuse_unclear(sheet, {j: labels[j] for j in texts}, time, place)
            _refuse_numbered(sheet, time, place)
        if len({tuple(np.unique(labels[j], return_inverse=True)[1].tolist()) for j in keys}) > 1:
            raise _unclear(sheet, keys)
        keys = keys[:1]
    for j in texts if not keys else ():
        if _go_round(labels[j]):
            raise _unclear(
                sheet,
                [j],
                "the labels of column {} come round in turn: whether they tell several series apart",
            )
    return _read_split(sheet, keys, labels) if keys else []


def _read_split(sheet: Sheet, keys: list[int], labels: dict[int, list[str]]) -> list[Signal]:
    """Read the rows of each series as a table of its own, and label its signals."""
    table = sheet.table
    for j in keys:
        if "" in labels[j]:
            raise sheet.context.error(
                "this row says not to which series it belongs",
                "fill in the cell, or remove the column where all rows belong to one series",
                line=int(table.lines[labels[j].index("")]),
                column=table.name(j),
            )
    names, used = labels[keys[0]], [keys[0]]
    for j in keys[1:]:  # a column that the others imply adds nothing to the name
        joined = [f"{a} {b}" for a, b in zip(names, labels[j], strict=True)]
        if len(set(joined)) > len(set(names)):
            names, used = joined, [*used, j]
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name, []).append(i)
    told = " and ".join(repr(table.name(j)) for j in used)
    text = f"{len(rows)} series in one table, told apart by column {told}"
    context = sheet.context.saying(Remark("series_by_column", text, len(rows)))
    # the columns that told them apart are blanked: numbers and places of the others stay those of the file
    blank = Column(np.full(table.n_rows, np.nan), "empty")
    bare = replace(table, columns=[blank if j in keys else column for j, column in enumerate(table.columns)])
    signals: list[Signal] = []
    for label, index in rows.items():
        found = understand(context, bare.take(np.array(index)))
        signals += [replace(s, label=label if len(found) == 1 else f"{label} {s.label}") for s in found]
    return numbered(signals)


def _word(quantity: Quantity) -> str:
    return re.sub(r"[\W_]+", "", quantity.name.casefold())


def _whole(column: Column, quantity: Quantity) -> bool:
    """Return whether a column of numbers may be labels: whole numbers that repeat, no signal by name."""
    named = quantity.kind == "index" or (not quantity.kind and _word(quantity) in _WORDS)
    if column.kind != "number" or not named:
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
    own = [np.array(labels) == name for name in set(labels)]
    return not any(_repeats(time[k], place[k]) or len(starts_of_runs(time[k])) > 1 for k in own)


def _repeats(time: Array, place: Array) -> bool:
    if np.all(np.diff(time) > 0):
        return False
    known = np.isfinite(time) & np.isfinite(place)
    pairs: IntArray = np.unique(np.column_stack([time[known], place[known]]), axis=0)
    return len(pairs) < int(known.sum())


def _refuse_unclear(sheet: Sheet, texts: dict[int, list[str]], time: Array, place: Array) -> None:
    """Ask where two rows of one time carry different labels in a column of text."""
    if texts and sheet.table.body is not None:  # of a large file the cells of text columns are not kept
        raise _unclear(sheet, list(texts))
    for j, labels in texts.items():
        at: dict[tuple[float, float], str] = {}
        for label, *where in zip(labels, time.tolist(), place.tolist(), strict=True):
            if label and at.setdefault((where[0], where[1]), label) != label:
                raise _unclear(sheet, [j])


def _refuse_numbered(sheet: Sheet, time: Array, place: Array) -> None:
    """Ask where times repeat and a column of whole numbers, no signal by name, gives each reading its own."""
    free = [
        (j, column)
        for j, q, column in sheet
        if j not in (*sheet.times, *_asked(sheet))
        and column.kind == "number"
        and not q.kind
        and q.place is None
    ]
    signals = [q for q in sheet.quantities if q.kind in (*_OPTICAL, "concentration")]
    for j, column in free if len(free) > 1 or signals else ():
        labels = _labels(column, sheet.table.n_rows)
        whole = bool(np.all(column.values == np.round(column.values)))
        if whole and _divides(labels, time) and _sorts(labels, time, place):
            raise _unclear(sheet, [j])


def _go_round(labels: list[str]) -> bool:
    """Return whether the same labels come back in the same order throughout, as in a round of samples."""
    n = len(set(labels))
    return n > 1 and len(labels) >= 3 * n and "" not in labels and labels[n:] == labels[:-n]


def _unclear(
    sheet: Sheet,
    columns: list[int],
    text: str = "times repeat, and whether column {} tells several series apart",
) -> InputError:
    names = " or ".join(repr(sheet.table.name(j)) for j in columns)
    return sheet.error(
        f"{text.format(names)} is not clear",
        "name the column that does 'well' or 'sample' and leave the others out, or split the file",
        columns[0],
    )


def is_pairs(sheet: Sheet) -> bool:
    """Return whether the columns are (axis, signal) pairs, two or more of them."""
    kinds = [column.kind for column in sheet.table.columns]
    n = len(kinds) // 2 * 2
    while n > 2 and kinds[n - 2 : n] == ["empty", "empty"]:
        n -= 2
    axes, signals = ({q.kind for q in sheet.quantities[k:n:2]} for k in (0, 1))
    # "min" beside "max" is no time where the other pairs begin with a time
    alike = len({(sheet.quantities[j].weak, kinds[j]) for j in range(0, n, 2) if kinds[j] != "empty"}) == 1
    whole = all(kind == "empty" for kind in kinds[n:])  # a column more belongs to no pair
    return (
        whole and n >= 4 and len(axes) == 1 and axes <= {*AXES} and alike and not signals & {*AXES, "sigma"}
    )


def read_pairs(sheet: Sheet) -> list[Signal]:
    """Return one signal for each pair, labelled by the row above the names."""
    context, table, quantities = sheet.context, sheet.table, sheet.quantities
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
            found += build_series(told, replace(_spectrum(sheet, j, j + 1), label=label, number=number))
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


def _spectrum(sheet: Sheet, axis_j: int, j: int) -> RawMatrix:
    """Return the spectrum that two columns make, at 0 s."""
    axis, quantity = sheet.table.columns[axis_j].values, sheet.quantities[axis_j]
    known = np.isfinite(axis)
    return RawMatrix(
        time_s=np.zeros(1),
        axis=axis[known],
        axis_unit=axis_unit_of(quantity.kind or sheet.context.x_kind, quantity.unit),
        matrix=sheet.table.columns[j].values[known][None, :],
        quantity=sheet.quantities[j],
        overflow=sheet.table.overflow_in([j]),
    )


_PURITY = re.compile(r"\b(A ?)?260 ?/ ?(A ?)?2[38]0\b")


def read_trace_table(sheet: Sheet) -> list[Signal]:
    """Return the traces of a table whose rows are times.

    One signal column makes one trace; wells and numbered replicates make a list. Where several
    columns could be meant, the reader asks which.

    Raises
    ------
    InputError
        If no column can be the time, or the signal is not unique.
    """
    if sheet.context.options.column is None and any(map(_PURITY.search, sheet.table.names)):
        what = "a row for each sample, with its purity (A260/A280), not for each time: no course of time"
        raise sheet.error(what, "export the readings of one sample with the time of each")
    sheet, time_j, time, time_quantity = _time_column(sheet)
    table, quantities = sheet.table, sheet.quantities
    reference_j = _reference_column(sheet)
    beside = [] if reference_j is None else [reference_j]
    used = {*time_j, *beside}
    chosen = chosen_columns(sheet, used)
    refuse_texts(sheet.context, table, [*time_j, *chosen, *beside])
    seconds, context = seconds_of(sheet.context, time, time_quantity)
    known = seconds[np.isfinite(seconds)]
    if known.size >= 3 and np.all(known == known[0]):  # samples or repeats
        text = f"all {known.size} rows stand at one time ({known[0]:g} s): no course of time can be read"
        raise sheet.error(text, "name the column that holds the time 'time (s)'", time_j[0])
    sigmas, clocks = sigmas_of(quantities, chosen), _twins(sheet, time_j)
    context = context.saying(*unused_columns(table, used.union(chosen, sigmas.values(), clocks)))
    traces: list[Signal] = []
    for j in chosen:
        quantity, column, told, sigma_j = quantities[j], table.columns[j], context, sigmas[j]
        unnamed = not quantity.kind and not quantity.place and quantity.name and not context.y_kind
        if unnamed and len(chosen) == 1:
            text = f"column {quantity.name!r} taken as absorbance: its name does not say what it is"
            told = told.saying(Remark("quantity_assumed", text))
        wavelength, said = _place_nm(quantity)
        told, values = told.saying(*said), column.values
        if reference_j is not None:
            told, values, quantity = _with_reference(replace(sheet, context=told), reference_j, j)
        own = max((k for k in clocks if k < j), default=time_j[0])
        raw = RawTrace(
            time_s=seconds
            if own == time_j[0]
            else seconds_of(context, table.columns[own], quantities[own])[0],
            values=values,
            quantity=quantity,
            lines=np.asarray(table.lines),
            time_name=table.name(own),
            sigma=_spread(sheet, sigma_j, column),
            overflow=column.overflowed,
            label=_trace_label(sheet, j, len(chosen)),
            wavelength_nm=wavelength if wavelength is not None else context.wavelength_nm,
            number=len(traces) + 1,
        )
        traces += build_trace(told, raw)
    return traces


def _twins(sheet: Sheet, time_j: list[int]) -> list[int]:
    """Return the columns named like the time: each is that of the columns behind it."""
    first = sheet.quantities[time_j[0]]
    same = [j for j, q, column in sheet if (q.name, q.kind, column.kind) == (first.name, "time", "number")]
    return same if len(same) > 1 and len(time_j) == 1 else []


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


def _reference_column(sheet: Sheet) -> int | None:
    """Return the column that `reference` names, or whose name holds that wavelength in nm."""
    wanted = sheet.context.options.reference
    if wanted is None:
        return None
    folded = str(wanted).strip().casefold()
    named = [j for j, name in enumerate(sheet.table.names) if name.strip().casefold() == folded]
    if len(named) == 1:
        return named[0]
    try:
        place = float(wanted)
    except ValueError:
        return find_column(sheet, str(wanted))
    placed = [j for j, q in enumerate(sheet.quantities) if (q.place_kind, q.place) == ("wavelength", place)]
    if len(placed) == 1:
        return placed[0]
    raise sheet.error(
        f"no column was recorded at the reference {place:g} nm; columns are {sheet.table.listed}",
        "give the name of the reference column",
    )


def _with_reference(sheet: Sheet, reference_j: int, j: int) -> tuple[Context, Array, Quantity]:
    """Return a column with its reference applied: counts are divided, drift is subtracted."""
    context, quantity, name = sheet.context, sheet.quantities[j], sheet.table.name(reference_j)
    values, level = (sheet.table.columns[k].values for k in (j, reference_j))
    if not np.isfinite(level).any():
        raise context.error("the reference column holds no numbers", column=name)
    if quantity.kind == "counts" or context.options.absorbance_unit == "counts":
        text = f"absorbance from counts and a reference, A = -log10(I/I0), I0 from column {name!r}"
        told = replace(context, options=replace(context.options, absorbance_unit="abs"))
        told = told.saying(Remark("reference_applied", text))
        return told, absorbance_from_counts(values, level), replace(quantity, kind="absorbance")
    level, _, said = signal_of(context, level, sheet.quantities[reference_j])
    signal, unit, converted = signal_of(context, values, quantity)
    known = level[np.isfinite(level)]
    text = (
        f"column {name!r} subtracted as reference (drift: {known[0]:.4g} at the start, "
        f"change {known[-1] - known[0]:+.4g})"
    )
    subtracted = Remark("reference_subtracted", text, known.size)
    told = context.saying(*dict.fromkeys((*said, *converted)), subtracted)
    plain = Quantity(quantity.name, "concentration", unit) if unit not in ("AU", "counts") else None
    told = replace(told, options=replace(told.options, absorbance_unit=None if plain else "abs"))
    return told, signal - level, plain or replace(quantity, kind="absorbance", unit="")


def _trace_label(sheet: Sheet, j: int, how_many: int) -> str:
    context, table = sheet.context, sheet.table
    filled = [cell for cell in table.groups if cell]
    group = (table.groups[j] if j < len(table.groups) else "") or (filled[0] if len(filled) == 1 else "")
    name = table.names[j] if j < len(table.names) else ""
    if how_many > 1:
        return f"{group} {name}".strip() or f"column {j + 1}"
    return group or context.label or name or context.content.stem


def _time_column(sheet: Sheet) -> tuple[Sheet, list[int], Column, Quantity]:
    """Return the indices, values and meaning of the time column (a date and a clock are joined)."""
    names, found = sheet.table.names, time_columns(sheet)
    if found:
        return sheet, found, *time_of(sheet, found)
    first, column = sheet.quantities[0], sheet.table.columns[0]
    unit = first.unit if time_factor(first.unit or "?") else ""
    time = Quantity(sheet.table.name(0), "time", unit)
    options = sheet.context.options
    asked = (bool(options.time_unit) or options.axis == "time") and column.kind == "number"
    if not any(names) or asked:
        return sheet, [0], column, replace(time, unit=unit or sheet.context.time_unit)
    plain = not first.kind and first.name.casefold() in ("", "x", "x-axis", "frame", "frames")
    if column.kind == "number" and (plain or first.kind == "index") and _rises(column.values):
        text = f"column {time.name!r} taken as time: no column is named so"
        return sheet.saying(Remark("time_column_assumed", text)), [0], column, time
    remedy = "name the first column 'time (s)', or pass --axis time (or --time-unit) if it is the time"
    if speak_of_dose(names):
        remedy = "this is a dose table: use cxkinetics incorporation (Python: cx.load_dose_table)"
    raise sheet.error(f"no column is named as time; columns are {sheet.table.listed}", remedy)


def _rises(values: Array) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 0 and bool(np.all(np.diff(known) >= 0))


def read_spectrum_table(sheet: Sheet) -> list[Signal]:
    """Return a series of one spectrum from a table of wavelength and absorbance without times.

    Raises
    ------
    InputError
        If several spectra stand side by side and none carries a time.
    """
    axis_j = next((j for j, q in enumerate(sheet.quantities) if q.kind in SPECTRAL), 0)
    table, options = sheet.table, sheet.context.options
    if options.times is not None and options.column is None:
        sheet = replace(sheet, context=replace(sheet.context, options=replace(options, column=ALL)))
    chosen = chosen_columns(sheet, {axis_j})
    refuse_texts(sheet.context, table, [axis_j, *chosen])
    used = {axis_j, *chosen, *sigmas_of(sheet.quantities, chosen).values()}
    context = sheet.context.saying(*unused_columns(table, used))
    if options.times is not None:
        times, context = times_of_log(context, options.times, len(chosen))
        known = np.isfinite(table.columns[axis_j].values)
        body = table.block(chosen)[known].T
        raw = replace(_spectrum(sheet, axis_j, chosen[0]), time_s=times, matrix=body)
        return list(build_series(context, replace(raw, overflow=table.overflow_in(chosen))))
    if len(chosen) > 1 and not _wants_all(sheet):
        raise _no_times(sheet, [table.name(j) for j in chosen])
    time_s, context = spectrum_time(context)
    found: list[Signal] = []
    for j in chosen:
        label = _trace_label(sheet, j, len(chosen))
        raw = replace(_spectrum(sheet, axis_j, j), time_s=np.array([time_s]), label=label)
        found += build_series(context, raw)
    return numbered(found)


def times_of_log(context: Context, path: str, count: int) -> tuple[Array, Context]:
    """Return the times of `count` spectra that stand in a file of their own.

    Parameters
    ----------
    context : Context
        Of the spectra; its unit of time holds where the log names none.
    path : str
        A text table with a column of times, a row for each spectrum; or a log of events, of which one
        stands as often as there are spectra.
    count : int
        Number of spectra.

    Raises
    ------
    InputError
        If the file has no time, or another number of rows.
    """
    content = read_content(path)
    log = replace(context, content=content, remarks=(), x_kind="", wavelength_nm=None)
    table = _log_table(content, context.options)
    quantities = [read_header(name) for name in table.names]
    quantities += [Quantity("")] * (len(table.columns) - len(quantities))
    sheet, time_j, column, quantity = _time_column(timed(Sheet(log, table, quantities)))
    seconds, log = seconds_of(sheet.context, column, quantity)
    shown = f"{seconds.size} times"
    if seconds.size != count:
        texts = [_labels(column, table.n_rows) for column in table.columns if column.kind == "text"]
        events = [
            (labels, word) for labels in texts for word, n in Counter(labels).items() if n == count and word
        ]
        shown += "".join(
            f" ({', '.join(f'{w} {n}' for w, n in Counter(labels).items())})" for labels in texts[:1]
        )
        if len(events) != 1:
            raise content.error(
                f"{shown} for {count} spectra", "keep one row for each spectrum, in their order"
            )
        labels, word = events[0]
        seconds = seconds[[label == word for label in labels]]
        shown += f", of which {count} are {word!r}"
    if not np.isfinite(seconds).all():
        raise content.error("a time is missing", column=table.name(time_j[0]))
    text = f"times of the spectra from {content.name!r}, column {table.name(time_j[0])!r}: {shown}"
    return seconds, context.saying(*log.remarks, Remark("times_of_log", text, count))


def _log_table(content: Content, options: ReadOptions) -> Table:
    """Return the table of a log; one of a single column of numbers is given a counter beside it."""
    rows = rows_of(decode(content.data, content.file).text)
    if any(sum(map(is_number, cells)) > 1 for cells in rows.cells):
        return tables_in(content, "", options).main
    cells, lines = rows.cells, rows.lines
    if cells and is_number(cells[0][0]):
        cells, lines = [["time"], *cells], [0, *lines]
    counted = [["No." if k == 0 else str(k), *found] for k, found in enumerate(cells)]
    rows = replace(rows, cells=counted, lines=lines)
    return tables_of_rows(rows, file=content.file, decimal=options.decimal).main


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
    if context.options.axis is not None and (not quantities[0].kind or quantities[0].weak):
        context = replace(context, x_kind=context.options.axis)
    if not table.names and not context.x_kind:
        others = "the second as absorbance" if len(table.columns) == 2 else "the others as signals"
        text = f"no header: the first column is taken as time, {others}"
        context = context.saying(Remark("no_header", text))
    sheet = Sheet(context, table, quantities)
    _refuse_plate(sheet)
    if is_pairs(sheet):
        return read_pairs(sheet)
    sheet = timed(sheet)
    series = read_series(sheet)
    if series:
        return series
    long = _long_columns(sheet)
    if long is not None:
        return _read_long(sheet, *long)
    axis = sheet.times or [*sheet.axes, 0][:1]
    matrix = _matrix_columns(sheet, axis)
    if matrix is not None:
        return _read_matrix(sheet, axis, matrix)
    if not sheet.times and _first_is_spectral(sheet, axis[0]):
        return read_spectrum_table(sheet)
    return read_trace_table(_at_one_wavelength(sheet))


_MOST_PLATE_ROWS = 1000  # sixteen of a plate, each with lines between


def _refuse_plate(sheet: Sheet) -> None:
    """Raise where the table is a plate: rows A, B, ... and columns 1, 2, ... of wells, each read once."""
    table = sheet.table
    columns = [q.place for q in sheet.quantities[1:] if q.place is not None]
    if table.n_rows > _MOST_PLATE_ROWS:
        return
    rows = _labels(table.columns[0], table.n_rows)
    if not table.names:  # the numbers of the columns stand beside a word ("Abs"), and again below
        columns = [column.values[0] for column in table.columns[1:]]
        rows = [
            row for row, number in zip(rows, table.columns[-1].values, strict=True) if number != columns[-1]
        ]
    if len(columns) < 3 or columns != list(range(1, len(columns) + 1)) or len(rows) < 2:
        return
    if rows == list("ABCDEFGHIJKLMNOP"[: len(rows)]):
        what = f"a plate of {len(rows)} rows and {len(columns)} columns of wells, each read once"
        raise sheet.error(f"{what}: there is no course of time", "export the kinetic reading with its times")


def _at_one_wavelength(sheet: Sheet) -> Sheet:
    """Return the sheet with the wavelength that a column repeats in every row ("wavelength (nm)")."""
    for _, quantity, column in sheet:
        plain = read_header(quantity.name.partition("(")[0]).kind in SPECTRAL  # not "baseline (nm)"
        if not plain or quantity.place is not None or not np.isfinite(column.values).all():
            continue
        if not varies(column.values):
            unit = axis_unit_of(quantity.kind, quantity.unit)
            place = float(axis_nm(sheet.context, column.values[:1], unit)[0][0])
            return replace(sheet, context=replace(sheet.context, wavelength_nm=place))
    return sheet


def _numbered_names(table: Table) -> bool:
    """Return whether the names of the columns only count them, and the row above names an axis."""
    first = [read_header(cells[0]).kind for cells in (table.names, table.groups) if cells]
    return len(first) == 2 and first[0] == "index" and first[1] in AXES


def _long_columns(sheet: Sheet) -> tuple[int, int] | None:
    """Return the indices of spectral axis and signal of a tidy table, or None."""
    axes = [j for j in sheet.axes if varies(sheet.table.columns[j].values)]
    free = [item for item in sheet if item[1].place is None and item[0] not in (*sheet.times, *axes)]
    signals = [j for j, q, _ in free if q.kind in _OPTICAL]
    if not signals:
        signals = [j for j, q, column in free if not q.kind and column.kind == "number"]
    return (axes[0], signals[0]) if sheet.times and len(axes) == len(signals) == 1 else None


def _read_long(sheet: Sheet, axis_j: int, signal_j: int) -> list[Signal]:
    """Return the series of a tidy table, a row for each time and wavelength."""
    table, quantity, used = sheet.table, sheet.quantities[axis_j], [*sheet.times, axis_j, signal_j]
    refuse_texts(sheet.context, table, used)
    told = sheet.context.saying(*unused_columns(table, used))
    seconds, context = seconds_of(told, *time_of(sheet, sheet.times))
    axis = table.columns[axis_j].values
    known = np.isfinite(seconds) & np.isfinite(axis)
    values, lines = table.columns[signal_j].values[known], np.asarray(table.lines)[known]
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
    raw = RawMatrix(
        time_s=times,
        axis=places,
        axis_unit=axis_unit_of(quantity.kind, quantity.unit),
        matrix=matrix,
        quantity=sheet.quantities[signal_j],
        lines=first_line,
        overflow=table.overflow_in([signal_j]),
    )
    return list(build_series(context, raw))


def _differing(values: Array, cell: IntArray) -> int | None:
    """Return the first reading that differs from the one before it in the same cell, or None."""
    order = np.argsort(cell, kind="stable")
    before, after = values[order[:-1]], values[order[1:]]
    differ = (np.diff(cell[order]) == 0) & np.isfinite(before) & np.isfinite(after) & (before != after)
    return int(order[1:][differ].min()) if differ.any() else None


def _matrix_columns(sheet: Sheet, axis: list[int]) -> list[int] | None:
    """Columns whose names are places on one axis, if the table is a matrix, else None."""
    free = [(j, q, column.kind) for j, q, column in sheet if j not in axis]
    placed = [j for j, q, kind in free if q.place is not None and kind != "text"]
    places = [sheet.quantities[j].place for j in placed]
    if len(set(places)) < len(places):  # "A260 (10mm)" among its like, and "A260" again
        forms = {j: re.sub(r"\d+", "", sheet.quantities[j].name, count=1) for j in placed}
        usual = Counter(forms.values()).most_common(1)[0][0]
        placed = [j for j in placed if forms[j] == usual]
    beside = ("index", "temperature", "time", "setting")  # these may stand beside a matrix
    others = [j for j, q, kind in free if q.place is None and kind == "number" and q.kind not in beside]
    if not placed or len(placed) < 2 * len(others):
        return None
    kinds = {sheet.quantities[j].place_kind for j in placed}
    fit = kinds in ({"wavelength"}, {""}) if len(placed) == 1 else len(kinds) == 1 or kinds == {"time", ""}
    return placed if fit else None


def _read_matrix(sheet: Sheet, axis: list[int], placed: list[int]) -> list[Signal]:
    context, table, named = sheet.context, sheet.table, [sheet.quantities[j] for j in placed]
    rows, across = read_corner(table.names[axis[0]]) if table.names else (Quantity(""), Quantity(""))
    across = across if across.kind else _named_above(table)
    places = np.array([q.place for q in named], dtype=np.float64)
    place_kind = next((q.place_kind for q in named if q.place_kind), "")
    kind = place_kind or across.kind
    first, _ = time_of(sheet, axis)
    row_kind = rows.kind if rows.kind in AXES else ""
    if first.kind in ("clock", "moment"):
        row_kind = "time"
    # read as a table of traces, the axis of its rows is the time
    traces = list(sheet.quantities)
    traces[axis[0]] = Quantity(rows.name, "time", rows.unit)
    if context.options.column is not None and kind in SPECTRAL and len(placed) > 1:
        return read_trace_table(replace(sheet, quantities=traces))
    by_time, guessed = _rows_are_times(context, row_kind, kind, first.values, places)
    if not by_time and context.options.times is not None:
        return read_spectrum_table(sheet)
    names = _samples_of(sheet, axis, first.values) if by_time else {}
    if (kind if by_time else rows.kind) not in SPECTRAL:
        ask_unit_of_axis(context, places if by_time else first.values)
    context = context.saying(*guessed)
    refuse_texts(context, table, [*axis, *placed])
    if len(placed) > 1 or not by_time:
        context = context.saying(*unused_columns(table, {*axis, *placed}))
    # what the body holds, where the column names say it ("%T 324 nm")
    said = named[0] if named[0].kind and len({q.kind for q in named}) == 1 else Quantity("")
    signal = Quantity(said.name, said.kind, place_kind=place_kind or "wavelength")
    unit = (named[0].unit if kind in SPECTRAL else "") or axis_unit_of(kind, across.unit)
    if by_time and len(placed) == 1:
        traces[placed[0]] = replace(
            signal, kind=signal.kind or "absorbance", unit=unit, place=float(places[0])
        )
        return read_trace_table(replace(sheet, context=context, quantities=traces))
    raw = RawMatrix(
        time_s=first.values,
        axis=places,
        axis_unit=unit,
        matrix=table.block(placed),
        quantity=signal,
        lines=np.asarray(table.lines),
        overflow=table.overflow_in(placed),
    )
    if by_time:
        seconds, context = seconds_of(context, first, rows)
        parts = [
            replace(raw, time_s=np.zeros(1), matrix=raw.matrix[[i]], lines=None, label=name, number=i + 1)
            for i, name in names.items()
        ] or [replace(raw, time_s=seconds)]
        return [series for part in parts for series in build_series(context, part)]
    _refuse_untimed(sheet, axis, placed)
    text = "the table is transposed: its rows are wavelengths, its columns times"
    context = context.saying(Remark("transposed", text))
    times, context = _times_of_names(context, named, across)
    known, unit = np.isfinite(first.values), axis_unit_of(rows.kind, rows.unit)
    raw = replace(raw, time_s=times, axis=first.values[known], axis_unit=unit, matrix=raw.matrix[known].T)
    return list(build_series(context, replace(raw, lines=None)))


def _samples_of(sheet: Sheet, axis: list[int], values: Array) -> dict[int, str]:
    """Return row and name of the samples of a matrix whose rows stand at one time, none where they do not.

    Of rows that are several quantities of one sample it is that of the absorbance.

    Raises
    ------
    InputError
        If no column names them: they may be samples, or kinds of readings.
    """
    known = values[np.isfinite(values)]
    if known.size < 2 or varies(values):
        return {}
    for _, quantity, column in sheet:
        names = _labels(column, sheet.table.n_rows) if column.kind == "text" else []
        kinds = [KIND_OF.get(name.casefold(), "") for name in names]
        if kinds.count("absorbance") == 1:
            return {kinds.index("absorbance"): ""}
        if _word(quantity) in _WORDS and len(set(names)) == known.size:
            return dict(enumerate(names))
    text = f"all {known.size} spectra stand at one time: no course of time can be read"
    raise sheet.error(text, "keep the row of one spectrum, or name the column that holds the time", axis[0])


_MOMENT_WITHOUT_NUMBER = re.compile(r"\b(initial|start|before|dark|fresh|final|end|after)\b", re.IGNORECASE)


def _refuse_untimed(sheet: Sheet, axis: list[int], placed: list[int]) -> None:
    """Ask for the times of spectra that are named by a moment, "initial" or "dark", and not by its time."""
    left = [
        q.name
        for j, q, column in sheet
        if j not in {*axis, *placed} and column.kind == "number" and _MOMENT_WITHOUT_NUMBER.search(q.name)
    ]
    if left:
        raise sheet.error(
            f"spectra beside those with a time: {', '.join(map(repr, left))}; when were they recorded?",
            "name each by its time ('0 min'), remove it, or give the times of all in a file (--times FILE)",
        )


def _named_above(table: Table) -> Quantity:
    """Return what the row above the names says of the axis across, where it says one thing."""
    said = {cell for cell in table.groups if cell}
    found = read_header(said.pop()) if len(said) == 1 else Quantity("")
    return found if found.kind in AXES else Quantity("")


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
) -> tuple[bool, tuple[Remark, ...]]:
    """Decide which axis of a matrix is time."""
    asked = context.options.time_in or {"time": "rows", "wavelength": "columns"}.get(
        context.options.axis or ""
    )
    if asked is not None:
        return asked == "rows", ()
    if row_kind == "time" or column_kind in SPECTRAL:
        return True, ()
    if row_kind in SPECTRAL or column_kind in ("time", "moment"):
        return False, ()
    by_time = _may_be_wavelength(columns)
    if by_time != _may_be_wavelength(rows):
        optical, this, other = (columns, "columns", "rows") if by_time else (rows, "rows", "columns")
        span = f"{optical.min():g}-{optical.max():g} nm"
        text = f"{this} taken as wavelengths ({span}), {other} as times: no name says so"
        return by_time, (Remark("axes_assumed", text),)
    raise context.error(
        f"which axis is time cannot be told: the rows run from {_span(rows)}, "
        f"the columns from {_span(columns)}",
        "name the corner cell 'time (s)' or 'wavelength (nm)', or say what the first column is: "
        "--axis time or wavelength",
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


def _first_is_spectral(sheet: Sheet, axis_j: int) -> bool:
    context, first = sheet.context, sheet.quantities[0]
    leading = (axis_j == 0 or first.kind == "index") and sheet.quantities[axis_j].kind in SPECTRAL
    if leading or context.x_kind in SPECTRAL:
        return True
    values = sheet.table.columns[0].values
    stated = first.kind or first.name or context.x_kind or context.options.time_unit
    if stated or not _may_be_wavelength(values) or values.size < 20:
        return False
    raise context.error(
        f"the first column has no name and runs from {_span(values)}: {ASKS_AXIS}?",
        "say which (--axis time or --axis wavelength), or name it in a header",
        line=int(sheet.table.lines[0]),
    )
