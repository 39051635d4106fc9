"""`fit_many` and `iter_fits`: one input from reading to results on disk, and thousands on any executor.

Of each input all traces are looked at, then fitted, and only then written: nothing that draws or
prints is loaded before the last fit is there.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.atomic import recover, replace_directory
from cxkinetics.calls import checked
from cxkinetics.document.folder import (
    ALL_FILES,
    BATCH_FILES,
    files_called,
    require_no_file,
    require_replaceable,
)
from cxkinetics.document.shown import Shown
from cxkinetics.errors import CxKineticsError, InputError, UsageError
from cxkinetics.io.file import ReadOptions
from cxkinetics.io.inputs import expand
from cxkinetics.io.load import read_signals
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.options import FITTING, FitOptions
from cxkinetics.kinetics.places import folder_names, origin_of, require_own, shard_of, stored_in
from cxkinetics.kinetics.replicates import Replicates, replicates_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.options import OPTIONS, WHERE, names_of, require
from cxkinetics.record import Record, json_text
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit
    from cxkinetics.kinetics.ledger import Ledger
    from cxkinetics.kinetics.workers import Lost

_PLACES = ("wavelength", "track", "reference")
READING = (*(name for name in names_of("reading") if name not in _PLACES), *_PLACES)
"""Options of a job that shape what is read, in the order in which a result keeps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Record):
    """One input (or one trace of it) that could not be fitted."""

    file: str
    trace: str | int | None
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitJob:
    """What to do with one input.

    Attributes
    ----------
    file : str
        Path as the user gave it.
    reading : mapping
        Options of `cxkinetics.load`, and `wavelength` and `track`, that were given.
    fitting : mapping
        Options of `fit_stages` that were given.
    folder : str or None
        Where the results of this input are written.
    origin : str
        Path of the input as seen from the folder of all results (`places.origin_of`).
    force : bool
        Fit again even where the folder holds the result of the same input and options, and replace
        that of another input.
    command : str
        The command as it was typed.
    time_unit : str
        Of the report and the figures: "s", "ms", "min" or "h".
    figures : tuple of str
        What is written beside the report (`document.folder.ALL_FILES`).
    known : frozenset of str
        Hashes of this file's data whose results are in the caller's table already.
    debug : bool
        Raise what is no error of the data or the fit instead of listing it.
    """

    file: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    fitting: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    origin: str = ""
    force: bool = False
    command: str = ""
    time_unit: str = "s"
    figures: tuple[str, ...] = ALL_FILES
    known: frozenset[str] = frozenset()
    debug: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What came of one input: fits, failures, the folders written, and whether it was kept."""

    file: str
    fits: tuple[StagedFit, ...] = ()
    failures: tuple[Failure, ...] = ()
    folders: tuple[str, ...] = ()
    skipped: bool = False


def run_job(job: FitJob) -> JobResult:
    """Read one input, fit each of its traces, then write their folders.

    Nothing a user's file can hold raises: what goes wrong is a `Failure` of the result.
    """
    try:
        signals = signals_of(job)
    except Exception as error:
        return _failed(job.file, error, _told(job, error, "cannot be read"))
    tasks = [
        _Task(job, signal, number if len(signals) > 1 else None) for number, signal in enumerate(signals, 1)
    ]
    for task in tasks:  # what is there already, and whether the rest may be written, before hours of fits
        with task.listing(f"the result cannot be written to {job.folder} (choose another with --out, out=)"):
            task.look()
    for task in tasks:
        if task.fit is None and task.failure is None and not task.kept:
            with task.listing("cannot be fitted"):
                task.make()
    for task in tasks:
        if task.fit is not None and not task.kept:
            alone = not any(other.kept or other.failure for other in tasks)
            with task.listing(
                f"the result cannot be written to {job.folder} (choose another with --out, out=)"
            ):
                task.write(task.fit, first=task is tasks[0] and alone)
    return JobResult(
        file=job.file,
        fits=tuple(task.fit for task in tasks if task.fit is not None),
        failures=tuple(task.failure for task in tasks if task.failure is not None),
        folders=tuple(str(task.folder or "") for task in tasks if task.fit is not None),
        skipped=all(task.kept for task in tasks),
    )


@dataclass(slots=True, eq=False)
class _Task:
    """One trace of an input, its number where there are several, and what comes of it."""

    job: FitJob
    signal: Trace | SpectralSeries
    number: int | None
    fit: StagedFit | None = None
    kept: bool = False
    failure: Failure | None = None
    said: tuple[Remark, ...] = ()

    @property
    def folder(self) -> Path | None:
        """The folder of the trace: that of its input, or one below it for each of several."""
        if self.job.folder is None:
            return None
        return Path(self.job.folder, *([] if self.number is None else [f"trace-{self.number}"]))

    @contextmanager
    def listing(self, what: str) -> Iterator[None]:
        """List whatever stops this trace as its failure, so that the others go on."""
        try:
            yield
        except Exception as error:
            message = _told(self.job, error, what)
            label = None if self.number is None else self.signal.label or self.number
            name, self.fit = type(error).__name__, None
            self.failure = Failure(file=self.job.file, trace=label, error=name, message=message)

    def look(self) -> None:
        """Keep the stored result, or refuse to replace what is no earlier result of this input."""
        if self.signal.source.sha256 in self.job.known:
            self.kept = True
            return
        if self.folder is not None and self.number is not None:
            recover(self.folder.parent, [self.folder.name])
        job, stored = self.job, None if self.job.force else self._stored()
        if stored is not None and stored.version == __version__:
            self.fit, self.kept = stored, True
            return
        if stored is not None:
            text = f"the stored result was made by cxkinetics {stored.version}, by other rules; fitted again"
            self.said = (Remark("fitted_again", text),)
        if job.folder is not None and self.folder is not None:
            if not job.force:
                require_own(Path(job.folder), job.file, self.signal.source.sha256, job.origin)
            require_replaceable(self.folder, "fit.json")

    def _stored(self) -> StagedFit | None:
        """Return the stored result of the same input and options, of whatever version, or None."""
        if self.folder is None:
            return None
        try:
            text = (self.folder / "fit.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._say_damaged(error)
            return None
        try:
            fit = StagedFit.from_json(text)
        except Exception as error:  # whatever a damaged document raises, it is no result
            self._say_damaged(error)
            return None
        given = dict(self.job.fitting)
        seed = given.pop("rng", None) or 0
        wanted = FitOptions.of(**given).to_dict() | dict(self.job.reading)
        same = (
            fit.trace.source.sha256 == self.signal.source.sha256
            and fit.seed == seed
            and json.loads(json_text(dict(fit.options))) == json.loads(json_text(wanted))
        )
        return fit if same else None

    def _say_damaged(self, error: Exception) -> None:
        why = " ".join(str(error).split())[:200]
        text = f"the stored result is damaged ({type(error).__name__}: {why}); fitted again"
        self.said = (Remark("stored_damaged", text),)

    def make(self) -> None:
        """Fit the trace."""
        fit = fit_stages(_noted(trace_of(self.signal, self.job), self.job), **self.job.fitting)
        options = {**fit.options, **self.job.reading}
        self.fit = replace(fit, options=options, warnings=(*fit.warnings, *self.said))

    def write(self, fit: StagedFit, *, first: bool) -> None:
        """Write the folder of the fit; the first of an input replaces all that the input's folder held."""
        job, place = self.job, self.folder
        if job.folder is None or place is None:
            return
        from cxkinetics.kinetics.page import write_fit

        series = self.signal if isinstance(self.signal, SpectralSeries) else None
        said: dict[str, Any] = {"time_unit": job.time_unit, "origin": job.origin, "files": job.figures}
        said |= {"series": series, "command": job.command}
        if first and self.number is not None and stored_in(Path(job.folder)):
            with replace_directory(job.folder) as fresh:
                write_fit(fit, fresh / place.name, **said)
        else:
            write_fit(fit, place, **said)


def signals_of(job: FitJob) -> list[Trace | SpectralSeries]:
    """Return what the file of a job holds."""
    given = {name: value for name, value in job.reading.items() if name not in ("wavelength", "track")}
    return list(read_signals(job.file, ReadOptions(**given)))


def trace_of(signal: Trace | SpectralSeries, job: FitJob) -> Trace:
    """Return the trace of a signal: itself, or spectra read at a wavelength or at the tracked peak.

    Raises
    ------
    InputError
        If a wavelength is asked of a trace that was recorded at another, or lies outside.
    """
    wanted, tracked = job.reading.get("wavelength"), job.reading.get("track")
    if isinstance(signal, Trace):
        if wanted is not None and signal.wavelength_nm is not None and abs(signal.wavelength_nm - wanted) > 1:
            raise InputError(
                f"asked for {wanted:g} nm, but this trace was recorded at {signal.wavelength_nm:g} nm",
                file=job.file,
            )
        unused = [f"{v:g} nm" for v in (wanted, tracked) if v is not None]
        if unused and signal.wavelength_nm is None:
            text = f"the file holds a trace, not spectra: the wavelength asked for ({unused[0]}) was not used"
            return signal.with_remarks(Remark("wavelength_not_used", text))
        return signal
    if signal.unit == "counts":
        raise InputError(
            "the spectra are raw counts, not absorbance",
            file=job.file,
            remedy="give the solvent's spectrum: --reference FILE (reference=)",
        )
    return signal.exciton_peak(near_nm=tracked) if wanted is None else signal.at_wavelength(wanted)


def _noted(trace: Trace, job: FitJob) -> Trace:
    """Return the trace with a remark for each option given that its file has no use for."""
    sheet, format = job.reading.get("sheet"), trace.source.format
    if sheet is not None and "workbook" not in format:
        text = f"the file is no workbook ({format}): the sheet asked for ({sheet}) was not used"
        trace = trace.with_remarks(Remark("sheet_not_used", text))
    if job.fitting.get("absolute_sigma") and trace.sigma is None:
        text = "the trace has no errors of its points, so absolute_sigma (--absolute-sigma) changes nothing"
        trace = trace.with_remarks(Remark("sigma_not_used", text))
    return trace


def _told(job: FitJob, error: Exception, what: str) -> str:
    """Return what an error says, on one line and with the file; `what` goes before those of others."""
    if job.debug and not isinstance(error, (CxKineticsError, OSError)):
        raise error
    why = (isinstance(error, OSError) and error.strerror) or str(error) or "unknown"
    if isinstance(error, CxKineticsError):
        what = ""
    elif not isinstance(error, OSError):
        why = f"{type(error).__name__}: {why} (an error of cxkinetics itself: report it with the file)"
    told = " ".join(f"{what}: {why}".removeprefix(": ").split())
    return told if job.file in told else f"{job.file}: {told}"


def _failed(file: str, error: BaseException, message: str) -> JobResult:
    """Return the result of an input that could not be read, or not be fitted at all."""
    failure = Failure(file=file, trace=None, error=type(error).__name__, message=message)
    return JobResult(file=file, failures=(failure,))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult(Shown):
    """All fits of a batch in the order of its inputs, with what failed and what was kept.

    The document of `to_json` holds the numbers alone and is not read back: each fit is stored whole in
    the `fit.json` of its folder.
    """

    results: tuple[JobResult, ...]

    @property
    def fits(self) -> tuple[StagedFit, ...]:
        """Every fit."""
        return tuple(fit for result in self.results for fit in result.fits)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folder of each fit, "" where none was written."""
        return tuple(folder for result in self.results for folder in result.folders)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failure."""
        return tuple(failure for result in self.results for failure in result.failures)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Inputs whose stored result was kept."""
        return tuple(result.file for result in self.results if result.skipped)

    def with_failure(self, place: str, error: Exception) -> "BatchResult":
        """Return the same batch with what stopped the writing of its summary among the failures."""
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        message = f"{place}: the summary of the batch cannot be written: {why}"
        return BatchResult(results=(*self.results, _failed(place, error, message)))

    def replicates(self) -> Replicates:
        """Return mean and spread over the runs, or the reason and remedy where they are not comparable."""
        return replicates_of(self.fits)

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show: a row per fit, the mean over runs, what failed."""
        from cxkinetics.kinetics.batch_page import brief

        return brief(self, unit)

    def page(self, unit: "TimeUnit", **options: Any) -> "Page":
        """Return the whole report; options as of `cxkinetics.kinetics.batch_page.page`."""
        from cxkinetics.kinetics.batch_page import page

        return page(self, unit, **options)

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the overview of all fits; none where nothing was fitted."""
        from cxkinetics.kinetics.batch_page import figures

        return figures(self, unit)

    def data(self) -> "Sequence[Table]":
        """Return the sheets of the workbook: fits, mean over runs, failures."""
        from cxkinetics.kinetics.batch_page import data

        return data(self)

    def table(self) -> "pd.DataFrame":
        """Return one row per fit: file, verdict, every number with its interval, noise."""
        return self.data()[0].frame()

    def __repr__(self) -> str:
        codes = Counter(fit.verdict.code for fit in self.fits)
        verdicts = ", ".join(f"{count} {code}" for code, count in codes.most_common())
        fits = f"{len(self.fits)} fits" + (f": {verdicts}" if verdicts else "")
        return f"BatchResult({fits}; {len(self.failures)} failures)"

    def to_json(self) -> str:
        """Return the JSON document of the batch: every number, without the data."""
        return json_text(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of the batch."""
        replicates = self.replicates()
        return {
            "schema": StagedFit.SCHEMA,
            "version": __version__,
            "fits": [fit.to_dict() for fit in self.fits],
            "failures": [failure.to_dict() for failure in self.failures],
            "skipped": list(self.skipped),
            "replicates": replicates.to_dict(),
            "replicates_reason": replicates.reason,
        }


def jobs_of(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str] | None = None,
    shard: str | None = None,
    **options: Any,
) -> list[FitJob]:
    """Return one job per input; with `out`, each has a folder of its own, named after its stem.

    Parameters
    ----------
    files : path-like or iterable of path-like
        Inputs; a folder stands for the files in it, or is one run; a pattern ("runs/*.csv") for its files.
    out : path-like, optional
        Folder of results; inputs with equal stems are told apart by a mark made of their path.
    shard : str, optional
        "I/N": only every N-th input from the I-th on; folders are named as in the whole batch.
    **options
        Options of `cxkinetics.load` and of `fit_stages`, `wavelength`, `track`, `reference`,
        `force`, `command`, `figures`, `debug` and `show_time` (unit of times in reports and figures).

    Raises
    ------
    InputError
        If a folder or a pattern holds no file of data.
    UsageError
        If the place of the folder of results is taken by a file, or an option is off.
    """
    part, parts = (1, 1) if shard is None else shard_of(shard)
    if out is not None:
        out = os.fspath(out)
        if not out:
            raise UsageError('out is empty; name the folder of the results (--out), "." for this one')
        require_no_file(Path(out))
    figures = options.pop("figures", None)
    named = {name: options.pop(name, default) for name, default in _MANNERS.items()}
    fitting = {name: options.pop(name) for name in (*FITTING, "rng") if name in options}
    options["mask"] = OPTIONS["mask"].read(options.get("mask"))  # times may have a unit
    require({**options, "rng": fitting.get("rng")})
    FitOptions.of(**{name: value for name, value in fitting.items() if name != "rng"})
    if len(several := [name for name in WHERE if options.get(name) is not None]) > 1:
        raise UsageError(f"{' and '.join(several)} each name a signal; give one of them")
    if options.get("reference") is not None:
        options["reference"] = str(options["reference"])
    if isinstance(files, (str, os.PathLike)):  # one file, not the letters of its name
        files = [files]
    try:
        typed = expand([os.fsdecode(file) for file in files])
    except TypeError as error:
        raise UsageError(f"files is {files!r}; give paths, such as ['run-1.csv', 'run-2.csv']") from error
    usual = ALL_FILES if len(typed) == 1 else BATCH_FILES
    job = FitJob(
        file="",
        reading={name: options[name] for name in READING if options.get(name) is not None},
        fitting=fitting,
        time_unit=options.get("show_time") or "s",
        figures=usual if figures is None else files_called(figures),
        **named,
    )
    if out is None:
        return [replace(job, file=file) for file in typed[part - 1 :: parts]]
    names = list(zip(typed, folder_names(typed, out), strict=True))[part - 1 :: parts]
    recover(Path(out), [name for _, name in names])
    return [
        replace(job, file=file, folder=str(Path(out) / name), origin=origin_of(file, out))
        for file, name in names
    ]


_MANNERS = {"force": False, "command": "", "debug": False}
"""What a job is told of how it is done, by default."""


@checked("jobs", "out")
def fit_many(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    executor: "Executor | Any | None" = None,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> BatchResult:
    """Fit every trace of every file.

    Parameters
    ----------
    files : path-like or iterable of path-like
        Inputs; a folder stands for the files in it (or is one run, where they hold a spectrum each), a
        pattern ("runs/*.csv") for those it matches. A bad one is listed under `failures`; the rest goes on.
    jobs : int
        Processes on this machine; the linear algebra of each is pinned to one thread.
    executor : concurrent.futures.Executor, optional
        Anything with its `submit`; then `jobs` is not used. A Dask client is one (extra `cluster`):
        ``fit_many(files, executor=distributed.Client(address))``. A few inputs a worker are handed
        out at a time. A worker that dies costs the input that killed it.
    out : path-like, optional
        Folder of results; an input whose stored result has the same hash and options is kept.
    **options
        As for `cxkinetics.load` and `fit_stages`, and `wavelength`, `track`, `reference`, `force`,
        `show_time`, `shard` ("2/8": every eighth input from the second on) and `figures` (what is
        written beside each report, of "svg", "png", "pdf", "xlsx"; all for one input, else "svg").

    Returns
    -------
    BatchResult
        In the order of the inputs, the same whatever `jobs` is.

    Raises
    ------
    InputError
        If a folder or a pattern holds no file of data.
    UsageError
        If `jobs` is below one.

    See Also
    --------
    iter_fits : The same for thousands of inputs, whose results do not fit into memory.

    Examples
    --------
    >>> from cxkinetics.examples.kinetics import example_path
    >>> batch = fit_many([example_path("ag-cds"), "missing.csv"], track=324)
    >>> [round(fit.stages[0].k_per_s.value, 3) for fit in batch.fits], len(batch.failures)
    ([0.056], 1)
    """
    return run_jobs(jobs_of(files, out=out, **options), jobs=jobs, executor=executor)


def iter_fits(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    executor: "Executor | Any | None" = None,
    out: str | os.PathLike[str] | None = None,
    table: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Iterator[JobResult]:
    """Fit every trace of every file and yield what came of each as it finishes; nothing is kept in memory.

    Parameters
    ----------
    files : iterable of path-like
        Inputs.
    jobs, executor, out
        As of `fit_many`.
    table : path-like, optional
        A CSV file with a row per trace (a failure is one too), written as results come. The same call
        goes on where it ended: an input whose row of the same data, options and version is there is
        skipped, and those that failed are tried again, last. With the ending .parquet the table is
        made of the CSV file beside it at the end.
    **options
        As of `fit_many`.

    Yields
    ------
    JobResult
        File, fits, failures, folders, and whether the input was skipped.

    Raises
    ------
    UsageError
        If an option is off, or the table is of another kind.

    Examples
    --------
    >>> from cxkinetics.examples.kinetics import example_path
    >>> for result in iter_fits([example_path("ag-cds"), "missing.csv"], track=324):
    ...     print(len(result.fits), len(result.failures))
    1 0
    0 1
    """
    work = jobs_of(files, out=out, **options)
    _require_jobs(jobs)
    if table is None:
        return (result for _, result in _results(work, jobs, executor))
    from cxkinetics.kinetics.ledger import Ledger

    return _entered(Ledger(table), work, jobs, executor)


def _entered(ledger: "Ledger", work: Sequence[FitJob], jobs: int, executor: Any) -> Iterator[JobResult]:
    """Yield results, each after its rows stand in the table."""
    work = ledger.left(work)
    for index, result in _results(work, jobs, executor):
        ledger.enter(work[index], result)
        yield result
    ledger.close()


def run_jobs(
    work: Sequence[FitJob],
    *,
    jobs: int = 1,
    executor: "Executor | Any | None" = None,
    progress: Callable[[], object] | None = None,
) -> BatchResult:
    """Run jobs and return their results in order; `progress` is called after each."""
    _require_jobs(jobs)
    found: dict[int, JobResult] = {}
    for index, result in _results(work, jobs, executor):
        found[index] = result
        if progress:
            progress()
    return BatchResult(results=tuple(found[index] for index in range(len(work))))


def _require_jobs(jobs: int) -> None:
    if jobs < 1:
        raise UsageError(f"jobs is {jobs}; it must be 1 or more")


def _results(work: Sequence[FitJob], jobs: int, executor: Any) -> Iterator[tuple[int, JobResult]]:
    """Yield the index of each job and its result as they finish."""
    if executor is None and (jobs == 1 or len(work) < 2):
        for index, job in enumerate(work):
            yield index, run_job(job)
        return
    from cxkinetics.kinetics.workers import Given, Lost, Processes, completed

    if executor is not None:
        for index, result in completed(work, run_job, Given(executor)):
            yield index, _lost(work[index], result) if isinstance(result, Lost) else result
        return
    with Processes(min(jobs, len(work))) as processes:
        for index, result in completed(work, run_job, processes):
            yield index, _lost(work[index], result) if isinstance(result, Lost) else result


def _lost(job: FitJob, lost: "Lost") -> JobResult:
    """Return the failure of a job whose process ended before its result came, or that was never begun."""
    from cxkinetics.kinetics.workers import NoWorkersError

    why = f"{type(lost.error).__name__}: {' '.join(str(lost.error).split())}"
    guard = 'a script that makes a pool of processes itself needs if __name__ == "__main__": above its calls'
    if isinstance(lost.error, NoWorkersError):
        message = f"{job.file}: not run: {lost.error}, then the same call runs what is left"
    elif lost.begun:
        text = "a process of the pool ended before its result came (out of memory, or stopped;"
        message = f"{job.file}: {text} {guard}): {why}"
    else:
        text = "not run, as the executor broke with another input: the same call runs what is left"
        message = f"{job.file}: {text} ({guard}): {why}"
    return _failed(job.file, lost.error, message)
