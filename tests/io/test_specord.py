"""Specord files: cycles of spectra with their times, and headers that do not fit."""

import struct
from pathlib import Path

import pytest

import cxkinetics as cx

AXIS = [300.0, 302.0, 304.0]
SPECTRA = [[0.5, 0.25, 0.125], [0.75, 0.375, 0.25], [1.0, 0.5, 0.375]]
NAMES = ["3 2 min b.dat - Sample 1", "2 30 sec b.dat - Sample 1", "1 0 sec b.dat - Sample 1"]


def specord(
    spectra: list[list[float]], names: list[str], *, x: str = "nm", y: str = "A", cycles: int | None = None
) -> bytes:
    lines = ["[GENERAL]", "TYP=5", f"XUNITS={x}", f"YUNITS={y}", "ZUNITS=", "FIRSTX=300", "LASTX=304"]
    lines += ["NPOINTS=3", f"NCYCL={len(spectra) if cycles is None else cycles}", "[Samples]"]
    lines += [f"sn{k}={name}" for k, name in enumerate(names)]
    head = "\r\n".join([*lines, "[DATA]", "XDATA=", ""]).encode()
    values = [value for spectrum in spectra for value in spectrum]
    return head + struct.pack("<3f", *AXIS) + b"\r\nYDATA=\r\n" + struct.pack(f"<{len(values)}f", *values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "all.dat"


def test_cycles_are_a_series_in_the_order_of_the_times_in_their_names(path: Path) -> None:
    path.write_bytes(specord(SPECTRA, NAMES))
    series = cx.load(path)
    assert series.time_s.tolist() == [0.0, 30.0, 120.0]
    assert series.absorbance.tolist() == SPECTRA[::-1]
    assert {remark.code for remark in series.remarks} == {"times_from_names", "sorted_by_time"}


def test_cycles_without_times_stay_single_spectra(path: Path) -> None:
    path.write_bytes(specord(SPECTRA, ["Sample 1", "Sample 2", "Sample 3"]))
    found = cx.load(path)
    assert [series.label for series in found] == ["Sample 1", "Sample 2", "Sample 3"]
    assert [series.absorbance.tolist() for series in found] == [[spectrum] for spectrum in SPECTRA]
    assert all({"time_set_zero"} == {remark.code for remark in series.remarks} for series in found)


def test_more_or_fewer_blocks_than_stated_are_refused(path: Path) -> None:
    path.write_bytes(specord(SPECTRA, NAMES, cycles=4))
    with pytest.raises(cx.InputError, match="ends before the 12 values of YDATA"):
        cx.load(path)
    path.write_bytes(specord(SPECTRA, NAMES, cycles=2))
    with pytest.raises(cx.InputError, match="YDATA goes on after the 6 values"):
        cx.load(path)
    path.write_bytes(specord(SPECTRA, NAMES).replace(b"NCYCL=3", b"NCYCL=?"))
    with pytest.raises(cx.InputError, match=r"NCYCL=\?; a whole number from 1"):
        cx.load(path)


@pytest.mark.parametrize(("x", "y"), [("s", "A"), ("nm", "%R"), ("nm", "s")])
def test_what_is_no_absorbance_over_a_wavelength_is_refused(path: Path, x: str, y: str) -> None:
    path.write_bytes(specord(SPECTRA[:1], NAMES[:1], x=x, y=y))
    with pytest.raises(cx.InputError, match=f"XUNITS={x}, YUNITS={y}: not absorbance"):
        cx.load(path)


def test_transmittance_is_converted(path: Path) -> None:
    path.write_bytes(specord([[1.0, 0.1, 0.01]], ["a"], y="T"))
    assert cx.load(path).absorbance[0] == pytest.approx([0.0, 1.0, 2.0], abs=1e-6)


def test_a_real_overlay_of_seven_spectra(shared_data: Path) -> None:
    series = cx.load(shared_data / "real" / "specord" / "KonstantinosVard-all.dat")
    assert series.absorbance.shape == (7, 401)
    assert series.time_s.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
    for name, row in (("1 0 sec ir", 0), ("5 20 sec ir", 4)):
        single = cx.load(shared_data / "real" / "specord" / f"KonstantinosVard-{name}.dat")
        assert series.absorbance[row].tolist() == single.absorbance[0].tolist()
