"""The study of targets: what narrows a dose, and a few worlds that can fall outside."""

import pytest

from tests.composition.dose_tables import contradicts
from tests.composition.targets import coverage, narrowing


def test_each_measurement_narrows_dose_and_purity() -> None:
    (_, prior, _), (_, dose, purity), *others = narrowing(draws=600)
    assert len(others) == 3
    assert dose != prior
    for name, width, spread in others:
        assert width < dose, name
        assert spread < purity, name


@pytest.mark.slow
@pytest.mark.parametrize("target", ["AgCd33S33", "Ag2Cd32S33", "Ag2S"])
def test_worlds_drawn_from_the_priors_lie_inside(target: str) -> None:
    counts = coverage(target, 40, 20240229)
    assert counts["tables"] >= 30
    for name in ("dose", "purity"):
        assert not contradicts(counts[name], counts["tables"]), (name, counts)
