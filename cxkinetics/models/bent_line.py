"""The broken decay with an offset told by its initial value and slopes: regular where it is a bent line.

As the rates near zero at a given slope, amplitude and offset of o + C exp(-k1 d1 - k2 d2) run off to
infinity, one against the other, and an optimiser creeps along the ridge. In the initial value
A = o + C, the slope s = C k1 and the ratio r = k2/k1 the same curve is
A - s (1 - exp(-k1 u))/k1 with u = d1 + r d2, which becomes A - s u.
"""

from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.models.decays import unit_gain

__all__ = ["BentLineFamily"]

LEAST_RATE = 1e-9
"""Rate, per span, that stands for zero when amplitude and offset are told."""


@dataclass(frozen=True, slots=True)
class BentLineFamily:
    """A - s (1 - exp(-k1 u))/k1, u = min(t, b) + r max(t - b, 0); parameters A, k1, r, b1, s."""

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in order."""
        return ("A", "k1", "k2/k1", "b1", "s")

    def evaluate(self, time: Array, theta: Array, cell: IntArray | None = None) -> tuple[Array, Array]:
        """Return curves (B, n) and Jacobians (B, 5, n); `cell` (B, 1) as for `StagedFamily`."""
        level, rate, ratio, at, slope = (theta[:, i : i + 1] for i in range(5))
        early = np.minimum(time, at)
        late = time - early
        spent = early + ratio * late
        unit, bend = unit_gain(rate * spent)
        gathered, decay = spent * unit, np.exp(np.clip(-rate * spent, -700.0, 60.0))
        after = time > at if cell is None else np.arange(time.size) > cell
        jacobian = np.empty((theta.shape[0], 5, time.size))
        jacobian[:, 0] = 1.0
        jacobian[:, 1] = -slope * spent**2 * bend
        jacobian[:, 2] = -slope * decay * late
        jacobian[:, 3] = -slope * decay * (1.0 - ratio) * after
        jacobian[:, 4] = -gathered
        return level - slope * gathered, jacobian

    def told(self, theta: Array) -> Array:
        """Return C, k1, k2, b1 and o (B, 5) of the same curves."""
        rate = np.where(np.abs(theta[:, 1]) < LEAST_RATE, LEAST_RATE, theta[:, 1])
        amplitude = theta[:, 4] / rate
        columns = [amplitude, rate, rate * theta[:, 2], theta[:, 3], theta[:, 0] - amplitude]
        result: Array = np.stack(columns, axis=1)
        return result
