"""OOI .ProcSpec of SpectraSuite: a zip archive that holds one processed spectrum as XML.

The archive holds ps_N.xml beside a list of signatures. Each certificate in it states what one step of
processing made; the last with numbers of its own is the spectrum that was shown, in the unit that its
"yUnits" names. Later ones only refer to it.
"""

import io
import lzma
import re
import zipfile
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.io.file import COPY_OR_EXPORT, BinaryFormat, Content, Context, Signal
from cxkinetics.io.headers import Quantity
from cxkinetics.io.single import one_spectrum

if TYPE_CHECKING:
    from xml.etree import ElementTree

_LARGEST_XML = 64_000_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_QUANTITIES = {
    "Absorbance": Quantity("", "absorbance"),
    "Transmission": Quantity("%T", "transmittance"),
    "Counts": Quantity("", "counts"),
}
_STEP = "com.oceanoptics.spectrasuite.processors.ProcessedSpectrumCertificate"


def sniff(content: Content) -> bool:
    """Return whether the bytes are an archive that holds a spectrum of SpectraSuite."""
    return content.data.startswith(b"PK") and b"OOISignatures.xml" in content.data


def read_procspec(context: Context) -> list[Signal]:
    """Return the processed spectrum."""
    tree = _document(context)
    wavelengths = _numbers(tree.find(".//channelWavelengths"))
    steps = [step for step in tree.iter(_STEP) if _numbers(step.find("processedPixels")).size]
    if steps:
        values, unit = _numbers(steps[-1].find("processedPixels")), steps[-1].find("yUnits")
    else:
        values, unit = _numbers(tree.find(".//pixelValues")), tree.find(f".//{_STEP}/yUnits")
    if values.size == 0 or values.size != wavelengths.size:
        what = f"{values.size} values at {wavelengths.size} wavelengths: the file is damaged"
        raise context.error(what, COPY_OR_EXPORT)
    stated = "" if unit is None else str(unit.get("class", ""))
    named = re.search(r"\.(\w+?)IntensityDescriptor$", stated)
    quantity = _QUANTITIES.get(named[1]) if named else None
    if quantity is None:
        what = (
            f"the file holds {named[1] if named else 'values without a unit'}, no absorbance follows from it"
        )
        raise context.error(what, "save it as absorbance or transmission", value=stated)
    moment = tree.findtext(".//acquisitionTime/milliTime", "")
    acquired = float(moment) / 1000.0 if moment.strip().isdecimal() else None
    return one_spectrum(replace(context, acquired_s=acquired), wavelengths, values, quantity)


def _document(context: Context) -> "ElementTree.Element":
    from xml.etree import ElementTree

    try:
        with zipfile.ZipFile(io.BytesIO(context.content.data)) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r"ps_\d+\.xml", name)]
            if len(names) != 1:
                raise context.error(f"the archive holds {len(names)} spectra; one is needed", COPY_OR_EXPORT)
            if archive.getinfo(names[0]).file_size > _LARGEST_XML:
                what = f"its spectrum takes {archive.getinfo(names[0]).file_size} bytes: too large"
                raise context.error(what, COPY_OR_EXPORT)
            # names of users stand in the encoding of their machine: only the numbers are of use
            text = archive.read(names[0]).decode("latin-1")
    except (*_DAMAGED, NotImplementedError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise context.error(f"the archive cannot be read: {error}", COPY_OR_EXPORT) from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise context.error(
            "the XML defines entities of its own: no file of SpectraSuite does", COPY_OR_EXPORT
        )
    try:
        return ElementTree.fromstring(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#x?[0-9a-fA-F]+;", "", text))
    except ElementTree.ParseError as error:
        raise context.error(f"the XML of the spectrum is damaged: {error}", COPY_OR_EXPORT) from error


def _numbers(element: "ElementTree.Element | None") -> Array:
    cells = [] if element is None else [cell.text or "nan" for cell in element.findall("double")]
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        return np.empty(0)


_SUMMARY = "SpectraSuite .ProcSpec archives of one processed spectrum"
FORMATS = (BinaryFormat("OOI ProcSpec", ".ProcSpec", _SUMMARY, sniff, read_procspec),)
