"""Which phases a powder pattern holds, and how much."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.misfit import why_undecided
from cxkinetics.evidence.patterns import BACKGROUND, Library, NonNegative, joined_columns
from cxkinetics.evidence.result import EvidenceResult, options_of
from cxkinetics.inference.accepted import walk_out
from cxkinetics.record import As, Record, read
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum
from cxkinetics.source import Source

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


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The best fit of a problem: where it lies, and what the errors of shares are made from.

    Attributes
    ----------
    problem : PatternProblem
        What is fitted.
    shift_deg, fwhm_deg : float
        Shift and extra width, degrees.
    design : Array, shape (n, m)
        References and background there.
    solver : NonNegative
        The weighted problem of the design.
    coefficients : Array, shape (m,)
        Of its columns.
    chi2 : float
        Weighted misfit.
    shares : Array
        Share of each phase.
    """

    problem: PatternProblem
    shift_deg: float
    fwhm_deg: float
    design: Array
    solver: NonNegative
    coefficients: Array
    chi2: float
    shares: Array

    @property
    def residual(self) -> Array:
        """Weighted residuals, shape (n,)."""
        return (self.problem.counts - self.design @ self.coefficients) * self.problem.root_weight

    @property
    def reduced_chi2(self) -> float:
        """Misfit per degree of freedom; shift and width count as two parameters."""
        used = int((self.coefficients != 0).sum()) + 2
        return self.chi2 / max(self.problem.axis.size - used, 1)


def solved(problem: PatternProblem, shift_deg: float, fwhm_deg: float) -> Solution:
    """Return the best fit at a shift and width.

    Raises
    ------
    FitError
        If no reference contributes.
    """
    design = problem.design(shift_deg, fwhm_deg)
    weighted = design * problem.root_weight[:, None]
    solver = NonNegative(weighted, problem.counts * problem.root_weight, len(problem.library.names))
    coefficients, chi2 = solver.solve()
    shares = shares_of(coefficients, problem.library)
    if shares is None:
        raise FitError("no reference contributes to this pattern; the library holds none of its phases")
    return Solution(problem, shift_deg, fwhm_deg, design, solver, coefficients, chi2, shares)


def jackknife(found: Solution) -> Array:
    """Return the standard error of each phase's share by leaving out one angle range at a time."""
    problem, library = found.problem, found.problem.library
    columns, scale = problem.joined(found.design)
    whole = columns.T @ columns
    shares = []
    for block in np.array_split(np.arange(problem.axis.size), BLOCKS):
        part = columns[block]
        solver = NonNegative.quickly(whole - part.T @ part, scale, len(library.names))
        left = shares_of(solver.solve()[0], library)
        if left is not None:
            shares.append(left)
    table = np.array(shares)
    n = len(table)
    if n < 3:
        return np.full(len(library.phase_names), np.inf)
    spread: Array = np.sqrt((n - 1) / n * ((table - table.mean(axis=0)) ** 2).sum(axis=0))
    return spread


def reference_choice(found: Solution) -> Array:
    """Return how much each share moves when references that others can replace are left out."""
    library = found.problem.library
    moved = np.zeros_like(found.shares)
    for column in np.flatnonzero(found.coefficients[: len(library.names)] > 0):
        phase = library.phases[int(column)]
        if phase == BACKGROUND or len(columns_of(library, phase)) < 2:
            continue
        coefficients, misfit = found.solver.solve(fixed=int(column), value=0.0)
        other = shares_of(coefficients, library)
        if other is not None and misfit <= SAME_FIT * found.chi2:
            moved += (other - found.shares) ** 2
    return np.sqrt(moved)


def profile_limit(found: Solution, phase: str, rise: float) -> float:
    """Return the largest share of a phase whose misfit rises by no more than `rise`."""
    library, largest = found.problem.library, 0.0
    factors = library.scale_factors()
    mine = columns_of(library, phase)
    total = float(found.coefficients[: len(library.names)] @ factors)
    for column in mine:
        start = float(found.coefficients[column])
        distance = 0.02 * total / float(factors[column])

        def depth(distance: float, column: int = column, start: float = start) -> float:
            _, misfit = found.solver.solve(fixed=column, value=start + distance)
            return float(np.sqrt(max(misfit - found.chi2, 0.0) / rise))

        end, _ = walk_out(depth, distance, room=np.inf, close=0.03, tries=8)
        coefficients, _ = found.solver.solve(fixed=column, value=start + end)
        amounts = coefficients[: len(library.names)] * factors
        largest = max(largest, float(amounts[mine].sum() / max(float(amounts.sum()), 1e-300)))
    return largest


def linear_errors(found: Solution, scale: float) -> Array:
    """Return the standard errors of the shares with shift and width free, by linear propagation.

    Only references that contribute are varied; `scale` multiplies the Poisson variance.
    """
    problem, library = found.problem, found.problem.library
    step = 1e-3  # degrees: far below a line's width, far above rounding
    active = np.flatnonzero(found.coefficients)
    columns = [found.design[:, active]]
    for shift, fwhm in ((step, 0.0), (0.0, 5 * step)):
        moved = problem.design(found.shift_deg + shift, found.fwhm_deg + fwhm)
        change = (moved - found.design) @ found.coefficients
        if np.any(change):
            columns.append(change[:, None])
    weighted = np.column_stack(columns) * problem.root_weight[:, None]
    norms = np.sqrt((weighted**2).sum(axis=0))
    gram = (weighted / norms).T @ (weighted / norms)
    covariance = scale * np.linalg.pinv(gram, rcond=1e-10, hermitian=True)[: active.size, : active.size]
    covariance /= np.outer(norms[: active.size], norms[: active.size])
    references = active < len(library.names)
    chosen = active[references]
    factors = library.scale_factors()[chosen]
    amounts = found.coefficients[chosen] * factors
    total = float(amounts.sum())
    phases = np.array([library.phases[int(i)] for i in chosen])
    mine = (phases == np.array(library.phase_names)[:, None]).astype(float)
    gradient = (mine - (mine @ amounts / total)[:, None]) * factors / total
    block = covariance[np.ix_(references, references)]
    errors: Array = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", gradient, block, gradient), 0.0))
    return errors


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseShare(Record):
    """One phase.

    Attributes
    ----------
    phase : str
        Its name.
    share : Estimate
        Its share of all crystalline phases fitted, 0 to 1.
    upper_limit : float
        One-sided upper limit of the share.
    detection_limit : float
        Share that would be found present about 95 times in 100.
    state : str
        "present", "absent" or "undecided".
    reason : str
        Why it is undecided where the fit as a whole decides nothing; else "".
    """

    phase: str
    share: Estimate
    upper_limit: float
    detection_limit: float
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatternFit(EvidenceResult):
    """A diffraction pattern as a sum of references.

    Attributes
    ----------
    phases : tuple of PhaseShare
        Every phase of the library.
    by_weight : bool
        True where shares are by weight (every RIR known), else of scattered intensity.
    shift_deg, broadening_deg : float
        Fitted shift and extra width (full at half maximum), degrees.
    reduced_chi2 : float
        Chi-square per degree of freedom with Poisson weights.
    correlation_length : float
        How many neighbouring residuals count as one.
    n_points : int
        Points fitted.
    options : mapping
        Every option.
    axis, counts, fit : Array, shape (n,)
        2theta, counts and fitted counts.
    components : Array, shape (m, n)
        Contribution of each phase.
    label, source, remarks
        As for the spectrum.
    """

    SCHEMA = "cxkinetics.pattern/1"
    _keys = """phases by_weight shift_deg broadening_deg reduced_chi2 correlation_length n_points label
        options ..."""

    phases: tuple[PhaseShare, ...]
    by_weight: bool
    shift_deg: float
    broadening_deg: float
    reduced_chi2: float
    correlation_length: float
    n_points: int
    options: Mapping[str, Any]
    axis: Array
    counts: Array
    components: Array
    fit: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: Annotated[tuple[Remark, ...], As(key="warnings")] = ()

    def __getitem__(self, phase: str) -> PhaseShare:
        for item in self.phases:
            if item.phase == phase:
                return item
        raise KeyError(phase)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the fit that `to_dict` wrote."""
        unit = _share_unit(by_weight=record["by_weight"])
        named = [(item, f"{unit} of {item['phase']}") for item in record["phases"]]
        shares = [(item, Estimate.from_dict(name, item["share"])) for item, name in named]
        return read(cls, record, phases=tuple(read(PhaseShare, item, share=share) for item, share in shares))

    def __repr__(self) -> str:
        found = ", ".join(f"{p.phase} {p.share.format_value()}" for p in self.phases if p.state == "present")
        return f"PatternFit({found or 'no phase present'})"


def _share_unit(*, by_weight: bool) -> str:
    return "weight share" if by_weight else "share of scattered intensity"


@checked()
def fit_pattern(
    spectrum: Spectrum,
    library: Library,
    *,
    phases: Sequence[str] | None = None,
    max_shift_deg: float = 0.5,
    max_broadening_deg: float = 0.5,
    background_degree: int | None = None,
    absent_below: float = 0.05,
    floor: float = 0.01,
    confidence: float = 0.95,
) -> PatternFit:
    """Fit a diffraction pattern with the references of a library.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "xrd".
    library : Library
        Reference patterns.
    phases : sequence of str, optional
        Use only these; all by default.
    max_shift_deg, max_broadening_deg : float
        Largest shift either way, and largest extra width (full at half maximum), in degrees.
    background_degree : int, optional
        Degree of the polynomial background; 0 where the library brings a background, else 3.
    absent_below : float
        A phase is called absent only where its upper limit lies below this share (and its share not
        above `floor`).
    floor : float
        A phase is called present only above this share: references are never perfect, and smaller
        shares appear for phases that are not there.
    confidence : float
        Level of intervals and limits.

    Returns
    -------
    PatternFit
        Shares with intervals, limits and states; by weight where every RIR is known.

    Raises
    ------
    InputError
        If the axis is not that of the library.
    UsageError
        If an option is out of range.
    FitError
        If no reference contributes.

    Examples
    --------
    >>> from cxkinetics.evidence.examples import (
    ...     reference_library, simulate_diffraction, simulation_settings)
    >>> fit = fit_pattern(simulate_diffraction(simulation_settings()["samples"][3]), reference_library())
    >>> [(phase.phase, phase.state) for phase in fit.phases]
    [('CdS', 'present'), ('Ag2S', 'present')]
    """
    options = options_of(locals(), but=("spectrum", "library"))
    if not 0 < floor <= absent_below < 1:
        floors = f"floor {floor:g} and absent_below {absent_below:g}"
        raise UsageError(f"{floors} must satisfy 0 < floor <= absent_below < 1")
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must be from 0.5 to below 1")
    for what, given, most in (
        ("max_shift_deg", max_shift_deg, 20),
        ("max_broadening_deg", max_broadening_deg, 20),
        ("background_degree", background_degree or 0, 30),
    ):
        if not 0 <= given <= most:
            raise UsageError(f"{what} is {given:g}; it must be from 0 to {most}")
    used = library if phases is None else library.only(phases)
    problem = _problem(spectrum, used, max_shift_deg, background_degree)
    options["phases"] = None if phases is None else list(phases)
    options["background_degree"] = problem.background.shape[1] - 1
    options |= {"library": used.source.file, "library_sha256": used.source.sha256}
    found = solved(problem, *_nuisances(problem, max_shift_deg, max_broadening_deg))
    phase_columns = [i for i, phase in enumerate(used.phases) if phase != BACKGROUND]
    background = np.delete(found.design, phase_columns, axis=1) * problem.root_weight[:, None]
    target, poisson = problem.counts * problem.root_weight, not spectrum.background_subtracted
    bad = why_undecided(found.residual, background, target, found.reduced_chi2, poisson=poisson)
    correlated = correlation_length(found.residual)
    # neighbours that move together are one observation: errors grow by the root of their number
    scale = max(found.reduced_chi2, 1.0) * correlated
    coefficients = found.coefficients[: len(used.names)]
    contributions = found.design[:, : len(used.names)] * coefficients
    return PatternFit(
        phases=_open_shares(found, bad) if bad else _phase_shares(found, scale, options),
        by_weight=used.weighs,
        shift_deg=found.shift_deg,
        broadening_deg=found.fwhm_deg,
        reduced_chi2=found.reduced_chi2,
        correlation_length=correlated,
        n_points=int(problem.axis.size),
        options=options,
        axis=problem.axis,
        counts=problem.counts,
        components=np.array(
            [contributions[:, columns_of(used, name)].sum(axis=1) for name in used.phase_names]
        ),
        fit=found.design @ found.coefficients,
        label=spectrum.label,
        source=spectrum.source,
        remarks=(*spectrum.remarks, *_remarks(found, options, bad)),
    )


def _problem(spectrum: Spectrum, library: Library, max_shift: float, degree: int | None) -> PatternProblem:
    if spectrum.kind != "xrd":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a diffraction pattern is needed")
    low, high = float(library.axis[0]), float(library.axis[-1])
    inside = (spectrum.axis >= low) & (spectrum.axis <= high)
    if inside.mean() < 0.5:
        first, last, number = spectrum.axis[0], spectrum.axis[-1], int(inside.sum())
        fault = f"2theta runs from {first:g} to {last:g} degrees but the library from {low:g} to {high:g}"
        fault += f": {number} of {spectrum.n_points} points overlap"
        remedy = "check that the axis is 2theta in degrees, for the wavelength of the library"
        raise InputError(fault, file=spectrum.source.file or None, remedy=remedy)
    part = spectrum.between(low + max_shift, high - max_shift)
    if degree is None:
        degree = 0 if BACKGROUND in library.phases else 3
    middle, half = (part.axis[0] + part.axis[-1]) / 2, (part.axis[-1] - part.axis[0]) / 2
    background = np.polynomial.chebyshev.chebvander((part.axis - middle) / half, degree)
    if spectrum.background_subtracted:
        noise = float(np.std(np.diff(part.counts))) / np.sqrt(2)
        root_weight = np.full(part.n_points, 1.0 / max(noise, 1e-12))
    else:
        from scipy.ndimage import gaussian_filter1d

        root_weight = 1.0 / np.sqrt(np.maximum(gaussian_filter1d(part.counts, 5.0, mode="nearest"), 1.0))
    return PatternProblem(part.axis, part.counts, root_weight, library, background)


def _nuisances(problem: PatternProblem, max_shift: float, max_fwhm: float) -> tuple[float, float]:
    """Return the shift and the extra width of least misfit, by a search from coarse to fine."""
    shift, fwhm = 0.0, 0.0
    if max_shift > 0:
        grid = np.arange(-np.floor(max_shift / 0.05), np.floor(max_shift / 0.05) + 1) * 0.05
        shift = _minimise(lambda s: problem.misfit(s, 0.0), grid)
    if max_fwhm > 0:
        grid = np.unique([0.0, *np.geomspace(0.05, max(max_fwhm, 0.05), 5)])
        fwhm = _minimise(lambda w: problem.misfit(shift, w), grid)
        if fwhm > 0 and max_shift > 0:
            near = np.clip(shift + np.array([-0.05, 0.0, 0.05]), -max_shift, max_shift)
            shift = _minimise(lambda s: problem.misfit(s, fwhm), near)
    return shift, fwhm


def _minimise(function: Callable[[float], float], grid: Array) -> float:
    """Return the minimum of a function: best grid point, then a bounded search beside it."""
    from scipy.optimize import minimize_scalar

    values = [function(float(point)) for point in grid]
    best = int(np.argmin(values))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)])
    if low == high:
        return float(grid[best])
    near: Any = {"xatol": 1e-3, "maxiter": 12}
    found = minimize_scalar(function, bounds=(low, high), method="bounded", options=near)
    return float(found.x) if float(found.fun) < values[best] else float(grid[best])


def _open_shares(found: Solution, bad: str) -> tuple[PhaseShare, ...]:
    """Return the shares of a fit that decides nothing: each may be anything."""
    library = found.problem.library
    unit, shares = _share_unit(by_weight=library.weighs), []
    for phase, value in zip(library.phase_names, found.shares.tolist(), strict=True):
        name = f"{unit} of {phase}"
        share = Estimate(name=name, value=value, low=0.0, high=1.0, method="open", reason=bad)
        limits: dict[str, Any] = {"upper_limit": 1.0, "detection_limit": 1.0}
        shares.append(PhaseShare(phase=phase, share=share, **limits, state="undecided", reason=bad))
    return tuple(shares)


def _phase_shares(found: Solution, scale: float, options: Mapping[str, Any]) -> tuple[PhaseShare, ...]:
    """Return the share of each phase with its error: the larger of two ways, and the choice of references."""
    from scipy.special import stdtrit

    library, confidence, floor = found.problem.library, options["confidence"], options["floor"]
    dof = BLOCKS - 1
    two_sided, one_sided = float(stdtrit(dof, (1 + confidence) / 2)), float(stdtrit(dof, confidence))
    spread = np.maximum(jackknife(found), linear_errors(found, scale))
    chosen = reference_choice(found)
    unit = _share_unit(by_weight=library.weighs)
    shares = []
    for index, phase in enumerate(library.phase_names):
        share, error = float(found.shares[index]), float(spread[index])
        if share - two_sided * error <= floor:  # near zero the misfit itself says more than its curvature
            reach = profile_limit(found, phase, scale * one_sided**2)
            error = max(error, (reach - share) / one_sided)
        error = float(np.hypot(error, chosen[index]))
        limit = min(share + one_sided * error, 1.0)
        low, high = max(share - two_sided * error, 0.0), min(share + two_sided * error, 1.0)
        nothing = share <= floor and limit < options["absent_below"]
        name = f"{unit} of {phase}"
        shares.append(
            PhaseShare(
                phase=phase,
                share=Estimate(name=name, value=share, se=error, low=low, high=high, method="jackknife"),
                upper_limit=limit,
                detection_limit=max(2 * one_sided * error, floor),
                state="present" if low > 0 and share > floor else "absent" if nothing else "undecided",
            )
        )
    return tuple(shares)


def _remarks(found: Solution, options: Mapping[str, Any], bad: str) -> list[Remark]:
    remarks, library = [], found.problem.library
    if not library.weighs:
        known = zip(library.names, library.rir, library.phases, strict=True)
        missing = [name for name, ratio, phase in known if ratio is None and phase != BACKGROUND]
        text = f"no RIR for {', '.join(missing[:5])}: shares are of scattered intensity, not weight"
        remarks.append(Remark("no_rir", text, len(missing)))
    widest, reach = options["max_broadening_deg"], options["max_shift_deg"]
    for code, what, value, most in (
        ("shift_at_bound", f"shift {found.shift_deg:+.3f}", abs(found.shift_deg), reach),
        ("broadening_at_bound", f"extra width {found.fwhm_deg:.3f}", found.fwhm_deg, widest),
    ):
        if most > 0 and value > 0.98 * most:
            remarks.append(Remark(code, f"the {what} degrees sits at its bound of {most:g}; widen it"))
    if bad:
        remarks.append(Remark("not_decided", f"no phase is decided: {bad}; add the missing references"))
    elif found.reduced_chi2 > 3:
        why = "the references do not describe the pattern fully; errors are scaled by it"
        remarks.append(Remark("references_misfit", f"reduced chi-square {found.reduced_chi2:.1f}: {why}"))
    return remarks
