"""One section in every form: text, notebook, page, LaTeX, CSV and workbook."""

import io
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from zipfile import ZipFile

import openpyxl
import pytest

from cxkinetics.document.html import fragment, render_page
from cxkinetics.document.latex import escaped, latex_section
from cxkinetics.document.page import (
    Chart,
    Code,
    Curve,
    Figure,
    Notes,
    Page,
    Paragraph,
    Section,
    simulated_line,
    warning_notes,
)
from cxkinetics.document.sheets import csv_text, summary_table, workbook_bytes
from cxkinetics.document.table import Column, Table, Where, long
from cxkinetics.document.text import aligned, format_section, wrapped
from cxkinetics.document.units import time_unit
from cxkinetics.estimate import Estimate
from cxkinetics.remarks import Remark
from cxkinetics.source import Source

K = Estimate(name="k", value=0.05, se=0.002, low=0.046, high=0.054, unit="1/s", method="profile")
LONG = "the difference of these two models rests on the last three points of the trace alone"
NUMBERS = Table(
    [Column("quantity", "quantity"), Column("k, {unit}", long(), unit="1/s"), Column("remark", "remark")],
    [("k1", K, LONG), ("=1+1", K, "<b>")],
    name="numbers",
    caption="Numbers",
    note="95 % intervals",
)


def section(*blocks: object, unit: str = "s") -> Section:
    return Section("Run 3", blocks, time_unit(unit))  # type: ignore[arg-type]


class Outline(HTMLParser):
    """Open tags must be closed in order; texts are kept."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_text_is_aligned_and_its_last_column_wraps_at_the_width() -> None:
    text = format_section(section(Paragraph("Fitted."), replace(NUMBERS, gap=True)), width=60)
    assert text.splitlines() == [
        "Run 3",
        "  Fitted.",
        "",
        "  Numbers",
        "    quantity  k, 1/s                   remark",
        "    k1        0.0500 [0.0460, 0.0540]  the difference of these",
        "                                       two models rests on the",
        "                                       last three points of the",
        "                                       trace alone",
        "    =1+1      0.0500 [0.0460, 0.0540]  <b>",
        "  (95 % intervals)",
    ]


def test_a_bare_table_has_neither_caption_nor_note_in_a_terminal_but_both_in_html() -> None:
    shown = section(replace(NUMBERS, bare=True))
    assert "Numbers" not in format_section(shown)
    assert "95 %" not in format_section(shown)
    assert "<caption>Numbers</caption>" in fragment(shown)
    assert "<p><small>95 % intervals</small></p>" in fragment(shown)


def test_a_wide_table_folds_with_the_first_column_again() -> None:
    columns = [Column("trace"), *(Column(f"column {i}", numeric=True) for i in range(6))]
    lines = format_section(section(Table(columns, [("a", *range(6))], fold=True)), width=40).splitlines()
    assert [line.split()[0] for line in lines[1:] if line] == ["trace", "a"] * 2
    assert max(map(len, lines)) <= 40
    assert sorted(word for line in lines if line.startswith("a") for word in line.split()[1:]) == [*"012345"]


def test_the_unit_of_a_section_is_that_of_its_tables_in_every_form_people_read() -> None:
    shown = section(NUMBERS, unit="min")
    for form in (
        format_section(shown),
        fragment(shown),
        latex_section(shown),
        render_page(Page("t", sections=[shown])),
    ):
        assert "1/min" in form
        assert "3.00" in form
        assert "1/s" not in form
    assert ",0.05,0.002,0.046,0.054,1/s,profile," in csv_text(NUMBERS)


def test_blocks_stand_where_they_are_declared() -> None:
    marks = {Where.TEXT: "in text", Where.NOTEBOOK: "in notebooks", Where.PAGE: "on pages"}
    shown = section(*(Paragraph(words, where=where) for where, words in marks.items()))
    forms = {
        Where.TEXT: format_section(shown),
        Where.NOTEBOOK: fragment(shown),
        Where.PAGE: render_page(Page("t", sections=[shown])),
    }
    for place, form in forms.items():
        assert {where for where, words in marks.items() if words in form} == {place}


def test_warnings_are_left_out_with_the_empty_line_before_them() -> None:
    shown = section(
        Paragraph("Fitted."), *warning_notes([Remark("late", "added late")]), Paragraph("One stage.")
    )
    assert format_section(shown) == "Run 3\n  Fitted.\n\n  ! added late\n  One stage."
    assert format_section(shown, warnings=False) == "Run 3\n  Fitted.\n  One stage."
    kept = section(Notes(("at a bound",), mark="!", warnings=False))
    assert "at a bound" in format_section(kept, warnings=False)
    assert warning_notes([]) == ()


def test_simulated_data_are_called_so_and_measured_ones_are_not() -> None:
    assert simulated_line(Source(file="run.csv")) == ()
    lines = simulated_line(Source(simulated=True, note="from constants"))
    for form in (format_section, fragment, lambda shown: render_page(Page("t", sections=[shown]))):
        assert "SIMULATED DATA: from constants" in form(section(*lines))
    assert "Simulated data." in render_page(Page("t", simulated=True))
    assert "Simulated data." not in render_page(Page("t"))


@pytest.mark.parametrize("form", ["notebook", "page"])
def test_what_comes_from_a_file_is_escaped(form: str) -> None:
    evil = "<script>alert(1)</script>"
    shown = Section(
        evil,
        [
            Paragraph(evil),
            Notes((evil,)),
            Code(evil, label=evil),
            Table([Column(evil)], [(evil,)], caption=evil, note=evil, where=Where.ALL),
        ],
    )
    html = fragment(shown) if form == "notebook" else render_page(Page(evil, evil, [shown]))
    assert "<script" not in html
    assert not Outline(html).open
    assert evil in "".join(Outline(html).texts)


def test_a_page_is_one_file_that_loads_nothing() -> None:
    html = render_page(Page("Run 3", "One stage.", [section(NUMBERS, Code("cxkinetics fit run.csv"))]))
    assert "default-src 'none'" in html
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert not Outline(html).open
    assert html == render_page(
        Page("Run 3", "One stage.", [section(NUMBERS, Code("cxkinetics fit run.csv"))])
    )


def test_the_only_script_that_may_run_is_the_one_known_by_its_hash() -> None:
    evil = "</script><script>alert(1)</script>"
    curve = Curve(evil, [0.0, 1.0, 2.0], [1.0, float("nan"), 0.25])
    figure = Figure("fit", lambda **_: None, "a line", charts=lambda: [Chart("time / s", evil, [curve])])
    html = render_page(Page("Run", "One stage.", [section(figure)]), {"fit": "<svg></svg>"})
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    data = re.search(r'<script type="application/json" class="charts">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    spec = json.loads(data[1])[0]
    assert spec["tables"] == [[[0.0, 1.0, 2.0], [1.0, None, 0.25]]]
    assert spec["y"] == evil
    assert not Outline(html).open


def test_links_of_a_table_stand_behind_its_second_cells() -> None:
    table = Table(
        [Column("no."), Column("trace")], [(1, "a"), (2, "b")], links=("a/report.html", "b/report.html")
    )
    html = render_page(Page("t", sections=[section(table)]))
    assert '<td><a href="b/report.html">b</a></td>' in html


def test_latex_is_escaped_and_has_the_rules_of_booktabs() -> None:
    columns = [Column("a_b"), Column("n", numeric=True), Column("remark")]
    table = Table(columns, [("[1, 2]", 3, "5 % & more"), ("*", 1.5e-7, LONG)], note="#1")
    text = latex_section(section(table))
    assert "\\begin{tabular}{lrp{0.3\\linewidth}}" in text
    assert "{[}1, 2] & 3 & 5 \\% \\& more \\\\" in text
    assert "{*} & $1.5 \\times 10^{-7}$ &" in text
    assert text.index("\\toprule") < text.index("a\\_b & n & remark") < text.index("\\midrule")
    assert text.index("\\midrule") < text.index("\\bottomrule") < text.index("\\#1")
    assert "\\caption{Run 3}" in text
    assert latex_section(section(NUMBERS)).count("\\caption{Numbers}") == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-3.5", "$-$3.5"),
        ("[-0.2, 1e+05]", "[$-$0.2, $1 \\times 10^{5}$]"),
        ("0-100 s, AR(1) lag-1", "0-100 s, AR(1) lag-1"),
        ("-2.5e-03", "$-2.5 \\times 10^{-3}$"),
        ("k_1^2 ~ {x}\\", "k\\_1\\textasciicircum{}2 \\textasciitilde{} \\{x\\}\\textbackslash{}"),
        ("< 0.001", "$<$ 0.001"),
        ("CHEBI1e5x", "CHEBI1e5x"),
    ],
)
def test_latex_words(words: str, expected: str) -> None:
    assert escaped(words) == expected


def test_csv_has_all_digits_and_nothing_that_runs() -> None:
    text = csv_text(Table.of_rows("t", ("a", "@b"), [(1 / 3, "=1+1"), (None, True), (float("nan"), "-3.5")]))
    assert text == "a,'@b\n0.3333333333333333,'=1+1\n,yes\n,-3.5\n"
    assert (
        csv_text(Table.of_rows("t", ("a",), [(1 / 3,), (12345678901,)]), digits=3)
        == "a\n0.333\n12345678901\n"
    )


def test_a_workbook_holds_raw_numbers_and_text_that_is_no_formula() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook_bytes([NUMBERS, replace(NUMBERS, name="Numbers")])))
    assert book.sheetnames == ["numbers", "Numbers 2"]
    rows = list(book["numbers"].iter_rows(values_only=True))
    assert rows[0] == ("quantity", "value", "se", "low", "high", "unit", "method", "reason", "remark")
    assert rows[1][:5] == ("k1", 0.05, 0.002, 0.046, 0.054)
    assert rows[2][0] == "'=1+1"
    assert all(cell.data_type != "f" for row in book["numbers"].iter_rows() for cell in row)


def test_a_control_character_does_not_break_a_workbook() -> None:
    table = Table.of_rows("t", ("a\x07",), [("run\x1b3",)])
    rows = openpyxl.load_workbook(io.BytesIO(workbook_bytes([table])))["t"].values
    assert list(rows) == [("a\ufffd",), ("run\ufffd3",)]


def test_names_that_a_workbook_refuses_are_mended() -> None:
    tables = [Table.of_rows(name, ("a",), []) for name in ("a/b[c]", "x" * 40, "x" * 35, "")]
    names = openpyxl.load_workbook(io.BytesIO(workbook_bytes(tables))).sheetnames
    assert names == ["a-b-c-", "x" * 31, "x" * 29 + " 2", "entries"]


def test_a_workbook_says_no_moment_of_writing_so_that_equal_tables_are_equal_files() -> None:
    with ZipFile(io.BytesIO(workbook_bytes([NUMBERS]))) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = book.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT", core)) == {"1980-01-01T"}
    assert workbook_bytes([NUMBERS]) == workbook_bytes([NUMBERS])


def test_the_summary_names_options_seed_version_and_remarks() -> None:
    remarks = [Remark("late", "added late")]
    table = summary_table(
        [("verdict", "one_stage")], options={"b": (1, 2), "a": None}, seed=3, warnings=remarks
    )
    assert table.records()[1] == [
        ["verdict", "one_stage"],
        ["option a", None],
        ["option b", "(1, 2)"],
        ["seed", 3],
        ["cxkinetics version", ""],
        ["remark 1", "added late"],
    ]


def test_words_are_never_broken() -> None:
    assert wrapped("a " + "x" * 30, width=10).splitlines() == ["a", "x" * 30]
    assert aligned(Table([], []).grid()) == ""
