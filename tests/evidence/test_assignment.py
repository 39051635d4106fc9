"""The paper's own peak list: which statements agree, which do not, and what is said about it."""

import pytest

from cxkinetics.errors import InputError, UsageError
from cxkinetics.evidence.assignment import MassAssignment, assign_peaks, check_formula
from cxkinetics.evidence.examples import published_assignment, simulate_mass_spectrum, simulation_settings
from cxkinetics.evidence.picking import pick_peaks
from cxkinetics.signals.spectrum import PeakList

STATED = {  # m/z -> measured minus computed, Da
    5163: 0.4, 5159: 0.95, 5155: 1.5, 3297: -0.2, 3329: -0.3, 3545: 0.0, 3577: -0.1,
    4860: -11, 5400: 77, 5549: 81, 5694: 82, 6500: -50.6,
}  # fmt: skip


@pytest.fixture(scope="module")
def published() -> MassAssignment:
    return published_assignment()


@pytest.mark.parametrize(("mz", "off"), STATED.items())
def test_errors_of_the_stated_assignments(published: MassAssignment, mz: float, off: float) -> None:
    peak = next(peak for peak in published.peaks if peak.mz == mz)
    assert peak.stated is not None
    assert peak.stated.error_da == pytest.approx(off, abs=0.5 if abs(off) > 10 else 0.1)
    assert peak.agrees == (abs(off) < 2)


def test_what_the_assignment_says(published: MassAssignment) -> None:
    text = " ".join(str(published).split())
    assert "98% find some CdxSy(L)z + adduct within 1 Da" in text
    assert "Cd33S31(OA)3 (+1.0)" in text
    assert "Cd34S32(OA)3 (+1.6)" in text
    assert "a peak alone is no guest sulfide" in text
    assert {r.code for r in published.remarks} == {
        "stated_assignment_off", "charge_not_balanced", "protons_nearer", "fragments_overlap"
    }  # fmt: skip
    assert "Cd34S33(L) (+2)" in text
    assert "<table>" in published._repr_html_()
    assert max(map(len, str(published).splitlines())) <= 100


def test_spacings_of_the_series(published: MassAssignment) -> None:
    pairs = {spacing.unit: spacing.pairs for spacing in published.spacings}
    assert (3297.0, 3329.0) in pairs["S"]
    assert (3545.0, 3577.0) in pairs["S"]
    assert pairs["Ag2S"] == ((3297.0, 3545.0), (3329.0, 3577.0))


def test_json_returns_unchanged(published: MassAssignment) -> None:
    assert MassAssignment.from_dict(published.to_dict()) == published


def test_the_undoped_sample_is_not_searched_for_silver() -> None:
    found = assign_peaks(PeakList(mz=(5163.0,)), with_guest=False)
    assert {c.family for c in found.peaks[0].candidates} == {"host"}


def test_check_formula_of_the_stripped_cluster() -> None:
    checked = check_formula("Cd32Ag2S33", 4860)
    assert (checked.family, checked.formal_charge) == ("doped", 0)
    assert checked.error_da == pytest.approx(-11.0, abs=0.1)


def test_peaks_are_picked_from_a_spectrum() -> None:
    sample = simulation_settings()["samples"][3]
    spectrum = simulate_mass_spectrum(sample)
    peaks = pick_peaks(spectrum)
    assert len(peaks.mz) == 5
    assert peaks.mz == pytest.approx((3297.2, 3329.3, 3545.0, 3577.1, 5155.5), abs=1.0)
    assert peaks.source.simulated


def test_errors() -> None:
    with pytest.raises(UsageError, match="tolerance is 0"):
        assign_peaks(PeakList(mz=(5163.0,)), tolerance_da=0.0)
    with pytest.raises(InputError, match="'Xx' is not an element"):
        assign_peaks(PeakList(mz=(5163.0,), stated=("Xx2",)))
    with pytest.raises(InputError, match="empty"):
        PeakList(mz=())


def test_a_search_without_end_is_refused() -> None:
    peaks = PeakList(mz=(4872.5, 4868.2), intensity=(2.0, 1.0), stated=("", ""))
    with pytest.raises(InputError, match="compositions with up to"):
        assign_peaks(peaks, system="cu-cdse")
