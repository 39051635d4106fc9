"""Bytes to text: byte-order marks, UTF-16 without one, UTF-8, and Windows-1252 as the last resort."""

import codecs
import re
from dataclasses import dataclass

from cxkinetics.errors import InputError
from cxkinetics.io.vocabulary import KIND_OF

__all__ = ["Decoded", "decode", "decode_head", "is_binary", "is_binary_wide"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_SAMPLE = 1 << 16
_EASTERN_WORDS = tuple(word for word in KIND_OF if len(word) > 1 and min(word) > "\u0400")


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
        raise _no_text(file)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        encoding = _eastern(data[:_SAMPLE]) or "cp1252"
        return Decoded(data.decode(encoding, errors="replace"), encoding)


def decode_head(data: bytes, file: str) -> str:
    """Return the text of the beginning of `data`, cut at the end of a line.

    Raises
    ------
    InputError
        If the bytes, at their beginning or at their end, are no text.
    """
    if len(data) <= _SAMPLE:
        return decode(data, file).text
    wide = any(data.startswith(mark) for mark, _ in _MARKS) or _wide_without_mark(data[:_SAMPLE])
    if not wide and is_binary(data):
        raise _no_text(file)
    cut = data.rfind(b"\n", 0, _SAMPLE) + 1 or _SAMPLE
    cut = _SAMPLE if wide else cut
    return decode(data[:cut], file).text


def _no_text(file: str) -> InputError:
    return InputError(
        "this is a binary file that no reader knows",
        file=file,
        remedy="export as CSV from the instrument software",
    )


def is_binary_wide(data: bytes) -> bool:
    """Return whether `data` is binary even though it may hold UTF-16 text: not all of it is text."""
    if any(data.startswith(mark) for mark, _ in _MARKS) or _wide_without_mark(data[:_SAMPLE]):
        return False
    return is_binary(data)


def _eastern(head: bytes) -> str | None:
    """Return the encoding in which the head holds words of the trade, where it is not a western one."""
    cut = head[: head.rfind(b"\n") + 1] or head
    for encoding in ("gb18030", "shift_jis", "euc_kr", "big5", "cp1251"):
        try:
            text = cut.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(word in text.casefold() for word in _EASTERN_WORDS):
            return encoding
    return None


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
