"""AICc and its leads: one answer at the edge, everywhere."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import sample_of
from cxkinetics.inference.criteria import AHEAD, aicc, bic, differences
from cxkinetics.kinetics.optimum import staged_fit
from cxkinetics.kinetics.rivals import rank, staged_contender

PACKAGE = Path(cx.__file__).parent


def test_the_correction_is_that_of_hurvich_and_tsai() -> None:
    n, k, deviance = 20, 4, -31.5
    assert aicc(deviance, k, n) == pytest.approx(deviance + 2 * k * n / (n - k - 1))
    assert bic(deviance, k, n) == pytest.approx(deviance + k * math.log(n))


@pytest.mark.parametrize("n", [4, 5])
def test_too_few_points_for_the_correction_have_no_aicc(n: int) -> None:
    assert math.isinf(aicc(-1.0, 4, n))
    assert math.isfinite(aicc(-1.0, 4, 6))


def test_weights_are_over_the_comparable_models_alone() -> None:
    found = differences([5.0, math.inf, 3.0])
    assert found[1] is None
    known = [pair for pair in found if pair is not None]
    assert [delta for delta, _ in known] == [2.0, 0.0]
    assert sum(weight for _, weight in known) == pytest.approx(1.0)
    assert known[0][1] / known[1][1] == pytest.approx(math.exp(-1.0))
    assert differences([math.inf]) == [None]


def test_a_ranking_says_where_aicc_has_no_value() -> None:
    t = np.arange(6.0)
    trace = cx.Trace(time_s=t, absorbance=0.8 * np.exp(-0.2 * t) + 0.01 * (-1) ** t)
    few = staged_contender(staged_fit(sample_of(trace), n_stages=2, with_offset=True, ar1=False))
    (row,) = rank([few])
    assert row.aicc is None
    assert row.delta_aicc is None
    assert "too few points" in row.note


def test_no_room_holds_a_lead_of_its_own() -> None:
    """The leads that count stand in one file: a bare 6 beside AICc elsewhere would be a second rule."""
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "criteria.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"aicc\b.*[<>]=?\s*-?(6|10)(\.0)?\b|^_?\w*AHEAD\s*=", line)
    ]
    assert not found
    assert AHEAD == 6.0
