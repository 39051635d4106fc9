"""A dose table may be given as the path of its file, and a dose without its name."""

from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx

ROWS = ("0,0", "28,3.2", "50,5.4", "75,8.0", "100,12.1", "110,20", "120,28.3", "135,40.4", "175,40.0")
TABLE = "\n".join(("Ag added (%),Ag/(Ag+Cd) (%)", *ROWS))


def test_a_path_stands_for_its_table(tmp_path: Path) -> None:
    path = tmp_path / "icp.csv"
    path.write_text(TABLE)
    table = cx.load_dose_table(path)
    assert cx.fit_incorporation(path).stage1_slope == cx.fit_incorporation(table).stage1_slope
    by_path = cx.predict(60, table=str(path), n_draws=200, rng=1)
    assert by_path.species == cx.predict(dose_percent=60, table=table, n_draws=200, rng=1).species
    advice = cx.dose_for("Ag2Cd32S33", table=path, n_draws=200, rng=1)
    assert advice.dose_percent == cx.dose_for("Ag2Cd32S33", table=table, n_draws=200, rng=1).dose_percent


def test_a_misspelt_path_is_named() -> None:
    with pytest.raises(cx.InputError, match=r"icp\.csv: there is no such file"):
        cx.predict(60, table="icp.csv")
    with pytest.raises(cx.InputError, match="is a dict"):
        cx.fit_incorporation({"dose": [1]})  # type: ignore[arg-type]


def test_amounts_and_fractions_that_are_no_such_numbers_are_refused() -> None:
    with pytest.raises(cx.UsageError, match="amount of Cd is"):
        cx.dose_for("Ag2Cd32S33", n_draws=200).amount(host_umol=np.timedelta64(5, "s"))
    with pytest.raises(cx.InputError, match="not all 0"):
        cx.ClusterFractions(fractions=(4e-317,) * 2, sigma=(1.0,) * 2)
