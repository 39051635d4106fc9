"""Column pairs: every trace or spectrum brings its own time or wavelength column."""

import numpy as np

from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.io.columns import SPECTRAL
from cxkinetics.io.context import Context
from cxkinetics.io.formats import Signal
from cxkinetics.io.headers import Quantity
from cxkinetics.io.quantities import axis_unit_of, refuse_texts, seconds_of
from cxkinetics.io.table import Table
from cxkinetics.remarks import Remark

__all__ = ["is_pairs", "read_pairs"]


def is_pairs(table: Table, quantities: list[Quantity]) -> bool:
    """Return whether the columns are (axis, signal) pairs, two or more of them."""
    n = len(quantities) // 2 * 2
    while n > 2 and table.columns[n - 1].kind == "empty" and table.columns[n - 2].kind == "empty":
        n -= 2
    if n < 4:
        return False
    kinds = [q.kind for q in quantities[:n]]
    axis = kinds[0]
    if axis not in ("time", *SPECTRAL):
        return False
    return all(kinds[j] == axis and kinds[j + 1] not in ("time", *SPECTRAL, "sigma") for j in range(0, n, 2))


def read_pairs(context: Context, table: Table, quantities: list[Quantity]) -> list[Signal]:
    """Return one signal for each pair, labelled by the row above the names.

    Spectra that share one axis and were given times by the reader (`context.extra["times_s"]`) make
    one series; otherwise each is a series of one spectrum.
    """
    found: list[Signal] = []
    lines = np.asarray(table.lines)
    times = context.extra.get("times_s")
    for number, j in enumerate(range(0, len(quantities) - 1, 2), start=1):
        axis, column = table.columns[j], table.columns[j + 1]
        if axis.kind == "empty":
            continue
        label = _label(table, j, number)
        filled = np.isfinite(axis.values) | np.isfinite(column.values)
        filled[[*column.overflow, *axis.overflow]] = True
        if not filled.any():
            continue
        last = int(np.flatnonzero(filled)[-1]) + 1
        refuse_texts(context, table, [j, j + 1])
        overflow = np.zeros(column.values.size, dtype=bool)
        overflow[list(column.overflow)] = True
        if quantities[j].kind == "time":
            seconds, said = seconds_of(context, axis, quantities[j])
            raw = RawTrace(
                time_s=seconds[:last],
                values=column.values[:last],
                quantity=quantities[j + 1],
                lines=lines[:last],
                time_name=table.name(j),
                overflow=overflow[:last],
                label=label,
                wavelength_nm=context.wavelength_nm,
                number=number,
            )
            found += build_trace(context.saying(*said), raw)
            continue
        known = np.isfinite(axis.values)
        unit = axis_unit_of(quantities[j].kind, quantities[j].unit)
        time_s = 0.0 if times is None else float(times[number - 1])
        told = (
            context
            if times is not None
            else context.saying(Remark("time_set_zero", "a spectrum without a time: it is set to 0 s"))
        )
        found += build_series(
            told,
            RawMatrix(
                time_s=np.array([time_s]),
                axis=axis.values[known],
                axis_unit=unit,
                matrix=column.values[known][None, :],
                quantity=quantities[j + 1],
                overflow=len(column.overflow),
                overflow_lines=table.lines_of(column.overflow),
                label=label,
                number=number,
            ),
        )
    if not found:
        raise InputError("no column pair holds numbers", file=context.file)
    return found


def _label(table: Table, j: int, number: int) -> str:
    for k in (j, j + 1):
        if k < len(table.groups) and table.groups[k]:
            return table.groups[k]
    return f"trace {number}"
