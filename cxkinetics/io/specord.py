"""Specord (Analytik Jena) .dat: an INI header, then binary blocks of float32 under [DATA].

NPOINTS, FIRSTX and LASTX stand in the header; after "XDATA=" and "YDATA=" and a line break come
NPOINTS little-endian float32 each.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError
from cxkinetics.io.assemble import RawMatrix, build_series
from cxkinetics.io.content import Content
from cxkinetics.io.context import Context
from cxkinetics.io.formats import BinaryFormat, Signal
from cxkinetics.io.headers import Quantity, read_header, spectral_unit
from cxkinetics.io.moments import parse_moment
from cxkinetics.io.options import ReadOptions
from cxkinetics.io.tracetable import spectrum_time

__all__ = ["FORMATS", "read_specord"]

_HEADER_BYTES = 1 << 15


def sniff(content: Content) -> bool:
    """Return whether the bytes begin with the INI header and hold binary data."""
    head = content.data[:_HEADER_BYTES]
    return head.startswith(b"[GENERAL]") and b"XDATA=" in content.data and b"NPOINTS=" in head


def read_specord(content: Content, options: ReadOptions) -> list[Signal]:
    """Return the one spectrum of the file."""
    header = content.data[: content.data.find(b"XDATA=")].decode("cp1252", errors="replace")
    stated = dict(re.findall(r"^([A-Za-z]\w*)=(.*?)\r?$", header.split("[Original data]")[0], re.MULTILINE))
    try:
        count = int(stated.get("NPOINTS", ""))
    except ValueError:
        count = 0
    if not 2 <= count <= 1_000_000:
        raise InputError(f"the header states {stated.get('NPOINTS', 'no')} points", file=content.file)
    axis, values = _block(content, b"XDATA=", count), _block(content, b"YDATA=", count)
    for place, key in ((0, "FIRSTX"), (-1, "LASTX")):
        try:
            ends = float(stated.get(key, "nan"))
        except ValueError:
            continue
        if abs(ends - axis[place]) > 1.0 or not np.isfinite(axis[place]):
            raise InputError(
                f"the header states {key} {ends:g}, the axis holds {axis[place]:g}: the file is damaged",
                file=content.file,
                remedy="copy it again",
            )
    quantity = read_header(stated.get("YUNITS", "A"))
    context = Context(content=content, options=options, format="Specord", label=stated.get("Title", ""))
    moment = parse_moment(stated.get("TIME", ""))
    if moment is not None:
        context = replace(context, acquired_s=moment)
    time_s, said = spectrum_time(context)
    raw = RawMatrix(
        time_s=np.array([time_s]),
        axis=axis,
        axis_unit=spectral_unit(stated.get("XUNITS", "nm")) or "nm",
        matrix=values[None, :],
        quantity=quantity if quantity.kind else Quantity("", "absorbance"),
        label=stated.get("Title", "") or content.stem,
    )
    return list(build_series(context.saying(*said), raw))


def _block(content: Content, key: bytes, count: int) -> Array:
    start = content.data.find(key)
    start = content.data.find(b"\n", start) + 1
    if start <= 0 or start + 4 * count > len(content.data):
        raise InputError(
            f"the file ends before the {count} values of {key[:-1].decode()} that its header states",
            file=content.file,
            remedy="copy it again",
        )
    with np.errstate(invalid="ignore"):  # damaged files hold signalling NaN
        values = np.frombuffer(content.data, "<f4", count, start).astype(np.float64)
        return np.where(np.isfinite(values) & (np.abs(values) < 1e6), values, np.nan)


FORMATS = (
    BinaryFormat(
        name="Specord",
        summary="Analytik Jena Specord spectra with an INI header and binary data",
        endings=".dat",
        sniff=sniff,
        read=read_specord,
    ),
)
