"""How many chemical states a photoelectron line shows, in what shares, and what they may be.

The number of doublets is chosen by BIC on the misfit's own scale, and a second one counts only
above a detection limit that never falls below the share that imperfect line shapes mimic (3 % on a
measured one-phase Ag2S, hence a floor of 5 %). Absolute energies carry the error of the energy
reference: they propose states, they do not prove one. The separation of two doublets in one
spectrum is free of it. Shares are of the element's atoms near the surface, not of clusters.
"""

from collections.abc import Sequence

import numpy as np

from cxkinetics.arrays import frozen_array
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.doublets import LINES, DoubletFit, Line, Region, fit_doublets, region_of
from cxkinetics.evidence.lineshapes import doublet, voigt_fwhm
from cxkinetics.evidence.misfit import why_undecided
from cxkinetics.evidence.xps_result import XpsComponent, XpsResult
from cxkinetics.evidence.xps_states import STATES, ChemicalState, name_by_separation, verdicts_of
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import Spectrum

__all__ = ["STATES", "ChemicalState", "analyse_xps"]


DECISIVE_BIC = 10.0


def analyse_xps(
    spectrum: Spectrum,
    *,
    line: str | Line = "Ag 3d",
    doublets: int | str = "auto",
    shape: str = "voigt",
    background: str = "shirley",
    states: Sequence[ChemicalState] = STATES,
    energy_offset_ev: float = 0.0,
    energy_sd_ev: float = 0.2,
    lineshape_floor: float = 0.05,
    absent_below: float = 0.1,
    confidence: float = 0.95,
) -> XpsResult:
    """Analyse one photoelectron line.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "xps", binding energies.
    line : str or Line
        Which line: a name in `LINES`, or one of your own.
    doublets : "auto" or int
        How many: 0, 1 or 2 by BIC, or a number up to 3.
    shape : {"voigt", "pseudo-voigt"}
        Line shape.
    background : {"shirley", "linear"}
        Active Shirley step on a straight line, or the straight line alone.
    states : sequence of ChemicalState
        Known states.
    energy_offset_ev : float
        How much too high the energies read (measured minus true position of a reference line); taken off.
    energy_sd_ev : float
        Standard deviation of the energy reference after that.
    lineshape_floor : float
        Smallest share that counts as a second state.
    absent_below : float
        A state is called absent only where its upper limit lies below this share.
    confidence : float
        Level of intervals and limits.

    Returns
    -------
    XpsResult
        Doublets with shares and intervals, and a verdict for each known state.

    Raises
    ------
    InputError
        If the spectrum does not cover the line.
    UsageError
        If an option is unknown or out of range.
    FitError
        If it cannot be fitted.

    Examples
    --------
    >>> from cxkinetics.examples.evidence_simulate import simulate_photoelectrons, simulation_settings
    >>> line, spectrum = simulate_photoelectrons(simulation_settings()["samples"][3])
    >>> found = analyse_xps(spectrum, line=line)
    >>> dict(found.verdicts), round(found.share_of("host").value, 2)
    ({'host': 'present', 'sulfide': 'present'}, 0.65)
    """
    if isinstance(line, str):
        named = {name.replace(" ", "").lower(): item for name, item in LINES.items()}
        found = named.get(line.replace(" ", "").lower())
        if found is None:
            raise UsageError(f"line {line!r} is not known; known are {', '.join(LINES)}")
        line = found
    if doublets != "auto" and doublets not in (0, 1, 2, 3):
        raise UsageError(f"doublets is {doublets!r}; it must be 'auto', 0, 1, 2 or 3")
    if not energy_sd_ev >= 0 or not 0 < lineshape_floor <= absent_below < 1:
        raise UsageError(
            f"energy_sd {energy_sd_ev:g} must not be negative, and floor {lineshape_floor:g} and absent_below"
            f" {absent_below:g} must satisfy 0 < floor <= absent_below < 1"
        )
    region = region_of(spectrum, line, shape, background)
    numbers = (0, 1, 2) if doublets == "auto" else (int(doublets),)
    fits = {number: fit_doublets(region, number) for number in numbers}
    chosen = _choose(fits) if doublets == "auto" else fits[int(doublets)]
    scale = max(chosen.reduced_chi2, 1.0) if region.poisson else chosen.reduced_chi2
    known = [state for state in states if state.line == line.name]
    limit, upper = _limits(region, chosen, known, scale, lineshape_floor, confidence)
    components = _components(region, chosen, known, scale, energy_offset_ev, energy_sd_ev, limit, confidence)
    families = {state.family for state in known}
    bad = _misfit(region, chosen)
    if bad:
        components, upper = tuple(component.named(None) for component in components), None
    verdicts, why = verdicts_of(components, limit, upper, absent_below, families, bad)
    return XpsResult(
        line=line.name,
        number=chosen.number,
        bic={str(number): fit.bic for number, fit in fits.items()},
        components=components,
        splitting_ev=_estimate("doublet splitting", chosen, "splitting", "eV", confidence),
        area_ratio=_estimate("area ratio", chosen, "area_ratio", "", confidence),
        fwhm_ev=_width(chosen, shape),
        separation_ev=_separation(chosen, confidence),
        detection_limit=limit,
        upper_limit=upper,
        reduced_chi2=chosen.reduced_chi2,
        verdicts=verdicts,
        reasons=why,
        options={
            "line": line.name,
            "doublets": doublets,
            "shape": shape,
            "background": background,
            "energy_offset_ev": energy_offset_ev,
            "energy_sd_ev": energy_sd_ev,
            "lineshape_floor": lineshape_floor,
            "absent_below": absent_below,
            "confidence": confidence,
        },
        energy_ev=frozen_array(chosen.energy_ev),
        counts=frozen_array(chosen.counts),
        doublets=frozen_array(chosen.components),
        background=frozen_array(chosen.background),
        label=spectrum.label,
        source=spectrum.source,
        remarks=(*spectrum.remarks, *_remarks(chosen, components, limit, lineshape_floor, bad)),
    )


def _choose(fits: dict[int, DoubletFit]) -> DoubletFit:
    """Return the smallest number of doublets that the next one does not beat decisively."""
    chosen = fits[0]
    for number in (1, 2):
        if fits[number].bic < chosen.bic - DECISIVE_BIC:
            chosen = fits[number]
    return chosen


def _misfit(region: Region, fit: DoubletFit) -> str:
    """Return why the fit decides nothing, or "": against a straight line without any doublet."""
    line = np.column_stack([np.ones_like(region.energy), region.energy - region.energy.mean()])
    weighted, target = line / region.sigma[:, None], region.counts / region.sigma
    solved, *_ = np.linalg.lstsq(weighted, target, rcond=None)
    return why_undecided(
        (region.counts - fit.fit) / region.sigma,
        target - weighted @ solved,
        fit.reduced_chi2,
        poisson=region.poisson,
    )


def _quantiles(fit: DoubletFit, confidence: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    dof = max(fit.n_points - fit.n_parameters, 1)
    return float(stdtrit(dof, (1 + confidence) / 2)), float(stdtrit(dof, confidence))


def _estimate(name: str, fit: DoubletFit, key: str, unit: str, confidence: float) -> Estimate:
    if key not in fit.values:
        return Estimate(name=name, value=None, unit=unit, reason="no doublet is fitted")
    value, error = fit.values[key], fit.errors.get(key)
    if error is None:
        why = "it sits at a bound" if key in fit.at_bound else "the fit does not determine it"
        return Estimate(name=name, value=value, unit=unit, method="wald", reason=why)
    reach = _quantiles(fit, confidence)[0] * error
    return Estimate(
        name=name,
        value=value,
        se=error,
        low=value - reach,
        high=value + reach,
        unit=unit,
        method="wald, scaled",
    )


def _width(fit: DoubletFit, shape: str) -> Estimate:
    reason = "the two width parameters are strongly correlated"
    if not fit.number:
        return Estimate(name="line width (FWHM)", value=None, unit="eV", reason="no doublet is fitted")
    width = fit.values["width"]
    if shape == "voigt":
        width = voigt_fwhm(width, fit.values["mixing"])
    return Estimate(name="line width (FWHM)", value=width, unit="eV", method="fit", reason=reason)


def _separation(fit: DoubletFit, confidence: float) -> Estimate:
    """Return how far apart two doublets lie: independent of the energy reference."""
    name = "separation of the doublets"
    if fit.number != 2:
        return Estimate(name=name, value=None, unit="eV", reason=f"{fit.number} doublets are fitted")
    value = abs(fit.values["position1"] - fit.values["position0"])
    errors = [fit.errors.get(key) for key in ("position0", "position1")]
    if errors[0] is None or errors[1] is None:
        return Estimate(name=name, value=value, unit="eV", reason="the fit does not determine it")
    error = float(np.hypot(errors[0], errors[1]))
    reach = _quantiles(fit, confidence)[0] * error
    return Estimate(
        name=name,
        value=value,
        se=error,
        low=value - reach,
        high=value + reach,
        unit="eV",
        method="wald, scaled",
    )


def _limits(
    region: Region,
    chosen: DoubletFit,
    known: Sequence[ChemicalState],
    scale: float,
    floor: float,
    confidence: float,
) -> tuple[float, float | None]:
    """Return the detection limit of a second state, and the upper limit where none was found.

    Beside a single doublet a second one of fixed position enters linearly; its standard error, with
    all other parameters free, gives both (3.29 errors: Currie's limit at 5 % each way).
    """
    if chosen.number == 0:
        return floor, None
    if chosen.number > 1:
        errors = [chosen.errors.get(f"share{i}", 1.0) for i in range(1, chosen.number)]
        return float(np.clip(2 * _quantiles(chosen, confidence)[1] * max(errors), floor, 1.0)), None
    values = chosen.values
    gaps = {abs(a.position_ev - b.position_ev) for a in known for b in known if a.family != b.family}
    places = [values["position0"] + sign * gap for gap in gaps if gap > 0.5 for sign in (-1, 1)]
    places = [p for p in places if region.line.low_ev - 0.5 <= p <= region.line.high_ev + 0.5]
    one_sided = _quantiles(chosen, confidence)[1]
    limit, upper = floor, 0.0
    misfit = (region.counts - chosen.fit) / region.sigma
    keep = [i for i, name in enumerate(chosen.free) if name not in chosen.at_bound]
    for place in places:
        second = values["area"] * region.height * doublet(
            region.energy, place, values["splitting"], values["area_ratio"],
            values["width"], values["mixing"], region.shape,
        ) / region.sigma  # fmt: skip
        columns = np.column_stack([second, chosen.jacobian[:, keep]])
        norms = np.sqrt((columns**2).sum(axis=0))
        if np.any(norms == 0):
            continue
        solved, *_ = np.linalg.lstsq(columns / norms, misfit, rcond=None)
        inverse = np.linalg.pinv((columns / norms).T @ (columns / norms))
        error = float(np.sqrt(scale * inverse[0, 0])) / norms[0]
        found = float(solved[0]) / norms[0]
        limit = max(limit, 2 * one_sided * error)
        upper = max(upper, (max(found, 0.0) + one_sided * error))
    return min(limit, 1.0), (min(upper, 1.0) if places else None)


def _components(
    region: Region,
    fit: DoubletFit,
    known: Sequence[ChemicalState],
    scale: float,
    offset: float,
    energy_sd: float,
    limit: float,
    confidence: float,
) -> tuple[XpsComponent, ...]:
    shares = _share_estimates(region, fit, scale, confidence)
    two_sided = _quantiles(fit, confidence)[0]
    found = []
    for i in range(fit.number):
        value, error = fit.values[f"position{i}"] - offset, fit.errors.get(f"position{i}")
        reach = None if error is None else two_sided * error
        total = float(np.hypot(error or 0.0, energy_sd))
        near = [s for s in known if abs(s.position_ev - value) <= 3 * max(total, 0.05)]
        families = {state.family for state in near}
        found.append(
            XpsComponent(
                position_ev=Estimate(
                    name="binding energy of the main line",
                    value=value,
                    se=error,
                    low=None if reach is None else value - reach,
                    high=None if reach is None else value + reach,
                    unit="eV",
                    method="wald, scaled" if error is not None else "",
                    reason="" if error is not None else "the fit does not determine it",
                ),
                share=shares[i],
                near_states=tuple(
                    state.name for state in sorted(near, key=lambda s: abs(s.position_ev - value))
                ),
                family=families.pop() if len(families) == 1 and fit.share(i) >= limit else None,
            )
        )
    return tuple(name_by_separation(found, known, limit, energy_sd))


def _share_estimates(region: Region, fit: DoubletFit, scale: float, confidence: float) -> list[Estimate]:
    name = f"share of {region.line.name.split()[0]} atoms"
    if fit.number == 1:
        return [Estimate(name=name, value=1.0, method="fixed", reason="there is only one doublet")]
    if fit.number == 2:
        low, high = _profile_share(region, fit, scale * _quantiles(fit, confidence)[0] ** 2)
        value, error = fit.share(1), fit.errors.get("share1")
        second = Estimate(name=name, value=value, se=error, low=low, high=high, method="profile, scaled")
        first = Estimate(
            name=name, value=1 - value, se=error, low=1 - high, high=1 - low, method="profile, scaled"
        )
        return [first, second]
    return [
        Estimate(
            name=name, value=fit.share(i), se=fit.errors.get(f"share{i}"), reason="more than two doublets"
        )
        for i in range(fit.number)
    ]


def _profile_share(region: Region, fit: DoubletFit, rise: float) -> tuple[float, float]:
    """Return where the misfit has risen by `rise`, either side of the fitted share."""
    value = fit.share(1)
    start = max(np.sqrt(rise) * fit.errors.get("share1", 0.02) / np.sqrt(max(fit.reduced_chi2, 1.0)), 1e-3)

    def depth(distance: float) -> float:
        """Return the square root of the rise at a distance, in units of the rise wanted: 1 at the end."""
        share = float(np.clip(value + distance, 0.0, 1.0))
        found = fit_doublets(region, 2, fixed={"share1": share}, start=fit.values)
        return float(np.sqrt(max(found.chi2 - fit.chi2, 0.0) / rise))

    ends = []
    for direction, bound in ((-1.0, 0.0), (1.0, 1.0)):
        room = abs(bound - value)
        distance = min(start, room)
        for _ in range(8):
            reached = depth(direction * distance)
            if abs(reached - 1.0) < 0.01 or (distance >= room and reached <= 1.0):
                break
            distance = min(distance / max(reached, 0.2), room)
        ends.append(value + direction * distance)
    return ends[0], ends[1]


def _remarks(
    fit: DoubletFit, components: tuple[XpsComponent, ...], limit: float, floor: float, bad: str
) -> list[Remark]:
    if bad:
        return [Remark("not_decided", f"nothing is decided: {bad}")]
    remarks = []
    if fit.reduced_chi2 > 3:
        remarks.append(
            Remark(
                "lineshape_misfit",
                f"reduced chi-square {fit.reduced_chi2:.1f}: the line shape is not exact; errors are "
                f"scaled by {np.sqrt(fit.reduced_chi2):.1f}",
            )
        )
    small = [c for c in components[1:] if c.share.value is not None and c.share.value < limit]
    for component in small:
        remarks.append(
            Remark(
                "below_detection_limit",
                f"the second doublet ({component.share.value:.1%} at {component.position_ev.value:.2f} eV) "
                f"lies below the limit of {limit:.1%} (floor {floor:.0%}: line shapes that are not exact "
                "mimic that much)",
            )
        )
    for component in components:
        if component.family is None and component.near_states and component not in small:
            remarks.append(
                Remark(
                    "energy_not_decisive",
                    f"{component.position_ev.value:.2f} eV fits {', '.join(component.near_states)}: with the "
                    "error of the energy reference the position alone does not identify it",
                )
            )
    if fit.at_bound:
        remarks.append(Remark("at_bound", f"at a bound of its range: {', '.join(fit.at_bound)}"))
    return remarks
