"""Smooth families: Jacobians against central differences, one curve under two sets of columns."""

import numpy as np
import pytest

from cxkinetics.models.decays import DECAYS, BentLineFamily, DecayFamily, JointFamily
from cxkinetics.models.families import StagedFamily

TIME = np.linspace(0.0, 1.0, 31)
SHAPES = {
    "exponential": (2.0,),
    "exponential + drift": (2.0,),
    "biexponential": (6.0, 1.5),
    "stretched exponential": (4.0, 0.7),
    "second order": (3.0,),
    "mixed second order": (2.0, 1.5),
}
RATES = [(8.0, 1.0), (1.0, 8.0), (5.0, 1e-4), (1e-4, 3.0), (0.3, 0.2), (3.0, 3.0 + 1e-9)]


def parameters(family: DecayFamily, nonlinear: tuple[float, ...]) -> np.ndarray:
    amplitudes = [0.7, 0.4][: family.shape.n_columns]
    return np.array([[*amplitudes, *nonlinear, *([0.1] if family.with_offset else [])]])


def slopes(family: DecayFamily, theta: np.ndarray) -> np.ndarray:
    """Jacobian (p, n) by central differences."""
    rows = []
    for j in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[0, j] = 1e-6 * max(1.0, abs(theta[0, j])) if theta[0, j] > 1e-3 else 1e-8
        up, down = family.evaluate(TIME, theta + step)[0], family.evaluate(TIME, theta - step)[0]
        rows.append((up - down)[0] / (2 * step[0, j]))
    return np.array(rows)


@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_jacobian_is_the_derivative(name: str, with_offset: bool, stable: bool) -> None:
    family = DecayFamily(DECAYS[name], with_offset, stable)
    theta = parameters(family, SHAPES[name])
    assert family.evaluate(TIME, theta)[1][0] == pytest.approx(slopes(family, theta), abs=2e-7)


@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("rates", RATES[:-1])
def test_jacobian_of_two_exponentials_near_their_limits(
    rates: tuple[float, float], with_offset: bool
) -> None:
    family = DecayFamily(DECAYS["biexponential"], with_offset, True)
    theta = parameters(family, rates)
    assert family.evaluate(TIME, theta)[1][0] == pytest.approx(slopes(family, theta), abs=2e-7)


@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("rates", RATES)
def test_amplitudes_are_told_for_the_same_curve(rates: tuple[float, float], with_offset: bool) -> None:
    apart = DecayFamily(DECAYS["biexponential"], with_offset, True)
    plain = DecayFamily(DECAYS["biexponential"], with_offset, False)
    theta = parameters(apart, rates)
    told = plain.evaluate(TIME, apart.told(theta))[0]
    assert told == pytest.approx(apart.evaluate(TIME, theta)[0], abs=1e-6)


def test_a_joint_family_is_its_members() -> None:
    members = [DecayFamily(DECAYS[name], True, True) for name in SHAPES]
    joint = JointFamily(tuple(members), (0.0, 0.0, 0.0, 0.2, 0.0, 0.0))
    thetas = [parameters(m, values) for m, values in zip(members, SHAPES.values(), strict=True)]
    rows = np.zeros((len(members), len(joint.names)))
    for row, theta in zip(rows, thetas, strict=True):
        row[: theta.shape[1]] = theta
    curve, jacobian = joint.evaluate(TIME, rows, np.arange(len(members))[:, None])
    for i, (member, theta, delay) in enumerate(zip(members, thetas, joint.delays, strict=True)):
        expected, tangent = member.evaluate(TIME + delay, theta)
        assert np.array_equal(curve[i], expected[0])
        assert np.array_equal(jacobian[i, : theta.shape[1]], tangent[0])
        assert not jacobian[i, theta.shape[1] :].any()
    with pytest.raises(ValueError, match="member"):
        joint.evaluate(TIME, rows)


@pytest.mark.parametrize("rate", [-0.5, 1e-7, 0.8])
def test_a_bent_line_is_the_broken_decay_told_otherwise(rate: float) -> None:
    theta = np.array([[0.9, rate, 0.4, 0.35, 1.1]])
    bent, staged = BentLineFamily(), StagedFamily(2, True)
    curve, jacobian = bent.evaluate(TIME, theta)
    assert curve == pytest.approx(staged.evaluate(TIME, bent.told(theta))[0], abs=1e-8)
    for j in range(5):
        step = np.zeros_like(theta)
        step[0, j] = 1e-6
        slope = (bent.evaluate(TIME, theta + step)[0] - bent.evaluate(TIME, theta - step)[0]) / 2e-6
        assert jacobian[0, j] == pytest.approx(slope[0], abs=1e-7), bent.names[j]
