"""One file defines a cation system for evidence too: species, charges, lines and states are not silver's."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.evidence.assignment import SearchSpace, assign_peaks, catalogue
from cxkinetics.evidence.chemistry import chemistry_of
from cxkinetics.evidence.doublets import doublet
from cxkinetics.evidence.examples import reference_library, simulate_diffraction, simulation_settings
from cxkinetics.evidence.isotopes import average_mass, envelope
from cxkinetics.evidence.mixture import fit_mixture, guest_ladder
from cxkinetics.evidence.sightings import findings_of_masses, findings_of_pattern, findings_of_xps
from cxkinetics.evidence.xps import analyse_xps
from cxkinetics.models.formula import parse
from cxkinetics.signals.spectrum import PeakList, Spectrum

MERCURY = """
host = "Cd34S33"
guest = "Hg"
product = "HgS"
max_guests = 2
name = "hg-cds"
source = "chosen"

[evidence]
host_cluster = "Cd34S33(L)"

[[evidence.lines]]
name = "Hg 4f"
splitting_ev = 4.05
area_ratio = 0.75
low_ev = 97.0
high_ev = 104.0

[[evidence.states]]
name = "Hg in the cluster"
line = "Hg 4f"
position_ev = 102.0
family = "host"

[[evidence.states]]
name = "HgS"
line = "Hg 4f"
position_ev = 100.0
family = "sulfide"
"""


@pytest.fixture
def mercury(tmp_path: Path) -> str:
    path = tmp_path / "hg-cds.toml"
    path.write_text(MERCURY)
    return str(path)


def spectrum_of(formula: str) -> Spectrum:
    mz = np.arange(5000.0, 5700.0, 0.5)
    counts = 60 + 20_000 * envelope(parse(formula)).profile(mz, 2000.0)
    noise = np.random.default_rng(3).normal(0.0, 4.0, mz.size)
    return Spectrum(kind="ms", axis=mz, counts=np.maximum(counts + noise, 0.0))


def test_the_packaged_silver_is_what_a_search_without_a_system_tries() -> None:
    assert SearchSpace.of("ag-cds") == SearchSpace()


def test_a_divalent_guest_brings_no_proton_and_gets_no_remark_on_protons(mercury: str) -> None:
    peaks = (parse("HgCd33S33(L)"), parse("Hg2Cd32S33(L)"))
    # half a dalton off: nearer by that than a hydrogen would come
    mz = tuple(average_mass(formula) + 0.9 for formula in peaks)
    found = assign_peaks(PeakList(mz=mz, stated=tuple(map(str, peaks))), system=mercury)
    assert all(peak.agrees for peak in found.peaks)
    assert "protons_nearer" not in [remark.code for remark in found.remarks]
    assert [spacing.unit for spacing in found.spacings] == ["S", "HgS", "CdS"]
    assert guest_ladder(system=mercury, protons=True) == guest_ladder(system=mercury)
    silver = assign_peaks(PeakList(mz=(5159.0,), stated=("AgCd33S33(L)",)))
    assert "protons_nearer" in [remark.code for remark in silver.remarks]


def test_a_divalent_guest_leaves_no_compensation_to_weigh(mercury: str) -> None:
    fit = fit_mixture(spectrum_of("HgCd33S33(L)"), system=mercury)
    assert fit.species == ("Cd34S33(L)", "Cd33HgS33(L)", "Cd32Hg2S33(L)")
    assert dict(fit.compensation_weights) == {"none": pytest.approx(1.0)}
    assert fit.mean_guests.value == pytest.approx(1.0, abs=0.05)
    assert "compensation_undecided" not in [remark.code for remark in fit.remarks]
    assert "by -" not in " ".join(remark.text for remark in fit.remarks)
    with pytest.raises(cx.UsageError, match="brings no proton"):
        fit_mixture(spectrum_of("HgCd33S33(L)"), system=mercury, compensation="full")


def test_clusters_of_a_product_balance_by_the_charge_that_the_guest_has_in_it() -> None:
    space = SearchSpace.of("cu-cds")
    mass = average_mass(parse("Cu20S20"))
    named = {candidate.formula: candidate for candidate in catalogue(space).near(mass, 0.5, ["sulfide"])}
    assert named["Cu20S20"].formal_charge == 0
    assert {
        spacing.unit for spacing in assign_peaks(PeakList(mz=(1900, 2000)), system="cu-cds").spacings
    } == {
        "S",
        "CuS",
        "CdS",
    }


def test_lines_and_states_of_a_file_name_what_xps_shows(mercury: str) -> None:
    energy = np.arange(92.0, 112.0, 0.1)
    lines = 0.7 * doublet(energy, 102.0, 4.05, 0.75, 1.0, 0.3) + 0.3 * doublet(
        energy, 100.0, 4.05, 0.75, 1.0, 0.3
    )
    counts = np.random.default_rng(5).poisson(2000 + 12_000 * lines)
    result = analyse_xps(Spectrum(kind="xps", axis=energy, counts=counts), system=mercury)
    assert result.line == "Hg 4f"
    assert dict(result.verdicts) == {"host": "present", "sulfide": "present"}
    assert [f.species for f in findings_of_xps(result, system=mercury)] == ["CdS", "HgS"]


def test_no_state_of_silver_is_taken_over_for_another_guest() -> None:
    assert chemistry_of("cu-cds").states == ()
    energy = np.arange(925.0, 965.0, 0.1)
    counts = np.random.default_rng(5).poisson(2000 + 9000 * doublet(energy, 932.5, 19.8, 0.5, 1.2, 0.3))
    result = analyse_xps(Spectrum(kind="xps", axis=energy, counts=counts), system="cu-cds")
    assert (result.line, dict(result.verdicts)) == ("Cu 2p", {})
    assert findings_of_xps(result, system="cu-cds") == ()


def test_findings_name_the_species_of_the_system(mercury: str) -> None:
    found = assign_peaks(PeakList(mz=(average_mass(parse("HgCd33S33(L)")),)), system=mercury)
    host, product = findings_of_masses(found, system=mercury)
    assert (host.species, host.state, product.species) == ("CdS", "present", "HgS")
    assert "Cd33HgS33(L)" in host.note
    pattern = cx.fit_pattern(simulate_diffraction(simulation_settings()["samples"][3]), reference_library())
    assert [f.species for f in findings_of_pattern(pattern, system=mercury)] == ["CdS"]


def test_a_system_whose_charges_stand_in_no_table_names_them(tmp_path: Path) -> None:
    words = 'host = "In37P20"\nguest = "Ga"\nproduct = "GaP"\n'
    path = tmp_path / "ga-inp.toml"
    path.write_text(words)
    with pytest.raises(cx.InputError, match=r"charge of In is not known.*charges = \{ In"):
        chemistry_of(path)
    path.write_text(words + "[evidence.charges]\nIn = 3\nGa = 3\nP = -3\n")
    with pytest.raises(cx.InputError, match=r"no largest number of Ga.*max_guests = N"):
        SearchSpace.of(path)
    path.write_text("max_guests = 2\ncharges = { In = 3, Ga = 3, P = -3 }\n" + words)
    found = chemistry_of(path)
    assert (found.host_phase, found.product_phase, found.line) == ("InP", "GaP", "")
    space = SearchSpace.of(path)
    assert catalogue(space).near(average_mass(parse("GaIn36P20(OA)")), 0.5)[0].formula
    with pytest.raises(cx.UsageError, match="no line of Ga is known"):
        analyse_xps(Spectrum(kind="xps", axis=range(40), counts=range(40)), system=path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[evidence]\nhost_clustr = 'Cd34S33'", r"host_clustr.*did you mean host_cluster"),
        ("[[evidence.states]]\nname = 'x'", "position_ev"),
        ("[[evidence.states]]\nname='x'\nline='Hg 4f'\nposition_ev=1.0\nfamily='guest'", "'guest'"),
    ],
)
def test_what_the_table_evidence_cannot_hold_is_named(tmp_path: Path, table: str, words: str) -> None:
    path = tmp_path / "system.toml"
    path.write_text(f'host = "Cd34S33"\nguest = "Hg"\nproduct = "HgS"\n{table}\n')
    with pytest.raises(cx.InputError, match=words):
        chemistry_of(path)


def test_a_system_that_exchanges_by_charge_is_refused_for_mass_spectra() -> None:
    system = cx.System(
        host="Cd34S33", guest="Ag", product="Ag2S", max_guests=4, charge_rule="charge-balanced"
    )
    with pytest.raises(cx.UsageError, match="one-to-one"):
        guest_ladder(system=system)


def test_the_command_takes_a_system(tmp_path: Path, mercury: str, capsys: pytest.CaptureFixture[str]) -> None:
    masses = tmp_path / "masses.csv"
    masses.write_text(f"m/z\n{average_mass(parse('HgCd33S33(L)')):.2f}\n")
    assert main(["evidence", "ms", str(masses), "--system", mercury, "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["records"][0]["findings"]
    assert [f["species"] for f in findings] == ["CdS", "HgS"]
    assert findings[0]["state"] == "present"
    pattern = tmp_path / "pattern.xy"
    pattern.write_text("\n".join(f"{20 + i / 10:.1f} {100 + i % 7}" for i in range(400)))
    assert main(["evidence", "xrd", str(pattern), "--system", mercury]) == 2
    assert "--library" in capsys.readouterr().err
