"""When was the addition? Found where a run was recorded from before it, so that it starts flat."""

import numpy as np

from cxkinetics.arrays import Array, thinned_out
from cxkinetics.inference.ar1 import Sample, whitening
from cxkinetics.inference.descent import Target
from cxkinetics.inference.variance import without_spread
from cxkinetics.kinetics.optimum import Fitted, tangent
from cxkinetics.kinetics.search import Found, around, fit_at, walk, with_start
from cxkinetics.models.families import StagedFamily
from cxkinetics.signals.prepare import Onset, disturbance_in
from cxkinetics.signals.trace import Trace

FLAT_SHARE = 0.35
"""Share of the second rate below which, errors included, a first stage is a wait for the addition."""
EARLIEST = 0.4
"""Share of a run within which an addition is looked for."""
SOON, FEW_GAPS, PLACES = 0.1, 5, 12
"""Share of a run, or readings, within which a wait is looked for that is shorter than a stage, and at how
many places at most."""
MISFIT = 5.0
"""Standard deviations of chi-square by which the first readings must miss a decay from the first one on."""
STILL_SHARE, NOISY_SHARE, STILL = 0.05, 0.2, 4
"""Share of the slope behind a step below which, errors included, the readings before it, so many at least,
are a wait for the addition: where the slope may be a lamp's, and where it may be noise alone."""
CLEARLY = 10.0
"""Gain in -2 ln L, over a start-up time, from which a run is said to wait: a slow start is no wait."""


def addition_of(sample: Sample, broken: Found) -> float | None:
    """Return until when a run stays flat before it decays, s; None where it does not.

    Parameters
    ----------
    sample : Sample
        Data from the first reading on.
    broken : Found
        Two stages with an offset, found in white noise.
    """
    at = _flat_stage(sample, broken)
    if at is None:
        at = _wait(without_spread(sample), broken)
    return None if at is None else at * sample.span_s + sample.first_s


def step_of(trace: Trace) -> Onset | None:
    """Return the step in which an addition moves the level of a signal that stood still; None without one.

    A first stage runs before a step that is a fast second one, and what runs there is kept.
    """
    onset = disturbance_in(trace)
    if onset is None or onset.kind != "step":
        return None
    before, time = trace.time_s <= onset.low_s, trace.time_s
    until = onset.high_s + max(onset.low_s - time[0], 0.1 * (time[-1] - onset.high_s))
    after = (time >= onset.high_s) & (time <= until)
    if min(before.sum(), after.sum()) < STILL:
        return None
    with np.errstate(all="ignore"):  # absurd numbers stand still by no measure
        lines = [np.polyfit(time[part], trace.absorbance[part], 1, cov=True) for part in (before, after)]
        slope, error, behind = abs(lines[0][0][0]), np.sqrt(lines[0][1][0, 0]), abs(lines[1][0][0])
        share = NOISY_SHARE if slope < 2.5 * error else STILL_SHARE
        return onset if slope + 2 * error < share * behind else None


def _flat_stage(sample: Sample, broken: Found) -> float | None:
    """Return the end of a first stage in which nothing falls, in spans."""
    at = float(broken.theta[broken.family.breaks][0])
    first, second = broken.theta[broken.family.rates]
    if at > EARLIEST or not second > 0 or abs(first) > second / 2:
        return None
    residual, jacobian = tangent(sample, broken)
    fit = Fitted(sample, broken, whitening(sample, 0.0), residual, jacobian, 0.0, None)
    error = np.sqrt(np.diag(fit.covariance)[fit.family.rates])
    flat = abs(first) < 2.5 * error[0] and abs(first) + 2 * error[0] < FLAT_SHARE * second
    return at if flat and second > 5 * error[1] else None


def _wait(sample: Sample, broken: Found) -> float | None:
    """Return the end of a wait of a few readings before two stages, in spans.

    A decay that starts late fits like one whose start takes time, but for the first readings: where these
    are flat, a start-up time cannot stand for the wait, and every rate would pay for it.
    """
    time, n = sample.time, sample.n
    last = max(FEW_GAPS, int(np.searchsorted(time, SOON)))
    breaks = int(broken.cell[0])
    if not _misses(sample, broken) or breaks < 2 * FEW_GAPS or n < 4 * FEW_GAPS:
        return None
    family = StagedFamily(3, True)  # nothing falls in the first one
    held = np.ones(len(family.names), bool)
    held[1] = False
    white = whitening(sample, 0.0)
    level, first, second, at, offset = broken.theta
    tried = thinned_out(sample.standing(np.arange(min(last, breaks - FEW_GAPS) + 1)), PLACES)
    cells = np.column_stack([tried, np.full(tried.size, breaks)])
    start = np.tile([level, 0.0, first, second, 0.0, at, offset], (tried.size, 1))
    start[:, family.breaks.start] = (time[tried] + time[tried + 1]) / 2
    theta, rss = fit_at(family, sample, white, cells, start, free=held, iterations=30, tolerance=1e-8)
    near = np.clip(tried[int(np.argmin(rss))] + np.arange(-2, 3), 0, last)
    beside = around(broken.cell, n)[:, 0]
    cells = np.array([(wait, switch) for wait in np.unique(near) for switch in beside])
    start = np.repeat(theta[[int(np.argmin(rss))]], len(cells), axis=0)
    start[:, family.breaks] = (time[cells] + time[cells + 1]) / 2
    theta, rss = fit_at(family, sample, white, cells, start, free=held, tolerance=1e-10)
    slow = with_start(sample, white, broken, broken, 0.0)
    best = int(np.argmin(rss))
    if sample.blocks is not None:  # the switch stands many short gaps from where a wait had moved it
        target = Target(time, sample.signal, white)
        start, free = theta[[best]], held[None, :]
        done, _ = walk(family, sample, target, start, cells[[best]], free=free, tolerance=1e-10)
        theta, rss, best = done.theta, done.rss, 0
    if sample.n_read * np.log(slow.rss / max(float(rss[best]), 1e-290)) < CLEARLY:
        return None
    return float(theta[best, family.breaks.start])


def _misses(sample: Sample, broken: Found) -> bool:
    """Return whether the first readings lie off the decay by more than their noise."""
    own = sample.standing(np.arange(sample.n))
    square: Array = (tangent(sample, broken)[0] / sample.sigma)[own] ** 2
    scale = float(np.median(square)) / 0.4549  # the median of chi-square with one degree of freedom
    counts = np.array([4, 8, 16, 32])
    counts = counts[counts < sample.n // 2]
    excess = np.cumsum(square)[counts - 1] / max(scale, 1e-290) - counts
    return bool(np.any(excess > MISFIT * np.sqrt(2 * counts)))
