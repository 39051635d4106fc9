"""Wasatch ENLIGHTEN .csv: a preamble of one column a measurement, then wavelengths and processed values.

What the processed values are stands in the line "Technique". Files of one measurement add its counts
(Raw, Dark, Reference), files of several a column "Processed" for each.
"""

import re
from dataclasses import replace

import numpy as np

from cxkinetics.io.file import COPY_OR_EXPORT, Context, Signal, TextFormat, numbered, plain_lines
from cxkinetics.io.headers import Quantity
from cxkinetics.io.single import one_spectrum
from cxkinetics.io.words import parse_moment

_TECHNIQUES = {
    "transmission": Quantity("%T", "transmittance"),
    "absorbance": Quantity("", "absorbance"),
    "scope": Quantity("", "counts"),
}


def sniff(head: str) -> bool:
    """Return whether the text begins like an ENLIGHTEN file."""
    return re.match(r"\ufeff?ENLIGHTEN Version,", head) is not None


def read_enlighten(context: Context, text: str) -> list[Signal]:
    """Return the spectrum of each measurement."""
    lines = [line.split(",") for line in plain_lines(text).split("\n")]
    start = next((k for k, cells in enumerate(lines) if "Processed" in cells and "Wavelength" in cells), None)
    if start is None:
        what = "there is no column 'Wavelength' beside 'Processed'"
        raise context.error(what, "save wavelengths with the spectrum")
    stated = {cells[0]: cells[1:] for cells in lines[:start] if len(cells) > 1}
    techniques = {name.casefold() for name in stated.get("Technique", [])}
    quantity = _TECHNIQUES.get(techniques.copy().pop()) if len(techniques) == 1 else None
    if quantity is None:
        what = (
            f"its technique is {', '.join(sorted(techniques)) or 'not stated'}: no absorbance follows from it"
        )
        raise context.error(what, "measure in absorbance or transmission")
    names = lines[start]
    rows = [cells for cells in lines[start + 1 :] if len(cells) >= len(names)]
    try:
        body = np.array([cells[: len(names)] for cells in rows], dtype=np.float64)
    except ValueError:
        body = np.empty((0, len(names)))
    if body.size == 0:
        raise context.error("no rows of numbers below the names", COPY_OR_EXPORT, line=start + 1)
    axis = body[:, names.index("Wavelength")]
    signals: list[Signal] = []
    for k, column in enumerate(j for j, name in enumerate(names) if name == "Processed"):
        label, moment = (stated.get(key, [])[k : k + 1] for key in ("Label", "Timestamp"))
        acquired = parse_moment(moment[0].split(".")[0]) if moment else None
        told = replace(context, label=label[0] if label else "", acquired_s=acquired)
        signals += one_spectrum(told, axis, body[:, column], quantity)
    return numbered(signals)


_SUMMARY = "Wasatch ENLIGHTEN spectra in absorbance, transmission or counts"
FORMATS = (TextFormat("ENLIGHTEN", ".csv", _SUMMARY, sniff, read_enlighten),)
