"""A result that an earlier version stored is fitted again, and said so."""

import json
from pathlib import Path

import numpy as np

import cxkinetics as cx


def test_the_result_of_an_earlier_version_is_fitted_again_in_a_line(tmp_path: Path) -> None:
    time = np.arange(0.0, 60.0, 2.0)
    noise = np.random.default_rng(4).normal(0, 0.003, time.size)
    cx.Trace(time_s=time, absorbance=0.9 * np.exp(-0.05 * time) + noise).to_csv(tmp_path / "run.csv")
    first = cx.fit_many([tmp_path / "run.csv"], out=tmp_path / "out")
    assert not first.skipped
    assert cx.fit_many([tmp_path / "run.csv"], out=tmp_path / "out").skipped
    stored = tmp_path / "out" / "run" / "fit.json"
    record = json.loads(stored.read_text()) | {"version": "0.1.0"}
    stored.write_text(json.dumps(record))
    again = cx.fit_many([tmp_path / "run.csv"], out=tmp_path / "out")
    (fit,) = again.fits
    assert not again.skipped
    assert fit.version == cx.__version__
    (said,) = (remark for remark in fit.warnings if remark.code == "fitted_again")
    assert "cxkinetics 0.1.0" in said.text
    assert json.loads(stored.read_text())["version"] == cx.__version__
