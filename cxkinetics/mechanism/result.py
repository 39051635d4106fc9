"""The fit of a mechanism: parameters and how well each is known, residuals by source, rivals, draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cxkinetics.arrays import Array
from cxkinetics.document.shown import Shown
from cxkinetics.estimate import Estimate
from cxkinetics.mechanism.data import Evidence
from cxkinetics.mechanism.scheme import Mechanism, mechanism_of
from cxkinetics.record import DATA, Record, Version
from cxkinetics.remarks import Remark
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

DETERMINED = ("determined", "bounded", "not by these data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual(Record):
    """One number of the evidence beside its prediction.

    `pull` is (reading - prediction) / sd, 0 for a limit that is kept; a run stands as one: its rms in sd.
    """

    source: str
    what: str
    reading: float | None
    sd: float
    side: str
    predicted: float | None
    pull: float
    chi2: float
    n_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalFit(Record):
    """Another mechanism at the same evidence.

    Attributes
    ----------
    mechanism, title : str
        Which.
    n_parameters, dof : int
        Parameters, and points less these.
    chi2 : float
        At its best, the pull to the middle of the bounds left aside.
    p_value : float
        Of that chi2.
    behind, needed : float
        chi2 less that of the chosen mechanism, and by how much it must be behind (10 for each
        parameter that the chosen one has more; negative where that has fewer).
    verdict : str
        "chosen", "behind", "not told apart" or "ahead".
    parameters : mapping
        Its best parameters.
    agreeing_starts, n_starts : int
        Starts that came to within 1 of the best chi2.
    left_out : mapping
        Source -> chi2 of a refit without it.
    doubled, halved : float
        chi2 of refits with every sd doubled and halved.
    correlated : float or None
        chi2 of a refit in which the numbers read off one trace have the covariance that independent errors
        of its readings give them, at the curve of the chosen mechanism; None where no trace gave several.
    """

    mechanism: str
    title: str
    n_parameters: int
    dof: int
    chi2: float
    p_value: float | None
    behind: float
    needed: float
    verdict: str
    parameters: Mapping[str, float]
    agreeing_starts: int
    n_starts: int
    left_out: Mapping[str, float]
    doubled: float
    halved: float
    correlated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding(Record):
    """A measurement on which the chosen mechanism and a rival differ.

    Attributes
    ----------
    what : str
        The measurement.
    rival : str
        The mechanism it is decided against.
    expected, rival_expected : float
        What each says, at its best.
    low, high : float
        Interval of the former over the draws.
    sd : float
        Error that such a measurement may have.
    cost : float
        Effort, 1 for a spectrum of a sample that there is anyhow.
    separation : float
        Difference over the error of the measurement and the spread of the former together.
    """

    what: str
    rival: str
    expected: float
    low: float
    high: float
    rival_expected: float
    sd: float
    cost: float
    separation: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MechanismFit(Record, Shown):
    """A mechanism fitted to all evidence at once, beside its rivals.

    Attributes
    ----------
    mechanism, title : str
        Which mechanism was fitted.
    evidence : Evidence
        To what.
    parameters : mapping of str to Estimate
        Best values; intervals are profiles, widened by `misfit`; an end is open where a bound of the
        search is reached first.
    known : mapping of str to str
        "determined" (both ends, at most half of the range between the bounds), "bounded" (one end, or
        wider than that) or "not by these data".
    directions : int
        Combinations of the parameters that the data say clearly more of than the bounds.
    chi2 : float
        sum of ((reading - prediction) / sd)^2, limits that are kept adding nothing.
    pull_chi2 : float
        What the weak pull of each parameter to the middle of its bounds adds.
    dof : int
        Points less parameters.
    p_value : float or None
        Chance of such a chi2 if the mechanism and the sds were right.
    misfit : float
        sqrt(chi2/dof) where above 1: every interval is widened by it.
    residuals : tuple of Residual
        By source.
    rivals : tuple of RivalFit
        The chosen one first.
    deciding : tuple of Deciding
        What would tell it from its rivals with other states, and from those not told apart, the cheapest
        for its worth first.
    verdict : mapping
        "code" ("ahead", "not told apart", "behind" or "alone") and "text".
    options : mapping
        Everything that shaped the result.
    draws : Array, shape (n, parameters)
        Parameters of refits to perturbed readings; predictions rest on them.
    warnings, seed, version
        As for every result.

    Examples
    --------
    >>> from cxkinetics.mechanism.fit import published_mechanism_fit
    >>> fit = published_mechanism_fit()
    >>> round(fit.chi2), fit.dof
    (30, 10)
    """

    SCHEMA = "cxkinetics.mechanism/1"
    _keys = "schema=SCHEMA version ..."

    mechanism: str
    title: str
    evidence: Evidence
    parameters: Mapping[str, Estimate]
    known: Mapping[str, str]
    directions: int
    chi2: float
    pull_chi2: float
    dof: int
    p_value: float | None
    misfit: float
    residuals: tuple[Residual, ...]
    rivals: tuple[RivalFit, ...]
    deciding: tuple[Deciding, ...]
    verdict: Mapping[str, str]
    options: Mapping[str, Any]
    definition: Annotated[str, DATA]
    draws: Annotated[Array, DATA]
    warnings: tuple[Remark, ...] = ()
    seed: int = 0
    version: Version = __version__

    @property
    def scheme(self) -> Mechanism:
        """The mechanism, made again from its definition."""
        return mechanism_of(self.mechanism, self.definition)

    @property
    def by_source(self) -> dict[str, tuple[float, int]]:
        """chi2 and number of points of each source of the evidence."""
        found: dict[str, tuple[float, int]] = {}
        for item in self.residuals:
            chi2, count = found.get(item.source, (0.0, 0))
            found[item.source] = (chi2 + item.chi2, count + item.n_points)
        return found

    def table(self) -> "pd.DataFrame":
        """Return one row per parameter: value, interval, unit, how well it is known."""
        from cxkinetics.mechanism.page import parameter_table

        return parameter_table(self).frame().set_index("parameter")

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` shows."""
        from cxkinetics.mechanism.page import fit_brief

        return fit_brief(self, unit)

    def page(self, unit: "TimeUnit") -> "Page":
        """Return the whole report."""
        from cxkinetics.mechanism.page import fit_page

        return fit_page(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figures: data of all kinds with the fit, composition in time, map of each target."""
        from cxkinetics.mechanism.figures import fit_figures

        return fit_figures(self)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook."""
        from cxkinetics.mechanism.page import fit_data

        return fit_data(self)

    def __repr__(self) -> str:
        return (
            f"MechanismFit({self.mechanism}: chi2 {self.chi2:.4g}, {self.dof} degrees of freedom, "
            f"{self.evidence.n_points} numbers; {self.verdict['code']})"
        )
