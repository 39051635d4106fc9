"""Noise that grows with absorbance, a start that takes time, and t0 that is found, in whole-spectrum fits."""

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.spectral.problem import project
from tests.spectral.spectra_study import CHAIN, STAGED, series, tally
from tests.studies.truths import SEED, stream


def made(tau: float = 0.0, scheme: str = CHAIN, *, white: bool = False, sd: float = 0.001) -> SpectralSeries:
    return series(tau, scheme, sd, stream(29, "spectral noise and start", 0), white=white)


def test_weights_of_single_readings_give_the_misfit_and_slopes_of_single_columns() -> None:
    rng = np.random.default_rng(3)
    data, cells = rng.normal(size=(20, 4)), rng.uniform(0.2, 3.0, (20, 4))
    time = np.linspace(0, 5, 20)

    def profiles(k: float) -> tuple[np.ndarray, np.ndarray]:
        fall = np.exp(-k * time)
        return np.stack([fall, 1 - fall], axis=1), np.stack([-time * fall, time * fall], axis=1)[None]

    def brute(k: float) -> float:
        root = np.sqrt(cells)
        columns = profiles(k)[0]
        found = [
            np.linalg.lstsq(columns * root[:, [j]], data[:, j] * root[:, j], rcond=None)[1] for j in range(4)
        ]
        return float(np.sum(found))

    free = np.zeros(2, bool)
    done = project(data, *profiles(0.7), free, np.zeros((2, 4)), cells=cells)
    assert done.rss == pytest.approx(brute(0.7), rel=1e-12)
    assert done.gradient[0] == pytest.approx((brute(0.7 + 1e-5) - brute(0.7 - 1e-5)) / 4e-5, rel=1e-5)


def test_growing_noise_is_weighted_where_it_grows_and_only_there() -> None:
    grown = cx.fit_spectra(made(), CHAIN)
    assert grown.noise.model == "photometric"
    assert grown.noise.photometric == pytest.approx(1.0, abs=0.02)
    assert "noise grows with absorbance" in grown.to_text()
    flat = cx.fit_spectra(made(white=True), CHAIN)
    assert flat.noise.model == "white"
    assert flat.noise.photometric < 0.5
    grown, plain = (cx.fit_spectra(made(), CHAIN, noise=n, weights=None) for n in ("photometric", "white"))
    for one, other in zip(grown.rate_constants, plain.rate_constants, strict=True):
        assert one.high - one.low < 0.8 * (other.high - other.low)


def test_the_noise_of_a_large_matrix_is_read_from_a_share_of_its_readings(monkeypatch) -> None:
    found = {}
    for white in (False, True):
        data, fits = made(white=white), []
        for most in (2000, data.absorbance.size):  # the slow twin sorts all of them
            monkeypatch.setattr("cxkinetics.spectral.fit._SORTED", most)
            fits.append(cx.fit_spectra(data, CHAIN))
        few, every = fits
        assert few.noise.model == every.noise.model
        assert few.noise.photometric == pytest.approx(every.noise.photometric, abs=0.1)
        for one, other in zip(few.rate_constants, every.rate_constants, strict=True):
            assert abs(one.value - other.value) < 0.1 * other.se
            assert one.se == pytest.approx(other.se, rel=0.05)
        found[white] = few.noise.model
    assert found == {False: "photometric", True: "white"}


def test_a_small_sample_of_photometric_noise_is_covered() -> None:
    found = tally("photometric", range(6))
    assert found["k1"] + found["k2"] >= 10


@pytest.mark.parametrize("name", ["mixing 2 s", "mixing 2 s, staged"])
def test_a_start_that_takes_time_is_found_and_leaves_the_rates_right(name: str) -> None:
    found = tally(name, range(3))
    assert min(found["k1"], found["k2"], found["start-up time"]) >= 2


def test_mixing_that_is_left_out_spoils_the_rates_and_a_given_time_mends_them() -> None:
    data = made(2.0, STAGED)
    rushed = cx.fit_spectra(data, STAGED)
    given = cx.fit_spectra(data, STAGED, start_up="2s")
    assert given.rate_constants[0].low <= SEED.k1 <= given.rate_constants[0].high
    half = (given.rate_constants[0].high - given.rate_constants[0].low) / 2
    assert abs(rushed.rate_constants[0].value - SEED.k1) > 10 * half
    assert given.start_up_s.method == "fixed"
    assert given.start_up_s.value == 2.0
    free = cx.fit_spectra(data, STAGED, start_up="auto")
    assert free.start_up_s.low <= 2.0 <= free.start_up_s.high
    assert "start-up time" in free.to_text()
    assert free.breakpoints_s[0].low <= SEED.tb <= free.breakpoints_s[0].high


def test_a_start_that_takes_no_time_says_so_and_keeps_its_lower_end() -> None:
    fit = cx.fit_spectra(made(white=True, sd=0.002), CHAIN, start_up="auto")
    assert fit.start_up_s.low == 0.0
    assert fit.start_up_s.value <= fit.start_up_s.high < 2.0
    assert fit.start_up_s.reason == "not to be told from zero"
    assert fit.order.decided_by == "non_negative_spectra"


def test_a_fit_with_a_start_is_read_back_and_its_curve_runs_on_its_clock() -> None:
    fit = cx.fit_spectra(made(2.0), CHAIN, start_up="auto")
    again = cx.SpectraFit.from_json(fit.to_json())
    assert again == fit
    assert np.array_equal(again.fitted(), fit.fitted())
    assert fit.noise.sd < 3 * np.std(np.diff(fit.residuals(), 2, axis=0)) / np.sqrt(6)


def test_the_addition_is_found_in_spectra() -> None:
    data = made(white=True)
    flat = np.repeat(data.absorbance[:1], 15, axis=0) + np.random.default_rng(5).normal(0, 0.002, (15, 41))
    late = SpectralSeries(
        time_s=np.concatenate([np.arange(15.0), data.time_s + 15]),
        wavelength_nm=data.wavelength_nm,
        absorbance=np.concatenate([flat, data.absorbance]),
    )
    fit = cx.fit_spectra(late, CHAIN, t0="auto")
    assert fit.options["t0"][0] == pytest.approx(15.0, abs=1.0)
    assert "time counts from the addition" in "".join(remark.text for remark in fit.warnings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": "photometric", "nonnegative": True}, "cannot be done beside spectra held above zero"),
        ({"noise": "photometric", "baseline": "constant"}, "subtract a baseline with --baseline-region"),
        ({"noise": "wander"}, "must be one of auto, white, ar1, photometric"),
        ({"start_up": "slow"}, "seconds from 0 on"),
    ],
)
def test_what_spectra_do_not_share_is_refused_with_the_reason(options: dict[str, object], words: str) -> None:
    with pytest.raises(cx.UsageError, match=words):
        cx.fit_spectra(made(), CHAIN, **options)


def test_what_is_not_taken_into_account_is_said() -> None:
    text = " ".join(cx.fit_spectra(made(white=True), CHAIN).to_text().split())
    assert "slow wander, noise by place, heavy tails" in text
    assert "--start-up auto fits its time" in text
