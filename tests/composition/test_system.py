"""Systems: stoichiometry from formulae, priors, TOML."""

from pathlib import Path

import numpy as np
import pytest

from cxkinetics.composition.system import PACKAGED_SYSTEMS, Prior, System, load_system, packaged_species
from cxkinetics.errors import CxKineticsError, InputError, UsageError

SILVER = load_system("ag-cds")


def test_stoichiometry_comes_from_the_formulae() -> None:
    assert (SILVER.host_cation, SILVER.anion, SILVER.n_hosts, SILVER.n_anions) == ("Cd", "S", 34, 33)
    assert SILVER.guests_at_full_exchange == 66
    assert SILVER.species == ("Cd34S33", "AgCd33S33", "Ag2Cd32S33", "Ag2S")
    assert load_system("cu-cds").guests_at_full_exchange == 33  # CuS, covellite


def test_incorporation_of_pure_clusters_on_each_basis() -> None:
    assert SILVER.pure_incorporation(1, "Ag/(Ag+Cd)") == pytest.approx(2.9412, abs=5e-5)
    assert SILVER.pure_incorporation(2, "Ag/(Ag+Cd)") == pytest.approx(5.8824, abs=5e-5)
    assert SILVER.pure_incorporation(2, "Ag/Cd") == pytest.approx(6.25)
    assert SILVER.pure_incorporation(66, "Ag/S") == pytest.approx(200.0)


def test_another_system_in_a_few_lines() -> None:
    system = System(host="Cd35Se35", guest="Cu", product="Cu2Se", max_guests=4)
    assert system.species == ("Cd35Se35", "CuCd34Se35", "Cu2Cd33Se35", "Cu3Cd32Se35", "Cu4Cd31Se35", "Cu2Se")
    assert system.guests_at_full_exchange == 70
    assert set(system.resolved_priors("Ag/Cd")) == {"y2", "y_on", "alpha", "T", "rho", "eta", "phi"}
    assert not system.has_dose_curve


def test_charge_balanced_rule_takes_two_silver_for_one_cadmium() -> None:
    system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=4, charge_rule="charge-balanced")
    assert system.dopant_counts == (0, 2, 4)
    assert system.clusters == ("Cd34S33", "Ag2Cd33S33", "Ag4Cd32S33")
    with pytest.raises(InputError, match="half an atom"):
        System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=3, charge_rule="charge-balanced")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "Cd34"}, "one cation and one anion"),
        ({"product": "Cu2S"}, "must hold the guest Ag"),
        ({"product": "Ag2Se"}, "the anion of"),
        ({"guest": "Cd"}, "already in the host"),
        ({"guest": ["Ag", "Cu"]}, "one guest; describe a second exchange in a file of its own"),
        ({"charge_rule": "any"}, "one-to-one"),
        ({"max_guests": 40}, "more Cd than"),
        ({"priors": {"beta": {}}}, "belongs to no parameter"),
        ({"priors": {"alpha": {"distribution": "gamma", "parameters": [1, 2]}}}, "not known"),
        ({"priors": {"T": {"distribution": "uniform", "parameters": [5, 5]}}}, "empty"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        System(**({"host": "Cd34S33", "guest": "Ag", "product": "Ag2S"} | changes))


def test_species_are_read_in_any_order_and_the_nearest_is_proposed() -> None:
    assert SILVER.species_key("S33Cd32Ag2(L)") == "Ag2Cd32S33"
    with pytest.raises(
        InputError, match=r"did you mean AgCd33S33\?.*it has Cd34S33, AgCd33S33, Ag2Cd32S33, Ag2S"
    ):
        SILVER.species_key("AgCd33S34")


@pytest.mark.parametrize("name", PACKAGED_SYSTEMS)
def test_systems_survive_a_dictionary(name: str) -> None:
    system = load_system(name)
    assert System.from_dict(system.to_dict()).to_dict() == system.to_dict()


def test_toml_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('host = "Cd34S33"\nguest = "Ag"\nproduct = "Ag2S"\nmax_guests = 2\n')
    assert load_system(file).species == SILVER.species
    for text, words in (
        ('host = "Cd34S33"\nguset = "Ag"', "did you mean guest"),
        ('host = "Cd34S33"', "needs guest, product"),
        ("host = ", "not valid TOML"),
        (
            'host = "Cd34S33"\nguest = "Ag"\nproduct = "Ag2S"\nmax_guests = "two"',
            "max_guests is 'two'; it must be a whole",
        ),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=words):
            load_system(file)
    with pytest.raises(UsageError, match="did you mean ag-cds"):
        load_system("ag-cd")


def test_documented_priors_of_silver() -> None:
    priors = SILVER.resolved_priors("Ag/(Ag+Cd)")
    assert priors["b1"].parameters == (0.104, 0.005)
    assert priors["D1"].parameters == (97.5, 1.5)
    assert priors["D1"].bounds == (75, 120)
    assert priors["b2"].parameters == (0.82, 0.05)
    assert priors["y_f"].parameters == (40.2, 0.9)
    assert priors["y_f"].bounds == (30, 60)
    assert priors["y2"].parameters == pytest.approx((4, 200 / 34))
    assert SILVER.resolved_priors("Ag/Cd")["y_on"].parameters == pytest.approx((4, 6.25))
    assert priors["alpha"].parameters == pytest.approx((0, np.log(3)))
    assert priors["eta"].parameters == (8, 2)
    assert priors["phi"].parameters == (0.05, 0.695)


@pytest.mark.parametrize("name", ["b1", "D1", "b2", "y_f", "y2", "y_on", "alpha", "T", "rho", "eta", "phi"])
def test_priors_agree_with_scipy(name: str) -> None:
    from scipy import stats

    prior = SILVER.resolved_priors("Ag/(Ag+Cd)")[name]
    first, second = prior.parameters
    twin = {
        "normal": lambda: stats.norm(first, second),
        "uniform": lambda: stats.uniform(first, second - first),
        "lognormal": lambda: stats.lognorm(second, scale=np.exp(first)),
        "beta": lambda: stats.beta(first, second),
    }[prior.distribution]()
    u = np.linspace(0.01, 0.99, 25)
    low, high = twin.cdf(prior.bounds[0]), twin.cdf(prior.bounds[1])
    np.testing.assert_allclose(prior.quantile(u), twin.ppf(low + u * (high - low)), rtol=1e-9)
    x = prior.quantile(u)
    gap = prior.log_density(x) - twin.logpdf(x)
    np.testing.assert_allclose(gap, gap[0], atol=1e-8)  # up to a constant


def test_scaled_priors_keep_their_centre_and_bounds() -> None:
    priors = SILVER.resolved_priors("Ag/(Ag+Cd)")
    u = (np.arange(20000) + 0.5) / 20000
    for name, prior in priors.items():
        half, double = prior.scaled(0.5).quantile(u), prior.scaled(2).quantile(u)
        now = prior.quantile(u)
        assert half.std() < now.std() * (0.75 if name == "alpha" else 0.6)
        assert double.std() > now.std() or name in ("rho", "phi")
        assert double.min() >= prior.bounds[0]
        assert double.max() <= prior.bounds[1]
    beta = priors["eta"].scaled(2)
    assert beta.parameters[0] / sum(beta.parameters) == pytest.approx(0.8)


def test_errors_belong_to_the_tree() -> None:
    with pytest.raises(CxKineticsError):
        Prior(name="x", distribution="normal", parameters=(0.0, -1.0))


@pytest.mark.parametrize("system", ["ag-cds", "cu-cds"])
def test_the_species_that_a_shell_offers_are_those_of_the_systems(system: str) -> None:
    assert set(load_system(system).species) <= set(packaged_species())


@pytest.mark.parametrize("basis", ["Ag/(Ag+Cd)", "Ag/Cd", "Ag/S"])
def test_generic_priors_stand_on_every_basis(basis: str) -> None:
    system = System(host="Cd34S33", guest="Cu", product="CuS", max_guests=2)
    full = system.pure_incorporation(2, basis)
    prior = system.resolved_priors(basis)["y2"]  # per anion no trapped host lowers it
    assert 0 < prior.parameters[0] < prior.parameters[1] == pytest.approx(full)


def test_charges_of_any_element_stand_in_the_definition() -> None:
    named = {"host": "In37P20", "guest": "Ga", "product": "GaP", "charge_rule": "charge-balanced"}
    with pytest.raises(InputError, match=r"charge of \w+ is not known.*charges = \{"):
        System(**named, max_guests=2)
    system = System(**named, max_guests=2, charges={"In": 3, "Ga": 3, "P": -3})
    assert system.clusters == ("In37P20", "GaIn36P20", "Ga2In35P20")
    copper = System(**named | {"guest": "Cu", "product": "Cu3P"}, max_guests=3, charges={"In": 3, "Cu": 1})
    assert copper.clusters == ("In37P20", "Cu3In36P20")
    assert System.from_dict(copper.to_dict()) == copper


def test_a_large_particle_has_a_mean_occupancy_and_no_list() -> None:
    large = load_system("cu-cdse")
    assert not large.lists_species
    for use in (lambda: large.species, lambda: large.dopant_counts, lambda: large.species_key("Cu2Se")):
        with pytest.raises(InputError, match=r"up to 500 Cu: it has a mean occupancy and no list"):
            use()
    for basis in ("Cu/(Cu+Cd)", "Cu/Cd", "Cu/Se"):
        for trapped in (0.0, 90.0) if basis != "Cu/Se" else (0.0,):
            y = large.pure_incorporation(300, basis, trapped)
            assert large.mean_guests(y, basis, trapped) == pytest.approx(300)
    assert SILVER.mean_guests(4.0, "Ag/(Ag+Cd)", 16.0) == pytest.approx(2.0)  # the published state
    with pytest.raises(InputError, match="leaves no host"):
        large.mean_guests(100, "Cu/(Cu+Cd)")


def test_states_outside_the_list_have_one_name_each() -> None:
    keys = (*SILVER.species, SILVER.beyond_key, SILVER.disrupted_key)
    assert keys[-2:] == ("more than 2 Ag", "disrupted, with Ag")
    assert len(set(keys)) == len(keys)
