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
    system.write_text('name = "mine"\nhost = "Cd34S33"\nguest = "Ag"\nproduct = "Ag2S"\nmax_guests = 2\n')
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


@pytest.mark.parametrize(
    ("words", "percent", "remark"),
    [
        (["0.5", "--dose-unit", "fraction"], 50, "0.5 mol/mol (--dose-unit fraction) is 50 %"),
        (["0.5", "--dose-unit", "percent"], 0.5, ""),
        (["0.5"], 0.5, "--dose-unit fraction (50 %)"),
        (["50%", "--dose-unit", "fraction"], 50, ""),
        (["50"], 50, ""),
    ],
)
def test_the_unit_applies_to_the_dose(
    words: list, percent: float, remark: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["predict", "--dose", *words, "--draws", "200", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["dose_percent"] == pytest.approx(percent)
    assert remark in captured.err
    assert bool(remark) == ("dose" in captured.err)


def test_a_percent_dose_called_a_fraction_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "--dose", "50", "--dose-unit", "fraction"]) == 2
    err = capsys.readouterr().err
    for words in ("5000 %", "--dose 0.5", "--dose 50%"):
        assert words in err
    with pytest.raises(SystemExit):
        main(["predict", "--dose", "half"])
    assert "'half' is no dose" in capsys.readouterr().err


def test_a_table_of_fractions_and_a_dose_in_fractions(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / "icp.csv"
    rows = ["dose,incorporated", "0,0", "0.25,0.026", "0.5,0.051", "0.75,0.081", "1,0.12", "1.2,0.28"]
    table.write_text("\n".join([*rows, "1.35,0.401", "1.5,0.4", "1.75,0.403"]))
    words = ["--table", str(table), "--dose-unit", "fraction", "--json"]
    assert main(["predict", "--dose", "0.6", *words]) == 0
    fraction = json.loads(capsys.readouterr().out)
    assert main(["predict", "--dose", "60%", *words]) == 0
    assert json.loads(capsys.readouterr().out) == fraction
    assert fraction["dose_percent"] == 60
    assert main(["predict", "--dose", "60", *words]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == fraction
    assert "dose taken as 60 %" in captured.err


def test_amount_of_a_dose(capsys: pytest.CaptureFixture) -> None:
    words = ["predict", "--dose", "50", "--cadmium-umol", "20", "--silver-mmol-per-l", "10", "--draws", "200"]
    assert main([*words, "--json"]) == 0
    amount = json.loads(capsys.readouterr().out)["amount"]
    assert (amount["value"], amount["low"], amount["unit"]) == (10, None, "umol")
    assert amount["volume"]["value"] == pytest.approx(1000)
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "add 10 umol Ag for 20 umol Cd" in out
    assert "mol Ag per 100 mol Cd" in out
