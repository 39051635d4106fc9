"""Checks of a staged fit: residuals, a flat start, outliers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.estimate import Estimate
from cxkinetics.inference.accepted import runs
from cxkinetics.inference.ar1 import Sample, Whitening, likeliest_rho, thinned, whitening, with_beside
from cxkinetics.inference.criteria import AHEAD, FAR_AHEAD
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import Fitted, information, settle_likeliest, staged_fit
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.reduction import alike, is_long, reduced
from cxkinetics.kinetics.result import Noise
from cxkinetics.kinetics.rivals import drift_gain, step_in
from cxkinetics.kinetics.search import Found, grid_starts, search_staged
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.remarks import Remark
from cxkinetics.signals.screening import noise_sd
from cxkinetics.signals.trace import Trace

DRIFT = 16.0
"""F (1 and n - p degrees of freedom) of an added straight line from which drift is suspected."""
CORRELATED = 2.6
"""Lag-1 correlation of the residuals, times the root of their number, from which they are structured: white
noise reaches it in one trace of 200 (G. E. P. Box, D. A. Pierce, J. Am. Stat. Assoc. 65, 1509 (1970),
doi 10.1080/01621459.1970.10481180)."""


def lag1_autocorrelation(residual: Array) -> float | None:
    """Return sum e_i e_(i-1) / sum e_i^2."""
    total = float(residual @ residual)
    return float(residual[1:] @ residual[:-1]) / total if total > 0 and residual.size > 2 else None


def durbin_watson(residual: Array) -> float | None:
    """Return sum (e_i - e_(i-1))^2 / sum e_i^2 (J. Durbin, G. S. Watson, Biometrika 37, 409 (1950)).

    Near 2 for white noise; doi 10.1093/biomet/37.3-4.409.
    """
    total = float(residual @ residual)
    return float(np.sum(np.diff(residual) ** 2)) / total if total > 0 and residual.size > 2 else None


def runs_p(residual: Array) -> float | None:
    """Return the two-sided p of the Wald-Wolfowitz runs test on the signs.

    A. Wald, J. Wolfowitz, Ann. Math. Stat. 11, 147 (1940), doi 10.1214/aoms/1177731909.
    """
    signs = residual[residual != 0] > 0
    up, down = int(signs.sum()), int((~signs).sum())
    n = up + down
    if min(up, down) < 5:
        return None
    runs = 1 + int(np.sum(signs[1:] != signs[:-1]))
    mean = 1 + 2 * up * down / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return float(2 * ndtr(-abs(runs - mean) / np.sqrt(variance)))


def noise_of(fitted: Fitted, model: str) -> Noise:
    """Return the noise about a fit, the sd in the trace's unit (per unit relative sigma)."""
    sample = fitted.sample
    scaled = fitted.rest / sample.sigma
    white = fitted.white.apply(fitted.rest)
    return Noise(
        sd=float(np.sqrt(fitted.found.rss / fitted.dof)) * sample.scale,
        ar1=fitted.rho,
        lag1_autocorrelation=lag1_autocorrelation(scaled),
        durbin_watson=durbin_watson(scaled),
        runs_p=runs_p(white),
        model=model,
    )


def pattern_remark(fitted: Fitted, noise: Noise, *, growth: bool) -> Remark | None:
    """Return a remark where the residuals show a pattern or the tail turns back."""
    sample = fitted.sample
    found = []
    lag1 = noise.lag1_autocorrelation
    if lag1 is not None and lag1 * math.sqrt(sample.n) > CORRELATED:
        found.append(f"neighbouring residuals correlate by {lag1:.2f}, more than those of white noise")
    if noise.runs_p is not None and noise.runs_p < 1e-3:
        found.append(f"runs test p = {noise.runs_p:.1g} on the whitened residuals")
    slope, gain = drift_gain(fitted)
    if gain > DRIFT:
        per_second = slope * sample.scale / sample.span_s
        found.append(f"a straight drift of {per_second:+.2g} per s would improve the fit (F = {gain:.0f})")
    tail = max(8, sample.n // 5)
    if sample.n >= 2 * tail:
        time, signal = sample.time[-tail:], sample.signal[-tail:]
        centred = time - time.mean()
        square = float(centred @ centred)
        trend = float(centred @ signal) / square
        inflation = (1 + max(fitted.rho, 0.0)) / (1 - min(max(fitted.rho, 0.0), 0.95))
        scatter = signal - signal.mean() - trend * centred
        error = np.sqrt(float(scatter @ scatter) / (tail - 2) / square * min(inflation, 4.0))
        back = -trend if growth else trend
        if back > 4 * error and back * np.ptp(time) > 0.005 * np.ptp(sample.signal):
            word = "falls" if growth else "rises"
            found.append(f"the last {tail} points {word}, which no decay does")
    if not found:
        return None
    cure = "look for drift, a second absorber or a missing stage (a reference wavelength removes drift)"
    text = f"structured residuals or rising tail: {'; '.join(found)}; {cure}"
    return Remark("structured_residuals", text)


def log_r_squared(signal: Array, fitted: Array) -> float | None:
    """Return 1 - SS(ln A - ln fit)/SS about the mean of ln A; points where either is <= 0 are left out."""
    usable = (signal > 0) & (fitted > 0)
    if usable.sum() < 2:
        return None
    log = np.log(signal[usable])
    total = float(np.sum((log - log.mean()) ** 2))
    return 1 - float(np.sum((log - np.log(fitted[usable])) ** 2)) / total if total > 0 else None


def flat_start(
    trace: Trace, options: FitOptions, rates: Sequence[Estimate], edges: Sequence[float]
) -> list[Remark]:
    """Return a remark where the first of several stages is flat and no t0 was given.

    Parameters
    ----------
    trace : Trace
        What was fitted.
    options : FitOptions
        Options of the fit.
    rates : sequence of Estimate
        Rate constant of each stage, 1/s.
    edges : sequence of float
        Breakpoints in s.
    """
    if len(rates) < 2 or not edges or options.t0 is not None:
        return []
    if not holds_zero(rates[0]) or holds_zero(rates[1]):
        return []
    start, end = float(trace.time_s[0]), edges[0]
    text = (
        f"stage 1 ({start:.4g} - {end:.4g} s) is flat, its k = {rates[0]} holds 0: if the addition was later "
        f"than the first point pass --t0 {end:.3g} or --t0 auto (t0={end:.3g} or t0='auto')"
    )
    return [Remark("flat_first_stage", text)]


def short_start(
    trace: Trace, options: FitOptions, rates: Sequence[Estimate], edges: Sequence[float]
) -> list[Remark]:
    """Return a remark where a first stage of a few points may be a dilution, with its size.

    Parameters are those of `flat_start`.
    """
    if len(rates) < 2 or not edges or options.dilution is not None:
        return []
    first, second, count = rates[0].value, rates[1].value, int(np.sum(trace.time_s < edges[0]))
    if count > MIN_DISTINCT or first is None or second is None or not first > second:
        return []
    percent = -100 * float(np.expm1((second - first) * (edges[0] - float(trace.time_s[0]))))
    text = (
        f"stage 1 holds {count} points: a dilution of {percent:.2g} % would look the same; give the volumes "
        "and the readings before the addition (--dilution 3.00+0.10 with --t0)"
    )
    return [Remark("first_stage_or_dilution", text, count)]


def step_remark(trace: Trace, fitted: Fitted) -> list[Remark]:
    """Return a remark where the level of a fit's residuals steps and stays, with time, size and remedy."""
    step, sample = step_in(fitted), fitted.sample
    if step is None:
        return []
    t = float(stdtrit(fitted.dof - 1, 1 - LEVEL / (2 * sample.n)))  # whatever the place
    if step.gain <= t**2:
        return []
    before, after = (np.array(step.between) * sample.span_s + sample.first_s).tolist()
    text = (
        f"the level steps by {step.height * sample.scale:+.2g} {trace.unit} between {before:g} and "
        f"{after:g} s and stays (F = {step.gain:.0f}): a lamp or a cell moved, or something was added; "
        "--window keeps one side, and a replicate shows whether it comes again"
    )
    return [Remark("step", text, 1, times_s=(after,))]


def holds_zero(rate: Estimate) -> bool:
    """Return whether the interval of a rate constant holds zero, open ends included."""
    return (rate.low is None or rate.low <= 0) and (rate.high is None or rate.high >= 0)


SUSPECT = 5.5
"""Second differences beyond this many robust standard deviations start the search."""
LEVEL = 1e-3
"""Chance of one false alarm per trace."""
LONGEST = 5
"""Longest run of points that can be one bubble."""
SMOOTH = tuple(
    DecayFamily(DECAYS[name], True, stable=True)
    for name in ("biexponential", "stretched exponential", "second order")
)
"""Smooth curves that may explain a point; the first one always has a say."""
BETA = (0.35, 3.0)
"""Exponents of a stretched exponential: beyond them its ends bend like a spike."""
MOST = 0.1
"""Largest share of a trace that can be outliers."""
EARLY = 2 * MIN_DISTINCT
"""Points at the start among which each run of outliers must gain it by itself: the place of a short
first stage."""


_Known = tuple[Sample, Found] | None
"""What stands for a long trace, and a decay found in it."""


def find_outliers(sample: Sample) -> BoolArray:
    """Return which points of a sample are outliers, shape (n,).

    Parameters
    ----------
    sample : Sample
        Data; fewer than 15 points hold no outliers that could be told from signal.
    """
    none = np.zeros(sample.n, bool)
    if sample.n < 15 or not _suspicious(sample):
        return none
    short, decay = reduced(sample)
    known = None if decay is None else (short, decay)
    spikes = _spikes(sample.signal)  # they return if both models allow them
    held_out = spikes.copy()
    held_out[:2] = True
    found = [_settled(sample, held_out, known)]
    if found[0][:2].any():
        found.append(_settled(sample, spikes, known))
    confirmed = [_confirmed(sample, out, spikes, known) for out in found]
    if np.array_equal(confirmed[0], confirmed[-1]):
        return confirmed[0]
    return min(confirmed, key=lambda out: _shifted_aicc(sample, out, known))


def _settled(sample: Sample, suspects: BoolArray, known: _Known) -> BoolArray:
    """Return the outliers (n,) at which the search comes to rest that begins without the suspects (n,)."""
    none, kept = np.zeros(sample.n, bool), ~suspects
    for _ in range(8):
        short = thinned(sample, kept)
        standing = alike(short, known)
        staged = search_staged(standing, whitening(standing, 0.0), with_offset=True)
        decays = [staged, *(_smooth_found(standing, family) for family in SMOOTH)]
        witnesses = [_misses(sample, kept, short, found) for found in decays]
        best = min(witness.aicc for witness in witnesses)
        misses, limit = witnesses[0].misses, witnesses[0].limit
        out = misses > limit
        for number, witness in enumerate(witnesses[1:]):
            if number == 0 or witness.aicc < best + FAR_AHEAD:  # further behind it has no say
                out &= witness.misses > witness.limit
        out = _plausible_runs(out)
        if out.sum() > MOST * sample.n:
            return none
        trial = ~out
        rough = np.median(misses[kept]) * 6
        trial[kept & (misses > max(limit, rough))] = False  # held out while the fit settles
        if np.array_equal(trial, kept):
            break
        kept = trial
        if kept.sum() < 0.7 * sample.n:
            return none
    return out


def _confirmed(sample: Sample, out: BoolArray, spikes: BoolArray, known: _Known) -> BoolArray:
    """Return those outliers (n,) whose mean shifts gain enough over a further stage in their place.

    A spike beside the parabola through its neighbours needs no more proof but at the start, where the run
    may also end what was measured before a dilution.
    """
    kept = out.copy()
    for first, last in runs(out):
        if first >= EARLY and spikes[first : last + 1].all():
            continue
        trial = kept.copy()
        trial[first : last + 1] = False
        further = min(_staged_aicc(sample, trial, n_stages, known) for n_stages in (2, 3))
        if 0 < first < EARLY:
            diluted = np.where(np.arange(sample.n) <= last, False, kept)
            before = (np.arange(sample.n) < np.arange(first, last + 2)[:, None]).astype(float)
            levels = (with_beside(sample, "step", step) for step in before)
            if (stepped := min(_staged_aicc(level, diluted, 2, known) for level in levels)) < further:
                trial, further = diluted, stepped
        if _shifted_aicc(sample, kept, known) > further - AHEAD:
            kept = trial
    return kept


def _shifted_aicc(sample: Sample, out: BoolArray, known: _Known) -> float:
    """Return AICc of the best of both models with a mean shift for each of the points `out`."""
    return min(
        _staged_aicc(sample, out, 2, known), *(_smooth_aicc(sample, out, family, known) for family in SMOOTH)
    )


def _staged_aicc(sample: Sample, out: BoolArray, n_stages: int, known: _Known) -> float:
    """Return AICc of a staged decay in AR(1) noise with a mean shift for each of the points `out`.

    Were the noise taken as white, its waves would ask for stages.
    """
    short = alike(thinned(sample, ~out), known)
    fitted = staged_fit(short, n_stages=n_stages, with_offset=True, ar1=True)
    found, rho, _, _ = settle_likeliest(fitted)
    return _aicc_with_shifts(sample, out, found.rss, rho, fitted.n_parameters + sample.n_free)


def _smooth_aicc(sample: Sample, out: BoolArray, family: DecayFamily, known: _Known) -> float:
    """Return the same of a smooth family."""
    short, rho = alike(thinned(sample, ~out), known), 0.0
    for _ in range(2):
        theta, rss = smooth_optimum(short, whitening(short, rho), family)
        settled, (curve, jacobian) = rho, family.evaluate(short.time, theta[None, :])
        rho = likeliest_rho(short, short.signal - curve[0], jacobian[0], restricted=False)
    return _aicc_with_shifts(sample, out, rss, settled, theta.size)


def _aicc_with_shifts(sample: Sample, out: BoolArray, rss: float, rho: float, n_parameters: int) -> float:
    """Return AICc of a fit to the other points: a shifted one counts in n, the determinant and K only."""
    determinant = float(whitening(sample, rho).log_determinant)
    return information(sample, max(rss, 1e-290), determinant, n_parameters + 2 + int(out.sum()))[0]


def _spikes(values: Array) -> BoolArray:
    """Return which points leave the parabola through their neighbours by eight noise sd, shape (n,)."""
    n, half = values.size, 2 * (LONGEST + 2)
    spikes = np.zeros(n, bool)
    floor = max(noise_sd(values), 1e-6 * float(np.ptp(values)))
    positions = np.arange(n)
    for i in _near_spikes(values, floor).tolist() if is_long(n) else range(n):
        near = positions[max(0, i - half) : i + half + 1]
        around = near[(np.abs(near - i) > LONGEST // 2) & ~spikes[near]]
        if around.size < 6 or around[0] >= i or around[-1] <= i:
            continue
        curve = np.polyfit(around - i, values[around], 2 if around.size >= 8 else 1)
        rest = values[around] - np.polyval(curve, around - i)
        spread = max(floor, 1.4826 * float(np.median(np.abs(rest))))
        spikes[i] = abs(values[i] - curve[-1]) > 8.0 * spread
    return spikes


def _near_spikes(values: Array, floor: float) -> IntArray:
    """Return the points of a long trace that a parabola may miss as a spike, and those beside them."""
    half = 2 * (LONGEST + 2)
    away = np.arange(-half, half + 1)
    around = away[np.abs(away) > LONGEST // 2]
    # the weights with which a parabola through the neighbours, spikes among them, tells the middle
    weights = np.linalg.pinv(np.vander(around, 3))[-1]
    kernel = np.zeros(away.size)
    kernel[around + half] = weights
    miss = np.abs(values[half:-half] - np.convolve(values, kernel[::-1], "valid"))
    near = np.zeros(values.size, bool)
    near[:half] = near[-half:] = True
    for i in (np.flatnonzero(miss > 4.0 * floor) + half).tolist():
        near[i - half : i + half + 1] = True
    return np.flatnonzero(near)


def _suspicious(sample: Sample) -> bool:
    steepness = 1 / np.diff(sample.time)
    second = np.diff(np.diff(sample.signal) * steepness)
    # in units of what noise does to each: short gaps would stand out on a clock that is uneven
    second /= np.sqrt(steepness[1:] ** 2 + steepness[:-1] ** 2 + (steepness[1:] + steepness[:-1]) ** 2)
    spread = 1.4826 * float(np.median(np.abs(second - np.median(second))))
    return bool(np.max(np.abs(second - np.median(second))) > SUSPECT * spread)


@dataclass(frozen=True, slots=True, eq=False)
class _Witness:
    """|residual| of every point in units of its prediction error, its limit, and the fit's AICc."""

    misses: Array
    limit: float
    aicc: float


def _smooth_found(sample: Sample, family: DecayFamily) -> Found:
    theta, rss = smooth_optimum(sample, whitening(sample, 0.0), family)
    return Found(family, theta, np.empty(0, dtype=np.intp), rss)


def _misses(sample: Sample, kept: BoolArray, short: Sample, found: Found) -> _Witness:
    """Return what a decay says that was fitted to the points kept, `short`, or to what stands for them."""
    family, theta, rss = found.family, found.theta, found.rss
    curve, jacobian = family.evaluate(sample.time, theta[None, :])
    dof = max(short.n - theta.size, 1)
    variance = max(rss, 1e-290) / dof
    tangent = jacobian[0] / sample.sigma
    inverse = np.linalg.pinv(tangent[:, kept] @ tangent[:, kept].T, hermitian=True)
    leverage = np.einsum("pn,pq,qn->n", tangent, inverse, tangent)
    scale = np.sqrt(variance * np.where(kept, np.maximum(1 - leverage, 0.05), 1 + leverage))
    limit = float(-stdtrit(dof, LEVEL / (2 * sample.n)))
    misses: Array = np.abs((sample.signal - curve[0]) / sample.sigma) / scale
    aicc, _ = information(short, max(rss, 1e-290), 0.0, theta.size + 1)
    return _Witness(misses, limit, aicc)


def smooth_optimum(sample: Sample, white: Whitening, family: DecayFamily) -> tuple[Array, float]:
    """Return parameters (p,) and rss of a smooth family."""
    shape = family.shape
    starts = grid_starts(family, sample, white, keep=4)
    inner = slice(shape.n_columns, shape.n_columns + len(shape.nonlinear))
    lower, upper = np.full(starts.shape[1], -np.inf), np.full(starts.shape[1], np.inf)
    lower[inner], upper[inner] = shape.lower, shape.upper
    if "beta" in shape.nonlinear:
        lower[2], upper[2] = BETA
    target = Target(sample.time, sample.signal, white)
    done = descend(family, target, starts, lower=lower, upper=upper, iterations=40, race=1.0)
    best = int(np.argmin(done.rss))
    return done.theta[best], float(done.rss[best])


def _plausible_runs(out: BoolArray) -> BoolArray:
    """Drop runs too long for a bubble; at the start two points at most."""
    result = out.copy()
    for first, last in runs(out):
        longest = 2 if first == 0 else LONGEST
        if last - first >= longest:
            result[first : last + 1] = False
    return result
