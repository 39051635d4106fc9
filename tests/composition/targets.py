"""Doses for targets: what the packaged observations say, what each measurement narrows, and coverage.

    python -m tests.composition.targets [--tables 200] [--seed 15]

First the three targets of Ag/CdS by all packaged observations beside the numbers of version 0.1.0; then a row
for each measurement that narrows a dose; then how often the best dose and the purity of a world drawn from
the priors lie inside the intervals that a table of that world gives ("!": contradicts 92 % at 1 %).
"""

import argparse
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

import cxkinetics as cx
from cxkinetics.composition.knowledge import Knowledge, known_draws
from cxkinetics.composition.species_model import incorporation_draws, species_draws
from tests.composition.dose_tables import contradicts
from tests.composition.species_tables import World
from tests.studies.truths import stream

BEFORE = {  # version 0.1.0: dose, %; share of clusters; share of silver
    "AgCd33S33": (23.0, "0.49 [0.25, 0.73]", "0.51 [0.25, 0.80]"),
    "Ag2Cd32S33": (56.0, "0.970 [0.909, 1.000]", "0.59 [0.34, 1.00]"),
    "Ag2S": (136.0, "0.992 [0.925, 1.000]", "0.99974 [0.99753, 1.00000]"),
}
DOSES = np.array([0, 20, 40, 60, 80, 97, 105, 115, 125, 135, 150, 175.0])
FLASK, ICP = 0.01, 0.3


def published() -> None:
    """Print the targets by all packaged observations."""
    print("target | dose, % (0.1.0) | of clusters (0.1.0) | of silver (0.1.0) | from priors: dose, purity")
    for target, (dose, clusters, silver) in BEFORE.items():
        found = cx.dose_for(target)
        shares = (f"{found.influence.from_priors[name]:.0%}" for name in ("dose_percent", "purity"))
        print(
            f"{target} | {found.dose_percent} ({dose:g}) | {found.purity} ({clusters}) | "
            f"{found.guest_share} ({silver}) | {', '.join(shares)}"
        )


class Narrowed(NamedTuple):
    """What one measurement leaves of a target: widths of dose and purity without it and with it."""

    name: str
    target: str
    dose: tuple[float, float]
    purity: tuple[float, float]


def narrowing(draws: int = 1500) -> list[Narrowed]:
    """Return what each measurement narrows, all else known alike without it and with it.

    A table joins the documented curve of its chemistry. That says where the avalanche and the plateau lie
    less well than a table, so the product's dose narrows; where the clusters are full along the curve neither
    says, so that of a cluster hardly does (the second row). The others join a table of their own samples.
    """
    system = replace(cx.load_system("ag-cds"), published={})
    like_documented, world = World(97.4, D2=134.3), World(16.0)
    same = like_documented.table(np.random.default_rng(3), stated=True)
    table = world.table(np.random.default_rng(3))
    alone = cx.fit_incorporation(table, system=system)
    late = world.dose_of(8.0)
    silver = 66 * world.species(late)["Ag2S"] / (66 * world.species(late)["Ag2S"] + 2 * 0.9)
    one_more: dict[str, cx.ClusterFractions | cx.WashPair | cx.GuestShare] = {
        "a mass spectrum at 3 %": world.fractions(np.random.default_rng(4), 3.0, more=False),
        "a wash pair at 8 %": cx.WashPair(clean_percent=20.0, sigma=0.5, incorporation_percent=8.0),
        "XPS at 8 %": cx.GuestShare(share=silver, sigma=0.1, incorporation_percent=8.0),
    }
    joined = cx.update_priors(table=same, system=system, n_draws=draws)
    pairs: list[tuple[str, str, Knowledge, Knowledge]] = [
        ("a table", target, None, joined) for target in ("Ag2S", "Ag2Cd32S33")
    ]
    for name, item in one_more.items():
        known = cx.update_priors(
            table=table, measured=(item,), system=system, published_curve=False, n_draws=draws
        )
        pairs.append((name, "Ag2Cd32S33", alone, known))
    rows = []
    for name, target, without, known in pairs:
        both = [cx.dose_for(target, table=one, system=system, n_draws=draws) for one in (without, known)]
        widths = [
            tuple((one.high or 0.0) - (one.low or 0.0) for one in estimates)
            for estimates in ([a.dose_percent for a in both], [a.purity for a in both])
        ]
        rows.append(Narrowed(name, target, *widths))
    return rows


def coverage(target: str, tables: int, seed: int, draws: int = 1000) -> Counter[str]:
    """Return how often a world drawn from the priors lies inside the intervals of its own table."""
    system = replace(cx.load_system("ag-cds"), published={})
    truths, _ = known_draws(None, system, n_draws=max(tables, 100), rng=seed)
    position = system.species.index(target)
    grid = np.arange(0.0, 175.5, 0.5)
    counts: Counter[str] = Counter()
    for number in range(tables):
        rng, own = stream(seed, target, number), truths.rows(slice(number, number + 1))
        held = DOSES * (1 + FLASK * rng.normal(size=DOSES.size))
        y = np.array([incorporation_draws(own, dose)[0, 0] for dose in held])
        table = cx.DoseTable(
            dose_percent=DOSES,
            incorporation_percent=np.abs(y + ICP * rng.normal(size=y.size)),
            dose_sd_percent=FLASK * DOSES,
        )
        try:
            advice = cx.dose_for(target, table=table, system=system, n_draws=draws, rng=number)
        except cx.InputError:
            counts["refused"] += 1
            continue
        share = species_draws(own, grid)[position, 0]
        best = grid[share >= share.max() - 0.01]
        at = float(species_draws(own, advice.dose_percent.value)[position, 0, 0])
        counts["tables"] += 1
        counts["dose"] += bool(advice.dose_percent.low <= best[-1] and best[0] <= advice.dose_percent.high)
        counts["purity"] += bool(advice.purity.low - 1e-3 <= at <= advice.purity.high + 1e-3)
    return counts


def main(words: list[str] | None = None) -> int:
    """Print the three parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--seed", type=int, default=15)
    asked = parser.parse_args(words)
    published()
    print("one more | target | width of the dose, %, without it -> with it | width of the purity")
    for row in narrowing():
        dose, purity = (" -> ".join(f"{width:.3g}" for width in pair) for pair in (row.dose, row.purity))
        print(f"{row.name} | {row.target} | {dose} | {purity}", flush=True)
    missed = 0
    for target in BEFORE:
        counts = coverage(target, asked.tables, asked.seed)
        total = counts["tables"]
        marks = {name: "!" if contradicts(counts[name], total) else "" for name in ("dose", "purity")}
        missed += any(marks.values())
        shown = ", ".join(f"{name} {counts[name]}/{total}{mark}" for name, mark in marks.items())
        print(f"{target} covered: {shown}; refused {counts['refused']}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
