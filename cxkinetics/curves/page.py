"""What a fit of any curve says: every number with its interval, how it was made, what to doubt."""

from functools import partial
from typing import TYPE_CHECKING

from cxkinetics.document import cells
from cxkinetics.document.page import Figure, Notes, Paragraph, Section
from cxkinetics.document.table import Column, Table, long
from cxkinetics.document.units import TimeUnit

if TYPE_CHECKING:
    from cxkinetics.curves.result import CurveFit


def brief(fit: "CurveFit", unit: TimeUnit) -> Section:
    """Return the parameters, the criteria and the flags under a title that says whether to trust them."""
    state = "" if fit.success else "; NOT to be trusted, see below"
    title = f"{_name(fit)}: {fit.n_points} points, {len(fit.parameters)} parameters{state}"
    flags = [Notes(fit.flags, mark="!", warnings=False)] if fit.flags else []
    return Section(title, [parameter_table(fit), Paragraph(_criteria(fit), gap=True), *flags], unit)


def parameter_table(fit: "CurveFit") -> Table:
    """Return the parameters with standard error, interval and how it was made, or why there is none."""
    columns = [
        Column("parameter", "parameter"),
        Column("value", long(), cells.value_unit),
        Column("standard error", format=lambda estimate: "" if estimate.se is None else f"{estimate.se:.2g}"),
        Column(f"{100 * float(fit.options['confidence']):g} % interval", format=cells.by_standard_error),
        Column("how", format=cells.how),
    ]
    return Table(columns, [(name, e, e, e, e) for name, e in fit.parameters.items()], gap=True)


def figures(fit: "CurveFit") -> tuple[Figure, ...]:
    """Return the figure of data, curve and residuals."""
    from cxkinetics.curves.figures import draw_curve_fit

    words = f"{fit.n_points} points, the fitted curve {_name(fit)} and the residuals below."
    return (Figure("curve", partial(draw_curve_fit, fit), words, aspect=0.95),)


def _name(fit: "CurveFit") -> str:
    return fit.function.split(".")[-1]


def _criteria(fit: "CurveFit") -> str:
    redchi = "" if fit.redchi is None else f", reduced chi-square {fit.redchi:.4g}"
    weights = ""
    if fit.sigma is not None:
        word = "taken at its word" if fit.options["absolute_sigma"] else "as relative weights"
        weights = f"; sigma {word}"
    least = min(fit.digits.values(), default=0.0)
    digits = f"; rounding leaves at least {least:.0f} digits of every parameter" if fit.success else ""
    return (
        f"rss {fit.rss:.6g}, {fit.dof} degrees of freedom{redchi}{weights}; "
        f"derivatives by {fit.derivatives}{digits}"
    )
