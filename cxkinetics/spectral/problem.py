"""The least-squares problem of a global fit: runs that share rate constants and breakpoints.

The parameters are the logarithms of the free rate constants and the breakpoints in s. Every run has
its own spectra. Noise enters by whitening along time (AR(1)) and by weights along wavelength; both
act on the data once and on the concentrations at each evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.spectral.factors import thin_product
from cxkinetics.spectral.network import Network, concentrations
from cxkinetics.spectral.projection import Projection, project

__all__ = ["Evaluation", "Problem", "RowWhitening", "Run", "compressed", "row_whitening"]


@dataclass(frozen=True, slots=True, eq=False)
class RowWhitening:
    """Whitens AR(1) noise along time: row i becomes diagonal_i row_i - lagged_i row_(i-1)."""

    diagonal: Array
    lagged: Array

    def apply(self, rows: Array) -> Array:
        """Return the whitened rows; time is the last axis but one."""
        white: Array = rows * self.diagonal[:, None]
        white[..., 1:, :] -= rows[..., :-1, :] * self.lagged[1:, None]
        return white


def row_whitening(time_s: Array, rho: float) -> RowWhitening | None:
    """Return the whitening for correlation `rho` at the median spacing (rho^distance elsewhere)."""
    if rho == 0 or time_s.size < 2:
        return None
    step = np.diff(time_s)
    middle = float(np.median(step))
    distance = step / middle if middle > 0 else np.ones(step.size)
    neighbour = np.sign(rho) * np.abs(rho) ** np.maximum(distance, 1e-3)
    root = 1 / np.sqrt(1 - neighbour**2)
    return RowWhitening(np.append(1.0, root), np.append(0.0, neighbour * root))


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
    whitening : RowWhitening or None
        What the concentrations go through.
    floor : Array, shape (species, m), or None
        Lowest value of each free spectrum, weighted like the data.
    size : float
        |data|^2.
    """

    time_s: Array
    data: Array
    known_spectra: Array
    whitening: RowWhitening | None = None
    floor: Array | None = None
    size: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", float(np.einsum("nm,nm->", self.data, self.data)))


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
        right = np.linalg.qr(stacked.T)[0]
    return replace(
        run, data=thin_product(run.data, right), known_spectra=run.known_spectra @ right, floor=None
    )


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
        The box: ln k, then breakpoints in s.
    """

    network: Network
    runs: Sequence[Run]
    known: BoolArray
    lower: Array
    upper: Array
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
        """Free rate constants and breakpoints."""
        return int(self.free_rates.size) + self.network.scheme.n_stages - 1

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
        """Return the breakpoints, s, ascending."""
        return np.sort(theta[self.free_rates.size :])

    def profiles(self, theta: Array, time_s: Array) -> tuple[Array, Array]:
        """Return concentrations (n, species) and derivatives with respect to theta (p, n, species)."""
        rates = self.rates(theta)
        value, derivative = concentrations(self.network, time_s, rates, self.breakpoints(theta))
        kept = np.concatenate([self.free_rates, np.arange(rates.size, derivative.shape[0])]).astype(int)
        derivative = derivative[kept]
        derivative[: self.free_rates.size] *= rates[self.free_rates, None, None]
        return value, derivative

    def evaluate(self, theta: Array) -> Evaluation:
        """Return misfit, gradient and curvature at theta."""
        parts = []
        cached: dict[bytes, tuple[Array, Array]] = {}
        for run in self.runs:
            key = run.time_s.tobytes() if len(self.runs) > 1 else b""
            if key not in cached:
                cached[key] = self.profiles(theta, run.time_s)
            value, derivative = cached[key]
            if run.whitening is not None:
                value, derivative = run.whitening.apply(value), run.whitening.apply(derivative)
            parts.append(
                project(
                    run.data,
                    value,
                    derivative,
                    self.known,
                    run.known_spectra,
                    floor=run.floor,
                    size=run.size,
                )
            )
        return Evaluation(
            sum(part.rss for part in parts),
            sum((part.gradient for part in parts), np.zeros(self.n_parameters)),
            sum((part.information for part in parts), np.zeros((self.n_parameters, self.n_parameters))),
            sum((part.curvature for part in parts), np.zeros((self.n_parameters, self.n_parameters))),
            tuple(parts),
        )
