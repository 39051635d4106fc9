"""The accepted set of a likelihood profile: its pieces, its ends, and the vertex of a parabola.

A profile may have several valleys, so what it accepts is a set of pieces, each end of which lies between
an accepted value and a refused one: by interpolation where the profile is at hand (`between`), by further
evaluations where it is cheap (`narrowed`), or by walking outwards from the optimum where it is dear
(`walk_out`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, BoolArray


@dataclass(frozen=True, slots=True)
class Accepted:
    """A set of accepted values.

    Attributes
    ----------
    pieces : tuple of (float, float)
        In ascending order, one at least unless nothing is known; at an open end the last value tried.
    open_low, open_high : bool
        Whether the values tried did not reach the end of the set on that side.
    """

    pieces: tuple[tuple[float, float], ...] = ()
    open_low: bool = False
    open_high: bool = False

    @property
    def low(self) -> float | None:
        """The lower end; None where it is open or nothing is known."""
        return None if self.open_low or not self.pieces else self.pieces[0][0]

    @property
    def high(self) -> float | None:
        """The upper end; None where it is open or nothing is known."""
        return None if self.open_high or not self.pieces else self.pieces[-1][1]

    @property
    def several(self) -> tuple[tuple[float, float], ...]:
        """The pieces where there are two or more, else none: one piece is told by its ends."""
        return self.pieces if len(self.pieces) > 1 else ()

    @property
    def open_ends(self) -> tuple[str, ...]:
        """Names of the open ends: "lower", "upper"."""
        return ("lower",) * self.open_low + ("upper",) * self.open_high

    def told(self, convert: Callable[[float], float]) -> "Accepted":
        """Return the set in another unit or scale that rises with this one."""
        pieces = tuple((convert(low), convert(high)) for low, high in self.pieces)
        return Accepted(pieces, self.open_low, self.open_high)


def runs(inside: BoolArray) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of true values.

    Examples
    --------
    >>> list(runs(np.array([True, False, True, True])))
    [(0, 0), (2, 3)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int))).tolist()
    yield from zip(edges[::2], [end - 1 for end in edges[1::2]], strict=True)


def accepted_set(values: Array, inside: BoolArray, end: Callable[[int, int], float]) -> Accepted:
    """Return the accepted set of a profile known at ascending values.

    Parameters
    ----------
    values : Array, shape (x,)
        Where the profile is known.
    inside : BoolArray, shape (x,)
        Which of these are accepted.
    end : callable
        Returns the end between an accepted and a refused neighbour, by their indices in this order.
    """
    last = values.size - 1
    pieces = tuple(
        (float(end(i, i - 1) if i else values[0]), float(end(j, j + 1) if j < last else values[last]))
        for i, j in runs(inside)
    )
    return Accepted(pieces, bool(inside[0]), bool(inside[-1]))


def between(x: Array, y: Array, one: int, other: int, level: float) -> float:
    """Return where a straight line through two neighbours reaches a level."""
    i, j = min(one, other), max(one, other)  # from the left in either case: both ends round alike
    share = (level - y[i]) / (y[j] - y[i])
    return float(x[i] + share * (x[j] - x[i]))


def narrowed(
    accepts: Callable[[Array], BoolArray], inside: float, outside: float, *, sections: int, rounds: int
) -> tuple[float, float]:
    """Return an accepted and a refused value closer to each other, by dividing what lies between.

    Parameters
    ----------
    accepts : callable
        Says of values (x,) whether each is accepted.
    inside, outside : float
        An accepted and a refused value.
    sections : int
        Parts of one round; 2 is bisection, more pay where many values cost little more than one.
    rounds : int
        How often.
    """
    for _ in range(rounds):
        steps = np.linspace(outside, inside, sections + 1)
        first = int(np.argmax(np.append(accepts(steps[1:-1]), True))) + 1
        outside, inside = float(steps[first - 1]), float(steps[first])
    return inside, outside


GROWTH = 4.0
"""Longest step outwards, as a multiple of the distance so far."""
ONWARDS = 0.05
"""Least share by which the first step outwards grows; it doubles, as a profile may bend away for good."""
CLOSEST_SHARE = 0.03
"""Least share of a bracket by which a step enters it: a crossing guessed on its edge hardly shortens it."""


def walk_out(
    depth: Callable[[float], float], step: float, *, room: float, close: float, tries: int
) -> tuple[float, bool]:
    """Return the distance from the optimum at which a profile leaves the accepted set.

    The root of a profile's rise is nearly a straight line, so proportion and, within a bracket, false
    position need few evaluations; the value at a side that stays is halved (Illinois), or a bend would
    hold it there.

    Parameters
    ----------
    depth : callable
        Root of the rise at a distance over the root at the end: 0 at the optimum, 1 at the end.
    step : float
        First distance tried, positive.
    room : float
        Largest distance allowed.
    close : float
        |depth - 1| from which the end follows by proportion.
    tries : int
        Evaluations at most.

    Returns
    -------
    float, bool
        The distance, and whether the set ends there; if not, it is the largest one tried.

    Examples
    --------
    >>> walk_out(lambda distance: distance / 3, 1.0, room=10.0, close=1e-9, tries=5)
    (3.0, True)
    >>> walk_out(lambda distance: distance / 3, 1.0, room=2.0, close=1e-9, tries=5)
    (2.0, False)
    """
    inside, outside = (0.0, 0.0), (np.inf, np.nan)  # (distance, depth)
    distance, side, growth = min(step, room), 0, ONWARDS
    for _ in range(tries):
        reached = depth(distance)
        if abs(reached - 1.0) <= close and (reached >= 1.0 or distance < room):
            return min(distance / reached, room), True
        bracketed = np.isfinite(outside[0])
        if reached < 1.0:
            if distance >= room:
                return distance, False
            inside = (distance, reached)
            outside = (outside[0], 1.0 + (outside[1] - 1.0) / 2) if side < 0 else outside
        else:
            outside = (distance, reached)
            inside = (inside[0], 1.0 + (inside[1] - 1.0) / 2) if side > 0 else inside
        side = 0 if not bracketed else 1 if reached >= 1.0 else -1
        if np.isinf(outside[0]):
            distance = min(distance * min(max(1 / max(reached, 1e-300), 1 + growth), GROWTH), room)
            growth *= 2
            continue
        if not outside[0] - inside[0] > 1e-12 * outside[0]:  # the profile jumps: no distance is closer
            break
        share = (1.0 - inside[1]) / (outside[1] - inside[1]) if np.isfinite(outside[1]) else 0.5
        share = min(max(share, CLOSEST_SHARE), 1 - CLOSEST_SHARE)
        distance = inside[0] + share * (outside[0] - inside[0])
    return distance, bool(np.isfinite(outside[0]))


def vertex(x: Array, y: Array) -> Array:
    """Return where the parabola through three points is least; NaN where it does not open upwards.

    Parameters
    ----------
    x, y : Array, shape (3, ...)
        Distinct ascending abscissae, and ordinates.

    Examples
    --------
    >>> float(vertex(np.array([0.0, 1.0, 3.0]), np.array([4.0, 1.0, 1.0])))
    2.0
    """
    with np.errstate(all="ignore"):
        left, right = x[1] - x[0], x[1] - x[2]
        rise, fall = y[1] - y[0], y[1] - y[2]
        below = left * fall - right * rise
        at: Array = x[1] - (left**2 * fall - right**2 * rise) / (2 * below)
        return np.where(below < 0, at, np.nan)


def parabola(x: Array, y: Array, at: Array) -> Array:
    """Return the parabola through three points (3, ...) at the abscissae `at` (...)."""
    with np.errstate(all="ignore"):
        left = (y[1] - y[0]) / (x[1] - x[0])
        bend = ((y[2] - y[1]) / (x[2] - x[1]) - left) / (x[2] - x[0])
        value: Array = y[0] + (at - x[0]) * (left + bend * (at - x[1]))
    return value
