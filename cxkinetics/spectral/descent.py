"""One whole fit for given noise: search, polish, and the filling of masked cells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.spectral.network import Network
from cxkinetics.spectral.problem import Problem
from cxkinetics.spectral.search import Optimum, descend, find_optimum
from cxkinetics.spectral.species import solve_species
from cxkinetics.spectral.working import Working, problem_of, small_problem

__all__ = ["Setup", "Solution", "box", "noise_floor", "solve"]

_FILLS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What does not change between the rounds of a fit."""

    network: Network
    known: BoolArray
    nonnegative: bool
    lower: Array
    upper: Array
    start: Array | None
    rng: np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The state after a fit: runs (masked cells filled), problems and their optima."""

    runs: tuple[Working, ...]
    problem: Problem
    small: Problem
    optimum: Optimum
    rho: float
    floors: tuple[Array, ...] | None = None


def box(network: Network, times_s: Sequence[Array]) -> tuple[Array, Array]:
    """Return the bounds of ln k and breakpoints: from a ten-thousandth of a decay to thirty per sample."""
    scheme = network.scheme
    n_free = len(scheme.rates) - len(scheme.fixed)
    times = np.unique(np.concatenate(times_s))
    span = float(times[-1] - times[0]) or 1.0
    shortest = float(np.min(np.diff(times))) if times.size > 1 else span
    n_breaks = scheme.n_stages - 1
    lower = np.concatenate([np.full(n_free, np.log(1e-4 / span)), np.full(n_breaks, times[0])])
    upper = np.concatenate([np.full(n_free, np.log(30 / shortest)), np.full(n_breaks, times[-1])])
    return lower, upper


def noise_floor(runs: Sequence[Working]) -> float:
    """Return the variance that rounding alone may leave: below it the data hold no noise to speak of."""
    return max(1e-18 * float(np.mean(run.matrix**2)) for run in runs) * 100


def solve(
    setup: Setup,
    runs: Sequence[Working],
    rho: float,
    theta: Array | None = None,
    floors: tuple[Array, ...] | None = None,
) -> Solution:
    """Return the optimum for an AR(1) correlation; from `theta` where that is near, else by search."""
    runs = tuple(runs)
    problem, small = _problems(setup, runs, rho, floors)
    if theta is None:
        optimum = find_optimum(problem, small, setup.rng, setup.start)
    else:
        optimum = descend(problem, theta)
    if any(run.prepared.masked.any() for run in runs):
        for _ in range(_FILLS):
            runs, change = _filled(runs, problem, optimum, rho)
            problem, small = _problems(setup, runs, rho, floors)
            optimum = descend(problem, optimum.theta)
            if change < 1e-7:
                break
    return Solution(runs, problem, small, optimum, rho, floors)


def _problems(
    setup: Setup, runs: Sequence[Working], rho: float, floors: tuple[Array, ...] | None
) -> tuple[Problem, Problem]:
    problem = problem_of(
        setup.network, runs, setup.known, rho=rho, lower=setup.lower, upper=setup.upper, floors=floors
    )
    return problem, small_problem(problem, runs)


def _filled(
    runs: Sequence[Working], problem: Problem, optimum: Optimum, rho: float
) -> tuple[tuple[Working, ...], float]:
    """Put the model into the masked cells (the E step of EM); return the runs and the largest change."""
    done, change = [], 0.0
    for i, run in enumerate(runs):
        masked = run.prepared.masked
        if not masked.any():
            done.append(run)
            continue
        model = solve_species(run, problem, i, optimum.theta, rho).model(run)
        matrix = np.where(masked, model, run.matrix)
        size = float(np.abs(run.matrix).max()) or 1.0
        change = max(change, float(np.abs(matrix - run.matrix).max()) / size)
        done.append(replace(run, matrix=matrix))
    return tuple(done), change
