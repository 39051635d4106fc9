"""The mixin of a result: it says its blocks, and every form of showing and storing follows from them.

A result implements `brief`, and where it has more to say `page`, `figures` and `data`. Everything that
renders is imported inside the methods, so that making a result loads nothing that shows it.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from cxkinetics.document.page import Figure, Page, Section
    from cxkinetics.document.table import Table
    from cxkinetics.document.units import TimeUnit
    from cxkinetics.source import Source


class Shown:
    """Mixin that gives a result its text, HTML, LaTeX, workbook, tables and plot.

    The four methods a result may implement are `brief`, `page`, `figures` and `data`; the others are
    made of them. Options beyond those named here go on to the method of the result that takes them.
    """

    __slots__ = ()

    def brief(self, unit: "TimeUnit") -> "Section":
        """Return what `print` and a notebook show, times and rates in `unit`; by default the `repr`."""
        from cxkinetics.document.page import Code, Section

        return Section("", [Code(repr(self))], unit)

    def page(self, unit: "TimeUnit") -> "Page":
        """Return the whole report; by default what `print` shows, with figures, options and sources."""
        from cxkinetics.document.page import simple_page

        return simple_page(
            self.brief(unit),
            self.figures(unit),
            options=getattr(self, "options", None),
            sources=self.sources(),
        )

    def figures(self, unit: "TimeUnit") -> "Sequence[Figure]":
        """Return the figures, none of them drawn yet; the first is that of `plot`. By default none."""
        return ()

    def data(self) -> "Sequence[Table]":
        """Return the named tables of workbook and `tables`; by default those of the JSON form."""
        from cxkinetics.document.sheets import general_tables

        return general_tables(self)

    def sources(self) -> "Sequence[Source]":
        """Return where the data came from; by default what the attribute `source` says."""
        from cxkinetics.source import Source

        source = getattr(self, "source", None)
        return (source,) if isinstance(source, Source) else ()

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from cxkinetics.document.html import fragment
        from cxkinetics.document.units import SECONDS

        return fragment(self.brief(SECONDS))

    def to_text(
        self, *, time_unit: str = "s", width: int | None = None, warnings: bool = True, **options: Any
    ) -> str:
        """Return what `print` shows.

        Parameters
        ----------
        time_unit : str
            Unit of times and rate constants: "s", "ms", "min" or "h".
        width : int, optional
            Longest line, in characters; 96 by default.
        warnings : bool
            Whether the warnings stand in the text.
        **options
            Of the kind of result, where it has any.
        """
        from cxkinetics.document.text import TERMINAL_WIDTH, format_section
        from cxkinetics.document.units import time_unit as unit_called

        section = self.brief(unit_called(time_unit), **options)
        return format_section(section, width=TERMINAL_WIDTH if width is None else width, warnings=warnings)

    def to_html(self, *, time_unit: str = "s", **options: Any) -> str:
        """Return the whole report as one self-contained HTML file's text.

        Its tables can be copied into a word processor.

        Parameters
        ----------
        time_unit : str
            Unit of times and rate constants: "s", "ms", "min" or "h".
        **options
            Of the kind of result, where it has any.
        """
        from cxkinetics.document.html import render_page
        from cxkinetics.document.units import time_unit as unit_called

        return render_page(self.page(unit_called(time_unit), **options))

    def to_latex(self, *, time_unit: str = "s", **options: Any) -> str:
        """Return the tables that `print` shows as LaTeX; they need the package `booktabs`.

        Parameters
        ----------
        time_unit : str
            Unit of times and rate constants: "s", "ms", "min" or "h".
        **options
            Of the kind of result, where it has any.
        """
        from cxkinetics.document.latex import latex_section
        from cxkinetics.document.units import time_unit as unit_called

        return latex_section(self.brief(unit_called(time_unit), **options))

    def to_excel(self, path: str | PathLike[str], *, time_unit: str = "s") -> Path:
        """Write this result to an Excel workbook, units in the heads, and return its path.

        The last sheet holds the tables that `print` shows, numbers rounded by their errors; the others hold
        every digit, times in s.

        Parameters
        ----------
        path : path-like
            Where to, ending in .xlsx; the file is whole or not there.
        time_unit : str
            Unit of times and rate constants in the last sheet: "s", "ms", "min" or "h".
        """
        from cxkinetics.atomic import write_bytes
        from cxkinetics.document.page import as_shown
        from cxkinetics.document.sheets import workbook_bytes
        from cxkinetics.document.table import Where
        from cxkinetics.document.units import time_unit as unit_called

        shown = as_shown([self.brief(unit_called(time_unit))], Where.TEXT)
        return write_bytes(path, workbook_bytes([*self.data(), *([shown] if shown.rows else [])]))

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Return the sheets of the workbook as DataFrames: raw numbers, times in s, rates in 1/s."""
        return {table.name: table.frame() for table in self.data()}

    def plot(
        self, *, theme: str = "light", colours: "Mapping[str, str] | None" = None, **options: Any
    ) -> Any:
        """Draw this result and return the matplotlib Figure.

        Parameters
        ----------
        theme : {"light", "dark"}
            Dark letters on white, or light ones on a dark ground.
        colours : mapping, optional
            Other colours, by the names of `cxkinetics.document.figure.COLOURS`: ``{"fit": "black"}``.
        **options
            Of the function that draws this kind of result.

        Raises
        ------
        UsageError
            If this kind of result has no figure, or an option is off.
        """
        from cxkinetics.document.figure import restyle
        from cxkinetics.document.units import SECONDS
        from cxkinetics.errors import UsageError

        declared = self.figures(SECONDS)
        if not declared:
            raise UsageError(f"there is no figure of a {type(self).__name__}; print it instead")
        figure = declared[0].draw(**options)
        restyle(figure, theme=theme, colours=colours)
        return figure
