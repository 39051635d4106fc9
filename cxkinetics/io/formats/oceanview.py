"""OceanView and SpectraSuite ASCII: a header in any language, a >>>>>Begin<<<<< mark, pixels.

All pixels are read and compared with the number that the header states. A file of one spectrum has
wavelength and signal; a file of many has a row of wavelengths and a row for each time.
"""

import re
from dataclasses import replace

from cxkinetics.errors import InputError
from cxkinetics.io.file import Content, Context, ReadOptions, Signal, TextFormat
from cxkinetics.io.formats.text import read_tables
from cxkinetics.io.table import tables_in
from cxkinetics.io.words import parse_moment
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries

_MARK = re.compile(r"^>{3,}.*<{3,}\s*$", re.MULTILINE)
_END = re.compile(r"^>{3,}\s*(End|Ende|Fin|Fine)\b.*<{3,}\s*$", re.MULTILINE | re.IGNORECASE)
_PIXELS = re.compile(r"^[^\n:]*\b(?:pixels?|píxeles|pixel)\b[^\n:]*:\s*(\d+)", re.MULTILINE | re.IGNORECASE)
_DATE = re.compile(r"^\s*(?:Date|Datum|Fecha|Data)\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_WAVELENGTHS = re.compile(
    r"X\s*-?\s*(?:axis|achse|axe|eje)[^\n:]*:\s*(wavelength|wellenl|longueur|longitud|lunghezz|raman|.*)",
    re.IGNORECASE,
)


def sniff(head: str) -> bool:
    """Return whether the text has the mark that Ocean software puts before its data."""
    return _MARK.search(head) is not None


def read_oceanview(content: Content, text: str, options: ReadOptions) -> list[Signal]:
    """Return the spectra, or the trace of a kinetics file."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    end = _END.search(text)
    body = text[: end.start()] if end else text
    mark = next(iter(_MARK.finditer(body)))
    header = body[: mark.start()]
    axis = _WAVELENGTHS.search(header)
    if axis and axis.group(1).casefold().startswith("raman"):
        raise InputError(
            "its axis is a Raman shift, not a wavelength",
            file=content.file,
            value=axis.group(1),
            remedy="export the spectrum over its wavelengths",
        )
    stated_axis = (
        "wavelength" if axis and re.match(r"w|longueur|longitud|lunghezz", axis.group(1), re.I) else ""
    )
    pixels = _PIXELS.search(header)
    context = Context(
        content=content,
        options=options,
        format="OceanView",
        x_kind=stated_axis or _guess(header, pixels is not None),
    )
    date = _DATE.search(header)
    moment = parse_moment(date.group(1)) if date else None
    if moment is not None:
        context = replace(context, acquired_s=moment)
    signals = read_tables(context, tables_in(content, body, options))
    return [_checked(signal, pixels) for signal in signals]


def _guess(header: str, has_pixels: bool) -> str:
    return "wavelength" if has_pixels and "spect" in header.casefold() else ""


def _checked(signal: Signal, pixels: re.Match[str] | None) -> Signal:
    if pixels is None or not isinstance(signal, SpectralSeries):
        return signal
    stated, found = int(pixels.group(1)), int(signal.wavelength_nm.size)
    if stated == found:
        return signal
    text = f"the header states {stated} pixels, the file holds {found}: it is cut short or was cropped"
    return replace(signal, remarks=(*signal.remarks, Remark("truncated", text, found)))


FORMATS = (
    TextFormat(
        name="OceanView",
        summary="OceanView and SpectraSuite ASCII: every pixel, headers in any language, decimal commas",
        endings=".txt",
        sniff=sniff,
        read=read_oceanview,
    ),
)
