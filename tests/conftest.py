"""Fixtures shared by all tests."""

import contextlib
import io
import json
import shutil
from pathlib import Path

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


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder in which `cxkinetics demo --json` has run, once for all tests; to be copied. What it printed."""
    from cxkinetics.cli.main import main

    folder, out = tmp_path_factory.mktemp("demonstrated"), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        assert main([*DEMONSTRATED, "--json"]) == 0
    return folder, out.getvalue()


@pytest.fixture(scope="module")
def newcomer(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has run, as the README tells a newcomer to do first."""
    folder = tmp_path_factory.mktemp("newcomer")
    return shutil.copytree(demonstrated[0], folder, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def bad_inputs(shared_data: Path) -> dict:
    """Manifest of the files a bench chemist could send."""
    return json.loads((shared_data / "badinputs" / "manifest.json").read_text())
