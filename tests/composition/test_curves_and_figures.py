"""Species against dose, and the figures of the dose side."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

import cxkinetics as cx
from cxkinetics.composition.species_curves import SpeciesCurves
from cxkinetics.report.composition_figures import plot_incorporation, plot_species_against_dose


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_curves_agree_with_predictions() -> None:
    curves = cx.species_curves(n_draws=1000)
    for dose in (20.0, 60.0, 120.0):
        index = int(np.argmin(np.abs(curves.dose_percent - dose)))
        single = cx.predict(dose_percent=float(curves.dose_percent[index]), n_draws=1000)
        for key, share in single.species.items():
            assert curves.shares[key][:, index] == pytest.approx([share.value, share.low, share.high])
    assert np.sum([values[0] for values in curves.shares.values()], axis=0) == pytest.approx(1)
    assert np.all(np.diff(curves.incorporation_percent[0]) >= -1e-12)
    assert SpeciesCurves.from_dict(curves.to_dict()) == curves
    assert len(curves.table()) == curves.dose_percent.size


def test_dose_curve_figure_names_its_axes_and_holds_everything() -> None:
    fit = cx.fit_incorporation(cx.load_example_dose_table())
    ax = plot_incorporation(fit)
    assert ax.get_xlabel() == "dose / mol guest per mol host cation, %"
    assert ax.get_ylabel() == "incorporation / % Ag/(Ag+Cd)"
    labels = ax.get_legend_handles_labels()[1]
    assert {"samples", "dose an interval", "curve", "95 % band", "Hill"} <= set(labels)
    assert ax.get_ylim()[1] > 40.4
    other = plt.figure().add_subplot()
    assert plot_incorporation(fit, ax=other, band=False, rivals=False) is other
    assert "Hill" not in other.get_legend_handles_labels()[1]


def test_species_figure_shows_the_window_of_the_target() -> None:
    advice = cx.dose_for("Ag2Cd32S33", n_draws=500)
    ax = plot_species_against_dose(advice)
    labels = ax.get_legend_handles_labels()[1]
    assert any(label.startswith("window for") for label in labels)
    assert len(labels) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: cx.fit_incorporation(cx.load_example_dose_table(), preset="paper"),
        lambda: cx.dose_for("Ag2S", n_draws=300),
        lambda: cx.predict(dose_percent=30, n_draws=300),
        lambda: cx.species_curves(n_draws=300),
    ],
)
def test_every_result_draws_itself_and_leaves_the_style_alone(make) -> None:
    before = dict(matplotlib.rcParams)
    figure = make().plot()
    figure.canvas.draw()
    assert dict(matplotlib.rcParams) == before
