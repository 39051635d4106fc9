"""Findings of single techniques, and the verdict joined from them, sample by sample."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.evidence.result import EvidenceResult
from cxkinetics.record import As, Record
from cxkinetics.remarks import Remark

if TYPE_CHECKING:
    from cxkinetics.document.page import Page
    from cxkinetics.document.units import TimeUnit

STATES = ("present", "absent", "undecided")
NO_VETO = ("MALDI-TOF", "MS", "ESI-MS")
_NAMED = As(  # a share keeps its name: it says of what it is a share, which differs between techniques
    write=lambda share: share.to_dict() | {"name": share.name},
    read=lambda record: Estimate.from_dict(record["name"], record),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Record):
    """What one technique says of one species in one sample.

    Attributes
    ----------
    technique : str
        "MALDI-TOF", "XRD", "XPS", ...
    species : str
        Such as "CdS" or "Ag2S".
    state : str
        "present", "absent" or "undecided".
    share : Estimate or None
        Its share, where the technique measures one; its name says of what.
    limit : float or None
        Share below which the technique would not have seen it.
    note : str
        Why.
    cluster_shares : tuple of Estimate
        Shares of host clusters with 0, 1, ... guests, where a mass spectrum gave them.

    Raises
    ------
    InputError
        If the state is none of the three.
    """

    technique: str
    species: str
    state: str
    share: Annotated[Estimate, _NAMED] | None = None
    limit: float | None = None
    note: str = ""
    cluster_shares: tuple[Annotated[Estimate, _NAMED], ...] = ()

    def __post_init__(self) -> None:
        if self.state not in STATES:
            fault = f"state of {self.species} by {self.technique} is {self.state!r}"
            raise InputError(f"{fault}; it must be one of {', '.join(STATES)}")

    @property
    def may_veto(self) -> bool:
        """Whether "absent" of this technique counts against others."""
        return self.technique not in NO_VETO


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEvidence:
    """All findings on one sample.

    Attributes
    ----------
    label : str
        Name of the sample.
    incorporation_percent : float or None
        Guest incorporated, in percent, where known.
    findings : tuple of Finding
        Any number of techniques and species.
    """

    label: str
    incorporation_percent: float | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesVerdict(Record):
    """The joint verdict on one species in one sample.

    Attributes
    ----------
    species, state : str
        What, and "present", "absent" or "undecided".
    seen_by, not_seen_by, undecided_by : tuple of str
        Techniques.
    disagreement : str
        One sentence where techniques contradict each other; "" where they do not.
    limit : float or None
        Smallest limit of those that say absent.
    findings : tuple of Finding
        What it rests on.
    """

    species: str
    state: str
    seen_by: tuple[str, ...]
    not_seen_by: tuple[str, ...]
    undecided_by: tuple[str, ...]
    disagreement: str
    limit: float | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleVerdict(Record):
    """The joint verdict on one sample, species by species."""

    label: str
    incorporation_percent: float | None
    species: tuple[SpeciesVerdict, ...]

    def __getitem__(self, species: str) -> SpeciesVerdict:
        for verdict in self.species:
            if verdict.species == species:
                return verdict
        raise KeyError(species)

    def cell(self, technique: str) -> str:
        """Return what one technique sees, as Table I writes it ("CdS + Ag2S")."""
        findings = [f for verdict in self.species for f in verdict.findings if f.technique == technique]
        return phases_text({f.species: f.state for f in findings})

    @property
    def text(self) -> str:
        """The joint verdict as Table I writes it."""
        return phases_text({verdict.species: verdict.state for verdict in self.species})


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus(EvidenceResult):
    """All samples joined.

    Attributes
    ----------
    samples : tuple of SampleVerdict
        In order of incorporation.
    techniques : tuple of str
        Columns of the table.
    host, sulfide : str
        Names of the two species.
    onset_percent : (float, float) or None
        Highest incorporation where the guest sulfide is absent and lowest where it is present;
        None where the samples do not bracket it.
    simulated : bool
        Whether any finding rests on simulated data.
    remarks : tuple of Remark
        Contradictions and limits.
    """

    SCHEMA = "cxkinetics.consensus/1"
    _keys = "samples techniques host sulfide onset_percent disagreements=_disagreed ..."

    samples: tuple[SampleVerdict, ...]
    techniques: tuple[str, ...]
    host: str = "CdS"
    sulfide: str = "Ag2S"
    onset_percent: tuple[float, float] | None = None
    simulated: bool = False
    remarks: Annotated[tuple[Remark, ...], As(key="warnings")] = ()

    @property
    def disagreements(self) -> tuple[tuple[str, str], ...]:
        """Sample and sentence of every disagreement."""
        return tuple(
            (sample.label, verdict.disagreement)
            for sample in self.samples
            for verdict in sample.species
            if verdict.disagreement
        )

    def for_composition(self) -> dict[str, list[dict[str, Any]]]:
        """Return what a composition model can take in, as plain numbers.

        Returns
        -------
        dict
            "cluster_fractions": fractions, sigma and incorporation_percent of each sample whose mass
            spectrum gave shares of clusters with 0, 1, ... guests; "product_onset": seen and
            incorporation_percent of each sample on which the verdict about the guest sulfide is
            decided. These are the keywords of `ClusterFractions` and `ProductOnset` of the
            composition room. Samples without a known incorporation are left out; limits are not
            passed on, since each technique states them on a scale of its own.
        """
        fractions, onset = [], []
        for sample in self.samples:
            percent = sample.incorporation_percent
            if percent is None:
                continue
            for verdict in sample.species:
                if verdict.species == self.sulfide and verdict.state != "undecided":
                    onset.append({"seen": verdict.state == "present", "incorporation_percent": percent})
                for finding in verdict.findings:
                    known = [(s.value, s.se) for s in finding.cluster_shares if s.value is not None and s.se]
                    if known and len(known) == len(finding.cluster_shares):
                        values, errors = map(list, zip(*known, strict=True))
                        row = {"fractions": values, "sigma": errors, "incorporation_percent": percent}
                        fractions.append(row)
        return {"cluster_fractions": fractions, "product_onset": onset}

    @property
    def _disagreed(self) -> list[dict[str, str]]:
        return [{"sample": sample, "text": text} for sample, text in self.disagreements]

    def page(self, unit: "TimeUnit") -> "Page":
        """Return the whole report; it says where a finding rests on simulated data."""
        return replace(Shown.page(self, unit), simulated=self.simulated)


def phases_text(states: Mapping[str, str]) -> str:
    """Return states as Table I writes them; undecided species carry a question mark.

    Examples
    --------
    >>> phases_text({"CdS": "present", "Ag2S": "undecided"})
    'CdS + Ag2S?'
    """
    shown = [s + ("?" if state == "undecided" else "") for s, state in states.items() if state != "absent"]
    return " + ".join(shown) if shown else ("none" if states else "")


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
        said: dict[str, list[Finding]] = {host: [], sulfide: []}
        for finding in sample.findings:
            said.setdefault(finding.species, []).append(finding)
        verdicts = tuple(_join_species(name, found, name == sulfide) for name, found in said.items() if found)
        percent = sample.incorporation_percent
        joined.append(SampleVerdict(label=sample.label, incorporation_percent=percent, species=verdicts))
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
            fault = f"sample {sample.label!r}: {pair[0]} speaks {said.count(pair)} times of {pair[1]}"
            remedy = "give one finding, or name the replicates as techniques of their own"
            raise InputError(f"{fault}; {remedy}")


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
        state = "present"
        if is_sulfide and not any(f.may_veto for f in seen):
            state = "undecided"
            alone = f"{species} is seen by {_names(seen)} alone"
            sentence = f"{alone}, where host fragments weigh alike: undecided"
    else:
        all_veto = vetoes and len(vetoes) == len([f for f in findings if f.may_veto])
        state = "absent" if all_veto else "undecided"
    blind = [f for f in unseen if not f.may_veto]
    if seen and blind and state == "present":
        sentence += "; " if sentence else ""
        sentence += f"{_names(blind)} does not see {species} but {_names(seen)} {_verb(seen, 'do')}"
        sentence += ": clusters fragment, so that is no veto"
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


def _known_states(samples: Sequence[SampleVerdict], species: str) -> list[tuple[float, str, str]]:
    """Return incorporation, label and state of each sample of known incorporation, for one species."""
    return [
        (sample.incorporation_percent, sample.label, verdict.state)
        for sample in samples
        for verdict in sample.species
        if verdict.species == species and sample.incorporation_percent is not None
    ]


def _onset(samples: Sequence[SampleVerdict], sulfide: str) -> tuple[float, float] | None:
    known = [(percent, state) for percent, _, state in _known_states(samples, sulfide)]
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
    known = _known_states(samples, sulfide)
    first = min((percent for percent, _, state in known if state == "present"), default=math.inf)
    late = [label for percent, label, state in known if state == "absent" and percent > first]
    if late:
        text = f"{sulfide} is present at {first:g} % but absent in {', '.join(late)}"
        remarks.append(Remark("not_monotone", text))
    return remarks
