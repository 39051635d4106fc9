"""Do the intervals of species hold the truth in worlds of other washes and other mechanisms?

`python -m tests.composition.species_tables --tables N [--cell NAME]` makes N tables a cell with a generator
of its own (a mass balance written out here) and counts truths inside 95 % intervals, and in how many tables
each warning stands: one that names what is wrong of a world must stand in few tables of the well-behaved
ones, whose errors are stated.
"""

import argparse
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

import cxkinetics as cx
from cxkinetics.composition.knowledge import known_draws

SEED = 20260415
DOSES = np.array([0, 15, 30, 45, 60, 75, 90, 100, 110, 120, 130, 145, 160, 175.0])
ASKED = (10.0, 23.0, 56.0, 110.0, 120.0)


@dataclass(frozen=True)
class World:
    """Trapped host T, nothing lost or retained; clusters fill two sites, or stay at random."""

    trapped: float
    at_random: bool = False
    alpha: float = 1.0
    b1: float = 0.107
    D1: float = 98.0
    D2: float = 135.0

    @property
    def plateau(self) -> float:
        return 100 * 66 / (66 + self.trapped)

    def incorporation(self, dose: float) -> float:
        first = self.b1 * self.D1
        slope = (self.plateau - first) / (self.D2 - self.D1)
        return self.b1 * min(dose, self.D1) + slope * (min(max(dose, self.D1), self.D2) - self.D1)

    def species(self, dose: float) -> dict[str, float]:
        """Return shares of clusters with 0, 1, 2 and more silver, and of Ag2S."""
        odds = 1 / (100 / self.incorporation(dose) - 1)
        mean = odds * (34 + self.trapped) / (1 + odds)
        most = self.mean_at_the_avalanche if self.at_random else 2.0
        product = 0.0
        if mean > most:
            # (1 - X) m + 66 X = odds ((1 - X) (34 - m) + T)
            product = (odds * (34 - most + self.trapped) - most) / (66 - most + odds * (34 - most))
            mean = most
        if self.at_random:
            p = [math.comb(34, k) * (mean / 34) ** k * (1 - mean / 34) ** (34 - k) for k in range(3)]
        else:
            one = mean * (2 - mean) / (1 + math.sqrt((mean - 1) ** 2 + self.alpha * mean * (2 - mean)))
            p = [1 - one - (mean - one) / 2, one, (mean - one) / 2]
        shares = [(1 - product) * share for share in p]
        keys = ("Cd34S33", "AgCd33S33", "Ag2Cd32S33")
        return {**dict(zip(keys, shares, strict=True)), "Ag2S": product}

    @property
    def mean_at_the_avalanche(self) -> float:
        odds = 1 / (100 / (self.b1 * self.D1) - 1)
        return odds * (34 + self.trapped) / (1 + odds)

    def dose_of(self, incorporation: float) -> float:
        return incorporation / self.b1

    def table(self, rng: np.random.Generator, *, stated: bool = False) -> cx.DoseTable:
        y = np.array([self.incorporation(dose) if dose else 0.0 for dose in DOSES])
        y = np.abs(y + rng.normal(0, 0.3, y.size))
        errors = {"dose_sd_percent": 0 * DOSES, "icp_error": (0.3, 0.0)} if stated else {}
        return cx.DoseTable(dose_percent=DOSES, incorporation_percent=y, **errors)

    def fractions(self, rng: np.random.Generator, at: float, *, more: bool) -> cx.ClusterFractions:
        """Return heights of a mass spectrum whose response to one guest more is off by about two."""
        found = list(self.species(self.dose_of(at)).values())[:3]
        found += [max(1 - sum(found), 0.0)] if more else []
        heights = np.array(found) * np.exp(rng.normal(0, math.log(2)) * np.arange(len(found)))
        heights = np.abs(heights / heights.sum() + rng.normal(0, 0.03, len(found)))
        return cx.ClusterFractions(
            fractions=tuple(heights), sigma=(0.03,) * len(found), incorporation_percent=at
        )


CELLS = {
    "T 2": (World(2.0), None),
    "T 97": (World(97.0), None),
    "T 2, with fractions": (World(2.0), 3.0),
    "random, T 16": (World(16.0, at_random=True), None),
    "random, T 16, with fractions": (World(16.0, at_random=True), 3.2),
    "well-behaved, T 60": (World(60.0), None),
    "well-behaved, T 60, with fractions": (World(60.0), 3.0),
}


def tally(name: str, tables: int, draws: int = 1500) -> Counter[str]:
    """Return how many truths lie inside, by species and dose, two sites over 0.9, and warnings."""
    world, fractions_at = CELLS[name]
    counts: Counter[str] = Counter()
    for number in range(tables):
        rng = np.random.default_rng([SEED, list(CELLS).index(name), number])
        table = world.table(rng, stated=name.startswith("well-behaved"))
        known: cx.DoseTable | cx.CompositionUpdate = table
        if fractions_at is not None:
            seen = world.fractions(rng, fractions_at, more=world.at_random)
            known = cx.update_priors(
                table=table, fractions=[seen], published_curve=False, n_draws=draws, rng=number
            )
        drawn, remarks = known_draws(known, "ag-cds", n_draws=draws, rng=number)  # once for all doses asked
        for dose in ASKED:
            result = cx.predict(dose_percent=dose, table=drawn)
            for key, truth in world.species(dose).items():
                share = result.species[key]
                assert share.low is not None
                assert share.high is not None
                inside = share.low - 1e-3 <= truth <= share.high + 1e-3
                counts[f"{dose:g} {key}"] += inside
                counts["inside"] += inside
                counts["asked"] += 1
                counts[f"width {key}"] += (share.high - share.low) / len(ASKED)
        weights = {row["mechanism"]: row["weight"] for row in result.rivals}
        counts["two-site above .9"] += weights["two-site"] > 0.9
        counts.update({f"warning {code}" for code in {w.code for w in (*remarks, *result.warnings)}})
        counts["tables"] += 1
    return counts


def main() -> None:
    """Print a line a cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument("--cell", choices=list(CELLS))
    args = parser.parse_args()
    for name in [args.cell] if args.cell else CELLS:
        counts = tally(name, args.tables)
        total = counts["tables"]
        low = {key: n for key, n in counts.items() if key[0].isdigit() and n < 0.9 * total}
        said = {key.removeprefix("warning "): n for key, n in counts.items() if key.startswith("warning ")}
        widths = [
            f"{key.removeprefix('width ')} {n / total:.2f}"
            for key, n in counts.items()
            if key[:6] == "width "
        ]
        print(
            f"{name}: inside {100 * counts['inside'] / counts['asked']:.1f} %, two-site above .9 "
            f"{counts['two-site above .9']}/{total}; below 90 %: {low}; mean width {', '.join(widths)}; "
            f"tables with a warning: {said}",
            flush=True,
        )


if __name__ == "__main__":
    main()
