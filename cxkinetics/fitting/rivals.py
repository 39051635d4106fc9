"""The rivals: every model on the same points, each with its own noise correlation, ranked.

Each model starts from its own global grid, is fitted by maximum likelihood with an AR(1)
correlation of its own and enters with K = curve parameters (a breakpoint once) + the noise's scale
+ rho. Models that are the same curve under two names share one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array
from cxkinetics.fitting.correlation import likeliest_rho
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.fitted import Fitted, information, settle_likeliest
from cxkinetics.fitting.parts import Rival
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import fastest_rate, grid_starts
from cxkinetics.fitting.whitening import Whitening, whitening
from cxkinetics.models.decays import DECAYS, DecayFamily
from cxkinetics.models.families import FreeJointFamily

__all__ = ["CURVED", "Contender", "rank", "smooth_contenders", "staged_contender"]

CURVED = ("biexponential", "stretched exponential", "second order", "mixed second order")
"""Smooth shapes that bend in ln A without a break."""
NEAR = 10.0
"""AICc above the best smooth model beyond which a model is not polished: it is out in any case."""
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


def smooth_contenders(
    sample: Sample, *, ar1: bool, offsets: Sequence[bool], names: Sequence[str] = ("exponential", *CURVED)
) -> list[Contender]:
    """Return the smooth rivals at their maximum likelihood.

    Parameters
    ----------
    sample : Sample
        Data.
    ar1 : bool
        Estimate each model's correlation (else white noise).
    offsets : sequence of bool
        Variants: without and with a fitted offset.
    names : sequence of str
        Shapes.
    """
    attempts = []
    for name in names:
        for with_offset in offsets:
            if name == "mixed second order" and with_offset and False in offsets:
                continue  # its own curve holds a plateau already
            family = DecayFamily(DECAYS[name], with_offset, stable=True)
            if sample.n > len(family.names):
                attempts.append(_attempt(family, sample, ar1))
    least = min((attempt.criteria(sample)[0] for attempt in attempts), default=np.inf)
    return [
        (attempt.polished(sample) if attempt.criteria(sample)[0] < least + NEAR else attempt).contender(
            sample
        )
        for attempt in attempts
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """A smooth model on its way to the optimum: parameters (1, p), its noise, and its box."""

    family: DecayFamily
    clock: Array
    theta: Array
    rss: float
    rho: float
    ar1: bool
    white: Whitening
    lower: Array
    upper: Array

    def criteria(self, sample: Sample) -> tuple[float, float]:
        """Return AICc and BIC."""
        n_parameters = self.theta.shape[1] + 1 + self.ar1
        return information(sample, self.rss, float(self.white.log_determinant), n_parameters)

    def descended(self, sample: Sample, starts: Array, iterations: int, tolerance: float) -> "_Attempt":
        """Return the best that a descent from `starts` (B, p) finds."""
        target = Target(self.clock, sample.signal, self.white)
        done = descend(
            self.family,
            target,
            starts,
            lower=self.lower,
            upper=self.upper,
            iterations=iterations,
            tolerance=tolerance,
            race=1.0,
        )
        best = int(np.argmin(done.rss))
        return replace(self, theta=done.theta[best : best + 1], rss=float(done.rss[best]))

    def correlated(self, sample: Sample) -> "_Attempt":
        """Return the same curve under the likeliest correlation of its own residuals."""
        curve, jacobian = self.family.evaluate(self.clock, self.theta)
        rho = likeliest_rho(sample, sample.signal - curve[0], jacobian[0], restricted=False)
        return replace(self, rho=rho, white=whitening(sample, rho))

    def polished(self, sample: Sample) -> "_Attempt":
        """Return the optimum to many digits."""
        attempt = self.descended(sample, self.theta, 100, 1e-9)
        if self.rho:
            attempt = attempt.correlated(sample).descended(sample, attempt.theta, 30, 1e-9)
        return attempt

    def contender(self, sample: Sample) -> Contender:
        """Return what the ranking needs."""
        family = self.family
        curve, _ = family.evaluate(self.clock, self.theta)
        aicc, bic = self.criteria(sample)
        name = family.shape.name
        return Contender(
            model=f"{name} + offset" if family.with_offset else name,
            kind="exponential" if name == "exponential" else "curved",
            n_parameters=self.theta.shape[1],
            rss=_plain_rss(sample, curve[0]),
            aicc=aicc,
            bic=bic,
            rho=self.rho,
            parameters=_in_user_units(family.names, family.told(self.theta)[0], sample),
            note=_note(family, self.theta[0], self.lower, self.upper),
        )


def _attempt(family: DecayFamily, sample: Sample, ar1: bool) -> _Attempt:
    """Return a smooth model from its global grid, near its maximum likelihood."""
    shape = family.shape
    clock = sample.time
    if "beta" in shape.nonlinear and 0 < sample.lead <= 1:
        clock = sample.time + sample.lead  # a stretched exponential starts at the addition, not later
    width = len(family.names)
    lower, upper = np.full(width, -np.inf), np.full(width, np.inf)
    inner = slice(shape.n_columns, shape.n_columns + len(shape.nonlinear))
    lower[inner], upper[inner] = shape.lower, np.minimum(shape.upper, fastest_rate(sample))
    white = whitening(sample, 0.0)
    starts = grid_starts(family, sample, white, clock=clock, keep=4)
    attempt = _Attempt(family, clock, starts[:1], np.inf, 0.0, ar1, white, lower, upper)
    attempt = attempt.descended(sample, starts, 20, 1e-6)
    if not ar1 or sample.n - width < 3:
        return attempt
    attempt = attempt.correlated(sample)
    # the optimum may lie elsewhere once the noise is correlated
    again = grid_starts(family, sample, attempt.white, clock=clock, keep=2)
    attempt = attempt.descended(sample, np.concatenate([attempt.theta, again]), 20, 1e-6)
    return attempt.correlated(sample).descended(sample, attempt.theta, 10, 1e-6)


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
    return Contender(
        model=f"{name} + offset" if fitted.family.with_offset else name,
        kind="staged" if stages > 1 else "exponential",
        n_parameters=fitted.n_parameters,
        rss=_plain_rss(sample, sample.signal - residual),
        aicc=aicc,
        bic=bic,
        rho=rho,
        parameters=_in_user_units(fitted.family.names, found.theta, sample),
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


def _plain_rss(sample: Sample, curve: Array) -> float:
    residual = (sample.signal - curve) / sample.sigma
    return float(residual @ residual) * sample.scale**2


def _note(family: DecayFamily, theta: Array, lower: Array, upper: Array) -> str:
    at_bound = (theta <= lower) | (theta >= upper)
    notes = [family.shape.note] if family.shape.note else []
    if at_bound.any():
        names = ", ".join(name for name, bound in zip(family.names, at_bound, strict=True) if bound)
        notes.append(f"{names} at a bound of its range")
    return "; ".join(notes)


_UNITS: dict[str, Callable[[float, Sample], float]] = {
    "C": lambda value, sample: value * sample.scale,
    "o": lambda value, sample: value * sample.scale,
    "k": lambda value, sample: value / sample.span_s,
    "b": lambda value, sample: value * sample.span_s + sample.first_s,
    "mu": lambda value, sample: value / sample.span_s,
}


def _in_user_units(names: Sequence[str], theta: Array, sample: Sample) -> dict[str, float]:
    """Return parameters in s and the trace's unit; names keep their letters (k.. in 1/s, b.. in s)."""
    result = {}
    for name, value in zip(names, theta.tolist(), strict=True):
        convert = _UNITS.get(name) if name in ("mu", "beta") else _UNITS.get(name[0])
        result[name] = float(convert(value, sample)) if convert else value
    return result
