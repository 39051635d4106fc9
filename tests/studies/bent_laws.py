"""The study of laws that bend: how often they are called staged, and whether the right family is preferred.

Truths are solved here from their differential equations or integral laws and share no code with the
package; those of `OUTSIDE` are no member of any family that it ranks. Everything is simulated. Run

    python -m tests.studies.bent_laws --traces 40 [--points 101 --sd 0.003] [CELL ...]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import cxkinetics as cx
from tests.studies.truths import Curve, Staged, noise, stream, times

A0, OFFSET = 0.9, 0.08
STAGED = ("two_stages", "more_stages")


def solved(rate: Callable[[float, float], float], offset: float = 0.0) -> Curve:
    """Return the curve of dA/dt = -rate(A, t) from A0, which stays at zero where it gets there."""
    fine = np.linspace(0.0, 100.0, 2001)
    done = solve_ivp(
        lambda t, a: [-rate(max(a[0], 0.0), t)],
        (0, 100),
        [A0],
        t_eval=fine,
        rtol=1e-9,
        atol=1e-11,
        max_step=0.5,
    )
    signal = np.maximum(done.y[0], 0.0)
    return lambda t: offset + np.interp(t, fine, signal)


def layered(law: str, end_s: float, offset: float = 0.0) -> Curve:
    """Return a reaction through a layer of product, complete at `end_s`."""

    def left(run: float) -> float:
        if run >= 1:
            return 0.0
        if law == "parabolic":
            return 1 - run**0.5
        if law == "Jander":
            return (1 - run**0.5) ** 3
        return brentq(lambda x: 1 - 3 * x ** (2 / 3) + 2 * x - run, 0, 1) if run > 0 else 1.0

    return lambda t: offset + A0 * np.array([left(float(run)) for run in t / end_s])


def _bent() -> dict[str, tuple[str, Curve]]:
    found: dict[str, tuple[str, Curve]] = {}
    for offset, words in ((0.0, ""), (OFFSET, " + offset")):
        for km, v in ((0.03, 0.0117), (0.1, 0.0135), (0.3, 0.018), (1.0, 0.033)):
            law = solved(lambda a, t, km=km, v=v: v * a / (km + a), offset)
            found[f"Michaelis-Menten {km:g}{words}"] = ("saturation", law)
        for name, n, end in (("zero", 0.0, 60.0), ("half", 0.5, 70.0), ("two thirds", 2 / 3, 80.0)):
            k = A0 ** (1 - n) / (1 - n) / end
            law = solved(lambda a, t, n=n, k=k: k * (a**n if n else float(a > 0)), offset)
            found[f"order {name}{words}"] = ("order n", law)
    found["parabolic 70"] = ("parabolic diffusion", layered("parabolic", 70))
    found["Jander 90 + offset"] = ("Jander diffusion", layered("Jander", 90, OFFSET))
    found["Ginstling-Brounshtein 80"] = ("Ginstling-Brounshtein diffusion", layered("G", 80))
    found["Ginstling-Brounshtein 150"] = ("Ginstling-Brounshtein diffusion", layered("G", 150))
    return found


BENT = _bent()
"""Name -> the family to prefer, and the curve."""
OUTSIDE: dict[str, Curve] = {
    "Hill 2": solved(lambda a, t: 0.022 * a**2 / (0.04 + a**2)),
    "saturation, catalyst dies": solved(lambda a, t: 0.03 * np.exp(-t / 40) * a / (0.2 + a)),
    "two sites": solved(lambda a, t: 0.012 * a / (0.05 + a) + 0.01 * a, OFFSET),
    "product inhibits": solved(lambda a, t: 0.03 * a / (0.2 + a + 0.8 * (A0 - a))),
    "powder, three sizes": lambda t: sum(
        A0 / 3 * np.maximum(1 - t / end, 0.0) ** 3 for end in (40.0, 70.0, 130.0)
    ),
}
"""Curves without a break that are no rival of any name."""
OTHERS: dict[str, tuple[str, Curve]] = {
    "exponential + offset": ("one_stage", lambda t: OFFSET + 0.8 * np.exp(-0.05 * t)),
    "exponential": ("one_stage", lambda t: A0 * np.exp(-0.02 * t)),
    "break": ("two_stages", Staged(tb=20.4)),
}
CELLS = (*BENT, *OUTSIDE, *OTHERS)


def curve_of(cell: str) -> Curve:
    return OUTSIDE[cell] if cell in OUTSIDE else (BENT | OTHERS)[cell][1]


def tally(cell: str, numbers: range, *, n: int, sd: float, seed: int) -> Counter[str]:
    """Return how often each verdict was spoken, and each model preferred by a smooth one."""
    counts: Counter[str] = Counter()
    t = times(n)
    for number in numbers:
        y = curve_of(cell)(t) + noise(t, sd, 0.0, stream(seed, f"{cell}, {n}, {sd:g}", number))
        fit = cx.fit_stages(cx.Trace(time_s=t, absorbance=y), rng=number)
        counts[fit.verdict.code] += 1
        if fit.verdict.code == "smooth" and fit.preferred is not None:
            counts[f"prefers {fit.preferred.model.removesuffix(' + offset')}"] += 1
    return counts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.studies.bent_laws", description=__doc__)
    parser.add_argument("cells", nargs="*", metavar="CELL", help="part of the names of cells; default all")
    parser.add_argument("--traces", type=int, default=40, metavar="N")
    parser.add_argument("--points", type=int, default=101, metavar="N")
    parser.add_argument("--sd", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=20231101)
    args = parser.parse_args(argv)
    for cell in CELLS:
        if args.cells and not any(word in cell for word in args.cells):
            continue
        counts = tally(cell, range(args.traces), n=args.points, sd=args.sd, seed=args.seed)
        wanted = f"prefers {BENT[cell][0]}" if cell in BENT else OTHERS.get(cell, ("smooth", None))[0]
        staged, right = sum(counts[code] for code in STAGED), counts[wanted]
        share = 100 / args.traces
        print(
            f"{cell:32s} staged {share * staged:5.1f} %  right {share * right:5.1f} %  {dict(counts)}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
