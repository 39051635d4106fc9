"""How many independent spectra a series holds: singular values against the noise.

A component counts if its singular value exceeds what noise alone gives (Kritchman and Nadler: the
largest singular value of pure noise follows the Tracy-Widom law, and the noise is estimated from what
is left) and if it varies smoothly in time and in wavelength, where there are enough of them to see
that: a jumping baseline, or noise that drifts, passes the first test and fails the second. Evolving
factor analysis shows when each appears.

References
----------
Kritchman, Nadler, Chemom. Intell. Lab. Syst. 94, 19 (2008), doi 10.1016/j.chemolab.2008.06.002;
Shrager, Hendler, Anal. Chem. 54, 1147 (1982) (smooth singular vectors);
Maeder, Anal. Chem. 59, 527 (1987) (evolving factor analysis).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.record import HIDDEN, Record
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.prepare import fill_in_time
from cxkinetics.spectral.problem import Factors, leading_factors

_TRACY_WIDOM = 2.0234  # 99.5 % quantile of the Tracy-Widom law for real matrices
_SMOOTH = 0.5  # lag-1 correlation of a singular vector that varies smoothly
_ENOUGH = 12  # spectra, to judge smoothness in time
_MOST = 12
_MOSTLY = 0.5  # share of readings that a spectrum or wavelength must have


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rank(Record):
    """Singular values and what they say.

    Attributes
    ----------
    n_components : int
        Components above the noise that vary smoothly.
    singular_values : Array, shape (r,)
        The leading ones, descending, in the unit of the signal.
    thresholds : Array, shape (r,)
        What pure noise would not exceed at each place.
    smooth_in_time, smooth_in_wavelength : Array, shape (r,)
        Lag-1 correlations of the singular vectors.
    noise_sd : float
        Noise of one reading once `n_components` are taken out.
    in_time, in_wavelength : Array, shape (n, r) and (r, m)
        Singular vectors.
    note : str
        What speaks against the number.
    """

    _keys = "n_components noise_sd ..."

    n_components: int
    singular_values: Array
    thresholds: Array
    smooth_in_time: Array
    smooth_in_wavelength: Array
    noise_sd: float
    in_time: Annotated[Array, HIDDEN]  # of a fit they stand among its data
    in_wavelength: Annotated[Array, HIDDEN]
    note: str = ""


def rank_of(series: SpectralSeries) -> Rank:
    """Return the rank of a series; spectra and wavelengths masked as a whole are left out.

    Parameters
    ----------
    series : SpectralSeries
        At least two spectra and two wavelengths with readings.

    Examples
    --------
    >>> time, wavelength = np.arange(40.0), np.arange(300.0, 360.0)
    >>> bands = np.exp(-0.5 * ((wavelength - np.array([[320.0], [340.0]])) / 6) ** 2)
    >>> shares = np.stack([np.exp(-0.1 * time), 1 - np.exp(-0.1 * time)], axis=1)
    >>> noise = 0.002 * np.random.default_rng(1).standard_normal((40, 60))
    >>> series = SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=shares @ bands + noise)
    >>> rank_of(series).n_components
    2
    """
    return rank_of_matrix(known_part(series)[2])


def known_part(series: SpectralSeries) -> tuple[Array, Array, Array]:
    """Return times, wavelengths and matrix without what is mostly masked; single cells are interpolated."""
    known = np.isfinite(series.absorbance)
    columns = known.mean(axis=0) > _MOSTLY
    rows = known[:, columns].mean(axis=1) > _MOSTLY if columns.any() else known.any(axis=1)
    time, axis = series.time_s[rows], series.wavelength_nm[columns]
    return time, axis, fill_in_time(time, series.absorbance[np.ix_(rows, columns)])


def rank_of_matrix(matrix: Array, factors: Factors | None = None) -> Rank:
    """Return the rank of a matrix (n, m) without masked cells; `factors` are its leading ones, if at hand."""
    n, m = matrix.shape
    factors = factors or leading_factors(matrix, _MOST)
    count = min(factors.singular.size, n - 1, m - 1, _MOST)
    singular = factors.singular[:count]
    left = np.maximum(factors.total - np.concatenate([[0.0], np.cumsum(singular**2)]), 0.0)
    thresholds = np.empty(count)
    for k in range(count):
        # Noise from what is left once this component and all stronger ones are out; the strongest of
        # pure noise takes more than its share with it.
        edge = _noise_edge(n - k, m - k)
        cells = max(min((n - k - 1) * (m - k - 1), (n - k) * (m - k) - edge**2), 1.0)
        floor = 1e-13 * singular[0]  # rounding of noise-free data
        thresholds[k] = max(np.sqrt(left[k + 1] / cells) * edge, floor)
    above = singular > thresholds
    in_time = np.array([_lag1(factors.in_time[:, k]) for k in range(count)])
    in_wavelength = np.array([_lag1(factors.in_wavelength[k]) for k in range(count)])
    smooth = in_time > _SMOOTH if n >= _ENOUGH else np.ones(count, bool)
    if m >= _ENOUGH:
        smooth &= in_wavelength > _SMOOTH
    large = int(np.argmin(above)) if not above.all() else count
    n_components = int(smooth[:large].sum())
    note = ""
    if n_components < large:
        rough = [f"{k + 1} ({in_time[k]:.2f}, {in_wavelength[k]:.2f})" for k in range(large) if not smooth[k]]
        shown = ", ".join(rough[:3]) + (" and more" if len(rough) > 3 else "")
        note = (
            f"{large} singular values exceed white noise, but components do not vary smoothly in time and "
            f"wavelength: number {shown} (lag-1 correlations): a jumping baseline, or noise that is not white"
        )
    elif n < _ENOUGH:
        note = f"only {n} spectra: smoothness in time cannot be judged"
    cells = max((n - large) * (m - large), 1)
    return Rank(
        n_components=n_components,
        singular_values=singular,
        thresholds=thresholds,
        smooth_in_time=in_time,
        smooth_in_wavelength=in_wavelength,
        noise_sd=float(np.sqrt(left[large] / cells)),
        in_time=factors.in_time[:, :count],
        in_wavelength=factors.in_wavelength[:count],
        note=note,
    )


def _noise_edge(n: int, m: int) -> float:
    """Return the largest singular value that an n x m matrix of unit white noise will hardly exceed."""
    root_n, root_m = np.sqrt(n - 0.5), np.sqrt(m - 0.5)
    centre = (root_n + root_m) ** 2
    spread = (root_n + root_m) * (1 / root_n + 1 / root_m) ** (1 / 3)
    return float(np.sqrt(centre + _TRACY_WIDOM * spread))


def _lag1(vector: Array) -> float:
    size = float(vector @ vector)
    return float(vector[1:] @ vector[:-1]) / size if size > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class EvolvingFactors:
    """Singular values of the spectra up to, and from, each time.

    Attributes
    ----------
    time_s : Array, shape (n,)
        Times.
    forward, backward : Array, shape (n, r)
        Of the spectra from the first to this one, and from this one to the last.
    threshold : float
        What noise alone would reach in the whole series.
    """

    time_s: Array
    forward: Array
    backward: Array
    threshold: float


def evolving_factors(series: SpectralSeries, count: int = 6) -> EvolvingFactors:
    """Return the evolving factor analysis of a series, in the space of its leading components."""
    time, _, matrix = known_part(series)
    factors = leading_factors(matrix, 2 * count)
    scores = factors.in_time * factors.singular
    outer = np.einsum("ni,nj->nij", scores, scores)
    forward = _roots(np.cumsum(outer, axis=0), count)
    backward = _roots(np.cumsum(outer[::-1], axis=0)[::-1], count)
    rank = rank_of_matrix(matrix, factors)
    threshold = rank.noise_sd * _noise_edge(*matrix.shape)
    return EvolvingFactors(time, forward, backward, threshold)


def _roots(grams: Array, count: int) -> Array:
    values = np.linalg.eigvalsh(grams)[:, ::-1][:, :count]
    roots: Array = np.sqrt(np.maximum(values, 0.0))
    return roots
