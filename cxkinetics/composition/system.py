"""A system: host cluster, guest, product, charges and documented priors, by name or from a TOML file."""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from scipy.special import betainc, betaincinv, betaln, ndtr, ndtri

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, UsageError
from cxkinetics.models.formula import OXIDATION_STATES, Formula, parse
from cxkinetics.record import OMIT, As, Record
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_elements, basis_kind, name_basis
from cxkinetics.signals.dose_table import DoseTable

DISTRIBUTIONS = ("normal", "uniform", "lognormal", "beta")
_SHORTEST = 1e-3
"""Least sum of the two parameters of a beta distribution after widening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior(Record):
    """One prior.

    Attributes
    ----------
    name : str
        Name of the parameter ("b1", "alpha", ...).
    distribution : str
        One of `DISTRIBUTIONS`.
    parameters : tuple of float
        normal: mean and standard deviation; uniform: ends; lognormal: mean and standard deviation
        of the natural logarithm; beta: its two shape parameters.
    bounds : tuple of float
        Physical bounds; the distribution is cut there (and renormalised).
    unit : str
        Unit of the parameter.
    data : bool
        True where the prior sums up published data rather than filling a gap.
    note : str
        Where it comes from.

    Examples
    --------
    >>> alpha = Prior(name="alpha", distribution="lognormal", parameters=(0.0, math.log(3)))
    >>> alpha.quantile(np.array([0.5, 0.841344746])).round(3).tolist()
    [1.0, 3.0]
    """

    name: str
    distribution: str
    parameters: tuple[float, float]
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    data: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise InputError(
                f"prior {self.name}: distribution {self.distribution!r} is not known; "
                f"use one of {', '.join(DISTRIBUTIONS)}"
            )
        first, second = self.parameters
        if not (math.isfinite(first) and math.isfinite(second)):
            raise InputError(f"prior {self.name}: its parameters {first}, {second} must be finite")
        if self.distribution == "uniform" and not second > first:
            raise InputError(f"prior {self.name}: uniform from {first:g} to {second:g} is empty")
        if self.distribution in ("normal", "lognormal") and not second > 0:
            raise InputError(f"prior {self.name}: standard deviation {second:g} must be positive")
        if self.distribution == "beta" and not (first > 0 and second > 0):
            raise InputError(f"prior {self.name}: beta({first:g}, {second:g}) needs positive parameters")
        if not self.bounds[1] > self.bounds[0]:
            raise InputError(f"prior {self.name}: bounds {self.bounds} are empty")

    def quantile(self, probability: Array) -> Array:
        """Return the quantiles at `probability` (0-1), inside the bounds."""
        low, high = map(self._cdf, self.bounds)
        if not high > low:
            raise InputError(f"prior {self.name}: nothing of {self.describe()} lies inside {self.bounds}")
        inner = low + np.asarray(probability, dtype=float) * (high - low)
        first, second = self.parameters
        if self.distribution == "uniform":
            values = first + (second - first) * inner
        elif self.distribution == "beta":
            values = betaincinv(first, second, inner)
        else:
            values = first + second * ndtri(inner)
            if self.distribution == "lognormal":
                values = np.exp(values)
        return np.clip(values, *self.bounds)

    def log_density(self, value: Array) -> Array:
        """Return ln of the density, up to the constant of the cut; -inf outside the bounds."""
        at = np.asarray(value, dtype=float)
        first, second = self.parameters
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.distribution == "uniform":
                log = np.where((at >= first) & (at <= second), -math.log(second - first), -np.inf)
            elif self.distribution == "beta":
                log = (first - 1) * np.log(at) + (second - 1) * np.log1p(-at) - betaln(first, second)
            elif self.distribution == "lognormal":
                log = -0.5 * ((np.log(at) - first) / second) ** 2 - np.log(at * second)
            else:
                log = -0.5 * ((at - first) / second) ** 2 - math.log(second)
        low, high = self.bounds
        # below 0 a beta and a lognormal have no finite logarithm
        return np.where((at >= low) & (at <= high) & np.isfinite(log), log, -np.inf)

    def scaled(self, factor: float) -> "Prior":
        """Return the prior with its width multiplied by `factor`, its centre and bounds kept.

        A uniform prior is widened about its middle and cut at the bounds; a beta prior keeps its
        mean and has its standard deviation multiplied (as far as a beta can be that wide).
        """
        first, second = self.parameters
        if self.distribution == "uniform":
            middle, half = (first + second) / 2, (second - first) / 2 * factor
            low, high = max(middle - half, self.bounds[0]), min(middle + half, self.bounds[1])
            return replace(self, parameters=(low, high))
        if self.distribution == "beta":
            mean = first / (first + second)
            total = max((first + second + 1) / factor**2 - 1, _SHORTEST)
            return replace(self, parameters=(mean * total, (1 - mean) * total))
        return replace(self, parameters=(first, second * factor))

    def describe(self) -> str:
        """Return the prior in words.

        Examples
        --------
        >>> Prior(name="D1", distribution="normal", parameters=(97.5, 1.5), unit="%").describe()
        'normal, mean 97.5, sd 1.5 %'
        """
        first, second = self.parameters
        unit = f" {self.unit}" if self.unit else ""
        words = {
            "normal": f"normal, mean {first:g}, sd {second:g}{unit}",
            "uniform": f"uniform {first:.4g} to {second:.4g}{unit}",
            "lognormal": f"log-normal, median {math.exp(first):.4g}, factor {math.exp(second):.4g}{unit}",
            "beta": f"beta({first:g}, {second:g}){unit}",
        }
        return words[self.distribution]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Prior":
        """Return the prior that was written, by `to_dict` or by a user in the file of a system."""
        lacking = [key for key in ("name", "distribution", "parameters") if key not in record]
        if lacking:
            raise InputError(
                f"prior {record.get('name', '')}: {lacking[0]} is missing; give {lacking[0]} = ..."
            )
        low, high = _pair(record.get("bounds") or (None, None), record["name"], "bounds")
        values = _pair(record["parameters"], record["name"], "parameters")
        try:
            parameters = (float(values[0]), float(values[1]))
        except (TypeError, ValueError) as error:
            text = f"prior {record['name']}: parameters must be two numbers, not {list(values)!r}"
            raise InputError(text) from error
        return cls(
            name=record["name"],
            distribution=record["distribution"],
            parameters=parameters,
            bounds=(-math.inf if low is None else low, math.inf if high is None else high),
            unit=record.get("unit", ""),
            data=bool(record.get("data", False)),
            note=record.get("note", ""),
        )

    def _cdf(self, value: float) -> float:
        first, second = self.parameters
        if self.distribution == "uniform":
            return min(max((value - first) / (second - first), 0.0), 1.0)
        if self.distribution == "beta":
            return float(betainc(first, second, min(max(value, 0.0), 1.0)))
        if self.distribution == "lognormal":
            value = math.log(value) if value > 0 else -math.inf
        return float(ndtr((value - first) / second))


def _written(parts: Iterable[tuple[str, int]]) -> str:
    """Return the formula of elements with their counts; what is not there is left out."""
    return "".join(f"{symbol}{'' if n == 1 else n}" for symbol, n in parts if n)


def _hint(text: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a question in brackets for the known word that is nearest to `text`, or ""."""
    near = difflib.get_close_matches(text, list(known), 1, cutoff)
    return f" (did you mean {near[0]}?)" if near else ""


def _pair(values: Sequence[Any], name: str, what: str) -> tuple[Any, Any]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise InputError(f"prior {name}: {what} must be two numbers, not {values!r}")
    return values[0], values[1]


CHARGE_RULES = ("one-to-one", "charge-balanced")
"""Each guest displaces one host cation (the charge is balanced outside the core), or as many guests
as carry the same charge displace one."""

MEASURED = ("incorporation", "fraction converted")
"""Guest found in the solid (ICP), or the optical fraction converted."""

FULL_DOPING = "full doping"
"""In a prior: the incorporation of a pure sample of the most doped cluster, on the basis in use."""

MAP_PARAMETERS = ("b1", "D1", "b2", "y_f")
"""Parameters of the dose-incorporation map, in this order."""

_LONGEST_LIST = 20
"""Most guests of clusters that are listed one by one; a larger particle has a mean occupancy only."""

_TRAPPED = "full doping, T = 100"
"""In a prior: the same with 100 host cations trapped per cluster."""

_ANION_ERROR = 0.98
"""Least incorporation per anion that a pure sample of the most doped cluster reads, of the true (chosen)."""

_DOPED = {"distribution": "uniform", "parameters": [_TRAPPED, FULL_DOPING], "unit": "%"}
_ANY_TRAPPED = "not published: anything from no trapped host to 100 host cations trapped per cluster"
_GENERIC: Mapping[str, Mapping[str, Any]] = {
    "y2": {**_DOPED, "note": _ANY_TRAPPED},
    "y_on": {**_DOPED, "note": "not published: taken as y2"},
    "alpha": {
        "distribution": "lognormal",
        "parameters": [0.0, 1.0986122886681098],
        "bounds": [0.0, 1000.0],
        "note": "a factor of 3 either way about equivalent sites",
    },
    "T": {"distribution": "uniform", "parameters": [0.0, 100.0], "bounds": [0.0, 1000.0]},
    "rho": {"distribution": "uniform", "parameters": [0.0, 1.0], "bounds": [0.0, 1.0]},
    "eta": {"distribution": "beta", "parameters": [8.0, 2.0], "bounds": [0.0, 1.0]},
    "phi": {"distribution": "uniform", "parameters": [0.05, 1.0], "bounds": [0.0, 1.0]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class System(Record):
    """Host, guest, product and rule, with priors and presets where any are known.

    Parameters
    ----------
    host : str or Formula
        The host cluster, such as "Cd34S33": one cation and one anion (ligands are left out).
    guest : str
        Symbol of the guest cation, such as "Ag". One guest: several one after another are a system each,
        the second with what the first left as its host.
    product : str or Formula
        What full exchange gives, such as "Ag2S": guest and the host's anion.
    max_guests : int, optional
        Most guests a cluster takes before it turns into the product. Without it nothing is assumed:
        what needs the number is refused (see `most_guests`).
    max_dopants : int, optional
        Earlier name of `max_guests`, still read, with a remark; None once it is read.
    charge_rule : str
        One of `CHARGE_RULES`.
    name, title, source : str
        Name, words for a heading, and where the numbers come from.
    priors : mapping
        Parameter name -> {"distribution", "parameters", "bounds", "unit", "data", "note"};
        what is absent takes a wide generic prior (the map parameters have none).
    presets : mapping
        Name -> {"stage1_percent", "stage2_percent", "plateau_from_percent"}: dose windows.
    calibrated_dose_percent : tuple of float, optional
        Doses that the map priors were made from.
    detection : mapping
        Technique -> {"cluster_share", "product_share", "note"}: chosen detection limits.
    optical : mapping
        Peak positions and the like, nm.
    evidence : mapping
        What mass spectra, XPS and XRD need of the system (see `cxkinetics.evidence.chemistry`).
    observed : tuple of mapping
        Dopant counts read off mass spectra: {"incorporation_percent", "dopants", "note"}.
    published : mapping
        Published measurements of the system's own samples beside the dose curve, as in a file of
        measurements: {"top": [...], "onset": [...], "wash": [...]}.
    assumed : tuple of str
        What is taken over without a published number.
    charges : mapping
        Formal charges of ions that stand in no table, or otherwise than there: {"In": 3, "P": -3}.
    measured : str
        One of `MEASURED`: what a table of the system holds against the guest added.
    no_dark_state : bool
        Asserted: no dark or quenched state exists, so that a fraction converted, which is optical, is
        the share of the product. Without it an optical fraction only bounds that share.
    observed_optical : tuple of mapping
        Published optical numbers of a dose series: {"dose_percent", "intensity_left"}.
    titration : mapping
        Published numbers of a titration: {"hill_n", "critical_guests", "correlation", "note"}.
    avalanche : bool
        False for a solid solution: guests are taken up without a step to a product phase.

    Attributes
    ----------
    remarks : tuple of Remark
        What was read otherwise than it was written; results made with the system repeat it.

    Raises
    ------
    InputError
        If the formulae do not fit together or the rule leaves half an atom.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> system.species
    ('Cd34S33', 'AgCd33S33', 'Ag2Cd32S33', 'Ag2S')
    >>> system.guests_at_full_exchange
    66.0
    """

    host: Annotated[Formula, As(write=str, read=parse)]
    guest: str
    product: Annotated[Formula, As(write=str, read=parse)]
    max_guests: int | None = None
    max_dopants: Annotated[int | None, OMIT] = None
    charge_rule: str = "one-to-one"
    name: str = ""
    title: str = ""
    source: str = ""
    priors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calibrated_dose_percent: tuple[float, float] | None = None
    detection: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optical: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    observed: tuple[Mapping[str, Any], ...] = ()
    published: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    charges: Annotated[Mapping[str, int], OMIT] = field(default_factory=dict)
    measured: Annotated[str, OMIT] = "incorporation"
    no_dark_state: Annotated[bool, OMIT] = False
    observed_optical: Annotated[tuple[Mapping[str, float], ...], OMIT] = ()
    titration: Annotated[Mapping[str, Any], OMIT] = field(default_factory=dict)
    avalanche: Annotated[bool, OMIT] = True
    remarks: tuple[Remark, ...] = field(default=(), init=False, compare=False)

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        for name in ("host", "product"):
            given: object = getattr(self, name)
            set_field(self, name, (parse(given) if isinstance(given, str) else getattr(self, name)).bare)
        if not self.name:
            set_field(self, "name", f"{self.guest} into {self.host}")
        if self.calibrated_dose_percent is not None:
            low, high = self.calibrated_dose_percent
            set_field(self, "calibrated_dose_percent", (float(low), float(high)))
        set_field(self, "assumed", tuple(self.assumed))
        if self.max_dopants is not None:
            if self.max_guests not in (None, self.max_dopants):
                both = f"max_guests is {self.max_guests} and max_dopants is {self.max_dopants}"
                raise InputError(f"{both}; give max_guests alone, max_dopants is its earlier name")
            text = f"max_dopants = {self.max_dopants} is read as max_guests, its name today"
            set_field(self, "remarks", (Remark("earlier_name", text),))
            set_field(self, "max_guests", self.max_dopants)
            set_field(self, "max_dopants", None)
        for name in ("observed", "observed_optical"):
            set_field(self, name, tuple(dict(item) for item in getattr(self, name)))
        if self.measured not in MEASURED:
            raise InputError(f"measured is {self.measured!r}; it must be one of {', '.join(MEASURED)}")
        if self.charge_rule not in CHARGE_RULES:
            raise InputError(
                f"charge_rule is {self.charge_rule!r}; it must be one of {', '.join(CHARGE_RULES)}"
            )
        self._check_elements()
        if self.max_guests is not None:
            self._check_most(self.max_guests)
        unknown = set(self.priors) - {*MAP_PARAMETERS, *_GENERIC}
        if unknown:
            known = ", ".join((*MAP_PARAMETERS, *_GENERIC))
            raise InputError(f"prior {sorted(unknown)[0]!r} belongs to no parameter; known: {known}")
        if self.max_guests is not None:
            self.resolved_priors(BASES[0])
        for name, given in self.priors.items() if self.max_guests is None else ():
            if not any(isinstance(value, str) for value in given.get("parameters", ())):
                Prior.from_dict({"name": name, **given})

    def _check_most(self, most: int) -> None:
        if (
            isinstance(most, bool)
            or not isinstance(most, int | float)
            or not 1 <= most < 1e9
            or most != int(most)
        ):
            raise InputError(f"max_guests is {most!r}; it must be a whole number from 1")
        if most % self.guests_per_step:
            raise InputError(
                f"max_guests = {most} leaves half an atom: by the {self.charge_rule} rule "
                f"{self.guest} enters {self.guests_per_step} at a time"
            )
        if self.hosts_left(most) < 0:
            raise InputError(f"{most} {self.guest} displace more {self.host_cation} than {self.host} holds")

    def _check_elements(self) -> None:
        if not isinstance(self.guest, str):
            raise InputError(
                f"guest is {self.guest!r}; a system has one guest",
                remedy="describe a second exchange in a file of its own, with what the first left as host",
            )
        host, product = dict(self.host.core), dict(self.product.core)
        if len(host) != 2:
            raise InputError(f"host {self.host} must hold one cation and one anion, such as Cd34S33")
        if self.guest in host:
            raise InputError(f"guest {self.guest} is already in the host {self.host}")
        if len(product) != 2 or self.guest not in product or len(host.keys() & product.keys()) != 1:
            raise InputError(
                f"product {self.product} must hold the guest {self.guest} and the anion of {self.host}, "
                "such as Ag2S"
            )

    @property
    def anion(self) -> str:
        """Symbol of the anion that host and product share."""
        return next(symbol for symbol, _ in self.host.core if self.product.count(symbol))

    @property
    def host_cation(self) -> str:
        """Symbol of the cation that is exchanged."""
        return next(symbol for symbol, _ in self.host.core if symbol != self.anion)

    @property
    def n_hosts(self) -> int:
        """Host cations in a cluster before exchange (34 in Cd34S33)."""
        return self.host.count(self.host_cation)

    @property
    def n_anions(self) -> int:
        """Anions in a cluster (33 in Cd34S33); the unit that shares count."""
        return self.host.count(self.anion)

    @property
    def guests_at_full_exchange(self) -> float:
        """Guests per unit when all of it is product (66 per S33 for Ag2S)."""
        return self.n_anions * self.product.count(self.guest) / self.product.count(self.anion)

    @property
    def guests_per_host(self) -> Fraction:
        """Guests that displace one host cation, by the charge rule."""
        if self.charge_rule == "one-to-one":
            return Fraction(1)
        known = {**OXIDATION_STATES, **self.charges}
        missing = [s for s in (self.guest, self.host_cation) if s not in known]
        if missing:
            raise InputError(
                f"the charge of {missing[0]} is not known, which the rule charge-balanced needs; "
                f"give it (charges = {{ {missing[0]} = ... }}) or use the rule one-to-one"
            )
        return Fraction(known[self.host_cation], known[self.guest])

    @property
    def guests_per_step(self) -> int:
        """Guests that enter together so that whole host cations leave."""
        return self.guests_per_host.numerator

    @property
    def most_guests(self) -> int:
        """Most guests in a cluster, for what needs the number.

        Raises
        ------
        InputError
            If the system states none.
        """
        if self.max_guests is None:
            raise InputError(
                f"the system {self.name} states no largest number of {self.guest} per cluster, and the "
                "shares of species depend on it",
                remedy="add max_guests = N to its file (in Python System(max_guests=N)): the number of the "
                "most doped cluster that a mass spectrum shows",
            )
        return int(self.max_guests)

    @property
    def lists_species(self) -> bool:
        """Whether the clusters can be listed one by one, by their guests."""
        return self.max_guests is not None and self.max_guests <= _LONGEST_LIST

    @property
    def n_steps(self) -> int:
        """Doping steps up to the most doped cluster."""
        return self.most_guests // self.guests_per_step

    @property
    def dopant_counts(self) -> tuple[int, ...]:
        """Guests in each cluster, from 0 to `most_guests`.

        Raises
        ------
        InputError
            If the system states no such number, or a particle takes too many to be listed.
        """
        if not self.lists_species:
            raise InputError(
                f"a particle of {self.name} takes up to {self.most_guests} {self.guest}: it has a mean "
                "occupancy and no list of species",
                remedy="use mean_guests of the system for its occupancy, and fit_titration for a titration",
            )
        return tuple(range(0, self.most_guests + 1, self.guests_per_step))

    @property
    def beyond_key(self) -> str:
        """Name of all clusters with more guests than `species` lists, for shares that sum to 1."""
        return f"more than {self.most_guests} {self.guest}"

    @property
    def disrupted_key(self) -> str:
        """Name of all clusters that hold guests and are neither listed nor the product.

        No composition has it: its share is 0 in every mechanism that an incorporation alone can tell. A
        disrupted cluster shows by time and absorbance, not by the guest that the solid holds.
        """
        return f"disrupted, with {self.guest}"

    def hosts_left(self, dopants: int) -> int:
        """Return how many host cations a cluster with `dopants` guests holds."""
        return self.n_hosts - int(dopants / self.guests_per_host)

    def cluster(self, dopants: int) -> str:
        """Return the formula of the cluster with `dopants` guests, guest first.

        Examples
        --------
        >>> System(host="Cd34S33", guest="Cu", product="CuS", max_guests=2).cluster(1)
        'CuCd33S33'
        """
        left = self.hosts_left(dopants)
        return _written([(self.guest, dopants), (self.host_cation, left), (self.anion, self.n_anions)])

    @property
    def clusters(self) -> tuple[str, ...]:
        """Formulae of the clusters, by number of guests."""
        return tuple(self.cluster(n) for n in self.dopant_counts)

    @property
    def species(self) -> tuple[str, ...]:
        """Keys of a composition: the clusters, then the product."""
        return (*self.clusters, self.product_key)

    @property
    def product_key(self) -> str:
        """Formula of the product, guest first."""
        return _written(sorted(self.product.core, key=lambda item: item[0] != self.guest))

    def species_key(self, text: str) -> str:
        """Return the key of the species that `text` means (elements in any order, ligands left out).

        Raises
        ------
        InputError
            If the system has no such species; the message lists those it has.

        Examples
        --------
        >>> System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2).species_key("Cd32Ag2S33(L)")
        'Ag2Cd32S33'
        """
        try:
            wanted = parse(text).bare
        except InputError as error:
            keys = {key.casefold(): key for key in self.species}
            near = difflib.get_close_matches(text.casefold(), keys, 1, 0.6)
            if not near:
                raise
            message = f"{error} (did you mean {keys[near[0]]}? capital letters count)"
            raise InputError(message, value=text) from error
        for key in self.species:
            if parse(key) == wanted:
                return key
        hint = _hint(text, self.species)
        known = {element for key in self.species for element, _ in parse(key).core}
        if foreign := [element for element, _ in wanted.core if element not in known]:
            hint = (
                f", whose guest is {self.guest}: it holds no {' or '.join(foreign)} (another guest is "
                "another system: name it with --system, or write it: cxkinetics system new FILE)"
            )
        message = f"{text} is no species of {self.name}{hint}; it has {', '.join(self.species)}"
        raise InputError(message, value=text)

    def basis_name(self, basis: str) -> str:
        """Return a basis (of any elements) named with the elements of this system.

        Examples
        --------
        >>> System(host="Cd34S33", guest="Cu", product="CuS", max_guests=2).basis_name("Ag/(Ag+Cd)")
        'Cu/(Cu+Cd)'
        """
        return name_basis(basis_kind(basis), guest=self.guest, host=self.host_cation, anion=self.anion)

    def pure_incorporation(self, dopants: float, basis: str, trapped: float = 0.0) -> float:
        """Return the incorporation (%) of a sample of clusters with `dopants` guests each.

        Parameters
        ----------
        dopants : float
            Guests per cluster.
        basis : str
            One of the kinds in `BASES`, with any elements.
        trapped : float
            Host cations per cluster that are counted but sit outside the clusters.

        Examples
        --------
        >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
        >>> round(system.pure_incorporation(2, "Ag/(Ag+Cd)"), 4), system.pure_incorporation(2, "Ag/Cd")
        (5.8824, 6.25)
        """
        hosts = self.n_hosts - dopants / float(self.guests_per_host) + trapped
        counted = (dopants + hosts, hosts, self.n_anions)[BASES.index(basis_kind(basis))]
        return 100 * dopants / counted

    def mean_guests(self, incorporation_percent: float, basis: str, trapped: float = 0.0) -> float:
        """Return the mean number of guests per particle at an incorporation (%): the occupancy.

        Parameters
        ----------
        incorporation_percent : float
            Guest in the solid, percent on `basis`.
        basis : str
            One of the kinds in `BASES`, with any elements.
        trapped : float
            Host cations per particle that are counted but sit outside.

        Examples
        --------
        >>> system = load_system("cu-cdse")
        >>> round(system.mean_guests(system.pure_incorporation(500, "Cu/(Cu+Cd)"), "Cu/(Cu+Cd)"))
        500
        """
        y, kind = incorporation_percent / 100, basis_kind(basis)
        if kind == BASES[2]:
            return y * self.n_anions
        if kind == BASES[0] and y >= 1:
            raise InputError(f"incorporation {incorporation_percent:g} % on {basis} leaves no host cation")
        per_host = y / (1 - y) if kind == BASES[0] else y
        return per_host * (self.n_hosts + trapped) / (1 + per_host / float(self.guests_per_host))

    def resolved_priors(self, basis: str) -> dict[str, Prior]:
        """Return all priors of the system on `basis`, generic ones filled in.

        Returns
        -------
        dict of str to Prior
            The map parameters are there only if the system documents them.
        """
        full = self.pure_incorporation(self.most_guests, basis)
        # per anion no trapped host is counted: what is left open is the analysis of the anion
        counted = self.pure_incorporation(self.most_guests, basis, 100.0)
        trapped = _ANION_ERROR * full if basis_kind(basis) == BASES[2] else counted
        words, bounds = {FULL_DOPING: full, _TRAPPED: trapped}, {"y2": [0.0, full], "y_on": [0.0, None]}
        resolved = {}
        for name, given in {**_GENERIC, **self.priors}.items():
            record = {"name": name, "bounds": bounds.get(name), **given}
            stated = record.get("parameters", ())
            record["parameters"] = [words.get(v, v) if isinstance(v, str) else v for v in stated]
            resolved[name] = Prior.from_dict(record)
        return resolved

    @property
    def has_dose_curve(self) -> bool:
        """Whether the system documents its own dose-incorporation map."""
        return all(name in self.priors for name in MAP_PARAMETERS)


_FOLDER = files("cxkinetics.composition.systems")
PACKAGED_SYSTEMS = tuple(sorted(Path(e.name).stem for e in _FOLDER.iterdir() if e.name.endswith(".toml")))
"""Names of the files in the folder `systems`."""


@checked()
def load_system(system: System | str | Path) -> System:
    """Return a packaged system by name, or the system of a TOML file.

    Parameters
    ----------
    system : System, str or Path
        The name of a packaged system, the path of a TOML file, or a System (returned as it is). The
        shortest file holds `host`, `guest` and `product`; `cxkinetics system new FILE` writes one with
        all keys explained.

    Returns
    -------
    System

    Raises
    ------
    UsageError
        If no packaged system has that name and no such file exists.
    InputError
        If the file cannot be read as a system.

    Examples
    --------
    >>> load_system("cu-cds").species
    ('Cd34S33', 'CuCd33S33', 'Cu2Cd32S33', 'CuS')
    """
    if isinstance(system, System):
        return system
    name = str(system)
    if name in PACKAGED_SYSTEMS:
        return _from_toml((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")
    path = Path(name)
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero in it
        there = False
    if not there:
        raise UsageError(
            f"no system {name!r}{_hint(name, PACKAGED_SYSTEMS, 0.5)}; packaged are "
            f"{', '.join(PACKAGED_SYSTEMS)}, or give the path of a TOML file with host, guest and product"
        )
    try:
        return _from_toml(path.read_text(encoding="utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text: {error}", file=name) from error


def basis_for(system: System, basis: str) -> str:
    """Return a basis that was asked for, named with the elements of the system.

    Raises
    ------
    UsageError
        If it is none, or names elements that the system does not hold.

    Examples
    --------
    >>> basis_for(load_system("cu-cds"), "Ag/Cd")
    'Cu/Cd'
    """
    named = system.basis_name(basis)
    given, own = basis_elements(basis)[1:], basis_elements(named)[1:]
    if basis not in BASES and any(
        symbol not in ("guest", "host", "anion", mine) for symbol, mine in zip(given, own, strict=True)
    ):
        known = ", ".join(system.basis_name(kind) for kind in BASES)
        raise UsageError(f"basis is {basis!r}, but {system.name} is {_exchange(system)}; use one of {known}")
    return named


def require_elements(table: DoseTable, system: System) -> None:
    """Refuse a dose table that names another guest or host cation than the system's.

    Raises
    ------
    InputError
        With both elements and the system to use instead.

    Examples
    --------
    >>> table = DoseTable(dose_percent=[0, 50], incorporation_percent=[0, 5], basis="Cu/(Cu+Cd)")
    >>> require_elements(table, load_system("cu-cds"))
    """
    if system.measured != MEASURED[0]:
        raise InputError(
            f"tables of the system {system.name} hold a {system.measured}, which is optical and no "
            "incorporation",
            file=table.source.file or None,
            remedy='fit it with fit_titration, or give a system with measured = "incorporation"',
        )
    _, guest, other = basis_elements(table.basis)
    stated = table.basis not in BASES
    guest = table.guest or (guest if stated else "")
    if guest not in ("", "guest", system.guest):
        what, found, needed = "guest", guest, system.guest
    elif stated and other not in ("host", "anion", basis_elements(system.basis_name(table.basis))[2]):
        what, found, needed = "basis", table.basis, system.basis_name(table.basis)
    else:
        return
    fitting = [name for name in PACKAGED_SYSTEMS if load_system(name).guest == found]
    remedy = (
        "describe the sample in a TOML file with its host, guest and product, and pass it as "
        "--system FILE.toml (system=...)"
    )
    if fitting and what == "guest" and fitting[0] != system.name:
        remedy = f"pass --system {fitting[0]} (system={fitting[0]!r})"
    own = f"that of the system {system.name} ({_exchange(system)}) is {needed}"
    message = f"the {what} of the table is {found}, {own}"
    raise InputError(message, file=table.source.file or None, value=found, remedy=remedy)


def _exchange(system: System) -> str:
    return f"{system.guest} into {system.host}"


def species_key(system: System, text: str) -> str:
    """Return the key of the species of `system` that `text` means.

    Raises
    ------
    InputError
        If it has no such species; where another packaged system has it, the message names that one.

    Examples
    --------
    >>> species_key(load_system("ag-cds"), "Cd32Ag2S33")
    'Ag2Cd32S33'
    """
    try:
        return system.species_key(text)
    except InputError:
        if _named_by(system, text) is not None:
            raise
        for name in filter(_lists_species, PACKAGED_SYSTEMS):
            if (key := _named_by(load_system(name), text)) is not None:
                own = f"{text} is no species of {system.name} ({', '.join(system.species)})"
                remedy = f"pass --system {name} (system={name!r})"
                raise InputError(f"{own}; {name} has {key}", value=text, remedy=remedy) from None
        raise


def _named_by(system: System, text: str) -> str | None:
    """Return the species that `text` names if capital letters do not count, or None."""
    try:
        return system.species_key(text)
    except InputError:
        return {key.casefold(): key for key in system.species}.get(text.strip().casefold())


def _from_toml(text: str, file: str) -> System:
    try:
        record: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", file=file) from error
    known = [item.name for item in fields(System) if item.init]
    unknown = next((key for key in record if key not in known), None)
    if unknown is not None:
        wanted = f"{_hint(unknown, known)}; known are {', '.join(known)}"
        raise InputError(f"unknown key {unknown!r}{wanted}", file=file)
    missing = [key for key in ("host", "guest", "product") if key not in record]
    if missing:
        raise InputError(f"a system needs {', '.join(missing)}", file=file)
    try:
        return System(**record)
    except InputError as error:
        raise InputError(str(error), file=file) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"an entry has the wrong type: {error}", file=file) from error


def _lists_species(name: str) -> bool:
    return load_system(name).lists_species


def packaged_species() -> tuple[str, ...]:
    """Return the species of the packaged systems.

    Examples
    --------
    >>> packaged_species()[:2]
    ('Cd34S33', 'AgCd33S33')
    """
    named = filter(_lists_species, PACKAGED_SYSTEMS)
    return tuple(dict.fromkeys(key for name in named for key in load_system(name).species))


def system_template() -> str:
    """Return the file that `cxkinetics system new` writes: all keys explained, those left out set off.

    Examples
    --------
    >>> system_template().splitlines()[6]
    'host = "Cd34S33"'
    """
    return files("cxkinetics.composition").joinpath("new_system.toml").read_text(encoding="utf-8")


def packaged_systems() -> tuple[str, ...]:
    """Return the names of the packaged systems, for a shell to offer.

    Examples
    --------
    >>> packaged_systems()
    ('ag-cds', 'cu-cds', 'cu-cdse')
    """
    return PACKAGED_SYSTEMS
