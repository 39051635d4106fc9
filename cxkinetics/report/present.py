"""How results show themselves: `as_text`, `as_html` and `draw`, one function per kind of result.

A renderer registers itself with `@as_text.register(SomeResult)` in a module of this package. The
table `RENDERERS` says which modules know the results of which room; they are imported when the
first such result is shown, so that printing a fit never loads the composition or the figures.
A new kind of result needs its renderer module and, for a new room, one line here.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from html import escape
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxkinetics.document.shown import Shown
from cxkinetics.errors import UsageError
from cxkinetics.presentation import Presentable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RENDERERS", "as_html", "as_text", "draw", "save_workbook"]

RENDERERS: Mapping[str, tuple[str, ...]] = {}
"""Room of a result's class -> modules of that room that render its results."""


@singledispatch
def as_text(result: object, **options: Any) -> str:
    """Return a result as text for a terminal, at most 100 columns wide.

    Parameters
    ----------
    result : object
        Any result of this package.
    **options
        Passed on to the renderer of that kind of result.
    """
    renderer = _renderer(as_text, result)
    return repr(result) if renderer is None else str(renderer(result, **options))


@singledispatch
def as_html(result: object, **options: Any) -> str:
    """Return a result as an HTML fragment for a notebook; the text in `<pre>` where there is none."""
    renderer = _renderer(as_html, result)
    if renderer is None:
        return f"<pre>{escape(as_text(result))}</pre>"
    return str(renderer(result, **options))


@singledispatch
def draw(result: object, **options: Any) -> "Figure":
    """Return the matplotlib Figure of a result.

    Raises
    ------
    UsageError
        If this kind of result has no figure.
    """
    if isinstance(result, Shown):
        shown: Figure = result.plot(**options)
        return shown
    renderer = _renderer(draw, result)
    if renderer is None:
        raise UsageError(f"there is no figure of a {type(result).__name__}; print it instead")
    figure: Figure = renderer(result, **options)
    return figure


@singledispatch
def save_workbook(result: object, path: str | PathLike[str]) -> Path:
    """Write a result to an Excel workbook and return its path.

    A result without a workbook of its own gets the general one, made of its JSON form and its table.

    Raises
    ------
    UsageError
        If it is no result of this package.
    """
    renderer = _renderer(save_workbook, result)
    if renderer is not None:
        written: Path = renderer(result, path)
        return written
    if not isinstance(result, Presentable):
        raise UsageError(f"there is no workbook of a {type(result).__name__}; use to_json or table() instead")
    general = import_module("cxkinetics.report.result_workbook")
    written = general.save_sheets(general.result_sheets(result), path)
    return written


def _renderer(generic: Any, result: object) -> Callable[..., Any] | None:
    """Return the registered function for `result` after loading its room's renderers, or None."""
    room = type(result).__module__.split(".")[1:2]
    for module in RENDERERS.get("".join(room), ()):
        name = f"cxkinetics.{room[0]}.{module}"
        if find_spec(name) is not None:
            import_module(name)
    found: Callable[..., Any] = generic.dispatch(type(result))
    return None if found is generic.dispatch(object) else found
