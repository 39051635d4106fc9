"""The verdict: the models set against each other, and what they say together."""

from dataclasses import dataclass, field

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.inference.ar1 import Sample, whitening
from cxkinetics.kinetics.break_test import BreakTest, break_test
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import Fitted, staged_fit
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.result import Verdict
from cxkinetics.kinetics.rivals import Contender, drift_contender, smooth_contenders, staged_contender
from cxkinetics.kinetics.search import Found, search_single, search_staged

SIMPLER = 2.0
"""AICc that a fitted offset must gain before it is shown (below, the models are equally supported)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One number of stages, with or without a fitted offset: the fit and its place in the ranking."""

    fitted: Fitted
    contender: Contender


@dataclass(slots=True, eq=False)
class Analysis:
    """All fits of one sample.

    Attributes
    ----------
    sample, options
        What was analysed and how.
    variants : dict
        Per number of stages, the offset variants that the options admit.
    smooth : list of Contender
        Smooth rivals.
    test, further_test : BreakTest or None
        Of one break against none, and of a second break against one.
    drift : Contender or None
        Two stages on a drifting baseline, where a third stage would gain.
    asked : list of Variant
        Stages that the options ask to see and the verdict does not rest on.
    plain : list of Variant
        The stages to show by plain least squares, where the verdict says that none hold.
    """

    sample: Sample
    options: FitOptions
    variants: dict[int, list[Variant]] = field(default_factory=dict)
    smooth: list[Contender] = field(default_factory=list)
    test: BreakTest | None = None
    further_test: BreakTest | None = None
    drift: Contender | None = None
    asked: list[Variant] = field(default_factory=list)
    plain: list[Variant] = field(default_factory=list)

    def shown(self, n_stages: int) -> Variant | None:
        """Return the offset variant to show: without a fitted offset unless that gains 2 in AICc.

        Models within 2 of each other are equally supported (K. P. Burnham, D. R. Anderson, Sociol.
        Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644), so the simpler one is shown.
        """
        return min(
            self._of(n_stages),
            key=lambda v: (
                v.contender.aicc + (SIMPLER if v.fitted.family.with_offset else 0.0),
                v.fitted.found.rss if np.isinf(v.contender.aicc) else 0.0,
            ),
            default=None,
        )

    def widest(self, n_stages: int) -> Variant | None:
        """Return the variant that gives the intervals: the one with the offset fitted, where it exists.

        An interval from the variant that AICc chose would forget the choice and cover too rarely.
        """
        variants = [v for v in self._of(n_stages) if np.isfinite(v.contender.aicc)]
        return max(variants, key=lambda v: v.fitted.family.with_offset, default=self.shown(n_stages))

    def _of(self, n_stages: int) -> list[Variant]:
        asked = [v for v in self.plain or self.asked if v.fitted.family.n_stages == n_stages]
        return asked or self.variants.get(n_stages, [])

    def contenders(self) -> list[Contender]:
        """Return every contender once: smooth rivals and staged models of two stages or more."""
        staged = [
            variant.contender
            for n_stages, variants in self.variants.items()
            if n_stages > 1
            for variant in variants
        ]
        known = {contender.model for contender in staged}
        asked = [v.contender for v in self.asked if v.fitted.family.n_stages > 1]
        staged += [contender for contender in asked if contender.model not in known]
        return [*self.smooth, *staged, *([self.drift] if self.drift else [])]


def analyse(sample: Sample, options: FitOptions, rng: np.random.Generator) -> Analysis:
    """Fit everything to a sample that a verdict rests on, whatever the options ask to see.

    Parameters
    ----------
    sample : Sample
        Data, outliers excluded and a given offset subtracted.
    options : FitOptions
        Offset, noise, joints, demanded stages.
    rng : numpy.random.Generator
        Source of the simulated test.

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
    analysis.smooth = smooth_contenders(sample, ar1=options.ar1, offsets=rival_offsets)
    singles = _singles(sample, options)
    for n_stages in (1, 2):
        analysis.variants[n_stages] = _variants(sample, n_stages, singles, options.ar1)
    _test_breaks(analysis, singles, rng)
    return analysis


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
    singles, given, known = _singles(sample, options), None, []
    if options.breakpoints_s is not None:
        given = (np.array(options.breakpoints_s) - sample.first_s) / sample.span_s
    elif continuous:
        known = analysis.variants.get(n_stages, [])
    offsets = [v.fitted.family.with_offset for v in known]
    missing = {offset: single for offset, single in singles.items() if offset not in offsets}
    fitted = _variants(
        sample, n_stages, missing, options.ar1, continuous=continuous, given=given, wanted=not known
    )
    analysis.asked = [*known, *fitted]
    if least_squares and options.ar1:
        analysis.plain = _variants(
            sample, n_stages, singles, False, continuous=continuous, given=given, wanted=True
        )


def _singles(sample: Sample, options: FitOptions) -> dict[bool, Found]:
    """Return one exponential in white noise for each offset variant."""
    white = whitening(sample, 0.0)
    return {offset: search_single(sample, white, with_offset=offset) for offset in _offsets(options)}


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
) -> list[Variant]:
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
        )
        variants.append(Variant(fitted, staged_contender(fitted)))
    return variants


def _test_breaks(analysis: Analysis, singles: dict[bool, Found], rng: np.random.Generator) -> None:
    """Simulate the test of one break and, where a third stage could matter, of a second one."""
    sample, options = analysis.sample, analysis.options
    with_offset = list(singles)[-1]
    fits = [v.fitted for v in analysis.variants.get(2, []) if v.fitted.family.with_offset == with_offset]
    if not fits and sample.n >= max(2 * MIN_DISTINCT, 5 + with_offset):
        fits = [staged_fit(sample, n_stages=2, with_offset=with_offset, ar1=options.ar1)]
    if not fits or not _testable(fits[0]):
        return
    alternative = fits[0]
    null = search_single(sample, alternative.white, with_offset=with_offset)
    analysis.test = break_test(null, alternative, n_replicates=options.replicates, rng=rng)
    best = analysis.shown(2)
    if best is None or sample.n < 3 * MIN_DISTINCT:
        return
    with_offset = best.fitted.family.with_offset
    if sample.n <= 6 + with_offset + 2:
        return
    # an offset that two stages want may only stand in for a third one
    tried = {offset: found for offset, found in singles.items() if offset <= with_offset}
    fewer = best.fitted.found
    analysis.variants[3] = _variants(sample, 3, tried, options.ar1, fewer=fewer)
    third = analysis.shown(3)
    if third is None or not best.contender.aicc - third.contender.aicc >= 6 or not _testable(third.fitted):
        return
    analysis.drift = drift_contender(best.fitted)
    with_offset = third.fitted.family.with_offset
    two = next(v.fitted for v in analysis.variants[2] if v.fitted.family.with_offset == with_offset)
    null = search_staged(sample, third.fitted.white, with_offset=with_offset, warm=two.found)
    analysis.further_test = break_test(null, third.fitted, n_replicates=options.replicates, rng=rng)


def _testable(fitted: Fitted) -> bool:
    return fitted.sample.n - fitted.n_parameters >= 3


LEVEL = 0.05
"""Largest p at which a break is accepted."""
AHEAD = 6.0
"""AICc by which one model must lead another for the difference to count."""
FAR_AHEAD = 10.0
"""The same for a third stage, against smooth curves and two stages: two searched breaks bend into
almost anything."""
FURTHER_LEVEL = 0.01
"""Largest p at which a second break is accepted."""


def judge(analysis: Analysis, decay_rate: Estimate | None) -> tuple[Verdict, int]:
    """Return the verdict and the number of stages to show.

    Parameters
    ----------
    analysis : Analysis
        All fits.
    decay_rate : Estimate or None
        Rate constant of one stage with its interval, where it might hold zero.
    """
    exponentials = [c for c in analysis.smooth if c.kind == "exponential" and np.isfinite(c.aicc)]
    curved = [c for c in analysis.smooth if c.kind == "curved" and np.isfinite(c.aicc)]
    two = [v.contender for v in analysis.variants.get(2, []) if np.isfinite(v.contender.aicc)]
    three = [v.contender for v in analysis.variants.get(3, []) if np.isfinite(v.contender.aicc)]
    holds_zero = _holds_zero(decay_rate)
    p_value = None if analysis.test is None else analysis.test.p_value
    if not exponentials or not two or p_value is None:
        n = analysis.sample.n
        if holds_zero and decay_rate is not None:
            return _no_decay(decay_rate, analysis, None), 1
        text = (
            f"Undecided: {n} distinct times are too few to tell two stages from one "
            "(two stages with an offset, correlated noise and a test need about 10)."
        )
        return Verdict(code="undecided", p_value=p_value, text=text), 1
    exponential, staged = _least(exponentials), _least(two)
    smooth = _least([*exponentials, *curved])
    lead = smooth.aicc - staged.aicc
    chance = _p_text(analysis)
    break_seen = p_value <= LEVEL
    further = analysis.further_test
    if three and further is not None and break_seen:
        third = _least(three)
        if (
            smooth.aicc - third.aicc >= FAR_AHEAD
            and staged.aicc - third.aicc >= FAR_AHEAD
            and further.p_value <= FURTHER_LEVEL
            and (analysis.drift is None or analysis.drift.aicc - third.aicc >= AHEAD)
        ):
            text = (
                f"Three first-order stages: a break against one exponential has {chance}, a second break "
                f"{format_p(further.p_value)}; AICc of three stages lies "
                f"{staged.aicc - third.aicc:.1f} below two stages and "
                f"{smooth.aicc - third.aicc:.1f} below the best smooth curve ({smooth.model})."
            )
            lead = smooth.aicc - third.aicc
            return Verdict(code="more_stages", p_value=p_value, text=text, delta_aicc=lead), 3
    if break_seen and lead >= AHEAD:
        text = (
            f"Two first-order stages: a break against one exponential has {chance}, and AICc lies {lead:.1f} "
            f"below the best smooth curve ({smooth.model}; {AHEAD:g} needed). A switch of the rate spread "
            "over a few samples would look the same: the data are consistent with a breakpoint."
        )
        text += _why_not_three(analysis, smooth, staged, three)
        return Verdict(code="two_stages", p_value=p_value, text=text, delta_aicc=lead), 2
    if holds_zero and decay_rate is not None:
        return _no_decay(decay_rate, analysis, lead), 1
    best_staged = staged  # a third stage counts only by the rule above
    bent = _least(curved) if curved else None
    gap = exponential.aicc - min(c.aicc for c in (*curved, best_staged))
    if bent is not None and bent.aicc <= best_staged.aicc and exponential.aicc - bent.aicc >= AHEAD:
        text = (
            f"Smooth but not one exponential: {_named(bent.model)} without any break has AICc "
            f"{exponential.aicc - bent.aicc:.1f} below one exponential and "
            f"{best_staged.aicc - bent.aicc:.1f} below a broken decay ({chance} says only that it is not one "
            "exponential). No breakpoint is established."
        )
        return Verdict(code="smooth", p_value=p_value, text=text, delta_aicc=lead), 1
    if p_value > LEVEL and gap < AHEAD:
        text = (
            f"One first-order stage: no break ({chance}), and no curved or two-stage model lies {AHEAD:g} in "
            f"AICc below {exponential.model} (largest lead {max(gap, 0.0):.1f})."
        )
        if three and exponential.aicc - _least(three).aicc >= AHEAD:
            text += (
                f" Three stages lie {exponential.aicc - _least(three).aicc:.1f} lower, but where no first "
                "break is established no second one is sought."
            )
        return Verdict(code="one_stage", p_value=p_value, text=text, delta_aicc=lead), 1
    best_rival = smooth.model if lead < 0 else best_staged.model
    hint = " (--stages 2 shows them, n_stages=2 in Python)" if lead >= 0 else ""
    text = (
        f"Undecided: {chance} for a break, but the broken decay is "
        + (f"only {lead:.1f} ahead of" if lead >= 0 else f"{-lead:.1f} behind")
        + f" the best smooth curve ({smooth.model}) in AICc, {AHEAD:g} needed; "
        f"the best of these is {best_rival}{hint}. "
        "More points around the suspected break, or a peak that moves, would decide."
    ) + _why_not_three(analysis, smooth, best_staged, three)
    return Verdict(code="undecided", p_value=p_value, text=text, delta_aicc=lead), 1


def _why_not_three(analysis: Analysis, smooth: Contender, staged: Contender, three: list[Contender]) -> str:
    """Return why a third stage that leads in AICc is not accepted; "" where it does not lead."""
    if not three or _least(three).aicc >= staged.aicc:
        return ""
    third, further = _least(three), analysis.further_test
    found = f" Three stages lie {staged.aicc - third.aicc:.1f} lower in AICc"
    if further is not None and further.p_value > FURTHER_LEVEL:
        return f"{found}, but the second break has {format_p(further.p_value)} ({FURTHER_LEVEL:g} needed)."
    leads = min(staged.aicc, smooth.aicc) - third.aicc
    if leads < FAR_AHEAD:
        return f"{found}, but a third stage must lead two stages and every smooth curve by {FAR_AHEAD:g}."
    return f"{found}, but two stages on a drifting baseline explain as much."


def _named(model: str) -> str:
    return f"{'an' if model[0] in 'aeiou' else 'a'} {model}"


def _least(contenders: list[Contender]) -> Contender:
    return min(contenders, key=lambda c: c.aicc)


def _p_text(analysis: Analysis) -> str:
    test = analysis.test
    if test is None:
        return "no p-value"
    smallest = test.p_value <= 1 / (test.n_replicates + 1) * 1.001
    shown = f"p <= {test.p_value:.2g}" if smallest else format_p(test.p_value)
    return f"{shown} ({test.n_replicates} simulated traces, F = {test.statistic:.1f})"


def _holds_zero(rate: Estimate | None) -> bool:
    return rate is not None and (rate.low is None or rate.low <= 0) and (rate.high is None or rate.high >= 0)


def _no_decay(rate: Estimate, analysis: Analysis, lead: float | None) -> Verdict:
    p_value = None if analysis.test is None else analysis.test.p_value
    text = f"No decay: the rate constant of one stage, k = {rate}, has an interval that holds 0; "
    finite = [c for c in analysis.contenders() if np.isfinite(c.aicc)]
    plain = next((c for c in finite if c.model == "exponential"), None)
    best = min(finite, key=lambda c: c.aicc, default=None)
    if plain is not None and best is not None and plain.aicc - best.aicc >= AHEAD:
        text += (
            f"the signal does change ({best.model} has AICc {plain.aicc - best.aicc:.1f} below it), but not "
            "as one decay: it may rise and fall. Choose a window in which it only falls, or growth."
        )
    else:
        text += "nothing changes beyond the noise, so no breakpoint is sought."
    return Verdict(code="no_decay", p_value=p_value, text=text, delta_aicc=lead)
