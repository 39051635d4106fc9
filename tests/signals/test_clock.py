"""Times typed in s for a file in min: the message names the unit and what to type instead."""

from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.signals.prepare import breakpoint_hint, window_hint
from cxkinetics.source import time_unit_sign

MINUTES = np.arange(61.0)
VALUES = 0.9 * np.exp(-0.056 * np.minimum(MINUTES, 20) - 0.019 * np.maximum(MINUTES - 20, 0))
SLOW = VALUES + np.random.default_rng(6).normal(0, 0.003, MINUTES.size)


def written(path: Path, name: str = "time (min)") -> Path:
    rows = [f"{t:g},{a:.5f}" for t, a in zip(MINUTES, SLOW, strict=True)]
    path.write_text("\n".join([f"{name},absorbance", *rows]) + "\n")
    return path


@pytest.fixture
def slow(tmp_path: Path) -> cx.Trace:
    return cx.load(written(tmp_path / "slow.csv"))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("time (min)", "min"),
        ("Zeit [Minuten]", "min"),
        ("t / h", "h"),
        ("time (ms)", "ms"),
        ("time_s", "s"),
        ("time", ""),
    ],
)
def test_a_signal_knows_the_unit_of_its_file(name: str, unit: str, tmp_path: Path) -> None:
    trace = cx.load(written(tmp_path / "run.csv", name))
    assert trace.source.time_unit == unit
    assert cx.Trace.from_json(trace.to_json()) == trace


def test_the_unit_asked_for_and_the_unit_of_spectra(tmp_path: Path) -> None:
    assert cx.load(written(tmp_path / "run.csv"), time_unit="h").source.time_unit == "h"
    path = tmp_path / "spectra.csv"
    path.write_text("time (min),320,324,328\n0,0.8,0.9,0.8\n1,0.7,0.8,0.7\n2,0.6,0.7,0.6\n")
    assert cx.load(path).at_wavelength(324).source.time_unit == "min"


def test_one_file_does_not_lend_its_unit_to_the_next(tmp_path: Path) -> None:
    cx.load(written(tmp_path / "slow.csv"))
    assert cx.load(written(tmp_path / "plain.csv", "time")).source.time_unit == ""


def test_a_source_written_before_the_unit_was_kept_is_read(slow: cx.Trace) -> None:
    record = slow.to_dict()
    del record["source"]["time_unit"]
    assert cx.Trace.from_dict(record).source.time_unit == ""


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ((5, 20), "5:20 is 5 to 20 s; the file's times are in min: for 5 to 20 min pass 5min:20min"),
        ((None, 20), ":20 is up to 20 s; the file's times are in min: for up to 20 min pass :20min"),
        ((500, 501), "choose a window inside the recorded times"),
        ((110, 200), "only 2 points are left: a stage needs at least 3 points; widen the window"),
    ],
)
def test_a_window_meant_in_minutes(window: tuple[float | None, float], words: str, slow: cx.Trace) -> None:
    if window == (110, 200):  # 110 to 200 min lie outside, so the unit is not the slip
        assert window_hint(slow.time_s, "min", window) == ""
    with pytest.raises(cx.InputError) as caught:
        cx.fit_stages(slow, window=window)
    assert words in str(caught.value)


def test_a_window_that_leaves_too_few_points_of_a_file_in_seconds() -> None:
    trace = cx.Trace(time_s=MINUTES, absorbance=SLOW)
    with pytest.raises(cx.InputError, match=r"only 1 point is left: .*; widen the window"):
        cx.fit_stages(trace, window=(5, 5.5))


@pytest.mark.parametrize("recipe", ["likelihood", "loglinear"])
def test_a_breakpoint_meant_in_minutes(recipe: str, slow: cx.Trace) -> None:
    with pytest.raises(cx.UnresolvedBreakpointError) as caught:
        cx.fit_stages(slow, breakpoints_s=8, recipe=recipe)
    assert "stage 1 holds 1 distinct times" in str(caught.value)
    assert str(caught.value).endswith("8 is in s; the file's times are in min: for 8 min pass 8min")


def test_no_hint_where_the_unit_cannot_be_the_slip(slow: cx.Trace) -> None:
    with pytest.raises(cx.UnresolvedBreakpointError) as caught:
        cx.fit_stages(slow, breakpoints_s=100_000)
    assert "min" not in str(caught.value)
    assert breakpoint_hint(slow.time_s, "s", [8]) == breakpoint_hint(slow.time_s, "", [8]) == ""
    assert breakpoint_hint(slow.time_s, "min", [8, 25]).endswith("for 8,25 min pass 8min,25min")
    assert window_hint(slow.time_s / 1000, "ms", (5, 20)) == ""
    assert time_unit_sign(3600.0) == "h"
