"""`fit_incorporation`: the published numbers, presets, intervals, checks."""

import json
from dataclasses import replace

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.curve import incorporation
from cxkinetics.composition.incorporation_result import IncorporationFit

STATED = cx.DoseTable(dose_percent=[0, 75, 100, 135, 175], incorporation_percent=[0, 8.0, 12.1, 40.4, 40.0])
DOSE = np.array([0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175.0])


def simulated(seed: int = 0, sd: float = 0.3, **truth: float) -> cx.DoseTable:
    parameters = {"b1": 0.107, "D1": 97.0, "b2": 0.81, "y_f": 40.0} | truth
    noise = np.random.default_rng(seed).normal(0, sd, DOSE.size)
    return cx.DoseTable(
        dose_percent=DOSE, incorporation_percent=np.abs(incorporation(DOSE, **parameters) + noise)
    )


def test_published_numbers_from_the_stated_points() -> None:
    fit = cx.fit_incorporation(STATED, preset="paper")
    assert fit.stage1_slope.value == pytest.approx(0.10667, abs=5e-6)
    assert fit.stage2_slope.value == pytest.approx(0.80857, abs=5e-6)
    assert fit.slope_ratio.value == pytest.approx(7.580, abs=5e-4)
    assert fit.avalanche_dose_percent.value == pytest.approx(97.958, abs=5e-4)
    assert fit.mean_slope_ratio == pytest.approx(5.0625)
    assert fit.plateau_percent.value == pytest.approx(40.2)
    assert 134 < fit.saturation_dose_percent.value < 135
    assert "two points" in fit.stage1_slope.reason
    assert round(0.83 / 0.11, 3) == 7.545  # the ratio of the paper's rounded slopes


def test_crossings_of_the_rounded_published_lines() -> None:
    """97-98.5 % from the published slopes, 99.5 % with the smallest rounding of both."""
    crossings = [
        (12.1 - slope2 * 100 - (8.0 - slope1 * 75)) / (slope1 - slope2)
        for slope1 in (0.105, 0.107, 0.11)
        for slope2 in (0.81, 0.83)
    ]
    assert min(crossings) >= 97.0
    assert max(crossings) <= 98.5


def test_what_the_stated_points_leave_open() -> None:
    fit = cx.fit_incorporation(STATED)
    low, high = fit.not_identified["b2"]
    assert low == pytest.approx(0.803, abs=5e-4)
    assert high is None
    first, last = fit.not_identified["D2"]
    assert first == pytest.approx(100.0, abs=0.1)
    assert last == pytest.approx(135.0, abs=1e-3)
    assert fit.stage1_slope.value == pytest.approx(0.10667, abs=5e-6)
    assert fit.stage2_slope.high is None
    assert "no upper end" in fit.stage2_slope.reason
    text = next(w.text for w in fit.warnings if w.code == "not_identified")
    assert "b2 >= 0.803" in text


def test_dose_intervals_enter_as_intervals_and_never_as_doses() -> None:
    table = cx.load_example_dose_table()
    assert table.n_points == 8
    assert table.exact.dose_percent.tolist() == [0, 75, 100, 135, 175]
    assert np.isnan(table.dose_percent[~np.isfinite(table.dose_percent)]).sum() == 3
    fit = cx.fit_incorporation(table)
    assert fit.dof == 1  # a dose interval that the curve reaches says nothing about the scatter
    assert fit.not_identified["b2"] == pytest.approx((0.803, 0.835), abs=5e-4)
    assert fit.incorporation_at(119.4) <= 28.3 <= fit.incorporation_at(120.5)
    assert any("circular" in w.text for w in fit.warnings)
    left_out = cx.fit_incorporation(table, interval_doses="leave out")
    assert left_out.stage1_slope == cx.fit_incorporation(STATED).stage1_slope
    preset = cx.fit_incorporation(table, preset="paper")
    assert preset.slope_ratio.value == pytest.approx(7.580, abs=5e-4)
    assert preset.residuals[np.asarray(table.incorporation_percent) == 28.3] == pytest.approx(0)


def test_a_single_interval_moves_the_curve_no_more_than_it_must() -> None:
    exact = simulated()
    low, high = exact.dose_percent.copy(), exact.dose_percent.copy()
    low[5], high[5] = 80.0, 95.0
    dose = exact.dose_percent.copy()
    dose[5] = np.nan
    table = cx.DoseTable(
        dose_percent=dose,
        incorporation_percent=exact.incorporation_percent,
        dose_low_percent=low,
        dose_high_percent=high,
    )
    assert cx.fit_incorporation(table).rss <= cx.fit_incorporation(exact).rss


def test_truth_is_near_and_exact_data_are_found_exactly() -> None:
    fit = cx.fit_incorporation(simulated(1))
    for estimate, value in (
        (fit.stage1_slope, 0.107),
        (fit.avalanche_dose_percent, 97.0),
        (fit.stage2_slope, 0.81),
        (fit.plateau_percent, 40.0),
    ):
        assert abs(estimate.value - value) < 4 * estimate.se
        assert estimate.low < estimate.value < estimate.high
    exact = cx.fit_incorporation(simulated(sd=0.0))
    assert exact.avalanche_dose_percent.value == pytest.approx(97.0, abs=1e-9)
    assert exact.stage2_slope.low is None
    assert "exactly" in exact.stage2_slope.reason
    assert exact.verdict["code"] in ("avalanche", "undecided")


def test_published_windows_on_a_table_of_the_shared_folder(bad_inputs: dict, shared_data) -> None:
    entry = next(item for item in bad_inputs["files"] if item["file"] == "d01_dose.csv")
    table = cx.load_dose_table(shared_data / "badinputs" / "d01_dose.csv")
    fit = cx.fit_incorporation(table, preset="paper")
    assert fit.stage1_slope.value == pytest.approx(entry["check"]["slope1"], rel=2e-3)
    assert fit.stage2_slope.value == pytest.approx(entry["check"]["slope2"], rel=2e-3)
    assert fit.plateau_percent.value == pytest.approx(entry["check"]["plateau"], rel=2e-3)
    detected = cx.fit_incorporation(table)
    assert detected.verdict["code"] == "avalanche"
    assert detected.rivals[0].model == "line, avalanche, plateau"


@pytest.mark.parametrize("name", ["d01_dose.csv", "d02_dose_fraction_header.csv", "d06_plus_minus.csv"])
def test_same_numbers_whatever_the_unit_or_the_sigmas(name: str, shared_data) -> None:
    fit = cx.fit_incorporation(cx.load_dose_table(shared_data / "badinputs" / name))
    assert fit.stage2_slope.value == pytest.approx(0.81491, abs=1e-4)


def test_more_in_than_added_warns() -> None:
    y = simulated().incorporation_percent.copy()
    y[1] = 25.0
    fit = cx.fit_incorporation(cx.DoseTable(dose_percent=DOSE, incorporation_percent=y))
    warning = next(w for w in fit.warnings if w.code == "mass_balance")
    assert "25" in warning.text
    assert "20" in warning.text
    assert not any(w.code == "mass_balance" for w in cx.fit_incorporation(simulated()).warnings)


def test_sigmas_relative_or_at_their_word() -> None:
    base, exact = simulated(), np.zeros(DOSE.size)
    with_sigma = cx.DoseTable(
        dose_percent=DOSE,
        incorporation_percent=base.incorporation_percent,
        sigma_percent=np.full(DOSE.size, 0.03),
        dose_sd_percent=exact,
    )
    free = cx.fit_incorporation(replace(base, dose_sd_percent=exact))
    relative = cx.fit_incorporation(with_sigma)
    # their sizes differ: without sigmas a part of the ICP error in proportion is fitted as well
    assert relative.stage2_slope.value == pytest.approx(free.stage2_slope.value, rel=1e-9)
    assert relative.scatter_percent == pytest.approx(free.scatter_percent)
    absolute = cx.fit_incorporation(with_sigma, absolute_sigma=True)
    assert absolute.stage2_slope.se < 0.2 * relative.stage2_slope.se
    with pytest.raises(cx.UsageError, match="sigma"):
        cx.fit_incorporation(base, absolute_sigma=True)


def test_replicates_count_as_points() -> None:
    once = simulated()
    twice = cx.DoseTable(
        dose_percent=np.concatenate([DOSE, DOSE]),
        incorporation_percent=np.concatenate(
            [once.incorporation_percent, simulated(1).incorporation_percent]
        ),
    )
    fit = cx.fit_incorporation(twice)
    assert fit.dof == 2 * DOSE.size - 4
    assert fit.plateau_percent.se < cx.fit_incorporation(once).plateau_percent.se


def test_a_straight_line_has_no_avalanche() -> None:
    y = 0.3 * DOSE + np.random.default_rng(1).normal(0, 0.5, DOSE.size)
    fit = cx.fit_incorporation(cx.DoseTable(dose_percent=DOSE, incorporation_percent=np.abs(y)))
    assert fit.verdict["code"] in ("no_avalanche", "undecided")
    assert fit.rivals[0].model != "line, avalanche, plateau"


def test_plateau_inverse_is_an_interval() -> None:
    fit = cx.fit_incorporation(STATED, preset="paper")
    low, high = fit.dose_at(8.0)
    assert low == high == pytest.approx(75.0)
    low, high = fit.dose_at(40.2)
    assert low == pytest.approx(134.75, abs=0.01)
    assert np.isinf(high)
    assert fit.dose_at(41.0) is None


def test_basis_is_explicit_and_convertible() -> None:
    fit = cx.fit_incorporation(simulated(), basis="Ag/Cd")
    assert fit.basis == "Ag/Cd"
    assert fit.plateau_percent.value == pytest.approx(100 * 40 / 60, rel=0.02)
    with pytest.raises(cx.UsageError, match="hosts_per_anion"):
        cx.fit_incorporation(simulated(), basis="Ag/S")
    on_sulfur = cx.fit_incorporation(simulated(), basis="Ag/S", hosts_per_anion=1.5)
    assert on_sulfur.plateau_percent.value == pytest.approx(150 * 40 / 60, rel=0.02)


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (STATED, {"preset": "papre"}, "it has paper"),
        (STATED, {"interval_doses": "exact"}, "censored"),
        (STATED, {"confidence": 95.0}, "between 0 and 1"),
        (cx.DoseTable(dose_percent=[0, 50, 75], incorporation_percent=[0, 5, 8]), {}, "4 parameters"),
        (
            cx.DoseTable(dose_percent=[0, 50, 75, 80], incorporation_percent=[0, 5, 8, 9]),
            {"preset": "paper"},
            "stage 2",
        ),
    ],
)
def test_refusals_name_the_need(table: cx.DoseTable, options: dict, words: str) -> None:
    with pytest.raises(cx.CxKineticsError, match=words):
        cx.fit_incorporation(table, **options)


@pytest.mark.parametrize("preset", [None, "paper"])
def test_result_survives_json_and_holds_the_schema(preset: str | None) -> None:
    fit = cx.fit_incorporation(cx.load_example_dose_table(), preset=preset)
    assert IncorporationFit.from_json(fit.to_json()) == fit
    record = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert record["schema"] == "cxkinetics.incorporation/1"
    numbers = {"stage1_slope", "stage2_slope", "slope_ratio", "avalanche_dose_percent"}
    numbers |= {"saturation_dose_percent", "plateau_percent"}
    for name in numbers:
        assert {"value", "se", "low", "high", "unit", "method"} <= set(record[name])
        assert record[name]["low"] is not None or record[name]["reason"]
    assert {"basis", "n_points", "mean_slope_ratio", "windows_percent", "warnings"} <= set(record)
    assert "slope, stage 2" in str(fit)


def test_input_is_not_changed() -> None:
    before = STATED.to_dict()
    cx.fit_incorporation(STATED)
    assert STATED.to_dict() == before


def test_mass_balance_checks_carry_their_numbers() -> None:
    checks = {c.code: c for c in cx.fit_incorporation(STATED, preset="paper").checks}
    assert checks["trapped_host_at_4"].value == pytest.approx(16.0)
    assert checks["trapped_host_at_4"].passed
    assert checks["trapped_host_at_3.2"].value == pytest.approx(-2.75)
    assert not checks["trapped_host_at_3.2"].passed
    assert "1.088" in checks["trapped_host_at_3.2"].text
    assert not checks["one_trapped_host"].passed
    assert checks["cluster_share_from_saturation"].value == pytest.approx(0.694, abs=1e-3)
    assert checks["cluster_share_from_equilibrium"].value == pytest.approx(0.242, abs=2e-3)
