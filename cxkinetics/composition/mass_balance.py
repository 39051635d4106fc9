"""M1, the mass balance between what the clusters hold and what ICP-OES reports.

Per unit (S33 for Cd34S33), with shares p_n of clusters holding n guests and X turned into product:

    N_guest = sum n p_n + g eta X            g = guests per unit at full exchange (66 for Ag2S)
    N_host  = sum h_n p_n + T + rho (sum r_n p_n + h_0 X)     h_n hosts left, r_n released

T is molecular host salt trapped and counted with the clusters (per unit), rho the share of released
host that stays in the solid, eta the recovery of the product. Incorporation y follows on any basis.
Everything is linear in T, rho and X, so each can be had from the others in closed form. Incorporations
are in percent. Source of the trapped salt: Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023),
doi 10.1063/5.0151904.
"""

import math

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.calls import checked
from cxkinetics.composition.system import System
from cxkinetics.errors import InputError, UsageError
from cxkinetics.signals.basis import BASES, basis_kind


def guest_count(system: System, shares: Array, *, eta: ArrayLike = 1.0) -> Array:
    """Return the guests per unit that the solid holds.

    Parameters
    ----------
    system : System
    shares : Array, shape (n_species, ...)
        Clusters by number of guests, then the product.
    eta : array_like
        Recovery of the product.
    """
    in_product = system.guests_at_full_exchange * np.asarray(eta) * shares[-1]
    total: Array = np.sum(_column(system.dopant_counts, shares) * shares[:-1], axis=0) + in_product
    return total


def host_count(system: System, shares: Array, *, T: ArrayLike = 0.0, rho: ArrayLike = 0.0) -> Array:
    """Return the host cations per unit that the solid holds, trapped and retained ones included."""
    left = _column([system.hosts_left(n) for n in system.dopant_counts], shares)
    released = np.sum((system.n_hosts - left) * shares[:-1], axis=0) + system.n_hosts * shares[-1]
    total: Array = np.sum(left * shares[:-1], axis=0) + np.asarray(T) + np.asarray(rho) * released
    return total


def incorporation_of_state(
    system: System,
    shares: Array,
    *,
    T: ArrayLike = 0.0,
    rho: ArrayLike = 0.0,
    eta: ArrayLike = 1.0,
    basis: str = BASES[0],
) -> Array:
    """Return the incorporation (%) that ICP-OES reads for a composition.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> one_silver = np.array([0.0, 1.0, 0.0, 0.0])
    >>> round(float(incorporation_of_state(system, one_silver)), 4)
    2.9412
    """
    guests, hosts = guest_count(system, shares, eta=eta), host_count(system, shares, T=T, rho=rho)
    counted = (hosts + guests, hosts, np.asarray(system.n_anions))[BASES.index(basis_kind(basis))]
    return 100 * guests / counted


def trapped_host(
    system: System,
    shares: Array,
    incorporation_percent: ArrayLike,
    *,
    rho: ArrayLike = 0.0,
    eta: ArrayLike = 1.0,
    basis: str = BASES[0],
) -> Array:
    """Return T, the trapped host per unit that a composition and its incorporation imply.

    Negative where the composition holds too little guest for the incorporation: then one of the
    two is wrong. NaN at incorporation 0, where T does not enter.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> two = np.array([0.0, 0.0, 1.0, 0.0])
    >>> float(trapped_host(system, two, 4.0)), float(trapped_host(system, two, 4.0, basis="Ag/Cd"))
    (16.0, 18.0)
    """
    _refuse_anion_basis(basis)
    guests = guest_count(system, shares, eta=eta)
    y = np.asarray(incorporation_percent, dtype=float) / 100
    with np.errstate(divide="ignore", invalid="ignore"):
        hosts = np.where(y > 0, guests / y - (guests if basis_kind(basis) == BASES[0] else 0.0), np.nan)
    return hosts - host_count(system, shares, rho=rho)


def conversion(
    system: System,
    incorporation_percent: ArrayLike,
    *,
    T: ArrayLike = 0.0,
    rho: ArrayLike = 0.0,
    eta: ArrayLike = 1.0,
    basis: str = BASES[0],
) -> Array:
    """Return X, the share turned into product, when the rest is the most doped cluster.

    Not cut to 0-1: a value outside says that T, rho and eta cannot be right.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> conversion(system, [8.0, 12.1, 28.3], T=97.37).round(2).tolist()
    [0.14, 0.23, 0.64]
    """
    guests0, guests1 = float(system.most_guests), system.guests_at_full_exchange * np.asarray(eta)
    if basis_kind(basis) == BASES[2]:
        y = np.asarray(incorporation_percent, dtype=float) / 100
        return (y * system.n_anions - guests0) / (guests1 - guests0)
    left = system.hosts_left(system.most_guests)
    hosts0 = left + np.asarray(T) + np.asarray(rho) * (system.n_hosts - left)
    hosts1 = np.asarray(T) + np.asarray(rho) * system.n_hosts
    odds = _guests_per_host(incorporation_percent, basis)
    share: Array = (odds * hosts0 - guests0) / (guests1 - guests0 - odds * (hosts1 - hosts0))
    return share


def linear_lever(incorporation_percent: ArrayLike, start_percent: float, end_percent: float) -> Array:
    """Return (y - start)/(end - start): the conversion if trapped host did not matter.

    Examples
    --------
    >>> linear_lever([8.0, 12.1, 28.3], 4.0, 40.4).round(4).tolist()
    [0.1099, 0.2225, 0.6676]
    """
    y = np.asarray(incorporation_percent, dtype=float)
    return (y - start_percent) / (end_percent - start_percent)


def guest_shares(system: System, shares: Array, others: ArrayLike = 0.0) -> Array:
    """Return the share of all guests that each species holds, shape as `shares`; NaN without guests.

    `others`: guests per unit that sit elsewhere.
    """
    held = _column((*system.dopant_counts, system.guests_at_full_exchange), shares) * shares
    with np.errstate(divide="ignore", invalid="ignore"):
        part: Array = held / (held.sum(axis=0) + others)
    return part


def least_mean_dopants(system: System, incorporation_percent: float, basis: str = BASES[0]) -> float:
    """Return the least mean number of guests per cluster at an incorporation (without product, T = 0).

    Trapped host only lowers the incorporation, so the clusters hold at least this many.

    Examples
    --------
    >>> round(least_mean_dopants(System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2), 3.2), 3)
    1.088
    """
    y = incorporation_percent / 100
    if basis_kind(basis) == BASES[2]:
        return y * system.n_anions
    per_host = 1 / float(system.guests_per_host)
    if basis_kind(basis) == BASES[0]:
        return y * system.n_hosts / (1 - y + y * per_host)
    return y * system.n_hosts / (1 + y * per_host)


def trapped_and_retained_at_plateau(
    system: System, plateau_percent: ArrayLike, *, eta: ArrayLike = 1.0, basis: str = BASES[0]
) -> Array:
    """Return T + rho h_0, the host per unit that a plateau of full exchange implies.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> round(float(trapped_and_retained_at_plateau(system, 40.4)), 3)
    97.366
    """
    return system.guests_at_full_exchange * np.asarray(eta) / _guests_per_host(plateau_percent, basis)


def recovery_at_plateau(
    system: System, plateau_percent: float, *, T: float, rho: float = 0.0, basis: str = BASES[0]
) -> float:
    """Return eta, the product recovery that makes a plateau of full exchange agree with T and rho.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S")
    >>> round(recovery_at_plateau(system, 40.4, T=16.0), 3)
    0.164
    """
    odds = float(_guests_per_host(plateau_percent, basis))
    return odds * (T + rho * system.n_hosts) / system.guests_at_full_exchange


def dose_of_full_exchange(system: System) -> float:
    """Return the dose (%) that holds just enough guest to turn every host cation dosed into product.

    Examples
    --------
    >>> round(dose_of_full_exchange(System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)), 3)
    194.118
    """
    return 100 * system.guests_at_full_exchange / system.n_hosts


def saturation_share_cap(system: System, saturation_dose_percent: ArrayLike) -> Array:
    """Return the largest share of the dosed host that can sit in clusters, from the saturation dose.

    More clusters than that could not all be exchanged by the guest added by then.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> round(float(saturation_share_cap(system, 135.0)), 5)
    0.69545
    """
    return np.asarray(saturation_dose_percent, dtype=float) / dose_of_full_exchange(system)


def equilibrium_share_cap(
    system: System,
    dose_percent: float,
    incorporation_percent: float,
    saturation_dose_percent: float,
    *,
    T: float,
    rho: float = 0.0,
    eta: float = 1.0,
    basis: str = BASES[0],
) -> float:
    """Return the cap on the cluster share if bound guest cannot rise faster than added guest.

    Parameters
    ----------
    system : System
        Host, guest and product.
    dose_percent, incorporation_percent : float
        A sample before saturation; its conversion follows from T, rho and eta.
    saturation_dose_percent : float
        Where exchange is complete.
    T, rho, eta, basis
        As for `conversion`; the same T at both doses.

    Returns
    -------
    float
        inf where the sample is fully exchanged already.

    Examples
    --------
    >>> system = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> round(equilibrium_share_cap(system, 100.0, 12.1, 135.0, T=97.366), 3)
    0.242
    """
    share = float(conversion(system, incorporation_percent, T=T, rho=rho, eta=eta, basis=basis))
    full = system.guests_at_full_exchange * eta
    rise = full - (system.most_guests * (1 - share) + full * share)
    if rise <= 0:
        return math.inf
    return (saturation_dose_percent - dose_percent) / 100 * system.n_hosts / rise


@checked()
def removable_share(first_percent: float, last_percent: float, basis: str = BASES[0]) -> float:
    """Return the least share of the host at the last wash that washing removes.

    Parameters
    ----------
    first_percent, last_percent : float
        Incorporation where least and where most host salt came down (31.6 and 12.1 % at
        antisolvent/solvent ratios 1 and 5); the guest is the same in both.
    basis : str
        Basis of both.

    Returns
    -------
    float
        1 - (host per guest at the first)/(host per guest at the last), between 0 and 1.

    Raises
    ------
    InputError
        If the series does not run from the higher incorporation to the lower.
    UsageError
        If the basis does not hold the host.

    Examples
    --------
    >>> round(removable_share(31.6, 12.1), 4), round(removable_share(31.6, 12.1, "Ag/Cd"), 4)
    (0.702, 0.6171)
    """
    _refuse_anion_basis(basis)
    if not 0 < last_percent <= first_percent < 100:
        raise InputError(
            f"a wash series runs from the higher incorporation to the lower, between 0 and 100 %; "
            f"got {first_percent:g} % and {last_percent:g} %"
        )
    first, last = _guests_per_host([first_percent, last_percent], basis)
    return float(1 - last / first)


def _guests_per_host(incorporation_percent: ArrayLike, basis: str) -> Array:
    """Return guests per host cation in the solid, for a basis that counts the host."""
    _refuse_anion_basis(basis)
    y = np.asarray(incorporation_percent, dtype=float) / 100
    return y / (1 - y) if basis_kind(basis) == BASES[0] else y


def _column(values: object, shares: Array) -> Array:
    return np.asarray(values, dtype=float).reshape(-1, *([1] * (shares.ndim - 1)))


def _refuse_anion_basis(basis: str) -> None:
    if basis_kind(basis) == BASES[2]:
        raise UsageError(f"on {basis} the host does not enter, so trapped host cannot be had from it")
