"""Plans of readings: what an instrument can be told, what they gain, and where they come from."""

import copy
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.planning.belief import belief_of_fit, belief_of_numbers
from cxkinetics.planning.design import EARLY, Grid, best_blocks, criterion, information_widths, times_of
from cxkinetics.planning.sampling import _median_ends, smallest_break
from tests.planning.sampling_study import Found, runs, seed_plan

SILVER = belief_of_numbers((0.056, 0.019), (20.0,))


@cache
def plan() -> cx.SamplingPlan:
    return seed_plan(24)


@cache
def study(name: str) -> Found:
    times = {"placed": np.array(plan().times_s), "even": np.linspace(0.0, 100.0, 30)}
    return runs(times[name], 60, 20240601)


def trace(n: int = 41, sd: float = 0.003, seed: int = 1, start: float = 0.0) -> cx.Trace:
    t = np.linspace(0.0, 100.0, n)
    a = 0.9 * np.exp(-0.056 * np.minimum(t, 20) - 0.019 * np.maximum(t - 20, 0))
    return cx.Trace(
        time_s=t + start, absorbance=a + np.random.default_rng(seed).normal(0, sd, n), label="run"
    )


@pytest.mark.parametrize(
    ("points", "fastest", "longest", "guess"),
    [
        (10, 1.0, 200.0, ((0.056, 0.019), (20.0,))),
        (30, 0.1, 120.0, ((0.15, 0.011), (10.0,))),
        (60, 5.0, 3600.0, ((0.002, 0.0007), (600.0,))),
        (40, 1.0, 200.0, ((0.09, 0.03, 0.008), (15.0, 50.0))),
        (21, 1.0, 20.0, ((0.4,), ())),
    ],
)
def test_blocks_are_what_an_instrument_can_be_told(
    points: int, fastest: float, longest: float, guess: tuple[Any, Any]
) -> None:
    belief, rng = belief_of_numbers(*guess), np.random.default_rng(1)
    blocks = best_blocks(Grid(points, fastest, longest), belief, belief.draws(16, rng), rng)
    times = times_of(blocks)
    assert times.size == points
    assert 3 <= len(blocks) <= 5
    assert times[0] == 0
    assert times[-1] <= longest * (1 + 1e-9)
    assert np.all(np.diff(times) > 0.99 * fastest)
    ticks = np.array([value for b in blocks for value in (b.from_s, b.to_s, b.every_s)]) / fastest
    np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6)
    np.testing.assert_allclose(times[:EARLY], fastest * np.arange(EARLY), rtol=1e-9)


def test_the_search_ends_where_no_reading_is_better_placed() -> None:
    rng = np.random.default_rng(2)
    theta = SILVER.draws(32, rng)
    blocks = best_blocks(Grid(30, 1.0, 200.0), SILVER, theta, rng)

    def loss(times: Any) -> float:
        return criterion(information_widths(times, theta, SILVER))

    best = loss(times_of(blocks))
    assert best < loss(np.linspace(0, 100, 30)) - math.log(1.8)
    assert best < loss(np.linspace(0, 200, 30)) - math.log(1.2)


def test_a_plan_for_one_breakpoint_is_worse_where_it_lies_elsewhere() -> None:
    rng, others = np.random.default_rng(2), SILVER.draws(200, np.random.default_rng(9))
    averaged = best_blocks(Grid(30, 1.0, 200.0), SILVER, SILVER.draws(64, rng), rng)
    local = best_blocks(Grid(30, 1.0, 200.0), SILVER, np.tile(SILVER.centre, (4, 1)), rng)
    averaged_worst, local_worst = (
        np.quantile(information_widths(times_of(blocks), others, SILVER)[:, 2], 0.9)
        for blocks in (averaged, local)
    )
    assert averaged_worst < local_worst / 1.1


def test_the_information_is_that_of_a_linear_fit() -> None:
    times, theta = np.linspace(0, 150, 40), SILVER.centre
    columns = []
    for at in range(theta.size):
        step = np.zeros(theta.size)
        step[at] = 1e-6
        ends = [SILVER.family.evaluate(times, (theta + sign * step)[None])[0][0] for sign in (1, -1)]
        columns.append((ends[0] - ends[1]) / 2e-6)
    jacobian = np.array(columns).T / SILVER.sd
    sd = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))[1:-1]
    found = information_widths(times, theta[None], SILVER)[0]
    np.testing.assert_allclose(found, 1.96 * sd, rtol=2e-3)


def test_correlated_noise_is_made_and_charged() -> None:
    from dataclasses import replace

    times = np.arange(0.0, 40.0, 2.0)
    lasting = replace(SILVER, correlation_s=4.0)
    noise = np.array([lasting.noise(times, np.random.default_rng(i)) for i in range(4000)])
    lag = np.mean(noise[:, 1:] * noise[:, :-1]) / SILVER.sd**2
    assert lag == pytest.approx(math.exp(-0.5), abs=0.02)
    assert noise.std() == pytest.approx(SILVER.sd, rel=0.02)
    jacobian = lasting.family.evaluate(times, lasting.centre[None])[1][0]
    kernel = SILVER.sd**2 * np.exp(-np.abs(times[:, None] - times) / 4.0)
    sd = np.sqrt(np.diag(np.linalg.inv(jacobian @ np.linalg.solve(kernel, jacobian.T))))[1:-1]
    found = information_widths(times, lasting.centre[None], lasting)[0]
    np.testing.assert_allclose(found, 1.96 * sd, rtol=0.02)


def test_the_worst_tenth_counts_as_much_as_the_mean() -> None:
    widths = np.exp(np.tile(np.arange(20.0)[:, None], (1, 3)))
    assert criterion(widths) == pytest.approx((9.5 + 18.5) / 2)


def test_breakpoints_off_the_middle_are_read_as_well() -> None:
    """Of 300 decays not planned for, the worst tenth has a narrower breakpoint than with even spacing."""
    others = SILVER.draws(300, np.random.default_rng(11))
    placed, even = (
        np.quantile(information_widths(times, others, SILVER), 0.9, axis=0)
        for times in (np.array(plan().times_s), np.linspace(0.0, 100.0, 30))
    )
    assert np.all(placed < even)


def test_the_interval_of_a_median_holds_it() -> None:
    values = np.random.default_rng(5).lognormal(0.0, 0.6, (400, 24))
    ends = [_median_ends(row[:, None]) for row in values]
    held = np.mean([low[0] <= 1.0 <= high[0] for low, high in ends])
    assert 0.94 < held < 0.995  # 0.977 by the binomial distribution: no two runs are taken apart
    assert np.all(np.isnan(_median_ends(values[:, :3].T[:3])[0]))
    shown = [line for line in str(plan()).splitlines() if line.lstrip().startswith("k1 ")]
    assert len(shown) == 1
    assert shown[0].count("[") == 2  # of these readings, and of even ones


@pytest.mark.slow
def test_placed_readings_halve_the_intervals_of_even_ones() -> None:
    placed, even = study("placed"), study("even")
    assert np.all(even.widths[:2] / placed.widths[:2] >= 2)
    assert placed.widths[2] <= even.widths[2]
    assert sum(time <= 5 for time in plan().times_s) >= 3
    assert placed.share >= even.share - 0.05


def test_the_plan_promises_what_other_runs_give() -> None:
    halves = np.array([width.half_width for width in plan().expected.values()], dtype=float)
    np.testing.assert_allclose(halves, study("placed").widths, rtol=0.25)


@pytest.mark.slow
def test_the_figures_of_the_study_hold_with_two_hundred_runs() -> None:
    full = seed_plan(60)
    placed = runs(np.array(full.times_s), 200, 5)
    even = runs(np.linspace(0.0, 100.0, 30), 200, 5)
    assert np.all(even.widths[:2] / placed.widths[:2] >= 2)
    assert placed.widths[2] <= even.widths[2]
    assert abs(placed.share - even.share) <= 0.05
    for told, found in ((full.expected, placed), (full.even, even)):
        halves = np.array([width.half_width for width in told.values()], dtype=float)
        np.testing.assert_allclose(halves, found.widths, rtol=0.25)


def test_more_noise_makes_the_verdict_rarer_and_says_so() -> None:
    noisy = cx.plan_sampling(
        rates_per_s=(0.056, 0.019), breakpoints_s=20, sd=0.03, points=15, simulations=3, even_to_s=100
    )
    assert noisy.chance_of_verdict.value is not None
    assert noisy.chance_of_verdict.value < 0.8
    assert noisy.smallest_break is not None
    assert noisy.smallest_break.value is None
    assert noisy.smallest_break.reason == "the change that is believed is found in 33 % of runs only"
    never = smallest_break(np.linspace(1.2, 3.0, 10), np.zeros(10, dtype=bool), 1)
    assert "less than 80 %" in never.reason
    assert {"verdict_unlikely", "interval_open"} == {remark.code for remark in noisy.warnings}
    assert "open" in str(noisy)


def test_the_smallest_break_pools_runs_against_chance() -> None:
    folds = np.linspace(1.2, 3.0, 10)
    found = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 1], dtype=bool)
    # 1 0 0 pool to a third, 1 1 0 to two thirds; then all are found
    estimate = smallest_break(folds, found, 1)
    assert estimate.value == folds[7]
    assert estimate.low is not None
    assert estimate.low <= folds[7]
    assert smallest_break(folds[::-1], found[::-1], 1).value == folds[7]


def test_a_stored_fit_is_planned_from_its_intervals(tmp_path: Path) -> None:
    fit = cx.fit_stages(trace())
    belief, options, remarks = belief_of_fit(fit)
    assert remarks == ()
    at = fit.breakpoints_s[0]
    assert at.value is not None
    (low, high), (first, second) = belief.between_s[0], belief.rates_per_s
    assert (low, high) == pytest.approx((0.9 * at.value, 1.1 * at.value))  # narrower is no other run
    assert (first, second) == (fit.stages[0].k_per_s.value, fit.stages[1].k_per_s.value)
    assert belief.sd == pytest.approx(0.003, rel=0.3)
    assert belief.amplitude == pytest.approx(0.9, rel=0.02)
    assert options["offset"] == "auto"
    # the clock of the file does not matter
    later, *_ = belief_of_fit(cx.fit_stages(trace(start=500.0)))
    np.testing.assert_allclose(later.centre, belief.centre, rtol=1e-6, atol=1e-9)
    path = tmp_path / "fit.json"
    path.write_text(fit.to_json(), encoding="utf-8")
    plan = cx.plan_sampling(path, points=20, simulations=1)
    assert plan.even_to_s == pytest.approx(100)
    assert plan.belief == belief


def test_a_plan_from_a_fit_spans_a_run_like_the_fitted_one() -> None:
    t = np.arange(0.0, 24001.0, 600.0)
    a = 0.9 * np.exp(-3e-4 * np.minimum(t, 4000) - 8e-5 * np.maximum(t - 4000, 0))
    noise = np.random.default_rng(2).normal(0, 0.003, t.size)
    plan = cx.plan_sampling(cx.fit_stages(cx.Trace(time_s=t, absorbance=a + noise)), simulations=1)
    assert len(plan.times_s) == 41  # as many as the run had
    steps = np.diff(plan.times_s) / 120  # a fifth of its spacing, less than a 200th of twice the run
    assert steps == pytest.approx(np.round(steps))
    assert steps.min() == pytest.approx(1)
    assert 4000 < plan.times_s[-1] <= 48000


@pytest.mark.parametrize("factor", [600.0, 1e-4])
def test_a_plan_does_not_depend_on_the_unit_of_time(factor: float) -> None:
    made = [
        cx.plan_sampling(
            cx.fit_stages(
                cx.Trace(time_s=run.time_s * scale, absorbance=run.absorbance), start_up="none", noise="white"
            ),
            points=30,
            simulations=2,
        )
        for run in [trace()]
        for scale in (1.0, factor)
    ]
    plain, scaled = made
    np.testing.assert_allclose(scaled.times_s, factor * np.array(plain.times_s), rtol=1e-6)
    assert len(scaled.blocks) == len(plain.blocks)
    assert scaled.chance_of_verdict == plain.chance_of_verdict
    for name, width in plain.expected.items():
        other, unit = scaled.expected[name], factor if width.unit == "s" else 1 / factor
        assert width.half_width is not None
        assert other.half_width == pytest.approx(unit * width.half_width, rel=1e-3)
        assert other.worst_tenth == pytest.approx(unit * (width.worst_tenth or 0.0), rel=1e-3)


def test_guessed_rates_set_the_span() -> None:
    slow = cx.plan_sampling(rates_per_s=5e-5, simulations=1)
    assert slow.options["longest_s"] == 1e5  # five time constants
    assert slow.options["fastest_s"] == 500
    assert slow.times_s[-1] > 3 / 5e-5
    silver = cx.plan_sampling(rates_per_s=(0.056, 0.019), breakpoints_s=20, points=20, simulations=1)
    assert (silver.options["longest_s"], silver.options["fastest_s"]) == (200, 1)
    assert "run_short" not in {remark.code for remark in (*slow.warnings, *silver.warnings)}


def test_a_run_in_which_little_happens_is_said() -> None:
    short = cx.plan_sampling(rates_per_s=5e-5, longest_s=200, points=20, simulations=1)
    said = next(remark.text for remark in short.warnings if remark.code == "run_short")
    assert said.startswith("in 200 s only 1 % of the change happens")
    assert "--longest" in said
    assert said.endswith("100000 s")


def test_the_change_by_a_time_counts_every_stage() -> None:
    assert SILVER.changed_at(10.0) == pytest.approx(1 - math.exp(-0.56))
    assert SILVER.changed_at(50.0) == pytest.approx(1 - math.exp(-1.12 - 0.57))
    assert SILVER.decayed_s(1.12 + 0.57) == pytest.approx(50.0)


def weak(n: int = 41) -> cx.StagedFit:
    """Return an undecided fit: the rate falls by a quarter, and the noise hides it."""
    t = np.arange(0.0, 900.0 * n, 900.0)
    a = np.exp(-8e-5 * np.minimum(t, 9000) - 6e-5 * np.maximum(t - 9000, 0))
    return cx.fit_stages(
        cx.Trace(time_s=t, absorbance=a + np.random.default_rng(3).normal(0, 0.015, n), label="run")
    )


def test_what_would_help_is_said_where_readings_do_not_decide() -> None:
    fit = weak()
    assert fit.verdict.code == "undecided" or len(fit.stages) == 1
    plan = cx.plan_sampling(fit)
    assert plan.chance_of_verdict.high is not None
    assert plan.chance_of_verdict.high < 0.8
    assert 6 <= plan.simulated < 24  # no more are made than say so
    assert plan.smallest_break is not None
    assert "the change that is believed is found in" in plan.smallest_break.reason
    said = " ".join(remark.text for remark in plan.warnings)
    assert "-fold change of rate under noise of" in said
    for remedy in (
        "--points 82",
        f"--longest {2 * plan.options['longest_s']:g}",
        "2-fold with half the noise",
    ):
        assert remedy in said


def test_a_fit_without_a_second_stage_is_planned_for_one() -> None:
    few = trace(n=13, sd=0.01, seed=4)
    fit = cx.fit_stages(few)
    assert len(fit.stages) == 1
    belief, *_ = belief_of_fit(fit)
    assert belief.n_stages == 2
    low, high = belief.between_s[0]
    assert low < 20 < high
    assert belief.correlation_s == 0  # thirteen readings tell no memory of the noise
    assert belief.sd < 0.03


@pytest.mark.parametrize(("n", "seed"), [(21, 0), (5, 1)])
def test_an_undecided_verdict_ends_with_what_to_measure_next(n: int, seed: int) -> None:
    fit = cx.fit_stages(trace(n=n, sd=0.02, seed=seed))
    assert fit.verdict.code == "undecided"
    assert fit.verdict.text.endswith(
        "cxkinetics plan sampling --from FIT.json (cx.plan_sampling(fit) in Python)."
    )
    assert "plan sampling" not in cx.fit_stages(trace()).verdict.text


def test_what_a_fit_leaves_open_is_said_and_bounded() -> None:
    fit = cx.fit_stages(trace(n=21, sd=0.02, seed=0))
    belief, _, remarks = belief_of_fit(fit)
    assert [remark.code for remark in remarks] == ["open_interval"]
    (at,), ((low, high),) = belief.breakpoints_s, belief.between_s
    assert low == pytest.approx(at / 2)
    assert at < high <= 2 * at
    assert max(belief.rate_spread) <= np.log(2) / 1.95


def test_what_cannot_be_guessed_is_refused() -> None:
    fit = cx.fit_stages(trace(n=5))
    with pytest.raises(cx.CxKineticsError, match=r"from 5 readings .* --k and --breakpoint"):
        belief_of_fit(fit)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either a stored fit or guesses"),
        ({"rates_per_s": (0.05, 0.02)}, "2 rate constants and 0 breakpoints .* 1 breakpoint needed"),
        ({"rates_per_s": (0.05, -0.02), "breakpoints_s": 20}, "rate constant is -0.02"),
        ({"rates_per_s": (3, 2, 1), "breakpoints_s": (20, 10)}, "20, 10 s must ascend"),
        ({"rates_per_s": 0.05, "uncertainty": 25}, "uncertainty is 25; .* between 0 and 1"),
        ({"rates_per_s": 0.05, "points": 5}, "5 readings asked for; a plan in blocks needs 10"),
        ({"rates_per_s": 0.05, "points": 300}, r"300 readings every 0.5 s take 149.5 s.*--fastest"),
        ({"rates_per_s": 0.05, "fastest_s": 0}, "fastest is 0 s"),
        ({"rates_per_s": 0.05, "sd": -1}, "noise sd is -1"),
        ({"rates_per_s": 0.05, "simulations": 0}, "simulations is 0"),
        ({"rates_per_s": 0.05, "even_to_s": -3}, "even spacing to -3 s"),
    ],
)
def test_wrong_wishes_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(cx.UsageError, match=message):
        cx.plan_sampling(**given)


def test_growth_and_one_stage_are_planned_too() -> None:
    growth = cx.plan_sampling(rates_per_s=0.05, amplitude=-0.8, offset=0.9, points=20, simulations=2)
    assert growth.options["fit"] == {"direction": "growth"}
    assert growth.verdict == "one_stage"
    assert list(growth.expected) == ["k"]
    assert growth.expected["k"].half_width is not None
    assert growth.smallest_break is None


def test_a_plan_is_stored_and_shown_in_every_form(tmp_path: Path) -> None:
    made = plan()
    text = made.to_json()
    assert cx.SamplingPlan.from_json(text) == made == copy.deepcopy(made)
    assert cx.SamplingPlan.from_json(text).to_json() == text
    record = made.to_dict()
    assert record["schema"] == "cxkinetics.plan-sampling/1"
    assert set(record["blocks"][0]) == {"from_s", "to_s", "every_s"}
    assert set(record["expected"]) == {"k1", "k2", "breakpoint"}
    assert record["expected"]["k1"]["unit"] == "1/s"
    assert record["simulated"] == 24
    assert set(record["chance_of_verdict"]) >= {"value", "se", "low", "high", "unit", "method"}
    assert "30 readings in" in str(made)
    assert "1/min" in made.to_text(time_unit="min")
    assert max(map(len, made.to_text(width=70).splitlines()[-6:])) <= 70
    assert made.to_html().count("<img") == 2
    assert r"\toprule" in made.to_latex()
    assert made.to_excel(tmp_path / "plan.xlsx").is_file()
    assert list(made.table().index) == ["k1", "k2", "breakpoint"]
    assert all(not frame.empty for frame in made.tables().values())
    assert made.plot().axes
    with pytest.raises(cx.InputError, match=r"a plan of readings.*SamplingPlan"):
        cx.StagedFit.from_json(text)


def test_readings_are_worth_less_and_less() -> None:
    counts = [cost.n_points for cost in plan().cost]
    assert counts == [15, 22, 30, 45, 60]
    here = next(cost for cost in plan().cost if cost.n_points == 30)
    for name, width in plan().expected.items():
        assert here.placed[name] == pytest.approx(width.half_width)
    for kind in ("placed", "even"):
        total = [math.prod(getattr(cost, kind).values()) for cost in plan().cost]
        assert sorted(total, reverse=True) == total


def test_the_command_prints_and_writes_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--k",
        "0.056,0.019",
        "--breakpoint",
        "0.333333333333min",
        "--points",
        "20",
        "--simulations",
        "1",
    ]
    assert main(["plan", "sampling", *words, "--json", "--out", str(tmp_path / "plan")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["times_s"]) == 20
    stored = cx.SamplingPlan.from_json(tmp_path / "plan" / "plan-sampling.json")
    assert stored.to_dict() == printed
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert {
        "report.html",
        "blocks.csv",
        "expected.csv",
        "times.csv",
        "cost.csv",
        "plan-sampling.xlsx",
    } < names
    assert main(["plan", "--json", "sampling", *words]) == 0
    assert json.loads(capsys.readouterr().out) == printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--k", "0.05;0.02", "--breakpoint", "20"], "--k is '0.05;0.02'"),
        (["--from", "fit.json", "--amplitude", "1"], "--amplitude is a guess"),
        (["--k", "0.05", "--uncertainty", "much"], "--uncertainty is 'much'"),
        (["--k", "0.05", "--from", "fit.json"], "either a stored fit or guesses"),
    ],
)
def test_the_command_refuses_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "sampling", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_file_of_data_is_refused_with_how_to_get_a_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run 1.csv"
    path.write_text("time_s,absorbance\n0,1\n", encoding="utf-8")
    for words in ([str(path)], ["--from", str(path)], [str(path), "--from", "fit.json"]):
        assert main(["plan", "sampling", *words]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"cxkinetics fit '{path}' --out DIR" in said
        assert "--from 'DIR/run 1/fit.json' (--from FIT.json)" in said
    assert main(["plan", "sampling", "fit.json"]) == 2
    assert "--from fit.json" in capsys.readouterr().err


def test_what_fit_prints_is_no_stored_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "printed.json"
    path.write_text(json.dumps({"schema": "cxkinetics.fit/1", "fits": []}), encoding="utf-8")
    assert main(["plan", "sampling", "--from", str(path)]) == 1
    assert "--out DIR" in capsys.readouterr().err
