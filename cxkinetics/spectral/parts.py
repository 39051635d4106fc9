"""The parts of a whole-spectrum fit's result: rate constants, species, orders, noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none

__all__ = ["OrderVerdict", "RateConstant", "SpeciesOrder", "SpeciesSpectra", "SpectralNoise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateConstant:
    """One rate constant of the scheme: its steps and its estimate in 1/s."""

    name: str
    steps: str
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: name, steps and the number's fields."""
        return {"name": self.name, "steps": self.steps, **self.estimate.to_dict()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "RateConstant":
        """Return the rate constant that `to_dict` wrote."""
        estimate = Estimate.from_dict(record["name"], record)
        return cls(name=record["name"], steps=record["steps"], estimate=estimate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesSpectra:
    """Spectra of the species in one run.

    Attributes
    ----------
    label : str
        Of the run.
    species : tuple of str
        Names, in the order of the scheme.
    wavelength_nm : Array, shape (m,)
        Wavelengths.
    values, errors : Array, shape (species, m)
        Signal per unit concentration and its standard error (rate constants' uncertainty included);
        NaN where the data do not determine it; errors of known spectra are zero.
    """

    label: str
    species: tuple[str, ...]
    wavelength_nm: Array
    values: Array
    errors: Array

    def __post_init__(self) -> None:
        for name in ("wavelength_nm", "values", "errors"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: for each species its values and errors on the wavelength axis."""
        return {
            "label": self.label,
            "wavelength_nm": self.wavelength_nm.tolist(),
            "species": {
                name: {"value": _listed(self.values[i]), "se": _listed(self.errors[i])}
                for i, name in enumerate(self.species)
            },
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SpeciesSpectra":
        """Return the spectra that `to_dict` wrote."""
        species = record["species"]
        return cls(
            label=record["label"],
            species=tuple(species),
            wavelength_nm=frozen_array(record["wavelength_nm"]),
            values=frozen_array([_unlisted(item["value"]) for item in species.values()]),
            errors=frozen_array([_unlisted(item["se"]) for item in species.values()]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpeciesSpectra):
            return NotImplemented
        return (self.label, self.species) == (other.label, other.species) and all(
            same_array(getattr(self, name), getattr(other, name))
            for name in ("wavelength_nm", "values", "errors")
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesOrder:
    """One way of giving the observed rate constants to the steps.

    Attributes
    ----------
    rates_per_s : mapping
        Rate constants by name, 1/s.
    rss : float
        Misfit; equal for all orders where all spectra are free.
    negative : mapping
        Species whose spectrum is negative beyond its errors -> the deepest value over the highest
        (a fraction below zero).
    """

    rates_per_s: Mapping[str, float]
    rss: float
    negative: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"rates_per_s": dict(self.rates_per_s), "rss": self.rss, "negative": dict(self.negative)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SpeciesOrder":
        """Return the order that `to_dict` wrote."""
        return cls(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVerdict:
    """Which order of the species holds, and which test decides.

    Attributes
    ----------
    decided_by : str
        "only_order" (the scheme has one), "non_negative_spectra", "known_spectrum", "misfit", or
        "undecided".
    text : str
        One sentence with the numbers.
    orders : tuple of SpeciesOrder
        All orders that fit, the reported one first.
    """

    decided_by: str
    text: str
    orders: tuple[SpeciesOrder, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "decided_by": self.decided_by,
            "text": self.text,
            "orders": [order.to_dict() for order in self.orders],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "OrderVerdict":
        """Return the verdict that `to_dict` wrote."""
        orders = tuple(SpeciesOrder.from_dict(item) for item in record["orders"])
        return cls(decided_by=record["decided_by"], text=record["text"], orders=orders)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralNoise:
    """The noise about a global fit.

    Attributes
    ----------
    sd : float or None
        Of one reading, in the unit of the signal.
    ar1 : float
        Correlation between neighbouring times that was whitened away (0: none).
    lag1_autocorrelation : float or None
        Of the residuals, pooled over the wavelengths, before whitening.
    effective_wavelengths : float or None
        How many independent wavelengths would vary as much as these do together.
    error_factor : float
        By how much standard errors were widened because wavelengths move together (1: not at all).
    weights : str
        "none", "given" or "auto" (by the residuals of each wavelength).
    """

    sd: float | None
    ar1: float
    lag1_autocorrelation: float | None
    effective_wavelengths: float | None
    error_factor: float
    weights: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "sd": finite_or_none(self.sd),
            "ar1": self.ar1,
            "lag1_autocorrelation": finite_or_none(self.lag1_autocorrelation),
            "effective_wavelengths": finite_or_none(self.effective_wavelengths),
            "error_factor": self.error_factor,
            "weights": self.weights,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SpectralNoise":
        """Return the noise that `to_dict` wrote."""
        return cls(**record)


def _listed(row: Array) -> list[float | None]:
    return [finite_or_none(value) for value in row.tolist()]


def _unlisted(row: list[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in row]
