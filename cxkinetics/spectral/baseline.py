"""Baseline and scatter of each spectrum: a constant, a line, or a power of the wavelength.

Two ways, never silent: where `region_nm` names wavelengths at which nothing absorbs, the baseline is
fitted there and subtracted; without a region it is fitted together with the kinetics, free for every
spectrum, which leaves the rate constants exact and the species spectra known up to a baseline of that
form. Smoothing baselines that follow the data (asymmetric least squares and their kin) are not offered:
a broad absorption band is a baseline to them, and what they take away has no error.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import InputError, UsageError
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries

__all__ = ["BASELINES", "Baseline", "baseline_functions", "subtract_baseline"]

BASELINES = ("none", "constant", "linear", "scatter")
"""What may be fitted to each spectrum; "scatter" is wavelength^-n plus a constant."""


class Baseline(NamedTuple):
    """A subtracted baseline.

    Attributes
    ----------
    series : SpectralSeries
        What is left.
    coefficients : Array, shape (n, q)
        Of the functions, for each spectrum.
    functions : Array, shape (q, m)
        See `baseline_functions`.
    """

    series: SpectralSeries
    coefficients: Array
    functions: Array


def baseline_functions(kind: str, wavelength_nm: Array, power: float = 4.0) -> Array:
    """Return the functions that a baseline is made of, shape (q, m).

    Parameters
    ----------
    kind : str
        One of `BASELINES`.
    wavelength_nm : Array, shape (m,)
        Wavelengths, nm.
    power : float
        n of the scatter term; 4 for particles much smaller than the wavelength (Rayleigh).

    Examples
    --------
    >>> baseline_functions("scatter", np.array([300.0, 600.0]))[1].round(4).tolist()
    [1.0, 0.0625]
    """
    ones = np.ones(wavelength_nm.size)
    if kind == "none":
        return np.zeros((0, wavelength_nm.size))
    if kind == "constant":
        return ones[None, :]
    if kind == "linear":
        half = max(float(np.ptp(wavelength_nm)) / 2, 1e-9)
        return np.stack([ones, (wavelength_nm - wavelength_nm.mean()) / half])
    if kind == "scatter":
        if not power > 0:
            raise UsageError(
                f"the scatter power is {power:g}; it must be positive (4 for Rayleigh scattering)"
            )
        return np.stack([ones, (wavelength_nm / wavelength_nm[0]) ** -power])
    raise UsageError(f"baseline is {kind!r}; it must be one of {', '.join(BASELINES)}")


def subtract_baseline(
    series: SpectralSeries, kind: str, region_nm: Sequence[tuple[float, float]], power: float = 4.0
) -> Baseline:
    """Return the series with a baseline subtracted that is fitted where nothing absorbs.

    Parameters
    ----------
    series : SpectralSeries
        Spectra; masked cells stay masked and take no part.
    kind : str
        One of `BASELINES`.
    region_nm : sequence of (float, float)
        Wavelength ranges, nm, both ends included.
    power : float
        n of the scatter term.

    Raises
    ------
    InputError
        If a spectrum has fewer readings in the region than the baseline has terms.
    """
    axis, matrix = series.wavelength_nm, series.absorbance
    functions = baseline_functions(kind, axis, power)
    inside = np.zeros(axis.size, bool)
    for low, high in region_nm:
        inside |= (axis >= min(low, high)) & (axis <= max(low, high))
    coefficients = np.zeros((matrix.shape[0], functions.shape[0]))
    if not functions.shape[0]:
        return Baseline(series, coefficients, functions)
    shown = ", ".join(f"{low:g}-{high:g}" for low, high in region_nm)
    for row, spectrum in enumerate(matrix):
        used = inside & np.isfinite(spectrum)
        if not np.isfinite(spectrum).any():
            continue
        if used.sum() < functions.shape[0]:
            raise InputError(
                f"the spectrum at {series.time_s[row]:g} s has {int(used.sum())} readings in the baseline "
                f"region {shown} nm, but a {kind} baseline has {functions.shape[0]} terms",
                file=series.source.file or None,
                remedy=f"choose a region inside {axis[0]:g}-{axis[-1]:g} nm",
            )
        coefficients[row] = np.linalg.lstsq(functions[:, used].T, spectrum[used], rcond=None)[0]
    left = matrix - coefficients @ functions
    largest = float(np.abs(coefficients @ functions).max())
    told = Remark(
        "baseline_subtracted",
        f"a {kind} baseline fitted at {shown} nm was subtracted from each spectrum "
        f"(at most {largest:.3g} {series.unit})",
    )
    corrected = SpectralSeries(
        time_s=series.time_s,
        wavelength_nm=axis,
        absorbance=left,
        label=series.label,
        unit=series.unit,
        source=series.source,
        remarks=(*series.remarks, told),
    )
    return Baseline(corrected, coefficients, functions)
