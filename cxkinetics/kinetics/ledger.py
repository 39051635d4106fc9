"""The table of a batch on disk: rows as results come, read again to go on where a run ended.

All rows of an input are written in one call, so a run that is killed leaves whole
inputs. The file is CSV with the columns of a batch's summary for four stages, whatever comes, and three
more: which options and version made the row, and the error and message of a trace that failed.
"""

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from cxkinetics.atomic import neutral_cell, recover, write_bytes
from cxkinetics.document.folder import require_no_file
from cxkinetics.document.sheets import csv_text
from cxkinetics.errors import InputError, MissingExtraError
from cxkinetics.kinetics.batch_page import fit_table
from cxkinetics.record import json_text
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from cxkinetics.kinetics.batch import FitJob, JobResult

_MOST_STAGES = 4
_LAST = ("options", "error", "message")
_HEAD = (*fit_table((), stages=_MOST_STAGES).records()[0], *_LAST)
_FILE, _TRACE, _SHA256, _OPTIONS, _ERROR = map(_HEAD.index, ("file", "trace", "sha256", "options", "error"))


class Ledger:
    """The table of one batch."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Check that the table may be written.

        Raises
        ------
        MissingExtraError
            If Parquet is asked for and no package writes it.
        UsageError
            If a folder above the table is a file.
        """
        self.asked = Path(path)
        self.path = self.asked
        if self.asked.suffix.casefold() == ".parquet":
            if not any(map(find_spec, ("pyarrow", "fastparquet"))):
                need = f"{path}: pandas writes Parquet with pyarrow or fastparquet, and neither is there"
                raise MissingExtraError(f"{need}: python -m pip install pyarrow, or name a table in .csv")
            self.path = self.asked.with_suffix(".csv")
        require_no_file(self.path.parent)
        if self.path.is_dir():
            raise InputError("is a folder", file=str(self.path), remedy="name a file for the table")

    def close(self) -> None:
        """Make the Parquet file where one was asked for."""
        if self.path != self.asked:
            import pandas as pd

            pd.read_csv(self.path, float_precision="round_trip").to_parquet(self.asked)

    def left(self, work: Sequence["FitJob"]) -> list["FitJob"]:
        """Return the jobs with what the table holds of each; those that failed before go last.

        The table is written anew without the rows of failures, which are tried again.

        Raises
        ------
        InputError
            If the file is no such table.
        """
        rows = list(self._rows())
        kept = [row for row in rows if not row[_ERROR]]
        known: dict[tuple[str, str], set[str]] = {}
        for row in kept:
            known.setdefault((row[_FILE], row[_OPTIONS]), set()).add(row[_SHA256])
        failed = {row[_FILE] for row in rows if row[_ERROR]}
        recover(self.path.parent, [self.path.name])
        with self._writing():
            write_bytes(self.path, _lines([_HEAD, *kept]))
        marked = [replace(job, known=frozenset(known.get((_cell(job.file), _mark(job)), ()))) for job in work]
        return sorted(marked, key=lambda job: _cell(job.file) in failed)

    def enter(self, job: "FitJob", result: "JobResult") -> None:
        """Write the rows of one input."""
        new = [fit for fit in result.fits if fit.trace.source.sha256 not in job.known]
        rows = list(csv.reader(StringIO(csv_text(fit_table(new, stages=_MOST_STAGES)), newline="")))[1:]
        found = [[*row, _mark(job), "", ""] for row in rows]
        for failure in result.failures:
            row = [""] * len(_HEAD)
            told = (failure.file, failure.trace, _mark(job), failure.error, failure.message)
            places = (_FILE, _TRACE, _OPTIONS, _ERROR, len(_HEAD) - 1)
            for place, value in zip(places, told, strict=True):
                row[place] = "" if value is None else _cell(str(value))
            found.append(row)
        if found:
            with self._writing(), open(self.path, "ab") as stream:
                stream.write(_lines(found))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"the table cannot be written: {error.strerror or error}",
                file=str(self.path),
                remedy="make room or name another place; the same call goes on with what is left",
            ) from error

    def _rows(self) -> Iterator[list[str]]:
        """Yield the whole rows of the file; what a killed run left of a line is none."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        if not data:
            return
        text = data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
        reader = csv.reader(StringIO(text, newline=""))
        try:
            head = tuple(next(reader, ()))
            rows = list(reader)
        except csv.Error as error:
            raise self._foreign(f"it cannot be read as CSV: {error}") from error
        if head != _HEAD:
            raise self._foreign(f"its columns are {' '.join(', '.join(head).split())[:80] or 'none'}")
        yield from (row for row in rows if len(row) == len(_HEAD))

    def _foreign(self, what: str) -> InputError:
        return InputError(
            f"this is no table of a batch of cxkinetics {__version__}: {what}",
            file=str(self.path),
            remedy="name another file for the table, or take this one away",
        )


def _mark(job: "FitJob") -> str:
    """Return a short mark of options and version: rows of another are no results of this job."""
    told = json_text({"reading": job.reading, "fitting": {n: str(v) for n, v in job.fitting.items()}})
    return hashlib.sha256(f"{__version__} {told}".encode()).hexdigest()[:12]


def _cell(text: str) -> str:
    """Return a text as it stands in the table."""
    return neutral_cell(text).encode("utf-8", "backslashreplace").decode()


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8", "backslashreplace")
