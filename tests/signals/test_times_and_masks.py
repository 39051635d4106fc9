"""Times of any unit are read in true seconds, and what a masked array masks never counts as a reading."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cxkinetics as cx
from tests.studies.truths import SEED, noise, stream, times

SECONDS = [0.0, 0.5, 90.0, 7200.25]
START = dt.datetime(2026, 3, 1, 23, 59, 30)


def durations() -> dict[str, Any]:
    exact = np.array([round(1e9 * s) for s in SECONDS], dtype="timedelta64[ns]")
    found: dict[str, Any] = {f"numpy {unit}": exact.astype(f"m8[{unit}]") for unit in ("ns", "us", "ms")}
    index = pd.to_timedelta(SECONDS, unit="s")
    found |= {f"pandas {unit}": index.as_unit(unit) for unit in ("ns", "us", "ms")}
    found["pandas series"] = pd.Series(index, index=[7, 7, 1, 2])
    found["list of Timedelta"] = list(index)
    found["list of timedelta"] = [dt.timedelta(seconds=s) for s in SECONDS]
    found["list of timedelta64"] = list(exact)
    return found


def dates() -> dict[str, Any]:
    index = pd.Timestamp(START) + pd.to_timedelta(SECONDS, unit="s")
    found: dict[str, Any] = {f"pandas {unit}": index.as_unit(unit) for unit in ("ns", "us", "ms")}
    found["with a zone"] = index.tz_localize("Europe/Berlin")
    found["numpy"] = index.to_numpy()
    found["datetimes"] = [START + dt.timedelta(seconds=s) for s in SECONDS]
    return found


@pytest.mark.parametrize("name", durations())
def test_durations_of_any_unit_are_seconds(name: str) -> None:
    time = durations()[name]
    trace = cx.Trace(time_s=time, absorbance=[4, 3, 2, 1])
    assert trace.time_s.tolist() == SECONDS
    assert trace.remarks == ()
    series = cx.SpectralSeries(time_s=time, wavelength_nm=[320, 324], absorbance=np.ones((4, 2)))
    assert series.time_s.tolist() == SECONDS


def test_whole_seconds_and_hours_keep_their_unit() -> None:
    for unit, factor in (("s", 1), ("m", 60), ("h", 3600), ("D", 86400)):
        trace = cx.Trace(time_s=np.arange(3).astype(f"m8[{unit}]"), absorbance=[3, 2, 1])
        assert trace.time_s.tolist() == [0, factor, 2 * factor]


@pytest.mark.parametrize("name", dates())
def test_dates_count_from_the_earliest_and_say_so(name: str) -> None:
    time = dates()[name]
    for signal in (
        cx.Trace(time_s=time[::-1], absorbance=[1, 2, 3, 4]),
        cx.SpectralSeries(time_s=time[::-1], wavelength_nm=[320, 324], absorbance=np.ones((4, 2))),
    ):
        assert signal.time_s.tolist() == SECONDS
        (remark,) = signal.remarks
        assert remark.code == "clock_times"
        assert "2026-03-01 23:59:30" in remark.text


@pytest.mark.parametrize("unit", ["M", "Y", ""])
def test_a_duration_without_a_fixed_length_is_refused(unit: str) -> None:
    time = np.arange(3).astype(f"m8[{unit}]" if unit else "m8")
    with pytest.raises(cx.InputError, match="give seconds"):
        cx.Trace(time_s=time, absorbance=[3, 2, 1])


def test_a_missing_time_is_refused_and_times_are_no_signal() -> None:
    with pytest.raises(cx.InputError, match=r"time_s\[1\] is nan"):
        cx.Trace(time_s=pd.to_timedelta(["0 s", None, "2 s"]), absorbance=[3, 2, 1])
    with pytest.raises(cx.InputError, match="absorbance holds times"):
        cx.Trace(time_s=[0, 1, 2], absorbance=np.arange(3).astype("m8[s]"))
    with pytest.raises(cx.InputError, match="wavelength_nm holds times"):
        cx.SpectralSeries(time_s=[0], wavelength_nm=np.arange(2).astype("m8[s]"), absorbance=[[1, 2]])


def test_a_trace_in_durations_has_the_rate_constants_of_one_in_seconds() -> None:
    t = times(31)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(50, "many", 1))
    options: dict[str, Any] = {"n_stages": 2, "noise": "white", "offset": "zero"}
    plain = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), **options)
    timed = cx.fit_stages(cx.Trace(time_s=pd.to_timedelta(t, unit="s"), absorbance=y), **options)
    for a, b in zip(plain.stages, timed.stages, strict=True):
        assert a.k_per_s.value == pytest.approx(b.k_per_s.value, rel=1e-6)


def test_given_breakpoints_may_be_durations_and_other_options_say_that_they_need_seconds() -> None:
    t = times(31)
    trace = cx.Trace(time_s=t, absorbance=SEED(t) + noise(t, 0.004, 0.0, stream(50, "many", 1)))
    fit = cx.fit_stages(trace, breakpoints_s=np.timedelta64(20_000, "ms"), noise="white")
    assert fit.breakpoints_s[0].value == 20.0
    for wrong in ({"t0": np.timedelta64(5, "ms")}, {"window": (np.timedelta64(5, "ms"), None)}):
        with pytest.raises(cx.UsageError, match=r"seconds|times in s"):
            cx.fit_stages(trace, **wrong)
    with pytest.raises(cx.UsageError, match="breakpoints_s"):
        cx.fit_stages(trace, breakpoints_s=np.datetime64("2026-01-01"))


@pytest.mark.parametrize("column", ["time_s", "absorbance", "sigma"])
def test_masked_points_of_a_trace_are_left_out_with_a_remark(column: str) -> None:
    given: dict[str, Any] = {
        "time_s": [3.0, 2, 1, 0],
        "absorbance": [0.1, 99.0, 0.3, 0.4],
        "sigma": [1, 2, 3, 4],
    }
    given[column] = np.ma.array(given[column], mask=[0, 1, 0, 0])
    trace = cx.Trace(**given)
    assert trace.time_s.tolist() == [0, 1, 3]
    assert trace.absorbance.tolist() == [0.4, 0.3, 0.1]
    assert trace.sigma is not None
    assert trace.sigma.tolist() == [4, 3, 1]
    (remark,) = trace.remarks
    assert (remark.code, remark.count) == ("masked_points", 1)
    assert cx.Trace.from_json(trace.to_json()) == trace


def test_a_mask_hides_what_is_not_finite_and_only_that() -> None:
    hidden = np.ma.masked_invalid([0.4, np.nan, 0.2])
    assert cx.Trace(time_s=[0, 1, 2], absorbance=hidden).absorbance.tolist() == [0.4, 0.2]
    bad = np.ma.array([0.4, 9.9, np.nan], mask=[0, 1, 0])
    with pytest.raises(cx.InputError, match=r"absorbance\[2\] is nan"):
        cx.Trace(time_s=[0, 1, 2], absorbance=bad)
    path = np.ma.array([324.0, 999.0, 326.0], mask=[0, 1, 0])
    tracked = cx.Trace(time_s=[0, 1, 2], absorbance=[3, 2, 1], peak_nm=path)
    assert tracked.peak_nm is not None
    assert np.isnan(tracked.peak_nm).tolist() == [False, True, False]
    unmasked = cx.Trace(time_s=[0, 1], absorbance=np.ma.array([2.0, 1.0]))
    assert unmasked.remarks == ()


def test_masked_cells_of_spectra_are_nan() -> None:
    matrix = np.ma.masked_greater([[0.8, 0.9], [99.0, 0.5], [0.2, 0.3]], 4)
    for given in (matrix, list(matrix)):
        series = cx.SpectralSeries(time_s=[2, 1, 0], wavelength_nm=[324, 320], absorbance=given)
        assert np.isnan(series.absorbance).tolist() == [[False, False], [False, True], [False, False]]
        assert [(remark.code, remark.count) for remark in series.remarks] == [("masked_cells", 1)]
        assert series.at_wavelength(324).absorbance.tolist() == [0.2, 0.8]


def test_masked_times_and_wavelengths_of_spectra_are_left_out() -> None:
    series = cx.SpectralSeries(
        time_s=np.ma.array([0.0, 5.0, 1.0], mask=[0, 1, 0]),
        wavelength_nm=np.ma.array([320.0, 322.0, 324.0], mask=[1, 0, 0]),
        absorbance=np.arange(9.0).reshape(3, 3),
    )
    assert series.time_s.tolist() == [0, 1]
    assert series.wavelength_nm.tolist() == [322, 324]
    assert series.absorbance.tolist() == [[1, 2], [7, 8]]
    assert [remark.text for remark in series.remarks] == [
        "1 masked times left out",
        "1 masked wavelengths left out",
    ]
    with pytest.raises(cx.InputError, match="all 2 values of time_s are masked"):
        cx.SpectralSeries(time_s=np.ma.masked_all(2), wavelength_nm=[1, 2], absorbance=np.ones((2, 2)))


def test_a_mask_is_never_lost_elsewhere() -> None:
    hidden = np.ma.array([0.0, 99.0, 20.0], mask=[0, 1, 0])
    with pytest.raises(cx.InputError, match=r"incorporation_percent\[1\] is nan"):
        cx.DoseTable(dose_percent=[0, 10, 20], incorporation_percent=hidden)
    with pytest.raises(cx.InputError, match="y is nan at index 1"):
        cx.fit_curve(lambda x, a: a * x, [0.0, 1, 2], hidden, start={"a": 1.0})
    with pytest.raises(cx.InputError, match="drop it first"):
        cx.PeakList(mz=hidden)
