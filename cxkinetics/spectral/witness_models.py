"""The models of both witnesses together, ranked: a break, or a smooth conversion with quenching."""

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.fitted import Fitted
from cxkinetics.spectral.peak_models import Pair, PairFit, fit_sequential, position_profile
from cxkinetics.spectral.witness_result import WitnessModel

__all__ = ["rank_models"]


def rank_models(
    pair: Pair, fitted: Fitted, grid: Array, absorbance: Array, position_misfit: Array
) -> tuple[WitnessModel, ...]:
    """Return staged, sequential and quenching without conversion, ranked by AICc on both signals.

    Parameters
    ----------
    pair : Pair
        Data.
    fitted : Fitted
        The staged decay of the absorbance.
    grid, absorbance, position_misfit : Array, shape (x,)
        Breakpoints, rise of the absorbance's misfit there (in units of its noise) and misfit of the
        position.
    """
    n, m = pair.time_s.size, pair.position_nm.size
    rss = fitted.found.rss * fitted.sample.scale**2 * (1 + absorbance / fitted.dof)
    deviance = n * np.log(rss / n) + m * np.log(position_misfit / m)
    best = int(np.argmin(deviance))
    _, lines = position_profile(pair, grid[best : best + 1])
    staged = {
        "k1": _rate(fitted, "k1"),
        "k2": _rate(fitted, "k2"),
        "tb": float(grid[best]),
        "amplitude": float(fitted.theta[0]) * fitted.sample.scale,
        "offset": float(fitted.theta[-1]) * fitted.sample.scale,
        "end_nm": float(lines[0, 0]),
        "start_nm": float(lines[0, 0] - lines[0, 1] * grid[best]),
    }
    rows = [("staged", 9, float(deviance[best]), staged, "")]
    for name, conversion, count in (("sequential", True, 9), ("quenching without conversion", False, 7)):
        fit = fit_sequential(pair, conversion=conversion)
        rows.append((name, count, _log_misfit(fit, n, m), fit.parameters, _as_populations(fit)))
    scores = [(_aicc(value, count, n + m), name, count, numbers, note)
              for name, count, value, numbers, note in rows]  # fmt: skip
    least = min(score[0] for score in scores)
    return tuple(
        WitnessModel(
            model=name,
            n_parameters=count,
            aicc=score,
            delta_aicc=score - least,
            parameters=numbers,
            note=note,
        )
        for score, name, count, numbers, note in sorted(scores, key=lambda item: item[0])
    )


def _rate(fitted: Fitted, name: str) -> float:
    return float(fitted.theta[fitted.family.names.index(name)]) / fitted.sample.span_s


def _log_misfit(fit: PairFit, n: int, m: int) -> float:
    return n * float(np.log(max(fit.rss_absorbance, 1e-300) / n)) + m * float(
        np.log(max(fit.rss_position, 1e-300) / m)
    )


def _aicc(deviance: float, count: int, n: int) -> float:
    room = max(n - count - 1, 1)
    return deviance + 2 * count + 2 * count * (count + 1) / room


def _as_populations(fit: PairFit) -> str:
    """Say which two populations would give the same curves."""
    p = fit.parameters
    if abs(p["k1"] - p["k2"]) < 1e-9 * p["k1"]:
        return ""
    slow = p["q"] * p["k1"] / (p["k1"] - p["k2"])
    if abs(1 - slow) < 1e-9:
        return ""
    place = (p["start_nm"] - slow * p["end_nm"]) / (1 - slow)
    share = f"a share {1 - slow:.2f} that reacts with k1, its band at {place:.1f} nm"
    return f"the same curves as two populations: {share}"
