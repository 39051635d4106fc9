"""Figure of a fit of any curve: data, curve, and the residuals below."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cxkinetics.curves.result import CurveFit
from cxkinetics.report.present import draw
from cxkinetics.report.style import COLOURS, figure_style, new_figure, polish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_curve_fit(
    fit: CurveFit, *, ax: "Axes | None" = None, x_label: str = "x", y_label: str = "y"
) -> "Axes":
    """Draw the data, the curve through the fitted values and, without `ax`, the residuals below.

    Parameters
    ----------
    fit : CurveFit
        What to draw; with several predictors, against the fitted value.
    ax : Axes, optional
        Where; by default a new single-column figure with a residual panel.
    x_label, y_label : str
        Axis labels, with units.

    Returns
    -------
    Axes
        The axes with the data.
    """
    several = fit.x.ndim > 1
    x = fit.fitted if several else fit.x
    order = np.argsort(x, kind="stable")
    below: Axes | None = None
    with figure_style():
        if ax is None:
            figure = new_figure("single", 0.95)
            grid = figure.add_gridspec(2, 1, height_ratios=(3.2, 1), hspace=0.05)
            ax = figure.add_subplot(grid[0])
            below = figure.add_subplot(grid[1], sharex=ax)
        ax.plot(x, fit.y, "o", mfc="none", mec=COLOURS["data"], mew=0.6, label="data")
        ax.plot(x[order], fit.fitted[order], "-", color=COLOURS["fit"], label=fit.function.split(".")[-1])
        ax.set_ylabel(y_label)
        ax.legend()
        lowest = ax
        if below is not None:
            below.axhline(0, color=COLOURS["quiet"], lw=0.7)
            below.plot(x, fit.residuals, "o", mfc="none", mec=COLOURS["data"], mew=0.6)
            below.set_ylabel(f"{y_label.partition(' / ')[0]} - fit")
            ax.tick_params(labelbottom=False)
            below.figure.align_ylabels([ax, below])
            polish(below)
            lowest = below
        lowest.set_xlabel(f"fitted {y_label}" if several else x_label)
        polish(ax)
    return ax


@draw.register(CurveFit)
def _(fit: CurveFit, **options: Any) -> "Figure":
    figure: Figure = plot_curve_fit(fit, **options).get_figure(root=True)  # type: ignore[assignment]
    return figure
