"""A least-squares problem made of a user's function and data: values, residuals, first checks.

The function is called with scalars of numpy as parameters, so that an overflow gives inf instead of
an error, and with x read-only. Whatever it raises reaches the user as the cause of a `FitError`.
Residuals are (model minus data) / sigma, brought to order one by a power of two, so that no
conclusion depends on the unit of y or on a common factor of the weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxkinetics.arrays import Array, frozen_array, numbers_of
from cxkinetics.errors import FitError, InputError, UsageError

__all__ = ["Problem", "named", "problem_of"]

REAL_KINDS = "fiub"


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is fitted, checked.

    Attributes
    ----------
    function : callable
        The user's function(x, **parameters).
    names : tuple of str
        Parameters, in the order of every vector (p,).
    x : Array, shape (n,) or (n, m)
        Predictors.
    y : Array, shape (n,)
        Data.
    weight : Array, shape (n,)
        Factor of the residuals: `unit` / sigma / a power of two near the size of y.
    unit : float
        Factor by which a sum of squares in weights 1/sigma exceeds ours, square-rooted.
    lower, upper : Array, shape (p,)
        Bounds, infinite where there are none.
    tally : list of int
        Calls of the function so far, one number.
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    x: Array
    y: Array
    weight: Array
    unit: float
    lower: Array
    upper: Array
    tally: list[int]

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.y.size)

    @property
    def p(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def call(self, x: NDArray[Any], theta: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
        """Return the function's values (n,) as they come, of any numeric type.

        Raises
        ------
        FitError
            If the function raises (its exception is the cause) or returns another shape.
        """
        self.tally[0] += 1
        try:
            with np.errstate(all="ignore"):
                returned = self.function(x, **dict(zip(self.names, theta, strict=True)))
        except Exception as error:
            at = ", ".join(f"{n} = {np.real(v):.6g}" for n, v in zip(self.names, theta, strict=True))
            said = f": {error}" if str(error) else ""
            raise FitError(
                f"the function raised {type(error).__name__}{said} at {at}; "
                "make it return numbers there, or keep the parameters away by lower= and upper="
            ) from error
        try:
            values = np.asarray(returned)
        except ValueError as error:
            raise FitError(f"the function returned {type(returned).__name__}, no array: {error}") from error
        if values.shape != (self.n,):
            hint = "; for a constant return c + 0*x" if values.shape == () else ""
            raise FitError(
                f"the function returned shape {values.shape}, shape ({self.n},) is needed "
                f"(one value per point){hint}"
            )
        if values.dtype.kind not in REAL_KINDS + "c":
            raise FitError(f"the function returned {values.dtype} values, numbers are needed")
        return values

    def curve(self, theta: Array) -> Array:
        """Return the model (n,) at real parameters; NaN or inf where it overflows.

        Raises
        ------
        FitError
            As `call`, and if the values are complex.
        """
        values = self.call(self.x, theta)
        if values.dtype.kind == "c":
            raise FitError(
                "the function returned complex numbers for real parameters; return their real part"
            )
        return values.astype(np.float64)

    def residual(self, theta: Array) -> Array:
        """Return (model - data) weighted, shape (n,)."""
        with np.errstate(all="ignore"):
            return (self.curve(theta) - self.y) * self.weight

    def raw(self, rss: float) -> float:
        """Return a sum of squares in the units of y / sigma (inf beyond the largest double)."""
        with np.errstate(over="ignore"):
            return float(np.square(np.float64(self.unit)) * rss)

    def inside(self, theta: Array) -> Array:
        """Return the parameters clipped to their bounds."""
        return np.clip(theta, self.lower, self.upper)


def named(names: Sequence[str], values: Sequence[float] | Array) -> str:
    """Return parameters as text for a message."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in zip(names, values, strict=True))


def problem_of(
    function: Callable[..., Any],
    x: ArrayLike,
    y: ArrayLike,
    start: dict[str, float],
    sigma: ArrayLike | None,
    lower: dict[str, float],
    upper: dict[str, float],
) -> Problem:
    """Return the checked problem.

    Raises
    ------
    InputError
        If x, y or sigma cannot be used; the message names the first offending index.
    UsageError
        If start or bounds make no sense.
    FitError
        If there are fewer points than parameters.
    """
    if not callable(function):
        raise UsageError(f"the function is a {type(function).__name__}; pass function(x, **parameters)")
    names = tuple(start)
    _check_start(names, start, lower, upper)
    ordinates = _numbers("y", y)
    if ordinates.ndim != 1:
        raise InputError(f"y has shape {ordinates.shape}; one value per point, shape (n,), is needed")
    predictors = _numbers("x", x)
    n = ordinates.size
    if predictors.ndim not in (1, 2) or predictors.shape[0] != n:
        transposed = predictors.ndim == 2 and predictors.shape[1] == n
        raise InputError(
            f"x has shape {predictors.shape} and y has {n} values; x must be ({n},) or ({n}, m)",
            remedy="pass its transpose" if transposed else None,
        )
    if n < len(names):
        raise FitError(
            f"{len(names)} parameters need at least {len(names)} points (one more for standard errors), "
            f"{n} given; measure more points or hold parameters fixed in the function"
        )
    if sigma is None:
        deviations = np.ones(n)
    else:
        deviations = _numbers("sigma", sigma)
        deviations = np.full(n, float(deviations)) if deviations.ndim == 0 else deviations
        if deviations.shape != (n,):
            raise InputError(
                f"sigma has shape {deviations.shape} and y has {n} values; one per point is needed"
            )
        if np.any(deviations <= 0):
            index = int(np.flatnonzero(deviations <= 0)[0])
            raise InputError(
                f"sigma is {deviations[index]:g} at index {index}; standard deviations must be positive",
                remedy="leave the point out, or give it a large sigma",
            )
    middle = 2.0 ** np.round(np.mean(np.log2(deviations)))
    relative = middle / deviations
    size = float(np.max(np.abs(ordinates * relative))) or 1.0
    scale = float(2.0 ** np.round(np.log2(size)))
    return Problem(
        function=function,
        names=names,
        x=frozen_array(predictors),
        y=frozen_array(ordinates),
        weight=frozen_array(relative / scale),
        unit=float(scale / middle),
        lower=frozen_array([lower.get(name, -np.inf) for name in names]),
        upper=frozen_array([upper.get(name, np.inf) for name in names]),
        tally=[0],
    )


def _numbers(what: str, values: ArrayLike) -> Array:
    """Return an array of finite numbers, or say which one is not."""
    array = numbers_of(what, values)
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        where = f"index {place[0]}" if array.ndim == 1 else f"index {place}"
        more = f" ({len(bad)} such values)" if len(bad) > 1 else ""
        raise InputError(
            f"{what} is {float(array[place])} at {where}{more}; finite numbers are needed",
            remedy="leave these points out",
        )
    return array


def _check_start(
    names: tuple[str, ...], start: dict[str, float], lower: dict[str, float], upper: dict[str, float]
) -> None:
    if not names:
        raise UsageError('start is empty; give a first value per parameter, e.g. start={"b1": 1.0}')
    for bounds, word in ((lower, "lower"), (upper, "upper")):
        strangers = sorted(set(bounds) - set(names))
        if strangers:
            raise UsageError(f"{word} names {', '.join(strangers)}; the parameters are {', '.join(names)}")
    for name in names:
        low, value, high = lower.get(name, -np.inf), start[name], upper.get(name, np.inf)
        if not np.isfinite(value):
            raise UsageError(f"start of {name} is {value}; it must be finite")
        if np.isnan(low) or np.isnan(high) or not low < high:
            raise UsageError(f"bounds of {name} are {low:g} and {high:g}; lower must lie below upper")
        if not low <= value <= high:
            raise UsageError(f"start of {name} is {value:g}, outside its bounds {low:g} to {high:g}")
