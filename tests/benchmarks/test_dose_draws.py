"""`dose_for` with 3000 draws against as many draws in thirty calls, by CPU time in one run.

python -m pytest tests/benchmarks -m bench
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

import cxkinetics as cx

pytestmark = pytest.mark.bench


def test_draws_are_cheaper_together(cpu_seconds: Callable, tell: Callable[[str], None]) -> None:
    together = cpu_seconds(lambda: cx.dose_for("Ag2Cd32S33", n_draws=3000), 5)
    apart = cpu_seconds(lambda: [cx.dose_for("Ag2Cd32S33", n_draws=100) for _ in range(30)], 3)
    tell(f"\n3000 draws {1e3 * together:.0f} ms; thirty calls of 100 {apart / together:.1f} times as long")
    assert apart > together


def test_four_guests_cost_little_more_than_two(cpu_seconds: Callable, tell: Callable[[str], None]) -> None:
    two = cx.load_system("ag-cds")
    four = replace(two, max_guests=4)
    few = cpu_seconds(lambda: cx.dose_for("Ag2Cd32S33", system=two), 3)
    many = cpu_seconds(lambda: cx.dose_for("Ag2Cd32S33", system=four), 3)
    tell(f"\nfour guests {1e3 * many:.0f} ms, two {1e3 * few:.0f} ms")
    assert many < 12 * few  # solved point by point it was 90 times
