"""Information criteria and the leads that count: one rule for every comparison of models.

References
----------
C. M. Hurvich, C.-L. Tsai, Biometrika 76, 297 (1989), doi 10.1093/biomet/76.2.297 (AICc); G. Schwarz,
Ann. Stat. 6, 461 (1978), doi 10.1214/aos/1176344136 (BIC); H. Akaike, in Selected Papers of Hirotugu
Akaike, Springer 1998, doi 10.1007/978-1-4612-1694-0_15 (weights); K. P. Burnham, D. R. Anderson,
Sociol. Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644 (what a difference means).
"""

import math
from collections.abc import Sequence

ALIKE = 2.0
"""AICc by which a model must lead a simpler one that it contains: below, both are equally supported."""
AHEAD = 6.0
"""AICc by which one model must lead another for the difference to count: odds of e^3, twenty to one."""
FAR_AHEAD = 10.0
"""The same for a model that bends into almost anything (a second searched break), and the distance from
which a model is out in any case: odds of e^5."""
LEVEL = 0.05
"""Largest p at which a break is accepted, and below which two breakpoints disagree."""
FURTHER_LEVEL = 0.01
"""Largest p at which a second break is accepted: it is only sought where a first one was found."""


def is_smallest(p_value: float, n_simulated: int) -> bool:
    """Return whether p is the least that so many simulated traces can give: it may be smaller still."""
    return p_value <= 1 / (n_simulated + 1) * 1.001  # stored values may have been rounded


def aicc(deviance: float, n_parameters: int, n: int) -> float:
    """Return AICc; inf where n points are too few for its correction, which then has no value.

    Parameters
    ----------
    deviance : float
        -2 ln L, up to what the compared models share.
    n_parameters : int
        All that were estimated, the scale of the noise included.
    n : int
        Points.

    Examples
    --------
    >>> aicc(10.0, 2, 6), aicc(10.0, 5, 6)
    (18.0, inf)
    """
    k, room = n_parameters, n - n_parameters - 1
    return float(deviance + 2 * k + 2 * k * (k + 1) / room) if room > 0 else math.inf


def bic(deviance: float, n_parameters: int, n: int) -> float:
    """Return Schwarz's criterion; parameters as for `aicc`."""
    return float(deviance + n_parameters * math.log(n))


def differences(scores: Sequence[float]) -> list[tuple[float, float] | None]:
    """Return of each AICc its distance from the best and its Akaike weight; None where it is infinite.

    Examples
    --------
    >>> differences([3.0, 1.0, math.inf])[0][0], differences([1.0, 1.0])[1]
    (2.0, (0.0, 0.5))
    """
    best = min(scores, default=math.inf)
    total = sum(math.exp(-(score - best) / 2) for score in scores if math.isfinite(score))
    return [
        (score - best, math.exp(-(score - best) / 2) / total) if math.isfinite(score) else None
        for score in scores
    ]
