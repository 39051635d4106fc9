"""Staged first-order decay, with continuous and with free joints.

Continuous joints: f(t) = o + C exp(-sum_j k_j d_j(t)), where d_j(t) is the time spent in stage j
up to t. Free joints: an independent line in ln(f - o) per stage, as Yao, Lynch, Robinson,
J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904, fit by hand. Time zero is where C counts.
"""

import numpy as np

from cxkinetics.arrays import Array

__all__ = ["free_joint_decay", "stage_number", "staged_decay", "time_in_stages"]


def time_in_stages(time_s: Array, breakpoints_s: Array) -> Array:
    """Return the time spent in each stage up to `time_s`.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    breakpoints_s : Array, shape (m - 1,)
        Ascending breakpoints, s.

    Returns
    -------
    Array, shape (n, m)
        Rows sum to `time_s`; negative times count in the first stage.

    Examples
    --------
    >>> time_in_stages(np.array([10.0, 30.0]), np.array([20.0])).tolist()
    [[10.0, 0.0], [20.0, 10.0]]
    """
    breaks = np.asarray(breakpoints_s, dtype=float)
    starts = np.concatenate([[-np.inf], breaks])
    ends = np.concatenate([breaks, [np.inf]])
    inside = np.clip(time_s[:, None], starts, ends)
    starts[0] = 0.0
    spent: Array = inside - starts
    return spent


def staged_decay(
    time_s: Array, amplitude: float, rates_per_s: Array, breakpoints_s: Array, offset: float = 0.0
) -> Array:
    """Return the staged first-order decay with continuous joints.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    amplitude : float
        A0 - Ainf at t = 0 (negative for growth).
    rates_per_s : Array, shape (m,)
        First-order rate constants, 1/s.
    breakpoints_s : Array, shape (m - 1,)
        Ascending breakpoints, s.
    offset : float
        Ainf, the signal at infinite time.

    Returns
    -------
    Array, shape (n,)
        offset + amplitude exp(-sum_j k_j d_j(t)).

    Examples
    --------
    >>> a = staged_decay(np.array([0.0, 20.0, 100.0]), 0.9, np.array([0.056, 0.019]), np.array([20.0]))
    >>> a.round(4).tolist()
    [0.9, 0.2937, 0.0642]
    """
    exponent = time_in_stages(time_s, breakpoints_s) @ np.asarray(rates_per_s, dtype=float)
    signal: Array = offset + amplitude * np.exp(-exponent)
    return signal


def stage_number(time_s: Array, breakpoints_s: Array) -> Array:
    """Return the index of the stage [start, end) that each time falls in, shape (n,), from 0."""
    return np.searchsorted(np.asarray(breakpoints_s, dtype=float), time_s, side="right").astype(float)


def free_joint_decay(
    time_s: Array, amplitudes: Array, rates_per_s: Array, breakpoints_s: Array, offset: float = 0.0
) -> Array:
    """Return independent first-order stages: offset + C_j exp(-k_j t) in stage j.

    Parameters
    ----------
    time_s : Array, shape (n,)
        Times, s.
    amplitudes : Array, shape (m,)
        C_j, the amplitude of each stage's curve carried back to t = 0.
    rates_per_s, breakpoints_s, offset
        As for `staged_decay`.
    """
    stage = stage_number(time_s, breakpoints_s).astype(int)
    decay: Array = np.exp(-np.asarray(rates_per_s)[stage] * time_s)
    signal: Array = offset + np.asarray(amplitudes)[stage] * decay
    return signal
