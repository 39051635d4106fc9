"""Shares of guest atoms beside shares of clusters, and what each technique counts."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.detection import counted_shares, detection_limits
from cxkinetics.composition.draws import ParameterDraws
from cxkinetics.composition.knowledge import known_draws
from cxkinetics.composition.measurements import guest_in_product
from cxkinetics.composition.mechanisms import state_of_shares
from cxkinetics.composition.species_model import LOOSE, state_draws
from cxkinetics.composition.system import load_system


def test_a_dose_states_the_share_of_guest_atoms() -> None:
    advice = cx.dose_for("Ag2Cd32S33")
    held = advice.guest_share
    # 98 % of clusters is 66 % [53, 81] of the silver: some is adsorbed
    assert advice.purity.value == pytest.approx(0.985, abs=0.01)
    assert (held.value, held.low, held.high) == pytest.approx((0.66, 0.53, 0.81), abs=0.03)
    assert sum(e.value for e in advice.guest_shares.values()) == pytest.approx(1)
    again = cx.predict(dose_percent=advice.dose_percent.value)
    for key, share in again.guest_share.items():  # the same draws
        assert advice.guest_shares[key] == share
    record = advice.to_dict()
    assert record["guest_share"] == held.to_dict()
    assert list(record["composition_guest_share"]) == [*record["composition"], LOOSE]
    assert "of all Ag sits in Ag2Cd32S33" in " ".join(str(advice).split())
    assert advice.table().loc["Ag2S", "share_of_guest"] == pytest.approx(
        1 - held.value - advice.guest_shares[LOOSE].value, abs=0.01
    )
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


def test_adsorbed_guest_counts_in_the_incorporation_and_in_xps_but_in_no_species() -> None:
    draws, _ = known_draws(None, "ag-cds", n_draws=400, mechanism="two-site")
    y = np.full((draws.n_draws, 1), 3.0)
    none, some = (
        state_draws(draws.with_values(adsorbed=np.full(draws.n_draws, at)), y).column(0) for at in (-0.2, 0.2)
    )
    counts = np.array([0.0, 1.0, 2.0])
    assert not none.loose.any()
    assert some.loose == pytest.approx(0.2 * (counts @ some.shares[:-1]))
    assert some.guests == pytest.approx(1.2 * (counts @ some.shares[:-1]) + 66 * some.shares[-1] * eta(draws))
    assert some.shares.sum(axis=0) == pytest.approx(1)
    open_ones = (counts @ none.shares[:-1]) < 1.99
    assert np.all((counts @ some.shares[:-1])[open_ones] < (counts @ none.shares[:-1])[open_ones])
    late = np.full((draws.n_draws, 1), 8.0)
    more = state_draws(draws.with_values(adsorbed=np.full(draws.n_draws, 0.2)), late).column(0)
    assert np.all(guest_in_product(more, draws.system) * more.guests < 66 * more.shares[-1] + 1e-9)
    shown = cx.predict(dose_percent=50, n_draws=400)
    assert sum(share.value for share in shown.guest_share.values()) == pytest.approx(1)
    assert shown.guest_share[LOOSE].low == 0
    assert LOOSE not in shown.species
    assert f"taken up {LOOSE}" in str(shown)


def eta(draws: ParameterDraws) -> np.ndarray:
    return np.where(draws.values["loss"] > 0, draws.values["eta"], 1.0)


def test_a_ratio_of_peaks_errs_by_a_share_of_itself() -> None:
    shares = np.array([[0.0, 0.0], [0.0, 0.0], [0.99, 0.9], [0.01, 0.1]])
    state, system = state_of_shares(load_system("ag-cds"), shares), load_system("ag-cds")
    odds = 66 * shares[-1] / (2 * shares[2])
    measured = cx.GuestShare(ratio=float(odds[0]), relative_error=0.2, incorporation_percent=5.0)
    expected = -0.5 * (np.log(odds / odds[0]) / 0.2) ** 2
    assert measured.log_likelihood(state, system) == pytest.approx(expected)
    for wrong in ({}, {"share": 0.1}, {"ratio": 1.0, "share": 0.5, "sigma": 0.1}, {"ratio": -1.0}):
        with pytest.raises(cx.InputError, match="ratio"):
            cx.GuestShare(incorporation_percent=5.0, **wrong)
    assert cx.GuestShare.from_dict(measured.to_dict()) == measured


@pytest.mark.parametrize(("basis", "clean"), [("Ag/(Ag+Cd)", 25.0), ("Ag/Cd", 100 / 3)])
def test_each_wash_has_a_trapped_host_of_its_own_on_every_basis(basis: str, clean: float) -> None:
    draws, _ = known_draws(None, "ag-cds", basis=basis, n_draws=400)
    state = state_draws(draws, np.full((400, 1), 12.1)).column(0)
    pair = cx.WashPair(clean_percent=clean, incorporation_percent=12.1)
    trapped = pair.trapped_host(state)
    left = trapped > 0
    hosts = state.hosts + trapped
    read = 100 * state.guests / (hosts + state.guests if "+" in basis else hosts)
    assert read[left] == pytest.approx(clean)
    assert np.all(read[~left] <= clean + 1e-9)
    likely = pair.log_likelihood(state, draws.system)
    assert np.all(likely[left] > np.log(0.5))
    update = cx.update_priors(measured=[pair], basis=basis, n_draws=300)
    (row,) = [change for change in update.changes if "wash" in change.name]
    assert row.after.low >= 0
    assert row.name not in update.narrowed
