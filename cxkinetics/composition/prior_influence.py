"""How much of a result comes from priors: variance shares, and what halving or doubling them does.

The variance share of a parameter is its total effect: half the mean squared change of the result when
this parameter alone is drawn anew, over the result's variance (Jansen, Comput. Phys. Commun. 117, 35
(1999), doi 10.1016/S0010-4655(98)00154-4). Interactions count for every parameter in them, so shares
may add up to more than 1. Parameters measured together are drawn together, as "dose curve".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.draws import ParameterDraws
from cxkinetics.estimate import finite_or_none

__all__ = ["PriorInfluence", "PriorShift", "Summary", "prior_influence", "summary_of"]

FACTORS = (0.5, 2.0)
_MATTERS = 0.01
_DRIVEN = 0.5
_NEGLIGIBLE = 1e-4
_SHUFFLE_SEED = 19990117
_MEASURED = "dose curve"

Outputs = Callable[[ParameterDraws], Mapping[str, Array]]

Summary: TypeAlias = tuple[float | None, float | None, float | None]
"""A value with the ends of its interval."""

Summaries = Callable[[ParameterDraws], Mapping[str, Summary]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorShift:
    """One row of the second table: a prior's width times `factor`, and what a quantity becomes."""

    prior: str
    factor: float
    quantity: str
    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "prior": self.prior,
            "factor": self.factor,
            "quantity": self.quantity,
            "value": finite_or_none(self.value),
            "low": finite_or_none(self.low),
            "high": finite_or_none(self.high),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PriorShift":
        """Return the row that `to_dict` wrote."""
        return cls(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorInfluence:
    """Shares of variance, by quantity and parameter, and the table of halved and doubled priors.

    Attributes
    ----------
    by_parameter : mapping
        Quantity -> {parameter: share of the variance}; empty for a quantity that does not vary.
    from_priors : mapping
        Quantity -> share of the variance from priors that no data stand behind.
    shifts : tuple of PriorShift
        Each prior that matters to a quantity, and all of them together, halved and doubled; the
        rows with factor 1 hold the quantity as it is.
    """

    by_parameter: Mapping[str, Mapping[str, float]]
    from_priors: Mapping[str, float]
    shifts: tuple[PriorShift, ...]

    @property
    def driven(self) -> tuple[str, ...]:
        """Quantities of which at least half the variance comes from priors."""
        return tuple(name for name, share in self.from_priors.items() if share >= _DRIVEN)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: `variance_from_priors` and `prior_sensitivity`."""
        return {
            "variance_from_priors": {
                name: {"share": share, "by_parameter": dict(self.by_parameter[name])}
                for name, share in self.from_priors.items()
            },
            "prior_sensitivity": [shift.to_dict() for shift in self.shifts],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PriorInfluence":
        """Return the influence that `to_dict` wrote."""
        shares = record["variance_from_priors"]
        return cls(
            by_parameter={name: dict(item["by_parameter"]) for name, item in shares.items()},
            from_priors={name: item["share"] for name, item in shares.items()},
            shifts=tuple(PriorShift.from_dict(item) for item in record["prior_sensitivity"]),
        )


def prior_influence(
    draws: ParameterDraws,
    outputs: Outputs,
    *,
    confidence: float,
    summaries: Summaries | None = None,
    summary_draws: ParameterDraws | None = None,
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
        The draws behind the second table: those of the result itself, so that its rows with
        factor 1 are the result; `draws` by default.
    """

    def by_default(moved: ParameterDraws) -> Mapping[str, Summary]:
        return {quantity: summary_of(values, confidence) for quantity, values in outputs(moved).items()}

    base = outputs(draws)
    rng = np.random.default_rng(_SHUFFLE_SEED)
    by_parameter: dict[str, dict[str, float]] = {quantity: {} for quantity in base}
    for label, names in _groups(draws).items():
        for quantity, share in _total_effects(draws, names, outputs, base, rng).items():
            if share > _NEGLIGIBLE:
                by_parameter[quantity][label] = share
    from_priors = _total_effects(draws, draws.assumed, outputs, base, rng)
    return PriorInfluence(
        by_parameter=by_parameter,
        from_priors=from_priors,
        shifts=_shifts(summary_draws or draws, by_parameter, summaries or by_default),
    )


def _total_effects(
    draws: ParameterDraws,
    names: tuple[str, ...],
    outputs: Outputs,
    base: Mapping[str, Array],
    rng: np.random.Generator,
) -> dict[str, float]:
    if not names:
        return dict.fromkeys(base, 0.0)
    order = rng.permutation(draws.n_draws)
    moved = outputs(draws.with_values(**{name: draws.values[name][order] for name in names}))
    effects = {}
    for quantity, values in base.items():
        variance = float(np.nanvar(values))
        scale = float(np.nanmax(np.abs(values), initial=0.0))
        change = float(np.nanmean((values - moved[quantity]) ** 2)) / 2
        effects[quantity] = min(change / variance, 1.0) if variance > (1e-9 * scale) ** 2 else 0.0
    return effects


def _groups(draws: ParameterDraws) -> dict[str, tuple[str, ...]]:
    measured = tuple(name for name in draws.values if name in draws.measured)
    groups = {_MEASURED: measured} if measured else {}
    return groups | {name: (name,) for name in draws.values if name not in draws.measured}


def _shifts(
    draws: ParameterDraws, by_parameter: Mapping[str, Mapping[str, float]], summaries: Summaries
) -> tuple[PriorShift, ...]:
    scalable = [name for name in draws.assumed if name in draws.uniforms]
    matter = [
        name for name in scalable if any(parts.get(name, 0) >= _MATTERS for parts in by_parameter.values())
    ]
    if not matter and not draws.widened:
        return ()
    rows = [_shift("none", 1.0, quantity, found) for quantity, found in summaries(draws).items()]
    for name in (*matter, None):
        for factor in FACTORS:
            moved = summaries(draws.with_prior_scaled(name, factor))
            rows += [
                _shift(name or "all", factor, quantity, found)
                for quantity, found in moved.items()
                if name is None or by_parameter.get(quantity, {}).get(name, 0.0) >= _MATTERS
            ]
    return tuple(rows)


def _shift(prior: str, factor: float, quantity: str, found: Summary) -> PriorShift:
    value, low, high = found
    return PriorShift(prior=prior, factor=factor, quantity=quantity, value=value, low=low, high=high)


def summary_of(values: Array, confidence: float) -> Summary:
    """Return mean and equal-tailed interval of draws, those that are not finite left out.

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
    return float(known.mean()), float(low), float(high)
