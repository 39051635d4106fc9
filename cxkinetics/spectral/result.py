"""What fits of whole spectra and two witnesses return: frozen, with units, provenance and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, frozen_array
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError
from cxkinetics.estimate import Estimate
from cxkinetics.models.families import mixed_clock
from cxkinetics.models.network import concentrations, network_of, parse_scheme
from cxkinetics.record import DATA, As, Record, Version, freeze, read
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.source import Source
from cxkinetics.spectral.prepare import baseline_functions, fill_in_time
from cxkinetics.spectral.rank import Rank
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class RateConstant(Record):
    """One rate constant of the scheme: its steps and its estimate in 1/s."""

    name: str
    steps: str
    estimate: Annotated[Estimate, As(name="{name}", inline=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesSpectra(Record):
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

    def _written(self, whole: bool) -> dict[str, Any]:
        """Return for each species its values and errors on the wavelength axis."""
        document = Record._written(self, whole)
        columns = (document.pop(name) for name in ("species", "values", "errors"))
        return document | {
            "species": {name: {"value": v, "se": e} for name, v, e in zip(*columns, strict=True)}
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the spectra that `to_dict` wrote."""
        species = record["species"]
        values, errors = (frozen_array([item[part] for item in species.values()]) for part in ("value", "se"))
        return read(cls, record, species=tuple(species), values=values, errors=errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesOrder(Record):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVerdict(Record):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralNoise(Record):
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
    model : str
        "white", "ar1" or "photometric" (each reading weighted: the noise grows with absorbance).
    photometric : float or None
        Posterior weight of noise that grows with absorbance; None where it was not weighed.
    """

    sd: float | None
    ar1: float
    lag1_autocorrelation: float | None
    effective_wavelengths: float | None
    error_factor: float
    weights: str
    model: str = "white"
    photometric: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectraFit(Record, Shown):
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
    start_up_s : Estimate or None
        Time constant of mixing or of the instrument, s: rates and breakpoints run on the clock
        t - tau (1 - exp(-t/tau)).
    observed_rates : tuple of Estimate
        Decay rates that the spectra show (eigenvalues of the rate matrix of the first stage), 1/s,
        fastest first; determined even where single rate constants are not.
    rates_per_s, breaks_s, start_s : Array, Array, float
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

    SCHEMA: ClassVar[str] = "cxkinetics.spectra-fit/1"
    _keys = """schema=SCHEMA version runs=_runs unit=_unit scheme species options seed rate_constants
        breakpoints_s start_up_s observed_rates order rank rss n_cells n_amplitudes dof redchi aicc bic noise
        species_spectra warnings flags
        | ... data.rank_in_time=rank.in_time data.rank_in_wavelength=rank.in_wavelength"""

    series: Annotated[tuple[SpectralSeries, ...], DATA]
    scheme: str
    options: Mapping[str, Any]
    rates: Annotated[tuple[RateConstant, ...], As(key="rate_constants")]
    breakpoints_s: tuple[Estimate, ...]
    observed_rates: Annotated[tuple[Estimate, ...], As(name="observed rate")]
    rates_per_s: Annotated[Array, DATA]
    breaks_s: Annotated[Array, DATA]
    spectra: Annotated[tuple[SpeciesSpectra, ...], As(key="species_spectra")]
    baselines: Annotated[tuple[Array, ...], DATA]
    parameter_names: Annotated[tuple[str, ...], DATA]
    covariance: Annotated[Array, DATA]
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
    version: Version = __version__
    start_up_s: Annotated[Estimate | None, As(name="start-up time")] = None
    start_s: Annotated[float, DATA] = 0.0

    def __post_init__(self) -> None:
        freeze(self)
        # JSON knows no shape: a covariance of no parameters comes back as an empty list
        square = self.covariance.reshape((len(self.parameter_names),) * 2)
        object.__setattr__(self, "covariance", frozen_array(square))

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

    @property
    def _unit(self) -> str:
        return self.series[0].unit

    @property
    def _runs(self) -> list[dict[str, Any]]:
        return [
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
        ]

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
        own = mixed_clock(time[order], np.array(self.start_s))[0] if self.start_s else time[order]
        value[order], _ = concentrations(network, own, self.rates_per_s, self.breaks_s)
        return value

    def fitted(self, run: int = 0) -> Array:
        """Return the fitted spectra of one run (counted from 0), shape (n, m)."""
        item, series = self.spectra[run], self.series[run]
        model = self.concentrations(series.time_s) @ np.nan_to_num(self._whole_spectra(run))
        if self.baselines[run].shape[1]:
            kind, power = self.options["baseline"], self.options["baseline_power"]
            model += self.baselines[run] @ baseline_functions(kind, item.wavelength_nm, power)
        return model

    def residuals(self, run: int = 0) -> Array:
        """Return data minus fit of one run, shape (n, m); NaN where a cell is masked."""
        return self.series[run].absorbance - self.fitted(run)

    def _whole_spectra(self, run: int) -> Array:
        """Spectra with those not determined by themselves filled by the least-norm solution."""
        item, series = self.spectra[run], self.series[run]
        if np.isfinite(item.values).all():
            return item.values
        known = np.isfinite(item.values).all(axis=1)
        profiles = self.concentrations(series.time_s)
        data = fill_in_time(series.time_s, series.absorbance)
        values = item.values.copy()
        rest = data - profiles[:, known] @ item.values[known]
        values[~known] = np.linalg.lstsq(profiles[:, ~known], rest, rcond=1e-9)[0]
        return values

    def table(self) -> "pd.DataFrame":
        """Return one row per fitted number: value, se, low, high, unit, method, reason."""
        from cxkinetics.document.sheets import quantity_table

        rows = [(f"{rate.name} ({rate.steps})", rate.estimate) for rate in self.rates]
        rows += [(f"breakpoint {i}", estimate) for i, estimate in enumerate(self.breakpoints_s, 1)]
        if self.start_up_s is not None and self.start_s:
            rows.append(("start-up time", self.start_up_s))
        rows += [(f"observed rate {i}", estimate) for i, estimate in enumerate(self.observed_rates, 1)]
        return quantity_table(rows, first="quantity").frame().set_index("quantity")

    def sources(self) -> tuple[Source, ...]:
        """Return where the runs came from."""
        return tuple(item.source for item in self.series)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.spectral.page import fit_brief

        return fit_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "tuple[Figure, ...]":
        """Return the fit with its maps and profiles, the rank of the first run and its spectra."""
        from cxkinetics.spectral.page import fit_figures

        return fit_figures(self, unit)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the fit that was written with its data."""
        if missing := [key for key in ("data", "breakpoints_s", "rank") if key not in record]:
            raise InputError(f"the stored SpectraFit cannot be opened: it has no {missing[0]!r}")
        data, breaks = record["data"], enumerate(record["breakpoints_s"], 1)
        vectors = {part: frozen_array(data[f"rank_{part}"]) for part in ("in_time", "in_wavelength")}
        return read(
            cls,
            record,
            rank=read(Rank, record["rank"], **vectors),
            breakpoints_s=tuple(Estimate.from_dict(breakpoint_name(i), item) for i, item in breaks),
        )

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate.name} = {rate.estimate}" for rate in self.rates)
        return f"SpectraFit({self.scheme!r}: {rates}; order {self.order.decided_by})"


def breakpoint_name(number: int) -> str:
    """Return how a breakpoint, counted from 1, is called among its estimates."""
    return "breakpoint" if number == 1 else f"breakpoint {number}"


# ---- two witnesses of one breakpoint: the rate of the absorbance and the shift of the peak ------------


def sequential_curves(time_s: Array, k1: float, k2: float, q: float) -> tuple[Array, Array, Array]:
    """Return C0, q C2 and P of C0 -k1-> C2 -k2-> P at times (s), each shape (n,).

    Examples
    --------
    >>> host, doped, product = sequential_curves(np.array([20.0]), 0.1445, 0.02, 0.5)
    >>> round(float(host[0]), 4)
    0.0556
    """
    host = np.exp(-k1 * time_s)
    gap = k2 - k1
    if abs(gap) * float(np.max(time_s, initial=0.0)) < 1e-6:
        doped = k1 * time_s * host
    else:
        doped = k1 / gap * (host - np.exp(-k2 * time_s))
    return host, q * doped, 1 - host - doped


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessModel(Record):
    """One model of absorbance and position together, ranked by AICc (lower is better)."""

    model: str
    n_parameters: int
    aicc: float | None
    delta_aicc: float | None
    parameters: Mapping[str, float]
    note: str = ""

    def curves(self, time_s: Array) -> tuple[Array, Array]:
        """Return absorbance and position (nm) of the peak at times (s)."""
        p = self.parameters
        position: Array
        if self.model == "staged":
            spent = np.minimum(time_s, p["tb"]) * p["k1"] + np.maximum(time_s - p["tb"], 0.0) * p["k2"]
            # the peak moves in proportion to time until the breakpoint
            share = np.clip(time_s / max(p["tb"], 1e-300), None, 1.0)
            position = p["start_nm"] + (p["end_nm"] - p["start_nm"]) * share
            return p["offset"] + p["amplitude"] * np.exp(-spent), position
        host, doped, product = sequential_curves(time_s, p["k1"], p["k2"], p["q"])
        # one narrow band for both species: its place is their mean, weighted by what each absorbs
        position = (host * p["start_nm"] + doped * p["end_nm"]) / (host + doped)
        return p["a"] * (host + doped + p["c"] * product), position


@dataclass(frozen=True, slots=True, kw_only=True)
class Populations(Record):
    """Whether quenching or two populations describe whole spectra.

    Attributes
    ----------
    verdict : str
        "quenching", "two_populations", "degenerate" or "undecided".
    text : str
        One sentence with the numbers.
    chi2_quenching, chi2_populations : float or None
        Misfit of the two descriptions, in units of the noise (of the better one, where neither fits).
    quenching_nm, populations_nm : tuple of Estimate
        Places of the two bands in each description (host, doped; faster, slower), nm.
    """

    verdict: str
    text: str
    chi2_quenching: float | None = None
    chi2_populations: float | None = None
    quenching_nm: Annotated[tuple[Estimate, ...], As(name="band")] = ()
    populations_nm: Annotated[tuple[Estimate, ...], As(name="band")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoWitnesses(Record, Shown):
    """The breakpoint from the absorbance, from the peak position, and from both.

    Attributes
    ----------
    trace : Trace
        Height and position of the tracked peak; times count from t0.
    options : mapping
        Every option that shaped the result.
    absorbance, position, together : Estimate
        Breakpoint where the rate constant changes, end of the peak's shift, and both taken as one, s.
    difference : Estimate
        The first minus the second, s.
    agreement_p : float or None
        p-value of "both are one" (likelihood ratio, chi2 with 1 degree of freedom).
    peak_start, peak_end, shift : Estimate
        Position at t = 0, after the shift, and the difference, nm.
    bound : Estimate
        Smallest k1 (1/s) that a sequential model A -> B -> C allows by how far the peak has moved and
        the absorbance fallen at the breakpoint.
    rates : tuple of Estimate
        k1 and k2 of the staged decay of the absorbance alone, 1/s.
    models : tuple of WitnessModel
        Models of both signals together, best first.
    populations : Populations or None
        Quenching or two populations, by the whole spectrum.
    verdict, text : str
        "staged", "sequential", "two_populations", "degenerate" or "undecided", and one sentence.
    grid_s, absorbance_deviance, position_deviance : Array, shape (x,)
        Profiles: rise of the misfit in units of the noise against the breakpoint.
    warnings : tuple of Remark
        What was assumed or doubted.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> found = cx.fit_witnesses(cx.load_example("ag-cds"), near_nm=324)
    >>> found.verdict, round(found.together.value), round(found.shift.value)
    ('staged', 20, 3)
    """

    SCHEMA: ClassVar[str] = "cxkinetics.witnesses/1"
    _keys = """schema=SCHEMA version file=trace.source.file sha256=trace.source.sha256 trace=_which
        simulated=trace.source.simulated n_points=trace.n_points ..."""

    trace: Annotated[Trace, DATA]
    options: Mapping[str, Any]
    absorbance: Annotated[Estimate, As(key="breakpoint_s.absorbance", name="breakpoint by the rate")]
    position: Annotated[Estimate, As(key="breakpoint_s.position", name="end of the shift")]
    together: Annotated[Estimate, As(key="breakpoint_s.together", name="breakpoint by both")]
    difference: Annotated[Estimate, As(key="breakpoint_s.difference", name="difference")]
    agreement_p: Annotated[float | None, As(key="breakpoint_s.agreement_p")]
    peak_start: Annotated[Estimate, As(key="peak_nm.start", name="peak at the start")]
    peak_end: Annotated[Estimate, As(key="peak_nm.end", name="peak after the shift")]
    shift: Annotated[Estimate, As(key="peak_nm.shift", name="shift")]
    bound: Annotated[Estimate, As(key="sequential_k1_bound", name="least k1 of a sequential model")]
    rates: Annotated[tuple[Estimate, ...], As(name="k{at}")]
    models: tuple[WitnessModel, ...]
    populations: Populations | None
    verdict: Annotated[str, As(key="verdict.code")]
    text: Annotated[str, As(key="verdict.text")]
    grid_s: Annotated[Array, DATA]
    absorbance_deviance: Annotated[Array, DATA]
    position_deviance: Annotated[Array, DATA]
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    @property
    def _which(self) -> str | int:
        return self.trace.label or self.trace.source.trace

    def sources(self) -> tuple[Source, ...]:
        """Return where the trace came from."""
        return (self.trace.source,)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.spectral.page import witness_brief

        return witness_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "tuple[Figure, ...]":
        """Return both witnesses with the profiles of their breakpoints."""
        from cxkinetics.spectral.page import witness_figures

        return witness_figures(self, unit)

    def __repr__(self) -> str:
        return (
            f"TwoWitnesses({self.verdict}: by the rate {self.absorbance}, by the shift {self.position}, "
            f"together {self.together})"
        )
