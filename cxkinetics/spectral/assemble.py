"""From a solved fit to its result: errors, intervals, order, remarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark
from cxkinetics.spectral.descent import Setup, Solution, noise_floor
from cxkinetics.spectral.estimates import Errors, breakpoint_estimates, observed_rates, rate_estimates
from cxkinetics.spectral.intervals import covariance_of, lost_nearby, pseudo_covariance, undetermined
from cxkinetics.spectral.network import decay_rates
from cxkinetics.spectral.noise import TimeCorrelation, cluster_factor
from cxkinetics.spectral.orders import SolvedRun, fit_orders, judge_orders
from cxkinetics.spectral.parts import OrderVerdict, SpeciesSpectra, SpectralNoise
from cxkinetics.spectral.problem import Problem, row_whitening
from cxkinetics.spectral.rank import Rank
from cxkinetics.spectral.result import SpectraFit
from cxkinetics.spectral.search import Optimum, descend
from cxkinetics.spectral.species import solve_species, spectra_errors

__all__ = ["Judged", "assemble"]


_APART = 0.05  # in ln k


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is known of a fit before its intervals are made."""

    solution: Solution
    correlation: TimeCorrelation
    rank: Rank
    baseline_floats: bool
    weighted: bool


def assemble(
    judged: Judged, setup: Setup, options: Mapping[str, Any], warnings: Sequence[Remark], seed: int
) -> SpectraFit:
    """Return the result of a solved fit.

    Parameters
    ----------
    judged, setup
        The fit.
    options : mapping
        To be stored; "confidence" and "intervals" are used.
    warnings : sequence of Remark
        From the preparation.
    seed : int
        To be stored.

    Raises
    ------
    FitError
        If the fit has as many amplitudes as data.
    """
    solution = judged.solution
    optimum, problem = solution.optimum, solution.problem
    cells, amplitudes = _count(solution, setup)
    optimum = _off_coalescence(problem, optimum)
    lost, flat = undetermined(optimum.evaluation.information)
    n_parameters = problem.n_parameters - flat.shape[0]
    dof = cells - amplitudes - n_parameters
    if dof <= 0:
        raise FitError(
            f"{cells} readings cannot hold {amplitudes} amplitudes and {n_parameters} parameters; "
            "take a smaller scheme, or more spectra"
        )
    variance = optimum.evaluation.rss / dof
    rounding = noise_floor(solution.runs)
    noisy = variance > rounding
    judging = max(variance, rounding)

    def solve_at(place: Optimum) -> list[SolvedRun]:
        information = place.evaluation.information
        _, directions = undetermined(information)
        covariance = pseudo_covariance(information, variance)
        runs = []
        for i, run in enumerate(solution.runs):
            solved = solve_species(run, problem, i, place.theta, solution.rho)
            errors, known = spectra_errors(solved, run, setup.known, covariance, directions, variance)
            runs.append(SolvedRun(solved, errors, known))
        return runs

    if lost.any():
        lost = lost_nearby(problem, optimum, flat)
        solved = solve_at(optimum)
        verdict = OrderVerdict(
            decided_by="undecided",
            text="the data determine only combinations of the rate constants, so no order of the species",
            orders=(),
        )
    else:
        optima, gap = fit_orders(problem, optimum, judging)
        verdict, optimum, solved = judge_orders(
            problem,
            optima,
            solve_at,
            judging,
            gap,
            preferred=setup.start,
            baseline_floats=judged.baseline_floats,
        )
    scores = [item.solved.scores() for item in solved]
    factor, times = _widening(scores, optimum, variance, solution)
    if not noisy:
        factor = np.ones_like(factor)
    covariance = covariance_of(optimum.evaluation.information, variance) * np.outer(factor, factor)
    covariance[lost] = covariance[:, lost] = np.nan
    small = problem if setup.nonnegative or problem.n_parameters == 0 else solution.small
    errors = Errors(
        problem=problem,
        small=small,
        optimum=optimum,
        small_optimum=optimum if small is problem else descend(small, optimum.theta),
        covariance=covariance,
        lost=lost,
        flat=flat,
        variance=variance,
        factor=factor,
        dof=np.where(factor > 1, np.minimum(times, dof), dof),
        confidence=options["confidence"],
        profile=options["intervals"] == "profile",
    )
    rates, others = rate_estimates(errors, verdict)
    breaks = breakpoint_estimates(errors)
    log_likelihood_term = cells * np.log(max(optimum.evaluation.rss, 1e-300) / cells)
    log_likelihood_term += _log_determinant(solution)
    k = n_parameters + amplitudes + 1 + (solution.rho != 0)
    room = cells - k - 1
    return SpectraFit(
        series=tuple(run.prepared.series for run in solution.runs),
        scheme=problem.network.scheme.text,
        options=dict(options),
        rates=rates,
        breakpoints_s=breaks,
        observed_rates=observed_rates(errors),
        rates_per_s=problem.rates(optimum.theta),
        breaks_s=problem.breakpoints(optimum.theta),
        spectra=tuple(
            SpeciesSpectra(
                label=run.prepared.series.label,
                species=problem.network.scheme.species,
                wavelength_nm=run.prepared.series.wavelength_nm,
                values=np.where(item.determined[:, None], item.solved.values, np.nan),
                errors=np.where(item.determined[:, None], item.errors, np.nan),
            )
            for run, item in zip(solution.runs, solved, strict=True)
        ),
        baselines=tuple(item.solved.baseline(run) for run, item in zip(solution.runs, solved, strict=True)),
        parameter_names=errors.names,
        covariance=errors.covariance,
        rank=judged.rank,
        rss=optimum.evaluation.rss,
        n_cells=cells,
        n_amplitudes=amplitudes,
        dof=dof,
        redchi=variance,
        aicc=float(log_likelihood_term + 2 * k + 2 * k * (k + 1) / room) if room > 0 else None,
        bic=float(log_likelihood_term + k * np.log(cells)),
        noise=SpectralNoise(
            sd=_spread(solution, solved, cells / dof),
            ar1=solution.rho,
            lag1_autocorrelation=judged.correlation.rho,
            effective_wavelengths=judged.correlation.effective_columns,
            error_factor=float(factor.max(initial=1.0)),
            weights=str(options["weights"]) if solution.runs[0].weights is not None else "none",
        ),
        order=verdict,
        warnings=(*warnings, *_remarks(judged, errors, solved, rates, breaks), *others),
        flags=_flags(optimum, errors, verdict),
        seed=seed,
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


def _count(solution: Solution, setup: Setup) -> tuple[int, int]:
    """Cells that carry information, and amplitudes taken out of them."""
    cells = amplitudes = 0
    parts = zip(solution.runs, solution.problem.runs, solution.optimum.evaluation.projections, strict=True)
    for work, run, projection in parts:
        n, m = work.matrix.shape
        cells += n * m - int(work.prepared.masked.sum())
        amplitudes += n * work.functions.shape[0]
        if setup.nonnegative:
            amplitudes += projection.n_amplitudes
        else:  # the columns that are fitted may be fewer than the wavelengths
            profiles = projection.n_amplitudes // run.data.shape[1]
            amplitudes += profiles * (m - work.functions.shape[0])
    return cells, amplitudes


def _spread(solution: Solution, solved: Sequence[SolvedRun], share: float) -> float:
    squares = [
        float(np.mean((item.solved.residual(run) / (1.0 if run.weights is None else run.weights)) ** 2))
        for run, item in zip(solution.runs, solved, strict=True)
    ]
    return float(np.sqrt(np.mean(squares) * share))


def _widening(
    scores: Sequence[Array], optimum: Optimum, variance: float, solution: Solution
) -> tuple[Array, Array]:
    """Return the factor on each standard error and the effective number of independent times behind it."""
    p = optimum.theta.size
    if p == 0:
        return np.ones(0), np.ones(0)
    raw = cluster_factor(scores, optimum.evaluation.information, variance, solution.rho != 0)
    stacked = np.vstack(list(scores))
    fourth = np.sum(stacked**4, axis=0)
    squares = np.sum(stacked**2, axis=0) ** 2
    times = np.where(fourth > 0, 3 * squares / np.where(fourth > 0, fourth, 1.0), 1.0)
    times = np.clip(times, 1.0, stacked.shape[0])
    limit = 1 + 3 * np.sqrt(0.5 / times)
    return np.where(raw > limit, raw, 1.0), np.maximum(times - p, 2.0)


def _log_determinant(solution: Solution) -> float:
    total = 0.0
    for run in solution.runs:
        whitening = row_whitening(run.time_s, solution.rho)
        if whitening is not None:
            total -= 2 * run.matrix.shape[1] * float(np.log(whitening.diagonal).sum())
        if run.weights is not None:
            total -= 2 * run.matrix.shape[0] * float(np.log(run.weights).sum())
    return total


def _flags(optimum: Optimum, errors: Errors, verdict: OrderVerdict) -> tuple[str, ...]:
    problem = errors.problem
    at_wall = (optimum.theta <= problem.lower + 1e-9) | (optimum.theta >= problem.upper - 1e-9)
    found = [
        ("not_converged", not optimum.converged),
        ("at_bound", bool(at_wall.any())),
        ("not_determined", bool(errors.lost.any())),
        ("order_undecided", verdict.decided_by == "undecided"),
        ("errors_widened", bool((errors.factor > 1).any())),
    ]
    return tuple(name for name, true in found if true)


def _remarks(
    judged: Judged,
    errors: Errors,
    solved: Sequence[SolvedRun],
    rates: Sequence[Any],
    breaks: Sequence[Estimate],
) -> list[Remark]:
    solution, rank = judged.solution, judged.rank
    species = errors.problem.network.scheme.species
    found = []
    coloured = np.any(solution.runs[0].known != 0, axis=1)
    asked = solved[0].solved.span.shape[1] + int(coloured.sum())
    shown = rank.n_components
    if asked > shown:
        text = (
            f"the scheme asks for {asked} independent spectra, the data show {shown} above the noise: "
            "look at the intervals, or take fewer species"
        )
        found.append(Remark("rank_below_scheme", text))
    elif asked < shown:
        text = (
            f"the data show {shown} independent spectra, the scheme explains {asked}: "
            "look at the residual map; one more species, a baseline or a moving band may be missing"
        )
        found.append(Remark("rank_above_scheme", text))
    if rank.note:
        found.append(Remark("rank_doubtful", rank.note))
    for estimate in breaks:
        if estimate.value is None or (estimate.low is None and estimate.high is None):
            text = f"the {estimate.name} is not resolved: one rate constant fits as well as two"
            found.append(Remark("breakpoint_not_resolved", text))
    open_spectra = [name for name, known in zip(species, solved[0].determined, strict=True) if not known]
    if open_spectra:
        text = (
            f"the data do not determine the spectra of {', '.join(open_spectra)} one by one; "
            "a known spectrum, or a colourless species, would"
        )
        found.append(Remark("spectra_not_determined", text))
    if (errors.factor > 1).any():
        text = (
            f"standard errors widened by up to {errors.factor.max():.2g}: the residuals of different "
            "wavelengths move together, by a moving baseline or a misfit of the scheme"
        )
        found.append(Remark("errors_widened", text))
    if any(run.weights is not None for run in solution.runs) and judged.weighted:
        weights = next(run.weights for run in solution.runs if run.weights is not None)
        ratio = float(weights.max() / weights.min())
        text = f"wavelengths weighted by their residuals, which differ up to {ratio:.2g}-fold"
        found.append(Remark("wavelengths_weighted", text))
    if solution.rho:
        text = f"noise correlated in time: AR(1) with {solution.rho:.2f} between neighbours, whitened away"
        found.append(Remark("correlated_noise", text))
    if not solution.optimum.converged:
        found.append(Remark("not_converged", "the fit did not converge; do not trust its numbers"))
    return found
