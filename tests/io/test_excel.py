"""Workbooks: preambles, sheets, dates, percentages, damage and bombs."""

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.chart import LineChart, Reference

import cxkinetics as cx

ROWS = [(0.0, 0.9), (1.0, 0.8), (2.0, 0.7), (3.0, 0.6)]


def workbook(
    path: Path, sheets: dict[str, Iterable[Iterable[Any]]], formats: dict[str, str] | None = None
) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for column, code in (formats or {}).items():
            for cell in sheet[column]:
                cell.number_format = code
    book.save(path)
    return path


def test_a_preamble_and_notes_on_other_sheets(tmp_path: Path) -> None:
    rows = [("Operator", "me"), ("T", 25), (), ("time (min)", "absorbance"), *ROWS]
    path = workbook(tmp_path / "run.xlsx", {"Notes": [("see page 12",)], "Data": rows})
    trace = cx.load(path)
    assert trace.time_s.tolist() == [0.0, 60.0, 120.0, 180.0]
    assert trace.source.format == "Excel workbook"
    assert "sheet 'Data' read" in [remark.text for remark in trace.remarks]


def test_several_tables_are_asked_about(tmp_path: Path) -> None:
    header = ("time (s)", "absorbance")
    path = workbook(tmp_path / "runs.xlsx", {"17 C": [header, *ROWS], "35 C": [header, *ROWS[:3]]})
    with pytest.raises(cx.InputError, match=r"2 sheets hold tables: '17 C', '35 C'.*--sheet"):
        cx.load(path)
    assert cx.load(path, sheet="35 C").n_points == 3
    assert cx.load(path, sheet=1).n_points == 4
    with pytest.raises(cx.InputError, match="no sheet '50 C'; sheets are '17 C', '35 C'"):
        cx.load(path, sheet="50 C")


@pytest.mark.parametrize(
    "times",
    [
        [time(0, 0, s) for s in range(0, 40, 10)],
        [timedelta(seconds=s) for s in range(0, 40, 10)],
        [datetime(2023, 7, 6, 14, 42, s) for s in range(0, 40, 10)],
        ["0:00:00", "0:00:10", "0:00:20", "0:00:30"],
    ],
    ids=["clock", "duration", "moment", "text"],
)
def test_times_of_every_kind(tmp_path: Path, times: list[Any]) -> None:
    rows = [("time", "absorbance"), *((t, a) for t, (_, a) in zip(times, ROWS, strict=True))]
    trace = cx.load(workbook(tmp_path / "run.xlsx", {"Data": rows}))
    assert trace.time_s.tolist() == [0.0, 10.0, 20.0, 30.0]


def test_percent_formats_are_percentages(tmp_path: Path) -> None:
    rows = [("Ag added", "Ag incorporated"), (0, 0), (0.75, 0.08), (1.0, 0.121), (1.35, 0.404)]
    path = workbook(tmp_path / "icp.xlsx", {"ICP": rows}, {"A": "0%", "B": "0.0%"})
    table = cx.load_dose_table(path)
    assert table.dose_percent.tolist() == [0.0, 75.0, 100.0, 135.0]
    assert table.incorporation_percent.tolist() == [0.0, 8.0, 12.1, 40.4]


def test_gaps_and_error_cells(tmp_path: Path) -> None:
    rows = [("time (s)", "absorbance"), (0, 0.9), (1, "#N/A"), (2, None), (3, "OVRFLW"), (4, 0.5), (5, 0.4)]
    trace = cx.load(workbook(tmp_path / "run.xlsx", {"Data": rows}))
    assert trace.time_s.tolist() == [0.0, 4.0, 5.0]
    texts = " | ".join(remark.text for remark in trace.remarks)
    assert "2 missing cells left out (lines 3, 4)" in texts
    assert "(line 5)" in texts


def test_formulas_without_stored_values_are_not_evaluated(tmp_path: Path) -> None:
    rows = [("time (s)", "absorbance"), *((t, f"=0.9-{t}*0.1") for t, _ in ROWS)]
    with pytest.raises(cx.InputError):
        cx.load(workbook(tmp_path / "run.xlsx", {"Data": rows}))


def test_a_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for row in [("time (s)", "absorbance"), *ROWS]:
        sheet.append(row)
    sheet["XFD1048576"] = "far"
    book.save(tmp_path / "far.xlsx")
    assert cx.load(tmp_path / "far.xlsx").n_points == 4


def bomb(path: Path, megabytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as stream:
            for _ in range(megabytes):
                stream.write(b"0" * 1_000_000)
    return path


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(cx.InputError, match="zip bomb"):
        cx.load(bomb(tmp_path / "bomb.xlsx", 60))


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = bomb(tmp_path / "liar.xlsx", 60)
    data = path.read_bytes()
    size = (60_000_000).to_bytes(4, "little")
    assert data.count(size) >= 1
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(cx.InputError, match=r"damaged|bomb"):
        cx.load(path)


@pytest.mark.parametrize(
    "members", [["mimetype", "content.xml"], ["xl/workbook.bin"], ["a.txt"], ["xl/workbook.xml"]]
)
def test_other_archives_are_named(tmp_path: Path, members: list[str]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in members:
            archive.writestr(name, "x")
    path = tmp_path / "other.xlsx"
    path.write_bytes(stream.getvalue())
    with pytest.raises(cx.InputError, match=r"OpenDocument|xlsb|not a workbook|damaged"):
        cx.load(path)


def test_a_word_document_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "notes.docx"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("[Content_Types].xml", "word/document.xml"):
            archive.writestr(name, "x")
    with pytest.raises(cx.InputError, match=r"Word document; save the table in it as \.xlsx or CSV"):
        cx.load(path)


@pytest.mark.parametrize("cut", [40, 900, 4000])
def test_a_workbook_cut_short(tmp_path: Path, cut: int) -> None:
    path = workbook(tmp_path / "run.xlsx", {"Data": [("time (s)", "absorbance"), *ROWS]})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(cx.InputError, match="damaged"):
        cx.load(path)


def test_entities_in_a_workbook_are_not_expanded(tmp_path: Path) -> None:
    path = workbook(tmp_path / "run.xlsx", {"Data": [("time (s)", "absorbance"), *ROWS]})
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    lol = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><sst>&l9;</sst>'
    stream = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, lol if name == "xl/worksheets/sheet1.xml" else old.read(name))
    path.write_bytes(stream.getvalue())
    with pytest.raises(cx.InputError):
        cx.load(path)


def test_a_cell_of_the_preamble_is_no_label(tmp_path: Path) -> None:
    rows = [("Operator", "me"), ("Date", "2024-03-01"), (), ("time (min)", "A(324 nm)", "A(700 nm)")]
    book = Workbook()
    for row in [*rows, *((0.5 * i, 0.9 - 0.01 * i, 0.01) for i in range(30))]:
        book.active.append(row)
    book.save(tmp_path / "run5.xlsx")
    trace = cx.load(tmp_path / "run5.xlsx", column="A(324 nm)")
    assert (trace.label, trace.wavelength_nm) == ("A(324 nm)", 324.0)
    with pytest.raises(cx.InputError, match=r"no column 'A\(324 nn\)'.*did you mean 'A\(324 nm\)'\?"):
        cx.load(tmp_path / "run5.xlsx", column="A(324 nn)")


def test_sheets_are_gone_through_once_and_charts_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.xlsx"
    book = Workbook()
    for row in [("time (s)", "absorbance"), *ROWS]:
        book.active.append(row)
    chart = LineChart()
    chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=5), titles_from_data=True)
    book.create_chartsheet("Chart", 0).add_chart(chart)
    book.save(path)

    def by_name(*_: Any) -> None:
        raise AssertionError("a look-up by name goes through all sheets: a square of their number")

    monkeypatch.setattr(Workbook, "__getitem__", by_name)
    assert cx.load(path).n_points == 4
