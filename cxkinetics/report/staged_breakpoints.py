"""The breakpoints of a staged fit in a figure: a line at each, its interval as a band, short names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxkinetics.estimate import Estimate
from cxkinetics.fitting.result import StagedFit
from cxkinetics.report.staged_tables import confidence_of, interval_cell
from cxkinetics.report.style import COLOURS
from cxkinetics.report.time_units import TimeUnit

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["breakpoint_labels", "cut_below", "draw_breakpoints"]

_NARROWEST_PT = 3.0
_MOST_PIECES = 2


def breakpoint_labels(fit: StagedFit, unit: TimeUnit) -> tuple[str, str]:
    """Return what a legend calls the lines and the bands; never the whole reason of an open interval.

    Parameters
    ----------
    fit : StagedFit
        With at least one breakpoint.
    unit : TimeUnit
        Of the numbers.
    """
    known = [unit.estimate(estimate) for estimate in fit.breakpoints_s if estimate.value is not None]
    percent = f"{100 * confidence_of(fit.options):g} % interval"
    values = ", ".join(estimate.format_value() for estimate in known)
    line = f"breakpoint{'s' if len(known) > 1 else ''} {values} {unit.sign}"
    if len(known) > 1:
        bare = sum(_is_bare(estimate) for estimate in known)
        how = {0: "", len(known): ", intervals open"}.get(bare, ", one interval open")
        return line + how, f"{percent}s"
    if not known:
        return "breakpoint", percent
    only = known[0]
    if _is_bare(only):
        return line + (", given" if only.method == "fixed" else ", interval open"), percent
    if len(only.pieces) > _MOST_PIECES:
        return line, f"{percent} in {len(only.pieces)} pieces"
    cell = interval_cell(only)
    return line, f"{percent} {cell[cell.index('[') :]}"


def _is_bare(estimate: Estimate) -> bool:
    return not estimate.pieces and estimate.low is None and estimate.high is None


def draw_breakpoints(fit: StagedFit, ax: "Axes", unit: TimeUnit) -> "list[Artist]":
    """Draw a dashed line at each breakpoint and a band over its interval; return what was drawn.

    A band is drawn at least 3 points wide, so that a narrow interval is still seen as one; an open
    end reaches to the end of the data.
    """
    from matplotlib.patches import Rectangle

    start, end = float(fit.trace.time_s[0]), float(fit.trace.time_s[-1])
    found: list[Artist] = []
    if not fit.breakpoints_s:
        return found
    line_label, band_label = breakpoint_labels(fit, unit)
    width_pt = ax.get_window_extent().width / ax.get_figure().dpi * 72  # type: ignore[union-attr]
    whole = ax.get_xaxis_transform()
    for estimate in fit.breakpoints_s:
        if estimate.value is None:
            continue
        line: Any = ax.plot(
            [estimate.value / unit.seconds] * 2,
            [0, 1],
            transform=whole,
            color=COLOURS["paper"],
            lw=0.8,
            ls=(0, (3, 3)),
            zorder=1,
            label=line_label,
        )
        found += line
        line_label = "_"
        for low, high in _pieces(estimate, start, end):
            shown_pt = width_pt * (high - low) / (end - start) if end > start else 0.0
            band = Rectangle(
                (low / unit.seconds, 0),
                (high - low) / unit.seconds,
                1,
                transform=whole,
                fc=COLOURS["pale"],
                ec=COLOURS["pale"],
                lw=max(0.0, _NARROWEST_PT - shown_pt),
                zorder=0,
                label=band_label,
            )
            found.append(ax.add_patch(band))
            band_label = "_"
    return found


def _pieces(estimate: Estimate, start: float, end: float) -> list[tuple[float, float]]:
    """Return the pieces of an interval within the data; an open end is that of the data."""
    if _is_bare(estimate):
        return []
    low = start if estimate.low is None else estimate.low
    high = end if estimate.high is None else estimate.high
    return [(max(a, start), min(b, end)) for a, b in estimate.pieces or ((low, high),)]


def cut_below(marks: "Sequence[Artist]", share: float) -> None:
    """End lines and bands at a share of the axes' height, so that the legend above covers none."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    for mark in marks:
        if isinstance(mark, Line2D):
            mark.set_ydata([0, share])
        elif isinstance(mark, Rectangle):
            mark.set_height(share)
