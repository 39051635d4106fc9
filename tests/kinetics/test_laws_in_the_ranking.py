"""Laws that bend join the ranking where they could change what is said, and stages must beat them."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import cxkinetics as cx
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.kinetics.optimum import information
from cxkinetics.kinetics.rivals import law_contenders, smooth_contenders
from cxkinetics.kinetics.verdict import SLIGHT
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.models.laws import LAWS
from tests.studies.truths import SEED, Staged, exponential, noise, stream, times

T = times(101)


def solved(right_side, name: str, sd: float = 0.003) -> cx.Trace:
    """A rate law dA/dt = right_side(A) from 0.9, by a solver that shares nothing with the package."""
    done = solve_ivp(
        lambda _, a: [right_side(max(a[0], 0.0))], (0, 100), [0.9], t_eval=T, rtol=1e-8, atol=1e-10
    )
    return cx.Trace(time_s=T, absorbance=np.maximum(done.y[0], 0.0) + noise(T, sd, 0.0, stream(31, name, 0)))


def verdict(trace: cx.Trace) -> tuple[str, str]:
    fit = cx.fit_stages(trace)
    return fit.verdict.code, fit.verdict.text


@pytest.mark.parametrize(
    ("name", "right_side"),
    [
        ("saturation", lambda a: -0.03 * a / (0.1 + a)),
        ("order n", lambda a: -0.012 * a ** (2 / 3)),
    ],
)
def test_a_law_that_bends_towards_its_end_is_no_stage(name: str, right_side) -> None:
    code, text = verdict(solved(right_side, name))
    assert code == "smooth"
    assert name in text


def test_one_clear_exponential_is_ranked_without_them() -> None:
    y = exponential(0.03)(T) + noise(T, 0.003, 0.0, stream(32, "exponential", 0))
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=y))
    assert fit.verdict.code == "one_stage"
    assert not {r.model.removesuffix(" + offset") for r in fit.rivals} & set(LAWS)


def test_a_break_leads_every_smooth_rate_and_names_the_size_of_the_change() -> None:
    y = SEED(T) + noise(T, 0.01, 0.0, stream(33, "seed", 0))
    fit = cx.fit_stages(cx.Trace(time_s=T, absorbance=y))
    assert fit.verdict.code == "two_stages"
    value, interval = str(fit.rate_ratio).split(" ", 1)
    assert f"the rate falls {value}-fold {interval} at" in fit.verdict.text
    best = min(r.aicc for r in fit.rivals if "stage" not in r.model)
    staged = min(r.aicc for r in fit.rivals if "stage" in r.model and "3" not in r.model)
    assert fit.verdict.delta_aicc == pytest.approx(best - staged)


def test_a_slight_change_of_rate_is_no_stage() -> None:
    """Six per cent between two rates: too large for the noise, too small for stages."""
    t = times(401)
    y = Staged(k1=0.0318, k2=0.03, tb=30.0)(t) + noise(t, 0.0002, 0.0, stream(34, "slight", 0))
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), n_stages=2)
    assert fit.rate_ratio.high < SLIGHT
    assert fit.verdict.code not in ("two_stages", "more_stages")


def test_a_rising_piece_is_no_first_order_stage() -> None:
    y = Staged(k1=0.05, k2=-0.01, tb=40.0)(T) + noise(T, 0.003, 0.0, stream(35, "rising", 0))
    code, text = verdict(cx.Trace(time_s=T, absorbance=y))
    assert code == "undecided"
    assert "1/s lies below zero with its whole interval" in text


@pytest.mark.parametrize(("n", "ar1"), [(101, False), (101, True), (1000, True)])
def test_a_rival_far_behind_stands_at_its_optimum_too(n: int, ar1: bool) -> None:
    """Where a rival misfits, its misfit is taken for correlation, round by round: all rounds must be run."""
    t = times(n)
    y = 0.9 * LAWS["saturation"].function(t / 100, np.array([[3.0, 0.75]]))[0][0, 0]
    y = y + noise(t, 0.003, 0.0, stream(36, "optimum", n))
    sample, family = (
        sample_of(cx.Trace(time_s=t, absorbance=y)),
        DecayFamily(DECAYS["biexponential"], True, True),
    )
    found = {c.model: c for c in smooth_contenders(sample, ar1=ar1, offsets=(False, True))}
    best = np.inf
    for rho in np.linspace(0.0, 0.96, 13) if ar1 else (0.0,):
        white = whitening(sample, float(rho))
        done = least_squares(
            lambda p, white=white: white.apply(sample.signal - family.evaluate(sample.time, p[None])[0][0]),
            [-2.0, -45.0, 7.9, 7.8, 1.0],
            jac=lambda p, white=white: -white.apply(family.evaluate(sample.time, p[None])[1][0]).T,
            method="lm",
        )
        scores = information(sample, 2 * done.cost, float(white.log_determinant), 6 + ar1)
        best = min(best, scores[0])
    assert found["biexponential + offset"].aicc < best + 1.0


def test_a_narrower_law_is_never_left_out_where_it_could_be_the_best() -> None:
    trace = solved(lambda a: -0.03 * a / (0.1 + a), "narrow")
    sample = sample_of(trace)
    known = smooth_contenders(sample, ar1=True, offsets=(False, True))
    found = law_contenders(sample, ar1=True, offsets=(False, True), known=known)
    names = [name for name, shape in LAWS.items() if shape.kind != "rate"]
    every = smooth_contenders(sample, ar1=True, offsets=(False, True), names=names)
    best = min(every, key=lambda c: c.aicc)
    assert best.model in {c.model for c in found}
    assert min(c.aicc for c in found if c.kind != "rate") == pytest.approx(best.aicc, abs=0.1)
