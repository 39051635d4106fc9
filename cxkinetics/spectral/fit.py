"""Fit a first-order scheme to whole spectra: `fit_spectra`, the front door of this room.

Variable projection: the spectra of the species follow from the concentrations by linear least squares,
so only rate constants and breakpoints are searched for, with an exact Jacobian. The search runs on the
leading singular vectors of the data, the result rests on all of them. Assumptions: absorbances are
additive and linear (Beer-Lambert), spectra of the species do not change in time, every step is first
order. A band that moves steadily is not a sum of a few fixed spectra: look at the residual maps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError, UsageError
from cxkinetics.estimate import finite_or_none
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.assemble import Judged, assemble
from cxkinetics.spectral.baseline import BASELINES, baseline_functions, subtract_baseline
from cxkinetics.spectral.descent import Setup, Solution, box, noise_floor, solve
from cxkinetics.spectral.factors import leading_factors
from cxkinetics.spectral.network import network_of
from cxkinetics.spectral.noise import TimeCorrelation, column_spread, time_correlation
from cxkinetics.spectral.orders import rate_stages
from cxkinetics.spectral.prepare import prepare
from cxkinetics.spectral.rank import rank_of_matrix
from cxkinetics.spectral.result import SpectraFit
from cxkinetics.spectral.scheme import parse_scheme
from cxkinetics.spectral.species import Solved, solve_species
from cxkinetics.spectral.working import Working, known_spectra

__all__ = ["fit_spectra"]

_FACTORS = 10
_ROUNDS = 4
_BELOW = 3.0  # standard errors that a spectrum held non-negative may lie below zero
_UNEVEN = 2.0  # residual spreads of wavelengths that differ by less are alike
_CORRELATED = 0.05  # weaker correlation in time than this is left alone


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
    t0: float | None = None,
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
        constant that changes at a breakpoint; see `cxkinetics.spectral.scheme`. A name in brackets
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
    noise : {"auto", "white", "ar1"}
        Correlation in time: "auto" and "ar1" estimate it from the residuals and whiten it away
        ("auto" where it exceeds 0.05 and four standard errors); "white" assumes none.
    window, wavelength_range_nm : pair of float or None, optional
        Times (s, on the file's clock) and wavelengths (nm) that are fitted; None for an open end.
    t0 : float, optional
        When the reaction starts, s; by default 0, or the first time kept where that is far from 0.
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
    regions = _regions(baseline_region_nm)
    parsed = parse_scheme(scheme)
    network = network_of(parsed, initial)
    runs, warnings = [], []
    mask = np.zeros(len(parsed.species), bool)
    for series in _series_of(data):
        if regions and baseline != "none":
            series = subtract_baseline(series, baseline, regions, baseline_power).series
        prepared = prepare(
            series,
            window_s=window,
            wavelength_range_nm=wavelength_range_nm,
            t0_s=t0,
            highest_absorbance=highest_absorbance,
        )
        axis = prepared.series.wavelength_nm
        spectra, mask = known_spectra(parsed.species, axis, known, colourless)
        fitted_baseline = "none" if regions else baseline
        given = None if weights is None or isinstance(weights, str) else _weights(weights, axis.size)
        functions = baseline_functions(fitted_baseline, axis, baseline_power)
        factors = leading_factors(prepared.matrix, _FACTORS)
        runs.append(Working(prepared, prepared.matrix, spectra, functions, given, factors.in_wavelength.T))
        if len(runs) == 1:
            rank = rank_of_matrix(prepared.matrix, factors)
        warnings += list(prepared.series.remarks)
    lower, upper = box(network, [run.time_s for run in runs])
    seed = 0 if rng is None else int(rng)
    setup = Setup(
        network, mask, nonnegative, lower, upper, _start(network.scheme, start, lower, upper),
        np.random.default_rng(seed),
    )  # fmt: skip
    _enough(setup, runs)
    solution, correlation = _with_noise(setup, runs, noise, isinstance(weights, str))
    options = {
        "known": sorted(known or {}),
        "colourless": list(colourless),
        "initial": None if initial is None else {name: float(value) for name, value in initial.items()},
        "nonnegative": nonnegative,
        "start": None if start is None else {name: float(value) for name, value in start.items()},
        "baseline": baseline,
        "baseline_region_nm": [[finite_or_none(end) for end in region] for region in regions],
        "baseline_power": baseline_power,
        "weights": "none" if weights is None else weights if isinstance(weights, str) else "given",
        "noise": noise,
        "window": None if window is None else list(window),
        "wavelength_range_nm": None if wavelength_range_nm is None else list(wavelength_range_nm),
        "t0": [run.prepared.t0_s for run in runs],
        "highest_absorbance": highest_absorbance,
        "intervals": intervals,
        "confidence": confidence,
    }
    judged = Judged(
        solution,
        correlation,
        rank,
        baseline_floats=baseline != "none" and not regions,
        weighted=isinstance(weights, str),
    )
    return assemble(judged, setup, options, tuple(dict.fromkeys(warnings)), seed)


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
        ("noise", noise, ("auto", "white", "ar1")),
        ("intervals", intervals, ("profile", "wald")),
    ):
        if value not in allowed:
            raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}; it must lie between 0 and 1")
    if isinstance(weights, str) and weights != "auto":
        raise UsageError(f"weights is {weights!r}; give one number per wavelength, or 'auto'")


def _regions(given: Any) -> list[tuple[float, float]]:
    if given is None:
        return []
    items = [given] if np.ndim(given[0]) == 0 else list(given)
    if any(len(item) != 2 for item in items):
        raise UsageError("baseline_region_nm needs (low, high) in nm, or a list of such pairs")
    return [(float(low), float(high)) for low, high in items]


def _weights(given: Any, size: int) -> Array:
    weights = np.asarray(given, dtype=float)
    if weights.shape != (size,) or not np.all(np.isfinite(weights) & (weights > 0)):
        raise UsageError(f"weights need one positive number for each of the {size} wavelengths fitted")
    scaled: Array = weights / np.sqrt(np.mean(weights**2))
    return scaled


def _start(scheme: Any, given: Mapping[str, float] | None, lower: Array, upper: Array) -> Array | None:
    if given is None:
        return None
    fixed = dict(scheme.fixed)
    names = [name for name in scheme.rates if name not in fixed]
    breaks = ["tb" if i == 0 else f"tb{i + 1}" for i in range(scheme.n_stages - 1)]
    unknown = [name for name in given if name not in names + breaks]
    if unknown:
        raise UsageError(f"'{unknown[0]}' in start is unknown; the scheme has {', '.join(names + breaks)}")
    theta = (lower + upper) / 2
    theta[: len(names)] = (lower[: len(names)] + upper[: len(names)]) / 2
    for i, name in enumerate(names + breaks):
        if name in given:
            value = float(given[name])
            if i < len(names) and not value > 0:
                raise UsageError(f"start {name} is {value:g}; a rate constant must be positive")
            theta[i] = np.log(value) if i < len(names) else value
    return np.clip(theta, lower, upper)


def _enough(setup: Setup, runs: Sequence[Working]) -> None:
    free = int((~setup.known).sum())
    for run in runs:
        n, _ = run.matrix.shape
        if n <= free:
            raise FitError(
                f"{n} spectra cannot hold the spectra of {free} species; "
                "take a smaller scheme, or give known spectra"
            )


def _with_noise(
    setup: Setup, runs: Sequence[Working], noise: str, auto_weights: bool
) -> tuple[Solution, TimeCorrelation]:
    """Fit, read the noise from the residuals, fit again until neither changes."""
    solution = solve(setup, runs, 0.0)
    if auto_weights:
        solved = _solved(solution)
        residuals = [item.residual(run) for item, run in zip(solved, solution.runs, strict=True)]
        spreads = column_spread(residuals, solved[0].span.shape[1])
        weighted = [_reweighted(run, spread) for run, spread in zip(solution.runs, spreads, strict=True)]
        if any(run.weights is not None for run in weighted):
            solution = solve(setup, weighted, 0.0, solution.optimum.theta)
    correlation = _correlation(solution)
    correlated = noise == "ar1" or (abs(correlation.z) > 4 and abs(correlation.rho) > _CORRELATED)
    cells = sum(run.matrix.size for run in solution.runs)
    correlated &= solution.optimum.evaluation.rss > cells * noise_floor(solution.runs)
    if noise != "white" and correlated and any(run.time_s.size >= 12 for run in solution.runs):
        for _ in range(_ROUNDS):
            if abs(correlation.rho - solution.rho) < 0.005:
                break
            solution = solve(setup, solution.runs, correlation.rho, solution.optimum.theta)
            correlation = _correlation(solution)
    if setup.nonnegative:
        solution = _above_zero(setup, solution)
    return solution, correlation


def _reweighted(run: Working, spread: Array) -> Working:
    """Weigh the wavelengths by their residuals, where these differ by more than noise would."""
    low, high = np.quantile(spread, [0.1, 0.9])
    if high <= _UNEVEN * low or run.time_s.size < 12:
        return run
    weights = 1 / np.maximum(spread, np.median(spread) / 10)
    return replace(run, weights=weights / np.sqrt(np.mean(weights**2)))


def _above_zero(setup: Setup, solution: Solution) -> Solution:
    """Hold the spectra above zero within their noise, from every order of the rate constants."""
    variance = solution.optimum.evaluation.rss / sum(run.matrix.size for run in solution.runs)
    floors = []
    for item, run in zip(_solved(solution), solution.runs, strict=True):
        own = np.zeros(setup.known.size)
        own[~setup.known] = _BELOW * np.sqrt(variance * np.diag(item.back @ item.back.T))
        floors.append(-own[:, None] / (np.ones(run.matrix.shape[1]) if run.weights is None else run.weights))
    trials = []
    n_rates = solution.problem.free_rates.size
    stages = rate_stages(solution.problem)
    for order in permutations(range(n_rates)) if n_rates <= 4 else [tuple(range(n_rates))]:
        if any(stages[i] != stages[j] for i, j in enumerate(order)):
            continue
        theta = solution.optimum.theta.copy()
        theta[:n_rates] = theta[list(order)]
        trials.append(solve(setup, solution.runs, solution.rho, theta, tuple(floors)))
    return min(trials, key=lambda trial: trial.optimum.evaluation.rss)


def _solved(solution: Solution) -> list[Solved]:
    theta = solution.optimum.theta
    return [
        solve_species(run, solution.problem, i, theta, solution.rho) for i, run in enumerate(solution.runs)
    ]


def _correlation(solution: Solution) -> TimeCorrelation:
    solved = _solved(solution)
    residuals = [item.residual(run) for item, run in zip(solved, solution.runs, strict=True)]
    return time_correlation(residuals, [item.span for item in solved])
