"""A dose table whose doses and incorporations err: likelihood, intervals, what is said."""

import numpy as np
import pytest
from scipy.integrate import quad

import cxkinetics as cx
from cxkinetics.composition.curve import MapPoints, incorporation
from cxkinetics.composition.measurements import incorporation_of
from cxkinetics.composition.table_errors import Scatter, point_log_density, read_error

DOSE = np.array([0, 40, 80, 97, 105, 120, 133, 150, 175.0])
CURVE = np.array([0.107, 98.0, 0.81, 40.2])


def table(seed: int = 3, **errors: object) -> cx.DoseTable:
    y = incorporation(DOSE, *CURVE) + np.random.default_rng(seed).normal(0, 0.3, DOSE.size)
    return cx.DoseTable(dose_percent=DOSE, incorporation_percent=np.abs(y), **errors)


def width(estimate: object) -> float:
    return estimate.high - estimate.low


def test_the_true_dose_is_integrated_out_exactly() -> None:
    y, sd, constant, share = incorporation(DOSE, *CURVE) + 0.4, 0.03 * DOSE + 1.0, 0.3, 0.05
    points = MapPoints(DOSE, DOSE, y, np.ones(DOSE.size), sd)
    found = point_log_density(points, CURVE, Scatter(np.array(constant), np.array(share)), sigmas=False)
    for at, nominal in enumerate(DOSE):
        error = np.hypot(constant, share * incorporation(nominal, *CURVE))

        def density(x: float, at: int = at, nominal: float = nominal, error: float = error) -> float:
            off = (y[at] - incorporation(x, *CURVE)) / error
            return np.exp(-0.5 * off**2 - 0.5 * ((x - nominal) / sd[at]) ** 2) / (error * sd[at])

        low, high = nominal - 9 * sd[at], nominal + 9 * sd[at]
        inside = [corner for corner in (98.0, 98.0 + (40.2 - 0.107 * 98) / 0.81) if low < corner < high]
        exact = quad(density, low, high, points=inside or None, limit=400)[0] / np.sqrt(2 * np.pi)
        assert found[at] == pytest.approx(np.log(exact), abs=1e-6)


def test_without_an_error_of_the_dose_the_density_is_normal() -> None:
    y = incorporation(DOSE, *CURVE) + 0.4
    points = MapPoints(DOSE, DOSE, y, np.ones(DOSE.size), 0.0 * DOSE)
    found = point_log_density(points, CURVE, Scatter(np.array(0.5), np.array(0.0)), sigmas=False)
    assert found == pytest.approx(-0.5 * (0.4 / 0.5) ** 2 - np.log(0.5), abs=1e-5)


def test_dose_errors_widen_what_they_touch() -> None:
    exact, flask, common = (
        cx.fit_incorporation(table(dose_sd_percent=sd * DOSE, common_dose_error=scale))
        for sd, scale in ((0.0, 0.0), (0.03, 0.0), (0.0, 0.03))
    )
    assert width(flask.avalanche_dose_percent) > 2 * width(exact.avalanche_dose_percent)
    assert width(flask.plateau_percent) < 2 * width(exact.plateau_percent)
    # 3 % of 98 % is 2.94, which no number of doses lessens; incorporations know nothing of it
    assert width(common.avalanche_dose_percent) > 2 * 1.8 * 2.94
    assert width(common.plateau_percent) == pytest.approx(width(exact.plateau_percent), rel=1e-9)


def test_an_error_that_is_not_stated_is_assumed_aloud() -> None:
    said = [w for w in cx.fit_incorporation(table()).warnings if w.code == "dose_error_assumed"]
    assert len(said) == 1
    assert "2% per flask is assumed" in said[0].text
    assert "1% -> " in said[0].text
    assert "4% -> " in said[0].text
    stated = cx.fit_incorporation(table(dose_sd_percent=0.02 * DOSE))
    assert "dose_error_assumed" not in [w.code for w in stated.warnings]
    assert stated.avalanche_dose_percent == cx.fit_incorporation(table()).avalanche_dose_percent


def test_a_stated_icp_error_is_taken_at_its_word() -> None:
    none = np.zeros(DOSE.size)
    small, large = (
        cx.fit_incorporation(table(dose_sd_percent=none, icp_error=(sd, 0.0))) for sd in (0.3, 1.2)
    )
    assert width(large.plateau_percent) == pytest.approx(4 * width(small.plateau_percent), rel=0.2)
    # two samples on the plateau of 40.2 % and the last of the avalanche: 0.3/sqrt(2) at the least
    assert width(small.plateau_percent) == pytest.approx(2 * 1.96 * 0.3 / np.sqrt(2), rel=0.25)


def test_the_band_holds_the_curve_and_is_refused_without_scatter() -> None:
    fit = cx.fit_incorporation(table())
    low, high = fit.band_at(DOSE)
    assert np.all((low <= incorporation(DOSE, *CURVE)) & (incorporation(DOSE, *CURVE) <= high))
    assert np.all(high[4:6] - low[4:6] > 2 * (high[1] - low[1]))
    with pytest.raises(cx.FitError, match="no interval of its curve"):
        cx.fit_incorporation(cx.load_example_dose_table(), preset="paper").band_at(50.0)


def test_a_preset_says_that_it_uses_no_stated_errors() -> None:
    points = cx.DoseTable(
        dose_percent=[0, 75, 100, 135, 175],
        incorporation_percent=[0, 8.0, 12.1, 40.4, 40.0],
        common_dose_error=0.03,
    )
    assert "errors_unused" in [w.code for w in cx.fit_incorporation(points, preset="paper").warnings]
    assert "errors_unused" not in [w.code for w in cx.fit_incorporation(points).warnings]


@pytest.mark.parametrize("text", ["", "x", "-1", "100%", "1,2", "5%,2%", "nan", "1,2,3%", "inf"])
def test_no_error_is_made_of_what_is_none(text: str) -> None:
    with pytest.raises(cx.UsageError, match="dose_error is "):
        read_error(text, "dose_error")


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"dose_sd_percent": -DOSE}, "cannot be negative"),
        ({"common_dose_error": 3.0}, "3 % is 0.03"),
        ({"icp_error": (0.0, 0.0)}, "not both 0"),
        ({"icp_error": (np.nan, 0.1)}, "each is a finite number"),
    ],
)
def test_impossible_errors_are_refused(errors: dict, words: str) -> None:
    with pytest.raises(cx.InputError, match=words):
        table(**errors)


def test_the_errors_of_a_table_come_back_from_its_file() -> None:
    points = table(dose_sd_percent=0.02 * DOSE, common_dose_error=0.03, icp_error=(0.3, 0.05))
    assert cx.DoseTable.from_csv(points.to_csv()) == points
    assert cx.DoseTable.from_json(points.to_json()) == points


@pytest.mark.parametrize("stated", ["sigma", "icp"])
def test_errors_ten_times_too_small_are_contradicted_and_leave_no_one_sided_interval(stated: str) -> None:
    dose = np.array([0, 20, 40, 60, 80, 97, 105, 115, 125, 135, 150, 175.0])
    for seed in (1, 2, 3):
        y = np.abs(incorporation(dose, *CURVE) + np.random.default_rng(seed).normal(0, 0.3, dose.size))
        small = {"icp_error": (0.03, 0.0)} if stated == "icp" else {"sigma_percent": np.full(dose.size, 0.03)}
        points = cx.DoseTable(dose_percent=dose, incorporation_percent=y, **small)
        fit = cx.fit_incorporation(points, absolute_sigma=stated == "sigma")
        assert "errors_contradicted" in [w.code for w in fit.warnings]
        for end in (fit.plateau_percent.low, fit.plateau_percent.high):
            assert 0 < abs(end - fit.plateau_percent.value) < 1
        result = cx.predict(dose_percent=150, table=fit, n_draws=300, mechanism="two-site")
        assert result.incorporation_percent.low < 40.2 < result.incorporation_percent.high
        assert result.incorporation_percent.high < 45  # a mode at 66 before
        right = {"icp_error": (0.3, 0.0)} if stated == "icp" else {"sigma_percent": np.full(dose.size, 0.3)}
        told = cx.DoseTable(dose_percent=dose, incorporation_percent=y, **right)
        codes = [w.code for w in cx.fit_incorporation(told, absolute_sigma=stated == "sigma").warnings]
        assert "errors_contradicted" not in codes


def with_blank(blank: float, seed: int = 4, **errors: object) -> cx.DoseTable:
    dose = np.array([0, 0, 20, 40, 60, 80, 97, 105, 115, 125, 135, 150, 175.0])
    y = blank + incorporation(dose, *CURVE) + np.random.default_rng(seed).normal(0, 0.15, dose.size)
    return cx.DoseTable(
        dose_percent=dose, incorporation_percent=np.abs(y), dose_sd_percent=0.01 * dose, **errors
    )


@pytest.mark.parametrize("icp", [None, (0.15, 0.0)])
def test_a_blank_that_the_points_show_is_fitted_and_stated(icp: tuple[float, float] | None) -> None:
    for seed in (1, 2, 3):
        points = with_blank(1.2, seed, icp_error=icp)
        fit = cx.fit_incorporation(points)
        blank = fit.blank_percent
        assert blank.low < 1.2 < blank.high
        assert width(blank) < 0.8
        assert fit.intercept == blank.value
        assert fit.stage1_slope.low < CURVE[0] < fit.stage1_slope.high
        # the plateau as it is read; the curve of the samples lies a blank below it
        assert fit.plateau_percent.low < 41.4 < fit.plateau_percent.high
        assert fit.parameters["y_f"] == pytest.approx(fit.plateau_percent.value - blank.value)
        assert fit.dof == 13 - 5
        low, high = fit.band_at(np.array([0.0, 50.0, 175.0]))
        truth = 1.2 + incorporation(np.array([0.0, 50.0, 175.0]), *CURVE)
        assert np.all((low < truth) & (truth < high))
        assert "mass_balance" not in [w.code for w in fit.warnings]
        assert "blank, at dose 0" in str(fit)
        assert cx.IncorporationFit.from_json(fit.to_json()).blank_percent == blank
        # what is predicted holds no blank
        result = cx.predict(dose_percent=50, table=fit, n_draws=300)
        assert result.incorporation_percent.low < 5.35 < result.incorporation_percent.high < 6.2
        assert "blank of" in result.source["origin"]


def test_a_blank_that_the_points_do_not_show_is_taken_as_none_and_said_so() -> None:
    told = 0
    for seed in range(20):
        fit = cx.fit_incorporation(with_blank(0.0, seed))
        told += fit.intercept > 0
        if not fit.intercept:
            assert fit.blank_percent.value == 0
            assert "say" in fit.blank_percent.reason
            assert fit.dof == 13 - 4
    assert told <= 3
    full = with_blank(1.2)
    kept = {name: np.asarray(getattr(full, name))[2:] for name in ("dose_percent", "incorporation_percent")}
    without = cx.fit_incorporation(cx.DoseTable(**kept, dose_sd_percent=0.01 * kept["dose_percent"]))
    assert without.intercept == 0
    assert "no sample of dose 0" in without.blank_percent.reason


def test_a_sample_stands_a_blank_below_its_reading() -> None:
    points = with_blank(1.2)
    unseen = cx.ProductOnset(seen=False, incorporation_percent=4.2)
    update = cx.update_priors(table=points, onset=[unseen], published_curve=False, n_draws=300, rng=1)
    assert update.draws.values["blank"].mean() == pytest.approx(1.2, abs=0.3)
    bare = {name: column for name, column in update.draws.values.items() if name != "blank"}
    assert incorporation_of(unseen, bare).mean() == pytest.approx(4.2)
    assert incorporation_of(unseen, update.draws.values).mean() == pytest.approx(3.0, abs=0.3)


def test_replicates_of_a_dose_say_the_error_of_a_reading() -> None:
    dose = np.repeat([0, 30, 60, 80, 110, 125, 150, 175.0], 3)
    y = 0.5 + incorporation(dose, *CURVE) + np.random.default_rng(7).normal(0, 0.3, dose.size)
    points = cx.DoseTable(dose_percent=dose, incorporation_percent=y, dose_sd_percent=0 * dose)
    errors = cx.fit_incorporation(points).errors
    inside = (dose < 98) | (dose > 140)  # elsewhere the errors of the doses show too
    groups = [y[(dose == at) & inside] for at in np.unique(dose[inside])]
    pooled = np.sqrt(sum(((own - own.mean()) ** 2).sum() for own in groups) / 12)
    assert errors["replicates_dof"] == 12
    assert errors["replicates_sd"] == pytest.approx(pooled)
    assert errors["icp_constant"] == pytest.approx(0.3, rel=0.5)
    assert "replicates of a dose alone" in str(cx.fit_incorporation(points))
    assert "replicates_sd" not in cx.fit_incorporation(table()).errors


def test_a_share_alone_is_no_error_of_a_sample_that_holds_nothing() -> None:
    y = incorporation(DOSE, *CURVE) * (1 + 0.05 * np.random.default_rng(2).normal(size=DOSE.size))
    fit = cx.fit_incorporation(
        cx.DoseTable(
            dose_percent=DOSE, incorporation_percent=y, icp_error=(0.0, 0.05), dose_sd_percent=0 * DOSE
        )
    )
    assert fit.plateau_percent.low < 40.2 < fit.plateau_percent.high
    assert "no constant part" in fit.blank_percent.reason
    assert "errors_contradicted" not in [w.code for w in fit.warnings]
