"""Avantes: AvaSoft text (.ttt, .txt) and binary (AvaSoft 8, such as .RFL8, and before it .TRM).

The text has a line of column names that begins with "Wave", one of units that begins with "[nm]", and
numbers divided by semicolons; a name above may be padded with NUL. What AvaSoft 8 stores are counts of
sample, dark and reference: the transmittance is computed from them.

AvaSoft 8 binary, little-endian: "AVS82" or "AVS84", start and stop pixel (u16) at 89 and 91, from 328
float32 wavelengths, sample, dark and reference one behind the other. Before it everything is float32:
the characters of a name, five coefficients of the wavelength at 296, start and stop pixel behind them,
from 400 the triples of sample, reference and dark of each pixel; so Avantes describes it, by the reader
of K. Karapetyan (2011) and that of the R package lightr.
"""

import re
import struct

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import COPY_OR_EXPORT, BinaryFormat, Content, Context, Signal
from cxkinetics.io.headers import Quantity
from cxkinetics.io.single import against_reference, one_spectrum

_HEAD = re.compile(rb"^Wave *;[^\r\n]+\r?\n\[nm\]", re.MULTILINE)
_MARKS = (b"AVS82", b"AVS84")
_FIRST_BYTE, _PIXELS_AT = 328, 89
_OLD_VERSION, _OLD_COEFFICIENTS, _OLD_DATA = 70.0, 296, 400
_COUNTED = ("sample", "dark", "reference")
_ALIASES = {"ref": "reference"}
_PROCESSED = {"transmittance": "transmittance", "absorbance": "absorbance"}


def sniff_text(content: Content) -> bool:
    """Return whether the bytes are the text that AvaSoft writes, NUL in its header or not."""
    return _HEAD.search(content.data[:4096]) is not None


def read_text(context: Context) -> list[Signal]:
    """Return the spectrum, its absorbance from the processed column or from the counts."""
    lines = context.content.data.replace(b"\x00", b"").decode("cp1252", errors="replace").splitlines()
    start = next(k for k, line in enumerate(lines) if re.match(r"Wave *;", line))
    names = [name.strip().casefold() for name in lines[start].split(";")]
    names = [_ALIASES.get(name, name) for name in names]
    rows = []
    for number, line in enumerate(lines[start + 2 :], start + 3):
        cells = line.strip().rstrip(";").replace(",", ".").split(";")
        if cells == [""]:
            continue
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            what = f"a row of numbers is needed, found {line.strip()[:40]!r}"
            raise context.error(what, COPY_OR_EXPORT, line=number) from None
        if len(rows[-1]) != len(rows[0]):
            what = f"this row holds {len(rows[-1])} cells, the first {len(rows[0])}"
            raise context.error(what, COPY_OR_EXPORT, line=number)
    if not rows:
        raise context.error("no data rows below the line of units", COPY_OR_EXPORT, line=start + 2)
    body = dict(zip(names, np.array(rows, dtype=np.float64).T, strict=False))
    axis = body[names[0]]
    if all(name in body for name in _COUNTED):
        sample, dark, reference = (body[name] for name in _COUNTED)
        told, percent, quantity = against_reference(context, sample, dark, reference, names[-1])
        return one_spectrum(told, axis, percent, quantity)
    for name, kind in _PROCESSED.items():
        if name in body:
            percent_ = "%T" if kind == "transmittance" and "%" in lines[start + 1] else name
            return one_spectrum(context, axis, body[name], Quantity(percent_, kind))
    held = ", ".join(repr(name) for name in names[1:])
    remedy = "export absorbance or transmittance, or sample, dark and reference together"
    raise context.error(f"the file holds {held}: no absorbance follows from it", remedy, line=start + 1)


def sniff_binary(content: Content) -> bool:
    """Return whether the bytes begin like a file of AvaSoft, new or old."""
    return content.data.startswith(_MARKS) or _old_pixels(content.data) is not None


def read_binary(context: Context) -> list[Signal]:
    """Return the spectrum, from its counts of sample, dark and reference."""
    data = context.content.data
    if data.startswith(_MARKS):
        _require_bytes(context, _FIRST_BYTE)
        if data[5] != 1:
            what = f"the file states {data[5]} spectra; one is read"
            raise context.error(what, "export each as text")
        first, last = struct.unpack_from("<HH", data, _PIXELS_AT)
        values = _floats(context, _FIRST_BYTE, 4 * (last - first + 1)).reshape(4, -1)
        axis, (sample, dark, reference) = values[0], values[1:]
    else:
        pixels = _old_pixels(data)
        assert pixels is not None  # the sniffer asked
        first, last = pixels
        coefficients = _floats(context, _OLD_COEFFICIENTS, 5)
        axis = np.polynomial.polynomial.polyval(np.arange(first, last + 1), coefficients)
        if len(data) < _OLD_DATA + 12 * axis.size:
            what = (
                f"the file holds no {axis.size} readings of sample, reference and dark: counts alone, or cut"
            )
            raise context.error(what, "save the spectrum as transmittance or absorbance (.TRM, .ABS)")
        sample, reference, dark = _floats(context, _OLD_DATA, 3 * axis.size).reshape(-1, 3).T
    if not (100 < axis[0] < axis[-1] < 3000 and np.all(np.diff(axis) > 0)):
        what = f"its wavelengths run from {axis[0]:g} to {axis[-1]:g} nm: the file is damaged"
        raise context.error(what, COPY_OR_EXPORT)
    mode = "reflectance" if context.file.casefold().endswith((".rfl8", ".rfl")) else ""
    told, percent, quantity = against_reference(context, sample, dark, reference, mode)
    return one_spectrum(told, axis, percent, quantity)


def _floats(context: Context, start: int, count: int) -> Array:
    if count <= 0:
        raise context.error("its last pixel comes before its first: the file is damaged", COPY_OR_EXPORT)
    _require_bytes(context, start + 4 * count)
    with np.errstate(invalid="ignore"):  # damaged bytes may make a signalling NaN
        return np.frombuffer(context.content.data, "<f4", count, start).astype(np.float64)


def _require_bytes(context: Context, needed: int) -> None:
    size = len(context.content.data)
    if size < needed:
        what = f"the file holds {size} bytes, its header needs {needed}: it is cut short"
        raise context.error(what, COPY_OR_EXPORT)


def _old_pixels(data: bytes) -> tuple[int, int] | None:
    """Return start and stop pixel of a file before AvaSoft 8, None where it is none."""
    if len(data) < _OLD_DATA + 12:
        return None
    version, *name = struct.unpack_from("<10f", data)
    first, last = struct.unpack_from("<2f", data, _OLD_COEFFICIENTS + 20)
    named = all(code == int(code) and 32 <= code < 127 for code in name if np.isfinite(code)) and any(name)
    whole = np.isfinite((first, last)).all() and first == int(first) and last == int(last)
    if version != _OLD_VERSION or not named or not whole or not 0 <= first < last < 10_000:
        return None
    return int(first), int(last)


_SUMMARY = "AvaSoft text of spectra: absorbance, transmittance, or from counts of sample, dark and reference"
_BINARY = "AvaSoft binary spectra, from their counts of sample, dark and reference"
FORMATS = (
    BinaryFormat("AvaSoft text", ".ttt .txt", _SUMMARY, sniff_text, read_text),
    BinaryFormat("AvaSoft", ".RFL8 .TRM", _BINARY, sniff_binary, read_binary),
)
