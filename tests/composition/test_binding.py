"""M3: sequential binding with a cooperative step, and how little a dose table says about it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.composition.binding import (
    BindingParameters,
    free_guest,
    identifiability,
    sequential_incorporation,
    sequential_populations,
    sequential_shares,
)
from cxkinetics.composition.mass_balance import guest_count

SILVER = cx.load_system("ag-cds")
PARAMETERS = st.builds(
    BindingParameters,
    binding=st.tuples(st.floats(0.01, 1e3), st.floats(0.01, 1e3)),
    L_av=st.floats(0.01, 100),
    m=st.floats(0.5, 70),
    k_p=st.floats(0, 10),
    phi=st.floats(0.05, 0.69),
)


@given(PARAMETERS, st.floats(0, 200))
@settings(max_examples=50)
def test_the_guest_added_is_all_found(parameters: BindingParameters, dose: float) -> None:
    free = float(free_guest(SILVER, dose, parameters))
    shares = sequential_populations(free, parameters)
    bound = guest_count(SILVER, shares)
    assert (1 + parameters.k_p) * free + bound == pytest.approx(
        34 * dose / 100 / parameters.phi, rel=1e-6, abs=1e-9
    )
    assert shares.sum() == pytest.approx(1)


@given(PARAMETERS)
@settings(max_examples=25)
def test_incorporation_rises_with_dose(parameters: BindingParameters) -> None:
    y = sequential_incorporation(SILVER, np.linspace(0, 200, 41), parameters)
    assert np.all(np.diff(y) >= -1e-6 * (1 + y.max()))


def test_weights_are_those_of_the_model() -> None:
    p = BindingParameters(binding=(2.0, 3.0), L_av=0.5, m=4.0)
    L = 0.7
    weights = np.array([1, 2 * L, 6 * L**2, 6 * L**2 * (L / 0.5) ** 4])
    np.testing.assert_allclose(sequential_populations(L, p), weights / weights.sum())


def test_without_avalanche_it_is_the_binding_polynomial_of_m2() -> None:
    from cxkinetics.composition.occupancy import binding_populations

    p = BindingParameters(binding=(2.0, 0.5), L_av=1e6, m=3.0)
    shares = sequential_populations(0.8, p)
    mean = shares @ [0, 1, 2, 66]
    np.testing.assert_allclose(shares[:3], binding_populations(mean, 4 * 0.5 / 2.0), atol=1e-6)


def test_a_dose_table_identifies_next_to_nothing() -> None:
    found = identifiability(SILVER, [0, 75, 100, 135, 175], BindingParameters())
    assert found.informed_directions <= 4
    assert found.n_parameters == 9
    assert found.sd_ratio["K1"] > 0.99
    assert found.sd_ratio["K2"] > 0.99
    assert all(0 < ratio <= 1 + 1e-9 for ratio in found.sd_ratio.values())
    assert "advanced" in found.label


def test_fit_is_labelled_and_follows_the_published_curve() -> None:
    fit = cx.fit_binding(cx.load_example_dose_table())
    assert fit.label.startswith("advanced")
    assert max(map(abs, fit.residuals_percent)) < 3
    shares = fit.shares_at(50)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["Ag2S"] < 0.01
    assert fit.to_dict()["schema"] == "cxkinetics.binding/1"


def test_refusals() -> None:
    with pytest.raises(cx.UsageError, match="must be positive"):
        BindingParameters(m=0.0)
    with pytest.raises(cx.UsageError, match="2 doping steps"):
        sequential_shares(SILVER, 50.0, BindingParameters(binding=(1.0,)))


def test_hill_rival_recovers_a_published_coefficient() -> None:
    """CdSe + Cu+: Hill n = 7.1, White et al., Nat. Commun. 2013, doi 10.1038/ncomms3933."""
    dose = np.linspace(0, 100, 21)
    y = 40 * dose**7.1 / (50**7.1 + dose**7.1)
    fit = cx.fit_incorporation(cx.DoseTable(dose_percent=dose, incorporation_percent=y))
    hill = next(r for r in fit.rivals if r.model == "Hill")
    assert hill.parameters["h"] == pytest.approx(7.1, rel=1e-3)
    assert fit.verdict["code"] != "avalanche"
