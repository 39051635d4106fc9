"""How the packaged in-situ spectra were made; the same call makes them again, digit for digit.

Model: A(t, wavelength) = A(t) s(wavelength - peak(t)), where A(t) is the staged first-order decay
with the published constants and s a Gaussian band with s(0) = 1, so that the height of the peak is
A(t) exactly, before noise. The peak moves in proportion to time until the breakpoint and then
stays. Noise is normal and constant in absorbance. Real spectra also have a sloping background and
a second band in the blue; these have not, and say nothing about either.
"""

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.examples.published import DOI, PublishedKinetics
from cxkinetics.models.staged import staged_decay
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source

__all__ = [
    "NOISE_SD",
    "band_shape",
    "packaged_text",
    "peak_position_nm",
    "provenance",
    "simulate_series",
    "simulated_absorbance",
]

NOISE_SD = 0.003
"""Standard deviation of every reading, AU."""

_WIDTH_NM = 8.0
_SEEDS = {"ag-cds": 20230701, "cu-cds": 20230702}
_WAVELENGTH_NM = np.arange(290.0, 361.0, 1.0)
_STEP_S = 1.0


def band_shape(offset_nm: Array) -> Array:
    """Return the band at distances from its maximum, nm; 1 at the maximum.

    Examples
    --------
    >>> band_shape(np.array([-8.0, 0.0, 16.0])).round(3).tolist()
    [0.607, 1.0, 0.135]
    """
    shape: Array = np.exp(-0.5 * (offset_nm / _WIDTH_NM) ** 2)
    return shape


def peak_position_nm(kinetics: PublishedKinetics, time_s: Array) -> Array:
    """Return the position of the peak, nm: a steady shift that ends at the breakpoint."""
    share = np.clip(time_s / kinetics.breakpoint_s, 0.0, 1.0)
    position: Array = kinetics.peak_start_nm + (kinetics.peak_end_nm - kinetics.peak_start_nm) * share
    return position


def simulated_absorbance(kinetics: PublishedKinetics, time_s: Array, wavelength_nm: Array) -> Array:
    """Return the noise-free spectra, shape (times, wavelengths), AU."""
    height = staged_decay(
        time_s,
        kinetics.absorbance_start,
        np.array([kinetics.k1_per_s, kinetics.k2_per_s]),
        np.array([kinetics.breakpoint_s]),
    )
    offset = wavelength_nm[None, :] - peak_position_nm(kinetics, time_s)[:, None]
    spectra: Array = height[:, None] * band_shape(offset)
    return spectra


def provenance(kinetics: PublishedKinetics) -> str:
    """Return one line that says what the spectra are and where the constants come from."""
    assumed = f"; assumed: {kinetics.assumed}" if kinetics.assumed else ""
    return (
        f"from the constants published in doi {DOI} (k1 {kinetics.k1_per_s:g} 1/s, "
        f"k2 {kinetics.k2_per_s:g} 1/s, breakpoint {kinetics.breakpoint_s:g} s); "
        f"noise sd {NOISE_SD:g} AU{assumed}"
    )


def simulate_series(
    kinetics: PublishedKinetics, *, noise_sd: float = NOISE_SD, seed: int | None = None
) -> SpectralSeries:
    """Return simulated in-situ spectra around the exciton peak, labelled as simulated.

    Parameters
    ----------
    kinetics : PublishedKinetics
        Constants of the two stages and of the peak's shift.
    noise_sd : float
        Standard deviation of every reading, AU; 0 for none.
    seed : int, optional
        Of the noise; by default the one the packaged file was made with.

    Returns
    -------
    SpectralSeries
        One spectrum a second, 290-360 nm in steps of 1 nm, rounded to 4 decimals as an instrument would.

    Examples
    --------
    >>> from cxkinetics.examples.published import published_kinetics
    >>> series = simulate_series(published_kinetics("ag-cds"))
    >>> series.absorbance.shape, series.source.simulated
    ((101, 71), True)
    """
    time = np.arange(0.0, kinetics.end_s + _STEP_S / 2, _STEP_S)
    spectra = simulated_absorbance(kinetics, time, _WAVELENGTH_NM)
    rng = np.random.default_rng(_SEEDS.get(kinetics.name, 0) if seed is None else seed)
    noisy = spectra + rng.normal(0.0, noise_sd, spectra.shape) if noise_sd else spectra
    return SpectralSeries(
        time_s=time,
        wavelength_nm=_WAVELENGTH_NM,
        absorbance=np.round(noisy, 4),
        label=kinetics.label,
        source=Source(simulated=True, note=provenance(kinetics), format="simulated"),
    )


def packaged_text(series: SpectralSeries) -> str:
    """Return the CSV text of a simulated series: two comment lines, a head, one row per time."""
    lines = [
        f"# simulated: {series.source.note}",
        f"# {series.label}: time in s, wavelength in nm, absorbance in AU; made by cxkinetics.examples",
        ",".join(["time_s", *(f"{value:g}" for value in series.wavelength_nm)]),
    ]
    for time, row in zip(series.time_s, series.absorbance, strict=True):
        lines.append(",".join([f"{time:g}", *(f"{value:.4f}" for value in row + 0.0)]))
    return "\n".join(lines) + "\n"
