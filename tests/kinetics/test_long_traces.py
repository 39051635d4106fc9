"""Long traces are searched in averages of their readings, which must say what all readings say."""

import io
import tracemalloc

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.inference.ar1 import coloured, likeliest_rho, sample_of, whitening
from cxkinetics.kinetics import reduction
from cxkinetics.kinetics.checks import _near_spikes, _spikes
from cxkinetics.kinetics.optimum import tangent
from cxkinetics.signals import prepare
from cxkinetics.signals.screening import noise_sd
from tests.studies import truths
from tests.studies.long_traces import CELLS, WHITE, Cell, compared, every_reading
from tests.studies.truths import SEED


def trace(n, *, seed=3, cell="seed, AR .5"):
    return CELLS[cell].trace(n, np.random.default_rng(seed))


def clock(kind, n):
    if kind == "rounded":  # a step of 12 ms told in units of 5 ms: gaps of 10 and of 15 ms
        return np.round(0.012 * np.arange(n) / 0.005) * 0.005
    return truths.times(n, kind)


@pytest.mark.parametrize("kind", ["even", "rounded", "dense"])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_keep_the_sum_of_squares_of_all_readings_at_every_correlation(kind, weighted):
    t = clock(kind, 1300)
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
        close = 0.02 if kind == "dense" else 1e-9  # gaps that widen within a block count by their mean
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


@pytest.mark.parametrize("options", [{}, {"t0": "auto"}])
def test_a_late_addition_is_found_between_blocks(options):
    fit = cx.fit_stages(trace(10_000, cell="recorded 7 s early"), **options)
    told = next(remark.text for remark in fit.warnings if remark.code == "t0")
    assert abs(float(told.split("addition at ")[1].split(" s")[0]) - 7) < 0.2
    assert fit.verdict.code == "two_stages"
    assert abs(fit.breakpoints_s[0].value - 20) < 0.2


def test_a_step_is_told_between_the_readings_beside_it():
    cell = Cell(lambda t: truths.exponential(0.04, 0.05)(t) + 0.01 * (t > 40.0003), WHITE)
    fit = cx.fit_stages(cell.trace(10_000, np.random.default_rng(3)))
    rival = next(r for r in fit.rivals if r.model.startswith("exponential + step"))
    early, late = rival.parameters["step from"], rival.parameters["step to"]
    assert late - early < 0.011
    assert abs(early - 40) < 0.1
    assert rival.parameters["step"] == pytest.approx(0.01, rel=0.1)


def test_more_readings_than_are_held_are_averaged_and_it_is_said(monkeypatch):
    monkeypatch.setattr(prepare, "MOST_READINGS", 1000)
    given = trace(2500, cell="seed, white")
    fit = cx.fit_stages(given)
    assert fit.trace.n_points == 834
    assert fit.trace.time_s[0] == pytest.approx(given.time_s[:3].mean())
    text = next(remark.text for remark in fit.warnings if remark.code == "averaged")
    assert text == "2500 readings were averaged, 3 neighbours each, before the fit: 834 are left"
    assert abs(fit.breakpoints_s[0].value - 20) < 0.3


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("n", "stream", "shown"), [(1000, Terminal, True), (1000, io.StringIO, False), (200, Terminal, False)]
)
def test_a_long_fit_shows_its_progress_on_a_terminal_only(monkeypatch, n, stream, shown):
    monkeypatch.setattr("cxkinetics.kinetics.fit.PATIENCE", 0.0)
    screen = stream()
    monkeypatch.setattr("sys.stderr", screen)
    cx.fit_stages(trace(n, cell="one exponential"))
    assert (f"{n} readings" in screen.getvalue()) is shown


def test_wander_of_a_long_trace_is_no_break():
    fit = cx.fit_stages(trace(4000, cell="random walk"))
    assert fit.verdict.code in ("undecided", "smooth", "one_stage")


def test_an_early_break_is_not_taken_for_wander_in_coarse_averages():
    fit = cx.fit_stages(trace(4000, cell="early break"))
    assert fit.verdict.code == "two_stages"
    assert fit.verdict.wander_p_value < 0.05
