"""What is measured on one simulated trace: intervals, verdict, missed optimum.

The paths are those of `fit_stages`, without the parts that the figure does not need: intervals come
from the same fits, offset variants and profiles as `fit_stages(n_stages=2)` (no p-value, no
rivals), verdicts from the same analysis (no intervals). `test_inference_sample` checks that both
say exactly what `fit_stages` says.
"""

from dataclasses import replace

import numpy as np

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.kinetics.checks import find_outliers
from cxkinetics.kinetics.intervals import Numbers
from cxkinetics.kinetics.optimum import staged_fit
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.rivals import Contender, staged_contender
from cxkinetics.kinetics.search import search_staged
from cxkinetics.kinetics.verdict import Analysis, analyse, judge
from tests.studies import brute_force


def cleaned(t: np.ndarray, y: np.ndarray) -> cx.Trace:
    """Return the points that `fit_stages` analyses: outliers taken out."""
    trace = cx.Trace(time_s=t, absorbance=y)
    outliers = find_outliers(sample_of(trace))
    return trace.select(~outliers) if outliers.any() else trace


def two_stage_numbers(
    t: np.ndarray, y: np.ndarray, offsets: tuple[str, ...], noise: str = "auto"
) -> dict[str, dict[str, Estimate]]:
    """Return k1, k2 and tb of two stages for each choice of the offset.

    Under "auto" the intervals are those of the fitted offset and the values those of the curve shown
    (as long as they lie inside), so the profiles are run once for "fit" and "auto".
    """
    sample, ar1 = sample_of(cleaned(t, y)), noise != "white"
    wanted = [False] * ("zero" in offsets or "auto" in offsets) + [True] * (offsets != ("zero",))
    variants = [
        staged_contender(fitted)
        for fitted in (staged_fit(sample, n_stages=2, with_offset=o, ar1=ar1) for o in wanted)
    ]
    result = {}
    if "zero" in offsets:
        result["zero"] = _numbers(variants[0])
    if offsets != ("zero",):
        free = result["fit"] = _numbers(variants[-1])
        if "auto" in offsets:
            analysis = Analysis(sample, FitOptions(noise=noise), {2: variants})
            shown, wider = analysis.shown(2), analysis.widest(2)
            assert wider is variants[-1], "the intervals are those of the fitted offset"
            result["auto"] = free if shown is wider else _with_values_of(shown, free)
    return {offset: result[offset] for offset in offsets}


def _numbers(variant: Contender) -> dict[str, Estimate]:
    numbers = Numbers(variant.fitted, confidence=0.95)
    numbers.look("k1", "k2", "b1")
    return {"k1": numbers.rate(1), "k2": numbers.rate(2), "tb": numbers.breakpoint(1)}


def _with_values_of(shown: Contender, free: dict[str, Estimate]) -> dict[str, Estimate]:
    sample, found = shown.fitted.sample, dict(zip(shown.fitted.family.names, shown.fitted.theta, strict=True))
    values = {
        "k1": found["k1"] / sample.span_s,
        "k2": found["k2"] / sample.span_s,
        "tb": found["b1"] * sample.span_s + sample.first_s,
    }
    mixed = {name: replace(free[name], value=float(value)) for name, value in values.items()}
    return mixed if all(covers(each, each.value) for each in mixed.values()) else free


def covers(estimate: Estimate, truth: float) -> bool:
    """Whether the interval, as a set, holds the truth (an open end holds everything beyond)."""
    low = -np.inf if estimate.low is None else estimate.low
    high = np.inf if estimate.high is None else estimate.high
    if not estimate.pieces:
        return bool(low <= truth <= high)
    pieces = list(estimate.pieces)
    pieces[0] = (min(low, pieces[0][0]), pieces[0][1])
    pieces[-1] = (pieces[-1][0], max(high, pieces[-1][1]))
    return any(a <= truth <= b for a, b in pieces)


def verdict_code(t: np.ndarray, y: np.ndarray, seed: int) -> str:
    """Return the code of the verdict that `fit_stages(rng=seed)` speaks on a trace that decays."""
    analysis = analyse(sample_of(cleaned(t, y)), FitOptions(), np.random.default_rng(seed))
    return judge(analysis, None)[0].code


def misses_optimum(t: np.ndarray, y: np.ndarray, with_offset: bool) -> bool:
    """Whether a dense brute force finds a smaller sum of squares than the search.

    By more than 1e-6 of it: where a rate runs off to infinity there is no least value to reach.
    """
    sample = sample_of(cx.Trace(time_s=t, absorbance=y))
    found = search_staged(sample, whitening(sample, 0.0), with_offset=with_offset)
    brute = brute_force.one_break(t, y, with_offset=with_offset)[0]
    return not found.rss * sample.scale**2 <= brute * (1 + 1e-6)
