"""`load`: any file or folder a bench sends, as signals; and the registry of formats."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from cxkinetics.annexes import declared
from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, did_you_mean
from cxkinetics.io.file import (
    BinaryFormat,
    Column,
    Content,
    Context,
    ReadOptions,
    Signal,
    TextFormat,
    acquired_at,
    decode,
    decode_head,
    marked,
    read_content,
)
from cxkinetics.io.formats.instruments import read_instrument_file, unknown_binary
from cxkinetics.io.layout import ASKS_AXIS, times_of_log
from cxkinetics.io.reference import Reader, with_reference
from cxkinetics.io.table import LARGE_BYTES
from cxkinetics.io.words import NamedTime, natural_key, time_factor, time_in_name
from cxkinetics.remarks import Remark
from cxkinetics.signals.prepare import leave_out
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import TIME_UNITS, Source

_SAME_SETTINGS = "record all spectra of a run with the same settings"
_BEGIN = 2048
_RAMAN = re.compile(r"(?mi)^\W?data ?type[,;\t]\W?raman|^#?AxisType\[1\]=Spectr\s+#?AxisUnit\[1\]=1/cm")
_TIME_CODES = ("time_from_name", "time_set_zero", "time_unit_assumed", "times_used")


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """One file of the folder."""

    file: Path
    series: SpectralSeries
    named: NamedTime | None
    moment_s: float | None


def files_of(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the files of a folder in natural order, hidden ones left out."""
    place = Path(folder)
    files = [p for p in place.iterdir() if p.is_file() and not p.name.startswith((".", "~$"))]
    return sorted(files, key=lambda p: natural_key(p.name))


def read_folder(folder: str | os.PathLike[str], options: ReadOptions, reader: Reader) -> list[Signal]:
    """Return the series that the one-spectrum files of a folder make.

    Parameters
    ----------
    folder : path-like
        Kept in `Source.file` as given; the hash is of all files used, in order.
    options : ReadOptions
        As for `load`; `time_unit` settles names without a unit.
    reader : callable
        Reads one file.

    Raises
    ------
    InputError
        If fewer than two files hold one spectrum, no times can be found, or the axes differ.
    """
    shown = os.fspath(folder)
    files = files_of(folder)
    if not files:
        raise InputError("the folder holds no files", file=shown)
    spectra: list[_Spectrum] = []
    other: list[tuple[str, str]] = []
    for file in files:
        try:
            signals = _read_spectrum(reader, file, replace(options, trace=None, wavelength=None, times=None))
        except InputError as error:
            other.append((file.name, str(error).removeprefix(str(file)).lstrip(", :")))
            continue
        if _is_spectrum(signals):
            moment = acquired_at(signals[0].source)
            spectra.append(_Spectrum(file, signals[0], time_in_name(file.stem), moment))
        else:
            other.append((file.name, "holds more than one spectrum, or a trace"))
    if len(spectra) < 2 or len(other) > len(spectra):
        first = f" ({other[0][0]}: {other[0][1][:120]})" if other else ""
        raise InputError(
            f"{len(spectra)} of {len(files)} files hold one spectrum{first}: the folder is no run of spectra",
            file=shown,
            remedy="give the files themselves, or keep only the spectra of one run in the folder",
        )
    times, said = _times(shown, spectra, options)
    axis, aligned = _one_axis(shown, spectra)
    text = f"{len(spectra)} files of one spectrum each, {_span(spectra, times)}"
    remarks = [Remark("folder", text, len(spectra)), *said, *aligned]
    if other:
        names = ", ".join(name for name, _ in other[:5])
        text = f"{len(other)} files hold no spectrum and are left out: {names}"
        remarks.append(Remark("files_left_out", text, len(other)))
    kept = dict.fromkeys(r for s in spectra for r in s.series.remarks if r.code not in _TIME_CODES)
    digest = hashlib.sha256("".join(s.series.source.sha256 for s in spectra).encode()).hexdigest()
    first_source = spectra[0].series.source
    series = SpectralSeries(
        time_s=times,
        wavelength_nm=axis,
        absorbance=np.vstack([s.series.absorbance for s in spectra]),
        label=Path(shown).name,
        unit=spectra[0].series.unit,
        source=Source(file=shown, sha256=digest, format=f"folder of {first_source.format}"),
        remarks=(*remarks, *kept),
    )
    return [series]


def _read_spectrum(reader: Reader, file: Path, options: ReadOptions) -> list[Signal]:
    """Read a file of a folder of spectra: a bare first column that may be a wavelength is one."""
    try:
        return reader(str(file), options)
    except InputError as error:
        if ASKS_AXIS not in str(error) or options.axis is not None:
            raise
        return reader(str(file), replace(options, axis="wavelength"))


def _span(spectra: Sequence[_Spectrum], times: Array) -> str:
    first, last = int(np.argmin(times)), int(np.argmax(times))
    one, other = (f"{spectra[k].file.name!r} at {times[k]:g} s" for k in (first, last))
    return f"from {one} to {other}"


def _times(shown: str, spectra: Sequence[_Spectrum], options: ReadOptions) -> tuple[Array, list[Remark]]:
    if options.times is not None:
        context = Context(content=Content(shown, b"", ""), options=options, format="folder")
        seconds, context = times_of_log(context, options.times, len(spectra))
        return seconds, list(context.remarks)
    named = [s.named for s in spectra if s.named is not None]
    clock = np.array([s.moment_s for s in spectra], dtype=np.float64)  # NaN where a file states none
    if len(named) == len(spectra):
        values = np.array([n.value for n in named])
        units = [options.time_unit or n.unit for n in named]
        text = f"times read from the file names ({named[0].text!r} to {named[-1].text!r})"
        if all(units):
            factors = np.array([time_factor(unit) or 1.0 for unit in units])
            return values * factors, [Remark("times_from_names", text)]
        return _unit_from_clock(spectra, values, clock, f"{text}, which give no unit")
    if np.isfinite(clock).all() and np.unique(clock).size == clock.size:
        text = "times from the moments of acquisition in the files, from the first"
        return clock - clock.min(), [Remark("times_from_headers", text)]
    bare = next(s.file.name for s in spectra if s.named is None)
    text = f"no time in the name or header of {bare!r}"
    remedy = (
        "name the files by their time ('run_120s.csv', '5 min.txt'), or give the times in a file (--times)"
    )
    raise InputError(text, file=shown, remedy=remedy)


def _unit_from_clock(
    spectra: Sequence[_Spectrum], values: Array, clock: Array, text: str
) -> tuple[Array, list[Remark]]:
    """Names without a unit: the clock in the files tells, else the unit that the reader assumed."""
    if np.isfinite(clock).all():
        span = np.ptp(clock)
        spans = {unit: float(np.ptp(values)) * TIME_UNITS[unit] for unit in ("s", "min", "h")}
        near = min(spans, key=lambda unit: abs(np.log(max(spans[unit], 1e-9) / max(span, 1e-9))))
        if 1 / 3 < spans[near] / max(span, 1e-9) < 3:
            told = f"{text}: time unit assumed {near}, for the files were recorded within {span:g} s"
            return values * TIME_UNITS[near], [Remark("time_unit_assumed", told)]
    by_reader = np.array([float(s.series.time_s[0]) for s in spectra])
    factors = {round(float(t / v), 6) for t, v in zip(by_reader, values, strict=True) if v}
    factor = factors.pop() if len(factors) == 1 else 1.0
    unit = "min" if factor == 60.0 else "s"
    return values * factor, [Remark("time_unit_assumed", f"{text}: time unit assumed {unit}")]


def _one_axis(shown: str, spectra: Sequence[_Spectrum]) -> tuple[Array, list[Remark]]:
    first = spectra[0].series.wavelength_nm
    for s in spectra:
        size = s.series.wavelength_nm.size
        if size != first.size:
            text = f"{s.file.name!r} holds {size} wavelengths, {spectra[0].file.name!r} {first.size}"
            raise InputError(text, file=shown, remedy=_SAME_SETTINGS)
    worst = max(float(np.abs(s.series.wavelength_nm - first).max()) for s in spectra)
    step = float(np.median(np.diff(first))) if first.size > 1 else 1.0
    if worst > 0.5 * step:
        text = f"the wavelengths of the files differ by up to {worst:g} nm"
        raise InputError(text, file=shown, remedy=_SAME_SETTINGS)
    units = {s.series.unit for s in spectra}
    if len(units) > 1:
        raise InputError(f"the files hold different signals: {', '.join(sorted(units))}", file=shown)
    text = f"wavelengths differ by up to {worst:.2g} nm between files: the first file's are used"
    return first, [Remark("axes_aligned", text)] if worst > 1e-6 else []


_MODULES = (
    "agilent avantes procspec excel specord own jcamp_dx perkinelmer prodata olis glotaran enlighten plates "
    "specfit jasco oceanview uvprobe cary text"
)


def formats() -> tuple[BinaryFormat | TextFormat, ...]:
    """Return every readable format, in the order in which they are tried."""
    found: list[BinaryFormat | TextFormat] = []
    for name in _MODULES.split():
        found += import_module(f"cxkinetics.io.formats.{name}").FORMATS
    return tuple(found)


@checked("")
def load(
    path: str | os.PathLike[str],
    *,
    column: Column | None = None,
    trace: int | str | None = None,
    time_unit: str | None = None,
    decimal: str | None = None,
    sheet: str | int | None = None,
    absorbance_unit: str | None = None,
    wavelength: float | None = None,
    reference: str | int | float | None = None,
    time_in: str | None = None,
    axis: str | None = None,
    times: str | os.PathLike[str] | None = None,
    mask: float | str | Sequence[float | str] | None = None,
) -> Trace | SpectralSeries | list[Signal]:
    r"""Read a file, or a folder of one-spectrum files.

    Parameters
    ----------
    path : path-like
        What the file is, is found out from its content.
    column : str, int or sequence of these, optional
        The signal column by name or number (from 1), where several could be meant; "all" makes a
        trace of each.
    trace : int or str, optional
        One trace of a file with several, by number (from 1) or label.
    time_unit : {"s", "ms", "us", "min", "h", "d"}, optional
        Unit of time; overrides the file.
    decimal : {".", ","}, optional
        Decimal mark of a text table.
    sheet : str or int, optional
        Sheet of a workbook, by name or number (from 1).
    absorbance_unit : {"abs", "percentT", "fractionT", "counts"}, optional
        What the signal is; overrides the file.
    wavelength : float, optional
        In nm: return the trace at this wavelength instead of the spectra.
    reference : str, int or float, optional
        For raw counts: a file with the spectrum of the solvent, "first", "last" or the number of
        the spectrum that is it, or the name of a column of counts. For a trace table: the column
        whose drift is subtracted; for spectra: the wavelength in nm whose drift is.
    time_in : {"rows", "columns"}, optional
        Which axis of a matrix is time, where the file does not say.
    axis : {"time", "wavelength"}, optional
        What the first column is, where no name says so.
    times : path-like, optional
        A file with the times of spectra that carry none: a row for each, in their order; of a log of
        events the rows of the one event that stands as often as there are spectra.
    mask : float, str or sequence of these, optional
        Times of readings to leave out, in s on the file's clock, or with a unit ("8min").

    Returns
    -------
    Trace, SpectralSeries, or a list of them
        A list only where the file holds several (cells, column pairs, wells). Times are in s,
        wavelengths in nm and ascending; whatever was assumed, converted or masked stands in
        `remarks`.

    Raises
    ------
    InputError
        If the file cannot be read as it stands; the message names file, line, column, the value
        found and what to do.
    UsageError
        If an option is not one of those listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "run.csv"
    >>> _ = file.write_text("time (min),absorbance\n0,0.9\n1,0.5\n2,0.3\n")
    >>> load(file).time_s.tolist()
    [0.0, 60.0, 120.0]
    """
    times = os.fspath(times) if isinstance(times, os.PathLike) else times
    options = locals().copy()  # all but the path are fields of `ReadOptions`
    signals = read_signals(options.pop("path"), ReadOptions(**options))
    return signals[0] if len(signals) == 1 else signals


def read_signals(
    path: str | os.PathLike[str], options: ReadOptions, notes: dict[str, Any] | None = None
) -> list[Signal]:
    """Return the signals of a file as a list, whatever their number (see `load`).

    How it was read (delimiter, decimal mark, encoding, unit of time) is added to `notes`, if given.
    """
    file, read = os.fspath(path), partial(_read_file, notes=notes)
    signals = read_folder(file, options, read) if os.path.isdir(path) else read(file, options)
    found = [with_reference(signal, options, read) for signal in _choose(signals, options, file)]
    if options.mask is not None:
        found = [leave_out(signal, np.ravel(options.mask).tolist()) for signal in found]
    if options.wavelength is not None:
        return [_at(signal, options.wavelength) for signal in found]
    return found


def _read_file(file: str, options: ReadOptions, notes: dict[str, Any] | None = None) -> list[Signal]:
    content = read_content(file)
    signals = read_content_signals(content, options)
    if notes is not None:
        notes.update(content.notes)
    return signals


def is_run_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is one run: its files have times in their names and hold one spectrum each."""
    files = files_of(path) if os.path.isdir(path) else []
    named = [p for p in files if time_in_name(p.stem) is not None]
    if len(named) < 2 or len(named) < 0.8 * len(files):
        return False
    try:
        return _is_spectrum(_read_spectrum(_read_file, named[0], ReadOptions()))
    except InputError:
        return False


def _is_spectrum(signals: list[Signal]) -> TypeGuard[list[SpectralSeries]]:
    return len(signals) == 1 and isinstance(signals[0], SpectralSeries) and signals[0].time_s.size == 1


@np.errstate(over="ignore")  # beyond every number is infinite, and refused or missing as that
def read_content_signals(content: Content, options: ReadOptions) -> list[Signal]:
    """Return the signals in the bytes of one file, by the first format that knows them."""
    begin = content.data[:_BEGIN].decode("utf-8", errors="replace")
    for mark, (what, command) in (pair for known in declared("FOREIGN").values() for pair in known.items()):
        if re.search(mark, begin):
            raise content.error(f"this is {what}, not an optical measurement", f"read it with: {command}")
    if _RAMAN.search(begin):
        what = "this is a Raman spectrum: its axis is a shift, not a wavelength"
        raise content.error(what, "give a spectrum of absorbance")
    known = formats()
    for entry in known:
        if isinstance(entry, BinaryFormat) and entry.sniff(content):
            return entry.read(Context(content=content, options=options, format=entry.name))
    try:
        head = decode_head(content.data, content.file)
    except InputError as error:
        foreign = read_instrument_file(content, options)
        if foreign is None:
            raise unknown_binary(content) from error
        return foreign
    for entry in known:
        if isinstance(entry, TextFormat) and entry.sniff(head):
            text = ""
            if not entry.decodes or len(content.data) <= LARGE_BYTES:
                decoded = decode(content.data, content.file)
                content.notes["encoding"] = decoded.encoding
                text = decoded.text
            signals = entry.read(Context(content=content, options=options, format=entry.name), text)
            return [replace(s, source=marked(s.source, text or head)) for s in signals]
    raise content.error("no reader knows this file", "export it as CSV")


def _choose(signals: Sequence[Signal], options: ReadOptions, file: str) -> list[Signal]:
    wanted = options.trace
    if wanted is None:
        return list(signals)
    labels = [signal.label for signal in signals]
    if isinstance(wanted, str) and wanted in labels:
        return [signal for signal in signals if signal.label == wanted]
    if isinstance(wanted, int) or wanted.isdecimal():
        number = int(wanted)
        if 1 <= number <= len(signals):
            return [signals[number - 1]]
    shown = ", ".join(f"{k} ({label})" if label else str(k) for k, label in enumerate(labels[:12], start=1))
    raise InputError(
        f"there is no trace {wanted!r}: the file holds {len(signals)}: {shown}",
        file=file,
        remedy=f"{did_you_mean(str(wanted), labels)}choose one of them by number or label",
    )


def _at(signal: Signal, wavelength_nm: float) -> Trace:
    if isinstance(signal, SpectralSeries):
        return signal.at_wavelength(wavelength_nm)
    if signal.wavelength_nm is not None and abs(signal.wavelength_nm - wavelength_nm) > 1.0:
        raise InputError(
            f"asked for {wavelength_nm:g} nm, but this trace was recorded at {signal.wavelength_nm:g} nm",
            file=signal.source.file or None,
        )
    if signal.wavelength_nm is None:
        text = f"the file holds a trace, not spectra: the wavelength {wavelength_nm:g} nm was not used"
        return signal.with_remarks(Remark("wavelength_not_used", text))
    return signal
