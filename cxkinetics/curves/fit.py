"""`fit_curve`: least squares of any y = f(x, parameters), to all the digits the arithmetic holds.

One descent by lmfit with exact derivatives, further ones where its end is suspect, a polish by
Newton steps on extended-precision residuals, and standard errors from a QR of the scaled Jacobian.
The result says how many digits can be trusted, and claims success only from four on. It cannot say
that no better minimum exists elsewhere: where the residuals keep a pattern, it says that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.calls import checked
from cxkinetics.curves.problem import Problem, derivatives_at, problem_of
from cxkinetics.curves.result import CurveFit
from cxkinetics.curves.solver import DIGITS, Rest, marquardt, pattern_flags, search, settled, unmoved
from cxkinetics.errors import FitError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import walk_out
from cxkinetics.source import sha256_of

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
    problem, variance = rest.derivatives.problem, _variance(rest, absolute_sigma)
    errors = rest.factors.spread() * np.sqrt(variance)
    dof = problem.n - problem.p
    share = (1 + confidence) / 2
    level = float(ndtri(share)) if absolute_sigma else float(stdtrit(dof, share)) if dof > 0 else np.nan
    reasons, lost = _reasons(rest, absolute_sigma), rest.factors.idle | rest.factors.loose
    estimates = {}
    for j, name in enumerate(problem.names):
        value = None if lost[j] else float(rest.theta[j])
        se = None if reasons[j] else float(errors[j])
        found = Estimate(name=name, value=value, se=se, unit=units.get(name, ""), reason=reasons[j])
        walked = profile and rest.at_bound[j] and np.isfinite(level)
        if value is not None and (se is not None or walked):
            reach = level * (se or 0.0)
            found = replace(found, low=value - reach, high=value + reach, method="wald")
            found = _profiled(found, rest, j, level, variance) if profile else found
        estimates[name] = found
    return estimates


def _profiled(wald: Estimate, rest: Rest, j: int, level: float, variance: float) -> Estimate:
    """Return the same number with the interval of its profile."""
    se = wald.se if wald.se is not None else float(np.sqrt(variance)) / float(rest.factors.size[j])
    ends = [Profile(rest, j, side, variance).end(level, level * se) for side in (-1, 1)]
    why = [f"{word} end: {open_}" for word, (_, open_) in zip(("lower", "upper"), ends, strict=True) if open_]
    reason = "; ".join([wald.reason] * bool(wald.reason) + why)
    return replace(wald, low=ends[0][0], high=ends[1][0], method="profile", reason=reason)


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


def _side(rest: Rest, j: Any) -> str:
    problem = rest.derivatives.problem
    low = rest.theta[j] <= problem.lower[j]
    return f"lower bound {problem.lower[j]:g}" if low else f"upper bound {problem.upper[j]:g}"


def state_flags(rest: Rest, start: Array) -> tuple[str, ...]:
    """Return what a user should know of where the fit came to rest.

    Parameters
    ----------
    rest : Rest
        The fit.
    start : Array, shape (p,)
        First values.
    """
    problem, factors = rest.derivatives.problem, rest.factors
    names = problem.names
    flags = list(rest.derivatives.flags)
    idle = "has no influence on the function: it is not determined"
    flags += [f"{names[j]} {idle} (start {start[j]:g} kept)" for j in np.flatnonzero(factors.idle)]
    loose = [name for name, out in zip(names, factors.loose, strict=True) if out]
    if loose:
        flags.append(f"the data do not determine {', '.join(loose)}: only a combination of them counts")
    for j in np.flatnonzero(rest.at_bound):
        flags.append(f"{names[j]} stands at its {_side(rest, j)}; other standard errors take it as given")
    for j in np.flatnonzero(unmoved(rest, start) & ~factors.idle & ~rest.at_bound):
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


DEFAULT_SEED = 0
MOVES = 3
"""Times that a profile may find a smaller sum of squares."""


@checked("lower", "upper", "absolute_sigma", "confidence", "profile", "units", "rng")
def fit_curve(
    function: Callable[..., Any],
    x: ArrayLike,
    y: ArrayLike,
    start: Mapping[str, float],
    sigma: ArrayLike | None = None,
    *,
    lower: Mapping[str, float] | None = None,
    upper: Mapping[str, float] | None = None,
    absolute_sigma: bool = False,
    confidence: float = 0.95,
    profile: bool = False,
    units: Mapping[str, str] | None = None,
    rng: np.random.Generator | int | None = None,
) -> CurveFit:
    """Fit y = function(x, **parameters) by least squares.

    Parameters
    ----------
    function : callable
        function(x, **parameters) -> n values. Written with numpy it also runs on complex and on
        extended-precision parameters, which makes the derivatives exact and the digits many.
    x : array_like, shape (n,) or (n, m)
        Predictors, handed to the function as given (read-only).
    y : array_like, shape (n,)
        Data.
    start : mapping of str to float
        First value of every parameter; `lmfit.Parameters` bring their bounds along.
    sigma : array_like, shape (n,), optional
        Standard deviations of y: relative weights, their common scale is estimated.
    lower, upper : mapping of str to float, optional
        Bounds; a parameter that ends on one is flagged and has no standard error.
    absolute_sigma : bool
        Take sigma at its word (normal quantiles) instead of estimating its scale (Student's t).
    confidence : float
        Of the intervals, 0.5 to below 1.
    profile : bool
        Profile-likelihood intervals ("profile") instead of b +/- t se ("wald").
    units : mapping of str to str, optional
        Units of parameters, carried to the result.
    rng : numpy.random.Generator, int or None
        Source or seed of the nearby starts that a suspect result is tried from.

    Returns
    -------
    CurveFit
        `.to_dict()` holds parameters, rss, dof, success and flags.

    Raises
    ------
    InputError
        If x, y or sigma hold something that is not a finite number (its index is named) or do not
        fit together.
    UsageError
        If start, bounds or options make no sense.
    FitError
        If the function raises (its exception is the cause), returns the wrong shape or NaN at the
        start, or there are fewer points than parameters.

    References
    ----------
    NIST Statistical Reference Datasets, nonlinear regression, doi 10.18434/T43G6C: the 27 sets on
    which digits of parameters and standard errors are measured, from both starts.

    Examples
    --------
    >>> pressure = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1]
    >>> volume = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4]
    >>> def misra(x, b1, b2):
    ...     return b1 * (1 - np.exp(-b2 * x))
    >>> fit = fit_curve(misra, pressure, volume, start={"b1": 500.0, "b2": 1e-4})
    >>> fit.success, round(fit.parameters["b1"].value, 4)
    (True, 227.9109)
    """
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence is {confidence}; it must lie between 0.5 and 1, e.g. 0.95")
    begin = _numbers("start", start)
    low = _numbers("lower", _bounds(start, "min") | dict(lower or {}))
    high = _numbers("upper", _bounds(start, "max") | dict(upper or {}))
    problem = problem_of(function, x, y, begin, sigma=sigma, lower=low, upper=high)
    seed = _seed(rng)
    place = np.array(list(begin.values()))
    _require_usable(problem, place)
    derivatives = derivatives_at(problem, place)
    rest, way = search(derivatives, place, np.random.default_rng(seed))
    flags = list(way)
    numbers = partial(
        estimates_of, confidence=confidence, absolute_sigma=absolute_sigma, units=dict(units or {})
    )
    rest, estimates = _estimated(rest, numbers, flags, profile=profile)
    given = None if sigma is None else np.broadcast_to(np.asarray(sigma, dtype=float), problem.y.shape)
    return CurveFit(
        parameters=estimates,
        values=dict(zip(problem.names, rest.theta.tolist(), strict=True)),
        rss=problem.raw(rest.rss),
        dof=problem.n - problem.p,
        success=rest.sound and bool(np.isfinite(rest.rss)),
        flags=(*flags, *state_flags(rest, place), *pattern_flags(rest)),
        digits={name: float(round(d, 1)) for name, d in zip(problem.names, rest.digits, strict=True)},
        x=problem.x,
        y=problem.y,
        sigma=given,
        fitted=problem.y + rest.residual / problem.weight,
        residuals=-rest.residual / problem.weight,
        covariance=covariance_of(rest, absolute_sigma=absolute_sigma),
        function=str(getattr(function, "__qualname__", type(function).__name__)),
        derivatives=_kind(rest),
        extended_precision=rest.extended,
        options={
            "start": begin,
            "lower": low,
            "upper": high,
            "absolute_sigma": absolute_sigma,
            "confidence": confidence,
            "profile": profile,
        },
        seed=seed,
        sha256=_hash(problem, given),
    )


def _estimated(
    rest: Rest, numbers: Callable[..., dict[str, Estimate]], flags: list[str], *, profile: bool
) -> tuple[Rest, dict[str, Estimate]]:
    """Return the estimates and the fit they are of: a profile may have led to a smaller sum of squares."""
    for _ in range(MOVES):
        try:
            return rest, numbers(rest, profile=profile)
        except BetterMinimumError as better:
            rest = settled(rest.derivatives, better.theta)
            flags.append(
                "the profile of a parameter led to a smaller sum of squares; the fit was moved there"
            )
    flags.append("the profiles kept finding smaller sums of squares; intervals are Wald's")
    return rest, numbers(rest, profile=False)


def _numbers(what: str, given: Mapping[str, float]) -> dict[str, float]:
    """Return a mapping of names to plain floats, infinite bounds left out."""
    if not isinstance(given, Mapping):
        raise UsageError(f'{what} is a {type(given).__name__}; a mapping such as {{"b1": 1.0}} is needed')
    numbers = {}
    for name, value in given.items():
        try:
            numbers[str(name)] = float(value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{what} of {name} is {value!r}; a number is needed") from error
    return {name: v for name, v in numbers.items() if what == "start" or not np.isinf(v)}


def _bounds(start: Mapping[str, Any], end: str) -> dict[str, float]:
    """Return the bounds ("min" or "max") that lmfit's parameters carry; none for plain numbers."""
    bounds = {}
    for name, value in start.items() if isinstance(start, Mapping) else ():
        if not hasattr(value, "vary"):
            continue
        if value.expr or not value.vary:
            raise UsageError(
                f"{name} is fixed or an expression in lmfit's parameters; put it in the function"
            )
        bounds[str(name)] = float(getattr(value, end))
    return bounds


def _seed(rng: np.random.Generator | int | None) -> int:
    if rng is None:
        return DEFAULT_SEED
    return int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else int(rng)


def _require_usable(problem: Problem, start: Array) -> None:
    values = problem.curve(start)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise FitError(
            f"the function gives {values[bad[0]]} at the start (index {bad[0]}, x = {problem.x[bad[0]]}; "
            f"{bad.size} of {problem.n} points); choose a start where it is finite"
        )
    again = problem.curve(start)
    if not np.array_equal(values, again):
        index = int(np.flatnonzero(values != again)[0])
        raise FitError(
            f"the function gave {values[index]:.6g} and then {again[index]:.6g} for the same parameters "
            f"(index {index}); it must not draw random numbers or remember earlier calls"
        )


def _kind(rest: Rest) -> str:
    kinds = ["central differences" if central else "complex step" for central in rest.derivatives.central]
    return kinds[0] if len(set(kinds)) == 1 else "mixed"


def _hash(problem: Problem, sigma: Array | None) -> str:
    parts = [problem.x, problem.y] + ([] if sigma is None else [np.ascontiguousarray(sigma)])
    return sha256_of(b"".join(part.tobytes() for part in parts))
