"""Likelihood profiles: how the least rss grows when one parameter is held away from its optimum.

For a smooth parameter every trial value is fitted in each gap in which the breakpoint may lie, so
the profile is the global one, kinks included; where many gaps are plausible the breakpoint is held
on a grid across them and the least value is taken by a parabola. The breakpoint's own profile is
fitted on every sample of the plausible range and at points between.
"""

from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import cast

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, thinned_out
from cxkinetics.inference.accepted import parabola, vertex
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.optimum import Fitted
from cxkinetics.kinetics.search import beside_its_end, box, break_cells, fit_at, smooth_box, walk
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import AmplitudeFamily, Family, RatioFamily, StagedFamily, StartingFamily

FAR = 45.0
"""Knots whose F = dof (rss/rss_min - 1) exceeds this are out of every interval of interest; so are
candidates that lie this far behind the best one at the same trial value."""
MOST_BETWEEN = 8
"""Gaps around the best held breakpoint up to which it is freed in each of them."""
FEW = 4
"""Sets of gaps from which several breaks walk."""
MANY = 10
"""Plausible gaps above which the breakpoint is held on a grid instead of freed in each gap."""


@dataclass(frozen=True, slots=True, eq=False)
class ProfileSpace:
    """Where profiles of one fit are looked for.

    Attributes
    ----------
    fitted : Fitted
        The fit.
    theta : Array, shape (K, p)
        Optimum of each candidate: per plausible gap, or per held breakpoint.
    cells : IntArray, shape (K, c)
        Gap of each candidate.
    held : BoolArray, shape (p,)
        Parameters held at the candidate's value (the breakpoint, when it is on a grid).
    lower, upper : Array, shape (K, p)
        The box.
    """

    fitted: Fitted
    theta: Array
    cells: IntArray
    held: BoolArray
    lower: Array
    upper: Array

    def rss(
        self,
        parameter: IntArray,
        value: Array,
        *,
        family: RatioFamily | AmplitudeFamily | StartingFamily | None = None,
    ) -> Array:
        """Return the least whitened rss with parameter[i] held at value[i]; shapes (X,).

        `family` tells the fit's own family in other parameters, and `parameter` counts in these.
        """
        fitted, theta = self.fitted, self.theta
        lower, upper, told = self.lower.copy(), self.upper.copy(), cast(Family, fitted.family)
        if family is not None:
            changed = 0 if isinstance(family, AmplitudeFamily) else int(parameter[0])
            lower[:, changed], upper[:, changed] = -np.inf, np.inf
            theta, told = family.told(theta), family
        n_values, n_candidates, width = parameter.size, theta.shape[0], theta.shape[1]
        start = np.repeat(theta[None], n_values, axis=0)
        free = np.repeat((~self.held)[None, :], n_values, axis=0)
        free[np.arange(n_values), parameter] = False
        response = self._response(told, theta, parameter)
        start += response * (value[:, None] - start[np.arange(n_values), :, parameter])[:, :, None]
        start[np.arange(n_values), :, parameter] = value[:, None]
        tiled = (n_values * n_candidates, width)
        target = Target(fitted.sample.time, fitted.sample.signal, fitted.white)
        if isinstance(fitted.family, StagedFamily) and fitted.family.n_stages > 2:
            walked, _ = walk(
                fitted.family,
                fitted.sample,
                target,
                start.reshape(tiled),
                np.tile(self.cells, (n_values, 1)),
                told=family,
                free=np.repeat(free, n_candidates, axis=0),
                tolerance=1e-9,
            )
            least: Array = walked.rss.reshape(n_values, n_candidates).min(axis=1)
            return least
        done = descend(
            told,
            target,
            start.reshape(tiled),
            cell=np.tile(self.cells, (n_values, 1)) if self.cells.size else None,
            lower=np.tile(lower, (n_values, 1)),
            upper=np.tile(upper, (n_values, 1)),
            free=np.repeat(free, n_candidates, axis=0),
            iterations=30,
            tolerance=1e-9,
            race=FAR / fitted.dof,
            group=np.repeat(np.arange(n_values), n_candidates),
        )
        table = done.rss.reshape(n_values, n_candidates)
        held = np.flatnonzero(self.held[fitted.family.breaks])
        if n_candidates == 1 or not held.size:
            lowest: Array = table.min(axis=1)
            return lowest
        column = fitted.family.breaks.start + int(held[0])
        breaks = theta[:, column]
        best = np.argmin(table, axis=1)
        rows = done.theta.reshape(n_values, n_candidates, width)[np.arange(n_values), best]
        exact = self._between(told, rows, best, breaks, column=column, parameter=parameter)
        return _parabolic_minimum(breaks, table) if exact is None else np.minimum(table.min(axis=1), exact)

    def _between(
        self, family: Family, start: Array, best: IntArray, breaks: Array, *, column: int, parameter: IntArray
    ) -> Array | None:
        """Return the least rss (X,) with the break free in each gap around the best held one.

        None where the held breaks stand many samples apart: then the kinks are small and a parabola
        does.
        """
        fitted, time = self.fitted, self.fitted.sample.time
        assert isinstance(fitted.family, StagedFamily)
        knots = np.searchsorted(time, breaks, side="right") - 1
        first, last = knots[np.maximum(best - 1, 0)], knots[np.minimum(best + 1, breaks.size - 1)]
        reach = int(np.max(last - first))
        if reach > MOST_BETWEEN:
            return None
        gaps, count = break_cells(fitted.sample, fitted.family.n_stages), max(reach, 1)
        cells = np.clip(first[:, None] + np.arange(count), gaps[0], gaps[-1]).reshape(-1, 1)
        lower, upper = box(fitted.family, fitted.sample, cells)
        free = np.repeat(~fitted.held[None, :], start.shape[0], axis=0)
        free[np.arange(start.shape[0]), parameter] = False
        if isinstance(family, RatioFamily):
            index = family.names.index("k1/k2")
            lower[:, index], upper[:, index] = -np.inf, np.inf
        many = np.repeat(start, count, axis=0)
        many[:, column] = np.clip(many[:, column], lower[:, column], upper[:, column])
        done = descend(
            family,
            Target(time, fitted.sample.signal, fitted.white),
            many,
            cell=cells,
            lower=lower,
            upper=upper,
            free=np.repeat(free, count, axis=0),
            iterations=25,
            tolerance=1e-9,
        )
        least: Array = done.rss.reshape(-1, count).min(axis=1)
        return least

    def rss_of_break(self, number: int, value: Array) -> Array:
        """Return the least whitened rss with breakpoint `number` (from 0) held at each value (X,)."""
        fitted = self.fitted
        family = fitted.family
        assert isinstance(family, StagedFamily)
        column = family.breaks.start + number
        time = fitted.sample.time
        if isinstance(family, StartingFamily) and family.gradual:
            told = replace(family, own_clock=True)
            return self.rss(np.full(value.size, column), value, family=told)
        if family.n_stages > 2:
            return self._rss_of_one_of_several(family, number, value)
        known = family.told(self.theta) if isinstance(family, StartingFamily) else self.theta
        at = np.abs(known[None, :, column] - value[:, None])
        start = known[np.argmin(at, axis=1)].copy()
        start[:, column] = value
        lower, upper = box(family, fitted.sample, self.cells[np.argmin(at, axis=1)])
        lower[:, column], upper[:, column] = time[0], time[-1]
        if isinstance(family, StartingFamily):
            family = replace(family, own_clock=True)
        free = ~fitted.held
        free[column] = False
        target = Target(time, fitted.sample.signal, fitted.white)
        return descend(
            family, target, start, lower=lower, upper=upper, free=free, iterations=40, tolerance=1e-10
        ).rss

    def _rss_of_one_of_several(self, family: StagedFamily, number: int, value: Array) -> Array:
        """Return the least rss (X,) with one of several breaks held and the others free to walk."""
        fitted, time = self.fitted, self.fitted.sample.time
        column, count = family.breaks.start + number, self.theta.shape[0]
        held = np.repeat(value, count)
        start, cells = np.tile(self.theta, (value.size, 1)), np.tile(self.cells, (value.size, 1))
        start[:, column] = held
        cells[:, number] = np.clip(np.searchsorted(time, held, side="right") - 1, 0, time.size - 2)
        apart = np.diff(cells, axis=1).min(axis=1) >= 1  # the breaks keep their order
        free = np.repeat(~fitted.held[None, :], start.shape[0], axis=0)
        free[:, column] = False
        rss = np.full(held.size, np.inf)
        if apart.any():
            walked, _ = walk(
                family,
                fitted.sample,
                Target(time, fitted.sample.signal, fitted.white),
                start[apart],
                cells[apart],
                free=free[apart],
                iterations=40,
                tolerance=1e-10,
            )
            rss[apart] = walked.rss
        least: Array = rss.reshape(value.size, count).min(axis=1)
        return np.where(np.isfinite(least), least, 1e6 * fitted.found.rss)

    def _response(self, family: Family, theta: Array, parameter: IntArray) -> Array:
        """Return d theta/d value along the profile's tangent, shape (X, K, p)."""
        fitted = self.fitted
        cells = self.cells if self.cells.size else None
        _, jacobian = family.evaluate(fitted.sample.time, theta, cells)
        white = fitted.white.apply(jacobian)
        normal = white @ white.transpose(0, 2, 1)
        size = np.sqrt(np.maximum(np.einsum("kpp->kp", normal), 1e-280))
        scaled = normal / size[:, :, None] / size[:, None, :]
        scaled += 1e-9 * np.eye(theta.shape[1])
        scaled[:, self.held, :] = 0.0
        scaled[:, :, self.held] = 0.0
        scaled[:, self.held, self.held] = 1.0
        inverse = np.linalg.inv(scaled) / size[:, :, None] / size[:, None, :]
        columns = inverse[:, :, parameter] / np.einsum("kpp->kp", inverse)[:, None, parameter]
        response: Array = columns.transpose(2, 0, 1)
        response[:, :, self.held] = 0.0
        return response


def profile_space(fitted: Fitted) -> ProfileSpace:
    """Return where the profiles of a fit run: its plausible gaps, or a grid of breakpoints."""
    found, family, sample = fitted.found, fitted.family, fitted.sample
    held = fitted.held
    if isinstance(family, DecayFamily):
        theta = beside_its_end(family, sample, found.theta)
        limits = (np.tile(bound, (len(theta), 1)) for bound in smooth_box(family, sample))
        return ProfileSpace(fitted, theta, np.empty((len(theta), 0), dtype=np.intp), held, *limits)
    if not isinstance(family, StagedFamily) or fitted.given_breaks:
        theta, cells = _plausible_joints(fitted)
        wide = np.full(theta.shape, np.inf)
        return ProfileSpace(fitted, theta, cells, held, -wide, wide)
    if not found.cell.size:
        nowhere = found.cell[None, :]
        return ProfileSpace(fitted, found.theta[None, :], nowhere, held, *box(family, sample, nowhere))
    if isinstance(family, StartingFamily) and family.gradual:
        nowhere = np.empty((len(found.knot_theta), 0), dtype=np.intp)
        return ProfileSpace(fitted, found.knot_theta, nowhere, held, *box(family, sample, nowhere))
    gaps = break_cells(sample, family.n_stages)
    if family.n_stages > 2:
        near = [range(max(c - 2, gaps[0]), min(c + 2, gaps[-1]) + 1) for c in found.cell]
        chosen = np.array([c for c in product(*near) if all(b - a >= 3 for a, b in pairwise(c))])
        cells = chosen if chosen.size else found.cell[None, :]
        theta, rss = fit_at(
            family, sample, fitted.white, cells, np.repeat(found.theta[None], len(cells), axis=0)
        )
        keep = np.argsort(rss, kind="stable")[:FEW]
        return ProfileSpace(fitted, theta[keep], cells[keep], held, *box(family, sample, cells[keep]))
    limit = found.knot_rss.min() * (1 + FAR / fitted.dof)
    near_knots = np.searchsorted(sample.time, found.knots[found.knot_rss <= limit])
    cells = np.unique(np.concatenate([near_knots - 1, near_knots, found.cell]))
    cells = cells[(cells >= gaps[0]) & (cells <= gaps[-1])]
    if cells.size <= MANY:
        source = np.argmin(np.abs(found.knots[:, None] - sample.time[cells][None, :]), axis=0)
        start = found.knot_theta[source].copy()
        start[cells == found.cell[0]] = found.theta
        theta, _ = fit_at(family, sample, fitted.white, cells[:, None], start)
        return ProfileSpace(fitted, theta, cells[:, None], held, *box(family, sample, cells[:, None]))
    theta = found.knot_theta[thinned_out(np.flatnonzero(found.knot_rss <= limit), 3 * MANY)]
    place = int(np.argmin(np.abs(theta[:, family.breaks.start] - found.theta[family.breaks.start])))
    spacing = sample.gap
    if abs(theta[place, family.breaks.start] - found.theta[family.breaks.start]) < 0.05 * spacing:
        theta[place] = found.theta
    else:
        theta = np.concatenate([theta, found.theta[None, :]])
    theta = theta[np.argsort(theta[:, family.breaks.start], kind="stable")]
    held[family.breaks] = True
    breaks = theta[:, family.breaks.start]
    grid_cells = np.clip(np.searchsorted(sample.time, breaks, side="right") - 1, gaps[0], gaps[-1])[:, None]
    lower, upper = box(family, sample, grid_cells)
    lower[:, held], upper[:, held] = -np.inf, np.inf
    return ProfileSpace(fitted, theta, grid_cells, held, lower, upper)


def _plausible_joints(fitted: Fitted) -> tuple[Array, IntArray]:
    """Return parameters (K, p) and cells (K, c) of the free joints within reach; of given breaks, the fit."""
    found = fitted.found
    order = np.argsort(found.knot_rss, kind="stable")[:MANY]
    rows = order[found.knot_rss[order] <= found.knot_rss.min(initial=np.inf) * (1 + FAR / fitted.dof)]
    theta = found.knot_theta[rows] if rows.size else found.theta[None, :]
    if found.knots.size:
        return theta, np.searchsorted(fitted.sample.time, found.knots[rows])[:, None]
    return theta, np.repeat(found.cell[None, :], len(theta), axis=0)


def _parabolic_minimum(breaks: Array, table: Array) -> Array:
    """Return the least of each row (X, K), by a parabola through the lowest point and its neighbours."""
    best = np.clip(np.argmin(table, axis=1), 1, breaks.size - 2)
    rows = np.arange(table.shape[0])
    near = best + np.array([[-1], [0], [1]])
    x, y = breaks[near], table[rows, near]
    at = vertex(x, y)
    lowest: Array = table.min(axis=1)
    usable = (at > x[0]) & (at < x[2])  # a NaN compares false
    value = parabola(x, y, np.where(usable, at, x[1]))
    # between distant breaks the parabola may dive far below what any curve could reach
    return np.where(usable, np.minimum(lowest, np.maximum(value, 0.9 * lowest)), lowest)
