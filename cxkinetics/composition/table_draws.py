"""Parameter draws for a user's own dose table: the posterior of the map, priors for the rest.

The likelihood is that of `table_errors`: true doses integrated out, and an unknown ICP error (constant
part, proportional part) walked along with the curve under a weak prior. The breaks are flat over the
doses of the table. A parameter that the points leave open takes the system's documented prior where
there is one, and counts as prior-driven. An error common to all doses stretches or shrinks every draw.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.stats import chi2

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition import mass_balance
from cxkinetics.composition.curve import BLANK, FEW_DOF, ONE_LINE, ONE_SIGMA, QUANTITIES, MapPoints
from cxkinetics.composition.draws import ParameterDraws, draw_priors
from cxkinetics.composition.rival_curves import averaged
from cxkinetics.composition.system import MAP_PARAMETERS, Prior, System
from cxkinetics.composition.table_errors import Scatter, point_log_density, scatter_log_prior
from cxkinetics.estimate import Estimate
from cxkinetics.inference.criteria import AHEAD
from cxkinetics.inference.ensemble import sample_posterior
from cxkinetics.signals.dose_table import DoseTable

if TYPE_CHECKING:
    from cxkinetics.composition.incorporation_result import IncorporationFit

_WALKERS = 160  # many and short: the ensemble is vectorised over them
_BURN_IN, _STEPS = 80, 80
_RANDOM = 6000
_DRAWS = 8000
_CROWDED = 0.9
_PURE_ENOUGH = 0.05  # share of product that a cluster is taken as pure with, the limit of `dose_for`
_CONTRADICTED = 1e-6
_SEED = 20230706  # of a fit, which is to give the same intervals twice
_Density: TypeAlias = Callable[[Array], Array]


def fit_draws(
    fit: "IncorporationFit",
    system: System,
    n_draws: int,
    rng: np.random.Generator,
    seed: int | None,
    *,
    published_curve: bool = False,
) -> ParameterDraws:
    """Return parameter draws for a fitted dose curve.

    Parameters
    ----------
    fit : IncorporationFit
        Curve of the user's table, its breaks detected.
    system : System
        Species and priors of everything but the map.
    n_draws : int
        Number of draws.
    rng, seed
        Generator, and its seed for the record.
    published_curve : bool
        Whether the system's documented dose curve takes part as that of the same chemistry.
    """
    priors = system.resolved_priors(fit.basis)
    left_open = open_parameters(fit)
    known = MAP_PARAMETERS if published_curve else left_open
    helped = {name: priors[name] for name in known if name in priors}
    points, absolute = fit.points, bool(fit.options.get("absolute_sigma"))
    curve, blank = np.array([fit.parameters[name] for name in MAP_PARAMETERS]), fit.intercept
    if contradicted(points, curve, absolute_sigma=absolute, blank=blank):
        points, absolute = replace(points, icp_error=None), False
    flat = "b2" not in helped
    density = TableDensity.of(points, absolute_sigma=absolute, blank=blank > 0, flat_breaks=flat)
    for name, prior in helped.items():
        at = MAP_PARAMETERS.index(name)
        if name in left_open or not np.isfinite(prior.log_density(curve[at])):
            curve[at] = float(prior.quantile(np.array(0.5)))
    sample = sample_curve(density, curve, n_draws, rng, helped=helped, blank=blank)
    stretched = common_scale(sample[:, :4], fit.points.common_dose_error, rng)
    steep: Mapping[str, Array] = {}
    if not helped:  # where a prior has its say, it is one of the broken line
        stretched, steep = averaged(fit, density.at_blank(blank), stretched, rng)
    other = {name: prior for name, prior in priors.items() if name not in MAP_PARAMETERS}
    values, uniforms = draw_priors(other, n_draws, rng)
    calibrated = (fit.points.lowest_dose_percent, fit.points.highest_dose_percent)
    if published_curve and system.calibrated_dose_percent is not None:
        calibrated = system.calibrated_dose_percent
    mapped = {name: stretched[:, index] for index, name in enumerate(MAP_PARAMETERS)}
    if blank > 0:
        mapped[BLANK] = sample[:, -1]
    return ParameterDraws(
        system=system,
        basis=fit.basis,
        values={**mapped, **steep, **values},
        # another sample's data are no data about this one: the prior counts as an assumption
        priors={**other, **{n: replace(p, data=p.data and published_curve) for n, p in helped.items()}},
        uniforms=uniforms,
        measured=frozenset(name for name in (*mapped, *steep) if name not in helped),
        calibrated_dose_percent=calibrated,
        seed=seed,
        errors=fit.errors,
        origin="fitted table"
        + (f" {fit.points.source.file}" if fit.points.source.file else "")
        + (f", its blank of {blank:.2g} % taken off" if blank > 0 else ""),
        no_product="" if published_curve else no_product_reason(fit, system),
    )


def no_product_reason(fit: "IncorporationFit", system: System) -> str:
    """Return why a table says nothing about how much is product, "" where it does.

    The share of product is counted up to the plateau, which stands for full exchange. Points that one
    line describes nearly as well show neither avalanche nor plateau, so their highest incorporation is
    no full exchange, and nor is the end of a table within the avalanche, unless that is asserted. A
    solid solution has no product to share.
    """
    if not system.avalanche:
        return ""
    scores = {r.model: r.bic if fit.dof <= FEW_DOF else r.aicc for r in fit.rivals}
    # no score: a curve that meets every point
    ranks = {model: -np.inf if score is None else score for model, score in scores.items()}
    line, best = ranks.pop(ONE_LINE, np.inf), min(ranks.values(), default=-np.inf)
    straight = line == -np.inf or line < best + AHEAD
    asserted = fit.points.plateau_is_full_exchange
    none = f"no share of {system.product_key} follows from the table: it "
    unknown = "no incorporation in it is known to be full exchange"
    if straight or (fit.verdict.get("code") == "no_avalanche" and not asserted):
        return f"{none}shows no avalanche up to a plateau, so {unknown}"
    open_ended = "no_plateau" in {remark.code for remark in fit.warnings} or "y_f" in open_parameters(fit)
    if open_ended and not asserted:
        return (
            f"{none}ends before a plateau, so {unknown} (where it is known otherwise, assert "
            f"it with plateau_is_full_exchange, --plateau-is-full-exchange){_bounds(fit, system)}"
        )
    return ""


def _bounds(fit: "IncorporationFit", system: System) -> str:
    """Return what the mass balance says of a table that ends before its plateau.

    The least product of a reading is that without trapped or retained host (either needs more of it), in
    clusters that hold as many guests as they can.
    """
    table, product, most = fit.points, system.product_key, system.most_guests
    y, doses = table.incorporation_percent, np.asarray(table.dose_high_percent)
    last = table.highest_dose_percent
    text = f"; what it bounds: {product} is most at {last:g} %, its last dose, or beyond"
    end = float(np.mean(y[doses == last]))
    least = np.floor(100 * float(mass_balance.conversion(system, end, basis=fit.basis))) / 100
    if least <= 0:
        return text
    text += f", and there at least {least:g} of the units if no cluster holds more than {most} {system.guest}"
    full = np.array([*np.zeros(most), 1 - _PURE_ENOUGH, _PURE_ENOUGH])
    above = float(mass_balance.incorporation_of_state(system, full, basis=fit.basis))
    beyond = doses[y <= above].max(initial=-np.inf) < doses
    if beyond.any():
        text += f"; less than {_PURE_ENOUGH:g} of it takes a dose below {doses[beyond].min():g} %"
    return text


def open_parameters(fit: "IncorporationFit") -> tuple[str, ...]:
    """Return the map parameters that the points do not bound."""
    return tuple(
        name
        for name in MAP_PARAMETERS
        if "no upper end" in getattr(fit, QUANTITIES[name][0]).reason
        or fit.not_identified.get(name, (0.0, 0.0))[1] is None
    )


@dataclass(frozen=True, slots=True, eq=False)
class TableDensity:
    """ln of the density of b1, D1, b2, y_f and, where the ICP error is unknown, of its parts.

    The parts are ln of the constant one (or of the factor on given sigmas) and, without sigmas, the
    proportional one.

    Attributes
    ----------
    points : MapPoints
        The user's points, with the errors of their doses.
    sigmas : bool
        True: the weights are of given sigmas.
    n_unknown : int
        Unknown parts of the ICP error: 0, 1 or 2.
    blank : bool
        True: what a sample without guest reads is unknown too, the last column of all.
    flat_breaks : bool
        True: flat in b1, D1, D2 and y_f within bounds (so a slope b2 weighs as 1/b2^2, which is
        proper). False: the bare likelihood within the same bounds.
    """

    points: MapPoints
    sigmas: bool
    n_unknown: int
    blank: bool = False
    flat_breaks: bool = True

    @classmethod
    def of(
        cls, table: DoseTable, *, absolute_sigma: bool, blank: bool = False, flat_breaks: bool = True
    ) -> "TableDensity":
        """Return the density of a table; a stated ICP error or sigmas at their word leave nothing unknown."""
        sigmas = table.sigma_percent is not None and table.icp_error is None
        unknown = 0 if absolute_sigma or table.icp_error is not None else 1 if sigmas else 2
        return cls(MapPoints.of(table), sigmas, unknown, blank, flat_breaks)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return 4 + self.n_unknown + self.blank

    def at_blank(self, blank: float) -> "TableDensity":
        """Return the density of the same points with a known blank taken off."""
        return replace(self, points=replace(self.points, y=self.points.y - blank), blank=False)

    def scatter(self, theta: Array) -> Scatter:
        """Return the ICP error that goes with rows of `theta`."""
        size = theta.shape[:-1]
        stated = (1.0, 0.0) if self.points.icp is None else self.points.icp
        constant, share = (np.full(size, part) for part in stated)
        if self.n_unknown:
            constant = np.exp(theta[..., 4])
        if self.n_unknown > 1:
            share = theta[..., 5]
        return Scatter(constant, share, theta[..., -1] if self.blank else 0.0)

    def with_scatter(
        self, curves: Array, constant: float, rng: np.random.Generator, blank: float = 0.0
    ) -> Array:
        """Return curves (m, 4) with random ICP errors about `constant`, and blanks, beside them."""
        count = curves.shape[0]
        parts = [np.log(max(constant, 1e-9)) + 0.3 * rng.standard_normal(count), rng.uniform(0, 0.04, count)]
        if self.blank:
            parts[self.n_unknown :] = [blank + max(constant, 1e-9) * rng.standard_normal(count)]
            return np.column_stack([curves, *parts])
        return np.column_stack([curves, *parts[: self.n_unknown]])

    @property
    def limits(self) -> tuple[float, float]:
        """Largest avalanche dose (half the largest saturation dose) and plateau that are looked at."""
        return float(self.points.high.max()), 3 * float(self.points.y.max()) + 1.0

    def allowed(self, theta: Array) -> BoolArray:
        """Return which rows are curves within bounds."""
        b1, first, b2, y_f = np.moveaxis(theta[..., :4], -1, 0)
        highest, top = self.limits
        with np.errstate(divide="ignore", invalid="ignore"):
            last = incorporation_map.saturation_dose(b1, first, b2, y_f)
            inside = (b1 >= 0) & (b2 > 0) & (first >= 0) & (first <= highest) & (y_f > 0) & (y_f <= top)
            inside &= (last >= first) & (last <= 2 * highest)
        if self.n_unknown > 1:
            inside &= theta[..., 5] >= 0
        allowed: BoolArray = inside
        return allowed

    def __call__(self, theta: Array) -> Array:
        """Return ln of the density of rows (m, 4 + n_unknown), -inf where not allowed."""
        log = np.full(theta.shape[0], -np.inf)
        good = np.flatnonzero(self.allowed(theta))
        rows = theta[good]
        b1, first, b2, y_f = rows[:, :4].T
        scatter = self.scatter(rows)
        found = point_log_density(self.points, rows[:, :4], scatter, sigmas=self.sigmas).sum(axis=1)
        if self.n_unknown:
            found += scatter_log_prior(scatter, sigmas=self.sigmas)
        if self.flat_breaks:
            found += np.log(np.maximum(y_f - b1 * first, 1e-300)) - 2 * np.log(np.maximum(b2, 1e-300))
        log[good] = found
        return log


def sample_curve(
    density: TableDensity,
    curve: Array,
    n_draws: int,
    rng: np.random.Generator,
    *,
    helped: Mapping[str, Prior] | None = None,
    blank: float = 0.0,
) -> Array:
    """Return draws (n, size) of the curve, of the unknown ICP error and of an unknown blank.

    Parameters
    ----------
    density : TableDensity
    curve : Array, shape (4,)
        Where the walkers start.
    n_draws, rng
        Number of draws; generator.
    helped : mapping, optional
        Priors of parameters that the points leave open.
    blank : float
        Where the walkers start, if the blank is unknown.
    """
    known = {} if helped is None else dict(helped)

    def posterior(theta: Array) -> Array:
        log = density(theta)
        for name, prior in known.items():
            log = log + prior.log_density(theta[:, MAP_PARAMETERS.index(name)])
        return log

    walkers = start_walkers(density, curve, posterior, rng, blank)
    return sample_posterior(posterior, walkers, n_draws, rng, burn_in=_BURN_IN, steps=_STEPS).draws


def common_scale(curves: Array, common: float, rng: np.random.Generator) -> Array:
    """Return curves (m, 4) against the true doses, where a factor on all doses is known to `common` only."""
    if not common:
        return curves
    factor = np.exp(common * rng.standard_normal(curves.shape[0]))[:, None]
    stretched: Array = curves * factor ** np.array([-1.0, 1.0, -1.0, 0.0])
    return stretched


@dataclass(frozen=True, slots=True, eq=False)
class TablePosterior:
    """What the errors of a table leave of its curve.

    Attributes
    ----------
    density : TableDensity
    draws : Array, shape (m, size of the density)
        Against the doses that were set.
    common : float
        Error of a factor on all doses.
    """

    density: TableDensity
    draws: Array
    common: float

    @property
    def scatter(self) -> Scatter:
        """Median ICP error."""
        return self.density.scatter(np.median(self.draws, axis=0))

    def record(self, table: DoseTable) -> dict[str, Any]:
        """Return the errors that the intervals rest on, and where each comes from."""
        scatter, sigmas = self.scatter, self.density.sigmas
        points = self.density.points
        dosed = points.low > 0
        relative = np.asarray(points.dose_sd + 0 * points.low)[dosed] / points.low[dosed]
        return {
            "dose_error": float(np.median(relative)) if relative.size else 0.0,
            "dose_error_from": "default" if table.dose_sd_percent is None else "stated",
            "common_dose_error": self.common,
            "icp_constant": float(scatter.constant),
            "icp_share": float(scatter.share),
            "icp_unit": "given sd" if sigmas else "percentage points",
            "icp_from": "fitted" if self.density.n_unknown else "stated",
        }

    @property
    def blanks(self) -> Array:
        """Draws of what a sample without guest reads (m,)."""
        return np.broadcast_to(self.density.scatter(self.draws).blank, self.draws.shape[:1])

    @property
    def curves(self) -> Array:
        """Draws of the curve (m, 4) against the true doses."""
        return common_scale(self.draws[:, :4], self.common, np.random.default_rng(_SEED))

    def values(self, quantity: str) -> Array:
        """Return draws of one of `QUANTITIES` or of the blank, against the true doses."""
        curves = self.curves.T
        drawn: dict[str, Array] = dict(zip(MAP_PARAMETERS, curves, strict=True))
        drawn["D2"] = incorporation_map.saturation_dose(*curves)
        drawn["b2/b1"] = drawn["b2"] / np.maximum(drawn["b1"], 1e-300)
        drawn["y_f"] = drawn["y_f"] + self.blanks  # as it is read
        drawn["blank"] = self.blanks
        return drawn[quantity]

    def interval(self, quantity: str, confidence: float) -> tuple[float, float]:
        """Return the equal-tailed interval of a quantity."""
        tail = 0.5 * (1 - confidence)
        low, high = np.quantile(self.values(quantity), [tail, 1 - tail]).tolist()
        return low, high

    def estimate(self, quantity: str, profiled: Estimate, confidence: float) -> Estimate:
        """Return an estimate with these errors: an end that the points leave open stays open."""
        value = profiled.value
        if value is None:
            return profiled
        (low, high), sd = self.interval(quantity, confidence), self.interval(quantity, ONE_SIGMA)
        # draws that crowd at the largest plateau or saturation dose that is looked at know no upper end
        highest, top = self.density.limits
        unlimited = high > _CROWDED * {"y_f": top, "D2": 2 * highest}.get(quantity, np.inf)
        if unlimited and profiled.high is not None:
            reason = "no upper end that the points would set"
            profiled = replace(profiled, high=None, se=None, reason=reason)
        return replace(
            profiled,
            se=None if profiled.se is None else (sd[1] - sd[0]) / 2,
            low=None if profiled.low is None else min(low, value),
            high=None if profiled.high is None else max(high, value),
            method="posterior",
            pieces=(),
        )

    def assuming(self, factor: float) -> "TablePosterior":
        """Return the posterior for dose errors `factor` times as large, walked on from these draws."""
        if factor == 1:
            return self
        points = self.density.points
        density = replace(self.density, points=replace(points, dose_sd=factor * points.dose_sd))
        start, rng = self.draws[:_WALKERS], np.random.default_rng(_SEED)
        sample = sample_posterior(
            density, start, self.draws.shape[0], rng, burn_in=_BURN_IN // 4, steps=_STEPS // 4
        )
        return replace(self, density=density, draws=sample.draws)


def contradicted(table: DoseTable, curve: Array, *, absolute_sigma: bool, blank: float = 0.0) -> str:
    """Return by how much the scatter about a curve contradicts stated errors, "" where it does not.

    Where they are far too small, a posterior that takes them at their word leaves the plateau, whose
    samples differ by more than they may, for steep curves, on which the errors of the doses excuse more.
    """
    density = TableDensity.of(table, absolute_sigma=absolute_sigma).at_blank(blank)
    points = density.points
    dof = int(np.sum(~points.censored)) - curve.size - (blank > 0)
    if density.n_unknown or dof < 1:
        return ""
    scatter = density.scatter(curve)
    b1, first, b2, _ = curve
    last, near = incorporation_map.saturation_dose(*curve), 2 * np.asarray(points.dose_sd)
    slope = np.where(points.low + near < first, b1, np.where(points.low - near > last, 0.0, max(b1, b2)))
    sd = scatter.constant * (points.weight**-0.5 if density.sigmas else 1.0)
    variance = sd**2 + (scatter.share * points.y) ** 2 + (slope * points.dose_sd) ** 2
    variance = np.maximum(variance, np.finfo(float).tiny)
    misfit = float(np.sum((points.residuals(*curve) ** 2 / variance)[~points.censored]))
    if chi2.sf(misfit, dof) > _CONTRADICTED:
        return ""
    return (
        f"the stated errors are too small for the scatter about the curve, by a factor of about "
        f"{np.sqrt(misfit / dof):.2g} (chi-square {misfit:.3g} on {dof} degrees of freedom)"
    )


def table_posterior(
    table: DoseTable, curve: Array, *, absolute_sigma: bool, blank: float = 0.0
) -> TablePosterior:
    """Return the posterior of a table's curve, walked from where `curve` (4,) and a blank lie (0: none)."""
    density = TableDensity.of(table, absolute_sigma=absolute_sigma, blank=blank > 0)
    rng = np.random.default_rng(_SEED)
    draws = sample_curve(density, curve, _DRAWS, rng, blank=blank)
    return TablePosterior(density, draws, table.common_dose_error)


def start_walkers(
    density: TableDensity, curve: Array, posterior: _Density, rng: np.random.Generator, blank: float = 0.0
) -> Array:
    """Return allowed walkers about a fitted curve; for a degenerate one, the best of random curves."""
    points = density.points
    dose, y = float(points.high.max()), float(points.y.max())
    size = np.abs(curve) + 0.02 * np.array([y / dose, dose, y / dose, y])
    weight = points.weight if density.sigmas else np.ones(points.y.size)
    off = density.at_blank(blank).points.residuals(*curve)
    scatter = float(np.sqrt(np.mean(weight * off**2)))
    chosen = np.empty((0, density.size))
    # a narrow posterior allows few of the wide trials, a curve at a bound few of the narrow ones
    for width in (0.02, 0.01, 0.005, 0.05):
        near = np.abs(curve + width * size * rng.standard_normal((8 * _WALKERS, 4)))
        trial = density.with_scatter(near, scatter, rng, blank)
        chosen = np.concatenate([chosen, trial[np.isfinite(posterior(trial))]])
        if chosen.shape[0] >= _WALKERS:
            return chosen[:_WALKERS]
    # curves with breaks anywhere in the table and levels up to its largest value
    first = rng.uniform(0.02, 1.0, _RANDOM) * dose
    last = first + rng.uniform(0.01, 1.0, _RANDOM) * dose
    top = rng.uniform(0.1, 1.2, _RANDOM) * y
    level = rng.uniform(0.0, 1.0, _RANDOM) * top
    anywhere = np.stack([level / first, first, (top - level) / (last - first), top], axis=1)
    trial = density.with_scatter(anywhere, 0.1 * y, rng, blank)
    return trial[np.argsort(posterior(trial))[::-1][:_WALKERS]]
