"""M0: the map, its inverse and its saturation dose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxkinetics.composition.curve import dose_interval, incorporation, saturation_dose

MAPS = st.tuples(st.floats(0.01, 0.5), st.floats(20, 120), st.floats(0.5, 3), st.floats(70, 100))


@given(MAPS, st.floats(0, 1))
def test_inverse_returns_the_dose_off_the_plateau(parameters: tuple, share: float) -> None:
    end = float(saturation_dose(*parameters))
    dose = share * end * (1 - 1e-9)
    low, high = dose_interval(incorporation(dose, *parameters), *parameters)
    assert low == pytest.approx(dose, abs=1e-9 * end)
    assert high == low


@given(MAPS)
def test_inverse_of_the_plateau_is_an_interval(parameters: tuple) -> None:
    low, high = dose_interval(parameters[3], *parameters)
    assert low == pytest.approx(float(saturation_dose(*parameters)))
    assert np.isinf(high)
    assert np.isnan(dose_interval(parameters[3] * 1.001, *parameters)[0])


@given(MAPS, st.lists(st.floats(0, 300), min_size=2, max_size=20))
def test_incorporation_rises_or_stays(parameters: tuple, doses: list) -> None:
    y = incorporation(np.sort(doses), *parameters)
    assert np.all(np.diff(y) >= -1e-12)
    assert y.max() <= parameters[3]


@given(MAPS, st.floats(0, 300), st.floats(0.01, 100))
def test_units_are_scale_free(parameters: tuple, dose: float, scale: float) -> None:
    b1, D1, b2, y_f = parameters
    scaled = incorporation(dose * scale, b1 / scale, D1 * scale, b2 / scale, y_f)
    assert scaled == pytest.approx(incorporation(dose, *parameters), rel=1e-9, abs=1e-9)


def test_a_flat_first_stage_has_an_interval_too() -> None:
    low, high = dose_interval(0.0, 0.0, 50.0, 1.0, 40.0)
    assert (float(low), float(high)) == (0.0, 50.0)


def test_saturation_slides_with_the_unidentified_slope() -> None:
    for slope, end in ((0.81, 134.7), (1.5, 118.7)):
        D1 = 100 - (12.1 - 8 / 75 * 100) / (slope - 8 / 75)
        assert saturation_dose(8 / 75, D1, slope, 40.2) == pytest.approx(end, abs=0.05)


def test_a_plateau_below_the_avalanche_is_reached_in_stage_one() -> None:
    assert saturation_dose(0.1, 100.0, 0.8, 5.0) == pytest.approx(50.0)
    assert incorporation(80.0, 0.1, 100.0, 0.8, 5.0) == 5.0
