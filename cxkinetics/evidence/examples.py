"""What the paper states of its evidence, the same samples simulated, and the demonstration of both."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.evidence.assignment import MassAssignment, assign_peaks, check_formula
from cxkinetics.evidence.chemistry import DEFAULT, Chemistry, Structure, SystemLike, chemistry_of
from cxkinetics.evidence.diffraction import PatternFit, fit_pattern
from cxkinetics.evidence.doublets import doublet, line_key, shirley_step
from cxkinetics.evidence.findings import Consensus, SampleEvidence, join
from cxkinetics.evidence.isotopes import envelope
from cxkinetics.evidence.mixture import MixtureFit, fit_mixture, guest_ladder
from cxkinetics.evidence.patterns import Library
from cxkinetics.evidence.picking import pick_peaks
from cxkinetics.evidence.reader import load_peak_list
from cxkinetics.evidence.records import join_evidence
from cxkinetics.evidence.sightings import findings_of_masses, findings_of_pattern, findings_of_xps
from cxkinetics.evidence.xps import XpsResult, analyse_xps
from cxkinetics.models.formula import parse
from cxkinetics.record import HIDDEN, As, Record
from cxkinetics.signals.spectrum import Spectrum
from cxkinetics.source import Source


@dataclass(frozen=True, slots=True)
class Contradiction(Record):
    """One pair of statements that do not agree.

    Attributes
    ----------
    topic : str
        What it is about.
    stated : str
        One value, as stated.
    against : str
        The other: stated elsewhere, or computed.
    text : str
        What follows from it.
    """

    topic: str
    stated: str
    against: str
    text: str


def _packaged(name: str) -> Path:
    return Path(__file__).with_name("data").joinpath(name)


def _settings(name: str) -> Mapping[str, Any]:
    return tomllib.loads(_packaged(name).read_text(encoding="utf-8"))


def published_statements() -> Mapping[str, Any]:
    """Return the positions and onsets that the paper states, as the packaged TOML file holds them."""
    return _settings("evidence_paper.toml")


def published_table() -> Consensus:
    """Return Table I as stated, joined.

    Examples
    --------
    >>> table = published_table()
    >>> [sample.text for sample in table.samples][-4:]
    ['CdS + Ag2S', 'CdS + Ag2S', 'CdS + Ag2S', 'Ag2S']
    >>> table.onset_percent
    (4.0, 8.0)
    """
    return join_evidence([_packaged("evidence_table1.csv")])


def published_assignment() -> MassAssignment:
    """Return the paper's peaks with their stated formulae, checked.

    Examples
    --------
    >>> [peak.mz for peak in published_assignment().peaks if not peak.agrees]
    [4860.0, 5400.0, 5549.0, 5694.0, 6500.0]
    """
    return assign_peaks(load_peak_list(_packaged("evidence_ms_peaks.csv"), label="peaks stated in the paper"))


def published_contradictions() -> tuple[Contradiction, ...]:
    """Return where the paper's evidence disagrees with itself or with what follows from it."""
    return (*_of_table(), *_of_masses(), *_of_energies())


def _of_table() -> list[Contradiction]:
    stated = published_statements()["onset"]
    table = published_table()
    low, high = table.onset_percent or (float("nan"), float("nan"))
    first, second = stated["incorporation_percent"]
    dose_low, dose_high = stated["dose_percent"]
    why = "residual clusters fragment: absence in a mass spectrum is no veto"
    parts = [(label, *text.split(":")[0].split(" but ")) for label, text in table.disagreements]
    brackets = f"Table I brackets it: absent at {low:.1f} %, present at {high:.1f} %"
    dose = "the dose of the 4.0 % sample is not stated (about 36 % on the fitted line)"
    return [
        *(Contradiction(f"{label}: techniques", seen, unseen, why) for label, seen, unseen in parts),
        Contradiction("Ag2S first seen, incorporation", f"{first:.1f} %", f"{second:.1f} %", brackets),
        Contradiction("Ag2S first seen, dose", f"above {dose_low:g} %", f"{dose_high:g} %", dose),
    ]


def _of_masses() -> list[Contradiction]:
    found = []
    assignment = published_assignment()
    said = {"sulfide": "stated as 'up to about 6500'", "doped": "stated as the ligand-stripped cluster"}
    for peak in assignment.peaks:
        if peak.stated is None or peak.agrees:
            continue
        hosts = [c for c in peak.candidates if c.family == "host" and c.balanced and "+" not in c.formula]
        text = "no undoped cluster balances its charges within 2 Da"
        if hosts:
            text = f"nearer: {hosts[0].formula} ({hosts[0].error_da:+.1f} Da)"
        text = said.get(peak.stated.family, text)
        computed = f"{peak.stated.mass_da:.1f} computed ({peak.stated.error_da:+.0f} Da)"
        found.append(Contradiction(peak.stated.formula, f"m/z {peak.mz:g}", computed, text))
    host = check_formula("Cd34S33(L)", 5163)
    oleate = check_formula("Cd34S33(OA)", 5163)
    stated, against = "L is oleic acid C18H34O2", f"formal charge {host.formal_charge:+d}"
    text = f"with oleate it is {oleate.formal_charge:+d}, mass {oleate.mass_da:.1f}"
    text += f" ({oleate.error_da:+.1f} Da)"
    found.append(Contradiction("charge of Cd34S33(L)", stated, against, text))
    for mz, plain, helped in (
        (5159, "AgCd33S33(L)", "AgHCd33S33(L)"),
        (5155, "Ag2Cd32S33(L)", "Ag2H2Cd32S33(L)"),
    ):
        one, other = check_formula(plain, mz), check_formula(helped, mz)
        stated = f"{one.error_da:+.2f} Da without protons"
        against = f"{other.error_da:+.2f} Da with one H per Ag"
        text = "Ag+ and H+ for Cd2+ keeps the charge; the mass comes nearer too"
        found.append(Contradiction(f"{plain} at {mz}", stated, against, text))
    listed = ", ".join(f"{peak.mz:g}" for peak in assignment.peaks if 3200 <= peak.mz <= 4150)
    against = "CdS fragments lie there below 8 % too"
    text = "a peak there alone is no Ag2S; two balanced clusters one Ag2S apart are"
    found.append(Contradiction("Ag2S series at 3200-4150", f"{listed} are Ag2S", against, text))
    return found


def _of_energies() -> list[Contradiction]:
    xps = published_statements()["xps"]
    doped, sulfide = xps["doped_ag3d_ev"][1], xps["sulfide_ag3d_ev"][1]
    low, high = xps["cited_range_ev"]
    at_8, plain = xps["sulfur_2p_at_8_percent_ev"][1], xps["sulfur_2p_ev"][1]
    bulk = xps["bulk_sulfide_ev"]
    split_doped, split_sulfide = xps["doped_ag3d_ev"][0] - doped, xps["sulfide_ag3d_ev"][0] - sulfide
    return [
        Contradiction(
            "XPS shift of Ag 3d5/2",
            f"{xps['stated_shift_ev']:.1f} eV",
            f"{doped - sulfide:.1f} eV ({doped:.1f} - {sulfide:.1f})",
            f"both doublets split by {split_doped:.1f} and {split_sulfide:.1f} eV",
        ),
        Contradiction(
            "Ag 3d5/2 of Ag2S",
            f"{sulfide:.1f} eV",
            f"Ag+ at {low:.1f}-{high:.1f} eV as cited; own bulk Ag2S {bulk:.1f}",
            f"{bulk - sulfide:.1f} eV below that bulk Ag2S, and outside the range",
        ),
        Contradiction(
            "S 2p3/2 between samples",
            f"{plain:.1f} eV",
            f"{at_8:.1f} eV at 8.0 %",
            f"{at_8 - plain:+.1f} eV: an energy reference may have moved; distances within one spectrum "
            "are free of that",
        ),
    ]


NOTE = "follows Table I of doi 10.1063/5.0151904; shares, intensities and noise were chosen, not measured"
CU_K_ALPHA = 1.5406  # Angstrom


@lru_cache(maxsize=1)
def simulation_settings() -> Mapping[str, Any]:
    """Return the chosen numbers of the simulated spectra, as the packaged TOML file holds them."""
    return _settings("evidence_simulation.toml")


def _simulated(kind: str, axis: Array, counts: Array, technique: str, percent: float) -> Spectrum:
    label = f"{percent:g} %"
    source = Source(file=f"simulated {technique}, {label}", format="simulated", simulated=True, note=NOTE)
    return Spectrum(kind=kind, axis=axis, counts=counts, label=label, source=source)


def _chosen(kind: str, sample: Mapping[str, Any]) -> tuple[Mapping[str, Any], float, np.random.Generator]:
    """Return the settings of a technique, the incorporation, and a generator that belongs to both."""
    settings, percent = simulation_settings(), float(sample["incorporation_percent"])
    seed = [int(settings["seed"]), ("ms", "xps", "xrd").index(kind) + 1, round(10 * percent)]
    return settings[kind], percent, np.random.default_rng(seed)


def simulate_mass_spectrum(sample: Mapping[str, Any]) -> Spectrum:
    """Return the mass spectrum of a sample: host clusters with 0, 1, 2 Ag, Ag2S clusters, noise.

    Each guest brings a proton, as the charge balance asks; the calibration is off by a random
    amount of the stated standard deviation.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.

    Examples
    --------
    >>> spectrum = simulate_mass_spectrum(simulation_settings()["samples"][0])
    >>> spectrum.source.simulated
    True
    """
    chosen, percent, rng = _chosen("ms", sample)
    mz = np.arange(chosen["low_da"], chosen["high_da"], chosen["step_da"])
    power, shift = float(chosen["resolving_power"]), float(rng.normal(0.0, chosen["calibration_sd_da"]))
    counts = np.full(mz.size, float(chosen["baseline_counts"]))
    ladder = guest_ladder("Cd34S33(L)", protons=True)
    drawn = [envelope(formula).profile(mz, power, shift) for formula in ladder]
    unit = chosen["peak_counts"] / max(float(bell.max()) for bell in drawn)
    for share, bell in zip(sample["clusters"], drawn, strict=True):
        counts += sample["ms_host"] * unit * share * bell
    for name in chosen["sulfide_clusters"]:
        counts += 0.5 * sample["ms_sulfide"] * unit * envelope(parse(name)).profile(mz, power, shift)
    counts = np.maximum(counts + rng.normal(0.0, chosen["noise_counts"], mz.size), 0.0).round(1)
    return _simulated("ms", mz, counts, "mass spectrum", percent)


def simulate_photoelectrons(sample: Mapping[str, Any]) -> tuple[str, Spectrum]:
    """Return the line and the photoelectron spectrum of a sample: Ag 3d, or Cd 3d where it has no silver.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    chosen, percent, rng = _chosen("xps", sample)
    share = float(sample["xps_sulfide"])
    silver = share >= 0
    low, high = ("low_ev", "high_ev") if silver else ("cd_low_ev", "cd_high_ev")
    energy = np.arange(chosen[low], chosen[high] + chosen["step_ev"] / 2, chosen["step_ev"])
    shape = (2 / 3, float(chosen["gauss_ev"]), float(chosen["lorentz_ev"]))
    lines = doublet(energy, 368.9 if silver else 405.6, 6.0 if silver else 6.8, *shape)
    if silver:
        lines = (1 - share) * lines + share * doublet(energy, 366.3, 6.0, *shape)
    lines = chosen["area_counts_ev"] * lines
    expected = lines + chosen["background_counts"] + chosen["shirley_share"] * shirley_step(energy, lines)
    line = "Ag 3d" if silver else "Cd 3d"
    return line, _simulated("xps", energy.round(3), rng.poisson(expected), f"XPS {line}", percent)


def simulate_diffraction(sample: Mapping[str, Any]) -> Spectrum:
    """Return the diffraction pattern of a sample: both references in the chosen shares, with noise.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    chosen, percent, rng = _chosen("xrd", sample)
    library = reference_library()
    axis = np.arange(20.0, 65.0, chosen["step_deg"]).round(3)
    drawn = library.drawn(axis, float(chosen["shift_deg"])) / library.scale_factors()
    share = float(sample["xrd_sulfide"])
    mixed = (1 - share) * drawn[:, 0] + share * drawn[:, 1]
    counts = rng.poisson(chosen["background_counts"] + chosen["peak_counts"] * mixed / mixed.max())
    return _simulated("xrd", axis, counts, "XRD", percent)


def reference_library(system: SystemLike = DEFAULT) -> Library:
    """Return the computed references of the host and the product of a system (Cu K-alpha, no RIR known).

    Raises
    ------
    UsageError
        If the system's file does not hold what they are computed from.

    Examples
    --------
    >>> reference_library().phase_names, reference_library("cu-cds").phase_names
    (('CdS', 'Ag2S'), ('CdS', 'CuS'))
    """
    return _references(chemistry_of(system))


@lru_cache(maxsize=4)
def _references(known: Chemistry) -> Library:
    structure = known.product_structure
    if structure is None or not known.host_peaks:
        raise UsageError(
            f"no reference pattern of {known.host_phase} and {known.product_phase} is computed for "
            f"{known.system}; name reference patterns (--library), or give its file [evidence] host_peaks "
            "and product_structure"
        )
    axis = np.arange(18.0, 67.001, 0.05).round(3)
    host = _broad_peaks(axis, known.host_peaks)
    product = _broad_peaks(axis, tuple((place, 0.5, height) for place, height in powder_lines(structure)))
    patterns = np.column_stack([1000 * host / host.max(), 1000 * product / product.max()])
    places = " and ".join(f"{place:g}" for place, *_ in known.host_peaks)
    note = (
        f"computed: {structure.name} {known.product_phase} (structure of {structure.source}; kinematic), "
        f"{known.host_phase} clusters as {len(known.host_peaks)} broad peaks at {places} degrees "
        f"({known.source}); Cu K-alpha"
    )
    return Library(
        axis=axis,
        patterns=patterns.round(2),
        names=(known.host_phase, known.product_phase),
        source=Source(file="evidence_xrd_references.csv", format="computed", simulated=True, note=note),
    )


def _broad_peaks(axis: Array, peaks: tuple[tuple[float, float, float], ...]) -> Array:
    """Return Gaussians of given place, width (full at half maximum) and area on an axis."""
    total = np.zeros(axis.size)
    for place, width, area in peaks:
        sigma = width / 2.3548
        with np.errstate(under="ignore"):
            total += area / sigma * np.exp(-0.5 * ((axis - place) / sigma) ** 2)
    return total


def powder_lines(structure: Structure) -> tuple[tuple[float, float], ...]:
    """Return 2theta (degrees, Cu K-alpha) and relative intensity of the lines of a structure, kinematically.

    Examples
    --------
    >>> lines = powder_lines(chemistry_of("ag-cds").product_structure)
    >>> max(lines, key=lambda line: line[1])[0]
    34.42
    """
    lengths, angles = np.array(structure.cell[:3]), np.radians(structure.cell[3:])
    cosines = np.eye(3)
    for (i, j), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        cosines[i, j] = cosines[j, i] = np.cos(angle)
    reciprocal = np.linalg.inv(cosines * np.outer(lengths, lengths))
    reach = 2 * np.sin(np.radians(34.0)) / CU_K_ALPHA
    most = np.ceil(reach * lengths).astype(int)
    planes = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij")).reshape(3, -1)
    sine = CU_K_ALPHA / 2 * np.sqrt(np.einsum("ip,ij,jp->p", planes, reciprocal, planes))
    seen = (sine > 0) & (sine < np.sin(np.radians(34.0)))
    planes, sine = planes[:, seen], sine[seen]
    theta, damping = np.arcsin(sine), np.exp(-7.0 * (sine / CU_K_ALPHA) ** 2)
    atoms = np.array(structure.atoms)
    factor = damping * (atoms[:, 0] @ np.exp(2j * np.pi * (atoms[:, 1:] @ planes)))
    geometry = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    places, line = np.unique(np.degrees(2 * theta).round(2), return_inverse=True)
    strength = np.bincount(line, np.abs(factor) ** 2 * geometry)
    relative = strength / strength.max()
    return tuple(
        (float(place), float(value)) for place, value in zip(places, relative, strict=True) if value > 0.01
    )


_PACKAGED = ("evidence_table1.csv", "evidence_ms_peaks.csv")


def example_files() -> list[tuple[str, str]]:
    """Return name and text of every example file: published tables, simulated spectra, references.

    Examples
    --------
    >>> [name for name, _ in example_files()][:3]
    ['evidence_table1.csv', 'evidence_ms_peaks.csv', 'ms-0.0.csv']
    """
    packaged = [(name, _packaged(name).read_text(encoding="utf-8")) for name in _PACKAGED]
    simulated = [item for sample in simulation_settings()["samples"] for item in simulated_files(sample)]
    library = reference_library()
    head = f"# simulated: {library.source.note}"
    table = np.column_stack([library.axis, library.patterns])
    lines = [head, "2theta," + ",".join(library.names)]
    lines += [",".join(f"{value:g}" for value in row) for row in table]
    return [*packaged, *simulated, ("xrd-references.csv", "\n".join(lines) + "\n")]


def simulated_files(sample: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and text of the three simulated spectra of a sample.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    percent = f"{float(sample['incorporation_percent']):.1f}"
    line, photoelectrons = simulate_photoelectrons(sample)
    return [
        (f"ms-{percent}.csv", _text("m/z", simulate_mass_spectrum(sample))),
        (f"xps-{line_key(line)}-{percent}.csv", _text("binding energy (eV)", photoelectrons)),
        (f"xrd-{percent}.csv", _text("2theta (degree)", simulate_diffraction(sample))),
    ]


def _text(axis_name: str, spectrum: Spectrum) -> str:
    rows = [f"{x:g},{y:g}" for x, y in zip(spectrum.axis.tolist(), spectrum.counts.tolist(), strict=True)]
    return "\n".join([f"# simulated: {spectrum.source.note}", f"{axis_name},counts", *rows]) + "\n"


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
class EvidenceDemo(Record):
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

    _keys = "stated masses contradictions simulated agreement=_agreed"

    stated: Consensus
    masses: MassAssignment
    contradictions: tuple[Contradiction, ...]
    samples: Annotated[tuple[SimulatedSample, ...], HIDDEN]
    recovered: Annotated[Consensus, As(key="simulated")]

    @property
    def agreement(self) -> tuple[int, int]:
        """How many cells of Table I (sample x technique) the simulated spectra give back, of how many."""
        pairs = list(zip(self.stated.samples, self.recovered.samples, strict=True))
        same = [one.cell(name) == other.cell(name) for one, other in pairs for name in self.stated.techniques]
        return sum(same), len(same)

    @property
    def _agreed(self) -> dict[str, int]:
        return dict(zip(("same_cells", "cells"), self.agreement, strict=True))


def analyse_simulated(sample: Mapping[str, Any]) -> SimulatedSample:
    """Analyse the three simulated spectra of one sample.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    settings, percent = simulation_settings()["ms"], float(sample["incorporation_percent"])
    spectrum = simulate_mass_spectrum(sample)
    masses = assign_peaks(pick_peaks(spectrum), with_guest=percent > 0)
    mixture = None
    if findings_of_masses(masses)[0].state == "present" and percent > 0:
        power, error = float(settings["resolving_power"]), float(settings["calibration_sd_da"])
        mixture = fit_mixture(spectrum, resolving_power=power, sigma_cal_da=error)
    line, photoelectrons = simulate_photoelectrons(sample)
    xps = analyse_xps(photoelectrons, line=line)
    pattern = fit_pattern(simulate_diffraction(sample), reference_library())
    seen = findings_of_masses(masses, mixture=mixture)
    findings = (*seen, *findings_of_pattern(pattern), *findings_of_xps(xps))
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
