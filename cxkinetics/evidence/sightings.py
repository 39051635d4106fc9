"""From the result of one technique to its findings: what it says of host and guest sulfide."""

from cxkinetics.estimate import Estimate
from cxkinetics.evidence.assignment import MassAssignment
from cxkinetics.evidence.diffraction import PatternFit
from cxkinetics.evidence.findings import Finding
from cxkinetics.evidence.isotopes import average_mass
from cxkinetics.evidence.mixture import MixtureFit, guest_ladder
from cxkinetics.evidence.xps import XpsResult

__all__ = ["findings_of_masses", "findings_of_pattern", "findings_of_xps"]


def findings_of_masses(
    assignment: MassAssignment,
    *,
    mixture: MixtureFit | None = None,
    host_cluster: str = "Cd34S33(L)",
    guest: str = "Ag",
    replaced: str = "Cd",
    host: str = "CdS",
    sulfide: str = "Ag2S",
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
    host_cluster, guest, replaced : str
        The host cluster, the guest, and the cation it replaces.
    host, sulfide : str
        Names of the two species.
    technique : str
        Name of the technique; "MALDI-TOF", "MS" and "ESI-MS" never veto.
    """
    tolerance = assignment.tolerance_da
    ladder = [
        formula
        for protons in (False, True)
        for formula in guest_ladder(host_cluster, guest=guest, replaced=replaced, protons=protons)
    ]
    near = [
        (abs(peak.mz - average_mass(formula)), peak.mz, str(formula))
        for peak in assignment.peaks
        for formula in ladder
        if abs(peak.mz - average_mass(formula)) <= tolerance
    ]
    balanced = [
        (peak.mz, candidate.formula)
        for peak in assignment.peaks
        for candidate in peak.candidates
        if candidate.family == "sulfide" and candidate.balanced
    ]
    masses = {mz for mz, _ in balanced}
    series = [
        pair
        for spacing in assignment.spacings
        if spacing.unit == sulfide
        for pair in spacing.pairs
        if set(pair) <= masses
    ]
    nearest = min(near)[1:] if near else None
    host_note = (
        f"{nearest[0]:.5g} is {nearest[1]} within {tolerance:g} Da"
        if nearest
        else f"no peak of {host_cluster}"
    )
    if series:
        state, note = (
            "present",
            f"{series[0][0]:g} and {series[0][1]:g} balance and stand one {sulfide} apart",
        )
    elif balanced:
        state, note = "undecided", f"{balanced[0][0]:.5g} may be {balanced[0][1]}, or a fragment of the host"
    else:
        state, note = "absent", f"no charge-balanced {sulfide} cluster within {tolerance:g} Da of a peak"
    share = None
    if mixture is not None:
        share = mixture.mean_guests
    return (
        Finding(
            technique=technique,
            species=host,
            state="present" if near else "absent",
            share=share if near else None,
            note=host_note,
            cluster_shares=mixture.fractions if mixture is not None and near else (),
        ),
        Finding(technique=technique, species=sulfide, state=state, note=note),
    )


def findings_of_xps(
    result: XpsResult, *, host: str = "CdS", sulfide: str = "Ag2S", technique: str = "XPS"
) -> tuple[Finding, ...]:
    """Return what a photoelectron line says of the host and of the guest sulfide.

    A line that has no known state of one of them (Cd 3d and the guest sulfide) gives no finding.
    """
    found = []
    for family, species in (("host", host), ("sulfide", sulfide)):
        if family not in result.verdicts:
            continue
        share = result.share_of(family)
        limit = (
            result.detection_limit if share is not None or result.upper_limit is None else result.upper_limit
        )
        found.append(
            Finding(
                technique=technique,
                species=species,
                state=result.verdicts[family],
                share=share,
                limit=limit,
                note=result.reasons[family],
            )
        )
    return tuple(found)


def findings_of_pattern(
    fit: PatternFit, *, host: str = "CdS", sulfide: str = "Ag2S", technique: str = "XRD"
) -> tuple[Finding, ...]:
    """Return what a diffraction pattern says of host and guest sulfide (other phases are left out).

    A phase that the library does not hold gives no finding.
    """
    found = []
    for phase in fit.phases:
        if phase.phase in (host, sulfide):
            share: Estimate = phase.share
            found.append(
                Finding(
                    technique=technique,
                    species=phase.phase,
                    state=phase.state,
                    share=share,
                    limit=phase.upper_limit if phase.state == "absent" else phase.detection_limit,
                    note=phase.reason or f"{share} against a detection limit of {phase.detection_limit:.3f}",
                )
            )
    return tuple(found)
