"""`fit_incorporation`: a dose table in; slopes, thresholds, plateau and rivals out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, ArrayLike, BoolArray
from cxkinetics.composition.curve import (
    BROKEN_LINE,
    FEW_DOF,
    ONE_LINE,
    Acceptance,
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
from cxkinetics.composition.species_model import wald_estimate
from cxkinetics.composition.system import System, basis_for, load_system, require_elements
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
_QUANTITIES = {
    "b1": ("stage1_slope", "slope of stage 1", "%/%"),
    "b2": ("stage2_slope", "slope of stage 2", "%/%"),
    "b2/b1": ("slope_ratio", "slope ratio b2/b1", ""),
    "D1": ("avalanche_dose_percent", "avalanche dose", "%"),
    "D2": ("saturation_dose_percent", "saturation dose", "%"),
    "y_f": ("plateau_percent", "plateau", "%"),
}
"""Symbol -> field of the result, name and unit of the estimate."""


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float
    intercept: float
    variance: float | None  # residual variance, None without degrees of freedom
    dof: int
    n_effective: float
    centre: float
    sxx: float
    rss: float

    def slope_se(self) -> float | None:
        return None if self.variance is None else float(np.sqrt(self.variance / self.sxx))

    def variance_at(self, dose: float) -> float:
        """Variance of the line's value at `dose` (NaN without degrees of freedom)."""
        if self.variance is None:
            return float("nan")
        return self.variance * (1 / self.n_effective + (dose - self.centre) ** 2 / self.sxx)


def fit_windows(
    used: DoseTable, windows: Mapping[str, Any], points: DoseTable, system: System, confidence: float
) -> IncorporationFit:
    """Return the lines of the given windows with what follows from them.

    Parameters
    ----------
    used : DoseTable
        Rows with exact doses.
    windows : mapping
        "stage1_percent", "stage2_percent" (both ends included) and "plateau_from_percent".
    points : DoseTable
        The whole table, for the residuals.
    system : System
        For the record.
    confidence : float
        Of the intervals.

    Raises
    ------
    FitError
        If a window holds too few samples.
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
    se1, se2 = line1.slope_se(), line2.slope_se()
    ratio_se = None
    if ratio is not None and se1 is not None and se2 is not None:
        ratio_se = ratio * float(np.hypot(se1 / line1.slope, se2 / line2.slope))
    crossing_se = float(np.sqrt(line1.variance_at(crossing) + line2.variance_at(crossing))) / difference
    saturation_se = float(np.sqrt(line2.variance_at(saturation) + level_variance)) / line2.slope
    # what rests on two windows has the degrees of freedom of the poorer one
    both, second = min(line1.dof, line2.dof), min(line2.dof, level_dof)
    found = {
        "b1": (line1.slope, se1, line1.dof),
        "b2": (line2.slope, se2, line2.dof),
        "b2/b1": (ratio, ratio_se, both),
        "D1": (crossing, crossing_se, both),
        "D2": (saturation, saturation_se, second),
        "y_f": (level, float(np.sqrt(level_variance)), level_dof),
    }
    residuals = _residuals(points, line1, line2, crossing, level)
    rss = line1.rss + line2.rss + (level_variance * n_level * level_dof if level_dof > 0 else 0.0)
    total_dof = line1.dof + line2.dof + level_dof
    remarks = []
    if abs(line1.intercept) > 1e-9:
        remarks.append(
            Remark("intercept", f"the first line starts at {line1.intercept:.3g} %, not at the origin")
        )
    return IncorporationFit(
        points=points,
        system=system,
        options={},
        mean_slope_ratio=None,
        windows_percent={
            "stage 1": (float(low1), float(high1)),
            "stage 2": (float(low2), float(high2)),
            "plateau": (start, points.highest_dose_percent),
        },
        residuals=residuals,
        rss=rss,
        dof=total_dof,
        scatter_percent=float(np.sqrt(rss / total_dof)) if total_dof > 0 else None,
        intercept=line1.intercept,
        verdict={"code": "undecided", "text": "windows given, not detected: no rival was tried"},
        warnings=tuple(remarks),
        **_estimates(found, confidence),
    )


def _estimates(
    found: Mapping[str, tuple[float | None, float | None, int]], confidence: float
) -> dict[str, Any]:
    """Return the estimates of value, standard error and degrees of freedom, by field of the result."""
    estimates: dict[str, Any] = {}
    for quantity, (value, se, dof) in found.items():
        field, name, unit = _QUANTITIES[quantity]
        if value is None or se is None or dof <= 0 or not np.isfinite(se):
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
    slope, intercept, _, rss = fit_line(dose, y, weight)
    dof = int(dose.size) - 2
    centre = float(np.average(dose, weights=weight))
    return _Line(
        slope=slope,
        intercept=intercept,
        variance=rss / dof if dof > 0 else None,
        dof=dof,
        n_effective=float(weight.sum()),
        centre=centre,
        sxx=float(np.sum(weight * (dose - centre) ** 2)),
        rss=rss,
    )


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


def _residuals(points: DoseTable, line1: _Line, line2: _Line, crossing: float, level: float) -> Array:
    def curve(dose: Array) -> Array:
        rising = np.where(
            dose < crossing, line1.intercept + line1.slope * dose, line2.intercept + line2.slope * dose
        )
        value: Array = np.minimum(rising, level)
        return value

    y = np.asarray(points.incorporation_percent)
    low, high = curve(np.asarray(points.dose_low_percent)), curve(np.asarray(points.dose_high_percent))
    off: Array = np.minimum(y - low, 0.0) + np.maximum(y - high, 0.0)
    return off


INTERVAL_DOSES = ("censored", "leave out")
"""What is done with a dose known only as an interval."""


def fit_incorporation(
    table: DoseTable,
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
    table : DoseTable
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
    if absolute_sigma and table.sigma_percent is None:
        raise UsageError("absolute_sigma=True needs a table with sigma_percent")
    require_elements(table, chosen)
    points = replace(on_basis(table, chosen.basis_name(table.basis)), guest=chosen.guest)
    if basis is not None:
        points = on_basis(points, basis_for(chosen, basis), hosts_per_anion=hosts_per_anion)
    windows = _preset(chosen, preset)
    interval = ~np.isfinite(points.dose_percent)
    remarks = _remarks(points, chosen, interval, interval_doses if windows is None else "leave out")
    options = {
        "preset": preset,
        "system": chosen.name,
        "basis": points.basis,
        "interval_doses": interval_doses if windows is None else "leave out",
        "absolute_sigma": absolute_sigma,
        "confidence": confidence,
    }
    used = points
    if np.any(interval) and options["interval_doses"] == "leave out":
        if interval.all():
            raise FitError("every dose of the table is an interval; fit with interval_doses='censored'")
        used = points.exact
    if windows is not None:
        fit = fit_windows(used, windows, points, chosen, confidence)
        fit = replace(fit, options=options, warnings=(*remarks, *fit.warnings))
    else:
        fit = _fit_detected(used, points, chosen, options, remarks)
    values = (fit.avalanche_dose_percent, fit.saturation_dose_percent, fit.plateau_percent)
    avalanche, saturation, plateau = (estimate.value for estimate in values)
    return replace(
        fit,
        checks=curve_checks(chosen, points, avalanche=avalanche, saturation=saturation, plateau=plateau),
        mean_slope_ratio=_mean_slope_ratio(points, avalanche, saturation),
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


def _remarks(points: DoseTable, system: System, interval: Array, treated: str) -> tuple[Remark, ...]:
    remarks = list(points.remarks)
    broken = more_in_than_added(points, system)
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


def _fit_detected(
    used: DoseTable,
    points: DoseTable,
    system: System,
    options: Mapping[str, Any],
    remarks: tuple[Remark, ...],
) -> IncorporationFit:
    data = MapPoints.of(used)
    distinct = np.unique(data.low[~data.censored]).size + int(data.censored.sum())
    if distinct < 4:
        raise FitError(
            f"the curve has 4 parameters and the table {distinct} distinct doses; add samples, "
            "or use predict and dose without a table (documented priors)"
        )
    cells = Cells(data)
    found = search(cells)
    best = found.best()
    at = [np.asarray(v) for v in (best.b1, best.D1, best.b2, best.y_f)]
    informative = int(np.sum(~data.censored | (np.abs(data.residuals(*at)) > 0)))
    dof = informative - 4  # a dose interval that reaches the point says nothing about the scatter
    absolute = bool(options["absolute_sigma"])
    scale = float(np.sum(data.weight * data.y**2))
    accept = acceptance(best.rss, dof, options["confidence"], absolute_sigma=absolute, scale=scale)
    profiled = _profiles(cells, best, accept, found.per_cell()[0])
    rivals = rank_rivals(cells, data, best, informative)
    not_identified = {q: p.flat for q, p in profiled.items() if p.flat is not None}
    residuals = MapPoints.of(points).residuals(
        *(np.asarray(v) for v in (best.b1, best.D1, best.b2, best.y_f))
    )
    low, high = points.lowest_dose_percent, points.highest_dose_percent
    warnings = (*remarks, *_open_questions(not_identified), *_shape_remarks(best, high))
    estimates: dict[str, Any] = {field: profiled[q].estimate for q, (field, _, _) in _QUANTITIES.items()}
    return IncorporationFit(
        points=points,
        system=system,
        options=options,
        mean_slope_ratio=None,
        windows_percent={
            "stage 1": (low, min(best.D1, high)),
            "stage 2": (min(best.D1, high), min(best.D2, high)),
            "plateau": (min(best.D2, high), high),
        },
        residuals=residuals,
        rss=best.rss,
        dof=dof,
        scatter_percent=_scatter(best.rss, dof, data.weight),
        not_identified=not_identified,
        rivals=rivals,
        verdict=_verdict(rivals, best, informative),
        warnings=warnings,
        **estimates,
    )


def _profiles(cells: Cells, best: MapSolution, accept: Acceptance, minima: Array) -> dict[str, Profiled]:
    return {
        quantity: profile_quantity(cells, best, quantity, accept, name=name, unit=unit, minima=minima)
        for quantity, (_, name, unit) in _QUANTITIES.items()
    }


def _scatter(rss: float, dof: int, weight: Array) -> float | None:
    """Scatter of a point of average weight, in percentage points."""
    return None if dof <= 0 else float(np.sqrt(rss / dof / np.mean(weight)))


def _open_questions(flat: Mapping[str, tuple[float, float | None]]) -> tuple[Remark, ...]:
    if not flat:
        return ()
    parts = []
    for quantity, (low, high) in flat.items():
        words = f"any {quantity} >= {low:.3g}" if high is None else f"{quantity} from {low:.4g} to {high:.4g}"
        parts.append(words)
    return (
        Remark(
            "not_identified",
            f"the points do not identify {', '.join(flat)}: {'; '.join(parts)} fits equally well "
            "(shown is the least steep); samples within the avalanche would tell",
        ),
    )


def _shape_remarks(best: MapSolution, highest: float) -> tuple[Remark, ...]:
    remarks = []
    if best.b2 <= best.b1:
        remarks.append(
            Remark(
                "no_avalanche", f"the second slope, {best.b2:.3g}, does not exceed the first, {best.b1:.3g}"
            )
        )
    if highest <= best.D2 * (1 + 1e-9):
        remarks.append(
            Remark("no_plateau", f"no sample lies on a plateau: the table ends at {highest:g} % dose")
        )
    return tuple(remarks)


def _verdict(rivals: tuple[Rival, ...], best: MapSolution, n: int) -> dict[str, str]:
    broken = next(r for r in rivals if r.model == BROKEN_LINE)
    others = [r for r in rivals if r.model != BROKEN_LINE]
    if next(r for r in rivals if r.model == ONE_LINE).bic is None:
        return {"code": "no_avalanche", "text": "no avalanche in these points: one line meets every one"}
    if broken.delta_aicc is None:
        return {
            "code": "undecided",
            "text": "too few points to compare the curve with simpler ones by AICc",
        }
    rival = min(others, key=lambda r: r.aicc if r.aicc is not None else np.inf)
    lead = (rival.aicc or 0.0) - (broken.aicc or 0.0)
    if lead >= AHEAD and best.b2 > best.b1:
        text = f"slow uptake, avalanche and plateau: ahead of {rival.model} by {lead:.0f} in AICc"
        return {"code": "avalanche", "text": text}
    few = n - broken.n_parameters <= FEW_DOF
    if best.b2 <= best.b1 or (lead <= -AHEAD and not few):
        return {
            "code": "no_avalanche",
            "text": f"no avalanche in these points: {rival.model} does as well (AICc {-lead:+.1f})",
        }
    return {
        "code": "undecided",
        "text": f"avalanche against {rival.model}: {lead:+.1f} in AICc, "
        + (f"which {n} points cannot decide" if few else "too little to decide"),
    }


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
