"""Shimadzu UVProbe text: a quoted title with the moment of acquisition, then a quoted header.

A folder of such files, one spectrum each with the time in its name, is one run; a name without a
unit is read in minutes (the instrument scans), and that is said.
"""

import re
from dataclasses import replace

from cxkinetics.io.file import Context, Signal, TextFormat
from cxkinetics.io.formats.text import read_text_table
from cxkinetics.io.words import parse_moment, time_in_name
from cxkinetics.remarks import Remark

_TITLE = re.compile(
    r'^"?(?P<name>[^"\n]*?) - (Raw ?Data|Storage|[^"\n]*?Data)[^"\n]*"?\s*\n\s*"?(Wavelength|Time)\b', re.I
)
_REFLECTED = re.compile(
    r'^"?Wavelength[^"\n]{0,60}"?[ \t]{0,9}[,;\t ][ \t]{0,9}"?'
    r'(R ?%|%R|(?:Refl|Int)[^"\n]{0,60}?)\.?"?[ \t\r]{0,9}$',
    re.I | re.M,
)
_BLANK_BETWEEN = re.compile(r'(?<=[^\s",;])" +"(?=[^\s",;])')  # in the header of a file divided by blanks
_LONGEST_TITLE = 400
_STAMP = re.compile(r"_(\d{2})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})")


def sniff(head: str) -> bool:
    """Return whether the text begins with a UVProbe title and header."""
    plain = head.replace("\r", "").lstrip()
    # a title is short, and a long line would be searched for it in many ways
    return 0 < plain.find("\n") < _LONGEST_TITLE and _TITLE.match(plain) is not None


def read_uvprobe(context: Context, text: str) -> list[Signal]:
    """Return the spectrum, or the trace of a time course."""
    stamp = _STAMP.search(text.split("\n", 1)[0])
    moment = "20{}-{}-{} {}:{}:{}".format(*stamp.groups()) if stamp else ""
    stem = context.content.stem
    context = replace(context, label=stem, acquired_s=parse_moment(moment))
    reflected = _REFLECTED.search(text[:1000])
    if reflected:
        text_ = f"the file holds {reflected.group(1)!r}, not absorbance: its values are kept as they are"
        context = replace(context.saying(Remark("not_absorbance", text_)), y_kind="counts")
    named = time_in_name(stem)
    if named is not None and not named.unit and context.options.time_unit is None:
        told = Remark(
            "time_unit_assumed",
            f"time {named.value:g} min read from the file name {named.text!r}: its unit is assumed min "
            "(pass --time-unit if it is another)",
        )
        context = replace(context.saying(told), spectrum_time_s=named.value * 60.0)
    return read_text_table(context, _BLANK_BETWEEN.sub('"\t"', text, count=1))


_SUMMARY = "Shimadzu UVProbe text of spectra (minutes in the file name) and time courses"
FORMATS = (TextFormat("UVProbe", ".txt", _SUMMARY, sniff, read_uvprobe),)
