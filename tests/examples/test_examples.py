"""The packaged spectra: labelled, reproducible, and true to the law they were made from."""

from pathlib import Path

import numpy as np
import pytest

from cxkinetics.errors import InputError
from cxkinetics.examples.kinetics import (
    DOI,
    EXAMPLES,
    NOISE_SD,
    example_path,
    load_example,
    peak_position_nm,
    published_kinetics,
    simulate_series,
    simulated_absorbance,
)
from cxkinetics.io.load import load
from cxkinetics.signals.spectra import SpectralSeries


def staged_law(name: str, time_s: np.ndarray) -> np.ndarray:
    """The two stages written out by hand, from the numbers of the paper."""
    a0, k1, tb, k2 = {"ag-cds": (0.9, 0.056, 20.0, 0.019), "cu-cds": (0.9, 0.15, 10.0, 0.011)}[name]
    return np.where(
        time_s < tb, a0 * np.exp(-k1 * time_s), a0 * np.exp(-k1 * tb) * np.exp(-k2 * (time_s - tb))
    )


def packaged_text(series: SpectralSeries) -> str:
    """Return the CSV text of a simulated series: two comment lines, a head, one row per time."""
    lines = [
        f"# simulated: {series.source.note}",
        f"# {series.label}: time in s, wavelength in nm, absorbance in AU; made by cxkinetics.examples",
        ",".join(["time_s", *(f"{value:g}" for value in series.wavelength_nm)]),
    ]
    for time, row in zip(series.time_s, series.absorbance, strict=True):
        lines.append(",".join([f"{time:g}", *(f"{value:.4f}" for value in row + 0.0)]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_packaged_file_is_what_the_function_makes(name: str) -> None:
    assert example_path(name).read_text() == packaged_text(simulate_series(published_kinetics(name)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_height_of_the_peak_is_the_staged_law_before_noise(name: str) -> None:
    kinetics = published_kinetics(name)
    time = np.linspace(0.0, kinetics.end_s, 37)
    fine = np.arange(310.0, 345.0, 0.001)
    spectra = simulated_absorbance(kinetics, time, fine)
    assert np.allclose(spectra.max(axis=1), staged_law(name, time), rtol=1e-7)
    assert np.allclose(fine[spectra.argmax(axis=1)], peak_position_nm(kinetics, time), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "start", "end", "until"), [("ag-cds", 324, 327, 20), ("cu-cds", 324, 331, 10)]
)
def test_tracked_peak_follows_height_and_shift(name: str, start: float, end: float, until: float) -> None:
    trace = load_example(name).exciton_peak(near_nm=start)
    residual = trace.absorbance - staged_law(name, trace.time_s)
    assert abs(residual.mean()) < 3e-4
    assert residual.std() < NOISE_SD
    late = trace.time_s >= until
    early_slope = np.polyfit(trace.time_s[~late], trace.peak_nm[~late], 1)[0]
    assert np.nanmean(trace.peak_nm[late][:20]) == pytest.approx(end, abs=0.1)
    assert early_slope == pytest.approx((end - start) / until, abs=0.02)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_say_that_they_are_simulated_and_from_where(name: str) -> None:
    series = load_example(name)
    assert series.source.simulated
    assert DOI in series.source.note
    assert series.exciton_peak().source.simulated
    assert example_path(name).read_text().startswith("# simulated:")
    assert example_path(name).stat().st_size < 100_000


def test_a_misspelt_example_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'ag-cd'.*ag-cds, cu-cds"):
        load_example("ag-cd")
    with pytest.raises(InputError, match="ag-cds, cu-cds"):
        published_kinetics("zn-cds")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_packaged_file_read_as_any_other_says_that_it_is_simulated(name: str) -> None:
    series = load(example_path(name))
    assert series.source.simulated
    assert series.source.note == load_example(name).source.note
    assert np.array_equal(series.absorbance, load_example(name).absorbance)
    assert load(example_path(name), wavelength=324).source.simulated


def test_a_file_without_the_mark_is_not_called_simulated(tmp_path: Path) -> None:
    text = example_path("ag-cds").read_text()
    plain = tmp_path / "measured.csv"
    plain.write_text(text.replace("# simulated:", "# measured:"))
    assert not load(plain).source.simulated
