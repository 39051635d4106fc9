"""Every input keeps a folder of its own, and no result of another input is replaced unasked."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.kinetics.batch import fit_many, jobs_of
from cxkinetics.kinetics.places import folder_names, safe_stem, stored_in
from tests.studies.truths import SEED, noise, stream, times

FAST: dict[str, Any] = {"n_stages": 1, "noise": "white", "offset": "zero"}
WORDS = ["--stages", "1", "--noise", "white", "--offset", "zero"]


def trace_file(path: Path, number: int, columns: int = 1) -> Path:
    t = times(31)
    ys = [SEED(t) + noise(t, 0.004, 0.0, stream(50, "places", 10 * number + j)) for j in range(columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    head = ",".join(["time_s", *(f"absorbance cell {j + 1}" for j in range(columns))])
    rows = (",".join(f"{value:.5f}" for value in row) for row in zip(t, *ys, strict=True))
    path.write_text("\n".join([head, *rows]))
    return path


def holders(out: Path) -> dict[str, str]:
    """Return folder -> the input whose result it holds."""
    return {place.name: stored_in(place)[0].file for place in sorted(out.iterdir()) if place.is_dir()}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("d1/run.csv", "d2/run.csv", "run-2.csv")):
        trace_file(tmp_path / name, number)
    return tmp_path


def test_equal_stems_of_one_batch_keep_all_results(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["d1/run.csv", "d2/run.csv", "run-2.csv"]
    assert main(["fit", *files, *WORDS, "--out", "res"]) == 0
    found = holders(bench / "res")
    assert sorted(found.values()) == sorted(files)
    assert found["run"] == "d1/run.csv"
    assert found["run-2"] == "run-2.csv"
    capsys.readouterr()
    for order in (files, files[::-1], ["d2/run.csv"], ["./d2/../d2/run.csv"]):
        assert main(["fit", *order, *WORDS, "--out", "res", "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["skipped"] == order
        assert holders(bench / "res") == found


def test_names_depend_neither_on_the_order_nor_on_where_the_project_lies(bench: Path) -> None:
    files = ["d1/run.csv", "d2/run.csv"]
    marked = folder_names(files, "res")[1]
    assert re.fullmatch(r"run-[0-9a-f]{8}", marked)
    assert folder_names(["x/run.csv", *files], "res")[2] == marked
    moved = bench / "elsewhere"
    os.chdir(shutil.copytree(bench / "d1", moved / "d1").parent)
    assert folder_names(files, "res")[1] == marked


def test_a_stem_that_holds_an_unknown_result_is_left_to_it_by_a_batch_that_shares_it(bench: Path) -> None:
    trace_file(bench / "old" / "run.csv", 7)
    fit_many(["old/run.csv"], out="res", **FAST)
    batch = fit_many(["d1/run.csv", "d2/run.csv"], out="res", **FAST)
    assert batch.failures == ()
    assert sorted(holders(bench / "res").values()) == ["d1/run.csv", "d2/run.csv", "old/run.csv"]


def test_the_result_of_another_input_is_replaced_only_by_force(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "d1/run.csv", *WORDS, "--out", "r"]) == 0
    before = (bench / "r" / "run" / "fit.json").read_bytes()
    capsys.readouterr()
    assert main(["fit", "d2/run.csv", *WORDS, "--out", "r"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    for part in ("d1/run.csv", "d2/run.csv", "--force", "--out"):
        assert part in err
    assert (bench / "r" / "run" / "fit.json").read_bytes() == before
    assert main(["fit", "d2/run.csv", *WORDS, "--out", "r", "--force"]) == 0
    assert holders(bench / "r") == {"run": "d2/run.csv"}
    assert main(["fit", "d1/run.csv", "run-2.csv", *WORDS, "--out", "r"]) == 1  # the other file goes on
    assert holders(bench / "r") == {"run": "d2/run.csv", "run-2": "run-2.csv"}


def test_the_same_words_typed_in_another_folder_are_another_input(bench: Path) -> None:
    out = str(bench / "r")
    os.chdir(bench / "d1")
    assert fit_many(["run.csv"], out=out, **FAST).failures == ()
    os.chdir(bench / "d2")
    (failure,) = fit_many(["run.csv"], out=out, **FAST).failures
    assert str(Path("d1", "run.csv")) in failure.message
    assert [s.sha256 for s in stored_in(bench / "r" / "run")] == [cx.load("../d1/run.csv").source.sha256]  # type: ignore[union-attr]


def test_the_same_input_is_kept_replaced_or_refitted_as_before(bench: Path) -> None:
    assert fit_many(["d1/run.csv"], out="r", **FAST).skipped == ()
    assert fit_many(["./d1/run.csv"], out="r", **FAST).skipped == ("./d1/run.csv",)
    (bench / "r" / "run" / "of-mine.txt").write_text("")
    other = fit_many(["d1/run.csv"], out="r", **FAST | {"offset": "fit"})
    assert other.skipped == other.failures == ()
    assert not (bench / "r" / "run" / "of-mine.txt").exists()
    trace_file(bench / "d1" / "run.csv", 9)  # measured again under the same name
    again = fit_many(["d1/run.csv"], out="r", **FAST)
    assert again.skipped == again.failures == ()
    assert stored_in(bench / "r" / "run")[0].sha256 == again.fits[0].trace.source.sha256
    assert cx.StagedFit.from_json(bench / "r" / "run" / "fit.json") == again.fits[0]


def test_results_stored_before_their_origin_was_kept_are_known_by_their_data(bench: Path) -> None:
    fit_many(["d1/run.csv"], out="r", **FAST)
    path = bench / "r" / "run" / "fit.json"
    record = json.loads(path.read_text())
    del record["origin"]
    path.write_text(json.dumps(record))
    assert fit_many(["d1/run.csv"], out="r", **FAST).skipped == ("d1/run.csv",)
    (failure,) = fit_many(["d2/run.csv"], out="r", **FAST).failures
    assert "d1/run.csv" in failure.message


def test_an_input_of_several_traces_is_one_input(bench: Path) -> None:
    trace_file(bench / "a" / "two.csv", 3, columns=2)
    trace_file(bench / "b" / "two.csv", 4, columns=2)
    assert fit_many(["a/two.csv"], out="r", **FAST).failures == ()
    (failure,) = fit_many(["b/two.csv"], out="r", **FAST).failures[:1]
    assert "a/two.csv" in failure.message
    place = bench / "r" / "two"
    assert sorted(p.name for p in place.iterdir()) == ["trace-1", "trace-2"]
    assert fit_many(["a/two.csv"], out="r", **FAST).skipped == ("a/two.csv",)
    one = fit_many(["a/two.csv"], out="r", trace=2, **FAST)  # other options: replaced whole
    assert one.failures == ()
    assert {p.name for p in place.iterdir()} >= {"fit.json", "report.html"}
    assert not (place / "trace-1").exists()
    both = fit_many(["a/two.csv"], out="r", **FAST)
    assert len(both.fits) == 2
    assert sorted(p.name for p in place.iterdir()) == ["trace-1", "trace-2"]


ODD = [
    *("report.html.csv", "summary.csv.csv", "fit.json.csv", "nul.csv", "COM1.run.csv", "run ..csv", ".csv"),
    *("a\nb.csv", "a\x1b[1m.csv", "a\u202eb.csv", "a:b.csv", "a_b.csv", "Run.csv", "run.csv"),
    *("l" * 200 + "1.csv", "l" * 200 + "2.csv", "\u00e9" * 120 + ".csv", "caf\u00e9.csv", "cafe\u0301.csv"),
]


def test_names_are_ones_that_every_system_takes_and_no_two_are_the_same() -> None:
    names = folder_names([*ODD, "..", ".", "", "/"], "out")
    assert len({name.casefold() for name in names}) == len(names)
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)([. ].*)?", re.IGNORECASE)
    for name in names:
        assert 0 < len(name.encode()) < 200
        assert not re.search(r'[\x00-\x1f\x7f<>:"/\\|?*\u202e]', name)
        assert name.rstrip(" .") == name
        assert not reserved.fullmatch(name)
        assert name not in {"report.html", "summary.csv", "fit.json"}
    assert [safe_stem(f"d/{name}.csv") for name in ("run", "run-2", "24 \u00b0C, 0.5 eq")] == [
        "run",
        "run-2",
        "24 \u00b0C, 0.5 eq",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="these names cannot be made there")
def test_files_of_odd_names_each_get_their_result(bench: Path) -> None:
    files = ["report.html.csv", "summary.csv.txt", "a\x1b[1m.csv", "nul.csv", os.fsdecode(b"r\xff.csv")]
    files += ["...csv", ".csv", "x" * 251 + ".csv"]
    for number, name in enumerate(files):
        trace_file(bench / name, number)
    words = [sys.executable, "-m", "cxkinetics", "fit", *files, *WORDS, "--out", "res", "--json"]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=bench, check=False)
    assert ended.returncode == 0, ended.stderr
    record = json.loads(ended.stdout)
    assert [fit["file"] for fit in record["fits"]] == files
    assert sorted(holders(bench / "res").values()) == sorted(files)
    for place in (bench / "res").iterdir():
        if place.is_dir():
            assert {p.name for p in place.iterdir()} >= {"fit.json", "report.html", "ln.svg"}
    assert (bench / "res" / "summary.csv").is_file()
    assert (bench / "res" / "report.html").is_file()


def test_a_folder_given_as_dots_is_named_after_itself(bench: Path) -> None:
    os.chdir(bench / "d1")
    assert safe_stem(".") == "d1"
    assert safe_stem("..") == bench.name
    (job,) = jobs_of(["."], out=str(bench / "r"))
    assert Path(job.folder or "").parent == bench / "r"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("no such colour")])
@pytest.mark.parametrize(
    "place", ["cxkinetics.kinetics.page.page", "cxkinetics.document.folder.require_no_file"]
)
def test_a_failure_in_writing_one_result_is_listed_and_the_batch_goes_on(
    error: Exception, place: str, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, called = place.rpartition(".")
    real = getattr(import_module(module), called)

    def breaks(subject: Any, *rest: Any, **more: Any) -> Any:
        name = subject.trace.source.file if isinstance(subject, cx.StagedFit) else str(subject)
        if name in ("d1/run.csv", str(Path("res", "run"))):
            raise error
        return real(subject, *rest, **more)

    work = jobs_of(["d1/run.csv", "run-2.csv"], out="res", **FAST)
    monkeypatch.setattr(place, breaks)
    from cxkinetics.kinetics.batch import run_jobs

    batch = run_jobs(work)
    (failure,) = batch.failures
    assert failure.file == "d1/run.csv"
    assert failure.error == type(error).__name__
    for part in (
        "d1/run.csv",
        "cannot be written",
        "No space left" if isinstance(error, OSError) else "colour",
    ):
        assert part in failure.message
    assert [fit.trace.source.file for fit in batch.fits] == ["run-2.csv"]
    assert [p.name for p in (bench / "res").iterdir()] == ["run-2"]
    json.dumps(batch.to_dict(), allow_nan=False)


def test_a_summary_that_cannot_be_written_leaves_the_fits_and_exit_one(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench / "res" / "summary.csv").mkdir(parents=True)
    assert main(["fit", "d1/run.csv", "run-2.csv", *WORDS, "--out", "res", "--json"]) == 1
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert len(record["fits"]) == 2
    (failure,) = record["failures"]
    assert failure["file"] == "res"
    assert failure["message"] in err


SCRIPT = """
import multiprocessing
import sys

import cxkinetics as cx

if len(sys.argv) > 1:
    multiprocessing.set_start_method(sys.argv[1])
batch = cx.fit_many(["d1/run.csv", "d2/run.csv"], jobs=2, n_stages=1, noise="white", offset="zero")
print(__name__, len(batch.fits), len(batch.failures))
"""


@pytest.mark.parametrize("method", ["", "spawn", "forkserver"])
def test_a_plain_script_without_a_guard_may_use_several_processes(method: str, bench: Path) -> None:
    if method == "forkserver" and sys.platform == "win32":
        pytest.skip("no such start method there")
    (bench / "script.py").write_text(SCRIPT)
    words = [sys.executable, "script.py", *([method] if method else [])]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=bench, timeout=300, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "__main__ 2 0\n", "")


def test_a_script_read_from_the_standard_input_may_as_well(bench: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-"],
        input=SCRIPT,
        capture_output=True,
        text=True,
        cwd=bench,
        timeout=300,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "__main__ 2 0\n", "")


def test_a_pool_that_breaks_is_a_failure_of_each_file_that_names_the_guard(bench: Path) -> None:
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    class Pool:
        """Its process dies with the second job; the third is refused at once."""

        def __init__(self) -> None:
            self.submitted = 0

        def submit(self, call: Any, *arguments: Any) -> "Future[Any]":
            self.submitted += 1
            future: Future[Any] = Future()
            if self.submitted == 1:
                future.set_result(call(*arguments))
            elif self.submitted == 2:
                future.set_exception(BrokenProcessPool("a process was terminated abruptly"))
            else:
                raise BrokenProcessPool("the pool is not usable anymore")
            return future

    batch = fit_many(["d1/run.csv", "d2/run.csv", "run-2.csv"], executor=Pool(), **FAST)
    assert len(batch.fits) == 1
    assert [failure.file for failure in batch.failures] == ["d2/run.csv", "run-2.csv"]
    for failure in batch.failures:
        assert 'if __name__ == "__main__":' in failure.message
        assert "\n" not in failure.message
