"""Rates against dose, and one trace read as a sequential scheme."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.models.decays import least_first_rate, read_sequential, sequential_absorbance, staged_decay

TIME = np.arange(0.0, 101.0)


def run(dose: float, seed: int) -> cx.StagedFit:
    rates = np.array([0.056 * (dose / 100) ** 1.2, 0.019 * (dose / 100) ** 0.5])
    noise = np.random.default_rng(seed).normal(0, 0.003, TIME.size)
    signal = staged_decay(TIME, 0.9, rates, np.array([20.0])) + noise
    return cx.fit_stages(cx.Trace(time_s=TIME, absorbance=signal, label=f"{dose:g} %"), n_stages=2)


@pytest.fixture(scope="module")
def fits() -> list:
    return [run(dose, seed) for seed, dose in enumerate((50.0, 75.0, 100.0, 150.0))]


def test_orders_in_silver(fits: list) -> None:
    result = cx.rates_against_dose(fits, [50, 75, 100, 150])
    for order, truth in zip(result.orders, (1.2, 0.5), strict=True):
        assert order.low - 0.02 <= truth <= order.high + 0.02
        assert order.value == pytest.approx(truth, abs=0.1)
    at_100 = next(r for r in result.runs if r.dose_percent == 100)
    assert at_100.stage_loss[0] == pytest.approx(0.673, abs=0.01)
    assert at_100.optical_conversion == pytest.approx(0.93, abs=0.01)
    assert at_100.compositional_conversion.value < 0.3
    assert at_100.gap.value > 0.6
    assert any(w.code == "stages_differ" for w in result.warnings)


def test_order_of_runs_and_labels_do_not_matter(fits: list) -> None:
    one = cx.rates_against_dose(fits, [50, 75, 100, 150])
    doses = {"50 %": 50, "75 %": 75, "100 %": 100, "150 %": 150}
    two = cx.rates_against_dose(fits[::-1], doses)
    assert one.to_dict() == two.to_dict()
    record = json.loads(one.to_json())
    assert record["schema"] == "cxkinetics.rates-against-dose/1"
    assert len(one.table()) == 4
    assert "order in the guest" in str(one)


def test_scatter_between_runs_widens_the_order(fits: list) -> None:
    shuffled = cx.rates_against_dose(fits, [50, 100, 75, 150])
    honest = cx.rates_against_dose(fits, [50, 75, 100, 150])
    assert shuffled.orders[0].se > 3 * honest.orders[0].se
    assert "scatter" in shuffled.orders[0].method


def test_one_dose_gives_no_order(fits: list) -> None:
    result = cx.rates_against_dose(fits[:1], [100])
    assert result.orders[0].value is None
    assert "needs two" in result.orders[0].reason


def test_without_a_dose_curve_only_rates(fits: list) -> None:
    result = cx.rates_against_dose(fits, [50, 75, 100, 150], system="cu-cds")
    assert result.runs[0].compositional_conversion is None
    assert any(w.code == "no_dose_curve" for w in result.warnings)


def test_refusals(fits: list) -> None:
    with pytest.raises(cx.InputError, match="3 doses given for 4 fits"):
        cx.rates_against_dose(fits, [50, 75, 100])
    with pytest.raises(cx.InputError, match="no dose is given for '50 %'"):
        cx.rates_against_dose(fits, {"75 %": 75})
    with pytest.raises(cx.InputError, match="0 or more"):
        cx.rates_against_dose(fits, [50, 75, 100, -1])


def test_bound_on_the_first_step_from_the_published_numbers() -> None:
    bound = least_first_rate(0.3 / 0.9, (326.5 - 324) / (327 - 324), 20.0)
    assert bound == pytest.approx(0.1445, abs=5e-5)


@given(st.floats(0.05, 0.5), st.floats(0.001, 0.04), st.floats(0.05, 0.9), st.floats(0, 0.05))
def test_reading_returns_the_scheme_behind_a_biexponential(k1: float, k2: float, q: float, c: float) -> None:
    share = (q - c) * k1 / (k1 - k2)
    fast, slow = (0.9 * (1 - c - share), k1), (0.9 * share, k2)
    first, _ = read_sequential(fast, slow, 0.9 * c)
    assert (first.k1, first.k2) == (k1, k2)
    assert first.q == pytest.approx(q, abs=1e-9)
    assert first.c == pytest.approx(c, abs=1e-9)
    signal = sequential_absorbance(TIME, k1, k2, q, c)
    twin = (fast[0] * np.exp(-k1 * TIME) + slow[0] * np.exp(-k2 * TIME)) / 0.9 + c
    np.testing.assert_allclose(signal, twin, atol=1e-10)


@given(st.floats(0.05, 0.5), st.floats(0.001, 0.04), st.floats(0.05, 0.9))
def test_both_orders_are_the_same_curve(k1: float, k2: float, q: float) -> None:
    share = q * k1 / (k1 - k2)
    one, two = read_sequential((1 - share, k1), (share, k2))
    np.testing.assert_allclose(
        sequential_absorbance(TIME, one.k1, one.k2, one.q),
        sequential_absorbance(TIME, two.k1, two.k2, two.q),
        atol=1e-9,
    )


def test_sequential_scheme_against_its_differential_equations() -> None:
    from scipy.integrate import solve_ivp

    k1, k2, q, c = 0.15, 0.02, 0.45, 0.03
    found = solve_ivp(
        lambda _, s: [-k1 * s[0], k1 * s[0] - k2 * s[1], k2 * s[1]],
        (0, 100),
        [1, 0, 0],
        t_eval=TIME,
        rtol=1e-10,
        atol=1e-12,
    ).y
    expected = found[0] + q * found[1] + c * found[2]
    np.testing.assert_allclose(sequential_absorbance(TIME, k1, k2, q, c), expected, atol=1e-8)
    equal = sequential_absorbance(TIME, 0.05, 0.05, q)
    near = sequential_absorbance(TIME, 0.05, 0.05 * (1 + 1e-6), q)
    np.testing.assert_allclose(equal, near, atol=1e-6)


def test_a_broken_stick_and_its_sequential_reading_stand_side_by_side() -> None:
    trace = cx.load_example("ag-cds").exciton_peak(near_nm=324)
    found = cx.sequential_implications(cx.fit_stages(trace))
    fast, slow = found.readings
    assert fast.possible
    assert 0 < fast.q < 0.7
    assert not slow.possible
    assert "negative" in slow.reason
    assert found.k1_bound.value > 0.1445
    assert found.broken_stick_k1.value == pytest.approx(0.056, abs=1e-3)
    assert "apparent slope" in found.text
    assert found.delta_aicc > 50
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_cannot_be_read_is_refused(fits: list) -> None:
    with pytest.raises(cx.UsageError, match="positive and different"):
        read_sequential((0.5, 0.1), (0.5, 0.1))
    with pytest.raises(cx.UsageError, match=r"must lie in \(0, 1\]"):
        least_first_rate(1.5, 0.5, 20.0)
    from dataclasses import replace

    with pytest.raises(cx.FitError, match="no biexponential"):
        cx.sequential_implications(replace(fits[0], rivals=()))
