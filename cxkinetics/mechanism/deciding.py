"""What decides between a mechanism and its rivals: measurements on which they differ, by their cost.

Each candidate is a quantity at a dose and a time, with the error that such a measurement may have and
its effort, both stated here as assumptions: 1 is a spectrum of a sample that exists anyhow.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.mechanism.data import Evidence, Observation
from cxkinetics.mechanism.observables import Eye
from cxkinetics.mechanism.result import Deciding
from cxkinetics.mechanism.scheme import Mechanism


class Candidate(NamedTuple):
    """A measurement that could be made."""

    words: str
    quantity: str
    dose_percent: float
    time_s: float
    sd: float
    cost: float


CANDIDATES = (
    Candidate("A/A0 ex situ of the 37.5 % sample (4.0 %)", "absorbance", 37.5, 1200, 0.03, 1),
    Candidate("A/A0 ex situ of the 28 % sample (3.2 %)", "absorbance", 28, 1200, 0.03, 1),
    Candidate("A/A0 ex situ of the 75 % sample (8.0 %)", "absorbance", 75, 1200, 0.03, 1),
    Candidate("A/A0 in situ after 100 s at 37.5 % dose", "absorbance", 37.5, 100, 0.01, 2),
    Candidate("A/A0 in situ after 100 s at 75 % dose", "absorbance", 75, 100, 0.01, 2),
    Candidate("A/A0 after one hour at 50 % dose", "absorbance", 50, 3600, 0.01, 2),
    Candidate("peak position after 100 s at 37.5 % dose", "peak", 37.5, 100, 0.25, 2),
    Candidate("incorporation at 75 % dose, quenched after 1 min", "incorporation", 75, 60, 0.4, 4),
    Candidate("incorporation at 75 % dose, quenched after 1 h", "incorporation", 75, 3600, 0.4, 4),
    Candidate("incorporation at 110 % dose, quenched after 20 min", "incorporation", 110, 1200, 0.5, 4),
    Candidate("Ag2S share of silver by XPS at 100 % dose", "product share of guest", 100, 1200, 0.1, 6),
    Candidate("share of host removed by a wash at 37.5 % dose", "removable host", 37.5, 1200, 0.05, 6),
    Candidate("share of intact clusters at 75 % dose", "clusters left", 75, 1200, 0.1, 6),
)
_WORTH = 2.0
"""Separation from which a measurement is worth naming."""


def deciding(
    mechanism: Mechanism,
    theta: Array,
    draws: Array,
    rivals: Sequence[tuple[Mechanism, Array]],
    untold: Collection[str] = (),
) -> tuple[Deciding, ...]:
    """Return the candidates on which a mechanism and the nearest of its rivals differ, best value first.

    They are weighed against the rivals with other states, and against those that are not told apart.

    Parameters
    ----------
    mechanism : Mechanism
        The chosen one.
    theta, draws : Array
        Its best parameters, and draws of them (n, parameters).
    rivals : sequence of (Mechanism, Array)
        Each with its best parameters.
    untold : collection of str
        Names of those that the evidence does not tell apart.
    """
    if mechanism.guest != "Ag":
        return ()
    other_states = [one for one in rivals if one[0].scheme.species != mechanism.scheme.species]
    groups = (other_states, [one for one in rivals if one[0].name in untold])
    found = [item for group in groups if group for item in _apart(mechanism, theta, draws, group)]
    # a rival may be the nearest of both groups
    return tuple(sorted(dict.fromkeys(found), key=lambda item: -item.separation / item.cost))


def _apart(
    mechanism: Mechanism, theta: Array, draws: Array, rivals: Sequence[tuple[Mechanism, Array]]
) -> list[Deciding]:
    """Return the candidates that tell a mechanism from all of these rivals, by the nearest of them."""
    expected = _seen(mechanism, theta[:, None])[0]
    spread = _seen(mechanism, draws.T)
    found = []
    said = [(other, _seen(other, best[:, None])[0]) for other, best in rivals]
    for i, candidate in enumerate(CANDIDATES):
        low, high = np.quantile(spread[:, i], [0.025, 0.975])
        sd = float(np.hypot(candidate.sd, spread[:, i].std()))
        other, value = min(
            ((other, float(values[i])) for other, values in said), key=lambda item: abs(item[1] - expected[i])
        )
        separation = abs(value - float(expected[i])) / sd
        if separation >= _WORTH:
            found.append(
                Deciding(
                    what=candidate.words,
                    rival=other.name,
                    expected=float(expected[i]),
                    low=float(low),
                    high=float(high),
                    rival_expected=value,
                    sd=candidate.sd,
                    cost=candidate.cost,
                    separation=separation,
                )
            )
    return found


def _seen(mechanism: Mechanism, theta: Array) -> Array:
    """Return what parameter sets (parameters, problems) say of every candidate: (problems, candidates)."""
    observations = tuple(
        Observation(
            source="to be measured",
            quantity=candidate.quantity,
            dose_percent=candidate.dose_percent,
            time_s=candidate.time_s,
            value=0.0,
            sd=candidate.sd,
        )
        for candidate in CANDIDATES
    )
    return Eye(mechanism, Evidence(title="to be measured", observations=observations)).predict(theta).value
