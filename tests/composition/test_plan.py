"""Plans of doses: what they weigh, that they gain what they say, and how they are told."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.knowledge import known_draws
from cxkinetics.composition.plan import TABLE
from cxkinetics.composition.species_model import incorporation_draws
from tests.composition.dose_plans import TARGETS, errors, found_widths


@cache
def plan(target: str = "Ag2Cd32S33", count: int = 3) -> cx.DosePlan:
    return cx.plan_dose(target, count=count, n_draws=1500)


def test_each_further_measurement_narrows_what_is_left() -> None:
    for target in ("Ag2Cd32S33", "AgCd33S33", "Ag2S", "avalanche"):
        gains = [step.narrowing for step in plan(target).steps]
        assert len(gains) == 3
        assert 1 < gains[0] < gains[1] < gains[2], target


def test_the_first_step_is_the_best_of_all_that_was_weighed() -> None:
    known = plan()
    best = max(known.candidates, key=lambda one: one.narrowing)
    assert known.steps[0] == best
    kinds = [one.kind for one in known.best_of_each()]
    assert sorted(kinds) == ["dose table point", "mass spectrum", "wash pair"]
    assert known.best_of_each()[0] == best


def test_what_tells_most_is_where_a_chemist_looks() -> None:
    # a share of one-silver clusters is seen by mass, an avalanche by doses on its slope, Ag2S near saturation
    assert plan("AgCd33S33").steps[0].kind == "mass spectrum"
    avalanche = [one for one in plan("avalanche").candidates if one.dose_percent < 80]
    steps = plan("avalanche").steps
    assert all(step.kind == TABLE and 90 <= step.dose_percent <= 130 for step in steps)
    assert max(one.narrowing for one in avalanche) < steps[0].narrowing
    best = max((c for c in plan("Ag2S").candidates if c.kind == TABLE), key=lambda c: c.narrowing)
    assert 110 <= best.dose_percent <= 150


def test_a_sample_is_seen_once_by_one_spectrometer() -> None:
    spectra = [step.dose_percent for step in plan("AgCd33S33").steps if step.kind == "mass spectrum"]
    assert len(set(spectra)) == len(spectra)


def test_the_expected_width_is_that_of_conjugate_normals() -> None:
    """A slope with a normal prior, read once: the posterior is known in closed form."""
    draws, _ = known_draws(None, "ag-cds", n_draws=3000)
    flat = draws.with_values(D1=np.full(draws.n_draws, 150.0))
    y = incorporation_draws(flat, 60.0)[:, 0]
    made = flat.with_values(D1=150 + 20 * (y - y.mean()))  # what is wanted, seen through y alone
    found = cx.plan_dose("avalanche", table=made, count=1, icp_error=(0.2, 0.0), dose_error=(0.0, 0.0))
    there = next(one for one in found.candidates if one.dose_percent == 60.0)
    prior = float(incorporation_draws(made, 60.0).std())
    after = prior * 0.2 / np.hypot(prior, 0.2)
    assert there.narrowing == pytest.approx(prior / after, rel=0.1)


@pytest.mark.slow
def test_planned_doses_err_less_than_an_even_grid() -> None:
    planned, even = errors(12, 20240601)
    assert np.sqrt(np.mean(even**2)) >= 1.5 * np.sqrt(np.mean(planned**2))


@pytest.mark.slow
def test_planned_doses_err_less_in_many_samples() -> None:
    planned, even = errors(100, 7)
    assert np.sqrt(np.mean(even**2)) >= 1.5 * np.sqrt(np.mean(planned**2))


def test_a_table_decides_where_to_measure_next() -> None:
    doses = np.array([20.0, 50.0, 80.0, 110.0])
    y = np.minimum(0.107 * np.minimum(doses, 98) + 0.81 * np.maximum(doses - 98, 0), 40.2)
    table = cx.DoseTable(dose_percent=doses, incorporation_percent=y, icp_error=(0.3, 0.0))
    found = cx.plan_dose("avalanche", table=table, count=1, n_draws=800)
    assert 85 <= found.steps[0].dose_percent <= 175
    assert found.candidates[-1].dose_percent == 175  # past the table, up to what the system is known for
    with pytest.raises(cx.InputError, match="plan dose avalanche places the doses"):
        cx.plan_dose("Ag2S", table=table, n_draws=800)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"target": "Ag3S"}, cx.InputError, "Ag3S"),
        ({"count": 0}, cx.UsageError, "count is 0"),
        ({"icp_error": (-0.1, 0.0)}, cx.UsageError, "icp_error is -0.1"),
        ({"icp_error": (0.0, 0.0)}, cx.UsageError, "without error tells everything"),
        ({"dose_error": (0.0, float("nan"))}, cx.UsageError, "dose_error is nan"),
        ({"highest_dose_percent": 4}, cx.UsageError, "highest dose is 4 %"),
        ({"system": "cu-cds"}, cx.InputError, "--table"),
    ],
)
def test_wrong_wishes_are_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cx.plan_dose(**{"target": "avalanche", **given})


def test_a_plan_without_a_table_says_whose_samples_it_is_for() -> None:
    assert "published_samples" in {remark.code for remark in plan().warnings}
    assert "take the samples for the published ones" in " ".join(str(plan()).split())
    assert not plan("avalanche").warnings  # which rests on the curve alone
    doses = np.array([20.0, 50.0, 80.0, 110.0, 125.0, 150.0, 175.0])
    y = np.minimum(0.107 * np.minimum(doses, 98) + 0.81 * np.maximum(doses - 98, 0), 40.2)
    own = cx.DoseTable(dose_percent=doses, incorporation_percent=y, icp_error=(0.3, 0.02))
    found = cx.plan_dose("Ag2Cd32S33", table=own, count=1, n_draws=500)
    assert "published_samples" not in {remark.code for remark in found.warnings}


def test_draws_that_stand_several_times_count_once() -> None:
    draws, _ = known_draws(None, "ag-cds", n_draws=150)
    single = draws.distinct()[0]
    many = single.rows(np.repeat(np.arange(single.n_draws), 20))
    for known in (single, many):
        found = cx.plan_dose("AgCd33S33", table=known, count=4)
        assert "few_draws" in {remark.code for remark in found.warnings}


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_widths_that_a_plan_expects_are_those_found(target: str) -> None:
    made, widths, left = found_widths(target, 60, 20240601, sets=8)
    assert np.median(left) > 100
    for told, found in zip(made.steps[-1].expected.values(), np.median(widths, axis=0), strict=True):
        assert 0.75 < told.half_width / found < 1.25


def test_few_draws_are_said() -> None:
    codes = {remark.code for remark in cx.plan_dose("AgCd33S33", count=8, n_draws=150).warnings}
    assert "few_draws" in codes


def test_a_plan_is_stored_and_shown_in_every_form(tmp_path: Path) -> None:
    made = plan()
    text = made.to_json()
    assert cx.DosePlan.from_json(text) == made == copy.deepcopy(made)
    assert cx.DosePlan.from_json(text).to_json() == text
    assert made.to_dict()["schema"] == "cxkinetics.plan-dose/1"
    assert set(made.to_dict()["steps"][0]["expected"]["dose"]) == {"now", "half_width", "unit"}
    assert "What to measure next for Ag2Cd32S33" in str(made)
    assert made.to_html().count("<img") == 1
    assert r"\toprule" in made.to_latex()
    assert made.to_excel(tmp_path / "plan.xlsx").is_file()
    assert len(made.table()) == 3
    assert made.plot().axes
    with pytest.raises(cx.InputError, match=r"a plan of doses.*DosePlan"):
        cx.DoseAdvice.from_json(text)


def test_the_command_prints_and_writes_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "dose", "Cd32Ag2S33", "--count", "2", "--draws", "500"]
    assert main([*words, "--json", "--out", str(tmp_path / "plan")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["target"] == "Ag2Cd32S33"
    assert cx.DosePlan.from_json(tmp_path / "plan" / "plan-dose.json").to_dict() == printed
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert {"report.html", "plan.csv", "candidates.csv", "plan-dose.xlsx", "plan-dose.svg"} <= names
    assert main(["plan", "dose", "Ag2S", "--count", "0"]) == 2
    assert "count is 0" in capsys.readouterr().err


def test_a_table_of_volumes_is_planned_from_with_host_and_stock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "\n".join(
        f"{x},{y}" for x, y in zip((0, 20, 50, 100, 120, 140, 175), (0, 1.6, 4, 8, 16, 27, 40), strict=True)
    )
    printed = []
    for name, head, given in (
        ("volumes", "uL Ag stock", ["--cadmium-umol", "10", "--silver-mmol-per-l", "100"]),  # 1 uL is 1 %
        ("percent", "Ag added (%)", []),
    ):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"{head},Ag incorporated (%)\n{rows}\n", encoding="utf-8")
        words = [
            "plan",
            "dose",
            "Ag2Cd32S33",
            "--count",
            "1",
            "--draws",
            "300",
            "--table",
            str(path),
            "--json",
        ]
        if given:
            assert main(words) == 1
            said = capsys.readouterr().err
            assert all(option in said for option in given[::2])
        assert main([*words, *given]) == 0
        printed.append(json.loads(capsys.readouterr().out))
    volumes, percent = printed
    assert volumes["steps"] == percent["steps"]
    assert main(["plan", "dose", "Ag2Cd32S33", "--cadmium-umol", "10"]) == 2
    assert "add --table FILE" in capsys.readouterr().err
