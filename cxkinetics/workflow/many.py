"""`fit_many`: hundreds of files on one machine or on any executor, with results that do not depend on it."""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from cxkinetics.errors import UsageError
from cxkinetics.fitting.result import FIT_SCHEMA, StagedFit
from cxkinetics.report.replicates import Replicates, replicates_of
from cxkinetics.report.time_units import time_unit as unit_called
from cxkinetics.version import __version__
from cxkinetics.workflow.job import READING, Failure, FitJob, JobResult, run_job
from cxkinetics.workflow.places import folder_names, origin_of

__all__ = ["BatchResult", "fit_many", "jobs_of", "run_jobs"]

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that pin the linear algebra of a worker to one thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """All fits of a batch in the order of its inputs, with what failed and what was kept."""

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
        failure = Failure(file=place, trace=None, error=type(error).__name__, message=message)
        return BatchResult(results=(*self.results, JobResult(file=place, failures=(failure,))))

    def replicates(self) -> Replicates:
        """Return mean and spread over the runs, or the reason and remedy where they are not comparable."""
        return replicates_of(self.fits)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of the batch."""
        replicates = self.replicates()
        return {
            "schema": FIT_SCHEMA,
            "version": __version__,
            "fits": [fit.to_dict() for fit in self.fits],
            "failures": [failure.to_dict() for failure in self.failures],
            "skipped": list(self.skipped),
            "replicates": replicates.to_dict(),
            "replicates_reason": replicates.reason,
        }


def jobs_of(
    files: Iterable[str | os.PathLike[str]], *, out: str | None = None, **options: Any
) -> list[FitJob]:
    """Return one job per input; with `out`, each has a folder of its own, named after its stem.

    Parameters
    ----------
    files : iterable of path-like
        Inputs.
    out : str, optional
        Folder of results; inputs with equal stems are told apart by a mark made of their path.
    **options
        Options of `cxkinetics.load` and of `fit_stages`, `wavelength`, `track`, `reference`,
        `force`, `command` and `show_time` (unit of times in reports and figures).

    Raises
    ------
    UsageError
        If the place of the folder of results is taken by a file, or a wavelength is not finite.
    """
    if out is not None:
        from cxkinetics.report.write import require_no_file

        require_no_file(Path(out))
    for name in ("wavelength", "track"):
        if not math.isfinite(options.get(name) or 0.0):
            raise UsageError(f"{name} is {options[name]}; it must be a finite number of nm")
    time_unit = unit_called(options.pop("show_time", None) or "s").sign
    own = {name: options.pop(name, None) for name in ("wavelength", "track", "reference")}
    force, command = bool(options.pop("force", False)), str(options.pop("command", ""))
    reading = {name: options.pop(name) for name in READING if name in options}
    typed = [os.fspath(file) for file in files]
    folders = [""] * len(typed) if out is None else folder_names(typed, out)
    jobs = []
    for file, folder in zip(typed, folders, strict=True):
        jobs.append(
            FitJob(
                file=file,
                reading=reading,
                wavelength_nm=own["wavelength"],
                track_nm=own["track"],
                reference=None if own["reference"] is None else str(own["reference"]),
                fitting=options,
                folder=None if out is None else str(Path(out) / folder),
                origin="" if out is None else origin_of(file, out),
                force=force,
                command=command,
                time_unit=time_unit,
            )
        )
    return jobs


def fit_many(
    files: Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    executor: Executor | Any | None = None,
    out: str | None = None,
    **options: Any,
) -> BatchResult:
    """Fit every trace of every file.

    Parameters
    ----------
    files : iterable of path-like
        Inputs; a bad one is listed under `failures` and the rest goes on.
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
    UsageError
        If `jobs` is below one.

    Examples
    --------
    >>> from cxkinetics.examples.load import example_path
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
        failure = Failure(file=job.file, trace=None, error=type(error).__name__, message=message)
        return JobResult(file=job.file, failures=(failure,))
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
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
