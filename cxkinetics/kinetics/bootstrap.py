"""Bootstrap of a staged fit: parametric, residual or moving-block, all replicates in one batch.

Replicates are refitted from the optimum in the gaps that its likelihood profile admits, and walk on
to neighbouring gaps from there. Intervals are percentiles of the replicates, a check beside the
profile intervals, which remain the ones to quote (percentiles of a breakpoint under-cover a little).

References
----------
B. Efron, R. Tibshirani, An Introduction to the Bootstrap, Chapman & Hall 1993; moving blocks: H. R.
Kuensch, Ann. Stat. 17, 1217 (1989), doi 10.1214/aos/1176347265.
"""

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import ar1_noise
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.optimum import Fitted
from cxkinetics.kinetics.profile import profile_space
from cxkinetics.kinetics.result import Bootstrap
from cxkinetics.kinetics.search import box
from cxkinetics.models.families import AmplitudeFamily, StagedFamily

KINDS = ("parametric", "residual", "block")
MOST_CELLS = 5
"""Gaps from which each replicate starts."""
WALK = 40
"""Steps to neighbouring gaps at most."""


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
    curve = sample.signal - fitted.residual
    signals = curve + _noise(fitted, n_replicates, kind, rng)
    theta, good = replicate_fits(fitted, signals)
    lead = (sample.first_s - sample.anchor_s) / sample.span_s
    told = AmplitudeFamily(family, lead)
    theta, shown = told.told(theta[good]), told.told(fitted.theta[None, :])[0]
    scales = {"C": (sample.scale, unit), "k": (1 / sample.span_s, "1/s"), "b": (sample.span_s, "s")}
    scales["o"] = (sample.scale, unit)
    quantities: dict[str, Estimate] = {}
    for index, name in enumerate(family.names):
        if fitted.held[index]:
            continue
        factor, of_unit = scales[name[0]]
        shift = {"b": sample.first_s, "o": offset}.get(name[0], 0.0)
        value = float(shown[index]) * factor + shift
        quantities[name] = _percentiles(name, value, theta[:, index] * factor + shift, of_unit, kind, level)
    if "k2" in family.names:
        first = family.names.index("k1")
        value = float(fitted.theta[first] / fitted.theta[first + 1])
        draws = theta[:, first] / theta[:, first + 1]
        quantities["k1/k2"] = _percentiles("k1/k2", value, draws, "", kind, level)
    return Bootstrap(kind=kind, n_replicates=n_replicates, n_converged=int(good.sum()), quantities=quantities)


def _percentiles(name: str, value: float, draws: Array, unit: str, kind: str, level: float) -> Estimate:
    if draws.size < 20:
        reason = f"only {draws.size} replicates converged"
        return Estimate(name=name, value=value, unit=unit, method=f"{kind} bootstrap", reason=reason)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        name=name,
        value=value,
        se=float(np.std(draws, ddof=1)),
        low=float(low),
        high=float(high),
        unit=unit,
        method=f"{kind} bootstrap, percentiles",
    )


def _noise(fitted: Fitted, n_replicates: int, kind: str, rng: np.random.Generator) -> Array:
    """Return noise series (B, n) on the sample's scale."""
    sample, dof = fitted.sample, fitted.dof
    inflate = np.sqrt(sample.n / dof)
    if kind == "parametric":
        sd = np.sqrt(fitted.found.rss / dof)
        simulated: Array = sd * ar1_noise(sample, fitted.rho, n_replicates, rng)
        return simulated
    if kind == "residual":
        white = fitted.white.apply(fitted.residual)
        drawn = inflate * (white - white.mean())[rng.integers(0, sample.n, (n_replicates, sample.n))]
        series: Array = np.empty((n_replicates, sample.n))
        series[:, 0] = drawn[:, 0] / fitted.white.diagonal[0]
        for i in range(1, sample.n):
            carried = drawn[:, i] + fitted.white.lagged[i] * series[:, i - 1]
            series[:, i] = carried / fitted.white.diagonal[i]
        return series
    scaled = fitted.residual / sample.sigma
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
    if fitted.given_breaks or not isinstance(family, StagedFamily) or family.n_stages == 1:
        cells = space.cells[:1] if fitted.given_breaks or family.n_stages == 1 else space.cells
        theta = space.theta[: cells.shape[0]]
    else:
        pick = np.unique(np.linspace(0, space.cells.shape[0] - 1, MOST_CELLS).astype(int))
        cells, theta = space.cells[pick], space.theta[pick]
    count = cells.shape[0]
    start = np.repeat(theta, n_replicates, axis=0)
    many = np.repeat(cells, n_replicates, axis=0) if cells.size else None
    target = Target(sample.time, np.tile(signals, (count, 1)), fitted.white)
    free = ~fitted.held
    lower = upper = None
    walks = isinstance(family, StagedFamily) and family.n_stages > 1 and not fitted.given_breaks
    if walks and many is not None and isinstance(family, StagedFamily):
        lower, upper = box(family, sample, many)
    done = descend(
        family, target, start, cell=many, lower=lower, upper=upper, free=free, iterations=30, tolerance=1e-8
    )
    rss = done.rss.reshape(count, n_replicates)
    best = np.argmin(rss, axis=0)
    rows = best * n_replicates + np.arange(n_replicates)
    values, least, converged = done.theta[rows], done.rss[rows], done.converged[rows]
    if walks and many is not None and isinstance(family, StagedFamily):
        values, converged = _walk(fitted, family, signals, values, least, many[rows].copy(), converged)
    return values, converged


def _walk(
    fitted: Fitted,
    family: StagedFamily,
    signals: Array,
    theta: Array,
    rss: Array,
    cells: IntArray,
    converged: BoolArray,
) -> tuple[Array, BoolArray]:
    """Let breakpoints that rest on the edge of their gap go on into the next one."""
    sample = fitted.sample
    last = sample.n - 4
    active = np.arange(theta.shape[0])
    for _ in range(WALK):
        breaks = theta[active][:, family.breaks]
        here = cells[active]
        move = np.where(breaks >= sample.time[here + 1], 1, 0) - np.where(breaks <= sample.time[here], 1, 0)
        trial = here + move
        padded = np.concatenate(
            [np.full((len(trial), 1), -1), trial, np.full((len(trial), 1), sample.n - 1)], axis=1
        )
        roomy = (np.diff(padded, axis=1) >= 3).all(axis=1) & (trial <= last).all(axis=1)
        allowed = (move != 0).any(axis=1) & roomy
        active, trial = active[allowed], trial[allowed]
        if not active.size:
            break
        lower, upper = box(family, sample, trial)
        done = descend(
            family,
            Target(sample.time, signals[active], fitted.white),
            theta[active],
            cell=trial,
            lower=lower,
            upper=upper,
            iterations=20,
            tolerance=1e-8,
        )
        better = done.rss < rss[active] * (1 - 1e-12)
        moved = active[better]
        theta[moved], rss[moved], cells[moved] = done.theta[better], done.rss[better], trial[better]
        converged[moved] = done.converged[better]
        active = moved
    return theta, converged
