"""Own tables, runs, spectra and evidence reach the joint fit: by Python and by the verb."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.arrays import Array
from cxkinetics.cli.main import main
from cxkinetics.mechanism.observables import sight
from cxkinetics.mechanism.scheme import Mechanism

QUICK: dict[str, Any] = {"rivals": (), "n_starts": 1, "n_draws": 2}
DOSES = np.array([28.0, 37.5, 75.0, 100.0, 120.0, 135.0, 175.0])


@pytest.fixture
def table(tmp_path: Path, dark: Mechanism, best: Array) -> Path:
    """A table as the mechanism would give it, quenched after ten minutes."""
    y = sight(dark, best[:, None], DOSES, np.array([600.0])).incorporation("Ag/(Ag+Cd)").value[0, 0]
    file = tmp_path / "table.csv"
    rows = "".join(f"{d:g},{v:.3f}\n" for d, v in zip(DOSES, y, strict=True))
    file.write_text("dose (%),Ag/(Ag+Cd) (%)\n" + rows, encoding="utf-8")
    return file


@pytest.fixture
def series(dark: Mechanism, best: Array) -> cx.SpectralSeries:
    """Spectra of a run at 100 %: one band whose height and place are those of the mechanism."""
    time, nm = np.linspace(0, 120, 41), np.linspace(300, 350, 51)
    seen = sight(dark, best[:, None], np.array([100.0]), time)
    height, place = (quantity.value[:, 0, 0] for quantity in (seen.absorbance(), seen.peak()))
    bands = 0.8 * height[:, None] * np.exp(-(((nm - place[:, None]) / 8) ** 2))
    noise = np.random.default_rng(6).normal(0, 1e-3, bands.shape)
    return cx.SpectralSeries(time_s=time, wavelength_nm=nm, absorbance=bands + noise)


def test_table_of_samples_quenched_at_another_time(table: Path) -> None:
    fit = cx.fit_mechanism(table=table, quenched_s=600, **QUICK)
    assert [one.time_s for one in fit.evidence.observations] == [600.0] * 7
    assert fit.evidence.sources == ("dose table",)
    assert fit.chi2 < 7  # seven readings without noise, by the mechanism that they come from
    assert any("quenched after 600 s" in remark.text for remark in fit.warnings)
    assert any("states no error" in remark.text for remark in fit.warnings)


def test_own_table_stands_for_the_published_one(table: Path) -> None:
    fit = cx.fit_mechanism(table=table, quenched_s=600, published=True, **QUICK)
    assert "ICP-OES" not in fit.evidence.sources
    assert "wash pair" not in fit.evidence.sources
    assert {"dose table", "trace", "XPS"} <= set(fit.evidence.sources)
    # 23 published numbers less 7 incorporations and the wash, and 7 of the own table
    assert fit.evidence.n_points == 22


def test_spectra_give_the_run_and_where_its_peak_stands(series: cx.SpectralSeries) -> None:
    fit = cx.fit_mechanism(runs=[(series, 100.0)], **QUICK)
    peaks = [one for one in fit.evidence.observations if one.quantity == "peak"]
    assert len(peaks) == 5
    assert [run.dose_percent for run in fit.evidence.runs] == [100.0]
    run = fit.evidence.runs[0]
    chi2, count = fit.by_source[run.source]
    assert count == run.time_s.size == 41
    assert chi2 < 2.5 * count
    moved = [one.value for one in peaks]
    assert moved[0] < moved[-1]
    back = cx.MechanismFit.from_json(fit.to_json())
    assert back.evidence.runs[0].time_s.tolist() == run.time_s.tolist()
    assert str(back) == str(fit)


def test_verb_with_table_run_and_evidence(
    table: Path, series: cx.SpectralSeries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, evidence = tmp_path / "run.csv", tmp_path / "evidence.toml"
    series.exciton_peak(near_nm=324).to_csv(run)
    evidence.write_text(
        'quenched_s = 600\n[[observation]]\nsource = "XPS"\nquantity = "product share of guest"\n'
        "dose_percent = 75\nvalue = 0.3\nsd = 0.15\n",
        encoding="utf-8",
    )
    words = ["--table", str(table), "--quenched", "10min", "--run", f"{run}@100", "--evidence", str(evidence)]
    how = ["--rivals", "none", "--starts", "1", "--draws", "2", "--json", "--out", str(tmp_path / "out")]
    assert main(["mechanism", *words, *how]) == 0
    told = json.loads(capsys.readouterr().out)
    counts: dict[str, int] = {}
    for one in told["residuals"]:
        source = one["source"].split(" (")[0]
        counts[source] = counts.get(source, 0) + one["n_points"]
    assert counts == {"dose table": 7, "run 1": 41, "XPS": 1}
    assert {one["time_s"] for one in told["evidence"]["observations"]} == {600.0}
    # what was fitted to the own table answers for it
    stored = str(tmp_path / "out" / "mechanism.json")
    assert main(["dose", "Ag2Cd32S33", "--table", str(table), "--time", "60", "--fit", stored, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"]["evidence"] == told["evidence"]["title"]


def test_table_of_another_guest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "copper.csv"
    file.write_text("dose (%),Cu/(Cu+Cd) (%)\n20,2\n50,5\n80,8\n100,12\n", encoding="utf-8")
    with pytest.raises(cx.InputError, match="Cu"):
        cx.fit_mechanism(table=file, **QUICK)
