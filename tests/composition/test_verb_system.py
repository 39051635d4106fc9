"""`cxkinetics system new`: the file loads as it is, and with every key in it."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from cxkinetics.cli.main import main
from cxkinetics.composition.system import System, load_system, system_template


def test_the_file_loads_as_it_is_and_serves_every_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "mine.toml"
    assert main(["system", "new", str(path)]) == 0
    assert f"pass it as --system {path}" in capsys.readouterr().out
    assert load_system(path).species == ("Cd34S33", "AgCd33S33", "Ag2Cd32S33", "Ag2S")
    table = tmp_path / "icp.csv"
    table.write_text(
        "Ag added (%),Ag found (%)\n0,0\n40,4.1\n75,8.0\n90,9.7\n100,12.1\n120,28.3\n135,40.4\n170,40\n"
    )
    assert main(["predict", "--dose", "50", "--table", str(table), "--system", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"]["max_guests"] == 2


def test_an_existing_file_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    assert main(["system", "new", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_every_key_is_explained_and_loads_once_its_sign_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text("\n".join(line.removeprefix("#: ") for line in system_template().splitlines()))
    keys = set(tomllib.loads(path.read_text()))
    assert keys == {item.name for item in fields(System) if item.init} - {"max_dopants"}
    system = load_system(path)
    assert system.title == "Ag+ into my clusters"
    chemistry = pytest.importorskip("cxkinetics.evidence.chemistry")
    assert chemistry.chemistry_of(path).states[0].position_ev == 368.9


def test_the_document_says_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    assert main(["system", "new", str(path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["file"]) == ("cxkinetics.system-file/1", str(path))
    assert record["species"][-1] == "Ag2S"
