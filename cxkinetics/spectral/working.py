"""The arrays of a fit in progress: data, constraints and weights of each run, and the problem they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.errors import UsageError
from cxkinetics.spectral.factors import leading_factors
from cxkinetics.spectral.network import Network
from cxkinetics.spectral.prepare import Prepared
from cxkinetics.spectral.problem import Problem, Run, compressed, row_whitening

__all__ = ["Working", "known_spectra", "problem_of", "small_problem"]

_KEPT = 10  # singular vectors of the compressed data


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """One run while it is fitted.

    Attributes
    ----------
    prepared : Prepared
        Where it comes from.
    matrix : Array, shape (n, m)
        Data; masked cells hold the model's present value.
    known : Array, shape (species, m)
        Known spectra (zero where unknown).
    functions : Array, shape (q, m)
        Of the baseline that is fitted with the kinetics.
    weights : Array, shape (m,), or None
        1/sd of each wavelength, relative.
    leading : Array, shape (m, r)
        Leading right singular vectors of the data.
    """

    prepared: Prepared
    matrix: Array
    known: Array
    functions: Array
    weights: Array | None
    leading: Array

    @property
    def time_s(self) -> Array:
        """Times since the start, s."""
        return self.prepared.series.time_s

    def without_baseline(self, rows: Array) -> Array:
        """Return rows (k, m), weighted, with the baseline functions projected out."""
        weighted = rows if self.weights is None else rows * self.weights
        if not self.functions.shape[0]:
            return weighted
        functions = self.functions if self.weights is None else self.functions * self.weights
        span = np.linalg.qr(functions.T)[0]
        left: Array = weighted - (weighted @ span) @ span.T
        return left


def problem_of(
    network: Network,
    runs: Sequence[Working],
    known: BoolArray,
    *,
    rho: float,
    lower: Array,
    upper: Array,
    floors: Sequence[Array] | None = None,
) -> Problem:
    """Return the least-squares problem with all data, whitened, in as few columns as lose nothing.

    `floors` holds the lowest value of each species spectrum per run, shape (species, m).
    """
    ready = []
    for i, work in enumerate(runs):
        whitening = row_whitening(work.time_s, rho)
        floor = None if floors is None else floors[i] * (1.0 if work.weights is None else work.weights)
        data = work.without_baseline(work.matrix)
        run = Run(
            work.time_s,
            data if whitening is None else whitening.apply(data),
            work.without_baseline(work.known),
            whitening,
            floor,
        )
        ready.append(run if floor is not None else compressed(run))
    return Problem(network, tuple(ready), known, lower, upper)


def small_problem(problem: Problem, runs: Sequence[Working]) -> Problem:
    """Return the problem on the leading singular vectors alone, spectra of either sign."""
    small = []
    for work, run in zip(runs, problem.runs, strict=True):
        if min(run.data.shape) <= _KEPT:
            small.append(replace(run, floor=None))
        elif run.data.shape[1] == work.matrix.shape[1]:
            leading = np.linalg.qr(work.without_baseline(work.leading.T).T)[0]
            small.append(compressed(run, leading))
        else:  # already in other coordinates
            small.append(compressed(run, leading_factors(run.data, _KEPT).in_wavelength.T))
    return replace(problem, runs=tuple(small))


def known_spectra(
    species: Sequence[str],
    wavelength_nm: Array,
    known: Mapping[str, Any] | None,
    colourless: Sequence[str],
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
