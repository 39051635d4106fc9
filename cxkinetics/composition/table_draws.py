"""Parameter draws for a user's own dose table: the posterior of the map, priors for the rest.

The likelihood is that of the fit, the scatter integrated out under a weak prior worth two
measurements with a standard deviation of 0.3 percentage points (of 1 in units of the given sigmas);
the breaks are flat over the doses of the table. A parameter that the points leave open takes the
system's documented prior where there is one, and counts as prior-driven.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.curve import FEW_DOF, ONE_LINE, QUANTITIES, MapPoints
from cxkinetics.composition.draws import ParameterDraws, draw_priors
from cxkinetics.composition.system import MAP_PARAMETERS, Prior, System
from cxkinetics.inference.ensemble import sample_posterior
from cxkinetics.kinetics.result import Rival

if TYPE_CHECKING:
    from cxkinetics.composition.incorporation_result import IncorporationFit

_SCATTER_PERCENT = 0.3
_SCATTER_WORTH = 2.0
_WALKERS = 60
_RANDOM = 6000
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
    known = MAP_PARAMETERS if published_curve else open_parameters(fit)
    helped = {name: priors[name] for name in known if name in priors}
    log_density = map_log_likelihood(
        MapPoints.of(fit.points),
        absolute_sigma=bool(fit.options.get("absolute_sigma")),
        relative_sigma=fit.points.sigma_percent is not None,
        flat_breaks="b2" not in helped,
    )

    def posterior(theta: Array) -> Array:
        log = log_density(theta)
        for name, prior in helped.items():
            log = log + prior.log_density(theta[:, MAP_PARAMETERS.index(name)])
        return log

    walkers = start_walkers(fit, helped, posterior, rng)
    sample = sample_posterior(posterior, walkers, n_draws, rng)
    other = {name: prior for name, prior in priors.items() if name not in MAP_PARAMETERS}
    values, uniforms = draw_priors(other, n_draws, rng)
    calibrated = (fit.points.lowest_dose_percent, fit.points.highest_dose_percent)
    if published_curve and system.calibrated_dose_percent is not None:
        calibrated = system.calibrated_dose_percent
    mapped = {name: sample.draws[:, index] for index, name in enumerate(MAP_PARAMETERS)}
    return ParameterDraws(
        system=system,
        basis=fit.basis,
        values={**mapped, **values},
        # another sample's data are no data about this one: the prior counts as an assumption
        priors={**other, **{n: replace(p, data=p.data and published_curve) for n, p in helped.items()}},
        uniforms=uniforms,
        measured=frozenset(name for name in MAP_PARAMETERS if name not in helped),
        calibrated_dose_percent=calibrated,
        seed=seed,
        origin="fitted table" + (f" {fit.points.source.file}" if fit.points.source.file else ""),
        no_product="" if published_curve else no_product_reason(fit, system),
    )


def no_product_reason(fit: "IncorporationFit", system: System) -> str:
    """Return why a table says nothing about how much is product, "" where it does.

    The share of product is counted up to the plateau, which stands for full exchange. Points that one
    line describes as well show neither avalanche nor plateau, so their highest incorporation is no
    full exchange. A solid solution has no product to share.
    """
    if not system.avalanche:
        return ""

    def rank(rival: Rival) -> tuple[float, int]:
        score = rival.bic if fit.dof <= FEW_DOF else rival.aicc  # neither where a curve meets every point
        return (-np.inf if score is None else score), rival.n_parameters

    best = min(fit.rivals, key=rank, default=None)
    if fit.verdict.get("code") != "no_avalanche" and (best is None or best.model != ONE_LINE):
        return ""
    return (
        f"no share of {system.product_key} follows from the table: it shows no avalanche up to a plateau, "
        "so no incorporation in it is known to be full exchange"
    )


def open_parameters(fit: "IncorporationFit") -> tuple[str, ...]:
    """Return the map parameters that the points do not bound."""
    return tuple(
        name
        for name in MAP_PARAMETERS
        if "no upper end" in getattr(fit, QUANTITIES[name][0]).reason
        or fit.not_identified.get(name, (0.0, 0.0))[1] is None
    )


def map_log_likelihood(
    points: MapPoints, *, absolute_sigma: bool, relative_sigma: bool, flat_breaks: bool = True
) -> _Density:
    """Return ln of the density of (b1, D1, b2, y_f), shape (m, 4) -> (m,), the scatter integrated out.

    Parameters
    ----------
    points : MapPoints
        The user's points.
    absolute_sigma, relative_sigma : bool
        Whether the weights are 1/variance at their word; whether they come from given sigmas.
    flat_breaks : bool
        True: flat in b1, D1, D2 and y_f within bounds (so a slope b2 weighs as 1/b2^2, which is
        proper). False: the bare likelihood within the same bounds.
    """
    highest = float(points.high.max())
    top = 3 * float(points.y.max()) + 1.0
    worth = 0.5 * _SCATTER_WORTH
    spread = worth * (1.0 if relative_sigma else _SCATTER_PERCENT**2)

    def log_density(theta: Array) -> Array:
        b1, first, b2, y_f = theta.T
        with np.errstate(divide="ignore", invalid="ignore"):
            last = incorporation_map.saturation_dose(b1, first, b2, y_f)
            allowed = (b1 >= 0) & (b2 > 0) & (first >= 0) & (first <= highest) & (y_f > 0) & (y_f <= top)
            allowed &= (last >= first) & (last <= 2 * highest)
        rss = points.rss(b1, first, b2, y_f)
        log = -0.5 * rss if absolute_sigma else -(points.y.size / 2 + worth) * np.log(spread + rss / 2)
        if flat_breaks:
            log = log + np.log(np.maximum(y_f - b1 * first, 1e-300)) - 2 * np.log(np.maximum(b2, 1e-300))
        return np.where(allowed, log, -np.inf)

    return log_density


def start_walkers(
    fit: "IncorporationFit", helped: dict[str, Prior], posterior: _Density, rng: np.random.Generator
) -> Array:
    """Return allowed walkers about the fitted curve; for a degenerate one, the best of random curves."""
    medians = {name: float(prior.quantile(np.array(0.5))) for name, prior in helped.items()}
    centre = np.array([medians.get(name, fit.parameters[name]) for name in MAP_PARAMETERS])
    dose, y = fit.points.highest_dose_percent, float(np.max(fit.points.incorporation_percent))
    size = np.abs(centre) + 0.02 * np.array([y / dose, dose, y / dose, y])
    chosen = np.empty((0, 4))
    # a narrow posterior allows few of the wide trials, a curve at a bound few of the narrow ones
    for width in (0.02, 0.01, 0.005, 0.05):
        trial = np.abs(centre + width * size * rng.standard_normal((8 * _WALKERS, 4)))
        chosen = np.concatenate([chosen, trial[np.isfinite(posterior(trial))]])
        if chosen.shape[0] >= _WALKERS:
            return chosen[:_WALKERS]
    # curves with breaks anywhere in the table and levels up to its largest value
    first = rng.uniform(0.02, 1.0, _RANDOM) * dose
    last = first + rng.uniform(0.01, 1.0, _RANDOM) * dose
    top = rng.uniform(0.1, 1.2, _RANDOM) * y
    level = rng.uniform(0.0, 1.0, _RANDOM) * top
    trial = np.stack([level / first, first, (top - level) / (last - first), top], axis=1)
    return trial[np.argsort(posterior(trial))[::-1][:_WALKERS]]
