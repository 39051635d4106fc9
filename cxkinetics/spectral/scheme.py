"""A reaction scheme written as text: "A -> B; B -> C", and what it means.

Grammar
-------
- Steps are separated by ";" (or "," or a new line): "A -> B; B -> C; A -> C". A chain
  "A -> B -> C" is "A -> B; B -> C".
- "A <-> B" (or "<=>", "⇌") is a reversible step with two rate constants, k1 and k1r.
- Products may be several, with whole coefficients: "A -> B + 2 C".
- A name in brackets names the rate constant, equal names share it, a value holds it fixed:
  "A -> B [ka]; B -> C [kb=0.019]". Without brackets they are k1, k2, ... in order.
- "|" separates stages: "A -> B | A -> B" is one step whose rate constant changes at a breakpoint.

Every step is first order (a reagent in excess is hidden in its observed rate constant). The species
that no step forms are there at the start; where there is none, the first one written is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cxkinetics.errors import UsageError

_ARROWS = {"<->": True, "<=>": True, "⇌": True, "⇄": True, "-->": False, "->": False, "=>": False, "→": False}
_ARROW = re.compile("|".join(re.escape(arrow) for arrow in _ARROWS))
_RATE = re.compile(r"\[\s*([A-Za-z_][\w]*)\s*(?:=\s*([^\]\s]+)\s*)?\]\s*$")
_PLUS = re.compile(r"\+\s*(?=\d*\s*\*?\s*[^\W\d])")  # the plus of a charge has no name after it
_TERM = re.compile(r"^(\d+)?\s*\*?\s*([^\W\d][\w'()*+-]*)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One irreversible first-order step: reactant, products with coefficients, rate name, stage (from 0)."""

    reactant: str
    products: tuple[tuple[str, int], ...]
    rate: str
    stage: int

    def __str__(self) -> str:
        made = " + ".join(name if count == 1 else f"{count} {name}" for name, count in self.products)
        return f"{self.reactant} -> {made}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A first-order scheme.

    Attributes
    ----------
    text : str
        As it was written.
    species : tuple of str
        In the order in which they are first written.
    steps : tuple of Step
        Irreversible steps (a reversible one is two).
    rates : tuple of str
        Names of the rate constants, in order.
    fixed : tuple of (str, float)
        Rate constants held at a value, 1/s.
    starting : tuple of str
        Species there at the start.
    n_stages : int
        One more than breakpoints.
    """

    text: str
    species: tuple[str, ...]
    steps: tuple[Step, ...]
    rates: tuple[str, ...]
    fixed: tuple[tuple[str, float], ...]
    starting: tuple[str, ...]
    n_stages: int

    def steps_of(self, rate: str) -> str:
        """Return the steps that a rate constant drives, as text."""
        return ", ".join(dict.fromkeys(str(step) for step in self.steps if step.rate == rate))


def parse_scheme(text: str) -> Scheme:
    """Return the scheme that a text describes.

    Parameters
    ----------
    text : str
        See the module's grammar.

    Raises
    ------
    UsageError
        If a step cannot be read, is not first order or stands twice; the message quotes it.

    Examples
    --------
    >>> scheme = parse_scheme("A -> B; B <-> C")
    >>> scheme.species, scheme.rates, scheme.starting
    (('A', 'B', 'C'), ('k1', 'k2', 'k2r'), ('A',))
    """
    steps: list[Step] = []
    fixed: dict[str, float] = {}
    number = 0
    parts = text.split("|")
    for stage, part in enumerate(parts):
        written = [piece.strip() for piece in re.split(r"[;,\n]", part) if piece.strip()]
        if not written:
            raise UsageError(
                f"stage {stage + 1} of the scheme {text!r} has no step; write e.g. 'A -> B | A -> B'"
            )
        for piece in (link for whole in written for link in _links(whole)):
            number += 1
            steps += _read_step(piece, number, stage, fixed)
    species = tuple(dict.fromkeys(name for step in steps for name in _names(step)))
    keys = [(step.stage, step.reactant, step.products) for step in steps]
    if twice := next((step for i, step in enumerate(steps) if keys[i] in keys[:i]), None):
        raise UsageError(f"the step '{twice}' stands twice in one stage of {text!r}; write it once")
    formed = {name for step in steps for name, _ in step.products}
    starting = tuple(name for name in species if name not in formed) or species[:1]
    return Scheme(
        text=text.strip(),
        species=species,
        steps=tuple(steps),
        rates=tuple(dict.fromkeys(step.rate for step in steps)),
        fixed=tuple(fixed.items()),
        starting=starting,
        n_stages=len(parts),
    )


def _names(step: Step) -> Sequence[str]:
    return [step.reactant, *(name for name, _ in step.products)]


def _read_step(piece: str, number: int, stage: int, fixed: dict[str, float]) -> list[Step]:
    named = _RATE.search(piece)
    body = piece[: named.start()] if named else piece
    rate = named.group(1) if named else f"k{number}"
    if named and named.group(2) is not None:
        fixed[rate] = _rate_value(named.group(2), piece)
    arrows = _ARROW.findall(body)
    if not arrows:
        raise UsageError(f"'{piece}' has no arrow; write a step as 'A -> B' or 'A <-> B'")
    left, right = (_terms(side, piece) for side in _ARROW.split(body))
    steps = [_step(left, right, rate, stage, piece)]
    if _ARROWS[arrows[0]]:
        steps.append(_step(right, left, f"{rate}r", stage, piece))
    return steps


def _links(whole: str) -> list[str]:
    """Return the single steps of a chain, or the step itself."""
    arrows = _ARROW.findall(whole)
    if len(arrows) < 2:
        return [whole]
    if "[" in whole:
        raise UsageError(f"'{whole}' names a rate constant of a chain; write one step each, with ';' between")
    names = [name.strip() for name in _ARROW.split(whole)]
    return [f"{names[i]} {arrow} {names[i + 1]}" for i, arrow in enumerate(arrows)]


def _step(
    left: list[tuple[str, int]], right: list[tuple[str, int]], rate: str, stage: int, piece: str
) -> Step:
    if len(left) != 1 or left[0][1] != 1:
        raise UsageError(
            f"'{piece}' is not first order in one reactant; a reagent in excess belongs in the rate constant"
        )
    if left[0][0] in dict(right):
        raise UsageError(
            f"'{piece}' forms what it consumes; only first-order steps between species are known"
        )
    return Step(left[0][0], tuple(right), rate, stage)


def _terms(side: str, piece: str) -> list[tuple[str, int]]:
    terms = []
    for part in _PLUS.split(side):
        match = _TERM.match(part.strip())
        if match is None:
            raise UsageError(f"'{part.strip()}' in '{piece}' is no species name; a name starts with a letter")
        terms.append((match.group(2), int(match.group(1) or 1)))
    return terms


def _rate_value(text: str, piece: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"'{text}' in '{piece}' is no rate constant; give a positive number in 1/s")
    return value
