"""What stands for a long trace while models are searched, tested and profiled: averages of its readings.

Searches and profiles of a smooth curve do not need every reading. Averages do, taken of what a reference
curve leaves, so that they know the reference exactly and bend within a block only by what another curve
differs from it. Single readings stay at both ends and about the break, where a curve has its kink. How
blocks keep the likelihood of all readings at every correlation is told in `cxkinetics.inference.ar1.Blocks`.
What is shown at last is fitted to all readings again (`finished`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.inference.ar1 import (
    Blocks,
    Sample,
    Whitening,
    correlation_profile,
    inverse_products,
    relative_spacing,
    thinned,
    whitening,
)
from cxkinetics.inference.descent import Target, descend
from cxkinetics.inference.variance import without_spread
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import Fitted, tangent
from cxkinetics.kinetics.search import Found, box, search_staged, smooth_box, walk
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import FreeJointFamily, StartingFamily

LONG = 401
"""Readings up to which every one is searched."""
ROUGH = 160
"""Averages of which the reference curve is found."""
BLOCKS = 50
"""Blocks over the run, and as many again over the fall of the signal."""
GRADED = 0.35
"""Share of its distance from a single reading that a block is long."""
SINGLE = 10
"""Readings at either end that stand for themselves."""
SLOW = 200
"""Averages in which wander is looked for: what is slow is slow in them too."""
NEAR, FAR = 10, 20
"""Averages between a break and the end of a run, and how much of the run, in distances of a break from it."""
REACH = 4.0
"""Standard errors on either side of a break within which blocks are short."""
SHORT = 0.25
"""Length of these, in standard errors; single readings where that is less than one."""
MOST_CORRELATED = 0.98
"""Correlation at most that widens where blocks are short."""
CLASSES = 6
"""Classes of the distances between readings on a clock that is uneven."""
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
        short = alike(sample, (short, found))
        found = _searched(short)
    return short, found


def alike(sample: Sample, known: tuple[Sample, Found] | None) -> Sample:
    """Return what stands for a sample of which nearly all was reduced before; itself where that is None."""
    if known is None:
        return sample
    short, found = known
    curve = _curve_of(found, short)
    shown = curve(sample.time)
    return _blocks(sample, curve, _starts(sample, shown, _zones(short, found, sample.signal - shown)))


def finer(short: Sample, found: Found, at: float) -> tuple[Sample, Found]:
    """Return blocks that are short about a time too, in spans, and the same decay found in them."""
    assert short.blocks is not None
    whole, curve = short.blocks.whole, _curve_of(found, short)
    shown, place = curve(whole.time), int(np.searchsorted(short.time, at))
    block = float(short.time[min(place + 1, short.n - 1)] - short.time[max(place - 2, 0)])
    zones = [*_zones(short, found, whole.signal - shown), (at, block / REACH)]
    short = _blocks(whole, curve, _starts(whole, shown, zones))
    return short, _searched(short)


def again(sample: Sample, short: Sample, found: Found) -> tuple[Sample, Found]:
    """Return what stands for a sample, and a decay found in it, from those found with other weights."""
    assert short.blocks is not None
    standing = _blocks(sample, _curve_of(found, short), short.blocks.starts)
    knots, told = standing.time[np.searchsorted(short.time, found.knots)], found.knot_theta.copy()
    told[:, found.family.breaks.start] = knots
    return standing, replace(found, knots=knots, knot_theta=told)


def _curve_of(found: Found, sample: Sample) -> Callable[[Array], Array]:
    """Return the curve of a decay that was found in a sample, at any times."""
    joints = sample.time[found.cell] * (1 - 1e-12) if isinstance(found.family, FreeJointFamily) else None

    def curve(time: Array) -> Array:
        cell = None if joints is None else np.searchsorted(time, joints)[None, :]
        value: Array = found.family.evaluate(time, found.theta[None, :], cell)[0][0]
        return value

    return curve


def _searched(short: Sample) -> Found:
    return search_staged(short, whitening(short, 0.0), with_offset=True)


def _zones(short: Sample, found: Found, rest: Array) -> list[tuple[float, float]]:
    """Return each break with its standard error, in spans; `rest` (n,) is what the decay leaves of readings.

    Correlation widens the errors by the root of (1 + rho)/(1 - rho).
    """
    rho = min(max(float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), 1e-290), 0.0), MOST_CORRELATED)
    _, jacobian = tangent(short, found)
    white = whitening(short, 0.0)
    shown = white.apply(jacobian)
    variance = np.diag(inverse_products(shown @ shown.T)) * found.rss / max(short.n_read - len(jacobian), 1)
    variance *= (1 + rho) / (1 - rho)
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


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where the points of blocks stand: the first reading, then each block (`at`), before it its loan."""

    lends: BoolArray
    at: IntArray
    lent: BoolArray

    @classmethod
    def of(cls, starts: IntArray, n: int) -> "_Layout":
        """Return the layout of blocks of n readings, the first of which is one reading."""
        alone = np.concatenate([[True], np.diff(np.append(starts[1:], n)) == 1])
        lent = ~(alone[1:] & alone[:-1])  # the reading before is no point
        at = 1 + np.arange(lent.size) + np.cumsum(lent)
        lends = np.zeros(1 + lent.size + int(lent.sum()), bool)
        lends[at[lent] - 1] = True
        return cls(lends, at, lent)

    def points(self, first: float, of_blocks: Array, of_loans: Array) -> Array:
        """Return the values of all points (n,)."""
        values = np.empty(self.lends.size)
        values[0], values[self.at], values[self.lends] = first, of_blocks, of_loans[self.lent]
        return values

    def standing(self, first: float, of_blocks: Array, of_loans: float = 0.0) -> Array:
        """Return values (..., n) of points, those of loans all alike; the first one counts in class 0."""
        values = np.full((*of_blocks.shape[:-1], self.lends.size), of_loans)
        values[..., self.at] = of_blocks
        values[..., 0, 0] = first
        return values


def _blocks(sample: Sample, curve: Callable[[Array], Array], starts: IntArray) -> Sample:
    """Return the averages of a sample over blocks, the first of which is its first reading alone."""
    plain = None if sample.given is None else _blocks(without_spread(sample), curve, starts)
    weight, rest = 1 / sample.sigma, sample.signal - curve(sample.time)
    cut = starts[1:] - 1  # sums run over pairs of neighbours

    def total(values: Array) -> Array:
        summed: Array = np.add.reduceat(values, cut)
        return summed

    late, early, noise = weight[1:], weight[:-1], rest * weight
    kinds, worth = _classes(sample.spacing, rest)
    pairs = np.stack([late**2, late * early, early**2])
    squares = np.stack([noise[1:] ** 2, noise[1:] * noise[:-1], noise[:-1] ** 2])
    shares = [kinds == kind for kind in range(kinds.max() + 1)] if kinds.any() else [np.ones(kinds.size)]
    number = np.array([total(share * 1.0) for share in shares])
    distance = np.array([total(share * sample.spacing) for share in shares]) / np.maximum(number, 1.0)
    weights = np.array([[total(share * part) for share in shares] for part in pairs])
    square = np.array([[total(share * part) for share in shares] for part in squares])
    columns = [sample.time, rest, *(() if sample.beside is None else sample.beside.columns)]
    counted = pairs[::2] * worth
    whole = total(counted[0]), total(counted[1])
    mean = [(total(counted[0] * c[1:]) / whole[0], total(counted[1] * c[:-1]) / whole[1]) for c in columns]
    now, then = mean[1]
    shown = weights * np.stack([now**2, now * then, then**2])[:, None, :]
    layout = _Layout.of(starts, sample.n)
    points, standing = layout.points, layout.standing
    time = points(float(sample.time[0]), *mean[0])
    gaps = np.diff(sample.time)
    first = standing(0.0, weights)
    first[0, 0, 0] = weight[0] ** 2
    blocks = Blocks(
        lends=layout.lends,
        counts=standing(1.0, number),
        distance=standing(np.inf, np.where(number > 0, distance, 1.0), 1.0),
        weight=first,
        unexplained=standing(0.0, square - shown),
        log_sigma=sample.log_sigma,
        gap=float(np.median(gaps)),
        widest=float(np.max(gaps)),
        starts=starts,
        whole=sample,
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
        sigma=points(float(sample.sigma[0]), weights[0].sum(axis=0) ** -0.5, weights[2].sum(axis=0) ** -0.5),
        given=None,
        spacing=np.ones(time.size - 1),
        beside=beside,
        blocks=blocks,
    )


def _classes(spacing: Array, rest: Array) -> tuple[IntArray, Array | float]:
    """Return the class of each distance between neighbours (n - 1,), and what readings after it are worth.

    Correlated readings are worth the more the further they stand apart; even ones are all of one class.
    """
    if float(np.ptp(spacing)) < 1e-6:
        return np.zeros(spacing.size, dtype=np.intp), 1.0
    spacing = spacing.round(6)  # clocks in one unit have few distances, but for rounding
    edges = np.unique(np.quantile(spacing, np.arange(1, CLASSES) / CLASSES))
    rho = float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), 1e-290)
    neighbours = min(max(rho, 0.0), MOST_CORRELATED) ** spacing
    return np.searchsorted(edges, spacing), (1 - neighbours) / (1 + neighbours)


def means_in(short: Sample, values: Array) -> Array:
    """Return the values (n,) of all readings at the points that stand for them; themselves without blocks."""
    blocks = short.blocks
    if blocks is None:
        return values
    weight, cut = 1 / blocks.whole.sigma, blocks.starts[1:] - 1

    def mean(weight: Array, values: Array) -> Array:
        result: Array = np.add.reduceat(weight**2 * values, cut) / np.add.reduceat(weight**2, cut)
        return result

    of_blocks, of_loans = mean(weight[1:], values[1:]), mean(weight[:-1], values[:-1])
    return _Layout.of(blocks.starts, values.size).points(float(values[0]), of_blocks, of_loans)


def slowed(whole: Sample, found: Found) -> Sample:
    """Return averages of equally many readings, fine enough for the breaks of a decay found in them.

    Where these stand near one end, of as much of the run as tells of them.
    """
    n, breaks = whole.n, np.searchsorted(whole.time, found.theta[found.family.breaks])
    first, last = max(int(breaks[0]), 1), max(int(n - breaks[-1]), 1)
    length = min(n, FAR * (int(breaks[-1]) if first <= last else n - int(breaks[0])))
    begin, end = (0, length) if first <= last else (n - length, n)
    count = min(max(SLOW, min(length * NEAR // min(first, last), 3 * SLOW)), length)
    part = thinned(whole, (np.arange(n) >= begin) & (np.arange(n) < end))
    cut = np.unique(np.linspace(0, part.n, count + 1).astype(np.intp)[:-1])
    weight, curve = part.sigma**-2.0, _curve_of(found, whole)
    total = np.add.reduceat(weight, cut)

    def mean(values: Array) -> Array:
        result: Array = np.add.reduceat(weight * values, cut) / total
        return result

    time, beside = mean(part.time), part.beside
    if beside is not None:
        beside = replace(beside, columns=np.array([mean(column) for column in beside.columns]))
    return replace(
        part,
        time=time,
        signal=mean(part.signal - curve(part.time)) + curve(time),
        sigma=(total / np.exp(np.mean(np.log(total)))) ** -0.5,
        given=None,
        spacing=relative_spacing(time),
        beside=beside,
    )


def starts_about(fitted: Fitted) -> IntArray:
    """Return the first reading of each block about a fit to other blocks, short about its own breaks."""
    family, found, zones = fitted.family, fitted.found, []
    assert fitted.sample.blocks is not None
    whole = fitted.sample.blocks.whole
    if isinstance(family, FreeJointFamily):
        at = fitted.sample.time[np.stack([found.cell - 1, found.cell])]
        zones = [(float(low + high) / 2, float(high - low)) for low, high in at.T]
    elif not (isinstance(family, DecayFamily) or fitted.given_breaks):
        errors = np.sqrt(np.maximum(np.diag(fitted.covariance), 0.0))
        zones = list(zip(found.theta[family.breaks].tolist(), errors[family.breaks].tolist(), strict=True))
    return _starts(whole, _curve_of(found, fitted.sample)(whole.time), zones)


def finished(fitted: Fitted, starts: IntArray | None = None) -> Fitted:
    """Return a fit to blocks at the optimum of all readings, with the fit to these (`Fitted.whole`).

    The blocks (at `starts`, or where they were) are made anew about that optimum, and their signal is moved
    along its tangent as far as it is none of theirs, so that profiles rise from there.
    """
    family, rho, given = fitted.family, fitted.rho, fitted.given_breaks
    blocks, every = fitted.sample.blocks, in_all_readings(fitted)
    assert blocks is not None
    whole, found = every.sample, every.found
    sample = _blocks(whole, _curve_of(found, whole), blocks.starts if starts is None else starts)
    white, cell = whitening(sample, rho), found.cell
    if isinstance(family, FreeJointFamily):
        cell = np.searchsorted(sample.time, whole.time[cell] * (1 - 1e-12))
    elif cell.size:
        cell = np.searchsorted(sample.time, found.theta[family.breaks], side="right") - 1
    short = replace(fitted.found, theta=found.theta, cell=cell)
    residual, jacobian = tangent(sample, short, given=given)
    step = np.linalg.lstsq(white.apply(jacobian).T, white.apply(residual), rcond=1e-10)[0]
    residual = residual - step @ jacobian
    sample = replace(sample, signal=sample.signal - step @ jacobian)
    short = replace(short, rss=float(np.sum(white.apply(residual) ** 2) + white.hidden))
    profile = None if fitted.correlation is None else correlation_profile(sample, residual, jacobian)
    every = replace(every, correlation=profile)
    return Fitted(sample, short, white, residual, jacobian, rho, profile, given, every)


def in_all_readings(fitted: Fitted) -> Fitted:
    """Return a fit to blocks at rest in all readings, at the same correlation and without its profile."""
    assert fitted.sample.blocks is not None
    whole, given = fitted.sample.blocks.whole, fitted.given_breaks
    white = whitening(whole, fitted.rho)
    found = _descended(fitted, whole, white)
    residual, jacobian = tangent(whole, found, given=given)
    return Fitted(whole, found, white, residual, jacobian, fitted.rho, None, given)


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
            family,
            whole,
            target,
            start,
            near,
            free=free[None, :],
            iterations=LAST,
            tolerance=1e-12,
            dense=True,
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
