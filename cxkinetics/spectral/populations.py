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


def populations_of(
    series: SpectralSeries,
    trace: Trace,
    window: tuple[float | None, float | None] | None,
    t0: float,
    confidence: float,
) -> Populations | None:
    """Tell quenching from two populations by one or two exponentials and a constant, as AICc asks for.

    Parameters
    ----------
    series : SpectralSeries
        Spectra.
    trace : Trace
        The tracked peak.
    window, t0, confidence
        As for `fit_witnesses`.

    Returns
    -------
    Populations or None
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
    fit = fits[two]
    rates = [estimate.value for estimate in fit.observed_rates if estimate.value is not None]
    if not len(rates) == len(fit.observed_rates) == 1 + two:
        return None
    time = fit.series[0].time_s
    columns = np.stack([*(np.exp(-rate * time) for rate in rates), np.ones_like(time)], axis=1)
    data = fill_in_time(time, fit.series[0].absorbance)
    inverse = np.linalg.pinv(columns.T @ columns)
    spectra = inverse @ columns.T @ data
    left = data - columns @ spectra
    variance = float(np.mean(left**2)) * time.size / max(time.size - columns.shape[1], 1)
    axis = fit.series[0].wavelength_nm
    near = float(np.nanmedian(trace.peak_nm)) if trace.peak_nm is not None else float(axis.mean())
    return tell_apart(
        axis, spectra[:2], variance * inverse[:2, :2], (near, _width(axis, data, near)), confidence
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


def tell_apart(
    wavelength_nm: Array, spectra: Array, covariance: Array, band: tuple[float, float], confidence: float
) -> Populations:
    """Tell quenching from two populations by the spectra of the two exponentials.

    Parameters
    ----------
    wavelength_nm : Array, shape (m,)
        Axis.
    spectra : Array, shape (2, m)
        Of the faster exponential and of the slower (or of the constant that stays).
    covariance : Array, shape (2, 2)
        Of the two at one wavelength.
    band : (float, float)
        Where the tracked band is and how wide, nm.
    confidence : float
        Coverage of the intervals of the places.

    Returns
    -------
    Populations
        Whose `verdict` is "quenching" or "two_populations" only where the other description fits
        worse by 12 units of chi2 (after scaling both to the noise that the better leaves).
    """
    near_nm, width_nm = band
    window = np.abs(wavelength_nm - near_nm) <= 3.5 * width_nm
    axis = (wavelength_nm[window] - near_nm) / width_nm
    whitener = np.linalg.inv(np.linalg.cholesky(covariance))
    data = (whitener @ spectra[:, window]).ravel()
    fits = {
        name: _fit_bands(axis, data, whitener, mixed)
        for name, mixed in (("quenching", True), ("populations", False))
    }
    degrees = data.size - 11  # five of the shape, six amplitudes
    scale = max(1.0, min(fit.chi2 for fit in fits.values()) / max(degrees, 1))
    gap = (fits["populations"].chi2 - fits["quenching"].chi2) / scale
    places = {name: _places(fit, near_nm, width_nm, scale, confidence) for name, fit in fits.items()}
    better = fits["quenching" if gap > 0 else "populations"]
    moved = abs(better.places[0] - better.places[1]) > _MOVED * np.sqrt(scale) * better.difference_error

    verdict, text = _verdict(moved, gap, places["quenching"], places["populations"])
    return Populations(
        verdict=verdict,
        text=text,
        chi2_quenching=fits["quenching"].chi2 / scale,
        chi2_populations=fits["populations"].chi2 / scale,
        quenching_nm=places["quenching"],
        populations_nm=places["populations"],
    )


def _verdict(
    moved: bool, gap: float, bands: tuple[Estimate, ...], others: tuple[Estimate, ...]
) -> tuple[str, str]:
    """Return code and sentence from the bands of host and doped cluster, and those of two populations."""
    (host, doped), (faster, slower) = bands, others
    if not moved:
        return "degenerate", (
            "degenerate: both bands stand at one place, so quenching of a doped cluster and two populations "
            "describe these spectra exactly alike"
        )
    if abs(gap) < _DECISIVE:
        return "undecided", (
            f"undecided: quenching (bands at {host.value:.1f} and {doped.value:.1f} nm) and two populations "
            f"(at {faster.value:.1f} and {slower.value:.1f} nm) differ by {abs(gap):.1f} in chi2, need "
            f"{_DECISIVE:g}"
        )
    if gap > 0:
        return "quenching", (
            f"quenching, not two populations: the host's band at {host} turns into one at {doped}; "
            f"two populations of one band shape fit worse by {gap:.3g} in chi2"
        )
    return "two_populations", (
        f"two populations, not quenching: bands at {faster} (faster) and {slower} (slower); one host that "
        f"turns into a quenched cluster fits worse by {-gap:.3g} in chi2"
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
        return data - basis @ _amplitudes(basis, data)

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
