"""Agilent 845x ChemStation: .KD kinetics registers and .SD spectra, binary.

Text is UTF-16LE; all numbers are little-endian. Each spectrum is announced by "Absorbance (AU)":
its point count (u32) stands 12 bytes after the start of "(AU)", its float64 values begin 17 bytes
after it. After "Wavelength (nm)" come first wavelength (+56) and step (+64, float64), counted from
the start of that text; after "RelTime" the time in s (+20). "RegName" lists the cells, one name for
each spectrum. A whole spectrum near -3 AU is a closed shutter.
"""

import itertools
import re
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, build_series
from cxkinetics.io.content import Content
from cxkinetics.io.context import Context
from cxkinetics.io.decode import is_binary_wide
from cxkinetics.io.formats import BinaryFormat, Signal
from cxkinetics.io.headers import Quantity
from cxkinetics.io.options import ReadOptions
from cxkinetics.remarks import Remark

__all__ = ["FORMATS", "read_kinetics", "register_names"]


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le")


_SIGNAL = _wide("(AU)")
_AXIS = _wide("Wavelength (nm)")
_TIME = _wide("RelTime")
_CLOCK = _wide("TimeSince1970")
_CYCLE = _wide("CycleTime")
_NAMES = _wide("RegName")
_MOST_POINTS = 100_000


def sniff(content: Content) -> bool:
    """Return whether the bytes are a ChemStation register (and no UTF-16 text that names its unit)."""
    if b"REGISTER FILE" in content.data[:64]:
        return True
    return _wide("Absorbance (AU)") in content.data and is_binary_wide(content.data)


def read_kinetics(content: Content, options: ReadOptions) -> list[Signal]:
    """Return one series for each cell, in the order of the file."""
    data = content.data
    spectra, truncated = _spectra(data)
    if not spectra:
        raise InputError(
            "a ChemStation register without one whole absorbance spectrum: the binary file is cut or damaged",
            file=content.file,
            remedy="copy it again, or export as CSV from the instrument software",
        )
    starts = [start for start, _ in spectra]
    size = {values.size for _, values in spectra}
    if len(size) > 1:
        raise InputError(
            f"spectra of {min(size)} and of {max(size)} points in one register",
            file=content.file,
            remedy="export as CSV from the instrument software",
        )
    axis = _axis_of(content, starts, size.pop())
    times = _before(data, _TIME, 20, starts)
    format_name = "Agilent KD" if times is not None else "Agilent SD"
    context = Context(content=content, options=options, format=format_name)
    if times is None:
        times, said = _by_clock(data, starts)
        context = context.saying(said)
    elif not np.all(np.isfinite(times)) or np.abs(times).max() > 1e9:
        raise InputError("the times of the register are not numbers: the file is damaged", file=content.file)
    if truncated:
        text = f"the file ends inside spectrum {len(spectra) + 1}: {len(spectra)} whole spectra are read"
        context = context.saying(Remark("truncated", text, len(spectra)))
    matrix = np.array([values for _, values in spectra])
    signals: list[Signal] = []
    for number, (label, rows) in enumerate(_cells(data, len(spectra), times), start=1):
        signals += build_series(
            replace(context, acquired_s=_started(data, starts[rows[0]])),
            RawMatrix(
                time_s=times[rows],
                axis=axis,
                axis_unit="nm",
                matrix=matrix[rows],
                quantity=Quantity("", "absorbance"),
                label=label,
                number=number,
            ),
        )
    return signals


def _spectra(data: bytes) -> tuple[list[tuple[int, Array]], bool]:
    """Return (place, values) of every whole spectrum, and whether the last one is cut."""
    found: list[tuple[int, Array]] = []
    truncated = False
    place = data.find(_SIGNAL)
    while place >= 0:
        body = place + 17
        count = _number(data, "<I", place + 12)
        count = None if count is None or not 2 <= count <= _MOST_POINTS else count
        if count is None or body + 8 * int(count) > len(data):
            truncated = count is not None
            place = data.find(_SIGNAL, place + len(_SIGNAL))
            continue
        values = np.frombuffer(data, "<f8", int(count), body).astype(np.float64)
        found.append((place, np.where(np.abs(values) < 1e3, values, np.nan)))
        place = data.find(_SIGNAL, body + 8 * int(count))
    return found, truncated


def _axis_of(content: Content, starts: list[int], count: int) -> Array:
    """Return the wavelength axis of the register; every spectrum must state the same."""
    stated = set()
    for place in _places(content.data, _AXIS):
        first, step = _number(content.data, "<d", place + 56), _number(content.data, "<d", place + 64)
        if first is not None and step is not None:
            stated.add((first, step))
    if len(stated) != 1:
        what = "no wavelength axis" if not stated else f"{len(stated)} different wavelength axes"
        raise InputError(
            f"the register states {what}",
            file=content.file,
            remedy="export as CSV from the instrument software",
        )
    first, step = stated.pop()
    last = first + step * (count - 1)
    if not (50 < first < 5000 and 50 < last < 5000 and step != 0):
        raise InputError(
            f"the register states wavelengths from {first:g} nm in steps of {step:g} nm: the file is damaged",
            file=content.file,
        )
    return np.asarray(first + step * np.arange(count), dtype=np.float64)


def _before(data: bytes, key: bytes, offset: int, starts: list[int]) -> Array | None:
    """Return the float64 at `offset` after the last `key` before each spectrum; None if any is absent."""
    places = np.array(list(_places(data, key)), dtype=np.intp)
    index = np.searchsorted(places, np.array(starts)) - 1
    if places.size == 0 or np.any(index < 0) or np.unique(index).size != index.size:
        return None
    numbers = [_number(data, "<d", int(places[i]) + offset) for i in index]
    return None if any(n is None for n in numbers) else np.array(numbers, dtype=np.float64)


def _cells(data: bytes, count: int, times: Array) -> Iterator[tuple[str, IntArray]]:
    """Yield label and row numbers of each cell: by name, else where the clock starts again."""
    names = register_names(data)
    if len(names) == count:
        for name in dict.fromkeys(names):
            yield (
                _plain_label(name),
                np.array([i for i, other in enumerate(names) if other == name], dtype=np.intp),
            )
        return
    breaks = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(times) < 0)), count]
    for k, (a, b) in enumerate(itertools.pairwise(breaks), start=1):
        yield (f"cell {k}" if len(breaks) > 2 else ""), np.arange(a, b, dtype=np.intp)


def _plain_label(name: str) -> str:
    match = re.fullmatch(r"SAMPLES_CELL_(\d+)", name)
    return f"cell {match.group(1)}" if match else name


def register_names(data: bytes) -> list[str]:
    """Return the names that "RegName" lists: u8 length and UTF-16LE text each."""
    place = data.find(_NAMES)
    if place < 0:
        return []
    cursor = place + len(_NAMES) + 3
    names = []
    while cursor + 2 < len(data) and 3 <= data[cursor] <= 64 and data[cursor + 1] == 0:
        length = data[cursor]
        raw = data[cursor + 2 : cursor + 2 + 2 * length]
        text = raw.decode("utf-16-le", errors="replace")
        if not text.startswith("SAMPLES_CELL"):
            break
        names.append(text)
        cursor += 2 + 2 * length
    return names


def _by_clock(data: bytes, starts: list[int]) -> tuple[Array, Remark]:
    """Return times of spectra without "RelTime" (.SD): their clock, else their number."""
    clock = _before(data, _CLOCK, 32, starts)
    if clock is not None and np.all((clock > 0) & (clock < 4e9)) and np.unique(clock).size == clock.size:
        text = "no kinetic times: times from the clock of each spectrum, from the first"
        return clock - clock[0], Remark("times_from_headers", text)
    if len(starts) == 1:
        return np.zeros(1), Remark("time_set_zero", "one spectrum without a time: it is set to 0 s")
    text = "the register holds no times: spectra are numbered 0, 1, 2, ... s"
    return np.arange(len(starts), dtype=np.float64), Remark("time_index", text)


def _started(data: bytes, start: int) -> float | None:
    place = data.rfind(_CLOCK, 0, start)
    seconds = None if place < 0 else _number(data, "<d", place + 32)
    return seconds if seconds is not None and 0 < seconds < 4e9 else None


def _places(data: bytes, key: bytes) -> Iterator[int]:
    place = data.find(key)
    while place >= 0:
        yield place
        place = data.find(key, place + len(key))


def _number(data: bytes, code: str, offset: int) -> float | None:
    try:
        return float(struct.unpack_from(code, data, offset)[0])
    except struct.error:
        return None


FORMATS = (
    BinaryFormat(
        name="Agilent KD",
        summary="Agilent 845x ChemStation kinetics registers: every cell, its times and wavelengths",
        endings=".KD .SD",
        sniff=sniff,
        read=read_kinetics,
    ),
)
