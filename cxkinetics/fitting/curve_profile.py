"""Profile-likelihood intervals of any curve's parameters.

A parameter is held at a value and the others are fitted again; the signed root of the gain in the
sum of squares, z = sign(b - b^) sqrt((S(b) - S)/s^2), is Student's t at the ends of the interval
(D. M. Bates, D. G. Watts, Nonlinear Regression Analysis and Its Applications, 1988, ch. 6,
doi 10.1002/9780470316757). z needs no symmetry and no standard error. The interval is the piece
that holds the estimate; a second valley beyond its ends is not sought.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError
from cxkinetics.fitting.curve_polish import Rest
from cxkinetics.fitting.marquardt import marquardt

__all__ = ["BetterMinimumError", "ProfileEnd", "profile_end"]

FARTHEST = 40
"""Doublings and roots tried before an end counts as open."""
CLOSE = 1e-8
"""Relative closeness of z to its level at an end."""


class BetterMinimumError(FitError):
    """A profile went below the minimum: `theta` (p,) has the smaller sum of squares."""

    def __init__(self, theta: Array) -> None:
        super().__init__("a profile found a smaller sum of squares")
        self.theta = theta


@dataclass(frozen=True, slots=True)
class ProfileEnd:
    """One end of an interval; `value` None where it is open, and `reason` says why."""

    value: float | None
    reason: str = ""


def profile_end(rest: Rest, j: int, side: int, level: float, variance: float, step: float) -> ProfileEnd:
    """Return where the signed root of the profile of parameter `j` reaches `level`.

    Parameters
    ----------
    rest : Rest
        The fit.
    j : int
        Index of the parameter.
    side : int
        -1 for the lower end, 1 for the upper.
    level : float
        Quantile to reach, positive.
    variance : float
        s^2, in the units of `rest.rss`.
    step : float
        First distance tried (about level times the standard error), positive.

    Raises
    ------
    BetterMinimumError
        If the profile goes below the minimum.
    """
    problem = rest.derivatives.problem
    bound = float(problem.upper[j] if side > 0 else problem.lower[j])
    held = np.zeros(problem.p, bool)
    held[j] = True
    centre = float(rest.theta[j])
    known: list[tuple[float, float, Array]] = [(0.0, 0.0, rest.theta)]  # distance, z, parameters

    def root(distance: float) -> float:
        nearest = min(known, key=lambda item: abs(item[0] - distance))
        place = nearest[2].copy()
        if len(known) > 1:  # carry on the way the others went
            (d1, _, first), (d2, _, second) = sorted(known, key=lambda item: abs(item[0] - distance))[:2]
            place = first + (second - first) * (distance - d1) / (d2 - d1)
        place[j] = centre + side * distance
        trials = [marquardt(rest.derivatives, place, damping=1e-6, held=held)]
        if not np.isfinite(trials[0][1]) or len(known) == 1:
            place = nearest[2].copy()
            place[j] = centre + side * distance
            trials.append(marquardt(rest.derivatives, place, held=held))
        theta, rss = min(trials, key=lambda item: item[1])
        if not np.isfinite(rss):
            return np.inf
        if rss < rest.rss * (1 - 1e-7) and rest.rss - rss > 1e-6 * variance:
            raise BetterMinimumError(theta)
        z = float(np.sqrt(max(rss - rest.rss, 0.0) / variance))
        known.append((distance, z, theta))
        return z

    limit = side * (bound - centre)
    if limit <= 0:
        return ProfileEnd(bound, "ends at the bound")
    inside, outside = 0.0, min(step, limit)
    z_inside, z_outside = 0.0, root(outside)
    for _ in range(FARTHEST):
        if z_outside >= level:
            break
        if outside >= limit:
            return ProfileEnd(bound, "ends at the bound")
        inside, z_inside = outside, z_outside
        outside = min(2 * outside, limit)
        if outside > 1e12 * step:
            break
        z_outside = root(outside)
    if z_outside < level:
        shown = centre + side * outside
        return ProfileEnd(None, f"the profile stays below the level up to {shown:.3g}")
    return ProfileEnd(centre + side * _crossing(root, inside, z_inside, outside, z_outside, level))


def _crossing(
    root: Callable[[float], float],
    inside: float,
    z_inside: float,
    outside: float,
    z_outside: float,
    level: float,
) -> float:
    """Return the distance where z is `level`, bracketed, by false position with bisection."""
    last = 0
    low, high = z_inside - level, z_outside - level
    middle = outside
    for number in range(FARTHEST):
        if np.isfinite(high) and number % 6 != 5:
            middle = inside - low * (outside - inside) / (high - low)
        else:
            middle = (inside + outside) / 2
        gap = root(middle) - level
        if abs(gap) <= CLOSE * level or outside - inside <= 1e-12 * outside:
            break
        if gap < 0:
            inside, low = middle, gap
            high = high / 2 if last < 0 else high
            last = -1
        else:
            outside, high = middle, gap
            low = low / 2 if last > 0 else low
            last = 1
    return middle
