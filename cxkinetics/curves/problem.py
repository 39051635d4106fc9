"""The least-squares problem of any curve, derivatives exact to rounding, double and extended precision."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxkinetics.arrays import Array, BoolArray, frozen_array, numbers_of
from cxkinetics.errors import FitError, InputError, UsageError

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

    def weighted(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the columns of a Jacobian as a matrix (n, p), weighted; entries that overflow are zero."""
        with np.errstate(all="ignore"):
            matrix: NDArray[Any] = np.stack(columns, axis=1) * self.weight[:, None]
        matrix[~np.isfinite(matrix)] = 0.0
        return matrix

    def raw(self, rss: float) -> float:
        """Return a sum of squares in the units of y / sigma (inf beyond the largest double)."""
        with np.errstate(over="ignore", invalid="ignore"):
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
    *,
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
    deviations = np.ones(n) if sigma is None else _numbers("sigma", sigma)
    if deviations.ndim == 0:
        deviations = np.full(n, float(deviations))
    if deviations.shape != (n,):
        raise InputError(f"sigma has shape {deviations.shape} and y has {n} values; one per point is needed")
    if np.any(deviations <= 0):
        index = int(np.argmax(deviations <= 0))
        raise InputError(
            f"sigma is {deviations[index]:g} at index {index}; standard deviations must be positive",
            remedy="leave the point out, or give it a large sigma",
        )
    relative, scale, unit = _scales(ordinates, deviations)
    return Problem(
        function=function,
        names=names,
        x=frozen_array(predictors),
        y=frozen_array(ordinates),
        weight=frozen_array(relative / scale),
        unit=unit,
        lower=frozen_array([lower.get(name, -np.inf) for name in names]),
        upper=frozen_array([upper.get(name, np.inf) for name in names]),
        tally=[0],
    )


def _scales(y: Array, sigma: Array) -> tuple[Array, float, float]:
    """Return weights about one, the scale of what they weigh, and the unit of residuals; powers of two."""
    middle = 2.0 ** np.round(np.mean(np.log2(sigma)))
    with np.errstate(over="ignore", invalid="ignore"):
        relative = middle / sigma
        size = float(np.max(np.abs(y * relative))) or 1.0
        scale = 2.0 ** np.round(np.log2(size))
        unit = float(scale / middle)
    if not (0 < unit < np.inf and np.all(np.isfinite(relative))):
        raise InputError(
            f"the largest y is {np.max(np.abs(y)):g} and sigma is about {middle:g}; their ratio is "
            "no number that can be computed with",
            remedy="give y and sigma in another unit",
        )
    return relative, float(scale), unit


def _numbers(what: str, values: ArrayLike) -> Array:
    """Return an array of finite numbers, or say which one is not."""
    array = numbers_of(what, values, np.inf)  # scaled before anything is squared
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


IMAGINARY = 1e-20
"""Complex step, relative to the parameter."""
LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Relative steps of central differences that are tried in turn."""
SHARP = 1e-9
"""Relative difference between the derivatives of two steps at which no smaller one is tried."""
AGREE = 1e-5
"""Share of a column's largest entry by which complex step and central difference may differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """How each column of the Jacobian is taken.

    Attributes
    ----------
    problem : Problem
        The function and its data.
    central : BoolArray, shape (p,)
        Columns by central differences; the others by complex step.
    step : Array, shape (p,)
        Steps of the central differences, in units of the parameter.
    error : Array, shape (p,)
        Relative error of the columns, estimated.
    why : str
        Why columns are not exact: what the function raised or did with complex arguments.
    """

    problem: Problem
    central: BoolArray
    step: Array
    error: Array
    why: str = ""

    def jacobian(self, theta: Array) -> Array:
        """Return the weighted Jacobian (n, p); entries that overflow are zero."""
        columns = [
            _central(self.problem, theta, j, float(self.step[j]))
            if self.central[j]
            else _complex(self.problem, self.problem.x, theta, j).astype(np.float64)
            for j in range(self.problem.p)
        ]
        return self.problem.weighted(columns)

    @property
    def flags(self) -> tuple[str, ...]:
        """What a user should know of the derivatives."""
        if not self.central.any():
            return ()
        which = [name for name, used in zip(self.problem.names, self.central, strict=True) if used]
        scope = "all parameters" if len(which) == self.problem.p else ", ".join(which)
        return (f"derivatives by central differences for {scope}: {self.why}",)


def derivatives_at(problem: Problem, theta: Array) -> Derivatives:
    """Return how to take derivatives, each complex step checked at `theta` (p,)."""
    ones = np.ones(problem.p, bool)
    blank = Derivatives(problem, ~ones, np.zeros(problem.p), np.full(problem.p, 1e-15))
    refused = _refusal(problem, theta)
    if refused:
        return _with_central(replace(blank, why=refused), theta, ones)
    wrong, why = _wrong_columns(blank, theta)
    return _with_central(replace(blank, why=why), theta, wrong) if wrong.any() else blank


def doubted(derivatives: Derivatives, theta: Array) -> Derivatives | None:
    """Return other derivatives where those in use are not right at `theta`, else None.

    Central differences are tuned again; a complex step that disagrees there is given up.
    """
    wrong, why = _wrong_columns(derivatives, theta)
    if wrong.any():
        return _with_central(
            replace(derivatives, why=derivatives.why or why), theta, wrong | derivatives.central
        )
    if derivatives.central.any():
        return _with_central(derivatives, theta, derivatives.central)
    return None


def _refusal(problem: Problem, theta: Array) -> str:
    """Return why the function does not take complex parameters, or ""."""
    shifted = theta.astype(np.complex128) + 1j * IMAGINARY * np.where(theta == 0, 1.0, np.abs(theta))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            values = problem.call(problem.x, shifted)
            real = problem.curve(theta)
    except FitError as error:
        cause = error.__cause__ or error
        text = " ".join(str(cause).split())
        return f"the function does not take complex arguments ({type(cause).__name__}: {text})"
    if values.dtype.kind != "c":
        return "the function returns real numbers for complex arguments"
    finite = np.isfinite(real)
    size = max(float(np.max(np.abs(real[finite]), initial=0.0)), float(np.max(np.abs(problem.y))))
    with np.errstate(all="ignore"):
        apart = np.abs(values.real - real)[finite] > 1e-9 * size
    if apart.any() or not np.isfinite(values[finite]).all():
        return "the function gives other values for complex arguments than for real ones"
    return ""


def _wrong_columns(derivatives: Derivatives, theta: Array) -> tuple[BoolArray, str]:
    """Return the complex-step columns that central differences contradict, and why."""
    problem = derivatives.problem
    wrong = np.zeros(problem.p, bool)
    why = ""
    for j in np.flatnonzero(~derivatives.central):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            exact = _complex(problem, problem.x, theta, int(j)).astype(np.float64)
        scale = _scale(problem, theta, int(j))
        tried = []
        for relative in LADDER[1:3]:
            try:
                tried.append(_central(problem, theta, int(j), relative * scale))
            except FitError:  # the neighbourhood is out of bounds: no judge
                tried.append(np.full(problem.n, np.nan))
        best = tried[-1]
        with np.errstate(invalid="ignore"):
            spread = np.abs(tried[-1] - tried[0])
        known = np.isfinite(best) & np.isfinite(spread)
        if not known.any():
            continue
        largest = float(np.max(np.abs(best[known])))
        if np.max(spread[known]) > 0.1 * largest and largest > 0:
            continue  # too rough to be a judge
        size = float(np.max(np.abs(problem.y))) + float(np.max(np.abs(np.nan_to_num(problem.curve(theta)))))
        rounding = 1e-13 * size / (LADDER[2] * scale)
        apart = np.abs(exact - best)[known]
        if not np.all(apart <= AGREE * largest + 30 * spread[known] + rounding):
            wrong[j] = True
            why = "complex steps disagree with them (abs, a real part or a power of zero in the function?)"
    return wrong, why


def _with_central(derivatives: Derivatives, theta: Array, which: BoolArray) -> Derivatives:
    """Return the derivatives with the columns `which` by central differences tuned at `theta`."""
    problem = derivatives.problem
    step, error = derivatives.step.copy(), derivatives.error.copy()
    for j in np.flatnonzero(which):
        step[j], error[j] = _tuned(problem, theta, int(j))
    return replace(derivatives, central=which.copy(), step=step, error=error)


def _tuned(problem: Problem, theta: Array, j: int) -> tuple[float, float]:
    """Return the step with the smallest estimated error, and that relative error."""
    scale = _scale(problem, theta, j)
    wide = _central(problem, theta, j, LADDER[0] * scale)
    best, least = LADDER[0], np.inf
    for relative in LADDER[1:]:
        narrow = _central(problem, theta, j, relative * scale)
        known = np.isfinite(wide) & np.isfinite(narrow)
        size = float(np.linalg.norm(narrow[known]))
        apart = float(np.linalg.norm((wide - narrow)[known]))
        share = apart / size if size > 0 else (0.0 if apart == 0 else np.inf)
        share += float(np.count_nonzero(~np.isfinite(narrow)))
        if share < least:
            best, least = relative, share
        if least < SHARP or share > 100 * least:
            break
        wide = narrow
    return best * scale, max(least, 1e-13)


def _scale(problem: Problem, theta: Array, j: int) -> float:
    """Return the scale of a parameter: its size or, at zero, what changes the curve by its own size."""
    if theta[j] != 0:
        return abs(float(theta[j]))
    here = problem.curve(theta)
    known = np.isfinite(here)
    size = max(float(np.max(np.abs(here[known]), initial=0.0)), float(np.max(np.abs(problem.y)))) or 1.0
    trial = theta.copy()
    scale = 1.0
    for _ in range(30):
        distance = 1e-3 * scale  # from zero, to the side that the bounds leave open
        trial[j] = distance if problem.upper[j] >= distance else -distance
        moved = problem.curve(trial)
        both = known & np.isfinite(moved)
        change = float(np.max(np.abs(moved - here)[both], initial=0.0)) / size
        if both.sum() < known.sum() or change > 1e-1:
            scale *= 1e-2
        elif change < 1e-6:
            if scale > 1e12:
                return 1.0
            scale *= 1e2
        else:
            break
    return scale


def _complex(problem: Problem, x: NDArray[Any], theta: NDArray[Any], j: int) -> NDArray[Any]:
    """Return a column by a complex step, in the precision of the parameters."""
    shifted = theta.astype(np.result_type(theta, np.complex64))
    step = IMAGINARY * (abs(theta[j]) or theta.dtype.type(1))
    shifted[j] += 1j * step
    column: NDArray[Any] = problem.call(x, shifted).imag / step
    return column


def _central(problem: Problem, theta: Array, j: int, step: float) -> Array:
    """Return a fourth-order difference; one-sided where a bound leaves no room."""
    below, above = float(theta[j] - problem.lower[j]), float(problem.upper[j] - theta[j])
    if min(below, above) >= 2 * step:
        offsets: tuple[int, ...] = (-2, -1, 1, 2)
        factors: tuple[float, ...] = (1 / 12, -8 / 12, 8 / 12, -1 / 12)
    else:
        side = 1 if above >= below else -1
        step = min(step, max(below, above) / 4)
        offsets = tuple(side * k for k in range(5))
        factors = tuple(side * f / 12 for f in (-25, 48, -36, 16, -3))
    total: Any = 0.0
    trial = theta.copy()
    with np.errstate(all="ignore"):
        for offset, factor in zip(offsets, factors, strict=True):
            trial[j] = theta[j] + offset * step
            total = total + factor * problem.curve(trial)
        column: Array = total / step
    return column


LARGEST = 20_000
"""Points up to which data are read again in extended precision."""
SAME = 1e-6
"""Relative difference from double precision up to which extended values are believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic:
    """A problem in one precision.

    Attributes
    ----------
    derivatives : Derivatives
        The problem and how its Jacobian is taken in double precision.
    x, y : array or None
        Data in extended precision; None: double precision throughout.
    long_jacobian : bool
        Whether the function keeps extended precision in complex steps too.
    """

    derivatives: Derivatives
    x: NDArray[Any] | None = None
    y: NDArray[Any] | None = None
    long_jacobian: bool = False

    @property
    def extended(self) -> bool:
        """Whether this is extended precision."""
        return self.x is not None

    def start(self, theta: Array) -> NDArray[Any]:
        """Return the parameters (p,) in this precision."""
        return theta.astype(np.longdouble) if self.extended else theta.copy()

    def residual(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the weighted residuals (n,)."""
        problem = self.derivatives.problem
        if self.x is None:
            return problem.residual(theta)
        with np.errstate(all="ignore"):
            rest: NDArray[Any] = (problem.call(self.x, theta) - self.y) * problem.weight
        return rest

    def jacobian(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the weighted Jacobian (n, p)."""
        problem = self.derivatives.problem
        if not self.long_jacobian or self.x is None:
            return self.derivatives.jacobian(theta.astype(np.float64))
        columns = [_complex(problem, self.x, theta, j) for j in range(problem.p)]
        return problem.weighted(columns)

    def noise(self, theta: Array, matrix: Array) -> Array:
        """Return the rounding error (n,) of the residuals, weighted.

        In double precision it is measured: parameters are moved by some ulp, and what the curve
        does beyond its tangent is rounding inside the function.
        """
        problem = self.derivatives.problem
        size = np.abs(np.nan_to_num(problem.curve(theta))) + np.abs(problem.y)
        if self.extended:
            return 16 * float(np.finfo(np.longdouble).eps) * size * problem.weight
        unit = np.finfo(np.float64).eps
        floor = unit * size * problem.weight
        here = problem.residual(theta)
        worst = np.zeros(problem.n)
        for ulps in (-5, 3, 8):
            sign = np.where(np.arange(problem.p) % 2, 1.0, -1.0)
            trial = problem.inside(theta * (1 + ulps * sign * unit))
            with np.errstate(all="ignore"):
                beyond = np.abs(problem.residual(trial) - here - matrix @ (trial - theta))
            worst = np.maximum(worst, np.nan_to_num(beyond, posinf=0.0))
        return np.maximum(worst, floor)


def arithmetic_of(derivatives: Derivatives, theta: Array) -> Arithmetic:
    """Return extended precision where the machine and the function have it, else double."""
    problem = derivatives.problem
    plain = Arithmetic(derivatives)
    if np.finfo(np.longdouble).eps > 1e-18 or problem.n > LARGEST:
        return plain
    x, y = _as_decimals(problem.x), _as_decimals(problem.y)
    parameters = theta.astype(np.longdouble)
    try:
        values = problem.call(x, parameters)
        here = problem.curve(theta)
    except FitError:  # the function insists on doubles: they serve
        return plain
    extended = values.dtype == np.longdouble and _same(values.astype(np.float64), here)
    if not extended or not _keeps_parameters(derivatives, x, theta, values):
        return plain
    return Arithmetic(derivatives, x, y, _keeps_complex(derivatives, x, theta))


def _keeps_parameters(derivatives: Derivatives, x: NDArray[Any], theta: Array, here: NDArray[Any]) -> bool:
    """Return whether parameters are not rounded to double inside the function.

    Each is moved by a quarter of a double's last place: the curve must follow.
    """
    problem = derivatives.problem
    matrix = derivatives.jacobian(theta)
    size = float(np.linalg.norm(here.astype(np.float64) * problem.weight))
    for j in np.flatnonzero(theta):
        parameters = theta.astype(np.longdouble)
        move = parameters[j] * np.longdouble(2.0**-55)
        parameters[j] += move
        promised = float(np.linalg.norm(matrix[:, j])) * abs(float(move))
        if promised <= 20 * float(np.finfo(np.longdouble).eps) * size:
            continue
        try:
            moved = (problem.call(x, parameters) - here) * problem.weight
        except FitError:
            return False
        if not float(np.linalg.norm(moved.astype(np.float64))) > 0.5 * promised:
            return False
    return True


def _keeps_complex(derivatives: Derivatives, x: NDArray[Any], theta: Array) -> bool:
    if derivatives.central.any():
        return False
    problem = derivatives.problem
    parameters = theta.astype(np.longdouble)
    try:
        for j in range(problem.p):
            column = _complex(problem, x, parameters, j)
            shown = column.astype(np.float64) * problem.weight
            if column.dtype != np.longdouble or not _same(shown, derivatives.jacobian(theta)[:, j]):
                return False
    except FitError:  # as above
        return False
    return True


def _same(left: Array, right: Array) -> bool:
    """Return whether two columns agree to well below anything of interest."""
    known = np.isfinite(right)
    if not np.array_equal(known, np.isfinite(left)):
        return False
    limit = SAME * float(np.max(np.abs(right[known]), initial=0.0))
    return bool(np.all(np.abs(left - right)[known] <= limit))


def _as_decimals(values: Array) -> NDArray[Any]:
    """Return numbers in extended precision as the decimals that print them."""
    flat = [np.longdouble(repr(value)) for value in values.ravel().tolist()]
    return np.array(flat, dtype=np.longdouble).reshape(values.shape)
