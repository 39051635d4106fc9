"""Long traces: do blocks of readings say what all readings say, and how long does it take?

    python -m tests.studies.long_traces                      # agreement at n 2000, then the speed table
    python -m tests.studies.long_traces agree -n 2000 --traces 1 --cells "weak|AR"
    python -m tests.studies.long_traces speed -n 101 1001 10000 100000

Agreement: every trace is fitted as it is by default, and once more with every reading searched. Told are
both verdicts, and in half-widths of the full computation's 95 % interval the largest difference of a value
and of an interval's end. Speed: CPU seconds of one process, one thread, for the default fit (everything
that it prints), piecewise-regression's default call on ln A, and the fits that a user of lmfit would make
by hand (two stages from a good start with conf_interval, a biexponential, a stretched exponential). All
traces are simulated.
"""

import argparse
import contextlib
import io
import re
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import cxkinetics as cx
from cxkinetics.kinetics import reduction
from tests.studies import bench, truths
from tests.studies.truths import SEED, Curve, Staged


def three_stages(t: np.ndarray) -> np.ndarray:
    spent = 0.08 * np.minimum(t, 12) + 0.035 * np.clip(t - 12, 0, 28) + 0.01 * np.maximum(t - 40, 0)
    return 0.9 * np.exp(-spent)


WEAK = Staged(0.045, 0.038, 35.0)
PLAIN = truths.exponential(0.04, 0.05)
BI = truths.biexponential(0.5, 0.1, 0.02)


@dataclass(frozen=True)
class Cell:
    """A true curve, its noise, the times, and how it is fitted."""

    curve: Curve
    noise: bench.Noise
    times: str = "even"
    options: dict[str, Any] = field(default_factory=dict)

    def trace(self, n: int, rng: np.random.Generator) -> cx.Trace:
        t = truths.times(n, self.times)
        return cx.Trace(time_s=t, absorbance=self.noise(t, self.curve(t), rng))


WHITE, AR = bench.white(0.003), bench.correlated(0.003, 0.5)
CELLS: dict[str, Cell] = {
    "seed, white": Cell(SEED, WHITE),
    "seed, white .03": Cell(SEED, bench.white(0.03)),
    "seed, AR .5": Cell(SEED, AR),
    "seed, AR .9": Cell(SEED, bench.correlated(0.003, 0.9)),
    "weak break, white": Cell(WEAK, WHITE),
    "weak break, white .01": Cell(WEAK, bench.white(0.01)),
    "weak break, AR .5": Cell(WEAK, AR),
    "early break": Cell(Staged(0.2, 0.019, 1.5), WHITE),
    "late break": Cell(Staged(0.03, 0.06, 85.0, offset=0.1), WHITE),
    "one exponential": Cell(PLAIN, WHITE),
    "one exponential, AR .5": Cell(PLAIN, AR),
    "biexponential": Cell(BI, WHITE),
    "biexponential, AR .5": Cell(BI, AR),
    "stretched": Cell(truths.stretched(0.05, 0.6), WHITE),
    "second order": Cell(truths.second_order(0.08), AR),
    "three stages": Cell(three_stages, WHITE),
    "three stages, AR .5": Cell(three_stages, AR),
    "switch of 10 s": Cell(truths.soft_switch(10.0), WHITE),
    "mixing 1 s": Cell(bench.mixing(SEED, 1.0), WHITE),
    "recorded 7 s early": Cell(bench.late(SEED, 7.0), WHITE),
    "fast, long tail": Cell(Staged(1.5, 0.4, 1.0, offset=0.05), WHITE),
    "photometer": Cell(SEED, bench.photometer(0.002)),
    "noisy start": Cell(SEED, bench.noisy_start()),
    "heavy tails": Cell(SEED, bench.heavy_tails(0.003)),
    "bubbles": Cell(SEED, bench.bubbles(0.003, 0.003)),
    "1/f": Cell(PLAIN, bench.one_over_f(0.005, 0.003)),
    "1/f, strong break": Cell(SEED, bench.one_over_f(0.005, 0.003)),
    "random walk": Cell(PLAIN, bench.walk(0.005)),
    "AR .8 + white": Cell(PLAIN, bench.correlated_and_white(0.005, 0.8, 0.003)),
    "dense start": Cell(SEED, AR, "dense"),
    "random times": Cell(SEED, AR, "random"),
    "growth": Cell(lambda t: 1 - SEED(t), WHITE, options={"direction": "growth"}),
    "free joints": Cell(SEED, WHITE, options={"joint": "free", "n_stages": 2}),
    "breakpoint given": Cell(SEED, WHITE, options={"breakpoints_s": 20.0}),
    "blank": Cell(SEED, WHITE, options={"offset": (0.0, 0.002)}),
    "drift": Cell(truths.drifting(SEED), AR, options={"drift": "linear"}),
    "white asked": Cell(SEED, WHITE, options={"noise": "white"}),
    "model asked": Cell(BI, AR, options={"model": "biexponential"}),
    "three asked": Cell(SEED, WHITE, options={"n_stages": 3}),
    "plain lines": Cell(SEED, WHITE, options={"recipe": "loglinear"}),
}


@contextlib.contextmanager
def every_reading() -> Iterator[None]:
    """Search every reading, however many there are."""
    usual, reduction.LONG = reduction.LONG, 10**12
    try:
        yield
    finally:
        reduction.LONG = usual


def numbers_of(fit: cx.StagedFit) -> dict[str, cx.Estimate]:
    found = {f"k{i}": stage.k_per_s for i, stage in enumerate(fit.stages, 1)}
    found |= {f"break {i}": b for i, b in enumerate(fit.breakpoints_s, 1)}
    found |= {"A0": fit.amplitude, "offset": fit.offset, "k1/k2": fit.rate_ratio, "drift": fit.drift_per_s}
    found |= {"tau": fit.start_up_s, "width": fit.switch_width_s}
    for model in {id(m): m for m in (fit.model, fit.preferred) if m is not None}.values():
        found |= {f"{model.model}: {name}": value for name, value in model.parameters.items()}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Agreement:
    """Both fits of a trace, and the largest difference of values and of ends, in half-widths, with names."""

    ours: cx.StagedFit
    full: cx.StagedFit
    value: tuple[float, str]
    end: tuple[float, str]
    open_ends: tuple[str, ...]


def compared(trace: cx.Trace, **options: Any) -> Agreement:
    ours = cx.fit_stages(trace, **options)
    with every_reading():
        full = cx.fit_stages(trace, **options)
    values, ends, unlike = [(0.0, "")], [(0.0, "")], []
    mine, theirs = numbers_of(ours), numbers_of(full)
    unlike += sorted(set(mine) ^ set(theirs))
    for name in sorted(set(mine) & set(theirs)):
        a, b = mine[name], theirs[name]
        if (a.low is None, a.high is None, a.value is None) != (
            b.low is None,
            b.high is None,
            b.value is None,
        ):
            unlike.append(name)
            continue
        known = [end for end in (b.low, b.high) if end is not None]
        if b.value is None or a.value is None or not known:
            continue
        half = max(abs(end - b.value) for end in known) if len(known) < 2 else (known[1] - known[0]) / 2
        if half <= 1e-12 * abs(b.value):
            continue
        values.append((abs(a.value - b.value) / half, name))
        both = ((a.low, b.low), (a.high, b.high))
        ends += [(abs(x - y) / half, name) for x, y in both if x is not None and y is not None]
    return Agreement(ours, full, max(values), max(ends), tuple(unlike))


def agree(n: int, traces: int, cells: str, seed: int) -> None:
    print(f"{'cell, n ' + str(n):30s} verdict, blocks and all   p            value         end")
    same = total = 0
    for name, cell in CELLS.items():
        if not re.search(cells, name):
            continue
        for number in range(traces):
            trace = cell.trace(n, truths.stream(seed, name, number))
            found = compared(trace, **cell.options)
            verdicts = found.ours.verdict, found.full.verdict
            total, same = total + 1, same + (verdicts[0].code == verdicts[1].code)
            mark = " " if verdicts[0].code == verdicts[1].code else "!"
            told = " ".join(f"{v.p_value:.3g}" if v.p_value is not None else "-" for v in verdicts)
            print(
                f"{name:30s} {mark}{verdicts[0].code:12s} {verdicts[1].code:12s} {told:12s} "
                f"{found.value[0]:.1e} {found.value[1]:10.10s} {found.end[0]:.3f} {found.end[1]:10.10s} "
                f"{'; '.join(found.open_ends)}",
                flush=True,
            )
    print(f"the same verdict in {same} of {total}")


def cpu_seconds(call: Callable[[], Any], least: float = 0.5) -> float:
    """CPU time of a call, the mean of as many as fill `least` seconds."""
    begin, calls = time.process_time(), 0
    while not calls or time.process_time() - begin < least:
        call()
        calls += 1
    return (time.process_time() - begin) / calls


def by_piecewise_regression(t: np.ndarray, a: np.ndarray) -> None:
    import piecewise_regression

    positive = a > 0
    with contextlib.redirect_stdout(io.StringIO()):
        piecewise_regression.Fit(list(t[positive]), list(np.log(a[positive])), n_breakpoints=1).summary()


def by_lmfit(t: np.ndarray, a: np.ndarray) -> None:
    import lmfit

    def staged(c: float, k1: float, k2: float, b: float) -> np.ndarray:
        return c * np.exp(-(k1 * np.minimum(t, b) + k2 * np.maximum(t - b, 0))) - a

    def bi(c1: float, c2: float, k1: float, k2: float) -> np.ndarray:
        return c1 * np.exp(-k1 * t) + c2 * np.exp(-k2 * t) - a

    def bent(c: float, k: float, beta: float) -> np.ndarray:
        return c * np.exp(-((abs(k) * t) ** beta)) - a

    for curve, start in (
        (staged, {"c": 0.88, "k1": 0.053, "k2": 0.02, "b": 19.4}),
        (bi, {"c1": 0.5, "c2": 0.4, "k1": 0.08, "k2": 0.015}),
        (bent, {"c": 0.9, "k": 0.04, "beta": 0.8}),
    ):
        parameters = lmfit.Parameters()
        for name, value in start.items():
            parameters.add(name, value=value)
        fitter = lmfit.Minimizer(lambda p, f=curve: f(**p.valuesdict()), parameters)
        found = fitter.minimize()
        if curve is staged:
            with contextlib.suppress(lmfit.MinimizerException, ValueError):
                lmfit.conf_interval(fitter, found)


def speed(sizes: list[int], *, peers: bool) -> None:
    warnings.simplefilter("ignore")
    print("       n   ours, s  / n 101     MB   piecewise-regr.  lmfit by hand")
    first = None
    for n in sorted({101, *sizes}):
        trace = Cell(SEED, WHITE).trace(n, truths.stream(1, "speed", n))
        t, a = trace.time_s, trace.absorbance
        ours = cpu_seconds(lambda trace=trace: str(cx.fit_stages(trace)), 1.0)
        first = first or ours
        tracemalloc.start()
        cx.fit_stages(trace)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        told = f"{n:8d} {ours:9.3f} {ours / first:8.2f} {peak:6.0f}"
        if peers:
            peer = {f: cpu_seconds(partial(f, t, a)) for f in (by_piecewise_regression, by_lmfit)}
            other, hand = peer.values()
            told += f" {other / ours:16.2f} {hand / ours:14.2f}"
        print(told, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("both", "agree", "speed"), default="both")
    parser.add_argument("-n", type=int, nargs="+", help="readings")
    parser.add_argument("--traces", type=int, default=1, help="traces of each cell")
    parser.add_argument("--cells", default="", help="pattern of their names")
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--alone", action="store_true", help="no peers beside the speed")
    given = parser.parse_args()
    if given.what in ("both", "agree"):
        agree((given.n or [2000])[0], given.traces, given.cells, given.seed)
    if given.what in ("both", "speed"):
        speed(given.n or [101, 401, 1001, 3000, 10_000, 100_000], peers=not given.alone)


if __name__ == "__main__":
    main()
