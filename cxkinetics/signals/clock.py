"""Times typed in s for a file that counts in another unit: how to say so, and what to type instead.

Every option counts in s, while a file may count in min. Where such an option fits no reading, but
the same figures read in the file's unit would, the unit is the likely slip.
"""

from collections.abc import Sequence

import numpy as np

from cxkinetics.arrays import Array

__all__ = ["breakpoint_hint", "unit_sign", "window_hint"]

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
FEWEST = 3
"""Points that a window or a stage must hold."""


def unit_sign(seconds: float) -> str:
    """Return the sign of the unit of time that holds so many seconds, "" where none does.

    Examples
    --------
    >>> unit_sign(60.0), unit_sign(7.0)
    ('min', '')
    """
    return next(
        (sign for sign, factor in SECONDS.items() if np.isclose(factor, seconds, rtol=1e-9, atol=0)), ""
    )


def window_hint(time_s: Array, unit: str, window_s: tuple[float | None, float | None]) -> str:
    """Return what to type instead of a window that was meant in the file's unit, or "".

    Parameters
    ----------
    time_s : Array, shape (n,)
        All times of the file, in s.
    unit : str
        Sign of the unit that the file counts in (`Source.time_unit`); "" if unknown.
    window_s : (float or None, float or None)
        As typed.

    Examples
    --------
    >>> window_hint(60.0 * np.arange(61), "min", (5, 20))
    "5:20 is 5 to 20 s; the file's times are in min: for 5 to 20 min pass 300:1200"
    """
    factor = SECONDS.get(unit, 1.0)
    low, high = (None if end is None else float(end) * factor for end in window_s)
    inside = (time_s >= (-np.inf if low is None else low)) & (time_s <= (np.inf if high is None else high))
    if factor == 1.0 or np.unique(time_s[inside]).size < FEWEST:
        return ""
    said = _span(*window_s)
    return (
        f"{_typed(*window_s)} is {said} s; the file's times are in {unit}: "
        f"for {said} {unit} pass {_typed(low, high)}"
    )


def breakpoint_hint(time_s: Array, unit: str, breakpoints_s: Sequence[float]) -> str:
    """Return what to type instead of breakpoints that were meant in the file's unit, or "".

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times that are fitted, in s.
    unit : str
        Sign of the unit that the file counts in; "" if unknown.
    breakpoints_s : sequence of float
        As typed, ascending.

    Examples
    --------
    >>> breakpoint_hint(60.0 * np.arange(61), "min", [8])
    "8 is in s; the file's times are in min: for 8 min pass 480"
    """
    factor = SECONDS.get(unit, 1.0)
    meant = [float(b) * factor for b in breakpoints_s]
    held = np.histogram(np.unique(time_s), [-np.inf, *meant, np.inf])[0]
    if factor == 1.0 or held.min() < FEWEST:
        return ""
    typed, instead = (",".join(_number(b) for b in values) for values in (breakpoints_s, meant))
    verb = "is" if len(meant) == 1 else "are"
    return f"{typed} {verb} in s; the file's times are in {unit}: for {typed} {unit} pass {instead}"


def _number(value: float) -> str:
    return f"{value:.10g}"


def _typed(low: float | None, high: float | None) -> str:
    return f"{'' if low is None else _number(low)}:{'' if high is None else _number(high)}"


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "all" if low is high else f"up to {high:.10g}" if low is None else f"at least {low:.10g}"
    return f"{_number(low)} to {_number(high)}"
