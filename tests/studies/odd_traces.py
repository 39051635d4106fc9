"""Traces of every odd kind and scale, fitted with every option: nothing may stand outside its own interval.

Scales from 1e-12 to 1e12 in time and signal, 5 to 300 points, every noise, offset, drift, model, joint,
number of stages, start-up and recipe. What is fitted must come out the same again.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import cxkinetics as cx
from cxkinetics.options import OPTIONS
from tests.studies.hostile import Try, strict
from tests.studies.truths import stream

SHAPES = {
    "decay": lambda u: np.exp(-3 * u),
    "two stages": lambda u: np.exp(-4 * np.minimum(u, 0.3) - 1.2 * np.maximum(u - 0.3, 0)),
    "avalanche": lambda u: np.exp(-0.5 * np.minimum(u, 0.4) - 6 * np.maximum(u - 0.4, 0)),
    "constant": lambda u: 0.5 + 0 * u,
    "line": lambda u: 1 - 0.5 * u,
    "step": lambda u: np.where(u < 0.5, 1.0, 0.5),
    "second order": lambda u: 1 / (1 + 10 * u),
    "growth": lambda u: 1 - np.exp(-5 * u),
    "late": lambda u: np.exp(-((2.5 * u) ** 4)),
    "below zero": lambda u: np.exp(-3 * u) - 0.7,
    "spike": lambda u: np.exp(-2 * u) + 3.0 * (np.arange(u.size) == u.size // 2),
    "two levels": lambda u: np.where(np.arange(u.size) % 2, 1.0, 0.99) * np.exp(-u),
}
MODELS = (
    "auto",
    "auto",
    "auto",
    "staged",
    "exponential",
    "biexponential",
    "stretched",
    "nth-order",
    "delayed",
)


def _words(name: str, rng: np.random.Generator) -> Any:
    words = OPTIONS[name].words
    return words[rng.integers(len(words))]


def odd_trace(number: int, seed: int = 0) -> tuple[cx.Trace, dict[str, Any], str]:
    """Return a trace, the options it is fitted with, and what it is."""
    rng = stream(717 + seed, "odd", number)
    kind = list(SHAPES)[number % len(SHAPES)]
    n = round(5 * 60 ** rng.uniform(0, 1))
    spacing = rng.integers(3)
    u = [np.linspace(0, 1, n), np.sort(rng.uniform(0, 1, n)), np.geomspace(1e-3, 1, n)][spacing]
    y = SHAPES[kind](u - u[0]) + 10.0 ** rng.uniform(-8, -1) * rng.normal(size=n)
    span, size = (10.0 ** rng.uniform(-12, 12) if rng.random() < 0.6 else 100.0 for _ in range(2))
    t = span * u + (span * 10.0 ** rng.uniform(-1, 3) if rng.random() < 0.2 else 0.0)
    if rng.random() < 0.2:
        t = np.round(t / (span / 15)) * (span / 15)  # tied times
    sigma = size * 10.0 ** rng.uniform(-4, -1) * rng.uniform(0.5, 2, n) if rng.random() < 0.15 else None
    options: dict[str, Any] = {"n_stages": ["auto", 1, 2, 3, 4][rng.integers(5)]}
    for name in ("noise", "drift", "direction"):
        if rng.random() < 0.5:
            options[name] = _words(name, rng)
    options["offset"] = ["auto", "fit", "zero", 0.1 * size, (0.0, 0.05 * size)][rng.integers(5)]
    options["start_up"] = ["auto", "none", 0.02 * span][rng.integers(3)]
    if rng.random() < 0.3:
        options["model"] = MODELS[rng.integers(len(MODELS))]
    if rng.random() < 0.2:
        options["joint"] = "free"
    if rng.random() < 0.1:
        options["recipe"] = "loglinear"
    if rng.random() < 0.05:
        options |= {"bootstrap": 50, "bootstrap_kind": _words("bootstrap_kind", rng)}
    if rng.random() < 0.15:
        options["confidence"] = float(rng.choice([0.5, 0.9, 0.999]))
    if rng.random() < 0.1:
        options["t0"] = "auto" if rng.random() < 0.5 else float(t[0] - 0.1 * span * rng.random())
    options["absolute_sigma"] = sigma is not None and bool(rng.random() < 0.5)
    told = f"trace {number}: {kind}, {n} points, {span:.3g} s, {size:.3g} AU, {options}"
    return cx.Trace(time_s=t, absorbance=size * y, sigma=sigma), options, told


def outside(document: Any, path: str = "") -> Iterator[str]:
    """Yield every number of a JSON document that stands outside its own interval."""
    if isinstance(document, Mapping):
        value, low, high = (document.get(key) for key in ("value", "low", "high"))
        ends = [end for end in (low, high) if isinstance(end, float)]
        if isinstance(value, float) and ends:
            room = 1e-9 * max(map(abs, (value, *ends)))
            pieces = document.get("pieces") or [[low, high]]
            inside = any(
                (-math.inf if a is None else a) - room <= value <= (math.inf if b is None else b) + room
                for a, b in pieces
            )
            if not inside:
                yield f"{path} = {value!r} in [{low!r}, {high!r}] {document.get('method')}"
        for key, item in document.items():
            yield from outside(item, f"{path}.{key}")
    elif isinstance(document, list):
        for place, item in enumerate(document):
            yield from outside(item, f"{path}[{place}]")


def fitted_twice(trace: cx.Trace, options: dict[str, Any]) -> str:
    """Fit a trace twice and return the JSON, or say what is wrong with it."""
    fit = cx.fit_stages(trace, **options)
    text = fit.to_json()
    assert str(fit)
    found = list(outside(strict(text)))
    assert not found, "; ".join(found)
    assert cx.fit_stages(trace, **options).to_json() == text, "another result when fitted again"
    return text


def odd_traces(seed: int) -> Iterator[Try]:
    """Yield fits of odd traces without an end."""
    for number in itertools.count():
        trace, options, told = odd_trace(number, seed)
        yield Try(told, lambda trace=trace, options=options: fitted_twice(trace, options))
