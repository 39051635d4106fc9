"""The files a bench chemist could send: what reading owes for each of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

# owed by fitting, not by reading
FITTING = {"outlier", "no decay", "structured residuals or rising tail"}
READS_THEN_REFUSES = {"e04_two_points.csv", "e06_constant.csv", "n06_all_negative.csv"}


def read(folder: Path, entry: dict[str, Any]) -> Any:
    path = folder / "badinputs" / entry["file"]
    if entry["kind"] == "dose":
        return cx.load_dose_table(path)
    return cx.load(path, wavelength=entry["args"].get("wavelength"))


def read_for_a_fit(folder: Path, entry: dict[str, Any]) -> None:
    from cxkinetics.signals.screening import require_fittable

    signal = read(folder, entry)
    assert entry["file"] in READS_THEN_REFUSES
    require_fittable(signal)


def test_every_entry_behaves_as_stated(shared_data: Path, bad_inputs: dict[str, Any]) -> None:
    assert len(bad_inputs["files"]) == 54
    for entry in bad_inputs["files"]:
        name = entry["file"]
        if entry["expected"] == "error":
            with pytest.raises(cx.InputError) as caught:
                read_for_a_fit(shared_data, entry)
            message = str(caught.value)
            assert name in message
            assert "\n" not in message
            for word in entry["message_must_mention"]:
                assert word in message, (name, word, message)
            if entry["line"] is not None:
                assert caught.value.line == entry["line"], (name, message)
                assert f"line {entry['line']}" in message
            if entry["column"] is not None:
                assert caught.value.column == entry["column"]
            continue
        signal = read(shared_data, entry)
        said = " | ".join(str(remark) for remark in signal.remarks)
        for word in set(entry["warn"]) - FITTING:
            assert word in said, (name, word, said)


def test_the_same_run_in_any_dress_gives_the_same_numbers(
    shared_data: Path, bad_inputs: dict[str, Any]
) -> None:
    clean = cx.load(shared_data / "badinputs" / "f01_clean.csv")
    assert isinstance(clean, cx.Trace)
    assert clean.n_points == 101
    assert clean.absorbance[0] == 0.895886
    reference = bad_inputs["files"][0]["check"]
    dressed = 0
    for entry in bad_inputs["files"]:
        if entry["check"] != reference or entry["kind"] == "dose":
            continue
        signal = read(shared_data, entry)
        assert np.allclose(signal.time_s, clean.time_s, rtol=0, atol=1e-5), entry["file"]
        assert np.allclose(signal.absorbance, clean.absorbance, rtol=0, atol=1e-6), entry["file"]
        dressed += 1
    assert dressed >= 20


def test_masked_rows_are_named(shared_data: Path) -> None:
    missing = cx.load(shared_data / "badinputs" / "n01_missing_cells.csv")
    (remark,) = missing.remarks
    assert (remark.count, remark.rows) == (4, (15, 39, 66, 82))
    overflow = cx.load(shared_data / "badinputs" / "n02_ovrflw.csv")
    assert overflow.remarks[0].rows == (2, 3, 4, 5)
    assert overflow.time_s[0] == 4.0
    twice = cx.load(shared_data / "badinputs" / "s03_duplicate_rows.csv")
    assert twice.remarks[0].count == 11
    assert twice.n_points == 101


def test_runs_pasted_together_can_be_chosen(shared_data: Path) -> None:
    path = shared_data / "badinputs" / "s05_merged_runs.csv"
    first, second = cx.load(path, trace=1), cx.load(path, trace=2)
    assert first.n_points == second.n_points == 101
    assert first.absorbance[0] == 0.895886
    assert second.absorbance[-1] == 0.070666


def test_columns_can_be_chosen(shared_data: Path) -> None:
    path = shared_data / "badinputs" / "e14_which_column.csv"
    assert cx.load(path, column="B").absorbance[1] == 0.779266
    assert cx.load(path, column=4).absorbance[1] == 0.662319
    several = cx.load(path, column=["A", "C"])
    assert [trace.label for trace in several] == ["A", "C"]
    with pytest.raises(cx.InputError, match=r"no column 'D'.*'time \(s\)', 'A', 'B', 'C'"):
        cx.load(path, column="D")


def test_dose_tables_agree_in_any_dress(shared_data: Path) -> None:
    folder = shared_data / "badinputs"
    plain = cx.load_dose_table(folder / "d01_dose.csv")
    assert plain.dose_percent[-1] == 175
    assert plain.incorporation_percent[-1] == 40.52
    for name in ("d02_dose_fraction_header.csv", "d06_plus_minus.csv", "d09_percent_signs.csv"):
        other = cx.load_dose_table(folder / name)
        assert np.allclose(other.dose_percent, plain.dose_percent)
        assert np.allclose(other.incorporation_percent, plain.incorporation_percent)
    assert set(cx.load_dose_table(folder / "d06_plus_minus.csv").sigma_percent) == {0.3}
