"""A figure that saves at a journal's resolution and shows at a screen's."""

from typing import Any

from matplotlib import rcParams
from matplotlib.figure import Figure

JOURNAL_DPI = 300


class JournalFigure(Figure):
    """A matplotlib Figure whose `savefig` writes 300 dpi unless told otherwise.

    A `dpi=` given to `savefig`, or a number in `rcParams["savefig.dpi"]`, has its way; the size on
    the screen and in a notebook stays that of `figure.dpi`.
    """

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure; parameters as for `matplotlib.figure.Figure.savefig`."""
        if rcParams["savefig.dpi"] == "figure":
            options.setdefault("dpi", JOURNAL_DPI)
        super().savefig(fname, **options)
