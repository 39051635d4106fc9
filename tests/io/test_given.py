"""A fit takes what people hold: paths, columns, lists, times and readings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxkinetics as cx
from cxkinetics.io.given import as_trace

T = np.arange(0.0, 60.0)
A = 0.9 * np.exp(-0.05 * T) + np.random.default_rng(3).normal(0, 0.003, T.size)


def numbers(fit: cx.StagedFit) -> dict:
    return {name: value for name, value in fit.to_dict().items() if name not in ("file", "sha256")}


def test_a_fit_is_the_same_however_its_readings_are_given(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time (s)": T, "absorbance": A})
    path = tmp_path / "run.csv"
    frame.to_csv(path, index=False)
    expected = numbers(cx.fit_stages(cx.Trace(time_s=T, absorbance=A), rng=1))
    for given in ((T, A), (list(T), list(A)), (frame["time (s)"], frame["absorbance"])):
        assert numbers(cx.fit_stages(*given, rng=1)) == expected
    for one in (frame, frame.set_index("time (s)"), path, str(path)):
        found = numbers(cx.fit_stages(one, rng=1))
        assert found["stages"] == expected["stages"]
        assert found["verdict"] == expected["verdict"]
    by_model = cx.fit_decay((T, A), "biexponential", rng=1)
    assert by_model.model.model == "biexponential"


def test_the_unit_in_the_name_of_a_column_is_read() -> None:
    trace = as_trace(pd.DataFrame({"t / min": T / 60, "A": A}))
    np.testing.assert_allclose(trace.time_s, T)


def test_spectra_in_a_file_are_read_at_their_strongest_peak() -> None:
    from cxkinetics.examples.kinetics import example_path

    trace = as_trace(example_path("ag-cds"))
    assert trace.peak_nm is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "NoneType"),
        (3.0, "float"),
        ([cx.Trace(time_s=T, absorbance=A)] * 3, "take one item"),
        ({"a": 1}, "dict"),
        (np.zeros((3, 3)), "ndarray"),
    ],
)
def test_what_is_no_trace_is_refused_in_words(given: object, words: str) -> None:
    with pytest.raises(cx.InputError, match=words):
        cx.fit_stages(given)


def test_several_traces_in_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    pd.DataFrame({"time (s)": T, "cell 1": A, "cell 2": A}).to_csv(path, index=False)
    with pytest.raises(cx.InputError, match=r"2 traces, not one \(cell 1, cell 2\).*fit_many"):
        cx.fit_stages(path)


def test_readings_given_twice_are_refused() -> None:
    with pytest.raises(cx.UsageError, match="leave absorbance out"):
        cx.fit_stages(cx.Trace(time_s=T, absorbance=A), A)


def test_a_folder_and_a_pattern_stand_for_their_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time (s)": T, "absorbance": A})
    for name in ("run-2.csv", "run-10.csv"):
        frame.to_csv(tmp_path / name, index=False)
    expected = ["run-2.csv", "run-10.csv"]
    by_folder = cx.fit_many(tmp_path)
    assert [Path(fit.trace.source.file).name for fit in by_folder.fits] == expected
    by_pattern = cx.fit_many(str(tmp_path / "*.csv"))
    assert {Path(fit.trace.source.file).name for fit in by_pattern.fits} == set(expected)
    assert list(by_folder.table()["verdict"]) == ["one_stage"] * 2
    with pytest.raises(cx.InputError, match="no file matches"):
        cx.fit_many(str(tmp_path / "*.xlsx"))


def test_runs_are_fitted_together_from_their_paths(tmp_path: Path) -> None:
    for number in (1, 2):
        frame = pd.DataFrame({"time (s)": T, "absorbance": A + 0.001 * number})
        frame.to_csv(tmp_path / f"run-{number}.csv", index=False)
    joint = cx.fit_together([tmp_path / "run-1.csv", str(tmp_path / "run-2.csv")], replicates=99)
    assert len(joint.runs) == 2
