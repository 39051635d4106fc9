"""Laws that bend are smooth and not staged; a sample of the study that can fail, and all of it, slow."""

import pytest

from tests.studies.bent_laws import BENT, CELLS, OTHERS, OUTSIDE, STAGED, tally

SEED = 20231101


@pytest.mark.parametrize("cell", ["Michaelis-Menten 0.3", "order two thirds", "parabolic 70", "break"])
def test_a_few_traces_of_the_study(cell: str) -> None:
    counts = tally(cell, range(3), n=101, sd=0.003, seed=SEED)
    assert counts[f"prefers {BENT[cell][0]}" if cell in BENT else OTHERS[cell][0]] >= 2
    assert cell in OTHERS or not any(counts[code] for code in STAGED)


@pytest.mark.slow
@pytest.mark.parametrize("n", [51, 101])
@pytest.mark.parametrize("sd", [0.003, 0.01])
@pytest.mark.parametrize("cell", CELLS)
def test_the_study(cell: str, sd: float, n: int) -> None:
    """Of 40 traces: at most 7 of a true 6 %, at least 26 of a true 80 %, 34 of a true 95 %."""
    counts = tally(cell, range(40), n=n, sd=sd, seed=SEED)
    if cell == "break":
        assert counts["two_stages"] >= 34
        return
    assert sum(counts[code] for code in STAGED) <= 7
    if cell in BENT and (n, sd) == (101, 0.003):
        assert counts[f"prefers {BENT[cell][0]}"] >= 26
    assert cell in (*BENT, *OUTSIDE, *OTHERS)
