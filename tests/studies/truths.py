"""The simulated truths of the studies: true curves, noise, and the times they are sampled at.

Everything here is simulated. The seed trace takes the constants of Yao, Lynch, Robinson, J. Chem.
Phys. 159, 014704 (2023), doi 10.1063/5.0151904: A0 0.9, k1 0.056 1/s, break at 20 s, k2 0.019 1/s.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

END_S = 100.0

Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Staged:
    """A broken first-order decay."""

    k1: float = 0.056
    k2: float = 0.019
    tb: float = 20.0
    amplitude: float = 0.9
    offset: float = 0.0

    def __call__(self, t: np.ndarray) -> np.ndarray:
        spent = self.k1 * np.minimum(t, self.tb) + self.k2 * np.maximum(t - self.tb, 0.0)
        return self.offset + self.amplitude * np.exp(-spent)


SEED = Staged()


def exponential(k: float, offset: float = 0.0) -> Curve:
    return lambda t: offset + (0.9 - offset) * np.exp(-k * t)


def biexponential(share: float, k1: float, k2: float, offset: float = 0.0) -> Curve:
    return lambda t: offset + (0.9 - offset) * (share * np.exp(-k1 * t) + (1 - share) * np.exp(-k2 * t))


def sequential(k1: float, k2: float, q: float) -> Curve:
    """A -> B -> C seen through A + q B; q near 1 begins with a lag."""
    return lambda t: 0.9 * (np.exp(-k1 * t) + q * k1 / (k2 - k1) * (np.exp(-k1 * t) - np.exp(-k2 * t)))


def stretched(k: float, beta: float, offset: float = 0.0) -> Curve:
    return lambda t: offset + (0.9 - offset) * np.exp(-((k * t) ** beta))


def second_order(k: float) -> Curve:
    return lambda t: 0.9 / (1 + k * t)


def soft_switch(spread_s: float) -> Curve:
    """The seed trace with its rate moving from k1 to k2 along a logistic curve about 20 s.

    `spread_s` is the time in which the switch goes from 10 to 90 %.
    """
    width = spread_s / (2 * np.log(9.0))

    def curve(t: np.ndarray) -> np.ndarray:
        def spent(x: np.ndarray) -> np.ndarray:  # integral of 1 / (1 + exp(-(s - tb)/w))
            return width * np.logaddexp(0.0, (x - SEED.tb) / width)

        after = spent(t) - spent(np.zeros(1))
        return SEED.amplitude * np.exp(-SEED.k1 * t + (SEED.k1 - SEED.k2) * after)

    return curve


def drifting(curve: Curve, slope_per_s: float = 0.0006) -> Curve:
    return lambda t: curve(t) + slope_per_s * t


SMOOTH: dict[str, Curve] = {
    "exp k .02": exponential(0.02),
    "exp k .056": exponential(0.056),
    "exp k .15": exponential(0.15),
    "exp k .03 + .1": exponential(0.03, 0.1),
    "exp k .0639 + .0686": exponential(0.0639, 0.0686),
    "exp k .15 + .2": exponential(0.15, 0.2),
    "bi .5 .1/.02": biexponential(0.5, 0.1, 0.02),
    "bi .7 .08/.015": biexponential(0.7, 0.08, 0.015),
    "bi .3 .2/.03": biexponential(0.3, 0.2, 0.03),
    "bi .5 .06/.01 + .05": biexponential(0.5, 0.06, 0.01, 0.05),
    "lag k .2/.04 q 1": sequential(0.2, 0.04, 1.0),
    "lag k .1/.05 q .9": sequential(0.1, 0.05, 0.9),
    "stretched .6": stretched(0.05, 0.6),
    "stretched .8 + .05": stretched(0.04, 0.8, 0.05),
    "second order": second_order(0.08),
}
"""True curves without a break; none may be called staged in more than 6 % of traces."""


def times(n: int, kind: str = "even") -> np.ndarray:
    """Return n times over 0-100 s: even, dense at the start ("dense"), or with random gaps ("random")."""
    even = np.linspace(0.0, END_S, n)
    if kind == "even":
        return even
    if kind == "dense":
        return END_S * np.linspace(0.0, 1.0, n) ** 1.6
    if kind == "random":
        gaps = np.random.default_rng(20230706).gamma(1.5, 1.0, n - 1) + 0.1
        return END_S * np.concatenate([[0.0], np.cumsum(gaps) / gaps.sum()])
    raise ValueError(f"no such times: {kind}")


def noise(t: np.ndarray, sd: float, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Return stationary AR(1) noise; rho is the correlation at the median spacing (rho^dt elsewhere)."""
    white = rng.standard_normal(t.size)
    if rho == 0.0:
        return sd * white
    gaps = np.diff(t)
    linked = rho ** (gaps / np.median(gaps))
    series = np.empty(t.size)
    series[0] = white[0]
    for i in range(1, t.size):
        series[i] = linked[i - 1] * series[i - 1] + np.sqrt(1 - linked[i - 1] ** 2) * white[i]
    return sd * series


def stream(seed: int, name: str, number: int) -> np.random.Generator:
    """Return the generator of trace `number` of a cell, the same however the work is shared out."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), number])
