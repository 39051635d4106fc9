"""The page in a browser: files are dropped, handles dragged, and the document is that of the command line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app import bench

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra browser)")
pytest.importorskip("waitress", reason="the server of the page is not installed (extra app)")
TIME = np.arange(0.0, 120.0, 2.0)
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
SHOWN = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
WAIT = 60_000  # a guard against a page that hangs, no measure


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the Chromium that is installed."""
    found = next((path for path in BROWSERS if Path(path).exists()), None)
    with sync_api.sync_playwright() as playwright:
        found = found or playwright.chromium.executable_path
        if not Path(found).exists():
            pytest.skip("there is no Chromium on this machine")
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a register, a workbook, a folder of repeats and a dose table."""
    place = tmp_path_factory.mktemp("bench")
    bench.write_kd(place / "run.KD", TIME, bench.decay(TIME, t0=20.0))
    bench.write_workbook(place / "table.xlsx", TIME, bench.decay(TIME, seed=2))
    (place / "repeats").mkdir()
    for seed in (3, 4):
        bench.write_table(place / "repeats" / f"run-{seed}.csv", TIME, bench.decay(TIME, seed=seed))
    bench.write_doses(place / "icp.csv")
    return place


class Opened:
    """A page in the browser, with what it complained about."""

    def __init__(self, browser: Any, address: str, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def control(self, label: str) -> Any:
        """Return a control of the bench by its label."""
        return self.page.locator("#panel-kinetics").get_by_label(label, exact=True)

    def settled(self) -> None:
        """Wait until nothing is worked on, and has not been for a moment."""
        self.page.wait_for_timeout(600)
        self.page.wait_for_selector("#work", state="hidden")

    def kept(self, button: str) -> str:
        """Press a button that gives a file, and return its text."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button, exact=True).locator("visible=true").click()
        return Path(waiting.value.path()).read_text(encoding="utf-8")

    def drop(self, *paths: Path) -> None:
        """Drop files on the page."""
        held = [[path.name, list(path.read_bytes())] for path in paths]
        self.page.evaluate(
            """(held) => {
                const transfer = new DataTransfer();
                for (const [name, bytes] of held) transfer.items.add(new File([new Uint8Array(bytes)], name));
                const held_by = { dataTransfer: transfer, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent("drop", held_by));
            }""",
            held,
        )

    def place_of(self, time: float, signal: float) -> tuple[float, float]:
        """Return where a reading lies on the screen."""
        found = self.page.evaluate(
            """([time, signal]) => {
                const host = document.getElementById("trace-plot");
                host.scrollIntoView({ block: "center" });
                const box = host.plot.over.getBoundingClientRect();
                return [box.left + host.plot.valToPos(time, "x"), box.top + host.plot.valToPos(signal, "y")];
            }""",
            [time, signal],
        )
        return float(found[0]), float(found[1])

    def drag(self, name: str, to: float) -> None:
        """Drag a handle to a time."""
        mouse = self.page.mouse
        x, y = self.place_of(to, 0.3)
        box = self.page.locator(f'#trace-plot .handle[data-name="{name}"] span').bounding_box()
        start = box["x"] + box["width"] / 2
        line = self.page.locator(f'#trace-plot .handle[data-name="{name}"]').bounding_box()
        middle = line["x"] + line["width"] / 2
        mouse.move(start, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move((start + x) / 2, y)
        mouse.move(x, y)
        mouse.up()
        assert middle != x

    def close(self) -> None:
        """Close it; a complaint of the browser, of its policy too, fails."""
        self.context.close()
        assert self.complaints == []


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """Open a page of its own."""
    with bench.running(tmp_path) as (address, _):
        opened = Opened(browser, address)
        yield opened
        opened.close()
        assert {re.sub(r"/?\?key=.*", "", url.split("/", 3)[2]) for url in opened.asked if "://" in url} == {
            address.split("/")[2]
        }


def test_runs_are_dropped_marked_and_saved_as_the_command_line_has_them(
    page: Opened, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = page.page
    page.drop(files / "run.KD", files / "table.xlsx")
    page.settled()
    shown.set_input_files("#pick-folder", str(files / "repeats"))
    page.settled()
    names = shown.locator(".files .file span").all_inner_texts()
    assert names == ["repeats/run-3.csv", "repeats/run-4.csv", "run.KD", "table.xlsx"]
    assert shown.locator(".files small").all_inner_texts() == ["two stages"] * 4
    shown.get_by_role("button", name="run.KD", exact=False).first.click()
    page.settled()
    assert shown.locator("#spectra-plot canvas").is_visible()
    page.drag("t0", 20.0)
    page.settled()
    typed = float(page.control("Addition, t0").input_value())
    assert abs(typed - 20) < 1
    at = bench.decay(TIME, t0=20.0)
    k = int(np.searchsorted(TIME, 50.0))
    shown.mouse.click(*page.place_of(TIME[k], at[k]))
    page.settled()
    assert page.control("Left out").input_value() == "50"
    page.control("Model").select_option("biexponential")
    page.settled()
    assert "Biexponential" in shown.locator("#fit-result").inner_text()
    told = json.loads(page.kept("JSON"))
    project = page.kept("Save project")
    assert page.kept("Report").startswith("<!DOCTYPE html>")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.get_by_role("button", name="Residuals").click()
    shown.wait_for_selector("#status:has-text('Copied')")
    copied = shown.evaluate("() => navigator.clipboard.readText()").splitlines()
    assert copied[0] == "time (s)\tresidual (AU)"
    assert len(copied) - 1 == told["fits"][0]["n_points"]
    shown.get_by_role("button", name="Tables for Word").click()
    page.settled()
    assert "<table" in shown.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            return (await item.getType("text/html")).text();
        }"""
    )
    monkeypatch.chdir(files)
    (tmp_path / "project.toml").write_text(project, encoding="utf-8")
    assert told == bench.command("fit", "run.KD", "--config", str(tmp_path / "project.toml"))
    words = shown.locator("#fit-lines pre").first.inner_text().split()[1:]
    assert told == bench.command(*words)
    assert {"--t0", "--mask", "--model"} <= set(words)
    shown.get_by_role("button", name="All fits as a table").click()
    page.settled()
    assert "repeats/run-3.csv" in shown.locator("#summary-card").inner_text()


def test_a_project_opens_again(page: Opened, files: Path, tmp_path: Path) -> None:
    project = tmp_path / "project.toml"
    project.write_text('[fit]\nt0 = 20\n\n[runs."run.KD"]\nt0 = 20\nmask = "50,52"\nstages = 2\n')
    page.drop(project)
    page.settled()
    assert "drop its files too: run.KD" in page.page.locator("#status").inner_text()
    page.drop(files / "run.KD")
    page.settled()
    assert page.control("Left out").input_value() == "50,52"
    said = page.page.locator("#fit-lines pre").first.inner_text()
    assert all(option in said for option in ("--t0 20", "--mask 50,52", "--stages 2"))


def test_the_dose_side(page: Opened, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page.page
    page.drop(files / "icp.csv")
    page.settled()
    assert shown.locator("#panel-dose").is_visible()  # a dose table belongs there
    shown.locator("#panel-dose").get_by_label("Target").fill("Ag2Cd32S33")
    assert shown.locator("#panel-dose").get_by_label("Dose table", exact=True).input_value() == "icp.csv"
    shown.locator("#panel-dose").get_by_label("Host cation in the flask").fill("20")
    shown.locator("#panel-dose").get_by_label("Stock solution").fill("10")
    shown.locator("#panel-dose summary").click()
    shown.locator("#panel-dose").get_by_label("Draws").fill("200")
    shown.locator("#panel-dose").get_by_role("button", name="Find out").click()
    shown.locator("#panel-dose .result").wait_for()
    told = json.loads(page.kept("JSON"))
    words = ["dose", "Ag2Cd32S33", "--table", "icp.csv", "--draws", "200"]
    monkeypatch.chdir(files)
    assert told == bench.command(*words, "--cadmium-umol", "20", "--silver-mmol-per-l", "10")
    said = shown.locator("#panel-dose .result").inner_text()
    assert f"{told['amount']['volume']['value']:.4g} µL" in said
    assert "cxkinetics dose Ag2Cd32S33" in said
    assert "cx.dose_for(" in said
    shown.locator("#panel-dose").get_by_label("I want to know").select_option("incorporation")
    assert shown.get_by_label("File", exact=True).input_value() == "icp.csv"


def test_several_runs_are_fitted_together(page: Opened, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.page.set_input_files("#pick-folder", str(files / "repeats"))
    page.settled()
    page.page.get_by_role("tab", name="Runs together").click()
    page.page.get_by_role("button", name="Find out").click()
    page.page.locator("#panel-together .result").wait_for()
    monkeypatch.chdir(files)
    words = ["together", "repeats/run-3.csv", "repeats/run-4.csv"]
    assert json.loads(page.kept("JSON")) == bench.command(*words)
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.get_by_role("button", name="LaTeX").locator("visible=true").click()
    page.page.wait_for_selector("#status:has-text('Copied')")
    assert "\\toprule" in page.page.evaluate("() => navigator.clipboard.readText()")
    page.page.get_by_role("button", name="run-4.csv", exact=False).first.click()
    page.control("Left out").fill("50,52")
    page.page.keyboard.press("Tab")
    page.settled()
    page.page.get_by_role("tab", name="Runs together").click()
    assert "of the panel Kinetics: repeats/run-4.csv" in page.page.locator("#panel-together").inner_text()
    page.page.get_by_role("button", name="Find out").click()
    page.settled()
    told = json.loads(page.kept("JSON"))
    assert [run["n_points"] for run in told["runs"]] == [TIME.size, TIME.size - 2]
    project = files / "project.toml"
    project.write_text(page.kept("Save project"), encoding="utf-8")
    assert told == bench.command(*words, "--config", "project.toml")
    project.unlink()


def test_long_work_says_how_far_it_is_and_can_be_stopped(page: Opened, files: Path) -> None:
    shown = page.page
    page.drop(files / "repeats" / "run-3.csv")
    page.settled()
    shown.get_by_role("tab", name="Mechanism").click()
    panel = shown.locator("#panel-mechanism")
    panel.get_by_label("Dose of run-3.csv, %").fill("much")
    panel.get_by_role("button", name="Find out").click()
    page.settled()
    assert "run-3.csv@much" in shown.locator("#status").inner_text()
    assert panel.locator('.asked[data-name="runs"]').is_visible()  # what the message names
    panel.get_by_label("Dose of run-3.csv, %").fill("")
    panel.get_by_role("button", name="Find out").click()
    shown.wait_for_selector("#doing:has-text('steps of the fit: 1 of')")
    assert panel.get_by_role("button", name="Find out").is_disabled()
    shown.get_by_role("button", name="Stop").click()
    page.settled()
    assert "nothing half-made was kept" in shown.locator("#status").inner_text()
    assert panel.get_by_role("button", name="Find out").is_enabled()


def test_the_page_can_be_ended_from_the_page(page: Opened, files: Path, tmp_path: Path) -> None:
    page.drop(files / "repeats" / "run-3.csv")
    page.settled()
    assert list(tmp_path.glob("cxkinetics-app-*/run-3.csv"))
    page.page.on("dialog", lambda asked: asked.accept())
    page.page.get_by_role("button", name="Quit").click()
    page.page.get_by_text("You can close this window").wait_for()
    page.page.wait_for_timeout(3000)
    assert not list(tmp_path.glob("cxkinetics-app-*"))


def test_all_of_it_works_with_the_keyboard_alone(page: Opened, files: Path) -> None:
    shown = page.page
    shown.set_input_files("#pick", str(files / "table.xlsx"))
    page.settled()

    def tab_to(selector: str) -> None:
        for _ in range(80):
            shown.keyboard.press("Tab")
            if shown.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"no way to {selector}")

    shown.locator("#pick").focus()
    tab_to('.handle[data-name="t0"]')
    for _ in range(3):
        shown.keyboard.press("ArrowRight")
    page.settled()
    assert page.control("Addition, t0").input_value() not in ("", "0")
    assert shown.evaluate("() => document.activeElement.dataset.name") == "t0"  # it is still held
    shown.keyboard.press("Delete")
    page.settled()
    assert page.control("Addition, t0").input_value() == ""
    tab_to("summary")
    shown.keyboard.press("Enter")
    assert shown.locator("#read-text").is_visible()
    shown.locator("#tab-kinetics").focus()
    shown.keyboard.press("ArrowRight")
    assert shown.locator("#panel-together").is_visible()


def test_html_in_a_name_and_in_a_column_harms_nothing(page: Opened, tmp_path: Path) -> None:
    file = tmp_path / "&lt;img src=x onerror=alert(1)&gt;.csv"
    head = "time (s),<img src=x onerror=document.title='taken'>"
    file.write_text(head + "\n" + "".join(f"{t},{0.9 * 0.97**t:.5f}\n" for t in range(40)))
    page.drop(file)
    page.settled()
    assert page.page.title() == "cxkinetics"
    assert page.page.locator("main img").count() == 0
    assert "<img src=x" in page.page.locator("#read-text").text_content()


def test_what_goes_wrong_is_told_and_can_be_mended(page: Opened, tmp_path: Path) -> None:
    file = tmp_path / "run.csv"
    rows = "".join(f"{t},{0.9 * 0.97**t:.4f},{0.5 * 0.98**t:.4f}\n" for t in range(40))
    file.write_text(f"time (s),sample a,sample b\n{rows}")
    page.drop(file)
    page.settled()
    assert "sample a, sample b" in page.page.locator("#file-error").inner_text()
    assert page.page.locator('.field.asked[data-name="column"]').is_visible()  # what the message names
    page.control("Column").select_option("sample b")  # what there is stands in a list
    page.settled()
    assert not page.page.locator("#file-error").is_visible()
    assert 'column="sample b"' in page.page.locator("#fit-lines").inner_text()
    page.control("Column").select_option("all")
    page.settled()
    page.page.get_by_role("button", name="Fit every trace").click()
    page.settled()
    assert "2 traces fitted" in page.page.locator("#summary-card").inner_text()
    page.control("Breakpoint").fill("5000")
    page.page.keyboard.press("Tab")
    page.settled()
    assert "5000" in page.page.locator("#file-error").inner_text()
    assert "--breakpoint 5000" in page.page.locator("#fit-lines").inner_text()


def test_a_refusal_speaks_of_the_controls_and_a_button_does_what_it_asks(
    page: Opened, tmp_path: Path
) -> None:
    file = tmp_path / "rise.csv"
    noise = np.random.default_rng(3).normal(0, 0.002, TIME.size)
    rows = "".join(
        f"{t},{a:.5f}\n" for t, a in zip(TIME, 0.9 - 0.8 * np.exp(-0.05 * TIME) + noise, strict=True)
    )
    file.write_text(f"time (s),A324\n{rows}")
    page.drop(file)
    page.settled()
    told = page.page.locator("#file-error")
    assert "“Direction: growth”" in told.inner_text()
    assert "--" not in told.inner_text()
    assert page.control("Direction").is_visible()
    told.get_by_role("button", name="Direction: growth").click()
    page.settled()
    assert not told.is_visible()
    assert "--direction growth" in page.page.locator("#fit-lines").inner_text()


def test_what_is_dropped_is_opened_whatever_is_open(page: Opened, tmp_path: Path, files: Path) -> None:
    first = bench.write_table(tmp_path / "b.csv", TIME, bench.decay(TIME))
    page.drop(first)
    page.settled()
    page.drop(bench.write_table(tmp_path / "a.csv", TIME, bench.decay(TIME, seed=2)))
    page.settled()
    assert page.page.locator("#file-title").inner_text() == "a.csv"
    assert page.page.locator('.file[aria-pressed="true"]').inner_text().startswith("a.csv")
    page.drop(first)  # the same again, such as after a correction
    page.settled()
    assert page.page.locator("#file-title").inner_text() == "b.csv"
    page.drop(files / "icp.csv")
    page.settled()
    assert page.page.locator("#panel-dose").is_visible()


def test_a_wavelength_that_is_not_there_leaves_the_box_that_mends_it(page: Opened, files: Path) -> None:
    page.drop(files / "run.KD")
    page.settled()
    page.page.locator("#by-wavelength").check()
    page.settled()
    box = page.page.locator("#nm")
    box.fill("21639")
    box.press("Tab")
    page.settled()
    assert "21639" in page.page.locator("#file-error").inner_text()
    assert box.is_visible()
    box.fill("320")
    box.press("Tab")
    page.settled()
    assert not page.page.locator("#file-error").is_visible()
    assert "--wavelength 320" in page.page.locator("#fit-lines").inner_text()


@pytest.mark.parametrize(("width", "scheme"), SHOWN)
def test_nobody_is_shut_out_and_nothing_is_cut(
    browser: Any, files: Path, width: int, scheme: str, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    with bench.running(tmp_path) as (address, _):
        page = Opened(browser, address, width, scheme)
        shown = page.page

        def look(where: str) -> None:
            found = axe.Axe().run(shown).response["violations"]
            told = [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
            assert told == [], where
            wide = shown.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{where} is wider than the window"

        look("empty")
        page.drop(files / "run.KD", files / "icp.csv")
        page.settled()
        for node in shown.locator("#panel-kinetics details").all():
            node.evaluate("(node) => { node.open = true; }")
        look("a fit")
        shown.get_by_role("tab", name="Runs together").click()
        look("runs together")
        for tab in ("Mechanism", "Plan"):
            if shown.get_by_role("tab", name=tab).count():
                shown.get_by_role("tab", name=tab).click()
                look(tab)
        shown.get_by_role("tab", name="Dose").click()
        shown.locator("#panel-dose").get_by_label("Target").fill("Ag2Cd32S33")
        shown.locator("#panel-dose summary").click()
        shown.locator("#panel-dose").get_by_label("Draws").fill("200")
        shown.locator("#panel-dose").get_by_role("button", name="Find out").click()
        shown.locator("#panel-dose .result").wait_for()
        look("a dose")
        page.close()
