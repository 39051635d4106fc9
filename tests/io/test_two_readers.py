"""Two columns of text read as plain numbers, and cell by cell: the same numbers, or the same refusal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxkinetics as cx
from cxkinetics.io import table as tables
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.table import plain_table, tables_of

ODD = """
nan NaN inf -inf 1e400 -1e400 1e-400 -0 +1.5 .5 5. 1E+02 1e5 1d5 1D2 1_000 0x10 1,5 1.5.2 1e 007 1.0f 5%
1e2e3 True None null -- #N/A N/A OVRFLW ***** <0.001 >3 ~2 0.9\u00b10.1 0.9(1) abc 12:30 12:30:01 2020-01-02
\u0663 \uff11 \u22121 1e\u22123 \u221e 0.8? '0.5' #1 1/2 1e+ - + . e5
"""
SPACED = ("", " ", "1 000", "0.5 AU", '"0.5"', '"1,5"', "\u00a01", "1\u2009000", "\ufeff1")
HEADS = (
    "",
    "time (s){}absorbance\n",
    "t{}A\n",
    "run 7\n\ntime (min){}A 324 nm\n",
    "# t{}A\n",
    "time (s){}absorbance\ns{}AU\n",
)


@dataclass(frozen=True)
class Said:
    """What a reader says of a text: columns, lines and delimiter, or why it refuses."""

    columns: list[tuple[Any, ...]]
    lines: list[int]
    names: list[str]
    delimiter: str


def said(found: tables.Tables) -> list[Said]:
    return [
        Said(
            [(column.kind, column.unit, column.overflow, column.texts) for column in table.columns],
            list(map(int, table.lines)),
            table.names,
            found.delimiter,
        )
        for table in found.tables
    ]


def texts() -> st.SearchStrategy[str]:
    plain = st.floats(-1e6, 1e6).flatmap(
        lambda x: st.sampled_from([repr(x), f"{x:.3f}", f"{x:.6e}", f"{x:g}", f" {x:.4f}", f"{x:.2f} "])
    )
    cell = st.one_of(plain, plain, plain, st.sampled_from([*ODD.split(), *SPACED]))

    @st.composite
    def made(draw: st.DrawFn) -> str:
        delimiter = draw(st.sampled_from([",", ";", "\t", "  "]))
        end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
        rows = [f"{0.5 * i:g}{delimiter}{np.exp(-0.02 * i):.6f}" for i in range(draw(st.integers(3, 70)))]
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(rows) - 1))
            odd = draw(
                st.one_of(
                    st.builds(lambda one, other: one + delimiter + other, cell, cell),
                    st.sampled_from(
                        ["", "5", "note", f"1{delimiter}2{delimiter}3", f"1{delimiter}2{delimiter}"]
                    ),
                )
            )
            rows[at] = odd
        head = draw(st.sampled_from(HEADS)).replace("{}", delimiter)
        foot = draw(st.sampled_from(["", "", "\n", "\n\n", "\nend of file\n"]))
        return (head + "\n".join(rows) + foot).replace("\n", end)

    return made()


def quickly(text: str) -> tables.Tables | None:
    """Read a text of any length as if it were longer; the head alone decides on delimiter and names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_PLAIN_BYTES", 0)
        patch.setattr(tables, "_SHORT_HEAD", 64)
        return plain_table(Content("run.csv", text.encode(), ""), text, ReadOptions())


@given(texts())
@settings(max_examples=100)
def test_plain_columns_are_read_as_cell_by_cell(text: str) -> None:
    quick = quickly(text)
    if quick is None:
        return  # left to the careful reader
    careful = tables_of(text, file="run.csv")  # which refuses nothing that was read as plain
    assert said(quick) == said(careful)
    assert quick.remarks == careful.remarks
    for one, other in zip(quick.tables[0].columns, careful.tables[0].columns, strict=True):
        assert np.array_equal(one.values, other.values, equal_nan=True)
        assert one.sigma is other.sigma is None


def test_plain_columns_take_the_quick_way_and_odd_ones_do_not() -> None:
    rows = [f"{i},{0.9**i!r}" for i in range(50)]
    assert quickly("\n".join(["time (s),absorbance", *rows])) is not None
    for odd in ("5,6,7,8", "5,abc", ",", "5,1_000", "5,inf"):
        assert quickly("\n".join(["time (s),absorbance", *rows, odd, *rows])) is None


def test_a_blank_line_in_a_longer_file_is_no_missing_reading(tmp_path: Path) -> None:
    rows = [f"{i},{0.9 ** (i / 500)!r}" for i in range(4000)]
    path = tmp_path / "run.csv"
    path.write_text("\n".join(["time (s),absorbance", *rows[:2000], "", *rows[2000:]]))
    assert path.stat().st_size > tables._PLAIN_BYTES
    trace = cx.load(path)
    assert trace.n_points == 4000
    assert [remark.text for remark in trace.remarks] == []
