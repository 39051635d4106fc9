"""A file as the readers see it: bytes, text, what the caller told, and what a format is."""

import codecs
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from cxkinetics.errors import InputError
from cxkinetics.io.words import KIND_OF, parse_moment
from cxkinetics.options import OPTIONS, plain, require
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import Source, sha256_of, time_unit_sign

HEAD_BYTES = 1 << 16
LARGEST_FILE = 1 << 30
EXPORT = "export as CSV from the instrument software"
COPY_OR_EXPORT = f"copy it again, or {EXPORT}"

OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of .xls, but of UVProbe .spc and old .jws too
_FOREIGN = (  # first bytes, what it is, what to do
    (b"%PDF", "a PDF document", "export the numbers as CSV from the instrument software"),
    (b"\x89PNG", "a PNG picture", "export the numbers as CSV"),
    (b"\xff\xd8\xff", "a JPEG picture", "export the numbers as CSV"),
    (b"GIF8", "a GIF picture", "export the numbers as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (b"\x89HDF", "a binary HDF5 file", "export the table as CSV"),
    (b"CDF\x01", "a binary netCDF file", "export the table as CSV"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one file.

    Attributes
    ----------
    file : str
        Path as the user gave it.
    data : bytes
        The whole content.
    sha256 : str
        Its hash.
    notes : dict
        How it was read (delimiter, decimal mark, encoding, unit of time), for who describes the file;
        no reading depends on them.
    """

    file: str
    data: bytes = field(repr=False)
    sha256: str
    notes: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """File name without its folder."""
        return Path(self.file).name

    @property
    def stem(self) -> str:
        """File name without folder and ending."""
        return Path(self.file).stem

    def source(self, format: str, trace: int = 1) -> Source:
        """Return the provenance of trace number `trace` of this file."""
        return Source(file=self.file, sha256=self.sha256, format=format, trace=trace)

    def begins_with(self, text: str) -> bool:
        """Return whether the file begins with a text, blanks and a mark of UTF-8 before it left aside."""
        return self.data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(text.encode())

    def error(self, message: str, remedy: str | None = None, **place: Any) -> InputError:
        """Return the refusal of this file; `place` is what `InputError` takes of line, column and value."""
        return InputError(message, file=self.file, remedy=remedy, **place)


def read_content(path: str | os.PathLike[str]) -> Content:
    """Read a file whole.

    Parameters
    ----------
    path : path-like
        Kept in `Content.file` exactly as given.

    Raises
    ------
    InputError
        If there is no such file, it cannot be opened, is empty, too large, or plainly no table
        (a picture, an archive, random bytes).
    """
    file = os.fspath(path)
    try:
        with open(file, "rb") as stream:
            head = stream.read(HEAD_BYTES)
            size = os.fstat(stream.fileno()).st_size
            if not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe\x1a"):
                _refuse_empty(file, size)
            if size > LARGEST_FILE:
                text = f"the file holds {size / 1e9:.3g} GB; at most {LARGEST_FILE / 1e9:.3g} GB are read"
                raise InputError(text, file=file, remedy="split it, or keep fewer wavelengths")
            refuse_foreign(file, head)
            stream.seek(0)
            data = stream.read()
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError("there is no such file", file=file, remedy="check the path") from error
    except IsADirectoryError as error:
        raise InputError("this is a folder", file=file) from error
    except PermissionError as error:
        raise InputError("the file may not be read (permission denied)", file=file) from error
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}", file=repr(file).strip("'")) from error
    return Content(file, data, sha256_of(data))


def refuse_foreign(file: str, head: bytes) -> None:
    """Raise if `head`, the first bytes of `file`, belongs to a kind of file that holds no table."""
    for magic, kind, remedy in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"this is {kind}, not a table", file=file, remedy=remedy)


def _refuse_empty(file: str, size: int) -> None:
    if size > HEAD_BYTES:
        raise InputError(f"the first {HEAD_BYTES} bytes are blank: no data rows", file=file)
    what = "the file is empty (0 bytes)" if size == 0 else "the file is empty: nothing but blanks"
    raise InputError(what, file=file, remedy="export it again")


_MARKS = (  # the four bytes of UTF-32 begin with the two of UTF-16: the longer ones come first
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
    stated = _stated_encoding(data)
    if stated is not None:
        length, encoding = stated
        return Decoded(data[length:].decode(encoding, errors="replace"), encoding)
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
    wide = _stated_encoding(data) is not None
    if not wide and is_binary(data):
        raise _no_text(file)
    cut = 0 if wide else data.rfind(b"\n", 0, _SAMPLE) + 1
    return decode(data[: cut or _SAMPLE], file).text


def _no_text(file: str) -> InputError:
    return InputError(
        "this is a binary file that no reader knows",
        file=file,
        remedy=EXPORT,
    )


def is_binary_wide(data: bytes) -> bool:
    """Return whether `data` is binary even though it may hold UTF-16 text: not all of it is text."""
    return _stated_encoding(data) is None and is_binary(data)


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


def _stated_encoding(data: bytes) -> tuple[int, str] | None:
    """Return the length of the mark that names an encoding, and the encoding.

    Without a mark it is UTF-16 where every second byte is a zero, as in plain English text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return len(mark), encoding
    even, odd = data[0:_SAMPLE:2], data[1:_SAMPLE:2]
    for encoding, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        zeros = len(odd) >= 4 and high.count(0) > 0.9 * len(high) and low.count(0) == 0
        if zeros and not _CONTROL.search(low):
            return 0, encoding
    return None


Column: TypeAlias = str | int | Sequence[str | int]
"""Name of a column, its number (the first column of the file is 1), or several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options of `load`, checked.

    Raises
    ------
    UsageError
        If a unit or a decimal mark is not one of those known.
    """

    column: Column | None = None
    trace: int | str | None = None
    time_unit: str | None = None
    decimal: str | None = None
    sheet: str | int | None = None
    absorbance_unit: str | None = None
    wavelength: float | None = None
    reference: str | int | float | None = None
    time_in: str | None = None
    axis: str | None = None
    times: str | None = None
    mask: float | str | Sequence[float | str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", OPTIONS["mask"].read(self.mask))
        require({name: getattr(self, name) for name in self.__slots__})
        for name in self.__slots__:
            object.__setattr__(self, name, plain(getattr(self, name)))


_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", "whitespace": "blanks"}
_DECIMALS = {".": "point", ",": "comma"}


def format_notes(facts: dict[str, Any]) -> str:
    """Return the notes as one line.

    Examples
    --------
    >>> format_notes({"delimiter": ";", "decimal": ",", "time_unit": "min", "time_factor_s": 60.0})
    'columns divided by semicolon, decimal comma; time in min, converted to s (x 60)'
    """
    parts = []
    if "delimiter" in facts:
        divided = _DELIMITERS.get(facts["delimiter"], repr(facts["delimiter"]))
        parts += [f"columns divided by {divided}", f"decimal {_DECIMALS[facts['decimal']]}"]
    if facts.get("encoding", "utf-8") != "utf-8":
        parts.append(f"encoding {facts['encoding']}")
    text = ", ".join(parts)
    if "time_unit" in facts:
        factor = facts["time_factor_s"]
        converted = "" if factor == 1.0 else f", converted to s (x {factor:g})"
        text += ("; " if text else "") + f"time in {facts['time_unit']}{converted}"
    return text


_NOTE = re.compile(r"acquired (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


def acquired_note(moment_s: float) -> str:
    """Return the note that states a moment, given in s since 1970 on the instrument's own clock.

    Examples
    --------
    >>> acquired_note(0.0)
    'acquired 1970-01-01 00:00:00'
    """
    return "acquired " + datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def acquired_at(source: Source) -> float | None:
    """Return the moment that such a note of `source` states, in s since 1970, or None."""
    match = _NOTE.search(source.note)
    return None if match is None else parse_moment(match.group(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of a table.

    Attributes
    ----------
    content : Content
        File, bytes and hash.
    options : ReadOptions
        What the caller said.
    format : str
        Name of the format, as `cxkinetics formats` lists it.
    remarks : tuple of Remark
        Said so far.
    time_unit : str
        Unit of time from the preamble, "" if unknown.
    x_kind : str
        Kind of an unnamed first column where the format says it ("time", "wavelength").
    y_kind : str
        Kind of an unnamed signal where the format says it ("absorbance", "transmittance", "counts").
    y_name : str
        The words that say so.
    wavelength_nm : float or None
        Where a trace was recorded, from the preamble.
    label : str
        Name of the sample.
    spectrum_time_s : float or None
        Time of a single spectrum.
    acquired_s : float or None
        Moment of acquisition, s since 1970 on the instrument's clock.
    time_factor_s : float or None
        How many s the unit holds in which these times stand in the file; None where it states none.
    """

    content: Content
    options: ReadOptions
    format: str
    remarks: tuple[Remark, ...] = ()
    time_unit: str = ""
    x_kind: str = ""
    y_kind: str = ""
    y_name: str = ""
    wavelength_nm: float | None = None
    label: str = ""
    spectrum_time_s: float | None = None
    acquired_s: float | None = None
    time_factor_s: float | None = None

    @property
    def file(self) -> str:
        """Path as the user gave it."""
        return self.content.file

    def source(self, trace: int = 1) -> Source:
        """Return the provenance of trace number `trace`."""
        unit = time_unit_sign(self.time_factor_s or 0.0)
        source = replace(self.content.source(self.format, trace), time_unit=unit)
        return source if self.acquired_s is None else replace(source, note=acquired_note(self.acquired_s))

    def saying(self, *remarks: Remark) -> "Context":
        """Return the context with more remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))

    def error(self, message: str, remedy: str | None = None, **place: Any) -> InputError:
        """Return the refusal of the file (see `Content.error`)."""
        return self.content.error(message, remedy, **place)


Signal: TypeAlias = Trace | SpectralSeries


@dataclass(frozen=True, slots=True)
class Format:
    """What `cxkinetics formats` says of a format.

    Attributes
    ----------
    name : str
        Short name, as it stands in `Source.format`.
    endings : str
        Usual file endings; never what decides.
    summary : str
        One line for `cxkinetics formats`.
    """

    name: str
    endings: str
    summary: str


@dataclass(frozen=True, slots=True)
class BinaryFormat(Format):
    """A format recognised by its bytes.

    Attributes
    ----------
    sniff : callable
        Says from the content whether this format can read it.
    read : callable
        Returns the signals in the order of the file.
    """

    sniff: Callable[[Content], bool]
    read: Callable[[Context], list[Signal]]


@dataclass(frozen=True, slots=True)
class TextFormat(Format):
    """A format recognised by the beginning of its text; fields as for `BinaryFormat`.

    `decodes` says that the reader decodes large files itself, block by block; it is then given no
    text.
    """

    sniff: Callable[[str], bool]
    read: Callable[[Context, str], list[Signal]]
    decodes: bool = False


def numbered(signals: Sequence[Signal]) -> list[Signal]:
    """Return the signals, each the trace of its place in the list."""
    return [replace(s, source=replace(s.source, trace=k)) for k, s in enumerate(signals, start=1)]


def plain_lines(text: str) -> str:
    """Return a text whose lines all end in a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


_MARK = "simulated"
_MOST_LINES = 50


def simulated_note(text: str) -> str | None:
    r"""Return the note of the first comment line `# simulated: note`, or None where there is none.

    Examples
    --------
    >>> simulated_note("# simulated: from doi 10.1063/5.0151904\ntime,A\n0,0.9\n")
    'from doi 10.1063/5.0151904'
    >>> simulated_note("time,A\n0,0.9\n") is None
    True
    """
    for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
        stripped = line.lstrip("\ufeff \t")
        if stripped.startswith("#") and stripped[1:].strip().lower().startswith(_MARK):
            return stripped[1:].strip()[len(_MARK) :].strip(" \t\r:,;")
    return None


def marked(source: Source, text: str) -> Source:
    """Return the source, marked as simulated where the text that was read says so."""
    note = simulated_note(text)
    return source if note is None else replace(source, simulated=True, note=note or source.note)
