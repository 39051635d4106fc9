"""Where the jobs of a batch run: in processes of our own, or on any executor; results as they finish.

Jobs are handed out a few per worker ahead, so neither thousands of jobs nor their results wait in memory.
A process that dies takes along what others of its pool were doing, and nothing says whose fault it was:
each job that was in flight is run again alone, so that the one that kills is known by name and costs itself.
"""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Job = TypeVar("Job")
Result = TypeVar("Result")

AHEAD = 3
"""Jobs a worker that are handed out: one runs, the next are at hand when it ends."""
_UNKNOWN_WIDTH = 8
"""Jobs handed out at least to an executor that does not say how many workers it has."""
_ASK_AGAIN_S = 5.0
"""How long the number of a cluster's workers is taken for granted: clusters grow and shrink."""
_STOPPED = 143
"""Exit code of a process ended by SIGTERM."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that pin the linear algebra of a worker to one thread."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands in place of a result: why there is none, and whether the job was begun at all."""

    error: BaseException
    begun: bool = True


class Workers(Protocol):
    """Where jobs run."""

    renewed: bool
    """Whether a place of which a process died takes further jobs."""

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""

    def submit(self, call: Callable[[Job], Result], job: Job) -> Any:
        """Return the future of a call."""


class Processes:
    """Processes of our own: started as they are needed, anew when one dies, ended with the block."""

    renewed = True

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""
        return AHEAD * self._count

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(at_once=kind is not None)

    def submit(self, call: Callable[[Job], Result], job: Job) -> Any:
        """Return the future of a call, in a new pool where the last one broke."""
        from concurrent.futures import BrokenExecutor

        try:
            return self._submit(call, job)
        except BrokenExecutor:
            self._end(at_once=True)
            return self._submit(call, job)

    def _submit(self, call: Callable[[Job], Result], job: Job) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if self._pool is None:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin)
        with _one_thread_each(), _main_left_alone():  # a pool starts its processes as jobs are submitted
            return self._pool.submit(_stoppable, call, job)

    def _end(self, *, at_once: bool) -> None:
        """End the processes: after what was handed out, or at once and without what they were doing."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # a public way to end them comes with Python 3.14
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        if at_once:
            for process in processes:
                process.terminate()
        pool.shutdown(wait=True)


class Given:
    """An executor of the caller's: anything with the `submit` of `concurrent.futures`, a Dask client too."""

    renewed = False

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._width, self._asked = 0, -_ASK_AGAIN_S

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""
        if time.monotonic() - self._asked >= _ASK_AGAIN_S:
            self._width, self._asked = AHEAD * _workers_of(self._executor), time.monotonic()
        return self._width or max(_UNKNOWN_WIDTH, AHEAD * (os.cpu_count() or 1))

    def submit(self, call: Callable[[Job], Result], job: Job) -> Any:
        """Return the future of a call."""
        # Dask takes equal calls for one, and a job that is run again is an equal call
        once = {"pure": False} if hasattr(self._executor, "nthreads") else {}
        return self._executor.submit(call, job, **once)


def _workers_of(executor: Any) -> int:
    """Return how many calls an executor runs at a time; 0 where it does not say."""
    client = getattr(executor, "_client", executor)  # Dask's own wrapping of a client as an executor
    if callable(threads := getattr(client, "nthreads", None)):
        return sum(threads().values())
    count = getattr(executor, "_max_workers", 0)
    return count if isinstance(count, int) else 0


def completed(
    work: Sequence[Job], call: Callable[[Job], Result], workers: Workers
) -> Iterator[tuple[int, Result | Lost]]:
    """Yield the index of each job and what came of it, as they finish.

    Parameters
    ----------
    work : sequence
        The jobs.
    call : callable
        What is done with each; a function that another process can import.
    workers : Workers
        Where.
    """
    return _Run(work, call, workers).results()


class _Run:
    """Which jobs wait, fly, and are to be run again alone."""

    def __init__(self, work: Sequence[Any], call: Callable[[Any], Any], workers: Workers) -> None:
        self.work, self.call, self.workers = work, call, workers
        self.waiting, self.suspects = deque(range(len(work))), deque[int]()
        self.flying: dict[int, Any] = {}
        self.done: SimpleQueue[int] = SimpleQueue()
        self.alone = False
        self.broken: BaseException | None = None

    def results(self) -> Iterator[tuple[int, Any]]:
        try:
            while self.hand_out():
                yield from self.taken()
        finally:
            for future in self.flying.values():
                if hasattr(future, "cancel"):
                    future.cancel()
        for index in (*self.suspects, *self.waiting):
            yield index, Lost(self.broken or RuntimeError("the executor takes no jobs"), begun=False)

    def hand_out(self) -> bool:
        """Hand out as many jobs as may fly; return whether any does."""
        if self.suspects and not self.flying and self.broken is None:
            self.alone = True
            self.send(self.suspects)
        elif not self.suspects:
            self.alone = False
            width = self.workers.width
            while self.waiting and len(self.flying) < width and self.broken is None:
                self.send(self.waiting)
        return bool(self.flying)

    def send(self, queue: deque[int]) -> None:
        index = queue.popleft()
        try:
            future = self.workers.submit(self.call, self.work[index])
        except Exception as error:  # what an executor says when it takes no more is its own affair
            self.broken = error
            queue.appendleft(index)
            return
        self.flying[index] = future
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(lambda _: self.done.put(index))
        else:  # a future that can only be waited for
            self.done.put(index)

    def taken(self) -> Iterator[tuple[int, Any]]:
        from concurrent.futures import BrokenExecutor

        index = self.done.get()
        future = self.flying.pop(index)
        try:
            result = future.result()
        except Exception as error:
            if isinstance(error, BrokenExecutor) and not self.workers.renewed:
                self.broken = self.broken or error
            elif not self.alone:
                self.suspects.append(index)
                return
            yield index, Lost(error)
        else:
            yield index, result


# ---- what holds inside a process of ours ------------------------------------------------------------

_busy = False


def _begin() -> None:
    """Let the process end with its parent, whatever ends that, and leave Ctrl-C to the parent."""
    from multiprocessing import parent_process
    from threading import Thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    if (parent := parent_process()) is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)  # a job may run for minutes yet, and nobody waits for it

        Thread(target=follow, daemon=True).start()


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a pool that ends may ask again in the middle of that
    if _busy:
        raise SystemExit(_STOPPED)  # what is half-written is taken away on the way out
    os._exit(_STOPPED)


def _stoppable(call: Callable[[Job], Result], job: Job) -> Result:
    """Run a job so that SIGTERM ends the process: a pool's worker takes SystemExit for a result."""
    global _busy
    try:
        _busy = True
        return call(job)
    except SystemExit:
        os._exit(_STOPPED)
    finally:
        _busy = False


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
