"""What an annex declares of itself: plain words in its `__init__`, read by the core, which imports no annex.

An annex hangs on its verb, its public names and what stands here; without its folder all of these are
gone, and nothing else is.

`READERS`
    Kind of file -> two functions as "module:name": the first describes such a file for `inspect` (None
    where it is another), the second makes a line of text of the description.
`FORMATS`
    Name, usual endings and one line for each format that the verb named like the annex reads.
`FOREIGN`
    How a file begins that is no signal -> what it is, and the command that reads it.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

ANNEXES = ("curves", "spectral", "composition", "evidence")


def declared(word: str) -> dict[str, Any]:
    """Return what each annex that is there declares under `word`, by the name of the annex.

    Examples
    --------
    >>> list(declared("FORMATS"))
    ['evidence']
    """
    there = [name for name in ANNEXES if find_spec(f"cxkinetics.{name}") is not None]
    found = {name: getattr(import_module(f"cxkinetics.{name}"), word, None) for name in there}
    return {name: value for name, value in found.items() if value is not None}


def named(place: str) -> Any:
    """Return the function that "module:function" names."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)
