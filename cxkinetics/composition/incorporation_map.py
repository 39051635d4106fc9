"""M0, the empirical dose-incorporation map: slow uptake, avalanche, plateau.

y(D) = b1 min(D, D1) + b2 max(D - D1, 0), never above y_f: slope b1 up to the avalanche dose D1,
slope b2 up to the saturation dose D2 = D1 + (y_f - b1 D1)/b2, then the plateau y_f. Dose and
incorporation are in percent. All functions broadcast, so that draws x doses is one call.

Source of the form: the two lines and the plateau of Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704
(2023), doi 10.1063/5.0151904.
"""

import numpy as np

from cxkinetics.arrays import Array, ArrayLike

__all__ = ["dose_interval", "incorporation", "saturation_dose"]


def incorporation(
    dose_percent: ArrayLike, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike
) -> Array:
    """Return the incorporation at a dose, in percent.

    Parameters
    ----------
    dose_percent : array_like
        Guest added, percent of the host cation.
    b1, b2 : array_like
        Slopes before and after the avalanche dose, percent per percent.
    D1 : array_like
        Avalanche dose, percent.
    y_f : array_like
        Plateau, percent.

    Examples
    --------
    >>> incorporation([50.0, 120.0, 175.0], 0.104, 97.5, 0.82, 40.2).round(2).tolist()
    [5.2, 28.59, 40.2]
    """
    dose, first = np.asarray(dose_percent, dtype=float), np.asarray(D1, dtype=float)
    beyond = np.maximum(dose - first, 0.0)
    rising = np.asarray(b1) * (dose - beyond) + np.asarray(b2) * beyond
    value: Array = np.minimum(rising, y_f)
    return value


def saturation_dose(b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike) -> Array:
    """Return D2, where the plateau begins, in percent; inf where it is never reached.

    Examples
    --------
    >>> round(float(saturation_dose(0.104, 97.5, 0.82, 40.2)), 2)
    134.16
    """
    slope1, first, slope2, top = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (b1, D1, b2, y_f)))
    at_first = slope1 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        after = first + (top - at_first) / slope2
        before = top / slope1
    dose: Array = np.where(top <= at_first, before, np.where(slope2 > 0, after, np.inf))
    return dose


def dose_interval(
    incorporation_percent: ArrayLike, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike
) -> tuple[Array, Array]:
    """Return the doses that give an incorporation: (lowest, highest), in percent.

    The two agree where the map rises. On the plateau the inverse is an interval, from D2 to inf;
    above the plateau there is none (NaN). A flat stage (a slope of 0) is an interval too.

    Examples
    --------
    >>> low, high = dose_interval([8.0, 40.2], 0.104, 97.5, 0.82, 40.2)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([76.92, 134.16], [76.92, inf])
    """
    y, slope1, first, slope2, top = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (incorporation_percent, b1, D1, b2, y_f))
    )
    at_first = slope1 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        on_first = np.where(slope1 > 0, y / slope1, np.where(y == 0, 0.0, np.nan))
        on_second = first + (y - at_first) / slope2
    low = np.where(y <= at_first, on_first, on_second)
    high = np.where((slope1 <= 0) & (y == 0), first, low)
    high = np.where(y >= top, np.inf, high)
    none = (y > top) | (y < 0)
    lowest: Array = np.where(none, np.nan, low)
    highest: Array = np.where(none, np.nan, high)
    return lowest, highest
