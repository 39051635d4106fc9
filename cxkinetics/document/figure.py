"""One figure style, colour-blind safe, applied only while a figure is drawn; legends that cover nothing.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by people with
any of the common colour-vision deficiencies and in grey print by marker and line style as well.
Sizes are those of a journal: 85 mm for one column, 178 mm for two. Nothing here changes
matplotlib's settings beyond the `with` block, and nothing opens a window.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.document import page
from cxkinetics.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


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

_DARK = {
    "white": "#1c1c1c",
    "black": "#e6e6e6",
    COLOURS["data"]: "#cfcfcf",
    COLOURS["quiet"]: "#a6a6a6",
    COLOURS["pale"]: "#1d4a66",
    COLOURS["paper"]: "#5db0e6",
}
"""What a dark ground makes of the colours that it would swallow; the others are seen on both."""

SIMULATED_STAMP = "simulated data"

_MOST_COLUMNS = 2
_LOWEST_SHARE = 0.35
_GAP = 0.02
_SMALLEST_LETTERS = 4.0
_LONGEST_LINE = 34


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the house style inside a `with` block and restore everything after it."""
    import matplotlib as mpl

    with mpl.rc_context(_style()):
        yield


@cache
def _style() -> Any:
    from matplotlib import rc_params_from_file

    return rc_params_from_file(Path(__file__).with_name("figure.mplstyle"), use_default_template=False)


def _size(width: str | float, aspect: float) -> tuple[float, float]:
    if isinstance(width, str) and width not in WIDTHS_INCH:
        raise UsageError(f"width is {width!r}; it must be 'single', 'double' or a number of inches")
    inches = WIDTHS_INCH[width] if isinstance(width, str) else width
    return inches, inches * aspect


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

    from cxkinetics.document.journal import JournalFigure

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


MOST_POINTS = 2000
"""Points that are all drawn; of more, the extremes of each column."""
_COLUMNS = 500
"""Columns across axes; one is narrower than a marker in a journal's single column."""


def drawn_points(x: Array, y: Array) -> Any:
    """Return which of many points are drawn: the highest and lowest of each column, so spikes stay seen.

    Parameters
    ----------
    x, y : Array, shape (n,)
        Finite, in any order.

    Returns
    -------
    slice or Array of int
        All of them up to `MOST_POINTS`.

    Examples
    --------
    >>> x = np.linspace(0, 1, 100_000)
    >>> y = np.where(np.arange(x.size) == 7_000, 5.0, 0.0)
    >>> shown = drawn_points(x, y)
    >>> len(shown) <= 1_002, bool(7_000 in shown)
    (True, True)
    """
    if x.size <= MOST_POINTS:
        return slice(None)
    left, right = float(np.min(x)), float(np.max(x))
    column = ((x - left) * (_COLUMNS / max(right - left, 1e-300))).astype(int)
    order = np.lexsort((y, np.minimum(column, _COLUMNS - 1)))
    ends = np.flatnonzero(np.diff(np.minimum(column, _COLUMNS - 1)[order]))
    extremes = order[np.concatenate([[0], ends, ends + 1, [x.size - 1]])]
    return np.unique([*extremes.tolist(), int(np.argmin(x)), int(np.argmax(x))])


def restyle(figure: "Figure", *, theme: str = "light", colours: "Mapping[str, str] | None" = None) -> None:
    """Give a drawn figure other colours: whatever was drawn in one of the house's gets the one in its place.

    Parameters
    ----------
    figure : Figure
        With everything on it.
    theme : {"light", "dark"}
        Dark letters on white, or light ones on a dark ground.
    colours : mapping, optional
        Names of `COLOURS` and the colours wanted in their place, as matplotlib writes them.

    Raises
    ------
    UsageError
        If the theme, a name or a colour is unknown.
    """
    from matplotlib.colors import is_color_like, to_hex, to_rgba

    if theme not in ("light", "dark"):
        raise UsageError(f"theme is {theme!r}; it must be 'light' or 'dark'")
    wanted = dict(_DARK) if theme == "dark" else {}
    for name, colour in (colours or {}).items():
        if name not in COLOURS or not is_color_like(colour):
            raise UsageError(f"colours has {name!r}: {colour!r}; it takes a colour for {', '.join(COLOURS)}")
        wanted[COLOURS[name]] = colour
    table = {to_hex(old): new for old, new in wanted.items()}
    for artist in figure.findobj() if table else ():
        for part in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            get, put = (getattr(artist, f"{verb}_{part}", None) for verb in ("get", "set"))
            now = None if get is None or put is None else get()
            if now is None or not is_color_like(now) or (alpha := to_rgba(now)[3]) == 0:
                continue  # a marker's face may be empty, a collection may have many colours
            if (new := table.get(to_hex(now))) is not None:
                put(to_rgba(new, alpha))  # type: ignore[misc]
    if theme == "dark":
        for ax in figure.axes:  # further ticks are made as axes are moved
            ax.tick_params(colors=_DARK["black"])


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
    from io import BytesIO

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = BytesIO()
    with figure_style():
        settle(figure)
        # savefig draws everything once more before, to place what is placed already
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata=_NO_DATE["svg"])
    return buffer.getvalue().decode("utf-8")


def drawn_figure(block: "page.Figure") -> "Figure":
    """Return a declared figure drawn on paper of its size, unknown to pyplot."""
    figure: Figure = block.draw(figure=detached_figure(block.width, block.aspect))
    return figure


def on_axes(
    plot: "Callable[..., Axes]", result: object, *, figure: "Figure | None" = None, **options: Any
) -> "Figure":
    """Return the figure of a function that draws on one pair of axes: the one given, or one of its own.

    Parameters
    ----------
    plot : callable
        Called with `result` and its options; it takes `ax` and returns it.
    result : object
        What to draw.
    figure : Figure, optional
        An empty figure to fill.
    **options
        Of `plot`.
    """
    if figure is not None:
        with figure_style():
            options["ax"] = figure.add_subplot()
    drawn: Figure = plot(result, **options).get_figure(root=True)  # type: ignore[assignment]
    return drawn


def signal_label(unit: str) -> str:
    """Return the axis label of a signal in `unit`.

    Examples
    --------
    >>> signal_label("AU"), signal_label("mM")
    ('absorbance / AU', 'signal / mM')
    """
    return {"AU": "absorbance / AU", "": "signal"}.get(unit, f"signal / {unit}")


def short_label(words: str) -> str:
    """Return a label broken into lines that fit a journal's column.

    Examples
    --------
    >>> short_label("two stages")
    'two stages'
    """
    return fill(words, _LONGEST_LINE)


def formula_text(formula: str) -> str:
    """Return a formula with its counts as subscripts, for matplotlib.

    Examples
    --------
    >>> formula_text("Ag2Cd32S33")
    'Ag$_{2}$Cd$_{32}$S$_{33}$'
    """
    return re.sub(r"(?<=[A-Za-z)])(\d+)", r"$_{\1}$", formula)


def clear_legend(ax: "Axes", *, columns: int = 0) -> "tuple[Legend, float]":
    """Put a legend where it covers no line or point: at the top, whose limit is raised, or below a rise.

    Parameters
    ----------
    ax : Axes
        With everything drawn on it that has a label.
    columns : int
        Columns of the legend; by default as many, up to two, as keep within the axes' width.

    Returns
    -------
    Legend, float
        The legend, in the corner that needs less room, and the share of the axes' height below it.

    Notes
    -----
    Letters are made smaller where even one column is wider than the axes.
    """
    frame = ax.get_window_extent()
    widest = 0.95 * frame.width
    chosen = columns or _MOST_COLUMNS
    letters: float | None = None
    while True:
        legend = _legend(ax, "upper right", chosen, letters)
        box = legend.get_window_extent()
        if box.width <= widest or letters is not None:
            break
        if chosen > 1:
            chosen = 1 if columns else chosen - 1
        else:
            letters = max(_SMALLEST_LETTERS, float(legend.get_texts()[0].get_fontsize()) * widest / box.width)
    width = min(box.width / frame.width + _GAP, 1.0)
    below = max(1.0 - box.height / frame.height - 2 * _GAP, _LOWEST_SHARE)
    right = _needed_limit(ax, (1.0 - width, 1.0), below)
    left = _needed_limit(ax, (0.0, width), below)
    low, high = ax.get_ylim()
    if min(left, right) > high and _free_below(ax, 1.0 - width, 1.0 - below):
        below, left = 1.0, high
        legend = _legend(ax, "lower right", chosen, letters)
    elif left < right:
        legend = _legend(ax, "upper left", chosen, letters)
    legend.set_in_layout(False)
    ax.set_ylim(low, max(high, min(left, right)), auto=None)  # further data may still move the limits
    return legend, below


def _free_below(ax: "Axes", left: float, share: float) -> bool:
    """Return whether nothing is drawn on a share of the height from below, from `left` of the width on."""
    own = all(line.get_transform() == ax.transData for line in ax.lines)
    own = own and not (ax.patches or ax.collections or ax.texts)
    box = [(left, 0.0), (left, share), (1.0, share)]
    (start, low), (_, top), (end, _) = ax.transAxes.transform(box)
    drawn = [ax.transData.transform(np.asarray(line.get_xydata(), float)) for line in ax.lines]
    lowest = [-_highest(points[:, 0], -points[:, 1], (start, end)) for points in drawn]
    return own and top > low and all(height > top for height in lowest)


def _legend(ax: "Axes", corner: str, columns: int, letters: float | None) -> "Legend":
    style: Any = {"loc": corner, "ncols": columns, "columnspacing": 1.2, "borderaxespad": 0.2}
    return ax.legend(fontsize=letters, **style)


def _needed_limit(ax: "Axes", span: tuple[float, float], share: float) -> float:
    """Return the upper limit at which all within `span` of the width lies under `share` of the height."""
    across, along = ax.xaxis.get_transform(), ax.yaxis.get_transform()
    left, right = across.transform(np.asarray(ax.get_xlim(), dtype=float))
    low = float(along.transform(np.asarray(ax.get_ylim(), dtype=float))[0])
    ends = (left + span[0] * (right - left), left + span[1] * (right - left))
    tops = [low]
    for line in ax.lines:
        if line.get_transform() == ax.transData:
            points: Any = line.get_xydata()
            tops.append(_highest(across.transform(points[:, 0]), along.transform(points[:, 1]), ends))
    for patch in ax.patches:
        if patch.get_transform().contains_branch_seperately(ax.transData)[1]:
            top = ax.transData.inverted().transform(patch.get_window_extent().max)[1]
            tops.append(float(along.transform(np.array([top]))[0]))
    needed = low + (max(tops) - low) / share
    return float(along.inverted().transform(np.array([needed]))[0])


def _highest(x: Any, y: Any, ends: tuple[float, float]) -> float:
    """Return the highest point of a polyline between two abscissas; -inf where it has none."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    inside = y[(x >= ends[0]) & (x <= ends[1])]
    order = np.argsort(x, kind="stable")
    crossing = np.interp(ends, x[order], y[order], -np.inf, -np.inf) if x.size > 1 else []
    return float(max([*inside, *crossing], default=-np.inf))
