"""Parameter draws, from which all predictions are made; and how much of a result comes from priors."""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeAlias

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.composition.system import Prior, System
from cxkinetics.errors import InputError, UsageError
from cxkinetics.record import OMIT, As, Record, read

_MOST_DRAWS = 100_000
DEFAULT_DRAWS = 3000
DEFAULT_SEED = 20230706
"""Seed where none is given, so that two calls agree; it is stored in every result."""


def _read_draws(widened: Mapping[str, Any]) -> dict[float, "ParameterDraws"]:
    return {float(factor): ParameterDraws.from_dict(record) for factor, record in widened.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismWeight(Record):
    """How much one mechanism counts.

    Attributes
    ----------
    mechanism : str
        Its key.
    weight : float
        Posterior probability, all mechanisms alike before the measurements.
    weight_without_priors : float or None
        The same by the best fit of each and the number of its parameters: it does not depend on how wide
        the priors of its parameters are. None without measurements.
    misfit : float or None
        Chi-square of its best fit.
    numbers : int
        Numbers measured.
    p_value : float or None
        Chance of a misfit that large if the mechanism holds: the check that it can fail.
    """

    mechanism: str
    weight: float
    weight_without_priors: float | None
    misfit: float | None
    numbers: int
    p_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParameterDraws(Record):
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
    own_samples : bool
        Whether the samples are those that the system's published measurements were made of.
    mechanisms : tuple of MechanismWeight
        Weights of the mechanisms behind the draws.
    effective_draws : float or None
        Draws that count, of those weighed by measurements.
    errors : mapping
        The errors of a dose table that stand behind the draws, as `IncorporationFit.errors`.
    widened : mapping of float to ParameterDraws
        For measured draws: the same with all priors multiplied in width by the key.
    """

    system: System
    basis: str
    values: Mapping[str, Array]
    priors: Mapping[str, Prior]
    uniforms: Mapping[str, Array]
    measured: Annotated[frozenset[str], As(write=sorted, read=frozenset)]
    calibrated_dose_percent: Annotated[tuple[float, float], As(null=math.inf)]
    seed: int | None
    origin: str
    no_product: str = ""
    own_samples: bool = False
    mechanisms: tuple[MechanismWeight, ...] = ()
    effective_draws: float | None = None
    errors: Annotated[Mapping[str, Any], OMIT] = field(default_factory=dict)
    widened: Annotated[Mapping[float, "ParameterDraws"], As(read=_read_draws)] = field(default_factory=dict)

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

    def rows(self, rows: IntArray | slice) -> "ParameterDraws":
        """Return some of the draws."""
        return replace(
            self,
            values={name: draws[rows] for name, draws in self.values.items()},
            uniforms={name: draws[rows] for name, draws in self.uniforms.items()},
            widened={factor: other.rows(rows) for factor, other in self.widened.items()},
        )

    def first(self, count: int) -> "ParameterDraws":
        """Return the first `count` draws."""
        return self.rows(slice(count))

    def with_values(self, **values: Array) -> "ParameterDraws":
        """Return the draws with the draws of some parameters replaced, each of shape (n,)."""
        return replace(self, values={**self.values, **values})

    def distinct(self) -> tuple["ParameterDraws", IntArray]:
        """Return each different draw once, and where every draw stands among them.

        Draws that measurements like stand several times; what costs much is read once for them all.
        """
        table = np.ascontiguousarray(np.stack(list(self.values.values()), axis=1))
        whole = table.view(np.dtype((np.void, table.strides[0]))).ravel()
        _, first, place = np.unique(whole, return_index=True, return_inverse=True)
        return self.rows(first), place

    def with_prior_scaled(self, name: str | None, factor: float) -> "ParameterDraws | None":
        """Return the draws with the width of one prior (or of all, for None) multiplied by `factor`.

        Draws weighed by measurements are weighed anew, by the scaled prior over the prior where they
        stand: moved along with their prior they would no longer explain what was measured. They know
        nothing of values that a wider prior allows and the prior does not. None where the scaled prior
        allows no draw that explains the measurements.
        """
        if name is None and factor in self.widened:
            return self.widened[factor]
        names = self.assumed if name is None else GROUPS.get(name, (name,))
        scaled = {n: self.priors[n].scaled(factor) for n in names if n in self.uniforms}
        if self.effective_draws is not None and scaled:
            rows = self._reweighed(scaled)
            return None if rows is None else replace(self.rows(rows), priors={**self.priors, **scaled})
        values = {n: prior.quantile(self.uniforms[n]) for n, prior in scaled.items()}
        return replace(self, values={**self.values, **values}, priors={**self.priors, **scaled})

    def _reweighed(self, scaled: Mapping[str, Prior]) -> IntArray | None:
        """Return rows of the draws as they count where some priors are replaced; None where none does."""
        log = np.zeros(self.n_draws)
        for name, prior in scaled.items():
            draws = self.values[name]
            log += prior.log_density(draws) - self.priors[name].log_density(draws)
        if not np.isfinite(log).any():
            return None
        weight = np.exp(log - log.max())
        ends = np.cumsum(weight / weight.sum())
        return np.minimum(np.searchsorted(ends, (np.arange(log.size) + 0.5) / log.size), log.size - 1)


def generator(rng: np.random.Generator | int | None) -> tuple[np.random.Generator, int | None]:
    """Return a generator and its seed (None where a generator was given)."""
    if isinstance(rng, np.random.Generator):
        return rng, None
    seed = DEFAULT_SEED if rng is None else int(rng)
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it must be 0 or positive")
    return np.random.default_rng(seed), seed


def check_draws(n_draws: int) -> None:
    """Refuse a number of draws too small for an interval, or too large to wait for."""
    if not 100 <= n_draws <= _MOST_DRAWS:
        need = f"at least 100 are needed for an interval, and {_MOST_DRAWS} are more than enough"
        raise UsageError(f"n_draws is {n_draws}; {need}")


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0 and 1")


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


def prior_draws(
    system: System, basis: str, n_draws: int, rng: np.random.Generator, seed: int | None
) -> ParameterDraws:
    """Return draws of all parameters from the documented priors of a system.

    Raises
    ------
    InputError
        If the system documents no dose curve; with what to do instead.
    """
    if not system.has_dose_curve:
        found = "is published for" if system.source else "stands in the definition of"
        raise InputError(
            f"no dose-incorporation table {found} {system.name}",
            remedy="measure one (guest added against guest incorporated, ICP) and pass it: --table FILE, "
            "or table=cx.load_dose_table(...)",
        )
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
        own_samples=True,
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


GROUPS = {
    "mechanism": ("mechanism", "second_step", "third_step", "onset", "steepness"),
    "mass balance": ("T", "trend", "eta", "loss", "rho", "retention", "adsorbed"),
}
"""Parameters that say one thing together."""

FACTORS = (0.5, 2.0)
_MATTERS = 0.01  # least share of a variance for which a prior is halved and doubled
_DRIVEN = 0.5
_NEGLIGIBLE = 1e-4  # smaller shares are the noise of the shuffles
_SHUFFLE_SEED = 19990117
_MEASURED = "dose curve"

Outputs = Callable[[ParameterDraws], Mapping[str, Array]]

Summary: TypeAlias = tuple[float | None, float | None, float | None]
"""A value with the ends of its interval."""

Summaries = Callable[[ParameterDraws], Mapping[str, Summary]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorShift(Record):
    """One row of the second table: a prior's width times `factor`, and what a quantity becomes."""

    prior: str
    factor: float
    quantity: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorInfluence(Record):
    """Shares of variance, by quantity and parameter, and the table of halved and doubled priors.

    Attributes
    ----------
    by_parameter : mapping
        Quantity -> {parameter: share of the variance}; empty for a quantity that does not vary. Each is a
        total effect, the interactions with the others included, so those of one quantity are no parts of a
        whole and may sum to more than 1.
    from_priors : mapping
        Quantity -> share of the variance from priors that no data stand behind (one effect of all of
        them, at most 1); every quantity has a variance of its own.
    shifts : tuple of PriorShift
        Each prior that matters to a quantity, and all of them together, halved and doubled; the
        rows with factor 1 hold the quantity as it is.
    """

    by_parameter: Mapping[str, Mapping[str, float]]
    from_priors: Mapping[str, float]
    shifts: Annotated[tuple[PriorShift, ...], As(key="prior_sensitivity")]

    @property
    def driven(self) -> tuple[str, ...]:
        """Quantities of which at least half the variance comes from priors."""
        return tuple(name for name, share in self.from_priors.items() if share >= _DRIVEN)

    def _written(self, whole: bool) -> dict[str, Any]:
        return {
            "variance_from_priors": {
                name: {"share": share, "by_parameter": dict(self.by_parameter[name])}
                for name, share in self.from_priors.items()
            },
            "prior_sensitivity": [shift.to_dict() for shift in self.shifts],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PriorInfluence":
        """Return the influence that was written: both mappings stand interleaved there."""
        shares = record["variance_from_priors"]
        return read(
            cls,
            record,
            by_parameter={name: dict(item["by_parameter"]) for name, item in shares.items()},
            from_priors={name: item["share"] for name, item in shares.items()},
        )


def prior_influence(
    draws: ParameterDraws,
    outputs: Outputs,
    *,
    confidence: float,
    summaries: Summaries | None = None,
    summary_draws: ParameterDraws | None = None,
    now: Mapping[str, Summary] | None = None,
) -> PriorInfluence:
    """Return what of each output comes from priors.

    Parameters
    ----------
    draws : ParameterDraws
        The draws behind the shares of variance.
    outputs : callable
        Draws -> {quantity: values (n,)}.
    confidence : float
        Of the intervals in the second table.
    summaries : callable, optional
        Draws -> {quantity: (value, low, high)} for the second table, where a result is more than the
        mean of its draws (a dose, say); mean and interval of `outputs` by default.
    summary_draws : ParameterDraws, optional
        The draws behind the second table; `draws` by default.
    now : mapping, optional
        The result itself, for the rows with factor 1; `summaries` of the draws by default.
    """

    def by_default(moved: ParameterDraws) -> Mapping[str, Summary]:
        return {quantity: summary_of(values, confidence) for quantity, values in outputs(moved).items()}

    base = outputs(draws)
    rng = np.random.default_rng(_SHUFFLE_SEED)

    def total_effects(names: tuple[str, ...]) -> dict[str, float]:
        if not names:
            return dict.fromkeys(base, 0.0)
        # Jansen's estimator of the total effect: shuffle these parameters alone and see how far results move
        order = rng.permutation(draws.n_draws)
        moved = outputs(draws.with_values(**{name: draws.values[name][order] for name in names}))
        effects = {}
        for quantity, values in base.items():
            variance = float(np.nanvar(values))
            scale = float(np.nanmax(np.abs(values), initial=0.0))
            change = float(np.nanmean((values - moved[quantity]) ** 2)) / 2
            effects[quantity] = min(change / variance, 1.0) if variance > (1e-9 * scale) ** 2 else 0.0
        return effects

    measured = tuple(name for name in draws.values if name in draws.measured)
    groups = {_MEASURED: measured} if measured else {}
    loose = {name: name for name in draws.values if name not in draws.measured}
    if "mechanism" in draws.values:
        loose |= {name: label for label, names in GROUPS.items() for name in names if name in loose}
    for name, label in loose.items():
        groups[label] = (*groups.get(label, ()), name)
    by_parameter: dict[str, dict[str, float]] = {quantity: {} for quantity in base}
    for label, names in groups.items():
        for quantity, share in total_effects(names).items():
            if share > _NEGLIGIBLE:
                by_parameter[quantity][label] = share
    return PriorInfluence(
        by_parameter=by_parameter,
        from_priors=total_effects(draws.assumed),
        shifts=_shifts(summary_draws or draws, by_parameter, summaries or by_default, now),
    )


def _shifts(
    draws: ParameterDraws,
    by_parameter: Mapping[str, Mapping[str, float]],
    summaries: Summaries,
    now: Mapping[str, Summary] | None,
) -> tuple[PriorShift, ...]:
    strong = {name for parts in by_parameter.values() for name, share in parts.items() if share >= _MATTERS}
    scalable = [name for name in draws.assumed if name in draws.uniforms]
    matter = [name for name in strong if any(n in scalable for n in GROUPS.get(name, (name,)))]
    matter.sort(key=[*GROUPS, *draws.values].index)
    if not matter and not draws.widened:
        return ()
    moved = [("none", 1.0, now or summaries(draws))]
    for name in (*matter, None):
        for factor in FACTORS:
            scaled = draws.with_prior_scaled(name, factor)
            found = {} if scaled is None else summaries(scaled)
            if name is not None:
                found = {q: s for q, s in found.items() if by_parameter.get(q, {}).get(name, 0.0) >= _MATTERS}
            moved.append((name or "all", factor, found))
    return tuple(
        PriorShift(prior=prior, factor=factor, quantity=quantity, value=value, low=low, high=high)
        for prior, factor, found in moved
        for quantity, (value, low, high) in found.items()
    )


def summary_of(values: Array, confidence: float) -> Summary:
    """Return mean and equal-tailed interval of draws, those that are not finite left out.

    Where few draws carry the mean (a share that is 0 in nearly all of them), the interval reaches to it.

    Examples
    --------
    >>> summary_of(np.array([1.0, 2.0, 3.0, np.nan]), 0.5)
    (2.0, 1.5, 2.5)
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return None, None, None
    tail = 0.5 * (1 - confidence)
    low, high = np.quantile(known, [tail, 1 - tail])
    mean = float(known.mean())
    return mean, min(float(low), mean), max(float(high), mean)
