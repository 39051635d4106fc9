"""The words of a result in plain language, for `cxkinetics explain` and the end of a report."""

import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

from cxkinetics.errors import UsageError, did_you_mean
from cxkinetics.inference.criteria import AHEAD, ALIKE, LEVEL
from cxkinetics.kinetics.options import REPLICATES


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the glossary.

    Attributes
    ----------
    key : str
        What it is called by, without spaces.
    name : str
        As it is shown.
    also : tuple of str
        Other words for it.
    means : str
        What it is, in one sentence.
    more : str
        What follows from it, in a few.
    """

    key: str
    name: str
    also: tuple[str, ...]
    means: str
    more: str

    def to_dict(self) -> dict[str, object]:
        """Return the word as a JSON-ready mapping."""
        return asdict(self) | {"also": list(self.also)}


@cache
def glossary() -> tuple[Word, ...]:
    """Return all words in reading order.

    Examples
    --------
    >>> [word.key for word in glossary()][:3]
    ['break', 'effect-size', 'AICc']
    """
    table = tomllib.loads(files("cxkinetics.kinetics").joinpath("glossary.toml").read_text(encoding="utf-8"))
    in_force = {"ahead": AHEAD, "alike": ALIKE, "level": LEVEL, "replicates": REPLICATES}
    in_force |= {"of": REPLICATES + 1, "least": 1 / (REPLICATES + 1)}
    return tuple(
        Word(key, said["name"], tuple(said["also"]), said["means"], said["more"].format(**in_force))
        for key, said in table.items()
    )


def explain(word: str) -> Word:
    """Return the entry of a word; capitals, hyphens and spaces make no difference.

    Raises
    ------
    UsageError
        If there is none, with the nearest word.

    Examples
    --------
    >>> explain("Breakpoint").means
    'The moment at which one first-order rate constant gives way to another.'
    """
    known = {name: entry for entry in glossary() for name in (entry.key, entry.name, *entry.also)}
    folded = {_folded(name): entry for name, entry in known.items()}
    if _folded(word) in folded:
        return folded[_folded(word)]
    near = did_you_mean(word, list(known))
    keys = ", ".join(entry.key for entry in glossary())
    raise UsageError(f"there is no word {word!r} in the glossary; {near}known: {keys}")


def _folded(name: str) -> str:
    return name.casefold().replace("-", " ").replace("_", " ").strip()
