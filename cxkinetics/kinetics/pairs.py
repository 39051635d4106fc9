"""Pairs of readings that one trace can rarely tell apart: what a bench does, and what a reaction does.

A pair applies where both readings fit within `AHEAD` in AICc of each other and of the best model, and what
has neither lies further behind: so there is something to explain, and it is explained twice. The verdict
names both with their numbers, and the measurement that tells.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.inference.ar1 import whitening
from cxkinetics.inference.criteria import AHEAD, ALIKE
from cxkinetics.kinetics.lines import MIN_DISTINCT
from cxkinetics.kinetics.optimum import information
from cxkinetics.kinetics.result import Alternative
from cxkinetics.kinetics.rivals import Contender, plain_rss
from cxkinetics.kinetics.scales import OFFSET, powers_of

_Chosen = Callable[[Contender], bool]


def _named(*names: str) -> _Chosen:
    return lambda c: c.model.removesuffix(OFFSET) in names


def _any_of(*choices: _Chosen) -> _Chosen:
    return lambda c: any(choice(c) for choice in choices)


def _drifts(c: Contender) -> bool:
    return c.model.removesuffix(OFFSET).endswith("+ drift") and "stages" not in c.model


def _exponential(c: Contender) -> bool:
    return c.kind == "exponential"


def _mixes(c: Contender) -> bool:
    return c.kind == "exponential" and c.parameters.get("tau", 0.0) > 0


def _stages(c: Contender, *, falling: bool | None = None) -> bool:
    if c.kind != "staged" or c.fit is None or c.fitted.family.n_stages != 2:
        return False
    return falling is None or (c.parameters["k1"] > c.parameters["k2"]) == falling


def _populations(c: Contender) -> bool:
    return c.model.startswith("biexponential") and not _lags(c)


def _lags(c: Contender) -> bool:
    """Whether two exponentials are a sequence that begins with a lag."""
    return c.parameters.get("C1", 1.0) * c.parameters.get("C2", 1.0) < 0


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two readings in words, the models that stand for each, what decides, and what has neither."""

    reading: str
    models: _Chosen
    other: str
    other_models: _Chosen
    decided_by: str
    neither: _Chosen = _exponential


DILUTED = "exponential + dilution"
"""One exponential whose first readings stand higher or lower by a share: a dilution."""
_PAIRS = (
    _Pair(
        "mixing (a start-up time)",
        _mixes,
        "an induction or a slow first stage",
        _any_of(_named("delayed exponential"), _lags, partial(_stages, falling=False)),
        "a dye or a known fast reaction added in the same way to the same cell",
        lambda c: _exponential(c) and not _mixes(c),
    ),
    _Pair(
        "a dilution at the addition",
        _named(DILUTED),
        "a fast first stage",
        partial(_stages, falling=True),
        "the volumes, a blank addition or the baseline before it",
    ),
    _Pair(
        "a step of the level (a lamp, a cell that moved)",
        lambda c: c.kind == "step",
        "a second stage",
        _stages,
        "a window on one side of it or a replicate",
    ),
    _Pair(
        "a drifting baseline",
        _drifts,
        "a slow last stage",
        partial(_stages, falling=True),
        "a reference wavelength or a longer run",
    ),
    _Pair(
        "a reagent that runs out or a surface that fills",
        _named("saturation", "order n", "second order", "mixed second order"),
        "a change of rate",
        _stages,
        "a second dose",
    ),
    _Pair(
        "a rate that changes smoothly (two populations, a spread of rates)",
        _any_of(_named("stretched exponential"), _populations, lambda c: c.kind == "rate"),
        "a switch between two rates",
        _stages,
        "the position of the peak or denser readings where the rate changes",
    ),
    _Pair(
        "an offset",
        lambda c: _exponential(c) and c.model.endswith(OFFSET),
        "a slow last stage",
        lambda c: _stages(c, falling=True) and not c.model.endswith(OFFSET),
        "the endpoint, read after hours",
        lambda c: _exponential(c) and not c.model.endswith(OFFSET),
    ),
)


def alternatives_of(contenders: Sequence[Contender], best: float) -> tuple[Alternative, ...]:
    """Return the pairs of readings that the models of a trace leave open, each two models once.

    Parameters
    ----------
    contenders : sequence of Contender
        Every model that was fitted.
    best : float
        AICc of the best of those that the verdict rests on.
    """
    known = [c for c in (*contenders, *_at_once(contenders)) if c.comparable]
    found: dict[tuple[str, str], Alternative] = {}
    for pair in _PAIRS:
        choices = (pair.models, pair.other_models, pair.neither)
        one, other, neither = (_least(known, chosen) for chosen in choices)
        if one is None or other is None or neither is None or abs(one.aicc - other.aicc) >= AHEAD:
            continue
        least = min(one.aicc, other.aicc)
        if least - best >= AHEAD or neither.aicc - least < AHEAD:
            continue
        readings = [(one, pair.reading), (other, pair.other)]
        (first, said), (second, said_too) = sorted(readings, key=lambda reading: reading[0].aicc)
        alternative = Alternative(
            reading=said,
            model=first.model,
            numbers=first.parameters,
            other_reading=said_too,
            other_model=second.model,
            other_numbers=second.parameters,
            delta_aicc=second.aicc - first.aicc,
            decided_by=pair.decided_by,
        )
        found.setdefault((first.model, second.model), alternative)
    return tuple(found.values())


def _at_once(contenders: Sequence[Contender]) -> list[Contender]:
    """Return one exponential that starts at once, for each that was fitted with a start-up time."""
    return [
        replace(c, model="exponential", aicc=c.aicc + c.fitted.found.start_gain - ALIKE, parameters={})
        for c in contenders
        if c.fit is not None and _mixes(c)
    ]


def _least(contenders: Sequence[Contender], chosen: _Chosen) -> Contender | None:
    return min((c for c in contenders if chosen(c)), key=lambda c: c.aicc, default=None)


def wander_of(two: Contender, sd: float, lasts_s: float) -> Alternative:
    """Return the pair of a weak break and of wander that could make it: its sd, and how long it lasts."""
    return Alternative(
        reading="a second stage",
        model=two.model,
        numbers=two.parameters,
        other_reading="slow wander of the baseline",
        other_model="noise",
        other_numbers={"sd": sd, "lasts": lasts_s},
        delta_aicc=None,
        decided_by="a blank run or a replicate",
    )


_SUFFIXES = {"sd": "", "lasts": " s", "drift": " per s", "dilution": "", "readings": ""}
"""What follows the value of a number that is none of a rate law."""


def in_words(alternatives: Sequence[Alternative]) -> str:
    """Return pairs as one sentence: both readings with their numbers, and what would tell; "" of none."""
    told: set[str] = set()
    said = []
    for pair in alternatives:
        first = _with_numbers(pair.reading, pair.model, pair.numbers, told)
        second = _with_numbers(pair.other_reading, pair.other_model, pair.other_numbers, told)
        said.append(f"{first} and {second}: {pair.decided_by} would tell")
    return f"Cannot be told apart here: {'; '.join(said)}." if said else ""


def _with_numbers(reading: str, model: str, numbers: Mapping[str, float], told: set[str]) -> str:
    """Return a reading with its model and, once, that one's numbers but for amplitudes and bends."""
    shown = []
    for name, value in numbers.items():
        of_signal, of_time = powers_of(name)
        suffix = _SUFFIXES.get(name, {0: "", 1: " s"}.get(of_time, " 1/s"))
        silent = of_signal or (name[0] == "a" and name[1:].isdigit())
        if value and (name in _SUFFIXES or not silent):
            shown.append(f"{name} {value:.3g}{suffix}")
    once = [] if model in told else [", ".join(shown)]
    told.add(model)
    return f"{reading} ({': '.join(part for part in (model, *once) if part)})"


def diluted_contender(two: Contender) -> Contender | None:
    """Return one exponential with a step after its first readings, beside two stages.

    Where the first of two stages holds hardly more than `MIN_DISTINCT` readings: a dilution looks the same.
    The noise is that of the two stages.
    """
    fitted = two.fitted
    sample, family = fitted.sample, fitted.family
    time, first = sample.time, int(np.sum(sample.time < fitted.theta[family.breaks][0]))
    if first > MIN_DISTINCT + 1 or sample.n < 2 * MIN_DISTINCT + 2:
        return None
    white = whitening(sample, two.rho)
    target = white.apply(sample.signal.copy())

    def columns(log_k: float, count: int) -> Array:
        decay = np.exp(-np.exp(log_k) * time)
        early = np.where(np.arange(time.size) < count, decay, 0.0)
        return np.stack([decay, early, *([np.ones_like(time)] if family.with_offset else [])])

    def solved(log_k: float, count: int) -> tuple[float, Array]:
        design = white.apply(columns(log_k, count))
        share = np.asarray(np.linalg.lstsq(design.T, target, rcond=None)[0], dtype=float)
        return float(np.sum((target - share @ design) ** 2) + white.hidden), share

    from scipy.optimize import minimize_scalar  # 0.1 s of import that few traces need

    near = math.log(max(float(fitted.theta[family.rates][1]), 1e-3))
    tried = []
    for count in range(1, MIN_DISTINCT + 1):
        done = minimize_scalar(lambda x, m=count: solved(x, m)[0], bounds=(near - 2, near + 2))
        tried.append((float(done.fun), float(done.x), count))
    rss, log_k, count = min(tried)
    share = solved(log_k, count)[1]
    curve: Array = share @ columns(log_k, count)
    n_parameters = 4 + family.with_offset  # where the step stands is one of them
    ar1 = fitted.correlation is not None
    score, bic = information(sample, rss, float(white.log_determinant), n_parameters + 1 + ar1)
    told = {"C": float(share[0]) * sample.scale, "k": math.exp(log_k) / sample.span_s}
    told |= {"dilution": float(share[1] / share[0]), "readings": float(count)}
    return Contender(
        model=DILUTED + (OFFSET if family.with_offset else ""),
        kind="dilution",
        n_parameters=n_parameters,
        rss=plain_rss(sample, sample.signal - curve, two.rho),
        aicc=score,
        bic=bic,
        rho=two.rho,
        parameters=told,
    )
