"""One absorption band on a sloping background: where it is, how wide, how high.

Near its maximum a band is described by a Gaussian G(u), u = (wavelength - position)/width, with its
first and second derivative functions u G and u^2 G, on a straight line 1, u. All of these enter
linearly: u G moves the band, u^2 G widens it, so position and width follow by Gauss-Newton steps
for all spectra at once, and the height at a given position is a fixed linear combination of the
readings, without the bias of taking a maximum of noise.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray

_HALF_WINDOW = 2.5  # in band widths (Gaussian sigma): wide enough to tell the band from its background
_MAX_STEP = 0.5  # of the width, for one Gauss-Newton step
_LEAST_REACH = 1.3  # widths that the window spans on each side, whatever stands beside the band


class BandShape(NamedTuple):
    """Width of a band (Gaussian sigma) and how far it reaches to the valleys beside it, all in nm."""

    width_nm: float
    left_nm: float = np.inf
    right_nm: float = np.inf


class FoundBand(NamedTuple):
    """A local maximum: prominence in the signal's unit, position and shape in nm."""

    prominence: float
    position_nm: float
    shape: BandShape


class BandFit(NamedTuple):
    """Linear coefficients of the band functions for each spectrum.

    Attributes
    ----------
    coefficients : Array, shape (n, q)
        Of G, u G, 1, u and (q = 5) u^2 G; NaN where fewer than q + 1 cells are known.
    covariance : Array, shape (n, q, q)
        For readings of unit variance.
    near : slice
        The wavelengths that stand beside any of the bands, k in number.
    residuals : Array, shape (n, k)
        Readings minus fit inside the window, NaN elsewhere.
    """

    coefficients: Array
    covariance: Array
    near: slice
    residuals: Array


def difference_noise(spectra: Array) -> float:
    """Return the standard deviation of one reading from third differences along the wavelength.

    Parameters
    ----------
    spectra : Array, shape (n, m)
        Readings; NaN where masked.
    """
    if spectra.shape[1] < 5:
        return 0.0
    third = np.abs(np.diff(spectra, 3, axis=1))
    known = third[np.isfinite(third)]
    if not known.size:
        return 0.0
    typical = float(np.median(known)) / 0.6745
    # Readings rounded to few digits: most differences vanish, their mean does not.
    return (typical if typical > 0 else float(np.mean(known)) / 0.8) / float(np.sqrt(20.0))


def isolated_spikes(spectra: Array) -> BoolArray:
    """Return which single readings stand out from their neighbours in time and in wavelength.

    Parameters
    ----------
    spectra : Array, shape (n, m)
        Readings; NaN where masked.

    Returns
    -------
    BoolArray, shape (n, m)
        True where a reading lies more than ten robust standard deviations (of its wavelength) off
        both predictions: a sharp band stands out in wavelength only, an injection in time only.
    """
    spikes = np.zeros(spectra.shape, dtype=bool)
    if spectra.shape[0] < 5 or spectra.shape[1] < 7:
        return spikes
    known = np.isfinite(spectra)
    filled = spectra.copy()
    rows = np.arange(spectra.shape[0])
    for column in np.flatnonzero(~known.all(axis=0) & known.any(axis=0)):
        seen = known[:, column]
        filled[:, column] = np.interp(rows, rows[seen], spectra[seen, column])
    inner = filled[:, 2:-2]
    in_time = np.empty(inner.shape)
    in_time[1:-1] = inner[1:-1] - (inner[:-2] + inner[2:]) / 2
    in_time[0] = inner[0] - (2 * inner[1] - inner[2])
    in_time[-1] = inner[-1] - (2 * inner[-2] - inner[-3])
    near = filled[:, 1:-3] + filled[:, 3:-1]
    far = filled[:, :-4] + filled[:, 4:]
    standing = known[:, 2:-2]
    for difference in (in_time, inner - (4 * near - far) / 6):
        standing = standing & _stands_out(np.abs(difference, out=difference))
    spikes[:, 2:-2] = standing
    return spikes


def _stands_out(size: Array) -> BoolArray:
    """Compare with the spread of the same wavelengths and, where larger, of all: noise is not even."""
    out: BoolArray = size > 10 * max(_typical(size), 1e-12)  # no unknown value does
    own: dict[int, float] = {}
    for column in np.flatnonzero(out.any(axis=0)).tolist():  # the others need no spread of their own
        beside = [(column + shift) % size.shape[1] for shift in range(-2, 3)]
        own |= {place: _typical(size[:, place]) for place in beside if place not in own}
        out[:, column] &= size[:, column] > 10 * max(own[place] for place in beside)
    return out


def _typical(size: Array) -> float:
    """Return the standard deviation of Gaussian noise with the known of these absolute values, or 0."""
    known = size[np.isfinite(size)]
    return float(np.median(known)) / 0.6745 if known.size else 0.0


_BLOCK = 2000  # spectra at a time


def fit_bands(
    wavelength_nm: Array, spectra: Array, position_nm: Array, shape: BandShape, *, shape_free: bool
) -> BandFit:
    """Return the least-squares coefficients of the band functions about given positions.

    Parameters
    ----------
    wavelength_nm : Array, shape (m,)
        Wavelengths, nm.
    spectra : Array, shape (n, m)
        Readings; NaN where masked.
    position_nm : Array, shape (n,)
        Position assumed for each spectrum, nm.
    shape : BandShape
        Width of the band, and how far to either side it is looked at (2.5 widths at most).
    shape_free : bool
        Whether u^2 G is fitted too (a band that widens or narrows in time).
    """
    width_nm = shape.width_nm
    left, right = (
        float(np.clip(reach / width_nm, _LEAST_REACH, _HALF_WINDOW))
        for reach in (shape.left_nm, shape.right_nm)
    )
    low, high = position_nm.min() - left * width_nm, position_nm.max() + right * width_nm
    first, last = np.searchsorted(wavelength_nm, [low, high])
    near = slice(max(int(first) - 1, 0), int(last) + 1)
    readings = spectra[:, near]
    if spectra.shape[0] > _BLOCK:  # in parts: the functions are several times as large as the spectra
        parts = [slice(i, i + _BLOCK) for i in range(0, spectra.shape[0], _BLOCK)]
        fit = partial(fit_bands, wavelength_nm[near], shape=shape, shape_free=shape_free)
        fits = [fit(readings[p], position_nm[p]) for p in parts]
        residuals = np.full(readings.shape, np.nan)
        for part, one in zip(parts, fits, strict=True):
            residuals[part, one.near] = one.residuals
        coefficients = np.concatenate([one.coefficients for one in fits])
        return BandFit(coefficients, np.concatenate([one.covariance for one in fits]), near, residuals)
    scaled = (wavelength_nm[None, near] - position_nm[:, None]) / width_nm
    inside = (scaled >= -left) & (scaled <= right) & np.isfinite(readings)
    scaled = np.where(inside, scaled, 0.0)
    bell = np.exp(-(scaled**2) / 2)
    columns = [bell, scaled * bell, np.ones_like(bell), scaled]
    if shape_free:
        columns.append(scaled**2 * bell)
    basis = np.stack(columns, axis=1) * inside[:, None, :]
    normal = basis @ basis.transpose(0, 2, 1)
    moment = (basis @ np.where(inside, readings, 0.0)[:, :, None])[:, :, 0]
    usable = _well_posed(normal, inside, scaled)
    covariance = np.full(normal.shape, np.nan)
    covariance[usable] = np.linalg.inv(normal[usable])
    coefficients = np.full(moment.shape, np.nan)
    coefficients[usable] = np.einsum("nij,nj->ni", covariance[usable], moment[usable])
    fitted = (coefficients[:, None, :] @ basis)[:, 0]
    return BandFit(coefficients, covariance, near, np.where(inside, readings - fitted, np.nan))


def _well_posed(normal: Array, inside: BoolArray, scaled: Array) -> BoolArray:
    """Whether the known cells lie on both sides of the maximum and outnumber the unknowns."""
    enough = inside.sum(axis=1) > normal.shape[1]
    left = (inside & (scaled < -0.3)).sum(axis=1) >= 2
    right = (inside & (scaled > 0.3)).sum(axis=1) >= 2
    scale = np.sqrt(np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300))
    correlation = normal / (scale[:, :, None] * scale[:, None, :])
    well: BoolArray = enough & left & right & (np.linalg.cond(correlation) < 1e10)
    return well


def refine_width(wavelength_nm: Array, spectrum: Array, found: FoundBand) -> tuple[float, BandShape, float]:
    """Return position (nm), shape and height above a straight background of the nearest band.

    Gauss-Newton steps from the found one; where they lead away from it, that is returned with a height
    of zero.
    """
    position, shape, height = found.position_nm, found.shape, 0.0
    limits = shape.width_nm / 3, shape.width_nm * 3
    for _ in range(25):
        fit = fit_bands(wavelength_nm, spectrum[None, :], np.array([position]), shape, shape_free=True)
        height, shift, _, _, widening = fit.coefficients[0]
        if not np.isfinite(height) or height == 0:
            break
        move = float(np.clip(shift / height, -_MAX_STEP, _MAX_STEP)) * shape.width_nm
        widen = float(np.clip(widening / height, -0.2, 0.2)) * shape.width_nm
        position += move
        shape = shape._replace(width_nm=float(np.clip(shape.width_nm + widen, *limits)))
        if abs(move) < 1e-6 * shape.width_nm and abs(widen) < 1e-6 * shape.width_nm:
            break
    away = abs(position - found.position_nm) > 1.5 * found.shape.width_nm
    if not np.isfinite(height) or height <= 0 or away:
        return found.position_nm, found.shape, 0.0
    return position, shape, float(height)


def find_bands(wavelength_nm: Array, spectrum: Array, noise: float) -> list[FoundBand]:
    """Return the bands of one spectrum, the most prominent first.

    A band is a local maximum inside the range whose prominence is at least six times the noise and
    that is at least three pixels wide at half prominence; its width is that of a Gaussian as wide, and
    it reaches to the lowest points before anything higher.
    """
    known = np.isfinite(spectrum)
    axis, signal = wavelength_nm[known], _lightly_smoothed(spectrum[known])
    bands = []
    for top in range(1, axis.size - 1):
        if not (signal[top] > signal[top - 1] and signal[top] >= signal[top + 1]):
            continue
        higher = np.flatnonzero(signal > signal[top])
        left = int(higher[higher < top].max(initial=-1)) + 1
        right = int(higher[higher > top].min(initial=axis.size)) - 1
        valleys = left + int(np.argmin(signal[left : top + 1])), top + int(np.argmin(signal[top : right + 1]))
        prominence = float(signal[top] - max(signal[valleys[0]], signal[valleys[1]]))
        half = signal[top] - prominence / 2
        start, stop = top, top
        while start > left and signal[start] > half:
            start -= 1
        while stop < right and signal[stop] > half:
            stop += 1
        if prominence > 6 * _local_noise(signal, start, stop, noise) and stop - start >= 3:
            width = float(axis[stop] - axis[start]) / 2.355
            ends = float(axis[top] - axis[valleys[0]]), float(axis[valleys[1]] - axis[top])
            bands.append(FoundBand(prominence, float(axis[top]), BandShape(width, *ends)))
    return sorted(bands, reverse=True)


def _lightly_smoothed(signal: Array) -> Array:
    if signal.size < 7:
        return signal
    padded = np.concatenate([signal[:1], signal[:1], signal, signal[-1:], signal[-1:]])
    return np.convolve(padded, np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35, mode="valid")


def _local_noise(signal: Array, start: int, stop: int, noise: float) -> float:
    """Return the noise given, or the roughness around the band where that is larger (saturation)."""
    around = signal[max(start - 8, 0) : stop + 9]
    rough = np.abs(np.diff(around, 3))
    return max(noise, float(np.median(rough)) / 0.6745 / float(np.sqrt(20.0))) if rough.size > 8 else noise


_STRONG = 0.5  # of the greatest height
_MOST = 60  # spectra laid over each other
_REACH = 1.0  # widths about the maximum
_SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class BandTop:
    """Offset of the maximum in widths (and nm) and deviation of the height from the Gaussian's, relative."""

    offset: float = 0.0
    offset_nm: float = 0.0
    deviation: float = 0.0

    def height(self, fit: BandFit, *, with_background: bool) -> Array:
        """Return the signal (or the band alone) at the maximum of each spectrum, shape (n,)."""
        u = self.offset
        bell = float(np.exp(-(u**2) / 2))
        found: Array = fit.coefficients[:, 0] * (bell + self.deviation) + fit.coefficients[:, 1] * u * bell
        if fit.coefficients.shape[1] > 4:
            found = found + fit.coefficients[:, 4] * u**2 * bell
        if with_background:
            found = found + fit.coefficients[:, 2] + fit.coefficients[:, 3] * u
        return found


def band_top(wavelength_nm: Array, path_nm: Array, shape: BandShape, fit: BandFit) -> BandTop:
    """Return the top of the band that the strong spectra share.

    Parameters
    ----------
    wavelength_nm : Array, shape (m,)
        Wavelengths, nm.
    path_nm : Array, shape (n,)
        Position of the Gaussian in each spectrum, nm.
    shape : BandShape
        Of the band.
    fit : BandFit
        Band functions fitted at the path.
    """
    height = fit.coefficients[:, 0]
    seen = np.isfinite(height) & (height > 0)
    if not seen.any():
        return BandTop()
    strong = np.flatnonzero(seen & (height >= _STRONG * float(height[seen].max())))
    strong = strong[np.unique(np.linspace(0, strong.size - 1, _MOST).astype(int))]
    u = (wavelength_nm[None, fit.near] - path_nm[strong, None]) / shape.width_nm
    left_over = fit.residuals[strong] / height[strong, None]
    near = (np.abs(u) <= _REACH) & np.isfinite(left_over)
    if near.sum() < 12 or near.any(axis=1).sum() == 0:
        return BandTop()
    x, y = u[near], left_over[near]
    basis = np.vander(x, 5, increasing=True)
    inverse = np.linalg.pinv(basis.T @ basis)
    residual_shape = inverse @ basis.T @ y
    spread = float(np.std(y - basis @ residual_shape)) / float(np.sqrt(max(1 - 5 / x.size, 0.1)))
    dense = np.linspace(-_REACH, _REACH, 801)
    powers = np.vander(dense, 5, increasing=True)
    bell = np.exp(-(dense**2) / 2)
    mean = np.mean(fit.coefficients[strong] / height[strong, None], axis=0)
    whole = bell * (1 + mean[1] * dense) + powers @ residual_shape
    if fit.coefficients.shape[1] > 4:
        whole = whole + mean[4] * dense**2 * bell
    best = int(np.argmax(whole))
    offset = float(dense[best])
    # of d/du at the top, where the curvature is about one
    slope_error = spread * float(np.sqrt(inverse[1, 1]))
    if not 0 < best < dense.size - 1 or abs(offset) <= _SURE * slope_error:
        return BandTop()
    row = powers[best]
    return BandTop(offset, offset * shape.width_nm, float(row @ residual_shape))
