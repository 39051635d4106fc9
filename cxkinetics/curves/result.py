"""What `fit_curve` returns: frozen, every number with its interval or the reason there is none."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, frozen_array, same_array
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate, finite_or_none, json_text
from cxkinetics.presentation import Presentable
from cxkinetics.signals.documents import read_result
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import lmfit
    import pandas as pd

CURVE_SCHEMA = "cxkinetics.curve/1"
ARRAYS = ("x", "y", "sigma", "fitted", "residuals", "covariance")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurveFit(Presentable):
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

    parameters: Mapping[str, Estimate]
    values: Mapping[str, float]
    rss: float
    dof: int
    success: bool
    flags: tuple[str, ...]
    digits: Mapping[str, float]
    x: Array
    y: Array
    sigma: Array | None
    fitted: Array
    residuals: Array
    covariance: Array
    function: str
    derivatives: str
    extended_precision: bool
    options: Mapping[str, Any]
    seed: int
    sha256: str
    version: str = __version__

    def __post_init__(self) -> None:
        for name in ARRAYS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen_array(getattr(self, name)))

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
        import pandas as pd

        columns = ("value", "se", "low", "high", "unit", "method", "reason")
        return pd.DataFrame(
            [[getattr(estimate, column) for column in columns] for estimate in self.parameters.values()],
            index=pd.Index(list(self.parameters), name="parameter"),
            columns=list(columns),
        )

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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: parameters, rss, dof, success, flags and how they came about."""
        return {
            "parameters": {name: estimate.to_dict() for name, estimate in self.parameters.items()},
            "rss": finite_or_none(self.rss),
            "dof": self.dof,
            "success": self.success,
            "flags": list(self.flags),
            "redchi": finite_or_none(self.redchi),
            "n_points": self.n_points,
            "digits": dict(self.digits),
            "function": self.function,
            "derivatives": self.derivatives,
            "extended_precision": self.extended_precision,
            "options": dict(self.options),
            "seed": self.seed,
            "sha256": self.sha256,
            "version": self.version,
        }

    def to_json(self) -> str:
        """Return the whole result, data and covariance included, as JSON text."""
        data = {name: getattr(self, name) for name in ARRAYS}
        record = (
            {"schema": CURVE_SCHEMA}
            | self.to_dict()
            | {
                "values": dict(self.values),
                "data": {name: None if array is None else _nested(array) for name, array in data.items()},
            }
        )
        return json_text(record)

    @classmethod
    def from_json(cls, text: str | os.PathLike[str]) -> "CurveFit":
        """Return the result that `to_json` wrote; `text` is that, or the path of its file.

        Raises
        ------
        InputError
            If the text is no such result.
        """
        return read_result(text, CURVE_SCHEMA, cls._of_record)

    @classmethod
    def _of_record(cls, record: dict[str, Any]) -> "CurveFit":
        data: dict[str, Any] = {
            name: None if values is None else np.array(values, dtype=float)
            for name, values in record["data"].items()
        }
        return cls(
            parameters={name: Estimate.from_dict(name, item) for name, item in record["parameters"].items()},
            values=record["values"],
            rss=float("inf") if record["rss"] is None else record["rss"],
            dof=record["dof"],
            success=record["success"],
            flags=tuple(record["flags"]),
            digits=record["digits"],
            function=record["function"],
            derivatives=record["derivatives"],
            extended_precision=record["extended_precision"],
            options=record["options"],
            seed=record["seed"],
            sha256=record["sha256"],
            version=record["version"],
            **data,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CurveFit):
            return NotImplemented
        return (
            self.to_dict() == other.to_dict()
            and dict(self.values) == dict(other.values)
            and all(same_array(getattr(self, name), getattr(other, name)) for name in ARRAYS)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} = {estimate}" for name, estimate in self.parameters.items())
        state = "" if self.success else "NOT trustworthy: "
        return f"CurveFit({state}{shown}; rss {self.rss:.6g}, {self.dof} degrees of freedom)"


def _nested(array: Array) -> Any:
    """Return an array as nested lists, None for what is not finite."""
    if array.ndim > 1:
        return [_nested(row) for row in array]
    return [finite_or_none(value) for value in array.tolist()]
