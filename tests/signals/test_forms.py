"""Every signal in every form, or the reason why it lacks one."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

import cxkinetics as cx
from cxkinetics.source import Source

mpl.use("Agg")

SOURCE = Source(file="run <1>.csv", sha256="ab", simulated=True, note="made for this test")
REMARKS = (cx.Remark("masked_cells", "2 cells & more left out", 2),)
GIVEN: dict[str, Any] = {"label": "=run_1", "source": SOURCE, "remarks": REMARKS}

SIGNALS: dict[str, Any] = {
    "trace": cx.Trace(
        time_s=[0, 60, 120], absorbance=[0.9, 0.5, 0.3], sigma=[0.1, 0.2, 0.1], wavelength_nm=324, **GIVEN
    ),
    "spectra": cx.SpectralSeries(
        time_s=[0, 60], wavelength_nm=[320, 324], absorbance=[[0.8, 0.9], [0.4, np.nan]], **GIVEN
    ),
    "doses": cx.DoseTable(
        dose_percent=[0, 75, np.nan],
        incorporation_percent=[0, 8.0, 28.3],
        dose_low_percent=[0, 75, 100],
        dose_high_percent=[0, 75, 135],
        **GIVEN,
    ),
    "xps": cx.Spectrum(kind="xps", axis=np.linspace(360, 380, 20), counts=np.arange(20.0), **GIVEN),
    "masses": cx.PeakList(mz=[4880.1, 4875.5], stated=["Cd34S33", ""], intensity=[2.0, 1.0], **GIVEN),
    "masses alone": cx.PeakList(mz=[4880.1], **GIVEN),
}
LACKS = {
    ("masses", "to_csv"): "formulas are words, which CSV of numbers does not hold; table() or to_json do",
    ("masses alone", "to_csv"): "as above",
}
FORMS = ("to_json", "to_csv", "table", "tables", "to_excel", "to_text", "_repr_html_", "to_html", "to_latex")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SIGNALS)
def test_every_form_is_there_or_its_lack_has_a_reason(name: str, form: str) -> None:
    assert hasattr(SIGNALS[name], form) is ((name, form) not in LACKS)


@pytest.mark.parametrize("name", SIGNALS)
def test_what_is_stored_copied_or_pickled_comes_back_equal(name: str, tmp_path: Path) -> None:
    signal = SIGNALS[name]
    path = tmp_path / "signal.json"
    assert type(signal).from_json(signal.to_json(path)) == signal
    assert type(signal).from_json(path) == type(signal).from_dict(signal.to_dict()) == signal
    if hasattr(signal, "to_csv"):
        assert type(signal).from_csv(signal.to_csv(tmp_path / "signal.csv")) == signal
    assert copy.copy(signal) == copy.deepcopy(signal) == pickle.loads(pickle.dumps(signal)) == signal
    assert signal.with_remarks(*REMARKS).remarks == 2 * REMARKS
    assert signal.with_remarks(*REMARKS) != signal


def test_only_a_signal_without_arrays_has_a_hash() -> None:
    assert hash(SIGNALS["masses"]) == hash(pickle.loads(pickle.dumps(SIGNALS["masses"])))
    for name in ("trace", "spectra", "doses", "xps"):
        with pytest.raises(TypeError, match="unhashable"):
            hash(SIGNALS[name])


@pytest.mark.parametrize("name", SIGNALS)
def test_print_shows_the_repr_and_a_notebook_what_is_known_beside_the_numbers(name: str) -> None:
    signal = SIGNALS[name]
    assert str(signal) == signal.to_text(width=60) == repr(signal)
    html = signal._repr_html_()
    for said in ("<table>", "run &lt;1&gt;.csv", "SIMULATED DATA: made for this test", "2 cells &amp; more"):
        assert said in html
    latex = signal.to_latex()
    assert r"=run\_1" in latex
    assert r"\toprule" in latex


@pytest.mark.parametrize("name", SIGNALS)
def test_the_report_holds_the_figure_its_words_and_where_the_data_came_from(name: str) -> None:
    html = SIGNALS[name].to_html()
    for said in ("<h1>=run_1</h1>", "data:image/svg+xml", "sha256 ab", "<table"):
        assert said in html


@pytest.mark.parametrize("name", SIGNALS)
def test_the_workbook_holds_the_numbers_once_and_no_formula(name: str, tmp_path: Path) -> None:
    signal = SIGNALS[name]
    book = load_workbook(signal.to_excel(tmp_path / "signal.xlsx"))
    assert "table" not in book.sheetnames
    assert set(signal.tables()) == set(book.sheetnames)
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds


def test_tables_hold_the_numbers_with_units_in_their_heads() -> None:
    trace, spectra, masses = (SIGNALS[name].table() for name in ("trace", "spectra", "masses"))
    assert trace.to_dict("list") == {
        "time_s": [0, 60, 120],
        "absorbance": [0.9, 0.5, 0.3],
        "sigma": [0.1, 0.2, 0.1],
    }
    assert (spectra.index.name, spectra.columns.name) == ("time_s", "wavelength_nm")
    assert spectra.loc[60, 320] == 0.4
    assert pd.isna(spectra.loc[60, 324])
    spectra.loc[60, 320] = 1.0
    assert SIGNALS["spectra"].absorbance[1, 0] == 0.4
    assert masses["stated"].tolist() == ["Cd34S33", ""]
    assert list(SIGNALS["masses alone"].table()) == ["mz", "stated"]


def test_figures_show_the_data_in_the_unit_asked_for() -> None:
    from matplotlib import pyplot as plt

    figures = {name: signal.plot() for name, signal in SIGNALS.items()}
    axes = {name: figure.axes[0] for name, figure in figures.items()}
    assert axes["trace"].get_xlabel() == "time / s"
    assert axes["doses"].get_ylabel() == "Ag/(Ag+Cd) / %"
    (bars,) = (line for line in axes["doses"].collections if len(line.get_segments()) == 3)
    assert [np.ptp(segment[:, 0]) for segment in bars.get_segments()] == pytest.approx([0, 0, 35])
    assert axes["xps"].get_xlabel() == "binding energy / eV"
    assert axes["xps"].xaxis_inverted()
    assert [text.get_text() for text in axes["masses"].texts] == ["Cd34S33", ""]
    assert axes["masses alone"].get_yticks().size == 0
    for name, shown in axes.items():
        assert shown.get_title(loc="right") == "simulated data", name
    late = SIGNALS["trace"].plot(time_unit="min")
    assert late.axes[0].lines[0].get_xdata().tolist() == [0, 1, 2]
    plt.close("all")


def test_a_whole_number_is_stored_as_the_field_holds_it() -> None:
    assert json.loads(SIGNALS["trace"].to_json())["wavelength_nm"] == 324.0


@pytest.mark.parametrize("name", ["doses", "xps", "masses"])
def test_load_says_what_a_stored_signal_of_another_kind_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "signal.json"
    SIGNALS[name].to_json(path)
    with pytest.raises(cx.InputError, match=r"signal\.json.*open it with cx\.|signal\.json.*load_dose_table"):
        cx.load(path)
    if name != "masses":
        table = tmp_path / "signal.csv"
        SIGNALS[name].to_csv(table)
        with pytest.raises(cx.InputError, match=r"signal\.csv.*this is a .*, not a signal"):
            cx.load(table)
