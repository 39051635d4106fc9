"""SPECFIT matrices: a header of counts, then "Time-WL" with wavelengths and a row for each time.

The second line names the counts (Nm spectra, Nw wavelengths), the third gives them; times are in s.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.io.file import Context, Signal, TextFormat
from cxkinetics.io.formats.text import read_text_table
from cxkinetics.remarks import Remark

_COUNTS = re.compile(r"^[ \t]*X/Z[ \t]+Nm[ \t]+Nw\b.*\n[ \t]*\d+[ \t]+(\d+)[ \t]+(\d+)\b", re.MULTILINE)


def sniff(head: str) -> bool:
    """Return whether the text begins like a SPECFIT export."""
    return _COUNTS.search(head.replace("\r", "")) is not None and "Time-WL" in head


def read_specfit(context: Context, text: str) -> list[Signal]:
    """Return the series; the counts of the header are compared with what is there."""
    counts = _COUNTS.search(text[:5000].replace("\r", ""))
    marked = text.replace("Time-WL", "time (s) \\ wavelength (nm)", 1)
    signals = read_text_table(replace(context, time_unit="s"), marked)
    if counts is None:
        return signals
    stated = (int(counts.group(1)), int(counts.group(2)))
    found = tuple(np.shape(signals[0].absorbance))
    if len(found) == 2 and found[1] != stated[1]:
        raise context.error(
            f"the header states {stated[1]} wavelengths, the table holds {found[1]}: the file is damaged",
            "export it again",
        )
    if found[0] == stated[0]:
        return signals
    text_ = f"the header states {stated[0]} spectra, the table holds {found[0]}"
    return [signal.with_remarks(Remark("truncated", text_, found[0])) for signal in signals]


FORMATS = (
    TextFormat("SPECFIT", ".txt", "SPECFIT time x wavelength matrices, also in UTF-16", sniff, read_specfit),
)
