"""The package's own CSV and JSON of signals, read back as they were written.

Other JSON, a stored result above all, is refused with what it is and how it is opened.
"""

import re

from cxkinetics.errors import InputError
from cxkinetics.io.file import Context, Signal, TextFormat
from cxkinetics.schemas import decoded, schema_of, what_it_is
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.storage import stored_schema
from cxkinetics.signals.trace import Trace

_CLASSES: dict[str, type[Trace] | type[SpectralSeries]] = {
    Trace.SCHEMA: Trace,
    SpectralSeries.SCHEMA: SpectralSeries,
}
_JSON = re.compile(r'[\ufeff\s]*\{\s*["}]')


def sniff(head: str) -> bool:
    """Return whether the text is a stored signal of any kind, or JSON that can be no table."""
    return stored_schema(head) is not None or re.match(_JSON, head) is not None


def read_own(context: Context, text: str) -> list[Signal]:
    """Return the stored signal, its source that of the data it was made from."""
    text = text.lstrip("\ufeff")
    as_json = re.match(_JSON, text) is not None
    try:
        record = decoded(text, None) if as_json else {"schema": stored_schema(text[:1000])}
        kind = _CLASSES.get(schema_of(record) or "")
        if kind is None:
            what, remedy = what_it_is(record)
            raise InputError(f"this is {what}, not a signal", remedy=remedy)
        return [kind.from_json(text) if as_json else kind.from_csv(text)]
    except InputError as error:
        raise context.error(str(error)) from error


_SUMMARY = "the package's own CSV and JSON of traces and spectra (to_csv, to_json)"
FORMATS = (TextFormat("cxkinetics", ".csv .json", _SUMMARY, sniff, read_own),)
