"""What a joint fit finds where the truth is known: `python -m tests.mechanism.joint_mechanism --sets 30`.

Each truth is one draw of the parameters from the packaged fit. Its data are of realistic size: a dose
table of 12 samples, runs of 40 readings at 50 and 100 % dose with five peak positions each, six spectra
ex situ, two wash pairs and three shares of silver, all with the errors that are told to the fit.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.mechanism.data import Evidence, Observation, Run
from cxkinetics.mechanism.fit import fit_mechanism, published_mechanism_fit
from cxkinetics.mechanism.observables import Eye, sight
from cxkinetics.mechanism.predict import dose_in_time
from cxkinetics.mechanism.problem import logits_of, theta_of
from cxkinetics.mechanism.scheme import Mechanism, load_mechanism

TARGET = "Ag2Cd32S33"
DOSES, TIMES = np.linspace(2.5, 175, 70), np.geomspace(2.0, 3600.0, 60)


@dataclass(frozen=True)
class Outcome:
    """Of one set: determined parameters and those covered, verdict, optimum inside, purity lost."""

    determined: tuple[str, ...]
    covered: tuple[str, ...]
    verdict: str
    inside: bool
    lost: float
    chi2_per_dof: float


def plan() -> Evidence:
    """Return the observations and runs of a data set, their values not filled in."""

    def of(source: str, quantity: str, sd: float, dose: float, time: float = 1200.0) -> Observation:
        return Observation(source=source, quantity=quantity, dose_percent=dose, time_s=time, value=0.0, sd=sd)

    table = [of("table", "incorporation", 0.3 + 0.02 * d / 3, d) for d in np.linspace(15, 175, 12).tolist()]
    peaks = [of("peaks", "peak", 0.25, d, t) for d in (50, 100) for t in (3, 10, 30, 60, 120)]
    spectra = [of("ex situ", "absorbance", 0.02, d) for d in (25, 37.5, 60, 75, 100, 120)]
    washes = [of("wash", "removable host", 0.04, d) for d in (60, 100)]
    shares = [of("XPS", "product share of guest", 0.08, d) for d in (75, 100, 120)]
    time = np.linspace(2, 160, 40)
    runs = tuple(
        Run(source=f"run at {d:g} %", dose_percent=d, time_s=time, absorbance=np.ones(40), sd=0.004)
        for d in (50.0, 100.0)
    )
    return Evidence(title="simulated", observations=(*table, *peaks, *spectra, *washes, *shares), runs=runs)


def simulated(mechanism: Mechanism, theta: Array, rng: np.random.Generator) -> Evidence:
    """Return a data set of a truth (parameters,)."""
    empty = plan()
    eye = Eye(mechanism, empty)
    # the runs start at 0.9; what `predict` makes of them is scaled to these readings
    value = eye.predict(theta[:, None]).value[0]
    drawn = value + eye.sd * rng.standard_normal(value.size)
    seen = tuple(replace(one, value=float(drawn[i])) for i, one in enumerate(empty.observations))
    curves = (
        sight(mechanism, theta[:, None], np.array([50.0, 100.0]), empty.runs[0].time_s)
        .absorbance()
        .value[:, 0]
    )
    runs = tuple(
        replace(run, absorbance=0.9 * curves[:, k] + run.sd * rng.standard_normal(40))
        for k, run in enumerate(empty.runs)
    )
    return replace(empty, observations=seen, runs=runs)


def one_set(truth: Array, rng: np.random.Generator, *, n_starts: int = 8, n_draws: int = 40) -> Outcome:
    """Fit one simulated set, beside the rival without the dark state."""
    mechanism = published_mechanism_fit().scheme
    data = simulated(mechanism, truth, rng)
    fit = fit_mechanism(data, rivals=["two-silver"], n_starts=n_starts, n_draws=n_draws, rng=1)
    determined = tuple(name for name, known in fit.known.items() if known == "determined")
    inside = [
        name
        for name, true in zip(mechanism.names, truth, strict=True)
        if name in determined
        and (fit.parameters[name].low or 0.0) <= true <= (fit.parameters[name].high or np.inf)
    ]
    share = sight(mechanism, truth[:, None], DOSES, TIMES).share.value[mechanism.index(TARGET), :, 0].T
    i, j = np.unravel_index(int(np.argmax(share)), share.shape)
    advice = dose_in_time(TARGET, fit=fit)
    at = (advice.dose_percent.value or 0.0, advice.time_s.value or 0.0)
    here = sight(mechanism, truth[:, None], np.array([at[0]]), np.array([at[1]]))
    got = float(here.share.value[mechanism.index(TARGET), 0, 0, 0])
    return Outcome(
        determined=determined,
        covered=tuple(inside),
        verdict=fit.verdict["code"],
        inside=advice.holds(float(DOSES[i]), float(TIMES[j])),
        lost=float(share.max()) - got,
        chi2_per_dof=fit.chi2 / fit.dof,
    )


def without_the_dark_state(number: int, rng: np.random.Generator) -> str:
    """Return the verdict on the dark state where the truth has none: "ahead" would be wrong."""
    known = published_mechanism_fit()
    found = next(rival for rival in known.rivals if rival.mechanism == "two-silver")
    mechanism = load_mechanism("two-silver")
    best = logits_of(mechanism, np.array([[found.parameters[name]] for name in mechanism.names]))
    truth = theta_of(mechanism, np.clip(best + 0.5 * rng.standard_normal(best.shape), -4, 4))[:, 0]
    data = simulated(mechanism, truth, rng)
    fit = fit_mechanism(data, rivals=["two-silver"], n_starts=8, n_draws=2, rng=1)
    dark, plain = (rival.chi2 for rival in fit.rivals)
    print(f"{number:3d}  {fit.verdict['code']}: chi2 {dark:.1f} with, {plain:.1f} without", flush=True)
    return fit.verdict["code"]


def study(sets: int, seed: int) -> list[Outcome]:
    """Return the outcome of each set."""
    rng = np.random.default_rng(seed)
    draws = published_mechanism_fit().draws
    found = []
    for number in range(sets):
        found.append(one_set(draws[rng.integers(draws.shape[0])], rng))
        print(f"{number + 1:3d}  {found[-1]}", flush=True)
    return found


def main() -> None:
    """Run the study and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--seed", type=int, default=20261201)
    text = "sets of a truth that has no dark state, instead"
    parser.add_argument("--plain", type=int, default=0, help=text)
    args = parser.parse_args()
    if args.plain:
        rng = np.random.default_rng(args.seed)
        verdicts = [without_the_dark_state(number + 1, rng) for number in range(args.plain)]
        print(f"dark state claimed where there is none: {verdicts.count('ahead')} of {args.plain}")
        return
    found = study(args.sets, args.seed)
    determined = sum(len(one.determined) for one in found)
    covered = sum(len(one.covered) for one in found)
    print(f"determined parameters covered: {covered} of {determined} ({covered / determined:.1%})")
    print(f"rival without the dark state told apart: {sum(one.verdict == 'ahead' for one in found)}")
    print(f"true optimum inside the window: {sum(one.inside for one in found)} of {len(found)}")
    print(f"share lost at the advice: median {np.median([one.lost for one in found]):.3f}")


if __name__ == "__main__":
    main()
