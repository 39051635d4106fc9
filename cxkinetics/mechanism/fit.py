"""`fit_mechanism`: one mechanism for dose, time, spectrum and composition, and its rivals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy.special import chdtrc, expit

from cxkinetics.arrays import Array
from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate, format_p
from cxkinetics.mechanism.data import (
    QUENCHED_S,
    Evidence,
    evidence_of_run,
    evidence_of_table,
    joined,
    load_evidence,
    published_evidence,
)
from cxkinetics.mechanism.deciding import deciding
from cxkinetics.mechanism.inference import (
    COARSE,
    QUICK,
    determined_directions,
    left_out,
    parameters_of,
    perturbed,
    profile,
)
from cxkinetics.mechanism.observables import Eye, correlation
from cxkinetics.mechanism.problem import Problem, descend, problem_of, starts, theta_of
from cxkinetics.mechanism.result import MechanismFit, Residual, RivalFit
from cxkinetics.mechanism.scheme import Mechanism, load_mechanism
from cxkinetics.mechanism.solver import RATIO
from cxkinetics.mechanism.verdict import LEAD, compared, verdict_of
from cxkinetics.remarks import Remark

if TYPE_CHECKING:
    from cxkinetics.signals.dose_table import DoseTable
    from cxkinetics.signals.spectra import SpectralSeries
    from cxkinetics.signals.trace import Trace

    Run = tuple[Trace | SpectralSeries | str | Path, float]

DEFAULT = "two-silver-dark"
RIVALS = (
    "two-silver-dark",
    "two-silver-dark + free recovery",
    "two-silver-dark + rising trapped host",
    "two-silver",
    "two-silver + free recovery",
    "two-silver + rising trapped host",
    "two-silver + free recovery + rising trapped host",
    "sequential",
)
T = TypeVar("T")
STARTS = 24
DRAWS = 200
_FINALISTS = 3
_CLOSE = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A mechanism at its best: logits, chi2 with and without the pull, chi2 of every start."""

    problem: Problem
    best: Array
    total: float
    chi2: float
    reached: Array


@checked()
def fit_mechanism(
    evidence: Evidence | str | Path | None = None,
    *,
    table: "DoseTable | str | Path | None" = None,
    runs: "Sequence[Run]" = (),
    mechanism: Mechanism | str | Path = DEFAULT,
    rivals: Sequence[str | Mechanism] | str = "all",
    published: bool | None = None,
    quenched_s: float = QUENCHED_S,
    n_starts: int = STARTS,
    n_draws: int = DRAWS,
    confidence: float = 0.95,
    rng: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MechanismFit:
    """Fit one mechanism to doses, runs, spectra and evidence at once, and its rivals to the same.

    Parameters
    ----------
    evidence : Evidence, str or Path, optional
        Observations of any kind, or their TOML file (see `cxkinetics.mechanism.data`).
    table : DoseTable, str or Path, optional
        Your own doses and incorporations.
    runs : sequence of (Trace, SpectralSeries or file, dose in percent)
        Your own runs; time counts from the addition of the guest.
    mechanism : Mechanism, str or Path
        A packaged mechanism, one of your own as a TOML file, either with variants behind " + ".
    rivals : sequence, or "all"
        Further mechanisms; "all" are the packaged ones where the chosen one is of their system.
    published : bool, optional
        Whether the packaged numbers are fitted too: all where you give nothing, else none by default;
        with your own table those of the published one are left out.
    quenched_s : float
        Time after which the samples of your table were quenched, s.
    n_starts, n_draws : int
        Starts of each search, refits to perturbed readings.
    confidence : float
        Of the intervals.
    rng : int, optional
        Seed (0 by default).
    progress : callable, optional
        Called with how many steps (searches, refits) are done, and of how many.

    Returns
    -------
    MechanismFit
        Read `verdict` and `p_value` before any parameter.

    Raises
    ------
    InputError
        If the data are no data for this mechanism.
    FitError
        If no start comes to a solution.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> fit = cx.fit_mechanism(rivals=(), n_starts=2, n_draws=4)  # doctest: +SKIP
    >>> round(fit.chi2), fit.dof  # doctest: +SKIP
    (30, 10)
    """
    _check(n_starts, n_draws, confidence)
    seed = 0 if rng is None else int(rng)
    chosen = mechanism if isinstance(mechanism, Mechanism) else load_mechanism(mechanism)
    whole = gather(
        evidence, table=table, runs=runs, published=published, quenched_s=quenched_s, mechanism=chosen
    )
    all_of_them = [chosen, *_rivals(rivals, chosen)]
    step = _steps(2 * len(all_of_them) + 3, progress)  # each searched and refitted; profile, draws, deciding
    best, *others = (step(_searched(one, whole, n_starts, seed)) for one in all_of_them)
    return _told(best, others, whole, n_draws=n_draws, confidence=confidence, seed=seed, step=step)


def _steps(total: int, progress: Callable[[int, int], None] | None) -> Callable[[T], T]:
    """Return the function that counts a step when its result is handed through."""
    done = count(1)

    def step(result: T) -> T:
        if progress is not None:
            progress(next(done), total)
        return result

    return step


def _check(n_starts: int, n_draws: int, confidence: float) -> None:
    if n_starts < 1 or n_draws < 2:
        raise UsageError(f"n_starts is {n_starts} and n_draws {n_draws}; at least 1 and 2 are needed")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0 and 1")


def gather(
    evidence: Evidence | str | Path | None,
    *,
    table: "DoseTable | str | Path | None",
    runs: "Sequence[Run]",
    published: bool | None,
    quenched_s: float,
    mechanism: Mechanism,
) -> Evidence:
    """Return all that a fit is made to, as one."""
    parts = []
    if isinstance(table, str | Path):
        from cxkinetics.composition.reader import load_dose_table

        table = load_dose_table(table)
    if table is not None:
        if table.guest and table.guest != mechanism.guest:
            raise InputError(
                f"the table is of {table.guest}, the mechanism {mechanism.name} of {mechanism.guest}",
                remedy="give a mechanism of that guest as a TOML file",
            )
        parts.append(evidence_of_table(table, quenched_s=quenched_s))
    for number, (data, dose) in enumerate(runs, 1):
        parts.append(evidence_of_run(_opened(data), dose, number=number))
    if evidence is not None:
        parts.append(evidence if isinstance(evidence, Evidence) else load_evidence(evidence))
    if published or (published is None and not parts):
        known = published_evidence()
        if table is not None:
            own = ("incorporation", "removable host")
            kept = tuple(seen for seen in known.observations if seen.quantity not in own)
            remark = "the published incorporations and wash are left out, as the table stands for them"
            known = replace(known, observations=kept, remarks=(remark,), basis=table.basis)
        parts.append(known)
    if not parts:
        raise UsageError("there is nothing to fit; give a table, runs or evidence, or published=True")
    # incorporations alone have a basis that matters
    parts.sort(key=lambda part: not any(seen.quantity == "incorporation" for seen in part.observations))
    basis = parts[0].basis
    same = [
        part
        if any(seen.quantity == "incorporation" for seen in part.observations)
        else replace(part, basis=basis)
        for part in parts
    ]
    return joined(same)


def _opened(data: "Trace | SpectralSeries | str | Path") -> "Trace | SpectralSeries":
    if not isinstance(data, str | Path):
        return data
    from cxkinetics.io.load import load

    found = load(data)
    if isinstance(found, list):
        raise InputError(
            f"the file holds {len(found)} runs",
            file=str(data),
            remedy="load it and give one of them with its dose",
        )
    return found


def _rivals(rivals: Sequence[str | Mechanism] | str, chosen: Mechanism) -> list[Mechanism]:
    if isinstance(rivals, str):
        if rivals != "all":
            raise UsageError(f"rivals is {rivals!r}; give 'all' or a list of mechanisms")
        rivals = [name for name in RIVALS if load_mechanism(name).guest == chosen.guest]
    found = [name if isinstance(name, Mechanism) else load_mechanism(name) for name in rivals]
    return [other for other in found if other.name != chosen.name]


def _searched(mechanism: Mechanism, evidence: Evidence, n_starts: int, seed: int) -> _Found:
    """Return the best of all starts: a coarse search from each, a finer one from a few, an exact end."""
    eye = Eye(mechanism, evidence)
    coarse = replace(problem_of(eye, n_starts), ratio=COARSE)
    begun = starts(mechanism, n_starts, np.random.default_rng(seed))
    found = descend(coarse, begun, iterations=30, tolerance=1e-3, race=0.3)
    ahead = np.argsort(found.rss)[:_FINALISTS]
    finer = replace(problem_of(eye, ahead.size), ratio=QUICK)
    near = descend(finer, found.theta[ahead], iterations=60, tolerance=1e-4)
    last = descend(problem_of(eye), near.theta[[int(np.argmin(near.rss))]], iterations=60, tolerance=1e-6)
    if not np.isfinite(last.rss[0]):
        raise FitError(
            f"none of {n_starts} starts of the mechanism {mechanism.name} came to a solution; check the "
            "bounds of its parameters and the units of the data"
        )
    one = problem_of(eye)
    residual = one.residuals(last.theta)
    chi2 = float(np.sum(residual[0, : eye.value.size] ** 2))
    return _Found(one, last.theta[0], float(last.rss[0]), chi2, found.rss)


def _told(
    best: _Found,
    others: list[_Found],
    evidence: Evidence,
    *,
    n_draws: int,
    confidence: float,
    seed: int,
    step: Callable[[Any], Any],
) -> MechanismFit:
    mechanism = best.problem.eye.mechanism
    dof = evidence.n_points - len(mechanism.parameters)
    warnings = [Remark("assumed", text) for text in evidence.remarks]
    misfit = float(np.sqrt(max(best.chi2 / dof, 1.0))) if dof > 0 else 1.0
    limits = step(profile(best.problem, best.best, best.total, confidence=confidence, scale=misfit))
    if limits.chi2 < best.total:
        best = _moved(best, limits.best, limits.chi2)
    p_value = float(chdtrc(dof, best.chi2)) if dof > 0 else None
    if p_value is not None and p_value < 0.05:
        text = (
            f"the mechanism is rejected at these standard deviations (chi2 {best.chi2:.1f}, {dof} degrees of "
            f"freedom, {format_p(p_value)}): intervals are widened by {misfit:.2f}"
        )
        warnings.append(Remark("rejected", text))
    estimates, known = _estimates(mechanism, best, limits.ends, confidence)
    draws = parameters_of(
        best.problem, perturbed(best.problem, best.best, n_draws, misfit, np.random.default_rng(seed + 1))
    )
    step(draws)
    together = correlation(best.problem.eye, _theta(best))
    white = None if together is None else np.linalg.inv(np.linalg.cholesky(together))
    rivals = [step(_rival(found, best, white)) for found in (best, *others)]
    untold = {rival.mechanism for rival in rivals if rival.verdict == "not told apart"}
    tried = [(r, _theta(o)) for r, o in _apart(rivals, others)]
    return MechanismFit(
        mechanism=mechanism.name,
        title=mechanism.title,
        evidence=evidence,
        parameters=estimates,
        known=known,
        directions=determined_directions(best.problem, best.best, scale=misfit),
        chi2=best.chi2,
        pull_chi2=best.total - best.chi2,
        dof=dof,
        p_value=p_value,
        misfit=misfit,
        residuals=_residuals(best),
        rivals=tuple(rivals),
        deciding=step(deciding(mechanism, _theta(best), draws, tried, untold)),
        verdict=verdict_of(mechanism.name, rivals),
        options=_options(best, evidence, confidence),
        definition=mechanism.definition,
        draws=draws,
        warnings=tuple(warnings),
        seed=seed,
    )


def _apart(rivals: list[RivalFit], others: list[_Found]) -> list[tuple[Mechanism, _Found]]:
    """Return each rival with its mechanism."""
    return [(found.problem.eye.mechanism, found) for _, found in zip(rivals[1:], others, strict=True)]


def _theta(found: _Found) -> Array:
    return np.asarray(theta_of(found.problem.eye.mechanism, found.best[None])[:, 0])


def _moved(best: _Found, z: Array, total: float) -> _Found:
    residual = best.problem.residuals(z[None])
    chi2 = float(np.sum(residual[0, : best.problem.readings.shape[1]] ** 2))
    return replace(best, best=z, total=total, chi2=chi2)


def _options(best: _Found, evidence: Evidence, confidence: float) -> dict[str, Any]:
    """Return what shaped the result, and how exact the solution of the equations is there."""
    eye, theta = best.problem.eye, _theta(best)[:, None]
    fine = eye.predict(theta, ratio=1 + (RATIO - 1) / 2).value
    error = float(np.max(np.abs(fine - eye.predict(theta).value) / eye.sd))
    return {
        "confidence": confidence,
        "n_starts": int(best.reached.size),
        "basis": evidence.basis,
        "solution_error_in_sd": error,
    }


def _estimates(
    mechanism: Mechanism, best: _Found, ends: Array, confidence: float
) -> tuple[dict[str, Estimate], dict[str, str]]:
    estimates, known = {}, {}
    for i, parameter in enumerate(mechanism.parameters):
        parts = expit(np.array([best.best[i], *ends[i]]))
        value, low, high = (float(parameter.value(part)) if np.isfinite(part) else None for part in parts)
        missing = [side for side, end in (("below", low), ("above", high)) if end is None]
        wide = not missing and parts[2] - parts[1] > 0.5
        known[parameter.name] = (
            "not by these data" if len(missing) == 2 else "bounded" if missing or wide else "determined"
        )
        reason = f"the search ends at {parameter.low:g} and {parameter.high:g}: open {' and '.join(missing)}"
        estimates[parameter.name] = Estimate(
            name=parameter.name,
            value=value,
            low=low,
            high=high,
            unit=parameter.unit,
            method=f"profile, {confidence:.0%}",
            reason=reason if missing else "",
            within=(parameter.low, parameter.high) if missing else (),
        )
    return estimates, known


def _residuals(best: _Found) -> tuple[Residual, ...]:
    eye = best.problem.eye
    predicted = eye.predict(_theta(best)[:, None]).value[0]
    residual = best.problem.residuals(best.best[None])[0]
    found = [
        Residual(
            source=seen.source,
            what=seen.label,
            reading=seen.value,
            sd=seen.sd,
            side=seen.side,
            predicted=float(predicted[i]),
            pull=float(residual[i]),
            chi2=float(residual[i] ** 2),
            n_points=1,
        )
        for i, seen in enumerate(eye.evidence.observations)
    ]
    first = len(found)
    for run in eye.evidence.runs:
        here = residual[first : first + run.time_s.size]
        first += run.time_s.size
        chi2 = float(here @ here)
        found.append(
            Residual(
                source=run.source,
                what=f"absorbance at {run.dose_percent:g} %, {run.time_s[0]:g}-{run.time_s[-1]:g} s",
                reading=None,
                sd=run.sd,
                side="",
                predicted=None,
                pull=float(np.sqrt(chi2 / run.time_s.size)),
                chi2=chi2,
                n_points=int(run.time_s.size),
            )
        )
    return tuple(found)


def _rival(found: _Found, chosen: _Found, white: Array | None) -> RivalFit:
    mechanism, eye = found.problem.eye.mechanism, found.problem.eye
    points, sources = eye.evidence.by_point, eye.evidence.sources
    masks = [np.array([float(point != source) for point in points]) for source in sources]
    masks = masks if len(sources) > 1 else []
    factors = [np.full(len(points), 0.5), np.full(len(points), 2.0)]
    refits = left_out(found.problem, found.best, np.stack([*masks, *factors]))
    together = replace(found.problem, white=white)
    correlated = None if white is None else left_out(together, found.best, np.ones((1, len(points))))
    size = len(mechanism.parameters)
    dof = eye.value.size - size
    behind = found.chi2 - chosen.chi2
    needed = LEAD * (len(chosen.problem.eye.mechanism.parameters) - size)
    verdict = "chosen" if found is chosen else compared(behind, needed)
    return RivalFit(
        mechanism=mechanism.name,
        title=mechanism.title,
        n_parameters=size,
        dof=dof,
        chi2=found.chi2,
        p_value=float(chdtrc(dof, found.chi2)) if dof > 0 else None,
        behind=behind,
        needed=needed,
        verdict=verdict,
        parameters=dict(zip(mechanism.names, _theta(found).tolist(), strict=True)),
        agreeing_starts=int(np.sum(found.reached < found.reached.min() + _CLOSE)),
        n_starts=int(found.reached.size),
        left_out=dict(zip(sources, refits[: len(masks)].tolist(), strict=False)),
        doubled=float(refits[-2]),
        halved=float(refits[-1]),
        correlated=None if correlated is None else float(correlated[0]),
    )


def published_mechanism_fit() -> MechanismFit:
    """Return the packaged fit of the packaged numbers, with a thousand draws.

    It was made by `fit_mechanism`; `python -m cxkinetics.mechanism.published` makes it anew.

    Returns
    -------
    MechanismFit

    Examples
    --------
    >>> round(published_mechanism_fit().chi2, 1)
    30.2
    """
    return _published()


@cache
def _published() -> MechanismFit:
    text = (files("cxkinetics.mechanism") / "published-fit.json").read_text(encoding="utf-8")
    return MechanismFit.from_json(text)
