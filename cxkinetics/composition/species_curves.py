"""Species against dose: means and bands on a grid of doses, for a figure or a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.composition.draws import ParameterDraws, require_product
from cxkinetics.composition.knowledge import Knowledge, check_confidence, known_draws
from cxkinetics.composition.species_model import incorporation_draws, share_draws
from cxkinetics.composition.system import System
from cxkinetics.errors import UsageError
from cxkinetics.presentation import Presentable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SpeciesCurves", "curves_of", "species_curves"]

_DRAWS = 1000
_DOSES = 141


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesCurves(Presentable):
    """Shares of all species and the incorporation against dose.

    Attributes
    ----------
    dose_percent : Array, shape (g,)
        Doses, percent.
    shares : mapping of str to Array, shape (3, g)
        Mean, lower and upper end of the interval of each share.
    incorporation_percent : Array, shape (3, g)
        The same of the incorporation, percent.
    basis : str
        Of the incorporation.
    confidence : float
        Of the intervals.
    origin : str
        Where the parameters come from.

    Examples
    --------
    >>> curves = species_curves(n_draws=200)
    >>> float(curves.dose_percent[-1]), round(float(curves.incorporation_percent[0, -1]))
    (175.0, 40)
    """

    dose_percent: Array
    shares: Mapping[str, Array]
    incorporation_percent: Array
    basis: str
    confidence: float
    origin: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "dose_percent", frozen_array(self.dose_percent))
        object.__setattr__(self, "incorporation_percent", frozen_array(self.incorporation_percent))
        object.__setattr__(self, "shares", {key: frozen_array(v) for key, v in self.shares.items()})

    def table(self) -> "pd.DataFrame":
        """Return one row per dose: incorporation and every share, with the ends of their intervals."""
        import pandas as pd

        columns: dict[str, Array] = {"dose_percent": self.dose_percent}
        named = {"incorporation_percent": self.incorporation_percent, **self.shares}
        for name, values in named.items():
            for suffix, row in zip(("", "_low", "_high"), values, strict=True):
                columns[name + suffix] = row
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as a JSON-ready mapping."""
        return {
            "dose_percent": self.dose_percent.tolist(),
            "shares": {key: values.tolist() for key, values in self.shares.items()},
            "incorporation_percent": self.incorporation_percent.tolist(),
            "basis": self.basis,
            "confidence": self.confidence,
            "origin": self.origin,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SpeciesCurves":
        """Return the curves that `to_dict` wrote."""
        return cls(**record)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpeciesCurves):
            return NotImplemented
        return (
            list(self.shares) == list(other.shares)
            and all(same_array(self.shares[key], other.shares[key]) for key in self.shares)
            and same_array(self.dose_percent, other.dose_percent)
            and same_array(self.incorporation_percent, other.incorporation_percent)
            and (self.basis, self.confidence, self.origin) == (other.basis, other.confidence, other.origin)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        low, high = self.dose_percent[0], self.dose_percent[-1]
        return f"SpeciesCurves({', '.join(self.shares)}; dose {low:g}-{high:g} %)"


def species_curves(
    *,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    highest_dose_percent: float | None = None,
    n_draws: int = _DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> SpeciesCurves:
    """Return species and incorporation against dose, with bands.

    Parameters
    ----------
    table, system, basis, n_draws, confidence, rng
        As for `predict`.
    highest_dose_percent : float, optional
        End of the grid; that of the calibrated doses by default.

    Returns
    -------
    SpeciesCurves
        Mean and interval of every share and of the incorporation on a grid of doses.

    Examples
    --------
    >>> curves = species_curves(n_draws=200)
    >>> round(float(curves.shares["Ag2S"][0, -1]), 2)
    1.0
    """
    check_confidence(confidence)
    draws, _ = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng)
    require_product(draws)
    low, high = draws.calibrated_dose_percent
    end = highest_dose_percent if highest_dose_percent is not None else (high if np.isfinite(high) else 175.0)
    if not end > low:
        raise UsageError(f"highest_dose_percent is {end:g}; it must exceed {low:g}")
    return curves_of(draws, np.linspace(low, end, _DOSES), confidence)


def curves_of(draws: ParameterDraws, dose_percent: Array, confidence: float) -> SpeciesCurves:
    """Return the curves of given draws on a grid of doses."""
    few = draws.first(_DRAWS)
    y = incorporation_draws(few, dose_percent)
    shares = share_draws(few, y)
    return SpeciesCurves(
        dose_percent=dose_percent,
        shares={
            key: _band(values, confidence) for key, values in zip(draws.system.species, shares, strict=True)
        },
        incorporation_percent=_band(y, confidence),
        basis=draws.system.basis_name(draws.basis),
        confidence=confidence,
        origin=draws.origin,
    )


def _band(values: Array, confidence: float) -> Array:
    tail = 0.5 * (1 - confidence)
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return np.stack([values.mean(axis=0), low, high])
