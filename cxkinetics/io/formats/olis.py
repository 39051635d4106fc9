"""Olis ASCII-PBP: a banner, a row of wavelengths, a row of absorbances for each spectrum."""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, plain_lines
from cxkinetics.io.headers import Quantity
from cxkinetics.io.single import one_spectrum
from cxkinetics.io.words import parse_moment

_BANNER = re.compile(r"Olis ASCII-PBP Output file generated", re.IGNORECASE)
_CREATED = re.compile(r"CreateDate:\s*(\d{4})\.(\d\d)\.(\d\d) ([\d:]+)")


def sniff(head: str) -> bool:
    """Return whether the text begins with the banner."""
    return _BANNER.match(head.lstrip("\ufeff")) is not None


def read_olis(context: Context, text: str) -> list[Signal]:
    """Return the spectrum."""
    banner, *rest = plain_lines(text).split("\n")
    rows = []
    for number, line in enumerate(rest, 2):
        if not line.strip():
            continue
        try:
            rows.append(np.array(line.strip().rstrip(",").split(","), dtype=np.float64))
        except ValueError:
            what = f"a row of numbers is needed, found {line[:40]!r}"
            raise context.error(what, COPY_OR_EXPORT, line=number) from None
    if len(rows) != 2 or rows[0].size != rows[1].size:
        sizes = ", ".join(str(row.size) for row in rows)
        what = f"a row of wavelengths and one of absorbances as long are needed, found rows of {sizes}"
        raise context.error(what, "export each spectrum by itself", line=2)
    made = _CREATED.search(banner)
    acquired = parse_moment("{}-{}-{} {}".format(*made.groups())) if made else None
    return one_spectrum(replace(context, acquired_s=acquired), rows[0], rows[1], Quantity("", "absorbance"))


_SUMMARY = "Olis ASCII-PBP of one spectrum: a row of wavelengths, a row of absorbances"
FORMATS = (TextFormat("Olis", ".csv", _SUMMARY, sniff, read_olis),)
