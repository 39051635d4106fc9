"""Outputs are whole or absent, and never run as formulas."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.atomic import neutral_cell, replace_directory, write_bytes, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "fit.json"
    write_text(path, "µ old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["fit.json"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_text(tmp_path / "fit.json", "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_a_folder_is_replaced_whole_or_left(tmp_path: Path) -> None:
    target = tmp_path / "run1"
    with replace_directory(target) as fresh:
        write_text(fresh / "a.txt", "1")
    with pytest.raises(FileNotFoundError), replace_directory(target) as fresh:
        write_text(fresh / "b.txt", "2").rename(tmp_path / "absent" / "c.txt")
    assert [p.name for p in target.iterdir()] == ["a.txt"]
    with replace_directory(target) as fresh:
        write_text(fresh / "c.txt", "3")
    assert [p.name for p in target.iterdir()] == ["c.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["run1"]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    target = tmp_path / "run1"
    with replace_directory(target) as fresh:
        write_text(fresh / "a.txt", "1")
    calls = []
    real = os.replace

    def second_fails(source: str, goal: str) -> None:
        calls.append(goal)
        if len(calls) == 2:
            raise OSError("disk full")
        real(source, goal)

    with pytest.raises(OSError, match="disk full"), replace_directory(target) as fresh:
        monkeypatch.setattr("os.replace", second_fails)
    assert [p.name for p in target.iterdir()] == ["a.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["run1"]


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    cell = neutral_cell(text)
    if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        float(cell)  # only a plain number may keep its sign
    assert cell.endswith(text)


def test_what_a_kill_left_is_put_back_or_taken_away_and_nothing_of_others(tmp_path: Path) -> None:
    long = "x" * 60
    for name in ("run", "run-1", long):
        with replace_directory(tmp_path / name) as fresh:
            (fresh / "mark").write_text(name)
    atomic = import_module("cxkinetics.atomic")
    for name in ("run", long):  # killed between the two renames
        aside = tmp_path / f"{atomic._beside(tmp_path / name)}abcd1234.old"
        aside.mkdir()
        (tmp_path / name).rename(aside / "old")
        (tmp_path / f"{atomic._beside(tmp_path / name)}abcd_234.part").mkdir()
    others = [".run-1.abcd1234.part", ".run.b.abcd1234.part", f".{long[:40]}.abcd1234.part", ".run.part"]
    for name in others:
        (tmp_path / name).write_text("of somebody else")
    atomic.recover(tmp_path, ["run", long])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["run", "run-1", long, *others])
    assert (tmp_path / "run" / "mark").read_text() == "run"
    assert (tmp_path / long / "mark").read_text() == long
    (tmp_path / ".run-1.efgh5678.old" / "old").mkdir(parents=True)
    with replace_directory(tmp_path / "run-1") as fresh:  # the next replacement clears up as well
        (fresh / "mark").write_text("new")
    assert sorted(p.name for p in tmp_path.glob(".run-1.*")) == []
    assert (tmp_path / "run-1" / "mark").read_text() == "new"
    atomic.recover(tmp_path / "missing", ["run"])


def test_a_swap_that_cannot_even_be_undone_keeps_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replace_directory(tmp_path / "run") as fresh:
        (fresh / "mark").write_text("old")
    real, calls = os.replace, []

    def once(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", once)
        with pytest.raises(OSError, match="Input/output"), replace_directory(tmp_path / "run"):
            pass
    import_module("cxkinetics.atomic").recover(tmp_path, ["run"])
    assert (tmp_path / "run" / "mark").read_text() == "old"


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800"])
def test_what_is_no_name_of_a_file_is_an_error_of_the_file_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="no name of a file or folder"):
        write_text(tmp_path / name, "text")
    with pytest.raises(OSError, match="no name of a file or folder"), replace_directory(tmp_path / name):
        pass
