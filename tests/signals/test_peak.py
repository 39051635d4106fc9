"""Peak tracking against simulated bands whose position and height are known."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from cxkinetics.errors import InputError, UsageError
from cxkinetics.signals.band import BandShape, find_bands, fit_bands, isolated_spikes
from cxkinetics.signals.peak import smooth_path, track_peak
from cxkinetics.signals.spectra import SpectralSeries

TRUE = np.array([0.9, 0.056, 0.019, 20.0])


def staged(time, a0, k1, k2, tb):
    return a0 * np.exp(-k1 * np.minimum(time, tb) - k2 * np.maximum(time - tb, 0))


def simulate(seed, *, step=2.0, width=6.0, sd=0.003, slope=0.0, time=None, height=None, position=None):
    rng = np.random.default_rng(seed)
    time = np.arange(0, 101.0) if time is None else time
    wavelength = np.arange(290.0, 360.1, step)
    position = 324 + 0.15 * np.minimum(time, 20) if position is None else position
    height = staged(time, *TRUE) if height is None else height
    band = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / width) ** 2)
    matrix = band + slope * (360 - wavelength) + sd * rng.standard_normal(band.shape)
    return position, height, SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)


def fit_staged(time, signal):
    solution = least_squares(lambda p: staged(time, *p) - signal, TRUE)
    scale = 2 * solution.cost / (time.size - 4)
    return solution.x, np.sqrt(np.diag(np.linalg.inv(solution.jac.T @ solution.jac)) * scale)


@pytest.mark.parametrize(
    ("step", "width", "slope"), [(2, 6, 0), (1, 6, 0), (1, 12, 0), (2, 4, 0), (1, 6, 0.004)]
)
def test_height_gives_unbiased_rates_and_position_honours_its_error(step, width, slope) -> None:
    offs, pulls, late = [], [], []
    for seed in range(16):
        position, height, series = simulate(seed, step=step, width=width, slope=slope)
        trace = track_peak(series)
        signal = trace.absorbance - slope * (360 - position)
        value, error = fit_staged(trace.time_s, signal)
        offs.append((value - TRUE) / error)
        pulls.append((trace.peak_nm - position) / trace.peak_nm_se)
        late.append(np.mean((signal - height)[80:]))
    mean = np.mean(offs, axis=0)
    assert np.all(np.abs(mean) < 0.75), mean  # 16 seeds: one standard error of this mean is 0.25
    assert np.abs(np.mean(pulls)) < 0.1
    assert 0.8 < np.std(pulls) < 1.15
    assert np.abs(np.mean(late)) < 0.0002


def test_a_band_that_vanishes_keeps_an_unbiased_height_and_loses_its_position() -> None:
    time = np.arange(0, 301.0)
    _, height, series = simulate(1, step=1, time=time, height=0.9 * np.exp(-0.05 * time))
    trace = track_peak(series)
    late = trace.absorbance[150:] - height[150:]
    assert abs(late.mean()) < 3 * late.std() / np.sqrt(late.size)
    assert np.isnan(trace.peak_nm[150:]).mean() > 0.9
    assert np.isfinite(trace.peak_nm[:60]).all()
    assert trace.peak_nm_se[50] > 5 * trace.peak_nm_se[0]
    assert "peak_lost" in {remark.code for remark in trace.remarks}


def test_masked_cells_dropped_spectra_and_spikes() -> None:
    _, height, series = simulate(2, step=1)
    rng = np.random.default_rng(3)
    matrix = series.absorbance.copy()
    matrix[rng.random(matrix.shape) < 0.003] += 1
    matrix[rng.random(matrix.shape) < 0.15] = np.nan
    matrix[10:14] = np.nan
    trace = track_peak(
        SpectralSeries(time_s=series.time_s, wavelength_nm=series.wavelength_nm, absorbance=matrix)
    )
    codes = {remark.code: remark for remark in trace.remarks}
    assert codes["spectra_dropped"].times_s == tuple(series.time_s[10:14])
    assert codes["spikes_masked"].count > 5
    assert trace.n_points == 97
    kept = np.isin(series.time_s, trace.time_s)
    off = np.abs(trace.absorbance - height[kept])
    assert np.median(off) < 0.0015
    assert np.quantile(off, 0.95) < 0.006


def test_the_strongest_peak_of_the_first_spectra_is_taken_and_named() -> None:
    wavelength = np.arange(280.0, 500.0, 2)
    time = np.arange(0, 50.0)
    small = 0.4 * np.exp(-0.5 * ((wavelength - 420) / 15) ** 2)
    large = 0.8 * np.exp(-0.5 * ((wavelength - 325) / 8) ** 2)
    matrix = small * np.ones((50, 1)) + large * np.exp(-0.03 * time)[:, None]
    matrix = matrix + 3 * np.exp(-(wavelength - 280) / 15)  # a steep rise to the ultraviolet is no peak
    matrix = matrix + 0.001 * np.random.default_rng(0).standard_normal(matrix.shape)
    series = SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix, label="mix")
    trace = series.exciton_peak()
    told = next(remark for remark in trace.remarks if remark.code == "tracked_peak")
    assert "strongest peak of the first spectra" in told.text
    assert "32" in told.text
    assert abs(trace.peak_nm[0] - 325) < 2
    other = series.exciton_peak(near_nm=410)
    assert np.all(np.abs(other.peak_nm - 420) < 1)
    assert other.label == "mix peak at 420 nm"
    with pytest.raises(InputError, match=r"within 15 nm of 370 nm \(peaks stand at .*420"):
        series.exciton_peak(near_nm=370)


def test_no_peak_and_outside_the_range_are_refused_with_numbers() -> None:
    rng = np.random.default_rng(0)
    flat = SpectralSeries(
        time_s=np.arange(20),
        wavelength_nm=np.arange(400, 701, 10),
        absorbance=0.01 + 0.003 * rng.standard_normal((20, 31)),
    )
    with pytest.raises(InputError, match="no peak stands out of the noise between 400 and 700 nm"):
        track_peak(flat)
    with pytest.raises(InputError, match="no data at 324 nm: the spectra run from 400 to 700 nm"):
        track_peak(flat, near_nm=324)
    with pytest.raises(UsageError, match="baseline is 'cubic'"):
        track_peak(flat, baseline="cubic")


def test_a_growing_band_is_found_in_the_last_spectra() -> None:
    time = np.arange(0, 101.0)
    grown = 0.5 * (1 - np.exp(-0.05 * time))
    _, _, series = simulate(4, time=time, height=grown, position=np.full(101, 339.0))
    trace = track_peak(series, near_nm=339)
    assert np.std(trace.absorbance - grown) < 0.003
    assert abs(np.mean(trace.absorbance[-30:] - grown[-30:])) < 0.0008


def test_a_path_that_begins_at_another_band_than_asked_for_says_so_first() -> None:
    time = np.arange(0, 101.0)
    path = np.linspace(311, 339, time.size)
    _, _, series = simulate(4, time=time, height=np.full(time.size, 0.8), position=path)
    trace = track_peak(series, near_nm=339)
    assert trace.wavelength_nm == pytest.approx(339, abs=1)
    assert trace.remarks[0].code == "peak_far"
    assert re.search(r"first spectra .* 31\d\.\d nm, 2\d nm from the 339 nm asked for", trace.remarks[0].text)
    assert "of the last spectra; it ends at 339" in trace.remarks[1].text
    with pytest.raises(InputError, match=r"within 15 nm of 357 nm \(peaks stand at .*338"):
        track_peak(series, near_nm=357)
    near = track_peak(series, near_nm=311)
    assert near.wavelength_nm == pytest.approx(311, abs=1)


def test_the_position_of_a_skewed_band_is_its_maximum() -> None:
    wavelength, time = np.arange(290.0, 380.0), np.arange(0, 60.0)
    u = (wavelength - 325) / 10
    shape = np.exp(-0.5 * (u / np.where(u < 0, 0.7, 1.4)) ** 2)
    matrix = 0.8 * np.exp(-0.03 * time)[:, None] * shape + np.exp(-(wavelength - 290) / 4)
    matrix += 0.002 * np.random.default_rng(0).standard_normal(matrix.shape)
    trace = track_peak(SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix), near_nm=325)
    assert np.median(trace.peak_nm[:30]) == pytest.approx(325, abs=0.8)
    ratio = trace.absorbance / (0.8 * np.exp(-0.03 * time))
    assert np.mean(ratio) == pytest.approx(1, abs=0.02)
    assert np.mean(ratio[:20]) == pytest.approx(np.mean(ratio[-20:]), abs=0.01)


def test_baseline_takes_a_straight_background_away() -> None:
    _, height, series = simulate(5, step=1, slope=0.004)
    trace = track_peak(series, baseline="linear")
    assert abs(np.mean(trace.absorbance - height)) < 0.0006


def test_a_single_noiseless_spectrum() -> None:
    position, _, series = simulate(0, time=np.array([0.0]), sd=0.0)
    trace = track_peak(series)
    assert trace.absorbance[0] == pytest.approx(0.9, abs=1e-3)
    assert trace.peak_nm[0] == pytest.approx(position[0], abs=0.01)


@settings(max_examples=8, deadline=None)
@given(
    shift=st.floats(-200, 400), factor=st.floats(0.1, 50), scale=st.floats(0.01, 100), seed=st.integers(0, 99)
)
def test_shifting_and_scaling_the_axes_does_the_same_to_the_answer(shift, factor, scale, seed) -> None:
    _, _, series = simulate(seed)
    moved = SpectralSeries(
        time_s=series.time_s * scale,
        wavelength_nm=series.wavelength_nm + shift,
        absorbance=series.absorbance * factor,
    )
    one, two = track_peak(series), track_peak(moved)
    assert np.allclose(two.absorbance, one.absorbance * factor, rtol=1e-6, atol=1e-7 * factor)
    assert np.allclose(two.peak_nm - shift, one.peak_nm, atol=1e-4, equal_nan=True)


def test_isolated_spikes_are_single_readings_only() -> None:
    _, _, series = simulate(6)
    assert not isolated_spikes(series.absorbance).any()
    matrix = series.absorbance.copy()
    matrix[0, 10] += 0.5
    matrix[50, 20] -= 0.5
    matrix[-1, 12] += 0.5
    assert {(int(i), int(j)) for i, j in np.argwhere(isolated_spikes(matrix))} == {
        (0, 10),
        (50, 20),
        (100, 12),
    }
    jump = series.absorbance.copy()
    jump[40:] += 0.5
    assert not isolated_spikes(jump).any()


def test_find_bands_orders_by_prominence() -> None:
    wavelength = np.arange(300.0, 500.0, 1)
    spectrum = np.exp(-0.5 * ((wavelength - 350) / 6) ** 2) + 0.5 * np.exp(
        -0.5 * ((wavelength - 420) / 9) ** 2
    )
    found = find_bands(wavelength, spectrum, 1e-6)
    assert [round(band.position_nm) for band in found] == [350, 420]
    assert found[0].shape.width_nm == pytest.approx(6, rel=0.15)
    assert found[1].shape.left_nm < 50  # as far as the valley


def test_smooth_path_follows_a_ramp_and_reports_the_error_factor() -> None:
    rng = np.random.default_rng(1)
    time = np.arange(0, 200.0)
    true = 324 + 0.05 * np.minimum(time, 60)
    stated = np.full(time.size, 0.05)
    noisy = true + 0.15 * rng.standard_normal(time.size)
    noisy[100] = 400
    noisy[150:] = np.nan
    path, factor = smooth_path(time, noisy, stated)
    assert np.sqrt(np.mean((path - true)[:150] ** 2)) < 0.08
    assert 2.3 < factor < 3.7
    assert np.allclose(path[150:], path[149])


def test_a_few_single_wavelengths_are_read_as_they_stand() -> None:
    time = np.arange(40.0)
    matrix = np.column_stack([0.9 * np.exp(-0.05 * time), np.full(40, 0.01)])
    series = SpectralSeries(time_s=time, wavelength_nm=[324, 700], absorbance=matrix)
    trace = track_peak(series)
    assert (trace.wavelength_nm, trace.n_points) == (324.0, 40)
    assert trace.absorbance.tolist() == matrix[:, 0].tolist()
    (remark,) = trace.remarks
    assert remark.code == "few_wavelengths"
    for words in ("324, 700 nm", "read at 324 nm, the strongest", "--wavelength", "--reference"):
        assert words in remark.text
    near = track_peak(series, near_nm=698)
    assert near.wavelength_nm == 700.0
    assert "the nearest to 698 nm" in near.remarks[-1].text
    with pytest.raises(InputError, match="within 15 nm of 500 nm: only 324, 700 nm"):
        track_peak(series, near_nm=500)


def plain_spikes(matrix: np.ndarray) -> np.ndarray:
    """Every reading beside the spreads of its five wavelengths and of all of them, one after the other."""
    n, m = matrix.shape
    in_time, in_wavelength = np.full((n, m), np.nan), np.full((n, m), np.nan)
    for i in range(n):
        before = matrix[i - 1] if i else 2 * matrix[1] - matrix[2]
        after = matrix[i + 1] if i < n - 1 else 2 * matrix[n - 2] - matrix[n - 3]
        one = after if i == n - 1 else before
        other = before if i == 0 else after
        in_time[i] = np.abs(matrix[i] - (one + other) / 2)
        for j in range(2, m - 2):
            near, far = matrix[i, j - 1] + matrix[i, j + 1], matrix[i, j - 2] + matrix[i, j + 2]
            in_wavelength[i, j] = abs(matrix[i, j] - (4 * near - far) / 6)
    out = np.zeros((n, m), bool)
    for j in range(2, m - 2):
        for i in range(n):
            above = True
            for size in (in_time[:, 2:-2], in_wavelength[:, 2:-2]):
                beside = [size[:, (j - 2 + shift) % (m - 4)] for shift in range(-2, 3)]
                spreads = [
                    np.median(part[np.isfinite(part)]) if np.isfinite(part).any() else 0 for part in beside
                ]
                spread = max(*spreads, np.median(size[np.isfinite(size)])) / 0.6745
                above &= bool(size[i, j - 2] > 10 * max(spread, 1e-12))
            out[i, j] = above
    return out


def test_spikes_are_those_of_a_comparison_of_every_reading() -> None:
    rng = np.random.default_rng(8)
    noise = np.where(np.arange(30) < 10, 0.05, 0.002)  # the spread of all is far below that of the first
    matrix = np.exp(-np.arange(24.0) / 9)[:, None] * np.hanning(30) + noise * rng.standard_normal((24, 30))
    for i, j in ((0, 5), (23, 25), (7, 4), (11, 20), (15, 2), (3, 27), (9, 8)):
        matrix[i, j] += 0.3
    matrix[:, 16] = np.nan
    found = isolated_spikes(matrix)
    assert 2 <= found.sum() <= 7
    assert (found == plain_spikes(matrix)).all()


def test_bands_of_many_spectra_in_parts_are_those_of_all_at_once(monkeypatch) -> None:
    path, _, series = simulate(4, position=np.linspace(318.0, 333.0, 101))
    whole = fit_bands(series.wavelength_nm, series.absorbance, path, BandShape(8.0), shape_free=True)
    monkeypatch.setattr("cxkinetics.signals.band._BLOCK", 7)
    parts = fit_bands(series.wavelength_nm, series.absorbance, path, BandShape(8.0), shape_free=True)
    assert parts.near == whole.near
    assert np.allclose(parts.coefficients, whole.coefficients, rtol=1e-9, atol=1e-12)
    assert np.allclose(parts.residuals, whole.residuals, rtol=1e-9, atol=1e-12, equal_nan=True)
