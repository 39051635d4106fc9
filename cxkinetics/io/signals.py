"""Numbers to signals: gaps, duplicates, order, runs, saturation and dropouts, each said with its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.file import Context
from cxkinetics.io.headers import Quantity
from cxkinetics.io.quantities import axis_nm, signal_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import clipped_level, dropout_spectra, duplicate_rows, starts_of_runs
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTrace:
    """Columns of one trace as they stand in a file; NaN where a cell holds no number.

    `lines` are file lines, `overflow` marks cells that said "out of range".
    """

    time_s: Array
    values: Array
    quantity: Quantity
    lines: IntArray
    time_name: str = "time"
    sigma: Array | None = None
    overflow: BoolArray | None = None
    label: str = ""
    wavelength_nm: float | None = None
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMatrix:
    """A time x wavelength matrix as it stands in a file (already turned so that rows are times)."""

    time_s: Array
    axis: Array
    axis_unit: str
    matrix: Array
    quantity: Quantity
    lines: IntArray | None = None
    overflow: int = 0
    overflow_lines: tuple[int, ...] = ()
    label: str = ""
    number: int = 1


def build_trace(context: Context, raw: RawTrace) -> list[Trace]:
    """Return the trace, or one per run where `trace` chose a run of several pasted together.

    Raises
    ------
    InputError
        If times jump back (two runs), every reading is saturated, or no reading is left.
    """
    remarks = list(context.remarks)
    overflow = np.zeros(raw.values.size, bool) if raw.overflow is None else raw.overflow
    values, unit, said = signal_of(context, raw.values, raw.quantity, raw.lines)
    known_time = np.isfinite(raw.time_s)
    gaps = ~(known_time & np.isfinite(raw.values)) & ~overflow
    if gaps.any():
        remarks.append(_counted("missing_cells", "missing", "cells left out", raw.lines, gaps))
    if overflow.any():
        text = f"{overflow.sum()} cells read OVRFLW or the like (detector out of range) and are masked"
        remarks.append(_at_lines("overflow", text, raw.lines, overflow))
    lost = known_time & np.isfinite(raw.values) & ~np.isfinite(values)
    remarks += _placed(said, raw.lines, raw.time_s, lost)
    keep = known_time & np.isfinite(values)
    if not keep.any():
        _refuse_nothing_left(context, raw, overflow)
    time, signal, lines = raw.time_s[keep], values[keep], raw.lines[keep]
    sigma = None if raw.sigma is None else raw.sigma[keep]
    pieces = _runs(context, time, lines, raw.time_name)
    traces = []
    for k, piece in enumerate(pieces):
        own = list(remarks)
        part = _tidied(
            own,
            time[piece],
            signal[piece],
            None if sigma is None else sigma[piece],
            lines[piece],
            unit,
            context,
        )
        label = raw.label if len(pieces) == 1 else f"{raw.label} run {k + 1}".strip()
        traces.append(
            Trace(
                time_s=part[0],
                absorbance=part[1],
                sigma=part[2],
                label=label,
                unit=unit,
                wavelength_nm=raw.wavelength_nm,
                source=context.source(raw.number + k),
                remarks=tuple(own),
            )
        )
    return traces


def _tidied(
    remarks: list[Remark],
    time: Array,
    signal: Array,
    sigma: Array | None,
    lines: IntArray,
    unit: str,
    context: Context,
) -> tuple[Array, Array, Array | None]:
    """Drop duplicates and clipped readings, sort, and add a remark for each."""
    repeated = duplicate_rows(time, signal)
    if repeated.any():
        text = f"{repeated.sum()} exact duplicate rows counted once"
        remarks.append(_at_lines("duplicate_rows", text, lines, repeated))
    keep = ~repeated
    if unit == "AU":
        clip = clipped_level(signal[keep])
        if clip is not None:
            clipped = keep & (signal == clip)
            if not (keep & ~clipped).any():
                raise InputError(
                    f"all {int(keep.sum())} readings stand at {clip:g}: the detector is saturated",
                    file=context.file,
                    remedy="dilute, use a shorter path, or read another wavelength",
                )
            text = f"{clipped.sum()} readings at the largest value {clip:g} exactly (saturated) are masked"
            remarks.append(_at_lines("saturated", text, lines, clipped))
            keep = keep & ~clipped
    time, signal, lines = time[keep], signal[keep], lines[keep]
    sigma = None if sigma is None else sigma[keep]
    falls = np.flatnonzero(np.diff(time) < 0) + 1
    if falls.size:
        order = np.argsort(time, kind="stable")
        time, signal, lines = time[order], signal[order], lines[order]
        sigma = None if sigma is None else sigma[order]
        text = f"rows sorted by time: {falls.size} stood before an earlier one"
        remarks.append(Remark("sorted_by_time", text, int(falls.size)))
    again = np.diff(time) == 0
    if again.any():
        text = f"{again.sum()} times stand more than once with different readings: all are kept as replicates"
        remarks.append(_at_lines("repeated_times", text, lines[1:], again))
    if unit == "AU":
        low = signal <= 0
        if low.any():
            text = f"absorbance <= 0 at {low.sum()} of {low.size} points"
            if low.all() and float(signal.max()) < 0:
                text += ", all of them negative: check the blank (blank and sample swapped?)"
            else:
                text += ": ln A does not exist there, fit in absorbance with an offset"
            remarks.append(_at_lines("non_positive", text, lines, low))
    if sigma is not None and not np.all(np.isfinite(sigma) & (sigma > 0)):
        remarks.append(
            Remark("sigma_dropped", "the uncertainty column is not used: some of its cells are not positive")
        )
        sigma = None
    return time, signal, sigma


def build_series(context: Context, raw: RawMatrix) -> list[SpectralSeries]:
    """Return the spectral series, or one per run where `trace` chose a run of several.

    Raises
    ------
    InputError
        If a wavelength stands twice, times jump back, or nothing can be read.
    """
    remarks = list(context.remarks)
    axis, said = axis_nm(context, raw.axis, raw.axis_unit)
    remarks += said
    lines = raw.lines
    known_time = np.isfinite(raw.time_s)
    if not known_time.all():
        text = f"{int((~known_time).sum())} missing times, their spectra left out"
        rows = [] if lines is None else lines[~known_time].tolist()
        remarks.append(Remark.at("missing_cells", text, int((~known_time).sum()), rows=rows))
    matrix = raw.matrix[known_time] if not known_time.all() else raw.matrix
    time, lines = raw.time_s[known_time], None if lines is None else lines[known_time]
    _count_gaps(remarks, context, raw, axis, matrix, lines, time)
    if raw.overflow:
        text = f"{raw.overflow} cells read OVRFLW or the like (detector out of range) and are masked"
        remarks.append(Remark.at("overflow", text, raw.overflow, rows=raw.overflow_lines))
    values, unit, converted = signal_of(context, matrix, raw.quantity, lines)
    lost = np.any(np.isfinite(matrix) & ~np.isfinite(values), axis=1)
    remarks += _placed(converted, lines, time, lost)
    series = []
    pieces = _runs(context, time, lines, "time")
    for k, piece in enumerate(pieces):
        own = list(remarks)
        part_time, part = time[piece], values[piece]
        part_lines = None if lines is None else lines[piece]
        repeated = _repeated_spectra(part_time, part)
        if repeated.any():
            text = f"{repeated.sum()} exact duplicate rows (whole spectra) counted once"
            own.append(_at_spectra("duplicate_rows", text, part_lines, part_time, repeated))
            part_time, part = part_time[~repeated], part[~repeated]
            part_lines = None if part_lines is None else part_lines[~repeated]
        if unit == "AU":
            part = _mask_spectra(own, part, part_time, part_lines)
        falls = int(np.count_nonzero(np.diff(part_time) < 0))
        if falls:
            own.append(
                Remark(
                    "sorted_by_time", f"spectra sorted by time: {falls} stood before an earlier one", falls
                )
            )
        label = raw.label if len(pieces) == 1 else f"{raw.label} run {k + 1}".strip()
        try:
            series.append(
                SpectralSeries(
                    time_s=part_time,
                    wavelength_nm=axis,
                    absorbance=part,
                    label=label,
                    unit=unit,
                    source=context.source(raw.number + k),
                    remarks=tuple(own),
                )
            )
        except InputError as error:
            raise InputError(str(error), file=context.file) from error
    return series


def _repeated_spectra(time: Array, matrix: Array) -> BoolArray:
    """Return which spectra repeat an earlier one, time and all; only equal times are compared."""
    repeated = np.zeros(time.size, dtype=bool)
    _, place, counts = np.unique(time, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[place] > 1)
    if shared.size:
        repeated[shared] = duplicate_rows(time[shared], matrix[shared])
    return repeated


def _count_gaps(
    remarks: list[Remark],
    context: Context,
    raw: RawMatrix,
    axis: Array,
    matrix: Array,
    lines: IntArray | None,
    time: Array,
) -> None:
    gaps = ~np.isfinite(matrix)
    total = int(np.count_nonzero(gaps))
    if not total:
        return
    if total == gaps.size:
        raise InputError("no cell of the table holds a number", file=context.file)
    if matrix.shape[0] > 0:
        dead: BoolArray = np.all(gaps, axis=0)
        for j in np.flatnonzero(dead)[:20]:
            remarks.append(
                Remark(
                    "dead_pixel",
                    f"no reading at all at {axis[j]:g} nm (column {int(j) + 2} is empty: dead pixel); masked",
                    int(matrix.shape[0]),
                    wavelengths_nm=(float(axis[j]),),
                )
            )
        if dead.sum() > 20:
            text = f"{dead.sum()} wavelengths without any reading"
            remarks.append(Remark.at("dead_pixel", text, int(dead.sum()), wavelengths_nm=axis[dead].tolist()))
        gaps &= ~dead[None, :]
    rest = int(np.count_nonzero(gaps)) - raw.overflow
    if rest > 0:
        text = f"{rest} missing cell{'' if rest == 1 else 's'} masked"
        remarks.append(_at_spectra("missing_cells", text, lines, time, np.any(gaps, axis=1), rest))


def _mask_spectra(remarks: list[Remark], matrix: Array, time: Array, lines: IntArray | None) -> Array:
    """Mask dropouts and saturated cells of an absorbance matrix."""
    dropouts = dropout_spectra(matrix)
    if dropouts.any():
        level = float(np.nanmedian(matrix[dropouts]))
        text = f"{dropouts.sum()} whole spectra near {level:.2g} AU (dropouts) masked"
        remarks.append(_at_spectra("dropouts", text, lines, time, dropouts))
        matrix = np.where(dropouts[:, None], np.nan, matrix)
    clip = clipped_level(matrix)
    if clip is not None:
        clipped = matrix == clip
        count = int(np.count_nonzero(clipped))
        text = f"{count} readings at the largest value {clip:g} exactly (saturated) are masked"
        remarks.append(_at_spectra("saturated", text, lines, time, clipped.any(axis=1), count))
        matrix = np.where(clipped, np.nan, matrix)
    return matrix


def _runs(context: Context, time: Array, lines: IntArray | None, name: str) -> list[slice]:
    """One slice for all rows, or a slice per run if the caller chose among runs."""
    starts = starts_of_runs(time)
    if len(starts) == 1:
        return [slice(None)]
    if context.options.trace is not None:
        return [slice(a, b) for a, b in zip(starts, [*starts[1:], time.size], strict=True)]
    at = starts[1]
    raise InputError(
        f"time jumps back from {time[at - 1]:g} to {time[at]:g} s: {len(starts)} runs, one below the other",
        file=context.file,
        line=None if lines is None else int(lines[at]),
        column=name,
        value=f"{time[at]:g}",
        remedy=f"split the file or pick run 1 to {len(starts)} (--trace 1, trace=1)",
    )


def _refuse_nothing_left(context: Context, raw: RawTrace, overflow: BoolArray) -> None:
    if overflow.any():
        raise InputError(
            f"no reading is left: {overflow.sum()} cells out of range (saturated), the others missing",
            file=context.file,
            column=raw.quantity.name or None,
            remedy="dilute, use a shorter path, or read another wavelength",
        )
    raise InputError(
        "no data rows: every cell of the signal is missing",
        file=context.file,
        column=raw.quantity.name or None,
        remedy="choose another column",
    )


def _counted(
    code: str, what: str, done: str, lines: IntArray, where: BoolArray, count: int | None = None
) -> Remark:
    number = int(where.sum()) if count is None else count
    told = done.replace("cells", "cell", 1) if number == 1 else done
    return _at_lines(code, f"{number} {what} {told}", lines, where, number)


def _at_lines(code: str, text: str, lines: IntArray, where: BoolArray, count: int | None = None) -> Remark:
    """Return a remark with the lines it concerns."""
    return Remark.at(code, text, int(where.sum()) if count is None else count, rows=lines[where].tolist())


def _at_spectra(
    code: str, text: str, lines: IntArray | None, time: Array, where: BoolArray, count: int | None = None
) -> Remark:
    """Return a remark with the lines of the spectra it concerns, or their times where none are known."""
    number = int(where.sum()) if count is None else count
    if lines is None:
        return Remark.at(code, text, number, times_s=time[where].tolist())
    return Remark.at(code, text, number, rows=lines[where].tolist())


def _placed(said: Sequence[Remark], lines: IntArray | None, time: Array, lost: BoolArray) -> list[Remark]:
    """Give the readings that a conversion could not take their lines, or else their times."""
    return [
        _at_spectra(r.code, r.text, lines, time, lost, r.count) if r.code == "no_light" else r for r in said
    ]
