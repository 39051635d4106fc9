"""Everything that is fitted to one sample before a verdict is spoken.

One, two and three stages in each offset variant, every smooth rival, and the simulated test of a
break: computed once and shared by verdict, intervals and ranking. What a user asks to see (a number
of stages, free joints, breakpoints of their own) is fitted beside these and has no say in the verdict.
"""

from dataclasses import dataclass, field

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UnresolvedBreakpointError
from cxkinetics.fitting.break_test import BreakTest, break_test
from cxkinetics.fitting.drift import drift_contender
from cxkinetics.fitting.fitted import Fitted, staged_fit
from cxkinetics.fitting.options import FitOptions
from cxkinetics.fitting.piecewise_linear import MIN_DISTINCT
from cxkinetics.fitting.rivals import Contender, staged_contender
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import Found, search_single, search_staged
from cxkinetics.fitting.smooth import smooth_contenders
from cxkinetics.fitting.whitening import whitening

__all__ = ["Analysis", "Variant", "analyse", "fit_asked"]

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
