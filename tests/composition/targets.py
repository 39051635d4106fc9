"""Doses for targets: what the packaged observations say, what each measurement narrows, and coverage.

    python -m tests.composition.targets [--tables 200] [--seed 15]

First the three targets of Ag/CdS by all packaged observations beside the numbers of version 0.1.0; then a row
for each measurement that narrows a dose; then how often the best dose and the purity of a world drawn from
the priors lie inside the intervals that a table of that world gives ("!": contradicts 92 % at 1 %).
"""

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np

import cxkinetics as cx
from cxkinetics.composition.knowledge import known_draws
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


def narrowing(target: str = "Ag2Cd32S33", draws: int = 1500) -> list[tuple[str, float, float]]:
    """Return what each measurement leaves of a target: name, width of the dose, width of the purity."""
    world = World(16.0)
    table = world.table(np.random.default_rng(3))
    system = replace(cx.load_system("ag-cds"), published={})
    late = world.dose_of(8.0)
    silver = 66 * world.species(late)["Ag2S"] / (66 * world.species(late)["Ag2S"] + 2 * 0.9)
    measured: dict[str, tuple[object, ...] | None] = {
        "priors of the dose curve alone": None,
        "table alone": (),
        "with a mass spectrum at 3 %": (world.fractions(np.random.default_rng(4), 3.0, more=False),),
        "with a wash pair at 8 %": (cx.WashPair(clean_percent=20.0, sigma=0.5, incorporation_percent=8.0),),
        "with XPS at 8 %": (cx.GuestShare(share=silver, sigma=0.1, incorporation_percent=8.0),),
    }
    rows = []
    for name, others in measured.items():
        known: cx.DoseTable | cx.CompositionUpdate | None = table if others is not None else None
        if others:
            known = cx.update_priors(
                table=table, measured=others, system=system, published_curve=False, n_draws=draws
            )
        advice = cx.dose_for(target, table=known, system=system, n_draws=draws)
        ends = [(one.low or 0.0, one.high or 0.0) for one in (advice.dose_percent, advice.purity)]
        rows.append((name, *(high - low for low, high in ends)))
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
    print("Ag2Cd32S33 | width of the dose, % | width of the purity")
    for name, dose, purity in narrowing():
        print(f"{name} | {dose:.1f} | {purity:.3f}", flush=True)
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
