"""First stages of two and three readings: are they taken for outliers? And are spikes still found?

`python -m tests.studies.short_stages [TRACES]` prints every cell; all traces are simulated.
"""

import sys
from collections import Counter

import numpy as np

import cxkinetics as cx
from tests.studies.truths import SEED, Staged, stream, times

SEED_NUMBER = 20261128
STAGES = {
    f"{points} readings, k1 {k1:g}, sd {sd:g}": (Staged(k1=k1, tb=points - 0.6), points, sd)
    for points in (2, 3)
    for k1 in (0.056, 0.15)
    for sd in (0.001, 0.002, 0.003)
}
SPIKES = {f"spikes of {size:g} sd": size for size in (8.0, 12.0, 20.0)}


def stage(name: str, number: int) -> Counter[str]:
    """Return what becomes of the first readings of one trace."""
    curve, points, sd = STAGES[name]
    t = times(101)
    y = curve(t) + stream(SEED_NUMBER, name, number).normal(0, sd, t.size)
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), rng=number)
    gone = [time for time, _ in fit.excluded if time < points]
    count = Counter({"traces": 1, fit.verdict.code: 1, "excluded": bool(gone)})
    if gone:
        count["excluded, verdict with them told"] += any(
            {"verdict", "p_value"} <= set(told) for told in fit.to_dict().get("influence", [])
        ) or any(r.code == "first_points_matter" for r in fit.warnings)
    if len(fit.stages) == 2:
        k1 = fit.stages[0].k_per_s
        count["two shown"] += 1
        count["k1 covered"] += (k1.low is None or k1.low <= curve.k1) and (
            k1.high is None or curve.k1 <= k1.high
        )
    return count


def spike(name: str, number: int) -> Counter[str]:
    """Return how many of three spikes are found in one trace, and what else is excluded."""
    rng, t, sd = stream(SEED_NUMBER, name, number), times(101), 0.003
    at = rng.choice(np.arange(5, 96), 3, replace=False)
    y = SEED(t) + rng.normal(0, sd, t.size)
    y[at] += SPIKES[name] * sd
    fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), rng=number)
    gone = {round(time) for time, _ in fit.excluded}
    wrong = len(gone - set(at.tolist()))
    return Counter({"traces": 1, "spikes": 3, "found": len(gone & set(at.tolist())), "others": wrong})


def main(traces: int) -> None:
    for cells, of in ((STAGES, stage), (SPIKES, spike)):
        for name in cells:
            total: Counter[str] = Counter()
            for number in range(traces):
                total.update(of(name, number))
            print(name, dict(total), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
