"""What the tests of the page share: files of a bench, and a page that runs."""

import contextlib
import io
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.cli.main import main

WAVELENGTHS = np.arange(290.0, 361.0, 2.0)


def decay(time: Any, t0: float = 0.0, seed: int = 1) -> Any:
    """Return a run of two stages, flat until `t0`."""
    since = np.maximum(np.asarray(time) - t0, 0.0)
    fall = np.exp(-0.056 * np.minimum(since, 20) - 0.019 * np.maximum(since - 20, 0))
    return 0.9 * fall + np.random.default_rng(seed).normal(0, 0.002, since.size)


def write_kd(path: Path, time: Any, height: Any) -> Path:
    """Write a register of kinetics as ChemStation does, a band at 324 nm of that height at each time."""
    pieces = [b"\x10REGISTER FILE" + bytes(64)]
    axis = "Wavelength (nm)".encode("utf-16-le")
    axis += bytes(56 - len(axis)) + struct.pack("<dd", WAVELENGTHS[0], WAVELENGTHS[1] - WAVELENGTHS[0])
    noise = np.random.default_rng(5).normal(0, 1e-4, (len(time), WAVELENGTHS.size))
    for moment, top, rough in zip(time, height, noise, strict=True):
        clock = "RelTime".encode("utf-16-le")
        clock += bytes(20 - len(clock)) + struct.pack("<d", moment)
        values = top * np.exp(-(((WAVELENGTHS - 324) / 9) ** 2)) + rough
        word = "(AU)".encode("utf-16-le")
        body = (
            word
            + bytes(12 - len(word))
            + struct.pack("<I", values.size)
            + b"\0"
            + values.astype("<f8").tobytes()
        )
        pieces += [axis, clock, "Absorbance ".encode("utf-16-le"), body, bytes(16)]
    path.write_bytes(b"".join(pieces))
    return path


def write_table(path: Path, time: Any, signal: Any) -> Path:
    """Write a trace as a text table."""
    rows = "".join(f"{t:g},{a:.5f}\n" for t, a in zip(time, signal, strict=True))
    path.write_text(f"time (s),absorbance\n{rows}", encoding="utf-8")
    return path


def write_workbook(path: Path, time: Any, signal: Any) -> Path:
    """Write a trace as a workbook."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["time (s)", "absorbance"])
    for row in zip(np.asarray(time).tolist(), np.asarray(signal).round(5).tolist(), strict=True):
        sheet.append(row)
    book.save(path)
    return path


def write_doses(path: Path) -> Path:
    """Write a dose table with an avalanche and a plateau."""
    dose = [0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165]
    taken = [0.0, 1.6, 3.2, 4.9, 6.4, 8.1, 20.3, 32.4, 44.6, 56.5, 57.0, 56.8]
    rows = "".join(f"{d},{i}\n" for d, i in zip(dose, taken, strict=True))
    path.write_text(f"dose (% Ag/Cd),incorporation (% Ag/(Ag+Cd))\n{rows}", encoding="utf-8")
    return path


def command(*words: str) -> dict[str, Any]:
    """Return the document that the command line prints in the working directory."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main([*words, "--json"])
    assert code == 0
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def _interruptible() -> None:
    """Take interrupts, which what a shell starts in the background ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the page in a process of its own, its uploads below `folder`, and give its address."""
    import os

    process = subprocess.Popen(
        [sys.executable, "-m", "cxkinetics", "app", "--no-browser", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if os.name == "nt" else _interruptible,
        env=os.environ | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"], process
    finally:
        process.terminate()
        process.communicate()
