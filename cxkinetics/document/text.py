"""Blocks set for a terminal: aligned columns, wrapped lines."""

import textwrap
from collections.abc import Sequence

from cxkinetics.document.page import Block, Code, Notes, Paragraph, Section
from cxkinetics.document.table import Grid, Table, Where
from cxkinetics.document.units import SECONDS, TimeUnit

TERMINAL_WIDTH = 96
_NARROWEST = 24  # a last column keeps this width even where the line then is too long


def format_section(section: Section, *, width: int = TERMINAL_WIDTH, warnings: bool = True) -> str:
    """Return a section as text: title and blocks, one below the other.

    Parameters
    ----------
    section : Section
        What to print; its tables in its unit.
    width : int
        Longest line, in characters.
    warnings : bool
        Whether its warnings stand in the text (the command line says them elsewhere).
    """
    parts = [wrapped(section.title, hang=2, width=width)] if section.title else []
    for block in section.shown(Where.TEXT):
        if isinstance(block, Notes) and block.warnings and not warnings:
            continue
        text = block_text(block, section.unit, width=width)
        if text:
            parts += [""] * block.gap + [text]
    return "\n".join(parts)


def block_text(block: Block, unit: TimeUnit = SECONDS, *, width: int = TERMINAL_WIDTH) -> str:
    """Return one block as text; "" for a figure."""
    match block:
        case Paragraph():
            return wrapped(block.text, indent=block.indent, hang=block.hang, width=width)
        case Notes():
            return listed(block.items, mark=block.mark, width=width)
        case Code():
            return block.text
        case Table():
            grid = block.grid(unit)
            if block.fold:
                return folded(grid, width=width)
            above = "" if block.bare or not grid.caption else grid.caption
            below = "" if block.bare or not grid.note else f"({grid.note})"
            parts = [wrapped(above, indent=2, hang=2, width=width)] if above else []
            parts.append(aligned(grid, indent=4 if above else 2, width=width))
            parts += [wrapped(below, indent=2, hang=1, width=width)] if below else []
            return "\n".join(parts)
    return ""


def aligned(grid: Grid, *, indent: int = 2, width: int = TERMINAL_WIDTH) -> str:
    """Return a table as aligned text; the last column wraps where a line would be too long.

    Parameters
    ----------
    grid : Grid
        Heads and cells; its caption and note are left to the caller.
    indent : int
        Spaces before every line.
    width : int
        Longest line, in characters.

    Examples
    --------
    >>> lines = aligned(Grid(("model", "n"), (("one exponential", "2"),)))
    >>> lines.splitlines()
    ['  model            n', '  one exponential  2']
    """
    lines = [grid.header, *grid.rows] if any(grid.header) else list(grid.rows)
    if not lines:
        return ""
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    last = len(widths) - 1
    text = []
    for row in lines:
        padded = [
            cell.rjust(n) if i in grid.numeric else cell.ljust(n)
            for i, (cell, n) in enumerate(zip(row, widths, strict=True))
        ]
        start = " " * indent + "".join(cell + "  " for cell in padded[:last])
        final = padded[last] if last in grid.numeric else row[last]
        room = max(width - len(start), _NARROWEST)
        pieces = textwrap.wrap(final, room, break_long_words=False) if len(final) > room else [final]
        text.append((start + (pieces[0] if pieces else "")).rstrip())
        text += [" " * len(start) + piece for piece in pieces[1:]]
    return "\n".join(text)


def folded(grid: Grid, *, width: int = TERMINAL_WIDTH) -> str:
    """Return a table whose columns go on below, with the first of each row again, where it is too wide."""
    lines = [grid.header, *grid.rows]
    widths = [max(len(row[column]) for row in lines) + 2 for column in range(len(grid.header))]
    pieces: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        if len(pieces[-1]) > 1 and sum(widths[i] for i in (*pieces[-1], column)) - 2 > width:
            pieces.append([0])
        pieces[-1].append(column)
    parts = []
    for piece in pieces:
        rows = [tuple(row[i] for i in piece) for row in lines]
        numeric = tuple(place for place, i in enumerate(piece) if i in grid.numeric)
        parts.append(aligned(Grid(rows[0], tuple(rows[1:]), numeric), indent=0, width=width))
    return "\n\n".join(parts)


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


def listed(items: Sequence[str], *, mark: str = "-", indent: int = 2, width: int = TERMINAL_WIDTH) -> str:
    """Return items as a list, a mark before each."""
    return "\n".join(wrapped(f"{mark} {item}", indent=indent, hang=2, width=width) for item in items)
