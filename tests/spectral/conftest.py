"""Simulated spectra of known schemes."""

from collections.abc import Callable

import numpy as np
import pytest

from cxkinetics.signals.spectra import SpectralSeries


def band(wavelength, place, width=8.0):
    return np.exp(-0.5 * ((wavelength - place) / width) ** 2)


class Chain:
    """A -> B -> C with bands at 324 and 327 nm and a broad product."""

    def __init__(self, k=(0.056, 0.019), n=60, m=40, end=100.0, sd=0.003, seed=0):
        k1, k2 = k
        self.time, self.wavelength = np.linspace(0, end, n), np.linspace(290, 370, m)
        host = np.exp(-k1 * self.time)
        middle = k1 / (k2 - k1) * (host - np.exp(-k2 * self.time))
        self.shares = np.stack([host, middle, 1 - host - middle], axis=1)
        self.spectra = np.stack(
            [
                0.9 * band(self.wavelength, 324),
                0.6 * band(self.wavelength, 327),
                0.15 * band(self.wavelength, 350, 60),
            ]
        )
        self.noise = sd * np.random.default_rng(seed).standard_normal((n, m))
        self.matrix = self.shares @ self.spectra + self.noise

    @property
    def series(self) -> SpectralSeries:
        return self.with_matrix(self.matrix)

    def with_matrix(self, matrix) -> SpectralSeries:
        return SpectralSeries(time_s=self.time, wavelength_nm=self.wavelength, absorbance=matrix)


@pytest.fixture(scope="session")
def chain() -> Callable[..., Chain]:
    return Chain


@pytest.fixture(scope="session")
def peak_series() -> Callable[..., SpectralSeries]:
    """Series of one moving or resting peak, by the name of its mechanism."""

    def make(mechanism: str, seed: int = 1, sd: float = 0.003) -> SpectralSeries:
        time, wavelength = np.arange(0, 101.0), np.arange(290.0, 361.0)
        k1, k2, q = 0.15, 0.02, 0.45
        fast, slow = np.exp(-k1 * time), np.exp(-k2 * time)
        doped = k1 / (k2 - k1) * (fast - slow)
        place = 324.0 if mechanism.endswith("at rest") else 327.0
        clean = {
            "quenching": (fast, 0.9 * band(wavelength, 324), doped, 0.9 * q * band(wavelength, place)),
            "quenching without conversion": (
                fast,
                0.9 * band(wavelength, 324),
                1 - fast,
                0.9 * q * band(wavelength, place),
            ),
            "two populations": (fast, 0.5 * band(wavelength, 324), slow, 0.4 * band(wavelength, place)),
        }[mechanism.removesuffix(" at rest")]
        first, host, second, other = clean
        matrix = np.outer(first, host) + np.outer(second, other)
        matrix = matrix + sd * np.random.default_rng(seed).standard_normal(matrix.shape)
        return SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=matrix)

    return make
