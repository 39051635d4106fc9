"""Outputs are whole or absent, and never run as formulas."""

from pathlib import Path

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
