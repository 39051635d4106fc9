"""The comment that marks a text file as simulated, honoured by every reader of text.

A line `# simulated: ...` before the data sets `Source.simulated`, and what follows the colon
becomes its note; so a file made by a model says so in every output made from it.
"""

from collections.abc import Sequence
from dataclasses import replace

from cxkinetics.io.formats import Signal

__all__ = ["mark_simulated", "simulated_note"]

_MARK = "simulated"
_MOST_LINES = 50


def simulated_note(text: str) -> str | None:
    r"""Return the note of the first comment line `# simulated: note`, or None where there is none.

    Examples
    --------
    >>> simulated_note("# simulated: from doi 10.1063/5.0151904\ntime,A\n0,0.9\n")
    'from doi 10.1063/5.0151904'
    >>> simulated_note("time,A\n0,0.9\n") is None
    True
    """
    for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
        stripped = line.lstrip("\ufeff \t")
        if stripped.startswith("#") and stripped[1:].strip().lower().startswith(_MARK):
            return stripped[1:].strip()[len(_MARK) :].strip(" \t\r:,;")
    return None


def mark_simulated(signals: Sequence[Signal], text: str) -> list[Signal]:
    """Return the signals, marked as simulated where the text they were read from says so."""
    note = simulated_note(text)
    if note is None:
        return list(signals)
    return [
        replace(signal, source=replace(signal.source, simulated=True, note=note or signal.source.note))
        for signal in signals
    ]
