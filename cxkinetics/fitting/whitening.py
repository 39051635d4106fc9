"""AR(1) noise on any times: neighbours a distance d apart correlate as rho^d.

Distances are in units of the median spacing, so rho is the correlation at the median spacing. A
whitened series is u_0 = e_0, u_i = (e_i - a_i e_(i-1)) / sqrt(1 - a_i^2) with a_i = sign(rho)
|rho|^(d_i) (Jones, Technometrics 22, 389 (1980), doi 10.1080/00401706.1980.10486171, for uneven
times); it is white with unit stationary variance, and ln|R| = sum ln(1 - a_i^2).
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, product
from cxkinetics.fitting.sample import Sample

__all__ = ["EvenProducts", "Whitening", "ar1_noise", "even_products", "whitening"]


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """The bidiagonal operator that whitens AR(1) noise with relative sigma, and ln|R|.

    `diagonal` and `lagged` have shape (..., n): one row per correlation; `correlated` is false where
    every correlation is zero, and `identity` true where every sigma is one as well.
    """

    diagonal: Array
    lagged: Array
    log_determinant: Array
    correlated: bool = True
    identity: bool = False

    def apply(self, series: Array) -> Array:
        """Return the whitened series; the last axis is time, the first one that of the correlations.

        Where there is nothing to whiten, the series itself.
        """
        if self.identity:
            return series
        diagonal, lagged = self.diagonal, self.lagged
        if diagonal.ndim == 2 and series.ndim == 3:
            diagonal, lagged = diagonal[:, None, :], lagged[:, None, :]
        white: Array = series * diagonal
        if self.correlated:
            white[..., 1:] -= series[..., :-1] * lagged[..., 1:]
        return white

    def rows(self, index: IntArray | BoolArray | slice | int) -> "Whitening":
        """Return the operators of some of several correlations (of one: the same for all)."""
        if self.diagonal.ndim == 1:
            return self
        return Whitening(
            self.diagonal[index],
            self.lagged[index],
            self.log_determinant[index],
            self.correlated,
            self.identity,
        )


def whitening(sample: Sample, rho: Array | float) -> Whitening:
    """Return the operator for one correlation (shape (n,)) or for several (shape (R, n))."""
    correlation = np.asarray(rho, dtype=float)[..., None]
    neighbours = np.sign(correlation) * np.abs(correlation) ** sample.spacing
    innovation = 1.0 - neighbours**2
    ones = np.ones((*neighbours.shape[:-1], 1))
    root = 1.0 / np.sqrt(innovation)
    correlated = bool(np.any(correlation))
    return Whitening(
        np.concatenate([ones, root], axis=-1) / sample.sigma,
        np.concatenate([0 * ones, neighbours * root / sample.sigma[:-1]], axis=-1),
        np.sum(np.log(innovation), axis=-1),
        correlated,
        not correlated and bool(np.all(sample.sigma == 1.0)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class EvenProducts:
    """Products u R^-1 v' of series on even spacing, which are quadratic in rho.

    (u v' - rho (neighbours) + rho^2 (inner u v')) / (1 - rho^2), so that three products serve every
    correlation.
    """

    equal: Array
    neighbours: Array
    inner: Array

    def at(self, rho: Array | float) -> Array:
        """Return the products at one correlation, or at several along a first axis."""
        r = np.asarray(rho, dtype=float)[(..., *[None] * self.equal.ndim)]
        scale = 1 / (1 - r**2)
        result: Array = scale * self.equal
        result -= (r * scale) * self.neighbours
        result += (r**2 * scale) * self.inner
        return result


def even_products(u: Array, v: Array) -> EvenProducts:
    """Return the products of series u (a, n) and v (b, n), each divided by sigma, as (a, b) arrays."""
    return EvenProducts(
        product(u, v),
        product(u[:, 1:], v[:, :-1]) + product(u[:, :-1], v[:, 1:]),
        product(u[:, 1:-1], v[:, 1:-1]),
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
