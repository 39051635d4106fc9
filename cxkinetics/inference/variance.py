"""How the spread of a reading depends on its signal, on its place in the run and on itself.

A photometer's noise is one of the transmittance, so in absorbance it grows as 10^A (L. D. Rothman,
S. R. Crouch, J. D. Ingle, Anal. Chem. 47, 1226 (1975), doi 10.1021/ac60358a029); a start is mixed and
noisy; a bubble passes. Taken as constant, such noise makes stages. Here every pattern of a fixed
grid is weighed by its likelihood (M. Davidian, R. J. Carroll, J. Am. Stat. Assoc. 82, 1079 (1987),
doi 10.1080/01621459.1987.10478543) in the residuals of local quadratics, which know nothing of the
models compared later; the relative variance is the mean over the grid. So it is shrunk towards constant
noise where the data do not speak, and no test switches it on.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from cxkinetics.arrays import Array, BoolArray, IntArray, thinned_out
from cxkinetics.inference.ar1 import Sample

WINDOW = 9
"""Readings of a local quadratic."""
FEWEST = 15
"""Readings from which anything but constant noise can be seen."""
MOST = 1500
"""Residuals at most of which the likelihood is taken."""
SHARES: Array = np.array([0.1, 0.3, 0.6, 0.85, 0.95, 0.99, 1.0])
"""Shares of the noise (its mean variance) that may be one of the transmittance."""
PLACES: Array = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
"""Shares of a run after which its noise may change."""
RATIOS: Array = np.exp(np.array([-2.0, -1.5, -1.0, -0.6, 0.6, 1.0, 1.5, 2.0]))
"""Standard deviations before it, relative to those after it."""
TAILS: Array = np.array([np.inf, 8.0, 4.0, 3.0])
"""Degrees of freedom of Student's law that a reading's noise may follow."""
PRIOR = {"white": 0.7, "photometric": 0.15, "by-place": 0.15}
GAUSSIAN = 0.8
"""Prior weight of Gaussian noise among the tails."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The relative standard deviation of each reading, and what it is made of.

    Attributes
    ----------
    sigma : Array, shape (n,)
        Relative standard deviations, geometric mean one.
    pattern : Array, shape (n,)
        The same by the signal alone, without what places and single readings say of themselves.
    photometric, by_place, heavy : float
        Posterior weights of noise that grows with absorbance, that changes within the run, and of
        tails heavier than Gaussian ones.
    inflation : float
        Variance of an estimate with these weights over the one that weights known beforehand would give.
    """

    sigma: Array
    pattern: Array
    photometric: float = 0.0
    by_place: float = 0.0
    heavy: float = 0.0
    inflation: float = 1.0


def spread_of(sample: Sample, curve: Array, *, level: Array | None = None, model: str = "auto") -> Spread:
    """Return the spread of readings about a provisional curve.

    Parameters
    ----------
    sample : Sample
        Data.
    curve : Array, shape (n,)
        A curve close enough that what is left of the signal is smooth over a few readings.
    level : Array, shape (n,), optional
        The curve in absorbance units, where the signal is an absorbance; else noise can only be
        proportional to the signal.
    model : {"auto", "photometric", "by-place", "robust"}
        Patterns that are weighed; all by default.
    """
    if sample.n < FEWEST:
        return Spread(np.ones(sample.n), np.ones(sample.n))
    patterns = _Patterns.of(sample, curve, level, model)
    kinds, prior = patterns.kinds, patterns.prior
    tails = TAILS[:1] if model in ("photometric", "by-place") else TAILS
    chance = np.full(tails.size, (1 - GAUSSIAN) / max(tails.size - 1, 1))
    chance[0] = GAUSSIAN if tails.size > 1 else 1.0
    rest, sigma, own = sample.signal - curve, np.ones(sample.n), np.ones(sample.n)
    chosen = thinned_out(np.arange(sample.n), MOST)
    for _ in range(2):
        local = _local_residuals(sample.time, rest, sigma / np.sqrt(own))
        levels, scales = _likelihoods(local[chosen], patterns.rows(chosen), tails)
        worth = _worth(local / sigma)
        score = worth * (sample.n / chosen.size) * levels + np.log(prior)[:, None] + np.log(chance)
        weight = np.exp(score - score.max())
        weight /= weight.sum()
        by_pattern, by_tail = weight.sum(axis=1), weight.sum(axis=0)
        sigma = np.sqrt(patterns.mixed(by_pattern))
        own = patterns.counted(local, weight, scales, tails) if tails.size > 1 else np.ones(sample.n)
    relative = sigma / np.sqrt(own)
    relative /= np.exp(np.mean(np.log(relative)))
    finite = tails[1:]
    lasting = by_pattern * (kinds != "by-place")  # spikes at the start look like a noisy one
    pattern = np.ones(sample.n)
    if lasting.any():
        pattern = np.sqrt(patterns.mixed(lasting / max(float(lasting.sum()), 1e-290)))
    return Spread(
        relative,
        pattern / np.exp(np.mean(np.log(pattern))),
        photometric=float(by_pattern[kinds == "photometric"].sum()),
        by_place=float(by_pattern[kinds == "by-place"].sum()),
        heavy=float(1 - by_tail[0]),
        inflation=float(by_tail[0] + np.sum(by_tail[1:] * (finite + 3) / (finite + 1))),
    )


def with_spread(sample: Sample, spread: Spread) -> Sample:
    """Return the sample with these relative standard deviations; readings of one time still count as many."""
    return replace(sample, sigma=spread.sigma * sample.sigma, given=sample.sigma, inflation=spread.inflation)


def without_spread(sample: Sample) -> Sample:
    """Return the sample as it was before the spread of its noise was found."""
    if sample.blocks is not None:
        return sample.blocks.plain or sample
    return sample if sample.given is None else replace(sample, sigma=sample.given, given=None, inflation=1.0)


PIECE = 20_000
"""Readings whose patterns are held at once."""
UNSEEN = 1e-12
"""Posterior weight below which a pattern of a longer trace is left out."""


def pieces(n: int) -> list[slice]:
    """Return slices of at most `PIECE` readings, all of n."""
    return [slice(start, min(start + PIECE, n)) for start in range(0, n, PIECE)]


@dataclass(frozen=True, slots=True, eq=False)
class _Patterns:
    """Relative variances of M patterns, of geometric mean one over n readings.

    `growing` (n,) is the variance of the transmittance's noise and `average` its mean, `mean` (M, 1) are the
    geometric means of the patterns; `held` (M, n) are the patterns, where they are no more than a `PIECE`.
    """

    n: int
    kinds: NDArray[np.str_]
    prior: Array
    growing: Array
    average: float
    mean: Array
    held: Array | None = None

    @classmethod
    def of(cls, sample: Sample, curve: Array, level: Array | None, model: str) -> "_Patterns":
        """Return the patterns about a curve that a model admits."""
        n, kinds, growing, average = sample.n, ["white"], np.empty(0), 1.0
        if model in ("auto", "photometric"):
            level = np.log10(np.abs(curve) + 1e-3) if level is None else np.clip(level, -0.5, 6.0)
            growing = 10.0 ** (2 * (level - level.max()))
            average = float(growing.mean())
            kinds += ["photometric"] * SHARES.size
        if model in ("auto", "by-place"):
            kinds += ["by-place"] * (PLACES.size * RATIOS.size)
        named = np.array(kinds)
        count = {kind: int(np.sum(named == kind)) for kind in PRIOR}
        prior = np.array([PRIOR[kind] / count[kind] for kind in kinds])
        bare = cls(n, named, prior, growing, average, np.ones((named.size, 1)))
        logs = [np.log(bare._raw(part)) for part in pieces(n)] if n <= PIECE else []
        if logs:
            mean = np.exp(np.mean(logs[0], axis=1, keepdims=True))
            return replace(bare, mean=mean, held=bare._raw(slice(0, n)) / mean)
        sums = [np.sum(np.log(bare._raw(part)), axis=1, keepdims=True) for part in pieces(n)]
        return replace(bare, mean=np.exp(np.sum(sums, axis=0) / n))

    def _raw(self, which: slice | IntArray) -> Array:
        """Return the variances (M, k) of some readings before they are set to a mean of one."""
        index = np.arange(self.n)[which]
        rows = [np.ones(index.size)]
        if self.growing.size:
            rows += [1 - share + share * self.growing[which] / self.average for share in SHARES]
        if "by-place" in self.kinds:
            for place in PLACES:
                first = index < max(3, round(place * self.n))
                rows += [np.where(first, ratio**2, 1.0) for ratio in RATIOS]
        return np.array(rows)

    def rows(self, which: slice | IntArray) -> Array:
        """Return the patterns (M, k) of some readings."""
        if self.held is None:
            return self._raw(which) / self.mean
        rows: Array = self.held[:, which]
        return rows

    def mixed(self, weight: Array) -> Array:
        """Return the mean variance (n,) under weights (M,) of the patterns."""
        return np.concatenate([weight @ self.rows(part) for part in pieces(self.n)])

    def counted(self, local: Array, weight: Array, scales: Array, tails: Array) -> Array:
        """Return for how much readings count (n,) under posterior weights (M, T) of patterns and tails."""
        nu, gaussian = tails[1:], weight.sum(axis=0)[0]
        seen: slice | BoolArray = slice(None)
        if self.held is None:
            seen = weight[:, 1:].sum(axis=1) > UNSEEN
        own = np.empty(self.n)
        for part in pieces(self.n):
            square = local[part] ** 2 / self.rows(part)[seen]  # (M, n), in units of each pattern's scale
            known = (nu + 1) / (nu + square[:, :, None] / scales[seen, None, 1:] ** 2)  # (M, n, T - 1)
            own[part] = gaussian + np.einsum("mt,mnt->n", weight[seen, 1:], known)
        return own


def _local_residuals(time: Array, values: Array, sigma: Array) -> Array:
    """Return what a local quadratic leaves of each reading, over the share that it leaves of noise (n,)."""
    index = np.arange(time.size)
    return np.concatenate([_local(time, values, sigma, index[part]) for part in pieces(time.size)])


def _local(time: Array, values: Array, sigma: Array, index: IntArray) -> Array:
    """Return the same of some readings."""
    n, half = time.size, WINDOW // 2
    first = np.clip(index - half, 0, n - WINDOW)
    near = first[:, None] + np.arange(WINDOW)
    away = time[near] - time[index, None]
    away /= np.maximum(np.abs(away).max(axis=1, keepdims=True), 1e-12)
    columns = np.stack([np.ones_like(away), away, away**2], axis=1)  # (n, 3, w)
    weight = sigma[near] ** -2.0
    weighted = columns * weight[:, None, :]
    normal = weighted @ columns.transpose(0, 2, 1) + 1e-12 * np.eye(3) * weight.sum(axis=1)[:, None, None]
    inverse = np.linalg.inv(normal)
    fitted = np.einsum("np,npw,nw->n", inverse[:, 0], weighted, values[near])
    leverage = np.clip(inverse[:, 0, 0] * sigma[index] ** -2.0, 0.0, 0.9)
    result: Array = (values[index] - fitted) / np.sqrt(1 - leverage)
    return result


def _likelihoods(local: Array, patterns: Array, tails: Array) -> tuple[Array, Array]:
    """Return log-likelihoods (M, T), each at its likeliest scale, and these scales (M, T)."""
    square = local**2 / patterns  # (M, n)
    n = local.size
    floor = 1e-20 * float(np.mean(local**2)) + 1e-280
    determinant = -0.5 * np.sum(np.log(patterns), axis=1)
    levels, scales = np.empty((len(patterns), tails.size)), np.empty((len(patterns), tails.size))
    for j, nu in enumerate(tails.tolist()):
        if np.isinf(nu):
            variance = np.mean(square, axis=1) + floor
            levels[:, j] = determinant - n / 2 * np.log(2 * np.pi * variance) - n / 2
        else:
            variance = np.median(square, axis=1) / 0.5 + floor
            for _ in range(12):
                known = (nu + 1) / (nu + square / variance[:, None])
                variance = np.mean(known * square, axis=1) + floor
            constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
            tail = np.sum(np.log1p(square / variance[:, None] / nu), axis=1) * (nu + 1) / 2
            levels[:, j] = determinant + n * (constant - 0.5 * np.log(variance)) - tail
        scales[:, j] = np.sqrt(variance)
    return levels, scales


def _worth(local: Array) -> float:
    """Return how many independent residuals each one is worth: local fits and noise correlate them.

    Squares of Gaussian series correlate by the square of the correlation.
    """
    centred = local / max(float(np.sqrt(np.mean(local**2))), 1e-290)
    centred = np.clip(centred, -3.0, 3.0)
    total = float(centred @ centred)
    shared = sum((float(centred[lag:] @ centred[:-lag]) / total) ** 2 for lag in range(1, 6))
    return 0.85 / (1 + 2 * shared)
