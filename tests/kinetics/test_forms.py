"""Every result of the room in every form, or the reason why it lacks one; fits before anything drawn."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from openpyxl import load_workbook

import cxkinetics as cx
from cxkinetics.document.units import SECONDS
from cxkinetics.kinetics import batch as module
from cxkinetics.kinetics import page
from cxkinetics.kinetics.page import verdict_text
from cxkinetics.kinetics.result import Verdict
from tests.studies.truths import SEED, noise, stream, times

mpl.use("Agg")

OPTIONS: dict[str, Any] = {"n_stages": 2, "offset": "zero", "noise": "white"}


def write_traces(path: Path, *numbers: int) -> Path:
    t = times(31)
    columns = [SEED(t) + noise(t, 0.004, 0.0, stream(50, "forms", number)) for number in numbers]
    rows = (",".join(f"{value:.5f}" for value in row) for row in zip(t, *columns, strict=True))
    path.write_text("\n".join([",".join(["time_s", *(f"run {n}" for n in numbers)]), *rows]))
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("forms")
    files = [write_traces(folder / f"run<{n}>.csv", n) for n in (1, 2)]
    fitted = cx.fit_many([*files, folder / "missing.csv"], **OPTIONS)
    trace = fitted.fits[0].trace
    return {
        "fit": fitted.fits[0],
        "fit with bootstrap": cx.fit_stages(trace, bootstrap=50, **OPTIONS),
        "fit without decay": cx.fit_stages(
            replace(trace, absorbance=0.5 + noise(times(31), 0.004, 0.0, stream(50, "forms", 9)))
        ),
        "batch": fitted,
        "batch without fits": cx.fit_many([folder / "missing.csv"]),
        "replicates": fitted.replicates(),
        "replicates without mean": cx.fit_many(files[:1], **OPTIONS).replicates(),
    }


KINDS = (
    *("fit", "fit with bootstrap", "fit without decay"),
    *("batch", "batch without fits", "replicates", "replicates without mean"),
)
FORMS = ("to_text", "_repr_html_", "to_html", "to_latex", "table", "tables", "to_excel", "to_json", "plot")
LACKS = {
    ("batch", "from_json"): "its document holds the numbers alone; each fit is stored whole in its folder",
    ("batch without fits", "from_json"): "as above",
}
UNDRAWN = ("batch without fits", "replicates", "replicates without mean")  # nothing, or shown by the batch


@pytest.mark.parametrize("form", [*FORMS, "from_json"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_there_or_its_lack_has_a_reason(results: dict[str, Any], kind: str, form: str) -> None:
    assert hasattr(results[kind], form) is ((kind, form) not in LACKS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_copied_or_pickled_comes_back_equal(results: dict[str, Any], kind: str) -> None:
    result = results[kind]
    json.loads(result.to_json())
    if (kind, "from_json") not in LACKS:
        assert type(result).from_json(result.to_json()) == result
    assert copy.copy(result) == copy.deepcopy(result) == pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize("kind", KINDS)
def test_sheets_frames_and_page_are_made_of_the_same_tables(
    results: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    result = results[kind]
    frames = result.tables()
    book = load_workbook(result.to_excel(tmp_path / "result.xlsx"))
    assert [name for name in book.sheetnames if name != "as shown"] == list(frames)
    for name, frame in frames.items():
        assert [cell.value for cell in book[name][1]] == list(frame.columns)
        assert book[name].max_row == len(frame) + 1
    assert "<h1>" in result.to_html()
    assert "<div>" in result._repr_html_()
    if kind in UNDRAWN:
        with pytest.raises(cx.UsageError, match="there is no figure"):
            result.plot()
    else:
        assert result.plot().axes


def test_times_are_shown_in_the_unit_asked_for_and_kept_in_s_for_programs(results: dict[str, Any]) -> None:
    fit = results["fit"]
    k1 = fit.stages[0].k_per_s
    shown = f"{k1.value * 60:.3f} [{k1.low * 60:.3f}, {k1.high * 60:.3f}]"
    assert shown in fit.to_latex(time_unit="min")
    assert shown in fit.to_html(time_unit="min")
    assert "1/min" in fit.to_latex(time_unit="min")
    assert fit.tables()["stages"]["k_per_s"][0] == fit.tables()["quantities"]["value"][0] == k1.value
    frame = results["batch"].table()
    assert list(frame["k1_per_s"]) == [each.stages[0].k_per_s.value for each in results["batch"].fits]
    assert isinstance(frame, pd.DataFrame)


def test_latex_holds_each_table_with_its_rules_and_nothing_unescaped(results: dict[str, Any]) -> None:
    text = results["fit"].to_latex()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 3
    assert "95 \\%" in text
    assert " 95 % " not in text
    assert "run$<$1$>$.csv" in text
    assert results["batch"].to_latex().count(r"\begin{table}") == 2


def test_the_page_of_a_batch_names_what_failed_and_links_the_folders(results: dict[str, Any]) -> None:
    html = results["batch"].to_html()
    assert "missing.csv" in html
    assert "href=" not in html.partition("Every trace")[2].replace('href="#', "")
    assert "run&lt;1&gt;.csv" in html
    text = results["batch"].to_text()
    assert "! " in text
    assert "no such file" in " ".join(text.split())
    assert "! " not in results["batch"].to_text(warnings=False)


@pytest.mark.parametrize(
    ("code", "lead", "said"),
    [
        ("no_decay", None, True),
        ("undecided", None, True),
        ("undecided", 1.0, False),
        ("two_stages", 9.0, False),
    ],
)
def test_p_is_added_where_the_verdict_rests_on_something_else(
    results: dict[str, Any], code: str, lead: float | None, said: bool
) -> None:
    """Whatever the words are: a label with "p =" in them changes nothing."""
    for text in ("flat", "k p = 1"):
        verdict = Verdict(code=code, p_value=0.3, text=text, delta_aicc=lead)
        shown = verdict_text(replace(results["fit"], verdict=verdict))
        assert shown == (f"{text} (p = 0.3 for a break)" if said else text)


def test_the_smallest_p_is_known_from_the_number_of_simulated_traces(results: dict[str, Any]) -> None:
    fit = results["fit"]
    verdict = replace(fit.verdict, p_value=0.01, text="words without any number")
    for replicates, sign in ((99, "p <= 0.01"), (499, "p = 0.01")):
        changed = replace(fit, verdict=verdict, options={**fit.options, "replicates": replicates})
        rows = changed.page(SECONDS).sections[0].blocks[1].rows
        assert rows[1][1] == sign


def test_all_traces_of_a_file_are_fitted_before_any_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def told(word: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def tell(*rest: Any, **more: Any) -> Any:
            heard.append(word)
            return real(*rest, **more)

        return tell

    monkeypatch.setattr(module, "fit_stages", told("fit", module.fit_stages))
    monkeypatch.setattr(page, "write_fit", told("write", page.write_fit))
    file = write_traces(tmp_path / "table.csv", 3, 4)
    found = cx.fit_many([file], out=str(tmp_path / "out"), **OPTIONS)
    assert heard == ["fit", "fit", "write", "write"]
    assert [Path(folder).name for folder in found.folders] == ["trace-1", "trace-2"]
    assert cx.fit_many([file], out=str(tmp_path / "out"), **OPTIONS).skipped == (str(file),)
    assert heard == ["fit", "fit", "write", "write"]
