"""Draws of everything, weighed by what was measured: the one likelihood behind all predictions.

Draws of the dose curve (from the user's table, or the documented priors) are joined with draws of the
sample (trapped host, recovery, retention) and of the chemistry (mechanism and its constants), as many for
each mechanism, and weighed by how well they explain every measurement; where few of them count, more are
drawn. What was published of a system's own samples informs the constants of its chemistry for everybody,
with one part in ten left to another chemistry; its trapped host and its wash inform nobody else's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2

from cxkinetics.arrays import Array, IntArray
from cxkinetics.composition.draws import DEFAULT_SEED, MechanismWeight, ParameterDraws, prior_draws
from cxkinetics.composition.measurements import Measurement, incorporation_of, measurements_of
from cxkinetics.composition.mechanisms import (
    KEYS,
    MECHANISMS,
    SPECIES_PRIORS,
    possible_keys,
    read_shares,
    read_state,
)
from cxkinetics.composition.system import Prior, System
from cxkinetics.errors import FitError, UsageError
from cxkinetics.record import json_text
from cxkinetics.remarks import Remark

_OF_SAMPLE = ("T", "rho", "eta", "phi", "trend", "loss", "retention")
_OF_CHEMISTRY = ("mechanism", "alpha", "second_step", "third_step", "onset", "steepness")
_POOL = 1500  # draws for each mechanism
_ROUNDS = 4
_ENOUGH = 400.0
_KNOWN = 48000  # draws of a published chemistry: drawn once, and any part of it may count
_BINS = 8
_CHEMISTRY, _CHEMISTRY_BINS = "chemistry", 64
_EVERYWHERE = 0.3  # of every proposal, so that nothing that the first draws missed is lost
_OTHER_CHEMISTRY = 0.1
_FEWEST = 20  # draws of one mechanism for an answer by it alone
_EXCLUDED = 0.01  # chance of its misfit below which a mechanism counts as excluded
_COUNTS = 0.05  # weight from which a mechanism counts as not told apart
ALL = "all"
"""Mechanism: all of them, by their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A pool of draws, ln of the weight of each, and ln of the likelihood of the measurements alone."""

    values: Mapping[str, Array]
    uniforms: Mapping[str, Array]
    log: Array
    fit: Array | None = None

    @property
    def effective(self) -> float:
        """Effective number of draws."""
        return float(np.exp(2 * logsumexp(self.log) - logsumexp(2 * self.log)))

    def beside(self, other: "Weighed") -> "Weighed":
        """Return the draws of both pools."""
        joint = {
            name: {key: np.concatenate([column, getattr(other, name)[key]]) for key, column in mine.items()}
            for name, mine in (("values", self.values), ("uniforms", self.uniforms))
        }
        assert self.fit is not None
        assert other.fit is not None
        return Weighed(
            **joint, log=np.concatenate([self.log, other.log]), fit=np.concatenate([self.fit, other.fit])
        )

    def resampled(self, count: int, rng: np.random.Generator) -> IntArray:
        """Return the rows of `count` draws of equal weight."""
        weight = np.exp(self.log - logsumexp(self.log))
        at = (np.arange(count) + rng.random()) / count
        rows = np.minimum(np.searchsorted(np.cumsum(weight), at), weight.size - 1)
        return rng.permutation(rows)


def mechanism_keys(mechanism: str, system: System) -> tuple[str, ...]:
    """Return the mechanisms that a word asks for, of those that a system can follow.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> silver = System(host="Cd34S33", guest="Ag", product="Ag2S", max_guests=2)
    >>> mechanism_keys("two-site", silver)
    ('two-site',)
    """
    known = possible_keys(system)
    if mechanism == ALL:
        return known
    if mechanism not in known:
        solid = f" ({system.name} is a solid solution, without product)" if mechanism in KEYS else ""
        raise UsageError(f"mechanism is {mechanism!r}{solid}; use {ALL} or one of {', '.join(known)}")
    return (mechanism,)


def joined(
    draws: ParameterDraws,
    rng: np.random.Generator,
    *,
    mechanism: str = ALL,
    measured: Sequence[Measurement] = (),
    n_draws: int | None = None,
) -> ParameterDraws:
    """Return draws of curve, sample and chemistry that obey what was measured.

    Parameters
    ----------
    draws : ParameterDraws
        Of the dose curve, with the priors of the sample.
    rng : numpy.random.Generator
    mechanism : str
        "all", or the one to believe.
    measured : sequence
        Of the same samples.
    n_draws : int, optional
        Draws returned; as many as came by default.

    Raises
    ------
    FitError
        If no draw explains the measurements.
    """
    system, count = draws.system, n_draws or draws.n_draws
    keys = mechanism_keys(mechanism, system)
    published = measurements_of(system.published, system.name)
    own = draws.own_samples
    chemistry = None
    if published and not own:
        chemistry = _published_chemistry(system, draws.basis, keys)
    everything = (*published, *measured) if own else tuple(measured)
    rows: IntArray
    if everything:
        pool = _weighed_pool(draws, keys, everything, chemistry, rng)
        rows = pool.resampled(count, rng)
    else:
        pool = _pool(draws, keys, count, chemistry, rng)
        rows = np.arange(count, dtype=np.intp)
    values = {name: column[rows] for name, column in pool.values.items()}
    numbers = sum(item.numbers for item in everything)
    out = ("y2", "y_on", _CHEMISTRY)  # where stages begin follows from the mass balance
    return replace(
        draws,
        values={name: column for name, column in values.items() if name not in out},
        priors={n: p for n, p in {**draws.priors, **SPECIES_PRIORS}.items() if n not in out},
        uniforms={n: column[rows] for n, column in pool.uniforms.items() if n not in (*out, "mechanism")},
        mechanisms=_weights(pool, keys, numbers),
        effective_draws=pool.effective if everything else None,
    )


_CHEMISTRIES: dict[tuple[str, str, tuple[str, ...]], Mapping[str, Array]] = {}


def _published_chemistry(system: System, basis: str, keys: tuple[str, ...]) -> Mapping[str, Array]:
    """Return draws of the constants of the chemistry, from what was published of the system's own samples.

    They are the same for every user, so they are drawn once, many of them, and stand in order: what
    other measurements like lies together.
    """
    place = (json_text(system.to_dict()), basis, keys)
    if place in _CHEMISTRIES:
        return _CHEMISTRIES[place]
    rng = np.random.default_rng(DEFAULT_SEED)
    own = prior_draws(system, basis, _KNOWN, rng, DEFAULT_SEED)
    published = measurements_of(system.published, system.name)
    pool = _weighed_pool(own, keys, published, None, rng, size=_KNOWN, enough=_KNOWN / 4)
    rows = pool.resampled(_KNOWN, rng)
    other = rng.random(_KNOWN) < _OTHER_CHEMISTRY
    wide = _pool(own, keys, _KNOWN, None, rng).values
    found = {name: np.where(other, wide[name], pool.values[name][rows]) for name in _OF_CHEMISTRY}
    of_sites = np.isin(found["mechanism"], [k for k, m in enumerate(MECHANISMS) if "alpha" in m.parameters])
    order = np.lexsort((np.where(of_sites, found["alpha"], found["second_step"]), found["mechanism"]))
    _CHEMISTRIES[place] = {name: column[order] for name, column in found.items()}
    return _CHEMISTRIES[place]


def _weighed_pool(
    draws: ParameterDraws,
    keys: tuple[str, ...],
    measured: Sequence[Measurement],
    chemistry: Mapping[str, Array] | None,
    rng: np.random.Generator,
    *,
    size: int | None = None,
    enough: float = _ENOUGH,
) -> Weighed:
    """Return a pool in which enough draws count, or as many as some rounds of better proposals give."""
    proposals: dict[str, Array] = {}
    size = _POOL * len(keys) if size is None else size
    pool = _weighed(_pool(draws, keys, size, chemistry, rng, proposals=proposals), draws, measured)
    for _ in range(_ROUNDS):
        if pool.effective >= enough or not np.isfinite(pool.log).any():
            break
        proposals = _learned(pool)
        before, pool = (
            pool,
            _weighed(_pool(draws, keys, size, chemistry, rng, proposals=proposals), draws, measured),
        )
        pool = max((pool, before.beside(pool)), key=lambda found: found.effective)
    if not np.isfinite(pool.log).any():
        raise FitError(
            f"the measurements and the priors exclude each other: none of {pool.log.size} draws explains "
            "them; check the units and errors of the measurements"
        )
    return pool


def _pool(
    draws: ParameterDraws,
    keys: tuple[str, ...],
    total: int,
    chemistry: Mapping[str, Array] | None,
    rng: np.random.Generator,
    *,
    proposals: Mapping[str, Array] = MappingProxyType({}),
) -> Weighed:
    """Return draws of everything; where a histogram is proposed for a uniform, the weight undoes it."""
    drawn: dict[str, Prior] = {n: p for n, p in draws.priors.items() if n in (*_OF_SAMPLE, *_OF_CHEMISTRY)}
    drawn |= SPECIES_PRIORS
    if chemistry is not None:
        drawn = {name: prior for name, prior in drawn.items() if name not in chemistry}
    uniforms, log = {}, np.zeros(total)
    for name in (*drawn, *(() if chemistry is None else (_CHEMISTRY,))):
        spread = proposals.get(name, np.ones(1))
        bins = (rng.permutation(total) + rng.random(total)) / total  # one in each of as many equal slices
        edges = np.concatenate([[0.0], np.cumsum(spread) / spread.sum()])
        uniforms[name] = np.interp(bins, edges, np.linspace(0, 1, edges.size))
        at = np.minimum((uniforms[name] * spread.size).astype(int), spread.size - 1)
        log -= np.log(spread[at] * spread.size / spread.sum())
    values = {name: prior.quantile(uniforms[name]) for name, prior in drawn.items()}
    if chemistry is None:
        codes = np.array([KEYS.index(key) for key in keys], dtype=float)
        place = (uniforms["mechanism"] * codes.size).astype(int)
        values["mechanism"] = codes[np.minimum(place, codes.size - 1)]
    else:
        rows = (uniforms[_CHEMISTRY] * chemistry["mechanism"].size).astype(int)
        values |= {name: column[rows] for name, column in chemistry.items()}
    rows = rng.permutation(total) % draws.n_draws
    values |= {name: column[rows] for name, column in draws.values.items() if name not in values}
    uniforms |= {name: column[rows] for name, column in draws.uniforms.items() if name not in values}
    return Weighed(values=values, uniforms=uniforms, log=log)


def _learned(pool: Weighed) -> dict[str, Array]:
    """Return histograms of the uniforms of the draws that count, a part left everywhere."""
    weight = np.exp(pool.log - logsumexp(pool.log))
    histograms = {}
    for name, uniform in pool.uniforms.items():
        bins = _CHEMISTRY_BINS if name == _CHEMISTRY else _BINS
        found = np.histogram(uniform, bins=bins, range=(0, 1), weights=weight)[0]
        histograms[name] = (1 - _EVERYWHERE) * found / found.sum() + _EVERYWHERE / bins
    return histograms


def _weighed(pool: Weighed, draws: ParameterDraws, measured: Sequence[Measurement]) -> Weighed:
    places = [(item.incorporation_percent, item.dose_percent) for item in measured]
    distinct = list(dict.fromkeys(places))  # several may be of one sample, which is read once
    y = np.stack([incorporation_of(measured[places.index(at)], pool.values) for at in distinct], axis=1)
    state = read_state(draws.system, draws.basis, pool.values, y)
    columns = [state.column(k) for k in range(len(distinct))]
    each = [
        item.log_likelihood(columns[distinct.index(at)], draws.system)
        for item, at in zip(measured, places, strict=True)
    ]
    fit = np.sum(each, axis=0)
    return replace(pool, log=pool.log + fit, fit=fit)


def _weights(pool: Weighed, keys: tuple[str, ...], numbers: int) -> tuple[MechanismWeight, ...]:
    """Return weight, weight without priors and predictive check of every mechanism."""
    codes = pool.values["mechanism"]
    mine = {key: codes == KEYS.index(key) for key in keys}
    whole = logsumexp(pool.log)
    fit = np.zeros(codes.size) if pool.fit is None else pool.fit
    best = {key: float(fit[rows].max()) if rows.any() else -np.inf for key, rows in mine.items()}
    penalty = {m.key: len(m.parameters) for m in MECHANISMS}
    scores = {key: best[key] - penalty[key] for key in keys}
    highest = logsumexp(list(scores.values()))
    found = []
    for key in keys:
        misfit = -2 * best[key]
        found.append(
            MechanismWeight(
                mechanism=key,
                weight=float(np.exp(logsumexp(pool.log[mine[key]]) - whole)) if mine[key].any() else 0.0,
                weight_without_priors=float(np.exp(scores[key] - highest)) if numbers else None,
                misfit=misfit if numbers and np.isfinite(misfit) else None,
                numbers=numbers,
                p_value=float(chi2.sf(misfit, numbers)) if numbers else None,
            )
        )
    return tuple(found)


def of_mechanism(draws: ParameterDraws, mechanism: str) -> ParameterDraws:
    """Return the draws of one mechanism alone, or all of them.

    Raises
    ------
    UsageError
        If no draw has that mechanism.
    """
    keys = mechanism_keys(mechanism, draws.system)
    if mechanism == ALL:
        return draws
    codes = draws.values.get("mechanism", np.empty(0))
    rows = np.flatnonzero(codes == KEYS.index(keys[0]))
    if rows.size < _FEWEST:
        raise UsageError(
            f"{rows.size} of {draws.n_draws} draws have the mechanism {mechanism}; at least {_FEWEST} are "
            "needed: pass the mechanism where the draws are made"
        )
    return draws.rows(np.resize(rows, draws.n_draws))


def same_publication(note: str, source: str) -> bool:
    """Return whether both name the same DOI.

    Examples
    --------
    >>> same_publication("Table I, doi 10.1063/5.0151904", "doi 10.1063/5.0151904")
    True
    """
    dois = [set(re.findall(r"10\.\d{4,}/[\w.]+\w", text)) for text in (note, source)]
    return bool(dois[0] & dois[1])


def untold(draws: ParameterDraws) -> Remark | None:
    """Return which mechanisms the data exclude, which are left, and the measurement that decides best.

    That is a mass spectrum at the incorporation where the species of those left differ most.
    """
    known = [w for w in draws.mechanisms if w.weight > 0 or w.p_value is not None]
    excluded = [w.mechanism for w in known if w.p_value is not None and w.p_value < _EXCLUDED]
    left = [w.mechanism for w in draws.mechanisms if w.weight >= _COUNTS]
    words = [f"the measurements exclude {', '.join(excluded)}"] if excluded else []
    if len(left) > 1:
        at = _telling_incorporation(draws, left)
        by = "" if draws.effective_draws is not None else " by the incorporation alone"
        tell = f"{', '.join(left)} cannot be told apart{by}"
        if at is not None:
            tell += f"; a mass spectrum at an incorporation of about {at:.2g} % decides"
        words.append(tell)
    return Remark("mechanisms", f"mechanisms: {'; '.join(words)}") if words else None


def _telling_incorporation(draws: ParameterDraws, left: Sequence[str]) -> float | None:
    few = draws.first(min(draws.n_draws, 1000))
    first = float(np.median(few.values["b1"] * few.values["D1"]))
    places = first * (np.arange(24) + 1) / 24
    y = np.broadcast_to(places, (few.n_draws, places.size))
    shares = read_shares(few.system, few.basis, few.values, y)[0]
    rows = [few.values["mechanism"] == KEYS.index(key) for key in left]
    means = [shares[:, own].mean(axis=1) for own in rows if own.sum() >= 10]
    if len(means) < 2:
        return None
    return float(places[np.argmax(np.ptp(np.stack(means), axis=0).sum(axis=0))])
