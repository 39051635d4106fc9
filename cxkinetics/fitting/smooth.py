"""The smooth rivals at their maximum likelihood, all descended in one batch.

Each model starts from its own global grid and has an AR(1) correlation of its own, estimated from
its residuals by full likelihood. A model without an offset rides on the one that has it, its offset
held at zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray
from cxkinetics.fitting.correlation import likeliest_rho
from cxkinetics.fitting.descent import Target, descend
from cxkinetics.fitting.fitted import information
from cxkinetics.fitting.rivals import Contender, in_user_units, plain_rss
from cxkinetics.fitting.sample import Sample
from cxkinetics.fitting.search import fastest_rate
from cxkinetics.fitting.starts import grid_starts
from cxkinetics.fitting.whitening import Whitening, whitening
from cxkinetics.models.decays import DECAYS, DecayFamily, JointFamily

__all__ = ["CURVED", "smooth_contenders"]

CURVED = (
    "exponential + drift",
    "biexponential",
    "stretched exponential",
    "second order",
    "mixed second order",
)
"""Smooth shapes that bend in ln A without a break."""
NEAR = 10.0
"""AICc above the best smooth model beyond which a model is not polished: it is out in any case."""


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
    families = [
        DecayFamily(DECAYS[name], with_offset, stable=True)
        for name in names
        for with_offset in offsets
        # a mixed second order holds a plateau of its own already, and a baseline that drifts is none at zero
        if not (name == "mixed second order" and with_offset and False in offsets)
        and (with_offset or name != "exponential + drift")
    ]
    families = [family for family in families if sample.n > len(family.names)]
    if not families:
        return []
    race = _Race.of(sample, families)
    standing = race.started(whitening(sample, np.zeros(len(families))), tolerance=1e-3 if ar1 else 1e-6)
    if ar1:
        standing = race.correlated(standing)
        # the optimum may lie elsewhere once the noise is correlated
        standing = race.started(standing.white, standing, tolerance=1e-5)
        standing = race.descended(race.correlated(standing), 100, 1e-6)
    aicc = np.array([race.criteria(standing, i, ar1)[0] for i in range(len(families))])
    close = np.flatnonzero(aicc < aicc.min() + NEAR)
    standing = race.descended(standing, 100, 1e-8, close)
    if ar1:
        standing = race.descended(race.correlated(standing, close), 30, 1e-8, close)
    return [race.contender(standing, i, ar1) for i in range(len(families))]


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """Where the models stand: parameters (M, p) of the joint family, rss (M,), rho (M,), whitening."""

    theta: Array
    rss: Array
    rho: Array
    white: Whitening


@dataclass(frozen=True, slots=True, eq=False)
class _Race:
    """The models of one sample: each rides on a member of the joint family, in a box of its own."""

    sample: Sample
    families: tuple[DecayFamily, ...]
    joint: JointFamily
    member: IntArray
    lower: Array
    upper: Array
    free: BoolArray

    @classmethod
    def of(cls, sample: Sample, families: Sequence[DecayFamily]) -> "_Race":
        """Return the race of `families` (models of one shape follow each other)."""
        members: list[DecayFamily] = []
        member = []
        for family in families:
            wide = DecayFamily(family.shape, True, stable=True)
            rides = wide in families and wide.function is family.function
            host = wide if rides else family
            if host not in members:
                members.append(host)
            member.append(members.index(host))
        delays = tuple(_delay(host, sample) for host in members)
        joint = JointFamily(tuple(members), delays)
        size = (len(families), len(joint.names))
        lower, upper, free = np.full(size, -np.inf), np.full(size, np.inf), np.zeros(size, bool)
        for i, family in enumerate(families):
            shape = family.shape
            inner = slice(shape.n_columns, shape.n_columns + len(shape.nonlinear))
            lower[i, inner], upper[i, inner] = shape.lower, np.minimum(shape.upper, fastest_rate(sample))
            free[i, : len(family.names)] = True
        return cls(sample, tuple(families), joint, np.array(member), lower, upper, free)

    def started(self, white: Whitening, standing: _Standing | None = None, *, tolerance: float) -> _Standing:
        """Return the best of descents from each model's grid, and from where it stands."""
        starts, model = [], []
        for i, family in enumerate(self.families):
            rows = np.zeros((0, self.free.shape[1])) if standing is None else standing.theta[[i]]
            if standing is None or len(family.shape.nonlinear) > 1:  # one rate has one optimum
                clock = self.sample.time + _delay(family, self.sample)
                keep = 3 if standing is None else 2
                found = grid_starts(family, self.sample, white.rows(i), keep=keep, clock=clock)
                padded = np.zeros((found.shape[0], self.free.shape[1]))
                padded[:, : found.shape[1]] = found
                rows = np.concatenate([padded, rows])
            starts.append(rows)
            model += [i] * rows.shape[0]
        rho = np.zeros(len(self.families)) if standing is None else standing.rho
        theta, rss = self._best(np.concatenate(starts), np.array(model), white, 12, tolerance)
        return _Standing(theta, rss, rho, white)

    def descended(
        self, standing: _Standing, iterations: int, tolerance: float, which: IntArray | None = None
    ) -> _Standing:
        """Return the optimum of the models `which` (all by default), from where they stand."""
        model = np.arange(len(self.families)) if which is None else which
        theta, rss = standing.theta.copy(), standing.rss.copy()
        found = self._best(theta[model], model, standing.white, iterations, tolerance)
        theta[model], rss[model] = found
        return replace(standing, theta=theta, rss=rss)

    def correlated(self, standing: _Standing, which: IntArray | None = None) -> _Standing:
        """Return the same curves under the likeliest correlation of their own residuals."""
        rho = standing.rho.copy()
        for i in range(len(self.families)) if which is None else which:
            width = len(self.families[i].names)
            if self.sample.n - width >= 3:
                curve, jacobian = self._curve(standing, i)
                rest = self.sample.signal - curve
                rho[i] = likeliest_rho(self.sample, rest, jacobian[:width], restricted=False)
        return replace(standing, rho=rho, white=whitening(self.sample, rho))

    def criteria(self, standing: _Standing, i: int, ar1: bool) -> tuple[float, float]:
        """Return AICc and BIC of model i."""
        n_parameters = len(self.families[i].names) + 1 + ar1
        return information(
            self.sample, float(standing.rss[i]), float(standing.white.log_determinant[i]), n_parameters
        )

    def contender(self, standing: _Standing, i: int, ar1: bool) -> Contender:
        """Return what the ranking needs of model i."""
        family, sample = self.families[i], self.sample
        width, name = len(family.names), family.shape.name
        theta = standing.theta[i, :width]
        aicc, bic = self.criteria(standing, i, ar1)
        return Contender(
            model=f"{name} + offset" if family.with_offset else name,
            kind="exponential" if name == "exponential" else "curved",
            n_parameters=width,
            rss=plain_rss(sample, self._curve(standing, i)[0]),
            aicc=aicc,
            bic=bic,
            rho=float(standing.rho[i]),
            parameters=in_user_units(family.names, family.told(theta[None, :])[0], sample),
            note=_note(family, theta, self.lower[i, :width], self.upper[i, :width]),
        )

    def _curve(self, standing: _Standing, i: int) -> tuple[Array, Array]:
        """Return curve (n,) and Jacobian (p, n) of model i."""
        cell = self.member[i : i + 1, None]
        curve, jacobian = self.joint.evaluate(self.sample.time, standing.theta[i : i + 1], cell)
        return curve[0], jacobian[0]

    def _best(
        self, starts: Array, model: IntArray, white: Whitening, iterations: int, tolerance: float
    ) -> tuple[Array, Array]:
        """Return the best parameters and rss of each model that `model` (B,) names, in its order."""
        _, group = np.unique(model, return_inverse=True)
        done = descend(
            self.joint,
            Target(self.sample.time, self.sample.signal, white.rows(model)),
            starts,
            cell=self.member[model, None],
            lower=self.lower[model],
            upper=self.upper[model],
            free=self.free[model],
            iterations=iterations,
            tolerance=tolerance,
            race=1.0,
            group=group,
        )
        order = np.lexsort((done.rss, group))
        first = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
        return done.theta[first], done.rss[first]


def _delay(family: DecayFamily, sample: Sample) -> float:
    """Return what is added to the times: a stretched exponential starts at the addition, not later."""
    return sample.lead if "beta" in family.shape.nonlinear and 0 < sample.lead <= 1 else 0.0


def _note(family: DecayFamily, theta: Array, lower: Array, upper: Array) -> str:
    at_bound = (theta <= lower) | (theta >= upper)
    notes = [family.shape.note] if family.shape.note else []
    if at_bound.any():
        names = ", ".join(name for name, bound in zip(family.names, at_bound, strict=True) if bound)
        notes.append(f"{names} at a bound of its range")
    return "; ".join(notes)
