"""The cells of the inference study: a truth, its noise and times, and the limits it must keep."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.studies import measure
from tests.studies.bench import bench_cells
from tests.studies.truths import (
    SEED,
    SMOOTH,
    Curve,
    Staged,
    drifting,
    exponential,
    noise,
    soft_switch,
    stream,
    times,
)

WEAK = Staged(k1=0.045, k2=0.03, tb=30.0)
NOISE = {0.0: "white", 0.2: "AR .2", 0.3: "AR .3", 0.5: "AR .5"}


@dataclass(frozen=True)
class Cell:
    """One cell: what is simulated. `tally` runs some of its traces and counts."""

    name: str
    curve: Curve
    n: int = 101
    sd: float = 0.01
    rho: float = 0.0
    kind: str = "even"

    @property
    def group(self) -> str:
        return self.name.partition(":")[0]

    def trace(self, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        t = times(self.n, self.kind)
        return t, self.curve(t) + noise(t, self.sd, self.rho, stream(seed, self.name, number))

    def tally(self, seed: int, numbers: range) -> Counter[str]:
        raise NotImplementedError


def mark(share: float, total: int, low: float, high: float) -> str:
    """Return "!" where a share in % misses its limits by two standard errors, "~" by less, else " "."""
    beyond = max(low - share, share - high)
    limit = low if low - share >= share - high else high
    error = 100 * np.sqrt(limit / 100 * (1 - limit / 100) / total)
    return " " if beyond <= 0 else "!" if beyond > 2 * error else "~"


@dataclass(frozen=True)
class Coverage(Cell):
    """Coverage of the 95 % intervals of k1, k2 and tb, and the error of tb."""

    curve: Staged
    offsets: tuple[str, ...] = ("zero", "fit", "auto")
    low: float = 93.0
    high: float = 97.5
    most_rmse: float | None = None

    def tally(self, seed: int, numbers: range) -> Counter[str]:
        counts: Counter[str] = Counter()
        truth = {"k1": self.curve.k1, "k2": self.curve.k2, "tb": self.curve.tb}
        for number in numbers:
            t, y = self.trace(seed, number)
            counts["traces"] += 1
            for offset, estimates in measure.two_stage_numbers(t, y, self.offsets).items():
                for name, estimate in estimates.items():
                    counts[f"{offset} {name} covered"] += measure.covers(estimate, truth[name])
                    counts[f"{offset} {name} open"] += estimate.low is None or estimate.high is None
                    counts[f"{offset} {name} outside"] += not measure.covers(estimate, estimate.value)
                    counts[f"{offset} {name} pieces"] += bool(estimate.pieces)
                counts[f"{offset} tb square"] += (estimates["tb"].value - self.curve.tb) ** 2
        return counts

    def rows(self, counts: Counter[str]) -> Iterator[tuple[list[str], str]]:
        total = counts["traces"]
        for offset in self.offsets:
            share = [100 * counts[f"{offset} {name} covered"] / total for name in ("k1", "k2", "tb")]
            rmse = float(np.sqrt(counts[f"{offset} tb square"] / total))
            other = {
                word: max(100 * counts[f"{offset} {name} {word}"] / total for name in ("k1", "k2", "tb"))
                for word in ("open", "outside", "pieces")
            }
            marks = [mark(s, total, self.low, self.high) for s in share]
            if self.most_rmse is not None and rmse > self.most_rmse:
                marks.append("!" if rmse > self.most_rmse * (1 + np.sqrt(2 / total)) else "~")
            cells = [f"{s:.1f}" for s in share] + [f"{rmse:.3f}"]
            cells += [f"{other[word]:.1f}" for word in ("open", "pieces", "outside")]
            yield [self.name, offset, *cells], max(marks, key=" ~!".index)


COVERAGE_HEAD = ["coverage, %", "offset", "k1", "k2", "tb", "RMSE tb, s", "open", "pieces", "value outside"]


@dataclass(frozen=True)
class Verdicts(Cell):
    """How often a verdict is `two_stages` or `more_stages`: at most, or at least, so many per cent."""

    most: float | None = None
    least: float | None = None
    spike: float = 0.0

    def trace(self, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        t, y = super().trace(seed, number)
        if self.spike:
            y[stream(seed + 1, self.name, number).integers(1, self.n - 1)] += self.spike
        return t, y

    def tally(self, seed: int, numbers: range) -> Counter[str]:
        counts = Counter(measure.verdict_code(*self.trace(seed, number), number) for number in numbers)
        counts["traces"] = len(numbers)
        return counts

    def rows(self, counts: Counter[str]) -> Iterator[tuple[list[str], str]]:
        total = counts["traces"]
        share = 100 * (counts["two_stages"] + counts["more_stages"]) / total
        sign = mark(share, total, self.least or 0.0, 100.0 if self.most is None else self.most)
        limit = f"<= {self.most:g}" if self.most is not None else ""
        limit = f">= {self.least:g}" if self.least is not None else limit
        codes = ("two_stages", "more_stages", "smooth", "one_stage", "undecided", "no_decay")
        yield [self.name, f"{share:.1f}", limit, *(f"{100 * counts[c] / total:.1f}" for c in codes)], sign


VERDICT_HEAD = ["verdicts, %", "staged", "limit", "two", "more", "smooth", "one", "undecided", "no decay"]


@dataclass(frozen=True)
class Optimum(Cell):
    """How often the search misses the global optimum that a dense brute force finds."""

    with_offset: bool = False

    def tally(self, seed: int, numbers: range) -> Counter[str]:
        missed = sum(
            measure.misses_optimum(*self.trace(seed, number), self.with_offset) for number in numbers
        )
        return Counter({"missed": missed, "traces": len(numbers)})

    def rows(self, counts: Counter[str]) -> Iterator[tuple[list[str], str]]:
        yield [self.name, str(counts["missed"]), str(counts["traces"])], "!" if counts["missed"] else " "


OPTIMUM_HEAD = ["global optimum", "missed", "traces"]


def _size(n: int, sd: float, rho: float) -> str:
    return f"n {n}, sd {sd:g}, {NOISE[rho]}"


def _coverage() -> Iterator[Cell]:
    for n in (51, 101, 401):
        for sd in (0.003, 0.01):
            for rho in NOISE:
                limit = {0.0: 0.130, 0.5: 0.195}.get(rho) if (n, sd) == (101, 0.003) else None
                name = f"coverage: {_size(n, sd, rho)}"
                yield Coverage(name, SEED, n, sd, rho, most_rmse=limit)
    for true in (0.02, 0.1):
        for n, sd in ((51, 0.01), (101, 0.003), (101, 0.01), (401, 0.01)):
            for rho in (0.0, 0.5):
                name = f"coverage offset: {true:g}, {_size(n, sd, rho)}"
                yield Coverage(name, Staged(offset=true), n, sd, rho, offsets=("fit", "auto"))
    for kind in ("dense", "random"):
        for sd in (0.003, 0.01):
            for rho in (0.0, 0.5):
                yield Coverage(f"coverage uneven: {kind}, {_size(101, sd, rho)}", SEED, 101, sd, rho, kind)
    for n in (51, 101):
        for sd in (0.003, 0.01):
            for rho in (0.0, 0.5):
                yield Coverage(f"coverage weak: k1/k2 1.5, {_size(n, sd, rho)}", WEAK, n, sd, rho)


def _verdicts() -> Iterator[Cell]:
    sizes = [(n, sd, rho) for n in (51, 101) for sd in (0.003, 0.01) for rho in (0.0, 0.5)]
    for truth, curve in SMOOTH.items():
        for size in sizes:
            yield Verdicts(f"false: {truth}, {_size(*size)}", curve, *size, most=6.0)
    drift, fast = drifting(exponential(0.02)), drifting(exponential(0.056))
    for size in sizes:
        yield Verdicts(f"drift: exp k .02, {_size(*size)}", drift, *size, most=10.0)
        yield Verdicts(f"drift: exp k .056, {_size(*size)}", fast, *size, most=10.0)
        for height in (0.05, 0.3):
            name = f"spike: {height:g} on exp k .03, {_size(*size)}"
            yield Verdicts(name, exponential(0.03), *size, most=10.0, spike=height)
        name = f"drift and spike: exp k .03, {_size(*size)}"
        yield Verdicts(name, drifting(exponential(0.03)), *size, most=10.0, spike=0.3)
    for size in sizes:
        least = 95.0 if size[0] == 101 else None
        yield Verdicts(f"power: seed, {_size(*size)}", SEED, *size, least=least)
        least = 85.0 if size[0] == 51 else None
        yield Verdicts(f"power: seed + .1, {_size(*size)}", Staged(offset=0.1), *size, least=least)
    for spread in (1.0, 2.0, 5.0, 10.0, 20.0):
        for sd in (0.003, 0.01):
            for rho in (0.0, 0.5):
                name = f"soft switch: {spread:g} s, {_size(101, sd, rho)}"
                yield Verdicts(name, soft_switch(spread), 101, sd, rho)


HARD = {
    "weak": Staged(k1=0.04, k2=0.04 / 1.3, tb=45.0),
    "weak + .1": Staged(k1=0.04, k2=0.04 / 1.3, tb=45.0, offset=0.1),
    "edge, start": Staged(k1=0.056, k2=0.019, tb=4.2),
    "edge, end": Staged(k1=0.01, k2=0.03, tb=94.0),
}
"""Breaks that local and coarse searches miss."""


def _optima() -> Iterator[Cell]:
    for name, curve in HARD.items():
        for with_offset in (False, True):
            suffix = ", offset fitted" if with_offset else ""
            yield Optimum(f"optimum: {name}{suffix}", curve, 60, with_offset=with_offset)


def all_cells() -> dict[str, Any]:
    """Return every cell by name, in the order of the tables."""
    return {cell.name: cell for cell in (*_coverage(), *_verdicts(), *_optima(), *bench_cells())}
