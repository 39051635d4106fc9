"""Study of joint fits: coverage of shared values, size of the test of sharing, an activation energy.

`python -m tests.studies.together_study [SETS]` prints every cell; all sets are simulated.
"""

import sys
from collections import Counter
from typing import Any

import numpy as np

import cxkinetics as cx
from cxkinetics.kinetics.together import JointFit, fit_together
from tests.studies.truths import SEED, Staged, noise, stream, times

SEED_NUMBER = 20261128
SIZES = [
    (f"size n {n} rho {rho}", {"n": n, "rho": rho, "runs": 4}) for n in (31, 51, 101) for rho in (0.0, 0.5)
]
CELLS: dict[str, dict[str, Any]] = {
    "12 runs": {"n": 51, "runs": 12},
    "12 runs, sd between 5 %": {"n": 51, "runs": 12, "spread": 0.05},
    **dict(SIZES),
    "Arrhenius": {"n": 51, "runs": 12, "spread": 0.03, "energy": 60.0},
}


def simulated(name: str, number: int) -> JointFit:
    """Return the joint fit of one simulated set."""
    cell = {"n": 51, "rho": 0.0, "sd": 0.01, "spread": 0.0, "energy": None, **CELLS[name]}
    rng, t = stream(SEED_NUMBER, name, number), times(cell["n"])
    heat = (
        np.repeat([20.0, 25.0, 30.0, 35.0], 3) + 273.15 if cell["energy"] else np.full(cell["runs"], 303.15)
    )
    runs = []
    for kelvin in heat:
        factor = np.exp(-(cell["energy"] or 0.0) / 8.314462618e-3 * (1 / kelvin - 1 / 303.15))
        k1, k2 = (k * factor * np.exp(rng.normal(0, cell["spread"])) for k in (SEED.k1, SEED.k2))
        curve = Staged(k1=k1, k2=k2, amplitude=rng.uniform(0.6, 1.0), offset=rng.uniform(0.0, 0.1))
        runs.append(cx.Trace(time_s=t, absorbance=curve(t) + noise(t, cell["sd"], cell["rho"], rng)))
    if cell["energy"]:
        return fit_together(runs, by="temperature_c", at=(heat - 273.15).tolist(), n_stages=2, replicates=99)
    return fit_together(runs, n_stages=2, replicates=199)


def tally(name: str, numbers: range) -> Counter[str]:
    """Return how often each interval holds the truth and the test of sharing rejects."""
    count: Counter[str] = Counter()
    for number in numbers:
        joint = simulated(name, number)
        count["sets"] += 1
        count["rejected"] += joint.sharing.p_value is not None and joint.sharing.p_value <= 0.05
        for line in joint.lines:
            estimate = line.numbers.get("Ea")
            if estimate is not None:
                count[f"Ea of {line.constant}"] += estimate.low <= CELLS[name]["energy"] <= estimate.high
        truth = {"k1": SEED.k1, "k2": SEED.k2, "breakpoint": SEED.tb}
        for value in joint.values if not joint.lines else ():
            for word, found in (("", value.value), (" within", value.within_runs)):
                low, high = found.low, found.high
                inside = (low is None or low <= truth[value.name]) and (
                    high is None or truth[value.name] <= high
                )
                count[value.name + word] += inside
    return count


def main(sets: int) -> None:
    for name in CELLS:
        print(name, dict(tally(name, range(sets))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
