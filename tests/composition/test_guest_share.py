"""Shares of guest atoms beside shares of clusters, and what each technique counts."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.detection import counted_shares, detection_limits
from cxkinetics.composition.mechanisms import state_of_shares
from cxkinetics.composition.system import load_system


def test_a_dose_states_the_share_of_guest_atoms() -> None:
    advice = cx.dose_for("Ag2Cd32S33")
    held = advice.guest_share
    # 99 % of clusters is 82 % [71, 97] of the silver
    assert advice.purity.value == pytest.approx(0.985, abs=0.01)
    assert (held.value, held.low, held.high) == pytest.approx((0.82, 0.71, 0.97), abs=0.03)
    assert sum(e.value for e in advice.guest_shares.values()) == pytest.approx(1)
    again = cx.predict(dose_percent=advice.dose_percent.value)
    for key, share in again.guest_share.items():  # the same draws
        assert advice.guest_shares[key] == share
    record = advice.to_dict()
    assert record["guest_share"] == held.to_dict()
    assert list(record["composition_guest_share"]) == list(record["composition"])
    assert "of all Ag sits in Ag2Cd32S33" in " ".join(str(advice).split())
    assert advice.table().loc["Ag2S", "share_of_guest"] == pytest.approx(1 - held.value, abs=0.01)
    rows = advice.tables()["dose"].set_index("quantity")["value"]
    assert rows["share of all guest in Ag2Cd32S33"] == held.value
    restored = cx.DoseAdvice.from_json(advice.to_json())
    assert restored == advice
    assert restored.guest_share == held


def test_without_guest_there_is_no_share_of_it_and_older_results_say_so() -> None:
    advice = cx.dose_for("Cd34S33", n_draws=200)
    assert advice.guest_share.value is None
    assert advice.guest_share.reason == "no guest in the solid"
    older = json.loads(advice.to_json())
    del older["guest_share"], older["composition_guest_share"]
    assert cx.DoseAdvice.from_json(json.dumps(older)).guest_share.reason == "not in this stored result"


def test_the_command_gives_guest_share_as_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dose", "Ag2Cd32S33", "--json", "--draws", "300"]) == 0
    assert {"value", "low", "high", "unit"} <= set(json.loads(capsys.readouterr().out)["guest_share"])
    assert main(["predict", "--dose", "56", "--json", "--draws", "300"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["guest_share"]["Ag2S"]["value"] > 10 * record["species"]["Ag2S"]["value"]
    assert record["detection_limits"]["XPS"] == {
        "CdS": {"limit": 0.05, "of": "S atoms"},
        "Ag2S": {"limit": 0.05, "of": "Ag atoms"},
    }


def test_xps_counts_atoms_and_the_others_clusters_or_units() -> None:
    system = load_system("ag-cds")
    shares = state_of_shares(system, np.array([[0.0], [0.0], [0.96], [0.04]]))
    assert counted_shares(system, "MALDI-TOF", shares)[1][0] == 0.04
    assert counted_shares(system, "XRD", shares)[1][0] == 0.04
    clusters, product = counted_shares(system, "XPS", shares)
    assert clusters[0] == 0.96
    assert product[0] == pytest.approx(66 * 0.04 / (66 * 0.04 + 2 * 0.96))
    assert counted_shares(system, "XPS", state_of_shares(system, [[1.0], [0.0], [0.0], [0.0]]))[1][0] == 0.0
    units = {name: [at["of"] for at in named.values()] for name, named in detection_limits(system).items()}
    assert units == {
        "MALDI-TOF": ["clusters", "clusters"],
        "XRD": ["S33 units", "S33 units"],
        "XPS": ["S atoms", "Ag atoms"],
    }


def test_what_holds_a_fifth_of_the_guest_is_expected_in_xps() -> None:
    result = cx.predict(dose_percent=50)
    assert result.species["Ag2S"].value < 0.05 < 0.2 < result.guest_share["Ag2S"].value
    assert result.expected_evidence == {"MALDI-TOF": "CdS", "XRD": "CdS", "XPS": "CdS + Ag2S"}
    assert "XPS CdS from 5% of S atoms, Ag2S from 5% of Ag atoms" in " ".join(str(result).split())
    assert cx.Prediction.from_json(result.to_json()) == result
    assert [v.product_unit for v in cx.expected_verdicts(5.2)] == ["clusters", "S33 units", "Ag atoms"]


def test_own_elements_stand_in_the_limits(tmp_path: Path) -> None:
    system = cx.System(
        host="In37P20",
        guest="Cd",
        product="Cd3P2",
        detection={"XPS": {"cluster_share": 0.1, "product_share": 0.02}},
    )
    assert detection_limits(system)["XPS"] == {
        "InP": {"limit": 0.1, "of": "P atoms"},
        "Cd3P2": {"limit": 0.02, "of": "Cd atoms"},
    }
