"""Window, time zero and drift, each with its remark."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.signals.prepare import crop, detect_t0, shift_t0, subtract_reference

T = np.arange(121.0)


def run(t0: float, seed: int = 0, before: float = 0.9, jump: float = 0.0) -> cx.Trace:
    after = t0 <= T
    values = np.where(after, (before + jump) * np.exp(-0.05 * (T - t0)), before)
    return cx.Trace(time_s=T, absorbance=values + np.random.default_rng(seed).normal(0, 0.003, T.size))


def test_crop_keeps_both_ends_and_says_what_it_left_out() -> None:
    trace = crop(run(10), (5, 20))
    assert (trace.time_s[0], trace.time_s[-1]) == (5.0, 20.0)
    (remark,) = trace.remarks
    assert (remark.code, remark.count) == ("window", 105)
    assert crop(run(10), None) == run(10)
    assert crop(run(10), (0, None)) == run(10)
    with pytest.raises(cx.InputError, match=r"window 500:.*0 to 120 s"):
        crop(run(10), (500, None))
    with pytest.raises(cx.InputError, match=r"50:20 s are reversed; .*20:50"):
        crop(run(10), (50, 20))


def test_readings_are_left_out_by_their_times(tmp_path: Path) -> None:
    file = tmp_path / "run.csv"
    file.write_text("time (min),A\n" + "".join(f"{t / 10},{0.9 * 0.97**t:.5f}\n" for t in range(40)))
    trace = cx.load(file, mask=["0.5min", "72s"])
    assert isinstance(trace, cx.Trace)
    assert trace.n_points == 38
    assert not set(trace.time_s) & {30.0, 72.0}
    (remark,) = [remark for remark in trace.remarks if remark.code == "mask"]
    assert remark.text == "2 readings left out as asked, at 30, 72 s"
    with pytest.raises(cx.InputError, match=r"no reading at 0\.5 s.*nearest are at 0, 6 s"):
        cx.load(file, mask=0.5)
    fit = cx.fit_many(file, mask=[30], n_stages=1).fits[0]
    assert fit.options["mask"] == [30]
    assert fit.n_points == 39


def test_time_counts_from_the_addition() -> None:
    shifted = shift_t0(run(10), 10.0)
    assert shifted.time_s[0] == 0.0
    assert shifted.n_points == 111
    assert "10 earlier points left out" in shifted.remarks[-1].text
    with pytest.raises(cx.InputError, match="after the last point"):
        shift_t0(run(10), 500.0)
    with pytest.raises(cx.InputError, match="finite"):
        shift_t0(run(10), float("nan"))


@given(st.integers(8, 60), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_the_end_of_a_flat_start_is_found(t0: int, seed: int) -> None:
    onset = detect_t0(run(float(t0), seed))
    assert onset is not None
    assert onset.kind == "bend"
    assert abs(onset.time_s - t0) <= 1.5
    assert shift_t0(run(float(t0), seed), "auto").time_s[0] >= 0


@pytest.mark.parametrize("k", [0.02, 0.056, 0.15])
def test_the_addition_is_found_before_fast_and_slow_decays(k: float) -> None:
    t = np.arange(101.0)
    for t0 in range(5, 75, 10):
        clean = 0.9 * np.exp(-k * np.maximum(t - t0, 0.0))
        y = clean + np.random.default_rng(t0).normal(0, 0.002, t.size)
        onset = detect_t0(cx.Trace(time_s=t, absorbance=y))
        assert onset is not None
        assert abs(onset.time_s - t0) <= 1.5


@given(st.integers(8, 60), st.sampled_from([-0.3, 0.3, 0.6]), st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_a_jump_at_the_addition_is_found(t0: int, jump: float, seed: int) -> None:
    onset = detect_t0(run(float(t0), seed, jump=jump))
    assert onset is not None
    assert onset.kind == "step"
    assert onset.low_s < t0 <= onset.high_s


def test_a_mixing_spike_is_left_out() -> None:
    trace = run(20.0)
    values = trace.absorbance.copy()
    values[20:22] += 1.0
    onset = detect_t0(cx.Trace(time_s=T, absorbance=values))
    assert onset is not None
    assert onset.kind == "spike"
    shifted = shift_t0(cx.Trace(time_s=T, absorbance=values), "auto")
    assert shifted.absorbance.max() < 1.0


def test_the_remedy_without_an_addition_is_the_option() -> None:
    with pytest.raises(cx.InputError, match=r"--t0 12\.5"):
        shift_t0(cx.Trace(time_s=T, absorbance=0.9 * np.exp(-0.05 * T)), "auto")


def test_no_addition_is_made_up() -> None:
    for name in ("decay", "flat", "bubble"):
        values = np.full(T.size, 0.9) if name == "flat" else 0.9 * np.exp(-0.05 * T)
        values = values + np.random.default_rng(1).normal(0, 0.003, T.size)
        values[40:43] += 0.2 * (name == "bubble")
        trace = cx.Trace(time_s=T, absorbance=values)
        assert detect_t0(trace) is None, name
        with pytest.raises(cx.InputError, match=r"no addition can be seen.*t0="):
            shift_t0(trace, "auto")


def test_a_found_addition_says_that_no_interval_holds_its_uncertainty() -> None:
    trace = run(10.5, jump=0.3)
    (remark,) = shift_t0(trace, "auto").remarks
    assert remark.text.endswith(
        "; t0 = 10.5 s lies between 10 and 11 s: this 1 s is not in the intervals of the breakpoint and the "
        "amplitude"
    )
    (remark,) = shift_t0(trace, 10.5).remarks
    assert "interval" not in remark.text


def test_additions_in_real_and_made_files(shared_data: Path) -> None:
    onset = detect_t0(cx.load(shared_data / "badinputs" / "s09_injection_at_10s.csv"))
    assert abs(onset.time_s - 10) <= 1
    cells = cx.load(shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD")
    for cell in cells:
        onset = detect_t0(cell.at_wavelength(339))
        assert (onset.low_s, round(onset.time_s, 1)) == (77.4, 80.7)
    shifted = shift_t0(cells[1], "auto")
    assert shifted.time_s[0] > 0
    (said,) = [r.text for r in shifted.remarks if r.code == "t0"]
    assert "between 77.4 and 84 s: this 6.6 s is not in the intervals" in said
    assert shifted.absorbance.shape[1] == 911


def test_drift_is_subtracted_at_every_wavelength() -> None:
    drift = 0.001 * T
    clean = np.outer(np.exp(-0.05 * T), [0.2, 0.9, 0.0])
    series = cx.SpectralSeries(time_s=T, wavelength_nm=[300, 324, 600], absorbance=clean + drift[:, None])
    corrected = subtract_reference(series, 600)
    assert np.allclose(corrected.absorbance, clean)
    (remark,) = corrected.remarks
    assert remark.code == "reference_subtracted"
    assert "change +0.12" in remark.text
    with pytest.raises(cx.InputError, match="no data at 900 nm"):
        subtract_reference(series, 900)


def test_masked_reference_readings_take_their_spectra_along() -> None:
    matrix = np.ones((4, 2))
    matrix[2, 1] = np.nan
    series = cx.SpectralSeries(time_s=range(4), wavelength_nm=[324, 600], absorbance=matrix)
    corrected = subtract_reference(series, 600)
    assert corrected.time_s.tolist() == [0, 1, 3]
    assert "masked_spectra" in {remark.code for remark in corrected.remarks}
