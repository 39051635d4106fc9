"""From a start to the best minimum found: one descent, and further ones where its end is suspect.

The first descent ends every well-behaved fit. Its end is suspect where it is no minimum, leaves too
few digits, explains less than a constant would, leaves a pattern in the residuals, or where a
parameter did not move or stands at a bound. Then the same start is descended again with other
dampings, with cautious steps and a shorter reach, and from seeded places near it; a saddle is left
along its way down. The least sum of squares wins, and a sound minimum is preferred among equals.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.errors import FitError
from cxkinetics.fitting.curve_polish import Rest, polished
from cxkinetics.fitting.curve_problem import named
from cxkinetics.fitting.derivatives import Derivatives, doubted
from cxkinetics.fitting.marquardt import descend_by_lmfit, marquardt
from cxkinetics.fitting.qr import lengths

__all__ = ["pattern_flags", "search", "settled", "unmoved"]

EQUAL = 1e-9
"""Relative difference of two sums of squares that counts as none."""
NEARBY = 12
"""Seeded starts near the user's."""
WAYS = ((1.0, 0.5), (1e-3, 1.0), (1e-3, np.inf))
"""Damping and caution of the further descents from the same start."""
REACHES = (0.1, 1.0)
"""Reach of lmfit's further descents."""
CALLS = 3000
"""Calls of the function per parameter after which no further descent is begun."""
ITERATIONS = 200
"""Most Jacobians of a further descent."""
PATTERN = -4.0
"""Standard deviations by which runs of equal sign in the residuals must be too few to be a pattern."""


def search(derivatives: Derivatives, start: Array, rng: np.random.Generator) -> tuple[Rest, tuple[str, ...]]:
    """Return the best fit found from a start, and flags about the way.

    Parameters
    ----------
    derivatives : Derivatives
        The problem, its derivatives checked at the start.
    start : Array, shape (p,)
        First values, inside the bounds.
    rng : numpy.random.Generator
        Source of the starts nearby.

    Raises
    ------
    FitError
        If the function raises on the first descent, or never gives finite values.
    """
    problem = derivatives.problem
    theta, _, complaint = descend_by_lmfit(derivatives, start)
    if np.any(np.isfinite(problem.lower) | np.isfinite(problem.upper)):
        theta, _ = marquardt(derivatives, theta)
    first = settled(derivatives, theta)
    doubts = _doubts(first, start)
    if complaint:
        doubts.append(f"lmfit: {complaint}")
    if not doubts:
        return first, ()
    best, met = _further(first, start, rng)
    flags = [f"a further descent could not go on: {met}"] if met else []
    if best.rss < first.rss * (1 - 1e-6):
        stopped, reached = (problem.raw(rest.rss) for rest in (first, best))
        flags.append(
            f"the first descent stopped at rss {stopped:.6g} ({named(problem.names, first.theta)}); "
            f"a further one reached {reached:.6g}"
        )
    return best, tuple(flags)


def settled(derivatives: Derivatives, theta: Array) -> Rest:
    """Return the fit at rest near `theta`, with its derivatives checked there."""
    other = doubted(derivatives, theta)
    if other is None:
        return polished(derivatives, theta)
    again, _ = marquardt(other, theta)
    return polished(other, again)


def unmoved(rest: Rest, start: Array) -> BoolArray:
    """Return which parameters (p,) still stand where they started."""
    near: BoolArray = np.abs(rest.theta - start) <= 1e-12 * np.abs(start)
    return near


def _doubts(rest: Rest, start: Array) -> list[str]:
    problem = rest.derivatives.problem
    doubts = []
    if not rest.sound:
        doubts.append("no sound minimum")
    if np.any(rest.at_bound) or np.any(unmoved(rest, start)):
        doubts.append("a parameter at a bound or unmoved")
    target, flat = problem.y * problem.weight, problem.weight / np.max(problem.weight)
    if rest.rss > float(target @ target - (flat @ target) ** 2 / (flat @ flat)):
        doubts.append("worse than a constant")
    if _patterned(rest) is not None:
        doubts.append("a pattern in the residuals")
    return doubts


def _patterned(rest: Rest) -> tuple[int, float] | None:
    """Return runs of equal sign, and those expected, where there are far too few of them.

    Wald-Wolfowitz, residuals in order of the first predictor.
    """
    x = rest.derivatives.problem.x
    order = np.argsort(x if x.ndim == 1 else x[:, 0], kind="stable")
    positive = rest.residual[order] > 0
    up, down = int(positive.sum()), int((~positive).sum())
    if min(up, down) < 5:
        return None
    runs = 1 + int(np.count_nonzero(positive[1:] != positive[:-1]))
    mean = 2 * up * down / (up + down) + 1
    spread = np.sqrt((mean - 1) * (mean - 2) / (up + down - 1))
    return (runs, mean) if runs < mean + PATTERN * spread else None


def pattern_flags(rest: Rest) -> tuple[str, ...]:
    """Return a flag where the residuals keep a pattern."""
    found = _patterned(rest)
    if found is None:
        return ()
    return (
        f"the residuals keep a pattern ({found[0]} runs of equal sign, {found[1]:.0f} expected): the "
        "function misses something, the noise is correlated, or a better minimum lies elsewhere",
    )


def _further(first: Rest, start: Array, rng: np.random.Generator) -> tuple[Rest, str]:
    """Return the best of the first fit and all further descents, and what stopped one of them."""
    best, met = first, ""
    ends = [first.rss]
    problem = first.derivatives.problem
    enough = problem.tally[0] + CALLS * (problem.p + 1)
    for way in _ways(first, start, rng):
        if problem.tally[0] > enough:
            break
        try:
            theta, rss = way()
            known = any(abs(rss - end) <= 1e-7 * end for end in ends)
            if not np.isfinite(rss) or rss > best.rss * (1 + EQUAL) or (known and best.sound):
                continue
            rest = settled(first.derivatives, theta)
        except FitError as error:  # said in a flag: the first descent stands
            met = met or str(error)
            continue
        ends.append(rest.rss)
        equal = abs(rest.rss - best.rss) <= EQUAL * best.rss
        if rest.sound > best.sound if equal else rest.rss < best.rss:
            best = rest
    return best, met


def _ways(first: Rest, start: Array, rng: np.random.Generator) -> list[Callable[[], tuple[Array, float]]]:
    """Return the further descents: fewer where the first end is a sound minimum."""
    derivatives = first.derivatives

    def damped(place: Array, damping: float, caution: float) -> tuple[Array, float]:
        return marquardt(derivatives, place, damping=damping, caution=caution, iterations=ITERATIONS)

    def minpack(place: Array, reach: float) -> tuple[Array, float]:
        theta, _, _ = descend_by_lmfit(derivatives, place, reach=reach, patience=100)
        return marquardt(derivatives, theta, iterations=ITERATIONS)

    ways: list[Callable[[], tuple[Array, float]]] = []
    if first.downhill is not None:
        length = float(np.linalg.norm(first.residual)) / np.sqrt(first.residual.size)
        for side in (1.0, -1.0):
            ways.append(partial(damped, first.theta + side * length * first.downhill, 1e-3, np.inf))
    ways += [partial(damped, start, damping, caution) for damping, caution in WAYS]
    places = _nearby(derivatives, start, rng, NEARBY // 3 if first.sound else NEARBY)
    if not first.sound:
        ways += [partial(minpack, start, reach) for reach in REACHES]
        ways.append(partial(damped, first.theta, 1e2, np.inf))
        ways += [partial(minpack, place, REACHES[0]) for place in places[::2]]
        places = places[1::2]
    return ways + [partial(damped, place, *WAYS[0]) for place in places]


def _nearby(derivatives: Derivatives, start: Array, rng: np.random.Generator, count: int) -> list[Array]:
    """Return starts near the user's: every parameter by a random factor, a zero by what would show."""
    problem = derivatives.problem
    norms = lengths(derivatives.jacobian(start))
    shows = np.where(norms > 0, np.sqrt(problem.n) / np.where(norms > 0, norms, 1.0), 1.0)
    places = []
    for number in range(count):
        jump = rng.standard_normal(problem.p)
        factor = np.exp(0.5 * jump) if number % 2 else np.exp(1.5 * jump)
        place = np.where(start == 0, 0.3 * jump * shows, start * factor)
        places.append(problem.inside(place))
    return places
