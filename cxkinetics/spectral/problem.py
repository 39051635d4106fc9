"""The least-squares problem of a global fit by variable projection: runs that share rate constants."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, along, onto, remainder, tall_qr, tall_svd
from cxkinetics.inference.ar1 import Whitening, relative_spacing, whitening_at
from cxkinetics.models.families import mixed_clock
from cxkinetics.models.network import Network, concentrations

_SMALL = 160  # matrices with fewer rows or columns than this are decomposed exactly
_SWEEPS = 3


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


def _square(matrix: Array) -> float:
    return float(np.einsum("nm,nm->", matrix, matrix))


def leading_factors(matrix: Array, count: int) -> Factors:
    """Return the `count` leading singular values and vectors of a matrix.

    Parameters
    ----------
    matrix : Array, shape (n, m)
        Spectra in rows, all known.
    count : int
        How many; at most min(n, m) are returned.
    """
    total = _square(matrix)
    smaller = min(matrix.shape)
    count = min(count, smaller)
    if smaller <= _SMALL or count > smaller // 4:
        left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        return Factors(left[:, :count], singular[:count], right[:count], total)
    basis = np.random.default_rng(0).standard_normal((matrix.shape[1], count + 4))
    for _ in range(_SWEEPS):
        span = tall_qr(onto(matrix, basis))[0]
        basis = tall_qr(along(span.T, matrix).T)[0]
    left, singular, turn = tall_svd(onto(matrix, basis))
    return Factors(left[:, :count], singular[:count], (turn @ basis.T)[:count], total)


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
    cells: Array | None = None,
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
    cells : Array, shape (n, m), optional
        Weight of each reading, 1/variance; all alike by default.
    size : float, optional
        |data|^2, where it is at hand.
    """
    if known.any():
        size = None
        data = data - concentration[:, known] @ known_spectra[known]
    free = np.flatnonzero(~known)
    if cells is not None:
        return _project_cells(data, concentration, derivative, free, known_spectra, cells=cells)
    if floor is None:
        return _project_block(data, concentration, derivative, free, known_spectra, size=size)
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
    n_amplitudes = sum(part.n_amplitudes for part in parts)
    return Projection(spectra=spectra, n_amplitudes=n_amplitudes, **_sums(parts))


def _sums(parts: Sequence[Projection]) -> dict[str, Any]:
    names = ("rss", "gradient", "information", "curvature")
    return {name: sum(getattr(part, name) for part in parts) for name in names}


def _project_block(
    data: Array,
    concentration: Array,
    derivative: Array,
    free: IntArray,
    known_spectra: Array,
    *,
    size: float | None = None,
) -> Projection:
    n_parameters = derivative.shape[0]
    spectra = known_spectra.copy()
    size = _square(data) if size is None else size
    span, singular, turn, scale = column_space(concentration[:, free])
    across = derivative - span @ (span.T @ derivative)
    stacked = np.concatenate([span.T, across.transpose(0, 2, 1).reshape(-1, span.shape[0])])
    products = along(stacked, data)  # the data are gone through once
    seen, misfit = products[: singular.size], products[singular.size :]
    misfit = misfit.reshape(n_parameters, concentration.shape[1], data.shape[1])
    rss = size - _square(seen)
    if rss < 1e-7 * size:  # nearly noise-free: the difference of squares has lost its digits
        rss = _square(remainder(data, span, seen))
    back = turn[:, : singular.size] / singular / scale[:, None]  # the pseudo-inverse is back @ span'
    spectra[free] = back @ seen
    gradient = -np.einsum("psm,sm->p", misfit, spectra)
    weighted = across @ (spectra @ spectra.T)
    length = concentration.size
    information = weighted.reshape(n_parameters, length) @ across.reshape(n_parameters, length).T
    turned = (back.T @ misfit[:, free]).reshape(n_parameters, singular.size * data.shape[1])
    curvature = information + turned @ turned.T
    return Projection(rss, spectra, gradient, information, curvature, singular.size * data.shape[1])


def _project_cells(
    data: Array,
    concentration: Array,
    derivative: Array,
    free: IntArray,
    known_spectra: Array,
    *,
    cells: Array,
) -> Projection:
    """Project where every reading has a weight of its own: each wavelength then has its own projection."""
    columns = concentration[:, free]
    inverse = inverses_by_column(columns, cells)
    spectra = known_spectra.copy()
    spectra[free] = np.einsum("mst,tm->sm", inverse, along(columns.T, cells * data))
    left = remainder(data, columns, spectra[free])
    weighted = cells * left
    rss = float(np.einsum("nm,nm->", weighted, left))
    information = np.empty(2 * derivative.shape[:1])
    moved = [onto(change, spectra) for change in derivative]
    for i, part in enumerate(moved):
        shift = np.einsum("mst,tm->sm", inverse, along(columns.T, cells * part))
        across = cells * remainder(part, columns, shift)
        information[i] = [np.einsum("nm,nm->", across, other) for other in moved]
    misfit = products_of(derivative, weighted)
    gradient = -np.einsum("psm,sm->p", misfit, spectra)
    turned = np.einsum("mst,ptm->psm", inverse, misfit[:, free])
    curvature = information + np.einsum("psm,qsm->pq", misfit[:, free], turned)
    rank = column_space(columns)[1].size
    return Projection(rss, spectra, gradient, information, curvature, rank * data.shape[1])


def products_of(derivative: Array, data: Array) -> Array:
    """Return derivatives of concentrations (p, n, species) times data (n, m), shape (p, species, m)."""
    p, n, species = derivative.shape
    found = along(derivative.transpose(0, 2, 1).reshape(p * species, n), data)
    return found.reshape(p, species, data.shape[1])


def inverses_by_column(concentration: Array, cells: Array) -> Array:
    """Return (C' W C)^-1 of each wavelength, (m, species, species), for weights `cells` (n, m)."""
    size = np.sqrt(np.einsum("ns,ns->s", concentration, concentration))
    scaled = concentration / np.where(size > 0, size, 1.0)
    pairs = scaled[:, :, None] * scaled[:, None, :]
    gram = along(pairs.reshape(len(pairs), -1).T, cells).T.reshape(-1, size.size, size.size)
    inverse = np.linalg.pinv(gram, rcond=_RANK_TOLERANCE**1.5, hermitian=True)
    told: Array = inverse / np.where(size > 0, np.outer(size, size), np.inf)
    return told


def column_space(columns: Array) -> tuple[Array, Array, Array, Array]:
    """Return an orthonormal basis, singular values, all right vectors and the scale of columns."""
    scale = np.sqrt(np.einsum("ns,ns->s", columns, columns))
    scale[scale == 0] = 1.0
    left, singular, right = tall_svd(columns / scale)
    rank = int(np.sum(singular > _RANK_TOLERANCE * singular.max(initial=0.0)))
    return left[:, :rank], singular[:rank], right.T, scale


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


def row_whitening(time_s: Array, rho: float) -> Whitening:
    """Return the whitening for correlation `rho` at the median spacing; zero leaves all as it is."""
    return whitening_at(relative_spacing(time_s), rho)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run, ready to be projected.

    Attributes
    ----------
    time_s : Array, shape (n,)
        Times since the start, s.
    data : Array, shape (n, m)
        Whitened signal.
    known_spectra : Array, shape (species, m)
        Weighted like the data; zero where unknown.
    whitening : Whitening
        What the concentrations go through.
    floor : Array, shape (species, m), or None
        Lowest value of each free spectrum, weighted like the data.
    cells : Array, shape (n, m), or None
        Weight of each reading, 1/variance, beside that of its wavelength.
    size : float
        |data|^2.
    """

    time_s: Array
    data: Array
    known_spectra: Array
    whitening: Whitening
    floor: Array | None = None
    cells: Array | None = None
    size: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _square(self.data))


def compressed(run: Run, right: Array | None = None) -> Run:
    """Return the run in fewer columns.

    Parameters
    ----------
    run : Run
        What to compress.
    right : Array, shape (m, r), optional
        Orthonormal columns to keep (the leading singular vectors); by default the whole row space of
        data and known spectra, so that nothing is lost.
    """
    if right is None:
        stacked = np.vstack([run.data, run.known_spectra[np.any(run.known_spectra != 0, axis=1)]])
        if 2 * stacked.shape[0] >= stacked.shape[1]:
            return run
        right = tall_qr(stacked.T)[0]
    return replace(run, data=onto(run.data, right), known_spectra=run.known_spectra @ right, floor=None)


class Evaluation(NamedTuple):
    """Sums over the runs at one point; see `Projection` for the fields."""

    rss: float
    gradient: Array
    information: Array
    curvature: Array
    projections: tuple[Projection, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Runs, scheme and constraints.

    Attributes
    ----------
    network : Network
        The scheme's matrices.
    runs : sequence of Run
        Data.
    known : BoolArray, shape (species,)
        Whose spectra are known.
    lower, upper : Array, shape (p,)
        The box: ln k, then breakpoints in s and the start-up time, s.
    start_up_s : float or None
        Time constant of mixing, given; None where it is fitted.
    """

    network: Network
    runs: Sequence[Run]
    known: BoolArray
    lower: Array
    upper: Array
    start_up_s: float | None = 0.0
    free_rates: Array = field(init=False)
    fixed_rates: Array = field(init=False)

    def __post_init__(self) -> None:
        scheme = self.network.scheme
        fixed = dict(scheme.fixed)
        free = [j for j, name in enumerate(scheme.rates) if name not in fixed]
        object.__setattr__(self, "free_rates", np.array(free, dtype=int))
        object.__setattr__(
            self, "fixed_rates", np.array([fixed.get(name, np.nan) for name in scheme.rates], dtype=float)
        )

    @property
    def n_parameters(self) -> int:
        """Free rate constants, breakpoints and start-up time."""
        return self.breaks.stop + (self.start_up_s is None)

    @property
    def breaks(self) -> range:
        """Places of the breakpoints among the parameters."""
        first = int(self.free_rates.size)
        return range(first, first + self.network.scheme.n_stages - 1)

    @property
    def names(self) -> list[str]:
        """Free rate constants, then tb, tb2, ..., and tau."""
        scheme = self.network.scheme
        breaks = ["tb", *(f"tb{i}" for i in range(2, scheme.n_stages))][: scheme.n_stages - 1]
        return [*(scheme.rates[j] for j in self.free_rates), *breaks, *["tau"] * (self.start_up_s is None)]

    @property
    def constrained(self) -> bool:
        """Whether the misfit depends on more than the decay rates: known spectra, or a lowest value."""
        return bool(self.known.any()) or any(run.floor is not None for run in self.runs)

    def rates(self, theta: Array) -> Array:
        """Return all rate constants, 1/s, shape (rates,)."""
        rates = self.fixed_rates.copy()
        rates[self.free_rates] = np.exp(theta[: self.free_rates.size])
        return rates

    def breakpoints(self, theta: Array) -> Array:
        """Return the breakpoints, s, ascending; a start that takes time delays each by that time."""
        return np.sort(theta[self.breaks.start : self.breaks.stop])

    def start_up(self, theta: Array) -> float:
        """Return the time constant of mixing, s."""
        return float(theta[-1]) if self.start_up_s is None else self.start_up_s

    def held_start(self, start_up_s: float) -> "Problem":
        """Return the problem with a free start-up time held."""
        return replace(self, lower=self.lower[:-1], upper=self.upper[:-1], start_up_s=start_up_s)

    def clock(self, theta: Array, time_s: Array) -> tuple[Array, Array]:
        """Return times on the clock of the reaction, and their derivative by the start-up time."""
        tau = self.start_up(theta)
        if tau == 0.0 and self.start_up_s is not None:
            return time_s, np.zeros(0)
        own, _, by_tau = mixed_clock(time_s, np.array(tau))
        return own, by_tau

    def profiles(self, theta: Array, time_s: Array) -> tuple[Array, Array]:
        """Return concentrations (n, species) and derivatives with respect to theta (p, n, species)."""
        rates, breaks = self.rates(theta), self.breakpoints(theta)
        own, by_tau = self.clock(theta, time_s)
        value, derivative = concentrations(self.network, own, rates, breaks)
        kept = np.concatenate([self.free_rates, np.arange(rates.size, derivative.shape[0])]).astype(int)
        derivative = derivative[kept]
        derivative[: self.free_rates.size] *= rates[self.free_rates, None, None]
        if self.start_up_s is None:
            stage = np.searchsorted(breaks, own, side="right")
            generators = np.tensordot(rates, self.network.steps, (0, 1))
            speed = np.einsum("nij,nj->ni", generators[stage], value)
            derivative = np.concatenate([derivative, (by_tau[:, None] * speed)[None]])
        return value, derivative

    def evaluate(self, theta: Array) -> Evaluation:
        """Return misfit, gradient and curvature at theta."""
        parts = []
        cached: dict[bytes, tuple[Array, Array]] = {}
        for run in self.runs:
            key = run.time_s.tobytes() if len(self.runs) > 1 else b""
            if key not in cached:
                cached[key] = self.profiles(theta, run.time_s)
            value, change = (run.whitening.apply_down(columns) for columns in cached[key])
            more: dict[str, Any] = {"floor": run.floor, "cells": run.cells, "size": run.size}
            parts.append(project(run.data, value, change, self.known, run.known_spectra, **more))
        return Evaluation(projections=tuple(parts), **_sums(parts))
