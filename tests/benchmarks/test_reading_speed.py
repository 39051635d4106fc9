"""How long the readers take, and how much memory: a 357 x 911 register, and a wide table of 100 MB.

    python -m pytest tests/benchmarks/test_reading_speed.py -m bench

Limits: the register under 0.3 s, the table under 5 s and under 5 times its size in memory.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

pytestmark = pytest.mark.bench


def test_a_register_of_357_spectra(shared_data: Path, benchmark: Any) -> None:
    path = shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD"
    cells = benchmark(cx.load, path)
    assert sum(cell.time_s.size for cell in cells) == 357
    assert benchmark.stats.stats.min < 0.3


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide") / "wide.csv"
    rng = np.random.default_rng(0)
    waves = np.arange(190, 1101)
    band = np.exp(-(((waves - 324) / 40.0) ** 2))
    with path.open("w") as stream:
        stream.write("time (s)," + ",".join(map(str, waves)) + "\n")
        for i in range(11_700):
            row = band * np.exp(-i / 3000) + rng.normal(0, 0.001, waves.size)
            stream.write(f"{i * 0.5:g}," + ",".join(f"{value:.6f}" for value in row) + "\n")
    return path


def test_a_wide_table_of_100_megabytes(wide: Path, benchmark: Any) -> None:
    assert wide.stat().st_size > 100e6
    seconds = []

    def read() -> Any:
        begin = time.process_time()
        series = cx.load(wide)
        seconds.append(time.process_time() - begin)
        return series

    series = benchmark.pedantic(read, rounds=3, warmup_rounds=1)
    assert series.absorbance.shape == (11_700, 911)
    sys.stdout.write(f"{min(seconds):.2f} s of processor time\n")
    assert min(seconds) < 5.0, "processor time, so that a busy machine does not fail it"


def test_its_memory(wide: Path) -> None:
    code = (
        "import re, sys, pandas, cxkinetics as cx, cxkinetics.io.registry as r; r.formats()\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024\n"
        "before = peak(); series = cx.load(sys.argv[1]); print(peak() - before)"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of resident memory is read from /proc, which this system lacks")
    out = subprocess.run([sys.executable, "-c", code, str(wide)], capture_output=True, text=True, check=True)
    grown = int(out.stdout) / wide.stat().st_size
    sys.stdout.write(f"memory {grown:.2f} times the file\n")
    assert 1.0 < grown < 5.0
