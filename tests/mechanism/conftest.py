"""The published best values, and the packaged mechanism with the dark state."""

import numpy as np
import pytest

from cxkinetics.arrays import Array
from cxkinetics.mechanism.scheme import Mechanism, load_mechanism

BEST = {
    "phi": 0.0525, "kf": 2.4e-4, "K": 9.45e-3, "alpha": 1.79, "kP": 1.1e-4, "m": 13.65, "T": 96.6, "q": 0.409,
    "c": 1.4e-3, "kd": 0.0354, "a": 2.36, "nF": 13.2, "kr": 3.65e-3,
}  # fmt: skip


@pytest.fixture
def dark() -> Mechanism:
    return load_mechanism("two-silver-dark")


@pytest.fixture
def best(dark: Mechanism) -> Array:
    return np.array([BEST[name] for name in dark.names])
