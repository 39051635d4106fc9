"""How long the readers take beside pandas, and how much memory: a 357 x 911 register, a table of 100 MB.

    python -m pytest tests/benchmarks/test_reading_speed.py -m bench

Processor times as ratios to `pandas.read_csv` of the same numbers in the same run (no axis, unit, gap
or overflow is looked at there): the register 0.7, the table 2.5; memory under 5 times the table's size.
"""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cxkinetics as cx

pytestmark = pytest.mark.bench


def test_a_register_of_357_spectra(shared_data: Path, cpu_seconds: Callable[..., float], tell: Any) -> None:
    path = shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD"
    cells = cx.load(path)
    assert sum(cell.time_s.size for cell in cells) == 357
    matrix = pd.DataFrame(np.vstack([cell.absorbance for cell in cells]))
    text = matrix.to_csv(index=False, float_format="%.6f")
    ratio = cpu_seconds(lambda: cx.load(path), 9) / cpu_seconds(lambda: pd.read_csv(io.StringIO(text)), 9)
    tell(f"\nregister of 357 spectra: {ratio:.2f} times pandas.read_csv of its numbers")
    assert ratio < 2


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


def test_a_wide_table_of_100_megabytes(wide: Path, cpu_seconds: Callable[..., float], tell: Any) -> None:
    assert wide.stat().st_size > 100e6
    assert cx.load(wide).absorbance.shape == (11_700, 911)
    ratio = cpu_seconds(lambda: cx.load(wide), 3) / cpu_seconds(lambda: pd.read_csv(wide), 3)
    tell(f"\ntable of 100 MB: {ratio:.2f} times pandas.read_csv")
    assert ratio < 5


def test_its_memory(wide: Path) -> None:
    code = (
        "import re, sys, pandas, cxkinetics as cx, cxkinetics.io.load as r; r.formats()\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024\n"
        "before = peak(); series = cx.load(sys.argv[1]); print(peak() - before)"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of resident memory is read from /proc, which this system lacks")
    out = subprocess.run([sys.executable, "-c", code, str(wide)], capture_output=True, text=True, check=True)
    grown = int(out.stdout) / wide.stat().st_size
    sys.stdout.write(f"memory {grown:.2f} times the file\n")
    assert 1.0 < grown < 5.0
