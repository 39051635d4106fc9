"""A counter is never the time where another column names it: tables of every make, written and read back."""

import csv
import io
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pytest

import cxkinetics as cx
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.load import read_content_signals

TIME = np.array([0.0, 10, 20, 40, 60, 90, 130, 180])
WAVES = [300.0, 324.0, 350.0]
SIGNAL = np.round(np.outer(0.9 * np.exp(-0.01 * TIME), [0.5, 1.0, 0.3]), 4)
COUNTERS = [
    "No.", "#", "Index", "Nr", "Nr.", "Point", "Scan", "Cycle", "Cycle Nr.", "Reading", "n", "idx", "Row", "",
    "foo", "Messpunkt", "Time point", "Sample#", "Scan number",
]  # fmt: skip
START = datetime(2023, 7, 6, 14, 42, 30)


def moment(form: str) -> list[str]:
    return [(START + timedelta(seconds=float(t))).strftime(form) for t in TIME]


TIMES = {  # name of the column -> its cells
    "Time (s)": [f"{t:g}" for t in TIME],
    "t/min": [repr(float(t) / 60) for t in TIME],
    "Elapsed [ms]": [f"{1000 * t:g}" for t in TIME],
    "Zeit (s)": [f"{t:g}" for t in TIME],
    "Scan time (s)": [f"{t:g}" for t in TIME],
    "Timestamp": moment("%Y-%m-%d %H:%M:%S"),
    "Date": moment("%d.%m.%Y %H:%M:%S"),
    "Time": moment("%H:%M:%S"),
    "Clock": [f"00:{int(t) // 60:02d}:{int(t) % 60:02d}" for t in TIME],
}


@dataclass(frozen=True)
class Made:
    """A table of cells, with where its columns came from."""

    rows: list[list[str]]
    what: str

    def text(self, delimiter: str, decimal: str) -> bytes:
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerows([[self._mark(cell, decimal) for cell in row] for row in self.rows])
        return stream.getvalue().encode()

    @staticmethod
    def _mark(cell: str, decimal: str) -> str:
        try:
            float(cell)
        except ValueError:
            return cell
        return cell.replace(".", decimal)

    def workbook(self) -> bytes:
        book = openpyxl.Workbook()
        for row in self.rows:
            book.active.append([self._typed(cell) for cell in row])
        stream = io.BytesIO()
        book.save(stream)
        return stream.getvalue()

    @staticmethod
    def _typed(cell: str) -> str | float:
        try:
            return float(cell)
        except ValueError:
            return cell


def tables(signals: dict[str, list[str]], beside: dict[str, list[str]]) -> Iterator[Made]:
    """Every counter with every time, the counter first, between or last, from 0 or from 1."""
    for (name, cells), counter, start in itertools.product(TIMES.items(), COUNTERS, (0, 1)):
        counted = [str(i + start) for i in range(TIME.size)]
        own = [(name, cells), *beside.items(), *signals.items()]
        places = (0, 1, len(own)) if counter not in ("", "foo") else (0,)  # a bare counter stands first
        for place in places:
            columns = [*own[:place], (counter, counted), *own[place:]]
            rows = [[n for n, _ in columns], *([c[i] for _, c in columns] for i in range(TIME.size))]
            yield Made([list(row) for row in rows], f"{counter!r} at {place} beside {name!r}")


def read(data: bytes, name: str = "run.csv", **options: object) -> list[cx.Trace | cx.SpectralSeries]:
    return read_content_signals(Content(name, data, "0" * 64), ReadOptions(**options))  # type: ignore[arg-type]


def check(made: Made, signal: cx.Trace | cx.SpectralSeries, expected: np.ndarray) -> None:
    assert np.allclose(signal.time_s, TIME, rtol=0, atol=1e-6), made.what
    assert np.allclose(signal.absorbance, expected, rtol=0, atol=1e-9), made.what
    assert "time_unit_assumed" not in {r.code for r in signal.remarks}, made.what
    (unused,) = [r.text for r in signal.remarks if r.code == "columns_unused"]
    counter = made.what.split("'")[1] or "column 1"
    assert counter in unused, made.what


TRACE = {"OD600": [str(a) for a in SIGNAL[:, 1]]}
MATRIX = {f"{w:g}": [str(a) for a in SIGNAL[:, j]] for j, w in enumerate(WAVES)}
DIALECTS = [(",", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), (";", ".")]


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
@pytest.mark.parametrize("beside", [{}, {"Temp. (°C)": ["25"] * TIME.size}], ids=["bare", "temperature"])
def test_traces_beside_a_counter(delimiter: str, decimal: str, beside: dict[str, list[str]]) -> None:
    for made in random.Random(delimiter + decimal).sample([*tables(TRACE, beside)], 120):
        (trace,) = read(made.text(delimiter, decimal), decimal=decimal)
        check(made, trace, SIGNAL[:, 1])
        assert trace.wavelength_nm == 600


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
def test_spectra_beside_a_counter(delimiter: str, decimal: str) -> None:
    for made in random.Random(delimiter + decimal).sample([*tables(MATRIX, {})], 120):
        (series,) = read(made.text(delimiter, decimal), decimal=decimal)
        check(made, series, SIGNAL)
        assert series.wavelength_nm.tolist() == WAVES


def test_workbooks_beside_a_counter() -> None:
    made = [*tables(TRACE, {}), *tables(MATRIX, {})]
    for table in random.Random(12).sample(made, 60):
        (signal,) = read(table.workbook(), "run.xlsx")
        check(table, signal, SIGNAL if isinstance(signal, cx.SpectralSeries) else SIGNAL[:, 1])


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("axis", ["Wavelength (nm)", "Wavenumber (cm-1)", "Energy (eV)"])
def test_turned_spectra_beside_a_counter(counter: str, axis: str) -> None:
    places = {"Wavelength (nm)": WAVES, "Wavenumber (cm-1)": [1e7 / w for w in WAVES]}
    rows = places.get(axis, [1239.8419843320026 / w for w in WAVES])
    head = f"{counter},{axis}," + ",".join(f"{t:g} s" for t in TIME)
    lines = [f"{j + 1},{place!r}," + ",".join(map(str, SIGNAL[:, j])) for j, place in enumerate(rows)]
    (series,) = read("\n".join([head, *lines]).encode())
    assert series.time_s.tolist() == TIME.tolist()
    assert np.allclose(series.wavelength_nm, WAVES)
    assert np.allclose(series.absorbance, SIGNAL)


@pytest.mark.parametrize("counter", ["No.", "Scan", "#", "Index"])
def test_a_row_that_counts_the_columns(counter: str) -> None:
    head = "Time (s)," + ",".join(f"{t:g}" for t in TIME)
    numbers = f"{counter}," + ",".join(str(i + 1) for i in range(TIME.size))
    body = [f"{w:g}," + ",".join(map(str, SIGNAL[:, j])) for j, w in enumerate(WAVES)]
    text = "\n".join([head, numbers, *body]).replace("#,", '"#",')
    (series,) = read(text.encode())
    assert series.time_s.tolist() == TIME.tolist()
    assert np.allclose(series.absorbance, SIGNAL)
    assert "counter_row" in {r.code for r in series.remarks}


@pytest.mark.parametrize("rival", ["std", "Std.", "h", "min", "s", "T", "d", "Absorbance std", "OD_h"])
@pytest.mark.parametrize("clock", ["Timestamp", "Date", "Time", "Clock"])
@pytest.mark.parametrize("first", [True, False])
def test_a_bare_unit_is_no_time_beside_a_clock(rival: str, clock: str, first: bool) -> None:
    extra = [f"{0.003 + 0.0001 * i:.4f}" for i in range(TIME.size)]
    absorbance = [str(a) for a in SIGNAL[:, 1]]
    columns = [(clock, TIMES[clock]), ("Absorbance", absorbance), (rival, extra)]
    columns = [columns[2], *columns[:2]] if first else columns
    rows = [[n for n, _ in columns], *([c[i] for _, c in columns] for i in range(TIME.size))]
    (trace,) = read("\n".join(",".join(row) for row in rows).encode())
    assert np.allclose(trace.time_s, TIME)
    assert np.allclose(trace.absorbance, SIGNAL[:, 1])
    if "std" in rival.casefold():
        assert trace.sigma.tolist() == [float(cell) for cell in extra]
    else:
        assert any(r.code == "columns_unused" and rival in r.text for r in trace.remarks)


def test_a_bare_unit_alone_stays_the_time() -> None:
    (trace,) = read(b"No.,min,A\n1,0,0.9\n2,1,0.8\n3,3,0.7\n")
    assert trace.time_s.tolist() == [0, 60, 180]


def test_date_and_clock_are_joined_for_spectra_too() -> None:
    lines = ["Date,Time," + ",".join(MATRIX)]
    for i, cell in enumerate(moment("%Y-%m-%d,%H:%M:%S")):
        lines.append(f"{cell}," + ",".join(map(str, SIGNAL[i])))
    (series,) = read("\n".join(lines).encode())
    assert series.time_s.tolist() == TIME.tolist()


def test_an_elapsed_clock_is_not_added_to_a_full_date() -> None:
    both = zip(TIMES["Timestamp"], TIMES["Clock"], SIGNAL[:, 1], strict=True)
    text = "Timestamp,Elapsed,A\n" + "\n".join(f"{a},{b},{c}" for a, b, c in both)
    (trace,) = read(text.encode())
    assert trace.time_s.tolist() == TIME.tolist()


WAVENUMBER_UNITS = [
    "cm-1", "cm^-1", "1/cm", "cm⁻¹", "cm–1", "cm−1", "cm -1", "cm^(-1)", "cm^{-1}", "cm**-1", "CM-1", "/cm",
]  # fmt: skip


@pytest.mark.parametrize("unit", WAVENUMBER_UNITS)
@pytest.mark.parametrize(
    "form", ["rows", "unit row", "long", "corner", "names", "names in brackets", "above"]
)
def test_axes_in_wavenumbers_become_nm(unit: str, form: str) -> None:
    numbers = [f"{1e7 / w:.6f}" for w in WAVES]
    by_time = [f"{t:g};" + ";".join(map(str, SIGNAL[i])) for i, t in enumerate(TIME)]
    by_wave = [f"{n};" + ";".join(map(str, SIGNAL[:, j])) for j, n in enumerate(numbers)]
    times = ";".join(f"{t:g} s" for t in TIME)
    lines = {
        "rows": [f"Wavelength ({unit});{times}", *by_wave],
        "unit row": ["Wavelength;" + times, unit + ";" * TIME.size, *by_wave],
        "long": [
            f"Wavenumber [{unit}];time (s);A",
            *(f"{n};{t:g};{SIGNAL[i, j]}" for i, t in enumerate(TIME) for j, n in enumerate(numbers)),
        ],
        "corner": [f"time (s) \\ wavenumber ({unit});" + ";".join(numbers), *by_time],
        "names": ["time (s);" + ";".join(f"A {n} {unit}" for n in numbers), *by_time],
        "names in brackets": ["time (s);" + ";".join(f"{n} ({unit})" for n in numbers), *by_time],
        "above": [f";Wavenumber ({unit});;", "time (s);" + ";".join(numbers), *by_time],
    }[form]
    (series,) = read("\n".join(lines).encode())
    assert isinstance(series, cx.SpectralSeries)
    assert np.allclose(series.wavelength_nm, WAVES, rtol=1e-6)
    assert np.allclose(series.time_s, TIME)
    assert np.allclose(series.absorbance, SIGNAL)
    assert "axis_converted" in {r.code for r in series.remarks}


def test_a_trace_at_a_wavenumber_is_labelled_in_nm() -> None:
    body = "\n".join(f"{t:g},{SIGNAL[i, 1]}" for i, t in enumerate(TIME))
    (trace,) = read(f"time (s),A @ 30864.2 cm-1\n{body}".encode())
    assert trace.wavelength_nm == pytest.approx(324, abs=1e-3)
    assert "30864.2 cm-1 converted to 324 nm" in " ".join(r.text for r in trace.remarks)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("time (s);25000;26000;27000", "25000 nm is no wavelength"),
        ("x (kK);0 s;10 s;20 s", "'kK' is no unit"),
    ],
)
def test_an_axis_that_may_be_in_wavenumbers_is_asked(head: str, words: str) -> None:
    body = "\n".join(f"{20 + i};{0.9 - 0.01 * i};0.5;0.4" for i in range(6))
    with pytest.raises(cx.InputError, match=words):
        read(f"{head}\n{body}".encode())


def test_large_files_with_a_counter_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    n = 120_000
    start = datetime(2023, 7, 6)
    rows = [f"{i + 1},{start + timedelta(seconds=2 * i)},{0.5 + 1e-6 * i:.6f}" for i in range(n)]
    path.write_text("No.,Timestamp,OD600\n" + "\n".join(rows))
    assert path.stat().st_size > 4_000_000
    trace = cx.load(path)
    assert trace.time_s[[0, 1, -1]].tolist() == [0, 2, 2 * (n - 1)]
