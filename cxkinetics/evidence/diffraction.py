"""Which phases a powder pattern holds, and how much: references summed with non-negative shares.

Counts are weighted by their Poisson error. Shift (specimen height) and extra width are nuisances,
searched jointly. References never fit exactly, so errors do not come from counting: they are the
delete-a-block jackknife over angle ranges (what changes when a part of the pattern is ignored), or,
where that is larger, linear propagation with shift and width free and the profile of the misfit,
both scaled by the reduced chi-square and by the correlation of neighbouring residuals; and, added
to either, what changes when a reference is left out that others of its phase replace with hardly
any misfit (the choice of reference).

Each phase is present, absent (less than a stated share with 95 % confidence) or undecided; a phase
that this measurement cannot see is never called absent. Where the references do not describe the
pattern, every phase is undecided and its share open.

References
----------
Reference-intensity-ratio method: F. H. Chung, J. Appl. Cryst. 7, 519 (1974),
doi 10.1107/S0021889874010375. Full-pattern summation: S. J. Chipera, D. L. Bish, J. Appl. Cryst.
35, 744 (2002), doi 10.1107/S0021889802017405.
"""

from collections.abc import Callable, Sequence

import numpy as np

from cxkinetics.arrays import Array, frozen_array
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.diffraction_errors import (
    BLOCKS,
    PatternProblem,
    columns_of,
    correlation_length,
    jackknife,
    linear_errors,
    profile_limit,
    reference_choice,
    shares_of,
)
from cxkinetics.evidence.diffraction_result import PatternFit, PhaseShare
from cxkinetics.evidence.misfit import why_undecided
from cxkinetics.evidence.patterns import BACKGROUND, Library, NonNegative
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum

__all__ = ["fit_pattern"]


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
    >>> from cxkinetics.examples.evidence_simulate import (
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
        axis=frozen_array(problem.axis),
        counts=frozen_array(problem.counts),
        components=frozen_array(components),
        fit=frozen_array(design @ coefficients),
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
