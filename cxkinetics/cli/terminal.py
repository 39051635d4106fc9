"""How wide the text of the command may be."""

WIDEST, NARROWEST, UNKNOWN = 100, 60, 96
"""Columns: more than WIDEST reads badly; UNKNOWN where the output is no terminal."""


def text_width() -> int:
    """Return the columns of the terminal (or of COLUMNS), within 60 and 100; 96 where they are unknown."""
    from shutil import get_terminal_size

    return max(NARROWEST, min(WIDEST, get_terminal_size((UNKNOWN, 24)).columns))
