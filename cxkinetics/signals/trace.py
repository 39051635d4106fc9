"""A trace: one signal against time, sorted, finite and frozen.

Times are in s. The signal is an absorbance unless `unit` says otherwise (a concentration column
keeps its unit). Saturation, dropouts and missing cells are screened by `load`, not here; here a
value that is not finite is refused, with its index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, BoolArray, frozen_array, mask_of, numbers_of, seconds_of
from cxkinetics.calls import checked_fields
from cxkinetics.errors import InputError
from cxkinetics.remarks import Remark
from cxkinetics.signals.storage import Stored
from cxkinetics.source import Source


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace(Stored):
    """One signal against time.

    Parameters
    ----------
    time_s : array_like, shape (n,)
        Times in s, in any order; equal times are allowed (replicate readings). Durations
        (`timedelta64`, `pandas.to_timedelta`) are turned into s; dates (`datetime64`) count from
        the earliest, which a remark says.
    absorbance : array_like, shape (n,)
        The signal, in `unit`.
    sigma : array_like, shape (n,), optional
        Standard deviation of each point in `unit`, positive; only ratios matter unless a fit is
        told to take it at its word.
    label : str
        Name of the trace.
    unit : str
        Unit of the signal; "AU" (absorbance units) by default.
    wavelength_nm : float, optional
        Where it was read.
    peak_nm : array_like, shape (n,), optional
        Position of the tracked peak at each time, in nm.
    peak_nm_se : array_like, shape (n,), optional
        Standard error of that position, in nm.
    source : Source
        Provenance.
    remarks : tuple of Remark
        What was assumed, converted or masked on the way here.

    Points that a masked array masks in time, signal or sigma are left out, which a remark says.

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, or a sigma is not positive.

    Examples
    --------
    >>> trace = Trace(time_s=[2, 0, 1], absorbance=[0.5, 0.9, 0.7], label="run 3")
    >>> trace.absorbance.tolist()
    [0.9, 0.7, 0.5]
    """

    time_s: Array
    absorbance: Array
    sigma: Array | None = None
    label: str = ""
    unit: str = "AU"
    wavelength_nm: float | None = None
    peak_nm: Array | None = None
    peak_nm_se: Array | None = None
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    SCHEMA = "cxkinetics.trace/1"
    _figure = "trace"
    _columns: ClassVar[Mapping[str, str]] = {
        "time_s": "time (s)",
        "absorbance": "signal",
        "sigma": "sigma",
        "peak_nm": "peak position (nm)",
        "peak_nm_se": "standard error of the peak position (nm)",
    }

    def __post_init__(self) -> None:
        time, since = seconds_of("time_s", self.time_s)
        columns = {"time_s": _column("time_s", time)}
        masked = mask_of(self.time_s)
        for name in list(self._columns)[1:]:
            given: ArrayLike | None = getattr(self, name)
            if given is None and name == "absorbance":
                raise InputError("absorbance is None; give one value per time")
            if given is None:
                continue
            column = columns[name] = _column(name, numbers_of(name, given))
            if column.size != time.size:
                raise InputError(
                    f"{name} has {column.size} values but time_s has {time.size}; give one value per time"
                )
            mask = None if name.startswith("peak") else mask_of(given)
            masked = mask if masked is None else masked if mask is None else masked | mask
        keep = np.ones(time.size, dtype=bool) if masked is None else ~masked
        for name in [name for name in columns if not name.startswith("peak")]:
            _require_finite(name, columns[name], keep)
        order = np.flatnonzero(keep)[np.argsort(time[keep], kind="stable")]
        self._set(**{name: frozen_array(column[order]) for name, column in columns.items()})
        self._set(remarks=(*self.remarks, *_conversions(since, time, keep)))
        if self.sigma is not None and not np.all(self.sigma > 0):
            index = int(np.flatnonzero(self.sigma <= 0)[0])
            raise InputError(
                f"sigma is {self.sigma[index]:g} at t = {self.time_s[index]:g} s; it must be positive"
            )
        self._hash(self.time_s, self.absorbance)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.time_s.size)

    def peak_position(self) -> "Trace":
        """Return the position of the tracked peak against time as a trace in nm.

        Raises
        ------
        InputError
            If this trace was not made by tracking a peak.
        """
        if self.peak_nm is None:
            raise InputError(
                "this trace holds no peak position; make it with SpectralSeries.exciton_peak(near_nm=...)"
            )
        known = np.isfinite(self.peak_nm)
        errors = None if self.peak_nm_se is None else self.peak_nm_se[known]
        if errors is not None and not np.all(np.isfinite(errors) & (errors > 0)):
            errors = None
        return Trace(
            time_s=self.time_s[known],
            absorbance=self.peak_nm[known],
            sigma=errors,
            label=f"{self.label} peak position".strip(),
            unit="nm",
            source=self.source,
            remarks=self.remarks,
        )

    def select(self, keep: ArrayLike, *remarks: Remark) -> "Trace":
        """Return the points where the mask `keep` (shape (n,)) is true, with `remarks` added."""
        return self._rows(keep, *remarks)

    def __repr__(self) -> str:
        if not self.n_points:
            return self._called("0 points")
        return self._called(
            f"{self.n_points} points, {self.time_s[0]:g}-{self.time_s[-1]:g} s, "
            f"{self.absorbance.min():.4g}-{self.absorbance.max():.4g} {self.unit}"
        )


def _column(name: str, column: Array) -> Array:
    if column.ndim != 1:
        raise InputError(f"{name} has shape {column.shape}; a trace needs one dimension")
    return column


def _require_finite(name: str, column: Array, keep: BoolArray) -> None:
    off = np.flatnonzero(~np.isfinite(column) & keep)
    if off.size:
        raise InputError(
            f"{name}[{off[0]}] is {column[off[0]]}; load() masks such values and says so, here drop it first"
        )


def _conversions(since: str, time: Array, keep: BoolArray) -> list[Remark]:
    """Return the remarks on times that were dates and on points that were masked."""
    said = [clock_remark(since)] if since else []
    if not keep.all():
        count = int((~keep).sum())
        places = time[~keep & np.isfinite(time)]
        text = f"{count} masked points left out"
        said.append(Remark.at("masked_points", text, count, times_s=places.tolist()))
    return said


def clock_remark(since: str) -> Remark:
    """Return the remark on times that were given as dates."""
    return Remark("clock_times", f"the times are dates: time counts from the earliest, {since}")
