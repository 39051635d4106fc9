"""The study behind the figures of a plan of readings: placed against even times on the silver trace.

    python -m tests.planning.sampling_study --runs 200

Both sets are fitted with the same default fit; nothing of the plan's own simulations is used again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import cxkinetics as cx
from cxkinetics.arrays import Array
from cxkinetics.models.decays import staged_decay

RATES, BREAK, AMPLITUDE, SD = (0.056, 0.019), 20.0, 0.9, 0.003


@dataclass(frozen=True)
class Found:
    """Median half-widths of k1, k2 and breakpoint, and how often two stages were found."""

    widths: Array
    share: float


def runs(time_s: Array, count: int, seed: int) -> Found:
    """Return what fits of simulated runs say."""
    curve = staged_decay(time_s, AMPLITUDE, np.array(RATES), np.array([BREAK]))
    widths, right = [], 0
    for number in range(count):
        noise = np.random.default_rng([seed, number]).normal(0.0, SD, time_s.size)
        fit = cx.fit_stages(cx.Trace(time_s=time_s, absorbance=curve + noise), n_stages=2, rng=number)
        right += fit.verdict.code == "two_stages"
        numbers = [*(stage.k_per_s for stage in fit.stages), *fit.breakpoints_s]
        ends = [(e.low, e.high) for e in numbers]
        widths.append([np.inf if None in pair else (pair[1] - pair[0]) / 2 for pair in ends])  # type: ignore[operator]
    return Found(np.median(widths, axis=0), right / count)


def seed_plan(simulations: int, points: int = 30) -> cx.SamplingPlan:
    """Return the plan for the published silver trace."""
    return cx.plan_sampling(
        rates_per_s=RATES, breakpoints_s=BREAK, points=points, even_to_s=100.0, simulations=simulations
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--simulations", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20240601)
    args = parser.parse_args(words)
    plan = seed_plan(args.simulations)
    print(plan)
    rows = {"placed": np.array(plan.times_s), "even": np.linspace(0.0, plan.even_to_s, 30)}
    found = {name: runs(times, args.runs, args.seed) for name, times in rows.items()}
    print(f"\n{args.runs} runs each of the trace itself: median half-widths of k1, k2 (1/s), breakpoint (s)")
    for name, result in found.items():
        shown = "  ".join(f"{width:.5f}" for width in result.widths)
        print(f"  {name:7} {shown}   two stages in {result.share:.1%}")
    ratio = found["even"].widths / found["placed"].widths
    print(f"  even/placed {'  '.join(f'{value:.2f}' for value in ratio)}")
    for name, told in (("placed", plan.expected), ("even", plan.even)):
        halves = np.array([width.half_width for width in told.values()], dtype=float)
        print(f"  predicted/simulated, {name}: {(halves / found[name].widths).round(2).tolist()}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
