"""Profile intervals of the dose-incorporation map: sets of values whose best fit is good enough.

A quantity is held at a value, everything else refitted exactly (`map_search`), and the value kept
while the sum of squares stays below rss (1 + F/dof) (below rss + chi2 where sigma is taken at its
word). The set may come in pieces, and may be open: an avalanche that no point lies in can be as
steep as one likes. The standard error is half the width of the same set at 68.3 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, fdtri

from cxkinetics.arrays import Array, IntArray
from cxkinetics.composition.map_points import MapSolution
from cxkinetics.composition.map_search import Cells, search
from cxkinetics.estimate import Estimate

__all__ = ["Acceptance", "ProfileSet", "Profiled", "acceptance", "profile_quantity", "profile_sets"]

ONE_SIGMA = 0.6826894921370859
_SCAN = 33
_SECTIONS = 8
_ROUNDS = 5
_NEAR = 1.5
_FAR = 1e3
_FLAT = 1e-3
_STEEP = 100.0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Largest accepted sum of squares at the confidence and at 68.3 %; or why there is none."""

    limit: float | None
    one_sigma: float | None
    equal: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProfileSet:
    """Accepted values: pieces in ascending order, and which outer ends are open."""

    pieces: tuple[tuple[float, float], ...]
    open_low: bool
    open_high: bool


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
    equal = rss * (1 + 1e-7) + 1e-13 * scale
    if absolute_sigma:
        limits = [rss + float(chdtri(1, 1 - level)) for level in (confidence, ONE_SIGMA)]
        return Acceptance(limits[0], limits[1], equal)
    if dof <= 0:
        return Acceptance(
            None,
            None,
            equal,
            "as many parameters as points: no scatter left to estimate an error from; "
            "give sigma and absolute_sigma=True, or more samples",
        )
    if rss <= 1e-18 * scale:
        return Acceptance(
            None, None, equal, "the points lie on the curve exactly: no scatter to estimate an error from"
        )
    limits = [rss * (1 + float(fdtri(1, dof, level)) / dof) for level in (confidence, ONE_SIGMA)]
    return Acceptance(limits[0], limits[1], equal)


def profile_sets(
    cells: Cells,
    best: MapSolution,
    quantity: str,
    limits: Sequence[float],
    minima: Array | None = None,
) -> list[ProfileSet]:
    """Return, for each limit, the values of `quantity` whose best fit has a sum of squares up to it.

    `minima` is the least sum of squares of each cell, where it is known already.
    """
    least = search(cells).per_cell()[0] if minima is None else minima
    keep = np.flatnonzero(least <= max(limits) * (1 + 1e-12))
    low, high, centre = _range(cells, best, quantity)
    grid = _grid(cells, quantity, low, high, centre)
    per_cell = search(cells, quantity, grid, keep).per_cell()
    profile = per_cell.min(axis=1)
    profile[np.argmin(np.abs(grid - centre))] = best.rss
    scan = _Scan(cells, quantity, keep, grid, per_cell, profile)
    return [_pieces(scan, limit) for limit in limits]


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """The profile on a grid, and cell by cell."""

    cells: Cells
    quantity: str
    keep: IntArray
    grid: Array
    per_cell: Array
    profile: Array


def _pieces(scan: _Scan, limit: float) -> ProfileSet:
    accepted = scan.profile <= limit
    starts = np.flatnonzero(accepted & ~np.concatenate([[False], accepted[:-1]]))
    ends = np.flatnonzero(accepted & ~np.concatenate([accepted[1:], [False]]))
    last = scan.grid.size - 1
    pieces = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        low = _edge(scan, start - 1, start, limit) if start > 0 else float(scan.grid[start])
        high = _edge(scan, end + 1, end, limit) if end < last else float(scan.grid[end])
        pieces.append((low, high))
    return ProfileSet(tuple(pieces), bool(accepted[0]), bool(accepted[-1]))


def _edge(scan: _Scan, refused: int, accepted: int, limit: float) -> float:
    """Return where the profile passes the limit between two neighbours of the grid.

    Only cells that come near the limit at the accepted end are followed.
    """
    near = scan.per_cell[accepted] <= _NEAR * limit
    cells = scan.keep[near] if near.any() else scan.keep  # none: accepted was the fitted value alone
    outside, inside = float(scan.grid[refused]), float(scan.grid[accepted])
    for _ in range(_ROUNDS):
        steps = np.linspace(outside, inside, _SECTIONS + 1)
        good = search(scan.cells, scan.quantity, steps, cells).profile() <= limit
        good[-1] = True
        first = max(int(np.argmax(good)), 1)
        outside, inside = float(steps[first - 1]), float(steps[first])
    return inside


def _range(cells: Cells, best: MapSolution, quantity: str) -> tuple[float, float, float]:
    centre = best.value(quantity)
    if quantity in ("D1", "D2"):
        doses = cells.knots * cells.dose_scale
        return float(doses[0]), float(doses[-1]), centre
    if quantity == "b2/b1":
        return 0.0, _FAR * max(centre if np.isfinite(centre) else 1.0, 1.0), centre
    top = cells.y_scale if quantity == "y_f" else max(cells.y_scale / cells.dose_scale, centre)
    return 0.0, _FAR * top, centre


def _grid(cells: Cells, quantity: str, low: float, high: float, centre: float) -> Array:
    if quantity in ("D1", "D2"):
        grid = np.concatenate([np.linspace(low, high, 2 * _SCAN), cells.knots * cells.dose_scale, [centre]])
    elif not np.isfinite(centre) or centre <= 0:
        grid = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 2 * _SCAN) * high])
    else:
        step = np.geomspace(1e-5, 1, _SCAN)
        far = np.geomspace(2 * centre, high, _SCAN // 2) if high > 2 * centre else np.empty(0)
        grid = np.concatenate([centre * (1 - step), centre * (1 + step), far, [centre]])
    return np.unique(np.clip(grid, low, high))


def profile_quantity(
    cells: Cells,
    best: MapSolution,
    quantity: str,
    accept: Acceptance,
    *,
    name: str,
    unit: str,
    minima: Array | None = None,
) -> Profiled:
    """Return one quantity with its profile interval (or the reason there is none) and its flat range."""
    value = best.value(quantity)
    finite = value if np.isfinite(value) else None
    limits = [accept.equal, *(v for v in (accept.limit, accept.one_sigma) if v is not None)]
    sets = profile_sets(cells, best, quantity, limits, minima)
    flat = _flat_range(sets[0], value)
    if len(sets) == 1:
        return Profiled(
            Estimate(name=name, value=finite, unit=unit, method="profile", reason=accept.reason), flat
        )
    wide, narrow = sets[1], sets[2]
    bounded = quantity in ("D1", "D2")
    open_low = wide.open_low and bounded
    where = "within the doses of the table" if bounded else "that the points would set"
    reasons = [f"no lower end {where}"] * open_low + [f"no upper end {where}"] * wide.open_high
    se = None
    if not (narrow.open_high or (narrow.open_low and bounded)):
        se = sum(high - low for low, high in narrow.pieces) / 2
    estimate = Estimate(
        name=name,
        value=finite,
        se=se,
        low=None if open_low else wide.pieces[0][0],
        high=None if wide.open_high else wide.pieces[-1][1],
        unit=unit,
        method="profile",
        reason="; ".join(reasons),
        pieces=wide.pieces if len(wide.pieces) > 1 else (),
    )
    return Profiled(estimate, flat)


def _flat_range(equal: ProfileSet, value: float) -> tuple[float, float | None] | None:
    low, high = equal.pieces[0][0], equal.pieces[-1][1]
    if not equal.open_high and high - low <= _FLAT * max(abs(value), abs(high)):
        return None
    return low, None if equal.open_high or high > _STEEP * abs(value) else high
