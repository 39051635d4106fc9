"""Global fits of simulated series whose truth is known."""

import numpy as np
import pytest
from scipy.optimize import least_squares

import cxkinetics as cx
from cxkinetics.errors import FitError, InputError, UsageError
from cxkinetics.models.network import concentrations, network_of, parse_scheme
from cxkinetics.spectral.result import SpectraFit

CHAIN = "A -> B; B -> C"


def holds(estimate, truth, factor=1.0) -> bool:
    """Whether the 95 % interval, widened to make one failure in a thousand, holds the truth."""
    half = (estimate.high - estimate.low) / 2 * 1.7 * factor
    return abs(truth - (estimate.high + estimate.low) / 2) <= half


def simulate(text, rates, spectra, time, wavelength, *, breaks=(), sd=0.003, seed=1, initial=None):
    network = network_of(parse_scheme(text), initial)
    shares, _ = concentrations(network, time, np.array(rates), np.array(breaks, dtype=float))
    noise = sd * np.random.default_rng(seed).standard_normal((time.size, wavelength.size))
    return cx.SpectralSeries(
        time_s=time, wavelength_nm=wavelength, absorbance=shares @ np.asarray(spectra) + noise
    )


def test_against_plain_variable_projection(chain) -> None:
    """The benchmark set: k to 5 digits, standard errors to 2 %, order decided, rank 3."""
    data = chain(n=400, m=300)
    fit = cx.fit_spectra(data.series, CHAIN)

    def residual(k):
        host = np.exp(-k[0] * data.time)
        middle = k[0] / (k[1] - k[0]) * (host - np.exp(-k[1] * data.time))
        basis, _ = np.linalg.qr(np.stack([host, middle, 1 - host - middle], axis=1))
        return (data.matrix - basis @ (basis.T @ data.matrix)).ravel()

    plain = least_squares(residual, [0.1, 0.01], xtol=1e-13, ftol=1e-13, gtol=1e-13)
    freedom = data.matrix.size - 3 * 300 - 2
    variance = 2 * plain.cost / freedom
    errors = np.sqrt(np.diag(np.linalg.inv(plain.jac.T @ plain.jac)) * variance)
    for estimate, value, error in zip(fit.rate_constants, plain.x, errors, strict=True):
        assert estimate.value == pytest.approx(value, rel=1e-5)
        assert estimate.se == pytest.approx(error, rel=0.02)
        assert estimate.method == "profile"
    assert fit.rss == pytest.approx(2 * plain.cost, rel=1e-9)
    assert (fit.dof, fit.n_amplitudes, fit.n_cells) == (freedom, 900, 120000)
    assert fit.rank.n_components == 3
    assert fit.order.decided_by == "non_negative_spectra"
    assert fit.noise.ar1 == 0
    assert fit.noise.sd == pytest.approx(0.003, rel=0.01)


def test_species_spectra_come_back_with_their_errors(chain) -> None:
    data = chain(n=100, m=60)
    fit = cx.fit_spectra(data.series, CHAIN)
    table, errors = fit.species_spectra, fit.species_spectra_se
    assert list(table.columns) == ["A", "B", "C"]
    assert table.index.name == "wavelength_nm"
    pulls = (table.to_numpy() - data.spectra.T) / errors.to_numpy()
    assert 0.75 < np.sqrt(np.mean(pulls**2)) < 1.4
    assert np.allclose(fit.concentrations([0.0, 30.0])[0], [1, 0, 0])
    assert np.std(fit.residuals()) == pytest.approx(0.003, rel=0.05)


def test_slow_first_data_are_not_silently_reordered(chain) -> None:
    fit = cx.fit_spectra(chain(k=(0.019, 0.056), n=150, m=80).series, CHAIN)
    assert fit.order.decided_by == "undecided"
    assert "order_undecided" in fit.flags
    assert len(fit.order.orders) == 2
    assert "undecided" in fit.order.text
    for estimate in fit.rate_constants:  # the interval is the set of both orders
        assert len(estimate.pieces) == 2
        assert any(low <= 0.019 <= high for low, high in estimate.pieces)
    assert "undecided" in str(fit)


def test_a_start_or_a_known_spectrum_settles_the_order(chain) -> None:
    data = chain(k=(0.019, 0.056), n=150, m=80)
    started = cx.fit_spectra(data.series, CHAIN, start={"k1": 0.02, "k2": 0.05})
    assert started.rate_constants[0].value == pytest.approx(0.019, rel=0.05)
    assert started.order.decided_by == "undecided"
    known = cx.fit_spectra(data.series, CHAIN, known={"B": data.spectra[1]})
    assert known.order.decided_by == "known_spectrum"
    assert holds(known.rate_constants[0], 0.019)
    assert holds(known.rate_constants[1], 0.056)


def test_fast_first_data_reject_the_other_order_by_sign(chain) -> None:
    fit = cx.fit_spectra(chain(n=150, m=80).series, CHAIN, start={"k1": 0.019, "k2": 0.056})
    assert fit.order.decided_by == "non_negative_spectra"
    assert fit.rate_constants[0].value == pytest.approx(0.056, rel=0.05)
    assert fit.order.orders[1].negative["B"] > 0.3


def test_parallel_populations_are_interchangeable(chain) -> None:
    data = chain()
    series = simulate("A1 -> P; A2 -> P", [0.1, 0.02], data.spectra, data.time, data.wavelength)
    fit = cx.fit_spectra(series, "A1 -> P; A2 -> P")
    assert holds(fit.rate_constants[0], 0.1)
    assert holds(fit.rate_constants[1], 0.02)
    assert "interchangeable" in fit.order.text


def test_a_reversible_step_needs_a_known_spectrum(chain) -> None:
    data = chain()
    series = simulate("A <-> B", [0.05, 0.02], data.spectra[:2], data.time, data.wavelength)
    alone = cx.fit_spectra(series, "A <-> B")
    assert [estimate.value for estimate in alone.rate_constants] == [None, None]
    assert "only combinations of k1, k1r show" in alone.rate_constants[0].reason
    assert holds(alone.observed_rates[0], 0.07)
    assert np.isnan(alone.spectra[0].values[1]).all()
    helped = cx.fit_spectra(series, "A <-> B", known={"B": (data.wavelength, data.spectra[1])})
    assert holds(helped.rate_constants[0], 0.05)
    assert holds(helped.rate_constants[1], 0.02)


def test_parallel_steps_show_their_sum_only(chain) -> None:
    data = chain()
    series = simulate("A -> B; A -> C", [0.04, 0.02], data.spectra, data.time, data.wavelength)
    fit = cx.fit_spectra(series, "A -> B; A -> C")
    assert fit.rate_constants[0].value is None
    assert holds(fit.observed_rates[0], 0.06)
    assert {"not_determined"} <= set(fit.flags)
    known = cx.fit_spectra(series, "A -> B; A -> C", known={"B": data.spectra[1], "C": data.spectra[2]})
    assert holds(known.rate_constants[0], 0.04)
    assert holds(known.rate_constants[1], 0.02)


def test_sequence_with_a_reversible_step_and_known_epsilons(chain) -> None:
    data = chain()
    truth = [0.08, 0.02, 0.03]
    series = simulate("A <-> B; B -> C", truth, data.spectra, data.time, data.wavelength, initial={"A": 0.5})
    fit = cx.fit_spectra(series, "A <-> B; B -> C", known={"B": data.spectra[1]}, initial={"A": 0.5})
    for estimate, value in zip(fit.rate_constants, truth, strict=True):
        assert holds(estimate, value)
    assert np.allclose(fit.spectra[0].values[0], data.spectra[0], atol=0.05)


def test_staged_scheme_finds_its_breakpoint(chain) -> None:
    data = chain(n=101, m=30)
    series = simulate(
        "A -> B | A -> B", [0.056, 0.019], data.spectra[[0, 2]], data.time, data.wavelength, breaks=[20.4]
    )
    fit = cx.fit_spectra(series, "A -> B | A -> B")
    assert holds(fit.rate_constants[0], 0.056)
    assert holds(fit.rate_constants[1], 0.019)
    assert holds(fit.breakpoints_s[0], 20.4)
    assert fit.breakpoints_s[0].high - fit.breakpoints_s[0].low < 1.0


def test_no_break_is_said_to_be_unresolved(chain) -> None:
    data = chain(n=60, m=30)
    series = simulate("A -> B", [0.05], data.spectra[[0, 2]], data.time, data.wavelength)
    fit = cx.fit_spectra(series, "A -> B | A -> B")
    codes = {remark.code for remark in fit.warnings}
    width = (fit.breakpoints_s[0].high or 100) - (fit.breakpoints_s[0].low or 0)
    assert "breakpoint_not_resolved" in codes or width > 20


def test_several_runs_share_the_rate_constants(chain) -> None:
    one, two = chain(seed=1), chain(seed=2, n=45, m=30, end=150.0)
    both = cx.fit_spectra([one.series, two.series], CHAIN)
    alone = cx.fit_spectra(one.series, CHAIN)
    assert holds(both.rate_constants[0], 0.056)
    assert both.rate_constants[0].se < alone.rate_constants[0].se
    assert len(both.spectra) == 2
    assert both.n_amplitudes == 3 * (40 + 30)
    assert both.species_spectra.columns.nlevels == 2


def test_masked_cells_carry_no_information(chain) -> None:
    data = chain(n=100, m=60)
    rng = np.random.default_rng(5)
    matrix = data.matrix.copy()
    hidden = rng.random(matrix.shape) < 0.06
    matrix[hidden] = np.nan
    matrix[20] = np.nan
    matrix[:, 5] = np.nan
    fit = cx.fit_spectra(data.with_matrix(matrix), CHAIN)
    codes = {remark.code: remark for remark in fit.warnings}
    assert codes["spectra_dropped"].count == 1
    assert codes["wavelengths_dropped"].count == 1
    assert fit.n_cells == int(np.isfinite(matrix).sum())
    assert holds(fit.rate_constants[0], 0.056)
    assert fit.residuals().shape == (99, 59)
    # the same as leaving the cells out of the sum: no other rate constants fit the known cells better
    at_best = np.nansum(fit.residuals() ** 2)
    assert at_best == pytest.approx(fit.rss, rel=1e-6)


def test_correlated_noise_is_found_and_widens_the_errors(chain) -> None:
    data = chain(n=150, m=40)
    rng = np.random.default_rng(7)
    noise = rng.standard_normal(data.matrix.shape) * 0.003
    for i in range(1, noise.shape[0]):
        noise[i] = 0.5 * noise[i - 1] + np.sqrt(0.75) * noise[i]
    series = data.with_matrix(data.shares @ data.spectra + noise)
    fit, white = cx.fit_spectra(series, CHAIN), cx.fit_spectra(series, CHAIN, noise="white")
    assert fit.noise.ar1 == pytest.approx(0.5, abs=0.06)
    assert white.noise.ar1 == 0
    assert fit.rate_constants[0].se > 1.3 * data_error(chain)
    assert holds(fit.rate_constants[0], 0.056)


def data_error(chain) -> float:
    return cx.fit_spectra(chain(n=150, m=40).series, CHAIN).rate_constants[0].se


def test_a_jumping_baseline_is_handled_three_ways(chain) -> None:
    data = chain()
    jumps = 0.01 * np.random.default_rng(8).standard_normal((60, 1))
    series = data.with_matrix(data.matrix + jumps)
    ignored = cx.fit_spectra(series, CHAIN)
    assert "errors_widened" in ignored.flags
    assert holds(ignored.rate_constants[0], 0.056)
    fitted = cx.fit_spectra(series, CHAIN, baseline="constant")
    assert fitted.rate_constants[0].se < ignored.rate_constants[0].se / 3
    assert holds(fitted.rate_constants[0], 0.056)
    assert "baseline leaves the sign" in fitted.order.text
    assert np.std(fitted.residuals()) == pytest.approx(0.003, rel=0.08)
    lone = data.with_matrix((data.shares[:, :2] @ data.spectra[:2]) + data.noise + jumps)
    subtracted = cx.fit_spectra(
        lone, CHAIN, colourless=["C"], baseline="constant", baseline_region_nm=(355, 370)
    )
    assert holds(subtracted.rate_constants[0], 0.056)
    assert any(remark.code == "baseline_subtracted" for remark in subtracted.warnings)


def test_scatter_baseline_is_exact(chain) -> None:
    data = chain()
    turbid = 0.3 * (data.wavelength / 290) ** -4.0 * np.linspace(0, 1, 60)[:, None] ** 2
    fit = cx.fit_spectra(data.with_matrix(data.matrix + turbid), CHAIN, baseline="scatter")
    assert holds(fit.rate_constants[0], 0.056)
    assert fit.baselines[0].shape == (60, 2)


def test_uneven_noise_is_weighted(chain) -> None:
    data = chain()
    spread = 0.001 * (1 + np.arange(40) / 3)
    matrix = data.shares @ data.spectra + spread * np.random.default_rng(4).standard_normal((60, 40))
    auto = cx.fit_spectra(data.with_matrix(matrix), CHAIN)
    flat = cx.fit_spectra(data.with_matrix(matrix), CHAIN, weights=None)
    assert auto.noise.weights == "auto"
    assert auto.rate_constants[0].se < 0.8 * flat.rate_constants[0].se
    given = cx.fit_spectra(data.with_matrix(matrix), CHAIN, weights=1 / spread)
    assert given.rate_constants[0].value == pytest.approx(auto.rate_constants[0].value, rel=0.02)
    assert holds(given.rate_constants[0], 0.056)


def test_fixed_and_shared_rate_constants(chain) -> None:
    data = chain()
    fit = cx.fit_spectra(data.series, "A -> B [k1=0.056]; B -> C")
    assert fit.rate_constants[0].method == "fixed"
    assert fit.rate_constants[0].se is None
    assert holds(fit.rate_constants[1], 0.019)
    both = cx.fit_spectra(data.series, "A -> B [k1=0.056]; B -> C [k2=0.019]")
    assert both.covariance.shape == (0, 0)
    assert both.dof == 60 * 40 - 3 * 40


def test_nonnegative_spectra_hold_up_to_noise_and_bias_nothing(chain) -> None:
    data = chain(n=150, m=80)
    free, held = cx.fit_spectra(data.series, CHAIN), cx.fit_spectra(data.series, CHAIN, nonnegative=True)
    assert held.rate_constants[0].value == pytest.approx(free.rate_constants[0].value, rel=2e-3)
    assert held.order.decided_by == "non_negative_spectra"
    assert held.spectra[0].values.min() > -0.02


def test_noise_free_data_return_the_truth(chain) -> None:
    data = chain(sd=0.0)
    fit = cx.fit_spectra(data.series, CHAIN)
    assert [e.value for e in fit.rate_constants] == pytest.approx([0.056, 0.019], rel=1e-6)
    assert fit.noise.ar1 == 0


@pytest.mark.parametrize("scale", [1e-3, 60.0])
def test_time_and_signal_scale(chain, scale) -> None:
    data = chain()
    plain = cx.fit_spectra(data.series, CHAIN)
    scaled = cx.fit_spectra(
        cx.SpectralSeries(
            time_s=data.time * scale,
            wavelength_nm=data.wavelength,
            absorbance=data.matrix / 7,
        ),
        CHAIN,
    )
    for one, two in zip(plain.rate_constants, scaled.rate_constants, strict=True):
        assert two.value * scale == pytest.approx(one.value, rel=1e-5)
        assert two.low * scale == pytest.approx(one.low, rel=1e-3)


def test_row_order_does_not_matter_and_input_is_left_alone(chain) -> None:
    data = chain()
    order = np.random.default_rng(0).permutation(60)
    before = data.matrix.copy()
    shuffled = cx.SpectralSeries(
        time_s=data.time[order], wavelength_nm=data.wavelength[::-1], absorbance=data.matrix[order, ::-1]
    )
    assert cx.fit_spectra(shuffled, CHAIN).rss == cx.fit_spectra(data.series, CHAIN).rss
    assert np.array_equal(before, data.matrix)


def test_a_result_survives_json(chain) -> None:
    data = chain(n=30, m=20)
    matrix = data.matrix.copy()
    matrix[3, 4] = np.nan
    for options in ({}, {"baseline": "linear"}, {"scheme": "A <-> B"}):
        scheme = options.pop("scheme", CHAIN)
        fit = cx.fit_spectra(data.with_matrix(matrix), scheme, **options)
        again = SpectraFit.from_json(fit.to_json())
        assert again == fit
        assert np.allclose(again.fitted(), fit.fitted())
        assert fit.to_dict()["schema"] == "cxkinetics.spectra-fit/1"


def test_window_and_time_zero(chain) -> None:
    data = chain(n=120, m=40, end=120)
    late = cx.fit_spectra(data.series, "A -> B", window=(60, None), wavelength_range_nm=(310, 340))
    assert any(remark.code == "time_zero_assumed" for remark in late.warnings)
    assert late.series[0].time_s[0] == 0
    assert late.series[0].wavelength_nm[0] >= 310
    shifted = cx.SpectralSeries(time_s=data.time + 35, wavelength_nm=data.wavelength, absorbance=data.matrix)
    fit = cx.fit_spectra(shifted, CHAIN, t0=35)
    assert fit.rate_constants[0].value == pytest.approx(
        cx.fit_spectra(data.series, CHAIN).rate_constants[0].value, rel=1e-6
    )


def test_saturated_wavelengths_and_an_early_spectrum_are_said(chain) -> None:
    data = chain()
    matrix = data.matrix.copy()
    matrix[:, :4] += 3.5
    matrix[0] += 0.8 * np.linspace(0, 1, 40)
    fit = cx.fit_spectra(data.with_matrix(matrix), CHAIN)
    codes = {remark.code: remark.text for remark in fit.warnings}
    assert "4 wavelengths with absorbances above 3" in codes["absorbance_too_high"]
    assert "stands apart" in codes["first_spectrum_apart"]
    assert fit.series[0].wavelength_nm.size == 36


def test_wrong_calls_say_what_is_wrong(chain) -> None:
    series = chain().series
    for options, words in (
        ({"scheme": "A + X -> B"}, "not first order"),
        ({"baseline": "wavy"}, "baseline is 'wavy'"),
        ({"noise": "pink"}, "noise is 'pink'"),
        ({"known": {"Z": 0.0}}, "'Z' is no species"),
        ({"known": {"A": [1.0, 2.0]}}, "has 2 values"),
        ({"known": {"A": ([300, 320], [1, 2])}}, "covers 300-320 nm"),
        ({"known": {"A": 1.0, "B": 1.0}}, "all spectra are known"),
        ({"start": {"kx": 1.0}}, "'kx' in start is unknown; the scheme has k1"),
        ({"start": {"k1": -1.0}}, "must be positive"),
        ({"weights": [1.0, 2.0]}, "one positive number for each of the 40"),
        ({"confidence": 1.5}, "between 0 and 1"),
    ):
        with pytest.raises(UsageError, match=words):
            cx.fit_spectra(series, **options)
    with pytest.raises(InputError, match="at least 3 spectra"):
        cx.fit_spectra(series, window=(99, None))
    with pytest.raises(UsageError, match="fit_stages fits a trace"):
        cx.fit_spectra(cx.Trace(time_s=[0, 1], absorbance=[1, 2]))
    with pytest.raises(FitError, match="3 spectra cannot hold"):
        cx.fit_spectra(series, CHAIN, window=(0, 4))
    counts = cx.SpectralSeries(
        time_s=[0, 1, 2, 3], wavelength_nm=[400, 401], absorbance=np.ones((4, 2)), unit="counts"
    )
    with pytest.raises(InputError, match="in counts, not absorbance"):
        cx.fit_spectra(counts)


def _coverage(chain, seeds, **size) -> np.ndarray:
    hits = []
    for seed in seeds:
        fit = cx.fit_spectra(chain(seed=seed, **size).series, CHAIN)
        pairs = zip(fit.rate_constants, (0.056, 0.019), strict=True)
        hits.append(
            [any(low <= k <= high for low, high in (e.pieces or ((e.low, e.high),))) for e, k in pairs]
        )
    return np.mean(hits, axis=0)


def test_intervals_cover_in_a_small_sample(chain) -> None:
    assert np.all(_coverage(chain, range(40), n=60, m=30) >= 0.85)  # 3 in 1000 by chance at 95 %


@pytest.mark.slow
def test_intervals_cover_between_93_and_97_percent(chain) -> None:
    covered = _coverage(chain, range(2000), n=400, m=300)
    assert np.all((covered > 0.93) & (covered < 0.97)), covered
