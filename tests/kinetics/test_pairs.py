"""Pairs of readings that a trace leaves open: when they are named, with which numbers, and when not."""

from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.kinetics.pairs import alternatives_of, in_words
from cxkinetics.kinetics.rivals import Contender
from tests.studies import bench
from tests.studies.truths import SEED, SMOOTH, Staged, drifting, exponential, noise, stream, times

T = times(101)


def fitted(curve: Any, sd: float, name: str, **options: Any) -> cx.StagedFit:
    y = curve(T) + noise(T, sd, 0.0, stream(41, name, 0))
    return cx.fit_stages(cx.Trace(time_s=T, absorbance=y), **options)


def smooth(model: str, aicc: float, kind: str = "curved", **numbers: float) -> Contender:
    return Contender(
        model=model, kind=kind, n_parameters=4, rss=1.0, aicc=aicc, bic=0.0, rho=0.0, parameters=numbers
    )


@pytest.fixture(scope="module")
def stages() -> tuple[Contender, Contender]:
    """Two stages whose rate falls, and two whose rate rises, as they were fitted."""
    from cxkinetics.inference.ar1 import sample_of
    from cxkinetics.kinetics.optimum import staged_fit
    from cxkinetics.kinetics.rivals import staged_contender

    found = []
    for number, curve in enumerate((SEED, Staged(k1=0.01, k2=0.05, tb=20.0))):
        y = curve(T) + noise(T, 0.003, 0.0, stream(42, "stages", number))
        fit = staged_fit(
            sample_of(cx.Trace(time_s=T, absorbance=y)), n_stages=2, with_offset=False, ar1=False
        )
        found.append(staged_contender(fit))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("model", "kind", "rising", "reading", "decided_by"),
    [
        ("exponential + drift + offset", "curved", False, "a drifting baseline", "reference wavelength"),
        ("saturation", "curved", False, "a reagent that runs out", "second dose"),
        ("order n + offset", "curved", True, "a reagent that runs out", "second dose"),
        ("second order", "curved", False, "a reagent that runs out", "second dose"),
        ("biexponential", "curved", False, "a rate that changes smoothly", "position of the peak"),
        ("smooth rate, degree 2", "rate", False, "a rate that changes smoothly", "denser readings"),
        ("exponential + dilution", "dilution", False, "a dilution", "volumes"),
        ("exponential + step", "step", False, "a step of the level", "one side of it"),
        ("exponential + offset", "exponential", False, "an offset", "endpoint"),
    ],
)
def test_each_pair_is_found_by_the_names_of_its_models(
    stages: tuple[Contender, Contender], model: str, kind: str, rising: bool, reading: str, decided_by: str
) -> None:
    two = stages[rising]
    plain = smooth("exponential", two.aicc + 40, "exponential")
    one = smooth(model, two.aicc + 3, kind, k=0.03)
    (pair,) = alternatives_of([plain, one, two], two.aicc)
    assert pair.model == two.model
    assert pair.other_model == model
    assert pair.other_reading.startswith(reading)
    assert pair.other_numbers == {"k": 0.03}
    assert decided_by in pair.decided_by
    assert pair.delta_aicc == pytest.approx(3)
    text = in_words([pair])
    assert text.startswith("Cannot be told apart here: ")
    assert f"k1 {two.parameters['k1']:.3g} 1/s" in text
    assert "k 0.03 1/s" in text
    # six behind is out, and where one exponential does nothing is to be explained twice
    assert not alternatives_of([plain, smooth(model, two.aicc + 6.1, kind, k=0.03), two], two.aicc)
    if kind != "exponential":
        near = smooth("exponential", two.aicc + 5, "exponential")
        assert not alternatives_of([near, one, two], two.aicc)
    assert not alternatives_of([plain, one, two], two.aicc - 6.1), "another model is far ahead of both"


def test_a_slow_start_is_mixing_or_an_induction() -> None:
    fit = fitted(bench.mixing(exponential(0.04, 0.05), 3.0), 0.003, "mixing")
    assert fit.verdict.code == "one_stage"
    (pair,) = fit.verdict.alternatives
    numbers = pair.numbers | pair.other_numbers
    assert {pair.reading, pair.other_reading} == {
        "mixing (a start-up time)",
        "an induction or a slow first stage",
    }
    assert numbers["tau"] == pytest.approx(3.0, abs=0.5)
    assert numbers["td"] == pytest.approx(3.0, abs=0.5)
    assert "a dye or a known fast reaction" in pair.decided_by
    assert in_words([pair]) in fit.verdict.text
    assert fit.to_dict()["verdict"]["alternatives"][0]["decided_by"] == pair.decided_by
    assert cx.StagedFit.from_json(fit.to_json()).verdict == fit.verdict


@pytest.mark.parametrize("curve", [SEED, exponential(0.04, 0.05)], ids=["seed", "exponential"])
def test_a_clear_trace_leaves_nothing_open(curve: Any) -> None:
    fit = fitted(curve, 0.003, "clear")
    assert fit.verdict.code in ("two_stages", "one_stage")
    assert not fit.verdict.alternatives
    assert "told apart" not in fit.verdict.text


def test_a_first_step_may_be_a_dilution() -> None:
    """Dilution between the third and the fourth reading, no first stage: a pair, then clearly a step."""
    share = np.where(T < 2.5, 1.06, 1.0)
    fit = fitted(lambda t: share * exponential(0.03)(t), 0.004, "dilution", noise="ar1")
    assert not fit.excluded
    assert "between 2 and 3 s" in fit.verdict.text
    assert "a dilution at the addition, or a lamp or a cell that moved, is no stage" in fit.verdict.text
    share = np.where(T < 2.5, 1.03, 1.0)
    fit = fitted(lambda t: share * exponential(0.03)(t), 0.004, "dilution")
    pair = next(a for a in fit.verdict.alternatives if "a dilution" in a.reading + a.other_reading)
    numbers = pair.numbers if "a dilution" in pair.reading else pair.other_numbers
    assert numbers["dilution"] == pytest.approx(0.03, abs=0.015)
    assert numbers["readings"] == 3
    assert not fit.excluded


@pytest.mark.parametrize(("readings", "step", "sd"), [(3, 0.06, 0.001), (4, 0.06, 0.001), (4, 0.2, 0.004)])
@pytest.mark.parametrize("traces", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_readings_before_a_dilution_are_no_outliers(
    readings: int, step: float, sd: float, traces: int
) -> None:
    """One level shift of all explains them; to take some out and keep others would not."""
    share = np.where(readings - 0.5 > T, 1 + step, 1.0)
    for number in range(traces):
        y = share * exponential(0.03)(T) + np.random.default_rng(number).normal(0, sd, T.size)
        assert not cx.fit_stages(cx.Trace(time_s=T, absorbance=y)).excluded


def test_wander_stands_among_the_readings() -> None:
    """Of some traces with noise that wanders, a weak break of one at least could be its work."""
    for number in (5, 0, 1, 2, 3, 4, 6, 7):
        y = bench.one_over_f(0.01)(T, Staged(k2=0.024)(T), stream(43, "1f", number))
        verdict = cx.fit_stages(cx.Trace(time_s=T, absorbance=y)).verdict
        if verdict.wander_p_value > 0.05:
            break
    pair = next(a for a in verdict.alternatives if a.other_reading == "slow wander of the baseline")
    assert 0.001 < pair.other_numbers["sd"] < 0.1
    assert 1.0 < pair.other_numbers["lasts"] <= 100.0
    assert "a blank run or a replicate would tell" in verdict.text


ANSWERS = {
    "two_stages": "Two stages: the rate ",
    "one_stage": "One exponential describes the run (k ",
    "smooth": "The rate changes smoothly: a",
    "undecided": "Cannot be told: ",
    "no_decay": "No decay: ",
    "more_stages": "Three stages: the rate changes at ",
}


@pytest.mark.parametrize(
    ("curve", "sd"),
    [
        (SEED, 0.01),
        (exponential(0.03), 0.003),
        (SMOOTH["second order"], 0.003),
        (SMOOTH["second order"], 0.02),
        (drifting(exponential(0.056), 0.001), 0.003),
        (lambda t: np.full_like(t, 0.5), 0.003),
    ],
)
def test_the_first_sentence_is_a_plain_answer(curve: Any, sd: float) -> None:
    """No statistics stand in it: these follow."""
    verdict = fitted(curve, sd, "plain").verdict
    answer = verdict.text.split(". ")[0]
    assert answer.startswith(ANSWERS[verdict.code])
    for word in ("AICc", "p =", "p <=", "simulated", "F ="):
        assert word not in answer, answer
