"""The order of the species: which observed rate constant belongs to which step.

In A -> B -> C the two rate constants can be swapped with exactly the same misfit, only the spectrum of
B changes. So every order is fitted and compared by what spectra can tell: none may be negative, and a
known spectrum must be met. Where that does not decide, the result says "undecided" and gives all.

Reference: Alcock, Benton, Moore, Trans. Faraday Soc. 66, 2210 (1970), doi 10.1039/tf9706602210.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.spectral.problem import Problem
from cxkinetics.spectral.result import OrderVerdict, SpeciesOrder
from cxkinetics.spectral.search import Optimum, descend
from cxkinetics.spectral.species import Solved, negative_lobes

_MOST_RATES = 4


def fit_orders(problem: Problem, optimum: Optimum, variance: float) -> tuple[list[Optimum], float]:
    """Return the optima with the rate constants in every order, and the misfit of swapped ones.

    Parameters
    ----------
    problem : Problem
        With all data.
    optimum : Optimum
        The one found.
    variance : float
        Of one reading; an order counts where its misfit is within 10 variances of the best.

    Returns
    -------
    optima : list of Optimum
        All orders that fit alike, and under constraints all that are optima of their own.
    gap : float
        How much worse, in variances, the best order fits that is no optimum of its own (infinite
        where there is none, or where it is no rival).
    """
    n_rates = problem.free_rates.size
    found, gap = [optimum], np.inf
    if not 1 < n_rates <= _MOST_RATES:
        return found, gap
    inside = (optimum.theta > problem.lower + 1e-6) & (optimum.theta < problem.upper - 1e-6)
    if not inside[:n_rates].all():  # a step that these times cannot show has no place in an order
        return [_unseen_steps_last(problem, optimum, variance)], gap
    for start in reordered(problem, optimum.theta):
        if any(_same(start, other.theta) for other in found):
            continue
        here = problem.evaluate(start)
        excess = (here.rss - optimum.evaluation.rss) / variance
        if not problem.constrained and excess > 1e3:
            continue  # free spectra make orders fit exactly alike or not at all: no descent would help
        rest = Optimum(start, here, True) if abs(excess) < 1e-4 else descend(problem, start)
        # ten variances: a likelihood ratio of e^5 against it
        near = rest.evaluation.rss <= optimum.evaluation.rss + 10 * variance
        if any(_same(rest.theta, other.theta) for other in found):
            if problem.constrained and excess > 10:
                gap = min(gap, excess)
        elif near or problem.constrained:
            found.append(rest)
    return sorted(found, key=lambda item: item.evaluation.rss), float(gap)


def _unseen_steps_last(problem: Problem, optimum: Optimum, variance: float) -> Optimum:
    """Put the rate constants that show before those that do not, where that fits as well."""
    best = optimum
    for start in reordered(problem, optimum.theta):
        if _preference(problem, start, None) >= _preference(problem, best.theta, None):
            continue
        rest = descend(problem, start)
        if rest.evaluation.rss <= optimum.evaluation.rss + 10 * variance:
            best = rest
    return best


def reordered(problem: Problem, theta: Array) -> Iterator[Array]:
    """Yield the parameters with the rate constants in every order; a swap between stages is another model."""
    scheme, n_rates = problem.network.scheme, problem.free_rates.size
    names = problem.names[:n_rates]
    stages = [frozenset(step.stage for step in scheme.steps if step.rate == name) for name in names]
    for order in permutations(range(n_rates)):
        if all(stages[i] == stages[j] for i, j in enumerate(order)):
            yield np.concatenate([theta[list(order)], theta[n_rates:]])


def _same(one: Array, other: Array) -> bool:
    return bool(np.max(np.abs(one - other) / (1 + np.abs(other))) < 1e-4)


def judge_orders(
    problem: Problem,
    optima: Sequence[Optimum],
    solve: Callable[[Optimum], list[Solved]],
    variance: float,
    gap: float,
    *,
    preferred: Array | None,
    baseline_floats: bool,
) -> tuple[OrderVerdict, Optimum, list[Solved]]:
    """Return the verdict on the order, the optimum to report and its solved runs.

    Parameters
    ----------
    problem, optima, variance, gap
        See `fit_orders`.
    solve : callable
        Gives the solved runs of an optimum.
    preferred : Array, shape (p,), optional
        The user's start: decides what is reported where nothing else decides.
    baseline_floats : bool
        Whether a fitted baseline leaves the sign of the spectra open.
    """
    species = problem.network.scheme.species
    kept: list[tuple[Optimum, list[Solved], dict[str, float]]] = []
    relabelled, n_rates = False, problem.free_rates.size

    def preference(optimum: Optimum) -> tuple[float, ...]:
        return _preference(problem, optimum.theta, preferred)

    for optimum in optima:
        runs = solve(optimum)
        twin = next((i for i, (_, other, _) in enumerate(kept) if _relabelled(runs, other)), None)
        if twin is not None:
            relabelled = True
            if preference(optimum) < preference(kept[twin][0]):
                kept[twin] = (optimum, runs, {})
            continue
        negative: dict[str, float] = {}
        for run in runs:
            for i in np.flatnonzero(~problem.known & run.determined):
                depth = 0.0 if baseline_floats else negative_lobes(run.values[i], run.errors[i])
                if depth:
                    negative[species[i]] = max(depth, negative.get(species[i], 0.0))
        kept.append((optimum, runs, negative))
    decided_by, reason = _decide(
        problem, kept, variance, gap, baseline_floats=baseline_floats, relabelled=relabelled
    )
    if decided_by == "undecided" and len(kept) > 1:
        kept.sort(key=lambda item: preference(item[0]))
    elif decided_by == "non_negative_spectra":
        kept.sort(key=lambda item: len(item[2]))
    orders = []
    for item, _, negative in kept:
        rates = dict(zip(problem.names[:n_rates], np.exp(item.theta[:n_rates]).tolist(), strict=True))
        orders.append(SpeciesOrder(rates_per_s=rates, rss=item.evaluation.rss, negative=negative))
    text = _text(decided_by, reason, orders)
    best, runs, _ = kept[0]
    return OrderVerdict(decided_by=decided_by, text=text, orders=tuple(orders)), best, runs


def _preference(problem: Problem, theta: Array, preferred: Array | None) -> tuple[float, ...]:
    if preferred is not None:
        return (float(np.sum((theta - preferred) ** 2)),)
    return tuple(-theta[: problem.free_rates.size])  # by convention the first step is the faster


def _relabelled(runs: Sequence[Solved], others: Sequence[Solved]) -> bool:
    """Whether two solutions have the same spectra under other names."""
    for one, other in zip(runs, others, strict=True):
        gap = np.max(np.abs(one.values[:, None] - other.values[None]), axis=2)
        size = np.max(np.abs(one.values), axis=1)
        if np.any(gap.min(axis=1) > 1e-3 * size):
            return False
    return True


def _decide(
    problem: Problem,
    kept: Sequence[tuple[Optimum, list[Solved], dict[str, float]]],
    variance: float,
    gap: float,
    *,
    baseline_floats: bool,
    relabelled: bool,
) -> tuple[str, str]:
    if len(kept) > 1:
        gap = (kept[1][0].evaluation.rss - kept[0][0].evaluation.rss) / variance
    if np.isfinite(gap) and gap > 10:
        cause = "misfit"
        if problem.constrained:
            cause = "known_spectrum" if problem.known.any() else "non_negative_spectra"
        return cause, f"{gap:.3g}"
    if len(kept) == 1:
        return "only_order", "interchangeable" if relabelled else ""
    clean = sum(not negative for *_, negative in kept)
    if clean == 1:
        return "non_negative_spectra", ""
    if baseline_floats:
        return "undecided", "the fitted baseline leaves the sign of the spectra open"
    if not clean:
        return "undecided", "every order has a negative species spectrum (look at baseline and scheme)"
    return "undecided", "no spectrum is negative in any of them"


def _text(decided_by: str, reason: str, orders: Sequence[SpeciesOrder]) -> str:
    def rates(order: SpeciesOrder) -> str:
        return ", ".join(f"{name} = {value:.4g}" for name, value in order.rates_per_s.items())

    if decided_by == "only_order":
        if reason:
            return "species that react alike are interchangeable: which name goes with which is convention"
        return "one order of the rate constants fits"
    others = " or ".join(rates(order) for order in orders[1:])
    if decided_by == "undecided":
        return (
            f"order undecided: {rates(orders[0])} and {others} 1/s fit alike, and {reason}; "
            "the spectrum of one species, given as known, decides"
        )
    if decided_by == "non_negative_spectra" and not reason:
        bad = orders[1].negative
        name, depth = max(bad.items(), key=lambda item: item[1])
        return (
            f"{rates(orders[0])} 1/s; the order {others} fits alike, but makes the spectrum of {name} "
            f"negative (down to {-100 * depth:.0f} % of its height): non-negative spectra decide"
        )
    known, signs = "the known spectrum decides", "non-negative spectra decide"
    test = {"known_spectrum": known, "non_negative_spectra": signs}.get(decided_by, "the misfit decides")
    order = f"the order {others}" if others else "any other order of these values"
    return f"{rates(orders[0])} 1/s; {order} fits worse by {reason} noise variances: {test}"
