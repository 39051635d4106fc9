"""A spectral series: a time x wavelength matrix with both axes ascending.

Cells that could not be read (dead pixels, dropouts) are NaN in the matrix and counted in the
remarks; the axes must be finite.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, frozen_array, mask_of, numbers_of, seconds_of
from cxkinetics.calls import checked, checked_fields
from cxkinetics.errors import InputError
from cxkinetics.remarks import Remark
from cxkinetics.signals.storage import Stored
from cxkinetics.signals.trace import Trace, clock_remark
from cxkinetics.source import Source


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectralSeries(Stored):
    """Spectra against time.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Times in s, in any order; durations and dates as for `Trace`.
    wavelength_nm : array_like, shape (m,)
        Wavelengths in nm, in any order, no two equal.
    absorbance : array_like, shape (n, m)
        The signal in `unit`; NaN where a cell is masked, as it is where a masked array is. Spectra
        whose time is masked are left out, and so are masked wavelengths; a remark says so.
    label, unit, source, remarks
        As for `Trace`; `unit` may be "counts" for raw spectra that need a reference.

    Raises
    ------
    InputError
        If shapes do not fit, an axis is not finite, or a wavelength stands twice.

    Examples
    --------
    >>> series = SpectralSeries(time_s=[0, 1], wavelength_nm=[320, 324],
    ...                         absorbance=[[0.8, 0.9], [0.4, np.nan]])
    >>> series.at_wavelength(324).absorbance.tolist()
    [0.9]
    >>> [remark.text for remark in series.at_wavelength(324).remarks]
    ['1 masked readings at 324 nm left out (at 1 s)']
    """

    time_s: Array
    wavelength_nm: Array
    absorbance: Array
    label: str = ""
    unit: str = "AU"
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    SCHEMA = "cxkinetics.spectra/1"
    _figure = "spectra"
    _columns: ClassVar[Mapping[str, str]] = {"time_s": "time (s)"}
    _matrix = ("wavelength_nm", "absorbance", r"time (s) \ wavelength (nm)")

    def __post_init__(self) -> None:
        time, since = seconds_of("time_s", self.time_s)
        wavelength = numbers_of("wavelength_nm", self.wavelength_nm)
        rows = _ascending("time_s", time, mask_of(self.time_s))
        columns = _ascending("wavelength_nm", wavelength, mask_of(self.wavelength_nm))
        matrix = numbers_of("absorbance", self.absorbance)
        if matrix.shape != (time.size, wavelength.size):
            raise InputError(
                f"absorbance has shape {matrix.shape}, but time x wavelength is "
                f"({time.size}, {wavelength.size}); transpose it or check the axes"
            )
        sorted_wavelength = wavelength[columns]
        if np.any(np.diff(sorted_wavelength) == 0):
            twice = sorted_wavelength[np.flatnonzero(np.diff(sorted_wavelength) == 0)[0]]
            raise InputError(f"wavelength {twice:g} nm stands twice; every wavelength must stand once")
        remarks = [clock_remark(since)] if since else []
        if (hidden := mask_of(self.absorbance)) is not None:
            count = int(hidden.sum())
            remarks.append(Remark("masked_cells", f"{count} masked readings", count))
        for places, axis, what in ((rows, time, "times"), (columns, wavelength, "wavelengths")):
            if places.size < axis.size:
                count = axis.size - places.size
                remarks.append(Remark("masked_points", f"{count} masked {what} left out", count))
        if rows.size < time.size or columns.size < wavelength.size or _moved(rows) or _moved(columns):
            matrix = matrix[np.ix_(rows, columns)]
        self._set(
            time_s=frozen_array(time[rows]),
            wavelength_nm=frozen_array(sorted_wavelength),
            absorbance=frozen_array(matrix),
            remarks=(*self.remarks, *remarks),
        )
        self._hash(self.time_s, self.wavelength_nm, self.absorbance)

    @checked()
    def at_wavelength(self, wavelength_nm: float) -> Trace:
        """Return the signal against time at the recorded wavelength nearest to `wavelength_nm`.

        Parameters
        ----------
        wavelength_nm : float
            In nm, inside the recorded range (half a pixel of tolerance).

        Returns
        -------
        Trace
            Masked cells are left out and counted in its remarks; where the nearest pixel is not the
            wavelength asked for, a remark says which was taken.

        Raises
        ------
        InputError
            If the wavelength lies outside the range, or every cell there is masked.
        """
        axis = self.wavelength_nm
        low, high = float(axis[0]), float(axis[-1])
        half_pixel = (high - low) / max(axis.size - 1, 1) / 2
        if not low - half_pixel <= wavelength_nm <= high + half_pixel:
            raise self._outside(wavelength_nm)
        index = int(np.argmin(np.abs(axis - wavelength_nm)))
        column = self.absorbance[:, index]
        known = np.isfinite(column)
        remarks = list(self.remarks)
        if not known.any():
            raise self._refusal(f"every reading at {axis[index]:g} nm is masked", "choose another wavelength")
        if abs(axis[index] - wavelength_nm) > 0.005:
            text = f"read at {axis[index]:g} nm, the pixel nearest to {wavelength_nm:g} nm"
            remarks.append(Remark("nearest_pixel", text))
        if not known.all():
            lost = self.time_s[~known].tolist()
            text = f"{len(lost)} masked readings at {axis[index]:g} nm left out"
            remarks.append(Remark.at("masked_cells", text, len(lost), times_s=lost))
        return Trace(
            time_s=self.time_s[known],
            absorbance=column[known],
            label=f"{self.label} {axis[index]:g} nm".strip(),
            unit=self.unit,
            wavelength_nm=float(axis[index]),
            source=self.source,
            remarks=tuple(remarks),
        )

    @checked()
    def exciton_peak(self, near_nm: float | None = None) -> Trace:
        """Return height and position of the exciton peak against time.

        Parameters
        ----------
        near_nm : float, optional
            Where to look, in nm; by default the strongest peak of the first spectra.

        Returns
        -------
        Trace
            The signal is the peak's height; `peak_nm` and `peak_nm_se` hold its position.

        See Also
        --------
        cxkinetics.signals.peak.track_peak : how it is found.
        """
        from cxkinetics.signals.peak import track_peak

        return track_peak(self, near_nm=near_nm)

    def _outside(self, wavelength_nm: float) -> InputError:
        span = f"the spectra run from {self.wavelength_nm[0]:g} to {self.wavelength_nm[-1]:g} nm"
        return self._refusal(f"no data at {wavelength_nm:g} nm: {span}", "give a wavelength inside the range")

    def __repr__(self) -> str:
        return self._called(
            f"{self.time_s.size} times {self.time_s[0]:g}-{self.time_s[-1]:g} s x "
            f"{self.wavelength_nm.size} wavelengths {self.wavelength_nm[0]:g}-{self.wavelength_nm[-1]:g} nm, "
            f"{self.unit}"
        )


def _ascending(name: str, axis: Array, mask: BoolArray | None) -> IntArray:
    """Return the places of an axis in ascending order, those masked left out."""
    if axis.ndim != 1 or axis.size == 0:
        raise InputError(f"{name} has shape {axis.shape}; an axis needs one dimension and at least one value")
    keep = np.ones(axis.size, dtype=bool) if mask is None else ~mask
    if not keep.any():
        raise InputError(f"all {axis.size} values of {name} are masked; an axis needs at least one value")
    off = np.flatnonzero(~np.isfinite(axis) & keep)
    if off.size:
        raise InputError(f"{name}[{off[0]}] is {axis[off[0]]}; an axis must be finite")
    return np.flatnonzero(keep)[np.argsort(axis[keep], kind="stable")]


def _moved(places: IntArray) -> bool:
    return bool(np.any(np.diff(places) < 0))
