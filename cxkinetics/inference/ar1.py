"""AR(1) noise on any times: the scaled sample, whitening, and the correlation by REML."""

from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, product
from cxkinetics.inference.accepted import vertex
from cxkinetics.signals.trace import Trace

CLOSEST = 0.05
"""Least distance of neighbours that correlation counts with: readings a moment apart have noise of
their own, and the difference of one such pair would outweigh all others."""
FAR = 3.0
"""Spans up to which an amplitude is carried back to the clock's zero."""


FREE = 1e8
"""Prior variance of a curve beside the model, in units of the noise's, that stands for none known."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Curves that stand beside every model, each times a factor of its own: a blank's offset, a drift.

    The factors are integrated out, so that searches, tests and intervals know of them by the noise alone:
    a curve c whose factor has the prior variance v adds v c c' to the covariance of the readings, which is
    the same as one more reading, of the factor itself.

    Attributes
    ----------
    names : tuple of str
        "offset" or "drift".
    columns : Array, shape (m, n)
        The curves.
    variance : Array, shape (m,)
        Prior variances of their factors about zero, in units of the noise's variance; `FREE` for no prior.
    """

    names: tuple[str, ...]
    columns: Array
    variance: Array

    @property
    def n_free(self) -> int:
        """Factors that the readings alone tell."""
        return int(np.sum(self.variance >= FREE))


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """How the points of a sample stand for the readings of a long trace.

    A point is the mean of the readings of one block. What AR(1) noise asks of a block is its mean less rho
    times the mean of the readings one before, which a point of its own lends where they are no block; so the
    sum of squares is that of all readings at every correlation, but for how a curve bends within a block.

    Attributes
    ----------
    lends : BoolArray, shape (n,)
        Points that stand for the readings before those of the next point, and for none themselves.
    counts : Array, shape (c, n)
        Readings of a point, by class of their distance from those before them; zero for points that lend.
    distance : Array, shape (c, n)
        This distance, as `Sample.spacing`; infinite for the first reading.
    weight : Array, shape (3, c, n)
        Sums of 1/sigma^2 of these readings, of 1/sigma times that of the reading before, and of 1/sigma^2 of
        the readings before: the coefficients of 1, -2 rho and rho^2, over 1 - rho^2, of a sum of squares.
    unexplained : Array, shape (3, c, n)
        The same coefficients of what blocks hide of it.
    log_sigma : float
        Sum of the logarithms of sigma over all readings.
    gap, widest : float
        Median and largest distance of two readings, in spans.
    starts : IntArray, shape (b,)
        The first reading of each block.
    whole : Sample
        The readings.
    plain : Sample or None
        The same points without weights that were found from the readings, where there are such.
    """

    lends: BoolArray
    counts: Array
    distance: Array
    weight: Array
    unexplained: Array
    log_sigma: float
    gap: float
    widest: float
    starts: IntArray
    whole: "Sample"
    plain: "Sample | None" = None

    @property
    def n_hidden(self) -> int:
        """Readings beyond the points, of which no curve sees anything."""
        return int(self.counts.sum() - np.count_nonzero(~self.lends))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Scaled points at distinct ascending times.

    Attributes
    ----------
    time : Array, shape (n,)
        Times from the first one on, divided by `span_s`.
    signal : Array, shape (n,)
        Signal divided by `scale`.
    sigma : Array, shape (n,)
        Relative standard deviations, geometric mean one (`sigma_unit` in units of `scale`).
    spacing : Array, shape (n - 1,)
        Distances between neighbours in units of the median distance, `CLOSEST` at least.
    span_s, scale : float
        The scales, in s and in the trace's unit.
    first_s : float
        The first time on the trace's clock, s.
    n_raw : int
        Points before equal times were averaged.
    since : float
        How long before the first reading the addition was, in spans, where that is known; else zero.
    given : Array, shape (n,), or None
        Relative standard deviations that were given, where `sigma` holds weights found from the readings.
    inflation : float
        Variance of an estimate over the one that `sigma`, were it known beforehand, would give: weights
        found from the readings themselves promise too much.
    beside : Beside or None
        Curves beside every model.
    starts : bool
        Whether the start of the run may take time that is not known.
    blocks : Blocks or None
        How points stand for the readings of a long trace, where they are not the readings themselves.
    """

    time: Array
    signal: Array
    sigma: Array
    spacing: Array
    span_s: float
    scale: float
    first_s: float
    sigma_unit: float
    n_raw: int
    since: float = 0.0
    given: Array | None = None
    inflation: float = 1.0
    beside: Beside | None = None
    starts: bool = True
    blocks: Blocks | None = None

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.time.size)

    @property
    def n_read(self) -> int:
        """Number of readings at distinct times that the points stand for."""
        return self.n if self.blocks is None else int(self.blocks.counts.sum())

    @property
    def every(self) -> "Sample":
        """The readings themselves."""
        return self if self.blocks is None else self.blocks.whole

    @property
    def gap(self) -> float:
        """Median distance of two readings, in spans."""
        return float(np.median(np.diff(self.time))) if self.blocks is None else self.blocks.gap

    @property
    def widest_gap(self) -> float:
        """Largest distance of two readings, in spans."""
        return float(np.max(np.diff(self.time))) if self.blocks is None else self.blocks.widest

    @property
    def log_sigma(self) -> float:
        """Sum of the logarithms of sigma over all readings."""
        return float(np.sum(np.log(self.sigma))) if self.blocks is None else self.blocks.log_sigma

    @property
    def even(self) -> bool:
        """Whether neighbours stand equally far apart, and nothing but they correlate readings."""
        alone = self.beside is None and self.blocks is None
        return alone and self.spacing.size > 1 and float(np.ptp(self.spacing)) < 1e-6

    def standing(self, points: IntArray) -> IntArray:
        """Return those of some points (by index) that stand for readings of their own."""
        return points if self.blocks is None else points[~self.blocks.lends[points]]

    @property
    def n_free(self) -> int:
        """Factors of curves beside the model that are fitted."""
        return 0 if self.beside is None else self.beside.n_free

    @property
    def lead(self) -> float:
        """Distance of the first time from the clock's zero, in spans."""
        return self.first_s / self.span_s

    @property
    def anchor_s(self) -> float:
        """Time at which an amplitude is told, s: zero, or the first time where zero lies far outside."""
        return 0.0 if abs(self.lead) <= FAR else self.first_s

    @property
    def from_anchor(self) -> float:
        """Distance of the first time from the anchor, in spans: how far an amplitude is carried back."""
        return (self.first_s - self.anchor_s) / self.span_s


def sample_of(trace: Trace) -> Sample:
    """Return the scaled sample of a trace.

    Equal times are averaged with weights 1/sigma^2, which changes no least-squares estimate. Times
    count from the first one, so that no conclusion depends on where a clock was set to zero.
    """
    time, signal = trace.time_s, trace.absorbance
    weight = np.ones_like(time) if trace.sigma is None else trace.sigma**-2.0
    starts = np.flatnonzero(np.concatenate([[True], np.diff(time) > 0]))
    if starts.size < time.size:
        total = np.add.reduceat(weight, starts)
        signal = np.add.reduceat(weight * signal, starts) / total
        time, weight = time[starts], total
    span = float(time[-1] - time[0]) or 1.0
    scale = float(np.max(np.abs(signal))) or 1.0
    sigma = weight**-0.5
    unit = float(np.exp(np.mean(np.log(sigma))))
    return Sample(
        time=(time - time[0]) / span,
        signal=signal / scale,
        sigma=sigma / unit,
        spacing=relative_spacing(time),
        span_s=span,
        scale=scale,
        first_s=float(time[0]),
        sigma_unit=unit / scale,
        n_raw=trace.n_points,
    )


def thinned(sample: Sample, kept: BoolArray) -> Sample:
    """Return the sample with only the points where `kept` (n,) is true, on the same scales."""
    return replace(
        sample,
        time=sample.time[kept],
        signal=sample.signal[kept],
        sigma=sample.sigma[kept],
        given=None if sample.given is None else sample.given[kept],
        beside=None
        if sample.beside is None
        else replace(sample.beside, columns=sample.beside.columns[:, kept]),
        spacing=relative_spacing(sample.time[kept]),
    )


def relative_spacing(time: Array) -> Array:
    """Return the distances between neighbours (n - 1,) in units of the median one, `CLOSEST` at least."""
    spacing = np.diff(time)
    if not spacing.size:
        return spacing
    middle = np.median(spacing)
    # most neighbours share their time: then nothing tells near from far
    return np.maximum(spacing / middle, CLOSEST) if middle > 0 else np.ones_like(spacing)


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """The bidiagonal operator that whitens AR(1) noise with relative sigma, and ln|R|.

    `diagonal` and `lagged` have shape (..., n): one row per correlation; `correlated` is false where
    every correlation is zero, and `identity` true where every sigma is one as well. `aside` (..., m, n) are
    orthonormal whitened directions in which curves beside the model may lie, `share` (..., m) what is taken
    off along them. `hidden` (...) is what blocks of readings hide of every sum of squares.
    """

    diagonal: Array
    lagged: Array
    log_determinant: Array
    correlated: bool = True
    identity: bool = False
    aside: Array | None = None
    share: Array | None = None
    hidden: Array | float = 0.0

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
        if self.aside is not None and self.share is not None:
            rows = "b" if self.aside.ndim == 3 else ""
            along = np.einsum(f"{rows}...n,{rows}mn->{rows}...m", white, self.aside)
            white -= np.einsum(f"{rows}...m,{rows}m,{rows}mn->{rows}...n", along, self.share, self.aside)
        return white

    def apply_down(self, columns: Array) -> Array:
        """Return whitened columns: the same where time is the last axis but one."""
        return self.apply(columns.swapaxes(-1, -2)).swapaxes(-1, -2)

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
            None if self.aside is None else self.aside[index],
            None if self.share is None else self.share[index],
            self.hidden if isinstance(self.hidden, float) else self.hidden[index],
        )


def whitening(sample: Sample, rho: Array | float) -> Whitening:
    """Return the operator for one correlation (shape (n,)) or for several (shape (R, n))."""
    white = _alone(sample, rho)
    if sample.beside is None:
        return white
    # (1 + X'VX)^-1/2 = 1 - sum (1 - (1 + l)^-1/2) q q' over the eigenvectors q of X'VX
    columns = np.sqrt(sample.beside.variance)[:, None] * sample.beside.columns
    shown = white.apply(np.broadcast_to(columns, (*white.diagonal.shape[:-1], *columns.shape)))
    size, turned = np.linalg.eigh(shown @ shown.swapaxes(-1, -2))
    size = np.maximum(size, 1e-280)
    aside = turned.swapaxes(-1, -2) @ shown / np.sqrt(size)[..., None]
    return replace(white, identity=False, aside=aside, share=1 - 1 / np.sqrt(1 + size))


def with_beside(sample: Sample, name: str, column: Array, variance: float = FREE) -> Sample:
    """Return the sample with one curve (n,) more beside every model; see `Beside`."""
    known = sample.beside or Beside((), np.empty((0, sample.n)), np.empty(0))
    columns = np.concatenate([known.columns, column[None, :]])
    return replace(sample, beside=Beside((*known.names, name), columns, np.append(known.variance, variance)))


def factors_beside(sample: Sample, rho: float, residual: Array, jacobian: Array) -> tuple[Array, Array]:
    """Return the factors (m,) of the curves beside a model, and their covariance over the noise's variance.

    Parameters
    ----------
    sample, rho
        Data and the correlation of their noise.
    residual : Array, shape (n,)
        Readings minus the model alone.
    jacobian : Array, shape (p, n)
        Its tangent, whose parameters are fitted too.
    """
    beside = sample.beside
    assert beside is not None
    white = _alone(sample, rho)
    columns, rest = white.apply(beside.columns), white.apply(residual[None, :])[0]
    normal = columns @ columns.T + np.diag(1 / beside.variance)
    factors: Array = np.linalg.solve(normal, columns @ rest)
    both = np.concatenate([columns, white.apply(jacobian)])
    full = both @ both.T
    np.einsum("pp->p", full)[: len(columns)] += 1 / beside.variance
    return factors, inverse_products(full)[: len(columns), : len(columns)]


def without_beside(sample: Sample, rho: float, residual: Array) -> Array:
    """Return residuals (n,) less what the curves beside the model explain of them."""
    if sample.beside is None:
        return residual
    factors, _ = factors_beside(sample, rho, residual, np.empty((0, sample.n)))
    left: Array = residual - factors @ sample.beside.columns
    return left


def _alone(sample: Sample, rho: Array | float) -> Whitening:
    """Return the operator without curves beside the model."""
    blocks = sample.blocks
    if blocks is None:
        return whitening_at(sample.spacing, rho, sample.sigma)
    neighbours = _neighbours(blocks.distance.ravel(), rho)
    neighbours = neighbours.reshape(*neighbours.shape[:-1], *blocks.distance.shape)
    innovation = 1.0 - neighbours**2
    parts = np.stack([np.ones_like(neighbours), neighbours, neighbours**2]) / innovation
    own, mixed, before = np.einsum("k...cn,kcn->k...n", parts, blocks.weight)
    root = np.sqrt(np.where(blocks.lends, 1.0, own))
    # a point that lends sees what its block weighs beyond one square of both
    left = np.where(blocks.lends, 0.0, before - (mixed / root) ** 2)
    left[left < LEAST * before] = 0.0
    lent = np.zeros_like(left)
    lent[..., :-1] = np.where(blocks.lends[:-1], left[..., 1:], 0.0)
    signs = np.array([1.0, -2.0, 1.0])
    hidden = np.einsum("k...cn,kcn,k->...", parts, blocks.unexplained, signs)
    return Whitening(
        np.where(blocks.lends, np.sqrt(lent), root),
        np.where(blocks.lends, 0.0, mixed / root),
        np.einsum("...cn,cn->...", np.log(innovation), blocks.counts),
        bool(np.any(rho)),
        hidden=np.maximum(hidden, 0.0),
    )


LEAST = 1e-9
"""Share of a block's weight that is rounding."""


def whitening_at(spacing: Array, rho: Array | float, sigma: Array | None = None) -> Whitening:
    """Return the same for points at any relative spacing (n - 1,) with sigma (n,), one by default."""
    neighbours = _neighbours(spacing, rho)
    innovation = 1.0 - neighbours**2
    ones = np.ones((*neighbours.shape[:-1], 1))
    root = 1.0 / np.sqrt(innovation)
    correlated = bool(np.any(rho))
    spread = np.ones(spacing.size + 1) if sigma is None else sigma
    return Whitening(
        np.concatenate([ones, root], axis=-1) / spread,
        np.concatenate([0 * ones, neighbours * root / spread[:-1]], axis=-1),
        np.sum(np.log(innovation), axis=-1),
        correlated,
        not correlated and bool(np.all(spread == 1.0)),
    )


def _neighbours(spacing: Array, rho: Array | float) -> Array:
    """Return the correlation of each pair of neighbours, rho^distance (odd in rho), (..., n - 1)."""
    correlation = np.asarray(rho, dtype=float)[..., None]
    neighbours: Array = np.sign(correlation) * np.abs(correlation) ** spacing
    return neighbours


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
    noise = coloured(sample, rho, rng.standard_normal((n_series, sample.n)))
    if sample.beside is not None:  # what is free is taken out of every series again
        known = np.sqrt(np.where(sample.beside.variance < FREE, sample.beside.variance, 0.0))
        noise += (rng.standard_normal((n_series, known.size)) * known) @ sample.beside.columns
    return noise


def hidden_squares(sample: Sample, n_series: int, rng: np.random.Generator) -> Array | float:
    """Return what blocks of readings hide of the squares of so many noise series (n_series,)."""
    if sample.blocks is None:
        return 0.0
    return rng.chisquare(max(sample.blocks.n_hidden, 1), n_series)


def coloured(sample: Sample, rho: float, noise: Array) -> Array:
    """Return the series (B, n) that `whitening` turns into the given white noise of variance one."""
    if sample.blocks is not None:
        white, series = _alone(sample, rho), np.zeros_like(noise.T)
        for i in np.flatnonzero(white.diagonal).tolist():
            earlier = white.lagged[i] * series[i - 1] if i else 0.0
            series[i] = (noise.T[i] + earlier) / white.diagonal[i]
        return series.T
    if rho == 0.0:
        return noise * sample.sigma
    neighbours = _neighbours(sample.spacing, rho)
    innovation = np.sqrt(1.0 - neighbours**2)
    series = np.ascontiguousarray(noise.T)
    for i in range(1, sample.n):
        series[i] = neighbours[i - 1] * series[i - 1] + innovation[i - 1] * series[i]
    return series.T * sample.sigma


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


def correlation_profile(sample: Sample, residual: Array, jacobian: Array) -> Correlation:
    """Return the restricted likelihood of rho for the residuals (n,) and tangent (p, n) of a fit.

    The grid is gone through twice where the likelihood is narrow: coarsely, then around its peak.
    """
    rho = RHO_GRID
    width, n = jacobian.shape[0], sample.n_read
    level, shift, normal, rss = _evaluate(sample, residual, jacobian, rho, restricted=True)
    centre = rho[int(np.argmin(level))]
    sd = np.sqrt(max(1.0 - centre**2, 0.02) / n)
    if sd < 0.08:  # about the grid's own spacing: the peak would fall between its points
        fine = np.clip(centre + sd * np.linspace(-5.0, 5.0, 31), -0.8, 0.99)
        rho = np.unique(np.concatenate([fine, RHO_GRID]))
        level, shift, normal, rss = _evaluate(sample, residual, jacobian, rho, restricted=True)
    # rho is integrated out, never plugged in: the grid is uneven, so each point counts by its share of it
    weight = np.exp(-(level - level.min()) / 2) * np.gradient(rho)
    dof = max(n - width, 1)
    covariance = inverse_products(normal) * (rss / dof * sample.inflation)[:, None, None]
    return Correlation(rho, weight / weight.sum(), shift, covariance, rss, _lowest(rho, level))


def likeliest_rho(sample: Sample, residual: Array, jacobian: Array, *, restricted: bool) -> float:
    """Return the rho of highest (restricted) likelihood."""
    level, *_ = _evaluate(sample, residual, jacobian, RHO_GRID, restricted=restricted)
    return _lowest(RHO_GRID, level)


def _evaluate(
    sample: Sample, residual: Array, jacobian: Array, rho: Array, *, restricted: bool
) -> tuple[Array, Array, Array, Array]:
    """Return L, d, J'R^-1 J and S on the grid."""
    width, n = jacobian.shape[0], sample.n_read
    stacked = np.concatenate([jacobian, residual[None, :]]) / sample.sigma
    gram, log_determinant, hidden = _gram(sample, stacked, rho)
    normal, right, total = gram[:, :-1, :-1], gram[:, :-1, -1], gram[:, -1, -1] + hidden
    # scaled to a unit diagonal: columns in different units would square into a hopeless condition number
    size, scaled = _scaled(normal)
    shift = np.linalg.solve(scaled, (right / size)[:, :, None])[:, :, 0] / size
    rss = np.maximum(total - np.einsum("rp,rp->r", shift, right), 1e-280)
    level = (n - width if restricted else n) * np.log(rss) + log_determinant
    if restricted:
        # REML: plain likelihood takes what p parameters absorbed for lack of correlation
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
    return np.linalg.inv(scaled) / size[..., :, None] / size[..., None, :]


def _gram(sample: Sample, series: Array, rho: Array) -> tuple[Array, Array, Array | float]:
    """Return products (R, p, p) of series (p, n), divided by sigma, under each rho; ln|R|; what is hidden."""
    if sample.even:
        return even_products(series, series).at(rho), (sample.n - 1) * np.log(1 - rho**2), 0.0
    width, n = series.shape
    block = max(1, CHUNK // (n * width))
    grams, determinants, hidden = [], [], []
    raw = series * sample.sigma
    for i in range(0, rho.size, block):
        white = whitening(sample, rho[i : i + block])
        whitened = white.apply(np.broadcast_to(raw, (white.diagonal.shape[0], *raw.shape)))
        grams.append(whitened @ whitened.transpose(0, 2, 1))
        determinants.append(white.log_determinant)
        hidden.append(np.broadcast_to(white.hidden, white.log_determinant.shape))
    return np.concatenate(grams), np.concatenate(determinants), np.concatenate(hidden)


def _lowest(rho: Array, level: Array) -> float:
    """Return the abscissa of the lowest point, by a parabola through it and its neighbours."""
    i = int(np.argmin(level))
    if i in (0, rho.size - 1):
        return float(rho[i])
    at = float(vertex(rho[i - 1 : i + 2], level[i - 1 : i + 2]))
    return at if np.isfinite(at) else float(rho[i])
