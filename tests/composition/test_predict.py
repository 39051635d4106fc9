"""`predict`: shares, intervals, what rests on priors."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.composition import knowledge
from cxkinetics.composition.draws import summary_of
from cxkinetics.composition.predict import Prediction

DOSE = [0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175]
TAKEN = [0.1, 2.0, 4.2, 6.4, 8.1, 9.5, 12.3, 18.5, 26.4, 33.9, 40.1, 39.8, 40.2, 40.0]
TABLE = cx.DoseTable(dose_percent=DOSE, incorporation_percent=TAKEN)


@given(st.floats(0, 175))
@settings(max_examples=15, deadline=None)
def test_shares_sum_to_one(dose: float) -> None:
    result = cx.predict(dose_percent=dose, n_draws=300)
    assert sum(share.value for share in result.species.values()) == pytest.approx(1, abs=1e-9)
    assert all(-1e-12 <= s.low <= s.high <= 1 + 1e-12 for s in result.species.values())


def test_schema_and_json_round_trip() -> None:
    result = cx.predict(dose_percent=50)
    record = json.loads(result.to_json())
    assert record["schema"] == "cxkinetics.predict/1"
    assert list(record["species"]) == ["Cd34S33", "AgCd33S33", "Ag2Cd32S33", "more than 2 Ag", "Ag2S"]
    keys = {"dose_percent", "incorporation_percent", "stage", "species", "prior_driven", "warnings", "seed"}
    assert keys <= set(record)
    assert Prediction.from_json(result.to_json()) == result


def test_stages_along_the_dose() -> None:
    stages = [cx.predict(dose_percent=dose, n_draws=500).stage for dose in (10, 75, 115, 160)]
    assert stages == ["stage 1", "stage 1", "stage 2", "plateau"]


def test_host_alone_without_guest_and_product_alone_on_the_plateau() -> None:
    assert cx.predict(dose_percent=0).species["Cd34S33"].value == 1
    assert cx.predict(dose_percent=170).species["Ag2S"].value == pytest.approx(1, abs=1e-4)


def test_same_seed_same_numbers_and_the_seed_is_kept() -> None:
    one = cx.predict(dose_percent=60, rng=5)
    assert cx.predict(dose_percent=60, rng=5) == one
    knowledge._KEPT.clear()  # and not because the draws are kept
    assert cx.predict(dose_percent=60, rng=5) == one
    assert one.seed == 5
    assert cx.predict(dose_percent=60, rng=np.random.default_rng(5)).seed is None


def test_what_rests_on_priors_is_said() -> None:
    at_23 = cx.predict(dose_percent=23)
    assert "AgCd33S33" in at_23.prior_driven
    parts = at_23.influence.by_parameter["AgCd33S33"]
    assert parts["alpha"] > 0.3
    assert parts["mechanism"] > 0.1
    assert "incorporation_percent" not in at_23.prior_driven
    at_120 = cx.predict(dose_percent=120)
    assert "Ag2S" not in at_120.prior_driven
    rows = [s for s in at_23.influence.shifts if s.prior == "alpha" and s.quantity == "AgCd33S33"]
    widths = {s.factor: s.high - s.low for s in rows}
    now = at_23.species["AgCd33S33"]
    assert widths[0.5] < now.high - now.low < widths[2.0]


def test_own_table_replaces_the_priors_of_the_curve() -> None:
    result = cx.predict(dose_percent=60, table=TABLE)
    assert result.incorporation_percent.value == pytest.approx(6.4, abs=0.2)
    parts = result.influence.by_parameter["incorporation_percent"]
    assert parts == {"dose curve": pytest.approx(1.0, abs=0.05)}  # estimated by a shuffle
    fit = cx.fit_incorporation(TABLE)
    assert cx.predict(dose_percent=60, table=fit) == result
    preset = cx.fit_incorporation(TABLE, preset="paper")
    assert cx.predict(dose_percent=60, table=preset).incorporation_percent.value == pytest.approx(
        6.4, abs=0.2
    )


def test_draws_of_the_table_agree_with_the_profile_intervals() -> None:
    from cxkinetics.composition.knowledge import known_draws

    fit = cx.fit_incorporation(TABLE)
    draws, _ = known_draws(fit, "ag-cds", n_draws=6000, rng=1)
    for name, estimate in (
        ("b1", fit.stage1_slope),
        ("b2", fit.stage2_slope),
        ("D1", fit.avalanche_dose_percent),
        ("y_f", fit.plateau_percent),
    ):
        low, high = np.quantile(draws.values[name], [0.025, 0.975])
        width = estimate.high - estimate.low
        assert low == pytest.approx(estimate.low, abs=0.25 * width)
        assert high == pytest.approx(estimate.high, abs=0.25 * width)


def test_copper_asks_for_a_table() -> None:
    with pytest.raises(cx.InputError, match=r"no dose-incorporation table is published for cu-cds.*--table"):
        cx.predict(dose_percent=50, system="cu-cds")
    result = cx.predict(dose_percent=50, system="cu-cds", table=TABLE)
    named = ["Cd34S33", "CuCd33S33", "Cu2Cd32S33", "more than 2 Cu", "CuS"]
    assert list(result.species) == named
    alone = cx.predict(dose_percent=50, system="cu-cds", table=TABLE, mechanism="two-site")
    assert list(alone.species) == [name for name in named if "more" not in name]


def test_optical_conversion_stands_beside_the_compositional_one() -> None:
    """At 100 % dose 92 % of the absorbance is lost in situ, 83 % ex situ; 18-32 % can be Ag2S."""
    for loss in (0.92, 0.83):
        result = cx.predict(dose_percent=100, absorbance_ratio=1 - loss)
        assert result.conversion["optical"].value == pytest.approx(loss)
        assert 0.15 < result.conversion["compositional"].value < 0.32
        assert "compositional_mass_balance" not in result.conversion
        assert result.conversion["gap"].low > 0.5


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dose_percent": 300}, cx.ExtrapolationError, "0-175 %"),
        ({"dose_percent": -5}, cx.InputError, "-5"),
        ({"dose_percent": float("nan")}, cx.InputError, "finite"),
        ({"dose_percent": 50, "n_draws": 10}, cx.UsageError, "100"),
        ({"dose_percent": 50, "confidence": 95}, cx.UsageError, "between 0 and 1"),
        ({"dose_percent": 50, "basis": "Ag/Te"}, cx.UsageError, "Ag/Cd"),
        ({"dose_percent": 50, "table": [50, 5.4]}, cx.InputError, "load_dose_table"),
        ({"dose_percent": 50, "absorbance_ratio": -1.0}, cx.InputError, "-1"),
        ({"dose_percent": 50, "rng": -1}, cx.UsageError, "seed"),
    ],
)
def test_refusals(options: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        cx.predict(**options)


def test_extrapolation_on_request_is_remarked() -> None:
    result = cx.predict(dose_percent=200, extrapolate=True)
    assert any(w.code == "extrapolated" for w in result.warnings)


def test_parameters_that_a_table_leaves_open_count_as_assumed() -> None:
    stated = cx.DoseTable(
        dose_percent=[0, 75, 100, 135, 175], incorporation_percent=[0, 8.0, 12.1, 40.4, 40.0]
    )
    result = cx.predict(dose_percent=110, table=stated)
    assert "b2" in result.source["priors"]
    assert result.influence.by_parameter["incorporation_percent"]["b2"] > 0


def test_text_holds_the_numbers() -> None:
    text = str(cx.predict(dose_percent=50))
    assert "Ag2Cd32S33" in text
    assert "incorporation 5.25 %" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_mean_that_few_draws_carry_lies_in_its_interval() -> None:
    few = np.zeros(1000)
    few[:10] = 1.0  # both quantiles are 0
    assert summary_of(few, 0.95) == (0.01, 0.0, 0.01)
    assert summary_of(1 - few, 0.95) == (0.99, 0.99, 1.0)
