"""What a whole-spectrum fit returns: frozen, with units, provenance and every number's interval."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, frozen_array, same_array
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.remarks import Remark
from cxkinetics.signals.documents import read_result
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.network import concentrations, network_of
from cxkinetics.spectral.rank import Rank
from cxkinetics.spectral.scheme import parse_scheme
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd


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


SPECTRA_SCHEMA = "cxkinetics.spectra-fit/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectraFit(Presentable):
    """A global fit of one or several spectral series with a first-order scheme.

    Attributes
    ----------
    series : tuple of SpectralSeries
        What was fitted (after window, range, masks and subtracted baseline); times count from t0.
    scheme : str
        The scheme as written.
    options : mapping
        Every option that shaped the result.
    rates : tuple of RateConstant
        Rate constants with their steps.
    breakpoints_s : tuple of Estimate
        Where the rate constants change, s, for staged schemes.
    observed_rates : tuple of Estimate
        Decay rates that the spectra show (eigenvalues of the rate matrix of the first stage), 1/s,
        fastest first; determined even where single rate constants are not.
    rates_per_s, breaks_s : Array
        The point at which profiles and fit are computed (an undetermined rate constant has a value
        here too, which means nothing by itself).
    spectra : tuple of SpeciesSpectra
        Spectra of the species, one set per run.
    baselines : tuple of Array, shape (n, q)
        Coefficients of the baseline fitted with the kinetics, per run (q = 0 without).
    parameter_names, covariance
        Covariance of ln k and breakpoints, shape (p, p); NaN where not determined.
    rank : Rank
        Of the first run.
    rss, n_cells, n_amplitudes, dof, redchi, aicc, bic : numbers
        dof = n_cells - n_amplitudes - parameters; redchi is the variance of one reading (in units of
        the weights, where weights were used).
    noise, order, warnings, flags
        See their classes; flags name what a program should look at.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> fit = cx.fit_spectra(cx.load_example("ag-cds"), "A -> B | A -> B", intervals="wald")
    >>> fit.species, [round(k.value, 2) for k in fit.rate_constants], round(fit.breakpoints_s[0].value)
    (('A', 'B'), [0.06, 0.02], 20)
    """

    series: tuple[SpectralSeries, ...]
    scheme: str
    options: Mapping[str, Any]
    rates: tuple[RateConstant, ...]
    breakpoints_s: tuple[Estimate, ...]
    observed_rates: tuple[Estimate, ...]
    rates_per_s: Array
    breaks_s: Array
    spectra: tuple[SpeciesSpectra, ...]
    baselines: tuple[Array, ...]
    parameter_names: tuple[str, ...]
    covariance: Array
    rank: Rank
    rss: float
    n_cells: int
    n_amplitudes: int
    dof: int
    redchi: float
    aicc: float | None
    bic: float | None
    noise: SpectralNoise
    order: OrderVerdict
    warnings: tuple[Remark, ...] = ()
    flags: tuple[str, ...] = ()
    seed: int = 0
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ("rates_per_s", "breaks_s", "covariance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        object.__setattr__(self, "baselines", tuple(frozen_array(b) for b in self.baselines))

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species, in the order of the scheme."""
        return self.spectra[0].species

    @property
    def rate_constants(self) -> list[Estimate]:
        """The rate constants, 1/s, in the order of the scheme."""
        return [rate.estimate for rate in self.rates]

    @property
    def species_spectra(self) -> "pd.DataFrame":
        """Species spectra: rows are wavelengths (nm), columns species (and runs, where several)."""
        return self._frame("values")

    @property
    def species_spectra_se(self) -> "pd.DataFrame":
        """Standard errors of `species_spectra`, in the same shape."""
        return self._frame("errors")

    def _frame(self, part: str) -> "pd.DataFrame":
        import pandas as pd

        frames = [
            pd.DataFrame(
                getattr(item, part).T,
                index=pd.Index(item.wavelength_nm, name="wavelength_nm"),
                columns=pd.Index(item.species, name="species"),
            )
            for item in self.spectra
        ]
        if len(frames) == 1:
            return frames[0]
        names = [item.label or f"run {i}" for i, item in enumerate(self.spectra, 1)]
        return pd.concat(frames, axis=1, keys=names, names=["run"])

    def concentrations(self, time_s: ArrayLike) -> Array:
        """Return the fitted concentrations at times (s, counted from t0), shape (n, species)."""
        time = np.asarray(time_s, dtype=np.float64)
        order = np.argsort(time, kind="stable")
        network = network_of(parse_scheme(self.scheme), self.options.get("initial"))
        value = np.empty((time.size, len(self.species)))
        value[order], _ = concentrations(network, time[order], self.rates_per_s, self.breaks_s)
        return value

    def fitted(self, run: int = 0) -> Array:
        """Return the fitted spectra of one run (counted from 0), shape (n, m)."""
        from cxkinetics.spectral.prepare import baseline_functions

        item, series = self.spectra[run], self.series[run]
        model = self.concentrations(series.time_s) @ np.nan_to_num(self._whole_spectra(run))
        if self.baselines[run].shape[1]:
            kind, power = self.options["baseline"], self.options["baseline_power"]
            model += self.baselines[run] @ baseline_functions(kind, item.wavelength_nm, power)
        return model

    def residuals(self, run: int = 0) -> Array:
        """Return data minus fit of one run, shape (n, m); NaN where a cell is masked."""
        left: Array = self.series[run].absorbance - self.fitted(run)
        return left

    def _whole_spectra(self, run: int) -> Array:
        """Spectra with those not determined by themselves filled by the least-norm solution."""
        item, series = self.spectra[run], self.series[run]
        if np.isfinite(item.values).all():
            return item.values
        from cxkinetics.spectral.prepare import fill_in_time

        known = np.isfinite(item.values).all(axis=1)
        profiles = self.concentrations(series.time_s)
        data = fill_in_time(series.time_s, series.absorbance)
        values = item.values.copy()
        rest = data - profiles[:, known] @ item.values[known]
        values[~known] = np.linalg.lstsq(profiles[:, ~known], rest, rcond=1e-9)[0]
        return values

    def table(self) -> "pd.DataFrame":
        """Return one row per fitted number: value, se, low, high, unit, method, reason."""
        import pandas as pd

        rows = [(f"{rate.name} ({rate.steps})", rate.estimate) for rate in self.rates]
        rows += [(f"breakpoint {i}", estimate) for i, estimate in enumerate(self.breakpoints_s, 1)]
        rows += [(f"observed rate {i}", estimate) for i, estimate in enumerate(self.observed_rates, 1)]
        columns = ("value", "se", "low", "high", "unit", "method", "reason")
        return pd.DataFrame(
            [[getattr(estimate, column) for column in columns] for _, estimate in rows],
            index=pd.Index([name for name, _ in rows], name="quantity"),
            columns=list(columns),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of the documented schema."""
        first = self.series[0]
        return {
            "schema": SPECTRA_SCHEMA,
            "version": self.version,
            "runs": [
                {
                    "file": item.source.file,
                    "sha256": item.source.sha256,
                    "label": item.label,
                    "n_spectra": int(item.time_s.size),
                    "n_wavelengths": int(item.wavelength_nm.size),
                    "t_start_s": float(item.time_s[0]),
                    "t_end_s": float(item.time_s[-1]),
                    "simulated": item.source.simulated,
                }
                for item in self.series
            ],
            "unit": first.unit,
            "scheme": self.scheme,
            "species": list(self.species),
            "options": dict(self.options),
            "seed": self.seed,
            "rate_constants": [rate.to_dict() for rate in self.rates],
            "breakpoints_s": [estimate.to_dict() for estimate in self.breakpoints_s],
            "observed_rates": [estimate.to_dict() for estimate in self.observed_rates],
            "order": self.order.to_dict(),
            "rank": self.rank.to_dict(),
            "rss": self.rss,
            "n_cells": self.n_cells,
            "n_amplitudes": self.n_amplitudes,
            "dof": self.dof,
            "redchi": finite_or_none(self.redchi),
            "aicc": finite_or_none(self.aicc),
            "bic": finite_or_none(self.bic),
            "noise": self.noise.to_dict(),
            "species_spectra": [item.to_dict() for item in self.spectra],
            "warnings": [remark.to_dict() for remark in self.warnings],
            "flags": list(self.flags),
        }

    def to_json(self) -> str:
        """Return the whole result, data and covariance included, as JSON text."""
        data = {
            "series": [item.to_dict() for item in self.series],
            "rates_per_s": self.rates_per_s.tolist(),
            "breaks_s": self.breaks_s.tolist(),
            "baselines": [item.tolist() for item in self.baselines],
            "parameter_names": list(self.parameter_names),
            "covariance": [[finite_or_none(v) for v in row] for row in self.covariance.tolist()],
            "rank_in_time": self.rank.in_time.tolist(),
            "rank_in_wavelength": self.rank.in_wavelength.tolist(),
        }
        return json_text(self.to_dict() | {"data": data})

    @classmethod
    def from_json(cls, text: str | os.PathLike[str]) -> "SpectraFit":
        """Return the result that `to_json` wrote; `text` is that, or the path of its file.

        Raises
        ------
        InputError
            If the text is no such result.
        """
        return read_result(text, SPECTRA_SCHEMA, cls._of_record)

    @classmethod
    def _of_record(cls, record: dict[str, Any]) -> "SpectraFit":
        data = record["data"]
        observed = [Estimate.from_dict("observed rate", item) for item in record["observed_rates"]]
        same = (
            "scheme", "options", "rss", "n_cells", "n_amplitudes", "dof", "redchi", "aicc", "bic", "seed",
            "version",
        )  # fmt: skip
        return cls(
            **{name: record[name] for name in same},
            series=tuple(SpectralSeries.from_dict(item) for item in data["series"]),
            rates=tuple(RateConstant.from_dict(item) for item in record["rate_constants"]),
            breakpoints_s=tuple(Estimate.from_dict("breakpoint", item) for item in record["breakpoints_s"]),
            observed_rates=tuple(observed),
            rates_per_s=np.array(data["rates_per_s"], dtype=float),
            breaks_s=np.array(data["breaks_s"], dtype=float),
            spectra=tuple(SpeciesSpectra.from_dict(item) for item in record["species_spectra"]),
            baselines=tuple(
                np.array(item, dtype=float).reshape(len(series["time_s"]), -1)
                for item, series in zip(data["baselines"], data["series"], strict=True)
            ),
            parameter_names=tuple(data["parameter_names"]),
            covariance=np.array(data["covariance"], dtype=float).reshape((len(data["parameter_names"]),) * 2),
            rank=Rank.from_dict(record["rank"], data["rank_in_time"], data["rank_in_wavelength"]),
            noise=SpectralNoise.from_dict(record["noise"]),
            order=OrderVerdict.from_dict(record["order"]),
            warnings=tuple(Remark.from_dict(item) for item in record["warnings"]),
            flags=tuple(record["flags"]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpectraFit):
            return NotImplemented
        arrays = ("rates_per_s", "breaks_s", "covariance")
        return (
            self.to_dict() == other.to_dict()
            and self.series == other.series
            and self.spectra == other.spectra
            and self.parameter_names == other.parameter_names
            and all(same_array(a, b) for a, b in zip(self.baselines, other.baselines, strict=True))
            and all(same_array(getattr(self, name), getattr(other, name)) for name in arrays)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate.name} = {rate.estimate}" for rate in self.rates)
        return f"SpectraFit({self.scheme!r}: {rates}; order {self.order.decided_by})"
