"""Tables without an avalanche: no share of product follows from them, and none is invented."""

import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

import cxkinetics as cx
from cxkinetics.cli.main import main
from cxkinetics.composition.curve import incorporation
from cxkinetics.composition.figures import plot_incorporation
from cxkinetics.composition.mass_balance import incorporation_of_state
from cxkinetics.composition.system import load_system

DOSES = np.arange(0.0, 151.0, 15.0)
NOISY = (0.1, 1.4, 3.2, 4.4, 6.1, 7.6, 8.8, 10.6, 12.1, 13.3, 15.1)


def table(y: object, dose: object = DOSES) -> cx.DoseTable:
    return cx.DoseTable(dose_percent=dose, incorporation_percent=y)


STRAIGHT = {
    "with scatter": table(NOISY),
    "exact": table(0.1 * DOSES),
    "up to the incorporation of full exchange": table(0.27 * DOSES + np.cos(np.arange(11.0)) * 0.4 + 0.4),
    "levelling off": table(15 * (1 - np.exp(-DOSES / 60))),
    "stage 1 alone": table(np.array(NOISY[:6]) + 0.0, DOSES[:6]),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_no_share_of_product_follows(name: str) -> None:
    points = STRAIGHT[name]
    dose, fit = points.highest_dose_percent, cx.fit_incorporation(points)
    for use in (
        lambda: cx.predict(dose_percent=dose, table=points, n_draws=300),
        lambda: cx.dose_for("Ag2S", table=fit, n_draws=300),
        lambda: cx.dose_for("Ag2Cd32S33", table=fit, n_draws=300),
        lambda: cx.species_curves(table=fit, n_draws=300),
        lambda: cx.expected_verdicts(5.0, table=fit, n_draws=300),
    ):
        with pytest.raises(cx.InputError, match=r"no share of Ag2S .* no avalanche .*; measure on past"):
            use()
    ax = plot_incorporation(fit)
    assert "95 % band" not in ax.get_legend_handles_labels()[1]
    plt.close("all")


def test_the_command_refuses_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "icp.csv"
    rows = (f"{d},{y}" for d, y in zip(DOSES, NOISY, strict=True))
    path.write_text("\n".join(["Ag added (%),Ag incorporated (%)", *rows]))
    for words in (["predict", "--dose", "150"], ["dose", "Ag2S"]):
        assert main([*words, "--table", str(path), "--json"]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "no share of Ag2S follows from the table: it shows no avalanche" in captured.err
        assert captured.err.endswith("or leave the table out (documented priors)\n")


def test_nothing_about_the_product_comes_beside_spectra_and_rates() -> None:
    points = STRAIGHT["with scatter"]
    trace = cx.Trace(time_s=np.arange(40.0), absorbance=0.9 * np.exp(-0.05 * np.arange(40.0)))
    result = cx.rates_against_dose([cx.fit_stages(trace, n_stages=1)] * 2, [50, 100], table=points)
    assert all(run.compositional_conversion is None for run in result.runs)
    assert "no_product_share" in [remark.code for remark in result.warnings]
    alone = cx.update_priors(table=points, published_curve=False, n_draws=300)
    with pytest.raises(cx.InputError, match="no share of Ag2S"):
        cx.predict(dose_percent=50, table=alone)


def test_few_points_with_an_obvious_avalanche_are_recognised() -> None:
    points = table((0.1, 2.6, 5.4, 8.0, 12.2, 28.3, 40.2), (0, 25, 50, 75, 100, 120, 140))
    fit = cx.fit_incorporation(points)
    assert fit.verdict["code"] == "avalanche"
    assert "7 points are few, but every simpler curve misses them" in fit.verdict["text"]
    # with doses known to 2 % the last sample may lie before the plateau or on it
    assert cx.predict(dose_percent=140, table=points, n_draws=300).species["Ag2S"].high > 0.95


@pytest.mark.parametrize("tables", [3, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [6, 7, 8])
def test_few_points_of_a_line_or_of_a_line_with_a_plateau_are_no_avalanche(n: int, tables: int) -> None:
    rng, dose = np.random.default_rng(n), np.linspace(0, 150, n)
    for true in (0.27 * dose, np.minimum(0.27 * dose, 25.0)):
        for _ in range(tables):
            y = np.abs(true + rng.normal(0, 0.5, n))
            fit = cx.fit_incorporation(table(y, dose))
            assert fit.verdict["code"] != "avalanche", y


def test_a_table_that_ends_in_the_avalanche_gives_no_share_of_product_unless_asserted() -> None:
    dose = np.array([0, 20, 40, 60, 80, 100, 105, 110, 115, 120.0])
    y = np.abs(incorporation(dose, 0.107, 98, 0.81, 60) + np.random.default_rng(2).normal(0, 0.3, dose.size))
    with pytest.raises(cx.InputError, match=r"ends before a plateau, .*--plateau-is-full-exchange"):
        cx.predict(dose_percent=115, table=table(y, dose))
    asserted = cx.DoseTable(dose_percent=dose, incorporation_percent=y, plateau_is_full_exchange=True)
    assert 0 < cx.predict(dose_percent=115, table=asserted, n_draws=300).species["Ag2S"].value < 1


def test_the_refusal_of_such_a_table_says_what_it_bounds() -> None:
    system = load_system("ag-cds")
    dose = np.array([0, 20, 40, 60, 80, 100, 105, 110, 115, 120.0])
    y = np.abs(incorporation(dose, 0.107, 98, 0.81, 60) + np.random.default_rng(2).normal(0, 0.3, dose.size))
    with pytest.raises(cx.InputError) as caught:
        cx.dose_for("Ag2S", table=table(y, dose))
    found = re.search(
        r"Ag2S is most at 120 %, its last dose, or beyond, and there at least (\S+) of the units if no "
        r"cluster holds more than 2 Ag; less than 0.05 of it takes a dose below (\d+) %",
        str(caught.value),
    )
    assert found is not None
    least = float(found[1])
    # salt trapped or retained only asks for more product, down to the plateau of the table's own end
    for trapped, rho in ((0.0, 0.0), (20.0, 0.0), (0.0, 0.3), (97.0, 0.2)):
        state = np.array([0.0, 0.0, 1 - least, least])
        assert incorporation_of_state(system, state, T=trapped, rho=rho) <= y[-1]
    limit = incorporation_of_state(system, np.array([0.0, 0.0, 0.95, 0.05]))
    assert float(found[2]) == dose[y > limit].min()


def test_an_exact_line_is_no_avalanche() -> None:
    assert cx.fit_incorporation(STRAIGHT["exact"]).verdict["code"] == "no_avalanche"


@pytest.mark.parametrize(
    "y",
    [
        (0.1, 3.5, 7.3, 10.3, 15.7, 19.2, 22.4, 26.6, 30.1, 33.5, 37.9),
        (0.8, 2.5, 8.0, 11.9, 15.5, 18.6, 22.5, 26.1, 30.5, 34.1, 37.5),
    ],
)
def test_intervals_of_a_nearly_straight_table_hold_their_values(y: tuple[float, ...]) -> None:
    fit = cx.fit_incorporation(table(y))  # the fitted value alone is accepted on the grid of a profile
    for estimate in (fit.stage1_slope, fit.stage2_slope, fit.plateau_percent):
        assert estimate.value is not None
        assert estimate.low is None or estimate.low <= estimate.value
        assert estimate.high is None or estimate.high >= estimate.value


def test_a_solid_solution_needs_no_avalanche_and_has_no_product() -> None:
    mixed = cx.System(host="Cd34S33", guest="Zn", product="ZnS", max_guests=4, avalanche=False, name="zn-cds")
    points = cx.DoseTable(dose_percent=DOSES, incorporation_percent=NOISY, basis="Zn/(Zn+Cd)")
    result = cx.predict(dose_percent=90, table=points, system=mixed, n_draws=300)
    assert result.species["ZnS"].high == 0
    assert sum(share.value for share in result.species.values()) == pytest.approx(1)
    assert result.species["Zn4Cd30S33"].value > 0.05
    avalanche = cx.System(host="Cd34S33", guest="Zn", product="ZnS", max_guests=4)
    with pytest.raises(cx.InputError, match="no share of ZnS"):
        cx.predict(dose_percent=90, table=points, system=avalanche, n_draws=300)
