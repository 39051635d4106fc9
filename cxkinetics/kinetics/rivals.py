"""Rival models: the smooth curves, drifting baselines, and their ranking."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxkinetics.arrays import Array, BoolArray, IntArray, thinned_out
from cxkinetics.inference.ar1 import (
    Sample,
    Whitening,
    factors_beside,
    likeliest_rho,
    whitening,
    with_beside,
    without_beside,
)
from cxkinetics.inference.criteria import AHEAD, aicc, differences
from cxkinetics.inference.descent import Target, descend
from cxkinetics.kinetics.optimum import Fitted, information, settle_likeliest, staged_fit
from cxkinetics.kinetics.reduction import means_in
from cxkinetics.kinetics.result import Rival
from cxkinetics.kinetics.scales import OFFSET, STEP, in_user_units
from cxkinetics.kinetics.search import beside_its_end, grid_starts, smooth_box
from cxkinetics.models.decays import DECAYS, DecayFamily, JointFamily
from cxkinetics.models.families import FreeJointFamily, StartingFamily
from cxkinetics.models.laws import LAWS, SHAPES, rate_basis, rate_name

STRUCTURED = 0.8
"""Correlation from which a model's residuals are no noise of an instrument but its misfit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A model at its maximum likelihood: what the ranking needs.

    `kind` is "exponential", "curved", "rate", "drift", "step" or "staged"; `parameters` are in user units
    (s and the trace's unit) and `rss` is the plain sum of squares in the trace's unit squared. `fit` is the
    staged fit that it tells of, None for any other model.
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
    fit: Fitted | None = None

    @property
    def fitted(self) -> Fitted:
        """The staged fit."""
        assert self.fit is not None, "only a staged model has one"
        return self.fit

    @property
    def comparable(self) -> bool:
        """Whether AICc has a value: not where there are too few points for its correction."""
        return bool(np.isfinite(self.aicc))


def staged_contender(fitted: Fitted) -> Contender:
    """Return a staged fit as a contender: its correlation re-estimated by full likelihood."""
    sample = fitted.sample
    ar1 = fitted.correlation is not None
    found, rho, residual, log_determinant = settle_likeliest(fitted)
    score, bic = information(sample, found.rss, log_determinant, fitted.n_parameters + 1 + ar1)
    stages = fitted.family.n_stages
    name = "one stage" if stages == 1 else f"{stages} stages"
    if isinstance(fitted.family, StartingFamily) and fitted.family.gradual:
        name += ", gradual switch"
    if isinstance(fitted.family, FreeJointFamily):
        name += ", free joints"
    if fitted.given_breaks:
        name += f", given break{'s' if stages > 2 else ''}"
    return Contender(
        model=f"{name} + offset" if fitted.family.with_offset else name,
        kind="staged" if stages > 1 else "exponential",
        n_parameters=fitted.n_parameters + sample.n_free,
        rss=plain_rss(sample, residual, rho),
        aicc=score,
        bic=bic,
        rho=rho,
        parameters=in_user_units(fitted.family.names, found.theta, sample) | _beside(sample, residual, rho),
        note="a breakpoint stands at the edge of the search range" if found.at_edge else "",
        fit=fitted,
    )


def rank(contenders: Sequence[Contender]) -> tuple[Rival, ...]:
    """Return the contenders as rivals in order of AICc, with Akaike weights and when not to trust them."""
    rows = []
    ordered = sorted(contenders, key=lambda c: c.aicc)
    for contender, known in zip(ordered, differences([c.aicc for c in ordered]), strict=True):
        delta, weight = known or (None, None)
        notes = [contender.note] if contender.note else []
        if delta is None:
            notes.append("too few points for AICc")
        elif 0 < delta < AHEAD:
            notes.append(f"dAICc below {AHEAD:g}: not to be told apart from the best")
        if abs(contender.rho) > STRUCTURED:
            notes.append(f"residual correlation {contender.rho:.2f}: the curve misses a trend")
        rows.append(
            Rival(
                model=contender.model,
                n_parameters=contender.n_parameters,
                rss=contender.rss,
                aicc=contender.aicc if contender.comparable else None,
                bic=contender.bic if contender.comparable else None,
                delta_aicc=delta,
                akaike_weight=weight,
                note="; ".join(notes),
                parameters=contender.parameters,
            )
        )
    return tuple(rows)


def plain_rss(sample: Sample, residual: Array, rho: float) -> float:
    """Return the weighted sum of squares about a scaled model (n,), in the trace's unit squared."""
    left = without_beside(sample, rho, residual)
    if sample.blocks is not None:
        plain = whitening(replace(sample.blocks.plain or sample, beside=None), 0.0)
        return float(np.sum(plain.apply(left) ** 2) + plain.hidden) * sample.scale**2
    left = left / (sample.sigma if sample.given is None else sample.given)
    return float(left @ left) * sample.scale**2


def _beside(sample: Sample, residual: Array, rho: float) -> dict[str, float]:
    """Return the factors of curves beside a model, in the trace's unit and s."""
    if sample.beside is None:
        return {}
    factors, _ = factors_beside(sample, rho, residual, np.empty((0, sample.n)))
    units = {"offset": ("blank", sample.scale), "drift": ("drift", sample.scale / sample.span_s)}
    units["step"] = ("step", sample.scale)
    told = [units[name] for name in sample.beside.names]
    return {name: float(f) * unit for f, (name, unit) in zip(factors, told, strict=True)}


CURVED = tuple(name for name in DECAYS if name != "exponential")
"""Smooth shapes that bend in ln A without a break."""


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
        DecayFamily(SHAPES[name], with_offset, stable=True)
        for name in names
        for with_offset in offsets
        # a mixed second order holds a plateau of its own already, and a baseline that drifts is none at zero
        if not (name == "mixed second order" and with_offset and False in offsets)
        and (name != "exponential + drift" or (with_offset and not sample.n_free))
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
    return race.finished(standing, ar1)


SETTLED, LITTLE, SETTLING = 0.02, 0.2, 10
"""Change of a correlation from which a curve is fitted again, gain in AICc up to which it is at rest, and how
often at most: a curve that misfits is drawn away from the data by the correlation of its misfit."""
SCREEN = 60.0
"""AICc behind the best model from which a law is out before it is fitted to the end: one that misfits
still gains where its misfit is taken for correlation, at most about half of what it is behind."""
SLOWEST = 0.02
"""Rate, per span, that stands for less where a smooth rate starts: it has a logarithm."""
RATES = tuple((degree, early) for early in (False, True) for degree in (1, 2, 3))
_ENDS = tuple(name for name, shape in LAWS.items() if shape.kind != "rate")


def law_contenders(
    sample: Sample, *, ar1: bool, offsets: Sequence[bool], known: Sequence[Contender]
) -> list[Contender]:
    """Return the laws that bend, and smooth rates, that come near the best of what is known.

    The widest variants go first: with an offset, and a smooth rate of the highest degree. The others
    follow where these leave room for them to be the best smooth model.

    Parameters
    ----------
    sample, ar1, offsets
        As for `smooth_contenders`.
    known : sequence of Contender
        Smooth and staged models at their optimum; smooth rates start from the staged ones.
    """
    least = min(c.aicc for c in known)
    staged = [c.fitted for c in known if c.kind == "staged"]
    widest = [DecayFamily(LAWS[name], offsets[-1]) for name in _ENDS]
    widest += [DecayFamily(LAWS[rate_name(3, early)], offsets[-1]) for early in (False, True)]
    found = _laws(sample, widest, ar1, least, staged)
    smooth = min([c.aicc for c in (*known, *found) if c.kind != "staged"])
    further: list[DecayFamily] = []
    for contender in found:
        shape = LAWS[contender.model.removesuffix(OFFSET)]
        narrower = [DecayFamily(LAWS[name], o) for name in _narrower(shape.name) for o in offsets]
        spared = contender.n_parameters - np.array([len(family.names) for family in narrower])
        room = aicc(0.0, contender.n_parameters + 1 + ar1, sample.n_read)
        for family, fewer in zip(narrower, spared.tolist(), strict=True):
            gain = room - aicc(0.0, contender.n_parameters - fewer + 1 + ar1, sample.n_read)
            if fewer and contender.aicc - gain <= smooth:
                further.append(family)
    return [*found, *_laws(sample, further, ar1, least, staged)]


def _narrower(name: str) -> tuple[str, ...]:
    """Return the shapes that one of `law_contenders` contains, itself among them."""
    chosen = next((early for degree, early in RATES if rate_name(degree, early) == name), None)
    return (name,) if chosen is None else tuple(rate_name(d, e) for d, e in RATES if e == chosen)


def _laws(
    sample: Sample, families: Sequence[DecayFamily], ar1: bool, least: float, staged: Sequence[Fitted]
) -> list[Contender]:
    """Return those laws that end within reach of the best model known."""
    families = [family for family in families if sample.n > len(family.names) + 2 + ar1]
    if not families:
        return []
    starts = {
        i: np.array([_rate_start(family, sample, fitted) for fitted in staged])
        for i, family in enumerate(families)
        if family.shape.kind == "rate" and staged
    }
    race = _Race.of(sample, families, starts)
    standing = race.started(whitening(sample, np.zeros(len(families))), tolerance=1e-3)
    rates = np.array([i for i, family in enumerate(families) if family.shape.kind == "rate"], dtype=np.intp)
    if rates.size:  # these start from steps, not from a grid
        standing = race.descended(standing, 40, 1e-5, rates)
    if ar1:
        standing = race.correlated(standing)
    reached = np.array([race.criteria(standing, i, ar1)[0] for i in range(len(families))])
    return race.finished(standing, ar1, np.flatnonzero(reached < least + SCREEN))


def _rate_start(family: DecayFamily, sample: Sample, staged: Fitted) -> Array:
    """Return the smooth rate (p,) whose logarithm lies nearest to that of a staged decay."""
    steps, theta = staged.family, staged.theta
    middle, width = (sample.time[1:] + sample.time[:-1]) / 2, np.diff(sample.time)
    rates = np.maximum(theta[steps.rates], SLOWEST)
    stage = np.searchsorted(theta[steps.breaks], middle)
    offset = theta[-1] if steps.with_offset else 0.0
    left = (sample.signal - staged.residual)[1:] - offset  # where little is left, the rate hardly counts
    weight = np.sqrt(width) * np.maximum(np.abs(left), 1e-3)
    degree, early = next(rate for rate in RATES if rate_name(*rate) == family.shape.name)
    design = np.concatenate([np.ones((1, middle.size)), rate_basis(middle, degree, early)]) * weight
    level, *bends = np.linalg.lstsq(design.T, np.log(rates[stage]) * weight, rcond=None)[0].tolist()
    return np.array([theta[0], math.exp(level), *bends, *([offset] if family.with_offset else [])])


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """Where the models stand: parameters (M, p) of the joint family, rss (M,), rho (M,), whitening."""

    theta: Array
    rss: Array
    rho: Array
    white: Whitening

    def with_rows(self, other: "_Standing", rows: IntArray, sample: Sample) -> "_Standing":
        """Return this with the models `rows` as they stand in another."""
        theta, rss, rho = self.theta.copy(), self.rss.copy(), self.rho.copy()
        theta[rows], rss[rows], rho[rows] = other.theta[rows], other.rss[rows], other.rho[rows]
        return _Standing(theta, rss, rho, whitening(sample, rho))


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
    starts: Mapping[int, Array]

    @classmethod
    def of(
        cls, sample: Sample, families: Sequence[DecayFamily], starts: Mapping[int, Array] | None = None
    ) -> "_Race":
        """Return the race of `families` (models of one shape follow each other); `starts` replace grids."""
        members: list[DecayFamily] = []
        member = []
        for family in families:
            wide = DecayFamily(family.shape, True, stable=True)
            rides = wide in families and wide.function is family.function
            host = wide if rides else family
            if host not in members:
                members.append(host)
            member.append(members.index(host))
        delays = tuple(delay_of(host, sample) for host in members)
        joint = JointFamily(tuple(members), delays)
        size = (len(families), len(joint.names))
        lower, upper, free = np.full(size, -np.inf), np.full(size, np.inf), np.zeros(size, bool)
        for i, family in enumerate(families):
            width = len(family.names)
            lower[i, :width], upper[i, :width] = smooth_box(family, sample)
            free[i, :width] = True
        return cls(sample, tuple(families), joint, np.array(member), lower, upper, free, starts or {})

    def started(self, white: Whitening, standing: _Standing | None = None, *, tolerance: float) -> _Standing:
        """Return the best of descents from each model's grid, and from where it stands."""
        starts, model = [], []
        for i, family in enumerate(self.families):
            rows = np.zeros((0, self.free.shape[1])) if standing is None else standing.theta[[i]]
            if standing is None or len(family.shape.nonlinear) > 1:  # one rate has one optimum
                clock = self.sample.time + delay_of(family, self.sample)
                keep = 3 if standing is None else 2
                found = self.starts.get(i)
                if found is None:
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
        starts = [self._beside(i, theta[i]) for i in model.tolist()]
        rows = np.repeat(model, [len(part) for part in starts])
        found = self._best(np.concatenate(starts), rows, standing.white, iterations, tolerance)
        theta[model], rss[model] = found
        return replace(standing, theta=theta, rss=rss)

    def _beside(self, i: int, theta: Array) -> Array:
        """Return the starts (K, p) of model i: several where its law ends within the readings."""
        family, width = self.families[i], len(self.families[i].names)
        if family.shape.name not in _ENDS:
            return theta[None, :]
        there = replace(family, delay=delay_of(family, self.sample))
        near = beside_its_end(there, self.sample, theta[:width])
        return np.pad(near, ((0, 0), (0, theta.size - width)))

    def correlated(self, standing: _Standing, which: IntArray | None = None) -> _Standing:
        """Return the same curves under the likeliest correlation of their own residuals."""
        rho, rest = standing.rho.copy(), {}
        for i in range(len(self.families)) if which is None else which.tolist():
            width = len(self.families[i].names)
            if self.sample.n - width >= 3:
                curve, jacobian = self._curve(standing, i)
                rest[i] = self.sample.signal - curve
                rho[i] = likeliest_rho(self.sample, rest[i], jacobian[:width], restricted=False)
        white, rss = whitening(self.sample, rho), standing.rss.copy()
        for i, residual in rest.items():
            rss[i] = np.sum(white.rows(i).apply(residual) ** 2) + white.rows(i).hidden
        return _Standing(standing.theta, rss, rho, white)

    def finished(self, standing: _Standing, ar1: bool, which: IntArray | None = None) -> list[Contender]:
        """Return the models `which` (all by default) at the maximum of their likelihood."""
        moving = chosen = np.arange(len(self.families)) if which is None else which
        if not chosen.size:
            return []
        standing = self.descended(standing, 100, 1e-8, chosen)
        wanted = self.correlated(standing, moving).rho if ar1 else standing.rho
        for _ in range(SETTLING):
            moving = moving[np.abs(wanted - standing.rho)[moving] > SETTLED]
            if not moving.size:
                break
            rho = standing.rho.copy()
            rho[moving] = wanted[moving]
            trial = replace(standing, rho=rho, white=whitening(self.sample, rho))
            trial = self.descended(trial, 40, 1e-6, moving)
            better = np.array([self._score(trial, i) < self._score(standing, i) for i in moving])
            wanted[moving] = (
                standing.rho[moving] + rho[moving]
            ) / 2  # a step too long, from a curved tangent
            rows = moving[better]
            wanted[rows] = self.correlated(trial, rows).rho[rows]
            standing = standing.with_rows(trial, rows, self.sample)
        return [self.contender(standing, i, ar1) for i in chosen.tolist()]

    def _score(self, standing: _Standing, i: int) -> float:
        return self.criteria(standing, i, True)[0]

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
        score, bic = self.criteria(standing, i, ar1)
        residual, rho = sample.signal - self._curve(standing, i)[0], float(standing.rho[i])
        told = in_user_units(family.names, family.told(theta[None, :])[0], sample)
        return Contender(
            model=f"{name} + offset" if family.with_offset else name,
            kind=family.shape.kind,
            n_parameters=width + sample.n_free,
            rss=plain_rss(sample, residual, rho),
            aicc=score,
            bic=bic,
            rho=rho,
            parameters=told | _beside(sample, residual, rho),
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


def delay_of(family: DecayFamily, sample: Sample) -> float:
    """Return what is added to the times of a shape that starts at the addition, not later."""
    return sample.lead if family.shape.from_start and 0 < sample.lead <= 1 else 0.0


def _note(family: DecayFamily, theta: Array, lower: Array, upper: Array) -> str:
    at_bound = (theta <= lower) | (theta >= upper)
    notes = [family.shape.note] if family.shape.note else []
    if at_bound.any():
        names = ", ".join(name for name, bound in zip(family.names, at_bound, strict=True) if bound)
        notes.append(f"{names} at a bound of its range")
    return "; ".join(notes)


def drift_gain(fitted: Fitted) -> tuple[float, float]:
    """Return the slope (scaled signal per scaled time) of a drift added to a fit, and its F.

    The fit is replaced by its tangent; F has 1 and dof - 1 degrees of freedom.
    """
    white = fitted.white.apply(fitted.jacobian)
    line = fitted.white.apply(fitted.sample.time[None, :].copy())[0]
    rest = fitted.white.apply(fitted.residual)
    basis = np.linalg.qr(white[np.any(white != 0, axis=1)].T)[0]
    line = line - basis @ (basis.T @ line)
    length = float(line @ line)
    if length < 1e-12 or fitted.dof < 3:
        return 0.0, 0.0
    slope = float(line @ rest) / length
    gain = slope**2 * length
    return slope, gain / (max(fitted.found.rss - gain, 1e-290) / (fitted.dof - 1))


def drift_contender(fitted: Fitted) -> Contender | None:
    """Return a staged fit with a drifting baseline as a contender (None for few points)."""
    base, sample = fitted.family, fitted.sample
    if sample.n <= fitted.n_parameters + 3:
        return None
    drifting = staged_fit(
        with_beside(sample, "drift", sample.time),
        n_stages=base.n_stages,
        with_offset=base.with_offset,
        ar1=fitted.correlation is not None,
        warm=fitted.found,
        start_up=isinstance(base, StartingFamily),
    )
    found = staged_contender(drifting)
    note = "a straight drift of the baseline in place of a third stage"
    return replace(found, model=f"{found.model} + drift", kind="drift", note=note, fit=None)


PLACES = 300
"""Gaps in which a step is looked for at once; of a longer trace it is looked for again about the best."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the level added to a fit: the first point after it, its height (scaled), its F, the rss.

    `between` are the times of the readings beside it, in spans.
    """

    index: int
    height: float
    gain: float
    rss: float
    between: tuple[float, float]


def _readings_beside(fitted: Fitted, index: int) -> tuple[float, float]:
    """Return the times of the readings between which a level steps, found before point `index`."""
    sample, whole = fitted.sample, fitted.sample.every
    ends = sample.time[[max(index - 4, 0), min(index + 3, sample.n - 1)]]
    first, last = np.searchsorted(whole.time, ends)
    if sample.blocks is None or last - first < 2:
        return float(sample.time[index - 1]), float(sample.time[index])
    near = slice(int(first), int(last) + 1)
    rest = whole.signal[near] - np.interp(whole.time[near], sample.time, sample.signal - fitted.residual)
    away = np.abs(np.cumsum(rest - rest.mean()))[:-1]  # furthest where the level changes
    at = int(first) + int(np.argmax(away))
    return float(whole.time[at]), float(whole.time[at + 1])


def step_in(fitted: Fitted) -> Step | None:
    """Return the step that would improve a fit most, the fit replaced by its tangent; None for few points.

    Three readings at least stand on either side. F has 1 and dof - 1 degrees of freedom at a known place.
    """
    sample, white = fitted.sample, fitted.white
    places = np.arange(3, sample.n - 2)
    if sample.blocks is not None:  # a block begins where its loan does
        places = places[~sample.blocks.lends[places - 1]]
    if places.size < 2 or fitted.dof < 5:
        return None
    columns = white.apply(fitted.jacobian)
    basis = np.linalg.qr(columns[np.any(columns != 0, axis=1)].T)[0]
    rest = white.apply(fitted.residual[None, :])[0]
    rest = rest - basis @ (basis.T @ rest)
    best: Step | None = None
    tried = thinned_out(places, PLACES)
    for _ in range(2):
        steps = white.apply((np.arange(sample.n) >= tried[:, None]).astype(float))
        own = np.einsum("bn,bn->b", steps, steps)
        steps = steps - (steps @ basis) @ basis.T
        length = np.einsum("bn,bn->b", steps, steps)
        along = steps @ rest
        gains = np.where(length > 1e-9 * own, along**2 / np.maximum(length, 1e-290), 0.0)
        i = int(np.argmax(gains))
        left = max(float(rest @ rest + white.hidden) - float(gains[i]), 1e-290)
        height = along[i] / max(length[i], 1e-290)
        between = _readings_beside(fitted, int(tried[i]))
        best = Step(int(tried[i]), float(height), float(gains[i]) / left * (fitted.dof - 1), left, between)
        if tried.size == places.size:
            break
        near = (places >= tried[max(i - 1, 0)]) & (places <= tried[min(i + 1, tried.size - 1)])
        tried = thinned_out(places[near], PLACES)
    return best


def step_contender(single: Fitted, staged: Fitted, *, least: float) -> Contender | None:
    """Return one exponential whose level steps, as a contender; None where it cannot change a verdict.

    Parameters
    ----------
    single, staged : Fitted
        One exponential, and the stages that it stands against.
    least : float
        Smallest F worth a fit.
    """
    sample, ar1 = single.sample, single.correlation is not None
    white = whitening(sample, 0.0)  # a step looks like correlation, which would hide it
    step = step_in(replace(single, white=white))
    rss = float(np.sum(white.apply(staged.residual[None, :]) ** 2) + white.hidden)
    if step is None or step.gain < least or sample.n_read * math.log(step.rss / max(rss, 1e-290)) > SCREEN:
        return None
    column = means_in(sample, (sample.every.time >= step.between[1]).astype(float))
    found = smooth_contenders(
        with_beside(sample, "step", column),
        ar1=ar1,
        offsets=(single.family.with_offset,),
        names=("exponential",),
    )
    if not found:
        return None
    time = np.array(step.between) * sample.span_s + sample.first_s
    k = found[0].n_parameters + 1 + ar1
    place = aicc(0.0, k + 1, sample.n_read) - aicc(0.0, k, sample.n_read)
    return replace(
        found[0],
        model=found[0].model.replace("exponential", f"exponential{STEP}"),
        kind="step",
        n_parameters=found[0].n_parameters + 1,
        aicc=found[0].aicc + place,
        bic=found[0].bic + math.log(sample.n_read),
        parameters={**found[0].parameters, "step from": float(time[0]), "step to": float(time[1])},
        note="the level steps between two readings",
    )
