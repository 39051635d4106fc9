"""Blocks as HTML: a fragment for a notebook, or one self-contained file, light and dark, screen and print.

A page needs no network: figures are SVG inside the address of an image, so that none can meddle with
another or with the page. A content security policy forbids the page to load anything and to run anything
but the one script that is its own, known by its hash: it draws charts that values are read from. Without
it, and on paper, the figures stand as printed. Everything that comes from a file or a user is escaped.
Tables are plain HTML tables, which word processors take over when they are copied.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any

from cxkinetics.document.page import Block, Code, Figure, Gallery, Notes, Page, Paragraph, Section
from cxkinetics.document.table import Grid, Table, Where
from cxkinetics.document.units import TimeUnit
from cxkinetics.version import __version__

_FLAT = 1.8  # two panels side by side or more
_MAGNIFIED = 1.6


def fragment(section: Section) -> str:
    """Return a section as an HTML fragment that a notebook styles itself."""
    title = f"<p><strong>{escape(section.title)}</strong></p>" if section.title else ""
    blocks = (_block_html(block, section.unit) for block in section.shown(Where.NOTEBOOK))
    return f"<div>{title}{''.join(blocks)}</div>"


def _block_html(block: Block, unit: TimeUnit) -> str:
    match block:
        case Paragraph():
            text = escape(block.text)
            return f"<p><strong>{text}</strong></p>" if block.strong else f"<p>{text}</p>"
        case Notes():
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Table():
            return table_html(block.grid(unit))
    return ""


def table_html(grid: Grid) -> str:
    """Return a table and its note as plain HTML.

    Examples
    --------
    >>> table_html(Grid(("a",), (("<1",),)))
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;1</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in grid.header)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in grid.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    note = f"<p><small>{escape(grid.note)}</small></p>" if grid.note else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def render_page(page: Page, drawn: Mapping[str, str] | None = None) -> str:
    """Return a page as the text of one HTML file.

    Parameters
    ----------
    page : Page
        Title, summary, sections of blocks.
    drawn : mapping, optional
        Name of a figure -> its SVG text, where it was drawn already; the others are drawn here.

    Returns
    -------
    str
        One file's content; equal pages give equal text.

    Examples
    --------
    >>> html = render_page(Page(title="Run <3>", summary="One stage."))
    >>> "<h1>Run &lt;3&gt;</h1>" in html
    True
    """
    template, css = _template()
    sections = [
        {"title": part.title, "blocks": [_view(b, part.unit, drawn or {}) for b in part.shown(Where.PAGE)]}
        for part in page.sections
    ]
    charted = any(figure.charts for figure in page.figures())
    script, known = _script() if charted else ("", "")
    shown: str = template.render(
        page=page, sections=sections, css=css, version=__version__, script=script, known=known
    )
    return shown.lstrip() + "\n"


@cache
def _template() -> tuple[Any, Any]:
    """Return the template of a page and its style sheet, read once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    plain: Any = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=PackageLoader("cxkinetics.document", ""), autoescape=True, **plain)
    environment.filters |= {"data_address": _data_address, "unbroken": _unbroken, "shown_width": _shown_width}
    environment.filters["flat"] = _flat
    css = resources.files("cxkinetics.document").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html"), Markup(css + _static("uPlot.min.css"))


@cache
def _static(name: str) -> str:
    return resources.files("cxkinetics.document").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _script() -> tuple[Any, str]:
    """Return the script of a page with charts and its hash: library, drawing of a plot, use in a report."""
    from markupsafe import Markup

    plots = _static("plots.js").replace("export ", "")  # a module of the local page, here part of one script
    text = f"{_static('uPlot.iife.min.js')}\n(() => {{\n{plots}\n{_static('charts.js')}}})();\n"
    return Markup(text), b64encode(sha256(text.encode()).digest()).decode()


def _view(block: Block, unit: TimeUnit, drawn: Mapping[str, str]) -> dict[str, Any]:
    """Return a block as the template reads it: its kind, and what it shows."""
    match block:
        case Table():
            return {"kind": "table", "it": block.grid(unit)}
        case Figure() | Gallery():
            alone = isinstance(block, Figure)
            figures = (block,) if isinstance(block, Figure) else block.figures
            return {"kind": "gallery", "alone": alone, "pictures": [_picture(f, drawn) for f in figures]}
    return {"kind": type(block).__name__.lower(), "it": block}


def _picture(figure: Figure, drawn: Mapping[str, str]) -> dict[str, Any]:
    svg = drawn.get(figure.name)
    if svg is None:
        from cxkinetics.document.figure import drawn_figure, svg_text

        svg = svg_text(drawn_figure(figure))
    return {
        "name": figure.name,
        "svg": svg,
        "alternative": figure.alternative,
        "caption": figure.caption,
        "charts": _charts_json(figure),
    }


def _charts_json(figure: Figure) -> Any:
    """Return the charts of a figure as JSON in which no letter can end the element around it."""
    from markupsafe import Markup

    if figure.charts is None:
        return ""
    text = json.dumps([chart.spec() for chart in figure.charts()], separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _unbroken(cell: str) -> str:
    """Keep a number and its interval on one line."""
    return cell.replace(" ", "\u00a0") if "[" in cell and len(cell) < 60 else cell


def _shown_width(svg: str) -> str:
    """Return the widest a figure is shown: 1.6 times its size in print, so that letters stay alike."""
    found = re.search(r'<svg[^>]*? width="([\d.]+)pt"', svg)
    return f"{float(found.group(1)) * _MAGNIFIED:.0f}pt" if found else "100%"


def _flat(svg: str) -> bool:
    """Return whether a figure is so much wider than high that half a line would make it unreadable."""
    found = re.search(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    return found is not None and float(found[1]) > _FLAT * float(found[2])


def _data_address(svg: str) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8")).decode("ascii")
