"""The optional reader of other instruments' binaries: a stand-in for the package, and the real one."""

import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.io.file import ReadOptions, read_content
from cxkinetics.io.formats.instruments import read_instrument_file

BINARY = bytes(range(256)) * 4


class OpenReadoutError(Exception):
    pass


class UnknownFormatError(OpenReadoutError):
    pass


def stand_in(
    traces: list[dict[str, Any]],
    data: list[np.ndarray],
    fail: Exception | None = None,
    table: np.ndarray | None = None,
) -> types.ModuleType:
    class File:
        def __init__(self, path: str) -> None:
            self.traces = traces
            self.tables = [{"columns": [{"name": "subfile_index"}, {"name": "z"}]}]
            if fail is not None:
                raise fail

        def __enter__(self) -> "File":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def trace_axis(self, index: int) -> np.ndarray:
            return np.array([400.0, 390.0, 380.0])

        def read_trace(self, index: int, sweep: int = 0) -> np.ndarray:
            return data[index][sweep] if data[index].ndim == 3 else np.atleast_2d(data[index])

        def read_table(self, index: int) -> np.ndarray | None:
            return table

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


def test_nothing_usable_is_a_binary_file(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([], []))
    with pytest.raises(cx.InputError, match=r"binary file.*export as CSV from the instrument software$"):
        cx.load(binary)


def changed(trace: dict[str, Any], **axis: Any) -> dict[str, Any]:
    return {**trace, "extra": {**trace["extra"], "axis": {**trace["extra"]["axis"], **axis}}}


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (spectrum(0, "", sweeps=4), "holds 4 sweeps and does not say when each was recorded"),
        (spectrum(0, "", "ppm"), "axis is wavelength in ppm"),
        (changed(spectrum(0, "", "1/cm"), quantity="raman_shift"), "axis is a Raman shift"),
        (spectrum(0, "", "s", sweeps=2), "holds 2 sweeps"),
    ],
)
def test_a_file_without_an_optical_trace_is_refused_with_the_reason(
    binary: Path, trace: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([trace], [np.ones((4, 1, 3))]))
    with pytest.raises(cx.InputError, match=f"no optical measurement.*{reason}.*export as CSV"):
        cx.load(binary)


def with_channels(*channels: tuple[str, str], axis_channel: int | None = None) -> dict[str, Any]:
    trace = changed(spectrum(0, ""), channel=axis_channel)
    return {**trace, "channels": [{"name": name, "unit": unit} for name, unit in channels]}


def test_the_axis_stored_as_a_channel_is_no_signal(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.array([[400.0, 390.0, 380.0], [0.1, 0.2, 0.3]])
    trace = with_channels(("wavelength", "nm"), ("absorbance", "AU"), axis_channel=0)
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([trace], [data]))
    series = cx.load(binary)
    assert (series.absorbance.tolist(), series.unit) == ([[0.3, 0.2, 0.1]], "AU")


def test_of_several_channels_the_absorbance_is_read_and_the_others_are_named(
    binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.array([[9.0, 8.0, 7.0], [0.1, 0.2, 0.3]])
    trace = with_channels(("circular_dichroism", "mdeg"), ("absorbance", "AU"))
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([trace], [data]))
    series = cx.load(binary)
    assert series.absorbance.tolist() == [[0.3, 0.2, 0.1]]
    assert "channels not used: circular_dichroism" in [remark.text for remark in series.remarks]
    both = with_channels(("circular_dichroism", "mdeg"), ("ht_voltage", "V"))
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([both], [data]))
    with pytest.raises(cx.InputError, match="2 channels could be the signal: circular_dichroism, ht_voltage"):
        cx.load(binary)


@pytest.mark.parametrize("name", ["reflectance", "kubelka_munk", "extinction_coefficient"])
def test_what_is_no_absorbance_is_not_called_so(
    binary: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "openreadout", stand_in([with_channels((name, ""))], [np.array([1.5, 2.5, 3.5])])
    )
    series = cx.load(binary)
    assert (series.absorbance.tolist(), series.unit) == ([[3.5, 2.5, 1.5]], "counts")
    assert f"the file holds {name}, not absorbance" in " ".join(remark.text for remark in series.remarks)
    assert cx.load(binary, absorbance_unit="abs").unit == "AU"


def test_sweeps_take_their_times_from_the_table_that_lists_them(
    binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = spectrum(0, "", sweeps=2)
    trace["extra"] |= {"z_unit": "min", "spectra_table": 0}
    data, table = np.array([[[0.1, 0.2, 0.3]], [[0.4, 0.5, 0.6]]]), np.array([[0.0, 0.5], [1.0, 2.0]])
    monkeypatch.setitem(sys.modules, "openreadout", stand_in([trace], [data], table=table))
    series = cx.load(binary)
    assert series.time_s.tolist() == [30.0, 120.0]
    assert series.absorbance.tolist() == [[0.3, 0.2, 0.1], [0.6, 0.5, 0.4]]


def grams(
    spectra: list[list[float]], axis: list[float], y_type: int, minutes: tuple[float, ...] = (0.0,)
) -> bytes:
    """Make a GRAMS file of the new format: an x array, or an even axis and spectra with their times."""
    many = len(spectra) > 1
    head = struct.pack(
        "<BBBBIddI", 0x14 if many else 0x80, 0x4B, 0, 0x80, len(axis), axis[0], axis[-1], len(spectra)
    )
    head += struct.pack("<BBB", 3, y_type, 5 if many else 0)
    body = b"" if many else struct.pack(f"<{len(axis)}f", *axis)
    for number, (minute, values) in enumerate(zip(minutes, spectra, strict=True)):
        body += struct.pack("<BBHfffIIf4x", 0, 0x80, number, minute, minute, 0.0, 0, 0, 0.0)
        body += struct.pack(f"<{len(values)}f", *values)
    return head.ljust(512, b"\x00") + body


def test_grams_files_with_an_axis_of_their_own_and_with_times(tmp_path: Path) -> None:
    pytest.importorskip("openreadout", reason="the extra `instruments` is not installed")
    path = tmp_path / "x-array.spc"
    path.write_bytes(grams([[0.125, 0.5, 0.25, 0.75]], [300.0, 301.0, 302.5, 304.0], 2))
    series = cx.load(path)
    assert series.wavelength_nm.tolist() == [300.0, 301.0, 302.5, 304.0]
    assert (series.absorbance.tolist(), series.unit) == ([[0.125, 0.5, 0.25, 0.75]], "AU")
    path.write_bytes(grams([[1.0, 0.5], [0.75, 0.375], [0.5, 0.25]], [300.0, 302.0], 2, (0.0, 0.5, 2.0)))
    run = cx.load(path)
    assert run.time_s.tolist() == [0.0, 30.0, 120.0]
    assert run.absorbance.tolist() == [[1.0, 0.5], [0.75, 0.375], [0.5, 0.25]]
    path.write_bytes(grams([[1.0, 0.5], [0.75, 0.375]], [300.0, 302.0], 2, (0.0, 0.0)))
    with pytest.raises(cx.InputError, match="holds 2 sweeps and does not say when each was recorded"):
        cx.load(path)


@pytest.mark.parametrize(
    ("name", "shape", "first", "wavelengths"),
    [
        ("craic/ropensci-CRAIC.spc", (1, 3761), 13.3999, (280.11, 949.93)),
        ("grams/rohanisaac-BC408_5mmHorizontal.spc", (1, 1024), 7313.0, (400.62, 538.01)),
        ("grams/rohanisaac-m_evenz.spc", (32, 171), 0.0, (200.0, 800.0)),
    ],
)
def test_real_grams_files(
    shared_data: Path, name: str, shape: tuple[int, int], first: float, wavelengths: tuple[float, float]
) -> None:
    pytest.importorskip("openreadout", reason="the extra `instruments` is not installed")
    series = cx.load(shared_data / "real" / name)
    assert series.absorbance.shape == shape
    assert series.absorbance[0, 0] == pytest.approx(first, abs=5e-5)
    assert series.wavelength_nm[[0, -1]] == pytest.approx(wavelengths, abs=0.005)
    assert (series.unit == "AU") == (shape[0] > 1)
    assert series.time_s.tolist() == [30.0 * k for k in range(shape[0])]


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
