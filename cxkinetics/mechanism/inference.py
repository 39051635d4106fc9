"""How well a fitted mechanism is known: profiles, directions, perturbed refits, sources left out.

All of these are batches of the same search (`problem`). Intervals are profiles of chi2, widened by the
misfit where the fit is worse than its weights allow (a factor on every standard deviation, after Birge).
Draws are refits to perturbed readings and perturbed middles of the bounds (randomised maximum
likelihood): for a linear problem these are draws of the posterior with even priors between the bounds.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, expit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.mechanism.problem import EDGE, Problem, descend, theta_of

QUICK = 1.16
"""Steps of the solver where a thousandth in a share is enough: while searching, and in draws."""
KEPT = 0.9
"""Share of the best that a window of doses and times keeps."""
COARSE = 1.25
"""Steps of the first search from each start: it only has to end near a minimum."""
_EVEN = 1 / 1.8138
"""Pull of a logit whose prior is even between the bounds: one over the sd of the logistic distribution."""
_ROUNDS = 9
_TOGETHER = 40
"""Draws searched at once: what they hold stays in the cache."""
_KNOWN = 0.5
"""A direction counts as determined where its sd is at most this share of what the bounds alone say."""
_EVEN_SD = 1 / np.sqrt(12)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Ends of the intervals (parameters, 2) in logits, NaN where a bound comes first, and the best found."""

    ends: Array
    best: Array
    chi2: float


def profile(problem: Problem, best: Array, chi2: float, *, confidence: float, scale: float) -> Profile:
    """Return where chi2, minimised over all other parameters, passes the level on each side.

    Parameters
    ----------
    problem : Problem
        Of one problem.
    best : Array, shape (parameters,)
        Logits of the minimum.
    chi2 : float
        There, the pull included.
    confidence : float
        Of the intervals.
    scale : float
        Factor on every standard deviation (misfit).
    """
    level = float(chdtri(1, 1 - confidence)) * scale**2
    size = best.size
    count = 2 * size
    which = np.repeat(np.arange(size), 2)
    sign = np.tile([-1.0, 1.0], size)
    many = replace(problem.repeated(count), ratio=QUICK)
    base = float(replace(problem, ratio=QUICK).evaluate(best[None])[0][0])
    covariance = _covariance(problem, best)
    width = np.sqrt(np.diag(covariance))
    free = np.ones((count, size), bool)
    free[np.arange(count), which] = False
    inner = np.repeat(best[None], count, axis=0)
    inside = best[which].copy()
    outside = np.full(count, np.nan)
    height_in, height_out = np.zeros(count), np.full(count, np.nan)
    reach = np.clip(np.sqrt(level) * width[which], 0.05, 3.0)
    closed = np.zeros(count, bool)
    for _ in range(_ROUNDS):
        bracketed = np.isfinite(outside)
        share = np.where(
            bracketed, (np.sqrt(level) - np.sqrt(height_in)) / (np.sqrt(height_out) - np.sqrt(height_in)), 0.0
        )
        between = inside + np.clip(share, 0.1, 0.9) * (outside - inside)
        trial = np.where(bracketed, between, np.clip(inside + sign * reach, -EDGE, EDGE))
        live = ~closed & (np.abs(trial - inside) > 1e-3)
        if not live.any():
            break
        moved = (trial - inside)[:, None] * (covariance[which] / covariance[which, which][:, None])
        start = np.clip(inner + np.clip(moved, -2.0, 2.0), -EDGE, EDGE)
        start[np.arange(count), which] = trial
        rows = np.flatnonzero(live)
        found = descend(many.rows(live), start[rows], iterations=12, free=free[rows], tolerance=1e-3)
        height = np.maximum(found.rss - base, 0.0)
        within = height <= level
        kept = rows[within]
        inside[kept], height_in[kept], inner[kept] = trial[kept], height[within], found.theta[within]
        beyond = rows[~within]
        outside[beyond], height_out[beyond] = trial[beyond], height[~within]
        reach[kept] = np.minimum(2 * reach[kept], 3.0)
        closed |= np.isfinite(outside) & (
            np.abs(np.sqrt(height_out) - np.sqrt(height_in)) < 0.1 * np.sqrt(level)
        )
    reached = np.isfinite(outside)
    share = (np.sqrt(level) - np.sqrt(height_in)) / (np.sqrt(height_out) - np.sqrt(height_in))
    ends = np.where(reached, inside + np.clip(share, 0, 1) * (outside - inside), np.nan)
    lowest = inner[int(np.argmin(many.evaluate(inner)[0]))]
    better = descend(problem, lowest[None], iterations=20)
    if better.rss[0] < chi2:
        return Profile(ends.reshape(size, 2), better.theta[0], float(better.rss[0]))
    return Profile(ends.reshape(size, 2), best, chi2)


def _covariance(problem: Problem, best: Array) -> Array:
    _, products = problem.evaluate(best[None])
    return np.asarray(np.linalg.inv(products(None)[0][0]))


def determined_directions(problem: Problem, best: Array, *, scale: float) -> int:
    """Return how many combinations of the parameters the data say more of than the bounds do.

    In parts of each range (0-1), where even knowledge has an sd of 0.29: a direction counts where the
    data alone leave at most half of that.
    """
    jacobian = problem.jacobian(best[None])
    points = problem.readings.shape[1]
    parts = expit(best)
    turn = np.maximum(parts * (1 - parts), 1e-6)
    by_part = jacobian[0][:, :points] / turn[:, None] / scale
    information = np.linalg.eigvalsh(by_part @ by_part.T)
    return int(np.sum(information > (1 / (_KNOWN * _EVEN_SD)) ** 2))


def perturbed(problem: Problem, best: Array, count: int, scale: float, rng: np.random.Generator) -> Array:
    """Return draws of the logits (at most `count`, parameters): refits to perturbed readings."""
    sizes = [min(_TOGETHER, count - first) for first in range(0, count, _TOGETHER)]
    return np.concatenate([_perturbed(problem, best, size, scale, rng) for size in sizes])


def _perturbed(problem: Problem, best: Array, count: int, scale: float, rng: np.random.Generator) -> Array:
    many = replace(problem.repeated(count), ratio=QUICK, pull=_EVEN)
    noise = rng.standard_normal(many.readings.shape)
    sd = np.where(many.weights > 0, scale / np.maximum(many.weights, 1e-300), 0.0)
    shifted = replace(
        many,
        readings=many.readings + sd * noise,
        weights=many.weights / scale,
        middle=rng.standard_normal(many.middle.shape) / _EVEN,
    )
    found = descend(shifted, np.repeat(best[None], count, axis=0), iterations=25, tolerance=1e-3)
    good: BoolArray = np.isfinite(found.rss)
    return np.asarray(found.theta[good])


def left_out(problem: Problem, best: Array, masks: Array) -> Array:
    """Return chi2 (pull left aside) of refits in which readings are weighed by each mask."""
    many = problem.repeated(masks.shape[0])
    many = replace(many, weights=many.weights * masks)
    quick = replace(many, ratio=QUICK)
    found = descend(quick, np.repeat(best[None], masks.shape[0], axis=0), iterations=20, tolerance=1e-3)
    residual = many.residuals(found.theta)
    return np.asarray(np.sum(residual[:, : problem.readings.shape[1]] ** 2, axis=1))


def parameters_of(problem: Problem, z: Array) -> Array:
    """Return parameters (problems, parameters) at logits."""
    return np.asarray(theta_of(problem.eye.mechanism, z).T)
