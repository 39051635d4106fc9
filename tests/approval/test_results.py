"""Every public result in every form it has, compared with what is stored."""

from pathlib import Path

import matplotlib as mpl
import pytest

from tests.approval.cases import CASES, example_folder
from tests.approval.compare import STORED, check, masked
from tests.approval.forms import json_form, result_forms, sections

mpl.use("Agg")


@pytest.mark.parametrize("name", CASES)
def test_result_in_every_form(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    made = case.make()
    parts = []
    for result in made if isinstance(made, tuple) else (made,):
        if isinstance(result, float):
            parts.append(json_form(result))
            continue
        forms = result_forms(result, tmp_path, case.texts, case.plots, brief=case.brief)
        parts.append(sections(forms))
    text = masked("\n".join(parts), tmp_path, example_folder().parent)
    check(f"results/{name}.txt", text, elsewhere=case.elsewhere)


def test_no_stored_result_without_its_case() -> None:
    stored = {path.stem for path in (STORED / "results").glob("*.txt")}
    assert stored <= set(CASES), "delete the stored texts of cases that are gone"
