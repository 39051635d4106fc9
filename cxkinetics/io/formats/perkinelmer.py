"""PerkinElmer UV WinLab ASCII (.asc): "PE UV" in the first line, "#GR" with the units, "#DATA".

The lines below "#GR" name the unit of the axis and that of the values; the sixth counts the points.
"""

import re
from dataclasses import replace

from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, plain_lines
from cxkinetics.io.formats.text import read_text_table
from cxkinetics.io.headers import spectral_unit
from cxkinetics.io.words import time_factor
from cxkinetics.signals.spectra import SpectralSeries

_GROUP = re.compile(r"^#GR\n(.*)\n(.*)\n.*\n.*\n.*\n.*\n\s*(\d+)\b", re.MULTILINE)
_VALUES = {"%t": ("%T", "transmittance"), "t": ("T", "transmittance"), "a": ("A", "absorbance")}


def sniff(head: str) -> bool:
    """Return whether the text begins like a PerkinElmer spectrum in ASCII."""
    return re.match(r"PE (UV|FL|IR)\b", head) is not None and "#GR" in head


def read_perkinelmer(context: Context, text: str) -> list[Signal]:
    """Return the spectrum or the time course."""
    plain = plain_lines(text)
    group = _GROUP.search(plain)
    start = plain.find("\n#DATA\n")
    if group is None or start < 0:
        raise context.error("the text states no units (#GR) or no data (#DATA)", COPY_OR_EXPORT)
    x_unit, y_unit = group[1].strip(), group[2].strip()
    line = plain[: group.start(2)].count("\n") + 1
    timed = time_factor(x_unit) is not None
    if y_unit.casefold() not in _VALUES or (spectral_unit(x_unit) is None and not timed):
        what = (
            f"the file states {y_unit!r} over {x_unit!r}: not absorbance or transmittance over a wavelength"
        )
        raise context.error(what, "export absorbance over nm", line=line)
    name, _ = _VALUES[y_unit.casefold()]
    head = f"{'time' if timed else 'wavelength'} ({x_unit})\t{name}\n"
    above = plain[:start].count("\n") + 1
    body = "\n" * above + head + plain[start + len("\n#DATA\n") :]
    signals = read_text_table(replace(context, time_unit=x_unit if timed else ""), body)
    stated = int(group[3])
    for signal in signals:
        found = signal.wavelength_nm.size if isinstance(signal, SpectralSeries) else signal.time_s.size
        if found != stated:
            what = f"the header states {stated} points, the file holds {found}: it is cut short"
            raise context.error(what, COPY_OR_EXPORT)
    return signals


_SUMMARY = "PerkinElmer UV WinLab ASCII of spectra and time courses"
FORMATS = (TextFormat("PerkinElmer ASCII", ".asc", _SUMMARY, sniff, read_perkinelmer),)
