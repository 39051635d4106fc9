"""The process that reads and fits: a line of JSON in, a line of JSON out, so that long work can be stopped.

It is killed to stop it and another one is started; the session is the folder, so nothing is lost by that.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_START = "import sys; sys.path.append(sys.argv[1]); from cxkinetics.app.worker import main; main(sys.argv[2])"
STOPPED = {"error": "Stopped", "message": "stopped; nothing half-made was kept"}


class Worker:
    """The process of one session.

    Parameters
    ----------
    folder : path-like
        Where the files of the session lie.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = os.fspath(folder)
        self._turn = threading.Lock()
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[str]":
        root = str(Path(__file__).resolve().parents[2])
        # -P: the folder of the session is no place of modules, whatever the files in it are called
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, root, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request; one is worked on at a time."""
        with self._turn:
            if self._process.poll() is not None:
                self._process = self._started()
            process = self._process
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except (BrokenPipeError, OSError, ValueError):
                line = ""
            if not line:
                self._end(process)
                self._process = self._started()
                return dict(STOPPED)
        found: dict[str, Any] = json.loads(line)
        return found

    def stop(self) -> None:
        """Stop what is being worked on."""
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._end(self._process)

    @staticmethod
    def _end(process: "subprocess.Popen[str]") -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def main(folder: str) -> None:
    """Answer requests from the standard input until it ends."""
    from cxkinetics.app.session import answer

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the matrices are small: threads would only wait for each other
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # fonts that are not there are no remark on data
    os.chdir(folder)
    threading.Thread(target=_warm, daemon=True).start()
    for line in sys.stdin:
        try:
            found = answer(json.loads(line))
        except Exception as error:  # the page tells it, the process goes on
            import traceback

            traceback.print_exc()
            found = {"error": type(error).__name__, "message": f"{type(error).__name__}: {error}"}
        told.write(json.dumps(found) + "\n")
        told.flush()


def _warm() -> None:
    """Load what the first file and the first fit need, while the page is looked at."""
    from importlib import import_module

    for name in ("io.load", "kinetics.batch", "kinetics.page", "kinetics.figures", "document.html"):
        import_module(f"cxkinetics.{name}")
    for name in ("lmfit", "openpyxl", "jinja2"):
        import_module(name)
