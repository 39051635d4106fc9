"""What no fit may depend on: the unit of time or signal, the scale of the weights, the order of rows."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from cxkinetics.models.decays import staged_decay
from cxkinetics.models.laws import SHAPES
from tests.studies.truths import SEED, SMOOTH, Staged, noise, stream, times

QUICK = settings(
    max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
T = times(41)
Y = SEED(T) + noise(T, 0.006, 0.2, stream(11, "properties", 0))
SIGMA = 0.006 * np.exp(np.random.default_rng(4).normal(0, 0.3, T.size))


def fit_of(t: np.ndarray, y: np.ndarray, sigma: np.ndarray | None = None, **options: Any) -> cx.StagedFit:
    return cx.fit_stages(cx.Trace(time_s=t, absorbance=y, sigma=sigma), **options)


def ends(estimate: Estimate) -> list[float]:
    return [np.nan if v is None else v for v in (estimate.value, estimate.se, estimate.low, estimate.high)]


def assert_same(
    fit: cx.StagedFit, twin: cx.StagedFit, *, time: float = 1.0, shift: float = 0.0, signal: float = 1.0
) -> None:
    """Everything the twin concludes is what the fit concludes, in other units."""
    same = pytest.approx
    assert twin.verdict.code == fit.verdict.code
    assert twin.verdict.p_value == fit.verdict.p_value
    assert len(twin.stages) == len(fit.stages)
    for a, b in zip(fit.stages, twin.stages, strict=True):
        assert b.n_points == a.n_points
        assert ends(b.k_per_s) == same([v / time for v in ends(a.k_per_s)], rel=1e-4, nan_ok=True)
        assert ends(b.half_life_s) == same([v * time for v in ends(a.half_life_s)], rel=1e-4, nan_ok=True)
    for a, b in zip(fit.breakpoints_s, twin.breakpoints_s, strict=True):
        value, se, low, high = ends(a)
        moved = [value * time + shift, se * time, low * time + shift, high * time + shift]
        assert ends(b) == same(moved, rel=1e-4, abs=1e-3 * time, nan_ok=True)
        assert len(b.pieces) == len(a.pieces)
    if not shift:
        amplitude = [v * signal for v in ends(fit.amplitude)]
        assert ends(twin.amplitude) == same(amplitude, rel=1e-4, nan_ok=True)
    offset = [v * signal for v in ends(fit.offset)]
    assert ends(twin.offset) == same(offset, rel=1e-3, abs=1e-5 * signal, nan_ok=True)
    assert twin.noise.ar1 == same(fit.noise.ar1, abs=1e-4)
    compared = [{r.model: r.delta_aicc for r in each.rivals} for each in (fit, twin)]
    if shift:  # some laws begin at the clock's zero, so they alone may change
        begin = {name for name, shape in SHAPES.items() if shape.from_start}
        compared = [
            {m: d for m, d in rows.items() if m.removesuffix(" + offset") not in begin} for rows in compared
        ]
    assert compared[1] == same(compared[0], rel=0.01, abs=0.02)


REFERENCE = fit_of(T, Y)


@QUICK
@given(factor=st.sampled_from([1e-6, 1e-3, 1 / 60, 60.0, 3600.0, 1e7]))
def test_time_in_another_unit_changes_no_conclusion_and_k_scales_as_one_over_t(factor: float) -> None:
    assert_same(REFERENCE, fit_of(T * factor, Y), time=factor)


@QUICK
@given(shift=st.sampled_from([-60.0, -40.0, 0.3, 7.0, 60.0]))
def test_moving_the_clock_moves_the_breakpoint_and_nothing_else(shift: float) -> None:
    twin = fit_of(T + shift, Y)
    assert_same(REFERENCE, twin, shift=shift)
    early, late = (fit.curve(fit.trace.time_s) for fit in (REFERENCE, twin))
    assert late == pytest.approx(early, rel=1e-6)


@pytest.mark.parametrize("shift", [-260.0, 260.0])
def test_a_clock_that_started_long_before_or_after_changes_no_conclusion(shift: float) -> None:
    assert_same(REFERENCE, fit_of(T + shift, Y), shift=shift)


def test_a_clock_far_away_is_met_by_anchoring_the_amplitude() -> None:
    twin = fit_of(T + 1.7e9, Y)
    assert_same(REFERENCE, twin, shift=1.7e9)
    assert any(remark.code == "amplitude_anchor" for remark in twin.warnings)
    assert twin.curve(twin.trace.time_s) == pytest.approx(REFERENCE.fitted, rel=1e-4)


@QUICK
@given(factor=st.sampled_from([1e-9, 1e-3, 0.37, 100.0, 1e8]))
def test_signal_in_another_unit_changes_no_conclusion(factor: float) -> None:
    """An absorbance may have the noise of the transmittance, which knows its unit; other signals have not."""
    reference, twin = (cx.fit_stages(cx.Trace(time_s=T, absorbance=y, unit="uM")) for y in (Y, Y * factor))
    assert_same(reference, twin, signal=factor)


@QUICK
@given(factor=st.sampled_from([1e-6, 0.5, 1e5]))
def test_weights_times_a_constant_change_nothing(factor: float) -> None:
    options = {"n_stages": 2}
    assert_same(fit_of(T, Y, SIGMA, **options), fit_of(T, Y, SIGMA * factor, **options))


def test_equal_weights_are_no_weights() -> None:
    assert_same(REFERENCE, fit_of(T, Y, np.full(T.size, 0.02)))


@QUICK
@given(seed=st.integers(0, 2**31))
def test_rows_in_any_order_change_nothing_at_all(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(T.size)
    twin = fit_of(T[order], Y[order])
    assert twin.to_dict() == REFERENCE.to_dict()


def test_replicates_in_any_order_change_nothing() -> None:
    t, y = np.concatenate([T, T]), np.concatenate([Y, SEED(T) + noise(T, 0.006, 0.0, stream(12, "twin", 0))])
    order = np.random.default_rng(1).permutation(t.size)
    fit, twin = fit_of(t, y), fit_of(t[order], y[order])
    assert_same(fit, twin)


def test_a_flat_stretch_of_signal_added_is_only_an_offset() -> None:
    fit, twin = fit_of(T, Y, offset="fit"), fit_of(T, Y + 0.4, offset="fit")
    assert [s.k_per_s.value for s in twin.stages] == pytest.approx(
        [s.k_per_s.value for s in fit.stages], rel=1e-5
    )
    assert twin.offset.value - fit.offset.value == pytest.approx(0.4, abs=1e-6)
    assert twin.verdict.p_value == fit.verdict.p_value


def test_a_given_offset_is_the_same_as_subtracting_it() -> None:
    fit, twin = fit_of(T, Y, offset="zero"), fit_of(T, Y + 0.3, offset=0.3)
    assert_rates(fit, twin)
    assert twin.offset.value == 0.3
    assert twin.fitted == pytest.approx(fit.fitted + 0.3, abs=1e-9)


def assert_rates(fit: cx.StagedFit, twin: cx.StagedFit) -> None:
    for a, b in zip(fit.stages, twin.stages, strict=True):
        assert ends(b.k_per_s) == pytest.approx(ends(a.k_per_s), rel=1e-4, nan_ok=True)


@QUICK
@given(k=st.floats(0.005, 0.05), tb=st.floats(15.0, 65.0))
def test_stages_merge_where_the_rates_are_equal(k: float, tb: float) -> None:
    one, two = (
        staged_decay(T, 0.9, np.array(rates), np.array(breaks))
        for rates, breaks in (([k], []), ([k, k], [tb]))
    )
    assert two == pytest.approx(one, rel=1e-12)
    y = one + noise(T, 0.004, 0.0, stream(13, "merge", 0))
    fit = fit_of(T, y, n_stages=2, breakpoints_s=tb, offset="zero")
    single = fit_of(T, y, n_stages=1, offset="zero").stages[0].k_per_s.value
    first, second = (stage.k_per_s for stage in fit.stages)
    assert min(first.value, second.value) < single < max(first.value, second.value)
    assert max(first.low, second.low) < min(first.high, second.high)
    assert fit.rate_ratio.low < 1.02
    assert fit.rate_ratio.high > 0.98
    auto = fit_of(T, y)
    assert auto.verdict.code not in ("two_stages", "more_stages")


def test_a_rate_that_the_data_do_not_determine_has_no_standard_error() -> None:
    y = staged_decay(T, 0.9, np.array([0.125]), np.array([])) + noise(T, 0.004, 0.0, stream(13, "merge", 0))
    second = fit_of(T, y, n_stages=2, breakpoints_s=63.0).stages[1].k_per_s
    assert None in (second.low, second.high)
    assert second.reason
    assert second.se is None


def test_input_arrays_are_never_changed() -> None:
    t, y, sigma = T[::-1].copy(), Y[::-1].copy(), SIGMA.copy()
    copies = t.copy(), y.copy(), sigma.copy()
    fit = fit_of(t, y, sigma, window=(2.0, 99.0), t0=1.0, offset=0.01, bootstrap=50)
    for now, before in zip((t, y, sigma), copies, strict=True):
        assert np.array_equal(now, before)
        assert now.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        fit.fitted[0] = 0.0


OPTIONS: list[dict[str, Any]] = [
    {},
    {"n_stages": 2, "joint": "free"},
    {"n_stages": 3},
    {"breakpoints_s": [19.0]},
    {"recipe": "loglinear", "n_stages": 2},
    {"window": (None, 80.0), "t0": 2.0, "offset": 0.01, "noise": "white"},
    {"n_stages": 2, "bootstrap": 60},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_json_and_back_is_equal(options: dict[str, Any]) -> None:
    fit = fit_of(T, Y, **options)
    text = fit.to_json()
    again = cx.StagedFit.from_json(text)
    assert again == fit
    assert again.to_dict() == fit.to_dict()
    assert again.to_json() == text
    assert "NaN" not in text
    assert "Infinity" not in text
    json.loads(text)


def test_json_of_a_trace_with_outliers_ties_and_peak_is_equal_when_read_back() -> None:
    t = np.concatenate([T, [50.0]])
    y = np.concatenate([Y, [SEED(np.array([50.0]))[0]]])
    y[20] += 0.3
    peak = np.where(t < 20, 324 + 0.15 * t, 327.0)
    peak[3] = np.nan
    trace = cx.Trace(time_s=t, absorbance=y, label="run 7", wavelength_nm=324.0, peak_nm=peak)
    fit = cx.fit_stages(trace)
    assert fit.excluded
    assert cx.StagedFit.from_json(fit.to_json()) == fit


def test_the_same_call_gives_the_same_result_and_another_seed_moves_p_only() -> None:
    y = SMOOTH["exp k .056"](T) + noise(T, 0.006, 0.0, stream(14, "seeded", 0))
    first, again, other = fit_of(T, y), fit_of(T, y), fit_of(T, y, rng=5)
    assert first == again
    assert (first.seed, other.seed) == (0, 5)
    assert other.verdict.p_value == pytest.approx(first.verdict.p_value, abs=0.12)
    assert [s.k_per_s for s in other.stages] == [s.k_per_s for s in first.stages]
    assert fit_of(T, y, rng=np.random.default_rng(3)) == fit_of(T, y, rng=np.random.default_rng(3))


def test_no_use_is_made_of_the_global_random_state() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit_of(T, Y, bootstrap=50)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_growth_is_the_mirror_of_decay() -> None:
    curve = Staged(k1=0.06, k2=0.015, tb=25.0, amplitude=0.8)
    y = curve(T) + noise(T, 0.004, 0.0, stream(15, "mirror", 0))
    fall = fit_of(T, y, offset="fit", n_stages=2, noise="ar1")  # a photometer tells high from low
    rise = fit_of(T, 1.0 - y, direction="growth", n_stages=2, noise="ar1")
    assert_rates(fall, rise)
    assert ends(rise.breakpoints_s[0]) == pytest.approx(ends(fall.breakpoints_s[0]), rel=1e-4)
    assert rise.amplitude.value == pytest.approx(-fall.amplitude.value, rel=1e-6)
    assert rise.offset.value == pytest.approx(1.0 - fall.offset.value, rel=1e-6)
    assert all(stage.r_squared_log is None for stage in rise.stages)


def test_a_reading_a_moment_after_another_changes_little() -> None:
    t = np.append(T, [30.0000001, 60.0000001])
    y = np.append(Y, SEED(t[-2:]) + np.array([0.004, -0.005]))
    fit = fit_of(t, y)
    for a, b in zip(REFERENCE.stages, fit.stages, strict=True):
        assert b.k_per_s.value == pytest.approx(a.k_per_s.value, abs=a.k_per_s.se)
        assert b.k_per_s.low < b.k_per_s.value < b.k_per_s.high
