"""Straight lines that meet or not: exact search of breaks by prefix sums; the end of a peak's shift."""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.errors import InputError, UnresolvedBreakpointError
from cxkinetics.estimate import Estimate
from cxkinetics.signals.trace import Trace

BLOCK = 8192
"""Candidates evaluated at once: their arrays stay in the processor's cache."""
MIN_DISTINCT = 3
"""Distinct abscissae that every piece must hold."""
EDGE = 1e-6
"""A piece is [start, end): a break that wants to sit on the last sample the first piece must hold
is put this share of the gap after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLine:
    """A fitted broken line.

    Attributes
    ----------
    breakpoints : tuple of float
        Where it bends (continuous joints), or the midpoints of the gaps (free joints).
    gaps : tuple of (float, float)
        The samples on either side of each break.
    slopes, intercepts : tuple of float
        One per piece; the intercept is the value of that piece's line at x = 0.
    slope_errors : tuple of float
        Standard errors of the slopes given the breaks (NaN without degrees of freedom).
    rss : float
        Weighted residual sum of squares.
    """

    breakpoints: tuple[float, ...]
    gaps: tuple[tuple[float, float], ...]
    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    slope_errors: tuple[float, ...]
    rss: float

    def value(self, x: ArrayLike) -> Array:
        """Return the fitted value at `x`."""
        at = np.asarray(x, dtype=float)
        piece = np.searchsorted(np.array(self.breakpoints), at, side="right")
        result: Array = np.array(self.intercepts)[piece] + np.array(self.slopes)[piece] * at
        return result


def fit_line(x: Array, y: Array, weights: Array | None = None) -> tuple[float, float, float, float]:
    """Return slope, intercept, standard error of the slope and rss of a straight line, in closed form.

    Parameters
    ----------
    x, y : Array, shape (n,)
        Abscissae (at least two distinct) and ordinates.
    weights : Array, shape (n,), optional
        Relative weights (1/variance).

    Examples
    --------
    >>> fit_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))[:2]
    (2.0, 1.0)
    """
    w = np.ones_like(x) if weights is None else weights
    x_mean, y_mean = np.average(x, weights=w), np.average(y, weights=w)
    dx, dy = x - x_mean, y - y_mean
    sxx = float(np.sum(w * dx * dx))
    slope = float(np.sum(w * dx * dy)) / sxx
    residual = dy - slope * dx
    slope += float(np.sum(w * dx * residual)) / sxx  # one step of refinement
    residual = dy - slope * dx
    rss = float(np.sum(w * residual**2))
    dof = x.size - 2
    error = float(np.sqrt(rss / dof / sxx)) if dof > 0 else float("nan")
    return slope, float(y_mean - slope * x_mean), error, rss


def fit_broken_line(
    x: ArrayLike,
    y: ArrayLike,
    n_breaks: int = 1,
    *,
    weights: ArrayLike | None = None,
    continuous: bool = True,
    breakpoints: ArrayLike | None = None,
) -> BrokenLine:
    """Fit a broken straight line by exact least squares over the breakpoints.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Data in any order; equal abscissae are allowed.
    n_breaks : int
        Number of breaks, 0 or more.
    weights : array_like, shape (n,), optional
        Relative weights (1/variance).
    continuous : bool
        True: the pieces meet at the breaks. False: an independent line per piece.
    breakpoints : array_like, optional
        Given breaks; then nothing is searched.

    Returns
    -------
    BrokenLine

    Raises
    ------
    UnresolvedBreakpointError
        If the data have too few distinct abscissae for that many pieces.

    Examples
    --------
    >>> x = np.arange(9.0)
    >>> fit_broken_line(x, np.abs(x - 4.25)).breakpoints
    (4.25,)
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ws = np.ones_like(xs) if weights is None else np.asarray(weights, dtype=float)
    if np.any(xs[1:] < xs[:-1]):
        order = np.argsort(xs, kind="stable")
        xs, ys, ws = xs[order], ys[order], ws[order]
    knots = _distinct(xs)
    if breakpoints is not None:
        breaks = np.sort(np.atleast_1d(np.asarray(breakpoints, dtype=float)))
    else:
        if knots.size < MIN_DISTINCT * (n_breaks + 1):
            raise UnresolvedBreakpointError(
                f"{n_breaks + 1} stages need {MIN_DISTINCT} distinct times each, "
                f"{MIN_DISTINCT * (n_breaks + 1)} in all; the data hold {knots.size}; demand fewer stages"
            )
        breaks = _search(xs, ys, ws, n_breaks, continuous)
    return _solve(xs, ys, ws, breaks, continuous)


def _distinct(x: Array) -> Array:
    """Return the distinct values of ascending abscissae."""
    new = x[1:] > x[:-1]
    return x if new.all() else x[np.concatenate([[True], new])]


def _search(x: Array, y: Array, w: Array, n_breaks: int, continuous: bool) -> Array:
    """Return the least-squares breaks: one exactly, more by coarse pairs and exact sweeps."""
    if n_breaks == 0:
        return np.empty(0)
    if n_breaks == 1:
        return np.array([_best_break(x, y, w, np.empty(0), continuous)])
    knots = _distinct(x)
    middles = (knots[1:] + knots[:-1]) / 2
    coarse = middles[np.unique(np.linspace(MIN_DISTINCT - 1, middles.size - MIN_DISTINCT, 24).astype(int))]
    tried: list[tuple[float, tuple[float, ...]]] = []
    for chosen in combinations(coarse, n_breaks):
        counts = np.diff([0, *np.searchsorted(knots, chosen), knots.size])
        if counts.min() >= MIN_DISTINCT:
            tried.append((_solve(x, y, w, np.array(chosen), continuous).rss, chosen))
    if not tried:
        edges = np.linspace(0, knots.size, n_breaks + 2).astype(int)[1:-1]
        tried = [(np.inf, tuple(middles[edges - 1]))]
    best_rss, best = np.inf, np.array(min(tried)[1])
    for _, start in sorted(tried)[:3]:
        breaks = np.array(start)
        rss = _solve(x, y, w, breaks, continuous).rss
        for _ in range(20):
            for index in range(n_breaks):
                others = np.delete(breaks, index)
                trial = np.sort(np.append(others, _best_break(x, y, w, others, continuous)))
                if _solve(x, y, w, trial, continuous).rss < rss:
                    breaks = trial
            new = _solve(x, y, w, breaks, continuous).rss
            if new >= rss * (1 - 1e-12):
                break
            rss = new
        if rss < best_rss:
            best_rss, best = rss, breaks
    return best


def _best_break(x: Array, y: Array, w: Array, others: Array, continuous: bool) -> float:
    """Return the best further break, given the `others`."""
    if others.size == 0:
        return _best_single_break(x, y, w, continuous)
    edges = np.concatenate([[-np.inf], np.sort(others), [np.inf]])
    knots = _distinct(x)
    candidates: list[float] = []
    for low, high in pairwise(edges):
        inner = knots[(knots >= low) & (knots < high)]
        if inner.size < 2 * MIN_DISTINCT:
            continue
        middles = (inner[MIN_DISTINCT:-MIN_DISTINCT] + inner[MIN_DISTINCT - 1 : -MIN_DISTINCT - 1]) / 2
        candidates += [*middles, (inner[-MIN_DISTINCT] + inner[-MIN_DISTINCT - 1]) / 2]
        if continuous:
            candidates += list(inner[MIN_DISTINCT : -MIN_DISTINCT + 1])
    if not candidates:
        return float(others[0])
    best = min(candidates, key=lambda b: _solve(x, y, w, np.sort(np.append(others, b)), continuous).rss)
    if not continuous:
        return float(best)
    index = int(np.clip(np.searchsorted(knots, best), 1, knots.size - 2))
    fine = np.linspace(knots[index - 1], knots[index + 1], 41)
    for _ in range(8):  # nested grids: the profile is smooth inside a gap
        rss = [_solve(x, y, w, np.sort(np.append(others, b)), continuous).rss for b in fine]
        centre = fine[int(np.argmin(rss))]
        step = fine[1] - fine[0]
        fine = np.linspace(centre - step, centre + step, 21)
    return float(centre)


def _best_single_break(x: Array, y: Array, w: Array, continuous: bool) -> float:
    """Return the exact single break from prefix sums over all gaps and all samples."""
    shift, scale = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    u = (x - shift) / scale  # on -1 to 1
    left = _prefix_sums(x, u, y, w)
    knots = _distinct(x)
    z = u if knots is x else _distinct(u)
    best = (-np.inf, np.nan)
    first, last = MIN_DISTINCT - 1, knots.size - MIN_DISTINCT  # breaks between knots g and g + 1
    for start in range(first, last + 1, BLOCK):
        stop = min(start + BLOCK, last + 1)
        gaps = slice(start, min(stop, last))
        if continuous:
            inside = _best_crossing(left[:, gaps], left[:, -1:], z[start : gaps.stop + 1])
            bends = z[start:stop]
            if start == first:  # just after the last sample that stage 1 must hold
                bends = bends.copy()
                bends[0] += EDGE * (z[1 + first] - z[first])
            on_sample = _best_bend(left[:, start:stop], left[:, -1:], bends)
            best = max(best, on_sample, inside, key=lambda found: found[0])
        elif gaps.stop > gaps.start:
            gain = _two_lines(left[:, gaps], left[:, -1:])[4]
            g = int(np.argmax(gain))
            middle = (z[start + g] + z[start + g + 1]) / 2
            best = max(best, (float(gain[g]), middle), key=lambda found: found[0])
    return float(best[1] * scale + shift)


def _prefix_sums(x: Array, u: Array, y: Array, w: Array) -> Array:
    """Return sums of w, wu, wuu, wv, wuv up to every distinct abscissa, shape (5, knots)."""
    v = y - float(np.einsum("i,i->", w, y)) / float(np.sum(w))
    sums = np.empty((5, x.size))
    sums[0] = w
    np.multiply(w, u, out=sums[1])
    np.multiply(sums[1], u, out=sums[2])
    np.multiply(w, v, out=sums[3])
    np.multiply(sums[1], v, out=sums[4])
    new = x[1:] > x[:-1]
    if not new.all():
        sums = np.add.reduceat(sums, np.flatnonzero(np.concatenate([[True], new])), axis=1)
    return np.cumsum(sums, axis=1, out=sums)


def _two_lines(left: Array, total: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return slope and level left and right of each gap, and what both lines explain."""
    slope_a, level_a, gain = _line_from_sums(left)
    slope_b, level_b, gain_b = _line_from_sums(total - left)
    gain += gain_b
    return slope_a, level_a, slope_b, level_b, gain


def _best_crossing(left: Array, total: Array, z: Array) -> tuple[float, float]:
    """Return gain and place of the best pair of lines that cross inside their own gap."""
    if left.shape[1] == 0:
        return -np.inf, np.nan
    slope_a, level_a, slope_b, level_b, gain = _two_lines(left, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (level_b - level_a) / (slope_a - slope_b)
    gain[~((crossing > z[:-1]) & (crossing < z[1:]))] = -np.inf
    g = int(np.argmax(gain))
    return float(gain[g]), float(crossing[g])


def _best_bend(left: Array, total: Array, centre: Array) -> tuple[float, float]:
    """Return gain and place of the best line that bends on a sample, from sums about that sample."""
    l1, l2, ly = _sums_about(centre, left)
    r1, r2, ry = _sums_about(centre, total - left)
    left_share, right_share = l1 / l2, r1 / r2
    value = total[3] - left_share * ly - right_share * ry
    gain = value * value / (total[0] - left_share * l1 - right_share * r1) + ly * ly / l2 + ry * ry / r2
    g = int(np.argmax(gain))
    return float(gain[g]), float(centre[g])


def _sums_about(centre: Array, sums: Array) -> tuple[Array, Array, Array]:
    """Return the sums of w d, w d^2 and w d v with d = u - centre."""
    first = sums[1] - centre * sums[0]
    return first, sums[2] - centre * (sums[1] + first), sums[4] - centre * sums[3]


def _line_from_sums(sums: Array) -> tuple[Array, Array, Array]:
    """Return slope, level and the reduction of the sum of squares of a line, from its five sums."""
    w, wu, wuu, wv, wuv = sums
    mean, level = wu / w, wv / w
    sxx, sxy = wuu - wu * mean, wuv - wu * level
    slope = sxy / sxx
    gain = level * wv
    gain += slope * sxy
    level -= slope * mean
    return slope, level, gain


def _solve(x: Array, y: Array, w: Array, breaks: Array, continuous: bool) -> BrokenLine:
    """Fit the line with its breaks given, by QR."""
    knots = _distinct(x)
    at = np.searchsorted(knots, breaks, side="left").clip(1, knots.size - 1)
    gaps = tuple((float(knots[i - 1]), float(knots[i])) for i in at)
    if not continuous:
        piece_of = np.searchsorted(breaks, x, side="right")
        inside = [piece_of == j for j in range(breaks.size + 1)]
        pieces = [(x[here], y[here], w[here]) for here in inside]
        parts = [fit_line(*piece) for piece in pieces]
        rss = sum(part[3] for part in parts)
        dof = x.size - 2 * len(parts)
        variance = rss / dof if dof > 0 else float("nan")
        return BrokenLine(
            breakpoints=tuple(sum(gap) / 2 for gap in gaps),
            gaps=gaps,
            slopes=tuple(part[0] for part in parts),
            intercepts=tuple(part[1] for part in parts),
            slope_errors=tuple(float(np.sqrt(variance / _sxx(piece[0], piece[2]))) for piece in pieces),
            rss=rss,
        )
    centre = float(np.mean(x))
    edges = np.concatenate([[-np.inf], breaks, [np.inf]])
    root = np.sqrt(w)
    design = np.empty((breaks.size + 2, x.size))
    design[0] = root
    for row, (low, high) in enumerate(pairwise(edges), 1):
        reference = centre if np.isneginf(low) else low
        np.multiply(np.clip(x, low, high) - reference, root, out=design[row])
    target = y * root
    q, r = _orthogonal(design)
    solution = np.zeros(len(design))
    residual = target
    for _ in range(2):  # the second time is a step of refinement
        solution += np.linalg.solve(r, np.einsum("jn,n->j", q, residual))
        residual = target - np.einsum("j,jn->n", solution, design)
    rss = float(np.einsum("n,n->", residual, residual))
    slopes = solution[1:]
    dof = x.size - design.shape[0] - breaks.size
    inverse = np.linalg.inv(r)
    errors = (
        np.sqrt(np.sum(inverse[1:] ** 2, axis=1) * rss / dof) if dof > 0 else np.full(slopes.size, np.nan)
    )
    intercepts = [float(solution[0] - slopes[0] * centre)]
    for number, bend in enumerate(breaks):
        intercepts.append(intercepts[-1] + float((slopes[number] - slopes[number + 1]) * bend))
    return BrokenLine(
        breakpoints=tuple(float(b) for b in breaks),
        gaps=gaps,
        slopes=tuple(float(s) for s in slopes),
        intercepts=tuple(intercepts),
        slope_errors=tuple(float(e) for e in errors),
        rss=rss,
    )


def _orthogonal(rows: Array) -> tuple[Array, Array]:
    """Return orthonormal rows and the triangle r with rows = r' q, by Gram-Schmidt done twice.

    Long sums go through einsum: a library of linear algebra would start threads for them.
    """
    q, r = rows.copy(), np.zeros((len(rows), len(rows)))
    for j in range(len(rows)):
        for _ in range(2):
            share = np.einsum("in,n->i", q[:j], q[j])
            q[j] -= np.einsum("i,in->n", share, q[:j])
            r[:j, j] += share
        r[j, j] = np.sqrt(np.einsum("n,n->", q[j], q[j]))
        q[j] /= r[j, j]
    return q, r


def _sxx(x: Array, w: Array) -> float:
    return float(np.sum(w * (x - np.average(x, weights=w)) ** 2))


_FEWEST, _REPLICATES, _LEVEL = 8, 199, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakShift:
    """The shift of a tracked peak.

    Attributes
    ----------
    start_nm : Estimate
        Position at the first time.
    end_nm : Estimate
        Position at the end of the shift.
    ends_s : Estimate
        When the shift ends, s.
    """

    start_nm: Estimate
    end_nm: Estimate
    ends_s: Estimate


def peak_shift(trace: Trace, *, rng: np.random.Generator | int = 0) -> PeakShift:
    """Return start, end and duration of the shift of a tracked peak with 95 % intervals.

    Parameters
    ----------
    trace : Trace
        Made by `SpectralSeries.exciton_peak`; times without a position are left out.
    rng : numpy.random.Generator or int
        Source or seed of the bootstrap.

    Returns
    -------
    PeakShift

    Raises
    ------
    InputError
        If the trace holds no peak position, or fewer than eight.

    Examples
    --------
    >>> t = np.arange(0.0, 41.0)
    >>> nm = 324 + 3 * np.clip(t / 20, 0, 1)
    >>> shift = peak_shift(Trace(time_s=t, absorbance=np.exp(-t / 30), peak_nm=nm))
    >>> round(shift.ends_s.value, 6), round(shift.end_nm.value, 6)
    (20.0, 327.0)
    """
    position = trace.peak_position()
    if position.n_points < _FEWEST:
        raise InputError(f"the peak has a position at {position.n_points} times; its shift needs {_FEWEST}")
    time, nm = position.time_s, position.absorbance
    scale = np.ones_like(nm) if position.sigma is None else np.asarray(position.sigma)
    best = fit_broken_line(time, nm, 1, weights=scale**-2.0)
    standardised = (nm - best.value(time)) / scale
    standardised = standardised * np.sqrt(nm.size / (nm.size - 4))
    source = np.random.default_rng(rng)
    drawn = []
    for _ in range(_REPLICATES):
        noise = source.choice(standardised, nm.size) * scale
        drawn.append(_numbers(fit_broken_line(time, best.value(time) + noise, 1, weights=scale**-2.0), time))
    values, spread = _numbers(best, time), np.array(drawn)
    low, high = np.percentile(spread, (50 * (1 - _LEVEL), 50 * (1 + _LEVEL)), axis=0)
    named = (("peak at the start", "nm"), ("peak after the shift", "nm"), ("end of the shift", "s"))
    ends = np.transpose([values, np.std(spread, axis=0, ddof=1), low, high]).tolist()
    found = [
        Estimate(name=name, value=value, se=se, low=a, high=b, unit=unit, method="residual bootstrap")
        for (name, unit), (value, se, a, b) in zip(named, ends, strict=True)
    ]
    return PeakShift(start_nm=found[0], end_nm=found[1], ends_s=found[2])


def _numbers(line: BrokenLine, time: Array) -> Array:
    ends = line.breakpoints[0]
    start = line.intercepts[0] + line.slopes[0] * time[0]
    return np.array([start, line.intercepts[0] + line.slopes[0] * ends, ends])
