"""What `fit_curve` returns: frozen, every number with its interval or the reason there is none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.record import DATA, As, Record, Version
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import lmfit
    import pandas as pd

    from cxkinetics.document.page import Figure, Section
    from cxkinetics.document.units import TimeUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveFit(Record, Shown):
    """A least-squares fit of a user's function.

    Attributes
    ----------
    parameters : mapping of str to Estimate
        Every parameter with standard error and interval; value None where the data do not
        determine it.
    values : mapping of str to float
        The point at which everything is computed: `function(x, **fit.values)` is the fitted curve
        (an undetermined parameter has a value here too, which means nothing by itself).
    rss : float
        Sum of squared residuals, each divided by its sigma where one was given (inf, null in JSON,
        beyond the largest double).
    dof : int
        Points minus parameters.
    success : bool
        True where at least four digits of every parameter can be trusted and the place is a minimum.
    flags : tuple of str
        What a user should know: parameters at a bound, unmoved or undetermined, derivatives that
        are not exact, a pattern in the residuals, further descents that were needed.
    digits : mapping of str to float
        Digits of each parameter that rounding and the last step leave.
    x, y, sigma : Array
        Data as given (sigma None where none was).
    fitted, residuals : Array, shape (n,)
        The curve, and data minus curve, in the unit of y.
    covariance : Array, shape (p, p)
        Of the parameters in their order; NaN where not known.
    function : str
        Name of the function.
    derivatives : str
        "complex step", "central differences" or "mixed".
    extended_precision : bool
        Whether the last digits come from residuals in extended precision.
    options : mapping
        Every option that shaped the result, the start included.
    seed : int
        Seed of the starts nearby that a suspect result is tried from.
    sha256 : str
        Hash of x, y and sigma.
    version : str
        Version of the package.

    Examples
    --------
    >>> import cxkinetics as cx
    >>> fit = cx.fit_curve(lambda x, b: b * x, [1.0, 2.0, 3.0], [2.1, 3.9, 6.0], start={"b": 1.0})
    >>> round(fit.values["b"], 4), round(fit.parameters["b"].se, 4), fit.dof
    (1.9929, 0.0262, 2)
    """

    SCHEMA = "cxkinetics.curve/1"
    _keys = """parameters rss dof success flags redchi n_points digits function derivatives
        extended_precision options seed sha256 version | values"""

    parameters: Mapping[str, Estimate]
    values: Mapping[str, float]
    rss: Annotated[float, As(null=math.inf)]
    dof: int
    success: bool
    flags: tuple[str, ...]
    digits: Mapping[str, float]
    x: Annotated[Array, DATA]
    y: Annotated[Array, DATA]
    sigma: Annotated[Array | None, DATA]
    fitted: Annotated[Array, DATA]
    residuals: Annotated[Array, DATA]
    covariance: Annotated[Array, DATA]
    function: str
    derivatives: str
    extended_precision: bool
    options: Mapping[str, Any]
    seed: int
    sha256: str
    version: Version = __version__

    @property
    def n_points(self) -> int:
        """Number of points fitted."""
        return int(self.y.size)

    @property
    def redchi(self) -> float | None:
        """Reduced chi-square, rss/dof; None without degrees of freedom."""
        return self.rss / self.dof if self.dof > 0 else None

    def table(self) -> "pd.DataFrame":
        """Return one row per parameter: value, se, low, high, unit, method, reason."""
        from cxkinetics.document.sheets import quantity_table

        return quantity_table(self.parameters.items(), first="parameter").frame().set_index("parameter")

    def lmfit_parameters(self) -> "lmfit.Parameters":
        """Return the fit as `lmfit.Parameters`, with standard errors and correlations where known.

        Raises
        ------
        FitError
            If a name is one that lmfit does not take (a word of Python such as "lambda").

        Examples
        --------
        >>> import cxkinetics as cx
        >>> fit = cx.fit_curve(lambda x, b: b * x, [1.0, 2.0, 3.0], [2.1, 3.9, 6.0], start={"b": 1.0})
        >>> round(fit.lmfit_parameters()["b"].stderr, 4)
        0.0262
        """
        import lmfit

        parameters = lmfit.Parameters()
        errors = np.sqrt(np.diag(self.covariance))
        names = list(self.parameters)
        for j, name in enumerate(names):
            bounds = {"min": self.options["lower"].get(name), "max": self.options["upper"].get(name)}
            given = {key: value for key, value in bounds.items() if value is not None}
            try:
                parameters.add(name, value=self.values[name], **given)
            except KeyError as error:
                raise FitError(
                    f"lmfit does not take {name!r} as the name of a parameter: rename it"
                ) from error
            parameters[name].init_value = self.options["start"][name]
            if np.isfinite(errors[j]):
                parameters[name].stderr = float(errors[j])
                parameters[name].correl = {
                    other: float(self.covariance[j, k] / (errors[j] * errors[k]))
                    for k, other in enumerate(names)
                    if k != j and np.isfinite(errors[k]) and errors[j] * errors[k] > 0
                }
        return parameters

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.curves.page import brief

        return brief(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: data, curve and residuals."""
        from cxkinetics.curves.page import figures

        return figures(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} = {estimate}" for name, estimate in self.parameters.items())
        state = "" if self.success else "NOT trustworthy: "
        return f"CurveFit({state}{shown}; rss {self.rss:.6g}, {self.dof} degrees of freedom)"
