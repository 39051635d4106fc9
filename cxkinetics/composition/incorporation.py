"""`fit_incorporation`: a dose table in; slopes, thresholds, plateau and rivals out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import fdtri, stdtrit

from cxkinetics.arrays import Array, ArrayLike, BoolArray
from cxkinetics.calls import checked
from cxkinetics.composition.curve import (
    BLANK,
    BROKEN_LINE,
    DEFAULT_DOSE_ERROR,
    FEW_DOF,
    LINE_PLATEAU,
    ONE_LINE,
    QUANTITIES,
    Cells,
    MapPoints,
    MapSolution,
    Profiled,
    acceptance,
    profile_quantity,
    rank_rivals,
    search,
)
from cxkinetics.composition.draws import check_confidence
from cxkinetics.composition.incorporation_result import IncorporationFit, curve_checks, more_in_than_added
from cxkinetics.composition.reader import as_dose_table
from cxkinetics.composition.rival_curves import curves_remark
from cxkinetics.composition.species_model import wald_estimate
from cxkinetics.composition.system import System, basis_for, load_system, require_elements
from cxkinetics.composition.table_draws import TablePosterior, contradicted, table_posterior
from cxkinetics.composition.table_errors import replicates, told_blank
from cxkinetics.errors import FitError, UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.inference.criteria import AHEAD
from cxkinetics.kinetics.lines import fit_line
from cxkinetics.kinetics.result import Rival
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import basis_kind, convert_basis
from cxkinetics.signals.dose_table import DoseTable

_TWO_POINTS = "the line passes through the two points of its window: no degrees of freedom"
_ONE_SAMPLE = "one sample on the plateau"
_LEAST_DOF = 2
_SEARCHED = 0.001


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float
    intercept: float
    error: float  # standard error of the slope; NaN without degrees of freedom, as the variance
    variance: float  # about the line
    dof: int
    n_effective: float
    centre: float
    sxx: float
    rss: float

    def variance_at(self, dose: float) -> float:
        """Variance of the line's value at `dose`."""
        return self.variance * (1 / self.n_effective + (dose - self.centre) ** 2 / self.sxx)


def _fit_windows(
    used: DoseTable, windows: Mapping[str, Any], points: DoseTable, confidence: float
) -> dict[str, Any]:
    """Return what follows from the lines of given windows, by field of the result.

    The windows of the stages include both ends; `used` are the rows with exact doses, `points` the
    whole table, for the residuals.
    """
    dose = np.asarray(used.dose_percent)
    (low1, high1), (low2, high2) = windows["stage1_percent"], windows["stage2_percent"]
    start = float(windows["plateau_from_percent"])
    line1 = _line(used, (dose >= low1) & (dose <= high1), f"stage 1 ({low1:g}-{high1:g} %)")
    line2 = _line(used, (dose >= low2) & (dose <= high2), f"stage 2 ({low2:g}-{high2:g} %)")
    level, level_variance, level_dof, n_level = _plateau(used, dose >= start, start)
    if line2.slope <= line1.slope:
        raise FitError(
            f"the slope over {low2:g}-{high2:g} % ({line2.slope:.3g}) does not exceed that over "
            f"{low1:g}-{high1:g} % ({line1.slope:.3g}): the preset does not suit this table; fit without it"
        )
    difference = line2.slope - line1.slope
    crossing = (line1.intercept - line2.intercept) / difference
    saturation = (level - line2.intercept) / line2.slope
    ratio = line2.slope / line1.slope if line1.slope > 0 else None
    ratio_se = np.nan
    if ratio is not None:
        ratio_se = ratio * float(np.hypot(line1.error / line1.slope, line2.error / line2.slope))
    crossing_se = float(np.sqrt(line1.variance_at(crossing) + line2.variance_at(crossing))) / difference
    saturation_se = float(np.sqrt(line2.variance_at(saturation) + level_variance)) / line2.slope
    # what rests on two windows has the degrees of freedom of the poorer one
    both, second = min(line1.dof, line2.dof), min(line2.dof, level_dof)
    found = {
        "b1": (line1.slope, line1.error, line1.dof),
        "b2": (line2.slope, line2.error, line2.dof),
        "b2/b1": (ratio, ratio_se, both),
        "D1": (crossing, crossing_se, both),
        "D2": (saturation, saturation_se, second),
        "y_f": (level, float(np.sqrt(level_variance)), level_dof),
    }
    rss = line1.rss + line2.rss + (level_variance * n_level * level_dof if level_dof > 0 else 0.0)
    total_dof = line1.dof + line2.dof + level_dof
    started = f"the first line starts at {line1.intercept:.3g} %, not at the origin"

    def curve(at: Array) -> Array:
        lines = [line.intercept + line.slope * at for line in (line1, line2)]
        return np.minimum(np.where(at < crossing, *lines), level)

    return {
        "windows_percent": {
            "stage 1": (float(low1), float(high1)),
            "stage 2": (float(low2), float(high2)),
            "plateau": (start, points.highest_dose_percent),
        },
        "residuals": MapPoints.of(points).off(curve),
        "rss": rss,
        "dof": total_dof,
        "scatter_percent": float(np.sqrt(rss / total_dof)) if total_dof > 0 else None,
        "intercept": line1.intercept,
        "verdict": {"code": "undecided", "text": "windows given, not detected: no rival was tried"},
        "warnings": (Remark("intercept", started),) if abs(line1.intercept) > 1e-9 else (),
        **_estimates(found, confidence),
    }


def _estimates(found: Mapping[str, tuple[float | None, float, int]], confidence: float) -> dict[str, Any]:
    """Return the estimates of value, standard error and degrees of freedom, by field of the result."""
    estimates: dict[str, Any] = {}
    for quantity, (value, se, dof) in found.items():
        field, name, unit = QUANTITIES[quantity]
        if value is None or dof <= 0 or not np.isfinite(se):
            why = _ONE_SAMPLE if quantity == "y_f" else _TWO_POINTS
            estimates[field] = Estimate(name=name, value=value, unit=unit, method="wald", reason=why)
        else:
            quantile = float(stdtrit(dof, 0.5 + confidence / 2))
            estimates[field] = wald_estimate(name, value, se, quantile, unit=unit)
    return estimates


def _line(used: DoseTable, inside: BoolArray, name: str) -> _Line:
    dose, y = np.asarray(used.dose_percent)[inside], np.asarray(used.incorporation_percent)[inside]
    if np.unique(dose).size < 2:
        raise FitError(
            f"{name} of the preset holds {np.unique(dose).size} distinct exact doses, needs 2; "
            "fit without the preset"
        )
    weight = _weights(used)[inside]
    slope, intercept, error, rss = fit_line(dose, y, weight)
    dof = int(dose.size) - 2
    centre = float(np.average(dose, weights=weight))
    sxx = float(np.sum(weight * (dose - centre) ** 2))
    variance = rss / dof if dof > 0 else np.nan
    return _Line(slope, intercept, error, variance, dof, float(weight.sum()), centre, sxx, rss)


def _plateau(used: DoseTable, inside: BoolArray, start: float) -> tuple[float, float, int, float]:
    """Return mean, its variance (NaN for one sample), degrees of freedom and sum of weights."""
    y, weight = np.asarray(used.incorporation_percent)[inside], _weights(used)[inside]
    if not y.size:
        raise FitError(
            f"the preset needs a sample at {start:g} % dose or above for its plateau; fit without the preset"
        )
    level, total = float(np.average(y, weights=weight)), float(weight.sum())
    dof = int(y.size) - 1
    variance = float(np.sum(weight * (y - level) ** 2)) / dof / total if dof > 0 else float("nan")
    return level, variance, dof, total


def _weights(used: DoseTable) -> Array:
    """Relative weights with mean 1."""
    if used.sigma_percent is None:
        return np.ones(used.n_points)
    weight = np.asarray(used.sigma_percent) ** -2.0
    scaled: Array = weight / weight.mean()
    return scaled


INTERVAL_DOSES = ("censored", "leave out")
"""What is done with a dose known only as an interval."""


@checked("preset", "basis", "interval_doses", "absolute_sigma", "hosts_per_anion", "confidence")
def fit_incorporation(
    table: DoseTable | str | os.PathLike[str],
    *,
    preset: str | None = None,
    basis: str | None = None,
    system: System | str | Path = "ag-cds",
    interval_doses: str = "censored",
    absolute_sigma: bool = False,
    hosts_per_anion: float | None = None,
    confidence: float = 0.95,
) -> IncorporationFit:
    """Fit a dose-incorporation curve: slow uptake, avalanche, plateau.

    Parameters
    ----------
    table : DoseTable or path-like
        Guest added against guest incorporated, percent; replicates and dose intervals allowed.
    preset : str, optional
        Name of dose windows that the system documents ("paper"); by default they are detected.
    basis : str, optional
        Convert the table to this basis first: "Ag/(Ag+Cd)", "Ag/Cd" or "Ag/S", or the same with
        the elements of the system, with which the result names it.
    system : System, str or Path
        Gives the preset and the stoichiometry of the checks.
    interval_doses : str
        "censored": such a point is matched by any dose in its interval; "leave out". A preset
        always leaves them out.
    absolute_sigma : bool
        True: take `sigma_percent` at its word; otherwise only ratios matter and the scatter is
        estimated.
    hosts_per_anion : float, optional
        Host cations per anion of the solid, to convert to or from "Ag/S".
    confidence : float
        Of the intervals.

    Returns
    -------
    IncorporationFit

    Raises
    ------
    FitError
        If the points cannot hold the curve.
    InputError
        If the table names another guest than the system's.
    UsageError
        If an option is not known.

    Examples
    --------
    >>> table = DoseTable(dose_percent=[0, 75, 100, 135, 175],
    ...                   incorporation_percent=[0, 8.0, 12.1, 40.4, 40.0])
    >>> fit = fit_incorporation(table, preset="paper")
    >>> round(fit.slope_ratio.value, 3), round(fit.avalanche_dose_percent.value, 3)
    (7.58, 97.958)
    >>> sorted(fit_incorporation(table).not_identified)
    ['D1', 'D2', 'b2', 'b2/b1']
    """
    chosen = load_system(system)
    if interval_doses not in INTERVAL_DOSES:
        raise UsageError(f"interval_doses is {interval_doses!r}; use one of {', '.join(INTERVAL_DOSES)}")
    check_confidence(confidence)
    table = as_dose_table(table)
    if absolute_sigma and table.sigma_percent is None:
        raise UsageError("absolute_sigma=True needs a table with sigma_percent")
    require_elements(table, chosen)
    points = replace(on_basis(table, chosen.basis_name(table.basis)), guest=chosen.guest)
    if basis is not None:
        points = on_basis(points, basis_for(chosen, basis), hosts_per_anion=hosts_per_anion)
    windows = _preset(chosen, preset)
    interval = ~np.isfinite(points.dose_percent)
    treated = interval_doses if windows is None else "leave out"
    options = {
        "preset": preset,
        "system": chosen.name,
        "basis": points.basis,
        "interval_doses": treated,
        "absolute_sigma": absolute_sigma,
        "confidence": confidence,
    }
    used = points
    if np.any(interval) and treated == "leave out":
        if interval.all():
            raise FitError("every dose of the table is an interval; fit with interval_doses='censored'")
        used = points.exact
    if windows is None:
        found = _fit_detected(used, points, options)
    else:
        found = _fit_windows(used, windows, points, confidence)
        if points.states_errors:
            text = "lines through given windows take doses as exact: the stated errors are not used"
            found["warnings"] = (Remark("errors_unused", text), *found["warnings"])
    avalanche, saturation, plateau = (found[QUANTITIES[name][0]].value for name in ("D1", "D2", "y_f"))
    blank = found["intercept"] if windows is None else 0.0
    remarks = _remarks(points, chosen, interval, treated, blank)
    found["warnings"] = (*remarks, *found["warnings"])
    above = None if plateau is None else plateau - blank
    return IncorporationFit(
        points=points,
        system=chosen,
        options=options,
        checks=curve_checks(chosen, points, avalanche=avalanche, saturation=saturation, plateau=above),
        mean_slope_ratio=_mean_slope_ratio(points, avalanche, saturation),
        **found,
    )


def on_basis(table: DoseTable, target: str, *, hosts_per_anion: ArrayLike | None = None) -> DoseTable:
    """Return a dose table with its incorporations and sigmas converted to `target`.

    Sigmas are carried over by the derivative of the conversion.
    """
    if table.basis == target:
        return table
    if basis_kind(table.basis) == basis_kind(target):
        return replace(table, basis=target)
    y = np.asarray(table.incorporation_percent)
    converted = convert_basis(y, table.basis, target, hosts_per_anion=hosts_per_anion)
    sigma = None
    if table.sigma_percent is not None:
        step = 1e-6 * np.maximum(y, 1.0)
        moved = convert_basis(y + step, table.basis, target, hosts_per_anion=hosts_per_anion)
        sigma = np.asarray(table.sigma_percent) * np.abs(moved - converted) / step
    remark = Remark("basis_converted", f"incorporation converted from {table.basis} to {target}")
    return replace(
        table,
        incorporation_percent=converted,
        sigma_percent=sigma,
        basis=target,
        remarks=(*table.remarks, remark),
    )


def _preset(system: System, preset: str | None) -> Mapping[str, Any] | None:
    if preset is None:
        return None
    if preset not in system.presets:
        known = ", ".join(system.presets) or "none"
        raise UsageError(f"{system.name} has no preset {preset!r}; it has {known}")
    return system.presets[preset]


def _remarks(
    points: DoseTable, system: System, interval: Array, treated: str, blank: float
) -> tuple[Remark, ...]:
    broken = more_in_than_added(points, system, blank)
    # what a reader remarked before the blank was known
    excused = blank > 0 and broken is None
    remarks = [remark for remark in points.remarks if not (excused and remark.code == "mass_balance")]
    if broken is not None and not any(remark.code == broken.code for remark in remarks):
        remarks.append(broken)
    count = int(np.sum(interval))
    if count:
        how = (
            "each is matched by any dose in its interval; where the interval was read off a fitted "
            "line, the support it lends that line is circular"
            if treated == "censored"
            else "they are left out of the fit"
        )
        remarks.append(Remark("interval_doses", f"{count} doses are known only as intervals: {how}", count))
    return tuple(remarks)


def _fit_detected(used: DoseTable, points: DoseTable, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the exact search finds, by field of the result."""
    data = MapPoints.of(used)
    distinct = np.unique(data.low[~data.censored]).size + int(data.censored.sum())
    if distinct < 4:
        raise FitError(
            f"the curve has 4 parameters and the table {distinct} distinct doses; add samples, "
            "or use predict and dose without a table (documented priors)"
        )
    absolute = options["absolute_sigma"]
    cells = Cells(data)
    best = search(cells).best()
    blank = told_blank(data, best, options["confidence"], absolute_sigma=absolute)
    if blank.value:
        data = MapPoints.of(used, blank.value)
        cells = Cells(data)
        best = search(cells).best()
    taken_off = blank.value or 0.0
    informative = int(np.sum(~data.censored | (np.abs(data.residuals(*best.curve)) > 0)))
    # a dose interval that reaches the point says nothing about the scatter
    dof = informative - 4 - (taken_off > 0)
    confidence = options["confidence"]
    scale = float(np.sum(data.weight * data.y**2))
    accept = acceptance(best.rss, dof, confidence, absolute_sigma=absolute, scale=scale)
    profiled = {
        quantity: profile_quantity(cells, best, quantity, accept, name=name, unit=unit)
        for quantity, (_, name, unit) in QUANTITIES.items()
    }
    profiled["y_f"] = _read_with(profiled["y_f"], taken_off)
    curve = np.array(best.curve)
    errors, wrong = None, contradicted(used, curve, absolute_sigma=absolute, blank=taken_off)
    if not accept.reason and not wrong:
        errors = table_posterior(used, curve, absolute_sigma=absolute, blank=taken_off)
        profiled = {
            quantity: replace(one, estimate=errors.estimate(quantity, one.estimate, confidence))
            for quantity, one in profiled.items()
        }
        if taken_off:
            blank = errors.estimate(BLANK, blank, confidence)
    rivals = rank_rivals(cells, data, best, informative - (taken_off > 0))
    not_identified = {q: p.flat for q, p in profiled.items() if p.flat is not None}
    low, high = points.lowest_dose_percent, points.highest_dose_percent
    first, last = min(best.D1, high), min(best.D2, high)
    return {
        "windows_percent": {"stage 1": (low, first), "stage 2": (first, last), "plateau": (last, high)},
        "residuals": MapPoints.of(points, taken_off).residuals(*best.curve),
        "rss": best.rss,
        "dof": dof,
        # of a point of average weight
        "scatter_percent": None if dof <= 0 else float(np.sqrt(best.rss / dof / np.mean(data.weight))),
        "not_identified": not_identified,
        "errors": {} if errors is None else errors.record(used) | replicates(data, best),
        "intercept": taken_off,
        "blank_percent": blank,
        "rivals": rivals,
        "verdict": _verdict(rivals, best, informative - (taken_off > 0)),
        "warnings": (
            *_shape_remarks(not_identified, best, high),
            *_error_remarks(used, errors, confidence, wrong),
            *curves_remark(rivals, dof),
        ),
        **{QUANTITIES[quantity][0]: one.estimate for quantity, one in profiled.items()},
    }


def _read_with(profiled: Profiled, blank: float) -> Profiled:
    """Return a profiled plateau as it is read, with the blank."""
    if not blank:
        return profiled
    one = profiled.estimate
    value, low, high = (None if end is None else end + blank for end in (one.value, one.low, one.high))
    pieces = tuple((start + blank, end + blank) for start, end in one.pieces)
    flat = profiled.flat
    if flat is not None:
        flat = (flat[0] + blank, None if flat[1] is None else flat[1] + blank)
    return Profiled(replace(one, value=value, low=low, high=high, pieces=pieces), flat)


def _error_remarks(
    used: DoseTable, errors: TablePosterior | None, confidence: float, wrong: str
) -> tuple[Remark, ...]:
    """Say what contradicts stated errors, or which dose error was assumed and what half and twice do."""
    if wrong:
        text = (
            f"{wrong}: the intervals of the curve take doses as exact, and predictions fit the size of the "
            "ICP error; give other errors, or none"
        )
        return (Remark("errors_contradicted", text),)
    if used.dose_sd_percent is not None or errors is None:
        return ()
    ends = [
        f"{factor * DEFAULT_DOSE_ERROR:.0%} -> {low:.4g}-{high:.4g} %"
        for factor in (0.5, 1.0, 2.0)
        for low, high in [errors.assuming(factor).interval("D1", confidence)]
    ]
    text = (
        f"the error of the doses is not stated: {DEFAULT_DOSE_ERROR:.0%} per flask is assumed, and no error "
        f"common to all (avalanche dose at {'; '.join(ends)}); state it (--dose-error, --common-dose-error)"
    )
    return (Remark("dose_error_assumed", text),)


def _shape_remarks(
    flat: Mapping[str, tuple[float, float | None]], best: MapSolution, highest: float
) -> tuple[Remark, ...]:
    remarks = []
    if flat:
        parts = [
            f"any {quantity} >= {low:.3g}" if high is None else f"{quantity} from {low:.4g} to {high:.4g}"
            for quantity, (low, high) in flat.items()
        ]
        text = (
            f"the points do not identify {', '.join(flat)}: {'; '.join(parts)} fits equally well "
            "(shown is the least steep); samples within the avalanche would tell"
        )
        remarks.append(Remark("not_identified", text))
    if best.b2 <= best.b1:
        text = f"the second slope, {best.b2:.3g}, does not exceed the first, {best.b1:.3g}"
        remarks.append(Remark("no_avalanche", text))
    if highest <= best.D2 * (1 + 1e-9):
        text = f"no sample lies on a plateau: the table ends at {highest:g} % dose"
        remarks.append(Remark("no_plateau", text))
    return tuple(remarks)


def _verdict(rivals: tuple[Rival, ...], best: MapSolution, n: int) -> dict[str, str]:
    broken, line = (next(r for r in rivals if r.model == name) for name in (BROKEN_LINE, ONE_LINE))
    others = [r for r in rivals if r.model != BROKEN_LINE]
    rival = min(others, key=lambda r: r.aicc if r.aicc is not None else np.inf)
    lead = (rival.aicc or 0.0) - (broken.aicc or 0.0)
    dof = n - broken.n_parameters
    few = dof <= FEW_DOF
    rising = best.b2 > best.b1
    if line.bic is None:
        code, text = "no_avalanche", "no avalanche in these points: one line meets every one"
    elif few and rising and all(_refuted(other, broken, dof) for other in others):
        code = "avalanche"
        text = (
            f"slow uptake, avalanche and plateau: {n} points are few, but every simpler curve misses them "
            f"({rival.model}: sum of squares {rival.rss:.3g} against {broken.rss:.3g})"
        )
    elif broken.delta_aicc is None:
        code, text = "undecided", "too few points to compare the curve with simpler ones by AICc"
    elif lead >= AHEAD and rising:
        code = "avalanche"
        text = f"slow uptake, avalanche and plateau: ahead of {rival.model} by {lead:.0f} in AICc"
    elif not rising or (lead <= -AHEAD and not few):
        code = "no_avalanche"
        text = f"no avalanche in these points: {rival.model} does as well (AICc {-lead:+.1f})"
    else:
        why = f"which {n} points cannot decide" if few else "too little to decide"
        code, text = "undecided", f"avalanche against {rival.model}: {lead:+.1f} in AICc, {why}"
    return {"code": code, "text": text}


def _refuted(other: Rival, broken: Rival, dof: int) -> bool:
    """Return whether an F test refutes a curve against the broken line, for tables too small for AICc.

    The breaks are searched for, so the level against curves within the broken line is far below 5 %;
    a curve with as many bends (Hill) must only do clearly worse.
    """
    more = broken.n_parameters - other.n_parameters
    if dof < _LEAST_DOF or broken.bic is None or broken.rss is None or other.rss is None:
        return False
    nested = other.model in (ONE_LINE, LINE_PLATEAU)
    limit = float(fdtri(more, dof, 1 - (_SEARCHED if nested else 0.05)))
    return other.rss > broken.rss * (1 + limit * more / dof)


def _mean_slope_ratio(points: DoseTable, avalanche: float | None, saturation: float | None) -> float | None:
    """Chords between samples (means of replicates), as the definition in the interface has it."""
    dose, y = np.asarray(points.dose_percent), np.asarray(points.incorporation_percent)
    known = np.isfinite(dose)
    if avalanche is None or saturation is None or not known.any():
        return None
    doses = np.unique(dose[known])
    means = np.array([y[known][dose[known] == d].mean() for d in doses])
    slack = 1e-9 * float(doses[-1])
    before, after = np.flatnonzero(doses <= avalanche + slack), np.flatnonzero(doses >= saturation - slack)
    if not before.size or not after.size or doses[before[-1]] <= 0:
        return None
    last, first = before[-1], after[0]
    if first == last:
        return None
    start = means[0] if doses[0] == 0 else 0.0
    chord1 = (means[last] - start) / doses[last]
    chord2 = (means[first] - means[last]) / (doses[first] - doses[last])
    return float(chord2 / chord1) if chord1 > 0 else None
