"""Quenching or two populations: spectra of the exponentials, and what the band's shape supports."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import CxKineticsError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.criteria import AHEAD
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.intervals import wald
from cxkinetics.spectral.prepare import fill_in_time
from cxkinetics.spectral.result import Populations


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
    two = len(fits) == 2 and float(fits[1].aicc or 0) < float(fits[0].aicc or 0) - AHEAD
    fit = fits[1] if two else fits[0]
    observed = [estimate.value for estimate in fit.observed_rates]
    if any(rate is None for rate in observed) or len(observed) != (2 if two else 1):
        return None
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


_DECISIVE = 12.0  # chi2 units: odds of e^6
_MOVED = 4.0  # standard errors between the two places


def tell_apart(found: ExponentialSpectra, confidence: float = 0.95) -> Populations:
    """Tell quenching from two populations by the spectra of the two exponentials.

    Parameters
    ----------
    found : ExponentialSpectra
        Spectra of the faster exponential and of the slower (or of the constant that stays), their
        covariance at one wavelength, and where the band is.
    confidence : float
        Coverage of the intervals of the places.

    Returns
    -------
    Populations
        Whose `verdict` is "quenching" or "two_populations" only where the other description fits
        worse by 12 units of chi2 (after scaling both to the noise that the better leaves).
    """
    near_nm, width_nm = found.near_nm, found.width_nm
    window = np.abs(found.wavelength_nm - near_nm) <= 3.5 * width_nm
    axis = (found.wavelength_nm[window] - near_nm) / width_nm
    whitener = np.linalg.inv(np.linalg.cholesky(found.covariance))
    data = (whitener @ np.stack([found.fast[window], found.slow[window]])).ravel()
    fits = {
        name: _fit_bands(axis, data, whitener, mixed)
        for name, mixed in (("quenching", True), ("populations", False))
    }
    degrees = data.size - 11  # five of the shape, six amplitudes
    scale = max(1.0, min(fit.chi2 for fit in fits.values()) / max(degrees, 1))
    gap = (fits["populations"].chi2 - fits["quenching"].chi2) / scale
    places = {name: _places(fit, near_nm, width_nm, scale, confidence) for name, fit in fits.items()}
    shown = {name: f"{pair[0].value:.1f} and {pair[1].value:.1f} nm" for name, pair in places.items()}
    better = fits["quenching" if gap > 0 else "populations"]
    moved = abs(better.places[0] - better.places[1]) > _MOVED * np.sqrt(scale) * better.difference_error

    if not moved:
        verdict = "degenerate"
        text = (
            "degenerate: both bands stand at one place, so quenching of a doped cluster and two populations "
            "describe these spectra exactly alike"
        )
    elif abs(gap) < _DECISIVE:
        verdict = "undecided"
        text = (
            f"undecided: quenching (bands at {shown['quenching']}) and two populations (at "
            f"{shown['populations']}) differ by {abs(gap):.1f} in chi2, need {_DECISIVE:g}"
        )
    elif gap > 0:
        verdict = "quenching"
        text = (
            f"quenching, not two populations: the host's band at {places['quenching'][0]} turns into one at "
            f"{places['quenching'][1]}; two populations of one band shape fit worse by {gap:.3g} in chi2"
        )
    else:
        verdict = "two_populations"
        text = (
            f"two populations, not quenching: bands at {places['populations'][0]} (faster) and "
            f"{places['populations'][1]} (slower); one host that turns into a quenched cluster fits worse by "
            f"{-gap:.3g} in chi2"
        )
    return Populations(
        verdict=verdict,
        text=text,
        chi2_quenching=fits["quenching"].chi2 / scale,
        chi2_populations=fits["populations"].chi2 / scale,
        quenching_nm=places["quenching"],
        populations_nm=places["populations"],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _BandPair:
    chi2: float
    places: Array
    errors: Array
    difference_error: float


def _fit_bands(axis: Array, data: Array, whitener: Array, mixed: bool) -> _BandPair:
    """Fit two bands of one shape; `mixed`: the first spectrum is the first band minus the second."""
    from scipy.optimize import least_squares

    def residual(shape: Array) -> Array:
        basis = _design(axis, shape, whitener, mixed)
        amplitudes = _amplitudes(basis, data)
        return data - basis @ amplitudes

    bounds = (np.array([-2.5, -2.5, -0.7, -0.6, -0.3]), np.array([2.5, 2.5, 0.7, 0.6, 0.3]))
    # the misfit has a valley for either sign of the shift, and one between
    trials = [
        least_squares(residual, [*places, 0.0, 0.0, 0.0], bounds=bounds, xtol=1e-10, ftol=1e-10)
        for places in ((0.0, 0.0), (-0.4, 0.2), (0.2, -0.4), (0.3, 0.3))
    ]
    best = min(trials, key=lambda trial: float(trial.cost))
    jacobian: Array = np.asarray(best.jac, dtype=float)
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    difference = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _BandPair(
        2 * float(best.cost),
        best.x[:2],
        np.sqrt(np.maximum(np.diag(covariance)[:2], 0.0)),
        float(np.sqrt(max(difference, 1e-300))),
    )


def _design(axis: Array, shape: Array, whitener: Array, mixed: bool) -> Array:
    """Whitened columns: two bands, then a straight background for each spectrum."""
    first, second = (_band(axis, place, *shape[2:]) for place in shape[:2])
    zero, one = np.zeros_like(axis), np.ones_like(axis)
    columns = [
        (first, zero),
        (-second if mixed else zero, second),
        (one, zero),
        (axis, zero),
        (zero, one),
        (zero, axis),
    ]
    return np.stack([(whitener @ np.stack(pair)).ravel() for pair in columns], axis=1)


def _band(axis: Array, place: float, ln_width: float, skew: float, kurtosis: float) -> Array:
    u = (axis - place) / np.exp(ln_width)
    third = (u**3 - 3 * u) / 6
    fourth = (u**4 - 6 * u**2 + 3) / 24
    band: Array = np.exp(-(u**2) / 2) * (1 + skew * third + kurtosis * fourth)
    return band


def _amplitudes(basis: Array, data: Array) -> Array:
    """Least-squares amplitudes, those of the bands not negative."""
    found: Array = np.asarray(np.linalg.lstsq(basis, data, rcond=None)[0], dtype=float)
    for band in (0, 1):
        if found[band] < 0:
            kept = [i for i in range(basis.shape[1]) if i != band]
            found = np.zeros(basis.shape[1])
            found[kept] = np.linalg.lstsq(basis[:, kept], data, rcond=None)[0]
    return found


def _places(
    fit: _BandPair, near_nm: float, width_nm: float, scale: float, confidence: float
) -> tuple[Estimate, ...]:
    from scipy.special import ndtri

    quantile = float(ndtri(0.5 + confidence / 2))
    root = float(np.sqrt(scale))
    pairs = zip(fit.places.tolist(), fit.errors.tolist(), strict=True)
    return tuple(
        wald("band", near_nm + width_nm * place, width_nm * error * root, quantile, "nm")
        for place, error in pairs
    )
