"""Exact least squares of broken straight lines: every gap between samples and every sample itself.

A continuous line with one break either bends inside a gap, and is then two independent lines that
cross there, or bends on a sample (Hudson, J. Am. Stat. Assoc. 61, 1097 (1966),
doi 10.1080/01621459.1966.10482198). Prefix sums give all those fits at once, so the search over
the whole range costs O(n) and cannot miss the optimum. With free joints the two lines need not
meet and the break is the gap itself. More breaks: coarse-to-fine search, then each break in turn
by the exact search until nothing improves (the optimum is then exact in each coordinate).
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.errors import UnresolvedBreakpointError

__all__ = ["BrokenLine", "fit_broken_line", "fit_line"]

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
    min_distinct: int = MIN_DISTINCT,
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
    min_distinct : int
        Distinct abscissae that each piece must hold.

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
    order = np.argsort(np.asarray(x, dtype=float), kind="stable")
    xs, ys = np.asarray(x, dtype=float)[order], np.asarray(y, dtype=float)[order]
    ws = np.ones_like(xs) if weights is None else np.asarray(weights, dtype=float)[order]
    knots = np.unique(xs)
    if breakpoints is not None:
        breaks = np.sort(np.atleast_1d(np.asarray(breakpoints, dtype=float)))
    else:
        if knots.size < min_distinct * (n_breaks + 1):
            raise UnresolvedBreakpointError(
                f"{n_breaks + 1} stages need {min_distinct} distinct times each, "
                f"{min_distinct * (n_breaks + 1)} in all; the data hold {knots.size}; demand fewer stages"
            )
        breaks = _search(xs, ys, ws, knots, n_breaks, continuous, min_distinct)
    return _solve(xs, ys, ws, breaks, continuous)


def _search(
    x: Array, y: Array, w: Array, knots: Array, n_breaks: int, continuous: bool, min_distinct: int
) -> Array:
    """Return the least-squares breaks: one exactly, more by coarse pairs and exact sweeps."""
    if n_breaks == 0:
        return np.empty(0)
    if n_breaks == 1:
        return np.array([_best_break(x, y, w, np.empty(0), continuous, min_distinct)])
    middles = (knots[1:] + knots[:-1]) / 2
    coarse = middles[np.unique(np.linspace(min_distinct - 1, middles.size - min_distinct, 24).astype(int))]
    tried: list[tuple[float, tuple[float, ...]]] = []
    for chosen in combinations(coarse, n_breaks):
        counts = np.diff([0, *np.searchsorted(knots, chosen), knots.size])
        if counts.min() >= min_distinct:
            tried.append((_solve(x, y, w, np.array(chosen), continuous).rss, chosen))
    if not tried:
        edges = np.linspace(0, knots.size, n_breaks + 2).astype(int)[1:-1]
        tried = [(np.inf, tuple(middles[edges - 1]))]
    best_rss, best = np.inf, np.array(min(tried)[1])
    for _, start in sorted(tried)[:8]:
        breaks = np.array(start)
        rss = _solve(x, y, w, breaks, continuous).rss
        for _ in range(20):
            for index in range(n_breaks):
                others = np.delete(breaks, index)
                trial = np.sort(np.append(others, _best_break(x, y, w, others, continuous, min_distinct)))
                if _solve(x, y, w, trial, continuous).rss < rss:
                    breaks = trial
            new = _solve(x, y, w, breaks, continuous).rss
            if new >= rss * (1 - 1e-12):
                break
            rss = new
        if rss < best_rss:
            best_rss, best = rss, breaks
    return best


def _best_break(x: Array, y: Array, w: Array, others: Array, continuous: bool, min_distinct: int) -> float:
    """Return the best further break, given the `others`."""
    if others.size == 0:
        return _best_single_break(x, y, w, continuous, min_distinct)
    edges = np.concatenate([[-np.inf], np.sort(others), [np.inf]])
    knots = np.unique(x)
    candidates: list[float] = []
    for low, high in pairwise(edges):
        inner = knots[(knots >= low) & (knots < high)]
        if inner.size < 2 * min_distinct:
            continue
        middles = (inner[min_distinct:-min_distinct] + inner[min_distinct - 1 : -min_distinct - 1]) / 2
        candidates += [*middles, (inner[-min_distinct] + inner[-min_distinct - 1]) / 2]
        if continuous:
            candidates += list(inner[min_distinct : -min_distinct + 1])
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


def _best_single_break(x: Array, y: Array, w: Array, continuous: bool, min_distinct: int) -> float:
    """Return the exact single break from prefix sums over all gaps and all samples."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(x) > 0]))
    knots = x[starts]
    shift, scale = (knots[0] + knots[-1]) / 2, (knots[-1] - knots[0]) / 2
    u, v = (x - shift) / scale, y - np.average(y, weights=w)
    sums = np.add.reduceat(np.stack([w, w * u, w * u * u, w * v, w * u * v]), starts, axis=1)
    left = np.cumsum(sums, axis=1)
    total = left[:, -1:]
    gaps = np.arange(min_distinct - 1, knots.size - min_distinct)  # break between knot g and g + 1
    a, b = left[:, gaps], total - left[:, gaps]
    slope_a, level_a, gain_a = _line_from_sums(a)
    slope_b, level_b, gain_b = _line_from_sums(b)
    z = (knots - shift) / scale
    if not continuous:
        best = gaps[int(np.argmax(gain_a + gain_b))]
        return float((knots[best] + knots[best + 1]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (level_b - level_a) / (slope_a - slope_b)
    inside = (crossing > z[gaps]) & (crossing < z[gaps + 1])
    gain_gap = np.where(inside, gain_a + gain_b, -np.inf)
    # a bend on sample g: value and the slopes either side, from sums about that sample
    bends = np.arange(min_distinct - 1, knots.size - min_distinct + 1)
    c = z[bends]
    c[0] += EDGE * (z[bends[0] + 1] - z[bends[0]])  # just after the last sample that stage 1 must hold
    near, far = left[:, bends], total - left[:, bends]
    l1, l2, ly = near[1] - c * near[0], near[2] - 2 * c * near[1] + c * c * near[0], near[4] - c * near[3]
    r1, r2, ry = far[1] - c * far[0], far[2] - 2 * c * far[1] + c * c * far[0], far[4] - c * far[3]
    level = (total[3] - l1 * ly / l2 - r1 * ry / r2) / (total[0] - l1**2 / l2 - r1**2 / r2)
    gain_bend = level * total[3] + (ly - l1 * level) / l2 * ly + (ry - r1 * level) / r2 * ry
    if gain_gap.size and gain_gap.max() >= gain_bend.max():
        return float(crossing[int(np.argmax(gain_gap))] * scale + shift)
    return float(c[int(np.argmax(gain_bend))] * scale + shift)


def _line_from_sums(sums: Array) -> tuple[Array, Array, Array]:
    """Return slope, level and the reduction of the sum of squares of a line, from its five sums."""
    w, wu, wuu, wv, wuv = sums
    sxx, sxy = wuu - wu * wu / w, wuv - wu * wv / w
    slope = sxy / sxx
    level = (wv - slope * wu) / w
    return slope, level, wv * wv / w + slope * sxy


def _solve(x: Array, y: Array, w: Array, breaks: Array, continuous: bool) -> BrokenLine:
    """Fit the line with its breaks given, by QR."""
    piece = np.searchsorted(breaks, x, side="right")
    knots = np.unique(x)
    at = np.searchsorted(knots, breaks, side="left").clip(1, knots.size - 1)
    gaps = tuple((float(knots[i - 1]), float(knots[i])) for i in at)
    if not continuous:
        parts = [fit_line(x[piece == j], y[piece == j], w[piece == j]) for j in range(breaks.size + 1)]
        rss = sum(part[3] for part in parts)
        dof = x.size - 2 * len(parts)
        scales = [
            float(np.sqrt(rss / dof / _sxx(x[piece == j], w[piece == j]))) if dof > 0 else float("nan")
            for j in range(len(parts))
        ]
        return BrokenLine(
            breakpoints=tuple(sum(gap) / 2 for gap in gaps),
            gaps=gaps,
            slopes=tuple(part[0] for part in parts),
            intercepts=tuple(part[1] for part in parts),
            slope_errors=tuple(scales),
            rss=rss,
        )
    centre = float(np.mean(x))
    edges = np.concatenate([[-np.inf], breaks, [np.inf]])
    columns = [np.ones_like(x)]
    for low, high in pairwise(edges):
        reference = centre if np.isneginf(low) else low
        columns.append(np.clip(x, low, high) - reference)
    root = np.sqrt(w)
    design = np.stack(columns, axis=1) * root[:, None]
    q, r = np.linalg.qr(design)
    solution = np.linalg.solve(r, q.T @ (y * root))
    residual = y * root - design @ solution
    correction = np.linalg.solve(r, q.T @ residual)
    solution += correction
    residual = y * root - design @ solution
    rss = float(residual @ residual)
    slopes = solution[1:]
    dof = x.size - design.shape[1] - breaks.size
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


def _sxx(x: Array, w: Array) -> float:
    return float(np.sum(w * (x - np.average(x, weights=w)) ** 2))
