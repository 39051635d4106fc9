"""Writing files whole or not at all; the functions live on the ground so that signals can use them."""

from cxkinetics.atomic import neutral_cell, replace_directory, write_bytes, write_text

__all__ = ["neutral_cell", "replace_directory", "write_bytes", "write_text"]
