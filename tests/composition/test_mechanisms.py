"""Rival mechanisms through one mass balance: numbers, weights, what decides, what excludes."""

import json

import numpy as np
import pytest
from scipy.linalg import expm

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.conditioning import joined
from cxkinetics.composition.draws import prior_draws
from cxkinetics.composition.mechanisms import KEYS, SPECIES_PRIORS, chain, in_a_row, read_state, trapped_host
from cxkinetics.composition.species_model import share_draws
from tests.composition.species_tables import World

SYSTEM = cx.load_system("ag-cds")
BASIS = "Ag/(Ag+Cd)"
PLAIN = {
    "b1": 0.107,
    "D1": 98.0,
    "b2": 0.81,
    "T": 0.0,
    "trend": -1.0,
    "loss": -1.0,
    "retention": -1.0,
    "eta": 1.0,
}
PLAIN |= {"rho": 0.0, "alpha": 1.0, "second_step": 1.0, "third_step": 0.01, "onset": 10.0, "steepness": 8.0}


def sharp(mechanism: str, trapped: float, **others: float) -> dict[str, np.ndarray]:
    """Return one draw of known parameters; the plateau is that of the trapped host."""
    values = {**PLAIN, "y_f": 6600 / (66 + trapped), "mechanism": float(KEYS.index(mechanism)), **others}
    return {name: np.array([value]) for name, value in values.items()}


@pytest.mark.parametrize(
    ("mechanism", "others", "at_3_2", "at_4_0"),
    [
        ("two-site", {}, (0.04, 0.32, 0.64, 0, 0), (0, 0, 1, 0, 0)),
        ("consecutive", {}, (0.09, 0.22, 0.69, 0, 0), (0, 0, 1, 0, 0)),
        ("random", {}, (0.20, 0.32, 0.26, 0.22, 0), (0.12, 0.26, 0.27, 0.35, 0)),
        ("random-avalanche", {}, (0.59, 0.31, 0.08, 0, 0.017), (0.55, 0.33, 0.10, 0, 0.023)),
        ("third-step", {}, (0.17, 0.30, 0.52, 0, 0.004), (0.10, 0.24, 0.66, 0, 0.007)),
        ("third-step", {"third_step": 0.001}, (0.10, 0.24, 0.66, 0, 0.001), (0.02, 0.08, 0.90, 0, 0.002)),
    ],
)
def test_species_at_sixteen_trapped(mechanism: str, others: dict, at_3_2: tuple, at_4_0: tuple) -> None:
    state = read_state(SYSTEM, BASIS, sharp(mechanism, 16.0, **others), np.array([[3.2, 4.0]]))
    found = np.vstack([state.shares[:-1, 0], state.beyond, state.shares[-1]])
    for column, stated in enumerate((at_3_2, at_4_0)):
        assert found[:4, column] == pytest.approx(stated[:4], abs=0.03)
        assert found[4, column] == pytest.approx(stated[4], abs=0.002)


@pytest.mark.parametrize("mechanism", KEYS)
@pytest.mark.parametrize("basis", [BASIS, "Ag/Cd", "Ag/S"])
def test_every_state_reads_as_its_incorporation(mechanism: str, basis: str) -> None:
    rng = np.random.default_rng(5)
    curve = prior_draws(SYSTEM, basis, 200, rng, None)
    values = dict(joined(curve, rng, mechanism=mechanism).values)
    values["y_f"] = 1.3 * values["y_f"]  # above the published plateau, so that all of 0-40 % lies before it
    y = np.linspace(0.5, 38, 12) * np.ones((200, 1))
    state = read_state(SYSTEM, basis, values, y)
    trapped = trapped_host(SYSTEM, basis, values, y)[0]
    hosts = state.hosts + trapped
    counted = {BASIS: state.guests + hosts, "Ag/Cd": hosts, "Ag/S": 33.0}[basis]
    inside = state.shares[-1] < 1 - 1e-6  # all of it product: more cannot be
    assert np.mean(inside) > 0.9
    read = (100 * state.guests / counted)[inside]
    assert np.max(np.abs(read / y[inside] - 1)) < 4e-3
    assert state.shares.sum(axis=0) + state.beyond == pytest.approx(1)
    assert state.shares.min() >= 0


def test_between_nodes_shares_are_those_of_the_solution() -> None:
    rng = np.random.default_rng(5)
    curve = prior_draws(SYSTEM, BASIS, 400, rng, None)
    draws = joined(curve, rng)
    y = np.linspace(0, 38, 200) * np.ones((400, 1))
    exact = np.concatenate([share_draws(draws, y[:, :50]), share_draws(draws, y[:, 50:100])], axis=-1)
    assert np.mean(np.abs(share_draws(draws, y)[..., :100] - exact)) < 1e-3


def test_a_chain_of_steps_is_the_matrix_exponential() -> None:
    rates, time = [1.0, 0.3, 0.05], 2.7
    matrix = np.diag([-rate for rate in rates]) + np.diag(rates[:-1], -1)
    found = chain(np.array([time]), [np.array([rate]) for rate in rates])
    assert found[:, 0] == pytest.approx((expm(matrix * time) @ np.array([1.0, 0, 0])), abs=1e-9)
    many = chain(np.array([time]), [np.array([1.0])] * 9)
    assert many[:3, 0] == pytest.approx(np.exp(-time) * np.array([1, time, time**2 / 2]))


def test_filling_in_a_row_has_the_mean_asked_for_and_its_ceiling() -> None:
    mean = np.linspace(0, 2, 201)[None]
    shares = in_a_row(mean, {"second_step": np.ones((1, 1))}, SYSTEM)
    assert shares[1] + 2 * shares[2] == pytest.approx(mean, abs=1e-5)
    assert shares[1].max() == pytest.approx(np.exp(-1), abs=3e-3)  # irreversible filling


def test_the_published_samples_exclude_mechanisms_and_leave_others() -> None:
    advice = cx.dose_for("Ag2Cd32S33")
    rivals = {row["mechanism"]: row for row in advice.rivals}
    assert list(rivals) == list(KEYS)
    assert sum(row["weight"] for row in advice.rivals) == pytest.approx(1)
    assert sum(row["weight_without_priors"] for row in advice.rivals) == pytest.approx(1)
    for key in ("random", "random-avalanche", "nucleation"):
        assert rivals[key]["p_value"] < 0.01
        assert rivals[key]["purity"] is None
    for key in ("two-site", "consecutive", "third-step"):
        assert rivals[key]["p_value"] > 0.5
        assert rivals[key]["weight"] > 0.03
        assert rivals[key]["dose_percent"] == pytest.approx(46, abs=4)
        assert rivals[key]["purity"] > 0.95
    text = next(w.text for w in advice.warnings if w.code == "mechanisms")
    assert "the measurements exclude random, random-avalanche" in text
    assert "two-site, consecutive, third-step" in text
    assert "a mass spectrum at an incorporation of about" in text
    assert json.loads(advice.to_json())["rivals"][0]["mechanism"] == "two-site"
    assert cx.DoseAdvice.from_json(advice.to_json()).rivals == advice.rivals


def own(world: World, seed: int = 1) -> cx.DoseTable:
    return world.table(np.random.default_rng(seed))


def test_incorporation_alone_shows_the_spread_of_mechanisms() -> None:
    """A system without published spectra: the table fixes the mean alone."""
    system = cx.System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    result = cx.predict(dose_percent=30, table=own(World(16.0)), system=system)
    share = result.species["Ag2Cd32S33"]
    assert share.low < 0.15
    assert share.high > 0.6
    assert [row["weight"] for row in result.rivals] == pytest.approx([1 / 8] * 8, abs=0.01)
    assert all(row["p_value"] is None for row in result.rivals)
    text = next(w.text for w in result.warnings if w.code == "mechanisms")
    assert "cannot be told apart by the incorporation alone; a mass spectrum at an incorporation" in text
    assert result.influence.by_parameter["Ag2Cd32S33"]["mechanism"] > 0.2
    assert sum(s.value for s in result.species.values()) == pytest.approx(1, abs=1e-9)
    assert "more than 2 Ag" in result.species


@pytest.mark.parametrize("trapped", [2.0, 97.0])
def test_a_table_keeps_its_own_wash(trapped: float) -> None:
    world = World(trapped)
    for dose in (56.0, 110.0):
        result = cx.predict(dose_percent=dose, table=own(world))
        for key, truth in world.species(dose).items():
            share = result.species[key]
            assert share.low - 2e-3 <= truth <= share.high + 2e-3
    assert result.trapped_host.low - 1 <= trapped <= result.trapped_host.high + 1


def test_fractions_of_random_filling_are_not_taken_for_two_sites() -> None:
    world = World(16.0, at_random=True)
    seen = world.fractions(np.random.default_rng(3), 3.2, more=True)
    update = cx.update_priors(table=own(world), fractions=[seen], published_curve=False)
    weights = {row["mechanism"]: row for row in update.rivals}
    assert weights["two-site"]["weight"] < 0.1
    assert weights["two-site"]["p_value"] < 0.01
    assert weights["random"]["p_value"] > 0.05
    dose = world.dose_of(3.2)
    share = cx.predict(dose_percent=dose, table=update).species["Ag2Cd32S33"]
    assert share.low <= world.species(dose)["Ag2Cd32S33"] <= share.high


def test_each_kind_of_measurement_narrows_what_it_can() -> None:
    world = World(16.0)
    table = own(world)
    dose = world.dose_of(3.0)

    def updated(*measured: object) -> cx.Prediction:
        draws = cx.update_priors(table=table, measured=measured, published_curve=False)
        return cx.predict(dose_percent=dose, table=draws)

    bare = cx.predict(dose_percent=dose, table=table)
    late = world.dose_of(9.0)
    atoms = 66 * world.species(late)["Ag2S"]
    atoms /= atoms + 2 * world.species(late)["Ag2Cd32S33"]
    xps = cx.GuestShare(share=atoms, sigma=0.05, dose_percent=late)
    top = cx.TopCluster(guests=2, incorporation_percent=3.2, response_sd=0.1)
    calibrated = cx.ClusterFractions(
        fractions=[world.species(dose)[key] for key in SYSTEM.clusters],
        sigma=(0.03, 0.03, 0.03),
        dose_percent=dose,
        response_sd=0.0,
    )
    for measured in (xps, calibrated):
        assert updated(measured).species["Ag2Cd32S33"].se < 0.8 * bare.species["Ag2Cd32S33"].se
    assert updated(top).species["Ag2Cd32S33"].value > bare.species["Ag2Cd32S33"].value


def test_a_wash_pair_bounds_the_trapped_host_from_below() -> None:
    """31.6 -> 12.1 %: 63 host cations per unit at least without retention."""
    table = own(World(97.0))
    pair = cx.WashPair(clean_percent=31.6, sigma=0.5, incorporation_percent=12.1)
    update = cx.update_priors(table=table, measured=[pair], published_curve=False, mechanism="two-site")
    found = cx.predict(dose_percent=100.0, table=update)
    assert found.trapped_host.low > 60


def test_one_mechanism_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    alone = cx.dose_for("AgCd33S33", mechanism="consecutive")
    assert [row["mechanism"] for row in alone.rivals] == ["consecutive"]
    assert alone.mechanism == "consecutive"
    excluded = cx.predict(dose_percent=40, mechanism="random")
    assert any("exclude random" in w.text for w in excluded.warnings)
    with pytest.raises(cx.UsageError, match="use all or one of two-site"):
        cx.predict(dose_percent=40, mechanism="magic")
    assert main(["dose", "AgCd33S33", "--mechanism", "two-site", "--draws", "300", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["mechanism"], len(record["rivals"])) == ("two-site", 1)
    mixed = cx.update_priors(
        fractions=[cx.ClusterFractions(fractions=(1, 2, 1), sigma=(0.1, 0.1, 0.1), dose_percent=20)]
    )
    assert cx.predict(dose_percent=20, table=mixed, mechanism="two-site").species["Ag2S"].value < 0.01
    with pytest.raises(cx.UsageError, match="draws have the mechanism random-avalanche"):
        cx.predict(dose_percent=20, table=mixed, mechanism="random-avalanche")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cx.TopCluster(guests=1), "one of them"),
        (lambda: cx.TopCluster(guests=1, dose_percent=20, response_sd=0), "positive"),
        (lambda: cx.GuestShare(share=1.2, sigma=0.1, dose_percent=20), "between 0 and 1"),
        (lambda: cx.GuestShare(share=0.2, sigma=0, dose_percent=20), "positive"),
        (lambda: cx.WashPair(clean_percent=120, dose_percent=20), "between 0 and 100"),
        (lambda: cx.WashPair(clean_percent=20, sigma=0, dose_percent=20), "positive"),
        (lambda: cx.ProductOnset(seen=True, dose_percent=20, counts="atoms"), "units, guest or more"),
        (
            lambda: cx.ClusterFractions(fractions=(1, 2), sigma=(1, 1), dose_percent=5, response_sd=-1),
            "0 or more",
        ),
        (lambda: cx.update_priors(measured=[cx.TopCluster(guests=5, dose_percent=20)]), "the system lists"),
    ],
)
def test_refusals(make, words: str) -> None:
    with pytest.raises(cx.CxKineticsError, match=words):
        make()


def test_priors_that_were_chosen_say_so() -> None:
    priors = cx.dose_for("AgCd33S33").source["priors"]
    assert set(SPECIES_PRIORS) <= set(priors)
    assert all(priors[name]["note"] for name in SPECIES_PRIORS)
