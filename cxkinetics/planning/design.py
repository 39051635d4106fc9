"""Where to put readings of a staged decay: blocks of even spacing, and what they would tell.

A design is a few blocks that an instrument can be told: from, to, every. It is judged by the information
matrix, averaged over what is believed of the decay, because the best times for one breakpoint are bad ones
for another a few seconds off. The matrix only leads the search: it promises intervals that are too narrow,
so what a plan states comes from simulated fits.

References
----------
K. Chaloner, I. Verdinelli, Stat. Sci. 10, 273 (1995), doi 10.1214/ss/1177009939 (designs averaged over a
prior).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import UsageError
from cxkinetics.planning.belief import TWO_SIDED, Belief
from cxkinetics.record import Record

EARLY = 4
"""Readings at the shortest spacing from the addition on: without them a start that takes time cannot be told
from a fast first stage."""
FEWEST_BLOCKS, MOST_BLOCKS = 3, 5
IN_BLOCK = 3
"""Readings of a block at least: fewer are not worth a line of an instrument's method."""
WORST = 0.1
"""Share of the believed decays that count once more, those with the widest intervals."""
WORTH_A_BLOCK = 0.04
"""Gain in the criterion (of ln half-widths) for which a further block is asked of the instrument."""
MEMORY = 2.0
"""Time constant, in shortest spacings, of noise that remembers: the criterion is averaged over it and the
noise as believed. A fit cannot know that its noise is white, and charges readings that stand close together
for that; a plan for white noise alone packs them as closely as it can."""
_STARTS = 3
_LONGEST_MOVE = 8  # the first moves are an eighth of the run long
_SMALLEST_GAIN = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Record):
    """Readings at even times.

    Attributes
    ----------
    from_s, to_s : float
        First and last reading after the addition, s.
    every_s : float
        Time between two of them, s.
    """

    from_s: float
    to_s: float
    every_s: float

    @property
    def n_points(self) -> int:
        """How many readings."""
        return round((self.to_s - self.from_s) / self.every_s) + 1

    @property
    def times_s(self) -> Array:
        """When they are."""
        times: Array = self.from_s + self.every_s * np.arange(self.n_points, dtype=float)
        return times


def information_widths(time_s: Array, theta: Array, belief: Belief) -> Array:
    """Return the 95 % half-widths (m, q) of rate constants and breakpoints by the information matrix.

    Amplitude and offset are unknown besides. A width is never larger than the number itself: a design that
    misses a stage knows nothing of it, and not less than that.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Ascending times, s.
    theta : Array, shape (m, p)
        Parameters of decays.
    belief : Belief
        Of the noise.
    """
    jacobian = belief.family.evaluate(time_s, theta)[1] / belief.sd
    if belief.correlation_s:
        kept = np.exp(-np.diff(time_s) / belief.correlation_s)
        jacobian[..., 1:] = (jacobian[..., 1:] - kept * jacobian[..., :-1]) / np.sqrt(1 - kept**2)
    scale = np.abs(theta)
    scale[:, -1] = scale[:, 0]  # the offset may be zero, but not larger than the signal
    jacobian *= scale[:, :, None]
    normal = jacobian @ jacobian.swapaxes(1, 2) + np.eye(theta.shape[1])
    variance = np.diagonal(np.linalg.inv(normal), axis1=1, axis2=2)
    widths: Array = TWO_SIDED * scale[:, 1:-1] * np.sqrt(variance[:, 1:-1])
    return widths


@dataclass(frozen=True, slots=True)
class Grid:
    """What an instrument can do: readings every `fastest` s or multiples of it, up to `longest` s."""

    points: int
    fastest_s: float
    longest_s: float

    @property
    def ticks(self) -> int:
        """Number of shortest spacings in the longest run."""
        return math.floor(self.longest_s / self.fastest_s * (1 + 1e-9))

    def require_room(self) -> None:
        """Refuse what cannot be measured.

        Raises
        ------
        UsageError
            If there are too few readings, or more than fit.
        """
        fewest = max(EARLY, IN_BLOCK) + (FEWEST_BLOCKS - 1) * IN_BLOCK
        if self.points < fewest:
            raise UsageError(f"{self.points} readings asked for; a plan in blocks needs {fewest} at least")
        if self.points > self.ticks + 1:
            raise UsageError(
                f"{self.points} readings every {self.fastest_s:g} s take "
                f"{(self.points - 1) * self.fastest_s:g} s, and the run lasts {self.longest_s:g} s; ask for "
                "fewer (--points), for a longer run (--longest) or for a shorter spacing (--fastest)"
            )

    def even(self, end_s: float) -> Array:
        """Return as many times at one spacing from 0 to an end."""
        times: Array = np.linspace(0.0, end_s, self.points)
        return times


_Plan = tuple[tuple[int, int, int], ...]  # start, spacing and count of every block, in ticks


def times_of(blocks: Sequence[Block]) -> Array:
    """Return all times of blocks, s."""
    return np.concatenate([block.times_s for block in blocks])


def criterion(widths: Array) -> float:
    """Return what a design is judged by: half the mean ln half-width (m, q), half that of its worst tenth.

    The mean alone leaves to chance what becomes of a breakpoint off the middle. Of the published silver
    trace with 30 readings the medians stay and the worst tenth of the breakpoint is a third narrower; with
    24 readings the medians widen by a fifth, and the gain is in the rate constant of the first stage.
    """
    logs = np.sort(np.log(widths), axis=0)
    return float((np.mean(logs) + np.mean(logs[-max(1, round(WORST * len(logs))) :])) / 2)


def best_blocks(
    grid: Grid, belief: Belief, theta: Array, rng: np.random.Generator, *, near: Sequence[Block] = ()
) -> tuple[Block, ...]:
    """Return the blocks whose `criterion` over decays is least, as few as do nearly as well.

    Parameters
    ----------
    grid : Grid
        What the instrument can do.
    belief : Belief
        Of the decay.
    theta : Array, shape (m, p)
        Decays over which the criterion is averaged.
    rng : numpy.random.Generator
        Of the places from which the search starts.
    near : sequence of Block
        Blocks of a plan with another number of readings: then the only place to start from.
    """
    grid.require_room()

    lasting = replace(belief, correlation_s=belief.correlation_s + MEMORY * grid.fastest_s)

    def loss(plan: _Plan) -> float:
        times = _times(plan) * grid.fastest_s
        return float(
            np.mean([criterion(information_widths(times, theta, noise)) for noise in (belief, lasting)])
        )

    if near:
        return _told(_descended(_resized(near, grid), grid, loss)[1], grid)
    found: list[tuple[float, _Plan]] = []
    for count in range(FEWEST_BLOCKS, MOST_BLOCKS + 1):
        if grid.points < EARLY + (count - 1) * IN_BLOCK:
            break
        starts = [_start(count, grid, belief, rng) for _ in range(_STARTS)]
        best = min((_descended(start, grid, loss) for start in starts), key=lambda pair: pair[0])
        if found and best[0] > found[-1][0] - WORTH_A_BLOCK:
            break
        found.append(best)
    return _told(found[-1][1], grid)


def _times(plan: _Plan) -> Array:
    return np.concatenate([start + spacing * np.arange(count) for start, spacing, count in plan]).astype(
        float
    )


def _told(plan: _Plan, grid: Grid) -> tuple[Block, ...]:
    def seconds(ticks: int) -> float:
        return float(f"{ticks * grid.fastest_s:.9g}")  # 3 x 0.1 is 0.3, also where it is printed

    return tuple(
        Block(from_s=seconds(start), to_s=seconds(start + spacing * (count - 1)), every_s=seconds(spacing))
        for start, spacing, count in plan
    )


def _start(count: int, grid: Grid, belief: Belief, rng: np.random.Generator) -> _Plan:
    """Return blocks at random: one at the addition, one at each breakpoint, the others anywhere."""
    fixed = [round(at / grid.fastest_s) for at in belief.breakpoints_s]
    middles = sorted([*fixed[: count - 1], *rng.integers(0, grid.ticks, max(count - 1 - len(fixed), 0))])
    free = grid.points - EARLY - (count - 1) * IN_BLOCK
    counts = IN_BLOCK + rng.multinomial(free, np.full(count - 1, 1 / (count - 1)))
    plan: list[tuple[int, int, int]] = [(0, 1, EARLY)]
    left = int(counts.sum())
    for middle, size in zip(middles, counts.tolist(), strict=True):
        after = plan[-1][0] + plan[-1][1] * (plan[-1][2] - 1) + 1
        last = grid.ticks - left + 1  # the others must still find room behind it
        left -= size
        plan.append((int(np.clip(middle - size // 2, after, last)), 1, size))
    return tuple(plan)


def _resized(blocks: Sequence[Block], grid: Grid) -> _Plan:
    """Return blocks with another number of readings in all, each with its share of them."""
    known = [round(block.from_s / grid.fastest_s) for block in blocks]
    ends = [round(block.to_s / grid.fastest_s) for block in blocks]
    sizes = np.array([block.n_points for block in blocks], dtype=float)
    least = np.array([EARLY, *[IN_BLOCK] * (len(blocks) - 1)])
    counts = np.maximum(np.floor(sizes * grid.points / sizes.sum()).astype(int), least)
    while counts.sum() != grid.points:
        step = 1 if counts.sum() < grid.points else -1
        counts[int(np.argmax(counts - least))] += step
    plan: list[tuple[int, int, int]] = []
    left, after = grid.points, 0
    for start, end, count in zip(known, ends, counts.tolist(), strict=True):
        left -= count
        first = min(max(start, after), grid.ticks - left - count + 1)
        spacing = max(1, min(round((end - start) / (count - 1)), (grid.ticks - left - first) // (count - 1)))
        plan.append((first, 1 if not plan else spacing, count))
        after = first + plan[-1][1] * (count - 1) + 1
    return tuple(plan)


def _allowed(plan: _Plan, grid: Grid) -> bool:
    first, before = plan[0], -1
    if first[0] != 0 or first[1] != 1 or first[2] < EARLY:
        return False
    for start, spacing, count in plan:
        if spacing < 1 or count < IN_BLOCK or start <= before:
            return False
        before = start + spacing * (count - 1)
    return before <= grid.ticks


def _neighbours(plan: _Plan, step: int) -> Iterator[_Plan]:
    """Yield plans one move away: a block earlier or later, wider or closer, readings to another block."""

    def put(*changes: tuple[int, tuple[int, int, int]]) -> _Plan:
        blocks = list(plan)
        for at, block in changes:
            blocks[at] = block
        return tuple(blocks)

    for at, (start, spacing, count) in enumerate(plan):
        if at:  # the first block stays as it is but for its readings
            yield from (put((at, (moved, spacing, count))) for moved in (start + step, start - step))
            for wider in (spacing + step, spacing - step):
                shift = (spacing - wider) * (count - 1)
                # from its start, about its middle and from its end, so that no second move is needed
                yield from (put((at, (start + moved, wider, count))) for moved in (0, shift // 2, shift))
        for to, (other, between, size) in enumerate(plan):
            if to != at and count - step >= IN_BLOCK:
                fewer = (at, (start, spacing, count - step))
                yield put(fewer, (to, (other, between, size + step)))
                if to:  # it grows at its front
                    yield put(fewer, (to, (other - step * between, between, size + step)))


def _descended(plan: _Plan, grid: Grid, loss: Callable[[_Plan], float]) -> tuple[float, _Plan]:
    """Return the loss and the plan that no move betters: long moves first, each as long as it helps."""
    best, known = loss(plan), {plan}
    step = 2 ** int(math.log2(max(grid.ticks // _LONGEST_MOVE, 1)))
    while step:
        for other in _neighbours(plan, step):
            if other in known or not _allowed(other, grid):
                continue
            known.add(other)
            found = loss(other)
            if found < best - _SMALLEST_GAIN:
                best, plan = found, other
                break
        else:
            step //= 2
    return best, plan
