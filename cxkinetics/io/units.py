"""Units that files use, and their conversion to s, nm and absorbance.

A = 2 - log10(%T) = -log10(T); E(eV) = hc/(e lambda) with hc/e = 1239.841984 eV nm (CODATA 2018,
exact constants); wavenumber in 1/cm = 1e7/lambda(nm). All wavelengths are taken as stated (no
correction for the refractive index of air).
"""

import numpy as np

from cxkinetics.arrays import Array

__all__ = [
    "ABSORBANCE_UNITS",
    "HC_EV_NM",
    "absorbance_from_counts",
    "absorbance_from_percent_transmittance",
    "time_factor",
    "to_nanometres",
]

HC_EV_NM = 1239.8419843320026
ABSORBANCE_UNITS = ("abs", "percentT", "fractionT", "counts")

_SECONDS = {
    "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanoseconds": 1e-9,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3, "millisekunden": 1e-3,
    "millisecondes": 1e-3, "milisegundos": 1e-3, "millisecondi": 1e-3, "毫秒": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "sec.": 1.0, "second": 1.0, "seconds": 1.0, "sek": 1.0, "sek.": 1.0,
    "sekunde": 1.0, "sekunden": 1.0, "seconde": 1.0, "secondes": 1.0, "segundo": 1.0, "segundos": 1.0,
    "secondo": 1.0, "secondi": 1.0, "seconden": 1.0, "sekunder": 1.0, "с": 1.0, "сек": 1.0, "秒": 1.0,
    "min": 60.0, "mins": 60.0, "min.": 60.0, "minute": 60.0, "minutes": 60.0, "minuten": 60.0,
    "minuto": 60.0, "minutos": 60.0, "minuti": 60.0, "minuut": 60.0, "minuter": 60.0, "мин": 60.0,
    "分": 60.0, "分钟": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0, "std": 3600.0, "std.": 3600.0,
    "stunde": 3600.0, "stunden": 3600.0, "heure": 3600.0, "heures": 3600.0, "hora": 3600.0,
    "horas": 3600.0, "ora": 3600.0, "ore": 3600.0, "uur": 3600.0, "timer": 3600.0, "ч": 3600.0,
    "час": 3600.0, "小时": 3600.0, "时": 3600.0, "時間": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "tag": 86400.0, "tage": 86400.0, "jours": 86400.0,
    "dias": 86400.0, "giorni": 86400.0, "天": 86400.0,
}  # fmt: skip


def time_factor(unit: str) -> float | None:
    """Return how many seconds one `unit` is, or None where the word is not a unit of time.

    Examples
    --------
    >>> time_factor("min"), time_factor("ms"), time_factor("nm")
    (60.0, 0.001, None)
    """
    return _SECONDS.get(unit.strip().casefold())


def to_nanometres(values: Array, unit: str) -> Array:
    """Return an axis in nm from one in "nm", "um", "Å", "eV" or "cm-1" (shape kept).

    Examples
    --------
    >>> round(float(to_nanometres(np.array([3.8267]), "eV")[0]), 1)
    324.0
    >>> to_nanometres(np.array([25000.0]), "cm-1").tolist()
    [400.0]
    """
    if unit == "nm":
        return values
    if unit == "um":
        return values * 1000.0
    if unit == "Å":
        return values / 10.0
    with np.errstate(divide="ignore"):
        return (HC_EV_NM if unit == "eV" else 1e7) / values


def absorbance_from_percent_transmittance(percent: Array) -> Array:
    """Return A = 2 - log10(%T); NaN where %T is not positive (no light: saturated).

    Examples
    --------
    >>> absorbance_from_percent_transmittance(np.array([10.0])).tolist()
    [1.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(percent > 0, 2.0 - np.log10(percent), np.nan)


def absorbance_from_counts(counts: Array, reference: Array, dark: Array | float = 0.0) -> Array:
    """Return A = -log10((I - dark)/(I0 - dark)); NaN where either is not positive.

    Parameters
    ----------
    counts, reference : Array
        Detector counts of sample and of solvent, of shapes that broadcast.
    dark : Array or float
        Counts without light.

    Examples
    --------
    >>> absorbance_from_counts(np.array([100.0]), np.array([1000.0])).tolist()
    [1.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (counts - dark) / (reference - dark)
        usable = (counts > dark) & (reference > dark)
        return np.where(usable, -np.log10(np.where(usable, ratio, 1.0)), np.nan)
