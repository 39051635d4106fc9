"""`plan_dose`: which doses or measurements narrow the dose for a target most.

What is known is a cloud of parameter draws. A measurement that is not made yet is drawn from single draws,
each taken for the truth in turn; all draws are weighed by how well they explain it, and what they then say
of the target is compared with what they say now. So no formula is made linear and the answer counts every
mechanism; its cost is that a plan of several precise measurements rests on few draws each.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.calls import checked
from cxkinetics.composition.conditioning import ALL
from cxkinetics.composition.curve import DEFAULT_DOSE_ERROR
from cxkinetics.composition.dose import FLAT, grids
from cxkinetics.composition.draws import DEFAULT_DRAWS, ParameterDraws
from cxkinetics.composition.knowledge import Knowledge, known_draws, source_record
from cxkinetics.composition.measurements import RESPONSE_SD, ClusterFractions, WashPair
from cxkinetics.composition.mechanisms import State
from cxkinetics.composition.species_model import incorporation_draws, species_draws, state_draws
from cxkinetics.composition.system import System, species_key
from cxkinetics.document.shown import Shown
from cxkinetics.errors import InputError, UsageError
from cxkinetics.record import Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

AVALANCHE = "avalanche"
"""Target that is no species: the dose at which the avalanche begins."""
TABLE, SPECTRUM, WASH = "dose table point", "mass spectrum", "wash pair"
TWO_SIDED = 1.96
_TRUTHS = 120  # draws taken for the truth in turn
_STEP_PERCENT = 5.0  # between doses that are weighed
_SPECTRA_AT = (0.2, 0.3, 0.4)  # of the avalanche dose: below it clusters with few guests stand side by side
_WASHED_AT = (0.5, 1.0)
_LEFT = 0.1  # share of the trapped host that the cleaner wash leaves
_HEIGHT_SD = 0.05  # of a peak's height, of the sum of all
_FEWEST = 30.0  # effective draws of a plan, below which its widths are said to be rough
_PUBLISHED_SAMPLES = (
    "these widths take the samples for the published ones, with their wash and trapped host; update_priors "
    "takes yours for others and can leave the dose wider: a dose table (table, --table) plans for them"
)
_TIE = 1e-6
_SETTLED = 1e-6  # relative spread below which a quantity is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing(Record):
    """Half of a 95 % interval now, and expected after measurements."""

    now: float
    half_width: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextMeasurement(Record):
    """A measurement, where it is made, and what is expected after it.

    Attributes
    ----------
    kind : str
        "dose table point", "mass spectrum" or "wash pair".
    dose_percent, incorporation_percent : float
        Dose of its sample, and the incorporation expected there.
    expected : mapping of str to Narrowing
        By quantity, after it and those before it in a plan.
    """

    kind: str
    dose_percent: float
    incorporation_percent: float
    expected: Mapping[str, Narrowing]

    @property
    def narrowing(self) -> float:
        """How many times narrower the intervals become, as a geometric mean."""
        ratios = [width.now / width.half_width for width in self.expected.values() if width.half_width > 0]
        return float(np.exp(np.mean(np.log(ratios)))) if ratios else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DosePlan(Record, Shown):
    """What to measure next for a target.

    Attributes
    ----------
    target : str
        Key of the species, or "avalanche".
    steps : tuple of NextMeasurement
        The plan, in the order in which each narrows most what those before it leave.
    candidates : tuple of NextMeasurement
        Every measurement that was weighed, each on its own.
    simulated : int
        Draws that were taken for the truth in turn.
    source : mapping
        System, basis, origin of the draws, errors of the measurements.
    warnings : tuple of Remark
    seed : int or None

    Examples
    --------
    >>> plan = plan_dose("avalanche", count=1, n_draws=500)
    >>> plan.steps[0].kind, plan.steps[0].narrowing > 1, len(plan.candidates)
    ('dose table point', True, 35)
    """

    SCHEMA = "cxkinetics.plan-dose/1"
    _keys = "schema=SCHEMA version ..."

    target: str
    steps: tuple[NextMeasurement, ...]
    candidates: tuple[NextMeasurement, ...]
    simulated: int
    source: Mapping[str, Any]
    warnings: tuple[Remark, ...] = ()
    seed: int | None = None
    version: Version = __version__

    def best_of_each(self) -> tuple[NextMeasurement, ...]:
        """Return the best single measurement of each kind, the best first."""
        kinds = dict.fromkeys(one.kind for one in self.candidates)
        best = [max((c for c in self.candidates if c.kind == k), key=lambda c: c.narrowing) for k in kinds]
        return tuple(sorted(best, key=lambda c: -c.narrowing))

    def table(self) -> "pd.DataFrame":
        """Return the plan, one row per measurement."""
        return self.data()[0].frame()

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.plan_page import plan_brief

        return plan_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: how much each dose would narrow the intervals."""
        from cxkinetics.composition.plan_page import plan_figure

        return (plan_figure(self),)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.composition.plan_page import plan_data

        return plan_data(self)

    def __repr__(self) -> str:
        steps = ", ".join(f"{step.kind} at {step.dose_percent:g} %" for step in self.steps)
        return f"DosePlan({self.target}: {steps})"


@checked("target", "count", "system", "basis", "highest_dose_percent", "n_draws", "rng", "mechanism")
def plan_dose(
    target: str,
    *,
    table: Knowledge = None,
    count: int = 3,
    system: System | str | Path = "ag-cds",
    basis: str | None = None,
    highest_dose_percent: float | None = None,
    icp_error: tuple[float, float] = (0.3, 0.02),
    dose_error: tuple[float, float] = (0.0, DEFAULT_DOSE_ERROR),
    n_draws: int = DEFAULT_DRAWS,
    rng: np.random.Generator | int | None = None,
    mechanism: str = ALL,
) -> DosePlan:
    """Return the next doses or measurements that narrow the dose for a target, and its purity, most.

    Parameters
    ----------
    target : str
        Formula of a species, or "avalanche" for the dose at which the avalanche begins.
    table : DoseTable, IncorporationFit, CompositionUpdate or ParameterDraws, optional
        What is known; the documented priors of the system without it.
    count : int
        Measurements to plan.
    system, basis, n_draws, rng, mechanism
        As for `predict`.
    highest_dose_percent : float, optional
        Highest dose that can be measured; the highest calibrated one of system or table.
    icp_error : (float, float)
        Constant (percentage points) and proportional part of the sd of an incorporation to come.
    dose_error : (float, float)
        The same of its dose.

    Returns
    -------
    DosePlan

    Raises
    ------
    InputError
        If no share of any species follows from the table, or nothing is known of the dose curve.
    UsageError
        If a wish cannot be.

    Notes
    -----
    Weighed are points of a dose table every 5 % of dose, mass spectra below the avalanche and pairs of
    washes. A wash is taken to leave a tenth of the trapped host, heights in a mass spectrum to err by 5 %
    and by the unknown response of the spectrometer; neither is planned twice at one dose. Each next
    measurement is the one that lessens the mean logarithm of the expected standard deviations most, given
    those before it. For the threshold of a curve that is hardly known, six doses of which four are planned
    at once and two one by one err less by a factor of about 2 (root mean square) than six even ones.

    In 300 simulated worlds the widths expected after three measurements were 1.03 (dose) and 1.06 (purity)
    of the median ones found for AgCd33S33, 1.03 and 0.88 for Ag2Cd32S33; they are averages, and single
    worlds differ: 80 % of the latter's purities ended between +- 0.017 and 0.11.

    Examples
    --------
    >>> plan = plan_dose("Ag2Cd32S33", count=1, n_draws=500)
    >>> sorted(plan.steps[0].expected), len(plan.best_of_each())
    (['dose', 'purity'], 3)
    """
    if count < 1:
        raise UsageError(f"count is {count}; at least 1 measurement is needed")
    for name, errors in (("dose_error", dose_error), ("icp_error", icp_error)):
        wrong = [error for error in errors if not (math.isfinite(error) and error >= 0)]
        if wrong:
            raise UsageError(f"{name} is {wrong[0]:g}; it must be 0 or more")
    if not any(icp_error):
        raise UsageError("an incorporation without error tells everything; give icp_error")
    draws, remarks = known_draws(table, system, basis=basis, n_draws=n_draws, rng=rng, mechanism=mechanism)
    highest = _highest(draws) if highest_dose_percent is None else highest_dose_percent
    if not (math.isfinite(highest) and highest >= 2 * _STEP_PERCENT):
        raise UsageError(f"the highest dose is {highest:g} %; it must be {2 * _STEP_PERCENT:g} % or more")
    wanted = _wanted(target, draws)
    source = np.random.default_rng(0 if draws.seed is None else draws.seed)
    truths = np.sort(source.choice(draws.n_draws, min(_TRUTHS, draws.n_draws), replace=False))
    candidates = [*_table_points(draws, highest, icp_error, dose_error)]
    if target != AVALANCHE and "mechanism" in draws.values:
        candidates += [*_spectra(draws), *_wash_pairs(draws)]
    logs, place = [candidate.log(truths, source) for candidate in candidates], draws.distinct()[1]
    weighed = tuple(
        c.told(_expected(log, wanted, truths, place)[0], wanted)
        for c, log in zip(candidates, logs, strict=True)
    )
    steps, effective = _in_turn(candidates, logs, wanted, truths, place, count=count, source=source)
    if table is None and target != AVALANCHE and draws.own_samples:
        remarks = (*remarks, Remark("published_samples", _PUBLISHED_SAMPLES))
    if effective < _FEWEST:
        text = (
            f"the widths after {count} measurements rest on {effective:.0f} draws each: they are rough, and "
            "more draws (n_draws, --draws) or a shorter plan would tell them better"
        )
        remarks = (*remarks, Remark("few_draws", text))
    return DosePlan(
        target=target if target == AVALANCHE else species_key(draws.system, target),
        steps=steps,
        candidates=weighed,
        simulated=truths.size,
        source={
            **source_record(draws),
            "icp_error": list(icp_error),
            "dose_error": list(dose_error),
            "highest_dose_percent": highest,
        },
        warnings=tuple(remarks),
        seed=draws.seed,
    )


def _in_turn(
    candidates: "list[_Candidate]",
    logs: list[Array],
    wanted: Mapping[str, Array],
    truths: IntArray,
    place: IntArray,
    *,
    count: int,
    source: np.random.Generator,
) -> tuple[tuple[NextMeasurement, ...], float]:
    """Return the best measurements, each given those before it, and the draws that the last one leaves."""
    candidates, logs, known = [*candidates], [*logs], np.zeros_like(logs[0])
    steps: list[NextMeasurement] = []
    effective = math.inf
    for _ in range(count):
        after = [_expected(known + log, wanted, truths, place) for log in logs]
        best = min(range(len(after)), key=lambda at: _score(after[at][0], wanted))
        found, effective = after[best]
        steps.append(candidates[best].told(found, wanted))
        known = known + logs[best]
        if candidates[best].kind == TABLE:  # a second flask of that dose errs anew
            logs[best] = candidates[best].log(truths, source)
        else:  # the same sample again would err as it did
            del candidates[best], logs[best]
    return tuple(steps), effective


def _highest(draws: ParameterDraws) -> float:
    """Return the highest dose that system or table was calibrated to."""
    ends = [draws.calibrated_dose_percent[1], *(draws.system.calibrated_dose_percent or ())[1:]]
    known = [end for end in ends if math.isfinite(end)]
    return max(known) if known else float(grids(draws)[0][-1])


def _wanted(target: str, draws: ParameterDraws) -> dict[str, Array]:
    """Return what is to be narrowed: quantity -> its draws (n,)."""
    if target == AVALANCHE:
        return {"avalanche dose": draws.values["D1"]}
    if draws.no_product:
        raise InputError(
            draws.no_product,
            remedy="measure on past the avalanche to the plateau; cxkinetics plan dose avalanche places the "
            "doses on the way",
        )
    position = draws.system.species.index(species_key(draws.system, target))
    grid = grids(draws)[0]
    shares = species_draws(draws, grid)[position]
    product = position == len(draws.system.species) - 1
    best = shares >= shares.max(axis=1, keepdims=True) - (FLAT if product else _TIE)
    # the product is wanted from the lowest dose of its plateau on, others in the middle of theirs
    doses = grid[np.argmax(best, axis=1)] if product else (best @ grid) / best.sum(axis=1)
    at = int(np.argmax(shares.mean(axis=0)))
    wanted = {"dose": doses, "purity": shares[:, at]}
    varying = {
        name: values for name, values in wanted.items() if values.std() > _SETTLED * np.abs(values).max()
    }
    if not varying:
        raise InputError(
            f"dose and purity of {draws.system.species[position]} are the same in all draws: nothing is left "
            "to narrow",
            remedy="plan for another target",
        )
    return varying


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A measurement that could be made; `log` draws one for each truth and weighs all draws by it."""

    kind: str
    dose: float
    incorporation: float
    log: Callable[[IntArray, np.random.Generator], Array]

    def told(self, spread: Array, wanted: Mapping[str, Array]) -> NextMeasurement:
        """Return it with the expected standard deviations (q,) of what is wanted."""
        expected = {
            name: Narrowing(
                now=TWO_SIDED * float(values.std()),
                half_width=TWO_SIDED * float(after),
                unit="" if name == "purity" else "%",
            )
            for (name, values), after in zip(wanted.items(), spread, strict=True)
        }
        return NextMeasurement(
            kind=self.kind,
            dose_percent=self.dose,
            incorporation_percent=self.incorporation,
            expected=expected,
        )


def _expected(
    log: Array, wanted: Mapping[str, Array], truths: IntArray, place: IntArray
) -> tuple[Array, float]:
    """Return the expected sd (q,) after data that weigh the draws by `log` (s, n), and the draws left.

    Draws that stand at one `place` are one draw that counts several times.
    """
    # a truth is no evidence for itself, nor are its twins
    log = np.where(place == place[truths, None], -np.inf, log)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    left = 1 / (weight**2 @ np.bincount(place)[place])
    spread = []
    for values in wanted.values():
        centred = values - values.mean()
        mean = weight @ centred
        variance = weight @ centred**2 - mean**2
        # as of any sample: few draws spread less than what they stand for
        inflated = np.maximum(variance, 0.0) * left / np.maximum(left - 1, 0.5)
        spread.append(float(np.mean(np.sqrt(inflated))))
    return np.array(spread), float(np.median(left))


def _score(spread: Array, wanted: Mapping[str, Array]) -> float:
    now = np.array([values.std() for values in wanted.values()])
    known = now > 0
    return float(np.sum(np.log(np.maximum(spread[known] / now[known], 1e-9))))


def _table_points(
    draws: ParameterDraws, highest: float, icp: tuple[float, float], dosed: tuple[float, float]
) -> list[_Candidate]:
    doses = np.arange(_STEP_PERCENT, highest + 1e-9, _STEP_PERCENT)
    y = incorporation_draws(draws, doses)
    off = np.maximum(np.hypot(dosed[0], dosed[1] * doses), 1e-6)
    slope = (incorporation_draws(draws, doses + off) - incorporation_draws(draws, doses - off)) / (2 * off)
    sd = np.sqrt(icp[0] ** 2 + (icp[1] * y) ** 2 + (slope * off) ** 2)

    def log(truths: IntArray, rng: np.random.Generator, *, at: int) -> Array:
        read = y[truths, at] + sd[truths, at] * rng.standard_normal(truths.size)
        found: Array = -0.5 * ((read[:, None] - y[:, at]) / sd[:, at]) ** 2 - np.log(sd[:, at])
        return found

    return [
        _Candidate(TABLE, float(dose), float(y[:, at].mean()), partial(log, at=at))
        for at, dose in enumerate(doses)
    ]


def _samples(draws: ParameterDraws, shares: Sequence[float]) -> list[tuple[float, float, State]]:
    """Return dose, mean incorporation and state (n,) of samples at shares of the avalanche dose."""
    doses = np.round(np.array(shares) * float(np.median(draws.values["D1"])))
    y = incorporation_draws(draws, doses)
    state = state_draws(draws, y)
    means = y.mean(axis=0).tolist()
    return [(float(dose), means[at], state.column(at)) for at, dose in enumerate(doses)]


def _spectra(draws: ParameterDraws) -> list[_Candidate]:
    def log(truths: IntArray, rng: np.random.Generator, *, state: State, dose: float) -> Array:
        shares = np.concatenate([state.shares[:-1], state.beyond[None]])[:, truths]
        steps = np.arange(len(shares))[:, None]
        heights = shares * np.exp(RESPONSE_SD * rng.standard_normal(truths.size) * steps)
        total = np.maximum(heights.sum(axis=0), 1e-12)
        heights = np.maximum(heights / total + _HEIGHT_SD * rng.standard_normal(heights.shape), 0.0)
        heights[0] += heights.sum(axis=0) == 0  # a spectrum of product alone shows no clusters
        seen = [
            ClusterFractions(
                fractions=tuple(column), sigma=(_HEIGHT_SD * sum(column),) * len(column), dose_percent=dose
            )
            for column in heights.T.tolist()
        ]
        return np.stack([one.log_likelihood(state, draws.system) for one in seen])

    return [
        _Candidate(SPECTRUM, dose, y, partial(log, state=state, dose=dose))
        for dose, y, state in _samples(draws, _SPECTRA_AT)
    ]


def _wash_pairs(draws: ParameterDraws) -> list[_Candidate]:
    def log(truths: IntArray, rng: np.random.Generator, *, state: State, dose: float, y: Array) -> Array:
        own = state.guests + state.hosts
        trapped = np.maximum(state.guests / np.maximum(y / 100, 1e-9) - own, 0.0)
        clean = 100 * (state.guests / np.maximum(own + _LEFT * trapped, 1e-12))[truths]
        read = np.clip(clean + 0.5 * rng.standard_normal(truths.size), 0.01, 99.99)
        pairs = [WashPair(clean_percent=float(value), dose_percent=dose) for value in read]
        return np.stack([pair.log_likelihood(state, draws.system) for pair in pairs])

    found = []
    for dose, mean, state in _samples(draws, _WASHED_AT):
        y = incorporation_draws(draws, dose)[:, 0]
        found.append(_Candidate(WASH, dose, mean, partial(log, state=state, dose=dose, y=y)))
    return found
