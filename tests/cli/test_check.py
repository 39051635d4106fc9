"""`cxkinetics check`: agrees with what is stored, names what does not, what is missing and how to get it."""

import json
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from cxkinetics import annexes
from cxkinetics.cli import check
from cxkinetics.cli.main import main
from cxkinetics.errors import FitError
from cxkinetics.estimate import Estimate

NAMES = ("k1, 1/s", "k2, 1/s", "breakpoint, s")


def stored_numbers(name: str) -> dict[str, Estimate]:
    """Return the stored numbers themselves, so that nothing need be fitted."""
    known = check.TRACES[name]
    return {n: Estimate(name=n, value=v, low=low, high=high) for n, (v, low, high) in known.items()}


@pytest.fixture
def traces_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What annexes check is left out where it is not what is looked at: computing it takes seconds."""
    real = annexes.declared
    monkeypatch.setattr(annexes, "declared", lambda word: {} if word == "CHECK" else real(word))


def report(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["check", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_what_is_computed_here_is_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    code, record = report(capsys)
    assert (code, record["good"], record["missing_parts"]) == (0, True, [])
    names = [item["name"] for item in record["checks"]]
    assert names[:6] == [f"{trace}: {name}" for trace in ("ag-cds", "cu-cds") for name in NAMES]
    assert "composition: dose for Ag2Cd32S33, %" in names
    for item in record["checks"]:
        width = item["stored"][2] - item["stored"][1]
        assert item["found"] == pytest.approx(item["stored"], abs=check.SHARE * width)


@pytest.mark.usefixtures("traces_alone")
@pytest.mark.parametrize("place", ["value", "low", "high"])
def test_a_number_that_differs_is_named_and_is_exit_one(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(name: str) -> dict[str, Estimate]:
        found = stored_numbers(name)
        k1 = found["k1, 1/s"]
        numbers = {"value": k1.value, "low": k1.low, "high": k1.high}
        assert k1.low is not None
        assert k1.high is not None
        numbers[place] = (numbers[place] or 0) + 0.1 * (k1.high - k1.low)
        return found | {"k1, 1/s": Estimate(name="k1", **numbers)}

    monkeypatch.setattr(check, "_trace", wrong)
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if "DIFFERS" in line]
    assert [line.split()[0] for line in lines] == ["ag-cds:", "cu-cds:"]
    assert "DIFFERS, stored 0.0559542 [0.0556002, 0.0561983]" in lines[0]


@pytest.mark.usefixtures("traces_alone")
def test_a_fit_that_fails_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(name: str) -> dict[str, Estimate]:
        if name == "ag-cds":
            raise FitError("the linear algebra of this machine gives nan")
        return stored_numbers(name)

    monkeypatch.setattr(check, "_trace", failing)
    code, record = report(capsys)
    assert code == 1
    assert [item["good"] for item in record["checks"][:6]] == [False] * 3 + [True] * 3
    assert record["checks"][0]["error"] == "FitError: the linear algebra of this machine gives nan"


def test_missing_extras_are_named_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", none)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(project["project"]["optional-dependencies"]) - check.DEVELOPMENT
    missing = check._extras()
    assert {how.partition("[")[2].rstrip("]'") for how in missing.values()} == extras
    assert missing["openreadout"] == "python -m pip install 'cxkinetics[instruments]'"
