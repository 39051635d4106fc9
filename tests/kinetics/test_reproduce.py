"""The command and the script of a report make the same fit again."""

import contextlib
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxkinetics.cli.main import main
from cxkinetics.examples.kinetics import example_path
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.page import command_line, python_lines
from cxkinetics.kinetics.result import StagedFit


def staged(time: np.ndarray, seed: int) -> np.ndarray:
    decay = 0.9 * np.exp(-0.056 * np.minimum(time, 20) - 0.019 * np.maximum(time - 20, 0))
    return decay + np.random.default_rng(seed).normal(0, 0.003, time.size)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a matrix, a table of two columns in minutes, and nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matrix.csv").write_text(example_path("ag-cds").read_text())
    time = np.arange(0.0, 101.0)
    columns = np.column_stack([time / 60, staged(time, 1), staged(time, 2)])
    np.savetxt("runs.csv", columns, delimiter=";", header="time (min);run A;run B", comments="")
    return tmp_path


def fit_on_command(line: str) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main([*shlex.split(line)[1:], "--json"]) == 0
    record = json.loads(out.getvalue())
    assert len(record["fits"]) == 1
    fit: dict[str, Any] = record["fits"][0]
    return fit


@pytest.mark.parametrize(
    "line",
    [
        "cxkinetics fit matrix.csv --seed 5",
        "cxkinetics fit matrix.csv --track 325 --window 2:80 --confidence 0.9",
        "cxkinetics fit matrix.csv --wavelength 324 --reference 355 --stages 2 --noise white",
        "cxkinetics fit runs.csv --column 'run B' --breakpoint 20 --offset zero",
        "cxkinetics fit runs.csv --column 'run A' --recipe loglinear --joint free --t0 1.5",
        "cxkinetics fit matrix.csv --track 324.4 --window 1.2345678:80.000001 --absolute-sigma --noise white",
    ],
)
def test_command_and_script_make_the_same_fit(bench: Path, line: str) -> None:
    assert main([*shlex.split(line)[1:], "--out", "results", "--figures", "svg"]) == 0
    fit = StagedFit.from_json(next(Path("results").rglob("fit.json")).read_text())
    expected = json.loads(json.dumps(fit.to_dict()))
    numbers = ("stages", "breakpoints_s", "amplitude", "offset", "rate_ratio", "rss", "verdict", "loglinear")

    again = fit_on_command(command_line(fit))
    assert {name: again[name] for name in numbers} == {name: expected[name] for name in numbers}

    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(python_lines(fit), "script", "exec"), names)
    scripted = json.loads(json.dumps(names["fit"].to_dict()))
    assert {name: scripted[name] for name in numbers} == {name: expected[name] for name in numbers}


def test_a_packaged_example_is_opened_by_name(make_fit: Callable[..., StagedFit]) -> None:
    from cxkinetics.examples.kinetics import EXAMPLES, load_example

    fit = fit_stages(load_example("cu-cds").at_wavelength(324), n_stages=1)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(python_lines(fit, EXAMPLES), "script", "exec"), names)
    assert names["fit"] == fit
    assert example_path("cu-cds").name in command_line(fit)


def test_numbers_and_flags_are_carried_exactly(make_fit: Callable[..., StagedFit]) -> None:
    options = {"window": [1.2345678, 80.0], "track": 324.4, "absolute_sigma": True, "offset": 1 / 3}
    fit = make_fit(options=options)
    line = shlex.split(command_line(fit))
    assert line[line.index("--window") + 1] == "1.2345678:80"
    assert float(line[line.index("--offset") + 1]) == 1 / 3
    assert line[line.index("--track") + 1] == "324.4"
    assert line[line.index("--absolute-sigma") + 1] == "--seed"
    assert "near_nm=324.4" in python_lines(fit)
    assert "absolute_sigma=True" in python_lines(fit)
