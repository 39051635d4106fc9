"""Absorbance and position of one peak together: the models that say how both go in time.

Staged: A(t) decays with k1 until the breakpoint and with k2 after it, the peak moves in proportion to
time until the breakpoint and then stays. Sequential with quenching: C0 -k1-> C2 -k2-> P, seen through
A = a (C0 + q C2 + c P) and lambda = (C0 lambda0 + q C2 lambda1)/(C0 + q C2); without conversion k2 = 0.
Two populations that react at rates of their own give the same curves under other names
(f = 1 - q k1/(k1 - k2)); what tells them apart is in `populations.py`.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.whitening import Whitening

__all__ = ["Pair", "PairFit", "fit_sequential", "position_curve", "position_profile", "sequential_curves"]

_Q = np.array([0.1, 0.25, 0.45, 0.7, 1.0, 1.6])
_PER_RATE = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The two signals.

    Attributes
    ----------
    time_s, absorbance : Array, shape (n,)
        Distinct ascending times and the height of the peak.
    white : Whitening
        Of the noise of the absorbance.
    position_time_s, position_nm, position_se : Array, shape (l,)
        Where the peak has a position of its own.
    """

    time_s: Array
    absorbance: Array
    white: Whitening
    position_time_s: Array
    position_nm: Array
    position_se: Array


@dataclass(frozen=True, slots=True, eq=False)
class PairFit:
    """One model fitted to both: parameters by name, and the misfits of both signals (whitened)."""

    parameters: dict[str, float]
    rss_absorbance: float
    rss_position: float


def position_profile(pair: Pair, breaks_s: Array) -> tuple[Array, Array]:
    """Return misfit (x,) and [end, slope] (x, 2) of a shift that ends at each of the breaks (s)."""
    weight = 1 / pair.position_se
    y = pair.position_nm * weight
    misfit, found = np.empty(breaks_s.size), np.empty((breaks_s.size, 2))
    for i, end in enumerate(breaks_s):
        basis = np.stack([weight, np.minimum(pair.position_time_s - end, 0.0) * weight], axis=1)
        coefficients, *_ = np.linalg.lstsq(basis, y, rcond=None)
        left = y - basis @ coefficients
        misfit[i], found[i] = left @ left, coefficients
    return misfit, found


def position_curve(time_s: Array, start_nm: float, end_nm: float, ends_s: float) -> Array:
    """Return the position of a peak that moves in proportion to time until `ends_s`, nm."""
    share = np.clip(np.asarray(time_s) / max(ends_s, 1e-300), None, 1.0)
    position: Array = start_nm + (end_nm - start_nm) * share
    return position


def sequential_curves(time_s: Array, k1: float, k2: float, q: float) -> tuple[Array, Array, Array]:
    """Return C0, q C2 and P of C0 -k1-> C2 -k2-> P at times (s), each shape (n,).

    Examples
    --------
    >>> host, doped, product = sequential_curves(np.array([20.0]), 0.1445, 0.02, 0.5)
    >>> round(float(host[0]), 4)
    0.0556
    """
    host = np.exp(-k1 * time_s)
    gap = k2 - k1
    if abs(gap) * float(np.max(time_s, initial=0.0)) < 1e-6:
        doped = k1 * time_s * host
    else:
        doped = k1 / gap * (host - np.exp(-k2 * time_s))
    return host, q * doped, 1 - host - doped


def fit_sequential(pair: Pair, *, conversion: bool) -> PairFit:
    """Return the sequential model fitted to absorbance and position together.

    Parameters
    ----------
    pair : Pair
        Data.
    conversion : bool
        Whether the doped cluster goes on to a product (k2 > 0, its absorbance c free).
    """
    from scipy.optimize import least_squares

    span, shortest = float(np.ptp(pair.time_s)), float(np.min(np.diff(pair.time_s)))
    axis = np.linspace(np.log(0.2 / span), np.log(min(1 / shortest, 100 / span)), _PER_RATE)
    scales = np.array([1.0, 1.0])
    trials = []
    for ln_k1 in axis:
        for ln_k2 in axis if conversion else [-np.inf]:
            for q in _Q:
                theta = np.array([ln_k1, ln_k2, np.log(q)]) if conversion else np.array([ln_k1, np.log(q)])
                left, _ = _residuals(pair, theta, conversion)
                trials.append((_deviance(left), theta))
    trials.sort(key=lambda item: item[0])
    best: tuple[float, Array] | None = None
    low, high = np.log(1e-3 / span), np.log(30 / shortest)
    for _, start in trials[:4]:
        theta = start
        for _ in range(4):
            left, _ = _residuals(pair, theta, conversion)
            scales = np.array([np.sqrt(np.mean(part**2)) + 1e-300 for part in left])

            def weighted(point: Array, scales: Array = scales) -> Array:
                parts, _ = _residuals(pair, point, conversion)
                return np.concatenate([part / scale for part, scale in zip(parts, scales, strict=True)])

            bounds = (
                np.array([low] * (theta.size - 1) + [np.log(1e-3)]),
                np.array([high] * (theta.size - 1) + [np.log(30.0)]),
            )
            theta = least_squares(weighted, np.clip(theta, *bounds), bounds=bounds, xtol=1e-9).x
        deviance = _deviance(_residuals(pair, theta, conversion)[0])
        if best is None or deviance < best[0]:
            best = (deviance, theta)
    assert best is not None
    left, linear = _residuals(pair, best[1], conversion)
    k2 = float(np.exp(best[1][1])) if conversion else 0.0
    parameters = {"k1": float(np.exp(best[1][0])), "k2": k2, "q": float(np.exp(best[1][-1]))}
    names = ("a", "c", "start_nm", "end_nm")
    parameters |= {name: float(value) for name, value in zip(names, linear, strict=True)}
    return PairFit(parameters, float(left[0] @ left[0]), float(left[1] @ left[1]))


def _deviance(left: tuple[Array, Array]) -> float:
    return float(sum(part.size * np.log(max(float(part @ part) / part.size, 1e-300)) for part in left))


def _residuals(pair: Pair, theta: Array, conversion: bool) -> tuple[tuple[Array, Array], Array]:
    """Residuals of both signals with a, c and both positions at their best; and these four."""
    k1, q = float(np.exp(theta[0])), float(np.exp(theta[-1]))
    k2 = float(np.exp(theta[1])) if conversion else 0.0
    host, doped, product = sequential_curves(pair.time_s, k1, k2, q)
    columns = [host + doped, product] if conversion else [host + doped]
    basis = pair.white.apply(np.stack(columns)).T
    target = pair.white.apply(pair.absorbance.copy())
    levels, *_ = np.linalg.lstsq(basis, target, rcond=None)
    if conversion and levels[1] < 0:
        levels = np.array([float(basis[:, 0] @ target) / float(basis[:, 0] @ basis[:, 0]), 0.0])
    absorbance_left = target - basis @ levels
    early, late, _ = sequential_curves(pair.position_time_s, k1, k2, q)
    weight = 1 / pair.position_se
    share = early / np.maximum(early + late, 1e-300)
    place = np.stack([share * weight, (1 - share) * weight], axis=1)
    y = pair.position_nm * weight
    ends, *_ = np.linalg.lstsq(place, y, rcond=None)
    room = 2 * float(np.ptp(pair.position_nm))
    ends = np.clip(ends, pair.position_nm.min() - room, pair.position_nm.max() + room)
    c = float(levels[1] / levels[0]) if conversion and levels[0] else 0.0
    return (absorbance_left, y - place @ ends), np.array([levels[0], c, *ends])
