"""Array types shared by every floor, and the guards that make arrays safe to keep."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.intp]

__all__ = ["Array", "ArrayLike", "BoolArray", "IntArray", "frozen_array", "product", "same_array"]

SMALL = 250_000
"""Multiplications up to which a matrix product stays in one thread."""


def frozen_array(values: ArrayLike) -> Array:
    """Return a read-only float64 copy of `values`.

    Parameters
    ----------
    values : array_like
        Numbers of any shape.

    Returns
    -------
    Array
        A new array that cannot be written to; the input is left alone.
    """
    array = np.array(values, dtype=np.float64, copy=True, order="C")
    array.setflags(write=False)
    return array


def same_array(left: Array | None, right: Array | None) -> bool:
    """Return whether two optional arrays hold the same numbers (NaN equals NaN)."""
    if left is None or right is None:
        return left is right
    return left.shape == right.shape and bool(np.array_equal(left, right, equal_nan=True))


def product(u: Array, v: Array) -> Array:
    """Return u v' (a, b) of rows u (a, n) and v (b, n).

    In blocks so small that linear algebra wakes no threads, which would only wait, and so that the
    result does not depend on how many there are.
    """
    rows = SMALL // max(v.size, 1)
    if rows < 8 or rows >= u.shape[0]:
        whole: Array = u @ v.T
        return whole
    return np.concatenate([u[i : i + rows] @ v.T for i in range(0, u.shape[0], rows)])
