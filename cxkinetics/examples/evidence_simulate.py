"""Simulated mass, photoelectron and diffraction spectra that follow Table I, sample by sample.

Nothing here was measured. Masses, isotope patterns, binding energies and peak positions are those
of the paper and of the elements; shares, intensities and noise were chosen (`evidence_simulation.toml`
says so). Every spectrum carries `source.simulated` and the note of how it was made. The Ag2S
reference pattern is computed from the crystal structure of acanthite, kinematically, with atomic
numbers damped by a Gaussian for scattering factors; that of the clusters is two broad peaks.

References
----------
A. J. Frueh, Z. Kristallogr. 110, 136 (1958): structure of acanthite.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.evidence.isotopes import envelope
from cxkinetics.evidence.lineshapes import doublet, shirley_step
from cxkinetics.evidence.mixture import guest_ladder
from cxkinetics.evidence.patterns import Library
from cxkinetics.models.formula import parse
from cxkinetics.signals.spectrum import Spectrum
from cxkinetics.source import Source

__all__ = [
    "reference_library",
    "simulate_diffraction",
    "simulate_mass_spectrum",
    "simulate_photoelectrons",
    "simulation_settings",
]

NOTE = "follows Table I of doi 10.1063/5.0151904; shares, intensities and noise were chosen, not measured"
COMPUTED = (
    "computed: acanthite Ag2S (structure of Frueh, Z. Kristallogr. 110, 136, 1958; kinematic), CdS clusters "
    "as two broad peaks at 26.3 and 49.1 degrees (doi 10.1063/5.0151904); Cu K-alpha"
)
CU_K_ALPHA = 1.5406  # Angstrom


@lru_cache(maxsize=1)
def simulation_settings() -> Mapping[str, Any]:
    """Return the chosen numbers of the simulated spectra, as the packaged TOML file holds them."""
    with open(Path(__file__).with_name("evidence_simulation.toml"), "rb") as file:
        return tomllib.load(file)


def _source(technique: str, percent: float) -> Source:
    return Source(file=f"simulated {technique}, {percent:g} %", format="simulated", simulated=True, note=NOTE)


def _generator(technique: int, percent: float) -> np.random.Generator:
    return np.random.default_rng([int(simulation_settings()["seed"]), technique, round(10 * percent)])


def simulate_mass_spectrum(sample: Mapping[str, Any]) -> Spectrum:
    """Return the mass spectrum of a sample: host clusters with 0, 1, 2 Ag, Ag2S clusters, noise.

    Each guest brings a proton, as the charge balance asks; the calibration is off by a random
    amount of the stated standard deviation.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.

    Examples
    --------
    >>> spectrum = simulate_mass_spectrum(simulation_settings()["samples"][0])
    >>> spectrum.source.simulated
    True
    """
    chosen, percent = simulation_settings()["ms"], float(sample["incorporation_percent"])
    rng = _generator(1, percent)
    mz = np.arange(chosen["low_da"], chosen["high_da"], chosen["step_da"])
    power, shift = float(chosen["resolving_power"]), float(rng.normal(0.0, chosen["calibration_sd_da"]))
    counts = np.full(mz.size, float(chosen["baseline_counts"]))
    ladder = guest_ladder("Cd34S33(L)", protons=True)
    drawn = [envelope(formula).profile(mz, power, shift) for formula in ladder]
    unit = chosen["peak_counts"] / max(float(bell.max()) for bell in drawn)
    for share, bell in zip(sample["clusters"], drawn, strict=True):
        counts += sample["ms_host"] * unit * share * bell
    for name in chosen["sulfide_clusters"]:
        counts += 0.5 * sample["ms_sulfide"] * unit * envelope(parse(name)).profile(mz, power, shift)
    counts = np.maximum(counts + rng.normal(0.0, chosen["noise_counts"], mz.size), 0.0).round(1)
    return Spectrum(
        kind="ms", axis=mz, counts=counts, label=f"{percent:g} %", source=_source("mass spectrum", percent)
    )


def simulate_photoelectrons(sample: Mapping[str, Any]) -> tuple[str, Spectrum]:
    """Return the line and the photoelectron spectrum of a sample: Ag 3d, or Cd 3d where it has no silver.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    chosen, percent = simulation_settings()["xps"], float(sample["incorporation_percent"])
    rng = _generator(2, percent)
    share = float(sample["xps_sulfide"])
    silver = share >= 0
    low, high = ("low_ev", "high_ev") if silver else ("cd_low_ev", "cd_high_ev")
    energy = np.arange(chosen[low], chosen[high] + chosen["step_ev"] / 2, chosen["step_ev"])
    shape = (2 / 3, float(chosen["gauss_ev"]), float(chosen["lorentz_ev"]))
    if silver:
        lines = (1 - share) * doublet(energy, 368.9, 6.0, *shape) + share * doublet(
            energy, 366.3, 6.0, *shape
        )
    else:
        lines = doublet(energy, 405.6, 6.8, *shape)
    lines = chosen["area_counts_ev"] * lines
    expected = lines + chosen["background_counts"] + chosen["shirley_share"] * shirley_step(energy, lines)
    line = "Ag 3d" if silver else "Cd 3d"
    spectrum = Spectrum(
        kind="xps",
        axis=energy.round(3),
        counts=rng.poisson(expected),
        label=f"{percent:g} %",
        source=_source(f"XPS {line}", percent),
    )
    return line, spectrum


def simulate_diffraction(sample: Mapping[str, Any]) -> Spectrum:
    """Return the diffraction pattern of a sample: both references in the chosen shares, with noise.

    Parameters
    ----------
    sample : mapping
        One of the samples of `simulation_settings()`.
    """
    chosen, percent = simulation_settings()["xrd"], float(sample["incorporation_percent"])
    rng = _generator(3, percent)
    library = reference_library()
    axis = np.arange(20.0, 65.0, chosen["step_deg"]).round(3)
    areas = library.scale_factors()
    drawn = library.drawn(axis, float(chosen["shift_deg"])) / areas
    share = float(sample["xrd_sulfide"])
    mixed = (1 - share) * drawn[:, 0] + share * drawn[:, 1]
    counts = rng.poisson(chosen["background_counts"] + chosen["peak_counts"] * mixed / mixed.max())
    return Spectrum(
        kind="xrd", axis=axis, counts=counts, label=f"{percent:g} %", source=_source("XRD", percent)
    )


@lru_cache(maxsize=1)
def reference_library() -> Library:
    """Return the computed references of CdS clusters and acanthite Ag2S (Cu K-alpha, no RIR known).

    Examples
    --------
    >>> reference_library().phase_names
    ('CdS', 'Ag2S')
    """
    axis = np.arange(18.0, 67.001, 0.05).round(3)
    clusters = _broad_peaks(axis, ((26.3, 5.0, 1.0), (49.1, 8.0, 0.55)))
    lines = acanthite_lines()
    sulfide = _broad_peaks(axis, tuple((angle, 0.5, height) for angle, height in lines))
    patterns = np.column_stack([1000 * clusters / clusters.max(), 1000 * sulfide / sulfide.max()])
    return Library(
        axis=axis,
        patterns=patterns.round(2),
        names=("CdS", "Ag2S"),
        source=Source(file="evidence_xrd_references.csv", format="computed", simulated=True, note=COMPUTED),
    )


def _broad_peaks(axis: Array, peaks: tuple[tuple[float, float, float], ...]) -> Array:
    """Return Gaussians of given place, width (full at half maximum) and area on an axis."""
    total = np.zeros(axis.size)
    for place, width, area in peaks:
        sigma = width / 2.3548
        with np.errstate(under="ignore"):
            total += area / sigma * np.exp(-0.5 * ((axis - place) / sigma) ** 2)
    return total


def acanthite_lines() -> tuple[tuple[float, float], ...]:
    """Return 2theta (degrees, Cu K-alpha) and relative intensity of acanthite's lines, kinematically.

    Examples
    --------
    >>> lines = acanthite_lines()
    >>> max(lines, key=lambda line: line[1])[0]
    34.42
    """
    a, b, c, beta = 4.23, 6.91, 7.87, np.radians(99.583)
    atoms = ((47, 0.758, 0.015, 0.305), (47, 0.285, 0.320, 0.435), (16, 0.359, 0.239, 0.134))
    sites = [
        (number, *place)
        for number, x, y, z in atoms
        for place in ((x, y, z), (-x, -y, -z), (0.5 - x, y + 0.5, 0.5 - z), (x + 0.5, 0.5 - y, z + 0.5))
    ]  # P21/n
    strength: dict[float, float] = {}
    for h, k, m in product(range(-4, 5), range(8), range(-8, 9)):
        if (h, k, m) == (0, 0, 0):
            continue
        plane = (h / a) ** 2 + (m / c) ** 2 - 2 * h * m * np.cos(beta) / (a * c)
        inverse_square = plane / np.sin(beta) ** 2 + (k / b) ** 2
        sine = CU_K_ALPHA * np.sqrt(inverse_square) / 2
        if sine >= np.sin(np.radians(34.0)):
            continue
        theta = float(np.arcsin(sine))
        damping = np.exp(-7.0 * (sine / CU_K_ALPHA) ** 2)
        factor = sum(
            number * damping * np.exp(2j * np.pi * (h * x + k * y + m * z)) for number, x, y, z in sites
        )
        geometry = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
        angle = round(float(np.degrees(2 * theta)), 2)
        strength[angle] = strength.get(angle, 0.0) + abs(factor) ** 2 * geometry * (1 if k == 0 else 2)
    largest = max(strength.values())
    return tuple(
        (angle, value / largest) for angle, value in sorted(strength.items()) if value > 0.01 * largest
    )
