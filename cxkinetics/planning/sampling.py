"""`plan_sampling`: when to take the readings of a run, and what simulated fits say they will tell."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from scipy.special import bdtr, betaincinv

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.document.shown import Shown
from cxkinetics.errors import CxKineticsError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.fit import judged
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.planning.belief import UNCERTAINTY, Belief, belief_of_fit, belief_of_numbers
from cxkinetics.planning.design import Block, Grid, best_blocks, information_widths, times_of
from cxkinetics.record import As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

DEFAULT_SEED = 20230706
WANTED = 0.8
"""Chance at which a break counts as found."""
VERDICTS = ("one_stage", "two_stages", "more_stages")
"""Verdict that is right of one, two and three stages."""
_DRAWS = 64  # decays over which the search averages
_DECAYED = 3.0  # time constants after which a run with even spacing is over
_SPANNED = 5.0  # time constants of a guessed decay in its longest run, which then shows the offset
_ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_POINTS = (30, 120)  # fewest and most readings of a plan from a fit that had fewer or more
_TICKS = 200  # shortest spacings in the longest run, at least
_ENOUGH = 0.5  # share of the change of a run that is no longer called short
FIRST = 6
"""Runs from which on no more are simulated once the interval of the chance of the verdict lies below
`WANTED`: such readings do not decide, and how little they decide is nothing to measure by."""
_SMALLEST_FOLD = 1.05  # of the breaks that are tried
_RESAMPLED = 500
_SHARES = (0.5, 0.75, 1.5, 2.0)  # of the readings, for the figure of what a further one is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Width(Record):
    """What simulated fits say of an interval.

    Attributes
    ----------
    half_width : float or None
        Half of the 95 % interval, of the expected decay: the median of simulated runs of the believed ones,
        each brought to it by the ratio of the information matrices. This is what is predicted of an
        experiment: 200 further simulated runs of the expected decay, fitted in the same
        way, had a median within 25 % of it for the published silver trace (60 runs behind the plan).
    low, high : float or None
        Where that median lies, known as it is from so few runs (95 %, by their order); None where an end
        is open or where there are fewer than six.
    worst_tenth : float or None
        The half-width that a tenth of these runs exceeds. None where the interval is open in as many.
    unit : str
    """

    half_width: float | None
    worst_tenth: float | None
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost(Record):
    """Half-widths that a number of readings buys, placed and at even spacing.

    By the information matrix, in proportion to the simulated fits of the plan itself.
    """

    n_points: int
    placed: Mapping[str, float]
    even: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan(Record, Shown):
    """When to take the readings of a run.

    Attributes
    ----------
    blocks : tuple of Block
        Readings from, to, every (s after the addition); between blocks there are none.
    times_s : tuple of float
        All times, s.
    expected, even : mapping of str to Width
        What the fit will say of rate constants and breakpoints, with these readings and with as many at
        even spacing up to `even_to_s`: the median of all decays that are believed, and their worst tenth.
    chance_of_verdict, even_chance_of_verdict : Estimate
        Share of the simulated runs that get the right verdict, with its own interval.
    verdict : str
        The right one.
    smallest_break : Estimate or None
        The change of rate (the larger rate over the smaller) that is found in 80 % of runs with these
        readings; None where there is no break.
    even_to_s : float
    simulated : int
        Runs behind each of these numbers: as many as were asked for, or fewer where these show
        that the right verdict is unlikely.
    cost : tuple of Cost
        What other numbers of readings would give.
    belief : Belief
        The decays that were averaged over.
    options : mapping
        points, fastest_s, longest_s, and the options of the simulated fits.
    seed : int
    warnings : tuple of Remark

    Examples
    --------
    >>> plan = plan_sampling(rates_per_s=(0.056, 0.019), breakpoints_s=20, points=24, simulations=1)
    >>> len(plan.times_s), plan.blocks[0].from_s, plan.simulated
    (24, 0.0, 1)
    """

    SCHEMA = "cxkinetics.plan-sampling/1"
    _keys = "schema=SCHEMA version ..."

    blocks: tuple[Block, ...]
    times_s: tuple[float, ...]
    expected: Mapping[str, Width]
    even: Mapping[str, Width]
    chance_of_verdict: Annotated[Estimate, As(name="chance of the verdict")]
    even_chance_of_verdict: Annotated[Estimate, As(name="chance of the verdict, even spacing")]
    verdict: str
    smallest_break: Annotated[Estimate | None, As(name="smallest break found")]
    even_to_s: float
    simulated: int
    cost: tuple[Cost, ...]
    belief: Belief
    options: Mapping[str, Any]
    seed: int
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.planning.page import sampling_brief

        return sampling_brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figures: the blocks on the expected curve, and half-widths by number of readings."""
        from cxkinetics.planning.figures import sampling_figures

        return sampling_figures(self, unit)

    def table(self) -> "pd.DataFrame":
        """Return the half-widths, one row per quantity."""
        from cxkinetics.planning.page import sampling_data

        return sampling_data(self)[1].frame().set_index("quantity")

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.planning.page import sampling_data

        return sampling_data(self)

    def __repr__(self) -> str:
        blocks = "; ".join(f"{b.from_s:g}-{b.to_s:g} s every {b.every_s:g} s" for b in self.blocks)
        return f"SamplingPlan({len(self.times_s)} readings: {blocks})"


@checked()
def plan_sampling(
    fit: StagedFit | str | os.PathLike[str] | None = None,
    *,
    rates_per_s: float | Sequence[float] | None = None,
    breakpoints_s: float | Sequence[float] = (),
    uncertainty: float = UNCERTAINTY,
    amplitude: float = 0.9,
    offset: float = 0.0,
    sd: float | None = None,
    points: int | None = None,
    fastest_s: float | None = None,
    longest_s: float | None = None,
    even_to_s: float | None = None,
    simulations: int = 24,
    rng: int = DEFAULT_SEED,
    progress: Callable[[int, int], None] | None = None,
) -> SamplingPlan:
    """Plan the times of the readings of a run, so that its rate constants and breakpoints come out narrow.

    Parameters
    ----------
    fit : StagedFit or path, optional
        A fit of such a run, or its stored fit.json: what its intervals leave open is averaged over.
    rates_per_s, breakpoints_s : float or sequence of float
        Guesses where there is no fit: rate constants by stage, 1/s, and breakpoints, s after the addition.
    uncertainty : float
        Of these guesses, relative: rate constants are log-normal with this spread, breakpoints lie
        anywhere within it.
    amplitude, offset : float
        Signal at the addition over its end, and at its end (of guesses). A negative amplitude is growth.
    sd : float, optional
        Standard deviation of a reading; that of the fit, or 0.003.
    points : int, optional
        Readings to place; by default as many as the fit had, but between 30 and 120, and 30 of guesses.
    fastest_s, longest_s : float, optional
        Shortest time between two readings, of which all others are multiples, and the last reading, s. By
        default the last one is at twice the run of the fit, or near five time constants of the guessed
        decay; the shortest spacing is a 200th of that, or the spacing of the fit or a half, fifth,
        tenth ... of it, so that it is no longer.
    even_to_s : float, optional
        End of the run with even spacing that stands beside; that of the fit's readings, or three time
        constants of the guessed decay.
    simulations : int
        Simulated runs behind each stated number; fewer, from 6 on, where these show that the right verdict
        is unlikely. Each is fitted with the default options (or those of `fit`).
    rng : int
        Seed of all simulated numbers.
    progress : callable, optional
        Told how many of how many fits are done.

    Returns
    -------
    SamplingPlan

    Raises
    ------
    UsageError
        If the guesses are no staged decay, or the readings do not fit into the run.
    FitError
        If no two stages can be guessed from the fit.

    Notes
    -----
    Times are searched by the information matrix: amplitude and offset unknown, logarithm of the half-widths
    in the mean over the believed decays and over the worst tenth of these, under white noise and under
    noise that remembers two shortest spacings. That matrix promises too much (10-40 % for the published
    silver trace with 30 placed readings, 50-75 % with even ones), so every stated width comes from
    simulated fits. The first readings always stand at the shortest spacing.

    Examples
    --------
    >>> plan = plan_sampling(rates_per_s=(0.056, 0.019), breakpoints_s=20, simulations=1)
    >>> plan.blocks[0].from_s, plan.blocks[0].to_s, len(plan.times_s)
    (0.0, 3.0, 30)
    >>> plan.expected["k1"].half_width < plan.even["k1"].half_width
    True
    """
    guesses = np.atleast_1d(np.asarray([] if rates_per_s is None else rates_per_s, dtype=float)).tolist()
    breaks = np.atleast_1d(np.asarray(breakpoints_s, dtype=float)).tolist()
    if (fit is None) == (not guesses):
        raise UsageError(
            "give either a stored fit or guesses: --from FIT.json, or --k 0.056,0.019 --breakpoint 20"
        )
    stored = fit if fit is None or isinstance(fit, StagedFit) else StagedFit.from_json(fit)
    if simulations < 1:
        raise UsageError(f"simulations is {simulations}; at least 1 is needed")
    fitting: dict[str, Any] = {}
    remarks: tuple[Remark, ...] = ()
    if stored is None:
        noise = 0.003 if sd is None else sd
        belief = belief_of_numbers(
            guesses, breaks, uncertainty=uncertainty, amplitude=amplitude, offset=offset, sd=noise
        )
        if amplitude < 0:
            fitting["direction"] = "growth"
        end = belief.decayed_s(_DECAYED)
        grid = _grid(_round(belief.decayed_s(_SPANNED)), None, points, fastest_s, longest_s)
    else:
        belief, fitting, remarks = belief_of_fit(stored, sd=sd)
        times = np.unique(stored.trace.time_s)
        spacing, end = (float(f"{span:.6g}") for span in (np.diff(times).min(), np.ptp(times)))
        count = int(np.clip(times.size, *_POINTS)) if points is None else points
        grid = _grid(2 * end, spacing, count, fastest_s, longest_s)
    remarks = (*remarks, *_short(grid, belief))
    end = min(end, grid.longest_s) if even_to_s is None else even_to_s
    if not (math.isfinite(end) and end > 0):
        raise UsageError(f"even spacing to {end:g} s; it must be a positive number")
    return _planned(
        grid,
        belief,
        fitting,
        even_to=end,
        simulations=simulations,
        seed=rng,
        progress=progress or _silent,
        remarks=remarks,
    )


def _silent(done: int, total: int) -> None:
    """Say nothing."""


def _round(span: float) -> float:
    """Return a round number near a time."""
    decade = 10.0 ** math.floor(math.log10(span))
    return min((digit * decade for digit in _ROUND), key=lambda value: abs(math.log(value / span)))


def _grid(
    run: float, spacing: float | None, points: int | None, fastest: float | None, longest: float | None
) -> Grid:
    """Return what the instrument can do: as asked for, else by a run and the spacing of its readings."""
    longest = run if longest is None else longest
    if fastest is None:
        fastest = float(f"{longest / _TICKS:.6g}")
        if spacing is not None and fastest > 0:  # a coarse run does not show how fast its instrument is
            parts = spacing / fastest * (1 - 1e-5)
            decade = 10 ** max(math.ceil(math.log10(parts)) - 1, 0)
            whole = next(digit * decade for digit in (1, 2, 5, 10) if digit * decade >= parts)
            fastest = float(f"{spacing / whole:.6g}")
    for what, value in (("fastest", fastest), ("longest", longest)):
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{what} is {value:g} s; it must be a positive number")
    grid = Grid(_POINTS[0] if points is None else points, fastest, longest)
    grid.require_room()
    return grid


def _short(grid: Grid, belief: Belief) -> list[Remark]:
    """Return a remark where the longest run ends before most of the change."""
    share = belief.changed_at(grid.longest_s)
    if share >= _ENOUGH:
        return []
    text = (
        f"in {grid.longest_s:g} s only {100 * share:.2g} % of the change happens: ask for a longer run "
        f"(--longest, longest_s in Python); most of it takes {_round(belief.decayed_s(_SPANNED)):g} s"
    )
    return [Remark("run_short", text)]


def _planned(
    grid: Grid,
    belief: Belief,
    fitting: Mapping[str, Any],
    *,
    even_to: float,
    simulations: int,
    seed: int,
    progress: Callable[[int, int], None],
    remarks: tuple[Remark, ...],
) -> SamplingPlan:
    source = np.random.default_rng([seed, 0])
    theta = belief.draws(_DRAWS, source)
    blocks = best_blocks(grid, belief, theta, source)
    times, even = times_of(blocks), grid.even(even_to)
    runs, drawn = Runs(belief, fitting, seed), belief.draws(simulations, np.random.default_rng([seed, 1]))
    total = simulations * (3 if belief.n_stages == 2 else 2)
    widths, right = runs.fitted(times, drawn, lambda count: progress(count, total), ends=True)
    drawn = drawn[: len(right)]
    beside, even_right = runs.fitted(even, drawn, lambda count: progress(simulations + count, total))
    name = "chance of the verdict"
    chance, even_chance = share_of(right, name), share_of(even_right, f"{name}, even spacing")
    smallest = None
    if belief.n_stages == 2:
        if np.mean(right) >= WANTED:
            weak, folds = runs.weaker(drawn)
            found = runs.fitted(times, weak, lambda count: progress(2 * simulations + count, total))
            smallest = smallest_break(folds, np.array(found[1]), seed)
        else:
            reason = f"the change that is believed is found in {100 * np.mean(right):.0f} % of runs only"
            smallest = Estimate(name="smallest break found", value=None, reason=reason)
    progress(total, total)
    expected, even_widths = (
        _widths(belief, at, drawn, halves) for at, halves in ((times, widths), (even, beside))
    )
    return SamplingPlan(
        blocks=blocks,
        times_s=tuple(times.tolist()),
        expected=expected,
        even=even_widths,
        chance_of_verdict=chance,
        even_chance_of_verdict=even_chance,
        verdict=VERDICTS[belief.n_stages - 1],
        smallest_break=smallest,
        even_to_s=float(even_to),
        simulated=len(right),
        cost=_costs(grid, belief, theta, blocks=blocks, even_to=even_to, simulated=(expected, even_widths)),
        belief=belief,
        options={
            "points": grid.points,
            "fastest_s": grid.fastest_s,
            "longest_s": grid.longest_s,
            "fit": dict(fitting),
        },
        seed=seed,
        warnings=(
            *remarks,
            *_cautions(chance, expected, belief, lambda: _remedies(grid, belief, theta, blocks)),
        ),
    )


class Runs:
    """Simulated runs of what is believed, each fitted as a real one would be.

    Parameters
    ----------
    belief : Belief
        Of decay and noise.
    fitting : mapping
        Options of `fit_stages` beside its defaults.
    seed : int
        Of the noise: run i has the same for every set of as many times.
    """

    def __init__(self, belief: Belief, fitting: Mapping[str, Any], seed: int) -> None:
        self.belief, self.fitting, self.seed = belief, fitting, seed

    def weaker(self, theta: Array) -> tuple[Array, Array]:
        """Return the same decays with changes of rate from next to none to the whole, and these changes."""
        count = len(theta)
        whole = np.abs(np.log(theta[:, 2] / theta[:, 1]))
        shares = (np.arange(count) + 0.5) / count
        folds = np.log(_SMALLEST_FOLD) + shares * np.maximum(whole - np.log(_SMALLEST_FOLD), 0.0)
        weak = theta.copy()
        weak[:, 2] = theta[:, 1] * np.exp(np.sign(np.log(theta[:, 2] / theta[:, 1])) * folds)
        return weak, np.exp(folds)

    def fitted(
        self, time_s: Array, theta: Array, progress: Callable[[int], None], *, ends: bool = False
    ) -> tuple[Array, list[bool]]:
        """Return the half-widths (m, q) of one run of each decay, infinite where open, and right verdicts.

        If it `ends`, then when `FIRST` runs or more say that the right verdict is unlikely.
        """
        belief, wanted = self.belief, VERDICTS[self.belief.n_stages - 1]
        curves = belief.family.evaluate(time_s, theta)[0]
        widths = np.full((len(theta), len(belief.names)), np.inf)
        right = []
        for number, curve in enumerate(curves):
            noise = belief.noise(time_s, np.random.default_rng([self.seed, 2, number]))
            trace = Trace(time_s=time_s, absorbance=curve + noise)
            try:
                # the verdict is that of no number of stages demanded, and the numbers are there in any case
                verdict, numbers = judged(trace, belief.n_stages, number, **self.fitting)
            except CxKineticsError:  # a run that cannot be fitted tells nothing
                right.append(False)
            else:
                right.append(verdict == wanted)
                widths[number] = [half_width(estimate) for estimate in numbers]
            progress(number + 1)
            if ends and number + 1 >= FIRST and (share_of(right).high or 0.0) < WANTED:
                break
        return widths[: len(right)], right


def half_width(estimate: Estimate) -> float:
    """Return half the width of an interval, infinite where it is open."""
    if estimate.low is None or estimate.high is None:
        return math.inf
    return (estimate.high - estimate.low) / 2


def _widths(belief: Belief, time_s: Array, theta: Array, halves: Array) -> dict[str, Width]:
    """Return what half-widths (m, q) of runs of believed decays (m, p) say.

    For the median each is brought to the expected decay, by the ratio of the information matrices: runs of
    that decay alone, as many again, have the same median.
    """
    middle = np.vstack([belief.centre, theta])
    known = information_widths(time_s, middle, belief)
    there = halves * (known[0] / known[1:])
    # a nearest value: between an open interval and a closed one there is nothing to interpolate
    half = np.quantile(there, 0.5, axis=0, method="higher").tolist()
    tenth = np.quantile(halves, 0.9, axis=0, method="higher").tolist()
    found = {}
    for name, *values in zip(belief.names, half, tenth, *_median_ends(there), strict=True):
        closed = [value if math.isfinite(value) else None for value in values]
        unit = "s" if name.startswith("breakpoint") else "1/s"
        found[name] = Width(
            half_width=closed[0], worst_tenth=closed[1], unit=unit, low=closed[2], high=closed[3]
        )
    return found


def _median_ends(values: Array) -> tuple[list[float], list[float]]:
    """Return the 95 % interval of the median of each column: the runs that stand so far from the middle."""
    count = len(values)
    out = int(np.sum(bdtr(np.arange(count), count, 0.5) <= 0.025))  # runs beyond either end
    if not out:
        return [math.nan] * values.shape[1], [math.nan] * values.shape[1]
    order = np.sort(values, axis=0)
    return order[out - 1].tolist(), order[count - out].tolist()


def share_of(right: Sequence[bool], name: str = "share") -> Estimate:
    """Return a share of runs with its exact (Clopper-Pearson) interval.

    Examples
    --------
    >>> print(share_of([True] * 38 + [False] * 2))
    0.950 [0.831, 0.994]
    """
    n, found = len(right), sum(right)
    low = float(betaincinv(found, n - found + 1, 0.025)) if found else 0.0
    high = float(betaincinv(found + 1, n - found, 0.975)) if found < n else 1.0
    return Estimate(name=name, value=found / n, low=low, high=high, method="Clopper-Pearson")


def smallest_break(folds: Array, found: Array, seed: int) -> Estimate:
    """Return the change of rate from which on breaks are found in 80 % of runs.

    The chance rises with the change and has no other form (isotonic regression); the interval is that of
    resampled runs.

    Parameters
    ----------
    folds : Array, shape (n,)
        Changes of rate of the runs.
    found : Array, shape (n,)
        Whether the verdict was right.
    seed : int
        Of the resampling.

    Examples
    --------
    >>> folds = np.linspace(1.1, 3.0, 20)
    >>> smallest_break(folds, folds > 1.55, 1).value
    1.6
    """
    order = np.argsort(folds, kind="stable")
    folds, found = folds[order], found[order].astype(float)

    def least(x: Array, y: Array) -> float:
        total = np.concatenate([[0.0], np.cumsum(y)])
        count = np.arange(total.size)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (total[None, 1:] - total[:-1, None]) / (count[None, 1:] - count[:-1, None])
        means[np.tril_indices_from(means, -1)] = np.inf  # of no runs
        rising = np.maximum.accumulate(means.min(axis=1))
        above = np.flatnonzero(rising >= WANTED)
        return float(x[above[0]]) if above.size else math.inf

    value = least(folds, found)
    source = np.random.default_rng([seed, 3])
    rows = np.sort(source.integers(0, folds.size, (_RESAMPLED, folds.size)), axis=1)
    again = np.array([least(folds[row], found[row]) for row in rows])
    low, high = np.quantile(again, [0.025, 0.975], method="nearest").tolist()
    method, name = f"isotonic regression of {folds.size} runs", "smallest break found"
    if not math.isfinite(value):
        reason = f"a {folds[-1]:.3g}-fold change, the largest that was tried, is found in less than 80 %"
        shown = low if math.isfinite(low) else None
        return Estimate(name=name, value=None, low=shown, method=method, reason=reason)
    closed = math.isfinite(high)
    return Estimate(
        name=name,
        value=value,
        low=low,
        high=high if closed else None,
        method=method,
        reason="" if closed else f"nothing above {folds[-1]:.3g}-fold was tried",
    )


def _costs(
    grid: Grid,
    belief: Belief,
    theta: Array,
    *,
    blocks: Sequence[Block],
    even_to: float,
    simulated: tuple[Mapping[str, Width], Mapping[str, Width]],
) -> tuple[Cost, ...]:
    """Return what other numbers of readings give: by information, in proportion to the simulated fits."""

    def expected(time_s: Array) -> Array:
        widths: Array = information_widths(time_s, belief.centre[None], belief)[0]
        return widths

    source = np.random.default_rng(0)  # places drawn only where blocks are sought anew
    by_count: dict[int, tuple[Array, Array]] = {}
    for count in sorted({grid.points, *(round(share * grid.points) for share in _SHARES)}):
        other = Grid(count, grid.fastest_s, grid.longest_s)
        try:
            other.require_room()
        except UsageError:
            continue
        here = blocks if count == grid.points else best_blocks(other, belief, theta, source, near=blocks)
        by_count[count] = expected(times_of(here)), expected(other.even(even_to))
    scales = [
        np.array([math.nan if w.half_width is None else w.half_width for w in known.values()]) / at
        for known, at in zip(simulated, by_count[grid.points], strict=True)
    ]
    return tuple(
        Cost(
            n_points=count,
            placed=dict(zip(belief.names, (placed * scales[0]).tolist(), strict=True)),
            even=dict(zip(belief.names, (even * scales[1]).tolist(), strict=True)),
        )
        for count, (placed, even) in by_count.items()
    )


def _cautions(
    chance: Estimate, expected: Mapping[str, Width], belief: Belief, remedies: Callable[[], str]
) -> list[Remark]:
    """Return remarks on a verdict that is unlikely and on open intervals, and what would help."""
    found = []
    if chance.value is not None and chance.value < WANTED:
        found.append(
            ("verdict_unlikely", f"only {chance.value:.0%} of such runs would get the right verdict")
        )
    if open_ends := [name for name, width in expected.items() if width.half_width is None]:
        text = f"the interval of {', '.join(open_ends)} stays open in most runs"
        found.append(("interval_open", text))
    if not found:
        return []
    why = f"noise of {100 * belief.sd / abs(belief.amplitude):.2g} % of the amplitude"
    if belief.n_stages > 1:
        fold = math.exp(np.abs(np.diff(np.log(belief.rates_per_s))).min())
        why = f"a {fold:.3g}-fold change of rate under {why} is hard to see"
    code, last = found.pop()
    return [*(Remark(*pair) for pair in found), Remark(code, f"{last} ({why}); {remedies()}")]


def _remedies(grid: Grid, belief: Belief, theta: Array, blocks: Sequence[Block]) -> str:
    """Return by how much more readings, a longer run and less noise would narrow the intervals."""
    source = np.random.default_rng(0)

    def known(within: Grid) -> Array:
        here = blocks if within is grid else best_blocks(within, belief, theta, source, near=blocks)
        widths: Array = np.log(information_widths(times_of(here), belief.centre[None], belief)[0])
        return widths

    told = {
        f"twice the readings (--points {2 * grid.points})": Grid(
            2 * grid.points, min(grid.fastest_s, grid.longest_s / (4 * grid.points)), grid.longest_s
        ),
        f"a run twice as long (--longest {2 * grid.longest_s:g})": replace(
            grid, longest_s=2 * grid.longest_s
        ),
    }
    now = known(grid)
    gains = [f"{math.exp(np.mean(now - known(other))):.2f}-fold with {how}" for how, other in told.items()]
    return (
        f"by the information matrix, intervals would be narrower {' and '.join(gains)}, and 2-fold with half "
        "the noise (a longer average, another wavelength)"
    )
