"""The optional reader of other instruments' binaries: a stand-in for the package, and the real one."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.io.content import read_content
from cxkinetics.io.instruments import read_instrument_file
from cxkinetics.io.options import ReadOptions

BINARY = bytes(range(256)) * 4


class OpenReadoutError(Exception):
    pass


class UnknownFormatError(OpenReadoutError):
    pass


def stand_in(
    traces: list[dict[str, Any]], data: list[np.ndarray], fail: Exception | None = None
) -> types.ModuleType:
    class File:
        def __init__(self, path: str) -> None:
            self.traces = traces
            if fail is not None:
                raise fail

        def __enter__(self) -> "File":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def trace_axis(self, index: int) -> np.ndarray:
            return np.array([400.0, 390.0, 380.0])

        def read_trace(self, index: int) -> np.ndarray:
            return data[index][None, :]

    module = types.ModuleType("openreadout")
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    vars(module).update(
        File=File,
        OpenReadoutError=OpenReadoutError,
        UnknownFormatError=UnknownFormatError,
        info=lambda path: {"format": {"name": "Agilent Cary"}, "assurance": {"summary": "validated"}},
    )
    return module


def spectrum(index: int, time: str, unit: str = "nm", sweeps: int = 1) -> dict[str, Any]:
    axis = {"quantity": "wavelength", "unit": unit}
    channels = [{"unit": "A"}]
    return {
        "index": index,
        "name": f"scan {index}",
        "sweep_count": sweeps,
        "channels": channels,
        "extra": {"axis": axis, "time": time},
    }


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "run.dsw"
    path.write_bytes(BINARY)
    return path


def test_spectra_with_clocks_make_a_series(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = [np.array([0.1, 0.2, 0.3]), np.array([0.4, 0.5, 0.6])]
    module = stand_in([spectrum(0, "18:07:10"), spectrum(1, "18:07:33")], data)
    monkeypatch.setitem(sys.modules, "openreadout", module)
    series = cx.load(binary)
    assert series.time_s.tolist() == [0.0, 23.0]
    assert series.wavelength_nm.tolist() == [380.0, 390.0, 400.0]
    assert series.absorbance[1].tolist() == [0.6, 0.5, 0.4]
    assert series.source.format == "Agilent Cary (openreadout)"
    assert "read by openreadout: validated" in [remark.text for remark in series.remarks]


def test_time_courses_and_foreign_axes(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = [np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])]
    module = stand_in([spectrum(0, "", "min"), spectrum(1, "", "ppm")], data)
    monkeypatch.setitem(sys.modules, "openreadout", module)
    trace = cx.load(binary)
    assert isinstance(trace, cx.Trace)
    assert trace.time_s.tolist() == [22800.0, 23400.0, 24000.0]


@pytest.mark.parametrize("traces", [[], [spectrum(0, "", sweeps=4)]])
def test_nothing_usable_is_a_binary_file(
    binary: Path, traces: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openreadout", stand_in(traces, [np.ones(3)]))
    with pytest.raises(cx.InputError, match=r"binary file.*export as CSV from the instrument software$"):
        cx.load(binary)


def test_a_damaged_file_says_who_refused_it(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([], [], OpenReadoutError("bad block")))
    with pytest.raises(cx.InputError, match="openreadout cannot read this file: bad block"):
        cx.load(binary)


def test_without_the_package_the_message_names_the_extra(
    binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(cx.InputError, match=r"pip install 'cxkinetics\[instruments\]'"):
        cx.load(binary)
    other = binary.with_suffix(".KD")
    other.write_bytes(BINARY)
    with pytest.raises(cx.InputError, match=r"instrument software$"):
        cx.load(other)


def test_the_real_package_agrees_with_our_reader(shared_data: Path) -> None:
    pytest.importorskip("openreadout", reason="the extra `instruments` is not installed")
    path = shared_data / "uvvis" / "jcamp" / "blckpac1.jdx"
    ours = cx.load(path)
    (theirs,) = read_instrument_file(read_content(path), ReadOptions()) or []
    assert np.array_equal(theirs.time_s, ours.time_s)
    assert np.allclose(theirs.wavelength_nm, ours.wavelength_nm)
    assert np.allclose(theirs.absorbance, ours.absorbance, rtol=0, atol=1e-12)
