"""Real instrument files load with the shapes, times and axes that their README states."""

import hashlib
import re
import struct
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx


@pytest.fixture(scope="session")
def uvvis(shared_data: Path) -> Path:
    return shared_data / "uvvis"


def kd_slowly(path: Path) -> tuple[list[float], list[list[float]], list[tuple[float, float]]]:
    """Read a register value by value, straight from the documented byte layout."""
    data = path.read_bytes()

    def starts(text: str) -> list[int]:
        return [m.start() for m in re.finditer(re.escape(text.encode("utf-16-le")), data)]

    def number(code: str, offset: int) -> float:
        return struct.unpack_from(code, data, offset)[0]

    spectra = []
    for start in starts("(AU)"):
        count = number("<I", start + 12)
        spectra.append(list(struct.unpack_from(f"<{count}d", data, start + 17)))
    times = [number("<d", start + 20) for start in starts("RelTime")]
    axes = [(number("<d", start + 56), number("<d", start + 64)) for start in starts("Wavelength (nm)")]
    return times, spectra, axes


def test_one_cell_register_against_its_bytes(uvvis: Path) -> None:
    path = uvvis / "agilent_kd" / "test_data3.KD"
    series = cx.load(path)
    times, spectra, axes = kd_slowly(path)
    assert isinstance(series, cx.SpectralSeries)
    assert series.absorbance.shape == (124, 911)
    assert series.time_s.tolist() == times
    assert np.array_equal(series.absorbance, np.array(spectra))
    assert set(axes) == {(190.0, 1.0)}
    assert series.wavelength_nm.tolist() == [190.0 + i for i in range(911)]
    assert np.median(np.diff(series.time_s)) == 2.0
    assert series.source.file == str(path)
    assert series.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_three_cell_register_against_its_bytes(uvvis: Path) -> None:
    path = uvvis / "agilent_kd" / "multi_cuvette_test_data.KD"
    cells = cx.load(path)
    times, spectra, _ = kd_slowly(path)
    assert isinstance(cells, list)
    assert [cell.label for cell in cells] == ["cell 1", "cell 2", "cell 3"]
    for k, cell in enumerate(cells):
        rows = slice(119 * k, 119 * (k + 1))
        assert cell.time_s.tolist() == times[rows]
        assert np.array_equal(cell.absorbance, np.array(spectra[rows]))
        assert cell.source.trace == k + 1
    assert abs(np.median(np.diff(cells[0].time_s)) - 6.4) < 0.1
    assert cx.load(path, trace="cell 2") == cells[1]
    assert cx.load(path, trace=3) == cells[2]


@pytest.mark.parametrize(("name", "n", "first"), [("run1_17C", 36, 1.5), ("run3_35C", 40, 1.4)])
def test_specfit_matrix_and_concentrations(uvvis: Path, name: str, n: int, first: float) -> None:
    series = cx.load(uvvis / "specfit" / f"{name}.TXT")
    assert series.absorbance.shape == (n, 911)
    assert (series.time_s[0], series.wavelength_nm[0], series.wavelength_nm[-1]) == (first, 190.0, 1100.0)
    assert not any(remark.code == "time_unit_assumed" for remark in series.remarks)
    table = uvvis / "specfit" / f"{name}_concs.txt"
    with pytest.raises(cx.InputError, match=r"\[Br2\] \(M\), \[NaBr3\] \(M\).*column="):
        cx.load(table)
    bromine = cx.load(table, column="[Br2]")
    assert bromine.unit == "M"
    assert np.allclose(bromine.time_s, series.time_s, atol=1e-6)


def test_raw_counts_load_as_counts(uvvis: Path) -> None:
    from cxkinetics.signals.screening import require_fittable

    series = cx.load(uvvis / "wide_csv" / "aunps_water.csv")
    assert series.absorbance.shape == (78, 651)
    assert series.unit == "counts"
    assert series.time_s[:3].tolist() == [0.0, 46.0, 92.0]
    assert (series.wavelength_nm[0], series.wavelength_nm[-1]) == (200.0, 850.0)
    with pytest.raises(cx.InputError, match="raw counts"):
        require_fittable(series.at_wavelength(530))


def test_transients(uvvis: Path) -> None:
    wide = cx.load(uvvis / "wide_csv" / "tas_n2_1sh_20C.CSV")
    assert wide.absorbance.shape == (1001, 10)
    assert wide.wavelength_nm.tolist() == list(range(460, 641, 20))
    single = cx.load(uvvis / "wide_csv" / "n2_530nm_2sh_20C_400us.CSV")
    assert (single.wavelength_nm, single.n_points, single.time_s[0]) == (530.0, 1001, -40.0)
    assert single.absorbance[0] == -1.073393e-03
