"""One verdict whatever is shown, first points kept or named, and rivals at their optimum."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

import cxkinetics as cx
from cxkinetics.inference.ar1 import sample_of
from cxkinetics.kinetics.rivals import smooth_contenders
from tests.studies.measure import cleaned
from tests.studies.truths import SEED, SMOOTH, Staged, biexponential, noise, stream, times

T = times(101)


def three_stages(t: np.ndarray) -> np.ndarray:
    spent = 0.01 * np.clip(t, 0, 30) + 0.06 * (np.clip(t, 30, 55) - 30) + 0.008 * (np.clip(t, 55, None) - 55)
    return 0.9 * np.exp(-spent)


# what is shown has no say --------------------------------------------------------------------------

ASKED: list[dict[str, Any]] = [
    {"n_stages": 1},
    {"n_stages": 2},
    {"n_stages": 3},
    {"joint": "free"},
    {"joint": "free", "n_stages": 2},
    {"breakpoints_s": 42.0},
    {"breakpoints_s": [20.0, 60.0]},
]


@pytest.mark.parametrize("curve", [three_stages, SMOOTH["stretched .6"]], ids=["three stages", "stretched"])
def test_one_verdict_whatever_is_shown(curve: Any) -> None:
    trace = cx.Trace(time_s=T, absorbance=curve(T) + noise(T, 0.002, 0.0, stream(21, "verdicts", 0)))
    own = cx.fit_stages(trace)
    for asked in ASKED:
        fit = cx.fit_stages(trace, **asked)
        assert fit.verdict == own.verdict, asked
        assert fit.preferred == own.preferred, asked
        stages = asked.get("n_stages", np.size(asked.get("breakpoints_s", ())) + 1)
        assert len(fit.stages) == (len(own.stages) if asked == {"joint": "free"} else stages)


def test_given_breakpoints_stand_beside_the_searched_ones_in_the_ranking() -> None:
    trace = cx.Trace(time_s=T, absorbance=SEED(T) + noise(T, 0.003, 0.0, stream(24, "given", 0)))
    rivals = {r.model: r for r in cx.fit_stages(trace, breakpoints_s=30.0).rivals}
    assert rivals["2 stages"].parameters["b1"] == pytest.approx(20.0, abs=0.5)
    assert rivals["2 stages, given break"].rss > rivals["2 stages"].rss


@pytest.mark.parametrize("name", ["stretched .6", "bi .5 .1/.02"])
def test_the_stage_shown_beside_a_smooth_verdict_is_the_least_squares_one(name: str) -> None:
    y = SMOOTH[name](T) + noise(T, 0.002, 0.0, stream(25, name, 0))
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=y))
    assert fit.verdict.code == "smooth"
    assert len(fit.stages) == 1

    def misfit(x: np.ndarray) -> np.ndarray:
        return x[0] * np.exp(-x[1] * T) + x[2] - y

    best = least_squares(misfit, [0.8, 0.04, 0.05], x_scale=[1, 0.01, 0.1], xtol=1e-14, ftol=1e-14)
    assert fit.rss == pytest.approx(2 * best.cost, rel=1e-6)
    assert fit.offset.value == pytest.approx(best.x[2], rel=1e-4)


# first points --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("traces", "most"), [(3, 0), pytest.param(8, 1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("k1", "rho"), [(0.056, 0.5), (0.15, 0.0), (0.3, 0.0)])
def test_a_first_stage_of_three_points_keeps_them(k1: float, rho: float, traces: int, most: int) -> None:
    """At most one trace in fifty may lose a point: one of eight can happen, two hardly."""
    curve = Staged(k1=k1, tb=2.02)
    lost = sum(
        cleaned(T, curve(T) + noise(T, 0.003, rho, stream(26, "third", number))).n_points < T.size
        for number in range(traces)
    )
    assert lost <= most


def test_first_points_that_change_the_result_are_named_with_both_results() -> None:
    y = SEED(T) + noise(T, 0.003, 0.0, stream(83, "x", 0))
    y[0] += 0.4
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=y))
    assert [t for t, _ in fit.excluded] == [0.0]
    remark = next(r for r in fit.warnings if r.code == "first_points_matter")
    assert remark.times_s == (0.0,)
    assert f"two stages, breakpoint {fit.breakpoints_s[0].value:.4g} s; with, the verdict is" in remark.text


def test_first_points_that_change_nothing_are_not_remarked_upon() -> None:
    y = 0.9 * np.exp(-0.03 * T) + noise(T, 0.003, 0.0, stream(27, "same", 0))
    y[50] += 0.2
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=y))
    assert [t for t, _ in fit.excluded] == [50.0]
    assert all(r.code != "first_points_matter" for r in fit.warnings)


@pytest.mark.parametrize("name", ["run1_17C_concs.txt", "run3_35C_concs.txt"])
@pytest.mark.parametrize("start", [0.0, 20.0])
def test_bromine_keeps_its_first_points(shared_data: Path, name: str, start: float) -> None:
    trace = cx.load(shared_data / "uvvis" / "specfit" / name, column="[Br2]")
    assert isinstance(trace, cx.Trace)
    fit = cx.fit_stages(trace, n_stages=2, window=(start, None))
    assert fit.trace.time_s[0] == trace.time_s[trace.time_s >= start][0]
    assert not fit.excluded


# rivals --------------------------------------------------------------------------------------------


def whitened_rss(y: np.ndarray, t: np.ndarray, rho: float, start: list[float]) -> float:
    """Return the least rss of a biexponential with offset in AR(1) noise, from the truth, by MINPACK."""

    def misfit(x: np.ndarray) -> np.ndarray:
        e = y - (x[0] * np.exp(-np.exp(x[1]) * t) + x[2] * np.exp(-np.exp(x[3]) * t) + x[4])
        return np.r_[e[0], (e[1:] - rho * e[:-1]) / np.sqrt(1 - rho**2)]

    return float(2 * least_squares(misfit, start, x_scale="jac", xtol=1e-13, ftol=1e-13, gtol=1e-13).cost)


@pytest.mark.parametrize(("n", "sd"), [(1000, 0.003), (1000, 0.0005), (3000, 0.0005)])
def test_a_slow_rival_is_not_cut_before_it_has_converged(n: int, sd: float) -> None:
    t = np.linspace(0, 100, n)
    y = biexponential(0.7, 0.08, 0.015, 0.02)(t) + noise(t, sd, 0.0, stream(90, f"{n}", 3))
    found = smooth_contenders(sample_of(cx.Trace(time_s=t, absorbance=y)), ar1=True, offsets=(False, True))
    rival = next(c for c in found if c.model == "biexponential + offset")
    start = [0.88 * 0.7, np.log(0.08), 0.88 * 0.3, np.log(0.015), 0.02]
    rss, k = whitened_rss(y, t, rival.rho, start), 7
    deviance = n * np.log(2 * np.pi * rss / n) + n + (n - 1) * np.log(1 - rival.rho**2)
    assert rival.aicc < deviance + 2 * k + 2 * k * (k + 1) / (n - k - 1) + 0.01
