"""What is said of a project file that cannot be used."""

from pathlib import Path

import pytest

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.cli.project import load_config


def said(path: Path, content: bytes) -> cx.InputError:
    path.write_bytes(content)
    with pytest.raises(cx.InputError) as caught:
        load_config(path)
    return caught.value


CASES = {
    "a text without quotes": (
        b"[fit]\nstages = 2\noffset = zero\n",
        'line 3: this is not a TOML file: Invalid value: offset = zero; a text needs quotes: offset = "zero"',
    ),
    "a comment behind it": (b"[fit]\ntime_unit = min # slow\n", 'a text needs quotes: time_unit = "min"'),
    "no value": (b"[fit]\r\noffset =\r\n", "offset =; write one option a line below [fit]"),
    "no end": (b"[fit]\nwindow = [1\n", "(at end of document); correct its last line"),
    "not text": (b"[fit]\noffset = \xff\n", "byte 15 is no UTF-8 text; save it as text in UTF-8"),
    "a misspelt table": (b"[fitt]\nstages = 2\n", "no [fit] table; rename [fitt] to [fit]"),
    "a table in capitals": (b"[FIT]\nstages = 2\n", "rename [FIT] to [fit]"),
    "no table": (b"stages = 2\n", "no [fit] table; put the line [fit] above stages"),
    "nothing like it": (b"[other]\nx = 1\n", "no [fit] table; make one with --save-config"),
    "seven stages": (b"[fit]\nstages = 7\n", 'stages = 7; it must be "auto", 1, 2, 3 or 4'),
    "nine in quotes": (b'[fit]\nstages = "9"\n', 'stages = "9"; it must be "auto", 1, 2, 3 or 4'),
}


@pytest.mark.parametrize("name", CASES)
def test_the_message_says_what_to_do_next(name: str, tmp_path: Path) -> None:
    content, words = CASES[name]
    error = said(tmp_path / "project.toml", content)
    assert str(error).startswith(str(tmp_path / "project.toml"))
    assert words in str(error)


def test_a_mark_at_the_head_of_the_file_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_bytes(b"\xef\xbb\xbf[fit]\r\nstages = 4\r\n")
    assert load_config(path) == {"stages": 4}


def test_a_project_file_of_no_possible_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "run.csv", "--config", "\0"]) == 1
    assert "cannot be read" in capsys.readouterr().err
