"""The package's own CSV and JSON of signals, read back as they were written."""

from cxkinetics.errors import InputError
from cxkinetics.io.content import Content
from cxkinetics.io.formats import Signal, TextFormat
from cxkinetics.io.options import ReadOptions
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.storage import stored_schema
from cxkinetics.signals.trace import Trace

__all__ = ["FORMATS", "read_own", "read_own_dose_table"]

_CLASSES: dict[str, type[Trace] | type[SpectralSeries]] = {
    "cxkinetics.trace/1": Trace,
    "cxkinetics.spectra/1": SpectralSeries,
}
_DOSE_TABLE = "cxkinetics.dose-table/1"


def sniff(head: str) -> bool:
    """Return whether the text is a stored signal."""
    return stored_schema(head) in _CLASSES


def read_own(content: Content, text: str, options: ReadOptions) -> list[Signal]:
    """Return the stored signal, its source that of the data it was made from."""
    kind = _CLASSES[stored_schema(text[:1000]) or ""]
    try:
        if text.lstrip("\ufeff \t\r\n").startswith("{"):
            return [kind.from_json(text)]
        return [kind.from_csv(text)]
    except InputError as error:
        raise InputError(str(error), file=content.file) from error


def read_own_dose_table(content: Content, text: str) -> DoseTable | None:
    """Return the stored dose table, or None where the text is none."""
    if stored_schema(text[:1000]) != _DOSE_TABLE:
        return None
    try:
        return DoseTable.from_json(text) if text.lstrip().startswith("{") else DoseTable.from_csv(text)
    except InputError as error:
        raise InputError(str(error), file=content.file) from error


FORMATS = (
    TextFormat(
        name="cxkinetics",
        summary="the package's own CSV and JSON of traces and spectra (to_csv, to_json)",
        endings=".csv .json",
        sniff=sniff,
        read=read_own,
    ),
)
