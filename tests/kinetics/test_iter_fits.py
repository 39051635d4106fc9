"""`iter_fits`: results as they finish, a table on disk that a later call goes on with, and shards."""

import csv
import gc
import json
import random
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cxkinetics as cx
from cxkinetics.kinetics.batch import fit_many, jobs_of
from tests.studies.kills import FAST, write_trace


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "data").mkdir()
    good = [write_trace(tmp_path / "data" / f"run{number}.csv", number) for number in range(3)]
    bad = tmp_path / "data" / "bad.csv"
    bad.write_text("t,A\n0,0.9\n1,0.5\n")
    return [good[0], bad, *good[1:]]


def rows(table: Path) -> list[dict[str, str]]:
    with open(table, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_results_are_those_of_fit_many_and_stand_in_the_table(files: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "fits.csv"
    found = list(cx.iter_fits(files, table=table, **FAST))
    batch = fit_many(files, **FAST)
    assert [fit for result in found for fit in result.fits] == list(batch.fits)
    assert [failure for result in found for failure in result.failures] == list(batch.failures)
    written = rows(table)
    assert [row["file"] for row in written] == [str(file) for file in files]
    assert [row["error"] for row in written] == ["", batch.failures[0].error, "", ""]
    assert written[1]["message"] == batch.failures[0].message
    values = [float(row["k1_per_s"]) for row in written if not row["error"]]
    assert values == [fit.stages[0].k_per_s.value for fit in batch.fits]
    assert len(pd.read_csv(table)) == 4


def test_a_result_is_in_the_table_before_the_next_is_begun_and_not_kept(
    files: list[Path], tmp_path: Path
) -> None:
    table, kept = tmp_path / "fits.csv", []
    for number, result in enumerate(cx.iter_fits(files, table=table, **FAST), 1):
        assert len(rows(table)) == number
        kept += [weakref.ref(fit.trace.time_s) for fit in result.fits]
    del result
    gc.collect()
    assert [one() for one in kept] == [None] * 3


def test_the_same_call_goes_on_and_failures_are_tried_again_last(files: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "fits.csv"
    begun = cx.iter_fits(files, table=table, **FAST)
    next(begun), next(begun)
    begun.close()  # type: ignore[attr-defined]
    whole = table.read_bytes()
    table.write_bytes(whole + b'torn,"by a ki')
    write_trace(files[1], 9)
    again = list(cx.iter_fits(files, table=table, **FAST))
    assert [(Path(r.file).name, r.skipped) for r in again] == [
        ("run0.csv", True), ("run1.csv", False), ("run2.csv", False), ("bad.csv", False),
    ]  # fmt: skip
    assert sorted(row["file"] for row in rows(table)) == sorted(map(str, files))
    assert {row["error"] for row in rows(table)} == {""}
    assert all(result.skipped for result in cx.iter_fits(files, table=table, **FAST))


def test_other_data_or_options_are_fitted_again(files: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "fits.csv"
    list(cx.iter_fits(files[:1], table=table, **FAST))
    write_trace(files[0], 7)
    assert [result.skipped for result in cx.iter_fits(files[:1], table=table, **FAST)] == [False]
    other = {**FAST, "rng": 4}
    assert [result.skipped for result in cx.iter_fits(files[:1], table=table, **other)] == [False]
    assert len(rows(table)) == 3


@pytest.mark.parametrize("held", ["time_s,A\n0,1\n", '"\n', "\x00\n\n", "my notes"])
def test_a_file_that_is_no_table_of_a_batch_is_left_alone(
    held: str, files: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "other.csv"
    table.write_text(held)
    with pytest.raises(cx.InputError, match=r"other\.csv.*no table of a batch.*name another file"):
        list(cx.iter_fits(files, table=table, **FAST))
    assert table.read_text() == held


def test_a_table_that_cannot_be_written_is_one_helpful_line(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(cx.InputError, match="is a folder; name a file for the table"):
        cx.iter_fits(files, table=tmp_path, **FAST)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cxkinetics.kinetics.ledger.write_bytes", full)
    with pytest.raises(cx.InputError, match=r"No space left.*the same call goes on"):
        list(cx.iter_fits(files, table=tmp_path / "fits.csv", **FAST))


def test_parquet_is_written_where_pandas_can_and_named_where_not(files: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "fits.parquet"
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        with pytest.raises(cx.MissingExtraError, match="pip install pyarrow"):
            cx.iter_fits(files, table=table, **FAST)
        return
    list(cx.iter_fits(files, table=table, **FAST))
    assert list(pd.read_parquet(table)["file"]) == [str(file) for file in files]


def test_shards_divide_the_inputs_and_name_folders_as_the_whole_does(tmp_path: Path) -> None:
    names = ["a/run.csv", "b/run.csv", "c/run.csv", "d/x.csv", "e/run.csv"]
    for name in names:
        (tmp_path / name).parent.mkdir()
        write_trace(tmp_path / name, 1)
    files, out = [tmp_path / name for name in names], tmp_path / "res"
    whole = {job.file: job.folder for job in jobs_of(files, out=out)}
    parts = [jobs_of(files, out=out, shard=f"{part}/2") for part in (1, 2)]
    assert [Path(job.file) for job in parts[0]] == files[::2]
    assert {job.file: job.folder for part in parts for job in part} == whole
    for wrong in ("0/2", "3/2", "1", "a/b", "-1/2", "1/"):
        with pytest.raises(cx.UsageError, match="must be I/N"):
            jobs_of(files, shard=wrong)


def test_a_stored_result_that_is_damaged_anywhere_is_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = write_trace(tmp_path / "run.csv", 1), tmp_path / "res"
    options: dict[str, Any] = {**FAST, "out": out, "figures": "svg"}
    (first,) = fit_many(file, **options).fits
    stored = out / "run" / "fit.json"
    whole = stored.read_text()
    monkeypatch.setattr("cxkinetics.kinetics.page.write_fit", lambda *_, **__: None)  # read, not drawn
    refitted = 0
    for number in range(30):
        record, chance = json.loads(whole), random.Random(number)
        holder, key = record, ""
        while isinstance(holder, (dict, list)) and holder:
            above = holder
            key = chance.choice(list(above) if isinstance(above, dict) else range(len(above)))
            holder = above[key]
            if chance.random() < 0.4:
                break
        above[key] = chance.choice([None, "x", [], {}, -1, {"value": "x"}, [[1]], 10**400])
        stored.write_text(json.dumps(record))
        batch = fit_many(file, **options)
        assert batch.failures == (), number
        assert batch.skipped or batch.fits[0].stages == first.stages, number
        refitted += not batch.skipped
    assert refitted > 10
