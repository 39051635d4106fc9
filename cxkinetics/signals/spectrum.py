"""A spectrum that serves as evidence: counts against m/z, binding energy or diffraction angle.

It is sorted, finite and frozen. Counts below zero are refused (a detector counts upwards), unless
the spectrum is said to be background-subtracted. A list of peak masses is a `PeakList`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, frozen_array, numbers_of
from cxkinetics.calls import checked_fields
from cxkinetics.errors import InputError
from cxkinetics.remarks import Remark
from cxkinetics.signals.storage import Signal, Stored
from cxkinetics.source import Source

if TYPE_CHECKING:
    import pandas as pd

FEWEST_POINTS = 10


@dataclass(frozen=True, slots=True)
class AxisKind:
    """What the abscissa of a technique is: its name, unit and the range that can be meant."""

    name: str
    unit: str
    low: float
    high: float
    remedy: str


_BINDING = "give binding energies, or kinetic ones with the photon energy"
AXES: Mapping[str, AxisKind] = MappingProxyType(
    {
        "ms": AxisKind("m/z", "Da", 1.0, 1e6, "give m/z in Da (not flight times or channel numbers)"),
        "xps": AxisKind("binding energy", "eV", -30.0, 1500.0, _BINDING),
        "xrd": AxisKind("2theta", "degree", 0.0, 180.0, "give 2theta in degrees (not d or q)"),
    }
)
"""Technique -> its axis."""


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum(Stored):
    """Counts against one axis.

    Parameters
    ----------
    kind : str
        "ms" (m/z, Da), "xps" (binding energy, eV) or "xrd" (2theta, degrees).
    axis : array_like, shape (n,)
        Abscissa in the unit of `kind`, in any order, each value once.
    counts : array_like, shape (n,)
        Intensity; not negative unless `background_subtracted`.
    label : str
        Name of the sample.
    unit : str
        Unit of the intensity.
    background_subtracted : bool
        True where a background has been taken off: negative values are then allowed, and no
        counting statistics are assumed.
    source, remarks
        Provenance, and what was assumed on the way here.

    Raises
    ------
    InputError
        If lengths differ, there are fewer than 10 points, a value is not finite, the axis cannot be
        what it is said to be or repeats a value, all counts are equal, or one is negative.

    Examples
    --------
    >>> Spectrum(kind="xrd", axis=range(20, 60), counts=range(40)).n_points
    40
    """

    kind: str
    axis: Array
    counts: Array
    label: str = ""
    unit: str = "counts"
    background_subtracted: bool = False
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    SCHEMA = "cxkinetics.spectrum/1"
    _figure = "spectrum"
    _columns: ClassVar[Mapping[str, str]] = {"axis": "axis", "counts": "counts"}

    def __post_init__(self) -> None:
        if self.kind not in AXES:
            raise InputError(f"kind is {self.kind!r}; it must be one of {', '.join(AXES)}")
        name = AXES[self.kind].name
        axis, counts = _column(name, self.axis), _column(self.unit, self.counts)
        if axis.size != counts.size:
            raise InputError(f"{name} has {axis.size} values but {self.unit} has {counts.size}")
        if axis.size < FEWEST_POINTS:
            raise InputError(
                f"the spectrum holds {axis.size} points; at least {FEWEST_POINTS} are needed",
                remedy="export the whole spectrum, not a peak list" if self.kind != "ms" else None,
            )
        order = np.argsort(axis, kind="stable")
        axis, counts = axis[order], counts[order]
        _check_axis(self.kind, axis)
        _check_counts(self, axis, counts)
        self._set(axis=frozen_array(axis), counts=frozen_array(counts))
        self._hash(self.axis, self.counts)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.axis.size)

    @property
    def axis_name(self) -> str:
        """Name of the axis with its unit."""
        kind = AXES[self.kind]
        return f"{kind.name} / {kind.unit}"

    def between(self, low: float, high: float) -> "Spectrum":
        """Return the part between `low` and `high` (both included).

        Raises
        ------
        InputError
            If fewer than 10 points lie there.
        """
        keep = (self.axis >= low) & (self.axis <= high)
        number = int(keep.sum())
        if number < FEWEST_POINTS:
            unit, first, last = AXES[self.kind].unit, self.axis[0], self.axis[-1]
            raise self._refusal(
                f"{number} of {self.n_points} points lie between {low:g} and {high:g} {unit} (at least "
                f"{FEWEST_POINTS} are needed); the spectrum runs from {first:g} to {last:g} {unit}",
                "choose another range, or check that the axis is what its header says",
            )
        return replace(self, axis=self.axis[keep], counts=self.counts[keep])

    def __repr__(self) -> str:
        return self._called(
            f"{self.kind}, {self.n_points} points, {self.axis[0]:g}-{self.axis[-1]:g} "
            f"{AXES[self.kind].unit}, {self.counts.min():g}-{self.counts.max():g} {self.unit}"
        )


@checked_fields("stated", "label", "source", "remarks")
@dataclass(frozen=True, slots=True, kw_only=True)
class PeakList(Signal):
    """Masses of peaks, as printed or picked, with what they were assigned to.

    Attributes
    ----------
    mz : tuple of float
        m/z in Da.
    stated : tuple of str
        The formula each was assigned to; "" where none is stated.
    intensity : tuple of float
        Heights; empty where not known.
    label, source, remarks
        As for `Spectrum`.

    Raises
    ------
    InputError
        If there is no peak, lengths differ, or a mass is not a positive number.

    Examples
    --------
    >>> peaks = PeakList(mz=[4880.1, 4875.5], stated=["Cd34S33", ""])
    >>> peaks.mz, peaks.stated
    ((4880.1, 4875.5), ('Cd34S33', ''))
    """

    mz: tuple[float, ...]
    stated: tuple[str, ...] = ()
    intensity: tuple[float, ...] = ()
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    SCHEMA = "cxkinetics.peak-list/1"
    _figure = "peaks"

    def __post_init__(self) -> None:
        masses = _column("m/z", self.mz)
        if masses.size == 0:
            raise InputError("the peak list is empty; give at least one m/z")
        _check_axis("ms", masses, distinct=False)
        self._set(
            mz=tuple(masses.tolist()),
            stated=tuple(self.stated) or ("",) * masses.size,
            intensity=tuple(numbers_of("intensity", self.intensity).ravel().tolist()),
        )
        for name, values in (("stated", self.stated), ("intensity", self.intensity)):
            if values and len(values) != masses.size:
                raise InputError(f"{name} has {len(values)} values but m/z has {masses.size}")

    def table(self) -> "pd.DataFrame":
        """Return the peaks as a DataFrame: mz, stated and, where known, intensity."""
        import pandas as pd

        columns = {"mz": self.mz, "stated": self.stated, "intensity": self.intensity}
        return pd.DataFrame({name: list(column) for name, column in columns.items() if column})

    def _short(self) -> str:
        return self._called(f"{len(self.mz)} peaks, {min(self.mz):g}-{max(self.mz):g} Da")


def _column(name: str, values: ArrayLike) -> Array:
    column = numbers_of(name, values)
    if column.ndim != 1:
        raise InputError(f"{name} has shape {column.shape}; it needs one dimension")
    if not np.all(np.isfinite(column)):
        index = int(np.flatnonzero(~np.isfinite(column))[0])
        raise InputError(f"{name}[{index}] is {column[index]}; drop it first")
    return column


def _check_axis(kind: str, axis: Array, *, distinct: bool = True) -> None:
    meant = AXES[kind]
    off = axis[(axis < meant.low) | (axis > meant.high)]
    if off.size:
        where = f" at {off.size} of {axis.size} points" if off.size > 1 else ","
        text = f"{meant.name} is {off[0]:g}{where} beyond {meant.low:g} to {meant.high:g} {meant.unit}"
        raise InputError(text, value=f"{off[0]:g}", remedy=meant.remedy)
    if distinct:
        ordered = np.sort(axis)
        twice = np.flatnonzero(np.diff(ordered) == 0)
        if twice.size:
            value = float(ordered[twice[0]])
            raise InputError(
                f"{meant.name} {value:g} {meant.unit} stands {int((axis == value).sum())} times "
                f"({twice.size} repeats in all)",
                value=f"{value:g}",
                remedy="average repeated scans first, or export them as separate files",
            )


def _check_counts(spectrum: Spectrum, axis: Array, counts: Array) -> None:
    meant = AXES[spectrum.kind]
    negative = np.flatnonzero(counts < 0)
    if negative.size and not spectrum.background_subtracted:
        first = int(negative[0])
        raise InputError(
            f"{negative.size} of {counts.size} counts are negative, the first {counts[first]:g} at "
            f"{axis[first]:g} {meant.unit}; a detector counts from 0 upwards",
            value=f"{counts[first]:g}",
            remedy="export raw counts, or say that a background was subtracted (--background-subtracted)",
        )
    if np.ptp(counts) == 0:
        text = f"all {counts.size} counts are {counts[0]:g}: there is no spectrum in it"
        raise InputError(text, value=f"{counts[0]:g}", remedy="check which column holds the intensity")
