"""From parameter draws and doses to incorporation and species: draws x doses in one call."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition import mass_balance
from cxkinetics.composition.draws import ParameterDraws, summary_of
from cxkinetics.composition.mechanisms import (
    State,
    read_shares,
    read_state,
    state_of_shares,
    trapped_host,
)
from cxkinetics.composition.occupancy import species_shares
from cxkinetics.composition.system import MAP_PARAMETERS, System
from cxkinetics.estimate import Estimate
from cxkinetics.signals.basis import BASES, basis_kind

METHOD = "parameter draws"

LOOSE = "without exchange"
"""Key of the guest taken up without exchange."""


def incorporation_draws(draws: ParameterDraws, dose_percent: ArrayLike) -> Array:
    """Return the incorporation (%) for every draw and dose, shape (n, g)."""
    columns = {name: column[:, None] for name, column in draws.values.items()}
    return incorporation_map.incorporation_of_draws(columns, dose_percent)


def saturation_draws(draws: ParameterDraws) -> Array:
    """Return the saturation dose D2 (%) of every draw, shape (n,)."""
    return incorporation_map.saturation_dose(*(draws.values[name] for name in MAP_PARAMETERS))


def share_draws(draws: ParameterDraws, incorporation_percent: Array) -> Array:
    """Return the shares of all species at given incorporations (n, g): shape (species, n, g)."""
    if "mechanism" in draws.values:
        return read_shares(draws.system, draws.basis, draws.values, incorporation_percent)[0]
    columns = {name: draws.values[name][:, None] for name in ("y2", "y_on", "y_f", "alpha")}
    if not draws.system.avalanche:
        columns["y_on"] = np.array(np.inf)  # a solid solution has no onset of a product
    return species_shares(incorporation_percent, n_steps=draws.system.n_steps, **columns)


def species_draws(draws: ParameterDraws, dose_percent: ArrayLike) -> Array:
    """Return the shares of all species for every draw and dose, shape (species, n, g)."""
    each, place = draws.distinct()
    return share_draws(each, incorporation_draws(each, dose_percent))[:, place]


def state_draws(draws: ParameterDraws, incorporation_percent: Array) -> State:
    """Return all that the units hold at given incorporations (n, g).

    Draws of earlier versions, which know no mechanism, hold clusters of the system and product alone.
    """
    if "mechanism" in draws.values:
        return read_state(draws.system, draws.basis, draws.values, incorporation_percent)
    return state_of_shares(draws.system, share_draws(draws, incorporation_percent))


def trapped_draws(draws: ParameterDraws, shares: Array, incorporation_percent: Array) -> Array | None:
    """Return the trapped host T that the mass balance then implies, shape (n, g); None on guest/anion.

    Parameters
    ----------
    draws : ParameterDraws
        Their rho and eta are used.
    shares : Array, shape (species, n, g)
    incorporation_percent : Array, shape (n, g)
    """
    if basis_kind(draws.basis) == BASES[2]:
        return None
    if "mechanism" in draws.values:
        return trapped_host(draws.system, draws.basis, draws.values, incorporation_percent)[0]
    rho, eta = (draws.values[name][:, None] for name in ("rho", "eta"))
    return mass_balance.trapped_host(
        draws.system, shares, incorporation_percent, rho=rho, eta=eta, basis=draws.basis
    )


def mass_balance_conversion(draws: ParameterDraws, incorporation_percent: Array) -> Array:
    """Return the conversion X that the mass balance gives, T set by the plateau; shape (n, g).

    The plateau is full exchange, so T = g eta (1 - y_f)/y_f - rho h_0 (on guest/(guest + host));
    draws of rho and eta that make T negative are left out as NaN. Cut to 0-1.
    """
    rho, eta, top = (draws.values[name][:, None] for name in ("rho", "eta", "y_f"))
    if basis_kind(draws.basis) == BASES[2]:
        trapped = np.zeros_like(top)
    else:
        total = mass_balance.trapped_and_retained_at_plateau(draws.system, top, eta=eta, basis=draws.basis)
        trapped = total - rho * draws.system.n_hosts
    share = mass_balance.conversion(
        draws.system, incorporation_percent, T=trapped, rho=rho, eta=eta, basis=draws.basis
    )
    # no host can be trapped in a negative amount: these draws of rho and eta contradict the plateau
    return np.where(trapped < 0, np.nan, np.clip(share, 0.0, 1.0))


def draw_estimate(name: str, values: Array, *, confidence: float, unit: str = "") -> Estimate:
    """Return mean, standard deviation and equal-tailed interval of draws as an estimate.

    Parameters
    ----------
    name, unit : str
        For the estimate.
    values : Array, shape (n,)
        NaN draws are left out and counted in the reason.
    confidence : float
        Level of the interval.
    """
    value, low, high = summary_of(values, confidence)
    estimate = partial(Estimate, name=name, value=value, low=low, high=high, unit=unit, method=METHOD)
    if value is None:
        return estimate(reason="no draw allows it")
    known = values[np.isfinite(values)]
    missing = values.size - known.size
    reason = f"{missing} of {values.size} draws left out: they break the mass balance" if missing else ""
    return estimate(se=float(known.std()), reason=reason)


def wald_estimate(
    name: str, value: float, se: float, quantile: float, *, unit: str = "", method: str = "wald"
) -> Estimate:
    """Return a value with the interval of `quantile` standard errors on either side."""
    half = quantile * se
    return Estimate(
        name=name, value=value, se=se, low=value - half, high=value + half, unit=unit, method=method
    )


def share_estimates(keys: Sequence[str], shares: Array, confidence: float) -> Mapping[str, Estimate]:
    """Return the estimate of each share from its draws, shape (species, n)."""
    return {
        key: draw_estimate(key, values, confidence=confidence)
        for key, values in zip(keys, shares, strict=True)
    }


def composition_estimates(
    system: System, state: State, confidence: float
) -> tuple[Mapping[str, Estimate], Mapping[str, Estimate]]:
    """Return the estimates of all shares, and of the share of all guest that each holds, of a state (n,).

    Clusters with more guests than the system lists, and guest taken up without exchange, have a key each
    where any draw has some. Draws without any guest have nothing to share and are left out.
    """
    keys, shares = [*system.species[:-1]], [*state.shares[:-1]]
    held = [n * share for n, share in zip(system.dopant_counts, shares, strict=True)]
    if state.beyond.any():
        keys, shares = [*keys, system.beyond_key], [*shares, state.beyond]
        held.append(state.beyond_guests)
    keys, shares = [*keys, system.species[-1]], [*shares, state.shares[-1]]
    held.append(system.guests_at_full_exchange * state.shares[-1])
    units = share_estimates(keys, np.stack(shares), confidence)
    if state.loose.any():
        keys, held = [*keys, LOOSE], [*held, state.loose]
    total = np.sum(held, axis=0)
    if not (total > 0).any():
        reason = "no guest in the solid"
        return units, {key: Estimate(name=key, value=None, reason=reason) for key in keys}
    with np.errstate(invalid="ignore"):
        return units, share_estimates(keys, np.stack(held) / np.where(total > 0, total, np.nan), confidence)
