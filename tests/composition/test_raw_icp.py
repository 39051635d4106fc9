"""Dose tables as a laboratory has them: raw ICP readings, blanks, volumes of stock, stated errors."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main

DOSES = np.array([0.0, 20, 40, 60, 80, 97, 105, 115, 125, 135, 150, 175])
SHARES = np.array([0.0, 2.1, 4.3, 6.4, 8.6, 10.4, 16.2, 24.1, 32.3, 40.3, 40.1, 40.2])
AG, CD = 107.868, 112.414


def mass(share: np.ndarray, element: float) -> np.ndarray:
    return share / 100 * element


def written(folder: Path, header: str, *columns: object) -> Path:
    path = folder / "icp.csv"
    rows = zip(*columns, strict=True)
    path.write_text("\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


UNITS = {
    "mg/L": ("Ag (mg/L),Cd (mg/L)", 1.0, 1.0),
    "ppm": ("ICP Ag (ppm),ICP Cd (ppm)", 1.0, 1.0),
    "wt %": ("Ag (wt%),Cd (wt%)", 1e-2, 1e-2),
    "two units": ("Ag (µg/L),Cd (mg/L)", 1000.0, 1.0),
}


@pytest.mark.parametrize("unit", UNITS)
def test_readings_of_both_cations_make_the_incorporation(unit: str, tmp_path: Path) -> None:
    header, ag, cd = UNITS[unit]
    path = written(
        tmp_path, f"Ag added (%),{header}", DOSES, ag * mass(SHARES, AG), cd * mass(100 - SHARES, CD)
    )
    found = cx.load_dose_table(path)
    assert found.incorporation_percent == pytest.approx(SHARES, abs=1e-9)
    assert found.basis == "Ag/(Ag+Cd)"
    assert any("made of the readings" in remark.text for remark in found.remarks)
    over_host = cx.load_dose_table(path, basis="Ag/Cd").incorporation_percent
    assert over_host == pytest.approx(100 * SHARES / (100 - SHARES), abs=1e-9)
    with pytest.raises(cx.InputError, match="two cations give no incorporation on Ag/S"):
        cx.load_dose_table(path, basis="Ag/S")


def test_blanks_dilutions_and_errors_of_the_readings(tmp_path: Path) -> None:
    names = ["blank", *(f"S{i}" for i in range(12)), "blank 2"]
    ag = np.concatenate([[0.02], mass(SHARES, AG) / 10 + 0.03, [0.04]])
    cd = np.concatenate([[0.1], mass(100 - SHARES, CD) / 50 + 0.1, [0.1]])
    dose = ["", *DOSES, ""]
    head = "sample,Ag added (%),Ag (mg/L),Ag sd (mg/L),Cd (mg/L),Cd sd (mg/L),Ag dilution,Cd dilution"
    columns = names, dose, ag, 0.02 * ag, cd, 0.02 * cd, [10] * 14, [50] * 14
    found = cx.load_dose_table(written(tmp_path, head, *columns))
    assert found.incorporation_percent == pytest.approx(SHARES, abs=1e-9)
    assert sum("blank of" in remark.text for remark in found.remarks) == 2
    # two readings of 2 % each: 100 s (1 - s) sqrt(2) 0.02, the blanks' share of a reading being small here
    share = SHARES[-1] / 100
    assert found.sigma_percent[-1] == pytest.approx(100 * share * (1 - share) * np.sqrt(2) * 0.02, rel=0.05)


def test_a_reading_below_the_blank_is_no_negative_incorporation(tmp_path: Path) -> None:
    ag = mass(SHARES, AG) + 0.5
    ag[0] = 0.4
    columns = ["blank", *["S"] * 12], ["", *DOSES], [0.5, *ag], [0, *mass(100 - SHARES, CD)]
    found = cx.load_dose_table(written(tmp_path, "sample,Ag added (%),Ag (mg/L),Cd (mg/L)", *columns))
    assert found.incorporation_percent[0] == 0
    assert any("1 readings of Ag lie below the blank" in remark.text for remark in found.remarks)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("dose (%),Ag (mg/L),Cd (mg/L)", "the guest is not named"),
        ("Ag added (%),Ag (mg/L),S (%)", "needed is one column of the guest and one of the host"),
        ("Cu added (%),Ag (mg/L),Cd (mg/L)", "the guest is Cu"),
    ],
)
def test_readings_that_do_not_tell_are_refused(header: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(cx.InputError, match=words):
        cx.load_dose_table(written(tmp_path, header, DOSES, SHARES + 1, 100 - SHARES))


def test_a_sample_without_host_is_refused(tmp_path: Path) -> None:
    columns = ["blank", "a", "b", "c"], ["", 0, 50, 60], [0, 0, 1, 1], [0.5, 20.0, 0.5, 20.0]
    path = written(tmp_path, "sample,Ag added (%),Ag (mg/L),Cd (mg/L)", *columns)
    with pytest.raises(cx.InputError, match=r"icp.csv.*line 4.*no Cd is left after the blank"):
        cx.load_dose_table(path)


def test_a_standard_or_a_sample_without_a_dose_is_no_blank(tmp_path: Path) -> None:
    names = ["standard", *["S"] * 12, ""]
    ag, cd = [9.0, *mass(SHARES, AG), 5.0], [0.1, *mass(100 - SHARES, CD), 90.0]
    columns = names, ["", *DOSES, ""], ag, cd
    found = cx.load_dose_table(written(tmp_path, "sample,Ag added (%),Ag (mg/L),Cd (mg/L)", *columns))
    assert found.incorporation_percent == pytest.approx(SHARES, abs=1e-9)
    assert not any("blank" in remark.text for remark in found.remarks)


def test_another_guest_than_that_of_the_system_is_refused(tmp_path: Path) -> None:
    path = written(
        tmp_path, "Cu added (%),Cu (mg/L),Cd (mg/L)", DOSES, mass(SHARES, 63.546), mass(100 - SHARES, CD)
    )
    with pytest.raises(cx.InputError, match="Cu"):
        cx.fit_incorporation(cx.load_dose_table(path))


def test_volumes_of_stock_are_doses_and_their_errors_are_errors_of_doses(tmp_path: Path) -> None:
    volume = DOSES * 20 / 10 * 10  # uL of 10 mmol/L for 20 umol: 1 uL is 0.05 %
    path = written(tmp_path, "Ag added (µL),Ag incorporated (%)", volume, SHARES)
    with pytest.raises(cx.InputError, match="an amount"):
        cx.load_dose_table(path)
    found = cx.load_dose_table(path, host_umol="20±0.4", stock_mmol_per_l="10±1%", volume_error="10,1%")
    assert found.dose_percent == pytest.approx(DOSES)
    assert found.common_dose_error == pytest.approx(np.hypot(0.02, 0.01))
    assert found.dose_sd_percent[1:] == pytest.approx(np.hypot(10 * 0.05, 0.01 * DOSES[1:]))
    assert found.dose_sd_percent[0] == 0
    with pytest.raises(cx.UsageError, match="stock_mmol_per_l not given"):
        cx.load_dose_table(path, host_umol=20)
    with pytest.raises(cx.UsageError, match="write a positive number"):
        cx.load_dose_table(path, host_umol="0", stock_mmol_per_l=10)


@pytest.mark.parametrize("header", ["uL Ag stock", "Ag stock, µL", "Ag stock (uL) added", "Ag added [ uL ]"])
def test_a_volume_is_no_percentage_wherever_its_unit_stands(header: str, tmp_path: Path) -> None:
    table = [
        f"{header};Ag incorporated (%)",
        *(f"{20 * d:g};{y:g}" for d, y in zip(DOSES, SHARES, strict=True)),
    ]
    path = tmp_path / "volumes.csv"
    path.write_text("\n".join(table), encoding="utf-8")
    with pytest.raises(cx.InputError, match=r"(uL|µL), an amount.*--same-stocks"):
        cx.load_dose_table(path, dose_column=1)
    found = cx.load_dose_table(path, dose_column=1, host_umol=20, stock_mmol_per_l=10)
    assert found.dose_percent == pytest.approx(DOSES)


def test_errors_of_doses_stand_in_the_file_or_are_typed(tmp_path: Path) -> None:
    path = written(tmp_path, "Ag added (%),Ag added sd (%),Ag incorporated (%)", DOSES, 0.01 * DOSES, SHARES)
    assert cx.load_dose_table(path).dose_sd_percent == pytest.approx(0.01 * DOSES)
    typed = cx.load_dose_table(path, dose_error="0.3,4%", common_dose_error="3%", icp_error="0.3,5%")
    assert typed.dose_sd_percent[1:] == pytest.approx(np.hypot(0.3, 0.04 * DOSES[1:]))
    assert (typed.common_dose_error, typed.icp_error) == (0.03, (0.3, 0.05))
    with pytest.raises(cx.UsageError, match="a share of every dose"):
        cx.load_dose_table(path, common_dose_error="3")


def test_the_command_takes_columns_and_errors_and_writes_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = written(tmp_path, "x,Ag added (%),run a,run b", DOSES, DOSES, SHARES, SHARES[::-1])
    words = ["incorporation", str(path), "--dose-column", "Ag added (%)", "--incorporation-column", "3"]
    out = tmp_path / "out"
    words += ["--dose-error", "1%", "--icp-error", "0.3", "--common-dose-error", "3%", "--json"]
    assert main([*words, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    avalanche = record["avalanche_dose_percent"]
    assert avalanche["low"] < 98 < avalanche["high"]
    assert avalanche["high"] - avalanche["low"] > 2 * 1.9 * 3
    assert "is assumed" not in captured.err
    names = {file.name for file in out.iterdir()}
    assert {"incorporation.json", "incorporation.xlsx", "report.html"} <= names
    assert any(name.endswith(".png") for name in names)
    assert main([*words[:-1], "--dose-error", "2", "--icp-error", "x"]) == 2
    assert "icp_error is 'x'" in capsys.readouterr().err
