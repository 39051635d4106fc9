"""`fit_curve`: least squares of any y = f(x, parameters), to all the digits the arithmetic holds.

One descent by lmfit with exact derivatives, further ones where its end is suspect, a polish by
Newton steps on extended-precision residuals, and standard errors from a QR of the scaled Jacobian.
The result says how many digits can be trusted, and claims success only from four on. It cannot say
that no better minimum exists elsewhere: where the residuals keep a pattern, it says that.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.curves.numbers import BetterMinimumError, covariance_of, estimates_of, state_flags
from cxkinetics.curves.problem import Problem, derivatives_at, problem_of
from cxkinetics.curves.result import CurveFit
from cxkinetics.curves.solver import Rest, pattern_flags, search, settled, unmoved
from cxkinetics.errors import FitError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.source import sha256_of

DEFAULT_SEED = 0
MOVES = 3
"""Times that a profile may find a smaller sum of squares."""


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
        flags=(*flags, *state_flags(rest, place, unmoved(rest, place)), *pattern_flags(rest)),
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
