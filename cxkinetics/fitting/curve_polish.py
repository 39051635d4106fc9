"""The last digits of a least-squares fit, and how many of them can be trusted.

From where a descent came to rest, Newton steps are taken in the coordinates of the QR factors:
with J = Q R (columns scaled) and M the curvature of the residuals along the columns of R^-1, the
step is -R^-1 (I + M)^-1 Q'r. M = 0 is Gauss-Newton; I + M positive definite is what makes the place
a minimum (D. M. Bates, D. G. Watts, J. R. Stat. Soc. B 42, 1 (1980),
doi 10.1111/j.2517-6161.1980.tb01094.x, call M the effective residual curvature). Residuals are
formed in extended precision where the function allows it: then this is iterative refinement.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.fitting.derivatives import Derivatives
from cxkinetics.fitting.extended import Arithmetic, arithmetic_of
from cxkinetics.fitting.marquardt import pushed
from cxkinetics.fitting.qr import ROUNDING, Factored, factored

__all__ = ["DIGITS", "Rest", "polished"]

UNIT = 4 * np.finfo(np.longdouble).eps
"""Rounding error of a derivative in extended precision."""
DIGITS = 4.0
"""Digits that must be trusted before a fit is called a success."""
STEPS = 25
"""Most Newton steps."""
ROUGH = 0.01
"""Largest share of the largest singular value that inexact derivatives may blur."""
MANY = 30
"""Parameters above which the curvature is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Where a fit came to rest.

    Attributes
    ----------
    derivatives : Derivatives
        The problem and its Jacobian.
    theta : Array, shape (p,)
        Parameters.
    residual : Array, shape (n,)
        Model minus data, weighted.
    rss : float
        Its sum of squares.
    factors : Factored
        QR of the Jacobian there, free parameters only.
    at_bound : BoolArray, shape (p,)
        Parameters that stand at a bound and would leave it.
    error : Array, shape (p,)
        Numerical uncertainty of each parameter (last step and rounding), inf where undetermined.
    digits : Array, shape (p,)
        Digits that this leaves.
    rss_error : float
        Relative rounding error of `rss`.
    downhill : Array, shape (p,), or None
        A direction in which a saddle falls off; None at a minimum.
    extended : bool
        Whether residuals were formed in extended precision.
    """

    derivatives: Derivatives
    theta: Array
    residual: Array
    rss: float
    factors: Factored
    at_bound: BoolArray
    error: Array
    digits: Array
    rss_error: float
    downhill: Array | None
    extended: bool

    @property
    def sound(self) -> bool:
        """Whether it is a minimum whose every parameter has enough digits."""
        return self.downhill is None and bool(np.all(self.digits >= DIGITS))


@np.errstate(all="ignore")
def polished(derivatives: Derivatives, theta: Array) -> Rest:
    """Return the fit brought to rest from `theta` (p,), as sharply as the arithmetic allows."""
    problem = derivatives.problem
    theta = problem.inside(theta)
    plain = derivatives.jacobian(theta)
    gradient = problem.residual(theta) @ plain
    at_bound = pushed(problem.lower, problem.upper, theta, gradient)
    tolerance = min(max(ROUNDING, 10 * float(np.max(derivatives.error))), ROUGH)
    factors = factored(plain, ~at_bound, tolerance)
    curvature = _curvature(derivatives, theta, factors)
    arithmetic = arithmetic_of(derivatives, theta)
    exact, rest, factors, last = _newton(arithmetic, theta, factors, curvature, ~at_bound, tolerance)
    theta = exact.astype(np.float64)
    noise = arithmetic.noise(theta, derivatives.jacobian(theta))
    rss = float(np.sum(rest * rest))
    blur = float(np.max(derivatives.error)) if not arithmetic.long_jacobian else float(UNIT)
    error = np.abs(last) + _propagated(factors, curvature, noise, blur * float(np.sqrt(rss / problem.n)))
    error[factors.idle | factors.loose] = np.inf
    rss_error = 2 * float(np.sqrt(np.sum((rest * noise) ** 2))) + float(noise @ noise)
    values, vectors = np.linalg.eigh(curvature) if curvature.size else (np.zeros(1), np.zeros((0, 1)))
    downhill = factors.step(vectors[:, 0]).astype(np.float64) if values[0] <= -1 else None
    return Rest(
        derivatives=derivatives,
        theta=theta,
        residual=rest.astype(np.float64),
        rss=rss,
        factors=factors,
        at_bound=at_bound,
        error=error,
        digits=_digits(theta, error, factors, rest, problem.n),
        rss_error=rss_error / rss if rss > 0 else np.inf,
        downhill=downhill,
        extended=arithmetic.extended,
    )


def _newton(
    arithmetic: Arithmetic,
    theta: Array,
    factors: Factored,
    curvature: Array,
    free: BoolArray,
    tolerance: float,
) -> tuple[NDArray[Any], NDArray[Any], Factored, Array]:
    """Return parameters, residual, factors and the last step, each in the arithmetic's precision."""
    problem = arithmetic.derivatives.problem
    place = arithmetic.start(theta)
    rest = arithmetic.residual(place)
    rss = np.sum(rest * rest)
    last = np.full(problem.p, np.inf)
    length = np.inf
    if not factors.kept.size:
        return place, rest, factors, np.zeros(problem.p)
    for _ in range(STEPS):
        sharp = factored(arithmetic.jacobian(place), free, tolerance)
        if not np.array_equal(sharp.kept, factors.kept):
            break
        factors = sharp
        wanted = -_bent(curvature, factors.project(rest))
        new_length = float(np.sqrt(np.sum(wanted * wanted)))
        change = factors.step(wanted)
        if new_length >= 0.5 * length:  # rounding, or no longer converging
            last = np.maximum(last, np.abs(change.astype(np.float64))) if np.isfinite(length) else last
            break
        for _ in range(6):
            trial = np.clip(place + change, problem.lower, problem.upper)
            tried = arithmetic.residual(trial)
            new = np.sum(tried * tried)
            if np.isfinite(new) and new <= rss * (1 + 1e-9):
                break
            change = change / 4
        else:
            last = np.abs(factors.step(wanted).astype(np.float64))
            break
        last = np.abs((trial - place).astype(np.float64))
        length = new_length
        place, rest, rss = trial, tried, new
        if not np.any(last > 0):
            break
    return place, rest, factors, last


def _bent(curvature: Array, coordinates: NDArray[Any]) -> NDArray[Any]:
    """Return (I + M)^-1 of coordinates (k,) where that is a descent, else themselves."""
    if not np.any(curvature):
        return coordinates
    values, vectors = np.linalg.eigh(curvature)
    factor = np.where(values > -0.95, 1 / np.maximum(1 + values, 0.05), 1.0)
    bent: NDArray[Any] = coordinates + vectors @ ((factor - 1) * (vectors.T @ coordinates.astype(np.float64)))
    return bent


def _curvature(derivatives: Derivatives, theta: Array, factors: Factored) -> Array:
    """Return M (k, k): sum of residuals times second derivatives along the columns of R^-1."""
    problem = derivatives.problem
    k = factors.kept.size
    rest = problem.residual(theta)
    spread = float(np.linalg.norm(rest)) / np.sqrt(max(problem.n - k, 1))
    if not 0 < k <= MANY or not np.isfinite(spread) or spread == 0:
        return np.zeros((k, k))
    directions = np.stack([factors.step(unit) for unit in np.eye(k)], axis=1)  # (p, k)
    matrix = np.zeros((k, k))
    for column in range(k):
        move = 1e-3 * spread * directions[:, column]
        ahead, behind = problem.inside(theta + move), problem.inside(theta - move)
        gap = float(np.linalg.norm((ahead - behind) * factors.size) / np.linalg.norm(move * factors.size))
        if gap == 0:
            continue
        change = (derivatives.jacobian(ahead) - derivatives.jacobian(behind)) / (gap * 1e-3 * spread)
        matrix[column] = (rest @ change) @ directions
    symmetric: Array = (matrix + matrix.T) / 2
    return symmetric if np.all(np.isfinite(symmetric)) else np.zeros((k, k))


def _propagated(factors: Factored, curvature: Array, noise: Array, blur: float) -> Array:
    """Return what rounding errors of the residuals (n,) and of the gradient make of the parameters (p,).

    `blur` is the error of a component of the gradient with respect to the scaled parameters.
    """
    k = factors.kept.size
    error = np.zeros(factors.size.size)
    if not k:
        return error
    q = factors.q.astype(np.float64)
    rows = np.stack([_bent(curvature, unit) for unit in np.eye(k)], axis=1) @ q.T
    inverse = np.stack([factors.step(unit).astype(np.float64) for unit in np.eye(k)], axis=1)
    scaled = inverse * factors.size[:, None]
    gradient = np.sqrt(np.sum((scaled @ scaled[factors.kept].T) ** 2, axis=1)) * blur
    spread: Array = np.sqrt(np.sum((scaled @ rows * noise) ** 2, axis=1) + gradient**2) / factors.size
    return spread


def _digits(theta: Array, error: Array, factors: Factored, rest: NDArray[Any], n: int) -> Array:
    """Return the digits of each parameter that its numerical error leaves.

    Relative to the value; for a value near zero, to a millionth of its standard error, or to what
    would change the curve by 1e-8 of itself.
    """
    k = factors.kept.size
    variance = float(np.sum(rest * rest)) / max(n - k, 1)
    spread = factors.spread() * np.sqrt(variance)
    scale = np.maximum.reduce([np.abs(theta), 1e-6 * spread, 1e-8 * np.sqrt(n) / factors.size])
    digits: Array = np.where(error > 0, np.log10(scale / error), 16.0)
    return np.where(np.isfinite(error), np.clip(digits, 0.0, 16.0), 0.0)
