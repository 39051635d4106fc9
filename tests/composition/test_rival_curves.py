"""Curves that a dose table does not tell apart take part in what is predicted, by their weights."""

from dataclasses import replace

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.curve import BROKEN_LINE, HILL, LINE_PLATEAU, hill_shape, incorporation
from cxkinetics.composition.knowledge import known_draws
from cxkinetics.composition.rival_curves import curve_weights
from cxkinetics.composition.species_model import incorporation_draws

DOSE = np.array([0, 15, 30, 45, 60, 75, 90, 100, 110, 120, 130, 145, 160, 175.0])


def noisy(true: np.ndarray, sd: float = 0.3, seed: int = 2) -> cx.DoseTable:
    y = np.abs(true + np.random.default_rng(seed).normal(0, sd, true.size))
    return cx.DoseTable(dose_percent=DOSE, incorporation_percent=y, dose_sd_percent=0 * DOSE)


def test_a_hill_curve_is_predicted_as_one() -> None:
    points = noisy(40.2 * hill_shape(DOSE, 95.0, 5.0))
    fit = cx.fit_incorporation(points)
    weights = curve_weights(fit.rivals, fit.dof)
    assert weights[HILL] > 0.9
    assert "curves_alike" in [w.code for w in fit.warnings]
    at = np.array([40.0, 85.0, 105.0])
    truth = 40.2 * hill_shape(at, 95.0, 5.0)
    draws, _ = known_draws(fit, "ag-cds", n_draws=800)
    low, high = np.quantile(incorporation_draws(draws, at), [0.025, 0.975], axis=0)
    assert np.all((low - 0.05 <= truth) & (truth <= high + 0.05))
    assert np.all(high - low < 2)
    with pytest.raises(cx.InputError, match="no avalanche up to a plateau"):
        cx.predict(dose_percent=85.0, table=fit)
    asserted = cx.fit_incorporation(replace(points, plateau_is_full_exchange=True))
    result = cx.predict(dose_percent=85.0, table=asserted, n_draws=800)
    assert sum(share.value for share in result.species.values()) == pytest.approx(1)
    assert result.influence.by_parameter["incorporation_percent"]["dose curve"] > 0.9


def test_draws_are_shared_out_by_the_weights() -> None:
    """Between a broken line of a small step and a Hill curve some tables cannot choose."""
    for seed in range(30):
        fit = cx.fit_incorporation(noisy(40.2 * hill_shape(DOSE, 95.0, 9.0), 1.5, seed))
        weights = curve_weights(fit.rivals, fit.dof)
        if 0.1 < weights.get(HILL, 0) < 0.9:
            break
    else:
        pytest.fail("no table in doubt")
    assert sum(weights.values()) == pytest.approx(1)
    draws, remarks = known_draws(fit, "ag-cds", n_draws=1000, mechanism="two-site")
    assert np.mean(draws.values["hill_h"] > 0) == pytest.approx(weights[HILL], abs=0.01)
    text = next(w.text for w in remarks if w.code == "curves_alike")
    assert f"Hill {weights[HILL]:.2f}" in text


def test_a_clear_avalanche_is_a_broken_line_alone() -> None:
    fit = cx.fit_incorporation(noisy(incorporation(DOSE, 0.107, 98.0, 0.81, 40.2)))
    assert curve_weights(fit.rivals, fit.dof) == {BROKEN_LINE: 1.0}
    assert "hill_h" not in known_draws(fit, "ag-cds", n_draws=300)[0].values


def test_a_line_with_a_plateau_asserted_to_be_full_exchange() -> None:
    y = noisy(np.minimum(0.3 * DOSE, 36.0))
    points = cx.DoseTable(
        dose_percent=DOSE, incorporation_percent=y.incorporation_percent, plateau_is_full_exchange=True
    )
    fit = cx.fit_incorporation(points)
    assert curve_weights(fit.rivals, fit.dof)[LINE_PLATEAU] > 0.3
    draws, _ = known_draws(fit, "ag-cds", n_draws=800)
    low, high = np.quantile(incorporation_draws(draws, [60.0, 160.0]), [0.025, 0.975], axis=0)
    assert low[0] < 18 < high[0]
    assert low[1] < 36 < high[1]
