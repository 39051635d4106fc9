"""Parameters of scaled samples in s and the trace's unit, and the curve of a smooth model by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.inference.ar1 import Sample
from cxkinetics.models.decays import DecayFamily
from cxkinetics.models.families import mixed_clock
from cxkinetics.models.laws import SHAPES

OFFSET = " + offset"
"""Ends the name of a model whose offset is fitted."""
_POWERS = {"C": (1, 0), "o": (1, 0), "k": (0, -1), "b": (0, 1), "d": (1, -1), "mu": (0, -1), "td": (0, 1)}
_POWERS |= {"tau": (0, 1), "w": (0, 1)}
"""By name or first letter of a parameter, the powers of signal and of time in its unit."""
_WHOLE = ("mu", "td", "beta", "tau")


def powers_of(name: str) -> tuple[int, int]:
    """Return the powers of signal and of time in a parameter's unit."""
    return _POWERS.get(name if name in _WHOLE else name[0], (0, 0))


def factor_of(name: str, sample: Sample) -> float:
    """Return by what a scaled parameter is multiplied for s and the trace's unit."""
    of_signal, of_time = powers_of(name)
    return float(sample.scale**of_signal * sample.span_s**of_time)


def in_user_units(names: Sequence[str], theta: Array, sample: Sample) -> dict[str, float]:
    """Return parameters in s and the trace's unit; names keep their letters (k.. in 1/s, b.. in s)."""
    values = zip(names, theta.tolist(), strict=True)
    moved = {name: value * factor_of(name, sample) for name, value in values}
    return {n: v + sample.first_s if n[0] == "b" and n != "beta" else v for n, v in moved.items()}


def smooth_family(model: str) -> DecayFamily | None:
    """Return the family of a smooth model by the name it is ranked under; None for any other."""
    shape = SHAPES.get(model.removesuffix(OFFSET))
    return None if shape is None else DecayFamily(shape, model.endswith(OFFSET))


def smooth_signal(
    model: str, parameters: Mapping[str, float], time_s: Array, ends_s: tuple[float, float]
) -> Array | None:
    """Return a smooth model's signal at any times.

    Parameters
    ----------
    model : str
        Its name in the ranking.
    parameters : mapping
        In s and the trace's unit.
    time_s : Array, shape (n,)
        Times, s.
    ends_s : (float, float)
        First and last time of the trace that was fitted, s: curves count from the first, but those
        that start with the addition from the clock's zero.

    Returns
    -------
    Array or None
        None where no smooth model has that name.
    """
    family, (first, last) = smooth_family(model.replace(STEP, "")), ends_s
    if family is None or not all(name in parameters for name in family.names):
        return None
    span = last - first or 1.0
    theta = np.array([[parameters[name] * span ** -powers_of(name)[1] for name in family.names]])
    from_zero = family.shape.from_start and 0 < first <= span
    time, begin = np.asarray(time_s, dtype=float), np.array(0.0 if from_zero else first)
    if parameters.get("tau"):
        time, begin = (
            np.where(t > 0, mixed_clock(t, np.array(parameters["tau"]))[0], t) for t in (time, begin)
        )
    clock = (time - begin) / span
    signal: Array = family.evaluate(clock, theta)[0][0]
    besides = {name: parameters.get(name, 0.0) for name in BESIDE if name not in family.names}
    late = np.asarray(time_s) - first
    stepped = parameters.get("step", 0.0) * (late >= parameters.get("step to", np.inf) - first)
    return signal + besides.get("blank", 0.0) + besides.get("drift", 0.0) * late + stepped


STEP = " + step"
"""Follows the exponential in the name of one whose level steps between two readings."""
BESIDE = ("blank", "drift")
"""Parameters of curves beside a model: what a blank's error adds, and the slope from the first reading."""


def given_level(options: Mapping[str, Any]) -> float:
    """Return the offset that the options of a fit give, 0 where they give none."""
    given = options.get("offset")
    given = given[0] if isinstance(given, list | tuple) else given
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
