"""A page as one self-contained HTML file: no network, no script, light and dark, screen and print.

Everything that comes from a file or a user is escaped by the template engine; figures are SVG
inside the address of an image, so that none can meddle with another or with the page. A content
security policy in the head forbids the page to load anything from anywhere.
"""

import re
from base64 import b64encode
from importlib import resources

from cxkinetics.report.blocks import Page
from cxkinetics.version import __version__

__all__ = ["render_page"]

_MAGNIFIED = 1.6


def render_page(page: Page) -> str:
    """Return a page as HTML text.

    Parameters
    ----------
    page : Page
        Title, summary, sections of blocks.

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
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("cxkinetics.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["data_address"] = _data_address
    environment.filters["unbroken"] = _unbroken
    environment.filters["shown_width"] = _shown_width
    css = resources.files("cxkinetics.report").joinpath("page.css").read_text(encoding="utf-8")
    template = environment.get_template("page.html")
    return template.render(page=page, css=Markup(css), version=__version__).lstrip() + "\n"


def _unbroken(cell: str) -> str:
    """Keep a number and its interval on one line."""
    return cell.replace(" ", "\u00a0") if "[" in cell and len(cell) < 60 else cell


def _shown_width(svg: str) -> str:
    """Return the widest a figure is shown: 1.6 times its size in print, so that letters stay alike."""
    found = re.search(r'<svg[^>]*? width="([\d.]+)pt"', svg)
    return f"{float(found.group(1)) * _MAGNIFIED:.0f}pt" if found else "100%"


def _data_address(svg: str) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8")).decode("ascii")
