"""Figure of a fit of any curve: data, curve, and the residuals below."""

from typing import TYPE_CHECKING

import numpy as np

from cxkinetics.document.figure import COLOURS, figure_style, new_figure, polish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cxkinetics.curves.result import CurveFit


def draw_curve_fit(
    fit: "CurveFit",
    *,
    figure: "Figure | None" = None,
    ax: "Axes | None" = None,
    x_label: str = "x",
    y_label: str = "y",
) -> "Figure":
    """Draw the data, the curve through the fitted values and, without `ax`, the residuals below.

    Parameters
    ----------
    fit : CurveFit
        What to draw; with several predictors, against the fitted value.
    figure : Figure, optional
        An empty figure to fill; by default a new single-column one.
    ax : Axes, optional
        Where to draw instead, without residuals.
    x_label, y_label : str
        Axis labels, with units.
    """
    several = fit.x.ndim > 1
    x = fit.fitted if several else fit.x
    order = np.argsort(x, kind="stable")
    below: Axes | None = None
    with figure_style():
        if ax is None:
            figure = figure or new_figure("single", 0.95)
            ax, below = figure.subplots(
                2, 1, sharex=True, gridspec_kw={"height_ratios": (3.2, 1), "hspace": 0.05}
            )
        ax.plot(x, fit.y, "o", mfc="none", mec=COLOURS["data"], mew=0.6, label="data")
        ax.plot(x[order], fit.fitted[order], "-", color=COLOURS["fit"], label=fit.function.split(".")[-1])
        ax.set_ylabel(y_label)
        ax.legend()
        if below is not None:
            below.axhline(0, color=COLOURS["quiet"], lw=0.7)
            below.plot(x, fit.residuals, "o", mfc="none", mec=COLOURS["data"], mew=0.6)
            below.set_ylabel(f"{y_label.partition(' / ')[0]} - fit")
            below.figure.align_ylabels([ax, below])
            polish(below)
        (below or ax).set_xlabel(f"fitted {y_label}" if several else x_label)
        polish(ax)
    drawn: Figure = ax.get_figure(root=True)  # type: ignore[assignment]
    return drawn
