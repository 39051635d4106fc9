"""A batch on a cluster: `fit_many` with the client of a Dask cluster of two local processes."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxkinetics.kinetics.batch import fit_many
from tests.kinetics.test_many import write_trace

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
