"""Parameter draws: the one thing that predictions are made from, wherever they come from.

The map (b1, D1, b2, y_f) comes from documented priors or from a fitted table, the rest from
priors unless measurements have narrowed it (`update`). Draws keep the uniforms behind each prior,
so that a prior can be halved or doubled without new dice.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.priors import Prior
from cxkinetics.composition.system import System
from cxkinetics.errors import InputError, UsageError

__all__ = [
    "DEFAULT_DRAWS",
    "DEFAULT_SEED",
    "ParameterDraws",
    "generator",
    "prior_draws",
    "require_dose_curve",
    "require_product",
]

DEFAULT_DRAWS = 3000
DEFAULT_SEED = 20230706
"""Seed where none is given, so that two calls agree; it is stored in every result."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParameterDraws:
    """Draws of all parameters of the composition model.

    Attributes
    ----------
    system : System
        Whose species these parameters describe.
    basis : str
        Of the incorporations y2, y_on and y_f.
    values : mapping of str to Array, shape (n,)
        Draws by parameter name.
    priors : mapping of str to Prior
        Priors behind the parameters that no data narrowed.
    uniforms : mapping of str to Array
        The uniforms behind those draws.
    measured : frozenset of str
        Parameters fitted to the user's data.
    calibrated_dose_percent : tuple of float
        Doses that the map was made from.
    seed : int or None
        Seed of the generator; None where the caller gave a generator.
    origin : str
        In words, where the map comes from.
    no_product : str
        Why no share of product follows from the user's table; "" where one does.
    widened : mapping of float to ParameterDraws
        For measured draws: the same with all priors multiplied in width by the key.
    """

    system: System
    basis: str
    values: Mapping[str, Array]
    priors: Mapping[str, Prior]
    uniforms: Mapping[str, Array]
    measured: frozenset[str]
    calibrated_dose_percent: tuple[float, float]
    seed: int | None
    origin: str
    no_product: str = ""
    widened: Mapping[float, "ParameterDraws"] = field(default_factory=dict)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(self.values["y_f"].size)

    def from_data(self, name: str) -> bool:
        """Return whether a parameter's spread comes from data (the user's or the published ones)."""
        return name in self.measured or (name in self.priors and self.priors[name].data)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Parameters whose spread comes from a prior that no data stand behind."""
        return tuple(name for name in self.values if name in self.priors and not self.from_data(name))

    def first(self, count: int) -> "ParameterDraws":
        """Return the first `count` draws."""
        return replace(
            self,
            values={name: draws[:count] for name, draws in self.values.items()},
            uniforms={name: draws[:count] for name, draws in self.uniforms.items()},
            widened={factor: other.first(count) for factor, other in self.widened.items()},
        )

    def with_values(self, **values: Array) -> "ParameterDraws":
        """Return the draws with the draws of some parameters replaced, each of shape (n,)."""
        return replace(self, values={**self.values, **values})

    def with_prior_scaled(self, name: str | None, factor: float) -> "ParameterDraws":
        """Return the draws with the width of one prior (or of all, for None) multiplied by `factor`."""
        if name is None and factor in self.widened:
            return self.widened[factor]
        names = self.assumed if name is None else (name,)
        scaled = {n: self.priors[n].scaled(factor) for n in names if n in self.uniforms}
        values = {n: prior.quantile(self.uniforms[n]) for n, prior in scaled.items()}
        return replace(self, values={**self.values, **values}, priors={**self.priors, **scaled})


def generator(rng: np.random.Generator | int | None) -> tuple[np.random.Generator, int | None]:
    """Return a generator and its seed (None where a generator was given)."""
    if isinstance(rng, np.random.Generator):
        return rng, None
    seed = DEFAULT_SEED if rng is None else int(rng)
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it must be 0 or positive")
    return np.random.default_rng(seed), seed


def require_product(draws: ParameterDraws) -> None:
    """Refuse draws from a table that shows no avalanche: no share of any species follows from them.

    Raises
    ------
    InputError
        With the reason.
    """
    if draws.no_product:
        raise InputError(
            draws.no_product,
            remedy="measure on past the avalanche to the plateau, or leave the table out (documented priors)",
        )


def require_dose_curve(system: System) -> None:
    """Refuse a system whose dose-incorporation curve is not published.

    Raises
    ------
    InputError
        With what to do instead.
    """
    if not system.has_dose_curve:
        found = "is published for" if system.source else "stands in the definition of"
        raise InputError(
            f"no dose-incorporation table {found} {system.name}",
            remedy="measure one (guest added against guest incorporated, ICP) and pass it: --table FILE, "
            "or table=cx.load_dose_table(...)",
        )


def prior_draws(
    system: System, basis: str, n_draws: int, rng: np.random.Generator, seed: int | None
) -> ParameterDraws:
    """Return draws of all parameters from the documented priors of a system.

    Raises
    ------
    InputError
        If the system documents no dose curve.
    """
    require_dose_curve(system)
    priors = system.resolved_priors(basis)
    values, uniforms = draw_priors(priors, n_draws, rng)
    return ParameterDraws(
        system=system,
        basis=basis,
        values=values,
        priors=priors,
        uniforms=uniforms,
        measured=frozenset(),
        calibrated_dose_percent=system.calibrated_dose_percent or (0.0, float("inf")),
        seed=seed,
        origin=f"documented priors of {system.name}; those of the dose curve sum up published points",
    )


def draw_priors(
    priors: Mapping[str, Prior], n_draws: int, rng: np.random.Generator
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return draws and the uniforms behind them, one independent stream per parameter name.

    The uniforms are stratified (one in each of n equal slices, in random order), which takes most
    of the dice's noise out of the means; streams are keyed by name, so that leaving one
    parameter out does not change the others.
    """
    root = int(rng.integers(0, 2**63))
    values, uniforms = {}, {}
    for name, prior in priors.items():
        own = np.random.default_rng([root, zlib.crc32(name.encode())])
        uniforms[name] = (own.permutation(n_draws) + own.random(n_draws)) / n_draws
        values[name] = prior.quantile(uniforms[name])
    return values, uniforms
