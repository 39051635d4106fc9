"""The correlation of the noise: likelihood of AR(1) rho on a grid, restricted or full.

The curve is replaced by its tangent at the optimum, so a value of rho costs one small solve:
d(r) = (J'R^-1 J)^-1 J'R^-1 e, S(r) = e'R^-1 e - d'J'R^-1 e,
REML: L(r) = (n - p) ln S + ln|J'R^-1 J| + ln|R|   (Patterson and Thompson, Biometrika 58, 545
(1971), doi 10.1093/biomet/58.3.545); ML: L(r) = n ln S + ln|R|. Both are -2 ln likelihood up to a
constant.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.whitening import even_products, whitening

__all__ = ["RHO_GRID", "Correlation", "correlation_profile", "inverse_products", "likeliest_rho"]

RHO_GRID: Array = np.concatenate([np.linspace(-0.6, 0.85, 30), [0.88, 0.91, 0.94, 0.96, 0.97]])
"""Correlations that are considered, at the median spacing."""
RIDGE = 1e-10
"""Share of a parameter's own information that stands in for what the others leave of it."""
CHUNK = 4_000_000
"""Numbers held at once while the grid is gone through."""


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """The profile over rho.

    Attributes
    ----------
    rho : Array, shape (R,)
        The grid.
    weight : Array, shape (R,)
        exp(-L/2) with the grid's spacing, summing to one.
    shift : Array, shape (R, p)
        d(r): how far the generalised least-squares estimate at rho lies from the optimum.
    covariance : Array, shape (R, p, p)
        (J'R^-1 J)^-1 S/(n - p).
    rss : Array, shape (R,)
        S(r).
    best : float
        The rho of least L (parabola through the three lowest points).
    """

    rho: Array
    weight: Array
    shift: Array
    covariance: Array
    rss: Array
    best: float


def correlation_profile(
    sample: Sample, residual: Array, jacobian: Array, *, restricted: bool = True, grid: Array | None = None
) -> Correlation:
    """Return the likelihood of rho for the residuals (n,) and tangent (p, n) of a fit.

    The grid is gone through twice where the likelihood is narrow: coarsely, then around its peak.
    """
    rho = RHO_GRID if grid is None else grid
    width, n = jacobian.shape
    level, shift, normal, rss = _evaluate(sample, residual, jacobian, rho, restricted)
    if grid is None:
        centre = rho[int(np.argmin(level))]
        sd = np.sqrt(max(1.0 - centre**2, 0.02) / n)
        if sd < 0.08:
            fine = np.clip(centre + sd * np.linspace(-5.0, 5.0, 31), -0.8, 0.99)
            rho = np.unique(np.concatenate([fine, RHO_GRID]))
            level, shift, normal, rss = _evaluate(sample, residual, jacobian, rho, restricted)
    spacing = np.gradient(rho) if rho.size > 1 else np.ones(1)
    weight = np.exp(-(level - level.min()) / 2) * spacing
    dof = max(n - width, 1)
    covariance = inverse_products(normal) * (rss / dof)[:, None, None]
    return Correlation(rho, weight / weight.sum(), shift, covariance, rss, _lowest(rho, level))


def likeliest_rho(sample: Sample, residual: Array, jacobian: Array, *, restricted: bool) -> float:
    """Return the rho of highest (restricted) likelihood."""
    level, *_ = _evaluate(sample, residual, jacobian, RHO_GRID, restricted)
    return _lowest(RHO_GRID, level)


def _evaluate(
    sample: Sample, residual: Array, jacobian: Array, rho: Array, restricted: bool
) -> tuple[Array, Array, Array, Array]:
    """Return L, d, J'R^-1 J and S on the grid."""
    width, n = jacobian.shape
    stacked = np.concatenate([jacobian, residual[None, :]]) / sample.sigma
    gram, log_determinant = _gram(sample, stacked, rho)
    normal, right, total = gram[:, :-1, :-1], gram[:, :-1, -1], gram[:, -1, -1]
    size, scaled = _scaled(normal)
    shift = np.linalg.solve(scaled, (right / size)[:, :, None])[:, :, 0] / size
    rss = np.maximum(total - np.einsum("rp,rp->r", shift, right), 1e-280)
    level = (n - width if restricted else n) * np.log(rss) + log_determinant
    if restricted:
        level = level + np.linalg.slogdet(scaled)[1] + 2 * np.sum(np.log(size), axis=1)
    return level, shift, normal, rss


def _scaled(normal: Array) -> tuple[Array, Array]:
    """Return the roots of the diagonal (..., p), and J'R^-1 J (..., p, p) with a diagonal just over one.

    Parameters that do nothing have a diagonal of one and touch no others.
    """
    diagonal = np.einsum("...pp->...p", normal)
    size = np.where(diagonal > 1e-280, np.sqrt(np.maximum(diagonal, 0.0)), 1.0)
    scaled = normal / size[..., :, None] / size[..., None, :]
    np.einsum("...pp->...p", scaled)[...] = 1.0 + RIDGE
    return size, scaled


def inverse_products(normal: Array) -> Array:
    """Return the inverse of J'R^-1 J (..., p, p); rows of parameters that do nothing are zero.

    Where the data hardly tell parameters apart their variances come out large, not wrong.
    """
    size, scaled = _scaled(normal)
    dead = np.einsum("...pp->...p", normal) <= 1e-280
    size = np.where(dead, np.inf, size)
    inverse: Array = np.linalg.inv(scaled) / size[..., :, None] / size[..., None, :]
    return inverse


def _gram(sample: Sample, series: Array, rho: Array) -> tuple[Array, Array]:
    """Return the products (R, p, p) of series (p, n), divided by sigma, under each rho, and ln|R|."""
    if sample.even:
        return even_products(series, series).at(rho), (sample.n - 1) * np.log(1 - rho**2)
    width, n = series.shape
    block = max(1, CHUNK // (n * width))
    grams, determinants = [], []
    for i in range(0, rho.size, block):
        white = whitening(sample, rho[i : i + block])
        whitened = (series * sample.sigma)[None] * white.diagonal[:, None, :]
        whitened[:, :, 1:] -= (series * sample.sigma)[None, :, :-1] * white.lagged[:, None, 1:]
        grams.append(whitened @ whitened.transpose(0, 2, 1))
        determinants.append(white.log_determinant)
    return np.concatenate(grams), np.concatenate(determinants)


def _lowest(rho: Array, level: Array) -> float:
    """Return the abscissa of the lowest point, by a parabola through it and its neighbours."""
    i = int(np.argmin(level))
    if i in (0, rho.size - 1):
        return float(rho[i])
    (x0, x1, x2), (y0, y1, y2) = rho[i - 1 : i + 2], level[i - 1 : i + 2]
    top = (x1 - x0) ** 2 * (y1 - y2) - (x1 - x2) ** 2 * (y1 - y0)
    below = (x1 - x0) * (y1 - y2) - (x1 - x2) * (y1 - y0)
    return float(x1 - top / (2 * below)) if below else float(x1)
