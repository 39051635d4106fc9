"""Text exports whose headers name another axis or another quantity than absorbance over a wavelength."""

from pathlib import Path

import pytest

import cxkinetics as cx


def jasco(x: str, y: str, first: str = "200") -> str:
    rows = f"{first}\t1.5\n250\t1.25\n300\t1.0\n"
    return f"TITLE\ta\nXUNITS\t{x}\nYUNITS\t{y}\nNPOINTS\t3\nXYDATA\n{rows}"


def read(tmp_path: Path, text: str) -> cx.SpectralSeries | cx.Trace:
    path = tmp_path / "run.txt"
    path.write_text(text)
    return cx.load(path)


def codes(signal: cx.SpectralSeries | cx.Trace) -> set[str]:
    return {remark.code for remark in signal.remarks}


@pytest.mark.parametrize("x", ["Temperature [C]", "Raman Shift [cm-1]"])
def test_a_jasco_axis_that_is_no_light_is_refused(tmp_path: Path, x: str) -> None:
    with pytest.raises(cx.InputError, match="neither a time nor a wavelength; export a spectrum"):
        read(tmp_path, jasco(x, "ABSORBANCE"))


def test_jasco_axes_of_time_and_without_a_unit(tmp_path: Path) -> None:
    trace = read(tmp_path, jasco("Time [min]", "ABSORBANCE"))
    assert isinstance(trace, cx.Trace)
    assert trace.time_s.tolist() == [12000.0, 15000.0, 18000.0]
    assert {"axis_assumed", "quantity_assumed"} <= codes(read(tmp_path, jasco("", "")))
    assert not codes(read(tmp_path, jasco("NANOMETERS", "ABSORBANCE"))) - {"time_set_zero"}


@pytest.mark.parametrize("y", ["REFLECTANCE", "CD [mdeg]"])
def test_a_jasco_ordinate_that_is_no_absorbance_is_not_called_so(tmp_path: Path, y: str) -> None:
    series = read(tmp_path, jasco("NANOMETERS", y))
    assert (series.unit, series.absorbance.tolist()) == ("counts", [[1.5, 1.25, 1.0]])
    assert "not_absorbance" in codes(series)


def test_reflectance_of_uvprobe_is_no_absorbance(tmp_path: Path) -> None:
    text = '"a - RawData"\n"Wavelength nm."\t"{}"\n300\t5.5\n301\t5.25\n302\t5\n'
    series = read(tmp_path, text.format("R%"))
    assert (series.unit, series.absorbance.tolist()) == ("counts", [[5.5, 5.25, 5.0]])
    assert "not_absorbance" in codes(series)
    assert read(tmp_path, text.format("Abs.")).unit == "AU"


def test_an_oceanview_file_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.txt"
    path.write_text(">>>>>End Processed Spectral Data<<<<<\nPixels: 3\n500\t0.1\n501\t0.2\n502\t0.3\n")
    with pytest.raises(cx.InputError, match=r"damaged\.txt: the data end before they begin"):
        cx.load(path)


def test_raman_shifts_of_oceanview_are_refused(tmp_path: Path) -> None:
    head = (
        "Data from x Node\n\nXAxis mode: {}\nNumber of Pixels in Spectrum: 3\n>>>>>Begin Spectral Data<<<<<\n"
    )
    rows = "200.5\t1.5\n201\t1.25\n202\t1.0\n"
    with pytest.raises(cx.InputError, match="Raman shift, not a wavelength"):
        read(tmp_path, head.format("Raman Shifts") + rows)
    assert read(tmp_path, head.format("Wavelengths") + rows).wavelength_nm.tolist() == [200.5, 201.0, 202.0]
