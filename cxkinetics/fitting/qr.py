"""QR of a Jacobian with scaled columns: rank, steps and the covariance of the parameters.

Columns are divided by their norms, so the rank and every digit are independent of the units of the
parameters. The normal equations are never formed: they would square the condition number and with
it the loss of digits (G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed., section 5.3).
In extended precision (`np.longdouble`) the factors come from modified Gram-Schmidt, done twice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxkinetics.arrays import Array, BoolArray, IntArray

__all__ = ["Factored", "back_substituted", "factored", "lengths"]

ROUNDING = 1e-13
"""Singular values of the scaled Jacobian below this share of the largest count as zero."""
TAKES_PART = 1e-5
"""Component of a null direction from which a parameter takes part in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """The factors of a scaled Jacobian restricted to independent columns.

    Attributes
    ----------
    q : array, shape (n, k)
        Orthonormal columns.
    r : array, shape (k, k)
        Upper triangle: J[:, kept] / size[kept] = q r.
    size : Array, shape (p,)
        Norms of the columns.
    kept : IntArray, shape (k,)
        Independent columns.
    idle : BoolArray, shape (p,)
        Columns that are zero: the parameter has no influence.
    loose : BoolArray, shape (p,)
        Columns in a null direction with others: only a combination is determined.
    """

    q: NDArray[Any]
    r: NDArray[Any]
    size: Array
    kept: IntArray
    idle: BoolArray
    loose: BoolArray

    def project(self, residual: NDArray[Any]) -> NDArray[Any]:
        """Return the part (k,) of a residual (n,) that a step can remove."""
        part: NDArray[Any] = np.sum(self.q * residual[:, None], axis=0)
        return part

    def step(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Return the change of the parameters (p,) that moves the curve by `q coordinates`."""
        change = np.zeros(self.size.size, dtype=self.r.dtype)
        change[self.kept] = back_substituted(self.r, coordinates) / self.size[self.kept]
        return change

    def covariance(self) -> Array:
        """Return (J'J)^-1 of the scaled parameters `size * b`, shape (p, p); zero where not kept."""
        k = self.kept.size
        columns = [back_substituted(self.r, unit) for unit in np.eye(k, dtype=self.r.dtype)]
        inverse = np.stack(columns, axis=1) if k else np.zeros((0, 0))
        full: Array = np.zeros((self.size.size, self.size.size))
        product = np.sum(inverse[:, None, :] * inverse[None, :, :], axis=2)
        full[np.ix_(self.kept, self.kept)] = product.astype(np.float64)
        return full

    def spread(self) -> Array:
        """Return the square root of the diagonal of (J'J)^-1 in the units of the parameters (p,)."""
        root: Array = np.sqrt(np.diag(self.covariance())) / self.size
        return root


def factored(jacobian: NDArray[Any], free: BoolArray, tolerance: float = ROUNDING) -> Factored:
    """Return the factors of the free columns of a Jacobian.

    Parameters
    ----------
    jacobian : array, shape (n, p)
        Weighted derivatives, float64 or longdouble.
    free : BoolArray, shape (p,)
        Columns that may move.
    tolerance : float
        Singular values below this share of the largest count as zero.

    Examples
    --------
    >>> line = np.stack([np.ones(3), np.arange(3.0), 2 * np.arange(3.0)], axis=1)
    >>> found = factored(line, np.ones(3, bool))
    >>> found.kept.tolist(), found.loose.tolist()
    ([0, 1], [False, True, True])
    """
    size = lengths(jacobian.astype(np.float64))
    idle = size == 0
    candidates = np.flatnonzero(free & ~idle)
    safe = np.where(idle, 1.0, size)
    scaled = jacobian / safe
    kept, loose = _independent(scaled.astype(np.float64), candidates, tolerance)
    q, r = _orthogonal(scaled[:, kept])
    return Factored(q, r, safe, kept, idle & free, loose)


def lengths(columns: Array) -> Array:
    """Return the norms of columns, also where their squares would leave the range of doubles.

    Examples
    --------
    >>> lengths(np.array([[3e-200, 0.0], [4e-200, 0.0]])).tolist()
    [5e-200, 0.0]
    """
    largest = np.max(np.abs(columns), axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms: Array = largest * np.linalg.norm(columns / safe, axis=0)
    return norms


def _independent(scaled: Array, candidates: IntArray, tolerance: float) -> tuple[IntArray, BoolArray]:
    """Return independent columns among the candidates, and which columns share a null direction."""
    loose = np.zeros(scaled.shape[1], bool)
    if candidates.size == 0:
        return candidates, loose
    triangle = np.linalg.qr(scaled[:, candidates], mode="r")
    _, singular, right = np.linalg.svd(triangle)
    small = singular <= tolerance * singular[0]
    if not small.any() and candidates.size <= scaled.shape[0]:
        return candidates, loose
    null = right[np.flatnonzero(small)] if singular.size == candidates.size else right[singular.size :]
    loose[candidates[np.max(np.abs(null), axis=0) > TAKES_PART]] = True
    kept: list[int] = []
    rest = scaled.copy()
    for column in candidates:
        for _ in range(2):
            for earlier in kept:
                direction = rest[:, earlier]
                rest[:, column] -= direction * float(direction @ rest[:, column])
        length = float(np.linalg.norm(rest[:, column]))
        if not (loose[column] and length <= 1e3 * max(tolerance, ROUNDING)):
            rest[:, column] /= length
            kept.append(int(column))
    return np.array(kept, dtype=np.intp), loose


def _orthogonal(columns: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return q and r (diagonal positive); Householder in double, twice Gram-Schmidt in extended precision."""
    if columns.dtype == np.float64:
        q, r = np.linalg.qr(columns)
        sign = np.where(np.diag(r) < 0, -1.0, 1.0)
        return q * sign, r * sign[:, None]
    k = columns.shape[1]
    q = columns.copy()
    r = np.zeros((k, k), dtype=columns.dtype)
    for j in range(k):
        for _ in range(2):
            for i in range(j):
                share = np.sum(q[:, i] * q[:, j])
                r[i, j] += share
                q[:, j] -= share * q[:, i]
        r[j, j] = np.sqrt(np.sum(q[:, j] ** 2))
        q[:, j] /= r[j, j]
    return q, r


def back_substituted(triangle: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return the solution (k,) of an upper triangular system, in its own precision."""
    k = triangle.shape[0]
    solution = np.zeros(k, dtype=np.result_type(triangle, right))
    for i in range(k - 1, -1, -1):
        solution[i] = (right[i] - np.sum(triangle[i, i + 1 :] * solution[i + 1 :])) / triangle[i, i]
    return solution
