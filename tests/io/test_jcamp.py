"""JCAMP-DX: linked blocks that are no times, and units that are not what they seem."""

from pathlib import Path

import pytest

import cxkinetics as cx

DARK, SAMPLE, REFERENCE = (1.0, 2.0, 1.5), (50.0, 10.0, 100.0), (99.0, 98.0, 97.0)


def block(values: tuple[float, ...], **records: str) -> str:
    said = {
        "TITLE": "spectrum",
        "DATA TYPE": "UV/VIS SPECTRUM",
        "XUNITS": "NANOMETERS",
        "YUNITS": "ABSORBANCE",
    }
    said |= {key.replace("_", " "): text for key, text in records.items()}
    lines = [f"##{key}= {text}" for key, text in said.items() if text]
    lines.insert(1, "##JCAMP-DX= 5.0")
    lines += [f"##NPOINTS= {len(values)}", "##XYPOINTS= (XY..XY)"]
    lines += [f"{300 + 2 * k}, {value}" for k, value in enumerate(values)]
    return "\n".join([*lines, "##END="]) + "\n"


def linked(*blocks: str) -> str:
    head = f"##TITLE= link\n##JCAMP-DX= 5.0\n##DATA TYPE= LINK\n##BLOCKS= {len(blocks)}\n"
    return head + "".join(blocks) + "##END=\n"


def read(tmp_path: Path, text: str, **options: str) -> cx.SpectralSeries:
    path = tmp_path / "run.jdx"
    path.write_text(text)
    return cx.load(path, **options)


def codes(series: cx.SpectralSeries) -> set[str]:
    return {remark.code for remark in series.remarks}


def test_dark_and_reference_spectra_are_no_times(tmp_path: Path) -> None:
    said = "SPECTRASUITE EXPORTED SPECTRA: {} SPECTRUM"
    blocks = [
        block(values, TITLE=said.format(name), YUNITS="Transmission (%)")
        for name, values in (("PROCESSED", SAMPLE), ("DARK", DARK), ("REFERENCE", REFERENCE))
    ]
    series = read(tmp_path, linked(*blocks))
    assert series.time_s.tolist() == [0.0]
    assert series.absorbance[0] == pytest.approx([0.30103, 1.0, 0.0], abs=1e-6)
    (aside,) = [remark for remark in series.remarks if remark.code == "spectra_set_aside"]
    assert aside.count == 2
    assert "DARK SPECTRUM" in aside.text
    assert read(tmp_path, blocks[2]).absorbance.shape == (1, 3)  # nothing else in the file: it is read


def test_transmission_far_above_one_hundred_percent_is_raw_counts(tmp_path: Path) -> None:
    counts = block((30000.0, 20000.0, 25000.0), YUNITS="Transmission (%)")
    series = read(tmp_path, counts)
    assert (series.unit, series.absorbance.tolist()) == ("counts", [[30000.0, 20000.0, 25000.0]])
    assert "counts_assumed" in codes(series)
    assert read(tmp_path, counts, absorbance_unit="percentT").unit == "AU"


@pytest.mark.parametrize("unit", ["Logarithm epsilon", "REFLECTANCE", "ARBITRARY UNITS"])
def test_an_ordinate_that_is_no_absorbance_is_not_called_so(tmp_path: Path, unit: str) -> None:
    series = read(tmp_path, block((1.0, 2.0, 1.5), YUNITS=unit))
    assert (series.unit, series.absorbance.tolist()) == ("counts", [[1.0, 2.0, 1.5]])
    assert "not_absorbance" in codes(series)


def test_what_the_file_leaves_out_is_said(tmp_path: Path) -> None:
    assert "quantity_assumed" in codes(read(tmp_path, block((1.0, 2.0, 1.5), YUNITS="")))
    series = read(tmp_path, block((1.0, 2.0, 1.5), XUNITS="%"))
    assert series.wavelength_nm.tolist() == [300.0, 302.0, 304.0]
    assert "axis_assumed" in codes(series)


@pytest.mark.parametrize("unit", ["MICROMETERS", "wavelength (um)"])
def test_axes_in_micrometres_are_converted(tmp_path: Path, unit: str) -> None:
    text = block((0.5, 0.25, 0.125), XUNITS=unit)
    for k in range(3):
        text = text.replace(f"\n{300 + 2 * k}, ", f"\n{(300 + 2 * k) / 1000}, ")
    series = read(tmp_path, text)
    assert series.wavelength_nm == pytest.approx([300.0, 302.0, 304.0])
    assert series.absorbance.tolist() == [[0.5, 0.25, 0.125]]


@pytest.mark.parametrize(
    ("x", "kind"), [("M/Z", "MASS SPECTRUM"), ("PPM", "NMR SPECTRUM"), ("1/CM", "RAMAN SPECTRUM")]
)
def test_spectra_of_another_kind_are_refused(tmp_path: Path, x: str, kind: str) -> None:
    with pytest.raises(cx.InputError, match=f"##DATA TYPE= {kind} with ##XUNITS= {x} is no spectrum"):
        read(tmp_path, block((1.0, 2.0, 1.5), XUNITS=x, DATA_TYPE=kind))


@pytest.mark.parametrize("name", ["OceanOptics_period", "HELIFURC_BR_278_282"])
def test_real_spectrasuite_files_hold_one_processed_spectrum(shared_data: Path, name: str) -> None:
    series = cx.load(shared_data / "real" / "ocean" / f"ropensci-{name}.jdx")
    assert series.absorbance.shape == (1, 3648)
    assert (series.wavelength_nm[0], series.wavelength_nm[-1]) == (176.36, 893.69)
    assert (series.unit, series.absorbance[0, 0]) == ("counts", 32822.795)
    assert {"spectra_set_aside", "counts_assumed"} <= codes(series)


RECORDS = (
    "##TITLE= run\n##JCAMP-DX= 4.24\n##DATA TYPE= UV SPECTRUM\n##XUNITS= NANOMETERS\n##YUNITS= ABSORBANCE\n"
)
REGULAR = (
    "##XFACTOR= 1.0\n##YFACTOR= 0.001\n##FIRSTX= 300.0\n##LASTX= 300.4\n##DELTAX= 0.1\n##FIRSTY= 0.5\n"
    "##NPOINTS= 5\n##XYDATA= (X++(Y..Y))\n300.0 500 400 300\n300.3 200 100\n##END=\n"
)
POINTS = (
    "##XFACTOR= 1.0\n##YFACTOR= 1.0\n##FIRSTX= 300.5\n##LASTX= 302.5\n##NPOINTS= 3\n"
    "##XYPOINTS= (XY..XY)\n300.5 0.512\n301.5 0.4\n302.5 0.25\n##END=\n"
)


@pytest.mark.parametrize("body", [REGULAR, POINTS], ids=["abscissa table", "points"])
def test_decimal_commas_are_read_as_points(body: str, tmp_path: Path) -> None:
    plain, commas = (
        read(tmp_path, RECORDS + text) for text in (body, body.replace(".", ",").replace(",,", ".."))
    )
    assert plain.wavelength_nm.tolist() == commas.wavelength_nm.tolist()
    assert plain.absorbance.tolist() == commas.absorbance.tolist()
    assert plain.absorbance[0, 0] in (0.5, 0.512)


def test_a_comma_between_x_and_y_stays_one(tmp_path: Path) -> None:
    body = POINTS.replace("300.5 0.512\n301.5 0.4\n302.5 0.25", "300,5; 301,4; 302,2")
    assert read(tmp_path, RECORDS + body).absorbance.tolist() == [[5.0, 4.0, 2.0]]


def test_commas_that_may_be_either_are_asked(tmp_path: Path) -> None:
    body = POINTS.replace("300.5\n", "300,5\n").replace("300.5 0.512", "300,5,0,512").replace("0.4", "0,4")
    with pytest.raises(cx.InputError, match="points and commas"):
        read(tmp_path, RECORDS + body)
