"""Priors narrowed by a user's own measurements."""

import json
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.measurements import load_measurements
from cxkinetics.inference.ensemble import sample_posterior

MIXED = cx.ClusterFractions(fractions=(0.1, 0.8, 0.1), sigma=(0.05, 0.05, 0.05), incorporation_percent=2.4)
DOSE = [0, 25, 50, 75, 90, 100, 108, 117, 126, 135, 150, 175]


@pytest.fixture(scope="module")
def mixed() -> cx.CompositionUpdate:
    return cx.update_priors(fractions=[MIXED], rng=3)


def own_table(b1: float = 0.110) -> cx.DoseTable:
    from cxkinetics.composition.curve import incorporation

    y = incorporation(DOSE, b1, 98.0, 0.80, 40.0) + np.random.default_rng(4).normal(0, 0.2, len(DOSE))
    return cx.DoseTable(dose_percent=DOSE, incorporation_percent=np.abs(y))


def test_sampler_against_a_normal_of_known_covariance() -> None:
    covariance = np.array([[1.0, 0.8], [0.8, 4.0]])
    inverse = np.linalg.inv(covariance)
    rng = np.random.default_rng(0)
    sample = sample_posterior(
        lambda x: -0.5 * np.einsum("mi,ij,mj->m", x, inverse, x), rng.normal(0, 1, (40, 2)), 8000, rng
    )
    np.testing.assert_allclose(np.cov(sample.draws.T), covariance, atol=0.45)
    np.testing.assert_allclose(sample.draws.mean(axis=0), 0, atol=0.2)
    assert 0.2 < sample.acceptance < 0.9
    assert sample.scale_reduction < 1.1


def test_fractions_narrow_the_cooperativity_and_raise_the_purity(mixed: cx.CompositionUpdate) -> None:
    assert "alpha" in mixed.narrowed
    assert mixed.before["alpha"].high > 5
    advice = cx.dose_for("AgCd33S33", table=mixed)
    assert advice.purity.value == pytest.approx(0.76, abs=0.06)
    assert advice.purity.value > cx.dose_for("AgCd33S33").purity.value + 0.15
    # where filling is one step after the other, alpha has no part in it: it is narrowed for two sites
    assert cx.update_priors(fractions=[MIXED], rng=3, mechanism="two-site").after["alpha"].high < 0.5


def test_the_weights_do_not_hang_on_the_dice() -> None:
    """Fractions that few draws of the published chemistry explain: one seed is as good as another."""
    found = [cx.update_priors(fractions=[MIXED], rng=seed).rivals for seed in (1, 2, 3, 4)]
    for rows in zip(*found, strict=True):
        assert np.ptp([row["weight"] for row in rows]) < 0.1, rows[0]["mechanism"]


def test_onset_bounds_the_trapped_host() -> None:
    """No product yet at an incorporation that two guests reach only without much trapped host."""
    late = cx.ProductOnset(seen=False, incorporation_percent=5.5, counts="guest")
    early = cx.ProductOnset(seen=True, incorporation_percent=3.0, counts="guest")
    found = [
        cx.predict(dose_percent=50, table=cx.update_priors(onset=[onset], mechanism="two-site"))
        for onset in (late, early)
    ]
    assert found[0].trapped_host.high < 15 < found[1].trapped_host.low
    assert found[0].guest_share["Ag2S"].value < 0.15 < 0.3 < found[1].guest_share["Ag2S"].value


def test_an_onset_weighs_the_mechanisms() -> None:
    """Where so late an onset needs another wash than the plateau shows, mechanisms without a cap gain."""
    late = cx.update_priors(onset=[cx.ProductOnset(seen=False, incorporation_percent=5.5, counts="guest")])
    early = cx.update_priors(onset=[cx.ProductOnset(seen=True, incorporation_percent=3.0, counts="guest")])
    weights = [{row["mechanism"]: row["weight"] for row in update.rivals} for update in (late, early)]
    for free in ("random", "nucleation"):
        assert weights[0][free] > 0.2 > 0.01 > weights[1][free]
    assert weights[0]["two-site"] < 0.05 < 0.3 < weights[1]["two-site"]


def test_table_and_published_curve_meet_in_between() -> None:
    together = cx.update_priors(table=own_table())
    alone = cx.update_priors(table=own_table(), published_curve=False)
    fit = cx.fit_incorporation(own_table())
    assert alone.after["b1"].value == pytest.approx(fit.stage1_slope.value, abs=fit.stage1_slope.se)
    assert 0.104 < together.after["b1"].value < alone.after["b1"].value + 1e-3
    assert together.after["b2"].se < together.before["b2"].se
    assert "b1" not in alone.before
    assert alone.draws.calibrated_dose_percent == (0.0, 175.0)


def test_contradiction_is_said() -> None:
    update = cx.update_priors(table=own_table(b1=0.125))
    assert any(w.code == "prior_contradicted" for w in update.warnings)


def test_published_table_with_published_priors_counts_twice() -> None:
    published = cx.load_example_dose_table().exact
    update = cx.update_priors(table=published)
    assert any(w.code == "counted_twice" for w in update.warnings)
    alone = cx.update_priors(table=published, published_curve=False)
    assert not any(w.code == "counted_twice" for w in alone.warnings)


def test_copper_with_a_table_and_without() -> None:
    with pytest.raises(cx.InputError, match="give a table"):
        cx.update_priors(fractions=[MIXED], system="cu-cds")
    update = cx.update_priors(table=own_table(), fractions=[MIXED], system="cu-cds")
    assert update.draws.system.name == "cu-cds"
    assert cx.predict(dose_percent=50, table=update).species["CuCd33S33"].value >= 0


def test_priors_widened_and_narrowed_belong_to_the_result(mixed: cx.CompositionUpdate) -> None:
    rows = cx.dose_for("AgCd33S33", table=mixed).influence.shifts
    factors = {(row.prior, row.factor) for row in rows}
    assert {("none", 1.0), ("all", 0.5), ("all", 2.0)} <= factors


def test_result_is_reproducible_and_json_ready(mixed: cx.CompositionUpdate) -> None:
    assert cx.update_priors(fractions=[MIXED], rng=3).to_dict() == mixed.to_dict()
    record = json.loads(mixed.to_json())
    assert record["schema"] == "cxkinetics.update/1"
    assert record["seed"] == 3
    assert list(mixed.table().index) == [
        "b1",
        "D1",
        "b2",
        "y_f",
        "T",
        "rho",
        "eta",
        "alpha",
        "second_step",
        "third_step",
    ]
    assert "before" in str(mixed)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cx.update_priors(), "nothing was measured"),
        (lambda: cx.ClusterFractions(fractions=(1, 2), sigma=(0.1,), dose_percent=50), "one of each"),
        (lambda: cx.ClusterFractions(fractions=(1, 2), sigma=(0.1, 0), dose_percent=50), "positive"),
        (lambda: cx.ClusterFractions(fractions=(0, 0), sigma=(1, 1), dose_percent=50), "not all 0"),
        (lambda: cx.ClusterFractions(fractions=(1, 0), sigma=(1, 1)), "one of them"),
        (lambda: cx.ProductOnset(seen=True, dose_percent=5, incorporation_percent=5), "one of them"),
        (lambda: cx.ProductOnset(seen=True, dose_percent=-5), "-5"),
        (lambda: cx.ProductOnset(seen=True, dose_percent=5, detection_limit=5), "between 0 and 1"),
        (
            lambda: cx.update_priors(
                fractions=[cx.ClusterFractions(fractions=(1, 1), sigma=(0.1, 0.1), dose_percent=50)]
            ),
            "3 clusters",
        ),
    ],
)
def test_refusals(make, words: str) -> None:
    with pytest.raises(cx.CxKineticsError, match=words):
        make()


def test_measurements_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "ms.toml"
    file.write_text(
        "[[fractions]]\nincorporation_percent = 2.4\nfractions = [1, 8, 1]\nsigma = [0.5, 0.5, 0.5]\n"
        "[[onset]]\ndose_percent = 75\nseen = true\n"
    )
    fractions, onset = load_measurements(file)
    assert fractions.fractions == pytest.approx((0.1, 0.8, 0.1))
    assert fractions.sigma == pytest.approx((0.05, 0.05, 0.05))
    assert onset.dose_percent == 75
    for text, words in (
        ("[[fraction]]\n", "known are fractions, onset, top, guest_share, wash"),
        ("[[onset]]\nseen = true\ndoes = 3\n", "onset entry 1: unknown key 'does'"),
        ("[[onset]]\ndose_percent = 3\n", "missing"),
        ("[[onset]]\nseen = true\ndose_percent = -3\n", "onset entry 1"),
        ("", "no measurement"),
        ("[[", "not valid TOML"),
    ):
        file.write_text(text)
        with pytest.raises(cx.InputError, match=words):
            load_measurements(file)


@pytest.mark.slow
def test_coverage_of_the_draws_of_a_table() -> None:
    from cxkinetics.composition.curve import incorporation
    from cxkinetics.composition.knowledge import known_draws
    from cxkinetics.composition.species_model import incorporation_draws

    rng = np.random.default_rng(8)
    dose = np.array([0, 20, 40, 60, 75, 90, 100, 108, 117, 126, 135, 145, 160, 175.0])
    truth = {"b1": 0.107, "D1": 97.0, "b2": 0.81, "y_f": 40.0}
    asked = np.array([50.0, 85.0, 120.0, 150.0])
    hits, runs = np.zeros(4), 80
    for _ in range(runs):
        y = np.abs(incorporation(dose, **truth) + rng.normal(0, 0.3, dose.size))
        table = cx.DoseTable(dose_percent=dose, incorporation_percent=y)
        draws, _ = known_draws(table, "ag-cds", n_draws=1500, rng=rng)
        low, high = np.quantile(incorporation_draws(draws, asked), [0.025, 0.975], axis=0)
        right = incorporation(asked, **truth)
        hits += (low <= right) & (right <= high)
    assert np.all(hits / runs >= 0.88)
