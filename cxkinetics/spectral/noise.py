"""The noise about a global fit: size, correlation in time, and whether wavelengths share it.

All is read from the residual matrix E (n times x m wavelengths). The lag-1 correlation is pooled over
the wavelengths and corrected for what the fit takes out: with hundreds of columns that moment is as sharp
as the restricted likelihood of `cxkinetics.inference.ar1`, which would project every column anew at each
correlation tried; the whitening that follows is the one of that module. Wavelengths that move together
(a jumping baseline, a lamp) hold less information than their number says: the clustered covariance, in
which each time is one observation, shows by how much the standard errors must grow.

References
----------
Liang, Zeger, Biometrika 73, 13 (1986), doi 10.1093/biomet/73.1.13 (clustered covariance);
Newey, West, Econometrica 55, 703 (1987), doi 10.2307/1913610 (correlated clusters).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array

_PROBES = 3


class TimeCorrelation(NamedTuple):
    """Pooled lag-1 correlation, its number of standard errors from zero, and effective wavelengths."""

    rho: float
    z: float
    effective_columns: float


UNCORRELATED = TimeCorrelation(0.0, 0.0, 1.0)


def time_correlation(residuals: Sequence[Array], spans: Sequence[Array]) -> TimeCorrelation:
    """Return the lag-1 correlation of the noise, pooled over runs and wavelengths.

    Parameters
    ----------
    residuals : sequence of Array, shape (n, m)
        Residual matrices, not whitened.
    spans : sequence of Array, shape (n, s)
        Orthonormal bases of the concentrations that were projected out.
    """
    lagged = total = scale = 0.0
    spread, squares, n_times = 0.0, 0.0, 0
    for residual, span in zip(residuals, spans, strict=True):
        n, m = residual.shape
        size = float(np.einsum("ij,ij->", residual, residual))
        if n <= span.shape[1] + 1 or size == 0:
            continue
        variance = size / ((n - span.shape[1]) * m)
        removed = float(np.einsum("is,is->", span[1:], span[:-1])) * variance * m
        lagged += float(np.einsum("ij,ij->", residual[1:], residual[:-1])) + removed
        total += size
        scale += variance * (n - 1) * m
        spread += size**2
        squares += max(_squared_gram(residual) - size**2 / (n - span.shape[1]), size**2 / m)
        n_times += n
    if not total:
        return UNCORRELATED
    effective = spread / squares
    rho = float(np.clip(lagged / scale, -0.98, 0.98))
    return TimeCorrelation(rho, rho * float(np.sqrt(n_times * effective)), effective)


def _squared_gram(residual: Array) -> float:
    """Return |E'E|^2 by random signs (Hutchinson), which costs a few products with vectors."""
    m = residual.shape[1]
    if m <= _PROBES * 4:
        gram = residual.T @ residual
        return float(np.vdot(gram, gram))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (m, _PROBES))
    images = residual.T @ (residual @ signs)
    return float(np.einsum("ij,ij->", images, images)) / _PROBES


def cluster_factor(scores: Sequence[Array], information: Array, variance: float, whitened: bool) -> Array:
    """Return by how much clustered standard errors exceed those of independent readings, shape (p,).

    Parameters
    ----------
    scores : sequence of Array, shape (n, p)
        Sum over wavelengths of derivative times residual, for each time of each run.
    information : Array, shape (p, p)
        Information on the parameters per unit variance.
    variance : float
        Variance of one reading.
    whitened : bool
        Whether correlation in time was whitened away; otherwise neighbours are taken into account.
    """
    p = information.shape[0]
    meat = np.zeros((p, p))
    n_times = 0
    for score in scores:
        n = score.shape[0]
        n_times += n
        meat += score.T @ score
        lags = 0 if whitened else int(4 * (n / 100) ** (2 / 9))
        for lag in range(1, lags + 1 if n > 20 else 1):
            cross = score[lag:].T @ score[:-lag]
            meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    bread = np.linalg.pinv(information)
    clustered = np.diag(bread @ meat @ bread) * n_times / max(n_times - p, 1)
    plain = np.diag(bread) * variance
    factor: Array = np.sqrt(np.maximum(clustered, 0.0) / np.where(plain > 0, plain, np.inf))
    return factor


def column_spread(residuals: Sequence[Array], removed: int) -> list[Array]:
    """Return the standard deviation of each wavelength of each run, smoothed over five neighbours."""
    found = []
    for residual in residuals:
        free = max(residual.shape[0] - removed, 1)
        variance = np.einsum("nm,nm->m", residual, residual) / free
        padded = np.pad(variance, 2, mode="edge") if variance.size > 1 else np.repeat(variance, 5)
        smooth = np.convolve(padded, np.full(5, 0.2), mode="valid")
        found.append(np.sqrt(np.maximum(smooth, 1e-12 * max(float(smooth.max()), 1e-300))))
    return found
