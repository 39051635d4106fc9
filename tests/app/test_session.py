"""The boundary of the page, without a server: requests in, answers out, the same as the command line says."""

import contextlib
import io
import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.app.session import PROGRESS, TASKS, answer, inside
from tests.app import bench

TIME = np.arange(0.0, 100.0, 2.0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder of a session with two runs and a dose table."""
    monkeypatch.chdir(tmp_path)
    bench.write_table(tmp_path / "run.csv", TIME, bench.decay(TIME))
    bench.write_doses(tmp_path / "icp.csv")
    folder = tmp_path / "repeats"
    folder.mkdir()
    for seed in (2, 3):
        bench.write_table(folder / f"run-{seed}.csv", TIME, bench.decay(TIME, seed=seed))
    return tmp_path


def asked(do: str, **request: Any) -> dict[str, Any]:
    """Return an answer as it arrives through JSON; an error fails."""
    found: dict[str, Any] = json.loads(json.dumps(answer(json.loads(json.dumps({"do": do, **request})))))
    assert "error" not in found, found
    return found


def refused(do: str, **request: Any) -> str:
    """Return why a request is refused."""
    found = answer({"do": do, **request})
    assert "error" in found, found
    return str(found["message"])


def test_what_was_dropped_is_listed_as_the_command_line_takes_it(place: Path) -> None:
    (place / "repeats" / "notes.docx").write_text("no data")
    found = asked("files")
    assert found["inputs"] == ["icp.csv", "repeats/run-2.csv", "repeats/run-3.csv", "run.csv"]
    assert "notes.docx" in found["said"][0]
    assert "repeats/run-2.csv" not in asked("forget", file="repeats/run-2.csv")["inputs"]
    asked("forget", file="repeats/run-3.csv")
    asked("forget", file="repeats/notes.docx")
    assert not (place / "repeats").exists()


def test_what_was_read_is_said_in_the_words_of_inspect(place: Path) -> None:
    found = asked("read", file="run.csv", typed={"mask": "4, 10"})
    assert found["kind"] == "signals"
    assert "trace 1 'absorbance': 50 points 0-98 s" in found["text"]
    assert found["trace"]["time_s"] == TIME.tolist()  # with those left out, to take them back
    assert found["trace"]["masked_s"] == [4, 10]
    assert asked("read", file="icp.csv", typed={})["kind"] == "dose table"
    minutes = asked("read", file="run.csv", typed={"time_unit": "min"})
    assert minutes["trace"]["time_s"][1] == 120
    assert "spectra" not in found


def test_spectra_come_with_what_is_tracked(place: Path) -> None:
    bench.write_kd(place / "run.KD", TIME, bench.decay(TIME))
    found = asked("read", file="run.KD", typed={"track": "324"})
    assert len(found["spectra"]["signal"]) == 13
    assert found["spectra"]["time_s"][0] == 0
    assert abs(found["trace"]["wavelength_nm"] - 324) < 2
    assert found["trace"]["peak_nm"]
    fixed = asked("read", file="run.KD", typed={"wavelength": "330"})
    assert fixed["trace"]["wavelength_nm"] == 330
    assert fixed["trace"]["peak_nm"] is None


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"t0": "4", "mask": "10,20", "stages": "2"},
        {"window": "2:80", "model": "biexponential", "confidence": "0.9"},
        {"breakpoint": "0.5min", "offset": "zero", "noise": "white", "seed": "7", "show_time": "min"},
    ],
)
def test_a_fit_is_the_document_of_its_command_and_of_its_lines(place: Path, typed: dict[str, str]) -> None:
    found = asked("fit", file="run.csv", typed=typed)
    words = shlex.split(found["command"])
    assert words[0] == "cxkinetics"
    assert found["document"] == bench.command(*words[1:])
    scope: dict[str, Any] = {}
    exec(found["python"].replace("print(fit)", ""), scope)
    assert json.loads(scope["batch"].to_json()) == found["document"]
    assert {key: found[key] for key in ("command", "python")} == asked("lines", file="run.csv", typed=typed)


def test_the_curve_lies_on_the_clock_of_the_file(place: Path) -> None:
    bench.write_table(place / "late.csv", TIME, bench.decay(TIME, t0=20.0))
    for typed in ({"t0": "20"}, {"t0": "auto"}, {"t0": "auto", "window": "2:90", "mask": "98"}):
        typed = typed if typed.get("mask") is None else typed | {"mask": "88"}
        curve = asked("fit", file="late.csv", typed=typed)["fits"][0]["curve"]
        assert abs(curve["clock_s"] - 20) < 3, typed
        assert set(curve["time_s"]) <= set(TIME.tolist()), typed
        assert abs(curve["breakpoints"][0]["value_s"] - 40) < 3, typed
    shown = asked("fit", file="late.csv", typed={"t0": "20", "show_time": "min"})["fits"][0]
    head, first = shown["copies"]["points"].splitlines()[:2]
    assert head == "time (min)\tsignal (AU)"
    assert float(first.split("\t")[0]) == 0


def test_what_is_copied_for_other_programs_is_what_was_fitted(place: Path) -> None:
    copies = asked("fit", file="run.csv", typed={})["fits"][0]["copies"]
    fit = cx.fit_stages(cx.load("run.csv"))

    def table(name: str) -> Any:
        return np.array([[float(x) for x in row.split("\t")] for row in copies[name].splitlines()[1:]])

    assert np.array_equal(table("points"), np.column_stack([fit.trace.time_s, fit.trace.absorbance]))
    assert np.allclose(table("curve")[:, 1], fit.curve(table("curve")[:, 0]), rtol=1e-12)
    assert np.allclose(table("ln")[:, 1], np.log(fit.trace.absorbance), rtol=1e-12)
    assert np.array_equal(table("residuals")[:, 1], fit.residuals)
    assert copies["latex"] == fit.to_latex()


def test_several_fits_are_one_table_and_are_written_whole(place: Path) -> None:
    ids = [asked("fit", file=f"repeats/run-{n}.csv", typed={})["id"] for n in (2, 3)]
    found = asked("summary", ids=ids)
    fits = cx.fit_many(["repeats/run-2.csv", "repeats/run-3.csv"])
    assert found["document"] == json.loads(fits.to_json())
    written = asked("export", id=found["id"])
    assert {"report.html", "summary.csv", "summary.xlsx", "run-2/fit.json", "run-3/fit.xlsx"} <= set(
        written["files"]
    )
    assert (place / written["archive"]).read_bytes()[:2] == b"PK"
    alone = asked("export", id=ids[0])
    stored = cx.StagedFit.from_json((place / alone["folder"] / "fit.json").read_text(encoding="utf-8"))
    assert stored == fits.fits[0]


def test_a_smooth_model_is_written_as_stages_are(place: Path) -> None:
    found = asked("fit", file="run.csv", typed={"model": "biexponential"})
    assert not found["document"]["fits"][0]["stages"]
    assert {"report.html", "stages.csv", "fit.xlsx"} <= set(asked("export", id=found["id"])["files"])


def test_a_fit_that_cannot_be_is_told_and_the_others_stay(place: Path) -> None:
    found = answer({"do": "fit", "file": "run.csv", "typed": {"breakpoint": "5000"}})
    assert not found["fits"]
    assert "5000" in found["failures"][0]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(found["python"], {})
    assert said.getvalue().strip() == found["failures"][0]
    assert "stages is 'many'" in refused("fit", file="run.csv", typed={"stages": "many"}).replace("--", "")
    assert "there is no option 'stage'" in refused("fit", file="run.csv", typed={"stage": "2"})
    assert "fit again" in refused("export", id="0" * 16)
    for wrong in (None, "../../etc", "0" * 15, 7):
        assert "no result" in refused("export", id=wrong)


def test_a_project_file_is_that_of_the_command_line(place: Path) -> None:
    runs = {"run.csv": {"t0": "4", "mask": "10,20", "stages": "2"}, "repeats/run-2.csv": {"window": "2:80"}}
    text = asked("project", file="run.csv", runs=runs)["text"]
    (place / "project.toml").write_text(text, encoding="utf-8")
    assert set(tomllib.loads(text)) == {"fit", "runs"}
    own = asked("fit", file="run.csv", typed=runs["run.csv"])["document"]
    assert bench.command("fit", "run.csv", "--config", "project.toml") == own
    found = asked("open project", file="project.toml")
    assert found["runs"] == runs
    assert found["typed"] == runs["run.csv"]
    assert found["missing"] == []
    (place / "run.csv").unlink()
    assert asked("open project", file="project.toml")["missing"] == ["run.csv"]
    (place / "other.toml").write_text("[fit]\nstagez = 2\n")
    assert "did you mean stages?" in refused("open project", file="other.toml")
    (place / "other.toml").write_text("[fit]\n[runs]\nrun = 2\n")
    assert "a table for each file" in refused("open project", file="other.toml")


def test_what_a_file_has_to_choose_from_is_listed(place: Path) -> None:
    rows = "".join(f"{t},{0.9 * 0.97**t:.4f},{0.5 * 0.98**t:.4f}\n" for t in range(40))
    (place / "two.csv").write_text(f"time (s),sample a,sample b\n{rows}")
    assert "sample a, sample b" in refused("read", file="two.csv", typed={})
    columns = ["sample a", "sample b", "all"]
    assert asked("offers", file="two.csv", typed={}) == {"columns": columns, "sheets": []}
    assert asked("offers", file="two.csv", typed={"column": "sample b"})["columns"] == columns
    for column in columns:
        assert asked("read", file="two.csv", typed={"column": column})["kind"] == "signals"
    for file in ("run.csv", "icp.csv", "repeats"):
        assert asked("offers", file=file, typed={}) == {"columns": [], "sheets": []}
    from openpyxl import Workbook

    book = Workbook()
    for name in ("run 1", "run 2"):
        sheet = book.create_sheet(name)
        for row in (("time (s)", "absorbance"), *((t, 0.9 * 0.97**t) for t in range(30))):
            sheet.append(row)
    book.remove(book.worksheets[0])
    book.save(place / "book.xlsx")
    assert asked("offers", file="book.xlsx", typed={})["sheets"] == ["run 1", "run 2"]


def test_runs_together_are_read_as_each_is_by_itself(place: Path) -> None:
    words = ["together", "repeats/run-2.csv", "repeats/run-3.csv", "--stages", "2"]
    runs = {"repeats/run-2.csv": {"mask": "10,12"}, "repeats/run-3.csv": {}}
    found = asked("verb", words=words, runs=runs)
    assert [run["n_points"] for run in found["document"]["runs"]] == [TIME.size - 2, TIME.size]
    (place / "project.toml").write_text(asked("project", file="run.csv", runs=runs)["text"])
    assert shlex.split(found["command"]) == ["cxkinetics", *words, "--config", "project.toml"]
    assert found["document"] == bench.command(*words, "--config", "project.toml")
    scope: dict[str, Any] = {}
    exec(found["python"].replace("print(result)", ""), scope)
    assert scope["result"].to_dict()["values"] == found["document"]["values"]
    late = asked("verb", words=words, runs={name: {"t0": "4", "window": "0:80"} for name in runs})
    assert {run["n_points"] for run in late["document"]["runs"]} == {int(np.sum((TIME >= 4) & (TIME <= 80)))}
    assert late["python"] == ""  # no call of one line does it
    assert asked("verb", words=words, runs={name: {} for name in runs})["command"].endswith("--stages 2")


def test_what_another_verb_found_can_be_copied(place: Path) -> None:
    found = asked("verb", words=["incorporation", "icp.csv", "--dose-error", "3%"])
    copies = found["copies"]
    assert copies["latex"] == cx.fit_incorporation(cx.load_dose_table("icp.csv", dose_error="3%")).to_latex()
    rows = {name: more for name, *more in (line.split("\t") for line in copies["table"].splitlines())}
    told = found["document"]["stage1_slope"]
    assert [float(cell) for cell in rows["stage1_slope"][:2]] == [told["value"], told["se"]]  # every digit


def test_how_far_long_work_is_can_be_read_while_it_lasts(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    write = Path.write_text

    def heard(self: Path, text: str, *args: Any, **more: Any) -> int:
        if self == Path(PROGRESS):
            told.append(text)
        return write(self, text, *args, **more)

    monkeypatch.setattr(Path, "write_text", heard)
    words = ["plan", "sampling", "--k", "0.056,0.019", "--breakpoint", "20", "--points", "12"]
    found = asked("verb", words=[*words, "--simulations", "3"])
    assert told[0].startswith("simulated fits: 1 of")
    assert not Path(PROGRESS).exists()  # it is done
    assert not any("simulated fits" in line for line in found["said"])


@pytest.mark.parametrize(
    "words",
    [
        ["dose", "Ag2Cd32S33", "--cadmium-umol", "20", "--silver-mmol-per-l", "10", "--draws", "200"],
        ["dose", "Ag2Cd32S33", "--table", "icp.csv", "--dose-error", "3%", "--draws", "200", "--seed", "5"],
        ["predict", "--dose", "50", "--draws", "200"],
        ["incorporation", "icp.csv", "--dose-error", "3%", "--icp-error", "0.5", "--confidence", "0.9"],
        ["together", "repeats/run-2.csv", "repeats/run-3.csv", "--share", "k", "--stages", "2"],
        ["plan", "dose", "Ag2Cd32S33", "--count", "1", "--draws", "300"],
        ["together", "repeats/run-2.csv", "repeats/run-3.csv", "--temperature", "20,30", "--offset", "zero"],
    ],
)
def test_another_verb_is_the_document_of_its_command_and_of_its_lines(place: Path, words: list[str]) -> None:
    found = asked("verb", words=words)
    assert shlex.split(found["command"]) == ["cxkinetics", *words]
    assert found["document"] == bench.command(*words)
    assert "<h1>" in found["html"]
    scope: dict[str, Any] = {}
    exec(found["python"].replace("print(result)", ""), scope)
    told = json.loads(json.dumps(scope["result"].to_dict()))
    assert {key: found["document"][key] for key in told} == told
    assert "report.html" in asked("export", id=found["id"])["files"]
    assert asked("verb line", words=words)["python"] == found["python"]


def test_what_several_calls_would_be_needed_for_has_no_python_line(place: Path) -> None:
    assert asked("verb line", words=["dose", "Ag2Cd32S33", "--sensitivity"])["python"] == ""
    assert asked("verb line", words=["dose"])["python"] == ""
    words = ["plan", "sampling", "--k", "0.056,0.019", "--breakpoint", "20", "--longest", "90"]
    call = "cx.plan_sampling(rates_per_s=[0.056, 0.019], breakpoints_s=[20.0], longest_s=90.0)"
    assert f"result = {call}" in asked("verb line", words=words)["python"]
    words = [
        "mechanism",
        "--run",
        "run.csv@100",
        "--run",
        "b.csv@50%",
        "--rivals",
        "none",
        "--quenched",
        "10min",
    ]
    call = 'cx.fit_mechanism(runs=[("run.csv", 100.0), ("b.csv", 50.0)], quenched_s=600.0, rivals=[])'
    assert f"result = {call}" in asked("verb line", words=words)["python"]


def test_a_dose_is_told_in_microlitres(place: Path) -> None:
    amounts = ["--cadmium-umol", "20", "--silver-mmol-per-l", "10"]
    found = asked("verb", words=["dose", "Ag2Cd32S33", *amounts, "--draws", "200"])
    told = found["document"]["amount"]["volume"]
    assert told["unit"] == "uL"
    assert told["value"] == pytest.approx(20 * found["document"]["dose_percent"]["value"] / 100 / 10 * 1000)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../run.csv",
        "a/../../b",
        "C:\\Windows\\win.ini",
        "\\\\host\\share",
        "..\\run.csv",
        "",
        None,
        3,
        "a\0b",
    ],
)
def test_no_name_leads_out_of_the_session(place: Path, name: Any) -> None:
    (place.parent / "outside.csv").write_text("time (s),A\n0,1\n1,0.5\n2,0.3\n")
    for do in ("read", "fit", "forget", "lines", "open project"):
        assert "drop the file first" in refused(do, file=name, typed={})
    with pytest.raises(cx.UsageError, match="drop the file first"):
        inside(name)
    text = str(name)
    for words in (["dose", "Ag2S", "--table", text], ["dose", "Ag2S", f"--table={text}"]):
        if isinstance(name, str) and name and "\0" not in name:
            assert "drop the file first" in refused("verb", words=words)
    for option in ("times", "reference"):
        if isinstance(name, str) and ("/" in name or "\\" in name):
            assert "drop the file first" in refused("fit", file="run.csv", typed={option: name})


@pytest.mark.parametrize(
    "words", [[], ["app"], ["demo"], ["completion", "bash"], ["fit", "run.csv"], [3], None]
)
def test_other_commands_are_not_run(place: Path, words: Any) -> None:
    assert "words must" in refused("verb", words=words) or "no verb" in refused("verb", words=words)
    before = sorted(path.name for path in place.iterdir())
    for more in (["--out", "elsewhere"], ["--out=elsewhere"], ["--debug"]):
        assert "page's own" in refused("verb", words=["dose", "Ag2S", *more])
    assert sorted(path.name for path in place.iterdir()) == before


def test_a_verb_that_fails_says_why_as_the_command_does(place: Path) -> None:
    assert "did you mean Ag2Cd32S33?" in refused("verb", words=["dose", "Ag2Cd32S3"])
    assert "TARGET" in refused("verb", words=["dose"])


def test_the_controls_are_those_of_the_command_line() -> None:
    found = asked("about")
    assert {one["name"] for one in found["options"]} >= {
        "t0",
        "mask",
        "window",
        "breakpoint",
        "model",
        "show_time",
    }
    fields = {one["name"]: one for one in found["verbs"]["dose"]["fields"]}
    assert fields["target"]["required"]
    assert "Ag2Cd32S33" in fields["target"]["offered"]
    assert "cu-cds" in fields["system"]["offered"]
    assert fields["table"]["file"]
    assert fields["extrapolate"]["switch"]
    assert "out" not in fields
    assert found["verbs"]["together"]["fields"][0]["several"]
    assert "there is no task" in refused("about nothing")
    assert "verb" in TASKS
