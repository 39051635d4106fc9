"""The exact search for one break in straight lines against its peers, as ratios of CPU time in one run.

python -m pytest tests/benchmarks -m bench

Every peer gets the same points of ln A of a two-stage decay (simulated). lmfit gets good starts and
finds a point estimate only; pwlf.fitfast and piecewise-regression search for the break as we do.
"""

import time

import numpy as np
import pytest

from cxkinetics.kinetics.lines import fit_broken_line

pytest.importorskip("pytest_benchmark")
pytestmark = pytest.mark.bench

SIZES = {100: (200, 20), 1_000: (100, 10), 10_000: (30, 3), 100_000: (10, 2)}
"""Points -> rounds of ours and of the peers."""
LONGEST = 10_000
"""Points up to which piecewise-regression is waited for (a minute and more beyond)."""


def points(n):
    rng = np.random.default_rng(n)
    x = np.linspace(0, 100, n)
    y = -0.1 - 0.056 * np.minimum(x, 20) - 0.019 * np.maximum(x - 20, 0) + 0.05 * rng.standard_normal(n)
    return x, y


def fit_by_lmfit(x, y):
    import lmfit

    parameters = lmfit.Parameters()
    for name, value in {"level": -0.1, "first": -0.056, "second": -0.019, "at": 20.5}.items():
        parameters.add(name, value=value)

    def residual(p):
        at = p["at"].value
        line = p["level"].value + p["first"].value * np.minimum(x, at)
        return line + p["second"].value * np.maximum(x - at, 0) - y

    return lmfit.minimize(residual, parameters).params["at"].value


def fit_by_pwlf(x, y):
    import pwlf

    return pwlf.PiecewiseLinFit(x, y).fitfast(2)[1]


def fit_by_piecewise_regression(x, y):
    import piecewise_regression

    fit = piecewise_regression.Fit(list(x), list(y), n_breakpoints=1)
    return fit.get_results()["estimates"]["breakpoint1"]["estimate"]


PEERS = {
    "lmfit, good start": ("lmfit", fit_by_lmfit, 1_000),
    "pwlf.fitfast": ("pwlf", fit_by_pwlf, 100_000),
    "piecewise-regression": ("piecewise_regression", fit_by_piecewise_regression, 10_000),
}
"""Name -> module, call, and the points up to which it must take longer than the exact search."""


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.benchmark(timer=time.process_time, group="exact search for one break")
def test_exact_search_is_faster_than_its_peers(benchmark, cpu_seconds, tell, n):
    x, y = points(n)
    rounds, rounds_of_peers = SIZES[n]
    ours = benchmark.pedantic(fit_broken_line, (x, y), rounds=rounds, warmup_rounds=2)
    seconds = benchmark.stats.stats.min
    tell(f"\nn = {n}: exact search {1e3 * seconds:.3g} ms, break {ours.breakpoints[0]:.4f}")
    for name, (module, call, longest) in PEERS.items():
        pytest.importorskip(module)
        if module == "piecewise_regression" and n > LONGEST:
            tell(f"  {name:22s} not run")
            continue
        np.random.seed(0)  # noqa: NPY002  the peers draw from the global state
        repeats = rounds_of_peers if module != "piecewise_regression" else 1
        ratio = cpu_seconds(lambda call=call: call(x, y), repeats) / seconds
        benchmark.extra_info[name] = ratio
        tell(f"  {name:22s} {ratio:8.1f} times as long")
        assert ratio > 1 or n > longest, name
