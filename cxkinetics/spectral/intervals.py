"""Rate constants, breakpoints and observed rates as estimates with profile intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import Accepted, accepted_set, narrowed, walk_out
from cxkinetics.models.network import decay_rates
from cxkinetics.remarks import Remark
from cxkinetics.spectral.problem import Problem
from cxkinetics.spectral.result import OrderVerdict, RateConstant, breakpoint_name
from cxkinetics.spectral.search import Optimum, descend, inner_knots, sampled, scan_breakpoint

_FLAT = 1e-7  # relative eigenvalue of the information below which a direction is not determined
CLOSE = 0.05
"""Share of the quantile from which an end follows by proportion: to a hundredth of the half-width at most."""
LONGEST_STEP = 3.0
"""First step at most, in ln k: twentyfold."""


def undetermined(information: Array) -> tuple[BoolArray, Array]:
    """Return which parameters are not determined, and the directions of no information, shape (q, p)."""
    p = information.shape[0]
    if not p:
        return np.zeros(0, bool), np.zeros((0, 0))
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    largest = float(size.max(initial=0.0))
    dead = size <= 1e-9 * largest if largest > 0 else np.ones(p, bool)
    scale = np.where(dead, 1.0, size)
    correlation = information / np.outer(scale, scale)
    correlation[dead] = 0
    correlation[:, dead] = 0
    values, vectors = np.linalg.eigh(correlation)
    flat = vectors[:, values < _FLAT].T / scale
    flat = flat / np.maximum(np.abs(flat).max(axis=1, keepdims=True), 1e-300)
    return (np.abs(flat) > 1e-3).any(axis=0) if flat.size else np.zeros(p, bool), flat


def lost_nearby(problem: Problem, optimum: Optimum, flat: Array) -> BoolArray:
    """Return which parameters are not determined here or further along the directions of no information.

    At a special point (two equal rate constants) a parameter may stand still to first order.
    """
    lost, _ = undetermined(optimum.evaluation.information)
    for direction in flat:
        for distance in (-0.5, 0.5):
            place = descend(problem, optimum.theta + distance * direction)
            lost = lost | undetermined(place.evaluation.information)[0]
    return lost


def pseudo_covariance(information: Array, variance: float) -> Array:
    """Return the covariance over the directions that are determined, zero along the others."""
    diagonal = np.diag(information)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = information / np.outer(size, size)
    inverse: Array = variance * np.linalg.pinv(scaled, rcond=_FLAT, hermitian=True) / np.outer(size, size)
    return inverse


def covariance_of(information: Array, variance: float) -> Array:
    """Return the covariance of the parameters, shape (p, p); NaN for those not determined."""
    lost, _ = undetermined(information)
    covariance = pseudo_covariance(information, variance)
    covariance[lost] = covariance[:, lost] = np.nan
    return covariance


def profile_interval(
    problem: Problem, optimum: Optimum, index: int, *, error: float, variance: float, quantile: float
) -> Accepted:
    """Return the profile interval of one parameter, in its own scale (ln k or s).

    Parameters
    ----------
    problem : Problem
        Compressed data.
    optimum : Optimum
        Its optimum.
    index : int
        Which parameter.
    error : float
        Its standard error (ln k or s), the first step's size.
    variance : float
        Variance of one reading.
    quantile : float
        Student's quantile times the factor by which errors were widened.
    """
    if index in problem.breaks:
        return _breakpoint_interval(problem, optimum, index, variance * quantile**2)
    centre, pieces, found = float(optimum.theta[index]), [], []
    for sign, wall in ((-1, problem.lower[index]), (1, problem.upper[index])):
        depth = _depth(problem, optimum, index, sign, variance * quantile**2)
        room = sign * (float(wall) - centre)
        first = float(np.clip(error * quantile, 0.0, LONGEST_STEP))
        distance, ends = (
            walk_out(depth, first, room=room, close=CLOSE, tries=12) if room > 0 else (0.0, False)
        )
        pieces.append(centre + sign * distance)
        found.append(ends)
    return Accepted(((pieces[0], pieces[1]),), not found[0], not found[1])


def _depth(
    problem: Problem, optimum: Optimum, index: int, sign: int, allowed: float
) -> Callable[[float], float]:
    """Return the root of the rise over the allowed one as a function of the distance on one side."""
    held = np.zeros(optimum.theta.size, bool)
    held[index] = True
    others = np.flatnonzero(~held)
    slope = np.zeros(optimum.theta.size)
    if others.size:
        matrix = optimum.evaluation.curvature
        square = matrix[np.ix_(others, others)]
        slope[others] = -np.linalg.lstsq(square, matrix[others, index], rcond=None)[0]
    slope[index] = 1.0
    # the others need not rest closer than a five-thousandth of the rise asked about
    tolerance = 2e-4 * allowed / max(optimum.evaluation.rss, 1e-300)

    def depth(distance: float) -> float:
        start = optimum.theta + slope * (sign * distance)
        rest = descend(problem, start, held=held, iterations=20, tolerance=tolerance)
        return float(np.sqrt(max(rest.evaluation.rss - optimum.evaluation.rss, 0.0) / allowed))

    return depth


def _breakpoint_interval(problem: Problem, optimum: Optimum, index: int, allowed: float) -> Accepted:
    """Scan the breakpoint over the samples and refine each crossing; the interval may be a set."""
    knots = inner_knots(problem, optimum.theta, index)
    coarse = knots[np.unique(np.linspace(0, knots.size - 1, 60).astype(int))]
    positions = np.unique(np.append(coarse, optimum.theta[index]))
    tolerance = 0.02 * allowed / max(optimum.evaluation.rss, 1e-300)

    def accepts(values: Array) -> BoolArray:
        rests = scan_breakpoint(problem, optimum.theta, index, values, tolerance)
        rises: Array = np.array([rest.evaluation.rss for rest in rests]) - optimum.evaluation.rss
        return rises <= allowed

    def end(i: int, j: int) -> float:
        return float(np.mean(narrowed(accepts, positions[i], positions[j], sections=2, rounds=7)))

    return accepted_set(positions, accepts(positions), end)


_LONGEST = 300.0  # half an interval in ln k, so that its ends stay numbers


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """What intervals are made from.

    Attributes
    ----------
    problem, small : Problem
        With all data and with compressed data.
    optimum, small_optimum : Optimum
        Of both.
    covariance : Array, shape (p, p)
        Of ln k and breakpoints, widened; NaN where not determined.
    lost, flat
        Parameters not determined and the directions of no information.
    variance : float
        Of one reading.
    factor, dof : Array, shape (p,)
        Widening of the standard errors and degrees of freedom of Student's t.
    confidence : float
        Coverage.
    method : str
        "profile" or "wald".
    """

    problem: Problem
    small: Problem
    optimum: Optimum
    small_optimum: Optimum
    covariance: Array
    lost: BoolArray
    flat: Array
    variance: float
    factor: Array
    dof: Array
    confidence: float
    method: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters: ln of each free rate constant, then tb, tb2, ..."""
        n_rates = self.problem.free_rates.size
        return tuple(f"ln {name}" if i < n_rates else name for i, name in enumerate(self.problem.names))

    def quantile(self, index: int) -> float:
        """Student's quantile of one parameter."""
        return student(float(self.dof[index]), self.confidence)

    def interval(self, index: int) -> Accepted:
        """Interval of one parameter in its own scale (ln k or s)."""
        error = float(np.sqrt(self.covariance[index, index]))
        quantile = self.quantile(index)
        centre = float(self.optimum.theta[index])
        if self.method == "wald" or self.variance <= 0 or not np.isfinite(error):
            half = min(quantile * error, _LONGEST)
            return Accepted(((centre - half, centre + half),))
        place, factor = self.small_optimum, float(self.factor[index])
        shift = centre - float(place.theta[index])
        scales = {"error": error / factor, "variance": self.variance, "quantile": quantile * factor}
        found = profile_interval(self.small, place, index, **scales)
        return found.told(lambda end: end + shift)


def rate_estimates(
    errors: Errors, verdict: OrderVerdict
) -> tuple[tuple[RateConstant, ...], tuple[Remark, ...]]:
    """Return the rate constants with intervals, and remarks on them.

    Where the order of the species is undecided, the interval is the set of those of all orders.
    """
    problem = errors.problem
    scheme = problem.network.scheme
    values = problem.rates(errors.optimum.theta)
    free = {int(j): i for i, j in enumerate(problem.free_rates)}
    estimates: dict[str, Estimate] = {}
    remarks = []
    rate_of = partial(Estimate, unit="1/s")
    decay = ", ".join(f"{rate:.4g}" for rate in decay_rates(problem.network, values))
    together = [scheme.rates[j] for j, i in free.items() if errors.lost[i]]
    for j, name in enumerate(scheme.rates):
        if j not in free:
            held = "held at a given value"
            estimates[name] = rate_of(name=name, value=float(values[j]), method="fixed", reason=held)
            continue
        i = free[j]
        if errors.lost[i]:
            names = ", ".join(together)
            reason = f"only combinations of {names} show: observed rates {decay} 1/s"
            if len(together) == 1:
                reason = f"the data hold no information on {name}"
            estimates[name] = rate_of(name=name, value=None, method=errors.method, reason=reason)
            continue
        estimates[name] = _rate_estimate(errors, i, name, float(values[j]))
        wall = errors.optimum.theta[i]
        if wall <= problem.lower[i] + 1e-9:
            remarks.append(Remark("rate_at_bound", f"{name} is too slow for these times: it is set to zero"))
        elif wall >= problem.upper[i] - 1e-9:
            most = f"{values[j]:.3g} 1/s is the largest that they could show"
            remarks.append(Remark("rate_at_bound", f"{name} is too fast for these times: {most}"))
    if verdict.decided_by == "undecided" and len(verdict.orders) > 1:
        _unite_orders(estimates, verdict)
    rates = tuple(
        RateConstant(name=name, steps=scheme.steps_of(name), estimate=estimates[name])
        for name in scheme.rates
    )
    return rates, tuple(remarks)


def _rate_estimate(errors: Errors, i: int, name: str, value: float) -> Estimate:
    """Return a rate constant (1/s) that the data determine, its interval told from ln k."""
    problem, found = errors.problem, errors.interval(i)
    low = None if found.low is None else float(np.exp(found.low))
    high = None if found.high is None or found.high > problem.upper[i] + 1 else float(np.exp(found.high))
    reason = "; ".join(
        f"the {end} end is open: the data allow any {'smaller' if end == 'lower' else 'larger'} value"
        for end in found.open_ends
    )
    if low is None and found.high is not None:  # ln k goes on for ever, k does not: it ends at zero
        low, reason = 0.0, "not to be told from zero"
        if errors.optimum.theta[i] <= problem.lower[i] + 1e-9:
            value = 0.0
    return Estimate(
        name=name,
        value=value,
        se=value * float(np.sqrt(errors.covariance[i, i])),
        low=low,
        high=high,
        unit="1/s",
        method=errors.method,
        reason=reason,
        pieces=found.told(lambda end: float(np.exp(end))).several,
    )


def _unite_orders(estimates: dict[str, Estimate], verdict: OrderVerdict) -> None:
    """Give each rate constant the intervals of all values that some order assigns to it."""
    first = verdict.orders[0].rates_per_s
    ends = [(value, estimates[name].low, estimates[name].high) for name, value in first.items()]
    known = [(value, low, high) for value, low, high in ends if low is not None and high is not None]
    for name in first:
        pieces = set()
        for order in verdict.orders:
            here = order.rates_per_s[name]
            pieces |= {(low, high) for value, low, high in known if 0.95 < value / here < 1.05}
        own = sorted(pieces)
        if len(own) < 2 or own[0][1] >= own[1][0]:
            continue
        reason, low, high = "a set: the order of the species is undecided", own[0][0], own[-1][1]
        estimates[name] = replace(estimates[name], low=low, high=high, reason=reason, pieces=tuple(own))


def profiled(name: str, value: float, se: float | None, found: Accepted, method: str = "profile") -> Estimate:
    """Return the estimate of a breakpoint, s, from its accepted set; it says which end is open."""
    ends = " and ".join(found.open_ends)
    return Estimate(
        name=name,
        value=value,
        se=se,
        low=found.low,
        high=found.high,
        unit="s",
        method=method,
        reason=f"the {ends} end lies outside the sampled times" if ends else "",
        pieces=found.several,
    )


def breakpoint_estimates(errors: Errors) -> tuple[Estimate, ...]:
    """Return the breakpoints with intervals, s."""
    n_rates = errors.problem.free_rates.size
    found = []
    for index in errors.problem.breaks:
        name = breakpoint_name(index - n_rates + 1)
        value = float(errors.optimum.theta[index])
        if errors.lost[index]:
            reason = "the misfit does not depend on it: the stages are alike"
            found.append(Estimate(name=name, value=None, unit="s", method="profile", reason=reason))
            continue
        se = float(np.sqrt(errors.covariance[index, index]))
        found.append(profiled(name, value, se, errors.interval(index), errors.method))
    return tuple(found)


def start_up_estimate(errors: Errors) -> Estimate:
    """Return the time constant of mixing with its profile interval, s; a given one as it is."""
    problem, name = errors.problem, "start-up time"
    value = problem.start_up(errors.optimum.theta)
    if problem.start_up_s is not None:
        reason = "given, not fitted" if value else "none was fitted"
        return Estimate(name=name, value=value, unit="s", method="fixed", reason=reason)
    index, place = problem.n_parameters - 1, errors.small_optimum
    error, factor = float(np.sqrt(errors.covariance[index, index])), float(errors.factor[index])
    if not (np.isfinite(error) and error > 0):  # at zero the readings after the first say nothing of it
        error = sampled([run.time_s for run in problem.runs])[2]
    quantile = errors.quantile(index) * factor
    found = profile_interval(
        errors.small, place, index, error=error / factor, variance=errors.variance, quantile=quantile
    )
    reason = "not to be told from zero" if found.low is None else ""
    if found.high is None:
        reason = "the upper end is open: a fifth of the run would do as well"
    return Estimate(
        name=name, value=value, se=None if found.low is None else error, low=found.low or 0.0,
        high=found.high, unit="s", method="profile", reason=reason,
    )  # fmt: skip


def observed_rates(errors: Errors) -> tuple[Estimate, ...]:
    """Return the decay rates of the first stage (eigenvalues of K), 1/s, with Wald intervals in ln k."""
    problem, theta = errors.problem, errors.optimum.theta
    n_rates = problem.free_rates.size
    centre = decay_rates(problem.network, problem.rates(theta))
    gradient = np.zeros((centre.size, theta.size))
    usable = True
    for i, step in enumerate(1e-5 * np.eye(theta.size)[:n_rates]):
        ahead, behind = (
            decay_rates(problem.network, problem.rates(place)) for place in (theta + step, theta - step)
        )
        usable &= ahead.size == behind.size == centre.size
        if usable:
            gradient[:, i] = (np.log(ahead) - np.log(behind)) / 2e-5
    inverse = pseudo_covariance(errors.optimum.evaluation.information, errors.variance)
    inverse = inverse * np.outer(errors.factor, errors.factor)
    found = []
    observed = partial(Estimate, name="observed rate", unit="1/s", method="wald")
    for row, rate in zip(gradient, centre.tolist(), strict=True):
        drift = np.abs(errors.flat @ row).max(initial=0.0) if errors.flat.size else 0.0
        if not usable:
            found.append(observed(value=rate, reason="two observed rates meet"))
        elif drift > 1e-3:
            found.append(observed(value=None, reason="the data do not determine it"))
        else:
            error = float(np.sqrt(max(float(row @ inverse @ row), 0.0)))
            half = min(error * errors.quantile(0), 50.0) if n_rates else 0.0
            low, high = float(rate * np.exp(-half)), float(rate * np.exp(half))
            found.append(observed(value=rate, se=rate * error, low=low, high=high))
    return tuple(found)


def student(dof: float, confidence: float) -> float:
    """Return Student's two-sided quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 0.5 + confidence / 2))


def wald(name: str, value: float, se: float, quantile: float, unit: str) -> Estimate:
    """Return an estimate whose interval is `quantile` standard errors to each side."""
    half = quantile * se
    return Estimate(
        name=name, value=value, se=se, low=value - half, high=value + half, unit=unit, method="wald"
    )
