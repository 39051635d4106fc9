"""Arithmetic of rate laws: read as written, differentiated exactly, and nothing else is run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.errors import UsageError
from cxkinetics.models.expression import parse_expression

TEXTS = (
    "2 * kf * L",
    "kd * (L / L100)^a",
    "34 - nF / 2",
    "(1 + q) / 2",
    "kP * (L / L100)**m - -kr",
    "exp(-kr * L) + log(L) * sqrt(kf)",
    "kf^(a * q) / (1 + L^2)",
)
NAMES = ("kf", "L", "L100", "kd", "a", "nF", "q", "kP", "m", "kr")


@pytest.mark.parametrize("text", TEXTS)
@given(numbers=st.lists(st.floats(0.2, 3.0), min_size=len(NAMES), max_size=len(NAMES)))
def test_derivatives_against_the_complex_step(text: str, numbers: list[float]) -> None:
    law, values = parse_expression(text), dict(zip(NAMES, numbers, strict=True))
    for name in NAMES:
        moved = values | {name: values[name] + 1e-30j}
        wanted = np.imag(law(moved)) / 1e-30
        assert law.derivative(name)(values) == pytest.approx(wanted, rel=1e-10, abs=1e-12), name


def test_the_power_sign_binds_as_in_print() -> None:
    assert parse_expression("2 * 3^2").constant == 18.0
    assert parse_expression("-2^2").constant == -4.0


@pytest.mark.parametrize(
    "text", ["__import__('os')", "L.real", "kf if L else 1", "[1]", "L @ a", "", "2 *", "True", "f(L)", "1j"]
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expression"):
        parse_expression(text)


def test_a_deep_expression_is_refused() -> None:
    with pytest.raises(UsageError, match="expression"):
        parse_expression("(" * 400 + "L" + ")" * 400)
    with pytest.raises(UsageError, match="characters"):
        parse_expression("L + " * 400 + "L")
