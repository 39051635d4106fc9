"""Figures of the evidence room: axes with units, components drawn, nothing left behind."""

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from cxkinetics.document.figure import SIMULATED_STAMP, drawn_figure
from cxkinetics.document.units import SECONDS
from cxkinetics.evidence.examples import (
    SimulatedSample,
    analyse_simulated,
    published_assignment,
    published_table,
    simulation_settings,
)
from cxkinetics.evidence.figures import plot_consensus, plot_masses, plot_mixture, plot_pattern, plot_xps
from cxkinetics.evidence.findings import Finding, SampleEvidence, join


@pytest.fixture(scope="module")
def sample() -> SimulatedSample:
    return analyse_simulated(simulation_settings()["samples"][4])


@pytest.fixture(autouse=True)
def settings_are_left_alone():
    mpl.use("agg")
    before = mpl.rcParams.copy()
    yield
    assert mpl.rcParams == before
    plt.close("all")


def test_mixture_xps_and_pattern_have_units_residuals_and_the_stamp(sample: SimulatedSample) -> None:
    for plot, result, label in (
        (plot_mixture, sample.mixture, "m/z / Da"),
        (plot_xps, sample.xps, "binding energy of Ag 3d / eV"),
        (plot_pattern, sample.pattern, r"$2\theta$ / degree"),
    ):
        ax = plot(result)
        above, below = ax.figure.axes
        assert above is ax
        assert "counts" in ax.get_ylabel()
        assert below.get_xlabel() == label
        assert ax.get_title(loc="right") == SIMULATED_STAMP
        alone = plot(result, ax=plt.figure().add_subplot())
        assert alone.get_xlabel() == label


def test_components_are_named_with_their_shares(sample: SimulatedSample) -> None:
    texts = [t.get_text() for t in plot_mixture(sample.mixture).get_legend().get_texts()]
    assert any(text.startswith("Ag2Cd32H2S33(L), share 0.9") for text in texts)
    texts = [t.get_text() for t in plot_xps(sample.xps).get_legend().get_texts()]
    assert any("(host)" in text for text in texts)
    assert any("(sulfide)" in text for text in texts)
    ax = plot_xps(sample.xps)
    assert ax.get_xlim()[0] > ax.get_xlim()[1]  # binding energy runs to the left
    shown = [t.get_text() for t in plot_pattern(sample.pattern).texts]
    assert any(text.startswith("CdS 60") for text in shown)


def test_mass_errors_and_verdict() -> None:
    ax = plot_masses(published_assignment())
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert "Cd34S33(L)  5163" in labels
    assert ax.get_xlabel() == "measured - computed / Da"
    table = published_table()
    ax = plot_consensus(table)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["MALDI-TOF", "XRD", "XPS", "together"]
    rings = [line for line in ax.lines if line.get_markersize() == 11]
    assert len(rings) == 1


def test_an_undecided_state_stands_in_the_legend_of_the_verdict() -> None:
    finding = Finding(technique="XRD", species="CdS", state="undecided")
    sample = SampleEvidence(label="a", incorporation_percent=None, findings=(finding,))
    legend = plot_consensus(join([sample])).get_legend()
    assert "undecided" in [text.get_text() for text in legend.get_texts()]


def test_results_plot_themselves_and_figures_for_files_are_unknown_to_pyplot(sample: SimulatedSample) -> None:
    for result in (sample.mixture, sample.xps, sample.pattern, sample.masses, published_table()):
        plt.close("all")
        assert result.plot() is plt.gcf()
        plt.close("all")
        for declared in result.figures(SECONDS):
            drawn_figure(declared)
        assert not plt.get_fignums()
