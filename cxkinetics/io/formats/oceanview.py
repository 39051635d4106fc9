"""OceanView and SpectraSuite ASCII: a header in any language, a >>>>>Begin<<<<< mark, pixels.

All pixels are read and compared with the number that the header states. A file of one spectrum has
wavelength and signal; a file of many has a row of wavelengths and a row for each time. A Jaz writes the
counts of dark, reference and sample beside the processed value.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, plain_lines
from cxkinetics.io.formats.text import read_text_table
from cxkinetics.io.single import against_reference, one_spectrum
from cxkinetics.io.words import parse_moment
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries

_MARK = re.compile(r"^>{3}[^\n<]*<{3}.*$", re.MULTILINE)
_END = re.compile(
    r"^>{3,}\s*(?:(?:End|Ende|Fin|Fine)\b.*<{3,}|Data<{3,}.*Extremo).*$", re.MULTILINE | re.IGNORECASE
)
_PIXELS = re.compile(
    r"^[^\n:]{0,99}\b(?:pixels?|p[ií]xeles)\b[^\n:]{0,99}:\s*(\d+)", re.MULTILINE | re.IGNORECASE
)
_JAZ = re.compile(r"\s*W\tD\tR\tS\tP[ \t]*\n")
_DATE = re.compile(r"^[ \t]*(?:Date|Datum|Fecha|Data)[ \t]*:(.+)$", re.MULTILINE | re.IGNORECASE)
_WAVELENGTHS = re.compile(
    r"X[ \t]{0,9}-?[ \t]{0,9}(?:axis|achse|axe|eje)[^\n:]*:\s*"
    r"(wavelength|wellenl|longueur|longitud|lunghezz|raman|.*)",
    re.IGNORECASE,
)


def sniff(head: str) -> bool:
    """Return whether the text has the mark that Ocean software puts before its data."""
    return _MARK.search(head) is not None


def read_oceanview(context: Context, text: str) -> list[Signal]:
    """Return the spectra, or the trace of a kinetics file."""
    text = plain_lines(text)
    end = _END.search(text)
    body = text[: end.start()] if end else text
    mark = _MARK.search(body)
    if mark is None:
        raise context.error("the data end before they begin: the file is damaged", "export it again")
    header = body[: mark.start()]
    axis = _WAVELENGTHS.search(header)
    if axis and axis.group(1).casefold().startswith("raman"):
        what = "its axis is a Raman shift, not a wavelength"
        raise context.error(what, "export the spectrum over its wavelengths", value=axis.group(1))
    pixels, date = _PIXELS.search(header), _DATE.search(header)
    # a header that names no axis but counts the pixels of a spectrometer is that of a spectrum
    spectral = re.match(r"w|longueur|longitud|lunghezz", axis[1], re.I) if axis else None
    x_kind = "wavelength" if spectral or (pixels and "spect" in header.casefold()) else ""
    context = replace(context, x_kind=x_kind, acquired_s=parse_moment(date[1]) if date else None)
    if _JAZ.match(body[mark.end() :]):
        signals = _jaz(context, body[mark.end() :].strip().split("\n"))
    else:
        signals = read_text_table(context, body)
    return [_checked(signal, pixels) for signal in signals]


def _jaz(context: Context, lines: list[str]) -> list[Signal]:
    """Return the spectrum of a Jaz file, from its counts of dark, reference and sample.

    The processed column P is the percentage of light, or its absorbance: the counts tell without it.
    """
    try:
        rows = [line.replace(",", ".").split() for line in lines[1:] if line.strip()]
        body = np.array(rows, dtype=np.float64)
    except ValueError:
        body = np.empty(0)
    if body.ndim != 2 or body.shape[1] != len(lines[0].split()):
        raise context.error("its rows are not as long as its header: the file is damaged", COPY_OR_EXPORT)
    axis, dark, reference, sample = body[:, :4].T
    told, percent, quantity = against_reference(context, sample, dark, reference)
    return one_spectrum(told, axis, percent, quantity)


def _checked(signal: Signal, pixels: re.Match[str] | None) -> Signal:
    if pixels is None or not isinstance(signal, SpectralSeries):
        return signal
    stated, found = int(pixels.group(1)), int(signal.wavelength_nm.size)
    if stated == found:
        return signal
    text = f"the header states {stated} pixels, the file holds {found}: it is cut short or was cropped"
    return signal.with_remarks(Remark("truncated", text, found))


_SUMMARY = "OceanView and SpectraSuite ASCII: every pixel, headers in any language, decimal commas"
FORMATS = (TextFormat("OceanView", ".txt .jaz", _SUMMARY, sniff, read_oceanview),)
