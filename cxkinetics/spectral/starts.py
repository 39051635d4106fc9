"""Where to start a global fit: a grid of rate constants, ranked on compressed data.

Where all spectra are free, the misfit depends only on the decay rates (the eigenvalues of K) that a
set of rate constants has: the whole grid is then ranked at once by projecting on exponentials. With
constraints or stages every grid point is evaluated as it stands.
"""

from itertools import pairwise, product

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.spectral.problem import Problem

__all__ = ["ranked_starts"]

_PER_RATE = {1: 24, 2: 10, 3: 6}
_PER_RATE_SLOW = {1: 10, 2: 6, 3: 4}
_RANDOM = 300
_TIMES_LOOKED_AT = 100


def ranked_starts(problem: Problem, rng: np.random.Generator, count: int = 2) -> list[Array]:
    """Return the best starts on a grid, different from each other, best first.

    Parameters
    ----------
    problem : Problem
        With compressed data.
    rng : Generator
        For the starts where there are too many rate constants for a grid.
    count : int
        How many at most.
    """
    scheme = problem.network.scheme
    by_eigenvalues = scheme.n_stages == 1 and not problem.constrained
    count += problem.free_rates.size > 2
    rates = _rate_grid(problem, rng, _PER_RATE if by_eigenvalues else _PER_RATE_SLOW)
    if by_eigenvalues:
        decay = _decay_rates(problem, rates)
        misfit = _misfit_of_exponentials(problem, decay)
        chosen: list[int] = []
        for i in np.argsort(misfit, kind="stable"):
            if all(np.max(np.abs(np.log((decay[i] + 1e-12) / (decay[j] + 1e-12)))) > 0.7 for j in chosen):
                chosen.append(int(i))
            if len(chosen) == count:
                break
        return [np.clip(rates[i], problem.lower, problem.upper) for i in chosen]
    trials = [np.clip(trial, problem.lower, problem.upper) for trial in _with_breakpoints(problem, rates)]
    misfit = np.array([problem.evaluate(trial).rss for trial in trials])
    chosen = []
    for i in np.argsort(misfit, kind="stable"):
        if all(_apart(problem, trials[i], trials[j]) for j in chosen):
            chosen.append(int(i))
        if len(chosen) == count + 2:
            break
    return [trials[i] for i in chosen]


def _rate_grid(problem: Problem, rng: np.random.Generator, per_rate: dict[int, int]) -> Array:
    """Return ln k, shape (grid, free rates), from three tenths of a decay to one decay per sample."""
    times = np.unique(np.concatenate([run.time_s for run in problem.runs]))
    span = float(times[-1] - times[0]) or 1.0
    shortest = float(np.min(np.diff(times))) if times.size > 1 else span
    low, high = np.log(0.3 / span), np.log(max(1 / shortest, 10 / span))
    n_rates = problem.free_rates.size
    if n_rates in per_rate:
        axis = np.linspace(low, high, per_rate[n_rates])
        return np.array(list(product(axis, repeat=n_rates)))
    return rng.uniform(low, high, (_RANDOM, n_rates))


def _decay_rates(problem: Problem, ln_rates: Array) -> Array:
    """Return the sorted decay rates of each grid point, shape (grid, species)."""
    rates = np.broadcast_to(problem.fixed_rates, (ln_rates.shape[0], problem.fixed_rates.size)).copy()
    rates[:, problem.free_rates] = np.exp(ln_rates)
    generators = np.tensordot(rates, problem.network.steps[0], 1)
    decay: Array = np.sort(np.maximum(-np.linalg.eigvals(generators).real, 0.0), axis=1)
    return decay


def _misfit_of_exponentials(problem: Problem, decay: Array) -> Array:
    total = np.zeros(decay.shape[0])
    size = decay.shape[1]
    ridge = 1e-9 * np.eye(size)
    for run in problem.runs:
        stride = max(run.time_s.size // _TIMES_LOOKED_AT, 1)
        rows = slice(None, None, stride) if run.whitening is None else slice(None)
        columns = np.exp(-decay[:, None, :] * run.time_s[:, None])
        if run.whitening is not None:
            columns = run.whitening.apply(columns)
        columns, data = columns[:, rows], run.data[rows]
        columns = columns / np.sqrt(np.einsum("gns,gns->gs", columns, columns))[:, None, :]
        moment = columns.transpose(0, 2, 1) @ data
        gram = columns.transpose(0, 2, 1) @ columns + ridge
        total += float(np.vdot(data, data)) - np.sum(moment * np.linalg.solve(gram, moment), axis=(1, 2))
    return total


def _with_breakpoints(problem: Problem, rates: Array) -> list[Array]:
    n_breaks = problem.network.scheme.n_stages - 1
    if not n_breaks:
        return list(rates)
    times = np.unique(np.concatenate([run.time_s for run in problem.runs]))
    inner = np.unique(np.quantile(times, np.linspace(0.05, 0.9, 8 if n_breaks == 1 else 5)))
    return [
        np.concatenate([rate, breaks])
        for breaks in product(inner, repeat=n_breaks)
        if all(first < second for first, second in pairwise(breaks))
        for rate in rates
    ]


def _apart(problem: Problem, one: Array, other: Array) -> bool:
    n_rates = problem.free_rates.size
    rates_differ = bool(np.any(np.abs(one - other)[:n_rates] > 0.7))
    span = problem.upper[n_rates:] - problem.lower[n_rates:]
    return rates_differ or bool(np.any(np.abs(one - other)[n_rates:] > 0.1 * span))
