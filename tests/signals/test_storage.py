"""Signals survive to_json -> from_json and to_csv -> from_csv unchanged."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.source import Source

numbers = st.floats(-1e6, 1e6, allow_nan=False)
texts = st.text(max_size=30)
sources = st.builds(
    Source, file=texts, sha256=st.just("ab"), format=texts, note=texts, trace=st.integers(1, 9)
)
remarks = st.lists(st.builds(cx.Remark, texts, texts, st.none() | st.integers(0, 99)), max_size=3).map(tuple)


@st.composite
def traces(draw: Any) -> cx.Trace:
    n = draw(st.integers(0, 8))
    column = st.lists(numbers, min_size=n, max_size=n)
    peaks = st.none() | st.lists(numbers | st.just(float("nan")), min_size=n, max_size=n)
    return cx.Trace(
        time_s=draw(column),
        absorbance=draw(column),
        sigma=draw(st.none() | st.lists(st.floats(1e-6, 10), min_size=n, max_size=n)),
        label=draw(texts),
        unit=draw(texts),
        wavelength_nm=draw(st.none() | st.floats(200, 900)),
        peak_nm=draw(peaks),
        peak_nm_se=draw(peaks),
        source=draw(sources),
        remarks=draw(remarks),
    )


@st.composite
def series(draw: Any) -> cx.SpectralSeries:
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    cells = st.lists(numbers | st.just(float("nan")), min_size=n * m, max_size=n * m)
    return cx.SpectralSeries(
        time_s=draw(st.lists(numbers, min_size=n, max_size=n)),
        wavelength_nm=draw(st.lists(st.floats(200, 900), min_size=m, max_size=m, unique=True)),
        absorbance=np.array(draw(cells)).reshape(n, m),
        label=draw(texts),
        source=draw(sources),
        remarks=draw(remarks),
    )


@st.composite
def dose_tables(draw: Any) -> cx.DoseTable:
    n = draw(st.integers(1, 6))
    positive = st.lists(st.floats(0, 200), min_size=n, max_size=n)
    low, width = np.array(draw(positive)), np.array(draw(positive))
    exact = width < 50
    high = np.where(exact, low, low + width)
    return cx.DoseTable(
        dose_percent=np.where(exact, low, np.nan),
        incorporation_percent=draw(positive),
        sigma_percent=draw(st.none() | st.lists(st.floats(0.01, 5), min_size=n, max_size=n)),
        dose_low_percent=low,
        dose_high_percent=high,
        label=draw(texts),
        source=draw(sources),
        remarks=draw(remarks),
    )


@given(st.one_of(traces(), series(), dose_tables()))
@settings(max_examples=150, deadline=None)
def test_round_trips_are_exact(signal: Any) -> None:
    assert type(signal).from_json(signal.to_json()) == signal
    assert type(signal).from_csv(signal.to_csv()) == signal


@given(traces())
@settings(max_examples=50, deadline=None)
def test_no_cell_of_the_csv_is_a_formula(trace: cx.Trace) -> None:
    for row in csv.reader(io.StringIO(trace.to_csv())):
        for cell in row:
            if cell.startswith(("=", "+", "-", "@")):
                float(cell)


def test_files_round_trip_and_load_reads_them_back(tmp_path: Path, shared_data: Path) -> None:
    series = cx.load(shared_data / "badinputs" / "m05_empty_column.csv")
    trace = series.at_wavelength(324)
    table = cx.load_dose_table(shared_data / "badinputs" / "d06_plus_minus.csv")
    for k, signal in enumerate((series, trace, table)):
        for kind in ("csv", "json"):
            path = tmp_path / f"{k}.{kind}"
            text = getattr(signal, f"to_{kind}")(path)
            assert path.read_text().strip() == text.strip()
            assert getattr(type(signal), f"from_{kind}")(path) == signal
            again = cx.load_dose_table(path) if k == 2 else cx.load(path)
            assert again == signal


def test_the_csv_is_a_plain_table_after_its_first_line() -> None:
    trace = cx.Trace(time_s=[0, 1, 2], absorbance=[0.9, 0.8, 0.7], label="=cmd|' /C calc'!A0")
    lines = trace.to_csv().splitlines()
    assert lines[0].startswith('"# cxkinetics.trace/1 {')
    assert lines[1:] == ["time (s),signal", "0.0,0.9", "1.0,0.8", "2.0,0.7"]


@pytest.mark.parametrize("text", ["{", "[]\n{", '{"schema": "cxkinetics.trace/1"}', '{"schema": "other/1"}'])
def test_damaged_text_is_an_input_error(text: str) -> None:
    with pytest.raises(cx.InputError):
        cx.Trace.from_json(text)
    with pytest.raises(cx.InputError):
        cx.Trace.from_csv(text + "\n1,2\n")


def test_the_wrong_class_says_what_it_found() -> None:
    text = cx.Trace(time_s=[0], absorbance=[1]).to_json()
    assert json.loads(text)["schema"] == "cxkinetics.trace/1"
    with pytest.raises(cx.InputError, match=r"cxkinetics\.trace/1, not cxkinetics\.spectra/1"):
        cx.SpectralSeries.from_json(text)
