"""An affine-invariant ensemble sampler for posteriors with kinks, vectorised over walkers.

Goodman and Weare, Comm. App. Math. Comp. Sci. 5, 65 (2010), doi 10.2140/camcos.2010.5.65: a walker
is stretched along the line to a partner of the other half. It needs no derivatives, which the
breaks of a broken line do not have, and no scales. Agreement between the two halves of the run
is reported as the largest potential scale reduction (1 is agreement).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array

_STRETCH = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Draws (n, p) of a posterior, the acceptance rate, and the largest potential scale reduction."""

    draws: Array
    acceptance: float
    scale_reduction: float


def sample_posterior(
    log_density: Callable[[Array], Array],
    start: Array,
    n_draws: int,
    rng: np.random.Generator,
    *,
    burn_in: int = 200,
    steps: int = 400,
) -> Sample:
    """Draw from a density known up to a constant.

    Parameters
    ----------
    log_density : callable
        Maps (m, p) parameters to (m,) values of ln density; -inf where not allowed.
    start : Array, shape (w, p)
        Starting walkers, w even and at least 2 p + 2, all allowed.
    n_draws : int
        Draws returned, thinned evenly from the run after the burn-in.
    rng : numpy.random.Generator
        Source of random numbers.
    burn_in, steps : int
        Steps thrown away and kept.
    """
    walkers = start.copy()
    count, size = walkers.shape
    half = count // 2
    logs = log_density(walkers)
    kept = np.empty((steps, count, size))
    moved = 0
    for step in range(burn_in + steps):
        for movers, others in ((slice(0, half), slice(half, count)), (slice(half, count), slice(0, half))):
            now: Array = walkers[movers]
            partners = walkers[others][rng.integers(0, count - now.shape[0], now.shape[0])]
            chance = rng.random((2, now.shape[0]))
            stretch: Array = np.square((_STRETCH - 1) * chance[0] + 1) / _STRETCH
            trial = partners + stretch[:, None] * (now - partners)
            trial_logs = log_density(trial)
            with np.errstate(invalid="ignore"):
                gain = (size - 1) * np.log(stretch) + trial_logs - logs[movers]
            accepted = np.log(chance[1]) < gain
            walkers[movers] = np.where(accepted[:, None], trial, now)
            logs[movers] = np.where(accepted, trial_logs, logs[movers])
            if step >= burn_in:
                moved += int(accepted.sum())
        if step >= burn_in:
            kept[step - burn_in] = walkers
    flat = kept.reshape(-1, size)
    chosen = rng.permutation(flat.shape[0])[:n_draws] if n_draws <= flat.shape[0] else None
    draws = flat[chosen] if chosen is not None else flat[rng.integers(0, flat.shape[0], n_draws)]
    return Sample(draws, moved / (steps * count), _scale_reduction(kept))


def _scale_reduction(kept: Array) -> float:
    """Compare the two halves of the run in time, over all walkers (split R-hat of the pooled ensemble)."""
    steps, size = kept.shape[0] // 2, kept.shape[2]
    ratios = [0.0]
    for column in range(size):
        first, second = kept[:steps, :, column], kept[-steps:, :, column]
        spread = float(first.var() + second.var())
        if spread > 0:
            ratios.append(float(first.mean() - second.mean()) ** 2 / spread)
    return float(np.sqrt(1 + max(ratios)))
