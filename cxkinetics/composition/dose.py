"""`dose_for`: how much to add to get a species, or a reasoned refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.composition.conditioning import ALL, untold
from cxkinetics.composition.draws import (
    DEFAULT_DRAWS,
    ParameterDraws,
    PriorInfluence,
    Summary,
    check_confidence,
    prior_influence,
    require_product,
    summary_of,
)
from cxkinetics.composition.guest_amount import Dosed, GuestAmount
from cxkinetics.composition.knowledge import Knowledge, check_dose, known_draws, source_record
from cxkinetics.composition.mass_balance import guest_shares
from cxkinetics.composition.mechanisms import KEYS
from cxkinetics.composition.occupancy import least_cooperativity_for
from cxkinetics.composition.species_curves import SpeciesCurves, curves_of
from cxkinetics.composition.species_model import (
    METHOD,
    composition_estimates,
    draw_estimate,
    incorporation_draws,
    saturation_draws,
    species_draws,
    state_draws,
)
from cxkinetics.composition.system import System, species_key
from cxkinetics.document.shown import Shown
from cxkinetics.errors import ExtrapolationError, UnreachablePurityError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import runs
from cxkinetics.record import INLINE, As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

WINDOW = 0.90
"""Share of the highest mean share that a dose of the window must reach."""

FLAT = 0.01
"""Shares closer than this count as equal on the plateau."""

_PURE = 0.9  # the purity below which a target between others is said to be limited by them
_ROBUST_QUANTILE = 0.10
_STEP_PERCENT = 0.5  # finer than doses are weighed in
_MOST_DOSES = 601
_TIE = 1e-6  # shares of one draw that close are equally good: on a plateau all its doses count
_ROUNDING = 1e-9
_FEWEST = 10  # draws of one mechanism for its own best dose


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


def grids(draws: ParameterDraws) -> tuple[Array, Array]:
    """Return the doses inside the calibrated range, and those reaching past every saturation dose."""
    low, high = draws.calibrated_dose_percent
    saturation = saturation_draws(draws)
    reached = saturation[np.isfinite(saturation)]
    far = float(np.quantile(reached, 0.99)) if reached.size else high
    end = high if np.isfinite(high) else 1.3 * far
    return _grid(low, end), _grid(low, max(end, 1.2 * far))


def _grid(low: float, high: float) -> Array:
    count = int(min(np.ceil((high - low) / _STEP_PERCENT) + 1, _MOST_DOSES))
    return np.linspace(low, high, max(count, 2))


def byproduct(shares: Array, position: int) -> Array:
    """Return the share of by-product: the product, or for the product itself what is not yet product."""
    part: Array = 1 - shares[-1] if position == len(shares) - 1 else shares[-1]
    return part


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """A finished search: of which species, in which draws, for what, and the doses found."""

    draws: ParameterDraws
    position: int
    demands: Demands
    grid: Array  # doses (g,)
    target: Array  # mean share of the target (g,)
    byproduct: Array  # the same of the by-product
    own: tuple[Array, Array]  # lowest and highest best dose of each draw (n,)
    each: Array  # share of the target in each draw (n, g)
    dose: float
    window: tuple[float, float]
    on_plateau: bool
    clean: bool  # whether any dose keeps the by-product within its limit

    @property
    def key(self) -> str:
        return self.draws.system.species[self.position]


def _best_of_each(target: Array, grid: Array) -> tuple[Array, Array]:
    """Return the lowest and highest best dose of each draw (n,), by its shares of the target (n, g)."""
    best = target >= target.max(axis=1, keepdims=True) - _TIE
    return grid[np.argmax(best, axis=1)], grid[grid.size - 1 - np.argmax(best[:, ::-1], axis=1)]


def _searched(draws: ParameterDraws, position: int, demands: Demands, grid: Array) -> _Search:
    """Return the best dose and its window.

    The best dose meets all demands where any dose does, else as many as can be met. The window is the
    run of doses about it with a mean share of at least `WINDOW` times the highest and at least the
    demanded purity, cut where the by-product passes its limit.
    """
    shares = species_draws(draws, grid)
    target, other = shares[position].mean(axis=0), byproduct(shares, position).mean(axis=0)
    goal = target
    if demands.criterion == "robust":
        goal = np.quantile(shares[position], _ROBUST_QUANTILE, axis=0)
    clean, pure = other <= demands.max_byproduct, target >= demands.min_purity - _ROUNDING
    allowed = next(some for some in (clean & pure, clean, np.full(grid.size, True)) if some.any())
    goal = np.where(allowed, goal, -np.inf)
    best = int(np.argmax(goal >= goal.max() - _ROUNDING))
    good = pure & (target >= WINDOW * target[best])
    if clean.any():
        good &= clean
    good[best] = True
    low, high = next((low, high) for low, high in runs(good) if low <= best <= high)
    plateau = bool(best < high == grid.size - 1 and np.ptp(target[best:]) <= FLAT)
    # the highest of nearly equal doses is chance: on a plateau the cheapest one that serves is meant
    if plateau:
        highest = float(target[low:].max())
        best = low + int(np.argmax(target[low:] >= max(highest - FLAT, min(demands.min_purity, highest))))
    own = _best_of_each(shares[position], grid)
    dose, window = float(grid[best]), (float(grid[low]), float(grid[high]))
    return _Search(
        draws=draws,
        position=position,
        demands=demands,
        grid=grid,
        target=target,
        byproduct=other,
        own=own,
        each=shares[position],
        dose=dose,
        window=window,
        on_plateau=plateau,
        clean=bool(clean.any()),
    )


_NOT_STORED = Estimate(name="share of guest", value=None, reason="not in this stored result")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseAdvice(Dosed, Record, Shown):
    """The dose for a target species.

    Attributes
    ----------
    target : str
        Key of the species.
    dose_percent : Estimate
        Best dose (%, mol guest per 100 mol host cation): where the mean share over all draws is
        highest. Its interval is that of the best doses of the single draws.
    window_percent : tuple of float
        Doses that will do (%): lowest and highest with at least 90 % of the best share, at least the
        demanded purity and little by-product.
    purity : Estimate
        Share of units that are the target, at that dose (0-1).
    byproduct : Estimate
        Share of product there (for the product itself: of what is not yet product).
    incorporation_percent : Estimate
        Incorporation to expect, percent.
    composition : mapping of str to Estimate
        Shares of all species at that dose.
    guest_shares : mapping of str to Estimate
        Share of all guest atoms that each species holds there; `guest_share` is that of the target.
    limited_by : str
        "cooperativity", "avalanche overlap", "plateau", "calibrated range" or "none".
    mechanism : str
        "all", or the mechanism that was believed.
    rivals : tuple of mapping
        Every mechanism: its weight, with and without priors, its check against the measurements, and the
        best dose and purity if it alone holds (None where too few draws have it).
    influence : PriorInfluence
        What comes from priors.
    source : mapping
        System, basis, origin of the draws, priors, options.
    curves : SpeciesCurves
        All species against dose, for the figure.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> advice = cx.dose_for("Ag2Cd32S33", n_draws=500)
    >>> advice.window_percent, advice.limited_by
    ((38.5, 67.5), 'cooperativity')
    """

    SCHEMA = "cxkinetics.dose/1"
    _keys = """schema=SCHEMA version target dose_percent window_percent purity guest_share byproduct
        incorporation_percent composition composition_guest_share limited_by mechanism rivals prior_driven
        influence source seed warnings"""

    target: str
    dose_percent: Annotated[Estimate, As(name="dose")]
    window_percent: tuple[float, float]
    purity: Annotated[Estimate, As(name="purity")]
    byproduct: Annotated[Estimate, As(name="by-product")]
    incorporation_percent: Annotated[Estimate, As(name="incorporation")]
    composition: Mapping[str, Estimate]
    limited_by: str
    influence: Annotated[PriorInfluence, INLINE]
    source: Mapping[str, Any]
    curves: Annotated[SpeciesCurves, As(key="data", data=True)]
    guest_shares: Annotated[Mapping[str, Estimate], As(key="composition_guest_share")] = field(
        default_factory=dict
    )
    mechanism: str = ""
    rivals: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: Version = __version__

    @property
    def guest_share(self) -> Estimate:
        """Share of all guest atoms that sit in the target, at that dose (0-1).

        A cluster holds few guests and a unit of product many, so little product can hold most of them.
        """
        return self.guest_shares.get(self.target, _NOT_STORED)

    def _flask(self) -> tuple[Estimate, tuple[float, float] | None]:
        return self.dose_percent, self.window_percent

    def table(self) -> "pd.DataFrame":
        """Return one row per species at the best dose: share and share of guest, with intervals."""
        from cxkinetics.composition.page import species_frame

        guests = {key: self.guest_shares.get(key, _NOT_STORED) for key in self.composition}
        return species_frame(self.composition, guests)

    def brief(
        self, unit: "TimeUnit", *, sensitivity: bool = False, amount: GuestAmount | None = None
    ) -> "Section":
        """Return what `print` shows; on demand with the priors halved and doubled, and an amount."""
        from cxkinetics.composition.page import dose_brief

        return dose_brief(self, unit, window=WINDOW, sensitivity=sensitivity, amount=amount)

    def page(self, unit: "TimeUnit", *, amount: GuestAmount | None = None) -> "Page":
        """Return the whole report, with an amount where one was asked for."""
        from cxkinetics.composition.page import dose_page

        return dose_page(self, unit, amount)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: species against dose with the window of the target."""
        from cxkinetics.composition.figures import species_figure

        return (species_figure(self),)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.composition.page import dose_data

        return dose_data(self)

    def __repr__(self) -> str:
        low, high = self.window_percent
        return (
            f"DoseAdvice({self.target}: dose {self.dose_percent}, window {low:g}-{high:g} %, "
            f"purity {self.purity}, {self.guest_share} of the guest, limited by {self.limited_by})"
        )


CRITERIA = ("mean", "robust")
"""Best dose by the mean share of the target, or by its 10 % quantile over the draws."""

_INFLUENCE_DRAWS = 500  # shares of variance, wanted to a percent; each costs a search per parameter


@checked()
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
    mechanism: str = ALL,
) -> DoseAdvice:
    """Return the dose that gives most of a species, with its window and purity.

    Parameters
    ----------
    target : str
        Formula of a species of the system, elements in any order, such as "Ag2Cd32S33".
    table : DoseTable, path-like, IncorporationFit or ParameterDraws, optional
        The user's own dose table, a file of one, its fit, or updated draws; documented priors without it.
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
    n_draws, confidence, rng, mechanism
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
    For the published silver samples, with their spectra and their wash pair: AgCd33S33 at 23 % dose,
    share 0.54 (0.32-0.78), limited by cooperativity whatever the dose; Ag2Cd32S33 at 46 %, 0.98
    (0.89-1.00) of the clusters and 0.66 (0.53-0.81) of the silver, window 38-68 %; Ag2S from 133 %,
    shown at 136 %. Doses lie on a grid of 0.5 %; intervals are equal-tailed over the draws. Every
    share is read through the mass balance, averaged over rival mechanisms by their weights.

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
    draws, remarks = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng, mechanism=mechanism)
    require_product(draws)
    key = species_key(draws.system, target)
    asked = {"min_purity": min_purity, "max_byproduct": max_byproduct, "criterion": criterion}
    demands = Demands(min_purity=min_purity or 0.0, max_byproduct=max_byproduct, criterion=criterion)
    position = draws.system.species.index(key)
    inside, beyond = grids(draws)
    search = _searched(draws, position, demands, beyond if extrapolate else inside)
    if not extrapolate and beyond[-1] > inside[-1]:
        _refuse_outside(search, beyond)
    y = incorporation_draws(draws, search.dose)
    state = state_draws(draws, y).column(0)
    shares, (composition, guests) = state.shares, composition_estimates(draws.system, state, confidence)
    limit = _limit(search, shares.mean(axis=1))
    purity = draw_estimate("purity", shares[position], confidence=confidence)
    # shares of the grid are read between nodes: a purity that the search reached is not refused for that
    reached = float(np.interp(search.dose, search.grid, search.target))
    found = max(float(purity.value or 0.0), reached)
    if found < demands.min_purity - _ROUNDING or not search.clean:
        _refuse_purity(search, found, limit)
    return DoseAdvice(
        target=key,
        dose_percent=_dose_estimate(search, confidence),
        window_percent=search.window,
        purity=purity,
        byproduct=draw_estimate("by-product", byproduct(shares, position), confidence=confidence),
        incorporation_percent=draw_estimate("incorporation", y[:, 0], confidence=confidence, unit="%"),
        composition=composition,
        guest_shares=guests,
        limited_by=limit,
        influence=_influence(search, purity, confidence),
        mechanism=mechanism,
        rivals=_rivals(search),
        source={**source_record(draws), **asked, "extrapolate": extrapolate, "confidence": confidence},
        curves=curves_of(draws, search.grid[:: max(1, search.grid.size // 140)], confidence),
        warnings=(*remarks, *_remarks(search, found, limit, extrapolate=extrapolate)),
        seed=draws.seed,
    )


def _rivals(search: _Search) -> tuple[Mapping[str, Any], ...]:
    """Return each mechanism's weights and check, and the best dose and purity if it alone holds."""
    draws, found = search.draws, []
    shares = search.each
    for weight in draws.mechanisms:
        rows = draws.values["mechanism"] == KEYS.index(weight.mechanism)
        own: dict[str, float | None] = {"dose_percent": None, "purity": None}
        if int(rows.sum()) >= _FEWEST:
            mean = shares[rows].mean(axis=0)
            best = int(np.argmax(mean >= mean.max() - (FLAT if search.on_plateau else _ROUNDING)))
            own = {"dose_percent": float(search.grid[best]), "purity": float(mean[best])}
        found.append({**weight.to_dict(), **own})
    return tuple(found)


def _influence(search: _Search, purity: Estimate, confidence: float) -> PriorInfluence:
    """Return what of the advice comes from priors."""
    position, dose = search.position, search.dose
    coarse = search.grid[:: max(1, search.grid.size // 100)]  # the shares of variance need no finer grid

    def outputs(moved: ParameterDraws) -> dict[str, Array]:
        parts = species_draws(moved, dose)[..., 0]
        low, high = _best_of_each(species_draws(moved, coarse)[position], coarse)
        best_doses = low if search.on_plateau else (low + high) / 2
        guest = guest_shares(moved.system, parts)[position]
        held = {"guest_share": guest} if np.isfinite(guest).any() else {}  # none at dose 0
        shares = dict(zip(moved.system.species, parts, strict=True))
        return {"purity": parts[position], "dose_percent": best_doses, **held, **shares}

    def moved_result(moved: ParameterDraws) -> dict[str, Summary]:
        """Repeat the whole advice with other draws: purity at the dose advised, and the best dose."""
        purity = summary_of(species_draws(moved, dose)[position, :, 0], confidence)
        again = _searched(moved, position, search.demands, coarse)
        return {"purity": purity, "dose_percent": _best_dose(again, confidence)}

    few = search.draws.first(min(_INFLUENCE_DRAWS, search.draws.n_draws))
    now = {"purity": (purity.value, purity.low, purity.high), "dose_percent": _best_dose(search, confidence)}
    return prior_influence(few, outputs, confidence=confidence, summaries=moved_result, now=now)


def _best_dose(search: _Search, confidence: float) -> tuple[float, float, float]:
    """Return the best dose and the equal-tailed interval of the draws' own, which always holds it."""
    tail, (low, high), dose = 0.5 * (1 - confidence), search.own, search.dose
    return dose, min(float(np.quantile(low, tail)), dose), max(float(np.quantile(high, 1 - tail)), dose)


def _dose_estimate(search: _Search, confidence: float) -> Estimate:
    dose, low, high = _best_dose(search, confidence)
    first, last = search.window
    plateau = (
        f"plateau: every dose from {first:g} to {last:g} % gives {search.key}; shown is the lowest "
        f"within {FLAT:.0%} of the best"
    )
    return Estimate(
        name="dose",
        value=dose,
        se=float(((search.own[0] + search.own[1]) / 2).std()),
        low=low,
        high=high,
        unit="%",
        method=METHOD + ": each draw's own best doses",
        reason=plateau if search.on_plateau else "",
    )


def _limit(search: _Search, means: Array) -> str:
    """Return what limits the target, by the mean shares (species,) at the best dose."""
    if search.position == len(means) - 1:
        return "plateau" if search.on_plateau else "calibrated range"
    neighbours = 1 - means[search.position] - means[-1]
    if max(neighbours, means[-1]) < 1e-6:
        return "none"
    return "cooperativity" if neighbours >= means[-1] else "avalanche overlap"


def _refuse_outside(search: _Search, beyond: Array) -> None:
    """Refuse if the target does clearly better beyond the calibrated doses."""
    few = search.draws.first(min(_INFLUENCE_DRAWS, search.draws.n_draws))
    beyond = beyond[:: max(1, beyond.size // 150)]
    outside = species_draws(few, beyond)[search.position].mean(axis=0)
    if search.target.max() >= WINDOW * outside.max():
        return
    at, (low, high) = beyond[np.argmax(outside)], search.draws.calibrated_dose_percent
    raise ExtrapolationError(
        f"the best dose for {search.key}, about {at:.0f} %, lies outside the calibrated {low:g}-{high:g} % "
        f"(inside, its share is at most {search.target.max():.2f}); measure there, or pass extrapolate=True "
        "(--extrapolate)"
    )


def _refuse_purity(search: _Search, found: float, limit: str) -> None:
    key, demands = search.key, search.demands
    if not search.clean:
        least = int(np.argmin(search.byproduct))
        message = (
            f"no dose keeps the by-product of {key} at or below {demands.max_byproduct:g}: the least is "
            f"{search.byproduct[least]:.3f} at {search.grid[least]:g} % dose"
        )
        limit = "avalanche overlap" if limit == "cooperativity" else limit
    else:
        message = (
            f"no dose gives {key} with a purity of {demands.min_purity:g}: the best is {found:.2f}, at "
            f"{search.dose:g} % dose, limited by {limit}"
        )
        if limit == "cooperativity":
            message += f" ({_cooperativity_words(search, demands.min_purity)})"
    message += "; accept that purity, or separate the clusters after the exchange"
    raise UnreachablePurityError(message, best_dose_percent=search.dose, best_purity=found, limited_by=limit)


def _cooperativity_words(search: _Search, purity: float) -> str:
    draws = search.draws
    # the closed form holds for the middle one of three clusters alone
    if draws.system.n_steps != 2 or search.key != draws.system.clusters[1]:
        return "neighbours with one guest more or less come with it"
    alpha = float(np.median(draws.values["alpha"]))
    text = (
        f"{search.key} cannot exceed 1/(1 + sqrt(alpha)), {1 / (1 + np.sqrt(alpha)):.2f} at the median "
        f"alpha = {alpha:.2g}"
    )
    if 0 < purity < 1:
        text += f"; {purity:g} would need alpha <= {least_cooperativity_for(purity):.3g}"
    return text


def _remarks(search: _Search, found: float, limit: str, *, extrapolate: bool) -> list[Remark]:
    remarks = [remark for remark in (untold(search.draws),) if remark]
    between = 0 < search.position < len(search.draws.system.species) - 1
    if between and limit == "cooperativity" and found < _PURE:
        words = _cooperativity_words(search, _PURE)
        remarks.append(Remark("purity_limited", f"limited by cooperativity: {words}"))
    if extrapolate:
        remark = check_dose(search.dose, search.draws, extrapolate=True)
        remarks += [remark] if remark is not None else []
    return remarks
