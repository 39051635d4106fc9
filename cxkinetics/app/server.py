"""The server of the page; it only carries: uploads into a folder, requests to the worker, answers back.

Waitress, because it is one package of pure Python without dependencies (0.4 MB; Bottle brings no server for
threads, Flask, Starlette and NiceGUI bring more packages) and reads HTTP: lengths, headers and limits of
hostile requests are its business. Owned here are eight routes and their checks.

Only this machine is listened to (127.0.0.1). A request needs the key of the run, which stands in the
address; its Host must be this server, so that no name that is pointed here gets in, and its Origin, where
it has one, too. The policy of the page lets it load and send nothing elsewhere.
"""

import _thread
import hmac
import json
import logging
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import parse_qs

from cxkinetics.app.session import PROGRESS, RESULTS
from cxkinetics.app.worker import Worker
from cxkinetics.errors import MissingExtraError, UsageError

HOST = "127.0.0.1"
LARGEST_FILE, LARGEST_SESSION, LARGEST_REQUEST = 256 << 20, 1 << 30, 4 << 20
"""Bytes of one file, of all files of a run, and of a request that is none."""
ANSWERED = 0.3
"""Seconds until a request to end has its answer."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
_STATIC = {
    "app.css": ("app", "text/css"),
    "app.js": ("app", "text/javascript"),
    "plots.js": ("document", "text/javascript"),
    "uPlot.iife.min.js": ("document", "text/javascript"),
    "uPlot.min.css": ("document", "text/css"),
    "page.css": ("document", "text/css"),
}
"""Files that the page is made of -> the room that holds each, and its kind."""
Start = Callable[[str, list[tuple[str, str]]], Any]
Environ = Mapping[str, Any]


class Refused(Exception):
    """A request that is not answered: its status and why."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status


class Carrier:
    """The application that the server runs.

    Parameters
    ----------
    folder : Path
        Of the session.
    worker : Worker
        Answers.
    key : str
        What every request must bring.
    """

    def __init__(self, folder: Path, worker: Worker, key: str) -> None:
        self.folder, self.worker, self.key = folder, worker, key
        self.port = 0

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        try:
            kind, body = self._answered(environ)
            status = "200 OK"
        except Refused as refused:
            status, kind, body = refused.status, "text/plain", f"{refused}\n".encode()
        start(
            status,
            [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body))), *_HEADERS],
        )
        return [body]

    def _answered(self, environ: Environ) -> tuple[str, bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        self._require_own(environ)
        if method == "GET" and path.startswith("/static/"):
            return _static(path.removeprefix("/static/"))
        if method == "GET" and path == "/":
            given = parse_qs(environ.get("QUERY_STRING", "")).get("key", [""])[0]
            self._require_key(given)
            return "text/html", _packaged("app", "index.html")
        self._require_key(environ.get("HTTP_X_KEY", ""))
        match method, path.split("/")[1:]:
            case "POST", ["answer"]:
                return _json(self.worker.ask(self._request(environ)))
            case "POST", ["stop"]:
                self.worker.stop()
                return _json({})
            case "POST", ["quit"]:
                self.worker.stop()
                threading.Timer(ANSWERED, _thread.interrupt_main, [signal.SIGTERM]).start()
                return _json({})
            case "GET", ["progress"]:
                return "text/plain", self._progress()
            case "PUT", ["files", *_]:
                return _json(self._keep(environ))
            case "GET", [folder, *_] if folder == RESULTS:
                return "application/octet-stream", self._result(path)
        raise Refused("404 Not Found", "there is nothing here")

    def _require_own(self, environ: Environ) -> None:
        own = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        if host not in own:
            raise Refused("403 Forbidden", "the page is asked for under a name that is not its own")
        if origin is not None and origin not in {f"http://{name}" for name in own}:
            raise Refused("403 Forbidden", "another page may not ask here")

    def _require_key(self, given: str) -> None:
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.key.encode()):
            raise Refused("403 Forbidden", "open the address that `cxkinetics app` printed, with its key")

    def _request(self, environ: Environ) -> dict[str, Any]:
        if int(environ.get("CONTENT_LENGTH") or 0) > LARGEST_REQUEST:
            raise Refused("413 Content Too Large", "this is too long for a request")
        try:
            found = json.loads(environ["wsgi.input"].read())
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refused("400 Bad Request", "a request is one JSON object")
        return found

    def _keep(self, environ: Environ) -> dict[str, Any]:
        """Store an upload under its name below the folder of the session."""
        place = self._place(environ.get("PATH_INFO", "").removeprefix("/files/"))
        held = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        if held + int(environ.get("CONTENT_LENGTH") or 0) > LARGEST_SESSION:
            raise Refused(
                "413 Content Too Large", "this page holds 1 GB and no more; cxkinetics fit reads any folder"
            )
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as stream:
                while piece := environ["wsgi.input"].read(1 << 20):
                    stream.write(piece)
        except OSError as error:
            raise Refused("400 Bad Request", f"the file cannot be kept: {error.strerror or error}") from error
        return {"file": place.relative_to(self.folder).as_posix()}

    def _place(self, name: str) -> Path:
        """Return where an upload of that name is kept, or refuse a name that leads elsewhere or is hidden."""
        parts = _decoded(name).split("/")
        sound = all(
            part and not part.startswith(".") and not set(part) & set('\0\\:*?"<>|') for part in parts
        )
        if not sound or len(parts) > 8 or any(len(part.encode()) > 200 for part in parts):
            why = (
                "a file's name must be plain: no \\ : * ? \" < > | in it, no dot before it, and not too long"
            )
            raise Refused("400 Bad Request", why)
        return self.folder.joinpath(*parts)

    def _progress(self) -> bytes:
        """Return how far what is worked on says to be, empty where it says nothing."""
        try:
            return (self.folder / PROGRESS).read_bytes()
        except OSError:
            return b""

    def _result(self, path: str) -> bytes:
        place = self.folder.joinpath(*_decoded(path).split("/")).resolve()
        if not place.is_relative_to((self.folder / RESULTS).resolve()) or not place.is_file():
            raise Refused("404 Not Found", "there is no such result")
        return place.read_bytes()


def _decoded(path: str) -> str:
    """Return a path as text; the server hands over bytes as Latin-1 (PEP 3333)."""
    try:
        return path.encode("latin-1").decode("utf-8").strip("/")
    except UnicodeError:
        raise Refused("400 Bad Request", "the name is no UTF-8") from None


def _static(name: str) -> tuple[str, bytes]:
    if name not in _STATIC:
        raise Refused("404 Not Found", "there is nothing here")
    room, kind = _STATIC[name]
    return kind, _packaged(room, name)


def _packaged(room: str, name: str) -> bytes:
    place = resources.files(f"cxkinetics.{room}")
    return (place / name if name == "page.css" else place / "static" / name).read_bytes()


def _json(record: Mapping[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(record).encode()


def serve(port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted, or ended from the page, then delete what was uploaded.

    Parameters
    ----------
    port : int
        0 for any that is free.
    ready : callable
        Gets the address, once the page can be opened.

    Raises
    ------
    MissingExtraError
        If the server is not installed.
    UsageError
        If the port is taken.
    """
    try:
        from waitress.server import create_server
    except ImportError as error:
        raise MissingExtraError("the page needs a server: python -m pip install 'cxkinetics[app]'") from error
    if not 0 <= port < 65536:  # else the server takes what is left of it after 65536 are taken away
        raise UsageError(f"--port {port} is no port: they go from 1 to 65535; leave it out for a free one")
    logging.getLogger("waitress").setLevel(logging.ERROR)
    with (
        _interrupted(),
        tempfile.TemporaryDirectory(prefix="cxkinetics-app-", ignore_cleanup_errors=True) as place,
    ):
        folder = Path(place).resolve()
        worker = Worker(folder)
        try:
            carrier = Carrier(folder, worker, secrets.token_urlsafe(18))
            try:
                server = create_server(
                    carrier, host=HOST, port=port, threads=6, ident=None, max_request_body_size=LARGEST_FILE
                )
            except (OSError, OverflowError) as error:
                raise UsageError(
                    f"--port {port} cannot be used: {error}; leave it out for a free one"
                ) from error
            carrier.port = server.effective_port
            ready(f"http://{HOST}:{carrier.port}/?key={carrier.key}")
            try:
                server.run()
            finally:
                server.close()
        finally:
            worker.close()


@contextmanager
def _interrupted() -> Any:
    """Take a request to end, and a terminal that is closed, as Ctrl-C: what was uploaded is then deleted."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
