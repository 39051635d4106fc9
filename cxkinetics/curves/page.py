"""A fit of any curve as text: every number with its interval, how it was made, what to doubt."""

from html import escape
from typing import Any

from cxkinetics.curves.result import CurveFit
from cxkinetics.estimate import Estimate, round_by_error
from cxkinetics.kinetics.tables import table_html
from cxkinetics.report.blocks import Table
from cxkinetics.report.columns import TERMINAL_WIDTH, aligned, wrapped
from cxkinetics.report.present import as_html, as_text


def format_curve_fit(fit: CurveFit, *, width: int = TERMINAL_WIDTH) -> str:
    """Return a fit of any curve as text; `width` is the longest line, in characters."""
    parts = [wrapped(curve_title(fit), hang=2, width=width), "", aligned(curve_table(fit), width=width), ""]
    parts.append(wrapped(_criteria(fit), indent=2, hang=2, width=width))
    parts += [wrapped(f"! {flag}", indent=2, hang=2, width=width) for flag in fit.flags]
    return "\n".join(parts)


def curve_title(fit: CurveFit) -> str:
    """Return the first line: function, points, and whether the numbers can be trusted."""
    state = "" if fit.success else "; NOT to be trusted, see below"
    return f"{fit.function.split('.')[-1]}: {fit.n_points} points, {len(fit.parameters)} parameters{state}"


def curve_table(fit: CurveFit) -> Table:
    """Return the parameters with standard error, interval and how it was made, or why there is none."""
    percent = f"{100 * float(fit.options['confidence']):g} %"
    rows = [
        (
            name,
            estimate.format_value() + (f" {estimate.unit}" if estimate.unit else ""),
            "" if estimate.se is None else f"{estimate.se:.2g}",
            _interval(estimate),
            ": ".join(part for part in (estimate.method, estimate.reason) if part),
        )
        for name, estimate in fit.parameters.items()
    ]
    return Table(("parameter", "value", "standard error", f"{percent} interval", "how"), tuple(rows))


def _interval(estimate: Estimate) -> str:
    if estimate.low is None and estimate.high is None:
        return ""
    low, high = (
        open_end if end is None else round_by_error(end, estimate.se)
        for end, open_end in ((estimate.low, "-inf"), (estimate.high, "inf"))
    )
    return f"[{low}, {high}]"


def _criteria(fit: CurveFit) -> str:
    redchi = "" if fit.redchi is None else f", reduced chi-square {fit.redchi:.4g}"
    weights = ""
    if fit.sigma is not None:
        weights = (
            "; sigma taken at its word" if fit.options["absolute_sigma"] else "; sigma as relative weights"
        )
    least = min(fit.digits.values(), default=0.0)
    digits = f"; rounding leaves at least {least:.0f} digits of every parameter" if fit.success else ""
    return (
        f"rss {fit.rss:.6g}, {fit.dof} degrees of freedom{redchi}{weights}; "
        f"derivatives by {fit.derivatives}{digits}"
    )


@as_text.register(CurveFit)
def _(fit: CurveFit, **options: Any) -> str:
    return format_curve_fit(fit, **options)


@as_html.register(CurveFit)
def _(fit: CurveFit, **options: Any) -> str:
    flags = "".join(f"<li>{escape(flag)}</li>" for flag in fit.flags)
    return (
        f"<div><p><strong>{escape(curve_title(fit))}</strong></p>{table_html(curve_table(fit))}"
        f"<p>{escape(_criteria(fit))}</p>{f'<ul>{flags}</ul>' if flags else ''}</div>"
    )
