"""Outliers: bubbles and injection spikes, found against two models and named, never hidden.

A point is an outlier when a staged decay and a biexponential with offset, each fitted to the other
points, miss it by more than the Bonferroni limit of its prediction error, and so does any other
smooth curve (stretched exponential, second order) that fits the other points as well as the best of
them. What a curve in question can follow is therefore kept, such as the steep start of a stretched
exponential. At the start of a trace at most two points can be a spike, since three would be a stage.

Points that are held out while the others are fitted cannot speak for a stage of their own: the rest
of a stage of three points looks like a spike too. So the search begins once with the first two points
held out and once with all, and points are excluded only where a mean shift for each of them beats
two or three stages through all by 6 in AICc (Y. She, A. B. Owen, J. Am. Stat. Assoc. 106, 626 (2011),
doi 10.1198/jasa.2011.tm10390).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.fitting.correlation import likeliest_rho
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.fitted import information, settle_likeliest, staged_fit
from cxkinetics.fitting.piecewise_linear import MIN_DISTINCT
from cxkinetics.fitting.sample import Sample, thinned
from cxkinetics.fitting.search import search_staged
from cxkinetics.fitting.starts import grid_starts
from cxkinetics.fitting.whitening import Whitening, whitening
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.signals.screening import noise_sd

__all__ = ["find_outliers"]

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
IN_QUESTION = 10.0
"""AICc behind the best up to which a further smooth curve has a say."""
MOST = 0.1
"""Largest share of a trace that can be outliers."""
GAIN = 6.0
"""AICc that the mean shifts of outliers must gain."""
EARLY = 2 * MIN_DISTINCT
"""Points at the start among which each run of outliers must gain it by itself: the place of a short
first stage."""


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
    spikes = _spikes(sample.signal)  # they return if both models allow them
    held_out = spikes.copy()
    held_out[:2] = True
    found = [_settled(sample, held_out)]
    if found[0][:2].any():
        found.append(_settled(sample, spikes))
    confirmed = [_confirmed(sample, out, spikes) for out in found]
    if np.array_equal(confirmed[0], confirmed[-1]):
        return confirmed[0]
    return min(confirmed, key=lambda out: _shifted_aicc(sample, out))


def _settled(sample: Sample, suspects: BoolArray) -> BoolArray:
    """Return the outliers (n,) at which the search comes to rest that begins without the suspects (n,)."""
    none, kept = np.zeros(sample.n, bool), ~suspects
    for _ in range(8):
        witnesses = [_misses(sample, kept, family) for family in (None, *SMOOTH)]
        best = min(witness.aicc for witness in witnesses)
        staged, limit = witnesses[0].misses, witnesses[0].limit
        out = staged > limit
        for number, witness in enumerate(witnesses[1:]):
            if number == 0 or witness.aicc < best + IN_QUESTION:
                out &= witness.misses > witness.limit
        out = _plausible_runs(out)
        if out.sum() > MOST * sample.n:
            return none
        trial = ~out
        rough = np.median(staged[kept]) * 6
        trial[kept & (staged > max(limit, rough))] = False  # held out while the fit settles
        if np.array_equal(trial, kept):
            break
        kept = trial
        if kept.sum() < 0.7 * sample.n:
            return none
    return out


def _confirmed(sample: Sample, out: BoolArray, spikes: BoolArray) -> BoolArray:
    """Return those outliers (n,) whose mean shifts gain enough over a further stage in their place.

    A spike beside the parabola through its neighbours needs no more proof but at the start.
    """
    kept = out.copy()
    for first, last in _runs(out):
        if first >= EARLY and spikes[first:last].all():
            continue
        trial = kept.copy()
        trial[first:last] = False
        further = min(_staged_aicc(sample, trial, n_stages) for n_stages in (2, 3))
        if _shifted_aicc(sample, kept) > further - GAIN:
            kept = trial
    return kept


def _shifted_aicc(sample: Sample, out: BoolArray) -> float:
    """Return AICc of the best of both models with a mean shift for each of the points `out`."""
    return min(_staged_aicc(sample, out, 2), *(_smooth_aicc(sample, out, family) for family in SMOOTH))


def _staged_aicc(sample: Sample, out: BoolArray, n_stages: int) -> float:
    """Return AICc of a staged decay in AR(1) noise with a mean shift for each of the points `out`.

    Were the noise taken as white, its waves would ask for stages.
    """
    fitted = staged_fit(thinned(sample, ~out), n_stages=n_stages, with_offset=True, ar1=True)
    found, rho, _, _ = settle_likeliest(fitted)
    return _aicc_with_shifts(sample, out, found.rss, rho, fitted.n_parameters)


def _smooth_aicc(sample: Sample, out: BoolArray, family: DecayFamily) -> float:
    """Return the same of a smooth family."""
    short, rho = thinned(sample, ~out), 0.0
    for _ in range(2):
        theta, rss = _smooth(short, whitening(short, rho), family)
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
    for i in range(n):
        near = positions[max(0, i - half) : i + half + 1]
        around = near[(np.abs(near - i) > LONGEST // 2) & ~spikes[near]]
        if around.size < 6 or around[0] >= i or around[-1] <= i:
            continue
        curve = np.polyfit(around - i, values[around], 2 if around.size >= 8 else 1)
        rest = values[around] - np.polyval(curve, around - i)
        spread = max(floor, 1.4826 * float(np.median(np.abs(rest))))
        spikes[i] = abs(values[i] - curve[-1]) > 8.0 * spread
    return spikes


def _suspicious(sample: Sample) -> bool:
    slope = np.diff(sample.signal) / np.diff(sample.time)
    second = np.diff(slope)
    spread = 1.4826 * float(np.median(np.abs(second - np.median(second))))
    return bool(np.max(np.abs(second - np.median(second))) > SUSPECT * spread)


@dataclass(frozen=True, slots=True, eq=False)
class _Witness:
    """|residual| of every point in units of its prediction error, its limit, and the fit's AICc."""

    misses: Array
    limit: float
    aicc: float


def _misses(sample: Sample, kept: BoolArray, smooth: DecayFamily | None) -> _Witness:
    """Return what two stages, or a smooth family, say when fitted to the points kept."""
    short = thinned(sample, kept)
    white = whitening(short, 0.0)
    if smooth is None:
        found = search_staged(short, white, with_offset=True)
        family, theta, rss = found.family, found.theta, found.rss
        curve, jacobian = family.evaluate(sample.time, theta[None, :])
    else:
        theta, rss = _smooth(short, white, smooth)
        curve, jacobian = smooth.evaluate(sample.time, theta[None, :])
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


def _smooth(sample: Sample, white: Whitening, family: DecayFamily) -> tuple[Array, float]:
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
    for first, last in _runs(out):
        longest = 2 if first == 0 else LONGEST
        if last - first > longest:
            result[first:last] = False
    return result


def _runs(out: BoolArray) -> list[tuple[int, int]]:
    """Return first point and end (exclusive) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], out, [False]]).astype(int))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
