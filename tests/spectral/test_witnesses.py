"""Two witnesses of a breakpoint, and mechanisms told apart."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.errors import InputError, UsageError
from cxkinetics.examples.kinetics import published_kinetics, simulate_series
from cxkinetics.spectral.result import TwoWitnesses
from cxkinetics.spectral.witnesses import agreement, estimate_of, sequential_curves, sequential_rate_bound


@pytest.mark.parametrize(("name", "truth"), [("ag-cds", 20.0), ("cu-cds", 10.0)])
def test_packaged_series_yield_both_witnesses_agreeing(name, truth) -> None:
    found = cx.fit_witnesses(cx.load_example(name))
    kinetics = published_kinetics(name)
    assert found.verdict == "staged"
    for estimate in (found.absorbance, found.position, found.together):
        assert estimate.low <= truth <= estimate.high
    narrow = found.together.high - found.together.low
    assert narrow < found.position.high - found.position.low
    assert found.agreement_p > 0.05
    assert found.difference.low <= 0 <= found.difference.high
    assert found.shift.value == pytest.approx(kinetics.peak_end_nm - kinetics.peak_start_nm, abs=0.1)
    assert found.rates[0].low <= kinetics.k1_per_s <= found.rates[0].high
    assert found.rates[1].low <= kinetics.k2_per_s <= found.rates[1].high
    assert found.models[0].model == "staged"
    assert "simulated" in str(found).lower()


def test_the_bound_of_the_papers_numbers() -> None:
    """ln(18)/20 s from 0.9 -> 0.3 and 326.5 of 324 -> 327 nm at 20 s."""
    bound = sequential_rate_bound(0.3 / 0.9, (326.5 - 324) / 3, 20)
    assert bound == pytest.approx(np.log(18) / 20)
    assert round(bound, 4) == 0.1445
    # at the bound, with no product absorbing, the sequential model just meets both numbers
    k1, k2 = bound, 0.02
    host, doped, _ = sequential_curves(np.array([20.0]), k1, k2, 1.0)
    q = float((1 / 3 - host[0]) / doped[0])
    assert (host[0] * 324 + q * doped[0] * 327) / (host[0] + q * doped[0]) == pytest.approx(326.5)
    for bad in ((0.0, 0.5, 20), (0.5, 1.0, 20), (0.5, 0.5, 0)):
        with pytest.raises(UsageError):
            sequential_rate_bound(*bad)


def test_the_bound_is_reported_and_true_for_sequential_data(peak_series) -> None:
    found = cx.fit_witnesses(peak_series("quenching"))
    assert 0.1 < found.bound.value <= 0.16  # the truth is 0.15


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("mechanism", "verdict"),
    [
        ("quenching", "sequential"),
        ("quenching without conversion", "sequential"),
        ("two populations", "two_populations"),
    ],
)
def test_mechanisms_are_told_apart_when_the_peak_moves(peak_series, mechanism, verdict, seed) -> None:
    found = cx.fit_witnesses(peak_series(mechanism, seed))
    assert found.verdict == verdict
    places = (
        found.populations.populations_nm if verdict == "two_populations" else found.populations.quenching_nm
    )
    assert places[0].value == pytest.approx(324, abs=0.2)
    assert places[1].value == pytest.approx(327, abs=0.2)


@pytest.mark.parametrize("mechanism", ["quenching at rest", "two populations at rest"])
def test_mechanisms_are_degenerate_when_it_does_not(peak_series, mechanism) -> None:
    found = cx.fit_witnesses(peak_series(mechanism))
    assert found.verdict == "degenerate"
    assert found.position.value is None
    assert found.agreement_p is None
    assert "exactly alike" in found.text


def test_the_two_mechanisms_are_the_same_curve() -> None:
    time, k1, k2, q = np.linspace(0, 60, 31), 0.15, 0.02, 0.4
    host, doped, _ = sequential_curves(time, k1, k2, q)
    share = 1 - q * k1 / (k1 - k2)
    assert np.allclose(host + doped, share * np.exp(-k1 * time) + (1 - share) * np.exp(-k2 * time))


def test_a_trace_without_spectra_cannot_tell_the_mechanisms_apart(peak_series) -> None:
    found = cx.fit_witnesses(peak_series("quenching").exciton_peak())
    assert found.verdict == "undecided"
    assert "only whole spectra" in found.text


def test_disagreeing_witnesses_are_told() -> None:
    series = simulate_series(published_kinetics("ag-cds"), seed=3)
    trace = series.exciton_peak()
    late = 324 + 3 * np.minimum(trace.time_s / 35, 1)
    noise = np.random.default_rng(0).standard_normal(trace.n_points) * np.asarray(trace.peak_nm_se)
    moved = cx.Trace(
        time_s=trace.time_s,
        absorbance=trace.absorbance,
        peak_nm=late + noise,
        peak_nm_se=trace.peak_nm_se,
    )
    found = cx.fit_witnesses(moved)
    assert found.agreement_p < 1e-3
    assert found.position.low <= 35 <= found.position.high
    assert "disagree" in found.text


def test_a_window_a_time_zero_and_too_few_points() -> None:
    series = cx.load_example("ag-cds")
    shifted = cx.SpectralSeries(
        time_s=series.time_s + 50, wavelength_nm=series.wavelength_nm, absorbance=series.absorbance
    )
    found = cx.fit_witnesses(shifted, t0=50, window=(50, 130))
    assert found.together.low <= 20 <= found.together.high
    with pytest.raises(InputError, match="both witnesses need 10"):
        cx.fit_witnesses(series, window=(0, 5))
    with pytest.raises(InputError, match="no peak position"):
        cx.fit_witnesses(series.at_wavelength(324))


def test_a_result_survives_json(peak_series) -> None:
    for series in (cx.load_example("ag-cds"), peak_series("quenching"), peak_series("quenching at rest")):
        found = cx.fit_witnesses(series)
        assert TwoWitnesses.from_json(found.to_json()) == found
        assert found.to_dict()["verdict"]["code"] == found.verdict


def test_profiles_give_pieces_and_open_ends() -> None:
    grid = np.linspace(0, 10, 201)
    two = np.minimum(20 * (grid - 3) ** 2, 20 * (grid - 7) ** 2 + 1)
    estimate = estimate_of("b", grid, two, 3.84, 1.96)
    assert estimate.value == pytest.approx(3, abs=0.02)
    assert len(estimate.pieces) == 2
    assert estimate.pieces[0][0] == pytest.approx(3 - np.sqrt(3.84 / 20), abs=0.01)
    flat = estimate_of("b", grid, 0.01 * grid, 3.84, 1.96)
    assert flat.low is None
    assert flat.high is None
    assert "lower and upper" in flat.reason
    assert agreement(two, two).p_value == 1.0


def test_the_joint_breakpoint_covers_in_a_small_sample() -> None:
    kinetics, hits = published_kinetics("ag-cds"), np.zeros(3)
    for seed in range(6):
        found = cx.fit_witnesses(simulate_series(kinetics, seed=seed))
        estimates = (found.absorbance, found.position, found.together)
        hits += [any(a <= 20 <= b for a, b in (e.pieces or ((e.low, e.high),))) for e in estimates]
    assert np.all(hits >= 4)  # fewer than 4 of 6 at 95 %: 2 in 1000
