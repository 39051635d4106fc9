"""The mean over repeated runs: given where runs are alike, refused with the reason where not."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxkinetics.errors import UsageError
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.batch_text import format_batch
from cxkinetics.report.replicates import replicates_of
from cxkinetics.report.staged_tables import batch_table
from cxkinetics.report.write import write_batch

RATES = ((0.050, 0.018), (0.056, 0.019), (0.062, 0.020))


@pytest.fixture
def runs(make_fit: Callable[..., StagedFit]) -> list[StagedFit]:
    return [make_fit(pair, (19.0 + i,), file=f"run{i}.csv") for i, pair in enumerate(RATES)]


def test_runs_that_are_alike_have_means_with_spread_and_ratio(runs: list[StagedFit]) -> None:
    found = replicates_of(runs)
    assert [quantity.mean.name for quantity in found.quantities] == ["k1", "k2", "breakpoint"]
    k1, _, breakpoint = found.quantities
    assert k1.ratio == pytest.approx(0.006 / (np.sqrt(np.mean(np.square([0.050, 0.056, 0.062]))) / 250))
    assert breakpoint.mean.value == pytest.approx(20.0)
    assert "2 dof" in k1.mean.method
    record = found.to_dict()
    assert record is not None
    assert record["quantities"][0]["sd_between"] == pytest.approx(0.006)
    assert "understate" in record["note"]
    assert "understate" in str(found)


def test_runs_judged_differently_are_left_out_or_have_no_mean(
    runs: list[StagedFit], make_fit: Callable[..., StagedFit]
) -> None:
    single = make_fit((0.03,), (), file="single.csv")
    assert replicates_of([*runs, single]).left_out == ("single.csv, peak 324 nm",)
    mixed = replicates_of([runs[0], single])
    assert mixed.to_dict() is None
    assert mixed.reason == "the runs are judged differently (1 two stages, 1 one stage)"
    undecided = replace(runs[1], verdict=replace(runs[1].verdict, code="undecided"))
    assert "judged differently" in replicates_of([runs[0], undecided]).reason


def test_runs_that_plainly_differ_have_no_mean(make_fit: Callable[..., StagedFit]) -> None:
    two = replicates_of([make_fit((0.017,), ()), make_fit((0.063,), ())])
    assert two.quantities == ()
    assert (
        "plainly differ in k1 (0.017 to 0.063 1/s, 2 runs; their mean would be 0.04 [-0.25, 0.33]"
        in two.reason
    )
    series = [make_fit((k,), ()) for k in (0.01, 0.02, 0.05, 0.09, 0.011, 0.06, 0.07, 0.10)]
    assert "plainly differ" in replicates_of(series).reason
    one_wide = [make_fit((k, k2)) for (k, _), k2 in zip(RATES, (0.004, 0.019, 0.001), strict=True)]
    found = replicates_of(one_wide)
    assert found.quantities[0].mean.value == pytest.approx(0.056)
    assert found.quantities[1].mean.value is None


def test_other_wavelengths_the_same_data_and_one_fit_are_no_replicates(runs: list[StagedFit]) -> None:
    far = replace(runs[1], trace=replace(runs[1].trace, wavelength_nm=400.0))
    assert "324 to 400 nm" in replicates_of([runs[0], far]).reason
    assert "the same data" in replicates_of([runs[0], runs[0]]).reason
    assert "at least 2" in replicates_of(runs[:1]).reason


def test_every_stage_stands_in_the_table_and_the_folder(
    runs: list[StagedFit], make_fit: Callable[..., StagedFit], tmp_path: Path
) -> None:
    three = make_fit((0.1, 0.05, 0.02), (10.0, 40.0), file="three.csv")
    table = batch_table([*runs, three])
    assert table.header[2:] == ("k1, 1/s", "k2, 1/s", "k3, 1/s", "breakpoint 1, s", "breakpoint 2, s")
    assert table.rows[0][4] == ""
    assert table.rows[3][4].startswith("0.0200")
    assert table.rows[3][6].startswith("40.0")
    text = format_batch([*runs, three], replicates_of([*runs, three]), width=90)
    assert "k3" in text
    assert "breakpoint 2" in text
    assert max(map(len, text.splitlines())) <= 96
    assert "Mean of 3 runs" in text
    write_batch([*runs, three], [], tmp_path)
    rows = list(csv.DictReader((tmp_path / "replicates.csv").read_text().splitlines()))
    assert [row["quantity"] for row in rows] == ["k1", "k2", "breakpoint"]
    assert float(rows[0]["mean"]) == pytest.approx(0.056)
    assert "breakpoint 2, s" in (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    write_batch([runs[0], three], [], tmp_path)
    (row,) = csv.DictReader((tmp_path / "replicates.csv").read_text().splitlines())
    assert (row["quantity"], row["mean"]) == ("none", "")
    assert "judged differently" in row["reason"]
    assert (
        "No mean over the traces: the runs are judged differently" in (tmp_path / "report.html").read_text()
    )


def test_a_batch_is_reported_in_the_unit_asked_for(runs: list[StagedFit], tmp_path: Path) -> None:
    write_batch(runs, [], tmp_path, time_unit="min")
    html = (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    assert "k1, 1/min" in html
    assert "k1, 1/s" not in html
    assert "breakpoint / min" in (tmp_path / "overview.svg").read_text()
    assert "k1_per_s" in (tmp_path / "summary.csv").read_text()
    minutes = format_batch(runs, replicates_of(runs), time_unit="min")
    assert "3.36" in minutes.partition("Mean of 3 runs")[2]  # 0.056 1/s


def test_a_batch_does_not_overwrite_the_report_of_another_result(
    runs: list[StagedFit], tmp_path: Path
) -> None:
    (tmp_path / "spectra.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds spectra\.json.*--out"):
        write_batch(runs, [], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.json"]
