"""Species against dose, and the figures of the dose side."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

import cxkinetics as cx
from cxkinetics.composition.figures import plot_incorporation, plot_species_against_dose
from cxkinetics.composition.species_curves import SpeciesCurves


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
    assert {"samples", "dose an interval", "fitted curve", "95 % band", "Hill"} <= set(labels)
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


def test_lines_of_species_differ_in_more_than_colour() -> None:
    ax = plot_species_against_dose(cx.dose_for("Ag2Cd32S33", n_draws=200))
    lines = [line for line in ax.get_lines() if str(line.get_label()).startswith(("Cd", "Ag"))]
    gaps = [len(line._dash_pattern[1] or ()) for line in lines]
    assert gaps[0] == 0
    assert len({tuple(line._dash_pattern[1] or ()) for line in lines}) == 4
    assert gaps[3] != gaps[2]
    longest = max(sum(line._dash_pattern[1] or ()) / line.get_linewidth() for line in lines)
    assert ax.get_legend().handlelength * 7 / 1.2 > 2 * longest


def moving_band() -> cx.DoseSpectra:
    """Simulated: a Gaussian band that moves to 327 nm and then falls."""
    dose, wavelength = np.arange(0.0, 160.0, 10.0), np.arange(290.0, 360.0)
    position = 324 + 3 * np.clip(dose / 40, 0, 1)
    height = 0.9 * np.clip((140 - dose) / 90, 0, 1)
    band = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / 8) ** 2)
    noise = np.random.default_rng(0).normal(0, 0.002, band.shape)
    return cx.DoseSpectra(dose_percent=dose, wavelength_nm=wavelength, absorbance=band + noise)


def test_prior_against_posterior_names_every_parameter() -> None:
    from cxkinetics.composition.figures import plot_prior_posterior

    update = cx.update_priors(onset=[cx.ProductOnset(seen=True, incorporation_percent=8.0)], n_draws=300)
    labels = [tick.get_text().partition(" ")[0] for tick in plot_prior_posterior(update).get_yticklabels()]
    assert labels == ["b1", "D1", "b2", "y_f", "T", "rho", "eta", "alpha", "second_step", "third_step"]


def test_rates_and_conversions_draw_themselves() -> None:
    from cxkinetics.composition.figures import plot_conversion_against_dose
    from cxkinetics.models.decays import staged_decay

    time = np.arange(0.0, 101.0)
    fits = []
    for dose in (50, 100, 150):
        rates = np.array([0.056, 0.019]) * dose / 100
        noise = np.random.default_rng(dose).normal(0, 0.003, time.size)
        signal = staged_decay(time, 0.9, rates, np.array([20.0])) + noise
        fits.append(cx.fit_stages(cx.Trace(time_s=time, absorbance=signal), n_stages=2))
    figure = cx.rates_against_dose(fits, [50, 100, 150]).plot()
    figure.canvas.draw()
    assert figure.axes[0].get_ylabel() == "rate constant / 1/s"
    ax = plot_conversion_against_dose(cx.fit_dose_spectra(moving_band(), near_nm=324))
    assert "optical, 1 - A/A0" in ax.get_legend_handles_labels()[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: cx.fit_incorporation(cx.load_example_dose_table(), preset="paper"),
        lambda: cx.dose_for("Ag2S", n_draws=300),
        lambda: cx.predict(dose_percent=30, n_draws=300),
        lambda: cx.species_curves(n_draws=300),
        lambda: cx.update_priors(onset=[cx.ProductOnset(seen=True, incorporation_percent=8.0)], n_draws=300),
        lambda: cx.fit_dose_spectra(moving_band(), near_nm=324),
    ],
)
def test_every_result_draws_itself_and_leaves_the_style_alone(make) -> None:
    before = dict(matplotlib.rcParams)
    figure = make().plot()
    figure.canvas.draw()
    assert dict(matplotlib.rcParams) == before
