"""Values of several runs with their errors: the mean or line behind them, and the spread between the runs.

The spread is that of a random effect, by restricted likelihood; errors of mean and line are those of
Hartung and Knapp (Sidik and Jonkman), by Student's t on the runs and never smaller than the errors of
the single runs explain (Roever, Knapp, Friede 2015). The interval of the spread inverts Q.

References: G. Knapp, J. Hartung, Stat. Med. 22, 2693 (2003), doi 10.1002/sim.1482; K. Sidik, J. N. Jonkman,
Stat. Med. 21, 3153 (2002), doi 10.1002/sim.1262; W. Viechtbauer, Stat. Med. 26, 37 (2007),
doi 10.1002/sim.2514.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtrit

from cxkinetics.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """What several runs say together.

    Attributes
    ----------
    coefficients : Array, shape (p,)
        The mean, or intercept and slope.
    covariance : Array, shape (p, p)
        Of these, the spread between runs included.
    sd, sd_low, sd_high : float
        Spread between runs beyond the errors of the runs, and its interval.
    dof : int
        Runs minus coefficients.
    level : float
        Of the intervals.
    """

    coefficients: Array
    covariance: Array
    sd: float
    sd_low: float
    sd_high: float
    dof: int
    level: float

    def told(self, combination: Array) -> tuple[float, float, float, float]:
        """Return a linear combination (p,) of the coefficients: value, standard error, low, high."""
        value = float(combination @ self.coefficients)
        error = float(np.sqrt(combination @ self.covariance @ combination))
        half = float(stdtrit(self.dof, (1 + self.level) / 2)) * error
        return value, error, value - half, value + half


def between_runs(values: Array, errors: Array, design: Array | None = None, *, level: float) -> Between:
    """Return mean (or line) and spread of runs with known standard errors.

    Parameters
    ----------
    values, errors : Array, shape (R,)
        One per run; more runs than coefficients.
    design : Array, shape (R, p), optional
        Columns of the line; by default a mean.
    level : float
        Of the intervals.

    Examples
    --------
    >>> found = between_runs(np.array([1.0, 1.2, 0.8]), np.array([0.01, 0.01, 0.01]), level=0.95)
    >>> round(float(found.coefficients[0]), 2), round(found.sd, 2), found.dof
    (1.0, 0.2, 2)
    """
    from scipy.optimize import minimize_scalar

    columns = np.ones((values.size, 1)) if design is None else design
    dof = values.size - columns.shape[1]

    def at(sd: float) -> tuple[Array, Array, float, float]:
        variance = errors**2 + sd**2
        normal = (columns.T / variance) @ columns
        found: Array = np.asarray(np.linalg.solve(normal, (columns.T / variance) @ values), dtype=float)
        spread = float(np.sum((values - columns @ found) ** 2 / variance))
        level = float(np.sum(np.log(variance))) + float(np.linalg.slogdet(normal)[1]) + spread
        return found, normal, spread, level

    plain = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    widest = 3 * float(np.sqrt(plain @ plain / dof)) + 1e-300
    best = minimize_scalar(lambda sd: at(sd)[3], bounds=(0.0, widest), method="bounded")
    sd = float(best.x) if best.fun < at(0.0)[3] else 0.0
    found, normal, spread, _ = at(sd)
    covariance = np.linalg.inv(normal) * max(1.0, spread / dof)
    tail = (1 - level) / 2
    low, high = (_crossing(lambda sd: at(sd)[2], float(chdtri(dof, q)), widest) for q in (tail, 1 - tail))
    return Between(found, covariance, sd, low, high, dof, level)


def _crossing(falling: Callable[[float], float], level: float, step: float) -> float:
    """Return where a falling function of a positive number reaches a level; 0 where it starts below."""
    from scipy.optimize import brentq

    if falling(0.0) <= level:
        return 0.0
    while falling(step) > level:
        step *= 2
    return float(brentq(lambda x: falling(x) - level, 0.0, step))
