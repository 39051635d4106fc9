"""The top of a real band: where its maximum stands beside the Gaussian's, and how much higher or lower.

A real band is not quite Gaussian. The strong spectra of a series, divided by their heights and laid over
each other, show the shape near the maximum; a polynomial through it gives the offset of the maximum from
the Gaussian's place and the deviation of the height there. Both are constants of the series (the height's
in proportion), so they bend no kinetics, and both are left out where noise explains them.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.signals.band import BandFit, BandShape

__all__ = ["BandTop", "band_top"]

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


def band_top(wavelength_nm: Array, spectra: Array, path_nm: Array, shape: BandShape, fit: BandFit) -> BandTop:
    """Return the top of the band that the strong spectra share.

    Parameters
    ----------
    wavelength_nm : Array, shape (m,)
        Wavelengths, nm.
    spectra : Array, shape (n, m)
        Readings; NaN where masked.
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
    u = (wavelength_nm[None, :] - path_nm[strong, None]) / shape.width_nm
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
    slope_error = spread * float(
        np.sqrt(inverse[1, 1])
    )  # of d/du at the top, where the curvature is about one
    if not 0 < best < dense.size - 1 or abs(offset) <= _SURE * slope_error:
        return BandTop()
    row = powers[best]
    return BandTop(offset, offset * shape.width_nm, float(row @ residual_shape))
