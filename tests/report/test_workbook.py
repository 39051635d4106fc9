"""The Excel workbook: numbers stay numbers, units stand in the heads, text cannot run."""

import time
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from cxkinetics.errors import UsageError
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.present import save_workbook
from cxkinetics.report.workbook import workbook_bytes


def test_a_workbook_holds_the_fit_with_units(fit: StagedFit, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(fit.to_excel(tmp_path / "fit.xlsx"))
    assert book.sheetnames == ["summary", "quantities", "stages", "trace", "rivals"]
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
    first = workbook_bytes(fit)
    time.sleep(1.1)  # a workbook is dated to the second
    assert workbook_bytes(fit) == first


def test_a_label_is_text_and_never_a_formula(make_fit: Callable[..., StagedFit], tmp_path: Path) -> None:
    book = openpyxl.load_workbook(make_fit(label="=1+1").to_excel(tmp_path / "fit.xlsx"))
    cells = [cell for row in book["summary"].iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert "'=1+1" in [cell.value for cell in cells]


def test_a_result_without_a_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no workbook of a int"):
        save_workbook(3, tmp_path / "x.xlsx")
