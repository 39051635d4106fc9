"""Several runs fitted as one: rate constants and breakpoints shared or own, the linear parts projected out.

Each run keeps its amplitude, its offset (or none), the size of its noise and its AR(1) correlation. Those
two are held at what the run alone says, so that what the runs do not share is not taken for noise. A curve
has a kink in a breakpoint at every sample of every run, where a descent gets stuck: breakpoints are held on
grids that narrow, with all else free.

Reference: L. Kaufman, BIT 15, 49 (1975), doi 10.1007/BF01932995.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.inference.ar1 import Sample, Whitening, correlation_profile, inverse_products
from cxkinetics.inference.descent import Products, minimise
from cxkinetics.models.families import StagedFamily

NARROWER = 4
"""Factor by which the grid of a breakpoint narrows, and points on each side of its best value."""
ROUNDS = 6
REACH: Array = np.array([0.75, 1.5, 2.0, 2.5, 3.5, 5.0])
"""Standard errors at which a profile is looked at, on either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run on the common clock.

    Attributes
    ----------
    sample : Sample
        Its readings.
    time : Array, shape (n,)
        Their times from the common zero, in common spans.
    white : Whitening
        Of its noise, at `rho`.
    rho : float
        AR(1) correlation.
    variance : float
        Of the whitened noise, scaled.
    """

    sample: Sample
    time: Array
    white: Whitening
    rho: float
    variance: float


def unit_curves(family: StagedFamily, time: Array, theta: Array) -> tuple[Array, Array]:
    """Return curves (B, n) of amplitude one without offset, and their slopes (B, q, n), at theta (B, q)."""
    full = np.concatenate([np.ones((len(theta), 1)), theta], axis=1)
    curve, slopes = StagedFamily(family.n_stages, False).evaluate(time, full)
    return curve, slopes[:, 1:]


def projected(run: Run, family: StagedFamily, theta: Array) -> tuple[Array, Array, Array, Array]:
    """Return whitened residuals (B, n), slopes (B, q, n), amplitudes and offsets (B,) at theta (B, q)."""
    curve, slopes = unit_curves(family, run.time, theta)
    decay, slopes = run.white.apply(curve), run.white.apply(slopes)
    signal = np.broadcast_to(run.white.apply(run.sample.signal[None]), decay.shape)
    flat = run.white.apply(np.ones((1, run.sample.n)))[0]
    if family.with_offset:
        decay = run.white.apply(curve - 1.0)  # of which exp() + offset is made up as well
        unit = flat / np.linalg.norm(flat)
        signal, decay, slopes = (each - (each @ unit)[..., None] * unit for each in (signal, decay, slopes))
    size = np.maximum(np.einsum("bn,bn->b", decay, decay), 1e-280)
    amplitude = np.einsum("bn,bn->b", signal, decay) / size
    along = np.einsum("bqn,bn->bq", slopes, decay) / size[:, None]
    slopes = amplitude[:, None, None] * (slopes - along[:, :, None] * decay[:, None, :])
    residual = signal - amplitude[:, None] * decay
    rest = run.white.apply(run.sample.signal - amplitude[:, None] * curve)
    offset = (rest @ flat) / (flat @ flat) * family.with_offset
    return residual, slopes, amplitude, offset


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """The least-squares problem of several runs.

    Attributes
    ----------
    family : StagedFamily
        Curve of every run.
    runs : sequence of Run
        The data.
    columns : IntArray, shape (R, q)
        Where the rates and breakpoints of each run stand among all parameters.
    """

    family: StagedFamily
    runs: Sequence[Run]
    columns: IntArray

    @property
    def size(self) -> int:
        """Number of rates and breakpoints."""
        return int(self.columns.max()) + 1

    @property
    def breaks(self) -> list[int]:
        """Parameters that are breakpoints."""
        return sorted(set(self.columns[:, self.family.n_stages :].ravel().tolist()))

    @property
    def dof(self) -> int:
        """Readings minus all parameters, amplitudes and offsets included."""
        linear = len(self.runs) * (1 + self.family.with_offset)
        return sum(run.sample.n for run in self.runs) - linear - self.size

    def evaluate(self, theta: Array) -> tuple[Array, Products]:
        """Return rss (B,) and the products at parameters (B, p)."""
        parts = []
        for run, own in zip(self.runs, self.columns, strict=True):
            residual, slopes, *_ = projected(run, self.family, theta[:, own])
            parts.append((residual, slopes, own, 1 / run.variance))
        rss = sum(weight * np.einsum("bn,bn->b", residual, residual) for residual, _, _, weight in parts)

        def products(which: BoolArray | None) -> tuple[Array, Array]:
            keep = slice(None) if which is None else which
            count = len(parts[0][0][keep])
            normal, gradient = np.zeros((count, self.size, self.size)), np.zeros((count, self.size))
            for residual, slopes, own, weight in parts:
                slope = slopes[keep]
                normal[:, own[:, None], own] += weight * slope @ slope.transpose(0, 2, 1)
                gradient[:, own] += weight * (slope @ residual[keep][:, :, None])[:, :, 0]
            return normal, gradient

        return np.asarray(rss), products

    def rows(self, index: BoolArray) -> "Joint":
        """Return the problem: all starts share it."""
        return self

    def least(self, theta: Array, held: Sequence[int]) -> tuple[Array, Array]:
        """Return the optima (B, p) and rss (B,) with some parameters held at the starts (B, p)."""
        free = np.ones(self.size, bool)
        free[list(held)] = False
        done = minimise(self, theta, free=free, iterations=40, tolerance=1e-9)
        return done.theta, done.rss

    def room(self, column: int) -> tuple[float, float]:
        """Return the times between which a breakpoint has two readings on either side in each of its runs."""
        times = [run.time for run, own in zip(self.runs, self.columns, strict=True) if column in own]
        return max(t[2] for t in times), min(t[-3] for t in times)

    def settle(self, theta: Array) -> tuple[Array, float]:
        """Return the optimum (p,) and its rss from a start (p,): breakpoints on grids that narrow."""
        best, rss = (found[0] for found in self.least(theta[None], self.breaks))
        shared = [c for c in self.breaks if np.sum(self.columns == c) > 1]
        for number in range(ROUNDS if self.breaks else 0):
            for column in self.breaks:
                low, high = self.room(column)
                step = (high - low) / 32 / NARROWER ** (number + 1)
                grid = best[column] + step * np.arange(-NARROWER - 1, NARROWER + 2)
                if not number and column in shared:
                    grid = np.concatenate([grid, np.linspace(low, high, 33)])
                start = np.repeat(best[None], grid.size, axis=0)
                start[:, column] = np.clip(grid, low, high)
                found, tried = self.least(start, [column])
                if tried.min() < rss:
                    best, rss = found[np.argmin(tried)], tried.min()
        return best, float(rss)

    def errors(self, theta: Array) -> Array:
        """Return the standard errors (p,) of the tangent."""
        normal, _ = self.evaluate(theta[None])[1](None)
        errors: Array = np.sqrt(np.einsum("pp->p", inverse_products(normal[0])))
        return errors

    def wider(self, theta: Array, *, ar1: bool) -> Array:
        """Return by how much standard errors (p,) grow where the noise of each run is not known but found.

        The covariance of each run is that over its correlation (the law of total variance), with the
        variance of Student's law for a size of the noise that few independent readings tell.
        """
        known, found = np.zeros((2, self.size, self.size))
        for run, own in zip(self.runs, self.columns, strict=True):
            _, _, amplitude, offset = projected(run, self.family, theta[own][None])
            curve, slopes = unit_curves(self.family, run.time, theta[own][None])
            rows = [
                curve,
                amplitude[0] * slopes[0],
                *([np.ones((1, run.sample.n))] * self.family.with_offset),
            ]
            tangent, n = np.concatenate(rows), run.sample.n
            rest = run.sample.signal - amplitude[0] * curve[0] - offset[0]
            white = run.white.apply(tangent)
            plain = inverse_products(white @ white.T) * run.variance
            rho, weight, total = np.array([run.rho]), np.ones(1), plain[None]
            if ar1:
                over = correlation_profile(run.sample, rest, tangent)
                rho, weight = over.rho, over.weight
                moved = over.shift - weight @ over.shift
                total = over.covariance + moved[:, :, None] * moved[:, None, :]
            dof = np.clip(n * (1 - rho) / np.sqrt(1 + rho**2) - len(tangent), 3.0, max(n - len(tangent), 3))
            total = np.einsum("r,rpq->pq", weight * dof / (dof - 2), total)
            inner, at = slice(1, 1 + own.size), (own[:, None], own)
            for normal, covariance in ((known, plain), (found, total)):
                normal[at] += np.linalg.inv(covariance[inner, inner])
        ratio = np.diag(inverse_products(found)) / np.diag(inverse_products(known))
        return np.sqrt(np.maximum(ratio, 1.0))

    def profile(
        self, theta: Array, rss: float, column: int, level: float, *, wider: float = 1.0
    ) -> tuple[float | None, float | None]:
        """Return the interval of a parameter by its profile; None at an end that the data leave open.

        `wider` stretches the roots of the profile.
        """
        error = self.errors(theta)
        normal, _ = self.evaluate(theta[None])[1](None)
        along = inverse_products(normal[0])[column] / error[column] ** 2
        limit = wider * float(stdtrit(max(self.dof, 1), (1 + level) / 2))
        ends = []
        for side in (-1, 1):
            start = theta + np.outer(side * REACH * error[column], along)
            depth = np.sqrt(np.maximum(self._least_nearby(start, column, error) - rss, 0.0))
            depth, reach = np.append(0.0, np.maximum.accumulate(depth)), np.append(0.0, REACH)
            inside = depth[-1] > limit
            at = theta[column] + side * error[column] * float(np.interp(limit, depth, reach))
            ends.append(float(at) if inside else None)
        return ends[0], ends[1]

    def _least_nearby(self, start: Array, column: int, error: Array) -> Array:
        """Return the least rss (V,) at held values of a parameter, an only breakpoint held on a grid too."""
        breaks = [c for c in self.breaks if c != column]
        if len(breaks) != 1:
            return self.least(start, [column])[1]
        best = start
        for width in (1.0, 0.25):
            steps = width * error[breaks[0]] * np.linspace(-3, 3, 9)
            many = np.repeat(best[:, None], steps.size, axis=1)
            many[:, :, breaks[0]] += steps
            found, rss = self.least(many.reshape(-1, self.size), [column, breaks[0]])
            place = np.argmin(rss.reshape(-1, steps.size), axis=1)
            best = found.reshape(many.shape)[np.arange(len(start)), place]
        least: Array = rss.reshape(-1, steps.size).min(axis=1)
        return least
