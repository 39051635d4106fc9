"""The sequential scheme C0 -k1-> C2 -k2-> P seen through one absorbance, with quenching.

A/A0 = C0 + q C2 + c P, with q and c the molar absorptivities of the doped cluster and of the product
relative to the host. This is a biexponential with an offset, so one trace gives only combinations: two
orders of the rate constants fit equally (slow-fast ambiguity), and two parallel populations do too.
"""

import math
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError

__all__ = ["SequentialReading", "least_first_rate", "read_sequential", "sequential_absorbance"]


def sequential_absorbance(time_s: Array, k1: float, k2: float, q: float, c: float = 0.0) -> Array:
    """Return A/A0 of the sequential scheme.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    k1, k2 : float
        Rate constants of the two steps, 1/s.
    q, c : float
        Molar absorptivity of C2 and of P relative to C0.

    Examples
    --------
    >>> a = sequential_absorbance(np.array([0.0, 20.0, 100.0]), 0.2, 0.02, 0.45)
    >>> a.round(3).tolist()
    [1.0, 0.344, 0.068]
    """
    host = np.exp(-k1 * time_s)
    if abs(k1 - k2) < 1e-9 * max(k1, k2):
        doped = k1 * time_s * np.exp(-k1 * time_s)
    else:
        doped = k1 / (k1 - k2) * (np.exp(-k2 * time_s) - host)
    absorbance: Array = host + q * doped + c * (1 - host - doped)
    return absorbance


@dataclass(frozen=True, slots=True)
class SequentialReading:
    """One order of the two rate constants of a biexponential, read as the sequential scheme.

    Attributes
    ----------
    k1, k2 : float
        Rate constants of the first and second step, 1/s.
    q, c : float
        Molar absorptivities of C2 and of P relative to C0.
    possible : bool
        Whether q and c are not negative; why not stands in `reason`.
    """

    k1: float
    k2: float
    q: float
    c: float
    possible: bool
    reason: str = ""


def read_sequential(
    fast: tuple[float, float], slow: tuple[float, float], offset: float = 0.0
) -> tuple[SequentialReading, SequentialReading]:
    """Return both sequential readings of offset + a1 exp(-r1 t) + a2 exp(-r2 t).

    Parameters
    ----------
    fast, slow : (amplitude, rate)
        The two exponentials, rates in 1/s, in any order.
    offset : float
        Signal at infinite time.

    Returns
    -------
    tuple of SequentialReading
        Fast step first, then slow step first.

    Raises
    ------
    UsageError
        If the rates are equal or not positive, or the signal at 0 s is not positive.

    Examples
    --------
    >>> first, second = read_sequential((0.6, 0.2), (0.4, 0.02))
    >>> round(first.q, 3), first.possible, second.possible
    (0.36, True, False)
    """
    (a1, r1), (a2, r2) = sorted((fast, slow), key=lambda item: -item[1])
    start = a1 + a2 + offset
    if not (r2 > 0 and r1 > r2):
        raise UsageError(f"the rates {r1:g} and {r2:g} 1/s must be positive and different")
    if not start > 0:
        raise UsageError(f"the signal at 0 s is {start:g}; it must be positive")
    c = offset / start
    readings = []
    for k1, k2, second in ((r1, r2, a2), (r2, r1, a1)):
        q = c + second / start * (k1 - k2) / k1
        reasons = []
        if q < 0:
            reasons.append(f"it needs a negative molar absorptivity of the doped cluster, q = {q:.3g}")
        if c < 0:
            reasons.append(f"it needs a negative molar absorptivity of the product, c = {c:.3g}")
        readings.append(SequentialReading(k1, k2, q, c, not reasons, "; ".join(reasons)))
    return readings[0], readings[1]


def least_first_rate(absorbance_share: float, shift_share: float, time_s: float) -> float:
    """Return the least k1 that the position of the peak allows, 1/s.

    The peak stands at the absorbance-weighted mean of the bands of C0 and C2. If by `time_s` it has
    moved by `shift_share` of its whole shift and the absorbance has fallen to `absorbance_share` of
    its start, then C0 <= absorbance_share (1 - shift_share).

    Raises
    ------
    UsageError
        If a share or the time is out of range.

    Examples
    --------
    >>> round(least_first_rate(0.3 / 0.9, (326.5 - 324) / (327 - 324), 20.0), 4)
    0.1445
    """
    if not (0 < absorbance_share <= 1 and 0 <= shift_share < 1):
        raise UsageError(
            f"absorbance_share {absorbance_share:g} must lie in (0, 1], shift_share {shift_share:g} in [0, 1)"
        )
    if not time_s > 0:
        raise UsageError(f"the time is {time_s:g} s; it must be positive")
    return -math.log(absorbance_share * (1 - shift_share)) / time_s
