"""The mean over repeated runs: given where runs are alike, refused with the reason where not."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.batch_page import fit_table, write_batch
from cxkinetics.kinetics.replicates import replicates_of
from cxkinetics.kinetics.result import StagedFit
from tests.kinetics.conftest import batch_of

RATES = ((0.050, 0.018), (0.056, 0.019), (0.062, 0.020))


@pytest.fixture
def runs(make_fit: Callable[..., StagedFit]) -> list[StagedFit]:
    return [make_fit(pair, (19.0 + i,), file=f"run{i}.csv") for i, pair in enumerate(RATES)]


def test_runs_that_are_alike_have_means_with_spread_and_ratio(runs: list[StagedFit]) -> None:
    found = replicates_of(runs)
    assert [quantity.mean.name for quantity in found.quantities] == ["k1", "k2", "breakpoint", "k1/k2"]
    k1, _, breakpoint, ratio = found.quantities
    assert ratio.mean.value == pytest.approx(np.mean([k1 / k2 for k1, k2 in RATES]))
    assert k1.ratio == pytest.approx(0.006 / (np.sqrt(np.mean(np.square([0.050, 0.056, 0.062]))) / 250))
    assert breakpoint.mean.value == pytest.approx(20.0)
    assert "2 dof" in k1.mean.method
    record = found.to_dict()
    assert record is not None
    assert record["quantities"][0]["sd_between"] == pytest.approx(0.006)
    assert "understate" in record["note"]
    assert "understate" in str(found)


def test_the_range_of_the_ratio_that_chance_gives_is_said(runs: list[StagedFit]) -> None:
    # chi-squared of a printed table, 2 degrees of freedom: 0.0506 and 7.378
    assert f"({np.sqrt(0.0506 / 2):.2g} to {np.sqrt(7.378 / 2):.2g} by chance, 3 runs)" in str(
        replicates_of(runs)
    )
    for words in ("near 1", "well above 1", "well below 1"):
        assert words in replicates_of(runs).note


def test_runs_judged_differently_have_no_mean_and_the_remedy_is_named(
    runs: list[StagedFit], make_fit: Callable[..., StagedFit]
) -> None:
    single = make_fit((0.03,), (), file="single.csv")
    mixed = replicates_of([*runs, single])
    assert mixed.to_dict() is None
    assert mixed.quantities == ()
    assert mixed.reason == (
        "the runs are judged differently (3 two stages, 1 one stage), and a mean over those with one "
        "verdict would select; for a mean over all, pass --stages 2 for all"
    )
    for code in ("undecided", "smooth"):
        other = replace(single, verdict=replace(single.verdict, code=code))
        reason = replicates_of([*runs, other]).reason
        assert f"(3 two stages, 1 {code})" in reason
        assert "--stages 2 for all" in reason
    flat = replace(single, verdict=replace(single.verdict, code="no_decay"))
    assert "a run without decay has no rate constant" in replicates_of([*runs, flat]).reason
    singles = [make_fit((k,), (), file=f"{k}.csv") for k in (0.03, 0.031)]
    assert "pass --stages 1 for all" in replicates_of([*singles, runs[0]]).reason


def test_a_number_of_stages_demanded_of_all_runs_goes_before_their_verdicts(runs: list[StagedFit]) -> None:
    demanded = [replace(fit, options={**fit.options, "n_stages": 2}) for fit in runs]
    demanded[1] = replace(demanded[1], verdict=replace(demanded[1].verdict, code="undecided"))
    found = replicates_of(demanded)
    assert found.reason == ""
    assert len(found.runs) == 3
    assert found.left_out == ()
    assert "2 with 2 stages demanded" in replicates_of([runs[0], *demanded[1:]]).reason


def with_offset(fit: StagedFit, option: object, value: float, method: str) -> StagedFit:
    return replace(
        fit,
        options={**fit.options, "offset": option},
        offset=Estimate(name="offset", value=value, low=-0.02, high=0.02, unit="AU", method=method),
    )


def test_the_ratio_is_left_out_where_values_hold_an_offset_that_their_errors_allow_for(
    runs: list[StagedFit], tmp_path: Path
) -> None:
    held = [with_offset(fit, "auto", 0.0, "profile likelihood of the fitted offset") for fit in runs]
    found = replicates_of(held)
    assert found.quantities[0].mean.value == pytest.approx(0.056)
    for quantity in found.quantities:
        assert quantity.ratio is None
        assert quantity.to_dict()["ratio"] is None
        assert quantity.to_dict()["ratio_reason"] == (
            "the single-fit se allows for an offset that the values hold at zero: "
            "pass --offset zero or --offset fit to compare"
        )
    text = " ".join(batch_of(held).to_text().split())
    assert "No sd/se: the single-fit se allows for an offset" in text
    assert "near 1" not in text
    write_batch(batch_of(held), tmp_path)
    row = next(csv.DictReader((tmp_path / "replicates.csv").read_text().splitlines()))
    assert (row["ratio"], row["reason"]) == ("", "")
    assert row["ratio_reason"].startswith("the single-fit se")


@pytest.mark.parametrize(
    ("option", "value", "method"),
    [("zero", 0.0, "fixed"), (0.01, 0.01, "fixed"), ("fit", 0.004, "profile likelihood, white noise")],
)
def test_the_ratio_is_given_where_values_and_errors_are_of_one_model(
    runs: list[StagedFit], option: object, value: float, method: str
) -> None:
    found = replicates_of([with_offset(fit, option, value, method) for fit in runs])
    assert all(quantity.ratio is not None and quantity.ratio_reason == "" for quantity in found.quantities)


def test_runs_that_mix_held_and_fitted_offsets_have_no_mean(runs: list[StagedFit]) -> None:
    held = [with_offset(fit, "auto", 0.0, "profile likelihood of the fitted offset") for fit in runs[:2]]
    fitted = with_offset(runs[2], "auto", 0.02, "profile likelihood, white noise")
    found = replicates_of([*held, fitted])
    assert found.quantities == ()
    assert found.reason == (
        "the offset is held at zero in 2 runs (run0.csv, peak 324 nm; run1.csv, peak 324 nm) and fitted in 1 "
        "run (run2.csv, peak 324 nm), and k differs between these groups for that reason alone; "
        "pass --offset fit or --offset zero for all"
    )


def test_long_groups_of_runs_are_shortened(make_fit: Callable[..., StagedFit]) -> None:
    many = [make_fit(RATES[i % 3], file=f"run{i}.csv", seed=i) for i in range(12)]
    many[3] = with_offset(many[3], "fit", 0.02, "profile likelihood, white noise")
    assert "run8.csv, peak 324 nm; 3 more) and fitted in 1 run (run3.csv" in replicates_of(many).reason


def test_the_smallest_possible_p_is_marked_in_the_report_only(runs: list[StagedFit], tmp_path: Path) -> None:
    known = [
        replace(fit, options={**fit.options, "replicates": 499}, verdict=replace(fit.verdict, p_value=p))
        for fit, p in zip(runs, (0.002, 0.004, None), strict=True)
    ]
    write_batch(batch_of(known), tmp_path)
    html = (tmp_path / "report.html").read_text()
    cells = [">&lt;= 0.002<", ">0.004<", ">-<"]
    assert [html.count(cell) for cell in cells] == [1, 1, 1]
    rows = csv.DictReader((tmp_path / "summary.csv").read_text().splitlines())
    assert [row["p_value"] for row in rows] == ["0.002", "0.004", ""]


def test_the_overview_marks_the_mean_where_there_is_one(
    runs: list[StagedFit], make_fit: Callable[..., StagedFit]
) -> None:
    axes = batch_of(runs).plot(time_unit="min").axes
    lines = [[line for line in ax.lines if line.get_label() == "mean over runs"] for ax in axes]
    levels = [float(np.asarray(line.get_ydata())[0]) for (line,) in lines]
    assert levels == pytest.approx([0.056 * 60, 0.019 * 60, 20 / 60])
    mixed = batch_of([*runs, make_fit((0.03,), ())]).plot()
    assert not any(line.get_label() == "mean over runs" for ax in mixed.axes for line in ax.lines)


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
    table = fit_table([*runs, three]).grid()
    assert table.header[2:] == ("k1, 1/s", "k2, 1/s", "k3, 1/s", "breakpoint 1, s", "breakpoint 2, s")
    assert table.rows[0][4] == ""
    assert table.rows[3][4].startswith("0.0200")
    assert table.rows[3][6].startswith("40.0")
    text = batch_of([*runs, three]).to_text(width=90)
    assert "k3" in text
    assert "breakpoint 2" in text
    assert max(map(len, text.splitlines())) <= 96
    assert "No mean over the runs: the runs are judged differently" in text
    assert "Mean of 3 runs" in batch_of(runs).to_text()
    write_batch(batch_of(runs), tmp_path)
    rows = list(csv.DictReader((tmp_path / "replicates.csv").read_text().splitlines()))
    assert [row["quantity"] for row in rows] == ["k1", "k2", "breakpoint", "k1/k2"]
    assert float(rows[0]["mean"]) == pytest.approx(0.056)
    write_batch(batch_of([runs[0], three]), tmp_path)
    assert "breakpoint 2, s" in (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    (row,) = csv.DictReader((tmp_path / "replicates.csv").read_text().splitlines())
    assert (row["quantity"], row["mean"]) == ("none", "")
    assert "judged differently" in row["reason"]
    assert (
        "No mean over the traces: the runs are judged differently" in (tmp_path / "report.html").read_text()
    )


def test_a_batch_is_reported_in_the_unit_asked_for(runs: list[StagedFit], tmp_path: Path) -> None:
    write_batch(batch_of(runs), tmp_path, time_unit="min")
    html = (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    assert "k1, 1/min" in html
    assert "k1, 1/s" not in html
    assert "breakpoint / min" in (tmp_path / "overview.svg").read_text()
    assert "k1_per_s" in (tmp_path / "summary.csv").read_text()
    minutes = batch_of(runs).to_text(time_unit="min")
    assert "3.36" in minutes.partition("Mean of 3 runs")[2]  # 0.056 1/s


def test_a_batch_does_not_overwrite_the_report_of_another_result(
    runs: list[StagedFit], tmp_path: Path
) -> None:
    (tmp_path / "spectra.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds spectra\.json.*--out"):
        write_batch(batch_of(runs), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.json"]
