"""Bent laws against their differential equations, central differences and each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.models.laws import EARLY, LAWS, SHAPES

TIME = np.linspace(0.0, 1.0, 41)
UNEVEN = np.concatenate([[0.0, 0.003, 0.01], np.sort(np.random.default_rng(3).uniform(0.02, 1.0, 20))])


def share(name: str, *nonlinear: float, time: np.ndarray = TIME) -> np.ndarray:
    return LAWS[name].function(time, np.array([nonlinear]))[0][0, 0]


def legendre(u: float, a: tuple[float, ...]) -> float:
    v = 2 * u - 1
    return sum(c * p for c, p in zip(a, (v, (3 * v**2 - 1) / 2, (5 * v**3 - 3 * v) / 2), strict=False))


RIGHT_SIDES = {
    "order n": lambda t, x, k, n: -k * x**n,
    "saturation": lambda t, x, k, w: -k * x / (1 - w + w * x),
    "delayed exponential": lambda t, x, k, td: -k * (1 - np.exp(-t / td)) * x,
    "smooth rate, degree 1": lambda t, x, k, *a: -k * np.exp(legendre(t, a)) * x,
    "smooth rate, early, degree 1": lambda t, x, k, *a: (
        -k * np.exp(legendre(np.log1p(t / EARLY) / np.log1p(1 / EARLY), a)) * x
    ),
}
for kind in ("", ", early"):
    for degree in (2, 3):
        RIGHT_SIDES[f"smooth rate{kind}, degree {degree}"] = RIGHT_SIDES[f"smooth rate{kind}, degree 1"]
CASES = [
    ("order n", (2.0, 1.4)),
    ("order n", (2.0, 2.9)),
    ("order n", (1.1, 0.5)),
    ("order n", (3.0, 1.0 + 1e-7)),
    ("saturation", (2.0, 0.03)),
    ("saturation", (1.1, 0.75)),
    ("saturation", (1.3, 0.97)),
    ("delayed exponential", (4.0, 0.1)),
    ("delayed exponential", (4.0, 1.5)),
    ("smooth rate, degree 1", (2.0, -0.8)),
    ("smooth rate, degree 2", (2.0, -0.8, 1.1)),
    ("smooth rate, degree 3", (1.5, -2.0, 1.1, -0.7)),
    ("smooth rate, early, degree 1", (2.0, 0.8)),
    ("smooth rate, early, degree 2", (2.0, -1.5, 0.4)),
    ("smooth rate, early, degree 3", (2.0, -1.5, 0.4, 0.6)),
]


@pytest.mark.parametrize("time", [TIME, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(("name", "values"), CASES)
def test_a_law_solves_its_differential_equation(
    name: str, values: tuple[float, ...], time: np.ndarray
) -> None:
    done = solve_ivp(
        RIGHT_SIDES[name], (0, 1), [1.0], t_eval=time, args=values, rtol=1e-10, atol=1e-12, method="DOP853"
    )
    assert share(name, *values, time=time) == pytest.approx(done.y[0], abs=3e-8)


@pytest.mark.parametrize(("order", "end"), [(0.0, 0.5), (0.5, 1.0), (2 / 3, 0.75)])
def test_orders_below_one_end_and_stay_at_zero(order: float, end: float) -> None:
    """Zero order falls along a line, a cylinder's area as a square, a sphere's as a cube."""
    rate = 1 / (end * (1 - order))
    expected = np.maximum(1 - TIME / end, 0.0) ** (1 / (1 - order))
    assert share("order n", rate, order) == pytest.approx(expected, abs=1e-12)


def test_saturation_is_the_closed_form_of_lambert() -> None:
    for w in (0.2, 0.5, 0.9):
        km, k = (1 - w) / w, 2.5
        vmax = k * (1 + km)
        expected = km * lambertw(np.exp((1 - vmax * TIME) / km) / km).real
        assert share("saturation", k, w) == pytest.approx(expected, abs=1e-13)


def test_layers_keep_their_integral_laws() -> None:
    k = 1.7
    run = np.minimum(k * TIME, 1.0)
    x = share("parabolic diffusion", k)
    assert (1 - x) ** 2 == pytest.approx(run, abs=1e-12)
    x = share("Jander diffusion", k)
    assert (1 - np.cbrt(x)) ** 2 == pytest.approx(run, abs=1e-12)
    x = share("Ginstling-Brounshtein diffusion", k)
    converted = 1 - x
    assert 3 * (1 - 2 * converted / 3 - np.cbrt(x) ** 2) == pytest.approx(run, abs=1e-12)


def test_laws_meet_the_plain_ones_at_their_limits() -> None:
    exponential = np.exp(-3.0 * TIME)
    assert share("order n", 3.0, 1.0) == pytest.approx(exponential, abs=1e-14)
    assert share("order n", 3.0, 2.0) == pytest.approx(1 / (1 + 3 * TIME), abs=1e-14)
    assert share("saturation", 3.0, 0.0) == pytest.approx(exponential, abs=1e-14)
    assert share("smooth rate, degree 3", 3.0, 0.0, 0.0, 0.0) == pytest.approx(exponential, abs=1e-12)
    assert share("smooth rate, degree 3", 3.0, -1.0, 0.4, 0.0) == pytest.approx(
        share("smooth rate, degree 2", 3.0, -1.0, 0.4), abs=1e-14
    )
    below, above = (share("order n", 3.0, 1 + d) for d in (-1e-4, 1e-4))
    assert (below + above) / 2 == pytest.approx(exponential, abs=1e-7)


SLOPES = [
    *CASES[1:3],
    *CASES[4:],
    ("order n", (3.0, 1.0)),
    ("order n", (3.0, 1.0 + 2e-5)),
    ("order n", (1.4, 0.3)),
    ("parabolic diffusion", (0.8,)),
    ("Jander diffusion", (1.3,)),
    ("Ginstling-Brounshtein diffusion", (1.3,)),
]


@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize(("name", "values"), SLOPES)
def test_jacobian_is_the_derivative(name: str, values: tuple[float, ...], with_offset: bool) -> None:
    family = DecayFamily(LAWS[name], with_offset)
    theta = np.array([[0.7, *values, *([0.1] if with_offset else [])]])
    jacobian = family.evaluate(TIME, theta)[1][0]
    for j in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[0, j] = 1e-6
        ends = family.evaluate(TIME, theta + step)[0] - family.evaluate(TIME, theta - step)[0]
        assert jacobian[j] == pytest.approx(ends[0] / 2e-6, abs=1e-6), family.names[j]


@pytest.mark.parametrize("name", LAWS)
def test_every_start_and_corner_is_a_finite_curve(name: str) -> None:
    shape = LAWS[name]
    corners = np.array(np.meshgrid(*zip(shape.lower, shape.upper, strict=True))).reshape(len(shape.lower), -1)
    for nonlinear in (np.array(shape.grid), corners.T):
        columns, slopes = shape.function(np.concatenate([UNEVEN, [1.7]]), nonlinear)
        assert np.isfinite(columns).all()
        assert np.isfinite(slopes).all()


@st.composite
def laws(draw: st.DrawFn) -> tuple[str, tuple[float, ...]]:
    name = draw(st.sampled_from(sorted(LAWS)))
    shape = LAWS[name]
    k = draw(st.floats(0.02, 50.0))
    reach = 2.0 if shape.kind == "rate" else 4.0  # a rate that changes by e^12 asks for a finer rule
    bounds = [
        (max(low, -reach), min(high, reach)) for low, high in zip(shape.lower, shape.upper, strict=True)
    ]
    return name, (k, *(draw(st.floats(*bound)) for bound in bounds[1:]))


@settings(deadline=None)
@given(law=laws(), cut=st.integers(1, 15))
def test_a_share_falls_from_one_and_does_not_depend_on_the_other_times(
    law: tuple[str, tuple[float, ...]], cut: int
) -> None:
    name, values = law
    x = share(name, *values, time=UNEVEN)
    assert x[0] == pytest.approx(1.0, abs=1e-14)
    assert np.all(np.diff(x) <= 1e-12)
    assert np.all((x >= 0) & (x <= 1))
    kept = np.concatenate([[0], np.arange(cut, UNEVEN.size)])
    assert share(name, *values, time=UNEVEN[kept]) == pytest.approx(x[kept], abs=1e-5)


def test_no_law_takes_the_name_of_a_decay() -> None:
    assert len(SHAPES) == len(LAWS) + len(DECAYS)
