"""Variable projection: the spectra that fit given concentrations best, and how the misfit changes.

For D = C S + noise the best spectra are S = C^+ D, and the residual E = (1 - C C^+) D depends on the
rate constants alone. Its derivative is exact (Golub and Pereyra):

    dE = -P dC S - (P dC C^+)^T E,    P = 1 - C C^+.

Only sums over the matrix are needed, never the matrix of derivatives itself:
the gradient of |E|^2/2 is -<P dC_i S, E>, and J'J is the sum of <P dC_i S, P dC_j S> (the information
that the joint least-squares problem of rate constants and spectra holds) and of a part from the noise.
Known spectra are subtracted and not projected on; where spectra have a lowest value, each wavelength is
projected on the species that lie above it there.

References
----------
Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973), doi 10.1137/0710036;
Van Benthem, Keenan, J. Chemom. 18, 441 (2004), doi 10.1002/cem.889 (non-negative spectra).
"""

from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray

__all__ = ["Projection", "nonnegative_spectra", "project"]

_RANK_TOLERANCE = 1e-9  # concentration columns closer than this to dependent count as one


class Projection(NamedTuple):
    """Best spectra and the quadratic model of the misfit.

    Attributes
    ----------
    rss : float
        |E|^2.
    spectra : Array, shape (species, m)
        Best spectra, the known ones included.
    gradient : Array, shape (p,)
        Of |E|^2/2.
    information : Array, shape (p, p)
        <P dC_i S, P dC_j S>: the information on the parameters once all spectra are free.
    curvature : Array, shape (p, p)
        J'J of the projected problem, exact.
    n_amplitudes : int
        Free amplitudes: independent concentration profiles times wavelengths.
    """

    rss: float
    spectra: Array
    gradient: Array
    information: Array
    curvature: Array
    n_amplitudes: int


def project(
    data: Array,
    concentration: Array,
    derivative: Array,
    known: BoolArray,
    known_spectra: Array,
    *,
    floor: Array | None = None,
    size: float | None = None,
) -> Projection:
    """Return the projection of one run.

    Parameters
    ----------
    data : Array, shape (n, m)
        Signal, whitened.
    concentration : Array, shape (n, species)
        Whitened like the data.
    derivative : Array, shape (p, n, species)
        Of the concentration with respect to each parameter.
    known : BoolArray, shape (species,)
        Which spectra are known.
    known_spectra : Array, shape (species, m)
        Their values (zero where unknown).
    floor : Array, shape (species, m), optional
        Lowest value of each free spectrum; none by default.
    size : float, optional
        |data|^2, where it is at hand.
    """
    if known.any():
        size = None
        data = data - concentration[:, known] @ known_spectra[known]
    free = np.flatnonzero(~known)
    if floor is None:
        return _project_block(data, concentration, derivative, free, known_spectra, size)
    above = data - concentration[:, free] @ floor[free]
    positive = nonnegative_spectra(concentration[:, free], above) > 0
    code = positive.T @ (1 << np.arange(free.size))
    spectra = np.where(known[:, None], known_spectra, floor)
    parts = []
    for pattern in np.unique(code):
        columns = np.flatnonzero(code == pattern)
        kept, resting = free[positive[:, columns[0]]], free[~positive[:, columns[0]]]
        block = data[:, columns] - concentration[:, resting] @ floor[np.ix_(resting, columns)]
        part = _project_block(block, concentration, derivative, kept, spectra[:, columns])
        spectra[:, columns] = part.spectra
        parts.append(part)
    return Projection(
        sum(part.rss for part in parts),
        spectra,
        np.sum([part.gradient for part in parts], axis=0),
        np.sum([part.information for part in parts], axis=0),
        np.sum([part.curvature for part in parts], axis=0),
        sum(part.n_amplitudes for part in parts),
    )


def _project_block(
    data: Array,
    concentration: Array,
    derivative: Array,
    free: IntArray,
    known_spectra: Array,
    size: float | None = None,
) -> Projection:
    n_parameters = derivative.shape[0]
    spectra = known_spectra.copy()
    size = float(np.einsum("nm,nm->", data, data)) if size is None else size
    span, singular, turn, scale = _column_space(concentration[:, free])
    seen = span.T @ data
    rss = size - float(np.einsum("sm,sm->", seen, seen))
    if rss < 1e-7 * size:  # nearly noise-free: the difference of squares has lost its digits
        residual = data - span @ seen
        rss = float(np.einsum("nm,nm->", residual, residual))
    back = turn / singular / scale[:, None]  # the pseudo-inverse is back @ span'
    spectra[free] = back @ seen
    across = derivative - span @ (span.T @ derivative)
    misfit = across.transpose(0, 2, 1) @ data
    gradient = -np.einsum("psm,sm->p", misfit, spectra)
    weighted = across @ (spectra @ spectra.T)
    length = concentration.size
    information = weighted.reshape(n_parameters, length) @ across.reshape(n_parameters, length).T
    turned = (back.T @ misfit[:, free]).reshape(n_parameters, singular.size * data.shape[1])
    curvature = information + turned @ turned.T
    return Projection(rss, spectra, gradient, information, curvature, singular.size * data.shape[1])


def _column_space(columns: Array) -> tuple[Array, Array, Array, Array]:
    """Return an orthonormal basis, singular values, right vectors and the scale of the columns."""
    scale = np.sqrt(np.einsum("ns,ns->s", columns, columns))
    scale[scale == 0] = 1.0
    left, singular, right = np.linalg.svd(columns / scale, full_matrices=False)
    rank = int(np.sum(singular > _RANK_TOLERANCE * singular.max(initial=0.0)))
    return left[:, :rank], singular[:rank], right[:rank].T, scale


def nonnegative_spectra(concentration: Array, data: Array) -> Array:
    """Return the non-negative least-squares spectra, shape (species, m), by pivoting on active sets.

    Parameters
    ----------
    concentration : Array, shape (n, species)
        Independent columns.
    data : Array, shape (n, m)
        Signal.

    Examples
    --------
    >>> nonnegative_spectra(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[2.0], [-1.0]])).ravel().tolist()
    [2.0, 0.0]
    """
    gram, moment = concentration.T @ concentration, concentration.T @ data
    n_species, m = moment.shape
    passive = np.linalg.lstsq(gram, moment, rcond=None)[0] > 0
    best = np.zeros((n_species, m))
    open_columns = np.arange(m)
    tolerance = 1e-11 * np.abs(moment).max(initial=0.0)
    for sweep in range(20 * n_species + 20):
        if not open_columns.size:
            break
        trial = _on_patterns(gram, moment[:, open_columns], passive[:, open_columns])
        slack = gram @ trial - moment[:, open_columns]
        wrong = (passive[:, open_columns] & (trial < 0)) | (~passive[:, open_columns] & (slack < -tolerance))
        best[:, open_columns] = np.where(passive[:, open_columns], np.maximum(trial, 0.0), 0.0)
        bad = wrong.any(axis=0)
        open_columns, wrong = open_columns[bad], wrong[:, bad]
        if sweep > 10:  # exchange one species at a time: cannot cycle
            last = n_species - 1 - np.argmax(wrong[::-1], axis=0)
            wrong = np.arange(n_species)[:, None] == last
        passive[:, open_columns] ^= wrong
    return best


def _on_patterns(gram: Array, moment: Array, passive: BoolArray) -> Array:
    """Solve each column on its own set of species; one solve per distinct set."""
    solution = np.zeros_like(moment)
    code = passive.T @ (1 << np.arange(passive.shape[0]))
    for pattern in np.unique(code):
        columns = np.flatnonzero(code == pattern)
        kept = np.flatnonzero(passive[:, columns[0]])
        if kept.size:
            square = gram[np.ix_(kept, kept)]
            solved = np.linalg.lstsq(square, moment[np.ix_(kept, columns)], rcond=None)[0]
            solution[np.ix_(kept, columns)] = solved
    return solution
