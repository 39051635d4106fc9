"""Reports: self-contained, escaped, complete; folders whole or untouched; CSV at full precision."""

import base64
import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from cxkinetics.examples.kinetics import EXAMPLES, load_example
from cxkinetics.kinetics.batch import Failure
from cxkinetics.kinetics.batch_page import write_batch
from cxkinetics.kinetics.page import command_line, python_lines, write_fit
from cxkinetics.kinetics.replicates import replicate_means
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.remarks import Remark
from tests.kinetics.conftest import batch_of


class Reader(HTMLParser):
    """Checks nesting and collects the attributes and the text of a page."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def page(make_fit: Callable[..., StagedFit]) -> str:
    series = load_example("ag-cds")
    fit = make_fit(
        warnings=(Remark("time_unit_assumed", "seconds assumed", 2, (3, 4)),), excluded=((5.0, 1.2345),)
    )
    return replace(fit, trace=series.exciton_peak()).to_html(series=series, examples=EXAMPLES)


def test_a_report_holds_everything_a_reader_asks_for(page: str) -> None:
    text = " ".join(Reader(page).text.split()).replace("\u00a0", " ")
    for asked in (
        "Two stages: a break at 19.86 s",  # summary
        "verdict two stages p of a break",
        "0.05625 [0.05581, 0.05669]",
        "J. Chem. Phys. 159, 014704",
        "biexponential + offset",
        "Durbin-Watson",
        "seconds assumed (lines 3, 4)",
        "1.234",  # the point left out
        "cxkinetics fit ag-cds-simulated.csv --trace 1 --track 324 --seed 7",
        "cx.load_example('ag-cds').exciton_peak(near_nm=324)",
        "sha256",
        "numpy",
        "confidence",
        "Simulated data.",
    ):
        assert asked in text, asked
    assert text.index("Two stages: a break") < text.index("Rival models")


def test_no_heading_is_doubled_and_no_code_is_shown(page: str) -> None:
    text = Reader(page).text
    assert page.count(">Rival models<") == 2  # the list of sections and the heading
    assert "two_stages" not in text


def test_the_table_says_p_as_the_verdict_does(make_fit: Callable[..., StagedFit]) -> None:
    fit = make_fit()
    smallest = replace(fit.verdict, p_value=0.002, text="two stages: p <= 0.002 (499 simulated traces)")
    html = make_fit(verdict=smallest, options={**fit.options, "replicates": 499}).to_html()
    assert "<td>p &lt;= 0.002</td>" in html
    assert "p = 0.002" not in html
    assert "<td>p = 0.001</td>" in make_fit().to_html()


def test_long_notes_may_stand_below_their_row_on_a_phone(page: str) -> None:
    assert '<td class="remark">the same curve as sequential with free q</td>' in page
    assert '<th scope="col" class="remark">when not to trust the difference</th>' in page
    assert '<table style="--columns: 5">' in page


def test_a_report_loads_nothing_and_runs_nothing_but_its_charts(page: str) -> None:
    found = Reader(page).found
    scripts = [attributes.get("type") for tag, attributes in found if tag == "script"]
    assert sorted(scripts, key=str) == [
        None,
        *["application/json"] * 2,
    ]  # the script itself, data of two figures
    assert page.count("script-src 'sha256-") == 1
    for tag, attributes in found:
        assert tag not in {"iframe", "object", "form"}
        for name in ("src", "href"):
            address = attributes.get(name)
            assert address is None or address.startswith(("data:", "#")), address
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_every_picture_has_words_and_is_whole_svg(page: str) -> None:
    pictures = [attributes for tag, attributes in Reader(page).found if tag == "img"]
    assert len(pictures) == 4
    for attributes in pictures:
        assert len(attributes["alt"] or "") > 40
        assert "imulated" in (attributes["alt"] or "")
        svg = base64.b64decode((attributes["src"] or "").partition("base64,")[2]).decode()
        assert svg.rstrip().endswith("</svg>")


def test_measured_data_is_not_called_simulated(make_fit: Callable[..., StagedFit]) -> None:
    html = make_fit(simulated=False).to_html()
    assert "imulated data" not in Reader(html).text
    assert not any("imulated" in (a.get("alt") or "") for _, a in Reader(html).found)


def test_names_from_files_are_escaped(make_fit: Callable[..., StagedFit]) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    html = make_fit(file=f"{nasty}.csv", label=nasty, warnings=(Remark("x", nasty),)).to_html()
    assert nasty not in html
    failed = Failure(file=nasty, trace=None, error="InputError", message=nasty)
    html = batch_of([make_fit(label=nasty)], [failed], ['out/"><script>']).to_html(directory="out")
    assert nasty not in html
    assert "<script" not in html


def test_equal_results_give_equal_reports(fit: StagedFit) -> None:
    assert fit.to_html() == fit.to_html()


def test_a_folder_holds_every_file_and_the_whole_result(fit: StagedFit, tmp_path: Path) -> None:
    folder = write_fit(fit, tmp_path / "run3")
    names = {"fit.json", "fit.xlsx", "report.html"}
    names |= {f"{name}.csv" for name in ("quantities", "stages", "trace", "rivals", "as-shown")}
    names |= {f"{figure}.{kind}" for figure in ("fit", "ln") for kind in ("png", "svg", "pdf")}
    assert {path.name for path in folder.iterdir()} == names
    assert StagedFit.from_json((folder / "fit.json").read_text()) == fit
    for name in ("fit.pdf", "ln.pdf"):
        assert (folder / name).read_bytes().startswith(b"%PDF-")
    assert "application/pdf" not in (folder / "report.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["run3"]


def test_tables_keep_full_precision_and_units(fit: StagedFit, tmp_path: Path) -> None:
    folder = write_fit(replace(fit, excluded=((5.0, 1.25),)), tmp_path / "run3")
    points = list(csv.DictReader((folder / "trace.csv").read_text().splitlines()))
    kept = [row for row in points if row["left_out"] == "0"]
    assert np.array_equal([float(row["signal_AU"]) for row in kept], fit.trace.absorbance)
    assert np.array_equal([float(row["fitted_AU"]) for row in kept], fit.fitted)
    assert points[-1] | {"time_s": "5.0", "signal_AU": "1.25", "fitted_AU": "", "left_out": "1"} == points[-1]
    stages = list(csv.DictReader((folder / "stages.csv").read_text().splitlines()))
    assert [float(row["k_per_s"]) for row in stages] == [s.k_per_s.value for s in fit.stages]
    assert float(stages[0]["ending_breakpoint_low_s"]) == fit.breakpoints_s[0].low
    assert stages[1]["ending_breakpoint_s"] == ""
    rivals = list(csv.DictReader((folder / "rivals.csv").read_text().splitlines()))
    assert [row["model"] for row in rivals] == [rival.model for rival in fit.rivals]


def test_a_failed_write_leaves_the_old_folder_as_it_was(
    fit: StagedFit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_fit(fit, tmp_path / "run3")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def broken(*_: object, **__: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr("cxkinetics.document.html.render_page", broken)
    with pytest.raises(OSError, match="disk full"):
        write_fit(replace(fit, seed=8), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run3"]


def test_a_label_cannot_act_as_a_formula(make_fit: Callable[..., StagedFit], tmp_path: Path) -> None:
    write_batch(batch_of([make_fit(label="=HYPERLINK(1)")]), tmp_path)
    row = next(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert row["trace"] == "'=HYPERLINK(1)"


def test_a_batch_lists_fits_failures_and_the_spread(
    make_fit: Callable[..., StagedFit], tmp_path: Path
) -> None:
    rates = [(0.050, 0.018), (0.056, 0.019), (0.062, 0.020)]
    fits = [make_fit(pair, file=f"run{i}.csv") for i, pair in enumerate(rates)]
    fits.append(make_fit((0.03,), (), file="single.csv"))
    failed = Failure(file="bad.csv", trace=1, error="InputError", message="bad.csv: line 3 is empty")
    folders = [str(tmp_path / name) for name in ("run0", "run 1", "run2", "single")]
    write_batch(batch_of(fits, [failed], folders), tmp_path)
    html = (tmp_path / "report.html").read_text()
    text = " ".join(Reader(html).text.split()).replace("\u00a0", " ")
    assert "4 traces fitted: 3 two stages, 1 one stage; 1 failed." in text
    assert "bad.csv: line 3 is empty" in text
    assert 'href="run%201/report.html"' in html
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert [row["verdict"] for row in rows] == ["two_stages"] * 3 + ["one_stage"]
    assert rows[3]["k2_per_s"] == ""
    assert {"overview.png", "overview.svg", "overview.pdf"} <= {path.name for path in tmp_path.iterdir()}


def test_an_empty_batch_still_reports_its_failures(tmp_path: Path) -> None:
    failed = Failure(file="bad.csv", trace=None, error="InputError", message="nothing in it")
    write_batch(batch_of([], [failed]), tmp_path)
    assert "0 traces fitted; 1 failed." in (tmp_path / "report.html").read_text()


def test_the_mean_of_replicates_is_the_textbook_t_interval(make_fit: Callable[..., StagedFit]) -> None:
    values = [0.050, 0.056, 0.062]
    found = replicate_means([make_fit((k, 0.019)) for k in values] + [make_fit((0.9,), ())])
    k1 = found[0]
    assert k1.n_runs == 3
    assert k1.mean.value == pytest.approx(0.056)
    assert k1.sd_between == pytest.approx(0.006)
    half = 4.302652729911275 * 0.006 / np.sqrt(3)  # t(0.975, 2) of a printed table
    assert (k1.mean.low, k1.mean.high) == pytest.approx((0.056 - half, 0.056 + half))
    assert k1.se_within == pytest.approx(np.sqrt(np.mean(np.square(values))) / 250)
    assert replicate_means([make_fit()]) == []


def test_the_command_and_the_script_carry_every_changed_option(make_fit: Callable[..., StagedFit]) -> None:
    options = {
        "n_stages": 2,
        "joint": "free",
        "recipe": "loglinear",
        "window": [110.0, None],
        "breakpoints_s": [12.5],
        "confidence": 0.9,
        "noise": "auto",
    }
    fit = make_fit(options=options, file="my run.csv")
    assert command_line(fit) == (
        "cxkinetics fit 'my run.csv' --trace 1 --wavelength 324 --window 110: --stages 2 --breakpoint 12.5 "
        "--joint free --recipe loglinear --confidence 0.9 --seed 7"
    )
    script = python_lines(fit)
    assert "cx.load('my run.csv', trace=1, wavelength=324.0)" in script
    assert "n_stages=2" in script
    assert "window=(110.0, None)" in script
    assert "rng=7" in script
    assert "noise=" not in script
    compile(script, "script", "exec")


def test_the_summary_of_a_fit_is_json_ready(fit: StagedFit) -> None:
    assert json.loads(fit.to_json())["verdict"]["code"] == "two_stages"
    assert re.fullmatch(r"[0-9a-f]{64}", fit.trace.source.sha256)


def test_every_masked_point_stands_in_the_report_once(make_fit: Callable[..., StagedFit]) -> None:
    many = Remark.at("missing_cells", "40 missing cells left out", 40, rows=range(2, 42))
    step = Remark("step", "the level steps between 59 and 60.5 s", 1, times_s=(60.5,))
    page = make_fit(warnings=(many, step)).to_html()
    listed = ", ".join(map(str, range(2, 42)))
    assert page.count(f"40 missing cells left out (lines {listed})") == 1
    assert "between 59 and 60.5 s<" in page
    assert "rows 2" not in page
