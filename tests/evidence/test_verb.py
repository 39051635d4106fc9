"""`cxkinetics evidence`: the verb as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cxkinetics.cli.main import main
from cxkinetics.evidence.examples import example_files, simulation_settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, text in example_files():
        (folder / name).write_text(text)
    return folder


def test_peak_list_of_the_paper(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["evidence", "ms", str(data / "evidence_ms_peaks.csv")]) == 0
    out, err = capsys.readouterr()
    assert "98% find some CdxSy(L)z + adduct within 1 Da" in " ".join(out.split())
    assert "NO" in out
    assert "stated formulae off by more than 2 Da" in err


def test_spectra_to_json_to_verdict(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    files = []
    for technique, name in (("ms", "ms-8.0"), ("xps", "xps-ag3d-8.0"), ("xrd", "xrd-8.0")):
        command = [
            "evidence",
            technique,
            str(data / f"{name}.csv"),
            "--sample",
            "8.0 %",
            "--incorporation",
            "8.0",
        ]
        assert main([*command, "--json"]) == 0
        out = capsys.readouterr().out
        document = json.loads(out, parse_constant=lambda name: pytest.fail(name))
        assert document["schema"] == "cxkinetics.evidence/1"
        assert document["records"][0]["simulated"]
        assert document["failures"] == []
        files.append(tmp_path / f"{technique}.json")
        files[-1].write_text(out)
    assert main(["evidence", "join", *map(str, files), "--out", str(tmp_path / "joined")]) == 0
    out = capsys.readouterr().out
    assert "8.0 %   CdS + Ag2S  CdS + Ag2S  CdS + Ag2S  CdS + Ag2S" in out
    assert "SIMULATED DATA" in out
    assert {p.name for p in (tmp_path / "joined").iterdir()} == {
        "as-shown.csv", "evidence.json", "report.html", "verdict.png", "verdict.svg"
    }  # fmt: skip


def test_table_i_joined(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["evidence", "join", str(data / "evidence_table1.csv"), "--json"]) == 0
    consensus = json.loads(capsys.readouterr().out)["consensus"]
    assert consensus["onset_percent"] == [4.0, 8.0]
    assert consensus["disagreements"][0]["sample"] == "28.3 %"


def test_out_writes_report_and_figures(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "xrd"
    assert main(["evidence", "xrd", str(data / "xrd-12.1.csv"), "--library", str(data / "xrd-references.csv"),
                 "--out", str(out)]) == 0  # fmt: skip
    assert {p.name for p in out.iterdir()} == {
        "as-shown.csv", "evidence.json", "report.html", "xrd.png", "xrd.svg"
    }  # fmt: skip
    assert "simulated" in (out / "report.html").read_text().lower()
    other = tmp_path / "full"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert main(["evidence", "xrd", str(data / "xrd-12.1.csv"), "--out", str(other)]) == 2
    assert "is not replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "name a technique and a file"),
        (["ms"], 2, "ms needs at least one file"),
        (["ms", "--demo"], 2, "--demo takes no technique"),
        (["xps", "{xps}", "--line", "Q 1s"], 2, "line 'Q 1s' is not known"),
        (["xps", "{xrd}"], 1, "read it as xrd"),
        (["xrd", "{xps}"], 1, "read it as xps"),
        (["ms", "none.csv"], 1, "there is no such file"),
        (["xrd", "{xrd}", "--phases-table", "p.csv"], 2, "--library, which is not given"),
        (["xps", "{xps}", "{xps}", "--sample", "a"], 2, "2 files were given"),
        (["ms", "{ms}", "--sigma-cal", "-1"], 2, "sigma_cal is -1"),
        (["join", "{xrd}"], 1, "there is no column 'sample'"),
    ],
)
def test_failures_are_one_line(
    data: Path, capsys: pytest.CaptureFixture, words: list, code: int, message: str
) -> None:
    names = {"ms": "ms-3.2.csv", "xps": "xps-ag3d-4.0.csv", "xrd": "xrd-4.0.csv"}
    paths = {key: str(data / name) for key, name in names.items()}
    assert main(["evidence", *(word.format(**paths) for word in words)]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("cxkinetics evidence:")


def test_one_bad_file_of_several_is_named_and_the_rest_printed(
    data: Path, capsys: pytest.CaptureFixture
) -> None:
    good, bad = str(data / "xps-ag3d-4.0.csv"), str(data / "xrd-4.0.csv")
    assert main(["evidence", "xps", good, bad, "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert len(document["records"]) == 1
    assert document["failures"][0]["file"] == bad
    assert bad in err


def test_settings_and_help() -> None:
    assert len(simulation_settings()["samples"]) == 7
    done = subprocess.run(
        [sys.executable, "-m", "cxkinetics", "evidence", "--help"], capture_output=True, text=True, check=True
    )
    assert "example: cxkinetics evidence ms" in done.stdout
    assert "--resolving-power" in done.stdout


def test_the_demonstration(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["evidence", "--demo", "--json", "--out", str(tmp_path / "demo")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["demo"]["agreement"] == {"same_cells": 21, "cells": 21}
    assert len(document["demo"]["contradictions"]) >= 12
    assert (tmp_path / "demo" / "data" / "ms-4.0.csv").is_file()
    assert (tmp_path / "demo" / "report.html").stat().st_size > 100_000
