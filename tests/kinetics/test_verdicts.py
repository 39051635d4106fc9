"""Verdicts, outliers and refusals: small seeded samples with limits that can fail."""

from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from tests.studies.measure import cleaned, verdict_code
from tests.studies.truths import SEED, SMOOTH, Staged, drifting, exponential, noise, stream, times

STAGED = {"two_stages", "more_stages"}
T = times(101)


def trace(curve: Any, sd: float = 0.003, rho: float = 0.0, number: int = 0, n: int = 101) -> cx.Trace:
    t = times(n)
    return cx.Trace(time_s=t, absorbance=curve(t) + noise(t, sd, rho, stream(21, "verdicts", number)))


def changed(base: cx.Trace, index: slice | list[int], by: float) -> cx.Trace:
    absorbance = base.absorbance.copy()
    absorbance[index] += by
    return cx.Trace(time_s=base.time_s, absorbance=absorbance)


def near(estimate: Estimate, truth: float) -> bool:
    """Within four standard errors, and the interval is about as wide as these say."""
    assert estimate.low < estimate.value < estimate.high
    assert 2 * estimate.se < estimate.high - estimate.low < 10 * estimate.se
    return abs(estimate.value - truth) < 4 * estimate.se


# what is staged ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sd", "rho"), [(0.003, 0.5)])
def test_the_seed_trace_has_two_stages_with_its_numbers(sd: float, rho: float) -> None:
    fit = cx.fit_stages(trace(SEED, sd, rho, 5))
    assert fit.verdict.code == "two_stages"
    assert fit.verdict.p_value <= 0.01
    assert fit.verdict.delta_aicc > 6
    numbers = [s.k_per_s for s in fit.stages] + [fit.breakpoints_s[0], fit.rate_ratio, fit.amplitude]
    for estimate, truth in zip(numbers, (0.056, 0.019, 20.0, 0.056 / 0.019, 0.9), strict=True):
        assert near(estimate, truth), estimate.name
    for stage in fit.stages:
        assert stage.half_life_s.value == pytest.approx(np.log(2) / stage.k_per_s.value)
        assert stage.r_squared_log > 0.6
    assert fit.stages[0].end_s == fit.stages[1].start_s == fit.breakpoints_s[0].value
    assert fit.verdict.text.startswith("Two stages: the rate falls ")
    assert fit.verdict.text.count("k1 ") == 1, "the numbers are said once"
    assert fit.rivals[0].delta_aicc == 0.0
    assert sum(r.akaike_weight for r in fit.rivals) == pytest.approx(1.0)


def test_a_break_is_found_above_an_offset_too() -> None:
    fit = cx.fit_stages(trace(Staged(offset=0.1), 0.003, 0.3, 6))
    assert fit.verdict.code in STAGED
    assert near(fit.offset, 0.1)
    assert fit.offset.value > 0


def test_three_clear_stages_are_called_more_stages() -> None:
    def curve(t: np.ndarray) -> np.ndarray:
        spent = (
            0.01 * np.clip(t, 0, 30) + 0.06 * (np.clip(t, 30, 55) - 30) + 0.008 * (np.clip(t, 55, None) - 55)
        )
        return 0.9 * np.exp(-spent)

    fit = cx.fit_stages(trace(curve, 0.002))
    assert fit.verdict.code == "more_stages"
    assert [b.value for b in fit.breakpoints_s] == pytest.approx([30, 55], abs=1.0)
    for stage, k in zip(fit.stages, (0.01, 0.06, 0.008), strict=True):
        assert near(stage.k_per_s, k)


# what is not ---------------------------------------------------------------------------------------


def test_smooth_decays_are_not_called_staged() -> None:
    """One trace with correlated noise of each of fifteen truths: at most two may fail."""
    t = times(51)
    codes = {}
    for number, (name, curve) in enumerate(SMOOTH.items()):
        y = curve(t) + noise(t, 0.01, 0.5, stream(22, name, number))
        codes[name] = verdict_code(t, y, number)
    assert sum(code in STAGED for code in codes.values()) <= 2, codes
    assert sum(code == "one_stage" for name, code in codes.items() if name.startswith("exp")) >= 4, codes
    assert sum(code == "smooth" for name, code in codes.items() if not name.startswith("exp")) >= 5, codes


@pytest.mark.parametrize("name", ["exp k .056", "exp k .0639 + .0686"])
def test_one_exponential_is_one_stage_or_undecided(name: str) -> None:
    fit = cx.fit_stages(trace(SMOOTH[name], 0.003))
    assert fit.verdict.code == "one_stage"
    assert len(fit.stages) == 1
    assert not fit.breakpoints_s
    assert fit.rate_ratio is None
    assert fit.verdict.p_value > 0.05


def test_the_papers_own_absorbances_need_no_break() -> None:
    """0.0686 + 0.8314 exp(-0.0639 t) meets 0.9, 0.3 and 0.07 and looks two-stage in ln A."""
    fit = cx.fit_stages(trace(exponential(0.0639, 0.0686), 0.002), n_stages=2)
    assert fit.verdict.code == "one_stage"
    lines = [stage.k_per_s.value for stage in fit.loglinear.stages]
    assert lines[0] > 2 * lines[1], "the recipe alone would report two rates"


def test_a_stretched_exponential_is_smooth_and_keeps_its_name() -> None:
    fit = cx.fit_stages(trace(SMOOTH["stretched .6"], 0.002))
    assert fit.verdict.code == "smooth"
    assert "stretched" in fit.rivals[0].model or "biexponential" in fit.rivals[0].model
    assert "No breakpoint is established" in fit.verdict.text


def test_drift_and_a_spike_on_one_exponential_make_no_stages() -> None:
    codes = []
    for number in range(3):
        t = times(51)
        y = drifting(exponential(0.03))(t) + noise(t, 0.01, 0.0, stream(23, "drift", number))
        y[7 + 9 * number] += 0.3
        codes.append(verdict_code(t, y, number))
    assert sum(code in STAGED for code in codes) <= 1, codes


def test_drift_is_named() -> None:
    fit = cx.fit_stages(trace(drifting(exponential(0.056), 0.001), 0.003))
    assert fit.verdict.code not in STAGED
    assert any("drift" in remark.text for remark in fit.warnings)


def flat(rho: float) -> cx.StagedFit:
    return cx.fit_stages(trace(lambda t: np.full_like(t, 0.5), 0.003, rho, 1))


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_a_flat_trace_has_no_decay(rho: float) -> None:
    fit = flat(rho)
    assert fit.verdict.code == "no_decay"
    assert "interval that holds 0" in fit.verdict.text
    assert "no decay" in " ".join(remark.text.lower() for remark in fit.warnings)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_numbers_of_a_flat_trace_lie_in_their_intervals(rho: float) -> None:
    fit = flat(rho)
    rate = fit.stages[0].k_per_s
    assert rate.low <= 0 <= rate.high
    assert fit.stages[0].half_life_s.high is None
    for estimate in (rate, fit.amplitude, fit.offset):
        assert estimate.low is None or estimate.low <= estimate.value, estimate.name
        assert estimate.high is None or estimate.value <= estimate.high, estimate.name


def test_few_points_are_undecided_and_not_refused() -> None:
    fit = cx.fit_stages(cx.Trace(time_s=[0, 10, 20, 30], absorbance=[0.9, 0.5, 0.31, 0.18]))
    assert fit.verdict.code == "undecided"
    assert "4 distinct times" in fit.verdict.text
    assert len(fit.stages) == 1


def test_a_perfect_exponential_is_one_stage() -> None:
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=np.exp(-0.03 * T)))
    assert fit.verdict.code == "one_stage"
    assert fit.stages[0].k_per_s.value == pytest.approx(0.03, rel=1e-6)


def test_a_perfect_staged_decay_is_two_stages() -> None:
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=SEED(T)))
    assert fit.verdict.code == "two_stages"
    assert fit.breakpoints_s[0].value == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize("digits", [3, 4])
def test_rounded_readings_of_one_exponential_are_not_staged(digits: int) -> None:
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=np.round(0.9 * np.exp(-0.03 * T), digits)))
    assert fit.verdict.code not in STAGED


# outliers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "height"),
    [([40, 41, 42], 0.25), ([0, 1], 0.4), ([0], -0.4), ([100], 0.1), ([10, 70], -0.2)],
    ids=["bubble", "first two points", "first point", "last point", "two apart"],
)
def test_outliers_are_found(points: list[int], height: float) -> None:
    base = trace(SEED)
    spoilt = changed(base, points, height)
    left = cleaned(spoilt.time_s, spoilt.absorbance)
    assert left.time_s.tolist() == np.delete(T, points).tolist()


@pytest.mark.parametrize("traces", [2, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sd", [0.001, 0.003])
@pytest.mark.parametrize("curve", ["stretched .6", "second order", "exp k .15"])
def test_the_steep_start_of_a_smooth_decay_is_no_spike(curve: str, sd: float, traces: int) -> None:
    for number in range(traces):
        y = SMOOTH[curve](T) + noise(T, sd, 0.0, stream(63, curve, number))
        assert cleaned(T, y).n_points == T.size


def test_a_first_point_and_a_bubble_are_both_found() -> None:
    spoilt = changed(trace(SEED), [0, 40, 41, 42], 0.3)
    assert cleaned(spoilt.time_s, spoilt.absorbance).n_points == 97


def test_a_bubble_across_the_break_is_found() -> None:
    spoilt = changed(trace(SEED), [18, 19, 20, 21], 0.2)
    assert cleaned(spoilt.time_s, spoilt.absorbance).n_points == 97


def test_outliers_are_excluded_in_the_open_and_the_fit_is_that_of_the_others() -> None:
    base = trace(SEED)
    fit = cx.fit_stages(changed(base, [0, 1, 40, 41, 42], 0.2))
    assert [t for t, _ in fit.excluded] == [0.0, 1.0, 40.0, 41.0, 42.0]
    assert fit.n_points == 96
    remark = next(remark for remark in fit.warnings if remark.code == "outliers_excluded")
    assert "5 outliers" in remark.text
    for point in (0, 1, 40, 41, 42):
        assert f"{point} s" in remark.text
    assert fit.verdict.code == "two_stages"
    clean = cx.fit_stages(base.select(~np.isin(T, [0, 1, 40, 41, 42])))
    assert fit.breakpoints_s[0] == clean.breakpoints_s[0]


@pytest.mark.parametrize("traces", [6, pytest.param(16, marks=pytest.mark.slow)])
def test_a_clean_trace_loses_no_point(traces: int) -> None:
    for number in range(traces):
        base = trace(SEED if number % 2 else SMOOTH["bi .3 .2/.03"], 0.01, 0.3, 100 + number)
        assert cleaned(base.time_s, base.absorbance).n_points == 101, number


def test_a_fast_phase_of_three_points_is_not_a_spike() -> None:
    fit = cx.fit_stages(trace(Staged(k1=0.3, k2=0.015, tb=4.0), 0.003), n_stages=2)
    assert not fit.excluded
    assert fit.breakpoints_s[0].value == pytest.approx(4.0, abs=0.5)
    assert fit.stages[0].k_per_s.value == pytest.approx(0.3, rel=0.1)


# the paper's recipe --------------------------------------------------------------------------------


def test_the_log_linear_recipe_says_why_two_good_lines_prove_nothing() -> None:
    fit = cx.fit_stages(trace(SMOOTH["stretched .6"], 0.001), recipe="loglinear", n_stages=2)
    assert min(stage.r_squared for stage in fit.loglinear.stages) > 0.95
    assert fit.verdict.code == "smooth"
    texts = " ".join(remark.text for remark in fit.warnings)
    assert "do not establish a breakpoint" in texts
    assert "do not establish a breakpoint" in str(fit)


def test_the_recipe_stands_beside_the_default() -> None:
    fit = cx.fit_stages(trace(SEED))
    break_s = fit.breakpoints_s[0].value
    windows = [(stage.start_s, stage.end_s) for stage in fit.loglinear.stages]
    assert windows == [(0.0, break_s), (break_s, 100.0)]
    assert 20 < break_s < 21
    slope = np.polyfit(T[:21], np.log(fit.trace.absorbance[:21]), 1)[0]
    assert fit.loglinear.stages[0].k_per_s.value == pytest.approx(-slope, rel=1e-9)
    assert fit.loglinear.single.k_per_s.value == pytest.approx(0.022, abs=0.003)


def test_points_without_a_logarithm_are_counted() -> None:
    base = trace(SEED)
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=base.absorbance - 0.08))
    below = int(np.sum(base.absorbance <= 0.08))
    assert below > 0
    assert fit.loglinear.n_excluded == below
    remark = next(r for r in fit.warnings if r.code == "nonpositive_absorbance")
    assert f"{below} points" in remark.text


# refusals ------------------------------------------------------------------------------------------

BASE = trace(SEED)
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = {
    "constant": ({"absorbance": np.full(101, 0.5)}, {}, cx.InputError, r"constant.*101 points.*0\.5"),
    "growth": ({"absorbance": 1 - SEED(T)}, {}, cx.InputError, r"grows.*0\.1.*--direction growth"),
    "decay, growth asked": (
        {},
        {"direction": "growth"},
        cx.InputError,
        r"falls.*0\.[89].*growth was expected",
    ),
    "negative": ({"absorbance": -SEED(T)}, {}, cx.InputError, r"all 101 absorbances are negative"),
    "window of two": ({}, {"window": (0, 1.5)}, cx.InputError, "only 2 points are left.*at least 3 points"),
    "empty window": ({}, {"window": (200, 300)}, cx.InputError, "no point lies in the window 200:300 s"),
    "t0 too late": ({}, {"t0": 500}, cx.InputError, "t0 = 500 s lies after the last point"),
    "break outside": ({}, {"breakpoints_s": 200}, cx.UnresolvedBreakpointError, "200 s stage 2 holds 0"),
    "break at the edge": ({}, {"breakpoints_s": 1.0}, cx.UnresolvedBreakpointError, "stage 1 holds 1"),
    "offset": ({}, {"offset": "free"}, cx.UsageError, 'offset is .free.; it must be "auto", "zero", "fit"'),
    "joint": ({}, {"joint": "continous"}, cx.UsageError, "did you mean 'continuous'"),
    "stages": ({}, {"n_stages": 0}, cx.UsageError, "n_stages is 0"),
    "stages and breaks": ({}, {"breakpoints_s": [20, 60], "n_stages": 2}, cx.UsageError, "make 3 stages"),
    "confidence": ({}, {"confidence": 95}, cx.UsageError, "confidence is 95"),
    "growth to zero": ({}, {"direction": "growth", "offset": "zero"}, cx.UsageError, "offset='fit'"),
    "bootstrap": ({}, {"bootstrap": 7}, cx.UsageError, "bootstrap is 7"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_name_the_value_and_the_remedy(name: str) -> None:
    data, options, error, match = REFUSALS[name]
    given = {"time_s": T, "absorbance": BASE.absorbance} | data
    with pytest.raises(error, match=match):
        cx.fit_stages(cx.Trace(**given), **options)


def test_two_points_are_refused() -> None:
    with pytest.raises(cx.InputError, match=r"only 2 points.*at least 3 points"):
        cx.fit_stages(cx.Trace(time_s=[0, 1], absorbance=[1.0, 0.5]))


def test_nan_is_refused_with_its_index() -> None:
    absorbance = BASE.absorbance.copy()
    absorbance[5] = np.nan
    with pytest.raises(cx.InputError, match=r"absorbance\[5\] is nan"):
        cx.Trace(time_s=T, absorbance=absorbance)


@pytest.mark.parametrize(("n", "stages"), [(5, 2), (8, 3), (11, 4)])
def test_more_stages_than_the_data_can_hold_are_refused(n: int, stages: int) -> None:
    t = np.arange(float(n))
    short = cx.Trace(time_s=t, absorbance=np.exp(-0.3 * t) + 0.01 * np.cos(3 * t))
    with pytest.raises(cx.UnresolvedBreakpointError, match=rf"{stages} stages need.*{3 * stages}.*hold {n}"):
        cx.fit_stages(short, n_stages=stages)


@pytest.mark.parametrize("joint", ["continuous", "free"])
def test_as_many_points_as_the_stages_need_are_fitted(joint: str) -> None:
    t = np.arange(6.0)
    short = cx.Trace(time_s=t, absorbance=[1, 0.8, 0.6, 0.5, 0.43, 0.37])
    fit = cx.fit_stages(short, n_stages=2, joint=joint)
    assert [stage.n_points for stage in fit.stages] == [3, 3]
    assert fit.verdict.code == "undecided"


def test_a_list_or_spectra_in_place_of_a_trace_says_how_to_make_one() -> None:
    with pytest.raises(cx.InputError, match="exciton_peak"):
        cx.fit_stages([BASE])


def test_the_seed_free_p_follows_the_simulated_one() -> None:
    """Weak breaks in white noise: the tube formula against 499 simulated traces, and no floor."""
    both = []
    for number in range(30):
        curve = Staged(k1=0.04, k2=0.04 / (1.0 + 0.02 * (number % 10)), tb=30.0)
        fit = cx.fit_stages(trace(curve, 0.01, number=number, n=51), noise="white")
        both.append((fit.verdict.p_value, fit.verdict.seed_free_p_value))
    simulated, free = np.array(both).T
    told = (simulated > 0.01) & (simulated < 0.8)
    assert told.sum() >= 8
    assert np.corrcoef(np.log(simulated[told]), np.log(free[told]))[0, 1] > 0.95
    assert np.all(np.abs(np.log(free[told] / simulated[told])) < np.log(2.5))
    strong = cx.fit_stages(trace(SEED)).verdict
    assert strong.p_value == pytest.approx(1 / 500)
    assert 0 < strong.seed_free_p_value < 1e-10
    assert "by the tube formula" in strong.text
