"""M2: binding polynomial in closed form, product share, species."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.composition.occupancy import (
    binding_populations,
    largest_single_share,
    least_cooperativity_for,
    product_share,
    site_cooperativity,
    species_shares,
)

ALPHA = st.floats(0.01, 100)


@given(st.floats(0.001, 1.999), ALPHA)
def test_closed_form_against_the_polynomial(mean: float, alpha: float) -> None:
    """x from mean n = (2x + 2 alpha x^2)/Z, then p = [1, 2x, alpha x^2]/Z."""
    roots = np.roots([alpha * (mean - 2), 2 * (mean - 1), mean])
    x = max(root.real for root in roots)
    weights = np.array([1, 2 * x, alpha * x**2])
    np.testing.assert_allclose(binding_populations(mean, alpha), weights / weights.sum(), atol=1e-9)


@given(st.integers(1, 6), st.floats(0, 1), ALPHA)
def test_populations_have_the_mean_asked_for(n_sites: int, share: float, alpha: float) -> None:
    populations = binding_populations(share * n_sites, alpha, n_sites)
    assert populations.sum() == pytest.approx(1, abs=1e-12)
    assert populations.min() >= -1e-12
    assert np.arange(n_sites + 1) @ populations == pytest.approx(share * n_sites, abs=1e-9)


@given(st.floats(0.01, 1.99), ALPHA)
def test_general_solver_agrees_with_the_closed_form(mean: float, alpha: float) -> None:
    from cxkinetics.composition.occupancy import _general_populations

    general = _general_populations(np.array(mean), np.array(alpha), 2)
    np.testing.assert_allclose(general, binding_populations(mean, alpha), atol=1e-9)


def test_independent_sites_are_binomial() -> None:
    p = 0.3
    expected = [(1 - p) ** 4, 4 * p * (1 - p) ** 3, 6 * p**2 * (1 - p) ** 2, 4 * p**3 * (1 - p), p**4]
    np.testing.assert_allclose(binding_populations(4 * p, 1.0, 4), expected, atol=1e-10)


@pytest.mark.parametrize(("alpha", "share"), [(1, 0.5), (4, 0.333), (0.25, 0.667), (1.94, 0.418)])
def test_largest_share_of_the_one_guest_cluster(alpha: float, share: float) -> None:
    assert largest_single_share(alpha) == pytest.approx(share, abs=5e-4)
    found = binding_populations(np.linspace(0, 2, 20001), alpha)[1].max()
    assert found == pytest.approx(1 / (1 + np.sqrt(alpha)), abs=1e-8)


def test_ninety_percent_of_the_one_guest_cluster_needs_strong_anticooperativity() -> None:
    assert least_cooperativity_for(0.9) == pytest.approx(0.0123, abs=5e-5)
    assert site_cooperativity(34) == pytest.approx(1.94, abs=5e-3)


@given(st.floats(0, 60), st.floats(2, 6), st.floats(2, 6), st.floats(30, 50), ALPHA, st.integers(1, 4))
def test_species_sum_to_one(y: float, y2: float, y_on: float, y_f: float, alpha: float, steps: int) -> None:
    shares = species_shares(y, y2=y2, y_on=y_on, y_f=y_f, alpha=alpha, n_steps=steps)
    assert shares.shape == (steps + 2,)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert shares.min() >= -1e-12


def test_product_share_is_linear_between_onset_and_plateau() -> None:
    assert product_share([3.0, 4.0, 22.2, 40.4, 50.0], 4.0, 40.4).tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert product_share(50.0, 60.0, 40.0) == 0  # a plateau below the onset never turns


@pytest.mark.parametrize("alpha", [1e-9, 1e-3, 1e3, 1e9])
def test_clusters_of_many_guests_have_their_mean_however_cooperative(alpha: float) -> None:
    mean = np.linspace(0, 8, 161)  # a Newton step alone creeps where one cluster holds nearly all
    populations = binding_populations(mean, alpha, 8)
    np.testing.assert_allclose(np.arange(9) @ populations, mean, atol=1e-10)
    assert populations[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert populations[:, -1].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 1]
