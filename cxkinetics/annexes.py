"""What an annex declares of itself: plain words in its `__init__`, read by the core, which imports no annex.

An annex hangs on its verb, its public names and what stands here; without its folder all of these are
gone, and nothing else is.

`NAMES`
    Public name -> module of the annex that holds it.
`VERBS`
    Verb of the command -> its line in the help. Its module in `verbs` has EXAMPLE, add_arguments(parser)
    and run(args), and is imported when the verb is asked for.
`READERS`
    Kind of file -> two functions as "module:name": the first describes such a file for `inspect` (None
    where it is another), the second makes a line of text of the description.
`FORMATS`
    Name, usual endings and one line for each format that the verb named like the annex reads.
`FOREIGN`
    Regular expression of what stands among the first characters of a file that is no signal -> what it is,
    and the command that reads it.
`DEMO`
    Function as "module:name" that makes the annex's part of `cxkinetics demo`.
`CHECK`
    As "module:name": stored intervals, and the function that computes them again for `cxkinetics check`.
`COMPLETION`
    Option or argument of its verbs -> words that a shell offers for it, or the function that gives them.
`PLANS`
    What `cxkinetics plan` can plan -> its line in the help, and the module that does it: it has EXAMPLE,
    add_arguments(parser) and run(args).
`IN_TIME`
    "predict" and "dose" -> as "module:name" the function that answers them at a time (`--time`): it is
    called with the arguments and the answer without a time, prints, and returns the exit code.
`ADVICE`
    The sentence with which every undecided verdict ends.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

ANNEXES = ("curves", "spectral", "composition", "evidence", "mechanism", "planning", "app")
"""In the order of their verbs in the help."""


def declared(word: str) -> dict[str, Any]:
    """Return what each annex that is there declares under `word`, by the name of the annex.

    Examples
    --------
    >>> list(declared("FORMATS"))
    ['evidence']
    """
    found = {name: getattr(import_module(f"cxkinetics.{name}"), word, None) for name in _there()}
    return {name: value for name, value in found.items() if value is not None}


def _there() -> tuple[str, ...]:
    specs = {name: find_spec(f"cxkinetics.{name}") for name in ANNEXES}
    # a folder of which only caches are left is found too, but has no origin
    return tuple(name for name, spec in specs.items() if spec is not None and spec.origin is not None)


def homes() -> dict[str, str]:
    """Return every name that the annexes declare under `NAMES` with the module that holds it.

    Examples
    --------
    >>> homes()["fit_spectra"]
    'cxkinetics.spectral.fit'
    """
    return {
        name: f"cxkinetics.{annex}.{module}"
        for annex, found in declared("NAMES").items()
        for name, module in found.items()
    }


def named(place: str) -> Any:
    """Return the function that "module:function" names."""
    module, _, function = place.partition(":")
    return getattr(import_module(module), function)
