"""Titrations of large particles: how often the Hill slope is held, and what is told apart.

python -m tests.composition.titrations --tables 200
"""

import argparse
from collections import Counter

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.titration import TitrationFit, fit_titration

N, MIDDLE, SD = 7.1, 500.0, 0.02
DESIGNS = {
    "21 even points to 1000": np.arange(0.0, 1001.0, 50.0),
    "12 even points to 1000": np.linspace(0.0, 1000.0, 12),
    "9 points, most on the rise": np.array([0, 200, 350, 425, 475, 525, 600, 750, 1000.0]),
}


def truth(world: str, x: Array) -> Array:
    """Return the fraction converted of a world, by its own arithmetic."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if world == "hill":
            return x**N / (MIDDLE**N + x**N)
        if world == "two sites":  # the second guest binds ten thousand times as well
            z = x / (MIDDLE * 100)
            return (z + 1e4 * z**2) / (1 + 2 * z + 1e4 * z**2)
        if world == "thresholds":  # 4000 particles, each with a threshold of its own
            own = MIDDLE * np.exp(0.24 * np.random.default_rng(5).normal(size=4000))
            return np.mean(x[:, None] > own, axis=1)
        if world == "nucleation":
            return np.clip((x - 350) / 300, 0, 1)
    odds = np.exp(N * (x / MIDDLE - 1))
    return odds / (1 + odds)


def table(world: str, design: str, seed: int, sd: float = SD) -> tuple[Array, Array]:
    """Return one simulated titration."""
    x = DESIGNS[design]
    return x, truth(world, x) + np.random.default_rng([seed, len(design)]).normal(0, sd, x.size)


def fits(world: str, design: str, tables: int, *, first: int = 0, sd: float = SD) -> list[TitrationFit]:
    """Return the fits of some simulated titrations."""
    return [fit_titration(*table(world, design, seed, sd)) for seed in range(first, first + tables)]


def held(found: list[TitrationFit]) -> float:
    """Return the share of fits whose interval of the slope holds the truth."""
    inside = [(f.hill_n.low or 0) <= N <= (f.hill_n.high or np.inf) for f in found]
    return float(np.mean(inside))


def main() -> None:
    """Print a row for each world and design."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first table")
    args = parser.parse_args()
    for world in ("hill", "two sites", "thresholds", "two states", "nucleation"):
        for design in DESIGNS:
            found = fits(world, design, args.tables, first=args.first)
            alike = Counter(name for fit in found for name in fit.alike)
            slope = f"n held {100 * held(found):.1f} %; " if world == "hill" else ""
            half = np.median([(f.hill_n.high or np.inf) - (f.hill_n.low or 0) for f in found]) / 2
            listed = ", ".join(f"{name} {100 * count / len(found):.0f} %" for name, count in alike.items())
            print(f"{world:10} | {design:26} | {slope}median half width {half:.2f} | within 6: {listed}")


if __name__ == "__main__":
    main()
