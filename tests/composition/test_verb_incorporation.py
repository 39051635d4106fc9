"""The command `cxkinetics incorporation`."""

import json
from pathlib import Path

import numpy as np
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


def test_a_peak_without_spectra_is_refused(table: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["incorporation", str(table), "--near", "324"]) == 2
    assert "--spectra" in capsys.readouterr().err


def test_spectra_of_a_dose_series(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    dose, wavelength = np.arange(0.0, 160.0, 10.0), np.arange(290.0, 360.0)
    position = 324 + 3 * np.clip(dose / 40, 0, 1)
    height = 0.9 * np.clip((140 - dose) / 90, 0, 1)
    band = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / 8) ** 2)
    band += np.random.default_rng(0).normal(0, 0.002, band.shape)
    rows = ["dose (%)," + ",".join(f"{w:g}" for w in wavelength)]
    rows += [f"{d:g}," + ",".join(f"{v:.5f}" for v in row) for d, row in zip(dose, band, strict=True)]
    file = tmp_path / "series.csv"
    file.write_text("\n".join(rows) + "\n")
    words = ["incorporation", str(table), "--spectra", str(file), "--near", "324"]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["dose_spectra"]
    assert record["end_nm"]["value"] == pytest.approx(327, abs=0.2)
    assert record["shift_end_dose_percent"]["value"] == pytest.approx(40, abs=2)
    assert main(words) == 0
    assert "onset of the loss" in capsys.readouterr().out
    assert main(["incorporation", str(table), "--spectra", str(table)]) == 1
    assert "icp.csv" in capsys.readouterr().err
