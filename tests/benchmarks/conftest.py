"""Benchmarks run on request only: python -m pytest tests/benchmarks -m bench."""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # CPU time of one thread; read when numpy is first imported


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "bench" in (config.getoption("markexpr") or ""):
        return
    slow = [item for item in items if item.get_closest_marker("bench")]
    items[:] = [item for item in items if item not in slow]
    if slow:
        config.hook.pytest_deselected(items=slow)


def _cpu_seconds(call: Callable[[], Any], rounds: int) -> float:
    """Least CPU time of a call, in s; warm-up first where there are several rounds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' own
        if rounds > 1:
            call()
        least = float("inf")
        for _ in range(rounds):
            begin = time.process_time()
            call()
            least = min(least, time.process_time() - begin)
    return least


@pytest.fixture
def cpu_seconds() -> Callable[[Callable[[], Any], int], float]:
    return _cpu_seconds


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line although output is captured: the ratios are what a benchmark is for."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(text)

    return line
