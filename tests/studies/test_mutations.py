"""A run written in another way gives the same numbers, or a question: a sample, and all of it, slow."""

import pytest

from tests.studies.mutations import NEVER_ASKED, by_kind, study


def check(count: int, seed: int) -> None:
    found = study(count, seed)
    misread = [(kinds, why) for kinds, what, why, _ in found if what == "misread"]
    assert not misread
    table = by_kind(found)
    assert table["all"]["asked"] <= 0.05 * count
    alone = [
        (kinds, why) for kinds, what, why, _ in found if what == "asked" and set(kinds) <= set(NEVER_ASKED)
    ]
    assert not alone


def test_a_sample_of_the_study() -> None:
    check(150, seed=20)


@pytest.mark.slow
def test_the_study() -> None:
    check(5000, seed=21)
