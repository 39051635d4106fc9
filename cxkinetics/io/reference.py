"""What a reference does: solvent counts make absorbance of raw counts, a quiet wavelength takes off drift."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.file import ReadOptions, Signal
from cxkinetics.io.headers import read_header
from cxkinetics.io.words import absorbance_from_counts
from cxkinetics.remarks import Remark
from cxkinetics.signals.prepare import subtract_reference
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

REFERENCE_CODES = ("reference_subtracted", "reference_applied")
Reader = Callable[[str, ReadOptions], list[Signal]]


def with_reference(signal: Signal, options: ReadOptions, reader: Reader) -> Signal:
    """Return the signal with the reference of `options` applied; unchanged where none is given.

    Parameters
    ----------
    signal : Trace or SpectralSeries
        Raw counts, or absorbance.
    options : ReadOptions
        `reference`: for counts a file with the solvent's spectrum, "first" or "last", or the number
        of a spectrum of the series (from 1); for absorbance spectra a wavelength in nm.
    reader : callable
        Reads the reference file.

    Raises
    ------
    InputError
        If the reference cannot be found or does not cover the wavelengths.
    """
    wanted = options.reference
    if wanted is None or any(remark.code in REFERENCE_CODES for remark in signal.remarks):
        return signal
    if isinstance(signal, Trace):
        raise signal._refusal(
            f"no reference {wanted!r} can be applied to this trace",
            "the reference of a trace is a column of its table, by name",
        )
    if signal.unit == "counts":
        counts, told = _solvent(signal, wanted, options, reader)
        return replace(
            signal,
            absorbance=absorbance_from_counts(signal.absorbance, counts),
            unit="AU",
            remarks=(*(r for r in signal.remarks if r.code != "raw_counts"), told),
        )
    place = read_header(wanted).place if isinstance(wanted, str) else float(wanted)
    if place is None:
        text = f"the reference of spectra is a wavelength in nm, not {wanted!r}"
        raise InputError(text, file=signal.source.file, value=str(wanted))
    return subtract_reference(signal, place)


def _solvent(
    series: SpectralSeries, wanted: str | float, options: ReadOptions, reader: Reader
) -> tuple[Array, Remark]:
    """Return the solvent's counts on the wavelengths of the series, and what was taken."""
    n = series.time_s.size
    number = {"first": 1, "last": n}.get(str(wanted).casefold())
    if number is None and str(wanted).isdecimal():
        number = int(wanted)
    if number is not None:
        if not 1 <= number <= n:
            raise InputError(f"there is no spectrum {number}: the series holds {n}", file=series.source.file)
        text = f"absorbance from counts and a reference, A = -log10(I/I0), I0 is spectrum {number}"
        return series.absorbance[number - 1], Remark("reference_applied", text)
    path = str(wanted)
    beside = os.path.join(os.path.dirname(series.source.file), path)
    if not os.path.exists(path) and os.path.exists(beside):
        path = beside
    plain = replace(options, reference=None, trace=None, wavelength=None, absorbance_unit="counts")
    found = reader(path, plain)
    if len(found) != 1 or not isinstance(found[0], SpectralSeries):
        raise InputError("the reference must hold one spectrum", file=path)
    solvent = found[0]
    counts = np.asarray(np.mean(solvent.absorbance, axis=0), dtype=np.float64)
    low, high = float(solvent.wavelength_nm[0]), float(solvent.wavelength_nm[-1])
    if low > series.wavelength_nm[0] + 1e-6 or high < series.wavelength_nm[-1] - 1e-6:
        raise InputError(
            f"the reference covers {low:g}-{high:g} nm, the spectra "
            f"{series.wavelength_nm[0]:g}-{series.wavelength_nm[-1]:g} nm",
            file=path,
        )
    text = f"absorbance from counts and a reference, A = -log10(I/I0), I0 from {Path(path).name!r}"
    on_axis = np.interp(series.wavelength_nm, solvent.wavelength_nm, counts)
    return np.asarray(on_axis, dtype=np.float64), Remark("reference_applied", text)
