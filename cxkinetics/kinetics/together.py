"""`fit_together`: rate constants and breakpoints that several runs share, their spread, and lines."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.calls import checked, shown
from cxkinetics.document.shown import Shown
from cxkinetics.errors import CxKineticsError, FitError, InputError, UsageError, did_you_mean, of_all
from cxkinetics.estimate import Estimate
from cxkinetics.inference.ar1 import sample_of, whitening
from cxkinetics.inference.between import Between, between_runs
from cxkinetics.io.given import as_trace
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.joint import Joint, Run, projected, unit_curves
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.kinetics.places import name_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.kinetics.sharing import sharing_statistics
from cxkinetics.models.families import StagedFamily
from cxkinetics.record import DATA, As, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit
    from cxkinetics.source import Source

R_GAS = 8.314462618e-3
"""Gas constant, kJ/(mol K)."""
LN_KB_H = float(np.log(1.380649e-23 / 6.62607015e-34))
ZERO_C = 273.15
WAVELENGTH_NM = 5.0
BY = {"temperature": "temperature_c", "dose": "dose_percent"}
_IN_NAME = {
    "temperature_c": r"(-?\d+(?:\.\d+)?)\s*(?:°\s*C|deg(?:\s*C)?|C)(?![A-Za-z])",
    "dose_percent": r"(\d+(?:\.\d+)?)\s*%",
}
OWN, EFFECT = "within runs only", "random effect over runs (REML, Hartung-Knapp), t with {} dof"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointRun(Record):
    """One run of a joint fit: its own amplitude, offset and noise, and its values where it is fitted alone.

    `at` is its temperature (C) or dose (%).
    """

    name: str
    at: float | None
    n_points: int
    verdict: str
    amplitude: float
    offset: float
    noise_sd: float
    noise_ar1: float
    alone: Annotated[Mapping[str, Estimate], As(name="{at}")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedValue(Record):
    """A shared value: of the population of runs, within these runs only, and the spread between runs."""

    name: str
    at: float | None
    value: Annotated[Estimate, As(name="{name}")]
    within_runs: Annotated[Estimate, As(name="within runs only")]
    between_sd: Annotated[Estimate, As(name="sd between runs")]
    n_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing(Record):
    """The test of sharing: F, its p-value with how it was found, and what it says."""

    f: float | None
    p_value: float | None
    method: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Record):
    """A line through a rate constant of all runs: "Arrhenius", "Eyring" or "dose"."""

    kind: str
    constant: str
    numbers: Annotated[Mapping[str, Estimate], As(name="{at}")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointFit(Record, Shown):
    """Several runs fitted together.

    Attributes
    ----------
    n_stages : int
        Stages of every run; `stages_from` says why.
    share : tuple of str
        What the runs (those at one temperature or dose) share.
    values : tuple of SharedValue
        Shared values.
    sharing : Sharing
        The test of sharing.
    lines : tuple of Line
        Against temperature or dose.
    runs : tuple of JointRun
        What is the runs' own.
    fits : tuple of StagedFit
        Every run fitted alone.
    curves : tuple of Array
        The joint curve at the times of each run.
    at_error : float
        Standard error of each temperature (C) or dose (%).
    zero_s : float
        Time at which the amplitudes count, s.

    Examples
    --------
    >>> t = np.arange(0.0, 100.0, 2.0)
    >>> curve = np.exp(-0.056 * np.minimum(t, 20) - 0.019 * np.maximum(t - 20, 0))
    >>> noise = np.random.default_rng(1).normal(0, 0.003, (2, t.size))
    >>> runs = [Trace(time_s=t, absorbance=a * curve + e) for a, e in zip((0.9, 0.7), noise)]
    >>> joint = fit_together(runs, n_stages=2)
    >>> joint.n_stages, round(joint.values[0].value.value, 3)
    (2, 0.056)
    """

    SCHEMA = "cxkinetics.together/1"
    _keys = "schema=SCHEMA version ..."

    n_stages: int
    stages_from: str
    share: tuple[str, ...]
    by: str | None
    at_error: float
    values: tuple[SharedValue, ...]
    sharing: Sharing
    lines: tuple[Line, ...]
    runs: tuple[JointRun, ...]
    options: Mapping[str, Any]
    zero_s: float
    seed: int
    fits: Annotated[tuple[StagedFit, ...], DATA]
    curves: Annotated[tuple[Array, ...], DATA]
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.kinetics.together_page import brief

        return brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figures: runs, values of the runs, lines."""
        from cxkinetics.kinetics.together_page import figures

        return figures(self, unit)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.kinetics.together_page import data

        return data(self)

    def sources(self) -> "Sequence[Source]":
        """Return where the data came from."""
        return tuple(fit.trace.source for fit in self.fits)

    def __repr__(self) -> str:
        shown = ", ".join(f"{v.name} = {v.value}" for v in self.values[:4])
        return f"JointFit({len(self.runs)} runs, {self.n_stages} stages: {shown})"


@checked(
    "share",
    "by",
    "at",
    "at_error",
    "n_stages",
    "noise",
    "direction",
    "t0",
    "window",
    "confidence",
    "replicates",
    "rng",
)
def fit_together(
    traces: Sequence[Trace | Any],
    share: Sequence[str] = ("k", "breakpoint"),
    by: str | None = None,
    *,
    at: Sequence[float] | None = None,
    at_error: float = 0.0,
    n_stages: int | str = "auto",
    offset: str | float = "auto",
    noise: str = "auto",
    direction: str = "decay",
    t0: float | str | None = None,
    window: tuple[float | None, float | None] | None = None,
    confidence: float = 0.95,
    replicates: int = 499,
    rng: int | None = None,
) -> JointFit:
    """Fit several runs together, with own amplitudes, offsets and noise.

    Parameters
    ----------
    traces : sequence of Trace, path-like, DataFrame or (array_like, array_like)
        Two runs or more; times count from the same moment in each.
    share : sequence of str
        "k" (or "k1", "k2", ...) and "breakpoint": what the runs share.
    by : {"temperature_c", "dose_percent"}, optional
        Runs share values at equal temperature or dose; across them lines are fitted.
    at : sequence of float, optional
        Temperature or dose of each run; by default from its label or file name ("25 C", "50 %").
    at_error : float
        Standard error of each of these.
    n_stages : int or "auto"
        Stages of every run; "auto" takes what most single runs establish.
    offset, noise, direction, t0, window, confidence
        As for `fit_stages`; the offset "auto" is fitted for each run.
    replicates : int
        Simulated sets of the test of sharing.
    rng : int, optional
        Seed of the simulated p-values.

    Returns
    -------
    JointFit

    Raises
    ------
    InputError
        If there is one run only, the runs are unlike, or a temperature is missing.
    FitError
        If a run cannot be fitted with these stages.
    UsageError
        If an option is off.

    Examples
    --------
    >>> t = np.arange(0.0, 100.0, 2.0)
    >>> curve = np.exp(-0.056 * np.minimum(t, 20) - 0.019 * np.maximum(t - 20, 0))
    >>> noise = np.random.default_rng(1).normal(0, 0.003, (3, t.size))
    >>> runs = [Trace(time_s=t, absorbance=a * curve + e) for a, e in zip((0.9, 0.7, 0.8), noise)]
    >>> joint = fit_together(runs, n_stages=2)
    >>> [value.name for value in joint.values], round(joint.values[0].value.value, 3)
    (['k1', 'k2', 'breakpoint'], 0.056)
    """
    runs = _runs(traces)
    options: dict[str, Any] = {
        "n_stages": n_stages, "offset": {"auto": "fit"}.get(str(offset), offset), "noise": noise,
        "direction": direction, "t0": t0, "window": window, "confidence": confidence,
    }  # fmt: skip
    checked = FitOptions.of(**options, replicates=replicates)
    if checked.offset_sd is not None:
        raise UsageError(
            "several runs have an offset each, which one blank with an error cannot give; pass the value "
            f"alone (offset={checked.given_offset:g}), or leave it to be fitted"
        )
    by = BY.get(by, by) if by is not None else None
    if by is not None and by not in BY.values():
        raise UsageError(f"by is {by!r}; it must be one of {', '.join(BY.values())}")
    words = _words(share)
    places = _places(runs, by, at)
    fits, n_stages, why = _alone(runs, options, rng)
    names = [*(f"k{i}" for i in range(1, n_stages + 1)), *_break_names(n_stages)]
    words, shared = _shared(words, names, f"{n_stages} stage{'s' * (n_stages > 1)} ({why})")
    zero = min(float(fit.trace.time_s[0]) for fit in fits)
    span = max(float(fit.trace.time_s[-1]) for fit in fits) - zero
    zero = 0.0 if abs(zero) <= 3 * span else zero
    family = StagedFamily(n_stages, checked.given_offset is None)
    seed = 0 if rng is None else int(rng)
    plan = _Plan(family, names, shared, zero, span, checked)
    done, curves, values, sharing = _by_place(fits, places, plan, seed)
    return JointFit(
        n_stages=n_stages,
        stages_from=why,
        share=words,
        by=by,
        at_error=at_error,
        values=tuple(values),
        sharing=sharing,
        lines=tuple(_lines(done, by, at_error, n_stages, confidence)),
        runs=tuple(done),
        options=options | {"offset": offset, "share": list(words), "by": by, "replicates": replicates},
        zero_s=zero,
        seed=seed,
        fits=fits,
        curves=tuple(curves),
        warnings=(*_doubts(runs, by, places), *_warnings(fits)),
    )


class _Plan(NamedTuple):
    """What all runs have in common."""

    family: StagedFamily
    names: list[str]
    shared: BoolArray
    zero: float
    span: float
    options: FitOptions


def _shared(words: tuple[str, ...], names: Sequence[str], stages: str) -> tuple[tuple[str, ...], BoolArray]:
    """Return the words that mean something for these stages, and which values they name (q,)."""
    shared: BoolArray = np.array([n in words or re.sub(r"[ \d].*|\d", "", n) in words for n in names])
    if not shared.any():
        raise FitError(
            f"{stages} have no {' or '.join(words)} to share; "
            "share k (--share k), or pass --stages N (n_stages=)"
        )
    return tuple(word for word in words if any(name.startswith(word) for name in names)), shared


def _by_place(
    fits: Sequence[StagedFit], places: Sequence[float | None], plan: _Plan, seed: int
) -> tuple[list[JointRun], list[Array], list[SharedValue], Sharing]:
    """Return what the runs have of their own, their curves, what they share, and the test of it."""
    groups: dict[float | None, list[int]] = {}
    for number, place in enumerate(places):
        groups.setdefault(place, []).append(number)
    made: dict[int, tuple[JointRun, Array]] = {}
    values: list[SharedValue] = []
    costs: list[tuple[Array, int]] = []
    options, source = plan.options, np.random.default_rng([seed, 3])
    for place, members in groups.items():
        alone = [fits[i] for i in members]
        joint, start = _problem(alone, plan)
        theta, rss = joint.settle(start)
        for i, run, own in zip(members, joint.runs, joint.columns, strict=True):
            made[i] = _own(fits[i], run, theta[own], place, plan)
        if len(members) > 1:
            values += _values(joint, (theta, rss), alone, place, plan)
            more: dict[str, Any] = {"replicates": options.replicates, "ar1": options.ar1, "rng": source}
            cost = sharing_statistics(joint, theta, plan.shared, **more)
            costs.append((cost, (len(members) - 1) * int(plan.shared.sum())))
    runs, curves = ([made[i][part] for i in range(len(fits))] for part in (0, 1))
    return runs, curves, values, _sharing(costs, options.replicates)  # type: ignore[return-value]


def _break_names(n_stages: int) -> list[str]:
    return ["breakpoint"] if n_stages == 2 else [f"breakpoint {i}" for i in range(1, n_stages)]


def _runs(traces: Sequence[Any] | Trace) -> list[Trace]:
    try:
        given = [traces] if isinstance(traces, Trace | str) else list(traces)
    except TypeError:
        raise UsageError(f"traces is {shown(traces)}; it must be a list of traces or of files") from None
    opened = (partial(as_trace, run, who=f"fit_together, run {i},") for i, run in enumerate(given, 1))
    runs = of_all(opened)
    if len(runs) < 2:
        file = runs[0].source.file if runs else None
        remedy = "give two runs or more, or fit one with: cxkinetics fit"
        raise InputError(f"{len(runs)} run given; two are needed", file=file, remedy=remedy)
    return runs


def _require_like(run: Trace, first: Trace) -> None:
    # unknown is apart from none
    apart = abs((run.wavelength_nm or np.nan) - (first.wavelength_nm or np.nan)) > WAVELENGTH_NM
    for differ, what, one, other in (
        (run.unit != first.unit, "the signal", run.unit, first.unit),
        (apart, "the wavelength", f"{run.wavelength_nm} nm", f"{first.wavelength_nm} nm"),
    ):
        if differ:
            raise InputError(
                f"{what} is {one}, but {other} in {_called(first)}: these are no runs of one experiment",
                file=_called(run), remedy="give runs of one quantity, or fit each alone",
            )  # fmt: skip


def _called(run: Trace) -> str:
    return ", ".join(part for part in (run.source.file, run.label) if part) or "a trace made in memory"


def _words(share: Sequence[str]) -> tuple[str, ...]:
    known = ("k", "breakpoint", "k1", "k2", "k3", "k4")
    words = tuple(str(word).strip() for word in (share.split(",") if isinstance(share, str) else share))
    for word in words:
        if word not in known:
            raise UsageError(f"share has {word!r}; {did_you_mean(word, known)}it takes {', '.join(known)}")
    if not words:
        raise UsageError("share is empty; name what the runs share, such as k,breakpoint")
    return words


def _places(runs: Sequence[Trace], by: str | None, at: Sequence[float] | None) -> list[float | None]:
    """Return the temperature or dose of each run, given or from its label or the name of its file.

    What is in the way of any run, unlike the first or without a value, is told at once.
    """
    what = (by or "").partition("_")[0]
    if at is not None:
        if by is None:
            raise UsageError("values are given but not of what; pass by='temperature_c' or 'dose_percent'")
        if len(at) != len(runs):
            raise UsageError(f"{len(at)} values of the {what} for {len(runs)} runs; give one for each")
        if not np.all(np.isfinite(at)) or min(at) < (-ZERO_C if what == "temperature" else 0.0):
            raise UsageError(f"the values of the {what} are {list(at)}; they must be finite and possible")

    def place(i: int) -> float | None:
        _require_like(runs[i], runs[0])
        return float(at[i]) if at is not None else None if by is None else _in_name(runs[i], by)

    return of_all(partial(place, i) for i in range(len(runs)))


def _in_name(run: Trace, by: str) -> float:
    """Return the temperature or dose that the label of a run or the name of its file holds."""
    what = by.partition("_")[0]
    stem = run.source.file.replace("\\", "/").rpartition("/")[2]
    hit = re.search(_IN_NAME[by], run.label) or re.search(_IN_NAME[by], stem)
    if hit is None:
        raise InputError(
            f"no {what} is known: neither label nor file name holds one", file=_called(run),
            remedy=f"give one for each run: --{what} 20,30,40 (at=[20, 30, 40])",
        )  # fmt: skip
    return float(hit[1])


def _alone(
    runs: Sequence[Trace], options: Mapping[str, Any], rng: int | None
) -> tuple[tuple[StagedFit, ...], int, str]:
    """Return every run fitted alone with the stages of all, their number, and why it is this."""

    def fitted(run: Trace, **more: Any) -> StagedFit:
        try:
            return fit_stages(run, **{**options, **more}, rng=rng)
        except CxKineticsError as error:
            named = run.source.file and run.source.file in str(error)
            text = str(error) if named else f"{_called(run)}: {error}"
            raise FitError(f"{text}; leave the run out, or pass --stages N (n_stages=)") from error

    fits = of_all(partial(fitted, run) for run in runs)
    if options["n_stages"] != "auto":
        return tuple(fits), int(options["n_stages"]), "as demanded"
    counts = Counter(len(fit.stages) for fit in fits)
    n_stages = min(counts, key=lambda n: (-counts[n], n))
    judged = Counter(fit.verdict.code.replace("_", " ") for fit in fits)
    said = ", ".join(f"{number} {code}" for code, number in judged.most_common())
    fits = [
        f if len(f.stages) == n_stages else fitted(r, n_stages=n_stages)
        for f, r in zip(fits, runs, strict=True)
    ]
    return tuple(fits), n_stages, f"from {counts[n_stages]} of {len(runs)} single runs (verdicts: {said})"


def _problem(fits: Sequence[StagedFit], plan: _Plan) -> tuple[Joint, Array]:
    """Return the joint problem of some runs, and a start: what the runs say alone."""
    family, _, shared, zero, span, options = plan
    columns = np.empty((len(fits), shared.size), dtype=np.intp)
    columns[:, shared] = np.arange(int(shared.sum()))
    own = int((~shared).sum())
    columns[:, ~shared] = int(shared.sum()) + np.arange(len(fits) * own).reshape(len(fits), own)
    alone = np.array(
        [[*(s.k_per_s.value for s in f.stages), *(b.value for b in f.breakpoints_s)] for f in fits],
        dtype=float,
    )
    m = family.n_stages
    alone[:, :m] *= span
    alone[:, m:] = (alone[:, m:] - zero) / span
    start = np.empty(columns.max() + 1)
    start[columns] = np.where(shared, np.median(alone, axis=0), alone)
    runs = []
    for fit, values in zip(fits, alone, strict=True):
        given = options.given_offset or 0.0
        trace = fit.trace
        sample = sample_of(Trace(time_s=trace.time_s, absorbance=trace.absorbance - given, sigma=trace.sigma))
        rho = fit.noise.ar1 or 0.0
        time = (sample.time * sample.span_s + sample.first_s - zero) / span
        run = Run(sample, time, whitening(sample, rho), rho, 1.0)
        rss = float(np.sum(projected(run, family, values[None])[0] ** 2))
        dof = max(sample.n - values.size - 1 - family.with_offset, 1)
        runs.append(Run(sample, time, run.white, rho, max(rss / dof, 1e-20)))
    return Joint(family, runs, columns), start


def _own(fit: StagedFit, run: Run, theta: Array, at: float | None, plan: _Plan) -> tuple[JointRun, Array]:
    """Return what a run has of its own in the joint fit, and its curve."""
    family, names, _, zero, span, options = plan
    _, _, amplitude, offset = projected(run, family, theta[None])
    scale = run.sample.scale
    level, base = float(amplitude[0]) * scale, float(offset[0]) * scale + (options.given_offset or 0.0)
    curve = unit_curves(family, (fit.trace.time_s - zero) / span, theta[None])[0][0]
    found = (*(s.k_per_s for s in fit.stages), *fit.breakpoints_s)
    alone = {name: replace(e, name=name) for name, e in zip(names, found, strict=True)}
    run_of_fit = JointRun(
        name=name_of(fit), at=at, n_points=fit.n_points,
        verdict=fit.verdict.code, amplitude=level, offset=base,
        noise_sd=float(np.sqrt(run.variance)) * scale, noise_ar1=run.rho, alone=alone,
    )  # fmt: skip
    return run_of_fit, level * curve + base


def _values(
    joint: Joint, best: tuple[Array, float], fits: Sequence[StagedFit], at: float | None, plan: _Plan
) -> list[SharedValue]:
    """Return the shared values of runs at one place."""
    (theta, rss), confidence = best, plan.options.confidence
    _, names, shared, zero, span, _ = plan
    found = []
    wider = joint.wider(theta, ar1=plan.options.ar1)
    errors = joint.errors(theta) * wider
    for column, name in enumerate(np.array(names)[shared]):
        rate = str(name).startswith("k")
        factor, shift, unit = (1 / span, 0.0, "1/s") if rate else (span, zero, "s")
        low, high = joint.profile(theta, rss, column, confidence, wider=float(wider[column]))
        reason = "" if None not in (low, high) else "the profile stays flat: the data do not bound an end"
        within = Estimate(
            name=OWN, value=float(theta[column]) * factor + shift, se=float(errors[column]) * factor,
            low=None if low is None else low * factor + shift,
            high=None if high is None else high * factor + shift,
            unit=unit, method=f"profile likelihood, {OWN}", reason=reason,
        )  # fmt: skip
        place = list(names).index(str(name))
        alone = [[*(s.k_per_s for s in f.stages), *f.breakpoints_s][place] for f in fits]
        value, sd = _population(alone, str(name), unit, confidence, rate=rate)
        found.append(
            SharedValue(
                name=str(name), at=at, value=value, within_runs=within, between_sd=sd, n_runs=len(fits)
            )
        )
    return found


def _known(alone: Sequence[Estimate], confidence: float, *, rate: bool) -> tuple[Array, Array, Array]:
    """Return values (of rates their logarithms) and errors of runs, and which runs have both."""
    values, errors, keep = [], [], []
    z = float(ndtri((1 + confidence) / 2))
    for number, e in enumerate(alone):
        if e.value is None or (rate and e.value <= 0):
            continue
        if e.low is not None and e.high is not None and not (rate and e.low <= 0):
            ends = np.log([e.low, e.high]) if rate else np.array([e.low, e.high])
            error = float(ends[1] - ends[0]) / (2 * z)
        elif e.se:
            error = e.se / e.value if rate else e.se
        else:
            continue
        values.append(float(np.log(e.value)) if rate else e.value)
        errors.append(max(error, 1e-12))
        keep.append(number)
    return np.array(values), np.array(errors), np.array(keep, dtype=np.intp)


def _population(
    alone: Sequence[Estimate], name: str, unit: str, confidence: float, *, rate: bool
) -> tuple[Estimate, Estimate]:
    """Return the mean over the population of runs with its interval, and the sd between runs with its."""
    values, errors, _ = _known(alone, confidence, rate=rate)
    if values.size < 2:
        reason = f"{values.size} of {len(alone)} runs bound it alone; the spread between runs needs two"
        none = Estimate(name=name, value=None, unit=unit, reason=reason)
        return none, Estimate(name="sd between runs", value=None, unit=unit, reason=reason)
    found = between_runs(values, errors, level=confidence)
    value, error, low, high = found.told(np.ones(1))
    scale = 1.0
    if rate:
        value, low, high = (float(np.exp(x)) for x in (value, low, high))
        scale = value
    method = EFFECT.format(found.dof)
    mean = Estimate(name=name, value=value, se=error * scale, low=low, high=high, unit=unit, method=method)
    return mean, _spread(found, unit, scale)


def _spread(found: Between, unit: str, scale: float = 1.0) -> Estimate:
    return Estimate(
        name="sd between runs", value=found.sd * scale, low=found.sd_low * scale, high=found.sd_high * scale,
        unit=unit, method="REML; interval by Q-profile",
    )  # fmt: skip


def _sharing(costs: Sequence[tuple[Array, int]], replicates: int) -> Sharing:
    if not costs:
        text = "Sharing was not tested: no two runs are at the same place."
        return Sharing(f=None, p_value=None, method="", text=text)
    cost = np.sum([each for each, _ in costs], axis=0)
    f = float(cost[0]) / sum(count for _, count in costs)
    p = float(1 + np.sum(cost[1:] >= cost[0])) / (replicates + 1)
    method = f"parametric bootstrap of F, {replicates} simulated sets"
    said = (
        "the runs differ by more than their own noise"
        if p <= 0.05
        else "the runs agree within their own noise"
    )
    at_most = " at most" if p <= 1.5 / (replicates + 1) else ""
    text = f"Test of sharing: {said} (F = {f:.3g}, p = {p:.2g}{at_most}; {method})."
    return Sharing(f=f, p_value=p, method=method, text=text)


def _lines(runs: Sequence[JointRun], by: str | None, error: float, n_stages: int, level: float) -> list[Line]:
    if by is None:
        return []
    places = np.array([run.at for run in runs], dtype=float)
    lines = []
    for stage in range(1, n_stages + 1):
        name = f"k{stage}"
        alone = [run.alone[name] for run in runs]
        kinds = ("Arrhenius", "Eyring") if by == "temperature_c" else ("dose",)
        lines += [
            Line(kind=kind, constant=name, numbers=_line(kind, alone, places, error, level)) for kind in kinds
        ]
    return lines


_NUMBERS = {
    "Arrhenius": (("Ea", "kJ/mol"), ("ln A", "")),
    "Eyring": (("dH", "kJ/mol"), ("dS", "J/(mol K)")),
    "dose": (("slope", "1/s per %"), ("k at 0 %", "1/s")),
}


def _line(
    kind: str, alone: Sequence[Estimate], places: Array, at_error: float, level: float
) -> dict[str, Estimate]:
    """Return slope and intercept of a line through the runs, told in the terms of the kind."""
    values, errors, keep = _known(alone, level, rate=True)
    at = places[keep]
    if values.size < 3 or np.unique(at).size < 2:
        reason = f"{values.size} runs at {np.unique(at).size} places; a line needs 3 runs at 2"
        return {n: Estimate(name=n, value=None, unit=unit, reason=reason) for n, unit in _NUMBERS[kind]}
    if kind == "dose":
        x, slope_of_x, values = at, np.ones_like(at), np.exp(values)
        errors = errors * values
        tell = (np.array([0.0, 1.0]), np.array([1.0, 0.0]))
        scales, shift = (1.0, 1.0), 0.0
    else:
        kelvin = at + ZERO_C
        x, slope_of_x = 1 / (R_GAS * kelvin), 1 / (R_GAS * kelvin**2)
        values = values - np.log(kelvin) * (kind == "Eyring")
        tell = (np.array([0.0, -1.0]), np.array([1.0, 0.0]))
        scales, shift = ((1.0, 1.0), 0.0) if kind == "Arrhenius" else ((1.0, 1e3 * R_GAS), LN_KB_H)
    middle = float(x.mean())
    design = np.stack([np.ones_like(x), x - middle], axis=1)
    found = between_runs(values, errors, design, level=level)
    for _ in range(3 if at_error else 0):  # an error of x counts by the slope, which it hardly changes
        both = np.hypot(errors, found.coefficients[1] * slope_of_x * at_error)
        found = between_runs(values, both, design, level=level)
    numbers = {}
    for (name, unit), way, scale in zip(_NUMBERS[kind], tell, scales, strict=True):
        moved = np.array([way[0], way[1] - middle * way[0]])
        value, se, low, high = found.told(moved)
        base = shift if way[0] else 0.0
        numbers[name] = Estimate(
            name=name, value=(value - base) * scale, se=se * scale, low=(low - base) * scale,
            high=(high - base) * scale, unit=unit, method=f"line with {EFFECT.format(found.dof)}",
        )  # fmt: skip
    numbers["sd between runs"] = _spread(found, "1/s" if kind == "dose" else "in ln k")
    return numbers


def _doubts(runs: Sequence[Trace], by: str | None, places: Sequence[float | None]) -> tuple[Remark, ...]:
    """Return remarks where a run is given twice, and where temperatures look like kelvin."""
    told = []
    for i, run in enumerate(runs):
        same = next((other for other in runs[:i] if np.array_equal(other.absorbance, run.absorbance)), None)
        if same is not None:
            text = f"{_called(run)} holds the same data as {_called(same)}: leave one out, or it counts twice"
            told.append(Remark("same_data", text, 1))
    most = max((at for at in places if at is not None), default=0.0) if by == "temperature_c" else 0.0
    if most >= BOILS_C:
        text = f"temperatures are taken as degrees Celsius, up to {most:g}: if they are in K, subtract 273.15"
        told.append(Remark("kelvin", text, 1))
    return tuple(told)


BOILS_C = 200.0
"""Temperature that solutions seldom reach and kelvin always do."""


def _warnings(fits: Sequence[StagedFit]) -> tuple[Remark, ...]:
    return tuple(Remark(r.code, f"{name_of(f)}: {r.text}", r.count) for f in fits for r in f.warnings)
