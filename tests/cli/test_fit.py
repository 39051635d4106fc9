"""`cxkinetics fit` as a user runs it: exit codes, one-line errors, JSON, batches, folders, project files."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from tests.studies.truths import SEED, exponential, noise, stream, times

Result = tuple[int, str, str]


def command(*words: object, cwd: Path | None = None) -> Result:
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cxkinetics", *map(str, words)], cwd=cwd, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def write_trace(path: Path, *, curve: Any = SEED, number: int = 0, n: int = 41) -> Path:
    t = times(n)
    y = curve(t) + noise(t, 0.004, 0.0, stream(40, "cli", number))
    path.write_text("time_s,absorbance\n" + "\n".join(f"{a:g},{b:.5f}" for a, b in zip(t, y, strict=True)))
    return path


@pytest.fixture(scope="module")
def run_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trace(tmp_path_factory.mktemp("one") / "run.csv")


@pytest.fixture(scope="module")
def document(run_csv: Path) -> dict[str, Any]:
    code, out, err = command("fit", run_csv, "--json")
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))


NUMBER = {"value", "se", "low", "high", "unit", "method"}
FIT = {
    "file": str,
    "sha256": str,
    "trace": str,
    "wavelength_nm": type(None),
    "n_points": int,
    "t_start_s": float,
    "t_end_s": float,
    "options": dict,
    "stages": list,
    "breakpoints_s": list,
    "amplitude": dict,
    "offset": dict,
    "rate_ratio": dict,
    "loglinear": dict,
    "noise": dict,
    "rivals": list,
    "verdict": dict,
    "warnings": list,
}


def assert_number(number: dict[str, Any], unit: str) -> None:
    assert set(number) >= NUMBER
    assert number["unit"] == unit
    for key in ("value", "se", "low", "high"):
        assert number[key] is None or isinstance(number[key], float)
    assert None not in (number["low"], number["high"]) or number["reason"]


def test_the_json_document_is_the_promised_one(document: dict[str, Any], run_csv: Path) -> None:
    assert document["schema"] == "cxkinetics.fit/1"
    assert document["version"] == cx.__version__
    assert document["failures"] == document["skipped"] == []
    (fit,) = document["fits"]
    for key, kind in FIT.items():
        assert isinstance(fit[key], kind), key
    assert fit["file"] == str(run_csv)
    assert fit["sha256"] == __import__("hashlib").sha256(run_csv.read_bytes()).hexdigest()
    assert (fit["n_points"], fit["t_start_s"], fit["t_end_s"]) == (41, 0.0, 100.0)
    for stage in fit["stages"]:
        assert set(stage) >= {"start_s", "end_s", "n_points", "k_per_s", "half_life_s", "r_squared_log"}
        assert_number(stage["k_per_s"], "1/s")
        assert_number(stage["half_life_s"], "s")
    assert_number(fit["breakpoints_s"][0], "s")
    assert_number(fit["amplitude"], "AU")
    assert_number(fit["offset"], "AU")
    assert_number(fit["rate_ratio"], "")
    lines = fit["loglinear"]
    for line in [*lines["stages"], lines["single"]]:
        assert_number(line["k_per_s"], "1/s")
        assert 0 < line["r_squared"] <= 1
    assert {"start_s", "end_s"} <= set(lines["stages"][0])
    assert set(fit["noise"]) >= {"sd", "ar1", "lag1_autocorrelation", "durbin_watson"}
    wanted = {
        "model",
        "n_parameters",
        "rss",
        "aicc",
        "bic",
        "delta_aicc",
        "akaike_weight",
        "note",
    }
    assert all(set(rival) >= wanted for rival in fit["rivals"])
    assert len(fit["rivals"]) >= 8
    assert len({rival["model"] for rival in fit["rivals"]}) == len(fit["rivals"])
    assert set(fit["verdict"]) >= {"code", "p_value", "text"}
    assert fit["verdict"]["code"] == "two_stages"
    for warning in fit["warnings"]:
        assert set(warning) >= {"code", "text"}


def test_the_command_and_python_say_the_same(document: dict[str, Any], run_csv: Path) -> None:
    trace = cx.load(run_csv)
    assert isinstance(trace, cx.Trace)
    again = cx.fit_stages(trace).to_dict()
    fit = document["fits"][0]
    for key in FIT:
        if key not in ("file", "options"):
            assert json.loads(json.dumps(again[key])) == fit[key], key


def test_the_printed_text_has_units_intervals_and_verdict(run_csv: Path) -> None:
    code, out, err = command("fit", run_csv)
    assert code == 0
    assert err == ""
    assert "1/s" in out
    assert "breakpoint" in out
    assert "Verdict: Two stages: the rate falls" in out
    assert "paper's recipe" in out
    assert max(map(len, out.splitlines())) <= 110


ERRORS: dict[str, tuple[list[str], int, str]] = {
    "no file": (["nofile.csv"], 1, "nofile.csv: there is no such file"),
    "a wrong number": (["run.csv", "--stages", "two"], 2, "'two'"),
    "too many stages": (["run.csv", "--stages", "7"], 2, "7"),
    "a window without colon": (["run.csv", "--window", "5"], 2, "--window is '5'"),
    "a breakpoint in words": (["run.csv", "--breakpoint", "20,abc"], 2, "--breakpoint is '20,abc'"),
    "t0 in words": (["run.csv", "--t0", "later"], 2, "'later'"),
    "no such trace": (["run.csv", "--trace", "9"], 1, "run.csv: there is no trace 9"),
    "confidence in percent": (["run.csv", "--confidence", "95"], 2, "95"),
    "two documents at once": (["run.csv", "--json", "--csv"], 2, "--json and --csv"),
    "a file as folder": (["run.csv", "--out", "two.csv"], 2, "two.csv is a file"),
    "no process": (["run.csv", "--jobs", "0"], 2, "jobs is 0"),
    "breakpoint outside": (["run.csv", "--breakpoint", "500"], 1, "run.csv: with breakpoints at 500 s"),
    "empty window": (["run.csv", "--window", "200:"], 1, "run.csv: no point lies in the window 200: s"),
    "a falling trace": (
        ["run.csv", "--direction", "growth"],
        1,
        "run.csv: the signal of 'absorbance' falls from 0.",
    ),
    "an empty folder": (["empty"], 1, "empty: the folder holds no files"),
    "a pattern": (["*.xyz"], 1, "*.xyz: no file matches this pattern; check"),
    "no project file": (["run.csv", "--config", "no.toml"], 1, "no.toml"),
    "growth": (["growing.csv"], 1, "--direction growth"),
    "constant": (["constant.csv"], 1, "constant.csv: the signal is constant"),
    "two points": (["two.csv"], 1, "two.csv: only 2 points"),
    "a reference that a trace has not": (["run.csv", "--reference", "500"], 1, "500"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good trace and some that cannot be fitted."""
    folder = tmp_path_factory.mktemp("bench")
    write_trace(folder / "run.csv")
    write_trace(folder / "growing.csv", curve=lambda t: 1 - SEED(t), n=101)
    (folder / "constant.csv").write_text("t,A\n" + "\n".join(f"{t},0.5" for t in range(30)))
    (folder / "two.csv").write_text("t,A\n0,0.9\n1,0.5\n")
    (folder / "empty").mkdir()
    return folder


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_line_with_the_right_exit_code(
    name: str, bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, expected, text = ERRORS[name]
    monkeypatch.chdir(bench)
    code = main(["fit", *words])
    out, err = capsys.readouterr()
    assert code == expected
    assert out == ""
    assert err.count("\n") == 1, err
    assert text in err
    assert "Traceback" not in err


def test_a_folder_that_may_not_be_written_is_named_with_the_way_out(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(bench)
    monkeypatch.setattr("cxkinetics.kinetics.page.write_fit", refuse)
    assert main(["fit", "run.csv", "--out", str(tmp_path / "out")]) == 1
    (line,) = (one for one in capsys.readouterr().err.splitlines() if "cannot be written" in one)
    assert line.endswith("(choose another with --out, out=): Permission denied")


@pytest.mark.parametrize(("n", "sd"), [(41, 0.0), (41, 0.004), (101, 0.01)])
def test_growth_is_refused_whatever_the_sampling(n: int, sd: float) -> None:
    t = times(n)
    y = 1 - SEED(t) + noise(t, sd, 0.0, stream(40, "cli", 0))
    with pytest.raises(cx.InputError, match="--direction growth"):
        cx.fit_stages(cx.Trace(time_s=t, absorbance=y))


def test_a_failure_in_a_process_of_its_own_has_no_traceback(bench: Path) -> None:
    code, out, err = command("fit", "constant.csv", cwd=bench)
    assert (code, out) == (1, "")
    assert err.startswith("cxkinetics fit: constant.csv: the signal is constant: every one of the 30 points")
    assert err.count("\n") == 1


def test_a_failed_file_is_json_too(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(bench / "two.csv"), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["fits"] == []
    (failure,) = record["failures"]
    assert set(failure) == {"file", "trace", "error", "message"}
    assert (failure["file"], failure["error"]) == (str(bench / "two.csv"), "InputError")


def test_a_misspelt_option_is_usage_and_proposes_the_right_one(run_csv: Path) -> None:
    code, out, err = command("fit", run_csv, "--ofset", "zero")
    assert (code, out) == (2, "")
    assert "--offset" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fit"], "FILE"),
        (["fit", "run.csv", "--seed", "abc"], "'abc'"),
        (["fit", "a", "--joint", "x"], "'x'"),
    ],
)
def test_usage_is_one_line_too(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert text in err


@pytest.mark.parametrize("option", ["--wavelength", "--track"])
def test_a_wavelength_asked_of_a_bare_trace_is_answered(
    option: str, run_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["fit", str(run_csv), option, "900", "--stages", "1", "--noise", "white", "--csv"])
    err = capsys.readouterr().err
    assert code == 1 or "900" in err or "wavelength" in err


# batches -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good files and a bad one, fitted into `out` on two processes."""
    folder = tmp_path_factory.mktemp("batch")
    write_trace(folder / "run2.csv", number=1)
    write_trace(folder / "run10.csv", number=2, curve=exponential(0.03))
    (folder / "bad.csv").write_text("t,A\n0,0.9\n1,0.5\n")
    code, out, err = command(
        "fit", "run10.csv", "bad.csv", "run2.csv", "--out", "out", "--jobs", "2", "--json", cwd=folder
    )
    assert code == 1, err
    (folder / "first.json").write_text(out)
    (folder / "first.err").write_text(err)
    return folder


def test_a_batch_goes_on_after_a_bad_file_and_lists_it(batch: Path) -> None:
    record = json.loads((batch / "first.json").read_text())
    assert [fit["file"] for fit in record["fits"]] == ["run10.csv", "run2.csv"]
    assert [failure["file"] for failure in record["failures"]] == ["bad.csv"]
    assert "only 2 points" in record["failures"][0]["message"]
    assert [fit["verdict"]["code"] for fit in record["fits"]] == ["one_stage", "two_stages"]
    assert "cxkinetics fit: bad.csv: only 2 points" in (batch / "first.err").read_text()


def test_two_processes_give_what_one_gives(
    batch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(batch)
    assert main(["fit", "run10.csv", "bad.csv", "run2.csv", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == json.loads((batch / "first.json").read_text())


def test_the_folder_of_each_input_holds_everything(batch: Path) -> None:
    for stem in ("run10", "run2"):
        names = {path.name for path in (batch / "out" / stem).iterdir()}
        assert names >= {"fit.json", "stages.csv", "trace.csv", "rivals.csv", "report.html"}
        assert any(name.endswith((".png", ".svg")) for name in names)
        fit = cx.StagedFit.from_json((batch / "out" / stem / "fit.json").read_text())
        assert fit.trace.source.file == f"{stem}.csv"
        page = (batch / "out" / stem / "report.html").read_text()
        assert 'src="http' not in page
    assert not (batch / "out" / "bad").exists()
    header, *rows = (batch / "out" / "summary.csv").read_text().strip().splitlines()
    assert header.startswith("file,trace,")
    assert [row.partition(",")[0] for row in rows] == ["run10.csv", "run2.csv"]
    page = (batch / "out" / "report.html").read_text()
    assert "run10.csv" in page
    assert "bad.csv" in page


def test_kept_results_are_listed_as_skipped_and_stand_in_the_json(
    batch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(batch)
    before = (batch / "out" / "run2" / "fit.json").stat().st_mtime_ns
    assert main(["fit", "run10.csv", "bad.csv", "run2.csv", "--out", "out", "--json"]) == 1
    out, err = capsys.readouterr()
    record, first = json.loads(out), json.loads((batch / "first.json").read_text())
    assert record["skipped"] == ["run10.csv", "run2.csv"]
    assert record["fits"] == first["fits"]
    assert "run2.csv: kept" in err
    assert (batch / "out" / "run2" / "fit.json").stat().st_mtime_ns == before


def test_other_options_other_data_and_force_fit_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_trace(tmp_path / "run.csv")

    def skipped(*words: str) -> list[str]:
        assert main(["fit", "run.csv", "--out", "out", "--json", "--stages", "1", *words]) == 0
        return json.loads(capsys.readouterr().out)["skipped"]

    assert skipped() == []
    assert skipped() == ["run.csv"]
    assert skipped("--offset", "zero") == []
    write_trace(tmp_path / "run.csv", number=5)
    assert skipped("--offset", "zero") == []
    assert skipped("--offset", "zero", "--force") == []


def test_a_folder_stands_for_its_files_in_natural_order(
    batch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = batch / "runs"
    folder.mkdir()
    for name, number in (("run2.csv", 1), ("run10.csv", 2)):
        write_trace(folder / name, number=number)
    monkeypatch.chdir(batch)
    assert main(["fit", "runs", "--csv", "--stages", "1"]) == 0
    rows = capsys.readouterr().out.strip().splitlines()[1:]
    assert [Path(row.partition(",")[0]).name for row in rows] == ["run2.csv", "run10.csv"]


# project files -------------------------------------------------------------------------------------


def test_a_saved_project_file_runs_to_the_same_numbers(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bench)
    words = ["--stages", "2", "--offset", "0.01", "--window", "0:90", "--noise", "white", "--seed", "4"]
    assert main(["fit", "run.csv", *words, "--save-config", "project.toml", "--json"]) == 0
    first = capsys.readouterr().out
    assert main(["fit", "run.csv", "--config", "project.toml", "--json"]) == 0
    assert capsys.readouterr().out == first
    fit = json.loads(first)["fits"][0]
    assert fit["seed"] == 4
    assert fit["offset"]["value"] == 0.01
    assert main(["fit", "run.csv", "--config", "project.toml", "--stages", "1", "--json"]) == 0
    typed = json.loads(capsys.readouterr().out)["fits"][0]
    assert len(typed["stages"]) == 1, "what is typed goes before the file"
    assert typed["n_points"] == fit["n_points"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fit]\nstagess = 2\n", "did you mean stages"),
        ("hello", "not a TOML file"),
        ("[other]\nx = 1\n", "no [fit] table"),
    ],
)
def test_a_wrong_project_file_is_one_line(
    text: str,
    message: str,
    bench: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(bench)
    (bench / "wrong.toml").write_text(text)
    assert main(["fit", "run.csv", "--config", "wrong.toml"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "wrong.toml" in err
    assert message in err


# options -------------------------------------------------------------------------------------------


def test_t0_and_window_speak_of_the_right_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = times(41)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(40, "cli", 0))
    path = tmp_path / "late.csv"
    path.write_text("time_s,A\n" + "\n".join(f"{a + 50:g},{b:.5f}" for a, b in zip(t, y, strict=True)))
    words = ["--t0", "50", "--window", "50:140", "--json", "--stages", "2"]
    assert main(["fit", str(path), *words]) == 0
    fit = json.loads(capsys.readouterr().out)["fits"][0]
    assert (fit["t_start_s"], fit["t_end_s"]) == (0.0, 90.0)
    assert fit["breakpoints_s"][0]["value"] == pytest.approx(20.0, abs=1.5)


def test_a_given_breakpoint_and_a_decimal_comma(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = times(41)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(40, "cli", 0))
    path = tmp_path / "comma.csv"
    rows = (f"{a:.1f};{b:.5f}".replace(".", ",") for a, b in zip(t, y, strict=True))
    path.write_text("Zeit (s);Absorption\n" + "\n".join(rows))
    assert main(["fit", str(path), "--breakpoint", "20", "--joint", "free", "--json"]) == 0
    fit = json.loads(capsys.readouterr().out)["fits"][0]
    assert [stage["n_points"] for stage in fit["stages"]] == [8, 33]
    assert fit["stages"][0]["k_per_s"]["value"] == pytest.approx(0.056, rel=0.05)


def test_the_recipe_prints_why_two_good_lines_prove_nothing(
    run_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(run_csv), "--recipe", "loglinear", "--stages", "2"]) == 0
    out, err = capsys.readouterr()
    assert "do not establish a breakpoint" in out + err


def test_the_time_of_another_unit_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = times(41)
    y = SEED(t) + noise(t, 0.004, 0.0, stream(40, "cli", 0))
    path = tmp_path / "minutes.csv"
    path.write_text("t,A\n" + "\n".join(f"{a / 60:.6f},{b:.5f}" for a, b in zip(t, y, strict=True)))
    assert main(["fit", str(path), "--time-unit", "min", "--json"]) == 0
    fit = json.loads(capsys.readouterr().out)["fits"][0]
    assert fit["t_end_s"] == pytest.approx(100.0)
    assert fit["breakpoints_s"][0]["value"] == pytest.approx(20.0, abs=1.5)
    assert fit["options"]["time_unit"] == "min"


def test_the_growing_cell_of_the_register_on_the_command_line(shared_data: Path) -> None:
    file = shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD"
    words = ["--trace", "2", "--wavelength", "339", "--window", "110:", "--direction", "growth", "--json"]
    code, out, _ = command("fit", file, *words)
    assert code == 0
    (fit,) = json.loads(out)["fits"]
    assert fit["wavelength_nm"] == 339.0
    assert fit["verdict"]["code"] == "one_stage"
    assert fit["stages"][0]["k_per_s"]["value"] == pytest.approx(0.00649, rel=0.03)
    assert fit["stages"][0]["r_squared_log"] is None
    assert fit["amplitude"]["value"] < 0
    assert np.isfinite(fit["offset"]["value"])


def test_spectra_are_tracked_and_the_peak_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from cxkinetics.examples.kinetics import example_path

    assert main(["fit", str(example_path("ag-cds")), "--json"]) == 0
    out, err = capsys.readouterr()
    fit = json.loads(out)["fits"][0]
    assert fit["simulated"] is True
    assert "324" in err, "which peak was tracked is said"
    assert fit["verdict"]["code"] == "two_stages"


# what is printed -----------------------------------------------------------------------------------

FAST = ["--stages", "2", "--offset", "zero", "--noise", "white"]


@pytest.fixture(scope="module")
def repeats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of one experiment."""
    folder = tmp_path_factory.mktemp("repeats")
    for number in (1, 2, 3):
        write_trace(folder / f"rep{number}.csv", number=number, n=101)
    return folder


def test_a_few_fits_end_with_the_table_and_the_mean_over_runs(
    repeats: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repeats)
    files = ["rep1.csv", "rep2.csv", "rep3.csv"]
    assert main(["fit", *files, *FAST]) == 0
    out = capsys.readouterr().out
    assert out.count("Verdict:") == 3
    table, _, mean = out.rpartition("Verdict:")[2].partition("Mean of 3 runs")
    assert [line.split(",")[0] for line in table.splitlines() if line.startswith("rep")][:3] == files
    assert "sd/se" in mean
    assert "understate" in mean
    assert main(["fit", *files, *FAST, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    values = [fit["stages"][0]["k_per_s"]["value"] for fit in record["fits"]]
    k1 = record["replicates"]["quantities"][0]
    assert k1["mean"]["value"] == pytest.approx(np.mean(values))
    assert (k1["n_runs"], k1["name"]) == (3, "k1")
    assert record["replicates_reason"] == ""


def test_text_is_as_wide_as_the_terminal(
    run_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    widths = []
    for columns in ("80", "300"):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["fit", str(run_csv), *FAST]) == 0
        widths.append(max(map(len, capsys.readouterr().out.splitlines())))
    assert widths[0] <= 80
    assert 80 < widths[1] <= 100


def test_bootstrap_numbers_are_printed_and_stand_in_the_table(
    run_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(run_csv), *FAST, "--bootstrap", "60", "--out", str(tmp_path)]) == 0
    assert "Bootstrap (parametric), 95 % percentiles of" in capsys.readouterr().out
    fit = cx.StagedFit.from_json((tmp_path / "run" / "fit.json").read_text())
    assert fit.bootstrap is not None
    header, first, _ = ((tmp_path / "run" / "stages.csv").read_text()).strip().splitlines()
    cells = dict(zip(header.split(","), next(csv.reader([first])), strict=True))
    assert float(cells["k_bootstrap_low_per_s"]) == fit.bootstrap.quantities["k1"].low
    assert float(cells["ending_breakpoint_bootstrap_high_s"]) == fit.bootstrap.quantities["b1"].high
    assert "Bootstrap (parametric)" in (tmp_path / "run" / "report.html").read_text().replace("\u00a0", " ")


def test_the_unit_of_time_reaches_report_figures_and_project_file(
    run_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = str(tmp_path / "project.toml"), tmp_path / "out"
    words = ["fit", str(run_csv), *FAST, "--show-time", "min", "--save-config", project, "--out", str(out)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "1/min" in shown
    report = (out / "run" / "report.html").read_text()
    assert "k, 1/min" in report
    assert "k, 1/s" not in report
    assert "time / min" in (out / "run" / "fit.svg").read_text()
    assert main(["fit", str(run_csv), "--config", project]) == 0
    assert capsys.readouterr().out == shown
    assert main(["fit", str(run_csv), "--config", project, "--show-time", "s"]) == 0
    assert "1/min" not in capsys.readouterr().out


def test_a_sheet_asked_of_a_text_file_is_answered(run_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(run_csv), *FAST, "--sheet", "Foo", "--csv"]) == 0
    assert "the sheet asked for (Foo) was not used" in capsys.readouterr().err


def test_a_flat_first_stage_points_to_the_time_of_the_addition() -> None:
    t = np.arange(0.0, 101.0)
    y = 0.9 * np.exp(-0.05 * np.maximum(t - 10, 0)) + noise(t, 0.003, 0.0, stream(40, "flat", 0))
    late = cx.Trace(time_s=t, absorbance=y)
    found = {remark.code: remark.text for remark in cx.fit_stages(late, n_stages=2, noise="white").warnings}
    assert "--t0 10 or --t0 auto" in found["flat_first_stage"] or "--t0 9.9" in found["flat_first_stage"]
    for fit in (
        cx.fit_stages(late, n_stages=2, noise="white", t0=10.0),
        cx.fit_stages(cx.Trace(time_s=t, absorbance=SEED(t)), n_stages=1, noise="white"),
    ):
        assert "flat_first_stage" not in {remark.code for remark in fit.warnings}


@pytest.mark.parametrize("options", [{}, {"offset": 1.0}, {"recipe": "loglinear"}])
def test_growth_has_the_recipe_in_the_logarithm_of_what_is_left(options: dict[str, Any]) -> None:
    t = np.arange(0.0, 101.0)
    rise = cx.Trace(time_s=t, absorbance=1 - SEED(t) + noise(t, 0.002, 0.0, stream(40, "rise", 0)))
    fit = cx.fit_stages(rise, direction="growth", n_stages=2, noise="white", **options)
    assert fit.loglinear.single is not None
    slopes = [line.k_per_s.value for line in fit.loglinear.stages]
    assert slopes == pytest.approx([0.056, 0.019], rel=0.15)
    assert fit.to_dict()["loglinear"]["single"]["r_squared"] < 1
    assert all(stage.r_squared_log is None for stage in fit.stages)


def test_an_undecided_trace_says_how_to_see_the_stages() -> None:
    t = np.arange(0.0, 101.0, 4.0)
    texts = []
    for number in range(6):
        y = 0.9 * np.exp(-0.05 * np.minimum(t, 30) - 0.025 * np.maximum(t - 30, 0))
        y = y + np.random.default_rng(number).normal(0, 0.015, t.size)
        trace = cx.Trace(time_s=t, absorbance=y)
        verdict = cx.fit_stages(trace, noise="white", offset="zero").verdict
        texts += [verdict.text] if "the best of these is 2 stages" in verdict.text else []
    assert texts
    assert all("--stages 2 shows them, n_stages=2 in Python" in text for text in texts)


def test_absolute_sigma_needs_errors_and_says_so(run_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(run_csv), *FAST, "--absolute-sigma", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["fits"][0]["options"]["absolute_sigma"] is True
    assert "--absolute-sigma" in err


def test_a_third_stage_ahead_in_aicc_is_answered_in_the_verdict() -> None:
    t = np.arange(0.0, 101.0, 2.0)
    y = 0.9 * np.exp(-0.055 * np.minimum(t, 20.9) - 0.0193 * np.maximum(t - 20.9, 0))
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y + np.random.default_rng(9).normal(0, 0.003, t.size)))
    assert fit.verdict.code == "two_stages"
    best = min(fit.rivals, key=lambda rival: rival.delta_aicc or 0.0)
    assert best.model.startswith("3 stages")
    assert re.search(r"Three stages lie \d+\.\d lower in AICc, but .*(by 10|0\.01 needed)", fit.verdict.text)


@pytest.mark.parametrize(
    ("model", "said"),
    [("A -> B", "`cxkinetics spectra`"), ("biexponental", "did you mean 'biexponential'?")],
)
def test_a_model_that_there_is_not_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, said: str
) -> None:
    assert main(["fit", str(tmp_path / "run.csv"), "--model", model]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--model" in error
    assert said in error
