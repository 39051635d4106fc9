"""The breakpoint search against slow, plain twins: the global optimum is never missed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import Sample, sample_of, whitening
from cxkinetics.kinetics.search import search_several, search_staged
from cxkinetics.models.decays import staged_decay
from tests.studies import brute_force
from tests.studies.cells import HARD
from tests.studies.truths import Staged, noise, stream, times

EQUAL = 1e-6
"""Relative gain in rss that counts as a miss (where a rate runs off to infinity rss has no least)."""


def sample_from(t: np.ndarray, y: np.ndarray, sigma: np.ndarray | None = None) -> Sample:
    return sample_of(cx.Trace(time_s=t, absorbance=y, sigma=sigma))


def found_rss(sample: Sample, **options: object) -> float:
    """The search's least sum of squares, in the trace's unit squared."""
    search = search_several if "n_stages" in options else search_staged
    found = search(sample, whitening(sample, 0.0), **{"with_offset": False} | options)
    return found.rss * sample.scale**2


def trace_of(name: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    t = times(60)
    return t, HARD[name](t) + noise(t, 0.01, 0.0, stream(60, name, number))


@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("name", HARD)
def test_optimum_is_not_missed_on_hard_breaks(name: str, with_offset: bool) -> None:
    for number in range(2):
        t, y = trace_of(name, number)
        brute = brute_force.one_break(t, y, with_offset=with_offset, per_gap=3, polish=2)[0]
        assert found_rss(sample_from(t, y), with_offset=with_offset) <= brute * (1 + EQUAL), number


@pytest.mark.slow
@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("name", HARD)
def test_optimum_is_never_missed_in_200_traces(name: str, with_offset: bool) -> None:
    missed = []
    for number in range(200):
        t, y = trace_of(name, number)
        brute = brute_force.one_break(t, y, with_offset=with_offset)[0]
        if not found_rss(sample_from(t, y), with_offset=with_offset) <= brute * (1 + EQUAL):
            missed.append(number)
    assert not missed


@pytest.mark.parametrize(
    ("name", "rss", "k1", "k2", "tb"),
    [("A", 6.693, 0.0167, 0.0544, 10.91), ("C", 13.586, 0.3562, 0.0227, 5.15)],
)
def test_focus_2006_sets_reach_the_global_least_squares(
    shared_data: Path, name: str, rss: float, k1: float, k2: float, tb: float
) -> None:
    table = pd.read_csv(shared_data / "reference" / "focus" / f"FOCUS_2006_{name}.csv").dropna()
    trace = cx.Trace(time_s=table["time"], absorbance=table["value"], unit="%")
    fit = cx.fit_stages(trace, n_stages=2, offset="zero", noise="white", start_up="none")
    assert fit.rss == pytest.approx(rss, abs=6e-4)
    assert [stage.k_per_s.value for stage in fit.stages] == pytest.approx([k1, k2], abs=6e-5)
    assert fit.breakpoints_s[0].value == pytest.approx(tb, abs=6e-3)


def test_equal_times_count_as_often_as_they_stand() -> None:
    t = np.repeat(np.linspace(0, 100, 26), [1, 3, 1, 2, 1, 1, 4, *([1] * 17), 2, 1])
    y = Staged()(t) + noise(t, 0.01, 0.0, stream(1, "ties", 0))
    brute = brute_force.one_break(t, y)
    fit = cx.fit_stages(
        cx.Trace(time_s=t, absorbance=y), n_stages=2, offset="zero", noise="white", start_up="none"
    )
    assert fit.rss == pytest.approx(brute[0], rel=1e-9)
    assert fit.breakpoints_s[0].value == pytest.approx(brute[1], abs=1e-4)
    assert sum(stage.n_points for stage in fit.stages) == t.size
    assert any(remark.code == "tied_times" for remark in fit.warnings)


def test_rows_in_any_order_give_the_same_search() -> None:
    t, y = trace_of("weak", 7)
    order = np.random.default_rng(3).permutation(t.size)
    assert found_rss(sample_from(t[order], y[order])) == found_rss(sample_from(t, y))


@pytest.mark.parametrize("kind", ["dense", "random"])
def test_uneven_times_and_weights_are_searched_to_the_end(kind: str) -> None:
    t = times(50, kind)
    rng = stream(2, kind, 0)
    sigma = 0.004 * np.exp(rng.normal(0, 0.5, t.size))
    y = Staged(k1=0.05, k2=0.03)(t) + sigma * rng.standard_normal(t.size)
    sample = sample_from(t, y, sigma)
    brute = brute_force.one_break(t, y, sigma=sigma)[0]
    found = search_staged(sample, whitening(sample, 0.0), with_offset=False)
    assert found.rss / sample.sigma_unit**2 <= brute * (1 + 1e-9)


@pytest.mark.parametrize("tb", [6.0, 20.0, 50.0, 94.0])
def test_break_on_a_sample_is_found_exactly(tb: float) -> None:
    t = np.arange(0.0, 101.0, 2.0)
    y = staged_decay(t, 0.9, np.array([0.03, 0.012]), np.array([tb]))
    sample = sample_from(t, y)
    found = search_staged(sample, whitening(sample, 0.0), with_offset=False)
    assert found.theta[3] * sample.span_s == pytest.approx(tb, abs=1e-5)
    assert found.theta[1:3] / sample.span_s == pytest.approx([0.03, 0.012], rel=1e-6)


@pytest.mark.parametrize("tb", [4.7, 96.0])
def test_break_on_the_outermost_gap_allowed_leaves_three_points_a_stage(tb: float) -> None:
    t = np.arange(0.0, 101.0, 2.0)
    y = staged_decay(t, 0.9, np.array([0.03, 0.012]), np.array([tb]))
    fit = cx.fit_stages(
        cx.Trace(time_s=t, absorbance=y), n_stages=2, offset="zero", noise="white", start_up="none"
    )
    assert fit.breakpoints_s[0].value == pytest.approx(tb, abs=1e-3)
    assert min(stage.n_points for stage in fit.stages) >= 3


def test_long_traces_are_searched_as_well_as_short_ones() -> None:
    t = times(900)
    y = Staged(k1=0.03, k2=0.022, tb=71.0)(t) + noise(t, 0.01, 0.0, stream(4, "long", 0))
    brute = brute_force.one_break(t, y, per_gap=1, polish=2)[0]
    assert found_rss(sample_from(t, y)) <= brute * (1 + 1e-9)


def three_stages(number: int) -> tuple[np.ndarray, np.ndarray]:
    t = times(30)
    rng = stream(5, "three", number)
    breaks = np.sort(rng.choice(np.arange(2, 10), 2, replace=False)) * 10.0 + rng.uniform(-3, 3, 2)
    rates = rng.choice([0.008, 0.02, 0.05, 0.1], 3, replace=False)
    return t, staged_decay(t, 0.9, rates, breaks) + noise(t, 0.01, 0.0, rng)


@pytest.mark.parametrize("number", range(2))
def test_two_breaks_reach_the_best_pair_of_a_dense_grid(number: int) -> None:
    t, y = three_stages(number)
    assert found_rss(sample_from(t, y), n_stages=3) <= brute_force.two_breaks(t, y)[0] * (1 + 1e-9)


@pytest.mark.slow
def test_two_breaks_are_rarely_missed_in_60_traces() -> None:
    missed = [
        number
        for number in range(60)
        if not found_rss(sample_from(*three_stages(number)), n_stages=3)
        <= brute_force.two_breaks(*three_stages(number))[0] * (1 + EQUAL)
    ]
    assert not missed


def test_three_stages_are_found_in_a_clean_trace() -> None:
    t = np.arange(0.0, 151.0)
    y = staged_decay(t, 1.0, np.array([0.01, 0.05, 0.012]), np.array([30.0, 62.5]))
    fit = cx.fit_stages(
        cx.Trace(time_s=t, absorbance=y + noise(t, 0.002, 0.0, stream(1, "clean three", 0))), n_stages=3
    )
    assert [b.value for b in fit.breakpoints_s] == pytest.approx([30.0, 62.5], abs=0.8)
    assert [s.k_per_s.value for s in fit.stages] == pytest.approx([0.01, 0.05, 0.012], rel=0.05)


@pytest.mark.parametrize("with_offset", [False, True])
def test_three_stages_that_an_offset_could_swallow_are_found(with_offset: bool) -> None:
    t = times(101)
    clean = staged_decay(t, 0.9, np.array([0.08, 0.025, 0.007]), np.array([15.0, 50.0]))
    for number in range(3):
        sample = sample_from(t, clean + noise(t, 0.001, 0.0, stream(62, "three, swallowed", number)))
        white = whitening(sample, 0.0)
        found = search_several(sample, white, n_stages=3, with_offset=with_offset)
        assert 100 * found.theta[found.family.breaks] == pytest.approx([15.0, 50.0], abs=1.0)


def test_an_offset_never_makes_the_optimum_worse() -> None:
    """A model that contains another one fits no worse."""
    for number in range(4):
        t, y = trace_of("weak + .1", number)
        for stages in (2, 3):
            options = {"n_stages": 3} if stages == 3 else {}
            sample = sample_from(t, y)
            assert found_rss(sample, with_offset=True, **options) <= found_rss(sample, **options) * (1 + 1e-9)


def test_a_polish_takes_the_smooth_parameters_to_rest() -> None:
    """Against a general minimiser on the same whitened residuals, the breakpoint held where it was found."""
    from scipy.optimize import least_squares

    from cxkinetics.kinetics.optimum import polished, staged_fit

    t, y = trace_of(next(iter(HARD)), 1)
    fitted = staged_fit(sample_from(t, y), n_stages=2, with_offset=True, ar1=True)
    best, flags = polished(fitted)
    family, smooth = fitted.family, [i for i, n in enumerate(fitted.family.names) if n[0] != "b"]

    def residual(values: np.ndarray) -> np.ndarray:
        theta = fitted.theta.copy()
        theta[smooth] = values
        curve, _ = family.evaluate(fitted.sample.time, theta[None], fitted.found.cell[None])
        return fitted.white.apply(fitted.sample.signal - curve[0])

    twin = least_squares(residual, fitted.theta[smooth], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert not flags
    assert best.found.rss <= fitted.found.rss
    assert best.found.rss == pytest.approx(2 * twin.cost, rel=1e-9)
