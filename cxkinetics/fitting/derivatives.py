"""Derivatives of a user's function: complex steps where they hold, central differences elsewhere.

A complex step f'(b) = Im f(b + ih)/h has no cancellation, so it is exact to rounding (W. Squire,
G. Trapp, SIAM Rev. 40, 110 (1998), doi 10.1137/S003614459631241X), but only where the function is
analytic in what it is handed: abs, real parts, rounding to float or 0**b break it silently. So each
column is checked against central differences, at the start and again at the end, and a column that
fails is taken by fourth-order central differences with a step tuned on a ladder.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.errors import FitError
from cxkinetics.fitting.curve_problem import Problem

__all__ = ["Derivatives", "derivatives_at", "doubted"]

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
            else _complex(self.problem, theta, j)
            for j in range(self.problem.p)
        ]
        with np.errstate(all="ignore"):
            matrix = np.stack(columns, axis=1) * self.problem.weight[:, None]
        matrix[~np.isfinite(matrix)] = 0.0
        return matrix

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
    shifted = theta.astype(np.complex128) + 1j * IMAGINARY * _size(theta)
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
            exact = _complex(problem, theta, int(j))
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


def _size(theta: Array) -> Array:
    """Return the size of each parameter, one where it is zero."""
    return np.where(theta == 0, 1.0, np.abs(theta))


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
        trial[j] = _reach(problem, j, 1e-3 * scale)
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


def _reach(problem: Problem, j: int, distance: float) -> float:
    """Return zero plus or minus a distance, on the side that the bounds leave open."""
    return distance if problem.upper[j] >= distance else -distance


def _complex(problem: Problem, theta: Array, j: int) -> Array:
    shifted = theta.astype(np.complex128)
    size = abs(float(theta[j])) or 1.0
    shifted[j] += 1j * IMAGINARY * size
    values = problem.call(problem.x, shifted)
    column: Array = values.imag.astype(np.float64) / (IMAGINARY * size)
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
    return _difference(problem.curve, theta, j, step, offsets, factors)


def _difference(
    curve: Callable[[Array], Array],
    theta: Array,
    j: int,
    step: float,
    offsets: tuple[int, ...],
    factors: tuple[float, ...],
) -> Array:
    total: Any = 0.0
    trial = theta.copy()
    for offset, factor in zip(offsets, factors, strict=True):
        trial[j] = theta[j] + offset * step
        with np.errstate(all="ignore"):
            total = total + factor * curve(trial)
    with np.errstate(all="ignore"):
        column: Array = total / step
    return column
