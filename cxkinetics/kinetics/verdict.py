"""The verdict: the models set against each other, and what they say together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cxkinetics.annexes import declared
from cxkinetics.arrays import Array
from cxkinetics.errors import FitError, UnresolvedBreakpointError
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.inference.ar1 import Sample, whitening
from cxkinetics.inference.criteria import AHEAD, ALIKE, FAR_AHEAD, FURTHER_LEVEL, LEVEL, is_smallest
from cxkinetics.inference.variance import without_spread
from cxkinetics.kinetics.break_test import BreakTest, break_test
from cxkinetics.kinetics.checks import holds_zero
from cxkinetics.kinetics.intervals import Numbers
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import Fitted, gradual_fit, staged_fit, tangent
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.pairs import alternatives_of, diluted_contender, in_words, wander_of
from cxkinetics.kinetics.result import Alternative, Verdict
from cxkinetics.kinetics.rivals import (
    Contender,
    drift_contender,
    law_contenders,
    smooth_contenders,
    staged_contender,
    step_contender,
)
from cxkinetics.kinetics.scales import OFFSET
from cxkinetics.kinetics.search import (
    FEWEST_FOR_START,
    Found,
    on_clock,
    search_single,
    search_staged,
    with_start,
    without_start,
)
from cxkinetics.models.families import StartingFamily
from cxkinetics.models.laws import LAWS
from cxkinetics.signals.screening import find_steps


@dataclass(slots=True, eq=False)
class Analysis:
    """All fits of one sample.

    Attributes
    ----------
    sample, options
        What was analysed and how.
    variants : dict
        Per number of stages, the variants without and with a fitted offset that the options admit.
    smooth : list of Contender
        Smooth rivals.
    test, further_test : BreakTest or None
        Of one break against none, and of a second break against one.
    drift : Contender or None
        Two stages on a drifting baseline, where a third stage would gain.
    asked : list of Contender
        Stages that the options ask to see and the verdict does not rest on.
    smooth_asked : list of Contender
        The variants of a smooth model that the options ask to see and the ranking did not need.
    plain : list of Contender
        The stages to show by plain least squares, where the verdict says that none hold.
    singles : dict
        One exponential in white noise, without and with a fitted offset: where searches start.
    step : Contender or None
        One exponential whose level steps, where that could be what bends the trace.
    gradual : list of Contender
        Two stages whose switch takes time, the variants as for a break.
    """

    sample: Sample
    options: FitOptions
    variants: dict[int, list[Contender]] = field(default_factory=dict)
    smooth: list[Contender] = field(default_factory=list)
    test: BreakTest | None = None
    further_test: BreakTest | None = None
    drift: Contender | None = None
    step: Contender | None = None
    asked: list[Contender] = field(default_factory=list)
    smooth_asked: list[Contender] = field(default_factory=list)
    plain: list[Contender] = field(default_factory=list)
    singles: dict[bool, Found] = field(default_factory=dict)
    gradual: list[Contender] = field(default_factory=list)

    @property
    def as_judged(self) -> bool:
        """Whether what is shown is what the verdict rests on."""
        return not (self.asked or self.plain)

    def shown(self, n_stages: int) -> Contender | None:
        """Return the variant to show: without a fitted offset unless that gains `ALIKE` in AICc."""
        return min(
            self._of(n_stages),
            key=lambda v: (
                v.aicc + (ALIKE if v.fitted.family.with_offset else 0.0),
                0.0 if v.comparable else v.fitted.found.rss,
            ),
            default=None,
        )

    def widest(self, n_stages: int) -> Contender | None:
        """Return the variant that gives the intervals: the one with the offset fitted, where it exists.

        An interval from the variant that AICc chose would forget the choice and cover too rarely.
        """
        variants = [v for v in self._of(n_stages) if v.comparable]
        return max(variants, key=lambda v: v.fitted.family.with_offset, default=self.shown(n_stages))

    def switching(self, hard: Fitted) -> Fitted | None:
        """Return the fit with a gradual switch beside one with a break; None where none was made."""
        of_offset = (v.fitted for v in self.gradual if v.fitted.family.with_offset == hard.family.with_offset)
        return next(of_offset, None) if _breaks_once(hard) else None

    def _of(self, n_stages: int) -> list[Contender]:
        asked = [v for v in self.plain or self.asked if v.fitted.family.n_stages == n_stages]
        return asked or self.variants.get(n_stages, [])

    def contenders(self) -> list[Contender]:
        """Return every contender once: smooth rivals and staged models of two stages or more."""
        staged = [v for n_stages, variants in self.variants.items() if n_stages > 1 for v in variants]
        known = {contender.model for contender in staged}
        staged += [v for v in self.asked if v.fitted.family.n_stages > 1 and v.model not in known]
        smooth = [*self.smooth, *self.smooth_asked]
        return [*smooth, *staged, *self.gradual, *(c for c in (self.drift, self.step) if c)]


def analyse(
    sample: Sample,
    options: FitOptions,
    rng: np.random.Generator,
    *,
    single: Found | None = None,
    broken: Found | None = None,
) -> Analysis:
    """Fit everything to a sample that a verdict rests on, whatever the options ask to see.

    Parameters
    ----------
    sample : Sample
        Data, outliers excluded and a given offset subtracted.
    options : FitOptions
        Offset, noise, joints, demanded stages.
    rng : numpy.random.Generator
        Source of the simulated test.
    single : Found, optional
        One exponential in white noise, where it is known.
    broken : Found, optional
        Two stages found with constant weights: where their search starts.

    Raises
    ------
    UnresolvedBreakpointError
        If demanded stages cannot be held by the data at all.
    """
    demanded = options.demanded
    if demanded is not None and sample.n < MIN_DISTINCT * demanded:
        raise UnresolvedBreakpointError(
            f"{demanded} stages need {MIN_DISTINCT} distinct times each, {MIN_DISTINCT * demanded} "
            f"in all; the data hold {sample.n}; fit fewer stages or measure more points"
        )
    analysis = Analysis(sample, options)
    rival_offsets = (True,) if options.direction == "growth" else (False, True)
    if options.offset_sd is not None:  # the blank gives every model one
        rival_offsets = (False,)
    analysis.smooth = smooth_contenders(sample, ar1=options.ar1, offsets=rival_offsets)
    analysis.singles = _singles(sample, options, single)
    for n_stages in (1, 2):
        analysis.variants[n_stages] = _variants(
            sample,
            n_stages,
            analysis.singles,
            options.ar1,
            warm=broken if n_stages == 2 else None,
            start_up=options.starts,
        )
    _switch(analysis)
    _test_breaks(analysis, rng)
    _add_laws(analysis, rival_offsets)
    _start_rivals(analysis, rival_offsets)
    alone, two = analysis.widest(1), analysis.widest(2)
    if alone is not None and two is not None and two.comparable:
        step = step_contender(alone.fitted, two.fitted, least=STEPPED)
        near = step is not None and step.aicc - min(v.aicc for v in analysis.variants[2]) < AHEAD
        analysis.step = step if near else None
    return analysis


STEPPED = 16.0
"""F of a step in the level from which one exponential with it is fitted: chance makes one, at whatever place,
in one trace of a hundred."""


STARTS = 1.0
"""Gain of a start-up time, in -2 ln L of a staged model, from which it is fitted in the rivals too."""


def _start_rivals(analysis: Analysis, offsets: Sequence[bool]) -> None:
    """Give the smooth rivals the start-up times that staged models found, where these gain by them."""
    found = [v.fitted.found for variants in analysis.variants.values() for v in variants]
    times = {
        float(f.theta[f.family.tau])
        for f in found
        if isinstance(f.family, StartingFamily) and f.start_gain > STARTS
    }
    known, ar1 = {contender.model: contender for contender in analysis.smooth}, analysis.options.ar1
    for tau in _apart(sorted(times)):
        sample = on_clock(analysis.sample, tau)
        others = smooth_contenders(sample, ar1=ar1, offsets=offsets)
        if any(smooth.model.removesuffix(OFFSET) in LAWS for smooth in known.values()):
            staged = [v for variants in analysis.variants.values() for v in variants]
            others += law_contenders(sample, ar1=ar1, offsets=offsets, known=[*others, *staged])
        for other in others:
            if other.model not in known or other.aicc < known[other.model].aicc:
                told = {**other.parameters, "tau": tau * sample.span_s}
                known[other.model] = replace(other, parameters=told)
    analysis.smooth = list(known.values())


def _apart(times: Sequence[float]) -> list[float]:
    """Return those of ascending times that differ by a tenth at least."""
    kept: list[float] = []
    for time in times:
        if not kept or time > 1.1 * kept[-1]:
            kept.append(time)
    return kept


def _add_laws(analysis: Analysis, offsets: Sequence[bool]) -> None:
    """Fit the laws that bend, unless one exponential is as good as every model that bends or breaks."""
    known = [c for c in analysis.contenders() if c.comparable and c.kind != "drift"]
    exponential = min((c.aicc for c in known if c.kind == "exponential"), default=None)
    if exponential is None or exponential - min(c.aicc for c in known) < ALIKE:
        return
    laws = law_contenders(analysis.sample, ar1=analysis.options.ar1, offsets=offsets, known=known)
    analysis.smooth += laws


def fit_asked(analysis: Analysis, n_stages: int, *, least_squares: bool = False) -> None:
    """Fit what the options ask to see of `n_stages` stages, where the verdict did not need it.

    Parameters
    ----------
    analysis : Analysis
        All fits; takes up the new ones.
    n_stages : int
        Stages to show.
    least_squares : bool
        Show the curves of plain least squares: where stages do not hold, their residuals are misfit,
        and a correlation estimated from these draws the curve away from the data.

    Raises
    ------
    UnresolvedBreakpointError
        If a stage between given breakpoints would hold too few points.
    """
    sample, options = analysis.sample, analysis.options
    continuous = options.joint == "continuous" or n_stages == 1
    singles, given, known = analysis.singles, None, []
    if options.breakpoints_s is not None:
        given = (np.array(options.breakpoints_s) - sample.first_s) / sample.span_s
    elif continuous:
        known = analysis.variants.get(n_stages, [])
    offsets = [v.fitted.family.with_offset for v in known]
    missing = {offset: single for offset, single in singles.items() if offset not in offsets}
    fitted = _variants(
        sample, n_stages, missing, options.ar1, continuous=continuous, given=given, wanted=not known
    )
    analysis.asked = [*known, *fitted] if fitted else []  # else it is what the verdict rests on
    if least_squares and options.ar1:
        plain = without_spread(sample)
        alone = singles if plain is sample else _singles(plain, options, None)
        analysis.plain = _variants(
            plain, n_stages, alone, False, continuous=continuous, given=given, wanted=True
        )


def smooth_asked(analysis: Analysis, model: str) -> Contender:
    """Return the variant to show of a smooth model, by its name in the ranking, fitted where it was not.

    With a fitted offset where that gains `ALIKE` in AICc, unless the name or the options say it.

    Raises
    ------
    FitError
        If the data hold too few times for it.
    """
    options, sample = analysis.options, analysis.sample
    name = model.removesuffix(OFFSET)
    choice = (True,) if name != model or options.offset == "fit" else _offsets(options)
    wanted = {f"{name}{OFFSET}" if offset else name for offset in choice}
    ranked = [c for c in analysis.smooth if c.model in wanted]
    if len(ranked) < len(wanted):
        fitted = smooth_contenders(sample, ar1=options.ar1, offsets=choice, names=(name,))
        known = {c.model for c in ranked}
        analysis.smooth_asked = [c for c in fitted if c.model not in known]
        ranked += analysis.smooth_asked
    if not ranked:
        raise FitError(f"{model} could not be fitted to {sample.n} distinct times; choose a plainer model")
    return min(ranked, key=lambda c: c.aicc + (ALIKE if c.model.endswith(OFFSET) else 0.0))


def _singles(sample: Sample, options: FitOptions, known: Found | None) -> dict[bool, Found]:
    """Return one exponential in white noise for each offset variant, the known one taken over."""
    white = whitening(sample, 0.0)
    return {
        offset: known
        if known is not None and known.family.with_offset == offset
        else search_single(sample, white, with_offset=offset)
        for offset in _offsets(options)
    }


def _offsets(options: FitOptions) -> tuple[bool, ...]:
    """Return the offset variants that the options admit (a given offset is already subtracted)."""
    if options.given_offset is not None:
        return (False,)
    if options.offset == "fit" or options.direction == "growth":
        return (True,)
    return (False, True)


def _variants(
    sample: Sample,
    n_stages: int,
    singles: dict[bool, Found],
    ar1: bool,
    *,
    continuous: bool = True,
    given: Array | None = None,
    wanted: bool = False,
    fewer: Found | None = None,
    warm: Found | None = None,
    start_up: bool = False,
) -> list[Contender]:
    if sample.n < MIN_DISTINCT * n_stages:
        return []
    variants = []
    for number, (with_offset, single) in enumerate(singles.items()):
        parameters = (2 * n_stages if continuous else 3 * n_stages - 1) + with_offset
        if sample.n <= parameters and not (wanted and number == 0):
            continue
        fitted = staged_fit(
            sample,
            n_stages=n_stages,
            with_offset=with_offset,
            ar1=ar1,
            continuous=continuous,
            single=single,
            given=given,
            fewer=fewer if fewer is not None and fewer.family.with_offset == with_offset else None,
            warm=warm if warm is not None and warm.family.with_offset == with_offset else None,
            start_up=start_up and continuous and given is None and sample.n >= FEWEST_FOR_START,
        )
        variants.append(staged_contender(fitted))
    return variants


def _test_breaks(analysis: Analysis, rng: np.random.Generator) -> None:
    """Simulate the test of one break and, where a third stage could matter, of a second one."""
    sample, options, singles = analysis.sample, analysis.options, analysis.singles
    with_offset = list(singles)[-1]
    fits = [v.fitted for v in analysis.variants.get(2, []) if v.fitted.family.with_offset == with_offset]
    if not fits and sample.n >= max(2 * MIN_DISTINCT, 5 + with_offset):
        fits = [staged_fit(sample, n_stages=2, with_offset=with_offset, ar1=options.ar1)]
    if not fits or not _testable(fits[0]):
        return
    alternative = fits[0]
    null = _started(alternative, search_single(sample, alternative.white, with_offset=with_offset))
    analysis.test = break_test(
        null, alternative, n_replicates=options.replicates, rng=rng, wander=LEVEL if options.wanders else 0.0
    )
    best = analysis.shown(2)
    if best is None or sample.n < 3 * MIN_DISTINCT:
        return
    with_offset = best.fitted.family.with_offset
    if sample.n <= 6 + with_offset + 2:
        return
    # an offset that two stages want may only stand in for a third one
    tried = {offset: found for offset, found in singles.items() if offset <= with_offset}
    fewer = best.fitted.found
    analysis.variants[3] = _variants(sample, 3, tried, options.ar1, fewer=fewer, start_up=options.starts)
    third = analysis.shown(3)
    if third is None or not best.aicc - third.aicc >= AHEAD or not _testable(third.fitted):
        return
    analysis.drift = None if sample.n_free else drift_contender(best.fitted)
    with_offset = third.fitted.family.with_offset
    two = next(v.fitted for v in analysis.variants[2] if v.fitted.family.with_offset == with_offset)
    plain = search_staged(sample, third.fitted.white, with_offset=with_offset, warm=without_start(two.found))
    null = _started(third.fitted, plain)
    analysis.further_test = break_test(
        null,
        third.fitted,
        n_replicates=options.replicates,
        rng=rng,
        wander=FURTHER_LEVEL if options.wanders else 0.0,
    )


def _breaks_once(fitted: Fitted) -> bool:
    family = fitted.family
    return isinstance(family, StartingFamily) and family.n_stages == 2 and not fitted.given_breaks


def _switch(analysis: Analysis) -> None:
    """Fit gradual switches, where a break is not far behind one exponential, or is asked for."""
    variants = [v for v in analysis.variants.get(2, []) if _breaks_once(v.fitted)]
    single = min((c.aicc for c in analysis.smooth if c.kind == "exponential"), default=np.inf)
    if analysis.options.demanded != 2 and not any(v.aicc < single for v in variants):
        return
    for variant in (analysis.widest(2), analysis.shown(2)):
        fitted = (
            None if variant is None or analysis.switching(variant.fitted) else gradual_fit(variant.fitted)
        )
        if fitted is not None:
            analysis.gradual.append(staged_contender(fitted))


def _started(fitted: Fitted, null: Found) -> Found:
    """Return a null model with a start-up time of its own, where the alternative has one."""
    if not isinstance(fitted.family, StartingFamily):
        return null
    return with_start(fitted.sample, fitted.white, null, null, 0.0)


def _testable(fitted: Fitted) -> bool:
    return fitted.sample.n - fitted.n_parameters >= 3


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules are applied to: the best of each kind of model, and the tests.

    `three`, `bent` and `general` (a smooth rate of no mechanism) are None where no such model could be
    compared; `rate` is that of one stage, where its interval might hold zero; `numbers` works out those of
    so many stages.
    """

    analysis: Analysis
    exponential: Contender
    bent: Contender | None
    general: Contender | None
    two: Contender
    three: Contender | None
    p_value: float
    rate: Estimate | None
    numbers: Callable[[int], Numbers]

    @property
    def curved(self) -> list[Contender]:
        """The best curved models."""
        return [c for c in (self.bent, self.general) if c is not None]

    @property
    def smooth(self) -> Contender:
        """The best model without a break."""
        return _least([self.exponential, *self.curved])

    @property
    def family(self) -> Contender | None:
        """The curved model to name: a smooth rate only where it leads every law by enough to count."""
        if self.bent and self.general and self.general.aicc <= self.bent.aicc - AHEAD:
            return self.general
        return self.bent or self.general

    @property
    def likelier(self) -> Contender | None:
        """The better of stages and a smooth curve, where neither leads by enough to count."""
        return self.analysis.shown(2) if self.lead >= 0 else self.smooth

    @property
    def lead(self) -> float:
        """AICc of the best smooth model over that of two stages."""
        return self.smooth.aicc - self.two.aicc

    @property
    def hard_lead(self) -> float:
        """The same over that of two stages with a break; a gradual switch is left out."""
        known = [v.aicc for v in self.analysis.variants.get(2, []) if v.comparable]
        return self.smooth.aicc - min(known, default=self.two.aicc)

    @property
    def gap(self) -> float:
        """AICc of one exponential over the best curved or two-stage model (a third has a rule of its own)."""
        return self.exponential.aicc - _least([*self.curved, self.two]).aicc

    @property
    def step(self) -> Contender | None:
        """One exponential with a step in its level, where it explains all that bends or breaks."""
        step = self.analysis.step
        if step is None or not step.comparable or self.exponential.aicc - step.aicc < 2 * AHEAD:
            return None
        stages = _least([self.two, *([self.three] if self.three else [])])
        ahead = all(step.aicc <= curved.aicc for curved in self.curved)
        return step if ahead and step.aicc - stages.aicc < AHEAD else None

    @property
    def drifting(self) -> Contender | None:
        """One exponential on a drifting baseline, where it and two stages explain the trace alike."""
        drift = self.bent
        if drift is None or not drift.model.startswith("exponential + drift"):
            return None
        alike = abs(drift.aicc - self.two.aicc) < AHEAD and drift.aicc - self.smooth.aicc < AHEAD
        return drift if alike and self.exponential.aicc - drift.aicc >= AHEAD else None

    @property
    def strays(self) -> bool:
        """Whether slow wander of the baseline could make the break."""
        test = self.analysis.test
        return test is not None and test.wander_p is not None and test.wander_p > LEVEL

    @property
    def chance(self) -> str:
        """The p-value of a break, in words."""
        test = self.analysis.test
        assert test is not None
        smallest = is_smallest(test.p_value, test.n_replicates)
        shown = f"p <= {test.p_value:.2g}" if smallest else format_p(test.p_value)
        free = f"; {format_p(test.seed_free_p)} by the tube formula" if smallest else ""
        return f"{shown} ({test.n_replicates} simulated traces, F = {test.statistic:.1f}{free})"


def _case_of(analysis: Analysis, rate: Estimate | None, numbers: Callable[[int], Numbers]) -> _Case | None:
    """Return the case; None where the data are too few to compare two stages with one, or to test."""

    def best(contenders: Sequence[Contender]) -> Contender | None:
        return min((c for c in contenders if c.comparable), key=lambda c: c.aicc, default=None)

    smooth = analysis.smooth
    exponential = best([c for c in smooth if c.kind == "exponential"])
    two, test = best([*analysis.variants.get(2, []), *analysis.gradual]), analysis.test
    if exponential is None or two is None or test is None:
        return None
    return _Case(
        analysis=analysis,
        exponential=exponential,
        bent=best([c for c in smooth if c.kind == "curved"]),
        # a free rate follows any wander: it counts where a break would, and there it stands against one
        general=best([c for c in smooth if c.kind == "rate"]) if test.p_value <= LEVEL else None,
        two=two,
        three=best(analysis.variants.get(3, [])),
        p_value=test.p_value,
        rate=rate,
        numbers=numbers,
    )


SLIGHT = 1.1
"""Ratio of two neighbouring rates within which they are nearly equal: a stage needs a larger change, shown
by the whole 95 % interval of the ratio."""
TURNED = 2 * FAR_AHEAD
"""AICc by which three stages must lead where their rates fall and rise, or rise and fall."""
TWO_SIDED = 1.96
"""Standard errors on either side of a 95 % interval."""


def _three_lead(case: _Case) -> bool:
    third, further, drift = case.three, case.analysis.further_test, case.analysis.drift
    return (
        third is not None
        and further is not None
        and case.p_value <= LEVEL
        and min(case.smooth.aicc, case.two.aicc) - third.aicc >= FAR_AHEAD
        and further.p_value <= FURTHER_LEVEL
        and not case.strays
        and not case.step
        and (further.wander_p is None or further.wander_p <= FURTHER_LEVEL)
        and (drift is None or drift.aicc - third.aicc >= AHEAD)
    )


def _three_hold(case: _Case) -> bool:
    if not _three_lead(case) or case.three is None or _no_stages(case, 3):
        return False
    fitted = case.three.fitted
    steps = np.sign(np.diff(fitted.theta[fitted.family.rates]))
    turned = bool(np.any(steps[1:] != steps[:-1]))
    return not turned or min(case.smooth.aicc, case.two.aicc) - case.three.aicc >= TURNED


def _two_lead(case: _Case) -> bool:
    return case.p_value <= LEVEL and case.lead >= AHEAD


def _two_hold(case: _Case) -> bool:
    return _two_lead(case) and not case.strays and not case.step and not _no_stages(case, 2)


BESIDE = 3
"""Gaps between a step and a breakpoint that a start-up time or a bend may make of it."""


def _added(case: _Case) -> tuple[float, float, float] | None:
    """Return the step at which the first of the stages that hold ends without a rate: before, after, height.

    Where the moment of the addition is not known, that may have been it.
    """
    n_stages = 3 if _three_hold(case) else 2 if _two_hold(case) else 0
    if not n_stages or case.analysis.options.t0 is not None:
        return None
    numbers, sample = case.numbers(n_stages), case.analysis.sample.every
    at = numbers.breakpoint(1).value
    if at is None or not holds_zero(numbers.rate(1)):
        return None
    started = numbers.start_up()
    at += 0.0 if started is None else started.value or 0.0  # on the clock of the trace
    time = sample.time * sample.span_s + sample.first_s
    for after, height in find_steps(time, sample.signal * sample.scale):
        near = BESIDE * (time[after] - time[after - 1])
        if time[after - 1] - near <= at <= time[after] + near:
            return float(time[after - 1]), float(time[after]), height
    return None


def _say_added(case: _Case) -> str:
    added = _added(case)
    assert added is not None
    before, after, height = added
    return (
        f"Cannot be told: the level steps by {height:+.3g} between {before:g} and {after:g} s, and before it "
        f"nothing changes. An addition there leaves no stage before it; where the reagent was there from the "
        f"start, it is a stage faster than the readings. --t0 {after:g} (t0={after:g}) counts from the step, "
        f"--t0 0 says that all was there at the clock's zero."
    )


def _no_stages(case: _Case, n_stages: int) -> str:
    """Return why pieces of a decay are no first-order stages: a rate below zero, or nearly equal rates."""
    shown, wide = case.analysis.shown(n_stages), case.analysis.widest(n_stages)
    assert shown is not None
    assert wide is not None
    gradual = [case.two] if n_stages == 2 and any(case.two is c for c in case.analysis.gradual) else []
    for fitted in (shown.fitted, *(c.fitted for c in gradual)):
        rates = fitted.theta[fitted.family.rates]
        error = np.sqrt(np.maximum(np.diag(fitted.covariance)[fitted.family.rates], 0.0))
        rising = np.flatnonzero(rates + TWO_SIDED * error < 0)
        if rising.size:
            found = float(rates[rising[0]]) / fitted.sample.span_s
            return f"k{rising[0] + 1} = {found:.3g} 1/s lies below zero with its whole interval"
    if n_stages == 2 and _two_lead(case):
        for number in (1, 2):  # a stage of a few readings, which has no standard error to speak of
            rate = case.numbers(2).rate(number)
            if rate.value is not None and rate.high is not None and rate.high < 0:
                return f"k{number} = {rate} lies below zero with its whole interval"
    for number in range(1, n_stages):
        low, high = rate_change(wide.fitted, number)
        if low < SLIGHT and high > 1 / SLIGHT:
            return (
                f"k{number}/k{number + 1} lies in [{low:.3g}, {high:.3g}] and may be within "
                f"{100 * (SLIGHT - 1):.0f} % of one: nearly equal rates"
            )
    return ""


def rate_change(fitted: Fitted, number: int) -> tuple[float, float]:
    """Return the 95 % interval of k_number/k_(number + 1) by Fieller's theorem; infinite where it is open.

    Reference: E. C. Fieller, J. R. Stat. Soc. B 16, 175 (1954), doi 10.1111/j.2517-6161.1954.tb00159.x.
    """
    first = fitted.family.rates.start + number - 1
    upper, under = fitted.theta[first : first + 2].tolist()
    variance = TWO_SIDED**2 * fitted.covariance[first : first + 2, first : first + 2]
    square, mixed = under**2 - variance[1, 1], upper * under - variance[0, 1]
    root = math.sqrt(max(mixed**2 - square * (upper**2 - variance[0, 0]), 0.0))
    if square > 0:
        return float((mixed - root) / square), float((mixed + root) / square)
    if upper**2 > variance[0, 0]:  # the lower of the two may be zero: the ratio has no upper end
        return float((mixed - root) / square), math.inf
    return -math.inf, math.inf


def _say_three(case: _Case) -> str:
    third, further, numbers = case.three, case.analysis.further_test, case.numbers(3)
    assert third is not None
    assert further is not None
    at = " and at ".join(numbers.breakpoint(j).format_value() for j in (1, 2))
    rates = ", ".join(f"k{j} {numbers.rate(j).format_value()}" for j in (1, 2, 3))
    return (
        f"Three stages: the rate changes at {at} s ({rates} 1/s). A break against one exponential has "
        f"{case.chance}, a second break {format_p(further.p_value)}; AICc of three stages lies "
        f"{case.two.aicc - third.aicc:.1f} below two stages and "
        f"{case.smooth.aicc - third.aicc:.1f} below the best smooth curve ({case.smooth.model})."
    )


def _say_two(case: _Case) -> str:
    return (
        f"Two stages: {_change(case.numbers(2))} A break against one exponential has {case.chance}, "
        f"and AICc lies {case.lead:.1f} below the best smooth curve ({case.smooth.model}; {AHEAD:g} needed)."
    ) + _why_not_three(case)


def _change(numbers: Numbers) -> str:
    """Return how large the change of rate is, when, between which rates, and how fast it came."""
    at, (first, second), width = numbers.breakpoint(1), (numbers.rate(j) for j in (1, 2)), numbers.width
    said = (
        f"the rate {_fold(numbers.ratio())} at {at.format_value()} s "
        f"(k1 {first.format_value()}, k2 {second.format_value()} 1/s)."
    )
    if width is None:
        return said
    if width.low:
        how = f"The change is gradual, it takes {width} (10 to 90 %): the time is that of its middle."
    elif width.high is None:
        how = "How fast it came, the data do not bound."
    else:
        how = f"The change takes {width.high:.2g} s at most: abrupt, or faster than the data can tell."
    return f"{said} {how}"


def _fold(ratio: Estimate) -> str:
    """Return by how much a rate falls or rises, with the interval."""
    value, low, high = ratio.value, ratio.low, ratio.high
    if value is None or value <= 0:
        return "changes"
    if value < 1 and (low is None or low > 0):
        low, high = (1 / end if end else None for end in (high, low))
        ratio = replace(ratio, value=1 / value, se=None, pieces=(), low=low, high=high)
    shown = str(ratio).partition(" ")
    return f"{'rises' if value < 1 else 'falls'} {shown[0]}-fold{shown[1]}{shown[2]}"


def _bends_without_break(case: _Case) -> bool:
    ahead = case.exponential.aicc - case.smooth.aicc >= AHEAD
    # pieces that are no stages, such as two straight lines, may fit as well, but not clearly better
    rival = case.hard_lead <= 0 or (case.lead < AHEAD and bool(_no_stages(case, 2)))
    rival = rival and case.lead < AHEAD  # a gradual switch may be ahead where no break is
    return bool(case.curved) and ahead and rival


def _say_smooth(case: _Case) -> str:
    bent = case.family
    assert bent is not None
    above, gain = case.two.aicc - bent.aicc, case.exponential.aicc - bent.aicc
    return (
        f"The rate changes smoothly: {_article(bent.model)} without any break describes the run. No "
        f"breakpoint is established: AICc lies {gain:.1f} below one exponential and "
        f"{abs(above):.1f} {'below' if above >= 0 else 'above'} a broken decay ({case.chance} says only that "
        f"it is not one exponential). {_say_misfit(case.analysis)}"
    )


def _say_misfit(analysis: Analysis) -> str:
    """Return how far one exponential lies from the readings: what is sure may be too small to matter."""
    found = next(reversed(analysis.singles.values()))  # with an offset where one may be
    rest, _ = tangent(analysis.sample.every, found)
    percent = 100 * float(np.sqrt(np.mean(rest**2)) / np.ptp(analysis.sample.every.signal))
    rate = float(found.theta[1]) / analysis.sample.span_s
    return f"One exponential (k {rate:.3g} 1/s) misses the readings by {percent:.2g} % of their range (rms)."


def _article(model: str) -> str:
    return f"{'an' if model[0] in 'aeiou' else 'a'} {model}"


def _say_one(case: _Case) -> str:
    rate = case.numbers(1).rate(1)
    text = (
        f"One exponential describes the run (k {rate.format_value()} 1/s); no second stage can be seen. "
        f"There is no break ({case.chance}), and no curved or two-stage model lies {AHEAD:g} "
        f"in AICc below {case.exponential.model} (largest lead {max(case.gap, 0.0):.1f})."
    )
    if case.three is not None and case.exponential.aicc - case.three.aicc >= AHEAD:
        text += (
            f" Three stages lie {case.exponential.aicc - case.three.aicc:.1f} lower, but where no first "
            "break is established no second one is sought."
        )
    return text


def _wander(case: _Case) -> Alternative | None:
    """Return a second stage and the wander that could make it as well, where it could."""
    test, sample = case.analysis.test, case.analysis.sample
    if test is None or test.wander_sd is None or not case.strays or case.lead <= -AHEAD:
        return None
    spacing = sample.gap * sample.span_s
    lasts = min((test.wander_lasts or 0.0) * spacing, sample.span_s)
    return wander_of(case.two, test.wander_sd * sample.scale, lasts)


def _say_wander(case: _Case) -> str:
    test = case.analysis.test
    assert test is not None
    return (
        f"Cannot be told: a second stage and slow wander of the baseline fit equally well. Two stages lead "
        f"the best smooth curve ({case.smooth.model}) by {case.lead:.1f} in AICc, and {case.chance} says "
        f"that noise correlated from reading to reading does not make it; but noise that wanders would, "
        f"{format_p(test.wander_p)}."
    )


def _say_undecided(case: _Case) -> str:
    if _two_lead(case) and (why := _no_stages(case, 2)):
        return (
            f"Cannot be told: the rate changes, but not from one first-order stage to another. A broken "
            f"decay leads every smooth curve by {case.lead:.1f} in AICc ({case.chance}), but {why}."
        )
    if case.strays and case.lead >= AHEAD:
        return _say_wander(case)
    best = case.smooth if case.lead < 0 else case.two
    hint = " (--stages 2 shows them, n_stages=2 in Python)" if case.lead >= 0 else ""
    place = f"only {case.lead:.1f} ahead of" if case.lead >= 0 else f"{-case.lead:.1f} behind"
    if case.lead >= AHEAD:
        answer = "two stages fit best, but noise like this could make them"
    elif case.lead > -AHEAD:
        answer = f"two stages and {_article(case.smooth.model)} fit equally well"
    else:
        answer = "the run is not quite one exponential, but nothing else fits clearly better"
    return (
        f"Cannot be told: {answer}. A break has {case.chance}, but the broken decay is {place} the best "
        f"smooth curve ({case.smooth.model}) in AICc, {AHEAD:g} needed; the best of these is "
        f"{best.model}{hint}. More points around the suspected break, or a peak that moves, would decide."
    ) + _why_not_three(case)


def _say_step(case: _Case) -> str:
    """Return what a step of the level could do that a break did as well."""
    step = case.step
    assert step is not None
    behind = step.aicc - case.two.aicc
    told = step.parameters
    words = f"by {told['step']:+.2g} between {told['step from']:g} and {told['step to']:g} s"
    sample = case.two.fitted.sample
    before = int(np.sum(sample.time * sample.span_s + sample.first_s <= told["step from"]))
    reading, decides = (
        "a lamp or a cell that moved is",
        "a window on one side of it or a replicate would tell",
    )
    if told["step"] < 0 and before <= MIN_DISTINCT:
        reading = "a dilution at the addition, or a lamp or a cell that moved, is"
        decides = "the volumes (--dilution with --t0), or a replicate, would tell"
    return (
        f"Cannot be told: the level of the signal steps {words}, and a second stage is not needed beside it. "
        f"One exponential with the step has AICc {abs(behind):.1f} {'above' if behind > 0 else 'below'} two "
        f"stages and {case.exponential.aicc - step.aicc:.1f} below one exponential without: {reading} "
        f"no stage; {decides}."
    )


def _say_drift(case: _Case) -> str:
    """Return what a drifting baseline could do that a last stage did as well."""
    drift = case.drifting
    assert drift is not None
    behind, slope = drift.aicc - case.two.aicc, drift.parameters["drift"]
    rates = case.two.parameters
    return (
        f"Cannot be told: a baseline that drifts and a slow last stage fit equally well. One exponential "
        f"(k = {drift.parameters['k']:.3g} 1/s) on a straight drift of {slope:+.2g} per s has AICc "
        f"{abs(behind):.1f} {'above' if behind > 0 else 'below'} two stages (k1 = {rates['k1']:.3g}, "
        f"k2 = {rates['k2']:.3g} 1/s); a reference wavelength or a longer run would tell."
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A verdict, how many stages it shows, when it holds, what it says, and what it prefers to them."""

    code: str
    n_stages: int
    holds: Callable[[_Case], bool]
    says: Callable[[_Case], str]
    prefers: Callable[[_Case], Contender | None] | None = None


# The first rule that holds decides. Stages come before "no decay": a trace that is flat, then falls, has a
# single rate constant that may hold zero. "Smooth" comes before "one stage": p tests one exponential only.
_RULES = (
    _Rule("undecided", 1, lambda case: _added(case) is not None, _say_added, lambda case: case.likelier),
    _Rule("more_stages", 3, _three_hold, _say_three),
    _Rule("two_stages", 2, _two_hold, _say_two),
    _Rule(
        "no_decay", 1, lambda case: _is_flat(case.rate), lambda case: _say_no_decay(case.analysis, case.rate)
    ),
    _Rule("undecided", 1, lambda case: case.step is not None, _say_step, lambda case: case.likelier),
    _Rule("undecided", 1, lambda case: case.drifting is not None, _say_drift, lambda case: case.likelier),
    _Rule("smooth", 1, _bends_without_break, _say_smooth, lambda case: case.family),
    _Rule("one_stage", 1, lambda case: case.p_value > LEVEL and case.gap < AHEAD, _say_one),
    _Rule("undecided", 1, lambda case: True, _say_undecided, lambda case: case.likelier),
)


def judge(
    analysis: Analysis, decay_rate: Estimate | None, numbers: Callable[[int], Numbers]
) -> tuple[Verdict, int, Contender | None]:
    """Return the verdict, the number of stages to show, and the model that it prefers.

    Parameters
    ----------
    analysis : Analysis
        All fits.
    decay_rate : Estimate or None
        Rate constant of one stage with its interval, where it might hold zero.
    numbers : callable
        Works out the numbers of so many stages, which the verdict tells.
    """
    case = _case_of(analysis, decay_rate, numbers)
    if case is None:
        return _judge_few(analysis, decay_rate), 1, analysis.shown(1)
    rule = next(rule for rule in _RULES if rule.holds(case))
    lead = case.lead
    if rule.code == "more_stages" and case.three is not None:
        lead = case.smooth.aicc - case.three.aicc
    test, pairs = analysis.test, () if rule.code in ("more_stages", "no_decay") else _pairs(case)
    said = rule.says(case)
    said = f"{said} {in_words([pair for pair in pairs if pair.decided_by not in said])}".rstrip()
    verdict = Verdict(
        code=rule.code,
        p_value=case.p_value,
        text=_with_advice(said) if rule.code == "undecided" else said,
        delta_aicc=lead,
        wander_p_value=None if test is None else test.wander_p,
        seed_free_p_value=None if test is None else test.seed_free_p,
        alternatives=pairs,
    )
    preferred = rule.prefers(case) if rule.prefers else analysis.shown(rule.n_stages)
    return verdict, rule.n_stages, preferred


def _pairs(case: _Case) -> tuple[Alternative, ...]:
    """Return the readings of the bench and of the reaction between which the models do not decide."""
    analysis = case.analysis
    diluted = diluted_contender(case.two) if case.p_value <= LEVEL else None
    known = [*analysis.contenders(), *analysis.variants.get(1, []), *([diluted] if diluted else [])]
    wander = _wander(case)
    found = alternatives_of(known, min(case.smooth.aicc, case.two.aicc))
    return (wander, *found) if wander else found


def _judge_few(analysis: Analysis, decay_rate: Estimate | None) -> Verdict:
    """Return the verdict where models could not be compared: a flat trace can still be told."""
    p_value = None if analysis.test is None else analysis.test.p_value
    if _is_flat(decay_rate):
        return Verdict(code="no_decay", p_value=p_value, text=_say_no_decay(analysis, decay_rate))
    text = (
        f"Cannot be told: {analysis.sample.n} distinct times are too few to tell two stages from one "
        "(two stages with an offset, correlated noise and a test need about 10)."
    )
    return Verdict(code="undecided", p_value=p_value, text=_with_advice(text))


def _with_advice(text: str) -> str:
    """Return what an undecided verdict says, with what the annexes advise after one."""
    return " ".join([text, *declared("ADVICE").values()])


def _why_not_three(case: _Case) -> str:
    """Return why a third stage that leads in AICc is not accepted; "" where it does not lead."""
    third, further = case.three, case.analysis.further_test
    if third is None or third.aicc >= case.two.aicc:
        return ""
    found = f" Three stages lie {case.two.aicc - third.aicc:.1f} lower in AICc"
    if further is not None and further.p_value > FURTHER_LEVEL:
        return f"{found}, but the second break has {format_p(further.p_value)} ({FURTHER_LEVEL:g} needed)."
    if min(case.two.aicc, case.smooth.aicc) - third.aicc < FAR_AHEAD:
        return f"{found}, but a third stage must lead two stages and every smooth curve by {FAR_AHEAD:g}."
    if _three_lead(case):
        why = _no_stages(case, 3) or f"the rate turns round, which needs a lead of {TURNED:g}"
        return f"{found}, but they are no three first-order stages: {why}."
    return f"{found}, but two stages on a drifting baseline explain as much."


def _least(contenders: Sequence[Contender]) -> Contender:
    return min(contenders, key=lambda c: c.aicc)


def _is_flat(rate: Estimate | None) -> bool:
    return rate is not None and holds_zero(rate)


def _say_no_decay(analysis: Analysis, rate: Estimate | None) -> str:
    found = f"The rate constant of one stage, k = {rate}, has an interval that holds 0"
    comparable = [c for c in analysis.contenders() if c.comparable]
    plain = next((c for c in comparable if c.model == "exponential"), None)
    if plain is not None and plain.aicc - _least(comparable).aicc >= AHEAD:
        best = _least(comparable)
        return (
            f"No decay: the signal changes, but not as one decay. {found}; {best.model} has AICc "
            f"{plain.aicc - best.aicc:.1f} below it: it may rise and fall. Choose a window in which it only "
            "falls, or growth."
        )
    return f"No decay: nothing changes beyond the noise. {found}, so no breakpoint is sought."
