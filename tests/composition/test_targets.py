"""The study of targets: what narrows a dose, and a few worlds that can fall outside."""

import pytest

from tests.composition.dose_tables import contradicts
from tests.composition.targets import coverage, narrowing


def test_each_measurement_narrows_dose_and_purity() -> None:
    rows = narrowing(draws=600)
    assert [row.name for row in rows] == [
        "a table",
        "a table",
        "a mass spectrum at 3 %",
        "a wash pair at 8 %",
        "XPS at 8 %",
    ]
    for row in rows:
        if row[:2] != ("a table", "Ag2Cd32S33"):  # what a table leaves as open as the documented curve
            assert row.dose[1] < row.dose[0], row
            assert row.purity[1] < row.purity[0], row


@pytest.mark.slow
@pytest.mark.parametrize("target", ["AgCd33S33", "Ag2Cd32S33", "Ag2S"])
def test_worlds_drawn_from_the_priors_lie_inside(target: str) -> None:
    counts = coverage(target, 40, 20240229)
    assert counts["tables"] >= 30
    for name in ("dose", "purity"):
        assert not contradicts(counts[name], counts["tables"]), (name, counts)
