"""A batch on a cluster: `fit_many` with the client of a Dask cluster of two local processes."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxkinetics.kinetics import workers
from cxkinetics.kinetics.batch import fit_many
from tests.kinetics.test_many import write_trace
from tests.studies import kills

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cluster")
    good = [write_trace(folder / f"run{number}.csv", number) for number in (1, 2, 3)]
    bad = folder / "broken.csv"
    bad.write_text("t,A\n0,0.9\n1,0.5\n")
    return [good[0], bad, *good[1:]]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        )
        with cluster, distributed.Client(cluster) as client:
            yield client


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["client", "executor"])
def test_a_cluster_gives_what_one_process_gives(files: list[Path], client: Any, kind: str) -> None:
    executor = client if kind == "client" else client.get_executor()
    batch = fit_many(files, executor=executor, n_stages=2, offset="zero")
    assert batch.to_dict() == fit_many(files, n_stages=2, offset="zero").to_dict()
    assert len(batch.fits) == 3
    assert [failure.file for failure in batch.failures] == [str(files[1])]


@pytest.mark.filterwarnings("ignore")
def test_the_work_is_done_on_the_workers(client: Any) -> None:
    """Both processes of the cluster import the package and are not this one."""
    import os

    pids = client.run(lambda: (os.getpid(), __import__("cxkinetics").__version__))
    assert len({pid for pid, _ in pids.values()}) == 2
    assert os.getpid() not in {pid for pid, _ in pids.values()}


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_workers_ends_in_inputs_that_were_not_run(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 1.0)
    with kills.cluster(0) as client:
        batch = fit_many(files, executor=client, n_stages=2, offset="zero")
    assert not batch.fits
    assert [failure.file for failure in batch.failures] == [str(file) for file in files]
    for failure in batch.failures:
        assert "not run: the cluster has had no worker for 1 s" in failure.message
        assert "client.wait_for_workers(1), then the same call runs what is left" in failure.message


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.filterwarnings("ignore")
def test_an_input_that_kills_costs_one_worker_more_than_the_cluster_itself_allows(tmp_path: Path) -> None:
    """With one failure allowed the cluster gives an input to two workers; run again it takes one more."""
    dask = pytest.importorskip("dask")
    inputs = kills.poisoned_files(tmp_path, 4)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        kills.poisoned(tmp_path),
        kills.cluster(1) as client,
    ):
        batch = fit_many(inputs, executor=client, **kills.FAST)
        ended = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler._workers_removed_total)
    assert len(batch.fits) == 3
    assert [Path(failure.file).name for failure in batch.failures] == ["poisoned.csv"]
    assert ended == 3
