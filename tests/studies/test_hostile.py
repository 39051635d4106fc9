"""A seeded sample of the hostile studies; the whole of them with `-m slow` (see `tests.studies.hostile`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studies.hostile import attacked, attackers

SAMPLES = {"files": 500, "calls": 330, "options": 100, "traces": 6}
WHOLE = {"files": 100_000, "calls": 20_000, "options": 6000, "traces": 2000}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    yield tmp_path
    os.chdir(before)


@pytest.mark.parametrize("kind", SAMPLES)
def test_nothing_but_a_result_or_an_error_of_ours_comes_out(kind: str, folder: Path) -> None:
    states, faults = attacked(attackers(folder)[kind](2026), SAMPLES[kind], timed=False)
    assert not faults
    assert states["done"] > SAMPLES[kind] // 20, "too hostile to test what is computed"


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
def test_nothing_else_comes_out_of_all_of_them_in_two_seconds_each(kind: str, folder: Path) -> None:
    _, faults = attacked(attackers(folder)[kind](17), WHOLE[kind], timed=kind != "traces")
    assert not faults
