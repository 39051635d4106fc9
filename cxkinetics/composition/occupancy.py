"""M2, stagewise occupancy: from incorporation to the shares of host, doped clusters and product.

Mean dopants n = N min(1, y/y2); the clusters with 0..N dopants follow the binding polynomial
Z = sum_k C(N, k) alpha^(k(k-1)/2) x^k (for N = 2: 1 + 2x + alpha x^2), each times 1 - X; the product
share is X = clip((y - y_on)/(y_f - y_on), 0, 1). alpha = 4 K2/K1 for two sites: 1 for equivalent
ones, 1.94 for two among 34, above 1 cooperative. The model does not conserve the guest by itself:
`cxkinetics.composition.mass_balance` says which trapped host it implies.
"""

from math import comb

import numpy as np

from cxkinetics.arrays import Array, ArrayLike
from cxkinetics.errors import InputError

_NEWTON_STEPS = 60
_LOGIT_TOLERANCE = 1e-12


def binding_populations(mean_bound: ArrayLike, alpha: ArrayLike, n_sites: int = 2) -> Array:
    """Return the shares of clusters with 0..n_sites guests bound, at a given mean.

    Parameters
    ----------
    mean_bound : array_like
        Mean number of guests bound, 0 to `n_sites`.
    alpha : array_like
        Cooperativity, positive; broadcast against `mean_bound`.
    n_sites : int
        Number of binding steps.

    Returns
    -------
    Array, shape (n_sites + 1, ...)
        Shares that sum to 1 and have the mean asked for.

    Examples
    --------
    >>> binding_populations(1.0, 4.0).round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    """
    mean, ratio = np.broadcast_arrays(np.asarray(mean_bound, dtype=float), np.asarray(alpha, dtype=float))
    if n_sites == 1:
        return np.stack([1 - mean, mean])
    if n_sites == 2:
        room = mean * (2 - mean)
        one = room / (1 + np.sqrt(np.maximum((mean - 1) ** 2 + ratio * room, 0.0)))
        two = (mean - one) / 2
        return np.stack([1 - one - two, one, two])
    return _general_populations(mean, ratio, n_sites)


def _general_populations(mean: Array, alpha: Array, n_sites: int) -> Array:
    """Solve for ln x by safeguarded Newton steps; the mean rises with x.

    The steps are taken in the logit of the mean, which is nearly straight in ln x, and only where the
    mean is still to be met: a clamped mean is nobody's root, and one slow point holds up no other.
    """
    count = np.arange(n_sites + 1.0)[:, None]
    ln_ways = np.log([float(comb(n_sites, k)) for k in range(n_sites + 1)])[:, None]
    shares = np.zeros((n_sites + 1, mean.size))
    shares[0], shares[-1] = (mean <= 0).ravel(), (mean >= n_sites).ravel()
    at = np.flatnonzero((mean > 0) & (mean < n_sites))
    wanted, ln_alpha = np.ravel(mean)[at], np.log(np.ravel(alpha)[at])
    logit = np.log(wanted / (n_sites - wanted))
    ln_x = logit - (n_sites - 1) / 2 * ln_alpha  # exact for alpha = 1, half way for the others
    high = np.abs(logit) + n_sites * np.abs(ln_alpha) + 1.0
    low, last = -high, np.full(at.size, np.inf)
    for _ in range(_NEWTON_STEPS):
        ln_weight = ln_ways + count * (count - 1) / 2 * ln_alpha + count * ln_x
        weight = np.exp(ln_weight - ln_weight.max(axis=0))
        weight /= weight.sum(axis=0)
        shares[:, at] = weight
        bound, room = (count * weight).sum(axis=0), ((n_sites - count) * weight).sum(axis=0)
        slope = ((count - bound) ** 2 * weight).sum(axis=0) * n_sites
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.log(bound / room) - logit
            step = ln_x - off * bound * room / slope
        low, high = np.where(off < 0, ln_x, low), np.where(off < 0, high, ln_x)
        # Newton may leave the range, or creep, where one cluster holds nearly all: then it is halved
        newton = (step > low) & (step < high) & (np.abs(off) < last / 2)
        ln_x, last = np.where(newton, step, (low + high) / 2), np.abs(off)
        left = last > _LOGIT_TOLERANCE
        if not left.any():
            break
        at, logit, ln_alpha = at[left], logit[left], ln_alpha[left]
        ln_x, low, high, last = ln_x[left], low[left], high[left], last[left]
    return shares.reshape(n_sites + 1, *mean.shape)


def product_share(incorporation_percent: ArrayLike, y_on: ArrayLike, y_f: ArrayLike) -> Array:
    """Return X, the share of units turned into product: 0 up to y_on, linear to 1 at the plateau.

    Examples
    --------
    >>> product_share([4.0, 12.1, 40.4], 4.0, 40.4).round(4).tolist()
    [0.0, 0.2225, 1.0]
    """
    y, start, end = (np.asarray(v, dtype=float) for v in (incorporation_percent, y_on, y_f))
    span = end - start
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(span > 0, (y - start) / span, 0.0)
    return np.clip(share, 0.0, 1.0)


def species_shares(
    incorporation_percent: ArrayLike,
    *,
    y2: ArrayLike,
    y_on: ArrayLike,
    y_f: ArrayLike,
    alpha: ArrayLike,
    n_steps: int = 2,
) -> Array:
    """Return the shares of the clusters with 0..n_steps doping steps and of the product.

    Parameters
    ----------
    incorporation_percent : array_like
        Guest in the solid, percent.
    y2, y_on, y_f : array_like
        Incorporation at full doping, at the onset of the product and on the plateau, percent.
    alpha : array_like
        Cooperativity.
    n_steps : int
        Doping steps of the most doped cluster.

    Returns
    -------
    Array, shape (n_steps + 2, ...)
        Shares of units; they sum to 1. The last is the product.

    Examples
    --------
    >>> species_shares(2.0, y2=4.0, y_on=5.0, y_f=40.2, alpha=1.0).round(3).tolist()
    [0.25, 0.5, 0.25, 0.0]
    """
    y = np.asarray(incorporation_percent, dtype=float)
    mean = n_steps * np.clip(y / np.asarray(y2, dtype=float), 0.0, 1.0)
    product = product_share(y, y_on, y_f)
    clusters = binding_populations(mean, alpha, n_steps)
    return np.concatenate([clusters * (1 - product), np.broadcast_to(product, clusters.shape[1:])[None]])


def largest_single_share(alpha: ArrayLike) -> Array:
    """Return the largest share that the one-guest cluster can have: 1/(1 + sqrt(alpha)), for two sites.

    Examples
    --------
    >>> largest_single_share([0.25, 1.0, 1.94, 4.0]).round(3).tolist()
    [0.667, 0.5, 0.418, 0.333]
    """
    share: Array = 1 / (1 + np.sqrt(np.asarray(alpha, dtype=float)))
    return share


def least_cooperativity_for(purity: float) -> float:
    """Return the alpha at or below which the one-guest cluster can reach `purity` (0-1).

    Examples
    --------
    >>> round(least_cooperativity_for(0.9), 4)
    0.0123
    """
    if not 0 < purity <= 1:
        raise InputError(f"purity is {purity:g}; it must lie above 0 and not above 1")
    return (1 / purity - 1) ** 2


def site_cooperativity(n_sites: int) -> float:
    """Return alpha = 4 K2/K1 of two guests that bind independently among `n_sites` equal sites.

    Examples
    --------
    >>> site_cooperativity(2), round(site_cooperativity(34), 2)
    (1.0, 1.94)
    """
    return 2 * (n_sites - 1) / n_sites
