"""Descents of one least-squares problem: lmfit's Levenberg-Marquardt and a damped one of our own.

The first descent is `lmfit.Minimizer` (MINPACK) with the exact Jacobian and tolerances at rounding;
the residual is model minus data, so that its Jacobian is that of the model. Our own descent keeps
parameters in a box by freezing columns that push out of it, solves by a singular value
decomposition of the scaled Jacobian, and can be made cautious: it finishes bounded problems, runs
the profiles, and tries again where the first result is suspect.

References: J. J. More, Lect. Notes Math. 630, 105 (1978), doi 10.1007/BFb0067700; H. B. Nielsen,
Damping parameter in Marquardt's method, IMM-REP-1999-05 (the update of the damping).
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.fitting.derivatives import Derivatives
from cxkinetics.fitting.qr import lengths

if TYPE_CHECKING:
    import lmfit

__all__ = ["descend_by_lmfit", "marquardt", "pushed"]

HOPELESS = 1e16
"""Damping at which no step helps any more."""


def descend_by_lmfit(
    derivatives: Derivatives, start: Array, *, reach: float = 100.0, patience: int = 500
) -> tuple[Array, float, str]:
    """Return parameters (p,), rss and lmfit's complaint ("" where it is content).

    Parameters
    ----------
    derivatives : Derivatives
        The problem and its Jacobian.
    start : Array, shape (p,)
        First values.
    reach : float
        Length of the first step in units of the scaled start (MINPACK's `factor`).
    patience : int
        Most evaluations per parameter.
    """
    import lmfit

    problem = derivatives.problem
    names = [f"p{j}" for j in range(problem.p)]
    parameters = lmfit.Parameters()
    for name, value, low, high in zip(names, start, problem.lower, problem.upper, strict=True):
        parameters.add(name, value=_off_the_bounds(value, low, high), min=float(low), max=float(high))
    best: tuple[float, Array] = (np.inf, start)

    def residual(values: "lmfit.Parameters") -> Array:
        nonlocal best
        theta = np.array([values[name].value for name in names])
        rest = problem.residual(theta)
        with np.errstate(all="ignore"):
            rss = float(rest @ rest)
        if rss < best[0]:
            best = (rss, theta)
        return np.where(np.isfinite(rest), rest, 1e100)  # an overflow makes MINPACK turn back

    def jacobian(values: "lmfit.Parameters") -> Array:
        return derivatives.jacobian(np.array([values[name].value for name in names]))

    minimizer = lmfit.Minimizer(residual, parameters, calc_covar=False, max_nfev=patience * (problem.p + 1))
    with np.errstate(all="ignore"):
        outcome: Any = minimizer.minimize(
            method="leastsq", Dfun=jacobian, ftol=1e-15, xtol=1e-15, gtol=0.0, factor=reach
        )
    return best[1], best[0], "" if outcome.success else " ".join(str(outcome.message).split())


def _off_the_bounds(value: float, low: float, high: float) -> float:
    """Return a start strictly inside its bounds: on one, lmfit's transformed variable cannot move."""
    span = high - low if np.isfinite(high - low) else max(abs(value), 1.0)
    nudge = 1e-3 * span
    return float(np.clip(value, low + nudge, high - nudge))


def pushed(problem_lower: Array, problem_upper: Array, theta: Array, gradient: Array) -> BoolArray:
    """Return which parameters (p,) stand at a bound and would leave it downhill."""
    at_low = (theta <= problem_lower) & (gradient > 0)
    at_high = (theta >= problem_upper) & (gradient < 0)
    out: BoolArray = at_low | at_high
    return out


@np.errstate(all="ignore")
def marquardt(
    derivatives: Derivatives,
    start: Array,
    *,
    damping: float = 1e-3,
    caution: float = np.inf,
    held: BoolArray | None = None,
    iterations: int = 500,
    tolerance: float = 1e-15,
) -> tuple[Array, float]:
    """Return parameters (p,) and rss where a damped Gauss-Newton descent comes to rest.

    Parameters
    ----------
    derivatives : Derivatives
        The problem and its Jacobian.
    start : Array, shape (p,)
        First values.
    damping : float
        First damping, relative to the scaled Jacobian; larger is more careful.
    caution : float
        Largest change of a parameter in a step, relative to its size.
    held : BoolArray, shape (p,), optional
        Parameters that stay.
    iterations : int
        Most Jacobians.
    tolerance : float
        Relative reduction of rss and relative step below which it rests.
    """
    problem = derivatives.problem
    theta = problem.inside(start)
    rest = problem.residual(theta)
    rss = float(rest @ rest)
    if not np.isfinite(rss):
        return theta, np.inf
    stays = np.zeros(problem.p, bool) if held is None else held
    size = np.zeros(problem.p)
    strength, growth = damping, 2.0
    for _ in range(iterations):
        matrix = derivatives.jacobian(theta)
        gradient = rest @ matrix
        free = ~stays & ~pushed(problem.lower, problem.upper, theta, gradient)
        norms = lengths(matrix)
        size = np.maximum(norms, 0.3 * size)
        safe = np.where(size > 0, size, 1.0)
        if not free.any() or not np.any(norms[free]):
            break
        left, singular, right = np.linalg.svd(matrix[:, free] / safe[free], full_matrices=False)
        along = rest @ left
        moved = False
        while strength < HOPELESS:
            change = np.zeros(problem.p)
            change[free] = -(right.T @ (singular * along / (singular**2 + strength))) / safe[free]
            change *= _allowed(theta, change, caution)
            trial = problem.inside(theta + change)
            change = trial - theta
            if np.all(np.abs(change) <= tolerance * np.abs(theta)):
                return theta, rss
            tried = problem.residual(trial)
            new = float(tried @ tried)
            shift = matrix @ change
            promised = float(-2 * shift @ rest - shift @ shift)
            if np.isfinite(new) and new < rss and promised > 0:
                gain = min((rss - new) / promised, 2.0)
                strength = max(strength * max(1 / 3, 1 - (2 * gain - 1) ** 3), 1e-20)
                growth = 2.0
                moved = True
                break
            if promised <= tolerance * rss and np.isfinite(new) and abs(new - rss) <= 1e-12 * rss:
                return theta, rss
            strength *= growth
            growth *= 2.0
        if not moved:
            break
        theta, rest, rss = trial, tried, new
    return theta, rss


def _allowed(theta: Array, change: Array, caution: float) -> float:
    """Return the share of a step that no parameter finds too long."""
    if not np.isfinite(caution):
        return 1.0
    moving = (change != 0) & (theta != 0)
    return float(np.min(caution * np.abs(theta[moving]) / np.abs(change[moving]), initial=1.0))
