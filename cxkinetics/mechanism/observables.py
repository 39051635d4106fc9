"""From shares of species to what is observed, with derivatives: absorbance, peak, analysis, evidence.

Whatever is observed is made of a few weighted sums over the species: the absorbance, the guest and the
host of the solid, the guest in the product, the host that a wash can take. Weights may depend on
parameters; `Dual` carries the derivatives through quotients and logarithms.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxkinetics.arrays import Array, BoolArray
from cxkinetics.mechanism.data import LOG_TIMES, Evidence, Observation
from cxkinetics.mechanism.scheme import Mechanism, Species
from cxkinetics.mechanism.solver import RATIO, Course, solve
from cxkinetics.models.expression import Expression
from cxkinetics.signals.basis import BASES, basis_kind

_DARK = 1e-6
"""Absorbance (of 1 at the start) and share below which no logarithm is taken."""


class Dual:
    """An array (...) with its derivatives (parameters, ...)."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Array, slope: Array) -> None:
        self.value, self.slope = value, slope

    def __add__(self, other: "Dual | float") -> "Dual":
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slope + other.slope)
        return Dual(self.value + other, self.slope)

    def __mul__(self, other: "Dual | Array | float") -> "Dual":
        if isinstance(other, Dual):
            return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)
        return Dual(self.value * other, self.slope * other)

    def __truediv__(self, other: "Dual") -> "Dual":
        value = self.value / other.value
        return Dual(value, (self.slope - value * other.slope) / other.value)

    def __getitem__(self, at: Any) -> "Dual":
        return Dual(self.value[at], self.slope[:, at] if not isinstance(at, tuple) else self.slope[:, *at])

    def log(self) -> "Dual":
        """Return its logarithm; below `_DARK` that of `_DARK`."""
        value = np.maximum(self.value, _DARK)
        return Dual(np.log(value), self.slope / value)

    def weighted(self, weights: Array) -> "Dual":
        """Return sums over the first axis with weights (out, in)."""
        return Dual(np.tensordot(weights, self.value, 1), np.einsum("ot,pt...->po...", weights, self.slope))


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The species of a batch in time, and the weighted sums that observables are made of.

    Arrays are (times, problems, doses); `share` has the species in front.
    """

    mechanism: Mechanism
    values: dict[str, Array]
    dose_percent: Array
    share: Dual
    failed: BoolArray
    course: Course

    def differentiated(self, problems: BoolArray | None = None) -> "Sight":
        """Return the same with derivatives, of all problems or of some."""
        part = slice(None) if problems is None else problems
        count = self.dose_percent.size
        slope = self.course.slope(None if problems is None else np.repeat(problems, count))
        share = self.share.value[:, :, part]
        slope = slope.transpose(1, 2, 0, 3).reshape(slope.shape[1], *share.shape)
        values = {name: value[part] for name, value in self.values.items()}
        return replace(self, values=values, share=Dual(share, slope), failed=self.failed[part])

    def total(self, weight: Callable[[Species], Expression | None]) -> Dual:
        """Return the sum over species of a weight that may depend on parameters."""
        problems = self.share.value.shape[2]
        count = self.share.slope.shape[0]
        value = np.zeros(self.share.value.shape[1:])
        slope = np.zeros((count, *value.shape))
        for i, species in enumerate(self.mechanism.species):
            expression = weight(species)
            if expression is None or expression.constant == 0:
                continue
            factor = np.broadcast_to(expression(self.values), (problems,))[:, None]
            value += factor * self.share.value[i]
            if not count:
                continue
            slope += factor * self.share.slope[:, i]
            for p, name in enumerate(self.mechanism.names):
                if name in expression.names:
                    turn = np.broadcast_to(expression.derivative(name)(self.values), (problems,))
                    slope[p] += turn[:, None] * self.share.value[i]
        return Dual(value, slope)

    def parameter(self, expression: Expression) -> Dual:
        """Return an expression of parameters and dose, shape (1, problems, doses)."""
        problems = self.share.value.shape[2]
        values: dict[str, Array] = {name: value[:, None] for name, value in self.values.items()}
        values["dose"] = self.dose_percent[None]
        shape = (problems, self.dose_percent.size)
        value = np.broadcast_to(expression(values), shape)[None]
        slope = np.zeros((self.share.slope.shape[0], *value.shape))
        for p, name in enumerate(self.mechanism.names if slope.size else ()):
            if name in expression.names:
                slope[p] = np.broadcast_to(expression.derivative(name)(values), shape)
        return Dual(value, slope)

    def absorbance(self) -> Dual:
        """Return A/A0."""
        return self.total(lambda species: species.absorbance)

    def peak(self) -> Dual:
        """Return the absorbance-weighted peak position, nm."""

        def seen(species: Species) -> Expression | None:
            return None if species.peak_nm is None else species.absorbance

        def moved(species: Species) -> Expression | None:
            if species.peak_nm is None:
                return None
            return Expression(
                f"{species.absorbance.text} * {species.peak_nm}",
                ("*", ("number", species.peak_nm), species.absorbance.tree),
            )

        return self.total(moved) / (self.total(seen) + _DARK)

    def product_guest(self) -> Dual:
        """Return the guest in the product that the analysis finds, per cluster."""
        found = self.total(lambda species: species.guests if species.kind == "product" else None)
        return found * self.parameter(self.mechanism.recovery)

    def guest(self) -> Dual:
        """Return all guest of the solid, per cluster."""
        rest = self.total(lambda species: None if species.kind == "product" else species.guests)
        return rest + self.product_guest()

    def host(self) -> Dual:
        """Return all host of the solid, per cluster, the trapped one included."""
        return self.total(lambda species: species.hosts) + self.parameter(self.mechanism.trapped)

    def incorporation(self, basis: str) -> Dual:
        """Return what an elemental analysis reads, percent."""
        guest, kind = self.guest(), basis_kind(basis)
        if kind == BASES[2]:
            return guest * (100 / self.mechanism.anions)
        return guest * 100.0 / (guest + self.host() if kind == BASES[0] else self.host())

    def removable(self) -> Dual:
        """Return the share of all host that a wash can take: the trapped one and that of broken clusters."""
        broken = self.total(lambda species: species.hosts if species.kind == "disrupted" else None)
        return (broken + self.parameter(self.mechanism.trapped)) / self.host()

    def kind(self, kind: str) -> Dual:
        """Return the share of clusters that are of a kind."""
        at = [i for i, species in enumerate(self.mechanism.species) if species.kind == kind]
        return Dual(self.share.value[at].sum(axis=0), self.share.slope[:, at].sum(axis=1))


def sight(
    mechanism: Mechanism, theta: Array, dose_percent: Array, time_s: Array, *, ratio: float = RATIO
) -> Sight:
    """Solve a batch of parameter sets (parameters, problems) at every dose and time."""
    problems, doses = theta.shape[1], dose_percent.size
    course = solve(
        mechanism, np.repeat(theta, doses, axis=1), np.tile(dose_percent, problems), time_s, ratio=ratio
    )
    share = course.share.transpose(1, 0, 2).reshape(-1, time_s.size, problems, doses)
    failed = np.asarray(course.failed.reshape(problems, doses).any(axis=1))
    values = dict(zip(mechanism.names, theta, strict=True))
    return Sight(mechanism, values, dose_percent, Dual(share, np.empty((0, *share.shape))), failed, course)


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a batch of parameter sets predicts: (problems, points), and derivatives (parameters, ...)."""

    value: Array
    slope: Array
    failed: BoolArray
    eye: "Eye"
    sight: Sight
    readings: Array

    def differentiated(self, problems: BoolArray | None = None) -> "Predicted":
        """Return the same with derivatives, of all problems or of some."""
        readings = self.readings if problems is None else self.readings[problems]
        return self.eye.read(self.sight.differentiated(problems), readings)


class Eye:
    """Evidence and the times and doses at which a mechanism must be solved for it."""

    def __init__(self, mechanism: Mechanism, evidence: Evidence) -> None:
        self.mechanism, self.evidence = mechanism, evidence
        doses = [seen.dose_percent for seen in evidence.observations]
        self.doses = np.unique([*doses, *(run.dose_percent for run in evidence.runs)])
        times = [np.asarray(seen.times_s or (seen.time_s,)) for seen in evidence.observations]
        self.times = np.unique(np.concatenate([*times, *(run.time_s for run in evidence.runs)]))
        self.value = np.array([seen.value for seen in evidence.observations])
        self.sd = np.array([seen.sd for seen in evidence.observations])
        self.value = np.concatenate([self.value, *(run.absorbance for run in evidence.runs)])
        self.sd = np.concatenate([self.sd, *(np.full(run.time_s.size, run.sd) for run in evidence.runs)])
        sides = {"": 0, "at most": 1, "at least": -1}
        self.side = np.zeros(self.value.size, dtype=int)
        for i, seen in enumerate(evidence.observations):
            self.side[i] = sides[seen.side]

    def predict(self, theta: Array, *, readings: Array | None = None, ratio: float = RATIO) -> Predicted:
        """Return what each parameter set (parameters, problems) predicts of every point.

        Parameters
        ----------
        theta : Array
            Parameters.
        readings : Array, shape (problems, points), optional
            What was read; the amplitude of a run is the one that fits these best (default: the evidence).
        ratio : float
            Of the solver.
        """
        readings = (
            np.broadcast_to(self.value, (theta.shape[1], self.value.size)) if readings is None else readings
        )
        return self.read(sight(self.mechanism, theta, self.doses, self.times, ratio=ratio), readings)

    def read(self, seen: Sight, readings: Array) -> Predicted:
        """Return every point as seen in a solved batch."""
        wanted = dict.fromkeys(one.quantity for one in self.evidence.observations)
        tables = {quantity: self._table(seen, quantity) for quantity in wanted}
        columns = [self.point(tables[one.quantity], one) for one in self.evidence.observations]
        first = len(columns)
        values = [column.value[:, None] for column in columns]
        slopes = [column.slope[:, :, None] for column in columns]
        for run in self.evidence.runs:
            last = first + run.time_s.size
            scaled = self._run(seen, run.dose_percent, run.time_s, readings[:, first:last])
            values.append(scaled.value)
            slopes.append(scaled.slope)
            first = last
        value, slope = np.concatenate(values, axis=1), np.concatenate(slopes, axis=2)
        return Predicted(value, slope, seen.failed, self, seen, readings)

    def _table(self, seen: Sight, quantity: str) -> Dual:
        """Return a quantity at all times and doses."""
        match quantity:
            case "incorporation":
                return seen.incorporation(self.evidence.basis)
            case "peak":
                return seen.peak()
            case "removable host":
                return seen.removable()
            case "product share of guest":
                return seen.product_guest() / (seen.guest() + _DARK)
            case "product share of clusters":
                return seen.kind("product")
            case "clusters left":
                return seen.kind("cluster")
            case "share" | "log ratio":
                return seen.share
        return seen.absorbance()

    def point(self, table: Dual, one: Observation) -> Dual:
        """Return one observation of all problems, its quantity given at all times and doses."""
        dose = int(np.searchsorted(self.doses, one.dose_percent))
        if one.times_s:
            rows = np.searchsorted(self.times, np.asarray(one.times_s))
            curve = Dual(table.value[..., dose][rows], table.slope[..., dose][:, rows]).log()
            return _line(np.asarray(one.times_s), curve, slope=one.quantity == "log slope")
        row = int(np.searchsorted(self.times, one.time_s))
        if one.of:
            at = [self.mechanism.index(name) for name in one.of]
            parts = [Dual(table.value[i, row, :, dose], table.slope[:, i, row, :, dose]) for i in at]
            return parts[0] if len(parts) == 1 else parts[0].log() + parts[1].log() * -1.0
        return Dual(table.value[row, :, dose], table.slope[:, row, :, dose])

    def _run(self, seen: Sight, dose_percent: float, time_s: Array, readings: Array) -> Dual:
        """Return the curve of a run (problems, times) at the amplitude that fits its readings best."""
        dose, rows = int(np.searchsorted(self.doses, dose_percent)), np.searchsorted(self.times, time_s)
        curve = seen.absorbance()
        value, slope = curve.value[..., dose][rows].T, curve.slope[..., dose][:, rows].transpose(0, 2, 1)
        size = np.sum(value**2, axis=1)
        scale = np.sum(readings * value, axis=1) / size
        turned = np.sum(slope * readings, axis=2) - 2 * scale * np.sum(slope * value, axis=2)
        return Dual(scale[:, None] * value, scale[:, None] * slope + (turned / size)[..., None] * value)


def correlation(eye: Eye, theta: Array) -> Array | None:
    """Return how the errors of points that were read off one trace go together, None where none were.

    Observations of one source and dose of which one is a log-linear line are numbers of one trace. Their
    errors are carried over from readings that err alike and independently, at the curve of some parameters
    (parameters,).
    """
    groups: dict[tuple[str, float], list[int]] = {}
    for i, one in enumerate(eye.evidence.observations):
        if one.quantity in ("absorbance", *LOG_TIMES) and not one.side:
            groups.setdefault((one.source, one.dose_percent), []).append(i)
    traces = [
        places
        for places in groups.values()
        if len(places) > 1 and any(eye.evidence.observations[i].times_s for i in places)
    ]
    if not traces:
        return None
    seen = sight(eye.mechanism, theta[:, None], eye.doses, eye.times).absorbance().value
    each = np.eye(eye.times.size)[:, :, None, None] * np.ones(seen.shape)
    matrix = np.eye(eye.value.size)
    for places in traces:
        ones = [eye.evidence.observations[i] for i in places]
        by_reading = np.stack([eye.point(Dual(seen, each), one).slope[:, 0] for one in ones])
        length = np.linalg.norm(by_reading, axis=1)
        matrix[np.ix_(places, places)] = by_reading @ by_reading.T / np.outer(length, length)
    return matrix


def _line(time_s: Array, curve: Dual, *, slope: bool) -> Dual:
    """Return minus the slope, or the R2, of the straight line through a curve (times, problems)."""
    centred = time_s - time_s.mean()
    weights = centred / (centred @ centred)
    if slope:
        return Dual(-(weights @ curve.value), -np.einsum("t,ptb->pb", weights, curve.slope))
    size = time_s.size
    mean = np.eye(size) - 1 / size
    rest = mean - np.outer(centred, weights)
    parts = [curve.weighted(matrix) for matrix in (rest, mean)]
    squares = [Dual((part.value**2).sum(axis=0), 2 * (part.value * part.slope).sum(axis=1)) for part in parts]
    explained = squares[0] / squares[1]
    return Dual(1 - explained.value, -explained.slope)
