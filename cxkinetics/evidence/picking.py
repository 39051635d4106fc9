"""Peaks of a mass spectrum: one centroid per isotope envelope, with how far it stands out.

An envelope of a cluster is 20 to 30 Da wide, so the spectrum is smoothed with a matched width
first and each maximum is given the centroid of its upper half: the average mass, which is what a
formula is compared with. Overlapping envelopes are one peak here; `fit_mixture` takes them apart.
"""

import numpy as np

from cxkinetics.calls import checked
from cxkinetics.errors import InputError, UsageError
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectrum import PeakList, Spectrum


@checked()
def pick_peaks(
    spectrum: Spectrum, *, width_da: float = 15.0, significance: float = 8.0, most: int = 60
) -> PeakList:
    """Return the peaks of a mass spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        Of kind "ms".
    width_da : float
        Full width at half maximum of the smoothing, Da; about that of an envelope.
    significance : float
        How many standard errors of the smoothed baseline noise a peak must stand out.
    most : int
        Largest number of peaks kept, the most prominent ones.

    Returns
    -------
    PeakList
        Masses (Da) and heights, ascending in mass.

    Raises
    ------
    InputError
        If it is no mass spectrum or nothing stands out.

    Examples
    --------
    >>> from cxkinetics.evidence.examples import simulate_mass_spectrum, simulation_settings
    >>> undoped = simulate_mass_spectrum(simulation_settings()["samples"][0])
    >>> [round(float(mass)) for mass in pick_peaks(undoped).mz]
    [5163]
    """
    from scipy.ndimage import gaussian_filter1d, median_filter
    from scipy.signal import find_peaks

    if spectrum.kind != "ms":
        raise InputError(f"this is a spectrum of kind {spectrum.kind!r}; a mass spectrum ('ms') is needed")
    if not width_da > 0 or not significance > 0:
        raise UsageError(f"width {width_da:g} Da and significance {significance:g} must be positive")
    step = float(np.median(np.diff(spectrum.axis)))
    if not step / 1000 < width_da < 1000 * np.ptp(spectrum.axis):
        raise UsageError(f"width {width_da:g} Da is no width of a peak in points {step:g} Da apart")
    grid = np.arange(spectrum.axis[0], spectrum.axis[-1], max(step, width_da / 60))
    counts = np.interp(grid, spectrum.axis, spectrum.counts)
    spacing = float(grid[1] - grid[0]) if grid.size > 1 else step
    sigma = width_da / 2.3548 / spacing
    smooth = gaussian_filter1d(counts, sigma, mode="nearest")
    rough = counts - smooth
    noise = 1.4826 * float(np.median(np.abs(rough - np.median(rough))))
    averaged = max(2 * np.sqrt(np.pi) * sigma * spacing / max(step, spacing), 1.0)
    wide = max(int(10 * width_da / spacing) | 1, 3)
    floor = median_filter(smooth, size=min(wide, grid.size), mode="nearest")
    needed = max(significance * noise / np.sqrt(averaged), 1e-9 * float(np.ptp(counts)))
    found, facts = find_peaks(smooth, prominence=needed, distance=max(int(width_da / spacing), 1))
    if not found.size:
        fault = f"no peak stands out by {significance:g} standard errors"
        fault += f" between {spectrum.axis[0]:.0f} and {spectrum.axis[-1]:.0f} Da"
        remedy = "check that the columns are m/z and intensity, or lower the significance"
        raise InputError(fault, file=spectrum.source.file or None, remedy=remedy)
    order = np.argsort(-facts["prominences"])[:most]
    masses, heights = [], []
    for peak in map(int, np.sort(found[order])):
        half = floor[peak] + 0.5 * (smooth[peak] - floor[peak])
        left = right = peak
        while left > 0 and smooth[left - 1] > half:
            left -= 1
        while right < grid.size - 1 and smooth[right + 1] > half:
            right += 1
        reach = min(peak - left, right - peak)  # an even window: a neighbour must not pull the centroid
        window = slice(peak - reach, peak + reach + 1)
        weight = np.maximum(smooth[window] - half, 0.0)
        total = float(weight.sum())
        masses.append(float(grid[window] @ weight / total) if total > 0 else float(grid[peak]))
        heights.append(float(smooth[peak] - floor[peak]))
    number = f"{len(masses)} peak" + ("" if len(masses) == 1 else "s")
    text = f"{number} picked at {significance:g} standard errors, smoothed over {width_da:g} Da"
    remark = Remark("peaks_picked", text, len(masses))
    return PeakList(
        mz=tuple(masses),
        intensity=tuple(heights),
        label=spectrum.label,
        source=spectrum.source,
        remarks=(*spectrum.remarks, remark),
    )
