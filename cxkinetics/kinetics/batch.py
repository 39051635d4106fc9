"""`fit_many`: one input from reading to results on disk, and hundreds of them on any executor.

Of each input all traces are looked at, then fitted, and only then written: nothing that draws or
prints is loaded before the last fit is there.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cxkinetics.atomic import replace_directory
from cxkinetics.document.folder import require_no_file, require_replaceable
from cxkinetics.document.shown import Shown
from cxkinetics.errors import CxKineticsError, InputError, UsageError
from cxkinetics.io.file import ReadOptions
from cxkinetics.io.inputs import expand
from cxkinetics.io.load import read_signals
from cxkinetics.kinetics.fit import fit_stages
from cxkinetics.kinetics.options import FITTING, FitOptions
from cxkinetics.kinetics.places import folder_names, origin_of, require_own, stored_in
from cxkinetics.kinetics.replicates import Replicates, replicates_of
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.options import WHERE, names_of, require
from cxkinetics.record import Record, json_text
from cxkinetics.remarks import Remark
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace
from cxkinetics.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit

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
    """

    file: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    fitting: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    origin: str = ""
    force: bool = False
    command: str = ""
    time_unit: str = "s"


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
    except CxKineticsError as error:
        return _failed(job.file, error, _told(job.file, error))
    except OSError as error:
        return _failed(job.file, error, f"{job.file}: {error.strerror or error}")
    tasks = [
        _Task(job, signal, number if len(signals) > 1 else None) for number, signal in enumerate(signals, 1)
    ]
    for task in tasks:  # what is there already, and whether the rest may be written, before hours of fits
        with task.listing(writing=True):
            task.look()
    for task in tasks:
        if task.fit is None and task.failure is None:
            with task.listing():
                task.make()
    for task in tasks:
        if task.fit is not None and not task.kept:
            alone = not any(other.kept or other.failure for other in tasks)
            with task.listing(writing=True):
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
    def listing(self, *, writing: bool = False) -> Iterator[None]:
        """List what stops this trace as its failure, so that the others go on; whatever it is, in writing."""
        job = self.job
        try:
            yield
        except Exception as error:
            if isinstance(error, CxKineticsError):
                message = _told(job.file, error)
            elif writing:
                why = (isinstance(error, OSError) and error.strerror) or str(error) or "unknown"
                text = f"{job.file}: the result cannot be written to {job.folder}: {why}"
                message = " ".join(text.split())
            else:
                raise
            label = None if self.number is None else self.signal.label or self.number
            name, self.fit = type(error).__name__, None
            self.failure = Failure(file=job.file, trace=label, error=name, message=message)

    def look(self) -> None:
        """Keep the stored result, or refuse to replace what is no earlier result of this input."""
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
            fit = StagedFit.from_json((self.folder / "fit.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
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
        said: dict[str, Any] = {"time_unit": job.time_unit, "origin": job.origin}
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


def _told(file: str, error: CxKineticsError) -> str:
    """Return what an error says, on one line and with the file."""
    message = " ".join(str(error).split())
    return message if file in message else f"{file}: {message}"


def _failed(file: str, error: Exception, message: str) -> JobResult:
    """Return the result of an input that could not be read, or not be fitted at all."""
    failure = Failure(file=file, trace=None, error=type(error).__name__, message=message)
    return JobResult(file=file, failures=(failure,))


ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that pin the linear algebra of a worker to one thread."""


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
    out: str | None = None,
    **options: Any,
) -> list[FitJob]:
    """Return one job per input; with `out`, each has a folder of its own, named after its stem.

    Parameters
    ----------
    files : path-like or iterable of path-like
        Inputs; a folder stands for the files in it, or is one run; a pattern ("runs/*.csv") for its files.
    out : str, optional
        Folder of results; inputs with equal stems are told apart by a mark made of their path.
    **options
        Options of `cxkinetics.load` and of `fit_stages`, `wavelength`, `track`, `reference`,
        `force`, `command` and `show_time` (unit of times in reports and figures).

    Raises
    ------
    InputError
        If a folder or a pattern holds no file of data.
    UsageError
        If the place of the folder of results is taken by a file, or an option is off.
    """
    if out is not None:
        require_no_file(Path(out))
    force, command = bool(options.pop("force", False)), str(options.pop("command", ""))
    fitting = {name: options.pop(name) for name in (*FITTING, "rng") if name in options}
    require({**options, "rng": fitting.get("rng")})
    FitOptions.of(**{name: value for name, value in fitting.items() if name != "rng"})
    if len(several := [name for name in WHERE if options.get(name) is not None]) > 1:
        raise UsageError(f"{' and '.join(several)} each name a signal; give one of them")
    if options.get("reference") is not None:
        options["reference"] = str(options["reference"])
    job = FitJob(
        file="",
        reading={name: options[name] for name in READING if options.get(name) is not None},
        fitting=fitting,
        force=force,
        command=command,
        time_unit=options.get("show_time") or "s",
    )
    if isinstance(files, (str, os.PathLike)):  # one file, not the letters of its name
        files = [files]
    try:
        typed = expand([os.fsdecode(file) for file in files])
    except TypeError as error:
        raise UsageError(f"files is {files!r}; give paths, such as ['run-1.csv', 'run-2.csv']") from error
    if out is None:
        return [replace(job, file=file) for file in typed]
    return [
        replace(job, file=file, folder=str(Path(out) / folder), origin=origin_of(file, out))
        for file, folder in zip(typed, folder_names(typed, out), strict=True)
    ]


def fit_many(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    executor: Executor | Any | None = None,
    out: str | None = None,
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
        ``fit_many(files, executor=distributed.Client(address))``.
    out : str, optional
        Folder of results; an input whose stored result has the same hash and options is kept.
    **options
        As for `cxkinetics.load` and `fit_stages`, and `wavelength`, `track`, `reference`, `force`,
        `show_time`.

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

    Examples
    --------
    >>> from cxkinetics.examples.kinetics import example_path
    >>> batch = fit_many([example_path("ag-cds"), "missing.csv"], track=324)
    >>> [round(fit.stages[0].k_per_s.value, 3) for fit in batch.fits], len(batch.failures)
    ([0.056], 1)
    """
    return run_jobs(jobs_of(files, out=out, **options), jobs=jobs, executor=executor)


def run_jobs(
    work: Sequence[FitJob],
    *,
    jobs: int = 1,
    executor: Executor | Any | None = None,
    progress: Callable[[], object] | None = None,
) -> BatchResult:
    """Run jobs and return their results in order; `progress` is called after each."""
    if jobs < 1:
        raise UsageError(f"jobs is {jobs}; it must be 1 or more")
    if executor is not None:
        return BatchResult(results=_submitted(executor, work, progress))
    if jobs == 1 or len(work) < 2:
        results = []
        for job in work:
            results.append(run_job(job))
            if progress:
                progress()
        return BatchResult(results=tuple(results))
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with (
        _one_thread_each(),
        ProcessPoolExecutor(max_workers=min(jobs, len(work)), mp_context=get_context("spawn")) as pool,
    ):
        return BatchResult(results=_submitted(pool, work, progress, starting=_main_left_alone))


def _submitted(
    executor: Any,
    work: Sequence[FitJob],
    progress: Callable[[], object] | None,
    *,
    starting: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[JobResult, ...]:
    with starting():  # a pool starts its processes as jobs are submitted
        futures = [_submit(executor, job) for job in work]
    native = [future for future in futures if isinstance(future, Future)]
    if progress and len(native) == len(futures):
        for _ in as_completed(native):
            progress()
    return tuple(_result(future, job) for future, job in zip(futures, work, strict=True))


def _submit(executor: Any, job: FitJob) -> Any:
    """Return the future of a job; that of a pool which is broken already holds its error."""
    try:
        return executor.submit(run_job, job)
    except BrokenExecutor as error:
        future: Future[JobResult] = Future()
        future.set_exception(error)
        return future


def _result(future: Any, job: FitJob) -> JobResult:
    """Return what came of a job; a process that ends before its result is a failure of the job."""
    try:
        result: JobResult = future.result()
    except BrokenExecutor as error:
        message = (
            f"{job.file}: a process of the pool ended before its result came (out of memory, or stopped; "
            'a script that makes a pool of processes itself needs if __name__ == "__main__": above its calls)'
        )
        return _failed(job.file, error, message)
    return result


@contextmanager
def _main_left_alone() -> Iterator[None]:
    """Let the processes started inside do without the script that starts them.

    A spawned process runs that script again before its first job, which a script without
    `if __name__ == "__main__":` answers by starting processes of its own. The jobs need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Pin the linear algebra of processes started inside to one thread each."""
    before = {name: os.environ[name] for name in ONE_THREAD if name in os.environ}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name in ONE_THREAD:
            del os.environ[name]
        os.environ.update(before)
