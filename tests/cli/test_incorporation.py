"""The command `cxkinetics incorporation`."""

import json
from pathlib import Path

import pytest

from cxkinetics.cli.main import main

STATED = "Ag added (mol %),Ag incorporated (mol %)\n0,0\n75,8.0\n100,12.1\n135,40.4\n175,40\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "icp.csv"
    file.write_text(STATED)
    return file


def test_preset_prints_the_published_numbers(table: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["incorporation", str(table), "--preset", "paper"]) == 0
    out = capsys.readouterr().out
    for number in ("0.1067", "0.8086", "7.58", "97.96", "5.062", "40.2"):
        assert number in out


def test_json_is_one_document(table: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["incorporation", str(table), "--json"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["schema"] == "cxkinetics.incorporation/1"
    assert record["n_points"] == 5
    assert record["stage2_slope"]["high"] is None
    assert "do not identify" in captured.err


def test_fractions_on_request(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "icp.csv"
    file.write_text("dose,incorporated\n0,0\n0.75,0.08\n1,0.121\n1.35,0.404\n1.75,0.4\n")
    assert main(["incorporation", str(file), "--dose-unit", "fraction", "--preset", "paper", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slope_ratio"]["value"] == pytest.approx(7.580, abs=5e-4)


def test_bad_tables_of_the_shared_folder(
    bad_inputs: dict, shared_data: Path, capsys: pytest.CaptureFixture
) -> None:
    for entry in bad_inputs["files"]:
        if entry["kind"] != "dose":
            continue
        code = main(["incorporation", str(shared_data / "badinputs" / entry["file"])])
        captured = capsys.readouterr()
        assert code == (0 if entry["expected"] == "ok" else 1), entry["file"]
        for word in (*entry["warn"], *entry["message_must_mention"]):
            assert word in captured.err, (entry["file"], word)


def test_unknown_preset_is_a_usage_error(table: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["incorporation", str(table), "--preset", "papr"]) == 2
    assert "paper" in capsys.readouterr().err
