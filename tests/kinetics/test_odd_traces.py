"""Traces of every odd kind: a fit, or an error of ours; never a warning of numpy, never another error."""

import numpy as np
import pytest

import cxkinetics as cx
from tests.studies.truths import Staged, stream

KINDS = {
    "decay": lambda u: np.exp(-3 * u),
    "constant": lambda u: 0.5 + 0 * u,
    "line": lambda u: 1 - 0.5 * u,
    "step": lambda u: np.where(u < 0.5, 1.0, 0.5),
    "second order": lambda u: 1 / (1 + 10 * u),
    "growth": lambda u: 1 - np.exp(-5 * u),
    "late": lambda u: np.exp(-((2.5 * u) ** 4)),
    "walk": lambda u: 1 + 0.1 * np.cumsum(stream(70, "walk", u.size).normal(size=u.size)),
}


def odd_trace(kind: str, number: int) -> tuple[cx.Trace, dict[str, object]]:
    rng = stream(70, kind, number)
    n = int(rng.choice([6, 7, 8, 9, 10, 12, 15, 20, 31, 60]))
    u = np.sort(rng.uniform(0, 1, n)) if rng.random() < 0.5 else np.linspace(0, 1, n)
    y = KINDS[kind](u - u[0]) + 10.0 ** rng.uniform(-8, -1) * rng.normal(size=n)
    t = 100 * u + (rng.uniform(-500, 1e5) if rng.random() < 0.2 else 0.0)
    if rng.random() < 0.2:
        t = np.round(t / 5) * 5  # tied times
    if rng.random() < 0.2:
        y *= 10.0 ** rng.uniform(-6, 6)
    stages = ["auto", 1, 2, 3][rng.integers(4)]
    options: dict[str, object] = {"n_stages": stages, "offset": ["auto", "fit", "zero"][rng.integers(3)]}
    options["noise"] = ["auto", "white"][rng.integers(2)]
    options["direction"] = "growth" if rng.random() < 0.2 else "decay"
    options["joint"] = "free" if rng.random() < 0.1 else "continuous"
    return cx.Trace(time_s=t, absorbance=y), options


def is_fitted_or_refused(kind: str, number: int) -> bool:
    trace, options = odd_trace(kind, number)
    try:
        fit = cx.fit_stages(trace, **options)
    except cx.CxKineticsError:
        return False
    assert str(fit)
    assert cx.StagedFit.from_json(fit.to_json()).to_dict() == fit.to_dict()
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_odd_traces_are_fitted_or_refused_in_our_words(kind: str) -> None:
    fitted = [is_fitted_or_refused(kind, number) for number in range(5)]
    assert any(fitted) or kind in ("constant", "walk", "growth"), "some of every kind can be fitted"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_odd_traces_are_fitted_or_refused_in_our_words(kind: str) -> None:
    for number in range(5, 150):
        is_fitted_or_refused(kind, number)


def test_three_free_stages_have_a_breakpoint_each() -> None:
    t = np.arange(24.0)
    y = np.exp(-0.1 * t) + 0.001 * stream(71, "free", 0).normal(size=24)
    fit = cx.fit_stages(
        cx.Trace(time_s=t, absorbance=y), n_stages=3, joint="free", offset="fit", noise="white"
    )
    assert len(fit.breakpoints_s) == 2
    assert all(b.low < b.value < b.high for b in fit.breakpoints_s)


def test_times_that_are_spaced_by_their_logarithm_look_for_no_outliers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Early readings lie close together: their slopes scatter, which is no spike; a spike is looked for."""
    from cxkinetics.inference.ar1 import sample_of
    from cxkinetics.kinetics import checks

    def searched(y: np.ndarray) -> bool:
        calls: list[int] = []
        none = np.zeros(t.size, bool)
        monkeypatch.setattr(checks, "_settled", lambda *_: calls.append(1) or none)
        monkeypatch.setattr(checks, "_confirmed", lambda *_: none)
        checks.find_outliers(sample_of(cx.Trace(time_s=t, absorbance=y)))
        return bool(calls)

    t = np.geomspace(0.5, 300.0, 101)
    clean = [0.9 * np.exp(-0.02 * t) + stream(71, "log", i).normal(0, 0.003, t.size) for i in range(20)]
    assert sum(searched(y) for y in clean) <= 1
    spike = clean[0].copy()
    spike[60] += 0.06
    assert searched(spike)


def test_a_verdict_that_hangs_on_one_reading_says_which() -> None:
    """Without the reading that speaks most for a weak break the same fit is undecided, and so told."""
    t = np.linspace(0, 100, 51)
    told = []
    for number in (0, 1, 9):
        y = Staged(k1=0.045, k2=0.030)(t) + stream(3, "w", number).normal(0, 0.008, t.size)
        fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y))
        for influence in fit.influence:
            at = float(influence.left_out.split()[2])
            other = cx.fit_stages(fit.trace.select(fit.trace.time_s != at))
            assert influence.left_out.endswith("which speaks most for the break")
            assert (influence.verdict, influence.p_value) == (other.verdict.code, other.verdict.p_value)
            assert influence.verdict != fit.verdict.code == "two_stages"
            assert any(w.code == "few_readings" and f"at {at:g} s" in w.text for w in fit.warnings)
            told.append(number)
    assert told, "no trace whose verdict hangs on a reading"


@pytest.mark.parametrize("offset", ["auto", "zero", "fit", 0.0])
@pytest.mark.parametrize("number", range(6))
def test_the_curve_at_the_readings_is_what_was_fitted(number: int, offset: str | float) -> None:
    """Also where the width of the switch may be zero and its best value is not."""
    t = np.linspace(0, 100, 101)
    y = Staged()(t) + stream(7, "curve", number).normal(0, 0.01, t.size)
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), offset=offset)
    assert fit.curve(fit.trace.time_s) == pytest.approx(fit.fitted, abs=1e-4)
