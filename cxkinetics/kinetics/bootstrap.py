"""Bootstrap of a staged fit: parametric, residual or moving-block, all replicates in one batch.

Replicates are refitted from the optimum in the gaps that its likelihood profile admits, and walk on
to neighbouring gaps from there. Intervals are percentiles of the replicates, a check beside the
profile intervals, which remain the ones to quote (percentiles of a breakpoint under-cover a little).

References
----------
B. Efron, R. Tibshirani, An Introduction to the Bootstrap, Chapman & Hall 1993; moving blocks: H. R.
Kuensch, Ann. Stat. 17, 1217 (1989), doi 10.1214/aos/1176347265.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray, thinned_out
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.inference.ar1 import ar1_noise, coloured
from cxkinetics.inference.descent import Descent, Target, descend
from cxkinetics.kinetics.optimum import Fitted
from cxkinetics.kinetics.profile import profile_space
from cxkinetics.kinetics.result import Bootstrap
from cxkinetics.kinetics.search import box, walk
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import AmplitudeFamily, StagedFamily, StartingFamily

MOST_CELLS = 5
"""Gaps from which each replicate starts."""


def bootstrap_fit(
    fitted: Fitted,
    *,
    n_replicates: int,
    kind: str,
    level: float,
    unit: str,
    offset: float,
    rng: np.random.Generator,
) -> Bootstrap:
    """Return percentile intervals of every quantity of a fit.

    Parameters
    ----------
    fitted : Fitted
        The fit shown.
    n_replicates : int
        Replicates.
    kind : {"parametric", "residual", "block"}
        AR(1) noise of the fitted size; whitened residuals drawn anew; blocks of residuals.
    level : float
        Level of the intervals.
    unit : str
        Unit of the signal.
    offset : float
        Offset that was subtracted beforehand, in `unit`.
    rng : numpy.random.Generator
        Source of the replicates.
    """
    sample, family = fitted.sample, fitted.family
    assert not isinstance(family, DecayFamily), "replicates are those of stages"
    curve = sample.signal - fitted.residual
    signals = curve + _noise(fitted, n_replicates, kind, rng)
    theta, good = replicate_fits(fitted, signals)
    told = AmplitudeFamily(family, sample.from_anchor)
    theta, shown = told.told(theta[good]), told.told(fitted.theta[None, :])[0]
    scales = {"C": (sample.scale, unit), "k": (1 / sample.span_s, "1/s"), "b": (sample.span_s, "s")}
    scales |= {"o": (sample.scale, unit), "tau": (sample.span_s, "s"), "w": (sample.span_s, "s")}
    if isinstance(family, StartingFamily):
        theta, shown = family.told(theta), family.told(shown[None, :])[0]
    quantities: dict[str, Estimate] = {}
    for index, name in enumerate(family.names):
        if fitted.held[index]:
            continue
        factor, of_unit = scales.get(name) or scales[name[0]]
        shift = {"b": sample.first_s, "o": offset}.get(name[0], 0.0)
        value = float(shown[index]) * factor + shift
        quantities[name] = _percentiles(
            name, value, theta[:, index] * factor + shift, of_unit, kind=kind, level=level
        )
    if "k2" in family.names:
        first = family.names.index("k1")
        value = float(fitted.theta[first] / fitted.theta[first + 1])
        draws = theta[:, first] / theta[:, first + 1]
        quantities["k1/k2"] = _percentiles("k1/k2", value, draws, "", kind=kind, level=level)
    return Bootstrap(kind=kind, n_replicates=n_replicates, n_converged=int(good.sum()), quantities=quantities)


def _percentiles(name: str, value: float, draws: Array, unit: str, *, kind: str, level: float) -> Estimate:
    found = Estimate(name=name, value=value, unit=unit, method=f"{kind} bootstrap")
    if draws.size < 20:
        return replace(found, reason=f"only {draws.size} replicates converged")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
    with np.errstate(over="ignore", invalid="ignore"):  # a ratio to nearly nothing has no finite spread
        method, se = f"{found.method}, percentiles", finite_or_none(float(np.std(draws, ddof=1)))
    missed = "" if low <= value <= high else "the replicates miss the value: stretched to it"
    low, high = min(low, value), max(high, value)
    return replace(found, se=se, low=low, high=high, method=method, reason=missed)


def _noise(fitted: Fitted, n_replicates: int, kind: str, rng: np.random.Generator) -> Array:
    """Return noise series (B, n) on the sample's scale."""
    sample, dof = fitted.sample, fitted.dof
    inflate = np.sqrt(sample.n / dof)
    if kind == "parametric":
        sd = np.sqrt(fitted.found.rss / dof)
        simulated: Array = sd * ar1_noise(sample, fitted.rho, n_replicates, rng)
        return simulated
    if kind == "residual":
        white = fitted.white.apply(fitted.rest)
        drawn = inflate * (white - white.mean())[rng.integers(0, sample.n, (n_replicates, sample.n))]
        return coloured(sample, fitted.rho, drawn)
    scaled = fitted.rest / sample.sigma
    memory = (1 + max(fitted.rho, 0.0)) / (1 - max(fitted.rho, 0.0))
    length = int(np.clip(round(sample.n ** (1 / 3) * memory), 2, max(sample.n // 3, 2)))
    n_blocks = -(-sample.n // length)
    starts = rng.integers(0, sample.n - length + 1, (n_replicates, n_blocks))
    index = (starts[:, :, None] + np.arange(length)).reshape(n_replicates, -1)[:, : sample.n]
    blocks: Array = inflate * (scaled - scaled.mean())[index] * sample.sigma
    return blocks


def replicate_fits(fitted: Fitted, signals: Array) -> tuple[Array, BoolArray]:
    """Return parameters (B, p) and convergence (B,) of a fit repeated on other signals (B, n)."""
    family, sample = fitted.family, fitted.sample
    n_replicates = signals.shape[0]
    space = profile_space(fitted)
    cells, theta = space.cells, space.theta
    walks = isinstance(family, StagedFamily) and family.n_stages > 1 and not fitted.given_breaks
    walks = walks and cells.size > 0  # a gradual switch stands in no gap
    if walks:
        pick = thinned_out(np.arange(len(cells)), MOST_CELLS)
        cells, theta = cells[pick], theta[pick]
    count = len(cells)
    start, many = np.repeat(theta, n_replicates, axis=0), np.repeat(cells, n_replicates, axis=0)
    target = Target(sample.time, np.tile(signals, (count, 1)), fitted.white)
    bounded = isinstance(family, StartingFamily) or walks
    lower, upper = box(family, sample, many) if bounded and isinstance(family, StagedFamily) else (None, None)
    limits: dict[str, Any] = {"lower": lower, "upper": upper, "free": ~fitted.held}
    cell = many if many.size else None
    done = descend(family, target, start, cell=cell, **limits, iterations=30, tolerance=1e-8)
    rss = done.rss.reshape(count, n_replicates)
    best = np.argmin(rss, axis=0)
    rows = best * n_replicates + np.arange(n_replicates)
    done = Descent(done.theta[rows], done.rss[rows], done.converged[rows])
    if walks and isinstance(family, StagedFamily):
        here = Target(sample.time, signals, fitted.white)
        done, _ = walk(family, sample, here, done, many[rows], tolerance=1e-8)
    return done.theta, done.converged
