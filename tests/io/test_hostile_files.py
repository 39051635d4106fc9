"""Files that ended in another error than ours, or could not be read back."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest

import cxkinetics as cx


def test_a_long_trace_with_a_list_of_all_its_rows_is_read_back(tmp_path: Path) -> None:
    t = np.arange(30_000.0)
    rows = cx.Remark(code="cropped", text="rows left out", count=t.size, rows=tuple(range(t.size)))
    trace = cx.Trace(time_s=t, absorbance=np.exp(-t / 1e4), remarks=(rows,), label='a "b", c\nd')
    path = tmp_path / "trace.csv"
    trace.to_csv(path)
    assert cx.Trace.from_csv(path) == trace
    assert cx.load(path) == trace


def test_a_table_whose_names_are_fewer_than_its_blank_columns_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (s),A,,,\n" + "".join(f"{k},{0.9 - k / 99},,,\n" for k in range(9)))
    found = cx.load(path)
    assert isinstance(found, cx.Trace)
    assert found.n_points == 9


def test_a_workbook_of_an_unknown_encoding_is_damaged(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in ([0, 0.9], [1, 0.5], [2, 0.3]):
        book.active.append(row)
    stream, path = io.BytesIO(), tmp_path / "run.xlsx"
    book.save(stream)
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "xl/workbook.xml":
                body = b'<?xml version="1.0" encoding="Abs"?>' + body
            new.writestr(name, body)
    with pytest.raises(cx.InputError, match="the Excel workbook is damaged"):
        cx.load(path)


def test_a_line_break_in_a_value_makes_no_second_line() -> None:
    with pytest.raises(cx.InputError) as caught:
        cx.StagedFit.from_json(json.dumps({"schema": "cxkinetics.fit/1\n"}))
    assert "\n" not in str(caught.value)


def test_nan_is_no_json() -> None:
    with pytest.raises(cx.InputError, match="NaN is no JSON"):
        cx.StagedFit.from_json('{"schema": "cxkinetics.fit/1", "rss": NaN}')


def test_a_stored_result_that_cannot_be_told_is_damaged() -> None:
    document = json.loads(cx.predict(dose_percent=50, n_draws=100).to_json())
    document["detection_limits"] = {"XRD": {"Ag2S": {}}}
    document["guest_share"] = {}
    for key in ("species", "conversion"):
        with pytest.raises(cx.InputError, match="cannot be opened"):
            cx.Prediction.from_json(json.dumps(document | {key: {"x": 5}}))


def test_a_name_too_long_for_the_system_is_no_file_and_no_folder() -> None:
    for call in (cx.load, cx.load_system, cx.load_dose_table):
        with pytest.raises(cx.CxKineticsError):
            call("a" * 5000)
    with pytest.raises(cx.UsageError, match="no name of a folder"):
        cx.fit_many(["nowhere.csv"], out="a" * 5000)


def test_the_start_of_a_log_spaced_trace_is_no_flat_part() -> None:
    """Its first readings may stand at one moment, where no line fits."""
    t = np.r_[np.zeros(12), np.geomspace(1, 100, 30)]
    noise = np.random.default_rng(2).normal(0, 0.002, t.size)
    from cxkinetics.signals.prepare import detect_t0

    assert detect_t0(cx.Trace(time_s=t, absorbance=np.where(t > 0, np.exp(-0.05 * t), 1.0) + noise)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time (s),A\n" + "\n".join(",".join(["1"] * 30_001) for _ in range(3)), "a row holds 30001 cells"),
        (
            "wavenumber (cm-1),A\n" + "".join(f"{k + 1}e-306,{k}\n" for k in range(9)),
            "no wavelength of light",
        ),
    ],
)
def test_numbers_and_rows_beyond_all_measure_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "run.csv"
    path.write_text(text)
    with pytest.raises(cx.InputError, match=said):
        cx.load(path)
