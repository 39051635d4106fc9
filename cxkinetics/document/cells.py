"""How a number or an estimate reads in a table: each way once, for every table of every result.

A column of a table names one of these functions as its `format`. An estimate stands either in one
cell (`interval`) or in two (`value` and `bracket`); its unit is a column, a head or part of `value_unit`.
"""

import math
from dataclasses import replace

from cxkinetics.estimate import Estimate
from cxkinetics.estimate import bracket as ends

NOT_DETERMINED = "not determined"


def interval(estimate: Estimate) -> str:
    """Return value and interval without the unit, rounded by the interval's width.

    Examples
    --------
    >>> k = Estimate(name="k", value=0.0562, se=0.001, low=0.0542, high=0.0582, unit="1/s", method="wald")
    >>> interval(k), value(k), value_unit(k), bracket(k), method(k, 0.95), how(k)
    ('0.0562 [0.0542, 0.0582]', '0.0562', '0.0562 1/s', '[0.0542, 0.0582]', '95 %, wald', 'wald')
    """
    return NOT_DETERMINED if estimate.value is None else str(replace(estimate, unit="", reason=""))


def value(estimate: Estimate) -> str:
    """Return the value alone, rounded by its error, or "not determined"."""
    return estimate.format_value()


def value_unit(estimate: Estimate) -> str:
    """Return the value with its unit, rounded by its error; "not determined" has no unit."""
    return f"{estimate.format_value()} {'' if estimate.value is None else estimate.unit}".rstrip()


def unit(estimate: Estimate) -> str:
    """Return the unit, in the time unit of the reader."""
    return estimate.unit


def bracket(estimate: Estimate) -> str:
    """Return the interval alone, without the unit, rounded as `value`; "" where there is none."""
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return ""
    text = interval(estimate)
    return text[text.index("[") :]


def bracket_or_reason(estimate: Estimate) -> str:
    """Return the interval alone or why there is none.

    Examples
    --------
    >>> bracket_or_reason(Estimate(name="k2", value=None, reason="the trace ends too early"))
    'the trace ends too early'
    >>> bracket_or_reason(Estimate(name="k", value=1.0, reason="given"))
    'no interval: given'
    """
    if estimate.value is None:
        return estimate.reason
    return bracket(estimate) or (f"no interval: {estimate.reason}" if estimate.reason else "")


def fixed(estimate: Estimate, spec: str) -> str:
    """Return value and interval in one format, such as ".3f"; a dash where there is no value.

    Examples
    --------
    >>> fixed(Estimate(name="share", value=0.25, low=0.2, high=0.3), ".2f")
    '0.25 [0.20, 0.30]'
    """
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{spec}}"
    return f"{estimate.value:{spec}} [{estimate.low:{spec}}, {estimate.high:{spec}}]"


def method(estimate: Estimate, confidence: float) -> str:
    """Return level and method of the interval, or why there is none."""
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return estimate.reason or estimate.method
    open_end = f"; {estimate.reason}" if estimate.reason else ""
    return f"{100 * confidence:g} %, {estimate.method}{open_end}"


def how(estimate: Estimate) -> str:
    """Return the method and, where there is one, the reason: "profile: one end is open"."""
    return ": ".join(part for part in (estimate.method, estimate.reason) if part)


def number(value: float | None, digits: int = 4) -> str:
    """Return a plain number; a dash where there is none.

    Examples
    --------
    >>> number(0.98765), number(None)
    ('0.9877', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def r_squared(value: float | None) -> str:
    """Return an R2; one that only rounds to 1 is not printed as 1.

    Examples
    --------
    >>> r_squared(0.98765), r_squared(0.9999931), r_squared(None)
    ('0.9877', '> 0.9999', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    return "> 0.9999" if 0.99995 <= value < 1 else f"{value:.4f}"


def weight(value: float | None) -> str:
    """Return an Akaike weight with three decimals; a small one is not printed as 0.

    Examples
    --------
    >>> weight(0.98765), weight(1e-9), weight(None)
    ('0.988', '< 0.001', '-')
    """
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def by_standard_error(estimate: Estimate) -> str:
    """Return the interval alone, rounded by the standard error and not by its own width."""
    if estimate.low is None and estimate.high is None:
        return ""
    return ends(estimate.low, estimate.high, estimate.se)
