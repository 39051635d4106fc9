"""M1: every stated number of the mass balance, and its closure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.composition import mass_balance as mb
from cxkinetics.composition.system import load_system
from cxkinetics.errors import InputError, UsageError

SILVER = load_system("ag-cds")
ONE, TWO, FULL = np.eye(4)[1], np.eye(4)[2], np.eye(4)[3]


def test_pure_states() -> None:
    assert mb.incorporation_of_state(SILVER, ONE) == pytest.approx(2.9412, abs=5e-5)
    assert mb.incorporation_of_state(SILVER, TWO) == pytest.approx(5.8824, abs=5e-5)
    assert mb.incorporation_of_state(SILVER, FULL, basis="Ag/S") == pytest.approx(200.0)
    assert mb.incorporation_of_state(SILVER, FULL, T=97.366) == pytest.approx(40.4, abs=1e-3)


@pytest.mark.parametrize(("basis", "two", "one"), [("Ag/(Ag+Cd)", 16.0, -2.75), ("Ag/Cd", 18.0, -1.75)])
def test_trapped_cadmium_of_the_observed_states(basis: str, two: float, one: float) -> None:
    assert mb.trapped_host(SILVER, TWO, 4.0, basis=basis) == pytest.approx(two)
    assert mb.trapped_host(SILVER, ONE, 3.2, basis=basis) == pytest.approx(one)
    assert mb.least_mean_dopants(SILVER, 3.2) == pytest.approx(1.088)


@pytest.mark.parametrize(("basis", "value", "digits"), [("Ag/(Ag+Cd)", 97.366, 3), ("Ag/Cd", 163.4, 1)])
def test_trapped_cadmium_of_the_plateau(basis: str, value: float, digits: int) -> None:
    assert round(float(mb.trapped_and_retained_at_plateau(SILVER, 40.4, basis=basis)), digits) == value


def test_one_trapped_host_needs_a_low_recovery() -> None:
    assert mb.recovery_at_plateau(SILVER, 40.4, T=16.0) == pytest.approx(0.164, abs=5e-4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"T": 97.37, "rho": 0.0}, (0.138, 0.231, 0.640)),
        ({"T": 63.37, "rho": 1.0}, (0.101, 0.178, 0.569)),
        ({"T": 163.4, "basis": "Ag/Cd"}, (0.205, 0.319, 0.729)),
    ],
)
def test_conversions_by_mass_balance(options: dict, expected: tuple) -> None:
    found = mb.conversion(SILVER, [8.0, 12.1, 28.3], **options)
    np.testing.assert_allclose(found, expected, atol=0.002)


def test_linear_lever() -> None:
    np.testing.assert_allclose(
        mb.linear_lever([8.0, 12.1, 28.3], 4.0, 40.4), (0.110, 0.2225, 0.668), atol=5e-4
    )


def test_dose_limits() -> None:
    assert mb.dose_of_full_exchange(SILVER) == pytest.approx(194.118, abs=5e-4)
    assert mb.saturation_share_cap(SILVER, 135.0) == pytest.approx(0.69545, abs=5e-6)
    args = (SILVER, 100.0, 12.1, 135.0)
    assert mb.equilibrium_share_cap(*args, T=97.366) == pytest.approx(0.242, abs=5e-4)
    assert mb.equilibrium_share_cap(*args, T=63.366, rho=1.0) == pytest.approx(0.226, abs=5e-4)


def test_wash_series() -> None:
    assert mb.removable_share(31.6, 12.1) == pytest.approx(0.7020, abs=5e-5)
    assert mb.removable_share(31.6, 12.1, "Ag/Cd") == pytest.approx(0.6171, abs=5e-5)
    with pytest.raises(InputError, match="from the higher incorporation to the lower"):
        mb.removable_share(12.1, 31.6)


SHARES = st.lists(st.floats(0.001, 1), min_size=4, max_size=4).map(lambda v: np.array(v) / sum(v))


@given(
    SHARES, st.floats(0, 200), st.floats(0, 1), st.floats(0.05, 1), st.sampled_from(["Ag/(Ag+Cd)", "Ag/Cd"])
)
def test_mass_balance_closes(shares: np.ndarray, T: float, rho: float, eta: float, basis: str) -> None:
    y = mb.incorporation_of_state(SILVER, shares, T=T, rho=rho, eta=eta, basis=basis)
    back = mb.trapped_host(SILVER, shares, y, rho=rho, eta=eta, basis=basis)
    assert float(back) == pytest.approx(T, abs=1e-9 * (1 + T) * 100)
    guests, hosts = mb.guest_count(SILVER, shares, eta=eta), mb.host_count(SILVER, shares, T=T, rho=rho)
    assert guests * (100 / y) == pytest.approx(hosts + guests if basis == "Ag/(Ag+Cd)" else hosts, rel=1e-9)
    if eta == 1 and rho == 1:  # no host lost: what left the lattice is still counted
        assert hosts == pytest.approx(34 + T)


@given(st.floats(0, 1), st.floats(0, 200), st.floats(0, 1), st.floats(0.2, 1))
def test_conversion_is_the_inverse_of_the_state(X: float, T: float, rho: float, eta: float) -> None:
    shares = np.array([0, 0, 1 - X, X])
    for basis in ("Ag/(Ag+Cd)", "Ag/Cd", "Ag/S"):
        if basis == "Ag/Cd" and X == 1 and T == 0 and rho == 0:
            continue
        if T + rho < 1e-3:
            continue
        y = mb.incorporation_of_state(SILVER, shares, T=T, rho=rho, eta=eta, basis=basis)
        found = mb.conversion(SILVER, y, T=T, rho=rho, eta=eta, basis=basis)
        assert float(found) == pytest.approx(X, abs=1e-6)


@given(SHARES)
def test_guest_shares_sum_to_one(shares: np.ndarray) -> None:
    assert mb.guest_shares(SILVER, shares).sum() == pytest.approx(1)


def test_host_does_not_enter_on_the_anion_basis() -> None:
    with pytest.raises(UsageError, match="host does not enter"):
        mb.trapped_host(SILVER, TWO, 4.0, basis="Ag/S")
