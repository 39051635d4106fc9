"""Large tables, read in blocks, give what the careful reader gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.io import table as largetext
from cxkinetics.io.file import Content, ReadOptions
from cxkinetics.io.table import large_tables, tables_in, tables_of


def rows(n: int, cell: Callable[[int, int], str], width: int = 6, delimiter: str = ",") -> list[str]:
    return [delimiter.join(cell(i, j) for j in range(width)) for i in range(n)]


def number(i: int, j: int) -> str:
    return f"{i * 0.5:g}" if j == 0 else f"{np.exp(-i / 4000) * j:.6f}"


def gappy(i: int, j: int) -> str:
    if j == 2 and i % 500 == 7:
        return ["", "#N/A", "--"][i % 3]
    return "OVRFLW" if (i, j) in ((3000, 3), (3001, 4)) else number(i, j)


def clock(i: int, j: int) -> str:
    return f"{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}" if j == 0 else number(i, j)


CASES = {
    "plain": "\n".join(["time (s),300,310,320,330,340", *rows(9000, number)]),
    "preamble and footer": "\r\n".join(
        ["Operator;me", "", "time (s);300;310;320;330;340"]
        + [line.replace(".", ",") for line in rows(9000, number, delimiter=";")]
        + ["", "End;of;file", "mean;1,5"]
    ),
    "gaps and overflows": "\n".join(["time (s),300,310,320,330,340", *rows(9000, gappy)]),
    "clock times": "\n".join(["time,300,310,320,330,340", *rows(9000, clock)]),
    "tabs": "\n".join(["time (s)\tA1\tA2\tA3\tA4\tA5", *rows(9000, number, delimiter="\t")]),
    "a label column": "\n".join(
        ["time (s),300,310,320,330,340,note", *(line + ",ok" for line in rows(9000, number))]
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_blocks_against_the_careful_reader(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largetext, "_BLOCK_BYTES", 50_000)
    text = CASES[case]
    fast = large_tables(Content("run.csv", text.encode(), ""), ReadOptions())
    assert fast is not None
    (quick,), (careful,) = fast.tables, tables_of(text, file="run.csv").tables
    assert quick.names == careful.names
    assert list(quick.lines) == list(careful.lines)
    for one, other in zip(quick.columns, careful.columns, strict=True):
        assert one.kind == other.kind
        assert np.allclose(one.values, other.values, rtol=1e-15, atol=0, equal_nan=True)
        assert one.overflow == other.overflow


def test_an_error_far_down_keeps_its_line(tmp_path: Path) -> None:
    lines = ["time (s),300,310,320,330,340", *rows(110_000, number)]
    lines[100_000] = lines[100_000].replace(",", ",see notebook", 1)
    path = tmp_path / "large.csv"
    path.write_text("\n".join(lines))
    assert path.stat().st_size > largetext.LARGE_BYTES
    with pytest.raises(cx.InputError) as caught:
        cx.load(path)
    assert caught.value.line == 100_001
    assert caught.value.column == "300"
    assert "see notebook" in str(caught.value)
    lines[100_000] = "1,2,3,4,5,6,7"
    path.write_text("\n".join(lines))
    with pytest.raises(cx.InputError, match="line 100001: this row holds 7 cells"):
        cx.load(path)


def test_large_files_load_like_small_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell_by_cell: list[int] = []
    compiled: list[int] = []
    careful, quick = largetext._Filler._add_carefully, largetext._Filler._compiled

    def counted_carefully(filler: Any, block: bytes, line: int) -> None:
        cell_by_cell.append(len(block))
        careful(filler, block, line)

    def counted_quick(filler: Any, block: bytes) -> Any:
        compiled.append(len(block))
        return quick(filler, block)

    monkeypatch.setattr(largetext._Filler, "_add_carefully", counted_carefully)
    monkeypatch.setattr(largetext._Filler, "_compiled", counted_quick)
    lines = ["time (min),300,310,320,330,340", *rows(110_000, number)]
    path = tmp_path / "large.csv"
    path.write_text("\n".join(lines))
    series = cx.load(path)
    assert cell_by_cell == [], "plain numbers are left to the compiled parser"
    assert sum(compiled) == pytest.approx(path.stat().st_size, rel=0.01), "each byte once"
    assert series.absorbance.shape == (110_000, 5)
    assert series.time_s[-1] == 60 * 0.5 * 109_999
    assert series.absorbance[70_000, 3] == float(number(70_000, 4))
    path.write_text("\n".join(lines), encoding="utf-16")
    assert np.array_equal(cx.load(path).absorbance, series.absorbance)


def test_too_much_text_is_refused_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largetext, "_MOST_CAREFUL", 20_000)
    lines = ["time (s),300,310,320,330,340", *rows(60_000, number)]
    lines[5000:] = [line.replace(",", ",x", 1) for line in lines[5000:]]
    with pytest.raises(cx.InputError, match=r"line 5001, column '300': more than 0 MB of lines.*first: 'x"):
        large_tables(Content("run.csv", "\n".join(lines).encode(), ""), ReadOptions())


def test_several_tables_in_a_large_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largetext, "LARGE_BYTES", 1000)
    monkeypatch.setattr(largetext, "_MOST_SLOW", 2000)
    table = "\n".join(["time (s),300,310,320,330,340", *rows(40, number)])
    with pytest.raises(cx.InputError, match="several tables"):
        tables_in(Content("run.csv", (table + "\n\n" + table).encode(), ""), "", ReadOptions())
