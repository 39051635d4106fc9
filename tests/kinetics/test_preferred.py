"""The model that the verdict prefers, and any other on request, each with an interval for every parameter."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import cxkinetics as cx
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.kinetics.figures import plot_residuals
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.page import fit_facts
from cxkinetics.kinetics.profile import profile_space
from cxkinetics.kinetics.rivals import smooth_contenders
from cxkinetics.kinetics.smooth import smooth_fit, smooth_numbers
from cxkinetics.models.laws import LAWS, SHAPES
from cxkinetics.options import SHORT_MODELS, SMOOTH_MODELS
from tests.studies.measure import covers
from tests.studies.truths import SEED, SMOOTH, exponential, noise, stream, times

T = times(101)
SATURATED = 0.9 * LAWS["saturation"].function(T / 100, np.array([[3.0, 0.75]]))[0][0, 0]
TRUTHS = {
    "two stages": (SEED(T), {"k1": 0.056, "k2": 0.019, "breakpoint": 20.0, "amplitude": 0.9, "offset": 0.0}),
    "exponential": (exponential(0.03, 0.1)(T), {"k": 0.03, "amplitude": 0.8, "offset": 0.1}),
    "saturation": (SATURATED, {"k": 0.03, "saturation": 0.75, "amplitude": 0.9}),
    "biexponential": (
        SMOOTH["bi .5 .1/.02"](T),
        {"k1": 0.1, "k2": 0.02, "C1": 0.45, "C2": 0.45},
    ),
}


def trace(y: np.ndarray, name: str, number: int = 0, start: float = 0.0) -> cx.Trace:
    return cx.Trace(time_s=T + start, absorbance=y + noise(T, 0.003, 0.0, stream(41, name, number)))


@pytest.mark.parametrize("name", TRUTHS)
def test_the_preferred_model_gives_the_truth_back(name: str) -> None:
    y, truth = TRUTHS[name]
    fit = cx.fit_stages(trace(y, name), confidence=0.99)
    preferred = fit.preferred
    assert preferred is not None
    assert preferred.model.removesuffix(" + offset").replace("2", "two") == name
    assert "101 points, 0-100 s" in preferred.fitted_to
    for parameter, value in truth.items():
        estimate = preferred.parameters[parameter]
        assert covers(estimate, value), (parameter, str(estimate))
        assert covers(estimate, estimate.value)
        assert estimate.method.startswith("profile likelihood")


@pytest.mark.parametrize("name", ["two stages", "saturation"])
def test_verdict_and_preferred_model_do_not_depend_on_what_is_shown(name: str) -> None:
    data = trace(TRUTHS[name][0], name)
    own = cx.fit_stages(data)
    asked: list[dict[str, Any]] = [  # numbers of stages and breaks: see `test_one_verdict`
        {"n_stages": 1},
        {"model": "biexponential"},
        {"model": "delayed"},
        {"model": "staged"},
        {"recipe": "loglinear"},
    ]
    for options in asked:
        fit = cx.fit_stages(data, **options)
        assert fit.verdict == own.verdict, options
        assert fit.preferred == own.preferred, options


def test_it_is_stored_and_read_back_and_drawn() -> None:
    fit = cx.fit_stages(trace(SATURATED, "stored"))
    assert fit.preferred.model.startswith("saturation")
    again = cx.StagedFit.from_json(fit.to_json())
    assert again.preferred == fit.preferred
    number = fit.to_dict()["preferred"]["parameters"]["saturation"]
    assert {"value", "low", "high", "unit", "method"} <= set(number)
    text = fit.to_text()
    assert f"saturation = {fit.preferred.parameters['saturation']}" in text
    html = fit.to_html()
    assert html.index("Preferred by the verdict") < html.index("Stages")
    drawn = plot_residuals(fit).lines[-1].get_ydata()
    curve = fit.curve_of(fit.preferred, fit.trace.time_s)
    assert drawn == pytest.approx(fit.trace.absorbance - curve)
    assert np.sum(drawn**2) < np.sum(fit.residuals**2)


def test_the_interval_of_an_order_at_its_bound_is_that_of_a_dense_search() -> None:
    """A law that ends has a kink on every reading: one descent from the optimum would rest on the next."""
    y = 0.08 + 0.82 * np.clip(1 - T / 60.3, 0, 1)
    sample = sample_of(trace(y, "line"))
    best = smooth_contenders(sample, ar1=False, offsets=(True,), names=("order n",))[0]
    fitted = smooth_fit(sample, best, ar1=False)
    orders = np.array([1e-3, 0.01, 0.03])
    found = profile_space(fitted).rss(np.full(orders.size, 2), orders)
    for order, rss in zip(orders, found, strict=True):
        rates = np.linspace(1.4, 2.0, 3001)
        columns = LAWS["order n"].function(sample.time, np.stack([rates, np.full(3001, order)], 1))[0][:, 0]
        centred = columns - columns.mean(axis=1, keepdims=True)
        target = sample.signal - sample.signal.mean()
        left = target @ target - (centred @ target) ** 2 / np.sum(centred**2, axis=1)
        assert rss == pytest.approx(left.min(), rel=2e-3)
        assert rss <= left.min() * (1 + 1e-9)
    order = smooth_numbers(fitted, FitOptions(), "AU")["n"]
    assert 1e-3 < order.high < 0.05
    assert whitening(sample, 0.0).identity


# a model on request --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ("exponential", "exponential"),
        ("biexponential", "biexponential"),
        ("stretched", "stretched exponential"),
        ("nth-order", "order n"),
        ("saturation", "saturation"),
        ("second-order", "second order"),
        ("delayed", "delayed exponential"),
        ("Jander diffusion + offset", "Jander diffusion"),
        ("smooth rate, degree 2", "smooth rate, degree 2"),
        ("exponential + drift + offset", "exponential + drift"),
    ],
)
def test_a_model_on_request_comes_with_its_numbers_and_no_stages(asked: str, model: str) -> None:
    fit = cx.fit_decay(trace(SEED(T), "asked"), asked)
    assert fit.model is not None
    assert fit.model.model.removesuffix(" + offset") == model
    assert (fit.stages, fit.breakpoints_s, fit.rate_ratio) == ((), (), None)
    assert any(r.code == "no_stages" and fit.model.model in r.text for r in fit.warnings)
    assert fit.model.model in [r.model for r in fit.rivals]
    assert fit.curve(fit.trace.time_s) == pytest.approx(fit.fitted, abs=1e-5)
    assert np.sum(fit.residuals**2) == pytest.approx(fit.rss)
    assert fit.verdict.code == "two_stages"
    for text in (fit.to_text(), fit.to_html()):
        assert fit.model.model[1:] in text
    again = cx.StagedFit.from_json(fit.to_json())
    assert again.model == fit.model
    assert again.to_text() == fit.to_text()


def test_a_model_on_request_stands_before_the_one_that_the_verdict_prefers() -> None:
    decay = 0.5 * np.exp(-0.1 * T) + 0.4 * np.exp(-0.02 * T)
    fit = cx.fit_decay(trace(decay, "asked"), "exponential")
    assert fit.model is not None
    assert fit.verdict.code == "smooth"
    assert [fact.label for fact in fit_facts(fit)] == ["k"]


def test_a_clock_that_starts_late_changes_only_amplitudes() -> None:
    early, late = (cx.fit_decay(trace(SATURATED, "late", 0, s), "saturation") for s in (0.0, 30.0))
    for name in ("k", "saturation"):
        low, high = (f.model.parameters[name].value for f in (early, late))
        assert low == pytest.approx(high, rel=1e-4)
    assert "first reading, 30 s" in late.model.fitted_to


def test_the_option_takes_every_smooth_model_of_the_ranking() -> None:
    assert set(SMOOTH_MODELS) == set(SHAPES)
    assert set(SHORT_MODELS.values()) <= set(SHAPES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "A -> B"}, "cxkinetics spectra"),
        ({"model": "biexponental"}, "did you mean 'biexponential'"),
        ({"model": "saturation", "n_stages": 2}, "--stages cannot be given beside it"),
        ({"model": "saturation", "bootstrap": 99}, "--bootstrap"),
    ],
)
def test_a_model_that_there_is_not_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(cx.UsageError, match=said.replace("->", "-.")):
        cx.fit_stages(trace(SEED(T), "refused"), **options)
