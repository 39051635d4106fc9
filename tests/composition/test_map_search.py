"""The exact search of the broken dose curve, against a slow twin and its own properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.composition.curve import (
    QUANTITIES,
    Cells,
    MapPoints,
    acceptance,
    incorporation,
    profile_quantity,
    search,
)
from cxkinetics.errors import FitError


def points_of(dose, y, low=None, high=None, weight=None) -> MapPoints:
    dose, y = np.asarray(dose, float), np.asarray(y, float)
    low = dose if low is None else np.asarray(low, float)
    high = dose if high is None else np.asarray(high, float)
    return MapPoints(low, high, y, np.ones_like(y) if weight is None else np.asarray(weight, float))


def noisy_table(seed: int, *, censored: bool) -> MapPoints:
    rng = np.random.default_rng(seed)
    dose = np.sort(rng.choice(np.arange(0, 180, 5), rng.integers(6, 14), replace=False)).astype(float)
    curve = incorporation(dose, 0.1, rng.uniform(40, 120), 0.8, rng.uniform(15, 45))
    y = np.abs(curve + rng.normal(0, rng.choice([0.1, 1, 4]), dose.size))
    low, high = dose.copy(), dose.copy()
    if censored:
        rows = rng.choice(dose.size, 2, replace=False)
        low[rows] = np.maximum(0, low[rows] - rng.uniform(1, 12, 2))
        high[rows] += rng.uniform(1, 12, 2)
    return points_of(dose, y, low, high, rng.uniform(0.5, 2, dose.size))


def many_starts(points: MapPoints) -> float:
    from scipy.optimize import least_squares

    root = np.sqrt(points.weight)

    def residuals(v: np.ndarray) -> np.ndarray:
        return root * points.residuals(*(np.asarray(u) for u in (abs(v[0]), v[1], abs(v[2]), v[3])))

    best = np.inf
    end = float(points.high.max())
    for D1 in np.linspace(1, end - 1, 8):
        for slope in (0.1, 0.6, 2.0):
            found = least_squares(
                residuals, [0.1, D1, slope, float(points.y.max())], x_scale=[0.01, 5, 0.1, 1]
            )
            if 0 <= found.x[1] <= end:
                best = min(best, 2 * found.cost)
    return best


@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_start_of_a_local_fit_does_better(seed: int, censored: bool) -> None:
    points = noisy_table(seed, censored=censored)
    assert search(Cells(points)).best().rss <= many_starts(points) * (1 + 1e-7) + 1e-9


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_units_are_scale_free(seed: int, dose_unit: float, y_unit: float) -> None:
    points = noisy_table(seed, censored=bool(seed % 2))
    scaled = MapPoints(
        points.low * dose_unit, points.high * dose_unit, points.y * y_unit, points.weight * 7.0
    )
    one, two = search(Cells(points)).best(), search(Cells(scaled)).best()
    assert two.rss == pytest.approx(one.rss * y_unit**2 * 7.0, rel=1e-6, abs=1e-9 * y_unit**2)


def test_row_order_does_not_matter() -> None:
    points = noisy_table(3, censored=True)
    order = np.random.default_rng(0).permutation(points.y.size)
    shuffled = MapPoints(*(v[order] for v in (points.low, points.high, points.y, points.weight)))
    assert search(Cells(shuffled)).best().b2 == pytest.approx(search(Cells(points)).best().b2, rel=1e-9)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_profile_holds_the_quantity_and_meets_the_optimum(quantity: str) -> None:
    points = noisy_table(1, censored=False)
    cells = Cells(points)
    best = search(cells).best()
    value = best.value(quantity)
    profile = search(cells, quantity, np.array([0.9 * value, value, 1.1 * value])).profile()
    assert profile[1] == pytest.approx(best.rss, rel=1e-6)
    assert profile[0] >= best.rss * (1 - 1e-9)
    assert profile[2] >= best.rss * (1 - 1e-9)


def test_profile_against_a_slow_twin() -> None:
    from scipy.optimize import minimize

    dose = np.array([0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175.0])
    noise = np.random.default_rng(2).normal(0, 0.3, dose.size)
    points = points_of(dose, np.abs(incorporation(dose, 0.107, 97.0, 0.81, 40.0) + noise))
    cells = Cells(points)
    best = search(cells).best()
    for held in (best.b2 * 0.93, best.b2 * 1.08):
        fast = search(cells, "b2", np.array([held])).profile()[0]

        def rss(v: np.ndarray, held: float = held) -> float:
            return float(points.rss(*(np.asarray(u) for u in (abs(v[0]), v[1], held, v[2]))))

        starts = ([best.b1, D1, best.y_f] for D1 in np.linspace(best.D1 - 6, best.D1 + 6, 7))
        options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000}
        slow = min(minimize(rss, start, method="Nelder-Mead", options=options).fun for start in starts)
        assert fast == pytest.approx(slow, rel=1e-5)
        assert fast <= slow * (1 + 1e-9)


def test_interval_edge_sits_on_the_limit() -> None:
    points = noisy_table(4, censored=False)
    cells = Cells(points)
    best = search(cells).best()
    scale = float(np.sum(points.weight * points.y**2))
    accept = acceptance(best.rss, points.y.size - 4, 0.95, absolute_sigma=False, scale=scale)
    found = profile_quantity(cells, best, "y_f", accept, name="plateau", unit="%").estimate
    for edge in (found.low, found.high):
        assert search(cells, "y_f", np.array([edge])).profile()[0] == pytest.approx(accept.limit, rel=1e-3)


def test_intervals_do_not_change_when_all_weights_are_multiplied() -> None:
    dose = [0, 30, 60, 90, 100, 110, 120, 130, 140, 150, 170]
    rng = np.random.default_rng(5)
    y = incorporation(dose, 0.1, 98.0, 0.8, 40.0) + rng.normal(0, 0.4, len(dose))
    ends = []
    for weight in (1.0, 1e4):
        points = points_of(dose, np.abs(y), weight=np.full(len(dose), weight))
        cells = Cells(points)
        best = search(cells).best()
        accept = acceptance(best.rss, 7, 0.95, absolute_sigma=False, scale=1.0)
        found = profile_quantity(cells, best, "D1", accept, name="D1", unit="%").estimate
        ends.append((found.low, found.high))
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)


def test_two_doses_cannot_hold_a_curve() -> None:
    with pytest.raises(FitError, match="at least 3 distinct doses"):
        Cells(points_of([0, 0, 50], [0, 0.1, 5]))


@pytest.mark.slow
def test_coverage_of_the_profile_intervals() -> None:
    rng = np.random.default_rng(11)
    dose = np.array([0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175.0])
    truth = dict(zip(("b1", "D1", "b2", "y_f"), (0.107, 97.0, 0.81, 40.0), strict=True))
    hits, runs = dict.fromkeys(truth, 0), 200
    for _ in range(runs):
        points = points_of(dose, np.abs(incorporation(dose, **truth) + rng.normal(0, 0.3, dose.size)))
        cells = Cells(points)
        best = search(cells).best()
        accept = acceptance(best.rss, dose.size - 4, 0.95, absolute_sigma=False, scale=1.0)
        for quantity, value in truth.items():
            e = profile_quantity(cells, best, quantity, accept, name=quantity, unit="").estimate
            hits[quantity] += e.low <= value <= e.high
    for quantity, count in hits.items():
        assert 0.91 <= count / runs <= 0.99, quantity
