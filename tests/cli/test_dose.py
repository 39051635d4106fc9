"""The command `cxkinetics dose`."""

import json

import pytest

from cxkinetics.cli.main import main


def test_json_is_one_document(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag2Cd32S33", "--json", "--min-purity", "0.9"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["target"] == "Ag2Cd32S33"
    assert record["dose_percent"]["value"] == pytest.approx(56, abs=4)


def test_element_order_does_not_matter(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Cd32S33Ag2"]) == 0
    assert capsys.readouterr().out.startswith("Ag2Cd32S33: dose 5")


def test_unreachable_purity_is_one_line_with_the_way_out(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "AgCd33S33", "--min-purity", "0.9"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    for word in ("0.9", "0.49", "23", "cooperativity"):
        assert word in captured.err


def test_without_a_demand_the_best_is_given_with_a_warning(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "AgCd33S33", "--sensitivity"]) == 0
    captured = capsys.readouterr()
    assert "window" in captured.out
    assert "twice as wide" in captured.out
    assert "cannot exceed" in captured.err


def test_unknown_species(capsys: pytest.CaptureFixture) -> None:
    assert main(["dose", "Ag3Cd31S33"]) == 1
    assert "Ag2Cd32S33" in capsys.readouterr().err
