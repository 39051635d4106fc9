"""`fit_stages` against piecewise-regression's default call and lmfit, as ratios of CPU time in one run.

python -m pytest tests/benchmarks -m bench

On one simulated two-stage trace (0.9, 0.056 1/s to 20 s, then 0.019 1/s; 101 points, sd 0.003):
everything the default prints (all rivals, intervals, p from 499 simulated traces or more), 1000
bootstrap replicates, and the local fit that gives the four parameters alone.
"""

import time

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.bootstrap import bootstrap_fit
from cxkinetics.kinetics.optimum import staged_fit
from cxkinetics.models.decays import staged_decay
from cxkinetics.models.families import StagedFamily

pytest.importorskip("pytest_benchmark")
pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def trace():
    t = np.arange(101.0)
    clean = staged_decay(t, 0.9, np.array([0.056, 0.019]), np.array([20.0]))
    return cx.Trace(time_s=t, absorbance=clean + np.random.default_rng(1).normal(0, 0.003, 101))


@pytest.fixture(scope="module")
def default_call(trace):
    """CPU time of piecewise-regression's default call on ln A, in s: the mean of three."""
    piecewise_regression = pytest.importorskip("piecewise_regression")
    x, y = list(trace.time_s), list(np.log(trace.absorbance))
    np.random.seed(0)  # noqa: NPY002  it draws from the global state

    def call():
        piecewise_regression.Fit(x, y, n_breakpoints=1).summary()

    import contextlib
    import io
    import warnings

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        call()
        begin = time.process_time()
        for _ in range(3):
            call()
        return (time.process_time() - begin) / 3


@pytest.mark.benchmark(timer=time.process_time, group="staged fit")
def test_everything_the_default_prints(benchmark, tell, trace, default_call):
    benchmark.pedantic(lambda: str(cx.fit_stages(trace)), rounds=7, warmup_rounds=2)
    ours = benchmark.stats.stats.median
    ratio = default_call / ours
    benchmark.extra_info["piecewise-regression's default call"] = ratio
    tell(
        f"\nfit_stages with everything it prints {1e3 * ours:.0f} ms; "
        f"piecewise-regression's default call {ratio:.1f} times as long"
    )
    assert ratio >= 4


@pytest.mark.parametrize("kind", ["parametric", "residual", "block"])
@pytest.mark.benchmark(timer=time.process_time, group="1000 bootstrap replicates")
def test_a_thousand_bootstrap_replicates(benchmark, tell, trace, default_call, kind):
    fitted = staged_fit(sample_of(trace), n_stages=2, with_offset=False, ar1=True)

    def replicates():
        rng = np.random.default_rng(0)
        return bootstrap_fit(fitted, n_replicates=1000, kind=kind, level=0.95, unit="AU", offset=0.0, rng=rng)

    benchmark.pedantic(replicates, rounds=5, warmup_rounds=1)
    ours = benchmark.stats.stats.median
    ratio = 10 * default_call / ours
    tell(f"\n1000 {kind} replicates {1e3 * ours:.0f} ms; 10 default calls {ratio:.0f} times as long")
    assert ratio > 1


@pytest.mark.benchmark(timer=time.process_time, group="local plain fit")
def test_local_plain_fit_against_lmfit(benchmark, cpu_seconds, tell, trace):
    """From the same good start, to the same minimum: amplitude, both rate constants and the break."""
    import lmfit

    family = StagedFamily(2, False)
    good = np.array([0.88, 0.053, 0.02, 19.4])

    def ours():
        sample = sample_of(trace)
        units = np.array([sample.scale, 1 / sample.span_s, 1 / sample.span_s, sample.span_s])
        target = Target(sample.time, sample.signal, whitening(sample, 0.0))
        return descend(family, target, (good / units)[None, :]).theta[0] * units

    t, a = trace.time_s, trace.absorbance

    def theirs():
        parameters = lmfit.Parameters()
        for name, value in zip(("c", "k1", "k2", "b"), good, strict=True):
            parameters.add(name, value=value)

        def residual(p):
            b = p["b"].value
            spent = p["k1"].value * np.minimum(t, b) + p["k2"].value * np.maximum(t - b, 0)
            return p["c"].value * np.exp(-spent) - a

        found = lmfit.minimize(residual, parameters).params
        return np.array([found[name].value for name in ("c", "k1", "k2", "b")])

    assert ours() == pytest.approx(theirs(), rel=1e-4)
    benchmark.pedantic(ours, rounds=100, warmup_rounds=5)
    seconds = benchmark.stats.stats.min
    ratio = cpu_seconds(theirs, 100) / seconds
    benchmark.extra_info["lmfit, good start"] = ratio
    tell(f"\nlocal plain fit {1e3 * seconds:.2f} ms; lmfit from the same start {ratio:.1f} times as long")
    assert ratio > 1


@pytest.mark.parametrize(("n", "most"), [(10_000, 6), (100_000, 20)])
def test_a_long_trace_costs_little_more_than_a_short_one(cpu_seconds, tell, trace, n, most):
    t = np.linspace(0, 100, n)
    clean = staged_decay(t, 0.9, np.array([0.056, 0.019]), np.array([20.0]))
    long = cx.Trace(time_s=t, absorbance=clean + np.random.default_rng(1).normal(0, 0.003, n))
    short, ours = cpu_seconds(lambda: cx.fit_stages(trace), 5), cpu_seconds(lambda: cx.fit_stages(long), 2)
    tell(f"\n{n} readings {1e3 * ours:.0f} ms, {ours / short:.1f} times as long as 101")
    assert ours / short < most
