"""The search behind `dose_for`: shares over a grid of doses, the best dose, its window and its interval.

Window and interval answer two questions. The window says which doses will do: those about the best
one at which the mean share is high enough and the by-product low enough. The interval says how well
the best dose is known: the best doses of the single parameter draws.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.composition.draws import ParameterDraws
from cxkinetics.composition.species_model import saturation_draws, species_draws

__all__ = [
    "FLAT",
    "WINDOW",
    "Demands",
    "DoseChoice",
    "DoseCurves",
    "byproduct",
    "choose",
    "curves_over",
    "grids",
]

WINDOW = 0.90
"""Share of the highest mean share that a dose of the window must reach."""

FLAT = 0.01
"""Shares closer than this count as equal on the plateau."""

_ROBUST_QUANTILE = 0.10
_STEP_PERCENT = 0.5
_MOST_DOSES = 601
_TIE = 1e-6
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a dose must meet.

    Attributes
    ----------
    min_purity : float
        Least mean share of the target (0-1); 0 where none is demanded.
    max_byproduct : float
        Largest mean share of the by-product (0-1).
    criterion : str
        "mean" or "robust": what the best dose maximises.
    """

    min_purity: float
    max_byproduct: float
    criterion: str


@dataclass(frozen=True, slots=True, eq=False)
class DoseCurves:
    """Shares over a grid of doses (g,), and the best doses of each draw (n,)."""

    dose: Array
    target: Array  # mean share of the target
    criterion: Array  # what is maximised
    byproduct: Array  # mean share of the by-product
    own_low: Array  # (n,) lowest best dose of each draw
    own_high: Array  # (n,) highest

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the equal-tailed interval of the best doses of the single draws, percent."""
        tail = 0.5 * (1 - confidence)
        low, high = np.quantile(self.own_low, tail), np.quantile(self.own_high, 1 - tail)
        return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class DoseChoice:
    """The best dose and the doses that will do, as indices of the grid."""

    best: int
    window: IntArray
    on_plateau: bool
    clean: BoolArray  # where the by-product keeps its limit


def grids(draws: ParameterDraws) -> tuple[Array, Array]:
    """Return the doses inside the calibrated range, and those reaching past every saturation dose."""
    low, high = draws.calibrated_dose_percent
    saturation = saturation_draws(draws)
    far = (
        float(np.quantile(saturation[np.isfinite(saturation)], 0.99))
        if np.isfinite(saturation).any()
        else high
    )
    end = high if np.isfinite(high) else 1.3 * far
    return _grid(low, end), _grid(low, max(end, 1.2 * far))


def _grid(low: float, high: float) -> Array:
    count = int(min(np.ceil((high - low) / _STEP_PERCENT) + 1, _MOST_DOSES))
    return np.linspace(low, high, max(count, 2))


def byproduct(shares: Array, position: int) -> Array:
    """Return the share of by-product: the product, or for the product itself what is not yet product."""
    last = shares.shape[0] - 1
    part: Array = 1 - shares[last] if position == last else shares[last]
    return part


def curves_over(draws: ParameterDraws, position: int, dose: Array, criterion: str) -> DoseCurves:
    """Return what the search needs of the species at `position`, over a grid of doses."""
    shares = species_draws(draws, dose)
    target = shares[position]
    mean = target.mean(axis=0)
    goal = mean if criterion == "mean" else np.quantile(target, _ROBUST_QUANTILE, axis=0)
    top = target.max(axis=1, keepdims=True)
    best: BoolArray = target >= top - _TIE
    own_low = dose[np.argmax(best, axis=1)]
    own_high = dose[dose.size - 1 - np.argmax(best[:, ::-1], axis=1)]
    return DoseCurves(dose, mean, goal, byproduct(shares, position).mean(axis=0), own_low, own_high)


def choose(curves: DoseCurves, demands: Demands) -> DoseChoice:
    """Return the best dose and its window.

    The best dose meets all demands where any dose does, else as many as can be met. The window is the
    run of doses about it with a mean share of at least `WINDOW` times the highest and at least the
    demanded purity, cut where the by-product passes its limit.
    """
    clean: BoolArray = curves.byproduct <= demands.max_byproduct
    pure = curves.target >= demands.min_purity - _ROUNDING
    best = _highest(curves.criterion, clean & pure, clean)
    good = pure & (curves.target >= WINDOW * curves.target[best])
    if clean.any():
        good &= clean
    window = _run_about(best, good)
    plateau = bool(
        window[-1] == curves.dose.size - 1 and best < window[-1] and np.ptp(curves.target[best:]) <= FLAT
    )
    if plateau:
        highest = float(curves.target[window].max())
        needed = max(highest - FLAT, min(demands.min_purity, highest))
        best = int(window[curves.target[window] >= needed][0])
    return DoseChoice(best, window, plateau, clean)


def _highest(criterion: Array, *allowed: BoolArray) -> int:
    """Return the first index of the maximum over the first set of `allowed` that holds any."""
    where = next((some for some in allowed if some.any()), np.ones(criterion.size, dtype=bool))
    goal = np.where(where, criterion, -np.inf)
    return int(np.flatnonzero(goal >= goal.max() - 1e-9)[0])


def _run_about(best: int, good: BoolArray) -> IntArray:
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < good.size - 1 and good[high + 1]:
        high += 1
    return np.arange(low, high + 1)
