"""Real files of instruments, and small ones made after their layouts."""

import struct
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx


@pytest.fixture(scope="session")
def uvvis(shared_data: Path) -> Path:
    return shared_data / "uvvis"


def said(signal: cx.Trace | cx.SpectralSeries) -> str:
    return " | ".join(remark.text for remark in signal.remarks)


def test_oceanview_keeps_all_pixels(uvvis: Path) -> None:
    series = cx.load(uvvis / "oceanview" / "05 min laser_Absorbance_01.txt")
    assert series.absorbance.shape == (1, 2048)
    assert (series.wavelength_nm[0], series.wavelength_nm[-1]) == (179.23, 872.675)
    assert series.absorbance[0, -1] == 0.01123
    assert series.time_s.tolist() == [300.0]
    assert series.source.note == "acquired 2023-01-27 15:56:28"


def test_folders_are_runs_in_the_order_of_their_names(uvvis: Path) -> None:
    ocean = cx.load(uvvis / "oceanview")
    assert ocean.absorbance.shape == (4, 2048)
    assert ocean.time_s.tolist() == [0.0, 60.0, 300.0, 600.0]
    ruthenium = cx.load(uvvis / "ruthenium_series")
    assert ruthenium.absorbance.shape == (13, 1675)
    minutes = [0, 1, 3, 5, 10, 20, 30, 60, 90, 120, 190, 240, 1187]
    assert (ruthenium.time_s / 60).tolist() == minutes
    assert (ruthenium.wavelength_nm[0], ruthenium.wavelength_nm[-1]) == (182.5, 1019.5)
    uvprobe = cx.load(uvvis / "uvprobe")
    assert uvprobe.absorbance.shape == (5, 601)
    assert (uvprobe.time_s / 60).tolist() == [2, 4, 6, 8, 18]
    assert "time unit assumed min" in said(uvprobe)
    assert cx.load(uvvis / "uvprobe", time_unit="s").time_s.tolist() == [2, 4, 6, 8, 18]


def test_specord_against_its_bytes(uvvis: Path) -> None:
    path = uvvis / "ruthenium_series" / "JS_603_10min.dat"
    data = path.read_bytes()
    start = data.index(b"\n", data.index(b"YDATA=")) + 1
    series = cx.load(path)
    assert series.absorbance[0].tolist() == list(struct.unpack_from("<1675f", data, start))


def test_jasco_and_uvprobe_spectra(uvvis: Path) -> None:
    jasco = cx.load(uvvis / "jasco" / "PbSe batch 4 2012-02-21.txt")
    assert jasco.absorbance.shape == (1, 1251)
    assert (jasco.wavelength_nm[0], jasco.wavelength_nm[-1]) == (750.0, 2000.0)
    assert (jasco.absorbance[0, 0], jasco.absorbance[0, -1]) == (0.78552, 0.02884)
    probe = cx.load(uvvis / "uvprobe" / "t=8.txt")
    assert probe.absorbance.shape == (1, 601)
    assert probe.absorbance[0, 0] == 2.294


def test_cary_times_stand_in_the_method_blocks(uvvis: Path) -> None:
    traces = cx.load(uvvis / "cary" / "filters.csv")
    assert isinstance(traces, list)
    assert len(traces) == 11
    assert traces[0].label == "600LP"
    # 5:12:57, 5:16:46, 5:17:58 ... PM in the file
    assert [t.time_s[0] for t in traces[:3]] == [0.0, 229.0, 301.0]
    assert "Collection Time" in said(traces[0])
    percent = traces[1]
    assert "%T converted" in said(percent)
    assert abs(percent.absorbance[0, -1] - (2 - np.log10(93.92353058))) < 1e-12
    single = cx.load(uvvis / "cary" / "CuPCtS_H2O_vis.csv")
    assert single.absorbance.shape == (1, 141)


def test_jcamp_link_blocks_with_their_times(uvvis: Path) -> None:
    series = cx.load(uvvis / "jcamp" / "blckpac1.jdx")
    assert series.absorbance.shape == (5, 176)
    assert series.time_s.tolist() == [0.0, 23.0, 57.0, 90.0, 124.0]
    assert (series.wavelength_nm[0], series.wavelength_nm[-1]) == (350.0, 700.0)
    assert abs(series.absorbance[0, -1] - -51473 * 0.00000011920928955078) < 1e-12


def cary_scanning(collected: bool, cycle: bool, names: list[str]) -> str:
    rows = [",".join(f"{name}," for name in names), ",".join("Wavelength (nm),Abs" for _ in names)]
    for w in (330.0, 324.0, 318.0):
        rows.append(",".join(f"{w},{w / 1000 - k / 10:.3f}" for k in range(len(names))))
    blocks = []
    for k, name in enumerate(names):
        lines = [
            f"{name},",
            name,
            f"Collection Time: 7/6/2023 2:{40 + k}:30 PM" if collected else "Collection Time: ",
        ]
        lines += ["Instrument                        Cary 60", "Y Mode                            Abs"]
        lines += ["Cycle Time (min)                  0.5000"] if cycle else []
        blocks.append("\n".join(lines))
    return "\r\n".join(rows) + "\r\n\r\n" + "\r\n\r\n".join(blocks).replace("\n", "\r\n") + "\r\n"


def test_cary_scanning_kinetics(tmp_path: Path) -> None:
    path = tmp_path / "cycles.csv"
    path.write_bytes(cary_scanning(True, True, ["Baseline 100%T", "CdS_1", "CdS_2", "CdS_3"]).encode())
    series = cx.load(path)
    assert isinstance(series, cx.SpectralSeries)
    assert series.time_s.tolist() == [0.0, 60.0, 120.0]
    assert "times collected" in said(series)
    assert "baseline trace 'Baseline 100%T' set aside" in said(series)
    assert series.absorbance[:, 0].tolist() == [0.218, 0.118, 0.018]
    path.write_bytes(cary_scanning(False, True, ["CdS_1", "CdS_2", "CdS_3"]).encode())
    scheduled = cx.load(path)
    assert scheduled.time_s.tolist() == [0.0, 30.0, 60.0]
    assert "times scheduled" in said(scheduled)


def test_cary_kinetics_pairs_of_unequal_length(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(
        "cell 1,,cell 2,\nTime (min),Abs,Time (min),Abs\n0,0.9,0,0.8\n1,0.7,1,0.6\n2,0.5,,\n\n"
        "cell 1,\ncell 1\nCollection Time: 7/6/2023 2:40:30 PM\nWavelength (nm)                   324.0\n"
    )
    first, second = cx.load(path)
    assert (first.label, second.label) == ("cell 1", "cell 2")
    assert first.time_s.tolist() == [0.0, 60.0, 120.0]
    assert second.absorbance.tolist() == [0.8, 0.6]
    assert first.wavelength_nm == 324.0
    assert not second.remarks


def sd_register(moments: list[float], values: list[list[float]]) -> bytes:
    """Make a register after the documented layout, without RelTime."""

    def text(word: str) -> bytes:
        return word.encode("utf-16-le")

    parts = [b"\x0232\x00\rREGISTER FILE" + b"\x00" * 32]
    for moment, spectrum in zip(moments, values, strict=True):
        parts.append(text("TimeSince1970") + b"\x00" * 6 + struct.pack("<d", moment))
        parts.append(
            text("Absorbance ") + text("(AU)") + b"\x00" * 4 + struct.pack("<I", len(spectrum)) + b"\x00"
        )
        parts.append(struct.pack(f"<{len(spectrum)}d", *spectrum))
        parts.append(text("Wavelength (nm)") + b"\x00" * 26 + struct.pack("<dd", 300.0, 2.0))
    return b"".join(parts)


def test_spectra_registers_take_their_times_from_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "spectra.SD"
    path.write_bytes(sd_register([1.7e9, 1.7e9 + 60, 1.7e9 + 150], [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    series = cx.load(path)
    assert series.source.format == "Agilent SD"
    assert series.time_s.tolist() == [0.0, 60.0, 150.0]
    assert series.wavelength_nm.tolist() == [300.0, 302.0]
    assert series.absorbance.tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]


def test_dropout_spectra_are_masked_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "drop.SD"
    path.write_bytes(sd_register([1e9, 1e9 + 1, 1e9 + 2], [[0.1, 0.2], [-3.1, -3.1], [0.5, 0.6]]))
    series = cx.load(path)
    (dropout,) = [remark for remark in series.remarks if remark.code == "dropouts"]
    assert (dropout.count, dropout.rows, dropout.times_s) == (1, (), (1.0,))
    assert np.isnan(series.absorbance[1]).all()
    assert series.at_wavelength(300).n_points == 2


def test_a_register_cut_short_is_read_as_far_as_it_goes(uvvis: Path, tmp_path: Path) -> None:
    data = (uvvis / "agilent_kd" / "test_data3.KD").read_bytes()
    path = tmp_path / "cut.KD"
    path.write_bytes(data[:50_000])
    series = cx.load(path)
    assert series.time_s.size == 4
    assert "the file ends inside spectrum 5" in said(series)


GEN5 = """Software Version\t3.05.11\r
\r
Plate Number\tPlate 1\r
Date\t7/6/2023\r
Reader Type:\tSynergy H1\r
\r
Read 1:324\r
\r
Time\tT° Read 1:324\tA1\tA2\tB1\r
0:00:00\t25.0\t0.900\t0.800\tOVRFLW\r
0:00:30\t25.1\t0.700\t0.600\t0.500\r
0:01:00\t25.1\t0.500\t0.400\t0.300\r
0:00:00\t\t\t\t\r
\r
Results\r
\tMax V\t0.1\r
"""


def test_gen5_wells(tmp_path: Path) -> None:
    path = tmp_path / "plate.txt"
    path.write_bytes(GEN5.encode("utf-16"))
    wells = cx.load(path)
    assert [well.label for well in wells] == ["A1", "A2", "B1"]
    assert wells[0].time_s.tolist() == [0.0, 30.0, 60.0]
    assert wells[0].wavelength_nm == 324.0
    assert wells[2].absorbance.tolist() == [0.5, 0.3]
    assert "OVRFLW" in said(wells[2])
    assert cx.load(path, column="A2").absorbance.tolist() == cx.load(path, trace="A2").absorbance.tolist()


SOFTMAX_HEAD = (
    "##BLOCKS= 1\nPlate:\tPlate1\t1.3\t{}\tKinetic\tAbsorbance\tRaw\tFALSE\t2\t30\t30\t\t\t\t1\t324\t1\n"
)


def test_softmax_in_both_shapes(tmp_path: Path) -> None:
    table = "Time\tTemperature(°C)\tA1\tA2\tB1\tB2\n"
    table += "00:00:00\t25\t0.9\t0.8\t0.7\t0.6\n00:00:30\t25\t0.5\t0.4\t0.3\t0.2\n"
    plates = "\tTemperature(°C)\t1\t2\n00:00:00\t25\t0.9\t0.8\n\t\t0.7\t0.6\n\n"
    plates += "00:00:30\t25\t0.5\t0.4\n\t\t0.3\t0.2\n"
    end = "\n~End\nOriginal Filename: run; Date Last Saved: 7/6/2023\n"
    found = []
    for name, body in (("TimeFormat", table), ("PlateFormat", plates)):
        path = tmp_path / f"{name}.txt"
        path.write_bytes((SOFTMAX_HEAD.format(name) + body + end).encode("cp1252"))
        found.append(cx.load(path))
    for wells in found:
        assert [well.label for well in wells] == ["A1", "A2", "B1", "B2"]
        assert wells[3].absorbance.tolist() == [0.6, 0.2]
        assert wells[0].time_s.tolist() == [0.0, 30.0]
        assert wells[0].wavelength_nm == 324.0


def test_localised_ocean_header_and_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "messung 2 min.txt"
    lines = ["Daten von Messung Knoten", "Datum: 06.07.2023 14:42:39", "Anzahl der Pixel im Spektrum: 4"]
    lines += ["X-Achse: Wellenlängen", ">>>>>Beginn Spektraldaten<<<<<"]
    lines += [f"{200 + 1.5 * k:.3f}\t{0.1 * k:.4f}".replace(".", ",") for k in range(4)]
    path.write_text("\n".join(lines), encoding="cp1252")
    series = cx.load(path)
    assert series.wavelength_nm.tolist() == [200.0, 201.5, 203.0, 204.5]
    assert series.time_s.tolist() == [120.0]
    assert "truncated" not in {remark.code for remark in series.remarks}


def test_counts_with_a_reference_become_absorbance(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("time (s),400,500,600\n0,10000,20000,30000\n1,1000,2000,30000\n2,100,200,30000\n")
    raw = cx.load(path)
    assert raw.unit == "counts"
    blank = tmp_path / "solvent.csv"
    blank.write_text("wavelength (nm),counts\n400,10000\n500,20000\n600,30000\n")
    series = cx.load(path, reference=str(blank))
    assert series.unit == "AU"
    assert np.allclose(series.absorbance, [[0, 0, 0], [1, 1, 0], [2, 2, 0]])
    assert "reference" in said(series)
    with pytest.raises(cx.InputError, match=r"solvent2.*no such file"):
        cx.load(path, reference=str(tmp_path / "solvent2.csv"))


def test_a_drifting_trace_with_a_reference_column(tmp_path: Path) -> None:
    path = tmp_path / "drift.csv"
    rows = "\n".join(f"{t},{0.9 - 0.1 * t + 0.02 * t:.4f},{0.02 * t:.4f}" for t in range(5))
    path.write_text(f"time (s),absorbance,baseline\n{rows}\n")
    trace = cx.load(path, reference="baseline")
    assert np.allclose(trace.absorbance, 0.9 - 0.1 * np.arange(5))
    assert "subtracted as reference" in said(trace)


def test_a_reference_by_wavelength_in_tables_of_few_columns(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    rows = "\n".join(f"{t},{0.9 - 0.1 * t + 0.02 * t:.4f},{0.02 * t:.4f}" for t in range(5))
    path.write_text(f"time (s),A324,A600\n{rows}\n")
    expected = 0.9 - 0.1 * np.arange(5)
    for reference in (600, "600", "A600"):
        series = cx.load(path, reference=reference)
        assert np.allclose(series.at_wavelength(324).absorbance, expected)
        assert np.allclose(cx.load(path, column="A324", reference=reference).absorbance, expected)
    path.write_text(f"time (s),absorbance,A600\n{rows}\n")
    with pytest.raises(cx.InputError, match="2 columns could be the signal: absorbance, A600"):
        cx.load(path)
    assert np.allclose(cx.load(path, reference=600).absorbance, expected)
    with pytest.raises(cx.InputError, match=r"no column was recorded at the reference 700 nm"):
        cx.load(path, reference="700")
