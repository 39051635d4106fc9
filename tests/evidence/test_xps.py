"""Photoelectron doublets: the shared bulk Ag2S, simulated mixtures, limits, identification, errors."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.cli.main import main
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.evidence.doublets import (
    LINES,
    doublet,
    fit_doublets,
    pseudo_voigt,
    region_of,
    shirley_step,
    voigt,
    voigt_fwhm,
)
from cxkinetics.evidence.reader import load_spectrum
from cxkinetics.evidence.sightings import findings_of_xps
from cxkinetics.evidence.xps import XpsResult, analyse_xps
from cxkinetics.signals.spectrum import Spectrum

ENERGY = np.arange(360.0, 381.0, 0.1)


def silver(share: float, *, area: float = 12000.0, seed: int = 0, offset: float = 0.0) -> Spectrum:
    """Return Ag 3d with `share` of the silver at 366.3 eV and the rest at 368.9 eV, Poisson noise."""
    shape = (6.0, 2 / 3, 1.0, 0.3)
    lines = (1 - share) * doublet(ENERGY, 368.9 + offset, *shape)
    lines = area * (lines + share * doublet(ENERGY, 366.3 + offset, *shape))
    counts = np.random.default_rng(seed).poisson(lines + 2500 + 0.01 * shirley_step(ENERGY, lines))
    return Spectrum(kind="xps", axis=ENERGY, counts=counts)


@pytest.fixture(scope="module")
def bulk(shared_data: Path) -> XpsResult:
    return analyse_xps(load_spectrum(shared_data / "evidence" / "xps" / "Ag2S_Ag3d.csv", "xps"))


def test_bulk_silver_sulfide_position_splitting_and_ratio(bulk: XpsResult) -> None:
    """368.353 eV, splitting 6.011(3), area ratio .681(4), reduced chi-square about 11."""
    main = bulk.components[0].position_ev
    assert main.value == pytest.approx(368.353, abs=0.001)
    assert bulk.splitting_ev.value == pytest.approx(6.011, abs=0.001)
    assert bulk.splitting_ev.se == pytest.approx(0.003, abs=0.001)
    assert bulk.area_ratio.value == pytest.approx(0.681, abs=0.002)
    assert bulk.area_ratio.se == pytest.approx(0.004, abs=0.0005)
    assert bulk.reduced_chi2 == pytest.approx(10.8, abs=0.7)


def test_a_one_phase_spectrum_has_no_second_state(bulk: XpsResult) -> None:
    """BIC wants a second doublet of about 3.2 %: imperfect line shape, below the limit, so undecided."""
    assert bulk.number == 2
    second = bulk.components[1]
    assert second.share.value == pytest.approx(0.032, abs=0.002)
    assert second.share.value < bulk.detection_limit
    assert second.family is None
    assert set(bulk.verdicts.values()) == {"undecided"}
    codes = [remark.code for remark in bulk.remarks]
    assert codes == ["lineshape_misfit", "below_detection_limit", "energy_not_decisive"]


def test_other_line_shapes_and_backgrounds_agree_on_the_position(shared_data: Path) -> None:
    spectrum = load_spectrum(shared_data / "evidence" / "xps" / "Ag2S_Ag3d.csv", "xps")
    for shape, background in (("pseudo-voigt", "shirley"), ("voigt", "linear")):
        fit = fit_doublets(region_of(spectrum, LINES["Ag 3d"], shape, background), 2)
        assert fit.values["position0"] == pytest.approx(368.355, abs=0.004)
        assert fit.values["splitting"] == pytest.approx(6.010, abs=0.002)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.7])
def test_two_states_are_found_with_their_shares(share: float) -> None:
    result = analyse_xps(silver(share))
    assert result.number == 2
    found = result.share_of("sulfide")
    assert found is not None
    assert found.value == pytest.approx(share, abs=0.01)
    assert found.low < found.value < found.high
    assert dict(result.verdicts) == {"host": "present", "sulfide": "present"}
    assert result.separation_ev.value == pytest.approx(2.6, abs=0.05)


@pytest.mark.parametrize(("share", "present"), [(0.0, "host"), (1.0, "sulfide")])
def test_a_single_state_is_named_and_the_other_called_absent_with_a_limit(share: float, present: str) -> None:
    result = analyse_xps(silver(share))
    assert result.number == 1
    assert result.verdicts[present] == "present"
    other = "sulfide" if present == "host" else "host"
    assert result.verdicts[other] == "absent"
    assert 0 < result.upper_limit < 0.05


def test_a_weak_spectrum_cannot_call_absent() -> None:
    result = analyse_xps(silver(0.0, area=600.0))
    assert result.verdicts["sulfide"] == "undecided"
    assert result.upper_limit > 0.1


def test_no_line_at_all() -> None:
    result = analyse_xps(silver(0.0, area=0.0))
    assert result.number == 0
    assert result.splitting_ev.value is None
    assert result.verdicts["sulfide"] == "absent"
    assert "No line stands out" in str(result)
    assert XpsResult.from_dict(result.to_dict()) == result


@pytest.mark.parametrize("height", [30_000, 300_000])
def test_lines_that_are_no_doublet_decide_nothing(height: float) -> None:
    """Two equal lines 8 eV apart: the guest sulfide was "present" at reduced chi-square 2574."""
    lines = np.exp(-((ENERGY - 367) ** 2) / 2) + np.exp(-((ENERGY - 375) ** 2) / 2)
    counts = np.random.default_rng(0).poisson(2500 + height * lines)
    result = analyse_xps(Spectrum(kind="xps", axis=ENERGY, counts=counts))
    assert set(result.verdicts.values()) == {"undecided"}
    assert f"reduced chi-square {result.reduced_chi2:.3g}" in result.reasons["sulfide"]
    assert [component.family for component in result.components] == [None] * result.number
    assert result.upper_limit is None
    assert [remark.code for remark in result.remarks] == ["not_decided"]
    assert {finding.state for finding in findings_of_xps(result)} == {"undecided"}
    assert XpsResult.from_dict(result.to_dict()) == result


@pytest.mark.parametrize("height", [300, 30_000])
def test_a_line_beside_the_doublet_decides_nothing_at_any_count(height: float) -> None:
    """A foreign line at 372 eV, about as high as its main line: "host present" at 2.1 and 115."""
    lines = doublet(ENERGY, 368.9, 6.0, 2 / 3, 1.0, 0.3) + 0.8 * np.exp(-(((ENERGY - 371.8) / 0.4) ** 2) / 2)
    counts = np.random.default_rng(0).poisson(height * (1 + lines))
    result = analyse_xps(Spectrum(kind="xps", axis=ENERGY, counts=counts))
    assert set(result.verdicts.values()) == {"undecided"}
    assert "unexplained" in result.reasons["host"]


def test_a_misfit_a_hundred_times_the_counting_error_decides_nothing() -> None:
    """Asymmetric lines, nearly all explained by two doublets, but with errors of the misfit alone."""
    lines = [
        area * np.exp(-(((ENERGY - at) / np.where(at > ENERGY, 0.5, 0.9)) ** 2))
        for at, area in ((368.9, 1.0), (374.9, 2 / 3))
    ]
    counts = np.random.default_rng(0).poisson(2500 + 600_000 * np.sum(lines, axis=0))
    result = analyse_xps(Spectrum(kind="xps", axis=ENERGY, counts=counts))
    assert result.reduced_chi2 > 100
    assert result.verdicts["host"] == "undecided"
    assert "above 100 the fit decides nothing" in result.reasons["host"]


def test_rates_and_subtracted_backgrounds_have_no_scale_of_chi_square() -> None:
    """Counts times any factor, without Poisson weights: reduced chi-square is that of a unit."""
    counted = silver(0.0, area=50_000.0)
    level = counted.counts - counted.counts.min()
    result = analyse_xps(Spectrum(kind="xps", axis=ENERGY, counts=level, background_subtracted=True))
    assert result.reduced_chi2 > 1000
    assert result.verdicts["host"] == "present"


@pytest.mark.parametrize("line", ["Cd 3d", "Cu 2p"])
def test_a_survey_without_the_line_ends_in_a_reason(
    line: str, shared_data: Path, capsys: pytest.CaptureFixture
) -> None:
    """The search for doublets in a bare background does not settle: no Jacobian, no errors."""
    path = shared_data / "real" / "xps" / "FAIRmat-NFDI-vms_txt_export.txt"
    if not path.is_file():
        pytest.skip("the real XPS survey is absent")
    code = main(["evidence", "xps", str(path), "--line", line])
    out, err = capsys.readouterr()
    if line == "Cd 3d":  # one of its starts settles
        assert (code, "No line stands out" in out) == (0, True)
    else:
        assert code == 1
        assert f"{path}: Cu 2p does not determine a fit with 1 doublet (39 points" in err
    assert "Traceback" not in err


def test_a_search_that_gives_up_is_refused_with_a_reason() -> None:
    counts = np.where(np.arange(ENERGY.size) == 50, 1e4, 10.0)
    spike = Spectrum(kind="xps", axis=ENERGY, counts=counts, background_subtracted=True)
    with pytest.raises(FitError, match=r"1 doublet \(210 points, counts 10 to 1e\+04\): no search settled"):
        analyse_xps(spike)


def test_charging_spoils_positions_but_not_the_separation() -> None:
    shifted = analyse_xps(silver(0.4, offset=0.5))
    assert shifted.share_of("sulfide").value == pytest.approx(0.4, abs=0.02)
    alone = analyse_xps(silver(0.0, offset=-0.7))
    assert alone.components[0].family is None  # 368.2 eV fits metal, bulk Ag2S and doped clusters
    corrected = analyse_xps(silver(0.0, offset=-0.7), energy_offset_ev=-0.7)
    assert corrected.verdicts["host"] == "present"
    assert corrected.components[0].position_ev.value == pytest.approx(368.9, abs=0.02)


def test_intervals_of_the_share_cover() -> None:
    hits = 0
    for seed in range(6):
        share = analyse_xps(silver(0.3, area=3000, seed=seed), doublets=2).share_of("sulfide")
        hits += share.low <= 0.3 <= share.high
    assert hits >= 4


@pytest.mark.slow
def test_intervals_of_the_share_cover_95_percent() -> None:
    hits = []
    for seed in range(120):
        share = analyse_xps(silver(0.15, area=3000, seed=seed), doublets=2).share_of("sulfide")
        hits.append(share.low <= 0.15 <= share.high)
    assert abs(np.mean(hits) - 0.95) <= 0.045


@pytest.mark.slow
def test_a_second_doublet_is_rarely_invented() -> None:
    numbers = [analyse_xps(silver(0.0, seed=seed)).number for seed in range(40)]
    assert np.mean(np.array(numbers) == 1) >= 0.97


def test_vamas_and_multipak_files(shared_data: Path) -> None:
    folder = shared_data / "evidence" / "xps"
    platinum = load_spectrum(folder / "KherveFitting_Pt4f.vms", "xps")
    assert (platinum.axis[0], platinum.axis[-1]) == pytest.approx((62.0, 90.0))
    assert "kinetic energies turned" in platinum.remarks[0].text
    result = analyse_xps(platinum, line="Pt 4f")
    assert result.components[0].position_ev.value == pytest.approx(71.16, abs=0.1)
    assert result.splitting_ev.value == pytest.approx(3.33, abs=0.05)
    sulfur = load_spectrum(folder / "LG4X-V2_Multipak_MoS2.npl", "xps", block="S 2p")
    assert (sulfur.n_points, sulfur.unit) == (501, "c/s")
    assert (sulfur.axis[0], sulfur.axis[-1]) == pytest.approx((155.0, 180.0))
    assert sulfur.counts[-1] == 528.75


def test_result_survives_json_and_leaves_its_input_alone() -> None:
    spectrum = silver(0.35)
    before = spectrum.counts.copy()
    result = analyse_xps(spectrum)
    assert np.array_equal(before, spectrum.counts)
    assert XpsResult.from_dict(result.to_dict()) == result
    assert max(map(len, str(result).splitlines())) <= 100


def test_line_shapes_have_unit_area_and_the_width_they_say() -> None:
    x = np.linspace(-200, 200, 800001)
    for y in (voigt(x, 0.0, 1.0, 0.4), pseudo_voigt(x, 0.0, 1.2, 0.3)):
        assert np.sum(y) * (x[1] - x[0]) == pytest.approx(1.0, abs=3e-3)
    y = voigt(x, 0.0, 1.0, 0.4)
    inside = x[y > y.max() / 2]
    assert inside[-1] - inside[0] == pytest.approx(voigt_fwhm(1.0, 0.4), abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.floats(0.3, 2.0), st.floats(0.0, 1.0))
def test_shirley_step_is_the_area_passed(centre: float, width: float, mixing: float) -> None:
    x = np.linspace(-30, 30, 3001)
    step = shirley_step(x, pseudo_voigt(x, centre, width, mixing))
    assert step[0] == 0
    assert np.all(np.diff(step) >= 0)
    assert step[-1] == pytest.approx(1.0, abs=0.05)


def test_errors() -> None:
    narrow = Spectrum(kind="xps", axis=np.arange(366, 372, 0.1), counts=np.arange(60) + 1.0)
    with pytest.raises(InputError, match=r"Ag 3d needs 364.5 to 377.5 eV \(both lines of the doublet\)"):
        analyse_xps(narrow)
    kinetic = Spectrum(kind="xps", axis=np.arange(1100.0, 1130.0, 0.1), counts=np.arange(300) + 1.0)
    with pytest.raises(InputError, match=r"kinetic energy with Al K-alpha: pass --photon-energy 1486\.6"):
        analyse_xps(kinetic)
    with pytest.raises(InputError, match="of kind 'ms'"):
        analyse_xps(Spectrum(kind="ms", axis=range(20, 60), counts=range(40)))
    coarse = Spectrum(kind="xps", axis=np.linspace(360, 380, 12), counts=np.arange(12) + 1.0)
    with pytest.raises(FitError, match="12 points between 360 and 380 eV are too few"):
        analyse_xps(coarse)
    for options, words in (
        ({"line": "Q 9z"}, "line 'Q 9z' is not known"),
        ({"doublets": 7}, "doublets is 7"),
        ({"shape": "box"}, "shape is 'box'"),
        ({"background": "tougaard"}, "background is 'tougaard'"),
        ({"lineshape_floor": 0.5}, "floor 0.5"),
    ):
        with pytest.raises(UsageError, match=words):
            analyse_xps(silver(0.3), **options)
