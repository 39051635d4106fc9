"""The dose side of the demonstration: the published table beside ours."""

import pytest

from cxkinetics.composition.examples import demonstrate_doses
from cxkinetics.examples.kinetics import tally


def test_the_published_dose_table_gives_the_papers_slopes() -> None:
    demo = demonstrate_doses()
    rows = {row.quantity: row for row in demo.comparisons}
    expected = {  # the stated points worked out by hand
        "slope, stage 1": (8.0 / 75, 0.11),
        "slope, stage 2": ((40.4 - 12.1) / 35, 0.83),
        "slope ratio": ((40.4 - 12.1) / 35 / (8.0 / 75), 7.5),
        "mean slope ratio": ((40.4 - 8.0) / 60 / (8.0 / 75), 5.1),
        "avalanche dose": (97.958, 98.0),
        "plateau": ((40.4 + 40.0) / 2, 40.4),
    }
    for quantity, (ours, paper) in expected.items():
        assert rows[quantity].found.value == pytest.approx(ours, abs=5e-4), quantity
        assert rows[quantity].published == paper
    doses = {advice.target: advice.dose_percent.value for advice in demo.advice}
    assert doses["AgCd33S33"] == pytest.approx(23, abs=4)
    assert doses["Ag2Cd32S33"] == pytest.approx(43, abs=4)
    assert doses["Ag2S"] == pytest.approx(134, abs=6)


def test_the_headline_counts_what_can_miss() -> None:
    counts = tally(("dose table", row) for row in demonstrate_doses().comparisons)
    assert (counts.agree, counts.measured) == (4, 6)  # the crossing of the paper's lines is not printed
    assert counts.missed == ("slope, stage 2", "slope ratio")
    assert "4 of 6 numbers from its measured dose table" in str(counts)
    assert "(not: slope, stage 2; slope ratio)" in str(counts)
