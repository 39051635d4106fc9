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
from queue import Empty, SimpleQueue
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Job = TypeVar("Job")
Result = TypeVar("Result")

IN_FLIGHT = 3
"""Jobs a worker that are handed out: one runs, the next are at hand when it ends."""
_UNKNOWN_WIDTH = 8
"""Jobs handed out at least to an executor that does not say how many workers it has."""
_ASK_AGAIN_S = 5.0
"""How long the number of a cluster's workers is taken for granted: clusters grow and shrink."""
PATIENCE_S = 120.0
"""How long a cluster may be without any worker before the jobs that are left are given up."""
_LOOK_S = 1.0
"""How often a cluster is looked at while nothing comes of it."""
ENDS_WITHIN_S = 10.0
"""How long a process that is asked to end may take to clear up what it had half-written."""
_STOPPED = 143
"""Exit code of a process ended by SIGTERM."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that pin the linear algebra of a worker to one thread."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands in place of a result: why there is none, and whether the job was begun at all."""

    error: BaseException
    begun: bool = True


class NoWorkersError(RuntimeError):
    """A cluster without workers for so long that nothing is to be awaited of it."""

    def __init__(self) -> None:
        super().__init__(
            f"the cluster has had no worker for {PATIENCE_S:g} s: look into its logs for why they ended "
            "(an input that fails in this batch may have killed them; a local cluster waits for workers that "
            "are slow to start again after "
            'dask.config.set({"distributed.deploy.lost-worker-timeout": "120s"})), '
            "get workers with client.wait_for_workers(1)"
        )


class Workers(Protocol):
    """Where jobs run."""

    renewed: bool
    """Whether a place of which a process died takes further jobs."""

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""

    def submit(self, call: Callable[[Job], Result], job: Job, *, alone: bool = False) -> Any:
        """Return the future of a call; one that runs alone may cost no more than one worker."""

    def result(self, future: Any) -> Any:
        """Return what came of a call that is done."""

    def look(self) -> BaseException | None:
        """Return why nothing will come of what was handed out; None while something may."""


class Processes:
    """Processes of our own: started as they are needed, anew when one dies, ended with the block."""

    renewed = True

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._started: dict[Any, None] = {}

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""
        return IN_FLIGHT * self._count

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(at_once=kind is not None)

    def submit(self, call: Callable[[Job], Result], job: Job, *, alone: bool = False) -> Any:
        """Return the future of a call, in a new pool where the last one broke."""
        from concurrent.futures import BrokenExecutor

        try:
            return self._submit(call, job)
        except BrokenExecutor:
            self._end(at_once=True)
            return self._submit(call, job)

    def result(self, future: Any) -> Any:
        """Return what came of a call that is done."""
        return future.result()

    def look(self) -> BaseException | None:
        """Return None: a pool tells its futures when it breaks."""
        return None

    def _submit(self, call: Callable[[Job], Result], job: Job) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if self._pool is None:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin)
        # a pool starts its processes as jobs are submitted
        with _unbroken(), _one_thread_each(), _main_left_alone():
            future = self._pool.submit(_stoppable, call, job)
            # a public way to end them comes with Python 3.14
            self._started.update(dict.fromkeys((getattr(self._pool, "_processes", None) or {}).values()))
        return future

    def _end(self, *, at_once: bool) -> None:
        """End the processes: after what was handed out, or at once and without what they were doing.

        One that ended while it handed a result over leaves the others waiting for their turn, so none is
        waited for without end.
        """
        pool, self._pool = self._pool, None
        started, self._started = self._started, {}
        if pool is None:
            return
        if at_once:
            with _unbroken():
                for process in started:
                    process.terminate()
                until = time.monotonic() + ENDS_WITHIN_S
                for process in started:
                    process.join(max(until - time.monotonic(), 0.0))
                    process.kill()
        pool.shutdown(cancel_futures=True)


class Given:
    """An executor of the caller's: anything with the `submit` of `concurrent.futures`, a Dask client too."""

    renewed = False

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        client = getattr(executor, "_client", executor)  # Dask's own wrapping of a client as an executor
        self._client = client if callable(getattr(client, "nthreads", None)) else None
        self._width, self._asked = 0, -_ASK_AGAIN_S
        self._without_since: float | None = None
        self._alone_at: str | None = None

    @property
    def width(self) -> int:
        """Jobs handed out at a time."""
        if time.monotonic() - self._asked >= _ASK_AGAIN_S:
            if self._client is not None:
                self._width = IN_FLIGHT * sum(self._threads().values())
            else:
                count = getattr(self._executor, "_max_workers", 0)
                self._width = IN_FLIGHT * count if isinstance(count, int) else 0
            self._asked = time.monotonic()
        return self._width or max(_UNKNOWN_WIDTH, IN_FLIGHT * (os.cpu_count() or 1))

    def submit(self, call: Callable[[Job], Result], job: Job, *, alone: bool = False) -> Any:
        """Return the future of a call."""
        self._alone_at = None
        if self._client is None:
            return self._executor.submit(call, job)
        if not alone:
            # Dask takes equal calls for one, and a job that is run again is an equal call
            once = {"pure": False} if self._client is self._executor else {}
            return self._executor.submit(call, job, **once)
        # a scheduler hands a job that kills to one worker after another; bound to one, it ends no more
        while not (threads := self._threads()):
            if (error := self.look()) is not None:
                raise error
            time.sleep(_LOOK_S)
        self._alone_at = next(iter(threads))
        options = {**getattr(self._executor, "_kwargs", {}), "pure": False, "workers": [self._alone_at]}
        return self._client.submit(call, job, **options)

    def result(self, future: Any) -> Any:
        """Return what came of a call that is done; a cluster may lose that before it is fetched."""
        if self._client is None or not hasattr(future, "status"):
            return future.result()
        patience = _LOOK_S
        while True:
            try:
                return future.result(timeout=patience)
            except TimeoutError:
                if future.status == "error":
                    raise  # the job's own
                if (error := self.look()) is not None:
                    raise error from None
                patience *= 2  # each try fetches from the start, and a slow network needs its time

    def look(self) -> BaseException | None:
        """Return why nothing will come of what was handed out; None while something may."""
        if self._client is None:
            return None
        threads = self._threads()
        if self._alone_at is not None and self._alone_at not in threads:
            return RuntimeError(f"the worker {self._alone_at} ended while it ran this input alone")
        since = self._without_since
        return NoWorkersError() if since is not None and time.monotonic() - since > PATIENCE_S else None

    def _threads(self) -> dict[str, int]:
        """Return the threads of each worker of a cluster; none where its scheduler does not answer."""
        try:
            threads: dict[str, int] = dict(self._client.nthreads()) if self._client is not None else {}
        except Exception:  # what a client says of a lost scheduler is its own affair
            threads = {}
        if threads:
            self._without_since = None
        elif self._without_since is None:
            self._without_since = time.monotonic()
        return threads


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
            while not isinstance(self.broken, NoWorkersError) and self.hand_out():
                yield from self.taken()
        finally:
            for future in self.flying.values():
                if hasattr(future, "cancel"):
                    future.cancel()
        for index in (*self.flying, *self.suspects, *self.waiting):
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
            future = self.workers.submit(self.call, self.work[index], alone=self.alone)
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

        try:
            index = self.done.get(timeout=_LOOK_S)
        except Empty:
            if (error := self.workers.look()) is None:
                return
            if isinstance(error, NoWorkersError):
                self.broken = error
                return
            index, future = self.flying.popitem()
            future.cancel()
            yield index, Lost(error)
            return
        if index not in self.flying:  # given up before
            return
        future = self.flying.pop(index)
        try:
            result = self.workers.result(future)
        except NoWorkersError as error:
            self.broken = error
            self.suspects.append(index)
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

_busy = _asked = False
"""Whether a job runs, and whether the process was asked to end."""


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
    global _asked
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a pool that ends may ask again in the middle of that
    _asked = True
    if _busy:
        raise SystemExit(_STOPPED)  # what is half-written is taken away on the way out
    os._exit(_STOPPED)


def _stoppable(call: Callable[[Job], Result], job: Job) -> Result:
    """Run a job so that SIGTERM ends the process: a pool's worker takes SystemExit for a result."""
    global _busy
    try:
        try:
            _busy = True
            return call(job)
        finally:
            _busy = False
            if _asked:  # by a SystemExit that went astray, in a callback of a library for one
                os._exit(_STOPPED)
    except SystemExit:  # also one that came while the job was being left
        os._exit(_STOPPED)


@contextmanager
def _unbroken() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the block.

    A process that was started when they broke off its pool's work belongs to no pool: nothing would end it,
    and the interpreter waits for it when it ends itself.
    """
    from threading import current_thread, main_thread

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
    if current_thread() is not main_thread():  # handlers run in the main one alone
        numbers = []
    came: list[Any] = []
    before = {number: signal.signal(number, lambda *told: came.append(told)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(number for number, _ in came):
            signal.raise_signal(number)


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
