"""Interval end points against brute-force profiles: MINPACK at every break of a dense grid.

At an end of a 95 % interval under white noise the signed root z = sqrt(dof (rss/rss_min - 1)) of the
profile must equal Student's 97.5 % point, times the simulated factor where the break is weak; with
correlated noise the confidence function G must equal 0.025 or 0.975.
"""

import numpy as np
import pytest
from scipy.optimize import leastsq
from scipy.special import stdtr, stdtrit

import cxkinetics as cx
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import sample_of
from cxkinetics.kinetics.intervals import BreakLaw, break_law
from cxkinetics.kinetics.optimum import staged_fit
from cxkinetics.kinetics.profile import profile_space
from cxkinetics.models.decays import staged_decay
from tests.studies import brute_force
from tests.studies.truths import SEED, Staged, noise, stream, times

WEAK = Staged(k1=0.04, k2=0.025, tb=45.0)
CASES = {
    "seed": (SEED, 31, False, 0),
    "seed, offset": (SEED, 31, True, 0),
    "weak": (WEAK, 60, False, 0),
    "weak, offset": (WEAK, 60, True, 0),
}
TWO_PIECES = 3
"""Number of a simulated trace whose breakpoint has an interval of two pieces."""
TOLERANCE = 0.02
"""Largest relative error of z at an end point."""


def case(name: str) -> tuple[np.ndarray, np.ndarray, bool]:
    truth, n, with_offset, number = CASES[name]
    t = times(n)
    return t, truth(t) + noise(t, 0.01, 0.0, stream(7, name.partition(",")[0], number)), with_offset


def white_fit(t: np.ndarray, y: np.ndarray, with_offset: bool, **options: object) -> cx.StagedFit:
    trace = cx.Trace(time_s=t, absorbance=y)
    given = {"n_stages": 2, "offset": "fit" if with_offset else "zero", "noise": "white"} | options
    return cx.fit_stages(trace, **{"start_up": "none", **given})


def student(fit: cx.StagedFit) -> float:
    return float(stdtrit(fit.dof, 0.975))


def law_of(fit: cx.StagedFit) -> BreakLaw | None:
    """The law of the roots that `fit_stages` drew with its seed."""
    with_offset = fit.options["offset"] == "fit"
    fitted = staged_fit(sample_of(fit.trace), n_stages=2, with_offset=with_offset, ar1=False)
    return break_law(fitted, 0.95, np.random.default_rng([0, 2]))


def rate_factor(fit: cx.StagedFit, index: int) -> float:
    """By how much the root of parameter `index` (C, k1, k2, o) is wider than Student's law."""
    law = law_of(fit)
    return law.rates[index - 1] if law is not None and index in (1, 2) else 1.0


def break_factor(fit: cx.StagedFit, values: np.ndarray) -> np.ndarray:
    law, span = law_of(fit), float(np.ptp(fit.trace.time_s))
    return np.ones_like(values) if law is None else np.interp(values / span, law.trial, law.breaks)


def ends(estimate: Estimate) -> list[float]:
    pieces = estimate.pieces or ((estimate.low, estimate.high),)
    return [end for piece in pieces for end in piece if end is not None]


def smooth_numbers(fit: cx.StagedFit) -> dict[int, Estimate]:
    """The numbers by their place in the parameters of the brute force: C, k1, k2, o."""
    numbers = {0: fit.amplitude, 1: fit.stages[0].k_per_s, 2: fit.stages[1].k_per_s}
    return numbers | ({3: fit.offset} if fit.options["offset"] == "fit" else {})


@pytest.mark.parametrize("name", CASES)
def test_ends_of_smooth_parameters_lie_on_the_brute_force_profile(name: str) -> None:
    t, y, with_offset = case(name)
    fit = white_fit(t, y, with_offset)
    least = brute_force.one_break(t, y, with_offset=with_offset)[0]
    assert fit.rss == pytest.approx(least, rel=1e-9)
    for index, estimate in smooth_numbers(fit).items():
        assert ends(estimate), f"no interval for {estimate.name}"
        for end in ends(estimate):
            held = brute_force.one_break(
                t, y, with_offset=with_offset, fixed=(index, end), per_gap=2, polish=2, xatol=1e-3
            )[0]
            z = np.sqrt(fit.dof * (held / least - 1)) / rate_factor(fit, index)
            assert z == pytest.approx(student(fit), rel=TOLERANCE), (estimate.name, end)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("with_offset", [False, True])
def test_ends_lie_on_the_brute_force_profile_in_many_weak_traces(number: int, with_offset: bool) -> None:
    t = times(60)
    y = WEAK(t) + noise(t, 0.01, 0.0, stream(8, "many weak", number))
    fit = white_fit(t, y, with_offset)
    least = brute_force.one_break(t, y, with_offset=with_offset)[0]
    for index, estimate in smooth_numbers(fit).items():
        for end in ends(estimate):
            held = brute_force.one_break(t, y, with_offset=with_offset, fixed=(index, end), xatol=1e-3)[0]
            z = np.sqrt(fit.dof * (held / least - 1)) / rate_factor(fit, index)
            assert z == pytest.approx(student(fit), rel=TOLERANCE), (estimate.name, end)


def break_profile(t: np.ndarray, y: np.ndarray, with_offset: bool, breaks: np.ndarray) -> np.ndarray:
    """The least rss with the break held at each of `breaks`, each from two starts."""
    start = brute_force.first_guess(t, y, 2, with_offset)
    begin, rss = start, []
    for b in breaks:
        value, begin = min(
            (brute_force.held(t, y, (float(b),), s, with_offset=with_offset) for s in (begin, start)),
            key=lambda pair: pair[0],
        )
        rss.append(value)
    return np.array(rss)


def inside_set(estimate: Estimate, values: np.ndarray) -> np.ndarray:
    low = -np.inf if estimate.low is None else estimate.low
    high = np.inf if estimate.high is None else estimate.high
    pieces = estimate.pieces or ((low, high),)
    return np.any([(values >= a) & (values <= b) for a, b in pieces], axis=0)


@pytest.mark.parametrize("name", CASES)
def test_breakpoint_interval_is_the_set_of_the_brute_force_profile(name: str) -> None:
    t, y, with_offset = case(name)
    fit = white_fit(t, y, with_offset)
    grid = np.linspace(t[2], t[-3], 6 * (t.size - 5) + 1)[1:-1]
    rss = break_profile(t, y, with_offset, grid)
    z = np.sqrt(np.maximum(fit.dof * (rss / fit.rss - 1), 0.0)) / student(fit) / break_factor(fit, grid)
    clear = np.abs(z - 1) > 0.03
    assert np.array_equal(inside_set(fit.breakpoints_s[0], grid)[clear], z[clear] < 1)


def test_breakpoint_interval_of_two_pieces_is_reported_as_a_set() -> None:
    t = times(60)
    y = WEAK(t) + noise(t, 0.01, 0.0, stream(7, "weak", TWO_PIECES))
    fit = white_fit(t, y, True)
    estimate = fit.breakpoints_s[0]
    grid = np.linspace(t[2], t[-3], 331)[1:-1]
    profile = break_profile(t, y, True, grid)
    z = np.sqrt(np.maximum(fit.dof * (profile / fit.rss - 1), 0)) / student(fit) / break_factor(fit, grid)
    flips = np.flatnonzero(np.diff((z < 1).astype(int)))
    assert len(flips) == 4, "this trace was chosen for its two valleys"
    assert len(estimate.pieces) == 2
    assert np.array(estimate.pieces).ravel() == pytest.approx(grid[flips], abs=0.4)
    assert (estimate.low, estimate.high) == (estimate.pieces[0][0], estimate.pieces[-1][1])
    assert fit.to_dict()["breakpoints_s"][0]["pieces"] == [list(piece) for piece in estimate.pieces]


def test_end_that_the_data_leave_open_is_none_and_says_why() -> None:
    t = times(60)
    y = Staged(k1=0.04, k2=0.04 / 1.3, tb=45.0)(t) + noise(t, 0.01, 0.0, stream(7, "weak13", 0))
    fit = white_fit(t, y, True)
    estimate = fit.breakpoints_s[0]
    assert estimate.low is None
    assert estimate.high is None
    assert estimate.se is None
    assert "do not bound both ends" in estimate.reason
    limits = np.array([t[2] + 1e-6, t[-3] - 1e-6])
    z = np.sqrt(np.maximum(fit.dof * (break_profile(t, y, True, limits) / fit.rss - 1), 0)) / student(fit)
    assert np.all(z < 1), "the profile is flat up to the last admissible break on either side"


def test_k_is_open_where_its_break_is() -> None:
    """A stage that may be shorter than two readings bounds no rate; print shows the times of the run."""
    t = times(60)
    y = Staged(k1=0.04, k2=0.04 / 1.3, tb=45.0)(t) + noise(t, 0.01, 0.0, stream(7, "weak13", 0))
    fit = white_fit(t, y, True)
    first, second = (stage.k_per_s for stage in fit.stages)
    assert fit.breakpoints_s[0].within == (0.0, 100.0)
    assert None in (first.low, first.high)
    assert None in (second.low, second.high)
    assert "too short to bound its k" in first.reason
    assert fit.rate_ratio is not None
    assert None in (fit.rate_ratio.low, fit.rate_ratio.high)
    short = Staged(k1=0.15, k2=0.019, tb=2.4)(times(101)) + noise(
        times(101), 0.003, 0.0, stream(7, "short", 0)
    )
    fit = cx.fit_stages(cx.Trace(time_s=times(101), absorbance=short))
    first, breakpoint_s = fit.stages[0].k_per_s, fit.breakpoints_s[0]
    assert breakpoint_s.low is None
    assert str(breakpoint_s).split()[1] == "[0,"
    assert first.high is None
    assert first.low is not None
    assert first.low < 0.15, "k1 lies above k2 however short the stage is"
    assert "Scheffe" in first.method


def test_rate_ratio_ends_lie_on_the_profile_of_the_ratio() -> None:
    t, y, _ = case("seed")
    fit = white_fit(t, y, False)

    def rss_at(ratio: float) -> float:
        def residual(p: np.ndarray, b: float) -> np.ndarray:
            spent = ratio * p[1] * np.minimum(t, b) + p[1] * np.maximum(t - b, 0)
            return p[0] * np.exp(-spent) - y

        grid = np.linspace(12, 30, 181)
        best = (leastsq(residual, [0.9, 0.019], args=(b,))[0] for b in grid)
        return min(float(np.sum(residual(p, b) ** 2)) for p, b in zip(best, grid, strict=True))

    for end in ends(fit.rate_ratio):
        z = np.sqrt(fit.dof * (rss_at(end) / fit.rss - 1))
        assert z == pytest.approx(student(fit), rel=TOLERANCE)


def test_given_breakpoint_leaves_the_smooth_parameters_to_profile() -> None:
    t, y, _ = case("seed")
    fit = white_fit(t, y, False, breakpoints_s=19.0)
    start = brute_force.first_guess(t, y, 2, False)
    least = brute_force.held(t, y, (19.0,), start)[0]
    assert fit.dof == t.size - 3
    assert fit.rss == pytest.approx(least, rel=1e-9)
    assert fit.breakpoints_s[0].value == 19.0
    assert fit.breakpoints_s[0].low is None
    assert "given" in fit.breakpoints_s[0].reason
    for index, estimate in smooth_numbers(fit).items():
        for end in ends(estimate):
            held = brute_force.held(t, y, (19.0,), start, fixed=(index, end))[0]
            z = np.sqrt(fit.dof * (held / least - 1))
            assert z == pytest.approx(student(fit), rel=TOLERANCE), estimate.name


def free_stage(
    t: np.ndarray, y: np.ndarray, k: float | None, guess: tuple[float, float]
) -> tuple[float, np.ndarray]:
    """Least rss of one independent stage C exp(-k t); k held or free."""

    def residual(p: np.ndarray) -> np.ndarray:
        return p[0] * np.exp(-(p[1] if k is None else k) * t) - y

    values = leastsq(residual, guess if k is None else guess[:1])[0]
    return float(np.sum(residual(values) ** 2)), values


def test_free_joints_take_the_least_gap_and_profile_over_gaps() -> None:
    t, y, _ = case("seed")
    fit = white_fit(t, y, False, joint="free")
    guess = (0.9, 0.03)
    firsts = range(3, t.size - 2)
    second = {i: free_stage(t[i:], y[i:], None, guess)[0] for i in firsts}
    rss = np.array([free_stage(t[:i], y[:i], None, guess)[0] + second[i] for i in firsts])
    best = firsts[int(np.argmin(rss))]
    assert fit.rss == pytest.approx(rss.min(), rel=1e-8)
    found = fit.breakpoints_s[0]
    assert found.value == pytest.approx((t[best - 1] + t[best]) / 2)
    assert found.low <= t[best - 1]
    assert found.high >= t[best]
    assert fit.dof == t.size - 5
    near = np.flatnonzero(rss <= rss.min() * (1 + student(fit) ** 2 / fit.dof))
    assert (found.low, found.high) == pytest.approx((t[firsts[near[0]] - 1], t[firsts[near[-1]]])), (
        "low and high reach over every gap that the profile admits"
    )
    for end in ends(fit.stages[0].k_per_s):
        held = min(free_stage(t[:i], y[:i], end, guess)[0] + second[i] for i in firsts)
        z = np.sqrt(fit.dof * (held / rss.min() - 1))
        assert z == pytest.approx(student(fit), rel=TOLERANCE)


def test_offset_auto_takes_its_intervals_from_the_fitted_offset() -> None:
    t, y, _ = case("seed")
    trace = cx.Trace(time_s=t, absorbance=y)
    auto = cx.fit_stages(trace, n_stages=2, noise="white", start_up="none")
    zero = cx.fit_stages(trace, n_stages=2, noise="white", start_up="none", offset="zero")
    wide = cx.fit_stages(trace, n_stages=2, noise="white", start_up="none", offset="fit")
    assert auto.offset.value == 0.0
    for chosen, shown, wider in zip(auto.stages, zero.stages, wide.stages, strict=True):
        assert chosen.k_per_s.value == pytest.approx(shown.k_per_s.value, rel=1e-9)
        assert ends(chosen.k_per_s) == pytest.approx(ends(wider.k_per_s), rel=1e-6)
    assert ends(auto.breakpoints_s[0]) == pytest.approx(ends(wide.breakpoints_s[0]), rel=1e-6)
    assert ends(auto.offset) == pytest.approx(ends(wide.offset), rel=1e-6)


def slow_confidence(fit: cx.StagedFit, index: int, value: float) -> float:
    """G(value) for C, k1, k2 (no offset) of the AR(1) recipe with dense matrices, written out plainly."""
    t, y = fit.trace.time_s, fit.trace.absorbance
    n, rho_hat = t.size, fit.noise.ar1
    theta = np.array(
        [fit.amplitude.value, *(s.k_per_s.value for s in fit.stages), fit.breakpoints_s[0].value]
    )
    p = theta.size

    def curve(x: np.ndarray) -> np.ndarray:
        return x[0] * np.exp(-x[1] * np.minimum(t, x[3]) - x[2] * np.maximum(t - x[3], 0))

    steps = [1e-6 * theta * (np.arange(p) == j) for j in range(p)]
    jacobian = np.array([(curve(theta + h) - curve(theta - h)) / (2 * h.sum()) for h in steps]).T
    residual = y - curve(theta)
    lag = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    grid = np.linspace(-0.6, 0.97, 315)
    levels, wald, nus = [], [], []
    for rho in grid:
        inverse = np.linalg.inv(rho**lag if rho else np.eye(n))
        normal = jacobian.T @ inverse @ jacobian
        shift = np.linalg.solve(normal, jacobian.T @ inverse @ residual)
        rest = float(residual @ inverse @ residual - shift @ normal @ shift)
        determinant = (n - 1) * np.log(1 - rho**2)
        levels.append((n - p) * np.log(rest) + np.linalg.slogdet(normal)[1] + determinant)
        error = np.sqrt(np.linalg.inv(normal)[index, index] * rest / (n - p))
        wald.append((value - theta[index] - shift[index]) / error)
        nus.append(np.clip(n * (1 - rho) / (1 + rho) - p, 3, n - p))
    weight = np.exp(-(np.array(levels) - min(levels)) / 2)
    white = np.linalg.cholesky(np.linalg.inv(rho_hat**lag)).T
    free = np.arange(3) != index

    def whitened(x: np.ndarray, b: float) -> np.ndarray:
        whole = np.array([*theta[:3], b])
        whole[:3][free] = x
        whole[index] = value
        return white @ (curve(whole) - y)

    profile = min(
        float(np.sum(whitened(leastsq(whitened, theta[:3][free], args=(b,))[0], b) ** 2))
        for b in np.linspace(theta[3] - 8, theta[3] + 8, 161)
    )
    least = float(np.sum((white @ residual) ** 2))
    z = np.sign(value - theta[index]) * np.sqrt(max((n - p) * (profile / least - 1), 0.0))
    here = np.interp(rho_hat, grid, wald)
    return float(np.sum(weight * stdtr(np.array(nus), z + np.array(wald) - here)) / weight.sum())


def test_ends_with_correlated_noise_lie_where_the_plain_recipe_puts_them() -> None:
    t = times(41)
    y = SEED(t) + noise(t, 0.01, 0.4, stream(9, "ar", 0))
    fit = cx.fit_stages(
        cx.Trace(time_s=t, absorbance=y), n_stages=2, offset="zero", start_up="none", noise="ar1"
    )
    for index in (1, 2):
        estimate = fit.stages[index - 1].k_per_s
        assert slow_confidence(fit, index, estimate.low) == pytest.approx(0.025, abs=0.0025)
        assert slow_confidence(fit, index, estimate.high) == pytest.approx(0.975, abs=0.0025)


@pytest.mark.parametrize("confidence", [0.68, 0.99])
def test_confidence_moves_the_ends_as_student_says(confidence: float) -> None:
    t, y, _ = case("seed")
    fit = white_fit(t, y, False, confidence=confidence)
    least = fit.rss
    for end in ends(fit.stages[1].k_per_s):
        held = brute_force.one_break(t, y, fixed=(2, end), per_gap=2, polish=2, xatol=1e-3)[0]
        z = np.sqrt(fit.dof * (held / least - 1))
        assert z == pytest.approx(stdtrit(fit.dof, 0.5 + confidence / 2), rel=TOLERANCE)


def test_absolute_sigma_takes_sigma_at_its_word() -> None:
    t, y, _ = case("seed")
    trace = cx.Trace(time_s=t, absorbance=y, sigma=np.full(t.size, 0.02))
    options = {"n_stages": 2, "offset": "zero", "noise": "white"}
    fit = cx.fit_stages(trace, absolute_sigma=True, start_up="none", **options)
    relative = cx.fit_stages(trace, start_up="none", **options)
    for end in ends(fit.stages[0].k_per_s):
        held = brute_force.one_break(t, y, fixed=(1, end), per_gap=2, polish=2, xatol=1e-3)[0]
        assert (held - fit.rss) / 0.02**2 == pytest.approx(1.95996**2, rel=2 * TOLERANCE)
    ratio = fit.stages[0].k_per_s.se / relative.stages[0].k_per_s.se
    assert ratio == pytest.approx(0.02 / np.sqrt(relative.rss / relative.dof), rel=0.01)


@pytest.mark.parametrize("number", [0, 1])
def test_profile_of_one_of_two_breaks_against_every_gap_of_the_other(number: int) -> None:
    t = times(61)
    truth = staged_decay(t, 0.9, np.array([0.08, 0.025, 0.007]), np.array([15.0, 50.0]))
    y = truth + noise(t, 0.004, 0.0, stream(12, "three", 0))
    fitted = staged_fit(sample_of(cx.Trace(time_s=t, absorbance=y)), n_stages=3, with_offset=False, ar1=False)
    family, sample = fitted.family, fitted.sample
    best = fitted.theta[family.breaks]
    values = best[number] + np.array([-2.0, -0.8, 0.7, 1.6]) * (0.004, 0.02)[number]
    found = profile_space(fitted).rss_of_break(number, values)
    start = brute_force.first_guess(t, y, 3, False)
    for value, rss in zip(values, found, strict=True):
        least, near = np.inf, start
        low, high = (0.04, value - 0.06) if number else (value + 0.06, 0.95)
        knots = sample.time[(sample.time > low) & (sample.time < high)]
        for other in np.sort(np.concatenate([np.linspace(low, high, 300), knots])):
            pair = tuple(100 * b for b in ((other, value) if number else (value, other)))
            for begin in (start, near):
                rest, end = brute_force.held(t, y, pair, begin)
                if rest < least:
                    least, near = rest, end
        assert 0.997 * least <= rss * sample.scale**2 <= least * (1 + 1e-6), "the grid is coarse, not lower"


def test_a_start_up_time_of_one_stage_is_not_negative() -> None:
    """In about half of the traces noise draws the time below zero, where none is."""
    t = np.linspace(0, 100, 31)
    found = []
    for number in range(8):
        y = 0.9 * np.exp(-0.03 * t) + noise(t, 0.006, 0.5, stream(72, "start", number))
        fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y))
        found += [fit.start_up_s] if fit.verdict.code == "one_stage" and fit.start_up_s is not None else []
    assert len(found) >= 4
    assert all(0 <= (time.low or 0.0) <= time.value for time in found), [str(time) for time in found]
