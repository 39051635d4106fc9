"""Where the jobs of a batch run: few at a time, and a process that dies costs one job."""

import os
import signal
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import cxkinetics as cx
from cxkinetics.kinetics import workers
from cxkinetics.kinetics.workers import IN_FLIGHT, Given, Lost, NoWorkersError, Processes, completed
from tests.studies import kills

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def double(number: int) -> int:
    """Return twice a number; a negative one kills the process."""
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


@posix
def test_a_process_that_dies_costs_the_job_that_killed_it() -> None:
    work = [1, 2, -1, 3, 4, 5, -2, 6]
    with Processes(2) as processes:
        found = dict(completed(work, double, processes))
    assert sorted(found) == list(range(len(work)))
    assert {i: result for i, result in found.items() if not isinstance(result, Lost)} == {
        i: 2 * number for i, number in enumerate(work) if number > 0
    }
    for index in (2, 6):
        assert isinstance(found[index], Lost)
        assert found[index].begun


class Slow:
    """Holds every call until it is full, then answers the oldest; knows how many it was given at once."""

    _max_workers = 2

    def __init__(self, room: int) -> None:
        self.room, self.most = room, 0
        self.held: list[tuple[Future[Any], Any]] = []

    def submit(self, call: Any, job: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.held.append((future, (call, job)))
        self.most = max(self.most, len(self.held))
        while len(self.held) >= self.room:
            oldest, (done, item) = self.held.pop(0)
            oldest.set_result(done(item))
        return future

    def rest(self) -> None:
        self.room = 1
        while self.held:
            future, (call, job) = self.held.pop(0)
            future.set_result(call(job))


def test_no_more_than_a_few_jobs_a_worker_are_handed_out() -> None:
    executor = Slow(room=2 * IN_FLIGHT)
    results = completed(list(range(20)), double, Given(executor))
    found = dict(next(results) for _ in range(20 - 2 * IN_FLIGHT))
    assert executor.most <= 2 * IN_FLIGHT
    executor.rest()
    found |= dict(results)
    assert found == {number: 2 * number for number in range(20)}


class Breaking:
    """An executor of somebody else whose process dies with the third job."""

    _max_workers = 1

    def __init__(self) -> None:
        self.broken: BrokenProcessPool | None = None

    def submit(self, call: Any, job: Any) -> "Future[Any]":
        if self.broken:
            raise self.broken
        future: Future[Any] = Future()
        if job == 2:
            self.broken = BrokenProcessPool("terminated abruptly")
            future.set_exception(self.broken)
        else:
            future.set_result(call(job))
        return future


def test_an_executor_of_the_callers_that_breaks_keeps_what_is_finished_and_names_the_rest() -> None:
    found = dict(completed(list(range(9)), double, Given(Breaking())))
    assert {i: r for i, r in found.items() if not isinstance(r, Lost)} == {0: 0, 1: 2}
    lost = {i: r.begun for i, r in found.items() if isinstance(r, Lost)}
    assert lost == {2: True} | dict.fromkeys(range(3, 9), False)


class Emptied:
    """A cluster that loses its workers after a few results, one of them before it was fetched."""

    def __init__(self, done: int, *, fetched: int) -> None:
        self.left, self.to_fetch = done, fetched

    def nthreads(self) -> dict[str, int]:
        return {"tcp://one": 1} if self.to_fetch else {}

    def submit(self, call: Any, job: Any, **_: Any) -> "Emptied.Held":
        held = self.Held(self, call(job))
        if self.left:
            self.left -= 1
            held.future.set_result(None)
        return held

    class Held:
        status = "finished"

        def __init__(self, cluster: "Emptied", value: Any) -> None:
            self.cluster, self.value, self.future = cluster, value, Future[None]()

        def add_done_callback(self, call: Any) -> None:
            self.future.add_done_callback(call)

        def result(self, timeout: float | None = None) -> Any:
            if not self.cluster.to_fetch:
                time.sleep(timeout or 1e9)
                raise TimeoutError
            self.cluster.to_fetch -= 1
            return self.value


@pytest.mark.parametrize("done", [2, 3])  # the last of three is done and cannot be fetched any more
def test_a_cluster_without_workers_is_given_up(monkeypatch: pytest.MonkeyPatch, done: int) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 0.1)
    monkeypatch.setattr(workers, "_LOOK_S", 0.05)
    found = dict(completed(list(range(9)), double, Given(Emptied(done, fetched=2))))
    assert {i: r for i, r in found.items() if not isinstance(r, Lost)} == {0: 0, 1: 2}
    lost = {i: r for i, r in found.items() if isinstance(r, Lost)}
    assert sorted(lost) == list(range(2, 9))
    assert all(isinstance(r.error, NoWorkersError) and not r.begun for r in lost.values())


def test_the_same_call_goes_on_where_the_executor_broke(tmp_path: Path) -> None:
    class Pool(Breaking):
        def submit(self, call: Any, job: Any) -> "Future[Any]":
            if not self.broken and job.file.endswith("run2.csv"):
                self.broken = BrokenProcessPool("terminated abruptly")
            if self.broken:
                raise self.broken
            return super().submit(call, job)

    files = [kills.write_trace(tmp_path / f"run{number}.csv", number) for number in range(4)]
    table = tmp_path / "fits.csv"
    first = list(cx.iter_fits(files, executor=Pool(), table=table, **kills.FAST))
    assert [len(result.fits) for result in first] == [1, 1, 0, 0]
    for result in first[2:]:
        assert "not run" in result.failures[0].message
        assert "the same call runs what is left" in result.failures[0].message
    again = list(cx.iter_fits(files, table=table, **kills.FAST))
    assert [result.skipped for result in again] == [True, True, False, False]
    assert [Path(result.file).name for result in again if result.fits] == ["run2.csv", "run3.csv"]


@posix
def test_one_poisoned_trace_of_a_batch_is_the_only_one_lost(tmp_path: Path) -> None:
    done, failed = kills.poisoned_batch(tmp_path, 12, dask=False)
    assert (done, [Path(file).name for file in failed]) == (11, ["poisoned.csv"])


@posix
@pytest.mark.slow  # one that kills two workers first stands in `test_cluster`
@pytest.mark.filterwarnings("ignore")
def test_one_poisoned_trace_of_a_batch_on_a_cluster_is_the_only_one_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    import dask

    # by default four workers are killed by a task before it is given up
    monkeypatch.setitem(dask.config.config["distributed"]["scheduler"], "allowed-failures", 0)
    done, failed = kills.poisoned_batch(tmp_path, 6, dask=True)
    assert (done, [Path(file).name for file in failed]) == (5, ["poisoned.csv"])


@posix
def test_a_result_that_is_being_replaced_survives_a_kill_at_any_step(tmp_path: Path) -> None:
    assert kills.killed_writes(tmp_path, 6) == []


@posix
def test_a_signal_waits_until_a_pool_has_started_its_processes() -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    def start() -> None:
        with workers._unbroken():
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.01)
            reached.append("the end of the block")

    before, reached = signal.signal(signal.SIGTERM, stop), list[str]()
    try:
        with pytest.raises(InterruptedError):
            start()
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
    assert reached


def deaf(place: str) -> None:
    """Hear no call to end, as a process does that waits for its turn to hand a result over."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(place).touch()
    time.sleep(600.0)


def stray(place: str) -> None:
    """Be asked to end where what is raised comes to nothing, then go on."""

    class Dropped:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    Dropped()
    Path(place).touch()


@posix
def test_a_process_that_does_not_end_when_it_is_asked_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ENDS_WITHIN_S", 0.2)
    futures: list[Any] = []

    def broken_off() -> None:
        with Processes(2) as processes:
            futures.extend(processes.submit(deaf, str(tmp_path / name)) for name in "ab")
            while len(list(tmp_path.iterdir())) < 2:
                time.sleep(0.02)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        broken_off()
    assert all(future.done() for future in futures)


@posix
@pytest.mark.filterwarnings("ignore")
def test_a_process_that_was_asked_to_end_hands_no_result_over(tmp_path: Path) -> None:
    with Processes(1) as processes:
        found = dict(completed([str(tmp_path / "passed")], stray, processes))
    assert (tmp_path / "passed").exists()  # the first try went on
    assert isinstance(found[0], Lost)


@posix
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=str
)
def test_a_batch_that_is_stopped_leaves_what_is_done_and_no_process(
    sent: signal.Signals, code: int, tmp_path: Path
) -> None:
    for number in range(30):
        kills.write_trace(tmp_path / f"run{number}.csv", number)
    process = kills.begin(tmp_path, "--jobs", "2")
    while not list(tmp_path.glob("res/run*/fit.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait() == code
    assert kills.gone(process.pid)
    done = list(tmp_path.glob("res/run*/fit.json"))
    assert 0 < len(done) < 30
    for stored in done:
        cx.StagedFit.from_json(stored.read_text())
    if code > 0:
        assert kills.leftovers(tmp_path / "res") == []
