"""Isosbestic points: wavelengths at which a conversion leaves the absorbance unchanged, and for how long.

While one spectrum turns into another, all spectra lie on one line: about their mean they have rank one,
and where that one component crosses zero, all of them cross. So the longest stretch from the start (and
from the end) is found in which one component explains all but noise, or 98 % of the change; its zeros
are the points, with errors from the noise; the scatter of the absorbance there says how well they are
met, and following it shows where a point is lost. The absence of a point proves nothing (the bands may
not cross), its loss proves that a further species takes part.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.estimate import Estimate, round_by_error
from cxkinetics.record import As, Record
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.intervals import wald
from cxkinetics.spectral.rank import known_part, rank_of_matrix

_SURE = 4.0  # standard errors that the component must reach on both sides of its zero
_MATERIAL = 0.03  # and this share of its largest value
_TRIALS = 16
_EXPLAINED = 0.98  # of the change, by the first component
_METHOD = "zero of the principal component"
_TIGHT = 0.05  # scatter at a point over the largest change of the stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class IsosbesticPoint(Record):
    """One isosbestic point.

    Attributes
    ----------
    wavelength_nm : Estimate
        Where the spectra cross, nm.
    absorbance : float
        Their common value there, in the unit of the signal.
    scatter : float
        Standard deviation of the absorbance there within the stretch.
    from_s, to_s : float
        The stretch in which it holds, s.
    lost_s : float or None
        Where, looking away from the stretch, the absorbance leaves its value for good, s; None where
        it never does.
    drift : float
        Value at the far end of the series minus the common value.
    """

    wavelength_nm: Annotated[Estimate, As(name="isosbestic point")]
    absorbance: float
    scatter: float
    from_s: float
    to_s: float
    lost_s: float | None
    drift: float

    def __str__(self) -> str:
        level = round_by_error(self.absorbance, self.scatter)
        held = f"{self.wavelength_nm} at {level}, held {self.from_s:g}-{self.to_s:g} s"
        if self.lost_s is None:
            return held
        side = "after" if self.lost_s >= self.to_s else "before"
        return f"{held}, lost {side} {self.lost_s:g} s (drift {self.drift:+.2g})"


def isosbestic_points(series: SpectralSeries, *, confidence: float = 0.95) -> tuple[IsosbesticPoint, ...]:
    """Return the isosbestic points of a series.

    Parameters
    ----------
    series : SpectralSeries
        Spectra; masked spectra and wavelengths are left out.
    confidence : float
        Coverage of the interval of the wavelength.

    Returns
    -------
    tuple of IsosbesticPoint
        Those of the first stretch, then those of the last where it is another; ascending in
        wavelength within each. Empty where no component crosses zero for certain.

    Examples
    --------
    >>> time, wavelength = np.arange(50.0), np.arange(300.0, 400.0)
    >>> bands = np.exp(-0.5 * ((wavelength - np.array([[330.0], [360.0]])) / 12) ** 2)
    >>> shares = np.stack([np.exp(-0.05 * time), 1 - np.exp(-0.05 * time)], axis=1)
    >>> noise = 0.002 * np.random.default_rng(2).standard_normal((50, 100))
    >>> points = isosbestic_points(
    ...     SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=shares @ bands + noise))
    >>> [round(point.wavelength_nm.value) for point in points], points[0].lost_s
    ([345], None)
    """
    time, axis, matrix = known_part(series)
    n = time.size
    if n < 4 or axis.size < 5:
        return ()
    noise = rank_of_matrix(matrix).noise_sd
    first = _longest(matrix, forward=True)
    stretches = [] if first is None else [(0, first)]
    if first is None or first < n:
        last = _longest(matrix, forward=False)
        if last is not None and (first is None or last >= first // 2) and last > 0:
            stretches.append((last, n))
    found: list[IsosbesticPoint] = []
    for start, stop in stretches:
        found += _points(time, axis, matrix, slice(start, stop), noise=noise, confidence=confidence)
    return tuple(found)


def _longest(matrix: Array, *, forward: bool) -> int | None:
    """Return the end (or start) of the longest stretch from the start (to the end) with one component."""
    n = matrix.shape[0]
    shortest = min(max(5, n // 10), n)
    # longest first, and a handful of lengths only: the place of a point hardly depends on where it ends
    lengths = np.unique(np.linspace(shortest, n, _TRIALS).astype(int))[::-1]
    for length in lengths:
        part = matrix[:length] if forward else matrix[n - length :]
        centred = part - part.mean(axis=0)
        rank = rank_of_matrix(centred)
        if rank.singular_values[0] <= rank.thresholds[0]:
            continue
        # what noise alone may hold in each component does not count as change
        squares = np.maximum(rank.singular_values**2 - rank.thresholds**2, 0.0)
        if rank.n_components == 1 or squares[0] >= _EXPLAINED * squares.sum():
            return int(length) if forward else int(n - length)
    return None


def _points(
    time: Array, axis: Array, matrix: Array, stretch: slice, *, noise: float, confidence: float
) -> list[IsosbesticPoint]:
    from scipy.special import ndtri

    part = matrix[stretch]
    _, singular, right = np.linalg.svd(part - part.mean(axis=0), full_matrices=False)
    quantile = float(ndtri(0.5 + confidence / 2))
    component, error = right[0], max(noise / max(float(singular[0]), 1e-300), 1e-9)
    found = []
    pixel = float(np.median(np.diff(axis)))
    for left, right_edge in _crossings(component, error):
        if axis[right_edge] - axis[left] > 1.5 * pixel * (right_edge - left):
            continue  # a stretch of wavelengths is missing there
        place, place_error = _zero(axis, component, error, left, right_edge)
        wavelength = wald("isosbestic point", place, place_error, quantile, "nm")
        level = _value_at(axis, matrix, place)
        common, scatter = float(np.mean(level[stretch])), float(np.std(level[stretch], ddof=1))
        if scatter > max(_TIGHT * float(np.ptp(part, axis=0).max()), 3 * noise):
            continue
        lost, drift = _lost(time, level, stretch, common=common, scatter=scatter, noise=noise)
        found.append(
            IsosbesticPoint(
                wavelength_nm=replace(wavelength, method=_METHOD),
                absorbance=common,
                scatter=scatter,
                from_s=float(time[stretch][0]),
                to_s=float(time[stretch][-1]),
                lost_s=lost,
                drift=drift,
            )
        )
    return found


def _crossings(component: Array, error: float) -> list[tuple[int, int]]:
    """Pairs of neighbouring pixels, or edges of a quiet gap, between sure values of opposite sign."""
    sure = np.flatnonzero(
        (np.abs(component) > _SURE * error) & (np.abs(component) > _MATERIAL * np.abs(component).max())
    )
    return [
        (int(a), int(b))
        for a, b in pairwise(sure)
        if component[a] * component[b] < 0 and b - a <= max(6, component.size // 8)
    ]


def _zero(axis: Array, component: Array, error: float, left: int, right: int) -> tuple[float, float]:
    """Zero of a parabola through the pixels about a crossing, and its standard error."""
    low, high = max(left - 2, 0), min(right + 3, axis.size)
    centre = (axis[left] + axis[right]) / 2
    x = axis[low:high] - centre
    degree = 2 if x.size > 4 else 1
    basis = np.vander(x, degree + 1, increasing=True)
    inverse = np.linalg.pinv(basis.T @ basis)
    coefficients = inverse @ basis.T @ component[low:high]
    roots = np.roots(coefficients[::-1])
    real = roots[np.abs(roots.imag) < 1e-9].real
    inside = real[(real >= axis[left] - centre - 1e-9) & (real <= axis[right] - centre + 1e-9)]
    place = float(inside[np.argmin(np.abs(inside))]) if inside.size else 0.0
    row = np.power(place, np.arange(degree + 1))
    slope = float(sum(k * coefficients[k] * place ** (k - 1) for k in range(1, degree + 1)))
    spread = error * float(np.sqrt(row @ inverse @ row))
    return float(centre + place), spread / max(abs(slope), 1e-300)


def _value_at(axis: Array, matrix: Array, place: float) -> Array:
    right = int(np.clip(np.searchsorted(axis, place), 1, axis.size - 1))
    share = (place - axis[right - 1]) / (axis[right] - axis[right - 1])
    value: Array = (1 - share) * matrix[:, right - 1] + share * matrix[:, right]
    return value


def _lost(
    time: Array, level: Array, stretch: slice, *, common: float, scatter: float, noise: float
) -> tuple[float | None, float]:
    """When the value at the point leaves the common one for good (looking away from the stretch)."""
    forward = stretch.start == 0 and stretch.stop < time.size
    beyond = slice(stretch.stop, None) if forward else slice(stretch.start)
    outside, clock = (values[beyond][:: 1 if forward else -1] for values in (level, time))
    drift = float(np.mean((outside if outside.size else level)[-3:]) - common)
    if outside.size == 0:
        return None, drift
    width = min(5, outside.size)
    smooth = np.convolve(outside - common, np.full(width, 1 / width), mode="valid")
    # twice the scatter within the stretch too, which holds drift that the noise does not
    limit = max(_SURE * noise / np.sqrt(width), 2 * scatter)
    off = np.abs(smooth) > limit
    if not off.any() or not off[-1]:
        return None, drift
    back = np.flatnonzero(~off)
    first = int(back[-1]) + 1 if back.size else 0
    return float(clock[min(first + width // 2, clock.size - 1)]), drift
