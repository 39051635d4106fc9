"""The leading singular vectors of a matrix of spectra, by subspace iteration where it is large.

Reference: Halko, Martinsson, Tropp, SIAM Rev. 53, 217 (2011), doi 10.1137/090771806.
"""

from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array

__all__ = ["Factors", "leading_factors", "thin_product"]

_SMALL = 160  # matrices with fewer rows or columns than this are decomposed exactly
_SWEEPS = 3
_THIN = 3  # columns per product: wider ones wake threads of the BLAS, which cost more than they give here


class Factors(NamedTuple):
    """The leading part of D = U diag(s) V' + rest.

    Attributes
    ----------
    in_time : Array, shape (n, r)
        U: how each spectrum is made of the factors.
    singular : Array, shape (r,)
        s, descending.
    in_wavelength : Array, shape (r, m)
        V': the factors' spectra.
    total : float
        |D|^2, so that the rest has |D|^2 - sum s^2.
    """

    in_time: Array
    singular: Array
    in_wavelength: Array
    total: float


def leading_factors(matrix: Array, count: int) -> Factors:
    """Return the `count` leading singular values and vectors of a matrix.

    Parameters
    ----------
    matrix : Array, shape (n, m)
        Spectra in rows, all known.
    count : int
        How many; at most min(n, m) are returned.
    """
    total = float(np.einsum("ij,ij->", matrix, matrix))
    smaller = min(matrix.shape)
    count = min(count, smaller)
    if smaller <= _SMALL or count > smaller // 4:
        left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        return Factors(left[:, :count], singular[:count], right[:count], total)
    basis = np.random.default_rng(0).standard_normal((matrix.shape[1], count + 4))
    for _ in range(_SWEEPS):
        basis = np.linalg.qr(thin_product(matrix.T, np.linalg.qr(thin_product(matrix, basis))[0]))[0]
    left, singular, turn = np.linalg.svd(thin_product(matrix, basis), full_matrices=False)
    return Factors(left[:, :count], singular[:count], (turn @ basis.T)[:count], total)


def thin_product(matrix: Array, thin: Array) -> Array:
    """Return matrix @ thin for a `thin` of a few columns."""
    parts = [matrix @ thin[:, i : i + _THIN] for i in range(0, thin.shape[1], _THIN)]
    return np.concatenate(parts, axis=1)
