"""From spectra as they were read to a matrix that can be fitted: range, baseline, masks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.errors import InputError, UsageError
from cxkinetics.remarks import Remark
from cxkinetics.signals.prepare import shift_t0
from cxkinetics.signals.spectra import SpectralSeries

BASELINES = ("none", "constant", "linear", "scatter")
"""What may be fitted to each spectrum; "scatter" is wavelength^-n plus a constant."""


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
    if not power > 0:
        raise UsageError(f"the scatter power is {power:g}; it must be positive (4 for Rayleigh scattering)")
    return np.stack([ones, (wavelength_nm / wavelength_nm[0]) ** -power])


def subtract_baseline(
    series: SpectralSeries, kind: str, region_nm: Sequence[tuple[float, float]], power: float = 4.0
) -> SpectralSeries:
    """Return the series with a baseline subtracted that is fitted where nothing absorbs.

    Parameters
    ----------
    series : SpectralSeries
        Spectra; masked cells stay masked and take no part.
    kind : str
        One of `BASELINES`, not "none".
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
    return replace(series, absorbance=left, remarks=(*series.remarks, told))


_MOSTLY = 0.5
_APART = 6.0  # first step of the spectra over the next
_AXES = {
    "wavelengths_dropped": ("wavelengths", "nm", "wavelengths_nm"),
    "spectra_dropped": ("spectra", "s", "times_s"),
}


PREPARED = ("window", "wavelength_range_nm", "t0", "highest_absorbance")
"""The options of a fit by which its spectra are prepared."""


def prepare(
    series: SpectralSeries,
    *,
    window: tuple[float | None, float | None] | None = None,
    wavelength_range_nm: tuple[float | None, float | None] | None = None,
    t0: float | str | None = None,
    highest_absorbance: float | None = 3.0,
) -> tuple[SpectralSeries, float]:
    """Return the part of a series that is to be fitted, and where its times count from.

    Parameters
    ----------
    series : SpectralSeries
        Absorbances; raw counts are refused.
    window : (float or None, float or None), optional
        Times kept, s, on the file's clock; None for an open end.
    wavelength_range_nm : (float or None, float or None), optional
        Wavelengths kept, nm.
    t0 : float or "auto", optional
        When the reaction starts; "auto" finds it. By default 0, or the first time kept where that lies
        before zero or late (more than a tenth of the span after zero), which a remark says.
    highest_absorbance : float, optional
        Wavelengths whose median exceeds this are left out (little light reaches the detector there,
        and stray light takes its place); None keeps them all.

    Returns
    -------
    series : SpectralSeries
        The spectra kept; times count from the start, masked cells are NaN.
    t0_s : float
        The start, s, on the file's clock.

    Raises
    ------
    InputError
        If fewer than three spectra or two wavelengths are left, or the data are raw counts.
    """
    file = series.source.file or None
    if series.unit in ("counts", "percentT", "%T"):
        raise InputError(
            f"the spectra are in {series.unit}, not absorbance; rate equations hold for absorbance",
            file=file,
            remedy="convert them with a reference spectrum, or load them with absorbance_unit given",
        )
    time, axis, matrix = series.time_s, series.wavelength_nm, series.absorbance
    known = np.isfinite(matrix)
    in_range = within(axis, wavelength_range_nm)
    in_window = within(time, window)
    first = float(time[in_window][0]) if in_window.any() else 0.0
    remarks: list[Remark] = []
    start, begin = _moment(series, t0, first, remarks)
    in_window &= time >= begin
    columns = in_range.copy()
    if in_window.any():
        columns &= known[in_window].mean(axis=0) > _MOSTLY
    dark = _too_dark(matrix, in_window, columns, highest_absorbance)
    columns &= ~dark
    rows = in_window.copy()
    if columns.any():
        rows &= known[:, columns].mean(axis=1) > _MOSTLY
    dead = in_range & ~columns & ~dark
    remarks += _left_out("wavelengths_dropped", dead, axis, "dead or mostly masked")
    if dark.any():
        count = int(dark.sum())
        said = f"with absorbances above {highest_absorbance:g} left out: {_ranges(axis, dark)} nm"
        remarks.append(Remark("absorbance_too_high", f"{count} wavelengths {said}", count))
    remarks += _left_out("spectra_dropped", in_window & ~rows, time, "mostly masked")
    if rows.sum() < 3 or columns.sum() < 2:
        raise InputError(
            f"{int(rows.sum())} spectra with {int(columns.sum())} wavelengths are left; "
            "a global fit needs at least 3 spectra and 2 wavelengths",
            file=file,
            remedy="widen the window or the wavelength range",
        )
    kept = matrix[np.ix_(rows, columns)]
    masked = ~np.isfinite(kept)
    if masked.any():
        count = int(masked.sum())
        text = f"{count} masked readings carry no information in the fit"
        remarks.append(Remark("masked_cells", text, count))
    _tell_first(remarks, time[rows], kept)
    part = replace(
        series,
        time_s=time[rows] - start,
        wavelength_nm=axis[columns],
        absorbance=kept,
        remarks=(*series.remarks, *remarks),
    )
    return part, start


def _too_dark(matrix: Array, rows: BoolArray, columns: BoolArray, limit: float | None) -> BoolArray:
    """Return which of the wavelengths have a median above the limit."""
    dark = np.zeros(columns.size, bool)
    if limit is None or not rows.any():
        return dark
    # medians are slow: only of those that reach the limit at all
    reaching = np.flatnonzero(columns & (np.fmax.reduce(matrix[rows], axis=0) > limit))
    if reaching.size:
        dark[reaching[np.nanmedian(matrix[np.ix_(rows, reaching)], axis=0) > limit]] = True
    return dark


def within(axis: Array, limits: tuple[float | None, float | None] | None) -> BoolArray:
    """Return which values lie between two limits; None is an open end."""
    low, high = limits if limits is not None else (None, None)
    return (axis >= (-np.inf if low is None else low)) & (axis <= (np.inf if high is None else high))


def _moment(
    series: SpectralSeries, t0: float | str | None, first: float, remarks: list[Remark]
) -> tuple[float, float]:
    """Return when the reaction starts, and the first time that is used, s."""
    time = series.time_s
    if t0 == "auto":
        found = shift_t0(series, "auto")
        remarks.append(found.remarks[-1])
        return float(time[-1] - found.time_s[-1]), float(time[-found.time_s.size])
    start = float(t0) if t0 is not None else _start(first, float(time[-1]), remarks)
    return start, start


def _start(first: float, last: float, remarks: list[Remark]) -> float:
    if 0 <= first <= 0.1 * max(last - first, 1e-300):
        return 0.0
    text = f"time counts from the first spectrum kept, at {first:g} s; t0 says otherwise"
    remarks.append(Remark("time_zero_assumed", text))
    return first


def _tell_first(remarks: list[Remark], time: Array, kept: Array) -> None:
    """Say so where the step from the first spectrum to the second is far larger than those after it."""
    if time.size < 6:
        return
    steps = np.sqrt(np.nanmean(np.diff(kept[:6], axis=0) ** 2, axis=1)) / np.diff(time[:6])
    if steps[0] > _APART * max(float(steps[1:3].max()), 1e-300):
        ratio = steps[0] / steps[1]
        text = (
            f"the spectrum at {time[0]:g} s stands apart (the step from it is {ratio:.0f} times the next): "
            f"taken before mixing? leave it out with a window from {time[1]:g} s"
        )
        remarks.append(Remark("first_spectrum_apart", text))


def _ranges(axis: Array, chosen: BoolArray) -> str:
    """Return the chosen stretches of an axis as text, the longest four at most."""
    where = np.flatnonzero(chosen)
    runs = np.split(where, np.flatnonzero(np.diff(where) > 1) + 1)
    longest = sorted(sorted(runs, key=lambda run: -run.size)[:4], key=lambda run: int(run[0]))
    shown = ", ".join(f"{axis[run[0]]:g}-{axis[run[-1]]:g}" for run in longest)
    return shown + (" and more" if len(runs) > 4 else "")


def _left_out(code: str, lost: BoolArray, axis: Array, why: str) -> list[Remark]:
    """Say which wavelengths or spectra (whose `code` it is) were left out; nothing where none was."""
    where = np.flatnonzero(lost)
    if not where.size:
        return []
    what, unit, field = _AXES[code]
    shown = ", ".join(f"{axis[i]:g}" for i in where[:5]) + (" ..." if where.size > 5 else "")
    text = f"{where.size} {what} left out as {why}: {shown} {unit}"
    places: dict[str, Any] = {field: tuple(axis[where].tolist())}
    return [Remark(code, text, int(where.size), **places)]


def fill_in_time(time_s: Array, matrix: Array) -> Array:
    """Return the matrix with NaN cells interpolated along time, column by column."""
    filled = matrix.copy()
    known = np.isfinite(matrix)
    for column in np.flatnonzero(~known.all(axis=0)):
        seen = known[:, column]
        filled[:, column] = np.interp(time_s, time_s[seen], matrix[seen, column])
    return filled
