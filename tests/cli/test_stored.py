"""`cxkinetics report` and `collect`: results on disk drawn again, and summed up."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from openpyxl import load_workbook

from cxkinetics.cli.main import main
from cxkinetics.examples.kinetics import example_path
from tests.studies.kills import WORDS, leftovers, write_trace


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        write_trace(tmp_path / f"run{number}.csv", number)
    (tmp_path / "bad.csv").write_text("t,A\n0,0.9\n1,0.5\n")
    return tmp_path


FILES = ["run0.csv", "bad.csv", "run1.csv", "run2.csv", "run3.csv"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_batch_draws_svg_and_report_makes_the_others_later(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *FILES[:1], *FILES[2:4], *WORDS, "--out", "res"]) == 0
    place = bench / "res" / "run1"
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert {"fit.svg", "ln.svg", "report.html"} <= set(before)
    assert not {"fit.png", "fit.pdf", "fit.xlsx"} & set(before)
    capsys.readouterr()
    assert main(["report", "res", "--figures", "png,xlsx"]) == 0
    assert "run1: report, svg, png, xlsx" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    assert {"fit.png", "ln.png", "fit.xlsx"} <= set(after)
    assert not {"fit.pdf"} & set(after)
    for name in ("fit.json", "trace.csv", "rivals.csv", "stages.csv", "fit.svg", "ln.svg"):
        assert after[name] == before[name], name
    assert main(["report", "res/run0", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["folders"] == ["res/run0"]
    assert {"fit.pdf", "fit.svg", "fit.png", "fit.xlsx"} <= names(bench / "res" / "run0")
    assert main(["fit", "run0.csv", *FILES[2:4], *WORDS, "--out", "res", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == ["run0.csv", "run1.csv", "run2.csv"]


def test_a_batch_has_a_workbook_of_all_fits_unless_others_are_asked_for(bench: Path) -> None:
    assert main(["fit", *FILES[2:4], *WORDS, "--out", "res", "--show-time", "min"]) == 0
    book = load_workbook(bench / "res" / "summary.xlsx")
    assert book.sheetnames[:2] == ["summary", "replicates"]
    head, *rows = book["summary"].iter_rows(values_only=True)
    with open(bench / "res" / "summary.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row[head.index("file")] for row in rows] == [row["file"] for row in table]
    rates = [row[head.index("k1_per_s")] for row in rows]
    assert rates == pytest.approx([float(row["k1_per_s"]) for row in table], rel=1e-14)
    assert main(["fit", *FILES[2:4], *WORDS, "--out", "plain", "--figures", "svg"]) == 0
    assert "summary.xlsx" not in names(bench / "plain")
    assert main(["fit", *FILES[2:4], *WORDS, "--out", "plain", "--figures", "xlsx"]) == 0
    assert "summary.xlsx" in names(bench / "plain")


def test_figures_are_chosen_and_a_wrong_word_is_usage(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "run0.csv", *WORDS, "--out", "one", "--figures", "pdf"]) == 0
    assert {p.suffix for p in (bench / "one" / "run0").iterdir()} == {".json", ".csv", ".html", ".pdf"}
    capsys.readouterr()
    assert main(["fit", "run0.csv", "--out", "one", "--figures", "svg,gif"]) == 2
    assert "one or more of svg, png, pdf, xlsx" in capsys.readouterr().err


def test_spectra_are_drawn_again_from_their_file_or_refused(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(example_path("ag-cds"), bench / "ag.csv")
    words = ["--track", "324", *WORDS, "--out", "res", "--figures", "svg"]
    assert main(["fit", "ag.csv", *words]) == 0
    place = bench / "res" / "ag"
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert "spectra.svg" in before
    assert main(["report", "res", "--figures", "svg"]) == 0
    assert (place / "spectra.svg").read_bytes() == before["spectra.svg"]
    (bench / "ag.csv").unlink()
    capsys.readouterr()
    assert main(["report", "res", "--figures", "pdf"]) == 1
    err = capsys.readouterr().err
    assert "ag.csv, is not there; put the file back" in err
    assert (place / "spectra.svg").read_bytes() == before["spectra.svg"]


def test_shards_are_collected_into_what_one_run_gives(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *FILES, *WORDS, "--out", "whole", "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert main(["fit", *FILES, *WORDS, "--out", "parts", "--shard", "1/2"]) == 0
    assert "summary.csv" not in names(bench / "parts")
    assert main(["collect", "parts"]) == 0
    assert "shard 2 of 2 has not ended" in capsys.readouterr().err
    assert main(["fit", *FILES, *WORDS, "--out", "parts", "--shard", "2/2"]) == 1
    capsys.readouterr()
    assert main(["collect", "parts", "--json"]) == 1
    out, err = capsys.readouterr()
    parts = json.loads(out)
    assert "has not ended" not in err
    assert parts["fits"] == whole["fits"]
    assert parts["replicates"] == whole["replicates"]
    assert [(f["file"], f["message"]) for f in parts["failures"]] == [
        (f["file"], f["message"]) for f in whole["failures"]
    ]
    assert (bench / "parts" / "summary.csv").read_bytes() == (bench / "whole" / "summary.csv").read_bytes()
    assert {"report.html", "overview.svg", "overview.png", "replicates.csv"} <= names(bench / "parts")
    with open(bench / "parts" / "failures-1-of-2.csv", newline="") as stream:
        assert list(csv.DictReader(stream)) == []


def test_an_interrupted_batch_is_collected_and_a_damaged_result_named(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *FILES[2:], *WORDS, "--out", "res"]) == 0
    for name in ("summary.csv", "report.html"):
        (bench / "res" / name).unlink()
    (bench / "res" / "run2" / "fit.json").write_text("{")
    half = bench / "res" / ".run4.abcd1234.part"  # what a kill left
    shutil.copytree(bench / "res" / "run3", half)
    capsys.readouterr()
    assert main(["collect", "res", "--csv"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "run2" in err
    assert "damaged" in err
    assert "Traceback" not in err
    assert {"summary.csv", "report.html"} <= names(bench / "res")
    assert leftovers(bench / "res") == [half.name]  # of an input that may be fitted elsewhere now
    assert main(["fit", *FILES[2:], *WORDS, "--out", "res"]) == 0
    assert "the stored result is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["report", "collect"])
def test_a_folder_without_results_is_one_line(
    verb: str, bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (".", "missing", "run0.csv"):
        assert main([verb, place]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "holds no fit.json" in line


def test_an_empty_name_is_no_folder(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "run0.csv", *WORDS, "--out", ""]) == 2
    assert "out is empty" in capsys.readouterr().err
    assert not (bench / "run0").exists()


def test_a_shard_needs_a_folder(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *FILES, "--shard", "1/2"]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["fit", *FILES, "--shard", "3/2", "--out", "res"]) == 2
    assert "must be I/N" in capsys.readouterr().err


def test_a_result_given_as_data_is_known_as_one(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *FILES[2:4], *WORDS, "--out", "res", "--figures", "svg"]) == 0
    for place in ("res", "res/run1"):
        capsys.readouterr()
        assert main(["fit", place]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{place}: this is a result of cxkinetics fit, no data; cxkinetics report {place} " in line
    shutil.copytree("res/run1", "mixed/run1")  # a result beside data is passed over, as any folder is
    shutil.copy("run0.csv", "mixed")
    assert main(["fit", "mixed", *WORDS]) == 0
