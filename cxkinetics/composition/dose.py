"""`dose_for`: how much to add to get a species, or a reasoned refusal.

For every parameter draw the share of the target is known over a grid of doses; the best dose is
where the mean of these curves is highest (or, on request, where a low quantile is: the robust
choice). The window is the run of doses around it with at least 90 % of that maximum and at least the
demanded purity, cut where the by-product passes its limit. By-product is the product (Ag2S) for a
cluster, and what is not yet product for the product itself; neighbours of the same stage lower the
purity but cut the window only where a purity is demanded. Where the composition is flat in dose the
inverse is an interval, and is given as one. Doses are moles of guest added per 100 moles of host
cation in the flask, "%" for short.
"""

from pathlib import Path

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.dose_advice import DoseAdvice
from cxkinetics.composition.dose_search import (
    FLAT,
    WINDOW,
    Demands,
    DoseChoice,
    DoseCurves,
    byproduct,
    choose,
    curves_over,
    grids,
)
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws, require_product
from cxkinetics.composition.knowledge import Knowledge, check_confidence, known_draws, source_record
from cxkinetics.composition.load_system import species_key
from cxkinetics.composition.mass_balance import guest_shares
from cxkinetics.composition.occupancy import least_cooperativity_for
from cxkinetics.composition.prior_influence import Summary, prior_influence, summary_of
from cxkinetics.composition.species_curves import curves_of
from cxkinetics.composition.species_model import (
    METHOD,
    draw_estimate,
    guest_estimates,
    incorporation_draws,
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

_INFLUENCE_DRAWS = 1000


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
        Least mean share of the target (0-1), at the best dose and everywhere in the window; a purity
        that no dose reaches raises. Without it the best dose is given whatever its purity, with a
        warning that says what limits it.
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
        `dose_percent` and `window_percent` in mol guest per 100 mol host cation. The interval of the
        dose says how well the best dose is known (best doses of the single parameter draws); the
        window says which doses will do (mean share at least 0.9 times the highest and at least
        `min_purity`, by-product within its limit). On the plateau the dose is the lowest within 1 %
        of the best, and its interval, like the window, is that of all doses that serve.
        `amount(host_umol=...)` turns both into micromol of guest and microlitres of stock solution.

    Raises
    ------
    UnreachablePurityError
        If no dose reaches `min_purity` within `max_byproduct`; carries the best dose, the best
        purity and what limits it.
    ExtrapolationError
        If the best dose lies outside the calibrated doses.
    InputError
        If the system has no such species, or no dose curve and no table is given, or the table shows
        no avalanche up to a plateau (no share of product follows from it, so no purity).

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
    require_product(draws)
    key = species_key(draws.system, target)
    position = draws.system.species.index(key)
    demands = Demands(min_purity=min_purity or 0.0, max_byproduct=max_byproduct, criterion=criterion)
    inside, beyond = grids(draws)
    curves = curves_over(draws, position, inside, criterion)
    if extrapolate:
        curves = curves_over(draws, position, beyond, criterion)
    elif beyond[-1] > inside[-1]:
        _refuse_outside(key, curves, curves_over(draws, position, beyond, criterion), draws)
    choice = choose(curves, demands)
    dose, low, high = _best_dose(curves, choice, confidence)
    y = incorporation_draws(draws, dose)
    shares = share_draws(draws, y)[..., 0]
    limit = _limit(draws, position, shares, choice.on_plateau)
    purity = draw_estimate("purity", shares[position], confidence=confidence)
    found = float(purity.value or 0.0)
    if found < demands.min_purity - 1e-9 or not choice.clean.any():
        _refuse_purity(key, draws, curves, choice, found, demands, limit)
    advice_dose = Estimate(
        name="dose",
        value=dose,
        se=float(((curves.own_low + curves.own_high) / 2).std()),
        low=low,
        high=high,
        unit="%",
        method=METHOD + ": each draw's own best doses",
        reason=_flat_words(key, curves, choice),
    )
    few = draws.first(min(_INFLUENCE_DRAWS, draws.n_draws))

    def outputs(moved: ParameterDraws) -> dict[str, Array]:
        parts = species_draws(moved, dose)[..., 0]
        own = curves_over(moved, position, curves.dose[:: max(1, curves.dose.size // 150)], "mean")
        best_doses = own.own_low if choice.on_plateau else (own.own_low + own.own_high) / 2
        shares_by_name = dict(zip(draws.system.species, parts, strict=True))
        guest = guest_shares(moved.system, parts)[position]
        held = {"guest_share": guest} if np.isfinite(guest).any() else {}  # none at dose 0
        return {"purity": parts[position], "dose_percent": best_doses, **held, **shares_by_name}

    def moved_result(moved: ParameterDraws) -> dict[str, Summary]:
        """Repeat the whole advice with other draws: purity at the dose advised, and the best dose."""
        again = curves_over(moved, position, curves.dose, criterion)
        at_dose = species_draws(moved, dose)[position, :, 0]
        return {
            "purity": summary_of(at_dose, confidence),
            "dose_percent": _best_dose(again, choose(again, demands), confidence),
        }

    return DoseAdvice(
        target=key,
        dose_percent=advice_dose,
        window_percent=(float(curves.dose[choice.window[0]]), float(curves.dose[choice.window[-1]])),
        purity=purity,
        byproduct=draw_estimate("by-product", byproduct(shares, position), confidence=confidence),
        incorporation_percent=draw_estimate("incorporation", y[:, 0], confidence=confidence, unit="%"),
        composition=share_estimates(draws.system.species, shares, confidence),
        guest_shares=guest_estimates(draws.system, shares, confidence),
        limited_by=limit,
        influence=prior_influence(
            few, outputs, confidence=confidence, summaries=moved_result, summary_draws=draws
        ),
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


def _best_dose(curves: DoseCurves, choice: DoseChoice, confidence: float) -> tuple[float, float, float]:
    """Return the best dose and its interval, percent; the interval always holds the dose."""
    dose = float(curves.dose[choice.best])
    low, high = curves.interval(confidence)
    return dose, min(low, dose), max(high, dose)


def _limit(draws: ParameterDraws, position: int, shares: Array, on_plateau: bool) -> str:
    means = shares.mean(axis=1)
    last = shares.shape[0] - 1
    if position == last:
        return "plateau" if on_plateau else "calibrated range"
    neighbours = 1 - means[position] - means[last]
    if max(neighbours, means[last]) < 1e-6:
        return "none"
    return "cooperativity" if neighbours >= means[last] else "avalanche overlap"


def _flat_words(key: str, curves: DoseCurves, choice: DoseChoice) -> str:
    if not choice.on_plateau:
        return ""
    low, high = curves.dose[choice.window[0]], curves.dose[choice.window[-1]]
    return (
        f"plateau: every dose from {low:g} to {high:g} % gives {key}; shown is the lowest within "
        f"{FLAT:.0%} of the best"
    )


def _refuse_outside(key: str, inside: DoseCurves, beyond: DoseCurves, draws: ParameterDraws) -> None:
    """Refuse if the target does clearly better beyond the calibrated doses."""
    best_in, best_out = float(inside.target.max()), float(beyond.target.max())
    if best_in >= WINDOW * best_out:
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
    curves: DoseCurves,
    choice: DoseChoice,
    found: float,
    demands: Demands,
    limit: str,
) -> None:
    dose = float(curves.dose[choice.best])
    if not choice.clean.any():
        least = int(np.argmin(curves.byproduct))
        message = (
            f"no dose keeps the by-product of {key} at or below {demands.max_byproduct:g}: the least is "
            f"{curves.byproduct[least]:.3f} at {curves.dose[least]:g} % dose"
        )
        limit = "avalanche overlap" if limit == "cooperativity" else limit
    else:
        message = (
            f"no dose gives {key} with a purity of {demands.min_purity:g}: the best is {found:.2f}, at "
            f"{dose:g} % dose, limited by {limit}"
        )
        if limit == "cooperativity":
            message += " (" + _cooperativity_words(key, draws, demands.min_purity) + ")"
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
