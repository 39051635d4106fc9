"""The Excel workbook: numbers stay numbers, units stand in the heads, text cannot run."""

import time
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

import cxkinetics as cx
from cxkinetics.document.sheets import general_tables, workbook_bytes
from cxkinetics.kinetics.result import StagedFit


def test_a_workbook_holds_the_fit_with_units(fit: StagedFit, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(fit.to_excel(tmp_path / "fit.xlsx"))
    assert book.sheetnames == ["summary", "quantities", "stages", "trace", "rivals", "as shown"]
    quantities = {row[0]: row for row in book["quantities"].iter_rows(min_row=2, values_only=True)}
    assert quantities["k1"][1] == fit.stages[0].k_per_s.value
    assert quantities["k1"][5] == "1/s"
    assert quantities["offset"][7] == "fixed at zero"
    summary = dict(book["summary"].iter_rows(min_row=2, values_only=True))
    assert summary["simulated data"] == "yes"
    assert summary["sha256 of the input"] == fit.trace.source.sha256
    assert book["trace"].max_row == fit.n_points + 1
    assert book["trace"]["B1"].value == "signal_AU"
    assert book["trace"]["B2"].value == fit.trace.absorbance[0]


def test_equal_fits_give_equal_files(fit: StagedFit) -> None:
    first = workbook_bytes(fit.data())
    time.sleep(1.1)  # a workbook is dated to the second
    assert workbook_bytes(fit.data()) == first


def test_a_label_is_text_and_never_a_formula(make_fit: Callable[..., StagedFit], tmp_path: Path) -> None:
    book = openpyxl.load_workbook(make_fit(label="=1+1").to_excel(tmp_path / "fit.xlsx"))
    cells = [cell for row in book["summary"].iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert "'=1+1" in [cell.value for cell in cells]


def test_a_dose_for_a_target_has_a_workbook_with_units(tmp_path: Path) -> None:
    advice = cx.dose_for("Ag2Cd32S33", n_draws=200)
    book = openpyxl.load_workbook(advice.to_excel(tmp_path / "dose.xlsx"))
    assert book.sheetnames == [
        "dose",
        "composition",
        "priors",
        "sensitivity",
        "curves",
        "summary",
        "as shown",
    ]
    dose = {row[0]: row for row in book["dose"].iter_rows(min_row=2, values_only=True)}
    assert dose["dose for Ag2Cd32S33"][1] == advice.dose_percent.value
    assert dose["dose for Ag2Cd32S33"][5] == "% (mol Ag per 100 mol Cd)"
    assert dose["window, highest dose"][1] == advice.window_percent[1]
    shares = {row[0]: row for row in book["composition"].iter_rows(min_row=2, values_only=True)}
    assert shares["Ag2S"][1] == pytest.approx(advice.composition["Ag2S"].value)
    assert shares["Ag2S"][5] == pytest.approx(advice.influence.from_priors["Ag2S"])
    assert ("purity", "all priors without data") in {row[:2] for row in book["priors"].values}
    assert book["curves"].max_row == advice.curves.dose_percent.size + 1


@pytest.mark.parametrize(
    ("make", "sheets"),
    [
        (lambda: cx.predict(dose_percent=30, n_draws=200), {"dose", "composition", "guest", "priors"}),
        (
            lambda: cx.fit_incorporation(cx.load_example_dose_table()),
            {"summary", "quantities", "table", "rivals", "checks"},
        ),
        (lambda: cx.species_curves(n_draws=200), {"summary", "table"}),
        (
            lambda: cx.update_priors(
                onset=[cx.ProductOnset(seen=True, incorporation_percent=8.0)], n_draws=200
            ),
            {"summary", "table", "parameters"},
        ),
        (
            lambda: cx.fit_curve(lambda x, b: b * x, [1.0, 2.0, 3.0], [2.1, 3.9, 6.0], start={"b": 1.0}),
            {"summary", "quantities", "table"},
        ),
        (lambda: cx.assign_peaks(cx.PeakList(mz=(5163, 4860))), {"summary", "peaks"}),
    ],
)
def test_every_result_has_a_workbook(make: Callable, sheets: set, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(make().to_excel(tmp_path / "result.xlsx"))
    assert sheets <= set(book.sheetnames)
    assert all(sheet.max_row > 1 for sheet in book)
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def sheets_of(result: object) -> dict[str, list[list[object]]]:
    """Return the general sheets of a result: name -> head and rows."""
    return {table.name: [table.records()[0], *table.records()[1]] for table in general_tables(result)}


def test_a_number_in_json_becomes_a_row_with_its_unit() -> None:
    fit = cx.fit_incorporation(cx.load_example_dose_table())
    sheets = sheets_of(fit)
    rows = {row[0]: row for row in sheets["quantities"]}
    assert rows["plateau_percent"][1] == fit.plateau_percent.value
    assert rows["plateau_percent"][5] == "%"
    assert sheets["table"][0][0] == "quantity"


def test_records_within_records_get_their_own_sheet() -> None:
    class Nested:
        def to_dict(self) -> dict:
            number = {"value": 1.0, "se": None, "low": 0.5, "high": None, "unit": "s", "method": "wald"}
            inner = [{"name": "x", "at": number}, {"name": "y", "zeros": [0, 0.5]}]
            return {"ends": [0, 2], "groups": [{"label": "one", "parts": inner}, {"label": "two"}]}

    sheets = sheets_of(Nested())
    assert sheets["summary"][1] == ["ends", "0, 2"]
    assert sheets["groups"] == [["label"], ["one"], ["two"]]
    parts = sheets["groups parts"]
    assert parts[0][:3] == ["groups", "name", "at value"]
    assert parts[1][:3] == ["one", "x", 1.0]
    assert parts[2][-1] == "0, 0.5"


def test_a_workbook_ends_with_the_tables_as_shown(fit: StagedFit, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(fit.to_excel(tmp_path / "fit.xlsx", time_unit="min"))
    rows = {row[0]: row for row in book["as shown"].iter_rows(values_only=True)}
    assert rows["k1"][2] == "1/min"
    assert rows["k1"][1] in fit.to_text(time_unit="min")
