"""`fit_many`: the same results on one process, on several, and on any executor; failures listed."""

import json
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.project import load_config, save_config
from cxkinetics.io.inputs import expand
from cxkinetics.kinetics.batch import BatchResult, FitJob, fit_many, jobs_of, run_job
from cxkinetics.kinetics.options import FitOptions
from tests.studies.truths import SEED, noise, stream, times


def write_trace(path: Path, number: int, n: int = 31) -> Path:
    t = times(n)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(50, "many", number))
    path.write_text("time_s,A\n" + "\n".join(f"{a:.4f},{b:.5f}" for a, b in zip(t, y, strict=True)))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("many")
    good = [write_trace(folder / f"run{number}.csv", number) for number in (1, 2)]
    bad = folder / "broken.csv"
    bad.write_text("t,A\n0,0.9\n1,0.5\n")
    return [good[0], bad, folder / "missing.csv", good[1]]


@pytest.fixture(scope="module")
def serial(files: list[Path]) -> BatchResult:
    return fit_many(files, n_stages=2, offset="zero")


def test_results_come_in_the_order_of_the_inputs_and_failures_are_listed(
    files: list[Path], serial: BatchResult
) -> None:
    assert [fit.trace.source.file for fit in serial.fits] == [str(files[0]), str(files[3])]
    assert [failure.file for failure in serial.failures] == [str(files[1]), str(files[2])]
    assert "only 2 points" in serial.failures[0].message
    assert "no such file" in serial.failures[1].message
    assert serial.skipped == ()
    record = serial.to_dict()
    assert set(record) == {
        "schema",
        "version",
        "fits",
        "failures",
        "skipped",
        "replicates",
        "replicates_reason",
    }
    json.dumps(record, allow_nan=False)


def test_the_mean_over_runs_stands_in_the_result_and_its_json(serial: BatchResult) -> None:
    found, record = serial.replicates(), serial.to_dict()
    assert len(found.runs) == 2
    values = [fit.stages[1].k_per_s.value or 0.0 for fit in serial.fits]
    k2 = found.quantities[1]
    assert k2.mean.value is None or k2.mean.value == pytest.approx(np.mean(values))
    assert k2.sd_between == pytest.approx(np.std(values, ddof=1))
    assert record["replicates"] == found.to_dict()
    assert record["replicates_reason"] == ""
    alone = BatchResult(results=serial.results[:1]).to_dict()
    assert alone["replicates"] is None
    assert "at least 2 runs" in alone["replicates_reason"]


def test_spread_and_errors_are_compared_only_where_both_are_of_one_offset(
    files: list[Path], serial: BatchResult
) -> None:
    good = [files[0], files[3]]
    assert all(quantity.ratio is not None for quantity in serial.replicates().quantities)
    chosen = fit_many(good, n_stages=2)
    assert [fit.offset.value for fit in chosen.fits] == [0.0, 0.0]
    for quantity, same in zip(chosen.replicates().quantities, serial.replicates().quantities, strict=True):
        assert quantity.sd_between == pytest.approx(same.sd_between, rel=1e-3)
        assert quantity.ratio is None
        assert "--offset zero or --offset fit" in quantity.ratio_reason
    json.dumps(chosen.to_dict(), allow_nan=False)
    fitted = fit_many(good, n_stages=2, offset="fit").replicates()
    assert {quantity.ratio_reason for quantity in fitted.quantities} <= {""}
    mixed = BatchResult(results=(chosen.results[0], fit_many(good[1:], n_stages=2, offset="fit").results[0]))
    reason = mixed.replicates().reason
    assert "held at zero in 1 run (run1.csv" in reason
    assert "fitted in 1 run (run2.csv" in reason


def test_a_file_in_the_place_of_the_folder_is_named_before_anything_is_fitted(
    files: list[Path], tmp_path: Path
) -> None:
    taken = tmp_path / "taken.csv"
    taken.write_text("")
    for out in (taken, taken / "below"):
        with pytest.raises(cx.UsageError, match=r"taken\.csv is a file.*--out"):
            fit_many(files, out=str(out))


def test_a_folder_of_something_else_is_refused_before_the_fit(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run1").mkdir()
    (tmp_path / "run1" / "notes.txt").write_text("mine")
    monkeypatch.setattr("cxkinetics.kinetics.batch.fit_stages", lambda *_, **__: pytest.fail("fitted"))
    (failure,) = fit_many(files[:1], out=str(tmp_path)).failures
    assert "holds no fit.json" in failure.message
    assert [path.name for path in (tmp_path / "run1").iterdir()] == ["notes.txt"]


def test_threads_give_what_one_process_gives(files: list[Path], serial: BatchResult) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert fit_many(files, executor=executor, n_stages=2, offset="zero").to_dict() == serial.to_dict()


class Deferred:
    """A future of another library: `result()` and nothing else, as a Dask client returns."""

    def __init__(self, call: Any, arguments: tuple[Any, ...]) -> None:
        self.call, self.arguments = call, arguments

    def result(self) -> Any:
        return self.call(*self.arguments)


class Client:
    """The least that an executor must have."""

    def submit(self, call: Any, *arguments: Any) -> Deferred:
        return Deferred(call, arguments)


def test_any_object_with_submit_will_do(files: list[Path], serial: BatchResult) -> None:
    assert fit_many(files, executor=Client(), n_stages=2, offset="zero").to_dict() == serial.to_dict()


class Backwards(Executor):
    """Runs the last job first: the order of completion must not matter."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        if len(self.waiting) == 4:
            for each, call, arguments in reversed(self.waiting):
                each.set_result(call(*arguments))
        return future


def test_the_order_of_completion_does_not_matter(files: list[Path], serial: BatchResult) -> None:
    assert fit_many(files, executor=Backwards(), n_stages=2, offset="zero").to_dict() == serial.to_dict()


def test_jobs_can_be_sent_to_another_process(files: list[Path]) -> None:
    import pickle

    job = jobs_of(files[:1], n_stages=1)[0]
    assert pickle.loads(pickle.dumps(job)) == job
    result = run_job(job)
    assert pickle.loads(pickle.dumps(result)).fits == result.fits


def test_fewer_than_one_process_is_usage(files: list[Path]) -> None:
    with pytest.raises(cx.UsageError, match="jobs is 0"):
        fit_many(files, jobs=0)


def test_a_batch_into_a_folder_is_kept_the_second_time(files: list[Path], tmp_path: Path) -> None:
    options = {"out": str(tmp_path / "out"), "n_stages": 1, "noise": "white"}
    first = fit_many([files[0]], **options)
    assert first.skipped == ()
    again = fit_many([files[0]], **options)
    assert again.skipped == (str(files[0]),)
    assert again.fits == first.fits
    assert fit_many([files[0]], **options, rng=3).skipped == ()


def test_a_damaged_stored_result_is_fitted_again(files: list[Path], tmp_path: Path) -> None:
    options = {"out": str(tmp_path / "out"), "n_stages": 1, "noise": "white"}
    first = fit_many([files[0]], **options)
    stored = tmp_path / "out" / "run1" / "fit.json"
    for damage in ("{", '{"schema": "cxkinetics.fit/1"}', "[]"):
        stored.write_text(damage)
        again = fit_many([files[0]], **options)
        assert again.skipped == (), damage
        (fit,) = again.fits
        assert fit.warnings[-1].code == "stored_damaged"
        assert "fitted again" in fit.warnings[-1].text
        assert replace(fit, warnings=fit.warnings[:-1]) == first.fits[0]
    again = fit_many([files[0]], **options, force=True)
    assert cx.StagedFit.from_json(stored.read_text()) == first.fits[0]


def test_several_traces_of_a_file_have_folders_of_their_own_and_fail_alone(tmp_path: Path) -> None:
    t = times(31)
    good = SEED(t) + noise(t, 0.004, 0.0, stream(50, "table", 0))
    rows = (f"{a:.3f},{b:.5f},0.5" for a, b in zip(t, good, strict=True))
    path = tmp_path / "two.csv"
    path.write_text("time_s,absorbance cell 1,absorbance cell 2\n" + "\n".join(rows))
    batch = fit_many([path], out=str(tmp_path / "out"), n_stages=2, offset="zero")
    assert len(batch.fits) == 1
    (failure,) = batch.failures
    assert "constant" in failure.message
    assert failure.trace is not None
    assert (tmp_path / "out" / "two" / "trace-1" / "fit.json").exists()
    assert not (tmp_path / "out" / "two" / "trace-2").exists()


def test_a_job_never_raises_for_what_a_file_holds(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    for number, content in enumerate(
        [b"", b"\x00" * 50, rng.bytes(300), b"t,A\n", b"t,A\nx,y\n", b"\xff\xfe", b"1;2\n" * 3, b"\n\n\n"]
    ):
        path = tmp_path / f"odd{number}.csv"
        path.write_bytes(content)
        result = run_job(FitJob(file=str(path)))
        assert len(result.failures) == 1, content
        assert str(path) in result.failures[0].message
        assert "\n" not in result.failures[0].message


def test_a_folder_in_place_of_a_file_is_expanded_in_natural_order(tmp_path: Path) -> None:
    for name in ("run10.csv", "run2.csv", ".hidden"):
        (tmp_path / name).write_text("x")
    assert [Path(p).name for p in expand([str(tmp_path)])] == ["run2.csv", "run10.csv"]
    (tmp_path / "none").mkdir()
    with pytest.raises(cx.InputError, match="holds no files"):
        expand([str(tmp_path / "none")])


def test_a_folder_says_what_it_passes_over(tmp_path: Path) -> None:
    for name in ("run.csv", "notes.md", "~$run.xlsx", "Thumbs.db"):
        (tmp_path / name).write_text("x")
    (tmp_path / "older").mkdir()
    with pytest.warns(cx.CxKineticsWarning) as said:
        assert [Path(p).name for p in expand([str(tmp_path)])] == ["run.csv"]
    texts = [str(warning.message) for warning in said]
    assert len(texts) == 2
    assert "passed over: notes.md, Thumbs.db, ~$run.xlsx" in texts[0]
    assert "subfolders are not searched: older" in texts[1]
    (tmp_path / "run.csv").unlink()
    with pytest.raises(cx.InputError, match=r"no files of data; .*notes\.md.*older"):
        expand([str(tmp_path)])


def test_a_named_file_is_never_passed_over(tmp_path: Path) -> None:
    assert expand([str(tmp_path / "notes.md")]) == [str(tmp_path / "notes.md")]


WRONG_VALUES = [
    ('confidence = "abc"', "a number between 0.5 and 1"),
    ("seed = 3.5", "a whole number from 0"),
    ("seed = -1", "a whole number from 0"),
    ("bootstrap = 99.5", "a whole number from 50"),
    ("stages = 2.5", '"auto", 1, 2, 3 or 4'),
    ('stages = "atuo"', '"auto", 1, 2, 3 or 4'),
    ('stages = "inf"', '"auto", 1, 2, 3 or 4'),
    ('stages = "2.5"', '"auto", 1, 2, 3 or 4'),
    ('t0 = "later"', 'or "auto"'),
    ('offset = "sero"', '"auto", "zero", "fit"'),
    ('window = "5"', "such as"),
    ('window = "a:b"', "such as"),
    ('breakpoint = "20,x"', "a number of seconds"),
    ("stages = true", '"auto", 1, 2, 3 or 4'),
    ('wavelength = "324"', "a wavelength in nm"),
    ("track = [324]", "a wavelength in nm"),
    ("column = 1.5", "a name in quotes"),
    ("window = [0, 50, 100]", "two numbers"),
    ("window = 50", "two numbers"),
    ("breakpoint = []", "a number of seconds"),
    ('breakpoint = ["a"]', "a number of seconds"),
    ("t0 = [1]", 'or "auto"'),
    ('time_unit = "fortnight"', "s, ms, us, min, h, d"),
    ('joint = "fre"', "continuous, free"),
    ("noise = 1", "auto, white, ar1"),
    ('decimal = ";"', '"." or ","'),
]


@pytest.mark.parametrize(("line", "need"), WRONG_VALUES)
def test_a_wrong_value_in_a_project_file_names_file_key_value_and_need(
    line: str, need: str, tmp_path: Path
) -> None:
    path = tmp_path / "project.toml"
    path.write_text(f"[fit]\n{line}\n")
    with pytest.raises(cx.InputError) as caught:
        load_config(path)
    for part in (str(path), line, need):
        assert part in str(caught.value)


def test_texts_as_they_are_typed_are_good_values(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    options = {"stages": "2", "t0": "12.5", "offset": "zero", "window": "110:", "breakpoint": "20,55.5"}
    save_config(path, options, version="0")
    assert load_config(path) == options


def test_all_wrong_values_of_a_project_file_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_text("[fit]\n" + "seed = 0.5\nconfidence = true\nt0 = 3\n")
    with pytest.raises(cx.InputError) as caught:
        load_config(path)
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == ["seed", "confidence"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"confidence": "abc"}, "confidence is 'abc'; it must be a number"),
        ({"bootstrap": float("inf")}, "bootstrap is inf"),
        ({"bootstrap": 99.5}, "bootstrap is 99.5; it must be 0, or a whole number"),
        ({"offset": [1]}, r"offset is \[1\]; it must be \"auto\""),
        ({"t0": "soon"}, "t0 is 'soon'; it must be a finite number of seconds"),
        ({"n_stages": "atuo"}, "did you mean 'auto'"),
        ({"n_stages": 5}, '"auto", 1, 2, 3 or 4'),
        (
            {"n_stages": 1, "breakpoints_s": 20},
            r"^1 breakpoint makes 2 stages, but n_stages is 1; drop --stages .* or pass --stages 2$",
        ),
        ({"n_stages": 2, "breakpoints_s": (20, 50)}, "^2 breakpoints make 3 .* or pass --stages 3$"),
        ({"window": 5}, "window is 5; it must be two times"),
        ({"window": (50.0, 20.0)}, "window is 50:20; its ends are reversed"),
        ({"breakpoints_s": "late"}, "breakpoints_s is 'late'; it must be a number of seconds"),
    ],
)
def test_a_wrong_option_in_python_is_a_usage_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(cx.UsageError, match=message):
        FitOptions.of(**{"breakpoints_s": None, **given})


def test_an_empty_list_of_files_is_an_empty_batch() -> None:
    assert fit_many([]).to_dict()["fits"] == []


def test_a_project_file_keeps_every_kind_of_value(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    options = {
        "column": 'a "quoted" \\ name',
        "stages": 2,
        "offset": 0.01,
        "breakpoint": [20.0, 55.5],
        "absolute_sigma": True,
        "t0": None,
    }
    save_config(path, options, version="0")
    given = {name: value for name, value in options.items() if value is not None}
    assert load_config(path) == given


def test_a_name_with_a_line_break_or_tab_survives_the_project_file(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    save_config(path, {"column": "A\t(324 nm)\nsecond"}, version="0")
    assert load_config(path) == {"column": "A\t(324 nm)\nsecond"}


def test_runs_again_and_in_two_processes_give_the_same_bits(tmp_path: Path) -> None:
    files = [write_trace(tmp_path / f"run{number}.csv", number) for number in (1, 2)]
    once, again, in_two = ([fit.to_json() for fit in fit_many(files, jobs=jobs).fits] for jobs in (1, 1, 2))
    assert len(once) == 2
    assert again == once
    assert in_two == once


def test_a_failure_of_one_trace_of_several_names_it(tmp_path: Path) -> None:
    path, t = tmp_path / "cells.csv", np.arange(31.0)
    rows = zip(t, 0.9 * np.exp(-0.05 * t), 1 - np.exp(-0.05 * t), strict=True)
    path.write_text("time_s,down,up\n" + "\n".join(f"{s},{a:.5f},{b:.5f}" for s, a, b in rows))
    batch = cx.fit_many([path], column="all")
    assert len(batch.fits) == 1
    assert ["the signal of 'up' grows" in failure.message for failure in batch.failures] == [True]
