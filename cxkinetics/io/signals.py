"""Numbers to signals: gaps, duplicates, order, runs, saturation and dropouts, each said with its rows."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.file import Context
from cxkinetics.io.headers import Quantity
from cxkinetics.io.plausible import before_zero
from cxkinetics.io.quantities import axis_nm, signal_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import clipped_level, dropout_spectra, duplicate_rows, starts_of_runs
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import Source

_SATURATED = "{} readings at the largest value {:g} exactly (saturated) are masked"
_OVERFLOW = "{} cells read OVRFLW or the like (detector out of range) and are masked"


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
    """A time x wavelength matrix as it stands in a file (already turned so that rows are times).

    `overflow` tells how many cells said "out of range", and their lines.
    """

    time_s: Array
    axis: Array
    axis_unit: str
    matrix: Array
    quantity: Quantity
    lines: IntArray | None = None
    overflow: tuple[int, tuple[int, ...]] = (0, ())
    label: str = ""
    number: int = 1


@dataclass(frozen=True, slots=True)
class _Rows:
    """Readings at their times (a number or a spectrum each), with the lines of the file where known."""

    time: Array
    body: Array
    lines: IntArray | None
    sigma: Array | None = None

    def take(self, rows: BoolArray | IntArray | slice) -> "_Rows":
        lines = None if self.lines is None else self.lines[rows]
        sigma = None if self.sigma is None else self.sigma[rows]
        return _Rows(self.time[rows], self.body[rows], lines, sigma)

    def remark(self, code: str, text: str, where: BoolArray, count: int | None = None) -> Remark:
        """Return a remark with the lines that it concerns, or their times where no line is known."""
        number = int(where.sum()) if count is None else count
        if self.lines is None:
            return Remark.at(code, text, number, times_s=self.time[where].tolist())
        return Remark.at(code, text, number, rows=self.lines[where].tolist())

    def placed(self, said: Sequence[Remark], lost: BoolArray) -> list[Remark]:
        """Give the readings that a conversion could not take their lines, or else their times."""
        return [self.remark(r.code, r.text, lost, r.count) if r.code == "no_light" else r for r in said]


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
    rows = _Rows(raw.time_s, values, raw.lines, _converted_sigma(raw, said))
    known = np.isfinite(raw.time_s) & np.isfinite(raw.values)
    gaps = ~known & ~overflow
    if gaps.any():
        text = f"{gaps.sum()} missing cell{'' if gaps.sum() == 1 else 's'} left out"
        remarks.append(rows.remark("missing_cells", text, gaps))
    if overflow.any():
        remarks.append(rows.remark("overflow", _OVERFLOW.format(overflow.sum()), overflow))
    remarks += rows.placed(said, known & ~np.isfinite(values))
    keep = np.isfinite(raw.time_s) & np.isfinite(values)
    if not keep.any():
        raise _nothing_left(context, raw, overflow)
    traces = []
    for piece, label, source in _runs(context, rows.take(keep), raw):
        own = list(remarks)
        part = _tidied(context, own, piece, unit)
        traces.append(
            Trace(
                time_s=part.time,
                absorbance=part.body,
                sigma=part.sigma,
                label=label,
                unit=unit,
                wavelength_nm=raw.wavelength_nm,
                source=source,
                remarks=tuple(own),
            )
        )
    return traces


def _converted_sigma(raw: RawTrace, said: Sequence[Remark]) -> Array | None:
    """Return the standard deviations on the scale to which the readings were converted."""
    if raw.sigma is None:
        return None
    codes = {remark.code for remark in said}
    scale: Array | float = 1000.0 if "unit_converted" in codes else 1.0
    if codes & {"percent_converted", "fraction_converted"}:
        scale = np.log(10.0) * np.abs(raw.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma: Array = raw.sigma / scale
    return sigma


def _tidied(context: Context, remarks: list[Remark], rows: _Rows, unit: str) -> _Rows:
    """Drop duplicates and clipped readings, sort, and add a remark for each."""
    # duplicates go first: rows written twice must not make a saturated level of one reading
    repeated = duplicate_rows(rows.time, rows.body)
    if repeated.any():
        text = f"{repeated.sum()} exact duplicate rows counted once"
        remarks.append(rows.remark("duplicate_rows", text, repeated))
    rows = rows.take(~repeated)
    clip = clipped_level(rows.body) if unit == "AU" else None
    if clip is not None:
        clipped = rows.body == clip
        if clipped.all():
            raise context.error(
                f"all {clipped.size} readings stand at {clip:g}: the detector is saturated",
                "dilute, use a shorter path, or read another wavelength",
            )
        remarks.append(rows.remark("saturated", _SATURATED.format(clipped.sum(), clip), clipped))
        rows = rows.take(~clipped)
    falls = int(np.count_nonzero(np.diff(rows.time) < 0))
    if falls:
        rows = rows.take(np.argsort(rows.time, kind="stable"))
        text = f"rows sorted by time: {falls} stood before an earlier one"
        remarks.append(Remark("sorted_by_time", text, falls))
    again = np.diff(rows.time, prepend=np.nan) == 0
    if again.any():
        text = f"{again.sum()} times stand more than once with different readings: all are kept as replicates"
        remarks.append(rows.remark("repeated_times", text, again))
    remarks += before_zero(rows.time)
    low = rows.body <= 0
    if unit == "AU" and low.any():
        text = f"absorbance <= 0 at {low.sum()} of {low.size} points"
        if low.all() and float(rows.body.max()) < 0:
            text += ", all of them negative: check the blank (blank and sample swapped?)"
        else:
            text += ": ln A does not exist there, fit in absorbance with an offset"
        remarks.append(rows.remark("non_positive", text, low))
    if rows.sigma is not None and not np.all(np.isfinite(rows.sigma) & (rows.sigma > 0)):
        text = "the uncertainty column is not used: some of its cells are not positive"
        remarks.append(Remark("sigma_dropped", text))
        rows = replace(rows, sigma=None)
    return rows


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
    rows = _Rows(raw.time_s, raw.matrix, raw.lines)
    known = np.isfinite(rows.time)
    if not known.all():
        missing = int((~known).sum())
        text = f"{missing} missing times, their spectra left out"
        left = [] if raw.lines is None else raw.lines[~known].tolist()
        remarks.append(Remark.at("missing_cells", text, missing, rows=left))
        rows = rows.take(known)
    remarks += _gaps(context, raw, axis, rows)
    overflow, lines = raw.overflow
    if overflow:
        remarks.append(Remark.at("overflow", _OVERFLOW.format(overflow), overflow, rows=lines))
    values, unit, converted = signal_of(context, rows.body, raw.quantity, rows.lines)
    lost = np.any(np.isfinite(rows.body) & ~np.isfinite(values), axis=1)
    remarks += rows.placed(converted, lost)
    series = []
    for part, label, source in _runs(context, replace(rows, body=values), raw):
        own = list(remarks)
        repeated = _repeated_spectra(part)
        if repeated.any():
            text = f"{repeated.sum()} exact duplicate rows (whole spectra) counted once"
            own.append(part.remark("duplicate_rows", text, repeated))
            part = part.take(~repeated)
        if unit == "AU":
            part = _masked(own, part)
        falls = int(np.count_nonzero(np.diff(part.time) < 0))
        if falls:  # the series sorts itself
            text = f"spectra sorted by time: {falls} stood before an earlier one"
            own.append(Remark("sorted_by_time", text, falls))
        try:
            series.append(
                SpectralSeries(
                    time_s=part.time,
                    wavelength_nm=axis,
                    absorbance=part.body,
                    label=label,
                    unit=unit,
                    source=source,
                    remarks=tuple(own),
                )
            )
        except InputError as error:
            raise context.error(str(error)) from error
    return series


def _repeated_spectra(rows: _Rows) -> BoolArray:
    """Return which spectra repeat an earlier one, time and all; only equal times are compared."""
    repeated = np.zeros(rows.time.size, dtype=bool)
    _, place, counts = np.unique(rows.time, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[place] > 1)
    if shared.size:
        repeated[shared] = duplicate_rows(rows.time[shared], rows.body[shared])
    return repeated


def _gaps(context: Context, raw: RawMatrix, axis: Array, rows: _Rows) -> list[Remark]:
    """Return remarks on cells without a number: whole columns are dead pixels, twenty of them by name."""
    gaps = ~np.isfinite(rows.body)
    total = int(np.count_nonzero(gaps))
    if not total:
        return []
    if total == gaps.size:
        raise context.error("no cell of the table holds a number")
    dead: BoolArray = np.all(gaps, axis=0)
    remarks = []
    for j in np.flatnonzero(dead)[:20]:
        text = f"no reading at all at {axis[j]:g} nm (column {int(j) + 2} is empty: dead pixel); masked"
        remarks.append(Remark("dead_pixel", text, len(gaps), wavelengths_nm=(float(axis[j]),)))
    if dead.sum() > 20:
        text = f"{dead.sum()} wavelengths without any reading"
        remarks.append(Remark.at("dead_pixel", text, int(dead.sum()), wavelengths_nm=axis[dead].tolist()))
    gaps &= ~dead[None, :]
    rest = int(np.count_nonzero(gaps)) - raw.overflow[0]
    if rest > 0:
        text = f"{rest} missing cell{'' if rest == 1 else 's'} masked"
        remarks.append(rows.remark("missing_cells", text, np.any(gaps, axis=1), rest))
    return remarks


def _masked(remarks: list[Remark], rows: _Rows) -> _Rows:
    """Mask dropouts and saturated cells of an absorbance matrix."""
    matrix = rows.body
    dropouts = dropout_spectra(matrix)
    if dropouts.any():
        level = float(np.nanmedian(matrix[dropouts]))
        text = f"{dropouts.sum()} whole spectra near {level:.2g} AU (dropouts) masked"
        remarks.append(rows.remark("dropouts", text, dropouts))
        matrix = np.where(dropouts[:, None], np.nan, matrix)
    clip = clipped_level(matrix)
    if clip is not None:
        clipped = matrix == clip
        count = int(np.count_nonzero(clipped))
        text = _SATURATED.format(count, clip)
        remarks.append(rows.remark("saturated", text, clipped.any(axis=1), count))
        matrix = np.where(clipped, np.nan, matrix)
    return replace(rows, body=matrix)


def _runs(context: Context, rows: _Rows, raw: RawTrace | RawMatrix) -> Iterator[tuple[_Rows, str, Source]]:
    """Give all rows, or those of each run if the caller chose among runs, with their label and source."""
    time = rows.time
    starts = starts_of_runs(time)
    if len(starts) == 1 or context.options.trace is not None:
        for k, (a, b) in enumerate(itertools.pairwise([*starts, time.size])):
            name = raw.label or context.label
            label = name if len(starts) == 1 else f"{name} run {k + 1}".strip()
            yield rows.take(slice(a, b)), label, context.source(raw.number + k)
        return
    at = starts[1]
    raise context.error(
        f"time jumps back from {time[at - 1]:g} to {time[at]:g} s: {len(starts)} runs, one below the other",
        f"split the file or pick run 1 to {len(starts)} (--trace 1, trace=1)",
        line=None if rows.lines is None else int(rows.lines[at]),
        column=raw.time_name if isinstance(raw, RawTrace) else "time",
        value=f"{time[at]:g}",
    )


def _nothing_left(context: Context, raw: RawTrace, overflow: BoolArray) -> InputError:
    text, remedy = "no data rows: every cell of the signal is missing", "choose another column"
    if overflow.any():
        text = f"no reading is left: {overflow.sum()} cells out of range (saturated), the others missing"
        remedy = "dilute, use a shorter path, or read another wavelength"
    return context.error(text, remedy, column=raw.quantity.name or None)
