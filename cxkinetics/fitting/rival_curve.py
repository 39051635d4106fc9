"""The curve of a smooth rival, from the parameters that the ranking keeps."""

from collections.abc import Mapping

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.parts import Rival
from cxkinetics.fitting.result import StagedFit
from cxkinetics.models.decays import DECAYS, DecayFamily

__all__ = ["best_smooth_rival", "rival_curve"]

_OFFSET = " + offset"


def rival_curve(fit: StagedFit, rival: Rival, time_s: Array) -> Array | None:
    """Return a smooth rival's signal at any times.

    Parameters
    ----------
    fit : StagedFit
        The result that ranks the rival: it knows the first time, from which smooth
        curves count (a stretched exponential counts from the clock's zero), and a given offset.
    rival : Rival
        One of `fit.rivals`.
    time_s : Array, shape (n,)
        Times, s.

    Returns
    -------
    Array or None
        In the trace's unit; None for a staged model, which is no smooth rival.
    """
    name = rival.model.removesuffix(_OFFSET)
    if name not in DECAYS:
        return None
    family = DecayFamily(DECAYS[name], rival.model.endswith(_OFFSET))
    parameters: Mapping[str, float] = rival.parameters
    if not all(key in parameters for key in family.names):
        return None
    theta = np.array([[parameters[key] for key in family.names]])
    first, last = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    from_zero = "beta" in family.names and 0 < first <= last - first  # as the rivals are fitted
    clock = np.asarray(time_s, dtype=float) - (0.0 if from_zero else first)
    curve, _ = family.evaluate(clock, theta)
    given = fit.options.get("offset")
    base = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
    signal: Array = curve[0] + base
    return signal


def best_smooth_rival(fit: StagedFit) -> Rival | None:
    """Return the best-ranked smooth rival of a fit, or None where none was fitted."""
    return next((r for r in fit.rivals if r.model.removesuffix(_OFFSET) in DECAYS), None)
