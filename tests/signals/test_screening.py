"""Saturation, dropouts, duplicates, runs, bubbles and steps are found where they are, and only there."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.remarks import Remark
from cxkinetics.signals.prepare import crop, shift_t0
from cxkinetics.signals.screening import (
    clipped_level,
    dropout_spectra,
    duplicate_rows,
    find_steps,
    noise_sd,
    offset_remark,
    require_fittable,
    starts_of_runs,
)

T = np.arange(101.0)
DECAY = 0.9 * np.exp(-0.056 * np.minimum(T, 20) - 0.019 * np.maximum(T - 20, 0))


def noisy(seed: int, sd: float = 0.003) -> np.ndarray:
    return DECAY + np.random.default_rng(seed).normal(0, sd, T.size)


def test_clipping_needs_a_high_plateau() -> None:
    assert clipped_level(np.array([3.5, 3.5, 1.0, 3.5])) == 3.5
    assert clipped_level(np.array([3.5, 3.5, 1.0, 3.4])) is None
    assert clipped_level(np.array([0.9] * 10)) is None
    assert clipped_level(np.array([np.nan] * 4)) is None
    assert clipped_level(np.array([])) is None


def test_dropouts_are_whole_spectra() -> None:
    matrix = np.full((4, 5), 0.3)
    matrix[1] = -3.1
    matrix[2, :2] = -3.1
    assert dropout_spectra(matrix).tolist() == [False, True, False, False]
    assert not dropout_spectra(np.full((3, 5), -3.1)).any(), "a whole series below zero is another fault"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=30))
def test_duplicate_rows_against_a_slow_twin(rows: list[tuple[int, int]]) -> None:
    seen: set[tuple[int, int]] = set()
    expected = []
    for row in rows:
        expected.append(row in seen)
        seen.add(row)
    columns = np.array(rows, dtype=float).reshape(-1, 2)
    assert duplicate_rows(columns[:, 0], columns[:, 1]).tolist() == expected


def test_runs_shuffles_and_swapped_blocks() -> None:
    assert starts_of_runs(np.r_[T, T, T]) == [0, 101, 202]
    assert starts_of_runs(np.random.default_rng(2).permutation(T)) == [0]
    assert starts_of_runs(np.r_[T[50:], T[:50]]) == [0]
    assert starts_of_runs(np.r_[T, 50.5]) == [0]
    assert starts_of_runs(T[::-1]) == [0]


@given(st.floats(1e-4, 1.0), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_noise_is_measured_on_a_decay(sd: float, seed: int) -> None:
    values = 5 * np.exp(-np.arange(2000) / 500) + np.random.default_rng(seed).normal(0, sd, 2000)
    assert 0.9 * sd < noise_sd(values) < 1.1 * sd


def test_a_bubble_is_no_step() -> None:
    values = noisy(1)
    values[40:43] += 0.1
    assert find_steps(T, values) == []


@pytest.mark.parametrize("height", [-0.05, 0.05, 0.3])
def test_a_step_is_found_with_its_height(height: float) -> None:
    ((index, found),) = find_steps(T, noisy(3) + np.where(T < 60, 0, height))
    assert index == 60
    assert abs(found - height) < 0.01


def test_no_step_in_correlated_noise_or_at_a_break() -> None:
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(300):
        noise = rng.normal(0, 0.003, T.size)
        for j in range(1, T.size):
            noise[j] = 0.7 * noise[j - 1] + 0.7 * noise[j]
        found += bool(find_steps(T, DECAY + noise))
    assert found == 0


def test_an_addition_is_seen_as_a_step_in_a_real_register(shared_data: object) -> None:
    from pathlib import Path

    cells = cx.load(Path(str(shared_data)) / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD")
    steps = find_steps(cells[1].time_s, cells[1].at_wavelength(260).absorbance)
    assert [cells[1].time_s[i] for i, _ in steps] == [84.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.9, 0.8], "2 points are left: a stage needs at least 3"),
        ([0.9] * 5, "constant: every one of the 5 points reads 0.9"),
        ([-0.9, -0.8, -0.7], "all 3 absorbances are negative"),
    ],
)
def test_what_cannot_be_fitted_is_refused(values: list[float], words: str) -> None:
    with pytest.raises(cx.InputError, match=words):
        require_fittable(cx.Trace(time_s=range(len(values)), absorbance=values))


def test_a_step_is_remarked_before_a_fit() -> None:
    trace = cx.Trace(time_s=T, absorbance=noisy(5) + np.where(T < 60, 0, 0.2))
    (remark,) = require_fittable(trace)
    assert (remark.code, remark.count, remark.times_s) == ("step", 1, (60.0,))
    assert "between 59 and 60 s" in remark.text
    assert require_fittable(cx.Trace(time_s=T, absorbance=noisy(5))) == ()
    assert require_fittable(cx.Trace(time_s=[0, 1, 2], absorbance=[-1, -2, -3], unit="mV")) == ()


GROWTH = 1.0 - noisy(5)


@pytest.mark.parametrize(
    ("values", "offset", "direction", "words"),
    [
        (noisy(5), 5.0, "decay", "5 AU, lies at or above the largest reading: the signal runs from 0.06"),
        (noisy(5), float(noisy(5).max()), "decay", "falls to; give an offset below the last readings"),
        (GROWTH, -1.0, "growth", "-1 AU, lies at or below the smallest reading"),
        (GROWTH, float(GROWTH.min()), "growth", "rises to; give an offset above the last readings"),
    ],
)
def test_an_offset_beyond_all_readings_is_refused(
    values: np.ndarray, offset: float, direction: str, words: str
) -> None:
    trace = cx.Trace(time_s=T, absorbance=values)
    for refuse in (
        lambda: offset_remark(trace, offset, direction),
        lambda: cx.fit_stages(trace, offset=offset, direction=direction, noise="white"),
    ):
        with pytest.raises(cx.InputError) as caught:
            refuse()
        assert words in str(caught.value)


def test_an_offset_among_the_readings_is_remarked() -> None:
    falling, rising = (cx.Trace(time_s=T, absorbance=v) for v in (noisy(5), GROWTH))
    for trace, offset, direction, side in (
        (falling, 0.3, "decay", "above"),
        (rising, 0.7, "growth", "below"),
    ):
        remark = offset_remark(trace, offset, direction)
        assert remark is not None
        assert remark.code == "offset_inside"
        assert f"noise sd {side} the last 5 readings" in remark.text
    for trace, offset, direction in (
        (falling, -5.0, "decay"),
        (falling, 0.0, "decay"),
        (falling, 0.072, "decay"),
        (rising, 1.0, "growth"),
        (rising, 9.0, "growth"),
    ):
        assert offset_remark(trace, offset, direction) is None
    fit = cx.fit_stages(falling, offset=0.3, noise="white", n_stages=1)
    assert [remark.code for remark in fit.warnings].count("offset_inside") == 1


# places of what is masked -------------------------------------------------------------------------


def test_a_remark_names_the_first_places_and_carries_all() -> None:
    remark = Remark.at("missing_cells", "30 missing cells left out", 30, rows=range(2, 32))
    assert str(remark).endswith("left out (lines 2, 3, 4, 5, 6, 7, 8, 9 and 22 more)")
    assert remark.complete().endswith("left out (lines " + ", ".join(map(str, range(2, 32))) + ")")
    assert remark.complete().count("lines") == 1
    assert Remark.from_dict(json.loads(json.dumps(remark.to_dict()))) == remark
    assert len(remark.to_dict()["rows"]) == 30
    huge = Remark.at("missing_cells", "3000 missing cells left out", 3000, rows=range(3000))
    assert huge.complete().endswith("1999 and 1000 more)")
    assert len(huge.rows) == 3000


def test_places_that_the_text_names_are_not_repeated() -> None:
    step = Remark("step", "the level steps between 59 and 60.5 s", 1, times_s=(60.5,))
    assert step.complete() == step.text
    few = Remark.at("overflow", "1 cell masked", 1, rows=[15])
    assert few.complete() == "1 cell masked (line 15)"
    assert Remark("plain", "nothing to place").complete() == "nothing to place"


def test_lines_and_times_are_never_mixed() -> None:
    spectra = np.full((40, 5), 0.4) + 0.01 * np.random.default_rng(2).normal(size=(40, 5))
    spectra[3:33:2, 1] = np.nan
    series = cx.SpectralSeries(
        time_s=10 + np.arange(40.0), wavelength_nm=[300, 310, 320, 330, 340], absorbance=spectra
    )
    (remark,) = series.at_wavelength(310).remarks
    assert remark.rows == ()
    assert remark.times_s == tuple(np.arange(13.0, 43.0, 2.0))
    assert "at 13, 15, 17" in remark.text


def test_points_outside_the_window_and_before_time_zero_are_carried() -> None:
    trace = cx.Trace(time_s=range(60), absorbance=np.exp(-0.01 * np.arange(60)))
    (remark,) = crop(trace, (25, None)).remarks
    assert remark.times_s == tuple(np.arange(25.0))
    (remark,) = shift_t0(trace, 30).remarks
    assert remark.times_s == tuple(np.arange(30.0))


def test_raw_counts_are_refused_with_the_options_that_help() -> None:
    trace = cx.Trace(time_s=T, absorbance=1e5 * DECAY, unit="counts")
    with pytest.raises(cx.InputError, match=r"raw counts.*--reference FILE .*--absorbance-unit abs"):
        cx.fit_stages(trace)
