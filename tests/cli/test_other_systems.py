"""What a Windows machine does otherwise, tried here: cp1252 output, CR LF, backslashes, spawned processes."""

import ast
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.project import load_config, save_config
from cxkinetics.kinetics.batch import fit_many
from cxkinetics.kinetics.page import command_line, python_lines
from tests import guards
from tests.studies.truths import SEED, times

LABEL = "硫 → α é"  # of these cp1252 has only the last


def rows(mark: str = ",", n: int = 31) -> list[str]:
    t = times(n)
    y = SEED(t) + np.random.default_rng(3).normal(0, 0.003, t.size)
    return [f"{a:.3f}{mark}{b:.5f}" for a, b in zip(t, y, strict=True)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run.csv"
    path.write_text("\n".join([f"time (s),{LABEL}", *rows()]), encoding="utf-8")
    return path


def told(*words: str, cwd: Path, **environment: str) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "cxkinetics", *words],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words", [["--stages", "1"], ["--stages", "1", "--csv"], ["--stages", "1", "--json"]]
)
def test_signs_that_the_console_lacks_are_no_failure(words: list[str], run: Path) -> None:
    code, out, err = told("fit", run.name, *words, cwd=run.parent, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert code == 0, err.decode("cp1252")
    text = out.decode("cp1252")
    if "--json" in words:
        assert json.loads(text)["fits"][0]["trace"] == LABEL
    else:
        assert "\\u786b \\u2192 \\u03b1 é" in text


def test_files_are_utf_8_whatever_the_machine_writes_by_default(run: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code, _, err = told("fit", run.name, "--stages", "1", "--out", "results", cwd=run.parent, **plain)
    assert code == 0, err
    folder = run.parent / "results" / "run"
    assert LABEL in (folder / "report.html").read_text(encoding="utf-8")
    assert json.loads((folder / "fit.json").read_text(encoding="utf-8"))["trace"] == LABEL


def test_no_text_is_read_or_written_in_the_encoding_of_the_machine() -> None:
    bare = []
    for path in guards.files():
        for node in ast.walk(guards.tree_of(path)):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            binary = any(isinstance(a, ast.Constant) and "b" in str(a.value) for a in node.args[-1:])
            is_open = name == "open" and isinstance(node.func, ast.Name) and not binary
            text = name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute)
            if (is_open or text) and not any(k.arg == "encoding" for k in node.keywords):
                bare.append(f"{guards.name_of(path)}:{node.lineno}")
    assert not bare


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_the_ends_of_lines_change_nothing(mark: str, end: str, tmp_path: Path) -> None:
    lines = ["# Cary 60", f'"time (s)"{mark}"A 324 nm"', *rows(mark), ""]
    (tmp_path / "unix.csv").write_bytes("\n".join(lines).encode())
    (tmp_path / "other.csv").write_bytes(end.join(lines).encode())
    unix, other = (cx.load(tmp_path / name) for name in ("unix.csv", "other.csv"))
    assert isinstance(unix, cx.Trace)
    assert isinstance(other, cx.Trace)
    np.testing.assert_array_equal(unix.time_s, other.time_s)
    np.testing.assert_array_equal(unix.absorbance, other.absorbance)
    assert (unix.label, unix.wavelength_nm, unix.remarks) == (other.label, other.wavelength_nm, other.remarks)


def test_a_project_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_bytes(b'\xef\xbb\xbf[fit]\r\nstages = 2\r\nreference = "C:\\\\data\\\\solvent.csv"\r\n')
    assert load_config(path) == {"stages": 2, "reference": "C:\\data\\solvent.csv"}


def test_backslashes_of_a_path_survive_project_file_command_and_script(tmp_path: Path, run: Path) -> None:
    place = "C:\\data\\new runs\\run 1.csv"
    save_config(tmp_path / "project.toml", {"reference": place}, version="0")
    assert load_config(tmp_path / "project.toml") == {"reference": place}
    trace = cx.load(run)
    assert isinstance(trace, cx.Trace)
    fit = cx.fit_stages(trace, n_stages=1)
    fit = replace(fit, trace=replace(fit.trace, source=replace(fit.trace.source, file=place)))
    assert shlex.split(command_line(fit))[2] == place
    strings = [n.value for n in ast.walk(ast.parse(python_lines(fit))) if isinstance(n, ast.Constant)]
    assert place in strings
    assert cx.StagedFit.from_json(fit.to_json()).trace.source.file == place


def test_processes_that_are_spawned_give_what_one_gives(run: Path) -> None:
    options: dict[str, Any] = {"n_stages": 1, "noise": "white"}
    alone = fit_many([run, run.with_name("missing.csv")], **options).to_dict()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        spawned = fit_many([run, run.with_name("missing.csv")], executor=pool, **options).to_dict()
    assert spawned == alone
