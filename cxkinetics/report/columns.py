"""Tables and paragraphs set for a terminal: aligned columns, wrapped lines."""

import textwrap
from collections.abc import Sequence

from cxkinetics.report.blocks import Table

__all__ = ["TERMINAL_WIDTH", "aligned", "listed", "wrapped"]

TERMINAL_WIDTH = 96


def aligned(table: Table, *, indent: int = 2, width: int = TERMINAL_WIDTH) -> str:
    """Return a table as aligned text; the last column wraps where a line would be too long.

    Parameters
    ----------
    table : Table
        Heads and cells; its caption and note are left to the caller.
    indent : int
        Spaces before every line.
    width : int
        Longest line, in characters.

    Examples
    --------
    >>> lines = aligned(Table(("model", "n"), (("one exponential", "2"),)))
    >>> lines.splitlines()
    ['  model            n', '  one exponential  2']
    """
    lines = [table.header, *table.rows] if any(table.header) else list(table.rows)
    if not lines:
        return ""
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    last = len(widths) - 1
    text = []
    for row in lines:
        cells = [
            cell.rjust(widths[i]) if i in table.numeric else cell.ljust(widths[i])
            for i, cell in enumerate(row[:last])
        ]
        start = " " * indent + "".join(cell + "  " for cell in cells)
        final = row[last].rjust(widths[last]) if last in table.numeric else row[last]
        room = max(width - len(start), 24)
        pieces = textwrap.wrap(final, room, break_long_words=False) if len(final) > room else [final]
        text.append((start + (pieces[0] if pieces else "")).rstrip())
        text += [" " * len(start) + piece for piece in pieces[1:]]
    return "\n".join(text)


def wrapped(text: str, *, indent: int = 0, hang: int = 0, width: int = TERMINAL_WIDTH) -> str:
    """Return a paragraph wrapped to `width`, the first line indented by `indent`, others by `hang` more."""
    return textwrap.fill(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def listed(items: Sequence[str], *, indent: int = 2, width: int = TERMINAL_WIDTH) -> str:
    """Return items as a dashed list."""
    return "\n".join(wrapped(f"- {item}", indent=indent, hang=2, width=width) for item in items)
