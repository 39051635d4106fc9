"""What is of the wrong kind is refused at the door, by its name, with what it must be."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cxkinetics as cx
from cxkinetics.calls import checked

TRACE = cx.Trace(time_s=np.arange(9.0), absorbance=np.linspace(1, 0.2, 9))


@checked()
def called(
    number: float = 1.0,
    count: int | None = None,
    words: Sequence[str] = (),
    window: tuple[float | None, float | None] | None = None,
    by_name: Mapping[str, float] | None = None,
    function: Callable[..., Any] = len,
    trace: cx.Trace | str | Path = TRACE,
    flag: bool = False,
    rng: np.random.Generator | int | None = None,
) -> tuple[Any, ...]:
    return number, count, words, window, rng


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"number": "3"}, "number is '3'; it must be a finite number"),
        ({"number": float("nan")}, "it must be a finite number"),
        ({"number": 10**400}, "it must be a finite number"),
        ({"number": 1e308}, "it must be a number up to 1e\\+150"),
        ({"number": True}, "number is True"),
        ({"number": np.timedelta64(5, "s")}, "it must be a finite number"),
        ({"count": 1.5}, "it must be a whole number or None"),
        ({"words": ["a", 1]}, "a list of which each is text, not 1"),
        ({"words": 5}, "it must be a list"),
        ({"window": (1.0,)}, "a group of 2 values or None"),
        ({"window": (1.0, "x")}, "each is a finite number or None, not 'x'"),
        ({"by_name": [1]}, "it must be a mapping of names or None"),
        ({"by_name": {1: 2.0}}, "it must be a mapping of names"),
        ({"function": 5}, "it must be a function"),
        ({"trace": 5}, "of the class Trace or text or a path"),
        ({"flag": 1}, "flag is 1; it must be True or False"),
        ({"rng": -1}, "it must be a seed: a whole number from 0"),
    ],
)
def test_wrong_kinds_are_refused_with_what_is_needed(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(cx.UsageError, match=said) as caught:
        called(**wrong)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_and_fractions_become_plain() -> None:
    found = called(Fraction(1, 4), count=np.int8(3), window=np.array([1, 2]), rng=np.int64(5))
    assert found == (0.25, 3, (), (1.0, 2.0), 5)
    assert [type(value) for value in found[:2]] == [float, int]


class _Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_written_is_named_by_its_type() -> None:
    with pytest.raises(cx.UsageError, match="number is <_Unspeakable instance"):
        called(_Unspeakable())  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["label", "unit", "wavelength_nm", "source", "remarks"])
def test_constructors_refuse_wrong_fields_as_bad_input(field: str) -> None:
    with pytest.raises(cx.InputError, match=f"{field} is"):
        cx.Trace(**{"time_s": [0, 1], "absorbance": [1, 2], field: object()})


def test_numbers_whose_squares_overflow_are_refused() -> None:
    with pytest.raises(cx.InputError, match="absorbance holds 1e\\+200"):
        cx.Trace(time_s=[0, 1], absorbance=[1e200, np.nan])
    with pytest.raises(cx.InputError, match="complex"):
        cx.Trace(time_s=[0, 1], absorbance=[1j, 1])


@pytest.mark.parametrize("keep", [[True], [[True] * 9], "x"])
def test_a_mask_of_another_shape_is_refused(keep: Any) -> None:
    with pytest.raises(cx.InputError, match="keep"):
        TRACE.select(keep)


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ("plan_sampling", {"rates_per_s": 0.05, "points": "many"}),
        ("plan_sampling", {"rates_per_s": [0.05, "x"]}),
        ("plan_dose", {"target": "avalanche", "count": 1.5}),
        ("fit_mechanism", {"quenched_s": "late"}),
        ("fit_mechanism", {"n_starts": float("nan")}),
    ],
)
def test_plans_and_mechanisms_refuse_wrong_kinds(function: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(cx.UsageError, match=f"{list(wrong)[-1]} is .*; it must be"):
        getattr(cx, function)(**wrong)


_FIT = cx.fit_stages(TRACE, n_stages=1, noise="white")
_T = np.linspace(0.0, 60.0, 31)
_TIME = np.timedelta64(5, "s")
_DECAY = 0.9 * np.exp(-0.05 * _T)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: _FIT.curve(np.array([0.0, np.inf])), "time_s holds inf; all must be finite"),
        (lambda: cx.fit_together(_TIME), "traces is .*; it must be a list of traces"),
        (lambda: cx.fit_stages(_T, _DECAY, start_up=1e9), "readings last 60 s: none would follow it"),
        (lambda: cx.fit_stages(_T, _DECAY, breakpoints_s=_FIT), "breakpoints_s is"),
        (lambda: cx.Estimate(name="k", value=10**400), "value, se, low and high are numbers or None"),
        (lambda: cx.Trace(time_s=_T, absorbance=None), "absorbance is None"),
        (lambda: cx.Trace(time_s=[None, pd.NA], absorbance=[1, 2]), "is not a number"),
        (lambda: cx.Remark("x", "y", rows=np.zeros(0)), None),
    ],
)  # fmt: skip
def test_absurd_arguments_are_refused_in_one_line(call: Callable[[], Any], said: str | None) -> None:
    if said is None:
        assert str(call()) == "y"
        return
    with pytest.raises(cx.CxKineticsError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


T30 = np.arange(30.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: cx.fit_stages(T30, np.exp(-T30 / 9), time_unit="min"),
            ("fit_stages", "cx.load(file, time_unit"),
        ),
        (lambda: cx.fit_stages(T30, np.exp(-T30 / 9), sheet=2), ("fit_stages", "cx.load")),
        (lambda: cx.fit_stages(T30, np.exp(-T30 / 9), stages=2), ("did you mean 'n_stages'?",)),
        (lambda: cx.fit_decay((T30, np.exp(-T30 / 9)), n_stage=2), ("did you mean 'n_stages'?",)),
        (lambda: cx.fit_many(["run.csv"], n_stage=2), ("did you mean 'n_stages'?",)),
        (lambda: cx.predict(60, tabel="icp.csv"), ("predict has no option 'tabel'", "did you mean 'table'?")),
        (lambda: cx.predict(dose=60), ("predict has no option 'dose'", "known: dose_percent, table")),
        (lambda: cx.dose_for("Ag2S", min_purty=0.3), ("did you mean 'min_purity'?",)),
        (lambda: cx.load("run.csv", timeunit="min"), ("load has no option", "did you mean 'time_unit'?")),
        (lambda: cx.Trace(time=T30, absorbance=T30), ("Trace has no option 'time'", "'time_s'")),
    ],
)
def test_a_keyword_that_is_not_there_names_the_nearest(
    call: Callable[[], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(cx.CxKineticsError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
