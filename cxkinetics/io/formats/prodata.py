"""Applied Photophysics Pro-Data text store (.dsa): properties, dimensions, then the numbers.

"Properties:" and "Dimensions:" are each followed by how many there are. A dimension is its name, the
number of its places and the places, divided by commas; time, in s, is the first. Then, for each property
and each place of the dimensions behind the second, the rows of the second dimension (wavelengths), each
row all times.
"""

import itertools
import re
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, numbered, plain_lines
from cxkinetics.io.headers import Quantity, read_header
from cxkinetics.io.quantities import time_unit_of
from cxkinetics.io.signals import RawMatrix, RawTrace, build_series, build_trace
from cxkinetics.remarks import Remark

_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class _Dimension:
    name: str
    places: Array


def sniff(head: str) -> bool:
    """Return whether the text begins like a Pro-Data store."""
    return re.match(r"\ufeff?ProDataStore\s", head) is not None


def read_prodata(context: Context, text: str) -> list[Signal]:
    """Return a trace or a series for each channel and repeat of the first property."""
    lines = plain_lines(text).split("\n")
    properties, at = _listed(context, lines, "Properties:")
    names = [lines[at + k].strip() for k in range(properties)]
    count, at = _listed(context, lines, "Dimensions:")
    dimensions = []
    for _ in range(count):
        while at < len(lines) and not lines[at].strip():
            at += 1
        places = _row(context, lines, at + 2, _whole(context, lines, at + 1))
        dimensions.append(_Dimension(lines[at].split(" -")[0].strip(), places))
        at += 3
    if not dimensions or dimensions[0].name != "Time":
        raise context.error("the first dimension is not the time", COPY_OR_EXPORT)
    if len(dimensions) < 2 or dimensions[1].name != "Wavelength":
        raise context.error("the second dimension is not the wavelength", "export the run as text")
    time, wave, others = dimensions[0].places, dimensions[1].places, dimensions[2:]
    rows = [k for k in range(at, len(lines)) if lines[k].count(",") == time.size - 1 and lines[k].strip()]
    needed = properties * int(np.prod([dimension.places.size for dimension in dimensions[1:]]))
    if len(rows) != needed:
        what = f"{needed} rows of {time.size} times are stated, {len(rows)} stand there: the file is damaged"
        raise context.error(what, COPY_OR_EXPORT)
    matrix = np.array([_row(context, lines, k, time.size) for k in rows[: needed // properties]])
    context, quantity = _meant(context, names)
    if context.options.time_unit is None:
        text = "times taken in s: a Pro-Data store states no unit (--time-unit if it is another)"
        context = context.saying(Remark("time_unit_assumed", text))
    factor, context = time_unit_of(replace(context, time_unit="s"), Quantity("", "time"))
    time = time * factor
    if sum(d.places.size > 1 for d in dimensions[1:]) > 1:
        text = "the rows are taken as " + " by ".join(d.name.casefold() for d in reversed(dimensions[1:]))
        context = context.saying(Remark("order_assumed", f"{text}: the store does not say their order"))
    # with a mark "-iter" the repeats and wavelengths follow each other; channels stand outermost
    blocks = matrix.reshape(*(d.places.size for d in others), wave.size, time.size)
    signals: list[Signal] = []
    for place in itertools.product(*(range(d.places.size) for d in others)):
        block, told = blocks[place], context
        recorded = np.any(block, axis=1)
        if not recorded.any():
            continue
        if not recorded.all():  # a run that was stopped: its place is kept, filled with zeros
            empty = ", ".join(f"{nm:g}" for nm in wave[~recorded])
            text = f"not recorded (every reading is zero) and left out: {empty} nm"
            told = context.saying(Remark("wavelengths_empty", text, int(np.count_nonzero(~recorded))))
            behind = np.cumsum(block[:, ::-1] != 0, axis=1)[:, ::-1] == 0
            block = np.where(behind, np.nan, block)
        signals += _built(
            told, time, wave[recorded], block[recorded], quantity=quantity, label=_label(others, place)
        )
    if not signals:
        raise context.error("every reading is zero", COPY_OR_EXPORT)
    return numbered(signals)


def _label(dimensions: list[_Dimension], place: tuple[int, ...]) -> str:
    words = zip(dimensions, place, strict=True)
    return ", ".join(f"{d.name.casefold()} {d.places[k]:g}" for d, k in words if d.places.size > 1)


def _built(
    context: Context, time: Array, wave: Array, block: Array, *, quantity: Quantity, label: str
) -> list[Signal]:
    if wave.size == 1:
        course = RawTrace(
            time_s=time,
            values=block[0],
            quantity=quantity,
            lines=np.arange(1, time.size + 1),
            label=label,
            wavelength_nm=float(wave[0]),
        )
        return list(build_trace(context, course))
    order = np.argsort(wave)
    raw = RawMatrix(
        time_s=time, axis=wave[order], axis_unit="nm", matrix=block[order].T, quantity=quantity, label=label
    )
    return list(build_series(context, raw))


def _meant(context: Context, names: list[str]) -> tuple[Context, Quantity]:
    """Return what the first property is; what is not absorbance keeps its numbers, and that is said."""
    name = names[0].split(" -")[0].strip()
    unused = [other.split(" -")[0].strip() for other in names[1:]]
    if unused:
        context = context.saying(Remark("columns_unused", f"properties not used: {', '.join(unused)}"))
    if read_header(name).kind == "absorbance":
        return context, Quantity("", "absorbance")
    text = f"the file holds {name!r}, not absorbance: its values are kept as they are"
    return context.saying(Remark("not_absorbance", text)), Quantity(name, "counts")


def _listed(context: Context, lines: list[str], head: str) -> tuple[int, int]:
    """Return the number below a heading, and the place of what is listed."""
    if head not in lines:
        raise context.error(f"there is no {head[:-1]!r}: the file is cut or damaged", COPY_OR_EXPORT)
    at = lines.index(head) + 1
    return _whole(context, lines, at), at + 1


def _whole(context: Context, lines: list[str], at: int) -> int:
    text = lines[at].strip() if at < len(lines) else ""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        what = f"a number of items is needed, found {text[:40]!r}"
        raise context.error(what, COPY_OR_EXPORT, line=at + 1)
    return int(text)


def _row(context: Context, lines: list[str], at: int, count: int) -> Array:
    cells = lines[at].strip().rstrip(",").split(",") if at < len(lines) else []
    try:
        found = np.array(cells, dtype=np.float64)
    except ValueError:
        found = np.empty(0)
    if found.size != count:
        what = f"this row must hold {count} numbers, {len(cells)} cells stand there"
        raise context.error(what, COPY_OR_EXPORT, line=at + 1)
    return found


_SUMMARY = (
    "Applied Photophysics Pro-Data stores in text: stopped-flow traces and spectra, channels and repeats"
)
FORMATS = (TextFormat("Pro-Data", ".dsa", _SUMMARY, sniff, read_prodata),)
