"""Intervals of a dose table hold the truth: a few tables that can fail, and every cell of the study, slow."""

from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.composition.mass_balance import incorporation_of_state
from tests.composition.dose_tables import (
    COLUMNS,
    PRODUCT_AT_110,
    TRUTH,
    Cell,
    answered,
    cells,
    contradicts,
    curve,
    main,
)

SEED = 20240229


def test_the_truth_is_the_broken_line_of_its_numbers() -> None:
    assert curve(np.array([0.0, 98.0, TRUTH["D2"], 175.0])) == pytest.approx([0, 10.486, 40.2, 40.2])
    assert curve(np.array([110.0])) == pytest.approx(10.486 + 12 * 0.81)


def test_the_product_of_the_world_meets_its_mass_balance() -> None:
    system = cx.load_system("ag-cds")
    shares = np.array([0, 0, 1 - PRODUCT_AT_110, PRODUCT_AT_110])
    trapped = 66 * (100 / TRUTH["y_f"] - 1)
    assert incorporation_of_state(system, shares, T=trapped) == pytest.approx(10.486 + 12 * 0.81)


def test_the_oracle_is_told_the_errors_of_its_table() -> None:
    cell = Cell((0.0, 0.05), 0.03, 0.0, 12, None)
    told = cell.oracle(cell.table(SEED, 0))
    assert told.icp_error == (0.0, 0.05)
    assert told.dose_sd_percent == pytest.approx(0.03 * told.dose_percent)


def test_a_flask_errs_by_as_much_as_the_cell_says() -> None:
    cell = Cell((0.0, 0.05), 0.03, 0.0, 12)
    plateau = np.array([cell.table(SEED, k).incorporation_percent[-1] for k in range(300)])
    first = np.array([cell.table(SEED, k).incorporation_percent[3] for k in range(300)])
    assert plateau.std() == pytest.approx(0.05 * 40.2, rel=0.15)
    assert first.std() == pytest.approx(
        np.hypot(0.05, 0.03) * 0.107 * cell.table(SEED, 0).dose_percent[3], rel=0.15
    )


@pytest.mark.parametrize(
    "cell",
    [Cell((0.3, 0.0), 0.03, 0.0, 8), Cell((0.0, 0.05), 0.0, 0.0, 12), Cell((0.3, 0.0), 0.01, 0.03, 12)],
    ids=lambda cell: cell.name,
)
def test_a_few_tables_of_the_study(cell: Cell) -> None:
    counts = cell.tally(SEED, range(8))
    assert counts["tables"] == 8
    for name in COLUMNS:
        assert not contradicts(counts[f"{name} covered"], answered(counts, name)), (name, counts)


def test_taking_3_percent_of_the_doses_for_none_is_caught() -> None:
    counts = Cell((0.3, 0.0), 0.03, 0.0, 12, 0.0).tally(SEED, range(8))
    assert any(contradicts(counts[f"{name} covered"], 8) for name in COLUMNS)


def test_the_command_prints_a_row_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--tables", "1", "--only", "8 doses, default assumed"])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 + sum("8 doses, default assumed" in cell.name for cell in cells())


@pytest.mark.slow
@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.name)
def test_the_study(cell: Cell) -> None:
    counts = cell.tally(SEED, range(60))
    if cell.stated == -1.0 or cell.flask == 0.02:  # told, or of the size that is assumed
        for name in COLUMNS:
            assert not contradicts(counts[f"{name} covered"], answered(counts, name)), (name, counts)


def test_a_matrix_is_refused_without_all_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "spectra.csv"
    path.write_text(
        "\n".join(
            [
                "time_s," + ",".join(str(nm) for nm in range(290, 361)),
                *(",".join([str(t)] + ["0.5"] * 71) for t in range(4)),
            ]
        )
    )
    with pytest.raises(cx.InputError, match=r"'time_s', '290', .*, '359', '360' \(72 in all\)") as refused:
        cx.load_dose_table(path)
    assert "'325'" not in str(refused.value)
    assert "use cxkinetics fit" in str(refused.value)
