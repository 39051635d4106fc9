"""What is in the flask: the findings of several techniques joined, sample by sample.

Each technique says of each species: present, absent (below a stated limit) or undecided, with a
share where it measures one. The rules of joining are few and stated:

- one technique that sees a species suffices, unless another that could see it says it is absent;
- "absent" in a mass spectrum is never a veto: clusters fragment, and yields are unknown;
- a guest sulfide seen by mass spectrometry alone stays undecided: fragments of the host weigh alike;
- two findings that contradict each other are both named, and reconciled only where the share found
  lies below the other technique's limit.

Shares of different techniques are not averaged: XPS counts guest atoms near the surface, XRD
scattered intensity or weight, mass spectrometry ions.
"""

from collections.abc import Sequence

from cxkinetics.errors import InputError
from cxkinetics.evidence.findings import Consensus, Finding, SampleEvidence, SampleVerdict, SpeciesVerdict
from cxkinetics.remarks import Remark

__all__ = ["join"]


def join(
    samples: Sequence[SampleEvidence], *, host: str = "CdS", sulfide: str = "Ag2S", simulated: bool = False
) -> Consensus:
    """Join the findings of all techniques.

    Parameters
    ----------
    samples : sequence of SampleEvidence
        In any order.
    host, sulfide : str
        Names of the host and of the guest sulfide among the species.
    simulated : bool
        Whether any of it was simulated.

    Raises
    ------
    InputError
        If there is no finding, or one technique speaks twice of one species in one sample.
    """
    if not any(sample.findings for sample in samples):
        raise InputError("there is no finding to join; give at least one technique on one sample")
    ordered = sorted(samples, key=lambda s: (s.incorporation_percent is None, s.incorporation_percent or 0.0))
    techniques = tuple(dict.fromkeys(f.technique for sample in ordered for f in sample.findings))
    joined = []
    for sample in ordered:
        _refuse_repeats(sample)
        names = [name for name in (host, sulfide) if any(f.species == name for f in sample.findings)]
        names += [name for name in dict.fromkeys(f.species for f in sample.findings) if name not in names]
        verdicts = tuple(
            _join_species(name, [f for f in sample.findings if f.species == name], name == sulfide)
            for name in names
        )
        joined.append(
            SampleVerdict(
                label=sample.label, incorporation_percent=sample.incorporation_percent, species=verdicts
            )
        )
    return Consensus(
        samples=tuple(joined),
        techniques=techniques,
        host=host,
        sulfide=sulfide,
        onset_percent=_onset(joined, sulfide),
        simulated=simulated,
        remarks=tuple(_remarks(joined, sulfide)),
    )


def _refuse_repeats(sample: SampleEvidence) -> None:
    said = [(f.technique, f.species) for f in sample.findings]
    for pair in said:
        if said.count(pair) > 1:
            raise InputError(
                f"sample {sample.label!r}: {pair[0]} speaks {said.count(pair)} times of {pair[1]}; "
                "give one finding, or name the replicates as techniques of their own"
            )


def _join_species(species: str, findings: list[Finding], is_sulfide: bool) -> SpeciesVerdict:
    seen = [f for f in findings if f.state == "present"]
    unseen = [f for f in findings if f.state == "absent"]
    vetoes = [f for f in unseen if f.may_veto]
    limits = [f.limit for f in vetoes if f.limit is not None]
    sentence = ""
    if seen and vetoes:
        hidden = all(_below_limit(f, veto) for f in seen for veto in vetoes)
        state = "present" if hidden else "undecided"
        sentence = f"{_names(seen)} {_verb(seen, 'see')} {species} but "
        sentence += f"{_names(vetoes)} {_verb(vetoes, 'call')} it absent"
        sentence += "; the share lies below the limit there" if hidden else ": undecided"
    elif seen:
        alone = is_sulfide and not any(f.may_veto for f in seen)
        state = "undecided" if alone else "present"
        if alone:
            sentence = (
                f"{species} is seen by {_names(seen)} alone, where host fragments weigh alike: undecided"
            )
    else:
        state = (
            "absent" if vetoes and len(vetoes) == len([f for f in findings if f.may_veto]) else "undecided"
        )
    blind = [f for f in unseen if not f.may_veto]
    if seen and blind and state == "present":
        sentence = (sentence + "; " if sentence else "") + (
            f"{_names(blind)} does not see {species} but {_names(seen)} {_verb(seen, 'do')}: clusters "
            "fragment, so that is no veto"
        )
    return SpeciesVerdict(
        species=species,
        state=state,
        seen_by=tuple(f.technique for f in seen),
        not_seen_by=tuple(f.technique for f in unseen),
        undecided_by=tuple(f.technique for f in findings if f.state == "undecided"),
        disagreement=sentence,
        limit=min(limits) if limits and state == "absent" else None,
        findings=tuple(findings),
    )


def _names(findings: Sequence[Finding]) -> str:
    return " and ".join(f.technique for f in findings)


def _verb(findings: Sequence[Finding], verb: str) -> str:
    return verb if len(findings) > 1 else {"do": "does"}.get(verb, f"{verb}s")


def _below_limit(found: Finding, other: Finding) -> bool:
    """Return whether a share that one technique found is too small for the other to see."""
    if found.share is None or found.share.value is None or other.limit is None:
        return False
    return (found.share.low if found.share.low is not None else found.share.value) < other.limit


def _onset(samples: Sequence[SampleVerdict], sulfide: str) -> tuple[float, float] | None:
    known = [
        (sample.incorporation_percent, verdict.state)
        for sample in samples
        for verdict in sample.species
        if verdict.species == sulfide and sample.incorporation_percent is not None
    ]
    present = [percent for percent, state in known if state == "present"]
    if not present:
        return None
    absent = [percent for percent, state in known if state == "absent" and percent < min(present)]
    return (max(absent), min(present)) if absent else None


def _remarks(samples: Sequence[SampleVerdict], sulfide: str) -> list[Remark]:
    remarks = [
        Remark("techniques_disagree", f"{sample.label}: {verdict.disagreement}")
        for sample in samples
        for verdict in sample.species
        if verdict.disagreement
    ]
    known = [
        (sample.incorporation_percent, sample.label, verdict.state)
        for sample in samples
        for verdict in sample.species
        if verdict.species == sulfide and sample.incorporation_percent is not None
    ]
    present = [percent for percent, _, state in known if state == "present"]
    late = [
        label for percent, label, state in known if state == "absent" and present and percent > min(present)
    ]
    if late:
        remarks.append(
            Remark(
                "not_monotone", f"{sulfide} is present at {min(present):g} % but absent in {', '.join(late)}"
            )
        )
    return remarks
