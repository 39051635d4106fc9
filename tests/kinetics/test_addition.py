"""A run recorded from before the addition: the wait is found, and no rate pays for it."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.kinetics.addition import step_of
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


def _stepped(slope_before: float, step: float, sd: float = 0.001, seed: int = 7) -> cx.Trace:
    """A level, a step after 20 s, and a decay from there on (simulated)."""
    t = np.arange(0.0, 200.0, 2.0)
    before = 0.9 + slope_before * (t - 20)
    signal = np.where(t < 20, before, (0.9 + step) * np.exp(-0.02 * (t - 20)))
    return cx.Trace(time_s=t, absorbance=signal + np.random.default_rng(seed).normal(0, sd, t.size))


@pytest.mark.parametrize("step", [-0.2, 0.2])
def test_a_step_behind_a_flat_start_is_the_addition(step: float) -> None:
    found = [cx.fit_stages(_stepped(0.0, step, seed=seed), rng=0) for seed in range(4)]
    for fit in found:
        assert fit.options["t0"] == pytest.approx(19, abs=1)
        (told,) = (r.text for r in fit.warnings if r.code == "t0")
        assert "found: step" in told
        assert "--t0 0 counts from the clock's zero" in told
        assert fit.stages[0].k_per_s.value == pytest.approx(0.02, rel=0.03)
    assert [fit.verdict.code for fit in found].count("one_stage") >= 3


def test_a_first_stage_that_runs_before_a_step_is_kept() -> None:
    trace = _stepped(-0.003, -0.3)  # a quarter of what follows
    assert step_of(trace) is None
    fit = cx.fit_stages(trace, rng=0)
    assert fit.options["t0"] is None
    assert fit.trace.n_points + len(fit.excluded) == trace.n_points


@pytest.mark.parametrize("seed", [1, 3, 7])
def test_a_step_behind_which_little_happens_is_no_stage_until_the_addition_is_known(seed: int) -> None:
    t = np.arange(0.0, 200.0, 2.0)
    noise = ar1_series(t.size, 0.8, 0.005, seed)
    signal = np.where(t < 60, 0.9, 0.4 + 0.1 * np.exp(-0.03 * (t - 60))) + noise
    trace = cx.Trace(time_s=t, absorbance=signal)
    fit = cx.fit_stages(trace, rng=0)
    assert fit.options["t0"] is None
    assert fit.verdict.code == "undecided"
    assert "between 58 and 60 s" in fit.verdict.text
    assert "--t0 60" in fit.verdict.text
    known = cx.fit_stages(trace, t0=0.0, rng=0)
    assert known.verdict.code in ("two_stages", "more_stages"), "all was there from the start"


def ar1_series(n: int, rho: float, sd: float, seed: int) -> np.ndarray:
    fresh = np.random.default_rng(seed).normal(0, sd, n)
    noise = np.zeros(n)
    for i in range(n):
        noise[i] = (rho * noise[i - 1] if i else 0.0) + np.sqrt(1 - rho**2) * fresh[i]
    return noise


def test_a_spike_that_comes_back_is_no_second_stage() -> None:
    t = np.arange(0.0, 600.0, 6.0)
    signal = 0.0008 + np.random.default_rng(4).normal(0, 1e-4, t.size)
    signal[13:18] += (0.065, 0.12, 0.008, 0.0035, 0.0013)
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=signal), rng=0)
    assert fit.verdict.code not in ("two_stages", "more_stages")


def test_a_fast_first_stage_behind_a_step_keeps_its_readings() -> None:
    t = np.arange(0.0, 200.0, 2.0)
    e = np.where(t < 31, 0, np.where(t < 40, 0.15 * (t - 31), 1.35 + 0.02 * (t - 40)))
    signal = 0.9 * np.exp(-e) + 0.1 + np.where(t < 31, 0.2, 0)
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 2e-3, t.size)
        fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=signal + noise), rng=0)
        assert fit.options["t0"] == pytest.approx(31, abs=1)
        assert fit.verdict.code == "two_stages"
        assert fit.trace.time_s[0] == pytest.approx(1, abs=0.1), "only what was before the step is left out"
