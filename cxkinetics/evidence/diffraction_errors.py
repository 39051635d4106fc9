"""Where the errors of a pattern fit come from: angle ranges, reference choice, profile, nuisances."""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.evidence.patterns import BACKGROUND, Library, NonNegative, joined_columns

__all__ = [
    "BLOCKS",
    "PatternProblem",
    "columns_of",
    "correlation_length",
    "jackknife",
    "linear_errors",
    "profile_limit",
    "reference_choice",
    "shares_of",
]

BLOCKS = 15
SAME_FIT = 1.1  # a misfit at most a tenth larger does not tell two references apart


@dataclass(frozen=True, slots=True, eq=False)
class PatternProblem:
    """One pattern, one library, and the weights."""

    axis: Array
    counts: Array
    root_weight: Array
    library: Library
    background: Array

    def design(self, shift_deg: float, fwhm_deg: float) -> Array:
        """Return references and background at a shift and width, shape (n, m)."""
        return np.column_stack([self.library.drawn(self.axis, shift_deg, fwhm_deg), self.background])

    def joined(self, design: Array) -> tuple[Array, Array]:
        """Return the weighted columns of a design as `joined_columns` makes them."""
        weighted = design * self.root_weight[:, None]
        return joined_columns(weighted, self.counts * self.root_weight, len(self.library.names))

    def least_squares(self, design: Array) -> NonNegative:
        """Return the weighted problem of a design."""
        weighted = design * self.root_weight[:, None]
        return NonNegative(weighted, self.counts * self.root_weight, len(self.library.names))

    def misfit(self, shift_deg: float, fwhm_deg: float) -> float:
        """Return the weighted misfit at a shift and width."""
        columns, scale = self.joined(self.design(shift_deg, fwhm_deg))
        return NonNegative.quickly(columns.T @ columns, scale, len(self.library.names)).solve()[1]


def columns_of(library: Library, phase: str) -> list[int]:
    """Return the columns of the references of a phase."""
    return [i for i, name in enumerate(library.phases) if name == phase]


def shares_of(coefficients: Array, library: Library) -> Array | None:
    """Return the share of each phase, or None where nothing contributes."""
    amounts = coefficients[: len(library.names)] * library.scale_factors()
    total = float(amounts.sum())
    if not total > 0:
        return None
    return np.array([amounts[columns_of(library, phase)].sum() / total for phase in library.phase_names])


def correlation_length(residual: Array) -> float:
    """Return how many neighbouring residuals count as one: 1 + 2 sum of autocorrelations up to zero."""
    n = residual.size
    spectrum = np.fft.rfft(residual, 2 * n)
    correlation = np.fft.irfft(spectrum * spectrum.conj())[: n // 4]
    correlation = correlation / correlation[0]
    negative = np.flatnonzero(correlation < 0)
    last = int(negative[0]) if negative.size else correlation.size
    return float(max(1.0 + 2.0 * correlation[1:last].sum(), 1.0))


def jackknife(problem: PatternProblem, design: Array, library: Library) -> Array:
    """Return the standard error of each phase's share by leaving out one angle range at a time."""
    columns, scale = problem.joined(design)
    whole = columns.T @ columns
    found = []
    for block in np.array_split(np.arange(problem.axis.size), BLOCKS):
        part = columns[block]
        solver = NonNegative.quickly(whole - part.T @ part, scale, len(library.names))
        shares = shares_of(solver.solve()[0], library)
        if shares is not None:
            found.append(shares)
    table = np.array(found)
    n = len(table)
    if n < 3:
        return np.full(len(library.phase_names), np.inf)
    spread: Array = np.sqrt((n - 1) / n * ((table - table.mean(axis=0)) ** 2).sum(axis=0))
    return spread


def reference_choice(
    solver: NonNegative, coefficients: Array, library: Library, shares: Array, chi2: float
) -> Array:
    """Return how much each share moves when references that others can replace are left out."""
    moved = np.zeros_like(shares)
    for column in np.flatnonzero(coefficients[: len(library.names)] > 0):
        phase = library.phases[int(column)]
        if phase == BACKGROUND or len(columns_of(library, phase)) < 2:
            continue
        solved, misfit = solver.solve(fixed=int(column), value=0.0)
        other = shares_of(solved, library)
        if other is not None and misfit <= SAME_FIT * chi2:
            moved += (other - shares) ** 2
    spread: Array = np.sqrt(moved)
    return spread


def profile_limit(
    solver: NonNegative, coefficients: Array, library: Library, phase: str, chi2: float, rise: float
) -> float:
    """Return the largest share of a phase whose misfit rises by no more than `rise`."""
    largest = 0.0
    factors = library.scale_factors()
    mine = columns_of(library, phase)
    total = float(coefficients[: len(library.names)] @ factors)
    for column in mine:
        start = float(coefficients[column])
        distance = 0.02 * total / float(factors[column])
        for _ in range(8):  # the root of a parabola's rise is a straight line: few steps suffice
            solved, misfit = solver.solve(fixed=column, value=start + distance)
            depth = float(np.sqrt(max(misfit - chi2, 0.0) / rise))
            if abs(depth - 1.0) < 0.03:
                break
            distance /= min(max(depth, 0.2), 5.0)
        amounts = solved[: len(library.names)] * factors
        largest = max(largest, float(amounts[mine].sum() / max(float(amounts.sum()), 1e-300)))
    return largest


def linear_errors(
    problem: PatternProblem, coefficients: Array, shift_deg: float, fwhm_deg: float, scale: float
) -> Array:
    """Return the standard errors of the shares with shift and width free, by linear propagation.

    Only references that contribute are varied; `scale` multiplies the Poisson variance.
    """
    library, n_references = problem.library, len(problem.library.names)
    step = 1e-3
    design = problem.design(shift_deg, fwhm_deg)
    active = np.flatnonzero(coefficients)
    columns = [design[:, active]]
    for moved in (problem.design(shift_deg + step, fwhm_deg), problem.design(shift_deg, fwhm_deg + 5 * step)):
        change = (moved - design) @ coefficients
        if np.any(change):
            columns.append(change[:, None])
    weighted = np.column_stack(columns) * problem.root_weight[:, None]
    norms = np.sqrt((weighted**2).sum(axis=0))
    gram = (weighted / norms).T @ (weighted / norms)
    covariance = scale * np.linalg.pinv(gram, rcond=1e-10, hermitian=True)[: active.size, : active.size]
    covariance /= np.outer(norms[: active.size], norms[: active.size])
    references = active < n_references
    factors = library.scale_factors()[active[references]]
    amounts = coefficients[active[references]] * factors
    total = float(amounts.sum())
    phases = [library.phases[int(i)] for i in active[references]]
    rows = []
    for name in library.phase_names:
        mine = np.array([phase == name for phase in phases], dtype=float)
        share = float(amounts @ mine) / total
        rows.append((mine - share) * factors / total)
    gradient = np.array(rows)
    block = covariance[np.ix_(references, references)]
    errors: Array = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", gradient, block, gradient), 0.0))
    return errors
