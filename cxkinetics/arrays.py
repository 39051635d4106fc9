"""Array types shared by every floor, and the guards that make arrays safe to keep."""

from datetime import date, timedelta
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray

from cxkinetics.calls import FARTHEST
from cxkinetics.errors import InputError

Array: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.intp]
_Kind = TypeVar("_Kind", bound=np.generic)

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
    array = np.array(_filled(values), dtype=np.float64, copy=True, order="C")
    array.setflags(write=False)
    return array


def numbers_of(what: str, values: ArrayLike, farthest: float = FARTHEST) -> Array:
    """Return `values` as float64; what a masked array masks is NaN.

    Raises
    ------
    InputError
        If they are no numbers, or times, whose figures would depend on their unit.

    Examples
    --------
    >>> numbers_of("absorbance", np.ma.masked_greater([0.5, 9.9], 4)).tolist()
    [0.5, nan]
    """
    try:
        found = _array(values)
        if found.dtype.kind in "mM":
            raise InputError(f"{what} holds times ({found.dtype}), not numbers", remedy="give plain numbers")
        if found.dtype.kind == "c":
            raise InputError(f"{what} holds complex numbers", remedy="give their real part, or their size")
        return _reached(what, _filled(found.astype(np.float64)), farthest)
    except InputError:
        raise
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{what} holds something that is not a number: {error}") from error


def finite_of(what: str, values: ArrayLike) -> Array:
    """Return `values` as float64, all of them finite.

    Raises
    ------
    InputError
        If one is missing, infinite or no number.
    """
    found = numbers_of(what, values)
    if not np.all(np.isfinite(found)):
        raise InputError(f"{what} holds {found[~np.isfinite(found)].flat[0]:g}; all must be finite numbers")
    return found


def number_of(what: str, value: ArrayLike) -> float:
    """Return one number as a float; NaN and infinity are left to whoever knows what they would mean.

    Raises
    ------
    InputError
        If it is no number, or several.

    Examples
    --------
    >>> number_of("dose_percent", np.float32(50))
    50.0
    """
    found = numbers_of(what, value)
    if found.ndim:
        raise InputError(f"{what} holds {found.size} values", remedy="give one number")
    return float(found)


def seconds_of(what: str, values: ArrayLike) -> tuple[Array, str]:
    """Return times in s, and from which moment they count where they are dates ("" elsewhere).

    Durations (`timedelta64` of any unit, `pandas.to_timedelta`, `datetime.timedelta`) become s;
    dates (`datetime64`, `datetime`) count from the earliest. Plain numbers are s already. What is
    missing or masked is NaN.

    Raises
    ------
    InputError
        If they are no times, or durations without a fixed length in s.

    Examples
    --------
    >>> seconds_of("time_s", np.array([0, 1500], dtype="timedelta64[ms]"))
    (array([0. , 1.5]), '')
    """
    try:
        found = _array(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} holds something that is not a number: {error}") from error
    if found.dtype.kind == "O":
        return _of_objects(what, found)
    if found.dtype.kind not in "mM":
        return numbers_of(what, found), ""
    unit, since = np.datetime_data(found.dtype)[0], ""
    if found.dtype.kind == "M":
        exact = np.ma.getdata(found).astype("M8[D]" if unit in ("Y", "M") else found.dtype)
        known = exact[~np.isnat(exact) & ~np.ma.getmaskarray(found)]
        first = known.min() if known.size else exact.dtype.type("NaT")
        day, _, clock = str(first).partition("T")
        since = f"{day} {clock.rstrip('0').rstrip('.') if '.' in clock else clock}".strip()
        found = np.ma.array(exact - first, mask=np.ma.getmask(found))
    elif unit in ("Y", "M", "generic"):
        raise InputError(
            f"{what} is {found.dtype}: "
            + ("a duration without a unit" if unit == "generic" else "of no fixed length"),
            remedy="give seconds, or timedelta64 in days or a shorter unit",
        )
    return _filled(found / np.timedelta64(1, "s")), since


def _reached(what: str, values: Array, farthest: float) -> Array:
    """Refuse finite numbers whose squares overflow: no sum of squares and no fit can be had of them."""
    if values.size and not -farthest <= values.min() <= values.max() <= farthest:  # or NaN is among them
        beyond = values[(np.abs(values) > farthest) & np.isfinite(values)]
        if beyond.size:
            value = beyond[0]
            raise InputError(f"{what} holds {value:g}; numbers beyond {farthest:g} cannot be computed with")
    return values


def _of_objects(what: str, found: Any) -> tuple[Array, str]:
    """Return the times that Python or pandas objects tell, NaN where one is missing."""
    try:
        flat = [value for value in np.ma.getdata(found).ravel() if value is not None and value == value]
    except (TypeError, ValueError) as error:  # a missing value that is not even like itself
        raise InputError(f"{what} holds something that is not a number: {error}") from error
    since = ""
    if flat and all(isinstance(value, timedelta) for value in flat):
        zero = timedelta(0)
    elif flat and all(isinstance(value, date) for value in flat):
        zero = min(flat)
        since = str(zero)
    else:
        return numbers_of(what, found), ""
    elapsed = [
        np.nan if value is None or value != value else (value - zero).total_seconds()
        for value in np.ma.getdata(found).ravel()
    ]
    shaped = np.array(elapsed, dtype=np.float64).reshape(found.shape)
    return _filled(np.ma.array(shaped, mask=np.ma.getmask(found))), since


def mask_of(values: ArrayLike) -> BoolArray | None:
    """Return where a masked array is masked, or None where nothing is."""
    mask = np.ma.getmask(_array(values))
    return None if mask is np.ma.nomask or not np.any(mask) else np.asarray(mask, dtype=bool)


def _array(values: ArrayLike) -> Any:
    """Return `values` as an array, masked where they, or rows of them, are masked."""
    rows = isinstance(values, (list, tuple)) and any(isinstance(v, np.ma.MaskedArray) for v in values)
    return np.ma.array(values) if rows or isinstance(values, np.ma.MaskedArray) else np.asarray(values)


def _filled(values: Any) -> Array:
    filled: Array = np.ma.filled(values, np.nan)
    return filled


def thinned_out(values: NDArray[_Kind], most: int) -> NDArray[_Kind]:
    """Return at most `most` entries of a one-dimensional array, evenly spread over it, both ends among them.

    Examples
    --------
    >>> thinned_out(np.arange(10.0), 4).tolist(), thinned_out(np.arange(2.0), 4).tolist()
    ([0.0, 3.0, 6.0, 9.0], [0.0, 1.0])
    """
    if values.size <= most:
        return values
    chosen: NDArray[_Kind] = values[np.unique(np.linspace(0, values.size - 1, most).astype(int))]
    return chosen


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


def _pieces(length: int, each: int) -> list[slice]:
    """Return slices of a dimension whose products, `each` multiplications an entry, wake no threads."""
    step = max(SMALL // max(each, 1), 1)
    return [slice(i, i + step) for i in range(0, length, step)]


def onto(matrix: Array, thin: Array) -> Array:
    """Return a large matrix (n, m) times a few columns (m, k), in one thread; see `product`.

    Examples
    --------
    >>> onto(np.eye(2), np.array([[1.0], [2.0]])).ravel().tolist()
    [1.0, 2.0]
    """
    if matrix.shape[0] * thin.size <= SMALL:
        return np.asarray(matrix @ thin)
    found = np.empty((matrix.shape[0], thin.shape[1]))
    for part in _pieces(matrix.shape[0], thin.size):
        np.matmul(matrix[part], thin, out=found[part])
    return found


def along(thin: Array, matrix: Array) -> Array:
    """Return a few rows (k, n) times a large matrix (n, m), in one thread; see `product`.

    Examples
    --------
    >>> along(np.array([[1.0, 2.0]]), np.eye(2)).ravel().tolist()
    [1.0, 2.0]
    """
    if thin.shape[0] * matrix.size <= SMALL:
        return np.asarray(thin @ matrix)
    found = np.zeros((thin.shape[0], matrix.shape[1]))
    for part in _pieces(matrix.shape[0], found.size):
        found += thin[:, part] @ matrix[part]
    return found


TALL = 4_000
"""Entries of a matrix up to which its decomposition stays in one thread."""


def tall_qr(matrix: Array) -> tuple[Array, Array]:
    """Return the reduced QR decomposition of a tall matrix (n, k), in one thread; see `product`.

    Stacks of rows are decomposed, then the stack of their triangles (J. Demmel, L. Grigori, M. Hoemmen,
    J. Langou, SIAM J. Sci. Comput. 34, A206 (2012), doi 10.1137/080731992).

    Examples
    --------
    >>> span, triangle = tall_qr(np.array([[3.0], [4.0]]))
    >>> (span @ triangle).round(12).ravel().tolist()
    [3.0, 4.0]
    """
    n, k = matrix.shape
    rows = max(TALL // max(k, 1), 2 * k)
    if n <= rows:
        span, triangle = np.linalg.qr(matrix)
        return span, triangle
    blocks = np.zeros((-(-n // rows), rows, k))
    blocks.reshape(-1, k)[:n] = matrix
    inner, triangles = np.linalg.qr(blocks)
    outer, triangle = tall_qr(triangles.reshape(-1, k))
    return (inner @ outer.reshape(-1, k, k)).reshape(-1, k)[:n], triangle


def tall_svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Return the reduced singular value decomposition of a tall matrix (n, k), in one thread.

    Examples
    --------
    >>> tall_svd(np.array([[3.0], [4.0]]))[1].round(12).tolist()
    [5.0]
    """
    if matrix.size <= TALL:
        left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        return left, singular, right
    span, triangle = tall_qr(matrix)
    left, singular, right = np.linalg.svd(triangle)
    return onto(span, left), singular, right


def remainder(matrix: Array, left: Array, right: Array) -> Array:
    """Return a large matrix (n, m) less the product of (n, k) and (k, m), in one thread; see `product`.

    Examples
    --------
    >>> remainder(np.eye(2), np.ones((2, 1)), np.array([[1.0, 0.5]])).tolist()
    [[0.0, -0.5], [-1.0, 0.5]]
    """
    found = np.empty(matrix.shape)
    for part in _pieces(matrix.shape[0], right.size):
        np.subtract(matrix[part], left[part] @ right, out=found[part])
    return found
