"""From the result of one technique to its findings: what it says of host and guest sulfide."""

from cxkinetics.evidence.assignment import MassAssignment
from cxkinetics.evidence.chemistry import DEFAULT, SystemLike, chemistry_of
from cxkinetics.evidence.diffraction import PatternFit
from cxkinetics.evidence.findings import Finding
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.evidence.mixture import MixtureFit, guest_ladder
from cxkinetics.evidence.xps import XpsResult


def findings_of_masses(
    assignment: MassAssignment,
    *,
    mixture: MixtureFit | None = None,
    system: SystemLike = DEFAULT,
    host_cluster: str | None = None,
    technique: str = "MALDI-TOF",
) -> tuple[Finding, ...]:
    """Return what a mass spectrum says.

    The host is present where a peak lies within the tolerance of the named cluster with none, one
    or two guests (with or without protons). The guest sulfide is present where at least two
    charge-balanced AgaSb stand one Ag2S apart; a single match is undecided.

    Parameters
    ----------
    assignment : MassAssignment
        The assigned peaks.
    mixture : MixtureFit, optional
        Adds the share of guests.
    system : System, str or Path
        The cation system, which names the two species.
    host_cluster : str, optional
        The host cluster; that of the system by default.
    technique : str
        Name of the technique; "MALDI-TOF", "MS" and "ESI-MS" never veto.
    """
    chemistry, tolerance = chemistry_of(system), assignment.tolerance_da
    host_cluster = host_cluster or chemistry.host_cluster
    ladders = [guest_ladder(host_cluster, system=chemistry, protons=protons) for protons in (False, True)]
    weighed = [(average_mass(formula), str(formula)) for ladder in ladders for formula in ladder]
    off = [(abs(peak.mz - mass), peak.mz, text) for peak in assignment.peaks for mass, text in weighed]
    near = [item for item in off if item[0] <= tolerance]
    host_note = f"no peak of {host_cluster}"
    if near:
        _, mz, formula_text = min(near)
        host_note = f"{mz:.5g} is {formula_text} within {tolerance:g} Da"
    state, note = _product_seen(assignment, chemistry.product_phase)
    seen = mixture if near else None
    return (
        Finding(
            technique=technique,
            species=chemistry.host_phase,
            state="present" if near else "absent",
            share=seen.mean_guests if seen else None,
            note=host_note,
            cluster_shares=seen.fractions if seen else (),
        ),
        Finding(technique=technique, species=chemistry.product_phase, state=state, note=note),
    )


def _product_seen(assignment: MassAssignment, product: str) -> tuple[str, str]:
    """Return whether clusters of the product are there, and why.

    One match proves nothing, because fragments of the host weigh alike; two that stand one unit apart do.
    """
    balanced = [
        (peak.mz, candidate.formula)
        for peak in assignment.peaks
        for candidate in peak.candidates
        if candidate.family == "sulfide" and candidate.balanced
    ]
    masses = {mz for mz, _ in balanced}
    pairs = [pair for spacing in assignment.spacings if spacing.unit == product for pair in spacing.pairs]
    series = [pair for pair in pairs if set(pair) <= masses]
    if series:
        return "present", f"{series[0][0]:g} and {series[0][1]:g} balance and stand one {product} apart"
    if balanced:
        return "undecided", f"{balanced[0][0]:.5g} may be {balanced[0][1]}, or a fragment of the host"
    return "absent", f"no charge-balanced {product} cluster within {assignment.tolerance_da:g} Da of a peak"


def findings_of_xps(
    result: XpsResult, *, system: SystemLike = DEFAULT, technique: str = "XPS"
) -> tuple[Finding, ...]:
    """Return what a photoelectron line says of the host and of the guest sulfide.

    A line that has no known state of one of them (Cd 3d and the guest sulfide) gives no finding.
    """
    chemistry = chemistry_of(system)
    found = []
    for family, species in (("host", chemistry.host_phase), ("sulfide", chemistry.product_phase)):
        if family in result.verdicts:
            share, upper = result.share_of(family), result.upper_limit
            found.append(
                Finding(
                    technique=technique,
                    species=species,
                    state=result.verdicts[family],
                    share=share,
                    limit=result.detection_limit if share is not None or upper is None else upper,
                    note=result.reasons[family],
                )
            )
    return tuple(found)


def findings_of_pattern(
    fit: PatternFit, *, system: SystemLike = DEFAULT, technique: str = "XRD"
) -> tuple[Finding, ...]:
    """Return what a diffraction pattern says of host and guest sulfide (other phases are left out).

    A phase that the library does not hold gives no finding.
    """
    chemistry = chemistry_of(system)
    return tuple(
        Finding(
            technique=technique,
            species=phase.phase,
            state=phase.state,
            share=phase.share,
            limit=phase.upper_limit if phase.state == "absent" else phase.detection_limit,
            note=phase.reason or f"{phase.share} against a detection limit of {phase.detection_limit:.3f}",
        )
        for phase in fit.phases
        if phase.phase in (chemistry.host_phase, chemistry.product_phase)
    )
