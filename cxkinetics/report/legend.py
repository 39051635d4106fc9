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
_LONGEST_LINE = 34


def short_label(words: str) -> str:
    """Return a label broken into lines that fit a journal's column.

    Examples
    --------
    >>> short_label("two stages")
    'two stages'
    """
    return fill(words, _LONGEST_LINE)


def clear_legend(ax: "Axes", *, side: str = "right", columns: int = 0) -> "tuple[Legend, float]":
    """Put a legend at the top of axes and raise their upper limit until it covers no line or point.

    Parameters
    ----------
    ax : Axes
        With everything drawn on it that has a label; its limits become fixed.
    side : "right" or "left"
        The corner, best that where the data lie low.
    columns : int
        Columns of the legend; by default as many, up to two, as keep within the axes' width.

    Returns
    -------
    Legend, float
        The legend, and the share of the axes' height below it.
    """
    frame = ax.get_window_extent()
    corner: Any = f"upper {side}"
    chosen = columns or _MOST_COLUMNS
    while True:
        legend = ax.legend(loc=corner, ncols=chosen, columnspacing=1.2, borderaxespad=0.2)
        box = legend.get_window_extent()
        if columns or chosen == 1 or box.width <= 0.95 * frame.width:
            break
        chosen -= 1
    legend.set_in_layout(False)
    width = min(box.width / frame.width + _GAP, 1.0)
    below = max(1.0 - box.height / frame.height - 2 * _GAP, _LOWEST_SHARE)
    _raise_limit(ax, (1.0 - width, 1.0) if side == "right" else (0.0, width), below)
    return legend, below


def _raise_limit(ax: "Axes", span: tuple[float, float], share: float) -> None:
    """Raise the upper limit until all within `span` of the width lies under `share` of the height."""
    across, along = ax.xaxis.get_transform(), ax.yaxis.get_transform()
    left, right = across.transform(np.asarray(ax.get_xlim(), dtype=float))
    low, high = along.transform(np.asarray(ax.get_ylim(), dtype=float))
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
    ax.set_xlim(ax.get_xlim())
    bottom, top = along.inverted().transform(np.array([low, max(high, needed)]))
    ax.set_ylim(bottom, top)


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
