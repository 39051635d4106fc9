"""Rate constants that others published of their runs lie inside our intervals; the files are those shared.

Phenolphthalein fading in NaOH: Hackuarium/simple-spectro, experiments/kinetic/phenolphthalein, the tables of
20190410 (of which points is not said: ten minutes are taken here too) and 20190419 ("exponential regression
... for the 20 first points (10 minutes)"), k in 1/min.
Thermal back-reaction followed by ion mobility: S2MOs/KIMETICS_paper, Figure SI12, run 2 at 20 degrees,
k = 5.21(12)e-5 1/s, one exponential without a final level.
"""

from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx

PHENOLPHTHALEIN = {"exp4": (0.0460, 26), "exp2-RT": (0.1785, 20), "exp4-RT": (0.05185, 20)}


@pytest.mark.parametrize("run", PHENOLPHTHALEIN)
def test_phenolphthalein_and_hydroxide(run: str, shared_data: Path) -> None:
    """The first reading is the blank, and green the colour."""
    published, points = PHENOLPHTHALEIN[run]
    counts = cx.load(
        shared_data / "real" / "hackuarium" / f"Hackuarium-{run}.txt",
        column="G",
        time_unit="ms",
        absorbance_unit="counts",
    )
    assert isinstance(counts, cx.Trace)
    time, light = counts.time_s[1:] - counts.time_s[1], counts.absorbance
    absorbance = np.log10(light[0] / light[1:])
    trace = cx.Trace(time_s=time[:points], absorbance=absorbance[:points])
    k = cx.fit_stages(trace, n_stages=1, offset="zero").stages[0].k_per_s
    assert k.low * 60 <= published <= k.high * 60
    assert (k.high - k.low) < 0.08 * k.value


def test_a_thermal_back_reaction(shared_data: Path) -> None:
    name = "S2MOs-SYNAPT_THRO_241115_LCMS_NspeNspeN2tz_NH4I_20deg_2_kinetic.csv"
    trace = cx.load(shared_data / "real" / "kimetics" / name, column="Z")
    fit = cx.fit_stages(trace, offset="zero")
    assert fit.verdict.code == "one_stage"
    k = fit.stages[0].k_per_s
    assert k.low <= 5.21e-5 <= k.high
    assert (k.high - k.low) < 0.08 * k.value
