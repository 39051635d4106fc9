"""The noise, the starts and the switches of a real bench, simulated by a generator of its own.

Nothing here is made by the models that are fitted: a photometer's noise is drawn in the transmittance,
wander is drawn in the spectral domain or summed up, mixing runs the clock of the reaction, and a bubble adds
absorbance. Everything is simulated.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

import cxkinetics as cx
from tests.studies import measure
from tests.studies.truths import SEED, Curve, Staged, exponential, noise, soft_switch, stream, times

Noise = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(times, true signal, generator) -> the readings."""


def white(sd: float) -> Noise:
    return lambda t, a, rng: a + rng.normal(0, sd, t.size)


def correlated(sd: float, rho: float) -> Noise:
    return lambda t, a, rng: a + noise(t, sd, rho, rng)


def photometer(sd_of_transmittance: float, floor: float = 0.0003) -> Noise:
    """Noise of the transmittance, beside a little that does not depend on it."""

    def readings(t: np.ndarray, a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        share = 10.0**-a + rng.normal(0, sd_of_transmittance, t.size)
        return -np.log10(np.maximum(share, 1e-6)) + rng.normal(0, floor, t.size)

    return readings


def noisy_start(early: float = 0.009, late: float = 0.002, until_s: float = 20.0) -> Noise:
    return lambda t, a, rng: a + rng.normal(0, 1, t.size) * np.where(t < until_s, early, late)


def heavy_tails(sd: float) -> Noise:
    return lambda t, a, rng: a + sd * rng.standard_t(3, t.size) / np.sqrt(3)


def bubbles(sd: float, share: float = 0.05) -> Noise:
    return lambda t, a, rng: (
        a + rng.normal(0, sd, t.size) + (rng.random(t.size) < share) * rng.uniform(0.01, 0.05, t.size)
    )


def one_over_f(sd: float, besides: float = 0.0) -> Noise:
    """A power spectrum that falls as 1/f, drawn in the spectral domain, beside white noise."""

    def readings(t: np.ndarray, a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        f = np.fft.rfftfreq(4 * t.size)
        f[0] = f[1]
        wave = np.fft.irfft((rng.normal(size=f.size) + 1j * rng.normal(size=f.size)) / np.sqrt(f), 4 * t.size)
        wave = wave[: t.size] - wave[: t.size].mean()
        return a + sd * wave / wave.std() + rng.normal(0, besides, t.size)

    return readings


def walk(sd: float) -> Noise:
    def readings(t: np.ndarray, a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        path = np.cumsum(rng.normal(0, 1, t.size))
        return a + sd * (path - path.mean()) / path.std()

    return readings


def correlated_and_white(sd: float, rho: float, besides: float) -> Noise:
    return lambda t, a, rng: a + noise(t, sd, rho, rng) + rng.normal(0, besides, t.size)


def mixing(curve: Curve, tau_s: float) -> Curve:
    """The reaction runs at the share 1 - exp(-t/tau) of its rate."""
    return lambda t: curve(t - tau_s * (1 - np.exp(-t / tau_s)))


def late(curve: Curve, by_s: float) -> Curve:
    """Recorded for a while before the addition."""
    return lambda t: curve(np.maximum(t - by_s, 0.0))


@dataclass(frozen=True)
class Bench:
    """One cell: truth, noise, number of readings, and what is known of the truth (None: no stages)."""

    name: str
    curve: Curve
    noise: Noise
    n: int = 101
    known: dict[str, float] | None = None
    most: float | None = None
    least: float | None = None
    least_one: float | None = None
    covered: float | None = None

    def trace(self, seed: int, number: int) -> cx.Trace:
        t = times(self.n)
        return cx.Trace(time_s=t, absorbance=self.noise(t, self.curve(t), stream(seed, self.name, number)))

    def tally(self, seed: int, numbers: range) -> Counter[str]:
        counts: Counter[str] = Counter()
        for number in numbers:
            trace = self.trace(seed, number)
            fit = cx.fit_stages(trace, n_stages="auto" if self.known is None else 2, rng=number)
            counts["traces"] += 1
            counts[fit.verdict.code] += 1
            if self.known is not None:
                numbers_of = {
                    "k1": fit.stages[0].k_per_s,
                    "k2": fit.stages[1].k_per_s,
                    "tb": fit.breakpoints_s[0],
                    "tau": fit.start_up_s,
                    "width": fit.switch_width_s,
                }
                for name, truth in self.known.items():
                    estimate = numbers_of[name]
                    counts[f"{name} told"] += estimate is not None
                    counts[f"{name} covered"] += estimate is not None and measure.covers(estimate, truth)
                    counts[f"{name} open"] += estimate is not None and None in (estimate.low, estimate.high)
        return counts

    def rows(self, counts: Counter[str]) -> Iterator[tuple[list[str], str]]:
        total = counts["traces"]
        percent = {code: 100 * counts[code] / total for code in CODES}
        staged = percent["two_stages"] + percent["more_stages"]
        cells, missed = [self.name, f"{staged:.1f}", *(f"{percent[c]:.1f}" for c in CODES)], []
        for name in ("k1", "k2", "tb", "tau", "width"):
            told = counts[f"{name} told"]
            share = 100 * counts[f"{name} covered"] / told if told else float("nan")
            cells.append(f"{share:.1f}" if told else "-")
            missed.append(bool(told and self.covered is not None and share < self.covered))
        missed += [
            self.most is not None and staged > self.most,
            self.least is not None and percent["two_stages"] < self.least,
            self.least_one is not None and percent["one_stage"] < self.least_one,
        ]
        yield cells, "!" if any(missed) else " "


CODES = ("two_stages", "more_stages", "smooth", "one_stage", "undecided", "no_decay")
BENCH_HEAD = ["bench, %", "staged", "two", "more", "smooth", "one", "undecided", "no decay"]
BENCH_HEAD += [f"{name} covered" for name in ("k1", "k2", "tb", "tau", "width")]


def _exponentials() -> Iterator[Bench]:
    plain, limits = exponential(0.04, 0.05), {"most": 6.0, "least_one": 85.0}
    for amplitude in (0.5, 0.9, 1.4):
        for sd in (0.0005, 0.002):

            def curve(t: np.ndarray, top: float = amplitude) -> np.ndarray:
                return 0.05 + (top - 0.05) * np.exp(-0.04 * t)

            yield Bench(f"exp + offset: A0 {amplitude}, sd(T) {sd:g}", curve, photometer(sd), **limits)
    for name, kind in (
        ("white .003", white(0.003)),
        ("white .01", white(0.01)),
        ("noisy start", noisy_start()),
        ("t(3) .005", heavy_tails(0.005)),
    ):
        yield Bench(f"exp + offset: {name}", plain, kind, **limits)
    for tau in (1.0, 2.0, 3.0):
        yield Bench(f"exp + offset: mixing {tau:g} s", mixing(plain, tau), white(0.003), **limits)
    yield Bench("exp + offset: bubbles", plain, bubbles(0.003), most=6.0)
    yield Bench("exp + offset: 2 s recorded early", late(plain, 2.0), white(0.003), most=6.0)
    for name, kind in (
        ("1/f .005", one_over_f(0.005)),
        ("1/f .005 + white .003", one_over_f(0.005, 0.003)),
        ("random walk .005", walk(0.005)),
        ("AR .8 .005 + white .003", correlated_and_white(0.005, 0.8, 0.003)),
    ):
        yield Bench(f"exp + offset: {name}", plain, kind, most=12.0)
    drifting = Bench("exp + offset: drift 3e-4/s", lambda t: plain(t) + 3e-4 * t, white(0.003), most=12.0)
    yield drifting


def _stages() -> Iterator[Bench]:
    known = {"k1": SEED.k1, "k2": SEED.k2, "tb": SEED.tb, "tau": 0.0, "width": 0.0}
    limits = {"least": 95.0, "covered": 92.0}
    for sd in (0.003, 0.01):
        yield Bench(f"seed: white {sd:g}", SEED, white(sd), known=known, **limits)
        yield Bench(f"seed: AR .5 {sd:g}", SEED, correlated(sd, 0.5), known=known, **limits)
        for tau in (0.25, 1.0, 2.0, 3.0):
            mixed = known | {"tau": tau}
            yield Bench(
                f"seed: mixing {tau:g} s, {sd:g}", mixing(SEED, tau), white(sd), known=mixed, **limits
            )
        for width in (5.0, 10.0, 20.0):
            soft = known | {"width": width}
            yield Bench(
                f"switch: {width:g} s, {sd:g}", soft_switch(width), white(sd), known=soft, covered=92.0
            )
        begun = {"k1": SEED.k1, "k2": SEED.k2, "tb": SEED.tb}  # from the addition, however it was found
        yield Bench(f"seed: 2 s recorded early, {sd:g}", late(SEED, 2.0), white(sd), known=begun, **limits)
    for sd in (0.0005, 0.002):
        yield Bench(f"seed: photometer sd(T) {sd:g}", SEED, photometer(sd), known=known, **limits)
    yield Bench("seed: 1/f .005", SEED, one_over_f(0.005), known=known, least=60.0)
    yield Bench("seed: 1/f .005 + white .003", SEED, one_over_f(0.005, 0.003), known=known, least=60.0)


def _wandering() -> Iterator[Bench]:
    """Strong and weak breaks under wander: found, undecided, or missed."""
    for name, curve in (("strong", SEED), ("weak", Staged(0.045, 0.030))):
        for kind, readings in (
            ("1/f .005", one_over_f(0.005)),
            ("1/f .005 + white .003", one_over_f(0.005, 0.003)),
            ("random walk .005", walk(0.005)),
            ("AR .8 .005 + white .003", correlated_and_white(0.005, 0.8, 0.003)),
        ):
            yield Bench(f"wander: {name} break, {kind}", curve, readings)


def _held_out() -> Iterator[Bench]:
    """Smooth laws that belong to no family of rivals and that nothing was tried on."""
    for sd in (0.003, 0.01):
        for name, curve in (
            # S. Yu. Elovich's law of a barrier that rises with coverage; B. Gompertz's falling rate;
            # a spread of rates by a gamma distribution (Pareto's decay)
            ("Elovich", lambda t: 0.9 - 0.15 * np.log1p(0.9 * t)),
            ("Gompertz", lambda t: 0.05 + 0.85 * np.exp(-2.2 * (1 - np.exp(-0.03 * t)))),
            ("gamma-distributed rates", lambda t: 0.9 * (1 + 0.05 * t / 1.5) ** -1.5),
        ):
            yield Bench(f"held out: {name}, {sd:g}", curve, white(sd), most=6.0)


def bench_cells() -> Iterator[Bench]:
    """Yield every cell; with 31 readings nothing is promised."""
    for n in (101, 51, 401, 31):
        for cell in (*_exponentials(), *_stages(), *_wandering(), *_held_out()):
            promised = {} if n > 31 else dict.fromkeys(("most", "least", "least_one", "covered"))
            if n != 101:
                promised["least"] = None  # found in so many per cent: promised of 101 readings
            yield replace(cell, name=f"bench {cell.name}, n {n}", n=n, **promised)
