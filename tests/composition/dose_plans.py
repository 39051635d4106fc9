"""The study behind the choice of doses: planned ones against an even grid, by the avalanche dose they give.

    python -m tests.composition.dose_plans --tables 60
    python -m tests.composition.dose_plans --purity 400

Nothing is known beforehand but wide priors. Four doses are planned at once from these, two more one by one
from the table so far; the other six lie on an even grid. Both tables are read by the same draws.

With --purity the widths that a plan expects are held against those found: of as many worlds, drawn from what
is known, the planned measurements are made with their errors (the dose of every flask errs too), and many
more draws than a plan has, of other seeds, are weighed by them.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

import cxkinetics as cx
from cxkinetics.arrays import Array, IntArray
from cxkinetics.composition.dose import grids
from cxkinetics.composition.draws import ParameterDraws
from cxkinetics.composition.knowledge import known_draws
from cxkinetics.composition.measurements import ClusterFractions, Measurement, WashPair
from cxkinetics.composition.mechanisms import State
from cxkinetics.composition.plan import NextMeasurement
from cxkinetics.composition.species_model import incorporation_draws, species_draws, state_draws

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


TARGETS = ("AgCd33S33", "Ag2Cd32S33")
HALF = 0.475  # of the probability, either side of the median of a 95 % interval


class Known(NamedTuple):
    """What is known, by many draws: each once, its weight, its own best dose (n,) and shares (n, doses)."""

    draws: ParameterDraws
    weight: Array
    best: Array
    shares: Array


@cache
def known(target: str, sets: int) -> Known:
    """Return many draws of what is documented, from seeds that no plan uses."""
    found = []
    for seed in range(sets):
        draws, place = known_draws(None, "ag-cds", n_draws=4000, rng=9000 + seed)[0].distinct()
        grid = grids(draws)[0]
        shares = species_draws(draws, grid)[draws.system.species.index(target)]
        top = shares >= shares.max(axis=1, keepdims=True) - 1e-6
        found.append((draws, np.bincount(place), (top @ grid) / top.sum(axis=1), shares))
    names = found[0][0].values
    joint = {name: np.concatenate([one[0].values[name] for one in found]) for name in names}
    weight, best, shares = (np.concatenate([one[part] for one in found]) for part in (1, 2, 3))
    draws = replace(found[0][0], values=joint, uniforms={})
    return Known(draws, weight / weight.sum(), best, shares)


def log_weight(
    step: NextMeasurement,
    all_of_them: State,
    draws: ParameterDraws,
    world: ParameterDraws,
    rng: np.random.Generator,
) -> Array:
    """Return what a planned measurement of one world says of all draws, as ln of the likelihood."""
    dosed = step.dose_percent * (1 + 0.02 * rng.standard_normal())
    y = incorporation_draws(world, dosed)
    state = state_draws(world, y).column(0)
    if step.kind == "dose table point":
        read = float(y[0, 0] + np.hypot(0.3, 0.02 * y[0, 0]) * rng.standard_normal())
        around = step.dose_percent * np.array([0.98, 1.0, 1.02])
        below, there, above = incorporation_draws(draws, around).T
        sd = np.sqrt(0.3**2 + (0.02 * there) ** 2 + ((above - below) / 2) ** 2)
        point: Array = -0.5 * ((read - there) / sd) ** 2 - np.log(sd)
        return point
    made: Measurement
    if step.kind == "mass spectrum":
        seen = np.append(state.shares[:-1, 0], state.beyond[0])
        seen = seen * 2.0 ** (rng.standard_normal() * np.arange(seen.size))  # the unknown response
        seen = np.maximum(seen / seen.sum() + 0.05 * rng.standard_normal(seen.size), 0.0)
        error = (0.05 * float(seen.sum()),) * seen.size
        made = ClusterFractions(fractions=tuple(seen), sigma=error, dose_percent=step.dose_percent)
    else:
        guests, hosts = float(state.guests[0]), float(state.hosts[0])
        trapped = max(guests / (y[0, 0] / 100) - guests - hosts, 0.0)
        clean = 100 * guests / (guests + hosts + 0.1 * trapped) + 0.5 * rng.standard_normal()
        made = WashPair(clean_percent=float(np.clip(clean, 0.01, 99.99)), dose_percent=step.dose_percent)
    return made.log_likelihood(all_of_them, draws.system)


def half_width(values: Array, weight: Array) -> float:
    """Return half of the central 95 % interval of weighed draws."""
    order = np.argsort(values)
    share = np.cumsum(weight[order])
    low, high = np.interp([0.5 - HALF, 0.5 + HALF], share / share[-1], values[order])
    return float(high - low) / 2


def found_widths(
    target: str, count: int, seed: int, *, sets: int = 24, plan_seed: int | None = None
) -> tuple[cx.DosePlan, Array, Array]:
    """Return a plan, half-widths of dose and purity found (worlds, 2), and the draws that counted."""
    plan = cx.plan_dose(target, rng=plan_seed)
    many = known(target, sets)
    rng = np.random.default_rng(seed)
    rows: IntArray = rng.choice(many.weight.size, count, p=many.weight)
    doses = [incorporation_draws(many.draws, step.dose_percent) for step in plan.steps]
    states = [state_draws(many.draws, y).column(0) for y in doses]
    widths, left = [], []
    for row in rows.tolist():
        log, world = np.log(many.weight), many.draws.rows(np.array([row]))
        for step, state in zip(plan.steps, states, strict=True):
            log = log + log_weight(step, state, many.draws, world, rng)
        log[row] = -np.inf  # a world is no evidence for itself
        weight = np.exp(log - log.max())
        weight /= weight.sum()
        at = int(np.argmax(weight @ many.shares))
        widths.append([half_width(many.best, weight), half_width(many.shares[:, at], weight)])
        left.append(1 / float(np.sum(weight**2)))
    return plan, np.array(widths), np.array(left)


def _known_now(target: str, name: str, sets: int = 24) -> tuple[Array, Array]:
    many = known(target, sets)
    at = int(np.argmax(many.weight @ many.shares))
    return many.best if name == "dose" else many.shares[:, at], many.weight


def print_widths(count: int, seed: int) -> None:
    """Print the widths that plans expect, and those found."""
    for target in TARGETS:
        plan, widths, left = found_widths(target, count, seed)
        steps = ", ".join(f"{step.kind} at {step.dose_percent:g} %" for step in plan.steps)
        print(
            f"{target}: {steps}; {count} worlds, draws that count: median {np.median(left):.0f}", flush=True
        )
        for at, (name, told) in enumerate(plan.steps[-1].expected.items()):
            now = half_width(*_known_now(target, name))
            middle, mean = float(np.median(widths[:, at])), float(np.mean(widths[:, at]))
            low, high = np.quantile(widths[:, at], [0.1, 0.9])
            print(
                f"  {name}: now {told.now:.3g} told, {now:.3g} found; after {told.half_width:.3g} told, "
                f"{middle:.3g} found (median; mean {mean:.3g}, 80 % of worlds {low:.3g}-{high:.3g}); "
                f"told/found {told.half_width / middle:.2f}",
                flush=True,
            )


def main(words: Sequence[str] | None = None) -> None:
    """Print both root mean squares and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=60)
    parser.add_argument("--purity", type=int, metavar="WORLDS", help="the widths told against those found")
    parser.add_argument("--seed", type=int, default=20240601)
    args = parser.parse_args(words)
    if args.purity:
        print_widths(args.purity, args.seed)
        return
    planned, even = errors(args.tables, args.seed)
    rms = [float(np.sqrt(np.mean(found**2))) for found in (planned, even)]
    print(f"first doses: {', '.join(f'{dose:g}' for dose in _spread(first_doses()))} %")
    print(f"{args.tables} samples: root mean square error of the avalanche dose, percent of dose")
    print(f"  planned {rms[0]:.2f}   even {rms[1]:.2f}   ratio {rms[1] / rms[0]:.2f}")
    medians = [float(np.median(np.abs(found))) for found in (planned, even)]
    print(f"  median absolute error: planned {medians[0]:.2f}   even {medians[1]:.2f}")


if __name__ == "__main__":
    main()
