"""The report in a real browser: no network, no console message, no sideways scrolling."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cxkinetics.kinetics.batch import Failure
from cxkinetics.kinetics.batch_page import write_batch
from cxkinetics.kinetics.page import write_fit
from cxkinetics.kinetics.result import StagedFit
from cxkinetics.remarks import Remark
from tests.kinetics.conftest import batch_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def reports(make_fit: Callable[..., StagedFit], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    long = Remark("x", "a" * 300)
    fit = make_fit(label="x" * 120, warnings=(long,), excluded=((5.0, 1.0),))
    write_fit(fit, folder / "fit")
    failed = Failure(file="f" * 200, trace=None, error="InputError", message="m" * 200)
    write_batch(batch_of([fit, make_fit((0.03,), ())], [failed]), folder / "batch")
    return {name: folder / name / "report.html" for name in ("fit", "batch")}


@pytest.mark.parametrize("name", ["fit", "batch"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_a_report_opens_cleanly(
    browser: Any, reports: dict[str, Path], name: str, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url[:5] in ("file:", "data:") else heard.append(request.url),
    )
    page.goto(reports[name].as_uri())
    assert heard == []
    scroll, client = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scroll <= client, "the page scrolls sideways"
    drawn = page.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth > 0, i.alt.length])")
    assert drawn
    assert all(whole and words > 40 for whole, words in drawn)
    paper, ink = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert paper != ink
    context.close()


@pytest.mark.parametrize("width", [1280, 800, 375])
def test_the_table_of_a_batch_is_whole_on_a_desktop_and_scrolls_in_its_own_box_elsewhere(
    browser: Any, make_fit: Callable[..., StagedFit], tmp_path: Path, width: int
) -> None:
    fits = [make_fit((0.056, k2), file=f"run{k2}.csv", options={"replicates": 999}) for k2 in (0.018, 0.019)]
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((write_batch(batch_of(fits), tmp_path) / "report.html").as_uri())
    boxes = page.evaluate(
        "[...document.querySelectorAll('.wide')].map(e => [e.scrollWidth - e.clientWidth, "
        "e.getBoundingClientRect().left, innerWidth - e.getBoundingClientRect().right])"
    )
    assert len(boxes) == 2
    assert min(min(left, right) for _, left, right in boxes) >= 0
    assert (boxes[-1][0] > 0) == (width < 1280)
    page.close()


def test_values_are_read_from_the_charts_of_a_report(browser: Any, reports: dict[str, Path]) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
    page.goto(reports["fit"].as_uri())
    figure = page.locator("figure[data-name=fit]")
    assert figure.locator(".plot").count() == 2
    assert not figure.locator("img").is_visible()
    over = figure.locator(".u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    values = figure.locator(".u-value").all_inner_texts()
    assert any(text.strip() not in ("", "--") for text in values)
    limits = "document.querySelector('figure[data-name=fit] .plot').plot.scales.x.max"
    legend = page.locator("figure[data-name=ln] .u-legend th").all_inner_texts()
    assert len(set(legend)) == len(legend)  # each line has a name of its own
    before = page.evaluate(limits)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.up()
    assert page.evaluate(limits) < before
    figure.get_by_role("button", name="Whole range").click()
    assert page.evaluate(limits) == before
    figure.get_by_role("button", name="Logarithmic").click()
    assert page.evaluate("document.querySelector('figure[data-name=fit] .plot').plot.scales.y.distr") == 3
    figure.get_by_role("button", name="As printed").click()
    assert figure.locator("img").is_visible()


def test_without_scripts_the_figures_stand_as_printed(browser: Any, reports: dict[str, Path]) -> None:
    page = browser.new_context(java_script_enabled=False, offline=True).new_page()
    page.goto(reports["fit"].as_uri())
    assert page.locator("figure[data-name=fit] img").is_visible()
