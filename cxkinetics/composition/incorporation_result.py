"""What a fit of a dose table returns, and its checks against the mass balance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cxkinetics.arrays import Array, ArrayLike, finite_of, numbers_of
from cxkinetics.calls import checked
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition import mass_balance
from cxkinetics.composition.curve import QUANTITIES
from cxkinetics.composition.system import MAP_PARAMETERS, System, load_system
from cxkinetics.document.shown import Shown
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate
from cxkinetics.kinetics.result import Rival
from cxkinetics.record import DATA, OMIT, As, Record, Version, read
from cxkinetics.remarks import Remark
from cxkinetics.signals.basis import BASES, basis_kind
from cxkinetics.signals.dose_table import DoseTable
from cxkinetics.source import Source
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.units import TimeUnit

_BLANK_PERCENT = 0.5
"""A blank may read this much without the balance being called broken (chosen)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Record):
    """One check: what it is, the number behind it, and whether it is met.

    Attributes
    ----------
    code : str
        Short name for programs.
    text : str
        One sentence with the numbers.
    value : float or None
        The number.
    unit : str
        Its unit.
    passed : bool or None
        None where the number is a bound to know about, with nothing to fail.
    """

    code: str
    text: str
    value: float | None
    unit: str = ""
    passed: bool | None = None


def more_in_than_added(points: DoseTable, system: System, blank: float = 0.0) -> Remark | None:
    """Return a warning where a sample holds more guest than was added, or None.

    The bound assumes that every guest added is bound and displaces host by the charge rule, and
    that all displaced host is washed away; half a percentage point is allowed beyond a known blank.
    """
    if basis_kind(points.basis) == BASES[2]:
        return None
    dose = np.asarray(points.dose_high_percent) / 100
    hosts = np.maximum(1 - dose / float(system.guests_per_host), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = 100 * dose / (hosts + dose if basis_kind(points.basis) == BASES[0] else hosts)
    most = np.where((dose == 0), 0.0, most)
    slack = np.maximum(_BLANK_PERCENT, 0.0 if points.sigma_percent is None else 3 * points.sigma_percent)
    slack = slack + blank
    y = np.asarray(points.incorporation_percent)
    rows = np.flatnonzero(y > most + slack)
    if not rows.size:
        return None
    first = rows[0]
    more = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
    return Remark(
        "mass_balance",
        f"mass balance: {y[first]:g} % incorporated at a dose of {100 * dose[first]:g} % is more "
        f"{system.guest} than was added (at most {most[first]:.3g} % on {points.basis}){more}",
        int(rows.size),
        tuple(int(r) for r in rows[:20]),
    )


def curve_checks(
    system: System,
    points: DoseTable,
    *,
    avalanche: float | None,
    saturation: float | None,
    plateau: float | None,
) -> tuple[Check, ...]:
    """Return the mass-balance checks of a dose curve.

    Parameters
    ----------
    system : System
    points : DoseTable
        On the basis of the fit.
    avalanche, saturation, plateau : float or None
        D1, D2 and y_f in percent, as far as known.
    """
    if basis_kind(points.basis) == BASES[2]:
        return ()
    checks, trapped = _observed_states(system, points.basis)
    if plateau is not None and plateau > 0:
        checks += _plateau_checks(system, points.basis, plateau, trapped)
    if saturation is not None and math.isfinite(saturation):
        most = float(mass_balance.saturation_share_cap(system, saturation))
        text = (
            f"saturation at {saturation:.4g} % dose: at most {min(most, 1.0):.3f} of the dosed "
            f"{system.host_cation} can sit in clusters (full exchange of all of it takes "
            f"{mass_balance.dose_of_full_exchange(system):.1f} %)"
        )
        checks.append(Check(code="cluster_share_from_saturation", text=text, value=most))
        if avalanche is not None and plateau is not None:
            checks += _equilibrium_check(system, points, avalanche, saturation, plateau)
    return tuple(checks)


def _per_unit(system: System) -> str:
    return f"{system.host_cation} per {system.anion}{system.n_anions}"


def _observed_states(system: System, basis: str) -> tuple[list[Check], float | None]:
    """Return what the observed dopant counts imply, and the trapped host of the most doped one."""
    trapped_at_top, checks, unit = None, [], _per_unit(system)
    for state in system.observed:
        y, dopants = float(state["incorporation_percent"]), int(state["dopants"])
        shares = np.zeros(len(system.species))
        shares[system.dopant_counts.index(dopants)] = 1.0
        trapped = float(mass_balance.trapped_host(system, shares, y, basis=basis))
        text = (
            f"published state: clusters with exactly {dopants} {system.guest} at {y:g} % need "
            f"T = {trapped:.2f} trapped {unit}"
        )
        if trapped < 0:
            least = mass_balance.least_mean_dopants(system, y, basis)
            text += f", which is impossible: the mean is at least {least:.3f} {system.guest}"
        code = f"trapped_host_at_{y:g}"
        checks.append(Check(code=code, text=text, value=trapped, unit=unit, passed=trapped >= 0))
        if dopants == system.most_guests:
            trapped_at_top = trapped
    return checks, trapped_at_top


def _plateau_checks(system: System, basis: str, plateau: float, trapped: float | None) -> list[Check]:
    unit = _per_unit(system)
    total = float(mass_balance.trapped_and_retained_at_plateau(system, plateau, basis=basis))
    text = f"full exchange at {plateau:.4g} % needs T + {system.n_hosts} rho = {total:.1f} {unit}"
    code = "trapped_and_retained_at_plateau"
    needed = Check(code=code, text=text, value=total, unit=unit, passed=total >= 0)
    if trapped is None:
        return [needed]
    fits = trapped <= total <= trapped + system.n_hosts
    text = f"one T for both ends: {trapped:.2f} at full doping, {total:.1f} - {system.n_hosts} rho at plateau"
    eta = None
    if not fits:
        eta = mass_balance.recovery_at_plateau(system, plateau, T=trapped, basis=basis)
        text += f": no constant T fits unless the product is recovered by only eta = {eta:.3f}"
    return [needed, Check(code="one_trapped_host", text=text, value=eta, passed=fits)]


def _equilibrium_check(
    system: System, points: DoseTable, avalanche: float, saturation: float, plateau: float
) -> list[Check]:
    """Return the cap on the cluster share by the sample nearest to the avalanche, for rho of 0 and 1."""
    dose = np.asarray(points.dose_percent)
    known = np.flatnonzero(np.isfinite(dose) & (dose < saturation))
    if not known.size or system.max_guests is None:
        return []
    nearest = known[np.argmin(np.abs(dose[known] - avalanche))]
    at, y = float(dose[nearest]), float(points.incorporation_percent[nearest])
    total = float(mass_balance.trapped_and_retained_at_plateau(system, plateau, basis=points.basis))
    caps = []
    for rho in (0.0, 1.0):
        trapped = total - system.n_hosts * rho
        if trapped < 0:
            continue
        cap = mass_balance.equilibrium_share_cap(
            system, at, y, saturation, T=trapped, rho=rho, basis=points.basis
        )
        if math.isfinite(cap):
            caps.append((cap, f"{cap:.3f} (T = {trapped:.1f}, rho = {rho:g})"))
    if not caps:
        return []
    text = (
        f"if bound {system.guest} rises no faster than added {system.guest} between {at:g} % and saturation, "
        f"the clusters hold at most {' or '.join(words for _, words in caps)} of the dosed "
        f"{system.host_cation}"
    )
    return [Check(code="cluster_share_from_equilibrium", text=text, value=caps[0][0])]


_ESTIMATES = {field: name for field, name, _ in QUANTITIES.values()}
"""Field -> name of its estimate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IncorporationFit(Record, Shown):
    """A dose-incorporation curve: y = b1 D up to D1, then slope b2, then the plateau y_f.

    Attributes
    ----------
    points : DoseTable
        The table that was fitted, on the basis of the fit.
    system : System
        Whose guest, host and anion these are.
    options : mapping
        preset, basis, interval_doses, absolute_sigma and confidence.
    stage1_slope, stage2_slope, slope_ratio : Estimate
        b1, b2 (percent per percent) and b2/b1.
    mean_slope_ratio : float or None
        Chord from the last sample at or below the avalanche dose to the first at or above
        saturation, over the chord from 0 to the former.
    avalanche_dose_percent, saturation_dose_percent, plateau_percent : Estimate
        D1, D2 and y_f, percent.
    intercept : float
        Incorporation of the first line at dose 0, percent: 0 unless a preset left it free or the
        samples show a blank; the plateau counts it, the other numbers do not.
    blank_percent : Estimate or None
        What a sample without guest reads, percent, where the points can tell that it is not 0; else 0,
        with what they say. None where windows were given.
    windows_percent : mapping
        Dose window of each stage, percent.
    not_identified : mapping
        Quantity -> (low, high) of values that fit equally well; high None where open.
    residuals : Array, shape (n,)
        Incorporation minus curve (for a dose interval: distance from what the curve reaches in it).
    rss, dof, scatter_percent : numbers
        Weighted sum of squares, degrees of freedom, and the scatter about the curve.
    errors : mapping
        The errors behind the intervals: of a dose (median relative sd), common to all doses, of an
        incorporation (constant part, share), and whether each was stated, fitted or assumed; empty
        where windows were given or no scatter is left.
    rivals : tuple of Rival
        The curve against one line, line and plateau, Hill.
    verdict : mapping
        "code" ("avalanche", "no_avalanche", "undecided") and "text".
    checks : tuple of Check
        Mass-balance checks with their numbers.
    warnings : tuple of Remark

    Examples
    --------
    >>> import cxkinetics as cx
    >>> fit = cx.fit_incorporation(cx.load_example_dose_table(), preset="paper")
    >>> low, high = fit.dose_at(20.0)
    >>> round(low, 1), round(float(fit.incorporation_at(50.0)), 2)
    (109.8, 5.33)
    """

    SCHEMA = "cxkinetics.incorporation/1"
    _keys = """schema=SCHEMA version file=points.source.file sha256=points.source.sha256
        simulated=points.source.simulated basis n_points=points.n_points n_interval_doses=_n_interval
        options stage1_slope stage2_slope slope_ratio avalanche_dose_percent saturation_dose_percent
        plateau_percent mean_slope_ratio intercept_percent windows_percent not_identified ...
        | data.points data.residuals data.system"""

    points: Annotated[DoseTable, DATA]
    system: Annotated[System, DATA]
    options: Mapping[str, Any]
    stage1_slope: Annotated[Estimate, As(name=_ESTIMATES["stage1_slope"])]
    stage2_slope: Annotated[Estimate, As(name=_ESTIMATES["stage2_slope"])]
    slope_ratio: Annotated[Estimate, As(name=_ESTIMATES["slope_ratio"])]
    mean_slope_ratio: float | None
    avalanche_dose_percent: Annotated[Estimate, As(name=_ESTIMATES["avalanche_dose_percent"])]
    saturation_dose_percent: Annotated[Estimate, As(name=_ESTIMATES["saturation_dose_percent"])]
    plateau_percent: Annotated[Estimate, As(name=_ESTIMATES["plateau_percent"])]
    windows_percent: Mapping[str, tuple[float, float]]
    residuals: Annotated[Array, DATA]
    rss: float
    dof: int
    scatter_percent: float | None
    intercept: Annotated[float, As(key="intercept_percent")] = 0.0
    blank_percent: Annotated[Estimate | None, As(name="blank", omit=True)] = None
    not_identified: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    errors: Annotated[Mapping[str, Any], OMIT] = field(default_factory=dict)
    rivals: tuple[Rival, ...] = ()
    verdict: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    warnings: tuple[Remark, ...] = ()
    version: Version = __version__

    @property
    def basis(self) -> str:
        """What incorporation is a percentage of."""
        return self.points.basis

    @property
    def n_exact(self) -> int:
        """Samples whose dose is known exactly."""
        return int(np.sum(np.isfinite(self.points.dose_percent)))

    @property
    def _n_interval(self) -> int:
        return self.points.n_points - self.n_exact

    @property
    def parameters(self) -> dict[str, float]:
        """The map's numbers b1, D1, b2, y_f (y_f above the intercept)."""
        found = {name: getattr(self, QUANTITIES[name][0]).value for name in MAP_PARAMETERS}
        values = {name: np.nan if value is None else value for name, value in found.items()}
        return values | {"y_f": values["y_f"] - self.intercept}

    def incorporation_at(self, dose_percent: ArrayLike) -> Array:
        """Return the fitted incorporation (%) at any dose (%)."""
        dose = finite_of("dose_percent", dose_percent)
        return self.intercept + incorporation_map.incorporation(dose, **self.parameters)

    @checked("confidence")
    def band_at(self, dose_percent: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
        """Return the ends of the interval of the incorporation (%) at true doses (%).

        Raises
        ------
        FitError
            If the fit has no errors to draw from: a preset, or no degrees of freedom.
        """
        from cxkinetics.composition.table_draws import table_posterior

        if self.options.get("preset") or (self.stage1_slope.method != "posterior"):
            raise FitError(
                "the fit has no interval of its curve: windows were given, no scatter is left, or the stated "
                "errors contradict the points"
            )
        used = self.points if self.options["interval_doses"] == "censored" else self.points.exact
        curve = np.array([self.parameters[name] for name in MAP_PARAMETERS])
        absolute = self.options["absolute_sigma"]
        posterior = table_posterior(used, curve, absolute_sigma=absolute, blank=self.intercept)
        dose = numbers_of("dose_percent", dose_percent)
        drawn = incorporation_map.incorporation(dose[..., None], *posterior.curves.T)
        drawn = drawn + posterior.blanks
        low, high = np.quantile(drawn, [0.5 * (1 - confidence), 0.5 * (1 + confidence)], axis=-1)
        return low, high

    @checked()
    def dose_at(self, incorporation_percent: float) -> tuple[float, float] | None:
        """Return the lowest and highest dose (%) that give an incorporation (%).

        They agree off the plateau; on it the highest is inf. None above the plateau.
        """
        low, high = incorporation_map.dose_interval(incorporation_percent - self.intercept, **self.parameters)
        if np.isnan(low):
            return None
        return float(low), float(high)

    def table(self) -> "pd.DataFrame":
        """Return one row per fitted number: value, se, low, high, unit, method, reason."""
        from cxkinetics.document.sheets import quantity_table

        named = [(name, getattr(self, name)) for name in _ESTIMATES]
        return quantity_table(named).frame().set_index("quantity")

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show."""
        from cxkinetics.composition.page import incorporation_brief

        return incorporation_brief(self, unit)

    def page(self, unit: "TimeUnit") -> "Page":
        """Return the whole report."""
        from cxkinetics.composition.page import incorporation_page

        return incorporation_page(self, unit)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figure: the samples with the curve, its thresholds and its rivals."""
        from cxkinetics.composition.figures import incorporation_figure

        return (incorporation_figure(self),)

    def sources(self) -> Sequence[Source]:
        """Return where the table came from."""
        return (self.points.source,)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "IncorporationFit":
        """Return the fit that was written; results of 0.1.0 hold the name of a packaged system alone."""
        named = record.get("options", {}).get("system")
        stored = named is None or "system" in record.get("data", {})
        return read(cls, record, **({} if stored else {"system": load_system(named)}))

    def __repr__(self) -> str:
        return (
            f"IncorporationFit(b1 = {self.stage1_slope}, b2 = {self.stage2_slope}, "
            f"D1 = {self.avalanche_dose_percent}; {self.points.n_points} points)"
        )
