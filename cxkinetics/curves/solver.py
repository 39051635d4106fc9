"""The optimum of any curve: Levenberg-Marquardt on QR, several descents, extended precision.

This descent is not the batched one of `cxkinetics.inference.descent`, which solves normal equations: on
certified problems a Jacobian's condition number of 1e10 is common, its square leaves no digit of a double,
and the residuals are taken in extended precision where the function has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.curves.problem import Arithmetic, Derivatives, arithmetic_of, doubted, named
from cxkinetics.errors import FitError

if TYPE_CHECKING:
    import lmfit

ROUNDING = 1e-13
"""Singular values of the scaled Jacobian below this share of the largest count as zero."""
TAKES_PART = 1e-5
"""Component of a null direction from which a parameter takes part in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """The factors of a scaled Jacobian restricted to independent columns.

    Attributes
    ----------
    q : array, shape (n, k)
        Orthonormal columns.
    r : array, shape (k, k)
        Upper triangle: J[:, kept] / size[kept] = q r.
    size : Array, shape (p,)
        Norms of the columns.
    kept : IntArray, shape (k,)
        Independent columns.
    idle : BoolArray, shape (p,)
        Columns that are zero: the parameter has no influence.
    loose : BoolArray, shape (p,)
        Columns in a null direction with others: only a combination is determined.
    """

    q: NDArray[Any]
    r: NDArray[Any]
    size: Array
    kept: IntArray
    idle: BoolArray
    loose: BoolArray

    def project(self, residual: NDArray[Any]) -> NDArray[Any]:
        """Return the part (k,) of a residual (n,) that a step can remove."""
        part: NDArray[Any] = np.sum(self.q * residual[:, None], axis=0)
        return part

    def step(self, coordinates: NDArray[Any]) -> NDArray[Any]:
        """Return the change of the parameters (p,) that moves the curve by `q coordinates`."""
        change = np.zeros(self.size.size, dtype=self.r.dtype)
        change[self.kept] = back_substituted(self.r, coordinates) / self.size[self.kept]
        return change

    def covariance(self) -> Array:
        """Return (J'J)^-1 of the scaled parameters `size * b`, shape (p, p); zero where not kept."""
        k = self.kept.size
        columns = [back_substituted(self.r, unit) for unit in np.eye(k, dtype=self.r.dtype)]
        inverse = np.stack(columns, axis=1) if k else np.zeros((0, 0))
        full: Array = np.zeros((self.size.size, self.size.size))
        product = np.sum(inverse[:, None, :] * inverse[None, :, :], axis=2)
        full[np.ix_(self.kept, self.kept)] = product.astype(np.float64)
        return full

    def spread(self) -> Array:
        """Return the square root of the diagonal of (J'J)^-1 in the units of the parameters (p,)."""
        return np.sqrt(np.diag(self.covariance())) / self.size


def factored(jacobian: NDArray[Any], free: BoolArray, tolerance: float = ROUNDING) -> Factored:
    """Return the factors of the free columns of a Jacobian.

    Parameters
    ----------
    jacobian : array, shape (n, p)
        Weighted derivatives, float64 or longdouble.
    free : BoolArray, shape (p,)
        Columns that may move.
    tolerance : float
        Singular values below this share of the largest count as zero.

    Examples
    --------
    >>> line = np.stack([np.ones(3), np.arange(3.0), 2 * np.arange(3.0)], axis=1)
    >>> found = factored(line, np.ones(3, bool))
    >>> found.kept.tolist(), found.loose.tolist()
    ([0, 1], [False, True, True])
    """
    size = lengths(jacobian.astype(np.float64))
    idle = size == 0
    candidates = np.flatnonzero(free & ~idle)
    safe = np.where(idle, 1.0, size)
    scaled = jacobian / safe
    kept, loose = _independent(scaled.astype(np.float64), candidates, tolerance)
    q, r = _orthogonal(scaled[:, kept])
    return Factored(q, r, safe, kept, idle & free, loose)


def lengths(columns: Array) -> Array:
    """Return the norms of columns, also where their squares would leave the range of doubles.

    Examples
    --------
    >>> lengths(np.array([[3e-200, 0.0], [4e-200, 0.0]])).tolist()
    [5e-200, 0.0]
    """
    largest = np.max(np.abs(columns), axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms: Array = largest * np.linalg.norm(columns / safe, axis=0)
    return norms


def _independent(scaled: Array, candidates: IntArray, tolerance: float) -> tuple[IntArray, BoolArray]:
    """Return independent columns among the candidates, and which columns share a null direction."""
    loose = np.zeros(scaled.shape[1], bool)
    if candidates.size == 0:
        return candidates, loose
    triangle = np.linalg.qr(scaled[:, candidates], mode="r")
    _, singular, right = np.linalg.svd(triangle)
    small = singular <= tolerance * singular[0]
    if not small.any() and candidates.size <= scaled.shape[0]:
        return candidates, loose
    null = right[np.flatnonzero(small)] if singular.size == candidates.size else right[singular.size :]
    loose[candidates[np.max(np.abs(null), axis=0) > TAKES_PART]] = True
    kept: list[int] = []
    rest = scaled.copy()
    for column in candidates:
        for _ in range(2):
            for earlier in kept:
                direction = rest[:, earlier]
                rest[:, column] -= direction * float(direction @ rest[:, column])
        length = float(np.linalg.norm(rest[:, column]))
        if not (loose[column] and length <= 1e3 * max(tolerance, ROUNDING)):
            rest[:, column] /= length
            kept.append(int(column))
    return np.array(kept, dtype=np.intp), loose


def _orthogonal(columns: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return q and r (diagonal positive); Householder in double, twice Gram-Schmidt in extended precision."""
    if columns.dtype == np.float64:
        q, r = np.linalg.qr(columns)
        sign = np.where(np.diag(r) < 0, -1.0, 1.0)
        return q * sign, r * sign[:, None]
    k = columns.shape[1]
    q = columns.copy()
    r = np.zeros((k, k), dtype=columns.dtype)
    for j in range(k):
        for _ in range(2):
            for i in range(j):
                share = np.sum(q[:, i] * q[:, j])
                r[i, j] += share
                q[:, j] -= share * q[:, i]
        r[j, j] = np.sqrt(np.sum(q[:, j] ** 2))
        q[:, j] /= r[j, j]
    return q, r


def back_substituted(triangle: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return the solution (k,) of an upper triangular system, in its own precision."""
    k = triangle.shape[0]
    solution = np.zeros(k, dtype=np.result_type(triangle, right))
    for i in range(k - 1, -1, -1):
        solution[i] = (right[i] - np.sum(triangle[i, i + 1 :] * solution[i + 1 :])) / triangle[i, i]
    return solution


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
    return at_low | at_high


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
                break
            if promised <= tolerance * rss and np.isfinite(new) and abs(new - rss) <= 1e-12 * rss:
                return theta, rss
            strength *= growth
            growth *= 2.0
        else:
            break
        theta, rest, rss = trial, tried, new
    return theta, rss


def _allowed(theta: Array, change: Array, caution: float) -> float:
    """Return the share of a step that no parameter finds too long."""
    if not np.isfinite(caution):
        return 1.0
    moving = (change != 0) & (theta != 0)
    return float(np.min(caution * np.abs(theta[moving]) / np.abs(change[moving]), initial=1.0))


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
    exact, rest, factors, last = _newton(
        arithmetic, theta, factors, curvature, free=~at_bound, tolerance=tolerance
    )
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
    *,
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


EQUAL = 1e-9
"""Relative difference of two sums of squares that counts as none."""
NEARBY = 12
"""Seeded starts near the user's."""
WAYS = ((1.0, 0.5), (1e-3, 1.0), (1e-3, np.inf))
"""Damping and caution of the further descents from the same start."""
REACHES = (0.1, 1.0)
"""Reach of lmfit's further descents."""
CALLS = 3000
"""Calls of the function per parameter after which no further descent is begun."""
ITERATIONS = 200
"""Most Jacobians of a further descent."""
PATTERN = -4.0
"""Standard deviations by which runs of equal sign in the residuals must be too few to be a pattern."""


def search(derivatives: Derivatives, start: Array, rng: np.random.Generator) -> tuple[Rest, tuple[str, ...]]:
    """Return the best fit found from a start, and flags about the way.

    Parameters
    ----------
    derivatives : Derivatives
        The problem, its derivatives checked at the start.
    start : Array, shape (p,)
        First values, inside the bounds.
    rng : numpy.random.Generator
        Source of the starts nearby.

    Raises
    ------
    FitError
        If the function raises on the first descent, or never gives finite values.
    """
    problem = derivatives.problem
    theta, _, complaint = descend_by_lmfit(derivatives, start)
    if np.any(np.isfinite(problem.lower) | np.isfinite(problem.upper)):
        theta, _ = marquardt(derivatives, theta)
    first = settled(derivatives, theta)
    if not complaint and not _doubtful(first, start):
        return first, ()
    best, met = _further(first, start, rng)
    flags = [f"a further descent could not go on: {met}"] if met else []
    if best.rss < first.rss * (1 - 1e-6):
        stopped, reached = (problem.raw(rest.rss) for rest in (first, best))
        flags.append(
            f"the first descent stopped at rss {stopped:.6g} ({named(problem.names, first.theta)}); "
            f"a further one reached {reached:.6g}"
        )
    return best, tuple(flags)


def settled(derivatives: Derivatives, theta: Array) -> Rest:
    """Return the fit at rest near `theta`, with its derivatives checked there."""
    other = doubted(derivatives, theta)
    if other is None:
        return polished(derivatives, theta)
    again, _ = marquardt(other, theta)
    return polished(other, again)


def unmoved(rest: Rest, start: Array) -> BoolArray:
    """Return which parameters (p,) still stand where they started."""
    return np.abs(rest.theta - start) <= 1e-12 * np.abs(start)


def _doubtful(rest: Rest, start: Array) -> bool:
    """Return whether a fit is suspect: unsound, at a bound, unmoved, worse than a constant, patterned."""
    problem = rest.derivatives.problem
    stuck = bool(np.any(rest.at_bound) or np.any(unmoved(rest, start)))
    target, flat = problem.y * problem.weight, problem.weight / np.max(problem.weight)
    poor = rest.rss > float(target @ target - (flat @ target) ** 2 / (flat @ flat))
    return not rest.sound or stuck or poor or _patterned(rest) is not None


def _patterned(rest: Rest) -> tuple[int, float] | None:
    """Return runs of equal sign, and those expected, where there are far too few of them.

    Wald-Wolfowitz, residuals in order of the first predictor.
    """
    x = rest.derivatives.problem.x
    order = np.argsort(x if x.ndim == 1 else x[:, 0], kind="stable")
    positive = rest.residual[order] > 0
    up, down = int(positive.sum()), int((~positive).sum())
    if min(up, down) < 5:
        return None
    runs = 1 + int(np.count_nonzero(positive[1:] != positive[:-1]))
    mean = 2 * up * down / (up + down) + 1
    spread = np.sqrt((mean - 1) * (mean - 2) / (up + down - 1))
    return (runs, mean) if runs < mean + PATTERN * spread else None


def pattern_flags(rest: Rest) -> tuple[str, ...]:
    """Return a flag where the residuals keep a pattern."""
    found = _patterned(rest)
    if found is None:
        return ()
    return (
        f"the residuals keep a pattern ({found[0]} runs of equal sign, {found[1]:.0f} expected): the "
        "function misses something, the noise is correlated, or a better minimum lies elsewhere",
    )


def _further(first: Rest, start: Array, rng: np.random.Generator) -> tuple[Rest, str]:
    """Return the best of the first fit and all further descents, and what stopped one of them."""
    best, met = first, ""
    ends = [first.rss]
    problem = first.derivatives.problem
    enough = problem.tally[0] + CALLS * (problem.p + 1)
    for way in _ways(first, start, rng):
        if problem.tally[0] > enough:
            break
        try:
            theta, rss = way()
            known = any(abs(rss - end) <= 1e-7 * end for end in ends)
            if not np.isfinite(rss) or rss > best.rss * (1 + EQUAL) or (known and best.sound):
                continue
            rest = settled(first.derivatives, theta)
        except FitError as error:  # said in a flag: the first descent stands
            met = met or str(error)
            continue
        ends.append(rest.rss)
        equal = abs(rest.rss - best.rss) <= EQUAL * best.rss
        if rest.sound > best.sound if equal else rest.rss < best.rss:
            best = rest
    return best, met


def _ways(first: Rest, start: Array, rng: np.random.Generator) -> list[Callable[[], tuple[Array, float]]]:
    """Return the further descents: fewer where the first end is a sound minimum."""
    derivatives = first.derivatives

    def damped(place: Array, damping: float, caution: float) -> tuple[Array, float]:
        return marquardt(derivatives, place, damping=damping, caution=caution, iterations=ITERATIONS)

    def minpack(place: Array, reach: float) -> tuple[Array, float]:
        theta, _, _ = descend_by_lmfit(derivatives, place, reach=reach, patience=100)
        return marquardt(derivatives, theta, iterations=ITERATIONS)

    ways: list[Callable[[], tuple[Array, float]]] = []
    if first.downhill is not None:
        length = float(np.linalg.norm(first.residual)) / np.sqrt(first.residual.size)
        for side in (1.0, -1.0):
            ways.append(partial(damped, first.theta + side * length * first.downhill, 1e-3, np.inf))
    ways += [partial(damped, start, damping, caution) for damping, caution in WAYS]
    places = _nearby(derivatives, start, rng, NEARBY // 3 if first.sound else NEARBY)
    if not first.sound:
        ways += [partial(minpack, start, reach) for reach in REACHES]
        ways.append(partial(damped, first.theta, 1e2, np.inf))
        ways += [partial(minpack, place, REACHES[0]) for place in places[::2]]
        places = places[1::2]
    return ways + [partial(damped, place, *WAYS[0]) for place in places]


def _nearby(derivatives: Derivatives, start: Array, rng: np.random.Generator, count: int) -> list[Array]:
    """Return starts near the user's: every parameter by a random factor, a zero by what would show."""
    problem = derivatives.problem
    norms = lengths(derivatives.jacobian(start))
    shows = np.where(norms > 0, np.sqrt(problem.n) / np.where(norms > 0, norms, 1.0), 1.0)
    places = []
    for number in range(count):
        jump = rng.standard_normal(problem.p)
        factor = np.exp(0.5 * jump) if number % 2 else np.exp(1.5 * jump)
        place = np.where(start == 0, 0.3 * jump * shows, start * factor)
        places.append(problem.inside(place))
    return places
