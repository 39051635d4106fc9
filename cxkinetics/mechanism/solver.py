"""Shares of species in time, with exact sensitivities, for many parameter sets and doses at once.

dc/dt = K(L) c with L = supply - guests . c: a first-order network whose rate constants follow the guest
left in solution. Backward differentiation of order 4 (the first steps of lower order) on a grid of times
that grows by a constant ratio, so that one set of coefficients serves every step; the equation of each
step is solved by Newton's method for all systems of the batch together, and its derivative gives the
sensitivities of the very numbers that are returned. I - b h K is column diagonally dominant, so that it
is factored without pivoting; what the change of L adds is of rank one (Sherman, Morrison).

Between grid points a polynomial through the four nearest ones is taken. `RATIO` is the only accuracy
there is: halving its distance from 1 lessens the error sixteenfold.

References
----------
Hairer, Wanner, Solving Ordinary Differential Equations I, sect. III.5 (variable steps), and II (stiff).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.mechanism.scheme import Mechanism
from cxkinetics.models.expression import Expression

RATIO = 1.08
"""Growth of the steps; the formulae of order 4 are stable up to 1.28."""
ORDER = 4
FIRST_S = 2e-3
"""First step; what is faster is damped out, as the method is stiffly stable."""
_ITERATIONS = 12
_SETTLED = 1e-6
"""Last change of Newton's method; what is left after it is of the order of its square."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Shares of species in time.

    Attributes
    ----------
    share : Array, shape (times, species, systems)
        Of clusters; their sum is 1.
    slope : Array, shape (times, parameters, species, systems)
        Their derivatives; no parameters where none were asked for.
    failed : BoolArray, shape (systems,)
        Where Newton's method found no solution; the numbers there mean nothing.
    """

    share: Array
    slope: Array
    failed: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Laws:
    """The rate laws of a mechanism at the parameters of a batch, and what they are taken from."""

    laws: tuple[Expression, ...]
    values: dict[str, Array]
    supply: Array  # (systems,)
    guests: Array  # (species, systems)

    def free(self, share: Array) -> Array:
        # the laws are powers of it: below zero they mean nothing, at zero some slopes are infinite
        left = self.supply - (self.guests * share).sum(axis=0)
        return np.asarray(np.maximum(left, _LEAST * self.supply))


def solve(
    mechanism: Mechanism,
    theta: Array,
    dose_percent: Array,
    time_s: Array,
    *,
    sensitivities: bool = False,
    ratio: float = RATIO,
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
    sensitivities : bool
        Whether derivatives with respect to the parameters are needed.
    ratio : float
        See `RATIO`.
    """
    with np.errstate(all="ignore"):  # wild parameters of a search overflow: their systems are told as failed
        laws = _at(mechanism, theta, dose_percent, sensitivities)
        return _solve(mechanism, laws, np.asarray(time_s, dtype=float), ratio)


def grid(last_s: float, ratio: float = RATIO) -> Array:
    """Return the times of the steps, 0 first, the last at or beyond `last_s`."""
    count = int(np.ceil(np.log(max(last_s / FIRST_S, ratio)) / np.log(ratio))) + 1
    return np.concatenate([[0.0], FIRST_S * ratio ** np.arange(count)])


@cache
def _weights(order: int, place: int, ratio: float) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Return b and a of c_n = sum_j a_j c_(n-j) + b h f_n, and the extrapolation to c_n, h = 1.

    `place` counts steps from the start until the grid is geometric throughout (the step from 0 is not).
    """
    times = grid(FIRST_S * ratio ** (place + 2), ratio)[: place + 2]
    recent = times[::-1][: order + 1]
    step = recent[0] - recent[1]
    nodes = (recent - recent[0]) / step
    # derivative at node 0 of the polynomial through the nodes
    powers = np.vander(nodes, increasing=True).T
    slope = np.linalg.solve(powers, np.eye(order + 1)[1])
    past = nodes[1:]
    ahead = np.linalg.solve(np.vander(past, increasing=True).T, np.eye(order)[0])
    return 1 / slope[0], tuple(-slope[1:] / slope[0]), tuple(ahead)


def _solve(
    mechanism: Mechanism, at: tuple[_Laws, Array, dict[int, Array]], time_s: Array, ratio: float
) -> Course:
    laws, supply_slope, guest_slope = at
    matrices = mechanism.stoichiometry()
    times = grid(float(time_s.max(initial=0.0)), ratio)
    size, systems, count = matrices.shape[1], laws.supply.size, supply_slope.shape[0]
    share = np.empty((times.size, size, systems))
    slope = np.zeros((times.size, size, count, systems))
    share[0] = mechanism.start()[:, None]
    failed = np.zeros(systems, bool)
    steady = _Step(mechanism, matrices, laws, supply_slope, guest_slope)
    for n in range(1, times.size):
        scale, past, ahead = _weights(min(n, ORDER), min(n - 1, 2 * ORDER), ratio)
        known = _recent(share, n, past)
        guess = np.clip(_recent(share, n, ahead), 0.0, 1.0)
        reach = scale * (times[n] - times[n - 1])
        share[n], bad = steady.newton(known, guess, reach)
        failed |= bad
        share[n][:, bad] = share[n - 1][:, bad]
        if count:
            slope[n] = steady.derivative(share[n], _recent(slope, n, past), reach)
    found = [_between(times, values, time_s) for values in (share, slope)]
    return Course(found[0], found[1].transpose(0, 2, 1, 3), failed)


def _recent(values: Array, n: int, weights: tuple[float, ...]) -> Array:
    """Return the sum over the last steps before n, the nearest first."""
    total = weights[0] * values[n - 1]
    for back, weight in enumerate(weights[1:], 2):
        total += weight * values[n - back]
    return np.asarray(total)


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


def _at(
    mechanism: Mechanism, theta: Array, dose: Array, sensitivities: bool
) -> tuple[_Laws, Array, dict[int, Array]]:
    """Return the laws, the slopes of the supply (parameters, systems) and those of the guests held."""
    systems = theta.shape[1]
    values: dict[str, Array] = dict(zip(mechanism.names, theta, strict=True))
    values["dose"] = dose
    full = values | {"dose": np.full(systems, 100.0)}
    supply = np.broadcast_to(mechanism.supply(values), (systems,)).astype(float)
    values["L100"] = np.broadcast_to(mechanism.supply(full), (systems,)).astype(float)
    guests = np.stack([np.broadcast_to(s.guests(values), (systems,)) for s in mechanism.species])
    laws = _Laws(mechanism.laws, values, supply, guests)
    if not sensitivities:
        return laws, np.empty((0, systems)), {}
    supplied = np.stack(
        [
            np.broadcast_to(mechanism.supply.derivative(name)(values), (systems,))
            for name in (*mechanism.names,)
        ]
    )
    reference = np.stack(
        [np.broadcast_to(mechanism.supply.derivative(name)(full), (systems,)) for name in mechanism.names]
    )
    values["_L100"] = reference
    held = {
        p: np.stack(
            [np.broadcast_to(s.guests.derivative(name)(values), (systems,)) for s in mechanism.species]
        )
        for p, name in enumerate(mechanism.names)
        if any(name in s.guests.names for s in mechanism.species)
    }
    return laws, supplied, held


class _Step:
    """The equation of one step for all systems: Newton's method, then its derivative."""

    def __init__(
        self,
        mechanism: Mechanism,
        matrices: Array,
        laws: _Laws,
        supply_slope: Array,
        guest_slope: dict[int, Array],
    ) -> None:
        self.laws, self.supply_slope, self.guest_slope = laws, supply_slope, guest_slope
        self.mechanism, self.size = mechanism, matrices.shape[1]
        # a law drives steps, each from one source: (law, source, [(target, change), ...])
        self.steps = [
            (r, j, [(i, matrix[i, j]) for i in range(self.size) if matrix[i, j]])
            for r, matrix in enumerate(matrices)
            for j in range(self.size)
            if matrix[j, j]
        ]
        systems = laws.supply.size
        self.by_parameter = [
            (r, p, law.derivative(name).along("L", laws.values))
            for r, law in enumerate(laws.laws)
            for p, name in enumerate(mechanism.names)
            if name in law.names
        ]
        self.by_reference = [
            (r, law.derivative("L100").along("L", laws.values))
            for r, law in enumerate(laws.laws)
            if "L100" in law.names
        ]
        self.supplied = [p for p in range(supply_slope.shape[0]) if supply_slope[p].any()]
        self.moving = [r for r, law in enumerate(laws.laws) if "L" in law.names]
        self.by_free = {r: laws.laws[r].derivative("L").along("L", laws.values) for r in self.moving}
        self.by_rate = {r: laws.laws[r].along("L", laws.values) for r in self.moving}
        self.rates = np.empty((len(laws.laws), systems))
        for r, law in enumerate(laws.laws):
            if r not in self.moving:
                self.rates[r] = law(laws.values)

    def _evaluate(self, share: Array) -> tuple[Array, Array, Array]:
        """Return the free guest, K (species, species, systems) and dK/dL c (species, systems)."""
        left = self.laws.free(share)
        rates = self.rates
        turn = {}
        for r in self.moving:
            rates[r] = self.by_rate[r](left)
            turn[r] = self.by_free[r](left)
        matrix = np.zeros((self.size, self.size, share.shape[1]))
        pull = np.zeros(share.shape)
        for r, j, changes in self.steps:
            moved = turn[r] * share[j] if r in turn else None
            for i, change in changes:
                matrix[i, j] += change * rates[r]
                if moved is not None:
                    pull[i] += change * moved
        return left, matrix, pull

    def newton(self, known: Array, guess: Array, reach: float) -> tuple[Array, BoolArray]:
        """Return the shares that solve c - known - reach K(L(c)) c = 0, and where none were found."""
        share = guess
        worst = np.empty(0)
        for _ in range(_ITERATIONS):
            _, matrix, pull = self._evaluate(share)
            miss = known - share + reach * np.einsum("ijb,jb->ib", matrix, share)
            change, turned = self._solved(matrix, reach, [miss[:, None], (reach * pull)[:, None]])
            change, turned = change[:, 0], turned[:, 0]
            guests = self.laws.guests
            part = (guests * change).sum(axis=0) / (1 + (guests * turned).sum(axis=0))
            change = change - turned * part
            share = share + change
            worst = np.abs(change).max(axis=0)
            if not (worst > _SETTLED).any():
                break
        bad = ~(worst <= 1e-6) | ~np.isfinite(share).all(axis=0)
        return share, bad

    def derivative(self, share: Array, held: Array, reach: float) -> Array:
        """Return the sensitivities (species, parameters, systems) that belong to a solved step."""
        left, matrix, pull = self._evaluate(share)
        right = held.copy()
        direct = {(r, p): law(left) for r, p, law in self.by_parameter}
        for r, law in self.by_reference:
            turn = law(left)
            for p in self.supplied:  # the supply at 100 % follows the same parameters
                direct[r, p] = direct.get((r, p), 0.0) + turn * self.laws.values["_L100"][p]
        for r, j, changes in self.steps:
            for (rate, p), slope in direct.items():
                if rate == r:
                    flux = reach * slope * share[j]
                    for i, change in changes:
                        right[i, p] += change * flux
        free = self.supply_slope.copy()
        for p, slope in self.guest_slope.items():
            free[p] -= (slope * share).sum(axis=0)
        right += reach * pull[:, None] * free[None]
        solved, turned = self._solved(matrix, reach, [right, (reach * pull)[:, None]])
        guests = self.laws.guests[:, None]
        part = (guests * solved).sum(axis=0) / (1 + (guests * turned).sum(axis=0))
        return np.asarray(solved - turned * part[None])

    def _solved(self, matrix: Array, reach: float, right: list[Array]) -> tuple[Array, Array]:
        """Return (I - reach K)^-1 of two right sides (species, columns, systems)."""
        size = self.size
        system = matrix * -reach
        for i in range(size):
            system[i, i] += 1
        both = np.concatenate(right, axis=1)
        for k in range(size - 1):
            factor = system[k + 1 :, k] / system[k, k]
            system[k + 1 :, k + 1 :] -= factor[:, None] * system[k, k + 1 :][None]
            both[k + 1 :] -= factor[:, None] * both[k][None]
        for k in range(size - 1, -1, -1):
            both[k] /= system[k, k]
            if k:
                both[:k] -= system[:k, k][:, None] * both[k][None]
        first = right[0].shape[1]
        return both[:, :first], both[:, first:]
