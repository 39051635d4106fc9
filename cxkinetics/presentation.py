"""The one seam through which results reach up to the floor that draws and prints them.

Results compute; `cxkinetics.report` renders. `print(fit)`, `fit.plot()` and a notebook's table
are conveniences, so they go through this mixin and nowhere else (the architecture test lists it).
"""

from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["Presentable"]


class Presentable:
    """Mixin that gives a result its text, its HTML table and its plot."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(_presenter().as_text(self))

    def _repr_html_(self) -> str:
        return str(_presenter().as_html(self))

    def to_text(self, **options: Any) -> str:
        """Return what `print` shows, with options such as `time_unit="min"` or `width=80`."""
        return str(_presenter().as_text(self, **options))

    def plot(self, **options: Any) -> Any:
        """Draw this result and return the matplotlib Figure (options go to its figure function)."""
        return _presenter().draw(self, **options)

    def to_excel(self, path: str | PathLike[str]) -> Path:
        """Write this result to an Excel workbook, units in the heads, and return its path."""
        written: Path = _presenter().save_workbook(self, path)
        return written


def _presenter() -> Any:
    return import_module("cxkinetics.report.present")
