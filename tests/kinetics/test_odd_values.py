"""Options as numpy makes them, and what is kept where only some traces of an input are fitted again."""

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx

TIME = np.arange(0.0, 60.0, 2.0)
NOISE = np.random.default_rng(4).normal(0, 0.003, (2, TIME.size))
TRACE = cx.Trace(time_s=TIME, absorbance=0.9 * np.exp(-0.05 * TIME) + NOISE[0])
PLAIN: dict[str, Any] = {"n_stages": 1, "recipe": "loglinear"}


@pytest.mark.parametrize(
    "options",
    [
        {"t0": np.float64(2)},
        {"offset": Fraction(1, 10)},
        {"window": (np.float64(2), 50)},
        {"bootstrap": np.int64(0), "confidence": np.float32(0.5)},
    ],
)
def test_numbers_of_numpy_are_options_like_any(options: dict[str, Any]) -> None:
    fit = cx.fit_stages(TRACE, **PLAIN, **options)
    again = cx.StagedFit.from_json(fit.to_json())
    assert again == fit
    assert "np." not in fit.to_html()


def test_a_seed_beyond_every_float_is_refused_in_words() -> None:
    with pytest.raises(cx.UsageError, match="rng is"):
        cx.fit_stages(TRACE, **PLAIN, rng=10**400)


def test_what_is_kept_stays_where_a_sister_trace_is_fitted_again(tmp_path: Path) -> None:
    table = np.c_[TIME, 0.9 * np.exp(-0.05 * TIME) + NOISE[0], 0.8 * np.exp(-0.03 * TIME) + NOISE[1]]
    path = tmp_path / "run.csv"
    np.savetxt(path, table, header="time (s),a,b", comments="", delimiter=",")
    options = PLAIN | {"column": ["a", "b"], "out": str(tmp_path / "o")}
    cx.fit_many(path, **options)
    shutil.rmtree(tmp_path / "o" / "run" / "trace-1")
    again = cx.fit_many([path], **options)
    assert not again.failures
    assert [Path(folder).is_dir() for folder in again.folders] == [True, True]


@pytest.mark.parametrize("files", [None, 3, [None]])
def test_what_is_no_list_of_files_is_refused_in_words(files: Any) -> None:
    with pytest.raises(cx.UsageError, match="give paths"):
        cx.fit_many(files)


@pytest.mark.parametrize("source", [None, 3, [1], "[" * 100_000, "nowhere.json"])
def test_what_is_no_document_is_refused_in_words(source: Any) -> None:
    with pytest.raises(cx.InputError):
        cx.StagedFit.from_json(source)
