"""What version 0.1.0 wrote is read by this one, and every document has the keys that it had."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import cxkinetics as cx
from tests.approval.cases import run_command
from tests.approval.compare import APPROVE, check
from tests.approval.documents import FOLDER, READERS, UNREAD, WRITERS, small_series
from tests.approval.forms import keys_of
from tests.conftest import Demonstrated


def written(name: str) -> str:
    text = WRITERS[name]()
    return text if text.endswith("\n") else text + "\n"


@pytest.mark.parametrize("name", WRITERS)
def test_documents_hold_the_keys_they_held(name: str, bench: Path, demonstrated: Demonstrated) -> None:
    small_series().to_json(bench / "small.json")
    (bench / "demo.json").write_text(demonstrated.document, encoding="utf-8")
    text = written(name)
    path = FOLDER / name
    if APPROVE and cx.__version__ == "0.1.0" and not path.is_file():
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    if name.endswith(".json"):
        record = json.loads(text)
        check(f"documents/{name}.txt", f"{record['schema']}\n{keys_of(record)}")
    elif name.endswith(".csv"):
        head, columns = text.splitlines()[:2]
        check(f"documents/{name}.txt", f"{head.split(' {')[0]}\n{columns}")
    else:
        check(f"documents/{name}.txt", text.replace(cx.__version__, "VERSION"))


def test_every_kind_of_document_is_kept() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(WRITERS)
    assert set(READERS) | UNREAD == set(WRITERS)


def held(old: Any, new: Any, at: str = "document") -> Iterable[str]:
    """Return what of an old document a new one says differently; more keys are no difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            if key not in new:
                yield f"{at}.{key} is gone"
            else:
                yield from held(value, new[key], f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from held(a, b, f"{at}[{number}]")
    elif old != new:
        yield f"{at} was {old!r}, is {new!r}"


@pytest.mark.parametrize("name", READERS)
def test_documents_of_0_1_0_are_read(name: str, bench: Path) -> None:
    result = READERS[name](FOLDER / name)
    text = (FOLDER / name).read_text(encoding="utf-8")
    if name == "options.toml":
        assert result[0] == 0, result[2]
        assert tomllib.loads(text)["fit"]["stages"] in (2, "2")
    elif name == "evidence.json":
        (record,) = json.loads(text)["records"]
        (sample,) = result.samples
        assert sample.label == record["sample"]
        for finding in record["findings"]:
            assert sample[finding["species"]].findings[0].to_dict() == finding
    elif name.endswith(".json"):
        stored = json.loads(text)
        if name == "spectra-fit.json":  # 0.1.0 gave it the schema of a series of spectra
            stored["schema"] = "cxkinetics.spectra-fit/1"
        assert not list(held(stored, json.loads(result.to_json())))
    else:
        twin = READERS[name.replace(".csv", ".json")](FOLDER / name.replace(".csv", ".json"))
        assert result == twin


def test_spectra_and_their_fit_are_told_apart() -> None:
    """Both bear one schema in 0.1.0; what they hold tells them apart."""
    series = json.loads((FOLDER / "spectra.json").read_text(encoding="utf-8"))
    fit = json.loads((FOLDER / "spectra-fit.json").read_text(encoding="utf-8"))
    assert series["schema"] == fit["schema"] == "cxkinetics.spectra/1"
    assert "rate_constants" in fit
    assert "rate_constants" not in series
    assert "absorbance" in series


@pytest.mark.parametrize("name", ["spectra-fit.json", "fit.json", "curve.json"])
def test_a_stored_fit_is_no_signal(name: str) -> None:
    with pytest.raises(cx.InputError):
        cx.load(FOLDER / name)
    code, _, said = run_command("fit", str(FOLDER / name))
    assert code == 1
    assert name in said
