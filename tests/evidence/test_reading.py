"""Spectra as files: what is read, and that bad ones are refused with place, value and remedy."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxkinetics.errors import InputError, UsageError
from cxkinetics.evidence.examples import example_files
from cxkinetics.evidence.patterns import load_library
from cxkinetics.evidence.reader import load_findings, load_peak_list, load_spectrum, looks_like_peak_list
from cxkinetics.evidence.records import join_evidence
from cxkinetics.evidence.vamas import is_vamas, read_vamas
from cxkinetics.io.file import read_content
from cxkinetics.signals.spectrum import PeakList, Spectrum


def write(folder: Path, text: str | bytes, name: str = "spectrum.csv") -> Path:
    path = folder / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def table(header: str = "m/z,counts", n: int = 40, start: float = 5000.0, separator: str = ",") -> str:
    rows = [f"{start + i:g}{separator}{100 + i}" for i in range(n)]
    return "\n".join([header, *rows] if header else rows) + "\n"


@pytest.mark.parametrize(
    ("text", "kind", "first"),
    [
        (table(), "ms", 5000.0),
        (table("", separator="\t"), "ms", 5000.0),
        (table("2theta (deg);intensity", start=20, separator=";"), "xrd", 20.0),
        ("# exported\n" + table("Binding Energy (eV)\tCPS", start=360, separator="\t"), "xps", 360.0),
        (table("intensity;m/z", separator=";").replace(";", ";"), "ms", 100.0),
        (table("Zwei-Theta °;Zähler", start=20, separator=";").replace(".", ","), "xrd", 20.0),
    ],
)
def test_tables_are_read(tmp_path: Path, text: str, kind: str, first: float) -> None:
    spectrum = load_spectrum(write(tmp_path, text), kind)
    assert spectrum.n_points == 40
    assert spectrum.axis[0] == first
    assert spectrum.source.sha256


def test_of_several_tables_the_largest_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    regions = [f"Region {k}\n" + table("B.E.\tCounts", n, 300.0, "\t") for k, n in enumerate((40, 60, 5))]
    spectrum = load_spectrum(write(tmp_path, "\n".join(regions)), "xps")
    assert spectrum.n_points == 60
    (remark,) = [remark for remark in spectrum.remarks if remark.code == "tables_left_out"]
    assert remark.text == "the largest of 2 tables is read; others begin at lines 3"


def test_decimal_commas_descending_axes_and_gaps(tmp_path: Path) -> None:
    rows = [f"{380 - i / 10:.1f};{1000 + i},5".replace(".", ",") for i in range(60)]
    rows[7] = "379,3;"
    spectrum = load_spectrum(write(tmp_path, "Energie / eV;counts\n" + "\n".join(rows)), "xps")
    assert spectrum.n_points == 59
    assert spectrum.axis[0] < spectrum.axis[-1] == 380.0
    assert "missing_cells" in [remark.code for remark in spectrum.remarks]


def test_kinetic_energies_need_the_photon_energy(tmp_path: Path) -> None:
    path = write(tmp_path, table("Kinetic Energy (eV),counts", start=1100))
    with pytest.raises(InputError, match="kinetic energy; binding energies are needed; pass --photon-energy"):
        load_spectrum(path, "xps")
    spectrum = load_spectrum(path, "xps", photon_energy_ev=1486.6)
    assert spectrum.axis[-1] == pytest.approx(386.6)


def test_simulated_files_say_so_and_come_back(tmp_path: Path) -> None:
    for name, text in example_files():
        path = write(tmp_path, text, name)
        if name.startswith(("ms-", "xps-", "xrd-")) and "references" not in name:
            assert load_spectrum(path, name.split("-")[0]).source.simulated
    assert load_library(tmp_path / "xrd-references.csv").phase_names == ("CdS", "Ag2S")
    assert load_library(tmp_path / "xrd-references.csv").source.simulated
    assert len(load_peak_list(tmp_path / "evidence_ms_peaks.csv").mz) == 12
    assert len(load_findings(tmp_path / "evidence_table1.csv")[0]) == 42


BAD = {
    "wrong axis named": (table("time (s),counts", start=0), "ms", ["line 1", "'time (s)'", "is a time"]),
    "another technique": (table("2theta,counts", start=20), "xps", ["line 1", "2theta", "read it as xrd"]),
    "optical spectrum": (table("wavelength (nm),A", start=300), "xrd", ["wavelength", "cxkinetics fit"]),
    "d spacing": (table("d-spacing (A),counts", start=1), "xrd", ["a d spacing", "export 2theta"]),
    "axis beyond range": (table("", start=170), "xrd", ["line 12", "2theta 181", "29 of 40", "not d or q"]),
    "negative counts": (
        table().replace("5007,107", "5007,-3"),
        "ms",
        ["line 9", "column 'counts'", "-3 counts", "1 of 40", "--background-subtracted"],
    ),
    "too few points": (table(n=6), "ms", ["6 points", "at least 10", "peak list"]),
    "one column": ("counts\n" + "\n".join(str(i) for i in range(30)), "xps", ["two or more numbers"]),
    "one numeric column": (
        "m/z,measured\n" + "\n".join(f"{5000 + i},12:00:{i:02d}" for i in range(30)),
        "ms",
        ["1 column of numbers", "m/z and counts"],
    ),
    "text in a cell": (
        table().replace("5007,107", "5007,hello"),
        "ms",
        ["line 9", "'hello'", "not a number"],
    ),
    "repeated axis": (table().replace("5008,108", "5007,108"), "ms", ["line 10", "5007", "more than once"]),
    "all equal": (
        "m/z,counts\n" + "\n".join(f"{5000 + i},7" for i in range(30)),
        "ms",
        ["all 30 counts are 7", "which column"],
    ),
    "empty": ("", "ms", ["empty"]),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "xrd", ["a PNG picture"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_spectra_are_refused_with_place_and_remedy(tmp_path: Path, name: str) -> None:
    text, kind, words = BAD[name]
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_spectrum(path, kind)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message, message


def test_a_missing_column_or_file_lists_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path, table())
    with pytest.raises(InputError, match="no column 'cps'; the file has 'm/z', 'counts'"):
        load_spectrum(path, "ms", counts_column="cps")
    with pytest.raises(InputError, match="there is no such file"):
        load_spectrum(tmp_path / "none.csv", "ms")
    with pytest.raises(UsageError, match="kind is 'uv'"):
        load_spectrum(path, "uv")


def test_subtracted_backgrounds_may_be_negative(tmp_path: Path) -> None:
    path = write(tmp_path, table().replace("5007,107", "5007,-3"))
    assert load_spectrum(path, "ms", background_subtracted=True).counts.min() == -3


@pytest.mark.parametrize(
    ("text", "masses", "stated"),
    [
        ("5163\n5159\n", (5163.0, 5159.0), ("", "")),
        ("5163 Cd34S33(L)\n5159 AgCd33S33(L)\n", (5163.0, 5159.0), ("Cd34S33(L)", "AgCd33S33(L)")),
        ("mass;intensity\n5163;20\n5159;30\n", (5163.0, 5159.0), ("", "")),
        ("# peaks\nassigned,m/z\nCd34S33(L),5163\n", (5163.0,), ("Cd34S33(L)",)),
    ],
)
def test_peak_lists(tmp_path: Path, text: str, masses: tuple, stated: tuple) -> None:
    path = write(tmp_path, text)
    assert looks_like_peak_list(path)
    found = load_peak_list(path)
    assert (found.mz, found.stated) == (masses, stated)
    assert not looks_like_peak_list(write(tmp_path, table(n=300), "whole.csv"))


def test_bad_peak_lists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3, column 'm/z': 'abc' is no mass.*and 1 more"):
        load_peak_list(write(tmp_path, "m/z\n5163\nabc\n-4\n"))
    with pytest.raises(InputError, match="intensity has 1 values but m/z has 2"):
        PeakList(mz=(1.0, 2.0), intensity=(1.0,))


def vamas_text(*, scan: str = "REGULAR", values: int = 12, exclude: bool = False) -> str:
    head = ["VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4", *["x"] * 4]
    head += ["0", "NORM", scan, "1", "0"]
    head += ["-1", "9"] if exclude else ["0"]  # item 9, the technique, is left out after the first block
    head += ["0", "0", "0", "2"]
    blocks = []
    for number in (1, 2):
        body = [f"block {number}", "sample", "2023", "1", "1", "0", "0", "0", "0", "0"]
        body += ["XPS"] if number == 1 or not exclude else []
        body += ["Al", "1486.6", "1", "1", "1", "0", "0", "FAT", "20", "1", "4.5", "0", "1", "1", "0", "0"]
        body += [
            "Ag",
            "3d",
            "-1",
            "Kinetic Energy",
            "eV",
            "1106.6",
            "0.1",
            "1",
            "counts",
            "d",
            "pulse counting",
        ]
        body += ["1", "1", "0", "0", "0", "0", "0", str(values), "10", "99"]
        blocks += body + [str(100 + number + i) for i in range(values)]
    return "\n".join([*head, *blocks, "end of experiment"]) + "\n"


@pytest.mark.parametrize("exclude", [False, True])
def test_vamas_blocks_with_and_without_omitted_items(tmp_path: Path, exclude: bool) -> None:
    path = write(tmp_path, vamas_text(exclude=exclude), "two.txt")
    blocks = read_vamas(read_content(path))
    assert [block.technique for block in blocks] == ["XPS", "XPS"]
    assert blocks[1].counts.tolist() == [102.0 + i for i in range(12)]
    assert blocks[1].line == "Ag 3d"
    spectrum = load_spectrum(path, "xps", block=2)
    assert spectrum.axis[-1] == pytest.approx(380.0)
    with pytest.raises(InputError, match=r"holds 2 blocks: 1 \(Ag 3d\), 2 \(Ag 3d\); choose one"):
        load_spectrum(path, "xps")
    with pytest.raises(InputError, match=r"VAMAS file \(XPS\), not a spectrum of kind 'xrd'"):
        load_spectrum(path, "xrd")


def test_an_irregular_scan_has_its_axis_among_its_variables(tmp_path: Path) -> None:
    regular = vamas_text(values=12).split("\n")
    text = "\n".join(regular).replace("REGULAR", "IRREGULAR")
    text = text.replace(
        "\nKinetic Energy\neV\n1106.6\n0.1\n1\ncounts\nd\n", "\n2\nKinetic Energy\neV\ncounts\nd\n"
    )
    energies = ["1106.6", "1106.9", *(f"{1107 + 0.1 * i:.1f}" for i in range(9)), "1108.6"]
    for number in (1, 2):
        values = [str(100 + number + i) for i in range(12)]
        pairs = [cell for pair in zip(energies, values, strict=True) for cell in pair]
        text = text.replace(
            "\n".join(["12", "10", "99", *values]), "\n".join(["24", *["10", "99"] * 2, *pairs])
        )
    spectrum = load_spectrum(write(tmp_path, text, "irregular.vms"), "xps", block=2)
    assert spectrum.axis.tolist() == pytest.approx([1486.6 - float(energy) for energy in energies[::-1]])
    assert spectrum.counts.tolist() == [102.0 + i for i in range(12)][::-1]


XRDML = (
    '<?xml version="1.0" encoding="UTF-8"?><xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5">'
    '<xrdMeasurement measurementType="Scan" status="Completed"><scan appendNumber="0" mode="Continuous" '
    'scanAxis="Gonio" status="Completed"><dataPoints><positions axis="2Theta" unit="deg"><startPosition>10.0'
    '</startPosition><endPosition>10.22</endPosition></positions><commonCountingTime unit="seconds">1'
    '</commonCountingTime><intensities unit="counts">100 101 102 103 104 105 106 107 108 109 110 111'
    "</intensities></dataPoints></scan></xrdMeasurement></xrdMeasurements>"
)


def rasx(attenuation: float) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        lines = [f"{10 + 0.02 * k:.4f}\t{(100 + k) / attenuation}\t{attenuation}" for k in range(12)]
        archive.writestr("Data0/Profile0.txt", "\ufeff" + "\r\n".join(lines))
        archive.writestr("Data0/MesurementConditions0.xml", '<?xml version="1.0"?><MeasurementConditions/>')
        archive.writestr("root.xml", '<?xml version="1.0"?><Root><Data0/></Root>')
    return stream.getvalue()


def bruker_raw() -> bytes:
    head = bytearray(712 + 304)
    head[:8] = b"RAW1.01\0"
    struct.pack_into("<II", head, 8, 1, 1)
    struct.pack_into("<IIdd", head, 712, 304, 12, 5.0, 10.0)
    for place, kind, value in ((176, "<d", 0.02), (192, "<f", 1.0), (252, "<I", 4)):
        struct.pack_into(kind, head, 712 + place, value)
    return bytes(head) + struct.pack("<12f", *range(100, 112))


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.xrdml", XRDML.encode()), ("a.rasx", rasx(1.0)), ("b.rasx", rasx(4.0)), ("a.raw", bruker_raw())],
    ids=["xrdml", "rasx", "rasx attenuated", "raw"],
)
def test_patterns_of_diffractometers_are_read_by_the_extra(name: str, data: bytes, tmp_path: Path) -> None:
    pytest.importorskip("openreadout")
    spectrum = load_spectrum(write(tmp_path, data, name), "xrd")
    assert spectrum.axis.tolist() == pytest.approx([10 + 0.02 * k for k in range(12)])
    assert spectrum.counts.tolist() == [100.0 + k for k in range(12)]
    assert [remark.code for remark in spectrum.remarks] == (["attenuated"] if name == "b.rasx" else [])
    with pytest.raises(InputError, match=r"1 diffraction patterns .*one xps spectrum is needed"):
        load_spectrum(tmp_path / name, "xps")


def test_a_pattern_without_the_extra_is_refused_naming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxkinetics.io.formats.instruments.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'cxkinetics\[instruments\]'"):
        load_spectrum(write(tmp_path, XRDML.encode(), "a.xrdml"), "xrd")


def test_broken_vamas_files_name_the_line(tmp_path: Path) -> None:
    text = vamas_text()
    cut = write(tmp_path, "\n".join(text.splitlines()[:70]), "cut.vms")
    with pytest.raises(InputError, match=r"line 70: block 1 announces 12 values but the file ends after"):
        load_spectrum(cut, "xps")
    with pytest.raises(InputError, match="REGULAR and IRREGULAR scans are read"):
        load_spectrum(write(tmp_path, vamas_text(scan="MAPPING")), "xps")
    odd = text.replace("1106.6", "abc", 1)
    with pytest.raises(InputError, match="'abc' stands where the axis start"):
        load_spectrum(write(tmp_path, odd), "xps")
    assert not is_vamas(read_content(write(tmp_path, table())))


def test_libraries_and_findings_that_cannot_be_used(tmp_path: Path) -> None:
    wide = "2theta,A,B\n" + "\n".join(f"{20 + i / 10:.1f},{i},{40 - i}" for i in range(40))
    library = write(tmp_path, wide, "library.csv")
    phases = write(tmp_path, "phase_id,phase_name,rir\nA,alpha,1.5\n", "phases.csv")
    with pytest.raises(InputError, match=r"reference 'B' has no row \(1 are missing\)"):
        load_library(library, phases)
    bad = write(tmp_path, "phase_id,phase_name,rir\nA,alpha,-2\nB,beta,1\n", "phases.csv")
    with pytest.raises(InputError, match="line 2, column 'rir': '-2' is no RIR"):
        load_library(library, bad)
    with pytest.raises(InputError, match="no column 'phase_name'"):
        load_library(library, write(tmp_path, "phase_id,rir\nA,1\n", "phases.csv"))
    rows = "sample,technique,species,state\na,XRD,CdS,perhaps\n"
    with pytest.raises(InputError, match="line 2, column 'state': state 'perhaps' is none of"):
        join_evidence([write(tmp_path, rows)])
    with pytest.raises(InputError, match="this is no whole JSON document"):
        join_evidence([write(tmp_path, '{"schema": ')])
    with pytest.raises(InputError, match="schema None; cxkinetics"):
        join_evidence([write(tmp_path, "{}")])


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(15)), st.integers(0, 2))
def test_spectra_sort_freeze_and_survive_json(order: list, kind: int) -> None:
    axis, counts = np.arange(15.0)[order] + 20, np.arange(15.0)[order]
    spectrum = Spectrum(kind=("ms", "xps", "xrd")[kind], axis=axis, counts=counts)
    assert np.array_equal(spectrum.axis, np.arange(15.0) + 20)
    assert np.array_equal(spectrum.counts, np.arange(15.0))
    assert Spectrum.from_dict(spectrum.to_dict()) == spectrum
    with pytest.raises(ValueError, match="read-only"):
        spectrum.counts[0] = 1.0


def test_optical_verbs_send_vamas_files_here(tmp_path: Path) -> None:
    from cxkinetics.io.load import load

    with pytest.raises(InputError, match=r"VAMAS file of photoelectron spectra.*cxkinetics evidence xps"):
        load(write(tmp_path, vamas_text(), "two.vms"))
