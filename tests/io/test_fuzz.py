"""Damaged files end in a reading or in a clean error, without a hang and without a wrong axis.

The full run, 10 000 damaged files::

    python -m pytest tests/io/test_fuzz.py -m slow
"""

import io
import os
import resource
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.load import read_content_signals
from tests.io.mutations import damaged_files, sample_files

HANG_S = 30.0
"""Processor time of one file, against loops that do not end: the slowest damaged sample takes 0.1 s and
the slowest junk 0.8 s."""


def check(name: str, data: bytes) -> str:
    """Read damaged bytes; return "read" or "refused", and fail on anything else."""
    content = Content(name, data, "0" * 64)
    begin = time.process_time()
    try:
        signals = read_content_signals(content, ReadOptions())
    except cx.CxKineticsError as error:
        message = str(error)
        assert name in message
        assert "\n" not in message
        outcome = "refused"
    else:
        for signal in signals:
            assert np.all(np.isfinite(signal.time_s))
            assert np.all(np.diff(signal.time_s) >= 0)
            if isinstance(signal, cx.SpectralSeries):
                assert np.all(np.diff(signal.wavelength_nm) > 0)
                assert 50 <= signal.wavelength_nm[0] <= signal.wavelength_nm[-1] <= 50_000
        outcome = "read"
    assert time.process_time() - begin < HANG_S, name
    return outcome


def run(shared: Path, count: int, seed: int) -> dict[str, int]:
    outcomes = {"read": 0, "refused": 0}
    for name, what, data in damaged_files(sample_files(shared), count, seed):
        try:
            outcomes[check(name, data)] += 1
        except cx.CxKineticsError:
            raise
        except Exception as error:
            raise AssertionError(f"{name}, {what}: {type(error).__name__}: {error}") from error
    return outcomes


def test_damaged_samples_end_cleanly(shared_data: Path) -> None:
    outcomes = run(shared_data, 300, seed=2023)
    assert sum(outcomes.values()) == 300
    assert min(outcomes.values()) > 30, "the damage is too weak or too strong to test anything"


@pytest.mark.slow
def test_ten_thousand_damaged_samples_end_cleanly(shared_data: Path) -> None:
    outcomes = run(shared_data, 10_000, seed=159)
    assert sum(outcomes.values()) == 10_000


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes(data: bytes) -> None:
    check("junk.bin", data or b"\x00")


@given(st.text(alphabet="0123456789.,;:\t\n\r -+eE%\"'#=()[]aAtsnm±°\u2212", max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_tables(text: str) -> None:
    check("junk.csv", text.encode())


@pytest.mark.parametrize("cut", [0.1, 0.37, 0.5, 0.77, 0.9, 0.99])
def test_a_matrix_cut_short_keeps_its_axes(shared_data: Path, cut: float) -> None:
    for name in ("badinputs/m01_matrix.csv", "uvvis/specfit/run1_17C.TXT", "uvvis/agilent_kd/test_data3.KD"):
        path = shared_data / name
        whole = cx.load(path)
        data = path.read_bytes()
        try:
            (part,) = read_content_signals(Content(name, data[: int(cut * len(data))], ""), ReadOptions())
        except cx.InputError:
            continue
        assert set(part.wavelength_nm) <= set(whole.wavelength_nm)
        assert set(part.time_s) <= set(whole.time_s), "a time was cut inside its digits"


JUNK = {
    "noise": b"\xa5\x5a\x13\x00",
    "one line": b"1,2,",
    "mixed": b"1 2 3 x\n",
    "zeros": b"\x00",
    "one number": b"7",
    "one word": b"x",
    "blanks": b" ",
    "blank lines": b"\n",
    "words": b"a,b\n",
    "quotes": b'"',
    "comments": b"#\n",
    "archive": b"PK\x03\x04",
    "records": b"##TITLE=x\n##DATATYPE=y\n",
}
QUICK = ("noise", "one line", "mixed")


@pytest.mark.parametrize("kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in JUNK])
def test_two_hundred_megabytes_of_junk(tmp_path: Path, kind: str) -> None:
    block = JUNK[kind]
    path = tmp_path / "junk.csv"
    piece = block * (1_000_000 // len(block) + 1)
    with path.open("wb") as stream:
        for _ in range(200):
            stream.write(piece[:1_000_000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    with pytest.raises(cx.InputError):
        cx.load(path)
    seconds = time.process_time() - begin
    os.unlink(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert seconds < HANG_S
    assert grown < 600, f"{grown:.0f} MB"


def _archive(flipped: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ps_0.xml", "<spectrum>" + " ".join(f"{v:.6f}" for v in range(2000)))
    data = bytearray(stream.getvalue())
    data[flipped : flipped + 4] = b"\xff" * 4
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("short.RFL8", b"AVS82"),
        ("headless.RFL8", b"AVS84" + bytes(322)),
        ("backwards.RFL8", b"AVS82\x01" + b"\xff" * 85 + b"\x00" * 900),
        ("nan.RFL8", b"AVS82\x01" + bytes(83) + struct.pack("<HH", 0, 9) + b"\x01\x00\xa0\x7f" * 300),
        *((f"flipped {at}.ProcSpec", _archive(at)) for at in (45, 60, 200, 1000)),
    ],
)
def test_damaged_binary_files_are_refused(name: str, data: bytes) -> None:
    assert check(name, data) == "refused"
