"""One table of options: what one route takes, all take; what one refuses, all refuse."""

import argparse
import contextlib
import inspect
import io
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.cli.arguments import values_of
from cxkinetics.cli.completion import completion_script
from cxkinetics.cli.fit import settings
from cxkinetics.cli.main import build_parser, main
from cxkinetics.cli.project import load_config, save_config
from cxkinetics.io.file import ReadOptions
from cxkinetics.kinetics.batch import jobs_of
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.options import FITTING, FitOptions
from cxkinetics.kinetics.page import command_line, python_lines
from cxkinetics.options import OPTIONS, WHERE, Option, names_of

WORDS = ("auto", "zero", "fit", "free", "loglinear", "nonsense", "s", "us", "min", "d", "week", "growth")
WORDS += ("white", "block", "counts", "percentT", "rows", ".", ",", "run B")
VALUES: list[Any] = [
    *WORDS,
    -1,
    0,
    1,
    2,
    4,
    5,
    60,
    324,
    -0.25,
    0.5,
    0.95,
    1.5,
    324.4,
    math.nan,
    math.inf,
    True,
]
VALUES += ["time"]
VALUES += ["0.5min", "30 s", "8min,20min", "8,20min", "5min:20min", "5:20min", "0:20min", ["8min", 20.0]]
VALUES += [[20.0, 55.0], [20.0, math.inf], [80.0, 2.0], (110.0, None), (1.0, 2.0, 3.0)]
VALUES += ["0+-0.002", "0.1±0.01", "3.00 + 0.10", "3+0", "0.1+-0", "0.1+-x"]


def typed_as(option: Option, value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, (list, tuple)):
        mark = option.joined or (":" if option.kind == "range" else ",")
        return mark.join("" if item is None else repr(item) for item in value)
    return str(value)


def parsed(*words: str) -> dict[str, Any]:
    """Return the keywords that the command makes of its words."""
    return values_of(settings(parser().parse_args(["fit", "run.csv", *words])))


@cache
def parser() -> argparse.ArgumentParser:
    return build_parser(["fit"])


def taken(route: Callable[[], Any]) -> bool:
    """Return whether a route takes a value; anything but a usage error or a wrong file is a fault."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            route()
    except (cx.UsageError, cx.InputError, SystemExit):
        return False
    return True


def in_file(option: Option, value: Any, path: Path) -> dict[str, Any]:
    save_config(path, {option.name: value}, version="0")
    return load_config(path)


def python_routes(option: Option, value: Any) -> list[Callable[[], Any]]:
    given = {option.python: value}
    routes: list[Callable[[], Any]] = [lambda: jobs_of(["run.csv"], **given)]
    if option.python in FITTING:
        routes.append(lambda: FitOptions.of(**given))
    if option.name in ReadOptions.__slots__:
        routes.append(lambda: ReadOptions(**given))
    return routes


@pytest.mark.parametrize("name", OPTIONS)
def test_a_value_is_taken_everywhere_or_nowhere(name: str, tmp_path: Path) -> None:
    option = OPTIONS[name]
    verdicts = set()
    for value in VALUES:
        typed = typed_as(option, value)
        if isinstance(value, tuple) and None in value and option.kind != "range":
            continue  # no file and no command says "nothing" in a list
        stored = typed if isinstance(value, tuple) and None in value else value
        wanted = not option.fault(option.read(value))
        for route in python_routes(option, value):
            assert taken(route) is wanted, (name, value)
        assert taken(lambda s=stored: in_file(option, s, tmp_path / "project.toml")) is wanted, (name, value)
        free_text = option.kind in ("name", "names", "label")  # typed, everything is text
        if option.kind != "switch" and not (free_text and not isinstance(value, str)):
            assert taken(lambda t=typed: parsed(f"{option.flag}={t}")) is wanted, (name, typed)
        verdicts.add(wanted)
    assert verdicts == {True, False}, "the values above hold a good and a bad one for every option"


def test_a_day_is_a_unit_of_time_everywhere(tmp_path: Path) -> None:
    assert parsed("--time-unit", "d") == {"time_unit": "d"}
    assert in_file(OPTIONS["time_unit"], "d", tmp_path / "project.toml") == {"time_unit": "d"}
    path = tmp_path / "run.csv"
    path.write_text("t,A\n0,0.9\n1,0.5\n2,0.3\n")
    trace = cx.load(path, time_unit="d")
    assert isinstance(trace, cx.Trace)
    assert trace.time_s.tolist() == [0.0, 86400.0, 172800.0]


def test_two_signals_are_refused_everywhere_and_a_typed_one_replaces_the_stored(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_text("[fit]\ntrack = 324\nstages = 2\n")
    assert parsed("--config", str(path), "--wavelength", "330") == {"wavelength": 330.0, "n_stages": 2}
    path.write_text("[fit]\ntrack = 324\nwavelength = 330\n")
    both = parsed("--config", str(path))
    with pytest.raises(cx.UsageError, match="wavelength and track each name a signal"):
        jobs_of(["run.csv"], **both)
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        parsed("--track", "324", "--wavelength", "330")


def test_an_unknown_keyword_is_named_with_the_nearest() -> None:
    with pytest.raises(cx.UsageError, match="there is no option 'n_stage'; did you mean 'n_stages'"):
        jobs_of(["run.csv"], n_stage=2)


@pytest.mark.parametrize("seed", [-1, 0.5, "abc", True])
def test_a_seed_is_a_whole_number_from_zero(seed: Any) -> None:
    trace = cx.Trace(time_s=np.arange(20.0), absorbance=np.exp(-0.1 * np.arange(20.0)))
    with pytest.raises(cx.UsageError, match=f"rng is {seed!r}; it must be a whole number from 0"):
        fit_stages(trace, rng=seed)


def test_nothing_given_is_the_default_of_the_table_in_python_too() -> None:
    keywords = inspect.signature(fit_stages).parameters
    fitting = {OPTIONS[name].python: OPTIONS[name] for name in names_of("fitting")}
    assert set(keywords) - {"trace", "absorbance"} == set(fitting)
    for keyword, option in fitting.items():
        assert keywords[keyword].default == option.default, keyword
        if keyword != "rng":
            assert getattr(FitOptions(), keyword) == option.default, keyword
    reading = {OPTIONS[name].python for name in names_of("reading")} - {"track"}
    assert set(inspect.signature(cx.load).parameters) - {"path"} == reading == set(ReadOptions.__slots__)
    with pytest.raises(cx.UsageError, match="joint is None"):
        FitOptions.of(joint=None)


GOOD = {
    "reference": 355.0,
    "trace": 1,
    "direction": "growth",
    "window": [2.0, 80.5],
    "t0": 1.5,
    "time_unit": "d",
    "absorbance_unit": "abs",
    "decimal": ".",
    "time_in": "columns",
    "axis": "wavelength",
    "times": "log.csv",
    "sheet": "2",
    "mask": [12.0, 30.5],
    "n_stages": 2,
    "model": "staged",
    "breakpoints_s": [20.0],
    "joint": "free",
    "recipe": "loglinear",
    "offset": [0.25, 0.002],
    "drift": "auto",
    "dilution": [3.0, 0.1],
    "noise": "white",
    "start_up": 1.5,
    "confidence": 0.9,
    "bootstrap": 60,
    "bootstrap_kind": "block",
    "absolute_sigma": True,
}


@pytest.mark.parametrize("where", WHERE)
def test_make_it_again_knows_every_option(where: str) -> None:
    """The command of a fit is read back to the same keywords, and the script names each."""
    given = GOOD | {where: "run B" if where == "column" else 324.5}
    assert {*given, *WHERE} == {option.python for option in OPTIONS.values()} - {"rng", "show_time"}
    time = np.arange(40.0)
    noise = np.random.default_rng(1).normal(0, 0.003, time.size)
    fit = fit_stages(cx.Trace(time_s=time, absorbance=np.exp(-0.05 * time) + noise), n_stages=1, rng=7)
    trace = replace(fit.trace, source=replace(fit.trace.source, file="run.csv"))
    fit = replace(fit, trace=trace, options=given)
    read = parsed(*shlex.split(command_line(fit))[3:])
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in read.items()}
    assert plain | {"reference": float(plain["reference"])} == {**given, "rng": 7}
    script = python_lines(fit)
    for keyword in set(given) - {"wavelength", "track", "reference"}:
        assert f"{keyword}=" in script
    for value in (where, "355"):
        assert value.replace("track", "near_nm").replace("wavelength", "at_wavelength") in script


TIMES = {
    "t0": ("0.5min", 30.0),
    "window": ("0.5min:1h", (30.0, 3600.0)),
    "breakpoint": ("8min, 1200s", [480.0, 1200.0]),
    "start_up": ("500 ms", 0.5),
}


def test_a_mask_takes_a_unit_on_every_route() -> None:
    assert parsed("--mask", "0.5min, 8s") == {"mask": [30.0, 8.0]}
    assert ReadOptions(mask="0.5min").mask == [30.0]
    assert jobs_of(["run.csv"], mask="0.5min")[0].reading == {"mask": [30.0]}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_takes_a_unit_on_every_route(name: str, tmp_path: Path) -> None:
    option, (text, value) = OPTIONS[name], TIMES[name]
    assert parsed(option.flag, text) == {option.python: value}
    path = tmp_path / "project.toml"
    save_config(path, {name: text}, version="0")
    assert parsed("--config", str(path)) == {option.python: value}
    held = getattr(FitOptions.of(**{option.python: text}), option.python)
    assert held == (tuple(value) if isinstance(value, list) else value)


def test_several_times_in_python_and_in_a_file_have_a_unit_each() -> None:
    assert FitOptions.of(window=("5min", None)).window == (300.0, None)
    assert FitOptions.of(window=["0", "1h"]).window == (0.0, 3600.0)
    assert FitOptions.of(breakpoints_s=["20min", "480s"]).breakpoints_s == (480.0, 1200.0)
    assert FitOptions.of(breakpoints_s="8min").breakpoints_s == (480.0,)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("window", "5:20min"),
        ("window", (5, "20min")),
        ("breakpoints_s", "8,20min"),
        ("t0", "0.5m"),
        ("t0", "min"),
    ],
)
def test_a_time_that_can_be_read_in_two_ways_is_refused(keyword: str, value: Any) -> None:
    with pytest.raises(cx.UsageError) as caught:
        FitOptions.of(**{keyword: value})
    assert f"{keyword} is {value!r}; it must be" in str(caught.value)
    assert "unit" in str(caught.value)


def slow_file(folder: Path) -> Path:
    """Write a decay with a break at 6 min, recorded in minutes."""
    time = np.arange(0.0, 30.1, 0.5)
    spent = 0.19 * np.minimum(time, 6) + 0.06 * np.maximum(time - 6, 0)
    signal = 0.9 * np.exp(-spent) + np.random.default_rng(1).normal(0, 0.003, time.size)
    path = folder / "slow.csv"
    rows = (f"{t:g},{a:.5f}" for t, a in zip(time, signal, strict=True))
    path.write_text("\n".join(["time (min),A", *rows]) + "\n")
    return path


def test_a_bare_time_beside_a_file_in_minutes_is_told_with_what_to_type(tmp_path: Path) -> None:
    trace = cx.load(slow_file(tmp_path))
    assert isinstance(trace, cx.Trace)
    bare = fit_stages(trace, window=(0, 1500), breakpoints_s=360, n_stages=2, noise="white")
    said = [remark.text for remark in bare.warnings if remark.code == "read_as_seconds"]
    assert len(said) == 1
    assert "times are in min" in said[0]
    assert "--breakpoint 360 was read as seconds (if min is meant: --breakpoint 360min)" in said[0]
    assert "--window 0:1500" in said[0]
    timed = fit_stages(trace, window="0:25min", breakpoints_s="6min", n_stages=2, noise="white")
    assert not [remark for remark in timed.warnings if remark.code == "read_as_seconds"]
    assert timed.stages == bare.stages
    zero = fit_stages(trace, t0=0, n_stages=1, noise="white")
    assert not [remark for remark in zero.warnings if remark.code == "read_as_seconds"]
    assert cx.StagedFit.from_json(timed.to_json()).options == timed.options


@pytest.mark.parametrize(("typed", "told"), [("1.2min", 0), ("72", 1)])
def test_the_line_stands_on_the_terminal_once(
    typed: str, told: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "run.toml"
    project.write_text(f'[fit]\nt0 = "{typed}"\nstages = 2\nnoise = "white"\n')
    assert main(["fit", str(slow_file(tmp_path)), "--config", str(project), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["fits"][0]["options"]["t0"] == 72.0
    line = "--t0 72 was read as seconds (if min is meant: --t0 72min)"
    assert printed.err.count(line) == told
    assert printed.err.count("read as seconds") == told


def test_the_command_and_the_script_of_a_file_in_minutes_say_the_unit(tmp_path: Path) -> None:
    trace = cx.load(slow_file(tmp_path))
    assert isinstance(trace, cx.Trace)
    fit = fit_stages(trace, t0=30, window="0:25min", breakpoints_s="6min", n_stages=2, noise="white")
    read = parsed(*shlex.split(command_line(fit))[3:])
    assert (read["t0"], read["window"], read["breakpoints_s"]) == (30.0, (0.0, 1500.0), [360.0])
    held = FitOptions.of(**{name: read[name] for name in ("t0", "window", "breakpoints_s")})
    assert held.read_as_seconds("min") is None
    scope: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(python_lines(fit), scope)
    assert scope["fit"].stages == fit.stages
    assert not [remark for remark in scope["fit"].warnings if remark.code == "read_as_seconds"]


@pytest.mark.parametrize("shell", ["bash", "powershell"])
def test_completion_offers_every_option_and_its_words(shell: str) -> None:
    script = completion_script(shell)
    for option in OPTIONS.values():
        assert option.flag in script
        assert all(word in script for word in option.words)
