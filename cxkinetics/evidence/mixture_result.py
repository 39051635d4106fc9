"""The result of a mixture fit: mean number of guests, shares, and what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.source import Source

__all__ = ["MixtureFit"]

_ARRAYS = ("covariance", "mz", "counts", "components", "baseline")
_PLAIN = ("guests_per_da", "shape_cosine", "signal_to_noise", "noise_sd", "lag1_autocorrelation", "label")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixtureFit(Presentable):
    """Shares of clusters with 0, 1, 2, ... guests.

    Attributes
    ----------
    species : tuple of str
        Formulae, undoped first (of the likelier kind of compensation).
    fractions : tuple of Estimate
        Share of each among them (number fractions, equal ionisation yields assumed).
    covariance : Array, shape (m, m)
        Covariance of the shares.
    mean_guests : Estimate
        Mean number of guests per cluster: what the spectrum says most directly.
    shift_da : Estimate
        Calibration shift, Da.
    compensation_weights : mapping of str to float
        Posterior weight of "none" and "full" (a proton per guest).
    guests_per_da : float
        How far 1 Da of calibration moves the mean number of guests.
    shape_cosine : float
        Likeness of the envelopes without and with most guests under a free shift (1: the same).
    signal_to_noise : float
        Height of the fitted group over the noise.
    noise_sd : float
        Standard deviation of the residuals, counts.
    lag1_autocorrelation : float
        Correlation of neighbouring residuals.
    options : mapping
        Every option of the fit.
    mz, counts : Array, shape (n,)
        The window that was fitted.
    components : Array, shape (m + others, n)
        Fitted envelope of each species.
    baseline : Array, shape (n,)
        Fitted straight baseline.
    label, source, remarks
        As for the spectrum.
    """

    species: tuple[str, ...]
    fractions: tuple[Estimate, ...]
    covariance: Array
    mean_guests: Estimate
    shift_da: Estimate
    compensation_weights: Mapping[str, float]
    guests_per_da: float
    shape_cosine: float
    signal_to_noise: float
    noise_sd: float
    lag1_autocorrelation: float
    options: Mapping[str, Any]
    mz: Array
    counts: Array
    components: Array
    baseline: Array
    label: str = ""
    source: Source = field(default_factory=Source)
    remarks: tuple[Remark, ...] = ()

    @property
    def fit(self) -> Array:
        """The fitted spectrum, shape (n,)."""
        total: Array = self.components.sum(axis=0) + self.baseline
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "species": list(self.species),
            "mean_guests": self.mean_guests.to_dict(),
            "fractions": {
                name: share.to_dict() for name, share in zip(self.species, self.fractions, strict=True)
            },
            "shift_da": self.shift_da.to_dict(),
            "compensation_weights": dict(self.compensation_weights),
            **{name: value for name in _PLAIN if (value := _plain(getattr(self, name))) is not None},
            "options": dict(self.options),
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "source": self.source.to_dict(),
            "warnings": [remark.to_dict() for remark in self.remarks],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "MixtureFit":
        """Return the fit that `to_dict` wrote."""
        guest = record["options"]["guest"]
        plain: dict[str, Any] = {name: record.get(name, float("inf")) for name in _PLAIN}
        arrays: dict[str, Any] = {name: frozen_array(np.array(record[name], dtype=float)) for name in _ARRAYS}
        return cls(
            species=tuple(record["species"]),
            fractions=tuple(Estimate.from_dict(n, record["fractions"][n]) for n in record["species"]),
            mean_guests=Estimate.from_dict(f"mean {guest} per cluster", record["mean_guests"]),
            shift_da=Estimate.from_dict("calibration shift", record["shift_da"]),
            compensation_weights=dict(record["compensation_weights"]),
            options=dict(record["options"]),
            **plain,
            **arrays,
            source=Source.from_dict(record["source"]),
            remarks=tuple(Remark.from_dict(item) for item in record["warnings"]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MixtureFit):
            return NotImplemented
        plain = ("species", "fractions", "mean_guests", "shift_da", "compensation_weights", "options")
        return all(same_array(getattr(self, name), getattr(other, name)) for name in _ARRAYS) and all(
            getattr(self, name) == getattr(other, name) for name in (*plain, *_PLAIN, "source", "remarks")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{n} {e.format_value()}" for n, e in zip(self.species, self.fractions, strict=True)
        )
        return f"MixtureFit({shares}; mean {self.mean_guests.format_value()})"


def _plain(value: object) -> object:
    return finite_or_none(value) if isinstance(value, float) else value
