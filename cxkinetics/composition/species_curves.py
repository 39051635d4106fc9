"""Species against dose: means and bands on a grid of doses, for a figure or a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.composition.conditioning import ALL
from cxkinetics.composition.draws import ParameterDraws, check_confidence, require_product
from cxkinetics.composition.knowledge import Knowledge, known_draws
from cxkinetics.composition.species_model import incorporation_draws, share_draws
from cxkinetics.composition.system import System
from cxkinetics.document.shown import Shown
from cxkinetics.errors import UsageError
from cxkinetics.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure
    from cxkinetics.document.units import TimeUnit

_DRAWS = 1000
_DOSES = 141
_VISIBLE = 1e-3
_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeciesCurves(Record, Shown):
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

    SCHEMA = "cxkinetics.species-curves/1"

    dose_percent: Array
    shares: Mapping[str, Array]
    incorporation_percent: Array
    basis: str
    confidence: float
    origin: str

    def table(self) -> "pd.DataFrame":
        """Return one row per dose: incorporation and every share, with the ends of their intervals."""
        import pandas as pd

        columns = {"dose_percent": self.dose_percent}
        for name, band in {"incorporation_percent": self.incorporation_percent, **self.shares}.items():
            columns |= zip((name, f"{name}_low", f"{name}_high"), band, strict=True)
        return pd.DataFrame(columns)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the shares against dose with their bands."""
        from cxkinetics.composition.figures import species_figure

        return (species_figure(self),)

    def __repr__(self) -> str:
        low, high = self.dose_percent[0], self.dose_percent[-1]
        return f"SpeciesCurves({', '.join(self.shares)}; dose {low:g}-{high:g} %)"


@checked()
def species_curves(
    *,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    highest_dose_percent: float | None = None,
    n_draws: int = _DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    mechanism: str = ALL,
) -> SpeciesCurves:
    """Return species and incorporation against dose, with bands.

    Parameters
    ----------
    table, system, basis, n_draws, confidence, rng, mechanism
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
    draws, _ = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng, mechanism=mechanism)
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
    # a few doses at a time are solved for as a prediction is; many are read between nodes
    parts = np.array_split(y, -(-y.shape[1] // _AT_ONCE), axis=1)
    shares = np.concatenate([share_draws(few, part) for part in parts], axis=-1)
    bands = dict(zip(draws.system.species, (_band(v, confidence) for v in shares), strict=True))
    beyond = 1 - shares.sum(axis=0)
    if float(beyond.max()) > _VISIBLE:
        product = draws.system.species[-1]
        bands = {**bands, draws.system.beyond_key: _band(beyond, confidence), product: bands.pop(product)}
    return SpeciesCurves(
        dose_percent=dose_percent,
        shares=bands,
        incorporation_percent=_band(y, confidence),
        basis=draws.system.basis_name(draws.basis),
        confidence=confidence,
        origin=draws.origin,
    )


def _band(values: Array, confidence: float) -> Array:
    tail = 0.5 * (1 - confidence)
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    mean = values.mean(axis=0)
    # as in `summary_of`: a mean that few draws carry lies in its interval
    return np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)])
