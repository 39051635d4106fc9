"""The type that describes a readable format, and the two kinds of reader."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cxkinetics.io.content import Content
from cxkinetics.io.options import ReadOptions
from cxkinetics.signals.spectra import SpectralSeries
from cxkinetics.signals.trace import Trace

__all__ = ["BinaryFormat", "Signal", "TextFormat"]

Signal: TypeAlias = Trace | SpectralSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryFormat:
    """A format recognised by its bytes.

    Attributes
    ----------
    name : str
        Short name, as it stands in `Source.format`.
    summary : str
        One line for `cxkinetics formats`.
    endings : str
        Usual file endings; never what decides.
    sniff : callable
        Says from the content whether this format can read it.
    read : callable
        Returns the signals in the order of the file.
    """

    name: str
    summary: str
    endings: str
    sniff: Callable[[Content], bool]
    read: Callable[[Content, ReadOptions], list[Signal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """A format recognised by the beginning of its text; fields as for `BinaryFormat`.

    `decodes` says that the reader decodes large files itself, block by block; it is then given no
    text.
    """

    name: str
    summary: str
    endings: str
    sniff: Callable[[str], bool]
    read: Callable[[Content, str, ReadOptions], list[Signal]]
    decodes: bool = False
