"""Agilent 845x ChemStation: .KD kinetics registers and .SD spectra, binary.

Text is UTF-16LE; all numbers are little-endian. Each spectrum is announced by "Absorbance (AU)":
its point count (u32) stands 12 bytes after the start of "(AU)", its float64 values begin 17 bytes
after it. After "Wavelength (nm)" come first wavelength (+56) and step (+64, float64), counted from
the start of that text; after "RelTime" the time in s (+20). After "RegName" and a closing NUL stand the
names of the cells, one for each spectrum in the order of the file: a length of two bytes that counts a
NUL which is not written, then the text. A whole spectrum near -3 AU is a closed shutter.

In a damaged register a spectrum may lack its values, its time or both. What is left of it is left out
and said; the others keep their cells by the texts that stand once beside every spectrum.
"""

import itertools
import operator
import re
import struct
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.io.file import COPY_OR_EXPORT, BinaryFormat, Content, Context, Signal, is_binary_wide
from cxkinetics.io.headers import Quantity
from cxkinetics.io.signals import RawMatrix, build_series
from cxkinetics.remarks import Remark

_SIGNAL, _ABSORBANCE, _AXIS, _TIME, _CLOCK, _NAMES = (
    text.encode("utf-16-le")
    for text in ("(AU)", "Absorbance (AU)", "Wavelength (nm)", "RelTime", "TimeSince1970", "RegName")
)
_MOST_POINTS = 100_000


def sniff(content: Content) -> bool:
    """Return whether the bytes are a ChemStation register (and no UTF-16 text that names its unit)."""
    if b"REGISTER FILE" in content.data[:64]:
        return True
    return _ABSORBANCE in content.data and is_binary_wide(content.data)


def read_kinetics(context: Context) -> list[Signal]:
    """Return one series for each cell, in the order of the file."""
    content, data = context.content, context.content.data
    spectra, truncated = _spectra(data)
    if not spectra:
        text = "a register without one whole absorbance spectrum: the binary file is cut or damaged"
        raise content.error(text, COPY_OR_EXPORT)
    starts = [start for start, _ in spectra]
    size = {values.size for _, values in spectra}
    if len(size) > 1:
        raise content.error(
            f"spectra of {min(size)} and of {max(size)} points in one register", COPY_OR_EXPORT
        )
    axis = _axis_of(content, size.pop())
    times = _before(data, _TIME, 20, starts)
    if times is None:
        times, said = _by_clock(data, starts)
        context = replace(context.saying(said), format="Agilent SD")
    if truncated:
        text = f"the file ends inside spectrum {len(spectra) + 1}: {len(spectra)} whole spectra are read"
        context = context.saying(Remark("truncated", text, len(spectra)))
    timed = np.abs(times) < 1e9
    if not timed.any():
        raise content.error("the times of the register are not numbers: the file is damaged", COPY_OR_EXPORT)
    starts, times = [start for start, kept in zip(starts, timed, strict=True) if kept], times[timed]
    matrix = np.array([values for (_, values), kept in zip(spectra, timed, strict=True) if kept])
    cells, told = _cells(content, starts, times, truncated)
    lost = int(np.count_nonzero(~timed)) + max(0, len(_places(data, _TIME)) - len(spectra) - truncated)
    if lost and all(remark.code != "damaged_register" for remark in told):
        text = f"{lost} spectra without values or time are left out: the file is damaged"
        told = (*told, Remark("damaged_register", text, lost))
    context = context.saying(*told)
    quantity = Quantity("", "absorbance")
    whole = RawMatrix(time_s=times, axis=axis, axis_unit="nm", matrix=matrix, quantity=quantity)
    signals: list[Signal] = []
    for number, (label, rows) in enumerate(cells, start=1):
        own = replace(whole, time_s=times[rows], matrix=matrix[rows], label=label, number=number)
        signals += build_series(replace(context, acquired_s=_started(data, starts[rows[0]])), own)
    return signals


def _spectra(data: bytes) -> tuple[list[tuple[int, Array]], bool]:
    """Return (place, values) of every whole spectrum, and whether the last one is cut."""
    found: list[tuple[int, Array]] = []
    gaps: list[int | None] = []
    truncated = False
    for place in _places(data, _SIGNAL):
        body = place + 17
        count = _number(data, "<I", place + 12)
        if count is None or not 2 <= count <= _MOST_POINTS:
            continue
        end = body + 8 * int(count)
        truncated = end > len(data)
        if not truncated:
            values = np.frombuffer(data, "<f8", int(count), body).astype(np.float64)
            found.append((place, np.where(np.abs(values) < 1e3, values, np.nan)))
            axis = data.find(_AXIS, body)
            gaps.append(None if axis < 0 else axis - end)
    # where the next text is nearer or further than elsewhere, bytes are missing or too many: the
    # values behind them stand in wrong places
    usual = max(gaps, key=gaps.count, default=None)
    settled = 2 * gaps.count(usual) > len(gaps)
    return [
        spectrum
        for spectrum, gap in zip(found, gaps, strict=True)
        if gap is None or (gap >= 0 and (gap == usual or not settled))
    ], truncated


def _axis_of(content: Content, count: int) -> Array:
    """Return the wavelength axis of the register; every spectrum must state the same."""
    ends = ([_number(content.data, "<d", at + k) for k in (56, 64)] for at in _places(content.data, _AXIS))
    stated = {(first, step) for first, step in ends if first is not None and step is not None}
    if len(stated) != 1:
        what = "no wavelength axis" if not stated else f"{len(stated)} different wavelength axes"
        raise content.error(f"the register states {what}", COPY_OR_EXPORT)
    first, step = stated.pop()
    last = first + step * (count - 1)
    if not (50 < first < 5000 and 50 < last < 5000 and step != 0):
        raise content.error(
            f"the register states wavelengths from {first:g} nm in steps of {step:g} nm: the file is damaged"
        )
    return np.asarray(first + step * np.arange(count), dtype=np.float64)


def _before(data: bytes, key: bytes, offset: int, starts: list[int]) -> Array | None:
    """Return the float64 at `offset` after the `key` beside each spectrum, NaN where it has none of its own.

    None where no spectrum has one.
    """
    places = np.array(_places(data, key), dtype=np.intp)
    at = np.array(starts, dtype=np.intp)
    index = np.searchsorted(places, at) - 1
    if places.size == 0 or np.all(index < 0):
        return None
    # further off than the next spectrum: it belongs to one before, whose values are lost
    own = (index >= 0) & (at - places[index] < (np.diff(at).min() if at.size > 1 else at[0] + 1))
    numbers = [
        _number(data, "<d", int(places[i]) + offset) if ok else None for i, ok in zip(index, own, strict=True)
    ]
    return np.array([np.nan if n is None else n for n in numbers], dtype=np.float64)


def _cells(
    content: Content, starts: list[int], times: Array, truncated: bool
) -> tuple[list[tuple[str, IntArray]], tuple[Remark, ...]]:
    """Return label and row numbers of each cell, and what was lost.

    Cells are told by name; by the clock, which starts again with each cell, where there are no names
    or too much is lost to say which name belongs to which spectrum.
    """
    names, count = register_names(content.data), len(starts)
    breaks = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(times) < 0)), count]
    pieces = [np.arange(a, b, dtype=np.intp) for a, b in itertools.pairwise(breaks)]
    by_clock = [(f"cell {k}" if len(pieces) > 1 else "", piece) for k, piece in enumerate(pieces, 1)]
    if not names:
        return by_clock, ()
    distinct = list(dict.fromkeys(names))
    slots, lost = _slots(content.data, starts, len(names), truncated)
    if slots is not None:
        own = [names[slot] for slot in slots]
        cells = [(name, np.flatnonzero([name == other for other in own])) for name in distinct]
        if len(distinct) > 1 and any(np.any(np.diff(times[rows]) < 0) for _, rows in cells):
            raise content.error(
                "times of one cell stand before earlier ones: the register is damaged", COPY_OR_EXPORT
            )
    else:
        listed = [names.count(name) for name in distinct]
        one_by_one = names == [name for name, n in zip(distinct, listed, strict=True) for _ in range(n)]
        if one_by_one and len(names) < count and len(pieces) >= len(distinct):
            text = f"the register names {len(names)} of its {count} spectra: cells told apart by their clock"
            return by_clock, (Remark("cells_by_clock", text),)
        sizes = [piece.size for piece in pieces]
        if not one_by_one or len(pieces) != len(distinct) or any(map(operator.gt, sizes, listed)):
            raise content.error(
                f"the register lists {len(names)} spectra of {len(distinct)} cells, but {count} are whole "
                "and nothing tells which cell each belongs to: the file is damaged",
                COPY_OR_EXPORT,
            )
        cells = list(zip(distinct, pieces, strict=True))
    labelled = [(_plain_label(name) if len(distinct) > 1 else "", rows) for name, rows in cells if rows.size]
    if not lost:
        return labelled, ()
    text = (
        f"the register lists {len(names)} spectra, {count} are whole: {lost} without values or time are left "
        "out (the file is damaged, or the run was stopped)"
    )
    return labelled, (Remark("damaged_register", text, lost),)


def _slots(data: bytes, starts: list[int], listed: int, truncated: bool) -> tuple[IntArray | None, int]:
    """Return which of the listed spectra each one is (None where that is lost), and how many are lost."""
    if len(starts) == listed:
        return np.arange(listed, dtype=np.intp), 0
    clocks = [np.array(_places(data, key), dtype=np.intp) for key in (_TIME, _CLOCK)]
    for places in clocks:
        # a file cut at its end holds the first of those listed, if both texts agree how many
        if places.size == listed or (truncated and clocks[0].size == clocks[1].size < listed):
            slots = np.searchsorted(places, np.array(starts)) - 1
            return slots, int(places.size) - len(starts) - truncated
    return None, listed - len(starts)


def _plain_label(name: str) -> str:
    match = re.fullmatch(r"SAMPLES_CELL_(\d+)", name)
    return f"cell {match.group(1)}" if match else name


def register_names(data: bytes) -> list[str]:
    """Return the names that "RegName" lists, as far as they can be read."""
    place = data.find(_NAMES)
    if place < 0:
        return []
    cursor = place + len(_NAMES) + 2
    names = []
    while cursor + 2 < len(data) and 3 <= data[cursor] <= 64 and data[cursor + 1] == 0:
        end = cursor + 2 * data[cursor]
        text = data[cursor + 2 : end].decode("utf-16-le", errors="replace")
        if not re.fullmatch(r"SAMPLES_CELL\w*", text):
            break
        names.append(text)
        cursor = end
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


def _places(data: bytes, key: bytes) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(key), data)]


def _number(data: bytes, code: str, offset: int) -> float | None:
    try:
        return float(struct.unpack_from(code, data, offset)[0])
    except struct.error:
        return None


_SUMMARY = "Agilent 845x ChemStation kinetics registers: every cell, its times and wavelengths"
FORMATS = (BinaryFormat("Agilent KD", ".KD .SD", _SUMMARY, sniff, read_kinetics),)
