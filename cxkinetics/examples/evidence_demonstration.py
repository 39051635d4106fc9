"""The demonstration of the evidence layer: Table I as stated, and the same from simulated spectra."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cxkinetics.evidence.assignment import MassAssignment, assign_peaks
from cxkinetics.evidence.diffraction import fit_pattern
from cxkinetics.evidence.diffraction_result import PatternFit
from cxkinetics.evidence.findings import Consensus, SampleEvidence
from cxkinetics.evidence.mixture import fit_mixture
from cxkinetics.evidence.mixture_result import MixtureFit
from cxkinetics.evidence.picking import pick_peaks
from cxkinetics.evidence.sightings import findings_of_masses, findings_of_pattern, findings_of_xps
from cxkinetics.evidence.verdict import join
from cxkinetics.evidence.xps import analyse_xps
from cxkinetics.evidence.xps_result import XpsResult
from cxkinetics.examples.evidence_paper import (
    Contradiction,
    published_assignment,
    published_contradictions,
    published_table,
)
from cxkinetics.examples.evidence_simulate import (
    reference_library,
    simulate_diffraction,
    simulate_mass_spectrum,
    simulate_photoelectrons,
    simulation_settings,
)

__all__ = ["EvidenceDemo", "SimulatedSample", "analyse_simulated", "demonstrate_evidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSample:
    """One simulated sample, analysed by all three techniques as a user's files would be.

    Attributes
    ----------
    truth : mapping
        What it was simulated from.
    masses : MassAssignment
        Picked and assigned peaks.
    mixture : MixtureFit or None
        Shares of doped clusters, where the host is seen.
    xps : XpsResult
        The photoelectron line.
    pattern : PatternFit
        The diffraction pattern.
    evidence : SampleEvidence
        The findings of all three.
    """

    truth: Mapping[str, Any]
    masses: MassAssignment
    mixture: MixtureFit | None
    xps: XpsResult
    pattern: PatternFit
    evidence: SampleEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDemo:
    """The whole demonstration.

    Attributes
    ----------
    stated : Consensus
        Table I as stated, joined.
    masses : MassAssignment
        The paper's peaks, checked.
    contradictions : tuple of Contradiction
        Where statements disagree.
    samples : tuple of SimulatedSample
        Seven simulated samples, analysed.
    recovered : Consensus
        Their joint verdicts.
    """

    stated: Consensus
    masses: MassAssignment
    contradictions: tuple[Contradiction, ...]
    samples: tuple[SimulatedSample, ...]
    recovered: Consensus

    @property
    def agreement(self) -> tuple[int, int]:
        """How many cells of Table I (sample x technique) the simulated spectra give back, of how many."""
        same = [
            stated.cell(technique) == found.cell(technique)
            for stated, found in zip(self.stated.samples, self.recovered.samples, strict=True)
            for technique in self.stated.techniques
        ]
        return sum(same), len(same)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        same, cells = self.agreement
        return {
            "stated": self.stated.to_dict(),
            "masses": self.masses.to_dict(),
            "contradictions": [item.to_dict() for item in self.contradictions],
            "simulated": self.recovered.to_dict(),
            "agreement": {"same_cells": same, "cells": cells},
        }


def analyse_simulated(sample: Mapping[str, Any]) -> SimulatedSample:
    """Analyse the three simulated spectra of one sample.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    settings = simulation_settings()["ms"]
    percent = float(sample["incorporation_percent"])
    spectrum = simulate_mass_spectrum(sample)
    masses = assign_peaks(pick_peaks(spectrum), with_guest=percent > 0)
    seen = findings_of_masses(masses)
    mixture = None
    if seen[0].state == "present" and percent > 0:
        mixture = fit_mixture(
            spectrum,
            resolving_power=float(settings["resolving_power"]),
            sigma_cal_da=float(settings["calibration_sd_da"]),
        )
    line, photoelectrons = simulate_photoelectrons(sample)
    xps = analyse_xps(photoelectrons, line=line)
    pattern = fit_pattern(simulate_diffraction(sample), reference_library())
    findings = (
        *findings_of_masses(masses, mixture=mixture),
        *findings_of_pattern(pattern),
        *findings_of_xps(xps),
    )
    return SimulatedSample(
        truth=sample,
        masses=masses,
        mixture=mixture,
        xps=xps,
        pattern=pattern,
        evidence=SampleEvidence(label=f"{percent:.3g} %", incorporation_percent=percent, findings=findings),
    )


@lru_cache(maxsize=1)
def demonstrate_evidence() -> EvidenceDemo:
    """Return the paper's evidence joined and checked, and the same from simulated spectra."""
    samples = tuple(analyse_simulated(sample) for sample in simulation_settings()["samples"])
    return EvidenceDemo(
        stated=published_table(),
        masses=published_assignment(),
        contradictions=published_contradictions(),
        samples=samples,
        recovered=join([sample.evidence for sample in samples], simulated=True),
    )
