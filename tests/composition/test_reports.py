"""The folder of a dose and of a composition: numbers shown large, the errors behind them, the amount."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.curve import incorporation
from cxkinetics.document.figure import formula_text
from cxkinetics.document.units import SECONDS

DOSE = np.array([0, 0, 20, 40, 60, 80, 97, 105, 115, 125, 135, 150, 175.0])


@pytest.fixture(scope="module")
def table() -> cx.DoseTable:
    y = incorporation(DOSE, 0.107, 98.0, 0.81, 40.2) + np.random.default_rng(4).normal(0, 0.2, DOSE.size)
    return cx.DoseTable(
        dose_percent=DOSE,
        incorporation_percent=np.abs(y),
        dose_sd_percent=0.013 * DOSE,
        common_dose_error=0.031,
    )


def options_of(page: object) -> dict[str, str]:
    return {row[0]: row[1] for row in page.sections[-1].blocks[0].rows}


def test_the_page_of_a_dose_shows_dose_window_both_purities_and_the_errors(table: cx.DoseTable) -> None:
    advice = cx.dose_for("Ag2Cd32S33", table=table, n_draws=300)
    amount = advice.amount(host_umol="20±2%")
    page = advice.page(SECONDS, amount=amount)
    shown = {fact.label: fact.value for fact in page.facts}
    assert shown["best dose"] in page.summary
    low, high = advice.window_percent
    assert shown["doses that will do"] == f"{low:g}-{high:g} %"
    assert {"share of clusters", "share of all Ag", "Ag to add"} <= set(shown)
    options = options_of(page)
    assert float(options["dose error"]) == pytest.approx(0.013)
    assert options["dose error from"] == "stated"
    assert float(options["common dose error"]) == pytest.approx(0.031)
    assert float(options["dose error of the flask, stated"]) == pytest.approx(0.02)


def test_the_page_of_a_composition_shows_its_largest_shares(table: cx.DoseTable) -> None:
    result = cx.predict(dose_percent=110, table=table, n_draws=300)
    page = result.page(SECONDS)
    most = max(result.species, key=lambda key: result.species[key].value)
    assert most in page.summary
    assert page.facts[1].label.endswith(most)
    assert float(options_of(page)["dose error"]) == pytest.approx(0.013)
    assert cx.Prediction.from_json(result.to_json()).source["errors"] == result.source["errors"]


def test_the_page_of_a_dose_curve_shows_what_its_intervals_rest_on(table: cx.DoseTable) -> None:
    page = cx.fit_incorporation(table).page(SECONDS)
    assert [fact.label for fact in page.facts] == [
        "avalanche dose",
        "slope ratio b2/b1",
        "saturation dose",
        "plateau",
    ]
    assert float(options_of(page)["common dose error"]) == pytest.approx(0.031)


def test_the_folder_holds_the_amount_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dose", "Ag2Cd32S33", "--draws", "300", "--cadmium-umol", "20", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "Ag to add" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    stored = json.loads((tmp_path / "out" / "amount.json").read_text(encoding="utf-8"))
    assert stored["host_umol"] == 20
    printed = capsys.readouterr().out
    assert "\n  the flask's own dose errs by" in printed  # nothing that is to be added


def test_a_number_in_words_is_no_subscript() -> None:
    assert formula_text("more than 2 Ag") == "more than 2 Ag"
