"""One figure style, colour-blind safe, applied only while a figure is drawn.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by people with
any of the common colour-vision deficiencies and in grey print by marker and line style as well.
Sizes are those of a journal: 85 mm for one column, 178 mm for two. Nothing here changes
matplotlib's settings beyond the `with` block, and nothing opens a window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "SIMULATED_STAMP",
    "WIDTHS_INCH",
    "detached_figure",
    "figure_style",
    "new_axes",
    "new_figure",
    "polish",
    "save_figure",
    "settle",
    "signal_label",
    "stamp_simulated",
    "svg_text",
]

COLOURS = {
    "data": "#3b3b3b",
    "fit": "#d55e00",
    "band": "#56b4e9",
    "pale": "#abdaf4",
    "paper": "#0072b2",
    "second": "#009e73",
    "third": "#cc79a7",
    "fourth": "#e69f00",
    "quiet": "#8c8c8c",
}
"""What each colour is for; all are of the Okabe-Ito set or grey."""

WIDTHS_INCH = {"single": 85 / 25.4, "double": 178 / 25.4}
"""Width of a journal's single and double column, inches."""

SIMULATED_STAMP = "simulated data"

_RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "legend.fontsize": 7,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.handlelength": 1.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "lines.linewidth": 1.3,
    "lines.markersize": 3.0,
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 300,
    "svg.fonttype": "path",
    "svg.hashsalt": "cxkinetics",
    "pdf.fonttype": 3,  # glyph shapes inside the file; whole TrueType fonts would take four times as long
    "mathtext.fontset": "dejavusans",
    "text.usetex": False,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the house style inside a `with` block and restore everything after it."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


def _size(width: str | float, aspect: float) -> tuple[float, float]:
    if isinstance(width, str):
        if width not in WIDTHS_INCH:
            raise UsageError(f"width is {width!r}; it must be 'single', 'double' or a number of inches")
        width = WIDTHS_INCH[width]
    return width, width * aspect


def new_figure(width: str | float = "single", aspect: float = 0.8) -> "Figure":
    """Return an empty figure for a user: known to pyplot, so that `plt.show()` finds it.

    Parameters
    ----------
    width : "single", "double" or float
        Column width, or inches.
    aspect : float
        Height over width.

    Notes
    -----
    In a notebook, which shows both the open figures and the value of a cell's last line, the
    figure is returned closed, so that it appears once. `savefig` writes it at 300 dpi by default.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    from cxkinetics.report.journal_figure import JournalFigure

    with figure_style():
        figure = plt.figure(figsize=_size(width, aspect), layout="constrained", FigureClass=JournalFigure)
    if "inline" in str(mpl.get_backend()):
        plt.close(figure)
    return figure


def detached_figure(width: str | float = "single", aspect: float = 0.8) -> "Figure":
    """Return an empty figure for a file: unknown to pyplot, so that thousands may be made."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=_size(width, aspect), layout="constrained")
        FigureCanvasAgg(figure)
    return figure


def new_axes(width: str | float = "single", aspect: float = 0.8) -> "Axes":
    """Return the only axes of a new figure (see `new_figure`), in the house style."""
    figure = new_figure(width, aspect)
    with figure_style():
        return figure.add_subplot()


def polish(ax: "Axes") -> "Axes":
    """Take the top and right spines off axes made by anybody, sizes left alone; return them."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def stamp_simulated(ax: "Axes", simulated: bool) -> None:
    """Write "simulated data" above the right end of the axes where `simulated` is true."""
    if simulated:
        ax.set_title(SIMULATED_STAMP, loc="right", fontsize=7, color=COLOURS["fit"], style="italic")


def settle(figure: "Figure") -> None:
    """Place everything once and for all, so that saving in several formats does not place it again."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def save_figure(figure: "Figure", path: Path, formats: tuple[str, ...] = ("png", "svg")) -> list[Path]:
    """Write a figure at 300 dpi and return the files written.

    Parameters
    ----------
    figure : Figure
        What to write.
    path : Path
        Where, without an extension.
    formats : tuple of str
        Any that matplotlib writes; the files hold no date, so that equal figures are equal files.
    """
    written = []
    with figure_style():
        settle(figure)
        for kind in formats:
            target = path.with_name(f"{path.name}.{kind}")
            figure.savefig(target, format=kind, metadata=_NO_DATE.get(kind))
            written.append(target)
    return written


_NO_DATE: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": "cxkinetics"},
}


def svg_text(figure: "Figure") -> str:
    """Return a figure as SVG text without a date."""
    from io import StringIO

    buffer = StringIO()
    with figure_style():
        settle(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def signal_label(unit: str) -> str:
    """Return the axis label of a signal in `unit`.

    Examples
    --------
    >>> signal_label("AU"), signal_label("mM")
    ('absorbance / AU', 'signal / mM')
    """
    if unit in ("AU", ""):
        return "absorbance / AU" if unit else "signal"
    return f"signal / {unit}"
