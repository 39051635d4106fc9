"""The page over a real socket: who may ask, what is taken, what is left at the end."""

import http.client
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pytest

import cxkinetics as cx
from cxkinetics.app.server import serve
from cxkinetics.errors import UsageError
from tests.app import bench

pytest.importorskip("waitress", reason="the server of the page is not installed (extra app)")
TIME = np.arange(0.0, 100.0, 2.0)


class Served(NamedTuple):
    """A page that runs: its port and key, the folder of its uploads, its process."""

    port: int
    key: str
    folder: Path
    process: "subprocess.Popen[str]"

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, key: str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers of an answer; unless another is given, the key is sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in ({"X-Key": self.key if key is None else key} | headers).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        found = response.status, response.read(), dict(response.getheaders())
        connection.close()
        return found

    def answer(self, **request: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        status, body, _ = self.ask("POST", "/answer", json.dumps(request).encode())
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one page for the tests of this file."""
    place = tmp_path_factory.mktemp("uploads")
    with bench.running(place) as (address, process):
        port, key = address.removeprefix("http://127.0.0.1:").split("/?key=")
        (folder,) = place.glob("cxkinetics-app-*")
        yield Served(int(port), key, folder, process)


def test_a_file_goes_in_and_its_fit_comes_out(page: Served, tmp_path: Path) -> None:
    run = bench.write_table(tmp_path / "run 1 µ.csv", TIME, bench.decay(TIME))
    status, body, _ = page.ask("PUT", f"/files/{quote('set a/run 1 µ.csv')}", run.read_bytes())
    assert (status, json.loads(body)) == (200, {"file": "set a/run 1 µ.csv"})
    found = page.answer(do="fit", file="set a/run 1 µ.csv", typed={})
    assert found["document"]["fits"][0]["verdict"]["code"] == cx.fit_stages(cx.load(run)).verdict.code
    written = page.answer(do="export", id=found["id"])
    status, report, headers = page.ask("GET", quote(f"/{written['folder']}/report.html"))
    assert status == 200
    assert b"<h1>" in report
    assert headers["Content-Type"].startswith("application/octet-stream")  # never shown as a page of this one


def test_the_page_loads_nothing_from_elsewhere(page: Served) -> None:
    status, body, headers = page.ask("GET", f"/?key={page.key}", key="")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("app.js", "app.css", "plots.js", "uPlot.iife.min.js", "uPlot.min.css", "page.css"):
        status, text, headers = page.ask("GET", f"/static/{name}", key="")
        assert status == 200
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert name.startswith("uPlot") or b"http" not in text.replace(b"http://www.w3.org", b""), name
    assert b"http" not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80", ""]
)
def test_a_foreign_host_is_refused(page: Served, host: str) -> None:
    for method, path in (("GET", f"/?key={page.key}"), ("GET", "/static/app.js"), ("POST", "/answer")):
        assert page.ask(method, path, b"{}", Host=host)[0] == 403
    assert page.ask("GET", "/static/app.js", Host=f"localhost:{page.port}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "file://"])
def test_a_foreign_origin_is_refused(page: Served, origin: str) -> None:
    request = json.dumps({"do": "files"}).encode()
    assert page.ask("POST", "/answer", request, Origin=origin)[0] == 403
    assert page.ask("PUT", "/files/run.csv", b"1,2", Origin=origin)[0] == 403
    assert page.ask("POST", "/answer", request, Origin=f"http://127.0.0.1:{page.port}")[0] == 200


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_without_the_key_nothing_is_answered(page: Served, key: str) -> None:
    for method, path in (
        ("POST", "/answer"),
        ("POST", "/stop"),
        ("PUT", "/files/run.csv"),
        ("GET", "/.results/x"),
    ):
        status, body, _ = page.ask(method, path, b"{}", key=key)
        assert status == 403
        assert b"with its key" in body
    assert page.ask("GET", f"/?key={quote(key)}")[0] == 403
    assert page.ask("GET", "/")[0] == 403


NAMES = [
    "../out.csv",
    "a/../../out.csv",
    "%2e%2e/out.csv",
    "..%2Fout.csv",
    "/etc/out.csv",
    "a//b.csv",
    "C:out.csv",
]
NAMES += [
    "a\\b.csv",
    "a%5C..%5Cb.csv",
    ".hidden",
    ".results/x.json",
    "a/.b/c",
    "%00",
    "x" * 300,
    "%ff",
    "a/b/c/d/e/f/g/h/i",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_an_upload_elsewhere(page: Served, name: str) -> None:
    before = sorted(path for path in page.folder.parent.rglob("*"))
    status, body, _ = page.ask("PUT", f"/files/{name}", b"0,1\n")
    kept = sorted(path for path in page.folder.parent.rglob("*"))
    if status == 200:  # a path that begins with a slash is one below the folder
        assert name == "/etc/out.csv"
        assert (page.folder / "etc" / "out.csv").is_file()
        page.answer(do="forget", file="etc/out.csv")
    else:
        assert status in (400, 404), body
        assert kept == before


@pytest.mark.parametrize(
    "path", ["/.results/../run.csv", "/.results/%2e%2e/%2e%2e/x", "/static/../server.py", "/files/run.csv"]
)
def test_no_path_leads_out_of_what_is_served(page: Served, path: str) -> None:
    page.ask("PUT", "/files/run.csv", b"0,1\n")
    assert page.ask("GET", path)[0] == 404
    page.answer(do="forget", file="run.csv")


def test_an_upload_of_a_gigabyte_is_refused_before_it_is_read(page: Served) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=60) as line:
        head = f"PUT /files/huge.csv HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nX-Key: {page.key}\r\n"
        line.sendall(f"{head}Content-Length: {1 << 30}\r\n\r\n".encode())
        answer = line.recv(200)  # though not one byte of it was sent
    assert answer.startswith(b"HTTP/1.1 413")
    assert not (page.folder / "huge.csv").exists()
    status, body, _ = page.ask("POST", "/answer", b" " * (5 << 20))
    assert status == 413, body


def test_a_run_holds_so_much_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxkinetics.app import server

    monkeypatch.setattr(server, "LARGEST_SESSION", 10)
    carrier = server.Carrier(tmp_path, None, "key")  # type: ignore[arg-type]
    carrier.port = 1
    told: list[str] = []
    body = b"0123456"
    for name in ("a.csv", "b.csv"):
        environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": f"/files/{name}", "HTTP_HOST": "127.0.0.1:1"}
        environ |= {"HTTP_X_KEY": "key", "CONTENT_LENGTH": str(len(body))}
        carrier({**environ, "wsgi.input": io.BytesIO(body)}, lambda status, headers: told.append(status))
    assert told == ["200 OK", "413 Content Too Large"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_what_is_no_request_is_refused(page: Served) -> None:
    for body in (b"", b"[]", b"nonsense", b"\xff"):
        assert page.ask("POST", "/answer", body)[0] == 400
    assert page.ask("DELETE", "/files/run.csv")[0] == 404
    assert "no task" in page.answer(do="sing")["message"]


def test_html_in_names_and_labels_stays_text(page: Served) -> None:
    name = "<img src=x onerror=alert(1)>.csv"
    assert page.ask("PUT", f"/files/{quote(name)}", b"0,1\n")[0] == 400  # no name of a file on every system
    name = "&lt;b&gt;'; --x.csv"
    text = "time (s),<script>alert(1)</script>\n" + "".join(f"{t},{0.9 * 0.97**t:.5f}\n" for t in range(40))
    assert page.ask("PUT", f"/files/{quote(name)}", text.encode())[0] == 200
    found = page.answer(do="fit", file=name, typed={"stages": "1"})
    assert found["document"]["fits"], found
    assert "<script>alert" not in found["fits"][0]["html"]
    assert "&lt;script&gt;alert" in found["fits"][0]["html"]
    page.answer(do="forget", file=name)


def test_no_file_is_ever_executed(page: Served, tmp_path: Path) -> None:
    """Neither as a module that hides one of the worker's own, when another worker starts among the files."""
    mark = tmp_path / "executed"
    names = ("json.py", "numpy.py", "sitecustomize.py", "lmfit/__init__.py", "cxkinetics/__init__.py")
    for name in names:
        code = f"open({str(mark)!r}, 'w').write('yes')\n".encode()
        assert page.ask("PUT", f"/files/{name}", code)[0] == 200
    page.ask("POST", "/stop")
    run = bench.write_table(tmp_path / "run.csv", TIME, bench.decay(TIME))
    page.ask("PUT", "/files/run.csv", run.read_bytes())
    found = page.answer(do="fit", file="run.csv", typed={})
    found = page.answer(do="fit", file="run.csv", typed={}) if found.get("error") == "Stopped" else found
    assert found["document"]["fits"]
    for name in names:
        page.answer(do="read", file=name, typed={})
        page.answer(do="forget", file=name)
    assert not mark.exists()


def test_long_work_can_be_stopped(page: Served, tmp_path: Path) -> None:
    import threading

    run = bench.write_table(tmp_path / "run.csv", TIME, bench.decay(TIME))
    page.ask("PUT", "/files/run.csv", run.read_bytes())
    told: list[dict[str, Any]] = []
    typed = {"bootstrap": "1000000"}
    work = threading.Thread(target=lambda: told.append(page.answer(do="fit", file="run.csv", typed=typed)))
    work.start()
    while work.is_alive():
        page.ask("POST", "/stop")
        work.join(0.2)
    assert told[0]["error"] == "Stopped"
    assert page.answer(do="fit", file="run.csv", typed={})["document"]["fits"]


def _interrupted_by_a_signal(number: int) -> Any:
    why = "Windows cannot send Ctrl-C to one process alone"
    return pytest.param(number, marks=pytest.mark.skipif(sys.platform == "win32", reason=why))


@pytest.mark.parametrize(
    "number", [_interrupted_by_a_signal(signal.SIGINT), _interrupted_by_a_signal(signal.SIGTERM), None]
)
def test_uploads_are_deleted_at_the_end(number: signal.Signals | None, tmp_path: Path) -> None:
    """Whether the terminal ends it or, without a signal, the page."""
    with bench.running(tmp_path) as (address, process):
        port, key = address.removeprefix("http://127.0.0.1:").split("/?key=")
        (folder,) = tmp_path.glob("cxkinetics-app-*")
        served = Served(int(port), key, folder, process)
        served.ask("PUT", "/files/run.csv", b"0,1\n1,2\n2,3\n")
        assert (folder / "run.csv").exists()
        if number is not None:
            process.send_signal(number)
        else:
            assert served.ask("POST", "/quit", key="wrong")[0] == 403
            assert served.ask("POST", "/quit")[0] == 200
        _, err = process.communicate(timeout=60)
    assert "deleted" in err
    assert process.returncode == 0
    assert not folder.exists()


def test_the_command_says_one_line_and_what_is_missing(tmp_path: Path) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = str(taken.getsockname()[1])
    done = subprocess.run(
        [sys.executable, "-m", "cxkinetics", "app", "--no-browser", "--port", port],
        capture_output=True,
        text=True,
        check=False,
    )
    taken.close()
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"--port {port} cannot be used" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(UsageError, match="--port 99999 is no port: they go from 1 to 65535"):
        serve(99999, lambda address: pytest.fail(f"another port was taken: {address}"))
    code = "import sys; sys.modules['waitress'] = None; from cxkinetics.cli.main import main"
    code += "; sys.exit(main(['app']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "python -m pip install 'cxkinetics[app]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
