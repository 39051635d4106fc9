"""Residuals and derivatives of a user's function in double or in extended precision.

Where the machine has a longer float than double (`np.longdouble` of 80 bits or more) and the
function keeps it, residuals that are tiny differences of large numbers keep digits that double
precision loses. Numbers of the data count as the decimals they were written as (0.1, not the double
next to it): that moves none of them by more than its rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError
from cxkinetics.fitting.curve_problem import Problem
from cxkinetics.fitting.derivatives import IMAGINARY, Derivatives

__all__ = ["Arithmetic", "arithmetic_of"]

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
        columns = [_long_column(problem, self.x, theta, j) for j in range(problem.p)]
        with np.errstate(all="ignore"):
            matrix: NDArray[Any] = np.stack(columns, axis=1) * problem.weight[:, None]
        matrix[~np.isfinite(matrix)] = 0.0
        return matrix

    def noise(self, theta: Array, matrix: Array) -> Array:
        """Return the rounding error (n,) of the residuals, weighted.

        In double precision it is measured: parameters are moved by some ulp, and what the curve
        does beyond its tangent is rounding inside the function.
        """
        problem = self.derivatives.problem
        size = np.abs(np.nan_to_num(problem.curve(theta))) + np.abs(problem.y)
        if self.extended:
            floor: Array = 16 * float(np.finfo(np.longdouble).eps) * size * problem.weight
            return floor
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
    if values.dtype != np.longdouble or not _same(values.astype(np.float64), here):
        return plain
    if not _keeps_parameters(derivatives, x, theta, values):
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
            column = _long_column(problem, x, parameters, j)
            if column.dtype != np.longdouble:
                return False
            shown = column.astype(np.float64) * problem.weight
            if not _same(shown, derivatives.jacobian(theta)[:, j]):
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


def _long_column(problem: Problem, x: NDArray[Any], theta: NDArray[Any], j: int) -> NDArray[Any]:
    shifted = theta.astype(np.clongdouble)
    step = np.longdouble(IMAGINARY) * (abs(theta[j]) or np.longdouble(1))
    shifted[j] = shifted[j] + 1j * step
    column: NDArray[Any] = problem.call(x, shifted).imag / step
    return column


def _as_decimals(values: Array) -> NDArray[Any]:
    """Return numbers in extended precision as the decimals that print them."""
    flat = [np.longdouble(repr(value)) for value in values.ravel().tolist()]
    return np.array(flat, dtype=np.longdouble).reshape(values.shape)
