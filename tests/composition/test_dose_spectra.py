"""Spectra of a dose series: end of the shift, onset of loss, loss at each dose."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.composition.dose_spectra import DoseSpectra, fit_hinge

DOSE = np.array([0, 10, 20, 30, 40, 50, 60, 75, 90, 100, 110, 120, 135, 150.0])


def simulated(
    shift: float = 3.0, ends: float = 38.0, onset: float = 50.0, gone: float = 130.0, seed: int = 0
) -> cx.DoseSpectra:
    """Simulated Gaussian band: 324 nm moving by `shift` up to `ends`, falling from `onset` to `gone`."""
    wavelength = np.arange(290.0, 360.0)
    position = 324 + shift * np.clip(DOSE / ends, 0, 1)
    height = 0.9 * np.clip((gone - DOSE) / (gone - onset), 0, 1)
    band = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / 8) ** 2)
    noise = np.random.default_rng(seed).normal(0, 0.003, band.shape)
    return cx.DoseSpectra(dose_percent=DOSE, wavelength_nm=wavelength, absorbance=band + noise)


def test_silver_shift_is_complete_by_four_percent_incorporation() -> None:
    fit = cx.fit_dose_spectra(simulated(), near_nm=324)
    assert fit.start_nm.value == pytest.approx(324, abs=0.2)
    assert fit.end_nm.value == pytest.approx(327, abs=0.1)
    assert fit.shift_end_dose_percent.low <= 38 <= fit.shift_end_dose_percent.high
    assert fit.shift_end_incorporation_percent.value == pytest.approx(4.0, abs=0.15)
    assert fit.loss_onset_dose_percent.value == pytest.approx(50, abs=3)


def test_copper_at_half_dose() -> None:
    """331 nm and 36 % of the intensity left at 50 % dose, none at 125 %."""
    wavelength = np.arange(290.0, 370.0)
    position = 324 + 7 * np.clip(DOSE / 45, 0, 1)
    height = 0.9 * np.where(DOSE <= 50, 1 - 0.64 * DOSE / 50, np.maximum(0.36 * (125 - DOSE) / 75, 0))
    band = height[:, None] * np.exp(-0.5 * ((wavelength - position[:, None]) / 8) ** 2)
    spectra = cx.DoseSpectra(dose_percent=DOSE, wavelength_nm=wavelength, absorbance=band)
    fit = cx.fit_dose_spectra(spectra, near_nm=324, system="cu-cds")
    assert fit.end_nm.value == pytest.approx(331, abs=0.3)
    assert fit.loss_at(50) == pytest.approx(0.64, abs=0.01)
    assert fit.loss_at(135) == pytest.approx(1.0, abs=0.01)
    assert fit.conversion == ()
    assert any(w.code == "no_dose_curve" for w in fit.warnings)


def test_optical_and_compositional_conversion_are_two_columns() -> None:
    fit = cx.fit_dose_spectra(simulated(), near_nm=324)
    table = fit.table()
    at_100 = table[table.dose_percent == 100].iloc[0]
    assert at_100.optical_conversion == pytest.approx(0.625, abs=0.02)
    assert at_100.compositional_conversion == pytest.approx(0.17, abs=0.03)
    assert at_100.gap == pytest.approx(at_100.optical_conversion - at_100.compositional_conversion)


def test_no_shift_no_end() -> None:
    fit = cx.fit_dose_spectra(simulated(shift=0.0), near_nm=324)
    assert abs(fit.end_nm.value - fit.start_nm.value) < 0.2


def test_json_text_and_round_trip() -> None:
    spectra = simulated()
    assert DoseSpectra.from_dict(json.loads(json.dumps(spectra.to_dict()))) == spectra
    fit = cx.fit_dose_spectra(spectra, near_nm=324)
    record = json.loads(fit.to_json())
    assert record["schema"] == "cxkinetics.dose-spectra/1"
    assert len(record["optical_conversion"]) == DOSE.size
    assert "end of the shift" in str(fit)


def test_negative_doses_are_refused() -> None:
    with pytest.raises(cx.InputError, match="must be 0 or more"):
        cx.DoseSpectra(dose_percent=[-1, 0], wavelength_nm=[300, 310], absorbance=np.ones((2, 2)))


@given(st.floats(1.2, 7.8), st.floats(-3, 3), st.floats(0.1, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_an_exact_hinge_is_found(at: float, level: float, slope: float, level_first: bool) -> None:
    x = np.arange(10.0)
    y = level - slope * (np.maximum(x - at, 0) if level_first else np.minimum(x - at, 0))
    found = fit_hinge(x, y, level_first=level_first)
    assert found.at.value == pytest.approx(at, abs=1e-6)
    assert found.level == pytest.approx(level, abs=1e-6)


def test_hinge_against_a_dense_grid() -> None:
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 10, 15))
    y = 2 - 0.5 * np.maximum(x - 4, 0) + rng.normal(0, 0.3, 15)
    found = fit_hinge(x, y)

    def rss(b: float) -> float:
        design = np.stack([np.ones_like(x), np.maximum(x - b, 0)], axis=1)
        return float(np.sum((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))

    grid = min(rss(b) for b in np.linspace(x[0], x[-2], 4001))
    assert found.rss <= grid * (1 + 1e-9)
    assert found.at.low < found.at.value < found.at.high


def test_too_few_doses_give_a_reason_not_a_number() -> None:
    assert fit_hinge(np.arange(3.0), np.arange(3.0)) is None
