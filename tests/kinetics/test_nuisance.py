"""What a bench adds to a decay: a blank, a drift, a step, a saturated start, a dilution."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.models.decays import staged_decay

BREAK = 20.4


def run(
    seed: int,
    *,
    sd: float = 0.003,
    k: tuple[float, ...] = (0.056, 0.019),
    beside: Callable[[np.ndarray], np.ndarray] = np.zeros_like,
) -> cx.Trace:
    """A decay of one or two stages on a second curve, in white noise."""
    time = np.arange(101.0)
    curve = staged_decay(time, 0.9, np.array(k), np.array([BREAK][: len(k) - 1])) + beside(time)
    noise = np.random.default_rng([14, seed]).normal(0, sd, time.size)
    return cx.Trace(time_s=time, absorbance=curve + noise)


def holds(estimate: Estimate | None, truth: float) -> bool:
    assert estimate is not None
    low = -np.inf if estimate.low is None else estimate.low
    high = np.inf if estimate.high is None else estimate.high
    return low <= truth <= high


def length(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


# ---- a blank with its uncertainty -------------------------------------------------------------------


def test_a_blank_with_its_error_lies_between_a_given_and_a_fitted_offset() -> None:
    trace = run(1, sd=0.01)
    fitted = cx.fit_stages(trace, n_stages=2, offset="fit")
    blank = cx.fit_stages(trace, n_stages=2, offset=(0, 0.002))
    given = cx.fit_stages(trace, n_stages=2, offset=0.0)
    second = [length(fit.stages[1].k_per_s) for fit in (fitted, blank, given)]
    assert second[0] > 2.5 * second[1]
    assert second[1] > second[2]
    assert length(blank.offset) == pytest.approx(2 * 1.96 * 0.002, rel=0.1)
    assert blank.offset.method == "the blank joined with the readings"
    exact = cx.fit_stages(trace, n_stages=2, offset=(0, 1e-7))
    for number in (0, 1):
        value, same = (fit.stages[number].k_per_s for fit in (exact, given))
        assert value.value == pytest.approx(same.value, rel=1e-4)
        assert value.low == pytest.approx(same.low, rel=1e-2)
        assert value.high == pytest.approx(same.high, rel=1e-2)


def test_a_wide_blank_says_nothing() -> None:
    trace = run(2, sd=0.01)
    fitted = cx.fit_stages(trace, n_stages=2, offset="fit")
    wide = cx.fit_stages(trace, n_stages=2, offset=(0.3, 10.0))
    for one, other in zip(fitted.stages, wide.stages, strict=True):
        assert other.k_per_s.value == pytest.approx(one.k_per_s.value, rel=1e-3)
        assert length(other.k_per_s) == pytest.approx(length(one.k_per_s), rel=0.05)
    assert wide.offset.value == pytest.approx(fitted.offset.value, abs=2e-3)


def test_a_blank_and_its_truth_keep_their_coverage() -> None:
    missed = dict.fromkeys(("k1", "k2", "breakpoint", "offset"), 0)
    for seed in range(10):
        level = float(np.random.default_rng([15, seed]).normal(0, 0.002))
        trace = run(seed, sd=0.01, beside=lambda time, level=level: np.full_like(time, level))
        fit = cx.fit_stages(trace, n_stages=2, offset="0+-0.002")
        missed["k1"] += not holds(fit.stages[0].k_per_s, 0.056)
        missed["k2"] += not holds(fit.stages[1].k_per_s, 0.019)
        missed["breakpoint"] += not holds(fit.breakpoints_s[0], BREAK)
        missed["offset"] += not holds(fit.offset, level)
        assert fit.verdict.code == "two_stages"
    assert max(missed.values()) <= 3, missed  # more has a chance of 0.001 at a coverage of 95 %


@pytest.mark.parametrize(
    "typed", ["0.05+-0.002", "0.05±0.002", "0.05 +/- 0.002", (0.05, 0.002), [0.05, 0.002]]
)
def test_a_blank_is_read_as_it_is_typed(typed: Any) -> None:
    options = FitOptions.of(offset=typed)
    assert (options.given_offset, options.offset_sd) == (0.05, 0.002)
    assert options.to_dict()["offset"] == [0.05, 0.002]


@pytest.mark.parametrize("wrong", ["0.05+-0", (0.05, -1.0), (0.05,), "0.05+-nan", (0.05, True)])
def test_a_blank_without_a_positive_error_is_refused(wrong: Any) -> None:
    with pytest.raises(cx.UsageError, match=r"0\+-0\.002"):
        FitOptions.of(offset=wrong)


@pytest.mark.parametrize("offset", ["auto", "fit", (0.0, 0.003)])
@pytest.mark.parametrize("level", [0.0, 0.004, 0.03])
def test_values_lie_inside_their_own_intervals(offset: Any, level: float) -> None:
    fit = cx.fit_stages(run(3, sd=0.006, beside=lambda time: np.full_like(time, level)), offset=offset)
    told = [*(stage.k_per_s for stage in fit.stages), *fit.breakpoints_s, fit.amplitude, fit.offset]
    told += [] if fit.preferred is None else list(fit.preferred.parameters.values())
    for estimate in told:
        if estimate.value is not None:
            assert holds(estimate, estimate.value), estimate


@pytest.mark.parametrize("model", ["exponential", "biexponential"])
def test_a_smooth_model_beside_a_blank_is_drawn_where_it_was_fitted(model: str) -> None:
    trace = run(4, k=(0.05,), beside=lambda time: np.full_like(time, 0.1))
    fit = cx.fit_decay(trace, model, offset=(0.1, 0.002), drift="linear")
    assert fit.curve(trace.time_s) == pytest.approx(fit.fitted, abs=2e-4)
    assert fit.noise.sd == pytest.approx(0.003, rel=0.25)


def test_a_fit_with_all_of_them_comes_back_from_its_document() -> None:
    fit = cx.fit_stages(run(5), offset="0+-0.002", drift="linear")
    again = type(fit).from_json(fit.to_json())
    assert again == fit
    assert again.curve(np.array([3.3, 70.0])) == pytest.approx(fit.curve(np.array([3.3, 70.0])))


def test_several_runs_take_no_blank_with_an_error() -> None:
    with pytest.raises(cx.UsageError, match="offset=0"):
        cx.fit_together([run(1), run(2)], offset=(0, 0.002))


# ---- drift ------------------------------------------------------------------------------------------


def drifting(time: np.ndarray) -> np.ndarray:
    return 3e-4 * time


@pytest.mark.parametrize("seed", range(4))
def test_a_drifting_exponential_is_never_staged_and_its_rate_is_right_with_the_drift(seed: int) -> None:
    trace = run(seed, k=(0.056,), beside=drifting)
    plain = cx.fit_stages(trace)
    assert plain.verdict.code not in ("two_stages", "more_stages")
    fit = cx.fit_stages(trace, drift="linear", n_stages=1)
    assert fit.verdict.code not in ("two_stages", "more_stages")
    assert holds(fit.stages[0].k_per_s, 0.056)
    assert holds(fit.drift_per_s, 3e-4)
    assert fit.drift_per_s is not None
    assert fit.drift_per_s.unit == "AU/s"
    assert fit.curve(trace.time_s) == pytest.approx(fit.fitted, abs=1e-9)
    assert np.abs(fit.residuals).max() < 0.02


def test_a_drift_and_a_slow_last_stage_are_told_as_undecided_with_both() -> None:
    texts = [cx.fit_stages(run(seed, k=(0.056,), beside=drifting)).verdict for seed in range(6)]
    told = [v.text for v in texts if v.code == "undecided" and "drifts and a slow last stage" in v.text]
    assert len(told) >= 2
    assert all("reference wavelength" in text and "k2 =" in text for text in told)


@pytest.mark.parametrize("sd", [0.003, 0.01])
@pytest.mark.parametrize("drift", ["none", "auto"])
def test_true_stages_stay_two_beside_the_drift(sd: float, drift: str) -> None:
    fit = cx.fit_stages(run(11, sd=sd), drift=drift)
    assert fit.verdict.code == "two_stages"
    assert fit.drift_per_s is None


def test_two_stages_on_a_drift_are_found_with_it() -> None:
    fit = cx.fit_stages(run(12, sd=0.002, beside=drifting), drift="linear")
    assert fit.verdict.code == "two_stages"
    assert holds(fit.stages[0].k_per_s, 0.056)
    assert holds(fit.drift_per_s, 3e-4)
    assert all(not rival.model.startswith("exponential + drift") for rival in fit.rivals)
    assert all("drift" in rival.parameters for rival in fit.rivals)


def test_auto_takes_a_drift_that_shows() -> None:
    fit = cx.fit_stages(run(13, k=(0.056,), beside=lambda time: 1e-3 * time), drift="auto")
    assert holds(fit.drift_per_s, 1e-3)


def test_lines_in_the_logarithm_know_no_drift() -> None:
    with pytest.raises(cx.UsageError, match="drift"):
        cx.fit_stages(run(1), drift="linear", recipe="loglinear")


def test_replicates_of_a_drifting_fit_are_spread_like_its_interval() -> None:
    fit = cx.fit_stages(run(14, beside=drifting), drift="linear", n_stages=2, bootstrap=100)
    assert fit.bootstrap is not None
    again = fit.bootstrap.quantities["k1"]
    assert length(again) == pytest.approx(length(fit.stages[0].k_per_s), rel=0.5)


# ---- steps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [0.02, -0.02])
def test_a_lamp_step_is_no_stage_and_is_named(height: float) -> None:
    for seed in range(3):
        fit = cx.fit_stages(run(seed, k=(0.056,), beside=lambda time: height * (time >= 40)))
        assert fit.verdict.code == "undecided"
        assert "the level of the signal steps" in fit.verdict.text
        assert "between 39 and 40 s" in fit.verdict.text
        step = next(rival for rival in fit.rivals if "step" in rival.model)
        assert step.parameters["step"] == pytest.approx(height, abs=0.008)


def test_a_step_on_true_stages_is_warned_of_with_its_time() -> None:
    fit = cx.fit_stages(run(21, sd=0.002, beside=lambda time: 0.015 * (time >= 60)), n_stages=2)
    texts = [remark.text for remark in fit.warnings if remark.code == "step"]
    if fit.verdict.code == "two_stages":
        assert "between 59 and 60 s" in texts[0]
    else:
        assert "the level of the signal steps" in fit.verdict.text


@pytest.mark.parametrize("k", [(0.056,), (0.056, 0.019)])
def test_no_step_is_seen_where_there_is_none(k: tuple[float, ...]) -> None:
    for seed in range(30, 36):
        fit = cx.fit_stages(run(seed, k=k))
        assert "step" not in {remark.code for remark in fit.warnings}
        assert "level steps" not in fit.verdict.text


# ---- a saturated start ------------------------------------------------------------------------------


def high(seed: int, top: float, sd: float = 0.003, decimals: int | None = None) -> cx.Trace:
    trace = run(seed, sd=sd)
    signal = np.minimum(trace.absorbance * 3, top)
    return cx.Trace(time_s=trace.time_s, absorbance=signal if decimals is None else signal.round(decimals))


@pytest.mark.parametrize(("top", "decimals"), [(2.0, None), (2.0, 4), (1.5, 4)])
def test_readings_at_a_ceiling_are_masked_and_the_stages_found(top: float, decimals: int | None) -> None:
    fit = cx.fit_stages(high(1, top, decimals=decimals))
    saturated = next(remark for remark in fit.warnings if remark.code == "saturated")
    assert saturated.times_s[0] == 0
    assert fit.trace.time_s[0] == pytest.approx(np.log(2.7 / top) / 0.056, abs=1)
    assert f"{top:g} AU exactly" in saturated.text
    assert fit.verdict.code == "two_stages"
    assert holds(fit.stages[0].k_per_s, 0.056)
    assert holds(fit.amplitude, 2.7)


def test_a_noisy_ceiling_is_masked_too_and_a_low_flat_start_is_no_ceiling() -> None:
    trace = high(2, 2.2)
    noise = np.random.default_rng(1).normal(0, 0.003, trace.n_points)
    fit = cx.fit_stages(cx.Trace(time_s=trace.time_s, absorbance=trace.absorbance + noise))
    assert "without a fall" in next(remark.text for remark in fit.warnings if remark.code == "saturated")
    assert holds(fit.stages[0].k_per_s, 0.056)
    flat = cx.fit_stages(run(3, k=(1e-9, 0.05)))
    assert "saturated" not in {remark.code for remark in flat.warnings}
    assert "t0" in {remark.code for remark in flat.warnings}


def test_a_coarse_display_is_no_ceiling() -> None:
    trace = run(4, k=(0.01,))
    coarse = cx.Trace(time_s=trace.time_s, absorbance=trace.absorbance.round(2))
    assert coarse.absorbance[0] == coarse.absorbance.max()
    assert "saturated" not in {remark.code for remark in cx.fit_stages(coarse).warnings}


# ---- dead time and dilution -------------------------------------------------------------------------


def test_an_amplitude_before_the_first_reading_is_an_extrapolation_that_holds_the_truth() -> None:
    trace = run(5, k=(0.056,))
    late = cx.Trace(time_s=trace.time_s + 5, absorbance=trace.absorbance)
    fit = cx.fit_stages(late, t0=0)
    assert "dead_time" in {remark.code for remark in fit.warnings}
    assert holds(fit.amplitude, 0.9 * np.exp(0.056 * 5))


def diluted(seed: int, rates: tuple[float, ...], edges: tuple[float, ...]) -> cx.Trace:
    """Twenty readings before 0.1 mL is added to 3 mL at 20 s, and a decay from then on."""
    time = np.arange(-20, 81.0)
    curve = staged_decay(np.maximum(time, 0), 0.9 * 3 / 3.1, np.array(rates), np.array(edges))
    noise = np.random.default_rng([16, seed]).normal(0, 0.003, time.size)
    return cx.Trace(time_s=time + 20, absorbance=np.where(time < 0, 0.9, curve) + noise)


@pytest.mark.parametrize("volumes", ["3.00+0.10", (3.0, 0.1)])
def test_the_level_before_a_dilution_tells_the_amplitude(volumes: Any) -> None:
    trace = diluted(1, (0.2, 0.019), (2.4,))
    with_level = cx.fit_stages(trace, t0=20, dilution=volumes, n_stages=2, offset="zero")
    without = cx.fit_stages(trace, t0=20, n_stages=2, offset="zero")
    assert holds(with_level.amplitude, 0.9 * 3 / 3.1)
    assert length(with_level.amplitude) < 0.5 * length(without.amplitude)  # 1 reading against 21
    said = next(remark.text for remark in with_level.warnings if remark.code == "dilution")
    assert said.startswith("20 readings before the addition, scaled by 3/3.1")
    assert with_level.options["dilution"] == [3.0, 0.1]


def test_a_short_first_stage_without_volumes_may_be_a_dilution() -> None:
    trace = diluted(2, (0.2, 0.019), (2.4,))
    fit = cx.fit_stages(trace, t0=20)
    said = [remark.text for remark in fit.warnings if remark.code == "first_stage_or_dilution"]
    assert "a dilution of 3" in said[0]  # 1 - exp(-(0.2 - 0.019) 2.4) = 35 %
    assert "give the volumes" in said[0]
    known = cx.fit_stages(trace, t0=20, dilution=(3.0, 0.1))
    assert "first_stage_or_dilution" not in {remark.code for remark in known.warnings}
    long = cx.fit_stages(run(6))
    assert "first_stage_or_dilution" not in {remark.code for remark in long.warnings}


def test_a_dilution_needs_the_addition_and_readings_before_it() -> None:
    with pytest.raises(cx.InputError, match="--t0"):
        cx.fit_stages(run(1), dilution="3+0.1")
    with pytest.raises(cx.InputError, match="no reading before the addition at 0 s"):
        cx.fit_stages(run(1), dilution="3+0.1", t0=0)


def test_a_flat_start_shows_the_addition_to_a_dilution() -> None:
    fit = cx.fit_stages(diluted(3, (0.056,), ()), dilution="3+0.0001")
    assert {"t0", "dilution"} <= {remark.code for remark in fit.warnings}


@pytest.mark.parametrize("wrong", ["3", 3.0, "3+0", (3.0,), (3.0, -0.1), "3+-0.1"])
def test_volumes_are_two_positive_numbers(wrong: Any) -> None:
    with pytest.raises(cx.UsageError, match=r"3\.00\+0\.10"):
        FitOptions.of(dilution=wrong)
