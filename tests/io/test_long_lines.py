"""Long lines cost no more than their length: a reader that searches one in many ways does not come back."""

from pathlib import Path

import pytest

import cxkinetics as cx

LENGTH = 80_000
LINES = {
    "marks without an end": ">" * LENGTH,
    "blanks": "\x0b" * LENGTH,
    "empty lines": "\n" * LENGTH,
    "separators": "," * LENGTH,
    "titles": '"a' + " - Data" * (LENGTH // 7),
    "clocks": "1:11 " * (LENGTH // 5),
    "pixels": "pixels " * (LENGTH // 7),
    "cycle time": "Cycle Time" + " " * LENGTH,
    "collected": "Collection Time: " + ", " * (LENGTH // 2) + "x",
    "keys": "AB," + " x" * (LENGTH // 2),
}
AROUND = {
    "alone": "{}\n",
    "above a table": "{}\ntime (s),A\n0,0.9\n10,0.8\n20,0.7\n",
    "below a title": "spectrum\n{}\n>>>>>Begin Processed Spectral Data<<<<<\n300\t0.1\n302\t0.2\n",
    "in a Gen5 export": "Software Version\t3\nPlate Number\t1\nx{}x\nTime\tT\tA1\n0:00:00\t30\t1\n",
    "below Cary's table": "a,,\nWavelength (nm),Abs\n300,0.1\n302,0.2\n\nCollection Time: 1/1/2024\n{}\n",
    "in JCAMP": "##TITLE= {}\n##JCAMP-DX= 5\n##XUNITS= nm\n##XYPOINTS= (XY..XY)\n300, 1\n302, 2\n##END=\n",
    "in JASCO": "TITLE\t{}\nXUNITS\tNANOMETERS\nYUNITS\tABSORBANCE\nXYDATA\n300\t0.1\n302\t0.2\n",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("line", LINES)
def test_a_long_line_is_read_or_refused(line: str, around: str, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text(AROUND[around].format(LINES[line]), newline="")
    try:
        found = cx.load(path)
    except cx.CxKineticsError as error:
        found = None
        said = str(error)
    assert found is not None or len(said) < 2000


@pytest.mark.parametrize("mark", ["\x0c", "\x0b"])
def test_a_form_feed_above_a_table_costs_no_row(mark: str, tmp_path: Path) -> None:
    """Beyond 60 kB a table of plain numbers is read by its line feeds alone."""
    path = tmp_path / "run.csv"
    path.write_text(
        f"page 1{mark}page 2\ntime (s),A\n" + "".join(f"{k},{0.9 - k * 1e-5:.5f}\n" for k in range(8000))
    )
    trace = cx.load(path)
    assert isinstance(trace, cx.Trace)
    assert trace.time_s[:3].tolist() == [0.0, 1.0, 2.0]
    assert trace.time_s.size == 8000
