"""A mechanism: what clusters become, how fast, and what each state is seen as.

The steps are a scheme of `cxkinetics.models.network`, first order in a cluster. What a rate constant of
that scheme depends on is an arithmetic rate law in the guest left in solution, so that a mechanism is
the scheme, its laws and, for each species, the guests and hosts it holds and how it absorbs. Guest is
conserved: what clusters hold is gone from the solution. A mechanism is a short TOML file; those in
`schemes/` are packaged.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import CxKineticsError, InputError, UsageError, did_you_mean
from cxkinetics.models.expression import Expression, parse_expression
from cxkinetics.models.network import Scheme, network_of, parse_scheme

KINDS = ("cluster", "disrupted", "product")
RESERVED = ("L", "L100", "dose")
"""Names that a rate law may use beside the parameters: guest in solution per cluster, the same at the
start of a run at 100 % dose, and the dose in percent."""
_SPECIES = {"formula", "guests", "hosts", "absorbance", "peak_nm", "kind"}
_FILE = {
    "title",
    "source",
    "system",
    "guest",
    "host",
    "anions",
    "scheme",
    "supply",
    "trapped",
    "recovery",
} | {
    "rates",
    "species",
    "parameters",
}
_LOGARITHMIC = 10.0
"""Bounds this many times apart are searched on a logarithmic scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: name, bounds, unit, and what it is in words."""

    name: str
    low: float
    high: float
    unit: str = ""
    text: str = ""

    @property
    def logarithmic(self) -> bool:
        """Whether its range is divided evenly in the logarithm."""
        return self.low > 0 and self.high / self.low > _LOGARITHMIC

    def value(self, part: Array) -> Array:
        """Return the value at a part (0-1) of the range."""
        if self.logarithmic:
            return np.asarray(self.low * (self.high / self.low) ** part)
        return np.asarray(self.low + (self.high - self.low) * part)

    def part(self, value: Array) -> Array:
        """Return the part of the range (0-1) that a value stands at."""
        if self.logarithmic:
            return np.asarray(np.log(np.asarray(value) / self.low) / np.log(self.high / self.low))
        return np.asarray((np.asarray(value) - self.low) / (self.high - self.low))

    def slope(self, value: Array) -> Array:
        """Return the derivative of the value with respect to the part."""
        if self.logarithmic:
            return np.asarray(value * np.log(self.high / self.low))
        return np.full(np.shape(value), self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Species:
    """One state of a cluster.

    Attributes
    ----------
    name, formula : str
        In the scheme, and for people.
    guests, hosts, absorbance : Expression
        Guest atoms and host cations per cluster of the start, and A/A0 of that state alone.
    peak_nm : float or None
        Position of its peak; None where it adds none.
    kind : str
        "cluster", "disrupted" (its host can be washed away) or "product".
    """

    name: str
    formula: str
    guests: Expression
    hosts: Expression
    absorbance: Expression
    peak_nm: float | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """A mechanism as a file states it.

    Attributes
    ----------
    name, title, source : str
        Its short name, what it is, where it comes from.
    system : str
        Cation system whose dose curve is set beside it ("" for none).
    guest, host : str
        Symbols.
    anions : int
        Anions of a cluster.
    scheme : Scheme
        Its steps.
    laws : tuple of Expression
        The rate law of each rate constant of the scheme.
    species : tuple of Species
        In the order of the scheme.
    parameters : tuple of Parameter
        What is fitted, with bounds.
    supply, trapped, recovery : Expression
        Guest per cluster in solution at the start (of `dose`), host that comes down beside a cluster (it
        may depend on `dose`), and the share of the product that an elemental analysis finds.
    definition : str
        The text of its file, so that a stored fit needs no file beside it.

    Examples
    --------
    >>> len(load_mechanism("two-silver-dark").parameters)
    13
    """

    name: str
    title: str
    source: str
    system: str
    guest: str
    host: str
    anions: int
    scheme: Scheme
    laws: tuple[Expression, ...]
    species: tuple[Species, ...]
    parameters: tuple[Parameter, ...]
    supply: Expression
    trapped: Expression
    recovery: Expression
    definition: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def formulas(self) -> tuple[str, ...]:
        """Formulae of the species."""
        return tuple(species.formula for species in self.species)

    def stoichiometry(self) -> Array:
        """Return the matrices of the scheme, (laws, species, species): dc/dt = sum_j law_j S_j c."""
        return np.asarray(network_of(self.scheme).steps[0])

    def start(self) -> Array:
        """Return the shares at time zero."""
        initial = network_of(self.scheme).initial
        return np.asarray(initial / initial.sum())

    def index(self, name: str) -> int:
        """Return the place of a species, by its name in the scheme or its formula.

        Raises
        ------
        UsageError
            If there is none.
        """
        for i, species in enumerate(self.species):
            if name in (species.name, species.formula):
                return i
        known = [species.formula for species in self.species]
        raise UsageError(
            f"{name!r} is no species of the mechanism {self.name}; {did_you_mean(name, known)}"
            f"it has {', '.join(known)}"
        )

    def has(self, kind: str) -> bool:
        """Return whether a species of a kind is among its states."""
        return any(species.kind == kind for species in self.species)

    def varied(self, words: str) -> "Mechanism":
        """Return the same steps with more freedom in what an elemental analysis sees, one of `VARIANTS`.

        Raises
        ------
        UsageError
            If the words are none of them.
        """
        if words not in VARIANTS:
            raise UsageError(
                f"{words!r} is no variant of a mechanism; {did_you_mean(words, tuple(VARIANTS))}"
                f"use one of {', '.join(VARIANTS)}"
            )
        more = replace(VARIANTS[words], unit=f"{self.host} per cluster" if words == RISING else "")
        rising = words == RISING
        return replace(
            self,
            name=f"{self.name} + {words}",
            title=f"{self.title}, {words}",
            parameters=(*self.parameters, more),
            trapped=parse_expression(f"{self.trapped.text} + T1 * dose / 100") if rising else self.trapped,
            recovery=self.recovery if rising else parse_expression("eta"),
        )


RISING = "rising trapped host"
VARIANTS = {
    "free recovery": Parameter(name="eta", low=0.05, high=1.0, text="share of the product that is found"),
    RISING: Parameter(name="T1", low=0.0, high=150.0, text="rise of the trapped host up to 100 % dose"),
}
"""What a rival may leave free besides the steps: written behind its name, "two-silver + free recovery"."""


def packaged_mechanisms() -> tuple[str, ...]:
    """Return the names of the packaged mechanisms.

    Examples
    --------
    >>> packaged_mechanisms()
    ('sequential', 'two-silver', 'two-silver-dark')
    """
    folder = files("cxkinetics.mechanism") / "schemes"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_mechanism(name: str | Path) -> Mechanism:
    """Return a packaged mechanism by its name, or that of a TOML file, with any variants behind " + ".

    Parameters
    ----------
    name : str or Path
        "two-silver-dark", "two-silver", "sequential", or a file; " + free recovery" and
        " + rising trapped host" behind it are variants.

    Returns
    -------
    Mechanism

    Raises
    ------
    InputError
        If the file cannot be read, or what it says does not fit together; the message names the key.
    UsageError
        If the name is neither packaged nor a TOML file.

    Examples
    --------
    >>> mechanism = load_mechanism("two-silver")
    >>> mechanism.scheme.species, mechanism.names[:3]
    (('C0', 'C1', 'C2', 'P'), ('phi', 'kf', 'K'))
    """
    base, *variants = str(name).split(" + ")
    if base.casefold().endswith(".toml"):
        path = Path(base)
        record_of(path)  # a fault of the syntax is told with the file
        found = mechanism_of(path.stem, path.read_text(encoding="utf-8-sig"), file=base)
    else:
        found = _packaged(base)
    for words in variants:
        found = found.varied(words)
    return found


def mechanism_of(name: str, definition: str, *, file: str = "") -> Mechanism:
    """Return the mechanism that the text of a file states; `name` may have variants behind it."""
    base, *variants = name.split(" + ")
    found = replace(_loaded(base, tomllib.loads(definition), file), definition=definition)
    for words in variants:
        found = found.varied(words)
    return found


@cache
def _packaged(name: str) -> Mechanism:
    known = packaged_mechanisms()
    if name not in known:
        raise UsageError(
            f"{name!r} is no packaged mechanism; {did_you_mean(name, known)}use one of {', '.join(known)}, "
            "or a file of your own, FILE.toml"
        )
    text = (files("cxkinetics.mechanism") / "schemes" / f"{name}.toml").read_text(encoding="utf-8")
    return mechanism_of(name, text, file=f"{name}.toml")


def record_of(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises
    ------
    InputError
        If it cannot be read; a fault of the syntax is told with its line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", file=str(path), remedy="check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this is no TOML: {error}", file=str(path), remedy="mend that line") from error


def _loaded(name: str, record: Mapping[str, Any], file: str) -> Mechanism:
    try:
        return _mechanism(name, record)
    except InputError:
        raise
    except CxKineticsError as error:
        raise InputError(str(error), file=file) from error
    except KeyError as error:
        raise InputError(
            f"the key {error.args[0]} is missing", file=file, remedy="add it; the packaged files show how"
        ) from error


def _mechanism(name: str, record: Mapping[str, Any]) -> Mechanism:
    _known("the file", record, _FILE)
    scheme = parse_scheme(_text(record, "scheme"))
    if scheme.n_stages > 1 or scheme.fixed:
        raise UsageError(
            "the scheme of a mechanism has no stages ('|') and no fixed rate constants; what changes in "
            "time follows from the guest left, and a number can stand in [rates]"
        )
    rates, states = _table(record, "rates"), _table(record, "species")
    _known("[rates]", rates, set(scheme.rates))
    _known("[species]", states, set(scheme.species))
    laws = tuple(_expression(f"[rates] {key}", _need(rates, key, "[rates]")) for key in scheme.rates)
    species = tuple(_species(key, _need(states, key, "[species]")) for key in scheme.species)
    parameters = tuple(_parameter(key, entry) for key, entry in _table(record, "parameters").items())
    made = Mechanism(
        name=name,
        title=str(record.get("title", name)),
        source=str(record.get("source", "")),
        system=str(record.get("system", "")),
        guest=_text(record, "guest"),
        host=_text(record, "host"),
        anions=int(record.get("anions", 1)),
        scheme=scheme,
        laws=laws,
        species=species,
        parameters=parameters,
        supply=_expression("supply", _need(record, "supply", "the file")),
        trapped=_expression("trapped", record.get("trapped", 0)),
        recovery=_expression("recovery", record.get("recovery", 1)),
    )
    _check_names(made)
    return made


def _check_names(made: Mechanism) -> None:
    """Refuse names that stand for nothing, and parameters that nothing depends on."""
    every = {f"[rates] {key}": law for key, law in zip(made.scheme.rates, made.laws, strict=True)}
    for state in made.species:
        for key in ("guests", "hosts", "absorbance"):
            every[f"[species.{state.name}] {key}"] = getattr(state, key)
    every |= {key: getattr(made, key) for key in ("supply", "trapped", "recovery")}
    for place, expression in every.items():
        allowed = {*made.names}
        if place.startswith("[rates]"):
            allowed |= {*RESERVED}
        elif place in ("supply", "trapped"):
            allowed.add("dose")
        if unknown := sorted(expression.names - allowed):
            raise UsageError(
                f"{place} = {expression.text!r} uses {unknown[0]}, which is no parameter; "
                f"{did_you_mean(unknown[0], sorted(allowed))}known there: {', '.join(sorted(allowed))}"
            )
    used = frozenset().union(*(expression.names for expression in every.values()))
    if idle := [name for name in made.names if name not in used]:
        raise UsageError(f"nothing depends on the parameter {idle[0]}; use it, or leave it out")
    if taken := [name for name in made.names if name in RESERVED]:
        raise UsageError(f"a parameter cannot be called {taken[0]}, which has a meaning of its own")
    if not any(state.kind == "product" for state in made.species):
        raise UsageError('no species has kind = "product"; the product of the exchange must be named')


def _species(name: str, entry: Any) -> Species:
    place = f"[species.{name}]"
    if not isinstance(entry, Mapping):
        raise UsageError(f"{place} must be a table with guests, hosts and absorbance")
    _known(place, entry, _SPECIES)
    kind = str(entry.get("kind", "cluster"))
    if kind not in KINDS:
        raise UsageError(f"{place} kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    peak = entry.get("peak_nm")
    return Species(
        name=name,
        formula=str(entry.get("formula", name)),
        guests=_expression(f"{place} guests", _need(entry, "guests", place)),
        hosts=_expression(f"{place} hosts", _need(entry, "hosts", place)),
        absorbance=_expression(f"{place} absorbance", _need(entry, "absorbance", place)),
        peak_nm=None if peak is None else _number(f"{place} peak_nm", peak),
        kind=kind,
    )


def _parameter(name: str, entry: Any) -> Parameter:
    place = f"[parameters] {name}"
    if not isinstance(entry, Mapping) or not re.fullmatch(r"[^\W\d]\w*", name):
        raise UsageError(f"{place} must be a name with bounds, such as {{ low = 1e-4, high = 1 }}")
    _known(place, entry, {"low", "high", "unit", "text"})
    low, high = (_number(f"{place} {key}", _need(entry, key, place)) for key in ("low", "high"))
    if not low < high:
        raise UsageError(f"{place} has low = {low:g} and high = {high:g}; low must be the smaller")
    return Parameter(
        name=name, low=low, high=high, unit=str(entry.get("unit", "")), text=str(entry.get("text", ""))
    )


def _need(record: Mapping[str, Any], key: str, place: str) -> Any:
    if key not in record:
        raise UsageError(f"{place} lacks {key}; add it, the packaged files show how")
    return record[key]


def _table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = _need(record, key, "the file")
    if not isinstance(found, Mapping):
        raise UsageError(f"{key} is {found!r:.40}; it must be a table, [{key}]")
    return found


def _text(record: Mapping[str, Any], key: str) -> str:
    found = _need(record, key, "the file")
    if not isinstance(found, str):
        raise UsageError(f"{key} is {found!r:.40}; it must be text")
    return found


def _number(place: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise UsageError(f"{place} is {value!r:.40}; it must be a finite number")
    return float(value)


def _expression(place: str, value: Any) -> Expression:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UsageError(f"{place} is {value!r:.40}; it must be a number or an expression in quotes")
    try:
        return parse_expression(value)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _known(place: str, record: Mapping[str, Any], known: set[str]) -> None:
    if strange := [key for key in record if key not in known]:
        raise UsageError(
            f"{place} has {strange[0]}, which is not known there; {did_you_mean(strange[0], sorted(known))}"
            f"it may have {', '.join(sorted(known))}"
        )
