"""A titration of large particles: fraction converted against guests added per particle.

Large particles have a mean occupancy and no list of species. Their titration is a rise from 0 to 1
whose slope, the Hill coefficient n, says how sharply it rises. A slope is no number of sites: particles
that convert at once, each at a threshold of its own, or a particle that turns from one state to another
as a whole, draw nearly the same curve. So the Hill curve is fitted beside those and is one description
among them; what lies within `AHEAD` of the best cannot be told apart from it.

References
----------
White et al., Nat. Commun. 4, 3933 (2013), doi 10.1038/ncomms3933 (CdSe with Cu+, n = 7.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from scipy.special import expit, ndtr

from cxkinetics.arrays import Array, ArrayLike, numbers_of
from cxkinetics.calls import checked
from cxkinetics.composition.draws import check_confidence
from cxkinetics.composition.system import System, load_system
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError, InputError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.criteria import AHEAD, aicc, differences
from cxkinetics.record import DATA, Record

if TYPE_CHECKING:
    from cxkinetics.document.page import Section
    from cxkinetics.document.units import TimeUnit

_GRID = 60  # trial values of either parameter before the descent
_FEWEST = 4  # points: two parameters, the scatter, and one to spare
_WIDEST = 1e3  # factor from the best value within which the end of an interval is sought
_OUTSIDE = 0.5  # a fraction converted this far outside 0-1 is no fraction

TWO_SITES_MOST = 2.0
"""Steepest Hill slope of two sites, however cooperative."""

DECIDES = (
    "the same titration on a narrower size fraction (a spread of thresholds gets steeper, a binding curve "
    "does not) and on half as many particles (thresholds per particle stay where they are, binding from "
    "solution moves), or spectra of single particles at half conversion (all or none, or all half)"
)
"""What tells a Hill slope, thresholds and two states apart."""


def _hill(x: Array, middle: Array, slope: Array) -> Array:
    with np.errstate(divide="ignore"):
        curve: Array = expit(slope * (np.log(x) - np.log(middle)))
    return curve


def _two_sites(x: Array, middle: Array, cooperativity: Array) -> Array:
    # half of the sites are filled where alpha z^2 = 1
    z = x / middle / np.sqrt(cooperativity)
    second = cooperativity * z**2
    return (z + second) / (1 + 2 * z + second)


def _thresholds(x: Array, middle: Array, spread: Array) -> Array:
    with np.errstate(divide="ignore"):
        curve: Array = ndtr((np.log(x) - np.log(middle)) / spread)
    return curve


def _two_states(x: Array, middle: Array, stability: Array) -> Array:
    curve: Array = expit(stability * (x / middle - 1))
    return curve


def _nucleation(x: Array, middle: Array, width: Array) -> Array:
    start = middle * (1 - np.minimum(width, 1) / 2)
    return np.clip((x - start) / (width * middle), 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """One description: middle (half converted) and one shape parameter, both positive."""

    key: str
    words: str
    function: Callable[[Array, Array, Array], Array]
    shape: tuple[float, float]


_CURVES = (
    _Curve(key="Hill", words="Hill curve", function=_hill, shape=(0.2, 80.0)),
    _Curve(key="two sites", words="two sites, cooperative", function=_two_sites, shape=(1e-3, 1e6)),
    _Curve(
        key="thresholds",
        words="each particle converts at once, at a threshold of its own (log-normal)",
        function=_thresholds,
        shape=(0.01, 5.0),
    ),
    _Curve(
        key="two states",
        words="the particle turns as a whole between two states, of which one takes guests",
        function=_two_states,
        shape=(0.2, 80.0),
    ),
    _Curve(
        key="nucleation",
        words="nothing up to a nucleation threshold, then all added guest converts",
        function=_nucleation,
        shape=(0.01, 2.0),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TitrationRival(Record):
    """One description of a titration.

    Attributes
    ----------
    model, words : str
        Short name, and what it says.
    middle : float
        Guests per particle at which half is converted.
    shape : float
        Hill n; cooperativity of the two sites; spread of ln threshold; ln of the odds of the two states
        without guest; width of the rise over the middle.
    rss, aicc, delta : float
        Weighted residual sum of squares; AICc (None where points are too few), and its distance from
        the best.
    weight : float or None
        Akaike weight.
    """

    model: str
    words: str
    middle: float
    shape: float
    rss: float
    aicc: float | None
    delta: float | None
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TitrationFit(Record, Shown):
    """A titration with its Hill slope and what describes it as well.

    Attributes
    ----------
    system : System
        What the particles are.
    hill_n : Estimate
        Slope of the Hill curve; a slope, not a number of sites.
    half_converted : Estimate
        Guests per particle at which the Hill curve is at one half.
    rivals : tuple of TitrationRival
        All descriptions, best first.
    alike : tuple of str
        Those within `AHEAD` of the best: the data do not tell them apart.
    verdict : dict
        "code" ("cannot_be_told_apart" or the name of the model that leads) and "text".
    two_sites_excluded : bool
        Whether two cooperative sites lie further than `AHEAD` behind the best.
    no_dark_state : bool
        Whether it was asserted that no dark or quenched state exists.
    confidence : float
    added, converted, sigma : Array or None
        The points: guests per particle, fraction converted, and its standard deviation where given.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> added = np.arange(0, 1001, 50.0)
    >>> fit = cx.fit_titration(added, added**7.1 / (500**7.1 + added**7.1) + 0.01 * np.sin(added))
    >>> round(fit.half_converted.value), fit.two_sites_excluded
    (501, True)
    """

    SCHEMA = "cxkinetics.titration/1"
    _keys = (
        "schema=SCHEMA system=system.name verdict hill_n half_converted two_sites_excluded alike rivals ..."
    )

    system: Annotated[System, DATA]
    hill_n: Estimate
    half_converted: Estimate
    rivals: tuple[TitrationRival, ...]
    alike: tuple[str, ...]
    verdict: dict[str, str]
    two_sites_excluded: bool
    no_dark_state: bool
    confidence: float
    added: Annotated[Array, DATA]
    converted: Annotated[Array, DATA]
    sigma: Annotated[Array | None, DATA] = None

    def curve(self, added: ArrayLike, model: str = "Hill") -> Array:
        """Return the fraction converted that one of the descriptions gives."""
        rival = next(one for one in self.rivals if one.model == model)
        function = next(one.function for one in _CURVES if one.key == model)
        return function(np.asarray(added, dtype=float), np.array(rival.middle), np.array(rival.shape))

    def product_share(self, added: float) -> Estimate:
        """Return what the titration says of the share of the product at `added` guests per particle.

        The fraction converted is optical: what has lost its colour need not be product. Only where it
        was asserted that no dark or quenched state exists is it the product's share; else it is the
        largest that the share can be, and the value stays open. The interval spans the descriptions
        that cannot be told apart.
        """
        shares = [float(self.curve(added, model)) for model in self.alike]
        name = f"share of {self.system.product_key}"
        make = partial(Estimate, name=name, high=max(shares), method="curves that cannot be told apart")
        if self.no_dark_state:
            return make(value=shares[0], low=min(shares))
        reason = (
            "an optical fraction only bounds the product: dark or quenched particles count as converted; "
            "assert that there are none (no_dark_state) to take it for the product"
        )
        return make(value=None, low=0.0, reason=reason)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import titration_brief

        return titration_brief(self, unit)


@checked()
def fit_titration(
    added: ArrayLike,
    converted: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    system: System | str | Path = "cu-cdse",
    no_dark_state: bool | None = None,
    confidence: float = 0.95,
) -> TitrationFit:
    """Fit a titration: the Hill slope with its interval, and the descriptions that do as well.

    Parameters
    ----------
    added : array_like
        Guests added per particle, from 0.
    converted : array_like
        Fraction converted, 0 to 1 (scatter may lead outside).
    sigma : array_like, optional
        Standard deviation of the fraction: one number or one per point. Without it the scatter about
        the curve is used.
    system : System, str or Path
        What the particles are.
    no_dark_state : bool, optional
        Assert that no dark or quenched state exists, so that the fraction is the product's share; by
        default what the system says.
    confidence : float
        Of the intervals.

    Returns
    -------
    TitrationFit

    Raises
    ------
    InputError
        If the points are no titration.
    FitError
        If there are too few of them, or none lies on the rise.

    Examples
    --------
    >>> added = np.arange(0, 1001, 50.0)
    >>> rise = added**7.1 / (500**7.1 + added**7.1) + 0.01 * np.cos(np.arange(21.0) * 7)
    >>> fit = fit_titration(added, rise)
    >>> round(fit.hill_n.value, 1), fit.two_sites_excluded, fit.verdict["code"]
    (6.9, True, 'cannot_be_told_apart')
    """
    chosen = load_system(system)
    x, y, weight = _checked(added, converted, sigma)
    found = [(curve, *_fitted(curve, x, y, weight)) for curve in _CURVES]
    n, known = x.size, sigma is not None
    scores = [aicc(rss if known else n * np.log(max(rss, 1e-300) / n), 3 - known, n) for *_, rss in found]
    ranked = sorted(
        (
            TitrationRival(
                model=curve.key,
                words=curve.words,
                middle=float(at[0]),
                shape=float(at[1]),
                rss=rss,
                aicc=score if told else None,
                delta=told[0] if told else None,
                weight=told[1] if told else None,
            )
            for (curve, at, rss), score, told in zip(found, scores, differences(scores), strict=True)
        ),
        key=lambda one: np.inf if one.aicc is None else one.aicc,
    )
    alike = tuple(one.model for one in ranked if one.delta is not None and one.delta <= AHEAD)
    check_confidence(confidence)
    make = partial(_interval, x=x, y=y, weight=weight, best=(found[0][1], found[0][2]), known=known)
    hill = make(1, name="Hill n", confidence=confidence)
    return TitrationFit(
        system=chosen,
        hill_n=hill,
        half_converted=make(0, name="half converted", unit="guests per particle", confidence=confidence),
        rivals=tuple(ranked),
        alike=alike,
        verdict=_verdict(ranked, alike, hill),
        two_sites_excluded="two sites" not in alike,
        no_dark_state=chosen.no_dark_state if no_dark_state is None else no_dark_state,
        confidence=confidence,
        added=x,
        converted=y,
        sigma=None if sigma is None else 1 / weight,
    )


def _checked(added: ArrayLike, converted: ArrayLike, sigma: ArrayLike | None) -> tuple[Array, Array, Array]:
    given = (("guests added", added), ("fraction converted", converted))
    x, y = (np.atleast_1d(numbers_of(what, values)) for what, values in given)
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(
            f"{x.size} amounts added, but {y.size} fractions converted; give one of each a point"
        )
    spread = np.ones(x.size) if sigma is None else numbers_of("sigma", sigma)
    if spread.size not in (1, x.size):
        raise InputError(f"{spread.size} values of sigma for {x.size} points; give one, or one of each")
    spread = np.broadcast_to(spread.ravel(), x.shape)
    for what, values, wrong in (
        ("guests added", x, ~(np.isfinite(x) & (x >= 0))),
        ("fraction converted", y, ~(np.isfinite(y) & (np.abs(y - 0.5) <= 0.5 + _OUTSIDE))),
        ("sigma", spread, ~((spread >= 1e-12) & (spread <= 1e12))),
    ):
        if wrong.any():
            at = int(np.argmax(wrong))
            needed = {"guests added": "from 0", "sigma": "from 1e-12 to 1e12"}.get(
                what, "a fraction between 0 and 1"
            )
            remedy = "divide percent by 100" if what == "fraction converted" else ""
            text = f"point {at + 1}: {what} is {values[at]:g}; it must be {needed}"
            raise InputError(text, value=f"{values[at]:g}", remedy=remedy)
    if np.unique(x[x > 0]).size < _FEWEST:
        raise FitError(
            f"a titration needs {_FEWEST} amounts above 0 at least; there are {np.unique(x[x > 0]).size}"
        )
    if not (y.min() < 0.5 < y.max()):
        raise FitError(
            f"the fractions converted run from {y.min():.3g} to {y.max():.3g}: the rise through one half is "
            "not covered; measure on both sides of it"
        )
    return x, y, 1 / spread


def _fitted(curve: _Curve, x: Array, y: Array, weight: Array) -> tuple[Array, float]:
    """Return middle and shape of least squares, and their sum: the best of a grid, then a descent."""
    from scipy.optimize import minimize

    positive = x[x > 0]
    middles = np.geomspace(positive.min() / 2, positive.max() * 2, _GRID)
    shapes = np.geomspace(*curve.shape, _GRID)

    def rss(middle: Array, shape: Array) -> Array:
        off = (curve.function(x, middle[..., None], shape[..., None]) - y) * weight
        total: Array = np.sum(off**2, axis=-1)
        return total

    grid = rss(middles[:, None], shapes[None, :])
    i, j = np.unravel_index(int(np.argmin(grid)), grid.shape)
    limits = [(float(np.log(ends[0])), float(np.log(ends[-1]))) for ends in (middles, shapes)]
    # a simplex: the nucleation line has corners, on which a gradient says nothing
    found = minimize(  # type: ignore[call-overload]  # the stubs know other options
        lambda logs: float(rss(*np.exp(logs))),
        np.log([middles[i], shapes[j]]),
        method="Nelder-Mead",
        bounds=limits,
        options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 2000},
    )
    return np.exp(found.x), float(found.fun)


def _interval(
    index: int,
    *,
    x: Array,
    y: Array,
    weight: Array,
    best: tuple[Array, float],
    known: bool,
    name: str,
    confidence: float,
    unit: str = "",
) -> Estimate:
    """Return middle (index 0) or slope (1) of the Hill curve with its interval by profile likelihood."""
    from scipy.optimize import brentq, minimize_scalar
    from scipy.stats import chi2, f

    (at, least), dof = best, x.size - 2
    # a given sigma is taken at its word; else the scatter about the curve stands for it
    rise = chi2.ppf(confidence, 1) if known else least * f.ppf(confidence, 1, dof) / dof
    logs = np.log(at)
    others = logs[1 - index] + np.linspace(-np.log(_WIDEST), np.log(_WIDEST), 2 * _GRID + 1)

    def above(distance: float, side: float) -> float:
        here = np.exp(logs[index] + side * distance)

        def total(other: Any) -> Any:
            pair = (here, np.exp(other)) if index == 0 else (np.exp(other), here)
            middle, slope = (np.asarray(value)[..., None] for value in pair)
            return np.sum(((_hill(x, middle, slope) - y) * weight) ** 2, axis=-1)

        best = int(np.argmin(total(others)))
        around = others[max(best - 1, 0)], others[min(best + 1, others.size - 1)]
        near = minimize_scalar(total, bounds=around, method="bounded", options={"xatol": 1e-9})
        return min(float(near.fun), float(total(logs[1 - index])) if distance == 0 else np.inf) - least - rise

    ends: list[float | None] = []
    for side in (-1.0, 1.0):
        out = 0.01
        while out < np.log(_WIDEST) and above(out, side) < 0:
            out *= 2
        closed = out < np.log(_WIDEST)
        ends.append(
            float(np.exp(logs[index] + side * brentq(above, 0, out, args=(side,)))) if closed else None
        )
    reason = "" if None not in ends else "the points do not bound it on this side"
    value = float(at[index])
    return Estimate(
        name=name, value=value, low=ends[0], high=ends[1], unit=unit, method="profile", reason=reason
    )


def _verdict(ranked: list[TitrationRival], alike: tuple[str, ...], hill: Estimate) -> dict[str, str]:
    slope = f"Hill n {hill} is a slope, not a number of sites"
    if "two sites" in alike:
        pair = "two sites are not excluded"
    else:
        pair = f"two sites, whose slope is {TWO_SITES_MOST:g} at most, are excluded"
    if len(alike) == 1:
        best = ranked[0]
        return {"code": best.model.replace(" ", "_"), "text": f"{best.words}; {pair}; {slope}"}
    listed = ", ".join(alike)
    alone = f"cannot be told apart (within {AHEAD:g} in AICc): {listed}"
    text = f"{alone}; {pair}; {slope}; what would decide: {DECIDES}"
    return {"code": "cannot_be_told_apart", "text": text}
