"""Texts, figures and files of whole-spectrum results."""

import json
import re

import matplotlib
import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.spectral.isosbestic import isosbestic_points

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def analysis():
    from cxkinetics.spectral.analysis import analyse_spectra

    return analyse_spectra([cx.load_example("ag-cds")])


def test_text_says_what_a_referee_would_ask(analysis) -> None:
    text = str(analysis.fit)
    for words in ("A -> B; B -> C", "SIMULATED DATA", "95 % interval", "profile", "dof", "rank 3", "1/s"):
        assert words in text
    assert all(len(line) <= 100 for line in text.splitlines())
    witnesses = str(analysis.witnesses)
    for words in (
        "breakpoint by the rate",
        "end of the peak's shift",
        "both taken as one",
        "Verdict (staged)",
    ):
        assert words in witnesses
    assert all(len(line) <= 100 for line in witnesses.splitlines())


def test_texts_in_minutes(analysis) -> None:
    text = analysis.fit.to_text(time_unit="min")
    rate = analysis.fit.rate_constants[0].value * 60
    assert re.search(rf"k1 +{str(rate)[:3]}", text)
    assert "1/min" in text


def test_figures_have_labels_and_stamps(analysis) -> None:
    for result, axes in ((analysis.fit, 7), (analysis.witnesses, 3)):
        figure = result.plot()
        panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
        assert len(panels) == axes
        assert sum(bool(ax.get_title(loc="right")) for ax in panels) == axes
        for ax in panels:
            assert ax.get_xlabel()
        figure.canvas.draw()
        matplotlib.pyplot.close(figure)


def test_wavelength_gaps_are_left_white(chain) -> None:
    from cxkinetics.spectral.figures import plot_map, plot_species_spectra

    data = chain()
    matrix = data.matrix.copy()
    matrix[:, 15:25] += 5
    fit = cx.fit_spectra(data.with_matrix(matrix), "A -> B")
    ax = plot_map(fit, "residuals")
    assert np.ma.is_masked(ax.collections[0].get_array())
    curve = plot_species_spectra(fit).get_lines()[-1].get_ydata()
    assert np.isnan(np.asarray(curve, dtype=float)).any()
    matplotlib.pyplot.close("all")


def test_a_folder_is_written_whole(analysis, tmp_path) -> None:
    from cxkinetics.spectral.page import write_spectra

    folder = write_spectra(analysis, tmp_path / "out", command="cxkinetics spectra run.csv")
    names = {path.name for path in folder.iterdir()}
    assert {
        "spectra.json",
        "witnesses.json",
        "rates.csv",
        "species_spectra.csv",
        "concentrations.csv",
        "peak_path.csv",
        "report.html",
        "fit.png",
        "fit.svg",
        "witnesses.svg",
        "rank.png",
        "spectra.png",
    } <= names
    page = (folder / "report.html").read_text()
    assert "<script" not in page
    assert "simulat" in page.lower()
    assert "cxkinetics spectra run.csv" in page
    again = cx.SpectraFit.from_json((folder / "spectra.json").read_text())
    assert again == analysis.fit
    table = (folder / "species_spectra.csv").read_text().splitlines()
    assert table[0] == "run,species,wavelength_nm,value,se"
    assert len(table) == 1 + 3 * 71
    assert json.loads((folder / "witnesses.json").read_text())["verdict"]["code"] == "staged"


def test_the_rank_is_drawn(chain) -> None:
    from cxkinetics.spectral.figures import draw_rank

    figure = draw_rank(chain().series)
    assert len(figure.axes) == 4
    assert all(ax.get_xlabel() for ax in figure.axes)
    assert len(figure.axes[2].get_lines()) == 5  # rank 3 and one more, and the zero line
    matplotlib.pyplot.close(figure)


def test_a_fitted_baseline_is_said(chain) -> None:
    fit = cx.fit_spectra(chain().series, "A -> B; B -> C", baseline="linear")
    assert "linear baseline of each spectrum fitted with the kinetics" in " ".join(str(fit).split())


def test_an_analysis_has_every_form_and_is_read_back(analysis, tmp_path) -> None:
    again = type(analysis).from_json(analysis.to_json())
    assert again == analysis
    assert [remark.code for remark in again.warnings] == ["scheme_chosen"]
    assert cx.SpectraFit.from_json(analysis.to_json()).rates == analysis.fit.rates
    text = analysis.to_text(time_unit="min", width=80, warnings=False)
    assert text.startswith(analysis.fit.to_text(time_unit="min", width=80, warnings=False))
    assert text.endswith(analysis.witnesses.to_text(time_unit="min", width=80, warnings=False))
    assert "\n\nisosbestic point" in text
    assert "<table>" in analysis._repr_html_()
    assert "How to repeat this" in analysis.to_html(command="cxkinetics spectra run.csv")
    assert analysis.to_latex().count(r"\toprule") == 3
    tables = analysis.tables()
    assert list(tables) == ["rates", "species_spectra", "concentrations", "peak_path"]
    assert tables["rates"]["value"][0] == analysis.fit.rate_constants[0].value
    assert analysis.to_excel(tmp_path / "analysis.xlsx").is_file()
    assert len(analysis.plot().axes) == 9
    matplotlib.pyplot.close("all")


def test_results_of_spectra_have_pages_with_their_figures(analysis) -> None:
    for result, pictures in ((analysis.fit, 3), (analysis.witnesses, 1)):
        page = result.to_html()
        assert page.count("data:image/svg+xml") == pictures
        assert all(source.sha256 in page for source in result.sources())
        assert r"\begin{tabular}" in result.to_latex()


def test_breakpoints_of_several_stages_are_read_back_with_their_names() -> None:
    fit = cx.fit_spectra(
        cx.load_example("ag-cds"),
        "A -> B | A -> B | A -> B",
        intervals="wald",
        wavelength_range_nm=(318, 330),
    )
    again = cx.SpectraFit.from_json(fit.to_json())
    assert [estimate.name for estimate in again.breakpoints_s] == ["breakpoint", "breakpoint 2"]
    assert again == fit


def test_parts_are_read_back_and_shown_by_the_result_they_belong_to(analysis, peak_series) -> None:
    """They have no text, table or figure of their own: these are the fit's and the witnesses'."""
    time, wavelength = np.arange(50.0), np.arange(300.0, 400.0)
    bands = np.exp(-0.5 * ((wavelength - np.array([[330.0], [360.0]])) / 12) ** 2)
    shares = np.stack([np.exp(-0.05 * time), 1 - np.exp(-0.05 * time)], axis=1)
    noise = 0.002 * np.random.default_rng(2).standard_normal((50, 100))
    series = cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=shares @ bands + noise)
    fit = analysis.fit
    parts = [*fit.rates, *fit.spectra, fit.order, fit.noise, *isosbestic_points(series)]
    parts.append(cx.fit_witnesses(peak_series("quenching")).populations)
    assert {type(part).__name__ for part in parts} == {
        "RateConstant", "SpeciesSpectra", "OrderVerdict", "SpectralNoise", "IsosbesticPoint", "Populations",
    }  # fmt: skip
    for part in parts:
        assert type(part).from_json(part.to_json()) == part
