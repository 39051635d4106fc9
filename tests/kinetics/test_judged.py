"""What a fit says of verdict and rates alone, without the rest of its result."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.kinetics import fit as fits
from cxkinetics.kinetics.fit import judged


def trace(n: int, sd: float, seed: int) -> cx.Trace:
    t = np.linspace(0.0, 100.0, n)
    a = 0.9 * np.exp(-0.056 * np.minimum(t, 20) - 0.019 * np.maximum(t - 20, 0))
    return cx.Trace(time_s=t, absorbance=a + np.random.default_rng(seed).normal(0, sd, n))


@pytest.mark.parametrize(("n", "sd", "code"), [(41, 0.003, "two_stages"), (21, 0.02, "undecided")])
def test_a_verdict_and_its_rates_are_those_of_the_whole_fit(n: int, sd: float, code: str) -> None:
    run = trace(n, sd, 0)
    fit = cx.fit_stages(run, n_stages=2, rng=3)
    verdict, numbers = judged(run, 2, 3)
    assert verdict == fit.verdict.code == code
    assert list(numbers) == [*(stage.k_per_s for stage in fit.stages), *fit.breakpoints_s]


def test_stages_asked_for_that_the_verdict_found_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    worked_out = fits._numbers

    def counting(*given: object) -> object:
        counted.append(given)
        return worked_out(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(fits, "_numbers", counting)
    run = trace(41, 0.003, 0)
    asked = cx.fit_stages(run, n_stages=2)
    assert len(counted) == 1
    found = cx.fit_stages(run)
    assert [stage.k_per_s for stage in asked.stages] == [stage.k_per_s for stage in found.stages]
