"""The likelihood of a dose table whose doses and incorporations both err.

What was set is the nominal dose; the true one lies about it and is integrated out, which a broken line
allows in closed form: each of its three pieces gives a normal density of the incorporation times the
chance that the true dose lies on that piece. At a corner this differs from a variance enlarged by the
slope. A factor common to all doses is left out here: it moves no residual.
"""

import re
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.calls import FARTHEST
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.curve import MapPoints, MapSolution
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.lines import fit_line

TYPICAL_SCATTER_PERCENT = 0.3
"""Median of the prior of the constant part of an unknown ICP error, percentage points (chosen)."""

TYPICAL_SHARE = 0.05
"""Standard deviation of the half-normal prior of its proportional part (chosen)."""

_SCATTER_FACTOR = 1.5  # standard deviation of ln of the constant part: 95 % lie within a factor of 19
_SHARPEST = 1e-7
_LEAST_DOF = 2  # of the samples before the avalanche, for a blank to be told by their own scatter
_LN_FLOOR = -690.0


class Scatter(NamedTuple):
    """Standard deviation of an incorporation: constant part (or factor on given sigmas), and share.

    `blank` is what a sample without guest reads, percentage points.
    """

    constant: Array
    share: Array
    blank: Array | float = 0.0


def read_error(text: str, what: str) -> tuple[float, float]:
    """Return the constant and the proportional part of an error that was typed.

    Parameters
    ----------
    text : str
        "0.3" (percentage points), "5%" (of the value) or both, "0.3,5%".
    what : str
        Name of the option, for the message.

    Examples
    --------
    >>> read_error("2%", "dose_error"), read_error("0.3,5%", "icp_error")
    ((0.0, 0.02), (0.3, 0.05))
    """
    parts = {"": 0.0, "%": 0.0}
    words = text.split(",")
    try:
        for word in words:
            sign = "%" if word.strip().endswith("%") else ""
            parts[sign] = float(word.strip().removesuffix("%")) / (100 if sign else 1)
    except ValueError:
        parts[""] = np.nan
    signs = {word.strip().endswith("%") for word in words}
    if len(signs) != len(words) or not (0 <= parts[""] <= FARTHEST and 0 <= parts["%"] < 1):
        raise UsageError(
            f"{what} is {text!r}; write percentage points such as 0.3, a share of the value such as 5%, "
            "or both: 0.3,5%"
        )
    return parts[""], parts["%"]


class Amounts(NamedTuple):
    """What a flask holds and what is added: each number with its relative standard deviation."""

    host_umol: tuple[float, float]
    stock_mmol_per_l: tuple[float, float]

    @property
    def percent_per_ul(self) -> float:
        """Dose of a microlitre of the stock solution, percent of the host cation."""
        return self.stock_mmol_per_l[0] / self.host_umol[0] / 10

    @property
    def common(self) -> float:
        """Relative error of a factor on all doses made from them."""
        return float(np.hypot(self.host_umol[1], self.stock_mmol_per_l[1]))


def read_amount(text: str | float, what: str) -> tuple[float, float]:
    """Return an amount and its relative standard deviation.

    Parameters
    ----------
    text : str or float
        "20", "20±0.4" or "20±2%" (also with "+-").
    what : str
        Name of the option, for the message.

    Examples
    --------
    >>> read_amount("20±0.4", "host_umol"), read_amount("10+-2%", "stock_mmol_per_l")
    ((20.0, 0.02), (10.0, 0.02))
    """
    number, _, error = str(text).replace("+/-", "±").replace("+-", "±").partition("±")
    try:
        value = float(number)
    except ValueError:
        value = np.nan
    if not 0 < value < np.inf:
        hint = _hint(number) or "such as 20, 20±0.4 or 20±2%"
        raise UsageError(f"{what} is {str(text)!r}; write a positive number, {hint}")
    constant, share = read_error(error, what) if error else (0.0, 0.0)
    return value, constant / value + share


_COMMA = re.compile(r"-?\d+,\d+%?")
_AMOUNT = re.compile(r"(\d[\d.,]*)\s*(?:([mµμun]?)(mol|M)|([mµμun]?)mol/[lL])")
_PREFIX = {"": 1.0, "m": 1e-3, "µ": 1e-6, "μ": 1e-6, "u": 1e-6, "n": 1e-9}


def decimal_hint(text: str) -> str:
    """Return how a number with a decimal comma is written, "" where it has none.

    Examples
    --------
    >>> decimal_hint("20,5"), decimal_hint("20.5")
    ('with a point: 20.5', '')
    """
    return f"with a point: {text.strip().replace(',', '.')}" if _COMMA.fullmatch(text.strip()) else ""


def _hint(number: str) -> str:
    """Return how an amount with a decimal comma or a unit is written."""
    found = _AMOUNT.fullmatch(number.strip())
    if found is None or found[1].count(".") + found[1].count(",") > 1:
        return decimal_hint(number)
    value = float(found[1].replace(",", "."))
    if found[3] == "mol":
        return f"in umol and without a unit: {value * _PREFIX[found[2]] * 1e6:g}"
    return f"in mmol/L and without a unit: {value * _PREFIX[found[2] or found[4] or ''] * 1e3:g}"


def point_log_density(points: MapPoints, theta: Array, scatter: Scatter, *, sigmas: bool) -> Array:
    """Return ln of the density of every point, the true doses integrated out.

    Parameters
    ----------
    points : MapPoints
        n points.
    theta : Array, shape (..., 4)
        b1, D1, b2, y_f of allowed curves (D1 <= D2).
    scatter : Scatter
        Of shape (...).
    sigmas : bool
        True: the constant part multiplies the given sigmas.

    Returns
    -------
    Array, shape (..., n)
    """
    b1, first, b2, top = np.moveaxis(theta, -1, 0)[..., None]
    last = incorporation_map.saturation_dose(b1, first, b2, top)
    blank = np.asarray(scatter.blank)[..., None]
    dose, y = points.low, points.y - blank
    sd = scatter.constant[..., None] * (points.weight**-0.5 if sigmas else 1.0)
    share = scatter.share[..., None]
    middle = incorporation_map.incorporation(dose, b1, first, b2, top)
    # a share of nothing found is no error at all
    variance = np.maximum(sd**2 + (share * (middle + blank)) ** 2, (_SHARPEST * points.y.max()) ** 2)
    # the three pieces along a leading axis: intercept, slope, ends
    zero = np.zeros_like(b1)
    start = np.stack([zero, (b1 - b2) * first, top])
    slope = np.stack([b1, b2, zero])
    ends = np.stack([zero - np.inf, first, last, zero + np.inf])
    spread = np.maximum(points.dose_sd, _SHARPEST * dose.max())
    off = y - start - slope * dose
    total = variance + (slope * spread) ** 2
    centre = dose + spread**2 * slope * off / total
    width = spread * np.sqrt(variance / total)
    inside = ndtr((ends[1:] - centre) / width) - ndtr((ends[:-1] - centre) / width)
    density = np.sum(inside * np.exp(-0.5 * off**2 / total) / np.sqrt(total), axis=0)
    with np.errstate(divide="ignore"):
        log: Array = np.maximum(np.log(density), _LN_FLOOR)
    if points.censored.any():
        off = replace(points, y=y).residuals(*np.moveaxis(theta, -1, 0))
        log = np.where(points.censored, -0.5 * off**2 / variance - 0.5 * np.log(variance), log)
    return log


def told_blank(points: MapPoints, best: MapSolution, confidence: float, *, absolute_sigma: bool) -> Estimate:
    """Return what a sample without guest reads: 0 unless the samples before the avalanche tell otherwise.

    They tell where one of them has dose 0 and the interval of their line's intercept lies above it.

    Parameters
    ----------
    points : MapPoints
    best : MapSolution
        The curve without a blank.
    confidence : float
        At which the blank must differ from 0.
    absolute_sigma : bool
        True: the weights are 1/variance at their word.
    """
    estimate = Estimate(name="blank", value=0.0, unit="%", method="line before the avalanche")
    rows = _before_avalanche(points, best)
    known = absolute_sigma or points.icp is not None
    dof = int(rows.sum()) - 2
    if not np.any(points.low[rows] == 0):
        return replace(estimate, reason="taken as 0 (no sample of dose 0)")
    if dof < (1 if known else _LEAST_DOF):
        return replace(estimate, reason="taken as 0 (too few samples before the avalanche)")
    if points.icp is not None and not points.icp[0]:
        return replace(estimate, reason="taken as 0 (the stated error has no constant part)")
    dose, y, spread = points.low[rows], points.y[rows], (points.dose_sd + 0 * points.low)[rows]
    constant, share = (TYPICAL_SCATTER_PERCENT, 0.0) if points.icp is None else points.icp
    sd = np.hypot(
        points.weight[rows] ** -0.5 if points.icp is None and np.ptp(points.weight) else constant, share * y
    )
    sd = np.maximum(sd, 1e-9)  # no ICP is better, and smaller squares vanish
    weight = 1 / (sd**2 + (best.b1 * spread) ** 2)
    _, intercept, _, rss = fit_line(dose, y, weight)
    centre = np.average(dose, weights=weight)
    unit = 1 / weight.sum() + centre**2 / np.sum(weight * (dose - centre) ** 2)
    # stated errors that are far too small are to make no blank
    se = float(np.sqrt(unit * max(rss / dof, float(known))))
    half = se * float(ndtri(0.5 + confidence / 2) if known else stdtrit(dof, 0.5 + confidence / 2))
    low, high = intercept - half, intercept + half
    if low > 0:
        return replace(estimate, value=intercept, se=se, low=low, high=high)
    reason = f"taken as 0 (the samples before the avalanche say {intercept:.2g} [{low:.2g}, {high:.2g}])"
    return replace(estimate, reason=reason)


def _before_avalanche(points: MapPoints, best: MapSolution) -> BoolArray:
    """Return which samples lie before the avalanche whatever the error of their dose."""
    inside: BoolArray = ~points.censored & (points.low + 2 * np.asarray(points.dose_sd) <= best.D1)
    return inside


def replicates(points: MapPoints, best: MapSolution) -> dict[str, Any]:
    """Return how far replicates of a dose differ and on how many degrees of freedom; {} without any.

    Within the avalanche they differ by the errors of their doses too, so those there do not count.
    """
    flat = _before_avalanche(points, best) | (points.low - 2 * np.asarray(points.dose_sd) >= best.D2)
    dose, y = points.low[flat & ~points.censored], points.y[flat & ~points.censored]
    each = [y[dose == at] for at in np.unique(dose)]
    dof = sum(own.size - 1 for own in each)
    if not dof:
        return {}
    total = sum(float(np.sum((own - own.mean()) ** 2)) for own in each)
    return {"replicates_sd": float(np.sqrt(total / dof)), "replicates_dof": dof}


def scatter_log_prior(scatter: Scatter, *, sigmas: bool) -> Array:
    """Return ln of the prior density of ln(constant part) and of the share."""
    typical = 1.0 if sigmas else TYPICAL_SCATTER_PERCENT
    log: Array = -0.5 * (np.log(scatter.constant / typical) / _SCATTER_FACTOR) ** 2
    return log - 0.5 * (scatter.share / TYPICAL_SHARE) ** 2
