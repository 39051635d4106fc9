"""Where data come from: file, content hash, format, and whether they were simulated."""

import hashlib
from dataclasses import dataclass

from cxkinetics.record import Record


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of `content` as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Record):
    """Provenance of a signal.

    Attributes
    ----------
    file : str
        Path as the user gave it; "" for data made in memory.
    sha256 : str
        Hash of the whole file (of the numbers, for data made in memory).
    format : str
        Name of the format as `cxkinetics formats` lists it.
    trace : int
        Number of the trace in its file, from 1.
    simulated : bool
        True for data made by a model; every output then says so.
    note : str
        One line of provenance (licence, DOI, how it was simulated).
    time_unit : str
        Unit in which the file counts time, such as "min", before all was turned into s; "" where the
        file has none.
    """

    file: str = ""
    sha256: str = ""
    format: str = ""
    trace: int = 1
    simulated: bool = False
    note: str = ""
    time_unit: str = ""
