"""Is there a breakpoint? A p-value simulated for this very trace.

The statistic is F = (rss0 - min_b rss1)/(min_b rss1/(n - p)) under generalised least squares, with
rss0 from the model without the break. Its law under the null depends on the times, the offset, the
noise correlation and on how many places the break was looked for, so no table serves: the 5 %
critical value runs from 7 to over 20. It is simulated in the tangent space of the null fit: the
curve without the break is replaced by its tangent N, a break at b is the direction h_b = -(f - o)
max(t - b, 0), and AR(1) noise is put through the same search, its rho estimated anew by restricted
likelihood in every replicate. A pilot run corrects the bias of that estimate.

p says only "not this curve without a break"; a smooth curve of another shape gives a small p too,
so the rivals must be asked as well.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc

from cxkinetics.arrays import Array, thinned_out
from cxkinetics.inference.accepted import parabola, vertex
from cxkinetics.inference.ar1 import (
    EvenProducts,
    Sample,
    Whitening,
    ar1_noise,
    even_products,
    hidden_squares,
    whitening,
)
from cxkinetics.inference.wander import wander_of
from cxkinetics.kinetics.optimum import ROUNDING, Fitted, found_in, settled_in, tangent
from cxkinetics.kinetics.reduction import in_all_readings, slowed
from cxkinetics.kinetics.search import Found, break_cells
from cxkinetics.models.families import StartingFamily

DIRECTIONS = 100
"""Places at most at which a replicate looks for its break."""
PILOT = 150
"""Replicates that measure the bias of rho."""
UNSURE = 3000
"""Readings up to which rho is so unsure that every replicate estimates it anew, from all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakTest:
    """The outcome: statistic, simulated p = (1 + #{F* >= F})/(B + 1), replicates, critical value at 5 %.

    `wander_p` is the same p where the noise is white and slow wander together, which has the standard
    deviation `wander_sd` (scaled) and lasts for `wander_lasts` neighbours; None where it was not asked for.
    `seed_free_p` is p by the tube formula, at the correlation found (see `seed_free_p_value`).
    """

    statistic: float
    p_value: float
    seed_free_p: float
    n_replicates: int
    critical_5_percent: float
    wander_p: float | None = None
    wander_sd: float | None = None
    wander_lasts: float | None = None


def break_test(
    null: Found, alternative: Fitted, *, n_replicates: int, rng: np.random.Generator, wander: float = 0.0
) -> BreakTest:
    """Return the simulated test of one break more.

    Parameters
    ----------
    null : Found
        The model without the break, at rest under the same whitening as the alternative.
    alternative : Fitted
        The model with the break.
    n_replicates : int
        Simulated traces, at least 99.
    rng : numpy.random.Generator
        Source of the noise.
    wander : float
        Largest p up to which white noise and wander together are tried too.
    """
    blocks, ar1 = alternative.sample.blocks, alternative.correlation is not None
    if blocks is not None and blocks.whole.n <= UNSURE:
        alternative = in_all_readings(alternative)
        null = found_in(null, blocks.whole, alternative.white)
    sample = alternative.sample
    statistic, jacobian, directions, dof = _setting(null, alternative)
    rho = alternative.rho
    if not ar1 or sample.blocks is not None:
        grid = np.array([rho])
    else:
        sd = np.sqrt((1.0 - rho**2) / sample.n + 0.3 / sample.n)
        grid = _around(rho, sd)
        pilot = ar1_noise(sample, rho, PILOT, rng)
        _, chosen = _statistics(sample, jacobian, directions, pilot, grid=grid, dof=dof)
        # replicates made at rho come back lower by the bias that rho itself has already suffered
        rho = float(np.clip(2 * rho - chosen.mean(), -0.7, 0.98))
        grid = _around(rho, sd)
    noise = ar1_noise(sample, rho, n_replicates, rng)
    hidden = hidden_squares(sample, n_replicates, rng)
    simulated, _ = _statistics(sample, jacobian, directions, noise, grid=grid, dof=dof, hidden=hidden)
    p_value = _p_value(simulated, statistic)
    found = BreakTest(
        statistic=float(statistic),
        p_value=p_value,
        seed_free_p=seed_free_p_value(
            whitening(sample, alternative.rho),
            jacobian,
            directions,
            statistic=statistic,
            dof=dof,
            n_hidden=sample.n_read - sample.n,
        ),
        n_replicates=n_replicates,
        critical_5_percent=float(np.quantile(simulated, 0.95)),
    )
    if p_value > wander or not ar1:
        return found
    gap = sample.gap
    if sample.blocks is not None:
        null, alternative = _slowly(null, alternative, slowed(sample.blocks.whole, alternative.found))
        statistic, jacobian, directions, dof = _setting(null, alternative)
        sample, grid = alternative.sample, np.array([alternative.rho])
    strays = wander_of(sample, alternative.residual, alternative.jacobian)
    noise = strays.noise(sample, n_replicates, rng)
    slower = np.unique(np.concatenate([grid, WIDE]))  # the correlation that one number makes of both
    simulated, _ = _statistics(sample, jacobian, directions, noise, grid=slower, dof=dof)
    return replace(
        found,
        wander_p=_p_value(simulated, statistic),
        wander_sd=strays.sd,
        wander_lasts=strays.lasts * (sample.gap / gap),
    )


def _setting(null: Found, alternative: Fitted) -> tuple[float, Array, Array, int]:
    """Return F, the tangent (p, n) of the null, the directions (b, n) of breaks, and degrees of freedom."""
    sample = alternative.sample
    dof = max(sample.n_read - alternative.n_parameters, 1)
    floor = sample.n_read * ROUNDING**2
    least = max(alternative.found.rss, floor)
    statistic = max(max(null.rss, floor) - least, 0.0) / (least / dof * sample.inflation)
    residual, jacobian = tangent(sample, null)
    curve = sample.signal - residual
    offset = null.theta[-1] if null.family.with_offset else 0.0
    gaps = break_cells(sample, 2)
    knots = thinned_out(sample.time[gaps[0] : gaps[-1] + 2], DIRECTIONS)
    clock = sample.time
    if isinstance(null.family, StartingFamily):
        tau = float(null.theta[null.family.tau])
        clock, knots = null.family.own_times(clock, tau), null.family.own_times(knots, tau)
    directions = -(curve - offset) * np.maximum(clock - knots[:, None], 0.0)
    return float(statistic), jacobian, directions, dof


def _slowly(null: Found, alternative: Fitted, slow: Sample) -> tuple[Found, Fitted]:
    """Return both models in averages of equally many readings, under a correlation of their own."""
    fitted = settled_in(alternative, slow)
    return found_in(null, slow, fitted.white), fitted


def seed_free_p_value(
    white: Whitening,
    jacobian: Array,
    directions: Array,
    *,
    statistic: float,
    dof: int,
    n_hidden: int = 0,
) -> float:
    """Return p of the largest F over all breaks by the tube formula: no simulation, and no least value.

    The directions (b, n), cleared of the tangent (p, n) and of length one, run along a curve on the unit
    sphere in d dimensions; its length is kappa. With w^2 = F/(F + dof), P(max |<direction, noise>| >= w)
    is about kappa/pi (1 - w^2)^((d - 2)/2) + P(Beta(1/2, (d - 1)/2) >= w^2): H. Hotelling, Am. J. Math.
    61, 440 (1939), doi 10.2307/2371512; M. Knowles, D. Siegmund, Int. Stat. Rev. 57, 205 (1989),
    doi 10.2307/1403794. The correlation of the noise is taken as known.
    `n_hidden` readings stand beyond the points.
    """
    columns = white.apply(jacobian)
    columns = columns[np.any(columns != 0, axis=1)]
    basis = np.linalg.qr(columns.T)[0]
    along = white.apply(directions)
    own = np.linalg.norm(along, axis=1)
    along = along - (along @ basis) @ basis.T
    length = np.linalg.norm(along, axis=1)
    usable = length > 1e-4 * own
    unit = along[usable] / length[usable, None]
    kappa = float(np.sum(np.arccos(np.clip(np.abs(np.einsum("bn,bn->b", unit[1:], unit[:-1])), 0.0, 1.0))))
    d, rest = columns.shape[1] + n_hidden - columns.shape[0], dof / (statistic + dof)
    crossed = kappa / math.pi * rest ** ((d - 2) / 2)
    return min(1.0, float(crossed + betainc((d - 1) / 2, 0.5, rest)))


WIDE: Array = np.array([-0.3, 0.0, 0.25, 0.5, 0.7, 0.85, 0.95])
"""Correlations at which noise with wander is looked at besides."""


def _p_value(simulated: Array, statistic: float) -> float:
    return (1 + int(np.sum(simulated >= statistic))) / (simulated.size + 1)


def _statistics(
    sample: Sample,
    jacobian: Array,
    directions: Array,
    noise: Array,
    *,
    grid: Array,
    dof: int,
    hidden: Array | float = 0.0,
) -> tuple[Array, Array]:
    """Return F* and rho* of each noise series (B, n), rho* by restricted likelihood on the grid.

    All that is needed are the products u'R^-1 v of noise, tangent and directions; on even spacing
    these are quadratic in rho, so that three sets of products serve the whole grid.
    """
    width = jacobian.shape[0]
    scale = np.sqrt(np.einsum("pn,pn->p", jacobian / sample.sigma, jacobian / sample.sigma))
    columns = np.concatenate([jacobian / np.where(scale > 0, scale, 1.0)[:, None], directions])
    products = _products(noise / sample.sigma, columns / sample.sigma) if sample.even else None
    levels = np.full((grid.size, noise.shape[0]), np.inf)
    statistics = np.zeros_like(levels)
    for number, value in enumerate(grid):
        white = whitening(sample, float(value))
        if products is None:
            series, whitened = white.apply(noise), white.apply(columns)
            mixed, own = series @ whitened.T, whitened @ whitened.T
            total = np.einsum("bn,bn->b", series, series) + hidden
        else:
            mixed, own, total = (part.at(value) for part in products)
        normal = own[:width, :width] + 1e-13 * np.eye(width)
        # what a break gains beyond the tangent of the null: no replicate has to be fitted
        held = np.linalg.solve(normal, own[:width, width:])
        length = np.diag(own)[width:] - np.einsum("pb,pb->b", own[:width, width:], held)
        usable = length > np.maximum(1e-8 * np.diag(own)[width:], 1e-24)
        if not usable.any():  # nothing decays, so no rate can change
            continue
        score = mixed[:, width:] - mixed[:, :width] @ held
        if not usable.all():  # else the copy would cost as much as the products
            score, length = score[:, usable], length[usable]
        gain = score**2 / length
        where = np.argmax(gain, axis=1)
        best_gain = gain[np.arange(gain.shape[0]), where]
        explained = np.einsum("bp,bp->b", mixed[:, :width], np.linalg.solve(normal, mixed[:, :width].T).T)
        left = np.maximum(total - explained - best_gain, 1e-290)
        levels[number] = (
            (sample.n - width - 1) * np.log(left)
            + np.linalg.slogdet(normal)[1]
            + np.log(length[where])
            + float(white.log_determinant)
        )
        statistics[number] = best_gain / (left / dof)
    return _at_lowest(grid, levels, statistics)


def _around(rho: float, sd: float) -> Array:
    """Return the grid of correlations to look at; the estimate's law leans to the low side."""
    return np.unique(np.clip(rho + sd * np.linspace(-4.5, 3.5, 9), -0.7, 0.98))


def _at_lowest(grid: Array, levels: Array, statistics: Array) -> tuple[Array, Array]:
    """Return the statistic and rho of least level of each series; parabolas between grid points (G, B)."""
    lowest = np.argmin(levels, axis=0)
    series = np.arange(levels.shape[1])
    if grid.size < 3:
        return statistics[lowest, series], grid[lowest]
    middle = np.clip(lowest, 1, grid.size - 2)
    near = middle + np.array([[-1], [0], [1]])
    x, y, f = grid[near], levels[near, series], statistics[near, series]
    at = vertex(x, y)
    rho = np.where((middle == lowest) & np.isfinite(at), np.clip(at, x[0], x[2]), grid[lowest])
    return np.maximum(parabola(x, f, rho), 0.0), rho


def _products(noise: Array, columns: Array) -> tuple[EvenProducts, EvenProducts, EvenProducts]:
    """Return the products of noise with columns, of columns with columns, and of noise with itself."""
    square = EvenProducts(
        np.einsum("bn,bn->b", noise, noise),
        2 * np.einsum("bn,bn->b", noise[:, 1:], noise[:, :-1]),
        np.einsum("bn,bn->b", noise[:, 1:-1], noise[:, 1:-1]),
    )
    return even_products(noise, columns), even_products(columns, columns), square
