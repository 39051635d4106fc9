"""Exact least squares of the dose-incorporation map over every pair of breaks.

Between two neighbouring doses the model is linear in (b1, a, b2, y_f), with stage 2 written
a + b2 D, and the two joints are linear conditions on them. So in every cell (D1 in one gap, D2 in
the same or a later one) the optimum lies inside, or on a sample, and all those cases are small
linear systems that are solved at once (Hudson, J. Am. Stat. Assoc. 61, 1097 (1966), doi
10.1080/01621459.1966.10482198). Nothing is started anywhere, so nothing can be missed; the same
systems with one quantity held give its profile. Fitting the general broken line would not do:
here the first piece passes through the origin and the last is level.

A dose known only as an interval enters as interval-censored: its residual is the distance of the
incorporation from what the curve reaches within the interval (the most likely dose in it). That
is convex, and solved by passing from one active set to the next.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.composition.map_points import MapPoints, MapSolution
from cxkinetics.errors import FitError

__all__ = ["QUANTITIES", "Cells", "Found", "search"]

QUANTITIES = ("b1", "D1", "b2", "D2", "y_f", "b2/b1")
"""Quantities that can be held at a value."""

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
        )
        self.weight_scale = float(np.mean(points.weight))
        self.knots = np.unique(np.concatenate([self.points.low, self.points.high]))
        if self.knots.size < 3:
            raise FitError(
                f"a dose-incorporation curve needs at least 3 distinct doses, the table holds "
                f"{self.knots.size}; add samples"
            )
        gaps = self.knots.size - 1
        first, second = np.triu_indices(gaps)
        self.first, self.second = first, second
        self._exact = ~self.points.censored
        self._sums = self._prefix_sums()

    def _prefix_sums(self) -> Array:
        d, y, w = (v[self._exact] for v in (self.points.low, self.points.y, self.points.weight))
        at = np.searchsorted(self.knots, d)
        sums = np.zeros((5, self.knots.size + 1))
        for row, value in enumerate((w, w * d, w * d * d, w * y, w * d * y)):
            np.add.at(sums[row], at + 1, value)
        return np.cumsum(sums, axis=1)

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
    held = np.array([np.nan]) if values is None else _scaled_values(cells, quantity, values)
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
    cases = sides1.size * sides2.size
    return Found(
        cells, rss.reshape(held.size, chosen.size, cases), phi.reshape(held.size, chosen.size, cases, 4)
    )


def _possible(cells: Cells, cell: IntArray, quantity: str, held: Array) -> BoolArray:
    """Return which cells can hold the value at all: a break lies in one gap only."""
    if quantity not in ("D1", "D2"):
        return np.ones(cell.size, dtype=bool)
    gap = (cells.first if quantity == "D1" else cells.second)[cell]
    slack = _TOLERANCE * cells.knots[-1]
    inside: BoolArray = (held >= cells.knots[gap] - slack) & (held <= cells.knots[gap + 1] + slack)
    return inside


def _scaled_values(cells: Cells, quantity: str, values: Array) -> Array:
    scale = {
        "b1": cells.y_scale / cells.dose_scale,
        "b2": cells.y_scale / cells.dose_scale,
        "D1": cells.dose_scale,
        "D2": cells.dose_scale,
        "y_f": cells.y_scale,
        "b2/b1": 1.0,
    }[quantity]
    scaled: Array = np.asarray(values, dtype=float) / scale
    return scaled


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Solutions of all cases: weighted sums of squares (t, m, c) and parameters (t, m, c, 4)."""

    cells: Cells
    rss: Array
    phi: Array

    def profile(self) -> Array:
        """Return the least weighted sum of squares at each held value, shape (t,)."""
        least: Array = self.rss.min(axis=(1, 2)) * self.cells.y_scale**2 * self.cells.weight_scale
        return least

    def per_cell(self) -> Array:
        """Return the least weighted sum of squares in each cell, shape (t, m)."""
        least: Array = self.rss.min(axis=2) * self.cells.y_scale**2 * self.cells.weight_scale
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
        slope = self.cells.y_scale / self.cells.dose_scale
        D1 = -a / (b2 - b1) if abs(b2 - b1) > 1e-12 else float(self.cells.knots[-1])
        solution = MapSolution(
            b1 * slope, D1 * self.cells.dose_scale, b2 * slope, y_f * self.cells.y_scale, 0.0
        )
        return MapSolution(
            solution.b1, solution.D1, solution.b2, solution.y_f, float(self._true_rss(solution))
        )

    def _true_rss(self, at: MapSolution) -> float:
        cells = self.cells
        scaled = (
            at.b1 * cells.dose_scale / cells.y_scale,
            at.D1 / cells.dose_scale,
            at.b2 * cells.dose_scale / cells.y_scale,
            at.y_f / cells.y_scale,
        )
        total = cells.points.rss(*(np.float64(v) for v in scaled))  # type: ignore[arg-type]
        return float(total) * cells.y_scale**2 * cells.weight_scale


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Cases to solve: cell, side of each joint (0 free, 1 lower sample, 2 upper sample), held value."""

    cell: IntArray
    side1: IntArray
    side2: IntArray
    held: Array

    def part(self, rows: IntArray) -> "_Case":
        return _Case(self.cell[rows], self.side1[rows], self.side2[rows], self.held[rows])


def _solve(cells: Cells, case: _Case, quantity: str) -> tuple[Array, Array]:
    """Solve all cases; where the first slope comes out negative, again with that slope 0."""
    rss, phi = _solve_level(cells, case, quantity, level=False)
    falling = np.flatnonzero(phi[:, 0] < 0)
    if falling.size and quantity not in ("b1", "b2/b1"):
        rss[falling], phi[falling] = _solve_level(cells, case.part(falling), quantity, level=True)
    return rss, phi


def _solve_level(cells: Cells, case: _Case, quantity: str, *, level: bool) -> tuple[Array, Array]:
    cell, side1, side2, held = case.cell, case.side1, case.side2, case.held
    gram, right = cells.normal_equations(cell)
    low1, high1 = cells.knots[cells.first[cell]], cells.knots[cells.first[cell] + 1]
    low2, high2 = cells.knots[cells.second[cell]], cells.knots[cells.second[cell] + 1]
    conditions = np.zeros((cell.size, 4, 4))
    targets = np.zeros((cell.size, 4))
    at1, at2 = np.where(side1 == 1, low1, high1), np.where(side2 == 1, low2, high2)
    conditions[:, 0] = np.where(side1[:, None] > 0, _joint1(at1), 0.0)
    conditions[:, 1] = np.where(side2[:, None] > 0, _joint2(at2), 0.0)
    conditions[:, 2, 0] = level
    if quantity:
        conditions[:, 3], targets[:, 3] = _held(quantity, held)
    phi = _constrained(gram, right, conditions, targets)
    if np.any(cells.points.censored):
        phi = _censored(cells, cell, gram, right, conditions, targets, phi)
    b1, a, b2, y_f = phi.T
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = -a / (b2 - b1), (y_f - a) / b2
    first = np.where(side1 > 0, at1, held if quantity == "D1" else first)
    second = np.where(side2 > 0, at2, held if quantity == "D2" else second)
    slack = _TOLERANCE * cells.knots[-1]
    with np.errstate(invalid="ignore"):
        allowed = (first >= low1 - slack) & (first <= high1 + slack)
        allowed &= (second >= low2 - slack) & (second <= high2 + slack) & (first <= second + slack)
        allowed &= (b1 >= -1e-9) & (b2 > 0) & (y_f >= -1e-9)
        met = np.abs(np.einsum("mij,mj->mi", conditions, phi) - targets).max(axis=1)
        allowed &= met <= _TOLERANCE * (1 + np.abs(phi).max(axis=1) + np.abs(targets).max(axis=1))
    rss = np.full(cell.size, np.inf)
    good = np.flatnonzero(allowed)
    if good.size:
        rss[good] = _piecewise_rss(cells, cell[good], phi[good])
    return rss, phi


def _joint1(dose: Array) -> Array:
    zero, one = np.zeros_like(dose), np.ones_like(dose)
    return np.stack([-dose, one, dose, zero], axis=1)


def _joint2(dose: Array) -> Array:
    zero, one = np.zeros_like(dose), np.ones_like(dose)
    return np.stack([zero, -one, -dose, one], axis=1)


def _held(quantity: str, held: Array) -> tuple[Array, Array]:
    zero, one = np.zeros_like(held), np.ones_like(held)
    if quantity == "D1":
        return _joint1(held), zero
    if quantity == "D2":
        return _joint2(held), zero
    if quantity == "b2/b1":
        return np.stack([-held, zero, one, zero], axis=1), zero
    position = {"b1": 0, "b2": 2, "y_f": 3}[quantity]
    rows = np.zeros((held.size, 4))
    rows[:, position] = 1.0
    return rows, held


def _constrained(
    gram: Array, right: Array, conditions: Array, targets: Array, *, refine: bool = True
) -> Array:
    count = gram.shape[0]
    system = np.zeros((count, 8, 8))
    system[:, :4, :4] = gram
    system[:, 4:, :4] = conditions
    system[:, :4, 4:] = conditions.transpose(0, 2, 1)
    index = np.arange(8)
    system[:, index, index] += np.where(index < 4, _RIDGE, -_RIDGE * 1e-3)
    unused = ~np.any(conditions != 0, axis=2)
    system[:, 4:, 4:] -= unused[:, :, None] * np.eye(4)
    wanted = np.concatenate([right, targets], axis=1)[..., None]
    solution = np.linalg.solve(system, wanted)
    if refine:  # takes the ridge's bias out
        ridge = np.where(index < 4, _RIDGE, -_RIDGE * 1e-3)[:, None]
        solution += np.linalg.solve(system, wanted - system @ solution + ridge * solution)
    parameters: Array = solution[:, :4, 0]
    return parameters


def _design(cells: Cells, cell: IntArray, dose: Array) -> Array:
    """Return the rows (m, n, 4) that give the curve at `dose` (n,) in each cell."""
    i, j = cells.first[cell][:, None], cells.second[cell][:, None]
    at = np.searchsorted(cells.knots, dose)[None, :]
    stage1, plateau = at <= i, at > j
    stage2 = ~stage1 & ~plateau
    return np.stack([stage1 * dose, stage2 * 1.0, stage2 * dose, plateau * 1.0], axis=2)


def _piecewise_rss(cells: Cells, cell: IntArray, phi: Array) -> Array:
    points = cells.points
    at_low = np.einsum("mnk,mk->mn", _design(cells, cell, points.low), phi)
    off = points.y - at_low
    if np.any(points.censored):
        at_high = np.einsum("mnk,mk->mn", _design(cells, cell, points.high), phi)
        off = np.where(points.censored, np.minimum(off, 0.0) + np.maximum(points.y - at_high, 0.0), off)
    total: Array = np.sum(points.weight * off**2, axis=1)
    return total


def _censored(
    cells: Cells, cell: IntArray, gram: Array, right: Array, conditions: Array, targets: Array, phi: Array
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
        phi = _constrained(
            gram[todo] + more,
            right[todo] + np.einsum("mnk,n->mk", active, w * y),
            conditions[todo],
            targets[todo],
            refine=False,
        )
        rss = _piecewise_rss(cells, cell[todo], phi)
        better = rss < best_rss[todo] * (1 - 1e-12)
        todo, phi = todo[better], phi[better]
        best[todo], best_rss[todo] = phi, rss[better]
    return best
