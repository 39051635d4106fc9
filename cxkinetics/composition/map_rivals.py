"""Rivals of the broken dose-incorporation curve: one line, line and plateau, Hill.

A broken line always fits at least as well; AICc says whether the breaks earn their parameters. The
scatter counts as a parameter, and with n at or below p + 2 points AICc has no value.
"""

import math

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.map_points import MapPoints, MapSolution
from cxkinetics.composition.map_search import Cells, search
from cxkinetics.fitting.parts import Rival

__all__ = ["BROKEN_LINE", "FEW_DOF", "ONE_LINE", "rank_rivals"]

BROKEN_LINE = "line, avalanche, plateau"
ONE_LINE = "one line"

FEW_DOF = 4
"""With no more degrees of freedom left by the broken line than this, the correction in AICc alone costs
it 30 and more against one line: AICc then cannot speak against an avalanche."""


def rank_rivals(cells: Cells, points: MapPoints, best: MapSolution, n: int) -> tuple[Rival, ...]:
    """Return the broken line and its rivals, ranked by AICc.

    Where AICc has no value for one of them (too few points) they are ranked by BIC, and none has
    an Akaike weight: a ranking among the survivors alone would favour the poorest model.

    Parameters
    ----------
    cells : Cells
        The systems of the points, for the exact search.
    points : MapPoints
        The points that were fitted.
    best : MapSolution
        The broken line through them.
    n : int
        Points that say something about the scatter.
    """
    fits = [
        (BROKEN_LINE, 4, best.rss, {"b1": best.b1, "D1": best.D1, "b2": best.b2, "y_f": best.y_f}),
        (ONE_LINE, 1, *_line(points)),
        ("line, plateau", 2, *_line_plateau(cells)),
        ("Hill", 3, *_hill(points)),
    ]
    exact = 1e-18 * float(np.sum(points.weight * points.y**2))
    scored = [
        (name, p, rss, _aicc(n, p, rss, exact), _bic(n, p, rss, exact), at) for name, p, rss, at in fits
    ]
    known = [aicc for *_, aicc, _, _ in scored if aicc is not None]
    comparable = len(known) == len(scored)
    least = min(known, default=math.nan)
    total = sum(math.exp(-(aicc - least) / 2) for aicc in known)
    rivals = [
        Rival(
            model=name,
            n_parameters=p,
            rss=rss,
            aicc=aicc,
            bic=bic,
            delta_aicc=aicc - least if comparable and aicc is not None else None,
            akaike_weight=(
                math.exp(-(aicc - least) / 2) / total if comparable and aicc is not None else None
            ),
            note=_note(n, p, rss, exact),
            parameters=at,
        )
        for name, p, rss, aicc, bic, at in scored
    ]

    def rank(rival: Rival) -> float:
        score = rival.aicc if comparable else rival.bic
        return -math.inf if score is None else score

    return tuple(sorted(rivals, key=rank))


def _aicc(n: int, p: int, rss: float, exact: float) -> float | None:
    k = p + 1
    if n - k - 1 <= 0 or rss <= exact:
        return None
    return n * math.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _bic(n: int, p: int, rss: float, exact: float) -> float | None:
    return None if rss <= exact or n <= p else n * math.log(rss / n) + (p + 1) * math.log(n)


def _note(n: int, p: int, rss: float, exact: float) -> str:
    if rss <= exact:
        return "passes through every point: not comparable"
    if n - p - 2 <= 0:
        return f"{n} points are too few for AICc with {p} parameters and a scatter: not comparable"
    return ""


def _line(points: MapPoints) -> tuple[float, dict[str, float]]:
    """Fit a line through the origin: in closed form, or as a convex problem in one unknown."""
    exact = ~points.censored
    d, y, w = points.low[exact], points.y[exact], points.weight[exact]
    slope = float(np.sum(w * d * y) / max(float(np.sum(w * d * d)), 1e-300))
    if not exact.all():
        from scipy.optimize import minimize_scalar

        steepest = 2 * float(np.max(points.y[points.low > 0] / points.low[points.low > 0]))
        found = minimize_scalar(
            lambda b: _line_rss(points, b), bounds=(0, steepest), method="bounded", options={"xatol": 1e-10}
        )
        slope = float(found.x)
    return _line_rss(points, slope), {"b1": slope}


def _line_rss(points: MapPoints, slope: float) -> float:
    unbounded = 1e9 * (1 + float(points.y.max()))
    return float(points.rss(*(np.asarray(v) for v in (slope, 0.0, slope, unbounded))))


def _line_plateau(cells: Cells) -> tuple[float, dict[str, float]]:
    """Fit the broken line with equal slopes, exactly."""
    found = search(cells, "b2/b1", np.array([1.0])).best()
    return found.rss, {"b1": found.b2, "y_f": found.y_f}


def _hill(points: MapPoints) -> tuple[float, dict[str, float]]:
    """Fit y = y_f D^h/(D50^h + D^h) from a grid of (D50, h), the amplitude in closed form."""
    from scipy.optimize import least_squares

    top = float(points.high.max())
    d50, h = np.meshgrid(np.linspace(0.05, 1.5, 30) * top, np.geomspace(0.5, 40, 24), indexing="ij")
    middle = (points.low + points.high) / 2
    shape = _hill_shape(middle, d50[..., None], h[..., None])
    size = np.sum(points.weight * shape**2, axis=-1)
    height = np.sum(points.weight * shape * points.y, axis=-1) / np.maximum(size, 1e-300)
    rss = np.sum(points.weight * (points.y - height[..., None] * shape) ** 2, axis=-1)
    root = np.sqrt(points.weight)

    def residuals(v: Array) -> Array:
        low, high = (v[0] * _hill_shape(d, v[1], v[2]) for d in (points.low, points.high))
        off: Array = np.where(
            points.censored,
            np.minimum(points.y - low, 0) + np.maximum(points.y - high, 0),
            points.y - low,
        )
        return root * off

    best, at = math.inf, np.zeros(3)
    for index in np.argsort(rss, axis=None)[:2]:
        start = np.array([height.flat[index], d50.flat[index], h.flat[index]])
        found = least_squares(residuals, start, bounds=(1e-12, np.inf), x_scale=start, max_nfev=200)
        if 2 * found.cost < best:
            best, at = 2 * float(found.cost), found.x
    return best, {"y_f": float(at[0]), "D50": float(at[1]), "h": float(at[2])}


def _hill_shape(dose: Array, d50: Array, h: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        shape: Array = 1 / (1 + (d50 / dose) ** h)
    return shape
