"""`cxkinetics inspect` and `cxkinetics formats` as a user runs them."""

import argparse
import json
import sys
from pathlib import Path

import pytest

import cxkinetics as cx
from cxkinetics.cli import formats
from cxkinetics.cli.main import main
from cxkinetics.io.describe import describe
from cxkinetics.io.file import ReadOptions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "run.csv"
    path.write_text("t,A\n0,0.9\n1,0.8\n2,#N/A\n3,0.6\n")
    return path


def test_a_line_a_trace(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(table)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith(f"{table}: text table, signals, sha256 ")
    assert lines[1] == "  trace 1 'A': 3 points 0-3 s, 0.6 to 0.9 AU"
    assert "time unit assumed s" in out
    assert "1 missing cell left out (line 4)" in out
    assert err == ""


def test_conversions_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lauf.txt"
    path.write_bytes("Zeit (min)\tAbsorption µ\n0,0\t0,9\n1,0\t0,8\n2,5\t0,7\n".encode("cp1252"))
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "0-150 s" in out
    assert "columns divided by tab, decimal comma, encoding cp1252" in out
    assert "time in min, converted to s (x 60)" in out
    assert main(["inspect", str(path), "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["reading"] == {
        "delimiter": "\t",
        "decimal": ",",
        "encoding": "cp1252",
        "time_unit": "min",
        "time_factor_s": 60.0,
    }
    assert main(["inspect", str(path), "--time-unit", "h"]) == 0
    assert "time in h, converted to s (x 3600)" in capsys.readouterr().out


def test_how_a_file_was_read_is_no_remark_of_its_data(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (min);absorbance\n0,0;0,9\n1,0;0,8\n2,5;0,7\n")
    assert cx.load(path).remarks == ()


def test_json_is_one_document(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(table), "--json", "--time-unit", "min"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "cxkinetics.inspect/1"
    (file,) = record["files"]
    (trace,) = file["traces"]
    assert (file["file"], file["format"]) == (str(table), "text table")
    assert (trace["kind"], trace["n_points"], trace["t_end_s"], trace["unit"]) == ("trace", 3, 180.0, "AU")
    assert [w["code"] for w in trace["warnings"]] == ["missing_cells"]


def test_a_batch_goes_on_after_a_bad_file(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(table.with_name("absent.csv"))
    assert main(["inspect", missing, str(table), "--json"]) == 1
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert [f["file"] for f in record["files"]] == [str(table)]
    assert record["failures"][0]["file"] == missing
    assert err.count("\n") == 1
    assert "absent.csv" in err


def test_dose_tables_are_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "icp.csv"
    path.write_text("Ag added (mol %);Ag incorporated (mol %)\n0;0\n75;8,0 ± 0,3\n135;40,4 ± 0,3\n")
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "dose table" in out
    assert "3 rows, dose 0-135 %, incorporation 0-40.4 % on Ag/(Ag+Cd)" in out
    assert "columns divided by semicolon, decimal comma" in out


def test_wrong_use_is_exit_two(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", str(table), "--time-unit", "fortnight"])
    assert stopped.value.code == 2
    assert "fortnight" in capsys.readouterr().err


def test_formats_lists_every_reader(capsys: pytest.CaptureFixture[str]) -> None:
    from cxkinetics.io import load

    assert main(["formats"]) == 0
    out = capsys.readouterr().out
    assert main(["formats", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    names = [entry["name"] for entry in record["formats"]]
    assert names == [entry.name for entry in load.formats()]
    assert all(name in out for name in names)
    assert len(set(names)) == len(names)


def test_without_its_annex_a_dose_table_is_no_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "icp.csv"
    path.write_text("Ag added (mol %);Ag incorporated (mol %)\n0;0\n75;8,0\n135;40,4\n")
    assert describe(path, ReadOptions())["kind"] == "dose table"
    monkeypatch.setitem(sys.modules, "cxkinetics.composition", None)
    with pytest.raises(cx.InputError, match="no column is named as time"):
        describe(path, ReadOptions())


def test_formats_of_an_absent_annex_are_not_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert formats.run(argparse.Namespace(json=False)) == 0
    assert "VAMAS" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "cxkinetics.evidence", None)
    assert formats.run(argparse.Namespace(json=False)) == 0
    assert "VAMAS" not in capsys.readouterr().out
    assert formats.run(argparse.Namespace(json=True)) == 0
    assert "evidence_formats" not in json.loads(capsys.readouterr().out)


def test_inspect_draws_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (s),absorbance\n" + "".join(f"{t},{0.9 * 0.9**t:.4f}\n" for t in range(0, 40, 2)))
    assert main(["inspect", str(path)]) == 0
    assert "|" not in capsys.readouterr().out  # no terminal, not asked
    assert main(["inspect", str(path), "--draw", "--out", str(tmp_path / "figures")]) == 0
    lines = capsys.readouterr().out.splitlines()
    drawn = [line for line in lines if "|" in line]
    assert drawn[0].split() == ["0.9", "|*"]
    assert drawn[-1].endswith("*")
    assert lines[-1].split() == ["0", "38", "s"]
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["run.png", "run.svg"]


def test_inspect_draws_first_and_last_spectrum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spectra.csv"
    path.write_text("wavelength (nm),0 s,10 s\n300,0.5,0.1\n350,0.9,0.2\n400,0.4,0.1\n450,0.2,0.1\n")
    assert main(["inspect", str(path), "--draw"]) == 0
    out = capsys.readouterr().out
    assert out.count("o") - out.split("|")[0].count("o") >= 3
    assert out.splitlines()[-1].split() == ["300", "450", "nm"]
