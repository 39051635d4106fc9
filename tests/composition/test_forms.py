"""Every result of the dose side in every form, or the reason why it lacks one."""

import copy
import json
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.document.shown import Shown
from cxkinetics.models.decays import staged_decay

mpl.use("Agg")


def dose_spectra() -> cx.DoseSpectra:
    dose, wavelength = np.arange(0.0, 151.0, 15.0), np.arange(300.0, 350.0, 2.0)
    height = 0.9 * np.clip((130 - dose) / 80, 0, 1)
    place = 324 + 3 * np.clip(dose / 38, 0, 1)
    bands = height[:, None] * np.exp(-0.5 * ((wavelength - place[:, None]) / 8) ** 2)
    noise = np.random.default_rng(2).normal(0, 1e-3, bands.shape)
    return cx.DoseSpectra(dose_percent=dose, wavelength_nm=wavelength, absorbance=bands + noise, label="made")


def staged(k1: float) -> cx.StagedFit:
    t = np.arange(0.0, 101.0, 2.5)
    a = staged_decay(t, 0.9, np.array([k1, 0.02]), np.array([20.0]))
    noise = np.random.default_rng(1).normal(0, 0.003, t.size)
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=a + noise), n_stages=2)


def update() -> cx.CompositionUpdate:
    seen = cx.ClusterFractions(fractions=(1, 8, 1), sigma=(0.5, 0.5, 0.5), incorporation_percent=2.4)
    return cx.update_priors(fractions=[seen], n_draws=200)


MAKERS: dict[str, Callable[[], Any]] = {
    "curve": lambda: cx.fit_incorporation(cx.load_example_dose_table(), preset="paper"),
    "prediction": lambda: cx.predict(dose_percent=50, n_draws=200, absorbance_ratio=0.9),
    "dose": lambda: cx.dose_for("Ag2Cd32S33", n_draws=200),
    "species": lambda: cx.species_curves(n_draws=200),
    "update": update,
    "spectra": lambda: cx.fit_dose_spectra(dose_spectra(), near_nm=324),
    "rates": lambda: cx.rates_against_dose([staged(0.05), staged(0.1)], [50, 100]),
    "binding": lambda: cx.fit_binding(cx.load_example_dose_table().exact),
    "sequential": lambda: cx.sequential_implications(
        cx.fit_stages(cx.load_example("ag-cds").exciton_peak(near_nm=324))
    ),
    "amount": lambda: made("dose").amount(host_umol=20, stock_mmol_per_l=3),
    "verdict": lambda: cx.expected_verdicts(28.3, n_draws=200)[0],
    "fractions": lambda: cx.ClusterFractions(fractions=(1, 4), sigma=(0.5, 0.5), dose_percent=30),
    "onset": lambda: cx.ProductOnset(seen=False, incorporation_percent=8.0),
    "series": dose_spectra,
    "system": lambda: cx.load_system("ag-cds"),
}
made = cache(lambda name: MAKERS[name]())

STORED = ("to_dict", "from_dict", "to_json", "from_json")
SHOWN = ("to_text", "_repr_html_", "to_html", "to_latex", "to_excel", "tables", "plot")
NO_TABLE = "its numbers are of several kinds; tables() holds them all"
ONE_LINE = "a number or a few words within another result, which shows them"
GIVEN = "given to a fit, not found by one"
LACKS: dict[str, tuple[tuple[str, ...], str]] = {
    "binding": (("table",), NO_TABLE),
    "sequential": (("table",), NO_TABLE),
    "amount": ((*SHOWN, "table"), ONE_LINE),
    "verdict": ((*SHOWN, "table"), ONE_LINE),
    "fractions": ((*SHOWN, "table"), GIVEN),
    "onset": ((*SHOWN, "table"), GIVEN),
    "series": ((*SHOWN, "table"), GIVEN),
    "system": ((*SHOWN, "table"), GIVEN),
}
NO_FIGURE = {"binding", "sequential"}  # no picture of theirs is published or asked for


@pytest.mark.parametrize("name", MAKERS)
def test_every_form_is_there_or_its_lack_has_a_reason(name: str) -> None:
    lacks, _ = LACKS.get(name, ((), ""))
    for form in (*STORED, *SHOWN, "table"):
        assert hasattr(made(name), form) is (form not in lacks), form


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_stored_copied_or_pickled_comes_back_equal(name: str, tmp_path: Path) -> None:
    result = made(name)
    text = result.to_json()
    path = tmp_path / "result.json"
    path.write_text(text, encoding="utf-8")
    for again in (type(result).from_json(text), type(result).from_json(path)):
        assert again == result
        assert again.to_json() == text
    assert copy.copy(result) == copy.deepcopy(result) == pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("series", "system")])
def test_a_document_of_another_kind_is_named(name: str) -> None:
    other = "curve" if name != "curve" else "dose"
    with pytest.raises(cx.InputError, match=r"schema cxkinetics\.(incorporation|dose)/1, not cxkinetics\."):
        type(made(name)).from_json(made(other).to_json())


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in LACKS])
def test_every_form_holds_the_same_numbers(name: str, tmp_path: Path) -> None:
    result = made(name)
    assert isinstance(result, Shown)
    assert str(result) == result.to_text()
    sentences = [line for line in result.to_text(width=70).splitlines() if "  " not in line.strip()]
    assert max(map(len, sentences)) <= 70  # a table of numbers is as wide as it is
    title = str(result).splitlines()[0][:30]
    assert title in " ".join(result.to_html().split()) or name == "species"  # its text is its repr
    assert result.to_excel(tmp_path / "result.xlsx").is_file()
    assert all(not frame.empty for frame in result.tables().values()) or name == "dose"
    figure = result.plot()
    assert figure.axes
    if name != "species":
        assert r"\toprule" in result.to_latex()


@pytest.mark.parametrize("name", sorted(NO_FIGURE))
def test_what_has_no_figure_says_so(name: str) -> None:
    with pytest.raises(cx.UsageError, match="there is no figure of a"):
        made(name).plot()


def test_an_update_that_was_stored_predicts_what_it_predicted() -> None:
    again = cx.CompositionUpdate.from_json(made("update").to_json())
    before, after = (cx.predict(dose_percent=50, table=u, n_draws=200) for u in (made("update"), again))
    assert before.species == after.species
    assert before.influence == after.influence  # widened draws included


def test_the_dose_side_of_the_demonstration_says_itself() -> None:
    from cxkinetics.composition.examples import demonstrate_doses
    from cxkinetics.document.page import Page

    demo = demonstrate_doses()
    curve, targets = demo.sections()
    assert [figure.name for figure in Page("", sections=[curve, targets]).figures()] == [
        "dose-curve",
        "species",
    ]
    head, *rows = demo.targets().grid().header, *demo.targets().grid().rows
    assert head[1] == "dose, %"
    assert [row[0] for row in rows] == [advice.target for advice in demo.advice]
    assert json.loads(json.dumps(demo.to_dict()["incorporation"])) == json.loads(
        json.dumps(demo.curve.to_dict())
    )
