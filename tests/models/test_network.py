"""Concentrations against their differential equations, derivatives against differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from cxkinetics.models.network import concentrations, decay_rates, network_of, parse_scheme

CASES = [
    ("A -> B; B -> C", [0.056, 0.019], []),
    ("A -> B; B -> C", [0.03, 0.03], []),  # no full set of eigenvectors
    ("A -> B; B -> C", [0.03, 0.03 * (1 + 1e-9)], []),
    ("A -> B; B -> C", [0.03, 0.03 * (1 + 1e-4)], []),
    ("A <-> B; B -> C; A -> C", [0.05, 0.02, 0.01, 0.004], []),
    ("A -> B; B -> C; C -> A", [0.1, 0.1, 0.1], []),  # complex eigenvalues
    ("A -> 2 B; B -> C + D", [0.05, 0.01], []),
    ("A -> B | A -> B", [0.05, 0.01], [20.3]),
    ("A -> B; B -> C | B -> C | A -> C", [0.05, 0.03, 0.01, 0.2], [20.3, 51.3]),
]


@pytest.mark.parametrize(("text", "rates", "breaks"), CASES)
def test_concentrations_solve_the_rate_equations(text, rates, breaks) -> None:
    network = network_of(parse_scheme(text))
    rates, breaks = np.array(rates), np.array(breaks, dtype=float)
    time = np.linspace(0, 100, 41)
    value, _ = concentrations(network, time, rates, breaks)
    state, edges = network.initial, [0.0, *breaks, 100.001]
    expected = np.empty_like(value)
    for stage in range(network.steps.shape[0]):
        matrix = np.tensordot(rates, network.steps[stage], 1)
        inside = (time >= edges[stage]) & (time < edges[stage + 1])
        solution = solve_ivp(
            lambda _, c, matrix=matrix: matrix @ c,
            (edges[stage], edges[stage + 1]),
            state,
            dense_output=True,
            rtol=1e-10,
            atol=1e-12,
            method="DOP853",
        )
        expected[inside] = solution.sol(time[inside]).T
        state = solution.y[:, -1]
    assert np.abs(value - expected).max() < 1e-9


@pytest.mark.parametrize(("text", "rates", "breaks"), CASES)
def test_derivatives_are_those_of_central_differences(text, rates, breaks) -> None:
    network = network_of(parse_scheme(text))
    point = np.array([*rates, *breaks])
    time = np.linspace(0, 100, 41)

    def value(at):
        return concentrations(network, time, at[: len(rates)], at[len(rates) :])[0]

    _, derivative = concentrations(network, time, np.array(rates), np.array(breaks, dtype=float))
    for j in range(point.size):
        step = 2e-4 * point[j] * (np.arange(point.size) == j)
        expected = (8 * (value(point + step) - value(point - step)) - value(point + 2 * step)
                    + value(point - 2 * step)) / (12 * step[j])  # fmt: skip
        assert np.abs(derivative[j] - expected).max() < 1e-6 * np.abs(expected).max()


@settings(max_examples=40, deadline=None)
@given(k1=st.floats(1e-3, 1), k2=st.floats(1e-3, 1), k3=st.floats(1e-3, 1), scale=st.floats(1e-3, 1e3))
def test_mass_is_kept_and_time_scales(k1, k2, k3, scale) -> None:
    network = network_of(parse_scheme("A -> B; B <-> C"))
    rates, time = np.array([k1, k2, k3]), np.linspace(0, 60, 30)
    value, _ = concentrations(network, time, rates, np.array([]))
    assert np.allclose(value.sum(axis=1), 1, atol=1e-9)
    assert value.min() > -1e-9
    scaled, _ = concentrations(network, time * scale, rates / scale, np.array([]))
    assert np.allclose(scaled, value, atol=1e-8)


def test_equal_rates_in_both_stages_are_no_break() -> None:
    time = np.linspace(0, 80, 33)
    one, _ = concentrations(network_of(parse_scheme("A -> B")), time, np.array([0.03]), np.array([]))
    two, _ = concentrations(
        network_of(parse_scheme("A -> B | A -> B")), time, np.array([0.03, 0.03]), np.array([31.0])
    )
    assert np.allclose(one, two, atol=1e-14)


def test_observed_rates_are_eigenvalues() -> None:
    network = network_of(parse_scheme("A <-> B"))
    assert decay_rates(network, np.array([0.05, 0.02])).tolist() == pytest.approx([0.07])
