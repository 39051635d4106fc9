"""The command `cxkinetics predict`."""

import json
from pathlib import Path

import pytest

from cxkinetics.cli.main import main


def test_json_is_one_document(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "50", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["dose_percent"] == 50
    assert sum(item["value"] for item in record["species"].values()) == pytest.approx(1, abs=1e-9)


def test_text(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "50", "--sensitivity", "--absorbance-ratio", "0.36"]) == 0
    out = capsys.readouterr().out
    assert "Ag2Cd32S33" in out
    assert "twice as wide" in out
    assert "optical conversion" in out


def test_own_table_and_own_system(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / "icp.csv"
    rows = ["dose (%),incorporated (%)", "0,0", "25,2.6", "50,5.1", "75,8.1", "100,12.0", "120,28.0"]
    table.write_text("\n".join([*rows, "135,40.1", "150,40.0", "175,40.3"]))
    system = tmp_path / "mine.toml"
    system.write_text('name = "mine"\nhost = "Cd34S33"\nguest = "Ag"\nproduct = "Ag2S"\n')
    assert main(["predict", "--dose", "60", "--table", str(table), "--system", str(system), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"]["system"] == "mine"


def test_copper_without_a_table(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "50", "--system", "cu-cds"]) == 1
    assert "--table" in capsys.readouterr().err


def test_outside_the_calibrated_doses(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "300"]) == 1
    assert "300" in capsys.readouterr().err
    assert main(["predict", "--dose", "300", "--extrapolate"]) == 0


def test_unknown_system_is_a_usage_error(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "50", "--system", "ag-cdse"]) == 2
    assert "ag-cds" in capsys.readouterr().err


def test_measurements_narrow_the_priors(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "ms.toml"
    file.write_text(
        "[[fractions]]\nincorporation_percent = 2.4\nfractions = [1, 8, 1]\nsigma = [0.5, 0.5, 0.5]\n"
    )
    assert main(["predict", "--dose", "23", "--measurements", str(file), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["species"]["AgCd33S33"]["value"] > 0.65
    assert "alpha: 1.0" in captured.err
    assert "after the measurements" in captured.err
    file.write_text("[[fractions]]\nfractions = [1]\n")
    assert main(["predict", "--dose", "23", "--measurements", str(file)]) == 1
    assert "ms.toml" in capsys.readouterr().err
