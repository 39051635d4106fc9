"""Composition at a dose AND a time, and the dose and time of the quench for a target, by a fitted mechanism.

`predict` and `dose_for` of the composition speak of samples quenched and washed as the dose table's were;
where their answer and the mechanism's differ by more than both intervals, the result says so and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.annexes import declared
from cxkinetics.arrays import Array
from cxkinetics.document.shown import Shown
from cxkinetics.errors import ExtrapolationError, InputError, UnreachablePurityError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.mechanism.fit import published_mechanism_fit
from cxkinetics.mechanism.inference import KEPT, QUICK
from cxkinetics.mechanism.observables import Sight, sight
from cxkinetics.mechanism.result import MechanismFit
from cxkinetics.record import DATA, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.composition.dose import DoseAdvice
    from cxkinetics.composition.guest_amount import GuestAmount
    from cxkinetics.composition.predict import Prediction
    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

LATER_S = (60.0, 300.0, 1200.0, 3600.0)
"""Times at which a composition is told that is left standing."""
LONGEST_S = 3600.0
_MAP_DRAWS, _MAP_DOSES, _MAP_TIMES = 60, 36, 29
_FINE = 100
_FIRST_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Record):
    """The composition at a later time: mean shares of clusters, A/A0, incorporation in percent."""

    time_s: float
    species: Mapping[str, float]
    absorbance_ratio: float
    incorporation_percent: float


class _Dosed(Shown):
    """What both answers have besides their numbers: the amount of guest, and what is not determined."""

    __slots__ = ()
    source: Mapping[str, Any]

    @property
    def prior_driven(self) -> tuple[str, ...]:
        """Parameters that the evidence does not determine: their bounds speak."""
        return tuple(self.source["not_determined"])

    def amount(
        self,
        *,
        host_umol: float | str,
        stock_mmol_per_l: float | str | None = None,
        volume_error: str | None = None,
    ) -> "GuestAmount":
        """Return how much guest to add to a flask; as of `cx.predict`, whose parameters these are."""
        from cxkinetics.composition.guest_amount import amount_for

        return amount_for(
            *self._flask(),
            self.source,
            host_umol=host_umol,
            stock_mmol_per_l=stock_mmol_per_l,
            volume_error=volume_error,
        )

    def _flask(self) -> tuple[Estimate, tuple[float, float] | None]:
        raise NotImplementedError

    def brief(self, unit: "TimeUnit", *, amount: "GuestAmount | None" = None) -> "Section":
        """Return what `print` shows, with an amount where one was asked for."""
        raise NotImplementedError

    def page(self, unit: "TimeUnit", *, amount: "GuestAmount | None" = None) -> "Page":
        """Return the whole report, with an amount where one was asked for."""
        from cxkinetics.document.page import simple_page

        return simple_page(self.brief(unit, amount=amount), self.figures(unit))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedPrediction(_Dosed, Record):
    """The composition at a dose, quenched at a time.

    Attributes
    ----------
    dose_percent, time_s : float
        Guest added, and the time after which it is quenched.
    stage : str
        Stage of that dose by the dose table's samples, as `predict` without a time tells it; empty where
        that does not answer.
    mechanism, guest : str
        Which mechanism says so, and its guest.
    incorporation_percent, absorbance_ratio, trapped_host : Estimate
        What an analysis of the washed sample would read, A/A0, host that comes down beside a cluster.
    species, guest_share : mapping of str to Estimate
        Share of clusters in each species, and of all guest bound; means over the draws, sum 1.
    standing : tuple of Standing
        What becomes of it if it is left standing.
    quenched : mapping of str to Estimate
        The answer of `predict` without a time, where it differs by more than the intervals.
    reason : str
        Why it differs.
    source : mapping
        The fit behind it.

    Examples
    --------
    >>> from cxkinetics.mechanism.predict import predict_in_time
    >>> round(sum(share.value for share in predict_in_time(50, 30).species.values()), 6)
    1.0
    """

    SCHEMA = "cxkinetics.predict-time/1"
    _keys = "schema=SCHEMA version ... prior_driven"

    dose_percent: float
    time_s: float
    mechanism: str
    guest: str
    incorporation_percent: Estimate
    absorbance_ratio: Estimate
    trapped_host: Estimate
    species: Mapping[str, Estimate]
    guest_share: Mapping[str, Estimate]
    standing: tuple[Standing, ...]
    quenched: Mapping[str, Estimate]
    reason: str
    source: Mapping[str, Any]
    stage: str = ""
    warnings: tuple[Remark, ...] = ()
    seed: int = 0
    version: Version = __version__

    def _flask(self) -> tuple[Estimate, None]:
        return Estimate(name="dose", value=self.dose_percent, unit="%", method="given"), None

    def brief(self, unit: "TimeUnit", *, amount: "GuestAmount | None" = None) -> "Section":
        """Return what `print` shows, with an amount where one was asked for."""
        from cxkinetics.mechanism.page import prediction_brief

        return prediction_brief(self, unit, amount)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the composition in time at this dose."""
        from cxkinetics.mechanism.figures import standing_figure

        return (standing_figure(self),)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.mechanism.page import prediction_data

        return prediction_data(self)

    def __repr__(self) -> str:
        shares = ", ".join(f"{key} {e.value or 0:.2f}" for key, e in self.species.items())
        return f"TimedPrediction({self.dose_percent:g} %, {self.time_s:g} s: {shares})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimedDose(_Dosed, Record):
    """The dose, and unless it was given the time of the quench, that give most of a species.

    Attributes
    ----------
    target, mechanism, guest : str
        Which species, by which mechanism, its guest.
    given_time : bool
        Whether the time was given.
    dose_percent, time_s : Estimate
        Where the mean share over the draws is highest; the interval is that of the single draws' best.
    window_percent, window_s : tuple of float
        Doses at that time, and times at that dose, with at least 0.9 of the best share and at most
        `max_byproduct` of product.
    purity, guest_share, byproduct : Estimate
        Share of clusters there, of all guest bound, and of product.
    composition, composition_guest : mapping of str to Estimate
        All species there.
    max_byproduct : float
    quenched : mapping of str to Estimate
        "dose" and "purity" that `dose` without a time says, where the windows or the purities are apart.
    reason : str
        Why.
    map_dose_percent, map_time_s, map_share, map_product : Array
        Mean share of the target and of product over doses (rows) and times.

    Examples
    --------
    >>> from cxkinetics.mechanism.predict import dose_in_time
    >>> dose_in_time("Ag2Cd32S33", 30).given_time, dose_in_time("Ag2Cd32S33", 30).time_s.value
    (True, 30.0)
    """

    SCHEMA = "cxkinetics.dose-time/1"
    _keys = "schema=SCHEMA version ... prior_driven"

    target: str
    mechanism: str
    guest: str
    given_time: bool
    dose_percent: Estimate
    time_s: Estimate
    window_percent: tuple[float, float]
    window_s: tuple[float, float]
    purity: Estimate
    guest_share: Estimate
    byproduct: Estimate
    composition: Mapping[str, Estimate]
    composition_guest: Mapping[str, Estimate]
    max_byproduct: float
    quenched: Mapping[str, Estimate]
    reason: str
    source: Mapping[str, Any]
    map_dose_percent: Annotated[Array, DATA]
    map_time_s: Annotated[Array, DATA]
    map_share: Annotated[Array, DATA]
    map_product: Annotated[Array, DATA]
    warnings: tuple[Remark, ...] = ()
    seed: int = 0
    version: Version = __version__

    def holds(self, dose_percent: float, time_s: float) -> bool:
        """Return whether a dose and a time lie in the region of the map that keeps 0.9 of the best share."""
        i = int(np.argmin(np.abs(self.map_dose_percent - dose_percent)))
        j = int(np.argmin(np.abs(np.log(self.map_time_s / time_s))))
        kept = self.map_share >= KEPT * self.map_share.max()
        return bool(kept[i, j])

    def _flask(self) -> tuple[Estimate, tuple[float, float]]:
        return self.dose_percent, self.window_percent

    def brief(self, unit: "TimeUnit", *, amount: "GuestAmount | None" = None) -> "Section":
        """Return what `print` shows, with an amount where one was asked for."""
        from cxkinetics.mechanism.page import dose_brief

        return dose_brief(self, unit, amount)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the map of the target over dose and time."""
        from cxkinetics.mechanism.figures import map_figure

        return (map_figure(self),)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.mechanism.page import dose_data

        return dose_data(self)

    def __repr__(self) -> str:
        return f"TimedDose({self.target}: {self.dose_percent}, quenched after {self.time_s}, {self.purity})"


def predict_in_time(
    dose_percent: float,
    time_s: float,
    *,
    fit: MechanismFit | str | Path | None = None,
    quenched: "Prediction | None" = None,
    extrapolate: bool = False,
    confidence: float = 0.95,
) -> TimedPrediction:
    """Predict the composition at a dose, quenched after a time.

    Parameters
    ----------
    dose_percent, time_s : float
        Guest added (percent of the host cation), and the time until the quench, s.
    fit : MechanismFit, str or Path, optional
        Of `fit_mechanism`, or its JSON file; the packaged fit of the published numbers by default.
    quenched : Prediction, optional
        The answer of `predict`, to be set beside it; made here where the mechanism names a system.
    extrapolate : bool
        Allow doses above those of the fit's evidence.
    confidence : float
        Of the intervals.

    Returns
    -------
    TimedPrediction

    Raises
    ------
    ExtrapolationError
        If the dose lies above those of the evidence.

    Examples
    --------
    >>> result = predict_in_time(50, 30)
    >>> round(result.species["Ag2Cd32S33"].value, 1)
    0.6
    """
    known = fit_of(fit)
    mechanism = known.scheme
    warnings = _checked(known, np.array([dose_percent]), time_s, extrapolate)
    later = np.array(sorted({float(time_s), *(t for t in LATER_S if t > time_s), _quench(known)}))
    seen = sight(mechanism, known.draws.T, np.array([float(dose_percent)]), later, ratio=QUICK)
    at = int(np.searchsorted(later, time_s))
    estimate = partial(draw_estimate, confidence=confidence)
    shares, guests = _shares(seen)
    species, guest = _estimates(known, shares[:, at, :, 0], guests[:, at, :, 0], confidence)
    absorbance, incorporation = seen.absorbance().value, seen.incorporation(known.evidence.basis).value
    unit = f"{mechanism.host} per cluster"
    trapped = np.broadcast_to(seen.parameter(mechanism.trapped).value[0, :, 0], known.draws.shape[:1])
    standing = tuple(
        Standing(
            time_s=float(time),
            species=dict(zip(mechanism.formulas, shares[:, j, :, 0].mean(axis=1).tolist(), strict=True)),
            absorbance_ratio=float(absorbance[j, :, 0].mean()),
            incorporation_percent=float(incorporation[j, :, 0].mean()),
        )
        for j, time in enumerate(later)
        if time >= time_s
    )
    if quenched is None and mechanism.system and "composition" in declared("NAMES"):
        from cxkinetics.composition.predict import predict

        quenched = predict(float(dose_percent), system=mechanism.system, extrapolate=extrapolate)
    at_quench = shares[:, int(np.searchsorted(later, _quench(known))), :, 0]
    beside, reason = _beside(known, species, at_quench, quenched, confidence)
    if reason:
        warnings.append(Remark("differs", f"`predict` without a time says otherwise: {reason}"))
    return TimedPrediction(
        dose_percent=float(dose_percent),
        time_s=float(time_s),
        mechanism=known.mechanism,
        guest=mechanism.guest,
        incorporation_percent=estimate("incorporation", incorporation[at, :, 0], unit="%"),
        absorbance_ratio=estimate("A/A0", absorbance[at, :, 0]),
        trapped_host=estimate("trapped host", trapped, unit=unit),
        species=species,
        guest_share=guest,
        standing=standing,
        quenched=beside,
        reason=reason,
        source=source_of(known),
        stage="" if quenched is None else quenched.stage,
        warnings=tuple(warnings),
        seed=known.seed,
    )


def dose_in_time(
    target: str,
    time_s: float | None = None,
    *,
    fit: MechanismFit | str | Path | None = None,
    quenched: "DoseAdvice | None" = None,
    min_purity: float | None = None,
    max_byproduct: float = 0.05,
    confidence: float = 0.95,
) -> TimedDose:
    """Return the dose for a target at a time of the quench, or the best dose and time together.

    Parameters
    ----------
    target : str
        Formula, or name in the scheme.
    time_s : float, optional
        When it will be quenched, s; the best time by default.
    fit, confidence
        As for `predict_in_time`.
    quenched : DoseAdvice, optional
        The answer of `dose_for`, to be set beside it.
    min_purity : float, optional
        Least share of clusters that will do.
    max_byproduct : float
        Largest share of product in the windows.

    Returns
    -------
    TimedDose

    Raises
    ------
    UnreachablePurityError
        If no dose and time reach `min_purity`.

    Examples
    --------
    >>> result = dose_in_time("Ag2Cd32S33", 30)
    >>> round(result.dose_percent.value, -1), round(result.purity.value, 1)
    (60.0, 0.6)
    """
    known = fit_of(fit)
    mechanism = known.scheme
    place = mechanism.index(target)
    highest = known.evidence.highest_dose_percent
    warnings = _checked(known, np.array([highest]), 0.0 if time_s is None else time_s, False)
    doses, times, wanted, unwanted = _map(known, place)
    best_time = float(time_s) if time_s is not None else float(times[int(np.argmax(wanted.max(axis=0)))])
    at_time = _line(known, place, np.linspace(1.0, highest, _FINE), np.array([best_time]))
    best = _best(at_time, max_byproduct, along="doses")
    at_dose = _line(known, place, np.array([best.value]), np.geomspace(_FIRST_S, LONGEST_S, _FINE))
    when = _best(at_dose, max_byproduct, along="times")
    if time_s is None:
        best_time = when.value
    species, guest, byproduct = _here(known, place, best.value, best_time, confidence)
    purity = species[formula := mechanism.formulas[place]]
    if min_purity is not None and (purity.value or 0.0) < min_purity:
        raise _unreached(formula, species, best.value, best_time, min_purity)
    if time_s is None and best_time > known.evidence.latest_s:
        warnings.append(_late(known, best_time))
    advice, reason = _dose_beside(known, formula, best, purity, quenched)
    if reason:
        warnings.append(Remark("differs", f"`dose` without a time says otherwise: {reason}"))
    interval = partial(_interval, confidence=confidence)
    return TimedDose(
        target=formula,
        mechanism=known.mechanism,
        guest=mechanism.guest,
        given_time=time_s is not None,
        dose_percent=interval("dose", best, unit="%"),
        time_s=Estimate(name="time", value=best_time, unit="s", method="given", reason="given")
        if time_s is not None
        else interval("time", when, unit="s"),
        window_percent=best.window,
        window_s=when.window,
        purity=purity,
        guest_share=guest[formula],
        byproduct=byproduct,
        composition=species,
        composition_guest=guest,
        max_byproduct=max_byproduct,
        quenched=advice,
        reason=reason,
        source=source_of(known),
        map_dose_percent=doses,
        map_time_s=times,
        map_share=wanted,
        map_product=unwanted,
        warnings=tuple(warnings),
        seed=known.seed,
    )


def _map(fit: MechanismFit, place: int) -> tuple[Array, Array, Array, Array]:
    """Return doses, times and the mean shares of a target and of by-product over both."""
    highest = fit.evidence.highest_dose_percent
    doses, times = (
        np.linspace(highest / _MAP_DOSES, highest, _MAP_DOSES),
        np.geomspace(_FIRST_S, LONGEST_S, _MAP_TIMES),
    )
    shares, _ = _shares(sight(fit.scheme, fit.draws[:_MAP_DRAWS].T, doses, times, ratio=QUICK))
    product = _byproduct(fit.scheme, place, shares)
    return doses, times, shares[place].mean(axis=1).T, product.mean(axis=1).T


def _here(
    fit: MechanismFit, place: int, dose: float, time_s: float, confidence: float
) -> tuple[dict[str, Estimate], dict[str, Estimate], Estimate]:
    """Return both shares of all species, and that of by-product, at a dose and a time."""
    here = sight(fit.scheme, fit.draws.T, np.array([dose]), np.array([time_s]), ratio=QUICK)
    found, guests = _shares(here)
    species, guest = _estimates(fit, found[:, 0, :, 0], guests[:, 0, :, 0], confidence)
    product = _byproduct(fit.scheme, place, found)[0, :, 0]
    return species, guest, draw_estimate("by-product", product, confidence=confidence)


def _unreached(
    formula: str, species: Mapping[str, Estimate], dose: float, time_s: float, min_purity: float
) -> UnreachablePurityError:
    best = float(species[formula].value or 0.0)
    rest = ", ".join(f"{name} {e.value or 0:.2f}" for name, e in species.items() if name != formula)
    return UnreachablePurityError(
        f"{formula} reaches a share of {best:.2f} at most, at {dose:.3g} % quenched after {time_s:.3g} s, "
        f"not {min_purity:g}; the rest is {rest}",
        best_dose_percent=dose,
        best_purity=best,
        limited_by="avalanche overlap",
    )


def fit_of(fit: MechanismFit | str | Path | None) -> MechanismFit:
    """Return a fit as given, from its JSON file, or the packaged one."""
    if fit is None:
        return published_mechanism_fit()
    return fit if isinstance(fit, MechanismFit) else MechanismFit.from_json(fit)


def draw_estimate(name: str, values: Array, *, confidence: float, unit: str = "") -> Estimate:
    """Return mean, standard deviation and equal-tailed interval of draws."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    mean, sd = float(values.mean()), float(values.std())
    # where few draws carry the mean, the interval reaches to it
    low, high = min(float(low), mean), max(float(high), mean)
    return Estimate(name=name, value=mean, se=sd, low=low, high=high, unit=unit, method="draws of the fit")


def source_of(fit: MechanismFit) -> dict[str, Any]:
    """Return what a result records of the fit behind it."""
    return {
        "guest": fit.scheme.guest,
        "host_cation": fit.scheme.host,
        "evidence": fit.evidence.title,
        "chi2": fit.chi2,
        "dof": fit.dof,
        "verdict": fit.verdict["code"],
        "draws": int(fit.draws.shape[0]),
        "not_determined": [name for name, known in fit.known.items() if known != "determined"],
    }


def _quench(fit: MechanismFit) -> float:
    """Return when the samples were quenched whose incorporation was read."""
    times = [one.time_s for one in fit.evidence.observations if one.quantity == "incorporation"]
    return float(np.median(times)) if times else fit.evidence.latest_s


def _late(fit: MechanismFit, time_s: float) -> Remark:
    latest = fit.evidence.latest_s
    text = f"{time_s:.4g} s is later than all that was fitted (up to {latest:.4g} s): the rate laws go on"
    return Remark("later_than_fitted", text)


_LATEST_S = 1e9
"""Thirty years: what stands longer is not followed."""


def _checked(fit: MechanismFit, doses: Array, time_s: float, extrapolate: bool) -> list[Remark]:
    if not (time_s == 0 or _FIRST_S * 1e-6 <= time_s <= _LATEST_S):
        raise UsageError(f"the time is {time_s:g} s; it must be 0 or more, up to {_LATEST_S:g}")
    highest = fit.evidence.highest_dose_percent
    warnings = []
    if not (doses.min() > 0 and (doses.max() <= highest or (extrapolate and np.isfinite(doses.max())))):
        raise ExtrapolationError(
            f"a dose of {doses.max():g} % lies outside those of the evidence, above 0 up to {highest:g} %; "
            "measure there, or pass extrapolate=True (--extrapolate)"
        )
    if doses.max() > highest:
        text = f"{doses.max():g} % is above the doses of the evidence, up to {highest:g} %: extrapolated"
        warnings.append(Remark("extrapolated", text))
    if fit.verdict["code"] in ("behind", "not told apart", "alone"):
        warnings.append(Remark("rivals", f"a prediction by one mechanism of several: {fit.verdict['text']}"))
    return [*warnings, *([_late(fit, time_s)] if time_s > fit.evidence.latest_s else [])]


def _shares(seen: Sight) -> tuple[Array, Array]:
    """Return shares of clusters and of all guest bound (species, times, draws, doses) of good draws."""
    good = ~seen.failed
    if not good.any():
        raise InputError(
            "the mechanism has no solution at any of the drawn parameters", remedy="fit it again"
        )
    share = np.clip(seen.share.value[:, :, good], 0.0, 1.0)
    share = share / share.sum(axis=0)
    problems = seen.failed.size
    held = np.stack([np.broadcast_to(s.guests(seen.values), (problems,)) for s in seen.mechanism.species])
    guest = share * held[:, None, good, None]
    total = guest.sum(axis=0)
    # before anything is bound nothing has a share of it
    return share, np.divide(guest, total, out=np.zeros_like(guest), where=total > 0)


def _estimates(
    fit: MechanismFit, share: Array, guest: Array, confidence: float
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Return both shares (species, draws) as estimates by formula."""
    formulas = fit.scheme.formulas
    made = [
        {
            name: draw_estimate(name, row, confidence=confidence)
            for name, row in zip(formulas, rows, strict=True)
        }
        for rows in (share, guest)
    ]
    return made[0], made[1]


def _beside(
    fit: MechanismFit,
    species: Mapping[str, Estimate],
    at_quench: Array,
    other: "Prediction | None",
    confidence: float,
) -> tuple[dict[str, Estimate], str]:
    """Return the answer of the table's samples and the reason, where an interval is apart from ours."""
    if other is None:
        return {}, ""
    shared = {name: other.species[name] for name in species if name in other.species}
    apart = [name for name, theirs in shared.items() if _apart(species[name], theirs)]
    if not apart:
        return {}, ""
    then, _ = _estimates(fit, at_quench, at_quench, confidence)
    return shared, _reason(fit, any(_apart(then[name], shared[name]) for name in apart), then)


def _reason(fit: MechanismFit, still: bool, then: Mapping[str, Estimate]) -> str:
    quench = _quench(fit)
    if not still:
        return (
            f"the composition changes with time; quenched after {quench:g} s, as the table's samples were, "
            "the mechanism agrees with it"
        )
    broken = [s.formula for s in fit.scheme.species if s.kind == "disrupted"]
    if broken:
        return (
            f"it knows intact clusters and product only, while the mechanism has a share of "
            f"{then[broken[0]].value or 0:.2f} {broken[0]} at {quench:g} s, dark and still holding guest"
        )
    return "the mechanism is fitted to runs and spectra too, the other to incorporations alone"


def _apart(one: Estimate, other: Estimate) -> bool:
    ends = (one.low, one.high, other.low, other.high)
    if any(end is None for end in ends):
        return False
    return bool(one.high < other.low or other.high < one.low)  # type: ignore[operator]


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Share of the target and of by-product along doses or times: (points, draws)."""

    at: Array
    share: Array
    product: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Best:
    """Where the mean share is highest, the best of each draw, and the window."""

    value: float
    single: Array
    window: tuple[float, float]


def _byproduct(mechanism: Any, place: int, shares: Array) -> Array:
    product = shares[[i for i, s in enumerate(mechanism.species) if s.kind == "product"]].sum(axis=0)
    return np.asarray(1 - product if mechanism.species[place].kind == "product" else product)


def _line(fit: MechanismFit, place: int, doses: Array, times: Array) -> _Line:
    mechanism = fit.scheme
    draws = fit.draws[: 3 * _MAP_DRAWS]
    shares, _ = _shares(sight(mechanism, draws.T, doses, times, ratio=QUICK))
    product = _byproduct(mechanism, place, shares)
    if times.size == 1:
        return _Line(doses, shares[place, 0].T, product[0].T)
    return _Line(times, shares[place, :, :, 0], product[:, :, 0])


def _best(line: _Line, max_byproduct: float, *, along: str) -> _Best:
    mean, product = line.share.mean(axis=1), line.product.mean(axis=1)
    allowed = product <= max_byproduct
    top = int(np.argmax(np.where(allowed, mean, -1.0))) if allowed.any() else int(np.argmax(mean))
    kept = mean >= KEPT * mean[top]
    kept &= allowed if allowed[top] else True
    first = last = top
    while first > 0 and kept[first - 1]:
        first -= 1
    while last < mean.size - 1 and kept[last + 1]:
        last += 1
    single = line.at[np.argmax(line.share, axis=0)]
    return _Best(float(line.at[top]), single, (float(line.at[first]), float(line.at[last])))


def _interval(name: str, best: _Best, *, unit: str, confidence: float) -> Estimate:
    low, high = np.quantile(best.single, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(
        name=name,
        value=best.value,
        low=float(min(low, best.value)),
        high=float(max(high, best.value)),
        unit=unit,
        method="best of each draw",
    )


def _dose_beside(
    fit: MechanismFit, formula: str, best: _Best, purity: Estimate, quenched: "DoseAdvice | None"
) -> tuple[dict[str, Estimate], str]:
    mechanism = fit.scheme
    if quenched is None and mechanism.system and "composition" in declared("NAMES"):
        from cxkinetics.composition.dose import dose_for
        from cxkinetics.composition.system import load_system

        if formula in load_system(mechanism.system).species:
            quenched = dose_for(formula, system=mechanism.system)
    if quenched is None:
        return {}, ""
    low, high = quenched.window_percent
    if best.window[0] <= high and low <= best.window[1] and not _apart(purity, quenched.purity):
        return {}, ""
    reason = (
        f"it speaks of samples as the table's, quenched after {_quench(fit):g} s and washed, and the share "
        f"of {formula} changes with time"
    )
    return {"dose": quenched.dose_percent, "purity": quenched.purity}, reason
