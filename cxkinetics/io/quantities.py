"""Columns to quantities: times to s, axes to nm, signals to absorbance, each conversion said aloud."""

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.file import Context, note
from cxkinetics.io.headers import Quantity, spectral_unit
from cxkinetics.io.table import Column, Table
from cxkinetics.io.words import absorbance_from_percent_transmittance, time_factor, to_nanometres
from cxkinetics.remarks import Remark

__all__ = ["axis_nm", "axis_unit_of", "refuse_texts", "seconds_of", "signal_of", "time_unit_of"]

_LARGEST_ABSORBANCE = 10.0
_FEW = 0.01  # share of the readings of spectra that may be noise without light
_TABLES = ("text table", "Excel workbook")
_LONGEST_UNNAMED_NM = 3500.0  # beyond it a bare number is a wavenumber rather than a wavelength


def refuse_texts(context: Context, table: Table, columns: list[int]) -> None:
    """Raise if a used column holds text among its numbers; all such cells are listed."""
    found = [
        (int(table.lines[row]), table.name(j), cell)
        for j in columns
        if table.columns[j].kind != "text"
        for row, cell in table.columns[j].texts
    ]
    whole = [j for j in columns if table.columns[j].kind == "text"]
    if whole:
        cell = table.columns[whole[0]].texts[0][1]
        raise InputError(
            f"{cell!r} and the other cells of this column are no numbers",
            file=context.file,
            line=int(table.lines[table.columns[whole[0]].texts[0][0]]),
            column=table.name(whole[0]),
            value=cell,
            remedy="choose another column: column=",
        )
    if not found:
        return
    found.sort()
    line, column, cell = found[0]
    problems = [f"line {at}, column {name!r}: {text!r}" for at, name, text in found]
    more = "" if len(found) == 1 else f" (and {len(found) - 1} more: {'; '.join(problems[1:6])})"
    raise InputError(
        f"{cell[:60]!r} is not a number{more}",
        file=context.file,
        line=line,
        column=column,
        value=cell,
        remedy="remove the text or leave the cell empty",
        problems=problems,
    )


def time_unit_of(
    context: Context, quantity: Quantity, cell_unit: str = ""
) -> tuple[float, tuple[Remark, ...]]:
    """Return the s in one unit of a time column: option, then header, then cells, then preamble."""
    if context.options.time_unit is not None:
        factor = time_factor(context.options.time_unit) or 1.0
        note(time_unit=context.options.time_unit, time_factor_s=factor)
        stated = time_factor(quantity.unit) if quantity.unit else None
        if stated is not None and stated != factor:
            text = (
                f"time read in {context.options.time_unit} as asked, though the file says {quantity.unit!r}"
            )
            return factor, (Remark("time_unit_overridden", text),)
        return factor, ()
    for unit in (quantity.unit, cell_unit, context.time_unit):
        factor_or_none = time_factor(unit) if unit else None
        if factor_or_none is not None:
            note(time_unit=unit, time_factor_s=factor_or_none)
            return factor_or_none, ()
    text = "time unit assumed s: the file names none (pass --time-unit if it is another)"
    return 1.0, (Remark("time_unit_assumed", text),)


def seconds_of(context: Context, column: Column, quantity: Quantity) -> tuple[Array, tuple[Remark, ...]]:
    """Return a time column in s with what was assumed."""
    values = column.values
    known = values[np.isfinite(values)]
    if column.kind == "moment":
        if known.size == 0:
            return values, ()
        text = "absolute dates and times: time counts from the first"
        return values - float(known.min()), (Remark("absolute_times", text),)
    if column.kind == "clock":
        remarks: list[Remark] = []
        seconds = values.copy()
        index = np.flatnonzero(np.isfinite(seconds))
        jumps = np.diff(seconds[index]) < -43200.0
        if jumps.any():
            seconds[index[1:]] += 86400.0 * np.cumsum(jumps)
            remarks.append(Remark("past_midnight", "the clock passes midnight: a day is added after it"))
        first = float(seconds[index[0]])
        if first >= 3600.0 and float(np.ptp(seconds[index])) < first:
            seconds = seconds - first
            remarks.append(Remark("clock_times", "times of day: time counts from the first row"))
        return seconds, tuple(remarks)
    factor, said = time_unit_of(context, quantity, column.unit)
    stamps = _computer_clock(known) if any(remark.code == "time_unit_assumed" for remark in said) else None
    if stamps is not None:
        return (values - float(known.min())) * stamps[0], (stamps[1],)
    return values * factor, said


def _computer_clock(known: Array) -> tuple[float, Remark] | None:
    """Recognise time stamps without a unit: days of a spreadsheet, s or ms since 1970 or 1904."""
    if known.size < 2:
        return None
    low, span = float(known.min()), float(np.ptp(known))
    if 30_000 <= low <= 80_000 and 0 < span < 30 and np.any(known != np.round(known)):
        text = "dates as spreadsheet numbers (days): time counts from the first"
        return 86400.0, Remark("absolute_times", text)
    for least, most, factor, unit in ((9e8, 5e9, 1.0, "s"), (9e11, 5e12, 1e-3, "ms")):
        if least <= low <= most and 0 < span < 0.01 * low:
            text = f"time stamps of a computer's clock taken in {unit}: time counts from the first"
            return factor, Remark("absolute_times", text)
    return None


def axis_unit_of(kind: str, unit: str) -> str:
    """Return the unit of a spectral axis of which a name says kind and unit; "" where neither says it."""
    return unit or {"energy": "eV", "wavenumber": "cm-1"}.get(kind, "")


def axis_nm(context: Context, values: Array, unit: str) -> tuple[Array, tuple[Remark, ...]]:
    """Return a spectral axis in nm, with a remark where it was converted; refuse impossible values."""
    known = spectral_unit(unit or "nm")
    if known is None:
        raise InputError(
            f"{unit!r} is no unit of a spectral axis that is known here",
            file=context.file,
            value=unit,
            remedy="give the axis in nm, um, eV or cm-1 and name it so in the header",
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        axis = to_nanometres(values, known)
    bad = ~np.isfinite(axis) | (axis < 50) | (axis > (50000 if unit else _LONGEST_UNNAMED_NM))
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{values[index]:g} {unit or 'nm'} is no wavelength of light that is measured here",
            file=context.file,
            value=f"{values[index]:g}",
            remedy="check which axis is the wavelength, and name it with its unit (nm, um, eV or cm-1)",
        )
    said = _oddities(axis)
    if unit in ("", "nm"):
        return axis, said
    text = f"spectral axis converted from {unit} to nm ({values.min():g}-{values.max():g} {unit})"
    return axis, (Remark("axis_converted", text), *said)


def _oddities(axis: Array) -> tuple[Remark, ...]:
    """Remark wavelengths out of order, and the odd jump in an even axis: signs of a damaged header."""
    steps = np.diff(axis)
    if steps.size < 2:
        return ()
    rising = np.median(steps) > 0
    wrong = np.flatnonzero((steps < 0) if rising else (steps > 0))
    if wrong.size:
        i = int(wrong[0])
        text = (
            f"wavelengths do not stand in order in the file ({axis[i + 1]:g} nm follows {axis[i]:g} nm): "
            "sorted; check the header"
        )
        return (Remark("axis_not_in_order", text, int(wrong.size)),)
    usual = np.abs(np.median(steps))
    odd = np.flatnonzero(np.abs(np.abs(steps) - usual) > 0.5 * usual)
    if steps.size >= 10 and 0 < odd.size <= max(2, 0.05 * steps.size):
        i = int(odd[0])
        jump = f"from {axis[i]:g} to {axis[i + 1]:g} nm"
        text = f"wavelengths jump {jump}, though they go in steps of {usual:g} nm"
        return (Remark("axis_uneven", text, int(odd.size)),)
    return ()


def signal_of(
    context: Context, values: Array, quantity: Quantity, lines: IntArray | None = None
) -> tuple[Array, str, tuple[Remark, ...]]:
    """Return a signal, its unit, and what was converted or assumed.

    Parameters
    ----------
    context : Context
        File and options; `absorbance_unit` overrides what the header says.
    values : Array, any shape
        As read; NaN where there is no reading.
    quantity : Quantity
        Meaning of the column (or of the body of a matrix).
    lines : IntArray, optional
        Line in the file of each row, for messages.

    Raises
    ------
    InputError
        If readings are larger than any absorbance and nothing says what the signal is.
    """
    wanted = context.options.absorbance_unit
    kind = quantity.kind or context.y_kind
    if wanted == "percentT" or (wanted is None and kind == "transmittance"):
        return _from_transmittance(values, quantity, sure=wanted == "percentT")
    if wanted == "fractionT":
        said = Remark("fraction_converted", "transmittance (fraction) converted to absorbance, A = -log10(T)")
        return absorbance_from_percent_transmittance(100.0 * values), "AU", (said, *_dark(values, "T"))
    if wanted == "counts" or (wanted is None and kind == "counts"):
        return values, "counts", (_counts_remark(),)
    if kind == "concentration":
        return values, quantity.unit, ()
    if quantity.unit.casefold() == "mau":
        return values / 1000.0, "AU", (Remark("unit_converted", "signal converted from mAU to AU"),)
    sample = values[:: max(1, values.size // 200_000)]
    known = np.abs(sample[np.isfinite(sample)])
    if wanted is None and known.size and float(np.median(known)) > _LARGEST_ABSORBANCE:
        return _too_large(context, values, quantity)
    return values, "AU", () if wanted is not None else _beyond(context, values, quantity, lines)


def _beyond(
    context: Context, values: Array, quantity: Quantity, lines: IntArray | None
) -> tuple[Remark, ...]:
    """Refuse readings that no absorbance reaches: another quantity, or damaged numbers.

    A few of them among whole spectra are noise where no light comes through, and an instrument's
    own file that says "absorbance" is taken at its word: these are remarked.
    """
    beyond = np.abs(values) > _LARGEST_ABSORBANCE
    count = int(beyond.sum())
    if not count:
        return ()
    known = values[np.isfinite(values)]
    text = (
        f"{count} of {known.size} readings are beyond +-{_LARGEST_ABSORBANCE:g} (values run from "
        f"{known.min():g} to {known.max():g}): too large for absorbances"
    )
    stated = quantity.kind == "absorbance" and context.format not in _TABLES
    if stated or (values.ndim == 2 and count <= _FEW * known.size):
        return (Remark("beyond_absorbance", text, count),)
    first = tuple(int(i) for i in np.argwhere(beyond)[0])
    raise InputError(
        text,
        file=context.file,
        line=None if lines is None else int(lines[first[0]]),
        column=quantity.name or None,
        value=f"{values[first]:g}",
        remedy="correct them, or say what they are: --absorbance-unit percentT, counts or abs (as they are)",
    )


def _from_transmittance(
    values: Array, quantity: Quantity, *, sure: bool
) -> tuple[Array, str, tuple[Remark, ...]]:
    known = values[np.isfinite(values)]
    percent = sure or "%" in quantity.name or "%" in quantity.unit or "percent" in quantity.name.casefold()
    if not percent and known.size and float(known.max()) <= 1.5:
        text = "transmittance (fraction, no % in the header) converted to absorbance, A = -log10(T)"
        remark = Remark("fraction_converted", text, int(known.size))
        return absorbance_from_percent_transmittance(100.0 * values), "AU", (remark, *_dark(values, "T"))
    remark = Remark("percent_converted", "%T converted to absorbance, A = 2 - log10(%T)", int(known.size))
    return absorbance_from_percent_transmittance(values), "AU", (remark, *_dark(values, "%T"))


def _dark(values: Array, name: str) -> tuple[Remark, ...]:
    """Return a remark on readings without light, to be placed by who knows their lines."""
    dark = int(np.count_nonzero(values <= 0))
    if not dark:
        return ()
    text = f"{dark} readings of {name} <= 0 masked: no light came through (saturated)"
    return (Remark("no_light", text, dark),)


def _counts_remark() -> Remark:
    return Remark(
        "raw_counts",
        "raw counts, not absorbance: nothing can be fitted before a reference is given (reference=...)",
    )


def _too_large(context: Context, values: Array, quantity: Quantity) -> tuple[Array, str, tuple[Remark, ...]]:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    if quantity.kind == "absorbance" or (quantity.place_kind == "wavelength" and high <= 120) or high <= 120:
        raise InputError(
            f"values run from {low:g} to {high:g}: too large for absorbances",
            file=context.file,
            column=quantity.name or None,
            remedy="say what they are: --absorbance-unit percentT or counts (absorbance_unit=)",
        )
    text = f"values run from {low:g} to {high:g}: too large for absorbances, so taken as raw counts"
    return values, "counts", (Remark("counts_assumed", text), _counts_remark())
