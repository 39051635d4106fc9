"""Long traces are searched in averages of their readings, which must say what all readings say."""

import tracemalloc

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import coloured, likeliest_rho, sample_of, whitening
from cxkinetics.kinetics import reduction
from cxkinetics.kinetics.checks import _near_spikes, _spikes
from cxkinetics.kinetics.optimum import tangent
from cxkinetics.signals.screening import noise_sd
from tests.studies import truths
from tests.studies.long_traces import CELLS, WHITE, Cell, compared, every_reading
from tests.studies.truths import SEED


def trace(n, *, seed=3, cell="seed, AR .5"):
    return CELLS[cell].trace(n, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", ["even", "dense"])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_keep_the_sum_of_squares_of_all_readings_at_every_correlation(kind, weighted):
    t = truths.times(1300, kind)
    rng = np.random.default_rng(5)
    sigma = np.exp(0.3 * np.sin(t / 9)) if weighted else None
    whole = sample_of(cx.Trace(time_s=t, absorbance=SEED(t) + truths.noise(t, 0.003, 0.4, rng), sigma=sigma))
    short, found = reduction.reduced(whole)
    short, _ = reduction.again(whole, short, found)
    assert short.n < 500
    assert short.n_read == whole.n
    rest, shown = (s.signal - found.family.evaluate(s.time, found.theta[None])[0][0] for s in (whole, short))
    for rho in (-0.3, 0.0, 0.4, 0.9):
        fine, coarse = whitening(whole, rho), whitening(short, rho)
        all_readings = float(np.sum(fine.apply(rest) ** 2))
        close = 1e-9 if kind == "even" else 0.02  # gaps that widen within a block count by their mean
        assert np.sum(coarse.apply(shown) ** 2) + coarse.hidden == pytest.approx(all_readings, rel=close)
        assert coarse.log_determinant == pytest.approx(float(fine.log_determinant), rel=close, abs=1e-9)


def test_the_correlation_is_that_of_all_readings():
    whole = sample_of(trace(2000))
    short, found = reduction.reduced(whole)
    rest = [(s, *tangent(s, found)) for s in (short,)]
    theirs = whole.signal - found.family.evaluate(whole.time, found.theta[None])[0][0]
    jacobian = found.family.evaluate(whole.time, found.theta[None])[1][0]
    rho = likeliest_rho(*rest[0], restricted=True)
    assert rho == pytest.approx(likeliest_rho(whole, theirs, jacobian, restricted=True), abs=1e-3)


def test_noise_drawn_for_blocks_is_white_again_where_it_is_whitened():
    short, _ = reduction.reduced(sample_of(trace(1200)))
    for rho in (0.0, 0.6):
        white = whitening(short, rho)
        drawn = np.random.default_rng(1).standard_normal((3, short.n))
        back, own = white.apply(coloured(short, rho, drawn)), white.diagonal > 0
        assert back[:, own] == pytest.approx(drawn[:, own])
        assert not back[:, ~own].any()


@pytest.mark.parametrize(
    "cell", ["seed, AR .5", "weak break, white", "one exponential", "biexponential", "three stages"]
)
def test_blocks_say_what_all_readings_say(cell):
    found = compared(CELLS[cell].trace(1200, truths.stream(7, cell, 0)), **CELLS[cell].options)
    assert found.ours.verdict.code == found.full.verdict.code
    mine, theirs = found.ours.stages[0].k_per_s, found.full.stages[0].k_per_s
    half = (theirs.high - theirs.low) / 2
    assert abs(mine.value - theirs.value) < 1e-3 * half
    assert abs(mine.low - theirs.low) < 0.05 * half
    assert abs(mine.high - theirs.high) < 0.05 * half
    assert found.end[0] < 0.1


def test_short_traces_are_searched_reading_by_reading():
    sample = sample_of(trace(reduction.LONG))
    assert reduction.reduced(sample) == (sample, None)
    assert not reduction.is_long(401)


def test_what_is_shown_is_at_rest_in_all_readings():
    given = trace(5000, cell="seed, white")
    fit = cx.fit_stages(given)
    assert fit.residuals.size == fit.fitted.size == 5000
    nudged = []
    for name in range(2):
        rates = [stage.k_per_s.value for stage in fit.stages]
        rates[name] *= 1 + 1e-5
        at, off = fit.breakpoints_s[0].value, fit.offset.value
        spent = rates[0] * np.minimum(given.time_s, at) + rates[1] * np.maximum(given.time_s - at, 0)
        nudged.append(np.sum((given.absorbance - off - fit.amplitude.value * np.exp(-spent)) ** 2))
    assert min(nudged) > fit.rss


def test_a_hundred_thousand_readings_fit_into_three_hundred_megabytes():
    given = trace(100_000, cell="seed, white")
    tracemalloc.start()
    fit = cx.fit_stages(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    assert fit.verdict.code == "two_stages"
    assert fit.breakpoints_s[0].low < 20 < fit.breakpoints_s[0].high


def test_equal_times_in_a_long_trace_do_not_meet_each_other_in_a_table():
    t = np.repeat(np.linspace(0, 100, 6000), 2)
    rng = np.random.default_rng(2)
    given = cx.Trace(time_s=t, absorbance=SEED(t) + rng.normal(0, 0.003, t.size))
    tracemalloc.start()
    fit = cx.fit_stages(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert np.std(fit.residuals) == pytest.approx(0.003, rel=0.05)


def test_spikes_of_a_long_trace_are_those_that_a_look_at_every_reading_finds():
    given = trace(2500, cell="seed, white")
    readings = given.absorbance.copy()
    readings[[3, 700, 1000, 2495]] += [0.04, -0.08, 0.1, 0.03]
    readings[400:403] += 0.03
    ours = _spikes(readings)
    with every_reading():
        assert np.array_equal(ours, _spikes(readings))
    near = _near_spikes(readings, noise_sd(readings))
    assert near.size < 400
    assert set(np.flatnonzero(ours)) <= set(near.tolist())
    fit = cx.fit_stages(cx.Trace(time_s=given.time_s, absorbance=readings))
    assert {round(t, 1) for t, _ in fit.excluded} >= {28.0, 40.0}
    assert fit.verdict.code == "two_stages"


def test_spikes_at_a_break_do_not_remove_it():
    given = trace(3000, cell="seed, white")
    readings, at = given.absorbance.copy(), np.searchsorted(given.time_s, 20.0)
    readings[at - 2 : at + 2] += [0.05, -0.05, 0.05, -0.05]
    fit = cx.fit_stages(cx.Trace(time_s=given.time_s, absorbance=readings))
    assert fit.verdict.code == "two_stages"
    assert fit.breakpoints_s[0].value == pytest.approx(20, abs=0.2)
    assert len(fit.excluded) <= 6


@pytest.mark.parametrize("n", [600, 1200])
def test_a_drift_stands_beside_more_than_four_hundred_readings(n):
    cell = Cell(truths.drifting(SEED), WHITE)
    fit = cx.fit_stages(cell.trace(n, np.random.default_rng(4)), drift="linear")
    assert fit.verdict.code == "two_stages"
    assert fit.drift_per_s.low < 0.0006 < fit.drift_per_s.high


def test_wander_of_a_long_trace_is_no_break():
    fit = cx.fit_stages(trace(4000, cell="random walk"))
    assert fit.verdict.code in ("undecided", "smooth", "one_stage")


def test_an_early_break_is_not_taken_for_wander_in_coarse_averages():
    fit = cx.fit_stages(trace(4000, cell="early break"))
    assert fit.verdict.code == "two_stages"
    assert fit.verdict.wander_p_value < 0.05
