"""The simulated law of weak breaks against plain least squares on the same noise."""

import numpy as np
import pytest
from scipy.special import stdtrit

import cxkinetics as cx
from cxkinetics.inference.ar1 import ar1_noise, sample_of
from cxkinetics.kinetics import intervals as module
from cxkinetics.kinetics.intervals import break_law
from cxkinetics.kinetics.optimum import Fitted, staged_fit
from tests.studies.truths import SEED, Staged, noise, stream, times

WEAK = Staged(k1=0.045, k2=0.03, tb=30.0)


def fitted(truth: Staged, n: int, sd: float, rho: float, with_offset: bool, number: int = 0) -> Fitted:
    t = times(n)
    y = truth(t) + noise(t, sd, rho, stream(11, "break law", number))
    trace = cx.Trace(time_s=t, absorbance=y)
    return staged_fit(sample_of(trace), n_stages=2, with_offset=with_offset, ar1=rho > 0)


def test_a_sharp_break_follows_students_law() -> None:
    assert break_law(fitted(SEED, 101, 0.003, 0.0, False), 0.95, np.random.default_rng(0)) is None


def least(columns: np.ndarray, target: np.ndarray) -> float:
    """Residual sum of squares of a linear least-squares fit, columns of unit length."""
    design = (columns / np.linalg.norm(columns, axis=1, keepdims=True)).T
    return float(np.sum((target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) ** 2))


@pytest.mark.parametrize("with_offset", [False, True])
def test_factors_against_least_squares_at_every_break(
    with_offset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLICATES", 40)
    monkeypatch.setattr(module, "TRIALS", 3)
    fit = fitted(WEAK, 31, 0.01, 0.5, with_offset)
    law = break_law(fit, 0.95, np.random.default_rng(3))
    assert law is not None
    sample, white = fit.sample, fit.white
    fall, rest = module._reference(fit)
    knots = fit.found.knots[fit.found.knot_rss <= fit.found.rss * (1 + module.PLAUSIBLE / fit.dof)]
    places = np.concatenate([law.trial, module._places(fit, np.sort(knots))])
    level = [fall, np.ones(sample.n)][: 1 + with_offset]

    def hinge(b: float) -> np.ndarray:
        return -fall * np.maximum(sample.time - b, 0.0)

    def early(b: float) -> np.ndarray:
        return -fall * np.minimum(sample.time, b)

    scale = np.sqrt(fit.found.rss / fit.dof)
    series = ar1_noise(sample, fit.rho, 40, np.random.default_rng(3)) * scale
    student = stdtrit(fit.dof, 0.975)
    plain = white.apply(np.array([*level, -fall * sample.time]))
    data = white.apply(rest[None, :])[0]
    for number, trial in enumerate(law.trial):
        both = np.concatenate([plain, white.apply(hinge(trial)[None, :])])
        bend = np.linalg.lstsq(both.T, data, rcond=None)[0][-1]
        excess = []
        for e in series:
            whole = white.apply((e + bend * hinge(trial))[None, :])[0]
            free = [least(white.apply(np.array([*level, early(b), hinge(b)])), whole) for b in places]
            excess.append((free[number] - min(free)) / (min(free) / fit.dof))
        root = np.sqrt(np.quantile(excess, 0.95))
        assert law.breaks[number] == pytest.approx(max(1.0, root / student), rel=1e-4)
    assert min(law.rates) >= 1.0


def test_a_rate_held_at_its_truth_against_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one break on trial the factors of the rates are those of that break."""
    monkeypatch.setattr(module, "REPLICATES", 30)
    monkeypatch.setattr(module, "TRIALS", 1)
    fit = fitted(WEAK, 31, 0.01, 0.5, True, number=1)
    law = break_law(fit, 0.95, np.random.default_rng(4))
    assert law is not None
    sample, white = fit.sample, fit.white
    fall, rest = module._reference(fit)
    knots = fit.found.knots[fit.found.knot_rss <= fit.found.rss * (1 + module.PLAUSIBLE / fit.dof)]
    trial = float(law.trial[0])
    places = np.concatenate([law.trial, module._places(fit, np.sort(knots))])
    hinges = {b: -fall * np.maximum(sample.time - b, 0.0) for b in places}
    early = {b: -fall * np.minimum(sample.time, b) for b in places}
    level = [fall, np.ones(sample.n)]
    plain = white.apply(np.array([*level, -fall * sample.time, hinges[trial]]))
    bend = np.linalg.lstsq(plain.T, white.apply(rest[None, :])[0], rcond=None)[0][-1]
    scale = np.sqrt(fit.found.rss / fit.dof)
    excess = []
    for e in ar1_noise(sample, fit.rho, 30, np.random.default_rng(4)) * scale:
        held: dict[str, list[float]] = {"free": [], "k1": [], "k2": []}
        whole = white.apply((e + bend * hinges[trial])[None, :])[0]
        for b in places:
            shifted = white.apply((e + bend * (hinges[trial] - hinges[b]))[None, :])[0]
            held["free"].append(least(white.apply(np.array([*level, early[b], hinges[b]])), whole))
            held["k1"].append(least(white.apply(np.array([*level, hinges[b]])), shifted))
            held["k2"].append(least(white.apply(np.array([*level, early[b]])), shifted))
        free = min(held["free"])
        excess.append([(min(held[k]) - free) / (free / fit.dof) for k in ("k1", "k2")])
    roots = np.sqrt(np.quantile(excess, 0.95, axis=0)) / stdtrit(fit.dof, 0.975)
    assert law.rates == pytest.approx(np.maximum(roots, 1.0), rel=1e-4)
    assert max(law.rates) > 1.0
