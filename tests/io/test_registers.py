"""Kinetics registers with several cells: names, and what damage leaves of them."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.io.formats.agilent import register_names

TIMES = (1.0, 7.0, 13.0, 19.0)


def text(word: str) -> bytes:
    return word.encode("utf-16-le")


def register(cells: list[int], times: list[float]) -> bytes:
    """Make a register after the layout of a real one; a spectrum begins with its cell and its time."""
    parts = [b"\x0232\x00\rREGISTER FILE" + b"\x00" * 32, text("RegName"), b"\x00\x00"]
    for cell in cells:
        name = f"SAMPLES_CELL_{cell}"
        parts.append(struct.pack("<H", len(name) + 1) + text(name))
    parts.append(b"\x07\x00" + text("REPLOG"))
    for cell, time in zip(cells, times, strict=True):
        values = [cell / 10, time / 100, 0.25, 0.75, 0.5, 1 + time / 10 + cell / 100, 0.2, 0.1]
        parts.append(text("TimeSince1970") + b"\x00" * 6 + struct.pack("<d", 1.7e9))
        parts.append(text("RelTime") + b"\x00" * 6 + struct.pack("<d", time))
        parts.append(text("Absorbance ") + text("(AU)") + b"\x00" * 4 + struct.pack("<I", 8) + b"\x00")
        parts.append(struct.pack("<8d", *values))
        parts.append(b"\x00" * 51 + text("Wavelength (nm)") + b"\x00" * 26 + struct.pack("<dd", 300.0, 2.0))
        parts.append(b"\x00" * 30)
    return b"".join(parts)


CELLS, CLOCK = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3], [*TIMES, *TIMES, *TIMES]
WHOLE = register(CELLS, CLOCK)
INTERLEAVED = register([1, 2, 3] * 4, [t for t in TIMES for _ in range(3)])


def places(data: bytes, word: str) -> list[int]:
    return [m.start() for m in re.finditer(re.escape(text(word)), data)]


def broken(data: bytes, *edits: tuple[str, int]) -> bytes:
    """Return the register with the given texts (word, which of them) made unreadable."""
    damaged = bytearray(data)
    for word, number in edits:
        place = places(data, word)[number]
        damaged[place : place + 2] = b"\xff\xff"
    return bytes(damaged)


def read(tmp_path: Path, data: bytes) -> list[cx.SpectralSeries]:
    path = tmp_path / "run.KD"
    path.write_bytes(data)
    found = cx.load(path)
    return found if isinstance(found, list) else [found]


def shapes(cells: list[cx.SpectralSeries]) -> dict[str, list[float]]:
    """Return the times of each cell; every spectrum must be one of its own at its own time."""
    for cell in cells:
        assert np.all(cell.absorbance[:, 0] == int(cell.label[-1]) / 10)
        assert np.array_equal(cell.absorbance[:, 1], cell.time_s / 100)
    return {cell.label: cell.time_s.tolist() for cell in cells}


def test_names_of_a_real_register_are_found(shared_data: Path) -> None:
    data = (shared_data / "uvvis" / "agilent_kd" / "multi_cuvette_test_data.KD").read_bytes()
    names = register_names(data)
    assert [names.count(f"SAMPLES_CELL_{k}") for k in (1, 2, 3)] == [119, 119, 119]
    assert len(names) == 357


@pytest.mark.parametrize("data", [WHOLE, INTERLEAVED], ids=["one by one", "interleaved"])
def test_cells_are_told_by_name_in_any_order(tmp_path: Path, data: bytes) -> None:
    cells = read(tmp_path, data)
    assert shapes(cells) == {f"cell {k}": list(TIMES) for k in (1, 2, 3)}
    assert not [remark for cell in cells for remark in cell.remarks]


@pytest.mark.parametrize(
    ("edits", "lost"),
    [
        ([("(AU)", 1)], {1: [7.0]}),
        ([("(AU)", 3)], {1: [19.0]}),
        ([("(AU)", 4)], {2: [1.0]}),
        ([("RelTime", 4)], {2: [1.0]}),
        ([("RelTime", 11)], {3: [19.0]}),
        ([("RelTime", 0)], {1: [1.0]}),
        ([("(AU)", 3), ("RelTime", 4)], {1: [19.0], 2: [1.0]}),
        ([("(AU)", 1), ("RelTime", 6), ("TimeSince1970", 9)], {1: [7.0], 2: [13.0]}),
    ],
)
def test_a_damaged_register_keeps_each_spectrum_in_its_cell(
    tmp_path: Path, edits: list[tuple[str, int]], lost: dict[int, list[float]]
) -> None:
    cells = read(tmp_path, broken(WHOLE, *edits))
    expected = {f"cell {k}": [t for t in TIMES if t not in lost.get(k, [])] for k in (1, 2, 3)}
    assert shapes(cells) == expected
    for cell in cells:
        (remark,) = [remark for remark in cell.remarks if remark.code == "damaged_register"]
        assert remark.count == sum(map(len, lost.values()))


def test_interleaved_cells_survive_a_lost_spectrum_by_name(tmp_path: Path) -> None:
    cells = read(tmp_path, broken(INTERLEAVED, ("(AU)", 4)))
    assert shapes(cells) == {"cell 1": [*TIMES], "cell 2": [1.0, 13.0, 19.0], "cell 3": [*TIMES]}


def test_spectra_with_missing_or_surplus_bytes_are_left_out(tmp_path: Path) -> None:
    place = places(WHOLE, "(AU)")[5] + 30
    for data in (
        WHOLE[:place] + WHOLE[place + 9 :],
        WHOLE[:place] + WHOLE[place + 60 :],
        WHOLE[:place] + b"abc" + WHOLE[place:],
    ):
        cells = read(tmp_path, data)
        assert shapes(cells) == {"cell 1": [*TIMES], "cell 2": [1.0, 13.0, 19.0], "cell 3": [*TIMES]}
        assert "damaged_register" in {remark.code for remark in cells[0].remarks}


def test_a_time_that_is_damaged_moves_no_spectrum_into_another_cell(tmp_path: Path) -> None:
    damaged = bytearray(WHOLE)
    struct.pack_into("<d", damaged, places(WHOLE, "RelTime")[4] + 20, 1e12)
    assert shapes(read(tmp_path, bytes(damaged)))["cell 1"] == [*TIMES]
    struct.pack_into("<d", damaged, places(WHOLE, "RelTime")[4] + 20, 1e6)
    with pytest.raises(cx.InputError, match=r"times of one cell stand before earlier ones.*copy it again"):
        read(tmp_path, bytes(damaged))


def test_a_file_cut_at_its_end_keeps_the_names_of_what_is_there(tmp_path: Path) -> None:
    cells = read(tmp_path, WHOLE[: places(WHOLE, "(AU)")[6] + 40])
    assert shapes(cells) == {"cell 1": [*TIMES], "cell 2": [1.0, 7.0]}
    assert {remark.code for remark in cells[0].remarks} == {"truncated"}
    (first,) = read(tmp_path, WHOLE[: places(WHOLE, "(AU)")[2] + 40])
    assert first.label == "cell 1"


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    clock = places(WHOLE, "TimeSince1970")
    gone = WHOLE[: clock[1]] + WHOLE[clock[2] :]
    cells = read(tmp_path, gone)  # one cell after the other: the clock that starts again tells
    assert shapes(cells) == {"cell 1": [1.0, 13.0, 19.0], "cell 2": [*TIMES], "cell 3": [*TIMES]}
    assert "damaged_register" in {remark.code for remark in cells[0].remarks}
    for data in (
        WHOLE[: clock[1]] + WHOLE[clock[6] :],  # no start of cell 2 is left
        INTERLEAVED[: clock[4]] + INTERLEAVED[clock[5] :],
    ):
        with pytest.raises(cx.InputError, match="nothing tells which cell each belongs to"):
            read(tmp_path, data)


def test_a_list_of_names_that_breaks_off_leaves_the_clock(tmp_path: Path) -> None:
    broken_off = broken(WHOLE, ("SAMPLES_CELL", 6))
    cells = read(tmp_path, broken_off)
    assert shapes(cells) == {f"cell {k}": [*TIMES] for k in (1, 2, 3)}
    assert {remark.code for cell in cells for remark in cell.remarks} == {"cells_by_clock"}
    with pytest.raises(cx.InputError, match="lists 6 spectra of 3 cells, but 12 are whole"):
        read(tmp_path, broken(INTERLEAVED, ("SAMPLES_CELL", 6)))


@pytest.mark.parametrize("word", ["(AU)", "RelTime"])
def test_what_is_left_out_of_a_register_without_names_is_said(tmp_path: Path, word: str) -> None:
    cells = read(tmp_path, broken(WHOLE, ("RegName", 0), (word, 5)))
    assert shapes(cells) == {"cell 1": [*TIMES], "cell 2": [1.0, 13.0, 19.0], "cell 3": [*TIMES]}
    (remark,) = cells[0].remarks
    assert (remark.code, remark.count) == ("damaged_register", 1)
    whole = read(tmp_path, broken(WHOLE, ("RegName", 0)))
    assert not [remark for cell in whole for remark in cell.remarks]
