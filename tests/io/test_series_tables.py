"""Long tables of several series, readings that are no absorbances, and columns that are left out."""

import io
from pathlib import Path

import numpy as np
import openpyxl
import pytest

import cxkinetics as cx
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.load import read_content_signals

TIME = [0.0, 10, 20, 30, 40, 50]
WELLS = {
    well: [round(a * float(np.exp(-k * t)), 4) for t in TIME]
    for well, a, k in (("A1", 0.9, 0.01), ("A2", 0.8, 0.03), ("H12", 0.5, 0.002))
}
ROWS = [(well, t, a) for well, values in WELLS.items() for t, a in zip(TIME, values, strict=True)]
ORDERS = {"one below the other": ROWS, "by time": sorted(ROWS, key=lambda row: row[1])}


def read(data: str | bytes, name: str = "run.csv", **options: object) -> list[cx.Trace | cx.SpectralSeries]:
    raw = data if isinstance(data, bytes) else data.encode()
    return read_content_signals(Content(name, raw, "0" * 64), ReadOptions(**options))  # type: ignore[arg-type]


def check(traces: list[cx.Trace | cx.SpectralSeries], labels: list[str]) -> None:
    assert [trace.label for trace in traces] == labels
    assert [trace.source.trace for trace in traces] == list(range(1, len(labels) + 1))
    for trace, values in zip(traces, WELLS.values(), strict=True):
        assert trace.time_s.tolist() == TIME
        assert trace.absorbance.tolist() == values


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("head", ["Well", "Sample ID", "Name", "cuvette", "replicate", "What"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_long_table_is_split_by_its_column_of_names(order: str, head: str, place: int) -> None:
    lines = []
    for names in [(head, "time (s)", "absorbance"), *ORDERS[order]]:
        rest = [str(cell) for cell in names[1:]]
        lines.append(",".join([*rest[:place], str(names[0]), *rest[place:]]))
    traces = read("\n".join(lines))
    check(traces, list(WELLS))
    assert all(f"told apart by column '{head}'" in " ".join(r.text for r in t.remarks) for t in traces)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("head", ["Well", "ID", "Replicate", "Run", "Sample", "#"])
def test_numbers_may_name_the_series(order: str, head: str) -> None:
    number = {well: i for i, well in enumerate(WELLS, start=1)}
    rows = "\n".join(f"{number[w]};{t:g};{a}" for w, t, a in ORDERS[order])
    check(read(f'"{head}";time (s);A\n{rows}'), ["1", "2", "3"])


def test_wells_that_are_read_in_turn_have_times_of_their_own() -> None:
    shift = {well: 0.5 * i for i, well in enumerate(WELLS)}
    rows = [(w, t + shift[w], a) for w, t, a in ROWS]
    lines = "\n".join(f"{w},{t},{a}" for w, t, a in sorted(rows, key=lambda row: row[1]))
    traces = read("well,time (s),A\n" + lines)
    assert [trace.label for trace in traces] == list(WELLS)
    assert [trace.time_s[0] for trace in traces] == [0, 0.5, 1.0]
    assert [trace.absorbance.tolist() for trace in traces] == list(WELLS.values())


def test_well_and_replicate_together() -> None:
    rows = [(w, r, t, a + r / 100) for w, t, a in ROWS for r in (1, 2)]
    text = "\n".join(f"{w},x{w},{r},{t},{a:.4f}" for w, r, t, a in rows)
    traces = read("well,sample,replicate,time (s),A\n" + text)
    assert [trace.label for trace in traces] == [f"{w} {r}" for w in WELLS for r in (1, 2)]
    assert all(trace.time_s.tolist() == TIME for trace in traces)


@pytest.mark.parametrize("long", [True, False])
def test_spectra_of_several_wells(long: bool) -> None:
    waves = [300.0, 324.0, 350.0]
    if long:
        head = "well,time (s),wavelength (nm),A"
        lines = [f"{w},{t},{n},{a * n / 300:.4f}" for w, t, a in ROWS for n in waves]
    else:
        head = "well,time (s)," + ",".join(f"{n:g}" for n in waves)
        lines = [f"{w},{t}," + ",".join(f"{a * n / 300:.4f}" for n in waves) for w, t, a in ROWS]
    found = read("\n".join([head, *lines]))
    assert [series.label for series in found] == list(WELLS)
    for series, values in zip(found, WELLS.values(), strict=True):
        assert series.time_s.tolist() == TIME
        assert series.wavelength_nm.tolist() == waves
        assert np.allclose(series.absorbance[:, 0], values)


def test_a_workbook_of_wells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [("Well", "Time (s)", "Abs"), *ORDERS["by time"]]:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    check(read(stream.getvalue(), "run.xlsx"), list(WELLS))
    path = tmp_path / "run.xlsx"
    path.write_bytes(stream.getvalue())
    assert cx.load(path, trace="A2").absorbance.tolist() == WELLS["A2"]


def test_labels_that_do_not_divide_stay_remarks() -> None:
    a = WELLS["A1"]
    phases = ["dark", "dark", "dark", "light", "light", "light"]
    rows = "\n".join(f"{t},{a[i]},{phases[i]},S{i}" for i, t in enumerate(TIME))
    (trace,) = read("time (s),A,phase,sample\n" + rows)
    assert trace.absorbance.tolist() == a
    assert "columns not used: phase, sample" in [r.text for r in trace.remarks]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "time (s),A,x1,x2\n"
            + "\n".join(f"{t},0.{9 - t},{p},{q}" for t in range(4) for p in "ab" for q in "cd"),
            "'x1' tells several series apart is not clear",
        ),
        (
            "time (s),well,A\n0,A1,0.9\n0,B1,0.8\n10,A1,0.7\n10,,0.6\n20,A1,0.5\n20,B1,0.4\n",
            "line 5, column 'well': this row says not",
        ),
        ("sample,time (s),A\nS1,0,0.9\nS2,0,0.8\nS3,0,0.7\n", "all 3 rows stand at one time"),
    ],
)
def test_series_that_cannot_be_told_are_asked(text: str, words: str) -> None:
    with pytest.raises(cx.InputError, match=words):
        read(text)


def test_a_column_that_was_asked_for_is_no_name() -> None:
    rows = "\n".join(f"{t},{i % 2},{a}" for i, (t, a) in enumerate(zip(TIME, WELLS["A1"], strict=True)))
    (trace,) = read("time (s),run,A\n" + rows, column="run")
    assert trace.absorbance.tolist() == [0, 1, 0, 1, 0, 1]


def spectrum(values: list[float]) -> str:
    return "wavelength (nm),signal\n" + "\n".join(f"{300 + i},{v}" for i, v in enumerate(values))


@pytest.mark.parametrize(
    "values",
    [
        [8.0 + 0.05 * (i % 7) for i in range(90)] + [55.0, 40.0, 30.0, 20.0, 15.0],
        [0.2] * 60 + [(-1.0) ** i * (1000 + i) for i in range(16)],
        [-33.0] + [0.5] * 40,
    ],
    ids=["%T with a low median", "noise of 1000", "one far off in forty"],
)
@pytest.mark.parametrize("form", ["spectrum", "trace", "absorbance"])
def test_readings_beyond_any_absorbance_are_asked(values: list[float], form: str) -> None:
    text = spectrum(values)
    if form != "spectrum":
        text = text.replace("wavelength (nm)", "time (s)").replace(
            "signal", "A" if form != "trace" else "signal"
        )
    with pytest.raises(cx.InputError, match="too large for absorbances") as caught:
        read(text)
    if form != "spectrum":
        first = next(i for i, v in enumerate(values) if abs(v) > 10)
        assert caught.value.line == first + 2
    (signal,) = read(text, absorbance_unit="abs")
    assert signal.absorbance.ravel().tolist() == values


def test_a_reading_without_light_in_a_spectrum_is_remarked() -> None:
    (series,) = read(spectrum([0.5 + 0.001 * i for i in range(400)] + [15.465]))
    (remark,) = [r for r in series.remarks if r.code == "beyond_absorbance"]
    assert remark.count == 1
    assert "1 of 401 readings" in remark.text


def test_every_column_left_out_is_named() -> None:
    a, b = WELLS["A1"], WELLS["A2"]
    rows = [f"{i},{t},{a[i]},{b[i]},25.1,ok,{t / 60}" for i, t in enumerate(TIME)]
    traces = read("No.,time (s),run 1,run 2,T (°C),note,time (min)\n" + "\n".join(rows))
    for trace in traces:
        (text,) = [r.text for r in trace.remarks if r.code == "columns_unused"]
        assert text == "columns not used: No., T (°C), note, time (min)"


def test_spectra_named_by_a_moment_are_asked_for_their_time() -> None:
    body = "\n".join(f"{300 + i},1,2,3,4,5,6,7" for i in range(5))
    head = "Wavelength,{},{}," + ",".join(f"{60 * k} min" for k in range(1, 6)) + "\n"
    with pytest.raises(cx.InputError, match=r"'Initial Solution', 'Dark'; when were they recorded.*--times"):
        read(head.format("Initial Solution", "Dark") + body)
    (series,) = read(head.format("-30 min", "0 min") + body)
    assert series.time_s.tolist() == [-1800.0, *np.arange(0.0, 18001.0, 3600.0).tolist()]
    (series,) = read(head.format("Blank", "note") + body)  # these are no moments
    assert "columns not used: Blank, note" in [r.text for r in series.remarks]


@pytest.mark.parametrize(
    ("head", "cell"), [("wavelength (nm)", "324"), ("Wavenumber (cm-1)", repr(1e7 / 324))]
)
def test_a_column_of_one_wavelength_tells_where_the_trace_was_recorded(head: str, cell: str) -> None:
    rows = "\n".join(f"{t},{cell},{a}" for t, a in zip(TIME, WELLS["A1"], strict=True))
    (trace,) = read(f"time (s),{head},A\n{rows}")
    assert isinstance(trace, cx.Trace)
    assert trace.wavelength_nm == pytest.approx(324)
    assert trace.absorbance.tolist() == WELLS["A1"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("ocean/ropensci-OOusb4000.txt", "values run from -11720 to 33575.*too large"),
        ("avantes/aphalo-avantes-avaspec-e-irrad.csv", "Irradiance.*is no absorbance"),
        (
            "plate-gen5/FAIRChemistry-20240719_biotek_FDH.V9_0.02enzyme_kinetics.xlsx",
            "line 191, column 'A3'.*1073",
        ),
        ("nanodrop/Benchling-Open-Source-dsDNA 7_19_2023 3_27_29 PM.csv", "a row for each sample"),
    ],
)
def test_real_files_that_were_misread_are_asked(file: str, words: str, shared_data: Path) -> None:
    with pytest.raises(cx.InputError, match=words):
        cx.load(shared_data / "real" / file)
