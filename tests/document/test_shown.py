"""A result that declares its blocks gets every form; nothing is drawn or loaded before it is asked for."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cxkinetics.document.figure import clear_legend, new_figure, on_axes, signal_label
from cxkinetics.document.folder import write_folder
from cxkinetics.document.page import Figure, Gallery, Page, Paragraph, Section
from cxkinetics.document.shown import Shown
from cxkinetics.document.table import Column, Table, long
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate
from cxkinetics.source import Source

SOURCE = Source(file="run.csv", sha256="abc", simulated=True)
K = Estimate(name="k", value=0.05, se=0.002, low=0.046, high=0.054, unit="1/s", method="profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Shown):
    """Declares everything."""

    source: Source = SOURCE
    options: dict[str, Any] = field(default_factory=lambda: {"offset": "auto", "window": None})
    drawn: list[str] = field(default_factory=list)

    def numbers(self) -> Table:
        columns = [Column("quantity", "quantity"), Column("k, {unit}", long(), unit="1/s")]
        return Table(columns, [("k1", K)], name="numbers")

    def brief(self, unit: TimeUnit, *, loud: bool = False) -> Section:
        return Section("RUN 3" if loud else "Run 3", [self.numbers()], unit)

    def figures(self, unit: TimeUnit) -> tuple[Figure, ...]:
        return tuple(
            Figure(name, partial(on_axes, self.line, name, unit=unit), f"A line of {name}")
            for name in ("fit", "ln")
        )

    def line(self, name: str, *, ax: Any = None, unit: TimeUnit = SECONDS, title: str = "") -> Any:
        self.drawn.append(name)
        axes = new_figure("single", 0.8).add_subplot() if ax is None else ax
        axes.plot([0, 1], [1, 0], label=name)
        axes.set_title(title)
        axes.set_xlabel(f"time / {unit.sign}")
        return axes

    def data(self) -> list[Table]:
        return [self.numbers()]


@dataclass(frozen=True, slots=True)
class Plain(Shown):
    """Declares nothing but its JSON form."""

    k: float = 0.05

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "plain/1",
            "fine": True,
            "k": K.to_dict(),
            "rates": [K.to_dict(), K.to_dict()],
            "window": ["-3 nm", None],
            "values": [1.0, 2.0, float("nan")],
            "runs": [{"label": "a", "k": K.to_dict(), "points": [{"x": 1}, {"x": 2}]}],
        }


def test_a_declared_result_has_every_form(tmp_path: Path) -> None:
    result = Whole()
    assert str(result) == result.to_text() == "Run 3\n  quantity  k, 1/s\n  k1        0.0500 [0.0460, 0.0540]"
    assert "k, 1/min" in result.to_text(time_unit="min")
    assert result.to_text(loud=True).startswith("RUN 3")
    assert result._repr_html_().startswith("<div><p><strong>Run 3</strong></p><table>")
    assert "3.00 [2.76, 3.24]" in result.to_latex(time_unit="min")
    assert result.tables()["numbers"].loc[0, "low"] == 0.046
    book = openpyxl.load_workbook(result.to_excel(tmp_path / "run.xlsx"))
    assert [cell.value for cell in book["numbers"][2]][:2] == ["k1", 0.05]
    assert result.drawn == []


def test_the_page_of_a_result_without_one_has_numbers_figures_options_and_sources() -> None:
    html = Whole().to_html(time_unit="min")
    for words in (
        "Run 3",
        "3.00",
        "A line of ln",
        "<td>offset</td>",
        "run.csv: sha256 abc",
        "Simulated data.",
    ):
        assert words in html
    assert html.count("data:image/svg+xml") == 2


def test_plot_draws_the_first_figure_with_the_options_given() -> None:
    result = Whole()
    figure = result.plot(title="mine")
    assert figure.axes[0].get_title() == "mine"
    assert result.drawn == ["fit"]
    with pytest.raises(UsageError, match="no figure of a Plain"):
        Plain().plot()


def test_a_result_that_declares_nothing_shows_its_repr_and_its_json_form(tmp_path: Path) -> None:
    assert str(Plain()) == "Plain(k=0.05)"
    assert "Plain(k=0.05)" in Plain()._repr_html_()
    sheets = Plain().tables()
    assert list(sheets) == ["summary", "quantities", "runs", "runs points", "lists"]
    assert sheets["summary"].to_numpy().tolist() == [
        ["schema", "plain/1"],
        ["fine", True],
        ["window", "-3 nm, -"],
    ]
    assert sheets["quantities"]["quantity"].tolist() == ["k", "rates 1", "rates 2"]
    assert sheets["runs points"].to_numpy().tolist() == [["a", 1], ["a", 2]]
    assert sheets["lists"]["values"].tolist()[:2] == [1.0, 2.0]
    assert openpyxl.load_workbook(Plain().to_excel(tmp_path / "p.xlsx")).sheetnames == list(sheets)


def page(result: Whole) -> Page:
    first, second = result.figures(SECONDS)
    return Page("Run 3", "One stage.", [Section("Fit", [Gallery((first,)), second, Paragraph("Done.")])])


def write(result: Whole, directory: Path, **changes: Any) -> Path:
    given: dict[str, Any] = {"mark": "fit.json", "texts": {"fit.json": "{}\n", "data/a.txt": "a"}, **changes}
    tables = result.data()
    return write_folder(directory, page(result), tables=tables, workbook=("fit.xlsx", tables), **given)


def test_a_folder_holds_every_file_and_each_figure_is_drawn_once(tmp_path: Path) -> None:
    result = Whole()
    write(result, tmp_path / "run")
    found = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*.*")}
    figures = {f"{name}.{kind}" for name in ("fit", "ln") for kind in ("png", "svg", "pdf")}
    assert found == {
        "fit.json",
        "data/a.txt",
        "numbers.csv",
        "as-shown.csv",
        "fit.xlsx",
        "report.html",
        *figures,
    }
    assert result.drawn == ["fit", "ln"]
    assert (tmp_path / "run" / "numbers.csv").read_text().startswith("quantity,value,se,low,high,unit,")


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = write(Whole(), tmp_path / "run")
    before = {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}

    def fail(**_: Any) -> None:
        raise RuntimeError("no ink")

    broken = Page("Run 3", sections=[Section("Fit", [Figure("fit", fail, "none")])])
    with pytest.raises(RuntimeError, match="no ink"):
        write_folder(target, broken, mark="fit.json", texts={"fit.json": "new"})
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_is_no_result_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds no fit\.json"):
        write(Whole(), tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        write(Whole(), tmp_path / "notes.txt" / "run")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "trace-2").mkdir()
    (tmp_path / "trace-2" / "fit.json").write_text("{}")
    write(Whole(), tmp_path)
    assert not (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("make", [lambda: new_figure("triple"), lambda: new_figure("quadruple", 1.0)])
def test_an_unknown_width_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="must be 'single', 'double'"):
        make()


def test_a_legend_covers_no_line() -> None:
    axes = new_figure("single", 0.8).add_subplot()
    axes.plot([0, 1, 2], [1.0, 1.0, 1.0], label="a level line")
    axes.plot([0, 1, 2], [0.0, 0.0, 0.0])
    axes.set_ylim(0, 1.02)
    legend, below = clear_legend(axes)
    lowest = legend.get_window_extent().transformed(axes.transAxes.inverted()).y0
    height = axes.transAxes.inverted().transform(axes.transData.transform((0, 1.0)))[1]
    assert height < lowest
    assert height <= below + 1e-9


def test_a_legend_stands_below_a_curve_that_rises() -> None:
    axes = new_figure("single", 0.8).add_subplot()
    axes.plot([0.0, 0.2, 1, 2, 4], [0.1, 0.8, 0.95, 1.0, 1.0], label="a rise")
    before = axes.get_ylim()
    legend, below = clear_legend(axes)
    assert axes.get_ylim() == before
    assert below == 1.0
    box = legend.get_window_extent().transformed(axes.transAxes.inverted())
    assert box.y1 < 0.5
    assert box.x0 > 0.3


def test_signals_are_named_with_their_unit() -> None:
    assert [signal_label(unit) for unit in ("AU", "", "mM")] == ["absorbance / AU", "signal", "signal / mM"]


def test_a_result_class_loads_nothing_that_shows_it() -> None:
    code = (
        "import sys; from cxkinetics.document.shown import Shown\n"
        "class R(Shown): pass\n"
        "print(*(m for m in sys.modules if m.startswith(('cxkinetics.', 'matplotlib', 'pandas'))))\n"
        "str(R()); R()._repr_html_(); print('BRIEF', *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    made, _, shown = out.partition("BRIEF")
    expected = {"cxkinetics.document", "cxkinetics.document.shown", "cxkinetics.version"}
    assert set(made.split()) == expected
    assert not {"matplotlib", "pandas", "openpyxl", "jinja2", "scipy"} & set(shown.split())
