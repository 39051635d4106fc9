"""Rate constants, breakpoints and observed rates as estimates with intervals."""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark
from cxkinetics.spectral.intervals import Interval, profile_interval, pseudo_covariance
from cxkinetics.spectral.network import decay_rates
from cxkinetics.spectral.parts import OrderVerdict, RateConstant
from cxkinetics.spectral.problem import Problem
from cxkinetics.spectral.search import Optimum

__all__ = ["Errors", "breakpoint_estimates", "observed_rates", "rate_estimates"]


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
    profile : bool
        Profile intervals, else Wald's.
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
    profile: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters: ln of each free rate constant, then tb, tb2, ..."""
        scheme = self.problem.network.scheme
        rates = [f"ln {scheme.rates[j]}" for j in self.problem.free_rates]
        breaks = ["tb" if i == 0 else f"tb{i + 1}" for i in range(scheme.n_stages - 1)]
        return (*rates, *breaks)

    def quantile(self, index: int) -> float:
        """Student's quantile of one parameter."""
        from scipy.special import stdtrit

        return float(stdtrit(float(self.dof[index]), 0.5 + self.confidence / 2))

    def interval(self, index: int) -> Interval:
        """Interval of one parameter in its own scale (ln k or s)."""
        error = float(np.sqrt(self.covariance[index, index]))
        quantile = self.quantile(index)
        centre = float(self.optimum.theta[index])
        if not self.profile or self.variance <= 0 or not np.isfinite(error):
            half = min(quantile * error, _LONGEST)
            return Interval(centre - half, centre + half)
        problem, place = self.small, self.small_optimum
        shift = centre - float(place.theta[index])
        factor = float(self.factor[index])
        found = profile_interval(problem, place, index, error / factor, self.variance, quantile * factor)
        return Interval(
            None if found.low is None else found.low + shift,
            None if found.high is None else found.high + shift,
            tuple((low + shift, high + shift) for low, high in found.pieces),
            found.reason,
        )


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
    method = "profile" if errors.profile else "wald"
    estimates: dict[str, Estimate] = {}
    remarks = []
    decay = ", ".join(f"{rate:.4g}" for rate in decay_rates(problem.network, values))
    together = [scheme.rates[j] for j, i in free.items() if errors.lost[i]]
    for j, name in enumerate(scheme.rates):
        if j not in free:
            estimates[name] = Estimate(
                name=name, value=float(values[j]), unit="1/s", method="fixed", reason="held at a given value"
            )
            continue
        i = free[j]
        if errors.lost[i]:
            names = ", ".join(together)
            reason = f"only combinations of {names} show: observed rates {decay} 1/s"
            if len(together) == 1:
                reason = f"the data hold no information on {name}"
            estimates[name] = Estimate(name=name, value=None, unit="1/s", method=method, reason=reason)
            continue
        found = errors.interval(i)
        value = float(values[j])
        low = None if found.low is None else float(np.exp(found.low))
        reason = found.reason
        if low is None and found.high is not None:
            low, reason = 0.0, "not to be told from zero"
            if errors.optimum.theta[i] <= problem.lower[i] + 1e-9:
                value = 0.0
        high = None if found.high is None or found.high > problem.upper[i] + 1 else float(np.exp(found.high))
        estimates[name] = Estimate(
            name=name,
            value=value,
            se=value * float(np.sqrt(errors.covariance[i, i])),
            low=low,
            high=high,
            unit="1/s",
            method=method,
            reason=reason,
            pieces=tuple((float(np.exp(low)), float(np.exp(high))) for low, high in found.pieces),
        )
        wall = errors.optimum.theta[i]
        if wall <= problem.lower[i] + 1e-9:
            remarks.append(Remark("rate_at_bound", f"{name} is too slow for these times: it is set to zero"))
        elif wall >= problem.upper[i] - 1e-9:
            text = f"{name} is too fast for these times: {value:.3g} 1/s is the largest that they could show"
            remarks.append(Remark("rate_at_bound", text))
    if verdict.decided_by == "undecided" and len(verdict.orders) > 1:
        _unite_orders(estimates, verdict)
    rates = tuple(
        RateConstant(name=name, steps=scheme.steps_of(name), estimate=estimates[name])
        for name in scheme.rates
    )
    return rates, tuple(remarks)


def _unite_orders(estimates: dict[str, Estimate], verdict: OrderVerdict) -> None:
    """Give each rate constant the intervals of all values that some order assigns to it."""
    first = verdict.orders[0].rates_per_s
    known: list[tuple[float, float, float]] = []
    for name, value in first.items():
        low, high = estimates[name].low, estimates[name].high
        if low is not None and high is not None:
            known.append((value, low, high))
    for name in first:
        pieces = set()
        for order in verdict.orders:
            here = order.rates_per_s[name]
            pieces |= {(low, high) for value, low, high in known if 0.95 < value / here < 1.05}
        own = sorted(pieces)
        if len(own) < 2 or own[0][1] >= own[1][0]:
            continue
        old = estimates[name]
        estimates[name] = Estimate(
            name=name,
            value=old.value,
            se=old.se,
            low=own[0][0],
            high=own[-1][1],
            unit=old.unit,
            method=old.method,
            reason="a set: the order of the species is undecided",
            pieces=tuple(own),
        )


def breakpoint_estimates(errors: Errors) -> tuple[Estimate, ...]:
    """Return the breakpoints with intervals, s."""
    n_rates = errors.problem.free_rates.size
    found = []
    for index in range(n_rates, errors.problem.n_parameters):
        name = "breakpoint" if index == n_rates else f"breakpoint {index - n_rates + 1}"
        value = float(errors.optimum.theta[index])
        if errors.lost[index]:
            reason = "the misfit does not depend on it: the stages are alike"
            found.append(Estimate(name=name, value=None, unit="s", method="profile", reason=reason))
            continue
        ends = errors.interval(index)
        found.append(
            Estimate(
                name=name,
                value=value,
                se=float(np.sqrt(errors.covariance[index, index])),
                low=ends.low,
                high=ends.high,
                unit="s",
                method="profile" if errors.profile else "wald",
                reason=ends.reason,
                pieces=ends.pieces,
            )
        )
    return tuple(found)


def observed_rates(errors: Errors) -> tuple[Estimate, ...]:
    """Return the decay rates of the first stage (eigenvalues of K), 1/s, with Wald intervals in ln k."""
    problem, theta = errors.problem, errors.optimum.theta
    n_rates = problem.free_rates.size
    centre = decay_rates(problem.network, problem.rates(theta))
    gradient = np.zeros((centre.size, theta.size))
    usable = True
    for i in range(n_rates):
        moved = theta.copy()
        sides = []
        for sign in (1, -1):
            moved[i] = theta[i] + sign * 1e-5
            sides.append(decay_rates(problem.network, problem.rates(moved)))
        if sides[0].size != centre.size or sides[1].size != centre.size:
            usable = False
            break
        gradient[:, i] = (np.log(sides[0]) - np.log(sides[1])) / 2e-5
    inverse = pseudo_covariance(errors.optimum.evaluation.information, errors.variance)
    inverse = inverse * np.outer(errors.factor, errors.factor)
    found = []
    for row, rate in zip(gradient, centre, strict=True):
        drift = np.abs(errors.flat @ row).max(initial=0.0) if errors.flat.size else 0.0
        if not usable or drift > 1e-3:
            reason = "the data do not determine it" if usable else "two observed rates meet"
            value = None if usable else float(rate)
            found.append(
                Estimate(name="observed rate", value=value, unit="1/s", method="wald", reason=reason)
            )
            continue
        error = float(np.sqrt(max(float(row @ inverse @ row), 0.0)))
        half = min(error * errors.quantile(0), 50.0) if n_rates else 0.0
        found.append(
            Estimate(
                name="observed rate",
                value=float(rate),
                se=float(rate) * error,
                low=float(rate * np.exp(-half)),
                high=float(rate * np.exp(half)),
                unit="1/s",
                method="wald",
            )
        )
    return tuple(found)
