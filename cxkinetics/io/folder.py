"""A folder of one-spectrum files: one run, in the order of the times in their names or headers."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.acquired import acquired_at
from cxkinetics.io.formats import Signal
from cxkinetics.io.names import NamedTime, natural_key, time_in_name
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.units import time_factor
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source

__all__ = ["files_of", "holds_one_run", "read_folder"]

Reader = Callable[[str, ReadOptions], list[Signal]]
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


def holds_one_run(folder: str | os.PathLike[str], reader: Reader) -> bool:
    """Return whether a folder is one run: its files have times in their names and hold one spectrum each."""
    files = files_of(folder)
    named = [p for p in files if time_in_name(p.stem) is not None]
    if len(named) < 2 or len(named) < 0.8 * len(files):
        return False
    try:
        first = reader(str(named[0]), ReadOptions())
    except InputError:
        return False
    return len(first) == 1 and isinstance(first[0], SpectralSeries) and first[0].time_s.size == 1


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
            signals = reader(str(file), replace(options, trace=None, wavelength=None))
        except InputError as error:
            other.append((file.name, str(error).removeprefix(str(file)).lstrip(", :")))
            continue
        if len(signals) == 1 and isinstance(signals[0], SpectralSeries) and signals[0].time_s.size == 1:
            spectra.append(
                _Spectrum(file, signals[0], time_in_name(file.stem), acquired_at(signals[0].source))
            )
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
    remarks = [
        Remark("folder", f"{len(spectra)} files of one spectrum each, {_span(spectra, times)}", len(spectra)),
        *said,
    ]
    if aligned is not None:
        remarks.append(aligned)
    if other:
        names = ", ".join(name for name, _ in other[:5])
        remarks.append(
            Remark(
                "files_left_out", f"{len(other)} files hold no spectrum and are left out: {names}", len(other)
            )
        )
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


def _span(spectra: Sequence[_Spectrum], times: Array) -> str:
    first, last = int(np.argmin(times)), int(np.argmax(times))
    one, other = (f"{spectra[k].file.name!r} at {times[k]:g} s" for k in (first, last))
    return f"from {one} to {other}"


def _times(shown: str, spectra: Sequence[_Spectrum], options: ReadOptions) -> tuple[Array, list[Remark]]:
    named = [s.named for s in spectra]
    if all(n is not None for n in named):
        known = [n for n in named if n is not None]
        values = np.array([n.value for n in known])
        units = [options.time_unit or n.unit for n in known]
        if all(units):
            text = f"times read from the file names ({known[0].text!r} to {known[-1].text!r})"
            return values * np.array([time_factor(u) or 1.0 for u in units]), [
                Remark("times_from_names", text)
            ]
        return _unit_from_clock(spectra, values, known)
    moments = [s.moment_s for s in spectra]
    if all(m is not None for m in moments):
        clock = np.array(moments, dtype=np.float64)
        if np.unique(clock).size == clock.size:
            text = "times from the moments of acquisition in the files, from the first"
            return clock - clock.min(), [Remark("times_from_headers", text)]
    bare = next(s.file.name for s in spectra if s.named is None)
    raise InputError(
        f"no time in the name or header of {bare!r}",
        file=shown,
        remedy="name the files by their time ('run_120s.csv', '5 min.txt')",
    )


def _unit_from_clock(
    spectra: Sequence[_Spectrum], values: Array, named: Sequence[NamedTime]
) -> tuple[Array, list[Remark]]:
    """Names without a unit: the clock in the files tells, else the unit that the reader assumed."""
    text = f"times read from the file names ({named[0].text!r} to {named[-1].text!r}), which give no unit"
    moments = [s.moment_s for s in spectra]
    if all(m is not None for m in moments):
        clock = np.ptp(np.array(moments, dtype=np.float64))
        spans = {
            unit: float(np.ptp(values)) * factor
            for unit, factor in (("s", 1.0), ("min", 60.0), ("h", 3600.0))
        }
        near = min(spans, key=lambda unit: abs(np.log(max(spans[unit], 1e-9) / max(clock, 1e-9))))
        if 1 / 3 < spans[near] / max(clock, 1e-9) < 3:
            told = f"{text}: time unit assumed {near}, for the files were recorded within {clock:g} s"
            return values * (time_factor(near) or 1.0), [Remark("time_unit_assumed", told)]
    by_reader = np.array([float(s.series.time_s[0]) for s in spectra])
    factors = {round(float(t / v), 6) for t, v in zip(by_reader, values, strict=True) if v}
    factor = factors.pop() if len(factors) == 1 else 1.0
    unit = "min" if factor == 60.0 else "s"
    return values * factor, [Remark("time_unit_assumed", f"{text}: time unit assumed {unit}")]


def _one_axis(shown: str, spectra: Sequence[_Spectrum]) -> tuple[Array, Remark | None]:
    first = spectra[0].series.wavelength_nm
    worst = 0.0
    for s in spectra[1:]:
        axis = s.series.wavelength_nm
        if axis.size != first.size:
            raise InputError(
                f"{s.file.name!r} holds {axis.size} wavelengths, {spectra[0].file.name!r} {first.size}",
                file=shown,
                remedy="record all spectra of a run with the same settings",
            )
        worst = max(worst, float(np.abs(axis - first).max()))
    step = float(np.median(np.diff(first))) if first.size > 1 else 1.0
    if worst > 0.5 * step:
        raise InputError(
            f"the wavelengths of the files differ by up to {worst:g} nm",
            file=shown,
            remedy="record all spectra of a run with the same settings",
        )
    units = {s.series.unit for s in spectra}
    if len(units) > 1:
        raise InputError(f"the files hold different signals: {', '.join(sorted(units))}", file=shown)
    if worst > 1e-6:
        return first, Remark(
            "axes_aligned",
            f"wavelengths differ by up to {worst:.2g} nm between files: the first file's are used",
        )
    return first, None
