"""`fit_spectra`: a first-order scheme fitted to whole spectra, and the noise about the fit.

The noise is read from the residual matrix E (n times x m wavelengths). The lag-1 correlation is pooled over
the wavelengths and corrected for what the fit takes out: with hundreds of columns that moment is as sharp
as the restricted likelihood of `cxkinetics.inference.ar1`, which would project every column anew at each
correlation tried; the whitening that follows is the one of that module. Wavelengths that move together
(a jumping baseline, a lamp) hold less information than their number says: the clustered covariance, in
which each time is one observation, shows by how much the standard errors must grow.

References
----------
Liang, Zeger, Biometrika 73, 13 (1986), doi 10.1093/biomet/73.1.13 (clustered covariance);
Newey, West, Econometrica 55, 703 (1987), doi 10.2307/1913610 (correlated clusters).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from cxkinetics.arrays import Array, BoolArray, along, finite_of, numbers_of, onto, thinned_out
from cxkinetics.calls import checked
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.inference.ar1 import sample_of
from cxkinetics.inference.criteria import aicc, bic
from cxkinetics.inference.variance import MOST, spread_of
from cxkinetics.kinetics.options import FitOptions
from cxkinetics.models.network import Network, decay_rates, network_of, parse_scheme
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.spectral.intervals import (
    Errors,
    breakpoint_estimates,
    covariance_of,
    lost_nearby,
    observed_rates,
    pseudo_covariance,
    rate_estimates,
    start_up_estimate,
    undetermined,
)
from cxkinetics.spectral.orders import fit_orders, judge_orders, reordered
from cxkinetics.spectral.prepare import (
    BASELINES,
    baseline_functions,
    fill_in_time,
    prepare,
    subtract_baseline,
)
from cxkinetics.spectral.problem import Problem, leading_factors
from cxkinetics.spectral.rank import Rank, rank_of_matrix
from cxkinetics.spectral.result import OrderVerdict, SpeciesSpectra, SpectraFit, SpectralNoise
from cxkinetics.spectral.search import Optimum, descend, find_optimum, sampled
from cxkinetics.spectral.species import (
    Solved,
    Working,
    known_spectra,
    problem_of,
    small_problem,
    solve_species,
    with_errors,
)

_PROBES = 3


class TimeCorrelation(NamedTuple):
    """Pooled lag-1 correlation, its number of standard errors from zero, and effective wavelengths."""

    rho: float
    z: float
    effective_columns: float


UNCORRELATED = TimeCorrelation(0.0, 0.0, 1.0)


def time_correlation(residuals: Sequence[Array], spans: Sequence[Array]) -> TimeCorrelation:
    """Return the lag-1 correlation of the noise, pooled over runs and wavelengths.

    Parameters
    ----------
    residuals : sequence of Array, shape (n, m)
        Residual matrices, not whitened.
    spans : sequence of Array, shape (n, s)
        Orthonormal bases of the concentrations that were projected out.
    """
    lagged = total = scale = 0.0
    spread, squares, n_times = 0.0, 0.0, 0
    for residual, span in zip(residuals, spans, strict=True):
        n, m = residual.shape
        size = float(np.einsum("ij,ij->", residual, residual))
        if n <= span.shape[1] + 1 or size == 0:
            continue
        variance = size / ((n - span.shape[1]) * m)
        removed = float(np.einsum("is,is->", span[1:], span[:-1])) * variance * m
        lagged += float(np.einsum("ij,ij->", residual[1:], residual[:-1])) + removed
        total += size
        scale += variance * (n - 1) * m
        spread += size**2
        squares += max(_squared_gram(residual) - size**2 / (n - span.shape[1]), size**2 / m)
        n_times += n
    if not total:
        return UNCORRELATED
    effective = spread / squares
    rho = float(np.clip(lagged / scale, -0.98, 0.98))
    return TimeCorrelation(rho, rho * float(np.sqrt(n_times * effective)), effective)


def _squared_gram(residual: Array) -> float:
    """Return |E'E|^2 by random signs (Hutchinson), which costs a few products with vectors."""
    m = residual.shape[1]
    if m <= _PROBES * 4:
        gram = residual.T @ residual
        return float(np.vdot(gram, gram))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (m, _PROBES))
    images = along(onto(residual, signs).T, residual)
    return float(np.einsum("ij,ij->", images, images)) / _PROBES


def cluster_factor(scores: Sequence[Array], information: Array, variance: float, whitened: bool) -> Array:
    """Return by how much clustered standard errors exceed those of independent readings, shape (p,).

    Parameters
    ----------
    scores : sequence of Array, shape (n, p)
        Sum over wavelengths of derivative times residual, for each time of each run.
    information : Array, shape (p, p)
        Information on the parameters per unit variance.
    variance : float
        Variance of one reading.
    whitened : bool
        Whether correlation in time was whitened away; otherwise neighbours are taken into account.
    """
    p = information.shape[0]
    meat = np.zeros((p, p))
    n_times = 0
    for score in scores:
        n = score.shape[0]
        n_times += n
        meat += score.T @ score
        lags = 0 if whitened else int(4 * (n / 100) ** (2 / 9))
        for lag in range(1, lags + 1 if n > 20 else 1):
            cross = score[lag:].T @ score[:-lag]
            meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    bread = np.linalg.pinv(information)
    clustered = np.diag(bread @ meat @ bread) * n_times / max(n_times - p, 1)
    plain = np.diag(bread) * variance
    factor: Array = np.sqrt(np.maximum(clustered, 0.0) / np.where(plain > 0, plain, np.inf))
    return factor


def column_spread(residuals: Sequence[Array], removed: int) -> list[Array]:
    """Return the standard deviation of each wavelength of each run, smoothed over five neighbours."""
    found = []
    for residual in residuals:
        free = max(residual.shape[0] - removed, 1)
        variance = np.einsum("nm,nm->m", residual, residual) / free
        padded = np.pad(variance, 2, mode="edge") if variance.size > 1 else np.repeat(variance, 5)
        smooth = np.convolve(padded, np.full(5, 0.2), mode="valid")
        found.append(np.sqrt(np.maximum(smooth, 1e-12 * max(float(smooth.max()), 1e-300))))
    return found


LONGEST_START = 0.2
"""Share of the run that mixing may take."""
_FILLS = 60  # rounds of filling masked cells: EM gains a digit in a few, unless much is masked


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What does not change between the rounds of a fit; `problem` is without runs."""

    problem: Problem
    start: Array | None
    rng: np.random.Generator
    rank: Rank  # of the first run
    options: Mapping[str, Any]  # as they are stored


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The state after a fit: runs (masked cells filled), their problem, its optimum and noise."""

    setup: Setup
    runs: tuple[Working, ...]
    problem: Problem
    optimum: Optimum
    rho: float
    correlation: TimeCorrelation = UNCORRELATED  # of the residuals
    photometric: float | None = None  # posterior weight of noise that grows with absorbance, where weighed

    def solved(self, theta: Array | None = None) -> list[Solved]:
        """Return the runs solved at the optimum, or at other parameters."""
        place = self.optimum.theta if theta is None else theta
        return [solve_species(run, self.problem, i, place) for i, run in enumerate(self.runs)]

    def noise(self) -> TimeCorrelation:
        """Return how the residuals at the optimum are correlated in time."""
        solved = self.solved()
        return time_correlation([item.residual for item in solved], [item.span for item in solved])


def box(network: Network, times_s: Sequence[Array], *, starting: bool) -> tuple[Array, Array]:
    """Return the bounds: of rates from a ten-thousandth of a decay in all to thirty per sample."""
    scheme = network.scheme
    n_free = len(scheme.rates) - len(scheme.fixed)
    times, span, shortest = sampled(times_s)
    n_breaks = scheme.n_stages - 1
    lower = np.concatenate([np.full(n_free, np.log(1e-4 / span)), np.full(n_breaks, times[0])])
    upper = np.concatenate([np.full(n_free, np.log(30 / shortest)), np.full(n_breaks, times[-1])])
    return np.append(lower, [0.0] * starting), np.append(upper, [LONGEST_START * span] * starting)


def noise_floor(runs: Sequence[Working]) -> float:
    """Return the variance that rounding alone may leave: below it the data hold no noise to speak of."""
    return max(1e-16 * run.factors.total / run.matrix.size for run in runs)


def solve(
    setup: Setup,
    runs: Sequence[Working],
    rho: float,
    theta: Array | None = None,
    floors: Sequence[Array] | None = None,
) -> Solution:
    """Return the optimum for an AR(1) correlation; from `theta` where that is near, else by search."""
    problem = problem_of(setup.problem, runs, rho=rho, floors=floors)
    if theta is None:
        optimum = find_optimum(problem, small_problem(problem, runs), setup.rng, setup.start)
    else:
        optimum = descend(problem, theta)
    for _ in range(_FILLS if any(run.masked.any() for run in runs) else 0):
        runs, change = _filled(runs, problem, optimum)
        problem = problem_of(setup.problem, runs, rho=rho, floors=floors)
        optimum = descend(problem, optimum.theta)
        if change < 1e-7:
            break
    return Solution(setup, tuple(runs), problem, optimum, rho)


def _filled(runs: Sequence[Working], problem: Problem, optimum: Optimum) -> tuple[list[Working], float]:
    """Put the model into the masked cells (the E step of EM); return the runs and the largest change."""
    done, change = [], 0.0
    for i, run in enumerate(runs):
        matrix = run.matrix
        if run.masked.any():
            model = solve_species(run, problem, i, optimum.theta).model(run)
            matrix = np.where(run.masked, model, run.matrix)
            size = float(np.abs(run.matrix).max()) or 1.0
            change = max(change, float(np.abs(matrix - run.matrix).max()) / size)
        done.append(replace(run, matrix=matrix))
    return done, change


_APART = 0.05  # in ln k: far enough to see a slope, near enough to change the misfit by nothing


def assemble(solution: Solution, warnings: Sequence[Remark], seed: int) -> SpectraFit:
    """Return the result of a solved fit.

    Parameters
    ----------
    solution : Solution
        The fit.
    warnings : sequence of Remark
        From the preparation.
    seed : int
        To be stored.

    Raises
    ------
    FitError
        If the fit has as many amplitudes as data.
    """
    setup, problem = solution.setup, solution.problem
    cells, amplitudes = _count(solution)
    apart = replace(solution, optimum=_off_coalescence(problem, solution.optimum))
    _, flat = undetermined(apart.optimum.evaluation.information)
    n_parameters = problem.n_parameters - flat.shape[0]
    dof = cells - amplitudes - n_parameters
    if dof <= 0:
        raise FitError(
            f"{cells} readings cannot hold {amplitudes} amplitudes and {n_parameters} parameters; "
            "take a smaller scheme, or more spectra"
        )
    variance = apart.optimum.evaluation.rss / dof
    verdict, optimum, solved, lost = _ordered(apart, variance)
    errors = _errors(replace(apart, optimum=optimum), solved, lost, flat, variance=variance, dof=dof)
    rates, others = rate_estimates(errors, verdict)
    breaks = breakpoint_estimates(errors)
    deviance = cells * np.log(max(optimum.evaluation.rss, 1e-300) / cells) + _log_determinant(solution)
    k = n_parameters + amplitudes + 1 + (solution.rho != 0)
    parts = list(zip(solution.runs, solved, strict=True))
    squares = [float(np.mean(np.square(item.unweighted(run)))) for run, item in parts]
    return SpectraFit(
        series=tuple(run.series for run in solution.runs),
        scheme=problem.network.scheme.text,
        options=dict(setup.options),
        rates=rates,
        breakpoints_s=breaks,
        start_up_s=start_up_estimate(errors),
        observed_rates=observed_rates(errors),
        rates_per_s=problem.rates(optimum.theta),
        breaks_s=problem.breakpoints(optimum.theta),
        start_s=problem.start_up(optimum.theta),
        spectra=tuple(_species(run, item, problem) for run, item in parts),
        baselines=tuple(item.baseline(run) for run, item in parts),
        parameter_names=errors.names,
        covariance=errors.covariance,
        rank=setup.rank,
        rss=optimum.evaluation.rss,
        n_cells=cells,
        n_amplitudes=amplitudes,
        dof=dof,
        redchi=variance,
        aicc=finite_or_none(aicc(deviance, k, cells)),
        bic=bic(deviance, k, cells),
        noise=SpectralNoise(
            sd=float(np.sqrt(np.mean(squares) * (cells / dof))),
            ar1=solution.rho,
            lag1_autocorrelation=solution.correlation.rho,
            effective_wavelengths=solution.correlation.effective_columns,
            error_factor=float(errors.factor.max(initial=1.0)),
            weights=str(setup.options["weights"]) if solution.runs[0].weights is not None else "none",
            model="photometric" if solution.runs[0].cells is not None else "ar1" if solution.rho else "white",
            photometric=solution.photometric,
        ),
        order=verdict,
        warnings=(*warnings, *_remarks(solution, errors, solved, breaks), *others),
        flags=_flags(optimum, errors, verdict),
        seed=seed,
    )


def _ordered(solution: Solution, variance: float) -> tuple[OrderVerdict, Optimum, list[Solved], BoolArray]:
    """Return the order of the species, the optimum in that order, its runs, and the parameters lost."""
    problem, optimum, options = solution.problem, solution.optimum, solution.setup.options
    lost, flat = undetermined(optimum.evaluation.information)
    steps = problem.breaks.stop

    def solve_at(place: Optimum) -> list[Solved]:
        information = place.evaluation.information
        _, directions = undetermined(information)
        covariance = pseudo_covariance(information, variance)
        return [
            with_errors(item, run, problem.known, covariance, directions, variance=variance)
            for item, run in zip(solution.solved(place.theta), solution.runs, strict=True)
        ]

    if lost[:steps].any():  # of the start-up time the order of the species does not depend
        text = "the data determine only combinations of the rate constants, so no order of the species"
        verdict = OrderVerdict(decided_by="undecided", text=text, orders=())
        return verdict, optimum, solve_at(optimum), lost_nearby(problem, optimum, flat)
    # without noise to speak of every order would differ by infinitely many variances
    judging = max(variance, noise_floor(solution.runs))
    optima, gap = fit_orders(problem, optimum, judging)
    floats = options["baseline"] != "none" and not options["baseline_region_nm"]
    preferred = solution.setup.start
    found = judge_orders(problem, optima, solve_at, judging, gap, preferred=preferred, baseline_floats=floats)
    return *found, lost


def _errors(
    solution: Solution, solved: Sequence[Solved], lost: BoolArray, flat: Array, *, variance: float, dof: int
) -> Errors:
    """Return what the intervals are made from: the covariance, widened where wavelengths move together."""
    problem, optimum, options = solution.problem, solution.optimum, solution.setup.options
    factor, times = _widening([item.scores() for item in solved], solution, variance)
    if variance <= noise_floor(solution.runs):
        factor = np.ones_like(factor)  # rounding alone is left, which says nothing of the wavelengths
    covariance = covariance_of(optimum.evaluation.information, variance) * np.outer(factor, factor)
    covariance[lost] = covariance[:, lost] = np.nan
    whole = options["nonnegative"] or problem.n_parameters == 0
    small = problem if whole else small_problem(problem, solution.runs)
    return Errors(
        problem=problem,
        small=small,
        optimum=optimum,
        small_optimum=optimum if whole else descend(small, optimum.theta),
        covariance=covariance,
        lost=lost,
        flat=flat,
        variance=variance,
        factor=factor,
        dof=np.where(factor > 1, np.minimum(times, dof), dof),
        confidence=options["confidence"],
        method=options["intervals"],
    )


def _species(run: Working, solved: Solved, problem: Problem) -> SpeciesSpectra:
    known = solved.determined[:, None]
    return SpeciesSpectra(
        label=run.series.label,
        species=problem.network.scheme.species,
        wavelength_nm=run.series.wavelength_nm,
        values=np.where(known, solved.values, np.nan),
        errors=np.where(known, solved.errors, np.nan),
    )


def _off_coalescence(problem: Problem, optimum: Optimum) -> Optimum:
    """Move two rate constants apart that meet: there the misfit is even in their difference, not flat."""
    if not undetermined(optimum.evaluation.information)[0].any() or problem.network.scheme.n_stages > 1:
        return optimum
    decay = decay_rates(problem.network, problem.rates(optimum.theta))
    if decay.size < 2 or np.min(-np.diff(decay) / decay[:-1]) > 0.02:
        return optimum
    for first in range(problem.free_rates.size):
        for second in range(first + 1, problem.free_rates.size):
            theta = optimum.theta.copy()
            theta[first] += _APART
            theta[second] -= _APART
            trial = problem.evaluate(theta)
            apart = not undetermined(trial.information)[0].any()
            if apart and trial.rss <= optimum.evaluation.rss * (1 + 1e-4):
                return Optimum(theta, trial, optimum.converged)
    return optimum


def _count(solution: Solution) -> tuple[int, int]:
    """Cells that carry information, and amplitudes taken out of them."""
    cells = amplitudes = 0
    parts = zip(solution.runs, solution.problem.runs, solution.optimum.evaluation.projections, strict=True)
    for work, run, projection in parts:
        n, m = work.matrix.shape
        cells += n * m - int(work.masked.sum())
        amplitudes += n * work.functions.shape[0]
        if solution.setup.options["nonnegative"]:
            amplitudes += projection.n_amplitudes
        else:  # the columns that are fitted may be fewer than the wavelengths
            profiles = projection.n_amplitudes // run.data.shape[1]
            amplitudes += profiles * (m - work.functions.shape[0])
    return cells, amplitudes


def _widening(scores: Sequence[Array], solution: Solution, variance: float) -> tuple[Array, Array]:
    """Return the factor on each standard error and the effective number of independent times behind it."""
    information = solution.optimum.evaluation.information
    p = information.shape[0]
    if p == 0:
        return np.ones(0), np.ones(0)
    # The factor is itself an estimate from few independent times. How few, the fourth moment of the scores
    # says (3 for a normal one); below three of its standard errors it is no sign of common motion.
    raw = cluster_factor(scores, information, variance, solution.rho != 0)
    stacked = np.vstack(list(scores))
    fourth = np.sum(stacked**4, axis=0)
    squares = np.sum(stacked**2, axis=0) ** 2
    times = np.where(fourth > 0, 3 * squares / np.where(fourth > 0, fourth, 1.0), 1.0)
    times = np.clip(times, 1.0, stacked.shape[0])
    limit = 1 + 3 * np.sqrt(0.5 / times)
    return np.where(raw > limit, raw, 1.0), np.maximum(times - p, 2.0)


def _log_determinant(solution: Solution) -> float:
    total = 0.0
    for run, ready in zip(solution.runs, solution.problem.runs, strict=True):
        total += run.matrix.shape[1] * float(ready.whitening.log_determinant)
        total -= 0.0 if run.cells is None else float(np.log(run.cells).sum())
        if run.weights is not None:
            total -= 2 * run.matrix.shape[0] * float(np.log(run.weights).sum())
    return total


def _flags(optimum: Optimum, errors: Errors, verdict: OrderVerdict) -> tuple[str, ...]:
    problem = errors.problem
    low, high = optimum.theta <= problem.lower + 1e-9, optimum.theta >= problem.upper - 1e-9
    at_wall = (low | high)[: problem.breaks.stop]  # a start-up time of zero is none of these
    found = [
        ("not_converged", not optimum.converged),
        ("at_bound", bool(at_wall.any())),
        ("not_determined", bool(errors.lost[: problem.breaks.stop].any())),
        ("order_undecided", verdict.decided_by == "undecided"),
        ("errors_widened", bool((errors.factor > 1).any())),
    ]
    return tuple(name for name, true in found if true)


def _weight_rows(solution: Solution) -> list[tuple[bool, str, str]]:
    """Return what is said of weights found from residuals: whether, code, text."""
    weights = next((run.weights for run in solution.runs if run.weights is not None), np.ones(1))
    cells = next((run.cells for run in solution.runs if run.cells is not None), np.ones(1))
    spread = float(np.sqrt(cells.max() / cells.min()))
    ratio = float(weights.max() / weights.min()) if solution.setup.options["weights"] == "auto" else 1.0
    return [
        (
            ratio > 1,
            "wavelengths_weighted",
            f"wavelengths weighted by their residuals, which differ up to {ratio:.2g}-fold",
        ),
        (
            solution.runs[0].cells is not None,
            "noise_grows",
            f"readings weighted by how their noise grows with absorbance: the sd differs {spread:.2g}-fold",
        ),
    ]


def _remarks(
    solution: Solution, errors: Errors, solved: Sequence[Solved], breaks: Sequence[Estimate]
) -> list[Remark]:
    rank, species = solution.setup.rank, errors.problem.network.scheme.species
    shown = rank.n_components
    asked = solved[0].span.shape[1] + int(np.any(solution.runs[0].known != 0, axis=1).sum())
    lost = [name for name, known in zip(species, solved[0].determined, strict=True) if not known]
    widest = errors.factor.max(initial=1.0)
    rows = [
        (
            asked > shown,
            "rank_below_scheme",
            f"the scheme asks for {asked} independent spectra, the data show {shown} above the noise: "
            "look at the intervals, or take fewer species",
        ),
        (
            asked < shown,
            "rank_above_scheme",
            f"the data show {shown} independent spectra, the scheme explains {asked}: "
            "look at the residual map; one more species, a baseline or a moving band may be missing",
        ),
        (rank.note, "rank_doubtful", rank.note),
        *(
            (
                estimate.value is None or (estimate.low is None and estimate.high is None),
                "breakpoint_not_resolved",
                f"the {estimate.name} is not resolved: one rate constant fits as well as two",
            )
            for estimate in breaks
        ),
        (
            lost,
            "spectra_not_determined",
            f"the data do not determine the spectra of {', '.join(lost)} one by one; "
            "a known spectrum, or a colourless species, would",
        ),
        (
            widest > 1,
            "errors_widened",
            f"standard errors widened by up to {widest:.2g}: the residuals of different "
            "wavelengths move together, by a moving baseline or a misfit of the scheme",
        ),
        *_weight_rows(solution),
        (
            solution.rho,
            "correlated_noise",
            f"noise correlated in time: AR(1) with {solution.rho:.2f} between neighbours, whitened away",
        ),
        (
            not solution.optimum.converged,
            "not_converged",
            "the fit did not converge; do not trust its numbers",
        ),
    ]
    return [Remark(code, text) for said, code, text in rows if said]


_FACTORS = 10  # more components than any scheme has species
_ROUNDS = 4  # of noise and fit: the correlation settles to 0.005 in two or three
_BELOW = 3.0  # standard errors that a spectrum held non-negative may lie below zero
_UNEVEN = 2.0  # residual spreads of wavelengths that differ by less are alike
LIKELY = 0.5
"""Posterior weight of noise that grows with absorbance from which readings are weighted by it."""
NOISES = ("auto", "white", "ar1", "photometric")
_SORTED = 40 * MOST  # readings at most that are sorted by absorbance: ranks true to half a per cent
_CORRELATED = 0.05  # weaker correlation in time than this is left alone


@checked(
    "scheme",
    "known",
    "colourless",
    "initial",
    "nonnegative",
    "start",
    "baseline",
    "baseline_region_nm",
    "baseline_power",
    "weights",
    "noise",
    "window",
    "wavelength_range_nm",
    "t0",
    "start_up",
    "highest_absorbance",
    "intervals",
    "confidence",
    "rng",
)
def fit_spectra(
    data: SpectralSeries | Sequence[SpectralSeries],
    scheme: str = "A -> B",
    *,
    known: Mapping[str, Any] | None = None,
    colourless: Sequence[str] = (),
    initial: Mapping[str, float] | None = None,
    nonnegative: bool = False,
    start: Mapping[str, float] | None = None,
    baseline: str = "none",
    baseline_region_nm: tuple[float, float] | Sequence[tuple[float, float]] | None = None,
    baseline_power: float = 4.0,
    weights: Any = "auto",
    noise: str = "auto",
    window: tuple[float | None, float | None] | None = None,
    wavelength_range_nm: tuple[float | None, float | None] | None = None,
    t0: float | str | None = None,
    start_up: float | str = "none",
    highest_absorbance: float | None = 3.0,
    intervals: str = "profile",
    confidence: float = 0.95,
    rng: int | None = None,
) -> SpectraFit:
    """Fit rate constants and species spectra of a first-order scheme to whole spectra.

    Parameters
    ----------
    data : SpectralSeries or sequence of SpectralSeries
        One run, or several that share the rate constants (each with spectra of its own).
    scheme : str
        E.g. "A -> B; B -> C", "A -> B; A -> C", "A <-> B; B -> C", or "A -> B | A -> B" for a rate
        constant that changes at a breakpoint; see `cxkinetics.models.network`. A name in brackets
        names a rate constant, a value holds it: "A -> B [k1=0.056]; B -> C".
    known : mapping, optional
        Species -> spectrum per unit concentration (values on the axis of the data, a pair
        (wavelengths, values), a pandas Series, or a number): held as a constraint. Known molar
        absorptivities times path length belong here, with `initial` in mol/L.
    colourless : sequence of str
        Species known not to absorb.
    initial : mapping, optional
        Concentrations at time zero; 1 for each starting species by default, so that a species
        spectrum is the absorbance it would have alone.
    nonnegative : bool
        Hold all free species spectra above zero, up to three standard errors of one point (held at
        zero itself, spectra that really are near zero would bias the rate constants).
    start : mapping, optional
        Rate constants (1/s) to start from, and tb, tb2, ... (s) for breakpoints. They decide between
        orders of the species that fit alike.
    baseline : {"none", "constant", "linear", "scatter"}
        Baseline of each spectrum; "scatter" is wavelength^-`baseline_power` plus a constant.
    baseline_region_nm : pair of float, or several of them, optional
        Where nothing absorbs: the baseline is fitted there and subtracted. Without it the baseline is
        fitted together with the kinetics.
    baseline_power : float
        Exponent of the scatter term; 4 for particles much smaller than the wavelength.
    weights : "auto", array_like of shape (m,), or None
        1/sd of each wavelength (only ratios matter). "auto" takes the residuals of a first fit where
        they differ by more than twofold between wavelengths; None weighs all alike.
    noise : {"auto", "white", "ar1", "photometric"}
        "ar1" estimates the correlation in time from the residuals and whitens it away; "photometric"
        weighs each reading by how the noise grows with absorbance, which the residuals say; "auto" does
        what they call for (a correlation above 0.05 and four standard errors; of the two, growth first);
        "white" assumes none of it.
    window, wavelength_range_nm : pair of float or None, optional
        Times (s, on the file's clock) and wavelengths (nm) that are fitted; None for an open end.
    t0 : float or "auto", optional
        When the reaction starts, s; "auto" finds it where the wavelength that changes most shows a flat
        start or a jump; by default 0, or the first time kept where that is far from 0.
    start_up : "none", "auto" or float
        Time constant tau of mixing or of the instrument, s: the scheme runs on the clock
        t - tau (1 - exp(-t/tau)). "auto" fits it (0 at least), and every interval holds its uncertainty.
        Breakpoints are told on that clock, tau earlier than on the one of the spectra, as in `fit_stages`.
    highest_absorbance : float, optional
        Wavelengths whose median absorbance exceeds this are left out; None keeps them all.
    intervals : {"profile", "wald"}
        How intervals of rate constants are made.
    confidence : float
        Coverage of the intervals, between 0 and 1.
    rng : int, optional
        Seed of the starts where there are more than three rate constants.

    Returns
    -------
    SpectraFit
        `rate_constants`, `species_spectra`, `order`, `rank`, residuals, `to_dict()`.

    Raises
    ------
    UsageError
        If an option or the scheme is off.
    InputError
        If too few spectra or wavelengths are left.
    FitError
        If the fit has more amplitudes than data.

    References
    ----------
    Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973), doi 10.1137/0710036.

    Examples
    --------
    >>> time, wavelength = np.linspace(0, 100, 60), np.arange(300.0, 360.0, 2)
    >>> bands = np.exp(-0.5 * ((wavelength - np.array([[324.0], [340.0]])) / 8) ** 2)
    >>> shares = np.stack([np.exp(-0.056 * time), 1 - np.exp(-0.056 * time)], axis=1)
    >>> noise = 0.003 * np.random.default_rng(1).standard_normal((60, 30))
    >>> series = SpectralSeries(time_s=time, wavelength_nm=wavelength, absorbance=shares @ bands + noise)
    >>> round(fit_spectra(series, "A -> B").rate_constants[0].value, 3)
    0.056
    """
    _check(baseline, noise, intervals, confidence, weights)
    timed = FitOptions.of(t0=t0, start_up=start_up)
    regions = _regions(baseline_region_nm)
    parsed = parse_scheme(scheme)
    network = network_of(parsed, initial)
    runs, warnings = [], []
    mask = np.zeros(len(parsed.species), bool)
    cut: dict[str, Any] = {
        "window": window, "wavelength_range_nm": wavelength_range_nm, "t0": timed.t0,
        "highest_absorbance": highest_absorbance,
    }  # fmt: skip
    for series in _series_of(data):
        if regions and baseline != "none":
            series = subtract_baseline(series, baseline, regions, baseline_power)
        part, start_s = prepare(series, **cut)
        axis = part.wavelength_nm
        spectra, mask = known_spectra(parsed.species, axis, known, colourless)
        # a baseline with a region of its own is subtracted already
        functions = baseline_functions("none" if regions else baseline, axis, baseline_power)
        runs.append(_working(part, start_s, spectra, functions, weights))
        warnings += list(part.remarks)
    options = {
        "known": sorted(known or {}), "colourless": list(colourless), "initial": _floats(initial),
        "nonnegative": nonnegative, "start": _floats(start), "baseline": baseline,
        "baseline_region_nm": [[finite_or_none(end) for end in region] for region in regions],
        "baseline_power": baseline_power,
        "weights": "none" if weights is None else weights if isinstance(weights, str) else "given",
        "noise": noise, "window": None if window is None else list(window),
        "wavelength_range_nm": None if wavelength_range_nm is None else list(wavelength_range_nm),
        "t0": [run.t0_s for run in runs], "start_up": timed.start_up,
        "highest_absorbance": highest_absorbance,
        "intervals": intervals, "confidence": confidence,
    }  # fmt: skip
    _require_cells(runs, nonnegative, noise)
    blank, seed = _blank(network, mask, runs, timed), int(rng or 0)
    rank = rank_of_matrix(runs[0].matrix, runs[0].factors)
    setup = Setup(blank, _start(blank, start), np.random.default_rng(seed), rank, options)
    return assemble(_with_noise(setup, _enough(setup, runs)), tuple(dict.fromkeys(warnings)), seed)


def _working(part: SpectralSeries, start_s: float, spectra: Array, functions: Array, weights: Any) -> Working:
    matrix = fill_in_time(part.time_s, part.absorbance)
    given = None if weights is None or isinstance(weights, str) else _weights(weights, matrix.shape[1])
    return Working(part, start_s, matrix, spectra, functions, given, leading_factors(matrix, _FACTORS))


def _floats(given: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if given is None else {name: float(value) for name, value in given.items()}


def _series_of(data: SpectralSeries | Sequence[SpectralSeries]) -> list[SpectralSeries]:
    items: list[Any] = list(data) if isinstance(data, (list, tuple)) else [data]
    for item in items:
        if not isinstance(item, SpectralSeries):
            raise UsageError(
                f"fit_spectra needs spectra against time (SpectralSeries), not a {type(item).__name__}; "
                "fit_stages fits a trace"
            )
    if not items:
        raise UsageError("no spectra were given")
    return items


def _check(baseline: str, noise: str, intervals: str, confidence: float, weights: Any) -> None:
    for name, value, allowed in (
        ("baseline", baseline, BASELINES),
        ("noise", noise, NOISES),
        ("intervals", intervals, ("profile", "wald")),
    ):
        if value not in allowed:
            raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0 and 1")
    if isinstance(weights, str) and weights != "auto":
        raise UsageError(f"weights is {weights!r}; give one number per wavelength, or 'auto'")


def _blank(network: Network, mask: BoolArray, runs: Sequence[Working], timed: FitOptions) -> Problem:
    """Return the problem without its data."""
    said = timed.start_up
    given = {"auto": None, "none": 0.0}[said] if isinstance(said, str) else said
    limits = box(network, [run.time_s for run in runs], starting=given is None)
    return Problem(network, (), mask, *limits, given)


def _require_cells(runs: Sequence[Working], nonnegative: bool, noise: str) -> None:
    """Refuse weights of single readings beside what ties the wavelengths of a spectrum together."""
    tied = "spectra held above zero" if nonnegative else "a baseline fitted with the kinetics"
    if noise == "photometric" and (nonnegative or any(run.functions.size for run in runs)):
        raise UsageError(
            f"noise 'photometric' weighs each reading alone, which cannot be done beside {tied}; "
            "subtract a baseline with --baseline-region, or take --noise auto"
        )


def _regions(given: Any) -> list[tuple[float, float]]:
    if given is None:
        return []
    try:
        pairs = np.atleast_2d(finite_of("baseline_region_nm", given))
    except InputError as wrong:
        raise UsageError(f"{wrong}; it needs (low, high) in nm, or a list of such pairs") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise UsageError("baseline_region_nm needs (low, high) in nm, or a list of such pairs")
    return [(low, high) for low, high in pairs.tolist()]


def _weights(given: Any, size: int) -> Array:
    weights = numbers_of("weights", given)
    if weights.shape != (size,) or not np.all(np.isfinite(weights) & (weights > 0)):
        raise UsageError(f"weights need one positive number for each of the {size} wavelengths fitted")
    scaled: Array = weights / np.sqrt(np.mean(weights**2))
    return scaled


def _start(problem: Problem, given: Mapping[str, float] | None) -> Array | None:
    if given is None:
        return None
    names, n_rates = problem.names, problem.free_rates.size
    if unknown := [name for name in given if name not in names]:
        raise UsageError(f"'{unknown[0]}' in start is unknown; the scheme has {', '.join(names)}")
    theta = (problem.lower + problem.upper) / 2
    for i, name in enumerate(names):
        if name in given:
            value = float(given[name])
            if i < n_rates and not value > 0:
                raise UsageError(f"start {name} is {value:g}; a rate constant must be positive")
            theta[i] = np.log(value) if i < n_rates else value
    return np.clip(theta, problem.lower, problem.upper)


def _enough(setup: Setup, runs: Sequence[Working]) -> Sequence[Working]:
    """Return the runs, refused where one has too few spectra."""
    free = int((~setup.problem.known).sum())
    for run in runs:
        if run.time_s.size <= free:
            raise FitError(
                f"{run.time_s.size} spectra cannot hold the spectra of {free} species; "
                "take a smaller scheme, or give known spectra"
            )
    return runs


def _with_noise(setup: Setup, runs: Sequence[Working]) -> Solution:
    """Fit, read the noise from the residuals, fit again until neither changes."""
    noise = setup.options["noise"]
    solution = solve(setup, runs, 0.0)
    if noise in ("auto", "photometric"):
        solution = _weighed(solution)
    if setup.options["weights"] == "auto":
        solved = solution.solved()
        left = [
            item.residual if run.cells is None else item.residual * np.sqrt(run.cells)
            for item, run in zip(solved, solution.runs, strict=True)
        ]
        spreads = column_spread(left, solved[0].span.shape[1])
        weighted = [_reweighted(run, spread) for run, spread in zip(solution.runs, spreads, strict=True)]
        if any(run.weights is not None for run in weighted):
            grows = solution.photometric
            solution = replace(solve(setup, weighted, 0.0, solution.optimum.theta), photometric=grows)
    correlation = solution.noise()
    # four standard errors: with many wavelengths a correlation too weak to matter is still significant
    correlated = noise == "ar1" or (abs(correlation.z) > 4 and abs(correlation.rho) > _CORRELATED)
    cells = sum(run.matrix.size for run in solution.runs)
    correlated &= solution.optimum.evaluation.rss > cells * noise_floor(solution.runs)
    correlated &= noise != "white" and all(run.cells is None for run in solution.runs)
    if correlated and any(run.time_s.size >= 12 for run in solution.runs):
        for _ in range(_ROUNDS):
            if abs(correlation.rho - solution.rho) < 0.005:
                break
            found = solve(setup, solution.runs, correlation.rho, solution.optimum.theta)
            solution = replace(found, photometric=solution.photometric)
            correlation = solution.noise()
    if setup.options["nonnegative"]:
        solution = _above_zero(solution)
    return replace(solution, correlation=correlation)


def _weighed(solution: Solution) -> Solution:
    """Weigh each reading by how the noise grows with absorbance, where it does."""
    demanded = solution.setup.options["noise"] == "photometric"
    tied = solution.setup.options["nonnegative"] or any(run.functions.size for run in solution.runs)
    floor = len(solution.runs) * noise_floor(solution.runs) * solution.runs[0].matrix.size
    if tied or (solution.optimum.evaluation.rss <= floor and not demanded):
        return solution
    parts = list(zip(solution.solved(), solution.runs, strict=True))
    grown = [
        noise_growth(item.unweighted(run), item.concentration, item.values, run.series.unit)
        for item, run in parts
    ]
    share = float(np.mean([growth.share for growth in grown]))
    if not demanded and share < LIKELY:
        return replace(solution, photometric=share)
    runs = [
        replace(run, cells=growth.cells(item.model(run)))
        for growth, (item, run) in zip(grown, parts, strict=True)
    ]
    return replace(solve(solution.setup, runs, 0.0, solution.optimum.theta), photometric=share)


class Growth(NamedTuple):
    """How the noise grows with absorbance.

    Attributes
    ----------
    level, sigma : Array, shape (k,)
        Absorbances, ascending, and the relative standard deviations there.
    share : float
        Posterior weight of noise that grows.
    """

    level: Array
    sigma: Array
    share: float

    def cells(self, fitted: Array) -> Array:
        """Return 1/variance of each reading (n, m), relative, geometric mean one."""
        above, known = np.maximum(fitted - self.level[0], 0.0), self.level - self.level[0]
        cells = np.interp(np.log(above + 1.0), np.log(known + 1.0), self.sigma) ** -2.0
        told: Array = cells / np.exp(np.mean(np.log(cells)))
        return told


def noise_growth(residual: Array, concentration: Array, spectra: Array, unit: str) -> Growth:
    """Return how the noise grows with absorbance, and how sure that is.

    The patterns are those of `cxkinetics.inference.variance`, weighed by their likelihood in second
    differences along time (which take out what a fit leaves of the kinetics), sorted by absorbance. Of a
    large matrix this takes the same random share of the readings each time.

    Parameters
    ----------
    residual : Array, shape (n, m)
        Of a first fit, in the unit of the data.
    concentration, spectra : Array, shape (n, species) and (species, m)
        Whose product is that fit.
    unit : str
        Of the signal; noise of one that is no absorbance can only be proportional to it.
    """
    n, m = residual.shape
    count = (n - 2) * m
    pick = np.random.default_rng(0).choice
    chosen = np.arange(count) if count <= _SORTED else pick(count, _SORTED, replace=False, shuffle=False)
    row, column = np.divmod(chosen, m)
    level = np.einsum("ks,sk->k", concentration[row + 1], spectra[:, column])
    order = thinned_out(np.argsort(level, kind="stable"), MOST)
    row, column, level = row[order], column[order], level[order]
    rough = residual[row, column] - 2 * residual[row + 1, column] + residual[row + 2, column]
    curve = level - level[0]
    signal = rough / np.sqrt(6.0) + curve
    sample = sample_of(Trace(time_s=np.arange(float(order.size)), absorbance=signal))
    absorbance = level if unit == "AU" else None
    spread = spread_of(sample, curve / sample.scale, level=absorbance, model="photometric")
    return Growth(level, spread.sigma, spread.photometric)


def _reweighted(run: Working, spread: Array) -> Working:
    """Weigh the wavelengths by their residuals, where these differ by more than noise would."""
    low, high = np.quantile(spread, [0.1, 0.9])
    if high <= _UNEVEN * low or run.time_s.size < 12:
        return run
    # no wavelength may outweigh the others by more than tenfold, however well it happens to be met
    weights = 1 / np.maximum(spread, np.median(spread) / 10)
    return replace(run, weights=weights / np.sqrt(np.mean(weights**2)))


def _above_zero(solution: Solution) -> Solution:
    """Hold the spectra above zero within their noise, from every order of the rate constants."""
    variance = solution.optimum.evaluation.rss / sum(run.matrix.size for run in solution.runs)
    floors, known = [], solution.problem.known
    for item, run in zip(solution.solved(), solution.runs, strict=True):
        own = np.zeros(known.size)
        own[~known] = _BELOW * np.sqrt(variance * np.diag(item.back @ item.back.T))
        floors.append(-own[:, None] / (np.ones(run.matrix.shape[1]) * run.weight))
    theta = solution.optimum.theta
    # constraints make the orders optima of their own: a descent from one does not reach the others
    few = solution.problem.free_rates.size <= 4
    starts = reordered(solution.problem, theta) if few else [theta]
    trials = [solve(solution.setup, solution.runs, solution.rho, start, floors) for start in starts]
    return min(trials, key=lambda trial: trial.optimum.evaluation.rss)
