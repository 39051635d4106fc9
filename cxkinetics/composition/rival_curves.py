"""Draws of the curves that describe a dose table beside the broken line: line and plateau, Hill.

What a table cannot tell apart takes part in every prediction by its weight. A line and plateau is a broken
line of equal slopes. A Hill curve keeps its own shape for incorporations; where a mechanism asks for an
avalanche and a saturation dose, those of the tangent at its middle stand in.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.composition.curve import (
    BROKEN_LINE,
    FEW_DOF,
    HILL,
    LINE_PLATEAU,
    ONE_LINE,
    MapPoints,
    hill_shape,
)
from cxkinetics.composition.table_errors import Scatter, scatter_log_prior
from cxkinetics.inference.criteria import differences
from cxkinetics.inference.ensemble import sample_posterior
from cxkinetics.remarks import Remark

if TYPE_CHECKING:
    from cxkinetics.composition.incorporation_result import IncorporationFit
    from cxkinetics.composition.table_draws import TableDensity
    from cxkinetics.kinetics.result import Rival

_WALKERS, _BURN_IN, _STEPS = 80, 60, 60
_LEAST = 0.01
_SAID = 0.05
_CLOSE = 1e-4  # of a dose: half the step over which a slope is taken
_FLATTEST = 2.2  # a Hill curve less steep has its tangent begin at a dose of 0


def curve_weights(rivals: "tuple[Rival, ...]", dof: int) -> dict[str, float]:
    """Return the weights of the curves with a plateau, those below one in a hundred left out.

    One line has none: where it is not refuted, no share of product follows from a table at all.
    """
    scores = {r.model: r.bic if dof <= FEW_DOF else r.aicc for r in rivals if r.model != ONE_LINE}
    if scores.get(BROKEN_LINE) is None:  # it meets every point
        return {BROKEN_LINE: 1.0}
    known = {model: score for model, score in scores.items() if score is not None}
    weights = zip(known, differences(list(known.values())), strict=True)
    kept = {model: found[1] for model, found in weights if found is not None and found[1] >= _LEAST}
    return {model: weight / sum(kept.values()) for model, weight in kept.items()}


def curves_remark(rivals: "tuple[Rival, ...]", dof: int) -> tuple[Remark, ...]:
    """Say which curves the points do not tell apart."""
    weights = {model: w for model, w in curve_weights(rivals, dof).items() if w >= _SAID}
    if set(weights) <= {BROKEN_LINE}:
        return ()
    words = ", ".join(f"{model} {weight:.2f}" for model, weight in weights.items())
    text = (
        f"the points do not tell the curves apart (weights: {words}): predictions from the table alone "
        "average over them"
    )
    return (Remark("curves_alike", text),)


def averaged(
    fit: "IncorporationFit", density: "TableDensity", curves: Array, rng: np.random.Generator
) -> tuple[Array, Mapping[str, Array]]:
    """Return draws (n, 4) in which each curve has as many rows as its weight, and D50 and h of Hill curves.

    Parameters
    ----------
    fit : IncorporationFit
        Whose rivals are weighed.
    density : TableDensity
        Of the table: errors, and what is unknown of them.
    curves : Array, shape (n, 4)
        Draws of the broken line, against the true doses.
    rng : numpy.random.Generator
    """
    weights = curve_weights(fit.rivals, fit.dof)
    found, steep = curves.copy(), {name: np.zeros(curves.shape[0]) for name in ("hill_D50", "hill_h")}
    order = rng.permutation(curves.shape[0])
    scale, begin = fit.points.common_dose_error, 0
    for rival in fit.rivals:
        rows = order[begin : begin + round(weights.get(rival.model, 0.0) * order.size)]
        if rival.model == BROKEN_LINE or not rows.size:
            continue
        begin += rows.size
        factor = np.exp(scale * rng.standard_normal(rows.size))
        if rival.model == LINE_PLATEAU:
            slope, top = _drawn(density, rival, rows.size, rng).T
            slope, first = slope / factor, 0.5 * top / slope * factor
            found[rows] = np.stack([slope, first, slope, top], axis=1)
        elif rival.model == HILL:
            middle, power, top = _drawn(density, rival, rows.size, rng).T
            middle = middle * factor
            steep["hill_D50"][rows], steep["hill_h"][rows] = middle, power
            reach = 2 / np.maximum(power, _FLATTEST)
            first, last = middle * (1 - reach), middle * (1 + reach)
            level = top * hill_shape(first, middle, power)
            found[rows] = np.stack([level / first, first, (top - level) / (last - first), top], axis=1)
    return found, steep if steep["hill_h"].any() else {}


def _line_plateau(dose: Array, theta: Array) -> Array:
    lower: Array = np.minimum(theta[:, :1] * dose, theta[:, 1:2])
    return lower


def _hill(dose: Array, theta: Array) -> Array:
    height: Array = theta[:, 2:3] * hill_shape(np.maximum(dose, 0.0), theta[:, :1], theta[:, 1:2])
    return height


_SHAPES: Mapping[str, tuple[Callable[[Array, Array], Array], tuple[str, ...]]] = {
    LINE_PLATEAU: (_line_plateau, ("b1", "y_f")),
    HILL: (_hill, ("D50", "h", "y_f")),
}


def _drawn(density: "TableDensity", rival: "Rival", count: int, rng: np.random.Generator) -> Array:
    """Return draws (n, p) of a rival: errors of doses enter by its slope."""
    curve, names = _SHAPES[rival.model]
    points: MapPoints = density.points
    dose, step = (points.low + points.high) / 2, _CLOSE * float(points.high.max())
    p = len(names)

    def log_density(theta: Array) -> Array:
        log = np.full(theta.shape[0], -np.inf)
        good = np.flatnonzero((theta[:, :p] > 0).all(axis=1) & (theta[:, p + 1 :] >= 0).all(axis=1))
        own = theta[good]
        constant, share, _ = density.scatter(np.concatenate([np.zeros((good.size, 4)), own[:, p:]], axis=1))
        y, slope = curve(dose, own), (curve(dose + step, own) - curve(dose - step, own)) / (2 * step)
        sd = constant[:, None] * (points.weight**-0.5 if density.sigmas else 1.0)
        variance = sd**2 + (share[:, None] * y) ** 2 + (slope * points.dose_sd) ** 2
        log[good] = -0.5 * np.sum((points.y - y) ** 2 / variance + np.log(variance), axis=1)
        if density.n_unknown:
            log[good] += scatter_log_prior(Scatter(constant, share), sigmas=density.sigmas)
        return log

    best = np.array([rival.parameters[name] for name in names])
    near = best * np.exp(0.01 * rng.standard_normal((_WALKERS, p)))
    off = points.y - curve(dose, best[None])[0]
    scatter = float(np.sqrt(np.mean((points.weight if density.sigmas else 1.0) * off**2)))
    beside = density.with_scatter(np.zeros((_WALKERS, 4)), scatter, rng)[:, 4:]
    start = np.concatenate([near, beside], axis=1)
    return sample_posterior(log_density, start, count, rng, burn_in=_BURN_IN, steps=_STEPS).draws[:, :p]
