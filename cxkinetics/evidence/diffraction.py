"""Which phases a powder pattern holds, and how much."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.misfit import why_undecided
from cxkinetics.evidence.patterns import BACKGROUND, Library, NonNegative, joined_columns
from cxkinetics.evidence.result import EvidenceResult
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

        def depth(distance: float, column: int = column, start: float = start) -> float:
            _, misfit = solver.solve(fixed=column, value=start + distance)
            return float(np.sqrt(max(misfit - chi2, 0.0) / rise))

        end, _ = walk_out(depth, distance, room=np.inf, close=0.03, tries=8)
        solved, _ = solver.solve(fixed=column, value=start + end)
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
        phases = tuple(
            read(PhaseShare, item, share=Estimate.from_dict(f"{unit} of {item['phase']}", item["share"]))
            for item in record["phases"]
        )
        return read(cls, record, phases=phases)

    def __repr__(self) -> str:
        found = ", ".join(f"{p.phase} {p.share.format_value()}" for p in self.phases if p.state == "present")
        return f"PatternFit({found or 'no phase present'})"


def _share_unit(*, by_weight: bool) -> str:
    return "weight share" if by_weight else "share of scattered intensity"


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
    if spectrum.kind != "xrd":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a diffraction pattern is needed")
    if not 0 < floor <= absent_below < 1:
        raise UsageError(
            f"floor {floor:g} and absent_below {absent_below:g} must satisfy 0 < floor <= absent_below < 1"
        )
    used = library if phases is None else library.only(phases)
    problem = _problem(spectrum, used, max_shift_deg, background_degree)
    shift, fwhm = _nuisances(problem, max_shift_deg, max_broadening_deg)
    design = problem.design(shift, fwhm)
    solver = problem.least_squares(design)
    coefficients, chi2 = solver.solve()
    shares = shares_of(coefficients, used)
    if shares is None:
        raise FitError("no reference contributes to this pattern; the library holds none of its phases")
    residual = (problem.counts - design @ coefficients) * problem.root_weight
    dof = max(residual.size - int((coefficients != 0).sum()) - 2, 1)
    scale = max(chi2 / dof, 1.0) * correlation_length(residual)
    bad = why_undecided(
        residual, _above_background(problem, design), chi2 / dof, poisson=not spectrum.background_subtracted
    )
    spread = np.maximum(
        jackknife(problem, design, used), linear_errors(problem, coefficients, shift, fwhm, scale)
    )
    estimates = (
        _open_shares(used, shares, bad)
        if bad
        else _phase_shares(
            solver, coefficients, used, shares, spread, chi2, scale, absent_below, floor, confidence
        )
    )
    names = used.phase_names
    components = np.array(
        [
            design[:, : len(used.names)][:, columns_of(used, name)]
            @ coefficients[: len(used.names)][columns_of(used, name)]
            for name in names
        ]
    )
    return PatternFit(
        phases=estimates,
        by_weight=used.weighs,
        shift_deg=shift,
        broadening_deg=fwhm,
        reduced_chi2=chi2 / dof,
        correlation_length=scale / max(chi2 / dof, 1.0),
        n_points=int(residual.size),
        options={
            "phases": None if phases is None else list(phases),
            "max_shift_deg": max_shift_deg,
            "max_broadening_deg": max_broadening_deg,
            "background_degree": problem.background.shape[1] - 1,
            "absent_below": absent_below,
            "floor": floor,
            "confidence": confidence,
            "library": used.source.file,
            "library_sha256": used.source.sha256,
        },
        axis=problem.axis,
        counts=problem.counts,
        components=components,
        fit=design @ coefficients,
        label=spectrum.label,
        source=spectrum.source,
        remarks=(
            *spectrum.remarks,
            *_remarks(used, shift, max_shift_deg, fwhm, max_broadening_deg, chi2 / dof, bad),
        ),
    )


def _problem(spectrum: Spectrum, library: Library, max_shift: float, degree: int | None) -> PatternProblem:
    low, high = float(library.axis[0]), float(library.axis[-1])
    inside = (spectrum.axis >= low) & (spectrum.axis <= high)
    if inside.mean() < 0.5:
        raise InputError(
            f"2theta runs from {spectrum.axis[0]:g} to {spectrum.axis[-1]:g} degrees but the library from "
            f"{low:g} to {high:g}: {int(inside.sum())} of {spectrum.n_points} points overlap",
            file=spectrum.source.file or None,
            remedy="check that the axis is 2theta in degrees, for the wavelength of the library",
        )
    part = spectrum.between(low + max_shift, high - max_shift)
    if degree is None:
        degree = 0 if BACKGROUND in library.phases else 3
    middle, half = (part.axis[0] + part.axis[-1]) / 2, (part.axis[-1] - part.axis[0]) / 2
    background = np.polynomial.chebyshev.chebvander((part.axis - middle) / half, degree)
    if spectrum.background_subtracted:
        root_weight = np.full(
            part.n_points, 1.0 / max(float(np.std(np.diff(part.counts))) / np.sqrt(2), 1e-12)
        )
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
        grid = np.array([0.0, *np.geomspace(0.05, max(max_fwhm, 0.05), 5)])
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
    found = minimize_scalar(
        function, bounds=(low, high), method="bounded", options={"xatol": 1e-3, "maxiter": 12}
    )
    return float(found.x) if float(found.fun) < values[best] else float(grid[best])


def _above_background(problem: PatternProblem, design: Array) -> Array:
    """Return the weighted residuals where background alone is fitted."""
    library = problem.library
    phases = [i for i, phase in enumerate(library.phases) if phase != BACKGROUND]
    columns = np.delete(design, phases, axis=1) * problem.root_weight[:, None]
    target = problem.counts * problem.root_weight
    solved, *_ = np.linalg.lstsq(columns, target, rcond=None)
    above: Array = target - columns @ solved
    return above


def _open_shares(library: Library, shares: Array, bad: str) -> tuple[PhaseShare, ...]:
    """Return the shares of a fit that decides nothing: each may be anything."""
    unit = "weight share" if library.weighs else "share of scattered intensity"
    return tuple(
        PhaseShare(
            phase=phase,
            share=Estimate(
                name=f"{unit} of {phase}", value=float(share), low=0.0, high=1.0, method="open", reason=bad
            ),
            upper_limit=1.0,
            detection_limit=1.0,
            state="undecided",
            reason=bad,
        )
        for phase, share in zip(library.phase_names, shares, strict=True)
    )


def _phase_shares(
    solver: NonNegative,
    coefficients: Array,
    library: Library,
    shares: Array,
    spread: Array,
    chi2: float,
    scale: float,
    absent_below: float,
    floor: float,
    confidence: float,
) -> tuple[PhaseShare, ...]:
    from scipy.special import stdtrit

    dof = BLOCKS - 1
    two_sided, one_sided = float(stdtrit(dof, (1 + confidence) / 2)), float(stdtrit(dof, confidence))
    chosen = reference_choice(solver, coefficients, library, shares, chi2)
    unit = "weight share" if library.weighs else "share of scattered intensity"
    found = []
    for index, phase in enumerate(library.phase_names):
        share, error = float(shares[index]), float(spread[index])
        if share - two_sided * error <= floor:
            reach = profile_limit(solver, coefficients, library, phase, chi2, scale * one_sided**2)
            error = max(error, (reach - share) / one_sided)
        error = float(np.hypot(error, chosen[index]))
        limit = min(share + one_sided * error, 1.0)
        low, high = max(share - two_sided * error, 0.0), min(share + two_sided * error, 1.0)
        nothing = share <= floor and limit < absent_below
        state = "present" if low > 0 and share > floor else ("absent" if nothing else "undecided")
        found.append(
            PhaseShare(
                phase=phase,
                share=Estimate(
                    name=f"{unit} of {phase}", value=share, se=error, low=low, high=high, method="jackknife"
                ),
                upper_limit=limit,
                detection_limit=max(2 * one_sided * error, floor),
                state=state,
            )
        )
    return tuple(found)


def _remarks(
    library: Library, shift: float, max_shift: float, fwhm: float, max_fwhm: float, redchi: float, bad: str
) -> list[Remark]:
    remarks = []
    if not library.weighs:
        missing = [n for n, r, p in zip(library.names, library.rir, library.phases, strict=True)
                   if r is None and p != BACKGROUND]  # fmt: skip
        remarks.append(
            Remark(
                "no_rir",
                f"no RIR for {', '.join(missing[:5])}: shares are of scattered intensity, not weight",
                len(missing),
            )
        )
    if max_shift > 0 and abs(shift) > 0.98 * max_shift:
        remarks.append(
            Remark(
                "shift_at_bound",
                f"the shift {shift:+.3f} degrees sits at its bound of {max_shift:g}; widen it",
            )
        )
    if max_fwhm > 0 and fwhm > 0.98 * max_fwhm:
        remarks.append(
            Remark(
                "broadening_at_bound",
                f"the extra width {fwhm:.3f} degrees sits at its bound of {max_fwhm:g}; widen it",
            )
        )
    if bad:
        remarks.append(Remark("not_decided", f"no phase is decided: {bad}; add the missing references"))
    elif redchi > 3:
        remarks.append(
            Remark(
                "references_misfit",
                f"reduced chi-square {redchi:.1f}: the references do not describe the pattern fully; errors "
                "are scaled by it",
            )
        )
    return remarks
