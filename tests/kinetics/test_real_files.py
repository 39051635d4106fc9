"""Real runs: bromine taken up by a solid (SPECFIT exports) and a three-cuvette kinetics register.

Reference values are those of the data's README: lines in ln A of the first and the other points.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

BROMINE = {
    "run1_17C_concs.txt": {"gap_min": (2, 3), "k_per_min": (0.0653, 0.0277), "n_first": 3},
    "run3_35C_concs.txt": {"gap_min": (3, 4), "k_per_min": (0.0677, 0.0239), "n_first": 4},
}


def bromine(shared_data: Path, name: str) -> cx.Trace:
    trace = cx.load(shared_data / "uvvis" / "specfit" / name, column="[Br2]")
    assert isinstance(trace, cx.Trace)
    return trace


@pytest.mark.parametrize("name", BROMINE)
def test_bromine_lines_in_ln_a_break_in_the_stated_gap(shared_data: Path, name: str) -> None:
    trace, expected = bromine(shared_data, name), BROMINE[name]
    assert trace.unit == "M"
    fit = cx.fit_stages(trace, n_stages=2, recipe="loglinear", joint="free")
    found = fit.breakpoints_s[0]
    low, high = expected["gap_min"]
    assert low < found.value / 60 < high + 0.1
    assert found.low / 60 <= low + 0.1
    assert found.high / 60 >= high
    k_per_min = [stage.k_per_s.value * 60 for stage in fit.stages]
    assert k_per_min == pytest.approx(expected["k_per_min"], abs=6e-5)
    assert fit.stages[0].n_points == expected["n_first"]
    assert fit.loglinear.single.r_squared > 0.995, "one line already looks good: R2 cannot choose"
    assert any("do not establish a breakpoint" in remark.text for remark in fit.warnings)


@pytest.mark.parametrize("name", BROMINE)
def test_bromine_intervals_admit_how_few_points_stage_1_has(shared_data: Path, name: str) -> None:
    fit = cx.fit_stages(bromine(shared_data, name), n_stages=2, recipe="loglinear", joint="free")
    first, second = (stage.k_per_s for stage in fit.stages)
    assert first.high - first.low > 0.2 * first.value
    assert (first.high - first.low) / first.value > 3 * (second.high - second.low) / second.value


@pytest.mark.parametrize("name", BROMINE)
def test_bromine_by_likelihood_breaks_near_the_same_place(shared_data: Path, name: str) -> None:
    fit = cx.fit_stages(bromine(shared_data, name), n_stages=2)
    found, (low, high) = fit.breakpoints_s[0], BROMINE[name]["gap_min"]
    assert low - 1.5 < found.value / 60 < high + 1.5
    first, second = (stage.k_per_s for stage in fit.stages)
    assert first.value > 1.5 * second.value > 0
    assert first.low < first.value
    assert found.low is None, "three readings: nothing keeps the break from the first one"
    assert first.high is None, "so nothing bounds k1 from above"
    assert sum(stage.n_points for stage in fit.stages) == fit.n_points
    assert min(stage.n_points for stage in fit.stages) >= 3


@pytest.fixture(scope="module")
def cuvettes(shared_data: Path) -> list[cx.SpectralSeries]:
    series = cx.load(shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD")
    assert isinstance(series, list)
    return series


def growing_band(series: cx.SpectralSeries, **options: Any) -> cx.StagedFit:
    return cx.fit_stages(
        series.at_wavelength(339), **{"window": (110, None), "direction": "growth"} | options
    )


def test_growing_band_of_cell_2_is_one_stage_with_an_offset(cuvettes: list[cx.SpectralSeries]) -> None:
    fit = growing_band(cuvettes[1])
    assert fit.verdict.code == "one_stage"
    assert len(fit.stages) == 1
    assert fit.verdict.p_value > 0.05
    rate = fit.stages[0].k_per_s
    assert rate.value == pytest.approx(0.00649, rel=0.03)
    assert rate.low < 0.00649 < rate.high
    assert fit.offset.low > 0
    assert fit.amplitude.high < 0, "A0 - Ainf is negative for growth"
    assert fit.noise.ar1 > 0.4, "the residuals are correlated: that is the trap"
    assert fit.stages[0].r_squared_log is None
    assert fit.trace.time_s[0] >= 110


def test_white_noise_would_invent_a_second_stage_in_cell_2(cuvettes: list[cx.SpectralSeries]) -> None:
    fit = growing_band(cuvettes[1], noise="white")
    aicc = {rival.model: rival.aicc for rival in fit.rivals}
    assert aicc["exponential + offset"] - aicc["2 stages + offset"] > 30
    residual = growing_band(cuvettes[1], noise="white", n_stages=1)
    assert np.sqrt(np.mean(residual.residuals**2)) == pytest.approx(2.1e-4, rel=0.1)
    assert residual.noise.lag1_autocorrelation == pytest.approx(0.71, abs=0.05)


@pytest.mark.parametrize(("cell", "k"), [(0, 0.00255), (2, 0.00260)])
def test_replicate_cells_agree(cuvettes: list[cx.SpectralSeries], cell: int, k: float) -> None:
    white = growing_band(cuvettes[cell], n_stages=1, noise="white").stages[0].k_per_s
    assert white.value == pytest.approx(k, rel=0.03)
    fit = growing_band(cuvettes[cell])
    assert fit.verdict.code not in ("two_stages", "more_stages")
    rate = growing_band(cuvettes[cell], n_stages=1).stages[0].k_per_s
    assert rate.low < k * 1.03
    assert rate.high > k


def test_a_growing_band_is_refused_with_its_remedy(cuvettes: list[cx.SpectralSeries]) -> None:
    with pytest.raises(cx.InputError, match=r"grows from 0\.1.* to 0\.49.*--direction growth"):
        growing_band(cuvettes[1], direction="decay")


def test_the_tracked_peak_of_the_packaged_example_gives_its_own_truth() -> None:
    series = cx.load_example("ag-cds")
    fit = cx.fit_stages(series.exciton_peak(near_nm=324))
    assert fit.verdict.code == "two_stages"
    truth = {"k1": 0.056, "k2": 0.019, "tb": 20.0}
    numbers = {"k1": fit.stages[0].k_per_s, "k2": fit.stages[1].k_per_s, "tb": fit.breakpoints_s[0]}
    for name, estimate in numbers.items():
        assert estimate.low <= truth[name] <= estimate.high, name
    assert fit.to_dict()["simulated"] is True


@pytest.mark.parametrize("name", BROMINE)
def test_bromine_keeps_its_first_points_and_names_the_rival(shared_data: Path, name: str) -> None:
    """Three and four readings tell of the first rate: a curve without a break fits them as well."""
    fit = cx.fit_stages(bromine(shared_data, name))
    assert not fit.excluded
    assert fit.verdict.code in ("smooth", "undecided")
    (pair,) = fit.verdict.alternatives
    assert {pair.reading, pair.other_reading} >= {"a switch between two rates"}


def test_runs_that_their_authors_call_exponential_are_not_called_staged(shared_data: Path) -> None:
    files = sorted((shared_data / "real" / "kimetics").glob("S2MOs-data_*.csv"))
    codes = [cx.fit_stages(cx.load(file)).verdict.code for file in files]
    assert len(codes) == 8
    assert "more_stages" not in codes
    assert codes.count("two_stages") <= 1
    assert codes.count("one_stage") >= 4


def test_a_lid_that_was_opened_is_no_stage(shared_data: Path) -> None:
    for file in sorted((shared_data / "real" / "hitachi").glob("*.TXT")):
        assert cx.fit_stages(cx.load(file)).verdict.code in ("smooth", "undecided", "one_stage")


def test_a_cell_that_was_recorded_from_before_the_injection_has_no_second_stage(
    cuvettes: list[cx.SpectralSeries],
) -> None:
    for cell, k in ((0, 0.00255), (1, 0.00649), (2, 0.00260)):
        fit = growing_band(cuvettes[cell], window=None)
        assert fit.options["t0"] == pytest.approx(80.7, abs=3.3)
        assert fit.verdict.code not in ("two_stages", "more_stages")
        assert fit.stages[0].k_per_s.value == pytest.approx(k, rel=0.04)


def test_a_reading_next_to_excluded_ones_on_which_the_verdict_hangs_is_named(
    cuvettes: list[cx.SpectralSeries],
) -> None:
    fit = growing_band(cuvettes[1], window=None)
    (told,) = (r.text for r in fit.warnings if r.code == "few_readings")
    assert "the reading at 15.9 s, next to the excluded ones it is one stage" in told
    assert "misses the readings by 0.11 % of their range" in fit.verdict.text
    assert fit.noise.ar1 == 0
    assert "taken as white though the curve misses a trend" in " ".join(str(fit).split())
