"""One run in every dress a bench can give it: delimiters, marks, encodings, units, languages, layouts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.load import read_content_signals

TIME = np.arange(12.0)
SIGNAL = np.round(0.9 * np.exp(-0.05 * TIME), 4)


def table(header: str, row: Callable[[float, float], str], end: str = "\n") -> str:
    return end.join([header, *(row(float(t), float(a)) for t, a in zip(TIME, SIGNAL, strict=True))]) + end


def comma(value: float) -> str:
    return f"{value:g}".replace(".", ",")


def moment(seconds: float, form: str) -> str:
    return (datetime(2023, 7, 6, 14, 42, 30) + timedelta(seconds=seconds)).strftime(form)


PLAIN = table("time (s),absorbance", lambda t, a: f"{t:g},{a}")
DRESSES = {
    "plain": PLAIN,
    "byte-order mark": "\ufeff" + PLAIN,
    "UTF-16 BE": ("\ufeff" + PLAIN).encode("utf-16-be"),
    "UTF-16 without mark": PLAIN.encode("utf-16-le"),
    "UTF-16 with the unit of ChemStation": table(
        "time (s)\tAbsorbance (AU)", lambda t, a: f"{t:g}\t{a}"
    ).encode("utf-16"),
    "UTF-32": PLAIN.encode("utf-32"),
    "old Mac lines": PLAIN.replace("\n", "\r"),
    "semicolons": table("time (s);absorbance", lambda t, a: f"{t:g};{a}"),
    "decimal commas": table("Zeit (s);Extinktion", lambda t, a: f"{comma(t)};{comma(a)}"),
    "quoted decimal commas": table('"time (s)","abs"', lambda t, a: f'"{comma(t)}","{comma(a)}"'),
    "pipes": table("time (s)|absorbance", lambda t, a: f"{t:g}|{a}"),
    "blanks": table("time (s)   absorbance", lambda t, a: f"{t:6g}   {a:.4f}"),
    "blanks and commas": table("Zeit/s Extinktion", lambda t, a: f"{comma(t):>6} {comma(a)}"),
    "a hint for spreadsheets": "sep=;\n" + table("time (s);absorbance", lambda t, a: f"{t:g};{a}"),
    "comments": "# run 3\n# 25 C\n" + PLAIN,
    "header in a comment": "#" + PLAIN,
    "header in a spaced comment": table("# time (s)\tabsorbance", lambda t, a: f"{t:g}\t{a}"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "separators at the ends": table("time (s),absorbance,", lambda t, a: f"{t:g},{a},"),
    "all quoted": table('"time (s)","absorbance"', lambda t, a: f'"{t:g}","{a}"'),
    "title": "My favourite run\n\n" + PLAIN,
    "keys above": "Operator,me\nTemperature,25\nWavelength,324\n\n" + PLAIN,
    "text below": PLAIN + "\nEnd of file\nSlope,0.05\n<current>,3\n",
    "statistics below": PLAIN + "mean,0.5\nsd,0.1\n",
    "unit row": PLAIN.replace("time (s),absorbance\n", "time,absorbance\n[s],[AU]\n"),
    "group row": "run 3,run 3\n" + PLAIN,
    "columns the other way": table("absorbance,time (s)", lambda t, a: f"{a},{t:g}"),
    "index column": table("No.,time (s),absorbance", lambda t, a: f"{t + 1:g},{t:g},{a}"),
    "row names": table("time (s),absorbance", lambda t, a: f"r{t:g},{t:g},{a}"),
    "temperature beside": table("t/s;T/°C;A", lambda t, a: f"{t:g};25.0;{a}"),
    "notes beside": table("time (s),absorbance,note", lambda t, a: f"{t:g},{a},{'bubble' if t == 3 else ''}"),
    "ms": table("Time [ms],Abs", lambda t, a: f"{1000 * t:g},{a}"),
    "µs": table("time (µs),A", lambda t, a: f"{1e6 * t:.0f},{a}"),
    "min": table("temps (min);absorbance", lambda t, a: f"{comma(t / 60)};{comma(a)}".replace("e-", "e-")),
    "h": table("t (h),A", lambda t, a: f"{t / 3600!r},{a}"),
    "units in cells": table("time,absorbance", lambda t, a: f"{t:g} s,{a}"),
    "hh:mm:ss": table("time,absorbance", lambda t, a: f"00:00:{t:02g},{a}"),
    "mm:ss": table("time (mm:ss),absorbance", lambda t, a: f"0:{t:02g},{a}"),
    "time of day": table("Time,Abs", lambda t, a: f"{moment(t, '%H:%M:%S')},{a}"),
    "am and pm": table("Time,Abs", lambda t, a: f"{moment(t, '%I:%M:%S %p')},{a}"),
    "past midnight": table("Time,Abs", lambda t, a: f"{moment(t + 33445, '%H:%M:%S')},{a}"),
    "ISO moments": table("timestamp,A", lambda t, a: f"{moment(t, '%Y-%m-%dT%H:%M:%S')}.250Z,{a}"),
    "German moments": table("Datum;Abs", lambda t, a: f"{moment(t, '%d.%m.%Y %H:%M:%S')};{comma(a)}"),
    "American moments": table("Date,Abs", lambda t, a: f"{moment(t, '%m/%d/%Y %I:%M:%S %p')},{a}"),
    "date and time columns": table("Date,Time,A", lambda t, a: f"{moment(t, '%Y-%m-%d,%H:%M:%S')},{a}"),
    "German thousands": table(
        "Zeit (ms);A", lambda t, a: f"{1000 * t:,.0f}".replace(",", ".") + f";{comma(a)}"
    ),
    "Swiss thousands": table("time (ms);A", lambda t, a: f"{1000 * t:,.0f}".replace(",", "'") + f";{a}"),
    "hard-space thousands": table(
        "t (ms);A", lambda t, a: f"{1000 * t:,.0f}".replace(",", "\u202f") + f";{a}"
    ),
    "Fortran exponents": table("time (s)  A", lambda t, a: f"{t:.1f}  {a:.4e}".replace("e", "D")),
    "Chinese": table("时间 (s),吸光度", lambda t, a: f"{t:g},{a}"),
    "Chinese, old encoding": table("时间 (s),吸光度", lambda t, a: f"{t:g},{a}").encode("gb18030"),
    "Japanese, old encoding": table("時間 (s),吸光度", lambda t, a: f"{t:g},{a}").encode("shift_jis"),
    "Russian": table("время, с;поглощение", lambda t, a: f"{t:g};{comma(a)}").encode("cp1251"),
    "Spanish": table("tiempo (s);absorbancia", lambda t, a: f"{t:g};{comma(a)}"),
    "Windows-1252": table("Zeit (s);Absorbanz @ 25 °C, 50 µM", lambda t, a: f"{t:g};{a}").encode("cp1252"),
    "mAU": table("time (s),Absorbance (mAU)", lambda t, a: f"{t:g},{1000 * a}"),
    "%T": table("time (s),%T", lambda t, a: f"{t:g},{100 * 10**-a!r}"),
    "T as a fraction": table("time (s),transmittance", lambda t, a: f"{t:g},{10**-a!r}"),
    "backwards": "time (s),absorbance\n" + "\n".join(PLAIN.splitlines()[:0:-1]),
    "halves swapped": "\n".join([PLAIN.splitlines()[k] for k in [0, *range(7, 13), *range(1, 7)]]),
    "± in the cells": table("time (s),absorbance", lambda t, a: f"{t:g},{a} ± 0.003"),
    "sd column": table("time (s),absorbance,sd", lambda t, a: f"{t:g},{a},0.003"),
    "wavelength in the name": table("time (s),A324", lambda t, a: f"{t:g},{a}"),
    "without a header": table("", lambda t, a: f"{t:g},{a}").lstrip(),
}


def read(data: str | bytes, **options: object) -> list[cx.Trace | cx.SpectralSeries]:
    raw = data if isinstance(data, bytes) else data.encode()
    return read_content_signals(Content("run.csv", raw, "0" * 64), ReadOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_run_in_any_dress(dress: str) -> None:
    (trace,) = read(DRESSES[dress])
    assert isinstance(trace, cx.Trace)
    assert np.allclose(trace.time_s, TIME, rtol=0, atol=2e-3 if dress == "min" else 1e-9)
    assert np.allclose(trace.absorbance, SIGNAL, rtol=0, atol=1e-9)
    assert trace.unit == "AU"
    if dress in ("± in the cells", "sd column"):
        assert set(trace.sigma) == {0.003}
    at = ("wavelength in the name", "keys above")
    assert trace.wavelength_nm == (324.0 if dress in at else None)


WAVES = [330.0, 324.0, 318.0]
MATRIX = np.round(np.outer(SIGNAL, [0.5, 1.0, 0.4]), 5)


def matrix(header: str, waves: list[float]) -> str:
    lines = [header + "," + ",".join(f"{w:.6f}" for w in waves)]
    lines += [f"{t:g}," + ",".join(map(str, row)) for t, row in zip(TIME, MATRIX, strict=True)]
    return "\n".join(lines)


def turned(corner: str, times: list[str]) -> str:
    lines = [corner + "," + ",".join(times)]
    return "\n".join(lines + [f"{w:g}," + ",".join(map(str, MATRIX[:, j])) for j, w in enumerate(WAVES)])


MATRICES = {
    "descending wavelengths": matrix("time (s)", WAVES),
    "blank corner": matrix("", WAVES),
    "eV": matrix(r"time (s) \ energy (eV)", [1239.8419843320026 / w for w in WAVES]),
    "cm-1": matrix(r"time (s) \ wavenumber (cm-1)", [1e7 / w for w in WAVES]),
    "transposed": turned("wavelength (nm)", [f"{t:g}" for t in TIME]),
    "transposed, seconds in the names": turned("nm", [f"t = {t:g} s" for t in TIME]),
    "transposed, minutes in the names": turned("Wavelength (nm)", [f"{float(t) / 60!r} min" for t in TIME]),
    "transposed, moments in the names": turned("wl", [moment(t, "%Y-%m-%d %H:%M:%S") for t in TIME]),
    "units in every name": "time (s),330 nm,324 nm,318 nm\n" + matrix("", WAVES).split("\n", 1)[1],
    "long table": "wavelength (nm);time (s);A\n"
    + "\n".join(
        f"{w:g};{t:g};{comma(MATRIX[i, j])}" for j, w in enumerate(WAVES) for i, t in enumerate(TIME)
    ),
    "long table, shuffled columns": "Abs,t (s),lambda (nm)\n"
    + "\n".join(f"{MATRIX[i, j]},{t:g},{w:g}" for i, t in enumerate(TIME) for j, w in enumerate(WAVES)),
}


@pytest.mark.parametrize("dress", MATRICES)
def test_the_same_spectra_in_any_dress(dress: str) -> None:
    (series,) = read(MATRICES[dress])
    assert isinstance(series, cx.SpectralSeries)
    assert np.allclose(series.wavelength_nm, sorted(WAVES), rtol=0, atol=1e-3)
    assert np.allclose(series.time_s, TIME, rtol=0, atol=1e-9)
    assert np.allclose(series.absorbance, MATRIX[:, ::-1], rtol=0, atol=1e-12)
    assert ("transposed" in {r.code for r in series.remarks}) == dress.startswith("transposed")


REFUSED = {
    "both commas": (table("time (s),absorbance", lambda t, a: f"{t:g},{comma(a)}"), "decimal comma"),
    "both commas, no header": (table("", lambda t, a: f"{t:g},0,{a * 1e4:06.0f}").lstrip(), "decimal comma"),
    "an extra cell": (
        PLAIN.replace("3,0.7746", "3,0.7746,5"),
        "line 5: this row holds 3 cells, the header 2",
    ),
    "text for a time": (
        PLAIN.replace("\n3,", "\nstart,"),
        "line 5, column 'time (s)': 'start' is not a number",
    ),
    "no time": (
        table("foo,bar", lambda t, a: f"{t:g},{a}"),
        "no column is named as time; columns are 'foo', 'bar'",
    ),
    "two names alike": (
        table("time (s),abs,abs", lambda t, a: f"{t:g},{a},{a}"),
        "2 columns could be the signal: abs (number 2), abs (number 3)",
    ),
    "a wavelength twice": (
        table("time (s),324,324,330", lambda t, a: f"{t:g},{a},1,2"),
        "324 nm stands twice",
    ),
    "either axis": (",300,310,320\n400,1,2,3\n410,1,2,4\n420,1,2,5", "which axis is time cannot be told"),
    "unnamed axis": ("\n".join(f"{w},0.5" for w in range(200, 260)), "time or wavelength?"),
    "too large": (table("time (s),absorbance", lambda t, a: f"{t:g},{100 * a}"), "too large for absorbances"),
    "a web page": ("<html><body>1,2</body></html>", "markup"),
    "prose": ("Dear all, here are the results of run 5. Regards.\n" * 3, "no data rows"),
    "one column": ("0.9\n0.8\n0.7\n", "no data rows"),
    "two tables": (PLAIN + "\n" + table("time (min),signal", lambda t, a: f"{t:g},{a}"), "2 tables"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG picture"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx or CSV"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_known_is_asked(case: str, tmp_path: Path) -> None:
    data, words = REFUSED[case]
    path = tmp_path / "run.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(cx.InputError) as caught:
        cx.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_answers_to_what_was_asked() -> None:
    axis = ",300,310,320\n400,1,2,3\n410,1,2,4\n420,1,2,5"
    assert read(axis, time_in="rows")[0].time_s.tolist() == [400, 410, 420]
    assert read(axis, time_in="columns")[0].time_s.tolist() == [300, 310, 320]
    unnamed = "\n".join(f"{w},0.5" for w in range(200, 260))
    assert read(unnamed, time_unit="min")[0].time_s[0] == 12_000
    percent = table("time (s),signal", lambda t, a: f"{t:g},{100 * 10**-a!r}")
    assert np.allclose(read(percent, absorbance_unit="percentT")[0].absorbance, SIGNAL)
    swapped = table("a,b", lambda t, a: f"{t:g},{a}")
    assert read(swapped, time_unit="s")[0].absorbance.tolist() == SIGNAL.tolist()
    tables = PLAIN + "\n" + table("time (min),signal", lambda t, a: f"{t:g},{a}")
    assert read(tables, trace=2)[1].time_s[1] == 60.0


def test_replicates_side_by_side_are_traces() -> None:
    traces = read(table("time (s),run 1,run 2", lambda t, a: f"{t:g},{a},{a + 0.01:.4f}"))
    assert [trace.label for trace in traces] == ["run 1", "run 2"]
    assert [trace.source.trace for trace in traces] == [1, 2]


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e6), st.floats(-4, 4)), min_size=3, max_size=12, unique_by=lambda p: p[0]
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_numbers_in_any_dialect(
    points: list[tuple[float, float]], delimiter: str, decimal: str, encoding: str, end: str, quoted: bool
) -> None:
    quoted = quoted or delimiter == decimal

    def cell(value: float) -> str:
        text = repr(value).replace(".", decimal)
        return f'"{text}"' if quoted else text

    lines = [delimiter.join(["time (s)", "absorbance"])]
    points = sorted(points)
    lines += [delimiter.join([cell(t), cell(a)]) for t, a in points]
    text = end.join(lines) + end
    if encoding == "utf-16-be":
        text = "\ufeff" + text
    clipped = sorted(a for _, a in points)[-3:]
    assume(len({a for _, a in points}) > 1)  # readings that are all alike and high are refused as saturated
    (trace,) = read(text.encode(encoding), decimal=decimal)
    if len(set(clipped)) > 1:
        assert trace.time_s.tolist() == [t for t, _ in points]
        assert trace.absorbance.tolist() == [a for _, a in points]


@pytest.mark.parametrize(
    ("origin", "scale"),
    [(45113.6128, 86400.0), (1_688_654_559.0, 1.0), (1_688_654_559_100.0, 1e-3), (3.77e9, 1.0)],
)
def test_time_stamps_of_computers(origin: float, scale: float) -> None:
    (trace,) = read(table("time,absorbance", lambda t, a: f"{origin + t / scale!r},{a}"))
    assert np.allclose(trace.time_s, TIME, atol=1e-4)
    assert "absolute_times" in {remark.code for remark in trace.remarks}


def test_replicate_readings_at_one_time_are_kept() -> None:
    (trace,) = read("time (s),absorbance\n0,0.9\n0,0.91\n1,0.8\n1,0.81\n2,0.7\n")
    assert trace.n_points == 5
    (remark,) = trace.remarks
    assert (remark.code, remark.count, remark.rows) == ("repeated_times", 2, (3, 5))


def test_an_axis_out_of_order_is_remarked() -> None:
    waves = [float(w) for w in range(300, 330, 2)]
    points = zip(TIME, SIGNAL, strict=True)
    body = "\n".join(f"{t:g}," + ",".join("0.5" if w != 320 else f"{a}" for w in waves) for t, a in points)
    header = "time (s)," + ",".join(f"{w:g}" for w in waves)
    assert read(header + "\n" + body)[0].remarks == ()
    (moved,) = read(header.replace("304", "394") + "\n" + body)
    assert [remark.code for remark in moved.remarks] == ["axis_not_in_order"]
    assert "306 nm follows 394 nm" in moved.remarks[0].text
    (jumping,) = read(header.replace("328", "388") + "\n" + body)
    assert [remark.code for remark in jumping.remarks] == ["axis_uneven"]


def test_saturated_readings_of_spectra_name_every_line(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    values = [[0.5 + 0.01 * i + 0.001 * j for j in range(6)] for i in range(60)]
    for i in range(10, 40):
        values[i][2] = values[i][3] = 3.0
    head = "time (s)," + ",".join(f"{300 + 5 * j} nm" for j in range(6))
    path.write_text("\n".join([head, *(f"{i}," + ",".join(map(str, v)) for i, v in enumerate(values))]))
    series = cx.load(path)
    (remark,) = [r for r in series.remarks if r.code == "saturated"]
    assert remark.count == 60
    assert remark.rows == tuple(range(12, 42))


def test_names_over_columns_stay_labels_and_keys_do_not(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    rows = "".join(f"{i},{0.9 - 0.01 * i},{0.8 - 0.01 * i}\n" for i in range(20))
    path.write_text(",run 3,run 4\ntime (s),A1,A2\n" + rows)
    assert [trace.label for trace in cx.load(path)] == ["run 3 A1", "run 4 A2"]
    path.write_text("Operator,me,\ntime (s),A1,A2\n" + rows)
    assert [trace.label for trace in cx.load(path)] == ["A1", "A2"]


def test_a_misspelt_trace_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    rows = "".join(f"{i},{0.9 - 0.01 * i},{0.8 - 0.01 * i}\n" for i in range(20))
    path.write_text("time (s),cuvette 1,cuvette 2\n" + rows)
    with pytest.raises(cx.InputError, match=r"did you mean 'cuvette 1'\?"):
        cx.load(path, trace="cuvete 1")
    with pytest.raises(cx.InputError, match=r"did you mean 'cuvette 2'\?"):
        cx.load(path, column="cuvtte 2")


@pytest.mark.parametrize(("head", "scale"), [("%T 324 nm", 100.0), ("transmittance", 1.0)])
def test_readings_without_light_name_their_lines(head: str, scale: float, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    values = [0.2 + 0.01 * i for i in range(20)]
    values[4] = values[9] = -0.001
    rows = "".join(f"{i},{scale * value:.4f}\n" for i, value in enumerate(values))
    path.write_text(f"time (s),{head}\n{rows}")
    trace = cx.load(path)
    assert trace.n_points == 18
    (remark,) = [r for r in trace.remarks if r.code == "no_light"]
    assert (remark.count, remark.rows) == (2, (6, 11))


def test_repeated_rows_of_a_long_table_name_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    rows = [f"{t},{w},{0.5 + 0.01 * t + 0.001 * w:.3f}" for t in range(5) for w in (300, 310, 320)]
    path.write_text("\n".join(["time (s),wavelength (nm),absorbance", *rows, rows[2], rows[7]]))
    (remark,) = [r for r in cx.load(path).remarks if r.code == "duplicate_rows"]
    assert (remark.count, remark.rows) == (2, (17, 18))
