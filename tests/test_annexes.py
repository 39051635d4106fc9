"""Each annex can be taken away: without its folder the rest imports, tells nothing of it, and works."""

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cxkinetics as cx
from cxkinetics.annexes import ANNEXES, declared
from cxkinetics.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[1]
LOOK = """
import contextlib, importlib, io, json, pathlib, pkgutil, sys
import cxkinetics as cx
from cxkinetics.cli.main import main

def told(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as stopped:
            code = stopped.code
    return code, out.getvalue(), err.getvalue()

modules = [m.name for m in pkgutil.walk_packages(cx.__path__, "cxkinetics.") if "__main__" not in m.name]
for module in modules:
    importlib.import_module(module)
names = list(cx.__all__)
for name in names:
    getattr(cx, name)
broken = []
for path in sorted(pathlib.Path("tests").rglob("*.py")):
    try:
        importlib.import_module(".".join(path.with_suffix("").parts))
    except BaseException as error:  # that of pytest for "skip this file" is no Exception
        if type(error).__name__ != "Skipped":
            broken.append((path.as_posix(), repr(error)))
open("run.csv", "w").write("t (s),A\\n" + "\\n".join(f"{t},{0.9 * 0.97 ** t:.5f}" for t in range(30)))
record = {
    "file": cx.__file__,
    "names": names,
    "broken": broken,
    "gone": [name for name in json.loads(sys.argv[2]) if not hasattr(cx, name)],
    "help": told("--help"),
    "formats": told("formats", "--json"),
    "inspect": told("inspect", "run.csv"),
    "completion": told("completion", "bash"),
    "fit": told("fit", "run.csv", "--stages", "1", "--csv"),
    "check": told("check", "--json"),
    "verbs": [told(verb, "--help")[0] for verb in json.loads(sys.argv[3])],
}
if "--demo" in sys.argv:
    record["demo"] = told("demo", "--out", "shown")
    record["document"] = json.load(open("shown/demo.json", encoding="utf-8"))
print("RECORD" + json.dumps(record))
"""


def without(annex: str, place: Path) -> Path:
    """Return a copy of the project that lacks one annex (links to the rest, where there are links)."""

    def put(source: Path, target: Path) -> None:
        try:
            os.symlink(source, target, target_is_directory=source.is_dir())
        except OSError:  # Windows lets only some users make links
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)

    (place / "cxkinetics").mkdir()
    for entry in (ROOT / "cxkinetics").iterdir():
        if entry.name not in (annex, "__pycache__"):
            put(entry, place / "cxkinetics" / entry.name)
    for name in ("tests", "pyproject.toml", "README.md", ".github", ".ci", "notebooks"):
        put(ROOT / name, place / name)
    # an editable installation would find the folder where it was left
    (place / "sitecustomize.py").write_text(
        "import sys\nsys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).casefold()]\n"
    )
    return place


def python(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command, where = [sys.executable, *words], outer | {"PYTHONPATH": str(place)}
    return subprocess.run(
        command, cwd=place, env=where, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.parametrize("annex", ANNEXES)
def test_the_rest_goes_on_without(annex: str, tmp_path: Path) -> None:
    names = declared("NAMES")[annex]
    verbs = declared("VERBS").get(annex, {})
    place = without(annex, tmp_path)
    demo = ["--demo"] if annex in declared("DEMO") else []
    done = python(place, "-c", LOOK, annex, json.dumps([*names]), json.dumps([*verbs]), *demo)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout.partition("RECORD")[2])
    assert Path(record["file"]).parent == place / "cxkinetics"
    assert record["names"] == [name for name in cx.__all__ if name not in names]
    assert record["gone"] == list(names)
    assert set(record["verbs"]) <= {2}
    assert {path.split("/")[1] for path, _ in record["broken"]} == {annex}, record["broken"]
    code, listed, _ = record["help"]
    assert code == 0
    shown = {line.split()[0] for line in listed.splitlines() if line.startswith("    ") and line.split()}
    assert {verb for verb in VERBS if verb in shown} == set(VERBS) - set(verbs)
    for verb in ("inspect", "completion", "fit", "formats", "check"):
        assert record[verb][0] == 0, record[verb]
    assert f"{annex}_formats" not in json.loads(record["formats"][1])
    checked = json.loads(record["check"][1])
    assert checked["missing_parts"] == [annex]
    assert not any(check["name"].startswith(annex) for check in checked["checks"])
    if demo:
        code, told, _ = record["demo"]
        assert code == 0
        assert "Verdict:" in told
        line, name = {
            "composition": ("Dose for a target", "dose table"),
            "mechanism": ("Dose and time of the quench for a target", "mechanism"),
        }[annex]
        assert line not in told
        assert name not in record["document"]["comparisons"]


@pytest.mark.parametrize("annex", ANNEXES)
def test_what_an_annex_declares_is_there(annex: str) -> None:
    room = import_module(f"cxkinetics.{annex}")
    for name, module in room.NAMES.items():
        assert hasattr(import_module(f"cxkinetics.{annex}.{module}"), name)
    for verb in getattr(room, "VERBS", {}):
        assert (ROOT / "cxkinetics" / annex / "verbs" / f"{verb}.py").is_file(), verb
