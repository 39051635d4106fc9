"""An absorption peak against time: its height, its position and a smooth path through the positions.

The band is chosen and followed through block averages, then every spectrum gives a position of its own
(`cxkinetics.signals.band`). The path through them is the local-level model: the position walks at random
between the times; how fast it walks, and how much larger than stated the errors of the single positions
are, is estimated by maximum likelihood. Times without a position borrow it from their neighbours, so
that a band that fades away keeps the place where it was last seen.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.errors import UsageError
from cxkinetics.remarks import Remark
from cxkinetics.signals.band import (
    BandShape,
    band_top,
    difference_noise,
    find_bands,
    fit_bands,
    isolated_spikes,
    refine_width,
)
from cxkinetics.signals.screening import mean_of_known
from cxkinetics.signals.trace import Trace

if TYPE_CHECKING:  # the series reads its peaks with `track_peak`
    from cxkinetics.signals.spectra import SpectralSeries


class SmoothPath(NamedTuple):
    """The smoothed path and the factor by which the stated standard errors must be multiplied."""

    position: Array
    error_factor: float


def smooth_path(time_s: Array, position: Array, error: Array) -> SmoothPath:
    """Return the smoothed path of a position that walks at random.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Ascending times, s.
    position : Array, shape (n,)
        Measured positions; NaN where there is none.
    error : Array, shape (n,)
        Their standard errors (only ratios matter), same unit.

    Returns
    -------
    SmoothPath
        Position at every time, and sqrt(reduced chi2) of the measured ones about it.

    References
    ----------
    Durbin, Koopman, "Time series analysis by state space methods", 2nd ed. (2012), section 2.1.
    """
    known = np.isfinite(position) & np.isfinite(error) & (error > 0)
    count = int(known.sum())
    if count == 0:
        return SmoothPath(np.full(position.shape, np.nan), 1.0)
    weight = np.zeros(position.shape)
    weight[known] = 1 / error[known] ** 2
    value = np.where(known, position, 0.0)
    if count < 5:
        return SmoothPath(np.full(position.shape, float(weight @ value / weight.sum())), 1.0)
    step = np.diff(time_s)
    stiffness = 1 / np.maximum(step, 1e-3 * np.median(step) if np.median(step) > 0 else 1.0)
    path, factor = _most_likely(weight, value, stiffness)
    for _ in range(3):  # a spike must not bend the path
        outlying = known & (np.abs(value - path) * np.sqrt(weight) > 5 * factor)
        if not outlying.any() or outlying.sum() > 0.1 * count:
            break
        weight[outlying] = 0
        known &= ~outlying
        path, factor = _most_likely(weight, value, stiffness)
    return SmoothPath(path, factor)


def _most_likely(weight: Array, value: Array, stiffness: Array) -> tuple[Array, float]:
    # Penalty strengths from "no smoothing" to "one constant", in units of the mean weight; four a decade,
    # for the likelihood is flat near its maximum and the path hardly moves between neighbours.
    unit = float(np.mean(weight[weight > 0])) / float(np.median(stiffness))
    grid = unit * np.logspace(-2, 6, 33)
    trials = [_smooth(weight, value, stiffness, strength) for strength in grid]
    return min(trials, key=lambda trial: trial[0])[1:]


def _smooth(weight: Array, value: Array, stiffness: Array, strength: float) -> tuple[float, Array, float]:
    from scipy.linalg import cho_solve_banded, cholesky_banded

    count = int(np.count_nonzero(weight))
    link = strength * stiffness
    banded = np.zeros((2, weight.size))
    banded[0] = weight
    banded[0, :-1] += link
    banded[0, 1:] += link
    banded[1, :-1] = -link
    factor = cholesky_banded(banded, lower=True)
    path: Array = cho_solve_banded((factor, True), weight * value)
    misfit = float(weight @ (value - path) ** 2 + link @ np.diff(path) ** 2)
    if count < 2 or misfit <= 0:
        return 0.0, path, 1.0
    log_det = 2 * float(np.log(factor[0]).sum()) - (weight.size - 1) * np.log(strength)
    deviance = (count - 1) * np.log(misfit / (count - 1)) + log_det
    return deviance, path, float(np.sqrt(misfit / (count - 1)))


_LOST = 4.0  # a band lower than this many standard errors of its height has no position
_STANDS_OUT = 6.0  # standard errors of its height that a band needs to be chosen
_FEWEST = 5
"""Wavelengths below which the columns are single readings, not spectra with a band."""
_SPIKES = "{} isolated spikes of single readings left out of the peak"
_UNSEEN = (
    "the peak has no position of its own in {} weak spectra; "
    "its height is read where the neighbouring times have it"
)
_REACH_NM = 15.0  # how far from near_nm the maximum may lie


def track_peak(series: "SpectralSeries", *, near_nm: float | None = None, baseline: str = "none") -> Trace:
    """Return height and position of an absorption peak against time.

    Parameters
    ----------
    series : SpectralSeries
        Spectra against time; masked cells (NaN) are left out, spectra without enough cells around
        the peak are dropped and counted in a remark.
    near_nm : float, optional
        The maximum nearest to this wavelength (within 15 nm) is tracked, nm; by default the
        strongest peak of the first spectra, and a remark "tracked_peak" says which that was.
    baseline : {"none", "linear"}
        "none": the height is the signal at the maximum. "linear": the height above a straight
        background fitted around the band.

    Returns
    -------
    Trace
        The signal is the height, in the unit of the series; `peak_nm` is the position at each time
        and `peak_nm_se` its standard error, nm (NaN where the band is lost in the noise);
        `wavelength_nm` is the position in the first spectra, of a band found in the last ones there.

    Raises
    ------
    InputError
        If no peak stands out of the noise, or none near `near_nm`. Fewer than five wavelengths hold
        no peak: one is read as it stands, with a remark.
    UsageError
        If `baseline` is unknown.

    Examples
    --------
    >>> from cxkinetics.signals.spectra import SpectralSeries
    >>> wavelength = np.arange(290.0, 361.0, 2.0)
    >>> time = np.linspace(0, 20, 5)
    >>> position = 324 + 0.15 * time
    >>> band = np.exp(-0.5 * ((wavelength - position[:, None]) / 6) ** 2)
    >>> series = SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=0.9 * band)
    >>> trace = track_peak(series)
    >>> trace.peak_nm.round(3).tolist()
    [324.0, 324.75, 325.5, 326.25, 327.0]
    >>> trace.absorbance.round(4).tolist()
    [0.9, 0.9, 0.9, 0.9, 0.9]
    """
    if baseline not in ("none", "linear"):
        raise UsageError(f"baseline is {baseline!r}; it must be 'none' or 'linear'")
    axis = series.wavelength_nm
    if axis.size < _FEWEST:
        return _single_wavelength(series, near_nm)
    spikes = isolated_spikes(series.absorbance)
    spectra = np.where(spikes, np.nan, series.absorbance)
    start, shape, which = _choose(series, spectra, near_nm)
    # a band that grows is followed from where it is seen
    way = slice(None, None, -1) if "last" in which else slice(None)
    first_guess = _coarse_path(axis, spectra[way], start, shape)[way]
    position, error, path, factor, shape = _positions(series.time_s, axis, spectra, first_guess, shape)
    shape_free = _shape_changes(axis, spectra, path, shape)
    fit = fit_bands(axis, spectra, path, shape, shape_free=shape_free and baseline == "none")
    top = band_top(axis, path, shape, fit)
    height = top.height(fit, with_background=baseline == "none")
    position, path = position + top.offset_nm, path + top.offset_nm
    kept = np.isfinite(height)
    if not kept.any():
        raise series._refusal(
            f"no spectrum has enough readings around {start:.1f} nm to follow the peak there",
            "give near_nm at another peak, or at_wavelength for one wavelength",
        )
    first, last = (float(end) for end in path[kept][[0, -1]])
    found, starts = (last, "ends") if "last" in which else (first, "starts")
    said = Remark("tracked_peak", f"tracked the {which}; it {starts} at {found:.1f} nm")
    lost = _left_out(series.time_s, spikes, kept, kept & ~np.isfinite(position))
    return Trace(
        time_s=series.time_s[kept],
        absorbance=height[kept],
        label=f"{series.label} peak at {found:.0f} nm".strip(),
        unit=series.unit,
        wavelength_nm=found,
        peak_nm=position[kept],
        peak_nm_se=(error * factor)[kept],
        source=series.source,
        remarks=(*_far_from(near_nm, {"first": first, "last": last}), *series.remarks, said, *lost),
    )


def _far_from(near_nm: float | None, ends: dict[str, float]) -> list[Remark]:
    """Return the remark on a path with an end that lies farther than a peak may from what was asked for."""
    name = max(ends, key=lambda end: abs(ends[end] - (near_nm or 0.0)))
    if near_nm is None or (away := abs(ends[name] - near_nm)) <= _REACH_NM:
        return []
    text = (
        f"in the {name} spectra what is followed lies at {ends[name]:.1f} nm, {away:.0f} nm from the "
        f"{near_nm:g} nm asked for: it moved, or is another band or none; cut these spectra off (--window), "
        "or read one wavelength (--wavelength)"
    )
    return [Remark("peak_far", text)]


def _left_out(time: Array, spikes: BoolArray, kept: BoolArray, unseen: BoolArray) -> list[Remark]:
    """Return a remark on spikes, on spectra that are dropped and on those without a position."""
    rows = (  # code, how many, at which times, text
        ("spikes_masked", spikes, spikes.any(axis=1), _SPIKES),
        ("spectra_dropped", ~kept, ~kept, "{} spectra left out: too few unmasked readings around the peak"),
        ("peak_lost", unseen, unseen, _UNSEEN),
    )
    return [
        Remark.at(code, text.format(what.sum()), int(what.sum()), times_s=time[where].tolist())
        for code, what, where, text in rows
        if what.any()
    ]


def _choose(series: "SpectralSeries", spectra: Array, near_nm: float | None) -> tuple[float, BandShape, str]:
    """Position and shape of the band to track, and the words that say which it is."""
    axis = series.wavelength_nm
    low, high = float(axis[0]), float(axis[-1])
    if near_nm is not None and not low <= near_nm <= high:
        raise series._outside(near_nm)
    # at the start first: there the cluster that is looked for is whole; later ones where it only grows
    count = max(1, min(5, spectra.shape[0] // 10))
    looked_at = [("first", spectra[:count]), ("last", spectra[-count:]), ("mean of all", spectra)]
    nearest: list[float] = []
    for name, block in looked_at:
        mean = mean_of_known(block)
        noise = difference_noise(block) / np.sqrt(block.shape[0])
        bands = find_bands(axis, mean, noise)
        if near_nm is not None:
            nearest += [band.position_nm for band in bands]
            bands = [band for band in bands if abs(band.position_nm - near_nm) <= _REACH_NM]
            bands.sort(key=lambda band: abs(band.position_nm - near_nm))
        found = [(*refine_width(axis, mean, band), band.prominence) for band in bands[:8]]
        found = [band for band in found if _is_band(axis, mean, band[0], band[1])]
        if not found:
            continue
        if near_nm is None:  # a shoulder on a steep rise is as strong as its band is high
            found.sort(key=lambda band: -max(min(band[2], 4 * band[3]), band[3]))
        position, shape = found[0][:2]
        where = f"the {name} spectra" if name != "mean of all" else "the mean of all spectra"
        asked = "strongest peak" if near_nm is None else f"peak nearest to {near_nm:g} nm"
        return position, shape, f"{asked} of {where}"
    where = "" if near_nm is None else f" within {_REACH_NM:g} nm of {near_nm:g} nm"
    places = ", ".join(f"{place:.0f}" for place in sorted(set(nearest))[:6])
    seen = f" (peaks stand at {places} nm)" if nearest else ""
    raise series._refusal(
        f"no peak stands out of the noise between {low:g} and {high:g} nm{where}{seen}",
        "read one wavelength instead (at_wavelength, --wavelength NM)",
    )


def _single_wavelength(series: "SpectralSeries", near_nm: float | None) -> Trace:
    """Read one of a few single wavelengths, which hold no band: the one asked for, or the strongest."""
    axis = series.wavelength_nm
    shown = ", ".join(f"{place:g}" for place in axis)
    level = mean_of_known(series.absorbance[: max(3, series.time_s.size // 10)])
    best = int(np.argmax(np.where(np.isfinite(level), level, -np.inf)))
    if near_nm is not None:
        best = int(np.argmin(np.abs(axis - near_nm)))
        if abs(axis[best] - near_nm) > _REACH_NM:
            raise series._refusal(
                f"nothing was recorded within {_REACH_NM:g} nm of {near_nm:g} nm: only {shown} nm",
                "give one of these (--wavelength NM, at_wavelength)",
            )
    chosen = "the strongest at the start" if near_nm is None else f"the nearest to {near_nm:g} nm"
    text = (
        f"{axis.size} single wavelengths ({shown} nm) hold no peak to follow: read at {axis[best]:g} nm, "
        f"{chosen} (--wavelength takes another, --reference one against drift)"
    )
    return series.at_wavelength(float(axis[best])).with_remarks(Remark("few_wavelengths", text))


def _is_band(axis: Array, spectrum: Array, position: float, shape: BandShape) -> bool:
    """Return whether the band function on a straight background explains more than a bump of noise."""
    fit = fit_bands(axis, spectrum[None, :], np.array([position]), shape, shape_free=False)
    left = fit.residuals[0][np.isfinite(fit.residuals[0])]
    height = float(fit.coefficients[0, 0])
    if not np.isfinite(height) or left.size < 5:
        return False
    spread = float(np.sqrt(left @ left / max(left.size - 4, 1) * fit.covariance[0, 0, 0]))
    return height > _STANDS_OUT * spread


def _coarse_path(axis: Array, spectra: Array, start: float, shape: BandShape) -> Array:
    """Follow the band through block averages, so that it may move by more than its width."""
    n = spectra.shape[0]
    edges = np.unique(np.linspace(0, n, min(n, 40) + 1).astype(int))
    centres, places = [], []
    place, width = start, shape.width_nm
    for low, high in pairwise(edges):
        mean = mean_of_known(spectra[low:high])
        noise = difference_noise(spectra[low:high]) / np.sqrt(high - low)
        for _ in range(4):
            fit = fit_bands(axis, mean[None, :], np.array([place]), shape, shape_free=False)
            height, shift = fit.coefficients[0, :2]
            error = noise * np.sqrt(fit.covariance[0, 0, 0])
            if not (np.isfinite(height) and height > 2 * _LOST * error):
                break
            trial = place + float(np.clip(shift / height, -0.5, 0.5)) * width
            place = trial if axis[0] + width < trial < axis[-1] - width else place
        centres.append((low + high - 1) / 2)
        places.append(place)
    return np.interp(np.arange(n), centres, places)


def _positions(
    time: Array, axis: Array, spectra: Array, guess: Array, shape: BandShape
) -> tuple[Array, Array, Array, float, BandShape]:
    """Single positions with standard errors, the smooth path, the factor on the errors, the shape."""
    noise = _noise(axis, spectra, guess, shape)
    path, factor = guess, 1.0
    position, error = guess, np.full(guess.shape, np.nan)
    for _ in range(3):
        position, width = path.copy(), shape.width_nm
        for _ in range(4):  # Gauss-Newton, never further from the path than one width
            fit = fit_bands(axis, spectra, position, shape, shape_free=False)
            height, shift = fit.coefficients[:, 0], fit.coefficients[:, 1]
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.clip(shift / height, -0.5, 0.5) * width
            step = np.where(np.isfinite(step), step, 0.0)
            position = np.clip(position + step, path - width, path + width)
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = height > _LOST * noise * np.sqrt(fit.covariance[:, 0, 0])
            error = noise * np.sqrt(fit.covariance[:, 1, 1]) / np.abs(height) * width
        seen &= np.abs(position - path) < width
        position, error = np.where(seen, position, np.nan), np.where(seen, error, np.nan)
        smooth = smooth_path(time, position, np.maximum(error, 1e-6 * width))
        if not np.isfinite(smooth.position).all():
            return position, error, guess, 1.0, shape
        path, factor = smooth.position, max(smooth.error_factor, 1.0)
        shape = _pooled_width(axis, spectra, path, shape)
    return position, error, path, factor, shape


def _pooled_width(axis: Array, spectra: Array, path: Array, shape: BandShape) -> BandShape:
    """One Gauss-Newton step of the width that all spectra share."""
    height, widening, variance = _widening(axis, spectra, path, shape)
    weight = 1 / variance
    strength = float(weight @ height**2)
    ratio = float(weight @ (widening * height)) / strength if strength > 0 else 0.0
    return shape._replace(width_nm=shape.width_nm * (1 + float(np.clip(ratio, -0.2, 0.2))))


def _widening(axis: Array, spectra: Array, path: Array, shape: BandShape) -> tuple[Array, Array, Array]:
    """Height and widening of the spectra that can be fitted, and the variance of the second."""
    fit = fit_bands(axis, spectra, path, shape, shape_free=True)
    known = np.isfinite(fit.coefficients[:, 0])
    return fit.coefficients[known, 0], fit.coefficients[known, 4], fit.covariance[known, 4, 4]


def _noise(axis: Array, spectra: Array, guess: Array, shape: BandShape) -> float:
    """Return the standard deviation of one reading, from the window around the band alone."""
    width = shape.width_nm
    reach = (axis >= guess.min() - 3 * width) & (axis <= guess.max() + 3 * width)
    rough = difference_noise(spectra[:, reach])
    residuals = fit_bands(axis, spectra, guess, shape, shape_free=True).residuals
    count = np.isfinite(residuals).sum(axis=1)
    free = int(np.maximum(count - 6, 0)[count > 0].sum())
    if free < 10:
        return rough
    # Differences see the curvature of a narrow band, residuals a misfit of its shape: the smaller is nearer.
    return min(rough, float(np.sqrt(np.nansum(residuals**2) / free)))


def _shape_changes(axis: Array, spectra: Array, path: Array, shape: BandShape) -> bool:
    """Whether the band's width changes in time by more than noise explains."""
    height, widening, variance = _widening(axis, spectra, path, shape)
    if height.size < 5:
        return True
    error = max(_noise(axis, spectra, path, shape), 1e-12) * np.sqrt(variance)
    ratio = float((widening / error**2) @ height / ((height / error**2) @ height))
    excess = float(np.mean(((widening - ratio * height) / error) ** 2))
    return excess > 1 + 3 * float(np.sqrt(2 / height.size))
