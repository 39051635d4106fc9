"""The fitted numbers of a curve with their errors and profile intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.curves.solver import DIGITS, Rest, marquardt
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import walk_out

FARTHEST = 40
"""Evaluations of a profile at most."""
CLOSE = 1e-8
"""Relative closeness of the profile's root to its level at an end."""
OPEN = 1e12
"""Multiple of the first step beyond which an end counts as open."""


class BetterMinimumError(FitError):
    """A profile went below the minimum: `theta` (p,) has the smaller sum of squares."""

    def __init__(self, theta: Array) -> None:
        super().__init__("a profile found a smaller sum of squares")
        self.theta = theta


@dataclass(slots=True)
class Profile:
    """The profile of one parameter to one side.

    Attributes
    ----------
    rest : Rest
        The fit.
    j : int
        Index of the parameter.
    side : int
        -1 for the lower end, 1 for the upper.
    variance : float
        s^2, in the units of `rest.rss`.
    known : list of (float, float, Array)
        Distances from the minimum tried so far, each with z and the parameters there.
    """

    rest: Rest
    j: int
    side: int
    variance: float
    known: list[tuple[float, float, Array]] = field(default_factory=list)

    def place(self, distance: float) -> float:
        """Return the value of the parameter at a distance from the minimum."""
        return float(self.rest.theta[self.j]) + self.side * distance

    def root(self, distance: float) -> float:
        """Return z, the signed root of the rise of the profile, at a distance.

        Raises
        ------
        BetterMinimumError
            If the profile goes below the minimum.
        """
        rest, variance = self.rest, self.variance
        known = self.known or [(0.0, 0.0, rest.theta)]
        held = np.zeros(rest.theta.size, bool)
        held[self.j] = True
        near = sorted(known, key=lambda item: abs(item[0] - distance))
        starts = [near[0][2].copy()]
        if len(near) > 1:  # carry on the way the others went
            (d1, _, first), (d2, _, second) = near[:2]
            starts.insert(0, first + (second - first) * (distance - d1) / (d2 - d1))
        for start in starts:
            start[self.j] = self.place(distance)
        trials = [marquardt(rest.derivatives, starts[0], damping=1e-6, held=held)]
        if not np.isfinite(trials[0][1]) or len(near) == 1:
            trials.append(marquardt(rest.derivatives, starts[-1], held=held))
        theta, rss = min(trials, key=lambda item: item[1])
        if not np.isfinite(rss):
            return np.inf
        if rss < rest.rss * (1 - 1e-7) and rest.rss - rss > 1e-6 * variance:
            raise BetterMinimumError(theta)
        z = float(np.sqrt(max(rss - rest.rss, 0.0) / variance))
        self.known = [*known, (distance, z, theta)]
        return z

    def end(self, level: float, step: float) -> tuple[float | None, str]:
        """Return where z reaches `level` (None where that end is open), and why it is no crossing.

        Parameters
        ----------
        level : float
            Quantile to reach, positive.
        step : float
            First distance tried (about level times the standard error), positive.
        """
        problem = self.rest.derivatives.problem
        bound = float((problem.upper if self.side > 0 else problem.lower)[self.j])
        limit = self.side * (bound - float(self.rest.theta[self.j]))
        if limit <= 0:
            return bound, "ends at the bound"
        room = min(limit, OPEN * step)
        distance, ends = walk_out(
            lambda away: self.root(away) / level, step, room=room, close=CLOSE, tries=FARTHEST
        )
        if ends:
            return self.place(distance), ""
        if distance >= limit:
            return bound, "ends at the bound"
        return None, f"the profile stays below the level up to {self.place(distance):.3g}"


LEFT = 2e-4
"""Relative rounding error of the sum of squares from which standard errors are withheld."""


def covariance_of(rest: Rest, *, absolute_sigma: bool) -> Array:
    """Return the covariance (p, p) of the parameters; NaN where a standard error is withheld."""
    unit = np.sqrt(_variance(rest, absolute_sigma)) / rest.factors.size
    with np.errstate(over="ignore", under="ignore"):
        covariance: Array = rest.factors.covariance() * unit * unit[:, None]
    unknown = [bool(why) for why in _reasons(rest, absolute_sigma)]
    covariance[unknown, :] = np.nan
    covariance[:, unknown] = np.nan
    return covariance


def estimates_of(
    rest: Rest, *, confidence: float, absolute_sigma: bool, profile: bool, units: Mapping[str, str]
) -> dict[str, Estimate]:
    """Return every parameter with its interval, or the reason there is none.

    Raises
    ------
    BetterMinimumError
        If a profile goes below the minimum.
    """
    problem = rest.derivatives.problem
    errors = rest.factors.spread() * np.sqrt(_variance(rest, absolute_sigma))
    dof = problem.n - problem.p
    share = (1 + confidence) / 2
    level = float(ndtri(share)) if absolute_sigma else float(stdtrit(dof, share)) if dof > 0 else np.nan
    reasons = _reasons(rest, absolute_sigma)
    estimates = {}
    for j, name in enumerate(problem.names):
        value: float | None = float(rest.theta[j])
        se = float(errors[j]) if not reasons[j] else None
        unit = units.get(name, "")
        if rest.factors.idle[j] or rest.factors.loose[j]:
            value = None
        if value is None or (se is None and not (profile and rest.at_bound[j] and np.isfinite(level))):
            estimates[name] = Estimate(name=name, value=value, unit=unit, reason=reasons[j])
            continue
        reach = level * (se or 0.0)
        wald = Estimate(
            name=name, value=value, se=se, low=value - reach, high=value + reach, unit=unit, method="wald"
        )
        variance = _variance(rest, absolute_sigma)
        estimates[name] = _profiled(wald, rest, j, level, variance) if profile else wald
        if profile and reasons[j]:
            reason = "; ".join(part for part in (reasons[j], estimates[name].reason) if part)
            estimates[name] = replace(estimates[name], reason=reason)
    return estimates


def _profiled(wald: Estimate, rest: Rest, j: int, level: float, variance: float) -> Estimate:
    """Return the same number with the interval of its profile."""
    se = wald.se if wald.se is not None else float(np.sqrt(variance)) / float(rest.factors.size[j])
    (low, below), (high, above) = (
        Profile(rest, j, side, variance).end(level, level * se) for side in (-1, 1)
    )
    why = [f"{word} end: {reason}" for word, reason in (("lower", below), ("upper", above)) if reason]
    return replace(wald, low=low, high=high, method="profile", reason="; ".join(why))


def _variance(rest: Rest, absolute_sigma: bool) -> float:
    """Return s^2 in the units of `rest.rss`; NaN without degrees of freedom."""
    problem = rest.derivatives.problem
    if absolute_sigma:
        with np.errstate(over="ignore"):
            return float(np.float64(problem.unit) ** -2.0)
    dof = problem.n - problem.p
    return rest.rss / dof if dof > 0 else np.nan


def _reasons(rest: Rest, absolute_sigma: bool) -> list[str]:
    """Return why each parameter has no standard error; "" where it has one."""
    problem, factors = rest.derivatives.problem, rest.factors
    common = ""
    if rest.downhill is not None:
        common = "the fit rests on a saddle, not in a minimum"
    elif not absolute_sigma and problem.n <= problem.p:
        common = f"no degrees of freedom: {problem.n} points, {problem.p} parameters"
    elif not absolute_sigma and not rest.rss_error <= LEFT:
        common = "the residuals are rounding errors of the numbers: a standard error would be one too"
    reasons = []
    for j, name in enumerate(problem.names):
        if factors.idle[j]:
            reasons.append("the function does not change with it")
        elif factors.loose[j]:
            others = [n for n, loose in zip(problem.names, factors.loose, strict=True) if loose and n != name]
            reasons.append(f"the data determine only a combination of it with {', '.join(others)}")
        elif rest.at_bound[j]:
            reasons.append(f"it stands at its {_side(rest, j)}")
        elif common:
            reasons.append(common)
        elif rest.digits[j] < DIGITS:
            reasons.append(f"only {rest.digits[j]:.1f} digits of it can be trusted")
        else:
            reasons.append("")
    return reasons


def _side(rest: Rest, j: int) -> str:
    problem = rest.derivatives.problem
    low = rest.theta[j] <= problem.lower[j]
    return f"lower bound {problem.lower[j]:g}" if low else f"upper bound {problem.upper[j]:g}"


def state_flags(rest: Rest, start: Array, unmoved: BoolArray) -> tuple[str, ...]:
    """Return what a user should know of where the fit came to rest.

    Parameters
    ----------
    rest : Rest
        The fit.
    start : Array, shape (p,)
        First values.
    unmoved : BoolArray, shape (p,)
        Parameters that still stand there.
    """
    problem, factors = rest.derivatives.problem, rest.factors
    names = problem.names
    flags = list(rest.derivatives.flags)
    for j in np.flatnonzero(factors.idle):
        flags.append(
            f"{names[j]} has no influence on the function: it is not determined (start {start[j]:g} kept)"
        )
    loose = [name for name, out in zip(names, factors.loose, strict=True) if out]
    if loose:
        flags.append(f"the data do not determine {', '.join(loose)}: only a combination of them counts")
    for j in np.flatnonzero(rest.at_bound):
        flags.append(
            f"{names[j]} stands at its {_side(rest, int(j))}; other standard errors take it as given"
        )
    for j in np.flatnonzero(unmoved & ~factors.idle & ~rest.at_bound):
        flags.append(f"{names[j]} never moved from its start {start[j]:g}")
    if rest.downhill is not None:
        flags.append("the place is a saddle of the sum of squares, not a minimum; try another start")
    doubtful = [
        f"{name} ({digits:.1f})"
        for name, digits, known in zip(names, rest.digits, np.isfinite(rest.error), strict=True)
        if known and digits < DIGITS
    ]
    if doubtful:
        flags.append(f"not converged: fewer than {DIGITS:g} digits can be trusted in {', '.join(doubtful)}")
    return tuple(flags)
