"""Curves beside every model: their factors integrated out by the whitening."""

from dataclasses import replace

import numpy as np
import pytest

from cxkinetics.inference.ar1 import (
    FREE,
    Sample,
    ar1_noise,
    factors_beside,
    sample_of,
    thinned,
    whitening,
    with_beside,
    without_beside,
)
from cxkinetics.signals.trace import Trace


def decay(*, even: bool = True) -> Sample:
    time = np.arange(30.0) if even else np.cumsum(1.0 + np.arange(30) % 3)
    noise = np.random.default_rng(4).normal(0, 0.01, time.size)
    return sample_of(Trace(time_s=time, absorbance=np.exp(-time / 8) + noise))


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_whitening_with_curves_beside_is_that_of_their_covariance(rho: float, even: bool) -> None:
    sample = with_beside(decay(even=even), "offset", np.ones(30), 3.0)
    sample = with_beside(sample, "wave", np.sin(sample.time * 5), 0.4)
    assert sample.beside is not None
    place = np.concatenate([[0.0], np.cumsum(sample.spacing)])
    apart = np.abs(place[:, None] - place)
    covariance = np.where(apart > 0, rho**apart if rho else 0.0, 1.0)
    columns = sample.beside.columns
    covariance = covariance + columns.T @ np.diag(sample.beside.variance) @ columns
    series = np.random.default_rng(1).normal(size=(4, 30))
    white = whitening(sample, rho).apply(series)
    assert white @ white.T == pytest.approx(series @ np.linalg.solve(covariance, series.T), rel=1e-9)


def test_several_correlations_whiten_as_each_alone() -> None:
    sample = with_beside(decay(), "drift", decay().time)
    both = whitening(sample, np.array([0.1, 0.7]))
    series = np.random.default_rng(2).normal(size=(2, 3, 30))
    white = both.apply(series)
    flat = both.apply(series[:, 0])
    for i, rho in enumerate((0.1, 0.7)):
        assert white[i] == pytest.approx(whitening(sample, rho).apply(series[i]))
        assert flat[i] == pytest.approx(white[i, 0])
        assert both.rows(i).apply(series[i]) == pytest.approx(white[i])


def test_a_free_curve_is_taken_out_of_every_series_and_found_again() -> None:
    plain = decay()
    sample = with_beside(plain, "drift", plain.time)
    line = 0.37 * plain.time
    assert np.abs(whitening(sample, 0.3).apply(line[None, :])).max() < 1e-3
    residual = line + 1e-3 * np.cos(9 * plain.time)
    factors, covariance = factors_beside(sample, 0.0, residual, np.empty((0, 30)))
    exact = float(residual @ plain.time / (plain.time @ plain.time))
    assert factors[0] == pytest.approx(exact, rel=1e-6)
    assert covariance[0, 0] == pytest.approx(1 / float(plain.time @ plain.time), rel=1e-6)
    left = without_beside(sample, 0.0, residual)
    assert left == pytest.approx(residual - exact * plain.time, abs=1e-6)
    assert without_beside(plain, 0.0, residual) is residual
    assert (sample.n_free, plain.n_free) == (1, 0)


def test_a_factor_with_a_prior_is_joined_by_precision() -> None:
    sample = with_beside(decay(), "offset", np.ones(30), 0.2)
    residual = np.full(30, 0.5)
    factors, covariance = factors_beside(sample, 0.0, residual, np.empty((0, 30)))
    assert factors[0] == pytest.approx(0.5 * 30 / (30 + 1 / 0.2))
    assert covariance[0, 0] == pytest.approx(1 / (30 + 1 / 0.2))
    assert sample.n_free == 0


def test_simulated_noise_holds_the_error_of_a_blank_and_no_free_curve() -> None:
    sample = with_beside(replace(decay(), sigma=np.full(30, 1e-6)), "offset", np.ones(30), 4.0)
    sample = with_beside(sample, "drift", sample.time, FREE)
    series = ar1_noise(sample, 0.0, 4000, np.random.default_rng(3))
    assert np.ptp(series, axis=1).max() < 1e-4
    assert series[:, 0].std() == pytest.approx(2.0, rel=0.05)


def test_curves_beside_go_with_the_readings_that_are_kept() -> None:
    kept = np.arange(30) % 4 > 0
    sample = thinned(with_beside(decay(), "drift", decay().time), kept)
    assert sample.beside is not None
    assert sample.beside.columns[0] == pytest.approx(sample.time)
