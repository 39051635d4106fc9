"""The recipe of a paper on a dose table: a straight line in each given window, and a mean beyond.

The avalanche dose is where the two lines cross, the saturation dose where the second reaches the
mean of the plateau. Intervals are Wald intervals (Student's t); two points in a window leave none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.composition.incorporation_result import IncorporationFit
from cxkinetics.composition.system import System
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.fitting.piecewise_linear import fit_line
from cxkinetics.remarks import Remark
from cxkinetics.signals.dose_table import DoseTable

__all__ = ["fit_windows"]

_TWO_POINTS = "the line passes through the two points of its window: no degrees of freedom"


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
    crossing = (line1.intercept - line2.intercept) / (line2.slope - line1.slope)
    saturation = (level - line2.intercept) / line2.slope
    difference = line2.slope - line1.slope
    ratio = line2.slope / line1.slope if line1.slope > 0 else None
    se1, se2 = line1.slope_se(), line2.slope_se()
    ratio_se = None
    if ratio is not None and se1 is not None and se2 is not None:
        ratio_se = ratio * float(np.hypot(se1 / line1.slope, se2 / line2.slope))
    crossing_se = float(np.sqrt(line1.variance_at(crossing) + line2.variance_at(crossing))) / difference
    saturation_se = float(np.sqrt(line2.variance_at(saturation) + level_variance)) / line2.slope
    both = min(line1.dof, line2.dof)

    def wald(name: str, value: float | None, se: float | None, dof: int, unit: str, why: str) -> Estimate:
        return _wald(name, value, se, dof, unit, why, confidence)

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
        stage1_slope=wald("slope of stage 1", line1.slope, se1, line1.dof, "%/%", _TWO_POINTS),
        stage2_slope=wald("slope of stage 2", line2.slope, se2, line2.dof, "%/%", _TWO_POINTS),
        slope_ratio=wald("slope ratio b2/b1", ratio, ratio_se, both, "", _TWO_POINTS),
        mean_slope_ratio=None,
        avalanche_dose_percent=wald("avalanche dose", crossing, crossing_se, both, "%", _TWO_POINTS),
        saturation_dose_percent=wald(
            "saturation dose", saturation, saturation_se, min(line2.dof, level_dof), "%", _TWO_POINTS
        ),
        plateau_percent=wald(
            "plateau", level, float(np.sqrt(level_variance)), level_dof, "%", "one sample on the plateau"
        ),
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
    )


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


def _wald(
    name: str, value: float | None, se: float | None, dof: int, unit: str, why: str, confidence: float
) -> Estimate:
    if value is None or se is None or dof <= 0 or not np.isfinite(se):
        return Estimate(name=name, value=value, unit=unit, method="wald", reason=why)
    half = float(stdtrit(dof, 0.5 + confidence / 2)) * se
    return Estimate(
        name=name, value=value, se=se, low=value - half, high=value + half, unit=unit, method="wald"
    )


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
