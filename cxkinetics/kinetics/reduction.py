"""What stands for a long trace while models are searched, tested and profiled: averages of its readings.

Searches and profiles of a smooth curve do not need every reading. Averages do, taken of what a reference
curve leaves, so that they know the reference exactly and bend within a block only by what another curve
differs from it. Single readings stay at both ends and about the break, where a curve has its kink. How
blocks keep the likelihood of all readings at every correlation is told in `cxkinetics.inference.ar1.Blocks`.
What is shown at last is fitted to all readings again (`finished`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.inference.ar1 import (
    Blocks,
    Sample,
    Whitening,
    correlation_profile,
    inverse_products,
    whitening,
)
from cxkinetics.inference.descent import Target, descend
from cxkinetics.inference.variance import without_spread
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import Fitted, tangent
from cxkinetics.kinetics.search import Found, box, search_staged, smooth_box, walk
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import FreeJointFamily, StartingFamily

LONG = 900
"""Readings up to which every one is searched."""
ROUGH = 160
"""Averages of which the reference curve is found."""
BLOCKS = 50
"""Blocks over the run, and as many again over the fall of the signal."""
GRADED = 0.35
"""Share of its distance from a single reading that a block is long."""
SINGLE = 10
"""Readings at either end that stand for themselves."""
REACH = 4.0
"""Standard errors on either side of a break within which blocks are short."""
SHORT = 0.25
"""Length of these, in standard errors; single readings where that is less than one."""
ROUNDS = 2
"""How often the reference is fitted to blocks that it makes itself."""


def is_long(n: int) -> bool:
    """Return whether so many readings are searched in blocks."""
    return n > LONG


def reduced(sample: Sample) -> tuple[Sample, Found | None]:
    """Return what stands for a sample, and two stages with an offset found in it (white noise).

    A sample of `LONG` readings at most stands for itself, and nothing is searched.
    """
    if not is_long(sample.n):
        return sample, None
    rough = np.linspace(0, sample.n, ROUGH).astype(np.intp)[:-1]
    starts = np.unique(np.concatenate([rough, np.arange(SINGLE)]))
    short = _blocks(sample, np.zeros_like, starts)
    found = _searched(short)
    for _ in range(ROUNDS):
        curve = _curve_of(found)
        short = _blocks(sample, curve, _starts(sample, curve(sample.time), _zones(short, found)))
        found = _searched(short)
    return short, found


def again(sample: Sample, short: Sample, found: Found) -> tuple[Sample, Found]:
    """Return what stands for a sample, and a decay found in it, from those found with other weights."""
    assert short.blocks is not None
    standing = _blocks(sample, _curve_of(found), short.blocks.starts)
    knots, told = standing.time[np.searchsorted(short.time, found.knots)], found.knot_theta.copy()
    told[:, found.family.breaks.start] = knots
    return standing, replace(found, knots=knots, knot_theta=told)


def _curve_of(found: Found) -> Callable[[Array], Array]:
    def curve(time: Array) -> Array:
        value: Array = found.family.evaluate(time, found.theta[None, :])[0][0]
        return value

    return curve


def _searched(short: Sample) -> Found:
    return search_staged(short, whitening(short, 0.0), with_offset=True)


def _zones(short: Sample, found: Found) -> list[tuple[float, float]]:
    """Return each break with its standard error, in spans."""
    _, jacobian = tangent(short, found)
    white = whitening(short, 0.0)
    shown = white.apply(jacobian)
    variance = np.diag(inverse_products(shown @ shown.T)) * found.rss / max(short.n_read - len(jacobian), 1)
    breaks = range(found.family.breaks.start, found.family.breaks.stop)
    return [(float(found.theta[b]), float(np.sqrt(max(variance[b], 0.0)))) for b in breaks]


def _starts(sample: Sample, curve: Array, zones: Sequence[tuple[float, float]]) -> IntArray:
    """Return the first reading of each block, for a reference curve (n,) and breaks with their errors."""
    n, index = sample.n, np.arange(sample.n)
    fall = np.abs(np.diff(curve, prepend=curve[0]))
    density = BLOCKS / n + BLOCKS * fall / max(float(fall.sum()), 1e-290)
    for edge in (index, n - 1 - index):
        np.maximum(density, 1 / (1 + GRADED * np.maximum(edge - SINGLE, 0)), out=density)
    for at, error in zones:
        left, middle, right = np.searchsorted(sample.time, [at - REACH * error, at, at + REACH * error])
        fine = max(1.0, SHORT * (right - left) / (2 * REACH))
        # at least two readings on either side
        away = np.maximum(np.maximum(min(left, middle - 3) - index, index - max(right, middle + 3)), 0)
        np.maximum(density, 1 / (fine + GRADED * away), out=density)
    number = np.floor(np.cumsum(np.minimum(density, 1.0)) + 1e-9)
    starts: IntArray = np.flatnonzero(np.diff(number, prepend=-1.0) > 0)
    return starts


def _blocks(sample: Sample, curve: Callable[[Array], Array], starts: IntArray) -> Sample:
    """Return the averages of a sample over blocks, the first of which is its first reading alone."""
    plain = None if sample.given is None else _blocks(without_spread(sample), curve, starts)
    weight, rest = 1 / sample.sigma, sample.signal - curve(sample.time)
    cut = starts[1:] - 1  # sums run over pairs of neighbours

    def total(values: Array) -> Array:
        summed: Array = np.add.reduceat(values, cut)
        return summed

    late, early = weight[1:], weight[:-1]
    own, mixed, before = total(late**2), total(late * early), total(early**2)
    columns = [sample.time, rest, *(() if sample.beside is None else sample.beside.columns)]
    mean = [(total(late**2 * c[1:]) / own, total(early**2 * c[:-1]) / before) for c in columns]
    noise = rest * weight
    square = total(noise[1:] ** 2), total(noise[1:] * noise[:-1]), total(noise[:-1] ** 2)
    (_, _), (now, then) = mean[:2]
    shown = own * now**2, mixed * now * then, before * then**2
    counts = np.diff(np.append(starts[1:], sample.n))
    alone = np.concatenate([[True], counts == 1])
    lent = ~(alone[1:] & alone[:-1])  # the reading before is no point
    n_points = 1 + counts.size + int(lent.sum())
    at = 1 + np.arange(counts.size) + np.cumsum(lent)
    loan = at[lent] - 1

    def points(first: float, of_block: Array, of_loan: Array) -> Array:
        values = np.empty(n_points)
        values[0], values[at], values[loan] = first, of_block, of_loan[lent]
        return values

    nothing = np.zeros(counts.size)
    distance = total(sample.spacing) / counts
    time = points(float(sample.time[0]), *mean[0])
    lends = np.zeros(n_points, bool)
    lends[loan] = True
    gaps = np.diff(sample.time)
    blocks = Blocks(
        lends=lends,
        distance=points(np.inf, distance, distance),
        own=points(float(weight[0]) ** 2, own, np.maximum(before - mixed**2 / own, 0.0)),
        before=points(0.0, mixed / np.sqrt(own), nothing),
        counts=points(1.0, counts, nothing),
        unexplained=np.array([points(0.0, s - e, nothing) for s, e in zip(square, shown, strict=True)]),
        log_sigma=sample.log_sigma,
        gap=float(np.median(gaps)),
        widest=float(np.max(gaps)),
        starts=starts,
        plain=plain,
    )
    beside = sample.beside
    if beside is not None:
        besides = zip(beside.columns, mean[2:], strict=True)
        beside = replace(beside, columns=np.array([points(float(c[0]), *m) for c, m in besides]))
    return replace(
        sample,
        time=time,
        signal=points(float(rest[0]), now, then) + curve(time),
        sigma=points(float(sample.sigma[0]), own**-0.5, before**-0.5),
        given=None,
        spacing=np.ones(n_points - 1),
        beside=beside,
        blocks=blocks,
    )


def finished(fitted: Fitted, whole: Sample) -> Fitted:
    """Return a fit to blocks at the optimum of all readings, with the fit to these (`Fitted.whole`).

    The signal of the blocks is moved by as much as the curve, so that their optimum is that of all readings
    and profiles rise from there.
    """
    sample, family, white = fitted.sample, fitted.family, whitening(whole, fitted.rho)
    found = _descended(fitted, whole, white)
    residual, jacobian = tangent(whole, found, given=fitted.given_breaks)
    every = Fitted(whole, found, white, residual, jacobian, fitted.rho, None, fitted.given_breaks)
    was, now = (family.evaluate(sample.time, f.theta[None, :])[0][0] for f in (fitted, found))
    sample = replace(sample, signal=sample.signal + now - was)
    cell = fitted.found.cell
    if cell.size and not isinstance(family, FreeJointFamily):
        cell = np.searchsorted(sample.time, found.theta[family.breaks], side="right") - 1
    short = replace(fitted.found, theta=found.theta, cell=cell)
    residual, jacobian = tangent(sample, short, given=fitted.given_breaks)
    short = replace(short, rss=float(np.sum(fitted.white.apply(residual) ** 2) + fitted.white.hidden))
    profile = None if fitted.correlation is None else correlation_profile(sample, residual, jacobian)
    every = replace(every, correlation=profile)
    return replace(
        fitted,
        sample=sample,
        found=short,
        residual=residual,
        jacobian=jacobian,
        correlation=profile,
        whole=every,
    )


def _descended(fitted: Fitted, whole: Sample, white: Whitening) -> Found:
    """Return the optimum of all readings beside that of the blocks."""
    family, found = fitted.family, fitted.found
    target, start = Target(whole.time, whole.signal, white), found.theta[None, :]
    free: BoolArray = ~fitted.held
    cells = np.empty((1, 0), dtype=np.intp)
    lower, upper = np.full(free.size, -np.inf), np.full(free.size, np.inf)
    gradual = isinstance(family, StartingFamily) and family.gradual
    if isinstance(family, DecayFamily):
        lower, upper = smooth_box(family, whole)
    elif isinstance(family, FreeJointFamily):
        cells = np.searchsorted(whole.time, fitted.sample.time[found.cell] * (1 - 1e-12))[None, :]
    elif found.cell.size and not (gradual or fitted.given_breaks):
        near = np.searchsorted(whole.time, start[:, family.breaks], side="right") - 1
        near = np.clip(near, MIN_DISTINCT - 1, whole.n - MIN_DISTINCT - 1)
        done, near = walk(
            family, whole, target, start, near, free=free[None, :], iterations=LAST, tolerance=1e-12
        )
        return replace(found, theta=done.theta[0], cell=near[0], rss=float(done.rss[0]))
    elif not fitted.given_breaks:
        lower, upper = box(family, whole, cells)
    done = descend(
        family,
        target,
        start,
        cell=cells if cells.size else None,
        lower=lower,
        upper=upper,
        free=free,
        iterations=LAST,
        tolerance=1e-12,
    )
    cell = found.cell
    if gradual or fitted.given_breaks:
        cell = np.searchsorted(whole.time, done.theta[0, family.breaks], side="right") - 1
    elif cells.size:
        cell = cells[0]
    return replace(found, theta=done.theta[0], cell=cell, rss=float(done.rss[0]))


LAST = 12
"""Steps of the last descent, to all readings, at most."""
