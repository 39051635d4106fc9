"""Diffraction patterns: the weighed mixtures, three-valued states, limits, nuisances, errors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.evidence.chemistry import chemistry_of
from cxkinetics.evidence.diffraction import PatternFit, fit_pattern
from cxkinetics.evidence.examples import (
    powder_lines,
    reference_library,
    simulate_diffraction,
    simulation_settings,
)
from cxkinetics.evidence.patterns import Library, NonNegative, joined_columns, load_library
from cxkinetics.evidence.reader import load_spectrum
from cxkinetics.evidence.sightings import findings_of_pattern
from cxkinetics.signals.spectrum import Spectrum

NAMES = {"K_feldspar": "K-feldspar", "Dioctahedral_smectite": "Smectite (Di)"}
MIXTURES = ("Mix1", "Mix2", "Mix3", "Mix4")


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "evidence" / "xrd"


@pytest.fixture(scope="module")
def weighed(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "weights_percent.csv").set_index("sample_id").rename(columns=NAMES)


@pytest.fixture(scope="module")
def minerals(folder: Path) -> Library:
    return load_library(folder / "library.csv", folder / "library_phases.csv")


@pytest.fixture(scope="module")
def fits(folder: Path, minerals: Library) -> dict[str, PatternFit]:
    return {name: fit_pattern(load_spectrum(folder / f"{name}.csv", "xrd"), minerals) for name in MIXTURES}


def rows(fits: dict[str, PatternFit], weighed: pd.DataFrame) -> list[tuple]:
    return [
        (
            phase,
            100 * phase.share.value,
            float(weighed.loc[name].get(phase.phase, 0.0)),
            phase.phase in weighed,
        )
        for name, fit in fits.items()
        for phase in fit.phases
    ]


def test_weighed_mixtures_mean_error_and_absent_phases(fits: dict, weighed: pd.DataFrame) -> None:
    """Mean error at most 2.75 wt % and absent phases at most 3.2 wt %; ours 1.4 and 0.4."""
    found = rows(fits, weighed)
    errors = [abs(value - true) for _, value, true, listed in found if listed]
    assert len(errors) == 28
    assert np.mean(errors) < 1.6
    assert max(value for _, value, true, _ in found if true == 0) < 1.0


def test_states_of_the_weighed_mixtures(fits: dict, weighed: pd.DataFrame) -> None:
    """No absent phase is called present, no phase that is there is called absent."""
    found = rows(fits, weighed)
    assert not [p for p, _, true, _ in found if p.state == "present" and true == 0]
    assert not [p for p, _, true, _ in found if p.state == "absent" and true > 0]
    present = [p.state == "present" for p, _, true, _ in found if true >= 8]
    assert sum(present) >= len(present) - 2
    undecided = {p.phase for p, _, _, _ in found if p.state == "undecided"}
    assert undecided <= {"Smectite (Di)", "Illite", "Plagioclase", "K-feldspar"}
    assert all(true < 9 for p, _, true, _ in found if p.state == "undecided")


def test_intervals_of_the_weighed_mixtures_cover(fits: dict, weighed: pd.DataFrame) -> None:
    found = rows(fits, weighed)
    inside = [100 * p.share.low <= true <= 100 * p.share.high for p, _, true, _ in found]
    assert np.mean(inside) >= 0.93
    below = [true <= 100 * p.upper_limit for p, _, true, _ in found]
    assert np.mean(below) >= 0.90


def test_seven_references_do_as_well(folder: Path, minerals: Library, weighed: pd.DataFrame) -> None:
    """One reference for each phase that was weighed in, chosen by name beforehand."""
    names = ["CORUNDUM", "QUARTZ", "ORDERED_MICROCLINE", "LABRADORITE", "ORD_KAOLINITE"]
    names += ["MONTMORILLONITE_WYO", "ILLITE_1M_RM30", "BACK_POS"]
    keep = [minerals.names.index(name) for name in names]
    few = Library(
        axis=minerals.axis, patterns=minerals.patterns[:, keep], names=tuple(names),
        phases=tuple(minerals.phases[i] for i in keep), rir=tuple(minerals.rir[i] for i in keep),
    )  # fmt: skip
    errors, absent = [], []
    for name in MIXTURES:
        fit = fit_pattern(load_spectrum(folder / f"{name}.csv", "xrd"), few)
        for phase in fit.phases:
            true = float(weighed.loc[name, phase.phase])
            errors.append(abs(100 * phase.share.value - true))
            absent += [100 * phase.share.value] if true == 0 else []
    assert np.mean(errors) < 1.0
    assert max(absent) <= 3.2


def test_the_shift_is_found(fits: dict) -> None:
    for fit in fits.values():
        assert fit.shift_deg == pytest.approx(-0.223, abs=0.015)
        assert fit.broadening_deg < 0.03
        assert fit.by_weight


def mixed(
    share: float, *, shift: float = 0.0, fwhm: float = 0.0, counts: float = 800.0, seed: int = 0
) -> Spectrum:
    library = reference_library()
    axis = np.arange(20.0, 65.0, 0.05)
    drawn = library.drawn(axis, shift, fwhm) / library.scale_factors()
    pattern = (1 - share) * drawn[:, 0] + share * drawn[:, 1]
    expected = 300 + counts * pattern / pattern.max()
    return Spectrum(kind="xrd", axis=axis, counts=np.random.default_rng(seed).poisson(expected))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.7, 1.0])
def test_shares_of_scattered_intensity_come_back(share: float) -> None:
    fit = fit_pattern(mixed(share, shift=0.08), reference_library())
    assert fit["Ag2S"].share.value == pytest.approx(share, abs=0.02)
    assert fit["Ag2S"].share.low <= share <= fit["Ag2S"].share.high
    assert not fit.by_weight
    assert "no_rir" in [remark.code for remark in fit.remarks]
    assert fit["Ag2S"].state == ("present" if share else "absent")


def test_shift_and_width_are_nuisances() -> None:
    fit = fit_pattern(mixed(0.4, shift=-0.21, fwhm=0.3), reference_library())
    assert fit.shift_deg == pytest.approx(-0.21, abs=0.02)
    assert fit.broadening_deg == pytest.approx(0.3, abs=0.06)
    assert fit["Ag2S"].share.value == pytest.approx(0.4, abs=0.03)


def foreign(seed: int, host: float = 0.0, exposure: float = 1.0) -> Spectrum:
    """Return lines that are in no library, with `host` counts of CdS below them."""
    rng = np.random.default_rng(seed)
    axis = np.arange(20.0, 65.0, 0.05)
    host_lines = reference_library().drawn(axis, 0.0, 0.0)[:, 0]
    expected = 300 + host * host_lines / host_lines.max()
    for centre in rng.uniform(21, 64, 8):
        width, height = rng.uniform(0.1, 1.0), rng.uniform(200, 3000)
        expected += height * np.exp(-0.5 * ((axis - centre) / width) ** 2)
    return Spectrum(kind="xrd", axis=axis, counts=rng.poisson(exposure * expected))


@pytest.mark.parametrize(("seed", "host", "exposure"), [(3, 0, 1), (7, 0, 1), (3, 2000, 1), (3, 0, 0.01)])
def test_a_fit_that_does_not_describe_the_pattern_decides_nothing(
    seed: int, host: float, exposure: float
) -> None:
    """CdS or Ag2S was "1 [1, 1], present" here, at reduced chi-squares of 255, 314, 196 and 3.6."""
    fit = fit_pattern(foreign(seed, host, exposure), reference_library())
    assert fit.reduced_chi2 > 3
    for phase in fit.phases:
        assert phase.state == "undecided"
        assert (phase.share.low, phase.share.high, phase.upper_limit) == (0.0, 1.0, 1.0)
        assert f"reduced chi-square {fit.reduced_chi2:.3g}" in phase.reason
    assert "No phase is decided" in str(fit)
    assert "not_decided" in [remark.code for remark in fit.remarks]
    assert PatternFit.from_dict(fit.to_dict()) == fit
    assert max(map(len, str(fit).splitlines())) <= 100
    assert [finding.state for finding in findings_of_pattern(fit)] == ["undecided"] * 2
    assert findings_of_pattern(fit)[0].note == fit["CdS"].reason


def test_minerals_without_their_references_are_not_cds(folder: Path) -> None:
    """Soil minerals with the packaged references: CdS was "present, 1 [1, 1]", at any count."""
    measured = load_spectrum(folder / "Mix3.csv", "xrd")
    for times in (1, 10):
        spectrum = Spectrum(kind="xrd", axis=measured.axis, counts=times * measured.counts)
        fit = fit_pattern(spectrum, reference_library())
        assert fit.reduced_chi2 > 50 * times
        assert {phase.state for phase in fit.phases} == {"undecided"}


def test_a_weak_pattern_leaves_the_question_open() -> None:
    fit = fit_pattern(mixed(0.0, counts=25.0), reference_library())
    assert fit["Ag2S"].state == "undecided"
    assert fit["Ag2S"].upper_limit > 0.05
    assert fit["Ag2S"].detection_limit > 0.05


@pytest.mark.slow
def test_intervals_cover_on_simulated_patterns() -> None:
    inside = []
    for seed in range(60):
        fit = fit_pattern(mixed(0.25, seed=seed), reference_library())
        inside.append(fit["Ag2S"].share.low <= 0.25 <= fit["Ag2S"].share.high)
    assert np.mean(inside) >= 0.90


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 2))
def test_non_negative_least_squares_against_a_slow_twin(seed: int, n_positive: int, n_free: int) -> None:
    from scipy.optimize import lsq_linear

    rng = np.random.default_rng(seed)
    design = rng.normal(size=(30, n_positive + n_free))
    target = rng.normal(size=30)
    solved, misfit = NonNegative(design, target, n_positive).solve()
    low = [0.0] * n_positive + [-np.inf] * n_free
    slow = lsq_linear(design, target, (low, np.inf), tol=1e-13)
    assert misfit == pytest.approx(2 * slow.cost, rel=1e-6, abs=1e-9)
    columns, scale = joined_columns(design, target, n_positive)
    quick = NonNegative.quickly(columns.T @ columns, scale, n_positive).solve()[1]
    assert quick == pytest.approx(misfit, rel=1e-6, abs=1e-8)
    assert np.all(solved[:n_positive] >= 0)
    assert design @ solved == pytest.approx(design @ slow.x, abs=1e-4)


def test_the_computed_acanthite_pattern_has_its_known_strong_lines() -> None:
    structure = chemistry_of("ag-cds").product_structure
    strong = {round(angle, 1) for angle, height in powder_lines(structure) if height > 0.45}
    assert strong >= {31.5, 33.7, 34.4, 34.7, 36.8, 37.7, 40.8}
    assert all(28.5 < angle < 44 for angle in strong)


def test_the_computed_covellite_pattern_has_its_known_lines() -> None:
    lines = dict(powder_lines(chemistry_of("cu-cds").product_structure))
    # powder data of covellite, Cu K-alpha: place and the height beside the strongest
    known = {29.28: 0.65, 31.79: 1.0, 32.85: 0.55, 47.94: 0.75, 52.71: 0.35, 59.35: 0.37}
    for place, height in known.items():
        near = sum(value for angle, value in lines.items() if abs(angle - place) < 0.25)
        assert near == pytest.approx(height, abs=0.3), place
    host, product = reference_library("cu-cds"), reference_library("ag-cds")
    assert (host.phase_names, product.phase_names) == (("CdS", "CuS"), ("CdS", "Ag2S"))
    assert "covellite CuS" in host.source.note


def test_a_structure_without_its_cell_is_refused(tmp_path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'host = "Cd34S33"\nguest = "Cu"\nproduct = "CuS"\n[evidence]\nhost_peaks = [[26.3, 5.0, 1.0]]\n'
    )
    with pytest.raises(UsageError, match=r"no reference pattern of CdS and CuS.*--library"):
        reference_library(path)
    path.write_text(
        path.read_text()
        + '[evidence.product_structure]\nname = "x"\ncell = [1.0, 2.0]\natoms = [[1, 0, 0, 0]]\n'
    )
    with pytest.raises(InputError, match="2 numbers in its cell"):
        reference_library(path)


def test_result_survives_json_and_reads_well(fits: dict) -> None:
    fit = fits["Mix1"]
    assert PatternFit.from_dict(fit.to_dict()) == fit
    assert "Phases, % of weight" in str(fit)
    assert max(map(len, str(fit).splitlines())) <= 100
    with pytest.raises(KeyError):
        fit["Gold"]


def test_errors(minerals: Library) -> None:
    library = reference_library()
    lattice = Spectrum(kind="xrd", axis=np.linspace(1.2, 4.6, 200), counts=np.arange(200))
    with pytest.raises(InputError, match="0 of 200 points overlap; check that the axis is 2theta"):
        fit_pattern(lattice, library)
    with pytest.raises(InputError, match="of kind 'ms'"):
        fit_pattern(Spectrum(kind="ms", axis=range(20, 60), counts=range(40)), library)
    with pytest.raises(InputError, match="phase 'Gold' is not in the library; it holds CdS, Ag2S"):
        fit_pattern(mixed(0.3), library, phases=["Gold"])
    with pytest.raises(UsageError, match=r"floor 0\.01 and absent_below 0\.001"):
        fit_pattern(mixed(0.3), library, absent_below=0.001)
    axis = np.arange(20.0, 60.0, 0.1)
    hole = 1000 - 300 * np.exp(-0.5 * ((axis - 26.3) / 3) ** 2)
    with pytest.raises(FitError, match="no reference contributes"):
        fit_pattern(Spectrum(kind="xrd", axis=axis, counts=hole), library.only(["CdS"]), background_degree=0)
    for broken, words in (
        ({"patterns": np.zeros((5, 1)), "names": ("a",)}, "zero everywhere"),
        ({"patterns": np.full((5, 1), np.nan), "names": ("a",)}, "not a number"),
        ({"patterns": np.ones((5, 2)), "names": ("a",)}, "1 names"),
        ({"patterns": np.ones((5, 1)), "names": ("a",), "rir": (-1.0,)}, "must be positive"),
    ):
        with pytest.raises(InputError, match=words):
            Library(axis=np.arange(5.0), **broken)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_broadening_deg": 1e44}, "from 0 to 20"),
        ({"confidence": 2.0}, "from 0.5 to below 1"),
        ({"background_degree": -2}, "from 0 to 30"),
    ],
)
def test_limits_of_a_pattern_fit_are_told(wrong: dict[str, float], said: str) -> None:
    pattern = simulate_diffraction(simulation_settings()["samples"][3])
    with pytest.raises(UsageError, match=said):
        fit_pattern(pattern, reference_library(), **wrong)
