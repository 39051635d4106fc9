"""What a refusal advises is done, and reads the file: the option that it names, or the change of the file."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

import cxkinetics as cx

TIME = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
A = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
B = [0.5, 0.45, 0.4, 0.35, 0.3, 0.25]
WAVES = list(range(300, 350, 2))


def rows(*columns: list[Any], between: str = ",") -> str:
    return "\n".join(between.join(map(str, row)) for row in zip(*columns, strict=True)) + "\n"


def spectra(*heads: str) -> str:
    body = rows(WAVES, *[[round(0.5 - 0.1 * k + 0.001 * n, 4) for n in WAVES] for k in range(len(heads) - 1)])
    return ",".join(heads) + "\n" + body


TWO = "time (s),A,B\n" + rows(TIME, A, B)
RUNS = "time (s),A\n" + rows(TIME * 2, A + B)
TABLES = "time (s),A\n" + rows(TIME, A) + "\nt (min),E\n" + rows(TIME, B)
UNTIMED = spectra("wavelength (nm)", "one", "two", "three")
ASKED: dict[str, tuple[str, str, dict[str, Any] | tuple[str, str], list[float]]] = {
    "column": (TWO, r"--column NAME", {"column": "B"}, B),
    "column all": (TWO, r"--column all", {"column": "all"}, A),
    "column by number": ("time (s),A,A\n" + rows(TIME, A, B), r"A \(number 3\)", {"column": 3}, B),
    "no signal": (
        "time (s),ln A\n" + rows(TIME, A),
        r"--column|no absorbance",
        {"column": 2, "absorbance_unit": "abs"},
        A,
    ),
    "run": (RUNS, r"--trace 1", {"trace": 2}, B),
    "table": (TABLES, r"--trace 1", {"trace": 1}, A),
    "time, named": ("x1,A\n" + rows(TIME, A), r"name the first column 'time \(s\)'", ("x1", "time (s)"), A),
    "time, by axis": ("x1,A\n" + rows(TIME, A), r"--axis time", {"axis": "time"}, A),
    "time, by unit": ("x1,A\n" + rows(TIME, A), r"--time-unit", {"time_unit": "s"}, A),
    "no absorbance, as it is": (
        "time (s),fluorescence\n" + rows(TIME, A),
        r"abs, or counts",
        {"absorbance_unit": "abs"},
        A,
    ),
    "no absorbance, counts": (
        "time (s),fluorescence\n" + rows(TIME, A),
        r"counts",
        {"absorbance_unit": "counts"},
        A,
    ),
    "too large, counts": (
        "time (s),A\n" + rows(TIME, [100 * a for a in A]),
        r"counts",
        {"absorbance_unit": "counts"},
        [90.0],
    ),
    "too large, percent": (
        "time (s),A\n" + rows(TIME, [10, 20, 30, 40, 50, 60]),
        r"percentT",
        {"absorbance_unit": "percentT"},
        [1.0],
    ),
    "some too large": (
        "time (s),A\n" + rows(TIME, [*A[:-1], 1073]),
        r"or abs \(as",
        {"absorbance_unit": "abs"},
        A[:-1],
    ),
    "decimal": (
        "time (s);A\n" + rows(TIME, ["0.9", "0,8", "0.7", "0,6", "0.5", "0,4"], between=";"),
        r"one decimal mark",
        ("0,", "0."),
        A,
    ),
    "decimal mark told": (
        "time (s);counts\n0;1.234\n10;1,500\n20;2,034\n",
        r"--decimal",
        {"decimal": "."},
        [1.234, 1500.0, 2034.0],
    ),
    "bare axis, time": (
        rows(WAVES, [0.5] * len(WAVES)),
        r"--axis time or --axis wave",
        {"axis": "time"},
        [0.5],
    ),
    "bare axis, wavelength": (
        rows(WAVES, [0.5] * len(WAVES)),
        r"--axis wavelength",
        {"axis": "wavelength"},
        [0.5],
    ),
    "times in the names": (
        UNTIMED,
        r"into its column name \('10 s'\)",
        ("one,two,three", "0 s,10 s,20 s"),
        [0.8],
    ),
    "times in a file": (UNTIMED, r"--times FILE", {"times": "0\n10\n20\n"}, [0.8]),
    "one of the spectra": (UNTIMED, r"--column NAME", {"column": "two"}, [0.7]),
    "moments": (
        spectra("wavelength (nm)", "dark", "10 s", "20 s", "30 s"),
        r"'0 min'",
        ("dark", "0 min"),
        [0.8],
    ),
    "moments in a file": (
        spectra("wavelength (nm)", "dark", "10 s", "20 s"),
        r"--times",
        {"times": "0\n10\n20\n"},
        [0.8],
    ),
    "label missing": (
        "well,time (s),A\n" + rows(["a"] * 5 + [""] + ["b"] * 6, TIME * 2, A + B),
        r"fill in the cell",
        (",50.0,0.4", "a,50.0,0.4"),
        A,
    ),
    "one moment": (
        "Date,n,A\n" + rows(["2024-05-01"] * 6, TIME, A),
        r"the time 'time \(s\)'",
        (",n,", ",time (s),"),
        A,
    ),
    "unit of the axis": (
        "t\\axis," + ",".join(str(n) for n in range(500, 1500, 50)) + "\n" + rows(TIME, *[A] * 20),
        r"corner cell",
        ("t\\axis", "time (s) \\ wavelength (nm)"),
        [0.9],
    ),
    "which axis": (
        "," + ",".join(map(str, range(300, 320, 2))) + "\n" + rows(list(range(200, 320, 20)), *[A] * 10),
        r"--axis",
        {"axis": "time"},
        [0.9],
    ),
    "two readings": (
        "time (s),wavelength (nm),A\n0,300,0.5\n0,302,0.4\n10,300,0.4\n10,302,0.3\n10,302,0.2\n",
        r"split the file",
        ("10,302,0.2\n", ""),
        [0.5],
    ),
}


@pytest.mark.parametrize(("text", "words", "remedy", "values"), ASKED.values(), ids=ASKED)
def test_the_remedy_of_a_question_reads_the_file(
    text: str, words: str, remedy: dict[str, Any] | tuple[str, str], values: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "run.csv"
    path.write_text(text)
    with pytest.raises(cx.InputError, match=words):
        cx.load(path)
    options = dict(remedy) if isinstance(remedy, dict) else {}
    if isinstance(remedy, tuple):
        assert remedy[0] in text
        path.write_text(text.replace(*remedy))
    if "times" in options:
        (tmp_path / "log.csv").write_text("time (s)\n" + options["times"])
        options["times"] = str(tmp_path / "log.csv")
    found = cx.load(path, **options)
    first = found[0] if isinstance(found, list) else found
    assert np.ravel(first.absorbance)[: len(values)].tolist() == pytest.approx(values)


def test_a_sheet_is_chosen(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, values in (("one", A), ("two", B)):
        sheet = book.create_sheet(name)
        for row in [("time (s)", "A"), *zip(TIME, values, strict=True)]:
            sheet.append(row)
    del book["Sheet"]
    book.save(tmp_path / "run.xlsx")
    with pytest.raises(cx.InputError, match=r"'one', 'two'.*--sheet NAME"):
        cx.load(tmp_path / "run.xlsx")
    assert cx.load(tmp_path / "run.xlsx", sheet="two").absorbance.tolist() == B


def test_a_folder_without_times_follows_its_advice(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma"):
        (folder / f"{name}.csv").write_text("wavelength (nm),A\n" + rows(WAVES, [0.5] * len(WAVES)))
    with pytest.raises(cx.InputError, match=r"'run_120s\.csv'.*--times"):
        cx.load(folder)
    log = tmp_path / "log.csv"
    log.write_text("time (s)\n0\n60\n120\n")
    assert cx.load(folder, times=log).time_s.tolist() == [0.0, 60.0, 120.0]
    for k, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"run_{60 * k}s.csv")
    assert cx.load(folder).time_s.tolist() == [0.0, 60.0, 120.0]


def test_every_option_that_a_refusal_of_a_reader_names_is_tried_here() -> None:
    """A new option in a remedy needs a case above."""
    package = Path(cx.__file__).parent / "io"
    said = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    named = set(re.findall(r"--([a-z]+(?:-[a-z]+)?)(?=[ )|,:;'\"])", said))
    tried = {"column", "trace", "axis", "time-unit", "absorbance-unit", "decimal", "times", "sheet"}
    assert named - tried <= {"window", "reference", "time-in"}  # these are no answers to a refusal
