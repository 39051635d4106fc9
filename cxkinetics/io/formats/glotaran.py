"""TIMP and glotaran "Time explicit" and "Wavelength explicit" .ascii matrices.

Two lines of comment, the word for the axis that stands in the first row, "Intervalnr" with the number of
its places, the places, then a row for each place of the other axis. The unit of time stands nowhere.
"""

import re

import numpy as np

from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, plain_lines
from cxkinetics.io.headers import Quantity
from cxkinetics.io.quantities import time_unit_of
from cxkinetics.io.signals import RawMatrix, build_series
from cxkinetics.remarks import Remark

_HEAD = re.compile(
    r"[^\n]*\n[^\n]*\n\s*(Time|Wavelength) explicit[ \t]*\n\s*Intervalnr\s+(\d+)[ \t]*\n", re.IGNORECASE
)


def sniff(head: str) -> bool:
    """Return whether the third and fourth line are those of such a matrix."""
    return _HEAD.match(head.replace("\r", "")) is not None


def read_explicit(context: Context, text: str) -> list[Signal]:
    """Return the series."""
    plain = plain_lines(text)
    head = _HEAD.match(plain)
    if head is None:
        raise context.error("the head of the matrix is cut", COPY_OR_EXPORT)
    lines = plain[head.end() :].split("\n")
    count, rows = int(head[2]), []
    for number, line in enumerate(lines, 5):
        if not line.strip():
            continue
        try:
            rows.append(np.array(line.split(), dtype=np.float64))
        except ValueError:
            raise context.error(
                f"numbers are needed, found {line[:40]!r}", COPY_OR_EXPORT, line=number
            ) from None
        needed = count if len(rows) == 1 else count + 1
        if rows[-1].size != needed:
            what = f"this row holds {rows[-1].size} numbers, {needed} are stated"
            raise context.error(what, COPY_OR_EXPORT, line=number)
    if len(rows) < 2:
        raise context.error("the matrix has no rows", COPY_OR_EXPORT, line=5)
    body = np.array(rows[1:])
    along, down, matrix = rows[0], body[:, 0], body[:, 1:]
    times, axis = (along, down) if head[1].casefold() == "time" else (down, along)
    factor, context = time_unit_of(context, Quantity("", "time", ""))
    context = context.saying(Remark("quantity_assumed", "taken as absorbance: the file does not say"))
    raw = RawMatrix(
        time_s=times * factor,
        axis=axis,
        axis_unit="nm",
        matrix=matrix.T if head[1].casefold() == "time" else matrix,
        quantity=Quantity("", "absorbance"),
        label=context.content.stem,
    )
    return list(build_series(context, raw))


_SUMMARY = 'TIMP and glotaran matrices, "Time explicit" or "Wavelength explicit"'
FORMATS = (TextFormat("glotaran", ".ascii", _SUMMARY, sniff, read_explicit),)
