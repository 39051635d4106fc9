"""Slow, plain twins of the searches and profiles: MINPACK at every break of a dense grid.

They share no code with the package: the curves are written out once more, derivatives included,
and each break is held where the grid puts it.
"""

from itertools import pairwise

import numpy as np
from scipy.optimize import leastsq, minimize_scalar

LEAST = 3
"""Distinct times that every stage must hold."""


def spent_in_stages(t: np.ndarray, breaks: tuple[float, ...]) -> list[np.ndarray]:
    edges = [-np.inf, *breaks, np.inf]
    stages = [np.clip(t, low, high) - (low if np.isfinite(low) else 0.0) for low, high in pairwise(edges)]
    return stages


def held(
    t: np.ndarray,
    y: np.ndarray,
    breaks: tuple[float, ...],
    start: np.ndarray,
    *,
    sigma: np.ndarray | float = 1.0,
    with_offset: bool = False,
    fixed: tuple[int, float] | None = None,
) -> tuple[float, np.ndarray]:
    """Return rss and parameters (C, k.., o) of the staged decay with its breaks held.

    `fixed` holds one more parameter at a value.
    """
    spent = np.array(spent_in_stages(t, breaks))
    free = np.ones(start.size, bool)
    if fixed is not None:
        free[fixed[0]] = False
        start = start.copy()
        start[fixed[0]] = fixed[1]

    def whole(values: np.ndarray) -> np.ndarray:
        theta = start.copy()
        theta[free] = values
        return theta

    def decay(theta: np.ndarray) -> np.ndarray:
        return np.exp(-np.clip(theta[1 : 1 + len(spent)] @ spent, -50, 50))

    def residual(values: np.ndarray) -> np.ndarray:
        theta = whole(values)
        return (theta[0] * decay(theta) + (theta[-1] if with_offset else 0.0) - y) / sigma

    def jacobian(values: np.ndarray) -> np.ndarray:
        theta = whole(values)
        fall = decay(theta)
        rows = [fall, *(-theta[0] * fall * spent)]
        if with_offset:
            rows.append(np.ones_like(t))
        return (np.array(rows) / sigma)[free]

    done = leastsq(
        residual,
        start[free],
        Dfun=jacobian,
        col_deriv=1,
        ftol=1e-14,
        xtol=1e-14,
        gtol=0.0,
        maxfev=100,
        full_output=True,  # keeps quiet where a rate runs away and no digit is left to gain
    )
    return float(np.sum(residual(done[0]) ** 2)), whole(done[0])


def first_guess(t: np.ndarray, y: np.ndarray, n_stages: int, with_offset: bool) -> np.ndarray:
    """Return a start from a coarse grid of rates with the amplitudes solved for."""
    best = (np.inf, np.zeros(1))
    for k in np.geomspace(0.05, 60.0, 60) / np.ptp(t):
        columns = [np.exp(-k * (t - t[0]))] + ([np.ones_like(t)] if with_offset else [])
        design = np.stack(columns, axis=1)
        linear = np.linalg.lstsq(design, y, rcond=None)[0]
        rss = float(np.sum((y - design @ linear) ** 2))
        if rss < best[0]:
            amplitude = linear[0] * np.exp(k * t[0])
            best = (rss, np.array([amplitude, *[k] * n_stages, *linear[1:]]))
    return best[1]


def one_break(
    t: np.ndarray,
    y: np.ndarray,
    *,
    sigma: np.ndarray | float = 1.0,
    with_offset: bool = False,
    per_gap: int = 6,
    fixed: tuple[int, float] | None = None,
    polish: int = 4,
    xatol: float = 1e-9,
) -> tuple[float, float, np.ndarray]:
    """Return rss, break and (C, k1, k2, o) of the best decay with one break, by a dense grid of breaks.

    Every sample is on the grid; the best brackets are searched further by Brent's method to `xatol`.
    """
    order = np.argsort(t, kind="stable")
    t, y = t[order], y[order]
    sigma = sigma[order] if isinstance(sigma, np.ndarray) else sigma
    knots = np.unique(t)
    inner = knots[LEAST - 1 : -LEAST + 1]
    inside = [np.linspace(a, b, per_gap + 1)[1:] for a, b in pairwise(inner)]
    grid = np.concatenate([[inner[0] + 1e-6 * (inner[1] - inner[0])], *inside])
    start = first_guess(t, y, 2, with_offset)

    def rss_at(b: float, begin: np.ndarray) -> tuple[float, np.ndarray]:
        return held(t, y, (b,), begin, sigma=sigma, with_offset=with_offset, fixed=fixed)

    forward, begin = [], start
    for b in grid:
        rss, begin = min(rss_at(b, begin), rss_at(b, start), key=lambda pair: pair[0])
        forward.append((rss, b, begin))
    best = min(forward, key=lambda item: item[0])
    for i in np.argsort([item[0] for item in forward])[:polish]:
        low, high = grid[max(i - 1, 0)], grid[min(i + 1, grid.size - 1)]
        middle = forward[i][2]
        for a, b in ((low, grid[i]), (grid[i], high)):
            if b <= a:
                continue
            done = minimize_scalar(
                lambda x, m=middle: rss_at(x, m)[0], bounds=(a, b), method="bounded", options={"xatol": xatol}
            )
            if done.fun < best[0]:
                rss, theta = rss_at(float(done.x), middle)
                best = (rss, float(done.x), theta)
    return best


def two_breaks(t: np.ndarray, y: np.ndarray, *, per_gap: int = 2) -> tuple[float, tuple[float, float]]:
    """Return the least rss over a dense grid of pairs of breaks, and the pair (no offset)."""
    knots = np.unique(t)
    inner = knots[LEAST - 1 : -LEAST + 1]
    grid = np.concatenate(
        [
            [inner[0] + 1e-6 * (inner[1] - inner[0])],
            *[np.linspace(a, b, per_gap + 1)[1:] for a, b in pairwise(inner)],
        ]
    )
    start = first_guess(t, y, 3, False)
    best: tuple[float, tuple[float, float]] = (np.inf, (np.nan, np.nan))
    for i, first in enumerate(grid):
        begin = start
        for second in grid[i + 1 :]:
            if np.sum((knots >= first) & (knots < second)) < LEAST:
                continue
            rss, begin = held(t, y, (first, second), begin)
            if rss < best[0]:
                best = (rss, (float(first), float(second)))
    return best
