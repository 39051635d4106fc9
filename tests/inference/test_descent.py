"""The batched descent on problems of its two kinds."""

import numpy as np
import pytest

from cxkinetics.inference.descent import Products, minimise


class Rosenbrock:
    """(10 (y - x^2), 1 - x) for a batch, told by its normal equations; counts how often it is asked."""

    def __init__(self, floor: float = 0.0) -> None:
        self.asked, self.floor = 0, floor

    def evaluate(self, theta: np.ndarray) -> tuple[np.ndarray, Products]:
        self.asked += 1
        x, y = theta.T
        residual = np.stack([10 * (y - x**2), 1 - x], axis=1)
        jacobian = np.zeros((x.size, 2, 2))
        jacobian[:, 0, 0], jacobian[:, 1, 0], jacobian[:, 0, 1] = 20 * x, -10.0, 1.0

        def products(which: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
            chosen = slice(None) if which is None else which
            j, r = jacobian[chosen], residual[chosen]
            return j @ j.transpose(0, 2, 1), (j @ r[:, :, None])[:, :, 0]

        noise = self.floor * np.random.default_rng(self.asked).uniform(0, 1, x.size)
        return np.sum(residual**2, axis=1) + noise, products

    def rows(self, index: np.ndarray) -> "Rosenbrock":
        return self


STARTS = np.array([[-1.2, 1.0], [2.0, 2.0], [0.0, -3.0]])


def test_every_start_of_the_batch_comes_to_the_minimum() -> None:
    done = minimise(Rosenbrock(), STARTS)
    assert done.converged.all()
    assert done.theta == pytest.approx(np.ones((3, 2)), abs=1e-6)


def test_a_box_and_a_held_parameter_are_kept() -> None:
    done = minimise(Rosenbrock(), STARTS, upper=np.array([0.5, np.inf]))
    assert done.theta == pytest.approx(np.tile([0.5, 0.25], (3, 1)), abs=1e-6)
    held = minimise(Rosenbrock(), STARTS, free=np.array([False, True]))
    assert np.array_equal(held.theta[:, 0], STARTS[:, 0])
    assert held.theta[:, 1] == pytest.approx(STARTS[:, 0] ** 2, abs=1e-6)


def test_no_step_exceeds_its_reach() -> None:
    places = []

    class Watched(Rosenbrock):
        def evaluate(self, theta: np.ndarray) -> tuple[np.ndarray, Products]:
            places.append(theta[0].copy())
            return super().evaluate(theta)

    done = minimise(Watched(), STARTS[:1], reach=np.array([0.1, np.inf]), iterations=200)
    assert done.theta == pytest.approx(np.ones((1, 2)), abs=1e-5)
    assert np.abs(np.diff(np.array(places)[:, 0])).max() < 0.3  # a rejected place and the next one apart


def test_a_misfit_that_rounding_keeps_moving_rests_by_its_step() -> None:
    still, restless = Rosenbrock(1e-9), Rosenbrock(1e-9)
    done = minimise(still, STARTS[:1], tolerance=1e-14, still=1e-7, iterations=60)
    minimise(restless, STARTS[:1], tolerance=1e-14, iterations=60)
    assert done.converged.all()
    assert done.theta == pytest.approx(np.ones((1, 2)), abs=1e-3)
    assert still.asked < restless.asked
