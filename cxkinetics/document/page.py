"""What a result says, once: frozen blocks from which text, HTML, LaTeX, CSV and workbooks are made.

Blocks know nothing of HTML or of a terminal's width; `where` says which of text, notebook and page show
one. A `Section` carries the unit in which its tables show times and rates, so that no renderer is told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from cxkinetics.document import cells
from cxkinetics.document.table import BaseBlock, Column, Table, Where
from cxkinetics.document.units import SECONDS, TimeUnit
from cxkinetics.estimate import Estimate, finite_or_none
from cxkinetics.remarks import Remark
from cxkinetics.source import Source
from cxkinetics.version import __version__


@dataclass(frozen=True, slots=True)
class Paragraph(BaseBlock):
    """One paragraph of plain text.

    Attributes
    ----------
    text : str
        What it says.
    strong : bool
        True for the sentence that matters.
    indent, hang : int
        Spaces before its first line in a terminal, and how many more before the others.
    """

    text: str
    strong: bool = False
    indent: int = 2
    hang: int = 2


@dataclass(frozen=True, slots=True)
class Curve:
    """A line or readings on a chart.

    Attributes
    ----------
    label : str
        What it is.
    x, y : array_like, shape (n,)
        Where it goes; thinned by whoever makes it.
    kind : {"line", "dashes", "dots", "cross"}
        How it is drawn; of lines that cover each other the upper one in dashes.
    colour : str
        As CSS writes it, or a variable of the page such as "--ink".
    """

    label: str
    x: Any
    y: Any
    kind: str = "line"
    colour: str = "--ink"


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel of a figure that values are read from on a page, beside the figure as it is printed.

    Attributes
    ----------
    x, y : str
        Labels of the axes, with units.
    curves : sequence of Curve
        What is on it.
    bands : sequence of (float or None, float or None)
        Stretches of x to shade; None is an open end.
    height : int
        In pixels.
    logarithmic : bool
        Whether its y may be shown on a logarithmic scale.
    """

    x: str
    y: str
    curves: Sequence[Curve]
    bands: Sequence[tuple[float | None, float | None]] = ()
    height: int = 300
    logarithmic: bool = False

    def spec(self) -> dict[str, Any]:
        """Return it as the script of a page reads it; numbers with the digits that a screen can show."""
        return {
            "x": self.x,
            "y": self.y,
            "tables": [[_digits(curve.x, 8), _digits(curve.y, 5)] for curve in self.curves],
            "series": [
                {"label": curve.label, "kind": curve.kind, "colour": curve.colour} for curve in self.curves
            ],
            "bands": [list(band) for band in self.bands],
            "height": self.height,
            "logarithmic": self.logarithmic,
            "words": f"{self.y} against {self.x}; arrow keys step through the readings",
        }


def _digits(values: Any, digits: int) -> list[float | None]:
    numbers = (finite_or_none(float(value)) for value in values)
    return [None if number is None else float(f"{number:.{digits}g}") for number in numbers]


@dataclass(frozen=True, slots=True)
class Figure(BaseBlock):
    """A figure that is drawn when it is needed, never before.

    Attributes
    ----------
    name : str
        Of its files.
    draw : callable
        Draws and returns a matplotlib Figure. It takes the keyword `figure`, an empty figure to fill, and
        makes a new one that pyplot knows where it is left out; further keywords come from `plot`.
    alternative : str
        The words for those who cannot see it.
    caption : str
        One line below it.
    width : "single", "double" or float
        Column width, or inches.
    aspect : float
        Height over width.
    charts : callable, optional
        Returns the panels that values are read from on a page, one below the other; made when needed.
    """

    name: str
    draw: Callable[..., Any]
    alternative: str
    caption: str = ""
    width: str | float = "single"
    aspect: float = 0.8
    charts: Callable[[], Sequence[Chart]] | None = None


@dataclass(frozen=True, slots=True)
class Gallery(BaseBlock):
    """Figures side by side where there is room, one below the other on a phone."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Code(BaseBlock):
    """Lines to copy: a command or a script; `label` says what they are."""

    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Notes(BaseBlock):
    """A list of remarks.

    Attributes
    ----------
    items : tuple of str
        What they say.
    alert : bool
        Whether a page marks them as what a reader must not miss.
    mark : str
        What stands before each in a terminal.
    warnings : bool
        Whether they are left out of a text without warnings (the command line says them elsewhere).
    """

    items: tuple[str, ...]
    alert: bool = False
    mark: str = "-"
    warnings: bool = True


Block: TypeAlias = Paragraph | Table | Figure | Gallery | Code | Notes


@dataclass(frozen=True, slots=True)
class Fact:
    """One number shown large: what it is, its value with unit, its interval."""

    label: str
    value: str
    detail: str = ""

    @classmethod
    def of(cls, label: str, estimate: Estimate, confidence: float | None = None) -> "Fact":
        """Return an estimate as a fact; its interval, with the level where given, in small print."""
        level = "" if confidence is None else f"{100 * confidence:g} %: "
        ends = cells.bracket(estimate)
        return cls(label, cells.value_unit(estimate), f"{level}{ends}" if ends else estimate.reason)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its blocks, and the unit in which their tables show times and rates."""

    title: str
    blocks: Sequence[Block] = ()
    unit: TimeUnit = SECONDS

    def shown(self, where: Where) -> list[Block]:
        """Return the blocks that are shown in one place."""
        return [block for block in self.blocks if block.where & where]


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
    behind : str
        What stands behind the summary, below it in plain type.
    simulated_note : str
        What is simulated, in the notice at the top.
    """

    title: str
    summary: str = ""
    sections: Sequence[Section] = ()
    simulated: bool = False
    facts: tuple[Fact, ...] = ()
    footer: tuple[str, ...] = ()
    behind: str = ""
    simulated_note: str = "The numbers below describe a simulation, not a measurement."

    def figures(self) -> Iterator[Figure]:
        """Yield every figure of the page in reading order."""
        for section in self.sections:
            for block in section.shown(Where.PAGE):
                if isinstance(block, Figure):
                    yield block
                elif isinstance(block, Gallery):
                    yield from block.figures


def as_shown(sections: Sequence[Section], where: Where) -> Table:
    """Return all tables of some sections as one table of words: rounded by their errors, in the unit shown.

    Parameters
    ----------
    sections : sequence of Section
        What is shown.
    where : Where
        On which medium; tables that are not shown there are left out.
    """
    rows: list[tuple[str, ...]] = []
    for section in sections:
        for block in section.shown(where):
            if isinstance(block, Table):
                grid = block.grid(section.unit)
                title = [(words,)] if (words := grid.caption or section.title) else []
                head, note = [grid.header] * any(grid.header), [(grid.note,)] * bool(grid.note)
                rows += [*title, *head, *grid.rows, *note, ()]
    width = max(map(len, rows), default=1)
    names = ("as shown", *(f"column {number}" for number in range(2, width + 1)))
    return Table.of_rows("as shown", names, [(*row, *[""] * (width - len(row))) for row in rows[:-1]])


def simulated_line(source: Source, *, indent: int = 0, hang: int = 2) -> tuple[Paragraph, ...]:
    """Return the line that says that data are simulated; nothing for measured ones."""
    if not source.simulated:
        return ()
    text = "SIMULATED DATA" + (f": {source.note}" if source.note else "")
    return (Paragraph(text, strong=True, indent=indent, hang=hang),)


def warning_notes(warnings: Sequence[Remark], *, mark: str = "!", gap: bool = True) -> tuple[Notes, ...]:
    """Return the warnings of a result as notes; nothing where there are none."""
    return (Notes(tuple(remark.text for remark in warnings), mark=mark, gap=gap),) if warnings else ()


def simple_page(
    brief: Section,
    figures: Sequence[Figure] = (),
    *,
    options: Mapping[str, object] | None = None,
    sources: Sequence[Source] = (),
) -> Page:
    """Return the page of a result that has none of its own: what print shows, figures, options, sources."""
    sections = [replace(brief, title="Result")]
    if figures:
        sections.append(Section("Figures", [Gallery(tuple(figures))]))
    if options:
        shown = [Column("option"), Column("value")]
        rows = [(name, None if value is None else str(value)) for name, value in sorted(options.items())]
        sections.append(Section("Options", [Table(shown, rows)]))
    origins = [f"{source.file or 'data made in memory'}: sha256 {source.sha256}" for source in sources]
    return Page(
        brief.title,
        sections=sections,
        simulated=any(source.simulated for source in sources),
        footer=(f"cxkinetics {__version__}", *dict.fromkeys(origins)),
    )
