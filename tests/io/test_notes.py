"""How a file was read is told beside its data, and no reading depends on it."""

from pathlib import Path

import cxkinetics as cx
from cxkinetics.io.file import ReadOptions
from cxkinetics.io.load import read_signals

TWO_TABLES = """time (min),A
0,0.9
1,0.8
2,0.7
3,0.6

time,absorbance
0,0.5
1,0.4
2,0.3
3,0.2
"""


def test_the_unit_of_one_table_is_not_that_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(TWO_TABLES)
    first, second = (cx.load(path, trace=number) for number in (1, 2))
    assert isinstance(first, cx.Trace)
    assert isinstance(second, cx.Trace)
    assert (first.time_s[-1], first.source.time_unit) == (180.0, "min")
    assert (second.time_s[-1], second.source.time_unit) == (3.0, "")


def test_reading_is_the_same_whether_or_not_somebody_asks_how(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("time (min);absorbance\n0,0;0,9\n1,0;0,8\n2,5;0,7\n")
    notes: dict[str, object] = {}
    (asked,) = read_signals(path, ReadOptions(), notes)
    (plain,) = read_signals(path, ReadOptions())
    assert asked == plain
    assert asked.source == plain.source
    assert notes == {
        "encoding": "utf-8",
        "delimiter": ";",
        "decimal": ",",
        "time_unit": "min",
        "time_factor_s": 60.0,
    }


def test_notes_of_a_folder_are_those_of_its_files(tmp_path: Path) -> None:
    for minutes in (1, 2):
        rows = "".join(f"{place},{0.1 * minutes}\n" for place in range(400, 430))
        (tmp_path / f"{minutes} min.csv").write_text("wavelength (nm),absorbance\n" + rows)
    notes: dict[str, object] = {}
    (series,) = read_signals(tmp_path, ReadOptions(), notes)
    assert series.time_s.tolist() == [60.0, 120.0]
    assert notes["delimiter"] == ","
