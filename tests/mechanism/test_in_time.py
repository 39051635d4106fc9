"""Answers in dose and time: shares, windows, what stands beside them, and the verbs."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.mechanism.fit import published_mechanism_fit
from cxkinetics.mechanism.predict import TimedDose, TimedPrediction


def test_shares_are_shares_and_the_two_kinds_agree() -> None:
    result = cx.predict_in_time(50, 30)
    assert sum(e.value or 0 for e in result.species.values()) == pytest.approx(1, abs=1e-9)
    assert sum(e.value or 0 for e in result.guest_share.values()) == pytest.approx(1, abs=1e-9)
    assert result.guest_share["Cd34S33"].value == 0
    # nothing but guest that was added is bound: 50 % of 34/phi per cluster
    phi = published_mechanism_fit().draws[:, published_mechanism_fit().scheme.names.index("phi")]
    assert np.max(phi) <= 0.7
    assert result.source["draws"] >= 200


def test_the_composition_depends_on_time_and_the_other_answer_stands_beside_it() -> None:
    early, late = (cx.predict_in_time(50, time) for time in (30, 1200))
    one, other = (r.species["Ag2Cd32S33"] for r in (early, late))
    assert one.low is not None
    assert other.high is not None
    assert one.low > other.high
    assert early.standing[0].species["Ag2Cd32S33"] == pytest.approx(one.value)
    assert late.standing[0].species["Ag2Cd32S33"] == pytest.approx(
        next(s for s in early.standing if s.time_s == 1200).species["Ag2Cd32S33"]
    )
    assert early.quenched["Ag2Cd32S33"].value == pytest.approx(
        cx.predict(50).species["Ag2Cd32S33"].value, abs=1e-12
    )
    assert "disrupted" in early.reason


def test_best_dose_and_time_is_the_top_of_its_map() -> None:
    result = cx.dose_in_time("Ag2Cd32S33")
    best, when = result.dose_percent.value, result.time_s.value
    assert best is not None
    assert when is not None
    assert result.holds(best, when)
    assert not result.holds(best, 3600)
    assert result.purity.value == pytest.approx(result.map_share.max(), abs=0.03)
    assert result.window_percent[0] < best < result.window_percent[1]
    assert result.window_s[0] < when < result.window_s[1]
    # each is no better elsewhere
    for dose, time in ((0.8 * best, when), (1.2 * best, when), (best, when / 2), (best, 2 * when)):
        there = cx.predict_in_time(dose, time).species["Ag2Cd32S33"].value
        assert there is not None
        assert result.purity.value is not None
        assert there < result.purity.value + 0.005


def test_a_later_quench_wants_less_silver() -> None:
    doses = [cx.dose_in_time("Ag2Cd32S33", time).dose_percent.value or 0 for time in (10, 30, 300)]
    assert doses[0] > doses[1] > doses[2]


def test_what_no_dose_and_time_gives_is_refused() -> None:
    with pytest.raises(cx.UnreachablePurityError, match="disrupted") as told:
        cx.dose_in_time("Ag2Cd32S33", min_purity=0.9)
    assert 0.4 < told.value.best_purity < 0.9
    with pytest.raises(cx.ExtrapolationError, match="175"):
        cx.predict_in_time(200, 30)
    with pytest.raises(cx.UsageError, match="0 or more, up to 1e"):
        cx.predict_in_time(50, -1)


def test_both_come_back_from_json() -> None:
    for result in (cx.predict_in_time(50, 30), cx.dose_in_time("Ag2Cd32S33", 30)):
        back = type(result).from_json(result.to_json())
        assert back.to_json() == result.to_json()
        assert str(back) == str(result)


def test_verbs_in_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["predict", "--dose", "50", "--time", "0.5min", "--json", "--out", str(tmp_path / "p")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["time_s"] == 30
    assert told["schema"] == TimedPrediction.SCHEMA
    assert {path.name for path in (tmp_path / "p").iterdir()} >= {"predict.json", "report.html"}
    assert main(["dose", "Ag2Cd32S33", "--time", "best", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == TimedDose.SCHEMA
    assert 15 < told["time_s"]["value"] < 60


def test_without_a_time_the_answer_is_that_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--dose", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "cxkinetics.predict/1"


def test_both_documents_of_predict_hold_what_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    promised = {
        "dose_percent", "time_s", "incorporation_percent", "stage", "species", "guest_share", "trapped_host",
        "prior_driven", "warnings",
    }  # fmt: skip
    assert main(["predict", "--dose", "50", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main(["predict", "--dose", "50", "--time", "30", "--json"]) == 0
    timed = json.loads(capsys.readouterr().out)
    assert promised <= plain.keys()
    assert promised <= timed.keys()
    assert plain["time_s"] is None
    assert timed["stage"] == plain["stage"] == "stage 1"
    assert timed["prior_driven"] == [
        n for n, k in published_mechanism_fit().known.items() if k != "determined"
    ]


def test_amounts_at_a_time_are_those_of_its_dose(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--time", "30", "--cadmium-umol", "20", "--silver-mmol-per-l", "10±1%", "--json"]
    assert main(["dose", "Ag2Cd32S33", *words, "--out", str(tmp_path / "d")]) == 0
    told = json.loads(capsys.readouterr().out)
    dose, amount = told["dose_percent"], told["amount"]
    assert amount["value"] == pytest.approx(0.2 * dose["value"])
    assert amount["volume"]["value"] == pytest.approx(20 * dose["value"])
    assert amount["window"] == pytest.approx([0.2 * end for end in told["window_percent"]])
    assert 0.9 < amount["chance_in_window"] <= 1
    assert (tmp_path / "d" / "amount.json").exists()
    assert main(["predict", "--dose", "50", *words[:4]]) == 0
    assert "add 10 umol Ag for 20 umol Cd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["predict", "--dose", "50", "--time", "soon"], "0.5min"),
        (["predict", "--dose", "50", "--fit", "mine.json"], "--time"),
        (["predict", "--dose", "50", "--time", "30", "--table", "TABLE"], "cxkinetics mechanism --table"),
        (["mechanism", "--run", "run.csv"], "run.csv@100"),
        (["mechanism", "--system", "cu-cds"], "ag-cds"),
    ],
)
def test_usage(words: list[str], needed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = zip((20, 50, 80, 100, 110, 120, 130, 140, 160), (2, 5, 8, 11, 19, 27, 36, 40, 40.4), strict=True)
    table.write_text("dose (%),Ag/(Ag+Cd) (%)\n" + "".join(f"{d},{y}\n" for d, y in rows), encoding="utf-8")
    assert main([str(table) if word == "TABLE" else word for word in words]) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert needed in shown[-1]


def test_verb_of_the_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = tmp_path / "found"
    words = ["mechanism", "--rivals", "none", "--starts", "2", "--draws", "3", "--json", "--out", str(place)]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "cxkinetics.mechanism/1"
    assert told["verdict"]["code"] == "alone"
    stored = place / "mechanism.json"
    assert cx.MechanismFit.from_json(stored).chi2 == told["chi2"]
    assert main(["predict", "--dose", "50", "--time", "30", "--fit", str(stored), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"]["verdict"] == "alone"
