"""Shares of doped clusters from simulated envelopes: truth recovered, intervals cover, limits said."""

import numpy as np
import pytest

from cxkinetics.arrays import Array
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.evidence.isotopes import envelope
from cxkinetics.evidence.mixture import MixtureFit, fit_mixture, guest_ladder
from cxkinetics.signals.spectrum import Spectrum


def simulated(
    shares: Array,
    rng: np.random.Generator,
    *,
    power: float = 2000.0,
    step: float = 0.25,
    signal_to_noise: float = 30.0,
    shift: float = 0.0,
    protons: bool = False,
) -> Spectrum:
    mz = np.arange(5050.0, 5260.0, step)
    ladder = guest_ladder("Cd34S33(L)", protons=protons)
    drawn = sum(s * envelope(f).profile(mz, power, shift) for s, f in zip(shares, ladder, strict=True))
    counts = 1000 * (drawn / drawn.max() + 0.2) + rng.normal(0, 1000 / signal_to_noise, mz.size)
    return Spectrum(kind="ms", axis=mz, counts=np.maximum(counts, 0.0))


def study(
    number: int, seed: int, *, sigma_cal: float = 0.0, truth: Array | None = None, **chosen: float
) -> dict:
    """Return errors and coverage over `number` simulated spectra, shares even on the simplex."""
    rng = np.random.default_rng(seed)
    errors, covered, means = [], [], []
    for _ in range(number):
        shares = rng.dirichlet([1, 1, 1]) if truth is None else truth
        shift = rng.normal(0, sigma_cal) if sigma_cal else 0.0
        fit = fit_mixture(
            simulated(shares, rng, shift=shift, **chosen),
            resolving_power_rel_sd=0.0, sigma_cal_da=sigma_cal, compensation="none",
        )  # fmt: skip
        errors.append([e.value - s for e, s in zip(fit.fractions, shares, strict=True)])
        covered.append([e.low <= s <= e.high for e, s in zip(fit.fractions, shares, strict=True)])
        mean = shares[1] + 2 * shares[2]
        means.append((fit.mean_guests.value - mean, fit.mean_guests.low <= mean <= fit.mean_guests.high))
    return {
        "rmse": np.sqrt(np.mean(np.square(errors), axis=0)),
        "coverage": np.mean(covered, axis=0),
        "mean_rmse": float(np.sqrt(np.mean([m[0] ** 2 for m in means]))),
        "mean_coverage": float(np.mean([m[1] for m in means])),
    }


def test_truth_is_recovered_at_signal_to_noise_30() -> None:
    """RMSE (f0, f1, f2) about .034/.066/.034 (0.25 Da sampling, exact calibration): ours is no worse."""
    found = study(60, 11)
    assert np.all(found["rmse"] <= [0.040, 0.075, 0.040])
    assert np.all(found["coverage"] >= 0.85)
    assert found["mean_rmse"] < 0.02


@pytest.mark.slow
def test_truth_is_recovered_many_times() -> None:
    found = study(400, 1)
    assert np.all(found["rmse"] <= [0.034, 0.066, 0.034])
    assert np.all(np.abs(found["coverage"] - 0.95) <= 0.03)
    assert abs(found["mean_coverage"] - 0.95) <= 0.03
    inner = study(200, 2, truth=np.array([0.3, 0.4, 0.3]))
    assert inner["rmse"] == pytest.approx([0.036, 0.071, 0.036], rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("sigma_cal", [0.3, 1.0])
def test_intervals_cover_with_a_calibration_error(sigma_cal: float) -> None:
    found = study(250, 5, sigma_cal=sigma_cal)
    assert np.all(np.abs(found["coverage"] - 0.95) <= 0.035)
    assert abs(found["mean_coverage"] - 0.95) <= 0.035


def test_one_dalton_of_calibration_moves_the_mean_by_022() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.3, 0.4, 0.3])
    exact = {"sigma_cal_da": 0.0, "compensation": "none", "resolving_power_rel_sd": 0.0}
    here = fit_mixture(simulated(shares, np.random.default_rng(0), signal_to_noise=300), **exact)
    there = fit_mixture(simulated(shares, rng, signal_to_noise=300, shift=-1.0), **exact)
    assert here.guests_per_da == pytest.approx(0.22, abs=0.002)
    assert there.mean_guests.value - here.mean_guests.value == pytest.approx(0.22, abs=0.015)
    assert 0.9995 < here.shape_cosine < 0.99999


def test_the_calibration_prior_widens_the_mean_as_it_must() -> None:
    spectrum = simulated(np.array([0.3, 0.4, 0.3]), np.random.default_rng(4), signal_to_noise=100)
    widths = []
    for sigma in (0.0, 0.5, 1.0):
        fit = fit_mixture(spectrum, sigma_cal_da=sigma, compensation="none", resolving_power_rel_sd=0.0)
        widths.append(fit.mean_guests.high - fit.mean_guests.low)
    assert widths[0] < 0.03
    assert 0.2 < widths[1] < 1.05 * 2 * 1.96 * 0.5 * 0.22  # the simplex cuts some of it off
    assert widths[1] < widths[2] < 1.05 * 2 * 1.96 * 1.0 * 0.22


def test_protons_are_told_apart_only_where_the_calibration_allows() -> None:
    spectrum = simulated(
        np.array([0.0, 0.1, 0.9]), np.random.default_rng(2), signal_to_noise=100, protons=True
    )
    sharp = fit_mixture(spectrum, sigma_cal_da=0.1)
    assert sharp.compensation_weights["full"] > 0.95
    blurred = fit_mixture(simulated(np.array([0.4, 0.4, 0.2]), np.random.default_rng(2)), sigma_cal_da=2.0)
    assert 0.05 < blurred.compensation_weights["full"] < 0.95
    assert "compensation_undecided" in [r.code for r in blurred.remarks]


@pytest.mark.parametrize("pure", [0, 1, 2])
def test_pure_clusters_stay_inside_the_simplex(pure: int) -> None:
    shares = np.eye(3)[pure]
    fit = fit_mixture(simulated(shares, np.random.default_rng(pure)), sigma_cal_da=0.2)
    assert sum(e.value for e in fit.fractions) == pytest.approx(1.0, abs=1e-9)
    assert all(0 <= e.low <= e.value <= e.high <= 1 for e in fit.fractions)
    assert fit.fractions[pure].value > 0.7


def test_a_further_species_in_the_window_is_taken_apart() -> None:
    rng = np.random.default_rng(8)
    base = simulated(np.array([0.2, 0.6, 0.2]), rng, signal_to_noise=100)
    from cxkinetics.models.formula import parse

    sodium = 400 * envelope(parse("Cd34S33(L)+Na")).profile(base.axis, 2000.0) / 0.035
    spoilt = Spectrum(kind="ms", axis=base.axis, counts=base.counts + sodium)
    blind = fit_mixture(spoilt, sigma_cal_da=0.0, compensation="none")
    seeing = fit_mixture(spoilt, sigma_cal_da=0.0, compensation="none", others=("Cd34S33(L)+Na",))
    assert "residual_structure" in [r.code for r in blind.remarks]
    assert seeing.mean_guests.value == pytest.approx(1.0, abs=0.05)
    assert abs(seeing.lag1_autocorrelation) < 0.2


def test_result_is_repeatable_survives_json_and_reads_well() -> None:
    spectrum = simulated(np.array([0.3, 0.4, 0.3]), np.random.default_rng(4))
    before = spectrum.counts.copy()
    fit = fit_mixture(spectrum)
    assert np.array_equal(before, spectrum.counts)
    assert fit == fit_mixture(spectrum)
    assert MixtureFit.from_dict(fit.to_dict()) == fit
    text = str(fit)
    assert text.index("Mean Ag per cluster") < text.index("Cd34S33(L)  ")
    assert "The shape alone says almost nothing" in text
    assert fit.covariance.shape == (3, 3)
    assert fit.fit.shape == fit.mz.shape


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compensation": "some"}, "compensation is 'some'"),
        ({"resolving_power": 0.0}, "resolving power 0"),
        ({"sigma_cal_da": -1.0}, "sigma_cal is -1"),
        ({"confidence": 1.0}, "confidence is 1"),
        ({"replaced": "Ag"}, "guest and replaced are both Ag"),
        ({"most_guests": 1_000_000_000}, "most_guests is 1000000000; it must be from 1 to 1000"),
    ],
)
def test_options_out_of_range(options: dict, words: str) -> None:
    spectrum = simulated(np.array([0.3, 0.4, 0.3]), np.random.default_rng(4))
    with pytest.raises(UsageError, match=words):
        fit_mixture(spectrum, **options)


def test_spectra_that_cannot_answer() -> None:
    mz = np.arange(3000.0, 3100.0, 0.5)
    elsewhere = Spectrum(kind="ms", axis=mz, counts=np.arange(mz.size))
    with pytest.raises(InputError, match="0 of 200 points lie between 5"):
        fit_mixture(elsewhere)
    with pytest.raises(InputError, match="of kind 'xrd'"):
        fit_mixture(Spectrum(kind="xrd", axis=range(20, 60), counts=range(40)))
    falling = np.arange(5050.0, 5260.0, 0.25)
    dip = 100 - 50 * np.exp(-0.5 * ((falling - 5158) / 12) ** 2)
    with pytest.raises(FitError, match="no envelope of Cd34S33"):
        fit_mixture(Spectrum(kind="ms", axis=falling, counts=dip))
