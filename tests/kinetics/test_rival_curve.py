"""The curve of a smooth rival is the one that the ranking judged, and stands in the figure when it wins."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from cxkinetics.kinetics.figures import plot_ln_signal, plot_staged_fit, rival_curve
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.page import best_smooth_rival
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.signals.trace import Trace


def stretched(base: float, start_s: float) -> Trace:
    time = np.arange(0.0, 81.0)
    signal = base + 0.9 * np.exp(-((0.045 * time) ** 0.6))
    noise = np.random.default_rng(1).normal(0, 0.004, time.size)
    return Trace(time_s=time + start_s, absorbance=signal + noise)


@pytest.fixture(scope="module", params=["plain", "given offset, late start"])
def fit(request: pytest.FixtureRequest) -> StagedFit:
    if request.param == "plain":
        return fit_stages(stretched(0.0, 0.0))
    return fit_stages(stretched(0.1, 12.0), offset=0.1)


def test_the_curve_has_the_residual_sum_of_squares_of_the_ranking(fit: StagedFit) -> None:
    checked = 0
    for rival in fit.rivals:
        curve = rival_curve(fit, rival, fit.trace.time_s)
        if curve is None:
            assert "stage" in rival.model
            continue
        checked += 1
        assert np.sum((curve - fit.trace.absorbance) ** 2) == pytest.approx(rival.rss, rel=1e-6)
    assert checked >= 6


def test_a_smooth_verdict_draws_the_curve_that_won(fit: StagedFit) -> None:
    assert fit.verdict.code == "smooth"
    rival = best_smooth_rival(fit)
    assert rival is not None
    for axes in (plot_staged_fit(fit), plot_ln_signal(fit)):
        labels = [line.get_label() for line in axes.lines]
        assert rival.model in labels
        assert "fit, 1 stage" in labels
    plt.close("all")
