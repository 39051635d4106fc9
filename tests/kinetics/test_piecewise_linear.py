"""The exact broken-line search against R segmented and against its slow, plain twin."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.kinetics.lines import fit_broken_line, fit_line


def slow_twin(x, y, min_distinct=3, dense=400):
    """Least squares at a dense grid of breaks inside every admissible gap."""
    knots = np.unique(x)
    best = (np.inf, np.nan)
    for low, high in zip(
        knots[min_distinct - 1 : -min_distinct], knots[min_distinct : -min_distinct + 1], strict=True
    ):
        for c in np.linspace(low + 1e-6 * (high - low), high, dense):
            design = np.stack([np.ones_like(x), x, np.clip(x - c, 0, None)], axis=1)
            residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            best = min(best, (float(residual @ residual), c))
    return best


@pytest.mark.parametrize("group", ["RKV", "RKW", "RWC"])
def test_plant_breakpoints_against_r_segmented(shared_data, group):
    table = pd.read_csv(shared_data / "reference" / "segmented_r" / "plant.csv")
    reference = json.loads(
        (shared_data / "reference" / "segmented_r" / "r_segmented_reference.json").read_text()
    )
    expected = reference[f"plant_{group}"]
    rows = table[table["group"] == group]
    fit = fit_broken_line(rows["time"], rows["y"], n_breaks=expected["npsi"])
    assert fit.breakpoints == pytest.approx(np.atleast_1d(expected["psi"]), rel=1e-6)
    assert fit.rss == pytest.approx(expected["rss"], rel=1e-6)
    assert fit.rss <= expected["rss"] * (1 + 1e-9)  # never above it; RWC stops 2e-7 short of the optimum
    assert fit.slopes == pytest.approx([slope["est"] for slope in expected["slopes"]], rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 25), st.sampled_from([0.01, 0.3, 3.0]))
def test_the_search_never_misses_the_optimum(seed, n, noise):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 10, n)).round(rng.integers(0, 4))
    if np.unique(x).size < 6:
        return
    y = np.abs(x - rng.uniform(2, 8)) + noise * rng.normal(size=n)
    fit = fit_broken_line(x, y)
    assert fit.rss <= slow_twin(x, y, dense=25)[0] * (1 + 1e-9)


def test_a_break_on_a_sample_is_found():
    x = np.arange(11.0)
    y = np.where(x < 5, x, 10 - x)
    fit = fit_broken_line(x, y)
    assert fit.breakpoints[0] == pytest.approx(5.0, abs=1e-9)
    assert fit.rss < 1e-20


def test_two_breaks_are_found_exactly():
    x = np.linspace(0, 30, 61)
    y = -0.2 * np.minimum(x, 8.3) - 0.05 * np.clip(x - 8.3, 0, 11.4) - 0.3 * np.clip(x - 19.7, 0, None)
    fit = fit_broken_line(x, y, n_breaks=2)
    assert fit.breakpoints == pytest.approx((8.3, 19.7), abs=1e-5)
    assert fit.slopes == pytest.approx((-0.2, -0.05, -0.3), abs=1e-6)


def test_free_joints_take_the_best_gap():
    x = np.arange(12.0)
    y = np.where(x < 5, 1 - 0.3 * x, 4 - 0.1 * x)
    fit = fit_broken_line(x, y, continuous=False)
    assert fit.gaps == ((4.0, 5.0),)
    assert fit.breakpoints == (4.5,)
    assert fit.slopes == pytest.approx((-0.3, -0.1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_scale_shift_and_order_change_nothing(seed, factor, shift):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 10, 30)
    y = np.abs(x - 4) + 0.2 * rng.normal(size=30)
    fit = fit_broken_line(x, y)
    order = rng.permutation(30)
    moved = fit_broken_line((x * factor + shift)[order], y[order], weights=np.full(30, 7.0))
    assert moved.breakpoints[0] == pytest.approx(
        fit.breakpoints[0] * factor + shift, rel=1e-5, abs=1e-5 * factor
    )


def test_too_few_points_are_refused():
    with pytest.raises(UnresolvedBreakpointError, match="3 distinct times each"):
        fit_broken_line([0, 1, 2, 2, 2, 2], [1, 2, 3, 4, 5, 6])


def test_norris_line_has_twelve_digits(shared_data):
    table = np.loadtxt(shared_data / "reference" / "nist_lls" / "norris.csv", delimiter=",", skiprows=1)
    exact = json.loads((shared_data / "reference" / "nist_lls_exact.json").read_text())
    columns = (shared_data / "reference" / "nist_lls" / "norris.csv").read_text().splitlines()[0].split(",")
    x, y = table[:, columns.index("x")], table[:, columns.index("y")]
    slope, intercept, error, _ = fit_line(x, y)
    assert slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert intercept == pytest.approx(-0.262323073774029, rel=1e-12)
    assert error == pytest.approx(0.429796848199937e-03, rel=1e-12)
    assert exact  # the file is there for the multi-column sets
