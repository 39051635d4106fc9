"""The published dose numbers, and where they disagree with each other: both values are shown.

Yao, Lynch, Robinson, J. Chem. Phys. 159, 014704 (2023), doi 10.1063/5.0151904.
"""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.mass_balance import conversion
from cxkinetics.kinetics.lines import fit_line


def slope(dose: list, y: list) -> float:
    return fit_line(np.array(dose, dtype=float), np.array(y, dtype=float))[0]


def doses_that_print_as(incorporation: float, printed: float = 0.11) -> np.ndarray:
    """Doses of the third point for which the line over 0-75 % rounds to the printed slope."""
    dose = np.linspace(1, 74, 1461)
    slopes = np.array([slope([0, d, 75], [0, incorporation, 8.0]) for d in dose])
    return dose[np.round(slopes, 2) == printed]


@pytest.mark.parametrize(("incorporation", "low", "high"), [(3.2, 25, 42.5), (4.0, 29, 46)])
def test_dose_intervals_of_the_intermediates(incorporation: float, low: float, high: float) -> None:
    found = doses_that_print_as(incorporation)
    assert found.min() == pytest.approx(low, abs=0.5)
    assert found.max() == pytest.approx(high, abs=0.5)
    assert found.max() < 50  # the dose at which the text reports them contradicts the printed slope
    table = cx.load_example_dose_table()
    row = np.flatnonzero(table.incorporation_percent == incorporation)[0]
    assert table.dose_low_percent[row] == low
    assert table.dose_high_percent[row] == 50
    assert np.isnan(table.dose_percent[row])


def test_second_slope_cannot_be_had_from_the_points() -> None:
    assert pytest.approx(0.809, abs=5e-4) == 28.3 / 35
    steepest = max(slope([100, d, 135], [12.1, 28.3, 40.4]) for d in np.linspace(101, 134, 661))
    assert steepest == pytest.approx(0.810, abs=5e-4)
    assert steepest < 0.825  # 0.83 is printed


def test_dose_of_the_third_high_sample() -> None:
    """Between the lines through (100, 12.1) and (135, 40.4), with slopes that print as 0.81-0.83."""
    ends = [100 + (28.3 - 12.1) / 0.835, 135 - (40.4 - 28.3) / 0.835]
    assert ends == pytest.approx([119.4, 120.5], abs=0.05)


def test_three_thresholds_are_three_numbers() -> None:
    assert pytest.approx(36, abs=0.5) == 4.0 / 0.11  # product first seen: between 36 and 75 % dose
    fit = cx.fit_incorporation(cx.load_example_dose_table(), preset="paper")
    assert fit.avalanche_dose_percent.value == pytest.approx(98.0, abs=0.05)
    assert fit.saturation_dose_percent.value == pytest.approx(134.75, abs=0.25)
    other = (0.83 * 135 - 40.4) / (0.83 - 0.11)  # other roundings of the same lines
    assert other == pytest.approx(99.5, abs=0.05)


def test_both_slope_ratios_are_reported() -> None:
    fit = cx.fit_incorporation(cx.load_example_dose_table(), preset="paper")
    assert fit.slope_ratio.value == pytest.approx(7.58, abs=5e-3)  # prints as 7.5 from 0.83/0.11
    assert fit.mean_slope_ratio == pytest.approx(5.0625)  # prints as 5.1
    assert pytest.approx(0.54) == (40.4 - 8.0) / (135 - 75)
    assert pytest.approx(0.107, abs=5e-4) == 8.0 / 75


def test_lost_absorbance_is_not_product() -> None:
    in_situ, ex_situ = 1 - 0.07 / 0.9, 1 - 0.23 / 1.37
    assert in_situ == pytest.approx(0.92, abs=5e-3)
    assert ex_situ == pytest.approx(0.83, abs=5e-3)
    system = cx.load_system("ag-cds")
    states = ({"T": 97.366}, {"T": 63.366, "rho": 1.0}, {"T": 163.37, "basis": "Ag/Cd"})
    by_composition = [float(conversion(system, 12.1, **state)) for state in states]
    assert min(by_composition) == pytest.approx(0.18, abs=5e-3)
    assert max(by_composition) == pytest.approx(0.32, abs=5e-3)
    assert min(in_situ, ex_situ) - max(by_composition) > 0.5


@pytest.mark.parametrize("basis", ["Ag/(Ag+Cd)", "Ag/Cd", "Ag/S"])
def test_every_basis_can_be_asked_for(basis: str) -> None:
    result = cx.predict(dose_percent=50, basis=basis, n_draws=500)
    assert result.source["basis"] == basis
    assert sum(share.value for share in result.species.values()) == pytest.approx(1, abs=1e-9)
    assert (result.trapped_host is None) == (basis == "Ag/S")
