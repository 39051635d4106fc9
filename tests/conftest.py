"""Fixtures shared by all tests."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine is no failure

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real instrument files and reference results; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data with real instrument files is absent")
    return SHARED


@pytest.fixture(scope="session")
def bad_inputs(shared_data: Path) -> dict:
    """Manifest of the files a bench chemist could send."""
    return json.loads((shared_data / "badinputs" / "manifest.json").read_text())
