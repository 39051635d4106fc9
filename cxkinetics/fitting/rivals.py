"""The rivals: every model on the same points, each with its own noise correlation, ranked.

Each model starts from its own global grid, is fitted by maximum likelihood with an AR(1)
correlation of its own and enters with K = curve parameters (a breakpoint once) + the noise's scale
+ rho. Models that are the same curve under two names share one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.fitted import Fitted, information, settle_likeliest
from cxkinetics.fitting.parts import Rival
from cxkinetics.fitting.sample import Sample
from cxkinetics.models.families import FreeJointFamily

__all__ = ["Contender", "in_user_units", "plain_rss", "rank", "staged_contender"]

UNTRUSTED = 6.0
"""AICc differences below this decide nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A model at its maximum likelihood: what the ranking needs.

    `kind` is "exponential", "curved" or "staged"; `parameters` are in user units (s and the
    trace's unit) and `rss` is the plain sum of squares in the trace's unit squared.
    """

    model: str
    kind: str
    n_parameters: int
    rss: float
    aicc: float
    bic: float
    rho: float
    parameters: dict[str, float]
    note: str = ""


def staged_contender(fitted: Fitted) -> Contender:
    """Return a staged fit as a contender: its correlation re-estimated by full likelihood."""
    sample = fitted.sample
    ar1 = fitted.correlation is not None
    found, rho, residual, log_determinant = settle_likeliest(fitted)
    aicc, bic = information(sample, found.rss, log_determinant, fitted.n_parameters + 1 + ar1)
    stages = fitted.family.n_stages
    name = "one stage" if stages == 1 else f"{stages} stages"
    if isinstance(fitted.family, FreeJointFamily):
        name += ", free joints"
    if fitted.given_breaks:
        name += f", given break{'s' if stages > 2 else ''}"
    return Contender(
        model=f"{name} + offset" if fitted.family.with_offset else name,
        kind="staged" if stages > 1 else "exponential",
        n_parameters=fitted.n_parameters,
        rss=plain_rss(sample, sample.signal - residual),
        aicc=aicc,
        bic=bic,
        rho=rho,
        parameters=in_user_units(fitted.family.names, found.theta, sample),
        note="a breakpoint stands at the edge of the search range" if found.at_edge else "",
    )


def rank(contenders: Sequence[Contender]) -> tuple[Rival, ...]:
    """Return the contenders as rivals in order of AICc, with Akaike weights and when not to trust them.

    References
    ----------
    H. Akaike, in Selected Papers of Hirotugu Akaike, Springer 1998, doi 10.1007/978-1-4612-1694-0_15.
    """
    usable = [c for c in contenders if np.isfinite(c.aicc)]
    best = min((c.aicc for c in usable), default=0.0)
    total = sum(np.exp(-(c.aicc - best) / 2) for c in usable) or 1.0
    rows = []
    for contender in sorted(contenders, key=lambda c: c.aicc):
        finite = np.isfinite(contender.aicc)
        delta = contender.aicc - best if finite else None
        notes = [contender.note] if contender.note else []
        if delta is None:
            notes.append("too few points for AICc")
        elif 0 < delta < UNTRUSTED:
            notes.append(f"dAICc below {UNTRUSTED:g}: not to be told apart from the best")
        if abs(contender.rho) > 0.8:
            notes.append(f"residual correlation {contender.rho:.2f}: the curve misses a trend")
        rows.append(
            Rival(
                model=contender.model,
                n_parameters=contender.n_parameters,
                rss=contender.rss,
                aicc=contender.aicc if finite else None,
                bic=contender.bic if finite else None,
                delta_aicc=delta,
                akaike_weight=float(np.exp(-delta / 2) / total) if delta is not None else None,
                note="; ".join(notes),
                parameters=contender.parameters,
            )
        )
    return tuple(rows)


def plain_rss(sample: Sample, curve: Array) -> float:
    """Return the weighted sum of squares of a scaled curve (n,), in the trace's unit squared."""
    residual = (sample.signal - curve) / sample.sigma
    return float(residual @ residual) * sample.scale**2


_UNITS: dict[str, Callable[[float, Sample], float]] = {
    "C": lambda value, sample: value * sample.scale,
    "o": lambda value, sample: value * sample.scale,
    "k": lambda value, sample: value / sample.span_s,
    "b": lambda value, sample: value * sample.span_s + sample.first_s,
    "d": lambda value, sample: value * sample.scale / sample.span_s,
    "mu": lambda value, sample: value / sample.span_s,
}


def in_user_units(names: Sequence[str], theta: Array, sample: Sample) -> dict[str, float]:
    """Return parameters in s and the trace's unit; names keep their letters (k.. in 1/s, b.. in s)."""
    result = {}
    for name, value in zip(names, theta.tolist(), strict=True):
        convert = _UNITS.get(name) if name in ("mu", "beta") else _UNITS.get(name[0])
        result[name] = float(convert(value, sample)) if convert else value
    return result
