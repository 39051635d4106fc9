"""A run recorded from before the addition: the wait is found, and no rate pays for it."""

import numpy as np
import pytest

import cxkinetics as cx
from tests.studies.bench import late, mixing
from tests.studies.truths import SEED

T = np.arange(101.0)


def _trace(curve, sd: float = 0.003, seed: int = 5) -> cx.Trace:
    return cx.Trace(time_s=T, absorbance=curve(T) + np.random.default_rng(seed).normal(0, sd, T.size))


@pytest.mark.parametrize("seed", range(4))
def test_two_readings_before_the_addition_are_no_stage_and_no_start_up(seed: int) -> None:
    fit = cx.fit_stages(_trace(late(SEED, 2.0), seed=seed), rng=0)
    assert [r.code for r in fit.warnings if r.code.startswith("t0")]
    assert fit.verdict.code == "two_stages"
    assert fit.breakpoints_s[0].value == pytest.approx(20.0, abs=0.6)  # from the addition
    for stage, k in zip(fit.stages, (SEED.k1, SEED.k2), strict=True):
        assert stage.k_per_s.value == pytest.approx(k, rel=0.06)


def test_a_start_that_takes_time_is_no_wait() -> None:
    fit = cx.fit_stages(_trace(mixing(SEED, 2.0)), rng=0)
    assert fit.start_up_s.value == pytest.approx(2.0, abs=0.4)
    assert not [r for r in fit.warnings if r.code.startswith("t0")]


def test_stages_asked_for_beside_a_smooth_verdict_tell_how_fast_the_rate_changed() -> None:
    def gradual(t: np.ndarray) -> np.ndarray:
        spent = 20 / (2 * np.log(9)) * np.logaddexp(0.0, (t - 20) * 2 * np.log(9) / 20)
        return 0.9 * np.exp(-0.056 * t + 0.037 * spent)

    fits = [cx.fit_stages(_trace(gradual, sd=0.01, seed=s), n_stages=2, rng=0) for s in range(6)]
    smooth = [fit for fit in fits if fit.verdict.code == "smooth"]
    assert smooth
    for fit in smooth:
        assert fit.switch_width_s is not None
        assert fit.start_up_s is not None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"breakpoints_s": 20.0}, "given"),
        ({"n_stages": 2, "joint": "free"}, "gap"),
        ({"n_stages": 3}, "several"),
        ({"start_up": "none"}, "abrupt"),
    ],
)
def test_several_stages_without_a_width_say_why(options: dict, reason: str) -> None:
    width = cx.fit_stages(_trace(SEED), rng=0, **options).switch_width_s
    assert width.value is None
    assert reason in width.reason


def test_a_start_up_time_that_is_given_leaves_the_width_to_be_found() -> None:
    fit = cx.fit_stages(_trace(mixing(SEED, 2.0)), start_up=2.0, rng=0)
    assert fit.switch_width_s.low == 0.0
    assert 0 < fit.switch_width_s.high < 8
    assert fit.start_up_s.method == "given"
    assert fit.breakpoints_s[0].value == pytest.approx(20.0, abs=0.6)
