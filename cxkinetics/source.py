"""Where data come from: file, content hash, format, and whether they were simulated."""

import hashlib
import math
from dataclasses import dataclass

from cxkinetics.record import Record

TIME_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""Sign of every unit of time that files count in -> how many s one is: the only such table."""


def time_unit_sign(seconds: float) -> str:
    """Return the sign of the unit of time that holds so many seconds, "" where none does.

    Examples
    --------
    >>> time_unit_sign(60.0), time_unit_sign(7.0)
    ('min', '')
    """
    return next((sign for sign, own in TIME_UNITS.items() if math.isclose(own, seconds, rel_tol=1e-9)), "")


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
