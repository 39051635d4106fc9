"""The study behind the choice of doses: planned ones against an even grid, by the avalanche dose they give.

    python -m tests.composition.dose_plans --tables 60

Nothing is known beforehand but wide priors. Four doses are planned at once from these, two more one by one
from the table so far; the other six lie on an even grid. Both tables are read by the same draws.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

import cxkinetics as cx
from cxkinetics.arrays import Array
from cxkinetics.composition.knowledge import known_draws

HIGHEST, COUNT, FIRST = 175.0, 6, 4
ICP, DOSE = (0.3, 0.02), (0.0, 0.01)
DRAWS = 1500


def _prior(kind: str, first: float, second: float, low: float, high: float) -> dict[str, object]:
    return {"distribution": kind, "parameters": [first, second], "bounds": [low, high], "note": "study"}


@cache
def system() -> cx.System:
    """Return a system whose dose curve is hardly known."""
    known = cx.load_system("ag-cds")
    wide = {
        "b1": _prior("normal", 0.1, 0.03, 0.0, 1.0),
        "D1": _prior("uniform", 60.0, 140.0, 60.0, 140.0),
        "b2": _prior("normal", 0.8, 0.25, 0.2, 10.0),
        "y_f": _prior("normal", 40.0, 4.0, 20.0, 60.0),
    }
    return replace(known, priors={**known.priors, **wide})


def truth(rng: np.random.Generator) -> Array:
    """Return slope, avalanche dose, slope and plateau of a sample."""
    return np.array(
        [rng.uniform(0.08, 0.13), rng.uniform(70, 125), rng.uniform(0.6, 1.1), rng.uniform(36, 44)]
    )


def measured(doses: Array, curve: Array, rng: np.random.Generator) -> Array:
    """Return incorporations of samples, whose doses and readings err."""
    true = doses * (1 + DOSE[1] * rng.standard_normal(doses.size))
    b1, first, b2, top = curve
    y = np.minimum(b1 * np.minimum(true, first) + b2 * np.maximum(true - first, 0), top)
    read: Array = np.maximum(y + np.hypot(ICP[0], ICP[1] * y) * rng.standard_normal(y.size), 0.0)
    return read


def table(doses: Array, y: Array) -> cx.DoseTable:
    """Return them as a dose table with their errors stated."""
    order = np.argsort(doses, kind="stable")
    return cx.DoseTable(
        dose_percent=doses[order],
        incorporation_percent=y[order],
        icp_error=ICP,
        dose_sd_percent=np.maximum(DOSE[1] * doses[order], 1e-3),
    )


@cache
def first_doses() -> tuple[float, ...]:
    """Return the doses that are planned before anything is measured."""
    return tuple(step.dose_percent for step in _plan(None, FIRST).steps)


def _plan(known: cx.DoseTable | None, count: int) -> cx.DosePlan:
    return cx.plan_dose(
        "avalanche",
        table=known,
        system=system(),
        count=count,
        highest_dose_percent=HIGHEST,
        icp_error=ICP,
        dose_error=DOSE,
        n_draws=DRAWS,
    )


def _spread(doses: tuple[float, ...]) -> Array:
    """Return doses that differ, for a table needs as many as a curve has parameters."""
    given = np.array(doses)
    for at in range(given.size):
        while np.any(given[:at] == given[at]):
            given[at] += 2.5
    return given


def errors(count: int, seed: int) -> tuple[Array, Array]:
    """Return the errors of the avalanche dose, of planned doses and of even ones, for as many samples."""
    even = HIGHEST * np.arange(1, COUNT + 1) / COUNT
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(count):
        curve = truth(np.random.default_rng([seed, number]))
        rng = np.random.default_rng([seed, number, 1])
        doses = _spread(first_doses())
        y = measured(doses, curve, rng)
        while doses.size < COUNT:
            further = np.array([step.dose_percent for step in _plan(table(doses, y), 1).steps])
            doses, y = np.append(doses, further), np.append(y, measured(further, curve, rng))
        tables = table(doses, y), table(even, measured(even, curve, rng))
        for into, one in zip(found, tables, strict=True):
            draws, _ = known_draws(one, system(), n_draws=DRAWS)
            into.append(float(np.mean(draws.values["D1"]) - curve[1]))
    return np.array(found[0]), np.array(found[1])


def main(words: Sequence[str] | None = None) -> None:
    """Print both root mean squares and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20240601)
    args = parser.parse_args(words)
    planned, even = errors(args.tables, args.seed)
    rms = [float(np.sqrt(np.mean(found**2))) for found in (planned, even)]
    print(f"first doses: {', '.join(f'{dose:g}' for dose in _spread(first_doses()))} %")
    print(f"{args.tables} samples: root mean square error of the avalanche dose, percent of dose")
    print(f"  planned {rms[0]:.2f}   even {rms[1]:.2f}   ratio {rms[1] / rms[0]:.2f}")
    medians = [float(np.median(np.abs(found))) for found in (planned, even)]
    print(f"  median absolute error: planned {medians[0]:.2f}   even {medians[1]:.2f}")


if __name__ == "__main__":
    main()
