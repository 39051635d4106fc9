"""The global optimum of a whole-spectrum fit: a grid of starts, descents on compressed data, then on all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.inference.descent import Products, minimise
from cxkinetics.spectral.problem import Evaluation, Problem

_PER_RATE = {1: 24, 2: 10, 3: 6}
_PER_RATE_SLOW = {1: 10, 2: 6, 3: 4}
_RANDOM = 300  # starts with four and more rate constants, where a grid would need thousands
_TIMES_LOOKED_AT = 100  # of white noise: enough to rank starts, which are refined on all of them


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

        def apart(i: int, j: int) -> bool:
            return bool(np.max(np.abs(np.log((decay[i] + 1e-12) / (decay[j] + 1e-12)))) > 0.7)

        chosen = _distinct(_misfit_of_exponentials(problem, decay), count, apart)
        return [np.clip(rates[i], problem.lower, problem.upper) for i in chosen]
    trials = [np.clip(trial, problem.lower, problem.upper) for trial in _with_breakpoints(problem, rates)]
    misfit = np.array([problem.evaluate(trial).rss for trial in trials])
    chosen = _distinct(misfit, count + 2, lambda i, j: _apart(problem, trials[i], trials[j]))
    return [trials[i] for i in chosen]


def _distinct(misfit: Array, count: int, apart: Callable[[int, int], bool]) -> list[int]:
    """Return the best few that are apart from all better ones, best first."""
    chosen: list[int] = []
    for i in np.argsort(misfit, kind="stable").tolist():
        if len(chosen) < count and all(apart(i, j) for j in chosen):
            chosen.append(i)
    return chosen


def sampled(times_s: Sequence[Array]) -> tuple[Array, float, float]:
    """Return the times of all runs, their span and the shortest step between them, s."""
    times = np.unique(np.concatenate(times_s))
    span = float(times[-1] - times[0]) or 1.0
    return times, span, float(np.min(np.diff(times))) if times.size > 1 else span


def _rate_grid(problem: Problem, rng: np.random.Generator, per_rate: dict[int, int]) -> Array:
    """Return ln k, shape (grid, free rates), from three tenths of a decay to one decay per sample."""
    _, span, shortest = sampled([run.time_s for run in problem.runs])
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
    return np.sort(np.maximum(-np.linalg.eigvals(generators).real, 0.0), axis=1)


def _misfit_of_exponentials(problem: Problem, decay: Array) -> Array:
    total = np.zeros(decay.shape[0])
    size = decay.shape[1]
    ridge = 1e-9 * np.eye(size)
    for run in problem.runs:
        stride = max(run.time_s.size // _TIMES_LOOKED_AT, 1)
        rows = slice(None, None, stride if run.whitening.identity else 1)
        columns = run.whitening.apply_down(np.exp(-decay[:, None, :] * run.time_s[:, None]))
        columns, data = columns[:, rows], run.data[rows]
        size_of_each = np.sqrt(np.einsum("gns,gns->gs", columns, columns))
        columns = columns / np.maximum(size_of_each, 1e-300)[:, None, :]  # long gone before the first reading
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


_MOST_SCANNED = 48
STARTS: Array = np.array([0.0, 0.6, 2.5, 10.0])
"""Start-up times from which a descent begins, in shortest steps between spectra."""
LONGEST_STEP = 1.5
"""In ln k: the tangent of an exponential says nothing of rates five times as large."""
STILL = 1e-10
"""Relative step at which a descent rests: the misfit is a difference of sums of squares, whose rounding
may exceed any gain that is left."""


class Optimum(NamedTuple):
    """A point of rest: parameters, what the problem says there, and whether the descent converged."""

    theta: Array
    evaluation: Evaluation
    converged: bool


def descend(
    problem: Problem,
    start: Array,
    *,
    lower: Array | None = None,
    upper: Array | None = None,
    held: BoolArray | None = None,
    iterations: int = 60,
    tolerance: float = 1e-14,
) -> Optimum:
    """Return where a descent with the exact Jacobian comes to rest inside the box.

    Parameters
    ----------
    problem : Problem
        What is minimised.
    start : Array, shape (p,)
        ln k and breakpoints.
    lower, upper : Array, shape (p,), optional
        The box; that of the problem by default.
    held : BoolArray, shape (p,), optional
        Parameters that stay at their start.
    iterations : int
        Steps at most.
    tolerance : float
        Relative gain of the misfit below which the descent stops.
    """
    low = problem.lower if lower is None else lower
    high = problem.upper if upper is None else upper
    begin = np.clip(start, low, high)  # a held parameter too: a walk along a profile may end on the wall
    if not begin.size:
        return Optimum(begin, problem.evaluate(begin), True)
    projected = _Projected(problem)
    done = minimise(
        projected,
        begin[None, :],
        lower=low,
        upper=high,
        free=None if held is None else ~held,
        iterations=iterations,
        tolerance=tolerance,
        reach=np.where(np.arange(begin.size) < problem.free_rates.size, LONGEST_STEP, np.inf),
        still=STILL,
    )
    assert projected.here is not None
    return Optimum(done.theta[0], projected.here, bool(done.converged[0]))


@dataclass(slots=True, eq=False)
class _Projected:
    """One problem as a batch of one; `here` is what it says at the last place whose products were asked."""

    problem: Problem
    here: Evaluation | None = None

    def evaluate(self, theta: Array) -> tuple[Array, Products]:
        trial = self.problem.evaluate(theta[0])

        def products(_: BoolArray | None) -> tuple[Array, Array]:
            self.here = trial
            return trial.curvature[None], -trial.gradient[None]

        return np.array([trial.rss]), products

    def rows(self, _: BoolArray) -> "_Projected":
        return self


def find_optimum(
    problem: Problem, small: Problem, rng: np.random.Generator, start: Array | None = None
) -> Optimum:
    """Return the global optimum of `problem`.

    Parameters
    ----------
    problem : Problem
        With all data.
    small : Problem
        The same with compressed data.
    rng : Generator
        For the starts where there are too many rate constants for a grid.
    start : Array, shape (p,), optional
        A start of the user's, tried first; it decides between equal optima.
    """
    if problem.n_parameters == 0:
        return Optimum(np.zeros(0), problem.evaluate(np.zeros(0)), True)
    if problem.start_up_s is None:
        return _with_start_up(problem, small, rng, None if start is None else start[:-1])
    trials = ranked_starts(small, rng)
    if start is not None:
        trials.insert(0, start)
    least = _least_misfit(small)
    rests = []
    for trial in trials:
        rests.append(descend(small, trial, tolerance=1e-4))
        if rests[-1].evaluation.rss <= 1.05 * least:
            break  # no spectra and no rate constants whatever could fit better
    best = min(rests, key=lambda rest: rest.evaluation.rss)
    if start is not None and rests[0].evaluation.rss <= best.evaluation.rss * (1 + 1e-3):
        best = rests[0]
    if problem.network.scheme.n_stages > 1:
        return _refine_breakpoints(problem, small, best.theta)
    return descend(problem, descend(small, best.theta, tolerance=1e-7).theta)


def _with_start_up(
    problem: Problem, small: Problem, rng: np.random.Generator, start: Array | None
) -> Optimum:
    """Return the optimum with a start-up time, from the optima of several held ones."""
    _, _, step = sampled([run.time_s for run in problem.runs])
    rests = []
    for tau in np.unique(np.minimum(step * STARTS, problem.upper[-1])):
        held = find_optimum(problem.held_start(tau), small.held_start(tau), rng, start)
        rests.append(descend(problem, np.append(held.theta, tau)))
    return min(rests, key=lambda rest: rest.evaluation.rss)


def _least_misfit(problem: Problem) -> float:
    """Return what is left by the best matrices of the rank that the free spectra can have."""
    free = int((~problem.known).sum())
    if problem.known.any():
        return 0.0
    left = 0.0
    for run in problem.runs:
        values = np.linalg.eigvalsh(run.data.T @ run.data)
        left += float(np.maximum(values[: max(values.size - free, 0)], 0.0).sum())
    return left


def scan_breakpoint(
    problem: Problem, theta: Array, index: int, positions: Array, tolerance: float = 1e-6
) -> list[Optimum]:
    """Return the optimum of all else with one breakpoint held at each of the positions (s)."""
    held = np.zeros(theta.size, bool)
    held[index] = True
    nearest = int(np.argmin(np.abs(positions - theta[index])))
    found: dict[int, Optimum] = {}
    for order in (range(nearest, positions.size), range(nearest - 1, -1, -1)):
        current = theta
        for i in order:
            start = current.copy()
            start[index] = positions[i]
            found[i] = descend(problem, start, held=held, iterations=8, tolerance=tolerance)
            current = found[i].theta
    return [found[i] for i in range(positions.size)]


def _refine_breakpoints(problem: Problem, small: Problem, theta: Array) -> Optimum:
    best: Optimum | None = None
    for _ in range(2 if problem.network.scheme.n_stages > 2 else 1):
        for index in problem.breaks:
            knots = inner_knots(problem, theta, index)
            coarse = knots[np.unique(np.linspace(0, knots.size - 1, _MOST_SCANNED).astype(int))]
            scanned = scan_breakpoint(small, theta, index, coarse)
            rss = np.array([rest.evaluation.rss for rest in scanned])
            rivals = sorted(_local_minima(rss), key=lambda i: rss[i])[:3]
            for i in rivals:
                rest = _walk_cells(problem, scanned[i].theta, index, knots)
                if best is None or rest.evaluation.rss < best.evaluation.rss:
                    best = rest
            if best is not None:
                theta = best.theta
    return best or descend(problem, theta)


def inner_knots(problem: Problem, theta: Array, index: int) -> Array:
    """Return the sampling times between which a breakpoint may lie (two points at least on each side)."""
    times = problem.clock(theta, np.unique(np.concatenate([run.time_s for run in problem.runs])))[0]
    low = theta[index - 1] if index > problem.breaks.start else times[0]
    high = theta[index + 1] if index + 1 < problem.breaks.stop else times[-1]
    inner = times[(times > low) & (times < high)]
    kept: Array = inner[1:-1] if inner.size > 4 else inner
    return kept if kept.size else np.array([theta[index]])


def _local_minima(values: Array) -> list[int]:
    padded = np.concatenate([[np.inf], values, [np.inf]])
    return [i for i, value in enumerate(values) if value <= min(padded[i], padded[i + 2])]


def _walk_cells(problem: Problem, theta: Array, index: int, knots: Array) -> Optimum:
    """Free the breakpoint inside one cell after another, downhill until both neighbours are worse."""
    edges = np.concatenate([[problem.lower[index]], knots, [problem.upper[index]]])
    cell = int(np.clip(np.searchsorted(edges, theta[index], side="right") - 1, 0, edges.size - 2))
    rests: dict[int, Optimum] = {}

    def rest_in(number: int) -> Optimum:
        if number not in rests:
            lower, upper = problem.lower.copy(), problem.upper.copy()
            lower[index], upper[index] = edges[number], edges[number + 1]
            start = theta.copy()
            start[index] = (lower[index] + upper[index]) / 2
            rests[number] = descend(problem, start, lower=lower, upper=upper, tolerance=1e-12)
        return rests[number]

    for _ in range(edges.size):
        near = [n for n in range(cell - 1, cell + 2) if 0 <= n < edges.size - 1]
        lowest = min(near, key=lambda n: rest_in(n).evaluation.rss)
        if lowest == cell:
            break
        cell = lowest
    return rests[cell]
