"""`dose_for`: how much to add to get a species, or a reasoned refusal.

For every parameter draw the share of the target is known over a grid of doses; the best dose is
where the mean of these curves is highest (or, on request, where a low quantile is: the robust
choice). The window is the run of doses around it with at least 90 % of that maximum, cut where the
by-product passes its limit. By-product is the product (Ag2S) for a cluster, and what is not yet
product for the product itself; neighbours of the same stage lower the purity but never cut the
window. Where the composition is flat in dose the inverse is an interval, and is given as one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.composition.dose_advice import DoseAdvice
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws
from cxkinetics.composition.knowledge import Knowledge, check_confidence, known_draws, source_record
from cxkinetics.composition.occupancy import least_cooperativity_for
from cxkinetics.composition.prior_influence import prior_influence
from cxkinetics.composition.species_curves import curves_of
from cxkinetics.composition.species_model import (
    METHOD,
    draw_estimate,
    incorporation_draws,
    saturation_draws,
    share_draws,
    share_estimates,
    species_draws,
)
from cxkinetics.composition.system import System
from cxkinetics.errors import ExtrapolationError, UnreachablePurityError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark

__all__ = ["CRITERIA", "dose_for"]

CRITERIA = ("mean", "robust")
"""Best dose by the mean share of the target, or by its 10 % quantile over the draws."""

_ROBUST_QUANTILE = 0.10
_WINDOW = 0.90
_FLAT = 0.01
_STEP_PERCENT = 0.5
_MOST_DOSES = 601
_INFLUENCE_DRAWS = 1000
_TIE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """What the search needs over the dose grid (g,)."""

    dose: Array
    target: Array  # mean share of the target
    criterion: Array  # what is maximised
    byproduct: Array  # mean share of the by-product
    own_low: Array  # (n,) lowest best dose of each draw
    own_high: Array  # (n,) highest


def dose_for(
    target: str,
    *,
    table: Knowledge = None,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    min_purity: float | None = None,
    max_byproduct: float = 0.05,
    criterion: str = "mean",
    extrapolate: bool = False,
    n_draws: int = DEFAULT_DRAWS,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
) -> DoseAdvice:
    """Return the dose that gives most of a species, with its window and purity.

    Parameters
    ----------
    target : str
        Formula of a species of the system, elements in any order, such as "Ag2Cd32S33".
    table : DoseTable, IncorporationFit or ParameterDraws, optional
        The user's own dose table, its fit, or updated draws; documented priors without it.
    system : System, str or Path
        "ag-cds", "cu-cds", a TOML file or a System.
    basis : str, optional
        Basis of the incorporations.
    min_purity : float, optional
        Least mean share of the target (0-1); a purity that no dose reaches raises. Without it
        the best dose is given whatever its purity, with a warning that says what limits it.
    max_byproduct : float
        Largest mean share of the by-product inside the window (0-1).
    criterion : str
        "mean", or "robust" (10 % quantile over the draws: good even if the parameters are bad).
    extrapolate : bool
        Allow doses beyond the calibrated ones.
    n_draws, confidence, rng
        As for `predict`.

    Returns
    -------
    DoseAdvice
        On the plateau the dose is the lowest within 1 % of the best, and its interval, like the
        window, is that of all doses that serve.

    Raises
    ------
    UnreachablePurityError
        If no dose reaches `min_purity` within `max_byproduct`; carries the best dose, the best
        purity and what limits it.
    ExtrapolationError
        If the best dose lies outside the calibrated doses.
    InputError
        If the system has no such species, or no dose curve and no table is given.

    Notes
    -----
    With the documented silver priors: AgCd33S33 at 23 % dose, share 0.49 (0.25-0.73), limited by
    cooperativity whatever the dose; Ag2Cd32S33 at 56 %, 0.97 (0.91-1.00), window 45.5-64.5 %; Ag2S
    from 132.5 % (130 % before the cut at 5 % by-product), shown at 136 %. Doses lie on a grid of
    0.5 %; intervals are equal-tailed over the draws.

    Examples
    --------
    >>> advice = dose_for("Cd32Ag2S33")
    >>> advice.target, round(advice.purity.value, 1)
    ('Ag2Cd32S33', 1.0)
    """
    check_confidence(confidence)
    for name, value in (("min_purity", min_purity), ("max_byproduct", max_byproduct)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{name} is {value:g}; it is a fraction and must lie between 0 and 1")
    if criterion not in CRITERIA:
        raise UsageError(f"criterion is {criterion!r}; use one of {', '.join(CRITERIA)}")
    draws, remarks = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng)
    key = draws.system.species_key(target)
    position = draws.system.species.index(key)
    inside, beyond = _grids(draws)
    curves = _curves(draws, position, inside, criterion)
    if extrapolate:
        curves = _curves(draws, position, beyond, criterion)
    elif beyond[-1] > inside[-1]:
        _refuse_outside(key, curves, _curves(draws, position, beyond, criterion), draws)
    clean = curves.byproduct <= max_byproduct
    best = _best(curves, clean if clean.any() else np.ones_like(clean))
    window = _window(curves, best, clean)
    on_plateau = _on_plateau(curves, window, best)
    if on_plateau:
        highest = float(curves.target[window].max())
        needed = max(highest - _FLAT, min(min_purity or 0.0, highest))
        best = int(window[curves.target[window] >= needed][0])
    dose = float(curves.dose[best])
    y = incorporation_draws(draws, dose)
    shares = share_draws(draws, y)[..., 0]
    limit = _limit(draws, position, shares, on_plateau)
    purity = draw_estimate("purity", shares[position], confidence=confidence)
    found = float(purity.value or 0.0)
    if (min_purity is not None and found < min_purity) or not clean.any():
        _refuse_purity(key, draws, curves, best, found, min_purity, max_byproduct, limit, clean)
    tail = 0.5 * (1 - confidence)
    spread = (
        float(np.quantile(curves.own_low, tail)),
        float(np.quantile(curves.own_high, 1 - tail)),
    )
    advice_dose = Estimate(
        name="dose",
        value=dose,
        se=float(((curves.own_low + curves.own_high) / 2).std()),
        low=min(spread[0], dose),
        high=max(spread[1], dose),
        unit="%",
        method=METHOD + ": each draw's own best doses",
        reason=_flat_words(key, curves, window, on_plateau),
    )
    few = draws.first(min(_INFLUENCE_DRAWS, draws.n_draws))

    def outputs(moved: ParameterDraws) -> dict[str, Array]:
        parts = species_draws(moved, dose)[..., 0]
        return doses_and_purity(moved) | dict(zip(draws.system.species, parts, strict=True))

    def doses_and_purity(moved: ParameterDraws) -> dict[str, Array]:
        at_dose = species_draws(moved, dose)[position, :, 0]
        coarse = curves.dose[:: max(1, curves.dose.size // 150)]
        own = _curves(moved, position, coarse, "mean")
        best_doses = own.own_low if on_plateau else (own.own_low + own.own_high) / 2
        return {"purity": at_dose, "dose_percent": best_doses}

    return DoseAdvice(
        target=key,
        dose_percent=advice_dose,
        window_percent=(float(curves.dose[window[0]]), float(curves.dose[window[-1]])),
        purity=purity,
        byproduct=draw_estimate("by-product", _byproduct(shares, position), confidence=confidence),
        incorporation_percent=draw_estimate("incorporation", y[:, 0], confidence=confidence, unit="%"),
        composition=share_estimates(draws.system.species, shares, confidence),
        limited_by=limit,
        influence=prior_influence(few, outputs, confidence=confidence, shift_outputs=doses_and_purity),
        source={
            **source_record(draws),
            "min_purity": min_purity,
            "max_byproduct": max_byproduct,
            "criterion": criterion,
            "extrapolate": extrapolate,
            "confidence": confidence,
        },
        curves=curves_of(draws, curves.dose[:: max(1, curves.dose.size // 140)], confidence),
        warnings=(*remarks, *_remarks(key, position, draws, dose, found, limit, extrapolate)),
        seed=draws.seed,
    )


def _grids(draws: ParameterDraws) -> tuple[Array, Array]:
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


def _byproduct(shares: Array, position: int) -> Array:
    last = shares.shape[0] - 1
    part: Array = 1 - shares[last] if position == last else shares[last]
    return part


def _curves(draws: ParameterDraws, position: int, dose: Array, criterion: str) -> _Curves:
    shares = species_draws(draws, dose)
    target = shares[position]
    mean = target.mean(axis=0)
    goal = mean if criterion == "mean" else np.quantile(target, _ROBUST_QUANTILE, axis=0)
    top = target.max(axis=1, keepdims=True)
    best: BoolArray = target >= top - _TIE
    own_low = dose[np.argmax(best, axis=1)]
    own_high = dose[dose.size - 1 - np.argmax(best[:, ::-1], axis=1)]
    return _Curves(dose, mean, goal, _byproduct(shares, position).mean(axis=0), own_low, own_high)


def _best(curves: _Curves, allowed: BoolArray) -> int:
    goal = np.where(allowed, curves.criterion, -np.inf)
    return int(np.flatnonzero(goal >= goal.max() - 1e-9)[0])


def _window(curves: _Curves, best: int, clean: BoolArray) -> IntArray:
    """Return the indices of the run of good doses about the best one."""
    good = curves.target >= _WINDOW * curves.target[best]
    if clean.any():
        good &= clean
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < curves.dose.size - 1 and good[high + 1]:
        high += 1
    return np.arange(low, high + 1)


def _on_plateau(curves: _Curves, window: IntArray, best: int) -> bool:
    """Return whether the composition no longer changes up to the highest dose."""
    level = curves.target[best:]
    return bool(window[-1] == curves.dose.size - 1 and best < window[-1] and np.ptp(level) <= _FLAT)


def _limit(draws: ParameterDraws, position: int, shares: Array, on_plateau: bool) -> str:
    means = shares.mean(axis=1)
    last = shares.shape[0] - 1
    if position == last:
        return "plateau" if on_plateau else "calibrated range"
    neighbours = 1 - means[position] - means[last]
    if max(neighbours, means[last]) < 1e-6:
        return "none"
    return "cooperativity" if neighbours >= means[last] else "avalanche overlap"


def _flat_words(key: str, curves: _Curves, window: IntArray, on_plateau: bool) -> str:
    if not on_plateau:
        return ""
    low, high = curves.dose[window[0]], curves.dose[window[-1]]
    return (
        f"plateau: every dose from {low:g} to {high:g} % gives {key}; shown is the lowest within "
        f"{_FLAT:.0%} of the best"
    )


def _refuse_outside(key: str, inside: _Curves, beyond: _Curves, draws: ParameterDraws) -> None:
    """Refuse if the target does clearly better beyond the calibrated doses."""
    best_in, best_out = float(inside.target.max()), float(beyond.target.max())
    if best_in >= _WINDOW * best_out:
        return
    at = float(beyond.dose[int(np.argmax(beyond.target))])
    low, high = draws.calibrated_dose_percent
    raise ExtrapolationError(
        f"the best dose for {key}, about {at:.0f} %, lies outside the calibrated {low:g}-{high:g} % "
        f"(inside, its share is at most {best_in:.2f}); measure there, or pass extrapolate=True "
        "(--extrapolate)"
    )


def _refuse_purity(
    key: str,
    draws: ParameterDraws,
    curves: _Curves,
    best: int,
    found: float,
    min_purity: float | None,
    max_byproduct: float,
    limit: str,
    clean: BoolArray,
) -> None:
    dose = float(curves.dose[best])
    if not clean.any():
        least = int(np.argmin(curves.byproduct))
        message = (
            f"no dose keeps the by-product of {key} at or below {max_byproduct:g}: the least is "
            f"{curves.byproduct[least]:.3f} at {curves.dose[least]:g} % dose"
        )
        limit = "avalanche overlap" if limit == "cooperativity" else limit
    else:
        message = (
            f"no dose gives {key} with a purity of {min_purity:g}: the best is {found:.2f}, at "
            f"{dose:g} % dose, limited by {limit}"
        )
        if limit == "cooperativity":
            message += " (" + _cooperativity_words(key, draws, min_purity) + ")"
    message += "; accept that purity, or separate the clusters after the exchange"
    raise UnreachablePurityError(message, best_dose_percent=dose, best_purity=found, limited_by=limit)


def _cooperativity_words(key: str, draws: ParameterDraws, purity: float | None) -> str:
    if draws.system.n_steps != 2 or key != draws.system.clusters[1]:
        return "neighbours with one guest more or less come with it"
    alpha = float(np.median(draws.values["alpha"]))
    text = (
        f"{key} cannot exceed 1/(1 + sqrt(alpha)), {1 / (1 + np.sqrt(alpha)):.2f} at the median "
        f"alpha = {alpha:.2g}"
    )
    wanted = 0.9 if purity is None else purity
    if 0 < wanted < 1:
        text += f"; {wanted:g} would need alpha <= {least_cooperativity_for(wanted):.3g}"
    return text


def _remarks(
    key: str,
    position: int,
    draws: ParameterDraws,
    dose: float,
    found: float,
    limit: str,
    extrapolate: bool,
) -> list[Remark]:
    remarks = []
    if 0 < position < len(draws.system.species) - 1 and limit == "cooperativity" and found < 0.9:
        remarks.append(
            Remark("purity_limited", f"limited by cooperativity: {_cooperativity_words(key, draws, None)}")
        )
    low, high = draws.calibrated_dose_percent
    if extrapolate and not low <= dose <= high:
        remarks.append(
            Remark("extrapolated", f"{dose:g} % lies outside the calibrated {low:g}-{high:g} %: extrapolated")
        )
    return remarks
