"""Fixtures shared by all tests."""

import contextlib
import gc
import io
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine is no failure

DEMONSTRATED = ["demo", "--out", "cxkinetics-demo"]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real instrument files and reference results; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data with real instrument files is absent")
    return SHARED


def pytest_collection_finish() -> None:
    """What was collected lives to the end: the garbage collector need not look at it."""
    gc.freeze()


class Demonstrated(NamedTuple):
    """Folder in which `cxkinetics demo` has run, to be copied, and what it prints: its document, its text."""

    folder: Path
    document: str
    text: str


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Demonstrated:
    """The demonstration, which runs once for all tests: its text is told of what `--json` has found."""
    from cxkinetics.cli import demo_page
    from cxkinetics.cli.main import main

    folder, out, found = tmp_path_factory.mktemp("demonstrated"), io.StringIO(), []
    record = demo_page.demo_record

    def seen(*parts: Any) -> dict[str, Any]:
        found.append(parts)
        return record(*parts)

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(demo_page, "demo_record", seen)
        patch.chdir(folder)
        assert main([*DEMONSTRATED, "--json"]) == 0
        text = demo_page.demo_text(*found[-1]) + "\n"
    return Demonstrated(folder, out.getvalue(), text)


@pytest.fixture(scope="module")
def newcomer(demonstrated: Demonstrated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has run, as the README tells a newcomer to do first."""
    folder = tmp_path_factory.mktemp("newcomer")
    return shutil.copytree(demonstrated.folder, folder, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def bad_inputs(shared_data: Path) -> dict:
    """Manifest of the files a bench chemist could send."""
    return json.loads((shared_data / "badinputs" / "manifest.json").read_text())
