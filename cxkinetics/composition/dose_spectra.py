"""Spectra of a dose series: end of the peak's shift, onset of the loss, loss at each dose.

The exciton peak is tracked from dose to dose. Its position rises and then stays (dilute doping is
complete), its height stays and then falls (clusters are lost): two hinges, each with the interval of
its profile. Loss of absorbance is an optical conversion; the share turned into product, by the dose
curve, stands beside it with the gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, numbers_of, same_array
from cxkinetics.errors import InputError
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.source import Source

__all__ = ["DoseSpectra"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseSpectra:
    """Spectra against dose.

    Parameters
    ----------
    dose_percent : array_like, shape (n,)
        Guest added, percent of the host cation; in any order.
    wavelength_nm : array_like, shape (m,)
        Wavelengths, nm.
    absorbance : array_like, shape (n, m)
        Absorbance; NaN where a cell is masked.
    label, source, remarks
        As for `SpectralSeries`.

    Raises
    ------
    InputError
        If shapes do not fit or a dose is negative.

    Examples
    --------
    >>> spectra = DoseSpectra(dose_percent=[50, 0], wavelength_nm=[320, 324],
    ...                       absorbance=[[0.4, 0.5], [0.8, 0.9]])
    >>> spectra.dose_percent.tolist(), spectra.absorbance[0].tolist()
    ([0.0, 50.0], [0.8, 0.9])
    """

    dose_percent: Array
    wavelength_nm: Array
    absorbance: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        dose = numbers_of("dose_percent", self.dose_percent)
        if dose.ndim == 1 and dose.size and np.any(~np.isfinite(dose) | (dose < 0)):
            raise InputError(f"dose {dose[~np.isfinite(dose) | (dose < 0)][0]:g} % must be 0 or more")
        series = SpectralSeries(
            time_s=dose,
            wavelength_nm=self.wavelength_nm,
            absorbance=self.absorbance,
            source=self.source,
        )
        object.__setattr__(self, "dose_percent", frozen_array(series.time_s))
        object.__setattr__(self, "wavelength_nm", series.wavelength_nm)
        object.__setattr__(self, "absorbance", series.absorbance)
        object.__setattr__(self, "source", series.source)

    @classmethod
    def from_series(
        cls, series: SpectralSeries, doses_percent: Any | None = None, *, factor: float = 1.0
    ) -> "DoseSpectra":
        """Return spectra whose rows are doses.

        Parameters
        ----------
        series : SpectralSeries
            As `load` reads a dose x wavelength table: what it takes for times are the doses.
        doses_percent : array_like, optional
            Doses of the rows; the rows' own numbers by default.
        factor : float
            Multiplied onto the rows' own numbers (100 for mol/mol).
        """
        remarks = tuple(r for r in series.remarks if not r.code.startswith("time_unit"))
        return cls(
            dose_percent=series.time_s * factor if doses_percent is None else doses_percent,
            wavelength_nm=series.wavelength_nm,
            absorbance=series.absorbance,
            label=series.label,
            source=series.source,
            remarks=remarks,
        )

    def as_series(self) -> SpectralSeries:
        """Return the spectra with the dose standing where a series has its time."""
        return SpectralSeries(
            time_s=self.dose_percent,
            wavelength_nm=self.wavelength_nm,
            absorbance=self.absorbance,
            label=self.label,
            source=self.source,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as a JSON-ready mapping."""
        record = self.as_series().to_dict()
        record["dose_percent"] = record.pop("time_s")
        record.pop("unit")
        return record | {"remarks": [remark.to_dict() for remark in self.remarks]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "DoseSpectra":
        """Return the spectra that `to_dict` wrote."""
        fields = dict(record)
        fields["absorbance"] = np.array(fields["absorbance"], dtype=np.float64)
        fields["source"] = Source.from_dict(fields["source"])
        fields["remarks"] = tuple(Remark.from_dict(item) for item in fields["remarks"])
        return cls(**fields)

    def with_remarks(self, *remarks: Remark) -> "DoseSpectra":
        """Return the same spectra with `remarks` added."""
        return replace(self, remarks=(*self.remarks, *remarks))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DoseSpectra):
            return NotImplemented
        arrays = ("dose_percent", "wavelength_nm", "absorbance")
        return all(same_array(getattr(self, a), getattr(other, a)) for a in arrays) and (
            self.label,
            self.source,
            self.remarks,
        ) == (other.label, other.source, other.remarks)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        low, high = float(self.dose_percent[0]), float(self.dose_percent[-1])
        return (
            f"DoseSpectra({self.dose_percent.size} doses {low:g}-{high:g} % x {self.wavelength_nm.size} nm)"
        )
