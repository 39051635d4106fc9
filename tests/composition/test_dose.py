"""`dose_for`: the three targets, refusals with reasons, no loop over draws."""

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.dose import DoseAdvice
from cxkinetics.composition.draws import ParameterDraws, prior_draws
from cxkinetics.composition.knowledge import known_draws

DOSE = [0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175]
TAKEN = [0.1, 2.0, 4.2, 6.4, 8.1, 9.5, 12.3, 18.5, 26.4, 33.9, 40.1, 39.8, 40.2, 40.0]
TABLE = cx.DoseTable(dose_percent=DOSE, incorporation_percent=TAKEN)


@cache
def advice_of(target: str, **options: Any) -> DoseAdvice:
    """Return what several tests look at, computed once."""
    return cx.dose_for(target, **options)


def sharp(alpha: float = 1.0, y2: float = 4.0, y_on: float = 5.0) -> ParameterDraws:
    """Draws without spread, as versions before the mass balance made them: the map and M2."""
    system = cx.load_system("ag-cds")
    draws = prior_draws(system, "Ag/(Ag+Cd)", 100, np.random.default_rng(0), None)
    values = {"b1": 0.104, "D1": 97.5, "b2": 0.82, "y_f": 40.2, "alpha": alpha, "y2": y2, "y_on": y_on}
    return draws.with_values(**{name: np.full(100, value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("target", "dose", "dose_within", "purity", "low", "high", "limit"),
    [
        ("AgCd33S33", 24, 4, 0.55, 0.34, 0.78, "cooperativity"),
        ("Ag2Cd32S33", 46, 3, 0.98, 0.89, 1.00, "avalanche overlap"),
    ],
)
def test_targets_obey_the_published_spectra(
    target: str, dose: float, dose_within: float, purity: float, low: float, high: float, limit: str
) -> None:
    advice = advice_of(target)
    assert advice.dose_percent.value == pytest.approx(dose, abs=dose_within)
    assert advice.dose_percent.low <= advice.dose_percent.value <= advice.dose_percent.high
    assert advice.purity.value == pytest.approx(purity, abs=0.02)
    assert advice.purity.low == pytest.approx(low, abs=0.03)
    assert advice.purity.high == pytest.approx(high, abs=0.03)
    assert advice.limited_by == limit


def test_window_of_the_two_silver_cluster() -> None:
    low, high = advice_of("Ag2Cd32S33").window_percent
    assert low == pytest.approx(36.5, abs=2)
    assert high == pytest.approx(67.5, abs=2)


@pytest.mark.parametrize("purity", [0.9, 0.95])
def test_a_demanded_purity_holds_in_the_whole_window(purity: float) -> None:
    from cxkinetics.composition.species_model import species_draws

    free, (low, high) = advice_of("Ag2Cd32S33"), advice_of("Ag2Cd32S33", min_purity=purity).window_percent
    draws, _ = known_draws(None, "ag-cds")
    shares = species_draws(draws, [low - 0.5, low, high, high + 0.5]).mean(axis=1)
    assert free.window_percent[0] <= low
    assert high <= free.window_percent[1]
    assert shares[2, 0] < purity <= shares[2, 1]
    assert purity <= shares[2, 2]
    # past the window: impure, too much by-product, or less than nine tenths of the best
    assert shares[2, 3] < max(purity, 0.9 * free.purity.value) or shares[3, 3] > 0.05
    text = " ".join(str(advice_of("Ag2Cd32S33", min_purity=purity)).split())
    assert f"at least the demanded {purity:g}, by-product at most 0.05" in text


def test_a_robust_dose_still_meets_the_demanded_purity() -> None:
    """Where the best low quantile lies at a lower mean share, the demand decides."""
    # of one mechanism in closed form, where no share is read between nodes
    one = {"mechanism": "two-site"}
    best, robust = (cx.dose_for("AgCd33S33", criterion=c, **one).purity.value for c in ("mean", "robust"))
    assert robust < best
    needed = (robust + best) / 2
    assert (
        cx.dose_for("AgCd33S33", criterion="robust", min_purity=needed, **one).purity.value >= needed - 1e-3
    )


def test_silver_sulfide_is_an_interval_of_doses() -> None:
    advice = advice_of("Ag2S")
    assert advice.window_percent[0] == pytest.approx(133, abs=2)
    assert advice.window_percent[1] == 175
    assert advice.limited_by == "plateau"
    assert "every dose from" in advice.dose_percent.reason
    assert advice.dose_percent.high == 175
    assert cx.dose_for("Ag2S", max_byproduct=1.0).window_percent[0] == pytest.approx(130, abs=2)


def test_one_silver_cluster_cannot_be_pure() -> None:
    advice = advice_of("AgCd33S33")
    text = next(w.text for w in advice.warnings if w.code == "purity_limited")
    assert "1/(1 + sqrt(alpha))" in text
    assert "0.0123" in text
    with pytest.raises(cx.UnreachablePurityError, match="cooperativity") as caught:
        cx.dose_for("AgCd33S33", min_purity=0.9)
    assert caught.value.best_purity == pytest.approx(0.55, abs=0.03)
    assert caught.value.best_dose_percent == pytest.approx(22, abs=3)
    assert caught.value.limited_by == "cooperativity"


def test_unreachable_for_other_reasons() -> None:
    with pytest.raises(cx.UnreachablePurityError, match="avalanche overlap") as caught:
        cx.dose_for("Ag2Cd32S33", min_purity=0.97, max_byproduct=0.2, table=sharp(y2=5.8, y_on=4.0))
    assert caught.value.limited_by == "avalanche overlap"
    assert cx.dose_for("Ag2S", min_purity=0.995).purity.value >= 0.995


@pytest.mark.parametrize("alpha", [0.25, 1.0, 4.0])
def test_best_share_of_the_one_silver_cluster_is_the_closed_form(alpha: float) -> None:
    advice = cx.dose_for("AgCd33S33", table=sharp(alpha))
    assert advice.purity.value == pytest.approx(1 / (1 + np.sqrt(alpha)), abs=2e-3)
    assert advice.dose_percent.value == pytest.approx(2.0 / 0.104, abs=0.5)


def test_flat_composition_gives_an_interval() -> None:
    """Between full doping and the onset of the product every dose gives the same cluster."""
    advice = cx.dose_for("Ag2Cd32S33", table=sharp(y2=4.0, y_on=5.0))
    assert advice.purity.value == pytest.approx(1.0)
    assert advice.dose_percent.low == pytest.approx(4.0 / 0.104, abs=0.6)
    assert advice.dose_percent.high == pytest.approx(5.0 / 0.104, abs=0.6)


def test_robust_choice_maximises_a_low_quantile() -> None:
    from cxkinetics.composition.species_model import species_draws

    one = {"mechanism": "two-site"}  # in closed form, where no share is read between nodes
    draws, _ = known_draws(None, "ag-cds", **one)
    best = {c: cx.dose_for("Ag2Cd32S33", criterion=c, **one).dose_percent.value for c in ("mean", "robust")}
    low = {c: np.quantile(species_draws(draws, dose)[2], 0.1) for c, dose in best.items()}
    assert low["robust"] >= low["mean"] - 1e-9


def test_own_table_and_calibrated_range() -> None:
    advice = cx.dose_for("Ag2Cd32S33", table=TABLE)
    # its own trapped host says where two silver per cluster are reached
    assert advice.dose_percent.low < 30 < advice.dose_percent.high
    assert "more than 2 Ag" not in cx.dose_for("Ag2S", table=TABLE, mechanism="two-site").composition
    short = cx.DoseTable(dose_percent=DOSE[:9], incorporation_percent=TAKEN[:9])
    with pytest.raises(cx.InputError, match="ends before a plateau"):
        cx.dose_for("Ag2S", table=short)
    short = replace(short, plateau_is_full_exchange=True)
    with pytest.raises(cx.ExtrapolationError, match="outside the calibrated 0-117 %"):
        cx.dose_for("Ag2S", table=short)
    assert cx.dose_for("Ag2S", table=short, extrapolate=True).dose_percent.value > 117


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        ("AgCd33S34", {}, cx.InputError, "did you mean AgCd33S33"),
        ("ag2cd32s33", {}, cx.InputError, "did you mean Ag2Cd32S33"),
        ("Cu2Cd32S33", {}, cx.InputError, "pass --system cu-cds"),
        ("cu2cd32s33", {}, cx.InputError, "cu-cds has Cu2Cd32S33"),
        ("Xx2", {}, cx.InputError, "not an element"),
        ("Ag2S", {"system": "cu-cds"}, cx.InputError, "no dose-incorporation table"),
        ("Ag2S", {"min_purity": 90}, cx.UsageError, "between 0 and 1"),
        ("Ag2S", {"max_byproduct": -0.1}, cx.UsageError, "between 0 and 1"),
        ("Ag2S", {"criterion": "median"}, cx.UsageError, "robust"),
    ],
)
def test_refusals(target: str, options: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        cx.dose_for(target, **options)


def test_schema_and_json_round_trip() -> None:
    advice = advice_of("Ag2Cd32S33")
    record = json.loads(advice.to_json())
    assert record["schema"] == "cxkinetics.dose/1"
    keys = {"target", "dose_percent", "window_percent", "purity", "composition", "limited_by"}
    assert keys | {"prior_driven", "warnings"} <= set(record)
    assert sum(item["value"] for item in record["composition"].values()) == pytest.approx(1, abs=1e-9)
    assert DoseAdvice.from_json(advice.to_json()) == advice


def test_second_table_says_what_the_prior_does() -> None:
    advice = advice_of("AgCd33S33")
    assert {"purity", "dose_percent"} <= set(advice.prior_driven)
    widths = {
        s.factor: s.high - s.low
        for s in advice.influence.shifts
        if s.prior in ("alpha", "none") and s.quantity == "purity"
    }
    assert widths[0.5] < widths[1.0] < widths[2.0]


@pytest.mark.parametrize("target", ["AgCd33S33", "Ag2Cd32S33", "Ag2S"])
def test_second_table_holds_the_result_where_no_prior_is_moved(target: str) -> None:
    advice = cx.dose_for(target, min_purity=0.4)
    unmoved = {s.quantity: s for s in advice.influence.shifts if s.prior == "none"}
    for quantity, estimate in (("dose_percent", advice.dose_percent), ("purity", advice.purity)):
        if quantity in unmoved:
            found = unmoved[quantity]
            assert (found.value, found.low, found.high) == (estimate.value, estimate.low, estimate.high)
    assert unmoved or target == "Ag2S"


def test_text_says_what_interval_window_and_percent_mean() -> None:
    text = " ".join(str(cx.dose_for("Ag2Cd32S33", mechanism="two-site")).split())
    assert "mol Ag per 100 mol Cd" in text
    assert " %: doses that will do (mean share at least 0.9 of" in text
    assert "]: how well the best dose is known" in text
    assert "near the upper end because too little guest costs more than too much" in text
    assert "upper end" not in str(advice_of("AgCd33S33"))


def test_why_the_dose_lies_where_it_does_is_told_by_doses_that_were_looked_at(tmp_path: Path) -> None:
    table = tmp_path / "icp.csv"
    table.write_text("dose (%),Ag ICP (%)\n28,3.2\n37.5,4.1\n75,8\n100,12.3\n120,28.1\n135,40\n175,40.3\n")
    advice = cx.dose_for("Ag2Cd32S33", table=table)
    text = " ".join(str(advice).split())
    assert advice.dose_percent.low == advice.curves.dose_percent[0] == 28
    assert "28 % is the lowest dose that was looked at" in text
    assert "at 0 %" not in text  # no share was computed there


def test_amount_and_volume_of_a_dose() -> None:
    advice = advice_of("Ag2Cd32S33")
    amount = advice.amount(host_umol=20, stock_mmol_per_l=10)
    assert amount.guest_umol.value == pytest.approx(0.2 * advice.dose_percent.value)
    assert amount.guest_umol.low == pytest.approx(0.2 * advice.dose_percent.low)
    assert amount.window_umol == pytest.approx([0.2 * dose for dose in advice.window_percent])
    assert amount.volume_ul.value == pytest.approx(100 * amount.guest_umol.value)
    assert amount.window_ul == pytest.approx([100 * umol for umol in amount.window_umol])
    assert "umol" in str(amount)
    assert "uL" in str(amount)
    alone = DoseAdvice.from_json(advice.to_json()).amount(host_umol=20)
    assert alone.volume_ul is None
    assert (alone.guest, alone.host_cation, alone.guest_umol) == ("Ag", "Cd", amount.guest_umol)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(cx.UsageError, match="above 0"):
            advice.amount(host_umol=wrong)
        with pytest.raises(cx.UsageError, match="mmol/L"):
            advice.amount(host_umol=1, stock_mmol_per_l=wrong)


def calls_of_dose_for(n_draws: int) -> int:
    """Return how many functions one advice calls, Python's and compiled ones."""
    count, before = 0, sys.getprofile()

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        cx.dose_for("Ag2Cd32S33", n_draws=n_draws)
    finally:
        sys.setprofile(before)
    return count


def test_three_thousand_draws_take_no_more_calls_than_a_hundred() -> None:
    cx.dose_for("Ag2S", n_draws=100)  # imports
    few = calls_of_dose_for(100)
    assert calls_of_dose_for(3000) < 1.1 * few


def test_other_basis_reads_the_same_numbers_otherwise() -> None:
    advice = cx.dose_for("Ag2Cd32S33", basis="Ag/Cd")
    assert advice.dose_percent.value > advice_of("Ag2Cd32S33").dose_percent.value


def test_text_holds_the_numbers() -> None:
    text = str(advice_of("AgCd33S33"))
    assert "AgCd33S33: dose 23.0 % [19" in text
    assert "cooperativity" in text


def test_a_draw_that_stands_several_times_is_read_once() -> None:
    from cxkinetics.composition.species_model import incorporation_draws, share_draws, species_draws

    draws = known_draws(None, "ag-cds", n_draws=300)[0].rows(np.arange(600) % 300)
    each, place = draws.distinct()
    assert each.n_draws <= 300
    for name, column in draws.values.items():
        np.testing.assert_array_equal(each.values[name][place], column)
    doses = [0.0, 23.0, 110.0]
    np.testing.assert_array_equal(
        species_draws(draws, doses), share_draws(draws, incorporation_draws(draws, doses))
    )
