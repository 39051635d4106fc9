"""Blocks of raw cells, and what people and programs read in them."""

import math

import numpy as np
import pytest

from cxkinetics.document import cells
from cxkinetics.document.page import Fact
from cxkinetics.document.table import Column, Table, long, wide
from cxkinetics.document.units import SECONDS, time_unit
from cxkinetics.errors import UsageError
from cxkinetics.estimate import Estimate

K = Estimate(name="k", value=0.056, se=0.001, low=0.054, high=0.058, unit="1/s", method="profile")
BREAK = Estimate(name="b", value=120.0, se=2.0, low=116.0, high=124.0, unit="s", method="profile")
OPEN = Estimate(name="k2", value=None, unit="1/s", reason="the trace ends too early")


def stages() -> Table:
    return Table(
        [
            Column("stage", "stage"),
            Column(None, "start_s"),
            Column("from, {unit}", unit="s", format="g", numeric=True),
            Column("k, {unit}", wide("k", "1/s", method=True), unit="1/s"),
            Column("R2", "r_squared_log", cells.r_squared, numeric=True),
        ],
        [(1, 0.0, 0.0, K, 0.99999), (2, 120.0, 120.0, OPEN, None)],
        name="stages",
    )


def test_people_read_heads_formats_and_their_unit_of_time() -> None:
    grid = stages().grid(time_unit("min"))
    assert grid.header == ("stage", "from, min", "k, 1/min", "R2")
    assert grid.rows == (
        ("1", "0", "3.360 [3.240, 3.480]", "> 0.9999"),
        ("2", "2", "not determined", "-"),
    )
    assert grid.numeric == (1, 3)


def test_programs_read_raw_numbers_in_seconds_whatever_people_asked_for() -> None:
    table = stages()
    table.grid(time_unit("h"))
    head, rows = table.records()
    spread = ["k_per_s", "k_se_per_s", "k_low_per_s", "k_high_per_s", "k_method"]
    assert head == ["stage", "start_s", *spread, "r_squared_log"]
    assert rows[0] == [1, 0.0, 0.056, 0.001, 0.054, 0.058, "profile", 0.99999]
    assert rows[1] == [2, 120.0, None, None, None, None, "", None]
    assert table.frame()["k_per_s"].iloc[0] == 0.056


def test_the_only_estimate_of_a_row_bears_plain_names_with_unit_and_reason() -> None:
    table = Table([Column("quantity", "quantity"), Column("value", long())], [("k2", OPEN)])
    head, rows = table.records()
    assert head == ["quantity", "value", "se", "low", "high", "unit", "method", "reason"]
    assert rows == [["k2", None, None, None, None, "1/s", "", "the trace ends too early"]]
    assert list(long(value="share", fields=("value", "se"))) == ["share", "se"]


def test_an_interval_is_never_lost_on_the_way_to_programs() -> None:
    with pytest.raises(TypeError, match="'k' holds an estimate"):
        Table([Column("k", "k")], [(K,)]).records()


def test_a_row_that_does_not_fit_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table([Column("a", "a")], [(1, 2)])


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, np.float64("nan")])
def test_what_is_missing_is_a_dash_for_people_and_nothing_for_programs(missing: float | None) -> None:
    table = Table([Column("a", "a", ".2f"), Column("b", "b", missing="")], [(missing, missing)])
    assert table.grid().rows == (("-", ""),)
    assert table.records()[1] == [[None, None]]


def test_cells_of_every_kind_read_as_words() -> None:
    columns = [Column(kind) for kind in ("str", "int", "float", "bool", "numpy", "estimate")]
    table = Table(columns, [("x", 12345678, 0.123456, True, np.int64(7), BREAK)])
    assert table.grid().rows == (("x", "12345678", "0.1235", "yes", "7", "120.0 [116.0, 124.0]"),)


def test_an_estimate_reads_alike_in_one_cell_or_two() -> None:
    halves = Estimate(name="b", value=5.0, low=1.0, high=9.0, pieces=((1.0, 2.0), (4.0, 9.0)), unit="s")
    for estimate in (K, BREAK, halves):
        assert cells.interval(estimate) == f"{cells.value(estimate)} {cells.bracket(estimate)}"
        assert f"{cells.interval(estimate)} {estimate.unit}" == str(estimate)
    assert " or " in cells.bracket(halves)
    assert cells.value_unit(OPEN) == cells.interval(OPEN) == "not determined"
    assert cells.method(OPEN, 0.95) == "the trace ends too early"
    assert cells.method(K, 0.9) == "90 %, profile"


def test_an_interval_with_an_open_end_says_so() -> None:
    bound = Estimate(name="k", value=2.0, low=1.0, method="profile", reason="flat above")
    assert cells.bracket(bound).endswith(", inf]")
    assert cells.method(bound, 0.95) == "95 %, profile; flat above"
    assert cells.by_standard_error(bound) == "[1, inf]"


def test_a_fact_has_its_interval_or_the_reason_in_small_print() -> None:
    assert Fact.of("k", K, 0.95) == Fact("k", "0.0560 1/s", "95 %: [0.0540, 0.0580]")
    assert Fact.of("k2", OPEN) == Fact("k2", "not determined", "the trace ends too early")


def test_a_unit_of_time_changes_times_and_rates_only() -> None:
    minutes = time_unit("min")
    assert minutes.value(90.0, "s") == 1.5
    assert minutes.value(0.5, "1/s") == 30.0
    assert minutes.value(324.0, "nm") == 324.0
    assert [minutes.shown(unit) for unit in ("s", "1/s", "nm")] == ["min", "1/min", "nm"]
    assert SECONDS.estimate(K) is K
    with pytest.raises(UsageError, match="must be one of s, ms, min, h"):
        time_unit("d")
