"""Small files of our own in the layout of each instrument: what is read in them, said of them and refused."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

import cxkinetics as cx

AXIS = np.array([400.0, 402.0, 404.0, 406.0])
DARK, LIGHT = np.array([10.0, 11.0, 10.0, 12.0]), np.array([1010.0, 1211.0, 1410.0, 1612.0])
ABSORBANCE = np.array([0.3, 0.2, 0.1, 0.05])
SAMPLE = DARK + (LIGHT - DARK) * 10**-ABSORBANCE
TIMES = np.array([0.0, 30.0, 60.0, 90.0])
WELLS = {"A1": [0.9, 0.8, 0.7, 0.6], "B1": [0.5, 0.45, 0.41, 0.38], "H12": [0.05, 0.05, 0.06, 0.05]}
COMPUTED = "computed from the counts of sample, dark and reference"


def rows(*columns: Any, between: str = "\t", comma: bool = False) -> str:
    lines = [between.join(f"{cell:.6f}" for cell in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines).replace(".", ",") if comma else "\n".join(lines)


def book(cells: list[list[Any]]) -> bytes:
    made, stream = openpyxl.Workbook(), io.BytesIO()
    for row in cells:
        made.active.append(row)
    made.save(stream)
    return stream.getvalue()


def avasoft_8(mode: int = 4, spectra: int = 1) -> bytes:
    head = bytearray(328)
    head[:6] = b"AVS84" + bytes([spectra])
    head[11] = mode
    struct.pack_into("<HH", head, 89, 0, AXIS.size - 1)
    return bytes(head) + np.concatenate([AXIS, SAMPLE, DARK, LIGHT]).astype("<f4").tobytes()


def avasoft_7(readings: Any) -> bytes:
    head = np.zeros(100, dtype="<f4")
    head[0], head[1:10] = 70.0, [ord(c) for c in "1208058U1"]
    head[74:76], head[79:81] = [AXIS[0], 2.0], [0, AXIS.size - 1]
    return head.tobytes() + np.asarray(readings, dtype="<f4").tobytes()


def procspec(unit: str, values: Any) -> bytes:
    def doubles(tag: str, numbers: Any) -> str:
        return f"<{tag}>" + "".join(f"<double>{n!r}</double>" for n in map(float, numbers)) + f"</{tag}>"

    step = "com.oceanoptics.spectrasuite.processors.ProcessedSpectrumCertificate"
    described = f"com.oceanoptics.spectrasuite.unitdescriptors.{unit}IntensityDescriptor"
    text = (
        f"<root>{doubles('channelWavelengths', AXIS)}{doubles('pixelValues', SAMPLE)}<{step}>"
        f'{doubles("processedPixels", values)}<yUnits class="{described}"/></{step}></root>'
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("ps_1.xml", text)
        archive.writestr("OOISignatures.xml", "<none/>")
    return stream.getvalue()


JAZ = (
    "Jaz Data File\nDate: Mon Aug 29 16:23:13 2011\nNumber of Pixels in Processed Spectrum: 4\n"
    ">>>>>Begin Processed Spectral Data<<<<<\nW\tD\tR\tS\tP\n{}\n>>>>>End Processed Spectral Data<<<<<\n"
)
PERKIN = "PE UV       SUBTECH\nnotes\n#GR\n{}\n{}\n1.0\n0.0\n406.0\n-2.0\n{}\n8\n#DATA\n{}\n"
ENLIGHTEN = (
    "ENLIGHTEN Version,2.2.7\nLabel,cell 1\nTechnique,{}\nTimestamp,2021-10-04 00:51:00.18\n\n"
    "Pixel,Wavelength,Processed,Raw,Dark,Reference\n{}\n"
)
OLIS = "Olis ASCII-PBP Output file generated : 2023.10.19 at 03.18.31\n{}\n{}\n"
AVASOFT = "\nIntegration time [ms]: 6.00\nWave   ;Sample   ;Dark     ;Reference;{}\n[nm]   ;[counts]\n\n{}\n"
PERCENT = 100 * 10**-ABSORBANCE
ONE_SPECTRUM = {
    "AvaSoft text": (
        "a.txt",
        AVASOFT.format("Scope", rows(AXIS, SAMPLE, DARK, LIGHT, between=";")),
        COMPUTED,
    ),
    "AvaSoft text, reflected": (
        "a.txt",
        AVASOFT.format("Reflectance", rows(AXIS, SAMPLE, DARK, LIGHT, between=";", comma=True)),
        "reflected",
    ),
    "AvaSoft": ("a.RFL8", avasoft_8(), "reflected"),
    "AvaSoft before 8": ("a.TRM", avasoft_7(np.column_stack([SAMPLE, LIGHT, DARK])), COMPUTED),
    "Jaz": ("a.jaz", JAZ.format(rows(AXIS, DARK, LIGHT, SAMPLE, PERCENT)), COMPUTED),
    "Jaz, commas": ("a.jaz", JAZ.format(rows(AXIS, DARK, LIGHT, SAMPLE, PERCENT, comma=True)), COMPUTED),
    "ProcSpec": ("a.ProcSpec", procspec("Absorbance", ABSORBANCE), ""),
    "ProcSpec, %T": ("a.ProcSpec", procspec("Transmission", PERCENT), "%T converted"),
    "PerkinElmer": ("a.asc", PERKIN.format("nm", "%T", 4, rows(AXIS[::-1], PERCENT[::-1])), "%T converted"),
    "ENLIGHTEN": (
        "a.csv",
        ENLIGHTEN.format("Transmission", rows(range(4), AXIS, PERCENT, SAMPLE, DARK, LIGHT, between=",")),
        "%T converted",
    ),
    "Olis": ("a.csv", OLIS.format(rows(AXIS).replace("\n", ","), rows(ABSORBANCE).replace("\n", ",")), ""),
    "bare spectrum of several rows of names": (
        "a.csv",
        "[nm],[counts]\n" + rows(AXIS, ABSORBANCE, between=","),
        "raw counts",
    ),
}


def load(tmp_path: Path, name: str, content: str | bytes, **options: Any) -> list[Any]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = cx.load(path, **options)
    return found if isinstance(found, list) else [found]


def said(signal: Any) -> str:
    return " ".join(remark.text for remark in signal.remarks)


@pytest.mark.parametrize(("name", "content", "remark"), ONE_SPECTRUM.values(), ids=ONE_SPECTRUM)
def test_one_spectrum(name: str, content: str | bytes, remark: str, tmp_path: Path) -> None:
    (series,) = load(tmp_path, name, content)
    assert series.wavelength_nm.tolist() == AXIS.tolist()
    assert np.allclose(series.absorbance[0], ABSORBANCE, atol=2e-6)
    assert series.time_s.tolist() == [0.0]
    assert remark in said(series)


DAMAGED = {
    "counts alone before AvaSoft 8": (
        "a.ROH",
        avasoft_7(SAMPLE),
        "no 4 readings of sample, reference and dark",
    ),
    "several spectra in AvaSoft": ("a.RFL8", avasoft_8(spectra=2), "states 2 spectra"),
    "AvaSoft cut": ("a.RFL8", avasoft_8()[:-4], "cut short"),
    "dark and reference exchanged": (
        "a.txt",
        AVASOFT.format("Scope", rows(AXIS, SAMPLE, LIGHT, DARK, between=";")),
        "no brighter than the dark at 4 of 4",
    ),
    "ProcSpec of irradiance": ("a.ProcSpec", procspec("Irradiance", ABSORBANCE), "holds Irradiance"),
    "ProcSpec cut": ("a.ProcSpec", procspec("Absorbance", ABSORBANCE[:3]), "3 values at 4 wavelengths"),
    "PerkinElmer cut": (
        "a.asc",
        PERKIN.format("nm", "A", 4, rows(AXIS[1:], ABSORBANCE[1:])),
        "states 4 points",
    ),
    "ENLIGHTEN of Raman": ("a.csv", ENLIGHTEN.format("Raman", "0,1,1,1,1,1"), "technique is raman"),
    "Olis cut": ("a.csv", OLIS.format("400,402,404", "0.3,0.2"), "rows of 3, 2"),
    "Jaz cut in a row": ("a.jaz", JAZ.format(rows(AXIS, DARK, LIGHT, SAMPLE, PERCENT)[:-20]), "damaged"),
}


@pytest.mark.parametrize(("name", "content", "words"), DAMAGED.values(), ids=DAMAGED)
def test_what_does_not_fit_is_refused(name: str, content: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(cx.InputError, match=words):
        load(tmp_path, name, content)


def prodata(what: str, wavelengths: list[int], repeats: int, body: str) -> str:
    return (
        f"ProDataStore\nTue Aug 18 11:15:26 2009\nRemarks:\n0\nProperties:\n1\n{what}\nDimensions:\n3\n"
        "Time -ovs\n4\n0,30,60,90,\n\nWavelength -iter\n"
        f"{len(wavelengths)}\n{','.join(map(str, wavelengths))},\n\n"
        f"Repeat -iter\n{repeats}\n{','.join(map(str, range(repeats)))},\n\n\n{body}\nHistory:\n0\n"
    )


def test_pro_data_repeats_are_traces(tmp_path: Path) -> None:
    body = "\n\n".join(",".join(map(str, values)) for values in WELLS.values())
    traces = load(tmp_path, "a.dsa", prodata("Absorbance -abs", [324], 3, body))
    assert [trace.label for trace in traces] == ["repeat 0", "repeat 1", "repeat 2"]
    assert [trace.absorbance.tolist() for trace in traces] == list(WELLS.values())
    assert traces[0].time_s.tolist() == TIMES.tolist()
    assert "times taken in s" in said(traces[0])
    (first, *_) = load(tmp_path, "a.dsa", prodata("Absorbance -abs", [324], 3, body), time_unit="ms")
    assert first.time_s.tolist() == (TIMES / 1000).tolist()
    assert "times taken in s" not in said(first)


def test_pro_data_wavelengths_and_repeats_say_their_order(tmp_path: Path) -> None:
    body = "0.9,0.8,0.7,0.6\n0.5,0.4,0.3,0.2\n\n0.8,0.7,0.6,0.5\n0.4,0.3,0.2,0.1"
    one, two = load(tmp_path, "a.dsa", prodata("Absorbance", [340, 330], 2, body))
    assert one.wavelength_nm.tolist() == [330.0, 340.0]
    assert one.absorbance.T.tolist() == [[0.5, 0.4, 0.3, 0.2], [0.9, 0.8, 0.7, 0.6]]
    assert two.absorbance[0].tolist() == [0.4, 0.8]
    assert "rows are taken as repeat by wavelength" in said(one)


@pytest.mark.parametrize("explicit", ["Time", "Wavelength"])
def test_glotaran_matrices_either_way(explicit: str, tmp_path: Path) -> None:
    matrix = np.outer([1.0, 0.8, 0.6], ABSORBANCE)
    times = [0.0, 1.5, 3.0]
    along, down, body = (times, AXIS, matrix.T) if explicit == "Time" else (AXIS, times, matrix)
    lines = ["made", "", f" {explicit} explicit", f" Intervalnr {len(along)}", "  ".join(map(str, along))]
    lines += ["  ".join(map(str, [place, *row])) for place, row in zip(down, body.tolist(), strict=True)]
    (series,) = load(tmp_path, "a.ascii", "\n".join(lines) + "\n")
    assert series.time_s.tolist() == times
    assert series.wavelength_nm.tolist() == AXIS.tolist()
    assert np.allclose(series.absorbance, matrix)
    assert "time unit assumed s" in said(series)
    assert "taken as absorbance" in said(series)


NIVO = [["WELL RESULTS"], [], [None, "Cycle", 1, 2, 3, 4], ["Well", "Time(s)", *TIMES.tolist()]]
NIVO += [[well, None, *values] for well, values in WELLS.items()]
MARS = [["Well", "Content", "Raw Data (340)"], [None, "Time [min]", 0, 0.5, 1, 1.5]]
MARS += [[well, "Sample", *values] for well, values in WELLS.items()]
MARS_WORDS = [MARS[0], [None, "Time", "0 min ", "0 min 30 s", "1 min ", "1 min 30 s"], *MARS[2:]]
SKANIT = [
    ["Wavelength: 340 nm"],
    [],
    ["Reading", "avg. time [s]", *(f"S1 ({w[0]}{int(w[1:]):02d})" for w in WELLS)],
]
SKANIT += [[k + 1, time, *(values[k] for values in WELLS.values())] for k, time in enumerate(TIMES.tolist())]
MAGELLAN = [[f"Wednesday, August 16, 2023: 16:12:{k}0 / {t:.0f} sec / 37.1°C"] for k, t in enumerate(TIMES)]
MAGELLAN += [[], ["A1", *WELLS["A1"], "B1", *WELLS["B1"]], ["H12", *WELLS["H12"]]]
GEN5 = [["Software Version", "3.12"], ["Plate Type", "96"], [], [None, "OD600:450"], []]
GEN5 += [[None, "Time", "T° OD600:450", *WELLS]]
GEN5 += [
    [None, f"0:0{t // 60:.0f}:{t % 60:02.0f}", 30, *(v[k] for v in WELLS.values())]
    for k, t in enumerate(TIMES)
]
BIOLECTOR = [["Filename", "C:\\BioLection 3\\working.csv"], ["Well", "Content", "Description", "Channel"]]
BIOLECTOR += [[None, None, None, "Time:", *(TIMES / 3600).tolist()]]
BIOLECTOR += [
    [f"{w[0]}{int(w[1:]):02d}", "X", None, "[1] Absorbance", *values] for w, values in WELLS.items()
]
ICONTROL = [["Cycle Nr.", 1, 2, 3, 4], ["Time [s]", *TIMES.tolist()], ["Temp. [°C]", 25, 25.1, 25, 25]]
ICONTROL += [[well, *values] for well, values in WELLS.items()]
PLATES = {
    "i-control": (ICONTROL, None, ""),
    "Nivo": (NIVO, None, ""),
    "MARS": (MARS, None, ""),
    "MARS, times in words": (MARS_WORDS, None, ""),
    "SkanIt": (SKANIT, 340.0, ""),
    "Magellan": (MAGELLAN, None, ""),
    "Gen5": (GEN5, 450.0, ""),  # 600 is what was asked for, 450 what was measured
    "BioLector": (BIOLECTOR, None, "times of a BioLector taken in h"),
}


@pytest.mark.parametrize("kind", ["workbook", "text"])
@pytest.mark.parametrize(("cells", "place", "remark"), PLATES.values(), ids=PLATES)
def test_plates(cells: list[list[Any]], place: float | None, remark: str, kind: str, tmp_path: Path) -> None:
    text = "\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in cells) + "\n"
    traces = load(tmp_path, *(("a.xlsx", book(cells)) if kind == "workbook" else ("a.txt", text)))
    assert [trace.absorbance.tolist() for trace in traces] == list(WELLS.values())
    assert all(np.allclose(trace.time_s, TIMES) for trace in traces)
    assert {trace.wavelength_nm for trace in traces} == {place}
    assert remark in said(traces[0])


def test_times_of_a_biolector_follow_the_unit_that_is_given(tmp_path: Path) -> None:
    trace, *_ = load(tmp_path, "a.xlsx", book(BIOLECTOR), time_unit="min")
    assert np.allclose(trace.time_s, TIMES / 60)
    assert "BioLector" not in said(trace)


PLATE = ",1,2,3,4\nA,0.1,0.2,0.3,0.4\nB,0.5,0.6,0.7,0.8\nC,0.2,0.2,0.2,0.2\n"
ENVISION = (
    'Plate information \nPlate,Repeat,Barcode,Kinetics,Measurement date,\n1,1,"=""x""",0,8/22/2023,\n\n'
)
ENVISION += "Background information\nPlate,Label,Result,\n1,A,0,\n\n2.63,2.71,2.83,\n2.71,2.71,2.73,\n"
NANODROP = (
    "Date,Sample Name,Nucleic Acid(ng/uL),A260/A280,A260,A280,Baseline Correction (nm),Baseline Absorbance\n"
    "7/19/2023 3:27:29 PM,S 1,715.4,1.88,14.3,7.6,340,0.81\n"
    "7/19/2023 3:27:48 PM,S 2,856.3,1.9,17.1,8.9,340,0.95\n"
    "7/19/2023 3:28:05 PM,S 3,1140.5,1.91,22.8,11.9,340,0.94\n"
)
LICOR = '"FILE:SUN"\n"REM: DIRECT (QNTM)"\n"LIMS: 300- 400NM"\n"INT:  2NM"\n'
LICOR += "\n".join(f" {n}  {0.001 * n:.3E}" for n in range(300, 402, 2))
OCEAN = "Data from zolt77percent_AbsoluteIrradiance__0__19-20.txt Node\n\nXAxis mode: Wavelengths\n"
OCEAN += "Number of Pixels in Spectrum: 4\n>>>>>Begin Spectral Data<<<<<\n" + rows(
    AXIS, ABSORBANCE, comma=True
)
RAMAN = "\n".join(["#Title=\tZnF2", "#AxisType[1]=Spectr", "#AxisUnit[1]=1/cm"])
NUMBERS = "\n" + "\n".join(f"{20 + 2 * k}\t{45 + k % 7}" for k in range(30))
NO_RUN = {
    "plate": (PLATE, "plate of 3 rows and 4 columns of wells, each read once"),
    "plate under a word": (PLATE.replace(",1", "Abs,1", 1) + "S,1,2,3,4\n", "each read once"),
    "EnVision": (ENVISION, "each was read once"),
    "NanoDrop": (NANODROP, "a row for each sample"),
    "irradiance of OceanView": (OCEAN, "AbsoluteIrradiance.*is no absorbance"),
    "LI-1800": (LICOR, "LI-1800.*is no absorbance"),
    "Raman of LabSpec": (RAMAN + NUMBERS, "Raman"),
    "Raman of JASCO": ("TITLE,t\nDATA TYPE,RAMAN SPECTRUM\nXYDATA" + NUMBERS.replace("\t", ","), "Raman"),
    "SPECS": ("# Created by: SpecsLab Prodigy, Version 4\n#" + NUMBERS, "photoelectron.*evidence xps"),
    "Scienta": ("[Region 1]\nDimension 1 name=Binding Energy [eV]\n[Data 1]" + NUMBERS, "evidence xps"),
    "binding energies": ("B.E.\tCounts" + NUMBERS, "evidence xps"),
    "theta": ("2theta\tintensity" + NUMBERS, "diffraction.*evidence xrd"),
    "UXD": ("_FILEVERSION=2\n_STEPSIZE=0.02\n_2THETACOUNTS" + NUMBERS, "evidence xrd"),
    "mass spectrum": ("# m/z \tintensity" + NUMBERS, "mass spectrum.*evidence ms"),
}


@pytest.mark.parametrize(("text", "words"), NO_RUN.values(), ids=NO_RUN)
def test_what_is_no_course_of_time_is_called_by_its_name(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(cx.InputError, match=words):
        load(tmp_path, "a.csv", text)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("binding energies", "xps"),
        ("theta", "xrd"),
        ("UXD", "xrd"),
        ("mass spectrum", "ms"),
        ("SPECS", "xps"),
    ],
)
def test_the_command_that_is_named_reads_it(case: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(NO_RUN[case][0])
    spectrum = cx.load_spectrum(path, kind)
    assert spectrum.axis[[0, -1]].tolist() == [20.0, 78.0]
    assert spectrum.counts[0] == 45.0


def test_a_spectroradiometer_can_be_read_as_it_is(tmp_path: Path) -> None:
    (series,) = load(tmp_path, "a.prn", LICOR, absorbance_unit="counts")
    assert series.wavelength_nm[[0, -1]].tolist() == [300.0, 400.0]
    assert series.absorbance[0, 0] == pytest.approx(0.3)


def test_samples_at_one_moment_are_spectra_of_their_own(tmp_path: Path) -> None:
    """Of "A400 (10mm)" beside "A400" the one among its like is the spectrum."""
    head = "Plate ID,Sample name," + ",".join(f"A{n:g} (10mm)" for n in AXIS) + ",A400,Date,A260/A280\n"
    lines = [f"P,S{k},{','.join(str(a / k) for a in ABSORBANCE)},9,2023-05-01,1.8" for k in (1, 2, 4)]
    spectra = load(tmp_path, "a.csv", head + "\n".join(lines))
    assert [series.label for series in spectra] == ["S1", "S2", "S4"]
    assert all(series.wavelength_nm.tolist() == AXIS.tolist() for series in spectra)
    assert np.allclose([series.absorbance[0] for series in spectra], [ABSORBANCE / k for k in (1, 2, 4)])
    assert "A400" in said(spectra[0])


def test_of_several_quantities_of_one_sample_the_absorbance_is_read(tmp_path: Path) -> None:
    text = "Date,Mode,Wavelengths(nm)," + ",".join(f"{n:g}" for n in AXIS) + "\n"
    for mode in ("Absorbance", "Abs Reflectance", "Abs Transmittance"):
        text += f"3/11/2022 5:18:08 PM,{mode},," + ",".join(map(str, ABSORBANCE)) + "\n"
    (series,) = load(tmp_path, "a.csv", text)
    assert series.absorbance.tolist() == [ABSORBANCE.tolist()]
    assert "columns not used: Mode" in said(series)


def test_a_second_row_of_names_belongs_to_the_first(tmp_path: Path) -> None:
    text = "Time\tGFP\tGFP\tBlank\n\t0\t0.5\t\n" + rows(TIMES, *(np.array(v) for v in WELLS.values()))
    with pytest.raises(cx.InputError, match=r"GFP 0, GFP 0\.5, Blank.*--column all"):
        load(tmp_path, "a.txt", text)
    traces = load(tmp_path, "a.txt", text, column="all")
    assert [trace.label for trace in traces] == ["GFP 0", "GFP 0.5", "Blank"]
    assert [trace.absorbance.tolist() for trace in traces] == list(WELLS.values())
