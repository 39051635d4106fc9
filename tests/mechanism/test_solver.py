"""The integrator of mechanisms against scipy, its sensitivities against differences, what it conserves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cxkinetics.arrays import Array
from cxkinetics.mechanism.scheme import Mechanism, load_mechanism
from cxkinetics.mechanism.solver import RATIO, solve
from tests.mechanism.conftest import BEST

DOSES = np.array([28.0, 75.0, 100.0, 135.0, 175.0])
TIMES = np.array([0.0, 3.0, 20.0, 100.0, 1200.0])


def columns(theta: Array, count: int) -> Array:
    return np.repeat(theta[:, None], count, axis=1)


def by_lsoda(dose: float) -> Array:
    """The equations written out by hand, without the scheme, its laws or the network."""
    v = BEST
    full = 34 / v["phi"]

    def change(_: float, c: Array) -> list[float]:
        free = full * dose / 100 - (c[1] + 2 * c[2] + v["nF"] * c[3] + 66 * c[4])
        first = 2 * v["kf"] * free * c[0] - v["kf"] / v["K"] * c[1]
        second = v["kf"] * v["alpha"] * free * c[1] - 2 * v["kf"] / v["K"] * c[2]
        broken = v["kd"] * (free / full) ** v["a"] * c[2] - v["kr"] * c[3]
        product = v["kP"] * (free / full) ** v["m"]
        return [
            -first,
            first - second,
            second - broken - product * c[2],
            broken - product * c[3],
            product * (c[2] + c[3]),
        ]

    done = solve_ivp(change, (0, 1200), [1, 0, 0, 0, 0], "LSODA", TIMES, rtol=1e-10, atol=1e-13)
    assert done.success
    return np.asarray(done.y.T)


def test_shares_against_lsoda(dark: Mechanism, best: Array) -> None:
    reference = np.stack([by_lsoda(dose) for dose in DOSES], axis=2)
    error = {
        ratio: np.abs(solve(dark, columns(best, 5), DOSES, TIMES, ratio=ratio).share - reference).max()
        for ratio in (RATIO, 1 + (RATIO - 1) / 4)
    }
    assert error[RATIO] < 3e-4
    # four times finer: 256 times less, of which half the logarithm must be there at least
    assert error[1 + (RATIO - 1) / 4] < error[RATIO] / 16
    assert error[1 + (RATIO - 1) / 4] < 3e-6


def test_sensitivities_are_those_of_the_numbers_returned(dark: Mechanism, best: Array) -> None:
    slope = solve(dark, columns(best, 5), DOSES, TIMES).slope()
    for p in range(best.size):
        step = 1e-5 * best[p]
        up, down = best.copy(), best.copy()
        up[p] += step
        down[p] -= step
        higher, lower = (solve(dark, columns(v, 5), DOSES, TIMES).share for v in (up, down))
        wanted = (higher - lower) / (2 * step)
        assert slope[:, p] == pytest.approx(wanted, rel=1e-5, abs=1e-6 * np.abs(wanted).max() + 1e-9)


def test_clusters_are_conserved_and_guest_is_never_overdrawn(dark: Mechanism, best: Array) -> None:
    theta = best.copy()
    theta[dark.names.index("phi")] = 0.69  # 49 guests per cluster at 100 %, 66 in the product
    theta[dark.names.index("kP")] = 1.0
    course = solve(dark, columns(theta, 5), DOSES, TIMES)
    assert not course.failed.any()
    assert course.share.sum(axis=1) == pytest.approx(np.ones((5, 5)), abs=1e-9)
    assert course.share.min() > -1e-3
    held = np.array([0, 1, 2, theta[dark.names.index("nF")], 66])
    taken = np.einsum("s,tsd->td", held, course.share)
    assert np.all(taken <= 34 / 0.69 * DOSES / 100 * (1 + 1e-9))


def test_systems_of_a_batch_do_not_know_each_other(dark: Mechanism, best: Array) -> None:
    theta = np.stack([best, best * 1.01], axis=1)
    both = solve(dark, theta, np.array([50.0, 120.0]), TIMES)
    alone = solve(dark, theta[:, 1:], np.array([120.0]), TIMES)
    assert both.share[..., 1] == pytest.approx(alone.share[..., 0], abs=1e-12)
    assert both.slope()[..., 1] == pytest.approx(alone.slope()[..., 0], rel=1e-6, abs=1e-9)
    some = both.slope(np.array([False, True]))
    assert some == pytest.approx(both.slope()[..., 1:], rel=1e-12, abs=1e-15)


def test_early_times_get_early_steps(dark: Mechanism, best: Array) -> None:
    """Readings a thousand times earlier, of a mechanism a thousand times faster, are the same numbers."""
    fast = best.copy()
    for name in ("kf", "kP", "kd", "kr"):
        fast[dark.names.index(name)] *= 1000
    slow, quick = (
        solve(dark, columns(theta, 5), DOSES, TIMES[:-1] / speed).share
        for theta, speed in ((best, 1.0), (fast, 1000.0))
    )
    assert quick == pytest.approx(slow, abs=2e-4)


@pytest.mark.parametrize("name", ["two-silver", "sequential"])
def test_the_other_packaged_mechanisms_are_solved(name: str) -> None:
    mechanism = load_mechanism(name)
    theta = np.array([BEST[parameter] for parameter in mechanism.names])
    course = solve(mechanism, columns(theta, 5), DOSES, TIMES)
    assert not course.failed.any()
    product = course.share[-1, mechanism.index("Ag2S")]
    assert np.all(np.diff(product) > 0)  # more silver, more Ag2S
