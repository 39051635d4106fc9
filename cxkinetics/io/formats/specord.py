"""Specord (Analytik Jena) .dat: an INI header, then binary blocks of float32 under [DATA].

NPOINTS, FIRSTX and LASTX stand in the header; after "XDATA=" and a line break come NPOINTS
little-endian float32, after "YDATA=" NCYCL times as many, one spectrum behind the other. Their names
stand in the header as sn0, sn1, ... ("2 5 sec ir.dat - Sample 1"), in any order of time.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import COPY_OR_EXPORT, BinaryFormat, Content, Context, Signal
from cxkinetics.io.headers import Quantity, read_header, spectral_unit
from cxkinetics.io.layout import spectrum_time
from cxkinetics.io.quantities import time_unit_of
from cxkinetics.io.signals import RawMatrix, build_series
from cxkinetics.io.words import NamedTime, parse_moment, time_in_name
from cxkinetics.remarks import Remark

_HEADER_BYTES = 1 << 15


def sniff(content: Content) -> bool:
    """Return whether the bytes begin with the INI header and hold binary data."""
    head = content.data[:_HEADER_BYTES]
    return head.startswith(b"[GENERAL]") and b"XDATA=" in content.data and b"NPOINTS=" in head


def read_specord(context: Context) -> list[Signal]:
    """Return the spectra of the file: one series where their names tell their times, else one by one."""
    content = context.content
    header = content.data[: content.data.find(b"XDATA=")].decode("cp1252", errors="replace")
    stated = dict(re.findall(r"^([A-Za-z]\w*)=(.*?)\r?$", header.split("[Original data]")[0], re.MULTILINE))
    count, cycles = _whole(content, stated, "NPOINTS", 2), _whole(content, stated, "NCYCL", 1, absent=1)
    axis = _block(content, b"XDATA=", count)
    matrix = _block(content, b"YDATA=", count * cycles).reshape(cycles, count)
    for place, key in ((0, "FIRSTX"), (-1, "LASTX")):
        try:
            ends = float(stated.get(key, "nan"))
        except ValueError:
            continue
        if abs(ends - axis[place]) > 1.0 or not np.isfinite(axis[place]):
            raise content.error(
                f"the header states {key} {ends:g}, the axis holds {axis[place]:g}: the file is damaged",
                "copy it again",
            )
    x_unit, y_unit = stated.get("XUNITS") or "nm", stated.get("YUNITS") or "A"
    quantity = Quantity("T", "transmittance") if y_unit == "T" else read_header(y_unit)
    axis_unit, known = spectral_unit(x_unit), quantity.kind in ("absorbance", "transmittance", "counts")
    if axis_unit is None or (not known and context.options.absorbance_unit is None):
        raise content.error(
            f"the header states XUNITS={x_unit}, YUNITS={y_unit}: not absorbance or transmittance over a "
            "wavelength",
            "export as CSV, or say what the values are with --absorbance-unit (absorbance_unit=)",
        )
    context = replace(context, acquired_s=parse_moment(stated.get("TIME", "")))
    raw = RawMatrix(
        time_s=np.zeros(1),
        axis=axis,
        axis_unit=axis_unit,
        matrix=matrix,
        quantity=quantity,
        label=stated.get("Title", "") or content.stem,
    )
    if cycles == 1:
        time_s, context = spectrum_time(context)
        return list(build_series(context, replace(raw, time_s=np.array([time_s]))))
    names = [stated.get(f"sn{k}", "") for k in range(cycles)]
    named = [found for found in map(time_in_name, names) if found is not None]
    if len(named) == cycles:
        return _run(context, raw, named)
    text = "spectra without times in their names: they are set to 0 s"
    told = context.saying(Remark("time_set_zero", text))
    return [
        series
        for k, name in enumerate(names)
        for series in build_series(told, replace(raw, matrix=matrix[[k]], label=name, number=k + 1))
    ]


def _run(context: Context, raw: RawMatrix, named: list[NamedTime]) -> list[Signal]:
    """Return the spectra as one series, in the order of the times in their names."""
    factors, said = [], dict[Remark, None]()
    told = context
    for found in named:
        factor, told = time_unit_of(context, Quantity("", "time", found.unit))
        factors.append(factor)
        said |= dict.fromkeys(told.remarks[len(context.remarks) :])
    times = np.array([found.value for found in named]) * np.array(factors)
    order = np.argsort(times, kind="stable")
    text = f"times read from the names of the spectra ({named[order[0]].text!r} to {named[order[-1]].text!r})"
    told = replace(told, remarks=(*context.remarks, Remark("times_from_names", text), *said))
    if np.any(np.diff(order) < 0):
        told = told.saying(Remark("sorted_by_time", "spectra sorted by time"))
    return list(build_series(told, replace(raw, time_s=times[order], matrix=raw.matrix[order])))


def _whole(content: Content, stated: dict[str, str], key: str, least: int, absent: int | None = None) -> int:
    text = stated.get(key, "" if absent is None else str(absent)).strip()
    if not text.isdecimal() or not least <= int(text) <= 1_000_000:
        what = f"the header states {key}={text}; a whole number from {least} is needed: the file is damaged"
        raise content.error(what, COPY_OR_EXPORT, value=text)
    return int(text)


def _block(content: Content, key: bytes, count: int) -> Array:
    start = content.data.find(key)
    start = content.data.find(b"\n", start) + 1
    if start <= 0 or start + 4 * count > len(content.data):
        raise content.error(
            f"the file ends before the {count} values of {key[:-1].decode()} that its header states",
            "copy it again",
        )
    if content.data[start + 4 * count : start + 4 * count + 2] not in (b"", b"\r\n"):
        raise content.error(
            f"{key[:-1].decode()} goes on after the {count} values that the header states",
            COPY_OR_EXPORT,
        )
    with np.errstate(invalid="ignore"):  # damaged files hold signalling NaN
        with np.errstate(invalid="ignore"):  # damaged bytes may make a signalling NaN
            values = np.frombuffer(content.data, "<f4", count, start).astype(np.float64)
        return np.where(np.isfinite(values) & (np.abs(values) < 1e6), values, np.nan)


_SUMMARY = "Analytik Jena Specord spectra and cycles of spectra: an INI header and binary data"
FORMATS = (BinaryFormat("Specord", ".dat", _SUMMARY, sniff, read_specord),)
