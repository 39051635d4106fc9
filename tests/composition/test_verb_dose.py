"""The command `cxkinetics dose`."""

import json
from pathlib import Path

import pytest

from cxkinetics.cli.main import main


def test_json_is_one_document(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag2Cd32S33", "--json", "--min-purity", "0.9"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["target"] == "Ag2Cd32S33"
    assert record["dose_percent"]["value"] == pytest.approx(43, abs=4)


def test_element_order_does_not_matter(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Cd32S33Ag2"]) == 0
    assert capsys.readouterr().out.startswith("Ag2Cd32S33: dose 4")


def test_unreachable_purity_is_one_line_with_the_way_out(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "AgCd33S33", "--min-purity", "0.9"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    for word in ("0.9", "0.54", "23", "cooperativity"):
        assert word in captured.err


def test_without_a_demand_the_best_is_given_with_a_warning(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "AgCd33S33", "--sensitivity"]) == 0
    captured = capsys.readouterr()
    assert "window" in captured.out
    assert "twice as wide" in captured.out
    assert "cannot exceed" in captured.err


def test_unknown_species(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag3Cd31S33"]) == 1
    assert "Ag2Cd32S33" in capsys.readouterr().err


def test_help_and_output_say_what_percent_and_window_mean(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["dose", "--help"])
    out = capsys.readouterr().out
    for words in ("mol guest per 100 mol host cation", "doses that will do", "--min-purity, by-product"):
        assert words in out
    assert main(["dose", "Ag2Cd32S33"]) == 0
    assert "mol Ag per 100 mol Cd" in capsys.readouterr().out.splitlines()[0]


def test_amount_of_silver_and_volume_of_stock(capsys: pytest.CaptureFixture) -> None:
    words = ["dose", "Ag2Cd32S33", "--cadmium-umol", "20", "--silver-mmol-per-l", "10"]
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    amount, dose = record["amount"], record["dose_percent"]
    for end in ("value", "low", "high"):
        assert amount[end] == pytest.approx(0.2 * dose[end])
        assert amount["volume"][end] == pytest.approx(20 * dose[end])
    assert (amount["unit"], amount["volume"]["unit"], amount["guest"]) == ("umol", "uL", "Ag")
    assert amount["window"] == pytest.approx([0.2 * end for end in record["window_percent"]])
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"add {amount['value']:.2f} umol" in out
    assert f"add {amount['volume']['value']:.0f} uL" in out


def test_a_stock_without_cadmium_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag2Cd32S33", "--silver-mmol-per-l", "10"]) == 2
    assert "--cadmium-umol" in capsys.readouterr().err


def test_a_unit_without_doses_to_read_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag2Cd32S33", "--dose-unit", "fraction"]) == 2
    assert "--table" in capsys.readouterr().err


def test_copper_is_called_copper(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / "icp.csv"
    rows = ["dose (%),incorporated (%)", "0,0", "25,2.6", "50,5.1", "75,8.1", "100,12.0", "120,28.0"]
    table.write_text("\n".join([*rows, "135,40.1", "150,40.0", "175,40.3"]))
    words = ["dose", "Cu2Cd32S33", "--system", "cu-cds", "--table", str(table)]
    assert main([*words, "--host-umol", "10", "--stock-mmol-per-l", "5", "--draws", "300"]) == 0
    out = capsys.readouterr().out
    assert "mol Cu per 100 mol Cd" in out
    assert "Cu for 10 umol Cd in the flask" in out
    assert "of a stock with 5 mmol/L Cu" in out


def test_errors_of_the_amounts_say_how_likely_the_window_is_met(capsys: pytest.CaptureFixture) -> None:
    words = ["dose", "AgCd33S33", "--draws", "300", "--json", "--cadmium-umol"]

    def amount(*more: str) -> dict:
        assert main([*words, *more]) == 0
        return json.loads(capsys.readouterr().out)["amount"]

    plain = amount("20")
    assert (plain["dose_error"], plain["dose_error_from"]) == (0.02, "assumed")
    known = amount("20±1%", "--silver-mmol-per-l", "10±2%", "--volume-error", "0.5,1%")
    share = 0.5 / known["volume"]["value"]
    assert known["dose_error"] == pytest.approx((0.01**2 + 0.02**2 + 0.01**2 + share**2) ** 0.5)
    rough = amount("20±30%")
    assert known["chance_in_window"] > 0.99
    # a dose that errs by 30 % misses a window of about a quarter either way in more than a third of flasks
    assert 0.4 < rough["chance_in_window"] < 0.7
    assert main(["dose", "AgCd33S33", "--cadmium-umol", "20±x"]) == 2
    assert "--cadmium-umol" in capsys.readouterr().err
    assert main([*words[:4], "--cadmium-umol", "20", "--volume-error", "0.5"]) == 2
    assert "stock_mmol_per_l" in capsys.readouterr().err


ICP = "0,0 20,2.1 40,4.3 60,6.4 80,8.6 97,10.4 105,16.2 115,24.1 125,32.3 135,40.3 150,40.1 175,40.2"


def test_a_table_of_volumes_and_its_own_stocks(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Errors that table and flask have in common cancel; of other stocks they count in both."""
    rows = [pair.split(",") for pair in ICP.split()]
    volumes, doses = tmp_path / "volumes.csv", tmp_path / "doses.csv"
    volumes.write_text(
        "Ag added (µL),Ag incorporated (%)\n" + "\n".join(f"{20 * float(d)},{y}" for d, y in rows)
    )
    doses.write_text("Ag added (%),Ag incorporated (%)\n" + "\n".join(f"{d},{y}" for d, y in rows))
    stocks = ["--cadmium-umol", "20±3%", "--silver-mmol-per-l", "10±3%", "--dose-error", "1%"]
    words = ["dose", "Ag2S", "--mechanism", "two-site", "--draws", "600", "--json", *stocks, "--table"]

    def record(*more: str) -> dict:
        assert main([*words, *more]) == 0
        return json.loads(capsys.readouterr().out)

    same = record(str(volumes), "--same-stocks", "--volume-error", "1%")
    other = record(str(doses), "--common-dose-error", "4.2%")
    assert same["amount"]["dose_error"] == pytest.approx(0.01)
    assert other["amount"]["dose_error"] == pytest.approx(0.03 * 2**0.5)
    assert same["window_percent"][0] < other["window_percent"][0]
    assert main([*words, str(volumes)]) == 1
    capsys.readouterr()


@pytest.mark.parametrize("words", [["dose", "AgCd33S33"], ["predict", "--dose", "30"]])
def test_a_folder_of_the_result(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    assert main([*words, "--draws", "300", "--cadmium-umol", "20", "--out", str(out)]) == 0
    capsys.readouterr()
    names = {file.name for file in out.iterdir()}
    assert {f"{words[0]}.json", f"{words[0]}.xlsx", "amount.json", "report.html"} <= names
    assert any(name.endswith(".png") for name in names)
    assert json.loads((out / f"{words[0]}.json").read_text())["schema"] == f"cxkinetics.{words[0]}/1"


def test_options_of_a_table_need_one(capsys: pytest.CaptureFixture) -> None:
    for option in (["--icp-error", "0.3"], ["--same-stocks"], ["--plateau-is-full-exchange"]):
        assert main(["dose", "AgCd33S33", *option]) == 2
        assert f"{option[0]} says how to read a dose table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["Ag2S", "--cadmium-umol", "20,5"],
            "--cadmium-umol is '20,5'; write a positive number, with a point: 20.5",
        ),
        (["Ag2S", "--cadmium-umol", "0,02mmol"], "in umol and without a unit: 20"),
        (["Ag2S", "--cadmium-umol", "0.02 mmol±2%"], "in umol and without a unit: 20"),
        (
            ["Ag2S", "--cadmium-umol", "20", "--silver-mmol-per-l", "0.01 M"],
            "in mmol/L and without a unit: 10",
        ),
        (["Ag2S", "--cadmium-umol", "20", "--silver-mmol-per-l", "500 umol/L"], "and without a unit: 0.5"),
        (["Ag2S", "--cadmium-umol", "some"], "such as 20, 20±0.4 or 20±2%"),
        (["Au2Cd32S33"], "whose guest is Ag: it holds no Au (another guest is another system"),
        (["Ag2Cd33S33"], "did you mean AgCd33S33?"),
    ],
)
def test_an_amount_or_a_species_that_is_off_says_how_it_is_written(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dose", *words]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_the_columns_of_a_table_are_chosen_by_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "icp.csv"
    rows = "".join(f"{d},{d / 8},{d / 9}\n" for d in range(0, 200, 25))
    path.write_text(f"x (%),y (%),z (%)\n{rows}")
    assert main(["incorporation", str(path)]) == 1
    assert "--dose-column and --incorporation-column" in capsys.readouterr().err
