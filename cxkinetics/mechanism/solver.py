"""Shares of species in time, with exact sensitivities, for many parameter sets and doses at once.

dc/dt = K(L) c with L = supply - guests . c: a first-order network whose rate constants follow the guest
left in solution. Backward differentiation of order 4 (the first steps of lower order) on a grid of times
that grows by a constant ratio, so that one set of coefficients serves every step; the equation of each
step is solved by Newton's method for all systems of the batch together, and its derivative gives the
sensitivities of the very numbers that are returned: these follow from the solved steps, many at a time.
I - b h K is column diagonally dominant, so that it is inverted without pivoting; what the change of L adds
is of rank one (Sherman, Morrison).

Between grid points a polynomial through the four nearest ones is taken. `RATIO` is the only accuracy
there is: halving its distance from 1 lessens the error sixteenfold.

References
----------
Hairer, Wanner, Solving Ordinary Differential Equations I, sect. III.5 (variable steps), and II (stiff).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.mechanism.scheme import Mechanism

RATIO = 1.08
"""Growth of the steps; the formulae of order 4 are stable up to 1.28."""
ORDER = 4
FIRST = 1.0
"""The first step is (ratio - 1)^2 of the first time asked for, at most this, s: what is faster is damped out,
as the method is stiffly stable."""
_ITERATIONS = 12
_SETTLED = 1e-6
"""Last change of Newton's method; what is left after it is of the order of its square."""
_TURNED = 2e-2
"""Change from which the next one is worked out with a fresh derivative."""
_LEAST = 1e-12
_TOGETHER = 1000
"""Steps times systems whose sensitivities are prepared at once: what they hold stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Shares of species in time.

    Attributes
    ----------
    share : Array, shape (times, species, systems)
        Of clusters; their sum is 1.
    failed : BoolArray, shape (systems,)
        Where Newton's method found no solution; the numbers there mean nothing.
    """

    share: Array
    failed: BoolArray
    _mechanism: Mechanism
    _theta: Array
    _dose_percent: Array
    _time_s: Array
    _steps: "_Steps"
    _solved: Array

    def slope(self, systems: BoolArray | None = None) -> Array:
        """Return the derivatives (times, parameters, species, systems) of all systems, or of some."""
        part = slice(None) if systems is None else systems
        with np.errstate(all="ignore"):
            laws = _Laws(self._mechanism, self._theta[:, part], self._dose_percent[part])
            every = _sensitivities(laws, self._solved[..., part], self._steps)
            found = _between(self._steps.times, every, self._time_s).transpose(0, 2, 1, 3)
        slope = np.zeros((found.shape[0], len(laws.names), *found.shape[2:]))
        slope[:, laws.acting] = found
        return slope


def solve(
    mechanism: Mechanism, theta: Array, dose_percent: Array, time_s: Array, *, ratio: float = RATIO
) -> Course:
    """Return the shares of the species at times after the guest was added.

    Parameters
    ----------
    mechanism : Mechanism
        Steps, laws, species.
    theta : Array, shape (parameters, systems)
        Parameters of each system, in the order of the mechanism.
    dose_percent : Array, shape (systems,)
        Its dose.
    time_s : Array, shape (times,)
        Not negative, in any order; one set for all systems.
    ratio : float
        See `RATIO`.
    """
    wanted = np.asarray(time_s, dtype=float)
    steps = _steps(wanted, ratio)
    with np.errstate(all="ignore"):  # wild parameters of a search overflow: their systems are told as failed
        laws = _Laws(mechanism, theta, dose_percent)
        share = np.empty((steps.times.size, laws.size, laws.systems))
        share[0] = laws.start[:, None]
        failed = np.zeros(laws.systems, bool)
        for n, (past, ahead, reach) in enumerate(zip(steps.past, steps.ahead, steps.reach, strict=True), 1):
            guess = np.clip(_recent(share, n, ahead), 0.0, 1.0)
            share[n], bad = laws.newton(_recent(share, n, past), guess, reach)
            failed |= bad
            share[n][:, bad] = share[n - 1][:, bad]
        found = _between(steps.times, share, wanted)
    return Course(found, failed, mechanism, theta, dose_percent, wanted, steps, share)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The times of the steps, 0 first; for each step weights of those before it, oldest first, and b h."""

    times: Array
    past: list[Array]
    ahead: list[Array]
    reach: Array


def _steps(time_s: Array, ratio: float) -> _Steps:
    first = float(np.min(time_s, initial=FIRST, where=time_s > 0)) * (ratio - 1) ** 2
    count = int(np.ceil(np.log(max(time_s.max(initial=0.0) / first, ratio)) / np.log(ratio))) + 1
    times = np.concatenate([[0.0], first * ratio ** np.arange(count)])
    weights = [_weights(min(n, ORDER), min(n - 1, 2 * ORDER), ratio) for n in range(1, times.size)]
    reach = np.array([scale for scale, _, _ in weights]) * np.diff(times)
    return _Steps(times, [past for _, past, _ in weights], [ahead for _, _, ahead in weights], reach)


@cache
def _weights(order: int, place: int, ratio: float) -> tuple[float, Array, Array]:
    """Return b and a of c_n = sum_j a_j c_(n-j) + b h f_n, and the extrapolation to c_n, h = 1, oldest first.

    `place` counts steps from the start until the grid is geometric throughout (the step from 0 is not).
    """
    times = np.concatenate([[0.0], ratio ** np.arange(place + 1)])
    recent = times[::-1][: order + 1]
    step = recent[0] - recent[1]
    nodes = (recent - recent[0]) / step
    # derivative at node 0 of the polynomial through the nodes
    powers = np.vander(nodes, increasing=True).T
    slope = np.linalg.solve(powers, np.eye(order + 1)[1])
    ahead = np.linalg.solve(np.vander(nodes[1:], increasing=True).T, np.eye(order)[0])
    return 1 / slope[0], (-slope[1:] / slope[0])[::-1], ahead[::-1]


def _sensitivities(laws: "_Laws", share: Array, steps: _Steps) -> Array:
    """Return the slopes (steps, species, acting parameters, systems) of solved steps."""
    laws.differentiate()
    slope = np.zeros((share.shape[0], laws.size, len(laws.acting), laws.systems))
    block = max(1, _TOGETHER // laws.systems)
    for first in range(1, share.shape[0], block):
        last = min(first + block, share.shape[0])
        inverse, direct = laws.linear(share[first:last], steps.reach[first - 1 : last - 1])
        for n in range(first, last):
            right = direct[:, :, n - first] + _recent(slope, n, steps.past[n - 1])
            np.einsum("ijb,jpb->ipb", inverse[:, :, n - first], right, out=slope[n])
    return slope


def _recent(values: Array, n: int, weights: Array) -> Array:
    """Return the weighted sum over the last steps before n, the nearest last."""
    before = values[n - weights.size : n]
    return np.asarray(weights @ before.reshape(weights.size, -1)).reshape(values.shape[1:])


def _between(times: Array, values: Array, wanted: Array) -> Array:
    """Return values (times, ...) at the wanted times, by the cubic through the four nearest grid points."""
    width = min(4, times.size)
    first = np.clip(np.searchsorted(times, wanted) - width // 2, 0, times.size - width)
    nodes = times[first[:, None] + np.arange(width)]
    found = np.zeros((wanted.size, *values.shape[1:]))
    for j in range(width):
        others = np.delete(nodes, j, axis=1)
        weight = np.prod((wanted[:, None] - others) / (nodes[:, [j]] - others), axis=1)
        found += weight.reshape(-1, *[1] * (values.ndim - 1)) * values[first + j]
    return found


class _Laws:
    """The equations of a batch: its rate laws at its parameters, and what they are taken from.

    A column is a system at a step; the columns of several steps stand one step after the other.
    """

    def __init__(self, mechanism: Mechanism, theta: Array, dose: Array) -> None:
        self.names, self.laws, self.systems = mechanism.names, mechanism.laws, theta.shape[1]
        self.start, matrices = mechanism.start(), mechanism.stoichiometry()
        self.size = self.start.size
        self.by_share = matrices.reshape(-1, self.size)
        self.by_rate = matrices.transpose(1, 2, 0).reshape(-1, len(self.laws))
        self.drawn, self.held = mechanism.supply, tuple(species.guests for species in mechanism.species)
        known: dict[str, Array] = dict(zip(mechanism.names, theta, strict=True))
        self.full = known | {"dose": np.full(self.systems, 100.0)}
        self.values = known | {"dose": dose}
        self.values["L100"] = self._wide(self.drawn(self.full))
        self.supply = self._wide(self.drawn(self.values))
        self.guests = np.stack([self._wide(guests(self.values)) for guests in self.held])
        self.rates = [law.along("L", self.values) for law in self.laws]
        self.by_parameter: list[tuple[int, int, Callable[[Array], Array], Array]] = []
        self.by_supply: list[tuple[int, Array]] = []
        self.by_guests: list[tuple[int, int, Array]] = []
        self.turns = [
            (r, law.derivative("L").along("L", self.values))
            for r, law in enumerate(self.laws)
            if "L" in law.names
        ]

    def differentiate(self) -> None:
        """Prepare the derivatives with respect to those parameters on which the shares depend."""
        self.by_reference = [
            (r, law.derivative("L100").along("L", self.values))
            for r, law in enumerate(self.laws)
            if "L100" in law.names
        ]
        named = set(self.drawn.names).union(*(one.names for one in (*self.laws, *self.held)))
        self.acting = [p for p, name in enumerate(self.names) if name in named]
        for at, p in enumerate(self.acting):
            name = self.names[p]
            supplied = name in self.drawn.names
            moved = self.drawn.derivative(name)
            self.by_parameter += [
                (at, r, law.derivative(name).along("L", self.values), moved(self.full))
                for r, law in enumerate(self.laws)
                if name in law.names or (supplied and "L100" in law.names)
            ]
            if supplied:
                self.by_supply.append((at, self._wide(moved(self.values))))
            self.by_guests += [
                (at, i, self._wide(guests.derivative(name)(self.values)))
                for i, guests in enumerate(self.held)
                if name in guests.names
            ]

    def _wide(self, value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=float), (self.systems,))

    def _free(self, share: Array) -> Array:
        """Return the guest in solution (steps, systems) at the shares of columns."""
        held = (self.guests[:, None] * share.reshape(self.size, -1, self.systems)).sum(axis=0)
        # the laws are powers of it: below zero they mean nothing, at zero some slopes are infinite
        return np.asarray(np.maximum(self.supply - held, _LEAST * self.supply))

    def _rates(self, left: Array) -> Array:
        rates = np.empty((len(self.laws), *left.shape))
        for r, law in enumerate(self.rates):
            rates[r] = law(left)
        return rates.reshape(len(self.laws), -1)

    def _pull(self, left: Array, driven: Array) -> Array:
        """Return dK/dL c of columns."""
        pull = np.zeros(driven.shape[1:])
        for r, turn in self.turns:
            pull += np.broadcast_to(turn(left), left.shape).ravel() * driven[r]
        return pull

    def _inverse(self, rates: Array, pull: Array, reach: Array | float) -> tuple[Array, Array, Array]:
        """Return the inverse M of I - reach K, v = M reach pull and w: (I - v w) M inverts the derivative."""
        matrix = (self.by_rate @ rates).reshape(self.size, self.size, -1) * -reach
        for i in range(self.size):
            matrix[i, i] += 1
        _invert(matrix)
        turned = np.einsum("ijb,jb->ib", matrix, pull * reach)
        guests = np.tile(self.guests, pull.shape[1] // self.systems)
        return matrix, turned, guests / (1 + (guests * turned).sum(axis=0))

    def newton(self, known: Array, guess: Array, reach: float) -> tuple[Array, BoolArray]:
        """Return the shares that solve c - known - reach K(L(c)) c = 0, and where none were found."""
        share, worst = guess, np.full(1, np.inf)
        for _ in range(_ITERATIONS):
            left = self._free(share)
            rates, driven = self._rates(left), self._driven(share)
            if (worst > _TURNED).any():
                inverse, turned, taken = self._inverse(rates, self._pull(left, driven), reach)
            miss = known - share + reach * np.einsum("rb,rib->ib", rates, driven)
            change = np.einsum("ijb,jb->ib", inverse, miss)
            change -= turned * (taken * change).sum(axis=0)
            share = share + change
            worst = np.abs(change).max(axis=0)
            if not (worst > _SETTLED).any():
                break
        return share, ~(worst <= _SETTLED) | ~np.isfinite(share).all(axis=0)

    def _driven(self, share: Array) -> Array:
        """Return what each law at rate 1 adds to each species: (laws, species, columns)."""
        return (self.by_share @ share).reshape(len(self.laws), self.size, -1)

    def linear(self, share: Array, reach: Array) -> tuple[Array, Array]:
        """Return the linear equations of the slopes at solved steps: s = inverse (known + direct).

        Shapes are (species, species, steps, systems) and (species, acting parameters, steps, systems).
        """
        columns = share.transpose(1, 0, 2).reshape(self.size, -1)
        left = self._free(columns)
        driven = self._driven(columns)
        reached = np.repeat(reach, self.systems)
        pull = self._pull(left, driven)
        inverse, turned, taken = self._inverse(self._rates(left), pull, reached)
        inverse -= turned[:, None] * np.einsum("jb,jkb->kb", taken, inverse)
        pull *= reached
        direct = np.zeros((self.size, len(self.acting), columns.shape[1]))
        reference = {r: turn(left) for r, turn in self.by_reference}
        for at, r, slope, moved in self.by_parameter:
            turn = slope(left) + reference[r] * moved if r in reference else slope(left)
            direct[:, at] += np.broadcast_to(turn * reach[:, None], left.shape).ravel() * driven[r]
        for at, supplied in self.by_supply:
            direct[:, at] += pull * np.tile(supplied, reach.size)
        for at, i, held in self.by_guests:
            direct[:, at] -= pull * (np.tile(held, reach.size) * columns[i])
        shape = (reach.size, self.systems)
        return inverse.reshape(self.size, self.size, *shape), direct.reshape(self.size, -1, *shape)


def _invert(matrix: Array) -> None:
    """Invert matrices (n, n, many) in their place, without pivoting."""
    for k in range(matrix.shape[0]):
        row = matrix[k] / matrix[k, k]
        row[k] = 1 / matrix[k, k]
        factor = matrix[:, k].copy()
        factor[k] = 0
        matrix[:, k] = 0
        matrix -= factor[:, None] * row
        matrix[k] = row
