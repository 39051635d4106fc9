"""Two witnesses of one breakpoint: the rate of the absorbance and the end of the peak's shift."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import InputError, UsageError
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.inference.accepted import accepted_set, between, runs, vertex
from cxkinetics.inference.ar1 import Whitening, sample_of
from cxkinetics.inference.criteria import AHEAD, LEVEL, aicc
from cxkinetics.kinetics.optimum import Fitted, staged_fit
from cxkinetics.kinetics.profile import profile_space
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.intervals import profiled, student, wald
from cxkinetics.spectral.populations import populations_of
from cxkinetics.spectral.prepare import within
from cxkinetics.spectral.result import Populations, TwoWitnesses, WitnessModel, sequential_curves


def sequential_rate_bound(absorbance_share: float, shift_share: float, time_s: float) -> float:
    """Return the smallest k1 that a sequential model allows.

    Parameters
    ----------
    absorbance_share : float
        Absorbance at `time_s` over that at the start, in (0, 1].
    shift_share : float
        Share of the whole shift that the peak has made by then, in [0, 1).
    time_s : float
        Time since the start, s; positive.

    Returns
    -------
    float
        -ln(x (1 - s))/t, 1/s.

    Raises
    ------
    UsageError
        If a share or the time is out of range.

    References
    ----------
    Numbers of Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904: 0.9 to
    0.3 in 20 s while the peak goes from 324 nm to at least 326.5 of 327 nm, ln(18)/20 s.

    Examples
    --------
    >>> round(sequential_rate_bound(0.3 / 0.9, (326.5 - 324) / (327 - 324), 20.0), 4)
    0.1445
    """
    if not 0 < absorbance_share <= 1 or not 0 <= shift_share < 1:
        raise UsageError(
            f"the shares of absorbance {absorbance_share:g} and shift {shift_share:g} must lie "
            "in (0, 1] and [0, 1)"
        )
    if not time_s > 0:
        raise UsageError(f"the time is {time_s:g} s; it must be positive")
    return -math.log(absorbance_share * (1 - shift_share)) / time_s


def breakpoint_grid(time_s: Array, finely_at: Array) -> Array:
    """Return where profiles are taken: the inner samples, points between, and finely about some places."""
    inner = time_s[2:-2] if time_s.size > 8 else time_s[1:-1]
    inner = inner[np.unique(np.linspace(0, inner.size - 1, 200).astype(int))]
    step = float(np.median(np.diff(time_s)))
    fine = (finely_at[:, None] + step * np.linspace(-3, 3, 61)).ravel()
    middles = (inner[1:] + inner[:-1]) / 2
    grid = np.concatenate([inner, middles, fine])
    return np.unique(np.round(grid[(grid >= inner[0]) & (grid <= inner[-1])], 9))


def refined(grid_s: Array, deviances: Sequence[Array], limit: float) -> Array:
    """Return the grid with 40 more points across each valley in which a profile stays below the limit."""
    more = [grid_s]
    for deviance in deviances:
        for first, last in runs(deviance <= limit):
            low, high = grid_s[max(first - 1, 0)], grid_s[min(last + 1, grid_s.size - 1)]
            more.append(np.linspace(low, high, 41))
    return np.unique(np.concatenate(more))


def estimate_of(name: str, grid_s: Array, deviance: Array, limit: float, quantile: float) -> Estimate:
    """Return the estimate of a breakpoint from its profile.

    Parameters
    ----------
    name : str
        What it is.
    grid_s, deviance : Array, shape (x,)
        Profile: rise of the misfit in units of the noise (0 at the best).
    limit : float
        Rise at which the interval ends.
    quantile : float
        Student's quantile behind it, for the standard error.
    """
    best = int(np.argmin(deviance))
    value = float(grid_s[best])
    if 0 < best < grid_s.size - 1:
        near = slice(best - 1, best + 2)
        lowest = float(vertex(grid_s[near], deviance[near]))
        value = lowest if np.isfinite(lowest) else value
    found = accepted_set(grid_s, deviance <= limit, lambda i, j: between(grid_s, deviance, i, j, limit))
    se = None if found.open_ends else (found.pieces[-1][1] - found.pieces[0][0]) / (2 * quantile)
    return profiled(name, value, se, found)


class Agreement(NamedTuple):
    """Rise of the joint misfit at its best over the separate ones, and its p-value (chi2, 1 degree)."""

    statistic: float
    p_value: float


def agreement(one: Array, other: Array) -> Agreement:
    """Test that two breakpoints are one, by their profiles on the same grid."""
    from scipy.special import chdtrc

    statistic = max(float(np.min(one + other)), 0.0)
    return Agreement(statistic, float(chdtrc(1, statistic)))


_Q = np.array([0.1, 0.25, 0.45, 0.7, 1.0, 1.6])
_PER_RATE = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The two signals.

    Attributes
    ----------
    time_s, absorbance : Array, shape (n,)
        Distinct ascending times and the height of the peak.
    white : Whitening
        Of the noise of the absorbance.
    position_time_s, position_nm, position_se : Array, shape (l,)
        Where the peak has a position of its own.
    """

    time_s: Array
    absorbance: Array
    white: Whitening
    position_time_s: Array
    position_nm: Array
    position_se: Array

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a shift: three numbers are both ends, and when it ends."""
        return max(self.position_nm.size - 3, 1)

    @property
    def target(self) -> Array:
        """Positions over their standard errors, shape (l,)."""
        return self.position_nm * (1 / self.position_se)

    def basis(self, *columns: Array | float) -> Array:
        """Return columns weighed like the positions, shape (l, columns)."""
        return np.stack([column * (1 / self.position_se) for column in columns], axis=1)

    def shift_until(self, end_s: float) -> Array:
        """Return the basis of a shift that ends at a time: its end, and its slope before."""
        return self.basis(1.0, np.minimum(self.position_time_s - end_s, 0.0))


def position_profile(pair: Pair, breaks_s: Array) -> tuple[Array, Array]:
    """Return misfit (x,) and [end, slope] (x, 2) of a shift that ends at each of the breaks (s)."""
    misfit, found = np.empty(breaks_s.size), np.empty((breaks_s.size, 2))
    for i, end in enumerate(breaks_s):
        basis = pair.shift_until(end)
        coefficients, *_ = np.linalg.lstsq(basis, pair.target, rcond=None)
        left = pair.target - basis @ coefficients
        misfit[i], found[i] = left @ left, coefficients
    return misfit, found


def fit_sequential(pair: Pair, *, conversion: bool) -> tuple[dict[str, float], float]:
    """Return parameters and deviance of the sequential model fitted to absorbance and position together.

    Parameters
    ----------
    pair : Pair
        Data.
    conversion : bool
        Whether the doped cluster goes on to a product (k2 > 0, its absorbance c free).
    """
    from scipy.optimize import least_squares

    span, shortest = float(np.ptp(pair.time_s)), float(np.min(np.diff(pair.time_s)))
    axis = np.linspace(np.log(0.2 / span), np.log(min(1 / shortest, 100 / span)), _PER_RATE)
    trials = [np.array(trial) for trial in product(*[axis] * (2 if conversion else 1), np.log(_Q))]
    trials.sort(key=lambda theta: _deviance(_residuals(pair, theta, conversion)[0]))
    rests = []
    low, high = np.log(1e-3 / span), np.log(30 / shortest)
    for theta in trials[:4]:
        for _ in range(4):  # each signal is weighed by what is left of it, which settles in a few rounds
            left, _ = _residuals(pair, theta, conversion)
            scales = np.array([np.sqrt(np.mean(part**2)) + 1e-300 for part in left])

            def weighted(point: Array, scales: Array = scales) -> Array:
                parts, _ = _residuals(pair, point, conversion)
                return np.concatenate([part / scale for part, scale in zip(parts, scales, strict=True)])

            bounds = np.full((2, theta.size), [[low], [high]])
            bounds[:, -1] = np.log([1e-3, 30.0])
            theta = least_squares(
                weighted, np.clip(theta, *bounds), bounds=(bounds[0], bounds[1]), xtol=1e-9
            ).x
        rests.append(theta)
    best = min(rests, key=lambda theta: _deviance(_residuals(pair, theta, conversion)[0]))
    left, parameters = _residuals(pair, best, conversion)
    return parameters, _deviance(left)


def _deviance(left: tuple[Array, Array]) -> float:
    return float(sum(part.size * np.log(max(float(part @ part) / part.size, 1e-300)) for part in left))


def _residuals(pair: Pair, theta: Array, conversion: bool) -> tuple[tuple[Array, Array], dict[str, float]]:
    """Residuals of both signals with a, c and both positions at their best; and all parameters."""
    k1, q = float(np.exp(theta[0])), float(np.exp(theta[-1]))
    k2 = float(np.exp(theta[1])) if conversion else 0.0
    host, doped, product = sequential_curves(pair.time_s, k1, k2, q)
    columns = [host + doped, product] if conversion else [host + doped]
    basis = pair.white.apply(np.stack(columns)).T
    target = pair.white.apply(pair.absorbance.copy())
    levels, *_ = np.linalg.lstsq(basis, target, rcond=None)
    if conversion and levels[1] < 0:
        levels = np.array([float(basis[:, 0] @ target) / float(basis[:, 0] @ basis[:, 0]), 0.0])
    absorbance_left = target - basis @ levels
    early, late, _ = sequential_curves(pair.position_time_s, k1, k2, q)
    share = early / np.maximum(early + late, 1e-300)
    place = pair.basis(share, 1 - share)
    ends, *_ = np.linalg.lstsq(place, pair.target, rcond=None)
    room = 2 * float(np.ptp(pair.position_nm))
    ends = np.clip(ends, pair.position_nm.min() - room, pair.position_nm.max() + room)
    c = float(levels[1] / levels[0]) if conversion and levels[0] else 0.0
    parameters = {"k1": k1, "k2": k2, "q": q, "a": float(levels[0]), "c": c}
    parameters |= {"start_nm": float(ends[0]), "end_nm": float(ends[1])}
    return (absorbance_left, pair.target - place @ ends), parameters


def rank_models(
    pair: Pair, fitted: Fitted, grid: Array, absorbance: Array, position_misfit: Array
) -> tuple[WitnessModel, ...]:
    """Return staged, sequential and quenching without conversion, ranked by AICc on both signals.

    Parameters
    ----------
    pair : Pair
        Data.
    fitted : Fitted
        The staged decay of the absorbance.
    grid, absorbance, position_misfit : Array, shape (x,)
        Breakpoints, rise of the absorbance's misfit there (in units of its noise) and misfit of the
        position.
    """
    n, m = pair.time_s.size, pair.position_nm.size
    rss = fitted.found.rss * fitted.sample.scale**2 * (1 + absorbance / fitted.dof)
    deviance = n * np.log(rss / n) + m * np.log(position_misfit / m)
    best = int(np.argmin(deviance))
    _, lines = position_profile(pair, grid[best : best + 1])
    amplitude, offset = (float(fitted.theta[i]) * fitted.sample.scale for i in (0, -1))
    end_nm, slope = lines[0].tolist()
    staged = {"k1": _rate(fitted, "k1"), "k2": _rate(fitted, "k2"), "tb": float(grid[best])}
    staged |= {"amplitude": amplitude, "offset": offset, "end_nm": end_nm}
    staged["start_nm"] = float(end_nm - slope * grid[best])
    rows = [("staged", 9, float(deviance[best]), staged, "")]
    for name, conversion, count in (("sequential", True, 9), ("quenching without conversion", False, 7)):
        numbers, misfit = fit_sequential(pair, conversion=conversion)
        rows.append((name, count, misfit, numbers, _as_populations(numbers)))
    scores = [aicc(misfit, count, n + m) for _, count, misfit, _, _ in rows]
    models = [
        WitnessModel(
            model=name,
            n_parameters=count,
            aicc=score,
            delta_aicc=score - min(scores),
            parameters=numbers,
            note=note,
        )
        for score, (name, count, _, numbers, note) in zip(scores, rows, strict=True)
    ]
    return tuple(sorted(models, key=lambda model: model.delta_aicc or 0.0))


def _rate(fitted: Fitted, name: str) -> float:
    return float(fitted.theta[fitted.family.names.index(name)]) / fitted.sample.span_s


def _as_populations(p: dict[str, float]) -> str:
    """Say which two populations would give the same curves."""
    if abs(p["k1"] - p["k2"]) < 1e-9 * p["k1"]:
        return ""
    slow = p["q"] * p["k1"] / (p["k1"] - p["k2"])
    if abs(1 - slow) < 1e-9:
        return ""
    place = (p["start_nm"] - slow * p["end_nm"]) / (1 - slow)
    share = f"a share {1 - slow:.2f} that reacts with k1, its band at {place:.1f} nm"
    return f"the same curves as two populations: {share}"


def break_leads(models: tuple[WitnessModel, ...]) -> bool:
    """Return whether the staged model is ahead of every smooth one by 6 in AICc."""
    return _lead(models) >= AHEAD


def _lead(models: tuple[WitnessModel, ...]) -> float:
    ahead = {model.model: model.delta_aicc or 0.0 for model in models}
    return min(value for name, value in ahead.items() if name != "staged") - ahead["staged"]


def judge_witnesses(
    moved: bool,
    shift: Estimate,
    models: tuple[WitnessModel, ...],
    populations: Populations | None,
    *,
    p_value: float,
    by_rate: Estimate,
    by_shift: Estimate,
) -> tuple[str, str]:
    """Return the verdict's code and its sentence.

    Parameters
    ----------
    moved : bool
        Whether the peak moves at all.
    shift : Estimate
        By how much, nm.
    models : tuple of WitnessModel
        Ranked models of both signals.
    populations : Populations or None
        Quenching or two populations, by the whole spectrum.
    p_value : float
        Of "both breakpoints are one".
    by_rate, by_shift : Estimate
        The two breakpoints, s.
    """
    if not moved:
        return "degenerate", (
            f"the peak is not seen to move (shift {shift}): quenching of a doped cluster and two populations "
            "describe this series exactly alike, and there is one witness of the breakpoint only"
        )
    lead = _lead(models)
    if lead >= AHEAD:
        agree = "agree" if p_value > LEVEL else "disagree"
        return "staged", (
            f"two stages: the rate changes at {by_rate}, the shift ends at {by_shift}; the witnesses {agree} "
            f"({format_p(p_value)}), and a break is ahead of every smooth model by {lead:.1f} in AICc"
        )
    needless = f"no break is needed (a smooth model is ahead by {-lead:.1f} in AICc)"
    if -lead >= AHEAD and populations is not None:
        code = "sequential" if populations.verdict == "quenching" else populations.verdict
        return code, f"{needless}; {populations.text}"
    if -lead >= AHEAD:
        return "undecided", (
            f"{needless}; quenching and two populations are the same curves: only whole spectra can tell "
            "them apart"
        )
    return "undecided", (
        "a break and smooth models explain both witnesses alike "
        f"(AICc differs by {abs(lead):.1f}, need {AHEAD:g})"
    )


_FEWEST = 10
_MOVED = 4.0  # standard errors of the shift


@checked()
def fit_witnesses(
    data: SpectralSeries | Trace,
    *,
    near_nm: float | None = None,
    window: tuple[float | None, float | None] | None = None,
    t0: float = 0.0,
    confidence: float = 0.95,
) -> TwoWitnesses:
    """Find the breakpoint by the absorbance and by the position of the peak, and compare.

    Parameters
    ----------
    data : SpectralSeries or Trace
        Spectra against time, or a trace with a peak position (`SpectralSeries.exciton_peak`); only
        spectra allow to tell quenching from two populations.
    near_nm : float, optional
        Which peak, nm; the strongest of the first spectra by default.
    window : pair of float or None, optional
        Times kept, s, on the file's clock; None for an open end.
    t0 : float
        When the reaction starts, s; times count from it.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    TwoWitnesses
        Breakpoints, agreement, ranked models and verdict.

    Raises
    ------
    InputError
        If the trace has no peak position, or fewer than ten points or positions are left.

    Examples
    --------
    >>> from cxkinetics.signals.spectra import SpectralSeries
    >>> time, wavelength = np.arange(0.0, 101.0), np.arange(290.0, 361.0)
    >>> height = 0.9 * np.exp(-0.056 * np.minimum(time, 20) - 0.019 * np.maximum(time - 20, 0))
    >>> place = 324 + 3 * np.minimum(time / 20, 1)
    >>> band = height[:, None] * np.exp(-0.5 * ((wavelength - place[:, None]) / 8) ** 2)
    >>> noise = 0.003 * np.random.default_rng(1).standard_normal(band.shape)
    >>> found = fit_witnesses(SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=band + noise))
    >>> found.verdict, round(found.together.value)
    ('staged', 20)
    """
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0.5 and 1, e.g. 0.95")
    trace = data.exciton_peak(near_nm) if isinstance(data, SpectralSeries) else data
    trace = _windowed(trace, window, t0)
    # The offset is always fitted: one that is left out by choice makes every interval too narrow.
    fitted = staged_fit(sample_of(trace), n_stages=2, with_offset=True, ar1=True)
    pair = _pair(trace, fitted)
    quantile = student(float(fitted.dof), confidence)
    limit = quantile**2
    grid, absorbance, position_misfit, lines = _profiles(pair, fitted, limit)
    position = _rise(position_misfit, pair.freedom)
    both = absorbance + position
    by_rate = estimate_of("breakpoint by the rate", grid, absorbance, limit, quantile)
    by_shift = estimate_of("end of the shift", grid, position, limit, quantile)
    together = estimate_of("breakpoint by both", grid, both - both.min(), limit, quantile)
    tested = agreement(absorbance, position)
    best = int(np.argmin(position_misfit))
    peak, moved = _peak(pair, float(grid[best]), lines[best], float(position_misfit[best]), confidence)
    models = rank_models(pair, fitted, grid, absorbance, position_misfit)
    populations = None
    if moved and not break_leads(models) and isinstance(data, SpectralSeries):
        populations = populations_of(data, trace, window, t0, confidence)
    verdict, text = judge_witnesses(
        moved, peak[-1], models, populations, p_value=tested.p_value, by_rate=by_rate, by_shift=by_shift
    )
    if not moved:
        still = "the peak does not move"
        by_shift = Estimate(name=by_shift.name, value=None, unit="s", method="profile", reason=still)
        together = replace(by_rate, name=together.name)
    limits = None if window is None else list(window)
    options = {"near_nm": near_nm, "window": limits, "t0": t0, "confidence": confidence, "ar1": fitted.rho}
    return TwoWitnesses(
        trace=trace,
        options=options,
        absorbance=by_rate,
        position=by_shift,
        together=together,
        difference=_difference(by_rate, by_shift, quantile, moved),
        agreement_p=tested.p_value if moved else None,
        peak_start=peak[0],
        peak_end=peak[1],
        shift=peak[2],
        bound=_bound(trace, peak, together, moved),
        rates=_rates(fitted, quantile),
        models=models,
        populations=populations,
        verdict=verdict,
        text=text,
        grid_s=grid,
        absorbance_deviance=absorbance,
        position_deviance=position,
        warnings=tuple(dict.fromkeys([*trace.remarks, *_doubts(pair, moved)])),
    )


def _windowed(trace: Trace, window: tuple[float | None, float | None] | None, t0: float) -> Trace:
    if trace.peak_nm is None:
        raise InputError("this trace holds no peak position; make it with SpectralSeries.exciton_peak")
    kept = trace.select((trace.time_s >= t0) & within(trace.time_s, window))
    count = 0 if kept.peak_nm is None else int(np.isfinite(kept.peak_nm).sum())
    if count < _FEWEST:
        raise InputError(
            f"{kept.n_points} points are left, {count} of them with a peak position; "
            f"both witnesses need {_FEWEST}",
            file=trace.source.file or None,
            remedy="widen the window, or track a stronger peak",
        )
    return replace(kept, time_s=kept.time_s - t0)


def _pair(trace: Trace, fitted: Fitted) -> Pair:
    sample = fitted.sample
    assert trace.peak_nm is not None
    known = np.isfinite(trace.peak_nm)
    error = np.ones(trace.n_points) if trace.peak_nm_se is None else trace.peak_nm_se
    known &= np.isfinite(error) & (error > 0)
    return Pair(
        time_s=sample.time * sample.span_s + sample.anchor_s,
        absorbance=sample.signal * sample.scale,
        white=fitted.white,
        position_time_s=trace.time_s[known],
        position_nm=trace.peak_nm[known],
        position_se=error[known],
    )


def _profiles(pair: Pair, fitted: Fitted, limit: float) -> tuple[Array, Array, Array, Array]:
    """Return grid, deviance of the absorbance, misfit of the position and its lines, fine at the valleys."""
    sample = fitted.sample
    best_break = float(fitted.theta[fitted.family.names.index("b1")]) * sample.span_s + sample.anchor_s
    coarse = breakpoint_grid(pair.time_s, np.zeros(0))
    misfit, _ = position_profile(pair, coarse)
    grid = breakpoint_grid(pair.time_s, np.array([best_break, float(coarse[np.argmin(misfit)])]))
    for refining in (True, True, False):
        absorbance = _absorbance_deviance(fitted, grid)
        misfit, lines = position_profile(pair, grid)
        if not refining:
            break
        position = _rise(misfit, pair.freedom)
        both = absorbance + position
        grid = refined(grid, (absorbance, position, both - both.min()), 1.5 * limit)
    return grid, absorbance, misfit, lines


def _rise(misfit: Array, freedom: int, least: float = np.inf) -> Array:
    """Return how far a misfit lies above its least value, in units of the noise."""
    rise: Array = freedom * (misfit / max(min(float(misfit.min()), least), 1e-300) - 1)
    return rise


def _absorbance_deviance(fitted: Fitted, grid: Array) -> Array:
    sample = fitted.sample
    rss = profile_space(fitted).rss_of_break(0, (grid - sample.anchor_s) / sample.span_s)
    return np.maximum(_rise(rss, fitted.dof, fitted.found.rss), 0.0)


def _peak(
    pair: Pair, ends: float, line: Array, misfit: float, confidence: float
) -> tuple[list[Estimate], bool]:
    """Return start, end and shift of a peak that moves until `ends` (s), and whether it is seen to move.

    `line` holds its end and slope.
    """
    end_nm, slope = line.tolist()
    basis = pair.shift_until(ends)
    variance = misfit / pair.freedom
    covariance = variance * np.linalg.pinv(basis.T @ basis)
    quantile = student(float(pair.freedom), confidence)
    rows = (
        ("peak at the start", end_nm - slope * ends, np.array([1.0, -ends])),
        ("peak after the shift", end_nm, np.array([1.0, 0.0])),
        ("shift", slope * ends, np.array([0.0, ends])),
    )
    errors = [float(np.sqrt(row @ covariance @ row)) for *_, row in rows]
    found = [wald(name, value, se, quantile, "nm") for (name, value, _), se in zip(rows, errors, strict=True)]
    precision = 1 / pair.position_se**2
    mean = float(precision @ pair.position_nm / precision.sum())
    still = float(precision @ (pair.position_nm - mean) ** 2)
    # A shift that is not there has no end either: judged by the gain over a constant, three numbers for one.
    return found, float(np.sqrt(max(still - misfit, 0.0) / max(variance, 1e-300))) > _MOVED


def _difference(one: Estimate, other: Estimate, quantile: float, moved: bool) -> Estimate:
    if not moved or one.value is None or other.value is None or one.se is None or other.se is None:
        reason = "one of the two is open" if moved else "the peak does not move"
        return Estimate(name="difference", value=None, unit="s", method="wald", reason=reason)
    value, se = one.value - other.value, float(np.hypot(one.se, other.se))
    return wald("difference", value, se, quantile, "s")


def _bound(trace: Trace, peak: list[Estimate], together: Estimate, moved: bool) -> Estimate:
    """Bound on k1 at the breakpoint, with the lower limit (95 %, one-sided) of the position there."""
    name = "least k1 of a sequential model"
    assert trace.peak_nm is not None
    nothing = Estimate(name=name, value=None, unit="1/s", method="bound", reason="the peak does not move")
    if not moved:
        return nothing
    end_s = float(trace.time_s[-1]) if together.value is None else together.value
    near = np.abs(trace.time_s - end_s)
    near[~np.isfinite(trace.peak_nm)] = np.inf
    window = np.argsort(near)[:3]
    error = 0.0 if trace.peak_nm_se is None else float(np.nanmean(trace.peak_nm_se[window]))
    place, time = float(np.mean(trace.peak_nm[window])), float(np.mean(trace.time_s[window]))
    start_nm, end_nm, _ = (estimate.value or 0.0 for estimate in peak)
    whole = end_nm - start_nm
    share = (place - start_nm) / whole - 1.645 * error / np.sqrt(3) / abs(whole)
    start = float(np.mean(trace.absorbance[:3]))
    level = float(np.mean(trace.absorbance[window])) / start if start else 0.0
    if not 0 < level <= 1 or time <= 0:
        return replace(nothing, reason="the absorbance does not fall")
    share = float(np.clip(share, 0.0, 0.999))
    value = sequential_rate_bound(level, share, time)
    reason = f"{100 * share:.0f} % of the shift made by {time:.3g} s"
    return Estimate(name=name, value=value, low=value, unit="1/s", method="bound", reason=reason)


def _rates(fitted: Fitted, quantile: float) -> tuple[Estimate, ...]:
    errors = dict(zip(fitted.family.names, np.sqrt(np.diag(fitted.covariance)).tolist(), strict=True))
    span = fitted.sample.span_s
    return tuple(
        wald(name, _rate(fitted, name), errors[name] / span, quantile, "1/s") for name in ("k1", "k2")
    )


def _doubts(pair: Pair, moved: bool) -> list[Remark]:
    found = []
    tenth = max(pair.time_s.size // 10, 1)
    if float(np.mean(pair.absorbance[-tenth:])) > float(np.mean(pair.absorbance[:tenth])):
        text = "the peak grows: the rates and the breakpoint of its absorbance are not those of a decay"
        found.append(Remark("peak_grows", text))
    missing = pair.time_s.size - pair.position_nm.size
    if missing > 0 and moved:
        text = f"{missing} of {pair.time_s.size} spectra are too weak to show where the peak is"
        found.append(Remark("positions_missing", text, missing))
    return found
