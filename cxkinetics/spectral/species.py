"""Spectra of the species at the optimum, and what of them the data determine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, along, onto, remainder, tall_qr
from cxkinetics.errors import UsageError
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.problem import (
    Factors,
    Problem,
    Run,
    column_space,
    compressed,
    inverses_by_column,
    leading_factors,
    nonnegative_spectra,
    products_of,
    row_whitening,
)

_KEPT = 10  # singular vectors of the compressed data


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """One run while it is fitted.

    Attributes
    ----------
    series : SpectralSeries
        The part of the spectra that is fitted; masked cells are NaN.
    t0_s : float
        Where its times count from, s, on the file's clock.
    matrix : Array, shape (n, m)
        Data; masked cells hold the model's present value.
    known : Array, shape (species, m)
        Known spectra (zero where unknown).
    functions : Array, shape (q, m)
        Of the baseline that is fitted with the kinetics.
    weights : Array, shape (m,), or None
        1/sd of each wavelength, relative.
    factors : Factors
        Leading singular values and vectors of the data.
    cells : Array, shape (n, m), or None
        1/variance of each reading beside the weight of its wavelength, relative (geometric mean one).
    """

    series: SpectralSeries
    t0_s: float
    matrix: Array
    known: Array
    functions: Array
    weights: Array | None
    factors: Factors
    cells: Array | None = None

    @property
    def time_s(self) -> Array:
        """Times since the start, s."""
        return self.series.time_s

    @property
    def weight(self) -> Array | float:
        """Weights of the wavelengths; 1 where all weigh alike."""
        return 1.0 if self.weights is None else self.weights

    @property
    def masked(self) -> BoolArray:
        """Which cells the data leave open, shape (n, m)."""
        return ~np.isfinite(self.series.absorbance)

    def without_baseline(self, rows: Array) -> Array:
        """Return rows (k, m), weighted, with the baseline functions projected out."""
        weighted: Array = rows if self.weights is None else rows * self.weights
        if not self.functions.shape[0]:
            return weighted
        span = tall_qr((self.functions * self.weight).T)[0]
        return remainder(weighted, onto(weighted, span), span.T)


def problem_of(
    blank: Problem, runs: Sequence[Working], *, rho: float, floors: Sequence[Array] | None = None
) -> Problem:
    """Return a problem with all data of the runs, whitened, in as few columns as lose nothing.

    `floors` holds the lowest value of each species spectrum per run, shape (species, m).
    """
    ready = []
    for i, work in enumerate(runs):
        white = row_whitening(work.time_s, rho)
        data = white.apply_down(work.without_baseline(work.matrix))
        known = work.without_baseline(work.known)
        floor = None if floors is None else floors[i] * work.weight
        run = Run(work.time_s, data, known, white, floor, work.cells)
        ready.append(run if floor is not None or run.cells is not None else compressed(run))
    return replace(blank, runs=tuple(ready))


def small_problem(problem: Problem, runs: Sequence[Working]) -> Problem:
    """Return the problem on the leading singular vectors alone, spectra of either sign."""
    small = []
    for work, run in zip(runs, problem.runs, strict=True):
        if min(run.data.shape) <= _KEPT or run.cells is not None:
            small.append(replace(run, floor=None))
        elif run.data.shape[1] == work.matrix.shape[1]:
            leading = tall_qr(work.without_baseline(work.factors.in_wavelength).T)[0]
            small.append(compressed(run, leading))
        else:  # already in other coordinates
            small.append(compressed(run, leading_factors(run.data, _KEPT).in_wavelength.T))
    return replace(problem, runs=tuple(small))


def known_spectra(
    species: Sequence[str], wavelength_nm: Array, known: Mapping[str, Any] | None, colourless: Sequence[str]
) -> tuple[Array, BoolArray]:
    """Return known spectra on a wavelength axis, shape (species, m), and which species have one.

    Parameters
    ----------
    species : sequence of str
        Names of the scheme.
    wavelength_nm : Array, shape (m,)
        Axis of the run, nm.
    known : mapping, optional
        Species -> signal per unit concentration: a number (the same everywhere), values on the axis of
        the data, a pair (wavelengths in nm, values) or a pandas Series indexed by wavelength.
    colourless : sequence of str
        Species that do not absorb.

    Raises
    ------
    UsageError
        If a species is unknown, lengths differ, or a spectrum does not cover the data.
    """
    table: dict[str, Any] = {name: 0.0 for name in colourless} | dict(known or {})
    spectra = np.zeros((len(species), wavelength_nm.size))
    mask = np.zeros(len(species), bool)
    for name, given in table.items():
        if name not in species:
            raise UsageError(f"'{name}' is no species of the scheme; it has {', '.join(species)}")
        row = list(species).index(name)
        spectra[row] = _on_axis(name, given, wavelength_nm)
        mask[row] = True
    if mask.all():
        raise UsageError("all spectra are known; leave at least one species free, or fit a trace")
    return spectra, mask


def _on_axis(name: str, given: Any, wavelength_nm: Array) -> Array:
    if hasattr(given, "index") and hasattr(given, "to_numpy"):
        given = (np.asarray(given.index, dtype=float), given.to_numpy(dtype=float))
    if isinstance(given, tuple) and len(given) == 2:
        axis, values = (np.asarray(part, dtype=float) for part in given)
        if axis.shape != values.shape or axis.ndim != 1 or axis.size < 2:
            raise UsageError(f"the known spectrum of {name} needs as many wavelengths as values")
        order = np.argsort(axis)
        axis, values = axis[order], values[order]
        pixel = float(np.median(np.diff(wavelength_nm))) if wavelength_nm.size > 1 else 0.0
        if axis[0] > wavelength_nm[0] + pixel or axis[-1] < wavelength_nm[-1] - pixel:
            raise UsageError(
                f"the known spectrum of {name} covers {axis[0]:g}-{axis[-1]:g} nm, but the data run over "
                f"{wavelength_nm[0]:g}-{wavelength_nm[-1]:g} nm; narrow the wavelength range of the fit"
            )
        result: Array = np.interp(wavelength_nm, axis, values)
        return result
    values = np.asarray(given, dtype=float)
    if values.ndim and values.shape != wavelength_nm.shape:
        raise UsageError(
            f"the known spectrum of {name} has {values.size} values, the data {wavelength_nm.size} "
            "wavelengths; give a pair (wavelengths, values)"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"the known spectrum of {name} holds values that are not finite")
    return np.broadcast_to(values, wavelength_nm.shape).copy()


_FLAT = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """One run solved at given rate constants.

    Attributes
    ----------
    values : Array, shape (species, m)
        Spectra in the unit of the data; see `determined`.
    weighted : Array, shape (species, m)
        The same with weights and without the fitted baseline's share.
    errors : Array, shape (species, m)
        Standard errors of the values, NaN before `with_errors`.
    determined : BoolArray, shape (species,)
        False where only a combination of spectra is.
    concentration : Array, shape (n, species)
        Concentrations.
    change : Array, shape (p, n, species)
        Their derivatives, whitened.
    span, back : Array, shape (n, r) and (free species, r)
        Orthonormal basis of the free (whitened) concentrations, and the pseudo-inverse back @ span'.
    residual : Array, shape (n, m)
        Data minus fit, weighted, baseline taken out, not whitened.
    left_over : Array, shape (n, m)
        The same, whitened.
    value : Array, shape (n, free species)
        Free concentrations, whitened.
    cells : Array, shape (n, m), or None
        Weights of the readings, and
    inverse : Array, shape (m, free, free), or None
        the inverse normal matrix of each wavelength under them.
    """

    values: Array
    weighted: Array
    errors: Array
    determined: BoolArray
    concentration: Array
    change: Array
    span: Array
    back: Array
    residual: Array
    left_over: Array
    value: Array
    cells: Array | None = None
    inverse: Array | None = None

    def unweighted(self, work: Working) -> Array:
        """Return the residual in the unit of the data, shape (n, m)."""
        return self.residual if work.weights is None else self.residual / work.weights

    def scores(self) -> Array:
        """Return sums over wavelengths of derivative times residual, shape (n, p)."""
        if self.cells is not None:
            rest = self.cells * self.left_over
            sums: Array = np.einsum("pns,ns->np", self.change, onto(rest, self.weighted.T))
            for i, part in enumerate(self.shift()):
                sums[:, i] -= np.einsum("ns,ns->n", self.value, onto(rest, part.T))
            return sums
        across = self.change - self.span @ (self.span.T @ self.change)
        sums = np.einsum("pns,ns->np", across, onto(self.left_over, self.weighted.T))
        return sums

    def shift(self) -> Array:
        """Return how the free spectra make up for a change of each parameter, shape (p, free, m)."""
        if self.cells is None:
            found: Array = self.back @ (self.span.T @ self.change) @ self.weighted
            return found
        moved = [along(self.value.T, self.cells * onto(change, self.weighted)) for change in self.change]
        return self._solve(np.reshape(moved, (-1, self.value.shape[1], self.weighted.shape[1])))

    def _solve(self, right: Array) -> Array:
        """Return the inverse normal matrix, of each wavelength or of all, times (..., free, m)."""
        if self.inverse is None:
            return np.asarray(self.back @ self.back.T @ right)
        return np.asarray(np.einsum("mst,...tm->...sm", self.inverse, right))

    def with_parameters(self, free: IntArray) -> tuple[Array, Array]:
        """Return the slopes of the free spectra (p, free, m), and their variances (free, m) per variance."""
        left_over = self.left_over if self.cells is None else self.cells * self.left_over
        moved = self._solve(products_of(self.change[:, :, free], left_over)) - self.shift()
        if self.inverse is not None:
            return moved, np.einsum("mss->sm", self.inverse)
        own = np.diag(self.back @ self.back.T)
        return moved, np.repeat(own[:, None], moved.shape[2], axis=1)

    def baseline(self, work: Working) -> Array:
        """Return the coefficients of the baseline functions, shape (n, q)."""
        if not work.functions.shape[0]:
            return np.zeros((work.time_s.size, 0))
        left = ((work.matrix - self.concentration @ self.values) * work.weight).T
        found = np.linalg.lstsq((work.functions * work.weight).T, left, rcond=None)[0]
        return np.ascontiguousarray(found.T)

    def model(self, work: Working) -> Array:
        """Return the fit in the unit of the data, baseline included, shape (n, m)."""
        fitted = onto(self.concentration, self.values)
        return fitted + onto(self.baseline(work), work.functions) if work.functions.size else fitted


def solve_species(work: Working, problem: Problem, index: int, theta: Array) -> Solved:
    """Return the spectra of one run.

    Parameters
    ----------
    work : Working
        The run.
    problem : Problem
        The problem it belongs to, and
    index : int
        its place there.
    theta : Array, shape (p,)
        ln k and breakpoints.
    """
    concentration, change = problem.profiles(theta, work.time_s)
    whiten, data = problem.runs[index].whitening.apply_down, work.without_baseline(work.matrix)
    value, change, white = map(whiten, (concentration, change, data))
    known = work.without_baseline(work.known)
    free = np.flatnonzero(~problem.known)
    span, singular, right, scale = column_space(value[:, free])
    rank = singular.size
    back = right[:, :rank] / singular / scale[:, None]
    target = white
    if problem.known.any():
        target = remainder(white, value[:, problem.known], known[problem.known])
    spectra = known.copy()
    floor, cells = problem.runs[index].floor, problem.runs[index].cells
    inverse = None if cells is None else inverses_by_column(value[:, free], cells)
    if cells is not None and inverse is not None:
        spectra[free] = np.einsum("mst,tm->sm", inverse, along(value[:, free].T, cells * target))
    elif floor is None:
        spectra[free] = back @ along(span.T, target)
    else:
        above = nonnegative_spectra(value[:, free], target - value[:, free] @ floor[free])
        spectra[free] = above + floor[free]
    determined = np.ones(problem.known.size, bool)
    # a species with a share in a direction that changes no data is known only together with others
    null = right[:, rank:].T / scale
    if null.size:
        null = null / np.abs(null).max(axis=1, keepdims=True)
        determined[free] = ~(np.abs(null) > _FLAT).any(axis=0)
    values = spectra / work.weight
    values[problem.known] = work.known[problem.known]
    residual = remainder(data, concentration, spectra)
    return Solved(
        values=values,
        weighted=spectra,
        errors=np.full(values.shape, np.nan),
        determined=determined,
        concentration=concentration,
        change=change,
        span=span,
        back=back,
        residual=residual,
        left_over=whiten(residual),
        value=value[:, free],
        cells=cells,
        inverse=inverse,
    )


def with_errors(
    solved: Solved, work: Working, known: BoolArray, covariance: Array, flat: Array, *, variance: float
) -> Solved:
    """Return the run with the standard errors of its spectra, and judged anew which are determined.

    Parameters
    ----------
    solved, work
        The run.
    known : BoolArray, shape (species,)
        Whose spectra are known (no error).
    covariance : Array, shape (p, p)
        Of ln k and breakpoints, zero along directions that are not determined.
    flat : Array, shape (q, p)
        These directions: spectra that change along them are not determined either.
    variance : float
        Of one weighted reading.
    """
    free = np.flatnonzero(~known)
    moved, own = solved.with_parameters(free)
    determined = solved.determined.copy()
    if flat.size:
        drift = np.abs(np.tensordot(flat, moved, 1)).max(axis=(0, 2))
        determined[free] &= drift <= _FLAT * max(float(np.abs(solved.weighted).max()), 1e-300)
    total = variance * own
    for i in range(moved.shape[0]):
        for j in range(moved.shape[0]):
            total += covariance[i, j] * moved[i] * moved[j]
    errors = np.zeros_like(solved.weighted)
    errors[free] = np.sqrt(np.maximum(total, 0.0))
    # errors as large as the data themselves: the spectrum is a number, but no finding
    data = work.without_baseline(work.matrix)
    loud = max(float(data.max()), -float(data.min()))
    determined[free] &= np.median(errors[free], axis=1) <= loud
    return replace(solved, errors=errors / work.weight, determined=determined)


def negative_lobes(values: Array, errors: Array) -> float:
    """Return the depth of a spectrum's negative part over its height, 0 where noise explains it.

    Parameters
    ----------
    values, errors : Array, shape (m,)
        Spectrum and standard errors.

    Returns
    -------
    float
        -min/max(|max|, |min|) of the spectrum (smoothed over five points) where the sum of squares of
        its negative part, in standard errors, lies five standard deviations above that of pure noise
        about zero.

    Examples
    --------
    >>> axis = np.linspace(-4, 4, 81)
    >>> dip = np.exp(-axis**2) - 0.3 * np.exp(-((axis - 2) ** 2))
    >>> round(negative_lobes(dip, np.full(81, 0.01)), 2)
    0.28
    >>> negative_lobes(np.exp(-axis**2), np.full(81, 0.01))
    0.0
    """
    # z squared below zero has mean 1/2 and variance 5/4 a point, if the spectrum is zero there
    count = values.size
    positive = errors > 0
    if not positive.any():
        return 0.0
    z = np.minimum(values[positive] / errors[positive], 0.0)
    excess = (float(z @ z) - count / 2) / np.sqrt(1.25 * count)
    width = min(5, count)
    smooth = np.convolve(values, np.full(width, 1 / width), mode="valid")
    depth = float(-smooth.min()) / max(float(np.abs(smooth).max()), 1e-300)
    return depth if excess > 5 and depth > 0.01 else 0.0
