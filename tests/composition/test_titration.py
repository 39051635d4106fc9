"""Titrations of large particles: the Hill slope, what it is told from, and what an optical fraction says."""

import numpy as np
import pytest

import cxkinetics as cx
from tests.composition import titrations

EVEN = "21 even points to 1000"


def test_the_published_slope_is_held_by_its_interval() -> None:
    found = titrations.fits("hill", EVEN, 40)
    assert titrations.held(found) >= 0.85  # 36 of 40 are expected at 0.92; 33 and fewer speak against 0.95
    for fit in found:
        assert fit.hill_n.low < fit.hill_n.value < fit.hill_n.high
        assert fit.half_converted.low < fit.half_converted.value < fit.half_converted.high


@pytest.mark.parametrize("world", ["hill", "thresholds"])
def test_a_steep_rise_is_told_from_two_sites_and_not_from_thresholds(world: str) -> None:
    found = titrations.fits(world, "12 even points to 1000", 12)
    assert all(fit.two_sites_excluded for fit in found)
    open_ones = [fit for fit in found if {"Hill", "thresholds"} <= set(fit.alike)]
    assert len(open_ones) >= 9  # where odds of twenty to one count, chance leads one in twenty astray
    for fit in open_ones:
        assert fit.verdict["code"] == "cannot_be_told_apart"
        assert "is a slope, not a number of sites" in fit.verdict["text"]
        assert "narrower size fraction" in fit.verdict["text"]


def test_two_sites_are_not_excluded_where_they_are_the_truth() -> None:
    found = titrations.fits("two sites", EVEN, 6)
    assert not any(fit.two_sites_excluded for fit in found)
    assert np.median([fit.hill_n.value for fit in found]) == pytest.approx(2.0, abs=0.1)


def test_a_sharp_nucleation_is_not_forced_into_a_hill_curve() -> None:
    (fit,) = titrations.fits("nucleation", EVEN, 1, sd=0.005)
    assert fit.verdict["code"] == "nucleation"
    assert "Hill" not in fit.alike
    assert fit.rivals[0].middle == pytest.approx(500, abs=5)


def test_an_optical_fraction_bounds_the_product_unless_no_dark_state_is_asserted() -> None:
    x, y = titrations.table("hill", EVEN, 3)
    bound = cx.fit_titration(x, y).product_share(600)
    assert bound.value is None
    assert bound.low == 0
    assert bound.high == pytest.approx(600**7.1 / (500**7.1 + 600**7.1), abs=0.06)
    assert "dark or quenched" in bound.reason
    share = cx.fit_titration(x, y, no_dark_state=True).product_share(600)
    assert 0.7 < share.low <= share.value <= share.high < 0.9


def test_given_errors_count() -> None:
    x, y = titrations.table("hill", EVEN, 3)
    wide, narrow = (cx.fit_titration(x, y, sigma=s).hill_n for s in (0.04, 0.01))
    assert wide.value == pytest.approx(narrow.value, rel=1e-4)
    assert wide.high - wide.low == pytest.approx(4 * (narrow.high - narrow.low), rel=0.15)


def test_text_and_document_say_what_was_published() -> None:
    fit = cx.fit_titration(*titrations.table("hill", EVEN, 3))
    text = " ".join(str(fit).split())
    assert "published for cu-cdse: n 7.1, critical number of guests 500 per particle (White" in text
    assert "only bounds the share of Cu2Se" in text
    back = cx.TitrationFit.from_json(fit.to_json())
    assert back.to_dict() == fit.to_dict()
    np.testing.assert_array_equal(back.added, fit.added)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x, 100 * y), "fraction converted is .*divide percent by 100"),
        (lambda x, y: (-x, y), "guests added is -50; it must be from 0"),
        (lambda x, y: (x[:3], y[:3]), "needs 4 amounts"),
        (lambda x, y: (x[:9], y[:9]), "rise through one half is not covered"),
        (lambda x, y: (x, y[:5]), "21 amounts added, but 5"),
    ],
)
def test_what_is_no_titration_is_refused(change, words: str) -> None:
    with pytest.raises(cx.CxKineticsError, match=words):
        cx.fit_titration(*change(*titrations.table("hill", EVEN, 3)))


def test_a_system_of_fractions_takes_no_incorporation_table() -> None:
    table = cx.DoseTable(dose_percent=[0, 50, 100], incorporation_percent=[0, 20, 50], basis="Cu/(Cu+Cd)")
    with pytest.raises(cx.InputError, match=r"hold a fraction converted, which is optical.*fit_titration"):
        cx.predict(dose_percent=50, table=table, system="cu-cdse")


def test_a_sigma_that_no_measurement_has_is_refused() -> None:
    with pytest.raises(cx.InputError, match="sigma is 1e-300; it must be from 1e-12 to 1e12"):
        cx.fit_titration([0, 1, 2, 3, 4, 5], [0, 0.1, 0.4, 0.7, 0.9, 1], sigma=1e-300)
