"""How fast the first step of a sequential model must be, by how far the peak has moved.

In C0 -k1-> C2 -> P the peak stands at the mean of the bands of C0 and C2, weighted by what each
absorbs. If it has moved by a share s of its whole shift while the absorbance has fallen to a share x of
its start, the host still there absorbs x (1 - s) of the start at most, so exp(-k1 t) <= x (1 - s).
"""

import math

from cxkinetics.errors import UsageError

__all__ = ["sequential_rate_bound"]


def sequential_rate_bound(absorbance_share: float, shift_share: float, time_s: float) -> float:
    """Return the smallest k1 that a sequential model allows.

    Parameters
    ----------
    absorbance_share : float
        Absorbance at `time_s` over that at the start, in (0, 1].
    shift_share : float
        Share of the whole shift that the peak has made by then, in [0, 1).
    time_s : float
        Time since the start, s; positive.

    Returns
    -------
    float
        -ln(x (1 - s))/t, 1/s.

    Raises
    ------
    UsageError
        If a share or the time is out of range.

    References
    ----------
    Numbers of Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904: 0.9 to
    0.3 in 20 s while the peak goes from 324 nm to at least 326.5 of 327 nm, ln(18)/20 s.

    Examples
    --------
    >>> round(sequential_rate_bound(0.3 / 0.9, (326.5 - 324) / (327 - 324), 20.0), 4)
    0.1445
    """
    if not 0 < absorbance_share <= 1 or not 0 <= shift_share < 1:
        raise UsageError(
            f"the shares of absorbance {absorbance_share:g} and shift {shift_share:g} must lie "
            "in (0, 1] and [0, 1)"
        )
    if not time_s > 0:
        raise UsageError(f"the time is {time_s:g} s; it must be positive")
    return -math.log(absorbance_share * (1 - shift_share)) / time_s
