"""A first-order scheme written as text, and its concentrations against time with exact derivatives.

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

Propagation
-----------
In each stage dc/dt = K c with K = sum_j k_j L_j, so c(t) = exp(K (t - t0)) c(t0). The exponential
and its derivative with respect to each rate constant come from the eigenvalues of K through divided
differences of exp, which stay exact where eigenvalues meet; a K without a full set of eigenvectors
(A -> B -> C with k1 = k2) goes through the exponential of a block matrix instead. Stages follow one
another: concentrations are continuous, rate constants jump at the breakpoints.

References
----------
Najfeld, Havel, Adv. Appl. Math. 16, 321 (1995), doi 10.1006/aama.1995.1017 (derivative of exp);
Van Loan, IEEE Trans. Autom. Control 23, 395 (1978), doi 10.1109/TAC.1978.1101743 (block matrix).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from cxkinetics.arrays import Array, IntArray
from cxkinetics.errors import UsageError

_ARROWS = {"<->": True, "<=>": True, "⇌": True, "⇄": True, "-->": False, "->": False, "=>": False, "→": False}
_ARROW = re.compile("|".join(re.escape(arrow) for arrow in _ARROWS))
_RATE = re.compile(r"\[\s*([A-Za-z_][\w]*)\s*(?:=\s*([^\]\s]+)\s*)?\]\s*$")
_PLUS = re.compile(r"\+\s*(?=\d*\s*\*?\s*[^\W\d])")  # the plus of a charge has no name after it
_TERM = re.compile(r"^(\d+)?\s*(?:\*\s*)?([^\W\d][\w'()*+-]*)$")


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
    species = tuple(dict.fromkeys(name for step in steps for name in (step.reactant, *dict(step.products))))
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


_WORST_CONDITION = 1e6  # of the eigenvectors; beyond it the block matrix is used


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The matrices of a scheme.

    Attributes
    ----------
    scheme : Scheme
        Where it comes from.
    steps : Array, shape (stages, rates, species, species)
        L_j of each stage: K = sum_j k_j L_j.
    initial : Array, shape (species,)
        Concentrations at time zero, in any unit (1 for the starting species by default).
    """

    scheme: Scheme
    steps: Array
    initial: Array


def network_of(scheme: Scheme, initial: Mapping[str, float] | None = None) -> Network:
    """Return the matrices of a scheme.

    Parameters
    ----------
    scheme : Scheme
        From `parse_scheme`.
    initial : mapping of str to float, optional
        Concentrations at time zero; species not named start at zero. By default 1 for each
        starting species.

    Raises
    ------
    UsageError
        If a species is unknown, a concentration is negative, or all are zero.
    """
    place = {name: i for i, name in enumerate(scheme.species)}
    column = {name: j for j, name in enumerate(scheme.rates)}
    size = len(place)
    steps = np.zeros((scheme.n_stages, len(column), size, size))
    for step in scheme.steps:
        matrix = steps[step.stage, column[step.rate]]
        source = place[step.reactant]
        matrix[source, source] -= 1
        for name, count in step.products:
            matrix[place[name], source] += count
    start = np.zeros(size)
    for name, value in ({name: 1.0 for name in scheme.starting} if initial is None else initial).items():
        if name not in place:
            raise UsageError(f"'{name}' is no species of the scheme; it has {', '.join(scheme.species)}")
        if not 0 <= value < np.inf:
            raise UsageError(f"the initial concentration of {name} is {value:g}; it must not be negative")
        start[place[name]] = value
    if not start.any():
        raise UsageError("all initial concentrations are zero; give at least one species a positive one")
    return Network(scheme, steps, start)


def concentrations(
    network: Network, time_s: Array, rates_per_s: Array, breakpoints_s: Array
) -> tuple[Array, Array]:
    """Return concentrations and their derivatives.

    Parameters
    ----------
    network : Network
        The scheme's matrices.
    time_s : Array, shape (n,)
        Ascending times since the start, s, not negative.
    rates_per_s : Array, shape (rates,)
        Rate constants, 1/s.
    breakpoints_s : Array, shape (stages - 1,)
        Ascending breakpoints, s.

    Returns
    -------
    concentration : Array, shape (n, species)
        In the unit of the initial concentrations.
    derivative : Array, shape (rates + stages - 1, n, species)
        With respect to the rate constants, then to the breakpoints.

    Examples
    --------
    >>> chain = network_of(parse_scheme("A -> B; B -> C"))
    >>> value, _ = concentrations(chain, np.array([0.0, 20.0]), np.array([0.056, 0.019]), np.array([]))
    >>> value[1].round(4).tolist()
    [0.3263, 0.5412, 0.1325]
    """
    n_rates, n_stages = rates_per_s.size, network.steps.shape[0]
    size = network.initial.size
    value = np.empty((time_s.size, size))
    derivative = np.zeros((n_rates + n_stages - 1, time_s.size, size))
    state, change = network.initial, np.zeros((n_rates + n_stages - 1, size))
    begin = 0.0
    edges = np.concatenate([[0], np.searchsorted(time_s, breakpoints_s, side="left"), [time_s.size]])
    for stage in range(n_stages):
        part = slice(int(edges[stage]), int(edges[stage + 1]))
        last = stage == n_stages - 1
        spent = time_s[part] - begin
        if not last:
            spent = np.append(spent, max(float(breakpoints_s[stage]) - begin, 0.0))
        generator = np.tensordot(rates_per_s, network.steps[stage], 1)
        here, turned = _propagate(generator, network.steps[stage], spent, state, change)
        stop = here.shape[0] - (0 if last else 1)
        value[part], derivative[:, part] = here[:stop], turned[:, :stop]
        if not last:
            begin, state, change = float(breakpoints_s[stage]), here[-1], turned[:, -1].copy()
            following = np.tensordot(rates_per_s, network.steps[stage + 1], 1)
            # A later breakpoint keeps the old K a moment longer in place of the new one.
            change[n_rates + stage] += (generator - following) @ state
    return value, derivative


def decay_rates(network: Network, rates_per_s: Array, stage: int = 0) -> Array:
    """Return the observed rate constants of a stage: minus the non-zero eigenvalues of K, descending, 1/s."""
    generator = np.tensordot(rates_per_s, network.steps[stage], 1)
    rates = -np.linalg.eigvals(generator).real
    return np.sort(rates[rates > 1e-9 * max(float(np.max(np.abs(rates))), 1e-300)])[::-1]


@cache
def _pairs(size: int) -> tuple[IntArray, IntArray]:
    return np.triu_indices(size, 1)


def _propagate(
    generator: Array, steps: Array, spent: Array, state: Array, change: Array
) -> tuple[Array, Array]:
    """Return exp(K t) c (n, s) and d/dp [exp(K t) c] (p, n, s) where c depends on p through `change`."""
    size = state.size
    values, vectors = np.linalg.eig(generator)
    try:
        inverse = np.linalg.inv(vectors)
    except np.linalg.LinAlgError:
        return _propagate_blocks(generator, steps, spent, state, change)
    if np.abs(vectors).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max() > _WORST_CONDITION:
        return _propagate_blocks(generator, steps, spent, state, change)
    growth = np.exp(spent[:, None] * values)
    here = (growth * (inverse @ state)) @ vectors.T
    first, second = _pairs(size)
    divided = np.empty((spent.size, size, size), dtype=growth.dtype)
    diagonal = np.arange(size)
    divided[:, diagonal, diagonal] = spent[:, None] * growth
    if size > 1:
        gap = values[first] - values[second]
        falls = gap.real > 0
        exponent = spent[:, None] * np.where(falls, -gap, gap)
        ratio = np.ones_like(exponent)
        np.divide(np.expm1(exponent), exponent, out=ratio, where=exponent != 0)
        ratio *= spent[:, None] * growth[:, np.where(falls, first, second)]
        divided[:, first, second] = ratio
        divided[:, second, first] = ratio
    turned = np.einsum("ab,jbc,cd->jad", inverse, steps, vectors) * (inverse @ state)
    total = np.zeros((change.shape[0], spent.size, size), dtype=divided.dtype)
    for a in range(size):
        total[: steps.shape[0], :, a] = turned[:, a] @ divided[:, a].T
    if change.any():
        total += growth * (change @ inverse.T)[:, None, :]
    return np.ascontiguousarray(here.real), np.ascontiguousarray((total @ vectors.T).real)


def _propagate_blocks(
    generator: Array, steps: Array, spent: Array, state: Array, change: Array
) -> tuple[Array, Array]:
    """Do the same through exp of [[K, L_j], [0, K]] for each rate constant."""
    from scipy.linalg import expm

    size, n_rates = state.size, steps.shape[0]
    derivative = np.zeros((change.shape[0], spent.size, size))
    block = np.zeros((2 * size, 2 * size))
    block[:size, :size] = block[size:, size:] = generator
    exponential = np.empty(0)
    for j in range(n_rates):
        block[:size, size:] = steps[j]
        exponential = expm(spent[:, None, None] * block)
        derivative[j] = exponential[:, :size, size:] @ state
    plain = exponential[:, :size, :size]
    derivative += np.einsum("nab,jb->jna", plain, change)
    return plain @ state, derivative
