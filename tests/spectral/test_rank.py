"""Rank, evolving factors and isosbestic points of simulated and real series."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.spectral.isosbestic import isosbestic_points
from cxkinetics.spectral.problem import leading_factors
from cxkinetics.spectral.rank import evolving_factors, rank_of, rank_of_matrix


def test_rank_is_the_number_of_species(chain) -> None:
    assert all(rank_of(chain(seed=seed).series).n_components == 3 for seed in range(15))


@pytest.mark.parametrize("shape", [(13, 200), (60, 40), (5, 176), (30, 30)])
def test_pure_noise_has_rank_zero(shape) -> None:
    found = [
        rank_of_matrix(np.random.default_rng(seed).standard_normal(shape)).n_components for seed in range(60)
    ]
    assert sum(n > 0 for n in found) <= 2


def test_a_jumping_baseline_is_no_species(chain) -> None:
    data = chain()
    jumps = 0.02 * np.random.default_rng(1).standard_normal((60, 1))
    rank = rank_of_matrix(data.matrix + jumps)
    assert rank.n_components == 3
    assert "jumping baseline" in rank.note


def test_noise_is_estimated(chain) -> None:
    assert rank_of(chain(n=100, m=80).series).noise_sd == pytest.approx(0.003, rel=0.03)


def test_leading_factors_of_a_large_matrix_are_those_of_the_exact_decomposition(chain) -> None:
    data = chain(n=300, m=250)
    fast = leading_factors(data.matrix, 10)
    exact = np.linalg.svd(data.matrix, compute_uv=False)
    assert np.allclose(fast.singular[:3], exact[:3], rtol=1e-8)
    assert fast.total == pytest.approx(float((exact**2).sum()))


def test_evolving_factors_show_when_species_appear(chain) -> None:
    data = chain(n=80)
    found = evolving_factors(data.series)
    assert found.forward.shape == (80, 6)
    assert np.all(np.diff(found.forward[:, 0]) > -1e-9)
    assert found.forward[-1, 2] > found.threshold
    assert found.forward[3, 2] < found.threshold  # the product is not there at the start
    assert np.allclose(found.forward[-1], found.backward[0], rtol=1e-6)


def test_isosbestic_point_of_one_conversion(chain) -> None:
    time, wavelength = np.linspace(0, 100, 80), np.arange(300.0, 420.0)
    bands = np.exp(-0.5 * ((wavelength - np.array([[330.0], [370.0]])) / np.array([[12.0], [12.0]])) ** 2)
    shares = np.stack([np.exp(-0.05 * time), 1 - np.exp(-0.05 * time)], axis=1)
    places, inside = [], 0
    for seed in range(20):
        noise = 0.003 * np.random.default_rng(seed).standard_normal((80, 120))
        series = cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=shares @ bands + noise)
        (point,) = isosbestic_points(series)
        estimate = point.wavelength_nm
        inside += estimate.low <= 350 <= estimate.high
        places.append(estimate.value)
        assert point.lost_s is None
    assert np.mean(places) == pytest.approx(350, abs=0.05)
    assert inside >= 16


def test_a_lost_isosbestic_point_says_where(chain) -> None:
    time, wavelength = np.linspace(0, 120, 121), np.arange(300.0, 480.0)
    k1, k2 = 0.1, 0.01
    host = np.exp(-k1 * time)
    middle = k1 / (k2 - k1) * (host - np.exp(-k2 * time))
    bands = np.exp(
        -0.5
        * ((wavelength - np.array([[330.0], [370.0], [440.0]])) / np.array([[12.0], [14.0], [20.0]])) ** 2
    )
    matrix = np.stack([host, middle, 1 - host - middle], axis=1) @ bands
    matrix += 0.002 * np.random.default_rng(0).standard_normal(matrix.shape)
    points = isosbestic_points(cx.SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix))
    lost = [point for point in points if point.from_s == 0]
    assert lost
    assert all(point.lost_s is not None and point.lost_s >= point.to_s for point in lost)
    assert "lost after" in str(lost[0])


def test_a_moving_band_has_none() -> None:
    assert isosbestic_points(cx.load_example("ag-cds")) == ()


def test_real_aquation_has_isosbestic_points(shared_data) -> None:
    series = cx.load(shared_data / "uvvis" / "jcamp" / "blckpac1.jdx")
    places = [point.wavelength_nm.value for point in isosbestic_points(series)]
    assert [round(place) for place in places] == [356, 404, 451, 587]
