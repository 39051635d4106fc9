"""Columns to quantities: times to s, axes to nm, signals to absorbance, each conversion said aloud."""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.io.file import Context
from cxkinetics.io.headers import Quantity, spectral_unit
from cxkinetics.io.plausible import LONGEST_UNNAMED_NM, RAW_COUNTS, no_absorbance, oddities, unit_of_values
from cxkinetics.io.table import Column, Table
from cxkinetics.io.words import (
    absorbance_from_percent_transmittance,
    parse_moment,
    time_factor,
    to_nanometres,
)
from cxkinetics.remarks import Remark

_HALF_DAY = 43200.0  # s
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")  # 20240131235959


def refuse_texts(context: Context, table: Table, columns: list[int]) -> None:
    """Raise if a used column holds text among its numbers; all such cells are listed."""
    for j in columns:
        if table.columns[j].kind == "text":
            row, cell = table.columns[j].texts[0]
            raise context.error(
                f"{cell!r} and the other cells of this column are no numbers",
                "choose another column: column=",
                line=int(table.lines[row]),
                column=table.name(j),
                value=cell,
            )
    found = sorted(
        (int(table.lines[row]), table.name(j), cell) for j in columns for row, cell in table.columns[j].texts
    )
    if not found:
        return
    line, column, cell = found[0]
    problems = [f"line {at}, column {name!r}: {text!r}" for at, name, text in found]
    more = "" if len(found) == 1 else f" (and {len(found) - 1} more: {'; '.join(problems[1:6])})"
    text, remedy = f"{cell[:60]!r} is not a number{more}", "remove the text or leave the cell empty"
    raise context.error(text, remedy, line=line, column=column, value=cell, problems=problems)


def time_unit_of(context: Context, quantity: Quantity, cell_unit: str = "") -> tuple[float, Context]:
    """Return the s in one unit of a time column, and the context that knows it.

    The caller's word comes first, then the header, then the cells, then the preamble.
    """
    asked = context.options.time_unit
    for unit in (asked, quantity.unit, cell_unit, context.time_unit):
        factor = time_factor(unit) if unit else None
        if factor is None:
            continue
        context.content.notes.update(time_unit=unit, time_factor_s=factor)
        context = replace(context, time_factor_s=factor)
        stated = time_factor(quantity.unit)
        if unit == asked and stated not in (None, factor):
            text = f"time read in {asked} as asked, though the file says {quantity.unit!r}"
            context = context.saying(Remark("time_unit_overridden", text))
        return factor, context
    text = "time unit assumed s: the file names none (pass --time-unit if it is another)"
    return 1.0, replace(context, time_factor_s=None).saying(Remark("time_unit_assumed", text))


def seconds_of(context: Context, column: Column, quantity: Quantity) -> tuple[Array, Context]:
    """Return a time column in s, and the context that says what was assumed."""
    values = column.values
    known = values[np.isfinite(values)]
    if column.kind == "moment":
        if known.size == 0:
            return values, context
        text = "absolute dates and times: time counts from the first"
        return values - float(known.min()), context.saying(Remark("absolute_times", text))
    if column.kind == "clock":
        seconds = values.copy()
        index = np.flatnonzero(np.isfinite(seconds))
        jumps = np.diff(seconds[index]) < -_HALF_DAY  # less is a row out of order, not midnight
        if jumps.any():
            seconds[index[1:]] += 2 * _HALF_DAY * np.cumsum(jumps)
            text = "the clock passes midnight: a day is added after it"
            context = context.saying(Remark("past_midnight", text))
        first = float(seconds[index[0]])
        if first >= 3600.0 and float(np.ptp(seconds[index])) < first:
            seconds = seconds - first
            text = "times of day: time counts from the first row"
            context = context.saying(Remark("clock_times", text))
        return seconds, context
    factor, told = time_unit_of(context, quantity, column.unit)
    if told.time_factor_s is None and known.size and 1.9e13 <= known.min() <= known.max() < 2.1e13:
        moments = [parse_moment(_DIGITS.sub(r"\1-\2-\3 \4:\5:\6", f"{v:.0f}")) for v in values]
        return seconds_of(context, Column(np.array(moments, dtype=np.float64), "moment"), quantity)
    stamps = _computer_clock(known) if told.time_factor_s is None else None
    if stamps is not None:
        return (values - float(known.min())) * stamps[0], context.saying(stamps[1])
    return values * factor, told


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
        raise context.error(
            f"{unit!r} is no unit of a spectral axis that is known here",
            "give the axis in nm, um, eV or cm-1 and name it so in the header",
            value=unit,
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        axis = to_nanometres(values, known)
    bad = ~np.isfinite(axis) | (axis < 50) | (axis > (50000 if unit else LONGEST_UNNAMED_NM))
    if bad.any():
        index = int(np.flatnonzero(bad)[0])
        raise context.error(
            f"{values[index]:g} {unit or 'nm'} is no wavelength of light that is measured here",
            "check which axis is the wavelength, and name it with its unit (nm, um, eV or cm-1)",
            value=f"{values[index]:g}",
        )
    said = oddities(axis)
    if unit in ("", "nm") or not values.size:
        return axis, said
    text = f"spectral axis converted from {unit} to nm ({values.min():g}-{values.max():g} {unit})"
    return axis, (Remark("axis_converted", text), *said)


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
    if kind == "other" and context.y_kind == "counts":
        kind = "counts"  # the format has said what it is, and keeps it
    if wanted == "percentT" or (wanted is None and kind == "transmittance"):
        return _from_transmittance(values, quantity, sure=wanted == "percentT")
    if wanted == "fractionT":
        text = "transmittance (fraction) converted to absorbance, A = -log10(T)"
        return _absorbances(100.0 * values, "T", Remark("fraction_converted", text))
    if wanted == "counts" or (wanted is None and kind == "counts"):
        return values, "counts", (RAW_COUNTS,)
    if wanted is None and kind == "temperature":
        raise context.error(
            f"{quantity.name!r} may be a transmittance, an absorbance or a temperature",
            "say which: absorbance_unit= (--absorbance-unit) percentT, fractionT or abs",
            column=quantity.name,
        )
    if wanted is None and kind == "other":
        raise no_absorbance(context, quantity)
    if kind == "concentration":
        return values, quantity.unit, ()
    if quantity.unit.casefold() == "mau":
        return values / 1000.0, "AU", (Remark("unit_converted", "signal converted from mAU to AU"),)
    return values, *(("AU", ()) if wanted is not None else unit_of_values(context, values, quantity, lines))


def _from_transmittance(
    values: Array, quantity: Quantity, *, sure: bool
) -> tuple[Array, str, tuple[Remark, ...]]:
    known = values[np.isfinite(values)]
    percent = sure or "%" in quantity.name or "%" in quantity.unit or "percent" in quantity.name.casefold()
    if not percent and known.size and float(known.max()) <= 1.5:  # a fraction, with the noise of a blank
        text = "transmittance (fraction, no % in the header) converted to absorbance, A = -log10(T)"
        return _absorbances(100.0 * values, "T", Remark("fraction_converted", text, int(known.size)))
    text = "%T converted to absorbance, A = 2 - log10(%T)"
    return _absorbances(values, "%T", Remark("percent_converted", text, int(known.size)))


def _absorbances(percent: Array, name: str, said: Remark) -> tuple[Array, str, tuple[Remark, ...]]:
    """Return absorbances, their unit and remarks; who knows the lines of dark readings adds them."""
    dark = int(np.count_nonzero(percent <= 0))
    text = f"{dark} readings of {name} <= 0 masked: no light came through (saturated)"
    remarks = (said, Remark("no_light", text, dark)) if dark else (said,)
    return absorbance_from_percent_transmittance(percent), "AU", remarks
