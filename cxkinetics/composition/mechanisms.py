"""Rival mechanisms for the species, each read through the one mass balance.

A mechanism says how the guests bound are spread over the clusters and when a cluster turns into product.
What it says is one-dimensional (a mean, a time, a free guest), and the mass balance of the sample fixes
where on that line it stands: trapped host T, retained share rho and recovery eta of the product decide
what an incorporation means, and the plateau, taken as full exchange, decides T:

    guests = odds (hosts + T),    T at the plateau = g eta (1 - y_f)/y_f - rho h_0

T may be the same in all samples or change with the dose from a value of its own; product may be lost or
not, released host retained or not, guest adsorbed without exchange, as a share of the guest bound, or not.
Which of these holds is drawn, half and half, like everything that no number fixes. All samples of a table
are washed alike; a sample washed otherwise enters as a wash pair, whose other wash has a T of its own.

Ligands that compete for the guest are no entry of their own: they change the free guest that goes with a
dose, and the dose curve is measured; the spread over the clusters at an incorporation stays that of the
binding, and ligands that leave with each guest are part of its cooperativity alpha. Doped clusters at
random ("digital doping"): Muckel et al. 2016; Yang et al. 2018.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from math import comb, log

import numpy as np
from scipy.special import gammaln

from cxkinetics.arrays import Array, ArrayLike, BoolArray
from cxkinetics.composition import curve as incorporation_map
from cxkinetics.composition.mass_balance import guest_count, host_count, trapped_and_retained_at_plateau
from cxkinetics.composition.occupancy import binding_populations
from cxkinetics.composition.system import MAP_PARAMETERS, Prior, System
from cxkinetics.signals.basis import BASES, basis_kind

_BISECTIONS = 12  # of a range of some 40 in ln s: to 0.01, where the line is nearly straight
_SECANTS = 6
_NODES = 64  # along the incorporation; between them shares are straight to 2e-3
_NEAR = {4: 1e-3, 6: 0.02}  # rates -> relative distance to which equal ones are moved: their form is 0/0
_MOST_STEPS = 6  # longest chain of unequal rates whose closed form keeps four digits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What the units hold.

    Attributes
    ----------
    shares : Array, shape (species, n, g)
        Clusters by number of guests, then the product.
    beyond : Array, shape (n, g)
        Share of clusters with more guests than the system lists; with `shares` they sum to 1.
    beyond_guests : Array, shape (n, g)
        Guests per unit in those.
    loose : Array, shape (n, g)
        Guests per unit taken up without exchange: adsorbed, or more than the clusters hold.
    guests, hosts : Array, shape (n, g)
        Guests, and host cations without the trapped ones, per unit of solid.
    basis : str
        Of incorporations that the state is compared with.
    """

    shares: Array
    beyond: Array
    beyond_guests: Array
    loose: Array
    guests: Array
    hosts: Array
    basis: str = BASES[0]

    def column(self, index: int) -> "State":
        """Return the state at one of the incorporations, without that axis."""
        arrays = (f.name for f in fields(self) if f.name != "basis")
        return replace(self, **{name: getattr(self, name)[..., index] for name in arrays})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A sample to be explained, by draws: rows of parameters (n, 1) and incorporations (n, g)."""

    system: System
    odds: Array  # guests per host counted; 0 on guest/anion
    fixed: Array  # guests per unit, where the basis gives them without the hosts
    trapped: Array
    rho: Array
    eta: Array
    adsorbed: Array  # guests without exchange for each guest bound
    beyond_onset: BoolArray  # whether the incorporation exceeds that of the avalanche dose
    values: Mapping[str, Array]
    at_onset: "Sample | None" = None

    @property
    def hosts(self) -> float:
        """Host cations of a cluster before exchange."""
        return float(self.system.n_hosts)

    @property
    def per_guest(self) -> Array:
        """Host cations that leave the solid for each guest bound."""
        left: Array = (1 - self.rho) / float(self.system.guests_per_host)
        return left

    def mean_bound(self) -> Array:
        """Return the guests per cluster if there is no product."""
        asked = self.odds * (self.hosts + self.trapped) + self.fixed
        mean: Array = asked / (1 + self.adsorbed + self.odds * self.per_guest)
        return mean

    def surplus(self, bound: Array, product: Array, loose: Array | float = 0.0) -> Array:
        """Return the guests per unit that a state holds beyond what the incorporation asks for."""
        guests = (
            bound * (1 + self.adsorbed) + loose + self.system.guests_at_full_exchange * self.eta * product
        )
        kept = (1 - product) * self.hosts - self.per_guest * bound + self.rho * self.hosts * product
        excess: Array = guests - self.odds * (kept + self.trapped) - self.fixed
        return excess

    def conversion(self, bound: Array, loose: Array | float = 0.0) -> Array:
        """Return the product share beside clusters with `bound` guests each (the surplus is linear in it)."""
        without, whole = self.surplus(bound, np.zeros(1), loose), self.surplus(np.zeros(1), np.ones(1))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(whole > without, -without / (whole - without), 0.0)
        return np.clip(share, 0.0, 1.0)


Populations = Callable[[Array, Mapping[str, Array], System], Array]
"""Mean steps of doping, parameters, system -> shares of the clusters listed, shape (clusters, n, g)."""

Line = Callable[[Array, Mapping[str, Array], System], tuple[Array, Array, Array]]
"""ln s, parameters, system -> shares of the clusters listed, guests bound per unit, product share."""


def two_sites(mean: Array, values: Mapping[str, Array], system: System) -> Array:
    """Return the shares at equilibrium over equivalent or cooperative sites."""
    return binding_populations(mean, values["alpha"], system.n_steps)


def _sites(system: System) -> int:
    return int(system.n_hosts * float(system.guests_per_host)) // system.guests_per_step


def at_random(mean: Array, values: Mapping[str, Array], system: System) -> Array:
    """Return the shares of clusters that guests enter at random, whatever is in them already."""
    sites = _sites(system)
    taken = np.clip(mean / sites, 0.0, 1.0)
    return np.stack(
        [comb(sites, k) * taken**k * (1 - taken) ** (sites - k) for k in range(system.n_steps + 1)]
    )


def chain(time: Array, rates: list[Array]) -> Array:
    """Return the shares of the species of an irreversible chain, one per rate, each leaving at its rate.

    Rates that nearly agree are moved apart. Chains of more than `_MOST_STEPS` are filled at equal rates.

    Examples
    --------
    >>> shares = chain(np.array([1.0]), [np.array([1.0]), np.array([1.0])])
    >>> shares[:, 0].round(2).tolist()
    [0.37, 0.37]
    """
    if len(rates) > _MOST_STEPS:
        count = np.arange(len(rates)).reshape(-1, *([1] * time.ndim))
        shares: Array = np.exp(count * np.log(time) - time - gammaln(count + 1))
        return shares
    near = next(distance for most, distance in _NEAR.items() if len(rates) <= most)
    apart: list[Array] = []
    for rate in rates:
        for other in apart:
            rate = np.where(np.abs(rate / other - 1) < near, other * (1 + near), rate)
        apart.append(rate)
    fallen = [np.exp(-rate * time) for rate in apart]
    found, made = [], np.ones_like(apart[0])
    for n, rate in enumerate(apart):
        total = np.zeros_like(time)
        for j in range(n + 1):
            weight = made
            for i in range(n + 1):
                weight = weight / (apart[i] - apart[j]) if i != j else weight
            total = total + weight * fallen[j]
        found.append(total)
        made = made * rate
    return np.clip(np.stack(found), 0.0, 1.0)


def _steps(values: Mapping[str, Array], system: System) -> list[Array]:
    ratio = values["second_step"]
    return [ratio**n for n in range(system.n_steps)]


def _filled(time: Array, values: Mapping[str, Array], system: System) -> Array:
    shares = chain(time, _steps(values, system))
    return np.concatenate([shares, np.maximum(1 - shares.sum(axis=0), 0.0)[None]])


def in_a_row(mean: Array, values: Mapping[str, Array], system: System) -> Array:
    """Return the shares of clusters filled irreversibly, one step after the other, up to the last."""
    counts = np.arange(system.n_steps + 1.0).reshape(-1, *([1] * mean.ndim))

    def bound(ln_time: Array) -> Array:
        total: Array = np.sum(counts * _filled(np.exp(ln_time), values, system), axis=0) - mean
        return total

    shares = _filled(np.exp(_root(bound, -15.0, 9.0, mean)), values, system)
    full = mean >= system.n_steps
    last = (counts == system.n_steps).astype(float)
    return np.where(full, last, shares)


def _root(rising: Callable[[Array], Array], low: float, high: float, like: Array) -> Array:
    below, above = np.full_like(like, low), np.full_like(like, high)
    for _ in range(_BISECTIONS):
        middle = (below + above) / 2
        short = rising(middle) < 0
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    left, right = rising(below), rising(above)
    for _ in range(_SECANTS):
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.clip(np.nan_to_num(left / (left - right), nan=0.5), 0.0, 1.0)
        middle = below + part * (above - below)
        value = rising(middle)
        short = value < 0
        # Illinois: an end that stays counts half, so that both ends close in
        left, right = np.where(short, value, left / 2), np.where(short, right / 2, value)
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return np.where(np.abs(left) < np.abs(right), below, above)


def third_step(ln_s: Array, values: Mapping[str, Array], system: System) -> tuple[Array, Array, Array]:
    """Return an irreversible chain whose last cluster turns into product at the rate of a further guest."""
    rates = _steps(values, system)
    shares = chain(np.exp(ln_s), [*rates, rates[-1] * values["third_step"]])
    return _listed(shares, system)


def random_avalanche(ln_s: Array, values: Mapping[str, Array], system: System) -> tuple[Array, Array, Array]:
    """Return guests that arrive at random, the first beyond the last listed cluster making product."""
    count = np.arange(system.n_steps + 1.0).reshape(-1, *([1] * ln_s.ndim))
    return _listed(np.exp(count * ln_s - np.exp(ln_s) - gammaln(count + 1)), system)


def _listed(shares: Array, system: System) -> tuple[Array, Array, Array]:
    counts = np.array(system.dopant_counts, dtype=float).reshape(-1, *([1] * (shares.ndim - 1)))
    return shares, np.sum(counts * shares, axis=0), np.maximum(1 - shares.sum(axis=0), 0.0)


def sequential(ln_s: Array, values: Mapping[str, Array], system: System) -> tuple[Array, Array, Array]:
    """Return sequential binding; the last cluster turns into product with a Hill-like power of free guest."""
    n = system.n_steps
    ln_weight = [
        np.log(comb(n, k)) + k * (k - 1) / 2 * np.log(values["alpha"]) + k * ln_s for k in range(n + 1)
    ]
    ln_weight.append(ln_weight[-1] + values["steepness"] * (ln_s - np.log(values["onset"])))
    shape = np.broadcast_shapes(*(w.shape for w in ln_weight))
    weight = np.stack([np.broadcast_to(w, shape) for w in ln_weight])
    weight = np.exp(weight - weight.max(axis=0))
    return _listed((weight / weight.sum(axis=0))[:-1], system)


def two_state(ln_s: Array, values: Mapping[str, Array], system: System) -> tuple[Array, Array, Array]:
    """Return clusters doped at random that switch as a whole between two states, one of them the product."""
    with np.errstate(over="ignore"):
        ratio = np.exp(np.clip(values["steepness"] * (ln_s - np.log(values["onset"] / 34)), -600, 600))
    sites, product = _sites(system), ratio / (1 + ratio)
    mean = sites / (1 + np.exp(-ln_s))
    shares = at_random(mean, values, system) * (1 - product)
    return shares, mean * system.guests_per_step * (1 - product), product


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One mechanism: its key, what it says, and either populations up to a cap or a whole line.

    `until_avalanche`: clusters keep the composition that they have at the avalanche dose, and product
    forms beyond it alone; else product forms once the last listed cluster is full. `parameters`: those
    that it has beside the mass balance.
    """

    key: str
    text: str
    parameters: tuple[str, ...] = ()
    populations: Populations | None = None
    line: Line | None = None
    until_avalanche: bool = False
    capped: bool = True


MECHANISMS = (
    Mechanism("two-site", "equilibrium over sites, with a cap", ("alpha",), two_sites),
    Mechanism("consecutive", "irreversible filling, with a cap", ("second_step",), in_a_row),
    Mechanism(
        "third-step",
        "irreversible filling, a slow further step",
        ("second_step", "third_step"),
        None,
        third_step,
    ),
    Mechanism("random", "guests at random, doped clusters stay", (), at_random, None, True, False),
    Mechanism("random-avalanche", "guests at random, one too many makes product", (), None, random_avalanche),
    Mechanism(
        "sequential",
        "sequential binding with a Hill-like avalanche",
        ("alpha", "onset", "steepness"),
        None,
        sequential,
    ),
    Mechanism("two-state", "clusters switch as a whole", ("onset", "steepness"), None, two_state),
    Mechanism("nucleation", "product nucleates above a threshold", ("alpha",), two_sites, None, True),
)
KEYS = tuple(mechanism.key for mechanism in MECHANISMS)
_WITHOUT_PRODUCT = ("two-site", "consecutive", "random")

_SWITCH = {"distribution": "uniform", "parameters": (-1.0, 1.0), "bounds": (-1.0, 1.0)}
SPECIES_PRIORS = {
    name: Prior(name=name, note=note, **stated)  # type: ignore[arg-type]
    for name, note, stated in (
        (
            "second_step",
            "rate of each further step over the one before: a factor of 3 either way",
            {"distribution": "lognormal", "parameters": (0.0, log(3)), "bounds": (0.0, 100.0)},
        ),
        (
            "third_step",
            "rate of the step that makes product over the one before: 1/300 and a factor of 10 either way",
            {"distribution": "lognormal", "parameters": (log(1 / 300), log(10)), "bounds": (0.0, 0.3)},
        ),
        (
            "onset",
            "free guest at which the product weighs as much as a full cluster",
            {"distribution": "lognormal", "parameters": (log(10), log(5)), "bounds": (0.0, 1e6)},
        ),
        (
            "steepness",
            "power of free guest with which the product rises",
            {"distribution": "lognormal", "parameters": (log(8), log(2.5)), "bounds": (0.5, 60.0)},
        ),
        ("trend", "0 or less: the trapped host is the same everywhere, else it changes with dose", _SWITCH),
        ("loss", "0 or less: no product is lost, else the share eta is recovered", _SWITCH),
        ("retention", "0 or less: no released host is retained, else the share rho", _SWITCH),
        (
            "adsorbed",
            "guest taken up without exchange for each guest bound in clusters; 0 or less: none",
            {"distribution": "uniform", "parameters": (-0.3, 0.3), "bounds": (-0.3, 0.3)},
        ),
        (
            "mechanism",
            "all mechanisms alike before the measurements",
            {"distribution": "uniform", "parameters": (0.0, 1.0), "bounds": (0.0, 1.0)},
        ),
    )
}
"""Priors of what the mechanisms add; chosen here, none is published."""


def possible_keys(system: System) -> tuple[str, ...]:
    """Return the mechanisms that a system can follow: a solid solution has none that makes product.

    Examples
    --------
    >>> possible_keys(System(host="Cd34S33", guest="Zn", product="ZnS", max_guests=2, avalanche=False))
    ('two-site', 'consecutive', 'random')
    """
    return KEYS if system.avalanche else _WITHOUT_PRODUCT


def _columns(values: Mapping[str, Array], names: tuple[str, ...]) -> dict[str, Array]:
    return {name: values[name][:, None] for name in names if name in values}


def trapped_host(
    system: System, basis: str, values: Mapping[str, Array], y: Array
) -> tuple[Array, Array, Array]:
    """Return T at incorporations (n, g), with rho and eta (n, 1) as the draws have them."""
    at = _columns(values, tuple(values))
    eta, rho = np.where(at["loss"] > 0, at["eta"], 1.0), np.where(at["retention"] > 0, at["rho"], 0.0)
    if basis_kind(basis) == BASES[2]:  # the plateau counts the guests of full exchange themselves
        return np.zeros_like(y), rho, at["y_f"] / 100 * system.n_anions / system.guests_at_full_exchange
    if not system.avalanche:  # no plateau is full exchange: the trapped host is what its prior says
        return np.broadcast_to(at["T"], y.shape), rho, eta
    top = np.minimum(at["y_f"], 99.9) if basis_kind(basis) == BASES[0] else at["y_f"]
    both = np.maximum(trapped_and_retained_at_plateau(system, top, eta=eta, basis=basis), 0.0)
    rho = rho * np.minimum(1.0, both / system.n_hosts)  # no more host is retained than the plateau shows
    last = both - rho * system.n_hosts
    curve = {name: at[name] for name in MAP_PARAMETERS}
    saturation = incorporation_map.saturation_dose(*curve.values())
    with np.errstate(divide="ignore", invalid="ignore"):
        first = curve["b1"] * curve["D1"]
        dose = np.where(y < first, y / curve["b1"], curve["D1"] + (y - first) / curve["b2"])
        way = np.clip(np.nan_to_num(dose / saturation, nan=1.0), 0.0, 1.0)
    changes = (at["T"] - last) * (1 - way ** (4.0 ** (2 * at["trend"] - 1)))
    return np.where(at["trend"] > 0, last + changes, last), rho, eta


def _sample(
    system: System, basis: str, values: Mapping[str, Array], y: Array, *, onset: bool = True
) -> Sample:
    trapped, rho, eta = trapped_host(system, basis, values, y)
    part = np.clip(y / 100, 0.0, None)
    kind = basis_kind(basis)
    by_anion = kind == BASES[2]
    odds = np.zeros_like(part) if by_anion else part
    if kind == BASES[0]:
        odds = part / np.maximum(1 - part, 1e-9)
    first = (values["b1"] * values["D1"])[:, None]
    return Sample(
        system=system,
        odds=odds,
        fixed=part * system.n_anions if by_anion else np.zeros_like(part),
        trapped=trapped,
        rho=rho,
        eta=eta,
        adsorbed=np.maximum(values.get("adsorbed", np.zeros(y.shape[0])), 0.0)[:, None],
        beyond_onset=y > first,
        values=_columns(values, ("alpha", "second_step", "third_step", "onset", "steepness")),
        at_onset=_sample(system, basis, values, first, onset=False) if onset else None,
    )


def state_of_shares(system: System, shares: ArrayLike) -> State:
    """Return the state of shares (species, n) that hold no other clusters and lose or retain nothing."""
    known = np.asarray(shares, dtype=float)
    none = np.zeros(known.shape[1:])
    return State(
        shares=known,
        beyond=none,
        beyond_guests=none,
        loose=none,
        guests=guest_count(system, known),
        hosts=host_count(system, known),
    )


_Read = tuple[Array, Array, Array]


def read_shares(system: System, basis: str, values: Mapping[str, Array], y: Array) -> _Read:
    """Return shares of the species listed, guests bound and guests loose, as `read_state` reads them."""
    shares = np.zeros((system.n_steps + 2, *y.shape))
    bound, loose = np.zeros(y.shape), np.zeros(y.shape)
    for code, mechanism in enumerate(MECHANISMS):
        rows = np.flatnonzero(values["mechanism"] == code)
        if rows.size:
            own = {name: draws[rows] for name, draws in values.items()}
            shares[:, rows], bound[rows], loose[rows] = _of_rows(mechanism, system, basis, own, y[rows])
    bare = y <= 0
    shares[0, bare], shares[1:, bare], bound[bare], loose[bare] = 1.0, 0.0, 0.0, 0.0
    return shares, bound, loose


def read_state(system: System, basis: str, values: Mapping[str, Array], y: Array) -> State:
    """Return the state of every draw at incorporations (n, g), each by the mechanism of its draw.

    Parameters
    ----------
    system : System
    basis : str
        Of the incorporations.
    values : mapping of str to Array, shape (n,)
        Parameters; "mechanism" holds positions in `MECHANISMS`.
    y : Array, shape (n, g)
        Incorporations, percent.
    """
    shares, bound, loose = read_shares(system, basis, values, y)
    counts = np.array(system.dopant_counts, dtype=float)[:, None, None]
    beyond = np.maximum(1 - shares.sum(axis=0), 0.0)
    beyond[beyond < 1e-9] = 0.0
    held = np.where(beyond > 0, np.maximum(bound - np.sum(counts * shares[:-1], axis=0), 0.0), 0.0)
    _, rho, eta = trapped_host(system, basis, values, y)
    left, product = (1 - rho) / float(system.guests_per_host), shares[-1]
    return State(
        shares=shares,
        beyond=beyond,
        beyond_guests=held,
        loose=loose,
        guests=bound + loose + system.guests_at_full_exchange * eta * product,
        hosts=system.n_hosts * (1 - product + rho * product) - left * bound,
        basis=basis,
    )


def _of_rows(mechanism: Mechanism, system: System, basis: str, own: Mapping[str, Array], y: Array) -> _Read:
    if mechanism.populations is not None and mechanism.populations is not in_a_row:
        return _capped(mechanism, _sample(system, basis, own, y))
    whole = _capped if mechanism.line is None else _along
    if y.shape[1] <= _NODES:
        return whole(mechanism, _sample(system, basis, own, y))
    nodes = np.maximum(y.max(axis=1, keepdims=True), own["y_f"][:, None])
    nodes = nodes * np.linspace(0, 1, _NODES) ** 2  # finest where clusters fill
    shares, bound, loose = whole(mechanism, _sample(system, basis, own, nodes))
    table = np.concatenate([shares, bound[None], loose[None]])
    place = np.sqrt(np.clip(y / nodes[:, -1:], 0.0, 1.0)) * (_NODES - 1)
    left = np.minimum(place.astype(int), _NODES - 2)
    rows = np.arange(y.shape[0])[:, None]
    below, above = nodes[rows, left], nodes[rows, left + 1]
    part = np.clip((y - below) / np.maximum(above - below, 1e-300), 0.0, 1.0)
    read = table[:, rows, left] * (1 - part) + table[:, rows, left + 1] * part
    return read[:-2], read[-2], read[-1]


def _capped(mechanism: Mechanism, sample: Sample) -> _Read:
    """Return clusters that fill up to a cap or to the avalanche dose, then clusters beside product."""
    assert mechanism.populations is not None
    system, step = sample.system, sample.system.guests_per_step
    most = float(system.most_guests) if mechanism.capped else float(_sites(system) * step)
    mean, loose = sample.mean_bound(), np.zeros_like(sample.odds)
    bound = np.clip(mean, 0.0, most)
    if not system.avalanche:
        loose = np.maximum(-sample.surplus(bound, np.zeros(1)), 0.0)
        shares = mechanism.populations(bound / step, sample.values, system)
        return np.concatenate([shares, np.zeros_like(bound)[None]]), bound, loose + sample.adsorbed * bound
    product = np.where(mean > most, sample.conversion(np.full((1, 1), most)), 0.0)
    if mechanism.until_avalanche:
        assert sample.at_onset is not None
        last = np.clip(sample.at_onset.mean_bound(), 0.0, most)
        spare = np.maximum(-sample.at_onset.surplus(last, np.zeros(1)), 0.0)
        product = np.where(sample.beyond_onset, sample.conversion(last, spare), 0.0)
        bound = np.where(sample.beyond_onset, last, bound)
        loose = np.maximum(-sample.surplus(bound, np.zeros(1)), 0.0)
        loose = np.where(sample.beyond_onset, spare, loose) * (1 - product)
    clusters = mechanism.populations(bound / step, sample.values, system) * (1 - product)
    bound = bound * (1 - product)
    return np.concatenate([clusters, product[None]]), bound, loose + sample.adsorbed * bound


def _along(mechanism: Mechanism, sample: Sample) -> _Read:
    """Return the point of a mechanism's line at which the mass balance is met."""
    line = mechanism.line
    assert line is not None

    def surplus(ln_s: Array) -> Array:
        _, bound, product = line(ln_s, sample.values, sample.system)
        return sample.surplus(bound, product)

    shares, bound, product = line(_root(surplus, -16.0, 26.0, sample.odds), sample.values, sample.system)
    return np.concatenate([shares, product[None]]), bound, sample.adsorbed * bound
