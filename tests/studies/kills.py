"""Processes killed (SIGKILL) while results are written and batches run, and a trace that kills.

    python -m tests.studies.kills --writes 100      a kill at evenly spread steps of the file system
    python -m tests.studies.kills --batches 100     a kill of the command at random moments, --jobs 2
    python -m tests.studies.kills --poisoned 5000 [--dask]

Each says what was found afterwards and ends with 1 where anything was lost or left over.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np

from cxkinetics.kinetics.batch import JobResult, iter_fits, jobs_of, run_job
from cxkinetics.kinetics.result import StagedFit

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "shutil.rmtree")
"""Audit events before which a process is killed: what changes the file system, and every file opened."""
FAST: dict[str, Any] = {"n_stages": 1, "noise": "white", "offset": "zero"}
WORDS = ("--stages", "1", "--noise", "white", "--offset", "zero")
POISON = """import os, signal, sys

def _kill(event, args):
    if event == "open" and str(args[0]).endswith("poisoned.csv"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(_kill)
"""


def write_trace(path: Path, number: int, n: int = 31) -> Path:
    rng = np.random.default_rng(number)
    t = np.linspace(0.0, 90.0, n)
    signal_au = 0.9 * np.exp(-(0.03 + 0.0005 * (number % 40)) * t) + rng.normal(0.0, 0.004, n)
    rows = (f"{a:.4f},{b:.5f}" for a, b in zip(t, signal_au, strict=True))
    path.write_text("time_s,absorbance\n" + "\n".join(rows) + "\n")
    return path


# ---- a kill at a step of the file system ------------------------------------------------------------


def _forked(work: Callable[[], object], kill_at: int = 0) -> int | None:
    """Run in a process that kills itself before a step; return its steps, None where killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where threads run: none is used
        child = os.fork()
    if child == 0:
        steps = 0

        def count(event: str, _: object) -> None:
            nonlocal steps
            if event in STEPS:
                steps += 1
                if steps == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        with suppress(BaseException):
            work()
        os._exit(min(steps, 255))
    status = os.waitpid(child, 0)[1]
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def leftovers(place: Path) -> list[str]:
    return sorted(p.name for p in place.rglob("*") if p.name.endswith((".part", ".old")))


def killed_writes(bench: Path, kills: int) -> list[str]:
    """Kill the replacement of a result at steps spread over all of it; return what was found wrong."""
    file, out = write_trace(bench / "run.csv", 1), bench / "res"

    def run(seed: int) -> JobResult:
        return run_job(jobs_of([file], out=out, **FAST, rng=seed, figures="svg")[0])

    def again() -> object:
        return run(2)

    assert not run(1).failures
    wrong, seeds = [], set()
    last = _forked(again) or 0
    # half of them where the folder takes the place of the old one
    steps = (*np.linspace(1, last, kills - kills // 2), *np.linspace(max(1, last - 11), last, kills // 2))
    for kill_at in sorted(set(map(round, steps))):
        assert not run(1).failures
        if _forked(again, kill_at) is not None:
            continue
        hidden = [p for p in out.glob(".*.old/old") if p.is_dir()]
        place = out / "run" if (out / "run").exists() else next(iter(hidden), None)
        if place is None or not _whole(place):
            wrong.append(f"step {kill_at} of {last}: no whole result")
        result = run(2)  # the next run
        seeds |= {fit.seed for fit in result.fits}
        if result.failures or not _whole(out / "run") or leftovers(out):
            wrong.append(f"step {kill_at} of {last}: {result.failures} {leftovers(out)} after the next run")
    if seeds != {2}:
        wrong.append(f"the next runs gave the seeds {seeds}")
    return wrong


def _whole(place: Path) -> bool:
    try:
        StagedFit.from_json((place / "fit.json").read_text(encoding="utf-8"))
        return (place / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    except (OSError, ValueError):
        return False


# ---- a kill of the command at a random moment -------------------------------------------------------


def command(bench: Path, *more: str) -> list[str]:
    files = sorted(p.name for p in bench.glob("run*.csv"))
    return [sys.executable, "-m", "cxkinetics", "fit", *files, *WORDS, "--out", "res", *more]


def begin(bench: Path, *more: str) -> "subprocess.Popen[bytes]":
    """Start the command on all traces of a folder in a process group of its own."""
    return subprocess.Popen(
        command(bench, *more), cwd=bench, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which background jobs ignore
    )  # fmt: skip


def gone(group: int, patience: int = 600) -> bool:
    """Return whether every process of a group ends, in `patience` looks a tenth of a second apart."""
    for _ in range(patience):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(0.1)
    return False


def killed_batches(bench: Path, kills: int, n_files: int = 6) -> list[str]:
    """Kill the command with two workers at random moments; return what was found wrong."""
    names = [write_trace(bench / f"run{number}.csv", number).stem for number in range(n_files)]
    started = time.monotonic()
    subprocess.run(command(bench, "--jobs", "2"), cwd=bench, check=True, capture_output=True)
    lasts, moments, wrong = time.monotonic() - started, random.Random(0), []
    for number in range(kills):
        process = begin(bench, "--jobs", "2", "--force")
        time.sleep(moments.uniform(0.3, 1.0) * lasts)
        process.kill()
        process.wait()
        if not gone(process.pid):
            wrong.append(f"kill {number}: workers are left")
        for name in names:
            hidden = list((bench / "res").glob(f".{name}.*.old/old"))
            if not _whole(bench / "res" / name) and not any(map(_whole, hidden)):
                wrong.append(f"kill {number}: {name} is lost")
        ended = subprocess.run(command(bench, "--jobs", "2"), cwd=bench, check=False, capture_output=True)
        if ended.returncode or leftovers(bench / "res") or not all(_whole(bench / "res" / n) for n in names):
            wrong.append(f"kill {number}: {leftovers(bench / 'res')} after the next run: {ended.stderr!r}")
    return wrong


# ---- one trace that kills whoever reads it ----------------------------------------------------------


@contextmanager
def poisoned(bench: Path) -> Iterator[None]:
    """Let every process that starts inside be killed when it opens the file `poisoned.csv`."""
    hook = bench / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(POISON)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(hook), *([before] if before else []), *sys.path[:1]])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def poisoned_files(bench: Path, count: int) -> list[Path]:
    files = [write_trace(bench / f"run{number}.csv", number) for number in range(count)]
    files[count // 3] = write_trace(bench / "poisoned.csv", 0)
    return files


def poisoned_batch(bench: Path, count: int, *, dask: bool, jobs: int = 2) -> tuple[int, list[str]]:
    """Return how many of `count` traces were fitted, one of which kills its worker, and who failed."""
    files, done, failed = poisoned_files(bench, count), 0, []
    with poisoned(bench), cluster(jobs) if dask else nullcontext() as client:
        where = {"executor": client} if dask else {"jobs": jobs}
        for result in iter_fits(files, table=bench / "fits.csv", **where, **FAST):
            done += len(result.fits)
            failed += [failure.file for failure in result.failures]
    return done, failed


@contextmanager
def cluster(jobs: int) -> Iterator[Any]:
    import dask
    import distributed

    with warnings.catch_warnings(), dask.config.set({"distributed.deploy.lost-worker-timeout": "120s"}):
        warnings.simplefilter("ignore")  # by itself a cluster forgets a worker that needs 15 s to start again
        options = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        cluster = distributed.LocalCluster(n_workers=jobs, silence_logs=50, **options)
        with cluster, distributed.Client(cluster) as client:
            yield client


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--writes", type=int, default=0)
    parser.add_argument("--batches", type=int, default=0)
    parser.add_argument("--poisoned", type=int, default=0)
    parser.add_argument("--dask", action="store_true")
    args = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        for name, study in (("writes", killed_writes), ("batches", killed_batches)):
            if kills := getattr(args, name):
                folder = Path(place, name)
                folder.mkdir()
                wrong += (found := study(folder, kills))
                print(f"{name}: {kills} kills, {len(found)} wrong")
        if args.poisoned:
            done, failed = poisoned_batch(Path(place), args.poisoned, dask=args.dask)
            print(json.dumps({"traces": args.poisoned, "fitted": done, "failed": failed}))
            wrong += [] if (done, len(failed)) == (args.poisoned - 1, 1) else ["more was lost than one"]
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
