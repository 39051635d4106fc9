"""AR(1) noise at any times: one whitening for a trace and for whole spectra, and its inverse."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import (
    CLOSEST,
    ar1_noise,
    coloured,
    relative_spacing,
    sample_of,
    whitening,
    whitening_at,
)
from cxkinetics.spectral.problem import row_whitening

RHO = 0.6


@pytest.fixture
def times() -> np.ndarray:
    return np.sort(np.random.default_rng(3).uniform(0, 100, 40))


def test_whitening_undoes_colour(times: np.ndarray) -> None:
    sample = sample_of(cx.Trace(time_s=times, absorbance=np.exp(-times / 30), sigma=1 + times / 100))
    noise = np.random.default_rng(4).standard_normal((7, sample.n))
    assert whitening(sample, RHO).apply(coloured(sample, RHO, noise)) == pytest.approx(noise, abs=1e-10)


def test_simulated_noise_leaves_what_it_is_made_of_alone(times: np.ndarray) -> None:
    sample = sample_of(cx.Trace(time_s=times, absorbance=np.exp(-times / 30)))
    noise = np.random.default_rng(5).standard_normal((3, sample.n))
    before = noise.copy()
    coloured(sample, RHO, noise)
    assert np.array_equal(noise, before)
    again = ar1_noise(sample, RHO, 3, np.random.default_rng(5))
    assert np.array_equal(again, coloured(sample, RHO, before))


def test_whitening_takes_the_covariance_to_one(times: np.ndarray) -> None:
    spacing = relative_spacing(times)
    place = np.concatenate([[0.0], np.cumsum(spacing)])
    covariance = RHO ** np.abs(place[:, None] - place[None, :])
    white = whitening_at(spacing, RHO)
    rows = white.apply(white.apply(covariance).T)
    assert rows == pytest.approx(np.eye(times.size), abs=1e-9)
    assert white.log_determinant == pytest.approx(np.linalg.slogdet(covariance)[1])


def test_spectra_are_whitened_like_a_trace(times: np.ndarray) -> None:
    """A reading a moment after another has noise of its own: `CLOSEST` holds for spectra too."""
    times[20] = times[19] + 1e-4 * np.median(np.diff(times))
    matrix = np.random.default_rng(6).standard_normal((times.size, 5))
    rows = row_whitening(times, RHO)
    sample = sample_of(cx.Trace(time_s=times, absorbance=np.exp(-times / 30)))
    assert rows is not None
    assert rows.apply_down(matrix) == pytest.approx(whitening(sample, RHO).apply(matrix.T).T)
    assert relative_spacing(times).min() == CLOSEST


def test_equal_times_in_the_majority_tell_no_distance() -> None:
    assert relative_spacing(np.array([0.0, 0.0, 0.0, 1.0])).tolist() == [1.0, 1.0, 1.0]
