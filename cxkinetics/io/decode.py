"""Bytes to text: byte-order marks, UTF-16 without one, UTF-8, and Windows-1252 as the last resort."""

import codecs
import re
from dataclasses import dataclass

from cxkinetics.errors import InputError

__all__ = ["Decoded", "decode", "is_binary"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_SAMPLE = 1 << 16


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text of a file, and how it was decoded ("utf-8", "utf-16-le", "cp1252", ...)."""

    text: str
    encoding: str


def decode(data: bytes, file: str) -> Decoded:
    """Return the text in `data`.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        Its path, for the message.

    Raises
    ------
    InputError
        If the bytes are no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Decoded(data[len(mark) :].decode(encoding, errors="replace"), encoding)
    wide = _wide_without_mark(data[:_SAMPLE])
    if wide:
        return Decoded(data.decode(wide, errors="replace"), wide)
    if is_binary(data):
        raise InputError(
            "this is a binary file that no reader knows",
            file=file,
            remedy="export as CSV from the instrument software",
        )
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return Decoded(data.decode("cp1252", errors="replace"), "cp1252")


def is_binary(data: bytes) -> bool:
    """Return whether `data` holds too many control bytes to be text in an eight-bit encoding."""
    head, tail = data[:_SAMPLE], data[-_SAMPLE:]
    return any(b"\x00" in part or len(_CONTROL.findall(part)) > 0.003 * len(part) for part in (head, tail))


def _wide_without_mark(head: bytes) -> str | None:
    """Return "utf-16-le" or "utf-16-be" where every second byte is a zero, as in plain English text."""
    even, odd = head[0::2], head[1::2]
    if len(odd) < 4:
        return None
    for encoding, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high.count(0) > 0.9 * len(high) and low.count(0) == 0 and not _CONTROL.search(low):
            return encoding
    return None
