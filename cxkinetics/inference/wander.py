"""White noise together with slow wander: an instrument's own scatter on a baseline that strays.

A reading is the curve, plus a first-order autoregression, plus white noise. One correlation cannot tell of
both: the white part hides how long the wander lasts, and a wave of it passes for a change of rate. The
restricted likelihood on a grid of correlation and white share says which wander the residuals allow;
noise is then drawn from all of it and not from its likeliest point.

References
----------
H. D. Patterson, R. Thompson, Biometrika 58, 545 (1971), doi 10.1093/biomet/58.3.545 (restricted
likelihood); R. E. Kalman, J. Basic Eng. 82, 35 (1960), doi 10.1115/1.3662552 (its recursion).
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.inference.ar1 import Sample

CORRELATIONS: Array = np.array([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995])
"""Correlations of the wander between neighbours."""
WHITE_SHARES: Array = np.array([0.0, 0.1, 0.25, 0.5, 0.7, 0.85, 0.93, 0.97])
"""Shares of the variance that may be white."""


@dataclass(frozen=True, slots=True, eq=False)
class Wander:
    """What the residuals of a fit say of wander.

    Attributes
    ----------
    correlation, white_share, weight : Array, shape (G,)
        The grid and its posterior weights.
    variance : Array, shape (G,)
        Variance of all noise at each grid point, in units of the sample's scale squared.
    """

    correlation: Array
    white_share: Array
    weight: Array
    variance: Array

    @property
    def sd(self) -> float:
        """Standard deviation of the wander alone, scaled, averaged over the grid."""
        return float(np.sqrt(self.weight @ (self.variance * (1 - self.white_share) * (self.correlation > 0))))

    @property
    def lasts(self) -> float:
        """Neighbours over which the wander falls to 1/e, by the mean of its logarithm."""
        long = self.correlation > 0
        if not np.any(self.weight[long] > 0):
            return 0.0
        lengths = -1 / np.log(self.correlation[long])
        return float(np.exp(self.weight[long] @ np.log(lengths) / self.weight[long].sum()))

    def noise(self, sample: Sample, n_series: int, rng: np.random.Generator) -> Array:
        """Return noise series (n_series, n) of variance sigma^2, each from a grid point of its own."""
        chosen = rng.choice(self.weight.size, n_series, p=self.weight)
        rho, share = self.correlation[chosen], self.white_share[chosen]
        series = rng.standard_normal((sample.n, n_series))
        steps = rho[None, :] ** sample.spacing[:, None]
        fresh = np.sqrt(1 - steps**2)
        for i in range(1, sample.n):
            series[i] = steps[i - 1] * series[i - 1] + fresh[i - 1] * series[i]
        white = rng.standard_normal((sample.n, n_series))
        result: Array = (np.sqrt(1 - share) * series + np.sqrt(share) * white).T * sample.sigma
        return result


def wander_of(sample: Sample, residual: Array, jacobian: Array) -> Wander:
    """Return the wander that the residuals (n,) about a fit with tangent (p, n) allow."""
    rho, share = (part.ravel() for part in np.meshgrid(CORRELATIONS[1:], WHITE_SHARES, indexing="ij"))
    rho, share = np.append(rho, 0.0), np.append(share, 0.0)  # white noise is one point, not a row of them
    columns = np.concatenate([jacobian, residual[None]]) / sample.sigma
    size = np.sqrt(np.einsum("pn,pn->p", columns, columns))
    used = np.append(size[:-1] > 0, True)  # the square of what hardly bends the curve may vanish
    columns, size = columns[used], size[used]
    white, log_determinant = _innovations(columns / size[:, None], sample.spacing, rho, share)
    gram = white @ white.transpose(0, 2, 1)
    normal = gram[:, :-1, :-1] + 1e-12 * np.einsum("gpp->gp", gram)[:, :-1, None] * np.eye(len(size) - 1)
    explained = np.linalg.solve(normal, gram[:, :-1, -1:])[:, :, 0]
    rss = np.maximum(gram[:, -1, -1] - np.einsum("gp,gp->g", explained, gram[:, :-1, -1]), 1e-280)
    dof = max(sample.n - len(size) + 1, 1)
    level = dof * np.log(rss) + log_determinant + np.linalg.slogdet(normal)[1]
    spacing = np.gradient(-np.log1p(-CORRELATIONS))[1:]
    prior = np.append(np.repeat(spacing, WHITE_SHARES.size), spacing.sum())
    weight = prior * np.exp(-(level - level.min()) / 2)
    return Wander(rho, share, weight / weight.sum(), rss * size[-1] ** 2 / dof)


def _innovations(series: Array, spacing: Array, rho: Array, share: Array) -> tuple[Array, Array]:
    """Return standardised one-step prediction errors (G, p, n) of series (p, n), and ln|V| (G,)."""
    result = np.empty((rho.size, *series.shape))
    log_determinant = np.zeros(rho.size)
    state = np.zeros((rho.size, series.shape[0]))
    variance = 1 - share  # of the state, before each reading
    steps = rho[None, :] ** spacing[:, None]
    for i in range(series.shape[1]):
        if i:
            state = steps[i - 1][:, None] * state
            variance = steps[i - 1] ** 2 * variance + (1 - share) * (1 - steps[i - 1] ** 2)
        total = variance + share
        miss = series[None, :, i] - state
        result[:, :, i] = miss / np.sqrt(total)[:, None]
        log_determinant += np.log(total)
        gain = variance / total
        state = state + gain[:, None] * miss
        variance = variance * share / total
    return result, log_determinant
