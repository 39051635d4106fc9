"""M0, the empirical curve of incorporation against dose: exact search, profile intervals, rivals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, fdtri

from cxkinetics.arrays import Array, ArrayLike, BoolArray, IntArray
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.inference.accepted import Accepted, accepted_set, narrowed
from cxkinetics.inference.criteria import aicc, bic, differences
from cxkinetics.kinetics.result import Rival
from cxkinetics.signals.dose_table import DoseTable


def incorporation(
    dose_percent: ArrayLike, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike
) -> Array:
    """Return the incorporation at a dose, in percent.

    Parameters
    ----------
    dose_percent : array_like
        Guest added, percent of the host cation.
    b1, b2 : array_like
        Slopes before and after the avalanche dose, percent per percent.
    D1 : array_like
        Avalanche dose, percent.
    y_f : array_like
        Plateau, percent.

    Examples
    --------
    >>> incorporation([50.0, 120.0, 175.0], 0.104, 97.5, 0.82, 40.2).round(2).tolist()
    [5.2, 28.59, 40.2]
    """
    dose, first = np.asarray(dose_percent, dtype=float), np.asarray(D1, dtype=float)
    beyond = np.maximum(dose - first, 0.0)
    rising = np.asarray(b1) * (dose - beyond) + np.asarray(b2) * beyond
    value: Array = np.minimum(rising, y_f)
    return value


def saturation_dose(b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike) -> Array:
    """Return D2, where the plateau begins, in percent; inf where it is never reached.

    Examples
    --------
    >>> round(float(saturation_dose(0.104, 97.5, 0.82, 40.2)), 2)
    134.16
    """
    slope1, first, slope2, top = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (b1, D1, b2, y_f)))
    at_first = slope1 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        after = first + (top - at_first) / slope2
        before = top / slope1
    return np.where(top <= at_first, before, np.where(slope2 > 0, after, np.inf))


def dose_interval(
    incorporation_percent: ArrayLike, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike
) -> tuple[Array, Array]:
    """Return the doses that give an incorporation: (lowest, highest), in percent.

    The two agree where the map rises. On the plateau the inverse is an interval, from D2 to inf;
    above the plateau there is none (NaN). A flat stage (a slope of 0) is an interval too.

    Examples
    --------
    >>> low, high = dose_interval([8.0, 40.2], 0.104, 97.5, 0.82, 40.2)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([76.92, 134.16], [76.92, inf])
    """
    y, slope1, first, slope2, top = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (incorporation_percent, b1, D1, b2, y_f))
    )
    at_first = slope1 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        on_first = np.where(slope1 > 0, y / slope1, np.where(y == 0, 0.0, np.nan))
        on_second = first + (y - at_first) / slope2
    low = np.where(y <= at_first, on_first, on_second)
    high = np.where((slope1 <= 0) & (y == 0), first, low)
    high = np.where(y >= top, np.inf, high)
    none = (y > top) | (y < 0)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


DEFAULT_DOSE_ERROR = 0.02
"""Relative standard deviation of a dose whose error is not stated: a pipette and a balance give 1-3 %."""


@dataclass(frozen=True, slots=True, eq=False)
class MapPoints:
    """Points to fit: doses (low = high where exact), incorporations and weights 1/sigma^2.

    `dose_sd` is the standard deviation of the true dose about the one that was set; `icp` the two
    parts of that of an incorporation, None where they are to be fitted.
    """

    low: Array
    high: Array
    y: Array
    weight: Array
    dose_sd: Array | float = 0.0
    icp: tuple[float, float] | None = None

    @classmethod
    def of(cls, table: DoseTable, blank: float = 0.0) -> "MapPoints":
        """Return the rows of a dose table above what a blank reads; without sigmas all weigh the same."""
        sigma = table.sigma_percent
        weight = np.ones(table.n_points) if sigma is None else np.asarray(sigma) ** -2.0
        low, high = np.asarray(table.dose_low_percent), np.asarray(table.dose_high_percent)
        spread = table.dose_sd_percent
        dose_sd = DEFAULT_DOSE_ERROR * low if spread is None else np.asarray(spread)
        y = np.asarray(table.incorporation_percent) - blank
        return cls(low, high, y, weight, np.where(high > low, 0.0, dose_sd), table.icp_error)

    @property
    def censored(self) -> BoolArray:
        """Which doses are intervals."""
        return self.high > self.low

    def off(self, curve: Callable[[Array], Array]) -> Array:
        """Return y minus what `curve` makes of the doses; for an interval the distance from its reach."""
        from_low = self.y - curve(self.low)
        if not np.any(self.censored):
            return from_low
        return np.minimum(from_low, 0.0) + np.maximum(self.y - curve(self.high), 0.0)

    def residuals(self, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike) -> Array:
        """Return y minus the broken line, shape (..., n)."""
        at = [np.asarray(v, dtype=float)[..., None] for v in (b1, D1, b2, y_f)]
        return self.off(lambda dose: incorporation(dose, *at))

    def rss(self, b1: ArrayLike, D1: ArrayLike, b2: ArrayLike, y_f: ArrayLike) -> Array:
        """Return the weighted residual sum of squares, shape (...)."""
        total: Array = np.sum(self.weight * self.residuals(b1, D1, b2, y_f) ** 2, axis=-1)
        return total


@dataclass(frozen=True, slots=True)
class MapSolution:
    """A least-squares map: parameters, D2 and the weighted sum of squares."""

    b1: float
    D1: float
    b2: float
    y_f: float
    rss: float

    @property
    def D2(self) -> float:
        """Saturation dose, percent."""
        return float(saturation_dose(self.b1, self.D1, self.b2, self.y_f))

    @property
    def curve(self) -> tuple[float, float, float, float]:
        """b1, D1, b2 and y_f."""
        return self.b1, self.D1, self.b2, self.y_f

    def value(self, quantity: str) -> float:
        """Return one of `QUANTITIES`."""
        if quantity == "b2/b1":
            return self.b2 / self.b1 if self.b1 > 0 else np.inf
        return float(getattr(self, quantity))


QUANTITIES = {
    "b1": ("stage1_slope", "slope of stage 1", "%/%"),
    "b2": ("stage2_slope", "slope of stage 2", "%/%"),
    "b2/b1": ("slope_ratio", "slope ratio b2/b1", ""),
    "D1": ("avalanche_dose_percent", "avalanche dose", "%"),
    "D2": ("saturation_dose_percent", "saturation dose", "%"),
    "y_f": ("plateau_percent", "plateau", "%"),
}
"""Symbol -> field of the result, name and unit of its estimate; each can be held at a value."""

_RIDGE = 1e-11
_TOLERANCE = 1e-7
_ROUNDS = 12
_CHUNK = 20000


class Cells:
    """The linear systems of all cells for one set of points, in units of the largest dose and value."""

    def __init__(self, points: MapPoints) -> None:
        self.dose_scale = float(points.high.max()) or 1.0
        self.y_scale = float(np.abs(points.y).max()) or 1.0
        self.points = MapPoints(
            points.low / self.dose_scale,
            points.high / self.dose_scale,
            points.y / self.y_scale,
            points.weight / float(np.mean(points.weight)),
            points.dose_sd / self.dose_scale,
        )
        self.rss_scale = self.y_scale**2 * float(np.mean(points.weight))
        slope = self.y_scale / self.dose_scale
        units = (slope, slope, 1.0, self.dose_scale, self.dose_scale, self.y_scale)
        self.units = dict(zip(QUANTITIES, units, strict=True))
        self.knots = np.unique(np.concatenate([self.points.low, self.points.high]))
        if self.knots.size < 3:
            raise FitError(
                f"a dose-incorporation curve needs at least 3 distinct doses, the table holds "
                f"{self.knots.size}; add samples"
            )
        self.first, self.second = np.triu_indices(self.knots.size - 1)
        exact = ~self.points.censored
        d, y, w = (v[exact] for v in (self.points.low, self.points.y, self.points.weight))
        sums = np.zeros((5, self.knots.size + 1))
        for row, value in zip(sums, (w, w * d, w * d * d, w * y, w * d * y), strict=True):
            np.add.at(row, np.searchsorted(self.knots, d) + 1, value)
        self._sums = np.cumsum(sums, axis=1)

    @cached_property
    def least(self) -> Array:
        """The least weighted sum of squares in each cell, shape (m,)."""
        return np.asarray(search(self).per_cell()[0])

    def normal_equations(self, cell: IntArray) -> tuple[Array, Array]:
        """Return the Gram matrices (m, 4, 4) and right-hand sides (m, 4) of the exact points."""
        i, j = self.first[cell], self.second[cell]
        stage1 = self._sums[:, i + 1]
        stage2 = self._sums[:, j + 1] - self._sums[:, i + 1]
        plateau = self._sums[:, -1:] - self._sums[:, j + 1]
        gram = np.zeros((cell.size, 4, 4))
        gram[:, 0, 0] = stage1[2]
        gram[:, 1, 1], gram[:, 1, 2], gram[:, 2, 1], gram[:, 2, 2] = (stage2[k] for k in (0, 1, 1, 2))
        gram[:, 3, 3] = plateau[0]
        return gram, np.stack([stage1[4], stage2[3], stage2[4], plateau[3]], axis=1)


def search(
    cells: Cells, quantity: str = "", values: Array | None = None, keep: IntArray | None = None
) -> "Found":
    """Return the least-squares map, or the maps with one quantity held at each of `values`.

    Parameters
    ----------
    cells : Cells
        The systems of one set of points.
    quantity : str
        One of `QUANTITIES`, or "" to hold nothing.
    values : Array, shape (t,), optional
        Where to hold it.
    keep : IntArray, optional
        Cells to look at; all by default.

    Returns
    -------
    Found
        For each value and cell the best solution (inf where the cell cannot hold it).
    """
    chosen = np.arange(cells.first.size) if keep is None else keep
    held = np.array([np.nan]) if values is None else np.asarray(values, dtype=float) / cells.units[quantity]
    sides1 = np.arange(1 if quantity == "D1" else 3)
    sides2 = np.arange(1 if quantity == "D2" else 3)
    grids = np.meshgrid(np.arange(held.size), np.arange(chosen.size), sides1, sides2, indexing="ij")
    which, cell, side1, side2 = (grid.ravel() for grid in grids)
    rss, phi = np.full(which.size, np.inf), np.zeros((which.size, 4))
    todo = np.flatnonzero(_possible(cells, chosen[cell], quantity, held[which]))
    for start in range(0, todo.size, _CHUNK):
        part = todo[start : start + _CHUNK]
        case = _Case(chosen[cell[part]], side1[part], side2[part], held[which[part]])
        rss[part], phi[part] = _solve(cells, case, quantity)
    shape = (held.size, chosen.size, sides1.size * sides2.size)
    return Found(cells, rss.reshape(shape), phi.reshape(*shape, 4))


def _possible(cells: Cells, cell: IntArray, quantity: str, held: Array) -> BoolArray:
    """Return which cells can hold the value at all: a break lies in one gap only."""
    if quantity not in ("D1", "D2"):
        return np.ones(cell.size, dtype=bool)
    gap = (cells.first if quantity == "D1" else cells.second)[cell]
    slack = _TOLERANCE * cells.knots[-1]
    inside: BoolArray = (held >= cells.knots[gap] - slack) & (held <= cells.knots[gap + 1] + slack)
    return inside


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Solutions of all cases: weighted sums of squares (t, m, c) and parameters (t, m, c, 4)."""

    cells: Cells
    rss: Array
    phi: Array

    def per_cell(self) -> Array:
        """Return the least weighted sum of squares in each cell, shape (t, m)."""
        least: Array = self.rss.min(axis=2) * self.cells.rss_scale
        return least

    def profile(self) -> Array:
        """Return the least weighted sum of squares at each held value, shape (t,)."""
        least: Array = self.per_cell().min(axis=1)
        return least

    def best(self) -> MapSolution:
        """Return the best solution of the first held value; of equally good ones that of least b2."""
        rss, phi = self.rss[0].reshape(-1), self.phi[0].reshape(-1, 4)
        if not np.isfinite(rss).any():
            raise FitError("no rising curve fits the points; check the columns of the table")
        spread = float(np.sum(self.cells.points.weight * self.cells.points.y**2))
        equal = np.flatnonzero(rss <= rss.min() * (1 + 1e-9) + 1e-14 * spread)
        chosen = phi[equal[np.argmin(phi[equal, 2])]]
        b1, a, b2, y_f = (float(v) for v in chosen)
        D1 = -a / (b2 - b1) if abs(b2 - b1) > 1e-12 else float(self.cells.knots[-1])
        rss = self.cells.points.rss(b1, D1, b2, y_f) * self.cells.rss_scale
        units = self.cells.units
        return MapSolution(
            b1 * units["b1"], D1 * units["D1"], b2 * units["b2"], y_f * units["y_f"], float(rss)
        )


class _Case(NamedTuple):
    """Cases to solve: cell, side of each joint (0 free, 1 lower sample, 2 upper sample), held value."""

    cell: IntArray
    side1: IntArray
    side2: IntArray
    held: Array


def _solve(cells: Cells, case: _Case, quantity: str) -> tuple[Array, Array]:
    """Solve all cases; where the first slope comes out negative, again with that slope 0."""
    rss, phi = _solve_level(cells, case, quantity, level=False)
    falling = np.flatnonzero(phi[:, 0] < 0)
    if falling.size and quantity not in ("b1", "b2/b1"):
        again = _Case(case.cell[falling], case.side1[falling], case.side2[falling], case.held[falling])
        rss[falling], phi[falling] = _solve_level(cells, again, quantity, level=True)
    return rss, phi


def _solve_level(cells: Cells, case: _Case, quantity: str, *, level: bool) -> tuple[Array, Array]:
    cell, side1, side2, held = case
    gram, right = cells.normal_equations(cell)
    low1, high1 = cells.knots[cells.first[cell]], cells.knots[cells.first[cell] + 1]
    low2, high2 = cells.knots[cells.second[cell]], cells.knots[cells.second[cell] + 1]
    conditions = np.zeros((cell.size, 4, 4))
    targets = np.zeros((cell.size, 4))
    at1, at2 = np.where(side1 == 1, low1, high1), np.where(side2 == 1, low2, high2)
    conditions[:, 0] = np.where(side1[:, None] > 0, _condition("D1", at1), 0.0)
    conditions[:, 1] = np.where(side2[:, None] > 0, _condition("D2", at2), 0.0)
    conditions[:, 2, 0] = level
    if quantity:
        conditions[:, 3] = _condition(quantity, held)
        targets[:, 3] = held if quantity in ("b1", "b2", "y_f") else 0.0
    phi = _constrained(gram, right, conditions, targets)
    if np.any(cells.points.censored):
        phi = _censored(cells, cell, gram, right, conditions=conditions, targets=targets, phi=phi)
    b1, a, b2, y_f = phi.T
    slack = _TOLERANCE * cells.knots[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(side1 > 0, at1, held if quantity == "D1" else -a / (b2 - b1))
        second = np.where(side2 > 0, at2, held if quantity == "D2" else (y_f - a) / b2)
        allowed = (first >= low1 - slack) & (first <= high1 + slack)
        allowed &= (second >= low2 - slack) & (second <= high2 + slack) & (first <= second + slack)
        allowed &= (b1 >= -1e-9) & (b2 > 0) & (y_f >= -1e-9)
        met = np.abs(np.einsum("mij,mj->mi", conditions, phi) - targets).max(axis=1)
        allowed &= met <= _TOLERANCE * (1 + np.abs(phi).max(axis=1) + np.abs(targets).max(axis=1))
    rss = np.full(cell.size, np.inf)
    good = np.flatnonzero(allowed)
    rss[good] = _piecewise_rss(cells, cell[good], phi[good])
    return rss, phi


_CONDITIONS = {
    "b1": ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    "D1": ((0.0, 1.0, 0.0, 0.0), (-1.0, 0.0, 1.0, 0.0)),
    "b2": ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    "D2": ((0.0, -1.0, 0.0, 1.0), (0.0, 0.0, -1.0, 0.0)),
    "y_f": ((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)),
    "b2/b1": ((0.0, 0.0, 1.0, 0.0), (-1.0, 0.0, 0.0, 0.0)),
}
"""Held quantity -> (c, d) of the condition (c + d held) . (b1, a, b2, y_f) = 0, where a is the second line
at dose 0; for b1, b2 and y_f the right-hand side is the value held."""


def _condition(quantity: str, held: Array) -> Array:
    fixed, times = np.array(_CONDITIONS[quantity])
    rows: Array = fixed + held[:, None] * times
    return rows


def _constrained(
    gram: Array, right: Array, conditions: Array, targets: Array, *, refine: bool = True
) -> Array:
    system = np.zeros((gram.shape[0], 8, 8))
    system[:, :4, :4] = gram
    system[:, 4:, :4] = conditions
    system[:, :4, 4:] = conditions.transpose(0, 2, 1)
    ridge = np.repeat([_RIDGE, -_RIDGE * 1e-3], 4)
    system += np.diag(ridge)
    unused = ~np.any(conditions != 0, axis=2)
    system[:, 4:, 4:] -= unused[:, :, None] * np.eye(4)
    wanted = np.concatenate([right, targets], axis=1)[..., None]
    solution = np.linalg.solve(system, wanted)
    if refine:  # takes the ridge's bias out
        solution += np.linalg.solve(system, wanted - system @ solution + ridge[:, None] * solution)
    return solution[:, :4, 0]


def _design(cells: Cells, cell: IntArray, dose: Array) -> Array:
    """Return the rows (m, n, 4) that give the curve at `dose` (n,) in each cell."""
    i, j = cells.first[cell][:, None], cells.second[cell][:, None]
    at = np.searchsorted(cells.knots, dose)[None, :]
    stage1, plateau = at <= i, at > j
    stage2 = ~stage1 & ~plateau
    return np.stack([stage1 * dose, stage2 * 1.0, stage2 * dose, plateau * 1.0], axis=2)


def _piecewise_rss(cells: Cells, cell: IntArray, phi: Array) -> Array:
    points = cells.points
    off = points.off(lambda dose: np.einsum("mnk,mk->mn", _design(cells, cell, dose), phi))
    total: Array = np.sum(points.weight * off**2, axis=1)
    return total


def _censored(
    cells: Cells, cell: IntArray, gram: Array, right: Array, *, conditions: Array, targets: Array, phi: Array
) -> Array:
    """Pass from active set to active set while it helps; keep the best of what was met on the way."""
    points = cells.points
    rows = np.flatnonzero(points.censored)
    y, w = points.y[rows], points.weight[rows]
    best, best_rss = phi.copy(), _piecewise_rss(cells, cell, phi)
    todo = np.arange(cell.size)
    for _ in range(_ROUNDS):
        low = _design(cells, cell[todo], points.low[rows])
        high = _design(cells, cell[todo], points.high[rows])
        above = np.einsum("mnk,mk->mn", low, phi) > y
        below = np.einsum("mnk,mk->mn", high, phi) < y
        hit = np.flatnonzero(np.any(above | below, axis=1))
        todo, above, below = todo[hit], above[hit], below[hit]
        if not todo.size:
            break
        active = np.where(above[..., None], low[hit], 0.0) + np.where(below[..., None], high[hit], 0.0)
        more = np.einsum("mnk,n,mnl->mkl", active, w, active)
        sums = right[todo] + np.einsum("mnk,n->mk", active, w * y)
        phi = _constrained(gram[todo] + more, sums, conditions[todo], targets[todo], refine=False)
        rss = _piecewise_rss(cells, cell[todo], phi)
        better = rss < best_rss[todo] * (1 - 1e-12)
        todo, phi = todo[better], phi[better]
        best[todo], best_rss[todo] = phi, rss[better]
    return best


ONE_SIGMA = 0.6826894921370859
_SCAN = 33
_SECTIONS = 8
_PROFILE_ROUNDS = 5
_NEAR = 1.5
_FAR = 1e3
_FLAT = 1e-3
_STEEP = 100.0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Largest accepted sum of squares at the confidence and at 68.3 %; or why there is none."""

    equal: float
    limit: float | None = None
    one_sigma: float | None = None
    reason: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Profiled:
    """An estimate with its profile interval, and the range of values that fit equally well.

    `flat` is None where the points single out one value; an open upper end is None in it.
    """

    estimate: Estimate
    flat: tuple[float, float | None] | None


def acceptance(rss: float, dof: int, confidence: float, *, absolute_sigma: bool, scale: float) -> Acceptance:
    """Return the largest accepted sums of squares.

    Parameters
    ----------
    rss : float
        Least weighted sum of squares.
    dof : int
        Points minus parameters (the two breaks count).
    confidence : float
        Such as 0.95.
    absolute_sigma : bool
        True: the weights are 1/variance at their word.
    scale : float
        Weighted sum of squares of the data, to tell an exact fit.
    """
    equal, levels = rss * (1 + 1e-7) + 1e-13 * scale, (confidence, ONE_SIGMA)
    if absolute_sigma:
        return Acceptance(equal, *(rss + float(chdtri(1, 1 - level)) for level in levels))
    if dof <= 0:
        reason = (
            "as many parameters as points: no scatter left to estimate an error from; "
            "give sigma and absolute_sigma=True, or more samples"
        )
        return Acceptance(equal, reason=reason)
    if rss <= 1e-18 * scale:
        reason = "the points lie on the curve exactly: no scatter to estimate an error from"
        return Acceptance(equal, reason=reason)
    return Acceptance(equal, *(rss * (1 + float(fdtri(1, dof, level)) / dof) for level in levels))


def profile_sets(cells: Cells, best: MapSolution, quantity: str, limits: Sequence[float]) -> list[Accepted]:
    """Return, for each limit, the values of `quantity` whose best fit has a sum of squares up to it."""
    keep = np.flatnonzero(cells.least <= max(limits) * (1 + 1e-12))
    grid, centre = _grid(cells, best, quantity), best.value(quantity)
    per_cell = search(cells, quantity, grid, keep).per_cell()
    profile = per_cell.min(axis=1)
    profile[np.argmin(np.abs(grid - centre))] = best.rss

    def accepted(limit: float) -> Accepted:
        def end(inside: int, outside: int) -> float:
            """Return where the set ends, by further searches between two neighbours of the grid."""
            near = per_cell[inside] <= _NEAR * limit  # cells that come near the limit there
            chosen = keep[near] if near.any() else keep  # none: inside was the fitted value alone
            return narrowed(
                lambda values: search(cells, quantity, values, chosen).profile() <= limit,
                float(grid[inside]),
                float(grid[outside]),
                sections=_SECTIONS,
                rounds=_PROFILE_ROUNDS,
            )[0]

        return accepted_set(grid, profile <= limit, end)

    return [accepted(limit) for limit in limits]


def _grid(cells: Cells, best: MapSolution, quantity: str) -> Array:
    centre, doses = best.value(quantity), cells.knots * cells.dose_scale
    low, high = 0.0, _FAR * cells.units[quantity]
    if quantity != "y_f" and np.isfinite(centre):
        high = max(high, _FAR * centre)
    if quantity in ("D1", "D2"):
        low, high = doses[0], doses[-1]
        grid = np.concatenate([np.linspace(low, high, 2 * _SCAN), doses, [centre]])
    elif not np.isfinite(centre) or centre <= 0:
        grid = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 2 * _SCAN) * high])
    else:
        step = np.geomspace(1e-5, 1, _SCAN)
        far = np.geomspace(2 * centre, high, _SCAN // 2) if high > 2 * centre else np.empty(0)
        grid = np.concatenate([centre * (1 - step), centre * (1 + step), far, [centre]])
    return np.unique(np.clip(grid, low, high))


def profile_quantity(
    cells: Cells, best: MapSolution, quantity: str, accept: Acceptance, *, name: str, unit: str
) -> Profiled:
    """Return one quantity with its profile interval (or the reason there is none) and its flat range."""
    value = best.value(quantity)
    finite = value if np.isfinite(value) else None
    limits = [accept.equal, *(v for v in (accept.limit, accept.one_sigma) if v is not None)]
    sets = profile_sets(cells, best, quantity, limits)
    flat = _flat_range(sets[0], value)
    estimate = Estimate(name=name, value=finite, unit=unit, method="profile", reason=accept.reason)
    if len(sets) == 1:
        return Profiled(estimate, flat)
    wide, narrow = sets[1], sets[2]
    bounded = quantity in ("D1", "D2")
    if not bounded:  # such a quantity ends at zero
        wide, narrow = replace(wide, open_low=False), replace(narrow, open_low=False)
    where = "within the doses of the table" if bounded else "that the points would set"
    width = sum(high - low for low, high in narrow.pieces)
    estimate = replace(
        estimate,
        se=None if narrow.open_ends else width / 2,
        low=wide.low,
        high=wide.high,
        reason="; ".join(f"no {end} end {where}" for end in wide.open_ends),
        pieces=wide.several,
    )
    return Profiled(estimate, flat)


def _flat_range(equal: Accepted, value: float) -> tuple[float, float | None] | None:
    low, high = equal.pieces[0][0], equal.pieces[-1][1]
    if not equal.open_high and high - low <= _FLAT * max(abs(value), abs(high)):
        return None
    return low, None if equal.open_high or high > _STEEP * abs(value) else high


BROKEN_LINE = "line, avalanche, plateau"
ONE_LINE = "one line"
LINE_PLATEAU = "line, plateau"
HILL = "Hill"

FEW_DOF = 4
"""With no more degrees of freedom left by the broken line than this, the correction in AICc alone costs
it 30 and more against one line: AICc then cannot speak against an avalanche."""


def rank_rivals(cells: Cells, points: MapPoints, best: MapSolution, n: int) -> tuple[Rival, ...]:
    """Return the broken line and its rivals, ranked by AICc.

    Where AICc has no value for one of them (too few points) they are ranked by BIC, and none has
    an Akaike weight: a ranking among the survivors alone would favour the poorest model.

    Parameters
    ----------
    cells : Cells
        The systems of the points, for the exact search.
    points : MapPoints
        The points that were fitted.
    best : MapSolution
        The broken line through them.
    n : int
        Points that say something about the scatter.
    """
    level = search(cells, "b2/b1", np.array([1.0])).best()  # the broken line with equal slopes
    fits = [
        (BROKEN_LINE, 4, best.rss, {"b1": best.b1, "D1": best.D1, "b2": best.b2, "y_f": best.y_f}),
        (ONE_LINE, 1, *_line(points)),
        (LINE_PLATEAU, 2, level.rss, {"b1": level.b2, "y_f": level.y_f}),
        (HILL, 3, *_hill(points)),
    ]
    exact = 1e-18 * float(np.sum(points.weight * points.y**2))
    scored = [(_scores(n, p, rss, exact), name, p, rss, at) for name, p, rss, at in fits]
    comparable = all(math.isfinite(scores[0]) for scores, *_ in scored)
    against = differences([scores[0] for scores, *_ in scored])
    rivals = [
        Rival(
            model=name,
            n_parameters=p,
            rss=rss,
            aicc=finite_or_none(scores[0]),
            bic=scores[1],
            delta_aicc=known[0] if comparable and known else None,
            akaike_weight=known[1] if comparable and known else None,
            note=_note(n, p, rss, exact),
            parameters=at,
        )
        for (scores, name, p, rss, at), known in zip(scored, against, strict=True)
    ]

    def rank(rival: Rival) -> float:
        score = rival.aicc if comparable else rival.bic
        return -math.inf if score is None else score

    return tuple(sorted(rivals, key=rank))


def _scores(n: int, p: int, rss: float, exact: float) -> tuple[float, float | None]:
    """Return AICc (inf where it has no value) and BIC of p parameters and a scatter."""
    if rss <= exact or n <= p:  # no scatter is left to judge by
        return math.inf, None
    deviance = n * math.log(rss / n)
    return aicc(deviance, p + 1, n), bic(deviance, p + 1, n)


def _note(n: int, p: int, rss: float, exact: float) -> str:
    if rss <= exact:
        return "passes through every point: not comparable"
    if n - p - 2 <= 0:
        return f"{n} points are too few for AICc with {p} parameters and a scatter: not comparable"
    return ""


def _line(points: MapPoints) -> tuple[float, dict[str, float]]:
    """Fit a line through the origin: in closed form, or as a convex problem in one unknown."""

    def rss(slope: float) -> float:
        return float(np.sum(points.weight * points.off(lambda dose: slope * dose) ** 2))

    exact = ~points.censored
    d, y, w = points.low[exact], points.y[exact], points.weight[exact]
    slope = float(np.sum(w * d * y) / max(float(np.sum(w * d * d)), 1e-300))
    if not exact.all():
        from scipy.optimize import minimize_scalar

        steepest = 2 * float(np.max(points.y[points.low > 0] / points.low[points.low > 0]))
        found = minimize_scalar(rss, bounds=(0, steepest), method="bounded", options={"xatol": 1e-10})
        slope = float(found.x)
    return rss(slope), {"b1": slope}


def _hill(points: MapPoints) -> tuple[float, dict[str, float]]:
    """Fit y = y_f D^h/(D50^h + D^h) from a grid of (D50, h), the amplitude in closed form."""
    from scipy.optimize import least_squares

    top = float(points.high.max())
    d50, h = np.meshgrid(np.linspace(0.05, 1.5, 30) * top, np.geomspace(0.5, 40, 24), indexing="ij")
    middle = (points.low + points.high) / 2
    shape = hill_shape(middle, d50[..., None], h[..., None])
    size = np.sum(points.weight * shape**2, axis=-1)
    height = np.sum(points.weight * shape * points.y, axis=-1) / np.maximum(size, 1e-300)
    rss = np.sum(points.weight * (points.y - height[..., None] * shape) ** 2, axis=-1)
    root = np.sqrt(points.weight)

    def residuals(v: Array) -> Array:
        return root * points.off(lambda dose: v[0] * hill_shape(dose, v[1], v[2]))

    tried = []
    for index in np.argsort(rss, axis=None)[:2]:
        start = np.array([grid.flat[index] for grid in (height, d50, h)])
        tried.append(least_squares(residuals, start, bounds=(1e-12, np.inf), x_scale=start, max_nfev=200))
    found = min(tried, key=lambda fit: fit.cost)
    return 2 * float(found.cost), dict(zip(("y_f", "D50", "h"), found.x.tolist(), strict=True))


BLANK = "blank"
"""Key, in parameter draws, of what a sample without guest reads, percent; it is no part of the curve."""


def incorporation_of_draws(values: Mapping[str, Array], dose_percent: ArrayLike) -> Array:
    """Return the incorporation (%) of every draw (n, 1) of a curve at doses (g,), shape (n, g).

    `values` holds b1, D1, b2, y_f and, where some draws are Hill curves, their hill_D50 and hill_h (else 0).
    """
    dose = np.atleast_1d(np.asarray(dose_percent, dtype=float))
    b1, first, b2, top = (values[name] for name in ("b1", "D1", "b2", "y_f"))
    y = incorporation(dose, b1, first, b2, top)
    if "hill_h" in values:
        rows = np.flatnonzero(values["hill_h"][:, 0] > 0)
        shape = hill_shape(dose, values["hill_D50"][rows], values["hill_h"][rows])
        y[rows] = top[rows] * shape
    return y


def hill_shape(dose: Array, d50: Array | float, h: Array | float) -> Array:
    """Return the Hill curve of amplitude 1."""
    with np.errstate(divide="ignore", over="ignore"):
        shape: Array = 1 / (1 + (d50 / dose) ** h)
    return shape
