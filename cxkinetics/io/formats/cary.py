"""Cary WinUV CSV: a row of sample names, a row of column names, ragged pairs, method blocks below.

The times of spectra stand only in the method blocks: "Collection Time" of each trace, else the
cycle time of the method (scheduled), else a time in the trace's name. Which one is used is said.
Spectra on one axis make one series; a baseline trace is set aside.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import Context, ReadOptions, Signal, TextFormat, plain_lines
from cxkinetics.io.formats.text import read_text_table
from cxkinetics.io.words import parse_moment, time_factor, time_in_name
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries

_COLUMNS = re.compile(
    r"(?=[^\n]*[,;\t])[^\n]*\n\"?(Wavelength|Wavenumber|Time|Energy) ?\([^)\n]+\)"
    r"\"?[,;\t]\"?(Abs|%T|%R|[AT]\b|Trans)",
    re.I,
)
_COLLECTED = re.compile(r"^Collection Time\s*:\s*(.+)$", re.MULTILINE)
_SCHEDULED = re.compile(
    r"^(?:Cycle [Tt]ime|Cycle Interval|Scheduled? (?:Start )?Time)"
    r"[ \t]{0,9}\(?(min|sec|s|h)?\)?[ \t]{0,9}[:=]?[ \t]{1,9}(\d+(?:[.,]\d+)?)",
    re.MULTILINE,
)
_WAVELENGTH = re.compile(r"^Wavelength \(nm\)\s+(\d+(?:\.\d+)?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Method:
    """The method block of one trace.

    Attributes
    ----------
    name : str
        Sample name it belongs to.
    collected_s : float or None
        Moment of collection, s since 1970.
    cycle_s : float or None
        Scheduled time between cycles, in s.
    wavelength_nm : float or None
        Wavelength of a kinetic trace.
    """

    name: str
    collected_s: float | None = None
    cycle_s: float | None = None
    wavelength_nm: float | None = None


def sniff(head: str) -> bool:
    """Return whether the first two lines are those of a Cary export."""
    return _COLUMNS.match(head.replace("\r", "")) is not None


def read_cary(context: Context, text: str) -> list[Signal]:
    """Return the traces or spectra, with their times."""
    plain = plain_lines(text)
    footer = plain.partition("\n\n")[2]
    methods = methods_of(footer or plain)
    wavelength = next((m.wavelength_nm for m in methods if m.wavelength_nm), None)
    if wavelength is None:
        alone = _WAVELENGTH.search(plain)
        wavelength = float(alone.group(1)) if alone else None
    signals = read_text_table(replace(context, wavelength_nm=wavelength), plain)
    spectra = [signal for signal in signals if isinstance(signal, SpectralSeries)]
    if not spectra or len(spectra) != len(signals) or any(s.time_s.size != 1 for s in spectra):
        return signals
    return _timed(spectra, methods, context.options)


def methods_of(footer: str) -> list[Method]:
    """Return the method blocks below the data, in the order of the file."""
    starts = [match.start() for match in _COLLECTED.finditer(footer)]
    found = []
    for start, stop in pairwise([*starts, len(footer)]):
        block = footer[start:stop]
        above = footer[:start].rstrip("\n ,").rsplit("\n", 1)[-1].strip(' ",;')
        collected = _COLLECTED.match(block)
        scheduled = _SCHEDULED.search(block)
        wavelength = _WAVELENGTH.search(block)
        cycle = None
        if scheduled is not None:
            factor = time_factor(scheduled[1] or "min") or 60.0
            cycle = float(scheduled[2].replace(",", ".")) * factor
        moment = parse_moment(collected[1].strip(" \t\r,;")) if collected else None
        found.append(Method(above, moment, cycle, float(wavelength[1]) if wavelength else None))
    return found


def _timed(spectra: list[SpectralSeries], methods: list[Method], options: ReadOptions) -> list[Signal]:
    aside = {i: s for i, s in enumerate(spectra) if s.label.casefold().startswith("baseline")}
    said: list[Remark] = []
    if 0 < len(aside) < len(spectra):
        names = ", ".join(repr(s.label) for s in aside.values())
        said.append(Remark("baseline_set_aside", f"baseline trace {names} set aside: it is no sample"))
    else:
        aside = {}
    index = [i for i in range(len(spectra)) if i not in aside]
    kept = [spectra[i] for i in index]
    own = [methods[i] for i in index] if len(methods) == len(spectra) else methods[: len(kept)]
    times, how = _times(kept, own, options)
    if times is None:
        return [s.with_remarks(*said) for s in kept]
    said.append(Remark("times_used", how))
    timed = []
    for spectrum, time in zip(kept, times, strict=True):
        own_remarks = (remark for remark in spectrum.remarks if remark.code != "time_set_zero")
        timed.append(replace(spectrum, time_s=np.array([time]), remarks=(*own_remarks, *said)))
    return _joined(timed)


def _times(
    spectra: Sequence[SpectralSeries], methods: Sequence[Method], options: ReadOptions
) -> tuple[Array | None, str]:
    collected = [m.collected_s for m in methods]
    if len(collected) == len(spectra) and all(moment is not None for moment in collected):
        moments = np.array(collected, dtype=np.float64)
        if len(spectra) == 1:
            return np.zeros(1), "one spectrum: time counts from its 'Collection Time'"
        if np.unique(moments).size == moments.size:
            how = "times collected: 'Collection Time' of the method blocks, from the first trace"
            return moments - moments[0], how
    named = [found for s in spectra if (found := time_in_name(s.label)) is not None]
    if len(spectra) > 1 and len(named) == len(spectra):
        factors = [time_factor(options.time_unit or n.unit or "min") or 60.0 for n in named]
        unit = options.time_unit or next((n.unit for n in named if n.unit), "min (assumed)")
        times = np.array([n.value for n in named]) * np.array(factors)
        return times, f"times read from the trace names, in {unit}"
    cycles = {m.cycle_s for m in methods if m.cycle_s}
    if len(cycles) == 1 and len(spectra) > 1:
        cycle = cycles.pop()
        times = cycle * np.arange(len(spectra), dtype=np.float64)
        return times, f"times scheduled: one spectrum every {cycle:g} s by the method"
    return None, ""


def _joined(spectra: list[SpectralSeries]) -> list[Signal]:
    """Join spectra of one sample on one axis into a series; others stay as they are."""
    first = spectra[0]
    stems = {re.sub(r"[\d.\s_\-()]+(min|sec|s|h)?\)?$", "", s.label).strip().casefold() for s in spectra}
    alike = all(
        s.unit == first.unit
        and s.wavelength_nm.size == first.wavelength_nm.size
        and np.allclose(s.wavelength_nm, first.wavelength_nm, rtol=0, atol=0.2)
        for s in spectra
    )
    if not alike or len(stems) > 1 or len(spectra) < 2:
        return list(spectra)
    remarks = dict.fromkeys(remark for s in spectra for remark in s.remarks)
    joined = SpectralSeries(
        time_s=np.concatenate([s.time_s for s in spectra]),
        wavelength_nm=first.wavelength_nm,
        absorbance=np.vstack([s.absorbance for s in spectra]),
        label=stems.pop(),
        unit=first.unit,
        source=replace(first.source, trace=1),
        remarks=tuple(remarks),
    )
    return [joined]


_SUMMARY = "Agilent Cary WinUV CSV of scans and kinetics: ragged pairs, Abs and %T mixed, method times"
FORMATS = (TextFormat("Cary CSV", ".csv", _SUMMARY, sniff, read_cary),)
