"""The spectra that belong to the exponentials of a series, whatever the mechanism."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import CxKineticsError
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

__all__ = ["ExponentialSpectra", "spectra_of_exponentials"]

_AHEAD = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class ExponentialSpectra:
    """Spectra of the faster exponential and of what is left (the slower one, or the constant).

    Attributes
    ----------
    wavelength_nm, fast, slow : Array, shape (m,)
        Axis and spectra.
    covariance : Array, shape (2, 2)
        Of the two at one wavelength.
    near_nm, width_nm : float
        Where the tracked band is and how wide, nm.
    """

    wavelength_nm: Array
    fast: Array
    slow: Array
    covariance: Array
    near_nm: float
    width_nm: float


def spectra_of_exponentials(
    series: SpectralSeries, trace: Trace, window: tuple[float | None, float | None] | None, t0: float
) -> ExponentialSpectra | None:
    """Return the spectra of one or two exponentials and a constant, as many as AICc asks for.

    Parameters
    ----------
    series : SpectralSeries
        Spectra.
    trace : Trace
        The tracked peak.
    window, t0
        As for `fit_witnesses`.

    Returns
    -------
    ExponentialSpectra or None
        None where the fits cannot be made.
    """
    from cxkinetics.spectral.fit import fit_spectra

    options: dict[str, Any] = {"intervals": "wald", "noise": "white", "weights": None}
    fits = []
    for scheme in ("A -> B", "A -> B; B -> C"):
        try:
            fits.append(fit_spectra(series, scheme, window=window, t0=t0, **options))
        except CxKineticsError:
            break
    if not fits or any(fit.aicc is None for fit in fits):
        return None
    two = len(fits) == 2 and float(fits[1].aicc or 0) < float(fits[0].aicc or 0) - _AHEAD
    fit = fits[1] if two else fits[0]
    observed = [estimate.value for estimate in fit.observed_rates]
    if any(rate is None for rate in observed) or len(observed) != (2 if two else 1):
        return None
    from cxkinetics.spectral.prepare import fill_in_time

    time = fit.series[0].time_s
    rates = [float(rate) for rate in observed if rate is not None]
    columns = np.stack([*(np.exp(-rate * time) for rate in rates), np.ones_like(time)], axis=1)
    data = fill_in_time(time, fit.series[0].absorbance)
    inverse = np.linalg.pinv(columns.T @ columns)
    spectra = inverse @ columns.T @ data
    left = data - columns @ spectra
    variance = float(np.mean(left**2)) * time.size / max(time.size - columns.shape[1], 1)
    axis = fit.series[0].wavelength_nm
    near = float(np.nanmedian(trace.peak_nm)) if trace.peak_nm is not None else float(axis.mean())
    return ExponentialSpectra(
        axis, spectra[0], spectra[1], variance * inverse[:2, :2], near, _width(axis, data, near)
    )


def _width(axis: Array, data: Array, near_nm: float) -> float:
    """Gaussian sigma of the band in the mean spectrum, nm."""
    from cxkinetics.signals.band import BandShape, FoundBand, refine_width

    guess = max(float(np.ptp(axis)) / 12, 2 * float(np.median(np.diff(axis))))
    early = data[: max(data.shape[0] // 4, 1)].mean(axis=0)
    _, shape, height = refine_width(axis, early, FoundBand(0.0, near_nm, BandShape(guess)))
    return shape.width_nm if height > 0 else guess
