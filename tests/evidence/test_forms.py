"""Every result of the room in every form: text, notebook, page, LaTeX, tables, workbook and JSON."""

from pathlib import Path
from typing import Any

import pytest

from cxkinetics.errors import InputError
from cxkinetics.evidence.examples import analyse_simulated, published_table, simulation_settings


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    sample = analyse_simulated(simulation_settings()["samples"][3])
    return {
        "masses": sample.masses,
        "mixture": sample.mixture,
        "xps": sample.xps,
        "pattern": sample.pattern,
        "consensus": published_table(),
    }


KINDS = ("masses", "mixture", "xps", "pattern", "consensus")
ROWS = {
    "masses": "mz_da",
    "mixture": "cluster",
    "xps": "position_eV",
    "pattern": "phase",
    "consensus": "sample",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_stored_whole_and_read_back(results: dict[str, Any], kind: str) -> None:
    result = results[kind]
    assert type(result).from_json(result.to_json()) == result


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_of_another_kind_is_refused(results: dict[str, Any], kind: str) -> None:
    other = results[KINDS[KINDS.index(kind) - 1]]
    with pytest.raises(InputError, match=type(results[kind]).SCHEMA):
        type(results[kind]).from_json(other.to_json())


@pytest.mark.parametrize("kind", KINDS)
def test_text_page_latex_and_workbook_hold_the_rows_of_the_table(
    results: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    result = results[kind]
    frame = result.table()
    assert ROWS[kind] in frame.columns
    assert len(frame) > 0
    first = f"{frame[ROWS[kind]].iloc[0]:.2f}" if kind == "xps" else f"{frame[ROWS[kind]].iloc[0]}"
    if kind == "masses":
        first = f"{frame[ROWS[kind]].iloc[0]:.6g}"
    for text in (str(result), result._repr_html_(), result.to_html()):
        assert first in text
    assert first.replace("%", r"\%") in result.to_latex()
    assert "toprule" in result.to_latex()
    assert result.to_excel(tmp_path / "result.xlsx").stat().st_size > 1000
    assert "table" not in result.tables(), "it would stand in the workbook twice"


def test_a_page_says_that_findings_rest_on_simulated_data(results: dict[str, Any]) -> None:
    from cxkinetics.evidence.examples import demonstrate_evidence

    note = "describe a simulation"
    assert note in results["xps"].to_html()
    assert note in demonstrate_evidence().recovered.to_html()
    assert note not in results["consensus"].to_html()
