"""A picture of a signal in characters, so that a wrong axis is seen where it was read."""

from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.arrays import Array

if TYPE_CHECKING:
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.trace import Trace

WIDTH, HEIGHT = 60, 9
_FIRST, _LAST = "o", "*"


def sketch(signal: "Trace | SpectralSeries") -> str:
    """Return the readings over time, or the first (o) and the last (*) spectrum over the wavelength.

    Parameters
    ----------
    signal : Trace or SpectralSeries
        What to draw.

    Returns
    -------
    str
        Lines of at most `WIDTH` + 12 characters; "" where fewer than two readings are known.

    Examples
    --------
    >>> from cxkinetics.signals.trace import Trace
    >>> print(sketch(Trace(time_s=[0, 1, 2], absorbance=[1.0, 0.5, 0.25])).splitlines()[0])
             1 |*
    """
    values = np.atleast_2d(np.asarray(signal.absorbance, dtype=np.float64))
    spectral = np.ndim(signal.absorbance) == 2
    x = np.asarray(getattr(signal, "wavelength_nm" if spectral else "time_s"), dtype=np.float64)
    curves = [(values[-1], _LAST)] if values.shape[0] == 1 else [(values[0], _FIRST), (values[-1], _LAST)]
    known = np.concatenate([curve[np.isfinite(curve)] for curve, _ in curves])
    if known.size < 2 or x[-1] <= x[0]:
        return ""
    low, high = float(known.min()), float(known.max())
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    for curve, mark in curves:
        for column, row in _places(x, curve, low, high):
            rows[row][column] = mark
    labels = {0: f"{high:.4g}", HEIGHT - 1: f"{low:.4g}"}
    lines = [f"{labels.get(k, ''):>10} |{''.join(row)}".rstrip() for k, row in enumerate(rows)]
    start, end = f"{x[0]:g}", f"{x[-1]:g} {'nm' if spectral else 's'}"
    foot = [" " * 11 + "+" + "-" * WIDTH, " " * 12 + start + end.rjust(WIDTH - len(start))]
    return "\n".join([*lines, *foot])


def _places(x: Array, curve: Array, low: float, high: float) -> list[tuple[int, int]]:
    """Return column and row, from the top, of every known reading."""
    seen = np.isfinite(curve)
    columns = np.rint((x[seen] - x[0]) / (x[-1] - x[0]) * (WIDTH - 1)).astype(int)
    height = (curve[seen] - low) / (high - low) if high > low else np.full(int(seen.sum()), 0.5)
    rows = np.rint((1.0 - height) * (HEIGHT - 1)).astype(int)
    return list(zip(columns.tolist(), rows.tolist(), strict=True))
