"""AR(1) noise on any times: neighbours a distance d apart correlate as rho^d.

Distances are in units of the median spacing, so rho is the correlation at the median spacing. A
whitened series is u_0 = e_0, u_i = (e_i - a_i e_(i-1)) / sqrt(1 - a_i^2) with a_i = sign(rho)
|rho|^(d_i) (Jones, Technometrics 22, 389 (1980), doi 10.1080/00401706.1980.10486171, for uneven
times); it is white with unit stationary variance, and ln|R| = sum ln(1 - a_i^2).
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.sample import Sample

__all__ = ["Whitening", "ar1_noise", "whitening"]


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """The bidiagonal operator that whitens AR(1) noise with relative sigma, and ln|R|.

    `diagonal` and `lagged` have shape (..., n): one row per correlation; `correlated` is false where
    every correlation is zero.
    """

    diagonal: Array
    lagged: Array
    log_determinant: Array
    correlated: bool = True

    def apply(self, series: Array) -> Array:
        """Return the whitened series; the last axis is time."""
        white: Array = series * self.diagonal
        if self.correlated:
            white[..., 1:] -= series[..., :-1] * self.lagged[..., 1:]
        return white


def whitening(sample: Sample, rho: Array | float) -> Whitening:
    """Return the operator for one correlation (shape (n,)) or for several (shape (R, n))."""
    correlation = np.asarray(rho, dtype=float)[..., None]
    neighbours = np.sign(correlation) * np.abs(correlation) ** sample.spacing
    innovation = 1.0 - neighbours**2
    ones = np.ones((*neighbours.shape[:-1], 1))
    root = 1.0 / np.sqrt(innovation)
    return Whitening(
        np.concatenate([ones, root], axis=-1) / sample.sigma,
        np.concatenate([0 * ones, neighbours * root / sample.sigma[:-1]], axis=-1),
        np.sum(np.log(innovation), axis=-1),
        bool(np.any(correlation)),
    )


def ar1_noise(sample: Sample, rho: float, n_series: int, rng: np.random.Generator) -> Array:
    """Return `n_series` simulated noise series with unit variance times sigma^2, shape (n_series, n)."""
    noise = rng.standard_normal((n_series, sample.n))
    neighbours = np.sign(rho) * np.abs(rho) ** sample.spacing
    if rho == 0.0:
        return noise * sample.sigma
    innovation = np.sqrt(1.0 - neighbours**2)
    series = np.ascontiguousarray(noise.T)
    for i in range(1, sample.n):
        series[i] = neighbours[i - 1] * series[i - 1] + innovation[i - 1] * series[i]
    result: Array = series.T * sample.sigma
    return result
