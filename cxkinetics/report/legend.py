"""A legend that covers nothing: room is made above the data wherever the box would lie on them.

The box stands inside the axes, so that it neither shrinks them nor meets a title; it has as few
rows as the width allows, and the vertical limit is raised just as far as the box needs.
"""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

__all__ = ["clear_legend", "short_label"]

_MOST_COLUMNS = 2
_LOWEST_SHARE = 0.35
_GAP = 0.02
_SMALLEST_LETTERS = 4.0
_LONGEST_LINE = 34


def short_label(words: str) -> str:
    """Return a label broken into lines that fit a journal's column.

    Examples
    --------
    >>> short_label("two stages")
    'two stages'
    """
    return fill(words, _LONGEST_LINE)


def clear_legend(ax: "Axes", *, columns: int = 0) -> "tuple[Legend, float]":
    """Put a legend at the top of axes and raise their upper limit until it covers no line or point.

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
        legend = _legend(ax, "right", chosen, letters)
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
    if left < right:
        legend = _legend(ax, "left", chosen, letters)
    legend.set_in_layout(False)
    low, high = ax.get_ylim()
    ax.set_ylim(low, max(high, min(left, right)), auto=None)  # further data may still move the limits
    return legend, below


def _legend(ax: "Axes", side: str, columns: int, letters: float | None) -> "Legend":
    corner = f"upper {side}"
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
    crossing = [
        float(np.interp(end, x[order], y[order]))
        for end in ends
        if x.size > 1 and x[order[0]] <= end <= x[order[-1]]
    ]
    return float(max([*inside.tolist(), *crossing], default=-np.inf))
