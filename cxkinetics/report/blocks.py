"""What a page is made of: frozen blocks that text, HTML and workbooks are all rendered from.

Every renderer of a result builds these and knows nothing of HTML; `cxkinetics.report.page` turns
them into one self-contained file, `cxkinetics.report.columns` into text for a terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Block", "Code", "Fact", "Gallery", "Notes", "Page", "Paragraph", "Picture", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of plain text; `strong` for the sentence that matters."""

    text: str
    strong: bool = False
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells.

    Attributes
    ----------
    header : tuple of str
        Column heads, units included.
    rows : tuple of tuple of str
        Cells, as many per row as there are heads.
    caption : str
        One line above it.
    note : str
        When not to trust it, or how it was made; below it.
    numeric : tuple of int
        Indices of columns set flush right.
    links : tuple of str
        Address behind the second cell of each row, relative to the page; none by default.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    note: str = ""
    numeric: tuple[int, ...] = ()
    links: tuple[str, ...] = ()
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as SVG text, with the words for those who cannot see it."""

    svg: str
    alternative: str
    caption: str = ""
    kind: str = "picture"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures side by side where there is room, one below the other on a phone."""

    pictures: tuple[Picture, ...]
    kind: str = "gallery"


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy: a command or a script."""

    text: str
    label: str = ""
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of remarks; `alert` marks those a reader must not miss."""

    items: tuple[str, ...]
    alert: bool = False
    kind: str = "notes"


Block: TypeAlias = Paragraph | Table | Picture | Gallery | Code | Notes


@dataclass(frozen=True, slots=True)
class Fact:
    """One number shown large: what it is, its value with unit, its interval."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its blocks."""

    title: str
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    Attributes
    ----------
    title : str
        What it is about.
    summary : str
        The one sentence a reader takes home; it stands first.
    sections : sequence of Section
        The rest, in reading order.
    simulated : bool
        True where any number rests on simulated data; the page then says so at the top.
    facts : tuple of Fact
        The numbers shown large under the summary.
    footer : tuple of str
        Versions and hashes.
    simulated_note : str
        What is simulated, in the notice at the top.
    """

    title: str
    summary: str
    sections: Sequence[Section] = ()
    simulated: bool = False
    facts: tuple[Fact, ...] = ()
    footer: tuple[str, ...] = ()
    simulated_note: str = "The numbers below describe a simulation, not a measurement."
